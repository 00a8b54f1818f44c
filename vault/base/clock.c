#include "vault/base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SECOND = 1000000, SHANGHAI = 8 * 3600 };

static _Atomic int64_t test_clock; /* 0: the real one */

static int64_t read_clock(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    int64_t set = atomic_load_explicit(&test_clock, memory_order_relaxed);
    return set ? set : read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_work_us(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void clock_set_for_test(int64_t wall_us)
{
    atomic_store(&test_clock, wall_us);
}

static int64_t floor_seconds(int64_t us)
{
    return us / SECOND - (us % SECOND < 0);
}

uint32_t clock_shanghai_date(int64_t us)
{
    time_t seconds = (time_t)(floor_seconds(us) + SHANGHAI);
    struct tm day;
    gmtime_r(&seconds, &day);
    return (uint32_t)((day.tm_year + 1900) * 10000 + (day.tm_mon + 1) * 100 + day.tm_mday);
}

uint16_t clock_shanghai_minute(int64_t us)
{
    enum { DAY = 86400 };
    int64_t second = (floor_seconds(us) + SHANGHAI) % DAY;
    return (uint16_t)((second < 0 ? second + DAY : second) / 60);
}

void clock_format(char out[32], int64_t us)
{
    time_t seconds = (time_t)floor_seconds(us);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t len = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    unsigned fraction = (unsigned)(us - floor_seconds(us) * SECOND);
    snprintf(out + len, 32 - len, ".%06uZ", fraction % SECOND);
}

/* `width` digits at *at as a number up to `most`; moves on. Anything else gives false. */
static bool digits(const char **at, int width, int most, int *out)
{
    int value = 0;
    for (int i = 0; i < width; i++, (*at)++) {
        if (**at < '0' || **at > '9') return false;
        value = value * 10 + (**at - '0');
    }
    *out = value;
    return value <= most;
}

static bool letter(const char **at, char wanted)
{
    if (**at != wanted) return false;
    (*at)++;
    return true;
}

/* Up to nine digits after a point; those past the microsecond are cut. */
static bool fraction(const char **at, int *us)
{
    *us = 0;
    if (**at != '.') return true;
    (*at)++;
    int count = 0, scale = SECOND / 10, digit = 0;
    for (; count < 9 && **at >= '0' && **at <= '9'; count++, scale /= 10) {
        if (!digits(at, 1, 9, &digit)) return false;
        *us += digit * scale;
    }
    return count > 0;
}

static bool zone(const char **at, int *seconds)
{
    *seconds = 0;
    if (letter(at, 'Z')) return true;
    int sign = **at == '+' ? 1 : -1, hours, minutes;
    if (!letter(at, '+') && !letter(at, '-')) return false;
    if (!digits(at, 2, 23, &hours) || !letter(at, ':') || !digits(at, 2, 59, &minutes)) return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool date_and_time(const char **at, struct tm *t)
{
    if (!digits(at, 4, 9999, &t->tm_year) || !letter(at, '-') || !digits(at, 2, 12, &t->tm_mon) || !letter(at, '-') ||
        !digits(at, 2, 31, &t->tm_mday) || !letter(at, 'T') || !digits(at, 2, 23, &t->tm_hour) || !letter(at, ':') ||
        !digits(at, 2, 59, &t->tm_min) || !letter(at, ':') || !digits(at, 2, 59, &t->tm_sec)) {
        return false;
    }
    t->tm_year -= 1900;
    t->tm_mon -= 1;
    return true;
}

int64_t clock_parse(const char *rfc3339)
{
    const char *at = rfc3339;
    struct tm t = {0};
    int us, offset;
    if (!date_and_time(&at, &t) || !fraction(&at, &us) || !zone(&at, &offset) || *at) return -1;
    struct tm canonical = t; /* timegm mends 31 February; we refuse it */
    time_t seconds = timegm(&canonical);
    if (canonical.tm_mday != t.tm_mday || canonical.tm_mon != t.tm_mon) return -1;
    int64_t result = ((int64_t)seconds - offset) * SECOND + us;
    return result < 0 ? -1 : result;
}

/* Days and hours. */
#include "policy/load.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>

enum { DAYS = 7, DAY_MINUTES = 24 * 60, WEEKS_MAX = UINT16_MAX, WEEKS_START = 16, SPANS_MAX = 100 };

vault_code read_days(loader *l, uint32_t *from, uint32_t *until, json_t *valid)
{
    const char *first = json_string_value(json_object_get(valid, "from"));
    const char *last = json_string_value(json_object_get(valid, "until"));
    if (!date_read(from, first)) return refuse(l, "valid.from", "'%s' is not a date like 2026-01-31", cut(first).text);
    if (!date_read(until, last)) return refuse(l, "valid.until", "'%s' is not a date like 2026-12-31", cut(last).text);
    if (*from > *until) return refuse(l, "valid", "ends (until) before it begins (from)");
    return VAULT_OK;
}

/* ---- hours ---- */

static bool digits(unsigned *out, const char *text, unsigned most)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return false;
    *out = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    return *out <= most;
}

/* "08:30"; with `ends` also "24:00". */
static bool read_minute(unsigned *out, const char *text, bool ends)
{
    unsigned hour, minute;
    if (strlen(text) != 5 || text[2] != ':' || !digits(&hour, text, 24) || !digits(&minute, text + 3, 59)) return false;
    *out = hour * 60 + minute;
    return *out < DAY_MINUTES || (ends && *out == DAY_MINUTES);
}

typedef struct span {
    unsigned from, until; /* minutes of the day on which it begins; until: behind the last, up to two days */
} span;

static vault_code read_span(loader *l, span *out, const char *key, const char *from, const char *until)
{
    if (!read_minute(&out->from, from, false)) return refuse(l, key, "'%s' is not an hour like 08:30", cut(from).text);
    if (!read_minute(&out->until, until, true))
        return refuse(l, key, "'%s' is not an hour like 17:30, or 24:00", cut(until).text);
    if (out->from == out->until) return refuse(l, key, "ends when it begins: a whole day is 00:00 to 24:00");
    if (out->until < out->from) out->until += DAY_MINUTES;
    return VAULT_OK;
}

/* False when one of its minutes stands already. */
static bool add_span(week *out, unsigned day, span s)
{
    for (unsigned i = s.from; i < s.until; i++) {
        unsigned minute = (day * DAY_MINUTES + i) % WEEK_MINUTES;
        uint64_t bit = UINT64_C(1) << (minute & 63);
        if (out->minutes[minute >> 6] & bit) return false;
        out->minutes[minute >> 6] |= bit;
    }
    return true;
}

static vault_code add_days(loader *l, week *out, const char *key, json_t *days, span s)
{
    static const char *const names[DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    static const vocabulary words = {names, DAYS, "day", "mon, tue, wed, thu, fri, sat or sun"};
    unsigned set;
    VAULT_TRY(read_set_of(l, &set, key, days, &words));
    for (unsigned day = 0; day < DAYS; day++) {
        if ((set & 1U << day) && !add_span(out, day, s))
            return refuse(l, key, "hours of %s stand twice: leave one out", names[day]);
    }
    return VAULT_OK;
}

static entry_key below(entry_key entry, const char *part)
{
    entry_key k;
    snprintf(k.text, sizeof k.text, "%.*s.%s", KEY_MAX / 2, entry.text, part);
    return k;
}

static vault_code read_week(loader *l, week *out, json_t *list)
{
    size_t i;
    json_t *value, *days;
    const char *from, *until;
    if (json_array_size(list) > SPANS_MAX) return refuse(l, "hours", "more than %d entries", SPANS_MAX);
    json_array_foreach(list, i, value)
    {
        span s;
        json_error_t shape;
        entry_key at = nth("hours", i), of_days = below(at, "days");
        if (json_unpack_ex(value, &shape, JSON_STRICT, "{s:o, s:s, s:s}", "days", &days, "from", &from, "until",
                           &until) != 0)
            return refuse_shape(l, at.text, &shape);
        VAULT_TRY(read_span(l, &s, at.text, from, until));
        VAULT_TRY(add_days(l, out, of_days.text, days, s));
    }
    return VAULT_OK;
}

static vault_code add_week(loader *l, const week *next)
{
    policy *p = l->policy;
    if (p->week_count == WEEKS_MAX) return refuse(l, "hours", "more than %d different ones", WEEKS_MAX);
    if (p->week_count == p->week_capacity) {
        size_t room = p->week_capacity ? 2 * p->week_capacity : WEEKS_START;
        p->weeks = memory_grow(p->weeks, p->week_capacity * sizeof *p->weeks, room * sizeof *p->weeks);
        p->week_capacity = room;
    }
    p->weeks[p->week_count++] = *next;
    return VAULT_OK;
}

/* Rules that say the same share it. */
vault_code read_hours(loader *l, uint16_t *out, json_t *list)
{
    week next = {{0}};
    const policy *p = l->policy;
    if (!list) return VAULT_OK;
    VAULT_TRY(check_list(l, "hours", list));
    VAULT_TRY(read_week(l, &next, list));
    size_t place = 0;
    while (place < p->week_count && memcmp(&p->weeks[place], &next, sizeof next) != 0) place++;
    *out = (uint16_t)(place + 1);
    return place < p->week_count ? VAULT_OK : add_week(l, &next);
}

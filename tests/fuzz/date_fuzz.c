/* Any bytes as a date of a resident, as a day of a document and as an area prefix: what is accepted is a day of a plain
 * calendar; a range lies among codes of 15 digits and begins with its prefix. */
#include "policy/policy.h"
#include "tokenizer/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool day_exists(unsigned day)
{
    char text[16], back[16];
    struct tm at = {.tm_year = (int)(day / 10000) - 1900,
                    .tm_mon = (int)(day / 100 % 100) - 1,
                    .tm_mday = (int)(day % 100),
                    .tm_hour = 12};
    (void)timegm(&at);
    (void)snprintf(text, sizeof text, "%08u", day);
    return strftime(back, sizeof back, "%Y%m%d", &at) == 8 && strcmp(back, text) == 0;
}

static void as_value(arena *mem, bytes in)
{
    vault_error err = {0};
    char text[9] = {0};
    bytes value;
    if (format_normalise(format_find("date"), mem, in, &value, &err) != VAULT_OK) {
        if (err.code != VAULT_INVALID || !err.reason) abort();
        return;
    }
    if (value.len != 8) abort();
    memcpy(text, value.at, 8);
    unsigned day = (unsigned)strtoul(text, NULL, 10);
    if (strspn(text, "0123456789") != 8 || day < 18500101 || day > 21001231 || !day_exists(day)) abort();
}

static void as_day(const char *text)
{
    uint32_t day;
    char back[16];
    if (!date_read(&day, text)) {
        if (day != 0) abort();
        return;
    }
    (void)snprintf(back, sizeof back, "%04u-%02u-%02u", day / 10000, day / 100 % 100, day % 100);
    if (strcmp(back, text) != 0 || day < 19000101 || !day_exists(day)) abort();
}

static void as_area(const char *text)
{
    area_range r;
    char low[32];
    if (!area_range_read(&r, text)) {
        if (r.low != 0 || r.high != 0) abort();
        return;
    }
    (void)snprintf(low, sizeof low, "%lld", (long long)r.low);
    if (strlen(low) != AREA_DIGITS || strncmp(low, text, strlen(text)) != 0 || r.high < r.low) abort();
    if (!area_ranges_cover(&r, 1, (area_code){r.low}) || !area_ranges_cover(&r, 1, (area_code){r.high})) abort();
    if (area_ranges_cover(&r, 1, (area_code){r.low - 1}) || area_ranges_cover(&r, 1, (area_code){r.high + 1})) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena *mem;
    if (!mem) mem = arena_new(1 << 16);
    arena_reset(mem);
    char text[64] = {0};
    if (size > 0) memcpy(text, data, size < sizeof text ? size : sizeof text - 1);
    as_value(mem, bytes_of(data, size));
    as_day(text);
    as_area(text);
    return 0;
}

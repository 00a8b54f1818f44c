/* Any bytes as an ID number: what is accepted has 18 characters, a day that a plain calendar knows, and the check
 * character that a second reading of ISO 7064 computes; every other check character is refused. */
#include "tokenizer/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* MOD 11-2 by Horner's rule: the number with its check character leaves 1. */
static unsigned remainder_of(const char *id)
{
    unsigned r = 0;
    for (size_t i = 0; i < 18; i++) r = (r * 2 + (id[i] == 'X' ? 10U : (unsigned)(id[i] - '0'))) % 11;
    return r;
}

static bool day_exists(const char *id)
{
    struct tm day = {0};
    char text[9] = {0}, back[16];
    memcpy(text, id + 6, 8);
    if (sscanf(text, "%4d%2d%2d", &day.tm_year, &day.tm_mon, &day.tm_mday) != 3) return false;
    day.tm_year -= 1900, day.tm_mon -= 1, day.tm_hour = 12;
    if (timegm(&day) == (time_t)-1) return false;
    return strftime(back, sizeof back, "%Y%m%d", &day) == 8 && strcmp(back, text) == 0;
}

static void only_one_check(const format *f, arena *mem, const char *id)
{
    for (const char *c = "0123456789X"; *c; c++) {
        char other[19];
        vault_error err = {0};
        bytes out;
        memcpy(other, id, sizeof other);
        other[17] = *c;
        bool accepted = format_normalise(f, mem, bytes_of_text(other), &out, &err) == VAULT_OK;
        if (accepted != (*c == id[17])) abort();
        if (!accepted && (!err.reason || strcmp(err.reason, "BAD_CHECK_DIGIT") != 0)) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena *mem;
    if (!mem) mem = arena_new(1 << 16);
    arena_reset(mem);
    vault_error err = {0};
    const format *f = format_find("resident_id");
    char id[19] = {0};
    bytes value;
    if (format_normalise(f, mem, bytes_of(data, size), &value, &err) != VAULT_OK) {
        if (err.code != VAULT_INVALID || !err.reason) abort();
        return 0;
    }
    if (value.len != 18) abort();
    memcpy(id, value.at, 18);
    if (strspn(id, "0123456789") < 17 || !strchr("0123456789X", id[17])) abort();
    if (remainder_of(id) != 1 || !day_exists(id)) abort();
    only_one_check(f, mem, id);
    return 0;
}

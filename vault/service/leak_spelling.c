#include "vault/service/leak_spelling.h"

#include "vault/base/character.h"

#include <stdio.h>
#include <string.h>

/* ---- numbers ---- */

static bytes without_prefix(bytes number)
{
    static const char *const prefixes[] = {"0086", "86", "0"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        const size_t len = strlen(prefixes[i]);
        const bool has = number.len == len + 11 && memcmp(number.at, prefixes[i], len) == 0 && number.at[len] == '1';
        if (has) return bytes_of(number.at + len, number.len - len);
    }
    return number;
}

static bytes number_spelling(arena *mem, bytes text)
{
    size_t len = 0;
    char *out = arena_alloc(mem, text.len + 1);
    if (!out) return (bytes){0};
    for (bytes rest = character_whole(text); rest.len > 0;) {
        const uint32_t c = character_folded(&rest);
        if (character_is_digit(c) || character_is_letter(c))
            out[len++] = (char)c;
        else if (!character_is_between(c))
            return text;
    }
    return bytes_of(out, len);
}

/* 1994年6月6日 */
static bytes date_spelling(arena *mem, bytes text)
{
    unsigned part[3] = {0};
    size_t parts = 0;
    bool within = false;
    for (bytes rest = text; rest.len > 0;) {
        const uint32_t c = character_folded(&rest);
        if (character_is_digit(c) && !within && ++parts > 3) return text;
        within = character_is_digit(c);
        if (within && part[parts - 1] > 9999) return text;
        if (within) part[parts - 1] = 10 * part[parts - 1] + (unsigned)(c - '0');
    }
    if (parts != 3 || part[0] < 1000 || part[0] > 9999 || part[1] > 12 || part[2] > 31) return text;
    const char *out = arena_format(mem, "%04u%02u%02u", part[0], part[1], part[2]);
    return out ? bytes_of_text(out) : (bytes){0};
}

/* ---- names ---- */

/* A blank is dropped beside a Chinese character; a point between two of them is U+00B7. */
static bytes name_spelling(arena *mem, bytes text)
{
    uint8_t *out = arena_alloc(mem, 2 * text.len + 1);
    size_t len = 0;
    uint32_t before = 0;
    if (!out) return (bytes){0};
    for (bytes rest = text; rest.len > 0;) {
        const uint8_t *const from = rest.at;
        const uint32_t c = character_folded(&rest);
        bytes behind = rest;
        uint32_t after = 0;
        while (behind.len > 0 && character_is_blank(after = character_folded(&behind))) after = 0;
        const bool chinese = before > 0x7f || after > 0x7f;
        if (character_is_blank(c) && (chinese || !before || !after)) continue;
        if (character_is_point(c) && before > 0x7f && after > 0x7f) {
            out[len++] = 0xc2;
            out[len++] = 0xb7;
        } else {
            memcpy(out + len, from, (size_t)(rest.at - from));
            len += (size_t)(rest.at - from);
        }
        if (!character_is_blank(c)) before = c;
    }
    return bytes_of(out, len);
}

static bool is_one_of(const char *name, const char *const *all)
{
    while (*all && strcmp(*all, name) != 0) all++;
    return *all != NULL;
}

bytes leak_spelling(arena *mem, const char *format, bytes text)
{
    static const char *const numbers[] = {"resident_id", "mobile", "phone", "credit_code", "document", "token", NULL};
    static const char *const mobiles[] = {"mobile", "phone", NULL};
    if (strcmp(format, "person_name") == 0) return name_spelling(mem, text);
    if (strcmp(format, "date") == 0) return date_spelling(mem, text);
    if (!is_one_of(format, numbers)) return text;
    const bytes number = number_spelling(mem, text);
    return is_one_of(format, mobiles) ? without_prefix(number) : number;
}

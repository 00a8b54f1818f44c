#include "vault/cli/leak_looks.h"

#include "tokenizer/codes.h"
#include "vault/base/character.h"

#include <ctype.h>
#include <string.h>

enum { TOKEN_LEAST = 24, PLAIN_MOST = 127, ID_LEN = 18, MOBILE_LEN = 11, DATE_LEN = 8 };

/* ---- characters ---- */

static bool is_han(uint32_t c)
{
    return c == 0x3007 || (c >= 0x3400 && c <= 0x9fff) || (c >= 0x20000 && c <= 0x3ffff);
}

/* ---- numbers ---- */

/* Letters and digits, without what stands between them; "": something else is there, or too much of them. */
static const char *plain_of(char out[PLAIN_MOST + 1], const char *text)
{
    size_t len = 0;
    out[0] = '\0';
    for (bytes rest = character_whole(bytes_of_text(text)); rest.len > 0;) {
        const uint32_t c = character_folded(&rest);
        if (character_is_between(c)) continue;
        if (len == PLAIN_MOST || !(character_is_digit(c) || character_is_letter(c))) return "";
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return out;
}

static unsigned two_digits(const char *at)
{
    return 10U * (unsigned)(at[0] - '0') + (unsigned)(at[1] - '0');
}

static bool is_day(const char *month_and_day)
{
    const unsigned month = two_digits(month_and_day), day = two_digits(month_and_day + 2);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool is_date(const char *text)
{
    const unsigned century = two_digits(text);
    return century >= 18 && century <= 20 && is_day(text + 4);
}

static looks number_looks(const char *plain)
{
    const size_t len = strlen(plain), digits = strspn(plain, "0123456789");
    if (len == ID_LEN && digits >= ID_LEN - 1 && is_date(plain + 6) &&
        (char)toupper((unsigned char)plain[ID_LEN - 1]) == code_id_check(plain))
        return LOOKS_ID;
    if (digits != len) return LOOKS_UNKNOWN;
    if (len == DATE_LEN && is_date(plain)) return LOOKS_DATE;
    static const char *const prefixes[] = {"", "0", "86", "0086"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        const size_t behind = strlen(prefixes[i]);
        if (len != behind + MOBILE_LEN || strncmp(plain, prefixes[i], behind) != 0) continue;
        return plain[behind] == '1' && plain[behind + 1] >= '3' ? LOOKS_MOBILE : LOOKS_UNKNOWN;
    }
    return LOOKS_UNKNOWN;
}

/* 1994年6月6日, 1994-6-6 */
static bool is_written_date(const char *text)
{
    unsigned part[3] = {0};
    size_t parts = 0;
    bool within = false;
    for (bytes rest = bytes_of_text(text); rest.len > 0;) {
        const uint32_t c = character_folded(&rest);
        if (character_is_digit(c) && !within && ++parts > 3) return false;
        within = character_is_digit(c);
        if (!within && !character_is_between(c) && c != 0x5e74 && c != 0x6708 && c != 0x65e5) return false;
        if (within && (part[parts - 1] = 10 * part[parts - 1] + (c - '0')) > 9999) return false;
    }
    return parts == 3 && part[0] >= 1800 && part[0] <= 2099 && part[1] >= 1 && part[1] <= 12 && part[2] >= 1 &&
           part[2] <= 31;
}

/* ---- words ---- */

static bool is_address(const char *text)
{
    static const char *const parts[] = {"路", "街", "号", "村", "室", "弄", "巷", "幢", "栋"};
    unsigned found = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) found += strstr(text, parts[i]) != NULL;
    return found >= 2 || (found == 1 && strlen(text) >= 18);
}

static bool is_name(const char *text)
{
    enum { LEAST = 2, MOST_PLAIN = 4, MOST = 15 };
    size_t count = 0;
    bool pointed = false;
    for (bytes rest = bytes_of_text(text); rest.len > 0;) {
        const uint32_t c = character_folded(&rest);
        pointed |= character_is_point(c);
        count += is_han(c);
        if (!is_han(c) && !character_is_point(c) && !character_is_blank(c)) return false;
    }
    return count >= LEAST && count <= (pointed ? MOST : MOST_PLAIN);
}

looks looks_of(const char *text)
{
    char spare[PLAIN_MOST + 1];
    const char *plain = plain_of(spare, text);
    if (strncasecmp(plain, "rv1", 3) == 0 && strlen(plain) >= TOKEN_LEAST) return LOOKS_TOKEN;
    const looks number = number_looks(plain);
    if (number != LOOKS_UNKNOWN) return number;
    if (is_written_date(text)) return LOOKS_DATE;
    if (is_address(text)) return LOOKS_ADDRESS;
    return is_name(text) ? LOOKS_NAME : LOOKS_UNKNOWN;
}

#include "tokenizer/internal.h"

#include <string.h>
#include <utf8proc.h>

/* Length of the blank at the start (or, `back`, at the end) of b, or 0. */
static size_t blank(bytes b, bool back)
{
    static const bytes blanks[] = {
        {(const uint8_t *)" ", 1},  {(const uint8_t *)"\t", 1},       {(const uint8_t *)"\r", 1},
        {(const uint8_t *)"\n", 1}, {(const uint8_t *)"\xc2\xa0", 2}, {(const uint8_t *)"\xe3\x80\x80", 3},
    };
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        size_t len = blanks[i].len;
        if (len > b.len) break; /* they stand in the order of their lengths */
        const uint8_t *at = back ? b.at + b.len - len : b.at;
        if (*at == *blanks[i].at && bytes_same(bytes_of(at, len), blanks[i])) return len;
    }
    return 0;
}

bytes text_trim(bytes in)
{
    for (size_t len; (len = blank(in, false)) > 0;) in = bytes_of(in.at + len, in.len - len);
    for (size_t len; (len = blank(in, true)) > 0;) in.len -= len;
    return in;
}

static vault_code refuse_character(int32_t c, vault_error *err)
{
    bool control = character_class_of(c) == CHARACTER_CONTROL;
    return vault_refuse(err, VAULT_INVALID, control ? "CONTROL_CHARACTER" : "BAD_CHARACTER", "");
}

vault_code text_fold_ascii(char *out, size_t cap, size_t *len, bytes in, vault_error *err)
{
    size_t count = 0;
    while (in.len > 0) {
        int32_t c = in.at[0];
        utf8proc_ssize_t step = c < 0x80 ? 1 : utf8proc_iterate(in.at, (utf8proc_ssize_t)in.len, &c);
        if (step <= 0) return vault_refuse(err, VAULT_INVALID, "NOT_UTF8", "");
        if (c >= 0xff01 && c <= 0xff5e) c -= 0xff01 - 0x21;
        if (c < 0x20 || c > 0x7e) return refuse_character(c, err);
        if (count == cap) return vault_refuse(err, VAULT_INVALID, "TOO_LONG", "");
        out[count++] = (char)c;
        in = bytes_of(in.at + step, in.len - (size_t)step);
    }
    *len = count;
    return VAULT_OK;
}

/* Whether every character is ASCII, U+4000 to U+9FFF or the middle dot: all of them starters that neither decompose nor
 * join a neighbour, so that text made of them is NFC. Most text is, and needs no library call. */
static bool plainly_nfc(bytes in)
{
    const uint8_t *at = in.at, *end = in.at + in.len;
    while (at < end) {
        if (*at < 0x80)
            at += 1;
        else if (end - at >= 3 && *at >= 0xe4 && *at <= 0xe9 && (at[1] & 0xc0) == 0x80 && (at[2] & 0xc0) == 0x80)
            at += 3;
        else if (end - at >= 2 && at[0] == 0xc2 && at[1] == 0xb7)
            at += 2;
        else
            return false;
    }
    return true;
}

/* Working memory is the arena's and not malloc's: the text is a resident's. */
vault_code text_nfc(arena *mem, bytes in, bytes *out, vault_error *err)
{
    *out = in;
    if (plainly_nfc(in)) return VAULT_OK;
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_ssize_t count = utf8proc_decompose(in.at, (utf8proc_ssize_t)in.len, NULL, 0, options);
    if (count < 0) return vault_refuse(err, VAULT_INVALID, "NOT_UTF8", "");
    utf8proc_int32_t *points = arena_array(mem, (size_t)count + 1, sizeof *points);
    if (!points) return vault_fail(err, VAULT_EXHAUSTED, "no room to normalise text");
    count = utf8proc_decompose(in.at, (utf8proc_ssize_t)in.len, points, count, options);
    utf8proc_ssize_t len = count < 0 ? count : utf8proc_reencode(points, count, options);
    if (len < 0) return vault_fail(err, VAULT_INTERNAL, "normalisation: %s", utf8proc_errmsg(len));
    *out = bytes_of(points, (size_t)len);
    return VAULT_OK;
}

int32_t text_next(bytes *rest)
{
    const uint8_t *at = rest->at;
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    int32_t c = len == 1 ? at[0] : at[0] & (0x7f >> len);
    for (size_t i = 1; i < len; i++) c = c << 6 | (at[i] & 0x3f);
    *rest = bytes_of(at + len, rest->len - len);
    return c;
}

/* By Unicode category; what is not named is CHARACTER_OTHER. */
static const uint8_t classes[] = {
    [UTF8PROC_CATEGORY_LU] = CHARACTER_LETTER,  [UTF8PROC_CATEGORY_LL] = CHARACTER_LETTER,
    [UTF8PROC_CATEGORY_LT] = CHARACTER_LETTER,  [UTF8PROC_CATEGORY_LM] = CHARACTER_LETTER,
    [UTF8PROC_CATEGORY_LO] = CHARACTER_LETTER,  [UTF8PROC_CATEGORY_MN] = CHARACTER_LETTER,
    [UTF8PROC_CATEGORY_MC] = CHARACTER_LETTER,  [UTF8PROC_CATEGORY_NL] = CHARACTER_LETTER,
    [UTF8PROC_CATEGORY_CC] = CHARACTER_CONTROL, [UTF8PROC_CATEGORY_CF] = CHARACTER_CONTROL,
    [UTF8PROC_CATEGORY_ZL] = CHARACTER_CONTROL, [UTF8PROC_CATEGORY_ZP] = CHARACTER_CONTROL,
    [UTF8PROC_CATEGORY_CN] = CHARACTER_FOREIGN, [UTF8PROC_CATEGORY_CO] = CHARACTER_FOREIGN,
    [UTF8PROC_CATEGORY_CS] = CHARACTER_FOREIGN,
};

character_class character_class_of(int32_t c)
{
    if (c >= 0x4e00 && c <= 0x9fff) return CHARACTER_LETTER;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return CHARACTER_LETTER;
    if (c >= 0x20 && c < 0x7f) return CHARACTER_OTHER;
    /* Planes 2 and 3 hold ideographs only; names use some that are younger than the library's tables. */
    if (c >= 0x20000 && c <= 0x3fffd && (c & 0xffff) <= 0xfffd) return CHARACTER_LETTER;
    size_t category = (size_t)utf8proc_category(c);
    return category < sizeof classes ? (character_class)classes[category] : CHARACTER_OTHER;
}

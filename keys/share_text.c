#include "keys/share_text.h"
#include "vault/base/digest.h"

#include <string.h>

static const char PREFIX[] = "rvs1";
static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* without I, L, O and U */
static const char CHECK_CONTEXT[] = "resident-vault share text 1";
enum {
    PREFIX_LEN = sizeof PREFIX - 1,
    CHECKED_LEN = SHARE_PACKED_LEN - SHARE_TEXT_CHECK_LEN,
    CODED_LEN = (8 * SHARE_PACKED_LEN + 4) / 5,
    SPARE_BITS = 5 * CODED_LEN - 8 * SHARE_PACKED_LEN,
    GROUP = 8,
};

static void check_of(uint8_t out[SHARE_TEXT_CHECK_LEN], const uint8_t *packed)
{
    const bytes parts[] = {bytes_of(CHECK_CONTEXT, sizeof CHECK_CONTEXT), bytes_of(packed, CHECKED_LEN)};
    digest d = sha256_parts(parts, 2);
    memcpy(out, d.at, SHARE_TEXT_CHECK_LEN);
    wipe(&d, sizeof d);
}

/* ---- base32 ---- */

static void encode(char *out, const uint8_t packed[SHARE_PACKED_LEN])
{
    unsigned held = 0, bits = 0;
    const uint8_t *in = packed, *end = packed + SHARE_PACKED_LEN;
    for (size_t i = 0; i < CODED_LEN; i++) {
        if (i % GROUP == 0) *out++ = '-';
        if (bits < 5) held = held << 8 | (in < end ? *in++ : 0), bits += 8;
        bits -= 5;
        *out++ = ALPHABET[held >> bits & 31];
    }
    *out = '\0';
}

static char upper_of(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* As Crockford has it: either case, and what looks like 1 or 0 is it. -1 for anything else. */
static int digit_of(char c)
{
    char upper = upper_of(c);
    if (upper == 'I' || upper == 'L') return 1;
    if (upper == 'O') return 0;
    const char *at = upper ? strchr(ALPHABET, upper) : NULL;
    return at ? (int)(at - ALPHABET) : -1;
}

/* False unless there are exactly so many characters of the alphabet, and the bits that none needs are zero. */
static bool decode(uint8_t packed[SHARE_PACKED_LEN], const char *text, size_t len)
{
    unsigned held = 0, bits = 0;
    uint8_t *out = packed, *end = packed + SHARE_PACKED_LEN;
    if (len != CODED_LEN) return false;
    for (size_t i = 0; i < len; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0) return false;
        held = (held << 5 | (unsigned)digit) & 0xffff;
        bits += 5;
        if (bits >= 8 && out < end) bits -= 8, *out++ = (uint8_t)(held >> bits);
    }
    return (held & ((1U << SPARE_BITS) - 1)) == 0;
}

/* ---- text ---- */

static void pack(uint8_t packed[SHARE_PACKED_LEN], const share_words *words)
{
    writer w = writer_over(packed, SHARE_PACKED_LEN);
    put_u32(&w, words->generation);
    put_u8(&w, words->number);
    put_u8(&w, words->threshold);
    put_bytes(&w, bytes_of(words->set, SHARE_SET_LEN));
    put_bytes(&w, bytes_of(words->value, KEY_LEN));
    check_of(packed + CHECKED_LEN, packed);
}

static void unpack(share_words *words, const uint8_t packed[SHARE_PACKED_LEN])
{
    reader r = reader_over(bytes_of(packed, CHECKED_LEN));
    words->generation = get_u32(&r);
    words->number = get_u8(&r);
    words->threshold = get_u8(&r);
    memcpy(words->set, get_bytes(&r, SHARE_SET_LEN).at, SHARE_SET_LEN);
    memcpy(words->value, get_bytes(&r, KEY_LEN).at, KEY_LEN);
}

vault_code share_text_write(char *out, const share_words *words, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret packed = {0};
    VAULT_TRY(secret_new(&packed, SHARE_PACKED_LEN, err));
    pack(packed.at, words);
    memcpy(out, PREFIX, PREFIX_LEN);
    encode(out + PREFIX_LEN, packed.at);
    return VAULT_OK;
}

/* The characters that count, or more of them than any share has. */
static size_t strip(char out[SHARE_TEXT_MAX], bytes text)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < SHARE_TEXT_MAX; i++) {
        char c = (char)text.at[i];
        if (c != '-' && c != ' ' && c != '\t' && c != '\r' && c != '\n') out[len++] = c;
    }
    return len;
}

static bool prefixed(const char *text, size_t len)
{
    if (len < PREFIX_LEN) return false;
    for (size_t i = 0; i < PREFIX_LEN; i++)
        if (upper_of(text[i]) != upper_of(PREFIX[i])) return false;
    return true;
}

vault_code share_text_read(share_words *words, bytes text, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret stripped = {0}, packed = {0};
    uint8_t check[SHARE_TEXT_CHECK_LEN];
    VAULT_TRY(secret_new(&stripped, SHARE_TEXT_MAX, err));
    VAULT_TRY(secret_new(&packed, SHARE_PACKED_LEN, err));
    size_t len = strip((char *)stripped.at, text);
    const char *coded = (const char *)stripped.at + PREFIX_LEN;
    if (!prefixed((const char *)stripped.at, len)) return vault_refuse(err, VAULT_INVALID, "SHARE_MALFORMED", "");
    if (!decode(packed.at, coded, len - PREFIX_LEN)) return vault_refuse(err, VAULT_INVALID, "SHARE_MISTYPED", "");
    check_of(check, packed.at);
    if (!bytes_equal_secret(bytes_of(check, sizeof check), bytes_of(packed.at + CHECKED_LEN, sizeof check)))
        return vault_refuse(err, VAULT_INVALID, "SHARE_MISTYPED", "");
    unpack(words, packed.at);
    return VAULT_OK;
}

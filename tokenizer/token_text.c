/* The text of tokens, fast: bech32m.c reads and writes any text and says what is wrong with one; here the one shape
 * that counts, "rv1", 34 values, 6 check characters. The check characters are linear over single bits, so that a table
 * holds what each value adds to them at its place; it is made from the 170 remainders of single bits when this is
 * compiled. tests/unit/tokenizer/token_test.c holds both ways against each other. */
#include "tokenizer/internal.h"
#include "tokenizer/pseudonym.h"

#include <assert.h>
#include <string.h>

enum { DOMAIN_BITS = 24, VALUES = 34, TEXT_HEAD = 3, VALUE_BITS = 5, VALUE_MAX = 31 };
static_assert((int)TOKEN_TEXT_LEN == (int)TEXT_HEAD + (int)VALUES + (int)BECH32M_CHECK, "the text's parts");

/* The check value of "rv" and 34 zeros, the final constant of BIP-350 included. */
#define CHECK_START 0x1c322728U

#define ONE(v, a, b, c, d, e)                                                                                          \
    (((v)&1 ? (a) : 0U) ^ ((v)&2 ? (b) : 0U) ^ ((v)&4 ? (c) : 0U) ^ ((v)&8 ? (d) : 0U) ^ ((v)&16 ? (e) : 0U))
#define FOUR(v, ...)                                                                                                   \
    ONE(v, __VA_ARGS__), ONE((v) + 1, __VA_ARGS__), ONE((v) + 2, __VA_ARGS__), ONE((v) + 3, __VA_ARGS__)
#define ROW(...)                                                                                                       \
    {                                                                                                                  \
        FOUR(0, __VA_ARGS__), FOUR(4, __VA_ARGS__), FOUR(8, __VA_ARGS__), FOUR(12, __VA_ARGS__),                       \
            FOUR(16, __VA_ARGS__), FOUR(20, __VA_ARGS__), FOUR(24, __VA_ARGS__), FOUR(28, __VA_ARGS__)                 \
    }

/* What a value adds, by place: remainders of the value's bits times x^(39 - place), lowest bit first. */
static const uint32_t adds[VALUES][1 << VALUE_BITS] = {
    ROW(0x1d0d5f62, 0x389e9fe4, 0x2329bae8, 0x16d7f0f0, 0x2daf45c9),
    ROW(0x17ebadab, 0x2d53db56, 0x0a3717a5, 0x146e2a6a, 0x28c8d1f4),
    ROW(0x3e1931e7, 0x2e26e3ce, 0x0e4d66bc, 0x1c8eec71, 0x3909fccb),
    ROW(0x18efd0de, 0x31cb8595, 0x33138b03, 0x36b71326, 0x3f6e236c),
    ROW(0x24a559e0, 0x1b4a17c0, 0x3410aaa0, 0x3a215060, 0x264204c0),
    ROW(0x01252acf, 0x00da50be, 0x01a08555, 0x01d10a83, 0x01321026),
    ROW(0x12386a75, 0x2464f5e3, 0x1ac94fc6, 0x3586beac, 0x3b9d7878),
    ROW(0x1a5588bf, 0x34ab1157, 0x3b42a287, 0x2615402e, 0x1e2a245c),
    ROW(0x063b7a8b, 0x0c62d436, 0x18c50c45, 0x318a188a, 0x3390b114),
    ROW(0x3e97b75e, 0x2f2f6bb5, 0x0edaf663, 0x1da1cde6, 0x39d33fcc),
    ROW(0x25969adc, 0x1bbd30b1, 0x35fee14b, 0x3b79e696, 0x2677ec25),
    ROW(0x324d54e0, 0x368e8dc0, 0x3f099b80, 0x2e97b220, 0x0f2f6160),
    ROW(0x01926aa7, 0x01b4746e, 0x01f84cdc, 0x0174bd91, 0x00797b0b),
    ROW(0x19138a04, 0x30b71128, 0x336e2250, 0x3658c1a9, 0x3ea5a752),
    ROW(0x2c5fb3f9, 0x0aabe2fb, 0x1543e4ff, 0x28176dd7, 0x022e7f87),
    ROW(0x3c1fc3a8, 0x2a2ba670, 0x0643c9e9, 0x0c8737d2, 0x190e6aad),
    ROW(0x0acea46f, 0x1589c8de, 0x2997b595, 0x03bf6b03, 0x05faf726),
    ROW(0x12673600, 0x24ce6920, 0x1b88f640, 0x3595cda0, 0x3bbb3f40),
    ROW(0x009339b0, 0x01267349, 0x00dc47b2, 0x01acae6d, 0x01ddd9fa),
    ROW(0x14dc0c20, 0x29ac9840, 0x03ddb080, 0x053fe100, 0x08fbe600),
    ROW(0x00a6e061, 0x014d64c2, 0x001eed84, 0x0029ff08, 0x0047df30),
    ROW(0x228ec6ab, 0x1709ac76, 0x2c97d8c5, 0x0b2f158a, 0x14daab14),
    ROW(0x3fb21abf, 0x2ff43077, 0x0f7860c7, 0x1c74e58e, 0x38e96f1c),
    ROW(0x0714461b, 0x0cb82d3f, 0x1964da57, 0x305915a7, 0x32a6ab4e),
    ROW(0x2a465b57, 0x068c17a7, 0x0d0caa6e, 0x189dd1fc, 0x312f87d1),
    ROW(0x0c95be66, 0x192b79ec, 0x30d2d7d8, 0x33a50eb9, 0x37da187b),
    ROW(0x3bf0450a, 0x27702e14, 0x1e705921, 0x3ce01642, 0x2bc029a4),
    ROW(0x1df21f0a, 0x39743b34, 0x22787361, 0x16e4c7e2, 0x2dc92ee4),
    ROW(0x1cc20dda, 0x39841b9d, 0x23983233, 0x17b4e16f, 0x2df966de),
    ROW(0x081318a1, 0x10263142, 0x204c6284, 0x128ce428, 0x250dec50),
    ROW(0x22cb696d, 0x1782f6da, 0x2d954cbd, 0x0bba3d53, 0x15f0fa8f),
    ROW(0x0424df38, 0x08491f79, 0x1086bbfb, 0x210d72ff, 0x129ec4f7),
    ROW(0x1fd7e966, 0x3d3f76cc, 0x2afaccb8, 0x07e1bd59, 0x0d537a9b),
    ROW(0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3),
};

/* ---- values and bits --------------------------------------------------------------------------------------------- */

/* Domain, epoch, pseudonym and two zero bits as 34 values of five bits: 12, 12 and 10. */
typedef struct packed {
    uint64_t first, second, third;
} packed;

static inline uint64_t load(const uint8_t at[8])
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v = v << 8 | at[i];
    return v;
}

static inline void store(uint8_t at[8], uint64_t v)
{
    for (int i = 0; i < 8; i++) at[i] = (uint8_t)(v >> (56 - 8 * i));
}

static inline uint64_t low(uint64_t v, unsigned bits)
{
    return v & ((UINT64_C(1) << bits) - 1);
}

static packed pack(const token *t)
{
    uint64_t head = (uint64_t)t->domain << 16 | t->epoch, left = load(t->pseudonym), right = load(t->pseudonym + 8);
    return (packed){head << 20 | left >> 44, low(left, 44) << 16 | right >> 48, low(right, 48) << 2};
}

static void unpack(token *out, const packed *p)
{
    out->domain = (uint32_t)(p->first >> 36);
    out->epoch = (uint16_t)(p->first >> 20);
    store(out->pseudonym, low(p->first, 20) << 44 | p->second >> 16);
    store(out->pseudonym + 8, low(p->second, 16) << 48 | p->third >> 2);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* The last `count` values of `word` from `place` on; gives what they add to the check characters. */
static inline uint32_t write_values(char *out, uint64_t word, size_t place, size_t count)
{
    uint32_t check = 0;
    for (size_t i = 0; i < count; i++) {
        size_t v = word >> (VALUE_BITS * (count - 1 - i)) & VALUE_MAX;
        out[place + i] = bech32m_alphabet[v];
        check ^= adds[place + i][v];
    }
    return check;
}

void token_write(char out[TOKEN_TEXT_LEN + 1], const token *t)
{
    assert(t->domain < 1U << DOMAIN_BITS);
    const packed p = pack(t);
    char *values = out + TEXT_HEAD;
    memcpy(out, "rv1", TEXT_HEAD);
    uint32_t check = CHECK_START ^ write_values(values, p.first, 0, 12);
    check ^= write_values(values, p.second, 12, 12);
    check ^= write_values(values, p.third, 24, 10);
    for (int i = 0; i < BECH32M_CHECK; i++)
        values[VALUES + i] = bech32m_alphabet[check >> (VALUE_BITS * (BECH32M_CHECK - 1 - i)) & VALUE_MAX];
    out[TOKEN_TEXT_LEN] = '\0';
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* `bad` is above VALUE_MAX where a character has no value. */
static inline uint64_t read_values(const uint8_t *at, size_t count, unsigned *bad)
{
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned v = bech32m_values[at[i]] - 1U;
        *bad |= v;
        word = word << VALUE_BITS | (v & VALUE_MAX);
    }
    return word;
}

static inline uint32_t added(uint64_t word, size_t place, size_t count)
{
    uint32_t check = 0;
    for (size_t i = 0; i < count; i++) check ^= adds[place + i][word >> (VALUE_BITS * (count - 1 - i)) & VALUE_MAX];
    return check;
}

/* False for all that is not a token as token_write writes it. */
static bool read_plain(token *out, const uint8_t *text)
{
    unsigned bad = 0;
    const uint8_t *values = text + TEXT_HEAD;
    packed p = {.first = read_values(values, 12, &bad),
                .second = read_values(values + 12, 12, &bad),
                .third = read_values(values + 24, 10, &bad)};
    uint64_t check = read_values(values + VALUES, BECH32M_CHECK, &bad);
    uint32_t own = CHECK_START ^ added(p.first, 0, 12) ^ added(p.second, 12, 12) ^ added(p.third, 24, 10);
    if (memcmp(text, "rv1", TEXT_HEAD) != 0 || bad > VALUE_MAX || own != check || (p.third & 3) != 0) return false;
    unpack(out, &p);
    return true;
}

/* What is not as it is written: upper case, or a refusal with its reason. */
static vault_code read_carefully(token *out, bytes text, vault_error *err)
{
    bech32m parts;
    uint8_t lower[TOKEN_TEXT_LEN];
    bech32m_verdict verdict = text.len == TOKEN_TEXT_LEN ? bech32m_read(&parts, text) : BECH32M_MALFORMED;
    if (verdict != BECH32M_MALFORMED && (parts.prefix_len != 2 || parts.prefix[0] != 'r' || parts.prefix[1] != 'v'))
        verdict = BECH32M_MALFORMED;
    if (verdict == BECH32M_MISTYPED) return vault_refuse(err, VAULT_INVALID, "TOKEN_MISTYPED", "");
    for (size_t i = 0; verdict == BECH32M_FITS && i < TOKEN_TEXT_LEN; i++) lower[i] = text.at[i] | 0x20;
    if (verdict == BECH32M_FITS && read_plain(out, lower)) return VAULT_OK;
    return vault_refuse(err, VAULT_INVALID, "TOKEN_MALFORMED", "");
}

vault_code token_read(token *out, bytes text, vault_error *err)
{
    if (text.len == TOKEN_TEXT_LEN && read_plain(out, text.at)) return VAULT_OK;
    return read_carefully(out, text, err);
}

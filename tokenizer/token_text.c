/* The text of tokens, fast: bech32m.c reads and writes any text and says what is wrong with one; here the one shape
 * that counts, "rv1", 34 values, 6 check characters. Values and check characters are 200 bits: five words of 40 bits,
 * eight characters each; the first word is domain and epoch. The check characters are linear over single bits, so that
 * a table holds what each byte adds to them at its place; it is made from the 168 remainders of single bits when this
 * is compiled. tests/unit/tokenizer/token_test.c holds both ways against each other. */
#include "tokenizer/pseudonym.h"
#include "tokenizer/token_characters.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

enum { DOMAIN_BITS = 24, TEXT_HEAD = 3, CHECK_BITS = 30, SPARE_BITS = 2 };
static_assert((int)TOKEN_TEXT_LEN == (int)TEXT_HEAD + (int)TOKEN_CHARACTERS, "the text's parts");

/* The check value of "rv" and 34 zeros, the final constant of BIP-350 included. */
#define CHECK_START 0x1c322728U

#define BIT(v, bit, add) ((v) >> (bit)&1 ? (add) : 0U)
#define ONE(v, a, b, c, d, e, f, g, h)                                                                                 \
    (BIT(v, 0, a) ^ BIT(v, 1, b) ^ BIT(v, 2, c) ^ BIT(v, 3, d) ^ BIT(v, 4, e) ^ BIT(v, 5, f) ^ BIT(v, 6, g) ^          \
     BIT(v, 7, h))
#define FOUR(v, ...)                                                                                                   \
    ONE(v, __VA_ARGS__), ONE((v) + 1, __VA_ARGS__), ONE((v) + 2, __VA_ARGS__), ONE((v) + 3, __VA_ARGS__)
#define SIXTEEN(v, ...)                                                                                                \
    FOUR(v, __VA_ARGS__), FOUR((v) + 4, __VA_ARGS__), FOUR((v) + 8, __VA_ARGS__), FOUR((v) + 12, __VA_ARGS__)
#define SIXTY_FOUR(v, ...)                                                                                             \
    SIXTEEN(v, __VA_ARGS__), SIXTEEN((v) + 16, __VA_ARGS__), SIXTEEN((v) + 32, __VA_ARGS__),                           \
        SIXTEEN((v) + 48, __VA_ARGS__)
#define ROW(...)                                                                                                       \
    {                                                                                                                  \
        SIXTY_FOUR(0, __VA_ARGS__), SIXTY_FOUR(64, __VA_ARGS__), SIXTY_FOUR(128, __VA_ARGS__),                         \
            SIXTY_FOUR(192, __VA_ARGS__)                                                                               \
    }

/* What a byte adds, by place: 3 of the domain, 2 of the epoch, 16 of the pseudonym. In a row: its bits, lowest first.
 */
enum { HEAD_BYTES = 5 };
static const uint32_t adds[HEAD_BYTES + PSEUDONYM_LEN][256] = {
    ROW(0x0a3717a5, 0x146e2a6a, 0x28c8d1f4, 0x1d0d5f62, 0x389e9fe4, 0x2329bae8, 0x16d7f0f0, 0x2daf45c9),
    ROW(0x3f6e236c, 0x3e1931e7, 0x2e26e3ce, 0x0e4d66bc, 0x1c8eec71, 0x3909fccb, 0x17ebadab, 0x2d53db56),
    ROW(0x1b4a17c0, 0x3410aaa0, 0x3a215060, 0x264204c0, 0x18efd0de, 0x31cb8595, 0x33138b03, 0x36b71326),
    ROW(0x3586beac, 0x3b9d7878, 0x01252acf, 0x00da50be, 0x01a08555, 0x01d10a83, 0x01321026, 0x24a559e0),
    ROW(0x1a5588bf, 0x34ab1157, 0x3b42a287, 0x2615402e, 0x1e2a245c, 0x12386a75, 0x2464f5e3, 0x1ac94fc6),
    ROW(0x0edaf663, 0x1da1cde6, 0x39d33fcc, 0x063b7a8b, 0x0c62d436, 0x18c50c45, 0x318a188a, 0x3390b114),
    ROW(0x0f2f6160, 0x25969adc, 0x1bbd30b1, 0x35fee14b, 0x3b79e696, 0x2677ec25, 0x3e97b75e, 0x2f2f6bb5),
    ROW(0x01b4746e, 0x01f84cdc, 0x0174bd91, 0x00797b0b, 0x324d54e0, 0x368e8dc0, 0x3f099b80, 0x2e97b220),
    ROW(0x28176dd7, 0x022e7f87, 0x19138a04, 0x30b71128, 0x336e2250, 0x3658c1a9, 0x3ea5a752, 0x01926aa7),
    ROW(0x3c1fc3a8, 0x2a2ba670, 0x0643c9e9, 0x0c8737d2, 0x190e6aad, 0x2c5fb3f9, 0x0aabe2fb, 0x1543e4ff),
    ROW(0x1b88f640, 0x3595cda0, 0x3bbb3f40, 0x0acea46f, 0x1589c8de, 0x2997b595, 0x03bf6b03, 0x05faf726),
    ROW(0x08fbe600, 0x009339b0, 0x01267349, 0x00dc47b2, 0x01acae6d, 0x01ddd9fa, 0x12673600, 0x24ce6920),
    ROW(0x014d64c2, 0x001eed84, 0x0029ff08, 0x0047df30, 0x14dc0c20, 0x29ac9840, 0x03ddb080, 0x053fe100),
    ROW(0x1c74e58e, 0x38e96f1c, 0x228ec6ab, 0x1709ac76, 0x2c97d8c5, 0x0b2f158a, 0x14daab14, 0x00a6e061),
    ROW(0x0714461b, 0x0cb82d3f, 0x1964da57, 0x305915a7, 0x32a6ab4e, 0x3fb21abf, 0x2ff43077, 0x0f7860c7),
    ROW(0x30d2d7d8, 0x33a50eb9, 0x37da187b, 0x2a465b57, 0x068c17a7, 0x0d0caa6e, 0x189dd1fc, 0x312f87d1),
    ROW(0x2dc92ee4, 0x3bf0450a, 0x27702e14, 0x1e705921, 0x3ce01642, 0x2bc029a4, 0x0c95be66, 0x192b79ec),
    ROW(0x39841b9d, 0x23983233, 0x17b4e16f, 0x2df966de, 0x1df21f0a, 0x39743b34, 0x22787361, 0x16e4c7e2),
    ROW(0x0bba3d53, 0x15f0fa8f, 0x081318a1, 0x10263142, 0x204c6284, 0x128ce428, 0x250dec50, 0x1cc20dda),
    ROW(0x0424df38, 0x08491f79, 0x1086bbfb, 0x210d72ff, 0x129ec4f7, 0x22cb696d, 0x1782f6da, 0x2d954cbd),
    ROW(0x1ea119fa, 0x3d4233dd, 0x2a1462b3, 0x1fd7e966, 0x3d3f76cc, 0x2afaccb8, 0x07e1bd59, 0x0d537a9b),
};

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE uint32_t check_of(const token *t)
{
#define HEAD(place, v) adds[place][(v)&255]
#define BODY(i)        adds[HEAD_BYTES + (i)][t->pseudonym[i]]
    uint32_t head = HEAD(0, t->domain >> 16) ^ HEAD(1, t->domain >> 8) ^ HEAD(2, t->domain) ^ HEAD(3, t->epoch >> 8) ^
                    HEAD(4, t->epoch);
    uint32_t left = BODY(0) ^ BODY(1) ^ BODY(2) ^ BODY(3) ^ BODY(4) ^ BODY(5) ^ BODY(6) ^ BODY(7);
    uint32_t right = BODY(8) ^ BODY(9) ^ BODY(10) ^ BODY(11) ^ BODY(12) ^ BODY(13) ^ BODY(14) ^ BODY(15);
    return CHECK_START ^ head ^ left ^ right;
#undef HEAD
#undef BODY
}

/* ---- words ---- */

static inline uint64_t load(const uint8_t at[8])
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return be64toh(v);
}

static inline uint64_t low(uint64_t v, unsigned bits)
{
    return v & ((UINT64_C(1) << bits) - 1);
}

/* Forty bits each: domain and epoch; three times five bytes of the pseudonym; its last one, two zeros and the check. */
ALWAYS_INLINE void pack(uint64_t words[TOKEN_WORDS], const token *t)
{
    uint64_t left = load(t->pseudonym), right = load(t->pseudonym + 8);
    words[0] = (uint64_t)t->domain << 16 | t->epoch;
    words[1] = left >> 24;
    words[2] = low(left, 24) << 16 | right >> 48;
    words[3] = low(right >> 8, 40);
    words[4] = low(right, 8) << (SPARE_BITS + CHECK_BITS) | check_of(t);
}

ALWAYS_INLINE void unpack(token *out, const uint64_t words[TOKEN_WORDS])
{
    out->domain = (uint32_t)(words[0] >> 16);
    out->epoch = (uint16_t)words[0];
    const lanes block = {htobe64(words[1] << 24 | words[2] >> 16),
                         htobe64(words[2] << 48 | words[3] << 8 | words[4] >> (SPARE_BITS + CHECK_BITS))};
    memcpy(out->pseudonym, &block, sizeof block);
}

/* ---- writing and reading ---- */

static void write_plain(char *out, const token *t)
{
    uint64_t words[TOKEN_WORDS];
    pack(words, t);
    characters_write_plain(out, words);
}

WITH_SSSE3 static void write_fast(char *out, const token *t)
{
    uint64_t words[TOKEN_WORDS];
    pack(words, t);
    characters_write_fast(out, words);
}

void token_write(char out[TOKEN_TEXT_LEN + 1], const token *t)
{
    assert(t->domain < 1U << DOMAIN_BITS);
    memcpy(out, "rv1", TEXT_HEAD);
    (characters_fast() ? write_fast : write_plain)(out + TEXT_HEAD, t);
    out[TOKEN_TEXT_LEN] = '\0';
}

/* The spare bits are zero, too. */
ALWAYS_INLINE bool check_fits(const token *t, const uint64_t words[TOKEN_WORDS])
{
    return low(words[TOKEN_WORDS - 1], SPARE_BITS + CHECK_BITS) == check_of(t);
}

static bool read_one_by_one(token *out, const uint8_t *at)
{
    uint64_t words[TOKEN_WORDS];
    bool known = characters_read_plain(words, at);
    unpack(out, words);
    return known && check_fits(out, words);
}

WITH_SSSE3 static bool read_fast(token *out, const uint8_t *at)
{
    uint64_t words[TOKEN_WORDS];
    bool known = characters_read_fast(words, at);
    unpack(out, words);
    return known && check_fits(out, words);
}

/* False for all that is not a token as token_write writes it. */
static bool read_exactly(token *out, const uint8_t *text)
{
    if (memcmp(text, "rv1", TEXT_HEAD) != 0) return false;
    return (characters_fast() ? read_fast : read_one_by_one)(out, text + TEXT_HEAD);
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
    if (verdict == BECH32M_FITS && read_exactly(out, lower)) return VAULT_OK;
    return vault_refuse(err, VAULT_INVALID, "TOKEN_MALFORMED", "");
}

vault_code token_read(token *out, bytes text, vault_error *err)
{
    if (text.len == TOKEN_TEXT_LEN && read_exactly(out, text.at)) return VAULT_OK;
    return read_carefully(out, text, err);
}

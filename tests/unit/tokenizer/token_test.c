/* Pseudonyms and their text. BIP-350's vectors stand in bech32m_test.c. */
#include "tests/support/harness.h"
#include "tokenizer/internal.h"
#include "tokenizer/pseudonym.h"
#include "tokenizer/term.h"
#include "tokenizer/token_characters.h"

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static block_cipher *cipher(uint8_t fill)
{
    vault_error err = {0};
    block_cipher *key = NULL;
    uint8_t raw[KEY_LEN];
    memset(raw, fill, sizeof raw);
    expect_ok(block_new(&key, SUITE_INTL, bytes_of(raw, sizeof raw), &err), &err);
    return key;
}

static prf *keyed(uint8_t fill)
{
    vault_error err = {0};
    prf *key = NULL;
    uint8_t raw[KEY_LEN];
    memset(raw, fill, sizeof raw);
    expect_ok(prf_new(&key, SUITE_INTL, bytes_of(raw, sizeof raw), &err), &err);
    return key;
}

/* The same numbers in every run. */
static uint32_t draw(void)
{
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static token sample(uint32_t domain, uint16_t epoch)
{
    token t = {.domain = domain, .epoch = epoch};
    for (size_t i = 0; i < PSEUDONYM_LEN; i++) t.pseudonym[i] = (uint8_t)draw();
    return t;
}

static void expect_refused(const char *text, size_t len, const char *reason)
{
    vault_error err = {0};
    token t;
    assert_int_equal(token_read(&t, bytes_of(text, len), &err), VAULT_INVALID);
    assert_string_equal(err.reason, reason);
}

/* ---- pseudonyms ---- */

TEST("a pseudonym opens to its resident, from the first to the last id")
{
    VAULT_CLEANUP(block_free) block_cipher *key = cipher(7);
    const int64_t ids[] = {1, 2, 255, 256, 13000000, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        uint8_t p[PSEUDONYM_LEN];
        pseudonym_seal(key, p, (resident_id){ids[i]});
        assert_true(pseudonym_open(key, p).id == ids[i]);
    }
}

TEST("each of the 64 zero bits of a pseudonym flipped under the key is refused")
{
    VAULT_CLEANUP(block_free) block_cipher *key = cipher(7);
    for (int bit = 0; bit < 64; bit++) {
        uint8_t block[BLOCK_LEN] = {0}, p[PSEUDONYM_LEN];
        store_u64(block, 42);
        block_encrypt(key, p, block);
        assert_true(pseudonym_open(key, p).id == 42);
        block[8 + bit / 8] ^= (uint8_t)(1 << bit % 8);
        block_encrypt(key, p, block);
        assert_true(pseudonym_open(key, p).id == 0);
    }
}

TEST("a genuine block with id zero or a negative id names nobody")
{
    VAULT_CLEANUP(block_free) block_cipher *key = cipher(7);
    const uint64_t ids[] = {0, 1ULL << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        uint8_t block[BLOCK_LEN] = {0}, p[PSEUDONYM_LEN];
        store_u64(block, ids[i]);
        block_encrypt(key, p, block);
        assert_true(pseudonym_open(key, p).id == 0);
    }
}

TEST("each bit of the written pseudonym flipped is refused, and so are random ones")
{
    VAULT_CLEANUP(block_free) block_cipher *key = cipher(7);
    uint8_t p[PSEUDONYM_LEN];
    pseudonym_seal(key, p, (resident_id){42});
    for (int bit = 0; bit < 128; bit++) {
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(pseudonym_open(key, p).id == 0);
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (int i = 0; i < 100000; i++) {
        token t = sample(0, 0);
        assert_true(pseudonym_open(key, t.pseudonym).id == 0);
    }
}

TEST("a pseudonym of one domain does not open under the key of another, and they share no byte but by chance")
{
    VAULT_CLEANUP(block_free) block_cipher *one = cipher(1), *other = cipher(2);
    size_t equal = 0;
    for (int64_t id = 1; id <= 4096; id++) {
        uint8_t a[PSEUDONYM_LEN], b[PSEUDONYM_LEN];
        pseudonym_seal(one, a, (resident_id){id});
        pseudonym_seal(other, b, (resident_id){id});
        assert_true(pseudonym_open(other, a).id == 0);
        assert_true(pseudonym_open(one, b).id == 0);
        for (size_t i = 0; i < PSEUDONYM_LEN; i++) equal += a[i] == b[i];
    }
    /* 65,536 places agree once in 256: 256 expected, standard deviation 16. */
    assert_in_range(equal, 160, 352);
}

TEST("neighbouring residents have tokens that differ in about half their bits")
{
    VAULT_CLEANUP(block_free) block_cipher *key = cipher(3);
    size_t flipped = 0;
    for (int64_t id = 1; id <= 1024; id++) {
        uint8_t a[PSEUDONYM_LEN], b[PSEUDONYM_LEN];
        pseudonym_seal(key, a, (resident_id){id});
        pseudonym_seal(key, b, (resident_id){id + 1});
        for (size_t i = 0; i < PSEUDONYM_LEN; i++) flipped += (size_t)__builtin_popcount(a[i] ^ b[i]);
    }
    assert_in_range(flipped, 64 * 1024 - 1500, 64 * 1024 + 1500);
}

/* ---- text ---- */

TEST("a token is 43 lower-case characters that begin with rv1 and read back as written")
{
    vault_error err = {0};
    const uint32_t domains[] = {0, 1, 0xabcdef, 0xffffff};
    for (int i = 0; i < 4000; i++) {
        token t = sample(domains[i % 4], (uint16_t)(draw() >> (i % 3 * 8))), back;
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        assert_int_equal(strlen(text), TOKEN_TEXT_LEN);
        assert_memory_equal(text, "rv1", 3);
        assert_int_equal(strspn(text + 3, alphabet), TOKEN_TEXT_LEN - 3);
        expect_ok(token_read(&back, bytes_of_text(text), &err), &err);
        assert_int_equal(back.domain, t.domain);
        assert_int_equal(back.epoch, t.epoch);
        assert_memory_equal(back.pseudonym, t.pseudonym, PSEUDONYM_LEN);
    }
}

TEST("the text of a known token stays what it is")
{
    token t = {.domain = 0x012345, .epoch = 0x6789};
    for (size_t i = 0; i < PSEUDONYM_LEN; i++) t.pseudonym[i] = (uint8_t)(i * 17);
    char text[TOKEN_TEXT_LEN + 1];
    token_write(text, &t);
    assert_string_equal(text, "rv1qy352eufqqgjyv6y24n80zye42aueh0wlulx03a0");
}

TEST("the fast text is the one that any bech32m writer and reader makes of the same values")
{
    vault_error err = {0};
    for (int round = 0; round < 4000; round++) {
        token t = sample(draw() & 0xffffff, (uint16_t)draw()), back;
        char text[TOKEN_TEXT_LEN + 1], slow[TOKEN_TEXT_LEN + 1] = {0};
        uint8_t bits[22] = {(uint8_t)(t.domain >> 16), (uint8_t)(t.domain >> 8), (uint8_t)t.domain,
                            (uint8_t)(t.epoch >> 8), (uint8_t)t.epoch};
        bech32m parts = {.prefix = {'r', 'v'}, .prefix_len = 2, .count = 34};
        memcpy(bits + 5, t.pseudonym, PSEUDONYM_LEN);
        for (size_t bit = 0; bit < 170; bit++)
            parts.data[bit / 5] = (uint8_t)(parts.data[bit / 5] << 1 | (bits[bit / 8] >> (7 - bit % 8) & 1));
        bech32m_write(slow, &parts);
        token_write(text, &t);
        assert_string_equal(text, slow);
        expect_ok(token_read(&back, bytes_of_text(slow), &err), &err);
        assert_true(back.domain == t.domain && back.epoch == t.epoch);
        assert_memory_equal(back.pseudonym, t.pseudonym, PSEUDONYM_LEN);
    }
}

static void write_at_once(char *out, const uint64_t words[TOKEN_WORDS])
{
    (characters_fast() ? characters_write_fast : characters_write_plain)(out, words);
}

static bool read_at_once(uint64_t words[TOKEN_WORDS], const uint8_t *at)
{
    return (characters_fast() ? characters_read_fast : characters_read_plain)(words, at);
}

TEST("sixteen characters at once are read and written as one by one, whatever the bytes")
{
    for (int round = 0; round < 20000; round++) {
        uint64_t words[TOKEN_WORDS], back[TOKEN_WORDS], slow[TOKEN_WORDS];
        char text[TOKEN_CHARACTERS], one_by_one[TOKEN_CHARACTERS];
        for (size_t w = 0; w < TOKEN_WORDS; w++) words[w] = ((uint64_t)draw() << 32 | draw()) >> 24;
        write_at_once(text, words);
        characters_write_plain(one_by_one, words);
        assert_memory_equal(text, one_by_one, sizeof text);
        assert_true(read_at_once(back, (const uint8_t *)text));
        assert_memory_equal(back, words, sizeof words);
        text[round % TOKEN_CHARACTERS] = (char)(round / TOKEN_CHARACTERS); /* every byte at every place */
        bool fits = characters_read_plain(slow, (const uint8_t *)text);
        assert_int_equal(read_at_once(back, (const uint8_t *)text), fits);
        if (fits) assert_memory_equal(back, slow, sizeof slow);
    }
}

TEST("upper case is read, mixed case is malformed")
{
    vault_error err = {0};
    token t = sample(77, 3), back;
    char text[TOKEN_TEXT_LEN + 1];
    token_write(text, &t);
    for (size_t i = 0; i < TOKEN_TEXT_LEN; i++) {
        if (text[i] >= 'a' && text[i] <= 'z') text[i] = (char)(text[i] - 32);
    }
    expect_ok(token_read(&back, bytes_of_text(text), &err), &err);
    assert_memory_equal(back.pseudonym, t.pseudonym, PSEUDONYM_LEN);
    text[0] = 'r';
    expect_refused(text, TOKEN_TEXT_LEN, "TOKEN_MALFORMED");
}

TEST("every single substitution, and samples of two to four, are a typing slip and nothing else")
{
    for (int round = 0; round < 20; round++) {
        token t = sample(draw() & 0xffffff, (uint16_t)draw());
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        for (size_t at = 3; at < TOKEN_TEXT_LEN; at++) {
            char was = text[at];
            for (size_t v = 0; v < 32; v++) {
                text[at] = alphabet[v];
                if (text[at] != was) expect_refused(text, TOKEN_TEXT_LEN, "TOKEN_MISTYPED");
            }
            text[at] = was;
        }
    }
    for (int round = 0; round < 60000; round++) {
        token t = sample(draw() & 0xffffff, (uint16_t)draw());
        char text[TOKEN_TEXT_LEN + 1], wrong[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        memcpy(wrong, text, sizeof text);
        for (int slips = 0; slips < 2 + round % 3; slips++) wrong[3 + draw() % 40] = alphabet[draw() % 32];
        if (strcmp(text, wrong) != 0) expect_refused(wrong, TOKEN_TEXT_LEN, "TOKEN_MISTYPED");
    }
}

TEST("two neighbours swapped are a typing slip")
{
    for (int round = 0; round < 200; round++) {
        token t = sample(draw() & 0xffffff, (uint16_t)draw());
        char text[TOKEN_TEXT_LEN + 1];
        token_write(text, &t);
        for (size_t at = 3; at + 1 < TOKEN_TEXT_LEN; at++) {
            char one = text[at], two = text[at + 1];
            if (one == two) continue;
            text[at] = two, text[at + 1] = one;
            expect_refused(text, TOKEN_TEXT_LEN, "TOKEN_MISTYPED");
            text[at] = one, text[at + 1] = two;
        }
    }
}

TEST("characters that no token holds, other prefixes and other lengths are malformed")
{
    token t = sample(9, 1);
    char text[TOKEN_TEXT_LEN + 2], kept;
    token_write(text, &t);
    for (const char *c = "1bio \n\x7f\x80\xff!-="; *c; c++) {
        kept = text[20], text[20] = *c;
        expect_refused(text, TOKEN_TEXT_LEN, "TOKEN_MALFORMED");
        text[20] = kept;
    }
    text[20] = '\0';
    expect_refused(text, TOKEN_TEXT_LEN, "TOKEN_MALFORMED");
    token_write(text, &t);
    text[0] = 'q';
    expect_refused(text, TOKEN_TEXT_LEN, "TOKEN_MALFORMED");
    token_write(text, &t);
    for (size_t len = 0; len < TOKEN_TEXT_LEN; len++) expect_refused(text, len, "TOKEN_MALFORMED");
    text[TOKEN_TEXT_LEN] = 'q';
    expect_refused(text, TOKEN_TEXT_LEN + 1, "TOKEN_MALFORMED");
    expect_refused(NULL, 0, "TOKEN_MALFORMED");
}

TEST("a token whose two spare bits are set is malformed although its check characters fit")
{
    /* rv1, 33 q and a last value of 1, 2 or 3: made with the reference algorithm of BIP-350. */
    static const char *const texts[] = {"rv1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqpn4suy6",
                                        "rv1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzax9229",
                                        "rv1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqrqs3lhh"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(strlen(texts[i]), TOKEN_TEXT_LEN);
        expect_refused(texts[i], TOKEN_TEXT_LEN, "TOKEN_MALFORMED");
    }
}

TEST("43 valid bech32m characters with another prefix are malformed")
{
    expect_refused("vr1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqg9pyq2", TOKEN_TEXT_LEN, "TOKEN_MALFORMED");
}

/* ---- natural keys ---- */

TEST("a natural key depends on its key and on the whole number")
{
    VAULT_CLEANUP(prf_free) prf *one = keyed(1), *other = keyed(2);
    uint8_t a[NATURAL_LEN], b[NATURAL_LEN];
    natural_key(one, a, bytes_of_text("11010519491231002X"));
    natural_key(one, b, bytes_of_text("11010519491231002X"));
    assert_memory_equal(a, b, NATURAL_LEN);
    natural_key(other, b, bytes_of_text("11010519491231002X"));
    assert_memory_not_equal(a, b, NATURAL_LEN);
    natural_key(one, b, bytes_of_text("110105194912310021"));
    assert_memory_not_equal(a, b, NATURAL_LEN);
}

TEST("a natural key is the front of HMAC-SHA-256")
{
    VAULT_CLEANUP(prf_free) prf *key = keyed(0x0b);
    uint8_t natural[NATURAL_LEN];
    natural_key(key, natural, bytes_of_text("440524188001010014"));
    expect_hex(bytes_of(natural, sizeof natural), "6b60e3c24705b696968693539e9c5d70");
}

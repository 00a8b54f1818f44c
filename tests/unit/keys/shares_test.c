#include "keys/share_text.h"
#include "tests/support/harness.h"

#include <stdio.h>

static const uint8_t KEY[KEY_LEN] = "the unseal key of all the tests!";

static bytes key(void)
{
    return bytes_of(KEY, sizeof KEY);
}

typedef struct given {
    root_seal seal;
    secret texts, values;
    share shares[SHARES_MAX];
} given;

static const char *text_of(const given *g, size_t index)
{
    return (const char *)g->texts.at + index * SHARE_TEXT_MAX;
}

/* k of n, all of them read back. */
static given given_shares(uint32_t threshold, uint32_t shares)
{
    vault_error err = {0};
    given g = {.seal = {.source = ROOT_SHARES, .generation = 7, .threshold = threshold, .shares = shares}};
    expect_ok(shares_split(&g.texts, &g.seal, key(), &err), &err);
    expect_ok(secret_new(&g.values, shares * KEY_LEN, &err), &err);
    for (size_t i = 0; i < shares; i++) {
        g.shares[i].at = g.values.at + i * KEY_LEN;
        expect_ok(share_read(&g.shares[i], &g.seal, bytes_of_text(text_of(&g, i)), &err), &err);
        assert_int_equal(g.shares[i].number, i + 1);
    }
    return g;
}

static void given_free(given *g)
{
    secret_clear(&g->texts);
    secret_clear(&g->values);
}

/* ---- splitting and joining ---- */

static void expect_joined(const given *g, const share *some)
{
    vault_error err = {0};
    VAULT_CLEANUP(secret_clear) secret back = {0};
    expect_ok(shares_join(&back, &g->seal, some, &err), &err);
    assert_memory_equal(back.at, KEY, KEY_LEN);
}

TEST("any three of five shares give the key back, in any order")
{
    VAULT_CLEANUP(given_free) given g = given_shares(3, 5);
    for (int a = 0; a < 5; a++) {
        for (int b = 0; b < 5; b++) {
            for (int c = 0; c < 5; c++) {
                if (a == b || b == c || a == c) continue;
                expect_joined(&g, (share[]){g.shares[a], g.shares[b], g.shares[c]});
            }
        }
    }
}

TEST("every k of every n gives the key back")
{
    for (uint32_t n = 2; n <= SHARES_MAX; n++) {
        for (uint32_t k = 2; k <= n; k++) {
            VAULT_CLEANUP(given_free) given g = given_shares(k, n);
            expect_joined(&g, g.shares);
            expect_joined(&g, g.shares + n - k);
        }
    }
}

static uint8_t times(uint8_t a, uint8_t b)
{
    unsigned product = 0;
    for (int i = 7; i >= 0; i--) {
        product <<= 1;
        if (product & 0x100) product ^= 0x11d;
        if (b >> i & 1) product ^= a;
    }
    return (uint8_t)product;
}

static uint8_t divide(uint8_t a, uint8_t b)
{
    for (int inverse = 1; inverse < 256; inverse++)
        if (times(b, (uint8_t)inverse) == 1) return times(a, (uint8_t)inverse);
    fail();
    return 0;
}

/* So that shares can be joined without this program: Lagrange at 0, over GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
TEST("shares are points of a polynomial at 1, 2, ... whose value at 0 is the key")
{
    VAULT_CLEANUP(given_free) given g = given_shares(3, 5);
    uint8_t back[KEY_LEN] = {0};
    static const uint8_t numbers[] = {2, 3, 5};
    for (int i = 0; i < 3; i++) {
        uint8_t factor = 1;
        for (int j = 0; j < 3; j++)
            if (j != i) factor = times(factor, divide(numbers[j], numbers[i] ^ numbers[j]));
        for (int b = 0; b < KEY_LEN; b++) back[b] ^= times(factor, g.shares[numbers[i] - 1].at[b]);
    }
    assert_memory_equal(back, KEY, KEY_LEN);
}

TEST("the same key split again has nothing in common with the first time, and no share is the key")
{
    VAULT_CLEANUP(given_free) given a = given_shares(2, 3), b = given_shares(2, 3);
    assert_memory_not_equal(a.seal.salt, b.seal.salt, ROOT_SALT_LEN);
    for (int i = 0; i < 3; i++) {
        assert_memory_not_equal(a.shares[i].at, KEY, KEY_LEN);
        for (int j = 0; j < 3; j++) assert_memory_not_equal(a.shares[i].at, b.shares[j].at, KEY_LEN);
    }
}

TEST("one share too few, with a made-up one beside it, gives another key")
{
    vault_error err = {0};
    VAULT_CLEANUP(given_free) given g = given_shares(3, 5);
    VAULT_CLEANUP(secret_clear) secret back = {0};
    g.shares[4].at[0] ^= 1;
    expect_ok(shares_join(&back, &g.seal, g.shares + 2, &err), &err);
    assert_memory_not_equal(back.at, KEY, KEY_LEN);
}

TEST("a doubled share, a number of nobody, and a seal without shares are refused, and no key is left")
{
    vault_error err = {0};
    VAULT_CLEANUP(given_free) given g = given_shares(3, 5);
    const share *s = g.shares, none = {.number = 6, .at = s[0].at}, zero = {.number = 0, .at = s[0].at};
    const share wrong[][3] = {{s[0], s[1], s[0]}, {s[2], s[2], s[2]}, {s[0], s[1], none}, {zero, s[1], s[2]}};
    secret back;
    for (int i = 0; i < 4; i++) {
        expect_code(shares_join(&back, &g.seal, wrong[i], &err), VAULT_INVALID, &err);
        assert_null(back.at);
    }
    root_seal file = {.source = ROOT_FILE, .generation = 7};
    expect_code(shares_join(&back, &file, s, &err), VAULT_INVALID, &err);
    assert_null(back.at);
}

TEST("fewer than two, more than sixteen, more needed than there are, and a key of another length are refused")
{
    vault_error err = {0};
    static const uint32_t wrong[][2] = {{0, 0}, {0, 3}, {1, 1}, {1, 3}, {4, 3}, {2, 17}, {17, 17}, {2, UINT32_MAX}};
    secret texts;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        root_seal seal = {.source = ROOT_SHARES, .generation = 1, .threshold = wrong[i][0], .shares = wrong[i][1]};
        expect_code(shares_split(&texts, &seal, key(), &err), VAULT_INVALID, &err);
        assert_null(texts.at);
    }
    root_seal seal = {.source = ROOT_SHARES, .generation = 1, .threshold = 2, .shares = 3};
    expect_code(shares_split(&texts, &seal, bytes_of(KEY, 31), &err), VAULT_INVALID, &err);
    assert_null(texts.at);
}

static int draws, draws_allowed;

static int dying_source(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(i * 37 + (size_t)draws);
    return draws++ < draws_allowed ? 0 : -1;
}

TEST("without random bytes nothing is split or joined, wherever they end")
{
    vault_error err = {0};
    VAULT_CLEANUP(given_free) given g = given_shares(2, 3);
    secret texts;
    entropy_set_for_test(dying_source);
    int went_well = 0;
    for (draws_allowed = 0; draws_allowed < 8; draws_allowed++) {
        root_seal seal = {.source = ROOT_SHARES, .generation = 1, .threshold = 16, .shares = 16};
        draws = 0;
        entropy_set_for_test(dying_source);
        vault_code code = shares_split(&texts, &seal, key(), &err);
        assert_int_equal(texts.at != NULL, code == VAULT_OK);
        went_well += code == VAULT_OK;
        secret_clear(&texts);
        if (code != VAULT_OK) expect_code(code, VAULT_INTERNAL, &err);
    }
    assert_in_range(went_well, 1, 7);
    draws = draws_allowed = 0;
    entropy_set_for_test(dying_source);
    expect_code(shares_join(&texts, &g.seal, g.shares, &err), VAULT_INTERNAL, &err);
    assert_null(texts.at);
    entropy_set_for_test(NULL);
}

static int fails_once(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(i * 37 + 1);
    return draws++ == 1 ? -1 : 0;
}

/* Coefficients of zero would make each share the key itself, and join well. */
TEST("a random source that fails just for the polynomial, and for nothing else, is noticed")
{
    enum { BLOCK = 4096 };
    vault_error err = {0};
    static uint8_t used[BLOCK];
    root_seal seal = {.source = ROOT_SHARES, .generation = 1, .threshold = 2, .shares = 3};
    secret texts;
    draws = 0;
    entropy_set_for_test(fails_once);
    expect_ok(entropy_fill(used, BLOCK - ROOT_SALT_LEN, &err), &err); /* what is left is the salt's */
    expect_code(shares_split(&texts, &seal, key(), &err), VAULT_INTERNAL, &err);
    assert_null(texts.at);
    assert_int_equal(draws, 3); /* the second failed, the third was to wipe */
    entropy_set_for_test(NULL);
}

/* ---- entering ---- */

/* NULL: it is taken, and is the share that it was. */
static void expect_read(const given *g, const char *text, size_t len, const char *reason)
{
    vault_error err = {0};
    uint8_t value[KEY_LEN] = {0};
    static const uint8_t zero[KEY_LEN];
    share s = {.number = 0, .at = value};
    vault_code code = share_read(&s, &g->seal, bytes_of(text, len), &err);
    assert_int_equal(code, reason ? VAULT_INVALID : VAULT_OK);
    if (reason) {
        assert_string_equal(err.reason, reason);
        assert_memory_equal(value, zero, KEY_LEN);
        assert_int_equal(s.number, 0);
    } else {
        assert_memory_equal(value, g->shares[s.number - 1].at, KEY_LEN);
    }
}

TEST("a share's text is what it always was")
{
    vault_error err = {0};
    uint8_t value[KEY_LEN], back[KEY_LEN];
    char text[SHARE_TEXT_MAX];
    for (int i = 0; i < KEY_LEN; i++) value[i] = (uint8_t)(i * 8 + 3);
    const share_words words = {
        .generation = 1, .number = 2, .threshold = 3, .set = {0xde, 0xad, 0xbe, 0xef}, .value = value};
    expect_ok(share_text_write(text, &words, &err), &err);
    assert_string_equal(text,
                        "rvs1-00000082-0FFAVFQF-0C5H66S3-5CSKPGTB-ADDP6TVK-FE1RQ4WV-MENV7EY3-SF9XQRZB-YFXVKVGV-8C");
    share_words again = {.value = back};
    expect_ok(share_text_read(&again, bytes_of_text(text), &err), &err);
    assert_int_equal(again.generation, 1);
    assert_int_equal(again.number, 2);
    assert_int_equal(again.threshold, 3);
    assert_memory_equal(again.set, words.set, sizeof words.set);
    assert_memory_equal(back, value, KEY_LEN);
}

TEST("case, blanks, and what looks like 0 or 1 do not matter")
{
    VAULT_CLEANUP(given_free) given g = given_shares(2, 3);
    for (size_t i = 0; i < 3; i++) {
        const char *text = text_of(&g, i);
        char other[3 * SHARE_TEXT_MAX];
        size_t len = 0;
        for (const char *c = text; *c; c++) { /* as a person may write it down */
            if (*c == '-') continue;
            bool digit = c > text + 4;
            char written = *c == '0' && digit ? 'o' : *c == '1' && digit ? "lIi"[len % 3] : *c;
            bool lower = written >= 'A' && written <= 'Z' && len % 2 == 1;
            other[len++] = lower ? (char)(written + 32) : written;
            if (len % 3 == 0) other[len] = " \t\r\n-"[len % 5], len++;
        }
        expect_read(&g, other, len, NULL);
    }
}

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

TEST("each character mistyped as any other is found, and each pair that changed places")
{
    VAULT_CLEANUP(given_free) given g = given_shares(2, 2);
    char text[SHARE_TEXT_MAX];
    size_t len = strlen(text_of(&g, 0));
    for (size_t at = 5; at < len; at++) {
        memcpy(text, text_of(&g, 0), SHARE_TEXT_MAX);
        char right = text[at], next = text[at + 1];
        if (right == '-') continue;
        for (const char *c = ALPHABET; *c; c++) {
            text[at] = *c;
            expect_read(&g, text, len, *c == right ? NULL : "SHARE_MISTYPED");
        }
        if (next == right || next == '-' || !next) continue;
        text[at] = next, text[at + 1] = right;
        expect_read(&g, text, len, "SHARE_MISTYPED");
    }
}

TEST("each byte changed to any other is found, or does not matter")
{
    VAULT_CLEANUP(given_free) given g = given_shares(2, 2);
    char text[SHARE_TEXT_MAX];
    size_t len = strlen(text_of(&g, 0));
    for (size_t at = 0; at < len; at++) {
        for (int value = 0; value < 256; value++) {
            vault_error err = {0};
            uint8_t back[KEY_LEN] = {0};
            share s = {.at = back};
            memcpy(text, text_of(&g, 0), SHARE_TEXT_MAX);
            text[at] = (char)value;
            if (share_read(&s, &g.seal, bytes_of(text, len), &err) == VAULT_OK)
                assert_memory_equal(back, g.shares[0].at, KEY_LEN);
            else
                assert_string_equal(err.reason, at < 4 ? "SHARE_MALFORMED" : "SHARE_MISTYPED");
        }
    }
}

TEST("a share that is cut, goes on, stands twice, or is none at all is refused")
{
    VAULT_CLEANUP(given_free) given g = given_shares(2, 2);
    char text[4 * SHARE_TEXT_MAX];
    int len = snprintf(text, sizeof text, "%s", text_of(&g, 0));
    for (int cut = 0; cut < len; cut++)
        expect_read(&g, text, (size_t)cut, cut < 4 ? "SHARE_MALFORMED" : "SHARE_MISTYPED");
    for (int at = 5; at < len; at++) { /* one character left out */
        if (text[at] == '-') continue;
        char shorter[SHARE_TEXT_MAX];
        snprintf(shorter, sizeof shorter, "%.*s%s", at, text, text + at + 1);
        expect_read(&g, shorter, strlen(shorter), "SHARE_MISTYPED");
    }
    snprintf(text, sizeof text, "%s0", text_of(&g, 0));
    expect_read(&g, text, strlen(text), "SHARE_MISTYPED");
    snprintf(text, sizeof text, "%s%s", text_of(&g, 0), text_of(&g, 0));
    expect_read(&g, text, strlen(text), "SHARE_MISTYPED");
    static char big[100000];
    memset(big, '0', sizeof big);
    expect_read(&g, big, sizeof big, "SHARE_MALFORMED");
    memcpy(big, "rvs1", 4);
    expect_read(&g, big, sizeof big, "SHARE_MISTYPED");
    expect_read(&g, "resident-vault-root-key-1 AAAA", 30, "SHARE_MALFORMED");
    expect_read(&g, "correct horse battery staple", 28, "SHARE_MALFORMED");
}

TEST("a share of another vault, or of before a rekey, says so")
{
    VAULT_CLEANUP(given_free) given mine = given_shares(2, 3), other = given_shares(2, 3);
    for (size_t i = 0; i < 3; i++) {
        const char *text = text_of(&other, i);
        expect_read(&mine, text, strlen(text), "SHARE_OTHER_SET");
        text = text_of(&mine, i);
        given changed = mine;
        changed.seal.generation++;
        expect_read(&changed, text, strlen(text), "SHARE_OTHER_SET");
        changed = mine, changed.seal.threshold = 3;
        expect_read(&changed, text, strlen(text), "SHARE_OTHER_SET");
        changed = mine, changed.seal.shares = 2; /* the third is nobody's then */
        expect_read(&changed, text, strlen(text), i == 2 ? "SHARE_OTHER_SET" : NULL);
        changed.seal = (root_seal){.source = ROOT_PASSPHRASE, .generation = 7};
        expect_read(&changed, text, strlen(text), "SHARE_OTHER_SET");
    }
}

TEST("a well-written share that was never made is wrong, and so is one whose check in the row was edited")
{
    vault_error err = {0};
    VAULT_CLEANUP(given_free) given g = given_shares(2, 3);
    char text[SHARE_TEXT_MAX];
    uint8_t value[KEY_LEN];
    memcpy(value, g.shares[1].at, KEY_LEN);
    share_words words = {.generation = 7, .number = 2, .threshold = 2, .value = value};
    memcpy(words.set, g.seal.salt, sizeof words.set);
    expect_ok(share_text_write(text, &words, &err), &err);
    assert_string_equal(text, text_of(&g, 1));
    value[31] ^= 1;
    expect_ok(share_text_write(text, &words, &err), &err);
    expect_read(&g, text, strlen(text), "SHARE_WRONG");
    words.number = 1, words.value = g.shares[1].at; /* the second share as the first */
    expect_ok(share_text_write(text, &words, &err), &err);
    expect_read(&g, text, strlen(text), "SHARE_WRONG");
    words.number = 0;
    expect_ok(share_text_write(text, &words, &err), &err);
    expect_read(&g, text, strlen(text), "SHARE_OTHER_SET");
    for (size_t bit = 0; bit < 8 * SHARE_CHECK_LEN; bit++) {
        g.seal.checks[1][bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_read(&g, text_of(&g, 1), strlen(text_of(&g, 1)), "SHARE_WRONG");
        expect_read(&g, text_of(&g, 2), strlen(text_of(&g, 2)), NULL);
        g.seal.checks[1][bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    g.seal.salt[ROOT_SALT_LEN - 1] ^= 1; /* past what the text repeats of it */
    expect_read(&g, text_of(&g, 1), strlen(text_of(&g, 1)), "SHARE_WRONG");
}

TEST("the whole way: shares are entered, joined, and open the root key of this vault")
{
    vault_error err = {0};
    static const uint8_t root[KEY_LEN] = "the root key";
    VAULT_CLEANUP(given_free) given g = given_shares(3, 5);
    VAULT_CLEANUP(secret_clear) secret unseal = {0}, opened = {0};
    expect_ok(root_seal_make(&g.seal, "resident-vault/test", bytes_of(root, KEY_LEN), key(), &err), &err);
    expect_ok(shares_join(&unseal, &g.seal, g.shares + 1, &err), &err);
    expect_ok(root_seal_open(&opened, &g.seal, "resident-vault/test", secret_bytes(&unseal), &err), &err);
    assert_memory_equal(opened.at, root, KEY_LEN);
}

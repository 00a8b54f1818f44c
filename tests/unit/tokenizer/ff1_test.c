/* FF1: NIST's nine samples, a second implementation that follows the standard letter by letter, and a whole domain. */
#include "tests/support/harness.h"
#include "tokenizer/ff1.h"
#include "vault/base/memory.h"

__extension__ typedef unsigned __int128 wide;

static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static const char *const keys[] = {"2b7e151628aed2a6abf7158809cf4f3c",
                                   "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f",
                                   "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94"};

static block_cipher *keyed(suite_id suite, const char *key)
{
    vault_error err = {0};
    uint8_t raw[KEY_LEN];
    block_cipher *out;
    expect_ok(block_new(&out, suite, bytes_of(raw, unhex(raw, sizeof raw, key)), &err), &err);
    return out;
}

static size_t digits_of(uint8_t *out, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(strchr(alphabet, text[i]) - alphabet);
    return len;
}

static void expect_sample(const char *key, unsigned radix, const char *tweak, const char *plain, const char *wanted)
{
    VAULT_CLEANUP(block_free) block_cipher *cipher = keyed(SUITE_INTL, key);
    uint8_t raw[64], value[64], sealed[64], kept[64];
    const ff1 f = {.key = cipher, .radix = radix, .tweak = bytes_of(raw, unhex(raw, sizeof raw, tweak))};
    size_t len = digits_of(value, plain);
    memcpy(kept, value, len);
    assert_int_equal(digits_of(sealed, wanted), len);
    ff1_encrypt(&f, value, len);
    assert_memory_equal(value, sealed, len);
    ff1_decrypt(&f, value, len);
    assert_memory_equal(value, kept, len);
}

TEST("all nine samples of NIST come out, and go back")
{
    static const char *const tens[] = {"2433477484", "2830668132", "6657667009"};
    static const char *const tens_tweaked[] = {"6124200773", "2496655549", "1001623463"};
    static const char *const letters[] = {"a9tv40mll9kdu509eum", "xbj3kv35jrawxv32ysr", "xs8a0azh2avyalyzuwd"};
    for (size_t k = 0; k < 3; k++) {
        expect_sample(keys[k], 10, "", "0123456789", tens[k]);
        expect_sample(keys[k], 10, "39383736353433323130", "0123456789", tens_tweaked[k]);
        expect_sample(keys[k], 36, "3737373770717273373737", "0123456789abcdefghi", letters[k]);
    }
}

/* ---- the standard, letter by letter ---- */

static wide num(const uint8_t *digits, size_t len, unsigned radix)
{
    wide v = 0;
    for (size_t i = 0; i < len; i++) v = v * radix + digits[i];
    return v;
}

/* SP 800-38G, algorithm 7, for the values here: radix^v below 2^104. */
static void by_the_book(const ff1 *f, uint8_t *x, size_t n)
{
    size_t u = n / 2, v = n - u, t = f->tweak.len, b = 0;
    wide largest = 1;
    for (size_t i = 0; i < v; i++) largest *= f->radix;
    for (wide left = largest - 1; left > 0; left /= 256) b++;
    size_t d = 4 * ((b + 3) / 4) + 4, zeros = (32 + 64 - t - b - 1) % 16;
    uint8_t p[16] = {1, 2, 1, 0, 0, (uint8_t)f->radix, 10, (uint8_t)u, 0, 0, 0, (uint8_t)n, 0, 0, 0, (uint8_t)t};
    uint8_t a[128], half[128];
    memcpy(a, x, u), memcpy(half, x + u, v);
    size_t a_len = u, b_len = v;
    for (unsigned i = 0; i < 10; i++) {
        uint8_t q[128] = {0}, r[16] = {0};
        if (t > 0) memcpy(q, f->tweak.at, t);
        q[t + zeros] = (uint8_t)i;
        wide value = num(half, b_len, f->radix);
        for (size_t at = t + zeros + b; at > t + zeros; at--, value /= 256) q[at] = (uint8_t)(value % 256);
        size_t q_len = t + zeros + 1 + b;
        assert_int_equal(q_len % 16, 0);
        for (size_t at = 0; at < 16 + q_len; at += 16) {
            for (size_t k = 0; k < 16; k++) r[k] ^= at == 0 ? p[k] : q[at - 16 + k];
            block_encrypt(f->key, r, r);
        }
        wide y = 0;
        for (size_t k = 0; k < d; k++) y = y << 8 | r[k]; /* d is 8 or 12 here */
        size_t m = i % 2 == 0 ? u : v;
        wide end = 1;
        for (size_t k = 0; k < m; k++) end *= f->radix;
        wide c = (num(a, a_len, f->radix) + y) % end;
        memcpy(a, half, b_len), a_len = b_len;
        for (size_t k = m; k > 0; k--, c /= f->radix) half[k - 1] = (uint8_t)(c % f->radix);
        b_len = m;
    }
    memcpy(x, a, a_len), memcpy(x + a_len, half, b_len);
}

static uint32_t draw(void)
{
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 32);
}

TEST("every radix, length and tweak length gives what the standard's own steps give, and goes back")
{
    VAULT_CLEANUP(block_free) block_cipher *cipher = keyed(SUITE_INTL, keys[2]);
    uint8_t tweak[64];
    size_t tried = 0;
    for (size_t i = 0; i < sizeof tweak; i++) tweak[i] = (uint8_t)draw();
    for (unsigned radix = 2; radix <= 36; radix++) {
        wide domain = 1;
        for (size_t len = 1; domain <= ((wide)1 << 104) / radix; len++) {
            domain *= radix;
            if (domain < PRESERVE_LEAST) continue;
            uint8_t x[104], y[104], kept[104];
            const ff1 f = {.key = cipher, .radix = radix, .tweak = bytes_of(tweak, (tried * 7) % 65)};
            for (size_t i = 0; i < len; i++) kept[i] = (uint8_t)(draw() % radix);
            memcpy(x, kept, len), memcpy(y, kept, len);
            ff1_encrypt(&f, x, len);
            by_the_book(&f, y, len);
            assert_memory_equal(x, y, len);
            ff1_decrypt(&f, x, len);
            assert_memory_equal(x, kept, len);
            tried++;
        }
    }
    assert_true(tried > 600);
}

TEST("over the 10^6 values of six digits it is a permutation, and the way back is its own")
{
    VAULT_CLEANUP(block_free) block_cipher *cipher = keyed(SUITE_INTL, keys[2]);
    enum { ALL = 1000000 };
    uint8_t *seen = memory_array(ALL, 1);
    ff1_plan p;
    size_t still = 0;
    ff1_prepare(&p, &(ff1){.key = cipher, .radix = 10, .tweak = bytes_of_text("mobile")}, 6);
    for (uint32_t v = 0; v < ALL; v++) {
        uint64_t a = v / 1000, b = v % 1000;
        ff1_forward(&p, &a, &b);
        assert_true(a < 1000 && b < 1000);
        seen[a * 1000 + b]++;
        still += a * 1000 + b == v;
        ff1_back(&p, &a, &b);
        assert_int_equal(a * 1000 + b, v);
    }
    for (uint32_t v = 0; v < ALL; v++) assert_int_equal(seen[v], 1);
    assert_in_range(still, 0, 10); /* one is expected */
    memory_free(seen, ALL);
}

TEST("with SM4 under it a value goes and comes back, and is another one than with AES")
{
    VAULT_CLEANUP(block_free) block_cipher *sm4 = keyed(SUITE_GM, keys[0]), *aes = keyed(SUITE_INTL, keys[0]);
    const ff1 f = {.key = sm4, .radix = 10, .tweak = bytes_of_text("id_number")};
    const ff1 g = {.key = aes, .radix = 10, .tweak = f.tweak};
    for (int round = 0; round < 200; round++) {
        uint8_t x[17], y[17], kept[17];
        for (size_t i = 0; i < sizeof kept; i++) kept[i] = (uint8_t)(draw() % 10);
        memcpy(x, kept, sizeof x), memcpy(y, kept, sizeof y);
        ff1_encrypt(&f, x, sizeof x);
        ff1_encrypt(&g, y, sizeof y);
        assert_memory_not_equal(x, y, sizeof x);
        by_the_book(&f, kept, sizeof kept);
        assert_memory_equal(x, kept, sizeof x);
    }
}

TEST("tweaks and lengths separate")
{
    VAULT_CLEANUP(block_free) block_cipher *cipher = keyed(SUITE_INTL, keys[2]);
    const char *const tweaks[] = {"", "a", "b", "aa", "a\1"};
    uint8_t sealed[5][12];
    for (size_t i = 0; i < 5; i++) {
        memset(sealed[i], 0, sizeof sealed[i]);
        ff1_encrypt(&(ff1){.key = cipher, .radix = 10, .tweak = bytes_of_text(tweaks[i])}, sealed[i], 12);
        for (size_t j = 0; j < i; j++) assert_memory_not_equal(sealed[i], sealed[j], 12);
    }
    uint8_t shorter[11] = {0};
    ff1_encrypt(&(ff1){.key = cipher, .radix = 10}, shorter, 11);
    assert_memory_not_equal(shorter, sealed[0], 11);
}

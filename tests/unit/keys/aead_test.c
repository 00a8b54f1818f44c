#include "keys/keys.h"
#include "tests/support/harness.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char KEY[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";

/* Most tests run once in each suite. */
static suite_id suite = SUITE_INTL;
#define IN_BOTH_SUITES for (int s_ = SUITE_GM; s_ >= SUITE_INTL && (suite = (suite_id)s_); s_--)

static aead *given_cipher(const char *key)
{
    vault_error err = {0};
    uint8_t raw[KEY_LEN];
    aead *a;
    expect_ok(aead_new(&a, suite, &err), &err);
    expect_ok(aead_set_key(a, bytes_of(raw, unhex(raw, sizeof raw, key)), &err), &err);
    return a;
}

/* ---- known answers ---- */

static uint8_t next_nonce[NONCE_LEN];

static int nonce_source(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) out[i] = next_nonce[i % NONCE_LEN];
    return 0;
}

static void expect_vector(const char *key, const char *nonce, const char *plain, const char *aad, const char *sealed)
{
    vault_error err = {0};
    uint8_t text[256], context[64], out[256 + SEAL_OVERHEAD], back[256], wanted[256 + SEAL_OVERHEAD];
    bytes p = bytes_of(text, unhex(text, sizeof text, plain)),
          c = bytes_of(context, unhex(context, sizeof context, aad));
    size_t len = p.len + SEAL_OVERHEAD;
    unhex(next_nonce, NONCE_LEN, nonce);
    entropy_set_for_test(nonce_source);
    aead *a = given_cipher(key);
    expect_ok(aead_seal(a, out, c, p, &err), &err);
    entropy_set_for_test(NULL);
    unhex(wanted, NONCE_LEN, nonce);
    unhex(wanted + NONCE_LEN, sizeof wanted - NONCE_LEN, sealed);
    assert_memory_equal(out, wanted, len);
    expect_ok(aead_open(a, back, c, bytes_of(wanted, len), &err), &err);
    assert_memory_equal(back, text, p.len);
    aead_free(&a);
}

TEST("AES-256-GCM gives the answers of NIST (GCM specification, case 16; CAVP gcmEncryptExtIV256)")
{
    expect_vector(KEY, "cafebabefacedbaddecaf888",
                  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                  "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662 76fc6ece0f4e1768cddf8853bb2d551b");
    expect_vector("92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b", "ac93a1a6145299bde902f21a",
                  "2d71bcfa914e4ac045b2aa60955fad24", "1e0889016f67601c8ebea4943bc23ad6",
                  "8995ae2e6df3dbf96fac7b7137bae67f eca5aa77d51d4a0a14d9c51e1da474ab");
    expect_vector("78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223", "d79cf22d504cc793c3fb6c8a", "",
                  "b96baa8c1c75a671bfb2d08d06be5f36", "3e5d486aa2e30b22e040b85723a06e76");
}

/* SP 800-38D, algorithm 1, bit by bit: x = x * h in GF(2^128). */
static void ghash_times(uint8_t x[BLOCK_LEN], const uint8_t h[BLOCK_LEN])
{
    uint8_t z[BLOCK_LEN] = {0}, v[BLOCK_LEN];
    memcpy(v, h, sizeof v);
    for (int bit = 0; bit < 128; bit++) {
        bool set = x[bit / 8] >> (7 - bit % 8) & 1, last = v[BLOCK_LEN - 1] & 1;
        for (int i = 0; i < BLOCK_LEN && set; i++) z[i] ^= v[i];
        for (int i = BLOCK_LEN - 1; i > 0; i--) v[i] = (uint8_t)(v[i] >> 1 | v[i - 1] << 7);
        v[0] >>= 1;
        if (last) v[0] ^= 0xe1;
    }
    memcpy(x, z, sizeof z);
}

static void ghash_add(uint8_t sum[BLOCK_LEN], const uint8_t h[BLOCK_LEN], bytes b)
{
    for (size_t at = 0; at < b.len; at += BLOCK_LEN) {
        for (size_t i = 0; i < BLOCK_LEN && at + i < b.len; i++) sum[i] ^= b.at[at + i];
        ghash_times(sum, h);
    }
}

/* Algorithm 4 over the block cipher alone. out: nonce, ciphertext and tag, the nonce stands. */
static void gcm_by_hand(uint8_t *out, block_cipher *b, bytes aad, bytes plain)
{
    uint8_t h[BLOCK_LEN] = {0}, counter[BLOCK_LEN] = {0}, mask[BLOCK_LEN], sum[BLOCK_LEN] = {0}, lengths[BLOCK_LEN];
    uint8_t *text = out + NONCE_LEN, *tag = text + plain.len;
    block_encrypt(b, h, h);
    memcpy(counter, out, NONCE_LEN);
    for (size_t i = 0; i < plain.len; i++) {
        if (i % BLOCK_LEN == 0) counter[15] = (uint8_t)(2 + i / BLOCK_LEN), block_encrypt(b, mask, counter);
        text[i] = plain.at[i] ^ mask[i % BLOCK_LEN];
    }
    ghash_add(sum, h, aad);
    ghash_add(sum, h, bytes_of(text, plain.len));
    store_u64(lengths, 8 * aad.len);
    store_u64(lengths + 8, 8 * plain.len);
    ghash_add(sum, h, bytes_of(lengths, sizeof lengths));
    counter[15] = 1;
    block_encrypt(b, mask, counter);
    for (int i = 0; i < TAG_LEN; i++) tag[i] = sum[i] ^ mask[i];
}

TEST("values and contexts of every length are sealed as SP 800-38D has it over the suite's blocks")
{
    enum { MOST = 80 };
    vault_error err = {0};
    uint8_t key[KEY_LEN], plain[MOST], out[MOST + SEAL_OVERHEAD], wanted[MOST + SEAL_OVERHEAD], back[MOST];
    unhex(key, sizeof key, KEY);
    expect_ok(entropy_fill(plain, sizeof plain, &err), &err);
    IN_BOTH_SUITES
    {
        block_cipher *b;
        aead *a = given_cipher(KEY);
        expect_ok(block_new(&b, suite, bytes_of(key, sizeof key), &err), &err);
        for (size_t len = 0; len <= MOST; len++) {
            bytes aad = bytes_of(plain, 1 + len * 7 % MOST), text = bytes_of(plain, len);
            expect_ok(aead_seal(a, out, aad, text, &err), &err);
            memcpy(wanted, out, NONCE_LEN);
            gcm_by_hand(wanted, b, aad, text);
            assert_memory_equal(out, wanted, len + SEAL_OVERHEAD);
            expect_ok(aead_open(a, back, aad, bytes_of(wanted, len + SEAL_OVERHEAD), &err), &err);
            assert_memory_equal(back, plain, len);
        }
        block_free(&b);
        aead_free(&a);
    }
}

/* ---- refusals ---- */

typedef struct sample {
    aead *a;
    bytes aad, plain;
    uint8_t sealed[40 + SEAL_OVERHEAD], out[40];
} sample;

static sample given_sealed(void)
{
    vault_error err = {0};
    sample s = {.a = given_cipher(KEY),
                .aad = bytes_of_text("suite 1, resident 7, field 3, version 2"),
                .plain = bytes_of_text("forty bytes of a resident's own details.")};
    assert_int_equal(s.plain.len, 40);
    expect_ok(aead_seal(s.a, s.sealed, s.aad, s.plain, &err), &err);
    return s;
}

static void expect_refused(sample *s, bytes aad, bytes sealed)
{
    static const uint8_t zero[sizeof s->out];
    vault_error err = {0};
    memset(s->out, 0xee, sizeof s->out);
    expect_code(aead_open(s->a, s->out, aad, sealed, &err), VAULT_INTEGRITY, &err);
    if (sealed.len == sizeof s->sealed) assert_memory_equal(s->out, zero, sizeof zero);
}

static void try_flipped_values(void)
{
    sample s = given_sealed();
    for (size_t bit = 0; bit < 8 * sizeof s.sealed; bit++) {
        s.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_refused(&s, s.aad, bytes_of(s.sealed, sizeof s.sealed));
        s.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    aead_free(&s.a);
}

TEST("each flipped bit of a sealed value is found, and nothing is left in the output")
{
    IN_BOTH_SUITES try_flipped_values();
}

static void try_other_contexts(void)
{
    sample s = given_sealed();
    uint8_t other[64] = {0};
    memcpy(other, s.aad.at, s.aad.len);
    for (size_t bit = 0; bit < 8 * s.aad.len; bit++) {
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_refused(&s, bytes_of(other, s.aad.len), bytes_of(s.sealed, sizeof s.sealed));
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    expect_refused(&s, bytes_of(other, s.aad.len + 1), bytes_of(s.sealed, sizeof s.sealed));
    expect_refused(&s, bytes_of(other, s.aad.len - 1), bytes_of(s.sealed, sizeof s.sealed));
    aead_free(&s.a);
}

TEST("each flipped bit of the context, a longer and a shorter one are found")
{
    IN_BOTH_SUITES try_other_contexts();
}

static void try_cuts(void)
{
    sample s = given_sealed();
    for (size_t len = 0; len < sizeof s.sealed; len++) expect_refused(&s, s.aad, bytes_of(s.sealed, len));
    aead_free(&s.a);
}

TEST("every cut of a sealed value is found, down to nothing")
{
    IN_BOTH_SUITES try_cuts();
}

static void try_flipped_keys(void)
{
    vault_error err = {0};
    sample s = given_sealed();
    uint8_t key[KEY_LEN];
    unhex(key, sizeof key, KEY);
    size_t used = suite == SUITE_GM ? 16 : KEY_LEN;
    for (size_t bit = 0; bit < 8 * used; bit++) {
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_ok(aead_set_key(s.a, bytes_of(key, KEY_LEN), &err), &err);
        expect_refused(&s, s.aad, bytes_of(s.sealed, sizeof s.sealed));
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    expect_ok(aead_set_key(s.a, bytes_of(key, KEY_LEN), &err), &err);
    expect_ok(aead_open(s.a, s.out, s.aad, bytes_of(s.sealed, sizeof s.sealed), &err), &err);
    assert_memory_equal(s.out, s.plain.at, s.plain.len);
    aead_free(&s.a);
}

TEST("each flipped bit of the key is found; the right key on the same handle opens again")
{
    IN_BOTH_SUITES try_flipped_keys();
}

static void try_without_context(void)
{
    vault_error err = {0};
    sample s = given_sealed();
    static const uint8_t zero[sizeof s.sealed];
    expect_code(aead_open(s.a, s.out, bytes_of(NULL, 0), bytes_of(s.sealed, sizeof s.sealed), &err), VAULT_INTERNAL,
                &err);
    expect_code(aead_seal(s.a, s.sealed, bytes_of("", 0), s.plain, &err), VAULT_INTERNAL, &err);
    assert_memory_equal(s.sealed, zero, sizeof zero);
    aead_free(&s.a);
}

TEST("a missing context is an error when sealing and when opening")
{
    IN_BOTH_SUITES try_without_context();
}

static void try_without_key(void)
{
    vault_error err = {0};
    uint8_t out[64], key[33] = {1};
    aead *a;
    expect_ok(aead_new(&a, suite, &err), &err);
    expect_code(aead_seal(a, out, bytes_of_text("aad"), bytes_of_text("x"), &err), VAULT_INTERNAL, &err);
    expect_code(aead_open(a, out, bytes_of_text("aad"), bytes_of(out, 40), &err), VAULT_INTERNAL, &err);
    expect_ok(aead_set_key(a, bytes_of(key, 32), &err), &err);
    expect_code(aead_set_key(a, bytes_of(key, 16), &err), VAULT_INTERNAL, &err);
    expect_code(aead_seal(a, out, bytes_of_text("aad"), bytes_of_text("x"), &err), VAULT_INTERNAL, &err);
    expect_code(aead_set_key(a, bytes_of(key, 33), &err), VAULT_INTERNAL, &err);
    expect_code(aead_set_key(a, bytes_of(key, 0), &err), VAULT_INTERNAL, &err);
    aead_free(&a);
    aead_free(&a);
}

TEST("a handle without a key refuses, also after a key of a wrong length")
{
    IN_BOTH_SUITES try_without_key();
}

TEST("what one suite sealed does not open in the other, under the same key")
{
    uint8_t sealed[2][40 + SEAL_OVERHEAD];
    IN_BOTH_SUITES
    {
        sample s = given_sealed();
        memcpy(sealed[suite == SUITE_GM], s.sealed, sizeof s.sealed);
        aead_free(&s.a);
    }
    IN_BOTH_SUITES
    {
        sample s = given_sealed();
        expect_refused(&s, s.aad, bytes_of(sealed[suite == SUITE_INTL], sizeof sealed[0]));
        aead_free(&s.a);
    }
}

TEST("an unknown suite is refused")
{
    vault_error err = {0};
    uint8_t key[KEY_LEN] = {1};
    aead *a;
    prf *p;
    block_cipher *b;
    for (int id = -1; id < 5; id++) {
        if (id == SUITE_INTL || id == SUITE_GM) continue;
        expect_code(aead_new(&a, (suite_id)id, &err), VAULT_INVALID, &err);
        expect_code(prf_new(&p, (suite_id)id, bytes_of(key, KEY_LEN), &err), VAULT_INVALID, &err);
        assert_true(!a && !p);
        expect_code(block_new(&b, (suite_id)id, bytes_of(key, KEY_LEN), &err), VAULT_INVALID, &err);
        assert_null(b);
    }
}

/* ---- randomness ---- */

static int draws, draws_allowed;
static uint8_t *drawn;

static int dying_source(uint8_t *out, size_t len)
{
    drawn = out;
    memset(out, 0x5a, len);
    return draws++ < draws_allowed ? 0 : -1;
}

TEST("a failing random source refuses every seal and leaves nothing of what it gave")
{
    static const uint8_t zero[4096];
    vault_error err = {0};
    uint8_t out[40 + SEAL_OVERHEAD];
    aead *a = given_cipher(KEY);
    draws = draws_allowed = 0;
    entropy_set_for_test(dying_source);
    memset(out, 0xee, sizeof out);
    for (int i = 0; i < 3; i++) {
        expect_code(aead_seal(a, out, bytes_of_text("aad"), bytes_of(zero, 40), &err), VAULT_INTERNAL, &err);
        assert_memory_equal(out, zero, sizeof out);
    }
    assert_int_equal(draws, 3);
    assert_memory_equal(drawn, zero, 4096);
    entropy_set_for_test(NULL);
    expect_ok(aead_seal(a, out, bytes_of_text("aad"), bytes_of(zero, 40), &err), &err);
    aead_free(&a);
}

TEST("a source that dies half-way gives nothing, and used random bytes are wiped")
{
    static const uint8_t zero[5000];
    static uint8_t out[5000];
    vault_error err = {0};
    draws = 0, draws_allowed = 1;
    entropy_set_for_test(dying_source);
    expect_ok(entropy_fill(out, 100, &err), &err);
    assert_int_equal(out[99], 0x5a);
    assert_memory_equal(drawn, zero, 100);
    assert_int_equal(drawn[100], 0x5a);
    expect_code(entropy_fill(out, sizeof out, &err), VAULT_INTERNAL, &err);
    assert_memory_equal(out, zero, sizeof out);
    entropy_set_for_test(NULL);
}

TEST("the kernel's bytes are not all the same, whatever length is asked for")
{
    static uint8_t out[20000];
    vault_error err = {0};
    expect_ok(entropy_fill(out, 0, &err), &err);
    expect_ok(entropy_fill(out, sizeof out, &err), &err);
    int seen[256] = {0};
    for (size_t i = 0; i < sizeof out; i++) seen[out[i]]++;
    for (int i = 0; i < 256; i++) assert_in_range(seen[i], 20, 200); /* 78 expected */
}

TEST("a process that forked and its child draw different bytes")
{
    vault_error err = {0};
    uint8_t mine[32], other[32];
    int ends[2];
    expect_ok(entropy_fill(mine, sizeof mine, &err), &err); /* there is a block now */
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        bool good = entropy_fill(other, sizeof other, &err) == VAULT_OK;
        _exit(good && write(ends[1], other, sizeof other) == sizeof other ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(read(ends[0], other, sizeof other), sizeof other);
    expect_ok(entropy_fill(mine, sizeof mine, &err), &err);
    assert_memory_not_equal(mine, other, sizeof mine);
    close(ends[0]);
    close(ends[1]);
}

enum { SEALS = 1000000, THREADS = 2 };
typedef struct nonce {
    uint8_t at[NONCE_LEN];
} nonce;
static nonce nonces[SEALS];

static int nonce_order(const void *a, const void *b)
{
    return memcmp(a, b, NONCE_LEN);
}

static void *seal_many(void *slice)
{
    vault_error err = {0};
    uint8_t out[SEAL_OVERHEAD + 1];
    aead *a = given_cipher(KEY);
    for (nonce *n = slice; n < (nonce *)slice + SEALS / THREADS; n++) {
        if (aead_seal(a, out, bytes_of_text("aad"), bytes_of_text("x"), &err) != VAULT_OK) return slice;
        memcpy(n->at, out, NONCE_LEN);
    }
    aead_free(&a);
    return NULL;
}

TEST("no nonce repeats over a million seals by two threads")
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, seal_many, nonces + i * (SEALS / THREADS));
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    qsort(nonces, SEALS, sizeof *nonces, nonce_order);
    for (int i = 1; i < SEALS; i++) assert_true(nonce_order(&nonces[i - 1], &nonces[i]) < 0);
}

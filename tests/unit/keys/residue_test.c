/* No copy of a key in ordinary memory: the whole writable memory of this process is searched, the locked heaps apart.
 */
#include "keys/keys.h"
#include "tests/support/harness.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

__attribute__((weak)) void __asan_init(void);
__attribute__((weak)) void __tsan_init(void);

enum { WINDOW = 1 << 20, OVERLAP = KEY_LEN, REGIONS = 512 };
typedef struct region {
    unsigned long from, to;
} region;

static uint8_t window[WINDOW];

/* The key, itself under the two pads of HMAC, and last byte first as numbers lie in memory, held inverted so that the
 * searcher does not find itself. */
enum { FORMS = 4 };
static uint8_t hidden[FORMS][16];

static void hide(const uint8_t *key)
{
    static const uint8_t pads[] = {0, 0x36, 0x5c};
    for (int p = 0; p < 3; p++) {
        for (size_t i = 0; i < 16; i++) hidden[p][i] = (uint8_t) ~(key[i] ^ pads[p]);
    }
    for (size_t i = 0; i < 16; i++) hidden[3][i] = (uint8_t)~key[15 - i];
}

static bool hidden_at(const uint8_t *at)
{
    for (int p = 0; p < FORMS; p++) {
        size_t i = 0;
        while (i < 16 && (at[i] ^ hidden[p][i]) == 0xff) i++;
        if (i == 16) return true;
    }
    return false;
}

static size_t read_regions(region *out)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    char line[512], mode[8];
    size_t count = 0;
    while (count < REGIONS && fgets(line, sizeof line, maps)) {
        region r;
        if (sscanf(line, "%lx-%lx %7s", &r.from, &r.to, mode) == 3 && mode[0] == 'r' && mode[1] == 'w')
            out[count++] = r;
    }
    fclose(maps);
    return count;
}

static size_t copies_in(region r)
{
    size_t found = 0;
    for (unsigned long at = r.from; at < r.to; at += WINDOW - OVERLAP) {
        size_t len = r.to - at < WINDOW ? r.to - at : WINDOW;
        struct iovec here = {window, len}, there = {(void *)at, len};
        ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
        for (ssize_t i = 0; i + 16 <= got; i++) found += hidden_at(window + i);
        memset(window, 0, sizeof window);
    }
    return found;
}

static bool holds(region r, const void *at)
{
    return (unsigned long)at >= r.from && (unsigned long)at < r.to;
}

/* Outside the region of `locked` (libgcrypt's pool, which holds our heap and its handles). OpenSSL's own locked heap
 * stands between pages that cannot be read, so that it is a region by itself: exactly 64 KiB. */
static size_t copies_outside(const void *locked)
{
    region all[REGIONS];
    size_t found = 0, count = read_regions(all);
    for (size_t i = 0; i < count; i++) {
        if (!holds(all[i], locked) && !holds(all[i], window)) found += copies_in(all[i]);
    }
    return found;
}

static secret given_key(void)
{
    vault_error err = {0};
    secret key;
    expect_ok(secret_new(&key, KEY_LEN, &err), &err);
    expect_ok(entropy_fill(key.at, key.len, &err), &err);
    hide(key.at);
    return key;
}

/* Sanitizers keep copies of their own. */
static bool sanitized(void)
{
    return __asan_init || __tsan_init;
}

TEST("the search finds a copy in the heap, so that finding none means something")
{
    if (sanitized()) return;
    secret key = given_key();
    size_t before = copies_outside(key.at);
    volatile uint8_t *copy = memory_new(1000);
    for (int i = 0; i < KEY_LEN; i++) copy[333 + i] = key.at[i];
    assert_int_equal(copies_outside(key.at), before + 1);
    for (int i = 0; i < KEY_LEN; i++) copy[333 + i] ^= 0x5c;
    assert_int_equal(copies_outside(key.at), before + 1);
    memory_free((void *)(uintptr_t)copy, 1000);
    secret_clear(&key);
}

static void try_primitives(suite_id suite)
{
    vault_error err = {0};
    uint8_t out[64];
    const bytes part = bytes_of_text("sixteen bytes ok");
    secret key = given_key(), derived;
    aead *a;
    prf *p;
    block_cipher *b;
    expect_ok(aead_new(&a, suite, &err), &err);
    expect_ok(aead_set_key(a, secret_bytes(&key), &err), &err);
    expect_ok(aead_seal(a, out, part, part, &err), &err);
    assert_int_equal(copies_outside(key.at), 0);
    expect_ok(prf_new(&p, suite, secret_bytes(&key), &err), &err);
    prf_compute(p, out, 32, &part, 1);
    assert_int_equal(copies_outside(key.at), 0);
    expect_ok(block_new(&b, suite, secret_bytes(&key), &err), &err);
    block_encrypt(b, out, part.at);
    assert_int_equal(copies_outside(key.at), 0);
    expect_ok(key_derive(&derived, suite, secret_bytes(&key), "label", &err), &err);
    assert_int_equal(copies_outside(key.at), 0);
    hide(derived.at);
    assert_int_equal(copies_outside(key.at), 0);
    aead_free(&a);
    prf_free(&p);
    block_free(&b);
    secret_clear(&derived);
    secret_clear(&key);
}

TEST("sealing, MACs, blocks and derivation leave no copy of the key, while keyed and after, in both suites")
{
    if (sanitized()) return;
    try_primitives(SUITE_INTL);
    try_primitives(SUITE_GM);
}

static void try_signer(signature_kind kind)
{
    vault_error err = {0};
    uint8_t out[SIGNATURE_LEN];
    secret seed = given_key();
    signer *s;
    expect_ok(signer_new(&s, kind, secret_bytes(&seed), &err), &err);
    assert_int_equal(copies_outside(seed.at), 0);
    expect_ok(signer_sign(s, out, bytes_of_text("leaf"), &err), &err);
    assert_int_equal(copies_outside(seed.at), 0);
    signer_free(&s);
    assert_int_equal(copies_outside(seed.at), 0);
    secret_clear(&seed);
}

TEST("a signer leaves no copy of its seed, while it stands and after, of either kind")
{
    if (sanitized()) return;
    try_signer(SIGNATURE_ED25519);
    try_signer(SIGNATURE_SM2);
}

TEST("making and opening a ring, and reading a key file, leave no copy")
{
    if (sanitized()) return;
    vault_error err = {0};
    secret key = given_key(), read;
    ring r;
    keyring *k;
    expect_ok(ring_create(&r, secret_bytes(&key),
                          &(ring_wish){.name = "record", .version = 1, .suite = SUITE_INTL, .since = 1}, &err),
              &err);
    expect_ok(keyring_new(&k, &err), &err);
    expect_ok(keyring_add(k, secret_bytes(&key), &r, &err), &err);
    assert_int_equal(copies_outside(key.at), 0);
    hide(r.key.at);
    assert_int_equal(copies_outside(key.at), 0);
    secret_clear(&r.key);
    keyring_free(&k);
    char path[64];
    snprintf(path, sizeof path, "/tmp/residue_test.%d", (int)getpid());
    expect_ok(root_key_file_create(path, &err), &err);
    expect_ok(root_key_from_file(&read, path, &err), &err);
    hide(read.at);
    assert_int_equal(copies_outside(key.at), 0);
    unlink(path);
    secret_clear(&read);
    secret_clear(&key);
}

TEST("a passphrase's key and the passphrase itself leave no copy in Argon2's working memory")
{
    if (sanitized()) return;
    vault_error err = {0};
    const argon2_cost cost = {.passes = 2, .memory_kib = 2048, .lanes = 2};
    secret phrase = given_key(), key;
    expect_ok(root_key_from_passphrase(&key, secret_bytes(&phrase), bytes_of_text("sixteen bytes ok"), cost, &err),
              &err);
    assert_int_equal(copies_outside(phrase.at), 0);
    hide(key.at);
    assert_int_equal(copies_outside(phrase.at), 0);
    secret_clear(&key);
    secret_clear(&phrase);
}

static const secret *watched;
static int watches;

/* libgfshare asks for random bytes when it is told what to split, and to overwrite what it had. With sixteen shares it
 * empties our block of them while it holds all that it ever does. */
static int watching_source(uint8_t *out, size_t len)
{
    assert_int_equal(copies_outside(watched->at), 0);
    watches++;
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(i * i * 7 + 3 * i + len);
    return 0;
}

TEST("splitting and joining leave no copy of the key or a share, and the library has none while it works")
{
    if (sanitized()) return;
    vault_error err = {0};
    secret key = given_key(), texts, values, back;
    share shares[SHARES_MAX];
    root_seal seal = {.source = ROOT_SHARES, .generation = 1, .threshold = SHARES_MAX, .shares = SHARES_MAX};
    watched = &key, watches = 0;
    entropy_set_for_test(watching_source);
    expect_ok(shares_split(&texts, &seal, secret_bytes(&key), &err), &err);
    entropy_set_for_test(NULL);
    assert_true(watches > 2);
    assert_int_equal(copies_outside(key.at), 0);
    expect_ok(secret_new(&values, SHARES_MAX * KEY_LEN, &err), &err);
    for (size_t i = 0; i < SHARES_MAX; i++) {
        shares[i].at = values.at + i * KEY_LEN;
        bytes text = bytes_of_text((const char *)texts.at + i * SHARE_TEXT_MAX);
        expect_ok(share_read(&shares[i], &seal, text, &err), &err);
    }
    for (size_t i = 0; i < SHARES_MAX; i += 5) {
        hide(shares[i].at);
        watched = &values;
        entropy_set_for_test(watching_source);
        expect_ok(shares_join(&back, &seal, shares, &err), &err);
        entropy_set_for_test(NULL);
        assert_int_equal(copies_outside(key.at), 0);
        hide(key.at);
        assert_int_equal(copies_outside(key.at), 0);
        secret_clear(&back);
    }
    hide(texts.at);
    assert_int_equal(copies_outside(key.at), 0);
    secret_clear(&texts);
    secret_clear(&values);
    secret_clear(&key);
}

TEST("sealing a root key and opening it leave no copy of it or of the unseal key")
{
    if (sanitized()) return;
    vault_error err = {0};
    secret unseal = given_key(), root = given_key(), opened;
    root_seal seal = {.source = ROOT_FILE, .generation = 1};
    expect_ok(root_seal_make(&seal, "vault", secret_bytes(&root), secret_bytes(&unseal), &err), &err);
    expect_ok(root_seal_open(&opened, &seal, "vault", secret_bytes(&unseal), &err), &err);
    assert_int_equal(copies_outside(root.at), 0);
    hide(unseal.at);
    assert_int_equal(copies_outside(root.at), 0);
    secret_clear(&opened);
    secret_clear(&root);
    secret_clear(&unseal);
}

/* bench-keys: values sealed and opened in memory by one thread, as vault/record does it, against libgcrypt's cipher
 * alone.
 *
 *   KIND SIZE SUITE SECONDS     seal       a value of SIZE bytes is padded, sealed with a fresh nonce, and wiped
 *                               open       a sealed value is opened, its padding checked, and wiped
 *                               seal-bare  the same padding, context and lengths by libgcrypt; the nonce is a counter
 *                               open-bare
 *                               seal-new   as seal, each value under another key, as a resident's first one is
 */
#include "tests/bench/bench.h"

#include "keys/keys.h"
#include "tokenizer/format.h"
#include "vault/base/clock.h"
#include "vault/base/secret.h"

#include <gcrypt.h>
#include <stdlib.h>
#include <string.h>

enum { POOL = 1024, VALUE_MAX = 64, PADDED_MOST = 96, CONTEXT_LEN = 25, SUITES = SUITE_GM + 1 };

static struct {
    size_t len, padded; /* of the value at hand */
    suite_id suite;
    secret scratch;
    aead *ours[SUITES];
    gcry_cipher_hd_t bare[SUITES];
    uint8_t context[CONTEXT_LEN], value[VALUE_MAX], keys[POOL][KEY_LEN];
    uint8_t sealed[POOL][PADDED_MOST + SEAL_OVERHEAD];
    uint64_t nonce, sum; /* of what is opened, so that it is */
    vault_error err;
} bench;

static bytes value(void)
{
    return bytes_of(bench.value, bench.len);
}

static bytes context(void)
{
    return bytes_of(bench.context, CONTEXT_LEN);
}

/* ---- ours ---- */

static void seal(size_t i)
{
    pad(bench.scratch.at, bench.padded, value());
    bytes padded = bytes_of(bench.scratch.at, bench.padded);
    must(aead_seal(bench.ours[bench.suite], bench.sealed[i], context(), padded, &bench.err), &bench.err, "seal");
    wipe(bench.scratch.at, bench.padded);
}

static void seal_new(size_t i)
{
    must(aead_set_key(bench.ours[bench.suite], bytes_of(bench.keys[i], KEY_LEN), &bench.err), &bench.err, "key");
    seal(i);
}

static void check_padding(void)
{
    bytes inside;
    must(unpad(&inside, bytes_of(bench.scratch.at, bench.padded), &bench.err), &bench.err, "padding");
    bench.sum += inside.at[0] + inside.len;
}

static void open_sealed(size_t i)
{
    bytes sealed = bytes_of(bench.sealed[i], bench.padded + SEAL_OVERHEAD);
    must(aead_open(bench.ours[bench.suite], bench.scratch.at, context(), sealed, &bench.err), &bench.err, "open");
    check_padding();
    wipe(bench.scratch.at, bench.padded);
}

/* ---- libgcrypt alone ---- */

static void good(gcry_error_t error)
{
    if (error) die("libgcrypt: %s", gcry_strerror(error));
}

static void seal_bare(size_t i)
{
    gcry_cipher_hd_t h = bench.bare[bench.suite];
    uint8_t *out = bench.sealed[i];
    memset(out, 0, NONCE_LEN);
    store_u64(out, bench.nonce++);
    pad(bench.scratch.at, bench.padded, value());
    good(gcry_cipher_setiv(h, out, NONCE_LEN));
    good(gcry_cipher_authenticate(h, bench.context, CONTEXT_LEN));
    good(gcry_cipher_encrypt(h, out + NONCE_LEN, bench.padded, bench.scratch.at, bench.padded));
    good(gcry_cipher_gettag(h, out + NONCE_LEN + bench.padded, TAG_LEN));
}

static void open_bare(size_t i)
{
    gcry_cipher_hd_t h = bench.bare[bench.suite];
    const uint8_t *in = bench.sealed[i];
    good(gcry_cipher_setiv(h, in, NONCE_LEN));
    good(gcry_cipher_authenticate(h, bench.context, CONTEXT_LEN));
    good(gcry_cipher_decrypt(h, bench.scratch.at, bench.padded, in + NONCE_LEN, bench.padded));
    good(gcry_cipher_checktag(h, in + NONCE_LEN + bench.padded, TAG_LEN));
    check_padding();
}

/* ---- runs ---- */

static void key_all(void)
{
    must(aead_set_key(bench.ours[bench.suite], bytes_of(bench.keys[0], KEY_LEN), &bench.err), &bench.err, "key");
    good(gcry_cipher_setkey(bench.bare[bench.suite], bench.keys[0], bench.suite == SUITE_GM ? 16 : KEY_LEN));
}

static void run(void (*one)(size_t), double seconds)
{
    samples s = {0};
    window w = {0};
    key_all();
    for (size_t i = 0; i < POOL; i++) seal(i);
    for (int64_t started = clock_monotonic_us(); window_goes_on(&w, started, seconds);) {
        int64_t began = clock_monotonic_us();
        for (size_t i = 0; i < POOL; i++) one(i);
        if (window_counts(&w)) samples_add(&s, clock_monotonic_us() - began, POOL);
    }
    window_report(&w, &s);
    samples_clear(&s);
}

static void start(void)
{
    static const int ciphers[SUITES] = {[SUITE_INTL] = GCRY_CIPHER_AES256, [SUITE_GM] = GCRY_CIPHER_SM4};
    must(secret_heap_init(1 << 20, &bench.err), &bench.err, "secure heap");
    must(secret_new(&bench.scratch, PADDED_MOST, &bench.err), &bench.err, "scratch");
    must(entropy_fill(&bench.keys[0][0], sizeof bench.keys, &bench.err), &bench.err, "keys");
    memset(bench.value, '7', sizeof bench.value);
    for (suite_id s = SUITE_INTL; s <= SUITE_GM; s++) {
        must(aead_new(&bench.ours[s], s, &bench.err), &bench.err, "cipher");
        good(gcry_cipher_open(&bench.bare[s], ciphers[s], GCRY_CIPHER_MODE_GCM, GCRY_CIPHER_SECURE));
    }
}

int main(void)
{
    static const struct {
        const char *name;
        void (*one)(size_t i);
    } kinds[] = {{"seal", seal},
                 {"open", open_sealed},
                 {"seal-bare", seal_bare},
                 {"open-bare", open_bare},
                 {"seal-new", seal_new}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    command c;
    start();
    while (command_read(&c)) {
        size_t i = 0;
        while (i < KINDS && !command_is(&c, kinds[i].name, 4)) i++;
        if (i == KINDS) die("bench-keys: seal, open, seal-bare, open-bare or seal-new, SIZE SUITE SECONDS");
        bench.len = (size_t)command_number(&c, 1);
        if (bench.len == 0 || bench.len > VALUE_MAX || !suite_named(&bench.suite, c.words[2]))
            die("bench-keys: which?");
        bench.padded = padded_length(bench.len);
        run(kinds[i].one, command_seconds(&c, 3));
    }
    return 0;
}

/* Shamir's shares (k of n over GF(2^8)) by libgfshare, which works in ordinary memory. So it is never told a key or a
 * share: interpolation is linear, and a polynomial plus a constant is another one with that constant added everywhere.
 * Splitting, it makes shares of zero, and the key is added to each of them here; joining, the same random mask is added
 * to each share before, and to the result after. Its own memory it fills with random bytes when it is done. */
#include "keys/share_text.h"
#include "vault/base/digest.h"

#include <libgfshare.h>
#include <pthread.h>
#include <string.h>

static const char CHECK_CONTEXT[] = "resident-vault share 1";
enum { THRESHOLD_LEAST = 2 }; /* with one, every share is the key */

/* ---- the library ---- */

static _Thread_local bool random_failed; /* its random source has no way to say so */

static void fill_random(unsigned char *out, unsigned int len)
{
    vault_error err = {0};
    if (entropy_fill(out, len, &err) != VAULT_OK) random_failed = true; /* what it was to fill is wiped */
}

static void give_random_source(void)
{
    gfshare_fill_rand = fill_random;
}

static void splitter_free(gfshare_ctx **c)
{
    if (*c) gfshare_ctx_free(*c);
}

static void begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, give_random_source);
    random_failed = false;
}

static void add(uint8_t *to, const uint8_t *what)
{
    for (size_t i = 0; i < KEY_LEN; i++) to[i] ^= what[i];
}

/* values: seal->shares x KEY_LEN, of the shares 1, 2, ... */
static vault_code split(uint8_t *values, const root_seal *seal, bytes key, vault_error *err)
{
    uint8_t numbers[SHARES_MAX], zero[KEY_LEN] = {0};
    for (uint8_t i = 0; i < SHARES_MAX; i++) numbers[i] = (uint8_t)(i + 1);
    begin();
    VAULT_CLEANUP(splitter_free)
    gfshare_ctx *c = gfshare_ctx_init_enc(numbers, seal->shares, (uint8_t)seal->threshold, KEY_LEN);
    if (!c) return vault_fail(err, VAULT_INTERNAL, "libgfshare: no room to split");
    gfshare_ctx_enc_setsecret(c, zero);
    if (random_failed) return vault_fail(err, VAULT_INTERNAL, "no random bytes: nothing is split");
    for (uint8_t i = 0; i < seal->shares; i++) {
        gfshare_ctx_enc_getshare(c, i, values + i * KEY_LEN);
        add(values + i * KEY_LEN, key.at);
    }
    return VAULT_OK;
}

static void join_masked(uint8_t *out, gfshare_ctx *c, const share *shares, size_t count, const uint8_t *mask)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(out, shares[i].at, KEY_LEN);
        add(out, mask);
        gfshare_ctx_dec_giveshare(c, (uint8_t)i, out);
    }
    gfshare_ctx_dec_extract(c, out);
    add(out, mask);
}

static vault_code join(uint8_t *out, const share *shares, size_t count, vault_error *err)
{
    uint8_t numbers[SHARES_MAX];
    VAULT_CLEANUP(secret_clear) secret mask = {0};
    for (size_t i = 0; i < count; i++) numbers[i] = shares[i].number;
    VAULT_TRY(secret_new(&mask, KEY_LEN, err));
    VAULT_TRY(entropy_fill(mask.at, mask.len, err));
    begin();
    VAULT_CLEANUP(splitter_free) gfshare_ctx *c = gfshare_ctx_init_dec(numbers, (unsigned)count, KEY_LEN);
    if (!c) return vault_fail(err, VAULT_INTERNAL, "libgfshare: no room to join");
    join_masked(out, c, shares, count, mask.at);
    return VAULT_OK;
}

/* ---- what a seal knows of its shares ---- */

static void check_of(uint8_t out[SHARE_CHECK_LEN], const root_seal *seal, uint8_t number, const uint8_t *value)
{
    uint8_t about[64];
    writer w = writer_over(about, sizeof about);
    put_sized(&w, bytes_of_text(CHECK_CONTEXT));
    put_bytes(&w, bytes_of(seal->salt, sizeof seal->salt));
    put_u32(&w, seal->generation);
    put_u8(&w, number);
    const bytes parts[] = {writer_bytes(&w), bytes_of(value, KEY_LEN)};
    digest d = sha256_parts(parts, 2);
    memcpy(out, d.at, SHARE_CHECK_LEN);
    wipe(&d, sizeof d);
}

/* Every share takes part in an attempt to get the key back before anybody is given one. */
static vault_code rehearse(uint8_t *values, const root_seal *seal, bytes key, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret back = {0};
    VAULT_TRY(secret_new(&back, KEY_LEN, err));
    for (uint32_t first = 0; first < seal->shares; first++) {
        share some[SHARES_MAX];
        for (uint32_t i = 0; i < seal->threshold; i++) {
            uint32_t at = (first + i) % seal->shares;
            some[i] = (share){.number = (uint8_t)(at + 1), .at = values + at * KEY_LEN};
        }
        VAULT_TRY(join(back.at, some, seal->threshold, err));
        if (!bytes_equal_secret(secret_bytes(&back), key))
            return vault_fail(err, VAULT_INTERNAL, "libgfshare: shares that do not give the key back");
    }
    return VAULT_OK;
}

static vault_code write_all(secret *texts, root_seal *seal, uint8_t *values, vault_error *err)
{
    for (uint8_t i = 0; i < seal->shares; i++) {
        share_words words = {.generation = seal->generation,
                             .number = (uint8_t)(i + 1),
                             .threshold = (uint8_t)seal->threshold,
                             .value = values + i * KEY_LEN};
        memcpy(words.set, seal->salt, sizeof words.set);
        check_of(seal->checks[i], seal, words.number, words.value);
        VAULT_TRY(share_text_write((char *)texts->at + i * SHARE_TEXT_MAX, &words, err));
    }
    return VAULT_OK;
}

vault_code shares_split(secret *texts, root_seal *seal, bytes unseal, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret values = {0}, written = {0};
    *texts = (secret){0};
    if (seal->shares > SHARES_MAX || seal->threshold < THRESHOLD_LEAST || seal->threshold > seal->shares ||
        unseal.len != KEY_LEN) {
        return vault_fail(err, VAULT_INVALID, "%u of %u shares: %d to %d, and no more needed than there are",
                          seal->threshold, seal->shares, THRESHOLD_LEAST, SHARES_MAX);
    }
    VAULT_TRY(secret_new(&values, seal->shares * KEY_LEN, err));
    VAULT_TRY(secret_new(&written, seal->shares * SHARE_TEXT_MAX, err));
    memset(seal->checks, 0, sizeof seal->checks);
    VAULT_TRY(entropy_fill(seal->salt, sizeof seal->salt, err));
    VAULT_TRY(split(values.at, seal, unseal, err));
    VAULT_TRY(rehearse(values.at, seal, unseal, err));
    VAULT_TRY(write_all(&written, seal, values.at, err));
    *texts = secret_move(&written);
    return VAULT_OK;
}

/* ---- entering ---- */

static const char *wrong_with(const share_words *words, const root_seal *seal)
{
    uint8_t check[SHARE_CHECK_LEN];
    if (words->generation != seal->generation || words->threshold != seal->threshold || words->number == 0 ||
        words->number > seal->shares || seal->shares > SHARES_MAX ||
        !bytes_same(bytes_of(words->set, SHARE_SET_LEN), bytes_of(seal->salt, SHARE_SET_LEN)))
        return "SHARE_OTHER_SET";
    check_of(check, seal, words->number, words->value);
    bool good =
        bytes_equal_secret(bytes_of(check, sizeof check), bytes_of(seal->checks[words->number - 1], sizeof check));
    return good ? NULL : "SHARE_WRONG";
}

vault_code share_read(share *out, const root_seal *seal, bytes text, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret value = {0};
    VAULT_TRY(secret_new(&value, KEY_LEN, err));
    share_words words = {.value = value.at};
    VAULT_TRY(share_text_read(&words, text, err));
    const char *reason = wrong_with(&words, seal);
    if (reason) return vault_refuse(err, VAULT_INVALID, reason, "");
    out->number = words.number;
    memcpy(out->at, value.at, KEY_LEN);
    return VAULT_OK;
}

static bool numbers_differ(const root_seal *seal, const share *shares)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < seal->threshold; i++) {
        uint8_t number = shares[i].number;
        if (number == 0 || number > seal->shares || seen >> number & 1) return false;
        seen |= 1U << number;
    }
    return true;
}

vault_code shares_join(secret *unseal, const root_seal *seal, const share *shares, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    *unseal = (secret){0};
    if (seal->shares > SHARES_MAX || seal->threshold < THRESHOLD_LEAST || seal->threshold > seal->shares ||
        !numbers_differ(seal, shares))
        return vault_fail(err, VAULT_INVALID, "not %u different shares", seal->threshold);
    VAULT_TRY(secret_new(&key, KEY_LEN, err));
    VAULT_TRY(join(key.at, shares, seal->threshold, err));
    *unseal = secret_move(&key);
    return VAULT_OK;
}

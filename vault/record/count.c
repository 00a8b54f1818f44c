/* What is counted (vault/store/counts.h), under keys below the ring "rows", which stays: an id that changed with a
 * rotation would count everybody once more.
 *
 *   id      first 16 bytes of PRF(ids, parts, each with its length)
 *   sealed  suite ‖ nonce ‖ ciphertext ‖ tag;  AAD = "K" ‖ suite ‖ id */
#include "vault/record/internal.h"

static const char ID_LABEL[] = "resident-vault count id 1", SEAL_LABEL[] = "resident-vault count 1";
enum { PARTS_MOST = 8, COUNT_AAD_LEN = 2 + COUNT_KEY_LEN };

static vault_code open_seal(cabinet *c, const ring *rows, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    VAULT_CLEANUP(aead_free) aead *seal = NULL;
    VAULT_TRY(key_derive(&key, rows->suite, secret_bytes(&rows->key), SEAL_LABEL, err));
    VAULT_TRY(aead_new(&seal, rows->suite, err));
    VAULT_TRY(aead_set_key(seal, secret_bytes(&key), err));
    c->counts = seal;
    seal = NULL;
    return VAULT_OK;
}

/* The handles are opened when they are first needed: most vaults count nothing. */
static vault_code open_counts(cabinet *c, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    if (c->count_ids && c->counts) return VAULT_OK;
    const ring *rows = keyring_active(c->keys, "rows");
    if (!rows) return vault_fail(err, VAULT_INTERNAL, "the ring of rows has no active version");
    if (!c->counts) VAULT_TRY(open_seal(c, rows, err));
    VAULT_TRY(key_derive(&key, rows->suite, secret_bytes(&rows->key), ID_LABEL, err));
    return prf_new(&c->count_ids, rows->suite, secret_bytes(&key), err);
}

vault_code cabinet_count_id(cabinet *c, uint8_t out[COUNT_KEY_LEN], const bytes *parts, size_t count, vault_error *err)
{
    uint8_t lengths[PARTS_MOST][4];
    bytes all[2 * PARTS_MOST];
    VAULT_TRY(open_counts(c, err));
    if (count == 0 || count > PARTS_MOST) return vault_fail(err, VAULT_INTERNAL, "a counter of %zu parts", count);
    for (size_t i = 0; i < count; i++) {
        writer w = writer_over(lengths[i], sizeof lengths[i]);
        put_u32(&w, (uint32_t)parts[i].len);
        all[2 * i] = writer_bytes(&w);
        all[2 * i + 1] = parts[i];
    }
    prf_compute(c->count_ids, out, COUNT_KEY_LEN, all, 2 * count);
    return VAULT_OK;
}

static bytes count_aad(uint8_t at[COUNT_AAD_LEN], suite_id suite, bytes id)
{
    writer w = writer_over(at, COUNT_AAD_LEN);
    put_u8(&w, 'K');
    put_u8(&w, (uint8_t)suite);
    put_bytes(&w, id);
    return writer_bytes(&w);
}

vault_code cabinet_seal_count(cabinet *c, bytes *out, const uint8_t id[COUNT_KEY_LEN], bytes plain, vault_error *err)
{
    uint8_t aad[COUNT_AAD_LEN];
    VAULT_TRY(open_counts(c, err));
    suite_id suite = aead_suite(c->counts);
    uint8_t *at = arena_alloc(c->mem, 1 + plain.len + SEAL_OVERHEAD);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a counter");
    at[0] = (uint8_t)suite;
    VAULT_TRY(aead_seal(c->counts, at + 1, count_aad(aad, suite, bytes_of(id, COUNT_KEY_LEN)), plain, err));
    *out = bytes_of(at, 1 + plain.len + SEAL_OVERHEAD);
    return VAULT_OK;
}

vault_code cabinet_open_count(cabinet *c, bytes *out, const uint8_t id[COUNT_KEY_LEN], bytes sealed, vault_error *err)
{
    uint8_t aad[COUNT_AAD_LEN];
    VAULT_TRY(open_counts(c, err));
    suite_id suite = aead_suite(c->counts);
    if (sealed.len < 1 + SEAL_OVERHEAD || sealed.at[0] != (uint8_t)suite)
        return vault_fail(err, VAULT_INTEGRITY, "a counter is cut short, or of another suite");
    size_t len = sealed.len - 1 - SEAL_OVERHEAD;
    uint8_t *at = arena_alloc(c->mem, len + 1);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a counter");
    VAULT_TRY(aead_open(c->counts, at, count_aad(aad, suite, bytes_of(id, COUNT_KEY_LEN)),
                        bytes_of(sealed.at + 1, sealed.len - 1), err));
    *out = bytes_of(at, len);
    return VAULT_OK;
}

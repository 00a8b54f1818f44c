/* The manifest at rest. */
#include "vault/control/internal.h"

#include <string.h>

enum { RING_VERSION_LEN = 4, CONTEXT_MAX = 128 };

digest manifest_digest(bytes text, int64_t version)
{
    uint8_t end[8];
    store_u64(end, (uint64_t)version);
    const bytes parts[] = {text, bytes_of(end, sizeof end)};
    return sha256_parts(parts, 2);
}

static bytes context_of(uint8_t out[CONTEXT_MAX], const ring *r, const manifest *m)
{
    writer w = writer_over(out, CONTEXT_MAX);
    put_bytes(&w, bytes_of_text("manifest"));
    put_u32(&w, r->version);
    put_sized(&w, bytes_of_text(m->vault));
    put_u64(&w, (uint64_t)m->version);
    return writer_bytes(&w);
}

static vault_code cipher_of(aead **out, const ring *r, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    VAULT_CLEANUP(aead_free) aead *cipher = NULL;
    VAULT_TRY(key_derive(&key, secret_bytes(&r->key), "manifest", err));
    VAULT_TRY(aead_new(&cipher, r->suite, err));
    VAULT_TRY(aead_set_key(cipher, secret_bytes(&key), err));
    *out = cipher;
    cipher = NULL;
    return VAULT_OK;
}

vault_code manifest_seal(bytes *out, arena *mem, const keyring *keys, const manifest *m, bytes text, vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *cipher = NULL;
    const ring *r = keyring_active(keys, "control");
    size_t len = RING_VERSION_LEN + text.len + SEAL_OVERHEAD;
    uint8_t *sealed = arena_alloc(mem, len), context[CONTEXT_MAX];
    if (!sealed) return vault_fail(err, VAULT_EXHAUSTED, "manifest: %zu bytes do not fit", len);
    if (!r) return vault_fail(err, VAULT_INTEGRITY, "no active key ring 'control'");
    VAULT_TRY(cipher_of(&cipher, r, err));
    writer w = writer_over(sealed, RING_VERSION_LEN);
    put_u32(&w, r->version);
    VAULT_TRY(aead_seal(cipher, sealed + RING_VERSION_LEN, context_of(context, r, m), text, err));
    *out = bytes_of(sealed, len);
    return VAULT_OK;
}

vault_code manifest_unseal(bytes *text, arena *mem, const keyring *keys, const manifest *m, bytes sealed,
                           vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *cipher = NULL;
    reader in = reader_over(sealed);
    const ring *r = keyring_find(keys, "control", get_u32(&in));
    if (in.short_ || !r || in.rest.len <= SEAL_OVERHEAD) {
        return vault_fail(err, VAULT_INTEGRITY, "manifest: version %lld is cut or names no key", (long long)m->version);
    }
    size_t len = in.rest.len - SEAL_OVERHEAD;
    uint8_t *plain = arena_alloc(mem, len), context[CONTEXT_MAX];
    if (!plain) return vault_fail(err, VAULT_EXHAUSTED, "manifest: %zu bytes do not fit", len);
    VAULT_TRY(cipher_of(&cipher, r, err));
    VAULT_TRY(aead_open(cipher, plain, context_of(context, r, m), in.rest, err));
    *text = bytes_of(plain, len);
    return VAULT_OK;
}

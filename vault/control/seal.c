/* Manifests and documents at rest. */
#include "vault/control/internal.h"

#include <string.h>

enum { RING_VERSION_LEN = 4, CONTEXT_MAX = 256 };

vault_code document_canonical(bytes *out, arena *mem, json_t *value, vault_error *err)
{
    const size_t flags = JSON_SORT_KEYS | JSON_COMPACT;
    size_t len = json_dumpb(value, NULL, 0, flags);
    char *text = arena_alloc(mem, len);
    if (len == 0 || !text) return vault_fail(err, VAULT_EXHAUSTED, "control: a text of %zu bytes does not fit", len);
    json_dumpb(value, text, len, flags);
    *out = bytes_of(text, len);
    return VAULT_OK;
}

static bytes context_of(uint8_t out[CONTEXT_MAX], const ring *r, const seal_place *at)
{
    writer w = writer_over(out, CONTEXT_MAX);
    put_sized(&w, bytes_of_text(at->kind));
    put_u32(&w, r->version);
    put_sized(&w, bytes_of_text(at->vault));
    put_u64(&w, (uint64_t)at->version);
    return w.overflow ? (bytes){0} : writer_bytes(&w); /* no context is an error of its own */
}

static vault_code cipher_of(aead **out, const ring *r, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    VAULT_CLEANUP(aead_free) aead *cipher = NULL;
    VAULT_TRY(key_derive(&key, r->suite, secret_bytes(&r->key), "manifest", err));
    VAULT_TRY(aead_new(&cipher, r->suite, err));
    VAULT_TRY(aead_set_key(cipher, secret_bytes(&key), err));
    *out = cipher;
    cipher = NULL;
    return VAULT_OK;
}

vault_code control_seal(bytes *out, arena *mem, const keyring *keys, const seal_place *at, bytes text, vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *cipher = NULL;
    const ring *r = keyring_active(keys, "control");
    size_t len = RING_VERSION_LEN + text.len + SEAL_OVERHEAD;
    uint8_t *sealed = arena_alloc(mem, len), context[CONTEXT_MAX];
    if (!sealed) return vault_fail(err, VAULT_EXHAUSTED, "control: %zu bytes do not fit", len);
    if (!r) return vault_fail(err, VAULT_INTEGRITY, "no active key ring 'control'");
    VAULT_TRY(cipher_of(&cipher, r, err));
    writer w = writer_over(sealed, RING_VERSION_LEN);
    put_u32(&w, r->version);
    VAULT_TRY(aead_seal(cipher, sealed + RING_VERSION_LEN, context_of(context, r, at), text, err));
    *out = bytes_of(sealed, len);
    return VAULT_OK;
}

vault_code control_unseal(bytes *text, arena *mem, const keyring *keys, const seal_place *at, bytes sealed,
                          vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *cipher = NULL;
    reader in = reader_over(sealed);
    const ring *r = keyring_find(keys, "control", get_u32(&in));
    if (in.short_ || !r || in.rest.len <= SEAL_OVERHEAD) {
        return vault_fail(err, VAULT_INTEGRITY, "control: %.40s %lld is cut or names no key", at->kind,
                          (long long)at->version);
    }
    size_t len = in.rest.len - SEAL_OVERHEAD;
    uint8_t *plain = arena_alloc(mem, len), context[CONTEXT_MAX];
    if (!plain) return vault_fail(err, VAULT_EXHAUSTED, "control: %zu bytes do not fit", len);
    VAULT_TRY(cipher_of(&cipher, r, err));
    if (aead_open(cipher, plain, context_of(context, r, at), in.rest, err) != VAULT_OK) {
        vault_code code = err->code;
        vault_error_clear(err);
        return vault_fail(err, code, "control: %.40s %lld does not open: its row is not as it was written", at->kind,
                          (long long)at->version);
    }
    *text = bytes_of(plain, len);
    return VAULT_OK;
}

vault_code control_reseal(sealed_row *inout, arena *mem, const manifest *m, vault_error *err)
{
    const seal_place at = {.kind = inout->in == CONTROL_MANIFESTS ? "manifest" : inout->name,
                           .vault = m->vault,
                           .version = inout->version};
    bytes text;
    VAULT_TRY(control_unseal(&text, mem, manifest_keys(m), &at, inout->sealed, err));
    return control_seal(&inout->sealed, mem, manifest_keys(m), &at, text, err);
}

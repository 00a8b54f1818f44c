/* The root key at rest. Always under AES-256-GCM, whatever suite the rings have: it must open before any ring does. */
#include "keys/internal.h"

static const char CONTEXT[] = "resident-vault root 1";
enum { CONTEXT_MAX = 512 };

const char *root_source_name(root_source s)
{
    static const char *const names[ROOT_SOURCES] = {
        [ROOT_FILE] = "file", [ROOT_PASSPHRASE] = "passphrase", [ROOT_SHARES] = "shares"};
    const char *name = (unsigned)s < ROOT_SOURCES ? names[s] : NULL;
    return name ? name : "";
}

static bytes context_of(uint8_t out[CONTEXT_MAX], const root_seal *s, const char *vault)
{
    writer w = writer_over(out, CONTEXT_MAX);
    put_sized(&w, bytes_of_text(CONTEXT));
    put_sized(&w, bytes_of_text(vault));
    put_u32(&w, (uint32_t)s->source);
    put_u32(&w, s->generation);
    put_u32(&w, s->threshold);
    put_u32(&w, s->shares);
    put_bytes(&w, bytes_of(s->salt, sizeof s->salt));
    put_u32(&w, s->cost.passes);
    put_u32(&w, s->cost.memory_kib);
    put_u32(&w, s->cost.lanes);
    put_bytes(&w, bytes_of(s->checks, sizeof s->checks));
    return w.overflow ? (bytes){0} : writer_bytes(&w); /* no context is an error of its own */
}

static vault_code cipher_of(aead **out, bytes unseal, vault_error *err)
{
    VAULT_TRY(aead_new(out, SUITE_INTL, err));
    return aead_set_key(*out, unseal, err);
}

vault_code root_seal_make(root_seal *inout, const char *vault, bytes root, bytes unseal, vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *a = NULL;
    uint8_t context[CONTEXT_MAX];
    if (root.len != KEY_LEN || inout->generation == 0 || inout->source == 0 || inout->source >= ROOT_SOURCES)
        return vault_fail(err, VAULT_INTERNAL, "a root key of %zu bytes, or of no source", root.len);
    VAULT_TRY(cipher_of(&a, unseal, err));
    return aead_seal(a, inout->wrapped, context_of(context, inout, vault), root, err);
}

vault_code root_seal_open(secret *root, const root_seal *s, const char *vault, bytes unseal, vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *a = NULL;
    VAULT_CLEANUP(secret_clear) secret opened = {0};
    uint8_t context[CONTEXT_MAX];
    *root = (secret){0};
    VAULT_TRY(secret_new(&opened, KEY_LEN, err));
    VAULT_TRY(cipher_of(&a, unseal, err));
    if (aead_open(a, opened.at, context_of(context, s, vault), bytes_of(s->wrapped, sizeof s->wrapped), err) !=
        VAULT_OK) {
        vault_code code = err->code;
        vault_error_clear(err);
        return vault_fail(err, code,
                          "the root key does not open: another key, passphrase or shares than this vault's,"
                          " or its row was edited");
    }
    *root = secret_move(&opened);
    return VAULT_OK;
}

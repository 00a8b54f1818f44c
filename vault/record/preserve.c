/* Format-preserving tokens of a domain: FF1 under a key of the domain's epoch, with the field's name as tweak. */
#include "vault/record/internal.h"

static const char LABEL[] = "resident-vault ff1 1";

/* NULL in *out when the domain has no such epoch, or its key is gone. */
static vault_code ff1_key(cabinet *c, block_cipher **out, const domain *d, uint32_t epoch, vault_error *err)
{
    domain_key *key = NULL;
    *out = NULL;
    VAULT_TRY(cabinet_domain_key(c, &key, d, epoch, err));
    if (!key) return VAULT_OK;
    if (!key->ff1) {
        VAULT_CLEANUP(secret_clear) secret derived = {0};
        const ring *from = keyring_find(c->keys, d->ring, epoch);
        if (!from) return VAULT_OK;
        VAULT_TRY(key_derive(&derived, from->suite, secret_bytes(&from->key), LABEL, err));
        VAULT_TRY(block_new(&key->ff1, from->suite, secret_bytes(&derived), err));
    }
    *out = key->ff1;
    return VAULT_OK;
}

static preserve transform_of(block_cipher *key, const schema_field *field)
{
    return (preserve){.key = key, .format = field->format, .tweak = bytes_of_text(field->name)};
}

vault_code cabinet_preserve(cabinet *c, char out[PRESERVE_TEXT_MAX + 1], const schema_field *field, bytes text,
                            vault_error *err)
{
    const domain *d = c->acting;
    block_cipher *key = NULL;
    if (!d || !field->token) return vault_fail(err, VAULT_INTERNAL, "no domain, or no token form, for a token");
    VAULT_TRY(ff1_key(c, &key, d, cabinet_current_epoch(c, d), err));
    if (!key) return vault_fail(err, VAULT_INTERNAL, "%s has no active epoch", d->ring);
    const preserve how = transform_of(key, field);
    return preserve_seal(out, &how, text, err);
}

vault_code cabinet_restore(cabinet *c, bytes *out, const preserved *from, vault_error *err)
{
    char text[PRESERVE_TEXT_MAX + 1];
    block_cipher *key = NULL;
    *out = bytes_of("", 0);
    VAULT_TRY(ff1_key(c, &key, from->domain, from->epoch, err));
    if (!key) return VAULT_OK;
    const preserve how = transform_of(key, from->field);
    VAULT_TRY(preserve_open(text, &how, from->text, err));
    const bytes plain = bytes_of_text(text);
    const char *kept = arena_text(c->mem, plain);
    wipe(text, sizeof text);
    if (!kept) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a value");
    *out = bytes_of(kept, plain.len);
    return VAULT_OK;
}

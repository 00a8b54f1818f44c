/* Rotation of the record ring: what it wraps is opened under the version that it is under, and sealed under the active
 * one. Values, tags and terms stay as they are. */
#include "vault/record/internal.h"

static vault_code active_version(uint32_t *version, suite_id *suite, const cabinet *c, vault_error *err)
{
    const ring *active = keyring_active(c->keys, "record");
    if (!active) return vault_fail(err, VAULT_INTERNAL, "ring 'record' has no active version");
    *version = active->version;
    *suite = active->suite;
    return VAULT_OK;
}

/* Rows, tags and fields are in the suite of their keys' version: another suite needs them sealed anew. */
static vault_code check_suite(const cabinet *c, uint32_t from, suite_id to, vault_error *err)
{
    const ring *old = keyring_find(c->keys, "record", from);
    if (!old) return vault_fail(err, VAULT_INTEGRITY, "record ring has no version %u", from);
    return old->suite == to ? VAULT_OK : vault_fail(err, VAULT_INTERNAL, "a rewrap into another suite");
}

static vault_code wrap_again(cabinet *c, uint8_t *wrapped, const key_row *old, uint32_t to, vault_error *err)
{
    uint8_t *plain = c->scratch.at;
    const key_row next = {.id = old->id, .ring_version = (int32_t)to};
    VAULT_TRY(keys_unwrap(c, plain, old, err));
    vault_code code = keys_wrap(c, wrapped, &next, plain, err);
    wipe(plain, RECORD_KEYS_LEN);
    return code;
}

vault_code record_rewrap(cabinet *c, key_row *inout, vault_error *err)
{
    uint32_t to = 0;
    suite_id suite = SUITE_NONE;
    if (inout->dek.len != WRAPPED_KEYS_LEN || inout->ring_version <= 0)
        return vault_fail(err, VAULT_INTEGRITY, "keys of resident %lld are not what they were", (long long)inout->id);
    VAULT_TRY(active_version(&to, &suite, c, err));
    VAULT_TRY(check_suite(c, (uint32_t)inout->ring_version, suite, err));
    uint8_t *wrapped = arena_alloc(c->mem, WRAPPED_KEYS_LEN);
    if (!wrapped) return vault_fail(err, VAULT_EXHAUSTED, "no memory for keys");
    VAULT_TRY(wrap_again(c, wrapped, inout, to, err));
    inout->dek = bytes_of(wrapped, WRAPPED_KEYS_LEN);
    inout->ring_version = (int32_t)to;
    return VAULT_OK;
}

/* ---- notes ---- */

uint32_t note_version(bytes sealed)
{
    reader r = reader_over(sealed);
    uint32_t version = get_u32(&r);
    return r.short_ ? 0 : version;
}

vault_code cabinet_reseal_note(cabinet *c, bytes *out, bytes context, bytes sealed, vault_error *err)
{
    bytes plain;
    VAULT_TRY(cabinet_open_note(c, &plain, context, sealed, err));
    return cabinet_seal_note(c, out, context, plain, err);
}

/* What the vault keeps for itself about a request, sealed below the record ring:
 *
 *   ring version (4, big-endian) ‖ nonce ‖ ciphertext ‖ tag;  AAD = "N" ‖ suite ‖ ring version ‖ context */
#include "vault/record/internal.h"

enum { NOTE_HEADER_LEN = 4 };

static const char NOTE_LABEL[] = "resident-vault note 1";

/* Keys the note handle below a version of the record ring. INTEGRITY when there is no such version. */
static vault_code note_key(cabinet *c, uint32_t version, vault_error *err)
{
    if (version != 0 && c->note_version == version) return VAULT_OK;
    const ring *found = keyring_find(c->keys, "record", version);
    if (!found) return vault_fail(err, VAULT_INTEGRITY, "record ring has no version %u", version);
    VAULT_CLEANUP(secret_clear) secret key = {0};
    VAULT_TRY(key_derive(&key, found->suite, secret_bytes(&found->key), NOTE_LABEL, err));
    c->note_version = 0;
    VAULT_TRY(aead_set_key(c->note, secret_bytes(&key), err));
    c->note_version = version;
    return VAULT_OK;
}

/* The note handle and its context are ready for one call. */
static vault_code note_prepare(cabinet *c, uint32_t version, bytes context, bytes *aad, vault_error *err)
{
    writer w = writer_over(c->aad, TAG_AAD_MAX);
    put_u8(&w, 'N');
    put_u8(&w, SUITE_INTL);
    put_u32(&w, version);
    put_bytes(&w, context);
    if (context.len == 0 || w.overflow)
        return vault_fail(err, VAULT_INTERNAL, "a note with a context of %zu bytes", context.len);
    *aad = writer_bytes(&w);
    return note_key(c, version, err);
}

vault_code cabinet_seal_note(cabinet *c, bytes *out, bytes context, bytes plain, vault_error *err)
{
    const ring *active = keyring_active(c->keys, "record");
    size_t len = NOTE_HEADER_LEN + plain.len + SEAL_OVERHEAD;
    bytes aad;
    if (!active) return vault_fail(err, VAULT_INTERNAL, "ring 'record' has no active version");
    VAULT_TRY(note_prepare(c, active->version, context, &aad, err));
    uint8_t *at = arena_alloc(c->mem, len);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a note");
    writer w = writer_over(at, NOTE_HEADER_LEN);
    put_u32(&w, active->version);
    VAULT_TRY(aead_seal(c->note, at + NOTE_HEADER_LEN, aad, plain, err));
    *out = bytes_of(at, len);
    return VAULT_OK;
}

vault_code cabinet_open_note(cabinet *c, bytes *out, bytes context, bytes sealed, vault_error *err)
{
    reader r = reader_over(sealed);
    uint32_t version = get_u32(&r);
    bytes aad;
    if (r.short_ || r.rest.len < SEAL_OVERHEAD) return vault_fail(err, VAULT_INTEGRITY, "a note is cut short");
    VAULT_TRY(note_prepare(c, version, context, &aad, err));
    size_t len = r.rest.len - SEAL_OVERHEAD;
    uint8_t *at = arena_alloc(c->mem, len + 1);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a note");
    VAULT_TRY(aead_open(c->note, at, aad, r.rest, err));
    *out = bytes_of(at, len);
    return VAULT_OK;
}

/* What the vault keeps for itself about a request, sealed below the record ring:
 *
 *   ring version (4, big-endian) ‖ nonce ‖ ciphertext ‖ tag;  AAD = "N" ‖ suite ‖ ring version ‖ context */
#include "vault/record/internal.h"

enum { NOTE_HEADER_LEN = 4 };

static const char NOTE_LABEL[] = "resident-vault note 1";

/* The note handle below a version of the record ring. INTEGRITY when there is no such version. */
static vault_code note_key(cabinet *c, record_key **out, uint32_t version, vault_error *err)
{
    VAULT_TRY(cabinet_record_key(c, out, version, err));
    record_key *below = *out;
    if (below->note) return VAULT_OK;
    VAULT_CLEANUP(secret_clear) secret key = {0};
    VAULT_CLEANUP(aead_free) aead *note = NULL;
    VAULT_TRY(key_derive(&key, below->of->suite, secret_bytes(&below->of->key), NOTE_LABEL, err));
    VAULT_TRY(aead_new(&note, below->of->suite, err));
    VAULT_TRY(aead_set_key(note, secret_bytes(&key), err));
    below->note = note;
    note = NULL;
    return VAULT_OK;
}

typedef struct note_way {
    aead *by;
    bytes aad;
} note_way;

/* The note handle and its context are ready for one call. */
static vault_code note_prepare(cabinet *c, uint32_t version, bytes context, note_way *out, vault_error *err)
{
    record_key *below = NULL;
    VAULT_TRY(note_key(c, &below, version, err));
    writer w = writer_over(c->aad, TAG_AAD_MAX);
    put_u8(&w, 'N');
    put_u8(&w, (uint8_t)below->of->suite);
    put_u32(&w, version);
    put_bytes(&w, context);
    if (context.len == 0 || w.overflow)
        return vault_fail(err, VAULT_INTERNAL, "a note with a context of %zu bytes", context.len);
    *out = (note_way){.by = below->note, .aad = writer_bytes(&w)};
    return VAULT_OK;
}

vault_code cabinet_seal_note(cabinet *c, bytes *out, bytes context, bytes plain, vault_error *err)
{
    uint32_t version = c->active->of->version;
    size_t len = NOTE_HEADER_LEN + plain.len + SEAL_OVERHEAD;
    note_way how;
    VAULT_TRY(note_prepare(c, version, context, &how, err));
    uint8_t *at = arena_alloc(c->mem, len);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a note");
    writer w = writer_over(at, NOTE_HEADER_LEN);
    put_u32(&w, version);
    VAULT_TRY(aead_seal(how.by, at + NOTE_HEADER_LEN, how.aad, plain, err));
    *out = bytes_of(at, len);
    return VAULT_OK;
}

vault_code cabinet_open_note(cabinet *c, bytes *out, bytes context, bytes sealed, vault_error *err)
{
    reader r = reader_over(sealed);
    uint32_t version = get_u32(&r);
    note_way how;
    if (r.short_ || r.rest.len < SEAL_OVERHEAD) return vault_fail(err, VAULT_INTEGRITY, "a note is cut short");
    VAULT_TRY(note_prepare(c, version, context, &how, err));
    size_t len = r.rest.len - SEAL_OVERHEAD;
    uint8_t *at = arena_alloc(c->mem, len + 1);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a note");
    VAULT_TRY(aead_open(how.by, at, how.aad, r.rest, err));
    *out = bytes_of(at, len);
    return VAULT_OK;
}

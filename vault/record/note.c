/* What the vault keeps for itself about a request, sealed below the record ring:
 *
 *   ring version (4, big-endian) ‖ nonce ‖ ciphertext ‖ tag;  AAD = "N" ‖ suite ‖ ring version ‖ context */
#include "vault/record/internal.h"

enum { NOTE_HEADER_LEN = 4 };

static const char NOTE_LABEL[] = "resident-vault note 1";

/* The note handle below a version of the record ring. INTEGRITY when there is no such version. */
static vault_code note_handle(cabinet *c, record_key **out, uint32_t version, vault_error *err)
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
    VAULT_TRY(note_handle(c, &below, version, err));
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

static vault_code note_unseal(cabinet *c, uint8_t *at, bytes context, bytes sealed, vault_error *err)
{
    reader r = reader_over(sealed);
    uint32_t version = get_u32(&r);
    note_way how;
    VAULT_TRY(note_prepare(c, version, context, &how, err));
    return aead_open(how.by, at, how.aad, r.rest, err);
}

vault_code cabinet_open_note(cabinet *c, bytes *out, bytes context, bytes sealed, vault_error *err)
{
    if (sealed.len < NOTE_HEADER_LEN + SEAL_OVERHEAD) return vault_fail(err, VAULT_INTEGRITY, "a note is cut short");
    size_t len = sealed.len - NOTE_HEADER_LEN - SEAL_OVERHEAD;
    uint8_t *at = arena_alloc(c->mem, len + 1);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a note");
    VAULT_TRY(note_unseal(c, at, context, sealed, err));
    *out = bytes_of(at, len);
    return VAULT_OK;
}

/* ---- lists ----
 *
 * suite (1) ‖ nonce ‖ ciphertext ‖ tag under the list's key;  AAD = "L" ‖ suite ‖ context. The suite is that of the
 * record ring when the list came: rotation brings its key over, not the list, which does not stay for long. */

enum { LIST_AAD_MAX = 64 };

static vault_code list_prepare(aead **out, suite_id suite, bytes key, vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *by = NULL;
    VAULT_TRY(aead_new(&by, suite, err));
    VAULT_TRY(aead_set_key(by, key, err));
    *out = by;
    by = NULL;
    return VAULT_OK;
}

static bytes list_aad(uint8_t out[LIST_AAD_MAX], suite_id suite, bytes context)
{
    writer w = writer_over(out, LIST_AAD_MAX);
    put_u8(&w, 'L');
    put_u8(&w, (uint8_t)suite);
    put_bytes(&w, context);
    return w.overflow ? bytes_of(out, 0) : writer_bytes(&w);
}

vault_code cabinet_seal_list(cabinet *c, sealed_list *out, bytes context, bytes plain, vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *by = NULL;
    VAULT_CLEANUP(secret_clear) secret key = {0};
    uint8_t aad[LIST_AAD_MAX];
    const suite_id suite = c->active->of->suite;
    const bytes bound = list_aad(aad, suite, context);
    uint8_t *at = arena_alloc(c->mem, 1 + plain.len + SEAL_OVERHEAD);
    if (!at || bound.len == 0) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a list");
    VAULT_TRY(secret_new(&key, KEY_LEN, err));
    VAULT_TRY(entropy_fill(key.at, KEY_LEN, err));
    VAULT_TRY(list_prepare(&by, suite, secret_bytes(&key), err));
    at[0] = (uint8_t)suite;
    VAULT_TRY(aead_seal(by, at + 1, bound, plain, err));
    VAULT_TRY(cabinet_seal_note(c, &out->key, context, secret_bytes(&key), err));
    out->sealed = bytes_of(at, 1 + plain.len + SEAL_OVERHEAD);
    return VAULT_OK;
}

vault_code cabinet_open_list(cabinet *c, bytes *out, bytes context, const sealed_list *from, vault_error *err)
{
    VAULT_CLEANUP(aead_free) aead *by = NULL;
    VAULT_CLEANUP(secret_clear) secret key = {0};
    uint8_t aad[LIST_AAD_MAX];
    if (from->key.len != NOTE_HEADER_LEN + KEY_LEN + SEAL_OVERHEAD || from->sealed.len < 1 + SEAL_OVERHEAD)
        return vault_fail(err, VAULT_INTEGRITY, "a list, or its key, is cut short");
    const suite_id suite = (suite_id)from->sealed.at[0];
    const bytes bound = list_aad(aad, suite, context);
    const size_t len = from->sealed.len - 1 - SEAL_OVERHEAD;
    if (suite != SUITE_INTL && suite != SUITE_GM) return vault_fail(err, VAULT_INTEGRITY, "a list of no suite");
    uint8_t *at = arena_alloc(c->mem, len + 1);
    if (!at || bound.len == 0) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a list");
    VAULT_TRY(secret_new(&key, KEY_LEN, err));
    VAULT_TRY(note_unseal(c, key.at, context, from->key, err));
    VAULT_TRY(list_prepare(&by, suite, secret_bytes(&key), err));
    VAULT_TRY(aead_open(by, at, bound, bytes_of(from->sealed.at + 1, from->sealed.len - 1), err));
    *out = bytes_of(at, len);
    return VAULT_OK;
}

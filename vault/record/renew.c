/* A row as it would be written today, of a record that nobody gave anything new about: its natural key and its terms
 * under the active versions of their rings, and on request all that is sealed under new keys of the resident. The view
 * key stays, because the lines about a resident are under it. */
#include "vault/record/internal.h"

#include <string.h>

typedef struct renewing {
    cabinet *c;
    const record *old;
    const record_renewal *how;
    resident_row *row;
    writer pack;
} renewing;

/* ---- under the same keys ---- */

static vault_code renew_terms(renewing *n, vault_error *err)
{
    const record_input nothing = {.collection = n->how->collection};
    sealing s = {.c = n->c, .in = &nothing, .dek = n->old->dek, .stored = n->old->row->sealed, .row = n->row};
    VAULT_TRY(cabinet_key_field(n->c, n->old->row->ring_version, n->old->dek, err));
    VAULT_TRY(seal_natural(&s, err));
    return seal_terms(&s, err);
}

/* ---- under new ones ---- */

/* The handle for what is sealed anew, while the field handle opens what is stored. */
static vault_code key_fresh(cabinet *c, aead **out, vault_error *err)
{
    suite_handles *h = &c->suites[c->active->of->suite];
    if (!h->fresh) VAULT_TRY(aead_new(&h->fresh, c->active->of->suite, err));
    *out = h->fresh;
    return aead_set_key(h->fresh, bytes_of(c->fresh.at, KEY_LEN), err);
}

/* The padding stays: a value is as long as it was. */
static vault_code reseal_segment(renewing *n, const segment *old, aead *fresh, vault_error *err)
{
    uint8_t buffer[FIELD_AAD_LEN];
    bytes inside;
    segment next = *old;
    next.suite = (uint8_t)n->c->active->of->suite;
    segment_write_header(&n->pack, &next);
    uint8_t *at = put_space(&n->pack, old->sealed.len);
    if (!at) return vault_fail(err, VAULT_INTERNAL, "a pack that grew");
    VAULT_TRY(segment_unseal(n->c, n->row->id, old, &inside, err));
    vault_code code =
        aead_seal(fresh, at, field_aad(buffer, n->row->id, &next), bytes_of(n->c->scratch.at, n->c->scratch_used), err);
    text_forget(n->c);
    return code;
}

static vault_code reseal_pack(renewing *n, vault_error *err)
{
    bytes stored = n->old->row->sealed;
    uint8_t *at = arena_alloc(n->c->mem, stored.len + 1);
    aead *fresh = NULL;
    segment s = {0};
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a record");
    n->pack = writer_over(at, stored.len);
    VAULT_TRY(key_fresh(n->c, &fresh, err));
    VAULT_TRY(cabinet_key_field(n->c, n->old->row->ring_version, n->old->dek, err));
    for (reader from = reader_over(stored); from.rest.len > 0;) {
        VAULT_TRY(segment_read(&s, &from, s.field, err));
        VAULT_TRY(reseal_segment(n, &s, fresh, err));
    }
    n->row->sealed = writer_bytes(&n->pack);
    return VAULT_OK;
}

static vault_code new_keys(renewing *n, vault_error *err)
{
    cabinet *c = n->c;
    uint8_t *wrapped = arena_alloc(c->mem, WRAPPED_KEYS_LEN);
    const key_row place = {.id = n->row->id, .ring_version = (int32_t)c->active->of->version};
    if (!wrapped) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a record");
    VAULT_TRY(entropy_fill(c->fresh.at, KEY_LEN, err));
    memcpy(c->fresh.at + KEY_LEN, n->old->dek + KEY_LEN, KEY_LEN);
    VAULT_TRY(keys_wrap(c, wrapped, &place, c->fresh.at, err));
    n->row->ring_version = place.ring_version;
    n->row->dek = bytes_of(wrapped, WRAPPED_KEYS_LEN);
    return VAULT_OK;
}

static vault_code reseal(renewing *n, vault_error *err)
{
    const record next = {.row = n->row, .genuine = true, .dek = n->c->fresh.at};
    const correction_move move = {.from = n->old, .to = &next};
    VAULT_TRY(new_keys(n, err));
    VAULT_TRY(reseal_pack(n, err));
    for (size_t i = 0; i < n->how->correction_count; i++)
        VAULT_TRY(correction_reseal(&n->how->corrections[i], n->c, &move, err));
    return VAULT_OK;
}

/* ---- both ---- */

static vault_code renew(renewing *n, vault_error *err)
{
    uint8_t *tag = arena_alloc(n->c->mem, ROW_TAG_LEN);
    if (!tag) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a record");
    VAULT_TRY(renew_terms(n, err));
    n->row->made = n->how->made;
    if (n->how->reseal) VAULT_TRY(reseal(n, err));
    return row_seal_tag(n->c, n->how->reseal ? n->c->fresh.at : n->old->dek, n->row, tag, err);
}

vault_code record_renew(resident_row *out, cabinet *c, const record *old, const record_renewal *how, vault_error *err)
{
    if (!old->genuine || old->row->collection != (int16_t)how->collection->number)
        return vault_fail(err, VAULT_INTERNAL, "a row that is not proven, or of another collection");
    *out = *old->row;
    out->was = old->row;
    vault_code code = renew(&(renewing){.c = c, .old = old, .how = how, .row = out}, err);
    wipe(c->fresh.at, c->fresh.len);
    return code;
}

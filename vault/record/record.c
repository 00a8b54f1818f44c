#include "vault/record/internal.h"

bytes field_aad(uint8_t out[FIELD_AAD_LEN], int64_t id, const segment *s)
{
    writer w = writer_over(out, FIELD_AAD_LEN);
    put_u8(&w, 'F');
    put_u8(&w, s->suite);
    put_u64(&w, (uint64_t)id);
    put_u16(&w, s->field);
    put_u32(&w, s->version);
    return writer_bytes(&w);
}

static vault_code key_tag(cabinet *c, const uint8_t dek[KEY_LEN], aead **out, int32_t ring_version, vault_error *err)
{
    uint8_t *key = c->scratch.at + SCRATCH_LEN - KEY_LEN;
    bytes part = bytes_of(dek, KEY_LEN);
    suite_handles *by = NULL;
    VAULT_TRY(cabinet_suite(c, &by, ring_version, err));
    prf_compute(by->tag_kdf, key, KEY_LEN, &part, 1);
    vault_code code = aead_set_key(by->tag, bytes_of(key, KEY_LEN), err);
    wipe(key, KEY_LEN);
    *out = by->tag;
    return code;
}

/* The row as AAD, valid until the next call. INTEGRITY: no row is so large. */
static vault_code tag_aad(cabinet *c, const resident_row *row, bytes *aad, vault_error *err)
{
    writer w = writer_over(c->aad, TAG_AAD_MAX);
    put_u8(&w, 'R');
    put_u64(&w, (uint64_t)row->id);
    put_u16(&w, (uint16_t)row->collection);
    put_bytes(&w, bytes_of(row->natural_key, NATURAL_KEY_LEN));
    put_u64(&w, (uint64_t)row->area);
    put_u16(&w, (uint16_t)row->state);
    put_u32(&w, (uint32_t)row->version);
    put_u64(&w, (uint64_t)row->made);
    put_u32(&w, (uint32_t)row->term_count);
    for (size_t i = 0; i < row->term_count; i++) put_u64(&w, (uint64_t)row->terms[i]);
    put_bytes(&w, row->sealed);
    if (w.overflow) return vault_fail(err, VAULT_INTEGRITY, "row %lld is too large", (long long)row->id);
    *aad = writer_bytes(&w);
    return VAULT_OK;
}

vault_code row_seal_tag(cabinet *c, const uint8_t dek[KEY_LEN], resident_row *row, uint8_t out[ROW_TAG_LEN],
                        vault_error *err)
{
    bytes aad;
    aead *by = NULL;
    VAULT_TRY(key_tag(c, dek, &by, row->ring_version, err));
    VAULT_TRY(tag_aad(c, row, &aad, err));
    VAULT_TRY(aead_seal(by, out, aad, bytes_of(NULL, 0), err));
    row->tag = bytes_of(out, ROW_TAG_LEN);
    return VAULT_OK;
}

void record_clear(record *r)
{
    if (r->dek) wipe(r->dek, RECORD_KEYS_LEN);
    *r = (record){.dek = r->dek};
}

static vault_code prove(record *out, cabinet *c, const resident_row *row, vault_error *err)
{
    const key_row wrapped = {.id = row->id, .ring_version = row->ring_version, .dek = row->dek};
    bytes aad;
    aead *by = NULL;
    if (row->tag.len != ROW_TAG_LEN)
        return vault_fail(err, VAULT_INTEGRITY, "row %lld lacks its tag", (long long)row->id);
    VAULT_TRY(keys_unwrap(c, out->dek, &wrapped, err));
    VAULT_TRY(key_tag(c, out->dek, &by, row->ring_version, err));
    VAULT_TRY(tag_aad(c, row, &aad, err));
    return aead_open(by, c->scratch.at, aad, row->tag, err);
}

/* Whoever asks for the same again waits as long again: as he would for a resident who is in the one suite or the other.
 */
static const resident_row *decoy_for(const cabinet *c, const resident_row *asked)
{
    uint64_t place = (uint64_t)asked->id ^ load_u64(asked->natural_key);
    return &c->decoys[c->decoy_count > 1 ? place % c->decoy_count : 0].row;
}

vault_code record_prove(record *out, cabinet *c, const resident_row *row, vault_error *err)
{
    out->row = row->found ? row : decoy_for(c, row);
    vault_code code = prove(out, c, out->row, err);
    out->genuine = code == VAULT_OK && row->found;
    if (code != VAULT_OK) record_clear(out);
    return code;
}

static vault_code key_field(aead **out, cabinet *c, const record *r, const uint8_t *key, vault_error *err)
{
    if (!r->row) return vault_fail(err, VAULT_INTERNAL, "a key of no row");
    VAULT_TRY(cabinet_key_field(c, r->row->ring_version, key, err));
    *out = c->field;
    return VAULT_OK;
}

vault_code record_cipher(aead **out, cabinet *c, const record *r, vault_error *err)
{
    return key_field(out, c, r, r->dek, err);
}

vault_code record_view_cipher(aead **out, cabinet *c, const record *r, vault_error *err)
{
    return key_field(out, c, r, r->dek + KEY_LEN, err);
}

/* ---- texts ---- */

vault_code text_seal(cabinet *c, uint8_t *out, bytes aad, bytes text, vault_error *err)
{
    size_t len = padded_length(text.len);
    pad(c->scratch.at, len, text);
    vault_code code = aead_seal(c->field, out, aad, bytes_of(c->scratch.at, len), err);
    wipe(c->scratch.at, len);
    return code;
}

vault_code text_open(cabinet *c, bytes *inside, bytes aad, bytes sealed, vault_error *err)
{
    if (sealed.len <= SEAL_OVERHEAD || sealed.len - SEAL_OVERHEAD > PADDED_MAX)
        return vault_fail(err, VAULT_INTEGRITY, "a sealed value has an impossible length");
    VAULT_TRY(aead_open(c->field, c->scratch.at, aad, sealed, err));
    c->scratch_used = sealed.len - SEAL_OVERHEAD;
    vault_code code = unpad(inside, bytes_of(c->scratch.at, c->scratch_used), err);
    if (code != VAULT_OK) text_forget(c);
    return code;
}

void text_forget(cabinet *c)
{
    wipe(c->scratch.at, c->scratch_used);
}

/* With a NUL behind it. */
static vault_code keep_text(cabinet *c, bytes *out, bytes text, vault_error *err)
{
    const char *at = arena_text(c->mem, text);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a value");
    *out = bytes_of(at, text.len);
    return VAULT_OK;
}

vault_code text_open_copy(cabinet *c, bytes *text, bytes aad, bytes sealed, vault_error *err)
{
    bytes inside;
    VAULT_TRY(text_open(c, &inside, aad, sealed, err));
    vault_code code = keep_text(c, text, inside, err);
    text_forget(c);
    return code;
}

/* ---- fields ---- */

vault_code segment_unseal(cabinet *c, int64_t id, const segment *s, bytes *inside, vault_error *err)
{
    uint8_t buffer[FIELD_AAD_LEN];
    if (s->suite != c->suite)
        return vault_fail(err, VAULT_INTEGRITY, "field %u of row %lld has an impossible suite", s->field,
                          (long long)id);
    return text_open(c, inside, field_aad(buffer, id, s), s->sealed, err);
}

vault_code segment_open(cabinet *c, int64_t id, const segment *s, bytes *text, vault_error *err)
{
    bytes inside;
    VAULT_TRY(segment_unseal(c, id, s, &inside, err));
    vault_code code = keep_text(c, text, inside, err);
    text_forget(c);
    return code;
}

vault_code segment_holds(cabinet *c, int64_t id, const segment *s, bytes text, bool *same, vault_error *err)
{
    bytes inside;
    VAULT_TRY(segment_unseal(c, id, s, &inside, err));
    *same = bytes_equal_secret(inside, text);
    text_forget(c);
    return VAULT_OK;
}

/* What the mask shows of a value: the value itself never leaves the locked memory. */
static vault_code segment_show(cabinet *c, int64_t id, const segment *s, const mask *shown, bytes *text,
                               vault_error *err)
{
    bytes inside, part;
    if (!shown) return vault_fail(err, VAULT_INTERNAL, "field %u has no mask", s->field);
    VAULT_TRY(segment_unseal(c, id, s, &inside, err));
    vault_code code = mask_apply(shown, c->mem, inside, &part, err);
    text_forget(c);
    return code == VAULT_OK ? keep_text(c, text, part, err) : code;
}

/* The value's token in the domain that is acted for; the value itself never leaves the locked memory. */
static vault_code segment_token(cabinet *c, int64_t id, const segment *s, const schema_field *field, bytes *text,
                                vault_error *err)
{
    bytes inside;
    char shown[PRESERVE_TEXT_MAX + 1];
    VAULT_TRY(segment_unseal(c, id, s, &inside, err));
    vault_code code = cabinet_preserve(c, shown, field, inside, err);
    text_forget(c);
    return code == VAULT_OK ? keep_text(c, text, bytes_of_text(shown), err) : code;
}

static bool is_granted(const grant *g, unsigned field)
{
    bool for_values = g->form == FORM_PLAIN || g->form == FORM_MASKED || g->form == FORM_TOKEN;
    return g->given && for_values && field < POLICY_FIELDS_MAX && field_set_has(g->fields, field);
}

vault_code field_open(field_text *out, cabinet *c, const grant *g, const record *r, const schema_field *field,
                      vault_error *err)
{
    if (!is_granted(g, field->number)) return vault_fail(err, VAULT_DENIED, "field %u is not granted", field->number);
    if (!r->genuine) return vault_fail(err, VAULT_INTERNAL, "field %u of a row that is not proven", field->number);
    segment s;
    bool found;
    VAULT_TRY(pack_find(&s, &found, r->row->sealed, field->number, err));
    *out = (field_text){.absent = !found};
    if (!found) return VAULT_OK;
    aead *cipher = NULL;
    VAULT_TRY(record_cipher(&cipher, c, r, err));
    if (g->form == FORM_MASKED) return segment_show(c, r->row->id, &s, field->mask, &out->text, err);
    if (g->form == FORM_TOKEN) return segment_token(c, r->row->id, &s, field, &out->text, err);
    return segment_open(c, r->row->id, &s, &out->text, err);
}

/* Rows from values. The sealed pack is written by merging two ordered lists, the stored segments and the given fields;
 * a given field replaces a stored one. */
#include "vault/record/internal.h"

#include <limits.h>

/* The values' fault, not that of a limit of the moment: another record of the same batch can be sealed. */
static vault_code too_large(vault_error *err)
{
    return vault_refuse(err, VAULT_INVALID, "RECORD_TOO_LARGE", "");
}

static vault_code seal_field(sealing *s, const input_field *f, vault_error *err)
{
    uint8_t buffer[FIELD_AAD_LEN];
    size_t len = padded_length(f->text.len);
    if (len == 0) return vault_refuse(err, VAULT_INVALID, "TOO_LONG", f->field->name);
    segment out = {.field = (uint16_t)f->field->number,
                   .version = (uint32_t)s->row->version,
                   .suite = (uint8_t)s->c->suite,
                   .department = s->in->department,
                   .collected = s->in->collected,
                   .sealed = bytes_of(NULL, len + SEAL_OVERHEAD)};
    segment_write_header(&s->pack, &out);
    uint8_t *at = put_space(&s->pack, out.sealed.len);
    if (!at) return too_large(err);
    return text_seal(s->c, at, field_aad(buffer, s->row->id, &out), f->text, err);
}

static vault_code seal_list(sealing *s, vault_error *err)
{
    uint8_t buffer[FIELD_AAD_LEN];
    size_t len = padded_length(s->listed.len);
    segment out = {.field = (uint16_t)s->list,
                   .version = (uint32_t)s->row->version,
                   .suite = (uint8_t)s->c->suite,
                   .sealed = bytes_of(NULL, len + SEAL_OVERHEAD)};
    if (len == 0) return too_large(err);
    segment_write_header(&s->pack, &out);
    uint8_t *at = put_space(&s->pack, out.sealed.len);
    if (!at) return too_large(err);
    return text_seal(s->c, at, field_aad(buffer, s->row->id, &out), s->listed, err);
}

static bool is_left_out(const sealing *s, unsigned field)
{
    return field < POLICY_FIELDS_MAX && field_set_has(s->dropped, field);
}

/* The number of what is given in this place: the fields, and then perhaps a list; UINT_MAX past the last. */
static unsigned given_number(const sealing *s, size_t at)
{
    if (at < s->in->count) return s->in->fields[at].field->number;
    return at == s->in->count && s->listed.len > 0 ? s->list : UINT_MAX;
}

/* Merges the stored segments with what is given into the pack. */
static vault_code write_pack(sealing *s, vault_error *err)
{
    reader from = reader_over(s->stored);
    segment old = {0};
    size_t given = 0;
    bool have = false;
    for (;;) {
        if (!have && from.rest.len > 0) {
            VAULT_TRY(segment_read(&old, &from, old.field, err));
            have = true;
        }
        unsigned number = given_number(s, given);
        if (!have && number == UINT_MAX) return VAULT_OK;
        if (have && old.field < number) {
            if (!is_left_out(s, old.field)) segment_write(&s->pack, &old);
            have = false;
            continue;
        }
        if (have && old.field == number) have = false;
        VAULT_TRY(given < s->in->count ? seal_field(s, &s->in->fields[given], err) : seal_list(s, err));
        given++;
    }
}

static size_t pack_room(const sealing *s)
{
    size_t room = s->stored.len;
    for (size_t i = 0; i < s->in->count; i++)
        room += SEGMENT_HEADER_LEN + SEAL_OVERHEAD + padded_length(s->in->fields[i].text.len);
    if (s->listed.len > 0) room += SEGMENT_HEADER_LEN + SEAL_OVERHEAD + padded_length(s->listed.len);
    return room < PACK_MAX ? room : PACK_MAX;
}

vault_code seal_row(sealing *s, vault_error *err)
{
    size_t room = pack_room(s);
    uint8_t *at = arena_alloc(s->c->mem, room), *tag = arena_alloc(s->c->mem, ROW_TAG_LEN);
    if (!at || !tag) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a record");
    s->pack = writer_over(at, room);
    VAULT_TRY(cabinet_key_field(s->c, s->row->ring_version, s->dek, err));
    VAULT_TRY(write_pack(s, err));
    if (s->stored.len > 0) VAULT_TRY(seal_natural(s, err));
    s->row->made = s->c->made;
    VAULT_TRY(seal_terms(s, err));
    if (s->pack.overflow) return too_large(err);
    s->row->sealed = writer_bytes(&s->pack);
    return row_seal_tag(s->c, s->dek, s->row, tag, err);
}

vault_code record_create(record *out, cabinet *c, resident_row *row, const record_input *in, vault_error *err)
{
    uint8_t *wrapped = arena_alloc(c->mem, WRAPPED_KEYS_LEN);
    const key_row place = {.id = row->id, .ring_version = (int32_t)c->active->of->version};
    if (!wrapped) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a record");
    row->collection = (int16_t)in->collection->number;
    row->area = in->area.code;
    row->state = RECORD_LIVE;
    row->version = 1;
    row->ring_version = place.ring_version;
    VAULT_TRY(entropy_fill(out->dek, RECORD_KEYS_LEN, err));
    VAULT_TRY(keys_wrap(c, wrapped, &place, out->dek, err));
    row->dek = bytes_of(wrapped, WRAPPED_KEYS_LEN);
    VAULT_TRY(seal_row(&(sealing){.c = c, .in = in, .dek = out->dek, .row = row}, err));
    out->row = row;
    out->genuine = true;
    return VAULT_OK;
}

/* Rows from values. The sealed pack is written by merging two ordered lists, the stored segments and the given fields;
 * a given field replaces a stored one. */
#include "vault/record/internal.h"

#include <limits.h>

enum { STREET = 1000000 }; /* the last six digits of an area: community and grid */

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
                   .suite = SUITE_INTL,
                   .department = s->in->department,
                   .collected = s->in->collected,
                   .sealed = bytes_of(NULL, len + SEAL_OVERHEAD)};
    segment_write_header(&s->pack, &out);
    uint8_t *at = put_space(&s->pack, out.sealed.len);
    if (!at) return too_large(err);
    return text_seal(s->c, at, field_aad(buffer, s->row->id, &out), f->text, err);
}

/* Merges the stored segments with the given fields into the pack. */
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
        if (!have && given == s->in->count) return VAULT_OK;
        unsigned number = given < s->in->count ? s->in->fields[given].field->number : UINT_MAX;
        if (have && old.field < number) {
            if (old.field != s->dropped) segment_write(&s->pack, &old);
            have = false;
            continue;
        }
        if (have && old.field == number) have = false;
        VAULT_TRY(seal_field(s, &s->in->fields[given++], err));
    }
}

/* The text of a field after the merge: given, or opened from the stored segment. Empty when the record has none. */
static vault_code merged_text(sealing *s, const schema_field *f, bytes *text, vault_error *err)
{
    *text = bytes_of(NULL, 0);
    for (size_t i = 0; i < s->in->count; i++) {
        if (s->in->fields[i].field == f) return *text = s->in->fields[i].text, VAULT_OK;
    }
    segment old;
    bool found;
    VAULT_TRY(pack_find(&old, &found, s->stored, f->number, err));
    return found && f->number != s->dropped ? segment_open(s->c, s->row->id, &old, text, err) : VAULT_OK;
}

/* Puts the terms of a field's value behind those that are there. */
static vault_code add_terms(sealing *s, const schema_field *f, bytes text, term_list *all, vault_error *err)
{
    prf *key = NULL;
    VAULT_TRY(cabinet_term(s->c, &key, f->name, err));
    for (index_kind k = 0; k < INDEX_KINDS; k++) {
        term_list more;
        const term_place place = {.kind = k, .format = f->format, .street = s->row->area / STREET};
        if (!(f->indexes & 1U << k)) continue;
        VAULT_TRY(terms_of_value(&more, s->c->mem, key, &place, text, err));
        int64_t *joined = arena_array(s->c->mem, all->count + more.count + 1, sizeof *joined);
        if (!joined) return vault_fail(err, VAULT_EXHAUSTED, "no memory for terms");
        for (size_t i = 0; i < all->count; i++) joined[i] = all->at[i];
        for (size_t i = 0; i < more.count; i++) joined[all->count + i] = more.at[i];
        *all = (term_list){.at = joined, .count = all->count + more.count};
    }
    return VAULT_OK;
}

static vault_code write_terms(sealing *s, vault_error *err)
{
    const collection *of = s->in->collection;
    term_list all = {0};
    for (size_t i = 0; i < of->count; i++) {
        bytes text;
        if (!of->fields[i]->indexes) continue;
        VAULT_TRY(merged_text(s, of->fields[i], &text, err));
        if (text.len > 0) VAULT_TRY(add_terms(s, of->fields[i], text, &all, err));
    }
    s->row->terms = all.at;
    s->row->term_count = all.count;
    return VAULT_OK;
}

static size_t pack_room(const sealing *s)
{
    size_t room = s->stored.len;
    for (size_t i = 0; i < s->in->count; i++)
        room += SEGMENT_HEADER_LEN + SEAL_OVERHEAD + padded_length(s->in->fields[i].text.len);
    return room < PACK_MAX ? room : PACK_MAX;
}

vault_code seal_row(sealing *s, vault_error *err)
{
    size_t room = pack_room(s);
    uint8_t *at = arena_alloc(s->c->mem, room), *tag = arena_alloc(s->c->mem, ROW_TAG_LEN);
    if (!at || !tag) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a record");
    s->pack = writer_over(at, room);
    s->row->state = RECORD_LIVE;
    VAULT_TRY(aead_set_key(s->c->field, bytes_of(s->dek, KEY_LEN), err));
    VAULT_TRY(write_pack(s, err));
    VAULT_TRY(write_terms(s, err));
    if (s->pack.overflow) return too_large(err);
    s->row->sealed = writer_bytes(&s->pack);
    return row_seal_tag(s->c, s->dek, s->row, tag, err);
}

vault_code record_create(record *out, cabinet *c, resident_row *row, const record_input *in, vault_error *err)
{
    uint8_t buffer[DEK_AAD_LEN], *wrapped = arena_alloc(c->mem, WRAPPED_DEK_LEN);
    const ring *active = keyring_active(c->keys, "record");
    aead *kek = NULL;
    if (!wrapped) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a record");
    row->collection = (int16_t)in->collection->number;
    row->area = in->area.code;
    row->version = 1;
    row->ring_version = (int32_t)active->version;
    VAULT_TRY(entropy_fill(out->dek, KEY_LEN, err));
    VAULT_TRY(cabinet_ring(c, &kek, active->version, err));
    VAULT_TRY(aead_seal(kek, wrapped, dek_aad(buffer, active->version, row->id), bytes_of(out->dek, KEY_LEN), err));
    row->dek = bytes_of(wrapped, WRAPPED_DEK_LEN);
    VAULT_TRY(seal_row(&(sealing){.c = c, .in = in, .dek = out->dek, .row = row}, err));
    out->row = row;
    out->genuine = true;
    return VAULT_OK;
}

/* What is told of a record beside its values: which fields it holds, and where each comes from. And the end of its use:
 * a restricted record is stored, and opened for nobody. */
#include "vault/record/internal.h"

vault_code record_fields(field_set *out, const record *r, vault_error *err)
{
    segment s = {0};
    *out = (field_set){0};
    if (!r->genuine) return VAULT_OK;
    for (reader from = reader_over(r->row->sealed); from.rest.len > 0;) {
        VAULT_TRY(segment_read(&s, &from, s.field, err));
        if (s.field < POLICY_FIELDS_MAX) field_set_add(out, s.field);
    }
    return VAULT_OK;
}

vault_code field_source_of(field_source *out, const grant *g, const record *r, const schema_field *field,
                           vault_error *err)
{
    segment s;
    bool found;
    bool granted = g->given && field->number < POLICY_FIELDS_MAX && field_set_has(g->fields, field->number);
    if (!granted) return vault_fail(err, VAULT_DENIED, "field %u is not granted", field->number);
    if (!r->genuine) return vault_fail(err, VAULT_INTERNAL, "field %u of a row that is not proven", field->number);
    VAULT_TRY(pack_find(&s, &found, r->row->sealed, field->number, err));
    *out = (field_source){.department = found ? s.department : 0, .collected = found ? s.collected : 0};
    return VAULT_OK;
}

vault_code record_restrict(resident_row *out, cabinet *c, const record *old, vault_error *err)
{
    uint8_t *tag = arena_alloc(c->mem, ROW_TAG_LEN);
    if (!tag) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a record");
    if (!old->genuine || old->row->version == INT32_MAX)
        return vault_fail(err, VAULT_INTERNAL, "a row that is not proven, or has no further version");
    *out = *old->row;
    out->state = RECORD_RESTRICTED;
    out->was = old->row;
    out->version++;
    return row_seal_tag(c, old->dek, out, tag, err);
}

/* What of a record is past its time. Values are dropped by their own retention. The natural key, which was collected
 * anew with every value, and the area stay as long as the record: that ends by the natural key's retention after the
 * newest of its values; where a law says how long records must be kept, it is stored until then, for nobody's eyes. */
#include "vault/record/internal.h"

#include "vault/base/clock.h"

/* The last day of so many months after it was collected, as YYYYMMDD. */
static uint32_t kept_until(uint32_t collected, unsigned months)
{
    return date_months_later(clock_shanghai_date((int64_t)collected * 1000000), months);
}

static bool stays_with_record(const collection *of, const schema_field *f)
{
    return f == of->natural_key || f == of->area;
}

static const schema_field *field_of(const collection *of, unsigned number)
{
    for (size_t i = 0; i < of->count; i++)
        if (of->fields[i]->number == number) return of->fields[i];
    return NULL;
}

vault_code record_due(record_age *out, const record *r, const collection *of, uint32_t today, vault_error *err)
{
    segment s = {0};
    uint32_t newest = 0;
    *out = (record_age){.fate = FATE_STAYS};
    if (!r->genuine) return vault_fail(err, VAULT_INTERNAL, "the age of a row that is not proven");
    for (reader from = reader_over(r->row->sealed); from.rest.len > 0;) {
        VAULT_TRY(segment_read(&s, &from, s.field, err));
        const schema_field *f = field_of(of, s.field);
        if (s.collected > newest) newest = s.collected;
        if (!f || stays_with_record(of, f) || kept_until(s.collected, f->retention_months) >= today) continue;
        field_set_add(&out->past, s.field);
        out->fate = FATE_DROPS;
    }
    out->term_runs = of->term_months > 0 && kept_until(newest, of->term_months) >= today;
    bool over = kept_until(newest, of->natural_key->retention_months) < today;
    if (r->row->state == RECORD_RESTRICTED)
        out->fate = out->term_runs ? FATE_STAYS : FATE_ERASED;
    else if (over)
        out->fate = out->term_runs ? FATE_RESTRICTED : FATE_ERASED;
    return VAULT_OK;
}

vault_code record_drop(resident_row *out, cabinet *c, const record *old, const record_dropping *what, vault_error *err)
{
    const collection *of = what->collection;
    const record_input nothing = {.collection = of};
    if (!old->genuine || old->row->version == INT32_MAX)
        return vault_fail(err, VAULT_INTERNAL, "a row that is not proven, or has no further version");
    *out = *old->row;
    out->was = old->row;
    out->version++;
    if (of->grid && of->grid != of->natural_key && field_set_has(what->fields, of->grid->number))
        out->area -= out->area % GRIDS;
    return seal_row(
        &(sealing){
            .c = c, .in = &nothing, .dek = old->dek, .stored = old->row->sealed, .dropped = what->fields, .row = out},
        err);
}

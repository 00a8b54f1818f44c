/* Permits to list records beyond the small page that needs none (Records.Browse): by whom, where, which fields, how
 * many, why and until when. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERMITS_MAX = 1000, ROWS_MAX = 500, STREET_DIGITS = 9 };

/* What an entry says, before it is checked. */
typedef struct permit_entry {
    const char *collection, *area, *until;
    json_t *fields;
    json_int_t rows;
} permit_entry;

/* Apps have rules. */
static vault_code check_principal(builder *b, const char *id)
{
    const manifest_body *body = b->body;
    for (size_t i = body->app_count; i < body->principal_count; i++) {
        if (strcmp(body->principals[i].id, id) == 0) return VAULT_OK;
    }
    return builder_fail(b, "principal", "unknown officer or administrator '%.40s': register it in principals", id);
}

static vault_code read_field(builder *b, browse_permit *out, size_t i, json_t *value)
{
    char key[32];
    const char *name = json_string_value(value);
    snprintf(key, sizeof key, "fields[%zu]", i);
    if (!name) return builder_fail(b, key, "not a text");
    const schema_field *f = schema_find(&b->body->m.schema, bytes_of_text(name));
    if (!f || f->collection != out->collection)
        return builder_fail(b, key, "unknown field '%.40s': name one of '%s'", name, out->collection->name);
    if (field_set_has(out->fields, f->number)) return builder_fail(b, key, "'%s' stands twice: leave one out", f->name);
    field_set_add(&out->fields, f->number);
    return VAULT_OK;
}

static vault_code read_fields(builder *b, browse_permit *out, json_t *list)
{
    size_t i;
    json_t *value;
    VAULT_TRY(builder_list(b, list, "fields", NUMBER_MAX));
    if (json_array_size(list) == 0)
        return builder_fail(b, "fields", "an empty list shows nothing: leave the permit out");
    json_array_foreach(list, i, value) VAULT_TRY(read_field(b, out, i, value));
    return VAULT_OK;
}

static vault_code check_entry(builder *b, browse_permit *out, const permit_entry *e)
{
    VAULT_TRY(builder_id(b, "id", out->id, ""));
    VAULT_TRY(check_principal(b, out->principal));
    VAULT_TRY(builder_text(b, "reason", out->reason));
    out->collection = schema_collection(&b->body->m.schema, e->collection);
    if (!out->collection)
        return builder_fail(b, "collection", "unknown collection '%.40s': name one of the schema", e->collection);
    if (strlen(e->area) < STREET_DIGITS || !area_range_read(&out->area, e->area))
        return builder_fail(b, "area", "'%.20s' is no area of 9 to 15 digits: a street, a community or a grid",
                            e->area);
    if (e->rows < 1 || e->rows > ROWS_MAX) return builder_fail(b, "rows", "not 1 to %d", ROWS_MAX);
    out->rows = (unsigned)e->rows;
    if (!date_read(&out->until, e->until))
        return builder_fail(b, "until", "'%.20s' is no day: write \"2026-12-31\"", e->until);
    VAULT_TRY(read_fields(b, out, e->fields));
    const schema_field *weak = masked_weakest(out->collection, out->fields);
    if (!weak) return VAULT_OK;
    return builder_fail(b, "fields",
                        "beside the others the masked %s leaves fewer than %llu to guess among: leave one of them out",
                        weak->name, (unsigned long long)weak->mask_strength);
}

static vault_code read_permit(builder *b, browse_permit *out, json_t *value)
{
    permit_entry e = {0};
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s, s:s, s:s, s:o, s:I, s:s, s:s}", "id", &out->id, "principal",
                            &out->principal, "collection", &e.collection, "area", &e.area, "fields", &e.fields, "rows",
                            &e.rows, "reason", &out->reason, "until", &e.until));
    return check_entry(b, out, &e);
}

/* ---- strong together ---- */

field_set small_page_fields(const collection *of)
{
    field_set out = {0};
    const schema_field *weak;
    for (size_t i = 0; i < of->count; i++) {
        const schema_field *f = of->fields[i];
        if (f != of->natural_key && strcmp(f->class_name, "sensitive") != 0) field_set_add(&out, f->number);
    }
    while ((weak = masked_weakest(of, out))) out.words[weak->number >> 6] &= ~(UINT64_C(1) << (weak->number & 63));
    return out;
}

static void add_all(field_set *to, field_set more)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) to->words[i] |= more.words[i];
}

/* Without what is hidden altogether: it is not even opened. */
static field_set small_page_values(const collection *of)
{
    field_set all = small_page_fields(of), out = {0};
    for (size_t i = 0; i < of->count; i++) {
        const schema_field *f = of->fields[i];
        if (field_set_has(all, f->number) && strcmp(mask_name(f->mask), "hidden") != 0) field_set_add(&out, f->number);
    }
    return out;
}

/* What its principal may list in its area: by it, by the others that hold there, and without any. Whoever lists the
 * same few records twice knows which are which. Of two areas that meet one lies within the other. */
static field_set listed_in(const manifest_body *body, const browse_permit *p)
{
    field_set out = small_page_values(p->collection);
    for (size_t i = 0; i < body->permit_count; i++) {
        const browse_permit *q = &body->permits[i];
        bool same = q->collection == p->collection && strcmp(q->principal, p->principal) == 0;
        if (same && q->area.low <= p->area.low && q->area.high >= p->area.high) add_all(&out, q->fields);
    }
    return out;
}

static vault_code check_together(builder *b, const browse_permit *p)
{
    const schema_field *weak = masked_weakest(p->collection, listed_in(b->body, p));
    if (!weak) return VAULT_OK;
    return builder_fail(b, "fields",
                        "beside the other pages that '%s' may list there the masked %s leaves fewer than %llu to guess "
                        "among: leave one of them out",
                        p->principal, weak->name, (unsigned long long)weak->mask_strength);
}

static int compare_permits(const void *a, const void *b)
{
    return strcmp(((const browse_permit *)a)->id, ((const browse_permit *)b)->id);
}

static vault_code index_permits(builder *b)
{
    size_t count = b->body->permit_count;
    const char **ids = memory_array(count, sizeof *ids);
    for (size_t i = 0; i < count; i++) ids[i] = b->body->permits[i].id;
    vault_code code = builder_twins(b, "browsing.permits[].id", ids, count);
    memory_free(ids, count * sizeof *ids);
    VAULT_TRY(code);
    qsort(b->body->permits, count, sizeof *b->body->permits, compare_permits);
    b->body->m.permits = b->body->permits;
    b->body->m.permit_count = count;
    return VAULT_OK;
}

vault_code build_browsing(builder *b, json_t *value)
{
    size_t i;
    json_t *list, *entry;
    builder_in(b, "browsing");
    VAULT_TRY(builder_shape(b, value, "{s:o}", "permits", &list));
    VAULT_TRY(builder_list(b, list, "permits", PERMITS_MAX));
    b->body->permit_count = json_array_size(list);
    b->body->permits = memory_array(b->body->permit_count, sizeof *b->body->permits);
    json_array_foreach(list, i, entry)
    {
        builder_entry(b, "browsing.permits", i, entry);
        VAULT_TRY(read_permit(b, &b->body->permits[i], entry));
    }
    json_array_foreach(list, i, entry)
    {
        builder_entry(b, "browsing.permits", i, entry);
        VAULT_TRY(check_together(b, &b->body->permits[i]));
    }
    return index_permits(b);
}

const browse_permit *manifest_permit(const manifest *m, const char *id)
{
    const browse_permit wanted = {.id = id};
    if (m->permit_count == 0) return NULL;
    return bsearch(&wanted, m->permits, m->permit_count, sizeof *m->permits, compare_permits);
}

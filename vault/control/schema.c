#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdlib.h>
#include <string.h>

/* Formats of which so few values exist that equal search terms would show how the values are spread: a thief who knows
 * the town's statistics reads them off. */
static const struct {
    const char *format;
    unsigned values;
} few_values[] = {
    {"sex", 4},        {"marital_status", 7},   {"care_category", 4}, {"religion", 10},  {"political_status", 13},
    {"education", 40}, {"occupation_type", 80}, {"ethnicity", 59},    {"relation", 100}, {"county", 3000},
    {"date", 40000},   {"division", 620573},
};

static vault_code check_term(builder *b, const schema_field *f)
{
    if (!f->term) return VAULT_OK;
    for (size_t i = 0; i < sizeof few_values / sizeof *few_values; i++) {
        if (strcmp(few_values[i].format, format_name(f->format)) != 0) continue;
        return builder_fail(b, "term: format '%s' has about %u values: equal terms would show their distribution",
                            few_values[i].format, few_values[i].values);
    }
    return VAULT_OK;
}

static bool class_known(const char *name)
{
    return strcmp(name, "general") == 0 || strcmp(name, "personal") == 0 || strcmp(name, "sensitive") == 0;
}

/* A ring "term/<name>" must fit. Names are those of field masks: no '-'. */
static vault_code check_name(builder *b, const char *name)
{
    if (id_valid(name, "_") && !strchr(name, '-') && strlen(name) + sizeof "term/" <= RING_NAME_MAX) return VAULT_OK;
    return builder_fail(b, "name: '%.40s' is not 1 to 58 of a-z, 0-9, _", name);
}

static vault_code check_field(builder *b, const schema_field *f, json_int_t number, json_int_t level)
{
    VAULT_TRY(check_name(b, f->name));
    if (number < 1 || number >= POLICY_FIELDS_MAX) return builder_fail(b, "number: not 1 to %d", POLICY_FIELDS_MAX - 1);
    if (level < 1 || level > 4) return builder_fail(b, "%s: not 1 to 4", "level");
    VAULT_TRY(builder_text(b, "label", f->label));
    VAULT_TRY(builder_id(b, "group", f->group, "_"));
    if (!class_known(f->class_name)) return builder_fail(b, "class: unknown class '%.40s'", f->class_name);
    if (!find_department(b->body, f->owner)) return builder_fail(b, "owner: unknown department '%.40s'", f->owner);
    return check_term(b, f);
}

static vault_code read_field(builder *b, schema_field *out, json_t *value)
{
    json_int_t number, level;
    int term;
    const char *kind;
    VAULT_TRY(json_shape(value, b->err, b->at, "{s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:s, s:b}", "name", &out->name,
                         "number", &number, "label", &out->label, "format", &kind, "group", &out->group, "class",
                         &out->class_name, "level", &level, "owner", &out->owner, "term", &term));
    out->format = format_find(kind);
    if (!out->format) return builder_fail(b, "format: unknown format '%.40s'", kind);
    out->term = term != 0;
    VAULT_TRY(check_field(b, out, number, level));
    out->number = (unsigned)number;
    out->level = (unsigned)level;
    return VAULT_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    unsigned x = ((const schema_field *)a)->number, y = ((const schema_field *)b)->number;
    return (x > y) - (x < y);
}

static vault_code check_unique(builder *b)
{
    manifest_body *body = b->body;
    qsort(body->fields, body->field_count, sizeof *body->fields, compare_numbers);
    const char *names[POLICY_FIELDS_MAX];
    for (size_t i = 0; i < body->field_count; i++) {
        const schema_field *f = &body->fields[i];
        names[i] = f->name;
        if (i > 0 && f[-1].number == f->number) {
            return vault_fail(b->err, VAULT_INVALID, "schema.fields: number: %s and %s are both %u", f[-1].name,
                              f->name, f->number);
        }
    }
    return builder_twins(b, "schema.fields: name", names, body->field_count);
}

static vault_code find_role(builder *b, const schema_field **out, const char *key, const char *name, const char *kind)
{
    *out = schema_find(&b->body->m.schema, bytes_of_text(name));
    if (!*out) return builder_fail(b, "%s: unknown field '%.40s'", key, name);
    if (strcmp(format_name((*out)->format), kind) == 0) return VAULT_OK;
    return builder_fail(b, "%s: '%.40s' has not the format %s", key, name, kind);
}

static vault_code read_fields(builder *b, json_t *list)
{
    size_t i;
    json_t *entry;
    VAULT_TRY(builder_list(b, list, "fields", POLICY_FIELDS_MAX - 1));
    b->body->field_count = json_array_size(list);
    b->body->fields = memory_array(b->body->field_count, sizeof *b->body->fields);
    json_array_foreach(list, i, entry)
    {
        builder_at(b, "schema.fields", i);
        builder_named(b, entry, "name");
        VAULT_TRY(read_field(b, &b->body->fields[i], entry));
    }
    VAULT_TRY(check_unique(b));
    b->body->m.schema.fields = b->body->fields;
    b->body->m.schema.count = b->body->field_count;
    return VAULT_OK;
}

vault_code build_schema(builder *b, json_t *value)
{
    schema *s = &b->body->m.schema;
    const char *natural, *area;
    json_t *list;
    builder_in(b, "schema");
    VAULT_TRY(json_shape(value, b->err, "schema", "{s:s, s:s, s:s, s:o}", "collection", &s->collection, "natural_key",
                         &natural, "area", &area, "fields", &list));
    VAULT_TRY(builder_id(b, "collection", s->collection, "_"));
    VAULT_TRY(read_fields(b, list));
    builder_in(b, "schema");
    VAULT_TRY(find_role(b, &s->natural_key, "natural_key", natural, "resident_id"));
    return find_role(b, &s->area, "area", area, "division");
}

/* ---- look-ups ------------------------------------------------------------------------------------------------------
 */

const schema_field *schema_find(const schema *s, bytes name)
{
    if (name.len == 0) return NULL;
    for (size_t i = 0; i < s->count; i++) {
        const char *known = s->fields[i].name;
        if (strncmp(known, (const char *)name.at, name.len) == 0 && strlen(known) == name.len) return &s->fields[i];
    }
    return NULL;
}

const schema_field *schema_number(const schema *s, unsigned number)
{
    const schema_field wanted = {.number = number};
    return bsearch(&wanted, s->fields, s->count, sizeof *s->fields, compare_numbers);
}

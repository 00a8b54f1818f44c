/* The schema document: collections of fields, each checked against the formats, masks and departments that there are.
 */
#include "tokenizer/preserve.h"
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MONTHS_MAX = 1200 };

/* What a field's entry says, before it is checked. */
typedef struct field_entry {
    json_int_t number, level, strength;
    const char *format, *mask, *retention, *token; /* token: NULL when it has none */
    const char *found_by;                          /* the collection's natural key */
    json_t *index;
    int retired, unique; /* unique: ABSENT when nothing is said */
} field_entry;
enum { ABSENT = -1 };

/* ---- a field ---- */

vault_code builder_field_name(builder *b, const char *name)
{
    if (id_valid(name, "_") && !strchr(name, '-') && strlen(name) + sizeof "term/" <= RING_NAME_MAX) return VAULT_OK;
    return builder_fail(b, "name", "'%.40s' is not 1 to 58 of a-z, 0-9, _", name);
}

unsigned months_read(const char *text)
{
    unsigned n = 0;
    size_t at = 1;
    if (text[0] != 'P' || text[1] == '0') return 0;
    for (; text[at] >= '0' && text[at] <= '9' && n <= MONTHS_MAX; at++) n = n * 10 + (unsigned)(text[at] - '0');
    bool years = text[at] == 'Y';
    if ((!years && text[at] != 'M') || text[at + 1] != '\0') return 0;
    n = years ? n * 12 : n;
    return n <= MONTHS_MAX ? n : 0;
}

static vault_code read_retention(builder *b, schema_field *f, const char *text)
{
    f->retention_months = months_read(text);
    if (f->retention_months > 0) return VAULT_OK;
    return builder_fail(b, "retention", "'%.20s' is not P1M to P1200M or P1Y to P100Y", text);
}

static vault_code read_format(builder *b, schema_field *f, const char *name)
{
    f->format = format_find(name);
    if (f->format) return VAULT_OK;
    return builder_fail(b, "format", "unknown format '%.40s': see docs/schemas/schema.schema.json", name);
}

static vault_code read_mask(builder *b, schema_field *f, const field_entry *e)
{
    f->mask = mask_find(e->mask);
    if (!f->mask) return builder_fail(b, "mask", "unknown mask '%.40s': \"hidden\" fits every format", e->mask);
    if (!mask_fits(f->mask, f->format)) {
        return builder_fail(b, "mask", "'%s' is not made for format '%s': \"hidden\" fits every format", e->mask,
                            e->format);
    }
    if (e->strength < 1) return builder_fail(b, "mask_strength", "not 1 or more");
    f->mask_strength = (uint64_t)e->strength;
    uint64_t left = mask_strength(f->mask, f->format);
    if (left >= f->mask_strength) return VAULT_OK;
    return builder_fail(b, "mask_strength",
                        "mask '%s' leaves %llu values to be guessed: take a weaker claim, or a mask "
                        "that shows less",
                        e->mask, (unsigned long long)left);
}

/* Equal terms of few values show how these are spread: the kinds that are made for them are asked for by name. */
static vault_code refuse_kind(builder *b, const schema_field *f, const char *kind, const char *misfit)
{
    uint64_t values = format_values(f->format);
    if (values == UINT64_MAX) return builder_fail(b, "index", "'%s': %s", kind, misfit);
    return builder_fail(b, "index", "'%s': format '%s' has about %llu values: %s", kind, format_name(f->format),
                        (unsigned long long)values, misfit);
}

static vault_code read_index(builder *b, schema_field *f, json_t *list)
{
    size_t i;
    json_t *kind;
    VAULT_TRY(builder_list(b, list, "index", 8));
    json_array_foreach(list, i, kind)
    {
        const char *name = json_string_value(kind);
        if (!name) return builder_fail(b, "index", "not a list of names");
        index_kind found;
        if (!index_kind_named(&found, name))
            return builder_fail(b, "index", "unknown kind '%.40s': equality, suffix, ngram, band or code", name);
        if (f->indexes & 1U << found) return builder_fail(b, "index", "'%.40s' stands twice", name);
        const char *misfit = index_misfit(found, f->format);
        if (misfit) return refuse_kind(b, f, index_kind_name(found), misfit);
        f->indexes |= 1U << found;
    }
    return VAULT_OK;
}

/* Residents can be named by what is unique: it is found by an equal term, or it is what records are found by. */
static vault_code read_unique(builder *b, schema_field *f, const field_entry *e)
{
    bool natural = strcmp(f->name, e->found_by) == 0;
    f->unique = natural || e->unique == 1;
    if (natural && e->unique == 0) return builder_fail(b, "unique", "records are found by it: leave \"unique\" out");
    if (!f->unique || natural || f->indexes & 1U << INDEX_EQUALITY) return VAULT_OK;
    return builder_fail(b, "unique", "needs the index \"equality\": add it");
}

static vault_code read_token(builder *b, schema_field *f, const char *kind)
{
    if (!kind) return VAULT_OK;
    if (strcmp(kind, "ff1") != 0) return builder_fail(b, "token", "unknown kind '%.20s': \"ff1\"", kind);
    uint64_t values = preserve_domain(f->format);
    f->token = values >= PRESERVE_LEAST;
    if (f->token) return VAULT_OK;
    if (values == 0)
        return builder_fail(b, "token", "format '%s' has no tokens of its own kind: leave it out",
                            format_name(f->format));
    return builder_fail(b, "token",
                        "format '%s' has %llu values, fewer than %d: its tokens could be tried out, leave it out",
                        format_name(f->format), (unsigned long long)values, PRESERVE_LEAST);
}

static bool class_known(const char *name)
{
    return strcmp(name, "general") == 0 || strcmp(name, "personal") == 0 || strcmp(name, "sensitive") == 0;
}

static vault_code read_owner(builder *b, schema_field *f)
{
    const department *owner = find_department(b->body, f->owner);
    if (!owner) return builder_fail(b, "owner", "unknown department '%.40s': register it in principals", f->owner);
    f->owner_no = owner->number;
    return VAULT_OK;
}

static vault_code check_field(builder *b, schema_field *f, const field_entry *e)
{
    VAULT_TRY(builder_field_name(b, f->name));
    if (e->number < 1 || e->number > NUMBER_MAX) return builder_fail(b, "number", "not 1 to %d", NUMBER_MAX);
    if (e->level < 1 || e->level > 4) return builder_fail(b, "level", "not 1 to 4");
    f->number = (unsigned)e->number;
    f->level = (unsigned)e->level;
    f->retired = e->retired != 0;
    VAULT_TRY(builder_text(b, "label", f->label));
    VAULT_TRY(builder_id(b, "group", f->group, "_"));
    if (!class_known(f->class_name))
        return builder_fail(b, "class", "unknown class '%.40s': general, personal or sensitive", f->class_name);
    VAULT_TRY(read_owner(b, f));
    VAULT_TRY(read_format(b, f, e->format));
    VAULT_TRY(read_mask(b, f, e));
    VAULT_TRY(read_retention(b, f, e->retention));
    VAULT_TRY(read_index(b, f, e->index));
    VAULT_TRY(read_unique(b, f, e));
    return read_token(b, f, e->token);
}

/* Imports find columns by label: within a collection a label is one field's. */
static vault_code check_unique(builder *b, const schema_field *f)
{
    for (const schema_field *other = b->body->fields; other < f; other++) {
        if (other->number == f->number)
            return builder_fail(b, "number", "%u is that of '%s': take a new one", f->number, other->name);
        if (other->collection == f->collection && strcmp(other->label, f->label) == 0)
            return builder_fail(b, "label", "'%.60s' is that of '%s': say more", f->label, other->name);
    }
    return VAULT_OK;
}

static vault_code read_field(builder *b, schema_field *f, const char *found_by, json_t *value)
{
    field_entry e = {.found_by = found_by, .unique = ABSENT};
    VAULT_TRY(builder_shape(b, value, "{s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:o, s?b, s?b, s?s}",
                            "name", &f->name, "number", &e.number, "label", &f->label, "format", &e.format, "group",
                            &f->group, "class", &f->class_name, "level", &e.level, "owner", &f->owner, "retention",
                            &e.retention, "mask", &e.mask, "mask_strength", &e.strength, "index", &e.index, "retired",
                            &e.retired, "unique", &e.unique, "token", &e.token));
    VAULT_TRY(check_field(b, f, &e));
    return check_unique(b, f);
}

/* ---- a collection ---- */

/* What a collection's entry says of its fields: names, to be found when all fields of the document are read. */
typedef struct collection_entry {
    const char *natural_key, *area, *grid, *term; /* grid, term: NULL when it has none */
    json_t *fields, *predicates;                  /* predicates: NULL when it has none */
} collection_entry;

static vault_code read_entry(builder *b, collection *c, collection_entry *out, json_t *value)
{
    json_int_t number;
    *out = (collection_entry){0};
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s, s:I, s:s, s:s, s?s, s?s, s:o, s?o}", "name", &c->name, "label",
                            &c->label, "number", &number, "natural_key", &out->natural_key, "area", &out->area, "grid",
                            &out->grid, "term", &out->term, "fields", &out->fields, "predicates", &out->predicates));
    VAULT_TRY(builder_id(b, "name", c->name, "_"));
    VAULT_TRY(builder_text(b, "label", c->label));
    if (number < 1 || number > NUMBER_MAX) return builder_fail(b, "number", "not 1 to %d", NUMBER_MAX);
    c->number = (unsigned)number;
    c->term_months = out->term ? months_read(out->term) : 0;
    if (out->term && c->term_months == 0)
        return builder_fail(b, "term", "'%.20s' is not P1M to P1200M or P1Y to P100Y", out->term);
    for (const collection *other = b->body->collections; other < c; other++) {
        if (other->number == c->number)
            return builder_fail(b, "number", "%u is that of '%s': take a new one", c->number, other->name);
    }
    return VAULT_OK;
}

static void at_collection(builder *b, size_t i, json_t *value)
{
    builder_at(b, "schema.collections", i);
    builder_named(b, value, "name");
}

/* All fields of the document lie in one array, made once, and all predicates in another: their places must not move. */
static vault_code count_parts(builder *b, json_t *list, size_t *fields, size_t *predicates)
{
    size_t i;
    json_t *value;
    *fields = *predicates = 0;
    json_array_foreach(list, i, value)
    {
        json_t *own = json_object_get(value, "fields"), *asked = json_object_get(value, "predicates");
        at_collection(b, i, value);
        if (!json_is_array(own)) return builder_fail(b, "fields", "not a list");
        if (asked && !json_is_array(asked)) return builder_fail(b, "predicates", "not a list");
        *fields += json_array_size(own);
        *predicates += json_array_size(asked);
    }
    builder_in(b, "schema");
    if (*fields + *predicates <= NUMBER_MAX) return VAULT_OK;
    return builder_fail(b, "collections", "more than %d fields and predicates in all", NUMBER_MAX);
}

static vault_code read_fields(builder *b, size_t at, collection *c, const collection_entry *e)
{
    char where[48];
    size_t i;
    json_t *value;
    snprintf(where, sizeof where, "schema.collections[%zu].fields", at);
    json_array_foreach(e->fields, i, value)
    {
        schema_field *f = &b->body->fields[b->body->field_count++];
        f->collection = c;
        builder_at(b, where, i);
        builder_named(b, value, "name");
        VAULT_TRY(read_field(b, f, e->natural_key, value));
        c->count++;
    }
    return VAULT_OK;
}

static vault_code read_collections(builder *b, json_t *list, collection_entry *entries)
{
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value)
    {
        collection *c = &b->body->collections[i];
        at_collection(b, i, value);
        VAULT_TRY(read_entry(b, c, &entries[i], value));
        VAULT_TRY(read_fields(b, i, c, &entries[i]));
    }
    return VAULT_OK;
}

/* ---- the whole ---- */

static int compare_numbers(const void *a, const void *b)
{
    unsigned x = ((const schema_field *)a)->number, y = ((const schema_field *)b)->number;
    return (x > y) - (x < y);
}

/* Fields stand in the order of the document still. */
static vault_code check_field_names(builder *b)
{
    const manifest_body *body = b->body;
    const char *names[NUMBER_MAX];
    size_t earlier, later;
    for (size_t i = 0; i < body->field_count; i++) names[i] = body->fields[i].name;
    if (!find_twins(&earlier, &later, names, body->field_count)) return VAULT_OK;
    const collection *c = body->fields[later].collection;
    size_t first = later;
    while (first > 0 && body->fields[first - 1].collection == c) first--;
    snprintf(b->at, sizeof b->at, "schema.collections[%zu].fields[%zu]", (size_t)(c - body->collections),
             later - first);
    return builder_fail(b, "name", "'%.58s' looks like '%.58s': take a name of its own", names[later], names[earlier]);
}

static vault_code check_names(builder *b)
{
    const manifest_body *body = b->body;
    const char *names[NUMBER_MAX];
    for (size_t i = 0; i < body->collection_count; i++) names[i] = body->collections[i].name;
    VAULT_TRY(builder_twins(b, "schema.collections[].name", names, body->collection_count));
    return check_field_names(b);
}

/* Fields are ordered by number over the document, and each collection has its own in that order. */
static void share_out(manifest_body *body)
{
    size_t used = 0;
    qsort(body->fields, body->field_count, sizeof *body->fields, compare_numbers);
    for (size_t i = 0; i < body->collection_count; i++) {
        collection *c = &body->collections[i];
        c->fields = body->collection_fields + used;
        for (size_t j = 0; j < body->field_count; j++) {
            if (body->fields[j].collection == c) body->collection_fields[used++] = &body->fields[j];
        }
    }
}

typedef struct part_entry {
    const char *key, *name;
    const char *formats; /* which the field may have, between blanks */
} part_entry;

static vault_code find_part(builder *b, const schema_field **out, const collection *c, const part_entry *e)
{
    char wanted[64];
    *out = schema_find(&b->body->m.schema, bytes_of_text(e->name));
    if (!*out || (*out)->collection != c)
        return builder_fail(b, e->key, "unknown field '%.40s': name one of this collection", e->name);
    if ((*out)->retired) return builder_fail(b, e->key, "'%.40s' is retired: name one that is in use", e->name);
    snprintf(wanted, sizeof wanted, " %s ", format_name((*out)->format));
    if (strstr(e->formats, wanted)) return VAULT_OK;
    return builder_fail(b, e->key, "'%.40s' has none of these formats:%s", e->name, e->formats);
}

static vault_code find_parts(builder *b, collection *c, const collection_entry *e)
{
    const part_entry natural_key = {"natural_key", e->natural_key,
                                    strcmp(c->name, "residents") == 0
                                        ? " resident_id "
                                        : " resident_id document code30 grid credit_code "},
                     area = {"area", e->area, " division "}, grid = {"grid", e->grid, " grid "};
    VAULT_TRY(find_part(b, &c->natural_key, c, &natural_key));
    VAULT_TRY(find_part(b, &c->area, c, &area));
    return e->grid ? find_part(b, &c->grid, c, &grid) : VAULT_OK;
}

static vault_code freeze(builder *b, json_t *list, const collection_entry *entries)
{
    manifest_body *body = b->body;
    size_t i;
    json_t *value;
    builder_in(b, "schema");
    VAULT_TRY(check_names(b));
    share_out(body);
    body->m.schema = (schema){.fields = body->fields,
                              .count = body->field_count,
                              .collections = body->collections,
                              .collection_count = body->collection_count};
    if (!schema_collection(&body->m.schema, "residents"))
        return builder_fail(b, "collections", "a collection 'residents' must be there");
    json_array_foreach(list, i, value)
    {
        at_collection(b, i, value);
        VAULT_TRY(find_parts(b, &body->collections[i], &entries[i]));
        VAULT_TRY(build_predicates(b, &body->collections[i], entries[i].predicates));
    }
    return check_predicate_names(b);
}

vault_code build_schema(builder *b, json_t *value)
{
    manifest_body *body = b->body;
    collection_entry entries[NUMBER_MAX];
    json_t *list;
    size_t count, predicates;
    builder_in(b, "schema");
    VAULT_TRY(builder_shape(b, value, "{s:o}", "collections", &list));
    VAULT_TRY(builder_list(b, list, "collections", NUMBER_MAX));
    VAULT_TRY(count_parts(b, list, &count, &predicates));
    body->collection_count = json_array_size(list);
    body->collections = memory_array(body->collection_count, sizeof *body->collections);
    body->fields = memory_array(count, sizeof *body->fields);
    body->collection_fields = memory_array(count, sizeof *body->collection_fields);
    body->predicates = memory_array(predicates, sizeof *body->predicates);
    body->predicate_capacity = predicates;
    vault_code code = read_collections(b, list, entries);
    body->field_count = count; /* the size of both arrays, also where the reading ended early */
    return code == VAULT_OK ? freeze(b, list, entries) : code;
}

/* ---- look-ups ---- */

static bool is_named(const char *known, bytes name)
{
    return name.len > 0 && strncmp(known, (const char *)name.at, name.len) == 0 && strlen(known) == name.len;
}

const schema_field *schema_find(const schema *s, bytes name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (is_named(s->fields[i].name, name)) return &s->fields[i];
    }
    return NULL;
}

const schema_predicate *schema_predicate_find(const schema *s, bytes name)
{
    for (size_t i = 0; i < s->collection_count; i++) {
        const collection *c = &s->collections[i];
        for (size_t k = 0; k < c->predicate_count; k++) {
            if (is_named(c->predicates[k].name, name)) return &c->predicates[k];
        }
    }
    return NULL;
}

const schema_field *schema_number(const schema *s, unsigned number)
{
    const schema_field wanted = {.number = number};
    return bsearch(&wanted, s->fields, s->count, sizeof *s->fields, compare_numbers);
}

const collection *schema_collection(const schema *s, const char *name)
{
    for (size_t i = 0; i < s->collection_count; i++) {
        if (strcmp(s->collections[i].name, name) == 0) return &s->collections[i];
    }
    return NULL;
}

const collection *schema_collection_number(const schema *s, unsigned number)
{
    for (size_t i = 0; i < s->collection_count; i++) {
        if (s->collections[i].number == number) return &s->collections[i];
    }
    return NULL;
}

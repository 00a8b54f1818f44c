/* Which changes would leave stored values that nobody could read any more. Segments name their field and department by
 * number, rows their collection; values stand as their format made them. Names may not move to other numbers either:
 * the log and the rules name fields and predicates, and a name has meant one thing ever since. Search terms may come
 * and go: those of a new kind are made when a record is written again. */
#include "vault/control/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct comparison {
    const manifest_body *old, *next;
    vault_error *err;
} comparison;

/* `path` is of the next document: what it names is to be mended. */
__attribute__((format(printf, 3, 4))) static vault_code unreadable(const comparison *c, const char *path,
                                                                   const char *text, ...)
{
    char whole[sizeof c->err->detail];
    va_list args;
    va_start(args, text);
    vsnprintf(whole, sizeof whole, text, args);
    va_end(args);
    (void)vault_fail(c->err, VAULT_INVALID, "%s", whole);
    c->err->reason = "CHANGE_UNREADABLE";
    snprintf(c->err->field, sizeof c->err->field, "%s", path);
    return VAULT_INVALID;
}

/* The place of the entry that has this name in a list of the document. */
static size_t place_of(json_t *list, const char *key, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *text = json_string_value(json_object_get(entry, key));
        if (text && strcmp(text, name) == 0) return i;
    }
    return 0;
}

typedef struct path {
    char at[96];
} path;

static path collection_path(const comparison *c, const collection *of, const char *key)
{
    json_t *list = json_object_get(c->next->docs.of[DOC_SCHEMA], "collections");
    path p;
    snprintf(p.at, sizeof p.at, "schema.collections[%zu].%s", place_of(list, "name", of->name), key);
    return p;
}

/* Of an entry of a collection: `list` is "fields" or "predicates". */
typedef struct part {
    const collection *of;
    const char *list, *name, *key;
} part;

static path part_path(const comparison *c, part at)
{
    json_t *list = json_object_get(c->next->docs.of[DOC_SCHEMA], "collections");
    size_t i = place_of(list, "name", at.of->name);
    json_t *parts = json_object_get(json_array_get(list, i), at.list);
    path p;
    snprintf(p.at, sizeof p.at, "schema.collections[%zu].%s[%zu].%s", i, at.list, place_of(parts, "name", at.name),
             at.key);
    return p;
}

static path field_path(const comparison *c, const schema_field *f, const char *key)
{
    return part_path(c, (part){f->collection, "fields", f->name, key});
}

static path predicate_path(const comparison *c, const schema_predicate *p, const char *key)
{
    return part_path(c, (part){p->field->collection, "predicates", p->name, key});
}

static path department_path(const comparison *c, const department *d)
{
    json_t *list = json_object_get(c->next->docs.of[DOC_PRINCIPALS], "departments");
    path p;
    snprintf(p.at, sizeof p.at, "principals.departments[%zu].number", place_of(list, "id", d->id));
    return p;
}

/* Every text of the narrower format is one of the wider. */
static bool widens(const format *from, const format *to)
{
    static const char *const texts[] = {"text50", "text100", "text200", "text1024"};
    size_t places[2] = {0, 0};
    const char *names[] = {format_name(from), format_name(to)};
    for (size_t k = 0; k < 2; k++) {
        while (places[k] < 4 && strcmp(texts[places[k]], names[k]) != 0) places[k]++;
    }
    return strcmp(names[0], names[1]) == 0 || (places[0] < places[1] && places[1] < 4);
}

static vault_code check_field(const comparison *c, const schema_field *old)
{
    const schema_field *next = schema_find(&c->next->m.schema, bytes_of_text(old->name));
    const collection *of = schema_collection(&c->next->m.schema, old->collection->name);
    if (!next)
        return unreadable(c, collection_path(c, of, "fields").at,
                          "field '%s' is gone: put it back, with \"retired\": true if nobody uses it", old->name);
    if (next->number != old->number)
        return unreadable(c, field_path(c, next, "number").at, "field '%s' has been %u ever since: keep it", old->name,
                          old->number);
    if (next->collection != of)
        return unreadable(c, field_path(c, next, "name").at,
                          "field '%s' is one of '%s': retire it there and take a new name and number", old->name,
                          of->name);
    if (widens(old->format, next->format)) return VAULT_OK;
    return unreadable(c, field_path(c, next, "format").at,
                      "field '%s' has the format %s: retire it and add a field of format %s", old->name,
                      format_name(old->format), format_name(next->format));
}

/* Neither may a predicate be taken out: another could then have its name or number. One that no rule names answers
 * nobody. */
static vault_code check_predicate(const comparison *c, const schema_predicate *old)
{
    const schema_predicate *next = schema_predicate_find(&c->next->m.schema, bytes_of_text(old->name));
    const collection *of = schema_collection(&c->next->m.schema, old->field->collection->name);
    if (!next)
        return unreadable(c, collection_path(c, of, "predicates").at,
                          "predicate '%s' is gone: put it back, and name it in no rule if nobody uses it", old->name);
    if (next->number != old->number)
        return unreadable(c, predicate_path(c, next, "number").at, "predicate '%s' has been %u ever since: keep it",
                          old->name, old->number);
    if (strcmp(next->field->name, old->field->name) != 0)
        return unreadable(c, predicate_path(c, next, "field").at,
                          "predicate '%s' has asked about '%s' ever since: keep it, and add another", old->name,
                          old->field->name);
    if (next->test.kind == old->test.kind && next->test.amount == old->test.amount) return VAULT_OK;
    return unreadable(c, predicate_path(c, next, "test").at,
                      "predicate '%s' has meant %s %u ever since: keep it, and add another", old->name,
                      predicate_kind_name(old->test.kind), old->test.amount);
}

static bool same_part(const schema_field *old, const schema_field *next)
{
    return strcmp(old->name, next->name) == 0;
}

static vault_code check_collection(const comparison *c, const collection *old)
{
    const collection *next = schema_collection(&c->next->m.schema, old->name);
    if (!next)
        return unreadable(c, "schema.collections", "collection '%s' is gone: put it back, and retire its fields",
                          old->name);
    if (next->number != old->number)
        return unreadable(c, collection_path(c, next, "number").at, "collection '%s' has been %u ever since: keep it",
                          old->name, old->number);
    if (!same_part(old->natural_key, next->natural_key))
        return unreadable(c, collection_path(c, next, "natural_key").at,
                          "records of '%s' are found by '%s': keep it, or add another collection", old->name,
                          old->natural_key->name);
    if (!same_part(old->area, next->area))
        return unreadable(c, collection_path(c, next, "area").at, "records of '%s' are placed by '%s': keep it",
                          old->name, old->area->name);
    return VAULT_OK;
}

static vault_code check_department(const comparison *c, const department *old)
{
    const department *next = find_department(c->next, old->id);
    if (!next)
        return unreadable(c, "principals.departments",
                          "department '%s' is gone, and stored values are its own: put it back", old->id);
    if (next->number == old->number) return VAULT_OK;
    return unreadable(c, department_path(c, next).at, "department '%s' has been %u ever since: keep it", old->id,
                      old->number);
}

vault_code manifest_check_change(const manifest_body *old, const manifest_body *next, vault_error *err)
{
    const comparison c = {.old = old, .next = next, .err = err};
    for (size_t i = 0; i < old->department_count; i++) VAULT_TRY(check_department(&c, &old->departments[i]));
    for (size_t i = 0; i < old->collection_count; i++) VAULT_TRY(check_collection(&c, &old->collections[i]));
    for (size_t i = 0; i < old->field_count; i++) VAULT_TRY(check_field(&c, &old->fields[i]));
    for (size_t i = 0; i < old->predicate_count; i++) VAULT_TRY(check_predicate(&c, &old->predicates[i]));
    return VAULT_OK;
}

/* Sets of fields and of areas, which other lists name as "@contact". */
#include "policy/load.h"
#include "vault/base/memory.h"

#include <string.h>

enum { SETS_MAX = 1000, SCHEMA_LEVELS = 4 };

/* ---- fields ---- */

static vault_code read_text(loader *l, const char **out, const char *key, const json_t *value)
{
    *out = json_string_value(value);
    if (!value || (*out && **out)) return VAULT_OK;
    return refuse(l, key, "not a text: write a string, \"...\"");
}

/* The levels of what was selected: whoever is at least of a level is told by selecting once more. */
static void find_levels(const loader *l, named_fields *out, policy_selector by)
{
    out->most = out->least = by.level > LEVEL_NONE ? by.level : LEVEL_NONE;
    for (by.level = out->least + 1; by.level <= SCHEMA_LEVELS; by.level++) {
        field_set higher = {0};
        const field_set none = {0};
        (void)l->names->select(l->names->context, &by, &higher);
        if (field_set_within(higher, none)) return;
        if (field_set_within(out->fields, higher)) out->least = by.level;
        out->most = by.level;
    }
}

static vault_code select_fields(loader *l, named_fields *out, const policy_selector *by)
{
    const policy_names *names = l->names;
    const field_set none = {0};
    *out = (named_fields){.values = true};
    if (!by->collection && !by->class_name && !by->owner && !by->group && by->level == 0)
        return refuse(l, "", "says no fields: add fields, or collection, class, owner, group or level");
    out->collection = names->select ? names->select(names->context, by, &out->fields) : 0;
    if (out->collection == 0 || field_set_within(out->fields, none))
        return refuse(l, "", "no field is like this, or fields of several collections are: name its collection");
    find_levels(l, out, *by);
    return VAULT_OK;
}

static vault_code read_selector(loader *l, named_fields *out, json_t *value)
{
    const char *id;
    json_t *collection = NULL, *class_name = NULL, *owner = NULL, *group = NULL, *level = NULL;
    policy_selector by = {0};
    VAULT_TRY(entry_shape(l, value, "{s:s, s?o, s?o, s?o, s?o, s?o}", "id", &id, "collection", &collection, "class",
                          &class_name, "owner", &owner, "group", &group, "level", &level));
    VAULT_TRY(read_text(l, &by.collection, "collection", collection));
    VAULT_TRY(read_text(l, &by.class_name, "class", class_name));
    VAULT_TRY(read_text(l, &by.owner, "owner", owner));
    VAULT_TRY(read_text(l, &by.group, "group", group));
    VAULT_TRY(read_number(l, &by.level, "level", level, (bounds){1, SCHEMA_LEVELS}));
    return select_fields(l, out, &by);
}

static vault_code read_field_set(loader *l, size_t i, json_t *value)
{
    const char *id;
    json_t *fields;
    if (!json_object_get(value, "fields")) return read_selector(l, &l->field_sets[i], value);
    VAULT_TRY(entry_shape(l, value, "{s:s, s:o}", "id", &id, "fields", &fields));
    const field_wish wish = {.key = "fields", .values = true, .questions = true};
    return read_fields(l, &l->field_sets[i], &wish, fields);
}

/* ---- areas ---- */

/* They are read where those of rules lie, and taken from there. */
static vault_code read_area_set(loader *l, size_t i, json_t *value)
{
    const char *id;
    json_t *areas;
    uint32_t first, count;
    policy *p = l->policy;
    VAULT_TRY(entry_shape(l, value, "{s:s, s:o}", "id", &id, "areas", &areas));
    VAULT_TRY(read_areas(l, &first, &count, areas));
    void *room;
    VAULT_TRY(keep_room(l, &room, count, sizeof *p->areas));
    memcpy(room, p->areas + first, count * sizeof *p->areas);
    l->area_sets[i] = (named_areas){room, count};
    p->area_count = first;
    return VAULT_OK;
}

vault_code read_sets(loader *l, json_t *field_sets, json_t *area_sets)
{
    void *room;
    VAULT_TRY(keep_room(l, &room, 1 + json_array_size(field_sets), sizeof *l->field_sets));
    l->field_sets = room;
    VAULT_TRY(keep_room(l, &room, 1 + json_array_size(area_sets), sizeof *l->area_sets));
    l->area_sets = room;
    VAULT_TRY(read_entries(l, &(id_list){"field_sets", field_sets, SETS_MAX, read_field_set}, &l->field_ids));
    return read_entries(l, &(id_list){"area_sets", area_sets, SETS_MAX, read_area_set}, &l->area_ids);
}

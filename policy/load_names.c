/* Lists of names: each must be known, and stand once. */
#include "policy/load.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>

enum { AREAS_START = 64 };

/* ---- consumers and purposes ---- */

static bool listed(const numbers *of, uint16_t number)
{
    for (size_t i = 0; i < of->count; i++) {
        if (of->at[i] == number) return true;
    }
    return false;
}

static vault_code make_numbers(loader *l, numbers *out, size_t most)
{
    *out = (numbers){.at = arena_array(l->mem, most, sizeof *out->at)};
    return out->at ? VAULT_OK : vault_fail(l->err, VAULT_EXHAUSTED, "policy: an entry with too many names");
}

/* It stands for all where it stands alone and may: nothing of that name can be meant. */
static vault_code refuse_any(loader *l, const char *key)
{
    return refuse(l, key, "'any' is not a name: write \"any\" in the place of a list where it may stand, or names");
}

typedef uint16_t (*name_finder)(const loader *l, const char *name);

static uint16_t find_consumer(const loader *l, const char *name)
{
    return l->names->consumer(l->names->context, name).no;
}

static uint16_t find_purpose(const loader *l, const char *name)
{
    return l->names->purpose(l->names->context, name).no;
}

/* One entry of a list, or the only one. */
typedef struct named {
    const char *key, *what, *mend;
    name_finder find;
} named;

static vault_code add_name(loader *l, numbers *out, const named *as, const json_t *value)
{
    const char *name = json_string_value(value);
    if (!name) return refuse(l, as->key, "not a text: write a string, \"...\"");
    if (is_any(value)) return refuse_any(l, as->key);
    uint16_t no = as->find(l, name);
    if (no == 0) return refuse(l, as->key, "unknown %s '%s': name a registered %s", as->what, cut(name).text, as->mend);
    if (listed(out, no)) return refuse(l, as->key, "'%s' stands twice: leave one out", cut(name).text);
    out->at[out->count++] = no;
    return VAULT_OK;
}

static vault_code read_names(loader *l, numbers *out, named as, json_t *value)
{
    size_t i;
    json_t *name;
    const char *list = as.key;
    if (json_is_string(value)) return add_name(l, out, &as, value);
    VAULT_TRY(check_list(l, list, value));
    json_array_foreach(value, i, name)
    {
        entry_key at = nth(list, i);
        as.key = at.text;
        VAULT_TRY(add_name(l, out, &as, name));
    }
    return VAULT_OK;
}

vault_code read_consumers(loader *l, numbers *out, const char *key, json_t *value)
{
    VAULT_TRY(make_numbers(l, out, 1 + json_array_size(value)));
    return read_names(l, out, (named){key, "consumer", "app", find_consumer}, value);
}

bool below_purpose(const loader *l, purpose_no lower, purpose_no upper)
{
    const policy_names *names = l->names;
    while (lower.no != 0 && lower.no != upper.no && names->above) lower = names->above(names->context, lower);
    return lower.no != 0 && lower.no == upper.no;
}

static vault_code add_below(loader *l, numbers *out, const char *key)
{
    const numbers upper = *out;
    for (size_t i = 0; i < upper.count; i++) {
        for (unsigned no = 1; no <= l->names->purposes && no < UINT16_MAX; no++) {
            if (no == upper.at[i] || !below_purpose(l, (purpose_no){(uint16_t)no}, (purpose_no){upper.at[i]})) continue;
            if (listed(out, (uint16_t)no))
                return refuse(l, key, "one of these purposes lies below another: leave the lower one out");
            out->at[out->count++] = (uint16_t)no;
        }
    }
    return VAULT_OK;
}

vault_code read_purposes(loader *l, numbers *out, const char *key, json_t *value, bool below)
{
    VAULT_TRY(make_numbers(l, out, 1 + json_array_size(value) + (below ? l->names->purposes : 0)));
    VAULT_TRY(read_names(l, out, (named){key, "purpose", "one", find_purpose}, value));
    return below ? add_below(l, out, key) : VAULT_OK;
}

/* ---- fields ---- */

/* A predicate answers without the value, a field has one: no rule holds both. */
static vault_code check_kind(loader *l, const char *key, const field_wish *wish, policy_field field, const char *name)
{
    if (field.predicate ? wish->questions : wish->values) return VAULT_OK;
    if (!field.predicate)
        return refuse(l, key, "'%s' is a field: form predicate takes predicates only", cut(name).text);
    if (wish->form) return refuse(l, key, "'%s' is a predicate: name it in a rule of form predicate", cut(name).text);
    return refuse(l, key, "'%s' is a predicate: name a field", cut(name).text);
}

static void join_fields(named_fields *out, const named_fields *more)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) out->fields.words[i] |= more->fields.words[i];
    bool mixed = out->collection != 0 && out->collection != more->collection;
    out->collection = mixed ? 0 : more->collection;
    out->most = more->most > out->most ? more->most : out->most;
    out->least = out->least == 0 || more->least < out->least ? more->least : out->least;
    out->values |= more->values;
    out->questions |= more->questions;
}

static vault_code find_field(loader *l, named_fields *out, const char *key, const field_wish *wish, const char *name)
{
    policy_field field = l->names->field(l->names->context, name);
    if (field.number == 0 || field.number >= POLICY_FIELDS_MAX || field.collection == 0)
        return refuse(l, key, "unknown field '%s': write it as the schema does", cut(name).text);
    unsigned level = field.level < LEVEL_NONE ? LEVEL_NONE : field.level;
    *out = (named_fields){.collection = field.collection,
                          .most = level,
                          .least = level,
                          .values = !field.predicate,
                          .questions = field.predicate};
    field_set_add(&out->fields, field.number);
    return check_kind(l, key, wish, field, name);
}

/* "@contact" */
static vault_code find_field_set(loader *l, named_fields *out, const char *key, const field_wish *wish,
                                 const char *name)
{
    int place = place_of(&l->field_ids, name + 1);
    if (place < 0) return refuse(l, key, "unknown field set '%s': add it to field_sets", cut(name).text);
    *out = l->field_sets[place];
    if (out->values && !wish->values)
        return refuse(l, key, "'%s' holds fields: form predicate takes predicates only", cut(name).text);
    if (out->questions && !wish->questions)
        return refuse(l, key, "'%s' holds predicates: name it in a rule of form predicate", cut(name).text);
    return VAULT_OK;
}

static vault_code add_field(loader *l, named_fields *out, size_t i, const field_wish *wish, const json_t *value)
{
    entry_key at = nth(wish->key, i);
    const char *name = json_string_value(value);
    named_fields next;
    if (!name) return refuse(l, at.text, "not a text");
    if (is_any(value)) return refuse_any(l, at.text);
    if (name[0] == '@')
        VAULT_TRY(find_field_set(l, &next, at.text, wish, name));
    else
        VAULT_TRY(find_field(l, &next, at.text, wish, name));
    if (field_set_within(next.fields, out->fields))
        return refuse(l, at.text, "'%s' stands twice: leave one out", cut(name).text);
    if (!wish->mixed && out->collection != 0 && out->collection != next.collection)
        return refuse(l, at.text, "'%s' is of another collection: make a rule for each", cut(name).text);
    join_fields(out, &next);
    return VAULT_OK;
}

vault_code read_fields(loader *l, named_fields *out, const field_wish *wish, json_t *list)
{
    size_t i;
    json_t *value;
    *out = (named_fields){0};
    VAULT_TRY(check_list(l, wish->key, list));
    json_array_foreach(list, i, value) VAULT_TRY(add_field(l, out, i, wish, value));
    return VAULT_OK;
}

/* ---- roles, classes, forms ---- */

static vault_code add_role(loader *l, uint64_t *out, const char *key, const json_t *value)
{
    const char *id = json_string_value(value);
    if (!id) return refuse(l, key, "not a text");
    if (is_any(value)) return refuse_any(l, key);
    uint64_t bit = role_bit(l->names->role(l->names->context, id));
    if (bit == 0) return refuse(l, key, "unknown role '%s': register it with the principals", cut(id).text);
    if (*out & bit) return refuse(l, key, "'%s' stands twice: leave one out", cut(id).text);
    *out |= bit;
    return VAULT_OK;
}

vault_code read_roles(loader *l, uint64_t *out, const char *key, json_t *list)
{
    size_t i;
    json_t *value;
    *out = 0;
    VAULT_TRY(check_list(l, key, list));
    json_array_foreach(list, i, value) VAULT_TRY(add_role(l, out, nth(key, i).text, value));
    return VAULT_OK;
}

static vault_code add_class(loader *l, uint64_t *out, const char *key, const json_t *value)
{
    const char *id = json_string_value(value);
    if (!id) return refuse(l, key, "not a text");
    if (is_any(value)) return refuse_any(l, key);
    int place = place_of(&l->class_ids, id);
    if (place < 0) return refuse(l, key, "unknown class '%s': add it to classes", cut(id).text);
    uint64_t bit = UINT64_C(1) << place;
    if (*out & bit) return refuse(l, key, "'%s' stands twice: leave one out", cut(id).text);
    *out |= bit;
    return VAULT_OK;
}

vault_code read_class_names(loader *l, uint64_t *out, const char *key, json_t *list)
{
    size_t i;
    json_t *value;
    *out = 0;
    VAULT_TRY(check_list(l, key, list));
    json_array_foreach(list, i, value) VAULT_TRY(add_class(l, out, nth(key, i).text, value));
    return VAULT_OK;
}

vault_code read_set_of(loader *l, unsigned *out, const char *key, json_t *list, const vocabulary *of)
{
    size_t i;
    json_t *value;
    *out = 0;
    VAULT_TRY(check_list(l, key, list));
    json_array_foreach(list, i, value)
    {
        unsigned place;
        entry_key at = nth(key, i);
        const char *name = json_string_value(value);
        if (!name) return refuse(l, at.text, "not a text");
        if (!find_name(&place, of->names, of->count, name))
            return refuse(l, at.text, "unknown %s '%s': %s", of->what, cut(name).text, of->mend);
        if (*out & 1U << place) return refuse(l, at.text, "'%s' stands twice: leave one out", name);
        *out |= 1U << place;
    }
    return VAULT_OK;
}

/* ---- areas ---- */

static area_range *more_areas(policy *p, size_t count)
{
    size_t wanted = p->area_count + count, room = p->area_capacity ? p->area_capacity : AREAS_START;
    while (room < wanted) room *= 2;
    if (room > p->area_capacity) {
        p->areas = memory_grow(p->areas, p->area_capacity * sizeof *p->areas, room * sizeof *p->areas);
        p->area_capacity = room;
    }
    return p->areas + p->area_count;
}

static vault_code add_area(loader *l, size_t i, const json_t *value)
{
    policy *p = l->policy;
    entry_key at = nth("areas", i);
    const char *prefix = json_string_value(value);
    if (!prefix) return refuse(l, at.text, "not a text");
    if (prefix[0] == '@') {
        int place = place_of(&l->area_ids, prefix + 1);
        if (place < 0) return refuse(l, at.text, "unknown area set '%s': add it to area_sets", cut(prefix).text);
        const named_areas *set = &l->area_sets[place];
        memcpy(more_areas(p, set->count), set->at, set->count * sizeof *set->at);
        p->area_count += set->count;
        return VAULT_OK;
    }
    if (!area_range_read(more_areas(p, 1), prefix))
        return refuse(l, at.text, "'%s' is not 2 to %d digits of an area code", cut(prefix).text, AREA_DIGITS);
    p->area_count++;
    return VAULT_OK;
}

/* Of sorted areas: the first that lies within the one before it. */
static vault_code refuse_nested(loader *l, const area_range *areas)
{
    size_t i = 1;
    while (areas[i].low > areas[i - 1].high) i++;
    return refuse(l, "areas", "%0*lld stands twice, by itself or within another: leave one out", AREA_DIGITS,
                  (long long)areas[i].low);
}

vault_code read_areas(loader *l, uint32_t *first, uint32_t *count, json_t *list)
{
    policy *p = l->policy;
    size_t i, begun = p->area_count;
    json_t *value;
    VAULT_TRY(check_list(l, "areas", list));
    json_array_foreach(list, i, value) VAULT_TRY(add_area(l, i, value));
    if (!area_ranges_sort(p->areas + begun, p->area_count - begun)) return refuse_nested(l, p->areas + begun);
    *first = (uint32_t)begun;
    *count = (uint32_t)(p->area_count - begun);
    return VAULT_OK;
}

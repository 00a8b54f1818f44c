/* Classes of residents, sets of fields that are more than their parts, and reasons to tell a resident later. */
#include "policy/load.h"
#include "vault/base/memory.h"

#include <string.h>

enum { YEARS_MAX = 150, DAYS_MAX = 3650, WITHHOLDINGS_MAX = 1000, TITLE_MAX = 200 };

static const char *const per_names[PERS] = {
    [PER_PERSON] = "person", [PER_CONSUMER] = "consumer", [PER_PURPOSE] = "purpose"};

const char *policy_per_name(policy_per per)
{
    return (unsigned)per < PERS ? per_names[per] : "";
}

/* ---- classes ---- */

static vault_code read_values(loader *l, policy_class *c, json_t *values)
{
    size_t i;
    json_t *value;
    void *room;
    VAULT_TRY(check_list(l, "values", values));
    if (json_array_size(values) > CLASS_VALUES_MAX) return refuse(l, "values", "more than %d", CLASS_VALUES_MAX);
    VAULT_TRY(keep_room(l, &room, json_array_size(values), sizeof *c->texts));
    const char **texts = room;
    c->texts = texts;
    json_array_foreach(values, i, value)
    {
        const char *text = json_string_value(value);
        if (!text || !*text) return refuse(l, nth("values", i).text, "not a text: write a string, \"...\"");
        for (size_t k = 0; k < i; k++) {
            if (strcmp(c->texts[k], text) == 0) return refuse(l, nth("values", i).text, "stands twice: leave one out");
        }
        VAULT_TRY(keep_text(l, &texts[i], text));
        c->text_count = i + 1;
    }
    return VAULT_OK;
}

/* A test has one argument at most, and no other one. */
static vault_code read_argument(loader *l, policy_class *c, json_t *years, json_t *values)
{
    bool age = c->test == CLASS_AGE_UNDER || c->test == CLASS_AGE_AT_LEAST, one_of = c->test == CLASS_ONE_OF;
    if (age && !years) return refuse(l, "years", "missing: how old");
    if (!age && years) return refuse(l, "years", "stands with a test of age only: leave it out");
    if (one_of && !values) return refuse(l, "values", "missing: which");
    if (!one_of && values) return refuse(l, "values", "stands with the test one_of only: leave it out");
    VAULT_TRY(read_number(l, &c->years, "years", years, (bounds){1, YEARS_MAX}));
    return values ? read_values(l, c, values) : VAULT_OK;
}

static vault_code read_class_field(loader *l, size_t i, const char *name)
{
    const policy_names *names = l->names;
    policy_field field = names->field(names->context, name);
    if (field.number == 0 || field.number >= POLICY_FIELDS_MAX || field.collection == 0)
        return refuse(l, "field", "unknown field '%s': write it as the schema does", cut(name).text);
    if (field.predicate) return refuse(l, "field", "'%s' is a predicate: name a field", cut(name).text);
    l->policy->classes[i].field = field.number;
    l->class_collections[i] = field.collection;
    return VAULT_OK;
}

/* Value by value, so that the fault has a place. */
static vault_code check_fit(loader *l, const policy_class *c)
{
    const policy_names *names = l->names;
    policy_class one = *c;
    const char *misfit = c->text_count == 0 ? names->class_misfit(names->context, c) : NULL;
    if (misfit) return refuse(l, "test", "%s", misfit);
    for (size_t i = 0; i < c->text_count; i++) {
        one.texts = c->texts + i;
        one.text_count = 1;
        misfit = names->class_misfit(names->context, &one);
        if (misfit) return refuse(l, nth("values", i).text, "%s", misfit);
    }
    return VAULT_OK;
}

static vault_code read_class(loader *l, size_t i, json_t *value)
{
    static const char *const tests[CLASS_TESTS] = {[CLASS_AGE_UNDER] = "age_under",
                                                   [CLASS_AGE_AT_LEAST] = "age_at_least",
                                                   [CLASS_KNOWN] = "known",
                                                   [CLASS_ONE_OF] = "one_of"};
    const char *id, *field, *test;
    json_t *years = NULL, *values = NULL;
    unsigned test_no;
    const policy_names *names = l->names;
    policy_class *c = &l->policy->classes[i];
    VAULT_TRY(entry_shape(l, value, "{s:s, s:s, s:s, s?o, s?o}", "id", &id, "field", &field, "test", &test, "years",
                          &years, "values", &values));
    VAULT_TRY(keep_text(l, &c->id, id));
    VAULT_TRY(read_class_field(l, i, field));
    if (!find_name(&test_no, tests, CLASS_TESTS, test))
        return refuse(l, "test", "unknown test '%s': age_under, age_at_least, known or one_of", cut(test).text);
    c->test = (class_test)test_no;
    VAULT_TRY(read_argument(l, c, years, values));
    return names->class_misfit ? check_fit(l, c) : VAULT_OK;
}

vault_code read_classes(loader *l, json_t *list)
{
    policy *p = l->policy;
    void *room;
    VAULT_TRY(keep_room(l, &room, CLASSES_MAX, sizeof *p->classes));
    p->classes = room;
    VAULT_TRY(read_entries(l, &(id_list){"classes", list, CLASSES_MAX, read_class}, &l->class_ids));
    p->class_count = json_array_size(list);
    return VAULT_OK;
}

/* ---- aggregations ---- */

static bool single(field_set s)
{
    unsigned count = 0;
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++) count += field_set_has(s, n);
    return count < 2;
}

static vault_code read_aggregation(loader *l, size_t i, json_t *value)
{
    const field_wish wish = {.key = "fields", .values = true};
    const char *id, *per;
    json_t *fields, *level, *days;
    unsigned per_no;
    named_fields found;
    policy_aggregation *a = &l->policy->aggregations[i];
    VAULT_TRY(entry_shape(l, value, "{s:s, s:o, s:o, s:s, s:o}", "id", &id, "fields", &fields, "level", &level, "per",
                          &per, "days", &days));
    VAULT_TRY(keep_text(l, &a->id, id));
    VAULT_TRY(read_fields(l, &found, &wish, fields));
    if (single(found.fields)) return refuse(l, "fields", "one field is no set: give it a level in the schema");
    VAULT_TRY(read_number(l, &a->level, "level", level, (bounds){1, LEVEL_MAX}));
    if (a->level <= found.least)
        return refuse(l, "level", "is no higher than that of each of its fields, and would refuse nothing: above %u",
                      found.least);
    VAULT_TRY(read_number(l, &a->days, "days", days, (bounds){1, DAYS_MAX}));
    if (!find_name(&per_no, per_names, PER_PURPOSE, per))
        return refuse(l, "per", "'%s' is neither person nor consumer", cut(per).text);
    a->per = (policy_per)per_no;
    a->fields = found.fields;
    return VAULT_OK;
}

vault_code read_aggregations(loader *l, json_t *list)
{
    policy *p = l->policy;
    register_of ids = {0};
    void *room;
    VAULT_TRY(keep_room(l, &room, AGGREGATIONS_MAX, sizeof *p->aggregations));
    p->aggregations = room;
    vault_code code = read_entries(l, &(id_list){"aggregations", list, AGGREGATIONS_MAX, read_aggregation}, &ids);
    register_clear(&ids);
    p->aggregation_count = json_array_size(list);
    return code;
}

/* ---- withholding ---- */

static vault_code check_title(loader *l, const char *title)
{
    size_t len = strlen(title);
    bool clean = len > 0 && len <= TITLE_MAX;
    for (size_t i = 0; i < len && clean; i++) clean = (unsigned char)title[i] >= ' ' && title[i] != 0x7f;
    return clean ? VAULT_OK : refuse(l, "title", "is not 1 to %d bytes without control characters", TITLE_MAX);
}

static vault_code read_withholding(loader *l, size_t i, json_t *value)
{
    const char *id, *title;
    json_t *until = NULL, *days = NULL;
    policy_withholding *w = &l->policy->withholdings[i];
    VAULT_TRY(
        entry_shape(l, value, "{s:s, s:s, s?o, s?o}", "id", &id, "title", &title, "until", &until, "days", &days));
    VAULT_TRY(keep_text(l, &w->id, id));
    VAULT_TRY(check_title(l, title));
    VAULT_TRY(keep_text(l, &w->title, title));
    if (!until == !days) return refuse(l, "", "has one end: until (a day), or days (so many after the call)");
    const char *day = json_string_value(until);
    if (until && (!day || !date_read(&w->until, day))) return refuse(l, "until", "is not a date like 2026-12-31");
    return read_number(l, &w->days, "days", days, (bounds){1, DAYS_MAX});
}

vault_code read_withholdings(loader *l, json_t *list)
{
    policy *p = l->policy;
    void *room;
    VAULT_TRY(keep_room(l, &room, 1 + json_array_size(list), sizeof *p->withholdings));
    p->withholdings = room;
    VAULT_TRY(read_entries(l, &(id_list){"withholding", list, WITHHOLDINGS_MAX, read_withholding}, &l->withhold_ids));
    p->withholding_count = json_array_size(list);
    return VAULT_OK;
}

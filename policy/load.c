/* Reading of the document. Whatever is not known, not said or said twice is an error: nothing is guessed, nothing
 * ignored. */
#include "policy/internal.h"
#include "vault/base/json.h"
#include "vault/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct loader {
    policy *policy;
    const policy_names *names;
    vault_error *err;
    policy_rule *rule; /* that is being read */
} loader;

#define refuse(l, key, ...) rule_refuse((l)->policy, (l)->rule, (l)->err, (key), __VA_ARGS__)

static const char *const action_names[POLICY_ACTIONS] = {
    [POLICY_REVEAL] = "reveal", [POLICY_ISSUE] = "issue", [POLICY_PUT] = "put",        [POLICY_SEARCH] = "search",
    [POLICY_EXPORT] = "export", [POLICY_ERASE] = "erase", [POLICY_CONSENT] = "consent"};
static const char *const form_names[FORMS] = {
    [FORM_NOTHING] = "nothing", [FORM_COUNT] = "count",   [FORM_PREDICATE] = "predicate",
    [FORM_TOKEN] = "token",     [FORM_MASKED] = "masked", [FORM_PLAIN] = "plain"};
static const char *const acting_names[] = {"app", "person"};

const char *policy_action_name(policy_action a)
{
    return (unsigned)a < POLICY_ACTIONS ? action_names[a] : "";
}

const char *policy_form_name(policy_form f)
{
    return (unsigned)f < FORMS ? form_names[f] : "";
}

static bool find_name(unsigned *out, const char *const *names, unsigned count, const char *name)
{
    for (*out = 0; *out < count; ++*out) {
        if (strcmp(names[*out], name) == 0) return true;
    }
    return false;
}

/* ---- places of faults -------------------------------------------------------------------------------------------- */

enum { KEY_MAX = 40 };

/* "fields[3]" */
typedef struct entry {
    char text[KEY_MAX];
} entry;

static entry nth(const char *list, size_t i)
{
    entry k;
    snprintf(k.text, sizeof k.text, "%s[%zu]", list, i);
    return k;
}

/* A name from the document, cut where a character ends, so that the rest of the message stays. */
typedef struct cut_name {
    char text[KEY_MAX];
} cut_name;

static cut_name cut(const char *name)
{
    cut_name c;
    size_t len = strlen(name);
    if (len >= sizeof c.text) {
        len = sizeof c.text - 1;
        while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80) len--;
    }
    snprintf(c.text, sizeof c.text, "%.*s", (int)len, name);
    return c;
}

/* "policy.rules[3]" */
static void name_rule(char *out, size_t cap, const policy_rule *r)
{
    snprintf(out, cap, "policy.rules[%u]", (unsigned)r->place);
}

/* What is wrong with the document is told with its path, which may be cut, but never mistaken: the end is lost. */
static vault_code fault(vault_error *err, const char *path, const char *below)
{
    err->reason = "DOCUMENT_INVALID";
    snprintf(err->field, sizeof err->field, "%s%s%s", path, *below ? "." : "", below);
    return VAULT_INVALID;
}

vault_code rule_refuse_at(rule_place at, const char *where, const char *key, const char *format, ...)
{
    char text[sizeof at.err->detail], path[KEY_MAX];
    const char *id = rule_id(at.policy, at.rule);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    name_rule(path, sizeof path, at.rule);
    (void)vault_fail_at(at.err, VAULT_INVALID, where, "%s%s%s%s: %s%s%s", path, *id ? " (" : "", id, *id ? ")" : "",
                        key, *key ? ": " : "", text);
    return fault(at.err, path, key);
}

/* A list that may not be empty: what an empty one means is never "all". */
static vault_code check_list(loader *l, const char *name, json_t *list)
{
    if (!json_is_array(list)) return refuse(l, name, "not a list");
    if (json_array_size(list) > 0) return VAULT_OK;
    return refuse(l, name, "an empty list allows nothing: leave the rule out");
}

/* ---- fields ------------------------------------------------------------------------------------------------------ */

/* A predicate answers without the value, a field has one: no rule holds both. */
static vault_code check_predicate(loader *l, const char *key, policy_field field, const char *name)
{
    bool wanted = l->rule->form == FORM_PREDICATE;
    if (field.predicate == wanted) return VAULT_OK;
    if (wanted) return refuse(l, key, "'%s' is a field: form predicate takes predicates only", cut(name).text);
    return refuse(l, key, "'%s' is a predicate: name it in a rule of form predicate", cut(name).text);
}

/* `collection` is that of the fields before it, or 0. */
static vault_code read_field(loader *l, size_t i, json_t *value, unsigned *collection)
{
    entry at = nth("fields", i);
    const char *name = json_string_value(value);
    if (!name) return refuse(l, at.text, "not a text");
    policy_field field = l->names->field(l->names->context, name);
    if (field.number == 0 || field.number >= POLICY_FIELDS_MAX || field.collection == 0) {
        return refuse(l, at.text, "unknown field '%s': write it as the schema does", cut(name).text);
    }
    if (field_set_has(l->rule->fields, field.number)) {
        return refuse(l, at.text, "'%s' stands twice: leave one out", cut(name).text);
    }
    if (*collection != 0 && field.collection != *collection) {
        return refuse(l, at.text, "'%s' is of another collection: make a rule for each", cut(name).text);
    }
    VAULT_TRY(check_predicate(l, at.text, field, name));
    *collection = field.collection;
    field_set_add(&l->rule->fields, field.number);
    return VAULT_OK;
}

static vault_code read_fields(loader *l, json_t *list)
{
    unsigned collection = 0;
    size_t i;
    json_t *value;
    VAULT_TRY(check_list(l, "fields", list));
    json_array_foreach(list, i, value) VAULT_TRY(read_field(l, i, value, &collection));
    return VAULT_OK;
}

/* ---- areas ------------------------------------------------------------------------------------------------------- */

static vault_code read_area(loader *l, size_t i, area_range *out, json_t *value)
{
    entry at = nth("areas", i);
    const char *prefix = json_string_value(value);
    if (!prefix) return refuse(l, at.text, "not a text");
    if (area_range_read(out, prefix)) return VAULT_OK;
    return refuse(l, at.text, "'%s' is not 2 to %d digits of an area code", cut(prefix).text, AREA_DIGITS);
}

/* Of sorted areas: the first that lies within the one before it. */
static vault_code refuse_nested(loader *l, const area_range *areas)
{
    size_t i = 1;
    while (areas[i].low > areas[i - 1].high) i++;
    return refuse(l, "areas", "%0*lld stands twice, by itself or within another: leave one out", AREA_DIGITS,
                  (long long)areas[i].low);
}

static vault_code read_areas(loader *l, json_t *list)
{
    policy *p = l->policy;
    size_t i, count = json_array_size(list);
    json_t *value;
    VAULT_TRY(check_list(l, "areas", list));
    area_range *areas = p->areas + p->area_count;
    json_array_foreach(list, i, value) VAULT_TRY(read_area(l, i, &areas[i], value));
    if (!area_ranges_sort(areas, count)) return refuse_nested(l, areas);
    l->rule->first_area = (uint32_t)p->area_count;
    l->rule->area_count = (uint32_t)count;
    p->area_count += count;
    return VAULT_OK;
}

/* ---- who acts ---------------------------------------------------------------------------------------------------- */

static vault_code read_role(loader *l, size_t i, json_t *value)
{
    entry at = nth("roles", i);
    const char *id = json_string_value(value);
    if (!id) return refuse(l, at.text, "not a text");
    uint64_t bit = role_bit(l->names->role(l->names->context, id));
    if (bit == 0) return refuse(l, at.text, "unknown role '%s': register it with the principals", cut(id).text);
    if (l->rule->roles & bit) return refuse(l, at.text, "'%s' stands twice: leave one out", cut(id).text);
    l->rule->roles |= bit;
    return VAULT_OK;
}

static vault_code read_roles(loader *l, json_t *list)
{
    size_t i;
    json_t *value;
    VAULT_TRY(check_list(l, "roles", list));
    json_array_foreach(list, i, value) VAULT_TRY(read_role(l, i, value));
    return VAULT_OK;
}

/* "roles" must stand with "person"; with "app" neither it nor "own_area" may: they would not be applied. */
static vault_code read_acting(loader *l, const char *acting, json_t *roles, json_t *own_area)
{
    unsigned number;
    if (!find_name(&number, acting_names, 2, acting)) {
        return refuse(l, "acting", "'%s' is neither person nor app", cut(acting).text);
    }
    l->rule->person = number == 1;
    if (!l->rule->person && roles) return refuse(l, "roles", "stands with acting person only: leave it out");
    if (!l->rule->person && own_area) return refuse(l, "own_area", "stands with acting person only: leave it out");
    if (own_area && !json_is_boolean(own_area)) return refuse(l, "own_area", "is neither true nor false");
    l->rule->own_area = json_is_true(own_area);
    if (!l->rule->person) return VAULT_OK;
    return roles ? read_roles(l, roles) : refuse(l, "roles", "missing: name the roles of the persons who may act");
}

/* ---- the rest of a rule ------------------------------------------------------------------------------------------ */

static vault_code read_dates(loader *l, const char *from, const char *until)
{
    policy_rule *r = l->rule;
    if (!date_read(&r->from, from))
        return refuse(l, "valid.from", "'%s' is not a date like 2026-01-31", cut(from).text);
    if (!date_read(&r->until, until))
        return refuse(l, "valid.until", "'%s' is not a date like 2026-12-31", cut(until).text);
    if (r->from > r->until) return refuse(l, "valid", "ends (until) before it begins (from)");
    return VAULT_OK;
}

static vault_code read_names(loader *l, const char *consumer, const char *purpose)
{
    const policy_names *names = l->names;
    policy_rule *r = l->rule;
    r->consumer = names->consumer(names->context, consumer);
    if (r->consumer.no == 0)
        return refuse(l, "consumer", "unknown consumer '%s': name a registered app", cut(consumer).text);
    r->purpose = names->purpose(names->context, purpose);
    if (r->purpose.no == 0)
        return refuse(l, "purpose", "unknown purpose '%s': name a registered one", cut(purpose).text);
    r->assessed_until = names->assessed_until(names->context, r->purpose);
    return VAULT_OK;
}

/* A reveal shows something, a put brings whole values, an issue grants none, a search gives residents or their number,
 * an export is of no use but in full; an erase leaves none. */
static const struct {
    unsigned forms; /* set of 1 << form */
    const char *names;
} fitting[POLICY_ACTIONS] = {
    [POLICY_REVEAL] = {1U << FORM_PLAIN | 1U << FORM_MASKED | 1U << FORM_TOKEN | 1U << FORM_PREDICATE,
                       "plain, masked, token or predicate"},
    [POLICY_ISSUE] = {1U << FORM_NOTHING, "nothing"},
    [POLICY_PUT] = {1U << FORM_PLAIN, "plain"},
    [POLICY_SEARCH] = {1U << FORM_TOKEN | 1U << FORM_COUNT, "token or count"},
    [POLICY_EXPORT] = {1U << FORM_PLAIN, "plain"},
    [POLICY_ERASE] = {1U << FORM_NOTHING, "nothing"},
    [POLICY_CONSENT] = {1U << FORM_NOTHING, "nothing"},
};

static vault_code read_kinds(loader *l, const char *action, const char *form)
{
    unsigned action_no, form_no;
    if (!find_name(&action_no, action_names, POLICY_ACTIONS, action)) {
        return refuse(l, "action", "unknown action '%s': reveal, issue, put, search, export, erase or consent",
                      cut(action).text);
    }
    if (!find_name(&form_no, form_names, FORMS, form)) {
        return refuse(l, "form", "unknown form '%s': plain, masked, token, predicate, count or nothing",
                      cut(form).text);
    }
    l->rule->action = (policy_action)action_no;
    l->rule->form = (policy_form)form_no;
    if (fitting[action_no].forms & 1U << form_no) return VAULT_OK;
    return refuse(l, "form", "%s cannot be %s: %s", action, form, fitting[action_no].names);
}

/* Beside anything but a search for tokens it would not be applied. */
static vault_code read_results(loader *l, json_t *results)
{
    policy_rule *r = l->rule;
    bool finds = r->action == POLICY_SEARCH && r->form == FORM_TOKEN;
    r->results = finds ? RESULTS_DEFAULT : 0;
    if (!results) return VAULT_OK;
    if (!finds) return refuse(l, "results", "stands with a search of form token only: leave it out");
    json_int_t most = json_is_integer(results) ? json_integer_value(results) : 0;
    if (most < 1 || most > RESULTS_MAX) return refuse(l, "results", "is not 1 to %d", RESULTS_MAX);
    r->results = (uint16_t)most;
    return VAULT_OK;
}

/* From here on messages name the rule. */
static vault_code read_id(loader *l, const char *id)
{
    if (!id_valid(id, "")) return refuse(l, "id", "'%s' is not 1 to %d of a-z, 0-9, -", cut(id).text, ID_MAX);
    snprintf(l->policy->ids[l->rule->place], sizeof *l->policy->ids, "%s", id);
    return VAULT_OK;
}

/* The shape's own message names the key. */
static vault_code refuse_shape(loader *l, const vault_error *shape)
{
    const char *text = strstr(shape->detail, ": ");
    return refuse(l, "", "%s", text ? text + 2 : shape->detail);
}

static vault_code read_rule(loader *l, json_t *value)
{
    const char *id, *action, *consumer, *purpose, *form, *acting, *from, *until;
    json_t *fields, *areas, *roles = NULL, *own_area = NULL, *results = NULL;
    json_t *named = json_object_get(value, "id"); /* so that a wrong shape is told with the rule's id, if it has one */
    vault_error shape = {0};
    if (json_is_string(named)) VAULT_TRY(read_id(l, json_string_value(named)));
    if (json_shape(value, &shape, "rule", "{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:s, s?o, s?o, s?o, s:{s:s, s:s}}", "id",
                   &id, "action", &action, "consumer", &consumer, "purpose", &purpose, "fields", &fields, "form", &form,
                   "areas", &areas, "acting", &acting, "roles", &roles, "own_area", &own_area, "results", &results,
                   "valid", "from", &from, "until", &until) != VAULT_OK) {
        return refuse_shape(l, &shape);
    }
    VAULT_TRY(read_kinds(l, action, form));
    VAULT_TRY(read_results(l, results));
    VAULT_TRY(read_names(l, consumer, purpose));
    VAULT_TRY(read_fields(l, fields));
    VAULT_TRY(read_areas(l, areas));
    VAULT_TRY(read_acting(l, acting, roles, own_area));
    return read_dates(l, from, until);
}

static vault_code check_ids(loader *l)
{
    policy *p = l->policy;
    if (p->count == 0) return VAULT_OK;
    const char **ids = memory_array(p->count, sizeof *ids), *a, *b;
    for (size_t i = 0; i < p->count; i++) ids[i] = p->ids[i];
    bool alike = ids_look_alike(ids, p->count, &a, &b);
    memory_free(ids, p->count * sizeof *ids);
    if (!alike) return VAULT_OK;
    l->rule = &p->rules[(size_t)(b - *p->ids) / sizeof *p->ids];
    return refuse(l, "id", "looks like '%s': no two ids may be taken for each other", a);
}

/* ---- the document ------------------------------------------------------------------------------------------------ */

static size_t count_areas(json_t *rules)
{
    size_t i, total = 0;
    json_t *value;
    json_array_foreach(rules, i, value) total += json_array_size(json_object_get(value, "areas"));
    return total;
}

static policy *policy_new(json_t *rules)
{
    policy *p = memory_new(sizeof *p);
    p->count = json_array_size(rules);
    p->rules = memory_array(p->count, sizeof *p->rules);
    p->ids = memory_array(p->count, sizeof *p->ids);
    p->area_capacity = count_areas(rules);
    p->areas = memory_array(p->area_capacity, sizeof *p->areas);
    return p;
}

static vault_code read_rules(loader *l, json_t *rules)
{
    size_t i;
    json_t *value;
    json_array_foreach(rules, i, value)
    {
        l->rule = &l->policy->rules[i];
        l->rule->place = (uint16_t)i;
        VAULT_TRY(read_rule(l, value));
    }
    return check_ids(l);
}

static vault_code check_document(json_t **rules, json_t *document, vault_error *err)
{
    if (json_shape(document, err, "policy", "{s:o}", "rules", rules) != VAULT_OK) return fault(err, "policy", "");
    if (json_is_array(*rules) && json_array_size(*rules) <= POLICY_RULES_MAX) return VAULT_OK;
    (void)vault_fail(err, VAULT_INVALID, "policy: rules: not a list of at most %d", POLICY_RULES_MAX);
    return fault(err, "policy", "rules");
}

vault_code policy_load(policy **out, json_t *document, const policy_names *names, vault_error *err)
{
    json_t *rules;
    *out = NULL;
    VAULT_TRY(check_document(&rules, document, err));
    VAULT_CLEANUP(policy_free) policy *p = policy_new(rules);
    loader l = {.policy = p, .names = names, .err = err};
    VAULT_TRY(read_rules(&l, rules));
    policy_compile(p);
    VAULT_TRY(policy_check_scopes(p, err));
    *out = p;
    p = NULL;
    return VAULT_OK;
}

void policy_free(policy **p)
{
    policy *it = *p;
    *p = NULL;
    if (!it) return;
    memory_free(it->rules, it->count * sizeof *it->rules);
    memory_free(it->ids, it->count * sizeof *it->ids);
    memory_free(it->areas, it->area_capacity * sizeof *it->areas);
    memory_free(it->cells, it->count * sizeof *it->cells);
    memory_free(it->purposes, it->purpose_count * sizeof *it->purposes);
    memory_free(it, sizeof *it);
}

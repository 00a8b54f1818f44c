/* Reading of the document. Whatever is not known, not said or said twice is an error: nothing is guessed, nothing
 * ignored. */
#include "policy/internal.h"
#include "vault/base/json.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the reading stands; every message begins with `at`, for example "policy.rules[3] (elder-care-reveal)". */
typedef struct loader {
    policy *policy;
    const policy_names *names;
    vault_error *err;
    char at[48 + ID_MAX];
} loader;

/* Names from the document are cut, so that the end of the message stays. */
#define refuse(l, ...) vault_fail((l)->err, VAULT_INVALID, __VA_ARGS__)

static const char *const action_names[POLICY_ACTIONS] = {
    [POLICY_REVEAL] = "reveal", [POLICY_ISSUE] = "issue", [POLICY_PUT] = "put"};
static const char *const form_names[FORMS] = {[FORM_NOTHING] = "nothing", [FORM_PLAIN] = "plain"};
static const char *const acting_names[] = {"app", "person"};

static bool find_name(unsigned *out, const char *const *names, unsigned count, const char *name)
{
    for (*out = 0; *out < count; ++*out) {
        if (strcmp(names[*out], name) == 0) return true;
    }
    return false;
}

/* ---- fields ------------------------------------------------------------------------------------------------------ */

static vault_code read_field(loader *l, field_set *out, json_t *value)
{
    const char *name = json_string_value(value);
    if (!name) return refuse(l, "%s: fields: not a text", l->at);
    unsigned number = l->names->field(l->names->context, name);
    if (number == 0 || number >= POLICY_FIELDS_MAX) return refuse(l, "%s: fields: unknown field '%.40s'", l->at, name);
    if (field_set_has(*out, number)) return refuse(l, "%s: fields: '%.40s' stands twice", l->at, name);
    field_set_add(out, number);
    return VAULT_OK;
}

static vault_code read_fields(loader *l, field_set *out, json_t *list)
{
    if (!json_is_array(list)) return refuse(l, "%s: fields: not a list", l->at);
    if (json_array_size(list) == 0)
        return refuse(l, "%s: fields: an empty list allows nothing: leave the rule out", l->at);
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value) VAULT_TRY(read_field(l, out, value));
    return VAULT_OK;
}

/* ---- areas ------------------------------------------------------------------------------------------------------- */

enum { AREA_DIGITS = 12, AREA_PREFIX_MIN = 2 };

/* "3204" covers 320400000000 to 320499999999. No province begins with 0; a prefix that did would cover "no area". */
static bool area_parse(area_range *out, const char *prefix)
{
    size_t len = strlen(prefix);
    if (len < AREA_PREFIX_MIN || len > AREA_DIGITS || prefix[0] == '0') return false;
    *out = (area_range){0};
    for (size_t i = 0; i < AREA_DIGITS; i++) {
        if (i < len && (prefix[i] < '0' || prefix[i] > '9')) return false;
        out->low = out->low * 10 + (i < len ? prefix[i] - '0' : 0);
        out->high = out->high * 10 + (i < len ? prefix[i] - '0' : 9);
    }
    return true;
}

static int compare_areas(const void *a, const void *b)
{
    const area_range *x = a, *y = b;
    if (x->low != y->low) return x->low < y->low ? -1 : 1;
    return (x->high > y->high) - (x->high < y->high);
}

static vault_code read_area(loader *l, area_range *out, json_t *value)
{
    const char *prefix = json_string_value(value);
    if (!prefix) return refuse(l, "%s: areas: not a text", l->at);
    if (!area_parse(out, prefix)) {
        return refuse(l, "%s: areas: '%.20s' is not 2 to 12 digits of a division code", l->at, prefix);
    }
    return VAULT_OK;
}

static vault_code read_areas(loader *l, policy_rule *out, json_t *list)
{
    if (!json_is_array(list)) return refuse(l, "%s: areas: not a list", l->at);
    if (json_array_size(list) == 0)
        return refuse(l, "%s: areas: an empty list means nowhere: leave the rule out", l->at);
    policy *p = l->policy;
    area_range *areas = p->areas + p->area_count;
    size_t i, count = json_array_size(list);
    json_t *value;
    json_array_foreach(list, i, value) VAULT_TRY(read_area(l, &areas[i], value));
    qsort(areas, count, sizeof *areas, compare_areas);
    for (i = 1; i < count; i++) {
        if (areas[i].low <= areas[i - 1].high) {
            return refuse(l, "%s: areas: %012lld stands twice", l->at, (long long)areas[i].low);
        }
    }
    out->first_area = (uint32_t)p->area_count;
    out->area_count = (uint32_t)count;
    p->area_count += count;
    return VAULT_OK;
}

/* ---- dates ------------------------------------------------------------------------------------------------------- */

static unsigned digits(const char *text, size_t len)
{
    unsigned value = 0;
    for (size_t i = 0; i < len; i++) value = value * 10 + (unsigned)(text[i] - '0');
    return value;
}

static unsigned month_length(unsigned year, unsigned month)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

/* "2026-01-31" to 20260131. */
static bool date_parse(uint32_t *out, const char *text)
{
    if (strlen(text) != 10 || strspn(text, "0123456789-") != 10 || text[4] != '-' || text[7] != '-') return false;
    for (size_t i = 0; i < 10; i++) {
        if (i != 4 && i != 7 && text[i] == '-') return false;
    }
    unsigned year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
    *out = year * 10000 + month * 100 + day;
    return year >= 1900 && month >= 1 && month <= 12 && day >= 1 && day <= month_length(year, month);
}

static vault_code read_dates(loader *l, policy_rule *out, const char *from, const char *until)
{
    if (!date_parse(&out->from, from)) return refuse(l, "%s: valid.from: '%.20s' is not a date", l->at, from);
    if (!date_parse(&out->until, until)) return refuse(l, "%s: valid.until: '%.20s' is not a date", l->at, until);
    if (out->from > out->until) return refuse(l, "%s: valid: ends (until) before it begins (from)", l->at);
    return VAULT_OK;
}

/* ---- a rule ------------------------------------------------------------------------------------------------------ */

static vault_code read_names(loader *l, policy_rule *out, const char *consumer, const char *purpose)
{
    out->consumer = l->names->consumer(l->names->context, consumer);
    if (out->consumer.no == 0) return refuse(l, "%s: consumer: unknown consumer '%.40s'", l->at, consumer);
    out->purpose = l->names->purpose(l->names->context, purpose);
    if (out->purpose.no == 0) return refuse(l, "%s: purpose: unknown purpose '%.40s'", l->at, purpose);
    return VAULT_OK;
}

static vault_code read_kinds(loader *l, policy_rule *out, const char *action, const char *form, const char *acting)
{
    unsigned action_no, form_no, acting_no;
    if (!find_name(&action_no, action_names, POLICY_ACTIONS, action)) {
        return refuse(l, "%s: action: unknown action '%.40s'", l->at, action);
    }
    if (!find_name(&form_no, form_names, FORMS, form)) return refuse(l, "%s: form: unknown form '%.40s'", l->at, form);
    if (!find_name(&acting_no, acting_names, 2, acting)) {
        return refuse(l, "%s: acting: '%.40s' is neither person nor app", l->at, acting);
    }
    out->action = (policy_action)action_no;
    out->form = (policy_form)form_no;
    out->person = acting_no == 1;
    if ((out->form == FORM_NOTHING) != (out->action == POLICY_ISSUE)) {
        return refuse(l, "%s: form: %s cannot be %s", l->at, action, form);
    }
    return VAULT_OK;
}

/* From here on messages name the rule. */
static vault_code read_id(loader *l, policy_rule *out, const char *id)
{
    if (!id_valid(id, "")) return refuse(l, "%s: id: '%.40s' is not 1 to 64 of a-z, 0-9, -", l->at, id);
    size_t len = strlen(l->at);
    snprintf(l->at + len, sizeof l->at - len, " (%s)", id);
    snprintf(l->policy->ids[out->place], sizeof *l->policy->ids, "%s", id);
    return VAULT_OK;
}

static vault_code read_rule(loader *l, policy_rule *out, json_t *value)
{
    const char *id, *action, *consumer, *purpose, *form, *acting, *from, *until;
    json_t *fields, *areas;
    json_t *named = json_object_get(value, "id"); /* so that a wrong shape is told with the rule's id, if it has one */
    if (json_is_string(named)) VAULT_TRY(read_id(l, out, json_string_value(named)));
    VAULT_TRY(json_shape(value, l->err, l->at, "{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:s, s:{s:s, s:s}}", "id", &id,
                         "action", &action, "consumer", &consumer, "purpose", &purpose, "fields", &fields, "form",
                         &form, "areas", &areas, "acting", &acting, "valid", "from", &from, "until", &until));
    VAULT_TRY(read_kinds(l, out, action, form, acting));
    VAULT_TRY(read_names(l, out, consumer, purpose));
    VAULT_TRY(read_fields(l, &out->fields, fields));
    VAULT_TRY(read_areas(l, out, areas));
    return read_dates(l, out, from, until);
}

static vault_code check_ids(loader *l)
{
    policy *p = l->policy;
    if (p->count == 0) return VAULT_OK;
    const char **ids = memory_array(p->count, sizeof *ids), *a, *b;
    for (size_t i = 0; i < p->count; i++) ids[i] = p->ids[i];
    bool alike = ids_look_alike(ids, p->count, &a, &b);
    memory_free(ids, p->count * sizeof *ids);
    if (alike) return refuse(l, "policy: rule '%s': id: looks like '%s'", a, b);
    return VAULT_OK;
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
        snprintf(l->at, sizeof l->at, "policy.rules[%zu]", i);
        l->policy->rules[i].place = (uint16_t)i;
        VAULT_TRY(read_rule(l, &l->policy->rules[i], value));
    }
    return check_ids(l);
}

vault_code policy_load(policy **out, json_t *document, const policy_names *names, vault_error *err)
{
    json_t *rules;
    *out = NULL;
    VAULT_TRY(json_shape(document, err, "policy", "{s:o}", "rules", &rules));
    if (!json_is_array(rules)) return vault_fail(err, VAULT_INVALID, "policy: rules: not a list");
    if (json_array_size(rules) > POLICY_RULES_MAX) {
        return vault_fail(err, VAULT_INVALID, "policy: rules: more than %d", POLICY_RULES_MAX);
    }
    VAULT_CLEANUP(policy_free) policy *p = policy_new(rules);
    loader l = {.policy = p, .names = names, .err = err};
    VAULT_TRY(read_rules(&l, rules));
    VAULT_TRY(policy_compile(p, err));
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

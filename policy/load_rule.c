/* One rule of the document: what it says, and the rules of the engine that it becomes, one for each consumer and
 * purpose. */
#include "policy/load.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>

enum { PATTERNS_MAX = 32, PATTERNS_START = 16, PATTERN_MAX = 64, APPROVAL_MAX = 1000000, RULES_START = 64 };
enum { GLASS_HOURS_MAX = 4, GLASS_RESIDENTS_MAX = 1000, REVIEW_HOURS_MAX = 72 };

/* What a rule says, as it stands there. */
typedef struct rule_text {
    const char *id, *action, *form, *acting, *from, *until;
    json_t *consumer, *purpose, *fields, *areas, *valid; /* required */
    json_t *roles, *own_area, *results, *below, *hours, *consent, *residents, *ticket, *approval_above, *level,
        *sharing, *break_glass, *withhold;
} rule_text;

/* A rule that is being read. */
typedef struct draft {
    policy_rule rule;
    named_fields fields;
    numbers consumers, purposes;
} draft;

/* ---- action and form ---- */

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
    [POLICY_HISTORY] = {1U << FORM_NOTHING, "nothing"},
    [POLICY_GUARDIAN] = {1U << FORM_NOTHING, "nothing"},
};

static vault_code read_word(loader *l, unsigned *out, const char *key, const char *word, const vocabulary *of)
{
    if (find_name(out, of->names, of->count, word)) return VAULT_OK;
    return refuse(l, key, "unknown %s '%s': %s", of->what, cut(word).text, of->mend);
}

static vault_code read_kinds(loader *l, policy_rule *r, const rule_text *t)
{
    unsigned action, form;
    VAULT_TRY(read_word(l, &action, "action", t->action, &action_words));
    VAULT_TRY(read_word(l, &form, "form", t->form, &form_words));
    r->action = (policy_action)action;
    r->form = (policy_form)form;
    if (fitting[action].forms & 1U << form) return VAULT_OK;
    return refuse(l, "form", "%s cannot be %s: %s", t->action, t->form, fitting[action].names);
}

/* Beside anything but a search for tokens it would not be applied. */
static vault_code read_results(loader *l, policy_rule *r, json_t *results)
{
    bool finds = r->action == POLICY_SEARCH && r->form == FORM_TOKEN;
    uint32_t most = RESULTS_DEFAULT;
    if (results && !finds) return refuse(l, "results", "stands with a search of form token only: leave it out");
    VAULT_TRY(read_number(l, &most, "results", results, (bounds){1, RESULTS_MAX}));
    r->results = finds ? (uint16_t)most : 0;
    return VAULT_OK;
}

/* ---- who, for what ---- */

static vault_code check_forms(loader *l, const draft *d)
{
    const policy_names *names = l->names;
    if (!names->forms) return VAULT_OK;
    for (size_t i = 0; i < d->purposes.count; i++) {
        unsigned forms = names->forms(names->context, (purpose_no){d->purposes.at[i]});
        if (forms & 1U << d->rule.form) continue;
        return refuse(l, "form", "'%s' is not among the forms of its purpose%s: name another form or purpose",
                      policy_form_name(d->rule.form), d->rule.below ? ", or of one below it" : "");
    }
    return VAULT_OK;
}

static vault_code read_who(loader *l, draft *d, const rule_text *t)
{
    VAULT_TRY(read_flag(l, &d->rule.below, "below", t->below));
    VAULT_TRY(read_consumers(l, &d->consumers, "consumer", t->consumer));
    VAULT_TRY(read_purposes(l, &d->purposes, "purpose", t->purpose, d->rule.below));
    return check_forms(l, d);
}

/* "roles" must stand with "person"; with "app" neither it nor "own_area" may: they would not be applied. */
static vault_code read_acting(loader *l, policy_rule *r, const rule_text *t)
{
    static const char *const acting_names[] = {"app", "person"};
    unsigned number;
    if (!find_name(&number, acting_names, 2, t->acting))
        return refuse(l, "acting", "'%s' is neither person nor app", cut(t->acting).text);
    r->person = number == 1;
    if (!r->person && t->roles) return refuse(l, "roles", "stands with acting person only: leave it out");
    if (!r->person && t->own_area) return refuse(l, "own_area", "stands with acting person only: leave it out");
    VAULT_TRY(read_flag(l, &r->own_area, "own_area", t->own_area));
    if (!r->person) return VAULT_OK;
    if (!t->roles) return refuse(l, "roles", "missing: name the roles of the persons who may act");
    return read_roles(l, &r->roles, "roles", t->roles);
}

static vault_code read_what(loader *l, draft *d, const rule_text *t)
{
    bool asks = d->rule.form == FORM_PREDICATE;
    const field_wish wish = {.key = "fields", .values = !asks, .questions = asks, .form = t->form};
    VAULT_TRY(read_fields(l, &d->fields, &wish, t->fields));
    d->rule.fields = d->fields.fields;
    VAULT_TRY(read_areas(l, &d->rule.first_area, &d->rule.area_count, t->areas));
    VAULT_TRY(read_acting(l, &d->rule, t));
    return read_days(l, &d->rule.from, &d->rule.until, t->valid);
}

/* ---- of which residents ---- */

/* A class of records of another collection would never be known of those that the rule is for. */
static vault_code check_classes(loader *l, const draft *d, const char *key, uint64_t classes)
{
    for (unsigned i = 0; i < l->policy->class_count; i++) {
        if (!(classes >> i & 1) || l->class_collections[i] == d->fields.collection) continue;
        return refuse(l, key, "'%s' is a class of another collection than the fields are: leave it out",
                      l->policy->classes[i].id);
    }
    return VAULT_OK;
}

/* Where nobody is looked at one by one, what depends on the resident would not be applied. */
static vault_code check_looks(loader *l, const policy_rule *r, const char *key)
{
    bool looks = r->action == POLICY_REVEAL || r->action == POLICY_EXPORT || r->action == POLICY_ISSUE ||
                 (r->action == POLICY_SEARCH && r->form == FORM_TOKEN);
    if (looks) return VAULT_OK;
    return refuse(l, key, "stands with reveal, issue, export and a search of form token only: leave it out");
}

static vault_code read_residents(loader *l, draft *d, json_t *value)
{
    json_t *only = NULL, *except = NULL;
    json_error_t shape;
    policy_rule *r = &d->rule;
    if (!value) return VAULT_OK;
    VAULT_TRY(check_looks(l, r, "residents"));
    if (json_unpack_ex(value, &shape, JSON_STRICT, "{s?o, s?o}", "only", &only, "except", &except) != 0)
        return refuse_shape(l, "residents", &shape);
    if (!only && !except) return refuse(l, "residents", "says nothing: add only or except, or leave it out");
    if (only) VAULT_TRY(read_class_names(l, &r->only, "residents.only", only));
    if (except) VAULT_TRY(read_class_names(l, &r->except, "residents.except", except));
    if (r->only & r->except) return refuse(l, "residents", "a class stands in only and in except: leave one out");
    return check_classes(l, d, "residents", r->only | r->except);
}

static vault_code read_consent(loader *l, policy_rule *r, json_t *value)
{
    VAULT_TRY(read_flag(l, &r->consent, "consent", value));
    return r->consent ? check_looks(l, r, "consent") : VAULT_OK;
}

/* ---- tickets ---- */

static void grow_patterns(policy *p)
{
    if (p->pattern_count < p->pattern_capacity) return;
    size_t room = p->pattern_capacity ? 2 * p->pattern_capacity : PATTERNS_START;
    p->patterns = memory_grow(p->patterns, p->pattern_capacity * sizeof *p->patterns, room * sizeof *p->patterns);
    p->pattern_capacity = room;
}

static vault_code add_pattern(loader *l, const policy_rule *r, size_t i, const json_t *value)
{
    policy *p = l->policy;
    entry_key at = nth("ticket", i);
    const char *text = json_string_value(value);
    size_t len = text ? strlen(text) : 0;
    if (len < 1 || len > PATTERN_MAX) return refuse(l, at.text, "not a text of 1 to %d characters", PATTERN_MAX);
    for (size_t k = 0; k < len; k++) {
        if (text[k] <= ' ' || text[k] >= 0x7f)
            return refuse(l, at.text, "holds what no ticket has: letters, digits, '-', and #, ? and *");
    }
    if (strstr(text, "**")) return refuse(l, at.text, "'**' is no more than '*': leave one out");
    for (size_t k = r->first_pattern; k < p->pattern_count; k++) {
        if (strcmp(p->patterns[k], text) == 0) return refuse(l, at.text, "stands twice: leave one out");
    }
    grow_patterns(p);
    VAULT_TRY(keep_text(l, &p->patterns[p->pattern_count], text));
    p->pattern_count++;
    return VAULT_OK;
}

static vault_code read_ticket(loader *l, policy_rule *r, json_t *list)
{
    size_t i;
    json_t *value;
    if (!list) return VAULT_OK;
    VAULT_TRY(check_list(l, "ticket", list));
    if (json_array_size(list) > PATTERNS_MAX) return refuse(l, "ticket", "more than %d patterns", PATTERNS_MAX);
    r->first_pattern = (uint32_t)l->policy->pattern_count;
    json_array_foreach(list, i, value) VAULT_TRY(add_pattern(l, r, i, value));
    r->pattern_count = (uint16_t)json_array_size(list);
    return VAULT_OK;
}

/* ---- other conditions ---- */

static vault_code read_level(loader *l, draft *d, json_t *value)
{
    uint32_t level = d->fields.most;
    VAULT_TRY(read_number(l, &level, "level", value, (bounds){1, LEVEL_MAX}));
    if (level < d->fields.most)
        return refuse(l, "level", "is lower than that of one of its fields, %u: raise it, or leave it out",
                      d->fields.most);
    d->rule.level = (uint8_t)level;
    return VAULT_OK;
}

static bool areas_within(const policy *p, const policy_rule *r, const policy_basis *basis)
{
    if (basis->area_count == 0) return true;
    for (size_t i = 0, k = 0; i < r->area_count; i++) {
        const area_range *own = &p->areas[r->first_area + i];
        while (k < basis->area_count && basis->areas[k].high < own->high) k++;
        if (k == basis->area_count || basis->areas[k].low > own->low) return false;
    }
    return true;
}

static vault_code read_sharing(loader *l, draft *d, const json_t *value)
{
    const policy_names *names = l->names;
    const char *id = json_string_value(value);
    d->rule.sharing_until = UINT32_MAX;
    if (!value) return VAULT_OK;
    policy_basis basis = id && names->basis ? names->basis(names->context, id) : (policy_basis){0};
    if (!basis.found) return refuse(l, "sharing", "unknown basis '%s': register it", cut(id ? id : "").text);
    if (d->consumers.count != 1 || d->consumers.at[0] != basis.to.no)
        return refuse(l, "sharing", "'%s' shares with another consumer: make a rule for each", cut(id).text);
    for (size_t i = 0; i < d->purposes.count; i++) {
        if (!below_purpose(l, (purpose_no){d->purposes.at[i]}, basis.purpose))
            return refuse(l, "sharing", "'%s' is for another purpose: make a rule for each", cut(id).text);
    }
    if (!areas_within(l->policy, &d->rule, &basis))
        return refuse(l, "sharing", "'%s' is for fewer areas: name areas within its own", cut(id).text);
    if (basis.until < d->rule.from || d->rule.until < basis.from)
        return refuse(l, "sharing", "'%s' holds on none of the rule's days: it is never reached", cut(id).text);
    d->rule.sharing_from = basis.from;
    d->rule.sharing_until = basis.until;
    return keep_text(l, &d->rule.sharing, id);
}

static vault_code read_break_glass(loader *l, policy_rule *r, json_t *value)
{
    json_t *hours, *residents, *review;
    json_error_t shape;
    uint32_t figures[3] = {0};
    if (!value) return VAULT_OK;
    if (r->action != POLICY_REVEAL && r->action != POLICY_SEARCH && r->action != POLICY_ISSUE)
        return refuse(l, "break_glass", "stands with reveal, issue and search only: leave it out");
    if (!r->person) return refuse(l, "break_glass", "stands with acting person only: one must answer for it");
    if (json_unpack_ex(value, &shape, JSON_STRICT, "{s:o, s:o, s:o}", "hours", &hours, "residents", &residents,
                       "review_hours", &review) != 0)
        return refuse_shape(l, "break_glass", &shape);
    VAULT_TRY(read_number(l, &figures[0], "break_glass.hours", hours, (bounds){1, GLASS_HOURS_MAX}));
    VAULT_TRY(read_number(l, &figures[1], "break_glass.residents", residents, (bounds){1, GLASS_RESIDENTS_MAX}));
    VAULT_TRY(read_number(l, &figures[2], "break_glass.review_hours", review, (bounds){1, REVIEW_HOURS_MAX}));
    r->glass_hours = (uint8_t)figures[0];
    r->glass_residents = (uint16_t)figures[1];
    r->glass_review_hours = (uint16_t)figures[2];
    return VAULT_OK;
}

static vault_code read_withhold(loader *l, policy_rule *r, const json_t *value)
{
    const char *id = json_string_value(value);
    if (!value) return VAULT_OK;
    int place = id ? place_of(&l->withhold_ids, id) : -1;
    if (place < 0)
        return refuse(l, "withhold", "unknown class of withholding '%s': add it to withholding",
                      cut(id ? id : "").text);
    r->withhold = (uint16_t)(place + 1);
    return VAULT_OK;
}

static vault_code read_conditions(loader *l, draft *d, const rule_text *t)
{
    policy_rule *r = &d->rule;
    VAULT_TRY(read_hours(l, &r->week, t->hours));
    VAULT_TRY(read_consent(l, r, t->consent));
    VAULT_TRY(read_residents(l, d, t->residents));
    VAULT_TRY(read_ticket(l, r, t->ticket));
    VAULT_TRY(read_number(l, &r->approval_above, "approval_above", t->approval_above, (bounds){1, APPROVAL_MAX}));
    VAULT_TRY(read_level(l, d, t->level));
    VAULT_TRY(read_sharing(l, d, t->sharing));
    VAULT_TRY(read_break_glass(l, r, t->break_glass));
    return read_withhold(l, r, t->withhold);
}

/* ---- the rule ---- */

static vault_code read_text(loader *l, rule_text *t, json_t *value)
{
    VAULT_TRY(entry_shape(l, value,
                          "{s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:s, s?o, s?o, s?o, s?o, s?o, s?o, s?o, s?o, s?o, s?o, "
                          "s?o, s?o, s?o, s:o}",
                          "id", &t->id, "action", &t->action, "consumer", &t->consumer, "purpose", &t->purpose,
                          "fields", &t->fields, "form", &t->form, "areas", &t->areas, "acting", &t->acting, "roles",
                          &t->roles, "own_area", &t->own_area, "results", &t->results, "below", &t->below, "hours",
                          &t->hours, "consent", &t->consent, "residents", &t->residents, "ticket", &t->ticket,
                          "approval_above", &t->approval_above, "level", &t->level, "sharing", &t->sharing,
                          "break_glass", &t->break_glass, "withhold", &t->withhold, "valid", &t->valid));
    return entry_shape(l, t->valid, "{s:s, s:s}", "from", &t->from, "until", &t->until);
}

static vault_code make_rooms(loader *l, size_t more)
{
    policy *p = l->policy;
    size_t room = p->rule_capacity ? p->rule_capacity : RULES_START;
    if (more > POLICY_RULES_MAX || p->count + more > POLICY_RULES_MAX)
        return refuse(l, "", "with it the policy has over %d rules for one consumer and one purpose each",
                      POLICY_RULES_MAX);
    while (room < p->count + more) room *= 2;
    if (room == p->rule_capacity) return VAULT_OK;
    p->rules = memory_grow(p->rules, p->rule_capacity * sizeof *p->rules, room * sizeof *p->rules);
    p->rule_capacity = room;
    return VAULT_OK;
}

static vault_code expand(loader *l, const draft *d)
{
    const policy_names *names = l->names;
    policy *p = l->policy;
    VAULT_TRY(make_rooms(l, d->consumers.count * d->purposes.count));
    for (size_t i = 0; i < d->purposes.count; i++) {
        for (size_t k = 0; k < d->consumers.count; k++) {
            policy_rule *r = &p->rules[p->count++];
            *r = d->rule;
            r->purpose.no = d->purposes.at[i];
            r->consumer.no = d->consumers.at[k];
            r->assessed_until = names->assessed_until(names->context, r->purpose);
        }
    }
    return VAULT_OK;
}

vault_code read_rule(loader *l, size_t i, json_t *value)
{
    rule_text t = {0};
    draft d = {.rule = {.place = (uint16_t)i}};
    snprintf(l->policy->ids[i], sizeof *l->policy->ids, "%s", l->id);
    VAULT_TRY(read_text(l, &t, value));
    VAULT_TRY(read_kinds(l, &d.rule, &t));
    VAULT_TRY(read_results(l, &d.rule, t.results));
    VAULT_TRY(read_who(l, &d, &t));
    VAULT_TRY(read_what(l, &d, &t));
    VAULT_TRY(read_conditions(l, &d, &t));
    return expand(l, &d);
}

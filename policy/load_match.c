/* Prohibitions and budgets: to whom and to what they apply. Each dimension is said: a list, or "any". */
#include "policy/load.h"
#include "vault/base/memory.h"

#include <string.h>

enum { MATCHES_MAX = 100000, MATCHES_START = 16, ENTRIES_MAX = 10000, SPENT_MAX = 1000000000 };
enum { ALL_FORMS = (1 << FORMS) - 1, ALL_ACTIONS = (1 << POLICY_ACTIONS) - 1 };
enum { COUNTED = 1 << POLICY_REVEAL | 1 << POLICY_SEARCH | 1 << POLICY_EXPORT };

/* What an entry says, as it stands there. */
typedef struct match_text {
    json_t *consumers, *purposes, *roles, *fields, *forms, *areas, *classes, *actions;
} match_text;

/* An entry that is being read: consumers or purposes may be 0 alone, any. */
typedef struct draft {
    policy_match match;
    numbers consumers, purposes;
} draft;

static const numbers anybody = {(uint16_t[]){0}, 1};

static vault_code read_parties(loader *l, draft *d, const match_text *t)
{
    d->consumers = d->purposes = anybody;
    if (!is_any(t->consumers)) VAULT_TRY(read_consumers(l, &d->consumers, "consumers", t->consumers));
    if (!is_any(t->purposes)) VAULT_TRY(read_purposes(l, &d->purposes, "purposes", t->purposes, true));
    d->match.roles = UINT64_MAX;
    return is_any(t->roles) ? VAULT_OK : read_roles(l, &d->match.roles, "roles", t->roles);
}

static vault_code read_match_fields(loader *l, policy_match *m, json_t *list)
{
    const field_wish wish = {.key = "fields", .mixed = true, .values = true, .questions = true};
    named_fields found;
    memset(&m->fields, 0xff, sizeof m->fields);
    if (is_any(list)) return VAULT_OK;
    VAULT_TRY(read_fields(l, &found, &wish, list));
    m->fields = found.fields;
    return VAULT_OK;
}

/* What a prohibition alone may narrow; what is left out narrows nothing. */
static vault_code read_limits(loader *l, policy_match *m, const match_text *t)
{
    m->forms = ALL_FORMS;
    m->actions = ALL_ACTIONS;
    if (t->forms && !is_any(t->forms)) VAULT_TRY(read_set_of(l, &m->forms, "forms", t->forms, &form_words));
    if (t->actions && !is_any(t->actions)) VAULT_TRY(read_set_of(l, &m->actions, "actions", t->actions, &action_words));
    if (t->areas && !is_any(t->areas)) VAULT_TRY(read_areas(l, &m->first_area, &m->area_count, t->areas));
    if (t->classes && !is_any(t->classes)) return read_class_names(l, &m->classes, "classes", t->classes);
    return VAULT_OK;
}

/* Who may not see a value may not ask about it either. */
static void add_questions(const loader *l, policy_match *m)
{
    if (!l->names->questions) return;
    const field_set more = l->names->questions(l->names->context, m->fields);
    for (unsigned i = 0; i < FIELD_WORDS; i++) m->fields.words[i] |= more.words[i];
}

static vault_code read_match(loader *l, draft *d, const match_text *t)
{
    VAULT_TRY(read_parties(l, d, t));
    VAULT_TRY(read_match_fields(l, &d->match, t->fields));
    return read_limits(l, &d->match, t);
}

/* One of the two lists of a policy. */
typedef struct match_target {
    policy_match **at;
    size_t *count, *capacity;
} match_target;

static vault_code expand(loader *l, const draft *d, match_target to)
{
    size_t more = d->consumers.count * d->purposes.count, room = *to.capacity ? *to.capacity : MATCHES_START;
    if (more > MATCHES_MAX || *to.count + more > MATCHES_MAX)
        return refuse(l, "", "with it there are over %d for one consumer and one purpose each", MATCHES_MAX);
    while (room < *to.count + more) room *= 2;
    if (room > *to.capacity) {
        *to.at = memory_grow(*to.at, *to.capacity * sizeof **to.at, room * sizeof **to.at);
        *to.capacity = room;
    }
    for (size_t i = 0; i < more; i++) {
        policy_match *m = &(*to.at)[(*to.count)++];
        *m = d->match;
        m->purpose.no = d->purposes.at[i / d->consumers.count];
        m->consumer.no = d->consumers.at[i % d->consumers.count];
    }
    return VAULT_OK;
}

/* ---- prohibitions ---- */

static vault_code read_valid(loader *l, policy_match *m, json_t *valid)
{
    const char *from, *until;
    m->from = 0;
    m->until = UINT32_MAX;
    if (!valid) return VAULT_OK;
    VAULT_TRY(entry_shape(l, valid, "{s:s, s:s}", "from", &from, "until", &until));
    return read_days(l, &m->from, &m->until, valid);
}

/* Nobody is looked at one by one where residents are counted: a class forbids their number as a whole. */
static vault_code forbid(loader *l, draft d)
{
    policy *p = l->policy;
    const match_target to = {&p->forbids, &p->forbid_count, &p->forbid_capacity};
    const unsigned number = d.match.forms & 1U << FORM_COUNT;
    if (d.match.classes == 0 || number == 0) return expand(l, &d, to);
    d.match.forms &= ~number;
    if (d.match.forms != 0) VAULT_TRY(expand(l, &d, to));
    d.match.forms = number;
    d.match.classes = 0;
    return expand(l, &d, to);
}

static vault_code read_prohibition(loader *l, size_t i, json_t *value)
{
    const char *id;
    json_t *valid = NULL;
    match_text t = {0};
    policy *p = l->policy;
    draft d = {.match = {.index = (uint16_t)i}};
    VAULT_TRY(entry_shape(l, value, "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s?o, s?o, s?o}", "id", &id, "consumers",
                          &t.consumers, "purposes", &t.purposes, "roles", &t.roles, "fields", &t.fields, "forms",
                          &t.forms, "areas", &t.areas, "classes", &t.classes, "actions", &t.actions, "valid", &valid));
    VAULT_TRY(keep_text(l, &p->prohibitions[i], id));
    VAULT_TRY(read_match(l, &d, &t));
    add_questions(l, &d.match);
    VAULT_TRY(read_valid(l, &d.match, valid));
    return forbid(l, d);
}

vault_code read_prohibitions(loader *l, json_t *list)
{
    policy *p = l->policy;
    register_of ids = {0};
    void *room;
    VAULT_TRY(keep_room(l, &room, 1 + json_array_size(list), sizeof *p->prohibitions));
    p->prohibitions = room;
    vault_code code = read_entries(l, &(id_list){"prohibitions", list, ENTRIES_MAX, read_prohibition}, &ids);
    register_clear(&ids);
    p->prohibition_count = json_array_size(list);
    return code;
}

/* ---- budgets ---- */

static const char *const period_names[PERIODS] = {[PERIOD_HOUR] = "hour",
                                                  [PERIOD_DAY] = "day",
                                                  [PERIOD_WEEK] = "week",
                                                  [PERIOD_MONTH] = "month",
                                                  [PERIOD_YEAR] = "year"};

const char *policy_period_name(policy_period period)
{
    return (unsigned)period < PERIODS ? period_names[period] : "";
}

/* What a budget says beside to whom it applies. */
typedef struct budget_text {
    const char *id, *per, *period;
    json_t *residents, *values, *soft;
} budget_text;

static vault_code read_budget_text(loader *l, policy_budget *out, const budget_text *t)
{
    static const char *const per_names[PERS] = {"person", "consumer", "purpose"};
    uint32_t soft = 0;
    unsigned per, period;
    const bounds spent = {1, SPENT_MAX};
    VAULT_TRY(keep_text(l, &out->id, t->id));
    if (!find_name(&per, per_names, PERS, t->per))
        return refuse(l, "per", "'%s' is none of person, consumer and purpose", cut(t->per).text);
    if (!find_name(&period, period_names, PERIODS, t->period))
        return refuse(l, "period", "'%s' is none of hour, day, week, month and year", cut(t->period).text);
    if (!t->residents && !t->values) return refuse(l, "", "limits nothing: add residents, values or both");
    VAULT_TRY(read_number(l, &out->residents, "residents", t->residents, spent));
    VAULT_TRY(read_number(l, &out->values, "values", t->values, spent));
    VAULT_TRY(read_number(l, &soft, "soft", t->soft, (bounds){1, 100}));
    out->per = (policy_per)per;
    out->period = (policy_period)period;
    out->soft = soft;
    return VAULT_OK;
}

static vault_code read_budget(loader *l, size_t i, json_t *value)
{
    budget_text b = {0};
    match_text t = {0};
    policy *p = l->policy;
    draft d = {.match = {.index = (uint16_t)i, .until = UINT32_MAX}};
    VAULT_TRY(entry_shape(l, value, "{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s?o, s?o, s?o}", "id", &b.id, "per", &b.per,
                          "consumers", &t.consumers, "purposes", &t.purposes, "roles", &t.roles, "fields", &t.fields,
                          "period", &b.period, "residents", &b.residents, "values", &b.values, "soft", &b.soft));
    VAULT_TRY(read_budget_text(l, &p->budgets[i], &b));
    VAULT_TRY(read_match(l, &d, &t));
    d.match.actions = COUNTED;
    return expand(l, &d, (match_target){&p->counts, &p->count_count, &p->count_capacity});
}

vault_code read_budgets(loader *l, json_t *list)
{
    policy *p = l->policy;
    register_of ids = {0};
    void *room;
    VAULT_TRY(keep_room(l, &room, 1 + json_array_size(list), sizeof *p->budgets));
    p->budgets = room;
    vault_code code = read_entries(l, &(id_list){"budgets", list, BUDGETS_MAX, read_budget}, &ids);
    register_clear(&ids);
    p->budget_count = json_array_size(list);
    return code;
}

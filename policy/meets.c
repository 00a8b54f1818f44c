/* What a document says in vain: a rule that a prohibition always meets; and more budgets than one call may count in,
 * some of which would silently not count it. And what prohibitions leave of plain rights. */
#include "policy/internal.h"
#include "vault/base/memory.h"

/* Entries of one list that are for a purpose and a consumer, or for any. */
typedef struct matches {
    const policy_match *at;
    size_t count;
} matches;

typedef bool (*match_visitor)(void *context, const policy_match *m);

static bool visit_key(matches list, uint64_t key, match_visitor each, void *context)
{
    size_t low = 0, high = list.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (match_key(list.at[middle].purpose, list.at[middle].consumer) < key)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < list.count && match_key(list.at[low].purpose, list.at[low].consumer) == key; low++) {
        if (!each(context, &list.at[low])) return false;
    }
    return true;
}

/* Until one returns false. */
static void visit(matches list, const policy_rule *r, match_visitor each, void *context)
{
    const purpose_no any_purpose = {0};
    const consumer_no anybody = {0};
    if (list.count == 0) return;
    (void)(visit_key(list, match_key(any_purpose, anybody), each, context) &&
           visit_key(list, match_key(any_purpose, r->consumer), each, context) &&
           visit_key(list, match_key(r->purpose, anybody), each, context) &&
           visit_key(list, match_key(r->purpose, r->consumer), each, context));
}

/* ---- rules that are always forbidden ---- */

static bool covers_areas(const policy *p, const policy_match *m, const policy_rule *r)
{
    if (m->area_count == 0) return true;
    for (size_t i = 0, k = 0; i < r->area_count; i++) {
        const area_range *inner = &p->areas[r->first_area + i], *outer = &p->areas[m->first_area];
        while (k < m->area_count && outer[k].high < inner->high) k++;
        if (k == m->area_count || outer[k].low > inner->low) return false;
    }
    return true;
}

static bool covers_forms(const policy_match *m, const policy_rule *r)
{
    for (policy_form form = 0; form < FORMS; form++) {
        if (form_allowed(r, form) && !(m->forms & 1U << form)) return false;
    }
    return true;
}

static bool covers_roles(const policy_match *m, const policy_rule *r)
{
    return m->roles == UINT64_MAX || (r->person && (r->roles & ~m->roles) == 0);
}

static bool covers_fields(const policy_match *m, const policy_rule *r)
{
    return match_any_field(m) || (r->form != FORM_NOTHING && field_set_within(r->fields, m->fields));
}

static bool covers_classes(const policy_match *m, const policy_rule *r)
{
    return m->classes == 0 || (r->only != 0 && (r->only & ~m->classes) == 0);
}

/* Whatever call the rule would allow, the prohibition refuses it. */
static bool always_meets(const policy *p, const policy_match *m, const policy_rule *r)
{
    return (m->actions & 1U << r->action) != 0 && covers_fields(m, r) && covers_forms(m, r) && covers_roles(m, r) &&
           covers_classes(m, r) && m->from <= r->from && r->until <= m->until && covers_areas(p, m, r);
}

typedef struct forbidden {
    const policy *policy;
    const policy_rule *rule;
    const policy_match *by; /* NULL: it can be met */
} forbidden;

static bool forbids(void *context, const policy_match *m)
{
    forbidden *f = context;
    if (always_meets(f->policy, m, f->rule)) f->by = m;
    return !f->by;
}

/* Of a rule for several consumers and purposes one that counts is enough: what a prohibition takes from many by name
 * is no fault. */
static void find_living(const policy *p, bool *living)
{
    for (size_t i = 0; i < p->count; i++) {
        forbidden f = {.policy = p, .rule = &p->rules[i]};
        if (living[f.rule->place]) continue;
        visit((matches){p->forbids, p->forbid_count}, f.rule, forbids, &f);
        living[f.rule->place] = !f.by;
    }
}

static vault_code check_forbidden(const policy *p, vault_error *err)
{
    if (p->forbid_count == 0) return VAULT_OK;
    bool *living = memory_array(p->place_count, sizeof *living);
    find_living(p, living);
    vault_code code = VAULT_OK;
    for (size_t i = 0; i < p->count && code == VAULT_OK; i++) {
        forbidden f = {.policy = p, .rule = &p->rules[i]};
        if (living[f.rule->place]) continue;
        visit((matches){p->forbids, p->forbid_count}, f.rule, forbids, &f);
        code = rule_refuse(p, f.rule, err, "", "is never reached: prohibition '%s' always meets it: leave one out",
                           p->prohibitions[f.by->index]);
    }
    memory_free(living, p->place_count * sizeof *living);
    return code;
}

/* ---- what is left to masks ---- */

/* Masks go with it, whatever the purpose. */
static bool takes_masks(const policy_match *m)
{
    return m->purpose.no == 0 && (m->forms >> FORM_MASKED & 1) != 0 && (m->actions >> POLICY_REVEAL & 1) != 0;
}

typedef struct keeping_back {
    const policy_rule *rule;
    field_set fields;
} keeping_back;

/* Of whoever may act for a consumer what one may see all may; of residents and areas each is somebody's. */
static bool keep_back(void *context, const policy_match *m)
{
    keeping_back *k = context;
    const policy_rule *r = k->rule;
    bool some = m->classes != 0 || m->area_count != 0 || covers_roles(m, r);
    bool plain = (m->forms >> FORM_PLAIN & 1) != 0 && (m->actions >> r->action & 1) != 0;
    if (!some || !plain || takes_masks(m) || m->from > r->until || r->from > m->until) return true;
    for (unsigned i = 0; i < FIELD_WORDS; i++) k->fields.words[i] |= m->fields.words[i] & r->fields.words[i];
    return true;
}

field_set policy_rule_kept_back(const policy *p, unsigned rule)
{
    keeping_back k = {.rule = rule < p->count ? &p->rules[rule] : NULL};
    if (k.rule && k.rule->form == FORM_PLAIN) visit((matches){p->forbids, p->forbid_count}, k.rule, keep_back, &k);
    return k.fields;
}

/* ---- budgets of one call ---- */

/* Budgets that calls of a rule may count in, and for whom. */
typedef struct tally {
    const policy_rule *rule;
    uint16_t index[BUDGETS_MAX];
    uint64_t roles[BUDGETS_MAX];
    unsigned count;
} tally;

static bool meets(field_set a, field_set b)
{
    uint64_t both = 0;
    for (unsigned i = 0; i < FIELD_WORDS; i++) both |= a.words[i] & b.words[i];
    return both != 0;
}

static bool add_budget(void *context, const policy_match *m)
{
    tally *t = context;
    const policy_rule *r = t->rule;
    unsigned at = 0;
    if (!(m->actions & 1U << r->action) || (!match_any_field(m) && !meets(m->fields, r->fields))) return true;
    uint64_t roles = r->person ? m->roles & r->roles : m->roles;
    if (roles == 0) return true;
    while (at < t->count && t->index[at] != m->index) at++;
    if (at == t->count) t->roles[t->count++] = 0;
    t->index[at] = m->index;
    t->roles[at] |= roles;
    return true;
}

/* A call comes from one role, or from none: of whom most budgets are. */
static unsigned most_of(const tally *t)
{
    unsigned most = 0;
    for (unsigned role = 0; role < ROLES_MAX; role++) {
        unsigned count = 0;
        for (unsigned i = 0; i < t->count; i++) count += (t->roles[i] >> role & 1) != 0;
        most = count > most ? count : most;
    }
    return most;
}

static vault_code check_budgets(const policy *p, vault_error *err)
{
    if (p->budget_count <= BUDGETS_PER_CALL) return VAULT_OK;
    for (size_t i = 0; i < p->count; i++) {
        tally t = {.rule = &p->rules[i]};
        visit((matches){p->counts, p->count_count}, t.rule, add_budget, &t);
        if (t.count <= BUDGETS_PER_CALL || most_of(&t) <= BUDGETS_PER_CALL) continue;
        return rule_refuse(p, t.rule, err, "", "over %d budgets count one of its calls: join some of them",
                           BUDGETS_PER_CALL);
    }
    return VAULT_OK;
}

vault_code policy_check_meets(const policy *p, vault_error *err)
{
    VAULT_TRY(check_forbidden(p, err));
    return check_budgets(p, err);
}

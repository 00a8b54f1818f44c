#include "policy/internal.h"

const char *policy_clause_name(policy_clause c)
{
    static const char *const names[CLAUSES] = {
        [CLAUSE_NONE] = "none",
        [CLAUSE_PURPOSE] = "purpose",
        [CLAUSE_CONSUMER] = "consumer",
        [CLAUSE_ACTION] = "action",
        [CLAUSE_FIELDS] = "fields",
        [CLAUSE_FORM] = "form",
        [CLAUSE_ACTING] = "acting",
        [CLAUSE_ROLE] = "role",
        [CLAUSE_CONTRACT] = "contract",
        [CLAUSE_DATES] = "dates",
        [CLAUSE_ASSESSMENT] = "assessment",
        [CLAUSE_SHARING] = "sharing",
        [CLAUSE_HOURS] = "hours",
        [CLAUSE_TICKET] = "ticket",
        [CLAUSE_APPROVAL] = "approval",
        [CLAUSE_BREAK_GLASS] = "break_glass",
        [CLAUSE_PROHIBITED] = "prohibited",
        [CLAUSE_RESIDENT] = "resident",
        [CLAUSE_AREA] = "area",
        [CLAUSE_CLASS] = "class",
        [CLAUSE_CONSENT] = "consent",
        [CLAUSE_AGGREGATION] = "aggregation",
        [CLAUSE_FORBIDDEN] = "forbidden",
        [CLAUSE_BUDGET] = "budget",
    };
    return (unsigned)c < CLAUSES ? names[c] : "unknown";
}

size_t policy_rule_count(const policy *p)
{
    return p->count;
}

const char *policy_rule_id(const policy *p, unsigned rule)
{
    return rule < p->count ? rule_id(p, &p->rules[rule]) : "";
}

policy_scope policy_rule_scope(const policy *p, unsigned rule)
{
    if (rule >= p->count) return (policy_scope){0};
    const policy_rule *r = &p->rules[rule];
    return (policy_scope){.consumer = r->consumer,
                          .purpose = r->purpose,
                          .action = r->action,
                          .form = r->form,
                          .fields = r->fields,
                          .areas = p->areas + r->first_area,
                          .area_count = r->area_count,
                          .own_area = r->own_area,
                          .conditional = rule_conditional(r),
                          .break_glass = r->glass_hours > 0,
                          .from = r->from,
                          .until = r->until < r->assessed_until ? r->until : r->assessed_until};
}

/* First cell in [low, high) whose key is not below `key`. */
static uint32_t lower_bound(const policy *p, uint32_t low, uint32_t high, uint64_t key)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->cells[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* No rule is for this purpose, or for this consumer in it, or for this action of his. */
static policy_clause missing_cell(const policy *p, const policy_facts *facts)
{
    size_t no = facts->purpose.no;
    if (no == 0 || no + 1 >= p->purpose_count) return CLAUSE_PURPOSE;
    uint32_t first = p->purposes[no], end = p->purposes[no + 1];
    if (first == end) return CLAUSE_PURPOSE;
    first = lower_bound(p, first, end, cell_key(facts->consumer, 0));
    return first == end || p->cells[first].key >> 32 != facts->consumer.no ? CLAUSE_CONSUMER : CLAUSE_ACTION;
}

/* ---- without the resident ---- */

static void admit_rule(admission *a, policy_clause *furthest, const policy *p, const policy_facts *facts, uint32_t i)
{
    policy_clause failed = front_fails(p, i, facts);
    if (failed > *furthest) *furthest = failed;
    if (failed != CLAUSE_NONE || a->count == ADMISSION_RULES) return;
    a->rules[a->count++] = (uint16_t)i;
    front_needs(a, p, i);
}

/* The rules of a run that admit the call; the furthest clause of those that do not. */
static policy_clause admit_run(admission *a, const policy *p, const policy_facts *facts, const run *r)
{
    policy_clause furthest = CLAUSE_FIELDS;
    sift s;
    uint32_t i;
    if (!r->sieve) {
        const uint64_t mark = front_mark(facts);
        for (i = r->first; i < r->first + r->count; i++) {
            if ((mark & ~p->marks[i]) == 0) admit_rule(a, &furthest, p, facts, i);
        }
        return furthest;
    }
    sift_start(&s, r, SIFT_ALL, facts);
    while (sift_next(&s, &i)) admit_rule(a, &furthest, p, facts, r->first + i);
    policy_clause reached = sift_reached(&s);
    return reached > furthest ? reached : furthest;
}

/* A prohibition for all residents refuses the call; of the others, what must be known of a resident. */
static bool note_prohibition(void *context, const policy_match *m)
{
    admission *a = context;
    a->classes |= m->classes;
    if (match_for_all(m)) a->failed = CLAUSE_PROHIBITED;
    return a->failed == CLAUSE_NONE;
}

admission policy_admit(const policy *p, const policy_facts *facts)
{
    admission a = {0};
    __builtin_prefetch(facts->person); /* asked for soon */
    const run *r = runs_find(&p->rule_runs, rule_key(facts->purpose, facts->consumer, facts->action));
    if (!r) return (admission){.failed = missing_cell(p, facts)};
    policy_clause furthest = admit_run(&a, p, facts, r);
    if (a.count == 0) return (admission){.failed = furthest};
    if (a.aggregations != 0) a.aggregations &= aggregations_touched(p, facts);
    const match_visit visit = {.facts = facts, .found = note_prohibition, .context = &a};
    matches_each_linked(forbids_of(p), front_links(p, a.rules[0]), &visit);
    return a.failed == CLAUSE_NONE ? a : (admission){.failed = a.failed};
}

/* ---- for one resident ---- */

typedef struct forbidding {
    const policy *policy;
    const policy_resident *of;
    bool met;
} forbidding;

static bool forbids(void *context, const policy_match *m)
{
    forbidding *f = context;
    f->met = match_is_for(f->policy, m, f->of);
    return !f->met;
}

/* The first rule of the admission that allows it, or NO_RULE and the furthest clause of those that do not. */
static uint16_t allowing(const policy *p, const admission *a, const policy_facts *facts, const policy_resident *of,
                         policy_clause *furthest)
{
    *furthest = CLAUSE_AREA;
    for (unsigned i = 0; i < a->count && i < ADMISSION_RULES; i++) {
        uint16_t rule = a->rules[i];
        if (rule >= p->count || !front_admits(p, rule, facts)) continue;
        policy_clause failed = front_fails_for(p, rule, facts, of);
        if (failed == CLAUSE_NONE) return rule;
        if (failed > *furthest) *furthest = failed;
    }
    return NO_RULE;
}

grant policy_decide(const policy *p, const admission *a, const policy_facts *facts, policy_resident of)
{
    policy_clause inner;
    forbidding f = {.policy = p, .of = &of};
    const match_visit visit = {.facts = facts, .found = forbids, .context = &f};
    if (a->failed != CLAUSE_NONE) return (grant){.failed = a->failed, .inner = a->failed};
    uint16_t rule = allowing(p, a, facts, &of, &inner);
    if (rule == NO_RULE) return (grant){.failed = CLAUSE_RESIDENT, .inner = inner};
    matches_each_linked(forbids_of(p), front_links(p, rule), &visit);
    if (f.met) return (grant){.failed = CLAUSE_RESIDENT, .inner = CLAUSE_FORBIDDEN};
    return (grant){.given = true, .rule = rule, .form = facts->form, .fields = facts->fields};
}

policy_form policy_strongest(const policy *p, const policy_facts *facts, unsigned forms, const policy_resident *of)
{
    static const policy_form strongest_first[] = {FORM_PLAIN, FORM_MASKED, FORM_TOKEN};
    for (size_t i = 0; i < sizeof strongest_first / sizeof *strongest_first; i++) {
        policy_facts as = *facts;
        as.form = strongest_first[i];
        if ((forms >> (unsigned)as.form & 1) == 0) continue;
        admission a = policy_admit(p, &as);
        if (of ? policy_decide(p, &a, &as, *of).given : a.failed == CLAUSE_NONE) return as.form;
    }
    return FORM_NOTHING;
}

/* ---- what a granted call counts in ---- */

typedef struct budget_list {
    uint16_t *at;
    unsigned count;
} budget_list;

/* Keeps the list sorted, each budget once. */
static bool add_budget(void *context, const policy_match *m)
{
    budget_list *list = context;
    unsigned i = list->count;
    while (i > 0 && list->at[i - 1] > m->index) i--;
    if (i > 0 && list->at[i - 1] == m->index) return true;
    if (list->count == BUDGETS_PER_CALL) return false;
    for (unsigned j = list->count++; j > i; j--) list->at[j] = list->at[j - 1];
    list->at[i] = m->index;
    return true;
}

unsigned policy_budgets(const policy *p, const policy_facts *facts, uint16_t out[BUDGETS_PER_CALL])
{
    budget_list list = {.at = out};
    matches_each(counts_of(p), facts, add_budget, &list);
    return list.count;
}

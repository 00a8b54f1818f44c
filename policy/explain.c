/* Why a call is refused. Each rule for its purpose, consumer and action is asked what of it is not met; what is said is
 * the rule of which the fewest clauses fail. To meet a clause is to change the call as little as that takes: fields
 * that the rule does not have are left out, another form or role is taken, what a resident is not is supposed of him.
 * What else stands in the way (prohibitions, aggregations) is looked at of the call as it would then be: a field that
 * is left out anyway is prohibited no more. Where several ways meet a clause, the one with the fewest other obstacles
 * counts.
 *
 * It is asked after a refusal only, and costs time in the number of rules of one purpose, consumer and action. */
#include "policy/internal.h"

#include <string.h>

enum { OBSTACLES_MAX = FAILING_MAX, WAYS_MAX = 4096, EQUALS_MAX = 8 };

/* What may be chosen where a clause is met: one of the rule's fields, when none of those asked for is; a form; a role
 * of the person; a class that the resident should be of. */
typedef enum choice { CHOOSE_FIELD, CHOOSE_FORM, CHOOSE_ROLE, CHOOSE_CLASS, CHOICES } choice;
typedef struct options {
    unsigned count[CHOICES]; /* 0: as it is */
    uint8_t at[CHOICES][POLICY_FIELDS_MAX];
} options;

/* Entries of prohibitions, each prohibition once, and aggregations. */
typedef struct obstacles {
    unsigned count, prohibited; /* prohibited: those that are none of aggregations */
    const policy_match *at[OBSTACLES_MAX];
    uint64_t aggregations;
} obstacles;

typedef struct question {
    const policy *policy;
    const policy_facts *facts;
    const policy_resident *of; /* NULL: nothing is said of any */
} question;

/* One rule, and the call as it would be with the rule's clauses met. */
typedef struct attempt {
    const policy *policy;
    const policy_rule *rule;
    const policy_facts *facts;
    const policy_resident *of;
    uint32_t fails; /* set of 1 << clause */
    bool shared;    /* with this rule's clauses met it is another rule that allows the call */
    policy_facts met;
    policy_person who; /* met.person, where it is another than the call's */
    policy_resident there;
    options options;
    unsigned taken[CHOICES]; /* of the options */
} attempt;

static bool failed(const attempt *a, policy_clause clause)
{
    return (a->fails >> clause & 1) != 0;
}

static field_set fields_shared(field_set a, field_set b)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) a.words[i] &= b.words[i];
    return a;
}

static field_set fields_without(field_set a, field_set b)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) a.words[i] &= ~b.words[i];
    return a;
}

static bool fields_none(field_set s)
{
    return field_set_within(s, (field_set){0});
}

/* ---- which clauses fail ---- */

/* Whoever may act in the person's place has areas of his own. */
static bool passes_area(const attempt *a)
{
    const policy_rule *r = a->rule;
    const policy_person *who = a->facts->person;
    if (!area_ranges_cover(a->policy->areas + r->first_area, r->area_count, a->of->area)) return false;
    return !r->own_area || !who || area_ranges_cover(who->areas, who->area_count, a->of->area);
}

static bool of_only(const attempt *a)
{
    return a->rule->only == 0 || (a->rule->only & a->of->in & ~a->of->out) != 0;
}

/* Classes of "except" of which it is not known that he is of none of them. */
static uint64_t except_left(const attempt *a)
{
    return a->rule->except & ~(a->of->out & ~a->of->in);
}

/* All rules are begun, and few are looked at further: what is not needed yet is not made, and above `most` clauses none
 * is looked for. */
static void find_failing(attempt *a, question q, const policy_rule *rule, unsigned most)
{
    unsigned count = 0;
    a->policy = q.policy;
    a->rule = rule;
    a->facts = q.facts;
    a->of = q.of;
    a->fails = 0;
    a->shared = false;
    for (policy_clause c = CLAUSE_FIELDS; c <= CLAUSE_BREAK_GLASS && count <= most; c++) {
        if (rule_passes(a->policy, a->rule, a->facts, c)) continue;
        a->fails |= UINT32_C(1) << c;
        count++;
    }
    if (!a->of || count > most) return;
    if (!passes_area(a)) a->fails |= UINT32_C(1) << CLAUSE_AREA;
    if (!of_only(a) || except_left(a) != 0) a->fails |= UINT32_C(1) << CLAUSE_CLASS;
    if (a->rule->consent && !a->of->consent) a->fails |= UINT32_C(1) << CLAUSE_CONSENT;
}

/* ---- the call with them met ---- */

static void offer(options *o, choice which, unsigned value)
{
    o->at[which][o->count[which]++] = (uint8_t)value;
}

static void offer_bits(options *o, choice which, uint64_t bits)
{
    for (unsigned i = 0; i < 64; i++)
        if (bits >> i & 1) offer(o, which, i);
}

static void meet_fields(attempt *a)
{
    a->met.fields = fields_shared(a->facts->fields, a->rule->fields);
    if (!fields_none(a->met.fields) || a->rule->form == FORM_NOTHING) return;
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++)
        if (field_set_has(a->rule->fields, n)) offer(&a->options, CHOOSE_FIELD, n);
}

static void meet_form(attempt *a)
{
    for (policy_form form = 0; form < FORMS; form++)
        if (form_allowed(a->rule, form)) offer(&a->options, CHOOSE_FORM, form);
}

/* Another role or contract of the same person; or somebody who acts, and is one whom the rule is for. */
static void meet_person(attempt *a)
{
    static const area_range everywhere = {.low = 0, .high = INT64_MAX};
    const policy_person somebody = {.until = UINT32_MAX, .areas = &everywhere, .area_count = 1};
    a->who = a->facts->person ? *a->facts->person : somebody;
    a->met.person = &a->who;
    if (failed(a, CLAUSE_CONTRACT)) a->who.from = 0, a->who.until = UINT32_MAX;
    if (failed(a, CLAUSE_ACTING) || failed(a, CLAUSE_ROLE)) offer_bits(&a->options, CHOOSE_ROLE, a->rule->roles);
}

static void meet_classes(attempt *a)
{
    uint64_t none_of = except_left(a);
    a->there.out |= none_of;
    a->there.in &= ~none_of;
    if (!of_only(a)) offer_bits(&a->options, CHOOSE_CLASS, a->rule->only & ~a->rule->except);
}

static void meet(attempt *a)
{
    a->met = *a->facts;
    a->there = a->of ? *a->of : (policy_resident){0};
    a->who = (policy_person){0};
    memset(a->options.count, 0, sizeof a->options.count);
    if (failed(a, CLAUSE_FIELDS)) meet_fields(a);
    if (failed(a, CLAUSE_FORM)) meet_form(a);
    if (failed(a, CLAUSE_ACTING) || failed(a, CLAUSE_ROLE) || failed(a, CLAUSE_CONTRACT)) meet_person(a);
    if (failed(a, CLAUSE_CLASS)) meet_classes(a);
    if (failed(a, CLAUSE_APPROVAL)) a->met.approved = true;
    if (failed(a, CLAUSE_BREAK_GLASS)) a->met.break_glass = !a->met.break_glass;
    if (failed(a, CLAUSE_CONSENT)) a->there.consent = true;
}

/* ---- what then still stands in the way ---- */

typedef struct gathering {
    const attempt *attempt;
    obstacles *out;
} gathering;

static bool gather(void *context, const policy_match *m)
{
    const gathering *g = context;
    obstacles *out = g->out;
    bool stands = match_for_all(m) || (g->attempt->of && match_is_for(g->attempt->policy, m, &g->attempt->there));
    for (unsigned i = 0; stands && i < out->count; i++) stands = out->at[i]->index != m->index;
    if (stands) out->at[out->count++] = m;
    return out->count < OBSTACLES_MAX;
}

static obstacles find_obstacles(const attempt *a)
{
    obstacles out = {0};
    gathering g = {.attempt = a, .out = &out};
    matches_each(forbids_of(a->policy), &a->met, gather, &g);
    out.prohibited = out.count;
    if (!a->of) return out;
    out.aggregations = aggregations_complete(a->policy, &a->met, &a->there) & aggregations_above(a->policy, a->rule);
    out.count += (unsigned)__builtin_popcountll(out.aggregations);
    return out;
}

/* ---- the best of the ways ---- */

static void choose(attempt *a, choice which, unsigned value)
{
    a->taken[which] = value;
    switch (which) {
    case CHOOSE_FIELD:
        a->met.fields = (field_set){0};
        field_set_add(&a->met.fields, value);
        return;
    case CHOOSE_FORM:
        a->met.form = (policy_form)value;
        return;
    case CHOOSE_ROLE:
        a->who.role.no = (uint16_t)(value + 1);
        return;
    default:
        a->there.in = (a->there.in & ~a->rule->only) | (a->of->in & a->rule->only) | UINT64_C(1) << value;
        a->there.out = (a->there.out | (a->of->out & a->rule->only)) & ~(UINT64_C(1) << value);
    }
}

/* The way of this number: each number is another combination of options. */
static void take_way(attempt *a, unsigned number)
{
    for (choice which = 0; which < CHOICES; which++) {
        unsigned count = a->options.count[which];
        if (count == 0) continue;
        choose(a, which, a->options.at[which][number % count]);
        number /= count;
    }
}

static unsigned count_ways(const options *o)
{
    unsigned ways = 1;
    for (choice which = 0; which < CHOICES; which++)
        if (o->count[which] > 0 && ways <= WAYS_MAX) ways *= o->count[which];
    return ways <= WAYS_MAX ? ways : WAYS_MAX;
}

static obstacles take_best_way(attempt *a)
{
    unsigned best = 0, ways = count_ways(&a->options);
    take_way(a, 0);
    obstacles least = find_obstacles(a);
    for (unsigned i = 1; i < ways && least.count > 0; i++) {
        take_way(a, i);
        obstacles o = find_obstacles(a);
        if (o.count < least.count) best = i, least = o;
    }
    take_way(a, best);
    return least;
}

/* Each of them is one of the others. */
static bool obstacles_within(const obstacles *inner, const obstacles *outer)
{
    for (unsigned i = 0; i < inner->prohibited; i++) {
        bool found = false;
        for (unsigned j = 0; j < outer->prohibited; j++) found = found || inner->at[i]->index == outer->at[j]->index;
        if (!found) return false;
    }
    return (inner->aggregations & ~outer->aggregations) == 0;
}

/* Options with no obstacle that the one taken has not, by 1 << value. Of one choice alone: where there are others, too,
 * only the one taken is sure to go with them. */
static uint64_t as_good(attempt *a, choice which, const obstacles *least)
{
    const unsigned taken = a->taken[which];
    uint64_t good = UINT64_C(1) << taken;
    for (choice other = 0; other < CHOICES; other++)
        if (a->shared || (other != which && a->options.count[other] > 0)) return good;
    for (unsigned i = 0; i < a->options.count[which]; i++) {
        choose(a, which, a->options.at[which][i]);
        const obstacles o = find_obstacles(a);
        if (obstacles_within(&o, least)) good |= UINT64_C(1) << a->options.at[which][i];
    }
    choose(a, which, taken);
    return good;
}

/* ---- what is said of it ---- */

static void say(policy_explanation *out, policy_failing what)
{
    if (out->count < FAILING_MAX) out->clauses[out->count] = what;
    out->count++;
}

static uint64_t good_classes(attempt *a, const obstacles *least)
{
    uint64_t none_of = except_left(a);
    return a->options.count[CHOOSE_CLASS] ? none_of | as_good(a, CHOOSE_CLASS, least) : none_of;
}

static policy_failing detail(attempt *a, policy_clause clause, const obstacles *least)
{
    const policy_rule *r = a->rule;
    const policy_person *who = a->facts->person;
    policy_failing out = {.clause = clause};
    switch (clause) {
    case CLAUSE_FIELDS:
        out.fields = fields_without(a->facts->fields, a->met.fields);
        break;
    case CLAUSE_FORM:
        out.forms = (unsigned)as_good(a, CHOOSE_FORM, least);
        break;
    case CLAUSE_ACTING:
    case CLAUSE_ROLE:
        out.roles = as_good(a, CHOOSE_ROLE, least);
        break;
    case CLAUSE_CONTRACT:
        out.from = who->from, out.until = who->until;
        break;
    case CLAUSE_DATES:
        out.from = r->from, out.until = r->until;
        break;
    case CLAUSE_ASSESSMENT:
        out.until = r->assessed_until;
        break;
    case CLAUSE_SHARING:
        out.from = r->sharing_from, out.until = r->sharing_until;
        break;
    case CLAUSE_APPROVAL:
        out.limit = r->approval_above;
        break;
    case CLAUSE_CLASS:
        out.classes = good_classes(a, least);
        break;
    default:
        break;
    }
    return out;
}

static void say_clauses(policy_explanation *out, attempt *a, policy_clause first, policy_clause last,
                        const obstacles *least)
{
    for (policy_clause c = first; c <= last; c++)
        if (failed(a, c)) say(out, detail(a, c, least));
}

static void say_prohibitions(policy_explanation *out, const attempt *a, const obstacles *o, policy_clause as)
{
    for (unsigned i = 0; i < o->prohibited; i++) {
        const policy_match *m = o->at[i];
        if (match_for_all(m) != (as == CLAUSE_PROHIBITED)) continue;
        say(out, (policy_failing){.clause = as, .index = m->index, .fields = fields_shared(a->met.fields, m->fields)});
    }
}

static void say_aggregations(policy_explanation *out, const attempt *a, const obstacles *o)
{
    for (uint64_t bits = o->aggregations; bits != 0; bits &= bits - 1) {
        uint16_t index = (uint16_t)__builtin_ctzll(bits);
        say(out, (policy_failing){.clause = CLAUSE_AGGREGATION,
                                  .index = index,
                                  .fields = fields_shared(a->met.fields, a->policy->aggregations[index].fields)});
    }
}

static void say_all(policy_explanation *out, attempt *a, const obstacles *o)
{
    say_clauses(out, a, CLAUSE_FIELDS, CLAUSE_BREAK_GLASS, o);
    say_prohibitions(out, a, o, CLAUSE_PROHIBITED);
    say_clauses(out, a, CLAUSE_AREA, CLAUSE_CONSENT, o);
    say_aggregations(out, a, o);
    say_prohibitions(out, a, o, CLAUSE_FORBIDDEN);
}

/* ---- of all rules ---- */

/* Those that a change of the call meets, whatever the rule: another rule may then allow it, too. */
enum {
    BY_CALL = 1 << CLAUSE_FIELDS | 1 << CLAUSE_FORM | 1 << CLAUSE_ACTING | 1 << CLAUSE_ROLE | 1 << CLAUSE_CONTRACT |
              1 << CLAUSE_APPROVAL | 1 << CLAUSE_BREAK_GLASS | 1 << CLAUSE_CLASS | 1 << CLAUSE_CONSENT
};

/* A rule, and what stands in its way. */
typedef struct solution {
    attempt attempt;
    obstacles obstacles;
    unsigned count;
    policy_clause first; /* that fails */
} solution;

/* Fewer clauses; or as many, and the rule comes further before the first of them. */
static bool nearer(unsigned count, policy_clause first, const solution *than)
{
    if (than->count == 0 || count != than->count) return than->count == 0 || count < than->count;
    return first > than->first;
}

static policy_clause first_of(uint32_t fails, const obstacles *o)
{
    policy_clause first = fails ? (policy_clause)__builtin_ctz(fails) : CLAUSES, by_obstacle = CLAUSE_FORBIDDEN;
    if (o->aggregations != 0) by_obstacle = CLAUSE_AGGREGATION;
    for (unsigned i = 0; i < o->prohibited; i++)
        if (match_for_all(o->at[i])) by_obstacle = CLAUSE_PROHIBITED;
    return o->count > 0 && by_obstacle < first ? by_obstacle : first;
}

/* The call's person may lie in the attempt itself. */
static void keep(solution *out, const attempt *a, const obstacles *o)
{
    *out = (solution){.attempt = *a, .obstacles = *o, .first = first_of(a->fails, o)};
    out->count = (unsigned)__builtin_popcount(a->fails) + o->count;
    if (a->met.person == &a->who) out->attempt.met.person = &out->attempt.who;
}

static void move(solution *out, const solution *from)
{
    *out = *from;
    if (from->attempt.met.person == &from->attempt.who) out->attempt.met.person = &out->attempt.who;
}

static void consider(solution *best, question q, const policy_rule *rule)
{
    attempt a;
    find_failing(&a, q, rule, best->count > 0 ? best->count : CLAUSES);
    unsigned least = (unsigned)__builtin_popcount(a.fails);
    if (!nearer(least, a.fails ? (policy_clause)__builtin_ctz(a.fails) : CLAUSES, best)) return;
    meet(&a);
    obstacles o = take_best_way(&a);
    if (nearer(least + o.count, first_of(a.fails, &o), best)) keep(best, &a, &o);
}

/* Whether the rule is as near as the nearest. */
static bool as_near(solution *out, question q, const policy_rule *rule, const solution *nearest)
{
    attempt a;
    find_failing(&a, q, rule, nearest->count);
    if ((unsigned)__builtin_popcount(a.fails) > nearest->count) return false;
    meet(&a);
    obstacles o = take_best_way(&a);
    keep(out, &a, &o);
    return out->count == nearest->count && out->first == nearest->first;
}

/* As it was before this clause was met. */
static void unmeet(attempt *a, policy_clause clause)
{
    const policy_facts *f = a->facts;
    switch (clause) {
    case CLAUSE_FIELDS:
        a->met.fields = f->fields;
        break;
    case CLAUSE_FORM:
        a->met.form = f->form;
        break;
    case CLAUSE_ACTING:
        a->met.person = NULL;
        break;
    case CLAUSE_ROLE:
        a->who.role = f->person->role;
        break;
    case CLAUSE_CONTRACT:
        a->who.from = f->person->from, a->who.until = f->person->until;
        break;
    case CLAUSE_APPROVAL:
        a->met.approved = f->approved;
        break;
    case CLAUSE_BREAK_GLASS:
        a->met.break_glass = f->break_glass;
        break;
    case CLAUSE_CLASS:
        a->there.in = a->of->in, a->there.out = a->of->out;
        break;
    case CLAUSE_CONSENT:
        a->there.consent = a->of->consent;
        break;
    default:
        break;
    }
    a->fails &= ~(UINT32_C(1) << clause);
}

/* Whether this rule allows the call as it would be, but for obstacles that the solution names anyway. */
static bool lets_through(const solution *s, const attempt *trial, const policy_rule *rule, obstacles *o)
{
    attempt other;
    const question q = {trial->policy, &trial->met, trial->of ? &trial->there : NULL};
    find_failing(&other, q, rule, 0);
    if (other.fails != 0) return false;
    meet(&other);
    *o = find_obstacles(&other);
    return obstacles_within(o, &s->obstacles);
}

/* Leaves out `clause`, and all that the call alone does not meet, where some other rule does without. */
static bool leave_out(solution *s, const run *r, policy_clause clause)
{
    attempt trial = s->attempt;
    obstacles o, found = {0};
    unsigned least = s->count;
    if (trial.met.person == &s->attempt.who) trial.met.person = &trial.who;
    if (clause != CLAUSE_NONE) unmeet(&trial, clause);
    trial.fails &= BY_CALL;
    trial.shared = true;
    for (uint32_t i = r->first; i < r->first + r->count; i++) {
        if (!lets_through(s, &trial, &trial.policy->rules[i], &o)) continue;
        if ((unsigned)__builtin_popcount(trial.fails) + o.count >= least) continue;
        least = (unsigned)__builtin_popcount(trial.fails) + o.count;
        found = o;
    }
    if (least == s->count) return false;
    keep(s, &trial, &found);
    return true;
}

/* What was changed for one rule may be enough for another one. */
static void reduce(solution *s, const run *r)
{
    bool less = s->count > 1;
    while (less) {
        less = leave_out(s, r, CLAUSE_NONE);
        for (policy_clause c = CLAUSE_FIELDS; c <= CLAUSE_CONSENT && !less; c++)
            less = failed(&s->attempt, c) && (BY_CALL >> c & 1) && leave_out(s, r, c);
    }
}

/* Of rules that are equally near the one with which least is left in the end. */
static void reduce_equals(solution *best, question q, const run *r)
{
    const solution nearest = *best; /* its count and first clause alone are looked at */
    unsigned equals = 0;
    if (nearest.count < 2) return;
    for (uint32_t i = r->first; i < r->first + r->count && equals < EQUALS_MAX; i++) {
        solution other;
        if (!as_near(&other, q, &q.policy->rules[i], &nearest)) continue;
        reduce(&other, r);
        if (equals++ == 0 || other.count < best->count) move(best, &other);
    }
}

static unsigned allowed_forms(const policy *p, const policy_facts *facts, const policy_resident *of)
{
    unsigned out = 0;
    for (policy_form form = 0; form < FORMS; form++) {
        policy_facts as = *facts;
        as.form = form;
        admission a = policy_admit(p, &as);
        if (of ? policy_decide(p, &a, &as, *of).given : a.failed == CLAUSE_NONE) out |= 1U << form;
    }
    return out;
}

static policy_explanation explain_refusal(const policy *p, const policy_facts *facts, const policy_resident *of,
                                          policy_clause clause)
{
    const run *r = runs_find(&p->rule_runs, rule_key(facts->purpose, facts->consumer, facts->action));
    policy_explanation out = {.rule = NO_RULE};
    solution best = {0};
    for (uint32_t i = 0; r && i < r->count; i++) consider(&best, (question){p, facts, of}, &p->rules[r->first + i]);
    if (best.count == 0) {
        say(&out, (policy_failing){.clause = clause});
        return out;
    }
    reduce_equals(&best, (question){p, facts, of}, r);
    out.rule = (uint16_t)(best.attempt.rule - p->rules);
    say_all(&out, &best.attempt, &best.obstacles);
    if (out.count > FAILING_MAX) out.count = FAILING_MAX;
    return out;
}

policy_explanation policy_explain(const policy *p, const policy_facts *facts, const policy_resident *of)
{
    admission a = policy_admit(p, facts);
    grant g = of && a.failed == CLAUSE_NONE ? policy_decide(p, &a, facts, *of) : (grant){.failed = a.failed};
    bool allowed = of ? g.given : a.failed == CLAUSE_NONE;
    policy_explanation out = allowed ? (policy_explanation){.allowed = true, .rule = of ? g.rule : a.rules[0]}
                                     : explain_refusal(p, facts, of, a.failed);
    out.forms = allowed_forms(p, facts, of);
    return out;
}

const char *policy_prohibition_id(const policy *p, unsigned index)
{
    return index < p->prohibition_count ? p->prohibitions[index] : "";
}

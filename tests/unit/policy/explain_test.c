/* Why a call is refused: of small policies all that could be met is tried. What an explanation names is enough, and
 * none of it can be left out; no rule needs less. */
#include "tests/unit/policy/small.h"

#include <stdio.h>
#include <stdlib.h>

/* A policy with one rule's clauses met, and a call and a resident with them met. */
typedef struct world {
    policy *p;
    uint32_t rule;
    policy_facts facts;
    policy_person who;
    policy_resident of;
    bool about; /* a resident */
    policy_rule rules[SMALL_RULES];
    policy_match forbids[3];
    uint64_t above_level[LEVEL_MAX + 1];
} world;

/* What a call chooses where a clause leaves it the choice. */
typedef struct chosen {
    field_set fields;
    policy_form form;
    unsigned role, class_no;
} chosen;

static void remember(world *w)
{
    memcpy(w->rules, w->p->rules, w->p->count * sizeof *w->rules);
    memcpy(w->forbids, w->p->forbids, w->p->forbid_count * sizeof *w->forbids);
    memcpy(w->above_level, w->p->above_level, sizeof w->above_level);
}

static void restore(const world *w)
{
    memcpy(w->p->rules, w->rules, w->p->count * sizeof *w->rules);
    memcpy(w->p->forbids, w->forbids, w->p->forbid_count * sizeof *w->forbids);
    memcpy(w->p->above_level, w->above_level, sizeof w->above_level);
    fronts_fill(w->p);
}

static bool allowed_by(const world *w, uint16_t *rule)
{
    fronts_fill(w->p); /* of rules as they were changed */
    admission a = policy_admit(w->p, &w->facts);
    if (!w->about) return *rule = a.rules[0], a.failed == CLAUSE_NONE;
    grant g = policy_decide(w->p, &a, &w->facts, w->of);
    *rule = g.rule;
    return g.given;
}

static bool allowed(const world *w)
{
    uint16_t rule;
    return allowed_by(w, &rule);
}

static void meet_person(world *w, policy_clause clause, unsigned role)
{
    if (clause == CLAUSE_ACTING)
        w->who = (policy_person){.until = UINT32_MAX, .areas = &small_areas[4], .area_count = 1};
    if (clause == CLAUSE_CONTRACT)
        w->who.from = 0, w->who.until = UINT32_MAX;
    else
        w->who.role.no = (uint16_t)role;
    w->facts.person = &w->who;
}

static void meet_classes(world *w, const policy_rule *r, unsigned class_no)
{
    if (r->only && !(r->only & w->of.in)) {
        w->of.in |= UINT64_C(1) << class_no;
        w->of.out &= ~(UINT64_C(1) << class_no);
    }
    w->of.in &= ~r->except;
    w->of.out |= r->except;
}

static void lift(world *w, unsigned prohibition)
{
    for (size_t i = 0; i < w->p->forbid_count; i++)
        if (w->p->forbids[i].index == prohibition) w->p->forbids[i].actions = 0;
}

/* Makes the clause hold: of the call, where that is its own to change; else of the rule. */
static void meet(world *w, const policy_failing *f, const chosen *c)
{
    policy_rule *r = &w->p->rules[w->rule];
    switch (f->clause) {
    case CLAUSE_FIELDS:
        w->facts.fields = c->fields;
        return;
    case CLAUSE_FORM:
        w->facts.form = c->form;
        return;
    case CLAUSE_ACTING:
    case CLAUSE_ROLE:
    case CLAUSE_CONTRACT:
        meet_person(w, f->clause, c->role);
        return;
    case CLAUSE_DATES:
        r->from = 0, r->until = UINT32_MAX;
        return;
    case CLAUSE_ASSESSMENT:
        r->assessed_until = UINT32_MAX;
        return;
    case CLAUSE_SHARING:
        r->sharing_from = 0, r->sharing_until = UINT32_MAX;
        return;
    case CLAUSE_HOURS:
        r->week = 0;
        return;
    case CLAUSE_TICKET:
        r->pattern_count = 0;
        return;
    case CLAUSE_APPROVAL:
        w->facts.approved = true;
        return;
    case CLAUSE_BREAK_GLASS:
        w->facts.break_glass = !w->facts.break_glass;
        return;
    case CLAUSE_AREA:
        r->first_area = 4, r->own_area = false;
        return;
    case CLAUSE_CLASS:
        meet_classes(w, r, c->class_no);
        return;
    case CLAUSE_CONSENT:
        w->of.consent = true;
        return;
    case CLAUSE_PROHIBITED:
    case CLAUSE_FORBIDDEN:
        lift(w, f->index);
        return;
    case CLAUSE_AGGREGATION:
        for (unsigned level = 0; level <= LEVEL_MAX; level++) w->p->above_level[level] &= ~(UINT64_C(1) << f->index);
        return;
    default:
        fail_msg("clause %s", policy_clause_name(f->clause));
    }
}

/* The call with these clauses met, but one. */
static bool allowed_with(const world *from, const policy_failing *list, unsigned count, unsigned but, const chosen *c,
                         uint16_t *rule)
{
    world w = *from;
    if (w.facts.person) w.facts.person = &w.who;
    for (unsigned i = 0; i < count; i++)
        if (i != but) meet(&w, &list[i], c);
    bool out = allowed_by(&w, rule);
    restore(from);
    return out;
}

static const policy_failing *named(const policy_explanation *e, policy_clause clause)
{
    for (unsigned i = 0; i < e->count; i++)
        if (e->clauses[i].clause == clause) return &e->clauses[i];
    return NULL;
}

static unsigned lowest(uint64_t bits)
{
    return bits ? (unsigned)__builtin_ctzll(bits) : 0;
}

/* ---- an explanation is enough, and no more ---- */

/* What the explanation tells the caller to choose; where it leaves several, the `pick`-th of one. */
typedef struct told {
    unsigned forms;
    uint64_t roles, classes;
    field_set rest; /* of the fields asked for */
    bool none_left;
} told;

static told what_is_told(const world *w, const policy_explanation *e)
{
    told t = {.rest = w->facts.fields};
    const policy_failing *form = named(e, CLAUSE_FORM), *role = named(e, CLAUSE_ROLE), *of = named(e, CLAUSE_CLASS);
    const policy_failing *acting = named(e, CLAUSE_ACTING), *fields = named(e, CLAUSE_FIELDS);
    for (unsigned i = 0; fields && i < FIELD_WORDS; i++) t.rest.words[i] &= ~fields->fields.words[i];
    t.none_left = field_set_within(t.rest, (field_set){0});
    t.forms = form ? form->forms : 0;
    t.roles = role ? role->roles : acting ? acting->roles : 0;
    t.classes = of ? of->classes & w->p->rules[e->rule].only : 0;
    if (form) assert_int_not_equal(form->forms, 0);
    if (role) assert_true(role->roles != 0);
    return t;
}

/* All that it says is enough, whichever of its choices is taken. */
static bool enough(const world *w, const policy_explanation *e, const chosen *c)
{
    uint16_t rule;
    return allowed_with(w, e->clauses, e->count, UINT32_MAX, c, &rule);
}

static bool none_too_many(const world *w, const policy_explanation *e, const chosen *c)
{
    uint16_t rule;
    for (unsigned i = 0; i < e->count; i++)
        if (allowed_with(w, e->clauses, e->count, i, c, &rule)) return false;
    return true;
}

typedef struct verdict {
    bool all, some, exact; /* choices are enough; none can be left out under one of them */
} verdict;

static void try_choice(verdict *v, const world *w, const policy_explanation *e, const chosen *c)
{
    bool good = enough(w, e, c);
    v->all = v->all && good;
    v->some = v->some || good;
    v->exact = v->exact || (good && none_too_many(w, e, c));
}

/* Each of the fields by itself, where none of those asked for is left. */
static void try_fields(verdict *v, const world *w, const policy_explanation *e, const told *t, chosen c)
{
    c.fields = t->rest;
    if (!t->none_left || !named(e, CLAUSE_FIELDS)) {
        try_choice(v, w, e, &c);
        return;
    }
    verdict any = {0};
    for (unsigned n = 1; n <= SMALL_FIELDS; n++) {
        c.fields = (field_set){0};
        field_set_add(&c.fields, n);
        if (field_set_has(w->p->rules[e->rule].fields, n)) try_choice(&any, w, e, &c);
    }
    v->all = v->all && any.some;
    v->some = v->some || any.some;
    v->exact = v->exact || any.exact;
}

static verdict try_told(const world *w, const policy_explanation *e)
{
    verdict v = {.all = true};
    told t = what_is_told(w, e);
    for (unsigned form = 0; form < FORMS; form++) {
        if (form != lowest(t.forms) && !(t.forms >> form & 1)) continue;
        for (unsigned role = 0; role < SMALL_ROLES; role++) {
            if (role != lowest(t.roles) && !(t.roles >> role & 1)) continue;
            for (unsigned of = 0; of < SMALL_CLASSES; of++) {
                if (of != lowest(t.classes) && !(t.classes >> of & 1)) continue;
                try_fields(&v, w, e, &t, (chosen){.form = (policy_form)form, .role = role + 1, .class_no = of});
            }
        }
    }
    return v;
}

/* ---- no rule needs less ---- */

enum { ENTRIES_MAX = 24 };

/* What the rule does not pass, and all that is no rule's own. */
static unsigned all_entries(policy_failing out[ENTRIES_MAX], const world *w)
{
    unsigned count = 0;
    for (policy_clause c = CLAUSE_FIELDS; c <= CLAUSE_BREAK_GLASS; c++)
        if (!rule_passes(w->p, &w->p->rules[w->rule], &w->facts, c)) out[count++] = (policy_failing){.clause = c};
    for (uint16_t i = 0; i < w->p->prohibition_count; i++)
        out[count++] = (policy_failing){.clause = CLAUSE_PROHIBITED, .index = i};
    if (!w->about) return count;
    out[count++] = (policy_failing){.clause = CLAUSE_AREA};
    out[count++] = (policy_failing){.clause = CLAUSE_CLASS};
    out[count++] = (policy_failing){.clause = CLAUSE_CONSENT};
    for (uint16_t i = 0; i < w->p->aggregation_count; i++)
        out[count++] = (policy_failing){.clause = CLAUSE_AGGREGATION, .index = i};
    return count;
}

static field_set fields_for(const world *w, unsigned number)
{
    const policy_rule *r = &w->p->rules[w->rule];
    field_set out = w->facts.fields, one = {0};
    for (unsigned i = 0; i < FIELD_WORDS; i++) out.words[i] &= r->fields.words[i];
    if (!field_set_within(out, (field_set){0})) return out;
    if (field_set_has(r->fields, number)) field_set_add(&one, number);
    return one;
}

/* Whether the rule itself would allow the call with these met, whatever is chosen. */
static bool any_choice(const world *w, const policy_failing *list, unsigned count)
{
    unsigned has = 0;
    for (unsigned i = 0; i < count; i++) has |= 1U << list[i].clause;
    unsigned fields = has >> CLAUSE_FIELDS & 1 ? SMALL_FIELDS : 1, forms = has >> CLAUSE_FORM & 1 ? FORMS : 1;
    unsigned roles = has >> CLAUSE_ROLE & 1 || has >> CLAUSE_ACTING & 1 ? SMALL_ROLES : 1;
    unsigned classes = has >> CLAUSE_CLASS & 1 ? SMALL_CLASSES : 1;
    for (unsigned way = 0; way < fields * forms * roles * classes; way++) {
        uint16_t rule;
        chosen c = {.fields = fields_for(w, 1 + way % fields),
                    .form = (policy_form)(way / fields % forms),
                    .role = 1 + way / fields / forms % roles,
                    .class_no = way / fields / forms / roles};
        if (allowed_with(w, list, count, UINT32_MAX, &c, &rule) && rule == w->rule) return true;
    }
    return false;
}

/* All sets of so many entries. */
static bool any_set(const world *w, const policy_failing *all, unsigned count, unsigned size)
{
    policy_failing list[4];
    unsigned at[4] = {0, 1, 2, 3};
    assert_true(size <= 4);
    while (size == 0 || at[size - 1] < count) {
        for (unsigned i = 0; i < size; i++) list[i] = all[at[i]];
        if (any_choice(w, list, size)) return true;
        if (size == 0) return false;
        unsigned i = size - 1;
        while (i > 0 && at[i] == count - size + i) i--;
        at[i]++;
        for (unsigned j = i + 1; j < size; j++) at[j] = at[j - 1] + 1;
    }
    return false;
}

static bool less_is_enough(world *w, unsigned than)
{
    policy_failing all[ENTRIES_MAX];
    unsigned most = than - 1 < 4 ? than - 1 : 4;
    for (w->rule = 0; w->rule < w->p->count; w->rule++) {
        unsigned count = all_entries(all, w);
        for (unsigned size = 0; size <= most; size++)
            if (any_set(w, all, count, size)) return true;
    }
    return false;
}

/* ---- by chance ---- */

static const char *spelled(const world *w, const policy_explanation *e, uint64_t at)
{
    static char text[512];
    size_t len =
        (size_t)snprintf(text, sizeof text, "seed %llu, fields %llx form %d, rule %u of %zu:", (unsigned long long)at,
                         (unsigned long long)w->facts.fields.words[0], (int)w->facts.form, e->rule, w->p->count);
    for (unsigned i = 0; i < e->count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, " %s(%u)", policy_clause_name(e->clauses[i].clause),
                                e->clauses[i].index);
    return text;
}

static unsigned forms_that_pass(const world *w)
{
    unsigned out = 0;
    for (unsigned form = 0; form < FORMS; form++) {
        world as = *w;
        as.facts.form = (policy_form)form;
        if (allowed(&as)) out |= 1U << form;
    }
    return out;
}

static void check(world *w, uint64_t at, bool thorough)
{
    policy_explanation e = policy_explain(w->p, &w->facts, w->about ? &w->of : NULL);
    assert_int_equal(e.allowed, allowed(w));
    assert_int_equal(e.forms, forms_that_pass(w));
    if (e.allowed) {
        assert_int_equal(e.count, 0);
        return;
    }
    assert_in_range(e.count, 1, FAILING_MAX);
    assert_true(e.rule < w->p->count);
    w->rule = e.rule;
    verdict v = try_told(w, &e);
    if (!v.all || !v.exact) fail_msg("%s: %s", v.all ? "too much" : "not enough", spelled(w, &e, at));
    if (thorough && less_is_enough(w, e.count)) fail_msg("less is enough for %u: %s", w->rule, spelled(w, &e, at));
}

static void by_chance(uint64_t from, unsigned policies, bool thorough)
{
    for (uint64_t at = from; at < from + policies; at++) {
        uint64_t seed = at * UINT64_C(0x9e3779b97f4a7c15) + 1;
        policy *p = small_policy(&seed);
        for (unsigned i = 0; i < (thorough ? 4U : 20U); i++) {
            world w = {.p = p, .about = small_odds(&seed, 75)};
            w.facts = small_facts(&seed, &w.who);
            w.of = small_resident(&seed);
            remember(&w);
            check(&w, at, thorough);
        }
        policy_free(&p);
    }
}

/* VAULT_EXPLAIN_ROUNDS: as many times as much, for whoever changes it. */
static unsigned rounds(void)
{
    const char *text = getenv("VAULT_EXPLAIN_ROUNDS");
    return text ? (unsigned)strtoul(text, NULL, 10) : 1;
}

TEST("what an explanation names is enough, and none of it can be left out")
{
    by_chance(1, 1500 * rounds(), false);
}

TEST("no rule needs fewer clauses than the explanation names")
{
    by_chance(1000000, 60 * rounds(), true);
}

TEST("the order of rules and prohibitions changes nothing but which of two equals is named")
{
    for (uint64_t at = 1; at < 1500; at++) {
        uint64_t seed = at * UINT64_C(0x9e3779b97f4a7c15) + 1, same = seed;
        policy *p = small_policy_in(&seed, false), *q = small_policy_in(&same, true);
        for (unsigned i = 0; i < 10; i++) {
            policy_person who;
            const policy_facts facts = small_facts(&seed, &who);
            const policy_resident of = small_resident(&seed);
            const policy_explanation a = policy_explain(p, &facts, &of), b = policy_explain(q, &facts, &of);
            assert_int_equal(a.allowed, b.allowed);
            assert_int_equal(a.forms, b.forms);
            if (a.count != b.count) fail_msg("seed %llu: %u and %u clauses", (unsigned long long)at, a.count, b.count);
        }
        policy_free(&p);
        policy_free(&q);
    }
}

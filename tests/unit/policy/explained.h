/* What an explanation says, held against the naive reading: whether the call is allowed, in which forms, and that what
 * a call can change of itself to meet the clauses is enough where nothing else is named. */
#pragma once
#include "tests/unit/policy/naive.h"

/* One call about one resident, as it would be with clauses met. */
typedef struct explained {
    json_t *document;
    policy_facts facts;
    policy_person who;
    policy_resident of;
} explained;

static inline bool explained_allows(const explained *w)
{
    return naive_decide(w->document, &w->facts, &w->of).failed == CLAUSE_NONE;
}

/* Meets the clause; false where it is not the call's to meet, or is not met in one way only. */
static inline bool explained_meet(explained *w, const policy_failing *f)
{
    field_set left = w->facts.fields, none = {0};
    switch (f->clause) {
    case CLAUSE_FIELDS:
        for (unsigned i = 0; i < FIELD_WORDS; i++) left.words[i] &= ~f->fields.words[i];
        w->facts.fields = left;
        return !field_set_within(left, none);
    case CLAUSE_FORM:
        if (f->forms == 0 || f->forms >= 1U << FORMS) abort();
        w->facts.form = (policy_form)__builtin_ctz(f->forms);
        return true;
    case CLAUSE_ROLE:
    case CLAUSE_CONTRACT:
        if (!w->facts.person) abort();
        w->who = *w->facts.person;
        if (f->clause == CLAUSE_CONTRACT) w->who.from = 0, w->who.until = UINT32_MAX;
        if (f->clause == CLAUSE_ROLE) w->who.role.no = (uint16_t)(1 + __builtin_ctzll(f->roles));
        w->facts.person = &w->who;
        return true;
    case CLAUSE_APPROVAL:
        if (w->facts.residents <= f->limit || f->limit == 0) abort();
        return w->facts.approved = true;
    case CLAUSE_BREAK_GLASS:
        w->facts.break_glass = !w->facts.break_glass;
        return true;
    case CLAUSE_CONSENT:
        return w->of.consent = true;
    default:
        return false;
    }
}

/* What is said of a call without its resident is said of no resident. */
static inline void explained_alone(const policy *p, const explained *w)
{
    policy_explanation e = policy_explain(p, &w->facts, NULL);
    if (e.allowed != (policy_admit(p, &w->facts).failed == CLAUSE_NONE)) abort();
    for (unsigned i = 0; i < e.count; i++)
        if (e.clauses[i].clause >= CLAUSE_RESIDENT) abort();
}

/* Aborts where they differ. Of facts within their ranges. */
static inline void explained_as_naive(const policy *p, const explained *of)
{
    explained w = *of;
    policy_explanation e = policy_explain(p, &w.facts, &w.of);
    explained_alone(p, &w);
    if (e.allowed != explained_allows(&w) || e.count > FAILING_MAX || e.allowed != (e.count == 0)) abort();
    for (policy_form form = 0; form < FORMS; form++) {
        w.facts.form = form;
        if ((e.forms >> form & 1) != explained_allows(&w)) abort();
    }
    w.facts.form = of->facts.form;
    bool all = e.rule != NO_RULE && e.count < FAILING_MAX;
    for (unsigned i = 0; i < e.count; i++) {
        if (e.clauses[i].clause <= CLAUSE_NONE || e.clauses[i].clause >= CLAUSE_BUDGET) abort();
        all = explained_meet(&w, &e.clauses[i]) && all;
    }
    if (all && !explained_allows(&w)) abort();
}

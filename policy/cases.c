/* Cases are run: what the policy says against what is expected, and which rules a file of them has met. */
#include "policy/cases_internal.h"
#include "policy/internal.h"
#include "vault/base/memory.h"

#include <string.h>

enum { GRADED = 1U << FORM_PLAIN | 1U << FORM_MASKED | 1U << FORM_TOKEN, WEEK_DAYS = 7, DAY_MINUTES = 1440 };

/* ---- one case ---- */

static bool met_by(const policy *p, const admission *a, const case_outcome *o, const policy_case *c)
{
    if (!c->rule) return true;
    if (c->about) return strcmp(policy_rule_id(p, o->rule), c->rule) == 0;
    for (unsigned i = 0; i < a->count; i++)
        if (strcmp(policy_rule_id(p, a->rules[i]), c->rule) == 0) return true;
    return false;
}

static void decide_case(const policy *p, const admission *a, const policy_case *c, case_outcome *o, policy_clause *told)
{
    if (!c->about) {
        o->allowed = a->failed == CLAUSE_NONE;
        o->rule = o->allowed && a->count > 0 ? a->rules[0] : NO_RULE;
        *told = o->clause = a->failed;
        return;
    }
    grant g = policy_decide(p, a, &o->facts, c->of);
    o->allowed = g.given;
    o->rule = g.given ? g.rule : NO_RULE;
    o->clause = g.given ? CLAUSE_NONE : g.inner;
    *told = g.given ? CLAUSE_NONE : g.failed;
}

case_outcome policy_case_run(const policy *p, const policy_case *c, policy_moment now)
{
    case_outcome o = {.facts = c->facts};
    policy_clause told;
    if (o.facts.date == 0) {
        o.facts.date = now.date;
        o.facts.minute = now.minute;
    }
    const admission a = policy_admit(p, &o.facts);
    decide_case(p, &a, c, &o, &told);
    o.strongest = policy_strongest(p, &o.facts, GRADED, c->about ? &c->of : NULL);
    o.passed = o.allowed == c->allowed && (c->clause == CLAUSE_NONE || c->clause == o.clause || c->clause == told) &&
               (!o.allowed || met_by(p, &a, &o, c)) && (!c->graded || c->strongest == o.strongest);
    return o;
}

/* ---- never ----
 *
 * What the policy says of a case changes with time only where a rule, a basis or a contract begins, on the day after a
 * prohibition ends, and at the minutes at which a rule's hours begin: whatever is allowed at all is allowed on one of
 * the seven days from such a day on, at one of these minutes. (What ends allows nothing more, but for prohibitions.) */

typedef struct time_search {
    const policy *policy;
    const policy_case *of;
    policy_moment found;
    uint16_t *minutes; /* of a day, at which some rule's hours begin; the first is 0 */
    size_t minute_count;
} time_search;

static bool allowed_at(time_search *t, uint32_t date, unsigned minute)
{
    policy_case one = *t->of;
    t->found = (policy_moment){.date = date, .minute = (uint16_t)minute};
    one.facts.date = date;
    one.facts.minute = (uint16_t)minute;
    return policy_case_run(t->policy, &one, t->found).allowed;
}

static bool of_cell(const policy_rule *r, const policy_facts *f)
{
    return r->purpose.no == f->purpose.no && r->consumer.no == f->consumer.no && r->action == f->action;
}

static bool in_week(const week *w, unsigned minute)
{
    return (w->minutes[minute / 64] >> (minute % 64) & 1) != 0;
}

/* Whether some rule's hours begin at this minute of a day, whichever day it is. */
static bool begins_at(const policy *p, unsigned minute)
{
    for (size_t i = 0; i < p->week_count; i++) {
        for (unsigned day = 0; day < WEEK_DAYS; day++) {
            unsigned at = day * DAY_MINUTES + minute;
            if (in_week(&p->weeks[i], at) && !in_week(&p->weeks[i], at ? at - 1 : WEEK_MINUTES - 1)) return true;
        }
    }
    return false;
}

static void find_minutes(time_search *t)
{
    t->minutes[t->minute_count++] = 0;
    for (unsigned minute = 1; t->policy->week_count > 0 && minute < DAY_MINUTES; minute++)
        if (begins_at(t->policy, minute)) t->minutes[t->minute_count++] = (uint16_t)minute;
}

static bool allowed_from(time_search *t, uint32_t date)
{
    for (unsigned day = 0; date >= 19000101 && day < WEEK_DAYS; day++, date = date_after(date)) {
        for (size_t i = 0; i < t->minute_count; i++)
            if (allowed_at(t, date, t->minutes[i])) return true;
    }
    return false;
}

static bool allowed_ever(time_search *t)
{
    const policy *p = t->policy;
    const policy_facts *f = &t->of->facts;
    if (f->date) return allowed_at(t, f->date, f->minute);
    if (f->person && allowed_from(t, f->person->from)) return true;
    for (size_t i = 0; i < p->count; i++) {
        const policy_rule *r = &p->rules[i];
        if (!of_cell(r, f)) continue;
        if (allowed_from(t, r->from) || (r->sharing_from > r->from && allowed_from(t, r->sharing_from))) return true;
    }
    for (size_t i = 0; i < p->forbid_count; i++)
        if (p->forbids[i].until != UINT32_MAX && allowed_from(t, date_after(p->forbids[i].until))) return true;
    return false;
}

static vault_code check_never(time_search *t, size_t i, vault_error *err)
{
    const case_place at = {.list = "policy.never", .index = i, .id = t->of->id, .err = err};
    if (!allowed_ever(t)) return VAULT_OK;
    policy_case found = *t->of;
    found.facts.date = 0;
    const case_outcome o = policy_case_run(t->policy, &found, t->found);
    return case_refuse(&at, "", "would be allowed by '%s' at %u-%02u-%02u %02u:%02u: narrow that rule, or prohibit",
                       policy_rule_id(t->policy, o.rule), t->found.date / 10000, t->found.date / 100 % 100,
                       t->found.date % 100, t->found.minute / 60U, t->found.minute % 60U);
}

vault_code policy_never_holds(const policy *p, const policy_cases *never, vault_error *err)
{
    vault_code code = VAULT_OK;
    time_search t = {.policy = p, .minutes = memory_array(DAY_MINUTES, sizeof *t.minutes)};
    find_minutes(&t);
    for (size_t i = 0; i < never->count && code == VAULT_OK; i++) {
        t.of = &never->at[i];
        code = check_never(&t, i, err);
    }
    memory_free(t.minutes, DAY_MINUTES * sizeof *t.minutes);
    return code;
}

/* ---- coverage ---- */

typedef struct coverage {
    const policy *policy;
    bool *rules, *prohibitions; /* met, by place in the document */
    size_t rule_count;          /* places */
} coverage;

static void mark_admitted(coverage *c, const policy_case *one, const case_outcome *o)
{
    const policy *p = c->policy;
    if (o->rule < p->count) c->rules[p->rules[o->rule].place] = true;
    if (one->about || !one->rule) return;
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(rule_id(p, &p->rules[i]), one->rule) == 0) c->rules[p->rules[i].place] = true;
}

static void mark_forbidden(coverage *c, const policy_case *one, const case_outcome *o)
{
    const policy *p = c->policy;
    const policy_explanation why = policy_explain(p, &o->facts, one->about ? &one->of : NULL);
    for (unsigned i = 0; i < why.count && i < FAILING_MAX; i++) {
        const policy_failing *f = &why.clauses[i];
        bool forbids = f->clause == CLAUSE_PROHIBITED || f->clause == CLAUSE_FORBIDDEN;
        if (forbids && f->index < p->prohibition_count) c->prohibitions[f->index] = true;
    }
}

static void mark(coverage *c, const policy_case *one, policy_moment now)
{
    case_outcome o = policy_case_run(c->policy, one, now);
    if (!o.passed) return; /* a case that fails proves nothing */
    if (o.allowed) mark_admitted(c, one, &o);
    if (o.clause == CLAUSE_PROHIBITED || o.clause == CLAUSE_FORBIDDEN) mark_forbidden(c, one, &o);
}

static size_t places_of(const policy *p)
{
    size_t places = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->rules[i].place >= places) places = p->rules[i].place + 1U;
    return places;
}

static void count_up(case_coverage *out, bool met, const char *id)
{
    out->rules++;
    if (met)
        out->covered++;
    else
        out->uncovered[out->uncovered_count++] = id;
}

vault_code policy_coverage(case_coverage *out, arena *mem, const policy *p, const policy_cases *cases,
                           policy_moment now, vault_error *err)
{
    coverage c = {.policy = p, .rule_count = places_of(p)};
    *out = (case_coverage){.uncovered = arena_array(mem, c.rule_count + p->prohibition_count + 1, sizeof(char *))};
    c.rules = arena_array(mem, c.rule_count + 1, sizeof *c.rules);
    c.prohibitions = arena_array(mem, p->prohibition_count + 1, sizeof *c.prohibitions);
    if (!out->uncovered || !c.rules || !c.prohibitions)
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for a coverage");
    for (size_t i = 0; i < cases->count; i++) mark(&c, &cases->at[i], now);
    for (size_t i = 0; i < c.rule_count; i++) count_up(out, c.rules[i], p->ids[i]);
    for (size_t i = 0; i < p->prohibition_count; i++)
        count_up(out, c.prohibitions[i], policy_prohibition_id(p, (unsigned)i));
    return VAULT_OK;
}

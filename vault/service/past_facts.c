#include "vault/service/past_facts.h"

#include "vault/base/clock.h"

#include <string.h>

enum { TRIED_CLASSES = 8 };

/* ---- what was asked ---- */

/* Actions of lines that the policy decided, and as what. */
static bool action_of(policy_action *out, line_action a)
{
    static const int actions[LINE_ACTIONS] = {
        [LINE_REVEAL] = 1 + POLICY_REVEAL,   [LINE_TEST] = 1 + POLICY_REVEAL,       [LINE_RESTORE] = 1 + POLICY_REVEAL,
        [LINE_ISSUE] = 1 + POLICY_ISSUE,     [LINE_PUT] = 1 + POLICY_PUT,           [LINE_SEARCH] = 1 + POLICY_SEARCH,
        [LINE_EXPORT] = 1 + POLICY_EXPORT,   [LINE_ERASE] = 1 + POLICY_ERASE,       [LINE_RESTRICT] = 1 + POLICY_ERASE,
        [LINE_CONSENT] = 1 + POLICY_CONSENT, [LINE_GUARDIAN] = 1 + POLICY_GUARDIAN, [LINE_HISTORY] = 1 + POLICY_HISTORY,
    };
    if ((unsigned)a >= LINE_ACTIONS || actions[a] == 0) return false;
    *out = (policy_action)(actions[a] - 1);
    return true;
}

static policy_form form_of(const char *name, policy_action action)
{
    static const policy_form usual[POLICY_ACTIONS] = {[POLICY_REVEAL] = FORM_PLAIN,
                                                      [POLICY_PUT] = FORM_PLAIN,
                                                      [POLICY_EXPORT] = FORM_PLAIN,
                                                      [POLICY_SEARCH] = FORM_TOKEN};
    for (policy_form f = 0; name && f < FORMS; f++)
        if (strcmp(policy_form_name(f), name) == 0) return f;
    return usual[action]; /* a dry run of a put, too */
}

/* A predicate that needs the right to the value itself was asked for as that. */
static unsigned number_of(past_facts *out, const manifest *m, bytes name)
{
    const schema_field *f = schema_find(&m->schema, name);
    const schema_predicate *p = f ? NULL : schema_predicate_find(&m->schema, name);
    if (f) return f->number;
    if (!p) return 0;
    if (!predicate_needs_plain(p)) return p->number;
    out->facts.form = FORM_PLAIN;
    return p->field->number;
}

/* Field 0 is one that no rule has. */
static void read_fields(past_facts *out, const manifest *m, const char *names)
{
    for (const char *at = names; *at;) {
        size_t len = strcspn(at, ",");
        field_set_add(&out->facts.fields, number_of(out, m, bytes_of(at, len)));
        at += len + (at[len] == ',');
    }
}

/* Erasures name the natural key of the record's collection, which a line does not say. */
static void read_key(past_facts *out, const manifest *m, const char *rule)
{
    for (unsigned i = 0; rule && i < policy_rule_count(m->policy); i++) {
        if (strcmp(policy_rule_id(m->policy, i), rule) != 0) continue;
        out->facts.fields = policy_rule_scope(m->policy, i).fields;
        return;
    }
    field_set_add(&out->facts.fields, m->schema.collections[0].natural_key->number);
}

static const policy_person *acting_of(const manifest *m, const char *id)
{
    static const policy_person nobody; /* no contract of his holds */
    const person *found = id ? manifest_person(m, id) : NULL;
    return found ? &found->acting : id ? &nobody : NULL;
}

static bool is_clause(const char *text)
{
    for (policy_clause c = CLAUSE_PURPOSE; text && c < CLAUSES; c++)
        if (strcmp(policy_clause_name(c), text) == 0) return true;
    return false;
}

/* The line of a search as such, and of a record that was made, stand for the call. */
static bool stands_for_call(const past_facts *out, const line_facts *said)
{
    if (said->area != 0) return false;
    if (said->action == LINE_SEARCH) return said->resident == 0;
    return out->granted;
}

bool past_facts_of(past_facts *out, const manifest *m, const opened_line *from)
{
    const line_facts *said = &from->said;
    const purpose *why = said->purpose ? manifest_purpose(m, bytes_of_text(said->purpose)) : NULL;
    *out = (past_facts){.granted = said->outcome == LINE_GRANTED, .clause = said->clause};
    if (!action_of(&out->facts.action, said->action) || !said->app) return false;
    if (!out->granted && (said->outcome != LINE_REFUSED || !is_clause(said->clause))) return false;
    bool whole = out->facts.action >= POLICY_ERASE; /* named by the natural key, as all actions after it */
    if (!said->fields && !whole) return false;
    out->facts.consumer = manifest_app_named(m, said->app);
    out->facts.purpose = why ? why->no : (purpose_no){0};
    out->facts.form = form_of(said->form, out->facts.action);
    out->facts.person = acting_of(m, said->person);
    out->facts.date = clock_shanghai_date(from->time_us);
    out->facts.minute = clock_shanghai_minute(from->time_us);
    out->facts.ticket = said->ticket;
    out->facts.residents = said->residents ? said->residents : 1;
    out->facts.approved = said->approval != NULL;
    out->facts.break_glass = said->emergency != NULL;
    if (said->fields) read_fields(out, m, said->fields);
    if (whole && !said->fields) read_key(out, m, said->rule);
    out->area = (area_code){said->area};
    out->about = !stands_for_call(out, said);
    return true;
}

/* ---- what it comes to ---- */

/* With everything that the log does not hold as good as it could be: some way of being, or not being, of the classes
 * that matter. Of too many of them nothing is said. */
static bool could_be_allowed(const policy *p, const admission *a, const past_facts *asked, const policy_resident *known)
{
    unsigned places[CLASSES_MAX], count = 0;
    uint64_t unknown = a->classes & ~known->in & ~known->out;
    for (unsigned i = 0; i < CLASSES_MAX; i++)
        if (unknown >> i & 1) places[count++] = i;
    if (count > TRIED_CLASSES) return true;
    for (uint32_t way = 0; way < UINT32_C(1) << count; way++) {
        policy_resident of = {.area = asked->area, .in = known->in, .out = known->out, .consent = true};
        for (unsigned i = 0; i < count; i++) {
            uint64_t *to = way >> i & 1 ? &of.in : &of.out;
            *to |= UINT64_C(1) << places[i];
        }
        if (policy_decide(p, a, &asked->facts, of).given) return true;
    }
    return false;
}

past_verdict past_decide(const policy *p, const past_facts *asked, const policy_resident *known, policy_clause *clause)
{
    const admission a = policy_admit(p, &asked->facts);
    *clause = a.failed;
    if (a.failed != CLAUSE_NONE) return PAST_REFUSED;
    if (!asked->about) return PAST_ALLOWED;
    policy_resident least = *known;
    least.area = asked->area;
    least.complete = UINT64_MAX;
    const grant g = policy_decide(p, &a, &asked->facts, least);
    *clause = g.inner;
    if (g.given) return PAST_ALLOWED;
    bool depends = asked->area.code && (a.classes || a.consent || a.aggregations);
    return depends && could_be_allowed(p, &a, asked, known) ? PAST_OPEN : PAST_REFUSED;
}

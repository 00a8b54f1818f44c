/* Work on policies: cases, comparisons, who may see what, and what looks wrong in a policy. Every question is a line
 * before it is answered; nothing of any resident is read. */
#include "policy/compare.h"
#include "vault/service/explain.h"
#include "vault/service/trials.h"

#include "vault/base/clock.h"

#include <string.h>

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no memory for an answer");
}

static policy_moment moment_now(const session *s)
{
    int64_t now = service_now_us(s->service);
    return (policy_moment){.date = clock_shanghai_date(now), .minute = clock_shanghai_minute(now)};
}

/* The line of a question, whose error stands in the request; then whether it may be answered. */
static vault_code write_line(session *s, call *c, const char *what)
{
    const line_facts facts = {.fields = what};
    return write_call_line(s, c, &facts);
}

/* ---- cases ---- */

static const char *outcome_text(arena *mem, bool allowed, policy_clause clause, const char *rule)
{
    if (allowed) return arena_format(mem, "allowed%s%s", rule && *rule ? " by " : "", rule ? rule : "");
    return arena_format(mem, "refused%s%s", clause ? ": " : "", clause ? policy_clause_name(clause) : "");
}

static const char *graded_text(arena *mem, const char *text, bool graded, policy_form strongest)
{
    return graded && text ? arena_format(mem, "%s; strongest %s", text, policy_form_name(strongest)) : text;
}

static Vault__V1__CaseResult *answer_case(arena *mem, const policy *p, const policy_case *of, const case_outcome *o)
{
    Vault__V1__CaseResult *out = MESSAGE(mem, Vault__V1__CaseResult, vault__v1__case_result__init);
    if (!out) return NULL;
    out->id = arena_text(mem, bytes_of_text(of->id));
    out->passed = o->passed;
    const char *expected = outcome_text(mem, of->allowed, of->clause, of->rule);
    const char *found = outcome_text(mem, o->allowed, o->clause, policy_rule_id(p, o->rule));
    out->expected = lent(graded_text(mem, expected, of->graded, of->strongest));
    out->found = lent(graded_text(mem, found, of->graded, o->strongest));
    return out->id && expected && found ? out : NULL;
}

/* Of a case that failed: why it comes out as it does. */
static vault_code explain_case(Vault__V1__CaseResult *to, request *rq, const manifest *m, const policy_case *of,
                               const case_outcome *o)
{
    const policy_explanation why = policy_explain(m->policy, &o->facts, of->about ? &of->of : NULL);
    const explained what = {.manifest = m, .policy = m->policy, .facts = &o->facts, .explanation = &why};
    return explanation_message(&to->explanation, rq->mem, &what, &rq->err);
}

static vault_code answer_cases(Vault__V1__TestPolicyResponse *out, session *s, request *rq, const trial *t,
                               const policy_cases *cases)
{
    const policy *p = t->manifest->policy;
    const policy_moment now = moment_now(s);
    case_coverage covered;
    out->results = arena_array(rq->mem, policy_case_count(cases) + 1, sizeof *out->results);
    if (!out->results) return no_room(&rq->err);
    for (size_t i = 0; i < policy_case_count(cases); i++) {
        const policy_case *one = policy_case_at(cases, i);
        const case_outcome o = policy_case_run(p, one, now);
        Vault__V1__CaseResult *told = answer_case(rq->mem, p, one, &o);
        if (!(out->results[out->n_results++] = told)) return no_room(&rq->err);
        if (!o.passed) VAULT_TRY(explain_case(told, rq, t->manifest, one, &o));
    }
    VAULT_TRY(policy_coverage(&covered, rq->mem, p, cases, now, &rq->err));
    out->rules = (uint32_t)covered.rules;
    out->covered = (uint32_t)covered.covered;
    out->uncovered = arena_array(rq->mem, covered.uncovered_count + 1, sizeof *out->uncovered);
    if (!out->uncovered) return no_room(&rq->err);
    for (size_t i = 0; i < covered.uncovered_count; i++)
        if (!(out->uncovered[out->n_uncovered++] = arena_text(rq->mem, bytes_of_text(covered.uncovered[i]))))
            return no_room(&rq->err);
    return VAULT_OK;
}

static vault_code answer_fault(Vault__V1__TestPolicyResponse *out, request *rq, const document_fault *from)
{
    Vault__V1__DocumentFault *fault = MESSAGE(rq->mem, Vault__V1__DocumentFault, vault__v1__document_fault__init);
    if (!fault) return no_room(&rq->err);
    fault->line = from->line;
    fault->column = from->column;
    fault->path = arena_text(rq->mem, bytes_of_text(from->path));
    fault->text = arena_text(rq->mem, bytes_of_text(from->text));
    out->fault = fault;
    return fault->path && fault->text ? VAULT_OK : no_room(&rq->err);
}

static vault_code run_cases(Vault__V1__TestPolicyResponse *out, session *s, request *rq)
{
    const Vault__V1__TestPolicyRequest *in = (const void *)rq->in;
    VAULT_CLEANUP(trial_clear) trial t = {0};
    VAULT_CLEANUP(policy_cases_free) policy_cases *cases = NULL;
    document_fault fault;
    if (in->cases.len == 0) return refuse_at(&rq->err, "REQUIRED", "cases", -1);
    if (in->cases.len > DOCUMENT_MAX) return refuse_at(&rq->err, "TOO_LARGE", "cases", -1);
    VAULT_TRY(trial_drafts(&t, s, in->drafts, in->n_drafts, &rq->err));
    VAULT_TRY(control_cases(&cases, &fault, t.manifest, bytes_of(in->cases.data, in->cases.len), &rq->err));
    return cases ? answer_cases(out, s, rq, &t, cases) : answer_fault(out, rq, &fault);
}

static vault_code test_one(session *s, call *c)
{
    request *rq = c->rq;
    Vault__V1__TestPolicyResponse *out =
        MESSAGE(rq->mem, Vault__V1__TestPolicyResponse, vault__v1__test_policy_response__init);
    if (!out) return no_room(&rq->err);
    (void)run_cases(out, s, rq);
    VAULT_TRY(write_line(s, c, "cases"));
    rq->out = &out->base;
    return VAULT_OK;
}

void policies_test(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)test_one(s, calls[i]);
}

/* ---- an access, told ---- */

/* The largest block of ten, a hundred, ... codes that begins at `low` and ends by `high`. */
static int64_t block_at(int64_t low, int64_t high, unsigned *digits)
{
    int64_t size = 1;
    *digits = AREA_DIGITS;
    while (*digits > 2 && low % (size * 10) == 0 && low + size * 10 - 1 <= high) size *= 10, --*digits;
    return size;
}

enum { AREAS_TOLD = 200 };
static const int64_t area_least = INT64_C(100000000000000), area_most = INT64_C(999999999999999);

static vault_code tell_areas(Vault__V1__Access *out, arena *mem, const policy_access *from, vault_error *err)
{
    out->areas = arena_array(mem, AREAS_TOLD, sizeof *out->areas);
    if (!out->areas) return no_room(err);
    for (size_t i = 0; i < from->area_count; i++) {
        int64_t low = from->areas[i].low > area_least ? from->areas[i].low : area_least;
        int64_t high = from->areas[i].high < area_most ? from->areas[i].high : area_most;
        while (low <= high && out->n_areas < AREAS_TOLD) {
            unsigned digits;
            int64_t size = block_at(low, high, &digits);
            char *text = arena_format(mem, "%lld", (long long)low);
            if (!text) return no_room(err);
            text[digits] = '\0';
            out->areas[out->n_areas++] = text;
            low += size;
        }
    }
    return VAULT_OK;
}

static vault_code tell_fields(Vault__V1__Access *out, arena *mem, const manifest_pair *names, field_set fields,
                              vault_error *err)
{
    out->fields = arena_array(mem, POLICY_FIELDS_MAX, sizeof *out->fields);
    if (!out->fields) return no_room(err);
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++) {
        if (!field_set_has(fields, n)) continue;
        if (!(out->fields[out->n_fields++] = arena_text(mem, bytes_of_text(pair_field(names, n))))) return no_room(err);
    }
    return VAULT_OK;
}

static vault_code tell_roles(Vault__V1__Access *out, arena *mem, const manifest_pair *names, uint64_t roles,
                             vault_error *err)
{
    if (roles == UINT64_MAX) return VAULT_OK;
    out->roles = arena_array(mem, ROLES_MAX, sizeof *out->roles);
    if (!out->roles) return no_room(err);
    for (uint16_t no = 1; no <= ROLES_MAX; no++) {
        if (!(roles >> (no - 1) & 1)) continue;
        if (!(out->roles[out->n_roles++] = arena_text(mem, bytes_of_text(pair_role(names, (role_no){no})))))
            return no_room(err);
    }
    return VAULT_OK;
}

/* Plain stands for masked and token as well, and token of residents found for their number, where nothing else is
 * said. */
static char *tell_forms(arena *mem, const policy_access *from)
{
    const unsigned shown = 1U << FORM_PLAIN | 1U << FORM_MASKED | 1U << FORM_TOKEN;
    const unsigned found = 1U << FORM_TOKEN | 1U << FORM_COUNT;
    const char *text = "";
    if (from->action == POLICY_REVEAL && from->forms == shown) return lent(policy_form_name(FORM_PLAIN));
    if (from->action == POLICY_SEARCH && from->forms == found) return lent(policy_form_name(FORM_TOKEN));
    for (unsigned f = FORMS; text && f-- > 0;) {
        if (from->forms >> f & 1)
            text = arena_format(mem, "%s%s%s", text, *text ? "," : "", policy_form_name((policy_form)f));
    }
    return lent(text);
}

static char *tell_day(arena *mem, uint32_t day)
{
    if (day == 0 || day == UINT32_MAX) return lent(NULL);
    return arena_format(mem, "%04u-%02u-%02u", day / 10000, day / 100 % 100, day % 100);
}

static vault_code tell_rest(Vault__V1__Access *out, arena *mem, const policy_access *from, vault_error *err)
{
    out->conditions = arena_array(mem, from->condition_count + 1, sizeof *out->conditions);
    if (!out->conditions) return no_room(err);
    for (size_t i = 0; i < from->condition_count; i++)
        if (!(out->conditions[out->n_conditions++] = arena_text(mem, bytes_of_text(from->conditions[i]))))
            return no_room(err);
    out->own_area = from->own_area;
    out->form = tell_forms(mem, from);
    out->from = tell_day(mem, from->from);
    out->until = tell_day(mem, from->until);
    out->rule = arena_text(mem, bytes_of_text(from->rule));
    return out->form && out->from && out->until && out->rule ? VAULT_OK : no_room(err);
}

/* Its names are those of manifests that may go before the answer does. */
static vault_code tell_access(Vault__V1__Access **to, arena *mem, const manifest_pair *names, const policy_access *from,
                              vault_error *err)
{
    Vault__V1__Access *out = MESSAGE(mem, Vault__V1__Access, vault__v1__access__init);
    if (!(*to = out)) return no_room(err);
    out->consumer = arena_text(mem, bytes_of_text(pair_app(names, from->consumer)));
    out->purpose = arena_text(mem, bytes_of_text(pair_purpose(names, from->purpose)));
    out->action = lent(policy_action_name(from->action));
    if (!out->consumer || !out->purpose) return no_room(err);
    if (!from->alone) VAULT_TRY(tell_roles(out, mem, names, from->roles, err));
    VAULT_TRY(tell_fields(out, mem, names, from->fields, err));
    VAULT_TRY(tell_areas(out, mem, from, err));
    return tell_rest(out, mem, from, err);
}

/* ---- diff ---- */

static vault_code answer_diff(Vault__V1__DiffPolicyResponse *out, request *rq, const manifest_pair *names,
                              const access_list *found)
{
    out->cut = found->cut;
    out->changes = arena_array(rq->mem, found->count + 1, sizeof *out->changes);
    if (!out->changes) return no_room(&rq->err);
    for (size_t i = 0; i < found->count; i++) {
        Vault__V1__AccessChange *one = MESSAGE(rq->mem, Vault__V1__AccessChange, vault__v1__access_change__init);
        if (!(out->changes[out->n_changes++] = one)) return no_room(&rq->err);
        one->gains = found->at[i].gains;
        VAULT_TRY(tell_access(&one->access, rq->mem, names, &found->at[i], &rq->err));
    }
    return VAULT_OK;
}

static vault_code after_of(trial *out, session *s, const Vault__V1__DiffPolicyRequest *in, vault_error *err)
{
    if (in->approval[0] && in->n_drafts) return refuse_at(err, "EXCLUDES_DRAFTS", "approval", -1);
    if (in->approval[0]) return trial_approval(out, s, in->approval, err);
    return trial_drafts(out, s, in->drafts, in->n_drafts, err);
}

static vault_code diff(Vault__V1__DiffPolicyResponse *out, session *s, request *rq)
{
    const Vault__V1__DiffPolicyRequest *in = (const void *)rq->in;
    VAULT_CLEANUP(trial_clear) trial before = {0};
    VAULT_CLEANUP(trial_clear) trial after = {0};
    access_list found;
    VAULT_TRY(after_of(&after, s, in, &rq->err));
    VAULT_TRY(trial_version(&before, s, in->version, &rq->err));
    manifest_pair names = {.first = before.manifest, .second = after.manifest};
    VAULT_TRY(manifest_numbers(&names.numbers, s->mem, after.manifest, before.manifest, &rq->err));
    const policy_pair pair = {.before = {.policy = before.manifest->policy},
                              .after = {.policy = after.manifest->policy,
                                        .consumers = names.numbers.consumers,
                                        .purposes = names.numbers.purposes,
                                        .roles = names.numbers.roles}};
    VAULT_TRY(policy_compare(&found, s->mem, &pair, &rq->err));
    return answer_diff(out, rq, &names, &found);
}

static vault_code diff_one(session *s, call *c)
{
    request *rq = c->rq;
    Vault__V1__DiffPolicyResponse *out =
        MESSAGE(rq->mem, Vault__V1__DiffPolicyResponse, vault__v1__diff_policy_response__init);
    if (!out) return no_room(&rq->err);
    (void)diff(out, s, rq);
    VAULT_TRY(write_line(s, c, "difference"));
    rq->out = &out->base;
    return VAULT_OK;
}

void policies_diff(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)diff_one(s, calls[i]);
}

/* ---- who can, what can ---- */

static vault_code answer_accesses(Vault__V1__AccessResponse *out, session *s, request *rq, const manifest *m,
                                  const access_filter *only)
{
    const policy_pair pair = {.after = {.policy = m->policy}, .only = *only};
    const manifest_pair names = {.first = m};
    access_list found;
    VAULT_TRY(policy_compare(&found, s->mem, &pair, &rq->err));
    out->cut = found.cut;
    out->accesses = arena_array(rq->mem, found.count + 1, sizeof *out->accesses);
    if (!out->accesses) return no_room(&rq->err);
    for (size_t i = 0; i < found.count; i++)
        VAULT_TRY(tell_access(&out->accesses[out->n_accesses++], rq->mem, &names, &found.at[i], &rq->err));
    return VAULT_OK;
}

/* Persons of the roles that were found; each once. */
typedef struct role_holders {
    Vault__V1__AccessResponse *out;
    const manifest *manifest;
    arena *mem;
    uint64_t roles;
    uint32_t today;
    size_t room;
} role_holders;

enum { PERSONS_TOLD = 10000 };

static void add_holder(void *context, const person *p)
{
    role_holders *h = context;
    bool acts = !p->suspended && p->acting.from <= h->today && h->today <= p->acting.until;
    bool of_role = p->acting.role.no && (h->roles >> (p->acting.role.no - 1) & 1);
    if (!acts || !of_role) return;
    if (h->out->n_persons == h->room) {
        h->out->cut = true;
        return;
    }
    char *id = arena_text(h->mem, bytes_of_text(p->id));
    if (id) h->out->persons[h->out->n_persons++] = id;
}

static uint64_t roles_told(const Vault__V1__AccessResponse *out, const manifest *m)
{
    uint64_t roles = 0;
    for (size_t i = 0; i < out->n_accesses; i++) {
        for (size_t j = 0; j < out->accesses[i]->n_roles; j++) {
            role_no no = manifest_role_named(m, out->accesses[i]->roles[j]);
            if (no.no) roles |= UINT64_C(1) << (no.no - 1);
        }
    }
    return roles;
}

static vault_code add_persons(Vault__V1__AccessResponse *out, session *s, request *rq, const manifest *m)
{
    role_holders h = {.out = out, .manifest = m, .mem = rq->mem, .room = PERSONS_TOLD};
    h.today = moment_now(s).date;
    h.roles = roles_told(out, m);
    out->persons = arena_array(rq->mem, PERSONS_TOLD, sizeof *out->persons);
    if (!out->persons) return no_room(&rq->err);
    manifest_persons_each(m, add_holder, &h);
    return VAULT_OK;
}

static vault_code read_form(unsigned *forms, const char *name, vault_error *err)
{
    if (!name[0]) return VAULT_OK;
    for (policy_form f = 0; f < FORMS; f++)
        if (strcmp(policy_form_name(f), name) == 0) return *forms = 1U << f, VAULT_OK;
    return refuse_at(err, "UNKNOWN_NAME", "form", -1);
}

static vault_code read_who_can(access_filter *only, const manifest *m, const Vault__V1__WhoCanRequest *in,
                               vault_error *err)
{
    const schema_field *f = schema_find(&m->schema, bytes_of_text(in->field));
    const schema_predicate *p = f ? NULL : schema_predicate_find(&m->schema, bytes_of_text(in->field));
    if (!f && !p) return refuse_at(err, in->field[0] ? "UNKNOWN_FIELD" : "REQUIRED", "field", -1);
    only->field = f ? f->number : p->number;
    if (in->area[0] && !area_range_read(&only->area, in->area)) return refuse_at(err, "BAD_AREA", "area", -1);
    return read_form(&only->forms, in->form, err);
}

static vault_code who_can(Vault__V1__AccessResponse *out, session *s, request *rq)
{
    const Vault__V1__WhoCanRequest *in = (const void *)rq->in;
    VAULT_CLEANUP(trial_clear) trial t = {0};
    access_filter only = {.date = moment_now(s).date};
    VAULT_TRY(trial_drafts(&t, s, in->drafts, in->n_drafts, &rq->err));
    VAULT_TRY(read_who_can(&only, t.manifest, in, &rq->err));
    VAULT_TRY(answer_accesses(out, s, rq, t.manifest, &only));
    return add_persons(out, s, rq, t.manifest);
}

static vault_code read_what_can(access_filter *only, const manifest *m, const Vault__V1__WhatCanRequest *in,
                                vault_error *err)
{
    const person *who;
    switch (in->who_case) {
    case VAULT__V1__WHAT_CAN_REQUEST__WHO_CONSUMER:
        only->consumer = manifest_app_named(m, in->consumer);
        return only->consumer.no ? VAULT_OK : refuse_at(err, "UNKNOWN_CONSUMER", "consumer", -1);
    case VAULT__V1__WHAT_CAN_REQUEST__WHO_PERSON:
        if (!(who = manifest_person(m, in->person))) return refuse_at(err, "UNKNOWN_PERSON", "person", -1);
        if (who->suspended)
            return refuse_at(err, "PERSON_SUSPENDED", "person", -1); /* nothing, whatever the rules say */
        only->person = &who->acting;
        return VAULT_OK;
    default:
        return refuse_at(err, "REQUIRED", "who", -1);
    }
}

static vault_code what_can(Vault__V1__AccessResponse *out, session *s, request *rq)
{
    const Vault__V1__WhatCanRequest *in = (const void *)rq->in;
    VAULT_CLEANUP(trial_clear) trial t = {0};
    access_filter only = {.date = moment_now(s).date};
    VAULT_TRY(trial_drafts(&t, s, in->drafts, in->n_drafts, &rq->err));
    VAULT_TRY(read_what_can(&only, t.manifest, in, &rq->err));
    return answer_accesses(out, s, rq, t.manifest, &only);
}

static vault_code access_one(session *s, call *c, const char *what,
                             vault_code (*answer)(Vault__V1__AccessResponse *, session *, request *))
{
    request *rq = c->rq;
    Vault__V1__AccessResponse *out = MESSAGE(rq->mem, Vault__V1__AccessResponse, vault__v1__access_response__init);
    if (!out) return no_room(&rq->err);
    (void)answer(out, s, rq);
    VAULT_TRY(write_line(s, c, what));
    rq->out = &out->base;
    return VAULT_OK;
}

void policies_who_can(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)access_one(s, calls[i], "who-can", who_can);
}

void policies_what_can(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)access_one(s, calls[i], "what-can", what_can);
}

/* ---- lint ---- */

static Vault__V1__LintFinding *tell_finding(arena *mem, const lint_finding *from)
{
    Vault__V1__LintFinding *out = MESSAGE(mem, Vault__V1__LintFinding, vault__v1__lint_finding__init);
    if (!out) return NULL;
    out->kind = lent(lint_kind_name(from->kind));
    out->rule = arena_text(mem, bytes_of_text(from->rule));
    out->other = arena_text(mem, bytes_of_text(from->other));
    out->text = arena_text(mem, bytes_of_text(from->text));
    return out->rule && out->other && out->text ? out : NULL;
}

static vault_code lint(Vault__V1__LintResponse *out, session *s, request *rq)
{
    const Vault__V1__LintRequest *in = (const void *)rq->in;
    VAULT_CLEANUP(trial_clear) trial t = {0};
    lint_ask ask = {.today = moment_now(s).date};
    lint_list found;
    rule_list rules;
    VAULT_TRY(trial_drafts(&t, s, in->drafts, in->n_drafts, &rq->err));
    ask.roles = manifest_roles_held(t.manifest, ask.today);
    VAULT_TRY(policy_lint(&found, s->mem, t.manifest->policy, &ask, &rq->err));
    VAULT_TRY(policy_rules(&rules, s->mem, t.manifest->policy, &rq->err));
    out->findings = arena_array(rq->mem, found.count + 1, sizeof *out->findings);
    out->rules = arena_array(rq->mem, rules.count + 1, sizeof *out->rules);
    if (!out->findings || !out->rules) return no_room(&rq->err);
    for (size_t i = 0; i < found.count; i++)
        if (!(out->findings[out->n_findings++] = tell_finding(rq->mem, &found.at[i]))) return no_room(&rq->err);
    for (size_t i = 0; i < rules.count; i++)
        if (!(out->rules[out->n_rules++] = arena_text(rq->mem, bytes_of_text(rules.ids[i])))) return no_room(&rq->err);
    return VAULT_OK;
}

static vault_code lint_one(session *s, call *c)
{
    request *rq = c->rq;
    Vault__V1__LintResponse *out = MESSAGE(rq->mem, Vault__V1__LintResponse, vault__v1__lint_response__init);
    if (!out) return no_room(&rq->err);
    (void)lint(out, s, rq);
    VAULT_TRY(write_line(s, c, "lint"));
    rq->out = &out->base;
    return VAULT_OK;
}

void policies_lint(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)lint_one(s, calls[i]);
}

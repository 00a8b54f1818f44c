/* Policies.Explain: what the policy says to facts, to a line of the log, or to a call that waits for leave, and why. An
 * app may ask about calls of its own, and hears nothing of residents; so nothing is read of any. */
#include "vault/service/asked_facts.h"
#include "vault/service/explain.h"
#include "vault/service/past_facts.h"
#include "vault/service/trials.h"

#include "vault/base/clock.h"

#include <string.h>

/* What is explained: facts by the names of a manifest. */
typedef struct question {
    trial trial;
    asked_facts asked;
    policy_explanation why;
    const char *about; /* for the line */
} question;

static void question_clear(question *q)
{
    trial_clear(&q->trial);
}

/* ---- facts ---- */

/* Of an app: calls of its own, by persons of its department, under what is in force. */
static vault_code check_app(const call *c, const Vault__V1__ExplainRequest *in, vault_error *err)
{
    const Vault__V1__Facts *facts = in->what_case == VAULT__V1__EXPLAIN_REQUEST__WHAT_FACTS ? in->facts : NULL;
    if (c->caller->role != ROLE_APP) return VAULT_OK;
    bool own = facts && (!facts->consumer[0] || strcmp(facts->consumer, c->caller->id) == 0);
    return own && !facts->resident && in->n_drafts == 0 ? VAULT_OK : vault_refuse(err, VAULT_DENIED, "role", "");
}

static vault_code explain_facts(question *q, session *s, const call *c, const Vault__V1__ExplainRequest *in,
                                vault_error *err)
{
    const bool app = c->caller->role == ROLE_APP;
    q->about = "facts";
    VAULT_TRY(trial_drafts(&q->trial, s, in->drafts, in->n_drafts, err));
    const manifest *m = q->trial.manifest;
    const facts_asked by = {
        .mem = c->rq->mem, .manifest = m, .policy = m->policy, .department = app ? c->caller->department : NULL};
    Vault__V1__Facts facts = *in->facts;
    if (app) facts.consumer = lent(c->caller->id);
    VAULT_TRY(asked_facts_read(&q->asked, &by, &facts, err));
    q->why = policy_explain(m->policy, &q->asked.facts, q->asked.about ? &q->asked.of : NULL);
    return VAULT_OK;
}

/* ---- a line ---- */

static vault_code read_line(opened_line *out, session *s, arena *mem, uint64_t index, vault_error *err)
{
    const line_query q = {.from = (int64_t)index, .limit = 1};
    line_page page;
    if (index > INT64_MAX) return refuse_at(err, "OUT_OF_RANGE", "line", -1);
    VAULT_TRY(ledger_query(s->scribe, s->store, mem, &q, &page, err));
    if (page.count == 0 || page.lines[0].index != (int64_t)index)
        return vault_refuse(err, VAULT_NOT_FOUND, "LINE_UNKNOWN", "line");
    *out = page.lines[0];
    return out->consistent ? VAULT_OK : vault_fail(err, VAULT_INTEGRITY, "line %lld was edited", (long long)index);
}

static policy_explanation allowed_by(const policy *p, const policy_facts *facts, const char *rule)
{
    const admission a = policy_admit(p, facts);
    policy_explanation out = {.allowed = true, .rule = a.count > 0 ? a.rules[0] : NO_RULE};
    for (unsigned i = 0; rule && i < policy_rule_count(p); i++)
        if (strcmp(policy_rule_id(p, i), rule) == 0) out.rule = (uint16_t)i;
    return out;
}

/* By the documents that the line was decided by; or by drafts, and then what depends on what the log does not hold is
 * the clause that it depends on. */
static vault_code explain_past(question *q, arena *mem, const opened_line *from, bool anew, vault_error *err)
{
    const policy *p = q->trial.manifest->policy;
    static const policy_resident unknown;
    past_facts *past = arena_alloc(mem, sizeof *past);
    if (!past) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a line");
    if (!past_facts_of(past, q->trial.manifest, from))
        return vault_refuse(err, VAULT_PRECONDITION, "NOT_A_DECISION", "line");
    q->asked = (asked_facts){.facts = past->facts,
                             .about = past->about,
                             .of = {.area = past->area},
                             .person = from->said.person ? manifest_person(q->trial.manifest, from->said.person) : NULL,
                             .time_us = from->time_us};
    policy_clause clause = past->granted ? CLAUSE_NONE : clause_named(past->clause);
    if (anew && past_decide(p, past, &unknown, &clause) == PAST_ALLOWED) clause = CLAUSE_NONE;
    q->why = clause == CLAUSE_NONE ? allowed_by(p, &past->facts, past->granted && !anew ? from->said.rule : NULL)
                                   : explain_clause(p, &past->facts, clause);
    return VAULT_OK;
}

static vault_code explain_line(question *q, session *s, const call *c, const Vault__V1__ExplainRequest *in,
                               vault_error *err)
{
    opened_line from;
    if (c->caller->role != ROLE_OFFICER) return vault_refuse(err, VAULT_DENIED, "role", "");
    q->about = arena_format(s->mem, "line=%llu", (unsigned long long)in->line);
    VAULT_TRY(read_line(&from, s, c->rq->mem, in->line, err));
    bool anew = in->n_drafts > 0;
    VAULT_TRY(anew ? trial_drafts(&q->trial, s, in->drafts, in->n_drafts, err)
                   : trial_version(&q->trial, s, from.said.control_version, err));
    return explain_past(q, c->rq->mem, &from, anew, err);
}

/* ---- a call that waits ---- */

/* What it would be as a line, if it came now. */
static vault_code as_line(opened_line *out, session *s, const call *c, const approval *of, vault_error *err)
{
    document_text content;
    access_ask asked;
    size_t count;
    const method *all = service_methods(&count);
    VAULT_TRY(control_proposed(&content, s->service->control, s->store, c->rq->mem, of, err));
    VAULT_TRY(access_read(&asked, c->rq->mem, content.content, err));
    *out = (opened_line){.time_us = service_now_us(s->service)};
    out->said = (line_facts){.outcome = LINE_GRANTED,
                             .app = of->proposer,
                             .person = asked.person[0] ? asked.person : NULL,
                             .purpose = asked.purpose,
                             .ticket = of->ticket,
                             .fields = asked.fields,
                             .form = asked.form,
                             .approval = approval_complete(s->manifest, of) ? of->name : NULL,
                             .residents = asked.residents};
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].path, asked.method) == 0) out->said.action = (line_action)all[i].action;
    return VAULT_OK;
}

static vault_code explain_pending(question *q, session *s, const call *c, const Vault__V1__ExplainRequest *in,
                                  vault_error *err)
{
    opened_line from;
    const approval *of = manifest_approval(s->manifest, in->approval);
    q->about = "approval";
    if (!of || of->document != DOC_ACCESS || of->expires_us <= service_now_us(s->service))
        return vault_refuse(err, VAULT_NOT_FOUND, "APPROVAL_UNKNOWN", "approval");
    VAULT_TRY(as_line(&from, s, c, of, err));
    VAULT_TRY(trial_drafts(&q->trial, s, in->drafts, in->n_drafts, err));
    VAULT_TRY(explain_past(q, c->rq->mem, &from, false, err));
    q->asked.about = false;
    q->why = policy_explain(q->trial.manifest->policy, &q->asked.facts, NULL);
    return VAULT_OK;
}

/* ---- the answer ---- */

static vault_code find_out(question *q, session *s, const call *c, vault_error *err)
{
    const Vault__V1__ExplainRequest *in = (const void *)c->rq->in;
    VAULT_TRY(check_app(c, in, err));
    switch (in->what_case) {
    case VAULT__V1__EXPLAIN_REQUEST__WHAT_FACTS:
        return explain_facts(q, s, c, in, err);
    case VAULT__V1__EXPLAIN_REQUEST__WHAT_LINE:
        return explain_line(q, s, c, in, err);
    case VAULT__V1__EXPLAIN_REQUEST__WHAT_APPROVAL:
        return explain_pending(q, s, c, in, err);
    default:
        return refuse_at(err, "REQUIRED", "what", -1);
    }
}

static vault_code answer(Vault__V1__ExplainResponse **out, request *rq, const question *q)
{
    const manifest *m = q->trial.manifest;
    const facts_asked by = {.mem = rq->mem, .manifest = m, .policy = m->policy};
    const explained what = {.manifest = m, .policy = m->policy, .facts = &q->asked.facts, .explanation = &q->why};
    Vault__V1__ExplainResponse *to = MESSAGE(rq->mem, Vault__V1__ExplainResponse, vault__v1__explain_response__init);
    if (!to || !(to->facts = asked_facts_tell(&by, &q->asked)))
        return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an explanation");
    to->control_version = (uint64_t)m->version;
    *out = to;
    return explanation_message(&to->explanation, rq->mem, &what, &rq->err);
}

/* The names in it are of a manifest that may be gone when it is packed. */
static vault_code keep(request *rq, const Vault__V1__ExplainResponse *from)
{
    ProtobufCAllocator mem = arena_allocator(rq->mem);
    size_t len = vault__v1__explain_response__get_packed_size(from);
    uint8_t *packed = arena_alloc(rq->mem, len + 1);
    if (packed) (void)vault__v1__explain_response__pack(from, packed);
    Vault__V1__ExplainResponse *own = packed ? vault__v1__explain_response__unpack(&mem, len, packed) : NULL;
    if (!own) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an explanation");
    rq->out = &own->base;
    return VAULT_OK;
}

static vault_code explain_one(session *s, call *c)
{
    VAULT_CLEANUP(question_clear) question q = {0};
    Vault__V1__ExplainResponse *out = NULL;
    if (find_out(&q, s, c, &c->rq->err) == VAULT_OK) (void)answer(&out, c->rq, &q);
    const line_facts facts = {.fields = arena_format(s->mem, "explain %s", q.about ? q.about : "")};
    VAULT_TRY(write_call_line(s, c, &facts));
    return keep(c->rq, out);
}

void policies_explain(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)explain_one(s, calls[i]);
}

/* Break-glass (Emergencies): opened by an app for its acting person where a rule allows it, used by calls that name it,
 * reviewed by an officer. The gate asks about each such call, and about every assertion whose person owes a review. */
#include "vault/service/emergencies.h"
#include "vault/service/change.h"

#include "vault/base/log.h"
#include "vault/store/notices.h"

#include <string.h>

enum { REASON_LEAST = 10, REASON_MOST = 400 };

/* ---- the gate's questions ---- */

/* Values of few residents, at once: nothing that outlasts it (a voucher, a handover), writes, or takes whole records
 * away. */
static bool may_be_under_glass(line_action action)
{
    return action == LINE_REVEAL || action == LINE_SEARCH || action == LINE_ISSUE || action == LINE_TEST ||
           action == LINE_RESTORE;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Whoever names one that is not open for just this app, person and purpose learns nothing of it. */
vault_code emergency_admit(session *s, call *c, vault_error *err)
{
    const char *name = c->context->emergency;
    if (!name[0]) return VAULT_OK;
    const emergency *e = manifest_emergency(s->manifest, name);
    bool holds = e && c->person && may_be_under_glass(c->action) && emergency_open(e, c->now_us) &&
                 same(e->consumer, c->caller->id) && same(e->person, c->person->id) && same(e->purpose, c->purpose->id);
    if (!holds) return refuse_clause(err, CLAUSE_BREAK_GLASS);
    c->emergency = e;
    return VAULT_OK;
}

vault_code emergency_check_person(const session *s, const call *c, const char *who, vault_error *err)
{
    if (!manifest_overdue(s->manifest, who, c->now_us)) return VAULT_OK;
    return vault_refuse(err, VAULT_UNAUTHENTICATED, "REVIEW_OVERDUE", "");
}

/* ---- as it is shown ---- */

static Vault__V1__Emergency *answer_emergency(arena *mem, const emergency *from, int64_t now_us)
{
    Vault__V1__Emergency *out = MESSAGE(mem, Vault__V1__Emergency, vault__v1__emergency__init);
    if (!out) return NULL;
    out->name = arena_text(mem, bytes_of_text(from->name));
    out->consumer = arena_text(mem, bytes_of_text(from->consumer));
    out->person = arena_text(mem, bytes_of_text(from->person));
    out->purpose = arena_text(mem, bytes_of_text(from->purpose));
    out->rule = arena_text(mem, bytes_of_text(from->rule));
    out->reason = arena_text(mem, bytes_of_text(from->reason));
    out->reviewer = arena_text(mem, bytes_of_text(from->reviewer));
    out->open_time = timestamp_of(mem, from->opened_us);
    out->end_time = timestamp_of(mem, from->ends_us);
    out->review_due_time = timestamp_of(mem, from->due_us);
    out->residents = from->residents;
    out->state = lent(emergency_state(from, now_us));
    if (from->reviewed_us) out->review_time = timestamp_of(mem, from->reviewed_us);
    bool whole = out->name && out->consumer && out->person && out->purpose && out->rule && out->reason &&
                 out->reviewer && out->open_time && out->end_time && out->review_due_time &&
                 !from->reviewed_us == !out->review_time;
    return whole ? out : NULL;
}

static vault_code no_room(request *rq)
{
    return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
}

/* ---- open ---- */

static void narrow(unsigned *to, unsigned other)
{
    if (*to == 0 || other < *to) *to = other;
}

/* Does the rule allow anything of the call at hand: one of its fields, or, where it has none, the action itself? */
static bool rule_helps(const session *s, const call *c, unsigned rule, const policy_scope *scope)
{
    for (unsigned n = 0; n < POLICY_FIELDS_MAX; n++) {
        field_set fields = {0};
        if (n > 0 && !field_set_has(scope->fields, n)) continue;
        if (n > 0) field_set_add(&fields, n);
        policy_facts facts = call_asks(c, scope->action, scope->form, fields);
        facts.break_glass = true;
        const admission a = policy_admit(s->manifest->policy, &facts);
        for (unsigned i = 0; a.failed == CLAUSE_NONE && i < a.count; i++)
            if (a.rules[i] == rule) return true;
    }
    return false;
}

/* Of all rules that help, the least of what each allows: with the opened one all of them may be used. False: there is
 * none. */
static bool find_rule(glass_opening *out, const session *s, const call *c)
{
    const policy *p = s->manifest->policy;
    for (unsigned rule = 0; rule < policy_rule_count(p); rule++) {
        const policy_scope scope = policy_rule_scope(p, rule);
        if (scope.purpose.no != c->purpose->no.no || scope.consumer.no != c->caller->consumer.no) continue;
        const policy_terms terms = policy_rule_terms(p, rule);
        if (terms.break_glass.hours == 0 || !rule_helps(s, c, rule, &scope)) continue;
        if (!out->rule) out->rule = policy_rule_id(p, rule);
        narrow(&out->hours, terms.break_glass.hours);
        narrow(&out->residents, terms.break_glass.residents);
        narrow(&out->review_hours, terms.break_glass.review_hours);
    }
    return out->rule != NULL;
}

static vault_code read_opening(glass_opening *out, session *s, call *c)
{
    const Vault__V1__OpenEmergencyRequest *in = (const void *)c->rq->in;
    vault_error *err = &c->rq->err;
    if (!plain_text(in->reason, REASON_LEAST, REASON_MOST)) return refuse_at(err, "BAD_REASON", "reason", -1);
    if (!c->person) return refuse_clause(err, CLAUSE_ACTING);
    *out = (glass_opening){.person = c->person->id, .purpose = c->purpose->id, .reason = in->reason};
    return find_rule(out, s, c) ? VAULT_OK : refuse_clause(err, CLAUSE_BREAK_GLASS);
}

/* In the transaction of the change: the officers are told at once, or nothing was opened. */
static vault_code write_notice(void *context, store *with, vault_error *err)
{
    const change_record *done = context;
    const notice_row row = {.kind = NOTICE_EMERGENCY, .subject = done->emergency, .created_us = done->time_us};
    return store_notice_insert(with, &row, err);
}

static vault_code answer_open(call *c, const change *what, const change_record *done)
{
    const glass_opening *o = what->opening;
    const int64_t hour_us = INT64_C(3600) * 1000000;
    emergency made = {.consumer = c->caller->id,
                      .person = o->person,
                      .purpose = o->purpose,
                      .rule = o->rule,
                      .reason = o->reason,
                      .opened_us = what->now_us,
                      .ends_us = what->now_us + (int64_t)o->hours * hour_us,
                      .due_us = what->now_us + (int64_t)o->review_hours * hour_us,
                      .residents = o->residents,
                      .reviewer = ""};
    memcpy(made.name, done->emergency, EMERGENCY_NAME_LEN + 1);
    Vault__V1__OpenEmergencyResponse *out =
        MESSAGE(c->rq->mem, Vault__V1__OpenEmergencyResponse, vault__v1__open_emergency_response__init);
    if (!out || !(out->emergency = answer_emergency(c->rq->mem, &made, what->now_us))) return no_room(c->rq);
    c->rq->out = &out->base;
    return VAULT_OK;
}

static vault_code open_one(session *s, call *c)
{
    glass_opening wanted;
    change_record done;
    change what = {.kind = CHANGE_OPEN, .opening = &wanted, .write = write_notice, .context = &done};
    if (read_opening(&wanted, s, c) != VAULT_OK) return change_refuse(s, c, &what);
    VAULT_TRY(change_run(s, c, &what, &done));
    log_event(LOG_WARN, "emergency.opened", "%s by app %s", done.emergency, c->caller->id);
    return answer_open(c, &what, &done);
}

void emergencies_open(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)open_one(s, calls[i]);
}

/* ---- list ---- */

static vault_code answer_list(const session *s, const call *c)
{
    request *rq = c->rq;
    const emergency *all;
    const Vault__V1__ListEmergenciesRequest *in = (const void *)rq->in;
    size_t count = manifest_emergencies(s->manifest, &all);
    Vault__V1__ListEmergenciesResponse *out =
        MESSAGE(rq->mem, Vault__V1__ListEmergenciesResponse, vault__v1__list_emergencies_response__init);
    Vault__V1__Emergency **list = arena_array(rq->mem, count + 1, sizeof *list);
    if (!out || !list) return no_room(rq);
    out->emergencies = list;
    for (size_t i = count; i-- > 0;) {
        if (in->waiting && all[i].reviewed_us) continue;
        if (!(list[out->n_emergencies++] = answer_emergency(rq->mem, &all[i], c->now_us))) return no_room(rq);
    }
    rq->out = &out->base;
    return VAULT_OK;
}

void emergencies_list(session *s, call **calls, size_t count)
{
    const line_facts facts = {.fields = "emergencies"};
    for (size_t i = 0; i < count && !s->moved; i++)
        if (write_call_line(s, calls[i], &facts) == VAULT_OK) (void)answer_list(s, calls[i]);
}

/* ---- review ---- */

static vault_code read_review(change *what, const Vault__V1__ReviewEmergencyRequest *in, vault_error *err)
{
    if (!in->name[0]) return refuse_at(err, "REQUIRED", "name", -1);
    if (!plain_text(in->note, 1, REASON_MOST)) return refuse_at(err, "BAD_NOTE", "note", -1);
    what->note = in->note;
    return VAULT_OK;
}

static vault_code answer_review(session *s, call *c, const change *what, const change_record *done)
{
    request *rq = c->rq;
    emergency of = *manifest_emergency(s->manifest, what->emergency); /* as it was before */
    of.reviewer = c->caller->id;
    of.reviewed_us = what->now_us;
    of.justified = what->justified;
    Vault__V1__ReviewEmergencyResponse *out =
        MESSAGE(rq->mem, Vault__V1__ReviewEmergencyResponse, vault__v1__review_emergency_response__init);
    if (!out || !(out->emergency = answer_emergency(rq->mem, &of, c->now_us))) return no_room(rq);
    if (done->document[0] && !(out->change = change_message(rq->mem, done))) return no_room(rq);
    rq->out = &out->base;
    return VAULT_OK;
}

static vault_code review(session *s, call *c)
{
    const Vault__V1__ReviewEmergencyRequest *in = (const void *)c->rq->in;
    change what = {.kind = CHANGE_REVIEW, .emergency = in->name, .justified = in->justified};
    change_record done;
    if (read_review(&what, in, &c->rq->err) != VAULT_OK) return change_refuse(s, c, &what);
    VAULT_TRY(change_run(s, c, &what, &done));
    return answer_review(s, c, &what, &done);
}

void emergencies_review(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)review(s, calls[i]);
}

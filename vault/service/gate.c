/* The gate: identity from the certificate, role from the method table, purpose from the register, the acting person
 * from an assertion that is used once. Nothing behind it asks again. A refusal of a known caller is a line like any
 * other. */
#include "vault/service/emergencies.h"
#include "vault/service/explain.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <string.h>

enum { TICKET_MOST = 128 }; /* bytes: the line takes no longer text */

static bool is_control(bytes c)
{
    return c.len == 1 ? c.at[0] < 0x20 || c.at[0] == 0x7f : c.len == 2 && c.at[0] == 0xc2 && c.at[1] < 0xa0;
}

bool plain_text(const char *text, size_t least, size_t most)
{
    bytes rest = bytes_of_text(text);
    if (rest.len < least || rest.len > most) return false;
    while (rest.len > 0) {
        size_t step = utf8_sequence(rest);
        if (step == 0 || is_control(bytes_of(rest.at, step))) return false;
        rest = bytes_of(rest.at + step, rest.len - step);
    }
    return true;
}

bool is_name_in(const char *text, const char *prefix)
{
    enum { DIGITS = 32 };
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 && strlen(text) == len + DIGITS &&
           strspn(text + len, "0123456789abcdef") == DIGITS;
}

static bool good_request_id(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strlen(text);
    return len >= 1 && len <= 64 && strspn(text, allowed) == len;
}

/* Exactly one of the certificate's URIs must be a registered principal. */
static vault_code identify(session *s, call *c, vault_error *err)
{
    for (const char *const *uri = c->rq->uris; *uri; uri++) {
        const principal *found = manifest_principal(s->manifest, *uri);
        if (found && c->caller) return vault_refuse(err, VAULT_UNAUTHENTICATED, "PRINCIPAL_AMBIGUOUS", "");
        if (found) c->caller = found;
    }
    return c->caller ? VAULT_OK : vault_refuse(err, VAULT_UNAUTHENTICATED, "PRINCIPAL_UNKNOWN", "");
}

/* The certificate itself must be the principal's: one that the authority made for the same URI opens nothing. */
static vault_code check_certificate(const call *c, vault_error *err)
{
    const certificate *shown = principal_certificate(c->caller, &c->rq->certificate);
    if (!shown) return vault_refuse(err, VAULT_UNAUTHENTICATED, "CERTIFICATE_UNKNOWN", "");
    return shown->revoked ? vault_refuse(err, VAULT_UNAUTHENTICATED, "CERTIFICATE_REVOKED", "") : VAULT_OK;
}

/* The context of the call: a later message of a stream, or its end, has that of the first one. */
static const Vault__V1__RequestContext *context_of(const request *rq)
{
    if (rq->state) return ((const stream_state *)rq->state)->context;
    if (!rq->in) return NULL;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(rq->in->descriptor, "context");
    return *(Vault__V1__RequestContext *const *)(const void *)((const char *)rq->in + field->offset);
}

vault_code gate_check_context(const Vault__V1__RequestContext *context, vault_error *err)
{
    if (!context) return refuse_at(err, "REQUIRED", "context", -1);
    if (!context->purpose[0]) return refuse_at(err, "REQUIRED", "context.purpose", -1);
    if (!plain_text(context->ticket, 1, TICKET_MOST)) return refuse_at(err, "BAD_TICKET", "context.ticket", -1);
    if (!good_request_id(context->request_id)) return refuse_at(err, "BAD_REQUEST_ID", "context.request_id", -1);
    if (context->approval[0] && !is_name_in(context->approval, "approvals/"))
        return refuse_at(err, "BAD_APPROVAL", "context.approval", -1);
    if (context->emergency[0] && !is_name_in(context->emergency, "emergencies/"))
        return refuse_at(err, "BAD_EMERGENCY", "context.emergency", -1);
    return VAULT_OK;
}

/* A context that is no good is not kept: no line is made of it. The purpose is looked up at once: a refusal's line
 * names it, whatever it was refused for. */
static vault_code read_context(session *s, call *c, vault_error *err)
{
    const Vault__V1__RequestContext *context = context_of(c->rq);
    VAULT_TRY(gate_check_context(context, err));
    c->context = context;
    c->purpose = manifest_purpose(s->manifest, bytes_of_text(context->purpose));
    return VAULT_OK;
}

vault_code stream_begin(stream_state *out, const call *c, vault_error *err)
{
    arena *mem = c->rq->kept;
    const Vault__V1__RequestContext *from = c->context;
    Vault__V1__RequestContext *kept = MESSAGE(mem, Vault__V1__RequestContext, vault__v1__request_context__init);
    if (!kept) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a stream");
    kept->purpose = arena_text(mem, bytes_of_text(from->purpose));
    kept->ticket = arena_text(mem, bytes_of_text(from->ticket));
    kept->request_id = arena_text(mem, bytes_of_text(from->request_id));
    kept->assertion = arena_text(mem, bytes_of_text(from->assertion));
    kept->emergency = arena_text(mem, bytes_of_text(from->emergency));
    if (!kept->purpose || !kept->ticket || !kept->request_id || !kept->assertion || !kept->emergency)
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for a stream");
    *out = (stream_state){.context = kept, .begun_us = c->now_us};
    return VAULT_OK;
}

/* An assertion that does not hold is a failure to authenticate the person, whatever it fails on. With every message of
 * a stream it is looked at again, as of the stream's beginning: key or person may have been revoked meanwhile. */
static vault_code read_assertion(session *s, call *c, assertion *out, vault_error *err)
{
    if (!c->context->assertion[0]) return VAULT_OK;
    const stream_state *stream = c->rq->state;
    const assertion_claims claims = {
        .app = c->caller, .purpose = c->purpose->id, .now_us = stream ? stream->begun_us : c->now_us};
    vault_error why = {0};
    vault_code code = assertion_verify(out, s->manifest, c->context->assertion, &claims, &why);
    if (code == VAULT_INTERNAL) return *err = why, code;
    if (code != VAULT_OK)
        return vault_refuse(err, VAULT_UNAUTHENTICATED, why.reason ? why.reason : "ASSERTION_MALFORMED", "");
    c->person = out->person;
    return emergency_check_person(s, c, out->person->id, err);
}

static vault_code admit_one(session *s, const method *m, call *c, assertion *said)
{
    vault_error *err = &c->rq->err;
    vault_error poor = {0};
    VAULT_TRY(identify(s, c, err));
    vault_code code = read_context(s, c, &poor);
    VAULT_TRY(
        check_certificate(c, err)); /* goes before a poor context, and has its line where the context allows one */
    if (code != VAULT_OK) return *err = poor, code;
    if (!(m->roles & (unsigned)c->caller->role)) return vault_refuse(err, VAULT_DENIED, "role", "");
    if (!c->purpose) return refuse_clause(err, CLAUSE_PURPOSE);
    VAULT_TRY(read_assertion(s, c, said, err));
    VAULT_TRY(emergency_admit(s, c, err));
    return access_admit(s, m, c, err);
}

/* Uses up the assertions of all calls in one statement. */
static vault_code use_assertions(session *s, call **calls, assertion *said, size_t count, vault_error *err)
{
    digest *ids = arena_array(s->mem, count + 1, sizeof *ids);
    int64_t *expires = arena_array(s->mem, count + 1, sizeof *expires);
    bool *fresh = arena_array(s->mem, count + 1, sizeof *fresh);
    call **owners = arena_array(s->mem, count + 1, sizeof *owners);
    size_t n = 0;
    if (!ids || !expires || !fresh || !owners) return vault_fail(err, VAULT_EXHAUSTED, "no memory for assertions");
    for (size_t i = 0; i < count; i++) {
        if (calls[i]->rq->err.code != VAULT_OK || !calls[i]->person || calls[i]->rq->asserted) continue;
        ids[n] = said[i].id;
        expires[n] = said[i].expires_us;
        owners[n++] = calls[i];
    }
    if (n == 0) return VAULT_OK;
    VAULT_TRY(store_assertions_use(s->store, ids, expires, n, fresh, err));
    for (size_t i = 0; i < n; i++) {
        owners[i]->rq->asserted = fresh[i];
        if (!fresh[i]) (void)vault_refuse(&owners[i]->rq->err, VAULT_UNAUTHENTICATED, "ASSERTION_REPLAYED", "");
    }
    return VAULT_OK;
}

line_facts call_facts(const session *s, const call *c, line_outcome outcome)
{
    return (line_facts){.action = c->action,
                        .outcome = outcome,
                        .app = c->caller->id,
                        .department = c->caller->department,
                        .person = c->person ? c->person->id : NULL,
                        .purpose = c->purpose ? c->purpose->id : NULL,
                        .basis = c->purpose ? c->purpose->basis : NULL,
                        .ticket = c->context->ticket,
                        .request = c->context->request_id,
                        .approval = c->approval ? c->approval->name : NULL,
                        .emergency = c->context->emergency[0] ? c->context->emergency : NULL,
                        .fields = c->fields,
                        .groups = c->groups,
                        .residents = c->residents > 1 ? c->residents : 0,
                        .control_version = (uint64_t)s->manifest->version,
                        .refers_to = -1};
}

vault_code append_alone(session *s, line *lines, size_t count, vault_error *err)
{
    const line_batch batch = {
        .control_version = s->manifest->version, .control_stamp = s->control_stamp, .lines = lines, .count = count};
    appended out;
    vault_code code = ledger_append(s->service->ledger, s->store, s->mem, &batch, &out, err);
    if (code == VAULT_OK) s->confirmed = true;
    if (code == VAULT_CONFLICT)
        s->moved = true; /* all runs again */
    else
        service_note(s->service, code, err);
    return code;
}

vault_code make_call_line(line *out, session *s, const call *c, const line_facts *facts, vault_error *err)
{
    const vault_error *how = &c->rq->err;
    bool failed = how->code == VAULT_INTEGRITY || how->code == VAULT_INTERNAL;
    line_facts all = call_facts(s, c, how->code == VAULT_OK ? LINE_GRANTED : failed ? LINE_FAILED : LINE_REFUSED);
    if (facts->action) all.action = facts->action;
    all.resident = facts->resident;
    all.fields = facts->fields;
    all.leak = facts->leak;
    all.change = facts->change;
    all.document = facts->document;
    if (facts->approval) all.approval = facts->approval;
    if (facts->emergency) all.emergency = facts->emergency;
    all.before = facts->before;
    all.after = facts->after;
    all.ring = facts->ring;
    all.ring_version = facts->ring_version;
    all.suite = facts->suite;
    if (how->code != VAULT_OK) all.clause = how->reason ? how->reason : vault_code_name(how->code);
    return line_make(out, s->scribe, s->mem, &all, NULL, err);
}

vault_code write_call_line(session *s, call *c, const line_facts *facts)
{
    line one;
    vault_error err = {0};
    vault_code code = make_call_line(&one, s, c, facts, &err);
    if (code == VAULT_OK) code = append_alone(s, &one, 1, &err);
    if (code != VAULT_OK) c->rq->err = err; /* what cannot be written down is not answered */
    return c->rq->err.code;
}

/* Lines for known callers whom the gate refused. A refusal that cannot be written down is answered as UNAVAILABLE. */
static vault_code write_refusals(session *s, call **calls, size_t count, vault_error *err)
{
    line *lines = arena_array(s->mem, count + 1, sizeof *lines);
    size_t n = 0;
    if (!lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for refusals");
    for (size_t i = 0; i < count; i++) {
        const vault_error *why = &calls[i]->rq->err;
        bool impostor = why->code == VAULT_UNAUTHENTICATED && calls[i]->context;
        if (why->code != VAULT_DENIED && !impostor) continue;
        line_facts facts = call_facts(s, calls[i], LINE_REFUSED);
        facts.clause = why->reason;
        VAULT_TRY(line_make(&lines[n++], s->scribe, s->mem, &facts, NULL, err));
    }
    return n ? append_alone(s, lines, n, err) : VAULT_OK;
}

static void fail_all(call **calls, size_t count, const vault_error *err)
{
    for (size_t i = 0; i < count; i++) calls[i]->rq->err = *err;
}

size_t gate_admit(session *s, const method *m, request **requests, size_t count, call **calls)
{
    vault_error err = {0};
    call *all = arena_array(s->mem, count, sizeof *all);
    assertion *said = arena_array(s->mem, count, sizeof *said);
    int64_t now_us = service_now_us(s->service);
    if (!all || !said) {
        (void)vault_fail(&err, VAULT_EXHAUSTED, "no memory for %zu calls", count);
        for (size_t i = 0; i < count; i++) requests[i]->err = err;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        all[i] = (call){.rq = requests[i],
                        .action = (line_action)m->action,
                        .now_us = now_us,
                        .residents = request_residents(m, requests[i])};
        calls[i] = &all[i];
        if (admit_one(s, m, &all[i], &said[i]) == VAULT_UNAUTHENTICATED && !all[i].context)
            log_failure(LOG_WARN, "gate.unknown", &requests[i]->err);
    }
    if (use_assertions(s, calls, said, count, &err) != VAULT_OK || write_refusals(s, calls, count, &err) != VAULT_OK) {
        fail_all(calls, count, &err);
        return 0;
    }
    size_t on = 0;
    for (size_t i = 0; i < count; i++) {
        explain_refusal(s, calls[i], NULL, &calls[i]->rq->err);
        if (calls[i]->rq->err.code == VAULT_OK) calls[on++] = calls[i];
    }
    return on;
}

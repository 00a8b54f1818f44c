/* Approvals: what one proposes and another consents to. */
#include "vault/service/change.h"

#include <stdio.h>
#include <string.h>

enum { LIFETIME_DEFAULT_S = 604800 };

/* ---- what is told of a proposal ---- */

/* `also`: who has just approved, or NULL. */
static vault_code fill_approvers(Vault__V1__Approval *out, arena *mem, const approval *from, const char *also)
{
    out->approved_by = arena_array(mem, from->approved_count + 1, sizeof *out->approved_by);
    if (!out->approved_by) return VAULT_EXHAUSTED;
    for (unsigned i = 0; i < from->approved_count; i++)
        out->approved_by[out->n_approved_by++] = arena_text(mem, bytes_of_text(from->approved_by[i]));
    if (also) out->approved_by[out->n_approved_by++] = arena_text(mem, bytes_of_text(also));
    for (size_t i = 0; i < out->n_approved_by; i++)
        if (!out->approved_by[i]) return VAULT_EXHAUSTED;
    return VAULT_OK;
}

typedef struct told {
    const char *state; /* "pending" */
    const char *also;  /* who has just approved, or NULL */
    unsigned needed;
} told;

/* An operation, or a call, that all have approved waits for who proposed it. */
static const char *state_of(const approval *from, const told *how)
{
    bool waits = strcmp(how->state, "pending") == 0 && from->document > DOCUMENTS;
    return waits && from->approved_count + (how->also ? 1 : 0) >= how->needed ? "approved" : how->state;
}

static Vault__V1__Approval *answer_approval(arena *mem, const approval *from, const told *how)
{
    Vault__V1__Approval *out = MESSAGE(mem, Vault__V1__Approval, vault__v1__approval__init);
    if (!out) return NULL;
    out->name = arena_text(mem, bytes_of_text(from->name));
    out->document = lent(document_name(from->document));
    out->digest = hex_of(mem, &from->content);
    out->replaces = hex_of(mem, &from->base);
    out->proposer = arena_text(mem, bytes_of_text(from->proposer));
    out->ticket = arena_text(mem, bytes_of_text(from->ticket));
    out->create_time = timestamp_of(mem, from->created_us);
    out->expire_time = timestamp_of(mem, from->expires_us);
    out->approvals_needed = how->needed;
    out->state = lent(state_of(from, how));
    bool whole = out->name && out->digest && out->replaces && out->proposer && out->ticket && out->create_time &&
                 out->expire_time && fill_approvers(out, mem, from, how->also) == VAULT_OK;
    return whole ? out : NULL;
}

Vault__V1__Approval *approval_message(arena *mem, const approval *from, unsigned needed)
{
    return answer_approval(mem, from, &(told){.state = "pending", .needed = needed});
}

/* An expired one stands until the next change is made, and is not pending any more. */
static const approval *find_pending(const session *s, const char *name)
{
    const approval *a = manifest_approval(s->manifest, name);
    return a && a->expires_us > service_now_us(s->service) ? a : NULL;
}

static vault_code no_room(request *rq)
{
    return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an approval");
}

/* ---- propose ---- */

static vault_code read_proposal(change *what, const Vault__V1__ProposeRequest *in, vault_error *err)
{
    int64_t lifetime = in->lifetime_seconds ? in->lifetime_seconds : LIFETIME_DEFAULT_S;
    *what = (change){.kind = CHANGE_PROPOSE, .document = DOCUMENTS};
    if (!document_named(&what->document, in->document)) return refuse_at(err, "DOCUMENT_UNKNOWN", "document", -1);
    if (in->content.len > DOCUMENT_MAX) return refuse_at(err, "TOO_LARGE", "content", -1);
    if (!in->replaces[0]) return refuse_at(err, "REQUIRED", "replaces", -1);
    what->content = bytes_of(in->content.data, in->content.len);
    what->base = in->replaces;
    what->lifetime_us = lifetime * 1000000;
    return VAULT_OK;
}

static vault_code propose(session *s, call *c)
{
    request *rq = c->rq;
    change what;
    change_record done;
    if (read_proposal(&what, (const void *)rq->in, &rq->err) != VAULT_OK) return change_refuse(s, c, &what);
    VAULT_TRY(change_run(s, c, &what, &done));
    approval made = {.document = what.document,
                     .content = done.after,
                     .base = done.before,
                     .proposer = done.who,
                     .ticket = done.ticket,
                     .created_us = what.now_us,
                     .expires_us = what.now_us + what.lifetime_us};
    snprintf(made.name, sizeof made.name, "%s", done.approval);
    Vault__V1__ProposeResponse *out = MESSAGE(rq->mem, Vault__V1__ProposeResponse, vault__v1__propose_response__init);
    const told how = {.state = "pending", .needed = s->manifest->approvals};
    if (!out || !(out->approval = answer_approval(rq->mem, &made, &how))) return no_room(rq);
    rq->out = &out->base;
    return VAULT_OK;
}

void approvals_propose(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)propose(s, calls[i]);
}

/* ---- list and get ---- */

static vault_code answer_list(session *s, request *rq)
{
    const approval *all;
    size_t count = manifest_pending(s->manifest, &all);
    const told how = {.state = "pending", .needed = s->manifest->approvals};
    Vault__V1__ListApprovalsResponse *out =
        MESSAGE(rq->mem, Vault__V1__ListApprovalsResponse, vault__v1__list_approvals_response__init);
    Vault__V1__Approval **list = arena_array(rq->mem, count + 1, sizeof *list);
    if (!out || !list) return no_room(rq);
    out->approvals = list;
    int64_t now = service_now_us(s->service);
    for (size_t i = 0; i < count; i++) {
        if (all[i].expires_us <= now) continue;
        if (!(list[out->n_approvals++] = answer_approval(rq->mem, &all[i], &how))) return no_room(rq);
    }
    rq->out = &out->base;
    return VAULT_OK;
}

void approvals_list(session *s, call **calls, size_t count)
{
    const line_facts facts = {.fields = "approvals"};
    for (size_t i = 0; i < count && !s->moved; i++)
        if (write_call_line(s, calls[i], &facts) == VAULT_OK) (void)answer_list(s, calls[i]->rq);
}

typedef struct compared {
    const approval *of;
    document_text proposed, standing;
} compared;

static vault_code get_approval(session *s, request *rq, compared *out)
{
    const Vault__V1__GetApprovalRequest *in = (const void *)rq->in;
    control *c = s->service->control;
    if (!(out->of = find_pending(s, in->name)))
        return vault_refuse(&rq->err, VAULT_NOT_FOUND, "APPROVAL_UNKNOWN", "name");
    VAULT_TRY(control_proposed(&out->proposed, c, s->store, rq->mem, out->of, &rq->err));
    if (out->of->document > DOCUMENTS) return VAULT_OK; /* it takes nobody's place */
    return control_document(&out->standing, c, s->store, rq->mem, (document_at){out->of->document, 0}, &rq->err);
}

static vault_code answer_get(session *s, request *rq, const compared *from)
{
    Vault__V1__GetApprovalResponse *out =
        MESSAGE(rq->mem, Vault__V1__GetApprovalResponse, vault__v1__get_approval_response__init);
    const told how = {.state = "pending", .needed = s->manifest->approvals};
    if (!out || !(out->approval = answer_approval(rq->mem, from->of, &how))) return no_room(rq);
    const bytes proposed = from->proposed.content, standing = from->standing.content;
    out->content = (ProtobufCBinaryData){.len = proposed.len, .data = (uint8_t *)(uintptr_t)proposed.at};
    out->standing = (ProtobufCBinaryData){.len = standing.len, .data = (uint8_t *)(uintptr_t)standing.at};
    rq->out = &out->base;
    return VAULT_OK;
}

static vault_code get(session *s, call *c)
{
    compared both = {0};
    (void)get_approval(s, c->rq, &both);
    const line_facts facts = {.fields = "approval",
                              .document = both.of ? document_name(both.of->document) : NULL,
                              .approval = both.of ? both.of->name : NULL};
    VAULT_TRY(write_call_line(s, c, &facts));
    return answer_get(s, c->rq, &both);
}

void approvals_get(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)get(s, calls[i]);
}

/* ---- approve and reject ---- */

static vault_code approve(session *s, call *c)
{
    request *rq = c->rq;
    const Vault__V1__ApproveRequest *in = (const void *)rq->in;
    change what = {.kind = CHANGE_APPROVE, .approval = in->name, .digest = in->digest};
    change_record done;
    if (!in->digest[0]) {
        (void)refuse_at(&rq->err, "REQUIRED", "digest", -1);
        return change_refuse(s, c, &what);
    }
    VAULT_TRY(change_run(s, c, &what, &done));
    const told how = {.state = done.kind == CHANGE_ACTIVATE ? "activated" : "pending",
                      .also = c->caller->id,
                      .needed = s->manifest->approvals};
    Vault__V1__ApproveResponse *out = MESSAGE(rq->mem, Vault__V1__ApproveResponse, vault__v1__approve_response__init);
    if (!out || !(out->approval = answer_approval(rq->mem, manifest_approval(s->manifest, in->name), &how)))
        return no_room(rq);
    rq->out = &out->base;
    return VAULT_OK;
}

void approvals_approve(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)approve(s, calls[i]);
}

static vault_code reject(session *s, call *c)
{
    request *rq = c->rq;
    const Vault__V1__RejectRequest *in = (const void *)rq->in;
    change what = {.kind = CHANGE_REJECT, .approval = in->name};
    change_record done;
    VAULT_TRY(change_run(s, c, &what, &done));
    const told how = {.state = "rejected", .needed = s->manifest->approvals};
    Vault__V1__RejectResponse *out = MESSAGE(rq->mem, Vault__V1__RejectResponse, vault__v1__reject_response__init);
    if (!out || !(out->approval = answer_approval(rq->mem, manifest_approval(s->manifest, in->name), &how)))
        return no_room(rq);
    rq->out = &out->base;
    return VAULT_OK;
}

void approvals_reject(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)reject(s, calls[i]);
}

/* Proposals, and the consent of somebody else. */
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400, EXPIRES_MAX_DAYS = 30 };

/* ---- one approval, shown ---- */

static json_t *approval_json(arena *mem, const Vault__V1__Approval *a)
{
    json_t *by = json_array();
    for (size_t i = 0; i < a->n_approved_by; i++) json_array_append_new(by, json_string(a->approved_by[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:s}", "name", a->name, "document",
                     a->document, "digest", a->digest, "replaces", a->replaces, "proposer", a->proposer, "ticket",
                     a->ticket, "create_time", time_text(mem, a->create_time), "expire_time",
                     time_text(mem, a->expire_time), "approved_by", by, "approvals_needed", (int)a->approvals_needed,
                     "state", a->state);
}

static void print_approval(arena *mem, const Vault__V1__Approval *a)
{
    printf("%s  %s\n  document   %s\n  digest     %s\n", shown(mem, a->name), shown(mem, a->state),
           shown(mem, a->document), shown(mem, a->digest));
    if (*a->replaces) printf("  replaces   %s\n", shown(mem, a->replaces)); /* an operation replaces nothing */
    printf("  proposer   %s (%s)\n  made       %s\n  expires    %s\n  approved   %zu of %u", shown(mem, a->proposer),
           shown(mem, a->ticket), time_text(mem, a->create_time), time_text(mem, a->expire_time), a->n_approved_by,
           a->approvals_needed);
    for (size_t i = 0; i < a->n_approved_by; i++) printf("%s %s", i ? "," : ":", shown(mem, a->approved_by[i]));
    putchar('\n');
}

static void show_approval(const ctl *c, const Vault__V1__Approval *a)
{
    if (c->options[OPT_JSON])
        print_json(approval_json(c->mem, a));
    else
        print_approval(c->mem, a);
}

/* ---- propose ---- */

ctl_exit propose(ctl *c, const char *document, ProtobufCBinaryData content, const char *base)
{
    Vault__V1__ProposeRequest request = VAULT__V1__PROPOSE_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    int64_t days = option_number(c, OPT_EXPIRES, 7, EXPIRES_MAX_DAYS);
    if (days < 0) return usage_error(c, "--expires is not a number of days, 1 to %d", EXPIRES_MAX_DAYS);
    request.document = lent(document);
    request.content = content;
    request.replaces = lent(base);
    request.lifetime_seconds = (uint32_t)days * DAY_S;
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Approvals/Propose", &request.base, &vault__v1__propose_response__descriptor);
    if (end == CTL_OK) show_approval(c, ((const Vault__V1__ProposeResponse *)(const void *)x.reply)->approval);
    return end;
}

/* ---- one call ---- */

static ProtobufCBinaryData packed(arena *mem, const ProtobufCMessage *of)
{
    uint8_t *at = arena_alloc(mem, protobuf_c_message_get_packed_size(of) + 1);
    if (!at) abort();
    return (ProtobufCBinaryData){.len = protobuf_c_message_pack(of, at), .data = at};
}

/* The context goes with the question; what is approved is the request without it. */
ctl_exit ctl_ask_approval(ctl *c, exchange *of)
{
    Vault__V1__RequestAccessRequest request = VAULT__V1__REQUEST_ACCESS_REQUEST__INIT;
    Vault__V1__RequestContext **context = message_member(of->request, "context", NULL);
    VAULT_CLEANUP(exchange_clear)
    exchange x = {.method = "/vault.v1.Approvals/RequestAccess", .request = &request.base};
    x.type = &vault__v1__request_access_response__descriptor;
    request.context = *context;
    request.method = lent(of->method);
    *context = NULL;
    request.request = packed(c->mem, of->request);
    c->asking = true;
    ctl_exit end = ctl_exchange(c, &x);
    c->asking = false;
    x.request = NULL;
    if (end != CTL_OK) return end;
    show_approval(c, ((const Vault__V1__RequestAccessResponse *)(const void *)x.reply)->approval);
    return CTL_ASKED;
}

/* ---- list and show ---- */

static void show_list(const ctl *c, const Vault__V1__ListApprovalsResponse *reply)
{
    static const char *const heads[] = {"APPROVAL", "DOCUMENT", "PROPOSER", "EXPIRES", "APPROVED", "TICKET"};
    table t = table_of(c->mem, 6, heads);
    for (size_t i = 0; i < reply->n_approvals; i++) {
        const Vault__V1__Approval *a = reply->approvals[i];
        char approved[32];
        (void)snprintf(approved, sizeof approved, "%zu of %u", a->n_approved_by, a->approvals_needed);
        table_add(&t, (const char *const[]){a->name, a->document, a->proposer, time_text(c->mem, a->expire_time),
                                            arena_text(c->mem, bytes_of_text(approved)), a->ticket});
    }
    table_print(&t);
}

ctl_exit run_approval_list(ctl *c)
{
    Vault__V1__ListApprovalsRequest request = VAULT__V1__LIST_APPROVALS_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Approvals/List", &request.base, &vault__v1__list_approvals_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__ListApprovalsResponse *reply = (const void *)x.reply;
    if (!c->options[OPT_JSON]) return show_list(c, reply), CTL_OK;
    json_t *all = json_array();
    for (size_t i = 0; i < reply->n_approvals; i++)
        json_array_append_new(all, approval_json(c->mem, reply->approvals[i]));
    print_json(all);
    return CTL_OK;
}

/* What would change, in the words of the document: this is what the officer consents to. */
ctl_exit run_approval_show(ctl *c)
{
    Vault__V1__GetApprovalRequest request = VAULT__V1__GET_APPROVAL_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.name = lent(c->arguments[0]);
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Approvals/Get", &request.base, &vault__v1__get_approval_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__GetApprovalResponse *reply = (const void *)x.reply;
    VAULT_CLEANUP(json_clear) json_t *before = content_json(reply->standing);
    VAULT_CLEANUP(json_clear) json_t *after = content_json(reply->content);
    VAULT_CLEANUP(json_clear) json_t *found = json_difference(before, after);
    if (c->options[OPT_JSON]) {
        print_json(json_pack("{s:o, s:O, s:O}", "approval", approval_json(c->mem, reply->approval), "difference", found,
                             "content", after));
        return CTL_OK;
    }
    print_approval(c->mem, reply->approval);
    print_difference(found);
    return CTL_OK;
}

/* ---- decide ---- */

ctl_exit run_approval_approve(ctl *c)
{
    Vault__V1__ApproveRequest request = VAULT__V1__APPROVE_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    if (!c->options[OPT_DIGEST]) return usage_error(c, "--digest is missing: `approval show` says what it stands for");
    request.name = lent(c->arguments[0]);
    request.digest = lent(c->options[OPT_DIGEST]);
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Approvals/Approve", &request.base, &vault__v1__approve_response__descriptor);
    if (end == CTL_OK) show_approval(c, ((const Vault__V1__ApproveResponse *)(const void *)x.reply)->approval);
    return end;
}

ctl_exit run_approval_reject(ctl *c)
{
    Vault__V1__RejectRequest request = VAULT__V1__REJECT_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.name = lent(c->arguments[0]);
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Approvals/Reject", &request.base, &vault__v1__reject_response__descriptor);
    if (end == CTL_OK) show_approval(c, ((const Vault__V1__RejectResponse *)(const void *)x.reply)->approval);
    return end;
}

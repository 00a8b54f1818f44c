/* The method table: a method is one row and its body. At start each rpc of the descriptors must find its row and each
 * row its rpc, and every request must have its context; otherwise the process does not start. */
#include "vault/service/internal.h"

#include <stdio.h>
#include <string.h>

static size_t one_item(const ProtobufCMessage *in)
{
    (void)in;
    return 1;
}

static size_t at_least_one(size_t items)
{
    return items ? items : 1;
}

static size_t put_items(const ProtobufCMessage *in)
{
    return at_least_one(((const Vault__V1__BatchPutRequest *)(const void *)in)->n_items);
}

static size_t issue_items(const ProtobufCMessage *in)
{
    return at_least_one(((const Vault__V1__BatchIssueRequest *)(const void *)in)->n_values);
}

static size_t reveal_items(const ProtobufCMessage *in)
{
    return at_least_one(((const Vault__V1__BatchRevealRequest *)(const void *)in)->n_tokens);
}

/* One function for each request that is a list: how many items it brings. */
#define COUNT_OF(name, Type, list)                                                                                     \
    static size_t name(const ProtobufCMessage *in)                                                                     \
    {                                                                                                                  \
        return at_least_one(((const Type *)(const void *)in)->list);                                                   \
    }
COUNT_OF(inspect_items, Vault__V1__BatchInspectRequest, n_tokens)
COUNT_OF(restore_items, Vault__V1__BatchRestoreRequest, n_values)
COUNT_OF(handover_items, Vault__V1__BatchCreateHandoversRequest, n_tokens)
COUNT_OF(redeem_handover_items, Vault__V1__BatchRedeemHandoversRequest, n_handovers)
COUNT_OF(voucher_items, Vault__V1__BatchCreateVouchersRequest, n_tokens)
COUNT_OF(redeem_voucher_items, Vault__V1__BatchRedeemVouchersRequest, n_vouchers)
COUNT_OF(revoke_items, Vault__V1__BatchRevokeVouchersRequest, n_vouchers)
COUNT_OF(erase_items, Vault__V1__EraseRequest, n_tokens)
COUNT_OF(consent_items, Vault__V1__BatchRecordConsentsRequest, n_items)
COUNT_OF(get_consent_items, Vault__V1__BatchGetConsentsRequest, n_tokens)
COUNT_OF(guardian_items, Vault__V1__BatchRecordGuardiansRequest, n_items)
COUNT_OF(get_guardian_items, Vault__V1__BatchGetGuardiansRequest, n_tokens)
COUNT_OF(decide_items, Vault__V1__BatchDecideCorrectionsRequest, n_decisions)

/* Who is compared with is a resident, too. */
static size_t test_items(const ProtobufCMessage *in)
{
    const Vault__V1__BatchTestRequest *asked = (const void *)in;
    size_t residents = asked->n_items;
    for (size_t i = 0; i < asked->n_items; i++)
        residents += asked->items[i]->than_case == VAULT__V1__TEST_ITEM__THAN_OTHER_TOKEN;
    return at_least_one(residents);
}

/* The search, and those whom it may find. */
enum { SEARCH_PAGE = 100 };
static size_t search_items(const ProtobufCMessage *in)
{
    const Vault__V1__SearchRequest *asked = (const void *)in;
    if (asked->count_only) return 1;
    return asked->page_size > 0 && asked->page_size < BATCH_ITEMS ? 1 + (size_t)asked->page_size : 1 + SEARCH_PAGE;
}

enum { ANYONE = ROLE_APP | ROLE_OFFICER | ROLE_ADMINISTRATOR, STEWARDS = ROLE_OFFICER | ROLE_ADMINISTRATOR };

static size_t import_items(const ProtobufCMessage *in)
{
    return at_least_one(((const Vault__V1__ImportRequest *)(const void *)in)->n_rows);
}

#define STREAM(...)                                                                                                    \
    {                                                                                                                  \
        ROW(__VA_ARGS__), .stream = true                                                                               \
    }
/* A sealed node has something to say, too. */
#define EARLY(early, ...)                                                                                              \
    {                                                                                                                  \
        ROW(__VA_ARGS__), .sealed = (early)                                                                            \
    }
#define RPC(...)                                                                                                       \
    {                                                                                                                  \
        ROW(__VA_ARGS__)                                                                                               \
    }
#define ROW(service, name, request, response, who, line, count, body)                                                  \
    .path = "/vault.v1." #service "/" #name, .input = &vault__v1__##request##__descriptor,                             \
    .output = &vault__v1__##response##__descriptor, .roles = (who), .action = (line), .items = (count), .run = (body)

static const method METHODS[] = {
    RPC(Records, BatchPut, batch_put_request, batch_put_response, ROLE_APP, LINE_PUT, put_items, records_batch_put),
    STREAM(Records, Import, import_request, import_response, ROLE_APP, LINE_PUT, import_items, records_import),
    RPC(Records, ListCollections, list_collections_request, list_collections_response, ANYONE, LINE_QUERY, one_item,
        records_list_collections),
    RPC(Tokens, BatchIssue, batch_issue_request, batch_issue_response, ROLE_APP, LINE_ISSUE, issue_items,
        tokens_batch_issue),
    RPC(Tokens, Reveal, reveal_request, reveal_response, ROLE_APP, LINE_REVEAL, one_item, tokens_reveal),
    RPC(Tokens, BatchReveal, batch_reveal_request, batch_reveal_response, ROLE_APP, LINE_REVEAL, reveal_items,
        tokens_batch_reveal),
    RPC(Tokens, BatchInspect, batch_inspect_request, batch_inspect_response, ROLE_APP, LINE_INSPECT, inspect_items,
        tokens_batch_inspect),
    RPC(Tokens, BatchTest, batch_test_request, batch_test_response, ROLE_APP, LINE_TEST, test_items, tokens_batch_test),
    RPC(Tokens, BatchRestore, batch_restore_request, batch_restore_response, ROLE_APP, LINE_RESTORE, restore_items,
        tokens_batch_restore),
    RPC(Tokens, BatchCreateHandovers, batch_create_handovers_request, batch_create_handovers_response, ROLE_APP,
        LINE_HANDOVER, handover_items, tokens_batch_create_handovers),
    RPC(Tokens, BatchRedeemHandovers, batch_redeem_handovers_request, batch_redeem_handovers_response, ROLE_APP,
        LINE_REDEEM, redeem_handover_items, tokens_batch_redeem_handovers),
    RPC(Tokens, BatchCreateVouchers, batch_create_vouchers_request, batch_create_vouchers_response, ROLE_APP,
        LINE_VOUCHER, voucher_items, tokens_batch_create_vouchers),
    RPC(Tokens, BatchRedeemVouchers, batch_redeem_vouchers_request, batch_redeem_vouchers_response, ROLE_APP,
        LINE_REDEEM, redeem_voucher_items, tokens_batch_redeem_vouchers),
    RPC(Tokens, BatchRevokeVouchers, batch_revoke_vouchers_request, batch_revoke_vouchers_response, ROLE_APP,
        LINE_VOUCHER, revoke_items, tokens_batch_revoke_vouchers),
    RPC(Records, Get, get_record_request, record, ROLE_APP, LINE_REVEAL, one_item, records_get),
    RPC(Records, Update, update_record_request, update_record_response, ROLE_APP, LINE_PUT, one_item, records_update),
    RPC(Records, Export, export_request, export_response, ROLE_APP, LINE_EXPORT, one_item, records_export),
    RPC(Records, Search, search_request, search_response, ROLE_APP, LINE_SEARCH, search_items, records_search),
    RPC(Records, Browse, browse_request, browse_response, STEWARDS, LINE_BROWSE, one_item, records_browse),
    RPC(Records, ListCorrections, list_corrections_request, list_corrections_response, ROLE_APP, LINE_CORRECT, one_item,
        records_list_corrections),
    RPC(Records, BatchDecideCorrections, batch_decide_corrections_request, batch_decide_corrections_response, ROLE_APP,
        LINE_CORRECT, decide_items, records_batch_decide_corrections),
    RPC(Audit, TraceToken, trace_token_request, trace_token_response, ROLE_OFFICER, LINE_TRACE, one_item,
        audit_trace_token),
    RPC(Audit, GetCheckpoint, get_checkpoint_request, get_checkpoint_response, ANYONE, LINE_QUERY, one_item,
        audit_get_checkpoint),
    RPC(Audit, GetProof, get_proof_request, get_proof_response, ANYONE, LINE_QUERY, one_item, audit_get_proof),
    RPC(Audit, Query, query_request, query_response, ROLE_OFFICER, LINE_QUERY, one_item, audit_query),
    RPC(Audit, VerifyRows, verify_rows_request, verify_rows_response, STEWARDS, LINE_VERIFY, one_item,
        audit_verify_rows),
    RPC(Records, Erase, erase_request, erase_response, ROLE_APP, LINE_ERASE, erase_items, records_erase),
    EARLY(keys_initialise_sealed, Keys, Initialise, init_request, init_response, STEWARDS, LINE_KEYS, one_item,
          keys_initialise),
    EARLY(keys_unseal_sealed, Keys, Unseal, unseal_request, unseal_response, STEWARDS, LINE_KEYS, one_item,
          keys_unseal),
    RPC(Keys, Seal, seal_request, seal_response, STEWARDS, LINE_KEYS, one_item, keys_seal),
    RPC(Keys, Rekey, rekey_request, rekey_response, ROLE_ADMINISTRATOR, LINE_KEYS, one_item, keys_rekey),
    RPC(Keys, Rotate, rotate_request, rotate_response, ROLE_ADMINISTRATOR, LINE_KEYS, one_item, keys_rotate),
    RPC(Keys, Progress, progress_request, progress_response, STEWARDS, LINE_QUERY, one_item, keys_progress),
    RPC(Keys, ChangeJob, change_job_request, change_job_response, ROLE_ADMINISTRATOR, LINE_KEYS, one_item,
        keys_change_job),
    RPC(Keys, Destroy, destroy_request, destroy_response, ROLE_ADMINISTRATOR, LINE_KEYS, one_item, keys_destroy),
    RPC(Keys, GetCertificate, get_certificate_request, get_certificate_response, STEWARDS, LINE_QUERY, one_item,
        keys_get_certificate),
    EARLY(keys_status_sealed, Keys, Status, status_request, status_response, STEWARDS, LINE_QUERY, one_item,
          keys_status),
    RPC(Control, GetDocument, get_document_request, get_document_response, STEWARDS, LINE_QUERY, one_item,
        control_get_document),
    RPC(Control, CheckDocument, check_document_request, check_document_response, STEWARDS, LINE_QUERY, one_item,
        control_check),
    RPC(Control, ListChanges, list_changes_request, list_changes_response, STEWARDS, LINE_QUERY, one_item,
        control_list_changes),
    RPC(Control, Revoke, revoke_request, revoke_response, STEWARDS, LINE_CONTROL, one_item, control_revoke),
    RPC(Approvals, Propose, propose_request, propose_response, STEWARDS, LINE_CONTROL, one_item, approvals_propose),
    RPC(Approvals, List, list_approvals_request, list_approvals_response, STEWARDS, LINE_QUERY, one_item,
        approvals_list),
    RPC(Approvals, Get, get_approval_request, get_approval_response, STEWARDS, LINE_QUERY, one_item, approvals_get),
    RPC(Approvals, Approve, approve_request, approve_response, ROLE_OFFICER, LINE_CONTROL, one_item, approvals_approve),
    RPC(Approvals, Reject, reject_request, reject_response, STEWARDS, LINE_CONTROL, one_item, approvals_reject),
    RPC(Approvals, RequestAccess, request_access_request, request_access_response, ROLE_APP, LINE_CONTROL, one_item,
        approvals_request_access),
    RPC(Policies, Explain, explain_request, explain_response, ANYONE, LINE_QUERY, one_item, policies_explain),
    RPC(Policies, Test, test_policy_request, test_policy_response, STEWARDS, LINE_QUERY, one_item, policies_test),
    RPC(Policies, Diff, diff_policy_request, diff_policy_response, STEWARDS, LINE_QUERY, one_item, policies_diff),
    RPC(Policies, WhoCan, who_can_request, access_response, STEWARDS, LINE_QUERY, one_item, policies_who_can),
    RPC(Policies, WhatCan, what_can_request, access_response, STEWARDS, LINE_QUERY, one_item, policies_what_can),
    RPC(Policies, Lint, lint_request, lint_response, STEWARDS, LINE_QUERY, one_item, policies_lint),
    RPC(Policies, Simulate, simulate_request, simulate_response, ROLE_OFFICER, LINE_QUERY, one_item, policies_simulate),
    RPC(Policies, ListBudgets, list_budgets_request, list_budgets_response, STEWARDS, LINE_QUERY, one_item,
        policies_list_budgets),
    RPC(Policies, RecountBudgets, recount_budgets_request, recount_budgets_response, ROLE_OFFICER, LINE_VERIFY,
        one_item, policies_recount_budgets),
    RPC(Consents, BatchRecord, batch_record_consents_request, batch_record_consents_response, ROLE_APP, LINE_CONSENT,
        consent_items, consents_batch_record),
    RPC(Consents, BatchGet, batch_get_consents_request, batch_get_consents_response, ROLE_APP, LINE_CONSENT,
        get_consent_items, consents_batch_get),
    RPC(Emergencies, Open, open_emergency_request, open_emergency_response, ROLE_APP, LINE_CONTROL, one_item,
        emergencies_open),
    RPC(Emergencies, List, list_emergencies_request, list_emergencies_response, STEWARDS, LINE_QUERY, one_item,
        emergencies_list),
    RPC(Emergencies, Review, review_emergency_request, review_emergency_response, ROLE_OFFICER, LINE_CONTROL, one_item,
        emergencies_review),
    RPC(Audit, GetEntries, get_entries_request, get_entries_response, ANYONE, LINE_QUERY, one_item, audit_get_entries),
    RPC(Audit, AccessHistory, access_history_request, access_history_response, ROLE_APP, LINE_HISTORY, one_item,
        audit_access_history),
    RPC(Audit, TraceLeak, trace_leak_request, trace_report, ROLE_OFFICER, LINE_TRACE, one_item, audit_trace_leak),
    RPC(Audit, Report, report_request, report_response, STEWARDS, LINE_QUERY, one_item, audit_report),
    RPC(Audit, Archive, archive_request, archive_response, ROLE_OFFICER, LINE_ARCHIVE, one_item, audit_archive),
    RPC(Audit, ListArchives, list_archives_request, list_archives_response, STEWARDS, LINE_QUERY, one_item,
        audit_list_archives),
    RPC(Leaks, Open, open_leak_request, leak, ROLE_OFFICER, LINE_TRACE, one_item, leaks_open),
    RPC(Leaks, List, list_leaks_request, list_leaks_response, ROLE_OFFICER, LINE_QUERY, one_item, leaks_list),
    RPC(Leaks, Close, close_leak_request, leak, ROLE_OFFICER, LINE_TRACE, one_item, leaks_close),
    RPC(Leaks, ListAffected, list_affected_request, list_affected_response, ROLE_OFFICER, LINE_TRACE, one_item,
        leaks_list_affected),
    RPC(Guardians, BatchRecord, batch_record_guardians_request, batch_record_guardians_response, ROLE_APP,
        LINE_GUARDIAN, guardian_items, guardians_batch_record),
    RPC(Guardians, BatchGet, batch_get_guardians_request, batch_get_guardians_response, ROLE_APP, LINE_GUARDIAN,
        get_guardian_items, guardians_batch_get),
    RPC(Canaries, Create, create_canaries_request, create_canaries_response, ROLE_OFFICER, LINE_CANARY, one_item,
        canaries_create),
    RPC(Canaries, List, list_canaries_request, list_canaries_response, ROLE_OFFICER, LINE_CANARY, one_item,
        canaries_list),
    RPC(Canaries, Retire, retire_canary_request, canary, ROLE_OFFICER, LINE_CANARY, one_item, canaries_retire),
};

enum { METHOD_COUNT = sizeof METHODS / sizeof *METHODS };

const method *service_methods(size_t *count)
{
    *count = METHOD_COUNT;
    return METHODS;
}

static const ProtobufCServiceDescriptor *const SERVICES[] = {
    &vault__v1__records__descriptor,  &vault__v1__tokens__descriptor,    &vault__v1__audit__descriptor,
    &vault__v1__keys__descriptor,     &vault__v1__control__descriptor,   &vault__v1__approvals__descriptor,
    &vault__v1__policies__descriptor, &vault__v1__consents__descriptor,  &vault__v1__emergencies__descriptor,
    &vault__v1__leaks__descriptor,    &vault__v1__guardians__descriptor, &vault__v1__canaries__descriptor};

static const method *find_row(const char *path)
{
    for (size_t i = 0; i < METHOD_COUNT; i++)
        if (strcmp(METHODS[i].path, path) == 0) return &METHODS[i];
    return NULL;
}

static vault_code check_rpc(const ProtobufCServiceDescriptor *of, const ProtobufCMethodDescriptor *rpc,
                            vault_error *err)
{
    char path[128];
    snprintf(path, sizeof path, "/%s/%s", of->name, rpc->name);
    const method *row = find_row(path);
    if (!row) return vault_fail(err, VAULT_INTERNAL, "%s has no row in the method table", path);
    if (row->input != rpc->input || row->output != rpc->output)
        return vault_fail(err, VAULT_INTERNAL, "%s: types of row and rpc differ", path);
    if (row->roles == 0 || !row->run)
        return vault_fail(err, VAULT_INTERNAL, "%s: no role may call it, or nothing is there to run", path);
    const ProtobufCFieldDescriptor *context = protobuf_c_message_descriptor_get_field_by_name(rpc->input, "context");
    if (!context || context->descriptor != &vault__v1__request_context__descriptor)
        return vault_fail(err, VAULT_INTERNAL, "%s: the request has no context", path);
    return VAULT_OK;
}

vault_code service_check(vault_error *err)
{
    size_t rpcs = 0;
    for (size_t i = 0; i < sizeof SERVICES / sizeof *SERVICES; i++) {
        for (unsigned j = 0; j < SERVICES[i]->n_methods; j++, rpcs++)
            VAULT_TRY(check_rpc(SERVICES[i], &SERVICES[i]->methods[j], err));
    }
    return rpcs == METHOD_COUNT ? VAULT_OK
                                : vault_fail(err, VAULT_INTERNAL, "%d rows for %zu rpcs", METHOD_COUNT, rpcs);
}

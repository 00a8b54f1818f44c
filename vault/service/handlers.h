/* The method table's functions: what a row of methods.c runs. */
#pragma once
#include "vault/service/service.h"

typedef struct call call;

/* The bodies, behind the gate, one a method: calls of that method, each with its outcome left in its request. */
void tokens_batch_issue(session *s, call **calls, size_t count);
void tokens_reveal(session *s, call **calls, size_t count);
void tokens_batch_inspect(session *s, call **calls, size_t count);
void tokens_batch_test(session *s, call **calls, size_t count);
void tokens_batch_restore(session *s, call **calls, size_t count);
void tokens_batch_reveal(session *s, call **calls, size_t count);
void tokens_batch_create_handovers(session *s, call **calls, size_t count);
void tokens_batch_redeem_handovers(session *s, call **calls, size_t count);
void tokens_batch_create_vouchers(session *s, call **calls, size_t count);
void tokens_batch_redeem_vouchers(session *s, call **calls, size_t count);
void tokens_batch_revoke_vouchers(session *s, call **calls, size_t count);
void records_batch_put(session *s, call **calls, size_t count);
void records_import(session *s, call **calls, size_t count);
void records_search(session *s, call **calls, size_t count);
void records_erase(session *s, call **calls, size_t count);
void records_list_collections(session *s, call **calls, size_t count);
void records_browse(session *s, call **calls, size_t count);
void records_get(session *s, call **calls, size_t count);
void records_update(session *s, call **calls, size_t count);
void records_export(session *s, call **calls, size_t count);
void records_list_corrections(session *s, call **calls, size_t count);
void records_batch_decide_corrections(session *s, call **calls, size_t count);
void audit_get_checkpoint(session *s, call **calls, size_t count);
void audit_get_proof(session *s, call **calls, size_t count);
void audit_get_entries(session *s, call **calls, size_t count);
void audit_query(session *s, call **calls, size_t count);
void audit_trace_token(session *s, call **calls, size_t count);
void audit_verify_rows(session *s, call **calls, size_t count);
void keys_status(session *s, call **calls, size_t count);
void keys_rotate(session *s, call **calls, size_t count);
void keys_progress(session *s, call **calls, size_t count);
void keys_change_job(session *s, call **calls, size_t count);
void keys_destroy(session *s, call **calls, size_t count);
void keys_get_certificate(session *s, call **calls, size_t count);
void keys_initialise(session *s, call **calls, size_t count);
void keys_unseal(session *s, call **calls, size_t count);
void keys_seal(session *s, call **calls, size_t count);
void keys_rekey(session *s, call **calls, size_t count);
/* Of a sealed node. */
void keys_status_sealed(session *s, const method *m, request *rq);
void keys_initialise_sealed(session *s, const method *m, request *rq);
void keys_unseal_sealed(session *s, const method *m, request *rq);
void control_get_document(session *s, call **calls, size_t count);
void control_check(session *s, call **calls, size_t count);
void control_list_changes(session *s, call **calls, size_t count);
void control_revoke(session *s, call **calls, size_t count);
void approvals_propose(session *s, call **calls, size_t count);
void approvals_list(session *s, call **calls, size_t count);
void approvals_get(session *s, call **calls, size_t count);
void approvals_approve(session *s, call **calls, size_t count);
void approvals_reject(session *s, call **calls, size_t count);
void policies_explain(session *s, call **calls, size_t count);
void policies_test(session *s, call **calls, size_t count);
void policies_diff(session *s, call **calls, size_t count);
void policies_who_can(session *s, call **calls, size_t count);
void policies_what_can(session *s, call **calls, size_t count);
void policies_lint(session *s, call **calls, size_t count);
void policies_simulate(session *s, call **calls, size_t count);
void policies_list_budgets(session *s, call **calls, size_t count);
void policies_recount_budgets(session *s, call **calls, size_t count);
void approvals_request_access(session *s, call **calls, size_t count);
void consents_batch_record(session *s, call **calls, size_t count);
void consents_batch_get(session *s, call **calls, size_t count);
void emergencies_open(session *s, call **calls, size_t count);
void emergencies_list(session *s, call **calls, size_t count);
void emergencies_review(session *s, call **calls, size_t count);
void leaks_open(session *s, call **calls, size_t count);
void leaks_list(session *s, call **calls, size_t count);
void leaks_close(session *s, call **calls, size_t count);

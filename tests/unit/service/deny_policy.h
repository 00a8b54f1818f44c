/* Rows of the deny test: work on policies, consents, break-glass. Included where its macros stand. What gets past the
 * gate asks for what is not there, or only looks. */
#pragma once
#include "vault/v1/leaks.pb-c.h"
#include "vault/v1/policy.pb-c.h"
#include "vault/v1/residents.pb-c.h"

static ProtobufCMessage *explain_facts(const subject *s)
{
    Vault__V1__ExplainRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    Vault__V1__Facts *facts = arena_alloc(fixture_memory(), sizeof *facts);
    (void)s;
    vault__v1__explain_request__init(in);
    vault__v1__facts__init(facts);
    facts->consumer = text("eldercare");
    facts->purpose = text("elder-care");
    facts->action = text("reveal");
    facts->fields = one_text("name");
    facts->n_fields = 1;
    in->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_FACTS;
    in->facts = facts;
    return &in->base;
}

static ProtobufCMessage *record_consent(const subject *s)
{
    Vault__V1__BatchRecordConsentsRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    Vault__V1__ConsentInput *one = arena_alloc(fixture_memory(), sizeof *one);
    vault__v1__batch_record_consents_request__init(in);
    vault__v1__consent_input__init(one);
    one->token = text(s->shown);
    one->granted = true;
    in->items = arena_array(fixture_memory(), 1, sizeof *in->items);
    in->items[in->n_items++] = one;
    return &in->base;
}

#define NO_CASES "{\"cases\": []}"
REQUEST(test_no_cases, Vault__V1__TestPolicyRequest, vault__v1__test_policy_request__init,
        in->cases = ((ProtobufCBinaryData){.len = sizeof NO_CASES - 1, .data = (uint8_t *)text(NO_CASES)}))
REQUEST(diff_with_first, Vault__V1__DiffPolicyRequest, vault__v1__diff_policy_request__init, in->version = 1)
REQUEST(who_can_name, Vault__V1__WhoCanRequest, vault__v1__who_can_request__init, in->field = text("name"))
REQUEST(what_can_eldercare, Vault__V1__WhatCanRequest, vault__v1__what_can_request__init,
        in->who_case = VAULT__V1__WHAT_CAN_REQUEST__WHO_CONSUMER;
        in->consumer = text("eldercare"))
EMPTY(lint_now, Vault__V1__LintRequest, vault__v1__lint_request__init)
EMPTY(simulate_nothing, Vault__V1__SimulateRequest, vault__v1__simulate_request__init)
EMPTY(list_budgets, Vault__V1__ListBudgetsRequest, vault__v1__list_budgets_request__init)
EMPTY(recount_budgets, Vault__V1__RecountBudgetsRequest, vault__v1__recount_budgets_request__init)
REQUEST(get_consent, Vault__V1__BatchGetConsentsRequest, vault__v1__batch_get_consents_request__init, SHOWN)
REQUEST(access_to_nothing, Vault__V1__RequestAccessRequest, vault__v1__request_access_request__init,
        in->method = text("/vault.v1.Nothing/Nothing"))
REQUEST(open_without_rule, Vault__V1__OpenEmergencyRequest, vault__v1__open_emergency_request__init,
        in->reason = text("a fire in the house, somebody is missing"))
EMPTY(list_emergencies, Vault__V1__ListEmergenciesRequest, vault__v1__list_emergencies_request__init)
REQUEST(review_none, Vault__V1__ReviewEmergencyRequest, vault__v1__review_emergency_request__init,
        in->name = text("emergencies/00000000000000000000000000000000");
        in->note = text("looked at"))

REQUEST(trace_one, Vault__V1__TraceTokenRequest, vault__v1__trace_token_request__init,
        in->findings = one_text(s->shown);
        in->n_findings = 1)

/* Nobody is his own guardian: whoever gets so far hears it. */
static ProtobufCMessage *record_guardian(const subject *s)
{
    Vault__V1__BatchRecordGuardiansRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    Vault__V1__GuardianItem *one = arena_alloc(fixture_memory(), sizeof *one);
    vault__v1__batch_record_guardians_request__init(in);
    vault__v1__guardian_item__init(one);
    one->token = one->guardian_token = text(s->shown);
    one->kind = text("court");
    in->items = arena_array(fixture_memory(), 1, sizeof *in->items);
    in->items[in->n_items++] = one;
    return &in->base;
}

REQUEST(get_guardians, Vault__V1__BatchGetGuardiansRequest, vault__v1__batch_get_guardians_request__init, SHOWN)
REQUEST(access_history, Vault__V1__AccessHistoryRequest, vault__v1__access_history_request__init,
        in->token = text(s->shown))

#define NO_LEAK text("leaks/00000000000000000000000000000000")
EMPTY(open_no_list, Vault__V1__OpenLeakRequest, vault__v1__open_leak_request__init)
EMPTY(list_leaks, Vault__V1__ListLeaksRequest, vault__v1__list_leaks_request__init)
REQUEST(close_none, Vault__V1__CloseLeakRequest, vault__v1__close_leak_request__init, in->name = NO_LEAK)
REQUEST(trace_no_leak, Vault__V1__TraceLeakRequest, vault__v1__trace_leak_request__init, in->leak = NO_LEAK)
REQUEST(affected_by_none, Vault__V1__ListAffectedRequest, vault__v1__list_affected_request__init, in->leak = NO_LEAK;
        in->app = text("eldercare"); in->purpose = text("elder-care"))

EMPTY(make_no_canary, Vault__V1__CreateCanariesRequest, vault__v1__create_canaries_request__init)
EMPTY(list_canaries, Vault__V1__ListCanariesRequest, vault__v1__list_canaries_request__init)
REQUEST(retire_none, Vault__V1__RetireCanaryRequest, vault__v1__retire_canary_request__init,
        in->name = text("canaries/00000000000000000000000000000000"))
EMPTY(report_all, Vault__V1__ReportRequest, vault__v1__report_request__init)
EMPTY(archive_never, Vault__V1__ArchiveRequest, vault__v1__archive_request__init)
EMPTY(list_archives, Vault__V1__ListArchivesRequest, vault__v1__list_archives_request__init)

/* clang-format off */
#define OFFICERS_FIND_NONE {APPS, [REVIEWER] = MISSING, [NOSY] = MISSING, OFFICER_ALONE, STRANGERS}
#define OFFICER_ALONE [ADMIN] = DENIED
#define EACH_APP(code) [IN_AREA] = (code), [OUT_OF_AREA] = (code), [BORROWER] = (code), [REGISTER] = (code)
#define IN_AREA_ALONE  [OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, [REGISTER] = DENIED
#define POLICY_ROWS                                                                                                    \
    {"/vault.v1.Policies/Explain", explain_facts, {[BORROWER] = DENIED, [REGISTER] = DENIED, STRANGERS}},              \
    {"/vault.v1.Policies/Test", test_no_cases, {APPS, STEWARDS(NONE_FOUND), STRANGERS}},                               \
    {"/vault.v1.Policies/Diff", diff_with_first, {APPS, STRANGERS}},                                                   \
    {"/vault.v1.Policies/WhoCan", who_can_name, {APPS, STRANGERS}},                                                    \
    {"/vault.v1.Policies/WhatCan", what_can_eldercare, {APPS, STRANGERS}},                                             \
    {"/vault.v1.Policies/Lint", lint_now, {APPS, STRANGERS}},                                                          \
    {"/vault.v1.Policies/Simulate", simulate_nothing, {APPS, OFFICER_ALONE, STRANGERS}},                               \
    {"/vault.v1.Policies/ListBudgets", list_budgets, {APPS, STRANGERS}},                                               \
    {"/vault.v1.Policies/RecountBudgets", recount_budgets, {APPS, OFFICER_ALONE, STRANGERS}},                          \
    {"/vault.v1.Consents/BatchRecord", record_consent, {IN_AREA_ALONE, OFFICERS, STRANGERS}},                          \
    {"/vault.v1.Consents/BatchGet", get_consent, {IN_AREA_ALONE, OFFICERS, STRANGERS}},                                \
    {"/vault.v1.Approvals/RequestAccess", access_to_nothing, {EACH_APP(MALFORMED), OFFICERS, STRANGERS}},              \
    {"/vault.v1.Emergencies/Open", open_without_rule, {APPS, OFFICERS, STRANGERS}},                                    \
    {"/vault.v1.Guardians/BatchRecord",                                                                                \
     record_guardian,                                                                                                  \
     {[IN_AREA] = AS_IT_STANDS, IN_AREA_ALONE, OFFICERS, STRANGERS}},                                                  \
    {"/vault.v1.Guardians/BatchGet", get_guardians, {IN_AREA_ALONE, OFFICERS, STRANGERS}},                             \
    {"/vault.v1.Audit/AccessHistory", access_history, {IN_AREA_ALONE, OFFICERS, STRANGERS}},                           \
    {"/vault.v1.Leaks/Open",                                                                                           \
     open_no_list,                                                                                                     \
     {APPS, [REVIEWER] = MALFORMED, [NOSY] = MALFORMED, OFFICER_ALONE, STRANGERS}},                                    \
    {"/vault.v1.Leaks/List", list_leaks, {APPS, OFFICER_ALONE, STRANGERS}},                                            \
    {"/vault.v1.Leaks/Close", close_none, OFFICERS_FIND_NONE},                                                         \
    {"/vault.v1.Leaks/ListAffected", affected_by_none, OFFICERS_FIND_NONE},                                            \
    {"/vault.v1.Audit/TraceLeak", trace_no_leak, OFFICERS_FIND_NONE},                                                  \
    {"/vault.v1.Canaries/Create",                                                                                      \
     make_no_canary,                                                                                                   \
     {APPS, [REVIEWER] = MALFORMED, [NOSY] = MALFORMED, OFFICER_ALONE, STRANGERS}},                                    \
    {"/vault.v1.Canaries/List", list_canaries, {APPS, OFFICER_ALONE, STRANGERS}},                                      \
    {"/vault.v1.Canaries/Retire", retire_none, OFFICERS_FIND_NONE},                                                    \
    {"/vault.v1.Audit/Report", report_all, {APPS, STRANGERS}},                                                         \
    {"/vault.v1.Audit/Archive",                                                                                        \
     archive_never,                                                                                                    \
     {APPS, [REVIEWER] = MALFORMED, [NOSY] = MALFORMED, OFFICER_ALONE, STRANGERS}},                                    \
    {"/vault.v1.Audit/ListArchives", list_archives, {APPS, STRANGERS}},                                                \
    {"/vault.v1.Emergencies/List", list_emergencies, {APPS, STRANGERS}},                                               \
    {"/vault.v1.Emergencies/Review",                                                                                   \
     review_none,                                                                                                      \
     {APPS, [REVIEWER] = MISSING, [NOSY] = MISSING, OFFICER_ALONE, STRANGERS}},
/* clang-format on */

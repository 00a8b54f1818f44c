/* Every method by role and area, from the method table: a method without a row here fails the test. */
#include "tests/support/vault_fixture.h"

#include <stdio.h>
#include <unistd.h>

typedef enum caller {
    IN_AREA,     /* an app, for its purpose, a resident of the street that it may see */
    OUT_OF_AREA, /* the same for a resident elsewhere */
    BORROWER,    /* an app that names another's purpose and shows another's token */
    REGISTER,    /* the app that may put */
    REVIEWER,    /* the privacy officer */
    NOSY,        /* the privacy officer, for an app's purpose */
    ADMIN,
    STRANGER, /* a good certificate of nobody */
    NAMELESS, /* a certificate without a URI */
    TWOFOLD,  /* a certificate of two principals */
    CALLERS
} caller;

static const struct {
    const char *name, *uri, *also, *purpose;
} WHO[CALLERS] = {[IN_AREA] = {"app in its area", ELDERCARE, NULL, "elder-care"},
                  [OUT_OF_AREA] = {"app out of its area", ELDERCARE, NULL, "elder-care"},
                  [BORROWER] = {"app with another's purpose", CLINIC, NULL, "elder-care"},
                  [REGISTER] = {"register", POPULATION, NULL, "population-register"},
                  [REVIEWER] = {"officer", OFFICER, NULL, "log-review"},
                  [NOSY] = {"officer with an app's purpose", OFFICER, NULL, "elder-care"},
                  [ADMIN] = {"administrator", ADMINISTRATOR, NULL, "log-review"},
                  [STRANGER] = {"stranger", "vault://dev/apps/eldercare2", NULL, "elder-care"},
                  [NAMELESS] = {"nameless", NULL, NULL, "elder-care"},
                  [TWOFOLD] = {"two at once", ELDERCARE, OFFICER, "elder-care"}};

/* ---- what the fixture's documents say besides: rules for the calls that they have none for ---- */

#define BASIS "register-to-elder-care"
static const char predicate_of_age[] = "{\"name\": \"past_sixty\", \"number\": 240, \"label\": \"60\", \"field\": "
                                       "\"birth_date\", \"test\": \"age_at_least\", \"years\": 60}";
static const char basis[] = "{\"id\": \"" BASIS "\", \"item\": \"an item\", \"from\": \"population\", \"to\": "
                            "\"eldercare\", \"purpose\": \"elder-care\", \"areas\": [\"320411\"], \"valid\": "
                            "{\"from\": \"2020-01-01\", \"until\": \"2099-12-31\"}}";
#define STREET_RULE(id, action, field, form)                                                                           \
    "{\"id\": \"" id "\", \"action\": \"" action                                                                       \
    "\", \"consumer\": \"eldercare\", \"purpose\": \"elder-care\", \"fields\": [\"" field "\"], \"form\": \"" form     \
    "\", \"areas\": [\"320411002\"], \"acting\": \"app\", \"valid\": {\"from\": \"2020-01-01\", \"until\": "           \
    "\"2099-12-31\"}}"
static const char *const more_rules[] = {STREET_RULE("deny-predicate", "reveal", "past_sixty", "predicate"),
                                         STREET_RULE("deny-search", "search", "phone", "token"),
                                         STREET_RULE("deny-export", "export", "name", "plain"),
                                         STREET_RULE("deny-consent", "consent", "id_number", "nothing"),
                                         STREET_RULE("deny-history", "history", "id_number", "nothing"),
                                         STREET_RULE("deny-guardian", "guardian", "id_number", "nothing")};

static json_t *parsed(const char *of)
{
    json_t *value = json_loads(of, 0, NULL);
    assert_non_null(value);
    return value;
}

static json_t *named(json_t *list, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0) return one;
    }
    fail_msg("no field %s", name);
    return NULL;
}

static void edit_schema(json_t *document)
{
    json_t *residents = json_array_get(json_object_get(document, "collections"), 0);
    json_t *fields = json_object_get(residents, "fields"), *phone = named(fields, "phone");
    json_object_set_new(phone, "index", json_pack("[s]", "equality"));
    json_object_set_new(named(fields, "id_number"), "token", json_string("ff1"));
    if (!json_object_get(residents, "predicates")) json_object_set_new(residents, "predicates", json_array());
    json_array_append_new(json_object_get(residents, "predicates"), parsed(predicate_of_age));
}

static void edit_documents(const char *file, json_t *document)
{
    if (strcmp(file, "schema.json") == 0) edit_schema(document);
    if (strcmp(file, "sharing.json") == 0) json_object_set_new(document, "bases", json_pack("[o]", parsed(basis)));
    if (strcmp(file, "policy.json") != 0) return;
    for (size_t i = 0; i < sizeof more_rules / sizeof *more_rules; i++)
        json_array_append_new(json_object_get(document, "rules"), parsed(more_rules[i]));
}

__attribute__((constructor)) static void with_documents(void)
{
    fixture_edit = edit_documents;
}

/* ---- requests ---- */

typedef struct subject {
    uint64_t index;
    const char *shown; /* the token */
} subject;

static const void *member(const ProtobufCMessage *of, const char *name)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(of->descriptor, name);
    return f ? (const char *)of + f->offset : NULL;
}

static char *text(const char *of)
{
    return arena_text(fixture_memory(), bytes_of_text(of));
}

/* A list of one. */
static char **one_text(const char *of)
{
    char **list = arena_array(fixture_memory(), 1, sizeof *list);
    list[0] = text(of);
    return list;
}

#define REQUEST(name, Type, init, ...)                                                                                 \
    static ProtobufCMessage *name(const subject *s)                                                                    \
    {                                                                                                                  \
        Type *in = arena_alloc(fixture_memory(), sizeof *in);                                                          \
        (void)s;                                                                                                       \
        init(in);                                                                                                      \
        __VA_ARGS__;                                                                                                   \
        return &in->base;                                                                                              \
    }

static ProtobufCMessage *put_one(const subject *s)
{
    return (ProtobufCMessage *)(uintptr_t)put_residents(s->index, 1)->in;
}

static ProtobufCMessage *issue_one(const subject *s)
{
    resident r;
    Vault__V1__BatchIssueRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_issue_request__init(in);
    the_resident(s->index, &r);
    in->values = arena_array(fixture_memory(), 1, sizeof *in->values);
    in->values[in->n_values++] = arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER));
    return &in->base;
}

static ProtobufCMessage *reveal_one(const subject *s)
{
    return &reveal_of(s->shown, MASK("name"))->base;
}

static ProtobufCMessage *reveal_list(const subject *s)
{
    Vault__V1__BatchRevealRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_reveal_request__init(in);
    in->tokens = arena_array(fixture_memory(), 1, sizeof *in->tokens);
    in->tokens[in->n_tokens++] = (char *)(uintptr_t)s->shown;
    in->field_mask = MASK("name");
    return &in->base;
}

#define EMPTY(name, Type, init)                                                                                        \
    static ProtobufCMessage *name(const subject *s)                                                                    \
    {                                                                                                                  \
        Type *in = arena_alloc(fixture_memory(), sizeof *in);                                                          \
        (void)s;                                                                                                       \
        init(in);                                                                                                      \
        return &in->base;                                                                                              \
    }
EMPTY(list_collections, Vault__V1__ListCollectionsRequest, vault__v1__list_collections_request__init)
EMPTY(list_corrections, Vault__V1__ListCorrectionsRequest, vault__v1__list_corrections_request__init)
EMPTY(list_changes, Vault__V1__ListChangesRequest, vault__v1__list_changes_request__init)
EMPTY(list_approvals, Vault__V1__ListApprovalsRequest, vault__v1__list_approvals_request__init)
EMPTY(get_checkpoint, Vault__V1__GetCheckpointRequest, vault__v1__get_checkpoint_request__init)
EMPTY(query_all, Vault__V1__QueryRequest, vault__v1__query_request__init)
EMPTY(get_entries, Vault__V1__GetEntriesRequest, vault__v1__get_entries_request__init)
EMPTY(get_status, Vault__V1__StatusRequest, vault__v1__status_request__init)

static ProtobufCMessage *get_proof(const subject *s)
{
    Vault__V1__GetProofRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    (void)s;
    vault__v1__get_proof_request__init(in);
    in->of_case = VAULT__V1__GET_PROOF_REQUEST__OF_LINE;
    return &in->base;
}

static ProtobufCMessage *import_one(const subject *s)
{
    const char *names[GENERATOR_FIELDS];
    Vault__V1__ImportRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    Vault__V1__ImportHeader *header = arena_alloc(fixture_memory(), sizeof *header);
    (void)s;
    for (unsigned f = 1; f <= GENERATOR_FIELDS; f++) names[f - 1] = generator_field_name(f);
    vault__v1__import_request__init(in);
    vault__v1__import_header__init(header);
    header->collection = (char *)(uintptr_t) "residents";
    header->field_mask = mask_of(names, GENERATOR_FIELDS);
    in->header = header;
    return &in->base;
}

/* ---- issue 4: tokens, records, search ---- */

#define SHOWN in->tokens = one_text(s->shown), in->n_tokens = 1
#define NAMED in->name = arena_format(fixture_memory(), "records/%s", s->shown)
REQUEST(inspect_one, Vault__V1__BatchInspectRequest, vault__v1__batch_inspect_request__init, SHOWN)
REQUEST(make_handover, Vault__V1__BatchCreateHandoversRequest, vault__v1__batch_create_handovers_request__init, SHOWN;
        in->basis = text(BASIS))
REQUEST(make_voucher, Vault__V1__BatchCreateVouchersRequest, vault__v1__batch_create_vouchers_request__init, SHOWN;
        in->field_mask = MASK("name"))
/* The register makes what is redeemed or revoked: what is made for the resident, in the reply's only result. */
static char *made_by_register(const char *path, ProtobufCMessage *in, const char *what)
{
    request *rq = ask(&(asked){.path = path, .uri = POPULATION, .purpose = "population-register", .in = in});
    expect_outcome(rq, VAULT_OK, NULL);
    ProtobufCMessage *result = (*(ProtobufCMessage ***)(uintptr_t)member(rq->out, "results"))[0];
    return *(char **)(uintptr_t)member(result, what);
}

static subject of_register(const subject *s)
{
    return (subject){.index = s->index, .shown = token_for(POPULATION, "population-register", s->index)};
}

static char **a_handover(const subject *s)
{
    subject own = of_register(s);
    return one_text(made_by_register("/vault.v1.Tokens/BatchCreateHandovers", make_handover(&own), "handover"));
}

/* For eldercare. */
static char **a_voucher(const subject *s)
{
    subject own = of_register(s);
    ProtobufCMessage *in = make_voucher(&own);
    ((Vault__V1__BatchCreateVouchersRequest *)(void *)in)->consumer = text("eldercare");
    return one_text(made_by_register("/vault.v1.Tokens/BatchCreateVouchers", in, "voucher"));
}

/* The register's own number for the resident. */
static char **a_number(const subject *s)
{
    subject own = of_register(s);
    Vault__V1__RevealRequest *in = reveal_of(own.shown, MASK("id_number"));
    in->form = VAULT__V1__FORM__FORM_TOKEN;
    request *rq = ask(&(asked){
        .path = "/vault.v1.Tokens/Reveal", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return one_text(revealed(rq, 0));
}

REQUEST(redeem_handover, Vault__V1__BatchRedeemHandoversRequest, vault__v1__batch_redeem_handovers_request__init,
        in->handovers = a_handover(s);
        in->n_handovers = 1)
REQUEST(redeem_voucher, Vault__V1__BatchRedeemVouchersRequest, vault__v1__batch_redeem_vouchers_request__init,
        in->vouchers = a_voucher(s);
        in->n_vouchers = 1)
REQUEST(revoke_voucher, Vault__V1__BatchRevokeVouchersRequest, vault__v1__batch_revoke_vouchers_request__init,
        in->vouchers = a_voucher(s);
        in->n_vouchers = 1)
REQUEST(restore_one, Vault__V1__BatchRestoreRequest, vault__v1__batch_restore_request__init,
        in->field = text("id_number");
        in->values = a_number(s); in->n_values = 1)

static ProtobufCMessage *test_one(const subject *s)
{
    Vault__V1__BatchTestRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    Vault__V1__TestItem *one = arena_alloc(fixture_memory(), sizeof *one);
    vault__v1__batch_test_request__init(in);
    vault__v1__test_item__init(one);
    one->token = text(s->shown);
    in->predicate = text("past_sixty");
    in->items = arena_array(fixture_memory(), 1, sizeof *in->items);
    in->items[in->n_items++] = one;
    return &in->base;
}

static ProtobufCMessage *decide_one(const subject *s)
{
    Vault__V1__BatchDecideCorrectionsRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    Vault__V1__Decision *one = arena_alloc(fixture_memory(), sizeof *one);
    (void)s;
    vault__v1__batch_decide_corrections_request__init(in);
    vault__v1__decision__init(one);
    one->name = text("corrections/999999");
    in->decisions = arena_array(fixture_memory(), 1, sizeof *in->decisions);
    in->decisions[in->n_decisions++] = one;
    return &in->base;
}

/* Everybody with the resident's phone number. */
static ProtobufCMessage *search_one(const subject *s)
{
    resident r;
    Vault__V1__SearchRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    Vault__V1__Condition *one = arena_alloc(fixture_memory(), sizeof *one);
    Vault__V1__Values *values = arena_alloc(fixture_memory(), sizeof *values);
    the_resident(s->index, &r);
    vault__v1__search_request__init(in);
    vault__v1__condition__init(one);
    vault__v1__values__init(values);
    values->values = one_text(arena_text(fixture_memory(), resident_value(&r, FIELD_PHONE)));
    values->n_values = 1;
    one->field = text("phone");
    one->question_case = VAULT__V1__CONDITION__QUESTION_EQUALS;
    one->equals = values;
    in->conditions = arena_array(fixture_memory(), 1, sizeof *in->conditions);
    in->conditions[in->n_conditions++] = one;
    return &in->base;
}

REQUEST(get_one, Vault__V1__GetRecordRequest, vault__v1__get_record_request__init, NAMED; in->field_mask = MASK("name"))
REQUEST(export_one, Vault__V1__ExportRequest, vault__v1__export_request__init, NAMED)
REQUEST(update_one, Vault__V1__UpdateRecordRequest, vault__v1__update_record_request__init, NAMED; in->version = 1;
        in->field_mask = MASK("occupation"); in->values = one_text("gardener"); in->n_values = 1)
REQUEST(browse_street, Vault__V1__BrowseRequest, vault__v1__browse_request__init, in->collection = text("residents");
        in->area = text("320411002"); in->field_mask = MASK("name"))

/* What the control room is asked shows who gets past the gate, and changes nothing. */
REQUEST(get_policy, Vault__V1__GetDocumentRequest, vault__v1__get_document_request__init, in->document = text("policy"))
REQUEST(check_policy, Vault__V1__CheckDocumentRequest, vault__v1__check_document_request__init,
        in->document = text("policy"))
REQUEST(revoke_nobody, Vault__V1__RevokeRequest, vault__v1__revoke_request__init, in->person = text("nobody");
        in->what_case = VAULT__V1__REVOKE_REQUEST__WHAT_PERSON)
REQUEST(propose_nothing, Vault__V1__ProposeRequest, vault__v1__propose_request__init, in->document = text("policy"))
#define NOT_THERE "approvals/00000000000000000000000000000000"
REQUEST(get_none, Vault__V1__GetApprovalRequest, vault__v1__get_approval_request__init, in->name = text(NOT_THERE))
REQUEST(reject_none, Vault__V1__RejectRequest, vault__v1__reject_request__init, in->name = text(NOT_THERE))
REQUEST(approve_none, Vault__V1__ApproveRequest, vault__v1__approve_request__init, in->name = text(NOT_THERE);
        in->digest = text("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))

/* ---- issue 5: keys, erasure. What gets past the gate asks for what is not there, or not at all ---- */

EMPTY(verify_rows, Vault__V1__VerifyRowsRequest, vault__v1__verify_rows_request__init)
EMPTY(init_nothing, Vault__V1__InitRequest, vault__v1__init_request__init)
EMPTY(unseal_nothing, Vault__V1__UnsealRequest, vault__v1__unseal_request__init)
EMPTY(seal_all, Vault__V1__SealRequest, vault__v1__seal_request__init)
EMPTY(rekey_nothing, Vault__V1__RekeyRequest, vault__v1__rekey_request__init)
EMPTY(rotate_nothing, Vault__V1__RotateRequest, vault__v1__rotate_request__init)
EMPTY(list_jobs, Vault__V1__ProgressRequest, vault__v1__progress_request__init)
REQUEST(pause_none, Vault__V1__ChangeJobRequest, vault__v1__change_job_request__init, in->name = text("jobs/999999");
        in->to = text("pause"))
REQUEST(destroy_none, Vault__V1__DestroyRequest, vault__v1__destroy_request__init, in->ring = text("record");
        in->version = 99)
REQUEST(certificate_of_none, Vault__V1__GetCertificateRequest, vault__v1__get_certificate_request__init,
        in->ring = text("record");
        in->version = 99)

/* The others' subject stays: whoever may erase it is given somebody else of the street, who is put anew each time. */
static const char *spare_token(const subject *s)
{
    subject own = of_register(s);
    bool registers = strcmp(s->shown, own.shown) == 0;
    uint64_t spare = resident_in_street(s->index + 1);
    if (registers) spare = resident_in_street(spare + 1);
    expect_outcome(put_residents(spare, 1), VAULT_OK, NULL);
    return registers ? token_for(POPULATION, "population-register", spare) : token_for(ELDERCARE, "elder-care", spare);
}

static ProtobufCMessage *erase_one(const subject *s)
{
    Vault__V1__EraseRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__erase_request__init(in);
    in->tokens = one_text(s->index == resident_in_street(0) ? spare_token(s) : s->shown);
    in->n_tokens = 1;
    return &in->base;
}

#include "tests/unit/service/deny_policy.h"

/* ---- the table: google.rpc.Code of the call, or of its only item ---- */

enum {
    MALFORMED = 3,
    MISSING = 5,
    DENIED = 7,
    AS_IT_STANDS = 9,
    NOBODY = 16,
    NONE_FOUND = 100 /* a list without anybody in it */,
    NOT_ASKED /* it would be done */
};
#define STRANGERS [STRANGER] = NOBODY, [NAMELESS] = NOBODY, [TWOFOLD] = NOBODY
#define OFFICERS  [REVIEWER] = DENIED, [NOSY] = DENIED, [ADMIN] = DENIED
#define APPS      [IN_AREA] = DENIED, [OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, [REGISTER] = DENIED

#define STEWARDS(code) [REVIEWER] = (code), [NOSY] = (code), [ADMIN] = (code)

static const struct row {
    const char *path;
    ProtobufCMessage *(*request)(const subject *s);
    int expected[CALLERS]; /* 0: OK */
} TABLE[] = {
    {"/vault.v1.Records/BatchPut",
     put_one,
     {[IN_AREA] = DENIED, [OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Tokens/BatchIssue", issue_one, {[BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Tokens/Reveal", reveal_one, {[OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Tokens/BatchReveal", reveal_list, {[OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Audit/GetCheckpoint", get_checkpoint, {STRANGERS}},
    {"/vault.v1.Audit/GetProof", get_proof, {STRANGERS}},
    {"/vault.v1.Audit/GetEntries", get_entries, {STRANGERS}},
    {"/vault.v1.Audit/Query", query_all, {APPS, [ADMIN] = DENIED, STRANGERS}},
    {"/vault.v1.Keys/Status", get_status, {APPS, STRANGERS}},
    {"/vault.v1.Records/Import",
     import_one,
     {[IN_AREA] = DENIED, [OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Records/ListCollections", list_collections, {STRANGERS}},
    {"/vault.v1.Tokens/BatchInspect", inspect_one, {[BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Tokens/BatchTest",
     test_one,
     {[OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, [REGISTER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Tokens/BatchRestore",
     restore_one,
     {[IN_AREA] = DENIED, [OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Tokens/BatchCreateHandovers",
     make_handover,
     {[IN_AREA] = DENIED, [OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Tokens/BatchRedeemHandovers",
     redeem_handover,
     {[BORROWER] = DENIED, [REGISTER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Tokens/BatchCreateVouchers",
     make_voucher,
     {[OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Tokens/BatchRedeemVouchers",
     redeem_voucher,
     {[OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, [REGISTER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Tokens/BatchRevokeVouchers",
     revoke_voucher,
     {[IN_AREA] = DENIED, [OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Records/Get", get_one, {[OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Records/Update",
     update_one,
     {[IN_AREA] = DENIED, [OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Records/Export",
     export_one,
     {[OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, [REGISTER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Records/Search",
     search_one,
     {[OUT_OF_AREA] = NONE_FOUND, [BORROWER] = DENIED, [REGISTER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Records/Browse", browse_street, {APPS, STRANGERS}},
    {"/vault.v1.Records/ListCorrections",
     list_corrections,
     {[IN_AREA] = DENIED, [OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Records/BatchDecideCorrections",
     decide_one,
     {[IN_AREA] = DENIED, [OUT_OF_AREA] = DENIED, [REGISTER] = MISSING, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Audit/TraceToken", trace_one, {APPS, [ADMIN] = DENIED, STRANGERS}},
    {"/vault.v1.Control/GetDocument", get_policy, {APPS, STRANGERS}},
    {"/vault.v1.Control/CheckDocument", check_policy, {APPS, STRANGERS}},
    {"/vault.v1.Control/ListChanges", list_changes, {APPS, STRANGERS}},
    {"/vault.v1.Control/Revoke", revoke_nobody, {APPS, STEWARDS(MISSING), STRANGERS}},
    {"/vault.v1.Approvals/Propose", propose_nothing, {APPS, STEWARDS(MALFORMED), STRANGERS}},
    {"/vault.v1.Approvals/List", list_approvals, {APPS, STRANGERS}},
    {"/vault.v1.Approvals/Get", get_none, {APPS, STEWARDS(MISSING), STRANGERS}},
    {"/vault.v1.Approvals/Approve",
     approve_none,
     {APPS, [REVIEWER] = MISSING, [NOSY] = MISSING, [ADMIN] = DENIED, STRANGERS}},
    {"/vault.v1.Approvals/Reject", reject_none, {APPS, STEWARDS(MISSING), STRANGERS}},
    {"/vault.v1.Audit/VerifyRows", verify_rows, {APPS, STRANGERS}},
    {"/vault.v1.Records/Erase", erase_one, {[OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Keys/Initialise", init_nothing, {APPS, STEWARDS(AS_IT_STANDS), STRANGERS}},
    {"/vault.v1.Keys/Unseal", unseal_nothing, {APPS, STEWARDS(AS_IT_STANDS), STRANGERS}},
    {"/vault.v1.Keys/Seal", seal_all, {APPS, STEWARDS(NOT_ASKED), STRANGERS}},
    {"/vault.v1.Keys/Rekey",
     rekey_nothing,
     {APPS, [REVIEWER] = DENIED, [NOSY] = DENIED, [ADMIN] = MALFORMED, STRANGERS}},
    {"/vault.v1.Keys/Rotate",
     rotate_nothing,
     {APPS, [REVIEWER] = DENIED, [NOSY] = DENIED, [ADMIN] = MALFORMED, STRANGERS}},
    {"/vault.v1.Keys/Progress", list_jobs, {APPS, STRANGERS}},
    {"/vault.v1.Keys/ChangeJob",
     pause_none,
     {APPS, [REVIEWER] = DENIED, [NOSY] = DENIED, [ADMIN] = MISSING, STRANGERS}},
    {"/vault.v1.Keys/Destroy",
     destroy_none,
     {APPS, [REVIEWER] = DENIED, [NOSY] = DENIED, [ADMIN] = MALFORMED, STRANGERS}},
    {"/vault.v1.Keys/GetCertificate", certificate_of_none, {APPS, STEWARDS(MISSING), STRANGERS}},
    POLICY_ROWS};

static const struct row *row_of(const char *path)
{
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
        if (strcmp(TABLE[i].path, path) == 0) return &TABLE[i];
    return NULL;
}

/* ---- outcomes ---- */

static int outcome_of(const request *rq)
{
    if (rq->err.code != VAULT_OK) {
        assert_null(rq->out);
        return status_code(rq->err.code);
    }
    if (!rq->out && rq->state) return 0; /* a stream that goes on */
    assert_non_null(rq->out);
    ProtobufCMessage **const *results = member(rq->out, "results");
    if (!results) return 0;
    if (!*results || !(*results)[0]) return NONE_FOUND;
    const Google__Rpc__Status *const *status = member((*results)[0], "status");
    return status && *status ? (*status)->code : 0;
}

static subject subject_of(caller who)
{
    subject s = {.index = who == OUT_OF_AREA ? resident_elsewhere(0) : resident_in_street(0)};
    s.shown = who == REGISTER ? token_for(POPULATION, "population-register", s.index)
                              : token_for(ELDERCARE, "elder-care", s.index);
    return s;
}

static void wait_for_checkpoint(void)
{
    subject s = subject_of(REGISTER);
    for (int i = 0; i < 600; i++) {
        if (ask(&(asked){.path = "/vault.v1.Audit/GetCheckpoint",
                         .uri = OFFICER,
                         .purpose = "log-review",
                         .in = get_checkpoint(&s)})
                ->err.code == VAULT_OK)
            return;
        usleep(100000);
    }
    fail_msg("no checkpoint was published");
}

TEST("every method has a row here")
{
    size_t count;
    const method *rows = service_methods(&count);
    for (size_t i = 0; i < count; i++)
        if (!row_of(rows[i].path)) fail_msg("%s has no row in the deny test", rows[i].path);
    assert_int_equal(count, sizeof TABLE / sizeof *TABLE);
}

TEST("every method answers every role, in and out of its area, as the table says")
{
    unsigned wrong = 0;
    wait_for_checkpoint();
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        for (caller who = 0; who < CALLERS; who++) {
            if (TABLE[i].expected[who] == NOT_ASKED) continue;
            subject s = subject_of(who);
            ProtobufCMessage *in = TABLE[i].request(&s);
            request *rq = ask(&(asked){.path = TABLE[i].path,
                                       .uri = WHO[who].uri,
                                       .also = WHO[who].also,
                                       .purpose = WHO[who].purpose,
                                       .in = in});
            if (outcome_of(rq) != TABLE[i].expected[who]) {
                print_message("%s by %s: %d, not %d (%s)\n", TABLE[i].path, WHO[who].name, outcome_of(rq),
                              TABLE[i].expected[who], rq->err.reason ? rq->err.reason : "-");
                wrong++;
            }
            fixture_reset();
        }
    }
    assert_int_equal(wrong, 0);
}

TEST("no method goes without a context, a purpose, a ticket and an id; none takes a purpose that is not registered")
{
    static const asked lacking[] = {{.purpose = ""},
                                    {.purpose = "elder-care", .ticket = ""},
                                    {.purpose = "elder-care", .ticket = "a\tb"},
                                    {.purpose = "elder-care\xff"},
                                    {.purpose = "no-such-purpose"}};
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        for (size_t k = 0; k < sizeof lacking / sizeof *lacking; k++) {
            subject s = subject_of(IN_AREA);
            asked one = lacking[k];
            one.path = TABLE[i].path;
            one.in = TABLE[i].request(&s);
            one.uri = ELDERCARE;
            int got = outcome_of(ask(&one));
            if (got != 3 && got != DENIED) fail_msg("%s with a poor context: %d", TABLE[i].path, got);
            fixture_reset();
        }
    }
}

TEST("a refusal for the role is a line of its own, that of a stranger is none")
{
    subject s = subject_of(IN_AREA);
    int64_t before = lines_in_log();
    asked one = {.path = "/vault.v1.Tokens/Reveal", .uri = OFFICER, .purpose = "elder-care", .in = reveal_one(&s)};
    expect_outcome(ask(&one), VAULT_DENIED, "role");
    assert_int_equal(lines_in_log(), before + 1);
    one.uri = "vault://dev/apps/eldercare/";
    expect_outcome(ask(&one), VAULT_UNAUTHENTICATED, "PRINCIPAL_UNKNOWN");
    one.uri = ELDERCARE;
    one.also = CLINIC;
    expect_outcome(ask(&one), VAULT_UNAUTHENTICATED, "PRINCIPAL_AMBIGUOUS");
    assert_int_equal(lines_in_log(), before + 1);
    fixture_reset();
}

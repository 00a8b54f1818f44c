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

/* ---- requests ---- */

typedef struct subject {
    uint64_t index;
    const char *shown; /* the token */
} subject;

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
EMPTY(list_changes, Vault__V1__ListChangesRequest, vault__v1__list_changes_request__init)
EMPTY(list_approvals, Vault__V1__ListApprovalsRequest, vault__v1__list_approvals_request__init)
EMPTY(get_checkpoint, Vault__V1__GetCheckpointRequest, vault__v1__get_checkpoint_request__init)
EMPTY(query_all, Vault__V1__QueryRequest, vault__v1__query_request__init)
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

/* What the control room is asked shows who gets past the gate, and changes nothing. */
static char *text(const char *of)
{
    return arena_text(fixture_memory(), bytes_of_text(of));
}

#define STEWARD(name, Type, init, ...)                                                                                 \
    static ProtobufCMessage *name(const subject *s)                                                                    \
    {                                                                                                                  \
        Type *in = arena_alloc(fixture_memory(), sizeof *in);                                                          \
        (void)s;                                                                                                       \
        init(in);                                                                                                      \
        __VA_ARGS__;                                                                                                   \
        return &in->base;                                                                                              \
    }
STEWARD(get_policy, Vault__V1__GetDocumentRequest, vault__v1__get_document_request__init, in->document = text("policy"))
STEWARD(check_policy, Vault__V1__CheckDocumentRequest, vault__v1__check_document_request__init,
        in->document = text("policy"))
STEWARD(revoke_nobody, Vault__V1__RevokeRequest, vault__v1__revoke_request__init, in->person = text("nobody");
        in->what_case = VAULT__V1__REVOKE_REQUEST__WHAT_PERSON)
STEWARD(propose_nothing, Vault__V1__ProposeRequest, vault__v1__propose_request__init, in->document = text("policy"))
#define NOT_THERE "approvals/00000000000000000000000000000000"
STEWARD(get_none, Vault__V1__GetApprovalRequest, vault__v1__get_approval_request__init, in->name = text(NOT_THERE))
STEWARD(reject_none, Vault__V1__RejectRequest, vault__v1__reject_request__init, in->name = text(NOT_THERE))
STEWARD(approve_none, Vault__V1__ApproveRequest, vault__v1__approve_request__init, in->name = text(NOT_THERE);
        in->digest = text("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))

/* ---- the table: google.rpc.Code of the call, or of its only item ---- */

enum { MALFORMED = 3, MISSING = 5, DENIED = 7, NOBODY = 16 };
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
    {"/vault.v1.Audit/Query", query_all, {APPS, [ADMIN] = DENIED, STRANGERS}},
    {"/vault.v1.Keys/Status", get_status, {APPS, STRANGERS}},
    {"/vault.v1.Records/Import",
     import_one,
     {[IN_AREA] = DENIED, [OUT_OF_AREA] = DENIED, [BORROWER] = DENIED, OFFICERS, STRANGERS}},
    {"/vault.v1.Records/ListCollections", list_collections, {STRANGERS}},
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
};

static const struct row *row_of(const char *path)
{
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
        if (strcmp(TABLE[i].path, path) == 0) return &TABLE[i];
    return NULL;
}

/* ---- outcomes ---- */

static const void *member(const ProtobufCMessage *of, const char *name)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(of->descriptor, name);
    return f ? (const char *)of + f->offset : NULL;
}

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
    const Google__Rpc__Status *const *status = member((*results)[0], "status");
    return *status ? (*status)->code : 0;
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
    for (int i = 0; i < 100; i++) {
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
    wait_for_checkpoint();
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        for (caller who = 0; who < CALLERS; who++) {
            subject s = subject_of(who);
            ProtobufCMessage *in = TABLE[i].request(&s);
            request *rq = ask(&(asked){.path = TABLE[i].path,
                                       .uri = WHO[who].uri,
                                       .also = WHO[who].also,
                                       .purpose = WHO[who].purpose,
                                       .in = in});
            if (outcome_of(rq) != TABLE[i].expected[who])
                fail_msg("%s by %s: %d, not %d (%s)", TABLE[i].path, WHO[who].name, outcome_of(rq),
                         TABLE[i].expected[who], rq->err.reason ? rq->err.reason : "-");
            fixture_reset();
        }
    }
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

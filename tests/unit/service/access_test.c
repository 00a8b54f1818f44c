/* Leave for one call: bound to the call itself, not to a name for it; by officers, for its time. */
#include "tests/unit/service/glass.h"

__attribute__((constructor)) static void documents(void)
{
    fixture_edit = with_glass;
}

enum { RESIDENTS = 3 };

static char **tokens_from(uint64_t first)
{
    char **list = arena_array(fixture_memory(), RESIDENTS, sizeof *list);
    for (uint64_t i = 0; i < RESIDENTS; i++) list[i] = lend(token_for(ELDERCARE, VISIT, first + i));
    return list;
}

static Vault__V1__BatchRevealRequest *bulk(char **tokens, const char *field)
{
    NEW_REQUEST(in, Vault__V1__BatchRevealRequest, vault__v1__batch_reveal_request__init);
    in->tokens = tokens;
    in->n_tokens = RESIDENTS;
    in->field_mask = MASK(field);
    return in;
}

static bytes packed(const ProtobufCMessage *of)
{
    uint8_t *at = arena_alloc(fixture_memory(), protobuf_c_message_get_packed_size(of) + 1);
    return bytes_of(at, protobuf_c_message_pack(of, at));
}

static request *ask_leave_by(const char *uri, const char *why, const char *path, bytes of, const char *sub)
{
    NEW_REQUEST(in, Vault__V1__RequestAccessRequest, vault__v1__request_access_request__init);
    in->method = lend(path);
    in->request = (ProtobufCBinaryData){.len = of.len, .data = (uint8_t *)(uintptr_t)of.at};
    return ask(&(asked){.path = "/vault.v1.Approvals/RequestAccess",
                        .uri = uri,
                        .purpose = why,
                        .in = &in->base,
                        .assertion = sub ? says(sub) : NULL});
}

#define BULK "/vault.v1.Tokens/BatchReveal"

static const Vault__V1__Approval *leave(const ProtobufCMessage *of, const char *sub)
{
    request *rq = ask_leave_by(ELDERCARE, VISIT, BULK, packed(of), sub);
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__RequestAccessResponse *)(const void *)rq->out)->approval;
}

/* How many were shown. The clause of the others is left in *clause. */
static size_t shown_with(const char *name, ProtobufCMessage *in, const char *sub)
{
    request *rq = ask(&(asked){.path = BULK,
                               .uri = ELDERCARE,
                               .purpose = VISIT,
                               .in = in,
                               .assertion = sub ? says(sub) : NULL,
                               .approval = name});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRevealResponse *out = (const void *)rq->out;
    size_t good = 0;
    for (size_t i = 0; i < out->n_results; i++) good += out->results[i]->status == NULL;
    return good;
}

static void drop(const Vault__V1__Approval *a)
{
    expect_outcome(reject(OFFICER, a->name), VAULT_OK, NULL);
}

TEST(
    "a call about more residents than its rule allows waits for an officer, passes then, and each line names the leave")
{
    Vault__V1__BatchRevealRequest *in = bulk(tokens_from(0), "occupation");
    int64_t since = clock_now_us();
    assert_int_equal(shown_with(NULL, &in->base, NULL), 0);
    in->context = NULL;
    const Vault__V1__Approval *a = leave(&in->base, NULL);
    assert_string_equal(a->document, "access");
    assert_string_equal(a->state, "pending");
    assert_string_equal(a->proposer, "eldercare");
    assert_int_equal(shown_with(a->name, &in->base, NULL), 0);
    assert_string_equal(approval_of(approve(OFFICER, a))->state, "approved");
    assert_int_equal(shown_with(a->name, &in->base, NULL), RESIDENTS);
    assert_int_equal(shown_with(a->name, &in->base, NULL), RESIDENTS); /* the same residents, as often as it is asked */
    assert_int_equal(shown_with(NULL, &in->base, NULL), 0);            /* without it nothing has changed */
    char part[96];
    snprintf(part, sizeof part, "\"action\":\"reveal\",\"app\":\"eldercare\",\"approval\":\"%s\"", a->name);
    assert_int_equal(occurrences(views_since(since), part), 2 * RESIDENTS);
    drop(a);
    fixture_reset();
}

TEST("the officer sees what is asked for and for how many, never for whom")
{
    char **tokens = tokens_from(0);
    Vault__V1__BatchRevealRequest *in = bulk(tokens, "occupation");
    const Vault__V1__Approval *a = leave(&in->base, "grid-zhao");
    request *rq = get_approval(OFFICER, a->name);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__GetApprovalResponse *out = (const void *)rq->out;
    const char *text = arena_text(fixture_memory(), bytes_of(out->content.data, out->content.len));
    expect_in(text, "\"app\":\"eldercare\"");
    expect_in(text, "\"fields\":\"occupation\"");
    expect_in(text, "\"form\":\"plain\"");
    expect_in(text, "\"method\":\"/vault.v1.Tokens/BatchReveal\"");
    expect_in(text, "\"person\":\"grid-zhao\"");
    expect_in(text, "\"purpose\":\"elder-care\"");
    expect_in(text, "\"residents\":3");
    expect_in(text, "\"ticket\":\"case 2026-1122\"");
    expect_not_in(text, "rv1");
    assert_int_equal(out->standing.len, 0);
    drop(a);
    fixture_reset();
}

TEST("leave is for no other call: other residents, order, field, form, receipt, person, purpose, or the single reveal")
{
    char **tokens = tokens_from(0), **others = tokens_from(3),
         **turned = arena_array(fixture_memory(), 3, sizeof *turned);
    for (size_t i = 0; i < RESIDENTS; i++) turned[i] = tokens[RESIDENTS - 1 - i];
    Vault__V1__BatchRevealRequest *in = bulk(tokens, "occupation");
    const Vault__V1__Approval *a = leave(&in->base, NULL);
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    assert_int_equal(shown_with(a->name, &bulk(others, "occupation")->base, NULL), 0);
    assert_int_equal(shown_with(a->name, &bulk(turned, "occupation")->base, NULL), 0);
    Vault__V1__BatchRevealRequest *receipt = bulk(tokens, "occupation"), *masked = bulk(tokens, "occupation");
    receipt->want_receipt = true;
    masked->form = VAULT__V1__FORM__FORM_MASKED;
    assert_int_equal(shown_with(a->name, &receipt->base, NULL), 0);
    assert_int_equal(shown_with(a->name, &masked->base, NULL), 0);
    assert_int_equal(shown_with(a->name, &in->base, "grid-zhao"), 0);
    assert_int_equal(shown_with("approvals/0123456789abcdef0123456789abcdef", &in->base, NULL), 0);
    assert_int_equal(shown_with(a->name, &in->base, NULL), RESIDENTS);
    drop(a);
    assert_int_equal(shown_with(a->name, &in->base, NULL), 0);
    fixture_reset();
}

TEST("leave that was given to a person is not the app's, nor another person's")
{
    Vault__V1__BatchRevealRequest *in = bulk(tokens_from(0), "occupation");
    const Vault__V1__Approval *a = leave(&in->base, "grid-zhao");
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    assert_int_equal(shown_with(a->name, &in->base, NULL), 0);
    assert_int_equal(shown_with(a->name, &in->base, "grid-own"), 0);
    assert_int_equal(shown_with(a->name, &in->base, "grid-zhao"), RESIDENTS);
    drop(a);
    fixture_reset();
}

TEST("another app's leave for the very same request is its own")
{
    Vault__V1__BatchRevealRequest *in = bulk(tokens_from(0), "occupation");
    request *rq = ask_leave_by(CLINIC, "family-doctor", BULK, packed(&in->base), NULL);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__Approval *a = ((const Vault__V1__RequestAccessResponse *)(const void *)rq->out)->approval;
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    assert_int_equal(shown_with(a->name, &in->base, NULL), 0);
    drop(a);
    fixture_reset();
}

TEST("leave ends by itself, and stays ended when the clock is set back")
{
    (void)pass(0);
    Vault__V1__BatchRevealRequest *in = bulk(tokens_from(0), "occupation");
    const Vault__V1__Approval *a = leave(&in->base, NULL);
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    (void)pass(4 * HOUR_US - 1000);
    assert_int_equal(shown_with(a->name, &in->base, NULL), RESIDENTS);
    (void)pass(1000);
    assert_int_equal(shown_with(a->name, &in->base, NULL), 0);
    set_back(HOUR_US);
    assert_int_equal(shown_with(a->name, &in->base, NULL), 0);
    (void)pass(1000);
    fixture_reset();
}

TEST("leave is asked for calls by which values leave, well-formed, of fields that there are; by apps alone")
{
    Vault__V1__BatchRevealRequest *in = bulk(tokens_from(0), "occupation");
    const bytes good = packed(&in->base), none = {0}, bad = bytes_of_text("\x0a\xff\xff\xff\xff\xff");
    static const char *const methods[] = {"",
                                          "x",
                                          "/vault.v1.Records/BatchPut",
                                          "/vault.v1.Records/Import",
                                          "/vault.v1.Tokens/BatchIssue",
                                          "/vault.v1.Audit/Query",
                                          "/vault.v1.Tokens/BatchReveal/"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        expect_outcome(ask_leave_by(ELDERCARE, VISIT, methods[i], good, NULL), VAULT_INVALID, "METHOD_UNKNOWN");
    expect_outcome(ask_leave_by(ELDERCARE, VISIT, BULK, none, NULL), VAULT_INVALID, "REQUIRED");
    expect_outcome(ask_leave_by(ELDERCARE, VISIT, BULK, bad, NULL), VAULT_INVALID, "BAD_REQUEST");
    expect_outcome(ask_leave_by(ELDERCARE, VISIT, BULK, packed(&bulk(in->tokens, "secrets")->base), NULL),
                   VAULT_INVALID, "UNKNOWN_FIELD");
    expect_outcome(ask_leave_by(OFFICER, "control", BULK, good, NULL), VAULT_DENIED, "role");
    expect_outcome(ask(&(asked){.path = BULK, .uri = ELDERCARE, .purpose = VISIT, .in = &in->base, .approval = "x"}),
                   VAULT_INVALID, "BAD_APPROVAL");
    fixture_reset();
}

TEST("an app has four that wait, and takes no room from documents")
{
    Vault__V1__BatchRevealRequest *in = bulk(tokens_from(0), "occupation");
    const Vault__V1__Approval *all[4];
    for (size_t i = 0; i < 4; i++) all[i] = leave(&in->base, NULL);
    expect_outcome(ask_leave_by(ELDERCARE, VISIT, BULK, packed(&in->base), NULL), VAULT_EXHAUSTED, "TOO_MANY_PENDING");
    for (size_t i = 0; i < 4; i++) drop(all[i]);
    fixture_reset();
}

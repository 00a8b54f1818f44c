/* Documents as officers and administrators read, check and revoke them; the history that says who changed what, and
 * why; and every question a line before it is answered. */
#include "tests/unit/service/steward.h"

/* ---- documents ---- */

static const char *const NAMES[] = {"schema", "principals", "persons", "purposes", "policy", "sharing", "browsing"};
enum { NAMES_COUNT = sizeof NAMES / sizeof *NAMES };

TEST("a document comes as canonical JSON, with the digest of just that, and the version that brought it")
{
    for (size_t i = 0; i < NAMES_COUNT; i++) {
        const Vault__V1__GetDocumentResponse *out = standing(NAMES[i]);
        const digest d = sha256(bytes_of(out->content.data, out->content.len));
        char hex[2 * DIGEST_LEN + 1];
        hex_encode(hex, digest_bytes(&d));
        assert_string_equal(out->digest, hex);
        assert_int_equal(out->version, 1);
        json_t *of = json_loadb((const char *)out->content.data, out->content.len, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(of);
        json_decref(of);
    }
    fixture_reset();
}

TEST("no other document is given: not the vault's own, not one of no name, not one of a version that is not")
{
    static const char *const bad[] = {"domains", "", "Schema", "schema ", "schema.json", "manifest", "../policy"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        request *rq = get_document(NULL, OFFICER, bad[i], 0);
        expect_outcome(rq, VAULT_INVALID, "DOCUMENT_UNKNOWN");
        assert_string_equal(rq->err.field, "document");
    }
    expect_outcome(get_document(NULL, OFFICER, "policy", 1000), VAULT_NOT_FOUND, NULL);
    expect_outcome(get_document(NULL, OFFICER, "policy", UINT64_MAX), VAULT_INVALID, "OUT_OF_RANGE");
    expect_not_in(last_line()->officer_view, "../policy");
    fixture_reset();
}

static void add_purpose(json_t *of)
{
    static unsigned serial;
    char id[32];
    snprintf(id, sizeof id, "purpose-%u", ++serial);
    json_array_append_new(json_object_get(of, "purposes"),
                          json_pack("{s:s, s:s, s:s, s:s, s:[s], s:s, s:{s:s, s:s}, s:[]}", "id", id, "title",
                                    "one more", "basis", "PIPL 13(1)(3)", "notice", "one more", "forms", "plain",
                                    "retention", "P3Y", "assessment", "id", "PIA-2", "until", "2099-12-31",
                                    "consumers"));
}

TEST("a document is given as a former version had it")
{
    const Vault__V1__GetDocumentResponse *before = standing("purposes");
    change_document("purposes", add_purpose);
    const Vault__V1__GetDocumentResponse *after = standing("purposes");
    assert_string_not_equal(before->digest, after->digest);
    assert_true(after->version > before->version);
    for (uint64_t version = before->version; version <= after->version; version++) {
        request *rq = get_document(NULL, ADMINISTRATOR, "purposes", version);
        expect_outcome(rq, VAULT_OK, NULL);
        const Vault__V1__GetDocumentResponse *then = (const void *)rq->out;
        assert_string_equal(then->digest, version < after->version ? before->digest : after->digest);
        assert_int_equal(then->version, version < after->version ? before->version : after->version);
    }
    fixture_reset();
}

/* ---- checks ---- */

static request *check(const char *name, bytes content)
{
    NEW_REQUEST(in, Vault__V1__CheckDocumentRequest, vault__v1__check_document_request__init);
    in->document = lend(name);
    in->content = (ProtobufCBinaryData){.len = content.len, .data = (uint8_t *)(uintptr_t)content.at};
    return steward(NULL, ADMINISTRATOR, "/vault.v1.Control/CheckDocument", &in->base);
}

static const Vault__V1__CheckDocumentResponse *checked(const char *name, bytes content)
{
    request *rq = check(name, content);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

TEST("a document without fault is checked to the digest that a proposal of it would have")
{
    bytes content = edited("purposes", add_purpose);
    const char *before = standing("purposes")->digest;
    const Vault__V1__CheckDocumentResponse *out = checked("purposes", content);
    assert_null(out->fault);
    assert_string_equal(standing("purposes")->digest, before);
    const Vault__V1__Approval *a = approval_of(propose(NULL, ADMINISTRATOR, "purposes", content));
    assert_string_equal(out->digest, a->digest);
    expect_outcome(reject(ADMINISTRATOR, a->name), VAULT_OK, NULL);
    fixture_reset();
}

static void break_consumer(json_t *of)
{
    json_object_set_new(json_array_get(json_object_get(of, "rules"), 2), "consumer", json_string("nobody"));
}

TEST("a fault is no error of the call: line, column, path and mend are told, and a proposal names the same path")
{
    bytes content = edited("policy", break_consumer);
    const Vault__V1__CheckDocumentResponse *out = checked("policy", content);
    assert_non_null(out->fault);
    assert_string_equal(out->digest, "");
    assert_true(out->fault->line > 1 && out->fault->column > 1);
    expect_in(out->fault->path, "rules[2]");
    assert_true(strlen(out->fault->text) > 0);
    request *rq = propose(NULL, ADMINISTRATOR, "policy", content);
    expect_outcome(rq, VAULT_INVALID, "DOCUMENT_INVALID");
    expect_in(rq->err.field, "rules[2]");
    assert_int_equal(pending()->n_approvals, 0);
    fixture_reset();
}

TEST("what is no JSON, doubled, cut off, nested or empty is a fault with its place, and never taken")
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"rules\":[],\"rules\":[]}",
        "{\"rules\":[]} x",
        "\xff\xfe",
        "{\"rules\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const Vault__V1__CheckDocumentResponse *out = checked("policy", bytes_of_text(bad[i]));
        if (!out->fault) fail_msg("taken: %s", bad[i]);
        expect_outcome(propose(NULL, ADMINISTRATOR, "policy", bytes_of_text(bad[i])), VAULT_INVALID, NULL);
    }
    uint8_t *large = arena_alloc(fixture_memory(), (8 << 20) + 1);
    memset(large, ' ', (8 << 20) + 1);
    expect_outcome(check("policy", bytes_of(large, (8 << 20) + 1)), VAULT_INVALID, "TOO_LARGE");
    expect_outcome(propose(NULL, ADMINISTRATOR, "policy", bytes_of(large, (8 << 20) + 1)), VAULT_INVALID, "TOO_LARGE");
    fixture_reset();
}

/* ---- history ---- */

static const Vault__V1__Change *change_of(const Vault__V1__ListChangesResponse *page, const char *kind)
{
    for (size_t i = 0; i < page->n_changes; i++)
        if (strcmp(page->changes[i]->kind, kind) == 0) return page->changes[i];
    fail_msg("no %s in the history", kind);
    return NULL;
}

TEST("the history says who, when, why, before and after, and so does the line")
{
    char *before = standing("purposes")->digest;
    NEW_REQUEST(in, Vault__V1__ProposeRequest, vault__v1__propose_request__init);
    bytes content = edited("purposes", add_purpose);
    in->document = lend("purposes");
    in->content = (ProtobufCBinaryData){.len = content.len, .data = (uint8_t *)(uintptr_t)content.at};
    in->replaces = before;
    const Vault__V1__Approval *a = approval_of(ask(&(asked){.path = "/vault.v1.Approvals/Propose",
                                                            .uri = ADMINISTRATOR,
                                                            .purpose = "control",
                                                            .ticket = "order 2026-77",
                                                            .in = &in->base}));
    const Vault__V1__Line *line = last_line();
    assert_string_equal(line->action, "control");
    expect_in(line->officer_view, "\"change\":\"propose\"");
    expect_in(line->officer_view, "order 2026-77");
    expect_in(line->officer_view, "admin-li");
    expect_in(line->officer_view, a->name);
    expect_in(line->officer_view, a->digest);
    expect_in(line->officer_view, before);
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    line = last_line();
    expect_in(line->officer_view, "\"change\":\"activate\"");
    expect_in(line->officer_view, "officer-wang");
    expect_in(line->officer_view, a->digest);
    const Vault__V1__ListChangesResponse *page = changes(2, "");
    const Vault__V1__Change *made = change_of(page, "propose"), *done = change_of(page, "activate");
    assert_int_equal(done->version, made->version + 1);
    assert_string_equal(made->who, "admin-li");
    assert_string_equal(made->ticket, "order 2026-77");
    assert_string_equal(done->who, "officer-wang");
    assert_string_equal(done->document, "purposes");
    assert_string_equal(done->before, before);
    assert_string_equal(done->after, a->digest);
    assert_string_equal(done->approval, a->name);
    assert_string_equal(standing("purposes")->digest, done->after);
    assert_int_equal(standing("purposes")->version, done->version);
    fixture_reset();
}

TEST("pages of the history meet, newest first, down to init")
{
    uint64_t newest = last_change()->version, expected = newest;
    const char *token = "";
    do {
        const Vault__V1__ListChangesResponse *page = changes(2, token);
        assert_in_range(page->n_changes, 1, 2);
        for (size_t i = 0; i < page->n_changes; i++, expected--) {
            assert_int_equal(page->changes[i]->version, expected);
            assert_int_equal(strlen(page->changes[i]->manifest), 64);
        }
        token = page->next_page_token;
        if (!token[0]) assert_string_equal(page->changes[page->n_changes - 1]->kind, "init");
    } while (token[0]);
    assert_int_equal(expected, 0);
    fixture_reset();
}

static request *list_changes(int32_t size, const char *token)
{
    NEW_REQUEST(in, Vault__V1__ListChangesRequest, vault__v1__list_changes_request__init);
    in->page_size = size;
    in->page_token = lend(token);
    return steward(NULL, OFFICER, "/vault.v1.Control/ListChanges", &in->base);
}

TEST("a page size or token that is no good is refused")
{
    NEW_REQUEST(other, Vault__V1__QueryRequest, vault__v1__query_request__init);
    other->page_size = 1;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &other->base});
    const char *foreign = ((const Vault__V1__QueryResponse *)(const void *)rq->out)->next_page_token;
    expect_outcome(list_changes(-1, ""), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(list_changes(1001, ""), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(list_changes(0, "garbage"), VAULT_INVALID, "BAD_PAGE_TOKEN");
    expect_outcome(list_changes(0, foreign), VAULT_INVALID, "PAGE_TOKEN_OF_OTHER_QUERY");
    expect_outcome(list_changes(1000, ""), VAULT_OK, NULL);
    fixture_reset();
}

/* ---- every question is a line ---- */

static ProtobufCMessage *question(unsigned which)
{
    switch (which) {
    case 0: {
        NEW_REQUEST(in, Vault__V1__GetDocumentRequest, vault__v1__get_document_request__init);
        in->document = lend("persons");
        return &in->base;
    }
    case 1: {
        NEW_REQUEST(in, Vault__V1__CheckDocumentRequest, vault__v1__check_document_request__init);
        in->document = lend("persons");
        return &in->base;
    }
    case 2: {
        NEW_REQUEST(in, Vault__V1__ListChangesRequest, vault__v1__list_changes_request__init);
        return &in->base;
    }
    case 3: {
        NEW_REQUEST(in, Vault__V1__ListApprovalsRequest, vault__v1__list_approvals_request__init);
        return &in->base;
    }
    default: {
        NEW_REQUEST(in, Vault__V1__GetApprovalRequest, vault__v1__get_approval_request__init);
        in->name = lend("approvals/00000000000000000000000000000000");
        return &in->base;
    }
    }
}

TEST("every question about the control room is one line, that names who asked and what, whatever the answer")
{
    static const struct {
        const char *path, *says;
    } questions[] = {{"/vault.v1.Control/GetDocument", "\"document\":\"persons\""},
                     {"/vault.v1.Control/CheckDocument", "\"document\":\"persons\""},
                     {"/vault.v1.Control/ListChanges", "\"fields\":\"changes\""},
                     {"/vault.v1.Approvals/List", "\"fields\":\"approvals\""},
                     {"/vault.v1.Approvals/Get", "\"fields\":\"approval\""}};
    static const struct {
        const char *uri, *id;
    } who[] = {{OFFICER, "officer-wang"}, {ADMINISTRATOR, "admin-li"}};
    for (unsigned i = 0; i < sizeof questions / sizeof *questions; i++) {
        for (unsigned k = 0; k < 2; k++) {
            int64_t before = lines_in_log();
            (void)steward(NULL, who[k].uri, questions[i].path, question(i));
            assert_int_equal(lines_in_log(), before + 1);
            const Vault__V1__Line *line = last_line();
            assert_string_equal(line->action, "query");
            expect_in(line->officer_view, who[k].id);
            expect_in(line->officer_view, questions[i].says);
        }
    }
    fixture_reset();
}

/* ---- revocation ---- */

TEST("what is revoked is named in the line, and revoking it again finds nothing")
{
    request *rq = revoke_as(NULL, ADMINISTRATOR, PERSON, "nurse-han");
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__Change *done = ((const Vault__V1__RevokeResponse *)(const void *)rq->out)->change;
    assert_string_equal(done->kind, "revoke");
    assert_string_equal(done->document, "persons");
    assert_string_equal(done->who, "admin-li");
    assert_string_equal(done->after, standing("persons")->digest);
    expect_outcome(revoke_as(NULL, OFFICER, PERSON, "nurse-han"), VAULT_NOT_FOUND, NULL);
    expect_in(last_line()->officer_view, "\"outcome\":\"refused\"");
    expect_outcome(revoke_as(NULL, OFFICER, PERSON, "nobody"), VAULT_NOT_FOUND, NULL);
    expect_outcome(revoke_as(NULL, OFFICER, CERTIFICATE, "00"), VAULT_INVALID, "BAD_DIGEST");
    expect_outcome(revoke_as(NULL, OFFICER, ASSERTION_KEY, "civil-affairs/none"), VAULT_NOT_FOUND, NULL);
    expect_outcome(revoke_as(NULL, OFFICER, VAULT__V1__REVOKE_REQUEST__WHAT__NOT_SET, ""), VAULT_INVALID, "REQUIRED");
    expect_outcome(revoke_as(NULL, OFFICER, CERTIFICATE, fingerprint("nobody")), VAULT_NOT_FOUND, NULL);
    expect_outcome(revoke_as(NULL, OFFICER, CERTIFICATE, fingerprint(ADMINISTRATOR_2)), VAULT_OK, NULL);
    expect_in(last_line()->officer_view, fingerprint(ADMINISTRATOR_2));
    expect_outcome(get_document(NULL, ADMINISTRATOR_2, "policy", 0), VAULT_UNAUTHENTICATED, "CERTIFICATE_REVOKED");
    expect_in(last_line()->officer_view, "CERTIFICATE_REVOKED");
    fixture_reset();
}

TEST("the last officer and the last administrator are not revoked, and give a line all the same")
{
    int64_t before = lines_in_log();
    expect_outcome(revoke_as(NULL, OFFICER, CERTIFICATE, fingerprint(ADMINISTRATOR)), VAULT_DENIED,
                   "LAST_ADMINISTRATOR"); /* the other one is gone by now */
    expect_outcome(revoke_as(NULL, ADMINISTRATOR, CERTIFICATE, fingerprint(OFFICER_2)), VAULT_OK, NULL);
    expect_outcome(revoke_as(NULL, ADMINISTRATOR, CERTIFICATE, fingerprint(OFFICER)), VAULT_DENIED, "LAST_OFFICER");
    assert_int_equal(lines_in_log(), before + 3);
    expect_in(last_line()->officer_view, "LAST_OFFICER");
    fixture_reset();
}

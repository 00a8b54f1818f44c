/* Officers and administrators at work: documents read, edited, proposed, approved, as the RPCs are called. */
#pragma once
#include "tests/support/vault_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef void (*edit)(json_t *of);

/* Another vaultd on the same database. */
typedef struct node {
    service *service;
    session *session;
    char checkpoint[64];
} node;

static inline void node_open(node *n)
{
    static unsigned serial;
    vault_error err = {0};
    (void)fixture_session();
    service_options o = fixture_options();
    char name[24];
    snprintf(name, sizeof name, "node-%u", ++serial);
    fixture_path(n->checkpoint, sizeof n->checkpoint, name);
    o.checkpoint_file = n->checkpoint;
    expect_ok(service_open(&n->service, &o, &err), &err);
    expect_ok(session_open(&n->session, n->service, &err), &err);
}

static inline void node_close(node *n)
{
    session_close(&n->session);
    service_close(&n->service);
    unlink(n->checkpoint);
}

/* `by`: the session that is asked; NULL: the fixture's. */
static inline request *steward(session *by, const char *uri, const char *path, ProtobufCMessage *in)
{
    return ask(&(asked){.path = path, .uri = uri, .purpose = "control", .in = in, .by = by});
}

#define NEW_REQUEST(name, Type, init)                                                                                  \
    Type *name = arena_alloc(fixture_memory(), sizeof *name);                                                          \
    init(name)

static inline char *lend(const char *text)
{
    return arena_text(fixture_memory(), bytes_of_text(text));
}

/* ---- documents ---- */

static inline request *get_document(session *by, const char *uri, const char *name, uint64_t version)
{
    NEW_REQUEST(in, Vault__V1__GetDocumentRequest, vault__v1__get_document_request__init);
    in->document = lend(name);
    in->version = version;
    return steward(by, uri, "/vault.v1.Control/GetDocument", &in->base);
}

static inline const Vault__V1__GetDocumentResponse *standing(const char *name)
{
    request *rq = get_document(NULL, OFFICER, name, 0);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline bytes dumped(json_t *of)
{
    char *text = json_dumps(of, JSON_INDENT(1));
    bytes kept = arena_copy(fixture_memory(), bytes_of_text(text));
    cjose_get_dealloc()(text);
    return kept;
}

/* The document as it stands, edited, as a person would write it. */
static inline bytes edited(const char *name, edit how)
{
    const Vault__V1__GetDocumentResponse *now = standing(name);
    json_t *of = json_loadb((const char *)now->content.data, now->content.len, 0, NULL);
    assert_non_null(of);
    how(of);
    bytes out = dumped(of);
    json_decref(of);
    return out;
}

static inline json_t *entry(json_t *of, const char *list, const char *id)
{
    size_t i;
    json_t *found;
    json_array_foreach(json_object_get(of, list), i, found)
    {
        if (strcmp(json_string_value(json_object_get(found, "id")), id) == 0) return found;
    }
    fail_msg("no %s in %s", id, list);
    return NULL;
}

/* ---- proposals ---- */

static inline request *propose(session *by, const char *uri, const char *name, bytes content)
{
    NEW_REQUEST(in, Vault__V1__ProposeRequest, vault__v1__propose_request__init);
    in->document = lend(name);
    in->content = (ProtobufCBinaryData){.len = content.len, .data = (uint8_t *)(uintptr_t)content.at};
    in->replaces = standing(name)->digest;
    return steward(by, uri, "/vault.v1.Approvals/Propose", &in->base);
}

static inline const Vault__V1__Approval *approval_of(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL); /* the three answers have the same shape */
    return ((const Vault__V1__ProposeResponse *)(const void *)rq->out)->approval;
}

static inline const Vault__V1__Approval *proposed(const char *uri, const char *name, edit how)
{
    return approval_of(propose(NULL, uri, name, edited(name, how)));
}

static inline request *approve_as(session *by, const char *uri, const char *name, const char *digest_hex)
{
    NEW_REQUEST(in, Vault__V1__ApproveRequest, vault__v1__approve_request__init);
    in->name = lend(name);
    in->digest = lend(digest_hex);
    return steward(by, uri, "/vault.v1.Approvals/Approve", &in->base);
}

static inline request *approve(const char *uri, const Vault__V1__Approval *a)
{
    return approve_as(NULL, uri, a->name, a->digest);
}

static inline request *reject(const char *uri, const char *name)
{
    NEW_REQUEST(in, Vault__V1__RejectRequest, vault__v1__reject_request__init);
    in->name = lend(name);
    return steward(NULL, uri, "/vault.v1.Approvals/Reject", &in->base);
}

static inline const Vault__V1__ListApprovalsResponse *pending(void)
{
    NEW_REQUEST(in, Vault__V1__ListApprovalsRequest, vault__v1__list_approvals_request__init);
    request *rq = steward(NULL, OFFICER, "/vault.v1.Approvals/List", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline request *get_approval(const char *uri, const char *name)
{
    NEW_REQUEST(in, Vault__V1__GetApprovalRequest, vault__v1__get_approval_request__init);
    in->name = lend(name);
    return steward(NULL, uri, "/vault.v1.Approvals/Get", &in->base);
}

/* Two people change a document. */
static inline void change_document(const char *name, edit how)
{
    expect_outcome(approve(OFFICER, proposed(ADMINISTRATOR, name, how)), VAULT_OK, NULL);
}

/* ---- revocation and history ---- */

typedef Vault__V1__RevokeRequest__WhatCase what_case;
#define CERTIFICATE   VAULT__V1__REVOKE_REQUEST__WHAT_CERTIFICATE
#define ASSERTION_KEY VAULT__V1__REVOKE_REQUEST__WHAT_ASSERTION_KEY
#define PERSON        VAULT__V1__REVOKE_REQUEST__WHAT_PERSON

static inline request *revoke_as(session *by, const char *uri, what_case of, const char *what)
{
    NEW_REQUEST(in, Vault__V1__RevokeRequest, vault__v1__revoke_request__init);
    in->what_case = of;
    in->certificate = lend(what); /* a union: the text is any one's */
    return steward(by, uri, "/vault.v1.Control/Revoke", &in->base);
}

/* The fingerprint of the certificate that the fixture gave this URI. */
static inline const char *fingerprint(const char *uri)
{
    const digest d = sha256(bytes_of_text(uri));
    char hex[2 * DIGEST_LEN + 1];
    hex_encode(hex, digest_bytes(&d));
    return lend(hex);
}

static inline const Vault__V1__ListChangesResponse *changes(int32_t page_size, const char *page_token)
{
    NEW_REQUEST(in, Vault__V1__ListChangesRequest, vault__v1__list_changes_request__init);
    in->page_size = page_size;
    in->page_token = lend(page_token);
    request *rq = steward(NULL, OFFICER, "/vault.v1.Control/ListChanges", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline const Vault__V1__Change *last_change(void)
{
    return changes(1, "")->changes[0];
}

/* The newest line of the purpose "control", as the officer sees it (the question has another purpose). */
static inline const Vault__V1__Line *last_line(void)
{
    NEW_REQUEST(in, Vault__V1__QueryRequest, vault__v1__query_request__init);
    in->page_size = 1000;
    in->purpose = lend("control");
    const Vault__V1__QueryResponse *page;
    const Vault__V1__Line *last = NULL;
    do {
        request *rq =
            ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
        expect_outcome(rq, VAULT_OK, NULL);
        page = (const void *)rq->out;
        if (page->n_lines) last = page->lines[page->n_lines - 1];
        in->page_token = page->next_page_token;
    } while (page->next_page_token[0]);
    assert_non_null(last);
    return last;
}

static inline void expect_in(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no %s in %s", part, text);
}

static inline void expect_not_in(const char *text, const char *part)
{
    if (strstr(text, part)) fail_msg("%s in %s", part, text);
}

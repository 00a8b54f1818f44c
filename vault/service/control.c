/* Control: documents as they stand and stood, what a document would be refused for, the history, and revocations. Every
 * question is a line before it is answered. */
#include "vault/service/change.h"

#include <string.h>

enum { CHANGES_DEFAULT = 100, CHANGES_MAX = 1000 };
#define CHANGES_CONDITIONS UINT64_C(0x6368616e67657301)

static ProtobufCBinaryData borrowed(bytes b)
{
    return (ProtobufCBinaryData){.len = b.len, .data = (uint8_t *)(uintptr_t)b.at};
}

static vault_code read_document(document *out, const char *name, vault_error *err)
{
    return document_named(out, name) ? VAULT_OK : refuse_at(err, "DOCUMENT_UNKNOWN", "document", -1);
}

/* ---- a document ---- */

static vault_code get_document(session *s, request *rq, document_text *out)
{
    const Vault__V1__GetDocumentRequest *in = (const void *)rq->in;
    document d;
    VAULT_TRY(read_document(&d, in->document, &rq->err));
    if (in->version > INT64_MAX) return refuse_at(&rq->err, "OUT_OF_RANGE", "version", -1);
    return control_document(out, s->service->control, s->store, rq->mem, (document_at){d, (int64_t)in->version},
                            &rq->err);
}

static vault_code answer_document(request *rq, const document_text *text)
{
    Vault__V1__GetDocumentResponse *out =
        MESSAGE(rq->mem, Vault__V1__GetDocumentResponse, vault__v1__get_document_response__init);
    if (!out || !(out->digest = hex_of(rq->mem, &text->digest)))
        return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for a document");
    out->content = borrowed(text->content);
    out->version = (uint64_t)text->version;
    rq->out = &out->base;
    return VAULT_OK;
}

/* Of what was asked for, the line gets what is known to be a document's name. */
static const char *known_document(const char *name)
{
    document d;
    return document_named(&d, name) ? document_name(d) : NULL;
}

static vault_code one_document(session *s, call *c)
{
    const Vault__V1__GetDocumentRequest *in = (const void *)c->rq->in;
    document_text text = {0};
    const line_facts facts = {
        .fields =
            in->version ? arena_format(s->mem, "document,version=%llu", (unsigned long long)in->version) : "document",
        .document = known_document(in->document)};
    (void)get_document(s, c->rq, &text);
    VAULT_TRY(write_call_line(s, c, &facts));
    return answer_document(c->rq, &text);
}

void control_get_document(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)one_document(s, calls[i]);
}

/* ---- what is wrong with it ---- */

static vault_code check_document(session *s, request *rq, document_fault *fault, digest *canonical)
{
    const Vault__V1__CheckDocumentRequest *in = (const void *)rq->in;
    document d;
    VAULT_TRY(read_document(&d, in->document, &rq->err));
    if (in->content.len > DOCUMENT_MAX) return refuse_at(&rq->err, "TOO_LARGE", "content", -1);
    return control_check_document(fault, canonical, s->manifest, d, bytes_of(in->content.data, in->content.len),
                                  &rq->err);
}

static Vault__V1__DocumentFault *answer_fault(arena *mem, const document_fault *from)
{
    Vault__V1__DocumentFault *out = MESSAGE(mem, Vault__V1__DocumentFault, vault__v1__document_fault__init);
    if (!out) return NULL;
    out->line = from->line;
    out->column = from->column;
    out->path = arena_text(mem, bytes_of_text(from->path));
    out->text = arena_text(mem, bytes_of_text(from->text));
    return out->path && out->text ? out : NULL;
}

static vault_code answer_check(request *rq, const document_fault *fault, const digest *canonical)
{
    Vault__V1__CheckDocumentResponse *out =
        MESSAGE(rq->mem, Vault__V1__CheckDocumentResponse, vault__v1__check_document_response__init);
    bool good = fault->text[0] == 0;
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    if (good) out->digest = hex_of(rq->mem, canonical);
    if (!good) out->fault = answer_fault(rq->mem, fault);
    if (good ? !out->digest : !out->fault) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    rq->out = &out->base;
    return VAULT_OK;
}

static vault_code check_one(session *s, call *c)
{
    const Vault__V1__CheckDocumentRequest *in = (const void *)c->rq->in;
    document_fault fault = {0};
    digest canonical = {0};
    const line_facts facts = {.fields = "check", .document = known_document(in->document)};
    (void)check_document(s, c->rq, &fault, &canonical);
    VAULT_TRY(write_call_line(s, c, &facts));
    return answer_check(c->rq, &fault, &canonical);
}

void control_check(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)check_one(s, calls[i]);
}

/* ---- history ---- */

Vault__V1__Change *change_message(arena *mem, const change_record *from)
{
    Vault__V1__Change *out = MESSAGE(mem, Vault__V1__Change, vault__v1__change__init);
    if (!out) return NULL;
    out->version = (uint64_t)from->version;
    out->time = timestamp_of(mem, from->time_us);
    out->kind = lent(change_kind_name(from->kind));
    out->document = lent(from->document);
    out->who = lent(from->who);
    out->ticket = lent(from->ticket);
    out->approval = lent(from->approval);
    out->emergency = lent(from->emergency);
    out->before = hex_of(mem, &from->before);
    out->after = hex_of(mem, &from->after);
    out->manifest = hex_of(mem, &from->manifest);
    return out->time && out->before && out->after && out->manifest ? out : NULL;
}

static vault_code list_changes(session *s, request *rq, change_page *out)
{
    const Vault__V1__ListChangesRequest *in = (const void *)rq->in;
    int64_t from = s->manifest->version;
    if (in->page_size < 0 || in->page_size > CHANGES_MAX) return refuse_at(&rq->err, "OUT_OF_RANGE", "page_size", -1);
    VAULT_TRY(page_token_read(&from, in->page_token, CHANGES_CONDITIONS, &rq->err));
    if (from < 1 || from > s->manifest->version) return refuse_at(&rq->err, "BAD_PAGE_TOKEN", "page_token", -1);
    out->from = from;
    out->limit = in->page_size ? (size_t)in->page_size : CHANGES_DEFAULT;
    out->at = arena_array(rq->mem, out->limit, sizeof *out->at);
    if (!out->at) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for changes");
    return control_changes(out, s->service->control, s->store, rq->mem, &rq->err);
}

static vault_code answer_changes(request *rq, const change_page *from)
{
    Vault__V1__ListChangesResponse *out =
        MESSAGE(rq->mem, Vault__V1__ListChangesResponse, vault__v1__list_changes_response__init);
    Vault__V1__Change **list = arena_array(rq->mem, from->count + 1, sizeof *list);
    if (!out || !list) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for changes");
    out->changes = list;
    for (size_t i = 0; i < from->count; i++)
        if (!(list[out->n_changes++] = change_message(rq->mem, &from->at[i])))
            return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for changes");
    int64_t last = from->count ? from->at[from->count - 1].version : 1;
    if (last > 1 && !(out->next_page_token = page_token(rq->mem, CHANGES_CONDITIONS, last - 1)))
        return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for a page token");
    rq->out = &out->base;
    return VAULT_OK;
}

static vault_code changes_of(session *s, call *c)
{
    change_page found = {0};
    const line_facts facts = {.fields = "changes"};
    (void)list_changes(s, c->rq, &found);
    VAULT_TRY(write_call_line(s, c, &facts));
    return answer_changes(c->rq, &found);
}

void control_list_changes(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)changes_of(s, calls[i]);
}

/* ---- revocation ---- */

static vault_code read_revocation(change *what, const Vault__V1__RevokeRequest *in, vault_error *err)
{
    *what = (change){.kind = CHANGE_REVOKE};
    switch (in->what_case) {
    case VAULT__V1__REVOKE_REQUEST__WHAT_CERTIFICATE:
        what->certificate = in->certificate;
        return VAULT_OK;
    case VAULT__V1__REVOKE_REQUEST__WHAT_ASSERTION_KEY:
        what->assertion_key = in->assertion_key;
        return VAULT_OK;
    case VAULT__V1__REVOKE_REQUEST__WHAT_PERSON:
        what->person = in->person;
        return VAULT_OK;
    default:
        return refuse_at(err, "REQUIRED", "what", -1);
    }
}

static vault_code revoke(session *s, call *c)
{
    request *rq = c->rq;
    change what;
    change_record done;
    if (read_revocation(&what, (const void *)rq->in, &rq->err) != VAULT_OK) return change_refuse(s, c, &what);
    VAULT_TRY(change_run(s, c, &what, &done));
    Vault__V1__RevokeResponse *out = MESSAGE(rq->mem, Vault__V1__RevokeResponse, vault__v1__revoke_response__init);
    if (!out || !(out->change = change_message(rq->mem, &done)))
        return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    rq->out = &out->base;
    return VAULT_OK;
}

void control_revoke(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)revoke(s, calls[i]);
}

/* Leave for one call (Approvals.RequestAccess). What is approved is the digest of the call: who asks, for whom, what
 * for, which method, and the request as it is packed, without its context. The call itself is packed and hashed in the
 * same way when it comes. */
#include "vault/service/change.h"
#include "vault/service/emergencies.h"
#include "vault/service/kept.h"

#include <string.h>

enum { REQUEST_MOST = 4 << 20, LIFETIME_DEFAULT_S = 14400 };

/* ---- the digest ---- */

static bytes with_nul(const char *text)
{
    return bytes_of(text, strlen(text) + 1);
}

static vault_code bound_of(digest *out, session *s, const call *c, const method *m, const ProtobufCMessage *in)
{
    bytes content;
    VAULT_TRY(request_packed(&content, s, in, &c->rq->err));
    const bytes parts[] = {with_nul("resident-vault access 1"),
                           with_nul(c->caller->id),
                           with_nul(c->person ? c->person->id : ""),
                           with_nul(c->purpose->id),
                           with_nul(m->path),
                           content};
    *out = sha256_parts(parts, sizeof parts / sizeof *parts);
    return VAULT_OK;
}

/* Values leave by these. */
static bool may_be_approved(const method *m)
{
    bool gives = m->action == LINE_REVEAL || m->action == LINE_SEARCH || m->action == LINE_EXPORT ||
                 m->action == LINE_TEST || m->action == LINE_RESTORE;
    return gives && !m->stream && (m->roles & ROLE_APP);
}

vault_code access_admit(session *s, const method *m, call *c, vault_error *err)
{
    digest bound;
    (void)err;
    if (!c->context->approval[0] || !may_be_approved(m)) return VAULT_OK;
    VAULT_TRY(bound_of(&bound, s, c, m, c->rq->in));
    c->approval = manifest_access(s->manifest, c->context->approval, &bound, c->now_us);
    return VAULT_OK;
}

/* ---- what is asked for ---- */

static const method *find_method(const char *path)
{
    size_t count;
    const method *all = service_methods(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].path, path) == 0 && may_be_approved(&all[i])) return &all[i];
    return NULL;
}

static const void *member(const ProtobufCMessage *of, const char *name, ProtobufCType type)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(of->descriptor, name);
    return field && field->type == type ? (const char *)of + field->offset : NULL;
}

static const char *form_asked(const ProtobufCMessage *in)
{
    static const char *const names[] = {[VAULT__V1__FORM__FORM_UNSPECIFIED] = "plain",
                                        [VAULT__V1__FORM__FORM_PLAIN] = "plain",
                                        [VAULT__V1__FORM__FORM_MASKED] = "masked",
                                        [VAULT__V1__FORM__FORM_TOKEN] = "token",
                                        [VAULT__V1__FORM__FORM_STRONGEST] = "strongest"};
    const Vault__V1__Form *form = member(in, "form", PROTOBUF_C_TYPE_ENUM);
    return form && (unsigned)*form < sizeof names / sizeof *names ? names[*form] : "";
}

/* Names that the schema knows, and nothing else that the caller wrote. */
static const char *add_name(session *s, const char *list, const char *name, vault_error *err)
{
    const bytes wanted = bytes_of_text(name);
    const schema *known = &s->manifest->schema;
    const schema_field *field = schema_find(known, wanted);
    const schema_predicate *asked = field ? NULL : schema_predicate_find(known, wanted);
    const char *of = field ? field->name : asked ? asked->name : NULL;
    if (!of) return (void)refuse_at(err, "UNKNOWN_FIELD", "request", -1), NULL;
    const char *more = arena_format(s->mem, "%s%s%s", list, *list ? "," : "", of);
    if (!more) (void)vault_fail(err, VAULT_EXHAUSTED, "no memory for names");
    return more;
}

static vault_code fields_asked(const char **out, session *s, const ProtobufCMessage *in, vault_error *err)
{
    static const char *const single[] = {"predicate", "field"};
    Google__Protobuf__FieldMask *const *list = member(in, "field_mask", PROTOBUF_C_TYPE_MESSAGE);
    size_t count = list && *list ? (*list)->n_paths : 0;
    *out = "";
    if (count > POLICY_FIELDS_MAX) return refuse_at(err, "TOO_MANY", "request", -1);
    for (size_t i = 0; i < count; i++)
        if (!(*out = add_name(s, *out, (*list)->paths[i], err))) return err->code;
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        char *const *name = member(in, single[i], PROTOBUF_C_TYPE_STRING);
        if (name && !(*out = add_name(s, *out, *name, err))) return err->code;
    }
    if (in->descriptor != &vault__v1__search_request__descriptor) return VAULT_OK;
    const Vault__V1__SearchRequest *search = (const void *)in;
    for (size_t i = 0; i < search->n_conditions && i < POLICY_FIELDS_MAX; i++)
        if (!(*out = add_name(s, *out, search->conditions[i]->field, err))) return err->code;
    return VAULT_OK;
}

static vault_code read_asked(access_ask *out, session *s, call *c)
{
    const Vault__V1__RequestAccessRequest *in = (const void *)c->rq->in;
    vault_error *err = &c->rq->err;
    const method *m = find_method(in->method);
    ProtobufCAllocator memory = arena_allocator(s->mem);
    if (!m) return refuse_at(err, "METHOD_UNKNOWN", "method", -1);
    if (in->request.len == 0) return refuse_at(err, "REQUIRED", "request", -1);
    if (in->request.len > REQUEST_MOST) return refuse_at(err, "TOO_LARGE", "request", -1);
    ProtobufCMessage *asked = protobuf_c_message_unpack(m->input, &memory, in->request.len, in->request.data);
    if (!asked) return refuse_at(err, "BAD_REQUEST", "request", -1);
    *out = (access_ask){.method = m->path,
                        .person = c->person ? c->person->id : "",
                        .purpose = c->purpose->id,
                        .form = form_asked(asked),
                        .residents = request_residents(m, &(request){.in = asked})};
    if (out->residents > CALL_ITEMS) return refuse_at(err, "TOO_MANY", "request", -1); /* as the call would be */
    VAULT_TRY(fields_asked(&out->fields, s, asked, err));
    return bound_of(&out->bound, s, c, m, asked);
}

/* ---- the answer ---- */

static vault_code answer(session *s, call *c, const change *what, const change_record *done)
{
    request *rq = c->rq;
    approval made = {.document = DOC_ACCESS,
                     .content = done->after,
                     .proposer = done->who,
                     .ticket = done->ticket,
                     .created_us = what->now_us,
                     .expires_us = what->now_us + what->lifetime_us};
    memcpy(made.name, done->approval, APPROVAL_NAME_LEN + 1);
    Vault__V1__RequestAccessResponse *out =
        MESSAGE(rq->mem, Vault__V1__RequestAccessResponse, vault__v1__request_access_response__init);
    if (!out || !(out->approval = approval_message(rq->mem, &made, s->manifest->approvals)) ||
        !(out->digest = hex_of(rq->mem, &what->access->bound)))
        return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    rq->out = &out->base;
    return VAULT_OK;
}

static vault_code ask_leave(session *s, call *c)
{
    const Vault__V1__RequestAccessRequest *in = (const void *)c->rq->in;
    access_ask wanted;
    change_record done;
    int64_t lifetime_s = in->lifetime_seconds ? in->lifetime_seconds : LIFETIME_DEFAULT_S;
    change what = {
        .kind = CHANGE_PROPOSE, .document = DOC_ACCESS, .access = &wanted, .lifetime_us = lifetime_s * 1000000};
    if (read_asked(&wanted, s, c) != VAULT_OK) return change_refuse(s, c, &what);
    VAULT_TRY(change_run(s, c, &what, &done));
    return answer(s, c, &what, &done);
}

void approvals_request_access(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)ask_leave(s, calls[i]);
}

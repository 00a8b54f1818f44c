/* Audit: checkpoint, proofs, and the officer's queries, which are lines themselves. */
#include "vault/service/internal.h"

#include <stdio.h>
#include <string.h>

static ProtobufCBinaryData borrowed(const void *at, size_t len)
{
    return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)at};
}

static bool call_failed(const call *c, vault_code code)
{
    return code != VAULT_OK || c->rq->err.code != VAULT_OK;
}

/* ---- checkpoint and proofs ---- */

static void get_checkpoint(session *s, call *c)
{
    request *rq = c->rq;
    int64_t size;
    const char *note = NULL;
    Vault__V1__GetCheckpointResponse *out =
        MESSAGE(rq->mem, Vault__V1__GetCheckpointResponse, vault__v1__get_checkpoint_response__init);
    if (!out || call_failed(c, store_checkpoint_read(s->store, rq->mem, &size, &note, &rq->err))) return;
    if (size == 0) {
        (void)vault_refuse(&rq->err, VAULT_NOT_FOUND, "NOT_YET_PUBLISHED", "");
        return;
    }
    out->checkpoint = arena_text(rq->mem, bytes_of_text(note));
    verifier_keys keys;
    if (call_failed(c, ledger_verifier_keys(&keys, s->service->ledger, rq->mem, &rq->err))) return;
    out->verifier_key = lent(keys.at[0]);
    out->verifier_keys = (char **)(uintptr_t)keys.at;
    out->n_verifier_keys = keys.count;
    if (out->checkpoint) rq->out = &out->base;
}

static vault_code fill_path(Vault__V1__GetProofResponse *out, arena *mem, const merkle_path *path, vault_error *err)
{
    out->path = arena_array(mem, path->len + 1, sizeof *out->path);
    if (!out->path) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a proof");
    for (size_t i = 0; i < path->len; i++) out->path[out->n_path++] = borrowed(path->at[i].at, DIGEST_LEN);
    return VAULT_OK;
}

static vault_code prove_line(session *s, request *rq, Vault__V1__GetProofResponse *out, int64_t index)
{
    line_proof proof = {.index = index, .size = (int64_t)out->tree_size};
    VAULT_TRY(ledger_prove_inclusion(s->service->ledger, s->store, rq->mem, &proof, &rq->err));
    out->leaf = borrowed(proof.leaf.at, proof.leaf.len);
    return fill_path(out, rq->mem, &proof.path, &rq->err);
}

static vault_code prove_growth(session *s, request *rq, Vault__V1__GetProofResponse *out, int64_t old_size)
{
    growth_proof proof = {.old_size = old_size, .size = (int64_t)out->tree_size};
    VAULT_TRY(ledger_prove_consistency(s->service->ledger, s->store, rq->mem, &proof, &rq->err));
    return fill_path(out, rq->mem, &proof.path, &rq->err);
}

static vault_code get_proof(session *s, request *rq, const Vault__V1__GetProofRequest *in)
{
    int64_t size;
    const char *note = NULL;
    Vault__V1__GetProofResponse *out =
        MESSAGE(rq->mem, Vault__V1__GetProofResponse, vault__v1__get_proof_response__init);
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for a proof");
    VAULT_TRY(store_checkpoint_read(s->store, rq->mem, &size, &note, &rq->err));
    if (in->tree_size > INT64_MAX) return refuse_at(&rq->err, "OUT_OF_RANGE", "tree_size", -1);
    out->tree_size = in->tree_size ? in->tree_size : (uint64_t)size;
    if (out->tree_size == (uint64_t)size && size > 0) out->checkpoint = arena_text(rq->mem, bytes_of_text(note));
    rq->out = &out->base;
    if (in->of_case == VAULT__V1__GET_PROOF_REQUEST__OF_LINE && in->line < INT64_MAX)
        return prove_line(s, rq, out, (int64_t)in->line);
    if (in->of_case == VAULT__V1__GET_PROOF_REQUEST__OF_OLD_SIZE && in->old_size < INT64_MAX && in->old_size > 0)
        return prove_growth(s, rq, out, (int64_t)in->old_size);
    return refuse_at(&rq->err, in->of_case ? "OUT_OF_RANGE" : "REQUIRED", "of", -1);
}

void audit_get_checkpoint(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) get_checkpoint(s, calls[i]);
}

void audit_get_proof(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        request *rq = calls[i]->rq;
        if (get_proof(s, rq, (const void *)rq->in) != VAULT_OK) rq->out = NULL;
    }
}

/* ---- query ---- */

enum { PAGE_DEFAULT = 100, PAGE_MAX = 1000 };

static int64_t microseconds(const Google__Protobuf__Timestamp *t)
{
    return t ? t->seconds * 1000000 + t->nanos / 1000 : 0;
}

static bool time_fits(const Google__Protobuf__Timestamp *t)
{
    return !t || (t->seconds >= 0 && t->seconds < INT64_C(253402300800) && t->nanos >= 0 && t->nanos < 1000000000);
}

/* What a page token is good for: the same conditions as the call that gave it. */
static uint64_t conditions(const Vault__V1__QueryRequest *in)
{
    uint8_t times[16];
    store_u64(times, (uint64_t)microseconds(in->start_time));
    store_u64(times + 8, (uint64_t)microseconds(in->end_time));
    const bytes parts[] = {bytes_of(in->person, strlen(in->person) + 1),
                           bytes_of(in->resident_token, strlen(in->resident_token) + 1),
                           bytes_of(in->purpose, strlen(in->purpose) + 1), bytes_of(times, sizeof times)};
    digest d = sha256_parts(parts, sizeof parts / sizeof *parts);
    return load_u64(d.at);
}

/* A token of any domain leads the officer to the resident, but for a forgery: then nothing is found. */
static vault_code read_resident(session *s, line_query *q, const char *text, vault_error *err)
{
    token t;
    resident_id id;
    vault_error why = {0};
    if (!text[0]) return VAULT_OK;
    if (token_read(&t, bytes_of_text(text), &why) != VAULT_OK) return refuse_at(err, why.reason, "resident_token", -1);
    VAULT_TRY(cabinet_resolve(s->cabinet, &id, manifest_domain_number(s->manifest, t.domain), &t, err));
    if (id.id == 0) return vault_refuse(err, VAULT_NOT_FOUND, "TOKEN_NOT_GENUINE", "resident_token");
    q->resident = id.id;
    return VAULT_OK;
}

static vault_code read_query(session *s, line_query *q, const Vault__V1__QueryRequest *in, vault_error *err)
{
    const person *who = in->person[0] ? manifest_person(s->manifest, in->person) : NULL;
    const purpose *why = in->purpose[0] ? manifest_purpose(s->manifest, bytes_of_text(in->purpose)) : NULL;
    if (in->page_size < 0 || in->page_size > PAGE_MAX) return refuse_at(err, "OUT_OF_RANGE", "page_size", -1);
    if (in->person[0] && !who) return refuse_at(err, "UNKNOWN_PERSON", "person", -1);
    if (in->purpose[0] && !why) return refuse_at(err, "UNKNOWN_PURPOSE", "purpose", -1);
    if (!time_fits(in->start_time)) return refuse_at(err, "OUT_OF_RANGE", "start_time", -1);
    if (!time_fits(in->end_time)) return refuse_at(err, "OUT_OF_RANGE", "end_time", -1);
    if (in->end_time && microseconds(in->end_time) <= microseconds(in->start_time))
        return refuse_at(err, "OUT_OF_RANGE", "end_time", -1); /* 0 would mean: no end */
    *q = (line_query){.person = who ? who->id : NULL,
                      .purpose = why ? why->id : NULL,
                      .start_us = microseconds(in->start_time),
                      .end_us = microseconds(in->end_time),
                      .limit = in->page_size ? (size_t)in->page_size : PAGE_DEFAULT};
    VAULT_TRY(read_resident(s, q, in->resident_token, err));
    return page_token_read(&q->from, in->page_token, conditions(in), err);
}

/* What was asked about, for the line: the conditions that were given. The resident stands in the line by itself. */
static const char *name_conditions(arena *mem, const line_query *q)
{
    bool times = q->start_us || q->end_us;
    const char *text = arena_format(mem, "%s%s%s%s%s%s", q->resident ? ",resident" : "", q->person ? ",person=" : "",
                                    q->person ? q->person : "", q->purpose ? ",purpose=" : "",
                                    q->purpose ? q->purpose : "", times ? ",time" : "");
    return text && text[0] ? text + 1 : text;
}

/* The query is a line before it is answered. */
static vault_code write_query_line(session *s, call *c, const line_query *q, vault_error *err)
{
    line one;
    line_facts facts = call_facts(s, c, LINE_GRANTED);
    facts.resident = q->resident;
    if (!(facts.fields = name_conditions(s->mem, q))) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a line");
    VAULT_TRY(line_make(&one, s->scribe, s->mem, &facts, NULL, err));
    return append_alone(s, &one, 1, err);
}

Vault__V1__Line *audit_line(arena *mem, const opened_line *from)
{
    static const char *const unreadable = "";
    Vault__V1__Line *out = MESSAGE(mem, Vault__V1__Line, vault__v1__line__init);
    if (!out || !(out->time = timestamp_of(mem, from->time_us))) return NULL;
    out->index = (uint64_t)from->index;
    out->name = arena_format(mem, "lines/%lld", (long long)from->index);
    out->action = (char *)(uintptr_t)line_action_name(from->action);
    out->outcome =
        (char *)(uintptr_t)(from->said.outcome < LINE_OUTCOMES ? line_outcome_name(from->said.outcome) : unreadable);
    out->officer_view = arena_text(mem, from->officer_view);
    out->consistent = from->consistent;
    out->leaf = borrowed(from->leaf.at, from->leaf.len);
    bytes salt = arena_copy(mem, bytes_of(from->officer_salt, SALT_LEN));
    out->officer_salt = borrowed(salt.at, salt.len);
    return out->name && out->officer_view && salt.at ? out : NULL;
}

static vault_code answer_query(request *rq, const line_page *page)
{
    const Vault__V1__QueryRequest *in = (const void *)rq->in;
    Vault__V1__QueryResponse *out = MESSAGE(rq->mem, Vault__V1__QueryResponse, vault__v1__query_response__init);
    Vault__V1__Line **lines = arena_array(rq->mem, page->count + 1, sizeof *lines);
    if (!out || !lines) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for lines");
    out->lines = lines;
    for (size_t i = 0; i < page->count; i++) {
        if (!(lines[out->n_lines++] = audit_line(rq->mem, &page->lines[i])))
            return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for lines");
    }
    if (page->next >= 0 && !(out->next_page_token = page_token(rq->mem, conditions(in), page->next)))
        return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for a page token");
    rq->out = &out->base;
    return VAULT_OK;
}

static vault_code query(session *s, call *c)
{
    request *rq = c->rq;
    line_query q;
    line_page page;
    VAULT_TRY(read_query(s, &q, (const void *)rq->in, &rq->err));
    VAULT_TRY(write_query_line(s, c, &q, &rq->err));
    VAULT_TRY(ledger_query(s->scribe, s->store, rq->mem, &q, &page, &rq->err));
    return answer_query(rq, &page);
}

void audit_query(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)query(s, calls[i]);
}

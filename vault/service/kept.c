/* Answers that are kept by request id, so that a repeated call is harmless: over reconnects, and whichever node it
 * comes to.
 *
 * An answer is sealed into the transaction that ends the call (or the message of a stream), together with the digest of
 * what was asked. The same request again is answered from there. Where the process died between two transactions of one
 * call there is no answer yet: what it does then is the method's own affair. Of two at once, one is first: the other
 * one's next transaction fails by the id, and it finds the first one's answer. */
#include "vault/service/kept.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <string.h>

static bytes with_nul(const char *text)
{
    return bytes_of(text, strlen(text) + 1);
}

/* Of app and person: what one may know of residents, another need not. */
static digest kept_id(const call *c, const kept_key *key)
{
    uint8_t place[4];
    writer w = writer_over(place, sizeof place);
    put_u32(&w, key->place);
    const bytes parts[] = {with_nul(key->label), with_nul(c->caller->id), with_nul(c->person ? c->person->id : ""),
                           with_nul(c->context->request_id), writer_bytes(&w)};
    return sha256_parts(parts, sizeof parts / sizeof *parts);
}

vault_code kept_ask(session *s, call *c, const kept_key *key)
{
    c->kept = arena_alloc(s->mem, sizeof *c->kept);
    if (!c->kept) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    c->kept->id = kept_id(c, key);
    c->kept->content = key->content;
    return VAULT_OK;
}

vault_code kept_packed(bytes *out, session *s, const ProtobufCMessage *message, vault_error *err)
{
    uint8_t *at = arena_alloc(s->mem, protobuf_c_message_get_packed_size(message) + 1);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a packed message");
    *out = bytes_of(at, protobuf_c_message_pack(message, at));
    return VAULT_OK;
}

vault_code request_packed(bytes *out, session *s, const ProtobufCMessage *in, vault_error *err)
{
    const ProtobufCMessageDescriptor *type = in->descriptor;
    const ProtobufCFieldDescriptor *context = protobuf_c_message_descriptor_get_field_by_name(type, "context");
    char *copy = arena_alloc(s->mem, type->sizeof_message);
    if (!copy) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a digest");
    memcpy(copy, in, type->sizeof_message);
    *(void **)(void *)(copy + context->offset) = NULL;
    return kept_packed(out, s, (const ProtobufCMessage *)(const void *)copy, err);
}

/* The ticket may be told otherwise, and the assertion of a person is good for one call. */
vault_code kept_ask_request(session *s, call *c, const char *label)
{
    kept_key key = {.label = label};
    bytes content;
    VAULT_TRY(request_packed(&content, s, c->rq->in, &c->rq->err));
    const bytes parts[] = {with_nul(c->context->purpose), content};
    key.content = sha256_parts(parts, 2);
    return kept_ask(s, c, &key);
}

/* ---- finding ---- */

static vault_code open_answer(session *s, call *c, const request_row *row)
{
    kept_answer *k = c->kept;
    vault_error *err = &c->rq->err;
    bytes note;
    cabinet_use(s->cabinet, s->mem);
    VAULT_TRY(cabinet_open_note(s->cabinet, &note, digest_bytes(&k->id), row->answer, err));
    reader r = reader_over(note);
    bytes content = get_bytes(&r, DIGEST_LEN);
    k->expires_us = (int64_t)get_u64(&r);
    if (r.short_ || k->expires_us != row->expires_us)
        return vault_fail(err, VAULT_INTEGRITY, "an answer that was kept is not as it was sealed");
    if (!bytes_same(content, digest_bytes(&k->content)))
        return vault_refuse(err, VAULT_CONFLICT, "REQUEST_ID_REUSED", "context.request_id");
    k->answer = r.rest;
    k->replayed = true;
    return VAULT_OK;
}

/* An answer that was edited is damage like any other: the operator is told, and it is a line. */
static vault_code open_or_tell(session *s, call *c, const request_row *row)
{
    vault_code code = open_answer(s, c, row);
    if (code != VAULT_INTEGRITY) return code;
    session_damage(s, &c->rq->err);
    return write_call_line(s, c, &(line_facts){.fields = c->fields});
}

static bool is_asking(const call *c)
{
    return c->kept && !c->kept->replayed && c->rq->err.code == VAULT_OK;
}

static vault_code find_all(session *s, call **calls, size_t count, vault_error *err)
{
    request_row *rows = arena_array(s->mem, count + 1, sizeof *rows);
    size_t n = 0;
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for answers");
    for (size_t i = 0; i < count; i++)
        if (is_asking(calls[i])) rows[n++].id = calls[i]->kept->id;
    if (n == 0) return VAULT_OK;
    VAULT_TRY(store_requests_find(s->store, s->mem, rows, n, err));
    n = 0;
    for (size_t i = 0; i < count && !s->moved; i++) {
        if (!is_asking(calls[i])) continue;
        const request_row *row = &rows[n++];
        if (row->found && open_or_tell(s, calls[i], row) != VAULT_OK) continue; /* the call's error, not the others' */
    }
    return VAULT_OK;
}

void kept_find(session *s, call **calls, size_t count)
{
    vault_error err = {0};
    if (find_all(s, calls, count, &err) == VAULT_OK) return;
    for (size_t i = 0; i < count; i++)
        if (is_asking(calls[i])) calls[i]->rq->err = err;
}

bool kept_goes_on(const call *c)
{
    return c->rq->err.code == VAULT_OK && !(c->kept && c->kept->replayed);
}

/* ---- writing ---- */

/* Nothing of the call waits behind this item. */
static bool ends_here(const item *last)
{
    const call *c = last->call;
    for (size_t i = last->index + 1; i < c->item_count; i++)
        if (c->items[i].err.code == VAULT_OK) return false;
    return true;
}

static vault_code seal_answer(session *s, request_row *out, const kept_answer *k, vault_error *err)
{
    size_t len = DIGEST_LEN + sizeof(uint64_t) + k->answer.len;
    writer w = writer_over(arena_alloc(s->mem, len), len);
    if (!w.at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an answer");
    *out = (request_row){.id = k->id, .expires_us = clock_now_us() + KEPT_US};
    put_bytes(&w, digest_bytes(&k->content));
    put_u64(&w, (uint64_t)out->expires_us);
    put_bytes(&w, k->answer);
    return cabinet_seal_note(s->cabinet, &out->answer, digest_bytes(&out->id), writer_bytes(&w), err);
}

static bool is_last(item **items, size_t count, size_t i)
{
    return i + 1 == count || items[i + 1]->call != items[i]->call;
}

vault_code kept_elsewhere(session *s, item **items, size_t count, bool *answered, vault_error *err)
{
    size_t n = 0, at = 0;
    request_row *rows = arena_array(s->mem, count + 1, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for answers");
    for (size_t i = 0; i < count; i++)
        if (is_last(items, count, i) && is_asking(items[i]->call)) rows[n++].id = items[i]->call->kept->id;
    if (n) VAULT_TRY(store_requests_find(s->store, s->mem, rows, n, err));
    for (size_t i = 0; i < count; i++) {
        answered[i] = is_asking(items[i]->call) && rows[at].found;
        at += is_last(items, count, i) && is_asking(items[i]->call);
    }
    return VAULT_OK;
}

/* A call that goes on behind the part writes no id that would clash with another run's. */
static vault_code check_waiting(session *s, item **items, size_t count, vault_error *err)
{
    bool waits = is_asking(items[count - 1]->call) && !ends_here(items[count - 1]), answered[BATCH_ITEMS];
    if (!waits) return VAULT_OK;
    VAULT_TRY(kept_elsewhere(s, items, count, answered, err));
    return answered[count - 1] ? vault_fail(err, VAULT_CONFLICT, "a request was answered elsewhere") : VAULT_OK;
}

vault_code kept_write(session *s, item **items, size_t count, kept_pack *pack, vault_error *err)
{
    size_t n = 0;
    request_row *rows = arena_array(s->mem, count + 1, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for answers");
    for (size_t i = 0; i < count; i++) {
        call *c = items[i]->call;
        if (!is_last(items, count, i) || !is_asking(c) || !ends_here(items[i])) continue;
        VAULT_TRY(pack(s, c, &c->kept->answer, err));
        VAULT_TRY(seal_answer(s, &rows[n++], c->kept, err));
    }
    if (n) VAULT_TRY(store_requests_insert(s->store, s->mem, rows, n, err));
    return check_waiting(s, items, count, err);
}

/* ---- after the batch ---- */

bool kept_rival(session *s, call *c)
{
    const vault_error lost = c->rq->err;
    if (lost.code != VAULT_CONFLICT || lost.reason || !c->kept || c->kept->replayed) return false;
    vault_error_clear(&c->rq->err);
    kept_find(s, &c, 1);
    if (c->rq->err.code == VAULT_OK && !c->kept->replayed) c->rq->err = lost;
    if (c->kept->replayed) c->item_count = 0; /* what became of them here is no more to be told */
    return c->kept->replayed;
}

/* What is answered again is one line a call. */
static vault_code write_replays(session *s, call **calls, size_t count, vault_error *err)
{
    line *lines = arena_array(s->mem, count, sizeof *lines);
    size_t n = 0;
    if (!lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for lines");
    for (size_t i = 0; i < count; i++) {
        if (!calls[i]->kept || !calls[i]->kept->replayed) continue;
        line_facts facts = call_facts(s, calls[i], LINE_GRANTED);
        facts.form = "replay";
        VAULT_TRY(line_make(&lines[n++], s->scribe, s->mem, &facts, NULL, err));
    }
    return n ? append_alone(s, lines, n, err) : VAULT_OK;
}

void kept_settle(session *s, call **calls, size_t count)
{
    vault_error err = {0};
    for (size_t i = 0; i < count && !s->moved; i++) {
        call_fail_with_store(calls[i]);
        (void)kept_rival(s, calls[i]);
    }
    if (s->moved || write_replays(s, calls, count, &err) == VAULT_OK) return;
    for (size_t i = 0; i < count; i++)
        if (calls[i]->kept && calls[i]->kept->replayed) calls[i]->rq->err = err;
}

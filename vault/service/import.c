/* Import: a stream of messages, each committed by itself.
 *
 *   header ──> rows ──> rows ──> ... ──> end: the answer
 *
 * A message's answer (what became of its rows) is sealed into the transaction that ends the message. The same message
 * again, under the same request id and at the same place, is answered from there. Where the process died between two
 * transactions of one message there is no answer yet: its rows go in again, which changes nothing in those that stand.
 *
 * The state between two messages is never changed: each message leaves a new one, so that a message may be run again
 * (service_run) as if it had not been. */
#include "vault/service/internal.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGE_ROWS = BATCH_ITEMS, IMPORT_ROWS = 65536 };
static const int64_t KEPT_US = INT64_C(7) * 86400 * 1000000;

/* What became of a message: ImportResponse with rows counted from the message's first. */
typedef struct import_part {
    bytes answer;
    uint32_t first_row;
    const struct import_part *before;
} import_part;

typedef struct import_state {
    stream_state stream; /* the gate's, first */
    bytes header;        /* packed */
    uint32_t messages, rows;
    const import_part *parts; /* the last one */
} import_state;

typedef struct import_step {
    const import_state *state; /* before this message */
    put_columns columns;
    digest id, content;
    const item *last; /* its part ends the message; NULL: no row is good enough to be looked up */
    bytes answer;
    bool replayed;
} import_step;

/* ---- the first message ---- */

static vault_code read_header(session *s, call *c, const Vault__V1__ImportHeader *header, put_columns *columns)
{
    const put_header asked = {.collection = header->collection,
                              .mask = header->field_mask,
                              .collected = header->collect_time,
                              .list = "rows",
                              .dry = header->dry_run};
    return put_read_header(s, c, &asked, columns);
}

static vault_code keep_header(call *c, const Vault__V1__ImportHeader *header)
{
    request *rq = c->rq;
    import_state *state = arena_alloc(rq->kept, sizeof *state);
    uint8_t *packed = arena_alloc(rq->kept, protobuf_c_message_get_packed_size(&header->base) + 1);
    if (!state || !packed) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for a stream");
    state->header = bytes_of(packed, protobuf_c_message_pack(&header->base, packed));
    VAULT_TRY(stream_begin(&state->stream, c, &rq->err));
    rq->state = state;
    return VAULT_OK;
}

/* What no rule allows is refused at once, with one line, and not row by row. */
static vault_code take_header(session *s, call *c, const Vault__V1__ImportRequest *in)
{
    vault_error *err = &c->rq->err;
    put_columns columns;
    if (!in->header) return refuse_at(err, "REQUIRED", "header", -1);
    if (in->n_rows > 0) return refuse_at(err, "NOT_IN_FIRST_MESSAGE", "rows", -1);
    VAULT_TRY(read_header(s, c, in->header, &columns));
    if (c->admission.failed == CLAUSE_NONE) return keep_header(c, in->header);
    (void)refuse_clause(err, c->admission.failed);
    return write_call_line(s, c, &(line_facts){.fields = c->fields});
}

/* ---- a message of rows ---- */

static void put_value(writer *w, const char *text)
{
    bytes value = bytes_of_text(text);
    put_u32(w, (uint32_t)value.len);
    put_bytes(w, value);
}

static size_t content_room(const import_step *step, const Vault__V1__RequestContext *context,
                           const Vault__V1__ImportRequest *in)
{
    size_t room = 8 + strlen(context->purpose) + step->state->header.len;
    for (size_t i = 0; i < in->n_rows; i++) {
        room += 4;
        for (size_t j = 0; j < in->rows[i]->n_values; j++) room += 4 + strlen(in->rows[i]->values[j]);
    }
    return room;
}

/* Purpose, header and rows: what must be the same for the answer to be the same. */
static vault_code digest_content(session *s, call *c, const Vault__V1__ImportRequest *in)
{
    import_step *step = c->step;
    size_t room = content_room(step, c->context, in);
    writer w = writer_over(arena_alloc(s->mem, room), room);
    if (!w.at) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a digest");
    put_value(&w, c->context->purpose);
    put_u32(&w, (uint32_t)step->state->header.len);
    put_bytes(&w, step->state->header);
    for (size_t i = 0; i < in->n_rows; i++) {
        put_u32(&w, (uint32_t)in->rows[i]->n_values);
        for (size_t j = 0; j < in->rows[i]->n_values; j++) put_value(&w, in->rows[i]->values[j]);
    }
    step->content = sha256(writer_bytes(&w));
    return VAULT_OK;
}

static bytes with_nul(const char *text)
{
    return bytes_of(text, strlen(text) + 1);
}

/* Of app and person: what one may know of residents, another need not. */
static digest message_id(const call *c)
{
    static const char label[] = "resident-vault import 1";
    uint8_t place[4];
    writer w = writer_over(place, sizeof place);
    put_u32(&w, c->step->state->messages);
    const bytes parts[] = {bytes_of(label, sizeof label), with_nul(c->caller->id),
                           with_nul(c->person ? c->person->id : ""), with_nul(c->context->request_id),
                           writer_bytes(&w)};
    return sha256_parts(parts, sizeof parts / sizeof *parts);
}

/* The answer that was given to this message, if there is one. */
static vault_code find_answer(session *s, call *c)
{
    import_step *step = c->step;
    vault_error *err = &c->rq->err;
    request_row row = {.id = step->id};
    bytes note;
    bool found;
    VAULT_TRY(store_request_find(s->store, s->mem, &row, &found, err));
    if (!found) return VAULT_OK;
    cabinet_use(s->cabinet, s->mem);
    VAULT_TRY(cabinet_open_note(s->cabinet, &note, digest_bytes(&step->id), row.answer, err));
    if (note.len < DIGEST_LEN) return vault_fail(err, VAULT_INTEGRITY, "the answer to an import is cut short");
    if (!bytes_same(bytes_of(note.at, DIGEST_LEN), digest_bytes(&step->content)))
        return vault_refuse(err, VAULT_CONFLICT, "REQUEST_ID_REUSED", "context.request_id");
    step->answer = bytes_of(note.at + DIGEST_LEN, note.len - DIGEST_LEN);
    step->replayed = true;
    return VAULT_OK;
}

/* An answer that was edited is damage like any other: the operator is told, and it is a line. */
static vault_code find_or_tell(session *s, call *c)
{
    vault_code code = find_answer(s, c);
    if (code != VAULT_INTEGRITY) return code;
    log_failure(LOG_ERROR, "record.integrity", &c->rq->err);
    return write_call_line(s, c, &(line_facts){.fields = c->fields});
}

/* What is kept under the request id: of an import that writes, and may. */
static bool is_kept(const call *c)
{
    return !c->step->columns.dry && c->admission.failed == CLAUSE_NONE;
}

static vault_code check_message(const import_state *state, const Vault__V1__ImportRequest *in, vault_error *err)
{
    if (in->header) return refuse_at(err, "FIRST_MESSAGE_ONLY", "header", -1);
    if (in->context) return refuse_at(err, "FIRST_MESSAGE_ONLY", "context", -1);
    if (in->n_rows == 0) return refuse_at(err, "REQUIRED", "rows", -1);
    if (in->n_rows > MESSAGE_ROWS || state->rows + in->n_rows > IMPORT_ROWS)
        return refuse_at(err, "TOO_MANY", "rows", -1);
    return VAULT_OK;
}

static vault_code read_kept_header(session *s, call *c)
{
    import_step *step = c->step;
    bytes kept = step->state->header;
    ProtobufCAllocator mem = arena_allocator(s->mem);
    Vault__V1__ImportHeader *header = vault__v1__import_header__unpack(&mem, kept.len, kept.at);
    if (!header) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a header");
    return read_header(s, c, header, &step->columns);
}

static const item *last_good(const call *c)
{
    for (size_t i = c->item_count; i > 0; i--)
        if (c->items[i - 1].err.code == VAULT_OK) return &c->items[i - 1];
    return NULL;
}

static vault_code take_rows(session *s, call *c, const Vault__V1__ImportRequest *in)
{
    const import_state *state = c->rq->state;
    import_step *step = c->step = arena_alloc(s->mem, sizeof *step);
    if (!step) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a message");
    step->state = state;
    VAULT_TRY(check_message(state, in, &c->rq->err));
    VAULT_TRY(read_kept_header(s, c));
    if (is_kept(c)) {
        step->id = message_id(c);
        VAULT_TRY(digest_content(s, c, in));
        VAULT_TRY(find_or_tell(s, c));
        if (step->replayed) return VAULT_OK;
    }
    VAULT_TRY(put_read_rows(s, c, &step->columns, in->rows, in->n_rows));
    step->last = last_good(c);
    return VAULT_OK;
}

/* ---- what became of a message ---- */

static const char *column_name(const call *c, long column)
{
    return column < 0 ? "" : c->mask[column]->name;
}

static bool add_field(Vault__V1__RowReport *to, arena *mem, const char *name, const char *reason)
{
    Vault__V1__FieldReport *out = MESSAGE(mem, Vault__V1__FieldReport, vault__v1__field_report__init);
    if (!out) return false;
    out->field = lent(name);
    out->reason = lent(reason);
    to->fields[to->n_fields++] = out;
    return true;
}

/* Every bad field; or the clause, or the failure, that refused the row; or the corrections that were filed. */
static bool add_fields(Vault__V1__RowReport *out, arena *mem, const item *it)
{
    const put_item *put = it->put;
    bool good = true;
    out->fields = arena_array(mem, put->fault_count + put->merged.correction_count + 1, sizeof *out->fields);
    if (!out->fields) return false;
    if (it->err.code == VAULT_OK) {
        for (size_t i = 0; i < put->merged.correction_count; i++)
            good = good && add_field(out, mem, put->merged.refused[i]->name, "CORRECTION_FILED");
        return good;
    }
    for (size_t i = 0; i < put->fault_count; i++)
        good = good && add_field(out, mem, column_name(it->call, put->faults[i].column), put->faults[i].reason);
    if (put->fault_count == 0)
        good = add_field(out, mem, "", it->err.reason ? it->err.reason : vault_code_name(it->err.code));
    return good;
}

static Vault__V1__RowReport *row_report(arena *mem, const item *it)
{
    Vault__V1__RowReport *out = MESSAGE(mem, Vault__V1__RowReport, vault__v1__row_report__init);
    if (!out || !add_fields(out, mem, it)) return NULL;
    out->row = (uint32_t)it->index;
    out->rejected = it->err.code != VAULT_OK;
    return out;
}

static void count_row(Vault__V1__ImportResponse *out, const item *it)
{
    uint32_t *of = it->err.code != VAULT_OK    ? &out->rejected
                   : it->put->created          ? &out->created
                   : it->put->merged.unchanged ? &out->unchanged
                                               : &out->updated;
    ++*of;
    out->rows++;
}

static bool has_something_to_say(const item *it)
{
    return it->err.code != VAULT_OK || it->put->merged.correction_count > 0;
}

static vault_code pack_answer(session *s, const call *c, vault_error *err)
{
    Vault__V1__ImportResponse out = VAULT__V1__IMPORT_RESPONSE__INIT;
    out.reports = arena_array(s->mem, c->item_count, sizeof *out.reports);
    if (!out.reports) return vault_fail(err, VAULT_EXHAUSTED, "no memory for reports");
    for (size_t i = 0; i < c->item_count; i++) {
        const item *it = &c->items[i];
        count_row(&out, it);
        if (!has_something_to_say(it)) continue;
        if (!(out.reports[out.n_reports++] = row_report(s->mem, it)))
            return vault_fail(err, VAULT_EXHAUSTED, "no memory for reports");
    }
    uint8_t *packed = arena_alloc(s->mem, protobuf_c_message_get_packed_size(&out.base));
    if (!packed) return vault_fail(err, VAULT_EXHAUSTED, "no memory for reports");
    c->step->answer = bytes_of(packed, protobuf_c_message_pack(&out.base, packed));
    return VAULT_OK;
}

/* ---- writing ---- */

static vault_code write_answer(session *s, const call *c, vault_error *err)
{
    const import_step *step = c->step;
    request_row row = {.id = step->id, .expires_us = clock_now_us() + KEPT_US};
    VAULT_TRY(pack_answer(s, c, err));
    size_t len = DIGEST_LEN + step->answer.len;
    writer w = writer_over(arena_alloc(s->mem, len), len);
    if (!w.at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an answer");
    put_bytes(&w, digest_bytes(&step->content));
    put_bytes(&w, step->answer);
    VAULT_TRY(cabinet_seal_note(s->cabinet, &row.answer, digest_bytes(&row.id), writer_bytes(&w), err));
    return store_request_insert(s->store, &row, err);
}

static int by_id(const void *a, const void *b)
{
    const call *const *x = a, *const *y = b;
    return memcmp((*x)->step->id.at, (*y)->step->id.at, DIGEST_LEN);
}

/* Answers go in with the last row of their message, and in one order: two transactions with the same requests wait for
 * each other, but not both. */
static vault_code write_import(session *s, item **items, size_t count, vault_error *err)
{
    const call **ended = arena_array(s->mem, count, sizeof *ended);
    size_t n = 0;
    if (!ended) return vault_fail(err, VAULT_EXHAUSTED, "no memory for answers");
    VAULT_TRY(put_write(s, items, count, err));
    for (size_t i = 0; i < count; i++) {
        const call *c = items[i]->call;
        if (items[i] == c->step->last && is_kept(c) && c->rq->err.code == VAULT_OK) ended[n++] = c;
    }
    qsort(ended, n, sizeof *ended, by_id);
    for (size_t i = 0; i < n; i++) VAULT_TRY(write_answer(s, ended[i], err));
    return VAULT_OK;
}

static const item_kind IMPORT = {
    .by_natural_key = true, .judge = put_judge, .prepare = put_prepare, .write = write_import};

/* What is answered again is one line a message. */
static vault_code write_replays(session *s, call **calls, size_t count, vault_error *err)
{
    line *lines = arena_array(s->mem, count, sizeof *lines);
    size_t n = 0;
    if (!lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for lines");
    for (size_t i = 0; i < count; i++) {
        if (!calls[i]->step || !calls[i]->step->replayed) continue;
        line_facts facts = call_facts(s, calls[i], LINE_GRANTED);
        facts.form = "replay";
        VAULT_TRY(line_make(&lines[n++], s->scribe, s->mem, &facts, NULL, err));
    }
    return n ? append_alone(s, lines, n, err) : VAULT_OK;
}

/* A message that lost against itself: a run of it whose client has gone, or asked twice, has ended meanwhile. What that
 * one was answered is the answer. */
static void find_rival(session *s, call *c)
{
    const vault_error lost = c->rq->err;
    if (lost.code != VAULT_CONFLICT || !c->step || c->step->replayed || !is_kept(c)) return;
    vault_error_clear(&c->rq->err);
    if (find_or_tell(s, c) == VAULT_OK && !c->step->replayed) c->rq->err = lost;
}

/* ---- after the commit, and the end ---- */

static vault_code keep_part(session *s, call *c, const Vault__V1__ImportRequest *in)
{
    request *rq = c->rq;
    import_step *step = c->step;
    import_state *next = arena_alloc(rq->kept, sizeof *next);
    import_part *part = arena_alloc(rq->kept, sizeof *part);
    if (!step->answer.at) VAULT_TRY(pack_answer(s, c, &rq->err));
    bytes answer = arena_copy(rq->kept, step->answer);
    if (!next || !part || !answer.at) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for a stream");
    *part = (import_part){.answer = answer, .first_row = step->state->rows, .before = step->state->parts};
    *next = *step->state;
    next->messages++;
    next->rows += (uint32_t)in->n_rows;
    next->parts = part;
    rq->state = next;
    return VAULT_OK;
}

static vault_code add_part(Vault__V1__ImportResponse *to, arena *mem, const import_part *part, vault_error *err)
{
    ProtobufCAllocator allocator = arena_allocator(mem);
    Vault__V1__ImportResponse *from = vault__v1__import_response__unpack(&allocator, part->answer.len, part->answer.at);
    if (!from) return vault_fail(err, VAULT_EXHAUSTED, "no memory for reports");
    to->rows += from->rows;
    to->created += from->created;
    to->updated += from->updated;
    to->unchanged += from->unchanged;
    to->rejected += from->rejected;
    for (size_t i = 0; i < from->n_reports; i++) {
        from->reports[i]->row += part->first_row;
        to->reports[to->n_reports++] = from->reports[i];
    }
    return VAULT_OK;
}

static vault_code answer_import(call *c)
{
    request *rq = c->rq;
    const import_state *state = rq->state;
    Vault__V1__ImportResponse *out = MESSAGE(rq->mem, Vault__V1__ImportResponse, vault__v1__import_response__init);
    const import_part **parts = arena_array(rq->mem, state->messages + 1, sizeof(import_part *));
    if (!out || !parts) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    size_t n = state->messages;
    for (const import_part *p = state->parts; p; p = p->before) parts[--n] = p;
    out->reports = arena_array(rq->mem, state->rows + 1, sizeof *out->reports);
    if (!out->reports) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    for (size_t i = 0; i < state->messages; i++) VAULT_TRY(add_part(out, rq->mem, parts[i], &rq->err));
    rq->out = &out->base;
    return VAULT_OK;
}

static vault_code take(session *s, call *c)
{
    const Vault__V1__ImportRequest *in = (const void *)c->rq->in;
    if (!in) return answer_import(c); /* the gate lets nothing end that has not begun */
    return c->rq->state ? take_rows(s, c, in) : take_header(s, c, in);
}

void records_import(session *s, call **calls, size_t count)
{
    vault_error err = {0};
    for (size_t i = 0; i < count && !s->moved; i++) (void)take(s, calls[i]);
    if (s->moved) return;
    batch_run(s, &IMPORT, calls, count);
    for (size_t i = 0; i < count && !s->moved; i++) {
        call_fail_with_store(calls[i]);
        find_rival(s, calls[i]);
    }
    vault_code written = s->moved ? VAULT_OK : write_replays(s, calls, count, &err);
    for (size_t i = 0; i < count && written != VAULT_OK; i++)
        if (calls[i]->step && calls[i]->step->replayed) calls[i]->rq->err = err;
    for (size_t i = 0; i < count && !s->moved; i++) {
        call *c = calls[i];
        if (c->step && c->rq->err.code == VAULT_OK) (void)keep_part(s, c, (const void *)c->rq->in);
    }
}

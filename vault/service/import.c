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
#include "vault/service/kept.h"

#include <string.h>

enum { MESSAGE_ROWS = BATCH_ITEMS, IMPORT_ROWS = 65536 };

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
static vault_code digest_content(session *s, call *c, const Vault__V1__ImportRequest *in, digest *out)
{
    const import_step *step = c->step;
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
    *out = sha256(writer_bytes(&w));
    return VAULT_OK;
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

static vault_code take_rows(session *s, call *c, const Vault__V1__ImportRequest *in)
{
    const import_state *state = c->rq->state;
    import_step *step = c->step = arena_alloc(s->mem, sizeof *step);
    if (!step) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a message");
    step->state = state;
    VAULT_TRY(check_message(state, in, &c->rq->err));
    VAULT_TRY(read_kept_header(s, c));
    if (!is_kept(c)) return VAULT_OK;
    kept_key key = {.label = "resident-vault import 1", .place = state->messages};
    VAULT_TRY(digest_content(s, c, in, &key.content));
    return kept_ask(s, c, &key);
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

static vault_code pack_answer(session *s, const call *c, bytes *answer, vault_error *err)
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
    return kept_packed(answer, s, &out.base, err);
}

static vault_code write_import(session *s, item **items, size_t count, vault_error *err)
{
    VAULT_TRY(put_write(s, items, count, err));
    return kept_write(s, items, count, pack_answer, err);
}

static const item_kind IMPORT = {
    .by_natural_key = true, .judge = put_judge, .prepare = put_prepare, .write = write_import, .change = put_change};

/* ---- after the commit, and the end ---- */

static vault_code keep_part(session *s, call *c, const Vault__V1__ImportRequest *in)
{
    request *rq = c->rq;
    import_step *step = c->step;
    import_state *next = arena_alloc(rq->kept, sizeof *next);
    import_part *part = arena_alloc(rq->kept, sizeof *part);
    bytes told = c->kept ? c->kept->answer : bytes_of(NULL, 0);
    if (!told.at) VAULT_TRY(pack_answer(s, c, &told, &rq->err));
    bytes answer = arena_copy(rq->kept, told);
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

static void read_rows(session *s, call *c)
{
    const Vault__V1__ImportRequest *in = (const void *)c->rq->in;
    if (!c->step || !kept_goes_on(c)) return;
    if (put_read_rows(s, c, &c->step->columns, in->rows, in->n_rows) != VAULT_OK) return; /* its error is the call's */
}

void records_import(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)take(s, calls[i]);
    if (s->moved) return;
    kept_find(s, calls, count);
    for (size_t i = 0; i < count; i++) read_rows(s, calls[i]);
    batch_run(s, &IMPORT, calls, count);
    kept_settle(s, calls, count);
    for (size_t i = 0; i < count && !s->moved; i++) {
        call *c = calls[i];
        if (c->step && c->rq->err.code == VAULT_OK) (void)keep_part(s, c, (const void *)c->rq->in);
    }
}

/* Leaks: lists that officers bring, each a case that another officer must approve before the list is used. */
#include "vault/service/leaks.h"
#include "vault/service/change.h"

#include "vault/base/log.h"

#include <stdio.h>
#include <string.h>

enum { SALT_BYTES = 16, SWEEP_GRACE_S = 600 };
static const char BOUND_LABEL[] = "resident-vault leak 1";
static const char APPROVALS[] = "approvals/", LEAKS[] = "leaks/";

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no memory for a leaked list");
}

/* ---- names ---- */

bytes leak_context(uint8_t out[LEAK_CONTEXT_LEN], bytes id)
{
    writer w = writer_over(out, LEAK_CONTEXT_LEN);
    put_bytes(&w, bytes_of_text("leak"));
    put_bytes(&w, id);
    return writer_bytes(&w);
}

static int digit_of(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* "approvals/" or "leaks/" and 32 digits, which were checked. */
static void read_id(uint8_t out[LEAK_ID_LEN], const char *name)
{
    const char *digits = strchr(name, '/') + 1;
    for (size_t i = 0; i < LEAK_ID_LEN; i++)
        out[i] = (uint8_t)(digit_of(digits[2 * i]) << 4 | digit_of(digits[2 * i + 1]));
}

static const char *name_of(arena *mem, const char *approval_name)
{
    return arena_format(mem, "%s%s", LEAKS, approval_name + sizeof APPROVALS - 1);
}

vault_code leak_find(const approval **out, const session *s, const call *c, const char *name, vault_error *err)
{
    char of[APPROVAL_NAME_LEN + 1];
    if (!name[0]) return refuse_at(err, "REQUIRED", "leak", -1);
    if (!is_name_in(name, LEAKS)) return vault_refuse(err, VAULT_NOT_FOUND, "LEAK_UNKNOWN", "leak");
    snprintf(of, sizeof of, "%s%s", APPROVALS, name + sizeof LEAKS - 1);
    const approval *a = manifest_approval(s->manifest, of);
    if (!a || a->document != DOC_LEAK || a->expires_us <= c->now_us)
        return vault_refuse(err, VAULT_NOT_FOUND, "LEAK_UNKNOWN", "leak");
    *out = a;
    return VAULT_OK;
}

/* ---- the list, packed ---- */

static size_t packed_size(const Vault__V1__OpenLeakRequest *in)
{
    size_t size = SALT_BYTES + 8 + 8 + 2 + 4;
    for (size_t i = 0; i < in->n_columns; i++) size += 2 + strlen(in->columns[i]);
    for (size_t i = 0; i < in->n_rows; i++)
        for (size_t j = 0; j < in->rows[i]->n_values; j++) size += 2 + strlen(in->rows[i]->values[j]);
    return size;
}

static vault_code pack(bytes *out, arena *mem, const Vault__V1__OpenLeakRequest *in, int64_t seen_us, vault_error *err)
{
    uint8_t salt[SALT_BYTES];
    const size_t size = packed_size(in);
    writer w = writer_over(arena_alloc(mem, size), size);
    if (!w.at) return no_room(err);
    VAULT_TRY(entropy_fill(salt, sizeof salt, err));
    put_bytes(&w, bytes_of(salt, sizeof salt));
    put_u64(&w, (uint64_t)seen_us);
    put_u64(&w, in->total_rows);
    put_u16(&w, (uint16_t)in->n_columns);
    for (size_t i = 0; i < in->n_columns; i++) put_sized(&w, bytes_of_text(in->columns[i]));
    put_u32(&w, (uint32_t)in->n_rows);
    for (size_t i = 0; i < in->n_rows; i++)
        for (size_t j = 0; j < in->n_columns; j++) put_sized(&w, bytes_of_text(in->rows[i]->values[j]));
    *out = writer_bytes(&w);
    return w.overflow ? vault_fail(err, VAULT_INTERNAL, "a list is larger than was reckoned") : VAULT_OK;
}

static digest bound_of(bytes list)
{
    return sha256_parts((const bytes[]){bytes_of_text(BOUND_LABEL), list}, 2);
}

static vault_code unpack(leak_list *out, arena *mem, bytes packed, vault_error *err)
{
    reader r = reader_over(packed);
    (void)get_bytes(&r, SALT_BYTES);
    out->seen_us = (int64_t)get_u64(&r);
    out->total_rows = get_u64(&r);
    out->column_count = get_u16(&r);
    const char **columns = arena_array(mem, out->column_count + 1, sizeof *columns);
    if (!columns) return no_room(err);
    for (size_t i = 0; i < out->column_count; i++)
        if (!(columns[i] = arena_text(mem, get_sized(&r)))) return no_room(err);
    out->columns = columns;
    out->row_count = get_u32(&r);
    if (r.short_ || out->row_count > LEAK_ROWS_MAX) return vault_fail(err, VAULT_INTEGRITY, "a list that is none");
    bytes *values = arena_array(mem, out->row_count * out->column_count + 1, sizeof *values);
    if (!values) return no_room(err);
    for (size_t i = 0; i < out->row_count * out->column_count; i++) {
        bytes one = get_sized(&r);
        const char *text = arena_text(mem, one);
        if (!text) return no_room(err);
        values[i] = bytes_of(text, one.len);
    }
    out->values = values;
    return reader_done(&r) ? VAULT_OK : vault_fail(err, VAULT_INTEGRITY, "a list that is none");
}

vault_code leak_open(leak_case *out, session *s, const call *c, const char *name, vault_error *err)
{
    leak_row stored = {0};
    uint8_t context[LEAK_CONTEXT_LEN];
    bytes packed;
    *out = (leak_case){.name = name};
    VAULT_TRY(leak_find(&out->leave, s, c, name, err));
    if (!approval_complete(s->manifest, out->leave))
        return vault_refuse(err, VAULT_PRECONDITION, "NOT_APPROVED", "leak");
    read_id(stored.id, name);
    VAULT_TRY(store_leak_read(s->store, s->mem, &stored, err));
    cabinet_use(s->cabinet, s->mem);
    VAULT_TRY(cabinet_open_list(s->cabinet, &packed, leak_context(context, bytes_of(stored.id, LEAK_ID_LEN)),
                                &(sealed_list){.key = stored.key, .sealed = stored.sealed}, err));
    const digest found = bound_of(packed);
    if (!bytes_equal_secret(digest_bytes(&found), digest_bytes(&out->leave->bound)))
        return vault_fail(err, VAULT_INTEGRITY, "a leaked list is not the one that was approved");
    return unpack(&out->list, s->mem, packed, err);
}

/* ---- as it is told ---- */

typedef struct told_leak {
    const approval *of;
    const leak_ask *ask;
    const char *state;
} told_leak;

static Vault__V1__Leak *leak_message(arena *mem, const told_leak *from)
{
    const leak_ask *ask = from->ask;
    Vault__V1__Leak *out = MESSAGE(mem, Vault__V1__Leak, vault__v1__leak__init);
    if (!out || !(out->columns = arena_array(mem, ask->column_count + 1, sizeof *out->columns))) return NULL;
    out->name = lent(name_of(mem, from->of->name));
    out->approval = arena_text(mem, bytes_of_text(from->of->name));
    out->creator = arena_text(mem, bytes_of_text(from->of->proposer));
    out->ticket = arena_text(mem, bytes_of_text(from->of->ticket));
    out->create_time = timestamp_of(mem, from->of->created_us);
    out->expire_time = timestamp_of(mem, from->of->expires_us);
    out->seen_time = timestamp_of(mem, ask->seen_us);
    out->state = lent(from->state);
    out->rows = ask->rows;
    out->total_rows = ask->total_rows;
    for (size_t i = 0; i < ask->column_count; i++)
        if (!(out->columns[out->n_columns++] = arena_text(mem, bytes_of_text(ask->columns[i])))) return NULL;
    bool whole = out->name[0] && out->approval && out->creator && out->ticket && out->create_time && out->expire_time &&
                 out->seen_time;
    return whole ? out : NULL;
}

/* ---- open ---- */

static vault_code check_columns(const session *s, const Vault__V1__OpenLeakRequest *in, vault_error *err)
{
    const collection *of = NULL;
    bool any = false;
    if (in->n_columns == 0) return refuse_at(err, "REQUIRED", "columns", -1);
    if (in->n_columns > LEAK_COLUMNS_MAX) return refuse_at(err, "TOO_MANY", "columns", -1);
    for (size_t i = 0; i < in->n_columns; i++) {
        const char *name = in->columns[i];
        any |= name[0] != '\0';
        if (!name[0] || strcmp(name, LEAK_PSEUDONYM) == 0) continue;
        const schema_field *f = schema_find(&s->manifest->schema, bytes_of_text(name));
        if (!f) return refuse_at(err, "UNKNOWN_FIELD", "columns", (long)i);
        if (of && f->collection != of) return refuse_at(err, "MIXED_COLLECTIONS", "columns", (long)i);
        of = f->collection;
        for (size_t j = 0; j < i; j++)
            if (strcmp(in->columns[j], name) == 0) return refuse_at(err, "DUPLICATE_FIELD", "columns", (long)i);
    }
    return any ? VAULT_OK : refuse_at(err, "REQUIRED", "columns", -1);
}

static vault_code check_rows(const Vault__V1__OpenLeakRequest *in, vault_error *err)
{
    if (in->n_rows == 0) return refuse_at(err, "REQUIRED", "rows", -1);
    if (in->n_rows > LEAK_ROWS_MAX) return refuse_at(err, "TOO_MANY", "rows", -1);
    if (in->total_rows && in->total_rows < in->n_rows) return refuse_at(err, "OUT_OF_RANGE", "total_rows", -1);
    for (size_t i = 0; i < in->n_rows; i++) {
        if (in->rows[i]->n_values != in->n_columns) return refuse_at(err, "BAD_ROW", "rows", (long)i);
        for (size_t j = 0; j < in->n_columns; j++)
            if (strlen(in->rows[i]->values[j]) > LEAK_VALUE_MAX) return refuse_at(err, "TOO_LONG", "rows", (long)i);
    }
    return VAULT_OK;
}

static vault_code check_seen(int64_t *out, const Vault__V1__OpenLeakRequest *in, const call *c, vault_error *err)
{
    const Google__Protobuf__Timestamp *seen = in->seen_time;
    if (!seen) return refuse_at(err, "REQUIRED", "seen_time", -1);
    if (seen->seconds < 0 || seen->seconds > c->now_us / 1000000 || seen->nanos < 0 || seen->nanos > 999999999)
        return refuse_at(err, "OUT_OF_RANGE", "seen_time", -1);
    *out = seen->seconds * 1000000 + seen->nanos / 1000;
    return VAULT_OK;
}

/* What is written beside the proposal. */
typedef struct opening {
    session *s;
    bytes packed;
    int64_t now_us;
    change_record done;
} opening;

static vault_code write_list(void *context, store *with, vault_error *err)
{
    const opening *o = context;
    uint8_t place[LEAK_CONTEXT_LEN];
    leak_row stored = {.created_us = o->now_us, .expires_us = o->now_us + LEAK_LIFETIME_US};
    sealed_list sealed;
    read_id(stored.id, o->done.approval);
    cabinet_use(o->s->cabinet, o->s->mem);
    VAULT_TRY(cabinet_seal_list(o->s->cabinet, &sealed, leak_context(place, bytes_of(stored.id, LEAK_ID_LEN)),
                                o->packed, err));
    stored.key = sealed.key;
    stored.sealed = sealed.sealed;
    return store_leak_insert(with, &stored, err);
}

static vault_code fill_opened(void *context, line_facts *facts, size_t i, vault_error *err)
{
    const opening *o = context;
    (void)i;
    facts->leak = name_of(o->s->mem, o->done.approval);
    return facts->leak ? VAULT_OK : no_room(err);
}

static vault_code read_opening(opening *o, leak_ask *ask, call *c)
{
    const Vault__V1__OpenLeakRequest *in = (const void *)c->rq->in;
    vault_error *err = &c->rq->err;
    *o = (opening){.s = o->s, .now_us = c->now_us};
    VAULT_TRY(check_columns(o->s, in, err));
    VAULT_TRY(check_rows(in, err));
    *ask = (leak_ask){.columns = (const char *const *)in->columns,
                      .column_count = in->n_columns,
                      .rows = in->n_rows,
                      .total_rows = in->total_rows};
    VAULT_TRY(check_seen(&ask->seen_us, in, c, err));
    VAULT_TRY(pack(&o->packed, o->s->mem, in, ask->seen_us, err));
    ask->bound = bound_of(o->packed);
    return VAULT_OK;
}

static vault_code answer_opened(call *c, const opening *o, const leak_ask *ask)
{
    approval made = {.document = DOC_LEAK,
                     .proposer = o->done.who,
                     .ticket = o->done.ticket,
                     .created_us = c->now_us,
                     .expires_us = c->now_us + LEAK_LIFETIME_US};
    snprintf(made.name, sizeof made.name, "%s", o->done.approval);
    Vault__V1__Leak *out = leak_message(c->rq->mem, &(told_leak){&made, ask, "pending"});
    if (!out) return no_room(&c->rq->err);
    c->rq->out = &out->base;
    return VAULT_OK;
}

static vault_code open_case(session *s, call *c)
{
    opening o = {.s = s};
    leak_ask ask;
    change what = {.kind = CHANGE_PROPOSE,
                   .document = DOC_LEAK,
                   .leak = &ask,
                   .lifetime_us = LEAK_LIFETIME_US,
                   .write = write_list,
                   .context = &o};
    if (read_opening(&o, &ask, c) != VAULT_OK) return change_refuse(s, c, &what);
    VAULT_TRY(change_run_with(s, c, &what, &o.done, &(change_lines){.count = 1, .fill = fill_opened, .context = &o}));
    log_event(LOG_INFO, "leak.opened", "%s by %s", o.done.approval, c->caller->id);
    return answer_opened(c, &o, &ask);
}

void leaks_open(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)open_case(s, calls[i]);
}

/* ---- list ---- */

static vault_code read_ask(leak_ask *out, session *s, const call *c, const approval *of, vault_error *err)
{
    document_text content;
    VAULT_TRY(control_proposed(&content, s->service->control, s->store, c->rq->mem, of, err));
    return leak_read(out, c->rq->mem, content.content, err);
}

static vault_code answer_list(session *s, call *c)
{
    vault_error *err = &c->rq->err;
    const approval *all;
    const size_t count = manifest_pending(s->manifest, &all);
    Vault__V1__ListLeaksResponse *out =
        MESSAGE(c->rq->mem, Vault__V1__ListLeaksResponse, vault__v1__list_leaks_response__init);
    if (!out || !(out->leaks = arena_array(c->rq->mem, count + 1, sizeof *out->leaks))) return no_room(err);
    for (size_t i = 0; i < count; i++) {
        leak_ask ask;
        if (all[i].document != DOC_LEAK || all[i].expires_us <= c->now_us) continue;
        VAULT_TRY(read_ask(&ask, s, c, &all[i], err));
        const told_leak told = {&all[i], &ask, approval_complete(s->manifest, &all[i]) ? "open" : "pending"};
        if (!(out->leaks[out->n_leaks++] = leak_message(c->rq->mem, &told))) return no_room(err);
    }
    c->rq->out = &out->base;
    return VAULT_OK;
}

void leaks_list(session *s, call **calls, size_t count)
{
    const line_facts facts = {.fields = "leaks"};
    for (size_t i = 0; i < count && !s->moved; i++)
        if (write_call_line(s, calls[i], &facts) == VAULT_OK) (void)answer_list(s, calls[i]);
}

/* ---- close ---- */

typedef struct closing {
    session *s;
    uint8_t id[LEAK_ID_LEN];
    const char *name;
} closing;

static vault_code delete_list(void *context, store *with, vault_error *err)
{
    const closing *of = context;
    return store_leak_delete(with, of->id, err);
}

static vault_code fill_closed(void *context, line_facts *facts, size_t i, vault_error *err)
{
    const closing *of = context;
    (void)i;
    (void)err;
    facts->leak = of->name;
    return VAULT_OK;
}

static vault_code close_case(session *s, call *c)
{
    const Vault__V1__CloseLeakRequest *in = (const void *)c->rq->in;
    vault_error *err = &c->rq->err;
    const approval *leave = NULL;
    closing of = {.s = s, .name = in->name};
    change what = {.kind = CHANGE_REJECT, .write = delete_list, .context = &of};
    change_record done;
    leak_ask ask;
    if (leak_find(&leave, s, c, in->name, err) != VAULT_OK) return change_refuse(s, c, &what);
    if (read_ask(&ask, s, c, leave, err) != VAULT_OK) return change_refuse(s, c, &what);
    const approval was = *leave; /* its texts are the manifest's, which outlives the call */
    what.approval = was.name;
    read_id(of.id, in->name);
    VAULT_TRY(change_run_with(s, c, &what, &done, &(change_lines){.count = 1, .fill = fill_closed, .context = &of}));
    Vault__V1__Leak *out = leak_message(c->rq->mem, &(told_leak){&was, &ask, "closed"});
    if (!out) return no_room(err);
    c->rq->out = &out->base;
    return VAULT_OK;
}

void leaks_close(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)close_case(s, calls[i]);
}

/* ---- sweep ---- */

/* A list that has just come may be of a manifest that this node does not know yet. */
vault_code leaks_sweep(session *s, void *context, vault_error *err)
{
    const approval *all;
    const int64_t now = service_now_us(s->service);
    const size_t count = manifest_pending(s->manifest, &all);
    uint8_t ids[LEAKS_MAX][LEAK_ID_LEN];
    leak_keeping keep = {
        .ids = (const uint8_t(*)[LEAK_ID_LEN])ids, .made_us = now - (int64_t)SWEEP_GRACE_S * 1000000, .now_us = now};
    int64_t dropped = 0;
    (void)context;
    for (size_t i = 0; i < count && keep.count < LEAKS_MAX; i++)
        if (all[i].document == DOC_LEAK && all[i].expires_us > now) read_id(ids[keep.count++], all[i].name);
    VAULT_TRY(store_leaks_sweep(s->store, &keep, &dropped, err));
    if (dropped) log_event(LOG_INFO, "leak.swept", "%lld leaked lists whose cases are over", (long long)dropped);
    return VAULT_OK;
}

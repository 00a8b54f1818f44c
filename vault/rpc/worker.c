/* A worker takes the oldest call that waits and all further ones of its method up to BATCH_ITEMS items, looks through
 * and unpacks each, runs them together, and answers each, or has the next message of a client stream read. It never
 * touches a call after that. */
#include "vault/rpc/internal.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"
#include "vault/base/metric.h"
#include "vault/rpc/scan.h"

#include <string.h>

enum {
    TELL_AGAIN_US = 1000000,
    CALL_MEMORY = 256 << 20, /* the most that one run of a call may take; SCAN_ELEMENTS keeps requests far below */
    KEPT_MEMORY = 64 << 20,  /* and what a client stream may keep from run to run */
    LARGE_SLOTS = 2,         /* the first slots are those of large calls: their memory is kept for the next one */
    SLOT_KEEPS = 4 << 20
};

/* The memory of one call of a batch, kept for the next batch. */
typedef struct slot {
    arena *mem;
    call *call;
    size_t items;
    request request;
} slot;

struct worker {
    rpc_server *server;
    pthread_t thread;
    session *session;
    slot slots[BATCH_ITEMS + 1];
    request *batch[BATCH_ITEMS + 1];
    size_t count, items;
    bool carried; /* slots[0] holds a call that did not fit into the batch before */
    certificates known;
    vault_error told; /* the failure that was told last, and when */
    int64_t told_us;
};

/* ---- one call ---- */

static void refuse(slot *s, answer a)
{
    call_leave_answer(s->call, &a);
    arena_reset(s->mem);
}

/* True when the call was dropped: nobody waits for it any more. */
static bool drop(slot *s)
{
    bool gone = atomic_load_explicit(&s->call->gone, memory_order_acquire);
    if (!gone && !call_is_late(s->call)) return false;
    metric_add(METRIC_CALLS_DROPPED, (metric_at){0}, 1);
    refuse(s, call_is_late(s->call) ? (answer){.code = GRPC_STATUS_DEADLINE_EXCEEDED, .text = "deadline exceeded"}
                                    : (answer){.code = GRPC_STATUS_CANCELLED, .text = "cancelled"});
    return true;
}

static vault_code unpack(slot *s, vault_error *err)
{
    const ProtobufCMessageDescriptor *type = s->call->route->method->input;
    ProtobufCAllocator memory = arena_allocator(s->mem);
    bytes wire = body_bytes(s->call->body, s->mem);
    if (!wire.at && s->call->body_len > 0) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a request");
    VAULT_TRY(scan_message(type, wire, err));
    s->request.in = protobuf_c_message_unpack(type, &memory, wire.len, wire.at);
    if (s->request.in) return VAULT_OK;
    return vault_fail(err, VAULT_EXHAUSTED, "%s of %zu bytes cannot be unpacked", type->name, wire.len);
}

/* What a client stream has kept; a call that does not stream keeps what it has. */
static vault_code keep(slot *s, vault_error *err)
{
    call *c = s->call;
    s->request.kept = s->mem;
    if (!c->route->method->stream) return VAULT_OK;
    if (!c->kept) c->kept = arena_new(KEPT_MEMORY);
    if (!c->kept) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a stream");
    s->request.kept = c->kept;
    s->request.state = c->between;
    s->request.asserted = c->asserted;
    return VAULT_OK;
}

/* True when the slot's request is ready to run; otherwise the call is answered. */
static bool prepare(worker *w, slot *s, call *c)
{
    vault_error err = {0};
    s->call = c;
    call_taken(c);
    if (drop(s)) return false;
    s->request = (request){.mem = s->mem, .deadline_us = c->deadline_us};
    vault_code code = peer_identify(&s->request, c->handle, &w->known, &err);
    if (code == VAULT_OK) code = keep(s, &err);
    if (code == VAULT_OK && c->body) code = unpack(s, &err);
    if (c->body) body_wipe(c->body);
    if (code != VAULT_OK) {
        refuse(s, answer_error(s->mem, &err));
        return false;
    }
    s->items = s->request.in ? c->route->method->items(s->request.in) : 1;
    return true;
}

/* True when a client stream is to go on: a message has been run, well. */
static bool read_on(slot *s)
{
    call *c = s->call;
    if (!c->route->method->stream || !s->request.in || s->request.err.code != VAULT_OK) return false;
    c->between = s->request.state;
    c->asserted = s->request.asserted;
    arena_reset(s->mem);
    call_read_on(c);
    return true;
}

/* What fails call after call for one reason, as where control rows were edited, is told once a second. */
static void tell_failure(worker *w, const vault_error *err)
{
    int64_t now = clock_monotonic_us();
    bool again = w->told.where == err->where && strcmp(w->told.detail, err->detail) == 0;
    if (again && now - w->told_us < TELL_AGAIN_US) return;
    w->told = *err;
    w->told_us = now;
    log_failure(LOG_ERROR, "call.failed", err);
}

static void answer_call(worker *w, slot *s)
{
    request *rq = &s->request;
    if (read_on(s)) return;
    if (rq->err.code == VAULT_OK && !rq->out) (void)vault_fail(&rq->err, VAULT_INTERNAL, "no reply was made");
    if (rq->err.code == VAULT_INTERNAL || rq->err.code == VAULT_INTEGRITY) tell_failure(w, &rq->err);
    answer a = rq->err.code == VAULT_OK ? answer_message(rq->out) : answer_error(s->mem, &rq->err);
    call_leave_answer(s->call, &a);
    arena_reset(s->mem);
}

/* ---- a batch ---- */

static slot *slot_at(worker *w, size_t index)
{
    slot *s = &w->slots[index];
    if (s->mem) return s;
    s->mem = arena_new(CALL_MEMORY);
    if (s->mem && index < LARGE_SLOTS) arena_keep(s->mem, SLOT_KEEPS);
    return s->mem ? s : NULL;
}

static bool add(worker *w, call *c)
{
    slot *s = slot_at(w, w->count);
    if (!s) {
        answer a = {.code = GRPC_STATUS_RESOURCE_EXHAUSTED, .text = status_text(VAULT_EXHAUSTED)};
        call_taken(c);
        call_leave_answer(c, &a);
        return true;
    }
    if (!prepare(w, s, c)) return true;
    if (w->count > 0 && w->items + s->items > BATCH_ITEMS) {
        w->carried = true;
        return false;
    }
    w->count++;
    w->items += s->items;
    return true;
}

static void swap_slots(slot *a, slot *b)
{
    slot held = *a;
    *a = *b;
    *b = held;
}

/* Brings the carried call to the front; true when it still wants to run. */
static bool take_carried(worker *w)
{
    if (!w->carried) return false;
    swap_slots(&w->slots[0], &w->slots[w->count]);
    w->carried = false;
    return !drop(&w->slots[0]);
}

/* The route of the batch that was gathered, or NULL at the end. */
static route *gather(worker *w)
{
    bool carried = take_carried(w), room = true;
    w->count = carried ? 1 : 0;
    w->items = carried ? w->slots[0].items : 0;
    call *c = carried ? NULL : queue_take(&w->server->queue);
    if (!c && !carried) return NULL;
    route *r = c ? c->route : w->slots[0].call->route;
    if (c) room = add(w, c);
    while (room && w->items < BATCH_ITEMS && (c = queue_take_same(&w->server->queue, r))) room = add(w, c);
    return r;
}

static void run_batch(worker *w, const route *r)
{
    for (size_t i = 0; i < w->count; i++) w->batch[i] = &w->slots[i].request;
    metric_observe(METRIC_BATCH_CALLS, (metric_at){0}, w->count);
    queue_runs(&w->server->queue, w->items);
    service_run(w->session, r->method, w->batch, w->count);
    queue_ran(&w->server->queue, w->items);
    for (size_t i = 0; i < w->count; i++) answer_call(w, &w->slots[i]);
}

static void *work(void *argument)
{
    worker *w = argument;
    const route *r;
    while ((r = gather(w))) {
        if (w->count > 0) run_batch(w, r);
        calls_flush(w->server);
    }
    return NULL;
}

/* ---- start and end ---- */

static void worker_free(worker *w)
{
    session_close(&w->session);
    for (size_t i = 0; i <= BATCH_ITEMS; i++) arena_free(&w->slots[i].mem);
    memory_free(w, sizeof *w);
}

vault_code worker_start(worker **out, rpc_server *r, vault_error *err)
{
    worker *w = memory_new(sizeof *w);
    w->server = r;
    vault_code code = session_open(&w->session, r->service, err);
    if (code == VAULT_OK && pthread_create(&w->thread, NULL, work, w) != 0) {
        code = vault_fail(err, VAULT_UNAVAILABLE, "cannot start a worker thread");
    }
    if (code != VAULT_OK) {
        worker_free(w);
        return code;
    }
    *out = w;
    return VAULT_OK;
}

void worker_join(worker **w)
{
    if (!*w) return;
    pthread_join((*w)->thread, NULL);
    worker_free(*w);
    *w = NULL;
}

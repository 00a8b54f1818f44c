/* A call. One struct from the arrival of its headers to the end of its reply; the tag is its address.
 *
 *                                          +--- client stream: its next message --+
 *                                          v                                      |
 *   SPARE --post--> POSTED --headers--> READING --message--> QUEUED --taken--> RUNNING
 *     ^                | (shutdown)        |                    |                 |
 *     |                v                   | health, unknown,   | full            | answered, dropped
 *     +------------- SPARE                 | no room, gone      v                 v
 *     |                                    +--------------> REPLYING <------------+
 *     |                                                         | sent
 *     +--------------------- closed seen ------------------- ENDED
 *
 *   state      whose        waits for the completion of
 *   POSTED     poller       request_call
 *   READING    poller       RECV_MESSAGE
 *   QUEUED     queue        nothing
 *   RUNNING    a worker     nothing
 *   REPLYING   poller       SEND_INITIAL_METADATA, SEND_MESSAGE, SEND_STATUS (and RECV_CLOSE where it is not watched)
 *   ENDED      poller       `closed`, if it is still to come
 *
 * A unary call goes this way once. A client stream (method.stream) is READING, QUEUED and RUNNING in turn, once for
 * each message, and once more when its client has sent all: then without a message, and that run answers it. An error,
 * a deadline, a cancellation ends it between two runs, never within one. A worker starts its next read itself;
 * stream_in.c ends those that wait too long.
 *
 * A call that is going to wait is watched: RECV_CLOSE runs in a batch of its own beside READING to REPLYING, with the
 * tag `closed`, and tells within milliseconds that the client has left or the deadline has passed. All completions of a
 * call come to the one poller that posted it; `state` is written with release before a batch starts and read with
 * acquire after it. */
#include "vault/rpc/internal.h"

#include "grpc/health/v1/health.pb-c.h"
#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"
#include "vault/base/metric.h"
#include "vault/rpc/scan.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void set_state(call *c, call_state state)
{
    atomic_store_explicit(&c->state, state, memory_order_release);
}

/* The state is the last thing of the call that is touched before its batch starts: its completion may come before start
 * returns. A batch is refused only when it is wrong by itself: a mistake in this file. */
static void start(grpc_call *handle, const grpc_op *ops, size_t count, tag *t)
{
    grpc_call_error refused = grpc_call_start_batch(handle, ops, count, t, NULL);
    if (refused == GRPC_CALL_OK) return;
    log_event(LOG_ERROR, "rpc.batch", "a batch was refused: %d", (int)refused);
    abort();
}

/* ---- spare and posted ---- */

static void main_done(tag *t, bool ok);
static void closed_done(tag *t, bool ok);

static call *call_new(poller *p)
{
    call *c = memory_new(sizeof *c);
    c->main.done = main_done;
    c->closed.done = closed_done;
    c->at = p;
    grpc_call_details_init(&c->details);
    grpc_metadata_array_init(&c->metadata);
    return c;
}

void call_post(poller *p)
{
    if (atomic_load(&p->server->draining)) return;
    call *c = p->spare ? p->spare : call_new(p);
    p->spare = c->next;
    c->next = NULL;
    set_state(c, CALL_POSTED);
    p->posted++;
    if (grpc_server_request_call(p->server->handle, &c->handle, &c->details, &c->metadata, p->cq, p->cq, &c->main) ==
        GRPC_CALL_OK)
        return;
    p->posted--;
    set_state(c, CALL_SPARE);
    c->next = p->spare;
    p->spare = c;
}

static void call_spare(call *c)
{
    poller *p = c->at;
    grpc_call_details_destroy(&c->details);
    grpc_call_details_init(&c->details);
    c->metadata.count = 0;
    c->handle = NULL;
    c->route = NULL;
    c->watched = c->close_seen = c->begun = false;
    c->between = NULL;
    c->asserted = false;
    atomic_store_explicit(&c->gone, false, memory_order_relaxed);
    set_state(c, CALL_SPARE);
    c->next = p->spare;
    p->spare = c;
}

void calls_free(poller *p)
{
    while (p->spare) {
        call *c = p->spare;
        p->spare = c->next;
        grpc_call_details_destroy(&c->details);
        grpc_metadata_array_destroy(&c->metadata);
        memory_free(c, sizeof *c);
    }
}

/* ---- the end ---- */

static void call_end(call *c)
{
    stream_in_leave(&c->at->server->streams_in, c);
    arena_free(&c->kept);
    if (c->body) grpc_byte_buffer_destroy(c->body);
    if (c->reply) grpc_byte_buffer_destroy(c->reply);
    c->body = c->reply = NULL;
    grpc_slice_unref(c->trailer.value);
    c->trailer.value = grpc_empty_slice();
    grpc_call_unref(c->handle);
    c->at->live--;
    call_spare(c);
}

static void closed_done(tag *t, bool ok)
{
    (void)ok;
    call *c = (call *)(void *)((char *)t - offsetof(call, closed));
    c->close_seen = true;
    if (atomic_load_explicit(&c->state, memory_order_acquire) == CALL_ENDED)
        call_end(c);
    else
        atomic_store_explicit(&c->gone, true, memory_order_release);
}

static void sent(call *c, bool ok)
{
    (void)ok; /* the client has left: nobody is there to be told */
    set_state(c, CALL_ENDED);
    if (!c->watched || c->close_seen) call_end(c);
}

static void count_answer(const call *c, const answer *a)
{
    unsigned number = c->route ? c->route->number : (unsigned)c->at->server->routes.count;
    metric_add(METRIC_CALLS, (metric_at){number, (unsigned)a->code}, 1);
    metric_observe(METRIC_CALL_SECONDS, (metric_at){number, 0}, (uint64_t)(clock_monotonic_us() - c->arrived_us));
}

/* The call takes over what the answer holds. */
static void keep_answer(call *c, const answer *a)
{
    count_answer(c, a);
    c->code = a->code;
    c->text = a->text;
    c->reply = a->message;
    if (a->details.len == 0) return;
    c->trailer.key = grpc_slice_from_static_string("grpc-status-details-bin");
    c->trailer.value = grpc_slice_from_copied_buffer((const char *)a->details.at, a->details.len);
}

static void send_answer(call *c)
{
    grpc_slice text = grpc_slice_from_static_string(c->text);
    grpc_op ops[4] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}};
    size_t count = 1;
    if (c->reply) ops[count++] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = c->reply};
    grpc_op *status = &ops[count++];
    *status = (grpc_op){.op = GRPC_OP_SEND_STATUS_FROM_SERVER};
    status->data.send_status_from_server.status = c->code;
    status->data.send_status_from_server.status_details = &text;
    if (GRPC_SLICE_LENGTH(c->trailer.value) > 0) {
        status->data.send_status_from_server.trailing_metadata_count = 1;
        status->data.send_status_from_server.trailing_metadata = &c->trailer;
    }
    if (!c->watched) {
        ops[count++] =
            (grpc_op){.op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &c->cancelled};
    }
    grpc_call *handle = c->handle;
    set_state(c, CALL_REPLYING);
    start(handle, ops, count, &c->main);
}

void call_answer(call *c, const answer *a)
{
    keep_answer(c, a);
    send_answer(c);
}

/* ---- answers of workers ---- */

void call_leave_answer(call *c, const answer *a)
{
    poller *p = c->at;
    keep_answer(c, a);
    pthread_mutex_lock(&p->lock);
    c->next = p->answered;
    p->answered = c;
    pthread_mutex_unlock(&p->lock);
}

static call *take_left(poller *p, bool all)
{
    pthread_mutex_lock(&p->lock);
    call *c = p->answered;
    p->answered = c && !all ? c->next : NULL;
    pthread_mutex_unlock(&p->lock);
    return c;
}

void calls_flush(rpc_server *r)
{
    for (unsigned i = 0; i < r->poller_count; i++) {
        call *c = take_left(&r->pollers[i], false);
        if (c) send_answer(c);
    }
}

void calls_send_left(poller *p)
{
    call *next;
    for (call *c = take_left(p, true); c; c = next) {
        next = c->next;
        send_answer(c);
    }
}

/* Without details: what the caller's library, not its program, has to know. */
static void answer_plain(call *c, grpc_status_code code, const char *text)
{
    call_answer(c, &(answer){.code = code, .text = text});
}

/* A limit was reached: RESOURCE_EXHAUSTED with RetryInfo. */
static void answer_busy(call *c, const char *reason)
{
    vault_error err = {0};
    (void)vault_refuse(&err, VAULT_EXHAUSTED, reason, "");
    answer a = answer_error(c->at->mem, &err);
    call_answer(c, &a);
    arena_reset(c->at->mem);
}

/* ---- health, on the poller: it touches nothing ---- */

static const char *health_status(const rpc_server *r)
{
    static const char serving[] = "\x08\x01", not_serving[] = "\x08\x02"; /* HealthCheckResponse.status */
    return service_healthy(r->service) && !atomic_load_explicit(&r->draining, memory_order_relaxed) ? serving
                                                                                                    : not_serving;
}

static void answer_health(call *c)
{
    arena *mem = c->at->mem;
    const ProtobufCMessageDescriptor *type = &grpc__health__v1__health_check_request__descriptor;
    bytes wire = body_bytes(c->body, mem);
    vault_error err = {0};
    ProtobufCAllocator memory = arena_allocator(mem);
    Grpc__Health__V1__HealthCheckRequest *in = NULL;
    if (scan_message(type, wire, &err) == VAULT_OK)
        in = (void *)protobuf_c_message_unpack(type, &memory, wire.len, wire.at);
    answer a = {.code = GRPC_STATUS_INVALID_ARGUMENT, .text = "malformed request"};
    if (in && !routes_serve(&c->at->server->routes, bytes_of_text(in->service))) {
        a = (answer){.code = GRPC_STATUS_NOT_FOUND, .text = "unknown service"};
    } else if (in) {
        grpc_slice slice = grpc_slice_from_copied_buffer(health_status(c->at->server), 2);
        a = (answer){.code = GRPC_STATUS_OK, .text = "", .message = grpc_raw_byte_buffer_create(&slice, 1)};
    }
    call_answer(c, &a);
    arena_reset(mem);
}

/* ---- while the message is still to come ---- */

static void reading_begins(call *c)
{
    poller *p = c->at;
    c->next = NULL;
    c->previous = p->newest_reading;
    if (p->newest_reading)
        p->newest_reading->next = c;
    else
        p->oldest_reading = c;
    p->newest_reading = c;
}

/* Does nothing to a call that is no longer among them. */
static void reading_ends(call *c)
{
    poller *p = c->at;
    if (p->oldest_reading != c && !c->previous) return;
    if (c->next)
        c->next->previous = c->previous;
    else
        p->newest_reading = c->previous;
    if (c->previous)
        c->previous->next = c->next;
    else
        p->oldest_reading = c->next;
    c->next = c->previous = NULL;
}

/* One client can open calls without end and never send a message (core counts streams only for a client that has
 * acknowledged its settings). When they fill the house, the oldest of them gives way. */
static bool make_room(poller *p)
{
    enum { PATIENCE_US = 250000 };
    call *oldest = p->oldest_reading;
    if (!oldest || clock_monotonic_us() - oldest->arrived_us < PATIENCE_US) return false;
    reading_ends(oldest);
    (void)grpc_call_cancel_with_status(oldest->handle, GRPC_STATUS_RESOURCE_EXHAUSTED, "no message came", NULL);
    return true;
}

/* ---- arrival ---- */

static bool is_stream(const call *c)
{
    return c->route->kind == ROUTE_QUEUED && c->route->method->stream;
}

static void enqueue(call *c)
{
    c->body_len = c->body ? grpc_byte_buffer_length(c->body) : 0;
    set_state(c, CALL_QUEUED);
    if (queue_put(&c->at->server->queue, c)) return; /* c may be answered by now */
    metric_add(METRIC_QUEUE_REFUSED, (metric_at){0}, 1);
    answer_busy(c, "QUEUE_FULL");
}

/* No message came on a client stream: its client has sent all, or it has gone. */
static void stream_ended(call *c, bool ok)
{
    bool gone =
        !ok || atomic_load_explicit(&c->gone, memory_order_acquire) || grpc_call_failed_before_recv_message(c->handle);
    if (atomic_load_explicit(&c->at->server->draining, memory_order_relaxed))
        answer_plain(c, GRPC_STATUS_UNAVAILABLE, "the server shuts down");
    else if (gone)
        answer_plain(c, GRPC_STATUS_CANCELLED, "cancelled");
    else
        enqueue(c);
}

static void message_read(call *c, bool ok)
{
    bool begun = c->begun;
    c->begun = true;
    if (is_stream(c))
        stream_in_came(&c->at->server->streams_in, c);
    else
        reading_ends(c);
    if (!c->body && begun)
        stream_ended(c, ok);
    else if (!c->body) /* a failure shows as no message */
        answer_plain(c, GRPC_STATUS_INVALID_ARGUMENT, "the request has no message");
    else if (c->body->data.raw.compression != GRPC_COMPRESS_NONE)
        answer_plain(c, GRPC_STATUS_UNIMPLEMENTED, "compressed messages are not accepted");
    else if (c->route->kind == ROUTE_HEALTH)
        answer_health(c);
    else
        enqueue(c);
}

static void read_message(call *c)
{
    grpc_op read = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &c->body};
    if (is_stream(c))
        stream_in_waits(&c->at->server->streams_in, c);
    else
        reading_begins(c);
    grpc_call *handle = c->handle;
    set_state(c, CALL_READING);
    start(handle, &read, 1, &c->main);
}

static void watch(call *c)
{
    grpc_op closed = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &c->cancelled};
    c->watched = true;
    start(c->handle, &closed, 1, &c->closed);
}

static void read_first(call *c)
{
    if (c->route->kind == ROUTE_QUEUED) watch(c);
    read_message(c);
}

static void open_stream(call *c)
{
    if (!stream_open(c->at, c->handle)) {
        answer_busy(c, "STREAMS");
        return;
    }
    c->at->live--;
    call_spare(c);
}

static int64_t monotonic_us(gpr_timespec t)
{
    t = gpr_convert_clock_type(t, GPR_CLOCK_MONOTONIC);
    bool never = t.tv_sec >= INT64_MAX / 1000000;
    return never ? INT64_MAX : t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void arrived(call *c, bool ok)
{
    poller *p = c->at;
    if (!ok) { /* the server shuts down */
        p->posted--;
        call_spare(c);
        return;
    }
    p->live++; /* before it is no longer posted: rpc_drained must see one of them */
    p->posted--;
    call_post(p);
    c->arrived_us = clock_monotonic_us();
    c->deadline_us = monotonic_us(c->details.deadline);
    c->trailer.value = grpc_empty_slice();
    c->route = routes_find(&p->server->routes,
                           bytes_of(GRPC_SLICE_START_PTR(c->details.method), GRPC_SLICE_LENGTH(c->details.method)));
    if (!c->route)
        answer_plain(c, GRPC_STATUS_UNIMPLEMENTED, "unknown method");
    else if (p->live > p->most_live && !make_room(p))
        answer_busy(c, "CALLS_FULL");
    else if (c->route->kind == ROUTE_REFLECTION)
        open_stream(c);
    else if (is_stream(c) && !stream_in_enter(&p->server->streams_in, c))
        answer_busy(c, "STREAMS");
    else
        read_first(c);
}

static void main_done(tag *t, bool ok)
{
    static void (*const on_done[CALL_STATES])(call *, bool) = {
        [CALL_POSTED] = arrived,
        [CALL_READING] = message_read,
        [CALL_REPLYING] = sent,
    };
    call *c = (call *)(void *)t;
    call_state state = atomic_load_explicit(&c->state, memory_order_acquire);
    assert(on_done[state]);
    on_done[state](c, ok);
}

/* ---- for the worker ---- */

void call_taken(call *c)
{
    set_state(c, CALL_RUNNING);
}

void call_read_on(call *c)
{
    grpc_byte_buffer_destroy(c->body);
    c->body = NULL;
    if (atomic_load_explicit(&c->at->server->draining, memory_order_relaxed))
        call_leave_answer(c, &(answer){.code = GRPC_STATUS_UNAVAILABLE, .text = "the server shuts down"});
    else if (!stream_in_may_keep(&c->at->server->streams_in, c))
        call_leave_answer(c, &(answer){.code = GRPC_STATUS_RESOURCE_EXHAUSTED, .text = "streams keep too much"});
    else
        read_message(c);
}

bool call_is_late(const call *c)
{
    return clock_monotonic_us() >= c->deadline_us;
}

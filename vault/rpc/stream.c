/* The reflection stream: questions come one after the other, each is answered before the next is read.
 *
 *   READING --question--> ANSWERING --sent--> READING
 *      | no more, malformed, cancelled (the client, or the drain)
 *      v
 *   CLOSING --closed--> freed
 *
 *   state      waits for the completion of
 *   READING    RECV_MESSAGE
 *   ANSWERING  SEND_MESSAGE (with SEND_INITIAL_METADATA the first time)
 *   CLOSING    SEND_STATUS, RECV_CLOSE (with SEND_INITIAL_METADATA if nothing was sent)
 *
 * All of it is on one poller's thread, but for streams_cancel, which only tells gRPC to cancel. */
#include "vault/rpc/internal.h"

#include "vault/base/log.h"
#include "vault/base/memory.h"
#include <stdlib.h>

enum { MOST_STREAMS = 64, STREAM_MEMORY = 4 << 20 };

typedef enum stream_state { STREAM_READING, STREAM_ANSWERING, STREAM_CLOSING, STREAM_STATES } stream_state;

struct stream {
    tag main;
    stream_state state;
    streams *among;
    stream *next, *previous; /* under among->lock */
    grpc_call *handle;
    arena *mem;
    grpc_byte_buffer *in, *out;
    bool opened; /* initial metadata was sent */
    int cancelled;
};

/* ---- among the others ---- */

static bool enter(stream *s)
{
    streams *all = s->among;
    pthread_mutex_lock(&all->lock);
    bool room = all->count < MOST_STREAMS;
    if (room) {
        s->next = all->first;
        if (all->first) all->first->previous = s;
        all->first = s;
        all->count++;
    }
    pthread_mutex_unlock(&all->lock);
    return room;
}

static void leave(stream *s)
{
    streams *all = s->among;
    pthread_mutex_lock(&all->lock);
    if (s->next) s->next->previous = s->previous;
    if (s->previous)
        s->previous->next = s->next;
    else
        all->first = s->next;
    all->count--;
    pthread_mutex_unlock(&all->lock);
}

void streams_cancel(streams *all)
{
    pthread_mutex_lock(&all->lock);
    for (stream *s = all->first; s; s = s->next) {
        grpc_call_cancel_with_status(s->handle, GRPC_STATUS_UNAVAILABLE, "the server shuts down", NULL);
    }
    pthread_mutex_unlock(&all->lock);
}

/* ---- steps ---- */

static void start(stream *s, stream_state state, const grpc_op *ops, size_t count)
{
    s->state = state;
    if (grpc_call_start_batch(s->handle, ops, count, &s->main, NULL) == GRPC_CALL_OK) return;
    log_event(LOG_ERROR, "rpc.batch", "a batch of a stream was refused");
    abort();
}

static void read_next(stream *s)
{
    grpc_op read = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &s->in};
    start(s, STREAM_READING, &read, 1);
}

static size_t open_op(stream *s, grpc_op *ops)
{
    if (s->opened) return 0;
    s->opened = true;
    ops[0] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
    return 1;
}

static void close_with(stream *s, grpc_status_code code, const char *text)
{
    grpc_op ops[3];
    grpc_slice details = grpc_slice_from_static_string(text);
    size_t count = open_op(s, ops);
    ops[count] = (grpc_op){.op = GRPC_OP_SEND_STATUS_FROM_SERVER};
    ops[count].data.send_status_from_server.status = code;
    ops[count++].data.send_status_from_server.status_details = &details;
    ops[count++] = (grpc_op){.op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &s->cancelled};
    start(s, STREAM_CLOSING, ops, count);
}

static void was_read(stream *s, bool ok)
{
    if (!ok || !s->in) {
        close_with(s, GRPC_STATUS_OK, "");
        return;
    }
    bytes wire = body_bytes(s->in, s->mem);
    bool plain = s->in->data.raw.compression == GRPC_COMPRESS_NONE && wire.at;
    s->out = plain ? reflection_answer(s->mem, wire) : NULL;
    grpc_byte_buffer_destroy(s->in);
    s->in = NULL;
    arena_reset(s->mem);
    if (!s->out) {
        close_with(s, GRPC_STATUS_INVALID_ARGUMENT, "malformed request");
        return;
    }
    grpc_op ops[2];
    size_t count = open_op(s, ops);
    ops[count++] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = s->out};
    start(s, STREAM_ANSWERING, ops, count);
}

static void was_sent(stream *s, bool ok)
{
    grpc_byte_buffer_destroy(s->out);
    s->out = NULL;
    if (ok)
        read_next(s);
    else
        close_with(s, GRPC_STATUS_CANCELLED, "cancelled");
}

static void stream_free(stream *s)
{
    arena_free(&s->mem);
    memory_free(s, sizeof *s);
}

static void was_closed(stream *s, bool ok)
{
    (void)ok;
    leave(s);
    grpc_call_unref(s->handle);
    stream_free(s);
}

static void stream_done(tag *t, bool ok)
{
    static void (*const on_done[STREAM_STATES])(stream *, bool) = {
        [STREAM_READING] = was_read,
        [STREAM_ANSWERING] = was_sent,
        [STREAM_CLOSING] = was_closed,
    };
    stream *s = (stream *)(void *)t;
    on_done[s->state](s, ok);
}

bool stream_open(poller *p, grpc_call *handle)
{
    stream *s = memory_new(sizeof *s);
    s->main.done = stream_done;
    s->among = &p->server->streams;
    s->handle = handle;
    s->mem = arena_new(STREAM_MEMORY);
    if (!s->mem || !enter(s)) {
        stream_free(s);
        return false;
    }
    read_next(s);
    return true;
}

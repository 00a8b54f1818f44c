/* Client streams: calls that bring many messages (method.stream), one after the other. Each message goes the way of a
 * unary call's through queue and worker (call.c has the states), and the next one is read when it has been run: of a
 * call one message is in memory at a time, and flow control holds its client back. Here is what is particular to them:
 * while a stream waits for its client it holds no worker, and stands in a list, the longest waiting first. From it are
 * ended: what waits past the patience; what waits at a drain; and when there are too many of them, the one that has
 * waited longest. To be ended means to be cancelled with a status: the pending read then completes without a message.
 */
#include "vault/rpc/internal.h"

#include "vault/base/clock.h"

enum { PATIENCE_S = 60, ROOM_AFTER_US = 1000000, KEPT_IN_ALL = 256 << 20, KEPT_SMALL = 1 << 20 };

void streams_in_init(streams_in *s, const rpc_options *o)
{
    *s = (streams_in){.most = o->streams, .kept_most = KEPT_IN_ALL};
    s->patience_us = (int64_t)(o->silence_s ? o->silence_s : PATIENCE_S) * 1000000;
    pthread_mutex_init(&s->lock, NULL);
}

/* ---- the list: under the lock ---- */

static void append(streams_in *s, call *c)
{
    c->next = NULL;
    c->previous = s->newest;
    if (s->newest)
        s->newest->next = c;
    else
        s->oldest = c;
    s->newest = c;
}

/* Does nothing to a call that is no longer in it. */
static void take_out(streams_in *s, call *c)
{
    if (s->oldest != c && !c->previous) return;
    if (c->next)
        c->next->previous = c->previous;
    else
        s->newest = c->previous;
    if (c->previous)
        c->previous->next = c->next;
    else
        s->oldest = c->next;
    c->next = c->previous = NULL;
}

/* A call in the list cannot go: its poller takes it out, under this lock, before anything else. */
static void end_oldest(streams_in *s, grpc_status_code code, const char *text)
{
    call *c = s->oldest;
    take_out(s, c);
    (void)grpc_call_cancel_with_status(c->handle, code, text, NULL);
}

/* ---- for calls ---- */

bool stream_in_enter(streams_in *s, call *c)
{
    pthread_mutex_lock(&s->lock);
    bool room = s->open < s->most;
    if (!room && s->oldest && clock_monotonic_us() - s->oldest->waits_since_us > ROOM_AFTER_US) {
        end_oldest(s, GRPC_STATUS_RESOURCE_EXHAUSTED, "no message came");
        room = true;
    }
    if (room) s->open++;
    c->counted = room;
    pthread_mutex_unlock(&s->lock);
    return room;
}

void stream_in_leave(streams_in *s, call *c)
{
    if (!c->counted) return;
    pthread_mutex_lock(&s->lock);
    s->open--;
    s->kept -= c->kept_bytes;
    pthread_mutex_unlock(&s->lock);
    c->counted = false;
    c->kept_bytes = 0;
}

bool stream_in_may_keep(streams_in *s, call *c)
{
    size_t now = c->kept ? arena_held(c->kept) : 0;
    pthread_mutex_lock(&s->lock);
    s->kept += now - c->kept_bytes;
    bool may = s->kept <= s->kept_most || now <= KEPT_SMALL;
    pthread_mutex_unlock(&s->lock);
    c->kept_bytes = now;
    return may;
}

void stream_in_waits(streams_in *s, call *c)
{
    c->waits_since_us = clock_monotonic_us();
    pthread_mutex_lock(&s->lock);
    append(s, c);
    pthread_mutex_unlock(&s->lock);
}

void stream_in_came(streams_in *s, call *c)
{
    pthread_mutex_lock(&s->lock);
    take_out(s, c);
    pthread_mutex_unlock(&s->lock);
}

void streams_in_look(streams_in *s, bool draining)
{
    int64_t before = clock_monotonic_us() - s->patience_us;
    pthread_mutex_lock(&s->lock);
    while (draining && s->oldest) end_oldest(s, GRPC_STATUS_UNAVAILABLE, "the server shuts down");
    while (s->oldest && s->oldest->waits_since_us < before)
        end_oldest(s, GRPC_STATUS_DEADLINE_EXCEEDED, "no message came");
    pthread_mutex_unlock(&s->lock);
}

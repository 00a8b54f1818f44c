/* What waits for a worker: a list per method, so that a worker takes calls of the same method together, in order of
 * arrival. */
#include "vault/rpc/internal.h"

#include "vault/base/clock.h"
#include "vault/base/metric.h"

void queue_init(queue *q, routes *r, size_t most_calls, size_t most_bytes)
{
    *q = (queue){.routes = r, .most_calls = most_calls, .most_bytes = most_bytes};
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, NULL);
}

void queue_destroy(queue *q)
{
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->filled);
}

enum { LIGHT_ITEMS = 128, FEW_CALLS = 64, LIGHT_MOST_US = 10000 };

/* While a worker runs a light batch, what arrives is left to it as its next one: larger batches cost less a call than
 * more threads gain. Unless much waits already, or that worker takes unusually long. */
static bool left_to_another(const queue *q)
{
    return q->light > 0 && q->calls < FEW_CALLS && clock_monotonic_us() - q->light_started_us < LIGHT_MOST_US;
}

/* One sleeper is called at a time: what arrives while it wakes is its own, as one batch. */
static void wake_one(queue *q)
{
    if (q->asleep == 0 || q->waking || left_to_another(q)) return;
    q->waking = true;
    pthread_cond_signal(&q->filled);
}

static void append(route *r, call *c)
{
    c->next = NULL;
    if (r->last)
        r->last->next = c;
    else
        r->first = c;
    r->last = c;
}

bool queue_put(queue *q, call *c)
{
    pthread_mutex_lock(&q->lock);
    bool room = !q->ended && q->calls < q->most_calls && c->body_len <= q->most_bytes - q->bytes;
    if (room) {
        c->arrival = q->arrivals++;
        append(c->route, c);
        q->calls++;
        q->bytes += c->body_len;
        metric_set(METRIC_QUEUE_CALLS, (metric_at){0}, q->calls);
        wake_one(q);
    }
    pthread_mutex_unlock(&q->lock);
    return room;
}

static route *oldest(queue *q)
{
    route *found = NULL;
    for (size_t i = 0; i < q->routes->count; i++) {
        route *r = &q->routes->at[i];
        if (r->first && (!found || r->first->arrival < found->first->arrival)) found = r;
    }
    return found;
}

static call *take(queue *q, route *r)
{
    call *c = r->first;
    r->first = c->next;
    if (!r->first) r->last = NULL;
    c->next = NULL;
    q->calls--;
    q->bytes -= c->body_len;
    metric_set(METRIC_QUEUE_CALLS, (metric_at){0}, q->calls);
    return c;
}

call *queue_take(queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->calls == 0 && !q->ended) {
        q->asleep++;
        pthread_cond_wait(&q->filled, &q->lock);
        q->asleep--;
        q->waking = false;
    }
    call *c = q->calls > 0 ? take(q, oldest(q)) : NULL;
    pthread_mutex_unlock(&q->lock);
    return c;
}

call *queue_take_same(queue *q, route *r)
{
    pthread_mutex_lock(&q->lock);
    call *c = r->first ? take(q, r) : NULL;
    if (!c && q->calls > 0) wake_one(q); /* what this worker leaves */
    pthread_mutex_unlock(&q->lock);
    return c;
}

void queue_runs(queue *q, size_t items)
{
    pthread_mutex_lock(&q->lock);
    if (items <= LIGHT_ITEMS) {
        q->light++;
        q->light_started_us = clock_monotonic_us();
    } else if (q->calls > 0) {
        wake_one(q);
    }
    pthread_mutex_unlock(&q->lock);
}

void queue_ran(queue *q, size_t items)
{
    pthread_mutex_lock(&q->lock);
    if (items <= LIGHT_ITEMS) q->light--;
    pthread_mutex_unlock(&q->lock);
}

void queue_look(queue *q)
{
    pthread_mutex_lock(&q->lock);
    if (q->calls > 0) wake_one(q);
    pthread_mutex_unlock(&q->lock);
}

void queue_end(queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->ended = true;
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

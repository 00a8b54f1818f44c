/* The keeper: a node's thread for jobs. It takes a step of each job in turn, and gives way to calls: where calls came
 * while a step ran, here or on another node, it rests nine times as long as the step took, and the next step is small.
 * Without calls it does not rest, and its steps grow.
 *
 * Nothing is remembered here that must outlast the process: what is still to be done the rows say. */
#include "vault/service/budgets.h"
#include "vault/service/columns_round.h"
#include "vault/service/jobs.h"
#include "vault/service/leaks.h"
#include "vault/service/notices.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"
#include "vault/base/metric.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { JOBS_MOST = 100, STEP_LEAST = 64, STEP_MOST = 1024, REST_FACTOR = 9 };
enum {
    DAY_LOOK_US = 60000000,
    LOOK_US = 1000000,
    READ_US = 200000,
    WAIT_US = 50000,
    TELL_BUSY_US = 200000,
    FAULT_US = 5000000,
    COLUMNS_LOOK_US = 10000000
};
static const int64_t BUSY_MS = 500; /* so long a node's word holds that calls want it */
_Static_assert((int)METRIC_JOB_KINDS == (int)JOB_KINDS, "a kind of job has its metrics");

typedef struct place {
    job_row job;              /* its texts are in `ring` */
    char ring[64], said[160]; /* said: what the row tells of it while it runs */
    job_work work;
    int64_t not_before_us;
} place;

struct keeper {
    service *service;
    session *session;
    notices *notices;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* of these two */
    pthread_cond_t wake;
    bool stop, woken;
    place *places[JOBS_MOST]; /* of the jobs that run */
    size_t count, next;
    int64_t read_us; /* when the table is read again */
    int64_t day_us;  /* when it is looked whether the day's work has begun */
    columns_round columns;
    int64_t columns_us; /* when its next step is due */
    size_t most;
    uint64_t calls; /* of the node, when it was looked last */
    bool called;    /* some had come since the time before */
    int64_t told_us;
};

/* ---- waiting ---- */

static struct timespec timespec_of(int64_t us)
{
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

static void wait_for(keeper *k, int64_t us, bool wakes)
{
    struct timespec until = timespec_of(clock_monotonic_us() + us);
    pthread_mutex_lock(&k->lock);
    while (!k->stop && !(wakes && k->woken) && pthread_cond_timedwait(&k->wake, &k->lock, &until) == 0) {}
    pthread_mutex_unlock(&k->lock);
}

static bool take_stop(keeper *k, bool *woken)
{
    pthread_mutex_lock(&k->lock);
    bool stop = k->stop;
    *woken = k->woken;
    k->woken = false;
    pthread_mutex_unlock(&k->lock);
    return stop;
}

void keeper_wake(keeper *k)
{
    if (!k) return;
    pthread_mutex_lock(&k->lock);
    k->woken = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
}

/* ---- the jobs that run ---- */

static void place_free(place *p)
{
    const job_type *type = JOB_TYPES[p->job.kind];
    if (type->forget) type->forget(&p->work);
    memory_free(p, sizeof *p);
}

static place *find_place(keeper *k, int64_t id)
{
    for (size_t i = 0; i < k->count; i++)
        if (k->places[i]->job.id == id) return k->places[i];
    return NULL;
}

static place *make_place(const job_row *row)
{
    place *p = memory_new(sizeof *p);
    snprintf(p->ring, sizeof p->ring, "%s", row->ring);
    p->work.job = &p->job;
    return p;
}

/* A newer vaultd may know other kinds. */
static bool is_ours(const job_row *row)
{
    return row->state == JOB_RUNNING && row->kind > 0 && row->kind < JOB_KINDS && JOB_TYPES[row->kind];
}

static void keep_places(keeper *k, const job_row *rows, size_t count)
{
    place *kept[JOBS_MOST];
    size_t n = 0;
    for (size_t i = 0; i < count && n < JOBS_MOST; i++) {
        if (!is_ours(&rows[i])) continue;
        place *p = find_place(k, rows[i].id);
        kept[n] = p ? p : make_place(&rows[i]);
        kept[n]->job = rows[i];
        snprintf(kept[n]->said, sizeof kept[n]->said, "%s", rows[i].finding);
        kept[n]->job.ring = kept[n]->ring;
        kept[n++]->job.finding = "";
    }
    for (size_t i = 0; i < k->count; i++) {
        size_t at = 0;
        while (at < n && kept[at] != k->places[i]) at++;
        if (at == n) place_free(k->places[i]);
    }
    memcpy(k->places, kept, n * sizeof *kept);
    k->count = n;
}

static void show_left(const keeper *k)
{
    uint64_t left[JOB_KINDS] = {0};
    for (size_t i = 0; i < k->count; i++) {
        const job_row *job = &k->places[i]->job;
        if (job->total > job->done) left[job->kind] += (uint64_t)(job->total - job->done);
    }
    for (unsigned kind = 1; kind < JOB_KINDS; kind++) metric_set(METRIC_JOB_LEFT, (metric_at){kind, 0}, left[kind]);
}

/* No vault yet, or no database: there are no jobs. */
static void read_jobs(keeper *k)
{
    vault_error err = {0};
    job_row *rows;
    size_t count = 0;
    vault_code code =
        store_jobs_read(k->session->store, k->session->mem, (job_filter){.open = true}, &rows, &count, &err);
    if (code == VAULT_OK) keep_places(k, rows, count);
    if (code != VAULT_OK && code != VAULT_UNAVAILABLE && code != VAULT_NOT_FOUND)
        log_failure(LOG_ERROR, "job.failed", &err);
    arena_reset(k->session->mem);
    show_left(k);
    k->read_us = clock_monotonic_us() + READ_US;
}

/* ---- giving way ---- */

static void tell_busy(keeper *k, const place *p)
{
    vault_error err = {0};
    int64_t now = clock_monotonic_us();
    if (now - k->told_us < TELL_BUSY_US) return;
    k->told_us = now;
    if (store_job_busy(k->session->store, p->job.id, &err) != VAULT_OK && err.code != VAULT_UNAVAILABLE)
        log_failure(LOG_ERROR, "job.failed", &err);
}

/* After a step that took so long. */
static void give_way(keeper *k, const place *p, int64_t took_us)
{
    uint64_t calls = atomic_load_explicit(&k->service->calls, memory_order_relaxed);
    bool here = calls != k->calls;
    k->calls = calls;
    if (here && k->called) tell_busy(k, p); /* not for a single one, as that which begins the job */
    k->called = here;
    if (!here && p->job.quiet_ms > BUSY_MS) {
        k->most = 2 * k->most < STEP_MOST ? 2 * k->most : STEP_MOST;
        return;
    }
    k->most = STEP_LEAST;
    wait_for(k, REST_FACTOR * took_us, false);
    k->calls = atomic_load_explicit(&k->service->calls, memory_order_relaxed);
}

/* ---- a step ---- */

static vault_code step_and_end(session *s, void *context, vault_error *err)
{
    job_work *w = context;
    w->ended = w->waits = false;
    w->finding[0] = '\0';
    vault_code code = JOB_TYPES[w->job->kind]->step(s, w, err);
    store_rollback(s->store); /* what a step left open */
    return code == VAULT_OK && w->ended ? job_end(s, w, JOB_DONE, err) : code;
}

static vault_code fail_job(session *s, void *context, vault_error *err)
{
    return job_end(s, context, JOB_FAILED, err);
}

static void fail(keeper *k, place *p, const vault_error *why)
{
    vault_error err = {0};
    log_failure(LOG_ERROR, "job.failed", why);
    if (!p->work.finding[0]) snprintf(p->work.finding, sizeof p->work.finding, "%.150s", why->detail);
    if (session_run(k->session, fail_job, &p->work, &err) != VAULT_OK && err.code != VAULT_CONFLICT)
        log_failure(LOG_ERROR, "job.failed", &err);
}

static void say_done(const place *p)
{
    const char *kind = JOB_TYPES[p->job.kind]->name;
    if (p->ring[0])
        log_event(LOG_INFO, "job.done", "jobs/%lld: %s of %s, version %d", (long long)p->job.id, kind, p->ring,
                  p->job.version);
    else
        log_event(LOG_INFO, "job.done", "jobs/%lld: %s", (long long)p->job.id, kind);
}

/* What a job waits for, or what is in its way, stands in its row until it goes on. */
static void say(keeper *k, place *p, const char *what)
{
    vault_error err = {0};
    if (strcmp(p->said, what) == 0) return;
    snprintf(p->said, sizeof p->said, "%s", what);
    if (store_job_say(k->session->store, p->job.id, p->said, &err) != VAULT_OK && err.code != VAULT_UNAVAILABLE)
        log_failure(LOG_ERROR, "job.failed", &err);
}

static bool is_faulty(vault_code code)
{
    return code == VAULT_INTERNAL || code == VAULT_EXHAUSTED || code == VAULT_INVALID;
}

static void say_why(keeper *k, place *p, vault_code code, const vault_error *err)
{
    char what[sizeof p->said] = "";
    const job_work *w = &p->work;
    if (code == VAULT_OK && (w->ended || (w->waits && !w->finding[0]))) return;
    if (code == VAULT_OK)
        snprintf(what, sizeof what, "%s", w->waits ? w->finding : "");
    else if (code == VAULT_UNAVAILABLE && err->reason)
        snprintf(what, sizeof what, "waits: %s %s", err->reason, err->field);
    else if (is_faulty(code))
        snprintf(what, sizeof what, "tried again: %.140s", err->detail);
    else
        return;
    say(k, p, what);
}

/* What is in the way of a step, and when to try it again. */
static void settle(keeper *k, place *p, vault_code code, const vault_error *err)
{
    int64_t again_us = 0;
    if (code == VAULT_INTEGRITY) fail(k, p, err);
    if (code == VAULT_UNAVAILABLE || (code == VAULT_OK && p->work.waits)) again_us = WAIT_US;
    if (is_faulty(code)) log_failure(LOG_ERROR, "job.failed", err);
    if (code != VAULT_OK && !again_us && code != VAULT_CONFLICT && code != VAULT_NOT_FOUND) again_us = FAULT_US;
    say_why(k, p, code, err);
    if (code == VAULT_OK && p->work.ended) say_done(p);
    p->not_before_us = again_us ? clock_monotonic_us() + again_us : 0;
    if ((code != VAULT_OK && code != VAULT_UNAVAILABLE) || p->work.ended) k->read_us = 0;
}

static void take_step(keeper *k, place *p)
{
    vault_error err = {0};
    int64_t begun = clock_monotonic_us();
    p->work.most = k->most;
    vault_code code = session_run(k->session, step_and_end, &p->work, &err);
    int64_t took = clock_monotonic_us() - begun;
    metric_observe(METRIC_JOB_STEP_SECONDS, (metric_at){(unsigned)p->job.kind, 0}, (uint64_t)took);
    settle(k, p, code, &err);
    give_way(k, p, took);
}

/* The next job whose time it is; NULL: none now. */
static place *next_place(keeper *k)
{
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < k->count; i++) {
        place *p = k->places[k->next++ % k->count];
        if (p->not_before_us <= now) return p;
    }
    return NULL;
}

static void sweep_leaks(keeper *k)
{
    vault_error err = {0};
    vault_code code = session_run(k->session, leaks_sweep, NULL, &err);
    if (code != VAULT_OK && code != VAULT_UNAVAILABLE) log_failure(LOG_ERROR, "leak.failed", &err);
}

/* A minute after the start at the earliest. */
static void begin_day(keeper *k)
{
    vault_error err = {0};
    if (clock_monotonic_us() < k->day_us) return;
    k->day_us = clock_monotonic_us() + DAY_LOOK_US;
    vault_code code = session_run(k->session, retention_daily, NULL, &err);
    if (code != VAULT_OK && code != VAULT_UNAVAILABLE && code != VAULT_CONFLICT)
        log_failure(LOG_ERROR, "job.failed", &err);
    sweep_leaks(k);
    budgets_sweep(k->session);
}

/* A block of columns at a time, where no job has a step to take: made where there is none, then read, so that questions
 * know its lines. */
static void keep_columns(keeper *k)
{
    int64_t begun = clock_monotonic_us();
    uint64_t calls = atomic_load_explicit(&k->service->calls, memory_order_relaxed);
    if (begun < k->columns_us) return;
    const bool over = columns_round_step(&k->columns, k->session);
    int64_t now = clock_monotonic_us(), rest = 0;
    if (calls != atomic_load_explicit(&k->service->calls, memory_order_relaxed)) rest = REST_FACTOR * (now - begun);
    k->columns_us = now + (over ? COLUMNS_LOOK_US : rest);
}

/* What a step holds in between, a snapshot above all, would keep other nodes from the job for as long as this one is
 * sealed. */
static void let_go(keeper *k)
{
    keep_places(k, NULL, 0);
    k->read_us = 0;
}

static void turn(keeper *k, bool woken)
{
    if (!atomic_load(&k->service->open)) {
        let_go(k);
        wait_for(k, LOOK_US, true);
        return;
    }
    begin_day(k);
    notices_turn(k->notices, k->session);
    if (woken || clock_monotonic_us() >= k->read_us) read_jobs(k);
    place *p = next_place(k);
    if (p) {
        take_step(k, p);
        return;
    }
    keep_columns(k);
    wait_for(k, k->count || k->columns_us <= clock_monotonic_us() ? WAIT_US : LOOK_US, true);
}

static void *keep(void *at)
{
    keeper *k = at;
    bool woken;
    while (!take_stop(k, &woken)) turn(k, woken);
    return NULL;
}

/* ---- open and close ---- */

static keeper *keeper_new(service *s)
{
    keeper *k = memory_new(sizeof *k);
    pthread_condattr_t monotonic;
    k->service = s;
    k->most = STEP_LEAST;
    k->day_us = clock_monotonic_us() + DAY_LOOK_US;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return k;
}

vault_code keeper_open(keeper **out, service *s, vault_error *err)
{
    VAULT_CLEANUP(keeper_close) keeper *k = keeper_new(s);
    VAULT_TRY(session_open(&k->session, s, err));
    VAULT_TRY(notices_open(&k->notices, s, err));
    if (pthread_create(&k->thread, NULL, keep, k) != 0) return vault_fail(err, VAULT_INTERNAL, "no thread for jobs");
    k->running = true;
    *out = k;
    k = NULL;
    return VAULT_OK;
}

void keeper_close(keeper **at)
{
    keeper *k = *at;
    if (!k) return;
    pthread_mutex_lock(&k->lock);
    k->stop = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
    notices_stop(k->notices);
    if (k->running) pthread_join(k->thread, NULL);
    keep_places(k, NULL, 0);
    columns_round_clear(&k->columns);
    notices_close(&k->notices);
    session_close(&k->session);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
    memory_free(k, sizeof *k);
    *at = NULL;
}

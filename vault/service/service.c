/* Opening and closing, sessions, the publisher, and the run of calls. */
#include "vault/service/internal.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SESSION_MEMORY = 512 << 20, SESSION_KEEPS = 16 << 20, RUN_ATTEMPTS = 3, SILENCE_MOST_US = 5000000 };

/* ---- publisher: a checkpoint a second, and whether the log can be written ---- */

static vault_code try_log(service *s, vault_error *err)
{
    head_row head;
    VAULT_TRY(store_begin(s->store, err));
    vault_code code = store_head_lock(s->store, &head, err);
    store_rollback(s->store);
    return code;
}

void service_note(service *s, vault_code code, const vault_error *err)
{
    bool outage = code == VAULT_UNAVAILABLE || code == VAULT_INTEGRITY; /* a broken head stops the log as well */
    if (code != VAULT_OK && !outage) {
        log_failure(LOG_ERROR, "log.failed", err);
        return;
    }
    if (atomic_load(&s->healthy) == !outage || atomic_exchange(&s->healthy, !outage) == !outage) return;
    if (outage)
        log_failure(LOG_ERROR, "log.unwritable", err);
    else
        log_event(LOG_INFO, "log.writable", "the log can be written again");
}

/* An edit by SQL is met by the next call; this finds it where nobody calls, and among what only the history holds. */
static void watch_control(service *s)
{
    vault_error err = {0};
    service_control(s, CONTROL_IN_FORCE, control_reload(s->control, s->store, &err), &err);
    vault_error_clear(&err);
    service_control(s, CONTROL_HISTORY, control_check_history(s->control, s->store, &err), &err);
}

/* True when it is news. */
static bool note_finding(service *s, struct finding *at, vault_code code, const char *text)
{
    pthread_mutex_lock(&s->finding_lock);
    bool bad = code == VAULT_INTEGRITY, news = at->stands != bad || (bad && strcmp(at->text, text) != 0);
    at->stands = bad;
    if (news) snprintf(at->text, sizeof at->text, "%s", text);
    atomic_store(&s->control_good, !s->findings[CONTROL_IN_FORCE].stands && !s->findings[CONTROL_HISTORY].stands);
    pthread_mutex_unlock(&s->finding_lock);
    return news;
}

void service_control(service *s, control_place place, vault_code code, const vault_error *err)
{
    if (code != VAULT_OK && code != VAULT_INTEGRITY) return; /* an outage says nothing about the rows */
    if (!note_finding(s, &s->findings[place], code, err->detail)) return;
    if (code == VAULT_OK)
        log_event(LOG_INFO, "control.mended", "the control rows are again as they were sealed");
    else
        log_failure(LOG_ERROR, "control.integrity", err);
}

static void publish_once(service *s)
{
    vault_error err = {0};
    watch_control(s);
    vault_code code = atomic_load(&s->healthy) ? VAULT_OK : try_log(s, &err);
    if (code == VAULT_OK) code = ledger_publish(s->ledger, s->store, s->checkpoint_file, &err);
    service_note(s, code, &err);
    atomic_store(&s->tried_us, clock_monotonic_us());
}

static void *publish(void *at)
{
    service *s = at;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        pthread_mutex_unlock(&s->lock);
        publish_once(s);
        pthread_mutex_lock(&s->lock);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until); /* a clock set back must not stop publishing */
        until.tv_sec++;
        while (!s->stop && pthread_cond_timedwait(&s->wake, &s->lock, &until) == 0) {}
    }
    pthread_mutex_unlock(&s->lock);
    publish_once(s);
    return NULL;
}

/* ---- open and close ---- */

/* A policy that grants to nobody's purpose, or a resident who is not there, is not a policy: it is tried at every
 * start. */
static vault_code try_denied(const manifest *m, vault_error *err)
{
    const policy_facts facts = {.action = POLICY_REVEAL, .form = FORM_PLAIN};
    const admission a = policy_admit(m->policy, &facts), open_door = {.failed = CLAUSE_NONE};
    const grant g = policy_decide(m->policy, &open_door, &facts, (area_code){0});
    return a.failed != CLAUSE_NONE && !g.given
               ? VAULT_OK
               : vault_fail(err, VAULT_INTERNAL, "a request that must be denied was not");
}

static vault_code open_rooms(service *s, const service_options *o, vault_error *err)
{
    VAULT_TRY(store_open(&s->store, s->database, err));
    VAULT_TRY(control_open(&s->control, s->store, o->root, err));
    VAULT_TRY(ledger_open(&s->ledger, s->store, control_keys(s->control), control_vault_name(s->control), err));
    VAULT_TRY(ledger_check_outside(s->ledger, s->store, s->checkpoint_file, err));
    const manifest *m = control_acquire(s->control);
    vault_code code = try_denied(m, err);
    control_release(s->control, m);
    return code;
}

vault_code service_open(service **out, const service_options *o, vault_error *err)
{
    VAULT_TRY(service_check(err));
    VAULT_CLEANUP(service_close) service *s = memory_new(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->finding_lock, NULL);
    atomic_store(&s->control_good, true);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->database = memory_text(o->database);
    s->checkpoint_file = memory_text(o->checkpoint_file);
    atomic_store(&s->healthy, true);
    atomic_store(&s->tried_us, clock_monotonic_us());
    VAULT_TRY(open_rooms(s, o, err));
    if (pthread_create(&s->publisher, NULL, publish, s) != 0)
        return vault_fail(err, VAULT_INTERNAL, "no thread for the publisher");
    s->publishing = true;
    *out = s;
    s = NULL;
    return VAULT_OK;
}

static void free_text(char *text)
{
    if (text) memory_free(text, strlen(text) + 1);
}

void service_close(service **at)
{
    service *s = *at;
    if (!s) return;
    if (s->publishing) {
        pthread_mutex_lock(&s->lock);
        s->stop = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->publisher, NULL);
    }
    ledger_close(&s->ledger);
    control_close(&s->control);
    store_close(&s->store);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->finding_lock);
    free_text(s->database);
    free_text(s->checkpoint_file);
    memory_free(s, sizeof *s);
    *at = NULL;
}

/* A publisher that does not come back waits for a database that neither answers nor hangs up. */
bool service_healthy(const service *s)
{
    return atomic_load(&s->healthy) && atomic_load(&s->control_good) &&
           clock_monotonic_us() - atomic_load(&s->tried_us) < SILENCE_MOST_US;
}

/* ---- sessions ---- */

static void drop_handles(session *w)
{
    scribe_free(&w->scribe);
    cabinet_free(&w->cabinet);
    keyring_free(&w->rings);
}

/* Cipher handles are of one keyring: whatever was destroyed is gone with them. */
static vault_code take_keys(session *w, const keyring *rings, vault_error *err)
{
    if (w->rings && keyring_generation(w->rings) == keyring_generation(rings)) return VAULT_OK;
    drop_handles(w);
    VAULT_TRY(cabinet_new(&w->cabinet, rings, err));
    VAULT_TRY(scribe_new(&w->scribe, w->service->ledger, err));
    w->rings = keyring_hold(rings);
    return VAULT_OK;
}

static vault_code open_session(session *w, vault_error *err)
{
    VAULT_TRY(store_open(&w->store, w->service->database, err));
    VAULT_TRY(secret_new(&w->deks, BATCH_ITEMS * RECORD_KEYS_LEN, err));
    w->mem = arena_new(SESSION_MEMORY);
    if (!w->mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a session");
    arena_keep(w->mem, SESSION_KEEPS);
    return VAULT_OK;
}

vault_code session_open(session **out, service *s, vault_error *err)
{
    VAULT_CLEANUP(session_close) session *w = memory_new(sizeof *w);
    w->service = s;
    VAULT_TRY(open_session(w, err));
    *out = w;
    w = NULL;
    return VAULT_OK;
}

void session_close(session **at)
{
    session *w = *at;
    if (!w) return;
    arena_free(&w->mem);
    secret_clear(&w->deks);
    drop_handles(w);
    store_close(&w->store);
    memory_free(w, sizeof *w);
    *at = NULL;
}

/* ---- calls ---- */

static void run_once(session *s, const method *m, request **requests, size_t count)
{
    call **calls = arena_array(s->mem, count, sizeof *calls);
    for (size_t i = 0; i < count; i++) {
        vault_error_clear(&requests[i]->err);
        requests[i]->out = NULL;
        if (!calls) (void)vault_fail(&requests[i]->err, VAULT_EXHAUSTED, "no memory for calls");
    }
    if (!calls) return;
    size_t admitted = gate_admit(s, m, requests, count, calls);
    if (admitted) m->run(s, calls, admitted);
}

/* No outcome without a cause, no answer beside an error. A message of a stream is not answered, but for its end. */
static void settle(const method *m, request **requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        request *rq = requests[i];
        bool goes_on = m->stream && rq->in;
        if (rq->err.code == VAULT_OK && !rq->out && !goes_on)
            (void)vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
        if (rq->err.code != VAULT_OK) rq->out = NULL;
    }
}

/* Two short reads and no lock: what has a line was confirmed by its append. */
static vault_code compare_control(session *s, bool *same, vault_error *err)
{
    head_row head;
    int64_t stamp;
    VAULT_TRY(store_head_read(s->store, &head, err));
    VAULT_TRY(store_control_stamp(s->store, &stamp, err));
    *same = head.control_version == s->manifest->version && stamp == s->control_stamp &&
            bytes_same(digest_bytes(&head.control_digest), digest_bytes(&s->manifest->digest));
    return VAULT_OK;
}

/* What was answered without a line: by the control that still stands? Else all is read and runs again. An outage fails
 * the answers, and leaves the refusals. */
static void confirm(session *s, request **requests, size_t count)
{
    vault_error err = {0};
    bool same = false;
    vault_code code = compare_control(s, &same, &err);
    if (code == VAULT_OK || code == VAULT_NOT_FOUND || code == VAULT_INTEGRITY) {
        s->moved = !same; /* the reload tells what is broken */
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (requests[i]->err.code == VAULT_OK) requests[i]->err = err;
}

static void fail_calls(request **requests, size_t count, const vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        requests[i]->err = *err;
        requests[i]->out = NULL;
    }
}

/* One attempt with the manifest in force. The stamp is taken before the manifest: when another thread reloads in
 * between, the pair fits nothing, and the append says so. */
static void attempt(session *s, const method *m, request **requests, size_t count)
{
    vault_error err = {0};
    control *c = s->service->control;
    s->moved = s->confirmed = false;
    s->control_stamp = control_stamp(c);
    s->manifest = control_acquire(c);
    if (take_keys(s, manifest_keys(s->manifest), &err) == VAULT_OK)
        run_once(s, m, requests, count);
    else
        fail_calls(requests, count, &err);
    if (!s->moved && !s->confirmed) confirm(s, requests, count);
    control_release(c, s->manifest);
    s->manifest = NULL;
    wipe(s->deks.at, s->deks.len);
    arena_reset(s->mem);
}

/* Reloads after control moved on. False: there is nothing to go on with, and the calls have failed. */
static bool reload(session *s, request **requests, size_t count)
{
    vault_error err = {0};
    vault_code code = control_reload(s->service->control, s->store, &err);
    service_control(s->service, CONTROL_IN_FORCE, code, &err);
    if (code == VAULT_INTEGRITY) return fail_calls(requests, count, &err), false;
    if (code != VAULT_OK) log_failure(LOG_ERROR, "control.reload", &err);
    return true;
}

static void run_together(session *s, const method *m, request **requests, size_t count)
{
    void *states[BATCH_ITEMS]; /* a message that runs again finds the stream as it was */
    vault_error err = {0};
    for (size_t i = 0; i < count; i++) states[i] = requests[i]->state;
    for (int tries = 0; tries < RUN_ATTEMPTS; tries++) {
        for (size_t i = 0; i < count; i++) requests[i]->state = states[i];
        attempt(s, m, requests, count);
        if (!s->moved) {
            settle(m, requests, count);
            return;
        }
        if (!reload(s, requests, count)) return;
    }
    (void)vault_refuse(&err, VAULT_UNAVAILABLE, "CONTROL_MOVED", "");
    fail_calls(requests, count, &err);
}

/* Changes of control run one by one: each one is decided by what the one before it left. */
void service_run(session *s, const method *m, request **requests, size_t count)
{
    size_t most = m->action == LINE_CONTROL ? 1 : BATCH_ITEMS;
    for (size_t first = 0; first < count; first += most)
        run_together(s, m, requests + first, count - first < most ? count - first : most);
}

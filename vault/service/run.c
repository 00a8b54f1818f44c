/* Sessions, and how they run calls and jobs: with the manifest in force and handles made for its keys, again while
 * control moves, not at all while the node is sealed. */
#include "vault/service/budgets.h"
#include "vault/service/explain.h"

#include "vault/base/log.h"
#include "vault/base/memory.h"

#include <string.h>

enum { SESSION_MEMORY = 512 << 20, SESSION_KEEPS = 16 << 20, RUN_ATTEMPTS = 3 };

/* ---- sessions ---- */

void session_drop_keys(session *w)
{
    scribe_free(&w->scribe);
    cabinet_free(&w->cabinet);
    keyring_free(&w->rings);
}

/* Cipher handles are of one keyring: whatever was destroyed is gone with them. */
static vault_code take_keys(session *w, const keyring *rings, vault_error *err)
{
    if (w->rings && keyring_generation(w->rings) == keyring_generation(rings)) return VAULT_OK;
    session_drop_keys(w);
    VAULT_TRY(cabinet_new(&w->cabinet, rings, err));
    VAULT_TRY(ledger_follow(w->service->ledger, rings, err));
    VAULT_TRY(scribe_new(&w->scribe, w->service->ledger, err));
    w->rings = keyring_hold(rings);
    return VAULT_OK;
}

static vault_code open_session(session *w, vault_error *err)
{
    VAULT_TRY(store_open(&w->store, w->service->database, err));
    store_set_shelf(w->store, w->service->shelf);
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
    life_join(s, w);
    VAULT_TRY(open_session(w, err));
    *out = w;
    w = NULL;
    return VAULT_OK;
}

void session_close(session **at)
{
    session *w = *at;
    if (!w) return;
    life_part(w->service, w); /* nobody else drops its keys any more */
    arena_free(&w->mem);
    secret_clear(&w->deks);
    session_drop_keys(w);
    budgets_forget(w);
    store_close(&w->store);
    memory_free(w, sizeof *w);
    *at = NULL;
}

/* ---- attempts ---- */

void session_damage(session *s, const vault_error *what)
{
    size_t most = sizeof s->damage / sizeof *s->damage;
    if (s->damaged < most) s->damage[s->damaged] = *what;
    s->damaged++;
}

static void tell_damage(session *s)
{
    size_t most = sizeof s->damage / sizeof *s->damage;
    for (size_t i = 0; i < s->damaged && i < most && !s->moved; i++)
        log_failure(LOG_ERROR, "record.integrity", &s->damage[i]);
    if (s->damaged > most && !s->moved)
        log_event(LOG_ERROR, "record.integrity", "and %zu more in the same batch", s->damaged - most);
    s->damaged = 0;
}

/* The stamp is taken before the manifest: when another thread reloads in between, the pair fits nothing, and the append
 * says so. */
static vault_code attempt(session *s, session_work *work, void *context, vault_error *err)
{
    control *c = s->service->control;
    s->moved = s->confirmed = false;
    s->control_stamp = control_stamp(c);
    s->manifest = control_acquire(c);
    vault_code code = life_shut(s->service, s->manifest) && !s->waking
                          ? vault_refuse(err, VAULT_UNAVAILABLE, "SEALED", "")
                          : take_keys(s, manifest_keys(s->manifest), err);
    if (code == VAULT_OK) {
        cabinet_made_by(s->cabinet, s->manifest->version);
        code = work(s, context, err);
    }
    tell_damage(s);
    control_release(c, s->manifest);
    s->manifest = NULL;
    wipe(s->deks.at, s->deks.len);
    arena_reset(s->mem);
    return code;
}

/* After control moved on. Where it cannot be read, the next attempt finds that out. */
static vault_code reload(session *s, vault_error *err)
{
    vault_error why = {0};
    vault_code code = control_reload(s->service->control, s->store, &why);
    service_control(s->service, CONTROL_IN_FORCE, code, &why);
    if (code == VAULT_INTEGRITY) return *err = why, code;
    if (atomic_load(&s->service->root_moved)) return vault_refuse(err, VAULT_UNAVAILABLE, "SEALED", "");
    if (code != VAULT_OK) log_failure(LOG_ERROR, "control.reload", &why);
    return VAULT_OK;
}

vault_code session_attempts(session *s, session_work *work, void *context, vault_error *err)
{
    for (int tries = 0; tries < RUN_ATTEMPTS; tries++) {
        vault_error_clear(err);
        vault_code code = attempt(s, work, context, err);
        if (!s->moved) return code;
        vault_error_clear(err);
        VAULT_TRY(reload(s, err));
    }
    return vault_refuse(err, VAULT_UNAVAILABLE, "CONTROL_MOVED", "");
}

vault_code session_run(session *s, session_work *work, void *context, vault_error *err)
{
    if (!life_enter(s->service)) return vault_refuse(err, VAULT_UNAVAILABLE, "SEALED", "");
    vault_code code = session_attempts(s, work, context, err);
    life_leave(s->service, s->store);
    return code;
}

/* ---- calls ---- */

typedef struct calls_run {
    const method *method;
    request **requests;
    size_t count;
    void *states[BATCH_ITEMS]; /* a message that runs again finds the stream as it was */
} calls_run;

static void run_once(session *s, const calls_run *run)
{
    request **requests = run->requests;
    size_t count = run->count;
    call **calls = arena_array(s->mem, count, sizeof *calls);
    for (size_t i = 0; i < count; i++) {
        vault_error_clear(&requests[i]->err);
        requests[i]->out = NULL;
        requests[i]->state = run->states[i];
        if (!calls) (void)vault_fail(&requests[i]->err, VAULT_EXHAUSTED, "no memory for calls");
    }
    if (!calls) return;
    size_t admitted = gate_admit(s, run->method, requests, count, calls);
    if (admitted) run->method->run(s, calls, admitted);
    if (!s->moved) explain_calls(s, calls, admitted);
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

static vault_code run_calls(session *s, void *context, vault_error *err)
{
    const calls_run *run = context;
    (void)err; /* each call has its own */
    run_once(s, run);
    if (!s->moved && !s->confirmed) confirm(s, run->requests, run->count);
    return VAULT_OK;
}

static void fail_calls(request **requests, size_t count, const vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        requests[i]->err = *err;
        requests[i]->out = NULL;
    }
}

void session_calls(session *s, const method *m, request **requests, size_t count)
{
    calls_run run = {.method = m, .requests = requests, .count = count};
    vault_error err = {0};
    for (size_t i = 0; i < count; i++) run.states[i] = requests[i]->state;
    if (session_attempts(s, run_calls, &run, &err) == VAULT_OK)
        settle(m, requests, count);
    else
        fail_calls(requests, count, &err);
}

/* Without keys there is no gate: what the few methods do that answer nevertheless is in the method table. */
static void run_sealed(session *s, const method *m, request **requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        vault_error_clear(&requests[i]->err);
        requests[i]->out = NULL;
        if (m->sealed)
            m->sealed(s, m, requests[i]);
        else
            (void)vault_refuse(&requests[i]->err, VAULT_UNAVAILABLE, "SEALED", "");
    }
    settle(m, requests, count);
}

/* The run itself has found that the vault was sealed. */
static bool found_sealed(request **requests, size_t count)
{
    const vault_error *err = &requests[0]->err;
    return count > 0 && err->code == VAULT_UNAVAILABLE && err->reason && strcmp(err->reason, "SEALED") == 0;
}

static void run_together(session *s, const method *m, request **requests, size_t count)
{
    if (!life_enter(s->service)) {
        run_sealed(s, m, requests, count);
        return;
    }
    session_calls(s, m, requests, count);
    life_leave(s->service, s->store);
    if (m->sealed && found_sealed(requests, count)) run_sealed(s, m, requests, count);
}

/* Changes of control, and of keys, run one by one: each one is decided by what the one before it left. */
void service_run(session *s, const method *m, request **requests, size_t count)
{
    bool alone = m->action == LINE_CONTROL || m->action == LINE_KEYS || m->action == LINE_CANARY;
    size_t most = alone ? 1 : BATCH_ITEMS;
    atomic_fetch_add_explicit(&s->service->calls, count, memory_order_relaxed);
    for (size_t first = 0; first < count; first += most)
        run_together(s, m, requests + first, count - first < most ? count - first : most);
}

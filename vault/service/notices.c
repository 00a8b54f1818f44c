/* The webhook is told at least once: a notice is a row that was written with what it tells of (store/notices.h), is
 * taken by one node at a time, and is gone when the webhook has taken it. Where nobody takes it for a week it is
 * dropped; what it told of stands in the manifest and in the log. That a review is overdue no change says: each node
 * finds it by looking, and tells it once in its life. */
#include "vault/service/notices.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"
#include "vault/base/metric.h"
#include "vault/hook/hook.h"
#include "vault/store/notices.h"

#include <stdio.h>
#include <string.h>

enum {
    LOOK_US = 1000000,
    PAUSE_FIRST_S = 5,
    PAUSE_MOST_S = 300,
    SWEEP_US = 600 * 1000000,
    SUBJECT_MOST = 160,
    AT_ONCE = 8
};
static const int64_t KEPT_FOR_US = INT64_C(7) * 86400 * 1000000;

struct notices {
    hook *hook;                                         /* NULL: the config names none */
    int64_t look_us, send_us, sweep_us;                 /* monotonic: not before */
    int64_t pause_s;                                    /* after the last failure; 0: none */
    char told[EMERGENCIES_MAX][EMERGENCY_NAME_LEN + 1]; /* overdue, and said so by this node */
    size_t told_count;
    arena *mem; /* of one message */
};

/* What is sent, outside of the run that made it: no lock is held meanwhile. */
typedef struct message {
    notices *of;
    notice_row row;
    const char *body; /* NULL: there is nothing to say of it any more */
    bool found, again;
} message;

vault_code notices_open(notices **out, const service *s, vault_error *err)
{
    VAULT_CLEANUP(notices_close) notices *n = memory_new(sizeof *n);
    const hook_target to = {s->webhook.url, s->webhook.ca_file, s->webhook.token_file};
    n->mem = arena_new(1 << 20);
    if (!n->mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory for notices");
    if (to.url) VAULT_TRY(hook_open(&n->hook, &to, err));
    *out = n;
    n = NULL;
    return VAULT_OK;
}

void notices_close(notices **at)
{
    notices *n = *at;
    *at = NULL;
    if (!n) return;
    hook_close(&n->hook);
    arena_free(&n->mem);
    memory_free(n, sizeof *n);
}

void notices_stop(notices *n)
{
    if (n) hook_stop(n->hook);
}

/* ---- what time has brought about ---- */

static bool is_told(const notices *n, const char *name)
{
    for (size_t i = 0; i < n->told_count; i++)
        if (strcmp(n->told[i], name) == 0) return true;
    return false;
}

/* Those that were reviewed since make room. */
static void forget_reviewed(notices *n, const manifest *m)
{
    size_t left = 0;
    for (size_t i = 0; i < n->told_count; i++) {
        const emergency *e = manifest_emergency(m, n->told[i]);
        if (!e || e->reviewed_us) continue;
        memmove(n->told[left++], n->told[i], sizeof n->told[0]);
    }
    n->told_count = left;
}

static vault_code tell_overdue(notices *n, session *s, const emergency *e, vault_error *err)
{
    const notice_row row = {.kind = NOTICE_OVERDUE, .subject = e->name, .created_us = clock_now_us()};
    if (is_told(n, e->name) || n->told_count == EMERGENCIES_MAX) return VAULT_OK;
    VAULT_TRY(store_notice_insert(s->store, &row, err));
    log_event(LOG_WARN, "emergency.overdue", "%s was not reviewed in time: its person is suspended", e->name);
    memcpy(n->told[n->told_count++], e->name, sizeof n->told[0]);
    return VAULT_OK;
}

static vault_code look(session *s, void *context, vault_error *err)
{
    notices *n = context;
    const emergency *all;
    uint64_t counts[EMERGENCY_IS_OVERDUE + 1] = {0};
    int64_t now = service_now_us(s->service);
    size_t count = manifest_emergencies(s->manifest, &all);
    forget_reviewed(n, s->manifest);
    for (size_t i = 0; i < count; i++) {
        if (all[i].reviewed_us) continue;
        bool overdue = now >= all[i].due_us;
        counts[overdue                        ? EMERGENCY_IS_OVERDUE
               : emergency_open(&all[i], now) ? EMERGENCY_IS_OPEN
                                              : EMERGENCY_IS_ENDED]++;
        if (overdue) VAULT_TRY(tell_overdue(n, s, &all[i], err));
    }
    for (unsigned i = 0; i <= EMERGENCY_IS_OVERDUE; i++) metric_set(METRIC_EMERGENCIES, (metric_at){i, 0}, counts[i]);
    return VAULT_OK;
}

/* ---- what the webhook is told ---- */

static const char *time_text(arena *mem, int64_t us)
{
    char text[32];
    clock_format(text, us);
    return arena_text(mem, bytes_of_text(text));
}

/* Ids of the register and names of the vault's own need no escapes. */
static const char *emergency_body(arena *mem, const manifest *m, const char *event, const emergency *e)
{
    const char *opened = time_text(mem, e->opened_us), *ends = time_text(mem, e->ends_us);
    const char *due = time_text(mem, e->due_us);
    if (!opened || !ends || !due) return NULL;
    return arena_format(
        mem,
        "{\"consumer\":\"%s\",\"end_time\":\"%s\",\"event\":\"%s\",\"name\":\"%s\",\"open_time\":\"%s\","
        "\"person\":\"%s\",\"purpose\":\"%s\",\"residents\":%u,\"review_due_time\":\"%s\",\"rule\":"
        "\"%s\",\"vault\":\"%s\"}",
        e->consumer, ends, event, e->name, opened, e->person, e->purpose, e->residents, due, e->rule, m->vault);
}

/* The table is anybody's to write who has the database: a text of it goes out only where it can be one of ours. */
static bool is_clean(const char *subject)
{
    size_t len = strlen(subject);
    return len <= SUBJECT_MOST && strspn(subject, "abcdefghijklmnopqrstuvwxyz0123456789-_/:.") == len;
}

static const char *body_of_notice(arena *mem, const manifest *m, const notice_row *row)
{
    const emergency *e = manifest_emergency(m, row->subject);
    const char *when = time_text(mem, row->created_us);
    if (row->kind == NOTICE_EMERGENCY && e) return emergency_body(mem, m, "emergency.opened", e);
    if (row->kind == NOTICE_OVERDUE && e && !e->reviewed_us) return emergency_body(mem, m, "emergency.overdue", e);
    if (row->kind == NOTICE_CANARY && when && is_name_in(row->subject, "canaries/"))
        return arena_format(mem, "{\"canary\":\"%s\",\"event\":\"canary.used\",\"time\":\"%s\",\"vault\":\"%s\"}",
                            row->subject, when, m->vault);
    if (row->kind != NOTICE_BUDGET || !when || !is_clean(row->subject)) return NULL;
    return arena_format(mem, "{\"budget\":\"%s\",\"event\":\"budget.soft\",\"time\":\"%s\",\"vault\":\"%s\"}",
                        row->subject, when, m->vault);
}

static vault_code take(session *s, void *context, vault_error *err)
{
    message *out = context;
    arena *mem = out->of->mem;
    if (!out->found) VAULT_TRY(store_notice_take(s->store, mem, clock_now_us(), &out->row, &out->found, err));
    if (!out->found) return VAULT_OK;
    out->body = body_of_notice(mem, s->manifest, &out->row);
    if (out->body || out->again) return VAULT_OK;
    out->again = s->moved = true; /* it may be of a newer manifest than this node has yet */
    return VAULT_OK;
}

static bool is_outage(vault_code code)
{
    return code == VAULT_UNAVAILABLE || code == VAULT_CONFLICT || code == VAULT_INTEGRITY; /* each is told elsewhere */
}

static void note(vault_code code, const vault_error *err)
{
    if (code != VAULT_OK && !is_outage(code)) log_failure(LOG_ERROR, "notice.failed", err);
}

/* All that waits waits for the same webhook: after a failure nothing is sent for a while. */
static void settle(notices *n, vault_code code, const vault_error *err)
{
    metric_add(METRIC_NOTICES, (metric_at){code == VAULT_OK ? NOTICE_SENT : NOTICE_FAILED, 0}, 1);
    if (code == VAULT_OK) {
        if (n->pause_s) log_event(LOG_INFO, "notice.sent", "the webhook takes notices again");
        n->pause_s = n->send_us = 0;
        return;
    }
    if (!n->pause_s) log_failure(LOG_ERROR, "notice.failed", err);
    n->pause_s = n->pause_s ? 2 * n->pause_s : PAUSE_FIRST_S;
    if (n->pause_s > PAUSE_MOST_S) n->pause_s = PAUSE_MOST_S;
    n->send_us = clock_monotonic_us() + n->pause_s * 1000000;
}

/* True where another may follow at once. */
static bool send_one(notices *n, session *s)
{
    vault_error err = {0}, why = {0};
    message one = {.of = n};
    vault_code code = session_run(s, take, &one, &err);
    note(code, &err);
    if (code != VAULT_OK || !one.found) return false;
    if (one.body) {
        code = hook_post(n->hook, bytes_of_text(one.body), &why);
        settle(n, code, &why);
        if (code != VAULT_OK) return false;
    }
    vault_error_clear(&err);
    code = store_notice_done(s->store, one.row.id, &err);
    note(code, &err);
    return code == VAULT_OK;
}

static void sweep(notices *n, session *s)
{
    vault_error err = {0};
    int64_t dropped = 0;
    n->sweep_us = clock_monotonic_us() + SWEEP_US;
    note(store_notices_sweep(s->store, clock_now_us() - KEPT_FOR_US, &dropped, &err), &err);
    if (dropped == 0 || !n->hook) return; /* where nobody names a webhook, nobody misses them */
    metric_add(METRIC_NOTICES, (metric_at){NOTICE_DROPPED, 0}, (uint64_t)dropped);
    log_event(LOG_ERROR, "notice.dropped", "%lld notices that no webhook took for a week", (long long)dropped);
}

void notices_turn(notices *n, session *s)
{
    vault_error err = {0};
    int64_t now = clock_monotonic_us();
    if (now < n->look_us) return;
    n->look_us = now + LOOK_US;
    note(session_run(s, look, n, &err), &err);
    for (unsigned i = 0; n->hook && now >= n->send_us && i < AT_ONCE && send_one(n, s); i++) {}
    if (now >= n->sweep_us) sweep(n, s);
    arena_reset(n->mem);
}

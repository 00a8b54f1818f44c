/* Opening and closing, and the publisher. */
#include "vault/service/jobs.h"
#include "vault/service/recount.h"
#include "vault/service/witnesses.h"

#include "vault/audit/archive.h"
#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SILENCE_MOST_US = 5000000 };

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

/* What was destroyed is gone from the log's keys, too, on a node where nobody calls. */
static vault_code follow_keys(service *s, vault_error *err)
{
    const manifest *m = control_acquire(s->control);
    vault_code code = ledger_follow(s->ledger, manifest_keys(m), err);
    control_release(s->control, m);
    return code;
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
    if (code == VAULT_UNAVAILABLE && err->reason && strcmp(err->reason, "ROOT_MOVED") == 0)
        atomic_store(&s->root_moved, true);
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
    if (life_enter(s)) {
        watch_control(s);
        vault_code code = follow_keys(s, &err);
        if (code == VAULT_OK && !atomic_load(&s->healthy)) code = try_log(s, &err);
        if (code == VAULT_OK) code = ledger_publish(s->ledger, s->store, s->checkpoint_file, &err);
        service_note(s, code, &err);
        life_leave(s, s->store);
    }
    life_wake(s, s->store);
    life_refresh(s);
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

static void keep_root(root_keeping *out, const root_keeping *from)
{
    out->source = from->source;
    if (from->key_file) out->key_file = memory_text(from->key_file);
    if (from->passphrase_file) out->passphrase_file = memory_text(from->passphrase_file);
}

vault_code service_open(service **out, const service_options *o, vault_error *err)
{
    VAULT_TRY(service_check(err));
    VAULT_CLEANUP(service_close) service *s = memory_new(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->finding_lock, NULL);
    life_init(s);
    atomic_store(&s->control_good, true);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->database = memory_text(o->database);
    s->checkpoint_file = memory_text(o->checkpoint_file);
    if (o->webhook.url) s->webhook.url = memory_text(o->webhook.url);
    if (o->webhook.ca_file) s->webhook.ca_file = memory_text(o->webhook.ca_file);
    if (o->webhook.token_file) s->webhook.token_file = memory_text(o->webhook.token_file);
    keep_root(&s->keeping, &o->keeping);
    atomic_store(&s->healthy, true);
    atomic_store(&s->tried_us, clock_monotonic_us());
    if (o->witness_policy) VAULT_TRY(witnesses_open(&s->witnesses, s, o, err));
    s->retention_months = o->retention_months;
    VAULT_TRY(shelf_open(&s->shelf, o->archive_folder, err));
    VAULT_TRY(store_open(&s->store, s->database, err));
    store_set_shelf(s->store, s->shelf);
    VAULT_TRY(life_start(s, o->root, err));
    if (pthread_create(&s->publisher, NULL, publish, s) != 0)
        return vault_fail(err, VAULT_INTERNAL, "no thread for the publisher");
    s->publishing = true;
    VAULT_TRY(keeper_open(&s->keeper, s, err));
    if (s->witnesses) VAULT_TRY(witnesses_start(s->witnesses, err));
    *out = s;
    s = NULL;
    return VAULT_OK;
}

static void free_text(const char *text)
{
    if (text) memory_free((char *)(uintptr_t)text, strlen(text) + 1);
}

void service_close(service **at)
{
    service *s = *at;
    if (!s) return;
    witnesses_stop(s->witnesses);
    keeper_close(&s->keeper);
    if (s->publishing) {
        pthread_mutex_lock(&s->lock);
        s->stop = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->publisher, NULL);
    }
    life_end(s);
    witnesses_close(&s->witnesses); /* the ledger used its policy */
    store_close(&s->store);
    shelf_close(&s->shelf);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->finding_lock);
    free_text(s->webhook.url);
    free_text(s->webhook.ca_file);
    free_text(s->webhook.token_file);
    free_text(s->keeping.key_file);
    free_text(s->keeping.passphrase_file);
    free_text(s->database);
    free_text(s->checkpoint_file);
    memory_free(s, sizeof *s);
    *at = NULL;
}

/* A publisher that does not come back waits for a database that neither answers nor hangs up. */
bool service_healthy(const service *s)
{
    return atomic_load(&s->open) && atomic_load(&s->healthy) && atomic_load(&s->control_good) &&
           clock_monotonic_us() - atomic_load(&s->tried_us) < SILENCE_MOST_US;
}

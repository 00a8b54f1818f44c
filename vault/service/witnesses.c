/* Each round asks all witnesses that have not yet cosigned the newest published checkpoint, at once. What a witness has
 * seen last is remembered from its answers; one that has seen something else says so (409), and is asked a second time
 * in the same round.
 *
 *   409, larger than what is published   it has seen more of this log than there is: an older database was put back
 *   409 for its own size, or 422         it has seen another log of this name: forked, or edited
 *   anything else but a good cosignature it is of no use now, and is asked again after a while
 */
#include "vault/service/witnesses.h"

#include "vault/audit/witness_request.h"
#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"
#include "vault/base/metric.h"
#include "vault/hook/exchange.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PAUSE_MOST_S = 60, ROUND_MEMORY = 16 << 20, POLICY_MEMORY = 1 << 20, CALL_URL_MAX = WITNESS_URL_MAX + 32 };

/* What was heard last, for whoever reads the log of events: each is told when it begins. */
typedef enum hearing { HEARD_NOTHING, HEARD_GOOD, HEARD_FAILURE, HEARD_AHEAD, HEARD_REFUSAL } hearing;

typedef struct watcher {
    const witness *who;
    char url[CALL_URL_MAX];
    int64_t seen; /* the size that it cosigned last, as far as is known */
    hearing heard;
    int64_t pause_s;       /* after the last failure; 0: none */
    int64_t not_before_us; /* monotonic */
} watcher;

struct witnesses {
    service *of;
    arena *policy_mem, *mem; /* mem: of a round */
    witness_policy *policy;
    exchanger *exchanger;
    store *store;
    watcher at[WITNESSES_MAX]; /* those that have a URL */
    size_t count;
    char *note;  /* the newest published checkpoint with what was cosigned so far; NULL: none yet */
    bool enough; /* it is kept */
    bool asked;  /* since the node was started */
    exchange *exchanges;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* of `stop` */
    pthread_cond_t wake;
    bool stop;
};

/* ---- what is asked ---- */

/* One round. */
typedef struct asking {
    witnesses *w;
    merkle_tree tree; /* of w->note */
    watcher *who[WITNESSES_MAX];
    size_t count; /* of `who`, and of w->exchanges */
} asking;

static void forget_note(witnesses *w)
{
    if (w->note) memory_free(w->note, strlen(w->note) + 1);
    w->note = NULL;
    w->enough = false;
}

/* The newest published checkpoint: with what was cosigned so far, where it is still the same. */
static vault_code take_note(asking *a, vault_error *err)
{
    witnesses *w = a->w;
    const char *note;
    int64_t size;
    anchor cosigned;
    VAULT_TRY(store_checkpoint_read(w->store, w->mem, &size, &note, err));
    a->tree.size = size;
    if (size == 0 || (w->note && strncmp(w->note, note, strlen(note)) == 0)) return VAULT_OK;
    forget_note(w);
    w->note = memory_text(note);
    vault_code code = ledger_cosigned(&cosigned, w->of->ledger, w->store, w->mem, err);
    /* Another node was first. What the table said at the start says nothing: it may have been put back. */
    w->enough = w->asked && code == VAULT_OK && cosigned.tree.size == size;
    w->asked = true;
    metric_set(METRIC_COSIGNED_LAG, (metric_at){0, 0}, (uint64_t)(size - (code == VAULT_OK ? cosigned.tree.size : 0)));
    if (code == VAULT_NOT_FOUND) vault_error_clear(err);
    return code == VAULT_NOT_FOUND ? VAULT_OK : code;
}

static bool has_cosigned(const witnesses *w, const watcher *who)
{
    int64_t made;
    return cosignature_open(&made, bytes_of_text(w->note), &who->who->key) == NOTE_VERIFIED;
}

/* The request, from what it has seen to what is published. */
static vault_code ask_for(asking *a, watcher *who, vault_error *err)
{
    witnesses *w = a->w;
    witness_request r = {.old_size = who->seen, .note = bytes_of_text(w->note)};
    if (who->seen > 0 && who->seen < a->tree.size) {
        growth_proof growth = {.old_size = who->seen, .size = a->tree.size};
        VAULT_TRY(ledger_prove_consistency(w->of->ledger, w->store, w->mem, &growth, err));
        if (growth.path.len > WITNESS_PROOF_MAX) return vault_fail(err, VAULT_INTERNAL, "too long a proof");
        memcpy(r.proof, growth.path.at, growth.path.len * sizeof *r.proof);
        r.proof_len = growth.path.len;
    }
    const char *body = witness_request_write(w->mem, &r);
    if (!body) return vault_fail(err, VAULT_EXHAUSTED, "no memory to ask witnesses");
    exchange *e = &w->exchanges[a->count];
    e->url = who->url;
    e->body = bytes_of_text(body);
    a->who[a->count++] = who;
    return VAULT_OK;
}

static vault_code ask_all(asking *a, vault_error *err)
{
    witnesses *w = a->w;
    int64_t now = clock_monotonic_us();
    if (w->enough) return VAULT_OK;
    for (size_t i = 0; i < w->count; i++) {
        watcher *who = &w->at[i];
        if (now < who->not_before_us || has_cosigned(w, who)) continue;
        if (who->seen > a->tree.size) who->seen = 0; /* it says again what it has seen */
        VAULT_TRY(ask_for(a, who, err));
    }
    return VAULT_OK;
}

/* ---- what is answered ---- */

static void settle(watcher *who, hearing heard)
{
    static const metric_witness RESULTS[] = {[HEARD_GOOD] = WITNESS_COSIGNED,
                                             [HEARD_FAILURE] = WITNESS_FAILED,
                                             [HEARD_AHEAD] = WITNESS_REFUSED,
                                             [HEARD_REFUSAL] = WITNESS_REFUSED};
    metric_add(METRIC_WITNESS_ANSWERS, (metric_at){RESULTS[heard], 0}, 1);
    who->heard = heard;
    who->pause_s = heard == HEARD_GOOD ? 0 : who->pause_s ? 2 * who->pause_s : 1;
    if (who->pause_s > PAUSE_MOST_S) who->pause_s = PAUSE_MOST_S;
    who->not_before_us = who->pause_s ? clock_monotonic_us() + who->pause_s * 1000000 : 0;
}

static void heard_good(watcher *who, int64_t size)
{
    if (who->heard > HEARD_GOOD) log_event(LOG_INFO, "witness.cosigns", "%s cosigns again", who->who->name);
    who->seen = size;
    settle(who, HEARD_GOOD);
}

static void heard_failure(watcher *who, const exchange *e)
{
    if (who->heard != HEARD_FAILURE && e->status)
        log_event(LOG_WARN, "witness.failed", "%s: HTTP %u without a good cosignature", who->who->name, e->status);
    if (who->heard != HEARD_FAILURE && !e->status)
        log_event(LOG_WARN, "witness.failed", "%s: %s", who->who->name, e->why);
    settle(who, HEARD_FAILURE);
}

static void heard_ahead(watcher *who, int64_t says, int64_t size)
{
    if (who->heard != HEARD_AHEAD)
        log_event(LOG_ERROR, "witness.ahead",
                  "%s has seen %lld lines of this log, and there are %lld: an older database was put back",
                  who->who->name, (long long)says, (long long)size);
    settle(who, HEARD_AHEAD);
}

static void heard_refusal(watcher *who, int64_t size)
{
    if (who->heard != HEARD_REFUSAL)
        log_event(LOG_ERROR, "witness.refused",
                  "%s does not cosign %lld lines: what it has seen of this log is another: forked, or an older "
                  "database was put back",
                  who->who->name, (long long)size);
    settle(who, HEARD_REFUSAL);
}

/* True: the note has one more cosignature. */
static bool join(asking *a, const watcher *who, const exchange *e)
{
    vault_error why = {0};
    const char *joined;
    if (e->status != 200 || note_join(&joined, a->w->mem, bytes_of_text(a->w->note), bytes_of(e->answer, e->len),
                                      (witness_keys){&who->who->key, 1}, &why) != VAULT_OK)
        return false;
    bool more = strlen(joined) > strlen(a->w->note);
    if (!more) return false;
    memory_free(a->w->note, strlen(a->w->note) + 1);
    a->w->note = memory_text(joined);
    return true;
}

/* What one says of sizes; false: it is to be asked again, for what it has seen is known by now. */
static bool settle_conflict(const asking *a, watcher *who, const exchange *e, bool again)
{
    int64_t says;
    if (!witness_size_read(&says, bytes_of(e->answer, e->len))) return heard_failure(who, e), true;
    if (says > a->tree.size) return who->seen = says, heard_ahead(who, says, a->tree.size), true;
    if (says == who->seen && says == a->tree.size) return heard_refusal(who, a->tree.size), true;
    bool news = says != who->seen;
    who->seen = says;
    if (!again && news) return false;
    heard_failure(who, e);
    return true;
}

/* Takes the answers; leaves in *left who is to be asked again. */
static void take_answers(asking *a, asking *left, bool again)
{
    for (size_t i = 0; i < a->count; i++) {
        watcher *who = a->who[i];
        const exchange *e = &a->w->exchanges[i];
        if (e->status == 409 && !settle_conflict(a, who, e, again))
            left->who[left->count++] = who;
        else if (e->status == 422)
            heard_refusal(who, a->tree.size);
        else if (e->status != 409 && join(a, who, e))
            heard_good(who, a->tree.size);
        else if (e->status != 409)
            heard_failure(who, e);
    }
}

/* ---- a round ---- */

/* Some of a round that needs the ledger: no network meanwhile. False: the node is sealed, or it failed. */
static bool within(asking *a, vault_code (*work)(asking *a, vault_error *err))
{
    vault_error err = {0};
    service *s = a->w->of;
    if (!life_enter(s)) return false;
    vault_code code = work(a, &err);
    life_leave(s, a->w->store);
    bool outage = code == VAULT_UNAVAILABLE || code == VAULT_CONFLICT; /* told by others */
    if (code != VAULT_OK && !outage) log_failure(LOG_ERROR, "witness.unasked", &err);
    return code == VAULT_OK;
}

static vault_code begin(asking *a, vault_error *err)
{
    VAULT_TRY(take_note(a, err));
    return a->tree.size > 0 ? ask_all(a, err) : VAULT_OK;
}

static vault_code begin_again(asking *a, vault_error *err)
{
    size_t count = a->count;
    a->count = 0;
    for (size_t i = 0; i < count; i++) VAULT_TRY(ask_for(a, a->who[i], err));
    return VAULT_OK;
}

static vault_code keep(asking *a, vault_error *err)
{
    witnesses *w = a->w;
    VAULT_TRY(ledger_keep_cosigned(w->of->ledger, w->store, bytes_of_text(w->note), &w->enough, err));
    if (w->enough) metric_set(METRIC_COSIGNED_LAG, (metric_at){0, 0}, 0);
    return VAULT_OK;
}

static void turn(witnesses *w)
{
    asking first = {.w = w}, second = {.w = w};
    if (!within(&first, begin) || first.count == 0) return;
    size_t before = strlen(w->note);
    exchanger_run(w->exchanger, w->exchanges, first.count);
    take_answers(&first, &second, false);
    second.tree = first.tree;
    if (second.count > 0 && within(&second, begin_again)) {
        asking nobody = {.w = w};
        exchanger_run(w->exchanger, w->exchanges, second.count);
        take_answers(&second, &nobody, true);
    }
    if (strlen(w->note) > before) (void)within(&first, keep);
}

static void *watch(void *at)
{
    witnesses *w = at;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        struct timespec until;
        pthread_mutex_unlock(&w->lock);
        turn(w);
        arena_reset(w->mem);
        pthread_mutex_lock(&w->lock);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        while (!w->stop && pthread_cond_timedwait(&w->wake, &w->lock, &until) == 0) {}
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- open and close ---- */

static vault_code add_watcher(witnesses *w, const witness *who, vault_error *err)
{
    size_t len = strlen(who->url);
    watcher *to = &w->at[w->count];
    if (len == 0) return VAULT_OK; /* others ask it, or nobody does any more */
    if (!exchange_url_good(who->url))
        return vault_fail(err, VAULT_INVALID, "witness %s: its URL is neither https:// nor http:// of this machine",
                          who->name);
    *to = (watcher){.who = who};
    snprintf(to->url, sizeof to->url, "%s%sadd-checkpoint", who->url, who->url[len - 1] == '/' ? "" : "/");
    w->count++;
    return VAULT_OK;
}

static vault_code fill(witnesses *w, const service_options *o, vault_error *err)
{
    w->policy_mem = arena_new(POLICY_MEMORY);
    w->mem = arena_new(ROUND_MEMORY);
    if (!w->policy_mem || !w->mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory for witnesses");
    VAULT_TRY(witness_policy_load(&w->policy, w->policy_mem, o->witness_policy, err));
    for (size_t i = 0; i < witness_policy_count(w->policy); i++)
        VAULT_TRY(add_watcher(w, witness_policy_at(w->policy, i), err));
    w->exchanges = memory_array(w->count + 1, sizeof *w->exchanges);
    return exchanger_open(&w->exchanger, o->witness_ca_file, err);
}

vault_code witnesses_open(witnesses **out, service *of, const service_options *o, vault_error *err)
{
    VAULT_CLEANUP(witnesses_close) witnesses *w = memory_new(sizeof *w);
    pthread_condattr_t monotonic;
    w->of = of;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    VAULT_TRY(fill(w, o, err));
    *out = w;
    w = NULL;
    return VAULT_OK;
}

vault_code witnesses_start(witnesses *w, vault_error *err)
{
    VAULT_TRY(store_open(&w->store, w->of->database, err));
    w->running = pthread_create(&w->thread, NULL, watch, w) == 0;
    return w->running ? VAULT_OK : vault_fail(err, VAULT_INTERNAL, "no thread for the witnesses");
}

void witnesses_stop(witnesses *w)
{
    if (!w || !w->running) return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    exchanger_stop(w->exchanger);
    pthread_join(w->thread, NULL);
    w->running = false;
}

void witnesses_close(witnesses **at)
{
    witnesses *w = *at;
    *at = NULL;
    if (!w) return;
    witnesses_stop(w);
    exchanger_close(&w->exchanger);
    if (w->exchanges) memory_free(w->exchanges, (w->count + 1) * sizeof *w->exchanges);
    forget_note(w);
    store_close(&w->store);
    arena_free(&w->mem);
    arena_free(&w->policy_mem);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    memory_free(w, sizeof *w);
}

const witness_policy *witnesses_policy(const witnesses *w)
{
    return w ? w->policy : NULL;
}

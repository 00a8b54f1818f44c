/* Appending. A process keeps the head that it last saw committed and appends on top of it with one statement, which
 * does nothing if another node has moved the head meanwhile; only then is the head row locked and read. The cached head
 * is worth nothing after a failure (a cut connection does not say whether the commit happened): it is dropped, and the
 * next append reads the head anew, under the lock.
 *
 *              ┌──── ok ────┐
 *        ┌─────▼─────┐      │        moved, or control version or stamp differs
 *        │   known   ├──────┴──────────────────────────┐
 *        └─────▲─────┘                          ┌──────▼───────┐
 *              └──────────── ok ────────────────┤ lock and read│◄── unknown ◄── any failure
 *                                               └──────────────┘
 */
#include "vault/audit/internal.h"
#include "vault/audit/known_lines.h"
#include "vault/base/clock.h"
#include "vault/base/memory.h"
#include "vault/base/metric.h"

#include <string.h>

/* ---- opening ---- */

ledger *ledger_new(const char *name)
{
    ledger *l = memory_new(sizeof *l);
    pthread_mutex_init(&l->mutex, NULL);
    pthread_mutex_init(&l->keys_lock, NULL);
    l->name = memory_text(name);
    l->known_lines = known_lines_new();
    return l;
}

vault_code ledger_open(ledger **out, store *s, const keyring *keys, const char *name, vault_error *err)
{
    ledger *l = ledger_new(name);
    *out = l;
    vault_code code = ledger_follow(l, keys, err);
    if (code == VAULT_OK) code = ledger_head(l, s, &l->head, err);
    if (code != VAULT_OK)
        ledger_close(out);
    else
        l->known = true;
    return code;
}

static void free_text(char *text)
{
    if (text) memory_free(text, strlen(text) + 1);
}

static void forget_told(told_key *newest)
{
    while (newest) {
        told_key *gone = newest;
        newest = gone->before;
        free_text(gone->text);
        memory_free(gone, sizeof *gone);
    }
}

void ledger_close(ledger **out)
{
    ledger *l = *out;
    if (!l) return;
    log_keyset_free(&l->keys);
    forget_told(l->verifier);
    free_text(l->name);
    known_lines_free(&l->known_lines);
    pthread_mutex_destroy(&l->keys_lock);
    pthread_mutex_destroy(&l->mutex);
    memory_free(l, sizeof *l);
    *out = NULL;
}

/* ---- keys ---- */

/* A lock does not change what a ledger is. */
static pthread_mutex_t *keys_lock(const ledger *l)
{
    return (pthread_mutex_t *)(uintptr_t)&l->keys_lock;
}

log_keyset *ledger_keys(const ledger *l)
{
    pthread_mutex_lock(keys_lock(l));
    log_keyset *k = log_keyset_hold(l->keys);
    pthread_mutex_unlock(keys_lock(l));
    return k;
}

/* Who was told a text may still read it: they are few, and public. */
static vault_code tell_verifier_key(ledger *l, const log_keyset *k, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(4096);
    const char *text = mem ? note_key_text(&k->signers[0].key, mem) : NULL;
    if (!text) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    if (l->verifier && strcmp(l->verifier->text, text) == 0) return VAULT_OK;
    told_key *told = memory_new(sizeof *told);
    *told = (told_key){.before = l->verifier, .text = memory_text(text)};
    l->verifier = told;
    return VAULT_OK;
}

/* Keyrings are numbered as they are made: a thread that comes late with an older one changes nothing. */
vault_code ledger_follow(ledger *l, const keyring *keys, vault_error *err)
{
    VAULT_CLEANUP(log_keyset_free) log_keyset *fresh = NULL;
    pthread_mutex_lock(&l->keys_lock);
    bool followed = l->keys && l->keys->generation >= keyring_generation(keys);
    vault_code code = followed ? VAULT_OK : log_keyset_open(&fresh, keys, l->name, err);
    if (fresh) code = tell_verifier_key(l, fresh, err);
    if (code == VAULT_OK && fresh) {
        log_keyset *old = l->keys;
        l->keys = fresh;
        fresh = old;
    }
    pthread_mutex_unlock(&l->keys_lock);
    return code;
}

const char *ledger_verifier_key(const ledger *l)
{
    pthread_mutex_lock(keys_lock(l));
    const char *text = l->verifier->text;
    pthread_mutex_unlock(keys_lock(l));
    return text;
}

vault_code ledger_verifier_keys(verifier_keys *out, const ledger *l, arena *mem, vault_error *err)
{
    VAULT_CLEANUP(log_keyset_free) log_keyset *k = ledger_keys(l);
    *out = (verifier_keys){.at = arena_array(mem, k->signer_count, sizeof *out->at)};
    bool room = out->at != NULL;
    for (size_t i = 0; room && i < k->signer_count; i++)
        room = (out->at[out->count++] = note_key_text(&k->signers[i].key, mem)) != NULL;
    return room ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no room for verifier keys");
}

/* ---- head ---- */

static void raise_mark(atomic_llong *mark, int64_t to)
{
    long long from = atomic_load(mark);
    while (from < to && !atomic_compare_exchange_weak(mark, &from, to)) continue;
}

static void have_seen(ledger *l, const head_row *head)
{
    raise_mark(&l->seen, head->size);
    raise_mark(&l->newest_us, head->time);
}

int64_t ledger_newest_us(const ledger *l)
{
    return atomic_load(&l->newest_us);
}

/* `seen` was read before the head was: what has been appended since does not make the head look old. */
static vault_code accept_head(ledger *l, const head_row *head, int64_t seen, vault_error *err)
{
    VAULT_CLEANUP(log_keyset_free) log_keyset *k = ledger_keys(l);
    VAULT_TRY(head_check(k, head, err));
    if (head->size < seen) {
        return vault_fail(err, VAULT_INTEGRITY,
                          "the log went back from %lld lines to %lld: an older database was put back", (long long)seen,
                          (long long)head->size);
    }
    return VAULT_OK;
}

/* A log that was opened has a head: none is damage, and no answer to what a caller looked for. */
static vault_code must_stand(vault_code code, vault_error *err)
{
    if (code != VAULT_NOT_FOUND) return code;
    vault_error_clear(err);
    return vault_fail(err, VAULT_INTEGRITY, "the head of the log is missing");
}

vault_code ledger_head(ledger *l, store *s, head_row *out, vault_error *err)
{
    int64_t seen = atomic_load(&l->seen);
    VAULT_TRY(must_stand(store_head_read(s, out, err), err));
    VAULT_TRY(accept_head(l, out, seen, err));
    have_seen(l, out);
    return VAULT_OK;
}

/* ---- a batch on top of a head ---- */

typedef struct job {
    ledger *l;
    store *s;
    arena *mem;
    const line_batch *batch;
    log_keyset *keys; /* held */
    line_row *rows;
    digest *hashes;
    row_sum more; /* of the rows of residents */
    erasure_row *erasures;
    head_row to;
    merkle_batch *tree;
} job;

static void job_end(job *j)
{
    log_keyset_free(&j->keys);
}

/* All that does not depend on where the lines will stand. */
static vault_code job_start(job *j, ledger *l, store *s, arena *mem, const line_batch *batch, vault_error *err)
{
    *j = (job){.l = l, .s = s, .mem = mem, .batch = batch, .keys = ledger_keys(l)};
    if (batch->count == 0) return vault_fail(err, VAULT_INTERNAL, "an append of no lines");
    j->rows = arena_array(mem, batch->count, sizeof *j->rows);
    j->hashes = arena_array(mem, batch->count, sizeof *j->hashes);
    if (!j->rows || !j->hashes) return vault_fail(err, VAULT_EXHAUSTED, "no room for a batch of lines");
    return row_sum_changed(&j->more, j->keys, batch->rows, batch->row_count, err);
}

static vault_code next_head(job *j, const head_row *from, int64_t time_us, vault_error *err)
{
    const digest *frontier;
    row_sum sum;
    j->to = *from;
    j->to.size = merkle_batch_size(j->tree);
    j->to.time = time_us;
    if (j->batch->next) {
        j->to.control_version = j->batch->next->version;
        j->to.control_digest = j->batch->next->digest;
    }
    j->to.frontier_len = merkle_batch_frontier(j->tree, &frontier) * DIGEST_LEN;
    memcpy(j->to.frontier, frontier, j->to.frontier_len);
    VAULT_TRY(erasures_place(&j->erasures, &j->to, j->mem, j->batch, err));
    head_sum(&sum, j->keys, from);
    row_sum_join(&sum, &j->more);
    head_seal(j->keys, &j->to, &sum);
    wipe(&sum, sizeof sum);
    return VAULT_OK;
}

/* Everything of the lines that depends on where they stand. */
static vault_code place(job *j, const head_row *from, vault_error *err)
{
    int64_t now = clock_now_us(), time_us = now > from->time ? now : from->time;
    digest frontier[MERKLE_LEVELS];
    memcpy(frontier, from->frontier, from->frontier_len);
    for (size_t i = 0; i < j->batch->count; i++) {
        line *at = &j->batch->lines[i];
        at->index = from->size + (int64_t)i;
        leaf_write(at->leaf, at, time_us);
        j->hashes[i] = merkle_leaf(bytes_of(at->leaf, LEAF_LEN));
    }
    VAULT_TRY(
        merkle_append(&j->tree, j->mem, (merkle_frontier){from->size, frontier}, j->hashes, j->batch->count, err));
    for (size_t i = 0; i < j->batch->count; i++) {
        const line *at = &j->batch->lines[i];
        j->rows[i] = (line_row){.index = at->index,
                                .leaf = bytes_of(at->leaf, LEAF_LEN),
                                .nodes = merkle_batch_nodes(j->tree, i),
                                .officer = at->officer_sealed,
                                .resident = at->resident_sealed,
                                .resident_tag = at->resident_tag,
                                .person_tag = at->person_tag};
    }
    return next_head(j, from, time_us, err);
}

/* A caller must not take it for a moved control version. */
static vault_code as_damage(vault_code code, const char *what, int64_t number, vault_error *err)
{
    if (code != VAULT_CONFLICT) return code;
    vault_error_clear(err);
    return vault_fail(err, VAULT_INTEGRITY, "%s stands past the %lld of the log's head", what, (long long)number);
}

static vault_code try_append(job *j, const head_row *from, bool *moved, vault_error *err)
{
    VAULT_TRY(place(j, from, err));
    /* A change of control has moved the stamp itself. */
    append_from at = {.head = from, .stamp = j->batch->next ? 0 : j->batch->control_stamp};
    VAULT_TRY(as_damage(store_append(j->s, at, &j->to, j->rows, moved, err), "a line", from->size, err));
    if (*moved || j->batch->erased_count == 0) return VAULT_OK;
    return as_damage(store_erasures_insert(j->s, j->erasures, j->batch->erased_count, err), "an erasure", from->erased,
                     err);
}

static vault_code lock_and_append(job *j, vault_error *err)
{
    head_row from;
    bool moved = false;
    int64_t seen = atomic_load(&j->l->seen);
    VAULT_TRY(must_stand(store_head_lock(j->s, &from, err), err));
    VAULT_TRY(accept_head(j->l, &from, seen, err));
    if (from.control_version != j->batch->control_version)
        return vault_refuse(err, VAULT_CONFLICT, "CONTROL_MOVED", "");
    VAULT_TRY(try_append(j, &from, &moved, err));
    /* Nothing moves the head under its lock: it was the stamp. */
    return moved ? vault_refuse(err, VAULT_CONFLICT, "CONTROL_MOVED", "") : VAULT_OK;
}

static bool may_try(const job *j)
{
    return j->l->known && j->l->head.control_version == j->batch->control_version &&
           log_keyset_version(j->keys, j->l->head.log_version);
}

static vault_code append_alone(job *j, vault_error *err)
{
    bool moved = true;
    if (may_try(j)) VAULT_TRY(try_append(j, &j->l->head, &moved, err));
    if (!moved) return VAULT_OK;
    VAULT_TRY(store_begin(j->s, err));
    vault_code code = lock_and_append(j, err);
    if (code == VAULT_OK) code = store_commit(j->s, err);
    if (code != VAULT_OK) store_rollback(j->s);
    return code;
}

static vault_code append_within(job *j, vault_error *err)
{
    bool moved = true;
    if (may_try(j)) VAULT_TRY(try_append(j, &j->l->head, &moved, err));
    return moved ? lock_and_append(j, err) : VAULT_OK;
}

static appended result(const job *j)
{
    return (appended){.first = j->batch->lines[0].index, .count = j->batch->count, .tree = j->tree};
}

static void tally(const line_batch *batch, unsigned counts[LINE_OUTCOMES])
{
    memset(counts, 0, LINE_OUTCOMES * sizeof *counts);
    for (size_t i = 0; i < batch->count; i++) counts[batch->lines[i].outcome]++;
}

static void count_lines(const unsigned counts[LINE_OUTCOMES])
{
    for (unsigned i = 0; i < LINE_OUTCOMES; i++)
        if (counts[i]) metric_add(METRIC_LINES, (metric_at){i, 0}, counts[i]);
}

static void settle(ledger *l, const head_row *committed)
{
    l->known = committed != NULL;
    if (!committed) return;
    l->head = *committed;
    have_seen(l, committed);
}

vault_code ledger_append(ledger *l, store *s, arena *mem, const line_batch *batch, appended *out, vault_error *err)
{
    VAULT_CLEANUP(job_end) job j = {0};
    VAULT_TRY(job_start(&j, l, s, mem, batch, err));
    if (batch->erased_count > 0) return vault_fail(err, VAULT_INTERNAL, "an erasure outside a transaction");
    pthread_mutex_lock(&l->mutex);
    int64_t started = clock_monotonic_us();
    vault_code code = append_alone(&j, err);
    settle(l, code == VAULT_OK ? &j.to : NULL);
    pthread_mutex_unlock(&l->mutex);
    if (code != VAULT_OK) return code;
    unsigned counts[LINE_OUTCOMES];
    tally(batch, counts);
    count_lines(counts);
    metric_observe(METRIC_APPEND_SECONDS, (metric_at){0, 0}, (uint64_t)(clock_monotonic_us() - started));
    *out = result(&j);
    return VAULT_OK;
}

/* ---- within a caller's transaction ---- */

static uintptr_t this_thread(void)
{
    static _Thread_local char mark;
    return (uintptr_t)&mark;
}

vault_code ledger_append_in_transaction(ledger *l, store *s, arena *mem, const line_batch *batch, appended *out,
                                        vault_error *err)
{
    VAULT_CLEANUP(job_end) job j = {0};
    VAULT_TRY(job_start(&j, l, s, mem, batch, err));
    pthread_mutex_lock(&l->mutex);
    vault_code code = append_within(&j, err);
    if (code != VAULT_OK) {
        settle(l, NULL);
        pthread_mutex_unlock(&l->mutex);
        return code;
    }
    l->next = j.to;
    tally(batch, l->counts);
    atomic_store(&l->holder, this_thread());
    *out = result(&j);
    return VAULT_OK;
}

static void end_transaction(ledger *l, bool committed)
{
    if (atomic_load(&l->holder) != this_thread()) return;
    settle(l, committed ? &l->next : NULL);
    if (committed) count_lines(l->counts);
    atomic_store(&l->holder, 0);
    pthread_mutex_unlock(&l->mutex);
}

void ledger_committed(ledger *l)
{
    end_transaction(l, true);
}

void ledger_rolled_back(ledger *l)
{
    end_transaction(l, false);
}

/* ---- receipts ---- */

vault_code ledger_sign_note(const char **note, const ledger *l, arena *mem, bytes text, vault_error *err)
{
    VAULT_CLEANUP(log_keyset_free) log_keyset *k = ledger_keys(l);
    return note_sign(note, mem, text, k->signers, k->signer_count, err);
}

vault_code tree_sign(const char **note, const ledger *l, arena *mem, const merkle_tree *tree, vault_error *err)
{
    const char *text = checkpoint_text(mem, l->name, tree);
    if (!text) return vault_fail(err, VAULT_EXHAUSTED, "no room for a checkpoint");
    return ledger_sign_note(note, l, mem, bytes_of_text(text), err);
}

/* A receipt's checkpoint is signed while its caller waits, and SM2 takes eight times as long as Ed25519: it stands on
 * what is published, once a second. */
static size_t quick_signers(note_signer out[RING_VERSIONS_MAX], const log_keyset *k)
{
    size_t count = 0;
    for (size_t i = 0; i < k->signer_count; i++)
        if (k->signers[i].key.kind == SIGNATURE_ED25519) out[count++] = k->signers[i];
    return count;
}

vault_code appended_sign(appended *a, const ledger *l, arena *mem, vault_error *err)
{
    VAULT_CLEANUP(log_keyset_free) log_keyset *k = ledger_keys(l);
    merkle_tree tree = {.size = merkle_batch_size(a->tree), .root = merkle_batch_root(a->tree)};
    note_signer signers[RING_VERSIONS_MAX];
    const char *text = checkpoint_text(mem, l->name, &tree);
    if (!text) return vault_fail(err, VAULT_EXHAUSTED, "no room for a checkpoint");
    return note_sign(&a->checkpoint, mem, bytes_of_text(text), signers, quick_signers(signers, k), err);
}

vault_code appended_path(const appended *a, arena *mem, int64_t first, size_t count, merkle_path *path,
                         vault_error *err)
{
    return merkle_batch_path(a->tree, mem, first, count, path, err);
}

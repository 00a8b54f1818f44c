/* JOB_REWRITE: rows as they would be written today, where their natural key or their terms are made by former versions
 * of these rings. JOB_RESEAL: the same, with new keys for each resident and all values sealed under them, which another
 * suite needs; then the notes under the record ring, as in JOB_REWRAP.
 *
 * A step takes rows that nobody holds, and writes one line, with which the head's sum follows. A row that does not
 * open, or would have too many terms, stays as it is; the others go on without it, and the job fails at its end. */
#include "vault/service/jobs.h"

#include "vault/base/log.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>

enum { STRETCH = 16 }; /* times as many rows are looked at as are taken */

/* A pass over the rows, from the least id; and the notes once no row is left. */
typedef struct rewrite_pass {
    int64_t broken, held; /* by others */
    bool rows_done;
    job_work notes;
} rewrite_pass;

/* A part of the rows, in one transaction. */
typedef struct part {
    session *s;
    const job_work *work;
    const ring *ring; /* the version that the job is about */
    bool reseal;
    resident_row *rows, *next; /* as they stand, and as they will */
    row_change *changes;
    size_t count, done;
    correction_row *corrections; /* of all these rows; those of rows that are done come first */
    size_t correction_count, corrected;
    int64_t broken;
    int64_t until; /* the last id that was looked at; 0: there is none */
} part;

static rewrite_pass *pass_of(job_work *w)
{
    if (!w->state) w->state = memory_new(sizeof(rewrite_pass));
    return w->state;
}

static void forget(job_work *w)
{
    rewrite_pass *at = w->state;
    if (!at) return;
    if (JOB_TYPE_REWRAP.forget) JOB_TYPE_REWRAP.forget(&at->notes);
    memory_free(at, sizeof *at);
    w->state = NULL;
}

/* A node that does not know of the rotation yet reads control anew. */
static vault_code find_ring(const ring **out, session *s, const job_row *job, vault_error *err)
{
    const ring *active = keyring_active(s->rings, job->ring);
    *out = keyring_find(s->rings, job->ring, (uint32_t)job->version);
    if (*out == active && active) return VAULT_OK;
    if (!active || (int64_t)active->version < job->version) {
        s->moved = true;
        return vault_fail(err, VAULT_CONFLICT, "job %lld is of a newer version", (long long)job->id);
    }
    return vault_fail(err, VAULT_INTEGRITY, "version %d is not the active one any more", job->version);
}

/* Of a reseal the keys' version alone would do, but for who was put anew since: the rest of his row is new. */
static stale_range stale_of(const ring *of, bool reseal)
{
    return (stale_range){.version = reseal ? (int32_t)of->version : 0, .made = of->since};
}

/* ---- a part ---- */

static vault_code take_rows(part *p, vault_error *err)
{
    session *s = p->s;
    size_t most = p->work->most < BATCH_ITEMS ? p->work->most : BATCH_ITEMS;
    stale_range of = stale_of(p->ring, p->reseal);
    VAULT_TRY(store_residents_window(s->store, p->work->after, STRETCH * most, &p->until, err));
    if (p->until == 0) return VAULT_OK;
    of.after = p->work->after;
    of.until = p->until;
    of.limit = most;
    p->rows = arena_array(s->mem, most, sizeof *p->rows);
    p->next = arena_array(s->mem, most, sizeof *p->next);
    p->changes = arena_array(s->mem, most, sizeof *p->changes);
    if (!p->rows || !p->next || !p->changes) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    VAULT_TRY(store_residents_stale(s->store, s->mem, &of, p->rows, &p->count, err));
    if (p->count == most) p->until = p->rows[most - 1].id;
    return VAULT_OK;
}

static vault_code take_corrections(part *p, vault_error *err)
{
    session *s = p->s;
    int64_t *ids = arena_array(s->mem, p->count, sizeof *ids);
    if (!p->reseal) return VAULT_OK;
    if (!ids) return vault_fail(err, VAULT_EXHAUSTED, "no memory for ids");
    for (size_t i = 0; i < p->count; i++) ids[i] = p->rows[i].id;
    const resident_ids of = {.at = ids, .count = p->count};
    return store_corrections_of_all(s->store, s->mem, of, &p->corrections, &p->correction_count, err);
}

/* The requests of a resident stand together, in the order of ids as the rows do. */
static correction_row *corrections_of(const part *p, int64_t id, size_t *count)
{
    size_t first = p->corrected;
    while (first < p->correction_count && p->corrections[first].resident < id) first++;
    size_t end = first;
    while (end < p->correction_count && p->corrections[end].resident == id) end++;
    *count = end - first;
    return p->corrections + first;
}

static vault_code renew_proven(part *p, const record *old, vault_error *err)
{
    session *s = p->s;
    record_renewal how = {.made = s->manifest->version, .reseal = p->reseal};
    how.collection = schema_collection_number(&s->manifest->schema, (unsigned)old->row->collection);
    if (!how.collection)
        return vault_fail(err, VAULT_INTEGRITY, "row %lld is of no collection", (long long)old->row->id);
    how.corrections = corrections_of(p, old->row->id, &how.correction_count);
    VAULT_TRY(record_renew(&p->next[p->done], s->cabinet, old, &how, err));
    for (size_t i = 0; i < how.correction_count; i++) p->corrections[p->corrected++] = how.corrections[i];
    p->changes[p->done] = (row_change){.row = &p->next[p->done], .was = old->row};
    p->done++;
    return VAULT_OK;
}

static vault_code renew_row(part *p, const resident_row *row, vault_error *err)
{
    record old = {.dek = p->s->deks.at};
    vault_code code = record_prove(&old, p->s->cabinet, row, err);
    if (code == VAULT_OK) code = renew_proven(p, &old, err);
    record_clear(&old);
    return code;
}

static vault_code renew_rows(part *p, vault_error *err)
{
    for (size_t i = 0; i < p->count; i++) {
        vault_error why = {0};
        vault_code code = renew_row(p, &p->rows[i], &why);
        if (code == VAULT_OK) continue;
        if (code != VAULT_INTEGRITY && code != VAULT_INVALID) return *err = why, code;
        if (code == VAULT_INVALID) /* its values alone are to blame: an index that was added makes too many terms */
            log_event(LOG_ERROR, "job.failed", "row %lld: %s", (long long)p->rows[i].id, why.reason ? why.reason : "");
        else
            session_damage(p->s, &why);
        p->broken++;
    }
    return VAULT_OK;
}

static vault_code write_part(part *p, vault_error *err)
{
    session *s = p->s;
    line one;
    const line_facts facts = {.action = LINE_REWRITE,
                              .ring = p->ring->name,
                              .ring_version = p->ring->version,
                              .suite = suite_name(p->ring->suite),
                              .hits = p->done,
                              .control_version = (uint64_t)s->manifest->version,
                              .refers_to = -1};
    const line_batch batch = {.control_version = s->manifest->version,
                              .control_stamp = s->control_stamp,
                              .lines = &one,
                              .count = 1,
                              .rows = p->changes,
                              .row_count = p->done};
    VAULT_TRY(store_residents_renew(s->store, s->mem, p->next, p->done, err));
    if (p->corrected) VAULT_TRY(store_corrections_reseal(s->store, p->corrections, p->corrected, err));
    VAULT_TRY(line_make(&one, s->scribe, s->mem, &facts, NULL, err));
    return job_commit(s, p->work->job, p->done, &batch, err);
}

static vault_code rewrite(part *p, vault_error *err)
{
    VAULT_TRY(store_begin(p->s->store, err));
    VAULT_TRY(take_rows(p, err));
    VAULT_TRY(take_corrections(p, err));
    VAULT_TRY(renew_rows(p, err));
    if (p->done) return write_part(p, err);
    store_rollback(p->s->store); /* and the locks go */
    return VAULT_OK;
}

/* ---- a step ---- */

/* What another one held is done by it, or came undone: another pass meets it. */
static vault_code end_pass(job_work *w, bool reseal, vault_error *err)
{
    rewrite_pass *at = pass_of(w);
    const int64_t broken = at->broken, held = at->held;
    const bool whole = broken == 0 && held == 0;
    at->broken = at->held = 0;
    w->after = 0;
    at->rows_done = reseal && whole;
    w->ended = !reseal && whole;
    w->waits = held > 0;
    if (whole || held > 0) return VAULT_OK;
    snprintf(w->finding, sizeof w->finding, "%lld rows do not open, or would have too many terms, and stay as they are",
             (long long)broken);
    return vault_fail(err, VAULT_INTEGRITY, "%s", w->finding);
}

/* What is left of the stretch, and not this part's own fault, others hold. */
static vault_code move_on(const part *p, job_work *w, vault_error *err)
{
    rewrite_pass *at = pass_of(w);
    stale_range seen = stale_of(p->ring, p->reseal);
    int64_t left;
    seen.after = w->after;
    seen.until = p->until;
    VAULT_TRY(store_residents_stale_count(p->s->store, &seen, &left, err));
    at->broken += p->broken;
    if (left > p->broken) at->held += left - p->broken;
    w->after = p->until;
    return VAULT_OK;
}

static vault_code step_rows(session *s, job_work *w, bool reseal, vault_error *err)
{
    part p = {.s = s, .work = w, .reseal = reseal};
    VAULT_TRY(find_ring(&p.ring, s, w->job, err));
    cabinet_use(s->cabinet, s->mem);
    VAULT_TRY(rewrite(&p, err));
    return p.until == 0 ? end_pass(w, reseal, err) : move_on(&p, w, err);
}

static vault_code step_rewrite(session *s, job_work *w, vault_error *err)
{
    return step_rows(s, w, false, err);
}

/* Notes last: what they find stands for the whole. */
static vault_code step_reseal(session *s, job_work *w, vault_error *err)
{
    rewrite_pass *at = pass_of(w);
    if (!at->rows_done) return step_rows(s, w, true, err);
    at->notes.job = w->job;
    at->notes.most = w->most;
    at->notes.ended = at->notes.waits = false;
    vault_code code = JOB_TYPE_REWRAP.step(s, &at->notes, err);
    w->ended = at->notes.ended;
    w->waits = at->notes.waits;
    if (code == VAULT_INTEGRITY) memcpy(w->finding, at->notes.finding, sizeof w->finding);
    return code;
}

/* Before the rotation is committed no row is stale yet: all of them will be. */
static vault_code count_rows(session *s, const job_row *job, int64_t *total, vault_error *err)
{
    (void)job;
    return store_residents_count(s->store, total, err);
}

static vault_code count_sealed(session *s, const job_row *job, int64_t *total, vault_error *err)
{
    return store_stale_count(s->store, job->version, total, err); /* a key for each row, and the notes */
}

const job_type JOB_TYPE_REWRITE = {.name = "rewrite", .count = count_rows, .step = step_rewrite, .forget = forget};
const job_type JOB_TYPE_RESEAL = {.name = "reseal", .count = count_sealed, .step = step_reseal, .forget = forget};

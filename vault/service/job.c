/* Jobs as they are begun, shown, carried on and ended; who carries them on is the keeper. */
#include "vault/service/jobs.h"

#include "vault/base/clock.h"

#include <string.h>

static const char *const STATES[JOB_STATES] = {[JOB_RUNNING] = "running",
                                               [JOB_PAUSED] = "paused",
                                               [JOB_CANCELLED] = "cancelled",
                                               [JOB_DONE] = "done",
                                               [JOB_FAILED] = "failed"};

const job_type *const JOB_TYPES[JOB_KINDS] = {
    [JOB_REWRITE] = &JOB_TYPE_REWRITE,     [JOB_RESEAL] = &JOB_TYPE_RESEAL,  [JOB_REWRAP] = &JOB_TYPE_REWRAP,
    [JOB_RETENTION] = &JOB_TYPE_RETENTION, [JOB_LINES] = &JOB_TYPE_LINES,    [JOB_VERIFY] = &JOB_TYPE_VERIFY,
    [JOB_CONTROL] = &JOB_TYPE_CONTROL,     [JOB_ARCHIVE] = &JOB_TYPE_ARCHIVE};

vault_code job_start(session *s, store *in, job_row *inout, vault_error *err)
{
    const job_type *type = inout->kind > 0 && inout->kind < JOB_KINDS ? JOB_TYPES[inout->kind] : NULL;
    if (!type) return vault_fail(err, VAULT_INTERNAL, "no job of kind %d", inout->kind);
    inout->state = JOB_RUNNING;
    inout->done = inout->resumed_done = inout->ended_us = 0;
    inout->created_us = inout->resumed_us = clock_now_us();
    VAULT_TRY(type->count(s, inout, &inout->total, err));
    vault_code code = store_job_insert(in, inout, err);
    if (code != VAULT_CONFLICT) return code;
    vault_error_clear(err);
    return vault_refuse(err, VAULT_PRECONDITION, "ROTATION_OPEN", inout->ring);
}

static vault_code start_alone(session *s, job_row *job, vault_error *err)
{
    VAULT_TRY(store_begin(s->store, err));
    vault_code code = job_start(s, s->store, job, err);
    if (code == VAULT_OK) code = store_commit(s->store, err);
    store_rollback(s->store);
    return code;
}

static vault_code find_open(session *s, job_row *job, vault_error *err)
{
    job_row *rows;
    size_t n = 0;
    VAULT_TRY(store_jobs_read(s->store, s->mem, (job_filter){.open = true}, &rows, &n, err));
    for (size_t i = 0; i < n; i++)
        if (rows[i].kind == job->kind) return job->id = rows[i].id, VAULT_OK;
    return vault_refuse(err, VAULT_UNAVAILABLE, "JOB_ENDED", ""); /* between the two looks: ask again */
}

static vault_code start_or_join(session *s, job_row *job, vault_error *err)
{
    vault_code code = start_alone(s, job, err);
    if (code != VAULT_PRECONDITION) return code;
    vault_error_clear(err);
    return find_open(s, job, err);
}

vault_code job_ask(char **name, session *s, arena *mem, job_row *inout, vault_error *err)
{
    VAULT_TRY(start_or_join(s, inout, err));
    keeper_wake(s->service->keeper);
    *name = arena_format(mem, "jobs/%lld", (long long)inout->id);
    return *name ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for an answer");
}

/* ---- a transaction of the work, or of its end ---- */

vault_code commit_with_lines(session *s, const line_batch *lines, vault_error *err)
{
    appended out;
    vault_code code = ledger_append_in_transaction(s->service->ledger, s->store, s->mem, lines, &out, err);
    if (code == VAULT_OK) code = store_commit(s->store, err);
    if (code == VAULT_OK)
        ledger_committed(s->service->ledger);
    else
        ledger_rolled_back(s->service->ledger);
    if (code == VAULT_CONFLICT)
        s->moved = true; /* control was changed: with what it says now all runs again */
    else
        service_note(s->service, code, err);
    return code;
}

vault_code job_commit(session *s, const job_row *job, size_t done, const line_batch *lines, vault_error *err)
{
    VAULT_TRY(store_job_advance(s->store, job->id, (int64_t)done, err));
    return lines ? commit_with_lines(s, lines, err) : store_commit(s->store, err);
}

/* What became of a rotation is a line. */
static vault_code make_end_line(line *out, session *s, const job_row *job, vault_error *err)
{
    const ring *active = keyring_find(s->rings, job->ring, (uint32_t)job->version);
    const line_facts facts = {.action = LINE_KEYS,
                              .outcome = job->state == JOB_DONE ? LINE_GRANTED : LINE_FAILED,
                              .change = "rotated",
                              .clause = job->state == JOB_DONE ? NULL : "JOB_FAILED",
                              .ring = job->ring,
                              .ring_version = (uint32_t)job->version,
                              .suite = active ? suite_name(active->suite) : NULL,
                              .hits = (uint64_t)job->done,
                              .control_version = (uint64_t)s->manifest->version,
                              .refers_to = -1};
    return line_make(out, s->scribe, s->mem, &facts, NULL, err);
}

static vault_code end_in_transaction(session *s, const job_row *end, vault_error *err)
{
    job_row *now;
    size_t count;
    line one;
    VAULT_TRY(store_job_set(s->store, end, clock_now_us(), err));
    if (end->ring[0] == '\0') return store_commit(s->store, err);
    VAULT_TRY(store_jobs_read(s->store, s->mem, (job_filter){.id = end->id}, &now, &count, err));
    if (count != 1) return vault_fail(err, VAULT_INTERNAL, "job %lld is gone", (long long)end->id);
    VAULT_TRY(make_end_line(&one, s, now, err));
    const line_batch batch = {
        .control_version = s->manifest->version, .control_stamp = s->control_stamp, .lines = &one, .count = 1};
    return commit_with_lines(s, &batch, err);
}

vault_code job_end(session *s, const job_work *work, job_state how, vault_error *err)
{
    job_row end = *work->job;
    end.state = (int16_t)how;
    end.finding = work->finding;
    VAULT_TRY(store_begin(s->store, err));
    vault_code code = end_in_transaction(s, &end, err);
    store_rollback(s->store);
    return code;
}

/* ---- as the API shows it ---- */

/* Since it was begun or resumed; a job that is paused has none. */
static double rate_of(const job_row *row)
{
    int64_t until = row->state == JOB_RUNNING ? clock_now_us() : row->ended_us;
    int64_t for_us = until - row->resumed_us;
    if (row->state == JOB_PAUSED || for_us <= 0) return 0;
    return (double)(row->done - row->resumed_done) * 1e6 / (double)for_us;
}

static bool fill_times(Vault__V1__Job *out, arena *mem, const job_row *row)
{
    int64_t left = row->total - row->done;
    out->rows_per_second = rate_of(row);
    out->create_time = timestamp_of(mem, row->created_us);
    if (!out->create_time) return false;
    if (row->ended_us) return (out->end_time = timestamp_of(mem, row->ended_us)) != NULL;
    if (row->state != JOB_RUNNING || out->rows_per_second <= 0 || left < 0) return true;
    double left_us = (double)left / out->rows_per_second * 1e6;
    if (left_us > 1e15) return true; /* in thirty years: nobody can tell */
    return (out->estimated_end_time = timestamp_of(mem, clock_now_us() + (int64_t)left_us)) != NULL;
}

Vault__V1__Job *job_message(arena *mem, const job_row *row)
{
    Vault__V1__Job *out = MESSAGE(mem, Vault__V1__Job, vault__v1__job__init);
    bool known = row->kind > 0 && row->kind < JOB_KINDS && JOB_TYPES[row->kind];
    if (!out) return NULL;
    out->name = arena_format(mem, "jobs/%lld", (long long)row->id);
    out->kind = lent(known ? JOB_TYPES[row->kind]->name : NULL);
    out->ring = arena_text(mem, bytes_of_text(row->ring));
    out->version = (uint32_t)row->version;
    out->state = lent(row->state > 0 && row->state < JOB_STATES ? STATES[row->state] : NULL);
    /* Rows came while it ran; and what a call wrote anew meanwhile was nothing for the job to do. */
    out->total = (uint64_t)(row->total > row->done && row->state != JOB_DONE ? row->total : row->done);
    out->done = (uint64_t)row->done;
    out->finding = arena_text(mem, bytes_of_text(row->finding));
    return out->name && out->ring && out->finding && fill_times(out, mem, row) ? out : NULL;
}

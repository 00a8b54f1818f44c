/* Jobs: the wish that something be done to all rows, how far it is, and how it ended. */
#include "vault/store/internal.h"

enum { COL_ID, COL_KIND, COL_STATE, COL_RING, COL_VERSION, COL_TOTAL, COL_DONE };
enum { COL_CREATED = COL_DONE + 1, COL_RESUMED, COL_RESUMED_DONE, COL_ENDED, COL_FINDING, COL_QUIET };

vault_code store_job_insert(store *s, job_row *inout, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_JOB_INSERT);
    arg_int2(s, inout->kind);
    arg_int2(s, inout->state);
    arg_text(s, inout->ring ? inout->ring : "");
    arg_int4(s, inout->version);
    arg_int8(s, inout->total);
    arg_int8(s, inout->done);
    arg_int8(s, inout->created_us);
    arg_int8(s, inout->resumed_us);
    arg_int8(s, inout->resumed_done);
    arg_int8(s, inout->ended_us);
    arg_text(s, inout->finding ? inout->finding : "");
    VAULT_TRY(call_run(s, &r, err));
    inout->id = col_int8(r, 0, 0);
    return VAULT_OK;
}

static job_row read_job(const PGresult *r, int i, arena *mem, bool *full)
{
    return (job_row){.id = col_int8(r, i, COL_ID),
                     .kind = col_int2(r, i, COL_KIND),
                     .state = col_int2(r, i, COL_STATE),
                     .ring = col_text_copy(mem, r, i, COL_RING, full),
                     .version = col_int4(r, i, COL_VERSION),
                     .total = col_int8(r, i, COL_TOTAL),
                     .done = col_int8(r, i, COL_DONE),
                     .created_us = col_int8(r, i, COL_CREATED),
                     .resumed_us = col_int8(r, i, COL_RESUMED),
                     .resumed_done = col_int8(r, i, COL_RESUMED_DONE),
                     .ended_us = col_int8(r, i, COL_ENDED),
                     .finding = col_text_copy(mem, r, i, COL_FINDING, full),
                     .quiet_ms = col_int8(r, i, COL_QUIET)};
}

vault_code store_jobs_read(store *s, arena *mem, job_filter which, job_row **rows, size_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    *count = 0;
    call_start(s, ST_JOBS_READ);
    arg_int8(s, which.id);
    arg_int2(s, which.open ? JOB_PAUSED : JOB_STATES);
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    *rows = arena_array(mem, n + 1, sizeof **rows);
    if (!*rows) return store_out_of_memory(err);
    for (size_t i = 0; i < n; i++) (*rows)[i] = read_job(r, (int)i, mem, &full);
    if (full) return store_out_of_memory(err);
    *count = n;
    return VAULT_OK;
}

vault_code store_job_advance(store *s, int64_t id, int64_t more, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (!s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "job advance: no transaction is open");
    call_start(s, ST_JOB_ADVANCE);
    arg_int8(s, id);
    arg_int8(s, more);
    VAULT_TRY(call_run(s, &r, err));
    if (col_int8(r, 0, 0) == 1) return VAULT_OK;
    return vault_fail(err, VAULT_NOT_FOUND, "job %lld does not run", (long long)id);
}

vault_code store_job_busy(store *s, int64_t id, vault_error *err)
{
    call_start(s, ST_JOB_BUSY);
    arg_int8(s, id);
    return call_done(s, err);
}

vault_code store_job_say(store *s, int64_t id, const char *what, vault_error *err)
{
    call_start(s, ST_JOB_SAY);
    arg_int8(s, id);
    arg_text(s, what);
    return call_done(s, err);
}

/* The states that lead to each one; what has ended stays as it is. */
static const job_state FROM[JOB_STATES][2] = {[JOB_RUNNING] = {JOB_PAUSED, JOB_PAUSED},
                                              [JOB_PAUSED] = {JOB_RUNNING, JOB_RUNNING},
                                              [JOB_CANCELLED] = {JOB_RUNNING, JOB_PAUSED},
                                              [JOB_DONE] = {JOB_RUNNING, JOB_RUNNING},
                                              [JOB_FAILED] = {JOB_RUNNING, JOB_RUNNING}};

vault_code store_job_set(store *s, const job_row *row, int64_t now_us, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (row->state < JOB_RUNNING || row->state >= JOB_STATES)
        return vault_fail(err, VAULT_INTERNAL, "job %lld to state %d", (long long)row->id, row->state);
    call_start(s, ST_JOB_SET);
    arg_int8(s, row->id);
    arg_int2(s, row->state);
    arg_int8(s, row->total);
    arg_text(s, row->finding ? row->finding : "");
    arg_int8(s, now_us);
    arg_array(s, 2);
    for (size_t i = 0; i < 2; i++) put_int2(s, (int16_t)FROM[row->state][i]);
    VAULT_TRY(call_run(s, &r, err));
    if (col_int8(r, 0, 0) == 1) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "job %lld is in no state that leads to %d", (long long)row->id, row->state);
}

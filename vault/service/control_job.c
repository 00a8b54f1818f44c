/* Manifests and documents under the active version of the control ring. Their texts stay as they are, and with them the
 * chain of digests; but the rows move, so that every node reads them again (control_stamp). */
#include "vault/service/jobs.h"

enum { ROWS_AT_ONCE = 8 }; /* of 8 MiB each at most */

/* The rows are those that the manifest in force was read from, and nobody else writes them. */
static vault_code lock_rows(session *s, vault_error *err)
{
    int64_t stamp;
    VAULT_TRY(store_control_lock(s->store, err));
    VAULT_TRY(store_control_stamp(s->store, &stamp, err));
    if (stamp == s->control_stamp) return VAULT_OK;
    s->moved = true;
    return vault_refuse(err, VAULT_CONFLICT, "CONTROL_MOVED", "");
}

/* A job of before another rotation has nothing to do: that one's brings over everything. */
static vault_code check_version(session *s, const job_work *w, vault_error *err)
{
    const ring *active = keyring_active(s->rings, "control");
    if (active && (int32_t)active->version == w->job->version) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "version %d of the control ring is not the active one", w->job->version);
}

static vault_code reseal_some(session *s, job_work *w, vault_error *err)
{
    sealed_row rows[ROWS_AT_ONCE];
    size_t count = ROWS_AT_ONCE;
    VAULT_TRY(lock_rows(s, err));
    VAULT_TRY(store_control_stale(s->store, s->mem, w->job->version, rows, &count, err));
    for (size_t i = 0; i < count; i++) {
        VAULT_TRY(control_reseal(&rows[i], s->mem, s->manifest, err));
        VAULT_TRY(store_control_reseal(s->store, &rows[i], err));
    }
    w->ended = count == 0;
    return job_commit(s, w->job, count, NULL, err);
}

static vault_code step(session *s, job_work *w, vault_error *err)
{
    VAULT_TRY(check_version(s, w, err));
    VAULT_TRY(store_begin(s->store, err));
    vault_code code = reseal_some(s, w, err);
    if (code != VAULT_OK) w->ended = false;
    store_rollback(s->store); /* harmless where it was committed */
    return code;
}

static vault_code count(session *s, const job_row *job, int64_t *total, vault_error *err)
{
    return store_control_stale_count(s->store, job->version, total, err);
}

const job_type JOB_TYPE_CONTROL = {.name = "control", .count = count, .step = step};

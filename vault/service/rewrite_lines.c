/* JOB_LINES: officers' views and look-up tags of lines under the active version of the log ring. Leaves, nodes of the
 * tree and residents' views stay as they are: nothing that was ever published or proven changes.
 * The lines of an archive get a new file, proven as when they were archived, and the former one goes.
 *
 * A step looks at a stretch of the log and takes what nobody holds. A line that does not fit stays as it is, for who
 * queries the log to see; the others go on without it, and the job fails at its end. */
#include "vault/audit/columns.h"
#include "vault/service/jobs.h"

#include "vault/audit/archive.h"
#include "vault/base/memory.h"

#include <stdio.h>

enum { STRETCH = 16 }; /* times as many lines are looked at as are taken */

typedef struct lines_pass {
    int64_t broken, held; /* by others */
    archive_placed placed;
    int32_t columns; /* stretches of the log whose blocks were looked at */
} lines_pass;

static lines_pass *pass_of(job_work *w)
{
    if (!w->state) w->state = memory_new(sizeof(lines_pass));
    return w->state;
}

static void forget(job_work *w)
{
    memory_free(w->state, sizeof(lines_pass));
    w->state = NULL;
}

/* A node that does not know of the rotation yet reads control anew. */
static vault_code check_version(session *s, const job_work *w, vault_error *err)
{
    int64_t active = scribe_version(s->scribe);
    if (active == w->job->version) return VAULT_OK;
    if (active > w->job->version)
        return vault_fail(err, VAULT_INTEGRITY, "version %d is not the active one any more", w->job->version);
    s->moved = true;
    return vault_fail(err, VAULT_CONFLICT, "job %lld is of a newer version", (long long)w->job->id);
}

/* ---- a stretch ---- */

typedef struct stretch {
    line_row *rows;
    size_t count, done;
    int64_t broken, left; /* left: still under an older version, broken ones and those that others hold */
    int64_t next;         /* where the pass goes on */
} stretch;

static vault_code renew(session *s, stretch *of, vault_error *err)
{
    for (size_t i = 0; i < of->count; i++) {
        vault_error why = {0};
        line_row row = of->rows[i];
        vault_code code = line_renew(&row, s->scribe, s->mem, &why);
        if (code == VAULT_OK) {
            of->rows[of->done++] = row;
        } else if (code == VAULT_INTEGRITY) {
            session_damage(s, &why);
            of->broken++;
        } else {
            return *err = why, code;
        }
    }
    return VAULT_OK;
}

static vault_code take(session *s, const job_work *w, stretch *of, vault_error *err)
{
    stale_lines range = {
        .from = w->after, .end = w->after + (int64_t)w->most * STRETCH, .version = w->job->version, .limit = w->most};
    of->rows = arena_array(s->mem, w->most, sizeof *of->rows);
    if (!of->rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for lines");
    VAULT_TRY(store_lines_stale(s->store, s->mem, &range, of->rows, &of->count, err));
    if (of->count == w->most) range.end = of->rows[of->count - 1].index + 1;
    of->next = range.end;
    VAULT_TRY(renew(s, of, err));
    if (of->done) VAULT_TRY(store_lines_renew(s->store, of->rows, of->done, err));
    return store_lines_stale_count(s->store, &range, &of->left, err);
}

/* ---- archives ---- */

static vault_code replace(session *s, job_work *w, archive_draft *d, const archive_row *former, vault_error *err)
{
    VAULT_TRY(store_archive_replace(s->store, &d->row, former->file, err));
    VAULT_TRY(archive_draft_place(d, s->service->shelf, err));
    VAULT_TRY(archive_commit(s, w, d, NULL, &pass_of(w)->placed, err));
    archive_remove(s->service->shelf, former->file);
    return VAULT_OK;
}

/* The first archive that is under another version; *found false: there is none. */
static vault_code rewrite_archive(session *s, job_work *w, bool *found, vault_error *err)
{
    VAULT_CLEANUP(archive_draft_clear) archive_draft draft = {0};
    archive_row row;
    anchor to;
    bool alone;
    VAULT_TRY(store_archive_stale(s->store, s->mem, w->job->version, &row, err));
    *found = row.count > 0;
    if (!*found) return VAULT_OK;
    VAULT_TRY(store_begin(s->store, err));
    VAULT_TRY(store_walk_alone(s->store, w->job->id, &alone, err));
    if (!alone) return w->waits = true, VAULT_OK;
    VAULT_TRY(archive_settle(s->store, s->service->shelf, &pass_of(w)->placed, err));
    VAULT_TRY(ledger_anchor(&to, s->service->ledger, s->store, s->mem, err));
    const archive_wish wish = {row.first, row.count, &to};
    VAULT_TRY(archive_draft_write(&draft, s->scribe, s->store, &wish, err));
    return replace(s, w, &draft, &row, err);
}

/* ---- a step ---- */

/* What another node held is done by it, or came undone: another pass meets it. */
static vault_code end_pass(job_work *w, vault_error *err)
{
    const lines_pass met = *pass_of(w);
    *pass_of(w) = (lines_pass){0};
    w->after = 0;
    w->waits = met.held > 0;
    w->ended = met.held == 0 && met.broken == 0;
    if (w->ended || w->waits) return VAULT_OK;
    snprintf(w->finding, sizeof w->finding, "%lld lines do not fit, and stay as they are", (long long)met.broken);
    return vault_fail(err, VAULT_INTEGRITY, "%s", w->finding);
}

/* Blocks of columns are under the ring, too; what cannot be made says which line does not fit, as the pass does. */
static vault_code keep_columns(session *s, job_work *w, vault_error *err)
{
    vault_error why = {0};
    int32_t next = pass_of(w)->columns;
    vault_code code = ledger_keep_columns(&next, s->scribe, s->store, s->mem, &why);
    pass_of(w)->columns = next + 1;
    if (code == VAULT_OK && next < 0) return end_pass(w, err);
    if (code != VAULT_OK && code != VAULT_INTEGRITY) return *err = why, code;
    return VAULT_OK;
}

static vault_code step(session *s, job_work *w, vault_error *err)
{
    head_row head;
    stretch of = {0};
    bool found;
    VAULT_TRY(check_version(s, w, err));
    VAULT_TRY(rewrite_archive(s, w, &found, err));
    if (found) return VAULT_OK;
    VAULT_TRY(ledger_head(s->service->ledger, s->store, &head, err));
    if (w->after >= head.size) return keep_columns(s, w, err);
    VAULT_TRY(store_begin(s->store, err));
    VAULT_TRY(take(s, w, &of, err));
    if (of.done)
        VAULT_TRY(job_commit(s, w->job, of.done, NULL, err));
    else
        store_rollback(s->store); /* and the locks go */
    w->after = of.next;
    pass_of(w)->broken += of.broken;
    pass_of(w)->held += of.left - of.broken;
    return VAULT_OK;
}

/* All lines that there are when the ring is rotated; those that are already under its newest version are so few that
 * they are not looked for. */
static vault_code count(session *s, const job_row *job, int64_t *total, vault_error *err)
{
    head_row head;
    (void)job;
    VAULT_TRY(ledger_head(s->service->ledger, s->store, &head, err));
    *total = head.size;
    return VAULT_OK;
}

const job_type JOB_TYPE_LINES = {.name = "lines", .count = count, .step = step, .forget = forget};

/* Jobs: work over many rows, by a thread of every node that takes turns with the calls. What is still to be done the
 * rows say themselves (they name the key version that they are under), so that a job goes on wherever it stopped, and
 * nodes share it by passing over what another one has locked. The row of table `job` is progress, and the wish to go
 * on.
 *
 *   running ──pause──► paused ──resume──► running ──nothing is left──► done
 *      │ └──────────────┴───cancel──► cancelled
 *      └──found a fault that stays──► failed
 */
#pragma once
#include "vault/audit/archive.h"
#include "vault/service/internal.h"

/* One node's part of a job while it runs. */
typedef struct job_work {
    const job_row *job;
    size_t most;       /* rows that one step may take: small where calls wait */
    int64_t after;     /* the step's own place, from 0; lost with the process */
    void *state;       /* the step's own, freed by its kind's `forget` */
    bool ended;        /* set: nothing is left to be done by anybody */
    bool waits;        /* set: what is left is in other nodes' hands, or not due yet: look again a little later */
    char finding[160]; /* set, of a job that ended: what it found; of one that waits: what for; never a value */
} job_work;

/* A step does some of the work, in a transaction of its own that ends with job_commit, with the manifest in force and
 * the session's handles as they are for calls; one that fails may leave it open. Other outcomes than OK: CONFLICT
 * (another was first, or control moved: s->moved) and UNAVAILABLE are tried again; INTEGRITY ends the job as failed. */
typedef struct job_type {
    const char *name; /* "rewrap" */
    vault_code (*count)(session *s, const job_row *job, int64_t *total, vault_error *err);
    vault_code (*step)(session *s, job_work *work, vault_error *err);
    void (*forget)(job_work *work); /* or NULL */
} job_type;
/* By job_kind. */
extern const job_type *const JOB_TYPES[JOB_KINDS];
extern const job_type JOB_TYPE_REWRAP, JOB_TYPE_REWRITE, JOB_TYPE_RESEAL, JOB_TYPE_LINES, JOB_TYPE_CONTROL,
    JOB_TYPE_VERIFY, JOB_TYPE_RETENTION, JOB_TYPE_ARCHIVE;

/* Ends a transaction with lines that belong to it. */
VAULT_MUST_USE vault_code commit_with_lines(session *s, const line_batch *lines, vault_error *err);
/* Ends a step's transaction: so many rows more are done, and these lines are written (NULL: none). */
VAULT_MUST_USE vault_code job_commit(session *s, const job_row *job, size_t done, const line_batch *lines,
                                     vault_error *err);

/* The same with an archive's file that has its place already: where nothing was committed, or it is not known, the file
 * goes or is kept in mind. */
VAULT_MUST_USE vault_code archive_commit(session *s, const job_work *w, const archive_draft *d, const line_batch *lines,
                                         archive_placed *placed, vault_error *err);

/* The job is done, or failed: with what the work has found, and the line of a rotation. CONFLICT: another node has
 * ended it, or it was paused or cancelled meanwhile. */
VAULT_MUST_USE vault_code job_end(session *s, const job_work *work, job_state how, vault_error *err);

/* For session_run: begins the day's JOB_RETENTION where no node has yet. */
VAULT_MUST_USE vault_code retention_daily(session *s, void *context, vault_error *err);

/* The thread of a node. */
typedef struct keeper keeper;
VAULT_MUST_USE vault_code keeper_open(keeper **out, service *s, vault_error *err);
void keeper_close(keeper **k);
void keeper_wake(keeper *k); /* or NULL; there may be a new job: look now, not within a second */

/* A new job, with its total, within the caller's transaction. PRECONDITION (ROTATION_OPEN): one of its kind and ring
 * is open. */
VAULT_MUST_USE vault_code job_start(session *s, store *in, job_row *inout, vault_error *err);
/* As a call asks for it: begun in a transaction of its own, or where one of its kind is open, that one. *name:
 * "jobs/17", in the arena. UNAVAILABLE (JOB_ENDED): the other one has just ended. */
VAULT_MUST_USE vault_code job_ask(char **name, session *s, arena *mem, job_row *inout, vault_error *err);
/* As the API shows it; NULL when memory is out. */
Vault__V1__Job *job_message(arena *mem, const job_row *row);

/* Audit.VerifyRows, and JOB_VERIFY: every row of a resident against its tag, and all of them against the sum in the
 * log's head, in one snapshot of the database. One node does it, on a connection of its own that holds the snapshot;
 * where that node ends, another one begins anew.
 *
 *   look ──── all rows: tag, sum ──── sum is wrong ───► search: each row's version against the last line that wrote it
 *     │                                                    │
 *     └────────────── it is right ──► end ◄────────────────┘
 */
#include "vault/service/jobs.h"

#include "vault/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PAGES_A_STEP = 8, IDS_TOLD = 3 };

/* Rows with a fault, of which the first are told. */
typedef struct culprits {
    int64_t count, ids[IDS_TOLD];
} culprits;

typedef struct verify_pass {
    store *reader; /* its transaction is the snapshot */
    uint64_t rings;
    row_sum sum, wanted;
    int64_t after, rows, strays; /* strays: keys without a row */
    culprits unfit, older;
    bool searching;
} verify_pass;

static void forget(job_work *w)
{
    verify_pass *p = w->state;
    if (!p) return;
    store_close(&p->reader);
    memory_free(p, sizeof *p);
    w->state = NULL;
}

static void add_culprit(culprits *to, int64_t id)
{
    if (to->count < IDS_TOLD) to->ids[to->count] = id;
    to->count++;
}

/* ---- the snapshot ---- */

static vault_code open_snapshot(session *s, const job_row *job, verify_pass *p, bool *alone, vault_error *err)
{
    head_row head;
    VAULT_TRY(store_open(&p->reader, s->service->database, err));
    store_set_shelf(p->reader, s->service->shelf);
    VAULT_TRY(store_begin_snapshot(p->reader, err));
    VAULT_TRY(store_walk_alone(p->reader, job->id, alone, err));
    if (!*alone) return VAULT_OK;
    VAULT_TRY(ledger_head(s->service->ledger, p->reader, &head, err));
    return ledger_row_sum(&p->wanted, s->service->ledger, &head, err);
}

/* NULL in w->state: another node verifies, or the snapshot could not be opened. */
static vault_code begin(session *s, job_work *w, vault_error *err)
{
    verify_pass *p = memory_new(sizeof *p);
    bool alone = false;
    w->state = p;
    w->after = 0;
    p->rings = keyring_generation(s->rings);
    vault_code code = open_snapshot(s, w->job, p, &alone, err);
    if (code != VAULT_OK || !alone) forget(w);
    w->waits = code == VAULT_OK && !alone;
    return code;
}

/* ---- looking ---- */

/* A version of the record ring that was destroyed since the snapshot was taken opens nothing of it: all begins anew. */
static bool is_outdated(const session *s, const verify_pass *p, const resident_row *row)
{
    return keyring_generation(s->rings) != p->rings && row->ring_version > 0 &&
           !keyring_find(s->rings, "record", (uint32_t)row->ring_version);
}

static vault_code look_at(session *s, verify_pass *p, const resident_row *row, bool *outdated, vault_error *err)
{
    record proven = {.dek = s->deks.at};
    vault_error why = {0};
    row_sum_add(&p->sum, s->scribe, row);
    p->rows++;
    vault_code code = record_prove(&proven, s->cabinet, row, &why);
    record_clear(&proven);
    *outdated = code == VAULT_INTEGRITY && is_outdated(s, p, row);
    if (code == VAULT_INTEGRITY) {
        session_damage(s, &why);
        add_culprit(&p->unfit, row->id);
    } else if (code != VAULT_OK) {
        *err = why;
        return code;
    }
    return VAULT_OK;
}

/* Whether an old row was put back: its tag fits, and the log knows of a newer one. */
static vault_code search_for(session *s, verify_pass *p, const resident_row *row, vault_error *err)
{
    uint32_t version;
    VAULT_TRY(ledger_last_write(s->scribe, p->reader, s->mem, row->id, &version, err));
    if ((int64_t)version > row->version) add_culprit(&p->older, row->id);
    return VAULT_OK;
}

static vault_code take_page(session *s, job_work *w, size_t *count, vault_error *err)
{
    verify_pass *p = w->state;
    resident_walk walk = {.after = p->after, .limit = w->most};
    resident_row *rows = arena_array(s->mem, w->most, sizeof *rows);
    bool outdated = false;
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    VAULT_TRY(store_residents_walk(p->reader, s->mem, &walk, rows, err));
    for (size_t i = 0; i < walk.count && !outdated; i++)
        VAULT_TRY(p->searching ? search_for(s, p, &rows[i], err) : look_at(s, p, &rows[i], &outdated, err));
    if (outdated) return forget(w), VAULT_OK;
    if (!p->searching) p->strays += walk.strays;
    p->after = walk.after;
    *count += walk.count;
    return VAULT_OK;
}

/* ---- what came out ---- */

static bool sum_fits(const verify_pass *p)
{
    return bytes_equal_secret(bytes_of(p->sum.at, ROW_SUM_LEN), bytes_of(p->wanted.at, ROW_SUM_LEN));
}

static bool all_is_well(const verify_pass *p)
{
    return sum_fits(p) && p->unfit.count == 0 && p->strays == 0;
}

__attribute__((format(printf, 2, 3))) static void tell(job_work *w, const char *text, ...)
{
    size_t len = strlen(w->finding);
    va_list args;
    va_start(args, text);
    vsnprintf(w->finding + len, sizeof w->finding - len, text, args);
    va_end(args);
}

/* "row 12 does not fit its tag", "rows 12, 15 and 4 more do not fit their tags". */
static void tell_rows(job_work *w, const culprits *of, const char *one, const char *several)
{
    if (of->count == 0) return;
    tell(w, "%s%s ", w->finding[0] ? "; " : "", of->count == 1 ? "row" : "rows");
    for (int64_t i = 0; i < of->count && i < IDS_TOLD; i++) tell(w, "%s%lld", i ? ", " : "", (long long)of->ids[i]);
    if (of->count > IDS_TOLD) tell(w, " and %lld more", (long long)(of->count - IDS_TOLD));
    tell(w, " %s", of->count == 1 ? one : several);
}

static void tell_findings(job_work *w)
{
    const verify_pass *p = w->state;
    tell_rows(w, &p->unfit, "does not fit its tag", "do not fit their tags");
    tell_rows(w, &p->older, "is older than the log says", "are older than the log says");
    if (p->strays) tell(w, "%skeys without a row: %lld", w->finding[0] ? "; " : "", (long long)p->strays);
    if (sum_fits(p)) return;
    tell(w, "%s", w->finding[0] ? "; " : "");
    tell(w, "the rows do not add up to the head's sum: one was put back, taken away or put in");
}

/* The outcome is a line, whoever reads the job or does not. */
static vault_code write_outcome(session *s, const job_work *w, size_t done, vault_error *err)
{
    const verify_pass *p = w->state;
    line one;
    const line_facts facts = {.action = LINE_VERIFY,
                              .outcome = all_is_well(p) ? LINE_GRANTED : LINE_FAILED,
                              .clause = all_is_well(p) ? NULL : "ROWS_DIFFER",
                              .change = "verified",
                              .hits = (uint64_t)p->rows,
                              .control_version = (uint64_t)s->manifest->version,
                              .refers_to = -1};
    const line_batch batch = {
        .control_version = s->manifest->version, .control_stamp = s->control_stamp, .lines = &one, .count = 1};
    VAULT_TRY(line_make(&one, s->scribe, s->mem, &facts, NULL, err));
    return job_commit(s, w->job, done, &batch, err);
}

static vault_code end(session *s, job_work *w, size_t done, vault_error *err)
{
    verify_pass *p = w->state;
    if (!p->searching && !sum_fits(p)) {
        p->searching = true;
        p->after = 0;
        return job_commit(s, w->job, done, NULL, err);
    }
    VAULT_TRY(write_outcome(s, w, p->searching ? 0 : done, err));
    tell_findings(w);
    w->ended = true;
    return w->finding[0] ? vault_fail(err, VAULT_INTEGRITY, "%s", w->finding) : VAULT_OK;
}

/* ---- a step ---- */

static vault_code go_on(session *s, job_work *w, vault_error *err)
{
    size_t done = 0;
    verify_pass *p = w->state;
    cabinet_use(s->cabinet, s->mem);
    int pages = p->searching ? 1 : PAGES_A_STEP;
    for (int i = 0; i < pages && w->state && p->after != INT64_MAX; i++) VAULT_TRY(take_page(s, w, &done, err));
    if (!w->state) return VAULT_OK;
    VAULT_TRY(store_begin(s->store, err));
    if (p->after == INT64_MAX) return end(s, w, done, err);
    return job_commit(s, w->job, p->searching ? 0 : done, NULL, err);
}

/* What fails in between has lost the snapshot, or its place in it. */
static vault_code step(session *s, job_work *w, vault_error *err)
{
    if (!w->state) VAULT_TRY(begin(s, w, err));
    if (!w->state) return VAULT_OK;
    vault_code code = go_on(s, w, err);
    if (code != VAULT_OK || w->ended) forget(w);
    return code;
}

static vault_code count(session *s, const job_row *job, int64_t *total, vault_error *err)
{
    (void)job;
    return store_residents_count(s->store, total, err);
}

const job_type JOB_TYPE_VERIFY = {.name = "verify", .count = count, .step = step, .forget = forget};

/* ---- Audit.VerifyRows ---- */

static vault_code verify_rows(session *s, call *c)
{
    request *rq = c->rq;
    job_row job = {.kind = JOB_VERIFY, .ring = "", .finding = ""};
    Vault__V1__VerifyRowsResponse *out =
        MESSAGE(rq->mem, Vault__V1__VerifyRowsResponse, vault__v1__verify_rows_response__init);
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    VAULT_TRY(write_call_line(s, c, &(line_facts){.change = "verify"}));
    VAULT_TRY(job_ask(&out->job, s, rq->mem, &job, &rq->err));
    rq->out = &out->base;
    return VAULT_OK;
}

void audit_verify_rows(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)verify_rows(s, calls[i]);
}

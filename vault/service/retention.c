/* JOB_RETENTION, begun once a day by whichever node is first: values past their time are dropped, with their search
 * terms; a record whose time is over is erased, or restricted while a law still wants it kept, and erased when that has
 * ended. A step reads some rows, and writes, where there is anything to do, all that becomes of them in one transaction
 * with its lines: one for each record that is erased or restricted, and one for all whose values were dropped. */
#include "vault/service/jobs.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"

#include <stdio.h>

static const char CHANGE[] = "retention";

/* A pass over all rows. */
typedef struct retention_pass {
    int64_t broken, erased, restricted, dropped; /* records */
} retention_pass;

/* A part of the rows, in one transaction. */
typedef struct part {
    session *s;
    uint32_t today;
    resident_row *rows, *updates, *erasures;
    size_t count, updated, gone;
    row_change *changes;
    int64_t *erased;
    line *lines;
    size_t changed, line_count;
    retention_pass did;
} part;

static retention_pass *pass_of(job_work *w)
{
    if (!w->state) w->state = memory_new(sizeof(retention_pass));
    return w->state;
}

static void forget(job_work *w)
{
    if (w->state) memory_free(w->state, sizeof(retention_pass));
    w->state = NULL;
}

static vault_code make_room(part *p, size_t most, vault_error *err)
{
    arena *mem = p->s->mem;
    p->rows = arena_array(mem, most, sizeof *p->rows);
    p->updates = arena_array(mem, most, sizeof *p->updates);
    p->erasures = arena_array(mem, most, sizeof *p->erasures);
    p->changes = arena_array(mem, most, sizeof *p->changes);
    p->erased = arena_array(mem, most, sizeof *p->erased);
    p->lines = arena_array(mem, most + 1, sizeof *p->lines);
    p->count = most;
    bool full = !p->rows || !p->updates || !p->erasures || !p->changes || !p->erased || !p->lines;
    return full ? vault_fail(err, VAULT_EXHAUSTED, "no memory for rows") : VAULT_OK;
}

/* ---- what becomes of a row ---- */

static line_facts facts_of(const part *p, line_action action)
{
    return (line_facts){
        .action = action, .change = CHANGE, .control_version = (uint64_t)p->s->manifest->version, .refers_to = -1};
}

/* A resident's own line. What the resident may read of it goes with the key of who is erased. */
static vault_code add_line(part *p, const record *r, const resident_row *row, line_action action, vault_error *err)
{
    aead *cipher = NULL;
    line_facts facts = facts_of(p, action);
    facts.resident = row->id;
    facts.area = row->area;
    facts.record_version = (uint32_t)row->version;
    VAULT_TRY(record_view_cipher(&cipher, p->s->cabinet, r, err));
    return line_make(&p->lines[p->line_count++], p->s->scribe, p->s->mem, &facts, cipher, err);
}

static vault_code erase(part *p, const record *r, vault_error *err)
{
    p->erasures[p->gone] = *r->row;
    p->erased[p->gone++] = r->row->id;
    p->changes[p->changed++] = (row_change){.was = r->row};
    p->did.erased++;
    return add_line(p, r, r->row, LINE_ERASE, err);
}

static vault_code restrict_row(part *p, const record *r, vault_error *err)
{
    resident_row *next = &p->updates[p->updated];
    VAULT_TRY(record_restrict(next, p->s->cabinet, r, err));
    p->changes[p->changed++] = (row_change){.row = next, .was = r->row};
    p->updated++;
    p->did.restricted++;
    return add_line(p, r, next, LINE_RESTRICT, err);
}

static vault_code drop(part *p, const record *r, const record_dropping *what, vault_error *err)
{
    resident_row *next = &p->updates[p->updated];
    VAULT_TRY(record_drop(next, p->s->cabinet, r, what, err));
    p->changes[p->changed++] = (row_change){.row = next, .was = r->row};
    p->updated++;
    p->did.dropped++;
    return VAULT_OK;
}

static vault_code judge_proven(part *p, const record *r, vault_error *err)
{
    record_age age;
    record_dropping what = {.collection =
                                schema_collection_number(&p->s->manifest->schema, (unsigned)r->row->collection)};
    if (!what.collection)
        return vault_fail(err, VAULT_INTEGRITY, "row %lld is of no collection", (long long)r->row->id);
    VAULT_TRY(record_due(&age, r, what.collection, p->today, err));
    what.fields = age.past;
    switch (age.fate) {
    case FATE_ERASED:
        return erase(p, r, err);
    case FATE_RESTRICTED:
        return restrict_row(p, r, err);
    case FATE_DROPS:
        return drop(p, r, &what, err);
    case FATE_STAYS:
        break;
    }
    return VAULT_OK;
}

static vault_code judge_row(part *p, const resident_row *row, vault_error *err)
{
    record r = {.dek = p->s->deks.at};
    vault_code code = record_prove(&r, p->s->cabinet, row, err);
    if (code == VAULT_OK) code = judge_proven(p, &r, err);
    record_clear(&r);
    return code;
}

static vault_code judge_rows(part *p, vault_error *err)
{
    for (size_t i = 0; i < p->count; i++) {
        vault_error why = {0};
        vault_code code = judge_row(p, &p->rows[i], &why);
        if (code == VAULT_OK) continue;
        if (code != VAULT_INTEGRITY && code != VAULT_INVALID) return *err = why, code;
        if (code == VAULT_INVALID) /* an index that was added makes too many terms of the values that would be left */
            log_event(LOG_ERROR, "job.failed", "row %lld: %s", (long long)p->rows[i].id, why.reason ? why.reason : "");
        else
            log_failure(LOG_ERROR, "record.integrity", &why);
        p->did.broken++;
    }
    return VAULT_OK;
}

/* ---- a step ---- */

/* What is written and what goes are two statements: all are locked before, in one order. */
static vault_code hold_rows(const part *p, vault_error *err)
{
    resident_row *rows = arena_array(p->s->mem, p->changed, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    for (size_t i = 0; i < p->changed; i++) rows[i] = *p->changes[i].was;
    return store_residents_hold(p->s->store, p->s->mem, rows, p->changed, err);
}

static vault_code write_rows(part *p, vault_error *err)
{
    session *s = p->s;
    if (p->updated && p->gone) VAULT_TRY(hold_rows(p, err));
    if (p->updated) VAULT_TRY(store_residents_update(s->store, s->mem, p->updates, p->updated, err));
    return store_residents_erase(s->store, s->mem, p->erasures, p->gone, err);
}

static vault_code write_part(part *p, const job_row *job, vault_error *err)
{
    session *s = p->s;
    if (p->did.dropped) {
        line_facts facts = facts_of(p, LINE_REWRITE);
        facts.hits = (uint64_t)p->did.dropped;
        VAULT_TRY(line_make(&p->lines[p->line_count++], s->scribe, s->mem, &facts, NULL, err));
    }
    const line_batch batch = {.control_version = s->manifest->version,
                              .control_stamp = s->control_stamp,
                              .lines = p->lines,
                              .count = p->line_count,
                              .rows = p->changes,
                              .row_count = p->changed,
                              .erased = p->erased,
                              .erased_count = p->gone};
    VAULT_TRY(store_begin(s->store, err));
    VAULT_TRY(write_rows(p, err));
    return job_commit(s, job, p->count, p->line_count ? &batch : NULL, err);
}

/* Corrections that nobody has decided on for as long as their value might be kept. */
static vault_code drop_corrections(session *s, int64_t *dropped, vault_error *err)
{
    static const int64_t MONTH_US = INT64_C(2629800) * 1000000; /* the twelfth of a year */
    const schema *of = &s->manifest->schema;
    int16_t *fields = arena_array(s->mem, of->count + 1, sizeof *fields);
    int64_t *before = arena_array(s->mem, of->count + 1, sizeof *before);
    if (!fields || !before) return vault_fail(err, VAULT_EXHAUSTED, "no memory for fields");
    for (size_t i = 0; i < of->count; i++) {
        fields[i] = (int16_t)of->fields[i].number;
        before[i] = clock_now_us() - (int64_t)of->fields[i].retention_months * MONTH_US;
    }
    return store_corrections_drop(s->store, fields, before, of->count, dropped, err);
}

/* A row that does not open has no age that could be believed: it stays, and the job fails in the end. */
static vault_code end_pass(session *s, job_work *w, vault_error *err)
{
    const retention_pass *at = pass_of(w);
    int64_t corrections = 0;
    VAULT_TRY(drop_corrections(s, &corrections, err));
    snprintf(w->finding, sizeof w->finding,
             "%lld erased, %lld restricted, %lld with values dropped, %lld corrections dropped, %lld do not open",
             (long long)at->erased, (long long)at->restricted, (long long)at->dropped, (long long)corrections,
             (long long)at->broken);
    w->ended = at->broken == 0;
    return at->broken ? vault_fail(err, VAULT_INTEGRITY, "%s", w->finding) : VAULT_OK;
}

static vault_code step(session *s, job_work *w, vault_error *err)
{
    retention_pass *at = pass_of(w);
    part p = {.s = s, .today = clock_shanghai_date(clock_now_us())};
    cabinet_use(s->cabinet, s->mem);
    VAULT_TRY(make_room(&p, w->most < BATCH_ITEMS ? w->most : BATCH_ITEMS, err));
    VAULT_TRY(store_residents_page(s->store, s->mem, w->after, p.rows, &p.count, err));
    if (p.count == 0) return end_pass(s, w, err);
    VAULT_TRY(judge_rows(&p, err));
    VAULT_TRY(write_part(&p, w->job, err));
    w->after = p.rows[p.count - 1].id;
    at->erased += p.did.erased;
    at->restricted += p.did.restricted;
    at->dropped += p.did.dropped;
    at->broken += p.did.broken;
    return VAULT_OK;
}

static vault_code count_rows(session *s, const job_row *job, int64_t *total, vault_error *err)
{
    (void)job;
    return store_residents_count(s->store, total, err);
}

const job_type JOB_TYPE_RETENTION = {.name = "retention", .count = count_rows, .step = step, .forget = forget};

/* ---- once a day ---- */

static bool begun_today(const job_row *rows, size_t count)
{
    uint32_t today = clock_shanghai_date(clock_now_us());
    for (size_t i = 0; i < count; i++)
        if (rows[i].kind == JOB_RETENTION && clock_shanghai_date(rows[i].created_us) >= today) return true;
    return false;
}

vault_code retention_daily(session *s, void *context, vault_error *err)
{
    job_row *rows, fresh = {.kind = JOB_RETENTION, .ring = "", .finding = ""};
    size_t count;
    (void)context;
    VAULT_TRY(store_jobs_read(s->store, s->mem, (job_filter){0}, &rows, &count, err));
    if (begun_today(rows, count)) return VAULT_OK;
    vault_code code = job_start(s, s->store, &fresh, err);
    if (code != VAULT_PRECONDITION) return code;
    vault_error_clear(err); /* yesterday's goes on */
    return VAULT_OK;
}

/* JOB_ARCHIVE, and Audit.Archive and ListArchives: lines that are older than the log's retention go to files, stretch
 * by stretch. A step writes one file and proves it, and then takes its lines out of the table in one transaction with
 * the row that names the file and a line. The job's version is the tile of 256 lines before which it archives. */
#include "vault/service/jobs.h"

#include "vault/audit/archive.h"
#include "vault/audit/scan.h"
#include "vault/base/clock.h"
#include "vault/base/memory.h"

#include <stdio.h>

enum { TILE = 256, RETENTION_LEAST = 36, LISTED_MOST = 1 << 16 };

/* ---- a step ---- */

static vault_code make_line(line *out, session *s, const archive_row *row, vault_error *err)
{
    const line_facts facts = {.action = LINE_ARCHIVE,
                              .outcome = LINE_GRANTED,
                              .change = "archived",
                              .archive = archive_name(s->mem, row),
                              .hits = (uint64_t)row->count,
                              .control_version = (uint64_t)s->manifest->version,
                              .refers_to = -1};
    if (!facts.archive) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a line");
    return line_make(out, s->scribe, s->mem, &facts, NULL, err);
}

/* Where it is known that nothing was committed the file goes now (control has moved, the job was paused), else with the
 * next step. */
vault_code archive_commit(session *s, const job_work *w, const archive_draft *d, const line_batch *lines,
                          archive_placed *placed, vault_error *err)
{
    *placed = (archive_placed){.first = d->row.first};
    snprintf(placed->file, sizeof placed->file, "%s", d->file);
    vault_code code = job_commit(s, w->job, (size_t)d->row.count, lines, err);
    if (code == VAULT_CONFLICT || code == VAULT_NOT_FOUND) archive_remove(s->service->shelf, d->file);
    if (code == VAULT_OK || code == VAULT_CONFLICT || code == VAULT_NOT_FOUND) placed->file[0] = '\0';
    return code;
}

static archive_placed *placed_by(job_work *w)
{
    if (!w->state) w->state = memory_new(sizeof(archive_placed));
    return w->state;
}

static void forget(job_work *w)
{
    memory_free(w->state, sizeof(archive_placed));
    w->state = NULL;
}

static vault_code take_lines(session *s, job_work *w, archive_draft *d, vault_error *err)
{
    line one;
    VAULT_TRY(make_line(&one, s, &d->row, err));
    const line_batch batch = {
        .control_version = s->manifest->version, .control_stamp = s->control_stamp, .lines = &one, .count = 1};
    VAULT_TRY(store_archive_take(s->store, &d->row, err));
    VAULT_TRY(archive_draft_place(d, s->service->shelf, err));
    return archive_commit(s, w, d, &batch, placed_by(w), err);
}

static unsigned months_kept(const session *s)
{
    return s->service->retention_months > RETENTION_LEAST ? (unsigned)s->service->retention_months : RETENTION_LEAST;
}

/* Whole days of the calendar: what was written on a day may go when that day is so many months ago. */
static bool is_old_enough(const session *s, int64_t before_us, int64_t now_us)
{
    return date_months_later(clock_shanghai_date(before_us), months_kept(s)) <= clock_shanghai_date(now_us);
}

/* What it waits for, or that nothing is left to wait for; the former is told with the job. */
static bool is_due(session *s, job_work *w, const archive_row *next, int64_t until)
{
    w->ended = next->first >= until;
    bool due = next->count > 0 && is_old_enough(s, next->end_us, clock_now_us());
    w->waits = !due && !w->ended;
    if (w->waits && next->count == 0)
        snprintf(w->finding, sizeof w->finding, "waits for a published checkpoint of its lines");
    else if (w->waits)
        snprintf(w->finding, sizeof w->finding, "waits for the retention: its next lines are kept until %u",
                 date_months_later(clock_shanghai_date(next->end_us), months_kept(s)));
    return due;
}

/* A bound that was let through elsewhere, or written into the table of jobs, takes no younger lines here. */
static vault_code archive_more(session *s, job_work *w, vault_error *err)
{
    VAULT_CLEANUP(archive_draft_clear) archive_draft draft = {0};
    anchor to;
    archive_row next;
    bool alone;
    int64_t until = (int64_t)w->job->version * TILE;
    VAULT_TRY(store_walk_alone(s->store, w->job->id, &alone, err));
    if (!alone) return w->waits = true, VAULT_OK;
    VAULT_TRY(archive_settle(s->store, s->service->shelf, placed_by(w), err));
    VAULT_TRY(ledger_anchor(&to, s->service->ledger, s->store, s->mem, err));
    VAULT_TRY(archive_next(&next, s->store, &to, until, err));
    if (!is_due(s, w, &next, until)) return VAULT_OK;
    const archive_wish wish = {next.first, next.count, &to};
    VAULT_TRY(archive_draft_write(&draft, s->scribe, s->store, &wish, err));
    return take_lines(s, w, &draft, err);
}

/* Partitions that have become empty. Who reads the log right now is not waited for: they go another time. */
static vault_code drop_partitions(session *s, vault_error *err)
{
    int64_t end;
    bool dropped = true;
    VAULT_TRY(store_archive_end(s->store, &end, err));
    while (dropped) {
        vault_code code = store_partition_drop(s->store, end, &dropped, err);
        if (code != VAULT_UNAVAILABLE) VAULT_TRY(code);
        if (code == VAULT_UNAVAILABLE) return vault_error_clear(err), VAULT_OK;
    }
    return VAULT_OK;
}

static vault_code step(session *s, job_work *w, vault_error *err)
{
    VAULT_TRY(store_begin(s->store, err));
    VAULT_TRY(archive_more(s, w, err));
    store_rollback(s->store); /* where nothing was to be done */
    return w->ended ? drop_partitions(s, err) : VAULT_OK;
}

static vault_code count(session *s, const job_row *job, int64_t *total, vault_error *err)
{
    int64_t end, until = (int64_t)job->version * TILE;
    VAULT_TRY(store_archive_end(s->store, &end, err));
    *total = until > end ? until - end : 0;
    return VAULT_OK;
}

const job_type JOB_TYPE_ARCHIVE = {.name = "archive", .count = count, .step = step, .forget = forget};

/* ---- Audit.Archive ---- */

static vault_code read_bound(session *s, const call *c, int64_t *before_us, vault_error *err)
{
    const Vault__V1__ArchiveRequest *in = (const void *)c->rq->in;
    const Google__Protobuf__Timestamp *t = in->before_time;
    if (!t) return refuse_at(err, "REQUIRED", "before_time", -1);
    if (t->seconds <= 0 || t->seconds >= INT64_C(253402300800) || t->nanos < 0 || t->nanos >= 1000000000)
        return refuse_at(err, "OUT_OF_RANGE", "before_time", -1);
    *before_us = t->seconds * 1000000 + t->nanos / 1000;
    if (!is_old_enough(s, *before_us, c->now_us)) return refuse_at(err, "RETENTION", "before_time", -1);
    if (shelf_folder(s->service->shelf)) return VAULT_OK;
    return vault_refuse(err, VAULT_PRECONDITION, "NO_ARCHIVE_FOLDER", "");
}

static vault_code archive(session *s, call *c)
{
    request *rq = c->rq;
    job_row job = {.kind = JOB_ARCHIVE, .ring = "", .finding = ""};
    int64_t before_us = 0, index;
    Vault__V1__ArchiveResponse *out = MESSAGE(rq->mem, Vault__V1__ArchiveResponse, vault__v1__archive_response__init);
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    VAULT_TRY(read_bound(s, c, &before_us, &rq->err));
    VAULT_TRY(write_call_line(s, c, &(line_facts){.change = "archive"}));
    VAULT_TRY(ledger_since(&index, s->scribe, s->store, rq->mem, before_us, &rq->err));
    job.version = (int32_t)(index / TILE);
    VAULT_TRY(job_ask(&out->job, s, rq->mem, &job, &rq->err));
    rq->out = &out->base;
    return VAULT_OK;
}

void audit_archive(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)archive(s, calls[i]);
}

/* ---- Audit.ListArchives ---- */

static Vault__V1__ArchivedRange *range_message(const session *s, arena *mem, const archive_row *row)
{
    Vault__V1__ArchivedRange *out = MESSAGE(mem, Vault__V1__ArchivedRange, vault__v1__archived_range__init);
    bytes sum = arena_copy(mem, digest_bytes(&row->sha256));
    if (!out || sum.len == 0) return NULL;
    out->name = lent(archive_name(mem, row));
    out->first_line = (uint64_t)row->first;
    out->line_count = (uint64_t)row->count;
    out->start_time = timestamp_of(mem, row->start_us);
    out->end_time = timestamp_of(mem, row->end_us);
    out->file = lent(row->file);
    out->size_bytes = (uint64_t)row->size;
    out->sha256 = (ProtobufCBinaryData){.len = sum.len, .data = (uint8_t *)(uintptr_t)sum.at};
    out->at_hand = shelf_has(s->service->shelf, row);
    return out->name && out->start_time && out->end_time ? out : NULL;
}

static vault_code list_archives(session *s, call *c)
{
    request *rq = c->rq;
    archive_list list = {.limit = LISTED_MOST};
    Vault__V1__ListArchivesResponse *out =
        MESSAGE(rq->mem, Vault__V1__ListArchivesResponse, vault__v1__list_archives_response__init);
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    VAULT_TRY(write_call_line(s, c, &(line_facts){.change = "archives"}));
    VAULT_TRY(store_archives_read(s->store, rq->mem, &list, &rq->err));
    out->archives = arena_array(rq->mem, list.count + 1, sizeof *out->archives);
    if (!out->archives) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    for (size_t i = 0; i < list.count; i++) {
        if (!(out->archives[out->n_archives++] = range_message(s, rq->mem, &list.rows[i])))
            return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    }
    rq->out = &out->base;
    return VAULT_OK;
}

void audit_list_archives(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)list_archives(s, calls[i]);
}

/* Audit.Report: what a review of compliance asks for, counted. Persons in the tables; openings, refusals and the rest
 * in the columns of the log; changes in the manifests. Canaries are in none of the counts but their own. */
#include "vault/service/canaries.h"
#include "vault/service/log_walk.h"
#include "vault/service/tally.h"

#include "vault/store/archives.h"
#include "vault/store/people.h"

#include <stdlib.h>
#include <string.h>

enum { CHANGES_AT_ONCE = 100, NO_GROUP = -1 };

/* ---- what of a line counts ---- */

typedef enum series { BY_PURPOSE, BY_DEPARTMENT, BY_FORM, BY_CLAUSE, SERIES } series;
static const struct {
    const char *kind;
    column_text column;
} SERIES_OF[SERIES] = {[BY_PURPOSE] = {"opened_by_purpose", COLUMN_PURPOSE},
                       [BY_DEPARTMENT] = {"opened_by_department", COLUMN_DEPARTMENT},
                       [BY_FORM] = {"opened_by_form", COLUMN_FORM},
                       [BY_CLAUSE] = {"refused_by_clause", COLUMN_CLAUSE}};

typedef struct reporting {
    session *s;
    call *c;
    tally *counts;
    arena *mem;          /* of one stretch */
    int32_t *of[SERIES]; /* groups by number of the text, of the stretch at hand */
    const line_columns *at;
} reporting;

/* A value, what its mask shows of it, or an answer about it has left the vault. */
static bool shows(line_action a)
{
    return a == LINE_REVEAL || a == LINE_EXPORT || a == LINE_TEST || a == LINE_BROWSE || a == LINE_RESTORE;
}

/* What is redeemed may be a handover: a token, and no value. */
static bool shows_by_form(line_action a, const char *form)
{
    return a == LINE_REDEEM && form[0] && strcmp(form, "nothing") != 0;
}

static void add_to(reporting *r, series by, size_t i)
{
    uint16_t number = r->at->text[SERIES_OF[by].column][i];
    int32_t *at = &r->of[by][number];
    if (*at == NO_GROUP)
        *at = (int32_t)tally_group(r->counts, SERIES_OF[by].kind, r->at->texts[SERIES_OF[by].column][number]);
    tally_add(r->counts, (size_t)*at, r->at->resident[i]);
}

static void add_total(reporting *r, const char *kind, int64_t resident)
{
    tally_add(r->counts, tally_group(r->counts, kind, ""), resident);
}

static void add_granted(reporting *r, size_t i, line_action a)
{
    int64_t resident = r->at->resident[i];
    const char *form = r->at->texts[COLUMN_FORM][r->at->text[COLUMN_FORM][i]];
    if (resident && (shows(a) || shows_by_form(a, form)))
        for (series by = BY_PURPOSE; by <= BY_FORM; by++) add_to(r, by, i);
    if (a == LINE_EXPORT) add_total(r, "exports", resident);
    if (a == LINE_ERASE) add_total(r, "erased", resident);
    if (a == LINE_RESTRICT) add_total(r, "restricted", resident);
    if (a == LINE_TRACE) add_total(r, "traces", resident);
}

/* An alarm is told to officers alone, that there are canaries at all as well. */
static void add_canary(reporting *r, size_t i, line_action a)
{
    bool used = a != LINE_SEARCH && r->at->text[COLUMN_DEPARTMENT][i] != 0;
    if (used && r->c->caller->role == ROLE_OFFICER) add_total(r, "canary_alarms", r->at->resident[i]);
}

static void add_line(reporting *r, size_t i)
{
    line_action a = (line_action)r->at->action[i];
    int64_t resident = r->at->resident[i];
    if (resident && manifest_canary(r->s->manifest, resident)) {
        add_canary(r, i, a);
        return;
    }
    if (r->at->outcome[i] == LINE_GRANTED) add_granted(r, i, a);
    if (r->at->outcome[i] == LINE_REFUSED) add_to(r, BY_CLAUSE, i);
}

static vault_code look(void *context, const line_columns *at, size_t first, size_t end, vault_error *err)
{
    reporting *r = context;
    arena_reset(r->mem);
    r->at = at;
    for (series by = 0; by < SERIES; by++) {
        size_t count = at->text_count[SERIES_OF[by].column];
        if (!(r->of[by] = arena_array(r->mem, count, sizeof *r->of[by])))
            return vault_fail(err, VAULT_EXHAUSTED, "no memory for a report");
        for (size_t i = 0; i < count; i++) r->of[by][i] = NO_GROUP;
    }
    for (size_t i = first; i < end; i++) add_line(r, i);
    return VAULT_OK;
}

/* ---- changes ---- */

static void add_change(reporting *r, const change_record *of)
{
    const char *kind = of->kind == CHANGE_OPEN                                    ? "emergencies"
                       : of->kind == CHANGE_REVIEW                                ? "reviews"
                       : of->kind == CHANGE_ROTATE                                ? "rotations"
                       : of->kind == CHANGE_ACTIVATE || of->kind == CHANGE_REVOKE ? "changes"
                                                                                  : NULL;
    if (!kind) return;
    const char *key = strcmp(kind, "changes") == 0 ? of->document : "";
    tally_add(r->counts, tally_group(r->counts, kind, key), 0);
}

/* Newest first, as far back as the time asked for. */
static vault_code count_changes(reporting *r, const log_walk *w, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new((size_t)512 << 20);
    change_page page = {.from = r->s->manifest->version, .limit = CHANGES_AT_ONCE};
    while (mem && page.from >= 1) {
        arena_reset(mem);
        page.count = 0;
        page.at = arena_array(mem, page.limit, sizeof *page.at);
        if (!page.at) break;
        VAULT_TRY(control_changes(&page, r->s->service->control, r->s->store, mem, err));
        for (size_t i = 0; i < page.count; i++) {
            if (page.at[i].time_us < w->from_us) return VAULT_OK;
            if (!w->until_us || page.at[i].time_us < w->until_us) add_change(r, &page.at[i]);
        }
        if (page.count == 0) return VAULT_OK;
        page.from = page.at[page.count - 1].version - 1;
    }
    return page.from < 1 ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for changes");
}

/* ---- persons ---- */

/* Collections whose records are persons: known by an ID number, or a document of one who has none. */
static bool is_of_persons(const collection *of)
{
    const char *by = format_name(of->natural_key->format);
    return strcmp(by, "resident_id") == 0 || strcmp(by, "document") == 0;
}

static vault_code count_persons(people_count *out, session *s, arena *mem, vault_error *err)
{
    const schema *all = &s->manifest->schema;
    *out = (people_count){.collections = arena_array(mem, all->collection_count, sizeof *out->collections)};
    if (!out->collections) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a report");
    for (size_t i = 0; i < all->collection_count; i++)
        if (is_of_persons(&all->collections[i]))
            out->collections[out->collection_count++] = (int16_t)all->collections[i].number;
    VAULT_TRY(canaries_alive(&out->without, &out->without_count, s, err));
    return store_people_count(s->store, out, err);
}

/* ---- the answer ---- */

static int more_lines_first(const void *a, const void *b)
{
    const Vault__V1__ReportCount *x = *(Vault__V1__ReportCount *const *)a, *y = *(Vault__V1__ReportCount *const *)b;
    int by_kind = strcmp(x->kind, y->kind);
    const char *first = x->key, *second = y->key;
    if (by_kind) return by_kind;
    return x->lines == y->lines ? strcmp(first, second) : x->lines < y->lines ? 1 : -1;
}

static bool answer_counts(Vault__V1__ReportResponse *out, const tally *counts, arena *mem)
{
    size_t count = tally_size(counts);
    out->counts = arena_array(mem, count + 1, sizeof *out->counts);
    if (!out->counts) return false;
    for (size_t i = 0; i < count; i++) {
        const tally_count one = tally_at(counts, i);
        Vault__V1__ReportCount *to = MESSAGE(mem, Vault__V1__ReportCount, vault__v1__report_count__init);
        if (!to) return false;
        to->kind = arena_text(mem, bytes_of_text(one.kind));
        to->key = arena_text(mem, bytes_of_text(one.of));
        to->lines = one.lines;
        to->residents = one.residents;
        if (!to->kind || !to->key) return false;
        out->counts[out->n_counts++] = to;
    }
    if (count) qsort(out->counts, count, sizeof *out->counts, more_lines_first);
    return true;
}

static vault_code answer(reporting *r, const log_walk *w, const people_count *persons, int64_t archived)
{
    request *rq = r->c->rq;
    Vault__V1__ReportResponse *out = MESSAGE(rq->mem, Vault__V1__ReportResponse, vault__v1__report_response__init);
    if (!out || !answer_counts(out, r->counts, rq->mem))
        return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    out->residents = (uint64_t)(persons->live + persons->restricted);
    out->restricted = (uint64_t)persons->restricted;
    out->lines = w->lines;
    out->lines_read = w->read;
    out->archived_lines = (uint64_t)archived;
    rq->out = &out->base;
    return VAULT_OK;
}

static vault_code run(reporting *r, log_walk *w)
{
    people_count persons;
    int64_t archived = 0;
    vault_error *err = &r->c->rq->err;
    VAULT_TRY(count_persons(&persons, r->s, r->s->mem, err));
    VAULT_TRY(store_archive_end(r->s->store, &archived, err));
    VAULT_TRY(log_walk_run(w, r->s, err));
    VAULT_TRY(count_changes(r, w, err));
    return answer(r, w, &persons, archived);
}

static int64_t us_of(const Google__Protobuf__Timestamp *t)
{
    return t ? t->seconds * 1000000 + t->nanos / 1000 : 0;
}

static vault_code read_times(log_walk *w, const call *c, const Vault__V1__ReportRequest *in)
{
    vault_error *err = &c->rq->err;
    const int64_t most_s = INT64_MAX / 1000000 - 1;
    const Google__Protobuf__Timestamp *from = in->start_time, *until = in->end_time;
    if (from && (from->seconds < 0 || from->seconds > most_s)) return refuse_at(err, "BAD_TIME", "start_time", -1);
    if (until && (until->seconds < 1 || until->seconds > most_s)) return refuse_at(err, "BAD_TIME", "end_time", -1);
    w->from_us = us_of(from);
    w->until_us = us_of(until);
    if (w->until_us && w->until_us <= w->from_us) return refuse_at(err, "BAD_TIME", "end_time", -1);
    return VAULT_OK;
}

static void report(session *s, call *c)
{
    VAULT_CLEANUP(tally_free) tally *counts = tally_new();
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(16 << 20);
    reporting r = {.s = s, .c = c, .counts = counts, .mem = mem};
    log_walk w = {.look = look, .context = &r, .deadline_us = c->rq->deadline_us};
    const line_facts facts = {.fields = "report"};
    if (!mem) (void)vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a report");
    (void)read_times(&w, c, (const void *)c->rq->in);
    if (write_call_line(s, c, &facts) == VAULT_OK) (void)run(&r, &w);
}

void audit_report(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) report(s, calls[i]);
}

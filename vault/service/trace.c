/* Whose tokens they are, as found in a leak: each finding is mended where it must be and judged by the keys of every
 * domain and epoch that there ever was. What is plain is found first, for all of the list; what lacks three or four
 * characters costs milliseconds each, and shares a time. Nothing is answered before the lines stand: one for the trace,
 * and one for each resident whose token was found. */
#include "vault/service/token_finder.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FINDINGS_MAX = 4096,
    LINES_MAX = 100,
    ALL_LINES_MAX = 4096, /* in one answer: some 3 MB */
    SEARCH_US = 2000000,  /* for all that is damaged more */
    TRACE_US = 20000000   /* for all, whatever the deadline: other calls wait for the worker */
};

typedef struct suspect {
    damage_found found;
    const token_domain *domain;
    resident_id resident;
    size_t first; /* place of the first finding of this resident and domain */
    line_trail trail;
} suspect;

typedef struct tracing {
    session *s;
    call *c;
    const Vault__V1__TraceTokenRequest *in;
    token_finder finder;
    suspect *findings;
    size_t genuine;
    int64_t half_us; /* monotonic: half of the time until the deadline is over, or TRACE_US */
} tracing;

/* ---- judging ---- */

static void look_at(tracing *t, size_t i, uint64_t budget)
{
    suspect *at = &t->findings[i];
    at->found = token_find(&t->finder, bytes_of_text(t->in->findings[i]), budget);
    at->domain = t->finder.domain;
    at->resident = t->finder.resident;
}

static bool late(const tracing *t, int64_t until_us)
{
    int64_t now = clock_monotonic_us();
    return now >= until_us || now >= t->half_us;
}

/* A finding that is not gone on with stays given up. */
static vault_code look_at_all(tracing *t)
{
    size_t count = t->in->n_findings;
    for (size_t i = 0; i < count; i++) look_at(t, i, FINDER_PLAIN);
    const int64_t until = clock_monotonic_us() + SEARCH_US;
    for (size_t i = 0; i < count && !late(t, until); i++)
        if (t->findings[i].found.given_up) look_at(t, i, FINDER_DAMAGED);
    for (size_t i = 0; i < count; i++) t->genuine += t->findings[i].found.genuine;
    return t->c->rq->err.code;
}

/* ---- lines ---- */

/* For sorting: findings of the same resident, and of the same domain, stand together. */
typedef struct sorted_suspect {
    suspect *at;
    size_t place;
} sorted_suspect;

static int by_resident(const void *a, const void *b)
{
    const sorted_suspect *x = a, *y = b;
    if (x->at->resident.id != y->at->resident.id) return x->at->resident.id < y->at->resident.id ? -1 : 1;
    if (x->at->domain != y->at->domain) return x->at->domain < y->at->domain ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static vault_code sort_findings(tracing *t, sorted_suspect **out, vault_error *err)
{
    size_t n = 0;
    sorted_suspect *all = arena_array(t->s->mem, t->genuine + 1, sizeof *all);
    if (!all) return vault_fail(err, VAULT_EXHAUSTED, "no memory for findings");
    for (size_t i = 0; i < t->in->n_findings; i++)
        if (t->findings[i].found.genuine) all[n++] = (sorted_suspect){.at = &t->findings[i], .place = i};
    qsort(all, n, sizeof *all, by_resident);
    for (size_t i = 0; i < n; i++) {
        bool same =
            i > 0 && all[i].at->resident.id == all[i - 1].at->resident.id && all[i].at->domain == all[i - 1].at->domain;
        all[i].at->first = same ? all[i - 1].at->first : all[i].place;
    }
    *out = all;
    return VAULT_OK;
}

/* A resident whose token was found, its findings side by side, and its record: for the view that the resident gets. */
typedef struct traced_resident {
    const sorted_suspect *of;
    size_t count;
    resident_row row;
} traced_resident;

static vault_code group_residents(tracing *t, traced_resident **out, size_t *count, vault_error *err)
{
    sorted_suspect *all = NULL;
    traced_resident *groups = arena_array(t->s->mem, t->genuine + 1, sizeof *groups);
    int64_t *ids = arena_array(t->s->mem, t->genuine + 1, sizeof *ids);
    resident_row *rows = arena_array(t->s->mem, t->genuine + 1, sizeof *rows);
    size_t n = 0;
    if (!groups || !ids || !rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for residents");
    VAULT_TRY(sort_findings(t, &all, err));
    for (size_t i = 0, end; i < t->genuine; i = end) {
        for (end = i + 1; end < t->genuine && all[end].at->resident.id == all[i].at->resident.id;) end++;
        ids[n] = all[i].at->resident.id;
        groups[n++] = (traced_resident){.of = &all[i], .count = end - i};
    }
    VAULT_TRY(store_residents_by_id(t->s->store, t->s->mem, ids, n, rows, err));
    for (size_t i = 0; i < n; i++) groups[i].row = rows[i];
    *out = groups;
    *count = n;
    return VAULT_OK;
}

static vault_code make_trace_line(tracing *t, line *out, vault_error *err)
{
    line_facts facts = call_facts(t->s, t->c, LINE_GRANTED);
    facts.hits = t->genuine;
    if (!(facts.fields = arena_format(t->s->mem, "findings=%zu", t->in->n_findings)))
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for a line");
    return line_make(out, t->s->scribe, t->s->mem, &facts, NULL, err);
}

/* The app is named where all of the findings are its own. Who was erased has no record, and nobody who would look; a
 * record that was edited does not keep its tokens from being traced. */
static vault_code make_resident_line(tracing *t, line *out, const traced_resident *r, vault_error *err)
{
    session *s = t->s;
    aead *cipher = NULL;
    vault_error broken = {0};
    record proven = {.dek = s->deks.at};
    line_facts facts = call_facts(s, t->c, LINE_GRANTED);
    facts.resident = r->of->at->resident.id;
    if (r->of[0].at->domain == r->of[r->count - 1].at->domain) facts.counterpart = r->of->at->domain->of.app;
    if (record_prove(&proven, s->cabinet, &r->row, &broken) != VAULT_OK) session_damage(s, &broken);
    if (proven.genuine) {
        facts.area = r->row.area;
        facts.record_version = (uint32_t)r->row.version;
        VAULT_TRY(record_view_cipher(&cipher, s->cabinet, &proven, err));
    }
    vault_code code = line_make(out, s->scribe, s->mem, &facts, cipher, err);
    record_clear(&proven);
    return code;
}

static vault_code write_lines(tracing *t, vault_error *err)
{
    traced_resident *residents = NULL;
    size_t count = 0;
    VAULT_TRY(group_residents(t, &residents, &count, err));
    line *lines = arena_array(t->s->mem, count + 1, sizeof *lines);
    if (!lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for lines");
    VAULT_TRY(make_trace_line(t, &lines[0], err));
    for (size_t i = 0; i < count; i++) VAULT_TRY(make_resident_line(t, &lines[i + 1], &residents[i], err));
    return append_alone(t->s, lines, count + 1, err);
}

/* ---- the answer ---- */

static vault_code follow(tracing *t, suspect *f, vault_error *err)
{
    f->trail = (line_trail){.resident = f->resident.id,
                            .app = f->domain->of.app,
                            .purpose = f->domain->of.purpose,
                            .limit = (size_t)t->in->lines,
                            .until_us = t->half_us};
    return ledger_trail(t->s->scribe, t->s->store, t->c->rq->mem, &f->trail, err);
}

static vault_code answer_lines(tracing *t, Vault__V1__TraceResult *out, const line_trail *trail, vault_error *err)
{
    arena *mem = t->c->rq->mem;
    out->line_count = (uint32_t)trail->total;
    out->lines = arena_array(mem, trail->count + 1, sizeof *out->lines);
    if (!out->lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for lines");
    for (size_t i = 0; i < trail->count; i++)
        if (!(out->lines[out->n_lines++] = audit_line(mem, &trail->lines[i])))
            return vault_fail(err, VAULT_EXHAUSTED, "no memory for lines");
    return VAULT_OK;
}

static vault_code answer_genuine(tracing *t, Vault__V1__TraceResult *out, suspect *f, vault_error *err)
{
    arena *mem = t->c->rq->mem;
    char text[TOKEN_TEXT_LEN + 1];
    token_write(text, &f->found.token);
    out->genuine = true;
    out->token = arena_text(mem, bytes_of_text(text));
    out->mended = f->found.mended;
    out->app = arena_text(mem, bytes_of_text(f->domain->of.app));
    out->purpose = arena_text(mem, bytes_of_text(f->domain->of.purpose));
    out->epoch = f->found.token.epoch;
    if (!out->token || !out->app || !out->purpose) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an answer");
    suspect *first = &t->findings[f->first];
    out->not_tried = first == f ? late(t, INT64_MAX) : !first->trail.lines;
    if (out->not_tried) return VAULT_OK;
    if (first == f) VAULT_TRY(follow(t, f, err));
    out->not_tried = first->trail.early;
    return answer_lines(t, out, &first->trail, err);
}

static vault_code answer_trace(tracing *t, vault_error *err)
{
    request *rq = t->c->rq;
    size_t count = t->in->n_findings;
    Vault__V1__TraceTokenResponse *out =
        MESSAGE(rq->mem, Vault__V1__TraceTokenResponse, vault__v1__trace_token_response__init);
    Vault__V1__TraceResult **results = arena_array(rq->mem, count, sizeof *results);
    if (!out || !results) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an answer");
    out->results = results;
    for (size_t i = 0; i < count; i++) {
        Vault__V1__TraceResult *one = MESSAGE(rq->mem, Vault__V1__TraceResult, vault__v1__trace_result__init);
        if (!one) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an answer");
        results[out->n_results++] = one;
        one->not_tried = t->findings[i].found.given_up;
        if (t->findings[i].found.genuine) VAULT_TRY(answer_genuine(t, one, &t->findings[i], err));
    }
    rq->out = &out->base;
    return VAULT_OK;
}

/* ---- the call ---- */

static vault_code check(const Vault__V1__TraceTokenRequest *in, vault_error *err)
{
    if (in->n_findings == 0) return refuse_at(err, "REQUIRED", "findings", -1);
    if (in->n_findings > FINDINGS_MAX) return refuse_at(err, "TOO_MANY", "findings", -1);
    if (in->lines < 0 || in->lines > LINES_MAX) return refuse_at(err, "OUT_OF_RANGE", "lines", -1);
    if (in->n_findings * (size_t)in->lines > ALL_LINES_MAX) return refuse_at(err, "TOO_MANY", "lines", -1);
    for (size_t i = 0; i < in->n_findings; i++)
        if (strlen(in->findings[i]) > DAMAGE_TEXT_MAX) return refuse_at(err, "TOO_LONG", "findings", (long)i);
    return VAULT_OK;
}

static vault_code trace(session *s, call *c)
{
    vault_error *err = &c->rq->err;
    const int64_t now = clock_monotonic_us();
    const int64_t half = (c->rq->deadline_us - now) / 2;
    tracing t = {.s = s, .c = c, .in = (const void *)c->rq->in, .half_us = now + (half < TRACE_US ? half : TRACE_US)};
    VAULT_TRY(check(t.in, err));
    cabinet_use(s->cabinet, s->mem);
    t.findings = arena_array(s->mem, t.in->n_findings, sizeof *t.findings);
    if (!t.findings) return vault_fail(err, VAULT_EXHAUSTED, "no memory for findings");
    VAULT_TRY(token_finder_open(&t.finder, s, err));
    VAULT_TRY(look_at_all(&t));
    VAULT_TRY(write_lines(&t, err));
    return answer_trace(&t, err);
}

void audit_trace_token(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++)
        if (trace(s, calls[i]) != VAULT_OK) calls[i]->rq->out = NULL;
}

/* Audit.TraceLeak: the list of an approved case is linked to residents, who opened them is read from the log, and they
 * are ranked against "not from this vault". Lines first: nothing is told before it is written down who has asked. */
#include "vault/service/leak_link.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <string.h>

enum { LEADS_MOST = 100, LEADS_USUAL = 20, EVIDENCE_MOST = 50, LINES_READ = 64, TEXTS_MOST = 32, MONTHS_MOST = 1200 };

typedef struct leak_tracing {
    session *s;
    call *c;
    const Vault__V1__TraceLeakRequest *in;
    leak_case of;
    leak_links links;
    openings opened;
    leak_answer ranked;
    anchor proofs; /* note NULL: nothing is published yet */
} leak_tracing;

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no memory for a trace");
}

/* ---- who opened it ---- */

static bool in_time(void *context)
{
    const leak_tracing *t = context;
    vault_error late = {0};
    return leak_in_time(t->c, &late) == VAULT_OK;
}

/* What the log is asked: a token says through which app and for what its resident was opened. */
static void complete(leak_tracing *t)
{
    for (size_t i = 0; i < t->links.leaked_count; i++) {
        leaked_resident *at = &t->links.leaked[i];
        const link_row *from = &t->links.rows[at->row];
        at->app = from->app;
        at->purpose = from->purpose;
    }
}

static vault_code collect(leak_tracing *t, vault_error *err)
{
    session *s = t->s;
    int64_t residents = 0;
    VAULT_TRY(store_residents_count(s->store, &residents, err));
    complete(t);
    const openings_question q = {.fields = t->links.names,
                                 .field_count = t->links.field_count,
                                 .leaked = t->links.leaked,
                                 .leaked_count = t->links.leaked_count,
                                 .row_count = t->links.row_count,
                                 .residents = (uint64_t)residents,
                                 .before_us = t->of.list.seen_us};
    const openings_source from = {.sc = s->scribe, .s = s->store, .go_on = in_time, .context = t};
    vault_code code = openings_collect(&t->opened, &from, s->mem, &q, err);
    if (code != VAULT_UNAVAILABLE || in_time(t)) return code;
    vault_error_clear(err);
    return leak_in_time(t->c, err);
}

static vault_code rank(leak_tracing *t, vault_error *err)
{
    double *weight = arena_array(t->s->mem, t->links.row_count + 1, sizeof *weight);
    if (!weight) return no_room(err);
    for (size_t i = 0; i < t->links.row_count; i++) weight[i] = t->links.rows[i].weight;
    const leak_question q = openings_rank(&t->opened, weight);
    return rank_leak(&t->ranked, t->s->mem, &q, err);
}

/* ---- evidence ---- */

typedef struct texts {
    const char *at[TEXTS_MOST];
    size_t count;
} texts;

static void note_text(texts *all, const char *text)
{
    if (!text || !text[0] || all->count == TEXTS_MOST) return;
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->at[i], text) == 0) return;
    all->at[all->count++] = text;
}

static vault_code keep_texts(char ***out, size_t *n, arena *mem, const texts *all, vault_error *err)
{
    *out = arena_array(mem, all->count + 1, sizeof **out);
    if (!*out) return no_room(err);
    for (size_t i = 0; i < all->count; i++)
        if (!((*out)[(*n)++] = arena_text(mem, bytes_of_text(all->at[i])))) return no_room(err);
    return VAULT_OK;
}

/* A line that is not in the newest published checkpoint yet has no path. */
static vault_code prove(leak_tracing *t, Vault__V1__Line *shown, vault_error *err)
{
    arena *mem = t->c->rq->mem;
    line_proof proof = {.index = (int64_t)shown->index, .size = t->proofs.tree.size};
    if (!t->proofs.note || proof.index >= proof.size) return VAULT_OK;
    VAULT_TRY(ledger_prove_inclusion(t->s->service->ledger, t->s->store, mem, &proof, err));
    shown->path = arena_array(mem, proof.path.len + 1, sizeof *shown->path);
    if (!shown->path) return no_room(err);
    for (size_t i = 0; i < proof.path.len; i++)
        shown->path[shown->n_path++] =
            (ProtobufCBinaryData){.len = DIGEST_LEN, .data = (uint8_t *)(uintptr_t)proof.path.at[i].at};
    return VAULT_OK;
}

static vault_code show(leak_tracing *t, Vault__V1__TraceLead *lead, const opened_line *from, vault_error *err)
{
    Vault__V1__Line *shown = audit_line(t->c->rq->mem, from);
    if (!shown) return no_room(err);
    lead->evidence[lead->n_evidence++] = shown;
    return prove(t, shown, err);
}

/* Lines are read from the log, and their tickets and purposes with them. */
static vault_code read_evidence(leak_tracing *t, Vault__V1__TraceLead *lead, const leak_lead *of, vault_error *err)
{
    arena *mem = t->c->rq->mem;
    const suspect_name *name = &t->opened.names[of->suspect];
    const size_t hits = t->opened.suspects[of->suspect].hit_count;
    texts purposes = {.count = 0}, tickets = {.count = 0};
    lead->evidence = arena_array(mem, (size_t)t->in->evidence + 1, sizeof *lead->evidence);
    if (!lead->evidence) return no_room(err);
    for (size_t i = 0; i < hits && i < LINES_READ; i++) {
        const line_query q = {.from = name->lines[i].index, .limit = 1};
        line_page page;
        VAULT_TRY(leak_in_time(t->c, err));
        VAULT_TRY(ledger_query(t->s->scribe, t->s->store, mem, &q, &page, err));
        if (page.count == 0 || page.lines[0].index != q.from) continue;
        note_text(&purposes, page.lines[0].said.purpose);
        note_text(&tickets, page.lines[0].said.ticket);
        if (name->request && page.lines[0].said.request) lead->request_id = lent(page.lines[0].said.request);
        if (lead->n_evidence < (size_t)t->in->evidence) VAULT_TRY(show(t, lead, &page.lines[0], err));
    }
    VAULT_TRY(keep_texts(&lead->purposes, &lead->n_purposes, mem, &purposes, err));
    return keep_texts(&lead->tickets, &lead->n_tickets, mem, &tickets, err);
}

/* ---- months ---- */

/* 202603 */
static unsigned month_of(int64_t us)
{
    const uint32_t day = clock_shanghai_date(us);
    return day / 100;
}

static vault_code add_month(Vault__V1__TraceLead *lead, arena *mem, unsigned month, vault_error *err)
{
    Vault__V1__TraceMonth *one = MESSAGE(mem, Vault__V1__TraceMonth, vault__v1__trace_month__init);
    if (!one || !(one->month = arena_format(mem, "%04u-%02u", month / 100, month % 100))) return no_room(err);
    lead->months[lead->n_months++] = one;
    return VAULT_OK;
}

static vault_code count_months(leak_tracing *t, Vault__V1__TraceLead *lead, const leak_lead *of, vault_error *err)
{
    arena *mem = t->c->rq->mem;
    const suspect_name *name = &t->opened.names[of->suspect];
    const size_t hits = t->opened.suspects[of->suspect].hit_count;
    unsigned first = month_of(name->first_us), last = month_of(name->last_us);
    size_t n = 12 * (last / 100 - first / 100) + last % 100 - first % 100 + 1;
    if (n > MONTHS_MOST) n = MONTHS_MOST;
    lead->months = arena_array(mem, n + 1, sizeof *lead->months);
    if (!lead->months) return no_room(err);
    for (unsigned month = first; lead->n_months < n; month += month % 100 == 12 ? 89 : 1)
        VAULT_TRY(add_month(lead, mem, month, err));
    for (size_t i = 0; i < hits; i++) {
        const unsigned month = month_of(name->lines[i].time_us);
        const size_t at = 12 * (month / 100 - first / 100) + month % 100 - first % 100;
        if (at < n) lead->months[at]->hits++;
    }
    return VAULT_OK;
}

/* ---- a lead ---- */

/* The canaries of the rows that it explains. */
static vault_code name_canaries(leak_tracing *t, Vault__V1__TraceLead *lead, const leak_lead *of, vault_error *err)
{
    const suspect_openings *suspect = &t->opened.suspects[of->suspect];
    texts found = {.count = 0};
    for (size_t i = 0; suspect->canaries && i < t->links.leaked_count; i++) {
        const leaked_resident *at = &t->links.leaked[i];
        bool hit = false;
        for (size_t h = 0; at->canary && h < suspect->hit_count; h++) hit |= suspect->hits[h] == at->row;
        if (hit) note_text(&found, manifest_canary(t->s->manifest, at->resident)->name);
    }
    return keep_texts(&lead->canaries, &lead->n_canaries, t->c->rq->mem, &found, err);
}

static vault_code answer_lead(leak_tracing *t, Vault__V1__TraceLead *out, const leak_lead *of, vault_error *err)
{
    static const char *const kinds[SUSPECT_KINDS] = {
        [SUSPECT_PERSON] = "person", [SUSPECT_APP] = "app", [SUSPECT_EXPORT] = "export"};
    arena *mem = t->c->rq->mem;
    const suspect_openings *suspect = &t->opened.suspects[of->suspect];
    const suspect_name *name = &t->opened.names[of->suspect];
    out->kind = lent(kinds[suspect->kind]);
    out->app = arena_text(mem, bytes_of_text(name->app ? name->app : ""));
    out->department = arena_text(mem, bytes_of_text(name->department ? name->department : ""));
    out->person = arena_text(mem, bytes_of_text(name->person ? name->person : ""));
    out->posterior = of->posterior;
    out->log_likelihood_ratio = of->llr;
    out->hits = suspect->hit_count;
    out->coverage = of->coverage;
    out->concentration = of->concentration;
    out->guilt = of->guilt;
    out->opened = suspect->opened;
    out->first_time = timestamp_of(mem, name->first_us);
    out->last_time = timestamp_of(mem, name->last_us);
    if (!out->app || !out->department || !out->person || !out->first_time || !out->last_time) return no_room(err);
    VAULT_TRY(name_canaries(t, out, of, err));
    VAULT_TRY(count_months(t, out, of, err));
    return read_evidence(t, out, of, err);
}

static vault_code answer_leads(leak_tracing *t, Vault__V1__TraceReport *out, vault_error *err)
{
    arena *mem = t->c->rq->mem;
    const size_t most = t->in->leads ? (size_t)t->in->leads : LEADS_USUAL;
    const size_t count = t->ranked.lead_count < most ? t->ranked.lead_count : most;
    out->leads = arena_array(mem, count + 1, sizeof *out->leads);
    if (!out->leads) return no_room(err);
    for (size_t i = 0; i < count; i++) {
        Vault__V1__TraceLead *one = MESSAGE(mem, Vault__V1__TraceLead, vault__v1__trace_lead__init);
        if (!one) return no_room(err);
        out->leads[out->n_leads++] = one;
        VAULT_TRY(answer_lead(t, one, &t->ranked.leads[i], err));
    }
    return VAULT_OK;
}

static vault_code answer_colluders(leak_tracing *t, Vault__V1__TraceReport *out, vault_error *err)
{
    arena *mem = t->c->rq->mem;
    out->colluders = arena_array(mem, t->ranked.colluder_count + 1, sizeof *out->colluders);
    if (!out->colluders) return no_room(err);
    for (size_t i = 0; i < t->ranked.colluder_count; i++) {
        const leak_colluder *of = &t->ranked.colluders[i];
        const suspect_name *name = &t->opened.names[of->suspect];
        Vault__V1__TraceColluder *one = MESSAGE(mem, Vault__V1__TraceColluder, vault__v1__trace_colluder__init);
        if (!one) return no_room(err);
        out->colluders[out->n_colluders++] = one;
        one->app = arena_text(mem, bytes_of_text(name->app ? name->app : ""));
        one->person = arena_text(mem, bytes_of_text(name->person ? name->person : ""));
        one->weight = of->weight;
        one->hits = of->hits;
        if (!one->app || !one->person) return no_room(err);
    }
    return VAULT_OK;
}

/* ---- rows ---- */

static vault_code answer_row(leak_tracing *t, Vault__V1__TraceRow *out, const link_row *from, vault_error *err)
{
    arena *mem = t->c->rq->mem;
    texts stale = {.count = 0};
    out->linked_by = arena_text(mem, bytes_of_text(from->linked_by));
    out->weight = from->weight;
    out->residents = from->residents;
    out->canary = from->canary;
    for (size_t i = 0; i < t->of.list.column_count; i++)
        if (from->stale >> i & 1) note_text(&stale, t->of.list.columns[i]);
    if (!out->linked_by) return no_room(err);
    return keep_texts(&out->stale, &out->n_stale, mem, &stale, err);
}

static vault_code answer_rows(leak_tracing *t, Vault__V1__TraceReport *out, vault_error *err)
{
    arena *mem = t->c->rq->mem;
    out->trace_rows = arena_array(mem, t->links.row_count + 1, sizeof *out->trace_rows);
    if (!out->trace_rows) return no_room(err);
    for (size_t i = 0; i < t->links.row_count; i++) {
        Vault__V1__TraceRow *one = MESSAGE(mem, Vault__V1__TraceRow, vault__v1__trace_row__init);
        if (!one) return no_room(err);
        out->trace_rows[out->n_trace_rows++] = one;
        VAULT_TRY(answer_row(t, one, &t->links.rows[i], err));
    }
    return VAULT_OK;
}

/* ---- the call ---- */

static vault_code find_anchor(leak_tracing *t, vault_error *err)
{
    vault_code code = ledger_anchor(&t->proofs, t->s->service->ledger, t->s->store, t->c->rq->mem, err);
    if (code != VAULT_NOT_FOUND) return code;
    vault_error_clear(err);
    t->proofs = (anchor){0};
    return VAULT_OK;
}

static vault_code answer(leak_tracing *t, vault_error *err)
{
    arena *mem = t->c->rq->mem;
    Vault__V1__TraceReport *out = MESSAGE(mem, Vault__V1__TraceReport, vault__v1__trace_report__init);
    if (!out || !(out->leak = arena_text(mem, bytes_of_text(t->in->leak)))) return no_room(err);
    VAULT_TRY(find_anchor(t, err));
    out->rows = t->links.row_count;
    out->rows_linked = t->links.linked;
    out->residents = t->links.resident_count;
    out->not_from_here = t->ranked.not_from_here;
    out->lines = t->opened.lines;
    out->accessors = t->opened.accessors;
    out->epsilon = RANK_EPSILON;
    if (t->proofs.note) out->checkpoint = lent(t->proofs.note);
    VAULT_TRY(answer_leads(t, out, err));
    VAULT_TRY(answer_colluders(t, out, err));
    VAULT_TRY(answer_rows(t, out, err));
    t->c->rq->out = &out->base;
    return VAULT_OK;
}

static vault_code check(const Vault__V1__TraceLeakRequest *in, vault_error *err)
{
    if (in->leads < 0 || in->leads > LEADS_MOST) return refuse_at(err, "OUT_OF_RANGE", "leads", -1);
    if (in->evidence < 0 || in->evidence > EVIDENCE_MOST) return refuse_at(err, "OUT_OF_RANGE", "evidence", -1);
    return VAULT_OK;
}

static vault_code write_lines(leak_tracing *t, vault_error *err)
{
    const leak_lines what = {.leak = t->of.name,
                             .fields = arena_format(t->s->mem, "rows=%zu", t->links.row_count),
                             .residents = t->links.residents,
                             .count = t->links.resident_count};
    return what.fields ? leak_write_lines(t->s, t->c, &what, err) : no_room(err);
}

static vault_code begin(leak_tracing *t, vault_error *err)
{
    VAULT_TRY(check(t->in, err));
    VAULT_TRY(leak_open(&t->of, t->s, t->c, t->in->leak, err));
    return leak_link(&t->links, t->s, t->c, &t->of.list, err);
}

static vault_code trace(session *s, call *c)
{
    vault_error *err = &c->rq->err;
    leak_tracing t = {.s = s, .c = c, .in = (const void *)c->rq->in};
    if (begin(&t, err) != VAULT_OK) {
        const line_facts facts = {.fields = "leak"};
        return write_call_line(s, c, &facts);
    }
    VAULT_TRY(write_lines(&t, err));
    VAULT_TRY(leak_gate_versions(&t.links, s, c, err));
    VAULT_TRY(collect(&t, err));
    VAULT_TRY(rank(&t, err));
    return answer(&t, err);
}

void audit_trace_leak(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++)
        if (trace(s, calls[i]) != VAULT_OK) calls[i]->rq->out = NULL;
}

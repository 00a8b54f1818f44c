/* Leads of a leak: the hypotheses, their posteriors, and the guilt model beside them. */
#include "vault/audit/rank_internal.h"

#include <math.h>
#include <stdlib.h>

/* Before the list is looked at: as likely as not it is from elsewhere, then from anywhere or from one of all places;
 * every accessor is as likely as any other. Of one who makes exports, that one of them was leaked is as likely as that
 * rows were taken from all that it has seen. */
static const double prior_elsewhere = 0.5, share_of_exports = 0.5, share_of_crowds = 0.2;
static const double guess = 0.2; /* of the guilt model: that a row can be guessed */

/* ---- the question ---- */

static bool ascending(const uint32_t *rows, size_t count, size_t below)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i] >= below || (i && rows[i] <= rows[i - 1])) return false;
    return true;
}

static bool suspect_fits(const leak_question *q, size_t at)
{
    const suspect_openings *s = &q->suspects[at];
    bool made = s->kind != SUSPECT_EXPORT || (s->maker < at && q->suspects[s->maker].kind != SUSPECT_EXPORT);
    return s->kind < SUSPECT_KINDS && made && s->opened > 0 && s->opened >= s->hit_count &&
           ascending(s->hits, s->hit_count, q->row_count);
}

static vault_code check_question(const leak_question *q, vault_error *err)
{
    if (q->row_count > UINT32_MAX || !(q->epsilon >= 0 && q->epsilon < 1))
        return vault_fail(err, VAULT_INVALID, "epsilon or rows out of range");
    for (size_t t = 0; t < q->row_count; t++)
        if (!(q->weight[t] >= 0 && q->weight[t] <= 1 && q->share[t] > 0 && q->share[t] <= 1))
            return vault_fail(err, VAULT_INVALID, "row %zu: weight or share out of range", t);
    for (size_t i = 0; i < q->suspect_count; i++)
        if (!suspect_fits(q, i)) return vault_fail(err, VAULT_INVALID, "suspect %zu does not fit the rows", i);
    for (size_t c = 0; c < q->crowd_count; c++)
        if (!q->crowds[c].people || q->crowds[c].people < q->crowds[c].row_count ||
            !ascending(q->crowds[c].rows, q->crowds[c].row_count, q->row_count))
            return vault_fail(err, VAULT_INVALID, "crowd %zu does not fit the rows", c);
    return VAULT_OK;
}

/* ---- likelihoods ---- */

static double set_llr(const rank_rows *r, uint64_t size, const uint32_t *rows, size_t count)
{
    double llr = r->linked * log(r->epsilon);
    for (size_t i = 0; i < count; i++) {
        const size_t t = rows[i];
        llr += r->weight[t] * log1p((1 - r->epsilon) / ((double)size * r->epsilon * r->share[t]));
    }
    return llr;
}

static rank_rows rows_of(const leak_question *q)
{
    rank_rows r = {.weight = q->weight,
                   .share = q->share,
                   .count = q->row_count,
                   .epsilon = q->epsilon > 0 ? q->epsilon : RANK_EPSILON,
                   .accessors = q->accessors,
                   .places = q->places > q->crowd_count ? q->places : q->crowd_count};
    size_t makers = 0;
    for (size_t t = 0; t < q->row_count; t++) {
        r.linked += q->weight[t];
        r.linked_rows += q->weight[t] > 0;
    }
    for (size_t i = 0; i < q->suspect_count; i++) makers += q->suspects[i].kind != SUSPECT_EXPORT;
    if (r.accessors < makers) r.accessors = makers;
    return r;
}

/* ln(e^a + e^b) */
static double log_join(double a, double b)
{
    const double most = a > b ? a : b, least = a > b ? b : a;
    return isinf(most) ? most : most + log1p(exp(least - most));
}

/* ---- hypotheses ---- */

/* By likelihood times prior, both as logarithms. */
typedef struct hypotheses {
    double *score; /* of each suspect; of a maker with its exports */
    double elsewhere;
} hypotheses;

static double log_prior(const leak_question *q, const rank_rows *r, const suspect_openings *s)
{
    const suspect_openings *maker = s->kind == SUSPECT_EXPORT ? &q->suspects[s->maker] : s;
    double prior = (1 - prior_elsewhere) / (double)r->accessors;
    if (s->kind == SUSPECT_EXPORT) return log(prior * share_of_exports / (double)(maker->exports ? maker->exports : 1));
    return log(maker->exports ? prior * (1 - share_of_exports) : prior);
}

static double score_elsewhere(const leak_question *q, const rank_rows *r)
{
    if (!r->places) return log(prior_elsewhere);
    double score = log(prior_elsewhere * (1 - share_of_crowds));
    const double each = log(prior_elsewhere * share_of_crowds / (double)r->places);
    for (size_t c = 0; c < q->crowd_count; c++) {
        const leak_crowd *of = &q->crowds[c];
        score = log_join(score, each + set_llr(r, of->people, of->rows, of->row_count));
    }
    return score;
}

static vault_code weigh(hypotheses *out, arena *mem, const leak_question *q, const rank_rows *r, leak_lead *leads,
                        vault_error *err)
{
    if (!(out->score = arena_array(mem, q->suspect_count + 1, sizeof *out->score)))
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for %zu hypotheses", q->suspect_count);
    out->elsewhere = score_elsewhere(q, r);
    for (size_t i = 0; i < q->suspect_count; i++) {
        const suspect_openings *s = &q->suspects[i];
        leads[i].llr = set_llr(r, s->opened, s->hits, s->hit_count);
        out->score[i] = leads[i].llr + log_prior(q, r, s);
        if (s->kind == SUSPECT_EXPORT) out->score[s->maker] = log_join(out->score[s->maker], out->score[i]);
    }
    return VAULT_OK;
}

/* A canary has one holder: where the list has any, nobody who met fewer comes in question, and no place outside. */
static size_t most_canaries(const leak_question *q)
{
    size_t most = 0;
    for (size_t i = 0; i < q->suspect_count; i++)
        if (q->suspects[i].canaries > most) most = q->suspects[i].canaries;
    return most;
}

static void set_posteriors(leak_answer *out, const hypotheses *h, const leak_question *q)
{
    const size_t canaries = most_canaries(q);
    double all = canaries ? -INFINITY : h->elsewhere;
    for (size_t i = 0; i < q->suspect_count; i++)
        if (q->suspects[i].kind != SUSPECT_EXPORT && q->suspects[i].canaries == canaries)
            all = log_join(all, h->score[i]);
    for (size_t i = 0; i < q->suspect_count; i++) {
        const suspect_openings *s = &q->suspects[i];
        const suspect_openings *stands = s->kind == SUSPECT_EXPORT ? &q->suspects[s->maker] : s;
        out->leads[i].posterior = stands->canaries == canaries ? exp(h->score[i] - all) : 0;
    }
    out->not_from_here = canaries ? 0 : exp(h->elsewhere - all);
}

/* ---- what stands beside it ---- */

/* |V_t|: how many accessors have each row; an export is its maker's. */
static uint32_t *holders_of_rows(arena *mem, const leak_question *q)
{
    uint32_t *holders = arena_array(mem, q->row_count + 1, sizeof *holders);
    for (size_t i = 0; holders && i < q->suspect_count; i++) {
        const suspect_openings *s = &q->suspects[i];
        for (size_t h = 0; s->kind != SUSPECT_EXPORT && h < s->hit_count; h++) holders[s->hits[h]]++;
    }
    return holders;
}

static void set_figures(leak_lead *out, const leak_question *q, const rank_rows *r, const uint32_t *holders)
{
    const suspect_openings *s = &q->suspects[out->suspect];
    double innocent = 1;
    size_t linked = 0;
    for (size_t h = 0; h < s->hit_count; h++) {
        const size_t t = s->hits[h];
        if (q->weight[t] == 0) continue;
        linked++;
        innocent *= 1 - (1 - guess) / (double)(holders[t] ? holders[t] : 1);
    }
    out->coverage = r->linked_rows ? (double)linked / (double)r->linked_rows : 0;
    out->concentration = (double)linked / (double)s->opened;
    out->guilt = 1 - innocent;
}

/* ---- order ---- */

typedef struct placed {
    double score;
    size_t canaries, at;
    bool is_export;
    leak_lead lead;
} placed;

static int compare_placed(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    if (x->canaries != y->canaries) return x->canaries > y->canaries ? -1 : 1;
    if (x->score > y->score || x->score < y->score) return x->score > y->score ? -1 : 1;
    if (x->is_export != y->is_export) return x->is_export ? 1 : -1; /* after its maker, where it is all that he did */
    return x->at < y->at ? -1 : x->at > y->at;
}

static vault_code order(leak_answer *out, arena *mem, const leak_question *q, const hypotheses *h, vault_error *err)
{
    placed *all = arena_array(mem, q->suspect_count + 1, sizeof *all);
    if (!all) return vault_fail(err, VAULT_EXHAUSTED, "no memory for %zu leads", q->suspect_count);
    for (size_t i = 0; i < q->suspect_count; i++)
        all[i] = (placed){.score = h->score[i],
                          .canaries = q->suspects[i].canaries,
                          .at = i,
                          .is_export = q->suspects[i].kind == SUSPECT_EXPORT,
                          .lead = out->leads[i]};
    qsort(all, q->suspect_count, sizeof *all, compare_placed);
    for (size_t i = 0; i < q->suspect_count; i++) out->leads[i] = all[i].lead;
    return VAULT_OK;
}

vault_code rank_leak(leak_answer *out, arena *mem, const leak_question *q, vault_error *err)
{
    hypotheses h = {0};
    VAULT_TRY(check_question(q, err));
    const rank_rows r = rows_of(q);
    uint32_t *holders = holders_of_rows(mem, q);
    *out = (leak_answer){.leads = arena_array(mem, q->suspect_count + 1, sizeof *out->leads),
                         .lead_count = q->suspect_count};
    if (!out->leads || !holders) return vault_fail(err, VAULT_EXHAUSTED, "no memory for %zu leads", q->suspect_count);
    VAULT_TRY(weigh(&h, mem, q, &r, out->leads, err));
    set_posteriors(out, &h, q);
    for (size_t i = 0; i < q->suspect_count; i++) {
        out->leads[i].suspect = i;
        set_figures(&out->leads[i], q, &r, holders);
    }
    VAULT_TRY(order(out, mem, q, &h, err));
    return rank_colluders(out, mem, q, &r, err);
}

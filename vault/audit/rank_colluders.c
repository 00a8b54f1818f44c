/* Several who have each leaked a part of a list: a mixture of their sets and of rows from elsewhere, fitted by
 * expectation and maximisation,
 *
 *   r_ti ~ w_i / |R_i| * [t in R_i], background w_0 * q_t,    w_i = mean of r_ti over the rows
 *
 * and then made as small as the rows allow: who explains no more than chance would among so many accessors goes. */
#include "vault/audit/rank_internal.h"

#include <math.h>
#include <stdlib.h>

enum { START_MOST = 512, KEPT_MOST = 10, ROUNDS = 60, ROUNDS_FINE = 100 };
static const double weight_least = 0.02, start_elsewhere = 0.2, settled = 1e-7;
static const double margin = 3; /* nats, beyond the choice of one more among all accessors */

typedef struct member {
    const suspect_openings *of;
    size_t suspect;
    double weight, next;
} member;

typedef struct mixture {
    const rank_rows *rows;
    member *at;
    size_t count;
    double elsewhere; /* w_0 */
    double *density;  /* of each row, over q_t; of the work */
} mixture;

/* ---- the fit ---- */

static void start(mixture *m)
{
    m->elsewhere = start_elsewhere;
    for (size_t i = 0; i < m->count; i++) m->at[i].weight = (1 - start_elsewhere) / (double)m->count;
}

static void densities(mixture *m)
{
    for (size_t t = 0; t < m->rows->count; t++) m->density[t] = m->elsewhere;
    for (size_t i = 0; i < m->count; i++) {
        const suspect_openings *s = m->at[i].of;
        const double each = m->at[i].weight / (double)s->opened;
        for (size_t h = 0; h < s->hit_count; h++) m->density[s->hits[h]] += each / m->rows->share[s->hits[h]];
    }
}

/* One round; returns by how much the weights moved. */
static double improve(mixture *m)
{
    const rank_rows *r = m->rows;
    double elsewhere = 0, moved = 0;
    densities(m);
    for (size_t t = 0; t < r->count; t++)
        if (r->weight[t] > 0) elsewhere += r->weight[t] * m->elsewhere / m->density[t];
    for (size_t i = 0; i < m->count; i++) {
        const suspect_openings *s = m->at[i].of;
        double sum = 0;
        for (size_t h = 0; h < s->hit_count; h++) {
            const size_t t = s->hits[h];
            if (r->weight[t] > 0) sum += r->weight[t] / (r->share[t] * m->density[t]);
        }
        m->at[i].next = m->at[i].weight / (double)s->opened * sum / r->linked;
        moved += fabs(m->at[i].next - m->at[i].weight);
    }
    for (size_t i = 0; i < m->count; i++) m->at[i].weight = m->at[i].next;
    m->elsewhere = elsewhere / r->linked;
    return moved;
}

static void fit(mixture *m, int rounds)
{
    start(m);
    while (rounds-- && improve(m) > settled) continue;
}

/* Against "not from this vault". */
static double log_likelihood(mixture *m)
{
    double sum = 0;
    densities(m);
    for (size_t t = 0; t < m->rows->count; t++)
        if (m->rows->weight[t] > 0) sum += m->rows->weight[t] * log(m->density[t]);
    return sum;
}

/* ---- who stays ---- */

static double fitted_without(mixture *m, member *room, size_t left_out)
{
    mixture less = {.rows = m->rows, .at = room, .density = m->density};
    for (size_t i = 0; i < m->count; i++)
        if (i != left_out) room[less.count++] = m->at[i];
    fit(&less, ROUNDS_FINE);
    return log_likelihood(&less);
}

static double chance(const rank_rows *r)
{
    return log((double)(r->accessors + 1)) + margin;
}

/* Takes away whoever is missed least, while he is missed less than chance allows. */
static void prune(mixture *m, member *room)
{
    while (m->count > 1) {
        fit(m, ROUNDS_FINE);
        const double all = log_likelihood(m);
        double best = -INFINITY;
        size_t least = 0;
        for (size_t i = 0; i < m->count; i++) {
            const double without = fitted_without(m, room, i);
            if (without > best) best = without, least = i;
        }
        if (all - best >= chance(m->rows)) return;
        m->at[least] = m->at[--m->count];
    }
}

static int compare_members(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->weight > y->weight || x->weight < y->weight) return x->weight > y->weight ? -1 : 1;
    return x->suspect < y->suspect ? -1 : x->suspect > y->suspect;
}

static void keep_heavy(mixture *m)
{
    size_t kept = 0;
    qsort(m->at, m->count, sizeof *m->at, compare_members);
    while (kept < m->count && kept < KEPT_MOST && m->at[kept].weight >= weight_least) kept++;
    m->count = kept;
}

/* People of one place are the work of several who work there: a list from that place is no collusion. */
static bool is_of_one_place(mixture *m, member *room, const leak_question *q)
{
    fit(m, ROUNDS_FINE);
    const double several = log_likelihood(m) - (double)m->count * chance(m->rows);
    for (size_t c = 0; c < q->crowd_count; c++) {
        const suspect_openings people = {
            .opened = q->crowds[c].people, .hits = q->crowds[c].rows, .hit_count = q->crowds[c].row_count};
        mixture one = {.rows = m->rows, .at = room, .count = 1, .density = m->density};
        room[0] = (member){.of = &people};
        fit(&one, ROUNDS_FINE);
        if (log_likelihood(&one) - log((double)m->rows->places) >= several) return true;
    }
    return false;
}

/* ---- in and out ---- */

static size_t linked_hits(const rank_rows *r, const suspect_openings *s)
{
    size_t linked = 0;
    for (size_t h = 0; h < s->hit_count; h++) linked += r->weight[s->hits[h]] > 0;
    return linked;
}

/* Persons and apps, best leads first. */
static void gather(mixture *m, const leak_answer *ranked, const leak_question *q)
{
    for (size_t i = 0; i < ranked->lead_count && m->count < START_MOST; i++) {
        const size_t at = ranked->leads[i].suspect;
        const suspect_openings *s = &q->suspects[at];
        if (s->kind != SUSPECT_EXPORT && linked_hits(m->rows, s) > 1)
            m->at[m->count++] = (member){.of = s, .suspect = at};
    }
}

static vault_code tell(leak_answer *out, arena *mem, const mixture *m, vault_error *err)
{
    if (!(out->colluders = arena_array(mem, m->count, sizeof *out->colluders)))
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for colluders");
    for (size_t i = 0; i < m->count; i++)
        out->colluders[i] = (leak_colluder){
            .suspect = m->at[i].suspect, .weight = m->at[i].weight, .hits = linked_hits(m->rows, m->at[i].of)};
    out->colluder_count = m->count;
    return VAULT_OK;
}

vault_code rank_colluders(leak_answer *out, arena *mem, const leak_question *q, const rank_rows *r, vault_error *err)
{
    mixture m = {.rows = r,
                 .at = arena_array(mem, START_MOST, sizeof *m.at),
                 .density = arena_array(mem, r->count + 1, sizeof *m.density)};
    member *room = arena_array(mem, START_MOST, sizeof *room);
    if (!m.at || !m.density || !room) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a mixture");
    gather(&m, out, q);
    if (m.count < 2) return VAULT_OK;
    fit(&m, ROUNDS);
    keep_heavy(&m);
    if (m.count) fit(&m, ROUNDS_FINE);
    prune(&m, room);
    if (m.count < 2 || is_of_one_place(&m, room, q)) return VAULT_OK;
    qsort(m.at, m.count, sizeof *m.at, compare_members);
    return tell(out, mem, &m, err);
}

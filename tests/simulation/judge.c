/* Lists that were seen at the same time and hold the same fields are looked up in one pass over the columns, and ranked
 * each by itself; some are looked up once more alone, over the database, as the vault does it: with the same outcome.
 */
#include "tests/simulation/simulation.h"
#include "vault/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 1024 << 20, ALONE_EVERY = 1500 };
static const double accused = 0.9;

/* ---- lists that are looked up together ---- */

typedef struct group {
    const leaked_list **lists;
    size_t count;
    uint32_t *first_row; /* of each */
    openings_question q;
    leaked_resident *leaked;
    openings found;
} group;

static int compare_leaked(const void *a, const void *b)
{
    const leaked_resident *x = a, *y = b;
    if (x->resident != y->resident) return x->resident < y->resident ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static void ask_group(group *g, const world *w, arena *mem)
{
    size_t rows = 0;
    for (size_t i = 0; i < g->count; i++) rows += g->lists[i]->row_count;
    g->leaked = arena_array(mem, rows + 1, sizeof *g->leaked);
    g->first_row = arena_array(mem, g->count + 1, sizeof *g->first_row);
    if (!g->leaked || !g->first_row) die("no memory");
    rows = 0;
    for (size_t i = 0; i < g->count; i++) {
        const leaked_list *l = g->lists[i];
        g->first_row[i] = (uint32_t)rows;
        for (uint32_t r = 0; r < l->row_count; r++, rows++)
            g->leaked[rows] = (leaked_resident){.resident = l->rows[r].resident,
                                                .row = (uint32_t)rows,
                                                .canary = l->rows[r].canary,
                                                .fields = l->fields,
                                                .least_version = l->rows[r].least,
                                                .most_version = l->rows[r].most};
    }
    g->first_row[g->count] = (uint32_t)rows;
    qsort(g->leaked, rows, sizeof *g->leaked, compare_leaked);
    g->q = (openings_question){.fields = field_names,
                               .field_count = FIELDS,
                               .leaked = g->leaked,
                               .leaked_count = rows,
                               .row_count = rows,
                               .residents = w->o.residents,
                               .before_us = world_time(g->lists[0]->seen)};
}

static void look_up(group *g, const book *b, arena *mem)
{
    gathering *all = gathering_new(&g->q);
    for (size_t i = 0; i < b->stretches; i++) MUST(gathering_add(all, &b->columns[i], err));
    MUST(gathering_end(&g->found, all, mem, err));
    gathering_free(&all);
}

/* ---- one of them ---- */

static size_t rows_within(uint32_t **out, arena *mem, const uint32_t *rows, size_t count, const uint32_t *bounds)
{
    size_t from = 0, until;
    while (from < count && rows[from] < bounds[0]) from++;
    for (until = from; until < count && rows[until] < bounds[1]; until++) continue;
    if (until == from) return 0;
    *out = arena_array(mem, until - from, sizeof **out);
    if (!*out) die("no memory");
    for (size_t i = from; i < until; i++) (*out)[i - from] = rows[i] - bounds[0];
    return until - from;
}

static size_t canaries_in(const leaked_list *l, const suspect_openings *s)
{
    size_t count = 0;
    for (size_t h = 0; h < s->hit_count; h++) count += l->rows[s->hits[h]].canary;
    return count;
}

/* Nobody has opened fewer residents than rows that he explains (gathering_end): of a group's rows several may be of one
 * resident, and the size says nothing of a single list. */
static bool is_sized_by_rows(const suspect_openings *of)
{
    return of->opened == of->hit_count;
}

/* False: it must be looked up by itself. */
static bool part_of_suspects(openings *out, const group *g, size_t which, arena *mem)
{
    size_t *now_at = arena_array(mem, g->found.count + 1, sizeof *now_at);
    out->suspects = arena_array(mem, g->found.count + 1, sizeof *out->suspects);
    out->names = arena_array(mem, g->found.count + 1, sizeof *out->names);
    if (!now_at || !out->suspects || !out->names) die("no memory");
    for (size_t i = 0; i < g->found.count; i++) {
        uint32_t *rows = NULL;
        suspect_openings s = g->found.suspects[i];
        s.hit_count = rows_within(&rows, mem, s.hits, s.hit_count, &g->first_row[which]);
        s.hits = rows;
        if (s.hit_count < (s.kind == SUSPECT_EXPORT ? 2 : 1)) continue;
        if (is_sized_by_rows(&g->found.suspects[i])) return false;
        if (s.kind == SUSPECT_EXPORT) s.maker = now_at[s.maker];
        s.canaries = canaries_in(g->lists[which], &s);
        now_at[i] = out->count;
        out->suspects[out->count] = s;
        out->names[out->count++] = g->found.names[i];
    }
    return true;
}

static bool part_of_group(openings *out, const group *g, size_t which, arena *mem)
{
    *out = (openings){.share = g->found.share + g->first_row[which],
                      .row_count = g->lists[which]->row_count,
                      .accessors = g->found.accessors,
                      .places = g->found.places};
    if (!part_of_suspects(out, g, which, mem)) return false;
    out->crowds = arena_array(mem, g->found.crowd_count + 1, sizeof *out->crowds);
    if (!out->crowds) die("no memory");
    for (size_t i = 0; i < g->found.crowd_count; i++) {
        uint32_t *rows = NULL;
        const leak_crowd *c = &g->found.crowds[i];
        const size_t count = rows_within(&rows, mem, c->rows, c->row_count, &g->first_row[which]);
        if (count && c->people == c->row_count) return false;
        if (count)
            out->crowds[out->crowd_count++] = (leak_crowd){.people = c->people, .rows = rows, .row_count = count};
    }
    return true;
}

static leak_answer ranked(const leaked_list *l, const openings *found, arena *mem)
{
    leak_answer answer;
    double weight[LIST_MAX];
    for (uint32_t r = 0; r < l->row_count; r++) weight[r] = l->rows[r].weight;
    const leak_question q = openings_rank(found, weight);
    MUST(rank_leak(&answer, mem, &q, err));
    return answer;
}

/* ---- right or wrong ---- */

static bool names_actor(const suspect_name *n, const actor *a)
{
    return strcmp(n->app, a->app) == 0 && strcmp(n->person ? n->person : "", a->person) == 0;
}

static bool is_right(const world *w, const leaked_list *l, const suspect_name *n)
{
    for (uint32_t c = 0; c < l->culprit_count; c++)
        if (names_actor(n, &w->actors[l->culprits[c]])) return true;
    return false;
}

/* Persons and apps in their order; exports stand behind their makers. */
typedef struct standing {
    uint32_t best, right_among[6]; /* place of the best culprit, 0 first; how many of the culprits in the first n */
    double top;                    /* posterior of the first */
    bool top_right;
} standing;

static standing stand(const world *w, const leaked_list *l, const openings *found, const leak_answer *a)
{
    standing s = {.best = UINT32_MAX};
    uint32_t place = 0, right = 0;
    for (size_t i = 0; i < a->lead_count; i++) {
        const size_t at = a->leads[i].suspect;
        if (found->suspects[at].kind == SUSPECT_EXPORT) continue;
        const bool is = is_right(w, l, &found->names[at]);
        if (place == 0) s.top = a->leads[i].posterior, s.top_right = is;
        if (is && s.best == UINT32_MAX) s.best = place;
        right += is;
        if (++place < 6) s.right_among[place] = right;
    }
    for (uint32_t i = place + 1; i < 6; i++) s.right_among[i] = right;
    return s;
}

static bool export_is_first(const world *w, const leaked_list *l, const openings *found, const leak_answer *a)
{
    char text[32];
    (void)w;
    if (!l->request) return false;
    snprintf(text, sizeof text, "export-%u", l->request);
    for (size_t i = 0; i < a->lead_count; i++) {
        const size_t at = a->leads[i].suspect;
        if (found->suspects[at].kind == SUSPECT_EXPORT) return found->names[at].request == column_request(text);
    }
    return false;
}

static bool has_twin(const world *w, const leaked_list *l, const openings *found, const leak_answer *a)
{
    uint32_t place = 0;
    const actor *twin = &w->actors[w->actors[l->culprits[0]].other];
    for (size_t i = 0; i < a->lead_count && place < 2; i++) {
        const size_t at = a->leads[i].suspect;
        if (found->suspects[at].kind == SUSPECT_EXPORT) continue;
        if (names_actor(&found->names[at], twin)) return true;
        place++;
    }
    return false;
}

/* Whom two simpler measures put first: the guilt model, and the Jaccard index of list and set. */
static void simpler(tally *t, const world *w, const leaked_list *l, const openings *found, const leak_answer *a)
{
    double guilt = -1, jaccard = -1;
    size_t by_guilt = 0, by_jaccard = 0;
    for (size_t i = 0; i < a->lead_count; i++) {
        const leak_lead *lead = &a->leads[i];
        const suspect_openings *s = &found->suspects[lead->suspect];
        if (s->kind == SUSPECT_EXPORT) continue;
        const double all = (double)l->row_count + (double)s->opened - (double)s->hit_count;
        if (lead->guilt > guilt) guilt = lead->guilt, by_guilt = lead->suspect;
        if ((double)s->hit_count / all > jaccard) jaccard = (double)s->hit_count / all, by_jaccard = lead->suspect;
    }
    if (guilt < 0) return;
    t->guilt_first += is_right(w, l, &found->names[by_guilt]);
    t->jaccard_first += is_right(w, l, &found->names[by_jaccard]);
}

static bool calibrates(const leak_kind *k)
{
    return k->by != COLLUDERS && !k->canary;
}

static double outsiders_weight(void)
{
    double leaked = 0, outside = 0;
    for (size_t k = 0; k < leak_kind_count; k++) {
        leaked += calibrates(&leak_kinds[k]) && leak_kinds[k].by != OUTSIDER;
        outside += leak_kinds[k].by == OUTSIDER;
    }
    return leaked / outside;
}

/* Of lists that one has leaked, or none; these weigh as much together as those, as the prior says. */
static void count_calibration(calibration *c, const world *w, const leaked_list *l, const openings *found,
                              const leak_answer *a)
{
    const double weight = l->culprit_count ? 1 : outsiders_weight();
    for (size_t i = 0; i < a->lead_count; i++) {
        const leak_lead *lead = &a->leads[i];
        if (found->suspects[lead->suspect].kind == SUSPECT_EXPORT || lead->posterior < 0.001) continue;
        size_t bin = (size_t)(lead->posterior * BINS);
        if (bin >= BINS) bin = BINS - 1;
        c->leads[bin]++;
        c->weight[bin] += weight;
        c->right[bin] += is_right(w, l, &found->names[lead->suspect]) ? weight : 0;
        c->sum[bin] += weight * lead->posterior;
    }
}

static void count_colluders(tally *t, const world *w, const leaked_list *l, const openings *found, const leak_answer *a)
{
    uint32_t right = 0;
    for (size_t i = 0; i < a->colluder_count; i++) right += is_right(w, l, &found->names[a->colluders[i].suspect]);
    t->named_colluders += a->colluder_count > 0;
    t->exact += l->culprit_count > 1 && right == l->culprit_count && a->colluder_count == right;
}

static void count(verdicts *v, const world *w, const leaked_list *l, const openings *found, const leak_answer *a)
{
    tally *t = &v->of_kind[l->kind];
    const standing s = stand(w, l, found, a);
    t->leaks++;
    t->first += s.best == 0;
    t->second += s.best < 2;
    t->fifth += s.best < 5;
    t->accused += s.top > accused;
    t->accused_wrongly += s.top > accused && !s.top_right;
    t->found_all += l->culprit_count && s.right_among[l->culprit_count] == l->culprit_count;
    t->export_first += export_is_first(w, l, found, a);
    t->with_twin += l->culprit_count && w->actors[l->culprits[0]].trade == TWIN && has_twin(w, l, found, a);
    t->top_posterior += s.top;
    simpler(t, w, l, found, a);
    count_colluders(t, w, l, found, a);
    if (calibrates(&leak_kinds[l->kind])) count_calibration(&v->all, w, l, found, a);
}

/* ---- all of them ---- */

/* Over the database, as Audit.TraceLeak does it. */
static void expect_same_alone(verdicts *v, const world *w, const book *b, const leaked_list *l,
                              const leak_answer *together)
{
    openings found;
    arena *mem = arena_new(MEMORY);
    group g = {.lists = &l, .count = 1};
    const openings_source from = {.sc = b->scribe, .s = b->store};
    ask_group(&g, w, mem);
    const int64_t began = clock_monotonic_us();
    MUST(openings_collect(&found, &from, mem, &g.q, err));
    const leak_answer alone = ranked(l, &found, mem);
    v->seconds_alone += (double)(clock_monotonic_us() - began) / 1e6;
    v->compared++;
    bool same = alone.lead_count == together->lead_count && fabs(alone.not_from_here - together->not_from_here) < 1e-9;
    for (size_t i = 0; same && i < alone.lead_count; i++)
        same = fabs(alone.leads[i].posterior - together->leads[i].posterior) < 1e-9;
    if (!same) die("list %u of kind %u is ranked otherwise over the database", l->number, l->kind);
    arena_free(&mem);
}

static void judge_group(verdicts *v, const world *w, const book *b, group *g)
{
    arena *mem = arena_new(MEMORY), *each = arena_new(MEMORY);
    const int64_t began = clock_monotonic_us();
    ask_group(g, w, mem);
    look_up(g, b, mem);
    v->seconds_gathered += (double)(clock_monotonic_us() - began) / 1e6;
    for (size_t i = 0; i < g->count; i++) {
        openings found;
        arena_reset(each);
        if (!part_of_group(&found, g, i, each)) {
            group alone = {.lists = &g->lists[i], .count = 1};
            ask_group(&alone, w, each);
            look_up(&alone, b, each);
            found = alone.found;
            v->apart++;
        }
        const leak_answer a = ranked(g->lists[i], &found, each);
        count(v, w, g->lists[i], &found, &a);
        if (g->lists[i]->number % ALONE_EVERY) continue;
        expect_same_alone(v, w, b, g->lists[i], &a);
    }
    arena_free(&mem);
    arena_free(&each);
}

static int compare_lists(const void *a, const void *b)
{
    const leaked_list *x = a, *y = b;
    if (x->seen != y->seen) return x->seen < y->seen ? -1 : 1;
    if (x->fields != y->fields) return x->fields < y->fields ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

void judge(verdicts *out, const world *w, const book *b, leaked_list *lists, size_t count_of_lists)
{
    *out = (verdicts){.of_kind = calloc(leak_kind_count, sizeof *out->of_kind)};
    const leaked_list **at = calloc(count_of_lists + 1, sizeof *at);
    qsort(lists, count_of_lists, sizeof *lists, compare_lists);
    for (size_t i = 0; i < count_of_lists; i++) at[i] = &lists[i];
    for (size_t from = 0, i = 1; i <= count_of_lists; i++) {
        if (i < count_of_lists && lists[i].seen == lists[from].seen && lists[i].fields == lists[from].fields) continue;
        group g = {.lists = at + from, .count = i - from};
        judge_group(out, w, b, &g);
        from = i;
    }
    free(at);
}

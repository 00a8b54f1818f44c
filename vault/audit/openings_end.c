/* From what was gathered to the sets that are ranked: suspects with their rows, places, and how common each row is. */
#include "vault/audit/openings_internal.h"

#include <stdlib.h>
#include <string.h>

enum { EXPORT_HITS_LEAST = 2 }; /* one row that an export had, many had */

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no room for who opened the list");
}

/* ---- hits as rows ---- */

typedef struct row_hit {
    uint32_t who, row, leaked;
    int64_t index, time_us, last_us;
} row_hit;
typedef struct row_hits {
    row_hit *at;
    size_t count;
} row_hits;

static int compare_hits(const void *a, const void *b)
{
    const row_hit *x = a, *y = b;
    if (x->who != y->who) return x->who < y->who ? -1 : 1;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    if (x->index != y->index) return x->index < y->index ? -1 : 1;
    return x->leaked < y->leaked ? -1 : x->leaked > y->leaked;
}

/* Whole ones, by who and row; of several residents of one row the one that was opened first. */
static vault_code sort_hits(row_hits *out, const gathering *g, arena *mem, vault_error *err)
{
    size_t kept = 0;
    const hit *hits = g->hits.at;
    if (!(out->at = arena_array(mem, g->hits.count + 1, sizeof *out->at))) return no_room(err);
    for (size_t i = 0; i < g->hits.count; i++) {
        const hit *h = &hits[i];
        if (h->whole)
            out->at[out->count++] = (row_hit){.who = h->who,
                                              .row = g->q->leaked[h->leaked].row,
                                              .leaked = h->leaked,
                                              .index = h->index,
                                              .time_us = h->time_us,
                                              .last_us = h->last_us};
    }
    qsort(out->at, out->count, sizeof *out->at, compare_hits);
    for (size_t i = 0; i < out->count; i++)
        if (!kept || out->at[i].who != out->at[kept - 1].who || out->at[i].row != out->at[kept - 1].row)
            out->at[kept++] = out->at[i];
    out->count = kept;
    return VAULT_OK;
}

/* ---- suspects ---- */

/* Those of one suspect in the sorted hits: [from, until). */
typedef struct stretch_of {
    const row_hit *at;
    size_t count;
} stretch_of;

static vault_code copy_hits(suspect_openings *s, suspect_name *n, const gathering *g, arena *mem, stretch_of of)
{
    uint32_t *rows = arena_array(mem, of.count, sizeof *rows);
    opening_line *lines = arena_array(mem, of.count, sizeof *lines);
    if (!rows || !lines) return VAULT_EXHAUSTED;
    n->first_us = of.at[0].time_us;
    for (size_t i = 0; i < of.count; i++) {
        rows[i] = of.at[i].row;
        lines[i] = (opening_line){.index = of.at[i].index, .time_us = of.at[i].time_us};
        if (of.at[i].time_us < n->first_us) n->first_us = of.at[i].time_us;
        if (of.at[i].last_us > n->last_us) n->last_us = of.at[i].last_us;
        s->canaries += g->q->leaked[of.at[i].leaked].canary;
    }
    s->hits = rows;
    s->hit_count = of.count;
    n->lines = lines;
    return VAULT_OK;
}

/* Of the fields that sizes go by those that most of these rows have: who has opened names of many, and more of few, is
 * not held for one of few by rows that are names. */
static uint32_t fields_explained(const gathering *g, stretch_of of)
{
    uint32_t out = 0;
    for (unsigned f = 0; f < SIZED_FIELDS; f++) {
        size_t with = 0;
        for (size_t i = 0; i < of.count; i++) with += g->sized_of[of.at[i].leaked] >> f & 1;
        if (2 * with > of.count) out |= UINT32_C(1) << f;
    }
    return out;
}

static void name_accessor(suspect_openings *s, suspect_name *n, const accessor *a)
{
    s->kind = a->person ? SUSPECT_PERSON : SUSPECT_APP;
    s->exports = a->exports;
    *n = (suspect_name){.app = a->app, .department = a->department, .person = a->person};
}

/* Where each accessor stands among the suspects. */
static vault_code add_suspect(openings *out, uint32_t *place_of, const gathering *g, arena *mem, stretch_of of)
{
    const uint32_t who = of.at[0].who;
    suspect_openings *s = &out->suspects[out->count];
    suspect_name *n = &out->names[out->count];
    if (who & who_export) {
        const exported *e = (const exported *)g->exports.at + (who & ~who_export);
        if (of.count < EXPORT_HITS_LEAST) return VAULT_OK;
        name_accessor(s, n, (const accessor *)g->accessors.at + e->accessor);
        *s = (suspect_openings){.kind = SUSPECT_EXPORT, .opened = e->lines, .maker = place_of[e->accessor]};
        n->request = e->request;
    } else {
        const accessor *a = (const accessor *)g->accessors.at + who;
        name_accessor(s, n, a);
        s->opened = distinct_count(&a->seen, fields_explained(g, of));
        place_of[who] = (uint32_t)out->count;
    }
    out->count++;
    const vault_code code = copy_hits(s, n, g, mem, of);
    if (s->opened < s->hit_count) s->opened = s->hit_count;
    return code;
}

static size_t different_who(const row_hits *hits)
{
    size_t count = 0;
    for (size_t i = 0; i < hits->count; i++) count += i == 0 || hits->at[i].who != hits->at[i - 1].who;
    return count;
}

/* Exports come after all accessors, their numbers being the higher ones: each finds its maker. */
static vault_code add_suspects(openings *out, const gathering *g, arena *mem, const row_hits *hits, vault_error *err)
{
    const size_t most = different_who(hits);
    uint32_t *place_of = arena_array(mem, g->accessors.count + 1, sizeof *place_of);
    out->suspects = arena_array(mem, most + 1, sizeof *out->suspects);
    out->names = arena_array(mem, most + 1, sizeof *out->names);
    if (!place_of || !out->suspects || !out->names) return no_room(err);
    for (size_t from = 0, i = 1; i <= hits->count; i++) {
        if (i < hits->count && hits->at[i].who == hits->at[from].who) continue;
        if (add_suspect(out, place_of, g, mem, (stretch_of){hits->at + from, i - from}) != VAULT_OK)
            return no_room(err);
        from = i;
    }
    return VAULT_OK;
}

/* Names are the gathering's until here. */
static vault_code keep_names(openings *out, arena *mem, vault_error *err)
{
    for (size_t i = 0; i < out->count; i++) {
        const char **names[] = {&out->names[i].app, &out->names[i].department, &out->names[i].person};
        for (size_t n = 0; n < sizeof names / sizeof *names; n++)
            if (*names[n] && !(*names[n] = arena_text(mem, bytes_of_text(*names[n])))) return no_room(err);
    }
    return VAULT_OK;
}

/* ---- how common a row is ---- */

/* Half of what comes from elsewhere is anybody, and half are those of whom much is asked. */
static vault_code set_shares(openings *out, const gathering *g, arena *mem, vault_error *err)
{
    const uint64_t residents = g->q->residents > g->people ? g->q->residents : g->people;
    const double anybody = 0.5 / (double)(residents ? residents : 1);
    double all = 0;
    out->row_count = g->q->row_count;
    if (!(out->share = arena_array(mem, out->row_count + 1, sizeof *out->share))) return no_room(err);
    for (size_t i = 0; i < g->accessors.count; i++)
        all += (double)distinct_count(&((const accessor *)g->accessors.at + i)->seen, g->sized);
    for (size_t t = 0; t < out->row_count; t++) out->share[t] = anybody;
    for (size_t i = 0; i < out->count; i++) {
        const suspect_openings *s = &out->suspects[i];
        for (size_t h = 0; s->kind != SUSPECT_EXPORT && h < s->hit_count; h++)
            out->share[s->hits[h]] += 0.5 / (all > 1 ? all : 1);
    }
    for (size_t t = 0; t < out->row_count; t++)
        if (out->share[t] > 1) out->share[t] = 1;
    return VAULT_OK;
}

/* ---- places ---- */

typedef struct lived {
    uint32_t place, row;
} lived;

static int compare_lived(const void *a, const void *b)
{
    const lived *x = a, *y = b;
    if (x->place != y->place) return x->place < y->place ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static size_t where_they_live(lived *out, const gathering *g)
{
    size_t count = 0;
    for (size_t i = 0; i < g->q->leaked_count; i++) {
        uint64_t keys[PLACES_OF_AREA];
        const int64_t area = g->area_of[i];
        if (!area) continue;
        place_keys(keys, area);
        for (size_t k = 0; k < PLACES_OF_AREA && keys[k]; k++)
            out[count++] = (lived){.place = *number_map_find(&g->place_at, keys[k]), .row = g->q->leaked[i].row};
    }
    qsort(out, count, sizeof *out, compare_lived);
    return count;
}

static vault_code add_crowds(openings *out, const gathering *g, arena *mem, vault_error *err)
{
    lived *all = arena_array(mem, PLACES_OF_AREA * g->q->leaked_count + 1, sizeof *all);
    uint32_t *rows = arena_array(mem, PLACES_OF_AREA * g->q->leaked_count + 1, sizeof *rows);
    out->crowds = arena_array(mem, g->places.count + 1, sizeof *out->crowds);
    if (!all || !rows || !out->crowds) return no_room(err);
    const size_t count = where_they_live(all, g);
    for (size_t i = 0; i < count; i++) {
        leak_crowd *c = &out->crowds[out->crowd_count];
        if (i && all[i].place == all[i - 1].place) {
            if (all[i].row == all[i - 1].row) continue;
            c--;
        } else {
            c->people = ((const uint64_t *)g->places.at)[all[i].place];
            c->rows = rows;
            out->crowd_count++;
        }
        *rows++ = all[i].row;
        if (++c->row_count > c->people) c->people = c->row_count;
    }
    return VAULT_OK;
}

vault_code gathering_end(openings *out, gathering *g, arena *mem, vault_error *err)
{
    row_hits hits = {0};
    *out = (openings){.lines = g->lines, .accessors = g->accessors.count, .places = g->places.count};
    VAULT_TRY(sort_hits(&hits, g, mem, err));
    VAULT_TRY(add_suspects(out, g, mem, &hits, err));
    VAULT_TRY(keep_names(out, mem, err));
    VAULT_TRY(set_shares(out, g, mem, err));
    return add_crowds(out, g, mem, err);
}

leak_question openings_rank(const openings *of, const double *weight)
{
    return (leak_question){.weight = weight,
                           .share = of->share,
                           .row_count = of->row_count,
                           .accessors = of->accessors,
                           .suspects = of->suspects,
                           .suspect_count = of->count,
                           .crowds = of->crowds,
                           .crowd_count = of->crowd_count,
                           .places = of->places};
}

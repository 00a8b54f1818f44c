#include "tests/simulation/simulation.h"

#include <math.h>
#include <stdlib.h>

enum { TRIES = 200, ENOUGH = 20 };
static const double stale_weight = 0.8; /* of a row with a value that the vault does not hold any more */

const leak_kind leak_kinds[] = {
    {.name = "3 rows", .rows = 3},
    {.name = "3 rows, 30 % foreign", .rows = 3, .foreign = 0.3},
    {.name = "3 rows, 50 % foreign", .rows = 3, .foreign = 0.5},
    {.name = "5 rows", .rows = 5},
    {.name = "5 rows, 30 % foreign", .rows = 5, .foreign = 0.3},
    {.name = "5 rows, 50 % foreign", .rows = 5, .foreign = 0.5},
    {.name = "10 rows", .rows = 10},
    {.name = "10 rows, 30 % foreign", .rows = 10, .foreign = 0.3},
    {.name = "10 rows, 50 % foreign", .rows = 10, .foreign = 0.5},
    {.name = "20 rows", .rows = 20},
    {.name = "20 rows, 30 % foreign", .rows = 20, .foreign = 0.3},
    {.name = "20 rows, 50 % foreign", .rows = 20, .foreign = 0.5},
    {.name = "50 rows", .rows = 50},
    {.name = "50 rows, 30 % foreign", .rows = 50, .foreign = 0.3},
    {.name = "50 rows, 50 % foreign", .rows = 50, .foreign = 0.5},
    {.name = "heavy user", .by = HEAVY_ONE, .rows = 10, .foreign = 0.3},
    {.name = "twin", .by = TWIN_ONE, .rows = 10, .foreign = 0.3},
    {.name = "shared account", .by = SHARED_ONE, .rows = 10, .foreign = 0.3},
    {.name = "one export of many", .by = ONE_EXPORT, .rows = 10, .foreign = 0.3},
    {.name = "some of the fields", .rows = 10, .foreign = 0.3, .few_fields = true},
    {.name = "stale values", .rows = 10, .foreign = 0.3, .stale = true},
    {.name = "slow leak", .rows = 20, .foreign = 0.3, .slow = true},
    {.name = "two colluders", .by = COLLUDERS, .rows = 20, .culprits = 2},
    {.name = "two colluders, 30 % foreign", .by = COLLUDERS, .rows = 20, .foreign = 0.3, .culprits = 2},
    {.name = "three colluders", .by = COLLUDERS, .rows = 30, .culprits = 3},
    {.name = "a canary, 90 % foreign", .rows = 20, .foreign = 0.9, .canary = true},
    {.name = "outsider, 3 rows", .by = OUTSIDER, .rows = 3},
    {.name = "outsider, 10 rows", .by = OUTSIDER, .rows = 10},
    {.name = "outsider, 50 rows", .by = OUTSIDER, .rows = 50},
    {.name = "outsider, popular", .by = OUTSIDER, .rows = 10, .from = POPULAR_ONES},
    {.name = "outsider, one street", .by = OUTSIDER, .rows = 20, .from = ONE_STREET},
    {.name = "outsider, one community", .by = OUTSIDER, .rows = 20, .from = ONE_COMMUNITY},
    {.name = "outsider, one grid, 3 rows", .by = OUTSIDER, .rows = 3, .from = ONE_GRID},
    {.name = "outsider, one grid, 10 rows", .by = OUTSIDER, .rows = 10, .from = ONE_GRID},
    {.name = "outsider, one grid, 20 rows", .by = OUTSIDER, .rows = 20, .from = ONE_GRID},
};
const size_t leak_kind_count = sizeof leak_kinds / sizeof *leak_kinds;

/* ---- what somebody knows ---- */

/* Copies of residents' fields, of each resident one. */
typedef struct knowledge {
    const deed **at;
    uint32_t count;
} knowledge;

/* Residents of whom a culprit of the list at hand knows anything: numbers of the list. */
static uint32_t *known_by, list_at_hand;

static bool is_known(uint32_t resident)
{
    return known_by[resident] == list_at_hand;
}

static void forget_all(const world *w)
{
    if (!known_by) known_by = calloc(world_canary(w, w->actor_count) + 1, sizeof *known_by);
    list_at_hand++;
}

/* Newest copies first, or, of a slow leak, as they were at some time. */
static const deed *deed_at(const world *w, const leaked_list *l, uint32_t who, uint32_t i)
{
    const uint32_t count = w->of_actor_count[who];
    const uint32_t at = leak_kinds[l->kind].slow ? (uint32_t)((uint64_t)i * 7919 % count) : count - 1 - i;
    return &w->deeds[w->of_actor[who][at]];
}

static knowledge known_to(const world *w, const leaked_list *l, uint32_t who)
{
    const uint32_t count = w->of_actor_count[who], until = leak_kinds[l->kind].stale ? l->seen / 2 : l->seen;
    knowledge k = {.at = calloc(count + 1, sizeof *k.at)};
    for (uint32_t i = 0; i < count; i++) {
        const deed *d = deed_at(w, l, who, i);
        if (d->part >= until || (d->fields & l->fields) != l->fields || (l->request && d->request != l->request))
            continue;
        if (!is_known(d->resident) && d->resident <= w->o.residents) k.at[k.count++] = d;
        known_by[d->resident] = list_at_hand;
    }
    return k;
}

/* ---- rows ---- */

static bool in_list(const leaked_list *l, uint32_t resident)
{
    for (uint32_t i = 0; i < l->row_count; i++)
        if (l->rows[i].resident == resident) return true;
    return false;
}

/* As linking says it: a value that the record has now is there since the version that wrote it; one that is another was
 * there before that. Version 0: as it is now. */
static void add_row(leaked_list *l, const world *w, uint32_t resident, uint32_t version)
{
    struct list_entry e = {.resident = resident, .weight = 1};
    for (int f = 0; f < FIELDS; f++) {
        const uint32_t put = w->last_put[resident][f];
        if (!(l->fields >> f & 1)) continue;
        if (version && version < put) {
            if (!e.most || put - 1 < e.most) e.most = put - 1;
            e.weight = stale_weight;
        } else if (put > e.least) {
            e.least = put;
        }
    }
    l->rows[l->row_count++] = e;
}

static void add_known(leaked_list *l, const world *w, knowledge *k, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < k->count; i++) {
        const uint32_t other = i + random_below(k->count - i);
        const deed *d = k->at[other];
        k->at[other] = k->at[i];
        if (!in_list(l, d->resident)) add_row(l, w, d->resident, d->version);
    }
}

static uint32_t outsiders_resident(const world *w, const leak_kind *kind, uint32_t place)
{
    if (kind->from == ONE_STREET) return world_in(w, place % w->streets * 10, 10);
    if (kind->from == ONE_COMMUNITY) return world_in(w, place % w->communities, 1);
    if (kind->from == ONE_GRID) return world_in_grid(w, place % w->grids);
    if (kind->from == POPULAR_ONES) return world_popular(w);
    return kind->by != OUTSIDER && random_unit() < 0.5 ? world_popular(w) : 1 + random_below(w->o.residents);
}

/* Rows that none of the culprits has opened. */
static void add_foreign(leaked_list *l, const world *w, uint32_t count)
{
    const leak_kind *kind = &leak_kinds[l->kind];
    const uint32_t place = (uint32_t)(random_u64() >> 40), wanted = l->row_count + count;
    for (uint32_t tries = 0; l->row_count < wanted && tries < 100000; tries++) {
        const uint32_t resident = outsiders_resident(w, kind, place);
        if (!is_known(resident) && !in_list(l, resident)) add_row(l, w, resident, 0);
    }
}

/* ---- culprits ---- */

static bool fits(const actor *a, leaker by)
{
    switch (by) {
    case HEAVY_ONE:
        return a->trade == HEAVY;
    case TWIN_ONE:
        return a->trade == TWIN;
    case SHARED_ONE:
        return a->trade == SHARED;
    case ONE_EXPORT:
        return a->trade == EXPORTER;
    default:
        return a->trade != EXPORTER && a->trade != REGISTER;
    }
}

static uint32_t some_actor(const world *w, leaker by)
{
    uint32_t who;
    do who = random_below(w->actor_count);
    while (!fits(&w->actors[who], by));
    return who;
}

static uint8_t some_of(uint8_t fields)
{
    uint8_t few;
    do few = fields & (uint8_t)random_below(1U << FIELDS);
    while (!few);
    return few;
}

static bool is_culprit(const leaked_list *l, uint32_t who)
{
    for (uint32_t i = 0; i < l->culprit_count; i++)
        if (l->culprits[i] == who) return true;
    return false;
}

/* True: he knew enough, and his rows are in the list. */
static bool add_culprit(leaked_list *l, const world *w, uint32_t rows)
{
    const leak_kind *kind = &leak_kinds[l->kind];
    const uint32_t who = some_actor(w, kind->by);
    if (is_culprit(l, who) || !w->of_actor_count[who]) return false;
    if (!l->fields) l->fields = kind->few_fields ? some_of(w->actors[who].fields) : w->actors[who].fields;
    if (kind->by == ONE_EXPORT) {
        const deed *some = &w->deeds[w->of_actor[who][random_below(w->of_actor_count[who])]];
        if (some->part >= l->seen) return false;
        l->request = some->request;
    }
    knowledge k = known_to(w, l, who);
    const bool enough = k.count >= (rows > ENOUGH ? rows : ENOUGH);
    if (enough) add_known(l, w, &k, rows);
    if (enough) l->culprits[l->culprit_count++] = who;
    free(k.at);
    return enough;
}

bool leak_make(leaked_list *out, const world *w, uint32_t kind)
{
    const leak_kind *k = &leak_kinds[kind];
    const uint32_t foreign = (uint32_t)lround(k->foreign * k->rows), own = k->rows - foreign;
    const uint32_t culprits = k->by == OUTSIDER ? 0 : k->culprits ? k->culprits : 1;
    forget_all(w);
    *out = (leaked_list){.kind = kind, .seen = (uint16_t)(PARTS * (k->stale ? 8 : 5 + random_below(4)) / 8)};
    if (!culprits) out->fields = w->actors[random_below(w->o.persons)].fields;
    for (int tries = 0; out->culprit_count < culprits; tries++) {
        if (tries == TRIES) return false;
        if (!add_culprit(out, w, own / culprits) && !out->culprit_count) {
            out->fields = 0;
            forget_all(w);
        }
    }
    if (k->canary)
        out->rows[0] =
            (struct list_entry){.resident = world_canary(w, out->culprits[0]), .least = 1, .weight = 1, .canary = true};
    add_foreign(out, w, culprits ? foreign : k->rows);
    return true;
}

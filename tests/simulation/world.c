#include "tests/simulation/simulation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME = 1,
    PHONE = 2,
    ADDRESS = 4,
    ID_NUMBER = 8,
    HEALTH = 16,
    GRIDS_OF_COMMUNITY = 10,
    COMMUNITIES_OF_STREET = 10,
    CANARY_AFTER = 5, /* openings */
};
const char *const field_names[FIELDS] = {"name", "phone", "residence_address", "id_number", "health"};
static const uint8_t jobs[] = {NAME | PHONE | ADDRESS, NAME | PHONE, NAME | ID_NUMBER, NAME | PHONE | HEALTH,
                               NAME | ADDRESS};
static const int64_t began = INT64_C(1700000000) * 1000000, three_years = INT64_C(94608000) * 1000000;

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

/* ---- randomness: xorshift64*, the same everywhere ---- */

static uint64_t state;

void random_seed(uint64_t seed)
{
    state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (int i = 0; i < 8; i++) random_u64();
}

uint64_t random_u64(void)
{
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return state * UINT64_C(0x2545f4914f6cdd1d);
}

uint32_t random_below(uint32_t n)
{
    return n ? (uint32_t)((random_u64() >> 32) * n >> 32) : 0;
}

double random_unit(void)
{
    return (double)(random_u64() >> 11) / 9007199254740992.0;
}

static double random_normal(void)
{
    return sqrt(-2 * log(1 - random_unit())) * cos(6.283185307179586 * random_unit());
}

static uint8_t some_job(void)
{
    return jobs[random_below(sizeof jobs)];
}

/* ---- places ---- */

static uint32_t grid_of(const world *w, uint32_t resident)
{
    const uint32_t grid = (uint32_t)((uint64_t)(resident - 1) * w->grids / w->o.residents);
    return grid < w->grids ? grid : w->grids - 1; /* canaries: beyond the residents */
}

static uint32_t grid_start(const world *w, uint32_t grid)
{
    return (uint32_t)(((uint64_t)grid * w->o.residents + w->grids - 1) / w->grids) + 1;
}

/* Somebody of the grids [first, first + count). */
static uint32_t in_grids(const world *w, uint32_t first, uint32_t count)
{
    const uint32_t until = first + count < w->grids ? first + count : w->grids;
    const uint32_t from = grid_start(w, first), to = until == w->grids ? w->o.residents + 1 : grid_start(w, until);
    return from + random_below(to - from);
}

uint32_t world_in_grid(const world *w, uint32_t grid)
{
    return in_grids(w, grid, 1);
}

uint32_t world_in(const world *w, uint32_t community, uint32_t communities)
{
    return in_grids(w, community * GRIDS_OF_COMMUNITY, communities * GRIDS_OF_COMMUNITY);
}

int64_t world_area(const world *w, uint32_t resident)
{
    const uint32_t grid = grid_of(w, resident), community = grid / GRIDS_OF_COMMUNITY;
    const int64_t street = community / COMMUNITIES_OF_STREET;
    return INT64_C(320411000000000) + (street + 1) * 1000000 + (community % COMMUNITIES_OF_STREET + 1) * 1000 +
           grid % GRIDS_OF_COMMUNITY + 1;
}

uint32_t world_canary(const world *w, uint32_t who)
{
    return w->o.residents + 1 + who;
}

int64_t world_time(uint32_t part)
{
    return began + three_years / PARTS * part;
}

/* The square of a uniform number: one in a hundred of the residents has a tenth of the openings. Spread over all
 * places. */
uint32_t world_popular(const world *w)
{
    const double u = random_unit();
    const uint64_t rank = (uint64_t)(u * u * w->o.residents);
    return (uint32_t)(rank * 7919 % w->o.residents) + 1;
}

/* ---- actors ---- */

static void name_actor(actor *a, uint32_t app, uint32_t person)
{
    snprintf(a->app, sizeof a->app, "app-%02u", app);
    snprintf(a->department, sizeof a->department, "department-%02u", app % APPS);
    if (person) snprintf(a->person, sizeof a->person, "person-%05u", person);
}

static void make_person(world *w, uint32_t i)
{
    actor *a = &w->actors[i];
    const bool grid = !w->o.offices && i < w->grids;
    *a = (actor){.trade = grid ? GRID_WORKER : CLERK,
                 .home = grid ? i : random_below(w->streets),
                 .fields = grid ? jobs[0] : some_job(),
                 .fields_now_and_then = some_job(),
                 .weight = exp(0.7 * random_normal())};
    name_actor(a, grid ? 1 : 2 + random_below(APPS - 2), i + 1);
}

/* The last ones of the persons, by what they are. */
static void set_trade(world *w, uint32_t from, uint32_t count, trade what)
{
    for (uint32_t i = from; i < from + count; i++) {
        actor *a = &w->actors[i];
        a->trade = what;
        if (what == HEAVY) a->weight = 25;
        if (what == SHARED) a->weight *= 5;
        if (what != TWIN) continue;
        a->other = random_below(i % 2 ? w->grids : from);
        const actor *twin = &w->actors[a->other];
        a->fields = twin->fields, a->home = twin->home, a->weight = twin->weight;
        snprintf(a->app, sizeof a->app, "%s", twin->app);
        snprintf(a->department, sizeof a->department, "%s", twin->department);
    }
}

static void make_actors(world *w)
{
    const uint32_t n = w->o.persons, heavy = n < 100 ? 1 : 10, few = n / 50 + 1;
    w->grids = n * 7 / 10;
    w->communities = (w->grids + GRIDS_OF_COMMUNITY - 1) / GRIDS_OF_COMMUNITY;
    w->streets = (w->communities + COMMUNITIES_OF_STREET - 1) / COMMUNITIES_OF_STREET;
    w->actor_count = n + APPS;
    w->actors = calloc(w->actor_count, sizeof *w->actors);
    for (uint32_t i = 0; i < n; i++) make_person(w, i);
    set_trade(w, n - heavy, heavy, HEAVY);
    set_trade(w, n - heavy - few, few, SHARED);
    set_trade(w, n - heavy - 2 * few, few, TWIN);
    for (uint32_t a = 0; a < APPS; a++) {
        actor *app = &w->actors[n + a];
        *app = (actor){.trade = a ? EXPORTER : REGISTER, .fields = a % 2 ? jobs[0] : jobs[2]};
        name_actor(app, a, 0);
    }
}

/* ---- deeds ---- */

static void do_deed(world *w, deed d)
{
    if (w->deed_count < w->o.lines) w->deeds[w->deed_count++] = d;
}

static uint32_t resident_for(const world *w, const actor *a)
{
    const double u = random_unit();
    if (a->trade == HEAVY) return u < 0.5 ? 1 + random_below(w->o.residents) : world_popular(w);
    const bool grid = w->actors[a->trade == TWIN ? a->other : (uint32_t)(a - w->actors)].trade == GRID_WORKER;
    if (grid) return u < 0.85 ? in_grids(w, a->home, 1) : world_in(w, a->home / GRIDS_OF_COMMUNITY, 1);
    if (u < 0.5) return world_in(w, a->home * COMMUNITIES_OF_STREET, COMMUNITIES_OF_STREET);
    return u < 0.8 ? world_popular(w) : 1 + random_below(w->o.residents);
}

/* Half of a twin's work is the other's: whom he opened, this one opens, too. */
static uint32_t resident_of_twin(const world *w, const actor *a)
{
    const uint32_t known = w->of_actor_count[a->other];
    if (!known || random_unit() < 0.5) return resident_for(w, a);
    const uint32_t resident = w->deeds[w->of_actor[a->other][random_below(known)]].resident;
    return resident <= w->o.residents ? resident : resident_for(w, a);
}

static void note_deed(world *w, uint32_t who)
{
    uint32_t *count = &w->of_actor_count[who];
    if ((*count & (*count - 1)) == 0) /* doubled at each power of two */
        w->of_actor[who] = realloc(w->of_actor[who], (*count ? 2 * (size_t)*count : 1) * sizeof **w->of_actor);
    w->of_actor[who][(*count)++] = w->deed_count - 1;
}

static void open_one(world *w, uint32_t who, uint16_t part, const uint16_t *version)
{
    const actor *a = &w->actors[who];
    const bool canary = w->of_actor_count[who] == CANARY_AFTER;
    const uint32_t resident = canary             ? world_canary(w, who)
                              : a->trade == TWIN ? resident_of_twin(w, a)
                                                 : resident_for(w, a);
    if (w->deed_count == w->o.lines) return;
    do_deed(w, (deed){.resident = resident,
                      .who = who,
                      .version = version[resident],
                      .part = part,
                      .fields = canary || random_unit() < 0.85 ? a->fields : a->fields_now_and_then});
    note_deed(w, who);
}

static void put_one(world *w, uint16_t part, uint16_t *version)
{
    const uint32_t resident = 1 + random_below(w->o.residents), field = 1 + random_below(2);
    w->last_put[resident][field] = ++version[resident];
    do_deed(w, (deed){.resident = resident,
                      .who = w->o.persons,
                      .version = version[resident],
                      .part = part,
                      .fields = (uint8_t)(1U << field),
                      .put = true});
}

static void export_some(world *w, uint16_t part, const uint16_t *version)
{
    static uint32_t requests;
    const uint32_t who = w->o.persons + 1 + random_below(APPS - 1), rows = 100 + random_below(500);
    const uint32_t request = ++requests, community = random_below(w->communities);
    const bool local = random_unit() < 0.5;
    for (uint32_t i = 0; i < rows && w->deed_count < w->o.lines; i++) {
        const uint32_t resident = local ? world_in(w, community, 1) : world_popular(w);
        do_deed(w, (deed){.resident = resident,
                          .who = who,
                          .request = request,
                          .version = version[resident],
                          .part = part,
                          .fields = w->actors[who].fields});
        note_deed(w, who);
    }
}

static uint32_t who_works(const double *up_to, uint32_t count)
{
    const double at = random_unit() * up_to[count - 1];
    uint32_t low = 0, high = count - 1;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (up_to[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void make_deeds(world *w)
{
    const uint32_t last = world_canary(w, w->actor_count);
    uint16_t *version = calloc(last + 1, sizeof *version);
    double *up_to = calloc(w->o.persons, sizeof *up_to), sum = 0;
    for (uint32_t i = 0; i < w->o.persons; i++) up_to[i] = sum += w->actors[i].weight;
    for (uint32_t r = 1; r <= last; r++) {
        version[r] = 1;
        for (int f = 0; f < FIELDS; f++) w->last_put[r][f] = 1;
    }
    for (uint32_t part = 0; part < PARTS; part++) {
        const uint32_t until = (uint32_t)((uint64_t)w->o.lines * (part + 1) / PARTS);
        while (w->deed_count < until) {
            const double u = random_unit();
            if (u < 0.0005)
                export_some(w, (uint16_t)part, version);
            else if (u < 0.08)
                put_one(w, (uint16_t)part, version);
            else
                open_one(w, who_works(up_to, w->o.persons), (uint16_t)part, version);
        }
    }
    free(version);
    free(up_to);
}

void world_make(world *w, const options *o)
{
    *w = (world){.o = *o};
    random_seed(o->seed);
    make_actors(w);
    w->deeds = calloc(o->lines, sizeof *w->deeds);
    w->of_actor = calloc(w->actor_count, sizeof *w->of_actor);
    w->of_actor_count = calloc(w->actor_count, sizeof *w->of_actor_count);
    w->last_put = calloc(world_canary(w, w->actor_count) + 1, sizeof *w->last_put);
    make_deeds(w);
}

void world_free(world *w)
{
    for (uint32_t i = 0; i < w->actor_count; i++) free(w->of_actor[i]);
    free(w->of_actor);
    free(w->of_actor_count);
    free(w->last_put);
    free(w->deeds);
    free(w->actors);
}

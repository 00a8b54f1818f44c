#include "tests/generator/internal.h"

#include <assert.h>
#include <string.h>

/* The households of a deck of 1,000 residents. Ages of heads and the number of each shape are set so that the ages come
 * close to the census of 2020 (under 14: 14 %, 60 and over: 20 %); the tests hold them to it. */
typedef struct shape {
    const char *roles; /* H head, S spouse, C child, P parent of the head, G grandchild */
    uint8_t low, high; /* age of the head */
    uint8_t count;     /* of such households in a deck */
} shape;
static const shape shapes[] = {
    {"H", 20, 35, 53},     {"H", 36, 59, 30},   {"H", 60, 95, 30},    {"HS", 24, 35, 16},
    {"HS", 36, 59, 34},    {"HS", 60, 90, 48},  {"HSC", 28, 42, 44},  {"HSC", 41, 60, 66},
    {"HSCC", 31, 47, 28},  {"HC", 30, 50, 12},  {"HSCP", 32, 47, 18}, {"HSCPP", 30, 44, 11},
    {"HSCCPP", 32, 44, 6}, {"HSP", 42, 60, 10}, {"HSG", 57, 72, 8},   {"HP", 35, 58, 4},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

void wheel_build(wheel *w, const unsigned *weights, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) total += weights[i];
    size_t at = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += weights[i];
        size_t end = (size_t)(sum * (WHEEL - count) / total) + i + 1;
        while (at < end) w->notch[at++] = (uint16_t)i;
    }
    assert(at == WHEEL);
}

/* Sex is fixed in the deck, so that a resident's rank among its sex is known without counting. */
static bool draw_sex(const shape *s, size_t member, bool head_male, stream *random)
{
    switch (s->roles[member]) {
    case 'H':
        return chance(random, s->roles[1] == 0 && s->low >= 60 ? 400 : s->roles[1] == 'C' ? 350 : 700);
    case 'S':
        return !head_male;
    case 'P': /* two parents are father and mother, a lone one is more often the mother */
        if (s->roles[member - 1] == 'P') return false;
        return s->roles[member + 1] == 'P' || chance(random, 350);
    default:
        return chance(random, 520);
    }
}

static void deal(generator *g, size_t household, size_t first, stream *random)
{
    const deck_household *h = &g->households[household];
    const shape *s = &shapes[h->shape];
    bool head_male = false;
    for (size_t m = 0; m < h->size; m++) {
        bool male = draw_sex(s, m, head_male, random);
        if (m == 0) head_male = male;
        g->slots[first + m] = (deck_slot){.household = (uint16_t)household, .member = (uint8_t)m, .male = male};
        g->slots[first + m].rank = (uint16_t)g->sexes[male]++;
    }
}

void deck_build(generator *g)
{
    stream random = {.state = mix(g->seed ^ UINT64_C(0xDECC))};
    size_t count = 0, slot = 0;
    for (size_t i = 0; i < SHAPES; i++)
        for (unsigned n = 0; n < shapes[i].count; n++)
            g->households[count++] = (deck_household){.shape = (uint8_t)i, .size = (uint8_t)strlen(shapes[i].roles)};
    assert(count == DECK_HOUSEHOLDS);
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = below(&random, (unsigned)i + 1);
        deck_household other = g->households[i];
        g->households[i] = g->households[j];
        g->households[j] = other;
    }
    for (size_t i = 0; i < count; i++) {
        g->households[i].first = (uint16_t)slot;
        deal(g, i, slot, &random);
        slot += g->households[i].size;
    }
    assert(slot == DECK);
    assert(GENERATOR_LIMIT / DECK * g->sexes[0] <= IDENTITY_DOMAIN &&
           GENERATOR_LIMIT / DECK * g->sexes[1] <= IDENTITY_DOMAIN);
}

static unsigned mother_of(const household_plan *h)
{
    return h->size > 1 && h->members[1].role == 'S' && h->members[0].male ? h->members[1].age : h->members[0].age;
}

/* A mother is 21 to 36 years older than her child; who would not be born yet is an infant instead. */
static unsigned child_age(const household_plan *h, size_t m, stream *s)
{
    unsigned gap = between(s, 11, 18) + between(s, 10, 18), mother = mother_of(h);
    if (h->members[m - 1].role == 'C') {
        unsigned older = h->members[m - 1].age, behind = between(s, 1, 6);
        return older > behind ? older - behind : 0;
    }
    return mother > gap ? mother - gap : below(s, 4);
}

static unsigned draw_age(const household_plan *h, size_t m, stream *s)
{
    const shape *is = &shapes[h->shape];
    unsigned head = h->members[0].age, age = head;
    switch (h->members[m].role) {
    case 'H':
        age = between(s, is->low, is->high);
        /* Old age thins out: of two draws take the younger. */
        if (is->low >= 60) {
            unsigned other = between(s, is->low, is->high);
            if (other < age) age = other;
        }
        break;
    case 'S':
        age = h->members[0].male ? head + 1 - below(s, 6) : head - 1 + below(s, 6);
        if (is->low >= 60 && age < 60) age = 60;
        if (age < 20) age = 20;
        break;
    case 'P':
        age = h->members[m - 1].role == 'P' ? h->members[m - 1].age - below(s, 5) : head + between(s, 22, 31);
        break;
    case 'G':
        age = below(s, 16);
        break;
    default:
        age = child_age(h, m, s);
        break;
    }
    return age > 102 ? 102 : age;
}

/* A household comes from elsewhere as a whole or not at all; besides, some spouses do. */
static uint16_t draw_origin(const generator *g, const household_plan *h, size_t m, stream *s)
{
    const member_plan *head = &h->members[0];
    if (m == 0) return chance(s, head->age < 55 ? 230 : 40) ? (uint16_t)wheel_turn(&g->sources, s) : LOCAL;
    if (h->members[m].role == 'S' && chance(s, 100)) return (uint16_t)wheel_turn(&g->sources, s);
    return head->origin;
}

static void draw_member(const generator *g, household_plan *h, size_t m, stream *s)
{
    member_plan *p = &h->members[m];
    p->age = (uint8_t)draw_age(h, m, s);
    p->origin = draw_origin(g, h, m, s);
    bool kin = p->role == 'C' || p->role == 'G' || (p->role == 'P' && p->male);
    p->father = (uint8_t)m;
    p->ethnicity = h->members[0].ethnicity;
    if (m == 0 || (p->role == 'S' && chance(s, 120))) p->ethnicity = (uint8_t)wheel_turn(&g->ethnicities, s);
    p->surname = kin ? h->members[0].surname : (uint8_t)wheel_turn(&g->surnames, s);
    if (p->role == 'C' && h->members[0].male) p->father = 0;
    if (p->role == 'C' && !h->members[0].male && h->members[1].role == 'S') {
        p->father = 1;
        p->surname = h->members[1].surname;
    }
}

bool household_is_single(const household_plan *h)
{
    return h->size == 1;
}

void household_of(const generator *g, uint64_t index, household_plan *out)
{
    uint64_t deck = index / DECK;
    size_t at = g->slots[index % DECK].household;
    const deck_household *d = &g->households[at];
    out->number = deck * DECK_HOUSEHOLDS + at;
    out->head = deck * DECK + d->first;
    out->size = d->size;
    out->shape = d->shape;
    out->key = mix(g->seed + mix(out->number + 1));
    stream s = {.state = out->key};
    out->home = (uint16_t)wheel_turn(&g->homes, &s);
    out->registered = chance(&s, 800) ? out->home : (uint16_t)wheel_turn(&g->homes, &s);
    for (size_t m = 0; m < d->size; m++) {
        out->members[m].role = shapes[d->shape].roles[m];
        out->members[m].male = g->slots[d->first + m].male;
        out->members[m].key = mix(out->key + m + 1);
        draw_member(g, out, m, &s);
    }
}

/* Inside the generator: random streams, weighted wheels, the deck of households, and the plan of one household. */
#pragma once
#include "tests/generator/generator.h"

/* A stream of random numbers that is a function of its key (SplitMix64). */
typedef struct stream {
    uint64_t state;
} stream;
static inline uint64_t mix(uint64_t v)
{
    v = (v ^ (v >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    v = (v ^ (v >> 27)) * UINT64_C(0x94D049BB133111EB);
    return v ^ (v >> 31);
}
static inline uint64_t draw(stream *s)
{
    return mix(s->state += UINT64_C(0x9E3779B97F4A7C15));
}
static inline unsigned below(stream *s, unsigned n)
{
    return (unsigned)(((draw(s) >> 32) * n) >> 32);
}
static inline unsigned between(stream *s, unsigned low, unsigned high)
{
    return low + below(s, high - low + 1);
}
static inline bool chance(stream *s, unsigned per_mille)
{
    return below(s, 1000) < per_mille;
}

/* A weighted choice in one look-up; whatever has a weight gets at least one notch. */
enum { WHEEL = 2048 };
typedef struct wheel {
    uint16_t notch[WHEEL];
} wheel;
void wheel_build(wheel *w, const unsigned *weights, size_t count);
static inline unsigned wheel_turn(const wheel *w, stream *s)
{
    return w->notch[below(s, WHEEL)];
}

/* A deck is 1,000 residents in households of fixed shapes, shuffled once by the seed; deck after deck, only ages, names
 * and places change. That makes an index's household a table look-up, and the shares of the shapes exact. */
enum { DECK = 1000, DECK_HOUSEHOLDS = 418, HOUSEHOLD_MAX = 6, PLACES_MAX = 256, ORIGINS_MAX = 160 };
typedef struct deck_slot {
    uint16_t household;
    uint16_t rank; /* among those of the same sex */
    uint8_t member;
    bool male;
} deck_slot;
typedef struct deck_household {
    uint16_t first; /* slot of the head */
    uint8_t shape, size;
} deck_household;

struct generator {
    uint64_t seed;
    deck_slot slots[DECK];
    deck_household households[DECK_HOUSEHOLDS];
    unsigned sexes[2]; /* residents of a deck: female, male */
    place places[PLACES_MAX];
    origin origins[ORIGINS_MAX];
    size_t place_count, origin_count;
    wheel surnames, ethnicities, homes, sources;
};

/* What the members of a household share or owe to each other. */
enum { LOCAL = UINT16_MAX };
typedef struct member_plan {
    uint64_t key; /* of the member's own streams */
    char role;    /* H head, S spouse, C child, P parent of the head, G grandchild */
    bool male;
    uint8_t age, ethnicity; /* ethnicity: index into ethnicity_codes */
    uint8_t surname;
    uint8_t father;  /* member whose name and surname it has, or its own number */
    uint16_t origin; /* index into origins, or LOCAL */
} member_plan;
typedef struct household_plan {
    uint64_t number;     /* 0, 1, 2, ... over all decks */
    uint64_t head;       /* index of the head */
    uint16_t home;       /* place of residence */
    uint16_t registered; /* place of registration of its local members */
    uint8_t size, shape;
    uint64_t key;
    member_plan members[HOUSEHOLD_MAX];
} household_plan;

void deck_build(generator *g);
void household_of(const generator *g, uint64_t index, household_plan *out);
bool household_is_single(const household_plan *h);

/* data.c: the two TSV files, built in */
void data_load(generator *g);

/* words.c */
enum { SURNAMES = 108, ETHNICITIES = 57 };
extern const char *const surnames[SURNAMES];
extern const unsigned surname_weights[SURNAMES];
extern const char *const ethnicity_codes[ETHNICITIES];
extern const unsigned ethnicity_weights[ETHNICITIES];
const char *given_character(stream *s, bool male, unsigned birth_year);
const char *rare_character(stream *s);
const char *uyghur_name(stream *s, bool male);
const char *tibetan_name(stream *s);
const char *road_name(stream *s);
const char *estate_name(stream *s);
const char *firm_word(stream *s);
const char *firm_trade(stream *s);
typedef struct job {
    const char *type, *title;
    unsigned weight;
} job;
const job *job_of(stream *s);

/* identity.c: county part, month, day and sequence number of the rank-th resident of a sex */
typedef struct identity {
    unsigned county, month, day, sequence;
} identity;
enum { IDENTITY_DOMAIN = 46 * 365 * 499 };
identity identity_of(uint64_t seed, uint64_t rank, bool male);

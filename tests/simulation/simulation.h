/* Leaks of a fictitious district, ranked over a real log: how often the right one comes first, whether outsiders'
 * lists are laid at somebody's door, and whether posteriors mean what they say (docs/tracing.md).
 *
 * The district: grids with a worker each, ten to a community, ten communities to a street; clerks who see a street or
 * the whole district; ten who open twenty-five times as much as others; accounts that several share; twins, who have
 * half their work in common; apps that export by night. Some residents are asked for much more than others. */
#pragma once
#include "vault/audit/openings.h"

enum {
    FIELDS = 5,
    APPS = 54,
    PARTS = 500, /* batches of lines, as much time apart as three years allow */
    CULPRITS_MAX = 3,
    LIST_MAX = 64,
};
typedef struct options {
    uint64_t seed;
    uint32_t residents, persons, lines, leaks;
    bool small, json;
    bool offices; /* nobody has a grid of his own */
} options;

extern const char *const field_names[FIELDS];

/* ---- randomness (world.c) ---- */

uint64_t random_u64(void);
uint32_t random_below(uint32_t n);
double random_unit(void); /* [0, 1) */
void random_seed(uint64_t seed);

/* ---- who does what (world.c) ---- */

typedef enum trade { GRID_WORKER, CLERK, HEAVY, SHARED, TWIN, EXPORTER, REGISTER } trade;
/* One accessor: a person through an app, or an app by itself. */
typedef struct actor {
    trade trade;
    char app[16], department[16], person[20]; /* person "": the app */
    uint8_t fields, fields_now_and_then;
    uint32_t home;  /* grid or street */
    uint32_t other; /* whose twin */
    double weight;
} actor;
/* One line of the log that is to be written. */
typedef struct deed {
    uint32_t resident, who, request; /* request 0: one of its own */
    uint16_t version, part;
    uint8_t fields;
    bool put;
} deed;
typedef struct world {
    options o;
    actor *actors;
    uint32_t actor_count;
    deed *deeds; /* in the order of time */
    uint32_t deed_count;
    uint32_t **of_actor; /* his deeds */
    uint32_t *of_actor_count;
    uint16_t (*last_put)[FIELDS]; /* of each resident and field: the version that wrote it last */
    uint32_t grids, communities, streets;
} world;
void world_make(world *w, const options *o);
void world_free(world *w);
int64_t world_area(const world *w, uint32_t resident);
uint32_t world_popular(const world *w); /* a resident, of whom much is asked more often */
uint32_t world_in_grid(const world *w, uint32_t grid);
uint32_t world_in(const world *w, uint32_t community, uint32_t communities);
uint32_t world_canary(const world *w, uint32_t who); /* a fictitious resident whom nobody else meets */
int64_t world_time(uint32_t part);

/* ---- the log (log.c) ---- */

/* In a database of its own; made, written, and its columns read. */
typedef struct book {
    line_columns *columns;
    size_t stretches;
    arena *mem;
    store *store;
    scribe *scribe;
    double seconds_appended, seconds_read;
} book;
void book_write(book *b, const world *w);
void book_close(book *b);

/* ---- leaks (leaks.c) ---- */

typedef enum leaker { ANY_PERSON, HEAVY_ONE, TWIN_ONE, SHARED_ONE, ONE_EXPORT, COLLUDERS, OUTSIDER } leaker;
typedef enum gathered_from { ANYWHERE, POPULAR_ONES, ONE_STREET, ONE_COMMUNITY, ONE_GRID } gathered_from;
typedef struct leak_kind {
    const char *name;
    leaker by;
    uint32_t rows;
    double foreign; /* share of the rows */
    uint32_t culprits;
    gathered_from from; /* of outsiders */
    bool few_fields;    /* some of what was opened */
    bool stale;         /* copied long before it was seen */
    bool slow;          /* a few each month, as they were then */
    bool canary;        /* one row is one */
} leak_kind;
extern const leak_kind leak_kinds[];
extern const size_t leak_kind_count;

typedef struct leaked_list {
    uint32_t kind, number;
    uint32_t culprits[CULPRITS_MAX], culprit_count;
    uint32_t request; /* of an export */
    uint8_t fields;
    uint16_t seen; /* part of the log */
    struct list_entry {
        uint32_t resident, least, most;
        double weight;
        bool canary;
    } rows[LIST_MAX];
    uint32_t row_count;
} leaked_list;
/* False: nobody of the kind has opened enough; another is to be tried. */
bool leak_make(leaked_list *out, const world *w, uint32_t kind);

/* ---- what the ranking says (judge.c) ---- */

enum { BINS = 10 };
typedef struct tally {
    uint32_t leaks, first, second, fifth, accused, accused_wrongly, found_all, exact, export_first, with_twin;
    uint32_t guilt_first, jaccard_first, named_colluders;
    double top_posterior;
} tally;
typedef struct calibration {
    uint64_t leads[BINS];
    double weight[BINS], right[BINS], sum[BINS];
} calibration;
typedef struct verdicts {
    tally *of_kind;
    calibration all;
    double seconds_gathered, seconds_alone;
    uint32_t compared; /* lists that were ranked once more over the database, alone */
    uint32_t apart;    /* lists that were looked up by themselves */
} verdicts;
void judge(verdicts *out, const world *w, const book *b, leaked_list *lists, size_t count);

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        vault_error must_err_ = {0}, *const err = &must_err_;                                                          \
        if ((call) != VAULT_OK) die("%s: %s %s", #call, err->where ? err->where : "", err->detail);                    \
    } while (0)

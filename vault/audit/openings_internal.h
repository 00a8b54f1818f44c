/* Inside openings*.c: sets and maps of numbers, and what is gathered from the columns. */
#pragma once
#include "vault/audit/openings.h"

/* ---- numbers to numbers (openings_sets.c) ---- */

/* Key 0 is none. Starts as zeros. */
typedef struct number_map {
    uint64_t *keys;
    uint32_t *values;
    size_t cap, count;
} number_map;
/* Where the key's value stands, until the next call; *made: it was not there, and is 0. */
uint32_t *number_map_at(number_map *m, uint64_t key, bool *made);
const uint32_t *number_map_find(const number_map *m, uint64_t key); /* or NULL */
void number_map_free(number_map *m);
uint64_t number_mixed(uint64_t n); /* spread over all 64 bits */

/* How many residents somebody has seen, each with the fields that were seen of it: those alone are kept whose hash ends
 * in `level` zeros, so few that there is room for all who see (distinct sampling, Gibbons 2001). */
typedef struct distinct {
    uint64_t *slots; /* 32 bits of the hash, 32 fields; 0: free */
    uint32_t cap, count, level;
} distinct;
/* `most`: how many it may keep. */
void distinct_add(distinct *d, uint64_t mixed, uint32_t fields, uint32_t most);
void distinct_prefetch(const distinct *d, uint64_t mixed);   /* of what is about to be added */
uint64_t distinct_count(const distinct *d, uint32_t fields); /* of whom all of these were seen */
void distinct_free(distinct *d);

/* ---- what is gathered (openings_gather.c) ---- */

enum {
    EXPORT_LEAST = 8,  /* lines of a request that stand together: fewer are no export */
    SIZED_FIELDS = 32, /* that sizes of sets go by */
};
static const uint32_t who_export = UINT32_C(1) << 31; /* numbers of exports among those of accessors */

typedef struct accessor {
    const char *app, *department, *person;
    distinct seen;
    uint64_t exports;
} accessor;
typedef struct exported {
    uint32_t accessor;
    uint64_t request, lines;
} exported;
/* What one accessor, or one export, has opened of one resident of the list. */
typedef struct hit {
    uint32_t who, leaked;
    uint64_t fields;
    int64_t index, time_us, last_us; /* of the line that gave the last field; of the last one that gave any */
    bool whole;
} hit;
typedef struct grown {
    void *at;
    size_t count, cap;
} grown;

struct gathering {
    const openings_question *q;
    uint64_t any, needed; /* fields of the list: of any row; of most rows */
    uint32_t sized;       /* needed, as far as sizes go by them */
    arena *texts;
    number_map names, pairs, requests, hit_at, leaked_at, place_at;
    grown spellings;                            /* const char * */
    grown accessors;                            /* accessor */
    grown exports;                              /* exported */
    grown hits;                                 /* hit */
    grown places;                               /* place */
    int64_t *area_of;                           /* of each of the leaked; 0: not known */
    uint32_t *sized_of;                         /* of each of the leaked: its fields, as sizes go by them */
    uint64_t *met;                              /* bits by hash: residents who were counted where they live */
    uint64_t met_bits, met_part, people, lines; /* met_part: of so many residents one is counted, as so many */
    struct stretch_tables *tables;              /* of the stretch at hand */
};
/* Keys of place_at: of the street, the community and the grid of an area; 0: it has none. */
enum { PLACES_OF_AREA = 3 };
void place_keys(uint64_t keys[PLACES_OF_AREA], int64_t area);

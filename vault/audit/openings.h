/* Who opened what, by the columns of the log: the sets of a leak_question (rank.h). */
#pragma once
#include "vault/audit/columns.h"
#include "vault/audit/rank.h"

enum { LEAK_FIELDS_MAX = 64 };
/* A resident that the list leads to. */
typedef struct leaked_resident {
    int64_t resident;
    uint32_t row; /* of the list, ascending by resident; a row may lead to several, and several to one */
    bool canary;
    uint64_t fields;                      /* of the question's: those whose value was leaked; 0: the token alone */
    uint32_t least_version, most_version; /* of the record, that these values are of; 0: any */
    const char *app, *purpose; /* of a token: what was opened through that app for it, or one below; NULL: any */
} leaked_resident;
typedef struct openings_question {
    const char *const *fields; /* names, at most LEAK_FIELDS_MAX */
    size_t field_count;
    const leaked_resident *leaked; /* ascending by resident */
    size_t leaked_count;
    size_t row_count;
    uint64_t residents; /* that the vault holds; 0: as many as the log speaks of */
    int64_t before_us;  /* when the list was seen */
} openings_question;

/* A line by which a row was opened: the first one that gave its last field. */
typedef struct opening_line {
    int64_t index, time_us;
} opening_line;

/* Who they are: in the order of the suspects. */
typedef struct suspect_name {
    const char *app, *department, *person; /* person NULL: the app by itself */
    uint64_t request;                      /* of an export: column_request; else 0 */
    int64_t first_us, last_us;             /* of what it opened of the list */
    const opening_line *lines;             /* as many as hits, in their order */
} suspect_name;
typedef struct openings {
    suspect_openings *suspects; /* with at least one hit; owned by the arena, like all that follows */
    suspect_name *names;
    size_t count;
    leak_crowd *crowds;
    size_t crowd_count;
    uint64_t places; /* streets, communities and grids that the log speaks of */
    double *share;   /* q_t of each row */
    size_t row_count;
    uint64_t lines, accessors; /* looked at; that opened anything of the fields */
} openings;

/* The columns of one stretch after the other, for who has them at hand. Holds at most some 300 MB, whatever the log's
 * length: the sizes of large sets are estimated from a sample (2 to 7 % off), small ones are counted. */
typedef struct gathering gathering;
gathering *gathering_new(const openings_question *q); /* which stays as it is until the end */
void gathering_free(gathering **g);
/* EXHAUSTED: the list leads to so many openings that they do not fit. */
VAULT_MUST_USE vault_code gathering_add(gathering *g, const line_columns *columns, vault_error *err);
VAULT_MUST_USE vault_code gathering_end(openings *out, gathering *g, arena *mem, vault_error *err);

/* Reads the whole log, stretch by stretch. `go_on` (or NULL) is asked between stretches: false ends it with
 * UNAVAILABLE. */
typedef struct openings_source {
    scribe *sc;
    store *s;
    bool (*go_on)(void *context);
    void *context;
} openings_source;
VAULT_MUST_USE vault_code openings_collect(openings *out, const openings_source *from, arena *mem,
                                           const openings_question *q, vault_error *err);

/* What rank_leak is asked about them, with w_t of each row. Borrows both. */
leak_question openings_rank(const openings *of, const double *weight);

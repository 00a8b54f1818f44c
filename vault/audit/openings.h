/* Who opened what, by the columns of the log: the sets of a leak_question (rank.h). */
#pragma once
#include "vault/audit/columns.h"
#include "vault/audit/rank.h"

enum { LEAK_FIELDS_MAX = 64 };
/* A resident that the list leads to. */
typedef struct leaked_resident {
    int64_t resident;
    uint32_t row;                         /* of the list, ascending by resident; a row may lead to several */
    uint64_t fields;                      /* of the question's: those whose value was leaked */
    uint32_t least_version, most_version; /* of the record, that these values are of; 0: any */
} leaked_resident;
typedef struct openings_question {
    const char *const *fields; /* names, at most LEAK_FIELDS_MAX */
    size_t field_count;
    const leaked_resident *leaked; /* ascending by resident */
    size_t leaked_count;
    size_t row_count;
    int64_t before_us; /* when the list was seen */
} openings_question;

/* Who they are: in the order of the suspects. */
typedef struct suspect_name {
    const char *app, *department, *person; /* person NULL: the app by itself */
    uint64_t request;                      /* of an export: column_request; else 0 */
    int64_t first_us, last_us;             /* of what it opened of the list */
} suspect_name;
typedef struct openings {
    suspect_openings *suspects; /* with at least one hit; owned by the arena */
    suspect_name *names;
    size_t count;
    double *share;             /* q_t of each row */
    uint64_t lines, accessors; /* looked at; that opened anything of the fields */
    int64_t *line_of;          /* of each resident of `leaked` for the suspects: left to the evidence */
} openings;

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

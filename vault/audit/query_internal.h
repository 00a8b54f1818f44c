/* What the files of the officer's questions share. */
#pragma once
#include "vault/audit/column_pack.h"
#include "vault/audit/internal.h"

typedef struct search {
    scribe *by;
    store *s;
    arena *mem;
    const line_query *q;
    line_page *out;
    arena *page, *scratch; /* page: rows under way; scratch: views, proofs */
    arena *block;          /* columns; NULL: not made yet */
    merkle_tree tree;
    line_key key;
    bool all_go;                     /* what the key finds is what is asked for */
    bool by_columns;                 /* of LINE_ANY: stretches that have a block are looked at by it */
    int64_t tags[RING_VERSIONS_MAX]; /* of the resident or person, under every version of the log ring */
    size_t tag_count;
    int64_t at, end; /* the lines [at, end) are left */
    size_t left;     /* to be read in this call */
    bool late;       /* the time was over before an archive that should have been looked into */
} search;
static inline bool search_full(const search *r)
{
    return r->out->count >= r->q->limit;
}
/* The line goes out. */
VAULT_MUST_USE vault_code search_emit(search *r, const opened_line *found, vault_error *err);
/* It goes out where it is asked for, or does not fit. */
VAULT_MUST_USE vault_code search_take(search *r, const line_row *row, vault_error *err);
/* Whether a list of names, as lines have it, has this one. */
bool line_names(const char *list, const char *field);

/* ---- by columns (query_columns.c) ---- */

/* What is left of the stretch at hand, by its block; *taken false: it has none that can be read. */
VAULT_MUST_USE vault_code search_stretch(search *r, bool *taken, vault_error *err);

/* A question put to the columns of one stretch. */
typedef struct column_match {
    const line_query *q;
    const bool *texts[COLUMN_TEXTS]; /* by number: it is asked for; NULL: any is */
    uint64_t request, ticket;
    bool none; /* no line can be asked for */
} column_match;
/* In the arena. */
VAULT_MUST_USE vault_code column_match_make(column_match *out, arena *mem, const line_columns *c, const line_query *q,
                                            vault_error *err);
/* Of requests and tickets alone it can be wrong, and says yes. */
bool column_matches(const column_match *m, const line_columns *c, size_t i);

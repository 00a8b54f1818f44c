/* A search on its way: search.c runs it, question.c reads what is asked. */
#pragma once
#include "vault/service/internal.h"

enum { CONDITIONS_MAX = 8, VALUES_MAX = 64, AREAS_MAX = 64, PAGE_MOST = 500, PAGE_DEFAULT = 100 };
enum { PROBES_MOST = SEARCH_PROBES_MAX / RING_VERSIONS_MAX }; /* of one version of each ring */

/* One condition. */
typedef struct condition {
    const Vault__V1__Condition *in;
    const schema_field *field;
    index_kind kind;
    item *like;             /* same_as: the resident; NULL: another question */
    term_question question; /* no list: nobody is found */
} condition;

/* A set of terms, of which one must stand in a record: sorted, for the proof. */
typedef struct sought {
    term_list terms;
    size_t condition;
} sought;

typedef struct search {
    const Vault__V1__SearchRequest *in;
    condition conditions[CONDITIONS_MAX];
    size_t condition_count, least;
    item likes[CONDITIONS_MAX]; /* the residents of same_as, before they are items of the call */
    size_t like_count;
    area_list asked, reach;
    int64_t streets[TERM_STREETS_MAX];
    size_t street_count;
    sought sets[SEARCH_SETS_MAX];
    term_set term_sets[SEARCH_SETS_MAX];
    size_t groups[SEARCH_SETS_MAX];
    size_t set_count, probes;
    store_search what;    /* `after` is set by the page */
    size_t page, results; /* the most of a page, and of all pages */
    uint32_t given;       /* on the pages before */
    bool refused;         /* a resident of same_as is not the caller's to see */
    bool more;
    const canary **wanted; /* whose own numbers are asked for; none: wanted_count 0 */
    size_t wanted_count;
    unsigned numbers;    /* by 1 << condition: those that ask for a number as only one person has it */
    uint8_t *matched;    /* by item: the conditions that hold */
    digest asked_digest; /* of the request but its page */
} search;

/* All that the request says but values. INVALID names the path. */
VAULT_MUST_USE vault_code search_read(search *q, session *s, call *c);
/* After the admission: where the caller may search, and the streets of it. */
VAULT_MUST_USE vault_code search_read_areas(search *q, session *s, call *c);
/* Whom a number of the question is made up for, whoever may meet him: q->wanted and q->numbers (canary_alarm.c). */
VAULT_MUST_USE vault_code search_want_canaries(search *q, session *s, vault_error *err);
/* Values become terms; INVALID names the path. */
VAULT_MUST_USE vault_code search_ask(search *q, session *s, call *c);
/* Terms become q->what and q->sets. */
VAULT_MUST_USE vault_code search_plan(search *q, session *s, call *c);

/* Rules and prohibitions as regions with conditions, in numbers that two policies share: what comparisons and lint work
 * on. Inside policy/. */
#pragma once
#include "policy/compare.h"
#include "policy/internal.h"
#include "policy/region.h"

/* Classes and aggregations of both sides: those of one name and meaning are one. */
typedef struct shared_sets {
    const policy_class *classes[CLASSES_MAX];
    const policy_aggregation *aggregations[AGGREGATIONS_MAX];
    size_t class_count, aggregation_count;
} shared_sets;

typedef struct term {
    uint64_t key; /* rule_key of shared numbers */
    region at;
    uint64_t only, except; /* shared classes */
    uint64_t barred;       /* shared aggregations that it must not complete */
    const shared_sets *sets;
    const policy *policy;
    const policy_rule *rule;
} term;

typedef struct ban {
    purpose_no purpose;
    consumer_no consumer; /* 0: any */
    unsigned actions;
    region at;
    uint64_t classes;
    uint16_t index;
} ban;

typedef struct terms {
    term *at; /* by key, then in document order */
    size_t count;
    ban *bans;
    size_t ban_count;
} terms;
/* `sets` outlives them. */
VAULT_MUST_USE vault_code terms_make(terms *out, arena *mem, const policy_side *of, shared_sets *sets,
                                     vault_error *err);
/* The terms of a key: [*first, *end). */
void terms_of(const terms *t, uint64_t key, size_t *first, size_t *end);

/* A part of a term, with the classes that prohibitions take out of it. */
typedef struct piece {
    region at;
    uint64_t except;
} piece;
typedef struct pieces {
    piece *at;
    size_t count, room;
} pieces;

/* What is left of pieces of a term. `mem` is scratch: emptied by whoever calls. */
typedef struct reduction {
    arena *mem;
    const term *of;
    pieces left;
    size_t steps, most; /* most: given up above it */
    bool failed;        /* no memory, or given up */
} reduction;
void reduction_begin(reduction *r, const term *of, const region *within);
/* Takes away what its own side prohibits. */
void reduction_forbid(reduction *r, const terms *own);
/* Takes away what a term of the other side gives under no stricter conditions, but for what that side prohibits. */
void reduction_cover(reduction *r, const terms *other, const term *by);

/* Whether one of its fields is among these. */
bool aggregation_touches(const policy_aggregation *a, field_set fields);
/* Whether whoever meets the conditions of `b` (with these classes excepted) meets those of `a`. */
bool no_stricter(const term *a, uint64_t a_except, const term *b, uint64_t b_except);
/* Whether they say the same of the same. */
bool terms_equal(const term *a, const term *b);
bool bans_equal(const terms *a, const terms *b);

/* What must hold besides, for people (conditions.c). */
VAULT_MUST_USE vault_code conditions_of(policy_access *to, arena *mem, const term *of, uint64_t except,
                                        const shared_sets *sets, vault_error *err);

/* What makes a call look at few entries, however many there are. Entries lie sorted by whom they are for; those for the
 * same ones are a run, and a run is found by one look into a hash table. A long run has a sieve: for each field, form,
 * role and span of days one bit an entry, so that 64 entries are tried at once; a very long one has lists, too, of the
 * entries of each field and role, of which a call for rules needs one. What the sieve lets through is few, and is asked
 * by itself; what it keeps back did not pass, and it says by which clause. */
#pragma once
#include "policy/policy.h"

/* What a sieve knows of one entry. */
typedef struct sieved {
    field_set fields; /* number 0, which no field has: passes where none is asked for, as a match for any fields does */
    unsigned forms;   /* set of 1 << form that it answers */
    uint64_t roles;   /* of the person who acts: 1 << (role_no - 1) */
    bool nobody;      /* passes where no person acts, or one of no role that is known */
    uint32_t from, until;
} sieved;
typedef struct sieve sieve;

typedef struct run {
    uint64_t key;
    uint32_t first, count; /* in the list */
    sieve *sieve;          /* NULL: a short one, to be walked through */
} run;
typedef struct runs {
    run *slots; /* by the hash of the key; an empty one counts none */
    size_t slot_count, count;
} runs;

/* What a list of entries is like. */
typedef struct run_source {
    const void *list;
    size_t count;
    uint64_t (*key)(const void *list, size_t i); /* ascending */
    sieved (*entry)(const void *list, size_t i);
} run_source;
runs runs_new(const run_source *of);
void runs_free(runs *r);                           /* takes an empty one */
const run *runs_find(const runs *r, uint64_t key); /* NULL: none */

/* One walk over what a sieve lets through for a call. */
typedef enum sift_fields {
    SIFT_ALL, /* entries that have all the fields asked for: rules */
    SIFT_ANY  /* one of them: prohibitions and budgets */
} sift_fields;
/* Two words of a row: what every x86-64 and ARM64 tries at once. */
typedef uint64_t bit_pair __attribute__((vector_size(16)));
/* Entries of one field that are for one role: what is left of them. */
typedef struct sift_list {
    const uint16_t *at, *end;
} sift_list;
typedef struct sift {
    const sieve *of;
    sift_fields mode;
    const uint64_t *form, *role, *days;
    policy_clause no_role, no_day; /* what it means that no entry is for this role; for this day */
    unsigned field_count;
    uint32_t word;                                /* the next one */
    uint64_t left[2];                             /* of the two before it: let through, and not taken yet */
    bit_pair by_fields, by_form, by_role, by_day; /* not 0: an entry passed so far */
    bool listed;                                  /* a walk through the two lists, and not through rows */
    sift_list lists[2];
    uint8_t fields[POLICY_FIELDS_MAX];
} sift;
void sift_start(sift *s, const run *r, sift_fields mode, const policy_facts *facts);
/* The next entry, counted from the run's first; false: no more. */
bool sift_next(sift *s, uint32_t *out);
/* At its end, when no entry was let through: the furthest clause that one of them came to. */
policy_clause sift_reached(const sift *s);

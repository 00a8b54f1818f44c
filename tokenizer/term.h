/* Keyed look-up values: never a plain hash, because ID numbers are few enough to be tried out. Pure.
 *
 * A search term is 64 bits of the PRF under the ring "term/<field>" over
 *   kind (1) ‖ street (8, big-endian; 0: of kinds that are not kept per street) ‖ what the kind takes of the value
 * Kinds with few different values are kept per street (the first 9 digits of the record's area), so that a thief of the
 * terms sees the distribution of a street and not of the city (docs/leakage.md). */
#pragma once
#include "keys/keys.h"
#include "tokenizer/format.h"

/* 128-bit natural key of a normalised ID number, under the ring "natural". */
enum { NATURAL_LEN = 16 };
void natural_key(prf *key, uint8_t out[NATURAL_LEN], bytes id_number);

typedef enum index_kind {
    INDEX_EQUALITY, /* the value; formats of 10^9 values and more */
    INDEX_SUFFIX,   /* its last four characters; mobile, resident_id, phone, document */
    INDEX_NGRAM,    /* per street: every two neighbouring characters; names and texts */
    INDEX_BAND,     /* per street: the calendar year of a date; of an amount, count or area 1-2-5 bands */
    INDEX_CODE,     /* per street: the value; formats with few values */
    INDEX_KINDS
} index_kind;
const char *index_kind_name(index_kind k); /* "equality" */
bool index_kind_named(index_kind *out, const char *name);
bool index_by_street(index_kind k);
/* NULL when values of the format can be indexed so; else why not, and what to take instead: for people. */
const char *index_misfit(index_kind k, const format *f);
bool format_is_date(const format *f); /* whose bands are calendar years */

typedef struct term_list {
    int64_t *at;
    size_t count;
} term_list;

/* What a term is made of beside the value. */
typedef struct term_place {
    index_kind kind;
    const format *format;
    int64_t street; /* 9 digits; not looked at where the kind is not by street */
} term_place;
/* The terms of a normalised value, each once; in the arena. None for a value too short to have any. EXHAUSTED. */
VAULT_MUST_USE vault_code terms_of_value(term_list *out, arena *mem, prf *key, const term_place *place, bytes value,
                                         vault_error *err);

/* A question: all of the lists must be met, each by one of its terms. Of a kind by street, a list holds the terms of
 * the first street, then those of the second, ..., as many of each. */
typedef struct term_question {
    term_list *lists;
    size_t count;
} term_question;
enum { TERM_VALUES_MAX = 64, TERM_STREETS_MAX = 64, TERM_PART_MIN = 2, TERM_PART_MAX = 32, QUESTION_LISTS_MAX = 32 };
enum { TERM_LIST_MAX = 8192 }; /* years of a band times streets: all years of 32 streets */
typedef struct term_ask {
    prf *key;
    index_kind kind;
    const format *format;
    const int64_t *streets; /* 1 to TERM_STREETS_MAX where the kind is by street */
    size_t street_count;
    const bytes *values; /* equality, code: normalised; suffix: the four characters; ngram: the part (one) */
    size_t value_count;
    bytes low, high; /* band: normalised or empty */
} term_ask;
/* INVALID with a reason: TOO_SHORT, TOO_LONG (part, suffix), BAD_CHARACTER, EMPTY_BAND (low above high), TOO_MANY;
 * EXHAUSTED. */
VAULT_MUST_USE vault_code terms_of_question(term_question *out, arena *mem, const term_ask *ask, vault_error *err);

/* Predicates: questions about a value that are answered by yes or no. Pure; the day is handed in. */
#pragma once
#include "tokenizer/format.h"

typedef enum predicate_kind {
    PREDICATE_AGE_AT_LEAST, /* amount: full years, 1 to 150; of a date, or of the date in an ID number */
    PREDICATE_AGE_UNDER,
    PREDICATE_SAME_AREA, /* amount: digits of the area code, 2, 4, 6, 9, 12 or 15; of a division or grid; needs another
                            value */
    PREDICATE_EQUALS,    /* amount 0; needs another value */
    PREDICATE_KINDS
} predicate_kind;

typedef struct predicate {
    predicate_kind kind;
    unsigned amount;
} predicate;

const char *predicate_kind_name(predicate_kind k); /* "age_at_least" */
bool predicate_kind_named(predicate_kind *out, const char *name);
bool predicate_compares(const predicate *p); /* needs another value */
/* NULL when it can be asked of the format's values; else why not, and the mend: for people. */
const char *predicate_misfit(const predicate *p, const format *f);
/* Both values are normalised; `than` is empty where it compares with nothing; `today` is YYYYMMDD in Asia/Shanghai. An
 * age is reached on the birthday; who is born on 29 February has it on 1 March in common years. Compares in constant
 * time for values of one length. False for a value that it is not made for. */
bool predicate_holds(const predicate *p, const format *f, bytes value, bytes than, uint32_t today);

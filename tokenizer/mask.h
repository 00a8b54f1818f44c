/* Masks: what is shown of a value in the masked form. Pure. A table, one row a mask. The strength of a mask is the
 * least number of valid values that fit what it shows (DOMAIN.md section 3): what a reader must guess among. */
#pragma once
#include "tokenizer/format.h"

/* "hidden" (fits every format: three asterisks, whatever the value), "name_surname" (张**), "id_area" (320411 and
 * asterisks), "id_ends" (first 6 and last 4), "mobile_ends" (138****5678), "date_year" (1949), "date_decade"
 * (1940-1949), "division_county" (first 6 digits), "address_head" (the part up to the street or town; nothing of a
 * number), "text_first", "document_ends". */
typedef struct mask mask;
const mask *mask_find(const char *name); /* NULL when unknown */
const char *mask_name(const mask *m);
const char *const *mask_names(void);            /* all, NULL-terminated */
bool mask_fits(const mask *m, const format *f); /* a format that it is made for */
/* Of a normalised value. Owned by the arena. INVALID never leaks: a value that it is not made for is shown as "***". */
VAULT_MUST_USE vault_code mask_apply(const mask *m, arena *mem, bytes value, bytes *out, vault_error *err);
/* UINT64_MAX where nothing is shown, and for texts, of which there is no list. The mask must fit the format. Birth
 * dates of ID numbers are counted from 1930 to 2025: of people who can be alive. */
uint64_t mask_strength(const mask *m, const format *f);

/* What a reader may see of one resident that bears on the ID number, over all its replies: how each value is shown.
 * NULL: not at all; a plain value has no mask and is named by `plain`. */
typedef struct mask_company {
    const mask *id_number;            /* the one whose strength is asked for: it shows the area, if anything */
    const mask *birth_date, *sex;     /* NULL: not shown in masked form */
    bool plain_birth_date, plain_sex; /* shown in full */
    const unsigned
        *age_thresholds; /* full years that an age predicate may ask about: any order; those above 150 tell nothing */
    size_t age_count;
} mask_company;
/* Number of valid ID numbers that fit all of it, at least, over all numbers: "id_ends" alone 3,181; with the year known
 * 32; with the date 1 (DOMAIN.md counts one number: 3,186 and 34). UINT64_MAX when nothing of the number is shown: what
 * stands beside it then shows what it shows without it, too.
 *
 * Age predicates are counted with all their answers of one day: the least that any day from 2026 to 2035 leaves of
 * anybody born from 1930 on. Beside a year or a decade that is one birth date, for a band may end with the year's first
 * day. Who asks day after day sees the day on which an answer turns, and with it the birth date: that is not in the
 * number; lines and budgets count such calls. */
uint64_t mask_strength_of_id(const mask_company *shown);

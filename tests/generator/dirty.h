/* The residents as departments send them: CSV with planted faults, and the list of them. What is planted in resident i
 * is a function of (seed, share, i); the residents themselves stay what they are. One faulty resident has one fault
 * (some have two that both lead to a rejection), so that the list is exactly what an importer has to find: whatever is
 * not listed goes in as it is. */
#pragma once
#include "tests/generator/generator.h"

#include <stdio.h>

typedef enum file_encoding {
    FILE_UTF8,
    FILE_UTF8_BOM,
    FILE_GB18030,
    FILE_GB18030_BOM,
    FILE_MIXED, /* UTF-8; some rows are written in GB18030, which is one of the faults */
    FILE_ENCODINGS
} file_encoding;
const char *file_encoding_name(file_encoding e); /* "utf-8", "utf-8-bom", ... */

enum { DIRTY_FIELDS_LEAST = FIELD_RESIDENCE_AREA, DIRTY_MILLION = 1000000 };

typedef struct dirty_options {
    uint64_t seed, from, count;
    unsigned fields;      /* DIRTY_FIELDS_LEAST to GENERATOR_FIELDS */
    unsigned per_million; /* residents with a fault */
    bool labels;          /* Chinese headings */
    file_encoding encoding;
} dirty_options;

/* The list has a JSON line for each fault, by line: {"line": 17, "field": "id_number", "reason": "BAD_CHECK_DIGIT",
 * "effect": "rejected"}. `line` is where the record begins (the headings are line 1), `field` is "" where the row as a
 * whole is meant. Effects: "rejected" (reason as format_normalise and vaultctl import say it), "mended" (goes in as the
 * clean value), "unchanged" (the resident of an earlier row again) and "merged" (the same with another value in
 * `field`). False: iconv does not know GB18030, or writing failed. */
bool dirty_write(const generator *g, const dirty_options *o, FILE *to, FILE *faults);

/* Which column of a file is which field of a collection. A heading fits a field when it is its name, its label or a
 * usual alias, after full-width characters, case, blanks, underscores and asterisks are evened out. Headings that begin
 * with
 * "_" are the tool's own (those of a rejects file) and are passed over. */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/json.h"

#include "vault/v1/records.pb-c.h"

typedef struct mapping {
    const Vault__V1__Collection *collection;
    char **headings; /* borrowed */
    size_t columns;
    const Vault__V1__Field **fields; /* of each column; NULL: passed over */
    char **paths;                    /* names of the mapped fields, in the order of the columns */
    size_t *places;                  /* their columns */
    size_t count;
    size_t natural; /* column of the natural key */
} mapping;

/* What the user says about columns. */
typedef struct mapping_wishes {
    const char *maps;    /* "HEADING=FIELD" lines, or NULL */
    const char *ignored; /* headings, a line each, or NULL */
    json_t *file;        /* {"HEADING": "FIELD", "HEADING": null}, or NULL */
} mapping_wishes;

/* INVALID with a text for people in *complaint (of the arena): headings that fit nothing with what could be meant, two
 * columns for one field, wishes about what there is not, no natural key or area. Of headings that are values of a
 * resident (the file has none) the text quotes nothing. */
VAULT_MUST_USE vault_code mapping_make(mapping *m, arena *mem, const mapping_wishes *wishes, char **complaint,
                                       vault_error *err);
/* {"HEADING": "field" or null, ...}: what an import is remembered by. */
json_t *mapping_json(const mapping *m);
/* A heading evened out; NULL when the arena is full. */
char *heading_canonical(arena *mem, const char *heading);
/* The field that a heading names: names before labels before aliases. NULL: it fits nothing. */
const Vault__V1__Field *heading_field(const Vault__V1__Collection *c, arena *mem, const char *heading);

/* Fictitious residents as they are made up: identifiers that pass the checks of their formats, and are nobody's. */
#pragma once
#include "vault/service/internal.h"

/* Where canaries are to live, and for whose eyes. */
typedef struct canary_wish {
    const collection *collection;
    bytes community, grid; /* 12 digits; 15, or empty */
    area_code area;
    const char *department, *person; /* NULL: for all */
    uint16_t given_by;               /* department that its values are said to come from */
    int64_t now_us;
} canary_wish;
/* Whether such a resident can be made up at all: it is known by an ID number of persons. */
bool canary_possible(const collection *of);
typedef struct canary_made {
    canary told;         /* for the manifest: all but the resident's id */
    record_input values; /* for the record; normalised. Of the same texts */
} canary_made;
/* One that differs from all that were made before. In the arena. Service attributes (whatever leads to residents by
 * what they are entitled to, or need) stay absent: a list of a service does not hold it. */
VAULT_MUST_USE vault_code canary_make(canary_made *out, arena *mem, const canary_wish *wish, vault_error *err);

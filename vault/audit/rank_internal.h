/* Inside the room `rank`. */
#pragma once
#include "vault/audit/rank.h"

/* The list, as all hypotheses see it. */
typedef struct rank_rows {
    const double *weight, *share;
    size_t count, linked_rows; /* linked: weight above 0 */
    double linked;             /* sum of the weights */
    double epsilon;
    uint64_t accessors, places;
} rank_rows;

/* Several who have leaked parts of the list: sets out->colluders. `out->leads` stand in their order. */
VAULT_MUST_USE vault_code rank_colluders(leak_answer *out, arena *mem, const leak_question *q, const rank_rows *r,
                                         vault_error *err);

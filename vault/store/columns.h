/* Blocks of columns of the log (vault/audit/columns.h): sealed, one a stretch of lines. */
#pragma once
#include "vault/store/store.h"

typedef struct column_block {
    bool found;          /* set by reads */
    int32_t stretch;     /* from 0 */
    int32_t log_version; /* of the log ring, under which it is sealed */
    bytes sealed;
} column_block;
/* That of inout->stretch, found or not; in the arena. */
VAULT_MUST_USE vault_code store_columns_read(store *s, arena *mem, column_block *inout, vault_error *err);
/* In the place of the one that the stretch has, if any. */
VAULT_MUST_USE vault_code store_columns_write(store *s, const column_block *block, vault_error *err);
/* The first of the stretches [*inout, end) that has no block under this version of the log ring; -1: none. */
VAULT_MUST_USE vault_code store_columns_lacking(store *s, int32_t log_version, int32_t end, int32_t *inout,
                                                vault_error *err);

/* The whole log by its columns (columns.h), for questions over all lines. */
#pragma once
#include "vault/audit/columns.h"
#include "vault/service/internal.h"

typedef struct log_walk {
    int64_t from_us, until_us; /* lines of that time: from inclusive, until exclusive; 0: open */
    /* Lines [first, end) of the columns, in order. */
    vault_code (*look)(void *context, const line_columns *at, size_t first, size_t end, vault_error *err);
    void *context;
    int64_t deadline_us;  /* monotonic clock; 0: none. UNAVAILABLE once it has passed */
    uint64_t lines, read; /* set: of the log, and looked at */
} log_walk;
VAULT_MUST_USE vault_code log_walk_run(log_walk *w, session *s, vault_error *err);

/* What is counted: counters of budgets, and what each of them has seen, so that nobody is counted twice. Both are rows
 * of one shape: an id that is a keyed hash, and all else sealed (vault/record), so that a thief learns how many there
 * are, and SQL can take rows away or put older ones back, but make none.
 *
 * What a counter has seen is changed only by who has the counter locked: the rows of seen need no lock of their own. */
#pragma once
#include "vault/store/store.h"

enum { COUNT_ID_LEN = 16 };
typedef struct count_row {
    bool found; /* set by reads */
    uint8_t id[COUNT_ID_LEN];
    bytes sealed;
    int64_t ends_us; /* from then on it may be swept */
} count_row;

/* The counters of which there is none yet; those that stand stay as they are. At most 4,096. In a transaction before
 * any counter is locked in it: who makes waits for who makes, and who locks for who locks, each in the order of ids. */
VAULT_MUST_USE vault_code store_counters_make(store *s, const count_row *rows, size_t count, vault_error *err);
/* Within a transaction, in the order of ids: nobody else locks these counters until it ends. rows[i].sealed by
 * rows[i].id; each id once, at most 4,096. CONFLICT when one is not there. */
VAULT_MUST_USE vault_code store_counters_lock(store *s, arena *mem, count_row *rows, size_t count, vault_error *err);
/* rows[i] by rows[i].id, found or not. The SQL is the same whatever is found. */
VAULT_MUST_USE vault_code store_seen_read(store *s, arena *mem, count_row *rows, size_t count, vault_error *err);
/* Within a transaction that has the counters locked: these as they are now, and what has been seen besides, each id
 * once. CONFLICT unless every counter was there. */
typedef struct counts_written {
    const count_row *counters, *seen;
    size_t counter_count, seen_count;
} counts_written;
VAULT_MUST_USE vault_code store_counts_write(store *s, const counts_written *what, vault_error *err);
/* Counters with ids above `after` (empty: from the first one), in order, as many as there is room for. */
VAULT_MUST_USE vault_code store_counters_page(store *s, arena *mem, bytes after, count_row *rows, size_t *inout_count,
                                              vault_error *err);
/* Takes away what has ended by now_us, at most `most` counters and `most` of what they have seen; how many that was. */
VAULT_MUST_USE vault_code store_counts_sweep(store *s, int64_t now_us, size_t most, int64_t *swept, vault_error *err);

/* Leaked lists, sealed each under a key of its own, and that key under the record ring; and who is found by what stands
 * in them. What a list is, and whether it may be used, control says: the approval of the same number. */
#pragma once
#include "vault/store/store.h"

enum { LEAK_ID_LEN = 16 };
typedef struct leak_row {
    uint8_t id[LEAK_ID_LEN];
    int64_t created_us, expires_us;
    bytes key, sealed;
} leak_row;
/* Within the transaction of its approval. CONFLICT: it stands. */
VAULT_MUST_USE vault_code store_leak_insert(store *s, const leak_row *row, vault_error *err);
/* By its id; NOT_FOUND. In the arena. */
VAULT_MUST_USE vault_code store_leak_read(store *s, arena *mem, leak_row *inout, vault_error *err);
/* Key and list are gone; nothing, where they are already. */
VAULT_MUST_USE vault_code store_leak_delete(store *s, const uint8_t id[LEAK_ID_LEN], vault_error *err);
/* Deletes what has ended by now_us, and what was made before made_us and is none of these; how many. */
typedef struct leak_keeping {
    const uint8_t (*ids)[LEAK_ID_LEN];
    size_t count;
    int64_t made_us, now_us;
} leak_keeping;
VAULT_MUST_USE vault_code store_leaks_sweep(store *s, const leak_keeping *keep, int64_t *dropped, vault_error *err);

/* Residents by search term: of each term at most `most` entries of the index, in the order of the terms. An entry
 * proves nothing by itself. */
typedef struct term_ids {
    const int64_t *terms;
    size_t count, most;
} term_ids;
typedef struct term_hit {
    uint32_t place; /* of the term */
    int64_t id;
} term_hit;
VAULT_MUST_USE vault_code store_term_hits(store *s, arena *mem, const term_ids *of, term_hit **hits, size_t *count,
                                          vault_error *err);

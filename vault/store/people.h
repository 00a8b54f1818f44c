/* How many persons the vault holds. */
#pragma once
#include "vault/store/store.h"

typedef struct people_count {
    int16_t *collections; /* filled by the caller: those whose records are persons */
    size_t collection_count;
    const int64_t *without; /* ids that are not counted */
    size_t without_count;
    int64_t live, restricted; /* set */
} people_count;
/* One record a person and collection, by natural key. By indexes alone, as of one moment; what is in them anybody can
 * have edited who can write to the database (verify the rows). */
VAULT_MUST_USE vault_code store_people_count(store *s, people_count *inout, vault_error *err);

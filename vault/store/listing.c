/* Residents of an area, by their entries under the number of their collection (terms.c). */
#include "vault/store/internal.h"

enum { LIST_MOST = 4096 };

vault_code store_list_ids(store *s, arena *mem, const store_listing *what, int64_t **ids, size_t *count,
                          vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *count = 0;
    if (what->limit < 1 || what->limit > LIST_MOST)
        return vault_fail(err, VAULT_INTERNAL, "a listing of %zu residents", what->limit);
    call_start(s, ST_RESIDENTS_LIST);
    arg_int8(s, what->collection);
    arg_int8(s, what->low);
    arg_int8(s, what->high);
    arg_int8(s, what->after);
    arg_int8(s, (int64_t)what->limit);
    VAULT_TRY(call_run(s, &r, err));
    size_t found = (size_t)PQntuples(r);
    if (found > what->limit) return vault_fail(err, VAULT_INTERNAL, "a listing of %zu ids for %zu", found, what->limit);
    if (!(*ids = arena_array(mem, what->limit, sizeof **ids))) return store_out_of_memory(err);
    for (size_t i = 0; i < found; i++) (*ids)[i] = col_int8(r, (int)i, 0);
    *count = found;
    return VAULT_OK;
}

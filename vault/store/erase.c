/* Residents who are erased: rows and keys, then corrections, then entries of the index. */
#include "vault/store/internal.h"

#include <stdlib.h>

enum { BATCH_MOST = 4096 };

static int by_id(const void *a, const void *b)
{
    const resident_row *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* Once their rows are locked: what was filed by whoever held a row before is seen by a later statement alone. */
static vault_code erase_corrections(store *s, const resident_row *const *rows, size_t count, vault_error *err)
{
    call_start(s, ST_CORRECTIONS_ERASE);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, rows[i]->id);
    return call_done(s, err);
}

/* In the order of ids, in which every transaction locks. */
vault_code store_residents_erase(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    const resident_row **sorted = arena_array(mem, count, sizeof *sorted);
    if (!count) return VAULT_OK;
    if (count > BATCH_MOST) return vault_fail(err, VAULT_INTERNAL, "erase: %zu rows in one call", count);
    if (!sorted) return store_out_of_memory(err);
    for (size_t i = 0; i < count; i++) sorted[i] = &rows[i];
    qsort(sorted, count, sizeof *sorted, by_id);
    call_start(s, ST_RESIDENTS_ERASE);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, sorted[i]->id);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int4(s, sorted[i]->version);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, sorted[i]->tag);
    VAULT_TRY(call_run(s, &r, err));
    int64_t erased = col_int8(r, 0, 0);
    if (erased != (int64_t)count)
        return vault_fail(err, VAULT_CONFLICT, "erase: %lld of %zu rows had the version expected", (long long)erased,
                          count);
    VAULT_TRY(erase_corrections(s, sorted, count, err));
    return terms_erase(s, mem, rows, count, err);
}

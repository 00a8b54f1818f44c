/* All residents, row by row, as who verifies them wants to see them: whatever stands in the tables. */
#include "vault/store/internal.h"

static vault_code count_keys(store *s, int64_t after, int64_t end, int64_t *keys, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_KEYS_BETWEEN);
    arg_int8(s, after);
    arg_int8(s, end);
    VAULT_TRY(call_run(s, &r, err));
    *keys = col_int8(r, 0, 0);
    return VAULT_OK;
}

vault_code store_residents_walk(store *s, arena *mem, resident_walk *inout, resident_row *rows, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    int64_t keyed = 0, keys;
    call_start(s, ST_RESIDENTS_WALK);
    arg_int8(s, inout->after);
    arg_int8(s, (int64_t)inout->limit);
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    if (n > inout->limit) return vault_fail(err, VAULT_INTERNAL, "a walk of %zu rows for %zu", n, inout->limit);
    for (size_t i = 0; i < n; i++) {
        rows[i] = (resident_row){0};
        VAULT_TRY(resident_copy(&rows[i], mem, r, (int)i, err));
        keyed += rows[i].dek.len > 0;
    }
    int64_t end = n == inout->limit ? rows[n - 1].id : INT64_MAX;
    VAULT_TRY(count_keys(s, inout->after, end, &keys, err));
    inout->strays = keys - keyed;
    inout->count = n;
    inout->after = end;
    return VAULT_OK;
}

vault_code store_walk_alone(store *s, int64_t what, bool *alone, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_WALK_ALONE);
    arg_int8(s, what);
    VAULT_TRY(call_run(s, &r, err));
    *alone = col_int8(r, 0, 0) == 1;
    return VAULT_OK;
}

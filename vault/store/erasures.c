/* Who was erased: a table that only grows, number by number. */
#include "vault/store/internal.h"

vault_code store_erasures_insert(store *s, const erasure_row *rows, size_t count, vault_error *err)
{
    call_start(s, ST_ERASURES_INSERT);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, rows[i].number);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, rows[i].resident);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, rows[i].line);
    return call_done(s, err);
}

vault_code store_erasures_read(store *s, int64_t from, erasure_row *rows, size_t *inout_count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    size_t most = *inout_count;
    *inout_count = 0;
    call_start(s, ST_ERASURES_READ);
    arg_int8(s, from);
    arg_int8(s, (int64_t)most);
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    if (n > most) return vault_fail(err, VAULT_INTERNAL, "erasures: %zu rows for %zu", n, most);
    for (size_t i = 0; i < n; i++) {
        rows[i] = (erasure_row){
            .number = col_int8(r, (int)i, 0), .resident = col_int8(r, (int)i, 1), .line = col_int8(r, (int)i, 2)};
    }
    *inout_count = n;
    return VAULT_OK;
}

vault_code store_erasures_replay(store *s, int64_t *rows, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_ERASURES_REPLAY);
    VAULT_TRY(call_run(s, &r, err));
    *rows = col_int8(r, 0, 0);
    return VAULT_OK;
}

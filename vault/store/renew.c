/* Rows of residents that are written again as the same version: found, locked and written in small parts. */
#include "vault/store/internal.h"

static void arg_range(store *s, const stale_range *of)
{
    arg_int8(s, of->after);
    arg_int4(s, of->version);
    arg_int8(s, of->made);
    arg_int8(s, of->until ? of->until : INT64_MAX);
}

vault_code store_residents_stale(store *s, arena *mem, const stale_range *of, resident_row *rows, size_t *count,
                                 vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *count = 0;
    if (!s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "stale rows are locked: no transaction is open");
    call_start(s, ST_RESIDENTS_STALE);
    arg_range(s, of);
    arg_int8(s, (int64_t)of->limit);
    VAULT_TRY(call_run(s, &r, err));
    for (int i = 0; i < PQntuples(r); i++) VAULT_TRY(resident_copy(&rows[i], mem, r, i, err));
    *count = (size_t)PQntuples(r);
    return VAULT_OK;
}

vault_code store_residents_page(store *s, arena *mem, int64_t after, resident_row *rows, size_t *inout_count,
                                vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_RESIDENTS_PAGE);
    arg_int8(s, after);
    arg_int8(s, (int64_t)*inout_count);
    *inout_count = 0;
    VAULT_TRY(call_run(s, &r, err));
    for (int i = 0; i < PQntuples(r); i++) VAULT_TRY(resident_copy(&rows[i], mem, r, i, err));
    *inout_count = (size_t)PQntuples(r);
    return VAULT_OK;
}

static vault_code one_number(store *s, int64_t *out, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    VAULT_TRY(call_run(s, &r, err));
    *out = col_int8(r, 0, 0);
    return VAULT_OK;
}

vault_code store_residents_stale_count(store *s, const stale_range *of, int64_t *count, vault_error *err)
{
    call_start(s, ST_RESIDENTS_STALE_COUNT);
    arg_range(s, of);
    return one_number(s, count, err);
}

vault_code store_residents_window(store *s, int64_t after, size_t most, int64_t *until, vault_error *err)
{
    call_start(s, ST_RESIDENTS_WINDOW);
    arg_int8(s, after);
    arg_int8(s, (int64_t)most);
    return one_number(s, until, err);
}

vault_code store_residents_count(store *s, int64_t *count, vault_error *err)
{
    call_start(s, ST_RESIDENTS_COUNT);
    arg_int8(s, 0);
    return one_number(s, count, err);
}

static vault_code all_there(store *s, size_t count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    VAULT_TRY(call_run(s, &r, err));
    int64_t there = col_int8(r, 0, 0);
    if (there == (int64_t)count) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "%s: %lld of %zu rows were as they were read", statement_of(s->call)->name,
                      (long long)there, count);
}

vault_code store_residents_hold(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err)
{
    const resident_row **sorted;
    if (!count) return VAULT_OK;
    VAULT_TRY(residents_in_order(&sorted, mem, rows, count, err));
    call_start(s, ST_RESIDENTS_HOLD);
    arg_column(s, put_int8, sorted, count, row->id);
    arg_column(s, put_int4, sorted, count, row->version);
    arg_column(s, put_blob, sorted, count, row->tag);
    return all_there(s, count, err);
}

static bool other_keys(const resident_row *row)
{
    return row->ring_version != row->was->ring_version || !bytes_same(row->dek, row->was->dek);
}

static vault_code update_keys(store *s, arena *mem, const resident_row *const *rows, size_t count, vault_error *err)
{
    size_t changed = 0;
    key_row *keys = arena_array(mem, count, sizeof *keys);
    if (!keys) return store_out_of_memory(err);
    for (size_t i = 0; i < count; i++)
        if (other_keys(rows[i]))
            keys[changed++] = (key_row){.id = rows[i]->id, .ring_version = rows[i]->ring_version, .dek = rows[i]->dek};
    return changed ? store_keys_update(s, keys, changed, err) : VAULT_OK;
}

vault_code store_residents_renew(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err)
{
    const resident_row **sorted;
    if (!count) return VAULT_OK;
    VAULT_TRY(residents_in_order(&sorted, mem, rows, count, err));
    call_start(s, ST_RESIDENTS_RENEW);
    arg_column(s, put_int8, sorted, count, row->id);
    arg_column(s, put_int4, sorted, count, row->version);
    arg_column(s, put_blob, sorted, count, row->was->tag);
    arg_column(s, put_int2, sorted, count, row->state);
    arg_term_bounds(s, sorted, count);
    arg_all_terms(s, sorted, count);
    arg_column(s, put_blob, sorted, count, bytes_of(row->natural_key, NATURAL_KEY_LEN));
    arg_column(s, put_blob, sorted, count, row->tag);
    arg_column(s, put_int8, sorted, count, row->made);
    arg_column(s, put_blob, sorted, count, row->sealed);
    VAULT_TRY(all_there(s, count, err));
    VAULT_TRY(update_keys(s, mem, sorted, count, err));
    return terms_update(s, mem, rows, count, err);
}

/* What a rotation of the record ring still has to bring over: residents' keys, vouchers, kept answers, keys of
 * leaked lists. */
#include "vault/store/internal.h"

static vault_code all_written(store *s, size_t count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    VAULT_TRY(call_run(s, &r, err));
    int64_t written = col_int8(r, 0, 0);
    if (written == (int64_t)count) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "%s: %lld of %zu rows were there", statement_of(s->call)->name,
                      (long long)written, count);
}

static vault_code needs_transaction(const store *s, vault_error *err)
{
    if (s->in_transaction) return VAULT_OK;
    return vault_fail(err, VAULT_INTERNAL, "stale rows are locked: no transaction is open");
}

/* ---- residents' keys ---- */

vault_code store_keys_stale(store *s, arena *mem, const stale_range *of, key_row *rows, size_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    *count = 0;
    VAULT_TRY(needs_transaction(s, err));
    call_start(s, ST_KEYS_STALE);
    arg_int8(s, of->after);
    arg_int4(s, of->version);
    arg_int8(s, (int64_t)of->limit);
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    for (size_t i = 0; i < n; i++) {
        int at = (int)i;
        rows[i] = (key_row){
            .id = col_int8(r, at, 0), .ring_version = col_int4(r, at, 1), .dek = col_bytes_copy(mem, r, at, 2, &full)};
    }
    if (full) return store_out_of_memory(err);
    *count = n;
    return VAULT_OK;
}

vault_code store_keys_update(store *s, const key_row *rows, size_t count, vault_error *err)
{
    call_start(s, ST_KEYS_UPDATE);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, rows[i].id);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int4(s, rows[i].ring_version);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, rows[i].dek);
    return all_written(s, count, err);
}

/* ---- notes ---- */

static const statement_id STALE[NOTE_TABLES] = {[NOTES_OF_VOUCHERS] = ST_VOUCHER_NOTES_STALE,
                                                [NOTES_OF_REQUESTS] = ST_REQUEST_NOTES_STALE,
                                                [NOTES_OF_LEAKS] = ST_LEAK_NOTES_STALE};
static const statement_id UPDATE[NOTE_TABLES] = {[NOTES_OF_VOUCHERS] = ST_VOUCHER_NOTES_UPDATE,
                                                 [NOTES_OF_REQUESTS] = ST_REQUEST_NOTES_UPDATE,
                                                 [NOTES_OF_LEAKS] = ST_LEAK_NOTES_UPDATE};

vault_code store_notes_stale(store *s, arena *mem, const note_range *of, note_row *rows, size_t *count,
                             vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    *count = 0;
    VAULT_TRY(needs_transaction(s, err));
    call_start(s, STALE[of->in]);
    arg_bytes(s, of->after);
    arg_int4(s, of->version);
    arg_int8(s, (int64_t)of->limit);
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    for (size_t i = 0; i < n; i++) {
        int at = (int)i;
        rows[i] = (note_row){.id = col_bytes_copy(mem, r, at, 0, &full),
                             .version = col_int4(r, at, 1),
                             .sealed = col_bytes_copy(mem, r, at, 2, &full)};
    }
    if (full) return store_out_of_memory(err);
    *count = n;
    return VAULT_OK;
}

vault_code store_notes_update(store *s, note_table in, const note_row *rows, size_t count, vault_error *err)
{
    call_start(s, UPDATE[in]);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, rows[i].id);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, rows[i].sealed);
    return all_written(s, count, err);
}

vault_code store_stale_count(store *s, int32_t version, int64_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_STALE_COUNT);
    arg_int4(s, version);
    VAULT_TRY(call_run(s, &r, err));
    *count = col_int8(r, 0, 0) + col_int8(r, 0, 1) + col_int8(r, 0, 2) + col_int8(r, 0, 3);
    return VAULT_OK;
}

#include "vault/store/leaks.h"
#include "vault/store/internal.h"

#include <string.h>

enum { TERMS_MOST = 65536 };

vault_code store_leak_insert(store *s, const leak_row *row, vault_error *err)
{
    call_start(s, ST_LEAK_INSERT);
    arg_bytes(s, bytes_of(row->id, LEAK_ID_LEN));
    arg_int8(s, row->created_us);
    arg_int8(s, row->expires_us);
    arg_bytes(s, row->key);
    arg_bytes(s, row->sealed);
    return call_done(s, err);
}

vault_code store_leak_read(store *s, arena *mem, leak_row *inout, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    call_start(s, ST_LEAK_READ);
    arg_bytes(s, bytes_of(inout->id, LEAK_ID_LEN));
    VAULT_TRY(call_run(s, &r, err));
    if (PQntuples(r) == 0) return vault_fail(err, VAULT_NOT_FOUND, "a leaked list is gone");
    inout->created_us = col_int8(r, 0, 0);
    inout->expires_us = col_int8(r, 0, 1);
    inout->key = col_bytes_copy(mem, r, 0, 2, &full);
    inout->sealed = col_bytes_copy(mem, r, 0, 3, &full);
    return full ? store_out_of_memory(err) : VAULT_OK;
}

vault_code store_leak_delete(store *s, const uint8_t id[LEAK_ID_LEN], vault_error *err)
{
    call_start(s, ST_LEAK_DELETE);
    arg_bytes(s, bytes_of(id, LEAK_ID_LEN));
    return call_done(s, err);
}

vault_code store_leaks_sweep(store *s, const leak_keeping *keep, int64_t *dropped, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_LEAKS_SWEEP);
    arg_array(s, keep->count);
    for (size_t i = 0; i < keep->count; i++) put_blob(s, bytes_of(keep->ids[i], LEAK_ID_LEN));
    arg_int8(s, keep->made_us);
    arg_int8(s, keep->now_us);
    VAULT_TRY(call_run(s, &r, err));
    *dropped = col_int8(r, 0, 0);
    return VAULT_OK;
}

vault_code store_term_hits(store *s, arena *mem, const term_ids *of, term_hit **hits, size_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *count = 0;
    if (of->count > TERMS_MOST) return vault_fail(err, VAULT_INTERNAL, "%zu terms in one call", of->count);
    call_start(s, ST_TERM_HITS);
    arg_array(s, of->count);
    for (size_t i = 0; i < of->count; i++) put_int8(s, of->terms[i]);
    arg_int8(s, (int64_t)of->most);
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    *hits = arena_array(mem, n + 1, sizeof **hits);
    if (!*hits) return store_out_of_memory(err);
    for (size_t i = 0; i < n; i++)
        (*hits)[i] = (term_hit){.place = (uint32_t)col_int8(r, (int)i, 0) - 1, .id = col_int8(r, (int)i, 1)};
    *count = n;
    return VAULT_OK;
}

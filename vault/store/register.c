/* What is written seldom: key rings, and what was fixed at init. */
#include "vault/store/internal.h"

vault_code store_rings_read(store *s, arena *mem, ring_row **rows, size_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *count = 0;
    call_start(s, ST_RINGS_READ);
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    bool full = false;
    *rows = arena_array(mem, n, sizeof **rows);
    if (!*rows) return store_out_of_memory(err);
    for (size_t i = 0; i < n; i++) {
        int row = (int)i;
        (*rows)[i] = (ring_row){.name = col_text_copy(mem, r, row, 0, &full),
                                .version = col_int4(r, row, 1),
                                .suite = col_int2(r, row, 2),
                                .state = col_int2(r, row, 3),
                                .wrapped = col_bytes_copy(mem, r, row, 4, &full),
                                .created_us = col_int8(r, row, 5)};
    }
    if (full) return store_out_of_memory(err);
    *count = n;
    return VAULT_OK;
}

vault_code store_ring_insert(store *s, const ring_row *row, vault_error *err)
{
    call_start(s, ST_RING_INSERT);
    arg_text(s, row->name);
    arg_int4(s, row->version);
    arg_int2(s, row->suite);
    arg_int2(s, row->state);
    arg_bytes(s, row->wrapped);
    arg_int8(s, row->created_us);
    return call_done(s, err);
}

vault_code store_vault_read(store *s, arena *mem, vault_row *out, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    call_start(s, ST_VAULT_READ);
    VAULT_TRY(call_run(s, &r, err));
    if (PQntuples(r) == 0) return vault_fail(err, VAULT_NOT_FOUND, "the vault is not initialised");
    *out = (vault_row){.name = col_text_copy(mem, r, 0, 0, &full),
                       .format = col_int4(r, 0, 1),
                       .root_salt = col_bytes_copy(mem, r, 0, 2, &full),
                       .argon2_passes = col_int4(r, 0, 3),
                       .argon2_memory_kib = col_int4(r, 0, 4),
                       .argon2_lanes = col_int4(r, 0, 5)};
    return full ? store_out_of_memory(err) : VAULT_OK;
}

vault_code store_vault_insert(store *s, const vault_row *row, vault_error *err)
{
    call_start(s, ST_VAULT_INSERT);
    arg_text(s, row->name);
    arg_int4(s, row->format);
    arg_bytes(s, row->root_salt);
    arg_int4(s, row->argon2_passes);
    arg_int4(s, row->argon2_memory_kib);
    arg_int4(s, row->argon2_lanes);
    return call_done(s, err);
}

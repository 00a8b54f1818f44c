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
                                .since = col_int8(r, row, 4),
                                .ends_us = col_int8(r, row, 5),
                                .wrapped = col_bytes_copy(mem, r, row, 6, &full),
                                .created_us = col_int8(r, row, 7)};
    }
    if (full) return store_out_of_memory(err);
    *count = n;
    return VAULT_OK;
}

static void arg_ring(store *s, const ring_row *row)
{
    arg_text(s, row->name);
    arg_int4(s, row->version);
    arg_int2(s, row->suite);
    arg_int2(s, row->state);
    arg_int8(s, row->since);
    arg_int8(s, row->ends_us);
    arg_bytes(s, row->wrapped);
    arg_int8(s, row->created_us);
}

vault_code store_ring_insert(store *s, const ring_row *row, vault_error *err)
{
    call_start(s, ST_RING_INSERT);
    arg_ring(s, row);
    return call_done(s, err);
}

vault_code store_ring_update(store *s, const ring_row *row, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_RING_UPDATE);
    arg_ring(s, row);
    VAULT_TRY(call_run(s, &r, err));
    if (col_int8(r, 0, 0) == 1) return VAULT_OK;
    return vault_fail(err, VAULT_NOT_FOUND, "key ring '%.40s' has no version %d", row->name, row->version);
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
                       .source = col_int2(r, 0, 2),
                       .generation = col_int4(r, 0, 3),
                       .threshold = col_int4(r, 0, 4),
                       .shares = col_int4(r, 0, 5),
                       .salt = col_bytes_copy(mem, r, 0, 6, &full),
                       .argon2_passes = col_int4(r, 0, 7),
                       .argon2_memory_kib = col_int4(r, 0, 8),
                       .argon2_lanes = col_int4(r, 0, 9),
                       .checks = col_bytes_copy(mem, r, 0, 10, &full),
                       .root = col_bytes_copy(mem, r, 0, 11, &full)};
    return full ? store_out_of_memory(err) : VAULT_OK;
}

static void arg_vault(store *s, const vault_row *row)
{
    arg_text(s, row->name);
    arg_int4(s, row->format);
    arg_int2(s, row->source);
    arg_int4(s, row->generation);
    arg_int4(s, row->threshold);
    arg_int4(s, row->shares);
    arg_bytes(s, row->salt);
    arg_int4(s, row->argon2_passes);
    arg_int4(s, row->argon2_memory_kib);
    arg_int4(s, row->argon2_lanes);
    arg_bytes(s, row->checks);
    arg_bytes(s, row->root);
}

vault_code store_vault_insert(store *s, const vault_row *row, vault_error *err)
{
    call_start(s, ST_VAULT_INSERT);
    arg_vault(s, row);
    return call_done(s, err);
}

vault_code store_vault_update(store *s, const vault_row *row, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_VAULT_UPDATE);
    arg_vault(s, row);
    VAULT_TRY(call_run(s, &r, err));
    if (col_int8(r, 0, 0) == 1) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "the vault's root key is of another generation");
}

#include "vault/store/columns.h"

#include "vault/store/internal.h"

vault_code store_columns_read(store *s, arena *mem, column_block *inout, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    inout->found = false;
    call_start(s, ST_COLUMNS_READ);
    arg_int4(s, inout->stretch);
    VAULT_TRY(call_run(s, &r, err));
    if (PQntuples(r) == 0) return VAULT_OK;
    inout->found = true;
    inout->log_version = col_int4(r, 0, 0);
    inout->sealed = col_bytes_copy(mem, r, 0, 1, &full);
    return full ? store_out_of_memory(err) : VAULT_OK;
}

vault_code store_columns_write(store *s, const column_block *block, vault_error *err)
{
    call_start(s, ST_COLUMNS_WRITE);
    arg_int4(s, block->stretch);
    arg_int4(s, block->log_version);
    arg_bytes(s, block->sealed);
    return call_done(s, err);
}

vault_code store_columns_lacking(store *s, int32_t log_version, int32_t end, int32_t *inout, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_COLUMNS_LACKING);
    arg_int4(s, log_version);
    arg_int4(s, end);
    arg_int4(s, *inout);
    VAULT_TRY(call_run(s, &r, err));
    *inout = PQntuples(r) == 0 ? -1 : col_int4(r, 0, 0);
    return VAULT_OK;
}

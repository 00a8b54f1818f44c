/* The rows of control: manifests, documents in force or pending, and the archive. */
#include "vault/store/internal.h"

vault_code store_control_lock(store *s, vault_error *err)
{
    if (!s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "control lock: no transaction is open");
    call_start(s, ST_CONTROL_LOCK);
    return call_done(s, err);
}

vault_code store_control_stamp(store *s, int64_t *stamp, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_CONTROL_STAMP);
    VAULT_TRY(call_run(s, &r, err));
    *stamp = col_int8(r, 0, 0);
    return VAULT_OK;
}

vault_code store_control_history(store *s, int64_t version, control_history *out, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_CONTROL_HISTORY);
    arg_int8(s, version);
    VAULT_TRY(call_run(s, &r, err));
    *out = (control_history){.stamp = col_int8(r, 0, 0),
                             .manifests = col_int8(r, 0, 1),
                             .archived = col_int8(r, 0, 2),
                             .astray = col_int8(r, 0, 3),
                             .heads = col_int8(r, 0, 4)};
    return VAULT_OK;
}

vault_code store_manifests_read(store *s, arena *mem, manifest_range range, manifest_row *rows, size_t *count,
                                vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    *count = 0;
    call_start(s, ST_MANIFESTS_READ);
    arg_int8(s, range.from);
    arg_int8(s, (int64_t)range.limit);
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    for (size_t i = 0; i < n; i++) {
        int row = (int)i;
        rows[i] = (manifest_row){.version = col_int8(r, row, 0), .sealed = col_bytes_copy(mem, r, row, 1, &full)};
    }
    if (full) return store_out_of_memory(err);
    *count = n;
    return VAULT_OK;
}

vault_code store_manifest_insert(store *s, const manifest_row *row, vault_error *err)
{
    call_start(s, ST_MANIFEST_INSERT);
    arg_int8(s, row->version);
    arg_bytes(s, row->sealed);
    return call_done(s, err);
}

vault_code store_documents_read(store *s, arena *mem, document_row **rows, size_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    *count = 0;
    call_start(s, ST_DOCUMENTS_READ);
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    *rows = arena_array(mem, n, sizeof **rows);
    if (!*rows) return store_out_of_memory(err);
    for (size_t i = 0; i < n; i++) {
        int row = (int)i;
        (*rows)[i] = (document_row){.name = col_text_copy(mem, r, row, 0, &full),
                                    .version = col_int8(r, row, 1),
                                    .sealed = col_bytes_copy(mem, r, row, 2, &full)};
    }
    if (full) return store_out_of_memory(err);
    *count = n;
    return VAULT_OK;
}

vault_code store_document_insert(store *s, const document_row *row, vault_error *err)
{
    call_start(s, ST_DOCUMENT_INSERT);
    arg_text(s, row->name);
    arg_int8(s, row->version);
    arg_bytes(s, row->sealed);
    return call_done(s, err);
}

vault_code store_document_archive(store *s, const document_row *row, int64_t ended, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_DOCUMENT_ARCHIVE);
    arg_text(s, row->name);
    arg_int8(s, row->version);
    arg_int8(s, ended);
    VAULT_TRY(call_run(s, &r, err));
    if (col_int8(r, 0, 0) == 1) return VAULT_OK;
    return vault_fail(err, VAULT_NOT_FOUND, "no live document %.40s of version %lld", row->name,
                      (long long)row->version);
}

vault_code store_document_find(store *s, arena *mem, document_row *inout, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    call_start(s, ST_DOCUMENT_FIND);
    arg_text(s, inout->name);
    arg_int8(s, inout->version);
    VAULT_TRY(call_run(s, &r, err));
    if (PQntuples(r) != 1) {
        vault_code code = PQntuples(r) ? VAULT_INTEGRITY : VAULT_NOT_FOUND;
        return vault_fail(err, code, "document %.40s of version %lld stands %d times", inout->name,
                          (long long)inout->version, PQntuples(r));
    }
    inout->ended = col_int8(r, 0, 1);
    inout->sealed = col_bytes_copy(mem, r, 0, 0, &full);
    return full ? store_out_of_memory(err) : VAULT_OK;
}

vault_code store_control_stale(store *s, arena *mem, int32_t version, sealed_row *rows, size_t *inout_count,
                               vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    call_start(s, ST_CONTROL_STALE);
    arg_int8(s, version);
    arg_int8(s, (int64_t)*inout_count);
    *inout_count = 0;
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    for (size_t i = 0; i < n; i++) {
        int row = (int)i;
        rows[i] = (sealed_row){.in = (control_table)col_int2(r, row, 0),
                               .name = col_text_copy(mem, r, row, 1, &full),
                               .version = col_int8(r, row, 2),
                               .sealed = col_bytes_copy(mem, r, row, 3, &full)};
    }
    if (full) return store_out_of_memory(err);
    *inout_count = n;
    return VAULT_OK;
}

vault_code store_control_stale_count(store *s, int32_t version, int64_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_CONTROL_STALE_COUNT);
    arg_int8(s, version);
    VAULT_TRY(call_run(s, &r, err));
    *count = col_int8(r, 0, 0);
    return VAULT_OK;
}

vault_code store_control_reseal(store *s, const sealed_row *row, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_CONTROL_RESEAL);
    arg_int2(s, (int16_t)row->in);
    arg_text(s, row->name);
    arg_int8(s, row->version);
    arg_bytes(s, row->sealed);
    VAULT_TRY(call_run(s, &r, err));
    if (col_int8(r, 0, 0) == 1) return VAULT_OK;
    return vault_fail(err, VAULT_NOT_FOUND, "control row %.40s %lld is gone", row->name, (long long)row->version);
}

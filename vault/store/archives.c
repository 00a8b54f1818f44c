#include "vault/store/archives.h"
#include "vault/store/internal.h"

#include <string.h>

static vault_code read_row(archive_row *out, arena *mem, const PGresult *r, int row, vault_error *err)
{
    bool full = false;
    *out = (archive_row){.first = col_int8(r, row, 0),
                         .count = col_int8(r, row, 1),
                         .start_us = col_int8(r, row, 2),
                         .end_us = col_int8(r, row, 3),
                         .file = col_text_copy(mem, r, row, 4, &full),
                         .size = col_int8(r, row, 5),
                         .log_version = col_int4(r, row, 7)};
    if (!col_fixed(r, row, 6, out->sha256.at, DIGEST_LEN))
        return vault_fail(err, VAULT_INTEGRITY, "archive %lld: a column has a length that it never has",
                          (long long)out->first);
    return full ? store_out_of_memory(err) : VAULT_OK;
}

vault_code store_archive_end(store *s, int64_t *end, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_ARCHIVE_END);
    VAULT_TRY(call_run(s, &r, err));
    *end = col_int8(r, 0, 0);
    return VAULT_OK;
}

vault_code store_archives_read(store *s, arena *mem, archive_list *list, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    list->count = 0;
    call_start(s, ST_ARCHIVES_READ);
    arg_int8(s, list->from);
    arg_int8(s, (int64_t)list->limit);
    VAULT_TRY(call_run(s, &r, err));
    list->rows = arena_array(mem, (size_t)PQntuples(r) + 1, sizeof *list->rows);
    if (!list->rows) return store_out_of_memory(err);
    for (int i = 0; i < PQntuples(r); i++) VAULT_TRY(read_row(&list->rows[i], mem, r, i, err));
    list->count = (size_t)PQntuples(r);
    return VAULT_OK;
}

vault_code store_archive_stale(store *s, arena *mem, int32_t version, archive_row *out, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *out = (archive_row){0};
    call_start(s, ST_ARCHIVE_STALE);
    arg_int4(s, version);
    VAULT_TRY(call_run(s, &r, err));
    return PQntuples(r) ? read_row(out, mem, r, 0, err) : VAULT_OK;
}

vault_code store_archive_around(store *s, int64_t us, int64_t *low, int64_t *high, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_ARCHIVE_AROUND);
    arg_int8(s, us);
    VAULT_TRY(call_run(s, &r, err));
    *low = col_int8(r, 0, 0);
    *high = col_int8(r, 0, 1);
    return VAULT_OK;
}

static void arg_row(store *s, const archive_row *row)
{
    arg_int8(s, row->first);
    arg_text(s, row->file);
    arg_int8(s, row->size);
    arg_bytes(s, digest_bytes(&row->sha256));
    arg_int4(s, row->log_version);
}

vault_code store_archive_take(store *s, const archive_row *row, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (!s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "archive: no transaction is open");
    call_start(s, ST_ARCHIVE_TAKE);
    arg_row(s, row);
    arg_int8(s, row->count);
    arg_int8(s, row->start_us);
    arg_int8(s, row->end_us);
    VAULT_TRY(call_run(s, &r, err));
    if (col_int8(r, 0, 0) == row->count && col_int8(r, 0, 1) == row->first) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "archive of %lld lines from %lld: another was first", (long long)row->count,
                      (long long)row->first);
}

vault_code store_archive_replace(store *s, const archive_row *row, const char *former, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (!s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "archive: no transaction is open");
    call_start(s, ST_ARCHIVE_REPLACE);
    arg_row(s, row);
    arg_text(s, former);
    VAULT_TRY(call_run(s, &r, err));
    if (col_int8(r, 0, 0) == 1) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "archive of line %lld: another was first", (long long)row->first);
}

vault_code store_archived_nodes(store *s, arena *mem, const int64_t *indexes, size_t count, line_row *rows,
                                vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    for (size_t i = 0; i < count; i++) rows[i] = (line_row){.index = indexes[i]};
    call_start(s, ST_ARCHIVED_NODES);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, indexes[i]);
    VAULT_TRY(call_run(s, &r, err));
    for (int i = 0; i < PQntuples(r) && !full; i++) {
        int64_t at = col_int8(r, i, 0) - 1; /* place in the array, from 1 */
        if (at < 0 || (size_t)at >= count) return vault_fail(err, VAULT_INTERNAL, "archived nodes: not asked for");
        rows[at].found = rows[at].archived = true;
        rows[at].leaf = col_bytes_copy(mem, r, i, 1, &full);
        rows[at].nodes = col_bytes_copy(mem, r, i, 2, &full);
    }
    return full ? store_out_of_memory(err) : VAULT_OK;
}

void store_set_shelf(store *s, struct shelf *files)
{
    s->shelf = files;
}

struct shelf *store_shelf(const store *s)
{
    return s->shelf;
}

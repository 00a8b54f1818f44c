/* Lines, read by index and by look-up tag. */
#include "vault/store/internal.h"

#include <string.h>

enum { COL_INDEX, COL_LEAF, COL_NODES, COL_OFFICER, COL_RESIDENT, COL_RESIDENT_TAG, COL_PERSON_TAG, COL_ARCHIVED };
enum { BATCH_MOST = 1 << 16 };

static vault_code copy_line(line_row *out, arena *mem, const PGresult *r, int row, vault_error *err)
{
    bytes *const parts[] = {&out->leaf, &out->nodes, &out->officer, &out->resident};
    size_t total = 0;
    for (int i = 0; i < 4; i++) total += col_bytes(r, row, COL_LEAF + i).len;
    uint8_t *at = arena_alloc(mem, total);
    if (!at) return store_out_of_memory(err);
    for (int i = 0; i < 4; i++) {
        bytes part = col_bytes(r, row, COL_LEAF + i);
        *parts[i] = bytes_of(memcpy(at, part.at, part.len), part.len);
        at += part.len;
    }
    out->found = true;
    out->index = col_int8(r, row, COL_INDEX);
    out->resident_tag = col_int8(r, row, COL_RESIDENT_TAG);
    out->person_tag = col_int8(r, row, COL_PERSON_TAG);
    return VAULT_OK;
}

typedef struct by_index {
    statement_id how;
    const int64_t *indexes;
    size_t count;
} by_index;

static vault_code read_by_index(store *s, arena *mem, const by_index *of, line_row *rows, vault_error *err)
{
    const int64_t *indexes = of->indexes;
    size_t count = of->count;
    places where;
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (count > BATCH_MOST) return vault_fail(err, VAULT_INTERNAL, "lines by index: %zu lines in one call", count);
    VAULT_TRY(places_make(&where, mem, indexes, sizeof *indexes, count, err));
    call_start(s, of->how);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, indexes[i]);
    VAULT_TRY(call_run(s, &r, err));
    for (size_t i = 0; i < count; i++) rows[i] = (line_row){.index = indexes[i]};
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t index = col_int8(r, i, COL_INDEX), first = places_first(&where, &index);
        if (first == NO_PLACE) continue;
        VAULT_TRY(copy_line(&rows[first], mem, r, i, err));
        for (int64_t place = first; place != NO_PLACE; place = places_next(&where, place)) rows[place] = rows[first];
    }
    return VAULT_OK;
}

vault_code store_lines_by_index(store *s, arena *mem, const int64_t *indexes, size_t count, line_row *rows,
                                vault_error *err)
{
    return read_by_index(s, mem, &(by_index){ST_LINES_BY_INDEX, indexes, count}, rows, err);
}

vault_code store_tree_by_index(store *s, arena *mem, const int64_t *indexes, size_t count, line_row *rows,
                               vault_error *err)
{
    return read_by_index(s, mem, &(by_index){ST_TREE_BY_INDEX, indexes, count}, rows, err);
}

static bool in_order(const line_range *range, const line_row *rows, int i)
{
    int64_t sign = range->key == LINE_RESIDENT_BACK ? -1 : 1, at = sign * rows[i].index;
    return at >= sign * range->from && (i == 0 || at > sign * rows[i - 1].index);
}

vault_code store_lines_page(store *s, arena *mem, const line_range *range, line_row *rows, lines_found *out,
                            vault_error *err)
{
    static const statement_id statements[] = {[LINE_ANY] = ST_LINES_PAGE,
                                              [LINE_RESIDENT] = ST_LINES_OF_RESIDENT,
                                              [LINE_PERSON] = ST_LINES_OF_PERSON,
                                              [LINE_RESIDENT_BACK] = ST_LINES_OF_RESIDENT_BACK};
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *out = (lines_found){.archived = -1};
    if (range->limit > BATCH_MOST)
        return vault_fail(err, VAULT_INTERNAL, "lines page: %zu lines in one call", range->limit);
    call_start(s, statements[range->key]);
    arg_int8(s, range->from);
    arg_int8(s, (int64_t)range->limit);
    if (range->key != LINE_ANY) {
        arg_array(s, range->tag_count);
        for (size_t i = 0; i < range->tag_count; i++) put_int8(s, range->tags[i]);
    }
    VAULT_TRY(call_run(s, &r, err));
    if ((size_t)PQntuples(r) > range->limit)
        return vault_fail(err, VAULT_INTERNAL, "lines page: %d lines for %zu", PQntuples(r), range->limit);
    for (int i = 0; i < PQntuples(r); i++) {
        VAULT_TRY(copy_line(&rows[i], mem, r, i, err));
        if (!in_order(range, rows, i))
            return vault_fail(err, VAULT_INTERNAL, "lines page: out of order at %lld", (long long)rows[i].index);
    }
    out->count = (size_t)PQntuples(r);
    if (out->count > 0) out->archived = col_int8(r, 0, COL_ARCHIVED);
    return VAULT_OK;
}

vault_code store_leaves(store *s, arena *mem, int64_t from, size_t count, bytes *leaves, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    bool full = false;
    if (count > BATCH_MOST) return vault_fail(err, VAULT_INTERNAL, "leaves: %zu in one call", count);
    for (size_t i = 0; i < count; i++) leaves[i] = (bytes){0};
    call_start(s, ST_LEAVES);
    arg_int8(s, from);
    arg_int8(s, from + (int64_t)count);
    VAULT_TRY(call_run(s, &r, err));
    for (int i = 0; i < PQntuples(r) && !full; i++) {
        int64_t index = col_int8(r, i, COL_INDEX);
        if (index < from || index - from >= (int64_t)count)
            return vault_fail(err, VAULT_INTERNAL, "leaves: line %lld was not asked for", (long long)index);
        leaves[index - from] = col_bytes_copy(mem, r, i, COL_LEAF, &full);
    }
    return full ? store_out_of_memory(err) : VAULT_OK;
}

/* ---- a newer version of the log ring ---- */

vault_code store_lines_stale(store *s, arena *mem, const stale_lines *of, line_row *rows, size_t *count,
                             vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *count = 0;
    call_start(s, ST_LINES_STALE);
    arg_int8(s, of->from);
    arg_int8(s, of->end);
    arg_int4(s, of->version);
    arg_int8(s, (int64_t)of->limit);
    VAULT_TRY(call_run(s, &r, err));
    size_t n = (size_t)PQntuples(r);
    if (n > of->limit) return vault_fail(err, VAULT_INTERNAL, "stale lines: %zu for %zu", n, of->limit);
    for (size_t i = 0; i < n; i++) VAULT_TRY(copy_line(&rows[i], mem, r, (int)i, err));
    *count = n;
    return VAULT_OK;
}

vault_code store_lines_stale_count(store *s, const stale_lines *of, int64_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_LINES_STALE_COUNT);
    arg_int8(s, of->from);
    arg_int8(s, of->end);
    arg_int4(s, of->version);
    VAULT_TRY(call_run(s, &r, err));
    *count = col_int8(r, 0, 0);
    return VAULT_OK;
}

vault_code store_lines_renew(store *s, const line_row *rows, size_t count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_LINES_RENEW);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, rows[i].index);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, rows[i].officer);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, rows[i].resident_tag);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, rows[i].person_tag);
    arg_int8(s, rows[0].index); /* in order, and not none: which partitions they lie in */
    arg_int8(s, rows[count - 1].index);
    VAULT_TRY(call_run(s, &r, err));
    int64_t written = col_int8(r, 0, 0);
    if (written == (int64_t)count) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "renew: %lld of %zu lines were there", (long long)written, count);
}

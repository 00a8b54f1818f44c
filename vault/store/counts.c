/* Counters and what they have seen. */
#include "vault/store/counts.h"
#include "vault/store/internal.h"

#include <string.h>

enum { BATCH_MOST = 4096 };
enum { COL_ID, COL_SEALED, COL_ENDS };

static vault_code check_count(size_t count, vault_error *err)
{
    if (count <= BATCH_MOST) return VAULT_OK;
    return vault_fail(err, VAULT_INTERNAL, "counters: %zu in one call, at most %d", count, BATCH_MOST);
}

static vault_code needs_transaction(const store *s, vault_error *err)
{
    return s->in_transaction ? VAULT_OK : vault_fail(err, VAULT_INTERNAL, "counters: no transaction is open");
}

static void arg_ids(store *s, const count_row *rows, size_t count)
{
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, bytes_of(rows[i].id, COUNT_ID_LEN));
}

static void arg_sealed(store *s, const count_row *rows, size_t count)
{
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, rows[i].sealed);
}

static void arg_ends(store *s, const count_row *rows, size_t count)
{
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, rows[i].ends_us);
}

vault_code store_counters_make(store *s, const count_row *rows, size_t count, vault_error *err)
{
    if (!count) return VAULT_OK;
    VAULT_TRY(check_count(count, err));
    call_start(s, ST_COUNTERS_MAKE);
    arg_ids(s, rows, count);
    arg_sealed(s, rows, count);
    arg_ends(s, rows, count);
    return call_done(s, err);
}

/* ---- reading ---- */

static vault_code copy_row(count_row *out, arena *mem, const PGresult *r, int i, vault_error *err)
{
    bool full = false;
    *out = (count_row){.found = true};
    bool whole = col_fixed(r, i, COL_ID, out->id, COUNT_ID_LEN);
    out->sealed = col_bytes_copy(mem, r, i, COL_SEALED, &full);
    out->ends_us = col_int8(r, i, COL_ENDS);
    out->found = whole;
    return full ? store_out_of_memory(err) : VAULT_OK;
}

/* What the call that was built gives, to the places where it was asked for. */
static vault_code answer_by_id(store *s, arena *mem, count_row *rows, size_t count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    places where;
    count_row got;
    uint8_t(*ids)[COUNT_ID_LEN] = arena_array(mem, count + 1, sizeof *ids);
    if (!ids) return store_out_of_memory(err);
    for (size_t i = 0; i < count; i++) {
        memcpy(ids[i], rows[i].id, COUNT_ID_LEN);
        rows[i].found = false;
        rows[i].sealed = bytes_of("", 0);
    }
    VAULT_TRY(call_run(s, &r, err));
    VAULT_TRY(places_make(&where, mem, ids, COUNT_ID_LEN, count, err));
    for (int i = 0; i < PQntuples(r); i++) {
        VAULT_TRY(copy_row(&got, mem, r, i, err));
        int64_t place = got.found ? places_first(&where, got.id) : NO_PLACE;
        for (; place != NO_PLACE; place = places_next(&where, place)) rows[place] = got;
    }
    return VAULT_OK;
}

vault_code store_counters_lock(store *s, arena *mem, count_row *rows, size_t count, vault_error *err)
{
    if (!count) return VAULT_OK;
    VAULT_TRY(check_count(count, err));
    VAULT_TRY(needs_transaction(s, err));
    call_start(s, ST_COUNTERS_LOCK);
    arg_ids(s, rows, count);
    VAULT_TRY(answer_by_id(s, mem, rows, count, err));
    for (size_t i = 0; i < count; i++)
        if (!rows[i].found) return vault_fail(err, VAULT_CONFLICT, "a counter that was made is not there any more");
    return VAULT_OK;
}

vault_code store_seen_read(store *s, arena *mem, count_row *rows, size_t count, vault_error *err)
{
    for (size_t first = 0, n; first < count; first += n) {
        n = count - first < BATCH_MOST ? count - first : BATCH_MOST;
        call_start(s, ST_SEEN_READ);
        arg_ids(s, rows + first, n);
        VAULT_TRY(answer_by_id(s, mem, rows + first, n, err));
    }
    return VAULT_OK;
}

vault_code store_counters_page(store *s, arena *mem, bytes after, count_row *rows, size_t *inout_count,
                               vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_COUNTERS_PAGE);
    arg_bytes(s, after);
    arg_int8(s, (int64_t)*inout_count);
    *inout_count = 0;
    VAULT_TRY(call_run(s, &r, err));
    for (int i = 0; i < PQntuples(r); i++) VAULT_TRY(copy_row(&rows[i], mem, r, i, err));
    *inout_count = (size_t)PQntuples(r);
    return VAULT_OK;
}

/* ---- writing ---- */

vault_code store_counts_write(store *s, const counts_written *what, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (what->counter_count + what->seen_count == 0) return VAULT_OK;
    VAULT_TRY(needs_transaction(s, err));
    call_start(s, ST_COUNTS_WRITE);
    arg_ids(s, what->counters, what->counter_count);
    arg_sealed(s, what->counters, what->counter_count);
    arg_ids(s, what->seen, what->seen_count);
    arg_sealed(s, what->seen, what->seen_count);
    arg_ends(s, what->seen, what->seen_count);
    VAULT_TRY(call_run(s, &r, err));
    int64_t written = col_int8(r, 0, 0);
    if (written == (int64_t)what->counter_count) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "counters: %lld of %zu were there", (long long)written, what->counter_count);
}

vault_code store_counts_sweep(store *s, int64_t now_us, size_t most, int64_t *swept, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_COUNTS_SWEEP);
    arg_int8(s, now_us);
    arg_int8(s, (int64_t)most);
    VAULT_TRY(call_run(s, &r, err));
    *swept = col_int8(r, 0, 0);
    return VAULT_OK;
}

/* Vouchers and handovers: sealed rows, found by a hash of their secret, each use a version of its own. */
#include "vault/store/internal.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_MOST = 4096 };
enum { COL_ID, COL_VERSION, COL_SEALED, COL_EXPIRES };
/* The holder is told why for a month. */
static const sweep_rule ENDED = {.by = ST_VOUCHERS_SWEEP, .every = 500, .kept_us = INT64_C(30) * 86400 * 1000 * 1000};

static vault_code too_many(size_t count, vault_error *err)
{
    if (count <= BATCH_MOST) return VAULT_OK;
    return vault_fail(err, VAULT_INTERNAL, "vouchers: %zu in one call, at most %d", count, BATCH_MOST);
}

static vault_code read_row(const PGresult *r, int i, const places *where, arena *mem, voucher_row *rows,
                           vault_error *err)
{
    bool full = false;
    voucher_row got = {.found = true};
    if (!col_fixed(r, i, COL_ID, got.id, VOUCHER_ID_LEN)) return VAULT_OK;
    int64_t place = places_first(where, got.id);
    if (place == NO_PLACE) return VAULT_OK;
    got.version = col_int4(r, i, COL_VERSION);
    got.sealed = col_bytes_copy(mem, r, i, COL_SEALED, &full);
    got.expires_us = col_int8(r, i, COL_EXPIRES);
    if (full) return store_out_of_memory(err);
    for (; place != NO_PLACE; place = places_next(where, place)) rows[place] = got;
    return VAULT_OK;
}

vault_code store_vouchers_read(store *s, arena *mem, const uint8_t (*ids)[VOUCHER_ID_LEN], size_t count,
                               voucher_row *rows, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    places where;
    VAULT_TRY(too_many(count, err));
    sweep(s, &s->vouchers, &ENDED);
    call_start(s, ST_VOUCHERS_READ);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) {
        put_blob(s, bytes_of(ids[i], VOUCHER_ID_LEN));
        rows[i] = (voucher_row){0};
        memcpy(rows[i].id, ids[i], VOUCHER_ID_LEN);
    }
    VAULT_TRY(call_run(s, &r, err));
    VAULT_TRY(places_make(&where, mem, ids, VOUCHER_ID_LEN, count, err));
    for (int i = 0; i < PQntuples(r); i++) VAULT_TRY(read_row(r, i, &where, mem, rows, err));
    return VAULT_OK;
}

/* ---- writing ---- */

static int by_id(const void *a, const void *b)
{
    const voucher_row *const *x = a, *const *y = b;
    return memcmp((*x)->id, (*y)->id, VOUCHER_ID_LEN);
}

static vault_code in_order(const voucher_row ***out, arena *mem, const voucher_row *rows, size_t count,
                           vault_error *err)
{
    VAULT_TRY(too_many(count, err));
    const voucher_row **sorted = arena_array(mem, count + 1, sizeof *sorted);
    if (!sorted) return store_out_of_memory(err);
    for (size_t i = 0; i < count; i++) sorted[i] = &rows[i];
    qsort(sorted, count, sizeof *sorted, by_id);
    *out = sorted;
    return VAULT_OK;
}

/* What insert and update have in common. */
static void arg_rows(store *s, const voucher_row *const *rows, size_t count)
{
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, bytes_of(rows[i]->id, VOUCHER_ID_LEN));
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int4(s, rows[i]->version);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, rows[i]->sealed);
}

vault_code store_vouchers_insert(store *s, arena *mem, const voucher_row *rows, size_t count, vault_error *err)
{
    const voucher_row **sorted;
    if (!count) return VAULT_OK;
    VAULT_TRY(in_order(&sorted, mem, rows, count, err));
    call_start(s, ST_VOUCHERS_INSERT);
    arg_rows(s, sorted, count);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, sorted[i]->expires_us);
    VAULT_TRY(call_done(s, err));
    s->vouchers.fresh += count;
    return VAULT_OK;
}

vault_code store_vouchers_update(store *s, arena *mem, const voucher_row *rows, size_t count, vault_error *err)
{
    const voucher_row **sorted;
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (!count) return VAULT_OK;
    VAULT_TRY(in_order(&sorted, mem, rows, count, err));
    call_start(s, ST_VOUCHERS_UPDATE);
    arg_rows(s, sorted, count);
    VAULT_TRY(call_run(s, &r, err));
    int64_t updated = col_int8(r, 0, 0);
    if (updated == (int64_t)count) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "vouchers: %lld of %zu rows had the version expected", (long long)updated,
                      count);
}

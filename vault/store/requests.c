/* Answers that are kept by request id, for as long as a client may ask again. */
#include "vault/store/internal.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_MOST = 4096 };
enum { COL_ID, COL_ANSWER, COL_EXPIRES };
/* Nodes' clocks differ. */
static const sweep_rule ENDED = {.by = ST_REQUESTS_SWEEP, .every = 64, .kept_us = INT64_C(600) * 1000 * 1000};

static vault_code read_row(const PGresult *r, int i, const places *where, arena *mem, request_row *rows,
                           vault_error *err)
{
    digest id;
    bool full = false;
    if (!col_fixed(r, i, COL_ID, id.at, DIGEST_LEN)) return VAULT_OK;
    int64_t place = places_first(where, id.at);
    if (place == NO_PLACE) return VAULT_OK;
    request_row found = {.found = true,
                         .id = id,
                         .expires_us = col_int8(r, i, COL_EXPIRES),
                         .answer = col_bytes_copy(mem, r, i, COL_ANSWER, &full)};
    if (full) return store_out_of_memory(err);
    for (; place != NO_PLACE; place = places_next(where, place)) rows[place] = found;
    return VAULT_OK;
}

vault_code store_requests_find(store *s, arena *mem, request_row *rows, size_t count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    places where;
    uint8_t(*ids)[DIGEST_LEN] = arena_array(mem, count + 1, sizeof *ids);
    if (!ids) return store_out_of_memory(err);
    if (count > BATCH_MOST) return vault_fail(err, VAULT_INTERNAL, "requests: %zu in one call", count);
    sweep(s, &s->requests, &ENDED); /* here, because an insert stands in a transaction that a sweep must not fail */
    call_start(s, ST_REQUESTS_FIND);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) {
        memcpy(ids[i], rows[i].id.at, DIGEST_LEN);
        put_blob(s, digest_bytes(&rows[i].id));
        rows[i] = (request_row){.id = rows[i].id};
    }
    VAULT_TRY(call_run(s, &r, err));
    VAULT_TRY(places_make(&where, mem, ids, DIGEST_LEN, count, err));
    for (int i = 0; i < PQntuples(r); i++) VAULT_TRY(read_row(r, i, &where, mem, rows, err));
    return VAULT_OK;
}

static int by_id(const void *a, const void *b)
{
    const request_row *const *x = a, *const *y = b;
    return memcmp((*x)->id.at, (*y)->id.at, DIGEST_LEN);
}

/* In one order for everybody: two transactions with the same requests wait for each other, but not both. */
vault_code store_requests_insert(store *s, arena *mem, const request_row *rows, size_t count, vault_error *err)
{
    const request_row **sorted = arena_array(mem, count + 1, sizeof *sorted);
    if (!sorted) return store_out_of_memory(err);
    for (size_t i = 0; i < count; i++) sorted[i] = &rows[i];
    qsort(sorted, count, sizeof *sorted, by_id);
    call_start(s, ST_REQUESTS_INSERT);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, digest_bytes(&sorted[i]->id));
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, sorted[i]->answer);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, sorted[i]->expires_us);
    VAULT_TRY(call_done(s, err));
    s->requests.fresh += count;
    return VAULT_OK;
}

/* Answers to messages of imports, kept for as long as a client may ask again. */
#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/store/internal.h"

enum { SWEEP_EVERY = 64 };
static const int64_t SWEEP_AFTER_US = INT64_C(600) * 1000 * 1000; /* past the end: nodes' clocks differ */

/* Twice as many as came since: the table shrinks to those that may still be asked for. */
static void sweep(store *s)
{
    vault_error err = {0};
    if (s->requests_unswept < SWEEP_EVERY || s->in_transaction) return;
    call_start(s, ST_REQUESTS_SWEEP);
    arg_int8(s, clock_now_us() - SWEEP_AFTER_US);
    arg_int8(s, 2 * (int64_t)s->requests_unswept);
    s->requests_unswept = 0;
    if (call_done(s, &err) != VAULT_OK) log_failure(LOG_WARN, "store.sweep", &err);
}

vault_code store_request_find(store *s, arena *mem, request_row *inout, bool *found, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *found = false;
    sweep(s); /* here, because an insert stands in a transaction that a sweep must not fail */
    call_start(s, ST_REQUEST_FIND);
    arg_bytes(s, digest_bytes(&inout->id));
    VAULT_TRY(call_run(s, &r, err));
    if (PQntuples(r) == 0) return VAULT_OK;
    bytes answer = col_bytes(r, 0, 0);
    inout->answer = arena_copy(mem, answer);
    inout->expires_us = col_int8(r, 0, 1);
    if (answer.len && !inout->answer.at) return store_out_of_memory(err);
    *found = true;
    return VAULT_OK;
}

vault_code store_request_insert(store *s, const request_row *row, vault_error *err)
{
    call_start(s, ST_REQUEST_INSERT);
    arg_bytes(s, digest_bytes(&row->id));
    arg_bytes(s, row->answer);
    arg_int8(s, row->expires_us);
    VAULT_TRY(call_done(s, err));
    s->requests_unswept++;
    return VAULT_OK;
}

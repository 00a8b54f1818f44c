/* Assertion ids that were used: each passes once, whichever node sees it first. */
#include "vault/base/memory.h"
#include "vault/store/internal.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_MOST = 4096 };
/* Nodes' clocks differ. */
static const sweep_rule ENDED = {.by = ST_ASSERTIONS_SWEEP, .every = 500, .kept_us = INT64_C(600) * 1000 * 1000};

typedef struct use {
    const digest *id;
    int64_t expires;
    size_t place;
} use;

static int by_id(const void *a, const void *b)
{
    const use *x = a, *y = b;
    int order = memcmp(x->id->at, y->id->at, DIGEST_LEN);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* In one order for everybody: an insert waits for another's id that is not yet committed. */
static void arg_uses(store *s, const use *uses, size_t count)
{
    call_start(s, ST_ASSERTIONS_USE);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, digest_bytes(uses[i].id));
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, uses[i].expires);
}

/* Rows come back in the order of insertion, which is that of the uses; of equal ids the first one passes. */
static void mark_fresh(const use *uses, size_t count, const PGresult *r, bool *fresh)
{
    int row = 0, rows = PQntuples(r);
    for (size_t i = 0; i < count; i++) {
        bool new = row < rows &&bytes_same(col_bytes(r, row, 0), digest_bytes(uses[i].id));
        fresh[uses[i].place] = new;
        if (new) row++;
    }
}

static vault_code use_all(store *s, use *uses, size_t count, bool *fresh, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    qsort(uses, count, sizeof *uses, by_id);
    arg_uses(s, uses, count);
    VAULT_TRY(call_run(s, &r, err));
    mark_fresh(uses, count, r, fresh);
    return VAULT_OK;
}

vault_code store_assertions_use(store *s, const digest *ids, const int64_t *expires_us, size_t count, bool *fresh,
                                vault_error *err)
{
    memset(fresh, 0, count * sizeof *fresh);
    if (!count) return VAULT_OK;
    if (count > BATCH_MOST) return vault_fail(err, VAULT_INTERNAL, "assertions: %zu in one call", count);
    if (s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "assertions: not durable within a transaction");
    use *uses = memory_array(count, sizeof *uses);
    for (size_t i = 0; i < count; i++) uses[i] = (use){.id = &ids[i], .expires = expires_us[i], .place = i};
    vault_code code = use_all(s, uses, count, fresh, err);
    memory_free(uses, count * sizeof *uses);
    if (code != VAULT_OK) return code;
    s->assertions.fresh += count;
    sweep(s, &s->assertions, &ENDED);
    return VAULT_OK;
}

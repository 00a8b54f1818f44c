/* The whole log, a stretch of columns at a time. */
#include "vault/audit/openings.h"

enum { STRETCH_MEMORY = 128 << 20 };

static vault_code read_log(gathering *g, const openings_source *from, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(STRETCH_MEMORY);
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory for columns");
    arena_keep(mem, STRETCH_MEMORY);
    for (int64_t stretch = 0;; stretch++) {
        line_columns columns;
        if (from->go_on && !from->go_on(from->context))
            return vault_fail(err, VAULT_UNAVAILABLE, "the reading of the log was stopped");
        arena_reset(mem);
        VAULT_TRY(ledger_columns(&columns, from->sc, from->s, mem, stretch, err));
        if (!columns.count) return VAULT_OK;
        VAULT_TRY(gathering_add(g, &columns, err));
    }
}

vault_code openings_collect(openings *out, const openings_source *from, arena *mem, const openings_question *q,
                            vault_error *err)
{
    VAULT_CLEANUP(gathering_free) gathering *g = gathering_new(q);
    VAULT_TRY(read_log(g, from, err));
    return gathering_end(out, g, mem, err);
}

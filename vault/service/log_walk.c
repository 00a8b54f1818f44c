#include "vault/service/log_walk.h"

#include "vault/audit/scan.h"
#include "vault/base/clock.h"

enum { WALK_MEMORY = 256 << 20 };

static vault_code look(log_walk *w, const line_columns *at, vault_error *err)
{
    size_t first = 0, end = at->count;
    while (first < end && at->time_us[first] < w->from_us) first++;
    while (w->until_us && end > first && at->time_us[end - 1] >= w->until_us) end--;
    w->read += end - first;
    return first < end ? w->look(w->context, at, first, end, err) : VAULT_OK;
}

static bool is_late(const log_walk *w)
{
    return w->deadline_us && clock_monotonic_us() > w->deadline_us;
}

/* Each stretch in memory of its own: the log is larger than what a call may hold. */
static vault_code walk(log_walk *w, session *s, arena *mem, int64_t stretch, vault_error *err)
{
    line_columns at = {.count = 1};
    while (at.count > 0) {
        arena_reset(mem);
        if (is_late(w)) return vault_refuse(err, VAULT_UNAVAILABLE, "TOO_LATE", "");
        VAULT_TRY(ledger_columns(&at, s->scribe, s->store, mem, stretch++, err));
        if (at.count == 0) break;
        w->lines = (uint64_t)at.first + at.count;
        if (w->until_us && at.time_us[0] >= w->until_us) continue;
        VAULT_TRY(look(w, &at, err));
    }
    return VAULT_OK;
}

vault_code log_walk_run(log_walk *w, session *s, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(WALK_MEMORY);
    int64_t first = 0;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory for the columns of the log");
    w->lines = w->read = 0;
    if (w->from_us > 0) VAULT_TRY(ledger_since(&first, s->scribe, s->store, mem, w->from_us, err));
    w->lines = (uint64_t)first;
    return walk(w, s, mem, first / COLUMN_STRETCH, err);
}

/* Words about residents, as rows. */
#include "vault/service/said.h"

#include <stdio.h>

vault_code said_items(session *s, call *c, size_t count, const char *list)
{
    VAULT_TRY(call_items(s, c, count, list, &c->rq->err));
    said_row *all = arena_array(s->mem, count, sizeof *all);
    if (!all) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for %s", list);
    for (size_t i = 0; i < count; i++) c->items[i].said = &all[i];
    return VAULT_OK;
}

vault_code said_end(int64_t *out, const item *it, const Google__Protobuf__Timestamp *end, bool good, vault_error *err)
{
    enum { NANOS = 999999999 };
    static const int64_t LAST_SECOND = INT64_C(253402300799); /* of the year 9999 */
    char path[64];
    snprintf(path, sizeof path, "items[%zu].expire_time", it->index);
    *out = 0;
    if (!end) return VAULT_OK;
    bool fits = good && end->seconds >= 0 && end->seconds <= LAST_SECOND && end->nanos >= 0;
    if (!fits || end->nanos > NANOS) return refuse_at(err, "BAD_TIME", path, -1);
    *out = end->seconds * 1000000 + end->nanos / 1000;
    return *out > it->call->now_us ? VAULT_OK : refuse_at(err, "BAD_TIME", path, -1);
}

/* ---- rows ---- */

static vault_code say_one(session *s, item *it, vault_code (*say)(session *s, item *it))
{
    VAULT_TRY(say(s, it));
    if (!it->said->unchanged) it->record.row = &it->said->next;
    return VAULT_OK;
}

vault_code said_prepare(session *s, item **items, size_t count, vault_code (*say)(session *s, item *it),
                        vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        item *it = items[i];
        vault_code code = it->err.code == VAULT_OK ? say_one(s, it, say) : VAULT_OK;
        if (code == VAULT_INTEGRITY) session_damage(s, &it->err);
        if (code == VAULT_OK || code == VAULT_INTEGRITY || code == VAULT_INVALID) continue;
        *err = it->err;
        return code;
    }
    return VAULT_OK;
}

vault_code said_write(session *s, item **items, size_t count, vault_error *err)
{
    size_t held = 0, updated = 0;
    resident_row *rows = arena_array(s->mem, count, sizeof *rows), *next = arena_array(s->mem, count, sizeof *next);
    if (!rows || !next) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    for (size_t i = 0; i < count; i++) {
        if (items[i]->err.code != VAULT_OK) continue;
        rows[held++] = *items[i]->row;
        if (!items[i]->said->unchanged) next[updated++] = items[i]->said->next;
    }
    if (updated < held) VAULT_TRY(store_residents_hold(s->store, s->mem, rows, held, err));
    return store_residents_update(s->store, s->mem, next, updated, err);
}

row_change said_change(const item *it)
{
    if (it->err.code != VAULT_OK || it->said->unchanged) return (row_change){0};
    return (row_change){.row = &it->said->next, .was = it->said->next.was};
}

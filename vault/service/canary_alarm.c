/* Where calls meet a canary. One check on the way of items: the answers for one who is hidden, one who lives elsewhere,
 * and nobody, are made by the same code. */
#include "vault/service/canaries.h"
#include "vault/service/search.h"

#include "vault/base/log.h"
#include "vault/base/metric.h"
#include "vault/store/notices.h"

#include <string.h>

/* ---- hidden ---- */

static bool hides(const canary *one, const call *c)
{
    if (c->caller->role == ROLE_OFFICER) return false;
    if (one->department && strcmp(one->department, c->caller->department) != 0) return true;
    return one->person && (!c->person || strcmp(one->person, c->person->id) != 0);
}

bool canary_hidden(const session *s, const call *c, int64_t resident)
{
    const canary *one = manifest_canary(s->manifest, resident);
    return one && hides(one, c);
}

void canaries_leave_out(const session *s, const call *c, int64_t *ids, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (!canary_hidden(s, c, ids[i])) ids[kept++] = ids[i];
    *count = kept;
}

size_t canaries_hidden_in(const session *s, const call *c, area_range area)
{
    const canary *all;
    size_t hidden = 0, count = manifest_canaries(s->manifest, &all);
    for (size_t i = 0; i < count; i++)
        hidden += all[i].retired_us == 0 && all[i].area >= area.low && all[i].area <= area.high && hides(&all[i], c);
    return hidden;
}

vault_code item_prove(session *s, item *it, vault_error *err)
{
    VAULT_TRY(record_prove(&it->record, s->cabinet, it->row, err));
    if (!it->record.genuine || !canary_hidden(s, it->call, it->row->id)) return VAULT_OK;
    resident_row *as = arena_alloc(s->mem, sizeof *as);
    if (!as) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a row");
    *as = *it->row;
    as->state = RECORD_RESTRICTED;
    it->row = it->record.row = as;
    return VAULT_OK;
}

vault_code canaries_alive(const int64_t **ids, size_t *count, const session *s, vault_error *err)
{
    const canary *all;
    size_t most = manifest_canaries(s->manifest, &all);
    int64_t *out = most ? arena_array(s->mem, most, sizeof *out) : NULL;
    if (most && !out) return vault_fail(err, VAULT_EXHAUSTED, "no memory for canaries");
    *count = 0;
    *ids = out;
    for (size_t i = 0; i < most; i++)
        if (all[i].retired_us == 0) out[(*count)++] = all[i].resident;
    return VAULT_OK;
}

/* ---- used ---- */

/* Looked for by a number that nobody else has: whoever comes with it has it from somewhere. By a name or a street
 * anybody finds one. */
static bool is_by_its_number(const search *q)
{
    for (size_t i = 0; i < q->condition_count; i++) {
        const condition *asked = &q->conditions[i];
        const bool own = field_is_unique(asked->field) || strcmp(format_name(asked->field->format), "mobile") == 0;
        if (own && asked->in->question_case == VAULT__V1__CONDITION__QUESTION_EQUALS) return true;
    }
    return false;
}

static bool shows_by_chance(const call *c, line_action how)
{
    return how == LINE_BROWSE || (how == LINE_SEARCH && !(c->search && is_by_its_number(c->search)));
}

static const canary *used(const session *s, const item *it)
{
    const call *c = it->call;
    line_action how = it->action ? it->action : c->action;
    int64_t whom = it->record.genuine ? it->record.row->id : it->id.id; /* by the token of one that is retired, too */
    if (whom == 0 || c->caller->role == ROLE_OFFICER) return NULL;
    return shows_by_chance(c, how) ? NULL : manifest_canary(s->manifest, whom);
}

bool canaries_used(const session *s, item *const *items, size_t count)
{
    const canary *all;
    if (manifest_canaries(s->manifest, &all) == 0) return false;
    for (size_t i = 0; i < count; i++)
        if (used(s, items[i])) return true;
    return false;
}

vault_code canaries_alarm(session *s, item *const *items, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const canary *one = used(s, items[i]);
        if (!one) continue;
        const notice_row row = {.kind = NOTICE_CANARY, .subject = one->name, .created_us = items[i]->call->now_us};
        VAULT_TRY(store_notice_insert(s->store, &row, err));
    }
    return VAULT_OK;
}

void canaries_told(const session *s, item *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const canary *one = used(s, items[i]);
        if (!one) continue;
        metric_add(METRIC_CANARY_USES, (metric_at){0, 0}, 1);
        log_event(LOG_WARN, "canary.used", "%s by app %s", one->name, items[i]->call->caller->id);
    }
}

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

/* ---- asked for by a number ---- */

/* Of which nobody else has the same: whoever comes with it has it from somewhere. By a name or a street anybody finds
 * one. */
static bool is_own_number(const schema_field *f)
{
    const char *as = format_name(f->format);
    return field_is_unique(f) || strcmp(as, "mobile") == 0 || strcmp(as, "resident_id") == 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As records hold them; what is no such number is no canary's either, and refused elsewhere. */
static vault_code add_numbers(const char **numbers, size_t *count, session *s, const condition *asked, vault_error *err)
{
    const Vault__V1__Values *in = asked->in->equals;
    for (size_t i = 0; i < in->n_values; i++) {
        vault_error why = {0};
        bytes canonical;
        vault_code code =
            format_normalise(asked->field->format, s->mem, bytes_of_text(in->values[i]), &canonical, &why);
        if (code == VAULT_INVALID) continue;
        if (code != VAULT_OK) return *err = why, code;
        if (!(numbers[(*count)++] = arena_text(s->mem, canonical)))
            return vault_fail(err, VAULT_EXHAUSTED, "no memory for a search");
    }
    return VAULT_OK;
}

static vault_code read_numbers(search *q, session *s, const char ***out, size_t *count, vault_error *err)
{
    const char **numbers = arena_array(s->mem, CONDITIONS_MAX * VALUES_MAX, sizeof *numbers);
    if (!numbers) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a search");
    *out = numbers;
    for (size_t i = 0; i < q->condition_count; i++) {
        const condition *asked = &q->conditions[i];
        if (asked->in->question_case != VAULT__V1__CONDITION__QUESTION_EQUALS || !is_own_number(asked->field)) continue;
        q->numbers |= 1U << i;
        VAULT_TRY(add_numbers(numbers, count, s, asked, err));
    }
    if (*count) qsort(numbers, *count, sizeof *numbers, by_text);
    return VAULT_OK;
}

static bool has_number(const session *s, const canary *one, const char *const *numbers, size_t count)
{
    for (size_t i = 0; i < one->value_count; i++) {
        const canary_value *v = &one->values[i];
        if (!bsearch(&v->text, numbers, count, sizeof *numbers, by_text)) continue;
        const schema_field *f = schema_find(&s->manifest->schema, bytes_of_text(v->field));
        if (f && is_own_number(f)) return true;
    }
    return false;
}

/* By what the officers' list says of them, not by what is found: the index is asked where the caller may look alone.
 * All are gone through, whether one is met or not. */
vault_code search_want_canaries(search *q, session *s, vault_error *err)
{
    const canary *all;
    const char **numbers = NULL;
    size_t count = 0, most = manifest_canaries(s->manifest, &all);
    q->numbers = 0;
    q->wanted_count = 0;
    VAULT_TRY(read_numbers(q, s, &numbers, &count, err));
    if (most == 0 || count == 0) return VAULT_OK;
    if (!(q->wanted = arena_array(s->mem, most, sizeof *q->wanted)))
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for canaries");
    for (size_t i = 0; i < most; i++)
        if (has_number(s, &all[i], numbers, count)) q->wanted[q->wanted_count++] = &all[i];
    return VAULT_OK;
}

static bool is_wanted(const search *q, const canary *one)
{
    for (size_t i = 0; i < q->wanted_count; i++)
        if (q->wanted[i] == one) return true;
    return false;
}

/* ---- used ---- */

/* Those of same_as are there by their tokens; of those found, who has come to have that number since he was made up.
 * The search's own item is of all others. */
static bool shown_by_chance(const item *it, line_action how, const canary *one)
{
    const search *q = it->call->search;
    if (how == LINE_BROWSE) return true;
    if (how != LINE_SEARCH) return false;
    if (!q) return true;
    if (it->index <= q->like_count) return false;
    return !(q->matched[it->index] & q->numbers) || is_wanted(q, one);
}

/* The n-th that the item uses; NULL: there are no more. */
static const canary *used(const session *s, const item *it, size_t n)
{
    const call *c = it->call;
    line_action how = it->action ? it->action : c->action;
    int64_t whom = it->record.genuine ? it->record.row->id : it->id.id; /* by the token of one that is retired, too */
    if (c->caller->role == ROLE_OFFICER) return NULL;
    if (it->nobody && c->search) return n < c->search->wanted_count ? c->search->wanted[n] : NULL;
    const canary *one = whom && n == 0 ? manifest_canary(s->manifest, whom) : NULL;
    return one && !shown_by_chance(it, how, one) ? one : NULL;
}

/* A search by a number writes in the same way whosever it is. */
static bool is_by_number(const item *it)
{
    return it->nobody && it->call->search && it->call->search->numbers;
}

bool canaries_used(const session *s, item *const *items, size_t count)
{
    const canary *all;
    if (manifest_canaries(s->manifest, &all) == 0) return false;
    for (size_t i = 0; i < count; i++)
        if (is_by_number(items[i]) || used(s, items[i], 0)) return true;
    return false;
}

static vault_code write_alarm(session *s, const call *c, const char *of, vault_error *err)
{
    const notice_row row = {.kind = NOTICE_CANARY, .subject = of, .created_us = c->now_us};
    return store_notice_insert(s->store, &row, err);
}

vault_code canaries_alarm(session *s, item *const *items, size_t count, vault_error *err)
{
    const canary *one;
    if (manifest_canaries(s->manifest, &one) == 0) return VAULT_OK;
    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; (one = used(s, items[i], n)); n++) VAULT_TRY(write_alarm(s, items[i]->call, one->name, err));
        if (is_by_number(items[i]) && !used(s, items[i], 0)) VAULT_TRY(write_alarm(s, items[i]->call, "", err));
    }
    return VAULT_OK;
}

void canaries_told(const session *s, item *const *items, size_t count)
{
    const canary *one;
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; (one = used(s, items[i], n)); n++) {
            metric_add(METRIC_CANARY_USES, (metric_at){0, 0}, 1);
            log_event(LOG_WARN, "canary.used", "%s by app %s", one->name, items[i]->call->caller->id);
        }
}

vault_code canaries_alarm_call(session *s, call *c)
{
    vault_error err = {0};
    item whole = {.call = c, .nobody = true}, *one = &whole;
    if (canaries_alarm(s, &one, 1, &err) != VAULT_OK) return c->rq->err = err, err.code;
    canaries_told(s, &one, 1);
    return VAULT_OK;
}

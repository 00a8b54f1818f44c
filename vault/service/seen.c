/* Aggregations: what somebody has seen of a resident, one sight after the other (budgets.h). It is looked up before the
 * part is judged, and once more under the counter's lock (budgets.c): where it has become more, all is judged anew.
 *
 * Within a part the items are decided in their order: what one of them asks for counts as seen for those behind it,
 * granted or not. */
#include "vault/service/budgets.h"

#include "vault/base/clock.h"
#include "vault/service/counters.h"

#include <string.h>

static const int64_t DAY_US = INT64_C(86400) * 1000000;

/* One sight, of one resident by one subject: all items of the part that it is about share it. */
typedef struct shared {
    const count_row *row;
    sight at;        /* with what items before the last one asked for */
    field_set asked; /* by the last one */
    const item *last;
    bool broken; /* then it may be anything */
} shared;
/* Of an item, by aggregation. */
struct seen_item {
    size_t count;
    shared **at;      /* NULL: not looked up */
    field_set *known; /* by which it was decided, where `decided` has its bit */
    uint64_t decided;
};

bool seen_counts(const policy_aggregation *of, const policy_facts *facts)
{
    bool shown = facts->form == FORM_PLAIN || facts->form == FORM_MASKED;
    bool given = facts->action == POLICY_REVEAL || facts->action == POLICY_EXPORT;
    return shown && given && field_set_meets(of->fields, facts->fields);
}

static bool paused(const sight *of, const policy_aggregation *a, uint32_t day)
{
    return of->day == 0 || (day_begun_us(day) - day_begun_us(of->day)) / DAY_US > (int64_t)a->days;
}

field_set seen_now(const sight *of, const policy_aggregation *a, uint32_t day)
{
    return paused(of, a, day) ? (field_set){0} : of->fields;
}

/* A clock that was set back takes no day away. */
void seen_add(sight *inout, const policy_aggregation *of, const field_set *fields, uint32_t day)
{
    if (paused(inout, of, day)) inout->fields = (field_set){0};
    inout->fields = field_set_join(inout->fields, *fields);
    if (day > inout->day) inout->day = day;
}

int64_t seen_ends_us(const policy_aggregation *of, uint32_t day)
{
    return day_begun_us(day) + ((int64_t)of->days + 2) * DAY_US;
}

/* ---- looking ---- */

/* Who is judged by aggregations at all. */
static bool looks(const item *it)
{
    switch (it->call->action) {
    case LINE_REVEAL:
    case LINE_TEST:
    case LINE_RESTORE:
    case LINE_VOUCHER:
    case LINE_REDEEM:
    case LINE_EXPORT:
        return true;
    default:
        return false;
    }
}

/* Of a reveal those that its fields are about; of what finds its own rules, all. */
static bool is_wanted(const session *s, const item *it, size_t aggregation)
{
    const call *c = it->call;
    bool said = c->action == LINE_REVEAL || c->action == LINE_TEST || c->action == LINE_RESTORE;
    const policy_aggregation *a = policy_aggregation_at(s->manifest->policy, (unsigned)aggregation);
    return !said || field_set_meets(a->fields, c->facts.fields);
}

static vault_code make_item(session *s, item *it, size_t aggregations, vault_error *err)
{
    struct seen_item *to = arena_alloc(s->mem, sizeof *to);
    if (!to) return vault_fail(err, VAULT_EXHAUSTED, "no memory for what was seen");
    to->count = aggregations;
    to->at = arena_array(s->mem, aggregations, sizeof *to->at);
    to->known = arena_array(s->mem, aggregations, sizeof *to->known);
    it->seen = to;
    return to->at && to->known ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for what was seen");
}

static vault_code name_row(session *s, item *it, size_t i, uint8_t out[COUNT_ID_LEN], vault_error *err)
{
    const policy_aggregation *a = policy_aggregation_at(s->manifest->policy, (unsigned)i);
    counter_name name = counter_name_for(it->call, a->per);
    uint8_t id[COUNT_ID_LEN];
    name.kind = COUNT_AGGREGATION;
    name.id = a->id;
    VAULT_TRY(counter_id(s, &name, id, err));
    return sight_id(s, id, it->row->found ? it->row->id : 0, out, err);
}

typedef struct wish {
    item *of;
    size_t aggregation;
} wish;

/* Each sight once, and a place in its items. */
static vault_code share_rows(session *s, const wish *wishes, size_t count, id_list *rows, shared *all, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t id[COUNT_ID_LEN];
        bool fresh;
        VAULT_TRY(name_row(s, wishes[i].of, wishes[i].aggregation, id, err));
        wishes[i].of->seen->at[wishes[i].aggregation] = &all[id_list_put(rows, id, &fresh)];
    }
    return VAULT_OK;
}

/* One that was edited may hide anything: the counters will say so (budgets.c), if it comes to that. */
static vault_code open_row(session *s, shared *to, vault_error *err)
{
    vault_code code = sight_open(s, &to->at, to->row, err);
    to->broken = code == VAULT_INTEGRITY;
    if (to->broken) vault_error_clear(err);
    return to->broken ? VAULT_OK : code;
}

static vault_code read_rows(session *s, const wish *wishes, size_t count, vault_error *err)
{
    id_list rows;
    shared *all = arena_array(s->mem, count, sizeof *all);
    if (!all) return vault_fail(err, VAULT_EXHAUSTED, "no memory for what was seen");
    VAULT_TRY(id_list_make(&rows, s->mem, count, err));
    VAULT_TRY(share_rows(s, wishes, count, &rows, all, err));
    VAULT_TRY(store_seen_read(s->store, s->mem, rows.rows, rows.count, err));
    for (size_t i = 0; i < rows.count; i++) {
        all[i].row = &rows.rows[i];
        VAULT_TRY(open_row(s, &all[i], err));
    }
    return VAULT_OK;
}

vault_code seen_look(session *s, item **items, size_t count, vault_error *err)
{
    size_t aggregations = policy_aggregation_count(s->manifest->policy), n = 0;
    if (aggregations == 0) return VAULT_OK;
    wish *wishes = arena_array(s->mem, count * aggregations, sizeof *wishes);
    if (!wishes) return vault_fail(err, VAULT_EXHAUSTED, "no memory for what was seen");
    for (size_t i = 0; i < count; i++) {
        items[i]->seen = NULL;
        if (items[i]->call->admission.failed != CLAUSE_NONE || items[i]->nobody || !looks(items[i])) continue;
        VAULT_TRY(make_item(s, items[i], aggregations, err));
        for (size_t a = 0; a < aggregations; a++)
            if (is_wanted(s, items[i], a)) wishes[n++] = (wish){.of = items[i], .aggregation = a};
    }
    return n ? read_rows(s, wishes, n, err) : VAULT_OK;
}

/* ---- deciding ---- */

/* What other items of the part asked for before this one counts as seen. */
static void come_to(shared *at, const item *it, const policy_aggregation *a, uint32_t day)
{
    if (at->last != it) {
        if (at->last) seen_add(&at->at, a, &at->asked, day);
        at->last = it;
        at->asked = (field_set){0};
    }
}

static bool completes(const session *s, const item *it, size_t i, const field_set *asked)
{
    const policy_aggregation *a = policy_aggregation_at(s->manifest->policy, (unsigned)i);
    shared *at = it->seen && i < it->seen->count ? it->seen->at[i] : NULL;
    if (!at || at->broken) return true;
    uint32_t day = clock_shanghai_date(it->call->now_us);
    come_to(at, it, a, day);
    at->asked = field_set_join(at->asked, *asked);
    it->seen->known[i] = seen_now(&at->at, a, day);
    it->seen->decided |= UINT64_C(1) << i;
    return field_set_within(a->fields, field_set_join(it->seen->known[i], *asked));
}

bool seen_outgrown(const item *it, size_t aggregation, const policy_aggregation *of, const field_set *now)
{
    const struct seen_item *seen = it->seen;
    const field_set *asked = &it->grant.fields;
    if (!seen || aggregation >= seen->count || !(seen->decided >> aggregation & 1)) return false;
    return field_set_within(of->fields, field_set_join(*now, *asked)) &&
           !field_set_within(of->fields, field_set_join(seen->known[aggregation], *asked));
}

uint64_t seen_complete(const session *s, const item *it, const admission *a, const field_set *asked)
{
    uint64_t complete = 0;
    for (size_t i = 0; i < AGGREGATIONS_MAX; i++)
        if (a->aggregations >> i & 1 && completes(s, it, i, asked)) complete |= UINT64_C(1) << i;
    return complete;
}

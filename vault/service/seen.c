/* Aggregations: what somebody has seen of a resident, one sight after the other (budgets.h). It is looked up before the
 * part is judged, and once more under the counter's lock (budgets.c): where it has become more, all is judged anew.
 *
 * Within a part the items are decided in their order: what one of them asks for counts as seen for those behind it,
 * granted or not. Whether a field is a new one is said by what is written alone: what one item is
 * refused is nothing old for the next one. */
#include "vault/service/budgets.h"

#include "vault/base/clock.h"
#include "vault/service/counters.h"

#include <string.h>

static const int64_t DAY_US = INT64_C(86400) * 1000000;

/* One sight, of one resident by one subject: all items of the part that it is about share it. */
typedef struct shared {
    const count_row *row;
    sight sure;      /* as it is written */
    sight at;        /* with what items before the last one asked for */
    field_set asked; /* by the last one */
    const item *last;
    bool broken; /* then it may be anything */
} shared;
/* What an item is decided by. */
typedef struct basis {
    sight sure;
    field_set known; /* with what items before it asked for */
} basis;
/* Of an item, by aggregation. */
struct seen_item {
    size_t count;
    shared **at;  /* NULL: not looked up */
    basis *bases; /* where `decided` has its bit */
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

sight seen_now(const sight *of, const policy_aggregation *a, uint32_t day)
{
    return paused(of, a, day) ? (sight){.day = of->day} : *of;
}

/* A clock that was set back takes no day away. */
void seen_add(sight *inout, const policy_aggregation *of, const sight *more)
{
    *inout = seen_now(inout, of, more->day);
    inout->fields = field_set_join(inout->fields, more->fields);
    inout->plain = field_set_join(inout->plain, more->plain);
    if (more->day > inout->day) inout->day = more->day;
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
    to->bases = arena_array(s->mem, aggregations, sizeof *to->bases);
    it->seen = to;
    return to->at && to->bases ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for what was seen");
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
    vault_code code = sight_open(s, &to->sure, to->row, err);
    to->at = to->sure;
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

typedef struct asked_fields {
    field_set fields;
    policy_form form; /* of one that is not masked the fields count as asked for in plain */
} asked_fields;

/* What other items of the part asked for before this one counts as seen. */
static void come_to(shared *at, const item *it, const policy_aggregation *a, uint32_t day)
{
    if (at->last != it) {
        if (at->last) seen_add(&at->at, a, &(sight){.fields = at->asked, .day = day});
        at->last = it;
        at->asked = (field_set){0};
    }
}

/* Whoever saw a field masked only has not seen it in plain. */
static bool adds_nothing(const sight *sure, const policy_aggregation *a, const asked_fields *asked)
{
    const field_set *old = asked->form == FORM_MASKED ? &sure->fields : &sure->plain;
    uint64_t added = 0;
    for (size_t i = 0; i < FIELD_WORDS; i++) added |= a->fields.words[i] & asked->fields.words[i] & ~old->words[i];
    return added == 0;
}

/* All at once is complete by itself: policy/decide.c has it so, too. */
static bool completed(const policy_aggregation *a, const basis *by, const asked_fields *asked)
{
    if (!field_set_within(a->fields, field_set_join(by->known, asked->fields))) return false;
    return field_set_within(a->fields, asked->fields) || !adds_nothing(&by->sure, a, asked);
}

static bool completes(const session *s, const item *it, size_t i, const asked_fields *asked)
{
    const policy_aggregation *a = policy_aggregation_at(s->manifest->policy, (unsigned)i);
    shared *at = it->seen && i < it->seen->count ? it->seen->at[i] : NULL;
    if (!at || at->broken) return true;
    uint32_t day = clock_shanghai_date(it->call->now_us);
    come_to(at, it, a, day);
    at->asked = field_set_join(at->asked, asked->fields);
    it->seen->bases[i] = (basis){seen_now(&at->sure, a, day), seen_now(&at->at, a, day).fields};
    it->seen->decided |= UINT64_C(1) << i;
    return completed(a, &it->seen->bases[i], asked);
}

bool seen_outgrown(const item *it, size_t aggregation, const policy_aggregation *of, const sight *now)
{
    const struct seen_item *seen = it->seen;
    const asked_fields asked = {it->grant.fields, it->grant.form};
    if (!seen || aggregation >= seen->count || !(seen->decided >> aggregation & 1)) return false;
    return completed(of, &(basis){*now, now->fields}, &asked) && !completed(of, &seen->bases[aggregation], &asked);
}

uint64_t seen_complete(const session *s, const item *it, const admission *a, const policy_facts *facts)
{
    const asked_fields asked = {facts->fields, facts->form};
    uint64_t complete = 0;
    for (size_t i = 0; i < AGGREGATIONS_MAX; i++)
        if (a->aggregations >> i & 1 && completes(s, it, i, &asked)) complete |= UINT64_C(1) << i;
    return complete;
}

/* Counting (budgets.h). A part is counted as a whole:
 *
 *   which counters ─ lock them ─ what they have seen ─ item by item: room, or refused ─ write all of it
 *
 * A refused item counts nothing, and what it would have counted is there for the next one. Of two that are decided
 * together both have room, or neither is counted. An item that leads nowhere is looked at as one that leads to somebody
 * new: where nobody new has room it is told the same, so that who has used up his residents cannot go on asking who
 * there is. */
#include "vault/service/budgets.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"
#include "vault/base/metric.h"
#include "vault/service/counters.h"
#include "vault/store/notices.h"

#include <string.h>

enum { NAMES_MAX = BUDGETS_PER_CALL + 1 + AGGREGATIONS_MAX };
static const int64_t DAY_US = INT64_C(86400) * 1000000;
enum { KEPT_DAYS = 8, LOCK_DAYS = 400 }; /* past the period's end; of a counter that has none */

/* ---- what a session remembers ---- */

enum { KNOWN_MOST = 1024, ALARMS_MOST = 16 };
typedef struct alarm_at {
    char budget[COUNTER_ID_ROOM];
    policy_per per;
} alarm_at;
struct counting {
    uint8_t known[KNOWN_MOST][COUNT_ID_LEN]; /* counters that stood when they were locked last */
    alarm_at alarms[ALARMS_MOST];
    size_t alarm_count;
};

static struct counting *memory_of(session *s)
{
    if (!s->counting) s->counting = memory_new(sizeof *s->counting);
    return s->counting;
}

void budgets_forget(session *s)
{
    if (s->counting) memory_free(s->counting, sizeof *s->counting);
    s->counting = NULL;
}

static uint8_t *place_of_known(session *s, const uint8_t id[COUNT_ID_LEN])
{
    return memory_of(s)->known[load_u64(id) % KNOWN_MOST];
}

void budgets_committed(session *s)
{
    struct counting *m = s->counting;
    for (size_t i = 0; m && i < m->alarm_count; i++) {
        const alarm_at *a = &m->alarms[i];
        metric_add(METRIC_BUDGET_SOFT, (metric_at){0, 0}, 1);
        log_event(LOG_WARN, "budget.soft", "budget '%s' of one %s has come to its soft limit in this period", a->budget,
                  policy_per_name(a->per));
    }
    if (m) m->alarm_count = 0;
}

void budgets_sweep(session *s)
{
    enum { MOST = 2000, ROUNDS = 50 };
    vault_error err = {0};
    int64_t swept = 1;
    vault_code code = VAULT_OK;
    for (int i = 0; i < ROUNDS && swept > 0 && code == VAULT_OK; i++)
        code = store_counts_sweep(s->store, clock_now_us(), MOST, &swept, &err);
    if (code != VAULT_OK && code != VAULT_UNAVAILABLE) log_failure(LOG_WARN, "store.sweep", &err);
}

/* ---- a part ---- */

/* A counter of the part. */
typedef struct held {
    counter at;
    const policy_budget *budget;           /* COUNT_BUDGET */
    const policy_aggregation *aggregation; /* COUNT_AGGREGATION */
    uint16_t index;                        /* of either */
    uint64_t residents_most, values_most;  /* 0: not limited */
    int64_t ends_us;
    bool changed, broken;
} held;
/* What one of them has seen of one resident. */
typedef struct seeing {
    size_t by; /* of the counters */
    sight now;
    bool found, changed, broken;
} seeing;
/* An item with one of its counters. */
typedef struct use {
    size_t by, seeing;
} use;
typedef struct tally {
    session *s;
    item **items;
    size_t count, use_count;
    id_list counters, sights;
    held *held;
    seeing *seen;
    use *uses;
    size_t *first; /* of each item's uses; count + 1 of them */
    policy_facts *facts;
} tally;

/* ---- which counters ---- */

static void budget_held(held *out, const session *s, const item *it, const policy_facts *facts, uint16_t index)
{
    const policy_budget *b = policy_budget_at(s->manifest->policy, index);
    policy_span span = policy_period_of(b->period, facts->date, facts->minute);
    *out = (held){.budget = b, .index = index, .residents_most = b->residents, .values_most = b->values};
    out->at.name = counter_name_for(it->call, b->per);
    out->at.name.kind = COUNT_BUDGET;
    out->at.name.id = b->id;
    out->at.name.begun = span.begun;
    out->ends_us = day_begun_us(span.last_day) + (1 + KEPT_DAYS) * DAY_US;
}

static void aggregation_held(held *out, const item *it, const policy_aggregation *a, size_t index)
{
    *out = (held){.aggregation = a, .index = (uint16_t)index, .ends_us = it->call->now_us + LOCK_DAYS * DAY_US};
    out->at.name = counter_name_for(it->call, a->per);
    out->at.name.kind = COUNT_AGGREGATION;
    out->at.name.id = a->id;
}

static bool emergency_held(held *out, const item *it)
{
    const emergency *e = it->call->emergency;
    if (!e) return false;
    *out = (held){.residents_most = e->residents, .ends_us = e->due_us + KEPT_DAYS * DAY_US};
    out->at.name = (counter_name){.kind = COUNT_EMERGENCY, .per = PERS, .id = e->name, .subject = ""};
    return true;
}

/* All that limit the item; the order is that of the document. */
static size_t limits_of(held out[NAMES_MAX], const session *s, const item *it, const policy_facts *facts)
{
    const policy *p = s->manifest->policy;
    uint16_t budgets[BUDGETS_PER_CALL];
    size_t n = 0, count = policy_budget_count(p) ? policy_budgets(p, facts, budgets) : 0;
    for (size_t i = 0; i < count; i++) budget_held(&out[n++], s, it, facts, budgets[i]);
    if (emergency_held(&out[n], it)) n++;
    return n;
}

/* And, where it is granted, all that see it. */
static size_t held_by(held out[NAMES_MAX], const session *s, const item *it, const policy_facts *facts)
{
    const policy *p = s->manifest->policy;
    size_t n = limits_of(out, s, it, facts);
    for (size_t i = 0; i < policy_aggregation_count(p); i++) {
        const policy_aggregation *a = policy_aggregation_at(p, (unsigned)i);
        if (it->grant.given && seen_counts(a, facts)) aggregation_held(&out[n++], it, a, i);
    }
    return n;
}

static bool counts_anything(const session *s, const item *it)
{
    const policy *p = s->manifest->policy;
    return policy_budget_count(p) > 0 || policy_aggregation_count(p) > 0 || it->call->emergency;
}

bool budgets_wanted(const session *s, const item *it)
{
    held names[NAMES_MAX];
    policy_facts facts;
    bool asked = counts_anything(s, it) && (item_counted(it, &facts) || item_like_counted(it, &facts));
    return asked && held_by(names, s, it, &facts) > 0;
}

/* Two items of a call that asked for the same are counted by the same counters. */
static bool alike(const tally *t, size_t i)
{
    const item *it = t->items[i], *before = t->items[i - 1];
    const policy_facts *a = &t->facts[i], *b = &t->facts[i - 1];
    return it->call == before->call && it->grant.given == before->grant.given && a->form == b->form &&
           field_set_within(a->fields, b->fields) && field_set_within(b->fields, a->fields) &&
           t->first[i] > t->first[i - 1];
}

static vault_code add_counter(tally *t, const held *of, size_t *place, vault_error *err)
{
    uint8_t id[COUNT_ID_LEN];
    bool fresh;
    VAULT_TRY(counter_id(t->s, &of->at.name, id, err));
    *place = id_list_put(&t->counters, id, &fresh);
    if (fresh) {
        t->held[*place] = *of;
        t->counters.rows[*place].ends_us = of->ends_us;
    }
    return VAULT_OK;
}

static vault_code add_sight(tally *t, size_t i, size_t by, vault_error *err)
{
    uint8_t id[COUNT_ID_LEN];
    bool fresh;
    const resident_row *row = t->items[i]->row;
    VAULT_TRY(sight_id(t->s, t->counters.rows[by].id, row->found ? row->id : 0, id, err));
    size_t place = id_list_put(&t->sights, id, &fresh);
    if (fresh) t->seen[place] = (seeing){.by = by};
    t->uses[t->use_count++] = (use){.by = by, .seeing = place};
    return VAULT_OK;
}

static vault_code add_item(tally *t, size_t i, vault_error *err)
{
    held names[NAMES_MAX];
    size_t place;
    if (!item_counted(t->items[i], &t->facts[i]) && !item_like_counted(t->items[i], &t->facts[i])) return VAULT_OK;
    if (i > 0 && alike(t, i)) {
        for (size_t u = t->first[i - 1], end = t->first[i]; u < end; u++)
            VAULT_TRY(add_sight(t, i, t->uses[u].by, err));
        return VAULT_OK;
    }
    size_t count = held_by(names, t->s, t->items[i], &t->facts[i]);
    for (size_t n = 0; n < count; n++) {
        VAULT_TRY(add_counter(t, &names[n], &place, err));
        VAULT_TRY(add_sight(t, i, place, err));
    }
    return VAULT_OK;
}

static size_t most_uses(const session *s, size_t items)
{
    return items * (BUDGETS_PER_CALL + 1 + policy_aggregation_count(s->manifest->policy));
}

static vault_code tally_make(tally *t, vault_error *err)
{
    arena *mem = t->s->mem;
    size_t most = most_uses(t->s, t->count);
    VAULT_TRY(id_list_make(&t->counters, mem, most, err));
    VAULT_TRY(id_list_make(&t->sights, mem, most, err));
    t->held = arena_array(mem, most + 1, sizeof *t->held);
    t->seen = arena_array(mem, most + 1, sizeof *t->seen);
    t->uses = arena_array(mem, most + 1, sizeof *t->uses);
    t->first = arena_array(mem, t->count + 1, sizeof *t->first);
    t->facts = arena_array(mem, t->count, sizeof *t->facts);
    if (!t->held || !t->seen || !t->uses || !t->first || !t->facts)
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for counters");
    for (size_t i = 0; i < t->count; i++) {
        t->first[i] = t->use_count;
        VAULT_TRY(add_item(t, i, err));
    }
    t->first[t->count] = t->use_count;
    return VAULT_OK;
}

/* ---- locks ---- */

/* Those that this session has not met yet may not be there. */
static vault_code make_unknown(tally *t, vault_error *err)
{
    size_t unknown = 0;
    count_row *rows = arena_array(t->s->mem, t->counters.count, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for counters");
    for (size_t i = 0; i < t->counters.count; i++) {
        const count_row *row = &t->counters.rows[i];
        if (memcmp(place_of_known(t->s, row->id), row->id, COUNT_ID_LEN) == 0) continue;
        rows[unknown] = *row;
        VAULT_TRY(counter_seal(t->s, &t->held[i].at, &rows[unknown++], err));
    }
    return store_counters_make(t->s->store, rows, unknown, err);
}

static vault_code lock_all(tally *t, vault_error *err)
{
    VAULT_TRY(make_unknown(t, err));
    vault_code code = store_counters_lock(t->s->store, t->s->mem, t->counters.rows, t->counters.count, err);
    if (code == VAULT_CONFLICT) memset(memory_of(t->s)->known, 0, sizeof t->s->counting->known);
    VAULT_TRY(code);
    for (size_t i = 0; i < t->counters.count; i++)
        memcpy(place_of_known(t->s, t->counters.rows[i].id), t->counters.rows[i].id, COUNT_ID_LEN);
    return VAULT_OK;
}

/* What was edited stops whoever it counts, and nobody else: nobody may buy room by damage. */
static vault_code note_broken(tally *t, vault_code code, const vault_error *why, bool *broken, vault_error *err)
{
    *broken = code == VAULT_INTEGRITY;
    if (*broken) return session_damage(t->s, why), VAULT_OK;
    if (code != VAULT_OK) *err = *why;
    return code;
}

static vault_code open_counters(tally *t, vault_error *err)
{
    for (size_t i = 0; i < t->counters.count; i++) {
        counter at;
        vault_error why = {0};
        held *to = &t->held[i];
        vault_code code = counter_open(t->s, &at, &t->counters.rows[i], &why);
        VAULT_TRY(note_broken(t, code, &why, &to->broken, err));
        if (code != VAULT_OK) continue;
        at.name = to->at.name;
        to->at = at;
    }
    return VAULT_OK;
}

static vault_code open_sights(tally *t, vault_error *err)
{
    VAULT_TRY(store_seen_read(t->s->store, t->s->mem, t->sights.rows, t->sights.count, err));
    for (size_t i = 0; i < t->sights.count; i++) {
        vault_error why = {0};
        seeing *to = &t->seen[i];
        to->found = t->sights.rows[i].found;
        VAULT_TRY(note_broken(t, sight_open(t->s, &to->now, &t->sights.rows[i], &why), &why, &to->broken, err));
    }
    return VAULT_OK;
}

/* ---- counting ---- */

static bool has_room(uint64_t most, uint64_t stands, uint64_t more)
{
    return most == 0 || more == 0 || stands + more <= most;
}

/* Of a search nothing is shown. */
static field_set values_of(const policy_facts *facts)
{
    return facts->action == POLICY_SEARCH ? (field_set){0} : facts->fields;
}

/* Which of an item's counters has no room; NULL: all have. */
static const held *without_room(const tally *t, size_t i)
{
    const field_set fields = values_of(&t->facts[i]);
    for (size_t u = t->first[i]; u < t->first[i + 1]; u++) {
        const held *by = &t->held[t->uses[u].by];
        const seeing *seen = &t->seen[t->uses[u].seeing];
        unsigned values = field_set_count(field_set_join(seen->now.fields, fields)) - field_set_count(seen->now.fields);
        if (!has_room(by->residents_most, by->at.residents, !seen->found) ||
            !has_room(by->values_most, by->at.values, values))
            return by;
    }
    return NULL;
}

static void count_item(tally *t, size_t i)
{
    const field_set fields = values_of(&t->facts[i]);
    sight shown = {.day = t->facts[i].date};
    shown.fields = fields;
    if (t->facts[i].form == FORM_PLAIN) shown.plain = fields;
    for (size_t u = t->first[i]; u < t->first[i + 1]; u++) {
        held *by = &t->held[t->uses[u].by];
        seeing *seen = &t->seen[t->uses[u].seeing];
        const sight before = seen->now;
        if (by->aggregation)
            seen_add(&seen->now, by->aggregation, &shown);
        else
            seen->now.fields = field_set_join(before.fields, fields);
        unsigned values = field_set_count(seen->now.fields);
        bool more = !seen->found || memcmp(&before, &seen->now, sizeof before) != 0;
        seen->changed = seen->changed || more;
        if (by->aggregation || !more) continue;
        by->at.residents += !seen->found;
        by->at.values += values - field_set_count(before.fields);
        by->changed = seen->found = true;
    }
}

typedef struct undone {
    held held[NAMES_MAX];
    seeing seen[NAMES_MAX];
} undone;

static void remember(const tally *t, size_t i, undone *out)
{
    for (size_t u = t->first[i], n = 0; u < t->first[i + 1]; u++, n++) {
        out->held[n] = t->held[t->uses[u].by];
        out->seen[n] = t->seen[t->uses[u].seeing];
    }
}

static void undo(tally *t, size_t i, const undone *from)
{
    for (size_t u = t->first[i], n = 0; u < t->first[i + 1]; u++, n++) {
        t->held[t->uses[u].by] = from->held[n];
        t->seen[t->uses[u].seeing] = from->seen[n];
    }
}

static vault_code refuse(item *it, const held *by)
{
    it->spent = by->budget ? (uint16_t)(by->index + 1) : 0;
    return hold_refuse(it, by->budget ? CLAUSE_BUDGET : CLAUSE_BREAK_GLASS);
}

static bool any_broken(const tally *t, size_t first, size_t end)
{
    bool broken = false;
    for (size_t u = t->first[first]; u < t->first[end]; u++)
        broken |= t->held[t->uses[u].by].broken || t->seen[t->uses[u].seeing].broken;
    return broken;
}

static void fail_unit(tally *t, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        t->items[i]->grant = (grant){0};
        vault_error_clear(&t->items[i]->err);
        (void)vault_fail(&t->items[i]->err, VAULT_INTEGRITY, "what counts this item is not as it was written");
    }
}

/* The first without room of an item, or of two. */
static const held *count_unit(tally *t, size_t first, size_t end)
{
    const held *full = NULL;
    for (size_t i = first; i < end && !full; i++) {
        full = without_room(t, i);
        if (!full) count_item(t, i);
    }
    return full;
}

/* What was decided by what had been seen is decided anew where somebody has seen more since. */
static vault_code check_seen(const tally *t, size_t i, vault_error *err)
{
    for (size_t u = t->first[i]; u < t->first[i + 1]; u++) {
        const held *by = &t->held[t->uses[u].by];
        if (!by->aggregation) continue;
        const sight now = seen_now(&t->seen[t->uses[u].seeing].now, by->aggregation, t->facts[i].date);
        if (seen_outgrown(t->items[i], by->index, by->aggregation, &now))
            return vault_fail(err, VAULT_CONFLICT, "more was seen of a resident meanwhile");
    }
    return VAULT_OK;
}

/* What is said of an item without room. A search goes on: it may have found whom it found before. */
static void tell_full(item *it, const held *by)
{
    if (it->nobody)
        it->grant = (grant){.failed = by->budget ? CLAUSE_BUDGET : CLAUSE_BREAK_GLASS};
    else
        (void)refuse(it, by);
}

static bool is_granted(const item *it)
{
    return it->err.code == VAULT_OK && it->grant.given;
}

/* Of two that are decided together one that is refused refuses the other. */
static vault_code take_unit(tally *t, size_t first, size_t end, vault_error *err)
{
    undone before[2];
    bool granted = true;
    for (size_t i = first; i < end; i++) {
        if (t->first[i] == t->first[i + 1]) return VAULT_OK;
        granted = granted && is_granted(t->items[i]);
    }
    if (any_broken(t, first, end)) return fail_unit(t, first, end), VAULT_OK;
    for (size_t i = first; i < end && granted; i++) VAULT_TRY(check_seen(t, i, err));
    for (size_t i = first; i < end; i++) remember(t, i, &before[i - first]);
    const held *full = count_unit(t, first, end);
    for (size_t i = first; (full || !granted) && i < end; i++) undo(t, i, &before[i - first]);
    for (size_t i = first; full && i < end; i++) tell_full(t->items[i], full);
    return VAULT_OK;
}

static vault_code count_all(tally *t, vault_error *err)
{
    for (size_t i = 0, end; i < t->count; i = end) {
        end = i + 1 < t->count && t->items[i]->with == t->items[i + 1] ? i + 2 : i + 1;
        VAULT_TRY(take_unit(t, i, end, err));
    }
    return VAULT_OK;
}

/* ---- what is left of it ---- */

static bool past(uint64_t most, uint64_t stands, unsigned percent)
{
    return most > 0 && stands * 100 >= most * percent;
}

/* For the webhook, with the counters: of all whose counters come to it meanwhile, one notice. */
static vault_code write_notice(tally *t, const policy_budget *b, vault_error *err)
{
    const notice_row row = {.kind = NOTICE_BUDGET, .subject = b->id, .created_us = clock_now_us()};
    return store_notice_insert(t->s->store, &row, err);
}

/* Once a period: whoever finds it so first. */
static vault_code look_at_soft(tally *t, held *by, vault_error *err)
{
    struct counting *m = memory_of(t->s);
    const policy_budget *b = by->budget;
    if (!b || b->soft == 0 || by->at.told) return VAULT_OK;
    if (!past(b->residents, by->at.residents, b->soft) && !past(b->values, by->at.values, b->soft)) return VAULT_OK;
    by->at.told = true;
    if (m->alarm_count < ALARMS_MOST) {
        alarm_at *to = &m->alarms[m->alarm_count++];
        to->per = by->at.name.per;
        memcpy(to->budget, b->id, strnlen(b->id, sizeof to->budget - 1) + 1);
    }
    return write_notice(t, b, err);
}

/* The counters, for the line; an aggregation counts nothing. */
static vault_code name_counters(tally *t, vault_error *err)
{
    counter_name names[NAMES_MAX];
    for (size_t i = 0; i < t->count; i++) {
        size_t n = 0;
        char *text = NULL;
        if (t->items[i]->err.code != VAULT_OK) continue;
        for (size_t u = t->first[i]; u < t->first[i + 1]; u++)
            if (!t->held[t->uses[u].by].aggregation) names[n++] = t->held[t->uses[u].by].at.name;
        if (n) VAULT_TRY(counters_write(&text, t->s->mem, names, n, err));
        t->items[i]->budgets = text;
    }
    return VAULT_OK;
}

static vault_code write_all(tally *t, vault_error *err)
{
    counts_written what = {0};
    count_row *counters = arena_array(t->s->mem, t->counters.count, sizeof *counters);
    count_row *seen = arena_array(t->s->mem, t->sights.count, sizeof *seen);
    if (!counters || !seen) return vault_fail(err, VAULT_EXHAUSTED, "no memory for counters");
    for (size_t i = 0; i < t->counters.count; i++) {
        if (!t->held[i].changed) continue;
        VAULT_TRY(look_at_soft(t, &t->held[i], err));
        VAULT_TRY(counter_seal(t->s, &t->held[i].at, &t->counters.rows[i], err));
        counters[what.counter_count++] = t->counters.rows[i];
    }
    for (size_t i = 0; i < t->sights.count; i++) {
        const held *by = &t->held[t->seen[i].by];
        if (!t->seen[i].changed) continue;
        t->sights.rows[i].ends_us = by->aggregation ? seen_ends_us(by->aggregation, t->seen[i].now.day) : by->ends_us;
        VAULT_TRY(sight_seal(t->s, &t->seen[i].now, &t->sights.rows[i], err));
        seen[what.seen_count++] = t->sights.rows[i];
    }
    what.counters = counters;
    what.seen = seen;
    return store_counts_write(t->s->store, &what, err);
}

vault_code budgets_take(session *s, item **items, size_t count, vault_error *err)
{
    tally t = {.s = s, .items = items, .count = count};
    if (s->counting) s->counting->alarm_count = 0;
    VAULT_TRY(tally_make(&t, err));
    if (t.use_count == 0) return VAULT_OK;
    VAULT_TRY(lock_all(&t, err));
    VAULT_TRY(open_counters(&t, err));
    VAULT_TRY(open_sights(&t, err));
    VAULT_TRY(count_all(&t, err));
    VAULT_TRY(name_counters(&t, err));
    return write_all(&t, err);
}

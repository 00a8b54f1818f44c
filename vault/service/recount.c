/* Policies.RecountBudgets: what the counters of the present periods should say, by the log.
 *
 * The first page reads the counters and the head in one snapshot: both were written by the same transactions, so that
 * the lines before that head say just what the counters must. Each line names the counters that count it, so that it
 * does not matter by which policy, or in which role, it was decided. Then the lines are read, a page at a time; what
 * has been counted stays in this node's memory until the last page compares. A counter that was taken away, put back or
 * edited is found; a larger one, too (rows of what it has seen are gone). */
#include "vault/service/recount.h"

#include "vault/audit/scan.h"
#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>

enum {
    PAGE_LINES = 20000,
    SCRATCH = 64 << 20,
    RECOUNTS_MOST = 4,
    TALLIES_MOST = 1 << 20,
    MARKS_MOST = 1 << 23,
    MARKS_START = 1 << 12,
    READ_MOST = 500,
    TOKEN_LEN = 16,
    NAME_ROOM = 96
};
static const int64_t IDLE_US = INT64_C(600) * 1000000, CLOCKS_US = INT64_C(600) * 1000000;

/* A counter: as it is stored, and as the log has it. */
typedef struct tally {
    uint8_t id[COUNT_ID_LEN];
    char name[NAME_ROOM], subject[NAME_ROOM];
    counter stored;
    uint64_t residents, values;
} tally;

typedef struct recount {
    uint8_t id[TOKEN_LEN];
    int64_t touched_us; /* monotonic */
    uint32_t date;      /* when it began: what is present */
    uint16_t minute;
    int64_t from, end; /* lines that are left */
    tally *tallies;
    size_t count, room;
    uint32_t *slots; /* 2 * room; place + 1 */
    uint64_t *marks; /* of residents, and of their values, by counter: each once */
    size_t mark_count, mark_room;
} recount;

struct recounts {
    recount *at[RECOUNTS_MOST];
};

/* ---- what a node keeps ---- */

static void recount_free(recount **at)
{
    recount *r = *at;
    if (!r) return;
    memory_free(r->tallies, r->room * sizeof *r->tallies);
    memory_free(r->slots, 2 * r->room * sizeof *r->slots);
    memory_free(r->marks, r->mark_room * sizeof *r->marks);
    memory_free(r, sizeof *r);
    *at = NULL;
}

void recounts_drop(service *s)
{
    pthread_mutex_lock(&s->finding_lock);
    for (size_t i = 0; s->recounts && i < RECOUNTS_MOST; i++) recount_free(&s->recounts->at[i]);
    memory_free(s->recounts, sizeof *s->recounts);
    s->recounts = NULL;
    pthread_mutex_unlock(&s->finding_lock);
}

/* Out of the node's hands while a page is read: two calls with one page token do not meet in it. */
static recount *take_kept(service *s, const uint8_t id[TOKEN_LEN])
{
    recount *found = NULL;
    pthread_mutex_lock(&s->finding_lock);
    for (size_t i = 0; s->recounts && i < RECOUNTS_MOST; i++) {
        recount *r = s->recounts->at[i];
        if (!r || memcmp(r->id, id, TOKEN_LEN) != 0) continue;
        found = r;
        s->recounts->at[i] = NULL;
    }
    pthread_mutex_unlock(&s->finding_lock);
    return found;
}

/* In the place of one that nobody asks for any more, or the oldest. */
static void keep(service *s, recount *r)
{
    size_t place = 0;
    r->touched_us = clock_monotonic_us();
    pthread_mutex_lock(&s->finding_lock);
    if (!s->recounts) s->recounts = memory_new(sizeof *s->recounts);
    recount **at = s->recounts->at;
    for (size_t i = 0; i < RECOUNTS_MOST; i++) {
        if (at[i] && at[i]->touched_us + IDLE_US < r->touched_us) recount_free(&at[i]);
        if (!at[i] || (at[place] && at[i]->touched_us < at[place]->touched_us)) place = i;
    }
    recount_free(&at[place]);
    at[place] = r;
    pthread_mutex_unlock(&s->finding_lock);
}

/* ---- tables ---- */

static uint32_t *slot_of(const recount *r, const uint8_t id[COUNT_ID_LEN])
{
    size_t last = 2 * r->room - 1, slot = load_u64(id) & last;
    while (r->slots[slot] && memcmp(r->tallies[r->slots[slot] - 1].id, id, COUNT_ID_LEN) != 0) slot = (slot + 1) & last;
    return &r->slots[slot];
}

static void grow_tallies(recount *r)
{
    size_t room = r->room ? 2 * r->room : 256;
    r->tallies = memory_grow(r->tallies, r->room * sizeof *r->tallies, room * sizeof *r->tallies);
    memory_free(r->slots, 2 * r->room * sizeof *r->slots);
    r->slots = memory_array(2 * room, sizeof *r->slots);
    r->room = room;
    for (size_t i = 0; i < r->count; i++) *slot_of(r, r->tallies[i].id) = (uint32_t)(i + 1);
}

static vault_code too_large(vault_error *err)
{
    return vault_refuse(err, VAULT_EXHAUSTED, "RECOUNT_TOO_LARGE", "");
}

/* The counter's tally, which is made where there is none. */
static vault_code find_tally(recount *r, session *s, const counter_name *name, size_t *place, vault_error *err)
{
    uint8_t id[COUNT_ID_LEN];
    VAULT_TRY(counter_id(s, name, id, err));
    if (r->count == r->room) grow_tallies(r);
    uint32_t *slot = slot_of(r, id);
    if (!*slot) {
        if (r->count == TALLIES_MOST) return too_large(err);
        tally *t = &r->tallies[r->count++];
        *t = (tally){
            .stored = {.name = {.kind = name->kind, .per = name->per, .begun = name->begun, .id = "", .subject = ""}}};
        memcpy(t->id, id, COUNT_ID_LEN);
        snprintf(t->name, sizeof t->name, "%s", name->id);
        snprintf(t->subject, sizeof t->subject, "%s", name->subject);
        *slot = (uint32_t)r->count;
    }
    *place = *slot - 1;
    return VAULT_OK;
}

static uint64_t *mark_slot(const recount *r, uint64_t of)
{
    size_t last = r->mark_room - 1, slot = of & last;
    while (r->marks[slot] && r->marks[slot] != of) slot = (slot + 1) & last;
    return &r->marks[slot];
}

static void grow_marks(recount *r)
{
    uint64_t *old = r->marks;
    size_t room = r->mark_room;
    r->mark_room = room ? 2 * room : MARKS_START;
    r->marks = memory_array(r->mark_room, sizeof *r->marks);
    for (size_t i = 0; i < room; i++)
        if (old[i]) *mark_slot(r, old[i]) = old[i];
    memory_free(old, room * sizeof *old);
}

/* Whether it was not there yet. 64 bits of a hash: among eight million the chance that two meet is one in 500,000. */
static vault_code mark(recount *r, const uint64_t what[3], bool *fresh, vault_error *err)
{
    const digest hash = sha256(bytes_of(what, 3 * sizeof *what));
    uint64_t of = load_u64(hash.at) | 1;
    if (2 * r->mark_count >= r->mark_room) {
        if (r->mark_count >= MARKS_MOST) return too_large(err);
        grow_marks(r);
    }
    uint64_t *slot = mark_slot(r, of);
    *fresh = *slot == 0;
    *slot = of;
    r->mark_count += *fresh;
    return VAULT_OK;
}

/* ---- beginning ---- */

static vault_code take_counter(recount *r, session *s, const count_row *row, vault_error *err)
{
    counter at;
    vault_error why = {0};
    size_t place;
    vault_code code = counter_open(s, &at, row, &why);
    if (code == VAULT_INTEGRITY) return session_damage(s, &why), VAULT_OK; /* the log misses it, where it was counted */
    if (code != VAULT_OK) return *err = why, code;
    bool glass = at.name.kind == COUNT_EMERGENCY && manifest_emergency(s->manifest, at.name.id);
    if (!glass && !counter_present(s->manifest, &at.name, r->date, r->minute)) return VAULT_OK;
    VAULT_TRY(find_tally(r, s, &at.name, &place, err));
    at.name = r->tallies[place].stored.name;
    r->tallies[place].stored = at;
    return VAULT_OK;
}

static vault_code read_counters(recount *r, session *s, vault_error *err)
{
    count_row rows[READ_MOST];
    uint8_t after[COUNT_ID_LEN];
    size_t count = READ_MOST;
    for (bool begun = false; count > 0; begun = true) {
        count = READ_MOST;
        VAULT_TRY(store_counters_page(s->store, s->mem, bytes_of(after, begun ? COUNT_ID_LEN : 0), rows, &count, err));
        for (size_t i = 0; i < count; i++) VAULT_TRY(take_counter(r, s, &rows[i], err));
        if (count) memcpy(after, rows[count - 1].id, COUNT_ID_LEN);
    }
    return VAULT_OK;
}

/* When the first of the present periods began, or the first break-glass was opened. */
static int64_t first_us(const recount *r, const manifest *m, int64_t now_us)
{
    int64_t first = now_us;
    const emergency *glass;
    size_t count = manifest_emergencies(m, &glass);
    for (unsigned i = 0; i < policy_budget_count(m->policy); i++) {
        policy_span span = policy_period_of(policy_budget_at(m->policy, i)->period, r->date, r->minute);
        int64_t begun = hour_begun_us(span.begun);
        if (begun < first) first = begun;
    }
    for (size_t i = 0; i < count; i++)
        if (glass[i].opened_us < first) first = glass[i].opened_us;
    return first - CLOCKS_US;
}

static vault_code look(recount *r, session *s, vault_error *err)
{
    head_row head;
    VAULT_TRY(store_begin_snapshot(s->store, err));
    vault_code code = ledger_head(s->service->ledger, s->store, &head, err);
    if (code == VAULT_OK) code = read_counters(r, s, err);
    store_rollback(s->store);
    r->end = head.size;
    return code;
}

static vault_code begin(recount *r, session *s, int64_t now_us, vault_error *err)
{
    r->date = clock_shanghai_date(now_us);
    r->minute = clock_shanghai_minute(now_us);
    VAULT_TRY(entropy_fill(r->id, TOKEN_LEN, err));
    VAULT_TRY(look(r, s, err));
    return ledger_since(&r->from, s->scribe, s->store, s->mem, first_us(r, s->manifest, now_us), err);
}

/* ---- lines ---- */

/* The number that a name in a line was counted by; 0: the schema does not know it any more. */
static unsigned number_of(const schema *of, bytes name)
{
    const schema_predicate *p = schema_predicate_find(of, name);
    if (p) return predicate_needs_plain(p) ? p->field->number : p->number;
    const schema_field *f = schema_find(of, name);
    return f ? f->number : 0;
}

static vault_code count_values(recount *r, session *s, const line_facts *said, size_t place, vault_error *err)
{
    for (const char *at = said->fields ? said->fields : ""; *at;) {
        size_t len = strcspn(at, ",");
        bool fresh = false;
        unsigned number = number_of(&s->manifest->schema, bytes_of(at, len));
        const uint64_t what[] = {place, (uint64_t)said->resident, number};
        if (number) VAULT_TRY(mark(r, what, &fresh, err));
        r->tallies[place].values += fresh;
        at += len + (at[len] == ',');
    }
    return VAULT_OK;
}

static vault_code count_for(recount *r, session *s, const line_facts *said, counter_name *name, vault_error *err)
{
    size_t place;
    bool fresh;
    const char *subject = name->per == PER_PERSON     ? said->person
                          : name->per == PER_CONSUMER ? said->app
                          : name->per == PER_PURPOSE  ? said->purpose
                                                      : "";
    name->subject = subject ? subject : "";
    bool glass = name->kind == COUNT_EMERGENCY && manifest_emergency(s->manifest, name->id);
    if (!glass && !counter_present(s->manifest, name, r->date, r->minute)) return VAULT_OK;
    VAULT_TRY(find_tally(r, s, name, &place, err));
    const uint64_t what[] = {place, (uint64_t)said->resident, 0};
    VAULT_TRY(mark(r, what, &fresh, err));
    r->tallies[place].residents += fresh;
    return said->action == LINE_SEARCH ? VAULT_OK : count_values(r, s, said, place, err);
}

static vault_code count_line(recount *r, session *s, const line_facts *said, vault_error *err)
{
    counter_name name;
    char id[COUNTER_ID_ROOM];
    const char *at = said->budgets;
    if (!at || said->outcome != LINE_GRANTED || said->resident == 0) return VAULT_OK;
    while (*at && counters_next(&at, &name, id)) VAULT_TRY(count_for(r, s, said, &name, err));
    return VAULT_OK;
}

static vault_code read_lines(recount *r, session *s, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *scratch = arena_new(SCRATCH);
    int64_t until = r->from + PAGE_LINES < r->end ? r->from + PAGE_LINES : r->end;
    if (!scratch) return vault_fail(err, VAULT_EXHAUSTED, "no memory for lines");
    arena_keep(scratch, SCRATCH);
    while (r->from < until) {
        line_scan scan = {.from = r->from, .limit = SCAN_MOST};
        arena_reset(scratch);
        VAULT_TRY(ledger_scan(&scan, s->scribe, s->store, scratch, err));
        if (scan.count == 0) return vault_fail(err, VAULT_INTEGRITY, "the log ends at line %lld", (long long)r->from);
        for (size_t i = 0; i < scan.count && r->from < until; i++, r->from++)
            VAULT_TRY(count_line(r, s, &scan.lines[i].said, err));
    }
    return VAULT_OK;
}

/* ---- the answer ---- */

static vault_code add_finding(Vault__V1__RecountBudgetsResponse *out, const tally *t, const policy_budget *b,
                              arena *mem, vault_error *err)
{
    counter stored = t->stored;
    stored.name.id = t->name;
    stored.name.subject = t->subject;
    Vault__V1__BudgetFinding *one = MESSAGE(mem, Vault__V1__BudgetFinding, vault__v1__budget_finding__init);
    if (!one || !(one->counter = budget_use(mem, &stored, b)))
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for what was found");
    one->residents = t->residents;
    one->values = t->values;
    out->findings[out->n_findings++] = one;
    return VAULT_OK;
}

static vault_code compare(recount *r, session *s, call *c, Vault__V1__RecountBudgetsResponse *out)
{
    arena *mem = c->rq->mem;
    out->findings = arena_array(mem, r->count + 1, sizeof *out->findings);
    if (!out->findings) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for what was found");
    for (size_t i = 0; i < r->count; i++) {
        tally *t = &r->tallies[i];
        if (t->stored.residents == t->residents && t->stored.values == t->values) continue;
        counter_name name = t->stored.name;
        name.id = t->name;
        const policy_budget *b = counter_present(s->manifest, &name, r->date, r->minute);
        VAULT_TRY(add_finding(out, t, b, mem, &c->rq->err));
    }
    out->counters = r->count;
    if (out->n_findings)
        log_event(LOG_ERROR, "budget.edited", "%zu counters of budgets are not what the log says", out->n_findings);
    return VAULT_OK;
}

/* The page's recount: a new one, or what was kept. */
static vault_code find(recount **out, session *s, call *c, const digest *conditions)
{
    const Vault__V1__RecountBudgetsRequest *in = (const void *)c->rq->in;
    bytes place;
    VAULT_TRY(page_open(&place, s, c, in->page_token, conditions));
    if (place.len == 0) {
        *out = memory_new(sizeof **out);
        return begin(*out, s, c->now_us, &c->rq->err);
    }
    if (place.len == TOKEN_LEN) *out = take_kept(s->service, place.at);
    return *out ? VAULT_OK : vault_refuse(&c->rq->err, VAULT_PRECONDITION, "RECOUNT_LOST", "");
}

static vault_code recount_page(session *s, call *c, Vault__V1__RecountBudgetsResponse *out)
{
    VAULT_CLEANUP(recount_free) recount *r = NULL;
    const digest conditions = sha256(bytes_of_text("recount"));
    cabinet_use(s->cabinet, s->mem);
    VAULT_TRY(find(&r, s, c, &conditions));
    VAULT_TRY(read_lines(r, s, &c->rq->err));
    out->position = (uint64_t)r->from;
    out->size = (uint64_t)r->end;
    if (r->from >= r->end) return compare(r, s, c, out);
    VAULT_TRY(page_seal(&out->next_page_token, s, c, &conditions, bytes_of(r->id, TOKEN_LEN)));
    keep(s->service, r);
    r = NULL;
    return VAULT_OK;
}

static vault_code recount_one(session *s, call *c)
{
    Vault__V1__RecountBudgetsResponse *out =
        MESSAGE(c->rq->mem, Vault__V1__RecountBudgetsResponse, vault__v1__recount_budgets_response__init);
    if (!out) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a recount");
    (void)recount_page(s, c, out);
    VAULT_TRY(write_call_line(s, c, &(line_facts){.change = "recount"}));
    c->rq->out = &out->base;
    return VAULT_OK;
}

void policies_recount_budgets(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)recount_one(s, calls[i]);
}

/* Policies.Simulate: lines of the log, decided again by documents that are not in force. A page of lines at a time; who
 * asks adds up what the pages say. The log is only read; it is proven as it is read, so that nobody's advice on a
 * policy rests on lines that were edited. */
#include "policy/compare.h"
#include "vault/audit/scan.h"
#include "vault/service/past_facts.h"
#include "vault/service/trials.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_DEFAULT = 20000, PAGE_MOST = 100000, GROUPS_MOST = 8192, USES_MOST = 8192, SCRATCH = 64 << 20 };

/* ---- counts by text ----
 *
 * Open addressing; a table that is full counts nothing new by itself: totals stay exact. */

typedef struct tally {
    const char *name; /* NULL: free */
    uint64_t count;
    int64_t line, time_us; /* line: of the first; time: of the last */
    void *what;            /* what it stands for, made when it was first met */
} tally;

typedef struct tallies {
    tally *at;
    size_t room, used; /* room: a power of two */
} tallies;

static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *text; text++) hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/* A slot of this name, maybe a free one; NULL: there is no room for another. */
static tally *tally_slot(tallies *t, const char *name)
{
    size_t i = (size_t)hash_text(name) & (t->room - 1);
    while (t->at[i].name && strcmp(t->at[i].name, name) != 0) i = (i + 1) & (t->room - 1);
    return t->at[i].name || t->used < t->room / 2 ? &t->at[i] : NULL;
}

static int by_count(const void *a, const void *b)
{
    const tally *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return (x->line > y->line) - (x->line < y->line);
}

/* Moves those that are used to the front, most frequent first. */
static void tallies_sort(tallies *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->room; i++)
        if (t->at[i].name) t->at[kept++] = t->at[i];
    t->used = kept;
    qsort(t->at, kept, sizeof *t->at, by_count);
}

/* ---- a page ---- */

/* What a rule of the policy in force tells of those to whom it granted, in the classes of the other one. */
typedef struct implied {
    const char *rule;
    policy_resident of;
} implied;

typedef struct replay {
    session *s;
    request *rq;
    const manifest *next; /* the documents that are tried */
    implied *implied;     /* by rule id */
    size_t implied_count;
    tallies groups, uses;
    int64_t from, end, end_us; /* lines [from, end) are left; end_us 0: no end in time */
    bool over;                 /* the time asked for has ended */
    Vault__V1__SimulateResponse *out;
} replay;

static vault_code no_room(replay *r)
{
    return vault_fail(&r->rq->err, VAULT_EXHAUSTED, "no memory for a replay");
}

/* ---- what the grants of the policy in force tell ---- */

static int by_rule(const void *a, const void *b)
{
    return strcmp(((const implied *)a)->rule, ((const implied *)b)->rule);
}

static uint64_t classes_of(const policy *to, const policy *from, uint64_t set)
{
    uint64_t out = 0;
    for (unsigned i = 0; i < policy_class_count(from); i++) {
        const policy_class *own = policy_class_at(from, i);
        int index = set >> i & 1 ? policy_class_named(to, own->id) : -1;
        if (index >= 0 && policy_classes_same(own, policy_class_at(to, (unsigned)index))) out |= UINT64_C(1) << index;
    }
    return out;
}

static vault_code read_implied(replay *r)
{
    const policy *from = r->s->manifest->policy, *to = r->next->policy;
    size_t count = policy_rule_count(from);
    r->implied = arena_array(r->s->mem, count + 1, sizeof *r->implied);
    if (!r->implied) return no_room(r);
    for (unsigned i = 0; i < count; i++) {
        policy_resident of = policy_rule_implies(from, i);
        of.in = classes_of(to, from, of.in);
        of.out = classes_of(to, from, of.out);
        r->implied[r->implied_count++] = (implied){.rule = policy_rule_id(from, i), .of = of};
    }
    qsort(r->implied, r->implied_count, sizeof *r->implied, by_rule);
    return VAULT_OK;
}

static policy_resident known_by(const replay *r, const line_facts *said)
{
    const implied wanted = {.rule = said->rule};
    const implied *found = NULL;
    if (said->rule && said->outcome == LINE_GRANTED)
        found = bsearch(&wanted, r->implied, r->implied_count, sizeof *r->implied, by_rule);
    return found ? found->of : (policy_resident){0};
}

/* ---- one line ---- */

static const char *or_none(const char *text)
{
    return text ? text : "";
}

static Vault__V1__ReplayGroup *group_of(arena *mem, const line_facts *said, const char *clause, bool allows)
{
    Vault__V1__ReplayGroup *out = MESSAGE(mem, Vault__V1__ReplayGroup, vault__v1__replay_group__init);
    if (!out) return NULL;
    out->allows = allows;
    out->consumer = arena_text(mem, bytes_of_text(or_none(said->app)));
    out->person = arena_text(mem, bytes_of_text(or_none(said->person)));
    out->purpose = arena_text(mem, bytes_of_text(or_none(said->purpose)));
    out->fields = arena_text(mem, bytes_of_text(or_none(said->fields)));
    out->form = arena_text(mem, bytes_of_text(or_none(said->form)));
    out->clause = arena_text(mem, bytes_of_text(or_none(clause)));
    return out->consumer && out->person && out->purpose && out->fields && out->form && out->clause ? out : NULL;
}

/* One unit separator cannot stand in an id, nor in a name of a field. */
static vault_code count_group(replay *r, arena *scratch, const opened_line *l, const char *clause, bool allows)
{
    const line_facts *said = &l->said;
    const char *key = arena_format(scratch, "%d\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s", allows, or_none(said->app),
                                   or_none(said->person), or_none(said->purpose), or_none(said->fields),
                                   or_none(said->form), or_none(clause));
    tally *t = key ? tally_slot(&r->groups, key) : NULL;
    if (!key) return no_room(r);
    if (!t) return VAULT_OK;
    if (!t->name) {
        t->name = arena_text(r->s->mem, bytes_of_text(key));
        t->line = l->index;
        t->what = group_of(r->rq->mem, said, clause, allows);
        if (!t->name || !t->what) return no_room(r);
        r->groups.used++;
    }
    t->count++;
    return VAULT_OK;
}

static vault_code count_use(replay *r, const opened_line *l)
{
    const char *rule = l->said.rule;
    tally *t = rule && *rule ? tally_slot(&r->uses, rule) : NULL;
    if (!t) return VAULT_OK;
    if (!t->name) {
        t->name = arena_text(r->rq->mem, bytes_of_text(rule));
        t->line = l->index;
        if (!t->name) return no_room(r);
        r->uses.used++;
    }
    t->count++;
    t->time_us = l->time_us;
    return VAULT_OK;
}

static vault_code replay_line(replay *r, arena *scratch, const opened_line *l)
{
    past_facts asked;
    policy_clause clause;
    if (!past_facts_of(&asked, r->next, l)) return VAULT_OK;
    const policy_resident known = known_by(r, &l->said);
    const past_verdict verdict = past_decide(r->next->policy, &asked, &known, &clause);
    bool spent = !asked.granted && strcmp(asked.clause, policy_clause_name(CLAUSE_BUDGET)) == 0;
    r->out->decisions++;
    if (asked.granted) VAULT_TRY(count_use(r, l));
    if (verdict == PAST_OPEN || (spent && verdict == PAST_ALLOWED)) {
        r->out->open++;
    } else if (asked.granted && verdict == PAST_REFUSED) {
        r->out->would_refuse++;
        return count_group(r, scratch, l, policy_clause_name(clause), false);
    } else if (!asked.granted && verdict == PAST_ALLOWED) {
        r->out->would_allow++;
        return count_group(r, scratch, l, asked.clause, true);
    }
    return VAULT_OK;
}

/* ---- lines ---- */

static vault_code replay_part(replay *r, arena *scratch, size_t limit)
{
    line_scan scan = {.from = r->from, .limit = limit < SCAN_MOST ? limit : SCAN_MOST};
    arena_reset(scratch);
    VAULT_TRY(ledger_scan(&scan, r->s->scribe, r->s->store, scratch, &r->rq->err));
    r->over = scan.count == 0;
    for (size_t i = 0; i < scan.count && !r->over; i++) {
        const opened_line *l = &scan.lines[i];
        r->over = l->index >= r->end || (r->end_us && l->time_us >= r->end_us);
        if (r->over) return VAULT_OK;
        VAULT_TRY(replay_line(r, scratch, l));
        r->from = l->index + 1;
    }
    return VAULT_OK;
}

static vault_code replay_lines(replay *r, size_t page)
{
    VAULT_CLEANUP(arena_free) arena *scratch = arena_new(SCRATCH);
    int64_t first = r->from;
    if (!scratch) return no_room(r);
    arena_keep(scratch, SCRATCH);
    while (!r->over && r->from < r->end && (size_t)(r->from - first) < page)
        VAULT_TRY(replay_part(r, scratch, page - (size_t)(r->from - first)));
    return VAULT_OK;
}

/* ---- what was asked ---- */

static bool read_time(int64_t *us, const Google__Protobuf__Timestamp *t)
{
    *us = t ? t->seconds * 1000000 + t->nanos / 1000 : 0;
    return !t || (t->seconds > 0 && t->seconds < INT64_C(253402300800) && t->nanos >= 0 && t->nanos < 1000000000);
}

/* A page token is good for the same drafts and times. */
static digest conditions_of(const Vault__V1__SimulateRequest *in, int64_t start_us, int64_t end_us)
{
    uint8_t times[16];
    digest all = {0};
    store_u64(times, (uint64_t)start_us);
    store_u64(times + 8, (uint64_t)end_us);
    for (size_t i = 0; i < in->n_drafts; i++) {
        const bytes parts[] = {digest_bytes(&all),
                               bytes_of(in->drafts[i]->document, strlen(in->drafts[i]->document) + 1),
                               bytes_of(in->drafts[i]->content.data, in->drafts[i]->content.len)};
        all = sha256_parts(parts, 3);
    }
    const bytes parts[] = {bytes_of_text("replay"), bytes_of(times, sizeof times), digest_bytes(&all)};
    return sha256_parts(parts, 3);
}

/* Where the page before ended, and where the log ended when the first one was asked for: else every page, which is a
 * line itself, would be followed by another. */
static vault_code read_place(replay *r, const call *c, const Vault__V1__SimulateRequest *in, const digest *conditions,
                             int64_t start_us)
{
    session *s = r->s;
    bytes place;
    head_row head;
    VAULT_TRY(page_open(&place, s, c, in->page_token, conditions));
    if (place.len > 0) {
        reader from = reader_over(place);
        r->from = (int64_t)get_u64(&from);
        r->end = (int64_t)get_u64(&from);
        return from.short_ ? refuse_at(&r->rq->err, "BAD_PAGE_TOKEN", "page_token", -1) : VAULT_OK;
    }
    VAULT_TRY(ledger_head(s->service->ledger, s->store, &head, &r->rq->err));
    r->end = head.size;
    return start_us ? ledger_since(&r->from, s->scribe, s->store, s->mem, start_us, &r->rq->err) : VAULT_OK;
}

static vault_code next_page(replay *r, const call *c, const digest *conditions)
{
    uint8_t place[16];
    if (r->over || r->from >= r->end) return VAULT_OK;
    store_u64(place, (uint64_t)r->from);
    store_u64(place + 8, (uint64_t)r->end);
    return page_seal(&r->out->next_page_token, r->s, c, conditions, bytes_of(place, sizeof place));
}

/* ---- the answer ---- */

static bool make_tallies(tallies *t, arena *mem, size_t room)
{
    *t = (tallies){.at = arena_array(mem, room, sizeof *t->at), .room = room};
    return t->at != NULL;
}

static vault_code answer_groups(replay *r)
{
    Vault__V1__SimulateResponse *out = r->out;
    tallies_sort(&r->groups);
    out->groups = arena_array(r->rq->mem, r->groups.used + 1, sizeof *out->groups);
    if (!out->groups) return no_room(r);
    for (size_t i = 0; i < r->groups.used; i++) {
        Vault__V1__ReplayGroup *one = r->groups.at[i].what;
        one->count = r->groups.at[i].count;
        one->line = (uint64_t)r->groups.at[i].line;
        out->groups[out->n_groups++] = one;
    }
    return VAULT_OK;
}

static vault_code answer_uses(replay *r)
{
    Vault__V1__SimulateResponse *out = r->out;
    tallies_sort(&r->uses);
    out->uses = arena_array(r->rq->mem, r->uses.used + 1, sizeof *out->uses);
    if (!out->uses) return no_room(r);
    for (size_t i = 0; i < r->uses.used; i++) {
        Vault__V1__RuleUse *one = MESSAGE(r->rq->mem, Vault__V1__RuleUse, vault__v1__rule_use__init);
        if (!one || !(one->last_time = timestamp_of(r->rq->mem, r->uses.at[i].time_us))) return no_room(r);
        one->rule = lent(r->uses.at[i].name);
        one->count = r->uses.at[i].count;
        out->uses[out->n_uses++] = one;
    }
    return VAULT_OK;
}

static vault_code simulate(session *s, call *c, Vault__V1__SimulateResponse *out)
{
    const Vault__V1__SimulateRequest *in = (const void *)c->rq->in;
    VAULT_CLEANUP(trial_clear) trial t = {0};
    vault_error *err = &c->rq->err;
    replay r = {.s = s, .rq = c->rq, .out = out};
    int64_t start_us;
    if (!read_time(&start_us, in->start_time)) return refuse_at(err, "OUT_OF_RANGE", "start_time", -1);
    if (!read_time(&r.end_us, in->end_time) || (r.end_us && r.end_us <= start_us))
        return refuse_at(err, "OUT_OF_RANGE", "end_time", -1);
    if (in->page_size < 0 || in->page_size > PAGE_MOST) return refuse_at(err, "OUT_OF_RANGE", "page_size", -1);
    const digest conditions = conditions_of(in, start_us, r.end_us);
    VAULT_TRY(read_place(&r, c, in, &conditions, start_us));
    VAULT_TRY(trial_drafts(&t, s, in->drafts, in->n_drafts, err));
    r.next = t.manifest;
    if (!make_tallies(&r.groups, s->mem, 2 * GROUPS_MOST) || !make_tallies(&r.uses, s->mem, 2 * USES_MOST))
        return no_room(&r);
    VAULT_TRY(read_implied(&r));
    VAULT_TRY(replay_lines(&r, in->page_size ? (size_t)in->page_size : PAGE_DEFAULT));
    VAULT_TRY(answer_groups(&r));
    VAULT_TRY(answer_uses(&r));
    out->position = (uint64_t)r.from;
    out->size = (uint64_t)r.end;
    return next_page(&r, c, &conditions);
}

static vault_code simulate_one(session *s, call *c)
{
    request *rq = c->rq;
    Vault__V1__SimulateResponse *out =
        MESSAGE(rq->mem, Vault__V1__SimulateResponse, vault__v1__simulate_response__init);
    const line_facts facts = {.fields = "replay"};
    if (!out) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for a replay");
    (void)simulate(s, c, out);
    VAULT_TRY(write_call_line(s, c, &facts));
    rq->out = &out->base;
    return VAULT_OK;
}

void policies_simulate(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)simulate_one(s, calls[i]);
}

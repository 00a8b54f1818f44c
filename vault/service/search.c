/* Records.Search: nothing is opened but the value that `same_as` refers to. The index finds, the rows prove:
 *
 *   read ─ admission ─ residents of same_as ─ terms ─ one statement ─ batch: {the search, same_as, each resident found}
 *
 * The search itself is an item that addresses nobody: its line is appended with those of the residents. Who is found is
 * fetched, proven, decided and compared with the question once more, and stands in no order. */
#include "vault/service/search.h"
#include "vault/service/canaries.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <string.h>

enum { PLACE_LEN = 12, COUNT_FEW = 10, SEARCH_TIME_US = 5 * 1000 * 1000 };

/* ---- where the page begins ---- */

static vault_code read_place(search *q, session *s, call *c)
{
    bytes place;
    VAULT_TRY(page_open(&place, s, c, q->in->page_token, &q->asked_digest));
    const policy_reach of = {.admission = &c->admission, .facts = &c->facts, .asked = q->asked};
    q->results = policy_results(s->manifest->policy, &of);
    if (place.len == 0) return VAULT_OK;
    reader r = reader_over(place);
    q->what.after = (int64_t)get_u64(&r);
    q->given = get_u32(&r);
    return reader_done(&r) ? VAULT_OK : refuse_at(&c->rq->err, "BAD_PAGE_TOKEN", "page_token", -1);
}

static vault_code write_place(char **out, session *s, call *c)
{
    const search *q = c->search;
    uint8_t place[PLACE_LEN];
    writer w = writer_over(place, sizeof place);
    put_u64(&w, (uint64_t)q->what.after);
    put_u32(&w, q->given);
    return page_seal(out, s, c, &q->asked_digest, writer_bytes(&w));
}

/* ---- the residents of same_as: judged as one that is found, and one answer for all that are not the caller's ---- */

static vault_code read_likes(search *q, session *s, call *c)
{
    for (size_t i = 0; i < q->condition_count; i++) {
        const condition *asked = &q->conditions[i];
        if (asked->in->question_case != VAULT__V1__CONDITION__QUESTION_SAME_AS) continue;
        item *like = &q->likes[q->like_count++];
        *like = (item){.call = c};
        q->conditions[i].like = like;
        char *path = arena_format(s->mem, "conditions[%zu].same_as", i);
        if (!path) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a search");
        item_token(s, like, asked->in->same_as, path, -1);
        if (like->err.code != VAULT_OK) return c->rq->err = like->err, like->err.code;
    }
    return VAULT_OK;
}

static vault_code ask_like(search *q, session *s, const condition *asked, term_question *out, vault_error *err)
{
    item *like = asked->like;
    like->record = (record){.dek = s->deks.at};
    vault_error broken = {0};
    vault_code proven = item_prove(s, like, &broken);
    bool granted = proven == VAULT_OK && judge_by_area(s, like) == VAULT_OK;
    if (!granted) {
        q->refused = true; /* the batch proves and judges it once more, and tells */
        vault_error_clear(&like->err);
        return VAULT_OK;
    }
    const record_likeness of = {.grant = &like->grant,
                                .record = &like->record,
                                .field = asked->field,
                                .kind = asked->kind,
                                .streets = q->streets,
                                .street_count = q->street_count};
    vault_code code = record_alike(out, s->cabinet, &of, err);
    record_clear(&like->record);
    return code;
}

static vault_code ask_likes(search *q, session *s, call *c)
{
    int64_t ids[CONDITIONS_MAX];
    resident_row rows[CONDITIONS_MAX];
    if (q->like_count == 0) return VAULT_OK;
    for (size_t i = 0; i < q->like_count; i++) ids[i] = q->likes[i].id.id;
    VAULT_TRY(store_residents_by_id(s->store, s->mem, ids, q->like_count, rows, &c->rq->err));
    for (size_t i = 0; i < q->like_count; i++) q->likes[i].row = &rows[i];
    for (size_t i = 0; i < q->condition_count; i++) {
        condition *asked = &q->conditions[i];
        if (asked->like) VAULT_TRY(ask_like(q, s, asked, &asked->question, &c->rq->err));
    }
    return VAULT_OK;
}

/* ---- the residents found ---- */

/* Ids are as old as their records: in their order the answer would say who came first. */
static vault_code shuffle(int64_t *ids, size_t count, vault_error *err)
{
    uint64_t random[PAGE_MOST];
    VAULT_TRY(entropy_fill((uint8_t *)random, count * sizeof *random, err));
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)(random[i - 1] % i);
        int64_t id = ids[i - 1];
        ids[i - 1] = ids[other];
        ids[other] = id;
    }
    return VAULT_OK;
}

/* Where the policy depends on more of a resident than his area, whoever it keeps back is left out before the page is
 * full: neither a line, nor a page that is short, tells that somebody was found. What does not open is left in: the
 * batch tells of it. */
static bool may_be_given(session *s, call *c, const resident_row *row)
{
    item one = {.call = c, .row = row, .record = {.dek = s->deks.at}};
    vault_error broken = {0};
    vault_code proven = item_prove(s, &one, &broken);
    bool given = judge_by_area(s, &one) == VAULT_OK || proven != VAULT_OK;
    record_clear(&one.record);
    return given;
}

/* Behind them one who is nobody: of a page where nobody was found a row is read, too. */
static vault_code leave_out(session *s, call *c, int64_t *ids, size_t *count)
{
    size_t kept = 0;
    int64_t *asked = arena_array(s->mem, *count + 1, sizeof *asked);
    resident_row *rows = arena_array(s->mem, *count + 1, sizeof *rows);
    if (!asked || !rows) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a page");
    memcpy(asked, ids, *count * sizeof *ids);
    VAULT_TRY(store_residents_by_id(s->store, s->mem, asked, *count + 1, rows, &c->rq->err));
    for (size_t i = 0; i <= *count; i++) {
        bool given = may_be_given(s, c, &rows[i]);
        if (given && i < *count) ids[kept++] = asked[i];
    }
    *count = kept;
    return VAULT_OK;
}

/* At most `limit` in the order of their ids. */
static vault_code find_given(search *q, session *s, call *c, int64_t *out, size_t *count)
{
    const bool depends = c->admission.classes || c->admission.consent;
    store_search what = q->what;
    size_t found = what.limit;
    *count = 0;
    while (found == what.limit && *count < what.limit) {
        int64_t *ids;
        VAULT_TRY(store_search_ids(s->store, s->mem, &what, &ids, &found, &c->rq->err));
        size_t kept = found;
        if (found) what.after = ids[found - 1];
        canaries_leave_out(s, c, ids, &kept);
        if (depends) VAULT_TRY(leave_out(s, c, ids, &kept));
        for (size_t i = 0; i < kept && *count < what.limit; i++) out[(*count)++] = ids[i];
    }
    return VAULT_OK;
}

/* One more than the page holds is asked for: it tells whether there are more. */
static vault_code find(search *q, session *s, call *c, int64_t *ids, size_t *count)
{
    size_t left = q->results > q->given ? q->results - q->given : 0, most = q->page < left ? q->page : left;
    q->what.limit = most + 1;
    VAULT_TRY(find_given(q, s, c, ids, count));
    q->more = *count > most;
    if (q->more) *count = most;
    if (*count == 0) return VAULT_OK;
    q->what.after = ids[*count - 1];
    q->given += (uint32_t)*count;
    return shuffle(ids, *count, &c->rq->err);
}

/* The search, the residents of same_as, the residents found. */
static vault_code make_items(search *q, session *s, call *c, const int64_t *ids, size_t count)
{
    VAULT_TRY(call_items(s, c, 1 + q->like_count + count, "conditions", &c->rq->err));
    if (!(q->matched = arena_alloc(s->mem, c->item_count))) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "items");
    c->items[0].nobody = true;
    for (size_t i = 0; i < q->like_count; i++) c->items[1 + i].id = q->likes[i].id;
    for (size_t i = 0; i < count; i++) c->items[1 + q->like_count + i].id.id = ids[i];
    return VAULT_OK;
}

/* No search holds a worker for longer, and none goes on for a client that has left. */
static int64_t end_of(const call *c)
{
    int64_t most = clock_monotonic_us() + SEARCH_TIME_US;
    return c->rq->deadline_us < most ? c->rq->deadline_us : most;
}

static vault_code look(search *q, session *s, call *c)
{
    int64_t ids[PAGE_MOST + 1];
    size_t count = 0;
    uint64_t counted = 0;
    if (c->admission.failed == CLAUSE_NONE && !q->refused) {
        VAULT_TRY(search_plan(q, s, c));
        q->what.until_us = end_of(c);
        VAULT_TRY(canaries_alive(&q->what.without, &q->what.without_count, s, &c->rq->err));
        VAULT_TRY(q->in->count_only ? store_search_count(s->store, &q->what, &counted, &c->rq->err)
                                    : find(q, s, c, ids, &count));
    }
    VAULT_TRY(make_items(q, s, c, ids, count));
    c->items[0].hits = q->in->count_only ? counted : count;
    return VAULT_OK;
}

/* ---- judging ---- */

static bool is_found(const item *it)
{
    return it->index > it->call->search->like_count;
}

/* Which conditions the proven row meets. */
static unsigned conditions_met(const search *q, const record *r)
{
    unsigned met = (1U << q->condition_count) - 1;
    for (size_t i = 0; i < q->set_count; i++)
        if (!record_meets(r, q->sets[i].terms)) met &= ~(1U << q->sets[i].condition);
    return met;
}

static bool meets(const item *it, unsigned met)
{
    const search *q = it->call->search;
    bool inside = area_ranges_cover(q->reach.at, q->reach.count, (area_code){it->record.row->area});
    return inside && (size_t)__builtin_popcount(met) >= q->least;
}

/* The row may have changed since the search. If the index still says so, and the row is still what it was, then the
 * entry is not one that the vault wrote. */
static vault_code check_entry(session *s, item *it)
{
    store_search again = it->call->search->what;
    resident_row row;
    int64_t *ids;
    size_t count;
    again.after = it->id.id - 1;
    again.limit = 1;
    VAULT_TRY(store_search_ids(s->store, s->mem, &again, &ids, &count, &it->err));
    VAULT_TRY(store_residents_by_id(s->store, s->mem, &it->id.id, 1, &row, &it->err));
    bool same = row.found && row.version == it->row->version && bytes_same(row.tag, it->row->tag);
    if (count == 0 || ids[0] != it->id.id || !same) return refuse_clause(&it->err, CLAUSE_RESIDENT);
    (void)vault_fail(&it->err, VAULT_INTEGRITY, "index entries of row %lld are not the row's", (long long)it->id.id);
    session_damage(s, &it->err);
    return VAULT_INTEGRITY;
}

static vault_code judge(session *s, item *it)
{
    search *q = it->call->search;
    if (it->nobody) return q->refused ? refuse_clause(&it->err, CLAUSE_RESIDENT) : VAULT_OK;
    if (!is_found(it)) return judge_by_area(s, it);
    vault_code code = judge_by_area(s, it);
    unsigned met = it->record.genuine ? conditions_met(q, &it->record) : 0;
    q->matched[it->index] = (uint8_t)met;
    /* who was kept back since he was looked at was found all the same */
    if (it->record.genuine && it->row->state == RECORD_LIVE && meets(it, met)) return code;
    it->grant = (grant){0};
    vault_error_clear(&it->err);
    return check_entry(s, it);
}

static vault_code finish(session *s, item *it)
{
    return !it->nobody && is_found(it) ? item_issue(s, it) : VAULT_OK;
}

static const item_kind SEARCH = {.judge = judge, .finish = finish};

/* ---- the answer ---- */

static vault_code write_matched(Vault__V1__SearchResult *out, const item *it)
{
    const search *q = it->call->search;
    arena *mem = it->call->rq->mem;
    if (q->in->minimum_matches == 0) return VAULT_OK;
    out->matched = arena_array(mem, q->condition_count, sizeof *out->matched);
    if (!out->matched) return VAULT_EXHAUSTED;
    for (uint32_t i = 0; i < q->condition_count; i++)
        if (q->matched[it->index] & 1U << i) out->matched[out->n_matched++] = i;
    return VAULT_OK;
}

static bool write_results(Vault__V1__SearchResponse *out, const call *c)
{
    arena *mem = c->rq->mem;
    out->results = arena_array(mem, c->item_count, sizeof *out->results);
    if (!out->results) return false;
    for (size_t i = 0; i < c->item_count; i++) {
        const item *it = &c->items[i];
        if (it->nobody || !is_found(it) || it->err.code != VAULT_OK) continue;
        Vault__V1__SearchResult *result = MESSAGE(mem, Vault__V1__SearchResult, vault__v1__search_result__init);
        if (!result || write_matched(result, it) != VAULT_OK) return false;
        result->token = lent(it->text);
        out->results[out->n_results++] = result;
    }
    return true;
}

static void write_count(Vault__V1__SearchResponse *out, uint64_t hits)
{
    out->fewer_than_ten = hits < COUNT_FEW;
    out->count = out->fewer_than_ten ? 0 : hits;
}

static bool is_spent(const item *it)
{
    return it->grant.failed == CLAUSE_BUDGET || it->grant.failed == CLAUSE_BREAK_GLASS;
}

/* Who was found, or would have been, and not given because so many were given before; NULL: nobody. */
static const item *find_spent(const call *c, bool *given)
{
    const item *spent = is_spent(&c->items[0]) ? &c->items[0] : NULL;
    *given = false;
    for (size_t i = 1 + c->search->like_count; i < c->item_count; i++) {
        if (is_spent(&c->items[i])) spent = &c->items[i];
        *given = *given || c->items[i].err.code == VAULT_OK;
    }
    return spent;
}

/* A refused search is refused as a whole: by its own line, by that of a resident whom it refers to, or by a budget that
 * leaves nothing of it. */
static vault_code outcome(const call *c, vault_error *err, bool *cut)
{
    bool given;
    const item *spent = find_spent(c, &given);
    *cut = spent != NULL;
    if (spent && !given) return refuse_clause(err, spent->grant.failed);
    for (size_t i = 0; i <= c->search->like_count; i++) {
        size_t at = c->search->like_count - i;
        if (c->items[at].err.code != VAULT_OK) return *err = c->items[at].err, err->code;
    }
    return VAULT_OK;
}

static vault_code answer(session *s, call *c)
{
    request *rq = c->rq;
    search *q = c->search;
    bool cut;
    VAULT_TRY(outcome(c, &rq->err, &cut));
    Vault__V1__SearchResponse *out = MESSAGE(rq->mem, Vault__V1__SearchResponse, vault__v1__search_response__init);
    if (!out || !write_results(out, c)) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
    if (q->in->count_only) write_count(out, c->items[0].hits);
    out->capped = cut || (q->more && q->given >= q->results);
    if (q->more && !out->capped) VAULT_TRY(write_place(&out->next_page_token, s, c));
    out->receipts = c->receipts;
    out->n_receipts = c->receipt_count;
    rq->out = &out->base;
    return VAULT_OK;
}

/* ---- the handler ---- */

static vault_code read_and_look(session *s, call *c)
{
    search *q = arena_alloc(s->mem, sizeof *q);
    if (!q) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a search");
    c->search = q;
    q->in = (const void *)c->rq->in;
    c->want_receipt = q->in->want_receipt;
    VAULT_TRY(search_read(q, s, c));
    VAULT_TRY(search_want_canaries(q, s, &c->rq->err));
    call_admission(s, c, POLICY_SEARCH, q->in->count_only ? FORM_COUNT : FORM_TOKEN);
    VAULT_TRY(search_read_areas(q, s, c));
    VAULT_TRY(search_ask(q, s, c));
    VAULT_TRY(read_place(q, s, c));
    VAULT_TRY(read_likes(q, s, c));
    if (c->admission.failed == CLAUSE_NONE) VAULT_TRY(ask_likes(q, s, c));
    return look(q, s, c);
}

/* One that took too long has told nothing, and is a line, and an alarm, all the same. */
static vault_code search_one(session *s, call *c)
{
    vault_code code = read_and_look(s, c);
    if (code != VAULT_EXHAUSTED) return code;
    VAULT_TRY(canaries_alarm_call(s, c));
    return write_call_line(s, c, &(line_facts){.fields = c->fields});
}

void records_search(session *s, call **calls, size_t count)
{
    cabinet_use(s->cabinet, s->mem);
    for (size_t i = 0; i < count && !s->moved; i++) (void)search_one(s, calls[i]);
    batch_run(s, &SEARCH, calls, count);
    for (size_t i = 0; i < count && !s->moved; i++) {
        call_fail_with_store(calls[i]);
        if (calls[i]->rq->err.code == VAULT_OK) (void)answer(s, calls[i]);
    }
}

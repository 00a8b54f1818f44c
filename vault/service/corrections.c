/* Corrections as they are told. All of one record, to whoever may put or see the field there; or those that wait, to
 * the department that owns the field and may put it where the resident lives. Nothing of a row is told before all of it
 * was proven under the resident's key, and wanted values are opened after the lines. */
#include "vault/service/canaries.h"

#include <string.h>

enum { PAGE_USUAL = 100, PAGE_MOST = 500, RECORD_MOST = 4096, SCANS_MOST = 8 };

/* ---- one row ---- */

static Vault__V1__CorrectionState state_of(const correction_row *from)
{
    return from->state == CORRECTION_PENDING    ? VAULT__V1__CORRECTION_STATE__CORRECTION_STATE_PENDING
           : from->state == CORRECTION_ACCEPTED ? VAULT__V1__CORRECTION_STATE__CORRECTION_STATE_ACCEPTED
                                                : VAULT__V1__CORRECTION_STATE__CORRECTION_STATE_DECLINED;
}

static bool describe_row(Vault__V1__Correction *out, session *s, const item *it, const correction_row *from)
{
    arena *mem = it->call->rq->mem;
    const schema_field *field = schema_number(&s->manifest->schema, (unsigned)from->field);
    const char *by = manifest_department(s->manifest, (uint16_t)from->department);
    const char *decider = manifest_department(s->manifest, (uint16_t)from->decider);
    out->name = arena_format(mem, "corrections/%lld", (long long)from->number);
    out->token = arena_text(mem, bytes_of_text(it->named->token ? it->named->token : it->text));
    out->field = arena_text(mem, bytes_of_text(field ? field->name : ""));
    out->department = arena_text(mem, bytes_of_text(by));
    out->file_time = timestamp_of(mem, from->filed_us);
    out->state = state_of(from);
    if (from->state != CORRECTION_PENDING) {
        out->decided_by = arena_text(mem, bytes_of_text(decider));
        if (!(out->decide_time = timestamp_of(mem, from->decided_us)) || !out->decided_by) return false;
    }
    return out->name && out->token && out->field && out->department && out->file_time;
}

static vault_code show_wanted(Vault__V1__Correction *out, session *s, item *it, size_t at)
{
    const record_item *named = it->named;
    correction_text wanted;
    if (!named->plain || !named->plain[at].given || named->rows[at].state != CORRECTION_PENDING) return VAULT_OK;
    VAULT_TRY(correction_open(&wanted, s->cabinet, &it->record, &named->rows[at], &named->plain[at], &it->err));
    out->value = (char *)(uintptr_t)wanted.text.at;
    return VAULT_OK;
}

static bool is_told(const record_item *named, const correction_row *from)
{
    return from->field > 0 && from->field < POLICY_FIELDS_MAX && field_set_has(named->told, (unsigned)from->field);
}

vault_code item_correction(session *s, item *it, size_t at)
{
    record_item *named = it->named;
    const correction_row *from = &named->rows[at];
    arena *mem = it->call->rq->mem;
    if (!is_told(named, from)) return VAULT_OK;
    VAULT_TRY(correction_check(s->cabinet, &it->record, from, &it->err));
    Vault__V1__Correction *out = MESSAGE(mem, Vault__V1__Correction, vault__v1__correction__init);
    if (!named->corrections) named->corrections = arena_array(mem, named->row_count, sizeof *named->corrections);
    if (!out || !named->corrections || !describe_row(out, s, it, from))
        return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a correction");
    VAULT_TRY(show_wanted(out, s, it, at));
    named->corrections[named->correction_count++] = out;
    return VAULT_OK;
}

vault_code corrections_look(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        record_item *named = items[i]->named;
        const correction_range range = {
            .resident = items[i]->id.id, .after = named->after, .limit = named->limit ? named->limit : RECORD_MOST};
        named->corrections = NULL;
        named->correction_count = 0;
        VAULT_TRY(store_corrections_of(s->store, s->mem, &range, &named->rows, &named->row_count, err));
    }
    return VAULT_OK;
}

/* ---- who may know ---- */

grant item_ask(session *s, item *it, const policy_facts *facts)
{
    admission a = policy_admit(s->manifest->policy, facts);
    return policy_decide(s->manifest->policy, &a, facts, item_facts_at(s, it, &a, facts, item_area(it)));
}

static bool admit(session *s, call *c, policy_action action, policy_form form, const schema_field *f)
{
    const policy_facts facts = call_asks(c, action, form, only_field(f->number));
    return call_admit(s, c, &facts);
}

void call_admit_owner(session *s, call *c, field_set *fields)
{
    const schema *all = &s->manifest->schema;
    c->admission = (admission){.failed = CLAUSE_PURPOSE};
    for (size_t i = 0; i < all->count; i++) {
        const schema_field *f = &all->fields[i];
        if (f->owner_no == c->caller->department_no && admit(s, c, POLICY_PUT, FORM_PLAIN, f))
            field_set_add(fields, f->number);
    }
}

static void admit_anyone(session *s, call *c)
{
    const schema *all = &s->manifest->schema;
    c->admission = (admission){.failed = CLAUSE_PURPOSE};
    for (size_t i = 0; i < all->count && c->admission.failed != CLAUSE_NONE; i++)
        if (!admit(s, c, POLICY_PUT, FORM_PLAIN, &all->fields[i]))
            (void)admit(s, c, POLICY_REVEAL, FORM_MASKED, &all->fields[i]);
}

/* The grant under which a correction of the field may be known: to whoever may put it; and of a record that the caller
 * has named, to whoever may see it, be it masked. */
static grant may_know(session *s, item *it, const schema_field *f)
{
    const policy_facts put = call_asks(it->call, POLICY_PUT, FORM_PLAIN, only_field(f->number));
    const policy_facts see = call_asks(it->call, POLICY_REVEAL, FORM_MASKED, only_field(f->number));
    grant g = item_ask(s, it, &put);
    return g.given || !it->named->token ? g : item_ask(s, it, &see);
}

/* Wanted values are for the owner, who may see the field in full. */
static vault_code judge_values(session *s, item *it)
{
    const call *c = it->call;
    record_item *named = it->named;
    named->plain = arena_array(s->mem, named->row_count + 1, sizeof *named->plain);
    if (!named->plain) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for grants");
    for (size_t i = 0; i < named->row_count; i++) {
        const correction_row *from = &named->rows[i];
        const schema_field *f =
            is_told(named, from) ? schema_number(&s->manifest->schema, (unsigned)from->field) : NULL;
        if (!f || f->owner_no != c->caller->department_no || from->state != CORRECTION_PENDING) continue;
        const policy_facts see = call_asks(c, POLICY_REVEAL, FORM_PLAIN, only_field(f->number));
        named->plain[i] = item_ask(s, it, &see);
        if (!named->plain[i].given) continue;
        it->grant = named->plain[i];
        it->form = policy_form_name(FORM_PLAIN);
    }
    return VAULT_OK;
}

static vault_code name_told(session *s, item *it, const collection *of)
{
    field_names names;
    field_set shown = {0};
    for (size_t i = 0; i < it->named->row_count; i++)
        if (is_told(it->named, &it->named->rows[i])) field_set_add(&shown, (unsigned)it->named->rows[i].field);
    VAULT_TRY(describe_fields(&names, s->mem, of, shown, &it->err));
    it->fields = names.fields;
    it->groups = names.groups;
    return VAULT_OK;
}

static const Vault__V1__ListCorrectionsRequest *asked_of(const call *c)
{
    return (const void *)c->rq->in;
}

/* Of a record that was named all fields are asked for, whether it has corrections or not; of one that waits, its own.
 */
static vault_code judge_listed(session *s, item *it)
{
    record_item *named = it->named;
    const collection *of = schema_collection_number(&s->manifest->schema, (unsigned)it->record.row->collection);
    named->told = (field_set){0};
    for (size_t i = 0; of && i < of->count; i++) {
        const schema_field *f = of->fields[i];
        if (!named->token && f->number != (unsigned)named->rows[0].field) continue;
        grant g = may_know(s, it, f);
        if (!g.given) continue;
        field_set_add(&named->told, f->number);
        if (!it->grant.given) it->grant = g;
    }
    if (!it->grant.given) return refuse_clause(&it->err, CLAUSE_RESIDENT);
    it->form = policy_form_name(FORM_NOTHING);
    if (asked_of(it->call)->show_values) VAULT_TRY(judge_values(s, it));
    return name_told(s, it, of);
}

static vault_code tell_listed(session *s, item *it)
{
    record_item *named = it->named;
    named->corrections = NULL;
    named->correction_count = 0;
    if (!named->token) VAULT_TRY(item_issue(s, it));
    for (size_t i = 0; i < named->row_count; i++) VAULT_TRY(item_correction(s, it, i));
    return VAULT_OK;
}

static const item_kind OF_RECORD = {
    .one_snapshot = true, .look = corrections_look, .judge = judge_listed, .finish = tell_listed};

/* A request may have come under another key since it was listed: it is read again, together with its record. */
static vault_code look_again(session *s, item **items, size_t count, vault_error *err)
{
    int64_t *numbers = arena_array(s->mem, count, sizeof *numbers);
    correction_row *rows = arena_array(s->mem, count, sizeof *rows);
    if (!numbers || !rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for corrections");
    for (size_t i = 0; i < count; i++) numbers[i] = items[i]->named->rows[0].number;
    VAULT_TRY(store_corrections_by_number(s->store, s->mem, numbers, count, rows, err));
    for (size_t i = 0; i < count; i++)
        if (rows[i].found) items[i]->named->rows = &rows[i];
    return VAULT_OK;
}

static const item_kind WAITING = {
    .one_snapshot = true, .look = look_again, .judge = judge_listed, .finish = tell_listed};

/* ---- pages ---- */

typedef struct listing {
    digest conditions;
    int64_t after;
    size_t limit;
    bool more;
    char *next;
} listing;

static vault_code read_listing(session *s, call *c)
{
    const Vault__V1__ListCorrectionsRequest *in = asked_of(c);
    listing *l = c->listing = arena_alloc(s->mem, sizeof *l);
    const uint8_t values = in->show_values ? 1 : 0;
    const bytes parts[] = {bytes_of(&values, 1), bytes_of_text(in->parent)};
    bytes place;
    if (!l) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a page");
    if (in->page_size < 0 || in->page_size > PAGE_MOST) return refuse_at(&c->rq->err, "OUT_OF_RANGE", "page_size", -1);
    l->limit = in->page_size ? (size_t)in->page_size : PAGE_USUAL;
    l->conditions = sha256_parts(parts, 2);
    VAULT_TRY(page_open(&place, s, c, in->page_token, &l->conditions));
    if (place.len != 0 && place.len != 8) return refuse_at(&c->rq->err, "BAD_PAGE_TOKEN", "page_token", -1);
    if (place.len == 8) l->after = (int64_t)load_u64(place.at);
    return VAULT_OK;
}

/* ---- those that wait ---- */

typedef struct queue {
    session *s;
    call *c;
    int16_t fields[POLICY_FIELDS_MAX];
    size_t field_count;
    correction_row *kept; /* room for the page */
    size_t count;
} queue;

/* By the area as the row says: what is kept is proven, and judged again, before anything of it is told. */
static bool may_decide(const queue *q, const resident_row *of, const correction_row *from)
{
    const policy *rules = q->s->manifest->policy;
    const policy_facts put = call_asks(q->c, POLICY_PUT, FORM_PLAIN, only_field((unsigned)from->field));
    admission a = policy_admit(rules, &put);
    bool live = of->found && of->state == RECORD_LIVE && !canary_hidden(q->s, q->c, of->id);
    return policy_decide(rules, &a, &put, (policy_resident){.area = {live ? of->area : 0}}).given;
}

/* One look at the queue: those of other areas are left out. However small the page is the look is wide, so that pages
 * with few on them do not tell how many wait elsewhere. */
static vault_code scan(queue *q, vault_error *err)
{
    session *s = q->s;
    listing *l = q->c->listing;
    const correction_range range = {
        .fields = q->fields, .field_count = q->field_count, .after = l->after, .limit = PAGE_MOST};
    correction_row *found = NULL;
    size_t count = 0;
    VAULT_TRY(store_corrections_pending(s->store, s->mem, &range, &found, &count, err));
    int64_t *ids = arena_array(s->mem, count + 1, sizeof *ids);
    resident_row *rows = arena_array(s->mem, count + 1, sizeof *rows);
    if (!ids || !rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a page");
    for (size_t i = 0; i < count; i++) ids[i] = found[i].resident;
    VAULT_TRY(store_residents_by_id(s->store, s->mem, ids, count, rows, err));
    l->more = count == PAGE_MOST;
    for (size_t i = 0; i < count && q->count < l->limit; i++) {
        if (may_decide(q, &rows[i], &found[i])) q->kept[q->count++] = found[i];
        l->after = found[i].number;
        if (q->count == l->limit) l->more |= i + 1 < count;
    }
    return VAULT_OK;
}

static vault_code make_waiting(queue *q, vault_error *err)
{
    call *c = q->c;
    VAULT_TRY(call_make_items(q->s, c, q->count, err));
    record_item *named = arena_array(q->s->mem, q->count + 1, sizeof *named);
    if (!named) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a page");
    for (size_t i = 0; i < q->count; i++) {
        named[i].rows = &q->kept[i];
        named[i].row_count = 1;
        c->items[i].named = &named[i];
        c->items[i].id.id = q->kept[i].resident;
    }
    return VAULT_OK;
}

/* A page with nobody on it, too, is a line. */
static vault_code read_waiting(session *s, call *c)
{
    vault_error *err = &c->rq->err;
    queue q = {.s = s, .c = c, .kept = arena_array(s->mem, c->listing->limit, sizeof *q.kept)};
    field_set fields = {0};
    if (!q.kept) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a page");
    call_admit_owner(s, c, &fields);
    for (unsigned f = 1; f < POLICY_FIELDS_MAX; f++)
        if (field_set_has(fields, f)) q.fields[q.field_count++] = (int16_t)f;
    if (!call_domain(s, c, 0)) c->admission.failed = CLAUSE_PURPOSE;
    if (c->admission.failed != CLAUSE_NONE) {
        (void)refuse_clause(err, c->admission.failed);
        return write_call_line(s, c, &(line_facts){0});
    }
    c->listing->more = true;
    for (int i = 0; i < SCANS_MOST && c->listing->more && q.count < c->listing->limit; i++) VAULT_TRY(scan(&q, err));
    return q.count ? make_waiting(&q, err) : write_call_line(s, c, &(line_facts){0});
}

static vault_code read_record(session *s, call *c)
{
    admit_anyone(s, c);
    if (call_record(s, c, asked_of(c)->parent, "parent") != VAULT_OK) return VAULT_OK; /* the item's */
    c->items[0].named->after = c->listing->after;
    c->items[0].named->limit = c->listing->limit;
    return VAULT_OK;
}

/* ---- ListCorrections ---- */

static vault_code close_page(session *s, call *c)
{
    listing *l = c->listing;
    uint8_t place[8];
    const item *it = c->items;
    if (asked_of(c)->parent[0] && it->err.code == VAULT_OK && it->named->row_count == l->limit) {
        l->more = true;
        l->after = it->named->rows[l->limit - 1].number;
    }
    if (!l->more) return VAULT_OK;
    store_u64(place, (uint64_t)l->after);
    return page_seal(&l->next, s, c, &l->conditions, bytes_of(place, sizeof place));
}

/* A row that waits and does not open is left out: it has a line, and the operator was told. */
static void answer_list(call *c)
{
    arena *mem = c->rq->mem;
    size_t total = 0;
    if (asked_of(c)->parent[0]) c->rq->err = c->items[0].err;
    Vault__V1__ListCorrectionsResponse *out =
        MESSAGE(mem, Vault__V1__ListCorrectionsResponse, vault__v1__list_corrections_response__init);
    for (size_t i = 0; i < c->item_count; i++) total += c->items[i].named->correction_count;
    if (!out || c->rq->err.code != VAULT_OK) return;
    if (!(out->corrections = arena_array(mem, total + 1, sizeof *out->corrections))) return;
    for (size_t i = 0; i < c->item_count; i++) {
        const item *it = &c->items[i];
        for (size_t k = 0; it->err.code == VAULT_OK && k < it->named->correction_count; k++)
            out->corrections[out->n_corrections++] = it->named->corrections[k];
    }
    out->next_page_token = lent(c->listing->next);
    c->rq->out = &out->base;
}

static void list_one(session *s, call *c)
{
    if (read_listing(s, c) != VAULT_OK) return;
    bool of_record = asked_of(c)->parent[0] != 0;
    if ((of_record ? read_record(s, c) : read_waiting(s, c)) != VAULT_OK || s->moved) return;
    batch_run(s, of_record ? &OF_RECORD : &WAITING, &c, 1);
    if (!s->moved && c->rq->err.code == VAULT_OK) (void)close_page(s, c);
}

void records_list_corrections(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) list_one(s, calls[i]);
    call_answers(s, calls, count, answer_list);
}

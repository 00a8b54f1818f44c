/* Records.BatchDecideCorrections. The department that owns a field says what becomes of a request: accepted, the wanted
 * value is the field's from then on, as the owner's own word; declined, the field stays. Either way the request's value
 * is gone afterwards. The record, the request and the line are of one transaction. */
#include "vault/service/internal.h"

#include "vault/base/log.h"

#include <stdio.h>
#include <string.h>

static const char PREFIX[] = "corrections/";

/* ---- what a call brings ---- */

/* The number of "corrections/123"; 0 for what is no such name. */
static int64_t number_of_name(const char *name)
{
    enum { DIGITS_MOST = 18 };
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0) return 0;
    const char *digits = name + sizeof PREFIX - 1;
    size_t len = strspn(digits, "0123456789");
    if (digits[len] || len < 1 || len > DIGITS_MOST + 1 || digits[0] == '0') return 0;
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++) number = number * 10 + (uint64_t)(digits[i] - '0');
    return number <= INT64_MAX ? (int64_t)number : 0;
}

static vault_code refuse_name(item *it, const char *reason)
{
    char path[48];
    snprintf(path, sizeof path, "decisions[%zu].name", it->index);
    return refuse_at(&it->err, reason, path, -1);
}

static vault_code read_decisions(call *c, record_item *named, put_item *puts, correction_row *rows)
{
    const Vault__V1__BatchDecideCorrectionsRequest *in = (const void *)c->rq->in;
    for (size_t i = 0; i < c->item_count; i++) {
        item *it = &c->items[i];
        it->named = &named[i];
        it->put = &puts[i];
        named[i].decision = in->decisions[i];
        named[i].rows = &rows[i];
        named[i].row_count = 1;
        rows[i].number = number_of_name(in->decisions[i]->name);
        if (rows[i].number == 0) (void)refuse_name(it, "BAD_NAME");
    }
    return VAULT_OK;
}

/* Reads the requests anew, and with them whose record it is. */
static vault_code look(session *s, item **items, size_t count, vault_error *err)
{
    int64_t *numbers = arena_array(s->mem, count, sizeof *numbers);
    correction_row *rows = arena_array(s->mem, count, sizeof *rows);
    if (!numbers || !rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for decisions");
    for (size_t i = 0; i < count; i++) numbers[i] = items[i]->named->rows[0].number;
    VAULT_TRY(store_corrections_by_number(s->store, s->mem, numbers, count, rows, err));
    for (size_t i = 0; i < count; i++) {
        items[i]->named->rows[0] = rows[i];
        items[i]->id.id = rows[i].found ? rows[i].resident : 0;
    }
    return VAULT_OK;
}

static vault_code read_call(session *s, call *c)
{
    const Vault__V1__BatchDecideCorrectionsRequest *in = (const void *)c->rq->in;
    vault_error *err = &c->rq->err;
    field_set owned = {0};
    c->want_receipt = in->want_receipt;
    VAULT_TRY(call_items(s, c, in->n_decisions, "decisions", err));
    call_admit_owner(s, c, &owned);
    record_item *named = arena_array(s->mem, c->item_count, sizeof *named);
    put_item *puts = arena_array(s->mem, c->item_count, sizeof *puts);
    correction_row *rows = arena_array(s->mem, c->item_count, sizeof *rows);
    item **all = arena_array(s->mem, c->item_count, sizeof *all);
    if (!named || !puts || !rows || !all) return vault_fail(err, VAULT_EXHAUSTED, "no memory for decisions");
    VAULT_TRY(read_decisions(c, named, puts, rows));
    for (size_t i = 0; i < c->item_count; i++) all[i] = &c->items[i];
    return look(s, all, c->item_count, err); /* whose they are: no two of one resident in a transaction */
}

/* ---- judging ---- */

/* An unknown one, another department's, and one of a resident elsewhere are alike. */
static vault_code refuse_unknown(item *it)
{
    return vault_refuse(&it->err, VAULT_NOT_FOUND, "CORRECTION_UNKNOWN", "");
}

static const schema_field *field_of(session *s, const item *it)
{
    const correction_row *from = &it->named->rows[0];
    const schema_field *f = from->found ? schema_number(&s->manifest->schema, (unsigned)from->field) : NULL;
    bool yours = f && f->owner_no == it->call->caller->department_no;
    return yours && it->record.genuine && it->row->collection == (int16_t)f->collection->number ? f : NULL;
}

/* Where the record will be: a division without its grid, where it moves; else as it is. */
static vault_code place_after(item *it, const input_field *f)
{
    const collection *of = f->field->collection;
    int64_t stored = it->row->area, number = number_of_digits(f->text);
    it->put->in.area.code = stored;
    if (f->field == of->area && number != stored / GRIDS) it->put->in.area.code = number * GRIDS;
    if (f->field != of->grid) return VAULT_OK;
    it->put->in.area.code = number;
    return number / GRIDS == stored / GRIDS ? VAULT_OK : refuse_name(it, "GRID_NOT_IN_AREA");
}

/* The wanted value, as its owner would put it. */
static vault_code take_over(session *s, item *it, const schema_field *f, const policy_facts *facts)
{
    const record_item *named = it->named;
    input_field *wanted = arena_alloc(s->mem, sizeof *wanted);
    correction_text text;
    if (!wanted) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a value");
    VAULT_TRY(correction_open(&text, s->cabinet, &it->record, &named->rows[0], &it->grant, &it->err));
    *wanted = (input_field){.field = f, .text = text.text};
    it->put->in = (record_input){.collection = f->collection,
                                 .fields = wanted,
                                 .count = 1,
                                 .department = (uint16_t)it->call->caller->department_no,
                                 .collected = text.collected};
    VAULT_TRY(place_after(it, wanted));
    admission a = policy_admit(s->manifest->policy, facts);
    grant there = policy_decide(s->manifest->policy, &a, facts, item_facts_at(s, it, &a, facts, it->put->in.area));
    return there.given ? VAULT_OK : refuse_clause(&it->err, there.failed);
}

static vault_code judge_decision(session *s, item *it)
{
    const correction_row *from = &it->named->rows[0];
    const schema_field *f = field_of(s, it);
    bool accept = it->named->decision->accept;
    const policy_facts facts = call_asks(it->call, POLICY_PUT, FORM_PLAIN, only_field(f ? f->number : 0));
    grant g = item_ask(s, it, &facts);
    if (!f || !g.given) return refuse_unknown(it);
    it->fields = f->name;
    it->groups = f->group;
    it->form = accept ? "accepted" : "declined";
    if (correction_check(s->cabinet, &it->record, from, &it->err) != VAULT_OK) {
        session_damage(s, &it->err);
        return it->err.code;
    }
    if (from->state != CORRECTION_PENDING) return vault_refuse(&it->err, VAULT_CONFLICT, "ALREADY_DECIDED", "");
    it->grant = g;
    return accept ? take_over(s, it, f, &facts) : VAULT_OK;
}

/* ---- rows ---- */

static vault_code decide_one(session *s, item *it)
{
    put_item *put = it->put;
    const correction_verdict how = {.state = it->named->decision->accept ? CORRECTION_ACCEPTED : CORRECTION_DECLINED,
                                    .decider = (uint16_t)it->call->caller->department_no};
    put->merged = (record_merged){.unchanged = true};
    VAULT_TRY(correction_decide(&it->named->decided, s->cabinet, &it->record, &it->named->rows[0], &how, &it->err));
    if (!it->named->decision->accept) return VAULT_OK;
    VAULT_TRY(record_merge(&put->merged, &put->next, s->cabinet, &it->record, &put->in, &it->err));
    if (!put->merged.unchanged) it->record.row = &put->next;
    return VAULT_OK;
}

/* A record that cannot take the value, or does not open, is the item's own affair; all else is the part's. */
static vault_code prepare(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        item *it = items[i];
        if (it->err.code != VAULT_OK) continue;
        vault_code code = decide_one(s, it);
        if (code == VAULT_INTEGRITY) session_damage(s, &it->err);
        if (code == VAULT_OK || code == VAULT_INTEGRITY || code == VAULT_INVALID) continue;
        *err = it->err;
        return code;
    }
    return VAULT_OK;
}

static vault_code write_decided(session *s, item **items, size_t count, vault_error *err)
{
    size_t updated = 0, decided = 0;
    resident_row *rows = arena_array(s->mem, count, sizeof *rows);
    correction_row *corrections = arena_array(s->mem, count, sizeof *corrections);
    if (!rows || !corrections) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    for (size_t i = 0; i < count; i++) {
        if (items[i]->err.code != VAULT_OK) continue;
        corrections[decided++] = items[i]->named->decided;
        if (!items[i]->put->merged.unchanged) rows[updated++] = items[i]->put->next;
    }
    VAULT_TRY(put_hold(s, items, count, err));
    VAULT_TRY(store_residents_update(s->store, s->mem, rows, updated, err));
    return store_corrections_decide(s->store, s->mem, corrections, decided, err);
}

static row_change change_of(const item *it)
{
    const put_item *put = it->put;
    if (it->err.code != VAULT_OK || put->merged.unchanged) return (row_change){0};
    return (row_change){.row = &put->next, .was = put->next.was};
}

static const item_kind DECIDE = {.one_snapshot = true,
                                 .look = look,
                                 .judge = judge_decision,
                                 .prepare = prepare,
                                 .write = write_decided,
                                 .change = change_of};

/* ---- the answer ---- */

static bool fill(void *result, const item *it)
{
    ((Vault__V1__DecideResult *)result)->record_version = it->version;
    return true;
}

static const batch_shape DECIDE_ANSWER = {.response = &vault__v1__batch_decide_corrections_response__descriptor,
                                          .fill = fill};

void records_batch_decide_corrections(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)read_call(s, calls[i]);
    batch_run(s, &DECIDE, calls, count);
    batch_answers(s, calls, count, &DECIDE_ANSWER);
}

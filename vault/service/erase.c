/* Records.Erase: a resident's keys, row, search terms and corrections are destroyed, with a line and a link of the
 * erasure chain, in one transaction. Its tokens are nobody's from then on. Where a law still wants the record kept it
 * is restricted instead: to every caller the same as gone. */
#include "vault/service/internal.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

struct erase_item {
    bool restricts;
    resident_row next; /* of a record that is restricted */
};

/* ---- what a call brings ---- */

/* A token does not say of which collection its resident is: a rule for any of them lets the call in. */
void call_admit_whole(session *s, call *c, policy_action action)
{
    const schema *of = &s->manifest->schema;
    c->form = policy_form_name(FORM_NOTHING);
    c->admission.failed = CLAUSE_PURPOSE;
    for (size_t i = 0; i < of->collection_count && c->admission.failed != CLAUSE_NONE; i++) {
        const policy_facts facts =
            call_asks(c, action, FORM_NOTHING, only_field(of->collections[i].natural_key->number));
        (void)call_admit(s, c, &facts);
    }
}

static vault_code ask_erase(session *s, call *c)
{
    const Vault__V1__EraseRequest *in = (const void *)c->rq->in;
    vault_error *err = &c->rq->err;
    c->want_receipt = in->want_receipt;
    call_admit_whole(s, c, POLICY_ERASE);
    if (in->n_tokens > BATCH_ITEMS) return refuse_at(err, "TOO_MANY", "tokens", -1);
    VAULT_TRY(call_items(s, c, in->n_tokens, "tokens", err));
    struct erase_item *erases = arena_array(s->mem, c->item_count, sizeof *erases);
    if (!erases) return vault_fail(err, VAULT_EXHAUSTED, "no memory for erasures");
    for (size_t i = 0; i < c->item_count; i++) {
        c->items[i].erase = &erases[i];
        item_token(s, &c->items[i], in->tokens[i], "tokens", (long)i);
    }
    return VAULT_OK;
}

/* ---- judging ---- */

/* By the rule for its collection. Nobody, somebody elsewhere and somebody of another collection are alike. */
grant item_ask_whole(session *s, item *it, policy_action action)
{
    const schema *all = &s->manifest->schema;
    const collection *of =
        it->record.genuine ? schema_collection_number(all, (unsigned)it->row->collection) : &all->collections[0];
    if (!of) return (grant){.failed = CLAUSE_RESIDENT};
    const policy_facts facts = call_asks(it->call, action, FORM_NOTHING, only_field(of->natural_key->number));
    return item_ask(s, it, &facts);
}

static vault_code judge(session *s, item *it)
{
    it->action = 0;
    it->grant = item_ask_whole(s, it, POLICY_ERASE);
    return it->grant.given ? VAULT_OK : refuse_clause(&it->err, CLAUSE_RESIDENT);
}

/* ---- rows ---- */

static vault_code prepare_one(session *s, item *it)
{
    record_age age;
    const collection *of = schema_collection_number(&s->manifest->schema, (unsigned)it->row->collection);
    uint32_t today = clock_shanghai_date(it->call->now_us);
    VAULT_TRY(record_due(&age, &it->record, of, today, &it->err));
    it->erase->restricts = age.term_runs;
    if (!age.term_runs) return VAULT_OK;
    VAULT_TRY(record_restrict(&it->erase->next, s->cabinet, &it->record, &it->err));
    it->record.row = &it->erase->next;
    it->action = LINE_RESTRICT;
    return VAULT_OK;
}

/* A record that does not open is the item's own affair; all else is the part's. */
static vault_code prepare(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i]->err.code != VAULT_OK) continue;
        vault_code code = prepare_one(s, items[i]);
        if (code == VAULT_INTEGRITY) session_damage(s, &items[i]->err);
        if (code == VAULT_OK || code == VAULT_INTEGRITY) continue;
        *err = items[i]->err;
        return code;
    }
    return VAULT_OK;
}

static row_change change_of(const item *it)
{
    return (row_change){.row = it->erase->restricts ? &it->erase->next : NULL, .was = it->row};
}

static vault_code write(session *s, item **items, size_t count, vault_error *err)
{
    size_t gone = 0, kept = 0, all = 0;
    resident_row *erased = arena_array(s->mem, count, sizeof *erased);
    resident_row *restricted = arena_array(s->mem, count, sizeof *restricted);
    resident_row *both = arena_array(s->mem, count, sizeof *both);
    if (!erased || !restricted || !both) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    for (size_t i = 0; i < count; i++) {
        if (items[i]->err.code != VAULT_OK) continue;
        both[all++] = *items[i]->row;
        if (items[i]->erase->restricts)
            restricted[kept++] = items[i]->erase->next;
        else
            erased[gone++] = *items[i]->row;
    }
    if (gone && kept) VAULT_TRY(store_residents_hold(s->store, s->mem, both, all, err)); /* in one order */
    VAULT_TRY(store_residents_update(s->store, s->mem, restricted, kept, err));
    return store_residents_erase(s->store, s->mem, erased, gone, err);
}

static const item_kind ERASE = {.judge = judge, .prepare = prepare, .write = write, .change = change_of};

/* ---- the answer ---- */

static bool fill(void *result, const item *it)
{
    ((Vault__V1__EraseResult *)result)->restricted = it->erase->restricts;
    return true;
}

static const batch_shape ANSWER = {.response = &vault__v1__erase_response__descriptor, .fill = fill};

void records_erase(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)ask_erase(s, calls[i]);
    batch_run(s, &ERASE, calls, count);
    batch_answers(s, calls, count, &ANSWER);
}

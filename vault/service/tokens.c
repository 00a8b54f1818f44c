/* Tokens: issue and reveal. */
#include "vault/service/internal.h"

#include <string.h>

/* ---- reveal ---- */

static vault_code open_values(session *s, item *it)
{
    size_t count = it->call->mask_count;
    it->values = arena_array(it->call->rq->mem, count, sizeof *it->values);
    if (!it->values) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for values");
    for (size_t i = 0; i < count; i++) VAULT_TRY(item_value(&it->values[i], s, it, it->call->mask[i]));
    it->terms = item_terms(s, it);
    return it->terms ? VAULT_OK : vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for terms");
}

static vault_code ask_values(session *s, call *c, const Google__Protobuf__FieldMask *fields, Vault__V1__Form form)
{
    return form == VAULT__V1__FORM__FORM_STRONGEST ? call_strongest(s, c, fields) : call_reveal(s, c, fields, form);
}

static vault_code judge_reveal(session *s, item *it)
{
    return it->call->strongest ? judge_strongest(s, it) : judge_by_area(s, it);
}

static const item_kind REVEAL = {.judge = judge_reveal, .finish = open_values};

static void answer_reveal(call *c)
{
    request *rq = c->rq;
    const item *it = &c->items[0];
    rq->err = it->err;
    Vault__V1__RevealResponse *out = MESSAGE(rq->mem, Vault__V1__RevealResponse, vault__v1__reveal_response__init);
    if (!out || it->err.code != VAULT_OK) return;
    out->n_values = c->mask_count;
    out->values = it->values;
    out->record_version = it->version;
    out->receipt = c->receipt_count ? c->receipts[0] : NULL;
    out->terms = it->terms;
    rq->out = &out->base;
}

void tokens_reveal(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        call *c = calls[i];
        const Vault__V1__RevealRequest *in = (const void *)c->rq->in;
        c->want_receipt = in->want_receipt;
        if (ask_values(s, c, in->field_mask, in->form) != VAULT_OK ||
            call_items(s, c, 1, "token", &c->rq->err) != VAULT_OK)
            continue;
        item_token(s, &c->items[0], in->token, "token", -1);
    }
    batch_run(s, &REVEAL, calls, count);
    call_answers(s, calls, count, answer_reveal);
}

static bool fill_reveal(void *result, const item *it)
{
    Vault__V1__RevealResult *out = result;
    out->n_values = it->call->mask_count;
    out->values = it->values;
    out->record_version = it->version;
    out->terms = it->terms;
    return true;
}

static const batch_shape REVEAL_ANSWER = {.response = &vault__v1__batch_reveal_response__descriptor,
                                          .fill = fill_reveal};

void tokens_batch_reveal(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        call *c = calls[i];
        const Vault__V1__BatchRevealRequest *in = (const void *)c->rq->in;
        c->want_receipt = in->want_receipt;
        if (ask_values(s, c, in->field_mask, in->form) != VAULT_OK ||
            call_items(s, c, in->n_tokens, "tokens", &c->rq->err) != VAULT_OK)
            continue;
        for (size_t j = 0; j < in->n_tokens; j++) item_token(s, &c->items[j], in->tokens[j], "tokens", (long)j);
    }
    batch_run(s, &REVEAL, calls, count);
    batch_answers(s, calls, count, &REVEAL_ANSWER);
}

/* ---- issue ---- */

static vault_code read_value(session *s, item *it, const schema_field *by, const char *text)
{
    bytes canonical;
    VAULT_TRY(unique_read(&canonical, s, it, by, text));
    if (by == by->collection->natural_key) return item_natural_key(s, it, by->collection, canonical);
    return unique_add(it->unique, s, canonical, &it->err);
}

static const item_kind ISSUE = {.by_natural_key = true, .judge = judge_by_area, .finish = item_issue};
static const item_kind ISSUE_BY_FIELD = {.look = unique_look, .judge = unique_judge, .finish = item_issue};

static bool fill_issue(void *result, const item *it)
{
    ((Vault__V1__IssueResult *)result)->token = lent(it->text);
    return true;
}

static const batch_shape ISSUE_ANSWER = {.response = &vault__v1__batch_issue_response__descriptor, .fill = fill_issue};

static vault_code find_field(session *s, call *c, const schema_field **by, const Vault__V1__BatchIssueRequest *in)
{
    vault_error *err = &c->rq->err;
    c->collection = schema_collection(&s->manifest->schema, in->collection[0] ? in->collection : "residents");
    if (!c->collection) return refuse_at(err, "UNKNOWN_COLLECTION", "collection", -1);
    *by = in->field[0] ? schema_find(&s->manifest->schema, bytes_of_text(in->field)) : c->collection->natural_key;
    if (!*by || (*by)->collection != c->collection) return refuse_at(err, "UNKNOWN_FIELD", "field", -1);
    return field_is_unique(*by) ? VAULT_OK : refuse_at(err, "NOT_UNIQUE", "field", -1);
}

/* An issue asks for no value; the field is the one that it goes by. */
static vault_code ask_issue(session *s, call *c)
{
    const Vault__V1__BatchIssueRequest *in = (const void *)c->rq->in;
    const schema_field *by = NULL;
    c->want_receipt = in->want_receipt;
    VAULT_TRY(find_field(s, c, &by, in));
    field_set_add(&c->facts.fields, by->number);
    c->fields = by->name;
    c->groups = by->group;
    call_admission(s, c, POLICY_ISSUE, FORM_NOTHING);
    VAULT_TRY(call_items(s, c, in->n_values, "values", &c->rq->err));
    for (size_t i = 0; i < in->n_values; i++) (void)read_value(s, &c->items[i], by, in->values[i]);
    return VAULT_OK;
}

/* Rows come by natural key or by id: calls of both kinds do not mix in a part. */
void tokens_batch_issue(session *s, call **calls, size_t count)
{
    call **by_key = arena_array(s->mem, count, sizeof *by_key),
         **by_field = arena_array(s->mem, count, sizeof *by_field);
    size_t keys = 0, fields = 0;
    cabinet_use(s->cabinet, s->mem);
    for (size_t i = 0; i < count; i++) {
        call *c = calls[i];
        if (!by_key || !by_field)
            (void)vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for calls");
        else if (ask_issue(s, c) != VAULT_OK)
            continue;
        else if (field_set_has(c->facts.fields, c->collection->natural_key->number))
            by_key[keys++] = c;
        else
            by_field[fields++] = c;
    }
    batch_run(s, &ISSUE, by_key, keys);
    batch_run(s, &ISSUE_BY_FIELD, by_field, fields);
    batch_answers(s, calls, count, &ISSUE_ANSWER);
}

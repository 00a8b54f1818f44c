/* Tokens.BatchRestore: the values behind format-preserving tokens of the caller's own domain.
 *
 * Such a token carries no epoch, and every text of the format is the token of some value. So it is taken back under
 * each of the epochs whose tokens are taken, and counts for the resident who has one of these values, if just one
 * resident has: a token of an old epoch must not lead to a stranger who happens to have what it means in the new one.
 */
#include "vault/service/internal.h"

/* Every number is a token of some value: who may not ask for pseudonyms by values must not get them by trying numbers.
 */
static bool may_issue(session *s, item *it)
{
    const policy_facts facts = call_asks(it->call, POLICY_ISSUE, FORM_NOTHING, it->call->facts.fields);
    return item_ask(s, it, &facts).given;
}

/* Both before the lines: a consent that the token rests on is held while they are written. A text says that it may be
 * had. */
static vault_code judge(session *s, item *it)
{
    it->text = NULL;
    VAULT_TRY(unique_judge(s, it));
    if (may_issue(s, it)) it->text = "";
    return VAULT_OK;
}

static vault_code finish(session *s, item *it)
{
    bool issues = it->text != NULL;
    it->values = arena_array(it->call->rq->mem, 1, sizeof *it->values);
    if (!it->values) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a value");
    VAULT_TRY(item_value(&it->values[0], s, it, it->call->mask[0]));
    it->text = NULL;
    return issues ? item_issue(s, it) : VAULT_OK;
}

static const item_kind RESTORE = {.look = unique_look, .judge = judge, .finish = finish};

/* The values that a token may mean, newest epoch first. */
static vault_code take_back(session *s, item *it, bytes text)
{
    preserved from = {.domain = call_domain(s, it->call, 0), .field = it->call->mask[0], .text = text};
    uint32_t epochs[RING_VERSIONS_MAX];
    size_t count = cabinet_epochs(s->cabinet, from.domain, it->call->now_us, epochs);
    for (size_t i = 0; i < count; i++) {
        bytes plain;
        vault_error why = {0};
        from.epoch = epochs[i];
        vault_code code = cabinet_restore(s->cabinet, &plain, &from, &why);
        if (code == VAULT_INVALID) return refuse_at(&it->err, why.reason, "values", (long)it->index);
        if (code != VAULT_OK) return it->err = why, code;
        if (plain.len) VAULT_TRY(unique_add(it->unique, s, plain, &it->err));
    }
    return VAULT_OK;
}

static vault_code read_value(session *s, item *it, const char *text)
{
    bytes canonical;
    VAULT_TRY(unique_read(&canonical, s, it, it->call->mask[0], text));
    return take_back(s, it, canonical);
}

static vault_code find_field(session *s, call *c, const char *name)
{
    vault_error *err = &c->rq->err;
    const schema_field *field = schema_find(&s->manifest->schema, bytes_of_text(name));
    if (!name[0]) return refuse_at(err, "REQUIRED", "field", -1);
    if (!field) return refuse_at(err, "UNKNOWN_FIELD", "field", -1);
    if (!field->token) return refuse_at(err, "NO_TOKEN_FORM", "field", -1);
    if (!field_is_unique(field)) return refuse_at(err, "NOT_UNIQUE", "field", -1);
    c->mask = arena_array(s->mem, 1, sizeof *c->mask);
    if (!c->mask) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a field");
    c->mask[c->mask_count++] = field;
    c->collection = field->collection;
    c->fields = field->name;
    c->groups = field->group;
    field_set_add(&c->facts.fields, field->number);
    return VAULT_OK;
}

/* What comes out is the value: it is judged as a reveal of it in plain form. */
static vault_code ask_restore(session *s, call *c)
{
    const Vault__V1__BatchRestoreRequest *in = (const void *)c->rq->in;
    c->want_receipt = in->want_receipt;
    VAULT_TRY(find_field(s, c, in->field));
    call_admission(s, c, POLICY_REVEAL, FORM_PLAIN);
    VAULT_TRY(call_items(s, c, in->n_values, "values", &c->rq->err));
    for (size_t i = 0; i < in->n_values; i++) (void)read_value(s, &c->items[i], in->values[i]);
    return VAULT_OK;
}

static bool fill(void *result, const item *it)
{
    Vault__V1__RestoreResult *out = result;
    out->value = it->values[0]->text;
    out->token = lent(it->text);
    return true;
}

static const batch_shape RESTORE_ANSWER = {.response = &vault__v1__batch_restore_response__descriptor, .fill = fill};

void tokens_batch_restore(session *s, call **calls, size_t count)
{
    cabinet_use(s->cabinet, s->mem);
    for (size_t i = 0; i < count; i++) (void)ask_restore(s, calls[i]);
    batch_run(s, &RESTORE, calls, count);
    batch_answers(s, calls, count, &RESTORE_ANSWER);
}

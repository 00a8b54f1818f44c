/* Values by token, for the reveals and for Records.Get: what is asked for, of whom, and what is handed out. */
#include "vault/service/internal.h"

/* The end of an epoch is known to whoever has one of its tokens, and says nothing of a resident. */
static vault_code resolve(session *s, item *it, const token *t)
{
    const domain *own = call_domain(s, it->call, t->domain);
    VAULT_TRY(cabinet_resolve(s->cabinet, &it->id, own, t, &it->err));
    epoch_state state = cabinet_epoch(s->cabinet, own, t->epoch, it->call->now_us);
    if (state != EPOCH_ENDED && state != EPOCH_DESTROYED) return VAULT_OK;
    it->id = (resident_id){0};
    return vault_refuse(&it->err, VAULT_PRECONDITION, "TOKEN_EPOCH_ENDED", "");
}

void item_token(session *s, item *it, const char *text, const char *list, long index)
{
    token t;
    vault_error why = {0};
    if (token_read(&t, bytes_of_text(text), &why) != VAULT_OK)
        (void)refuse_at(&it->err, why.reason, list, index);
    else
        (void)resolve(s, it, &t);
}

static vault_code check_token_form(const call *c, vault_error *err)
{
    for (size_t i = 0; i < c->mask_count; i++)
        if (!c->mask[i]->token) return refuse_at(err, "NO_TOKEN_FORM", "field_mask.paths", (long)i);
    return VAULT_OK;
}

/* Which of the fields asked for has a value that its token cannot be made of. */
static vault_code name_field(item *it, const schema_field *field)
{
    const call *c = it->call;
    const char *why = it->err.reason;
    long at = 0;
    while ((size_t)at + 1 < c->mask_count && c->mask[at] != field) at++;
    vault_error_clear(&it->err);
    return refuse_at(&it->err, why, "field_mask.paths", at);
}

vault_code call_reveal(session *s, call *c, const Google__Protobuf__FieldMask *fields, Vault__V1__Form form)
{
    static const policy_form forms[] = {[VAULT__V1__FORM__FORM_UNSPECIFIED] = FORM_PLAIN,
                                        [VAULT__V1__FORM__FORM_PLAIN] = FORM_PLAIN,
                                        [VAULT__V1__FORM__FORM_MASKED] = FORM_MASKED,
                                        [VAULT__V1__FORM__FORM_TOKEN] = FORM_TOKEN};
    if ((unsigned)form >= sizeof forms / sizeof *forms) return refuse_at(&c->rq->err, "OUT_OF_RANGE", "form", -1);
    VAULT_TRY(call_mask(s, c, fields, &c->rq->err));
    if (forms[form] == FORM_TOKEN) VAULT_TRY(check_token_form(c, &c->rq->err));
    call_admission(s, c, POLICY_REVEAL, forms[form]);
    return VAULT_OK;
}

vault_code item_value(Vault__V1__FieldValue **out, session *s, item *it, const schema_field *field)
{
    arena *mem = it->call->rq->mem;
    field_text opened;
    vault_code code = field_open(&opened, s->cabinet, &it->grant, &it->record, field, &it->err);
    if (code == VAULT_INVALID) return name_field(it, field);
    VAULT_TRY(code);
    Vault__V1__FieldValue *value = MESSAGE(mem, Vault__V1__FieldValue, vault__v1__field_value__init);
    if (!value) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a value");
    value->absent = opened.absent;
    if (!opened.absent) value->text = (char *)(uintptr_t)opened.text.at;
    *out = value;
    return VAULT_OK;
}

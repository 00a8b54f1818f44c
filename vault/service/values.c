/* Values by token, for the reveals and for Records.Get: what is asked for, of whom, and what is handed out. */
#include "vault/service/internal.h"

void item_token(session *s, item *it, const char *text, const char *list, long index)
{
    token t;
    vault_error why = {0};
    vault_code code = token_read(&t, bytes_of_text(text), &why);
    if (code == VAULT_OK) code = cabinet_resolve(s->cabinet, &it->id, call_domain(s, it->call, t.domain), &t, &it->err);
    if (code == VAULT_INVALID) (void)refuse_at(&it->err, why.reason, list, index);
}

vault_code call_reveal(session *s, call *c, const Google__Protobuf__FieldMask *fields, Vault__V1__Form form)
{
    bool masked = form == VAULT__V1__FORM__FORM_MASKED;
    if (!masked && form != VAULT__V1__FORM__FORM_UNSPECIFIED && form != VAULT__V1__FORM__FORM_PLAIN)
        return refuse_at(&c->rq->err, "OUT_OF_RANGE", "form", -1);
    VAULT_TRY(call_mask(s, c, fields, &c->rq->err));
    call_admission(s, c, POLICY_REVEAL, masked ? FORM_MASKED : FORM_PLAIN);
    return VAULT_OK;
}

vault_code item_value(Vault__V1__FieldValue **out, session *s, item *it, const schema_field *field)
{
    arena *mem = it->call->rq->mem;
    field_text opened;
    VAULT_TRY(field_open(&opened, s->cabinet, &it->grant, &it->record, field, &it->err));
    Vault__V1__FieldValue *value = MESSAGE(mem, Vault__V1__FieldValue, vault__v1__field_value__init);
    if (!value) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a value");
    value->absent = opened.absent;
    if (!opened.absent) value->text = (char *)(uintptr_t)opened.text.at;
    *out = value;
    return VAULT_OK;
}

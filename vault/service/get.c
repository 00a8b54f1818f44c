/* A record by its name: Get, and what Update, Export and the corrections of one record share with it. */
#include "vault/service/internal.h"

#include <string.h>

static const char PREFIX[] = "records/";

vault_code call_record(session *s, call *c, const char *name, const char *path)
{
    vault_error *err = &c->rq->err;
    VAULT_TRY(call_items(s, c, 1, path, err));
    item *it = &c->items[0];
    it->named = arena_alloc(s->mem, sizeof *it->named);
    if (!it->named) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a record");
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0) return refuse_at(&it->err, "BAD_NAME", path, -1);
    it->named->token = name + sizeof PREFIX - 1;
    item_token(s, it, it->named->token, path, -1);
    return it->err.code;
}

area_code item_area(const item *it)
{
    return (area_code){it->record.genuine && it->row->state == RECORD_LIVE ? it->row->area : 0};
}

vault_code item_named_value(session *s, item *it, const schema_field *field)
{
    arena *mem = it->call->rq->mem;
    field_source from;
    Vault__V1__NamedValue *out = MESSAGE(mem, Vault__V1__NamedValue, vault__v1__named_value__init);
    if (!out) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a value");
    VAULT_TRY(field_source_of(&from, &it->grant, &it->record, field, &it->err));
    VAULT_TRY(item_value(&out->value, s, it, field));
    out->field = arena_text(mem, bytes_of_text(field->name));
    if (!out->value->absent) {
        out->department = arena_text(mem, bytes_of_text(manifest_department(s->manifest, from.department)));
        out->collect_time = timestamp_of(mem, (int64_t)from.collected * 1000000);
    }
    bool whole = out->field && (out->value->absent || (out->department && out->collect_time));
    if (!whole) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a value");
    it->named->values[it->named->value_count++] = out;
    return VAULT_OK;
}

Vault__V1__Record *item_record(const item *it)
{
    const call *c = it->call;
    Vault__V1__Record *out = MESSAGE(c->rq->mem, Vault__V1__Record, vault__v1__record__init);
    if (!out) return NULL;
    out->name = arena_format(c->rq->mem, "%s%s", PREFIX, it->named->token);
    out->collection = arena_text(c->rq->mem, bytes_of_text(c->collection->name));
    out->version = it->version;
    out->values = it->named->values;
    out->n_values = it->named->value_count;
    out->receipt = c->receipt_count ? c->receipts[0] : NULL;
    return out->name && out->collection ? out : NULL;
}

/* ---- Get ---- */

static vault_code open_record(session *s, item *it)
{
    const call *c = it->call;
    it->named->value_count = 0;
    it->named->values = arena_array(c->rq->mem, c->mask_count, sizeof *it->named->values);
    if (!it->named->values) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for values");
    for (size_t i = 0; i < c->mask_count; i++) VAULT_TRY(item_named_value(s, it, c->mask[i]));
    return VAULT_OK;
}

static const item_kind GET = {.judge = judge_by_area, .finish = open_record};

static void answer_get(call *c)
{
    const item *it = &c->items[0];
    c->rq->err = it->err;
    if (it->err.code != VAULT_OK) return;
    Vault__V1__Record *out = item_record(it);
    if (out) c->rq->out = &out->base;
}

void records_get(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        call *c = calls[i];
        const Vault__V1__GetRecordRequest *in = (const void *)c->rq->in;
        c->want_receipt = in->want_receipt;
        if (call_reveal(s, c, in->field_mask, in->form) == VAULT_OK) (void)call_record(s, c, in->name, "name");
    }
    batch_run(s, &GET, calls, count);
    call_answers(s, calls, count, answer_get);
}

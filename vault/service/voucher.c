/* Vouchers: for one use, n uses, or until a time, for named fields of one resident. Whoever makes one must be allowed
 * to reveal these fields in this form; whoever redeems one must be, too, by its own purpose and rules, each time anew.
 */
#include "vault/service/voucher.h"
#include "vault/service/kept.h"

#include <string.h>

static const int64_t USUAL_US = INT64_C(86400) * 1000000, MOST_US = INT64_C(366) * 86400 * 1000000;
enum { USES_MOST = 1000000 };

/* ---- made ---- */

/* Whoever is named must be registered; empty: the caller itself. */
static const principal *find_app(const session *s, const call *c, const char *id)
{
    if (!id[0]) return c->caller;
    for (consumer_no no = {1};; no.no++) {
        const principal *app = manifest_app(s->manifest, no);
        if (!app || strcmp(app->id, id) == 0) return app;
    }
}

static vault_code judge_new(session *s, item *it)
{
    const Vault__V1__BatchCreateVouchersRequest *in = (const void *)it->call->rq->in;
    voucher_terms *t = &it->voucher->terms;
    VAULT_TRY(judge_by_area(s, it));
    it->voucher->counterpart = t->receiver = find_app(s, it->call, in->consumer)->id;
    t->fields = it->grant.fields;
    t->form = it->grant.form;
    return VAULT_OK;
}

static bool fill_new(void *result, const item *it)
{
    ((Vault__V1__VoucherResult *)result)->voucher = lent(it->text);
    return true;
}

static const batch_shape NEW = {
    .response = &vault__v1__batch_create_vouchers_response__descriptor, .fill = fill_new, .kept = true};

static vault_code ask_new(session *s, call *c)
{
    const Vault__V1__BatchCreateVouchersRequest *in = (const void *)c->rq->in;
    c->want_receipt = in->want_receipt;
    if (in->uses > USES_MOST) return refuse_at(&c->rq->err, "OUT_OF_RANGE", "uses", -1);
    if (!find_app(s, c, in->consumer)) return refuse_at(&c->rq->err, "UNKNOWN_CONSUMER", "consumer", -1);
    VAULT_TRY(call_reveal(s, c, in->field_mask, in->form));
    return c->admission.failed == CLAUSE_NONE ? kept_ask_request(s, c, "resident-vault voucher 1") : VAULT_OK;
}

static vault_code read_new(session *s, call *c)
{
    const Vault__V1__BatchCreateVouchersRequest *in = (const void *)c->rq->in;
    int64_t end;
    VAULT_TRY(voucher_end(&end, c, in->expire_time, USUAL_US, MOST_US, &c->rq->err));
    VAULT_TRY(voucher_items_new(s, c, VOUCHER_VALUES, in->tokens, in->n_tokens));
    for (size_t i = 0; i < c->item_count; i++) {
        voucher_terms *t = &c->items[i].voucher->terms;
        t->basis = t->item = "";
        t->uses = in->uses ? in->uses : 1;
        t->expires_us = end;
    }
    return VAULT_OK;
}

void tokens_batch_create_vouchers(session *s, call **calls, size_t count)
{
    static const item_kind kind = {
        .by_voucher = true, .judge = judge_new, .prepare = voucher_prepare_new, .write = voucher_write_new};
    static const voucher_way how = {.kind = &kind, .ask = ask_new, .read = read_new, .shape = &NEW};
    voucher_run_new(s, &how, calls, count);
}

/* ---- redeemed ---- */

/* The collection of the voucher's fields; NULL where the schema has one of them no more. */
static const collection *collection_of(const session *s, const voucher_terms *t)
{
    const collection *of = NULL;
    for (unsigned n = 1; n < POLICY_FIELDS_MAX; n++) {
        if (!field_set_has(t->fields, n)) continue;
        const schema_field *f = schema_number(&s->manifest->schema, n);
        if (!f || (of && f->collection != of)) return NULL;
        of = f->collection;
    }
    return of;
}

/* What its line says: as a reveal's would. */
static vault_code describe(session *s, item *it, const collection *of)
{
    const voucher_terms *t = &it->voucher->terms;
    field_names names;
    VAULT_TRY(describe_fields(&names, s->mem, of, t->fields, &it->err));
    it->fields = names.fields;
    it->groups = names.groups;
    it->form = policy_form_name(t->form);
    return VAULT_OK;
}

/* The holder's own policy decides, as if these fields were asked for by a token. */
static vault_code judge_values(session *s, item *it)
{
    const voucher_terms *t = &it->voucher->terms;
    const collection *of = collection_of(s, t);
    if (!of) return refuse_clause(&it->err, CLAUSE_FIELDS);
    VAULT_TRY(describe(s, it, of));
    const policy_facts facts = call_asks(it->call, POLICY_REVEAL, t->form, t->fields);
    const admission may = policy_admit(s->manifest->policy, &facts);
    it->asked = may.failed != CLAUSE_NONE ? facts_kept(s, &facts) : NULL;
    if (may.failed != CLAUSE_NONE) return refuse_clause(&it->err, may.failed);
    bool live = it->record.genuine && it->row->state == RECORD_LIVE && it->row->collection == (int16_t)of->number;
    it->grant = policy_decide(s->manifest->policy, &may, &facts,
                              item_facts_at(s, it, &may, &facts, (area_code){live ? it->row->area : 0}));
    return it->grant.given ? VAULT_OK : refuse_clause(&it->err, it->grant.failed);
}

/* Its holder is told why; everybody else is told what he would be of one that was never made. */
static vault_code judge_redeemed(session *s, item *it)
{
    voucher_item *v = it->voucher;
    const voucher_terms *t = &v->terms;
    if (v->broken.code != VAULT_OK) return it->err = v->broken, it->err.code;
    if (v->known) v->counterpart = t->giver;
    if (!voucher_of(v, it->call->caller->id, t->receiver)) return refuse_clause(&it->err, CLAUSE_RESIDENT);
    if (t->revoked) return vault_refuse(&it->err, VAULT_DENIED, "VOUCHER_REVOKED", "");
    if (t->expires_us <= it->call->now_us) return vault_refuse(&it->err, VAULT_DENIED, "VOUCHER_EXPIRED", "");
    if (t->used >= t->uses && !v->again) return vault_refuse(&it->err, VAULT_DENIED, "VOUCHER_USED", "");
    return judge_values(s, it);
}

static vault_code prepare_redeemed(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (items[i]->err.code == VAULT_OK) VAULT_TRY(voucher_use(s, items[i], err));
    return VAULT_OK;
}

static vault_code open_field(session *s, item *it, const schema_field *field)
{
    arena *mem = it->call->rq->mem;
    voucher_item *v = it->voucher;
    Vault__V1__NamedValue *out = MESSAGE(mem, Vault__V1__NamedValue, vault__v1__named_value__init);
    char *name = arena_text(mem, bytes_of_text(field->name)); /* the schema is gone when the answer leaves */
    if (!out || !name) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a value");
    out->field = name;
    VAULT_TRY(item_value(&out->value, s, it, field));
    v->values[v->value_count++] = out;
    return VAULT_OK;
}

/* In schema order. */
static vault_code open_values(session *s, item *it)
{
    voucher_item *v = it->voucher;
    const collection *of = collection_of(s, &v->terms);
    v->value_count = 0;
    v->values = arena_array(it->call->rq->mem, of->count, sizeof(Vault__V1__NamedValue *));
    if (!v->values) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for values");
    for (size_t i = 0; i < of->count; i++)
        if (field_set_has(v->terms.fields, of->fields[i]->number)) VAULT_TRY(open_field(s, it, of->fields[i]));
    return VAULT_OK;
}

static bool fill_redeemed(void *result, const item *it)
{
    Vault__V1__RedeemVoucherResult *out = result;
    const voucher_item *v = it->voucher;
    out->values = v->values;
    out->n_values = v->value_count;
    out->record_version = it->version;
    out->uses_left = v->terms.uses - v->terms.used;
    return true;
}

static const batch_shape REDEEMED = {.response = &vault__v1__batch_redeem_vouchers_response__descriptor,
                                     .fill = fill_redeemed};

static vault_code ask_redeemed(session *s, call *c)
{
    const Vault__V1__BatchRedeemVouchersRequest *in = (const void *)c->rq->in;
    c->want_receipt = in->want_receipt;
    call_admission_alone(s, c, false);
    return c->admission.failed == CLAUSE_NONE ? kept_ask_request(s, c, "resident-vault redeem 2") : VAULT_OK;
}

static vault_code read_redeemed(session *s, call *c)
{
    const Vault__V1__BatchRedeemVouchersRequest *in = (const void *)c->rq->in;
    return voucher_items_shown(s, c, VOUCHER_VALUES, in->vouchers, in->n_vouchers);
}

void tokens_batch_redeem_vouchers(session *s, call **calls, size_t count)
{
    static const item_kind kind = {.by_voucher = true,
                                   .look = voucher_look,
                                   .judge = judge_redeemed,
                                   .prepare = prepare_redeemed,
                                   .write = voucher_write_used,
                                   .finish = open_values};
    static const voucher_way how = {.kind = &kind, .ask = ask_redeemed, .read = read_redeemed, .shape = &REDEEMED};
    voucher_run_shown(s, &how, calls, count);
}

/* ---- revoked ---- */

/* By the app that made it; what was revoked is so already. */
static vault_code judge_revoked(session *s, item *it)
{
    (void)s;
    voucher_item *v = it->voucher;
    if (v->broken.code != VAULT_OK) return it->err = v->broken, it->err.code;
    if (v->known) v->counterpart = v->terms.receiver;
    if (voucher_of(v, it->call->caller->id, v->terms.giver)) return VAULT_OK;
    return refuse_clause(&it->err, CLAUSE_RESIDENT);
}

static vault_code prepare_revoked(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        voucher_terms *t = &items[i]->voucher->terms;
        if (items[i]->err.code != VAULT_OK || t->revoked) continue;
        t->revoked = true;
        VAULT_TRY(voucher_next(s, items[i], err));
    }
    return VAULT_OK;
}

/* That it was done is all there is to say. */
static bool fill_revoked(void *result, const item *it)
{
    (void)result, (void)it;
    return true;
}

static const batch_shape REVOKED = {.response = &vault__v1__batch_revoke_vouchers_response__descriptor,
                                    .fill = fill_revoked};

static vault_code ask_revoked(session *s, call *c)
{
    const Vault__V1__BatchRevokeVouchersRequest *in = (const void *)c->rq->in;
    c->want_receipt = in->want_receipt;
    c->form = "revoke";
    call_admission_alone(s, c, false);
    return VAULT_OK;
}

static vault_code read_revoked(session *s, call *c)
{
    const Vault__V1__BatchRevokeVouchersRequest *in = (const void *)c->rq->in;
    return voucher_items_shown(s, c, VOUCHER_VALUES, in->vouchers, in->n_vouchers);
}

void tokens_batch_revoke_vouchers(session *s, call **calls, size_t count)
{
    static const item_kind kind = {.by_voucher = true,
                                   .look = voucher_look,
                                   .judge = judge_revoked,
                                   .prepare = prepare_revoked,
                                   .write = voucher_update};
    static const voucher_way how = {.kind = &kind, .ask = ask_revoked, .read = read_revoked, .shape = &REVOKED};
    voucher_run_shown(s, &how, calls, count);
}

/* Translation of tokens: the giver gets handovers for residents that it names by its own tokens, and the receiver
 * redeems each of them, once, for its own token. What allows it is a registered sharing basis: it names both, the
 * receiver's purpose, term and areas, and is looked at when a handover is made and again when it is redeemed. */
#include "vault/service/kept.h"
#include "vault/service/voucher.h"

#include "vault/base/clock.h"

#include <string.h>

static const int64_t USUAL_US = INT64_C(3600) * 1000000, MOST_US = INT64_C(7) * 86400 * 1000000;

static vault_code refuse_sharing(vault_error *err)
{
    return vault_refuse(err, VAULT_DENIED, "sharing", "");
}

static bool in_force(const sharing_basis *b, const call *c)
{
    uint32_t today = clock_shanghai_date(c->now_us);
    return b->valid_from <= today && today <= b->valid_until;
}

/* The same answer for no such resident, one elsewhere, and one of whom nothing is to be revealed. */
static vault_code judge_resident(item *it, const sharing_basis *b)
{
    bool live = it->record.genuine && it->row->state == RECORD_LIVE;
    if (live && area_ranges_cover(b->areas, b->area_count, (area_code){it->row->area})) return VAULT_OK;
    return refuse_clause(&it->err, CLAUSE_RESIDENT);
}

/* ---- made ---- */

static vault_code judge_new(session *s, item *it)
{
    const call *c = it->call;
    const Vault__V1__BatchCreateHandoversRequest *in = (const void *)c->rq->in;
    const sharing_basis *b = manifest_basis(s->manifest, in->basis);
    voucher_item *v = it->voucher;
    if (!b || b->from.no != c->caller->consumer.no || !in_force(b, c)) return refuse_sharing(&it->err);
    const principal *to = manifest_app(s->manifest, b->to);
    const domain *use = manifest_domain(s->manifest, b->to, b->purpose);
    if (!to || !use) return refuse_sharing(&it->err);
    v->counterpart = v->terms.receiver = to->id;
    v->sharing = v->terms.basis = b->id;
    v->terms.item = b->item;
    v->terms.use = use->number;
    return judge_resident(it, b);
}

static bool fill_new(void *result, const item *it)
{
    ((Vault__V1__HandoverResult *)result)->handover = lent(it->text);
    return true;
}

static const batch_shape NEW = {
    .response = &vault__v1__batch_create_handovers_response__descriptor, .fill = fill_new, .kept = true};

static vault_code ask_new(session *s, call *c)
{
    const Vault__V1__BatchCreateHandoversRequest *in = (const void *)c->rq->in;
    c->want_receipt = in->want_receipt;
    if (!in->basis[0]) return refuse_at(&c->rq->err, "REQUIRED", "basis", -1);
    call_admission_alone(s, c, true);
    return c->admission.failed == CLAUSE_NONE ? kept_ask_request(s, c, "resident-vault handover 1") : VAULT_OK;
}

static vault_code read_new(session *s, call *c)
{
    const Vault__V1__BatchCreateHandoversRequest *in = (const void *)c->rq->in;
    int64_t end;
    VAULT_TRY(voucher_end(&end, c, in->expire_time, USUAL_US, MOST_US, &c->rq->err));
    VAULT_TRY(voucher_items_new(s, c, VOUCHER_HANDOVER, in->tokens, in->n_tokens));
    for (size_t i = 0; i < c->item_count; i++) {
        voucher_terms *t = &c->items[i].voucher->terms;
        t->uses = 1;
        t->expires_us = end;
    }
    return VAULT_OK;
}

void tokens_batch_create_handovers(session *s, call **calls, size_t count)
{
    static const item_kind kind = {
        .by_voucher = true, .judge = judge_new, .prepare = voucher_prepare_new, .write = voucher_write_new};
    static const voucher_way how = {.kind = &kind, .ask = ask_new, .read = read_new, .shape = &NEW};
    voucher_run_new(s, &how, calls, count);
}

/* ---- redeemed ---- */

/* The basis as it was when the handover was made, in force today. */
static const sharing_basis *basis_still(const session *s, const call *c, const voucher_terms *t)
{
    const sharing_basis *b = manifest_basis(s->manifest, t->basis);
    if (!b || !in_force(b, c) || strcmp(b->item, t->item) != 0) return NULL;
    const principal *from = manifest_app(s->manifest, b->from), *to = manifest_app(s->manifest, b->to);
    const domain *use = manifest_domain(s->manifest, b->to, b->purpose);
    bool same = from && to && use && strcmp(from->id, t->giver) == 0 && strcmp(to->id, t->receiver) == 0 &&
                use->number == t->use;
    return same ? b : NULL;
}

/* Its receiver, for its purpose or one below, is told why; everybody else is told what he would be of one that was
 * never made. */
static vault_code judge_redeemed(session *s, item *it)
{
    const call *c = it->call;
    voucher_item *v = it->voucher;
    const voucher_terms *t = &v->terms;
    if (v->broken.code != VAULT_OK) return it->err = v->broken, it->err.code;
    if (v->known) {
        v->counterpart = t->giver;
        v->sharing = t->basis;
    }
    if (!voucher_of(v, c->caller->id, t->receiver) || !call_domain(s, c, t->use))
        return refuse_clause(&it->err, CLAUSE_RESIDENT);
    const sharing_basis *b = basis_still(s, c, t);
    if (!b) return refuse_sharing(&it->err);
    if (t->expires_us <= it->call->now_us) return vault_refuse(&it->err, VAULT_DENIED, "HANDOVER_EXPIRED", "");
    if (t->used >= t->uses && !v->again) return vault_refuse(&it->err, VAULT_DENIED, "HANDOVER_USED", "");
    return judge_resident(it, b);
}

static vault_code prepare_redeemed(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i]->err.code != VAULT_OK) continue;
        VAULT_TRY(item_issue_for(s, items[i], call_domain(s, items[i]->call, items[i]->voucher->terms.use), err));
        VAULT_TRY(voucher_use(s, items[i], err));
    }
    return VAULT_OK;
}

static bool fill_redeemed(void *result, const item *it)
{
    ((Vault__V1__IssueResult *)result)->token = lent(it->text);
    return true;
}

static const batch_shape REDEEMED = {.response = &vault__v1__batch_redeem_handovers_response__descriptor,
                                     .fill = fill_redeemed};

static vault_code ask_redeemed(session *s, call *c)
{
    const Vault__V1__BatchRedeemHandoversRequest *in = (const void *)c->rq->in;
    c->want_receipt = in->want_receipt;
    call_admission_alone(s, c, true);
    return c->admission.failed == CLAUSE_NONE ? kept_ask_request(s, c, "resident-vault redeem 1") : VAULT_OK;
}

static vault_code read_redeemed(session *s, call *c)
{
    const Vault__V1__BatchRedeemHandoversRequest *in = (const void *)c->rq->in;
    return voucher_items_shown(s, c, VOUCHER_HANDOVER, in->handovers, in->n_handovers);
}

void tokens_batch_redeem_handovers(session *s, call **calls, size_t count)
{
    static const item_kind kind = {.by_voucher = true,
                                   .look = voucher_look,
                                   .judge = judge_redeemed,
                                   .prepare = prepare_redeemed,
                                   .write = voucher_write_used};
    static const voucher_way how = {.kind = &kind, .ask = ask_redeemed, .read = read_redeemed, .shape = &REDEEMED};
    voucher_run_shown(s, &how, calls, count);
}

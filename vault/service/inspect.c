/* Tokens.BatchInspect: what the caller's own tokens are worth now. */
#include "vault/service/internal.h"

struct inspect_item {
    epoch_state epoch_state;
    uint32_t epoch, current;
    Vault__V1__TokenState state;
};

/* Own, and genuine as far as can be told: where the epoch's key is destroyed nobody can tell any more. */
static bool may_be_genuine(const item *it)
{
    return it->inspect->epoch_state == EPOCH_DESTROYED || it->id.id != 0;
}

static Vault__V1__TokenState state_of(const item *it)
{
    bool live = it->record.genuine && it->row->state == RECORD_LIVE;
    if (it->inspect->epoch_state == EPOCH_DESTROYED) return VAULT__V1__TOKEN_STATE__TOKEN_STATE_EXPIRED;
    if (!live) return VAULT__V1__TOKEN_STATE__TOKEN_STATE_GONE;
    return it->inspect->epoch_state == EPOCH_ENDED ? VAULT__V1__TOKEN_STATE__TOKEN_STATE_EXPIRED
                                                   : VAULT__V1__TOKEN_STATE__TOKEN_STATE_VALID;
}

static vault_code judge(session *s, item *it)
{
    (void)s;
    if (!may_be_genuine(it)) return refuse_clause(&it->err, CLAUSE_RESIDENT);
    it->inspect->state = state_of(it);
    return VAULT_OK;
}

static const item_kind INSPECT = {.judge = judge};

static vault_code read_token(session *s, item *it, const char *text)
{
    token t;
    vault_error why = {0};
    if (token_read(&t, bytes_of_text(text), &why) != VAULT_OK)
        return refuse_at(&it->err, why.reason, "tokens", (long)it->index);
    it->inspect = arena_alloc(s->mem, sizeof *it->inspect);
    if (!it->inspect) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a token");
    const domain *own = call_domain(s, it->call, t.domain);
    *it->inspect = (struct inspect_item){.epoch = t.epoch};
    if (own) {
        it->inspect->epoch_state = cabinet_epoch(s->cabinet, own, t.epoch, it->call->now_us);
        it->inspect->current = cabinet_current_epoch(s->cabinet, own);
    }
    return cabinet_resolve(s->cabinet, &it->id, own, &t, &it->err);
}

static vault_code ask_inspect(session *s, call *c)
{
    const Vault__V1__BatchInspectRequest *in = (const void *)c->rq->in;
    c->want_receipt = in->want_receipt;
    call_admission_alone(s, c, true); /* what a token of one's own is worth tells nothing of the resident */
    VAULT_TRY(call_items(s, c, in->n_tokens, "tokens", &c->rq->err));
    for (size_t i = 0; i < in->n_tokens; i++) (void)read_token(s, &c->items[i], in->tokens[i]);
    return VAULT_OK;
}

static bool fill(void *result, const item *it)
{
    Vault__V1__InspectResult *out = result;
    out->state = it->inspect->state;
    out->epoch = it->inspect->epoch;
    out->current_epoch = it->inspect->current;
    return true;
}

static const batch_shape INSPECT_ANSWER = {.response = &vault__v1__batch_inspect_response__descriptor, .fill = fill};

void tokens_batch_inspect(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)ask_inspect(s, calls[i]);
    batch_run(s, &INSPECT, calls, count);
    batch_answers(s, calls, count, &INSPECT_ANSWER);
}

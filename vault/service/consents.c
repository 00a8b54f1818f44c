/* Consents: what residents have agreed to, for the call's purpose. A word is a new version of the record, written with
 * its line in one transaction; whoever reveals on the strength of a consent holds the row while its line is written
 * (hold.c), so that after a withdrawal nobody does. */
#include "vault/service/said.h"

#include <stdio.h>

struct consent_item {
    consent_word word; /* as it is said; or as it stands */
};

/* ---- what a call brings ---- */

static vault_code ask_consents(session *s, call *c, size_t count, const char *list)
{
    call_admit_whole(s, c, POLICY_CONSENT);
    VAULT_TRY(said_items(s, c, count, list));
    struct consent_item *all = arena_array(s->mem, count, sizeof *all);
    if (!all) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for consents");
    for (size_t i = 0; i < count; i++) c->items[i].consent = &all[i];
    return VAULT_OK;
}

static void read_item(session *s, item *it, const Vault__V1__ConsentInput *in)
{
    char path[64];
    struct consent_item *own = it->consent;
    own->word = (consent_word){.state = in->granted ? CONSENT_GIVEN : CONSENT_WITHDRAWN, .said_us = it->call->now_us};
    it->form = in->granted ? "given" : "withdrawn";
    if (said_end(&own->word.expires_us, it, in->expire_time, in->granted, &it->err) != VAULT_OK) return;
    snprintf(path, sizeof path, "items[%zu].token", it->index);
    item_token(s, it, in->token, path, -1);
}

/* ---- judging ---- */

static vault_code judge(session *s, item *it)
{
    it->grant = item_ask_whole(s, it, POLICY_CONSENT);
    return it->grant.given ? VAULT_OK : refuse_clause(&it->err, CLAUSE_RESIDENT);
}

/* ---- rows ---- */

static vault_code say(session *s, item *it)
{
    const consent_said said = {.collection =
                                   schema_collection_number(&s->manifest->schema, (unsigned)it->row->collection),
                               .purpose = it->call->purpose->id,
                               .what = it->consent->word,
                               .department = (uint16_t)it->call->caller->department_no};
    return record_say(&it->said->next, &it->said->unchanged, s->cabinet, &it->record, &said, &it->err);
}

static vault_code prepare(session *s, item **items, size_t count, vault_error *err)
{
    return said_prepare(s, items, count, say, err);
}

static const item_kind RECORD = {.judge = judge, .prepare = prepare, .write = said_write, .change = said_change};

static bool fill_recorded(void *result, const item *it)
{
    ((Vault__V1__RecordConsentResult *)result)->record_version = it->version;
    return true;
}

static const batch_shape RECORDED = {.response = &vault__v1__batch_record_consents_response__descriptor,
                                     .fill = fill_recorded};

void consents_batch_record(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        call *c = calls[i];
        const Vault__V1__BatchRecordConsentsRequest *in = (const void *)c->rq->in;
        c->want_receipt = in->want_receipt;
        if (ask_consents(s, c, in->n_items, "items") != VAULT_OK) continue;
        for (size_t j = 0; j < in->n_items; j++) read_item(s, &c->items[j], in->items[j]);
    }
    batch_run(s, &RECORD, calls, count);
    batch_answers(s, calls, count, &RECORDED);
}

/* ---- what stands ---- */

static vault_code finish(session *s, item *it)
{
    const purpose_line about = call_purposes(s, it->call);
    const consent_chain chain = {about.ids, about.count};
    return record_consent(&it->consent->word, s->cabinet, &it->record, &chain, &it->err);
}

static const item_kind GET = {.judge = judge, .finish = finish};

static Vault__V1__ConsentState state_of(const consent_word *word, int64_t now_us)
{
    if (word->state == CONSENT_NONE) return VAULT__V1__CONSENT_STATE__CONSENT_STATE_NONE;
    if (word->state == CONSENT_WITHDRAWN) return VAULT__V1__CONSENT_STATE__CONSENT_STATE_WITHDRAWN;
    return consent_stands(word, now_us) ? VAULT__V1__CONSENT_STATE__CONSENT_STATE_GIVEN
                                        : VAULT__V1__CONSENT_STATE__CONSENT_STATE_EXPIRED;
}

static bool fill_got(void *result, const item *it)
{
    Vault__V1__ConsentResult *out = result;
    const consent_word *word = &it->consent->word;
    arena *mem = it->call->rq->mem;
    out->state = state_of(word, it->call->now_us);
    if (word->state == CONSENT_NONE) return true;
    out->time = timestamp_of(mem, word->said_us);
    if (word->expires_us) out->expire_time = timestamp_of(mem, word->expires_us);
    return out->time && (!word->expires_us || out->expire_time);
}

static const batch_shape GOT = {.response = &vault__v1__batch_get_consents_response__descriptor, .fill = fill_got};

void consents_batch_get(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        call *c = calls[i];
        const Vault__V1__BatchGetConsentsRequest *in = (const void *)c->rq->in;
        c->want_receipt = in->want_receipt;
        if (ask_consents(s, c, in->n_tokens, "tokens") != VAULT_OK) continue;
        for (size_t j = 0; j < in->n_tokens; j++) item_token(s, &c->items[j], in->tokens[j], "tokens", (long)j);
    }
    batch_run(s, &GET, calls, count);
    batch_answers(s, calls, count, &GOT);
}

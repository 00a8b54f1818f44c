/* Consents: what residents have agreed to, for the call's purpose. A word is a new version of the record, written with
 * its line in one transaction; whoever reveals on the strength of a consent holds the row while its line is written
 * (hold.c), so that after a withdrawal nobody does. */
#include "vault/service/internal.h"

#include <stdio.h>

struct consent_item {
    consent_word word; /* as it is said; or as it stands */
    bool unchanged;
    resident_row next;
};

/* ---- what a call brings ---- */

static vault_code ask_consents(session *s, call *c, size_t count, const char *list)
{
    call_admit_whole(s, c, POLICY_CONSENT);
    VAULT_TRY(call_items(s, c, count, list, &c->rq->err));
    struct consent_item *all = arena_array(s->mem, count, sizeof *all);
    if (!all) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for consents");
    for (size_t i = 0; i < count; i++) c->items[i].consent = &all[i];
    return VAULT_OK;
}

/* An end is of a consent that is given, and to come. */
static vault_code read_end(int64_t *out, const item *it, const Vault__V1__ConsentInput *in, vault_error *err)
{
    enum { NANOS = 999999999 };
    static const int64_t LAST_SECOND = INT64_C(253402300799); /* of the year 9999 */
    char path[64];
    const Google__Protobuf__Timestamp *end = in->expire_time;
    snprintf(path, sizeof path, "items[%zu].expire_time", it->index);
    *out = 0;
    if (!end) return VAULT_OK;
    bool good = in->granted && end->seconds >= 0 && end->seconds <= LAST_SECOND && end->nanos >= 0;
    if (!good || end->nanos > NANOS) return refuse_at(err, "BAD_TIME", path, -1);
    *out = end->seconds * 1000000 + end->nanos / 1000;
    return *out > it->call->now_us ? VAULT_OK : refuse_at(err, "BAD_TIME", path, -1);
}

static void read_item(session *s, item *it, const Vault__V1__ConsentInput *in)
{
    char path[64];
    struct consent_item *own = it->consent;
    own->word = (consent_word){.state = in->granted ? CONSENT_GIVEN : CONSENT_WITHDRAWN, .said_us = it->call->now_us};
    it->form = in->granted ? "given" : "withdrawn";
    if (read_end(&own->word.expires_us, it, in, &it->err) != VAULT_OK) return;
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
    struct consent_item *own = it->consent;
    const consent_said said = {.collection =
                                   schema_collection_number(&s->manifest->schema, (unsigned)it->row->collection),
                               .purpose = it->call->purpose->id,
                               .what = own->word,
                               .department = (uint16_t)it->call->caller->department_no};
    VAULT_TRY(record_say(&own->next, &own->unchanged, s->cabinet, &it->record, &said, &it->err));
    if (!own->unchanged) it->record.row = &own->next;
    return VAULT_OK;
}

/* A record that does not open, or has no room, is the item's own affair; all else is the part's. */
static vault_code prepare(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        item *it = items[i];
        vault_code code = it->err.code == VAULT_OK ? say(s, it) : VAULT_OK;
        if (code == VAULT_INTEGRITY) session_damage(s, &it->err);
        if (code == VAULT_OK || code == VAULT_INTEGRITY || code == VAULT_INVALID) continue;
        *err = it->err;
        return code;
    }
    return VAULT_OK;
}

/* What stands already must still stand when the line says so: all rows are locked then, in one order. */
static vault_code write(session *s, item **items, size_t count, vault_error *err)
{
    size_t held = 0, updated = 0;
    resident_row *rows = arena_array(s->mem, count, sizeof *rows), *next = arena_array(s->mem, count, sizeof *next);
    if (!rows || !next) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    for (size_t i = 0; i < count; i++) {
        if (items[i]->err.code != VAULT_OK) continue;
        rows[held++] = *items[i]->row;
        if (!items[i]->consent->unchanged) next[updated++] = items[i]->consent->next;
    }
    if (updated < held) VAULT_TRY(store_residents_hold(s->store, s->mem, rows, held, err));
    return store_residents_update(s->store, s->mem, next, updated, err);
}

static row_change change_of(const item *it)
{
    const struct consent_item *own = it->consent;
    if (it->err.code != VAULT_OK || own->unchanged) return (row_change){0};
    return (row_change){.row = &own->next, .was = own->next.was};
}

static const item_kind RECORD = {.judge = judge, .prepare = prepare, .write = write, .change = change_of};

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

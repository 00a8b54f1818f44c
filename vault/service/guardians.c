/* Guardians: who may ask for a resident. A word is a new version of the resident's record, written with its line in one
 * transaction, as that of a consent is. The rule must be for both of them: whoever may not say anything about somebody
 * does not hear, either, whether he is there. */
#include "vault/service/canaries.h"
#include "vault/service/said.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <string.h>

static const char *const KINDS[GUARDIAN_KINDS] = {
    [GUARDIAN_PARENT] = "parent", [GUARDIAN_COURT] = "court", [GUARDIAN_COMMITTEE] = "committee"};

struct guardian_item {
    item other;  /* who is, or is to be, the guardian: looked at as the item is, and nothing is written of it */
    bool agreed; /* the rule is for that one, too, who is of the same collection */
    guardian what;
    guardian_list all; /* as they stand; of BatchGet */
    const char *tokens[GUARDIANS_MAX];
    class_answer child;
};

static const collection *collection_of(const session *s, const item *it)
{
    return schema_collection_number(&s->manifest->schema, (unsigned)it->row->collection);
}

static vault_code ask_guardians(session *s, call *c, size_t count, const char *list)
{
    call_admit_whole(s, c, POLICY_GUARDIAN);
    VAULT_TRY(said_items(s, c, count, list));
    struct guardian_item *all = arena_array(s->mem, count, sizeof *all);
    if (!all) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for guardians");
    for (size_t i = 0; i < count; i++) c->items[i].guardian = &all[i];
    return VAULT_OK;
}

/* ---- what a call brings ---- */

static void read_token(session *s, item *it, const char *text, const char *part)
{
    char path[64];
    snprintf(path, sizeof path, "items[%zu].%s", it->index, part);
    item_token(s, it, text, path, -1);
}

static vault_code read_kind(guardian_kind *out, item *it, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "items[%zu].kind", it->index);
    for (guardian_kind k = GUARDIAN_PARENT; k < GUARDIAN_KINDS; k++)
        if (strcmp(KINDS[k], name) == 0) return *out = k, VAULT_OK;
    return refuse_at(&it->err, name[0] ? "UNKNOWN_NAME" : "REQUIRED", path, -1);
}

static void read_item(session *s, item *it, const Vault__V1__GuardianItem *in)
{
    struct guardian_item *own = it->guardian;
    own->other = (item){.call = it->call, .index = it->index};
    own->what = (guardian){
        .ended = in->ended, .said_us = it->call->now_us, .department = (uint16_t)it->call->caller->department_no};
    it->form = in->ended ? "ended" : KINDS[GUARDIAN_PARENT];
    const bool any = in->ended && !in->kind[0];
    if (!any && read_kind(&own->what.kind, it, in->kind) != VAULT_OK) return;
    if (!in->ended) it->form = KINDS[own->what.kind];
    if (said_end(&own->what.expires_us, it, in->expire_time, !in->ended, &it->err) != VAULT_OK) return;
    read_token(s, it, in->token, "token");
    if (it->err.code != VAULT_OK) return;
    read_token(s, &own->other, in->guardian_token, "guardian_token");
    it->err = own->other.err;
    own->what.resident = own->other.id.id;
}

/* ---- who is named as the guardian: before the residents are looked at ---- */

static void look_at_one(session *s, item *it, const resident_row *row, uint8_t *dek)
{
    vault_error broken = {0};
    struct guardian_item *own = it->guardian;
    own->other.row = row;
    own->other.record = (record){.dek = dek};
    if (item_prove(s, &own->other, &broken) != VAULT_OK) session_damage(s, &broken);
    own->agreed = item_ask_whole(s, &own->other, POLICY_GUARDIAN).given;
    record_clear(&own->other.record);
}

/* The places of the residents' own keys are free until then. */
static vault_code look(session *s, item **items, size_t count, vault_error *err)
{
    resident_row *rows = arena_array(s->mem, count, sizeof *rows);
    int64_t *ids = arena_array(s->mem, count, sizeof *ids);
    if (!rows || !ids) return vault_fail(err, VAULT_EXHAUSTED, "no memory for guardians");
    for (size_t i = 0; i < count; i++) ids[i] = items[i]->guardian->other.id.id;
    VAULT_TRY(store_residents_by_id(s->store, s->mem, ids, count, rows, err));
    for (size_t i = 0; i < count; i++) look_at_one(s, items[i], &rows[i], s->deks.at + i * RECORD_KEYS_LEN);
    return VAULT_OK;
}

/* ---- judging ---- */

static vault_code refuse(item *it, const char *reason)
{
    it->grant = (grant){0};
    return vault_refuse(&it->err, VAULT_PRECONDITION, reason, "");
}

/* Who is no child any more has no parents who ask for him. */
static vault_code check_age(session *s, item *it)
{
    struct guardian_item *own = it->guardian;
    uint32_t today = clock_shanghai_date(it->call->now_us);
    vault_code code = record_child(&own->child, s->cabinet, &it->record, collection_of(s, it), today, &it->err);
    if (code == VAULT_INTEGRITY) session_damage(s, &it->err);
    if (code != VAULT_OK) return it->grant = (grant){0}, code;
    own->what.of_child = own->child == CLASS_IN;
    bool late = own->what.kind == GUARDIAN_PARENT && !own->what.ended && !own->what.of_child;
    return late ? refuse(it, "WARD_IS_ADULT") : VAULT_OK;
}

static vault_code judge(session *s, item *it)
{
    it->grant = item_ask_whole(s, it, POLICY_GUARDIAN);
    return it->grant.given ? VAULT_OK : refuse_clause(&it->err, CLAUSE_RESIDENT);
}

static vault_code judge_word(session *s, item *it)
{
    const struct guardian_item *own = it->guardian;
    VAULT_TRY(judge(s, it));
    if (!own->agreed || own->other.row->collection != it->row->collection) {
        it->grant = (grant){.failed = CLAUSE_RESIDENT, .inner = CLAUSE_RESIDENT};
        return refuse_clause(&it->err, CLAUSE_RESIDENT);
    }
    if (own->what.resident == it->row->id) return refuse(it, "OWN_GUARDIAN");
    return check_age(s, it);
}

/* ---- rows ---- */

static vault_code say(session *s, item *it)
{
    const guardian_said said = {.collection = collection_of(s, it), .what = it->guardian->what};
    return record_appoint(&it->said->next, &it->said->unchanged, s->cabinet, &it->record, &said, &it->err);
}

static vault_code prepare(session *s, item **items, size_t count, vault_error *err)
{
    return said_prepare(s, items, count, say, err);
}

static const item_kind RECORD = {
    .look = look, .judge = judge_word, .prepare = prepare, .write = said_write, .change = said_change};

static bool fill_recorded(void *result, const item *it)
{
    (void)result, (void)it;
    return true;
}

static const batch_shape RECORDED = {.response = &vault__v1__batch_record_guardians_response__descriptor,
                                     .fill = fill_recorded};

void guardians_batch_record(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        call *c = calls[i];
        const Vault__V1__BatchRecordGuardiansRequest *in = (const void *)c->rq->in;
        c->want_receipt = in->want_receipt;
        if (ask_guardians(s, c, in->n_items, "items") != VAULT_OK) continue;
        for (size_t j = 0; j < in->n_items; j++) read_item(s, &c->items[j], in->items[j]);
    }
    batch_run(s, &RECORD, calls, count);
    batch_answers(s, calls, count, &RECORDED);
}

/* ---- what stands ---- */

static vault_code read_list(session *s, item *it)
{
    struct guardian_item *own = it->guardian;
    uint32_t today = clock_shanghai_date(it->call->now_us);
    VAULT_TRY(record_guardians(&own->all, s->cabinet, &it->record, &it->err));
    return record_child(&own->child, s->cabinet, &it->record, collection_of(s, it), today, &it->err);
}

/* Who is erased is nobody's guardian any more. */
static vault_code drop_gone(session *s, guardian_list *of, vault_error *err)
{
    int64_t ids[GUARDIANS_MAX];
    resident_row rows[GUARDIANS_MAX];
    size_t left = 0;
    if (of->count == 0) return VAULT_OK;
    for (size_t i = 0; i < of->count; i++) ids[i] = of->at[i].resident;
    VAULT_TRY(store_residents_by_id(s->store, s->mem, ids, of->count, rows, err));
    for (size_t i = 0; i < of->count; i++)
        if (rows[i].found && rows[i].state == RECORD_LIVE) of->at[left++] = of->at[i];
    of->count = left;
    return VAULT_OK;
}

/* A list that does not open is the item's own affair. */
static vault_code prepare_list(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        item *it = items[i];
        if (it->err.code != VAULT_OK) continue;
        vault_code code = read_list(s, it);
        if (code == VAULT_OK) {
            VAULT_TRY(drop_gone(s, &it->guardian->all, err));
            continue;
        }
        if (code != VAULT_INTEGRITY) return *err = it->err, code;
        session_damage(s, &it->err);
        it->grant = (grant){0};
    }
    return VAULT_OK;
}

static vault_code name_all(session *s, item *it)
{
    struct guardian_item *own = it->guardian;
    const domain *of = call_domain(s, it->call, 0);
    for (size_t i = 0; i < own->all.count; i++) {
        token t;
        char *text = arena_alloc(it->call->rq->mem, TOKEN_TEXT_LEN + 1);
        if (!text) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for tokens");
        VAULT_TRY(cabinet_issue(s->cabinet, &t, of, (resident_id){own->all.at[i].resident}, &it->err));
        token_write(text, &t);
        own->tokens[i] = text;
    }
    return VAULT_OK;
}

static const item_kind GET = {.judge = judge, .prepare = prepare_list, .finish = name_all};

static Vault__V1__GuardianItem *tell(const item *it, size_t at)
{
    const struct guardian_item *own = it->guardian;
    const Vault__V1__BatchGetGuardiansRequest *in = (const void *)it->call->rq->in;
    arena *mem = it->call->rq->mem;
    const guardian *of = &own->all.at[at];
    Vault__V1__GuardianItem *out = MESSAGE(mem, Vault__V1__GuardianItem, vault__v1__guardian_item__init);
    if (!out) return NULL;
    out->token = in->tokens[it->index];
    out->guardian_token = lent(own->tokens[at]);
    out->kind = lent(KINDS[of->kind]);
    out->ended = guardianship_of(&own->all, of->resident, own->child, it->call->now_us) != GUARDIAN_STANDS;
    if (of->expires_us && !(out->expire_time = timestamp_of(mem, of->expires_us))) return NULL;
    return out;
}

static bool fill_got(void *result, const item *it)
{
    Vault__V1__GuardiansResult *out = result;
    const guardian_list *all = &it->guardian->all;
    if (!(out->guardians = arena_array(it->call->rq->mem, all->count + 1, sizeof *out->guardians))) return false;
    for (size_t i = 0; i < all->count; i++)
        if (!(out->guardians[out->n_guardians++] = tell(it, i))) return false;
    return true;
}

static const batch_shape GOT = {.response = &vault__v1__batch_get_guardians_response__descriptor, .fill = fill_got};

void guardians_batch_get(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        call *c = calls[i];
        const Vault__V1__BatchGetGuardiansRequest *in = (const void *)c->rq->in;
        c->want_receipt = in->want_receipt;
        if (ask_guardians(s, c, in->n_tokens, "tokens") != VAULT_OK) continue;
        for (size_t j = 0; j < in->n_tokens; j++) item_token(s, &c->items[j], in->tokens[j], "tokens", (long)j);
    }
    batch_run(s, &GET, calls, count);
    batch_answers(s, calls, count, &GOT);
}

#include "vault/service/kept.h"
#include "vault/service/voucher.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <assert.h>
#include <string.h>

static_assert((int)VOUCHER_ID_LEN == (int)NATURAL_LEN, "an item's natural key holds the id of its voucher");
static const char ID_LABEL[] = "resident-vault voucher 1", MARK_LABEL[] = "resident-vault voucher use 1";
enum { TERMS_FORMAT = 1, TERMS_FIXED = 160 + USE_MARKS * USE_MARK_LEN };
static const int64_t CLOCKS_US = INT64_C(300) * 1000000; /* how far a caller's clock may be ahead */

/* ---- what is sealed ---- */

static void put_terms(writer *w, const voucher_terms *t)
{
    const char *const texts[] = {t->giver, t->purpose, t->person, t->receiver, t->basis, t->item};
    put_u8(w, TERMS_FORMAT);
    put_u8(w, (uint8_t)t->kind);
    put_u64(w, (uint64_t)t->resident);
    put_u32(w, t->domain);
    put_u32(w, t->use);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) put_sized(w, bytes_of_text(texts[i]));
    for (size_t i = 0; i < FIELD_WORDS; i++) put_u64(w, t->fields.words[i]);
    put_u8(w, (uint8_t)t->form);
    put_u32(w, t->uses);
    put_u32(w, t->used);
    put_u64(w, (uint64_t)t->expires_us);
    put_u64(w, (uint64_t)t->used_us);
    put_u8(w, t->revoked);
    put_u8(w, (uint8_t)t->mark_count);
    put_bytes(w, bytes_of(t->marks, t->mark_count * USE_MARK_LEN));
}

/* False for what this vault has not written; a text is NULL when memory is out. */
static bool get_terms(voucher_terms *t, arena *mem, bytes from)
{
    reader r = reader_over(from);
    const char **const texts[] = {&t->giver, &t->purpose, &t->person, &t->receiver, &t->basis, &t->item};
    *t = (voucher_terms){0};
    bool good = get_u8(&r) == TERMS_FORMAT;
    t->kind = (voucher_kind)get_u8(&r);
    t->resident = (int64_t)get_u64(&r);
    t->domain = get_u32(&r);
    t->use = get_u32(&r);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        good = (*texts[i] = arena_text(mem, get_sized(&r))) != NULL && good;
    for (size_t i = 0; i < FIELD_WORDS; i++) t->fields.words[i] = get_u64(&r);
    t->form = (policy_form)get_u8(&r);
    t->uses = get_u32(&r);
    t->used = get_u32(&r);
    t->expires_us = (int64_t)get_u64(&r);
    t->used_us = (int64_t)get_u64(&r);
    t->revoked = get_u8(&r) != 0;
    t->mark_count = get_u8(&r);
    if (t->mark_count > USE_MARKS) return false;
    bytes marks = get_bytes(&r, t->mark_count * USE_MARK_LEN);
    if (!good || !reader_done(&r)) return false;
    if (marks.len) memcpy(t->marks, marks.at, marks.len);
    return true;
}

bytes voucher_context(uint8_t out[VOUCHER_CONTEXT_LEN], bytes id, int32_t version)
{
    writer w = writer_over(out, VOUCHER_CONTEXT_LEN);
    put_u8(&w, 'V');
    put_bytes(&w, id);
    put_u32(&w, (uint32_t)version);
    return writer_bytes(&w);
}

static bytes seal_context(uint8_t out[VOUCHER_CONTEXT_LEN], const voucher_row *row)
{
    return voucher_context(out, bytes_of(row->id, VOUCHER_ID_LEN), row->version);
}

static size_t terms_room(const voucher_terms *t)
{
    return TERMS_FIXED + strlen(t->giver) + strlen(t->purpose) + strlen(t->person) + strlen(t->receiver) +
           strlen(t->basis) + strlen(t->item);
}

static vault_code seal_terms(session *s, voucher_row *row, const voucher_terms *t, vault_error *err)
{
    uint8_t context[VOUCHER_CONTEXT_LEN];
    size_t room = terms_room(t);
    writer w = writer_over(arena_alloc(s->mem, room), room);
    if (!w.at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a voucher");
    put_terms(&w, t);
    if (w.overflow) return vault_fail(err, VAULT_INTERNAL, "the terms of a voucher are too long");
    row->expires_us = t->expires_us;
    return cabinet_seal_note(s->cabinet, &row->sealed, seal_context(context, row), writer_bytes(&w), err);
}

static vault_code open_terms(session *s, voucher_terms *out, const voucher_row *row, vault_error *err)
{
    uint8_t context[VOUCHER_CONTEXT_LEN];
    bytes plain;
    VAULT_TRY(cabinet_open_note(s->cabinet, &plain, seal_context(context, row), row->sealed, err));
    if (!get_terms(out, s->mem, plain) || out->expires_us != row->expires_us)
        return vault_fail(err, VAULT_INTEGRITY, "a voucher's row is not as it was sealed");
    return VAULT_OK;
}

/* ---- items ---- */

static void find_id(uint8_t out[VOUCHER_ID_LEN], voucher_kind kind, const uint8_t drawn[VOUCHER_LEN])
{
    uint8_t which = (uint8_t)kind;
    const bytes parts[] = {bytes_of(ID_LABEL, sizeof ID_LABEL), bytes_of(&which, 1), bytes_of(drawn, VOUCHER_LEN)};
    digest id = sha256_parts(parts, 3);
    memcpy(out, id.at, VOUCHER_ID_LEN);
}

static vault_code make_items(session *s, call *c, size_t count, const char *list)
{
    c->receipt_count = 0; /* items that are read anew have receipts anew */
    VAULT_TRY(call_items(s, c, count, list, &c->rq->err));
    voucher_item *all = arena_array(s->mem, count, sizeof *all);
    if (!all) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for %zu vouchers", count);
    for (size_t i = 0; i < count; i++) c->items[i].voucher = &all[i];
    return VAULT_OK;
}

vault_code voucher_items_new(session *s, call *c, voucher_kind kind, char *const *tokens, size_t count)
{
    VAULT_TRY(make_items(s, c, count, "tokens"));
    for (size_t i = 0; i < count; i++) {
        item *it = &c->items[i];
        it->voucher->terms.kind = kind;
        VAULT_TRY(entropy_fill(it->voucher->secret, VOUCHER_LEN, &c->rq->err));
        find_id(it->natural_key, kind, it->voucher->secret);
        item_token(s, it, tokens[i], "tokens", (long)i);
    }
    return VAULT_OK;
}

static void make_mark(voucher_item *v, const item *it)
{
    uint8_t index[8];
    const kept_answer *k = it->call->kept;
    if (!k) return;
    store_u64(index, it->index);
    const bytes parts[] = {bytes_of(MARK_LABEL, sizeof MARK_LABEL), digest_bytes(&k->id), digest_bytes(&k->content),
                           bytes_of(index, sizeof index)};
    digest mark = sha256_parts(parts, 4);
    memcpy(v->mark, mark.at, USE_MARK_LEN);
}

vault_code voucher_items_shown(session *s, call *c, voucher_kind kind, char *const *texts, size_t count)
{
    const char *list = kind == VOUCHER_HANDOVER ? "handovers" : "vouchers";
    VAULT_TRY(make_items(s, c, count, list));
    for (size_t i = 0; i < count; i++) {
        item *it = &c->items[i];
        vault_error why = {0};
        uint8_t drawn[VOUCHER_LEN];
        if (voucher_read(drawn, kind, bytes_of_text(texts[i]), &why) != VAULT_OK) {
            (void)refuse_at(&it->err, why.reason, list, (long)i);
            continue;
        }
        find_id(it->natural_key, kind, drawn);
        wipe(drawn, sizeof drawn);
        it->voucher->terms.kind = kind;
        hex_encode(it->voucher->reference, bytes_of(it->natural_key, 8));
        make_mark(it->voucher, it);
    }
    return VAULT_OK;
}

vault_code voucher_end(int64_t *out, const call *c, const Google__Protobuf__Timestamp *asked, int64_t usual_us,
                       int64_t most_us, vault_error *err)
{
    int64_t now = c->now_us, latest = now + most_us + CLOCKS_US;
    *out = now + usual_us;
    if (!asked) return VAULT_OK;
    if (asked->seconds < now / 1000000 || asked->seconds > latest / 1000000 || asked->nanos < 0 ||
        asked->nanos > 999999999)
        return refuse_at(err, "BAD_TIME", "expire_time", -1);
    *out = asked->seconds * 1000000 + asked->nanos / 1000;
    return *out > now ? VAULT_OK : refuse_at(err, "BAD_TIME", "expire_time", -1);
}

bool voucher_of(const voucher_item *v, const char *app, const char *held)
{
    return v->known && strcmp(app, held) == 0;
}

void voucher_tell(line_facts *facts, const item *it)
{
    const voucher_item *v = it->voucher;
    facts->counterpart = v->counterpart;
    facts->sharing = v->sharing;
    facts->voucher = v->reference[0] ? v->reference : NULL;
}

/* ---- reading ---- */

/* What is not found is sealed for the work's sake. */
static vault_code work_alike(session *s, const voucher_item *v, vault_error *err)
{
    voucher_row none = v->row;
    voucher_terms terms = {.giver = "", .purpose = "", .person = "", .receiver = "", .basis = "", .item = ""};
    return seal_terms(s, &none, &terms, err);
}

/* As long as an answer is kept, and no longer: a voucher for one use is not for all days until its end. */
static bool was_counted(const item *it)
{
    const voucher_item *v = it->voucher;
    const kept_answer *k = it->call->kept;
    int64_t now = it->call->now_us;
    if (!k) return false;
    if (k->replayed && now < k->expires_us && it->index < k->answer.len && k->answer.at[it->index]) return true;
    if (now >= v->terms.used_us + KEPT_US) return false;
    for (unsigned i = 0; i < v->terms.mark_count; i++)
        if (bytes_same(bytes_of(v->terms.marks[i], USE_MARK_LEN), bytes_of(v->mark, USE_MARK_LEN))) return true;
    return false;
}

static vault_code open_row(session *s, item *it, const voucher_row *row, vault_error *err)
{
    voucher_item *v = it->voucher;
    v->row = *row;
    v->known = v->written = v->again = false;
    v->counterpart = v->sharing = NULL;
    it->fields = it->groups = it->form = NULL;
    it->id = (resident_id){0};
    vault_error_clear(&v->broken);
    if (!row->found) return work_alike(s, v, err);
    vault_code code = open_terms(s, &v->terms, row, &v->broken);
    if (code == VAULT_INTEGRITY) return session_damage(s, &v->broken), VAULT_OK;
    if (code != VAULT_OK) return *err = v->broken, code;
    v->known = true;
    v->again = was_counted(it);
    it->id = (resident_id){v->terms.resident};
    return VAULT_OK;
}

vault_code voucher_look(session *s, item **items, size_t count, vault_error *err)
{
    uint8_t(*ids)[VOUCHER_ID_LEN] = arena_array(s->mem, count, sizeof *ids);
    voucher_row *rows = arena_array(s->mem, count, sizeof *rows);
    if (!ids || !rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for vouchers");
    for (size_t i = 0; i < count; i++) memcpy(ids[i], items[i]->natural_key, VOUCHER_ID_LEN);
    VAULT_TRY(store_vouchers_read(s->store, s->mem, (const uint8_t(*)[VOUCHER_ID_LEN])ids, count, rows, err));
    for (size_t i = 0; i < count; i++) VAULT_TRY(open_row(s, items[i], &rows[i], err));
    return VAULT_OK;
}

/* ---- writing ---- */

static vault_code make(session *s, item *it, vault_error *err)
{
    voucher_item *v = it->voucher;
    char *text = arena_alloc(it->call->rq->mem, VOUCHER_TEXT_LEN + 1);
    if (!text) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a voucher");
    v->row = (voucher_row){.version = 1};
    memcpy(v->row.id, it->natural_key, VOUCHER_ID_LEN);
    v->terms.resident = it->record.row->id;
    v->terms.giver = it->call->caller->id;
    v->terms.purpose = it->call->purpose->id;
    v->terms.person = it->call->person ? it->call->person->id : "";
    const domain *own = call_domain(s, it->call, 0);
    v->terms.domain = own ? own->number : 0;
    VAULT_TRY(seal_terms(s, &v->row, &v->terms, err));
    v->written = true;
    hex_encode(v->reference, bytes_of(it->natural_key, 8));
    voucher_write(text, v->terms.kind, v->secret);
    it->text = text;
    return VAULT_OK;
}

vault_code voucher_prepare_new(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (items[i]->err.code == VAULT_OK) VAULT_TRY(make(s, items[i], err));
    return VAULT_OK;
}

vault_code voucher_next(session *s, item *it, vault_error *err)
{
    voucher_item *v = it->voucher;
    v->row.version++;
    v->written = true;
    return seal_terms(s, &v->row, &v->terms, err);
}

vault_code voucher_use(session *s, item *it, vault_error *err)
{
    voucher_terms *t = &it->voucher->terms;
    if (it->voucher->again) return VAULT_OK;
    t->used++;
    t->used_us = it->call->now_us;
    if (t->mark_count == USE_MARKS) memmove(t->marks[0], t->marks[1], (USE_MARKS - 1) * USE_MARK_LEN);
    if (t->mark_count < USE_MARKS) t->mark_count++;
    memcpy(t->marks[t->mark_count - 1], it->voucher->mark, USE_MARK_LEN);
    return voucher_next(s, it, err);
}

static vault_code written_rows(session *s, item **items, size_t count, voucher_row **rows, size_t *written,
                               vault_error *err)
{
    *written = 0;
    *rows = arena_array(s->mem, count, sizeof **rows);
    if (!*rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for vouchers");
    for (size_t i = 0; i < count; i++)
        if (items[i]->err.code == VAULT_OK && items[i]->voucher->written)
            (*rows)[(*written)++] = items[i]->voucher->row;
    return VAULT_OK;
}

vault_code voucher_write_new(session *s, item **items, size_t count, vault_error *err)
{
    voucher_row *rows;
    size_t written;
    VAULT_TRY(written_rows(s, items, count, &rows, &written, err));
    VAULT_TRY(store_vouchers_insert(s->store, s->mem, rows, written, err));
    return kept_write(s, items, count, batch_pack, err);
}

vault_code voucher_update(session *s, item **items, size_t count, vault_error *err)
{
    voucher_row *rows;
    size_t written;
    VAULT_TRY(written_rows(s, items, count, &rows, &written, err));
    return store_vouchers_update(s->store, s->mem, rows, written, err);
}

/* Of uses it is kept which were granted. Values are not: they are opened anew. */
static vault_code pack_used(session *s, const call *c, bytes *answer, vault_error *err)
{
    uint8_t *granted = arena_alloc(s->mem, c->item_count);
    if (!granted) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an answer");
    for (size_t i = 0; i < c->item_count; i++) granted[i] = c->items[i].err.code == VAULT_OK;
    *answer = bytes_of(granted, c->item_count);
    return VAULT_OK;
}

vault_code voucher_write_used(session *s, item **items, size_t count, vault_error *err)
{
    VAULT_TRY(voucher_update(s, items, count, err));
    return kept_write(s, items, count, pack_used, err);
}

/* ---- calls ---- */

void voucher_run_new(session *s, const voucher_way *how, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        calls[i]->shape = how->shape;
        (void)how->ask(s, calls[i]);
    }
    kept_find(s, calls, count);
    for (size_t i = 0; i < count && !s->moved; i++)
        if (kept_goes_on(calls[i])) (void)how->read(s, calls[i]);
    batch_run(s, how->kind, calls, count);
    kept_settle(s, calls, count);
    batch_answers(s, calls, count, how->shape);
}

void voucher_run_shown(session *s, const voucher_way *how, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)how->ask(s, calls[i]);
    kept_find(s, calls, count);
    for (size_t i = 0; i < count && !s->moved; i++)
        if (calls[i]->rq->err.code == VAULT_OK) (void)how->read(s, calls[i]);
    batch_run(s, how->kind, calls, count);
    for (size_t i = 0; i < count && !s->moved; i++) {
        call_fail_with_store(calls[i]);
        if (kept_rival(s, calls[i]) && how->read(s, calls[i]) == VAULT_OK) batch_run(s, how->kind, &calls[i], 1);
    }
    batch_answers(s, calls, count, how->shape);
}

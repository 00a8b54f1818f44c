/* Audit.AccessHistory: who has seen a resident's data, for the resident, or for a guardian in the register. The
 * question is a line before it is answered; what is told ends right before that line. A page does not show that
 * something was left out: what the law withholds is looked at as all else, and neither counted nor marked. */
#include "vault/audit/history.h"
#include "vault/service/internal.h"

#include "vault/base/clock.h"

#include <string.h>

enum { PAGE_DEFAULT = 100, PLACE_LEN = 8 };

struct history_item {
    item guardian; /* who asks, where it is not the resident */
    bool by_guardian, known;
    const resident_row *row; /* the guardian's */
    int64_t start_us, end_us;
    digest conditions;
    bytes place; /* where a page before ended */
    size_t limit;
    anchor anchor;
    history_page page;
    char *next;
};

static const Vault__V1__AccessHistoryRequest *asked_of(const call *c)
{
    return (const void *)c->rq->in;
}

/* ---- what a call brings ---- */

static vault_code read_time(int64_t *out, const Google__Protobuf__Timestamp *t, const char *path, vault_error *err)
{
    bool fits = !t || (t->seconds >= 0 && t->seconds < INT64_C(253402300800) && t->nanos >= 0 && t->nanos < 1000000000);
    if (!fits) return refuse_at(err, "OUT_OF_RANGE", path, -1);
    *out = t ? t->seconds * 1000000 + t->nanos / 1000 : 0;
    return VAULT_OK;
}

static vault_code read_conditions(struct history_item *h, const Vault__V1__AccessHistoryRequest *in, vault_error *err)
{
    if (in->page_size < 0 || in->page_size > HISTORY_MOST) return refuse_at(err, "OUT_OF_RANGE", "page_size", -1);
    h->limit = in->page_size ? (size_t)in->page_size : PAGE_DEFAULT;
    VAULT_TRY(read_time(&h->start_us, in->start_time, "start_time", err));
    VAULT_TRY(read_time(&h->end_us, in->end_time, "end_time", err));
    bool nothing = in->end_time && h->end_us <= h->start_us; /* 0 would mean: no end */
    return nothing ? refuse_at(err, "OUT_OF_RANGE", "end_time", -1) : VAULT_OK;
}

/* A page token is good for the same resident, guardian and times. */
static digest conditions_of(const struct history_item *h, const item *it)
{
    uint8_t numbers[32];
    store_u64(numbers, (uint64_t)it->id.id);
    store_u64(numbers + 8, (uint64_t)h->guardian.id.id);
    store_u64(numbers + 16, (uint64_t)h->start_us);
    store_u64(numbers + 24, (uint64_t)h->end_us);
    return sha256(bytes_of(numbers, sizeof numbers));
}

static vault_code ask_history(session *s, call *c)
{
    const Vault__V1__AccessHistoryRequest *in = asked_of(c);
    vault_error *err = &c->rq->err;
    call_admit_whole(s, c, POLICY_HISTORY);
    VAULT_TRY(call_make_items(s, c, 1, err));
    item *it = &c->items[0];
    struct history_item *h = it->history = arena_alloc(s->mem, sizeof *h);
    if (!h) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a history");
    *h = (struct history_item){.guardian = {.call = c}, .by_guardian = in->guardian_token[0] != '\0'};
    it->form = h->by_guardian ? "guardian" : "resident";
    VAULT_TRY(read_conditions(h, in, err));
    item_token(s, it, in->token, "token", -1);
    if (h->by_guardian) item_token(s, &h->guardian, in->guardian_token, "guardian_token", -1);
    if (it->err.code == VAULT_OK) it->err = h->guardian.err;
    h->conditions = conditions_of(h, it);
    VAULT_TRY(page_open(&h->place, s, c, in->page_token, &h->conditions));
    bool good = h->place.len == 0 || h->place.len == PLACE_LEN;
    return good ? VAULT_OK : refuse_at(err, "BAD_PAGE_TOKEN", "page_token", -1);
}

/* ---- who asks ---- */

/* Of whom there is no live record any more nobody is the guardian. The places of the residents' own keys are free until
 * they are proven. */
static vault_code look(session *s, item **items, size_t count, vault_error *err)
{
    resident_row *rows = arena_array(s->mem, count, sizeof *rows);
    int64_t *ids = arena_array(s->mem, count, sizeof *ids);
    if (!rows || !ids) return vault_fail(err, VAULT_EXHAUSTED, "no memory for guardians");
    for (size_t i = 0; i < count; i++) ids[i] = items[i]->history->guardian.id.id;
    VAULT_TRY(store_residents_by_id(s->store, s->mem, ids, count, rows, err));
    for (size_t i = 0; i < count; i++) {
        vault_error broken = {0};
        struct history_item *h = items[i]->history;
        record who = {.dek = s->deks.at + i * RECORD_KEYS_LEN};
        if (!h->by_guardian) continue;
        if (record_prove(&who, s->cabinet, &rows[i], &broken) != VAULT_OK) session_damage(s, &broken);
        h->known = who.genuine && rows[i].state == RECORD_LIVE;
        h->row = &rows[i];
        record_clear(&who);
    }
    return VAULT_OK;
}

static vault_code refuse(item *it, const char *reason)
{
    it->grant = (grant){0};
    return vault_refuse(&it->err, VAULT_PRECONDITION, reason, "");
}

static vault_code read_register(session *s, item *it, guardian_list *all, class_answer *child)
{
    const collection *of = schema_collection_number(&s->manifest->schema, (unsigned)it->row->collection);
    VAULT_TRY(record_guardians(all, s->cabinet, &it->record, &it->err));
    return record_child(child, s->cabinet, &it->record, of, clock_shanghai_date(it->call->now_us), &it->err);
}

/* Whoever is not in the register is told the same, whether there is such a one or not. */
static vault_code check_guardian(session *s, item *it)
{
    static const char *const reasons[] = {[GUARDIAN_NONE] = "NOT_A_GUARDIAN",
                                          [GUARDIAN_ENDED] = "GUARDIANSHIP_ENDED",
                                          [GUARDIAN_GROWN] = "WARD_IS_ADULT"};
    const struct history_item *h = it->history;
    guardian_list all;
    class_answer child = CLASS_UNKNOWN;
    vault_code code = read_register(s, it, &all, &child);
    if (code == VAULT_INTEGRITY) session_damage(s, &it->err);
    if (code != VAULT_OK) return it->grant = (grant){0}, code;
    guardianship is = h->known ? guardianship_of(&all, h->guardian.id.id, child, it->call->now_us) : GUARDIAN_NONE;
    it->on_word = true;
    it->other = h->row;
    return is == GUARDIAN_STANDS ? VAULT_OK : refuse(it, reasons[is]);
}

static vault_code judge(session *s, item *it)
{
    it->grant = item_ask_whole(s, it, POLICY_HISTORY);
    if (!it->grant.given) return refuse_clause(&it->err, CLAUSE_RESIDENT);
    return it->history->by_guardian ? check_guardian(s, it) : VAULT_OK;
}

/* ---- the lines: after that of the call ---- */

static vault_code find_anchor(session *s, item *it)
{
    anchor *out = &it->history->anchor;
    vault_code code = ledger_anchor(out, s->service->ledger, s->store, it->call->rq->mem, &it->err);
    if (code != VAULT_NOT_FOUND) return code;
    vault_error_clear(&it->err); /* nothing was published yet: no entry can have a path */
    *out = (anchor){.note = ""};
    return VAULT_OK;
}

static vault_code seal_next(session *s, item *it)
{
    struct history_item *h = it->history;
    uint8_t place[PLACE_LEN];
    if (h->page.next < 0) return VAULT_OK;
    store_u64(place, (uint64_t)h->page.next);
    vault_code code = page_seal(&h->next, s, it->call, &h->conditions, bytes_of(place, sizeof place));
    if (code != VAULT_OK) it->err = it->call->rq->err;
    return code;
}

static vault_code read_lines(session *s, item *it)
{
    struct history_item *h = it->history;
    int64_t newest = it->line->index - 1, from = h->place.len ? (int64_t)load_u64(h->place.at) : newest;
    aead *cipher = NULL;
    VAULT_TRY(find_anchor(s, it));
    VAULT_TRY(record_view_cipher(&cipher, s->cabinet, &it->record, &it->err));
    const history_query q = {.resident = it->id.id,
                             .view = cipher,
                             .start_us = h->start_us,
                             .end_us = h->end_us,
                             .from = from < newest ? from : newest,
                             .today = clock_shanghai_date(it->call->now_us),
                             .limit = h->limit,
                             .read_most = HISTORY_READ_MOST,
                             .tree = h->anchor.tree,
                             .until_us = page_until(it->call->rq)};
    VAULT_TRY(ledger_history(&h->page, s->scribe, s->store, it->call->rq->mem, &q, &it->err));
    return seal_next(s, it);
}

static const item_kind HISTORY = {.look = look, .judge = judge, .finish = read_lines};

/* ---- the answer ---- */

static ProtobufCBinaryData borrowed(bytes of)
{
    return (ProtobufCBinaryData){.len = of.len, .data = (uint8_t *)(uintptr_t)of.at};
}

/* Of the register, in memory of the request: the manifest may be gone when the answer is packed. */
static bool name_places(Vault__V1__AccessEntry *out, const session *s, arena *mem)
{
    const purpose *why = manifest_purpose(s->manifest, bytes_of_text(out->purpose));
    const char *who = manifest_department_title(s->manifest, out->department);
    out->purpose_title = arena_text(mem, bytes_of_text(why ? why->title : ""));
    out->department_title = arena_text(mem, bytes_of_text(who ? who : ""));
    return out->purpose_title && out->department_title;
}

/* "contact,identity" */
static bool split_groups(Vault__V1__AccessEntry *out, arena *mem, const char *groups)
{
    size_t most = 1;
    for (const char *at = groups; *at; at++) most += *at == ',';
    if (!(out->groups = arena_array(mem, most, sizeof *out->groups))) return false;
    while (*groups) {
        size_t len = strcspn(groups, ",");
        if (!(out->groups[out->n_groups++] = arena_text(mem, bytes_of(groups, len)))) return false;
        groups += len + (groups[len] == ',');
    }
    return true;
}

static bool tell_receipt(Vault__V1__AccessEntry *out, arena *mem, const history_entry *from)
{
    out->line = (uint64_t)from->index;
    out->leaf = borrowed(from->leaf);
    out->resident_view = borrowed(from->view);
    out->resident_salt = borrowed(bytes_of(from->salt, SALT_LEN));
    if (!(out->path = arena_array(mem, from->path.len + 1, sizeof *out->path))) return false;
    for (size_t i = 0; i < from->path.len; i++) out->path[out->n_path++] = borrowed(digest_bytes(&from->path.at[i]));
    return true;
}

static Vault__V1__AccessEntry *tell(const session *s, arena *mem, const history_entry *from)
{
    Vault__V1__AccessEntry *out = MESSAGE(mem, Vault__V1__AccessEntry, vault__v1__access_entry__init);
    if (!out || !(out->time = timestamp_of(mem, from->time_us))) return NULL;
    out->action = lent(line_action_name(from->action));
    out->outcome = lent(from->outcome);
    out->department = lent(from->department);
    out->purpose = lent(from->purpose);
    out->basis = lent(from->basis);
    bool told = name_places(out, s, mem) && split_groups(out, mem, from->groups) && tell_receipt(out, mem, from);
    return told ? out : NULL;
}

static bool tell_classes(Vault__V1__AccessHistoryResponse *out, const session *s, arena *mem)
{
    size_t count = policy_withholding_count(s->manifest->policy);
    if (!(out->withheld_classes = arena_array(mem, count + 1, sizeof *out->withheld_classes))) return false;
    for (size_t i = 0; i < count; i++) {
        const char *id = policy_withholding_id(s->manifest->policy, (unsigned)i);
        if (!(out->withheld_classes[out->n_withheld_classes++] = arena_text(mem, bytes_of_text(id)))) return false;
    }
    return true;
}

static vault_code answer(session *s, call *c)
{
    arena *mem = c->rq->mem;
    const struct history_item *h = c->items[0].history;
    Vault__V1__AccessHistoryResponse *out =
        MESSAGE(mem, Vault__V1__AccessHistoryResponse, vault__v1__access_history_response__init);
    bool told = out && tell_classes(out, s, mem) &&
                (out->entries = arena_array(mem, h->page.count + 1, sizeof *out->entries)) != NULL;
    for (size_t i = 0; told && i < h->page.count; i++)
        told = (out->entries[out->n_entries++] = tell(s, mem, &h->page.entries[i])) != NULL;
    if (!told) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a history");
    out->checkpoint = lent(h->anchor.note);
    out->next_page_token = lent(h->next);
    c->rq->out = &out->base;
    return VAULT_OK;
}

void audit_access_history(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)ask_history(s, calls[i]);
    batch_run(s, &HISTORY, calls, count);
    for (size_t i = 0; i < count && !s->moved; i++) {
        call *c = calls[i];
        call_fail_with_store(c);
        if (c->rq->err.code == VAULT_OK) c->rq->err = c->items[0].err;
        if (c->rq->err.code == VAULT_OK) (void)answer(s, c);
    }
}

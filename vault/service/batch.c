/* The hot path (DESIGN.md section 8). A part of at most BATCH_ITEMS items goes through
 *
 *   fetch rows ─ prove each, judge each ─ prepare rows ─ lines ─ append and commit ─ finish each (open fields) ─
 * receipts
 *
 * One statement fetches, one statement appends and commits by itself: two round trips for a reveal. Rows that are
 * written (put) go into a transaction that the append ends. Rows are written before the head is locked, sorted, so that
 * the head is held for the lines alone. Where a grant rests on what another may change meanwhile (hold.h),
 * that is held inside the transaction before rows and lines are made (hold.h):
 *
 *   fetch rows ─ prove, judge ─ BEGIN ─ holds ─ prepare rows ─ lines ─ write rows ─ append ─ COMMIT ─ finish
 *
 * What fails for the store's sake fails for the part; a part that PostgreSQL refused is split, so that one bad item
 * does not fail its neighbours. A granted item that then does not open gets a second line, which refers to the first.
 */
#include "vault/service/budgets.h"
#include "vault/service/canaries.h"
#include "vault/service/kept.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <string.h>

typedef struct part {
    session *s;
    const item_kind *kind;
    item **items;
    size_t count;
    appended appended;
} part;

enum { PART_ATTEMPTS = 3 };

static vault_code fetch_by_id(part *p, resident_row *rows, vault_error *err)
{
    int64_t *ids = arena_array(p->s->mem, p->count, sizeof *ids);
    if (!ids) return vault_fail(err, VAULT_EXHAUSTED, "no memory for ids");
    for (size_t i = 0; i < p->count; i++) ids[i] = p->items[i]->id.id;
    return store_residents_by_id(p->s->store, p->s->mem, ids, p->count, rows, err);
}

/* Of each item the keys by every version of the ring, in one statement: between two of them a row may go from one
 * version to the next. At most one of an item's keys has a row. */
static vault_code fetch_by_key(part *p, resident_row *rows, vault_error *err)
{
    size_t versions = p->count ? 1 + p->items[0]->older_count : 1, total = p->count * versions;
    uint8_t(*keys)[NATURAL_LEN] = arena_array(p->s->mem, total, sizeof *keys);
    resident_row *all = versions == 1 ? rows : arena_array(p->s->mem, total, sizeof *all);
    if (!keys || !all) return vault_fail(err, VAULT_EXHAUSTED, "no memory for keys");
    for (size_t i = 0; i < p->count; i++) {
        const item *it = p->items[i];
        memcpy(keys[i * versions], it->natural_key, NATURAL_LEN);
        if (versions > 1) memcpy(keys[i * versions + 1], it->older, (versions - 1) * NATURAL_LEN);
    }
    VAULT_TRY(store_residents_by_key(p->s->store, p->s->mem, (const uint8_t(*)[NATURAL_LEN])keys, total, all, err));
    for (size_t i = 0; versions > 1 && i < p->count; i++) {
        rows[i] = all[i * versions];
        for (size_t v = 1; v < versions && !rows[i].found; v++) rows[i] = all[i * versions + v];
    }
    return VAULT_OK;
}

static vault_code fetch(part *p, vault_error *err)
{
    resident_row *rows = arena_array(p->s->mem, p->count, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    VAULT_TRY(p->kind->by_natural_key ? fetch_by_key(p, rows, err) : fetch_by_id(p, rows, err));
    for (size_t i = 0; i < p->count; i++) p->items[i]->row = &rows[i];
    return VAULT_OK;
}

/* Whoever may write a new record is told that it is new: the work of a decoy would hide nothing from him. */
static bool may_create(part *p, item *it)
{
    if (it->row->found || !p->kind->by_natural_key || it->call->admission.failed != CLAUSE_NONE) return false;
    if (p->kind->judge(p->s, it) == VAULT_OK) return true;
    vault_error_clear(&it->err);
    return false;
}

/* A row that is not what it was sealed as is a failure of the store, unless the call had no business with it anyway. */
static void judge(part *p, item *it)
{
    vault_error broken = {0};
    const admission *a = &it->call->admission;
    if (it->nobody) {
        (void)(a->failed != CLAUSE_NONE ? refuse_clause(&it->err, a->failed) : p->kind->judge(p->s, it));
        return;
    }
    if (may_create(p, it)) return;
    vault_code proven = item_prove(p->s, it, &broken);
    if (a->failed != CLAUSE_NONE) {
        (void)refuse_clause(&it->err, a->failed);
    } else if (proven != VAULT_OK) {
        session_damage(p->s, &broken);
        it->err = broken;
    } else {
        (void)p->kind->judge(p->s, it);
    }
}

/* What the call's lines have in common, and what this item asks for instead. */
static line_facts item_facts(const part *p, const item *it, line_outcome outcome)
{
    line_facts facts = call_facts(p->s, it->call, outcome);
    if (it->fields) facts.fields = it->fields;
    if (it->groups) facts.groups = it->groups;
    if (it->voucher) voucher_tell(&facts, it);
    return facts;
}

/* A decoy's view was sealed for the work's sake alone. Of somebody the officer's view says who and where, in some fifty
 * bytes: most often one block more to hash. */
static void hide_nobody(line *of)
{
    static const uint8_t fifty[DIGEST_LEN];
    of->resident_sealed = bytes_of(NULL, 0);
    (void)sha256(bytes_of(fifty, sizeof fifty));
}

static vault_code make_line(part *p, item *it, vault_error *err)
{
    aead *cipher = NULL;
    vault_code outcome = it->err.code;
    line_facts facts = item_facts(p, it,
                                  outcome == VAULT_OK          ? LINE_GRANTED
                                  : outcome == VAULT_INTEGRITY ? LINE_FAILED
                                                               : LINE_REFUSED);
    facts.form = it->form ? it->form : it->call->form;
    if (it->action) facts.action = it->action;
    facts.rule = it->rule ? it->rule : it->grant.given ? policy_rule_id(p->s->manifest->policy, it->grant.rule) : NULL;
    facts.clause = item_clause(it);
    facts.attributes = item_attributes(p->s, it);
    facts.withheld = item_withheld(p->s, it);
    if (!facts.sharing) facts.sharing = item_sharing(p->s, it);
    facts.resident = it->id.id;
    facts.hits = it->hits;
    facts.budgets = it->budgets;
    if (it->record.genuine) {
        facts.resident = it->record.row->id;
        facts.area = it->record.row->area;
        facts.record_version = it->version = (uint32_t)it->record.row->version;
    }
    if (it->record.row) VAULT_TRY(record_view_cipher(&cipher, p->s->cabinet, &it->record, err));
    VAULT_TRY(line_make(it->line, p->s->scribe, p->s->mem, &facts, cipher, err));
    if (!it->record.genuine) hide_nobody(it->line);
    return VAULT_OK;
}

static vault_code make_lines(part *p, line **lines, vault_error *err)
{
    *lines = arena_array(p->s->mem, p->count, sizeof **lines);
    if (!*lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for lines");
    for (size_t i = 0; i < p->count; i++) {
        p->items[i]->line = &(*lines)[i];
        VAULT_TRY(make_line(p, p->items[i], err));
    }
    return VAULT_OK;
}

/* What the part does to rows: for the head's sum, and, of those who are erased, for its chain. */
static vault_code add_changes(line_batch *to, const part *p, vault_error *err)
{
    row_change *rows = arena_array(p->s->mem, p->count, sizeof *rows);
    int64_t *erased = arena_array(p->s->mem, p->count, sizeof *erased);
    if (!rows || !erased) return vault_fail(err, VAULT_EXHAUSTED, "no memory for changes");
    to->rows = rows;
    to->erased = erased;
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i]->err.code != VAULT_OK) continue;
        const row_change one = p->kind->change(p->items[i]);
        if (one.row || one.was) rows[to->row_count++] = one;
        if (one.was && !one.row) erased[to->erased_count++] = one.was->id;
    }
    return VAULT_OK;
}

static vault_code make_batch(line_batch *out, part *p, vault_error *err)
{
    line *lines = NULL;
    if (p->kind->prepare) VAULT_TRY(p->kind->prepare(p->s, p->items, p->count, err));
    VAULT_TRY(make_lines(p, &lines, err));
    *out = (line_batch){.control_version = p->s->manifest->version,
                        .control_stamp = p->s->control_stamp,
                        .lines = lines,
                        .count = p->count};
    return p->kind->change ? add_changes(out, p, err) : VAULT_OK;
}

/* An empty batch is made here, when what the grants rest on is locked: that may refuse items. */
static vault_code append_within(part *p, line_batch *batch, vault_error *err)
{
    session *s = p->s;
    if (!batch->lines) {
        VAULT_TRY(holds_take(s, p->items, p->count, err));
        VAULT_TRY(make_batch(batch, p, err));
    }
    if (p->kind->write) VAULT_TRY(p->kind->write(s, p->items, p->count, err));
    VAULT_TRY(canaries_alarm(s, p->items, p->count, err));
    return ledger_append_in_transaction(s->service->ledger, s->store, s->mem, batch, &p->appended, err);
}

static vault_code append_in_transaction(part *p, line_batch *batch, vault_error *err)
{
    session *s = p->s;
    VAULT_TRY(store_begin(s->store, err));
    vault_code code = append_within(p, batch, err);
    if (code == VAULT_OK) code = store_commit(s->store, err);
    if (code == VAULT_OK) {
        ledger_committed(s->service->ledger);
        budgets_committed(s);
        return VAULT_OK;
    }
    ledger_rolled_back(s->service->ledger);
    store_rollback(s->store);
    return code;
}

/* Rows and lines are made before a transaction begins, where nothing has to be held for them: whoever waits for the
 * same rows waits for less. */
static vault_code append(part *p, vault_error *err)
{
    session *s = p->s;
    line_batch batch = {0};
    bool held = holds_wanted(s, p->items, p->count), alarms = canaries_used(s, p->items, p->count);
    if (!held) VAULT_TRY(make_batch(&batch, p, err));
    if (held || alarms || p->kind->write) return append_in_transaction(p, &batch, err);
    return ledger_append(s->service->ledger, s->store, s->mem, &batch, &p->appended, err);
}

static vault_code look_and_fetch(part *p, vault_error *err)
{
    if (p->kind->look) VAULT_TRY(p->kind->look(p->s, p->items, p->count, err));
    return fetch(p, err);
}

static vault_code read_rows(part *p, vault_error *err)
{
    if (!p->kind->one_snapshot) return look_and_fetch(p, err);
    VAULT_TRY(store_begin_snapshot(p->s->store, err));
    vault_code code = look_and_fetch(p, err);
    store_rollback(p->s->store);
    return code;
}

/* Up to the commit. After OK every item has its line. */
static vault_code commit(part *p, vault_error *err)
{
    cabinet_use(p->s->cabinet, p->s->mem);
    VAULT_TRY(read_rows(p, err));
    VAULT_TRY(seen_look(p->s, p->items, p->count, err));
    for (size_t i = 0; i < p->count; i++) {
        p->items[i]->record.dek = p->s->deks.at + i * RECORD_KEYS_LEN;
        judge(p, p->items[i]);
    }
    return append(p, err);
}

/* The second line of an item that was granted and did not open. */
static vault_code make_failure(part *p, const item *it, line *out, vault_error *err)
{
    line_facts facts = item_facts(p, it, LINE_FAILED);
    facts.resident = it->record.row->id;
    facts.area = it->record.row->area;
    facts.record_version = it->version;
    facts.refers_to = it->line->index;
    facts.clause = it->err.reason ? it->err.reason : vault_code_name(it->err.code);
    if (it->err.code != VAULT_INVALID)
        log_failure(LOG_ERROR, "record.open", &it->err); /* what is no token's value is sound */
    return line_make(out, p->s->scribe, p->s->mem, &facts, NULL, err);
}

static vault_code write_failures(part *p, size_t failed, vault_error *err)
{
    size_t n = 0;
    line *lines = arena_array(p->s->mem, failed, sizeof *lines);
    if (!lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for %zu lines", failed);
    for (size_t i = 0; i < p->count; i++) {
        const item *it = p->items[i];
        if (it->grant.given && it->err.code != VAULT_OK) VAULT_TRY(make_failure(p, it, &lines[n++], err));
    }
    return append_alone(p->s, lines, n, err);
}

static void finish(part *p)
{
    vault_error err = {0};
    size_t failed = 0;
    if (!p->kind->finish) return;
    for (size_t i = 0; i < p->count; i++) {
        item *it = p->items[i];
        if (it->err.code != VAULT_OK) continue;
        cabinet_use(p->s->cabinet, it->call->rq->mem);
        cabinet_act_for(p->s->cabinet, it->grant.form == FORM_TOKEN ? call_domain(p->s, it->call, 0) : NULL);
        failed += p->kind->finish(p->s, it) != VAULT_OK;
    }
    if (failed && write_failures(p, failed, &err) != VAULT_OK) log_failure(LOG_ERROR, "record.open.unlogged", &err);
}

/* ---- receipts ---- */

static Vault__V1__ReceiptLine *receipt_line(arena *mem, const line *from)
{
    Vault__V1__ReceiptLine *out = MESSAGE(mem, Vault__V1__ReceiptLine, vault__v1__receipt_line__init);
    bytes leaf = arena_copy(mem, bytes_of(from->leaf, LEAF_LEN)), view = arena_copy(mem, from->resident_view);
    bytes salt = arena_copy(mem, bytes_of(from->resident_salt, SALT_LEN));
    if (!out || !leaf.at || !view.at || !salt.at) return NULL;
    out->leaf = (ProtobufCBinaryData){.len = leaf.len, .data = (uint8_t *)(uintptr_t)leaf.at};
    out->resident_view = (ProtobufCBinaryData){.len = view.len, .data = (uint8_t *)(uintptr_t)view.at};
    out->resident_salt = (ProtobufCBinaryData){.len = salt.len, .data = (uint8_t *)(uintptr_t)salt.at};
    return out;
}

static vault_code receipt_path(part *p, Vault__V1__Receipt *out, arena *mem, vault_error *err)
{
    merkle_path path;
    VAULT_TRY(appended_path(&p->appended, mem, (int64_t)out->first_line, out->n_lines, &path, err));
    out->path = arena_array(mem, path.len + 1, sizeof *out->path);
    if (!out->path) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a receipt");
    for (size_t i = 0; i < path.len; i++)
        out->path[out->n_path++] =
            (ProtobufCBinaryData){.len = DIGEST_LEN, .data = (uint8_t *)(uintptr_t)path.at[i].at};
    return VAULT_OK;
}

/* The receipt of items [first, end), which are those of one call in this part. */
static vault_code make_receipt(part *p, size_t first, size_t end, vault_error *err)
{
    call *c = p->items[first]->call;
    arena *mem = c->rq->mem;
    Vault__V1__Receipt *out = MESSAGE(mem, Vault__V1__Receipt, vault__v1__receipt__init);
    Vault__V1__ReceiptLine **lines = arena_array(mem, end - first, sizeof *lines);
    if (!p->appended.checkpoint) VAULT_TRY(appended_sign(&p->appended, p->s->service->ledger, p->s->mem, err));
    if (!out || !lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a receipt");
    out->first_line = (uint64_t)p->items[first]->line->index;
    out->lines = lines;
    for (size_t i = first; i < end; i++) {
        if (!(lines[out->n_lines++] = receipt_line(mem, p->items[i]->line)))
            return vault_fail(err, VAULT_EXHAUSTED, "no memory for a receipt");
    }
    out->checkpoint = arena_text(mem, bytes_of_text(p->appended.checkpoint));
    VAULT_TRY(receipt_path(p, out, mem, err));
    c->receipts[c->receipt_count++] = out;
    return VAULT_OK;
}

static void make_receipts(part *p)
{
    for (size_t first = 0, end; first < p->count; first = end) {
        call *c = p->items[first]->call;
        for (end = first + 1; end < p->count && p->items[end]->call == c;) end++;
        if (c->want_receipt) (void)make_receipt(p, first, end, &c->rq->err);
    }
}

/* ---- parts ---- */

static void reset(item **items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        vault_error_clear(&items[i]->err);
        items[i]->grant = (grant){0};
        items[i]->on_word = false;
        items[i]->other = NULL;
        items[i]->looked = 0;
        items[i]->budgets = NULL;
        items[i]->spent = 0;
        record_clear(&items[i]->record);
    }
}

/* One attempt, all the way. */
static vault_code try_part(session *s, const item_kind *kind, item **items, size_t count, vault_error *err)
{
    part p = {.s = s, .kind = kind, .items = items, .count = count};
    VAULT_TRY(commit(&p, err));
    s->confirmed = true;
    service_note(s->service, VAULT_OK, err);
    canaries_told(s, items, count);
    finish(&p);
    make_receipts(&p);
    return VAULT_OK;
}

static void fail_item(item *it, const vault_error *err)
{
    it->err = *err;
    if (it->call->rq->err.code == VAULT_OK) it->call->rq->err = *err;
}

/* No line stands for the part: its calls fail as a whole. */
static void fail_part(session *s, item **items, size_t count, const vault_error *err)
{
    service_note(s->service, err->code, err);
    for (size_t i = 0; i < count; i++) fail_item(items[i], err);
}

/* What one item alone can have brought about: the others need not suffer for it. */
static bool one_may_be_to_blame(vault_code code)
{
    return code == VAULT_INTERNAL || code == VAULT_CONFLICT || code == VAULT_INVALID;
}

/* Two that are decided together stay together. */
static bool cuts_pair(item **items, size_t end)
{
    return end > 0 && items[end - 1]->with == items[end - 1] + 1;
}

static void run_part(session *s, const item_kind *kind, item **items, size_t count);

/* A request that another run answered meanwhile writes nothing, not even in a part of its own: what was written since
 * would be undone. Its call fails, and finds that answer (kept_rival); the others run again without it. */
static bool leave_out_answered(session *s, const item_kind *kind, item **items, size_t count, const vault_error *lost)
{
    vault_error err = {0};
    bool answered[BATCH_ITEMS];
    size_t left = 0;
    if (kept_elsewhere(s, items, count, answered, &err) != VAULT_OK) {
        fail_part(s, items, count, &err);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (answered[i])
            fail_item(items[i], lost);
        else
            items[left++] = items[i];
    }
    if (left < count && left > 0) run_part(s, kind, items, left);
    return left < count;
}

/* What is left of a call that has failed is of no use to anybody, and is not written. */
static size_t drop_failed(item **items, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i]->call->rq->err.code == VAULT_OK) items[left++] = items[i];
    return left;
}

/* A control version that moved on is no failure: all runs again (service_run). */
static void run_part(session *s, const item_kind *kind, item **items, size_t count)
{
    if ((count = drop_failed(items, count)) == 0) return;
    vault_error err = {0};
    vault_code code = VAULT_CONFLICT;
    for (int attempt = 0; code == VAULT_CONFLICT && attempt < PART_ATTEMPTS; attempt++) {
        vault_error_clear(&err);
        code = try_part(s, kind, items, count, &err);
        if (err.reason && strcmp(err.reason, "CONTROL_MOVED") == 0) s->moved = true;
        if (code == VAULT_OK || s->moved) return;
        reset(items, count);
    }
    if (code == VAULT_CONFLICT && kind->write && leave_out_answered(s, kind, items, count, &err)) return;
    size_t half = count / 2 + cuts_pair(items, count / 2);
    if (half > 0 && half < count && one_may_be_to_blame(code)) {
        run_part(s, kind, items, half);
        if (!s->moved) run_part(s, kind, items + half, count - half);
        return;
    }
    fail_part(s, items, count, &err);
}

static uint64_t place_of(const item_kind *kind, const item *it)
{
    return kind->by_natural_key || kind->by_voucher ? load_u64(it->natural_key) : (uint64_t)it->id.id;
}

static bool same_resident(const item_kind *kind, const item *a, const item *b)
{
    if (!kind->by_natural_key && !kind->by_voucher) return a->id.id == b->id.id;
    return bytes_same(bytes_of(a->natural_key, NATURAL_LEN), bytes_of(b->natural_key, NATURAL_LEN));
}

/* Items that write rows must not name the same resident, or the same voucher, twice in one transaction: the part ends
 * before the second. */
static size_t distinct(const item_kind *kind, item **items, size_t count)
{
    enum { SLOTS = 4 * BATCH_ITEMS };
    uint16_t slots[SLOTS] = {0};
    for (size_t i = 0; i < count; i++) {
        size_t at = place_of(kind, items[i]) % SLOTS;
        bool nobody = !kind->by_natural_key && !kind->by_voucher && items[i]->id.id == 0;
        if (nobody) continue; /* nothing is written */
        for (; slots[at]; at = (at + 1) % SLOTS)
            if (same_resident(kind, items[slots[at] - 1], items[i])) return i;
        slots[at] = (uint16_t)(i + 1);
    }
    return count;
}

void batch_run(session *s, const item_kind *kind, call **calls, size_t count)
{
    item *items[BATCH_ITEMS];
    size_t next_call = 0, next_item = 0;
    while (next_call < count && !s->moved) {
        size_t n = 0;
        for (; next_call < count && n < BATCH_ITEMS; next_call++, next_item = 0) {
            call *c = calls[next_call];
            if (c->rq->err.code != VAULT_OK) continue; /* nothing in it is final any more */
            for (; next_item < c->item_count && n < BATCH_ITEMS; next_item++)
                if (c->items[next_item].err.code == VAULT_OK) items[n++] = &c->items[next_item];
            if (next_item < c->item_count && cuts_pair(items, n)) n--, next_item--;
            if (next_item < c->item_count) break;
        }
        for (size_t first = 0, end; first < n && !s->moved; first = end) {
            end = kind->write ? first + distinct(kind, items + first, n - first) : n;
            run_part(s, kind, items + first, end - first);
        }
    }
}

/* Records: put. */
#include "vault/service/internal.h"

#include "google/rpc/status.pb-c.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <stdio.h>
#include <string.h>

/* What a put item brings, and the row that it becomes. */
typedef struct put_item {
    record_input in;
    resident_row next;
    bool created;
} put_item;

/* What the items of a call share: which column is which field, in order of field number. */
typedef struct put_columns {
    size_t *order;      /* positions in the mask, by field number */
    long natural, area; /* positions of the two fields that every item must give */
    uint32_t collected;
} put_columns;

static vault_code read_time(uint32_t *out, const Google__Protobuf__Timestamp *given, vault_error *err)
{
    int64_t now = clock_now_us() / 1000000;
    int64_t at = given ? given->seconds : now;
    if (at <= 0 || at > now + 300) return refuse_at(err, "BAD_TIME", "collect_time", -1);
    *out = (uint32_t)at;
    return VAULT_OK;
}

static vault_code read_columns(session *s, call *c, put_columns *out, vault_error *err)
{
    const schema *all = &s->manifest->schema;
    *out = (put_columns){.order = arena_array(s->mem, c->mask_count, sizeof *out->order), .natural = -1, .area = -1};
    if (!out->order) return vault_fail(err, VAULT_EXHAUSTED, "no memory for columns");
    for (size_t i = 0; i < c->mask_count; i++) {
        size_t at = i;
        for (; at > 0 && c->mask[out->order[at - 1]]->number > c->mask[i]->number; at--)
            out->order[at] = out->order[at - 1];
        out->order[at] = i;
        if (c->mask[i] == all->natural_key) out->natural = (long)i;
        if (c->mask[i] == all->area) out->area = (long)i;
    }
    if (out->natural < 0) return refuse_at(err, "NATURAL_KEY_REQUIRED", "field_mask", -1);
    if (out->area < 0) return refuse_at(err, "AREA_REQUIRED", "field_mask", -1);
    return VAULT_OK;
}

static vault_code refuse_value(item *it, const char *reason, size_t position)
{
    char list[64];
    snprintf(list, sizeof list, "items[%zu].values", it->index);
    return refuse_at(&it->err, reason, list, (long)position);
}

static vault_code read_values(session *s, item *it, const put_columns *columns, char *const *values)
{
    const call *c = it->call;
    put_item *put = it->put;
    input_field *fields = arena_array(s->mem, c->mask_count, sizeof *fields);
    if (!fields) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for values");
    put->in.fields = fields;
    for (size_t i = 0; i < c->mask_count; i++) {
        size_t position = columns->order[i];
        vault_error why = {0};
        bytes text = bytes_of_text(values[position]), canonical;
        if (text.len == 0) continue;
        if (format_normalise(c->mask[position]->format, s->mem, text, &canonical, &why) != VAULT_OK)
            return refuse_value(it, why.reason ? why.reason : "INVALID", position);
        fields[put->in.count++] = (input_field){.field = c->mask[position], .text = canonical};
    }
    return VAULT_OK;
}

static const input_field *value_of(const put_item *put, const schema_field *field)
{
    for (size_t i = 0; i < put->in.count; i++)
        if (put->in.fields[i].field == field) return &put->in.fields[i];
    return NULL;
}

static vault_code read_item(session *s, item *it, const put_columns *columns, const Vault__V1__ResidentInput *given)
{
    const schema *all = &s->manifest->schema;
    if (given->n_values != it->call->mask_count) return refuse_at(&it->err, "WRONG_COUNT", "items", (long)it->index);
    if (!(it->put = arena_alloc(s->mem, sizeof *it->put)))
        return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for an item");
    it->put->in = (record_input){
        .schema = all, .department = (uint16_t)it->call->caller->department_no, .collected = columns->collected};
    VAULT_TRY(read_values(s, it, columns, given->values));
    const input_field *natural = value_of(it->put, all->natural_key), *area = value_of(it->put, all->area);
    if (!natural) return refuse_value(it, "REQUIRED", (size_t)columns->natural);
    if (!area) return refuse_value(it, "REQUIRED", (size_t)columns->area);
    for (size_t i = 0; i < area->text.len; i++)
        it->put->in.area.code = it->put->in.area.code * 10 + (area->text.at[i] - '0');
    return cabinet_natural_key(s->cabinet, it->natural_key, natural->text, &it->err);
}

static vault_code read_call(session *s, call *c)
{
    const Vault__V1__BatchPutRequest *in = (const void *)c->rq->in;
    vault_error *err = &c->rq->err;
    put_columns columns;
    c->want_receipt = in->want_receipt;
    if (strcmp(in->collection, s->manifest->schema.collection) != 0)
        return refuse_at(err, "UNKNOWN_COLLECTION", "collection", -1);
    VAULT_TRY(call_mask(s, c, in->field_mask, err));
    VAULT_TRY(read_columns(s, c, &columns, err));
    VAULT_TRY(read_time(&columns.collected, in->collect_time, err));
    VAULT_TRY(call_items(s, c, in->n_items, "items", err));
    call_admission(s, c, POLICY_PUT, FORM_PLAIN);
    for (size_t i = 0; i < in->n_items; i++) (void)read_item(s, &c->items[i], &columns, in->items[i]);
    return VAULT_OK;
}

/* Both the area that the resident is put into and the one that the stored record is in must be the caller's. */
static vault_code judge_put(session *s, item *it)
{
    const call *c = it->call;
    it->grant = policy_decide(s->manifest->policy, &c->admission, &c->facts, it->put->in.area);
    if (!it->grant.given) return refuse_clause(&it->err, it->grant.failed);
    return it->record.genuine ? judge_by_area(s, it) : VAULT_OK;
}

static bool is_new(const item *it)
{
    return it->err.code == VAULT_OK && !it->record.genuine;
}

static int by_item_key(const void *a, const void *b)
{
    const uint8_t *x = (*(item *const *)a)->natural_key, *y = (*(item *const *)b)->natural_key;
    uint64_t high[] = {load_u64(x), load_u64(y)}, low[] = {load_u64(x + 8), load_u64(y + 8)};
    if (high[0] != high[1]) return high[0] < high[1] ? -1 : 1;
    return low[0] == low[1] ? 0 : low[0] < low[1] ? -1 : 1;
}

/* An id is a number of the sequence with random bits behind it: whoever sets the sequence back does not make an id come
 * again, under which a token of somebody who was deleted would open somebody else's values. */
static vault_code widen_ids(int64_t *ids, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t random[8];
        VAULT_TRY(entropy_fill(random, sizeof random, err));
        if (ids[i] <= 0 || ids[i] > UINT32_MAX)
            return vault_fail(err, VAULT_EXHAUSTED, "the sequence of ids is at its end");
        ids[i] = ids[i] << 31 | (int64_t)(load_u64(random) >> 33);
    }
    return VAULT_OK;
}

/* New residents get their ids in the order of their natural keys: rows are written in that order, and so each index of
 * ids grows at its right end. */
static vault_code give_ids(session *s, item **items, size_t count, vault_error *err)
{
    size_t wanted = 0;
    item **fresh = arena_array(s->mem, count, sizeof *fresh);
    int64_t *ids = arena_array(s->mem, count, sizeof *ids);
    if (!fresh || !ids) return vault_fail(err, VAULT_EXHAUSTED, "no memory for ids");
    for (size_t i = 0; i < count; i++)
        if (is_new(items[i])) fresh[wanted++] = items[i];
    if (wanted == 0) return VAULT_OK;
    VAULT_TRY(store_resident_ids(s->store, ids, wanted, err));
    VAULT_TRY(widen_ids(ids, wanted, err));
    qsort(fresh, wanted, sizeof *fresh, by_item_key);
    for (size_t i = 0; i < wanted; i++) fresh[i]->put->next.id = ids[i];
    return VAULT_OK;
}

static vault_code seal_new(session *s, item *it)
{
    resident_row *next = &it->put->next;
    *next = (resident_row){.found = true, .id = next->id};
    memcpy(next->natural_key, it->natural_key, NATURAL_LEN);
    it->put->created = true;
    return record_create(&it->record, s->cabinet, next, &it->put->in, &it->err);
}

static vault_code seal_next(session *s, item *it)
{
    VAULT_TRY(record_merge(&it->put->next, s->cabinet, &it->record, &it->put->in, &it->err));
    it->put->created = false;
    it->record.row = &it->put->next;
    return VAULT_OK;
}

/* Values that cannot be sealed, and a stored record that does not open, are the item's own affair; all else is the
 * part's. */
static vault_code settle_sealing(item *it, vault_code code, vault_error *err)
{
    if (code == VAULT_INVALID) {
        const char *reason = it->err.reason;
        vault_error_clear(&it->err);
        (void)refuse_at(&it->err, reason, "items", (long)it->index);
        return VAULT_OK;
    }
    if (code == VAULT_INTEGRITY) {
        log_failure(LOG_ERROR, "record.integrity", &it->err);
        return VAULT_OK;
    }
    if (code != VAULT_OK) *err = it->err;
    return code;
}

static vault_code prepare_put(session *s, item **items, size_t count, vault_error *err)
{
    VAULT_TRY(give_ids(s, items, count, err));
    for (size_t i = 0; i < count; i++) {
        if (items[i]->err.code != VAULT_OK) continue;
        vault_code code = is_new(items[i]) ? seal_new(s, items[i]) : seal_next(s, items[i]);
        VAULT_TRY(settle_sealing(items[i], code, err));
    }
    return VAULT_OK;
}

static vault_code write_put(session *s, item **items, size_t count, vault_error *err)
{
    resident_row *inserts = arena_array(s->mem, count, sizeof *inserts),
                 *updates = arena_array(s->mem, count, sizeof *updates);
    size_t inserted = 0, updated = 0;
    if (!inserts || !updates) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    for (size_t i = 0; i < count; i++) {
        if (items[i]->err.code != VAULT_OK) continue;
        const put_item *put = items[i]->put;
        *(put->created ? &inserts[inserted++] : &updates[updated++]) = put->next;
    }
    if (inserted) VAULT_TRY(store_residents_insert(s->store, s->mem, inserts, inserted, err));
    return updated ? store_residents_update(s->store, s->mem, updates, updated, err) : VAULT_OK;
}

static const item_kind PUT = {.by_natural_key = true, .judge = judge_put, .prepare = prepare_put, .write = write_put};

static Vault__V1__PutResult *put_result(const item *it)
{
    arena *mem = it->call->rq->mem;
    Vault__V1__PutResult *out = MESSAGE(mem, Vault__V1__PutResult, vault__v1__put_result__init);
    if (!out) return NULL;
    if (it->err.code != VAULT_OK) return (out->status = status_message(mem, &it->err)) ? out : NULL;
    out->created = it->put->created;
    out->record_version = it->version;
    return out;
}

static void answer_put(call *c)
{
    request *rq = c->rq;
    Vault__V1__BatchPutResponse *out =
        MESSAGE(rq->mem, Vault__V1__BatchPutResponse, vault__v1__batch_put_response__init);
    Vault__V1__PutResult **results = arena_array(rq->mem, c->item_count, sizeof *results);
    if (!out || !results) return;
    out->results = results;
    for (size_t i = 0; i < c->item_count; i++)
        if (!(results[out->n_results++] = put_result(&c->items[i]))) return;
    out->receipts = c->receipts;
    out->n_receipts = c->receipt_count;
    rq->out = &out->base;
}

void records_batch_put(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)read_call(s, calls[i]);
    batch_run(s, &PUT, calls, count);
    call_answers(s, calls, count, answer_put);
}

/* Records that are put. Values become fields in their canonical form, and with the record that stands the next row.
 * BatchPut and Import are two ways in; the way of an item is the same. */
#include "vault/service/kept.h"

#include "google/rpc/status.pb-c.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <stdio.h>
#include <string.h>

/* ---- what a call brings ---- */

vault_code put_read_time(uint32_t *out, const Google__Protobuf__Timestamp *given, vault_error *err)
{
    int64_t now = clock_now_us() / 1000000;
    int64_t at = given ? given->seconds : now;
    if (at <= 0 || at > now + 300) return refuse_at(err, "BAD_TIME", "collect_time", -1);
    *out = (uint32_t)at;
    return VAULT_OK;
}

vault_code put_read_columns(session *s, call *c, put_columns *out, vault_error *err)
{
    out->natural = out->area = out->grid = -1;
    out->order = arena_array(s->mem, c->mask_count, sizeof *out->order);
    if (!out->order) return vault_fail(err, VAULT_EXHAUSTED, "no memory for columns");
    for (size_t i = 0; i < c->mask_count; i++) {
        const schema_field *f = c->mask[i];
        size_t at = i;
        if (f->retired) return refuse_at(err, "RETIRED_FIELD", "field_mask.paths", (long)i);
        for (; at > 0 && c->mask[out->order[at - 1]]->number > f->number; at--) out->order[at] = out->order[at - 1];
        out->order[at] = i;
        if (f == c->collection->natural_key) out->natural = (long)i;
        if (f == c->collection->area) out->area = (long)i;
        if (f == c->collection->grid) out->grid = (long)i;
    }
    return VAULT_OK;
}

vault_code put_read_header(session *s, call *c, const put_header *header, put_columns *out)
{
    vault_error *err = &c->rq->err;
    const collection *of = schema_collection(&s->manifest->schema, header->collection);
    *out = (put_columns){.list = header->list, .dry = header->dry};
    if (!of) return refuse_at(err, "UNKNOWN_COLLECTION", "collection", -1);
    VAULT_TRY(call_mask(s, c, header->mask, err));
    if (c->collection != of) return refuse_at(err, "MIXED_COLLECTIONS", "field_mask", -1);
    VAULT_TRY(put_read_columns(s, c, out, err));
    if (out->natural < 0) return refuse_at(err, "NATURAL_KEY_REQUIRED", "field_mask", -1);
    if (out->area < 0) return refuse_at(err, "AREA_REQUIRED", "field_mask", -1);
    VAULT_TRY(put_read_time(&out->collected, header->collected, err));
    call_admission(s, c, POLICY_PUT, FORM_PLAIN);
    if (header->dry) c->form = "dry-run";
    return VAULT_OK;
}

/* ---- what an item brings ---- */

static void fault_path(char *out, size_t len, const item *it, const put_fault *fault)
{
    if (!it->put->columns->list)
        snprintf(out, len, fault->column < 0 ? "values" : "values[%ld]", fault->column);
    else if (fault->column < 0)
        snprintf(out, len, "%s[%zu]", it->put->columns->list, it->index);
    else
        snprintf(out, len, "%s[%zu].values[%ld]", it->put->columns->list, it->index, fault->column);
}

/* Every bad value is told; the first one is the item's outcome. */
static vault_code add_fault(session *s, item *it, const char *reason, long column)
{
    put_item *put = it->put;
    char path[64];
    if (!put->faults) put->faults = arena_array(s->mem, it->call->mask_count + 1, sizeof *put->faults);
    if (!put->faults) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for faults");
    put->faults[put->fault_count] = (put_fault){.column = column, .reason = reason};
    fault_path(path, sizeof path, it, &put->faults[put->fault_count++]);
    return refuse_at(&it->err, reason, path, -1);
}

/* An item on its way in. */
typedef struct reading {
    session *s;
    item *it;
    input_field *fields;
    put_keys *keys;
} reading;

static void keep_key(reading *r, long position, bytes text)
{
    const put_columns *columns = r->it->put->columns;
    if (position == columns->natural) r->keys->natural = text;
    if (position == columns->area) r->keys->area = text;
    if (position == columns->grid) r->keys->grid = text;
}

static vault_code read_value(reading *r, size_t position, const char *value)
{
    const schema_field *field = r->it->call->mask[position];
    vault_error why = {0};
    bytes canonical;
    vault_code code = format_normalise(field->format, r->s->mem, bytes_of_text(value), &canonical, &why);
    if (code == VAULT_INVALID) {
        (void)add_fault(r->s, r->it, why.reason ? why.reason : "INVALID", (long)position);
        return VAULT_OK;
    }
    if (code != VAULT_OK) return r->it->err = why, code;
    keep_key(r, (long)position, canonical);
    if (canonical.len > 0) r->fields[r->it->put->in.count++] = (input_field){.field = field, .text = canonical};
    return VAULT_OK;
}

static bool is_faulty(const put_item *put, long column)
{
    for (size_t i = 0; i < put->fault_count; i++)
        if (put->faults[i].column == column) return true;
    return false;
}

static void require(session *s, item *it, bytes given, long column)
{
    if (given.len == 0 && !is_faulty(it->put, column)) (void)add_fault(s, it, "REQUIRED", column);
}

int64_t number_of_digits(bytes digits)
{
    int64_t n = 0;
    for (size_t i = 0; i < digits.len; i++) n = n * 10 + (digits.at[i] - '0');
    return n;
}

/* A grid is the community's 12 digits and a number in it: the area of a record reaches down to it where it is known. */
vault_code put_read_area(session *s, item *it, const put_keys *keys)
{
    put_item *put = it->put;
    int64_t division = number_of_digits(keys->area), grid = number_of_digits(keys->grid);
    put->in.area.code = division * GRIDS;
    if (keys->grid.len == 0) return VAULT_OK;
    if (keys->grid.len != AREA_DIGITS || grid / GRIDS != division)
        return add_fault(s, it, "GRID_NOT_IN_AREA", put->columns->grid);
    put->in.area.code = grid;
    return VAULT_OK;
}

vault_code put_read_values(put_keys *keys, session *s, item *it, char *const *values, size_t count)
{
    const call *c = it->call;
    put_item *put = it->put;
    *keys = (put_keys){0};
    if (count != c->mask_count) return add_fault(s, it, "WRONG_COUNT", -1);
    reading r = {.s = s, .it = it, .keys = keys, .fields = arena_array(s->mem, c->mask_count, sizeof *r.fields)};
    if (!r.fields) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for values");
    put->in = (record_input){.collection = c->collection,
                             .fields = r.fields,
                             .department = (uint16_t)c->caller->department_no,
                             .collected = put->columns->collected};
    for (size_t i = 0; i < c->mask_count; i++) {
        size_t position = put->columns->order[i];
        if (values[position][0]) VAULT_TRY(read_value(&r, position, values[position]));
    }
    return VAULT_OK;
}

static vault_code read_item(session *s, item *it, const Vault__V1__ResidentInput *given)
{
    const put_columns *columns = it->put->columns;
    put_keys keys;
    VAULT_TRY(put_read_values(&keys, s, it, given->values, given->n_values));
    require(s, it, keys.natural, columns->natural);
    require(s, it, keys.area, columns->area);
    if (keys.area.len > 0) (void)put_read_area(s, it, &keys);
    if (it->put->fault_count > 0) return it->err.code;
    return item_natural_key(s, it, it->call->collection, keys.natural);
}

vault_code put_read_rows(session *s, call *c, const put_columns *columns, Vault__V1__ResidentInput *const *rows,
                         size_t count)
{
    VAULT_TRY(call_items(s, c, count, columns->list, &c->rq->err));
    put_item *puts = arena_array(s->mem, count, sizeof *puts);
    if (!puts) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for %zu items", count);
    for (size_t i = 0; i < count; i++) {
        puts[i].columns = columns;
        c->items[i].put = &puts[i];
        (void)read_item(s, &c->items[i], rows[i]);
    }
    return VAULT_OK;
}

/* ---- decision ---- */

/* Where no grid is given, and the record stays in its community, it stays in its grid. */
static area_code area_after(const item *it)
{
    area_code given = it->put->in.area;
    bool stays = it->record.genuine && given.code % GRIDS == 0 && it->row->area / GRIDS == given.code / GRIDS;
    return stays ? (area_code){it->row->area} : given;
}

/* Both the area that the record is put into and the one that it is in must be the caller's. */
vault_code put_judge(session *s, item *it)
{
    const call *c = it->call;
    it->grant = policy_decide(s->manifest->policy, &c->admission, &c->facts,
                              item_facts_at(s, it, &c->admission, &c->facts, area_after(it)));
    if (!it->grant.given) return refuse_clause(&it->err, it->grant.failed);
    return it->record.genuine ? judge_by_area(s, it) : VAULT_OK;
}

/* ---- rows ---- */

static bool is_new(const item *it)
{
    return it->err.code == VAULT_OK && !it->record.genuine;
}

static bool is_dry(const item *it)
{
    return it->put->columns->dry;
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
vault_code put_new_ids(session *s, int64_t *ids, size_t count, vault_error *err)
{
    VAULT_TRY(store_resident_ids(s->store, ids, count, err));
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
        if (is_new(items[i]) && !is_dry(items[i])) fresh[wanted++] = items[i];
    if (wanted == 0) return VAULT_OK;
    VAULT_TRY(put_new_ids(s, ids, wanted, err));
    qsort(fresh, wanted, sizeof *fresh, by_item_key);
    for (size_t i = 0; i < wanted; i++) fresh[i]->put->next.id = ids[i];
    return VAULT_OK;
}

static vault_code seal_new(session *s, item *it)
{
    resident_row *next = &it->put->next;
    it->put->merged = (record_merged){0};
    *next = (resident_row){.found = true, .id = next->id};
    memcpy(next->natural_key, it->natural_key, NATURAL_LEN);
    it->put->created = true;
    VAULT_TRY(record_create(&it->record, s->cabinet, next, &it->put->in, &it->err));
    if (is_dry(it)) record_clear(&it->record); /* nobody will be there: the line names nobody */
    return VAULT_OK;
}

static vault_code seal_next(session *s, item *it)
{
    put_item *put = it->put;
    put->created = false;
    VAULT_TRY(record_merge(&put->merged, &put->next, s->cabinet, &it->record, &put->in, &it->err));
    if (!put->merged.unchanged && !is_dry(it)) it->record.row = &put->next;
    return VAULT_OK;
}

/* Values that cannot be sealed, and a stored record that does not open, are the item's own affair; all else is the
 * part's. */
static vault_code settle_sealing(session *s, item *it, vault_code code, vault_error *err)
{
    if (code == VAULT_INVALID) {
        const char *reason = it->err.reason;
        vault_error_clear(&it->err);
        it->put->fault_count = 0; /* of an attempt before */
        (void)add_fault(s, it, reason, -1);
        return it->err.code == VAULT_INVALID ? VAULT_OK : it->err.code;
    }
    if (code == VAULT_INTEGRITY) {
        session_damage(s, &it->err);
        return VAULT_OK;
    }
    if (code != VAULT_OK) *err = it->err;
    return code;
}

vault_code put_prepare(session *s, item **items, size_t count, vault_error *err)
{
    VAULT_TRY(give_ids(s, items, count, err));
    for (size_t i = 0; i < count; i++) {
        if (items[i]->err.code != VAULT_OK) continue;
        vault_code code = is_new(items[i]) ? seal_new(s, items[i]) : seal_next(s, items[i]);
        VAULT_TRY(settle_sealing(s, items[i], code, err));
    }
    return VAULT_OK;
}

/* ---- writing ---- */

typedef struct put_rows {
    resident_row *inserts, *updates;
    correction_row *corrections;
    size_t inserted, updated, corrected;
} put_rows;

static bool is_written(const item *it)
{
    return it->err.code == VAULT_OK && !is_dry(it);
}

static void sort_rows(put_rows *out, item **items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const put_item *put = items[i]->put;
        if (!is_written(items[i])) continue;
        for (size_t j = 0; j < put->merged.correction_count; j++)
            out->corrections[out->corrected++] = put->merged.corrections[j];
        if (put->created)
            out->inserts[out->inserted++] = put->next;
        else if (!put->merged.unchanged)
            out->updates[out->updated++] = put->next;
    }
}

row_change put_change(const item *it)
{
    const put_item *put = it->put;
    if (!is_written(it) || (!put->created && put->merged.unchanged)) return (row_change){0};
    return (row_change){.row = &put->next, .was = put->created ? NULL : put->next.was};
}

/* A request is sealed under the resident's key: where its row is not written, it must stay as it is. All rows are
 * locked then, in one order, before any is written. */
vault_code put_hold(session *s, item **items, size_t count, vault_error *err)
{
    size_t held = 0;
    bool beside = false;
    resident_row *rows = arena_array(s->mem, count, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    for (size_t i = 0; i < count; i++) {
        const put_item *put = items[i]->put;
        bool decided = items[i]->named && items[i]->named->decision, dry = put->columns && is_dry(items[i]);
        if (items[i]->err.code != VAULT_OK || dry || put->created) continue;
        if (put->merged.unchanged && !decided && put->merged.correction_count == 0) continue;
        beside |= put->merged.unchanged;
        rows[held++] = *items[i]->row;
    }
    return beside ? store_residents_hold(s->store, s->mem, rows, held, err) : VAULT_OK;
}

vault_code put_write(session *s, item **items, size_t count, vault_error *err)
{
    size_t corrections = 0;
    for (size_t i = 0; i < count; i++) corrections += items[i]->put->merged.correction_count;
    put_rows rows = {.inserts = arena_array(s->mem, count, sizeof *rows.inserts),
                     .updates = arena_array(s->mem, count, sizeof *rows.updates),
                     .corrections = arena_array(s->mem, corrections + 1, sizeof *rows.corrections)};
    if (!rows.inserts || !rows.updates || !rows.corrections)
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    sort_rows(&rows, items, count);
    VAULT_TRY(put_hold(s, items, count, err));
    if (rows.inserted) VAULT_TRY(store_residents_insert(s->store, s->mem, rows.inserts, rows.inserted, err));
    if (rows.updated) VAULT_TRY(store_residents_update(s->store, s->mem, rows.updates, rows.updated, err));
    return rows.corrected ? store_corrections_put(s->store, s->mem, rows.corrections, rows.corrected, err) : VAULT_OK;
}

/* ---- BatchPut ---- */

static google_status *faults_status(const item *it)
{
    arena *mem = it->call->rq->mem;
    const put_item *put = it->put;
    violation *fields = arena_array(mem, put->fault_count + 1, sizeof *fields);
    if (!fields) return NULL;
    for (size_t i = 0; i < put->fault_count; i++) {
        char path[64];
        fault_path(path, sizeof path, it, &put->faults[i]);
        fields[i] = (violation){.field = arena_text(mem, bytes_of_text(path)), .reason = put->faults[i].reason};
        if (!fields[i].field) return NULL;
    }
    return status_of_fields(mem, &it->err, fields, put->fault_count);
}

/* Names live in the answer: the schema is gone when it leaves. */
static bool name_corrections(Vault__V1__PutResult *out, const record_merged *merged, arena *mem)
{
    out->corrections = arena_array(mem, merged->correction_count + 1, sizeof *out->corrections);
    if (!out->corrections) return false;
    for (size_t i = 0; i < merged->correction_count; i++)
        if (!(out->corrections[out->n_corrections++] = arena_text(mem, bytes_of_text(merged->refused[i]->name))))
            return false;
    return true;
}

static bool fill_put(void *result, const item *it)
{
    Vault__V1__PutResult *out = result;
    out->created = it->put->created;
    out->record_version = it->version;
    out->unchanged = it->put->merged.unchanged;
    return it->put->merged.correction_count == 0 || name_corrections(out, &it->put->merged, it->call->rq->mem);
}

Vault__V1__PutResult *put_result(const item *it)
{
    arena *mem = it->call->rq->mem;
    Vault__V1__PutResult *out = MESSAGE(mem, Vault__V1__PutResult, vault__v1__put_result__init);
    return out && fill_put(out, it) ? out : NULL;
}

static const batch_shape PUT_ANSWER = {
    .response = &vault__v1__batch_put_response__descriptor, .fill = fill_put, .refused = faults_status, .kept = true};

static vault_code write_put(session *s, item **items, size_t count, vault_error *err)
{
    VAULT_TRY(put_write(s, items, count, err));
    return kept_write(s, items, count, batch_pack, err);
}

static const item_kind PUT = {
    .by_natural_key = true, .judge = put_judge, .prepare = put_prepare, .write = write_put, .change = put_change};

static vault_code read_call(session *s, call *c)
{
    const Vault__V1__BatchPutRequest *in = (const void *)c->rq->in;
    const put_header header = {
        .collection = in->collection, .mask = in->field_mask, .collected = in->collect_time, .list = "items"};
    c->columns = arena_alloc(s->mem, sizeof *c->columns);
    if (!c->columns) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for columns");
    c->shape = &PUT_ANSWER;
    c->want_receipt = in->want_receipt;
    VAULT_TRY(put_read_header(s, c, &header, c->columns));
    return c->admission.failed == CLAUSE_NONE ? kept_ask_request(s, c, "resident-vault put 1") : VAULT_OK;
}

static vault_code read_rows(session *s, call *c)
{
    const Vault__V1__BatchPutRequest *in = (const void *)c->rq->in;
    return kept_goes_on(c) ? put_read_rows(s, c, c->columns, in->items, in->n_items) : VAULT_OK;
}

void records_batch_put(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)read_call(s, calls[i]);
    kept_find(s, calls, count);
    for (size_t i = 0; i < count && !s->moved; i++) (void)read_rows(s, calls[i]);
    batch_run(s, &PUT, calls, count);
    kept_settle(s, calls, count);
    batch_answers(s, calls, count, &PUT_ANSWER);
}

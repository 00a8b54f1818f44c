/* Records.Update: fields of one record, by its name and the version that the caller has read. The way of its row is
 * that of a put; so are the rules of authority. */
#include "vault/service/internal.h"

#include <string.h>

static const Vault__V1__UpdateRecordRequest *asked_of(const call *c)
{
    return (const void *)c->rq->in;
}

/* ---- what a call brings ---- */

static vault_code read_header(session *s, call *c, put_columns *out)
{
    const Vault__V1__UpdateRecordRequest *in = asked_of(c);
    vault_error *err = &c->rq->err;
    VAULT_TRY(call_mask(s, c, in->field_mask, err));
    VAULT_TRY(put_read_columns(s, c, out, err));
    if (out->natural >= 0) return refuse_at(err, "NATURAL_KEY_FIXED", "field_mask.paths", out->natural);
    if (in->version == 0) return refuse_at(err, "REQUIRED", "version", -1);
    VAULT_TRY(put_read_time(&out->collected, in->collect_time, err));
    call_admission(s, c, POLICY_PUT, FORM_PLAIN);
    return VAULT_OK;
}

/* What one update keeps between reading and judging. */
typedef struct updating {
    put_columns columns;
    put_item put;
    put_keys keys;
} updating;

static vault_code read_call(session *s, call *c)
{
    const Vault__V1__UpdateRecordRequest *in = asked_of(c);
    updating *u = arena_alloc(s->mem, sizeof *u);
    if (!u) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for an update");
    c->want_receipt = in->want_receipt;
    VAULT_TRY(read_header(s, c, &u->columns));
    VAULT_TRY(call_record(s, c, in->name, "name"));
    item *it = &c->items[0];
    u->put.columns = &u->columns;
    it->put = &u->put;
    it->named->keys = &u->keys;
    VAULT_TRY(put_read_values(&u->keys, s, it, in->values, in->n_values));
    return it->err.code;
}

/* ---- judging ---- */

/* Where the values put the record: a grid that comes without its division must lie in the stored one. */
static vault_code place(session *s, item *it)
{
    put_item *put = it->put;
    put_keys keys = *it->named->keys;
    put->fault_count = 0; /* of an attempt before */
    if (keys.area.len > 0) return put_read_area(s, it, &keys);
    put->in.area.code = it->row->area;
    if (keys.grid.len == 0) return VAULT_OK;
    const char *division = arena_format(s->mem, "%0*lld", DIVISION_DIGITS, (long long)(it->row->area / GRIDS));
    if (!division) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a division");
    keys.area = bytes_of_text(division);
    return put_read_area(s, it, &keys);
}

/* The version is told to those alone who may put the record as it stands. */
static vault_code judge_update(session *s, item *it)
{
    VAULT_TRY(judge_by_area(s, it));
    it->grant = (grant){0};
    if ((uint32_t)it->row->version != asked_of(it->call)->version)
        return vault_refuse(&it->err, VAULT_CONFLICT, "STALE_VERSION", "");
    VAULT_TRY(place(s, it));
    return put_judge(s, it);
}

static const item_kind UPDATE = {
    .judge = judge_update, .prepare = put_prepare, .write = put_write, .change = put_change};

/* ---- the answer ---- */

static void answer_update(call *c)
{
    arena *mem = c->rq->mem;
    const item *it = &c->items[0];
    c->rq->err = it->err;
    Vault__V1__UpdateRecordResponse *out =
        MESSAGE(mem, Vault__V1__UpdateRecordResponse, vault__v1__update_record_response__init);
    if (!out || it->err.code != VAULT_OK || !(out->result = put_result(it))) return;
    out->receipt = c->receipt_count ? c->receipts[0] : NULL;
    c->rq->out = &out->base;
}

void records_update(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)read_call(s, calls[i]);
    batch_run(s, &UPDATE, calls, count);
    call_answers(s, calls, count, answer_update);
}

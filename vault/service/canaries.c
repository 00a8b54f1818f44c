/* Canaries: made, listed and retired by officers. Record, manifest and lines are of one transaction: there is no moment
 * at which one is met and not known. */
#include "vault/service/canaries.h"
#include "vault/service/canary_made.h"
#include "vault/service/change.h"
#include "vault/service/log_walk.h"

#include <string.h>

enum { AT_ONCE = 100, COMMUNITY_DIGITS = 12, GRID_DIGITS = 15 };

static vault_code no_room(request *rq)
{
    return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for an answer");
}

/* ---- uses ---- */

typedef struct canary_uses {
    const session *s;
    const canary *all;
    uint64_t *count;
    int64_t *last_us;
} canary_uses;

/* Apps have departments; officers and administrators have none. */
static vault_code count_uses(void *context, const line_columns *at, size_t first, size_t end, vault_error *err)
{
    canary_uses *u = context;
    (void)err;
    for (size_t i = first; i < end; i++) {
        if (!at->resident[i] || at->action[i] == LINE_SEARCH || !at->text[COLUMN_DEPARTMENT][i]) continue;
        const canary *one = manifest_canary(u->s->manifest, at->resident[i]);
        if (!one) continue;
        u->count[one - u->all]++;
        u->last_us[one - u->all] = at->time_us[i];
    }
    return VAULT_OK;
}

static vault_code find_uses(canary_uses *out, session *s, const call *c, vault_error *err)
{
    const canary *all;
    size_t count = manifest_canaries(s->manifest, &all);
    *out = (canary_uses){.s = s,
                         .all = all,
                         .count = arena_array(s->mem, count + 1, sizeof *out->count),
                         .last_us = arena_array(s->mem, count + 1, sizeof *out->last_us)};
    if (!out->count || !out->last_us) return vault_fail(err, VAULT_EXHAUSTED, "no memory for canaries");
    if (count == 0) return VAULT_OK;
    log_walk w = {.look = count_uses, .context = out, .from_us = all[0].made_us, .deadline_us = c->rq->deadline_us};
    return log_walk_run(&w, s, err);
}

/* ---- as they are told ---- */

static char *area_text(arena *mem, int64_t area)
{
    return area % GRIDS ? arena_format(mem, "%015lld", (long long)area)
                        : arena_format(mem, "%012lld", (long long)(area / GRIDS));
}

static bool answer_values(Vault__V1__Canary *out, arena *mem, const canary *from)
{
    out->values = arena_array(mem, from->value_count + 1, sizeof *out->values);
    if (!out->values) return false;
    for (size_t i = 0; i < from->value_count; i++) {
        Vault__V1__NamedValue *one = MESSAGE(mem, Vault__V1__NamedValue, vault__v1__named_value__init);
        Vault__V1__FieldValue *value = MESSAGE(mem, Vault__V1__FieldValue, vault__v1__field_value__init);
        if (!one || !value) return false;
        one->field = arena_text(mem, bytes_of_text(from->values[i].field));
        value->text = arena_text(mem, bytes_of_text(from->values[i].text));
        one->value = value;
        if (!one->field || !value->text) return false;
        out->values[out->n_values++] = one;
    }
    return true;
}

static char *copied(arena *mem, const char *text)
{
    return arena_text(mem, bytes_of_text(text ? text : ""));
}

/* Without values and uses. */
static Vault__V1__Canary *answer_canary(arena *mem, const canary *from)
{
    Vault__V1__Canary *out = MESSAGE(mem, Vault__V1__Canary, vault__v1__canary__init);
    if (!out) return NULL;
    out->name = copied(mem, from->name);
    out->collection = copied(mem, from->collection);
    out->area = area_text(mem, from->area);
    out->department = copied(mem, from->department);
    out->person = copied(mem, from->person);
    out->create_time = timestamp_of(mem, from->made_us);
    if (from->retired_us) out->retire_time = timestamp_of(mem, from->retired_us);
    bool whole = out->name && out->collection && out->area && out->department && out->person && out->create_time &&
                 !from->retired_us == !out->retire_time;
    return whole ? out : NULL;
}

static bool answer_uses(Vault__V1__Canary *out, arena *mem, const canary_uses *u, const canary *of)
{
    size_t at = (size_t)(of - u->all);
    out->uses = u->count[at];
    return out->uses == 0 || (out->last_use_time = timestamp_of(mem, u->last_us[at])) != NULL;
}

/* ---- create ---- */

/* Canaries on their way: what is written in the transaction of the change. */
typedef struct planting {
    session *s;
    canary *told;
    resident_row *rows;
    row_change *changes;
    size_t count;
} planting;

static bool is_number(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789") == digits && text[0] != '0';
}

static vault_code read_place(canary_wish *out, const Vault__V1__CreateCanariesRequest *in, vault_error *err)
{
    bool grid = out->collection->grid && is_number(in->area, GRID_DIGITS);
    if (!grid && !is_number(in->area, COMMUNITY_DIGITS)) return refuse_at(err, "BAD_AREA", "area", -1);
    out->community = bytes_of(in->area, COMMUNITY_DIGITS);
    if (grid) out->grid = bytes_of_text(in->area);
    out->area.code = number_of_digits(bytes_of_text(in->area)) * (grid ? 1 : GRIDS);
    return VAULT_OK;
}

static vault_code read_eyes(canary_wish *out, const session *s, const Vault__V1__CreateCanariesRequest *in,
                            vault_error *err)
{
    out->given_by = (uint16_t)out->collection->natural_key->owner_no;
    if (in->department[0]) {
        out->department = in->department;
        out->given_by = (uint16_t)manifest_department_number(s->manifest, in->department);
        if (!out->given_by) return refuse_at(err, "UNKNOWN_DEPARTMENT", "department", -1);
    }
    if (!in->person[0]) return VAULT_OK;
    out->person = in->person;
    return manifest_person(s->manifest, in->person) ? VAULT_OK : refuse_at(err, "UNKNOWN_PERSON", "person", -1);
}

static vault_code read_wish(canary_wish *out, const session *s, const call *c)
{
    const Vault__V1__CreateCanariesRequest *in = (const void *)c->rq->in;
    vault_error *err = &c->rq->err;
    *out = (canary_wish){.collection = schema_collection(&s->manifest->schema, in->collection), .now_us = c->now_us};
    if (!out->collection) return refuse_at(err, "UNKNOWN_COLLECTION", "collection", -1);
    if (!canary_possible(out->collection)) return refuse_at(err, "COLLECTION_UNSUITABLE", "collection", -1);
    if (in->count < 1 || in->count > AT_ONCE) return refuse_at(err, "OUT_OF_RANGE", "count", -1);
    VAULT_TRY(read_place(out, in, err));
    return read_eyes(out, s, in, err);
}

static bytes natural_text(const canary_made *of)
{
    for (size_t i = 0; i < of->values.count; i++)
        if (of->values.fields[i].field == of->values.collection->natural_key) return of->values.fields[i].text;
    return bytes_of(NULL, 0);
}

static vault_code make_row(planting *p, size_t i, const canary_wish *wish, int64_t id, vault_error *err)
{
    canary_made made;
    session *s = p->s;
    record sealed = {.dek = s->deks.at};
    resident_row *row = &p->rows[i];
    VAULT_TRY(canary_make(&made, s->mem, wish, err));
    *row = (resident_row){.found = true, .id = id};
    VAULT_TRY(cabinet_natural_key(s->cabinet, row->natural_key, wish->collection, natural_text(&made), err));
    vault_code code = record_create(&sealed, s->cabinet, row, &made.values, err);
    record_clear(&sealed);
    p->told[i] = made.told;
    p->told[i].resident = id;
    p->changes[i] = (row_change){.row = row};
    return code;
}

static vault_code make_rows(planting *p, const canary_wish *wish, vault_error *err)
{
    session *s = p->s;
    int64_t ids[AT_ONCE];
    p->told = arena_array(s->mem, p->count, sizeof *p->told);
    p->rows = arena_array(s->mem, p->count, sizeof *p->rows);
    p->changes = arena_array(s->mem, p->count, sizeof *p->changes);
    if (!p->told || !p->rows || !p->changes) return vault_fail(err, VAULT_EXHAUSTED, "no memory for canaries");
    cabinet_use(s->cabinet, s->mem);
    VAULT_TRY(put_new_ids(s, ids, p->count, err));
    for (size_t i = 0; i < p->count; i++) VAULT_TRY(make_row(p, i, wish, ids[i], err));
    return VAULT_OK;
}

static vault_code write_rows(void *context, store *with, vault_error *err)
{
    const planting *p = context;
    return store_residents_insert(with, p->s->mem, p->rows, p->count, err);
}

/* The call, and each canary: by its name, and by nothing that leads to its record. */
static vault_code fill_line(void *context, line_facts *facts, size_t i, vault_error *err)
{
    const planting *p = context;
    (void)err;
    facts->fields = i > 0 ? p->told[i - 1].name : NULL;
    return VAULT_OK;
}

static vault_code answer_created(call *c, const planting *p)
{
    arena *mem = c->rq->mem;
    Vault__V1__CreateCanariesResponse *out =
        MESSAGE(mem, Vault__V1__CreateCanariesResponse, vault__v1__create_canaries_response__init);
    Vault__V1__Canary **list = arena_array(mem, p->count, sizeof *list);
    if (!out || !list) return no_room(c->rq);
    out->canaries = list;
    for (size_t i = 0; i < p->count; i++) {
        p->told[i].made_us = c->now_us;
        if (!(list[i] = answer_canary(mem, &p->told[i])) || !answer_values(list[i], mem, &p->told[i]))
            return no_room(c->rq);
        out->n_canaries++;
    }
    c->rq->out = &out->base;
    return VAULT_OK;
}

static vault_code create(session *s, call *c)
{
    canary_wish wish;
    change_record done;
    planting p = {.s = s};
    change what = {.kind = CHANGE_PLANT, .write = write_rows, .context = &p};
    if (read_wish(&wish, s, c) != VAULT_OK) return change_refuse(s, c, &what);
    p.count = (size_t)((const Vault__V1__CreateCanariesRequest *)(const void *)c->rq->in)->count;
    VAULT_TRY(make_rows(&p, &wish, &c->rq->err));
    what.canaries = p.told;
    what.canary_count = p.count;
    const change_lines lines = {
        .count = 1 + p.count, .fill = fill_line, .rows = p.changes, .row_count = p.count, .context = &p};
    VAULT_TRY(change_run_with(s, c, &what, &done, &lines));
    return answer_created(c, &p);
}

void canaries_create(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)create(s, calls[i]);
}

/* ---- list ---- */

static vault_code answer_list(session *s, call *c)
{
    const Vault__V1__ListCanariesRequest *in = (const void *)c->rq->in;
    arena *mem = c->rq->mem;
    const canary *all;
    size_t count = manifest_canaries(s->manifest, &all);
    canary_uses uses;
    VAULT_TRY(find_uses(&uses, s, c, &c->rq->err));
    Vault__V1__ListCanariesResponse *out =
        MESSAGE(mem, Vault__V1__ListCanariesResponse, vault__v1__list_canaries_response__init);
    Vault__V1__Canary **list = arena_array(mem, count + 1, sizeof *list);
    if (!out || !list) return no_room(c->rq);
    out->canaries = list;
    for (size_t i = 0; i < count; i++) {
        if (all[i].retired_us && !in->show_retired) continue;
        Vault__V1__Canary *one = answer_canary(mem, &all[i]);
        if (!one || !answer_uses(one, mem, &uses, &all[i])) return no_room(c->rq);
        if (in->show_values && !answer_values(one, mem, &all[i])) return no_room(c->rq);
        list[out->n_canaries++] = one;
    }
    c->rq->out = &out->base;
    return VAULT_OK;
}

static void list(session *s, call *c)
{
    const Vault__V1__ListCanariesRequest *in = (const void *)c->rq->in;
    const line_facts facts = {.fields = in->show_values ? "canaries,values" : "canaries"};
    if (write_call_line(s, c, &facts) == VAULT_OK) (void)answer_list(s, c);
}

void canaries_list(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) list(s, calls[i]);
}

/* ---- retire ---- */

/* Its record, where there still is one: an app may have erased it. */
typedef struct retiring {
    session *s;
    const char *name;
    resident_row row;
    row_change gone;
} retiring;

static vault_code find_record(retiring *r, int64_t resident, vault_error *err)
{
    session *s = r->s;
    record proven = {.dek = s->deks.at};
    cabinet_use(s->cabinet, s->mem);
    VAULT_TRY(store_residents_by_id(s->store, s->mem, &resident, 1, &r->row, err));
    vault_code code = record_prove(&proven, s->cabinet, &r->row, err);
    record_clear(&proven);
    r->gone = (row_change){.was = &r->row};
    return code;
}

static vault_code erase_row(void *context, store *with, vault_error *err)
{
    const retiring *r = context;
    return r->row.found ? store_residents_erase(with, r->s->mem, &r->row, 1, err) : VAULT_OK;
}

/* The call; and the erasure, which its link is of. */
static vault_code fill_retired(void *context, line_facts *facts, size_t i, vault_error *err)
{
    const retiring *r = context;
    (void)err;
    facts->fields = r->name;
    if (i == 0) return VAULT_OK;
    facts->action = LINE_ERASE;
    facts->resident = r->row.id;
    return VAULT_OK;
}

static vault_code answer_retired(session *s, call *c, const canary *from)
{
    canary_uses uses;
    canary now = *from;
    now.retired_us = c->now_us;
    VAULT_TRY(find_uses(&uses, s, c, &c->rq->err));
    Vault__V1__Canary *out = answer_canary(c->rq->mem, &now);
    if (!out || !answer_uses(out, c->rq->mem, &uses, from)) return no_room(c->rq);
    c->rq->out = &out->base;
    return VAULT_OK;
}

static vault_code retire(session *s, call *c)
{
    const Vault__V1__RetireCanaryRequest *in = (const void *)c->rq->in;
    retiring r = {.s = s};
    change_record done;
    change what = {.kind = CHANGE_RETIRE, .canary = in->name, .write = erase_row, .context = &r};
    if (!in->name[0]) (void)refuse_at(&c->rq->err, "REQUIRED", "name", -1);
    if (c->rq->err.code != VAULT_OK) return change_refuse(s, c, &what);
    const canary *of = manifest_canary_named(s->manifest, in->name);
    if (of && !of->retired_us) VAULT_TRY(find_record(&r, of->resident, &c->rq->err));
    if (of) r.name = of->name;
    const change_lines lines = {.count = r.row.found ? 2 : 1,
                                .fill = fill_retired,
                                .rows = &r.gone,
                                .row_count = r.row.found,
                                .erased = &r.row.id,
                                .erased_count = r.row.found,
                                .context = &r};
    VAULT_TRY(change_run_with(s, c, &what, &done, &lines));
    return answer_retired(s, c, of);
}

void canaries_retire(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)retire(s, calls[i]);
}

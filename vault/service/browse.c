/* Records of an area for those who keep the vault and its policy: masked, never plain, never with a token, and never
 * without a reason (the ticket). Twenty records need no permit; more of them, and the pages that follow, need
 * an entry of the document "browsing". A line for the page, and one for each record that it shows, which the resident
 * sees. */
#include "vault/service/canaries.h"

#include "vault/base/clock.h"

#include <string.h>

enum { SMALL_PAGE = 20, PAGE_MAX = 500, AREA_MIN = 9 };
static_assert((int)PAGE_MAX < (int)BATCH_ITEMS, "a page is one part");

/* What a call may list, and what it lists. */
struct browsing {
    browse_scope scope;
    browse_ask ask;
    const char *rule; /* for lines: "browsing/<permit>"; rules of the policy have no slash */
    bool permitted;   /* by a permit: pages follow */
    digest conditions;
    int64_t after; /* id */
    char *next;    /* page token */
};
typedef struct browsing browsing;

/* ---- may it be listed? ---- */

/* The page that needs no permit. */
static browse_scope small_page(const collection *of, area_range area)
{
    return (browse_scope){.fields = small_page_fields(of), .area = area, .rows = SMALL_PAGE, .until = UINT32_MAX};
}

/* Nothing where the permit is unknown, another's, or for another collection: the same as one that has ended. */
static browse_scope permit_scope(const call *c, const browse_permit *p)
{
    if (!p || strcmp(p->principal, c->caller->id) != 0 || p->collection != c->collection) return (browse_scope){0};
    return (browse_scope){.fields = p->fields, .area = p->area, .rows = p->rows, .until = p->until};
}

static vault_code find_scope(session *s, call *c, const Vault__V1__BrowseRequest *in)
{
    browsing *b = c->browsing;
    b->permitted = in->permit[0] != '\0';
    b->rule = "browsing/small-page";
    b->scope = small_page(c->collection, b->ask.area);
    if (b->permitted) {
        const browse_permit *p = manifest_permit(s->manifest, in->permit);
        b->scope = permit_scope(c, p);
        b->rule = p ? arena_format(s->mem, "browsing/%s", p->id) : "browsing";
        if (!b->rule) return vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a permit");
    }
    if (b->ask.rows == 0) b->ask.rows = SMALL_PAGE;
    if (b->permitted && b->ask.rows > b->scope.rows) b->ask.rows = b->scope.rows; /* the rest comes on the next page */
    return browse_admits(&b->scope, &b->ask) ? VAULT_OK : vault_refuse(&c->rq->err, VAULT_DENIED, "permit", "");
}

/* ---- what is asked for ---- */

static digest conditions_of(const Vault__V1__BrowseRequest *in)
{
    bytes parts[3 + POLICY_FIELDS_MAX];
    size_t n = 0;
    parts[n++] = bytes_of(in->collection, strlen(in->collection) + 1);
    parts[n++] = bytes_of(in->area, strlen(in->area) + 1);
    parts[n++] = bytes_of(in->permit, strlen(in->permit) + 1);
    for (size_t i = 0; i < in->field_mask->n_paths; i++)
        parts[n++] = bytes_of(in->field_mask->paths[i], strlen(in->field_mask->paths[i]) + 1);
    return sha256_parts(parts, n);
}

/* Without a permit there is one page. */
static vault_code read_page(session *s, call *c, const Vault__V1__BrowseRequest *in)
{
    bytes place;
    browsing *b = c->browsing;
    b->conditions = conditions_of(in);
    if (in->page_token[0] && !b->permitted) return refuse_at(&c->rq->err, "BAD_PAGE_TOKEN", "page_token", -1);
    VAULT_TRY(page_open(&place, s, c, in->page_token, &b->conditions));
    if (place.len == sizeof b->after) b->after = (int64_t)load_u64(place.at);
    return VAULT_OK;
}

static vault_code read_request(session *s, call *c, const Vault__V1__BrowseRequest *in)
{
    vault_error *err = &c->rq->err;
    browsing *b = c->browsing;
    c->collection = schema_collection(&s->manifest->schema, in->collection[0] ? in->collection : "residents");
    if (!c->collection) return refuse_at(err, "UNKNOWN_COLLECTION", "collection", -1);
    VAULT_TRY(call_mask(s, c, in->field_mask, err));
    if (!area_range_read(&b->ask.area, in->area)) return refuse_at(err, "BAD_AREA", "area", -1);
    if (strlen(in->area) < AREA_MIN) return refuse_at(err, "AREA_TOO_WIDE", "area", -1);
    if (in->page_size < 0 || in->page_size > PAGE_MAX) return refuse_at(err, "OUT_OF_RANGE", "page_size", -1);
    b->ask.rows = (unsigned)in->page_size;
    b->ask.fields = c->facts.fields;
    b->ask.date = clock_shanghai_date(c->now_us);
    c->form = policy_form_name(FORM_MASKED);
    VAULT_TRY(find_scope(s, c, in));
    return read_page(s, c, in);
}

/* ---- rows ---- */

static vault_code seal_next(session *s, call *c, int64_t last)
{
    uint8_t place[sizeof last];
    store_u64(place, (uint64_t)last);
    return page_seal(&c->browsing->next, s, c, &c->browsing->conditions, bytes_of(place, sizeof place));
}

static vault_code list(session *s, call *c)
{
    enum { LOOK_MOST = 4096 };
    const browsing *b = c->browsing;
    vault_error *err = &c->rq->err;
    int64_t *ids = NULL;
    size_t count = 0, wanted = b->ask.rows + 1 + canaries_hidden_in(s, c, b->ask.area);
    const store_listing what = {.collection = (int16_t)c->collection->number,
                                .low = b->ask.area.low,
                                .high = b->ask.area.high,
                                .after = b->after,
                                .limit = wanted < LOOK_MOST ? wanted : LOOK_MOST};
    VAULT_TRY(store_list_ids(s->store, s->mem, &what, &ids, &count, err));
    canaries_leave_out(s, c, ids, &count);
    bool more = count > b->ask.rows;
    if (more) count = b->ask.rows;
    if (more && b->permitted) VAULT_TRY(seal_next(s, c, ids[count - 1]));
    VAULT_TRY(call_make_items(s, c, count, err));
    for (size_t i = 0; i < count; i++) c->items[i].id = (resident_id){ids[i]};
    return VAULT_OK;
}

/* Where the index leads to a record that is not there to be listed, or not any more, its line says so. */
static vault_code judge(session *s, item *it)
{
    (void)s;
    const call *c = it->call;
    const resident_row *row = it->row;
    bool listed = it->record.genuine && row->state == RECORD_LIVE && row->collection == (int16_t)c->collection->number;
    it->rule = c->browsing->rule;
    it->grant = browse_decide(&c->browsing->scope, &c->browsing->ask, (area_code){listed ? row->area : 0});
    return it->grant.given ? VAULT_OK : refuse_clause(&it->err, it->grant.failed);
}

/* Of a field that is hidden altogether not even whether there is a value: it is not opened. */
static vault_code show_value(Vault__V1__FieldValue **out, session *s, item *it, const schema_field *field)
{
    arena *mem = it->call->rq->mem;
    if (strcmp(mask_name(field->mask), "hidden") != 0) return item_value(out, s, it, field);
    Vault__V1__FieldValue *value = MESSAGE(mem, Vault__V1__FieldValue, vault__v1__field_value__init);
    if (!value || !(value->text = arena_text(mem, bytes_of_text("***"))))
        return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a value");
    *out = value;
    return VAULT_OK;
}

static vault_code open_values(session *s, item *it)
{
    const call *c = it->call;
    it->values = arena_array(c->rq->mem, c->mask_count, sizeof *it->values);
    if (!it->values) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for values");
    for (size_t i = 0; i < c->mask_count; i++) VAULT_TRY(show_value(&it->values[i], s, it, c->mask[i]));
    return VAULT_OK;
}

static const item_kind BROWSE = {.judge = judge, .finish = open_values};

/* ---- lines and answer ---- */

/* That somebody looked, also where nobody was there to be seen, and how many were to be shown; or why not. */
static vault_code write_page_line(session *s, call *c)
{
    line one;
    vault_error err = {0};
    const vault_error *how = &c->rq->err;
    line_facts facts = call_facts(s, c, how->code == VAULT_OK ? LINE_GRANTED : LINE_REFUSED);
    facts.form = c->form;
    facts.rule = c->browsing->rule;
    facts.clause = how->reason;
    facts.area = c->browsing->ask.area.low;
    facts.hits = c->item_count;
    vault_code code = line_make(&one, s->scribe, s->mem, &facts, NULL, &err);
    if (code == VAULT_OK) code = append_alone(s, &one, 1, &err);
    if (code != VAULT_OK) c->rq->err = err;
    return c->rq->err.code;
}

static Vault__V1__BrowseRow *browse_row(const item *it)
{
    Vault__V1__BrowseRow *out = MESSAGE(it->call->rq->mem, Vault__V1__BrowseRow, vault__v1__browse_row__init);
    if (!out) return NULL;
    out->version = it->version;
    out->values = it->values;
    out->n_values = it->call->mask_count;
    return out;
}

/* A record that was edited in the table is no row that could be left out. */
static void answer_browse(call *c)
{
    request *rq = c->rq;
    Vault__V1__BrowseResponse *out = MESSAGE(rq->mem, Vault__V1__BrowseResponse, vault__v1__browse_response__init);
    Vault__V1__BrowseRow **rows = arena_array(rq->mem, c->item_count + 1, sizeof *rows);
    if (!out || !rows) return;
    out->rows = rows;
    for (size_t i = 0; i < c->item_count; i++) {
        const item *it = &c->items[i];
        if (it->err.code == VAULT_INTEGRITY) rq->err = it->err;
        if (it->err.code != VAULT_OK) continue;
        if (!(rows[out->n_rows++] = browse_row(it))) return;
    }
    if (c->browsing->next) out->next_page_token = c->browsing->next;
    if (rq->err.code == VAULT_OK) rq->out = &out->base;
}

static void browse(session *s, call *c)
{
    const Vault__V1__BrowseRequest *in = (const void *)c->rq->in;
    if (!(c->browsing = arena_alloc(s->mem, sizeof *c->browsing))) {
        (void)vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a page");
        return;
    }
    *c->browsing = (browsing){0};
    vault_code code = read_request(s, c, in);
    if (code == VAULT_OK) code = list(s, c);
    bool accounted = code == VAULT_OK || code == VAULT_DENIED;
    if (!accounted || write_page_line(s, c) != VAULT_OK) return;
    batch_run(s, &BROWSE, &c, 1);
    call_answers(s, &c, 1, answer_browse);
}

void records_browse(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) browse(s, calls[i]);
}

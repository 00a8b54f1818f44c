/* Audit.Query: the officer's questions, which are lines themselves. */
#include "vault/service/internal.h"

#include "vault/audit/groups.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_DEFAULT = 100, PAGE_MAX = 1000, TEXT_MAX = 128 };

static const char *text_or_null(const char *text)
{
    return text[0] ? text : NULL;
}

static ProtobufCBinaryData borrowed(const void *at, size_t len)
{
    return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)at};
}

/* ---- what is asked ---- */

typedef struct question {
    const Vault__V1__QueryRequest *in;
    line_query lines;
    line_groups groups; /* by_count 0: lines are asked for */
    anchor proofs;      /* with receipts */
} question;

static int64_t microseconds(const Google__Protobuf__Timestamp *t)
{
    return t ? t->seconds * 1000000 + t->nanos / 1000 : 0;
}

static bool time_fits(const Google__Protobuf__Timestamp *t)
{
    return !t || (t->seconds >= 0 && t->seconds < INT64_C(253402300800) && t->nanos >= 0 && t->nanos < 1000000000);
}

/* What a page token is good for: the same conditions as the call that gave it. Each text with its end. */
static digest conditions(const Vault__V1__QueryRequest *in)
{
    const char *const texts[] = {in->person, in->resident_token, in->purpose, in->app,        in->department, in->field,
                                 in->form,   in->action,         in->outcome, in->request_id, in->ticket};
    enum { TEXTS = sizeof texts / sizeof *texts };
    uint8_t times[16];
    bytes parts[TEXTS + 1 + GROUP_KEYS_MOST];
    size_t count = 0;
    store_u64(times, (uint64_t)microseconds(in->start_time));
    store_u64(times + 8, (uint64_t)microseconds(in->end_time));
    for (size_t i = 0; i < TEXTS; i++) parts[count++] = bytes_of(texts[i], strlen(texts[i]) + 1);
    parts[count++] = bytes_of(times, sizeof times);
    for (size_t i = 0; i < in->n_group_by; i++) parts[count++] = bytes_of(in->group_by[i], strlen(in->group_by[i]) + 1);
    return sha256_parts(parts, count);
}

/* A follower's is sealed: a poll that finds nothing is no line, and whoever made up where it begins could ask what did
 * not happen without one. */
static vault_code read_place(session *s, const call *c, question *q)
{
    const digest asked = conditions(q->in);
    bytes place;
    vault_error *err = &c->rq->err;
    if (!q->in->follow) return page_token_read(&q->lines.from, q->in->page_token, load_u64(asked.at), err);
    VAULT_TRY(page_open(&place, s, c, q->in->page_token, &asked));
    if (place.len == sizeof(uint64_t)) q->lines.from = (int64_t)load_u64(place.at);
    return VAULT_OK;
}

static vault_code write_place(char **out, session *s, const call *c, const question *q, int64_t at)
{
    const digest asked = conditions(q->in);
    uint8_t place[sizeof(uint64_t)];
    if (!q->in->follow) {
        *out = page_token(c->rq->mem, load_u64(asked.at), at);
        return *out ? VAULT_OK : vault_fail(&c->rq->err, VAULT_EXHAUSTED, "no memory for a page token");
    }
    store_u64(place, (uint64_t)at);
    return page_seal(out, s, c, &asked, bytes_of(place, sizeof place));
}

/* A token of any domain leads the officer to the resident, but for a forgery: then nothing is found. */
static vault_code read_resident(session *s, line_query *q, const char *text, vault_error *err)
{
    token t;
    resident_id id;
    vault_error why = {0};
    if (!text[0]) return VAULT_OK;
    if (token_read(&t, bytes_of_text(text), &why) != VAULT_OK) return refuse_at(err, why.reason, "resident_token", -1);
    VAULT_TRY(cabinet_resolve(s->cabinet, &id, manifest_domain_number(s->manifest, t.domain), &t, err));
    if (id.id == 0) return vault_refuse(err, VAULT_NOT_FOUND, "TOKEN_NOT_GENUINE", "resident_token");
    q->resident = id.id;
    return VAULT_OK;
}

static vault_code read_times(line_query *q, const Vault__V1__QueryRequest *in, vault_error *err)
{
    if (!time_fits(in->start_time)) return refuse_at(err, "OUT_OF_RANGE", "start_time", -1);
    if (!time_fits(in->end_time)) return refuse_at(err, "OUT_OF_RANGE", "end_time", -1);
    if (in->end_time && microseconds(in->end_time) <= microseconds(in->start_time))
        return refuse_at(err, "OUT_OF_RANGE", "end_time", -1); /* 0 would mean: no end */
    q->start_us = microseconds(in->start_time);
    q->end_us = microseconds(in->end_time);
    return VAULT_OK;
}

/* An action or outcome that there is not must not be read as no condition. */
static vault_code read_named(line_query *q, const Vault__V1__QueryRequest *in, vault_error *err)
{
    for (line_action a = LINE_INIT; a < LINE_ACTIONS; a++)
        if (strcmp(line_action_name(a), in->action) == 0) q->actions = UINT64_C(1) << a;
    for (line_outcome o = 0; o < LINE_OUTCOMES; o++)
        if (strcmp(line_outcome_name(o), in->outcome) == 0) q->outcomes = 1u << o;
    if (in->action[0] && !q->actions) return refuse_at(err, "UNKNOWN_NAME", "action", -1);
    if (in->outcome[0] && !q->outcomes) return refuse_at(err, "UNKNOWN_NAME", "outcome", -1);
    return VAULT_OK;
}

/* What former registers knew stands in lines, too, and persons come and go: all of it is asked for as it is written. */
static vault_code read_texts(line_query *q, const Vault__V1__QueryRequest *in, vault_error *err)
{
    const struct {
        const char *name, *text;
        const char **to;
    } texts[] = {{"person", in->person, &q->person}, {"purpose", in->purpose, &q->purpose},
                 {"app", in->app, &q->app},          {"department", in->department, &q->department},
                 {"field", in->field, &q->field},    {"form", in->form, &q->form},
                 {"ticket", in->ticket, &q->ticket}, {"request_id", in->request_id, &q->request}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!plain_text(texts[i].text, 0, TEXT_MAX)) return refuse_at(err, "OUT_OF_RANGE", texts[i].name, -1);
        *texts[i].to = text_or_null(texts[i].text);
    }
    return VAULT_OK;
}

static vault_code read_groups(question *q, vault_error *err)
{
    const Vault__V1__QueryRequest *in = q->in;
    if (in->n_group_by > GROUP_KEYS_MOST) return refuse_at(err, "TOO_MANY", "group_by", -1);
    for (size_t i = 0; i < in->n_group_by; i++) {
        group_key key = group_key_read(in->group_by[i]);
        if (key == GROUP_KEYS) return refuse_at(err, "UNKNOWN_NAME", "group_by", (long)i);
        for (size_t before = 0; before < i; before++)
            if (q->groups.by[before] == key) return refuse_at(err, "DUPLICATE_NAME", "group_by", (long)i);
        q->groups.by[q->groups.by_count++] = key;
    }
    if (in->n_group_by && in->follow) return refuse_at(err, "OUT_OF_RANGE", "follow", -1);
    if (in->n_group_by && in->receipts) return refuse_at(err, "OUT_OF_RANGE", "receipts", -1);
    return VAULT_OK;
}

static vault_code read_question(session *s, const call *c, question *q)
{
    vault_error *err = &c->rq->err;
    const Vault__V1__QueryRequest *in = q->in;
    if (in->page_size < 0 || in->page_size > PAGE_MAX) return refuse_at(err, "OUT_OF_RANGE", "page_size", -1);
    q->lines = (line_query){.limit = in->page_size ? (size_t)in->page_size : PAGE_DEFAULT};
    VAULT_TRY(read_times(&q->lines, in, err));
    VAULT_TRY(read_texts(&q->lines, in, err));
    VAULT_TRY(read_named(&q->lines, in, err));
    VAULT_TRY(read_groups(q, err));
    VAULT_TRY(read_resident(s, &q->lines, in->resident_token, err));
    return read_place(s, c, q);
}

/* ---- its line ---- */

/* What is written of a condition: its name, and its value where the register or the program knows it. */
static char *add_condition(arena *mem, const char *before, const char *name, const char *value)
{
    if (!before) return NULL;
    return arena_format(mem, "%s%s%s%s%s", before, before[0] ? "," : "", name, value ? "=" : "", value ? value : "");
}

static const char *name_groups(arena *mem, const question *q, const char *text)
{
    for (size_t i = 0; text && i < q->groups.by_count; i++) text = add_condition(mem, text, "by", q->in->group_by[i]);
    return text;
}

static const char *name_conditions(session *s, const question *q)
{
    const line_query *l = &q->lines;
    const char *text = "";
    const struct {
        bool asked, known;
        const char *name, *value;
    } all[] = {
        {l->resident != 0, false, "resident", NULL},
        {l->person, l->person && manifest_person(s->manifest, l->person), "person", l->person},
        {l->purpose, l->purpose && manifest_purpose(s->manifest, bytes_of_text(l->purpose)), "purpose", l->purpose},
        {l->app, l->app && manifest_app_named(s->manifest, l->app).no, "app", l->app},
        {l->department, l->department && manifest_department_title(s->manifest, l->department), "department",
         l->department},
        {l->field, l->field && schema_find(&s->manifest->schema, bytes_of_text(l->field)), "field", l->field},
        {l->form, false, "form", NULL},
        {l->actions, true, "action", q->in->action},
        {l->outcomes, true, "outcome", q->in->outcome},
        {l->request, false, "request", NULL},
        {l->ticket, false, "ticket", NULL},
        {l->start_us || l->end_us, false, "time", NULL},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].asked) text = add_condition(s->mem, text, all[i].name, all[i].known ? all[i].value : NULL);
    return name_groups(s->mem, q, text);
}

/* The query is a line before it is answered. */
static vault_code write_query_line(session *s, call *c, const question *q, vault_error *err)
{
    line one;
    line_facts facts = call_facts(s, c, LINE_GRANTED);
    facts.resident = q->lines.resident;
    if (!(facts.fields = name_conditions(s, q))) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a line");
    VAULT_TRY(line_make(&one, s->scribe, s->mem, &facts, NULL, err));
    return append_alone(s, &one, 1, err);
}

/* ---- answers ---- */

Vault__V1__Line *audit_line(arena *mem, const opened_line *from)
{
    static const char *const unreadable = "";
    Vault__V1__Line *out = MESSAGE(mem, Vault__V1__Line, vault__v1__line__init);
    if (!out || !(out->time = timestamp_of(mem, from->time_us))) return NULL;
    out->index = (uint64_t)from->index;
    out->name = arena_format(mem, "lines/%lld", (long long)from->index);
    out->action = (char *)(uintptr_t)line_action_name(from->action);
    out->outcome =
        (char *)(uintptr_t)(from->said.outcome < LINE_OUTCOMES ? line_outcome_name(from->said.outcome) : unreadable);
    out->officer_view = arena_text(mem, from->officer_view);
    out->consistent = from->consistent;
    out->archived = from->archived;
    out->leaf = borrowed(from->leaf.at, from->leaf.len);
    bytes salt = arena_copy(mem, bytes_of(from->officer_salt, SALT_LEN));
    out->officer_salt = borrowed(salt.at, salt.len);
    out->path = arena_array(mem, from->path.len + 1, sizeof *out->path);
    for (size_t i = 0; out->path && i < from->path.len; i++)
        out->path[out->n_path++] = borrowed(from->path.at[i].at, DIGEST_LEN);
    return out->name && out->officer_view && out->path && salt.at ? out : NULL;
}

static vault_code no_memory(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no memory for an answer");
}

/* next -1: there is no more; following, it goes on at the end. */
typedef struct ended_at {
    int64_t next, size;
} ended_at;

static vault_code answer_place(Vault__V1__QueryResponse *out, session *s, const call *c, const question *q,
                               ended_at end)
{
    out->size = (uint64_t)end.size;
    out->position = (uint64_t)(end.next < 0 ? end.size : end.next);
    if (end.next < 0 && !q->in->follow) return VAULT_OK;
    int64_t at = end.next >= 0 ? end.next : q->lines.from > end.size ? q->lines.from : end.size;
    return write_place(&out->next_page_token, s, c, q, at);
}

static vault_code answer_lines(session *s, const call *c, const question *q, const line_page *page)
{
    request *rq = c->rq;
    Vault__V1__QueryResponse *out = MESSAGE(rq->mem, Vault__V1__QueryResponse, vault__v1__query_response__init);
    Vault__V1__Line **lines = arena_array(rq->mem, page->count + 1, sizeof *lines);
    if (!out || !lines) return no_memory(&rq->err);
    out->lines = lines;
    for (size_t i = 0; i < page->count; i++)
        if (!(lines[out->n_lines++] = audit_line(rq->mem, &page->lines[i]))) return no_memory(&rq->err);
    if (q->proofs.note) out->checkpoint = (char *)(uintptr_t)q->proofs.note;
    VAULT_TRY(answer_place(out, s, c, q, (ended_at){page->next, page->size}));
    rq->out = &out->base;
    return VAULT_OK;
}

static Vault__V1__LineGroup *group_message(arena *mem, const line_groups *of, size_t i)
{
    const line_group *from = &of->at[i];
    Vault__V1__LineGroup *out = MESSAGE(mem, Vault__V1__LineGroup, vault__v1__line_group__init);
    char **keys = arena_array(mem, of->by_count, sizeof *keys);
    if (!out || !keys) return NULL;
    for (size_t k = 0; k < of->by_count; k++) keys[k] = (char *)(uintptr_t)from->keys[k];
    out->keys = keys;
    out->n_keys = of->by_count;
    out->count = from->count;
    out->first_time = timestamp_of(mem, from->first_us);
    out->last_time = timestamp_of(mem, from->last_us);
    return out->first_time && out->last_time ? out : NULL;
}

static vault_code answer_groups(session *s, const call *c, question *q)
{
    request *rq = c->rq;
    line_groups *g = &q->groups;
    VAULT_TRY(ledger_groups(g, s->scribe, s->store, rq->mem, &q->lines, &rq->err));
    Vault__V1__QueryResponse *out = MESSAGE(rq->mem, Vault__V1__QueryResponse, vault__v1__query_response__init);
    Vault__V1__LineGroup **groups = arena_array(rq->mem, g->count + 1, sizeof *groups);
    if (!out || !groups) return no_memory(&rq->err);
    out->groups = groups;
    for (size_t i = 0; i < g->count; i++)
        if (!(groups[out->n_groups++] = group_message(rq->mem, g, i))) return no_memory(&rq->err);
    out->other_count = g->other_count;
    VAULT_TRY(answer_place(out, s, c, q, (ended_at){g->next, g->size}));
    rq->out = &out->base;
    return VAULT_OK;
}

/* ---- the call ---- */

static vault_code read_lines(session *s, request *rq, question *q, line_page *page)
{
    if (q->in->receipts) {
        VAULT_TRY(ledger_anchor(&q->proofs, s->service->ledger, s->store, rq->mem, &rq->err));
        q->lines.anchor = &q->proofs.tree;
    }
    q->lines.until_us = page_until(rq);
    return ledger_query(s->scribe, s->store, rq->mem, &q->lines, page, &rq->err);
}

/* A poll that finds nothing tells nothing, and is no line: else each would find the one before it. */
static bool is_idle_poll(const question *q, const line_page *page)
{
    return q->in->follow && q->in->page_token[0] && page->count == 0;
}

static vault_code query(session *s, call *c)
{
    request *rq = c->rq;
    question q = {.in = (const void *)rq->in};
    line_page page = {0};
    VAULT_TRY(read_question(s, c, &q));
    if (q.in->follow && q.in->page_token[0]) {
        VAULT_TRY(read_lines(s, rq, &q, &page));
        if (is_idle_poll(&q, &page)) return answer_lines(s, c, &q, &page);
    }
    VAULT_TRY(write_query_line(s, c, &q, &rq->err));
    if (q.groups.by_count) return answer_groups(s, c, &q);
    VAULT_TRY(read_lines(s, rq, &q, &page));
    return answer_lines(s, c, &q, &page);
}

void audit_query(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)query(s, calls[i]);
}

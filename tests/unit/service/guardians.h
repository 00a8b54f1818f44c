/* Guardians and histories as apps ask for them. The fixture of consents.h, with rules besides, all of eldercare for the
 * purpose elder-care: it writes guardians down in the whole district, and tells in the street 320411002 who has seen
 * what; the population register does both everywhere. */
#pragma once
#include "tests/unit/service/consents.h"

#include "vault/v1/residents.pb-c.h"

/* Children grow up: the purposes stay assessed until then. */
static inline void assess_for_long(json_t *doc)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(doc, "purposes"), i, one)
    {
        json_t *assessment = json_object_get(one, "assessment");
        if (assessment) json_object_set_new(assessment, "until", json_string("2099-12-31"));
    }
}

static inline void edit_for_history(const char *file, json_t *doc)
{
    edit_for_facts(file, doc);
    if (strcmp(file, "purposes.json") == 0) assess_for_long(doc);
    if (strcmp(file, "policy.json") != 0) return;
    add_json_rule(doc, "{\"id\": \"guardian-book\", \"action\": \"guardian\", \"fields\": [\"id_number\"],"
                       " \"form\": \"nothing\", \"areas\": [\"320411\"]}");
    add_json_rule(doc, "{\"id\": \"history-desk\", \"action\": \"history\", \"fields\": [\"id_number\"],"
                       " \"form\": \"nothing\", \"areas\": [\"320411002\"]}");
    add_json_rule(doc, "{\"id\": \"register-guardians\", \"action\": \"guardian\", \"consumer\": \"population\","
                       " \"purpose\": \"" WHY "\", \"fields\": [\"id_number\"], \"form\": \"nothing\","
                       " \"areas\": [\"320411002\"]}");
    add_json_rule(doc, "{\"id\": \"houses-history\", \"action\": \"history\", \"consumer\": \"population\","
                       " \"purpose\": \"" WHY "\", \"fields\": [\"house_number\"], \"form\": \"nothing\","
                       " \"areas\": [\"320411\"]}");
    add_json_rule(doc, "{\"id\": \"register-history\", \"action\": \"history\", \"consumer\": \"population\","
                       " \"purpose\": \"" WHY "\", \"fields\": [\"id_number\"], \"form\": \"nothing\","
                       " \"areas\": [\"320411\"]}");
}

__attribute__((constructor)) static void with_history(void)
{
    fixture_edit = edit_for_history;
}

/* ---- residents by age ---- */

/* YYYYMMDD of the resident with this index. */
static inline uint32_t born(uint64_t index)
{
    resident r;
    the_resident(index, &r);
    return (uint32_t)strtoul(resident_text(&r, FIELD_BIRTH_DATE), NULL, 10);
}

enum { EIGHTEEN_YEARS = 180000 };
static inline bool is_child(uint64_t index)
{
    return clock_shanghai_date(clock_now_us()) < born(index) + EIGHTEEN_YEARS;
}

/* From `from` on, in the street: a child, or a grown-up. */
static inline uint64_t somebody(uint64_t from, bool child)
{
    uint64_t at = resident_in_street(from);
    while (is_child(at) != child) at = resident_in_street(at + 1);
    return at;
}

/* The child of the street who is 18 first, of those with the lower indexes. */
static inline uint64_t eldest_child(void)
{
    enum { LOWER = FIXTURE_RESIDENTS / 2 };
    uint64_t best = somebody(0, true);
    for (uint64_t at = resident_in_street(0); at < LOWER; at = resident_in_street(at + 1))
        if (is_child(at) && born(at) < born(best)) best = at;
    return best;
}

/* ---- guardians ---- */

typedef struct word {
    const char *token, *guardian, *kind;
    bool ended;
    int64_t end_s;
} word;

static inline asked words_call(const word *words, size_t count)
{
    NEW(in, Vault__V1__BatchRecordGuardiansRequest, vault__v1__batch_record_guardians_request__init);
    in->items = arena_array(fixture_memory(), count + 1, sizeof *in->items);
    in->want_receipt = true;
    for (size_t i = 0; i < count; i++) {
        NEW(one, Vault__V1__GuardianItem, vault__v1__guardian_item__init);
        one->token = lent(words[i].token);
        one->guardian_token = lent(words[i].guardian);
        one->kind = lent(words[i].kind);
        one->ended = words[i].ended;
        if (words[i].end_s) {
            NEW(end, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
            end->seconds = words[i].end_s;
            one->expire_time = end;
        }
        in->items[in->n_items++] = one;
    }
    return (asked){.path = "/vault.v1.Guardians/BatchRecord", .uri = ELDERCARE, .purpose = CARE, .in = &in->base};
}

static inline request *appoint_as(session *by, const word *words, size_t count)
{
    asked a = words_call(words, count);
    a.by = by;
    return ask(&a);
}

static inline const Vault__V1__BatchRecordGuardiansResponse *appointed_all(const word *words, size_t count)
{
    request *rq = appoint_as(NULL, words, count);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

/* What the one item was refused for; "" where it was written. */
static inline const char *appointed(const char *ward, const char *who, const char *kind)
{
    return refusal(appointed_all(&(word){.token = ward, .guardian = who, .kind = kind}, 1)->results[0]->status);
}

static inline const char *dismissed(const char *ward, const char *who, const char *kind)
{
    const word back = {.token = ward, .guardian = who, .kind = kind, .ended = true};
    return refusal(appointed_all(&back, 1)->results[0]->status);
}

static inline const Vault__V1__GuardiansResult *guardians_of(const char *ward)
{
    NEW(in, Vault__V1__BatchGetGuardiansRequest, vault__v1__batch_get_guardians_request__init);
    in->tokens = lend_all(&ward, 1);
    in->n_tokens = 1;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Guardians/BatchGet", .uri = ELDERCARE, .purpose = CARE, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchGetGuardiansResponse *)(const void *)rq->out)->results[0];
}

/* ---- histories ---- */

typedef struct looking_back {
    const char *uri, *why; /* NULL: eldercare, elder-care */
    const char *token, *guardian, *page;
    int32_t size;
    int64_t start_us, end_us;
    session *by;
} looking_back;

static inline Google__Protobuf__Timestamp *moment(int64_t us)
{
    NEW(out, Google__Protobuf__Timestamp, google__protobuf__timestamp__init);
    out->seconds = us / 1000000;
    out->nanos = (int32_t)(us % 1000000) * 1000;
    return out;
}

static inline asked history_call(const looking_back *of)
{
    NEW(in, Vault__V1__AccessHistoryRequest, vault__v1__access_history_request__init);
    in->token = lent(of->token);
    if (of->guardian) in->guardian_token = lent(of->guardian);
    if (of->page) in->page_token = lent(of->page);
    in->page_size = of->size;
    if (of->start_us) in->start_time = moment(of->start_us);
    if (of->end_us) in->end_time = moment(of->end_us);
    return (asked){.path = "/vault.v1.Audit/AccessHistory",
                   .uri = of->uri ? of->uri : ELDERCARE,
                   .purpose = of->why ? of->why : CARE,
                   .in = &in->base,
                   .by = of->by};
}

static inline request *look_back(const looking_back *of)
{
    const asked a = history_call(of);
    return ask(&a);
}

static inline const Vault__V1__AccessHistoryResponse *told_by(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline const Vault__V1__AccessHistoryResponse *history_of(const char *mine)
{
    return told_by(look_back(&(looking_back){.token = mine, .size = 1000}));
}

/* How many entries name these groups. */
static inline size_t entries_of(const Vault__V1__AccessHistoryResponse *of, const char *action, const char *group)
{
    size_t n = 0;
    for (size_t i = 0; i < of->n_entries; i++) {
        const Vault__V1__AccessEntry *e = of->entries[i];
        bool named = !group;
        for (size_t g = 0; g < e->n_groups; g++) named |= strcmp(e->groups[g], group ? group : "") == 0;
        n += named && strcmp(e->action, action) == 0;
    }
    return n;
}

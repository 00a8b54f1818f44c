/* Records by token, and corrections. The fixture, with rules besides: eldercare (civil-affairs), whose department owns
 * the care category, may put it, and export name, phone and category, in the street 320411002; of the whole district it
 * may export the name. */
#pragma once
#include "tests/unit/service/lines.h"
#include "vault/service/internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define WHY "population-register"

static inline void add_rule(json_t *doc, const char *id, const char *action, const char *fields, const char *area)
{
    json_t *rule =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:[s], s:s, s:{s:s, s:s}}", "id", id, "action", action, "consumer",
                  "eldercare", "purpose", "elder-care", "fields", json_loads(fields, 0, NULL), "form", "plain", "areas",
                  area, "acting", "app", "valid", "from", "2020-01-01", "until", "2099-12-31");
    assert_non_null(rule);
    json_array_append_new(json_object_get(doc, "rules"), rule);
}

static inline void edit_policy(const char *file, json_t *doc)
{
    if (strcmp(file, "policy.json") != 0) return;
    add_rule(doc, "owner-put", "put", "[\"id_number\", \"residence_area\", \"care_category\"]", "320411002");
    add_rule(doc, "export-street", "export", "[\"name\", \"phone\", \"care_category\", \"former_name\"]", "320411002");
    add_rule(doc, "export-wide", "export", "[\"name\"]", "320411");
}

__attribute__((constructor)) static void with_rules(void)
{
    fixture_edit = edit_policy;
}

#define NEW(out, Type, init)                                                                                           \
    Type *out = arena_alloc(fixture_memory(), sizeof *out);                                                            \
    init(out)

static inline char *name_of(const char *kind, const char *rest)
{
    return arena_format(fixture_memory(), "%s/%s", kind, rest);
}

/* A resident's token, asked for once: each call is a commit. */
static inline const char *known_token(const char *uri, const char *why, uint64_t index)
{
    enum { KNOWN_MOST = 512 };
    static struct {
        const char *uri;
        uint64_t index;
        char text[TOKEN_TEXT_LEN + 1];
    } known[KNOWN_MOST];
    static size_t count;
    for (size_t i = 0; i < count; i++)
        if (known[i].index == index && strcmp(known[i].uri, uri) == 0) return known[i].text;
    assert_true(count < KNOWN_MOST);
    known[count].uri = uri;
    known[count].index = index;
    snprintf(known[count].text, sizeof known[count].text, "%s", token_for(uri, why, index));
    return known[count++].text;
}

/* ---- records ---- */

static inline request *get_record(const char *uri, const char *why, const char *named,
                                  Google__Protobuf__FieldMask *fields, Vault__V1__Form form)
{
    NEW(in, Vault__V1__GetRecordRequest, vault__v1__get_record_request__init);
    in->name = name_of("records", named);
    in->field_mask = fields;
    in->form = form;
    in->want_receipt = true;
    return ask(&(asked){.path = "/vault.v1.Records/Get", .uri = uri, .purpose = why, .in = &in->base});
}

static inline const Vault__V1__Record *record_of(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline const Vault__V1__Record *stored_record(uint64_t index, Google__Protobuf__FieldMask *fields)
{
    return record_of(get_record(POPULATION, WHY, known_token(POPULATION, WHY, index), fields, 0));
}

typedef struct updated {
    const char *uri, *why, *token;
    unsigned version;
    Google__Protobuf__FieldMask *fields;
    const char *const *values;
    size_t count;
} updated;

static inline Vault__V1__UpdateRecordRequest *update_of(const updated *u)
{
    NEW(in, Vault__V1__UpdateRecordRequest, vault__v1__update_record_request__init);
    in->name = name_of("records", u->token);
    in->version = u->version;
    in->field_mask = u->fields;
    in->values = arena_array(fixture_memory(), u->count + 1, sizeof *in->values);
    for (size_t i = 0; i < u->count; i++)
        in->values[in->n_values++] = arena_text(fixture_memory(), bytes_of_text(u->values[i]));
    in->want_receipt = true;
    return in;
}

static inline request *update(const updated *u)
{
    return ask(
        &(asked){.path = "/vault.v1.Records/Update", .uri = u->uri, .purpose = u->why, .in = &update_of(u)->base});
}
#define VALUES(...)                                                                                                    \
    .values = (const char *const[]){__VA_ARGS__}, .count = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

static inline const Vault__V1__PutResult *put_of(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__UpdateRecordResponse *)(const void *)rq->out)->result;
}

static inline request *export_record(const char *uri, const char *why, const char *named)
{
    NEW(in, Vault__V1__ExportRequest, vault__v1__export_request__init);
    in->name = name_of("records", named);
    in->want_receipt = true;
    return ask(&(asked){.path = "/vault.v1.Records/Export", .uri = uri, .purpose = why, .in = &in->base});
}

/* As the erasure of a resident will leave it: stored, and for nobody. */
static inline void restrict_record(const char *uri, const char *why, const char *named)
{
    session *s = fixture_session();
    arena *mem = fixture_memory();
    vault_error err = {0};
    const manifest *m = control_acquire(fixture_service()->control);
    const principal *who = manifest_principal(m, uri);
    const domain *d = manifest_domain(m, who->consumer, manifest_purpose(m, bytes_of_text(why))->no);
    token t;
    resident_id id;
    resident_row row, next;
    record r = {.dek = s->deks.at};
    cabinet_use(s->cabinet, mem);
    expect_ok(token_read(&t, bytes_of_text(named), &err), &err);
    expect_ok(cabinet_resolve(s->cabinet, &id, d, &t, &err), &err);
    control_release(fixture_service()->control, m);
    expect_ok(store_residents_by_id(s->store, mem, &id.id, 1, &row, &err), &err);
    expect_ok(record_prove(&r, s->cabinet, &row, &err), &err);
    expect_ok(record_restrict(&next, s->cabinet, &r, &err), &err);
    expect_ok(store_begin(s->store, &err), &err);
    expect_ok(store_residents_update(s->store, mem, &next, 1, &err), &err);
    expect_ok(store_commit(s->store, &err), &err);
}

/* ---- corrections ---- */

/* The clinic (health) says otherwise; the register (public-security) has said what is stored. */
static inline const Vault__V1__PutResult *clinic_says(uint64_t index, const char *field, const char *value)
{
    const char *named = known_token(CLINIC, "family-doctor", index);
    unsigned version = stored_record(index, MASK("sex"))->version;
    return put_of(update(&(updated){.uri = CLINIC,
                                    .why = "family-doctor",
                                    .token = named,
                                    .version = version,
                                    .fields = mask_of(&field, 1),
                                    VALUES(value)}));
}

/* From there on, one of whom the register has said all that the clinic may say otherwise; `in_street` or elsewhere. */
static inline uint64_t known_in_full(uint64_t from, bool in_street)
{
    resident r;
    for (uint64_t i = from;; i++) {
        i = in_street ? resident_in_street(i) : resident_elsewhere(i);
        the_resident(i, &r);
        const char *education = resident_text(&r, FIELD_EDUCATION);
        if (education[0] && strcmp(education, "90") != 0 && strcmp(resident_text(&r, FIELD_CARE_CATEGORY), "00") == 0)
            return i;
    }
}

typedef struct listed {
    const char *uri, *why, *token; /* token NULL: those that wait */
    bool values;
    int size;
    const char *page;
} listed;

static inline request *ask_list(const listed *l)
{
    NEW(in, Vault__V1__ListCorrectionsRequest, vault__v1__list_corrections_request__init);
    if (l->token) in->parent = name_of("records", l->token);
    in->show_values = l->values;
    in->page_size = l->size;
    if (l->page) in->page_token = (char *)(uintptr_t)l->page;
    return ask(
        &(asked){.path = "/vault.v1.Records/ListCorrections", .uri = l->uri, .purpose = l->why, .in = &in->base});
}

static inline const Vault__V1__ListCorrectionsResponse *list(const listed *l)
{
    request *rq = ask_list(l);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static inline const Vault__V1__ListCorrectionsResponse *waiting(bool values)
{
    return list(&(listed){.uri = POPULATION, .why = WHY, .values = values});
}

static inline Vault__V1__BatchDecideCorrectionsRequest *decisions(const char *const *names, size_t count, bool accept)
{
    NEW(in, Vault__V1__BatchDecideCorrectionsRequest, vault__v1__batch_decide_corrections_request__init);
    in->decisions = arena_array(fixture_memory(), count + 1, sizeof *in->decisions);
    for (size_t i = 0; i < count; i++) {
        NEW(one, Vault__V1__Decision, vault__v1__decision__init);
        one->name = (char *)(uintptr_t)names[i];
        one->accept = accept;
        in->decisions[in->n_decisions++] = one;
    }
    in->want_receipt = true;
    return in;
}

static inline request *ask_decide(const char *uri, const char *why, Vault__V1__BatchDecideCorrectionsRequest *in)
{
    return ask(
        &(asked){.path = "/vault.v1.Records/BatchDecideCorrections", .uri = uri, .purpose = why, .in = &in->base});
}

static inline const Vault__V1__DecideResult *decide(const char *uri, const char *why, const char *name, bool accept)
{
    request *rq = ask_decide(uri, why, decisions(&name, 1, accept));
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchDecideCorrectionsResponse *)(const void *)rq->out)->results[0];
}

static inline int outcome_of(const Vault__V1__DecideResult *r)
{
    return r->status ? r->status->code : 0;
}

/* The latest views, which are to hold so many times this text. */
static inline void expect_told(int64_t then, const char *text, size_t times)
{
    const char *views = views_since(then);
    if (occurrences(views, text) != times) fail_msg("not %zu times %s in\n%s", times, text, views);
}

/* ---- two at once ---- */

typedef struct rival {
    session *own;
    request *rq;
    const method *m;
} rival;

static inline void *run_rival(void *of)
{
    rival *r = of;
    service_run(r->own, r->m, &r->rq, 1);
    return NULL;
}

static arena *race_memory[2];

__attribute__((destructor)) static void forget_races(void)
{
    arena_free(&race_memory[0]);
    arena_free(&race_memory[1]);
}

/* Both calls start together, each with a session of its own. What they answer lives until the next race. */
static inline void race(const asked calls[2], request *out[2])
{
    rival rivals[2];
    pthread_t threads[2];
    vault_error err = {0};
    for (size_t i = 0; i < 2; i++) {
        if (!race_memory[i]) race_memory[i] = arena_new(8 << 20);
        arena_reset(race_memory[i]);
        rivals[i] = (rival){.m = method_at(calls[i].path)};
        expect_ok(session_open(&rivals[i].own, fixture_service(), &err), &err);
        rivals[i].rq = make_request(&calls[i]);
        rivals[i].rq->mem = rivals[i].rq->kept = race_memory[i];
    }
    for (size_t i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, run_rival, &rivals[i]), 0);
    for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 2; i++) {
        out[i] = rivals[i].rq;
        session_close(&rivals[i].own);
    }
}

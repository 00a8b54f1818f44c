/* Canaries in the fixture, which can be searched for by name, phone and address. */
#pragma once
#include "tests/unit/service/jwt.h"
#include "tests/unit/service/keys.h"
#include "tests/unit/service/search.h"

#include "vault/base/metric.h"
#include "vault/v1/residents.pb-c.h"

#define HOME      "320411002003001"
#define COMMUNITY "320411002003"

/* How many are wanted, where, and for whom. */
typedef struct wished {
    const char *collection, *area, *department, *person; /* NULL: "residents", HOME, "", "" */
    int32_t count;                                       /* 0: one */
} wished;

static inline request *create_as(const char *uri, wished w)
{
    NEW_REQUEST(in, Vault__V1__CreateCanariesRequest, vault__v1__create_canaries_request__init);
    in->collection = lend(w.collection ? w.collection : "residents");
    in->area = lend(w.area ? w.area : HOME);
    in->department = lend(w.department ? w.department : "");
    in->person = lend(w.person ? w.person : "");
    in->count = w.count ? w.count : 1;
    return steward(NULL, uri, "/vault.v1.Canaries/Create", &in->base);
}

static inline Vault__V1__Canary *const *created(wished w)
{
    request *rq = create_as(OFFICER, w);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__CreateCanariesResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_canaries, w.count ? w.count : 1);
    return out->canaries;
}

/* "": it has no such value. */
static inline const char *value_of(const Vault__V1__Canary *c, const char *field)
{
    for (size_t i = 0; i < c->n_values; i++)
        if (strcmp(c->values[i]->field, field) == 0) return c->values[i]->value->text;
    return "";
}

static inline request *list_canaries(const char *uri, bool values, bool retired)
{
    NEW_REQUEST(in, Vault__V1__ListCanariesRequest, vault__v1__list_canaries_request__init);
    in->show_values = values;
    in->show_retired = retired;
    return steward(NULL, uri, "/vault.v1.Canaries/List", &in->base);
}

/* As an officer sees it among all, retired ones too; NULL: not there. */
static inline const Vault__V1__Canary *listed(const char *name)
{
    request *rq = list_canaries(OFFICER, true, true);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__ListCanariesResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < out->n_canaries; i++)
        if (strcmp(out->canaries[i]->name, name) == 0) return out->canaries[i];
    return NULL;
}

static inline request *retire_as(const char *uri, const char *name)
{
    NEW_REQUEST(in, Vault__V1__RetireCanaryRequest, vault__v1__retire_canary_request__init);
    in->name = lend(name);
    return steward(NULL, uri, "/vault.v1.Canaries/Retire", &in->base);
}

/* An app, its purpose, and the person it acts for (an assertion) or NULL. */
typedef struct asker {
    const char *uri, *why, *assertion;
} asker;

/* What was answered to an ID number: its token, or the packed status; its token is NULL then. */
typedef struct issued {
    const char *token;
    bytes refusal;
} issued;

static inline issued issue(asker by, const char *id_number)
{
    NEW_REQUEST(in, Vault__V1__BatchIssueRequest, vault__v1__batch_issue_request__init);
    in->values = arena_array(fixture_memory(), 1, sizeof *in->values);
    in->values[in->n_values++] = lend(id_number);
    request *rq = ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue",
                               .uri = by.uri,
                               .purpose = by.why,
                               .in = &in->base,
                               .assertion = by.assertion});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__IssueResult *one = ((const Vault__V1__BatchIssueResponse *)(const void *)rq->out)->results[0];
    if (!one->status) return (issued){.token = one->token};
    uint8_t *packed = arena_alloc(fixture_memory(), google__rpc__status__get_packed_size(one->status));
    return (issued){.refusal = bytes_of(packed, google__rpc__status__pack(one->status, packed))};
}

static inline const char *issued_to(asker by, const char *id_number)
{
    issued out = issue(by, id_number);
    assert_non_null(out.token);
    return out.token;
}

static inline request *look_at(asker by, const char *text, Google__Protobuf__FieldMask *mask)
{
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                        .uri = by.uri,
                        .purpose = by.why,
                        .in = &reveal_of(text, mask)->base,
                        .assertion = by.assertion});
}

static inline uint64_t alarms(void)
{
    return metric_read(METRIC_CANARY_USES, (metric_at){0, 0});
}

static inline long notices_of(const char *name)
{
    return strtol(pg_sql("SELECT count(*) FROM notice WHERE kind = 4 AND subject = '%s'", name), NULL, 10);
}

/* Names that are made up are few: two canaries may have the same. */
static inline size_t found_by(asker by, const char *field, const char *value)
{
    Vault__V1__SearchRequest *in = new_search();
    equals(in, field, value);
    return answer_of(search_as(by.uri, by.why, in))->n_results;
}

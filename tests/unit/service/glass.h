/* A vault whose grid workers may break the glass: marital_status and education for two hours, of two residents, in the
 * whole district; and whose app eldercare may reveal the occupation of more than two residents only with leave. */
#pragma once
#include "tests/unit/service/jwt.h"
#include "tests/unit/service/lines.h"
#include "tests/unit/service/steward.h"

#include "vault/v1/policy.pb-c.h"

#define VISIT         "elder-care"
#define GLASS_PURPOSE "elder-care"
#define NOBODYS       "emergencies/0123456789abcdef0123456789abcdef"
#define HOUR_US       (INT64_C(3600) * 1000000)
#define WHY           "灾害：三号楼起火，需核对住户家庭情况"

/* Time passes, and never comes back: the vault would not believe it. */
static inline int64_t pass(int64_t us)
{
    static int64_t at;
    if (at == 0) at = clock_now_us();
    at += us;
    clock_set_for_test(at);
    return at;
}

/* The clock of this machine is set back, and the person's device says when it really is. */
static inline void set_back(int64_t us)
{
    clock_set_for_test(pass(0) - us);
}

static inline void add_rule(json_t *policy, const char *text)
{
    json_t *one = json_loads(text, 0, NULL);
    assert_non_null(one);
    json_array_append_new(json_object_get(policy, "rules"), one);
}

static inline void with_glass(const char *file, json_t *document)
{
    if (strcmp(file, "policy.json") != 0) return;
    add_rule(document,
             "{\"id\": \"eldercare-glass\", \"action\": \"reveal\", \"consumer\": \"eldercare\","
             " \"purpose\": \"elder-care\", \"fields\": [\"marital_status\", \"education\"],"
             " \"form\": \"plain\", \"areas\": [\"320411\"], \"acting\": \"person\","
             " \"roles\": [\"grid-worker\"], \"valid\": {\"from\": \"2020-01-01\", \"until\": \"2099-12-31\"},"
             " \"break_glass\": {\"hours\": 2, \"residents\": 2, \"review_hours\": 24}}");
    add_rule(document, "{\"id\": \"eldercare-bulk\", \"action\": \"reveal\", \"consumer\": \"eldercare\","
                       " \"purpose\": \"elder-care\", \"fields\": [\"occupation\"], \"form\": \"plain\","
                       " \"areas\": [\"320411\"], \"acting\": \"app\","
                       " \"valid\": {\"from\": \"2020-01-01\", \"until\": \"2099-12-31\"}, \"approval_above\": 2}");
    json_object_set_new(
        document, "budgets",
        json_loads("[{\"id\": \"occupation-day\", \"per\": \"consumer\", \"consumers\": [\"eldercare\"],"
                   " \"purposes\": [\"elder-care\"], \"roles\": \"any\", \"fields\": [\"occupation\"],"
                   " \"period\": \"day\", \"residents\": 4, \"soft\": 50}]",
                   0, NULL));
}

static inline const char *says(const char *sub)
{
    return assertion_of(&(claims){.sub = sub});
}

static inline request *open_as(session *by, const char *sub, const char *reason)
{
    NEW_REQUEST(in, Vault__V1__OpenEmergencyRequest, vault__v1__open_emergency_request__init);
    in->reason = lend(reason);
    return ask(&(asked){.path = "/vault.v1.Emergencies/Open",
                        .uri = ELDERCARE,
                        .purpose = GLASS_PURPOSE,
                        .in = &in->base,
                        .assertion = sub ? says(sub) : NULL,
                        .by = by});
}

static inline const Vault__V1__Emergency *opened_by(const char *sub)
{
    request *rq = open_as(NULL, sub, WHY);
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__OpenEmergencyResponse *)(const void *)rq->out)->emergency;
}

static inline request *review_as(const char *uri, const char *name, bool justified, const char *note)
{
    NEW_REQUEST(in, Vault__V1__ReviewEmergencyRequest, vault__v1__review_emergency_request__init);
    in->name = lend(name);
    in->justified = justified;
    in->note = lend(note);
    return steward(NULL, uri, "/vault.v1.Emergencies/Review", &in->base);
}

static inline const Vault__V1__ListEmergenciesResponse *list_as(const char *uri, bool waiting)
{
    NEW_REQUEST(in, Vault__V1__ListEmergenciesRequest, vault__v1__list_emergencies_request__init);
    in->waiting = waiting;
    request *rq = steward(NULL, uri, "/vault.v1.Emergencies/List", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

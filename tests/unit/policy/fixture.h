/* A policy of a few rules, a person who may act by them, and a call that they allow. */
#pragma once
#include "tests/support/harness.h"
#include "tests/unit/policy/naive.h"
#include "vault/base/json.h"

static inline policy *load(json_t *document)
{
    vault_error err = {0};
    policy *p;
    expect_ok(policy_load(&p, document, &naive_names, &err), &err);
    return p;
}

static inline policy *load_text(const char *text)
{
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    policy *p = load(document);
    json_decref(document);
    return p;
}

#define RULE(id, action, fields, form, areas, acting)                                                                  \
    "{\"id\": \"" id "\", \"action\": \"" action "\", \"consumer\": \"c1\", \"purpose\": \"p1\", \"fields\": [" fields \
    "], \"form\": \"" form "\", \"areas\": [" areas "], " acting                                                       \
    ", \"valid\": {\"from\": \"2026-02-01\", \"until\": \"2026-11-30\"}}"
#define APP       "\"acting\": \"app\""
#define OF(roles) "\"acting\": \"person\", \"roles\": [" roles "]"
#define OWN       ", \"own_area\": true"
#define RULES                                                                                                          \
    RULE("care-reveal", "reveal", "\"f1\", \"f2\", \"f3\"", "plain", "\"320411\", \"330105001\"",                      \
         OF("\"r1\", \"r3\""))                                                                                         \
    "," RULE("care-batch", "reveal", "\"f1\"", "plain", "\"320411\"", APP) "," RULE(                                   \
        "care-issue", "issue", "\"f5\"", "nothing", "\"32\"",                                                          \
        APP) "," RULE("care-masked", "reveal", "\"f7\"", "masked", "\"32\"",                                           \
                      OF("\"r1\"")) "," RULE("care-own", "reveal", "\"f8\"", "plain", "\"3204\"", OF("\"r1\"") OWN)
__attribute__((unused)) static const char standard[] = "{\"rules\": [" RULES "]}";
__attribute__((unused)) static const char with_put[] =
    "{\"rules\": [" RULES "," RULE("care-put", "put", "\"f8\"", "plain", "\"3204\"", APP) "]}";

__attribute__((unused)) static const area_code home = {320411002001007};

/* A community, and one grid of another. */
static const area_range own_areas[] = {{320411002001000, 320411002001999}, {320411003001005, 320411003001005}};
static const policy_person worker = {.role = {1}, .from = 0, .until = 20261231, .areas = own_areas, .area_count = 2};

static inline policy_facts good_facts(void)
{
    policy_facts f = {.action = POLICY_REVEAL,
                      .consumer = {1},
                      .purpose = {1},
                      .form = FORM_PLAIN,
                      .person = &worker,
                      .date = 20260601};
    field_set_add(&f.fields, 1);
    field_set_add(&f.fields, 3);
    return f;
}

static inline policy_facts facts_of(unsigned field)
{
    policy_facts f = good_facts();
    f.fields = (field_set){0};
    field_set_add(&f.fields, field);
    return f;
}

static inline grant decide(const policy *p, const policy_facts *facts, area_code area)
{
    admission a = policy_admit(p, facts);
    return policy_decide(p, &a, facts, (policy_resident){.area = area});
}

static inline void expect_refused(const policy *p, const policy_facts *facts, area_code area, policy_clause clause)
{
    grant g = decide(p, facts, area), none = {.failed = clause};
    if (g.failed != clause) fail_msg("refused by %s, not %s", policy_clause_name(g.failed), policy_clause_name(clause));
    assert_memory_equal(&g.fields, &none.fields, sizeof g.fields);
    assert_false(g.given);
    assert_int_equal(g.form, FORM_NOTHING);
}

static uint32_t assessed_until;

static inline uint32_t assessed(void *context, purpose_no purpose)
{
    (void)context;
    return purpose.no == 1 ? assessed_until : 20991231;
}

static inline policy *load_assessed(uint32_t until)
{
    vault_error err = {0};
    policy *p;
    policy_names names = naive_names;
    names.assessed_until = assessed;
    assessed_until = until;
    json_t *document = json_loads(standard, 0, NULL);
    expect_ok(policy_load(&p, document, &names, &err), &err);
    json_decref(document);
    return p;
}

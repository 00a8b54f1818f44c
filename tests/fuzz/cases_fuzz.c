/* Any text as a file of cases, and as the cases of "never": it is refused with its path, or it can be run. */
#include "policy/cases.h"
#include "tests/unit/policy/names.h"
#include "vault/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VALID "\"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}"
static const char text[] =
    "{\"classes\": [{\"id\": \"child\", \"field\": \"f1\", \"test\": \"age_under\", \"years\": 14}],"
    " \"aggregations\": [{\"id\": \"sum\", \"fields\": [\"f1\", \"f3\"], \"level\": 5, \"per\": \"person\", \"days\": "
    "30}],"
    " \"rules\": [{\"id\": \"plain\", \"action\": \"reveal\", \"consumer\": [\"c1\", \"c2\"], \"purpose\": \"p1\","
    "   \"fields\": [\"f1\", \"f2\", \"f3\"], \"form\": \"plain\", \"areas\": [\"320411\"], \"acting\": \"app\","
    "   \"hours\": [{\"days\": [\"fri\", \"sun\"], \"from\": \"22:00\", \"until\": \"06:00\"}],"
    "   \"residents\": {\"except\": [\"child\"]}, " VALID "}],"
    " \"prohibitions\": [{\"id\": \"no\", \"consumers\": \"any\", \"purposes\": [\"p1\"], \"roles\": \"any\","
    "   \"fields\": [\"f2\"], \"forms\": [\"plain\"], \"areas\": [\"320411002\"], \"valid\": {\"from\": "
    "\"2026-01-01\", \"until\": \"2026-06-30\"}}]}";

static const policy_person clerk = {.role = {1}, .from = 20260101, .until = 20261231};

static const policy_person *registered(void *context, const char *id)
{
    (void)context;
    return strcmp(id, "clerk") == 0 ? &clerk : NULL;
}

static const case_names by = {.names = &naive_names, .person = registered};

static const policy *the_policy(void)
{
    static policy *p;
    vault_error err = {0};
    if (p) return p;
    json_t *document = json_loads(text, 0, NULL);
    if (!document || policy_load(&p, document, &naive_names, &err) != VAULT_OK) abort();
    json_decref(document);
    return p;
}

static void expect_told(const vault_error *err)
{
    if (err->code != VAULT_INVALID || !err->detail[0] || !err->reason) abort();
}

/* What is allowed is allowed by a rule, and never both. */
static void run(const policy_cases *cases)
{
    const policy_moment now = {.date = 20260606, .minute = 60};
    for (size_t i = 0; i < policy_case_count(cases); i++) {
        const case_outcome o = policy_case_run(the_policy(), policy_case_at(cases, i), now);
        if (o.allowed != (o.clause == CLAUSE_NONE) || o.allowed != (o.rule != NO_RULE)) abort();
        if (o.passed && o.allowed != policy_case_at(cases, i)->allowed) abort();
    }
}

static void run_never(const policy_cases *cases)
{
    vault_error err = {0};
    const policy_moment now = {.date = 20260606, .minute = 60};
    if (policy_never_holds(the_policy(), cases, &err) != VAULT_OK) {
        expect_told(&err);
        return;
    }
    for (size_t i = 0; i < policy_case_count(cases); i++)
        if (policy_case_run(the_policy(), policy_case_at(cases, i), now).allowed) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vault_error err = {0};
    VAULT_CLEANUP(json_clear) json_t *document = NULL;
    VAULT_CLEANUP(policy_cases_free) policy_cases *cases = NULL;
    if (json_read(&document, bytes_of(data, size), "fuzz", &err) != VAULT_OK) return 0;
    if (json_is_array(document)) {
        if (policy_never_load(&cases, the_policy(), document, &by, &err) == VAULT_OK)
            run_never(cases);
        else
            expect_told(&err);
        return 0;
    }
    if (policy_cases_load(&cases, the_policy(), document, &by, &err) == VAULT_OK)
        run(cases);
    else
        expect_told(&err);
    return 0;
}

/* Files of cases: read strictly, run against a policy, and how much of it they have met. */
#include "policy/cases.h"
#include "tests/unit/policy/fixture.h"

static const policy_moment june = {.date = 20260601, .minute = 600};
static const area_range clerk_areas[] = {{320411002000000, 320411002999999}};
static const policy_person clerk = {
    .role = {1}, .from = 20260101, .until = 20261231, .areas = clerk_areas, .area_count = 1};

static const policy_person *registered(void *context, const char *id)
{
    (void)context;
    return strcmp(id, "clerk") == 0 ? &clerk : NULL;
}

static const case_names by = {.names = &naive_names, .person = registered};

#define SETS                                                                                                           \
    "\"classes\": [{\"id\": \"child\", \"field\": \"f3\", \"test\": \"age_under\", \"years\": 14},"                    \
    " {\"id\": \"in-care\", \"field\": \"f4\", \"test\": \"known\"}],"                                                 \
    " \"aggregations\": [{\"id\": \"both\", \"fields\": [\"f1\", \"f8\"], \"level\": 5, \"per\": \"person\","          \
    " \"days\": 30}],"                                                                                                 \
    " \"prohibitions\": [{\"id\": \"no-f1-east\", \"consumers\": \"any\", \"purposes\": [\"p1\"], \"roles\": \"any\"," \
    " \"fields\": [\"f1\"], \"forms\": \"any\", \"areas\": [\"320411003\"]}],"
static const char sets[] = "{" SETS "\"rules\": [" RULES "]}";

static vault_code read_file(policy_cases **out, const policy *p, const char *text, vault_error *err)
{
    json_error_t error;
    json_t *file = json_loads(text, 0, &error);
    if (!file) fail_msg("%s: %s", error.text, text);
    vault_code code = policy_cases_load(out, p, file, &by, err);
    json_decref(file);
    return code;
}

#define FILE_OF(...)            "{\"cases\": [" __VA_ARGS__ "]}"
#define CASE(id, facts, expect) "{\"id\": \"" id "\", \"facts\": {" facts "}, " expect "}"
#define CALL                    "\"consumer\": \"c1\", \"purpose\": \"p1\", \"action\": \"reveal\", \"fields\": [\"f1\"]"
#define CLERK                   ", \"person\": \"clerk\""
#define AT(area)                ", \"resident\": {\"area\": \"" area "\"}"
#define JUNE                    ", \"time\": \"2026-06-01T10:00\""
#define ALLOWED                 "\"expect\": \"allowed\""
#define REFUSED(clause)         "\"expect\": \"refused\", \"clause\": \"" clause "\""

/* ---- running ---- */

static void expect_passes(const char *one, bool passes)
{
    vault_error err = {0};
    policy *p = load_text(sets);
    policy_cases *cases;
    char text[2048];
    snprintf(text, sizeof text, FILE_OF("%s"), one);
    expect_ok(read_file(&cases, p, text, &err), &err);
    assert_int_equal(policy_case_count(cases), 1);
    assert_null(policy_case_at(cases, 1));
    case_outcome o = policy_case_run(p, policy_case_at(cases, 0), june);
    if (o.passed != passes) fail_msg("%s: %s", one, o.allowed ? "allowed" : policy_clause_name(o.clause));
    policy_cases_free(&cases);
    assert_null(cases);
    policy_free(&p);
}

TEST("a case passes when the policy says what is expected, and by the clause and rule that are expected")
{
    expect_passes(CASE("a", CALL CLERK AT("320411002001007"), ALLOWED), true);
    expect_passes(CASE("a", CALL CLERK AT("320411002001"), ALLOWED ", \"rule\": \"care-reveal\""), true);
    expect_passes(CASE("a", CALL CLERK AT("320411002001"), ALLOWED ", \"rule\": \"care-batch\""), false);
    expect_passes(CASE("a", CALL CLERK AT("320411002001"), REFUSED("area")), false);
    expect_passes(CASE("a", CALL CLERK AT("110411002001"), ALLOWED), false);
    expect_passes(CASE("a", CALL CLERK AT("110411002001"), REFUSED("area")), true);
    expect_passes(CASE("a", CALL CLERK AT("110411002001"), REFUSED("resident")), true);
    expect_passes(CASE("a", CALL CLERK AT("110411002001"), REFUSED("consent")), false);
    expect_passes(CASE("a", CALL CLERK ", \"resident\": {}", REFUSED("area")), true);
    expect_passes(CASE("a", CALL CLERK AT("320411003001"), REFUSED("forbidden")), true);
    expect_passes(CASE("a", CALL CLERK ", \"form\": \"count\"" AT("320411002001"), REFUSED("form")), true);
    expect_passes(CASE("a", "\"consumer\": \"c2\", \"purpose\": \"p1\", \"action\": \"reveal\"", REFUSED("consumer")),
                  true);
}

TEST("a case without a resident is about the call alone")
{
    expect_passes(CASE("a", CALL, ALLOWED ", \"rule\": \"care-batch\""), true);
    expect_passes(CASE("a", CALL CLERK, ALLOWED ", \"rule\": \"care-reveal\""), true);
    expect_passes(CASE("a", CALL ", \"role\": \"r2\"", ALLOWED ", \"rule\": \"care-reveal\""), false);
    expect_passes(CASE("a", "\"consumer\": \"c1\", \"purpose\": \"p1\", \"action\": \"reveal\", \"fields\": [\"f2\"]",
                       REFUSED("acting")),
                  true);
}

TEST("a case has a time of its own, that of its file, or the present one")
{
    expect_passes(CASE("a", CALL ", \"time\": \"2026-01-31T23:59\"", REFUSED("dates")), true);
    expect_passes(CASE("a", CALL ", \"time\": \"2026-02-01T00:00\"", ALLOWED), true);
    vault_error err = {0};
    policy *p = load_text(sets);
    policy_cases *cases;
    expect_ok(read_file(&cases, p,
                        "{\"time\": \"2026-12-01T08:00\", \"cases\": [" CASE("a", CALL, REFUSED("dates")) "]}", &err),
              &err);
    assert_true(policy_case_run(p, policy_case_at(cases, 0), june).passed);
    policy_cases_free(&cases);
    policy_free(&p);
}

TEST("persons of the file come before registered ones; a role with areas and a contract will do")
{
    vault_error err = {0};
    policy *p = load_text(sets);
    policy_cases *cases;
    expect_ok(read_file(&cases, p,
                        "{\"persons\": [{\"id\": \"clerk\", \"role\": \"r2\"}], \"cases\": [" CASE(
                            "a", CALL CLERK, ALLOWED ", \"rule\": \"care-batch\"") "]}",
                        &err),
              &err);
    assert_true(policy_case_run(p, policy_case_at(cases, 0), june).passed);
    policy_cases_free(&cases);
    policy_free(&p);
    expect_passes(CASE("a",
                       CALL ", \"role\": \"r1\", \"contract\": {\"from\": \"2026-01-01\", \"until\": \"2026-05-31\"}",
                       REFUSED("contract")),
                  true);
    expect_passes(CASE("a",
                       "\"consumer\": \"c1\", \"purpose\": \"p1\", \"action\": \"reveal\", \"fields\": [\"f8\"],"
                       " \"role\": \"r1\", \"areas\": [\"320411001\"]" AT("320411002001"),
                       REFUSED("area")),
                  true);
}

TEST("the strongest form is compared, where it is expected")
{
    expect_passes(CASE("a", CALL CLERK AT("320411002001"), ALLOWED ", \"strongest\": \"plain\""), true);
    expect_passes(CASE("a", CALL CLERK AT("320411002001"), ALLOWED ", \"strongest\": \"masked\""), false);
    expect_passes(CASE("a", CALL CLERK AT("110411002001"), REFUSED("area") ", \"strongest\": \"nothing\""), true);
}

/* ---- reading ---- */

static void refused_at(const char *text, const char *path, const char *says)
{
    vault_error err = {0};
    policy *p = load_text(sets);
    policy_cases *cases;
    assert_int_equal(read_file(&cases, p, text, &err), VAULT_INVALID);
    assert_null(cases);
    assert_string_equal(err.reason, "DOCUMENT_INVALID");
    assert_string_equal(err.field, path);
    if (!strstr(err.detail, says)) fail_msg("'%s' does not say '%s'", err.detail, says);
    policy_free(&p);
}

static void refused(const char *one, const char *path, const char *says)
{
    char text[2048];
    snprintf(text, sizeof text, FILE_OF("%s"), one);
    refused_at(text, path, says);
}

TEST("what a case says of anything that is not there is a fault with its path and the mend")
{
    refused(CASE("a", CALL ", \"fild\": 1", ALLOWED), "cases[0].facts", "fild");
    refused(CASE("A", CALL, ALLOWED), "cases[0].id", "a-z");
    refused(CASE("a", CALL, "\"expect\": \"maybe\""), "cases[0].expect", "neither");
    refused(CASE("a", CALL, "\"clause\": \"area\""), "cases[0]", "expect");
    refused(CASE("a", CALL, ALLOWED ", \"clause\": \"area\""), "cases[0].clause", "refusal");
    refused(CASE("a", CALL, REFUSED("budget")), "cases[0].clause", "no clause");
    refused(CASE("a", CALL, REFUSED("none")), "cases[0].clause", "no clause");
    refused(CASE("a", CALL, ALLOWED ", \"rule\": \"no-such\""), "cases[0].rule", "no rule");
    refused(CASE("a", CALL, "\"expect\": \"refused\", \"rule\": \"care-batch\""), "cases[0].rule", "allowed");
    refused(CASE("a", "\"consumer\": \"c9\", \"purpose\": \"p1\", \"action\": \"reveal\"", ALLOWED),
            "cases[0].facts.consumer", "unknown consumer");
    refused(CASE("a", "\"consumer\": \"c1\", \"purpose\": \"p9\", \"action\": \"reveal\"", ALLOWED),
            "cases[0].facts.purpose", "unknown purpose");
    refused(CASE("a", "\"consumer\": \"c1\", \"purpose\": \"p1\", \"action\": \"look\"", ALLOWED),
            "cases[0].facts.action", "unknown action");
    refused(CASE("a", CALL ", \"form\": \"shown\"", ALLOWED), "cases[0].facts.form", "unknown form");
    refused(CASE("a", "\"consumer\": \"c1\", \"purpose\": \"p1\", \"action\": \"reveal\", \"fields\": [\"f1\", \"f1\"]",
                 ALLOWED),
            "cases[0].facts.fields[1]", "twice");
    refused(CASE("a", "\"consumer\": \"c1\", \"purpose\": \"p1\", \"action\": \"reveal\", \"fields\": [\"f1\", \"h1\"]",
                 ALLOWED),
            "cases[0].facts.fields[1]", "another collection");
    refused(CASE("a", "\"consumer\": \"c1\", \"purpose\": \"p1\", \"action\": \"reveal\", \"fields\": []", ALLOWED),
            "cases[0].facts.fields", "empty");
    refused(CASE("a", CALL ", \"person\": \"nobody\"", ALLOWED), "cases[0].facts.person", "unknown person");
    refused(CASE("a", CALL CLERK ", \"role\": \"r1\"", ALLOWED), "cases[0].facts.person", "leave one out");
    refused(CASE("a", CALL ", \"role\": \"r9\"", ALLOWED), "cases[0].facts.role", "unknown role");
    refused(CASE("a", CALL ", \"areas\": [\"32\"]", ALLOWED), "cases[0].facts.areas", "role only");
    refused(CASE("a", CALL ", \"role\": \"r1\", \"areas\": [\"32\", \"3204\"]", ALLOWED), "cases[0].facts.areas",
            "narrower");
    refused(CASE("a", CALL ", \"time\": \"2026-06-31T10:00\"", ALLOWED), "cases[0].facts.time", "not a time");
    refused(CASE("a", CALL ", \"time\": \"2026-06-01T24:00\"", ALLOWED), "cases[0].facts.time", "not a time");
    refused(CASE("a", CALL ", \"residents\": 0", ALLOWED), "cases[0].facts.residents", "1 to");
    refused(CASE("a", CALL ", \"approved\": 1", ALLOWED), "cases[0].facts.approved", "true nor false");
    refused(CASE("a", CALL AT("3204"), ALLOWED), "cases[0].facts.resident.area", "digits");
    refused(CASE("a", CALL ", \"resident\": {\"of\": [\"old\"]}", ALLOWED), "cases[0].facts.resident.of[0]",
            "unknown class");
    refused(CASE("a", CALL ", \"resident\": {\"of\": [\"child\"], \"not_of\": [\"child\"]}", ALLOWED),
            "cases[0].facts.resident.not_of", "names a class");
    refused(CASE("a", CALL ", \"resident\": {\"not_of\": \"any\"}", ALLOWED), "cases[0].facts.resident.not_of",
            "others");
    refused(CASE("a", CALL ", \"resident\": {\"completes\": [\"all\"]}", ALLOWED),
            "cases[0].facts.resident.completes[0]", "unknown aggregation");
    refused(CASE("case-1", CALL, ALLOWED) "," CASE("case-l", CALL, ALLOWED), "cases[1].id", "looks like");
}

TEST("a file without cases, with other keys, or with persons said twice is refused")
{
    refused_at("{\"cases\": []}", "cases", "empty");
    refused_at("{}", "", "cases");
    refused_at("{\"cases\": [" CASE("a", CALL, ALLOWED) "], \"time\": \"now\"}", "time", "not a time");
    refused_at("{\"case\": 1, \"cases\": [" CASE("a", CALL, ALLOWED) "]}", "", "case");
    refused_at(
        "{\"persons\": [{\"id\": \"x\", \"role\": \"r1\"}, {\"id\": \"x\", \"role\": \"r1\"}], \"cases\": [" CASE(
            "a", CALL, ALLOWED) "]}",
        "persons[1].id", "twice");
}

TEST("\"others\" are all classes that he is not said to be of")
{
    vault_error err = {0};
    policy *p = load_text(sets);
    policy_cases *cases;
    expect_ok(read_file(&cases, p,
                        FILE_OF(CASE("a",
                                     CALL ", \"resident\": {\"of\": [\"child\"], \"not_of\": \"others\", "
                                          "\"consent\": true, \"completes\": [\"both\"]}",
                                     ALLOWED)),
                        &err),
              &err);
    const policy_case *one = policy_case_at(cases, 0);
    assert_int_equal(one->of.in, 1);
    assert_int_equal(one->of.out, 2);
    assert_int_equal(one->of.complete, 1);
    assert_true(one->of.consent && one->about);
    assert_int_equal(one->of.area.code, 0);
    policy_cases_free(&cases);
    policy_free(&p);
}

/* ---- coverage ---- */

TEST("coverage names rules and prohibitions that no case has met; a case that fails proves nothing")
{
    vault_error err = {0};
    arena *mem = arena_new(1 << 20);
    case_coverage covered;
    policy_cases *cases;
    policy *p = load_text(sets);
    expect_ok(
        read_file(&cases, p,
                  FILE_OF(CASE("a", CALL CLERK AT("320411002001"), ALLOWED) "," CASE(
                      "b", CALL CLERK AT("320411003001"), REFUSED("forbidden")) "," CASE("c", CALL, REFUSED("area"))),
                  &err),
        &err);
    expect_ok(policy_coverage(&covered, mem, p, cases, june, &err), &err);
    assert_int_equal(covered.rules, 6);
    assert_int_equal(covered.covered, 2);
    assert_int_equal(covered.uncovered_count, 4);
    assert_string_equal(covered.uncovered[0], "care-batch");
    assert_string_equal(covered.uncovered[3], "care-own");
    policy_cases_free(&cases);
    policy_free(&p);
    arena_free(&mem);
}

/* ---- never ---- */

static vault_code never(const char *policy_text, const char *facts, vault_error *err)
{
    policy *p = load_text(policy_text);
    policy_cases *cases = NULL;
    char text[1024];
    snprintf(text, sizeof text, "[{\"id\": \"this-one\", \"facts\": {%s}}]", facts);
    json_t *list = json_loads(text, 0, NULL);
    expect_ok(policy_never_load(&cases, p, list, &by, err), err);
    vault_code code = policy_never_holds(p, cases, err);
    json_decref(list);
    policy_cases_free(&cases);
    policy_free(&p);
    return code;
}

#define F7 "\"consumer\": \"c1\", \"purpose\": \"p1\", \"action\": \"reveal\", \"fields\": [\"f7\"]"

TEST("what must never be is looked for on every day and at every hour")
{
    vault_error err = {0};
    expect_ok(never(sets, F7 ", \"role\": \"r1\"" AT("320411002001"), &err), &err);
    expect_ok(never(sets, CALL CLERK AT("110411002001"), &err), &err);
    assert_int_equal(never(sets, CALL CLERK AT("320411002001"), &err), VAULT_INVALID);
    assert_string_equal(err.field, "policy.never[0]");
    assert_non_null(strstr(err.detail, "this-one"));
    assert_non_null(strstr(err.detail, "care-reveal"));
    vault_error_clear(&err);
    expect_ok(never(sets, CALL CLERK ", \"time\": \"2026-01-31T10:00\"" AT("320411002001"), &err), &err);
    const char *sundays =
        "{\"rules\": [" RULE("sundays", "reveal", "\"f7\"", "plain", "\"3204\"",
                             APP ", \"hours\": [{\"days\": [\"sun\"], \"from\": \"03:10\", \"until\": "
                                 "\"03:20\"}]") "]}";
    assert_int_equal(never(sundays, F7, &err), VAULT_INVALID);
    assert_non_null(strstr(err.detail, "03:10"));
    vault_error_clear(&err);
    expect_ok(never(sundays, F7 ", \"time\": \"2026-06-06T03:15\"", &err), &err);
    assert_int_equal(never(sundays, F7 ", \"time\": \"2026-06-07T03:15\"", &err), VAULT_INVALID);
}

TEST("a prohibition that ends lets through what must never be, on the day after")
{
    vault_error err = {0};
    const char *ends = "{\"rules\": [" RULE(
        "rule", "reveal", "\"f1\"", "plain", "\"3204\"",
        APP) "],"
             " \"prohibitions\": [{\"id\": \"ban\", \"consumers\": \"any\", \"purposes\": \"any\","
             " \"roles\": \"any\", \"fields\": [\"f1\"], \"forms\": \"any\", \"areas\": [\"320411\"],"
             " \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-08-31\"}}]}";
    assert_int_equal(never(ends, CALL AT("320411002001"), &err), VAULT_INVALID);
    assert_non_null(strstr(err.detail, "2026-09-01"));
}

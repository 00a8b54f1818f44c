/* What no rule may allow, what a granted call counts in, and the strongest form. */
#include "policy/internal.h"
#include "tests/unit/policy/fixture.h"

/* The standard rules, and prohibitions. */
#define PROHIBIT(which)                                                                                                \
    "{\"classes\": [{\"id\": \"child\", \"field\": \"f1\", \"test\": \"age_under\", \"years\": 14}], "                 \
    "\"prohibitions\": [" which "], \"rules\": [" RULES "]}"
#define NOT(id, consumers, purposes, roles, fields, forms, areas, more)                                                \
    "{\"id\": \"" id "\", \"consumers\": " consumers ", \"purposes\": " purposes ", \"roles\": " roles                 \
    ", \"fields\": " fields ", \"forms\": " forms ", \"areas\": " areas more "}"
#define ANY "\"any\""

static policy_clause inner_of(const policy *p, const policy_facts *f, policy_resident of)
{
    admission a = policy_admit(p, f);
    grant g = policy_decide(p, &a, f, of);
    assert_int_equal(g.given, g.inner == CLAUSE_NONE);
    return g.inner;
}

static policy_clause met(const char *text, const policy_facts *f, policy_resident of)
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(text);
    return inner_of(p, f, of);
}

static policy_clause met_at_home(const char *text, policy_facts f)
{
    return met(text, &f, (policy_resident){.area = home});
}

TEST("a prohibition wins over every rule, and meets a call that asks for one of its fields among others")
{
    static const char text[] = PROHIBIT(NOT("no", ANY, ANY, ANY, "[\"f2\"]", ANY, ANY, ""));
    policy_facts f = facts_of(2);
    assert_int_equal(met_at_home(text, f), CLAUSE_PROHIBITED);
    field_set_add(&f.fields, 1);
    assert_int_equal(met_at_home(text, f), CLAUSE_PROHIBITED);
    assert_int_equal(met_at_home(text, facts_of(1)), CLAUSE_NONE);
}

TEST("each dimension of a prohibition narrows it")
{
    static const struct {
        const char *text;
        bool meets;
    } all[] = {{PROHIBIT(NOT("no", "[\"c1\"]", ANY, ANY, "[\"f2\"]", ANY, ANY, "")), true},
               {PROHIBIT(NOT("no", "[\"c2\"]", ANY, ANY, "[\"f2\"]", ANY, ANY, "")), false},
               {PROHIBIT(NOT("no", ANY, "[\"p1\"]", ANY, "[\"f2\"]", ANY, ANY, "")), true},
               {PROHIBIT(NOT("no", ANY, "[\"p2\"]", ANY, "[\"f2\"]", ANY, ANY, "")), false},
               {PROHIBIT(NOT("no", ANY, ANY, "[\"r1\"]", "[\"f2\"]", ANY, ANY, "")), true},
               {PROHIBIT(NOT("no", ANY, ANY, "[\"r3\"]", "[\"f2\"]", ANY, ANY, "")), false},
               {PROHIBIT(NOT("no", ANY, ANY, ANY, "[\"f2\"]", "[\"plain\"]", ANY, "")), true},
               {PROHIBIT(NOT("no", ANY, ANY, ANY, "[\"f2\"]", "[\"masked\"]", ANY, "")), false},
               {PROHIBIT(NOT("no", ANY, ANY, ANY, "[\"f2\"]", ANY, ANY,
                             ", \"valid\": {\"from\": \"2026-06-01\", \"until\": \"2026-06-01\"}")),
                true},
               {PROHIBIT(NOT("no", ANY, ANY, ANY, "[\"f2\"]", ANY, ANY,
                             ", \"valid\": {\"from\": \"2026-06-02\", \"until\": \"2026-12-31\"}")),
                false}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(met_at_home(all[i].text, facts_of(2)), all[i].meets ? CLAUSE_PROHIBITED : CLAUSE_NONE);
}

TEST("a prohibition for a purpose is one for the purposes below it, and not for those above")
{
#define BELOW                                                                                                          \
    "\"rules\": [{\"id\": \"a\", \"action\": \"reveal\", \"consumer\": \"c1\", \"purpose\": [\"p1\", \"p2\"], "        \
    "\"fields\": [\"f1\"], \"form\": \"plain\", \"areas\": [\"32\"], \"acting\": \"app\", "                            \
    "\"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}}]}"
    static const char upper[] =
        "{\"prohibitions\": [" NOT("no", ANY, "[\"p1\"]", ANY, ANY, "[\"plain\"]", ANY, "") "]," BELOW;
    static const char lower[] =
        "{\"prohibitions\": [" NOT("no", ANY, "[\"p2\"]", ANY, ANY, "[\"plain\"]", ANY, "") "]," BELOW;
    policy_facts first = facts_of(1), second = facts_of(1);
    first.date = second.date = 20260115;
    second.purpose.no = 2;
    assert_int_equal(met_at_home(upper, first), CLAUSE_PROHIBITED);
    assert_int_equal(met_at_home(upper, second), CLAUSE_PROHIBITED);
    assert_int_equal(met_at_home(lower, first), CLAUSE_NONE);
    assert_int_equal(met_at_home(lower, second), CLAUSE_PROHIBITED);
}

TEST("a prohibition of all fields meets a call that names none")
{
    static const char any[] = PROHIBIT(NOT("no", ANY, ANY, "[\"r2\"]", ANY, ANY, ANY, "")),
                      one[] = PROHIBIT(NOT("no", ANY, ANY, "[\"r2\"]", "[\"f5\"]", ANY, ANY, ""));
    const policy_person clerk = {.role = {2}, .from = 0, .until = 20261231};
    policy_facts f = facts_of(5);
    f.person = &clerk;
    f.action = POLICY_ISSUE, f.form = FORM_NOTHING, f.fields = (field_set){0};
    assert_int_equal(met_at_home(any, f), CLAUSE_PROHIBITED);
    assert_int_equal(met_at_home(one, f), CLAUSE_NONE);
    field_set_add(&f.fields, 5);
    assert_int_equal(met_at_home(one, f), CLAUSE_PROHIBITED);
    f.person = NULL;
    assert_int_equal(met_at_home(any, f), CLAUSE_NONE);
}

TEST("a prohibition for areas or classes refuses those residents alone, and whose class is not known")
{
    static const char areas[] = PROHIBIT(NOT("no", ANY, ANY, ANY, ANY, ANY, "[\"320411002\"]", "")),
                      classes[] = PROHIBIT(NOT("no", ANY, ANY, ANY, ANY, ANY, ANY, ", \"classes\": [\"child\"]")),
                      both[] =
                          PROHIBIT(NOT("no", ANY, ANY, ANY, ANY, ANY, "[\"320411002\"]", ", \"classes\": [\"child\"]"));
    static const struct {
        policy_resident of;
        bool in_area, of_class;
    } all[] = {{{.area = {320411002001007}, .out = 1}, true, false},
               {{.area = {320411002001007}, .in = 1}, true, true},
               {{.area = {320411002001007}}, true, true},
               {{.area = {320411003001007}, .out = 1}, false, false},
               {{.area = {320411003001007}, .in = 1, .out = 1}, false, true}};
    const policy_facts f = facts_of(2);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool a = all[i].in_area, c = all[i].of_class;
        assert_int_equal(met(areas, &f, all[i].of), a ? CLAUSE_FORBIDDEN : CLAUSE_NONE);
        assert_int_equal(met(classes, &f, all[i].of), c ? CLAUSE_FORBIDDEN : CLAUSE_NONE);
        assert_int_equal(met(both, &f, all[i].of), a && c ? CLAUSE_FORBIDDEN : CLAUSE_NONE);
    }
    VAULT_CLEANUP(policy_free) policy *p = load_text(both);
    assert_int_equal(policy_admit(p, &f).classes, 1);
}

TEST("who asks for what no rule allows is not told of a prohibition")
{
    static const char text[] = PROHIBIT(NOT("no", ANY, ANY, ANY, ANY, "[\"plain\"]", ANY, ""));
    policy_facts f = facts_of(4);
    assert_int_equal(met_at_home(text, f), CLAUSE_FIELDS);
    f = facts_of(2), f.date = 20251231;
    assert_int_equal(met_at_home(text, f), CLAUSE_DATES);
}

TEST("an admission that was earned before a prohibition met the call grants nothing")
{
    VAULT_CLEANUP(policy_free)
    policy *p = load_text(PROHIBIT(NOT("no", ANY, ANY, "[\"r3\"]", "[\"f2\"]", "[\"plain\"]", ANY, "")));
    policy_facts f = facts_of(2), met_by_it = f;
    policy_person other = worker;
    other.role.no = 3;
    met_by_it.person = &other;
    admission a = policy_admit(p, &f);
    assert_true(policy_decide(p, &a, &f, (policy_resident){.area = home}).given);
    assert_false(policy_decide(p, &a, &met_by_it, (policy_resident){.area = home}).given);
}

TEST("the strongest form is what prohibitions leave")
{
    VAULT_CLEANUP(policy_free)
    policy *p = load_text(PROHIBIT(NOT("no", ANY, ANY, ANY, "[\"f2\"]", "[\"plain\"]", "[\"320411002\"]", "")));
    const unsigned all = 1U << FORM_PLAIN | 1U << FORM_MASKED | 1U << FORM_TOKEN;
    const policy_resident here = {.area = home}, there = {.area = {320411003001007}}, nobody = {0};
    policy_facts f = facts_of(2);
    assert_int_equal(policy_strongest(p, &f, all, NULL), FORM_PLAIN);
    assert_int_equal(policy_strongest(p, &f, all, &there), FORM_PLAIN);
    assert_int_equal(policy_strongest(p, &f, all, &here), FORM_MASKED);
    assert_int_equal(policy_strongest(p, &f, 1U << FORM_PLAIN | 1U << FORM_TOKEN, &here), FORM_TOKEN);
    assert_int_equal(policy_strongest(p, &f, 1U << FORM_PLAIN, &here), FORM_NOTHING);
    assert_int_equal(policy_strongest(p, &f, all, &nobody), FORM_NOTHING);
    assert_int_equal(policy_strongest(p, &f, 0, &there), FORM_NOTHING);
    f = facts_of(7);
    assert_int_equal(policy_strongest(p, &f, all, &there), FORM_MASKED);
    f = facts_of(4);
    assert_int_equal(policy_strongest(p, &f, all, NULL), FORM_NOTHING);
}

/* ---- budgets ---- */

#define BUDGET(id, consumers, purposes, roles, fields)                                                                 \
    "{\"id\": \"" id "\", \"per\": \"person\", \"consumers\": " consumers ", \"purposes\": " purposes                  \
    ", \"roles\": " roles ", \"fields\": " fields ", \"period\": \"day\", \"residents\": 9}"

#define C1_C2     "[\"c1\", \"c2\"]"
#define FIRST_TWO BUDGET("one", ANY, "[\"p1\", \"p3\"]", ANY, ANY) "," BUDGET("two", C1_C2, ANY, "[\"r1\"]", "[\"f1\"]")
#define LAST_TWO  BUDGET("three", ANY, ANY, ANY, ANY) "," BUDGET("four", "[\"c2\"]", ANY, ANY, ANY)
static const char four_budgets[] = "{\"budgets\": [" FIRST_TWO "," LAST_TWO "], \"rules\": [" RULES "]}";

TEST("a call counts in the budgets that are for it, in the document's order, each once")
{
    VAULT_CLEANUP(policy_free) policy *p = load_text(four_budgets);
    uint16_t found[BUDGETS_PER_CALL];
    policy_facts f = facts_of(1);
    assert_int_equal(policy_budgets(p, &f, found), 3);
    assert_true(found[0] == 0 && found[1] == 1 && found[2] == 2);
    f.person = NULL;
    assert_int_equal(policy_budgets(p, &f, found), 2);
    assert_true(found[0] == 0 && found[1] == 2);
    f = facts_of(2), f.purpose.no = 2; /* below p1 */
    assert_int_equal(policy_budgets(p, &f, found), 2);
    f.action = POLICY_PUT;
    assert_int_equal(policy_budgets(p, &f, found), 0);
    f.action = POLICY_EXPORT, f.purpose.no = 4, f.consumer.no = 2;
    assert_int_equal(policy_budgets(p, &f, found), 3);
    assert_true(found[0] == 0 && found[1] == 2 && found[2] == 3);
}

TEST("periods are those of the calendar; weeks begin on Monday, also over the end of a year")
{
    static const struct {
        policy_period period;
        uint32_t date;
        uint16_t minute;
        policy_span span;
    } all[] = {{PERIOD_HOUR, 20260601, 59, {2026060100, 20260601}},
               {PERIOD_HOUR, 20260601, 60, {2026060101, 20260601}},
               {PERIOD_HOUR, 20260601, 1439, {2026060123, 20260601}},
               {PERIOD_HOUR, 20260601, UINT16_MAX, {2026060123, 20260601}},
               {PERIOD_DAY, 20260601, 1439, {2026060100, 20260601}},
               {PERIOD_WEEK, 20260601, 0, {2026060100, 20260607}},
               {PERIOD_WEEK, 20260607, 1439, {2026060100, 20260607}},
               {PERIOD_WEEK, 20260608, 0, {2026060800, 20260614}},
               {PERIOD_WEEK, 20270101, 0, {2026122800, 20270103}},
               {PERIOD_WEEK, 20240301, 0, {2024022600, 20240303}},
               {PERIOD_MONTH, 20240229, 0, {2024020100, 20240229}},
               {PERIOD_MONTH, 20260228, 0, {2026020100, 20260228}},
               {PERIOD_MONTH, 20261231, 0, {2026120100, 20261231}},
               {PERIOD_YEAR, 20260601, 0, {2026010100, 20261231}},
               {PERIOD_YEAR, 20240229, 0, {2024010100, 20241231}}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        policy_span s = policy_period_of(all[i].period, all[i].date, all[i].minute);
        if (s.begun != all[i].span.begun || s.last_day != all[i].span.last_day)
            fail_msg("%u: %u to %u", all[i].date, s.begun, s.last_day);
    }
}

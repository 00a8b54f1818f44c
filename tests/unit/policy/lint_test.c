/* Rules that look wrong, and rules that do not. */
#include "policy/compare.h"
#include "tests/unit/policy/fixture.h"

static arena *mem;

static lint_list linted(const policy *p)
{
    vault_error err = {0};
    lint_list found;
    if (!mem) mem = arena_new(64 << 20);
    arena_reset(mem);
    expect_ok(policy_lint(&found, mem, p, &(lint_ask){.today = 20260601, .roles = 1}, &err), &err);
    return found;
}

static const lint_finding *find(const lint_list *list, lint_kind kind, const char *rule)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i].kind == kind && strcmp(list->at[i].rule, rule) == 0) return &list->at[i];
    return NULL;
}

static void expect_finding(const char *text, lint_kind kind, const char *rule, const char *other)
{
    policy *p = load_text(text);
    const lint_list found = linted(p);
    const lint_finding *one = find(&found, kind, rule);
    if (!one) fail_msg("%s of %s was not found", lint_kind_name(kind), rule);
    assert_string_equal(one->other, other);
    assert_true(strlen(one->text) > 10);
    policy_free(&p);
}

static void expect_none(const char *text, lint_kind kind)
{
    policy *p = load_text(text);
    const lint_list found = linted(p);
    for (size_t i = 0; i < found.count; i++)
        if (found.at[i].kind == kind)
            fail_msg("%s of %s: %s", lint_kind_name(kind), found.at[i].rule, found.at[i].text);
    policy_free(&p);
}

#define DAYS(from, until) ", \"valid\": {\"from\": \"" from "\", \"until\": \"" until "\"}}"
#define THE(id, fields, areas, rest)                                                                                   \
    "{\"id\": \"" id "\", \"action\": \"reveal\", \"consumer\": \"c1\", \"purpose\": \"p1\", \"fields\": [" fields     \
    "], \"form\": \"plain\", \"areas\": [" areas "], " rest
#define YEAR     DAYS("2026-01-01", "2026-12-31")
#define R1       "\"acting\": \"person\", \"roles\": [\"r1\"]"
#define ALL(...) "{\"rules\": [" __VA_ARGS__ "]}"

TEST("a rule whose days have ended is found, and one that has not begun is not")
{
    expect_finding(ALL(THE("old", "\"f1\"", "\"3204\"", R1) DAYS("2025-01-01", "2026-05-31")), LINT_EXPIRED, "old", "");
    expect_none(ALL(THE("today", "\"f1\"", "\"3204\"", R1) DAYS("2025-01-01", "2026-06-01")), LINT_EXPIRED);
    expect_none(ALL(THE("next", "\"f1\"", "\"3204\"", R1) DAYS("2026-07-01", "2026-12-31")), LINT_EXPIRED);
}

TEST("a rule for roles that nobody has is found")
{
    expect_finding(ALL(THE("lonely", "\"f1\"", "\"3204\"", "\"acting\": \"person\", \"roles\": [\"r2\"]") YEAR),
                   LINT_UNMET, "lonely", "");
    expect_none(ALL(THE("met", "\"f1\"", "\"3204\"", "\"acting\": \"person\", \"roles\": [\"r1\", \"r2\"]") YEAR),
                LINT_UNMET);
    expect_none(ALL(THE("app", "\"f1\"", "\"3204\"", APP) YEAR), LINT_UNMET);
}

TEST("a rule that another one makes needless is found, also where two do it together")
{
    expect_finding(
        ALL(THE("wide", "\"f1\", \"f2\"", "\"3204\"", APP) YEAR "," THE("narrow", "\"f1\"", "\"320411\"", R1) YEAR),
        LINT_SHADOWED, "narrow", "wide");
    expect_finding(ALL(THE("west", "\"f1\"", "\"330105\"", APP) YEAR "," THE("east", "\"f1\"", "\"320411\"", APP) YEAR
                       "," THE("both", "\"f1\"", "\"320411002\", \"330105001\"", APP) YEAR),
                   LINT_SHADOWED, "both", "west");
}

TEST("a rule is not needless where the other one asks for more, or is for fewer days")
{
    expect_none(ALL(THE("wide", "\"f1\", \"f2\"", "\"3204\"", APP ", \"consent\": true") YEAR
                    "," THE("narrow", "\"f1\"", "\"320411\"", R1) YEAR),
                LINT_SHADOWED);
    expect_none(ALL(THE("wide", "\"f1\", \"f2\"", "\"3204\"", APP)
                        DAYS("2026-02-01", "2026-12-31") "," THE("narrow", "\"f1\"", "\"320411\"", R1) YEAR),
                LINT_SHADOWED);
    expect_none(ALL(THE("wide", "\"f1\"", "\"3204\"", R1 ", \"own_area\": true") YEAR
                    "," THE("narrow", "\"f1\"", "\"320411\"", R1) YEAR),
                LINT_SHADOWED);
}

#define BAN(areas)                                                                                                     \
    "{\"prohibitions\": [{\"id\": \"the-ban\", \"consumers\": \"any\", \"purposes\": \"any\", \"roles\": \"any\","     \
    " \"fields\": [\"f1\"], \"forms\": \"any\", \"areas\": " areas "}], \"rules\": ["

TEST("a rule of which a prohibition takes a part is found, with the prohibition")
{
    expect_finding(BAN("[\"320411\"]") THE("cut", "\"f1\", \"f2\"", "\"3204\"", R1) YEAR "]}", LINT_CONFLICT, "cut",
                   "the-ban");
    expect_none(BAN("[\"330105\"]") THE("whole", "\"f1\", \"f2\"", "\"3204\"", R1) YEAR "]}", LINT_CONFLICT);
    expect_none(BAN("[\"320411\"]") THE("other", "\"f2\"", "\"3204\"", R1) YEAR "]}", LINT_CONFLICT);
}

TEST("delicate fields in plain form, with nothing that narrows the rule, are over-wide")
{
    expect_finding(ALL(THE("bare", "\"f3\"", "\"3204\"", APP) YEAR), LINT_OVER_WIDE, "bare", "");
    expect_none(ALL(THE("own", "\"f3\"", "\"3204\"", R1 ", \"own_area\": true") YEAR), LINT_OVER_WIDE);
    expect_none(ALL(THE("asked", "\"f3\"", "\"3204\"", APP ", \"consent\": true") YEAR), LINT_OVER_WIDE);
    expect_none(ALL(THE("street", "\"f3\"", "\"320411002\"", APP) YEAR), LINT_OVER_WIDE);
    expect_none(ALL(THE("mild", "\"f1\"", "\"3204\"", APP) YEAR), LINT_OVER_WIDE);
}

TEST("rules are listed once each, in document order, however many they were expanded to")
{
    vault_error err = {0};
    rule_list rules;
    policy *p = load_text("{\"rules\": [{\"id\": \"many\", \"action\": \"reveal\", \"consumer\": [\"c1\", \"c2\"], "
                          "\"purpose\": [\"p3\", \"p1\"], \"fields\": [\"f1\"], \"form\": \"plain\", \"areas\": "
                          "[\"3204\"], \"acting\": \"app\"" YEAR "," THE("one", "\"f2\"", "\"3204\"", APP) YEAR "]}");
    (void)linted(p);
    expect_ok(policy_rules(&rules, mem, p, &err), &err);
    assert_int_equal(rules.count, 2);
    assert_string_equal(rules.ids[0], "many");
    assert_string_equal(rules.ids[1], "one");
    policy_free(&p);
    arena_free(&mem);
}

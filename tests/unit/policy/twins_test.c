/* Rules that stand beside each other: none may be taken for another, and none be left out silently. */
#include "tests/unit/policy/load_fixture.h"

#include <time.h>

TEST("two rules of one id, or of ids that look alike, are refused")
{
    json_t *other = app_rule();
    refused_pair(good_rule(), other, "looks like 'care-reveal'");
    static const char *const pairs[][2] = {{"rule-1", "rule-l"}, {"pol0", "polo"}, {"carereveal", "care-reveal"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        json_t *a = good_rule(), *b = app_rule();
        json_object_set_new(a, "id", json_string(pairs[i][0]));
        json_object_set_new(b, "id", json_string(pairs[i][1]));
        refused_pair(a, b, "looks like");
    }
}

TEST("a rule with the scope of another is never reached and refused, whatever the order of its lists")
{
    json_t *twin = changed("fields", "[\"f2\", \"f1\"]");
    json_object_set_new(twin, "id", json_string("twin"));
    refused_pair(good_rule(), twin, "never reached");
    json_t *a = changed("areas", "[\"32\", \"33\"]"), *b = changed("areas", "[\"33\", \"32\"]");
    json_object_set_new(b, "id", json_string("twin"));
    refused_pair(a, b, "never reached");
}

TEST("rules that differ in one part of their scope stand side by side")
{
    static const char *const parts[][2] = {{"action", "\"put\""},
                                           {"form", "\"masked\""},
                                           {"roles", "[\"r1\", \"r2\"]"},
                                           {"own_area", "false"},
                                           {"consumer", "\"c2\""},
                                           {"purpose", "\"p2\""},
                                           {"fields", "[\"f1\"]"},
                                           {"areas", "[\"33\"]"},
                                           {"valid", "{\"from\": \"2026-01-01\", \"until\": \"2026-12-30\"}"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        json_t *other = changed(parts[i][0], parts[i][1]);
        json_object_set_new(other, "id", json_string("other"));
        accepted(good_rule(), other);
    }
    json_t *app = app_rule();
    json_object_set_new(app, "id", json_string("other"));
    accepted(good_rule(), app);
}

static json_t *many_rules(unsigned count, bool one_after_the_other)
{
    json_t *rules = json_array();
    for (unsigned i = 0; i < count; i++) {
        char id[32], area[16], from[16], until[16];
        snprintf(id, sizeof id, "rule-x%u", i);
        snprintf(area, sizeof area, "3204%02u", 10 + i);
        snprintf(from, sizeof from, "20%02u-01-01", one_after_the_other ? 10 + i : 10);
        snprintf(until, sizeof until, "20%02u-12-31", one_after_the_other ? 10 + i : 90);
        json_t *rule = app_rule();
        json_object_set_new(rule, "id", json_string(id));
        json_object_set_new(rule, "areas", json_pack("[s]", area));
        json_object_set_new(rule, "valid", json_pack("{s:s, s:s}", "from", from, "until", until));
        json_array_append_new(rules, rule);
    }
    return json_pack("{s:o}", "rules", rules);
}

TEST("more rules for one call than an admission holds are refused, because some would silently never apply")
{
    vault_error err = {0};
    expect_ok(load_document(many_rules(ADMISSION_RULES, false), &err), &err);
    assert_int_equal(load_document(many_rules(ADMISSION_RULES + 1, false), &err), VAULT_INVALID);
    expect_says(&err, "join their areas");
}

TEST("many rules for one call stand, as long as few of them stand on the same day")
{
    vault_error err = {0};
    expect_ok(load_document(many_rules(60, true), &err), &err);
}

/* Rules with the same fields, of the persons of one role each, the roles in turn. */
static json_t *rules_of_roles(unsigned count, unsigned roles)
{
    json_t *document = many_rules(count, false), *rule;
    size_t i;
    json_array_foreach(json_object_get(document, "rules"), i, rule)
    {
        json_object_set_new(rule, "acting", json_string("person"));
        json_object_set_new(rule, "roles", json_pack("[o]", json_sprintf("r%u", 1 + (unsigned)i % roles)));
    }
    return document;
}

TEST("rules of other roles do not crowd a call, those of its own role and of the app do")
{
    vault_error err = {0};
    expect_ok(load_document(rules_of_roles(4 * ADMISSION_RULES, 4), &err), &err);
    assert_int_equal(load_document(rules_of_roles(ADMISSION_RULES + 1, 1), &err), VAULT_INVALID);
    assert_string_equal(err.field, "policy.rules[16].areas");
    vault_error mixed = {0};
    json_t *document = rules_of_roles(2 * ADMISSION_RULES, 2), *app = app_rule();
    json_array_append_new(json_object_get(document, "rules"), app);
    assert_int_equal(load_document(document, &mixed), VAULT_INVALID);
    expect_says(&mixed, "join their areas");
}

TEST("too many rules that issue are refused though a call may name no field")
{
    vault_error err = {0};
    json_t *document = many_rules(ADMISSION_RULES + 1, false), *rule;
    size_t i;
    json_array_foreach(json_object_get(document, "rules"), i, rule)
    {
        char field[8];
        snprintf(field, sizeof field, "f%zu", 1 + i % NAIVE_FIELDS);
        json_object_set_new(rule, "fields", json_pack("[s]", field));
        json_object_set_new(rule, "action", json_string("issue"));
        json_object_set_new(rule, "form", json_string("nothing"));
    }
    assert_int_equal(load_document(document, &err), VAULT_INVALID);
}

static json_t *rules_of_forms(unsigned masked, unsigned token, unsigned plain)
{
    json_t *document = many_rules(masked + token + plain, false), *rule;
    size_t i;
    json_array_foreach(json_object_get(document, "rules"), i, rule)
    {
        const char *form = i < masked ? "masked" : i < masked + token ? "token" : "plain";
        json_object_set_new(rule, "form", json_string(form));
    }
    return document;
}

TEST("rules of forms that no call could meet together do not crowd each other, plain ones crowd both")
{
    vault_error err = {0};
    expect_ok(load_document(rules_of_forms(ADMISSION_RULES, ADMISSION_RULES, 0), &err), &err);
    expect_ok(load_document(rules_of_forms(ADMISSION_RULES - 1, ADMISSION_RULES - 1, 1), &err), &err);
    for (unsigned kind = 0; kind < 2; kind++) {
        vault_error full = {0};
        json_t *document = rules_of_forms(kind ? ADMISSION_RULES : 0, kind ? 0 : ADMISSION_RULES, 1);
        assert_int_equal(load_document(document, &full), VAULT_INVALID);
        expect_says(&full, "join their areas");
    }
}

TEST("of two searches that differ in their results alone the one for fewer would never apply")
{
    json_t *few = changed("action", "\"search\""), *many = changed("action", "\"search\"");
    json_object_set_new(few, "form", json_string("token"));
    json_object_set_new(few, "results", json_integer(10));
    json_object_set_new(many, "form", json_string("token"));
    json_object_set_new(many, "id", json_string("other"));
    refused_pair(few, many, "never reached");
}

static consumer_no any_consumer(void *context, const char *id)
{
    (void)context;
    return (consumer_no){(uint16_t)strtoul(id + 1, NULL, 10)};
}

/* Seconds of the processor. */
static double load_thousand(json_t *document)
{
    vault_error err = {0};
    policy *p;
    policy_names names = naive_names;
    names.consumer = any_consumer;
    clock_t begin = clock();
    expect_ok(policy_load(&p, document, &names, &err), &err);
    clock_t end = clock();
    assert_int_equal(policy_rule_count(p), 1000);
    policy_free(&p);
    return (double)(end - begin) / CLOCKS_PER_SEC;
}

TEST("a thousand rules load in a fifth of a second")
{
    json_t *document = many_rules(60, true), *rules = json_object_get(document, "rules");
    for (unsigned i = 60; i < 1000; i++) {
        json_t *rule = json_deep_copy(json_array_get(rules, i % 60));
        json_object_set_new(rule, "id", json_sprintf("rule-x%u", i));
        json_object_set_new(rule, "consumer", json_sprintf("c%u", 1 + i / 60));
        json_array_append_new(rules, rule);
    }
    assert_true(load_thousand(document) < 0.2);
    json_decref(document);
}

/* As many rules in one cell as a document of 8 MiB holds, each for many roles and fields, none on the day of another.
 */
TEST("a cell of thousands of rules with many roles and fields loads in two seconds")
{
    json_t *document = many_rules(60, true), *rules = json_object_get(document, "rules");
    json_t *first = json_array_get(rules, 0);
    json_object_set_new(first, "acting", json_string("person"));
    json_object_set_new(first, "roles", json_pack("[s, s, s, s]", "r1", "r2", "r3", "r4"));
    json_object_set_new(first, "fields", json_pack("[s, s, s, s, s, s, s]", "f1", "f2", "f3", "f4", "f5", "f6", "f7"));
    for (unsigned i = 60; i < 20000; i++) {
        json_t *rule = json_deep_copy(first);
        char day[16];
        (void)snprintf(day, sizeof day, "%04u-%02u-%02u", 2100 + i / 336, 1 + i / 28 % 12, 1 + i % 28);
        json_object_set_new(rule, "id", json_sprintf("rule-x%u", i));
        json_object_set_new(rule, "valid", json_pack("{s:s, s:s}", "from", day, "until", day));
        json_array_append_new(rules, rule);
    }
    vault_error err = {0};
    policy *p;
    clock_t begin = clock();
    expect_ok(policy_load(&p, document, &naive_names, &err), &err);
    assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 2);
    policy_free(&p);
    json_decref(document);
}

/* What a policy document may say. A policy that is silently not applied is worse than one that is refused. */
#include "tests/support/harness.h"
#include "tests/unit/policy/naive.h"
#include "vault/base/json.h"

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
    if (!value) fail_msg("%s: %s", error.text, text);
    return value;
}

static json_t *good_rule(void)
{
    return parse("{\"id\": \"care-reveal\", \"action\": \"reveal\", \"consumer\": \"c1\", \"purpose\": \"p1\","
                 " \"fields\": [\"f1\", \"f2\"], \"form\": \"plain\", \"areas\": [\"320411\"], \"acting\": \"person\","
                 " \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}}");
}

static json_t *changed(const char *key, const char *value)
{
    json_t *rule = good_rule();
    json_object_set_new(rule, key, parse(value));
    return rule;
}

static vault_code load_document(json_t *document, vault_error *err)
{
    policy *p;
    vault_code code = policy_load(&p, document, &naive_names, err);
    assert_true((code == VAULT_OK) == (p != NULL));
    policy_free(&p);
    assert_null(p);
    json_decref(document);
    return code;
}

static json_t *document_of(json_t *first, json_t *second)
{
    json_t *rules = json_array();
    json_array_append_new(rules, first);
    if (second) json_array_append_new(rules, second);
    return json_pack("{s:o}", "rules", rules);
}

static void expect_says(const vault_error *err, const char *says)
{
    if (!strstr(err->detail, says)) fail_msg("'%s' does not say '%s'", err->detail, says);
}

/* The document is refused, and the message names the rule and the key. */
static void refused(json_t *rule, const char *says)
{
    vault_error err = {0};
    assert_int_equal(load_document(document_of(rule, NULL), &err), VAULT_INVALID);
    expect_says(&err, "policy.rules[0] (care-reveal)");
    expect_says(&err, says);
}

static void refused_pair(json_t *first, json_t *second, const char *says)
{
    vault_error err = {0};
    assert_int_equal(load_document(document_of(first, second), &err), VAULT_INVALID);
    expect_says(&err, says);
}

static void accepted(json_t *first, json_t *second)
{
    vault_error err = {0};
    expect_ok(load_document(document_of(first, second), &err), &err);
}

TEST("a complete rule loads")
{
    accepted(good_rule(), NULL);
}

TEST("a document without rules loads and allows nothing")
{
    vault_error err = {0};
    policy *p;
    json_t *document = parse("{\"rules\": []}");
    expect_ok(policy_load(&p, document, &naive_names, &err), &err);
    policy_facts facts = {.consumer = {1}, .purpose = {1}, .form = FORM_PLAIN, .person = true, .date = 20260601};
    field_set_add(&facts.fields, 1);
    assert_int_equal(policy_admit(p, &facts).failed, CLAUSE_PURPOSE);
    assert_int_equal(policy_rule_count(p), 0);
    policy_free(&p);
    json_decref(document);
}

TEST("every key of a rule is required")
{
    static const char *const keys[] = {"action", "consumer", "purpose", "fields", "form", "areas", "acting", "valid"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *rule = good_rule();
        json_object_del(rule, keys[i]);
        refused(rule, keys[i]);
    }
}

TEST("a rule without an id is named by its place")
{
    json_t *rule = good_rule();
    json_object_del(rule, "id");
    refused_pair(good_rule(), rule, "policy.rules[1]: ");
}

TEST("an unknown key in a rule is refused and named")
{
    refused(changed("expires", "\"never\""), "expires");
    refused(changed("Fields", "[\"f1\"]"), "Fields");
}

TEST("an unknown key beside the rules is refused and named")
{
    vault_error err = {0};
    assert_int_equal(load_document(parse("{\"rules\": [], \"default\": \"allow\"}"), &err), VAULT_INVALID);
    expect_says(&err, "default");
}

TEST("an unknown key in the dates is refused and named")
{
    refused(changed("valid", "{\"from\": \"2026-01-01\", \"until\": \"2026-12-31\", \"zone\": \"UTC\"}"), "zone");
}

TEST("a document that is not an object of a list of rules is refused")
{
    static const char *const bad[] = {
        "[]",        "{}",   "{\"rules\": {}}",   "{\"rules\": null}",        "{\"rules\": 0}",
        "\"rules\"", "null", "{\"rules\": [[]]}", "{\"rules\": [\"allow\"]}", "{\"rules\": [null]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vault_error err = {0};
        assert_int_equal(load_document(parse(bad[i]), &err), VAULT_INVALID);
        expect_says(&err, "policy");
    }
}

TEST("an unknown action is refused: in other case, empty, a wildcard, a number")
{
    static const char *const bad[] = {"\"erase\"", "\"Reveal\"", "\"\"", "\"*\"", "\"reveal \""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(changed("action", bad[i]), "action: unknown action");
    refused(changed("action", "1"), "string");
    refused(changed("action", "[\"reveal\"]"), "string");
}

TEST("an unknown form is refused")
{
    refused(changed("form", "\"masked\""), "form: unknown form 'masked'");
    refused(changed("form", "\"Plain\""), "form: unknown form");
}

TEST("a reveal or a put of nothing, and an issue in plain, are refused")
{
    refused(changed("form", "\"nothing\""), "form: reveal cannot be nothing");
    refused(changed("action", "\"issue\""), "form: issue cannot be plain");
    json_t *put = changed("action", "\"put\"");
    json_object_set_new(put, "form", json_string("nothing"));
    refused(put, "form: put cannot be nothing");
}

TEST("an unknown field is refused: in other case, empty, a wildcard, beyond the schema")
{
    static const char *const bad[] = {"[\"f9\"]", "[\"F1\"]", "[\"\"]", "[\"*\"]", "[\"f1\", \"f1 \"]", "[\"f0\"]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(changed("fields", bad[i]), "fields: unknown field");
    refused(changed("fields", "[1]"), "fields: not a text");
    refused(changed("fields", "\"f1\""), "fields: not a list");
}

static unsigned past_the_last(void *context, const char *name)
{
    (void)context, (void)name;
    return POLICY_FIELDS_MAX;
}

TEST("a field that the schema numbers past the last is unknown")
{
    vault_error err = {0};
    policy *p;
    policy_names names = naive_names;
    names.field = past_the_last;
    json_t *document = document_of(good_rule(), NULL);
    assert_int_equal(policy_load(&p, document, &names, &err), VAULT_INVALID);
    json_decref(document);
}

TEST("a field that stands twice is refused")
{
    refused(changed("fields", "[\"f1\", \"f2\", \"f1\"]"), "fields: 'f1' stands twice");
}

TEST("an empty list of fields or areas is refused, never taken for all")
{
    refused(changed("fields", "[]"), "fields: an empty list");
    refused(changed("areas", "[]"), "areas: an empty list");
    refused(changed("fields", "null"), "fields: not a list");
    refused(changed("areas", "null"), "areas: not a list");
}

TEST("an unknown consumer or purpose is refused: in other case, empty, a wildcard, with a space")
{
    static const char *const bad[] = {"\"c9\"", "\"C1\"", "\"\"", "\"*\"", "\"c1 \"", "\"\321\2011\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(changed("consumer", bad[i]), "consumer: unknown");
    refused(changed("purpose", "\"p9\""), "purpose: unknown purpose 'p9'");
    refused(changed("purpose", "\"\""), "purpose: unknown purpose");
}

TEST("an area is 2 to 12 digits, never zero, a name, a wildcard or a number")
{
    static const char *const bad[] = {
        "\"\"",    "\"3\"",   "\"3204110020011\"", "\"32*\"",           "\"00\"",           "\"03\"",
        "\"32 \"", "\" 32\"", "\"-32\"",           "\"3\xef\xbc\x92\"", "\"32041100200x\"", "\"..\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char list[64];
        snprintf(list, sizeof list, "[%s]", bad[i]);
        refused(changed("areas", list), "areas: ");
    }
    refused(changed("areas", "[32]"), "areas: not a text");
    refused(changed("areas", "\"32\""), "areas: not a list");
    accepted(changed("areas", "[\"32\"]"), NULL);
    accepted(changed("areas", "[\"320411002001\"]"), NULL);
}

TEST("an area twice, or within another of the same rule, is refused")
{
    refused(changed("areas", "[\"33\", \"3204\", \"33\"]"), "areas: 330000000000 stands twice");
    refused(changed("areas", "[\"320411\", \"33\", \"32\"]"), "areas: 320411000000 stands twice");
    refused(changed("areas", "[\"32\", \"320411002001\"]"), "stands twice");
    accepted(changed("areas", "[\"320411\", \"320410\", \"33\"]"), NULL);
}

TEST("acting is person or app")
{
    refused(changed("acting", "\"anyone\""), "acting: 'anyone'");
    refused(changed("acting", "true"), "string");
    refused(changed("acting", "\"\""), "acting");
}

TEST("dates that do not exist are refused")
{
    static const char *const bad[] = {"2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31",           "2026-1-01",
                                      "20260101",   "0000-00-00", "",           "2026-01-01T00:00:00Z", "2026/01/01",
                                      "2100-02-29", "-026-01-01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *rule = good_rule();
        json_object_set_new(json_object_get(rule, "valid"), "until", json_string(bad[i]));
        refused(rule, "valid.until");
    }
}

TEST("29 February of a leap year exists")
{
    accepted(changed("valid", "{\"from\": \"2024-02-29\", \"until\": \"2028-02-29\"}"), NULL);
    accepted(changed("valid", "{\"from\": \"2000-02-29\", \"until\": \"2000-02-29\"}"), NULL);
}

TEST("dates that run backwards are refused, a single day is not")
{
    refused(changed("valid", "{\"from\": \"2026-12-31\", \"until\": \"2026-01-01\"}"), "valid: ends");
    accepted(changed("valid", "{\"from\": \"2026-06-01\", \"until\": \"2026-06-01\"}"), NULL);
}

TEST("an id that is not of a-z, 0-9, - is refused")
{
    static const char *const bad[] = {
        "\"\"",    "\"Care\"",
        "\"a b\"", "\"a/b\"",
        "\"-\"",   "\"a-\"",
        "\"..\"",  "\"\320\260b\"",
        "\"*\"",   "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused_pair(changed("id", bad[i]), NULL, "policy.rules[0]: id:");
}

TEST("two rules of one id, or of ids that look alike, are refused")
{
    json_t *other = changed("acting", "\"app\"");
    refused_pair(good_rule(), other, "'care-reveal'");
    static const char *const pairs[][2] = {{"rule-1", "rule-l"}, {"pol0", "polo"}, {"carereveal", "care-reveal"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        json_t *a = good_rule(), *b = changed("acting", "\"app\"");
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
                                           {"consumer", "\"c2\""},
                                           {"purpose", "\"p2\""},
                                           {"fields", "[\"f1\"]"},
                                           {"areas", "[\"33\"]"},
                                           {"acting", "\"app\""},
                                           {"valid", "{\"from\": \"2026-01-01\", \"until\": \"2026-12-30\"}"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        json_t *other = changed(parts[i][0], parts[i][1]);
        json_object_set_new(other, "id", json_string("other"));
        accepted(good_rule(), other);
    }
}

static json_t *many_rules(unsigned count, const char *acting, bool one_after_the_other)
{
    json_t *rules = json_array();
    for (unsigned i = 0; i < count; i++) {
        char id[32], area[16], from[16], until[16];
        snprintf(id, sizeof id, "rule-x%u", i);
        snprintf(area, sizeof area, "3204%02u", 10 + i);
        snprintf(from, sizeof from, "20%02u-01-01", one_after_the_other ? 10 + i : 10);
        snprintf(until, sizeof until, "20%02u-12-31", one_after_the_other ? 10 + i : 90);
        json_t *rule = changed("acting", acting);
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
    expect_ok(load_document(many_rules(ADMISSION_RULES, "\"app\"", false), &err), &err);
    assert_int_equal(load_document(many_rules(ADMISSION_RULES + 1, "\"app\"", false), &err), VAULT_INVALID);
    expect_says(&err, "join their areas");
}

TEST("many rules for one call stand, as long as few of them stand on the same day")
{
    vault_error err = {0};
    expect_ok(load_document(many_rules(60, "\"app\"", true), &err), &err);
}

TEST("too many rules that issue are refused though a call may name no field")
{
    vault_error err = {0};
    json_t *document = many_rules(ADMISSION_RULES + 1, "\"app\"", false), *rule;
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

TEST("rule ids are read back, and there is none past the last")
{
    vault_error err = {0};
    policy *p;
    json_t *document = document_of(good_rule(), NULL);
    expect_ok(policy_load(&p, document, &naive_names, &err), &err);
    json_decref(document); /* the policy does not borrow from it */
    assert_int_equal(policy_rule_count(p), 1);
    assert_string_equal(policy_rule_id(p, 0), "care-reveal");
    assert_string_equal(policy_rule_id(p, 1), "");
    assert_string_equal(policy_rule_id(p, UINT32_MAX), "");
    policy_free(&p);
}

TEST("a huge name in a document does not hide where it stands")
{
    char name[4096], json[4200];
    memset(name, 'z', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(json, sizeof json, "\"%s\"", name);
    refused(changed("action", json), "action: unknown action");
    refused(changed("consumer", json), "consumer: unknown consumer");
}

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
                 " \"roles\": [\"r1\"], \"own_area\": true,"
                 " \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}}");
}

static json_t *changed(const char *key, const char *value)
{
    json_t *rule = good_rule();
    json_object_set_new(rule, key, parse(value));
    return rule;
}

/* As `changed`, for the app alone: without what only persons have. */
static json_t *app_rule(void)
{
    json_t *rule = changed("acting", "\"app\"");
    json_object_del(rule, "roles");
    json_object_del(rule, "own_area");
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
    assert_string_equal(err.reason, "DOCUMENT_INVALID");
}

/* ... and the path of the fault is this one. */
static void refused_at(json_t *rule, const char *path, const char *says)
{
    vault_error err = {0};
    assert_int_equal(load_document(document_of(rule, NULL), &err), VAULT_INVALID);
    assert_string_equal(err.field, path);
    assert_string_equal(err.reason, "DOCUMENT_INVALID");
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
    policy_facts facts = {.consumer = {1}, .purpose = {1}, .form = FORM_PLAIN, .date = 20260601};
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
    refused(changed("form", "\"blurred\""), "form: unknown form 'blurred': plain, masked or nothing");
    refused(changed("form", "\"Masked\""), "form: unknown form");
    refused(changed("form", "\"Plain\""), "form: unknown form");
}

static json_t *of_kind(const char *action, const char *form)
{
    json_t *rule = good_rule();
    json_object_set_new(rule, "action", json_string(action));
    json_object_set_new(rule, "form", json_string(form));
    return rule;
}

TEST("a reveal shows values or what masks show, a put brings values, an issue grants none, and nothing else is a rule")
{
    static const char *const actions[] = {"reveal", "issue", "put"}, *const forms[] = {"nothing", "masked", "plain"};
    static const bool fits[3][3] = {{false, true, true}, {true, false, false}, {false, false, true}};
    for (size_t a = 0; a < 3; a++) {
        for (size_t f = 0; f < 3; f++) {
            if (fits[a][f])
                accepted(of_kind(actions[a], forms[f]), NULL);
            else
                refused_at(of_kind(actions[a], forms[f]), "policy.rules[0].form", "cannot be");
        }
    }
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
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(changed("fields", bad[i]), "unknown field");
    refused(changed("fields", "[1]"), "fields[0]: not a text");
    refused(changed("fields", "\"f1\""), "fields: not a list");
}

static policy_field past_the_last(void *context, const char *name)
{
    (void)context, (void)name;
    return (policy_field){.number = POLICY_FIELDS_MAX, .collection = 1};
}

static policy_field of_no_collection(void *context, const char *name)
{
    (void)context, (void)name;
    return (policy_field){.number = 1};
}

static void unknown_field_when(policy_field (*field)(void *context, const char *name))
{
    vault_error err = {0};
    policy *p;
    policy_names names = naive_names;
    names.field = field;
    json_t *document = document_of(good_rule(), NULL);
    assert_int_equal(policy_load(&p, document, &names, &err), VAULT_INVALID);
    assert_string_equal(err.field, "policy.rules[0].fields[0]");
    json_decref(document);
}

TEST("a field that the schema numbers past the last, or that is of no collection, is unknown")
{
    unknown_field_when(past_the_last);
    unknown_field_when(of_no_collection);
}

TEST("the fields of a rule are of one collection")
{
    accepted(changed("fields", "[\"h1\", \"h9\"]"), NULL);
    refused_at(changed("fields", "[\"f1\", \"h1\"]"), "policy.rules[0].fields[1]", "'h1' is of another collection");
    refused_at(changed("fields", "[\"h1\", \"h2\", \"f1\"]"), "policy.rules[0].fields[2]", "another collection");
}

TEST("a field has any number from 1 to 255")
{
    vault_error err = {0};
    policy *p;
    json_t *document = document_of(changed("fields", "[\"h1\", \"h9\"]"), NULL);
    expect_ok(policy_load(&p, document, &naive_names, &err), &err);
    json_decref(document);
    policy_scope scope = policy_rule_scope(p, 0);
    for (unsigned n = 0; n < POLICY_FIELDS_MAX; n++) {
        assert_int_equal(field_set_has(scope.fields, n), n == 255 || n == 247);
    }
    policy_free(&p);
}

TEST("a field that stands twice is refused")
{
    refused(changed("fields", "[\"f1\", \"f2\", \"f1\"]"), "fields[2]: 'f1' stands twice");
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

TEST("an area is 2 to 15 digits, never zero, a name, a wildcard or a number")
{
    static const char *const bad[] = {
        "\"\"",    "\"3\"",   "\"3204110020010011\"", "\"32*\"",          "\"00\"", "\"03\"", "\"32 \"",
        "\" 32\"", "\"-32\"", "\"3\xef\xbc\x92\"",    "\"32041100200x\"", "\"..\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char list[64];
        snprintf(list, sizeof list, "[%s]", bad[i]);
        refused(changed("areas", list), "areas[0]: ");
    }
    refused(changed("areas", "[32]"), "areas[0]: not a text");
    refused(changed("areas", "\"32\""), "areas: not a list");
    accepted(changed("areas", "[\"32\"]"), NULL);
    accepted(changed("areas", "[\"320411002001\"]"), NULL);
    accepted(changed("areas", "[\"320411002001007\", \"320411002001008\"]"), NULL);
}

TEST("an area twice, or within another of the same rule, is refused")
{
    refused(changed("areas", "[\"33\", \"3204\", \"33\"]"), "areas: 330000000000000 stands twice");
    refused(changed("areas", "[\"320411\", \"33\", \"32\"]"), "areas: 320411000000000 stands twice");
    refused(changed("areas", "[\"32\", \"320411002001\"]"), "stands twice");
    accepted(changed("areas", "[\"320411\", \"320410\", \"33\"]"), NULL);
}

TEST("acting is person or app")
{
    refused(changed("acting", "\"anyone\""), "acting: 'anyone'");
    refused(changed("acting", "true"), "string");
    refused(changed("acting", "\"\""), "acting");
}

TEST("the roles stand with an acting person, and name registered roles once each")
{
    accepted(changed("roles", "[\"r1\", \"r4\"]"), NULL);
    refused_at(changed("roles", "[]"), "policy.rules[0].roles", "an empty list");
    refused_at(changed("roles", "null"), "policy.rules[0].roles", "not a list");
    refused_at(changed("roles", "\"r1\""), "policy.rules[0].roles", "not a list");
    refused_at(changed("roles", "[1]"), "policy.rules[0].roles[0]", "not a text");
    refused_at(changed("roles", "[\"r1\", \"r9\"]"), "policy.rules[0].roles[1]", "unknown role 'r9'");
    refused_at(changed("roles", "[\"r1\", \"r2\", \"r1\"]"), "policy.rules[0].roles[2]", "'r1' stands twice");
    static const char *const bad[] = {"[\"\"]", "[\"*\"]", "[\"R1\"]", "[\"r1 \"]", "[\"r0\"]", "[\"\321\2001\"]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(changed("roles", bad[i]), "roles[0]: unknown role");
    json_t *without = good_rule();
    json_object_del(without, "roles");
    refused_at(without, "policy.rules[0].roles", "missing");
}

static role_no too_high(void *context, const char *id)
{
    (void)context, (void)id;
    return (role_no){ROLES_MAX + 1};
}

TEST("a role past the sixty-fourth is unknown")
{
    vault_error err = {0};
    policy *p;
    policy_names names = naive_names;
    names.role = too_high;
    json_t *document = document_of(good_rule(), NULL);
    assert_int_equal(policy_load(&p, document, &names, &err), VAULT_INVALID);
    json_decref(document);
}

TEST("what only a person has is refused beside the app, be it empty or false: it would not be applied")
{
    static const char *const keys[][2] = {
        {"roles", "[\"r1\"]"}, {"roles", "[]"}, {"own_area", "true"}, {"own_area", "false"}};
    accepted(app_rule(), NULL);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *rule = app_rule();
        json_object_set_new(rule, keys[i][0], parse(keys[i][1]));
        refused(rule, "stands with acting person only");
    }
}

TEST("own_area is true or false, or not there")
{
    static const char *const bad[] = {"1", "0", "\"true\"", "\"\"", "null", "[]", "[\"320411\"]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused_at(changed("own_area", bad[i]), "policy.rules[0].own_area", "neither true nor false");
    }
    json_t *without = good_rule();
    json_object_del(without, "own_area");
    accepted(without, NULL);
    accepted(changed("own_area", "false"), NULL);
}

TEST("a fault carries the path by which an editor finds it")
{
    static const char *const faults[][3] = {
        {"id", "\"A\"", "policy.rules[0].id"},
        {"action", "\"erase\"", "policy.rules[0].action"},
        {"consumer", "\"c9\"", "policy.rules[0].consumer"},
        {"purpose", "\"p9\"", "policy.rules[0].purpose"},
        {"fields", "[\"f1\", \"f9\"]", "policy.rules[0].fields[1]"},
        {"fields", "[]", "policy.rules[0].fields"},
        {"form", "\"x\"", "policy.rules[0].form"},
        {"areas", "[\"32\", \"0\"]", "policy.rules[0].areas[1]"},
        {"areas", "[\"32\", \"3204\"]", "policy.rules[0].areas"},
        {"acting", "\"x\"", "policy.rules[0].acting"},
        {"valid", "{\"from\": \"x\", \"until\": \"2026-01-01\"}", "policy.rules[0].valid.from"},
        {"valid", "{\"from\": \"2026-01-02\", \"until\": \"2026-01-01\"}", "policy.rules[0].valid"},
        {"valid", "{\"from\": \"2026-01-02\"}", "policy.rules[0]"},
        {"surprise", "1", "policy.rules[0]"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        refused_at(changed(faults[i][0], faults[i][1]), faults[i][2], "policy.rules[0]");
    }
}

TEST("of the document itself, and of the second rule, the path is told as well")
{
    static const char *const faults[][2] = {{"{\"rules\": {}}", "policy.rules"},
                                            {"{}", "policy"},
                                            {"[]", "policy"},
                                            {"{\"rules\": [[]]}", "policy.rules[0]"}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        vault_error err = {0};
        assert_int_equal(load_document(parse(faults[i][0]), &err), VAULT_INVALID);
        assert_string_equal(err.field, faults[i][1]);
        assert_string_equal(err.reason, "DOCUMENT_INVALID");
    }
    vault_error twins = {0};
    assert_int_equal(load_document(document_of(app_rule(), good_rule()), &twins), VAULT_INVALID);
    assert_string_equal(twins.field, "policy.rules[1].id");
    json_t *same = good_rule();
    json_object_set_new(same, "id", json_string("twin"));
    vault_error scope = {0};
    assert_int_equal(load_document(document_of(good_rule(), same), &scope), VAULT_INVALID);
    assert_string_equal(scope.field, "policy.rules[1]");
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

TEST("the scope of a rule is read back, and past the last rule it is empty")
{
    vault_error err = {0};
    policy *p;
    json_t *document = document_of(changed("form", "\"masked\""), NULL);
    expect_ok(policy_load(&p, document, &naive_names, &err), &err);
    json_decref(document);
    policy_scope scope = policy_rule_scope(p, 0), none = policy_rule_scope(p, 1),
                 far = policy_rule_scope(p, UINT32_MAX);
    assert_int_equal(scope.action, POLICY_REVEAL);
    assert_int_equal(scope.form, FORM_MASKED);
    assert_true(field_set_has(scope.fields, 1) && field_set_has(scope.fields, 2) && !field_set_has(scope.fields, 3));
    assert_int_equal(none.form, FORM_NOTHING);
    assert_true(field_set_within(none.fields, (field_set){0}) && field_set_within(far.fields, (field_set){0}));
    policy_free(&p);
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

TEST("a huge name is cut where a character ends: the message is UTF-8")
{
    for (size_t lead = 0; lead < 4; lead++) {
        char name[512] = "zzzz";
        for (size_t i = 0; i < 80; i++) memcpy(name + lead + 3 * i, "\xe7\xbd\x91", 4);
        json_t *rule = good_rule();
        json_object_set_new(rule, "consumer", json_string(name));
        vault_error err = {0};
        assert_int_equal(load_document(document_of(rule, NULL), &err), VAULT_INVALID);
        json_t *told = json_string(err.detail); /* NULL for what is no UTF-8 */
        assert_non_null(told);
        json_decref(told);
        expect_says(&err, "name a registered app");
    }
}

/* ---- areas and dates, as others read them ---- */

TEST("a prefix is the range of all codes of 15 digits below it")
{
    static const struct {
        const char *prefix;
        int64_t low, high;
    } good[] = {{"32", 320000000000000, 329999999999999},
                {"320411", 320411000000000, 320411999999999},
                {"320411002001", 320411002001000, 320411002001999},
                {"320411002001007", 320411002001007, 320411002001007},
                {"99", 990000000000000, 999999999999999}};
    area_range r;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(area_range_read(&r, good[i].prefix));
        assert_true(r.low == good[i].low && r.high == good[i].high);
    }
    static const char *const bad[] = {"", "3", "0", "00", "032", "3204110020010070", "32x", "x", "+32", "32\n", "３２"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(area_range_read(&r, bad[i]));
        assert_true(r.low == 0 && r.high == 0); /* covers no area that exists */
    }
}

TEST("sorted areas cover what any of them covers; none, one within another, one twice")
{
    area_range r[4];
    assert_true(area_ranges_sort(NULL, 0));
    assert_false(area_ranges_cover(NULL, 0, (area_code){320411002001000}));
    static const char *const apart[] = {"33", "320411", "110105", "320412"};
    for (size_t i = 0; i < 4; i++) assert_true(area_range_read(&r[i], apart[i]));
    assert_true(area_ranges_sort(r, 4));
    static const int64_t in[] = {110105000000000, 110105999999999, 320411000000000, 320412999999999, 339999999999999};
    static const int64_t out[] = {
        0,         -1,        110104999999999, 110106000000000, 320410999999999, 320413000000000, 340000000000000,
        INT64_MAX, INT64_MIN, 320411,          320411002001};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) assert_true(area_ranges_cover(r, 4, (area_code){in[i]}));
    for (size_t i = 0; i < sizeof out / sizeof *out; i++) assert_false(area_ranges_cover(r, 4, (area_code){out[i]}));
    assert_true(area_range_read(&r[0], "3204"));
    assert_false(area_ranges_sort(r, 4));
    area_range twice[2] = {{330000000000000, 339999999999999}, {330000000000000, 339999999999999}};
    assert_false(area_ranges_sort(twice, 2));
}

TEST("a day is read as a number, and what is no day from 1900 on is none")
{
    uint32_t day;
    assert_true(date_read(&day, "2026-01-31"));
    assert_int_equal(day, 20260131);
    assert_true(date_read(&day, "1900-01-01") && day == 19000101);
    assert_true(date_read(&day, "9999-12-31") && day == 99991231);
    assert_true(date_read(&day, "2000-02-29") && day == 20000229);
    static const char *const bad[] = {"1899-12-31", "1900-02-29", "2026-02-29",  "2026-00-01",
                                      "2026-13-01", "2026-01-00", "2026-01-32",  "20260131",
                                      "2026-1-31",  "",           "2026-01-31 ", "２０２６-01-31",
                                      "2026/01/31", "-026-01-31", "2026-01-3-",  "2026--1-31"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(date_read(&day, bad[i]));
        assert_int_equal(day, 0);
    }
}

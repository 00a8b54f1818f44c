/* What a policy document may say. A policy that is silently not applied is worse than one that is refused. */
#include "tests/unit/policy/load_fixture.h"

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
    static const char *const bad[] = {"\"delete\"", "\"Reveal\"", "\"\"", "\"*\"", "\"reveal \""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(changed("action", bad[i]), "action: unknown action");
    refused(changed("action", "1"), "string");
    refused(changed("action", "[\"reveal\"]"), "string");
}

TEST("an unknown form is refused")
{
    refused(changed("form", "\"blurred\""),
            "form: unknown form 'blurred': plain, masked, token, predicate, count or nothing");
    refused(changed("form", "\"Masked\""), "form: unknown form");
    refused(changed("form", "\"Plain\""), "form: unknown form");
}

static json_t *of_kind(const char *action, const char *form)
{
    json_t *rule = good_rule();
    json_object_set_new(rule, "action", json_string(action));
    json_object_set_new(rule, "form", json_string(form));
    if (strcmp(form, "predicate") == 0) json_object_set_new(rule, "fields", parse("[\"q1\", \"q2\"]"));
    return rule;
}

TEST("each action has the forms of its own, and nothing else is a rule")
{
    static const struct {
        policy_action action;
        policy_form form;
    } fits[] = {{POLICY_REVEAL, FORM_PLAIN},     {POLICY_REVEAL, FORM_MASKED},   {POLICY_REVEAL, FORM_TOKEN},
                {POLICY_REVEAL, FORM_PREDICATE}, {POLICY_ISSUE, FORM_NOTHING},   {POLICY_PUT, FORM_PLAIN},
                {POLICY_SEARCH, FORM_TOKEN},     {POLICY_SEARCH, FORM_COUNT},    {POLICY_EXPORT, FORM_PLAIN},
                {POLICY_ERASE, FORM_NOTHING},    {POLICY_CONSENT, FORM_NOTHING}, {POLICY_HISTORY, FORM_NOTHING},
                {POLICY_GUARDIAN, FORM_NOTHING}};
    size_t taken = 0;
    for (policy_action a = 0; a < POLICY_ACTIONS; a++) {
        for (policy_form f = 0; f < FORMS; f++) {
            const char *action = policy_action_name(a), *form = policy_form_name(f);
            bool fit = false;
            for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) fit |= fits[i].action == a && fits[i].form == f;
            if (fit)
                accepted(of_kind(action, form), NULL);
            else
                refused_at(of_kind(action, form), "policy.rules[0].form", "cannot be");
            taken += fit;
        }
    }
    assert_int_equal(taken, sizeof fits / sizeof *fits);
}

TEST("predicates stand in rules of form predicate, and fields in all others")
{
    json_t *rule = of_kind("reveal", "predicate");
    json_object_set_new(rule, "fields", parse("[\"q1\", \"f1\"]"));
    refused_at(rule, "policy.rules[0].fields[1]", "'f1' is a field: form predicate takes predicates only");
    refused_at(changed("fields", "[\"f1\", \"q1\"]"), "policy.rules[0].fields[1]",
               "'q1' is a predicate: name it in a rule of form predicate");
    static const char *const others[][2] = {{"reveal", "masked"}, {"reveal", "token"}, {"search", "token"},
                                            {"search", "count"},  {"put", "plain"},    {"issue", "nothing"},
                                            {"export", "plain"},  {"erase", "nothing"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        rule = of_kind(others[i][0], others[i][1]);
        json_object_set_new(rule, "fields", parse("[\"q4\"]"));
        refused_at(rule, "policy.rules[0].fields[0]", "'q4' is a predicate");
    }
}

static json_t *with_results(const char *action, const char *form, const char *results)
{
    json_t *rule = of_kind(action, form);
    json_object_set_new(rule, "results", parse(results));
    return rule;
}

TEST("a search for tokens has 1 to 4,096 results, and no other rule has any")
{
    static const char *const bad[] = {"0", "-1", "4097", "4294967297", "1.0", "\"10\"", "null", "true", "[10]"};
    accepted(with_results("search", "token", "1"), NULL);
    accepted(with_results("search", "token", "4096"), NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused_at(with_results("search", "token", bad[i]), "policy.rules[0].results", "is not 1 to 4096");
    static const char *const others[][2] = {{"search", "count"}, {"reveal", "plain"}, {"reveal", "predicate"},
                                            {"reveal", "token"}, {"put", "plain"},    {"issue", "nothing"},
                                            {"export", "plain"}, {"erase", "nothing"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        refused_at(with_results(others[i][0], others[i][1], "10"), "policy.rules[0].results",
                   "stands with a search of form token only");
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
        {"action", "\"delete\"", "policy.rules[0].action"},
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

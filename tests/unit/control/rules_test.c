/* The policy within the manifest: its faults have their path. */
#include "tests/unit/control/fixture.h"

static void refused_rule(const char *key, const char *json, const char *below, const char *what)
{
    char path[96];
    documents d = dev_documents();
    set(entry(&d, DOC_POLICY, "rules", 1), key, json);
    snprintf(path, sizeof path, "policy.rules[1]%s%s", below[0] ? "." : "", below);
    refused(&d, path, what);
}

TEST("a fault of the policy has the path of its key, and the rule's name once")
{
    refused_rule("roles", "[\"plumber\"]", "roles[0]", "eldercare-reveal: ");
    refused_rule("fields", "[\"nam\"]", "fields[0]", "eldercare-reveal: unknown field 'nam'");
    refused_rule("purpose", "\"none\"", "purpose", "none");
    refused_rule("consumer", "\"none\"", "consumer", "none");
    documents d = dev_documents();
    manifest_body *body;
    set(entry(&d, DOC_POLICY, "rules", 1), "form", "\"shown\"");
    assert_int_equal(manifest_build(&body, "v", &d, &err), VAULT_INVALID);
    assert_null(strstr(err.detail, "policy.rules"));
    vault_error_clear(&err);
    documents_clear(&d);
}

static void as_erase(const char *fields, const char *what)
{
    documents d = dev_documents();
    json_t *rule = entry(&d, DOC_POLICY, "rules", 0);
    set(rule, "action", "\"erase\"");
    set(rule, "fields", fields);
    if (what) {
        refused(&d, "policy.rules[0].fields", what);
        return;
    }
    manifest_body *body = build_of(&d);
    manifest_free(&body);
}

TEST("an erase names the natural key of a collection, and nothing else")
{
    as_erase("[\"id_number\"]", NULL);
    as_erase("[\"house_number\"]", NULL);
    as_erase("[\"name\"]", "erase names one field");
    as_erase("[\"id_number\", \"name\"]", "erase names one field");
}

/* ---- what the names of a policy refer to ---- */

static void with_list(documents *d, const char *list, const char *json)
{
    json_object_set_new(d->of[DOC_POLICY], list, parse(json));
}

static void refused_list(const char *list, const char *json, const char *path, const char *what)
{
    documents d = dev_documents();
    with_list(&d, list, json);
    refused(&d, path, what);
}

static field_set fields_of_rule(const manifest_body *b, const char *id)
{
    for (unsigned i = 0; i < policy_rule_count(b->m.policy); i++) {
        if (strcmp(policy_rule_id(b->m.policy, i), id) == 0) return policy_rule_scope(b->m.policy, i).fields;
    }
    fail_msg("no rule %s", id);
    return (field_set){0};
}

TEST("a field set by class, level, owner or group is of all fields of the schema that are like that")
{
    documents d = dev_documents();
    with_list(
        &d, "field_sets",
        "[{\"id\": \"mine\", \"collection\": \"residents\", \"owner\": \"civil-affairs\", \"class\": \"sensitive\","
        " \"level\": 4}]");
    set(entry(&d, DOC_POLICY, "rules", 1), "fields", "[\"@mine\"]");
    manifest_body *b = build_of(&d);
    const field_set mine = fields_of_rule(b, "eldercare-reveal");
    size_t expected = 0;
    for (size_t i = 0; i < b->m.schema.count; i++) {
        const schema_field *f = &b->m.schema.fields[i];
        bool like = strcmp(f->collection->name, "residents") == 0 && strcmp(f->owner, "civil-affairs") == 0 &&
                    strcmp(f->class_name, "sensitive") == 0 && f->level >= 4;
        assert_int_equal(field_set_has(mine, f->number), like);
        expected += like;
    }
    assert_true(expected > 1);
    manifest_free(&b);
    refused_list("field_sets", "[{\"id\": \"all\", \"level\": 1}]", "policy.field_sets[0]", "name its collection");
    refused_list("field_sets", "[{\"id\": \"all\", \"owner\": \"Health\"}]", "policy.field_sets[0]",
                 "no field is like this");
    refused_list("field_sets", "[{\"id\": \"all\", \"group\": \"identify\"}]", "policy.field_sets[0]",
                 "no field is like this");
}

TEST("an age is of a date or an ID number, and one_of of codes as the vault keeps them: no policy names anybody")
{
    static const char *const bad[][3] = {
        {"\"field\": \"name\", \"test\": \"age_under\", \"years\": 14", "test",
         "an age is asked of a field of the format date"},
        {"\"field\": \"name\", \"test\": \"one_of\", \"values\": [\"\xe7\x8e\x8b\xe4\xb8\x80\"]", "values[0]",
         "one_of is for codes"},
        {"\"field\": \"id_number\", \"test\": \"one_of\", \"values\": [\"11010519491231002X\"]", "values[0]",
         "one_of is for codes"},
        {"\"field\": \"sex\", \"test\": \"one_of\", \"values\": [\"1\", \"7\"]", "values[1]",
         "is no value of its format"},
        {"\"field\": \"sex\", \"test\": \"one_of\", \"values\": [\" 1\"]", "values[0]", "is no value of its format"},
        {"\"field\": \"sex\", \"test\": \"one_of\", \"values\": [\"\xef\xbc\x91\"]", "values[0]",
         "is no value of its format"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[200], path[64];
        snprintf(json, sizeof json, "[{\"id\": \"class\", %s}]", bad[i][0]);
        snprintf(path, sizeof path, "policy.classes[0].%s", bad[i][1]);
        refused_list("classes", json, path, bad[i][2]);
    }
    documents d = dev_documents();
    with_list(&d, "classes",
              "[{\"id\": \"child\", \"field\": \"birth_date\", \"test\": \"age_under\", \"years\": 14},"
              " {\"id\": \"elder\", \"field\": \"id_number\", \"test\": \"age_at_least\", \"years\": 60},"
              " {\"id\": \"woman\", \"field\": \"sex\", \"test\": \"one_of\", \"values\": [\"2\"]},"
              " {\"id\": \"named\", \"field\": \"name\", \"test\": \"known\"}]");
    manifest_body *b = build_of(&d);
    assert_int_equal(policy_class_count(b->m.policy), 4);
    manifest_free(&b);
}

TEST("the form of a rule is among those of its purpose")
{
    documents d = dev_documents();
    set(entry(&d, DOC_PURPOSES, "purposes", 0), "forms", "[\"masked\", \"nothing\", \"token\"]");
    refused(&d, "policy.rules[1].form", "'plain' is not among the forms of its purpose");
}

TEST("a rule rests on a registered basis of its consumer, its purpose and areas")
{
    static const char basis[] =
        "{\"id\": \"for-care\", \"item\": \"1\", \"from\": \"clinic\", \"to\": \"eldercare\", \"purpose\":"
        " \"elder-care\", \"areas\": [\"320411\"], \"valid\": {\"from\": \"2026-01-01\", \"until\":"
        " \"2026-12-31\"}}";
    documents d = dev_documents();
    add(&d, DOC_SHARING, "bases", basis);
    set(entry(&d, DOC_POLICY, "rules", 1), "sharing", "\"for-care\"");
    manifest_body *b = build_of(&d);
    manifest_free(&b);
    d = dev_documents();
    add(&d, DOC_SHARING, "bases", basis);
    set(entry(&d, DOC_POLICY, "rules", 1), "areas", "[\"3204\"]");
    set(entry(&d, DOC_POLICY, "rules", 1), "sharing", "\"for-care\"");
    refused(&d, "policy.rules[1].sharing", "'for-care' is for fewer areas");
    refused_rule("sharing", "\"for-care\"", "sharing", "unknown basis 'for-care'");
}

TEST("a rule for several consumers is refused where one of them is not registered for the purpose")
{
    refused_rule("consumer", "[\"eldercare\", \"clinic\"]", "consumer",
                 "'clinic' is not registered for purpose 'elder-care'");
    refused_rule("purpose", "[\"elder-care\", \"family-doctor\"]", "consumer",
                 "'eldercare' is not registered for purpose 'family-doctor'");
}

TEST("what forbids a value forbids the questions about it")
{
    documents d = dev_documents();
    add(&d, DOC_POLICY, "rules",
        "{\"id\": \"asks\", \"action\": \"reveal\", \"consumer\": \"eldercare\", \"purpose\": \"elder-care\", \"form\":"
        " \"predicate\", \"fields\": [\"is_60\"], \"areas\": [\"320411\"], \"acting\": \"app\", \"valid\": {\"from\":"
        " \"2026-01-01\", \"until\": \"2026-12-31\"}}");
    json_t *list = json_object_get(entry(&d, DOC_SCHEMA, "collections", 0), "predicates");
    json_t *one = parse("{\"name\": \"is_60\", \"number\": 253, \"label\": \"60\", \"field\": \"birth_date\", \"test\":"
                        " \"age_at_least\", \"years\": 60}");
    if (list)
        json_array_append_new(list, one);
    else
        json_object_set_new(entry(&d, DOC_SCHEMA, "collections", 0), "predicates", json_pack("[o]", one));
    with_list(
        &d, "prohibitions",
        "[{\"id\": \"no-ages\", \"consumers\": [\"eldercare\"], \"purposes\": \"any\", \"roles\": \"any\", \"fields\":"
        " [\"birth_date\"], \"forms\": [\"predicate\"], \"areas\": \"any\"}]");
    char path[32];
    snprintf(path, sizeof path, "policy.rules[%d]", DEV_RULES);
    refused(&d, path, "prohibition 'no-ages' always meets it");
}

/* ---- never ---- */

#define NEVER(facts)                                                                                                   \
    "[{\"id\": \"never\", \"facts\": {\"consumer\": \"eldercare\", \"purpose\": \"elder-care\", \"action\": "          \
    "\"reveal\"," facts "}}]"

TEST("a case of never that a rule would allow is refused with its place; one that none allows is kept")
{
    refused_list("never",
                 NEVER("\"fields\": [\"name\"], \"role\": \"clerk\", \"resident\": {\"area\": \"320411002001\"}"),
                 "policy.never[0]", "eldercare");
    refused_list("never", NEVER("\"fields\": [\"nam\"]"), "policy.never[0].facts.fields[0]", "nam");
    refused_list("never", NEVER("\"fields\": [\"name\"], \"person\": \"nobody\""), "policy.never[0].facts.person",
                 "nobody");
    documents d = dev_documents();
    with_list(
        &d, "never",
        NEVER("\"fields\": [\"religion\"], \"person\": \"grid-zhao\", \"resident\": {\"area\": \"320411002001\"}"));
    manifest_body *b = build_of(&d);
    assert_non_null(b->m.never);
    assert_int_equal(policy_case_count(b->m.never), 1);
    manifest_free(&b);
    d = dev_documents();
    with_list(&d, "never", "[]");
    b = build_of(&d);
    assert_null(b->m.never);
    manifest_free(&b);
}

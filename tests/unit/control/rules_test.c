/* The policy within the manifest: its faults have their path, and masks are strong together. */
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

/* A rule that shows these fields masked. */
static documents masked(const char *fields)
{
    documents d = dev_documents();
    json_t *rule = entry(&d, DOC_POLICY, "rules", 1);
    set(rule, "form", "\"masked\"");
    set(rule, "fields", fields);
    return d;
}

/* The ID number is to be shown by this mask, and to leave this many to be guessed. */
static void show_id(const documents *d, const char *mask_name_json, const char *strength)
{
    json_t *field = json_array_get(json_object_get(entry(d, DOC_SCHEMA, "collections", 0), "fields"), 0);
    assert_string_equal(json_string_value(json_object_get(field, "name")), "id_number");
    set(field, "mask", mask_name_json);
    set(field, "mask_strength", strength);
}

static void show_birth(const documents *d, const char *mask_name_json)
{
    json_t *list = json_object_get(entry(d, DOC_SCHEMA, "collections", 0), "fields"), *field = json_array_get(list, 4);
    assert_string_equal(json_string_value(json_object_get(field, "name")), "birth_date");
    set(field, "mask", mask_name_json);
    set(field, "mask_strength", "1");
}

TEST("masks that leave too few ID numbers together are refused, with the rule, the numbers and the mend")
{
    documents d = masked("[\"id_number\", \"birth_date\"]");
    show_id(&d, "\"id_ends\"", "1000");
    show_birth(&d, "\"date_year\"");
    refused(&d, "policy.rules[1].fields", "eldercare-reveal: the masked id_number");
    d = masked("[\"id_number\", \"birth_date\"]");
    show_id(&d, "\"id_ends\"", "1000");
    show_birth(&d, "\"date_decade\"");
    refused(&d, "policy.rules[1].fields", "leave one of them out");
}

TEST("the same masks pass alone, hidden, with a weaker claim, and where the ID number is not shown")
{
    documents d = masked("[\"id_number\", \"name\"]");
    show_id(&d, "\"id_ends\"", "1000");
    manifest_body *b = build_of(&d);
    manifest_free(&b);
    d = masked("[\"id_number\", \"birth_date\"]");
    show_id(&d, "\"id_ends\"", "1000");
    show_birth(&d, "\"hidden\"");
    b = build_of(&d);
    manifest_free(&b);
    d = masked("[\"id_number\", \"birth_date\"]");
    show_id(&d, "\"id_ends\"", "10");
    show_birth(&d, "\"date_year\"");
    b = build_of(&d);
    manifest_free(&b);
    d = masked("[\"name\", \"birth_date\"]");
    show_id(&d, "\"id_ends\"", "1000");
    show_birth(&d, "\"date_year\"");
    b = build_of(&d);
    manifest_free(&b);
    d = masked("[\"id_number\", \"birth_date\"]");
    show_id(&d, "\"hidden\"", "1000");
    show_birth(&d, "\"date_year\"");
    b = build_of(&d);
    manifest_free(&b);
}

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
    as_erase("[\"name\"]", "an erase names one field");
    as_erase("[\"id_number\", \"name\"]", "an erase names one field");
}

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

/* A rule that loads, and what becomes of it when one part is another. */
#pragma once
#include "tests/support/harness.h"
#include "tests/unit/policy/naive.h"
#include "vault/base/json.h"

static inline json_t *parse(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
    if (!value) fail_msg("%s: %s", error.text, text);
    return value;
}

static inline json_t *good_rule(void)
{
    return parse("{\"id\": \"care-reveal\", \"action\": \"reveal\", \"consumer\": \"c1\", \"purpose\": \"p1\","
                 " \"fields\": [\"f1\", \"f2\"], \"form\": \"plain\", \"areas\": [\"320411\"], \"acting\": \"person\","
                 " \"roles\": [\"r1\"], \"own_area\": true,"
                 " \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}}");
}

static inline json_t *changed(const char *key, const char *value)
{
    json_t *rule = good_rule();
    json_object_set_new(rule, key, parse(value));
    return rule;
}

/* As `changed`, for the app alone: without what only persons have. */
static inline json_t *app_rule(void)
{
    json_t *rule = changed("acting", "\"app\"");
    json_object_del(rule, "roles");
    json_object_del(rule, "own_area");
    return rule;
}

static inline vault_code load_document(json_t *document, vault_error *err)
{
    policy *p;
    vault_code code = policy_load(&p, document, &naive_names, err);
    assert_true((code == VAULT_OK) == (p != NULL));
    policy_free(&p);
    assert_null(p);
    json_decref(document);
    return code;
}

static inline json_t *document_of(json_t *first, json_t *second)
{
    json_t *rules = json_array();
    json_array_append_new(rules, first);
    if (second) json_array_append_new(rules, second);
    return json_pack("{s:o}", "rules", rules);
}

static inline void expect_says(const vault_error *err, const char *says)
{
    if (!strstr(err->detail, says)) fail_msg("'%s' does not say '%s'", err->detail, says);
}

/* The document is refused, and the message names the rule and the key. */
static inline void refused(json_t *rule, const char *says)
{
    vault_error err = {0};
    assert_int_equal(load_document(document_of(rule, NULL), &err), VAULT_INVALID);
    expect_says(&err, "policy.rules[0] (care-reveal)");
    expect_says(&err, says);
    assert_string_equal(err.reason, "DOCUMENT_INVALID");
}

/* ... and the path of the fault is this one. */
static inline void refused_at(json_t *rule, const char *path, const char *says)
{
    vault_error err = {0};
    assert_int_equal(load_document(document_of(rule, NULL), &err), VAULT_INVALID);
    assert_string_equal(err.field, path);
    assert_string_equal(err.reason, "DOCUMENT_INVALID");
    expect_says(&err, says);
}

static inline void refused_pair(json_t *first, json_t *second, const char *says)
{
    vault_error err = {0};
    assert_int_equal(load_document(document_of(first, second), &err), VAULT_INVALID);
    expect_says(&err, says);
}

static inline void accepted(json_t *first, json_t *second)
{
    vault_error err = {0};
    expect_ok(load_document(document_of(first, second), &err), &err);
}

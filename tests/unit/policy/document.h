/* A document with one of everything, and what becomes of it when one part is another. */
#pragma once
#include "policy/internal.h"
#include "tests/unit/policy/load_fixture.h"

/* Forms of purposes: p3 has only the masked one. */
static inline unsigned few_forms(void *context, purpose_no purpose)
{
    (void)context;
    return purpose.no == 3 ? 1U << FORM_MASKED : (1U << FORMS) - 1;
}

/* A class of f8 fits nothing; "bad" is no value of any field. */
static inline const char *some_misfit(void *context, const policy_class *c)
{
    (void)context;
    if (c->field == 8) return "an age is asked of a date";
    for (size_t i = 0; i < c->text_count; i++) {
        if (strcmp(c->texts[i], "bad") == 0) return "is no value of its format";
    }
    return NULL;
}

/* "q1" asks about "f1", and so on. */
static inline field_set some_questions(void *context, field_set of)
{
    field_set out = {0};
    (void)context;
    for (unsigned n = 1; n <= NAIVE_PREDICATES; n++) {
        if (field_set_has(of, n)) field_set_add(&out, NAIVE_FIELDS + n);
    }
    return out;
}

static inline policy_names all_names(void)
{
    policy_names names = naive_names;
    names.forms = few_forms;
    names.class_misfit = some_misfit;
    names.questions = some_questions;
    return names;
}

static inline json_t *whole(void)
{
    return parse(
        "{\"field_sets\": [{\"id\": \"contact\", \"fields\": [\"f1\", \"f2\"]}, {\"id\": \"asked\", \"fields\": "
        "[\"q1\"]},"
        "  {\"id\": \"odd-ones\", \"owner\": \"odd\", \"level\": 2}, {\"id\": \"more\", \"fields\": [\"@contact\", "
        "\"f4\"]}],"
        " \"area_sets\": [{\"id\": \"east\", \"areas\": [\"320411002\", \"320411003\"]},"
        "  {\"id\": \"wide\", \"areas\": [\"@east\", \"33\"]}],"
        " \"classes\": [{\"id\": \"child\", \"field\": \"f1\", \"test\": \"age_under\", \"years\": 14},"
        "  {\"id\": \"elder\", \"field\": \"f1\", \"test\": \"age_at_least\", \"years\": 60},"
        "  {\"id\": \"in-care\", \"field\": \"f2\", \"test\": \"known\"},"
        "  {\"id\": \"severe\", \"field\": \"f3\", \"test\": \"one_of\", \"values\": [\"3\", \"4\"]},"
        "  {\"id\": \"rented\", \"field\": \"h1\", \"test\": \"known\"}],"
        " \"aggregations\": [{\"id\": \"frail\", \"fields\": [\"@contact\", \"f3\"], \"level\": 5, \"per\": \"person\","
        "  \"days\": 30}],"
        " \"withholding\": [{\"id\": \"case\", \"title\": \"a case\", \"days\": 90},"
        "  {\"id\": \"audit\", \"title\": \"an audit\", \"until\": \"2027-06-30\"}],"
        " \"rules\": [{\"id\": \"plain-one\", \"action\": \"reveal\", \"consumer\": [\"c1\", \"c2\"], \"purpose\": "
        "\"p1\","
        "  \"below\": true, \"fields\": [\"@contact\", \"f3\"], \"form\": \"plain\", \"areas\": [\"@east\", \"32040\"],"
        "  \"acting\": \"person\", \"roles\": [\"r1\", \"r2\"], \"hours\": [{\"days\": [\"mon\", \"sun\"], \"from\": "
        "\"22:00\","
        "  \"until\": \"06:00\"}], \"consent\": true, \"residents\": {\"only\": [\"in-care\"], \"except\": "
        "[\"child\"]},"
        "  \"ticket\": [\"T-####\", \"*-x\"], \"approval_above\": 50, \"level\": 5, \"withhold\": \"audit\","
        "  \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}},"
        "  {\"id\": \"fire\", \"action\": \"reveal\", \"consumer\": \"c1\", \"purpose\": \"p1\", \"fields\": [\"f1\"],"
        "  \"form\": \"plain\", \"areas\": [\"32\"], \"acting\": \"person\", \"roles\": [\"r1\"],"
        "  \"break_glass\": {\"hours\": 4, \"residents\": 20, \"review_hours\": 24}, \"withhold\": \"case\","
        "  \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}}],"
        " \"prohibitions\": [{\"id\": \"never-f3\", \"consumers\": \"any\", \"purposes\": [\"p2\"], \"roles\": "
        "[\"r1\"],"
        "  \"fields\": [\"f3\"], \"forms\": [\"plain\"], \"areas\": [\"@east\"], \"classes\": [\"child\"],"
        "  \"actions\": [\"reveal\", \"export\"], \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-06-30\"}},"
        "  {\"id\": \"never-f8\", \"consumers\": [\"c1\", \"c3\"], \"purposes\": \"any\", \"roles\": \"any\","
        "  \"fields\": [\"f8\"], \"forms\": \"any\", \"areas\": \"any\"}],"
        " \"budgets\": [{\"id\": \"a-day\", \"per\": \"person\", \"consumers\": \"any\", \"purposes\": [\"p1\"],"
        "  \"roles\": [\"r1\"], \"fields\": \"any\", \"period\": \"day\", \"residents\": 200, \"values\": 800, "
        "\"soft\": 80},"
        "  {\"id\": \"a-year\", \"per\": \"purpose\", \"consumers\": [\"c1\"], \"purposes\": \"any\", \"roles\": "
        "\"any\","
        "  \"fields\": [\"@more\"], \"period\": \"year\", \"values\": 10}]}");
}

/* The n-th entry of a list. */
static inline json_t *nth_of(json_t *document, const char *list, size_t n)
{
    json_t *one = json_array_get(json_object_get(document, list), n);
    assert_non_null(one);
    return one;
}

/* The whole document, of which one entry says something else; NULL: the key is gone. */
static inline json_t *whole_with(const char *list, size_t n, const char *key, const char *json)
{
    json_t *document = whole(), *one = nth_of(document, list, n);
    if (json)
        json_object_set_new(one, key, parse(json));
    else
        json_object_del(one, key);
    return document;
}

static inline policy *load_whole(json_t *document)
{
    vault_error err = {0};
    policy *p;
    const policy_names names = all_names();
    expect_ok(policy_load(&p, document, &names, &err), &err);
    json_decref(document); /* the policy does not borrow from it */
    return p;
}

static inline void taken(json_t *document)
{
    policy *p = load_whole(document);
    policy_free(&p);
}

/* The document is refused, at this path, and the message says so. */
static inline void not_taken(json_t *document, const char *path, const char *says)
{
    vault_error err = {0};
    policy *p;
    const policy_names names = all_names();
    if (policy_load(&p, document, &names, &err) != VAULT_INVALID) fail_msg("%s: taken, wanted '%s'", path, says);
    assert_null(p);
    assert_string_equal(err.field, path);
    assert_string_equal(err.reason, "DOCUMENT_INVALID");
    expect_says(&err, says);
    json_decref(document);
}

/* One entry with another value at a key is refused there, and each message names the entry's id. */
static inline void bad_entry(const char *list, size_t n, const char *key, const char *json, const char *below,
                             const char *says)
{
    char path[96];
    snprintf(path, sizeof path, "policy.%s[%zu]%s%s", list, n, below[0] ? "." : "", below);
    not_taken(whole_with(list, n, key, json), path, says);
}

/* Prohibitions and budgets of a document: whom they are for, and which would be there in vain. */
#include "tests/unit/policy/document.h"

static const char *const dimensions[] = {"consumers", "purposes", "roles",   "fields",
                                         "forms",     "areas",    "classes", "actions"};
enum { REQUIRED = 6, BUDGET_DIMENSIONS = 4, DIMENSIONS = sizeof dimensions / sizeof *dimensions };

/* ---- prohibitions ---- */

static unsigned count_of(const policy *p, unsigned index)
{
    unsigned count = 0;
    for (size_t i = 0; i < p->forbid_count; i++) count += p->forbids[i].index == index;
    return count;
}

TEST("a prohibition is one for each of its purposes, of those below, and of its consumers")
{
    policy *p = load_whole(whole());
    assert_int_equal(count_of(p, 0), 2); /* p2, p4 */
    assert_int_equal(count_of(p, 1), 2); /* c1, c3 */
    for (size_t i = 0; i < p->forbid_count; i++) {
        const policy_match *m = &p->forbids[i];
        assert_string_equal(p->prohibitions[m->index], m->index ? "never-f8" : "never-f3");
        if (m->index == 0) {
            assert_true(m->consumer.no == 0 && (m->purpose.no == 2 || m->purpose.no == 4));
            assert_int_equal(m->roles, 1);
            assert_int_equal(m->forms, 1U << FORM_PLAIN);
            assert_int_equal(m->actions, 1U << POLICY_REVEAL | 1U << POLICY_EXPORT);
            assert_int_equal(m->area_count, 2);
            assert_int_equal(m->classes, 1);
            assert_int_equal(m->from, 20260101);
            assert_int_equal(m->until, 20260630);
        } else {
            assert_true(m->purpose.no == 0 && (m->consumer.no == 1 || m->consumer.no == 3));
            assert_int_equal(m->roles, UINT64_MAX);
            assert_int_equal(m->area_count, 0);
            assert_int_equal(m->classes, 0);
            assert_true(m->from == 0 && m->until == UINT32_MAX);
            assert_int_equal(m->forms, (1U << FORMS) - 1);
            assert_int_equal(m->actions, (1U << POLICY_ACTIONS) - 1);
        }
    }
    policy_free(&p);
}

TEST("who may not see a value may not ask about it: its predicates are forbidden with it")
{
    policy *p = load_whole(whole());
    for (size_t i = 0; i < p->forbid_count; i++) {
        const policy_match *m = &p->forbids[i];
        assert_int_equal(field_set_has(m->fields, NAIVE_FIELDS + 3), m->index == 0);
        assert_false(field_set_has(m->fields, NAIVE_FIELDS + 1));
    }
    policy_free(&p);
}

TEST("each dimension is said: a list that is not empty, or any by itself")
{
    for (size_t i = 0; i < DIMENSIONS; i++) {
        static const char *const bad[] = {"null", "{}", "\"all\"", "\"Any\"", "\"*\"", "true", "0"};
        char first[32];
        snprintf(first, sizeof first, "%s[0]", dimensions[i]);
        if (i < REQUIRED) bad_entry("prohibitions", 0, dimensions[i], NULL, "", dimensions[i]);
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            bool name = i < 2 && bad[k][0] == '"'; /* consumers and purposes may be one name */
            bad_entry("prohibitions", 0, dimensions[i], bad[k], dimensions[i], name ? "unknown" : "not a list");
        }
        bad_entry("prohibitions", 0, dimensions[i], "[]", dimensions[i], "an empty list");
        bad_entry("prohibitions", 0, dimensions[i], "[\"any\"]", first, "any");
        bad_entry("prohibitions", 0, dimensions[i], "[\"zz\"]", first, "");
        taken(whole_with("prohibitions", 0, dimensions[i], "\"any\""));
    }
}

static unsigned forms_of(const policy *p, unsigned index, bool of_classes)
{
    unsigned forms = 0;
    for (size_t i = 0; i < p->forbid_count; i++) {
        if (p->forbids[i].index == index && (p->forbids[i].classes != 0) == of_classes) forms |= p->forbids[i].forms;
    }
    return forms;
}

TEST("where residents are counted nobody is looked at: a class forbids their number as a whole")
{
    const unsigned number = 1U << FORM_COUNT, all = (1U << FORMS) - 1;
    policy *p = load_whole(whole_with("prohibitions", 0, "forms", "\"any\""));
    assert_int_equal(forms_of(p, 0, true), all & ~number);
    assert_int_equal(forms_of(p, 0, false), number);
    policy_free(&p);
    p = load_whole(whole_with("prohibitions", 0, "forms", "[\"count\"]"));
    assert_int_equal(forms_of(p, 0, true), 0);
    assert_int_equal(forms_of(p, 0, false), number);
    policy_free(&p);
    p = load_whole(whole_with("prohibitions", 0, "forms", "[\"token\"]"));
    assert_int_equal(forms_of(p, 0, false), 0);
    policy_free(&p);
}

TEST("the days of a prohibition exist and run forwards")
{
    taken(whole_with("prohibitions", 0, "valid", NULL));
    bad_entry("prohibitions", 0, "valid", "{\"from\": \"2026-02-30\", \"until\": \"2026-06-30\"}", "valid.from",
              "is not a date");
    bad_entry("prohibitions", 0, "valid", "{\"from\": \"2026-07-01\", \"until\": \"2026-06-30\"}", "valid", "ends");
    bad_entry("prohibitions", 0, "valid", "{\"from\": \"2026-01-01\"}", "", "until");
    bad_entry("prohibitions", 0, "hours", "[]", "", "hours");
}

TEST("fields of a prohibition may be of several collections, and predicates")
{
    taken(whole_with("prohibitions", 1, "fields", "[\"f8\", \"h1\", \"q2\"]"));
    bad_entry("prohibitions", 0, "fields", "[\"f3\", \"f3\"]", "fields[1]", "stands twice");
}

/* ---- rules that are always forbidden ---- */

/* The rule "fire" (c1, p1, r1, f1 plain, in 32, all of 2026) under a prohibition that meets it, with one dimension
 * another. */
static json_t *under(const char *key, const char *json)
{
    json_t *document = whole();
    json_t *ban =
        parse("{\"id\": \"ban\", \"consumers\": [\"c1\", \"c2\"], \"purposes\": [\"p1\"], \"roles\": [\"r1\", \"r2\"],"
              " \"fields\": [\"f1\", \"f5\"], \"forms\": [\"plain\", \"masked\", \"token\"],"
              " \"areas\": [\"31\", \"32\"], \"actions\": [\"reveal\"],"
              " \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}}");
    if (key) json_object_set_new(ban, key, parse(json));
    json_array_append_new(json_object_get(document, "prohibitions"), ban);
    return document;
}

TEST("a rule that a prohibition always meets is refused, and which one is told")
{
    not_taken(under(NULL, NULL), "policy.rules[1]", "prohibition 'ban' always meets it");
    for (size_t i = 0; i < DIMENSIONS; i++) { /* the first rule has other fields */
        bool both = strcmp(dimensions[i], "fields") == 0;
        not_taken(under(dimensions[i], "\"any\""), both ? "policy.rules[0]" : "policy.rules[1]", "always meets it");
    }
    not_taken(under("valid", "{\"from\": \"2020-01-01\", \"until\": \"2030-12-31\"}"), "policy.rules[1]",
              "'ban' always meets");
}

TEST("a rule of which some call is left is none that a prohibition always meets")
{
    static const char *const narrower[][2] = {{"consumers", "[\"c2\"]"},
                                              {"purposes", "[\"p2\"]"},
                                              {"roles", "[\"r2\"]"},
                                              {"fields", "[\"f2\"]"},
                                              {"forms", "[\"plain\"]"},
                                              {"areas", "[\"3204\"]"},
                                              {"classes", "[\"child\"]"},
                                              {"actions", "[\"export\"]"},
                                              {"valid", "{\"from\": \"2026-01-01\", \"until\": \"2026-12-30\"}"}};
    for (size_t i = 0; i < sizeof narrower / sizeof *narrower; i++) taken(under(narrower[i][0], narrower[i][1]));
}

TEST("a rule for many is left as long as one of them is")
{
    json_t *document = under("fields", "[\"f1\", \"f2\", \"f3\"]"), *ban = nth_of(document, "prohibitions", 2);
    json_object_set_new(nth_of(document, "rules", 1), "consumer", json_string("c3"));
    json_object_set_new(nth_of(document, "rules", 1), "fields", parse("[\"f4\"]"));
    json_object_set_new(ban, "consumers", parse("[\"c1\"]"));
    json_object_del(nth_of(document, "rules", 0), "residents");
    taken(json_deep_copy(document));
    json_object_set_new(ban, "consumers", parse("[\"c1\", \"c2\"]"));
    not_taken(document, "policy.rules[0]", "'ban' always meets it");
}

TEST("a rule only of a class is always met by what forbids that class")
{
    json_t *document = under("classes", "[\"elder\", \"in-care\"]");
    taken(json_deep_copy(document));
    json_object_set_new(nth_of(document, "rules", 1), "residents", parse("{\"only\": [\"in-care\"]}"));
    not_taken(document, "policy.rules[1]", "'ban' always meets it");
}

/* ---- budgets ---- */

TEST("a budget counts reveals, searches and exports of whom it is for")
{
    policy *p = load_whole(whole());
    const policy_budget *a = policy_budget_at(p, 0), *b = policy_budget_at(p, 1);
    assert_string_equal(a->id, "a-day");
    assert_true(a->per == PER_PERSON && a->period == PERIOD_DAY && b->per == PER_PURPOSE && b->period == PERIOD_YEAR);
    assert_true(a->residents == 200 && a->values == 800 && a->soft == 80 && b->residents == 0 && b->values == 10 &&
                b->soft == 0);
    assert_null(policy_budget_at(p, 2));
    for (size_t i = 0; i < p->count_count; i++) {
        assert_int_equal(p->counts[i].actions, 1U << POLICY_REVEAL | 1U << POLICY_SEARCH | 1U << POLICY_EXPORT);
        assert_int_equal(p->counts[i].until, UINT32_MAX);
    }
    assert_int_equal(p->count_count, 3 + 1); /* p1 and the two below it; any */
    policy_free(&p);
}

TEST("a budget says each dimension, a limit that is not zero, whose it is and for how long")
{
    for (size_t i = 0; i < BUDGET_DIMENSIONS; i++) {
        bad_entry("budgets", 0, dimensions[i], NULL, "", dimensions[i]);
        bad_entry("budgets", 0, dimensions[i], "[]", dimensions[i], "an empty list");
        taken(whole_with("budgets", 0, dimensions[i], "\"any\""));
    }
    static const char *const keys[] = {"residents", "values", "soft"}, *const zero[] = {"0", "-1", "1.5", "\"9\"",
                                                                                        "null"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 5; k++) bad_entry("budgets", 0, keys[i], zero[k], keys[i], "is not 1 to");
    }
    bad_entry("budgets", 0, "soft", "101", "soft", "is not 1 to 100");
    bad_entry("budgets", 0, "residents", "4294967297", "residents", "is not 1 to");
    bad_entry("budgets", 1, "values", NULL, "", "limits nothing");
    bad_entry("budgets", 0, "per", "\"role\"", "per", "none of person, consumer and purpose");
    bad_entry("budgets", 0, "period", "\"decade\"", "period", "none of hour, day, week, month and year");
    bad_entry("budgets", 0, "forms", "\"any\"", "", "forms");
}

/* Budgets beside the two that the document has: so many, of c1 and p1, for these roles and fields. */
static json_t *more_budgets(unsigned count, const char *roles, const char *fields)
{
    json_t *document = whole();
    for (unsigned i = 0; i < count; i++) {
        json_t *one = json_deep_copy(nth_of(document, "budgets", 0));
        json_object_set_new(one, "id", json_sprintf("more-%c", 'a' + i));
        json_object_set_new(one, "roles", parse(roles));
        json_object_set_new(one, "fields", parse(fields));
        json_array_append_new(json_object_get(document, "budgets"), one);
    }
    return document;
}

TEST("a call counts in eight budgets at most: more would silently not count it")
{
    taken(more_budgets(6, "\"any\"", "\"any\""));
    not_taken(more_budgets(7, "\"any\"", "\"any\""), "policy.rules[0]", "over 8 budgets count one of its calls");
    taken(more_budgets(20, "[\"r3\"]", "\"any\"")); /* nobody who may act */
    taken(more_budgets(20, "\"any\"", "[\"f7\"]")); /* nothing that may be asked for */
    json_t *document = more_budgets(6, "[\"r1\"]", "\"any\"");
    for (unsigned i = 0; i < 7; i++) {
        json_t *one = json_deep_copy(nth_of(document, "budgets", 2));
        json_object_set_new(one, "id", json_sprintf("other-%c", 'a' + i));
        json_object_set_new(one, "roles", parse("[\"r2\"]"));
        json_array_append_new(json_object_get(document, "budgets"), one);
    }
    taken(document); /* more than eight, but of two roles */
}

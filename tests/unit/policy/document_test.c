/* The lists of a document beside its rules: what they become, and what is refused. */
#include "tests/unit/policy/document.h"

TEST("a document with one of everything loads")
{
    policy *p = load_whole(whole());
    assert_int_equal(policy_class_count(p), 5);
    assert_int_equal(policy_aggregation_count(p), 1);
    assert_int_equal(policy_budget_count(p), 2);
    assert_int_equal(p->prohibition_count, 2);
    assert_int_equal(p->withholding_count, 2);
    policy_free(&p);
}

TEST("each list may be left out or be empty, and is a list of objects with ids of their own")
{
    static const char *const lists[] = {"field_sets",  "area_sets",    "classes", "aggregations",
                                        "withholding", "prohibitions", "budgets"};
    static const char *const bad[] = {"null", "{}", "\"any\"", "0", "true"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char path[64];
        json_t *document = parse("{\"rules\": []}");
        json_object_set_new(document, lists[i], json_array());
        taken(document);
        snprintf(path, sizeof path, "policy.%s", lists[i]);
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            document = whole();
            json_object_set_new(document, lists[i], parse(bad[k]));
            not_taken(document, path, "not a list");
        }
        bad_entry(lists[i], 0, "id", "\"A\"", "id", "is not 1 to 64");
        bad_entry(lists[i], 0, "id", NULL, "", "id");
        bad_entry(lists[i], 0, "comment", "\"x\"", "", "comment");
    }
}

TEST("two ids of one list that look alike are refused at the later one")
{
    static const char *const lists[] = {"field_sets", "area_sets", "classes", "withholding", "prohibitions", "budgets"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char path[64], json[80];
        json_t *document = whole();
        const char *first = json_string_value(json_object_get(nth_of(document, lists[i], 0), "id"));
        snprintf(json, sizeof json, "\"%.1s-%s\"", first, first + 1);
        snprintf(path, sizeof path, "policy.%s[1].id", lists[i]);
        json_decref(document);
        not_taken(whole_with(lists[i], 1, "id", json), path, "looks like");
    }
}

/* ---- sets ---- */

static void expect_fields(const policy *p, const char *id, unsigned bits)
{
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(rule_id(p, &p->rules[i]), id) == 0) assert_int_equal(p->rules[i].fields.words[0], bits);
    }
}

TEST("a field set is what it lists, or what its fields are like")
{
    policy *p = load_whole(whole());
    expect_fields(p, "plain-one", 1U << 1 | 1U << 2 | 1U << 3);
    policy_free(&p);
    p = load_whole(whole_with("rules", 1, "fields", "[\"@odd-ones\"]")); /* odd, of level 2 at least */
    expect_fields(p, "fire", 1U << 1 | 1U << 3 | 1U << 5 | 1U << 7);
    policy_free(&p);
}

TEST("a rule of a set has the highest level of its fields, also where these are selected")
{
    static const struct {
        const char *fields;
        unsigned level;
    } cases[] = {{"[\"f4\"]", 1}, {"[\"@contact\"]", 3}, {"[\"@odd-ones\"]", 4}, {"[\"f4\", \"@more\"]", 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        policy *p = load_whole(whole_with("rules", 1, "fields", cases[i].fields));
        for (unsigned k = 0; k < p->count; k++) {
            if (strcmp(policy_rule_id(p, k), "fire") == 0)
                assert_int_equal(policy_rule_terms(p, k).level, cases[i].level);
        }
        policy_free(&p);
    }
}

TEST("a set is known when it is named, adds something, and is of the rule's collection and kind")
{
    static const char *const faults[][3] = {
        {"[\"@none\"]", "fields[0]", "unknown field set '@none'"},
        {"[\"@Contact\"]", "fields[0]", "unknown field set"},
        {"[\"@\"]", "fields[0]", "unknown field set"},
        {"[\"f1\", \"f2\", \"@contact\"]", "fields[2]", "'@contact' stands twice"},
        {"[\"@contact\", \"f2\"]", "fields[1]", "'f2' stands twice"},
        {"[\"@contact\", \"@contact\"]", "fields[1]", "stands twice"},
        {"[\"@contact\", \"h1\"]", "fields[1]", "another collection"},
        {"[\"h1\", \"@contact\"]", "fields[1]", "another collection"},
        {"[\"@asked\"]", "fields[0]", "'@asked' holds predicates"},
        {"[\"any\"]", "fields[0]", "'any' is not a name"},
        {"\"any\"", "fields", "not a list"},
        {"\"@contact\"", "fields", "not a list"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        bad_entry("rules", 1, "fields", faults[i][0], faults[i][1], faults[i][2]);
    taken(whole_with("rules", 1, "fields", "[\"f1\", \"@contact\"]"));
    json_t *asks = whole_with("rules", 1, "form", "\"predicate\"");
    json_object_set_new(nth_of(asks, "rules", 1), "fields", parse("[\"@asked\", \"@contact\"]"));
    not_taken(asks, "policy.rules[1].fields[1]", "'@contact' holds fields: form predicate takes predicates only");
}

TEST("a field set says its fields in one way, and there is one at least")
{
    bad_entry("field_sets", 0, "fields", "[]", "fields", "an empty list");
    bad_entry("field_sets", 0, "fields", "[\"f9\"]", "fields[0]", "unknown field 'f9'");
    bad_entry("field_sets", 0, "fields", "[\"f1\", \"h1\"]", "fields[1]", "another collection");
    bad_entry("field_sets", 0, "fields", "[\"@more\"]", "fields[0]", "unknown field set"); /* stands behind */
    bad_entry("field_sets", 0, "level", "2", "", "level");
    bad_entry("field_sets", 2, "owner", "\"nobody\"", "", "no field is like this");
    bad_entry("field_sets", 2, "collection", "\"houses\"", "", "no field is like this");
    bad_entry("field_sets", 2, "owner", "\"\"", "owner", "not a text");
    bad_entry("field_sets", 2, "level", "0", "level", "is not 1 to 4");
    bad_entry("field_sets", 2, "level", "5", "level", "is not 1 to 4");
    json_t *document = whole_with("field_sets", 2, "owner", NULL);
    json_object_del(nth_of(document, "field_sets", 2), "level");
    not_taken(document, "policy.field_sets[2]", "says no fields");
}

static void expect_areas(const policy *p, const char *id, unsigned count)
{
    for (size_t i = 0; i < p->count; i++) {
        const policy_rule *r = &p->rules[i];
        if (strcmp(rule_id(p, r), id) != 0) continue;
        assert_int_equal(r->area_count, count);
        for (size_t k = 1; k < r->area_count; k++)
            assert_true(p->areas[r->first_area + k - 1].high < p->areas[r->first_area + k].low);
    }
}

TEST("an area set stands for its areas, none of which may lie within another of the rule")
{
    policy *p = load_whole(whole_with("rules", 1, "areas", "[\"34\", \"@wide\", \"32040\"]"));
    expect_areas(p, "fire", 5);
    policy_free(&p);
    bad_entry("rules", 1, "areas", "[\"@north\"]", "areas[0]", "unknown area set '@north'");
    bad_entry("rules", 1, "areas", "[\"@east\", \"320411002001\"]", "areas", "320411002001000 stands twice");
    bad_entry("rules", 1, "areas", "[\"@east\", \"@wide\"]", "areas", "320411002000000 stands twice");
    bad_entry("area_sets", 0, "areas", "[]", "areas", "an empty list");
    bad_entry("area_sets", 0, "areas", "[\"32\", \"3204\"]", "areas", "stands twice");
    bad_entry("area_sets", 0, "areas", "[\"@wide\"]", "areas[0]", "unknown area set");
    bad_entry("area_sets", 0, "areas", "\"any\"", "areas", "not a list");
}

/* ---- classes ---- */

TEST("a class is read back with its test")
{
    policy *p = load_whole(whole());
    assert_int_equal(policy_class_named(p, "severe"), 3);
    assert_int_equal(policy_class_named(p, "Severe"), -1);
    const policy_class *child = policy_class_at(p, 0), *severe = policy_class_at(p, 3);
    assert_int_equal(child->test, CLASS_AGE_UNDER);
    assert_int_equal(child->years, 14);
    assert_int_equal(child->field, 1);
    assert_int_equal(policy_class_at(p, 1)->test, CLASS_AGE_AT_LEAST);
    assert_int_equal(policy_class_at(p, 2)->test, CLASS_KNOWN);
    assert_int_equal(severe->test, CLASS_ONE_OF);
    assert_int_equal(severe->text_count, 2);
    assert_string_equal(severe->texts[1], "4");
    assert_null(policy_class_at(p, 5));
    assert_null(policy_class_at(p, UINT32_MAX));
    policy_free(&p);
}

TEST("a class names a field and a test that fits it, with the argument of that test and no other")
{
    bad_entry("classes", 0, "field", "\"f9\"", "field", "unknown field 'f9'");
    bad_entry("classes", 0, "field", "\"q1\"", "field", "'q1' is a predicate");
    bad_entry("classes", 0, "field", "\"f8\"", "test", "an age is asked of a date");
    bad_entry("classes", 0, "test", "\"younger\"", "test", "unknown test 'younger'");
    bad_entry("classes", 0, "years", NULL, "years", "missing");
    bad_entry("classes", 0, "years", "0", "years", "is not 1 to 150");
    bad_entry("classes", 0, "years", "151", "years", "is not 1 to 150");
    bad_entry("classes", 0, "years", "14.0", "years", "is not 1 to 150");
    bad_entry("classes", 0, "values", "[\"1\"]", "values", "stands with the test one_of only");
    bad_entry("classes", 2, "years", "14", "years", "stands with a test of age only");
    bad_entry("classes", 3, "values", NULL, "values", "missing");
    bad_entry("classes", 3, "values", "[]", "values", "an empty list");
    bad_entry("classes", 3, "values", "[\"3\", \"3\"]", "values[1]", "stands twice");
    bad_entry("classes", 3, "values", "[3]", "values[0]", "not a text");
    bad_entry("classes", 3, "values", "[\"3\", \"\"]", "values[1]", "not a text");
    bad_entry("classes", 3, "values", "[\"3\", \"bad\"]", "values[1]", "is no value of its format");
}

TEST("there are sixty-four classes at most")
{
    json_t *document = parse("{\"rules\": []}"), *list = json_array();
    for (unsigned i = 0; i < CLASSES_MAX; i++)
        json_array_append_new(list, json_pack("{s:o, s:s, s:s}", "id", json_sprintf("k%c-%c", 'a' + i / 8, 'a' + i % 8),
                                              "field", "f1", "test", "known"));
    json_object_set_new(document, "classes", list);
    taken(json_deep_copy(document));
    json_array_append_new(list, parse("{\"id\": \"more\", \"field\": \"f1\", \"test\": \"known\"}"));
    not_taken(document, "policy.classes", "not a list of at most 64");
}

/* ---- aggregations, withholding ---- */

TEST("an aggregation is a set of fields of one collection, of a level that asks for more than each of them")
{
    policy *p = load_whole(whole());
    const policy_aggregation *a = policy_aggregation_at(p, 0);
    assert_int_equal(a->fields.words[0], 1U << 1 | 1U << 2 | 1U << 3);
    assert_int_equal(a->level, 5);
    assert_int_equal(a->days, 30);
    assert_int_equal(a->per, PER_PERSON);
    assert_null(policy_aggregation_at(p, 1));
    policy_free(&p);
    bad_entry("aggregations", 0, "fields", "[\"f1\"]", "fields", "one field is no set");
    bad_entry("aggregations", 0, "fields", "[\"f1\", \"q1\"]", "fields[1]", "'q1' is a predicate");
    bad_entry("aggregations", 0, "fields", "[\"f1\", \"h1\"]", "fields[1]", "another collection");
    bad_entry("aggregations", 0, "fields", "\"any\"", "fields", "not a list");
    bad_entry("aggregations", 0, "level", "0", "level", "is not 1 to 5");
    bad_entry("aggregations", 0, "level", "6", "level", "is not 1 to 5");
    bad_entry("aggregations", 0, "level", "2", "level", "would refuse nothing: above 2");
    bad_entry("aggregations", 0, "days", "0", "days", "is not 1 to");
    bad_entry("aggregations", 0, "per", "\"purpose\"", "per", "neither person nor consumer");
    taken(whole_with("aggregations", 0, "level", "3"));
}

TEST("a withholding ends: on a day, or so many days after the call; its rules say which it is")
{
    policy *p = load_whole(whole());
    for (unsigned i = 0; i < p->count; i++) {
        const policy_terms t = policy_rule_terms(p, i);
        bool fire = strcmp(policy_rule_id(p, i), "fire") == 0;
        assert_string_equal(t.withhold, fire ? "case" : "audit");
        assert_int_equal(t.withhold_days, fire ? 90 : 0);
        assert_int_equal(t.withhold_until, fire ? 0 : 20270630);
    }
    assert_null(policy_rule_terms(p, (unsigned)p->count).withhold);
    policy_free(&p);
    bad_entry("withholding", 0, "until", "\"2027-01-01\"", "", "has one end");
    bad_entry("withholding", 0, "days", NULL, "", "has one end");
    bad_entry("withholding", 0, "days", "0", "days", "is not 1 to");
    bad_entry("withholding", 1, "until", "\"2027-02-29\"", "until", "is not a date");
    bad_entry("withholding", 0, "title", "\"\"", "title", "is not 1 to 200 bytes");
    bad_entry("withholding", 0, "title", "\"a\\u0007\"", "title", "is not 1 to 200 bytes");
    bad_entry("rules", 1, "withhold", "\"none\"", "withhold", "unknown class of withholding 'none'");
    bad_entry("rules", 1, "withhold", "true", "withhold", "unknown class of withholding");
}

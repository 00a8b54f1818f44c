/* The predicates of a schema: what they may ask, and that name and number never mean something else. */
#include "tests/unit/control/small.h"

static const char is_old[] = "{\"name\": \"is_old\", \"number\": 100, \"label\": \"75\", \"field\": \"id_number\","
                             " \"test\": \"age_at_least\", \"years\": 75}";
static const char same_street[] = "{\"name\": \"same_street\", \"number\": 101, \"label\": \"street\","
                                  " \"field\": \"residence_area\", \"test\": \"same_area\", \"digits\": 9}";
static const char phone_is[] = "{\"name\": \"phone_is\", \"number\": 102, \"label\": \"phone\", \"field\": \"phone\","
                               " \"test\": \"equals\"}";

static documents with_predicates(void)
{
    documents d = small_documents();
    set(collection_at(&d, 0), "predicates", "[]");
    json_t *list = json_object_get(collection_at(&d, 0), "predicates");
    json_array_append_new(list, parse(is_old));
    json_array_append_new(list, parse(same_street));
    json_array_append_new(list, parse(phone_is));
    return d;
}

static json_t *predicate_at(const documents *d, size_t i)
{
    return json_array_get(json_object_get(collection_at(d, 0), "predicates"), i);
}

TEST("predicates are read as they stand, found by their names, and are no fields")
{
    documents d = with_predicates();
    manifest_body *b = build_of(&d);
    const schema *s = &b->m.schema;
    const collection *people = schema_collection(s, "residents");
    assert_int_equal(people->predicate_count, 3);
    assert_int_equal(schema_collection(s, "houses")->predicate_count, 0);
    const schema_predicate *old = schema_predicate_find(s, bytes_of_text("is_old"));
    assert_ptr_equal(old, &people->predicates[0]);
    assert_int_equal(old->number, 100);
    assert_string_equal(old->label, "75");
    assert_string_equal(old->field->name, "id_number");
    assert_int_equal(old->test.kind, PREDICATE_AGE_AT_LEAST);
    assert_int_equal(old->test.amount, 75);
    const schema_predicate *street = schema_predicate_find(s, bytes_of_text("same_street"));
    assert_int_equal(street->test.kind, PREDICATE_SAME_AREA);
    assert_int_equal(street->test.amount, 9);
    assert_int_equal(schema_predicate_find(s, bytes_of_text("phone_is"))->test.kind, PREDICATE_EQUALS);
    assert_int_equal(schema_predicate_find(s, bytes_of_text("phone_is"))->test.amount, 0);
    assert_null(schema_find(s, bytes_of_text("is_old")));
    assert_null(schema_number(s, 100));
    static const char *const none[] = {"", "is_ol", "is_old2", "Is_old", "phone", "id_number"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(schema_predicate_find(s, bytes_of_text(none[i])));
    assert_null(schema_predicate_find(s, (bytes){0}));
    assert_null(schema_predicate_find(s, bytes_of("is_old\0", 7)));
    manifest_free(&b);
}

TEST("a predicate that does not hold together is refused at its key, with the mend")
{
    static const struct {
        size_t at;
        const char *key, *json, *below, *what;
    } faults[] = {
        {0, "name", "\"Is_old\"", "name", "a-z"},
        {0, "name", "\"is-old\"", "name", "a-z"},
        {0, "name", "\"phone\"", "name", "looks like 'phone'"},
        {1, "name", "\"is_o1d\"", "name", "looks like 'is_old'"},
        {0, "number", "0", "number", "1 to 255"},
        {0, "number", "256", "number", "1 to 255"},
        {0, "number", "18", "number", "that of 'residence_area'"},
        {0, "number", "3", "number", "that of 'house_number'"},
        {1, "number", "100", "number", "that of 'is_old'"},
        {0, "label", "\"\"", "label", "1 to 200"},
        {0, "field", "\"nothing\"", "field", "unknown field"},
        {0, "field", "\"house_number\"", "field", "of this collection"},
        {1, "field", "\"is_old\"", "field", "unknown field"},
        {0, "test", "\"older\"", "test", "age_at_least, age_under, same_area or equals"},
        {0, "test", "\"equals\"", "years", "leave it out"},
        {0, "test", "\"same_area\"", "years", "leave it out"},
        {1, "test", "\"age_under\"", "digits", "leave it out"},
        {2, "years", "0", "years", "leave it out"},
        {2, "digits", "9", "digits", "leave it out"},
        {0, "years", "0", "test", "150"},
        {0, "years", "151", "test", "150"},
        {0, "years", "-1", "years", "out of range"},
        {0, "years", "4294967371", "years", "out of range"},
        {0, "years", "9223372036854775807", "years", "out of range"},
        {0, "years", "\"75\"", "years", "whole number"},
        {0, "years", "75.5", "years", "whole number"},
        {1, "digits", "8", "test", "digits"},
        {1, "digits", "15", "test", "digits"},
        {1, "digits", "0", "test", "digits"},
        {0, "field", "\"phone\"", "test", "an age"},
        {1, "field", "\"phone\"", "test", "an area"},
        {0, "than", "1", "than", "unknown key"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char path[96];
        documents d = with_predicates();
        set(predicate_at(&d, faults[i].at), faults[i].key, faults[i].json);
        snprintf(path, sizeof path, "schema.collections[0].predicates[%zu].%s", faults[i].at, faults[i].below);
        refused(&d, path, faults[i].what);
    }
}

TEST("the amount of a predicate is asked for where it is missing")
{
    documents d = with_predicates();
    json_object_del(predicate_at(&d, 0), "years");
    refused(&d, "schema.collections[0].predicates[0]", "years: missing");
    d = with_predicates();
    json_object_del(predicate_at(&d, 1), "digits");
    refused(&d, "schema.collections[0].predicates[1]", "digits: missing");
}

TEST("the list of predicates is a list, and may be empty or left out")
{
    documents d = with_predicates();
    set(collection_at(&d, 0), "predicates", "{}");
    refused(&d, "schema.collections[0].predicates", "not a list");
    d = with_predicates();
    set(collection_at(&d, 0), "predicates", "[7]");
    refused(&d, "schema.collections[0].predicates[0]", "not an object");
    d = with_predicates();
    set(collection_at(&d, 0), "predicates", "[]");
    manifest_body *b = build_of(&d);
    assert_int_equal(b->predicate_count, 0);
    manifest_free(&b);
}

TEST("fields and predicates share 255 numbers over the whole document")
{
    documents d = small_documents();
    json_t *list = json_array();
    for (unsigned n = 0; n < 250; n++) {
        json_t *p = parse(is_old);
        json_object_set_new(p, "name", json_sprintf("older_%c%c", 'a' + (int)(n / 26), 'a' + (int)(n % 26)));
        json_array_append_new(list, p);
    }
    json_object_set_new(collection_at(&d, 0), "predicates", list);
    refused(&d, "schema.collections", "255 fields and predicates");
}

/* ---- rules that name them ---- */

static documents with_rule(const char *form, const char *fields)
{
    documents d = with_predicates();
    json_t *rule = parse("{\"id\": \"care-ask\", \"action\": \"reveal\", \"consumer\": \"eldercare\", \"purpose\":"
                         " \"elder-care\", \"areas\": [\"32\"], \"acting\": \"app\","
                         " \"valid\": {\"from\": \"2026-01-01\", \"until\": \"2026-12-31\"}}");
    json_object_set_new(rule, "form", json_string(form));
    set(rule, "fields", fields);
    json_array_append_new(json_object_get(d.of[DOC_POLICY], "rules"), rule);
    return d;
}

TEST("a rule names predicates as it names fields, by their numbers, in form predicate alone")
{
    documents d = with_rule("predicate", "[\"is_old\", \"phone_is\"]");
    manifest_body *b = build_of(&d);
    policy_scope scope = policy_rule_scope(b->m.policy, 0);
    assert_true(field_set_has(scope.fields, 100) && field_set_has(scope.fields, 102));
    assert_false(field_set_has(scope.fields, 101) || field_set_has(scope.fields, 1));
    manifest_free(&b);
    d = with_rule("plain", "[\"phone\", \"is_old\"]");
    refused(&d, "policy.rules[0].fields[1]", "'is_old' is a predicate");
    d = with_rule("predicate", "[\"is_old\", \"phone\"]");
    refused(&d, "policy.rules[0].fields[1]", "'phone' is a field");
    d = with_rule("predicate", "[\"is_young\"]");
    refused(&d, "policy.rules[0].fields[0]", "unknown field 'is_young'");
}

/* ---- changes ---- */

static void unreadable_change(documents *next, const char *path, const char *what)
{
    documents before = with_predicates();
    manifest_body *old = build_of(&before), *new = build_of(next);
    vault_code code = manifest_check_change(old, new, &err);
    if (code != VAULT_INVALID || strcmp(err.field, path) != 0 || !strstr(err.detail, what))
        fail_msg("%s: '%s: %s' is not '%s' with '%s'", vault_code_name(code), err.field, err.detail, path, what);
    assert_string_equal(err.reason, "CHANGE_UNREADABLE");
    vault_error_clear(&err);
    manifest_free(&old);
    manifest_free(&new);
}

TEST("a predicate never comes to mean something else: number, field, test and amount are kept")
{
    static const struct {
        size_t at;
        const char *key, *json, *what;
    } changes[] = {
        {0, "number", "99", "has been 100"},
        {1, "digits", "6", "same_area 9"},
        {0, "years", "74", "age_at_least 75"},
        {0, "test", "\"age_under\"", "age_at_least 75"},
        {2, "field", "\"id_number\"", "asked about 'phone'"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char path[96];
        const char *key = changes[i].key;
        bool amount = strcmp(key, "digits") == 0 || strcmp(key, "years") == 0;
        documents d = with_predicates();
        set(predicate_at(&d, changes[i].at), key, changes[i].json);
        snprintf(path, sizeof path, "schema.collections[0].predicates[%zu].%s", changes[i].at, amount ? "test" : key);
        unreadable_change(&d, path, changes[i].what);
    }
}

TEST("a predicate stays, so that no other can have its name or number")
{
    documents d = with_predicates();
    json_array_remove(json_object_get(collection_at(&d, 0), "predicates"), 1);
    unreadable_change(&d, "schema.collections[0].predicates", "predicate 'same_street' is gone: put it back");
    d = with_predicates();
    json_object_del(collection_at(&d, 0), "predicates");
    unreadable_change(&d, "schema.collections[0].predicates", "predicate 'is_old' is gone");
}

TEST("labels of predicates, their order, new ones, and search terms of all kinds may change")
{
    documents before = with_predicates(), d = with_predicates();
    json_t *list = json_object_get(collection_at(&d, 0), "predicates"), *first = json_incref(predicate_at(&d, 0));
    set(first, "label", "\"old\"");
    json_array_remove(list, 0);
    json_array_append_new(list, first);
    json_array_append_new(list, parse("{\"name\": \"is_child\", \"number\": 103, \"label\": \"c\", \"field\":"
                                      " \"id_number\", \"test\": \"age_under\", \"years\": 14}"));
    set(field_at(&d, 0, 3), "index", "[\"suffix\"]");
    manifest_body *old = build_of(&before), *new = build_of(&d);
    expect_ok(manifest_check_change(old, new, &err), &err);
    manifest_free(&old);
    manifest_free(&new);
}

/* What an officer is shown before he consents: everything that differs, and nothing else. */
#include "tests/support/harness.h"
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static json_t *difference(const char *before, const char *after)
{
    json_t *a = json_loads(before, JSON_DECODE_ANY, NULL), *b = json_loads(after, JSON_DECODE_ANY, NULL);
    assert_non_null(a);
    assert_non_null(b);
    json_t *found = json_difference(a, b);
    json_decref(a);
    json_decref(b);
    return found;
}

static void expect_difference(const char *before, const char *after, const char *wanted)
{
    json_t *found = difference(before, after);
    char *text = json_dumps(found, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(found);
}

TEST("equal documents have no difference, whatever the order of their keys")
{
    expect_difference("{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1}", "[]");
}

TEST("a value that changed is shown with both sides and its path")
{
    expect_difference("{\"rules\":[{\"id\":\"r\",\"areas\":[\"32\"]}]}",
                      "{\"rules\":[{\"id\":\"r\",\"areas\":[\"33\"]}]}",
                      "[{\"after\":[\"33\"],\"before\":[\"32\"],\"path\":\"rules[r].areas\"}]");
}

TEST("an entry that was added, and one that is gone, are shown whole")
{
    expect_difference("{\"rules\":[{\"id\":\"old\"}]}", "{\"rules\":[{\"id\":\"new\"}]}",
                      "[{\"before\":{\"id\":\"old\"},\"path\":\"rules[old]\"},"
                      "{\"after\":{\"id\":\"new\"},\"path\":\"rules[new]\"}]");
}

TEST("entries that only changed places are no difference")
{
    expect_difference("[{\"id\":\"a\"},{\"id\":\"b\"}]", "[{\"id\":\"b\"},{\"id\":\"a\"}]", "[]");
}

TEST("a key that was added or taken away is shown, also at the top")
{
    expect_difference("{\"a\":1}", "{\"b\":null}", "[{\"before\":1,\"path\":\"a\"},{\"after\":null,\"path\":\"b\"}]");
}

TEST("entries of one name cannot be told apart: the list is shown as a whole")
{
    expect_difference("[{\"id\":\"a\",\"x\":1},{\"id\":\"a\",\"x\":2}]",
                      "[{\"id\":\"a\",\"x\":1},{\"id\":\"a\",\"x\":3}]",
                      "[{\"after\":[{\"id\":\"a\",\"x\":1},{\"id\":\"a\",\"x\":3}],"
                      "\"before\":[{\"id\":\"a\",\"x\":1},{\"id\":\"a\",\"x\":2}],\"path\":\"\"}]");
}

TEST("a list without names is shown as a whole, and a change of type too")
{
    expect_difference("{\"a\":[1,2]}", "{\"a\":[2,1]}", "[{\"after\":[2,1],\"before\":[1,2],\"path\":\"a\"}]");
    expect_difference("{\"a\":{}}", "{\"a\":[]}", "[{\"after\":[],\"before\":{},\"path\":\"a\"}]");
}

TEST("ten thousand persons are told apart in no time, and the one that differs is found")
{
    enum { PERSONS = 10000 };
    json_t *before = json_array(), *after = json_array();
    for (int i = 0; i < PERSONS; i++) {
        char id[16];
        snprintf(id, sizeof id, "p-%d", i);
        json_array_append_new(before, json_pack("{s:s, s:i}", "id", id, "x", i));
        json_array_insert_new(after, 0, json_pack("{s:s, s:i}", "id", id, "x", i == 5000 ? 1 : i));
    }
    clock_t began = clock();
    json_t *found = json_difference(before, after);
    assert_true(clock() - began < CLOCKS_PER_SEC);
    assert_int_equal(json_array_size(found), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(found, 0), "path")), "[p-5000].x");
    json_decref(found);
    json_decref(before);
    json_decref(after);
}

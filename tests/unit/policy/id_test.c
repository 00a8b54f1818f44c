#include "policy/id.h"
#include "tests/support/harness.h"

TEST("ids are 1 to 64 of a-z, 0-9 and -, with a letter or digit at both ends")
{
    static const char *const good[] = {"a", "7", "elder-care", "a--b", "x1"};
    static const char *const bad[] = {"",    "-",   "-a",  "a-", "A", "a b", " a",      "a ",
                                      "a/b", "a_b", "a.b", "..", "*", "a\n", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(id_valid(good[i], ""));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(id_valid(bad[i], ""));
}

TEST("an id of 64 characters is good, one of 65 is not")
{
    char id[66] = {0};
    memset(id, 'a', 64);
    assert_true(id_valid(id, ""));
    id[64] = 'a';
    assert_false(id_valid(id, ""));
}

TEST("more characters are allowed where they are named, never at the ends")
{
    assert_true(id_valid("a/b", "/"));
    assert_false(id_valid("a_b", "/"));
    assert_false(id_valid("/a", "/"));
    assert_false(id_valid("a/", "/"));
}

TEST("0 and o, 1 and l, with and without a dash, look alike; other names do not")
{
    static const char *const alike[][2] = {{"a", "a"},     {"g0", "go"},    {"g1", "gl"}, {"a-b", "ab"},
                                           {"a-b", "a_b"}, {"a--b", "a-b"}, {"", "-"}};
    static const char *const apart[][2] = {{"a", "b"},   {"a", "ab"},   {"ab", "a"},
                                           {"g0", "g1"}, {"a/b", "ab"}, {"12", "21"}};
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++)
        assert_int_equal(id_compare_looks(alike[i][0], alike[i][1]), 0);
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++) {
        int forth = id_compare_looks(apart[i][0], apart[i][1]), back = id_compare_looks(apart[i][1], apart[i][0]);
        assert_true((forth < 0) != (back < 0) && forth != 0);
    }
}

TEST("a pair that looks alike is found anywhere in a list")
{
    const char *list[] = {"delta", "echo", "alpha", "ech0", "bravo"}, *a = NULL, *b = NULL;
    assert_true(ids_look_alike(list, 5, &a, &b));
    assert_true((a == list[1] && b == list[3]) || (a == list[3] && b == list[1]));
    assert_false(ids_look_alike(list, 3, &a, &b));
    assert_false(ids_look_alike(list, 1, &a, &b));
    assert_false(ids_look_alike(list, 0, &a, &b));
}

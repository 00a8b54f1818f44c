/* Search expressions: what is meant by each, what is refused, and that it says what is wrong without the values. */
#include "tests/support/harness.h"
#include "vault/cli/expression.h"

#include <stdio.h>
#include <string.h>

static arena *mem;

static Vault__V1__Condition *read_good(const char *text)
{
    vault_error err = {0};
    Vault__V1__Condition *c = NULL;
    if (!mem) mem = arena_new(4 << 20);
    expect_ok(expression_read(&c, mem, text, &err), &err);
    return c;
}

static void expect_values(const Vault__V1__Values *values, const char *joined)
{
    char all[512] = "";
    for (size_t i = 0; i < values->n_values; i++) {
        size_t len = strlen(all);
        (void)snprintf(all + len, sizeof all - len, "%s%s", i ? "|" : "", values->values[i]);
    }
    assert_string_equal(all, joined);
}

TEST("a list of values after = or %, apart by commas, a backslash before one that is meant")
{
    Vault__V1__Condition *c = read_good("care_category=10,20,31");
    assert_string_equal(c->field, "care_category");
    assert_int_equal(c->question_case, VAULT__V1__CONDITION__QUESTION_EQUALS);
    expect_values(c->equals, "10|20|31");
    expect_values(read_good("workplace=a\\,b,c\\\\d,e\\")->equals, "a,b|c\\d|e\\");
    expect_values(read_good("name=王=五")->equals, "王=五");
    c = read_good("phone%5678,1234");
    assert_int_equal(c->question_case, VAULT__V1__CONDITION__QUESTION_ENDS_WITH);
    expect_values(c->ends_with, "5678|1234");
    arena_reset(mem);
}

TEST("a part after ~ and a token after @ are taken as they stand")
{
    Vault__V1__Condition *c = read_good("residence_address~解放路,3\\号");
    assert_int_equal(c->question_case, VAULT__V1__CONDITION__QUESTION_PART);
    assert_string_equal(c->part, "解放路,3\\号");
    c = read_good("household_number@rv1abc");
    assert_int_equal(c->question_case, VAULT__V1__CONDITION__QUESTION_SAME_AS);
    assert_string_equal(c->same_as, "rv1abc");
    arena_reset(mem);
}

TEST("a band after a colon has one end, two, or is that of one value")
{
    static const struct {
        const char *text, *low, *high;
    } bands[] = {{"birth_date:..1951", "", "1951"},
                 {"birth_date:1940..", "1940", ""},
                 {"birth_date:1940..1951", "1940", "1951"},
                 {"birth_date:1951", "1951", "1951"},
                 {"income:0.5..2", "0.5", "2"}};
    for (size_t i = 0; i < sizeof bands / sizeof *bands; i++) {
        Vault__V1__Condition *c = read_good(bands[i].text);
        assert_int_equal(c->question_case, VAULT__V1__CONDITION__QUESTION_BAND);
        assert_string_equal(c->band->low, bands[i].low);
        assert_string_equal(c->band->high, bands[i].high);
    }
    arena_reset(mem);
}

TEST("what is no condition is refused, with what is wrong and without the values")
{
    static const struct {
        const char *text, *why;
    } bad[] = {{"", "begin"},
               {"=5", "begin"},
               {"Name=x", "begin"},
               {"name", "lacks"},
               {"name x=secret", "lacks"},
               {"name!=secret", "lacks"},
               {"name=", "empty value"},
               {"name=secret,", "empty value"},
               {"name=,secret", "empty"},
               {"name~", "nothing"},
               {"name@", "nothing"},
               {"born:", "without an end"},
               {"born:..", "without an end"},
               {"born:secret...", "a dot too many"},
               {"born:secret.", "a dot too many"},
               {"born:...secret", "a dot too many"},
               {"姓名=secret", "begin"}};
    if (!mem) mem = arena_new(4 << 20);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vault_error err = {0};
        Vault__V1__Condition *c = NULL;
        assert_int_equal(expression_read(&c, mem, bad[i].text, &err), VAULT_INVALID);
        if (!strstr(err.detail, bad[i].why)) fail_msg("%s: %s", bad[i].text, err.detail);
        assert_null(strstr(err.detail, "secret"));
        assert_null(c);
    }
    arena_reset(mem);
}

TEST("64 values are taken, 65 are not, nor is a text of any length, nor one without memory for it")
{
    char text[EXPRESSION_MAX + 2];
    vault_error err = {0};
    Vault__V1__Condition *c = NULL;
    size_t len = (size_t)snprintf(text, sizeof text, "a=1");
    for (int i = 1; i < EXPRESSION_VALUES_MAX; i++) len += (size_t)snprintf(text + len, sizeof text - len, ",1");
    assert_int_equal(read_good(text)->equals->n_values, EXPRESSION_VALUES_MAX);
    (void)snprintf(text + len, sizeof text - len, ",1");
    expect_code(expression_read(&c, mem, text, &err), VAULT_INVALID, &err);
    memset(text, 'x', sizeof text);
    text[1] = '=', text[EXPRESSION_MAX + 1] = '\0';
    err = (vault_error){0};
    expect_code(expression_read(&c, mem, text, &err), VAULT_INVALID, &err);
    for (size_t room = 0; room < 2048; room += 8) {
        VAULT_CLEANUP(arena_free) arena *small = arena_new(room);
        err = (vault_error){0};
        if (small && expression_read(&c, small, "a=1,2", &err) != VAULT_OK) assert_non_null(strstr(err.detail, "long"));
    }
    arena_reset(mem);
}

TEST("what is written is read again as the same")
{
    static const char *const texts[] = {"name=a\\,b,\\\\", "phone%1234", "name~x\\,y",
                                        "born:1..2",       "born:..2",   "house@rv1x"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_string_equal(expression_write(mem, read_good(texts[i])), texts[i]);
    assert_string_equal(expression_write(mem, read_good("born:1951")), "born:1951..1951");
    arena_free(&mem);
}

#include "tests/support/harness.h"
#include "vault/base/character.h"

static uint32_t first_of(const char *text)
{
    bytes rest = bytes_of_text(text);
    return character_folded(&rest);
}

TEST("full width is ASCII, wide blanks are a blank, all else is itself")
{
    assert_int_equal(first_of("ａ"), 'a');
    assert_int_equal(first_of("～"), '~');
    assert_int_equal(first_of("！"), '!');
    assert_int_equal(first_of("\xe3\x80\x80"), ' ');
    assert_int_equal(first_of("\xc2\xa0"), ' ');
    assert_int_equal(first_of("张"), 0x5f20);
    assert_int_equal(first_of("\xf0\xa0\x80\x80"), 0x20000);
    assert_int_equal(first_of("7"), '7');
}

TEST("a text comes to its end a character at a time, also where bytes belong to none")
{
    static const uint32_t wanted[] = {'1', 0xfffd, 0xfffd, 0x5f20, 0xfffd, 0xfffd};
    bytes rest = bytes_of_text("1\xff\x80张\xe4\xb8");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) assert_int_equal(character_folded(&rest), wanted[i]);
    assert_int_equal(rest.len, 0);
}

TEST("a whole number is without the zero behind its point")
{
    static const struct {
        const char *text, *whole;
    } known[] = {{"13912345678.0", "13912345678"},
                 {"1.0", "1"},
                 {"13912345678", "13912345678"},
                 {"1.00", "1.00"},
                 {"1.10", "1.10"},
                 {"x.0", "x.0"},
                 {".0", ".0"},
                 {"", ""}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(bytes_same(character_whole(bytes_of_text(known[i].text)), bytes_of_text(known[i].whole)));
}

TEST("what stands between groups of a number, and between parts of a name, is known in its many kinds")
{
    static const char *const between[] = {
        " ", "-", "－", "（", "．", "+", "\xe2\x80\x93", "\xe2\x88\x92", "\xef\xbb\xbf", "'", "＇", "’", "=", "\""};
    static const char *const points[] = {"·", "•", "・", ".", "．", "⋅"};
    for (size_t i = 0; i < sizeof between / sizeof *between; i++)
        assert_true(character_is_between(first_of(between[i])));
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) assert_true(character_is_point(first_of(points[i])));
    assert_false(character_is_between(0));
    assert_false(character_is_between('*'));
    assert_false(character_is_point('-'));
    assert_true(character_is_digit('0') && !character_is_digit('a'));
    assert_true(character_is_letter('z') && !character_is_letter('0'));
}

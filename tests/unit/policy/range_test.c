/* Areas and days, as every room reads them. */
#include "policy/policy.h"
#include "tests/support/harness.h"

TEST("a prefix is the range of all codes of 15 digits below it")
{
    static const struct {
        const char *prefix;
        int64_t low, high;
    } good[] = {{"32", 320000000000000, 329999999999999},
                {"320411", 320411000000000, 320411999999999},
                {"320411002001", 320411002001000, 320411002001999},
                {"320411002001007", 320411002001007, 320411002001007},
                {"99", 990000000000000, 999999999999999}};
    area_range r;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(area_range_read(&r, good[i].prefix));
        assert_true(r.low == good[i].low && r.high == good[i].high);
    }
    static const char *const bad[] = {"", "3", "0", "00", "032", "3204110020010070", "32x", "x", "+32", "32\n", "３２"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(area_range_read(&r, bad[i]));
        assert_true(r.low == 0 && r.high == 0); /* covers no area that exists */
    }
}

TEST("sorted areas cover what any of them covers; none, one within another, one twice")
{
    area_range r[4];
    assert_true(area_ranges_sort(NULL, 0));
    assert_false(area_ranges_cover(NULL, 0, (area_code){320411002001000}));
    static const char *const apart[] = {"33", "320411", "110105", "320412"};
    for (size_t i = 0; i < 4; i++) assert_true(area_range_read(&r[i], apart[i]));
    assert_true(area_ranges_sort(r, 4));
    static const int64_t in[] = {110105000000000, 110105999999999, 320411000000000, 320412999999999, 339999999999999};
    static const int64_t out[] = {
        0,         -1,        110104999999999, 110106000000000, 320410999999999, 320413000000000, 340000000000000,
        INT64_MAX, INT64_MIN, 320411,          320411002001};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) assert_true(area_ranges_cover(r, 4, (area_code){in[i]}));
    for (size_t i = 0; i < sizeof out / sizeof *out; i++) assert_false(area_ranges_cover(r, 4, (area_code){out[i]}));
    assert_true(area_range_read(&r[0], "3204"));
    assert_false(area_ranges_sort(r, 4));
    area_range twice[2] = {{330000000000000, 339999999999999}, {330000000000000, 339999999999999}};
    assert_false(area_ranges_sort(twice, 2));
}

TEST("a day is read as a number, and what is no day from 1900 on is none")
{
    uint32_t day;
    assert_true(date_read(&day, "2026-01-31"));
    assert_int_equal(day, 20260131);
    assert_true(date_read(&day, "1900-01-01") && day == 19000101);
    assert_true(date_read(&day, "9999-12-31") && day == 99991231);
    assert_true(date_read(&day, "2000-02-29") && day == 20000229);
    static const char *const bad[] = {"1899-12-31", "1900-02-29", "2026-02-29",  "2026-00-01",
                                      "2026-13-01", "2026-01-00", "2026-01-32",  "20260131",
                                      "2026-1-31",  "",           "2026-01-31 ", "２０２６-01-31",
                                      "2026/01/31", "-026-01-31", "2026-01-3-",  "2026--1-31"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(date_read(&day, bad[i]));
        assert_int_equal(day, 0);
    }
}

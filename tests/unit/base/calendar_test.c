/* The calendar against one that is counted day by day. */
#include "tests/support/harness.h"
#include "vault/base/calendar.h"

static bool is_leap(uint32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static uint32_t next_date(uint32_t date)
{
    static const uint32_t ends[] = {131, 228, 331, 430, 531, 630, 731, 831, 930, 1031, 1130, 1231};
    uint32_t year = date / 10000, of_year = date % 10000, month = of_year / 100;
    uint32_t end = month == 2 && is_leap(year) ? 229 : ends[month - 1];
    if (of_year != end) return date + 1;
    return month == 12 ? (year + 1) * 10000 + 101 : year * 10000 + (month + 1) * 100 + 1;
}

TEST("a day's number and its date are one to one over all years, in their order")
{
    uint32_t day = calendar_day(10101), first = day;
    for (uint32_t date = 10101; date <= 99991231; date = next_date(date), day++) {
        if (calendar_day(date) != day || calendar_date(day) != date || !calendar_has(date)) fail_msg("%u", date);
    }
    assert_int_equal(day - first, 3652059); /* of ISO 8601's years 1 to 9999 */
    assert_int_equal(calendar_day(19700101) - calendar_day(16000229), 135081);
    assert_int_equal(calendar_day(301), 0);
}

TEST("what stands in no calendar is no day of it")
{
    static const uint32_t none[] = {0,        1231,     20260001, 20260100, 20260132,  20261301,  20260229,
                                    21000229, 20260431, 20261131, 20269999, 100000101, UINT32_MAX};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_false(calendar_has(none[i]));
    assert_true(calendar_has(20000229));
    assert_true(calendar_has(20280229));
}

TEST("months have their lengths, February by the year")
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (unsigned month = 1; month <= 12; month++) assert_int_equal(month_length(2026, month), lengths[month - 1]);
    assert_int_equal(month_length(2028, 2), 29);
    assert_int_equal(month_length(2000, 2), 29);
    assert_int_equal(month_length(2100, 2), 28);
}

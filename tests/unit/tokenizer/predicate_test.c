/* Predicates: yes or no around the day, the area and the value. */
#include "tests/support/harness.h"
#include "tokenizer/predicate.h"

#include <stdio.h>

static bool holds(predicate_kind kind, unsigned amount, const char *of, const char *value, const char *than,
                  uint32_t today)
{
    const predicate p = {.kind = kind, .amount = amount};
    return predicate_holds(&p, format_find(of), bytes_of_text(value), bytes_of_text(than), today);
}

static bool at_least(unsigned years, const char *born, uint32_t today)
{
    bool over = holds(PREDICATE_AGE_AT_LEAST, years, "date", born, "", today);
    bool under = holds(PREDICATE_AGE_UNDER, years, "date", born, "", today);
    assert_true(over != under);
    return over;
}

static bool leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_of(unsigned year, unsigned month)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap(year));
}

static uint32_t next_day(uint32_t day)
{
    unsigned year = day / 10000, month = day / 100 % 100, d = day % 100;
    if (++d > days_of(year, month)) d = 1, month++;
    if (month > 12) month = 1, year++;
    return year * 10000 + month * 100 + d;
}

/* Counted up: a year older on each birthday, which of 29 February is 1 March in common years. */
static bool is_birthday(uint32_t day, uint32_t born)
{
    if (day % 10000 == born % 10000) return true;
    return born % 10000 == 229 && !leap(day / 10000) && day % 10000 == 301;
}

TEST("an age is reached on the birthday: the day before, the day, and the day after")
{
    assert_false(at_least(60, "19661123", 20261122));
    assert_true(at_least(60, "19661122", 20261122));
    assert_true(at_least(60, "19661121", 20261122));
    assert_false(at_least(14, "20121231", 20261230));
    assert_true(at_least(14, "20121231", 20261231));
    assert_true(at_least(14, "20121231", 20270101));
}

TEST("who is born on 29 February grows older on 1 March of common years, on the day of leap years")
{
    assert_false(at_least(14, "20120229", 20260228));
    assert_true(at_least(14, "20120229", 20260301));
    assert_false(at_least(16, "20120229", 20280228));
    assert_true(at_least(16, "20120229", 20280229));
    assert_false(at_least(60, "19000301", 19600229));
    assert_true(at_least(60, "19000301", 19600301));
}

TEST("every day of a life gives the age that counting birthdays gives")
{
    static const char *const births[] = {"19960229", "19960228", "19960301", "19991231", "20000101", "18960229"};
    for (size_t i = 0; i < sizeof births / sizeof *births; i++) {
        uint32_t born = 0, day;
        assert_int_equal(sscanf(births[i], "%u", &born), 1);
        unsigned age = 0;
        for (day = next_day(born); age < 103; day = next_day(day)) {
            age += is_birthday(day, born);
            if (age >= 1) assert_true(at_least(age, births[i], day));
            assert_false(at_least(age + 1, births[i], day));
        }
    }
}

TEST("an ID number has the age of its date")
{
    const char *number = "11010519491231002X"; /* 31 December 1949 */
    assert_false(holds(PREDICATE_AGE_AT_LEAST, 60, "resident_id", number, "", 20091230));
    assert_true(holds(PREDICATE_AGE_AT_LEAST, 60, "resident_id", number, "", 20091231));
    assert_true(holds(PREDICATE_AGE_UNDER, 60, "resident_id", number, "", 20091230));
    assert_false(holds(PREDICATE_AGE_UNDER, 60, "resident_id", number, "", 20091231));
}

TEST("who is not born yet, and what is no date, has no age: neither at least nor under")
{
    static const char *const poor[] = {"20270101", "", "1999123", "199912310", "1999123x", "00000000"};
    for (size_t i = 0; i < sizeof poor / sizeof *poor; i++) {
        assert_false(holds(PREDICATE_AGE_AT_LEAST, 1, "date", poor[i], "", 20261231));
        assert_false(holds(PREDICATE_AGE_UNDER, 150, "date", poor[i], "", 20261231));
    }
    assert_false(holds(PREDICATE_AGE_UNDER, 150, "resident_id", "1101051949123", "", 20261231));
}

TEST("two areas are the same as far as their digits are, level by level")
{
    static const unsigned levels[] = {2, 4, 6, 9, 12, 15};
    const char *here = "320411002003001";
    for (size_t i = 0; i < 15; i++) {
        char there[16];
        memcpy(there, here, sizeof there);
        there[i] = there[i] == '9' ? '8' : '9';
        for (size_t l = 0; l < 6; l++)
            assert_int_equal(holds(PREDICATE_SAME_AREA, levels[l], "grid", here, there, 0), i >= levels[l]);
    }
    for (size_t l = 0; l < 5; l++)
        assert_true(holds(PREDICATE_SAME_AREA, levels[l], "division", "320411002003", "320411002003", 0));
}

TEST("an area that is not known as far as is asked is the same as none")
{
    assert_true(holds(PREDICATE_SAME_AREA, 6, "division", "320411000000", "320411000000", 0));
    assert_false(holds(PREDICATE_SAME_AREA, 9, "division", "320411000000", "320411000000", 0));
    assert_false(holds(PREDICATE_SAME_AREA, 12, "division", "320411002000", "320411002000", 0));
    assert_true(holds(PREDICATE_SAME_AREA, 9, "division", "320411002000", "320411002000", 0));
    assert_false(holds(PREDICATE_SAME_AREA, 4, "division", "320000000000", "320000000000", 0));
    assert_false(holds(PREDICATE_SAME_AREA, 15, "grid", "320411002003", "320411002003", 0));
    assert_false(holds(PREDICATE_SAME_AREA, 9, "division", "320411002003", "", 0));
    assert_false(holds(PREDICATE_SAME_AREA, 0, "division", "320411002003", "320411002003", 0));
}

TEST("a value equals itself alone")
{
    const char *mobile = "13912345678";
    assert_true(holds(PREDICATE_EQUALS, 0, "mobile", mobile, mobile, 0));
    for (size_t i = 0; i < 11; i++) {
        char other[12];
        memcpy(other, mobile, sizeof other);
        other[i] = other[i] == '0' ? '1' : '0';
        assert_false(holds(PREDICATE_EQUALS, 0, "mobile", mobile, other, 0));
    }
    assert_false(holds(PREDICATE_EQUALS, 0, "mobile", mobile, "1391234567", 0));
    assert_false(holds(PREDICATE_EQUALS, 0, "mobile", mobile, "", 0));
    assert_false(holds(PREDICATE_EQUALS, 0, "mobile", "", "", 0));
}

static const char *misfit(predicate_kind kind, unsigned amount, const char *of)
{
    const predicate p = {.kind = kind, .amount = amount};
    return predicate_misfit(&p, format_find(of));
}

TEST("what cannot be asked of a format is said: ages of dates and ID numbers, areas of divisions and grids")
{
    for (const char *const *name = format_names(); *name; name++) {
        bool dated = strcmp(*name, "date") == 0 || strcmp(*name, "resident_id") == 0;
        bool placed = strcmp(*name, "division") == 0 || strcmp(*name, "grid") == 0;
        assert_int_equal(misfit(PREDICATE_AGE_AT_LEAST, 60, *name) == NULL, dated);
        assert_int_equal(misfit(PREDICATE_AGE_UNDER, 14, *name) == NULL, dated);
        assert_int_equal(misfit(PREDICATE_SAME_AREA, 9, *name) == NULL, placed);
        assert_null(misfit(PREDICATE_EQUALS, 0, *name));
        assert_non_null(misfit(PREDICATE_EQUALS, 1, *name));
    }
    for (unsigned amount = 0; amount < 200; amount++) {
        bool level = amount == 2 || amount == 4 || amount == 6 || amount == 9 || amount == 12;
        assert_int_equal(misfit(PREDICATE_AGE_AT_LEAST, amount, "date") == NULL, amount >= 1 && amount <= 150);
        assert_int_equal(misfit(PREDICATE_SAME_AREA, amount, "division") == NULL, level);
        assert_int_equal(misfit(PREDICATE_SAME_AREA, amount, "grid") == NULL, level || amount == 15);
    }
}

TEST("kinds have names, and each is found by its own")
{
    for (unsigned k = 0; k < PREDICATE_KINDS; k++) {
        predicate_kind found = PREDICATE_KINDS;
        assert_true(predicate_kind_named(&found, predicate_kind_name((predicate_kind)k)));
        assert_int_equal(found, k);
        const predicate p = {.kind = (predicate_kind)k};
        assert_int_equal(predicate_compares(&p), k == PREDICATE_SAME_AREA || k == PREDICATE_EQUALS);
    }
    predicate_kind none;
    assert_false(predicate_kind_named(&none, "AGE_UNDER"));
    assert_false(predicate_kind_named(&none, "age"));
    assert_false(predicate_kind_named(&none, ""));
}

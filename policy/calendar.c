/* Days of the week and periods of the calendar. Days are numbers like 20260131; their order is that of the numbers. */
#include "policy/internal.h"

enum { DAY_MINUTES = 24 * 60, WEEK_DAYS = 7, LAST_HOUR = 23 };

typedef struct day {
    unsigned year, month, day;
} day;

static day day_of(uint32_t date)
{
    return (day){.year = date / 10000, .month = date / 100 % 100, .day = date % 100};
}

static uint32_t date_of(day d)
{
    return d.year * 10000 + d.month * 100 + d.day;
}

static bool is_day(day d)
{
    return d.year >= 1 && d.year <= 9999 && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
           d.day <= month_length(d.year, d.month);
}

/* Days since the first of March of the year 0, as years that end with February have it: the day that a leap year adds
 * is then the last one. */
static unsigned day_number(day d)
{
    unsigned years = d.month > 2 ? d.year : d.year - 1, months = d.month > 2 ? d.month - 3 : d.month + 9;
    return years * 365 + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + d.day - 1;
}

/* 0: Monday. The first of March of the year 0 was a Wednesday. */
static unsigned weekday(day d)
{
    return (day_number(d) + 2) % WEEK_DAYS;
}

unsigned week_minute(uint32_t date, uint16_t minute)
{
    day d = day_of(date);
    return is_day(d) && minute < DAY_MINUTES ? weekday(d) * DAY_MINUTES + minute : WEEK_MINUTES;
}

static day day_before(day d)
{
    if (--d.day > 0) return d;
    if (--d.month == 0) d.month = 12, d.year--;
    d.day = month_length(d.year, d.month);
    return d;
}

static day day_after(day d)
{
    if (++d.day <= month_length(d.year, d.month)) return d;
    d.day = 1;
    if (++d.month > 12) d.month = 1, d.year++;
    return d;
}

uint32_t date_after(uint32_t date)
{
    day d = day_of(date);
    return is_day(d) ? date_of(day_after(d)) : date;
}

/* Of the week, from Monday to Sunday. */
static void widen_to_week(day *first, day *last)
{
    for (unsigned i = weekday(*first); i > 0; i--) *first = day_before(*first);
    for (unsigned i = weekday(*last); i < WEEK_DAYS - 1; i++) *last = day_after(*last);
}

policy_span policy_period_of(policy_period period, uint32_t date, uint16_t minute)
{
    day first = day_of(date), last = first;
    if (!is_day(first)) return (policy_span){.begun = date * 100, .last_day = date};
    if (period == PERIOD_WEEK) widen_to_week(&first, &last);
    if (period == PERIOD_YEAR) first.month = 1, last.month = 12;
    if (period == PERIOD_MONTH || period == PERIOD_YEAR) first.day = 1, last.day = month_length(last.year, last.month);
    uint32_t hour = minute < DAY_MINUTES ? minute / 60U : LAST_HOUR;
    if (period != PERIOD_HOUR) hour = 0;
    return (policy_span){.begun = date_of(first) * 100 + hour, .last_day = date_of(last)};
}

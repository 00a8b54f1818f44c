/* Days of the week and periods of the calendar. Days are numbers like 20260131; their order is that of the numbers. */
#include "policy/internal.h"

enum { DAY_MINUTES = 24 * 60, WEEK_DAYS = 7, LAST_HOUR = 23 };

/* 0: Monday. The first of March of the year 0 was a Wednesday. */
static uint32_t weekday(uint32_t date)
{
    return (calendar_day(date) + 2) % WEEK_DAYS;
}

unsigned week_minute(uint32_t date, uint16_t minute)
{
    return calendar_has(date) && minute < DAY_MINUTES ? weekday(date) * DAY_MINUTES + minute : WEEK_MINUTES;
}

uint32_t date_after(uint32_t date)
{
    return calendar_has(date) ? calendar_date(calendar_day(date) + 1) : date;
}

policy_span policy_period_of(policy_period period, uint32_t date, uint16_t minute)
{
    uint32_t first = date, last = date, month = date / 100, year = date / 10000;
    if (!calendar_has(date)) return (policy_span){.begun = date * 100, .last_day = date};
    if (period == PERIOD_WEEK) {
        uint32_t monday = calendar_day(date) - weekday(date);
        first = calendar_date(monday);
        last = calendar_date(monday + WEEK_DAYS - 1);
    }
    if (period == PERIOD_MONTH) first = month * 100 + 1, last = month * 100 + month_length(year, month % 100);
    if (period == PERIOD_YEAR) first = year * 10000 + 101, last = year * 10000 + 1231;
    uint32_t hour = minute < DAY_MINUTES ? minute / 60U : LAST_HOUR;
    if (period != PERIOD_HOUR) hour = 0;
    return (policy_span){.begun = first * 100 + hour, .last_day = last};
}

/* Years are taken to begin in March, so that the leap day is their last one and 400 years are one period of 146,097
 * days. */
#include "vault/base/calendar.h"

enum { PERIOD_YEARS = 400, PERIOD_DAYS = 146097, CENTURY_DAYS = 36524, FOUR_YEARS_DAYS = 1461, YEAR_DAYS = 365 };

unsigned month_length(unsigned year, unsigned month)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

bool calendar_has(uint32_t date)
{
    uint32_t year = date / 10000, month = date / 100 % 100, day = date % 100;
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= month_length(year, month);
}

/* Days of the months from March on before month `m` (0: March): 31 30 31 30 31 come again every five months. */
static uint32_t days_before(uint32_t m)
{
    return (153 * m + 2) / 5;
}

uint32_t calendar_day(uint32_t date)
{
    uint32_t year = date / 10000, month = date / 100 % 100, day = date % 100;
    uint32_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return y * YEAR_DAYS + y / 4 - y / 100 + y / PERIOD_YEARS + days_before(m) + day - 1;
}

uint32_t calendar_date(uint32_t day)
{
    uint32_t period = day / PERIOD_DAYS, of_period = day % PERIOD_DAYS;
    uint32_t year =
        (of_period - of_period / (FOUR_YEARS_DAYS - 1) + of_period / CENTURY_DAYS - of_period / (PERIOD_DAYS - 1)) /
        YEAR_DAYS;
    uint32_t of_year = of_period - (YEAR_DAYS * year + year / 4 - year / 100);
    uint32_t m = (5 * of_year + 2) / 153;
    uint32_t month = m < 10 ? m + 3 : m - 9;
    year += period * PERIOD_YEARS + (month <= 2);
    return year * 10000 + month * 100 + of_year - days_before(m) + 1;
}

#include "policy/internal.h"

#include <string.h>

static unsigned digits(const char *text, size_t len)
{
    unsigned value = 0;
    for (size_t i = 0; i < len; i++) value = value * 10 + (unsigned)(text[i] - '0');
    return value;
}

unsigned month_length(unsigned year, unsigned month)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

bool date_read(uint32_t *out, const char *text)
{
    *out = 0;
    if (strlen(text) != 10 || strspn(text, "0123456789-") != 10 || text[4] != '-' || text[7] != '-') return false;
    for (size_t i = 0; i < 10; i++) {
        if (i != 4 && i != 7 && text[i] == '-') return false;
    }
    unsigned year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
    if (year < 1900 || month < 1 || month > 12 || day < 1 || day > month_length(year, month)) return false;
    *out = year * 10000 + month * 100 + day;
    return true;
}

uint32_t date_months_later(uint32_t day, unsigned months)
{
    unsigned month = day / 10000 * 12 + day / 100 % 100 - 1 + months, of_month = day % 100;
    unsigned last = month_length(month / 12, month % 12 + 1);
    return month / 12 * 10000 + (month % 12 + 1) * 100 + (of_month < last ? of_month : last);
}

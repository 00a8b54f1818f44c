#include "policy/internal.h"

#include <string.h>

static unsigned digits(const char *text, size_t len)
{
    unsigned value = 0;
    for (size_t i = 0; i < len; i++) value = value * 10 + (unsigned)(text[i] - '0');
    return value;
}

bool date_read(uint32_t *out, const char *text)
{
    *out = 0;
    if (strlen(text) != 10 || strspn(text, "0123456789-") != 10 || text[4] != '-' || text[7] != '-') return false;
    for (size_t i = 0; i < 10; i++) {
        if (i != 4 && i != 7 && text[i] == '-') return false;
    }
    uint32_t date = digits(text, 4) * 10000 + digits(text + 5, 2) * 100 + digits(text + 8, 2);
    if (date < 19000101 || !calendar_has(date)) return false;
    *out = date;
    return true;
}

uint32_t date_months_later(uint32_t day, unsigned months)
{
    unsigned month = day / 10000 * 12 + day / 100 % 100 - 1 + months, of_month = day % 100;
    unsigned last = month_length(month / 12, month % 12 + 1);
    return month / 12 * 10000 + (month % 12 + 1) * 100 + (of_month < last ? of_month : last);
}

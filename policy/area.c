/* Areas as ranges of 15-digit codes: the 12 digits of the division, then 3 of the grid in it. */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

enum { AREA_PREFIX_MIN = 2 };

/* No province begins with 0; a prefix that did would cover "no area". */
bool area_range_read(area_range *out, const char *prefix)
{
    size_t len = strlen(prefix);
    *out = (area_range){0};
    if (len < AREA_PREFIX_MIN || len > AREA_DIGITS || prefix[0] == '0') return false;
    if (strspn(prefix, "0123456789") != len) return false;
    for (size_t i = 0; i < AREA_DIGITS; i++) {
        out->low = out->low * 10 + (i < len ? prefix[i] - '0' : 0);
        out->high = out->high * 10 + (i < len ? prefix[i] - '0' : 9);
    }
    return true;
}

static int compare_areas(const void *a, const void *b)
{
    const area_range *x = a, *y = b;
    if (x->low != y->low) return x->low < y->low ? -1 : 1;
    return (x->high > y->high) - (x->high < y->high);
}

bool area_ranges_sort(area_range *areas, size_t count)
{
    if (count > 0) qsort(areas, count, sizeof *areas, compare_areas);
    for (size_t i = 1; i < count; i++) {
        if (areas[i].low <= areas[i - 1].high) return false;
    }
    return true;
}

bool area_ranges_cover(const area_range *sorted, size_t count, area_code area)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle].high < area.code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && sorted[low].low <= area.code;
}

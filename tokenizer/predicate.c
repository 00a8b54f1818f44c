#include "tokenizer/predicate.h"

#include <string.h>

enum { AGE_MAX = 150, DATE_DIGITS = 8, ID_DATE_AT = 6, ID_DATE_END = ID_DATE_AT + DATE_DIGITS };
enum { DIVISION_LEN = 12, GRID_LEN = 15 };

static const char *const KINDS[PREDICATE_KINDS] = {"age_at_least", "age_under", "same_area", "equals"};

const char *predicate_kind_name(predicate_kind k)
{
    return KINDS[k];
}

bool predicate_kind_named(predicate_kind *out, const char *name)
{
    for (unsigned k = 0; k < PREDICATE_KINDS; k++) {
        if (strcmp(KINDS[k], name) == 0) return *out = (predicate_kind)k, true;
    }
    return false;
}

bool predicate_compares(const predicate *p)
{
    return p->kind == PREDICATE_SAME_AREA || p->kind == PREDICATE_EQUALS;
}

/* ---- what can be asked of what ---- */

static bool is_format(const format *f, const char *name)
{
    return strcmp(format_name(f), name) == 0;
}

/* Digits of a format of areas; 0: it is none. */
static unsigned area_digits(const format *f)
{
    return is_format(f, "division") ? DIVISION_LEN : is_format(f, "grid") ? GRID_LEN : 0;
}

static const char *age_misfit(const predicate *p, const format *f)
{
    if (!is_format(f, "date") && !is_format(f, "resident_id"))
        return "an age is asked of a field of the format date or resident_id";
    return p->amount < 1 || p->amount > AGE_MAX ? "the amount of an age is 1 to 150 full years" : NULL;
}

static const char *area_misfit(const predicate *p, const format *f)
{
    static const unsigned levels[] = {2, 4, 6, 9, 12, 15};
    if (area_digits(f) == 0) return "an area is asked of a field of the format division or grid";
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (p->amount == levels[i] && p->amount <= area_digits(f)) return NULL;
    }
    return "the amount of an area is 2, 4, 6, 9 or 12 digits, of a grid also 15";
}

const char *predicate_misfit(const predicate *p, const format *f)
{
    if (p->kind == PREDICATE_EQUALS) return p->amount ? "equals takes no amount: leave it out" : NULL;
    return p->kind == PREDICATE_SAME_AREA ? area_misfit(p, f) : age_misfit(p, f);
}

/* ---- answers ---- */

/* The date of a value as a number; 0: it has none. */
static uint32_t birth_date(const format *f, bytes value)
{
    size_t from = is_format(f, "resident_id") ? ID_DATE_AT : 0;
    uint32_t date = 0;
    if (from ? value.len < ID_DATE_END : value.len != DATE_DIGITS) return 0;
    for (size_t i = from; i < from + DATE_DIGITS; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') return 0;
        date = date * 10 + (uint32_t)(value.at[i] - '0');
    }
    return date;
}

/* Digit by digit the birthday has come when today's month and day are not before it: 0301 is the first such day after
 * 0229 in a common year. Nobody who is born after today has an age. */
static bool age_holds(const predicate *p, const format *f, bytes value, uint32_t today)
{
    enum { YEAR = 10000 };
    uint32_t born = birth_date(f, value);
    if (born == 0 || born > today) return false;
    uint32_t age = (today - born) / YEAR;
    return p->kind == PREDICATE_AGE_AT_LEAST ? age >= p->amount : age < p->amount;
}

/* Where the last part that is asked about is zeros, it is not known: two who are somewhere in a city are not in one
 * street. */
static bool area_known(bytes value, size_t digits)
{
    size_t part = digits > 6 ? 3 : 2;
    for (size_t i = digits - part; i < digits; i++) {
        if (value.at[i] != '0') return true;
    }
    return false;
}

static bool area_holds(const predicate *p, bytes value, bytes than)
{
    size_t digits = p->amount;
    if (digits < 2 || value.len < digits || than.len < digits || !area_known(value, digits)) return false;
    return bytes_equal_secret(bytes_of(value.at, digits), bytes_of(than.at, digits));
}

bool predicate_holds(const predicate *p, const format *f, bytes value, bytes than, uint32_t today)
{
    switch (p->kind) {
    case PREDICATE_AGE_AT_LEAST:
    case PREDICATE_AGE_UNDER:
        return age_holds(p, f, value, today);
    case PREDICATE_SAME_AREA:
        return area_holds(p, value, than);
    case PREDICATE_EQUALS:
        return value.len > 0 && bytes_equal_secret(value, than);
    default:
        return false;
    }
}

/* How many ID numbers fit what is shown of one, and beside it. Counted are birth dates of people who can be alive: born
 * from 1930 to 2025. Where the last four characters are shown, a date fits when it gives the check character: one in
 * eleven does; the least over all check characters counts. tests/unit/tokenizer/company_test.c counts all of it one by
 * one. */
#include "tokenizer/internal.h"
#include "tokenizer/mask.h"
#include "vault/base/memory.h"

#include <string.h>

enum { BIRTH_FIRST = 1930, BIRTH_LAST = 2025, BIRTH_DAYS = 35064, LEAST_DECADE_DAYS = 2192, YEAR_DAYS = 365 };
enum { LEAST_DATES = 3181, LEAST_DATES_OF_DECADE = 197, LEAST_DATES_OF_YEAR = 32 };
enum { SEQUENCES = 1000, SEQUENCES_OF_SEX = 500 };

/* What is known of the birth date from beside the ID number. */
typedef enum known_date { DATE_UNKNOWN, DATE_DECADE, DATE_YEAR, DATE_WHOLE } known_date;

static bool is(const mask *m, const char *name)
{
    return m && strcmp(mask_name(m), name) == 0;
}

static known_date date_known(const mask_company *c)
{
    if (c->plain_birth_date) return DATE_WHOLE;
    if (!c->birth_date || is(c->birth_date, "hidden")) return DATE_UNKNOWN;
    if (is(c->birth_date, "date_decade")) return DATE_DECADE;
    return is(c->birth_date, "date_year") ? DATE_YEAR : DATE_WHOLE;
}

/* ---- answers about the age ---- */

/* The answers of one day part the birth dates in bands; a band within what is shown of the date is what is left. The
 * days on which it may be asked: ten years, so that every threshold passes a year's and a decade's end. */
enum { ASKED_FIRST = 20260101, ASKED_LAST = 20351231, AGE_MAX = 150, CHECKS = 11 };

/* Days from 1930-01-01 to the last on which it is asked, in their order: how many before each give which check. */
typedef struct births {
    uint32_t first, days;
    uint16_t (*before)[CHECKS];
    known_date known;
    bool by_check;
} births;

/* The date's part of the sum that gives the check character. */
static unsigned check_of(uint32_t date)
{
    static const uint8_t weights[] = {5, 10, 9, 7, 3, 6, 1, 2}; /* from the last digit on */
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof weights; i++, date /= 10) sum += date % 10 * weights[i];
    return sum % CHECKS;
}

static void count_births(births *b)
{
    b->first = calendar_day(BIRTH_FIRST * 10000 + 101);
    b->days = calendar_day(ASKED_LAST) - b->first + 1;
    b->before = memory_array(b->days + 1, sizeof *b->before);
    for (uint32_t day = 0; day < b->days; day++) {
        memcpy(b->before[day + 1], b->before[day], sizeof *b->before);
        b->before[day + 1][check_of(calendar_date(b->first + day))]++;
    }
}

/* The least that is left of days from..to when one of them is somebody's. */
static uint32_t least_of(const births *b, uint32_t from, uint32_t to)
{
    uint32_t least = UINT32_MAX;
    if (!b->by_check) return to - from + 1;
    for (size_t i = 0; i < CHECKS; i++) {
        uint32_t count = (uint32_t)(b->before[to + 1][i] - b->before[from][i]);
        if (count > 0 && count < least) least = count;
    }
    return least;
}

/* The first and the last day that the shown part of the date leaves for a birth on `day`; `end`: the last of all. */
static void window_of(const births *b, uint32_t day, uint32_t end, uint32_t *from, uint32_t *to)
{
    *from = 0, *to = end;
    if (b->known == DATE_UNKNOWN) return;
    uint32_t year = calendar_date(b->first + day) / 10000, years = b->known == DATE_YEAR ? 1 : 10;
    uint32_t first_year = year - year % years, last_year = first_year + years - 1;
    if (last_year > BIRTH_LAST) last_year = BIRTH_LAST;
    *from = calendar_day(first_year * 10000 + 101) - b->first;
    *to = calendar_day(last_year * 10000 + 1231) - b->first;
}

/* The last day, counted from b->first, on which somebody was born who is `age` years old on `date`; negative: before
 * all. */
static int64_t last_of_age(const births *b, uint32_t date, uint32_t age)
{
    uint32_t then = date - age * 10000;
    uint32_t day = calendar_day(then);
    if (calendar_date(day) != then) day--; /* 29 February of a common year: up to the 28th */
    return (int64_t)day - (int64_t)b->first;
}

/* Both bands that part between `last` and the day after, within `from`..`to`. */
static uint32_t least_at(const births *b, uint32_t last, uint32_t from, uint32_t to, uint32_t end)
{
    uint32_t low, high;
    window_of(b, last, end, &low, &high);
    uint32_t older = least_of(b, low > from ? low : from, last);
    window_of(b, last + 1, end, &low, &high);
    uint32_t younger = least_of(b, last + 1, high < to ? high : to);
    return older < younger ? older : younger;
}

/* The least that the answers of one day leave. */
static uint32_t least_on(const births *b, const bool asked[AGE_MAX + 1], uint32_t date)
{
    uint32_t least = UINT32_MAX, from = 0, cuts[AGE_MAX + 2], count = 0;
    uint32_t end = (b->known == DATE_UNKNOWN ? calendar_day(date) : calendar_day(BIRTH_LAST * 10000 + 1231)) - b->first;
    for (uint32_t age = AGE_MAX; age > 0; age--) {
        int64_t last = asked[age] ? last_of_age(b, date, age) : -1;
        if (last >= 0 && last < end) cuts[count++] = (uint32_t)last;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t found = least_at(b, cuts[i], from, i + 1 < count ? cuts[i + 1] : end, end);
        if (found < least) least = found;
        from = cuts[i] + 1;
    }
    return least;
}

static uint32_t least_by_ages(const mask_company *c, known_date known)
{
    bool asked[AGE_MAX + 1] = {false};
    births b = {.known = known, .by_check = is(c->id_number, "id_ends")};
    uint32_t least = UINT32_MAX;
    for (size_t i = 0; i < c->age_count; i++) {
        if (c->age_thresholds[i] <= AGE_MAX) asked[c->age_thresholds[i]] = true;
    }
    count_births(&b);
    for (uint32_t day = calendar_day(ASKED_FIRST); day <= calendar_day(ASKED_LAST) && least > 1; day++) {
        uint32_t found = least_on(&b, asked, calendar_date(day));
        if (found < least) least = found;
    }
    memory_free(b.before, (b.days + 1) * sizeof *b.before);
    return least;
}

/* ---- together ---- */

static uint32_t least_dates(const mask_company *c, known_date known)
{
    static const uint32_t dates[] = {BIRTH_DAYS, LEAST_DECADE_DAYS, YEAR_DAYS, 1};
    static const uint32_t dates_of_ends[] = {LEAST_DATES, LEAST_DATES_OF_DECADE, LEAST_DATES_OF_YEAR, 1};
    uint32_t least = is(c->id_number, "id_ends") ? dates_of_ends[known] : dates[known];
    if (c->age_count == 0 || least == 1) return least;
    uint32_t by_ages = least_by_ages(c, known);
    return by_ages < least ? by_ages : least;
}

/* Both masks of ID numbers show the area's digits, so that no area beside them adds anything; id_ends shows the sex. */
uint64_t mask_strength_of_id(const mask_company *c)
{
    if (!c->id_number || is(c->id_number, "hidden")) return UINT64_MAX;
    bool sex = c->plain_sex || (c->sex && !is(c->sex, "hidden"));
    if (is(c->id_number, "id_ends")) return least_dates(c, date_known(c));
    if (!is(c->id_number, "id_area")) return 1; /* a mask that is not for ID numbers: nothing is promised */
    return (uint64_t)least_dates(c, date_known(c)) * (sex ? SEQUENCES_OF_SEX : SEQUENCES);
}

/* What is left to be guessed of an ID number beside what else is shown: every combination, counted one by one. */
#include "tests/unit/tokenizer/fixture.h"
#include "tokenizer/mask.h"

enum { FIRST_BIRTH = 1930, LAST_BIRTH = 2025, ASKED_FIRST = 20260101, ASKED_LAST = 20351231, CHECKS = 11 };
enum { DAYS_MAX = 38800, BANDS = 8, WINDOWS = 110, NEVER = 0 };

/* Birth dates from 1930 to the last day on which is asked, each with the check character that the format accepts. */
static struct {
    uint32_t date[DAYS_MAX];
    uint8_t check[DAYS_MAX];
    size_t all, alive; /* to 2025 */
} births;

static bool valid_date(uint32_t date)
{
    char text[16], out[16];
    vault_error err = {0};
    (void)snprintf(text, sizeof text, "%u", date);
    return normalise("date", bytes_of_text(text), out, sizeof out, &err) == VAULT_OK;
}

static uint8_t accepted_check(arena *mem, uint32_t date)
{
    for (uint8_t check = 0; check < CHECKS; check++) {
        char text[32];
        vault_error err = {0};
        bytes out;
        (void)snprintf(text, sizeof text, "320411%u123%c", date, "0123456789X"[check]);
        arena_reset(mem);
        if (format_normalise(format_find("resident_id"), mem, bytes_of_text(text), &out, &err) == VAULT_OK)
            return check;
    }
    fail_msg("no check character fits %u", date);
    return 0;
}

static void list_births(void)
{
    if (births.all > 0) return;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROOM);
    for (uint32_t date = FIRST_BIRTH * 10000 + 101; date <= ASKED_LAST; date++) {
        if (date % 100 == 32) date += 100 - 31;
        if (date / 100 % 100 == 13) date += 10000 - 1200;
        if (date > ASKED_LAST || !valid_date(date)) continue;
        births.date[births.all] = date;
        births.check[births.all++] = accepted_check(mem, date);
        births.alive += date / 10000 <= LAST_BIRTH;
    }
    assert_int_equal(births.alive, 35064);
    assert_int_equal(births.all, 35064 + 3652);
}

/* A hundred million dates: without the sanitizers. */
#define FAST __attribute__((no_sanitize("address", "undefined")))

/* ---- by force ---- */

typedef struct question {
    const char *date_mask; /* NULL: nothing is shown */
    bool plain;
    const unsigned *ages;
    size_t age_count;
} question;

/* Years that look alike: of all that the mask shows of a date. */
static unsigned years_alike(const question *q)
{
    if (q->date_mask && strcmp(q->date_mask, "date_year") == 0) return 1;
    return q->date_mask && strcmp(q->date_mask, "date_decade") == 0 ? 10 : 1000;
}

typedef struct least_counts {
    uint32_t dates, dates_by_check;
} least_counts;

static uint32_t counts[WINDOWS][BANDS][CHECKS];

/* Every birth date falls into one window, one band of ages and one check character. */
FAST static void count_on(const question *q, uint32_t today, size_t end)
{
    unsigned alike = years_alike(q);
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < end; i++) {
        unsigned band = 0;
        for (size_t a = 0; a < q->age_count; a++) band += births.date[i] + q->ages[a] * 10000 <= today;
        counts[(births.date[i] / 10000 - FIRST_BIRTH) / alike][band][births.check[i]]++;
    }
}

FAST static void take_least(least_counts *least, size_t windows)
{
    for (size_t w = 0; w < windows * BANDS; w++) {
        uint32_t sum = 0;
        const uint32_t *of_check = counts[w / BANDS][w % BANDS];
        for (size_t c = 0; c < CHECKS; c++) {
            sum += of_check[c];
            if (of_check[c] > 0 && of_check[c] < least->dates_by_check) least->dates_by_check = of_check[c];
        }
        if (sum > 0 && sum < least->dates) least->dates = sum;
    }
}

/* Without predicates the day does not matter. */
static least_counts by_force(const question *q)
{
    least_counts least = {UINT32_MAX, UINT32_MAX};
    bool whole = !q->date_mask || strcmp(q->date_mask, "hidden") == 0;
    if (q->plain) return (least_counts){1, 1};
    count_on(&(question){.date_mask = q->date_mask}, NEVER, births.alive);
    take_least(&least, whole ? 1 : WINDOWS);
    for (size_t d = births.alive; q->age_count > 0 && d < births.all && least.dates > 1; d++) {
        count_on(q, births.date[d], whole ? d + 1 : births.alive);
        take_least(&least, whole ? 1 : WINDOWS);
    }
    return least;
}

/* ---- as it is told ---- */

static mask_company company(const char *id_mask, const question *q)
{
    return (mask_company){.id_number = mask_find(id_mask),
                          .birth_date = q->date_mask ? mask_find(q->date_mask) : NULL,
                          .plain_birth_date = q->plain,
                          .age_thresholds = q->ages,
                          .age_count = q->age_count};
}

static void expect_counted(const question *q)
{
    list_births();
    const least_counts least = by_force(q);
    for (int i = 0; i < (q->age_count > 0 ? 3 : 3 * 3); i++) { /* sex: not, hidden, plain; the mask of the number */
        static const char *const ids[] = {"id_area", "id_ends", "hidden"};
        mask_company c = company(ids[i % 3], q);
        c.sex = i / 3 == 1 ? mask_find("hidden") : NULL;
        c.plain_sex = i / 3 == 2;
        uint64_t wanted = i % 3 == 0   ? least.dates * (c.plain_sex ? UINT64_C(500) : UINT64_C(1000))
                          : i % 3 == 1 ? least.dates_by_check
                                       : UINT64_MAX;
        assert_int_equal(mask_strength_of_id(&c), wanted);
    }
}

TEST("without predicates every mask of the date beside every mask of the number leaves what is counted")
{
    static const char *const dates[] = {NULL, "hidden", "date_decade", "date_year"};
    for (size_t i = 0; i < 4; i++) expect_counted(&(question){.date_mask = dates[i]});
    expect_counted(&(question){.plain = true});
    expect_counted(&(question){.plain = true, .date_mask = "date_year"});
    assert_int_equal(mask_strength_of_id(&(mask_company){.id_number = mask_find("id_ends")}), 3181);
    assert_int_equal(mask_strength(mask_find("id_ends"), format_find("resident_id")), 3181);
    assert_int_equal(mask_strength(mask_find("id_area"), format_find("resident_id")), 35064000);
}

TEST("the answers of one day about one age leave what is counted over all days")
{
    static const unsigned young[] = {14};
    expect_counted(&(question){.ages = young, .age_count = 1, .date_mask = "hidden"});
}

TEST("the answers about several ages leave the narrowest band, in any order and told twice")
{
    static const unsigned ages[] = {65, 96, 60, 65}, next[] = {80, 81};
    expect_counted(&(question){.ages = ages, .age_count = 4});
    const question q = {.ages = next, .age_count = 2};
    mask_company c = company("id_area", &q);
    assert_int_equal(mask_strength_of_id(&c), 365000);
}

TEST("beside the year or the decade an answer may leave one birth date")
{
    static const unsigned ages[] = {60};
    static const char *const dates[] = {"date_year", "date_decade"};
    for (size_t i = 0; i < 2; i++) {
        const question q = {.date_mask = dates[i], .ages = ages, .age_count = 1};
        expect_counted(&q);
        mask_company area = company("id_area", &q), ends = company("id_ends", &q);
        assert_int_equal(mask_strength_of_id(&area), 1000);
        assert_int_equal(mask_strength_of_id(&ends), 1);
    }
}

TEST("an age that nobody has or everybody has tells nothing")
{
    static const unsigned ages[] = {0, 130, 150, 151, 4000000000U};
    for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
        const question q = {.ages = &ages[i], .age_count = 1};
        mask_company c = company("id_ends", &q);
        assert_int_equal(mask_strength_of_id(&c), 3181);
    }
}

TEST("more beside an ID number never leaves more to be guessed")
{
    static const unsigned ages[] = {3, 14, 60, 80};
    static const char *const ids[] = {"id_area", "id_ends"}, *const dates[] = {"hidden", "date_decade", "date_year"};
    for (size_t i = 0; i < 2; i++) {
        uint64_t before = UINT64_MAX;
        for (size_t count = 0; count <= sizeof ages / sizeof *ages; count++) {
            const question q = {.ages = ages, .age_count = count};
            mask_company c = company(ids[i], &q);
            uint64_t left = mask_strength_of_id(&c);
            assert_true(left <= before);
            before = left;
        }
        for (size_t d = 0; d < 3; d++) {
            const question q = {.date_mask = dates[d]}, asked = {.date_mask = dates[d], .ages = ages, .age_count = 4};
            mask_company c = company(ids[i], &q), more = company(ids[i], &asked);
            assert_true(mask_strength_of_id(&more) <= mask_strength_of_id(&c));
        }
    }
}

TEST("a mask of dates that is not one leaves as little as the date in full, and a mask that is not for ID numbers one")
{
    mask_company c = {.id_number = mask_find("id_ends"), .birth_date = mask_find("text_first")};
    assert_int_equal(mask_strength_of_id(&c), 1);
    c = (mask_company){.id_number = mask_find("id_area"), .sex = mask_find("text_first")};
    assert_int_equal(mask_strength_of_id(&c), UINT64_C(35064) * 500);
    c = (mask_company){.id_number = mask_find("text_first")};
    assert_int_equal(mask_strength_of_id(&c), 1);
}

TEST("an ID number that is not shown at all adds nothing to what stands beside it")
{
    static const unsigned ages[] = {60};
    mask_company c = {.plain_birth_date = true, .plain_sex = true};
    assert_true(mask_strength_of_id(&c) == UINT64_MAX);
    c.id_number = mask_find("hidden"), c.age_thresholds = ages, c.age_count = 1;
    assert_true(mask_strength_of_id(&c) == UINT64_MAX);
}

#include "tests/generator/generator.h"
#include "tests/support/harness.h"
#include "vault/base/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PINNED UINT64_C(0xf28dfaccecee72c7) /* FNV-1a of the text of 20,000 residents */
enum { CROWD = 200000 };

static const generator *any(void)
{
    static generator *g; /* lives as long as the program */
    if (!g) g = generator_new(7);
    return g;
}

static bool has(const resident *r, unsigned field, const char *text)
{
    return strcmp(resident_text(r, field), text) == 0;
}

static bool digits_only(bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.at[i] < '0' || b.at[i] > '9') return false;
    return true;
}

static bool same_resident(const resident *a, const resident *b)
{
    size_t len = a->start[GENERATOR_FIELDS + 1];
    return memcmp(a->start + 1, b->start + 1, sizeof a->start - sizeof *a->start) == 0 &&
           memcmp(a->text, b->text, len) == 0;
}

/* Shares of a crowd, counted once. */
typedef struct shares {
    unsigned under_14, from_60, alone, disabled, elsewhere, male, han, former, phoneless, dotted, leap, heads;
    unsigned decades[11];
} shares;

static void count_one(shares *s, const resident *r)
{
    const char *care = resident_text(r, FIELD_CARE_CATEGORY);
    s->under_14 += r->age < 14;
    s->from_60 += r->age >= 60;
    s->alone += care[1] == '1' || care[1] == '3';
    s->disabled += care[1] == '2' || care[1] == '3';
    s->elsewhere += r->elsewhere;
    s->male += has(r, FIELD_SEX, "1");
    s->han += has(r, FIELD_ETHNICITY, "01");
    s->former += resident_value(r, FIELD_FORMER_NAME).len > 0;
    s->phoneless += resident_value(r, FIELD_PHONE).len == 0;
    s->dotted += strstr(resident_text(r, FIELD_NAME), "·") != NULL;
    s->leap += strcmp(resident_text(r, FIELD_BIRTH_DATE) + 4, "0229") == 0;
    s->heads += has(r, FIELD_RELATION_TO_HEAD, "02");
    s->decades[r->age / 10]++;
}

static const shares *crowd(void)
{
    static shares s;
    static bool counted;
    resident r;
    for (uint64_t i = 0; i < CROWD && !counted; i++) {
        generator_resident(any(), i, &r);
        count_one(&s, &r);
    }
    counted = true;
    return &s;
}

static void assert_share(unsigned count, double low, double high)
{
    double percent = 100.0 * count / CROWD;
    if (percent < low || percent > high) fail_msg("%.2f %% is not within %.2f and %.2f", percent, low, high);
}

TEST("the same seed and index give the same bytes, whatever was made before")
{
    generator *a = generator_new(42), *b = generator_new(42);
    resident one, two;
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t index = (i * 2654435761u) % GENERATOR_LIMIT;
        generator_resident(b, (i * 31) % GENERATOR_LIMIT, &two);
        generator_resident(a, index, &one);
        generator_resident(b, index, &two);
        assert_true(same_resident(&one, &two));
    }
    generator_free(&a);
    generator_free(&b);
    assert_null(a);
}

TEST("the bytes of seed 1 are pinned: a change to the generator is a change that one sees")
{
    generator *g = generator_new(1);
    resident r;
    uint64_t fnv = UINT64_C(14695981039346656037);
    for (uint64_t i = 0; i < 20000; i++) {
        generator_resident(g, i * 749, &r);
        for (size_t at = 0; at < r.start[GENERATOR_FIELDS + 1]; at++)
            fnv = (fnv ^ (uint8_t)r.text[at]) * 1099511628211u;
    }
    generator_free(&g);
    assert_int_equal(fnv, PINNED);
}

TEST("another seed gives other people")
{
    generator *a = generator_new(1), *b = generator_new(2);
    resident one, two;
    unsigned same_id = 0, same_name = 0;
    for (uint64_t i = 0; i < 5000; i++) {
        generator_resident(a, i, &one);
        generator_resident(b, i, &two);
        same_id += has(&one, FIELD_ID_NUMBER, resident_text(&two, FIELD_ID_NUMBER));
        same_name += has(&one, FIELD_NAME, resident_text(&two, FIELD_NAME));
    }
    assert_int_equal(same_id, 0);
    assert_true(same_name < 100);
    generator_free(&a);
    generator_free(&b);
}

static bool real_date(const char *yyyymmdd)
{
    static const unsigned lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day;
    if (sscanf(yyyymmdd, "%4u%2u%2u", &year, &month, &day) != 3 || month < 1 || month > 12 || day < 1) return false;
    bool leaps = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= lengths[month - 1] && (month != 2 || day < 29 || leaps);
}

TEST("the published examples of check characters")
{
    assert_int_equal(id_check("11010519491231002"), 'X');
    assert_int_equal(id_check("44052418800101001"), '4');
    assert_int_not_equal(id_check("11010519491231002"), '1');
}

TEST("every ID number agrees with its check character, birth date and sex")
{
    resident r;
    for (uint64_t i = 0; i < CROWD; i++) {
        generator_resident(any(), i * 74, &r);
        bytes id = resident_value(&r, FIELD_ID_NUMBER);
        const char *text = (const char *)id.at;
        assert_int_equal(id.len, 18);
        assert_true(digits_only(bytes_of(id.at, 17)));
        assert_int_equal(text[17], id_check(text));
        assert_memory_equal(text + 6, resident_text(&r, FIELD_BIRTH_DATE), 8);
        assert_true(real_date(resident_text(&r, FIELD_BIRTH_DATE)));
        assert_int_equal((text[16] - '0') % 2 == 1, has(&r, FIELD_SEX, "1"));
        assert_memory_not_equal(text + 14, "000", 3);
        assert_int_equal(r.age, 2025 - strtol(r.text + r.start[FIELD_BIRTH_DATE], NULL, 10) / 10000);
    }
}

TEST("the area code of every ID number is one that was never assigned, in a city that exists")
{
    resident r;
    for (uint64_t i = 0; i < CROWD; i++) {
        generator_resident(any(), i, &r);
        const char *id = resident_text(&r, FIELD_ID_NUMBER);
        int county = (id[4] - '0') * 10 + id[5] - '0';
        bool known = strncmp(id, "3204", 4) == 0;
        for (size_t o = 0; o < generator_origins(any()) && !known; o++)
            known = memcmp(id, generator_origin(any(), o)->code.at, 4) == 0;
        assert_true(known);
        assert_true((county >= 51 && county <= 80) || (county >= 84 && county <= 99));
    }
}

static bool place_known(const char *code)
{
    for (size_t p = 0; p < generator_places(any()); p++)
        if (memcmp(generator_place(any(), p)->code.at, code, 12) == 0) return true;
    return false;
}

static bool origin_known(const char *code)
{
    for (size_t o = 0; o < generator_origins(any()); o++)
        if (memcmp(generator_origin(any(), o)->code.at, code, 12) == 0) return true;
    return false;
}

TEST("every division code is in the data files, and everybody lives in the district")
{
    resident r;
    for (uint64_t i = 0; i < 50000; i++) {
        generator_resident(any(), i, &r);
        const char *lives = resident_text(&r, FIELD_RESIDENCE_AREA),
                   *registered = resident_text(&r, FIELD_REGISTERED_AREA);
        assert_int_equal(strlen(lives), 12);
        assert_int_equal(strlen(registered), 12);
        assert_true(place_known(lives));
        assert_true(place_known(registered) || origin_known(registered));
        assert_int_equal(resident_value(&r, FIELD_NATIVE_PLACE).len, 6);
    }
}

TEST("the district has its ten streets and towns and 147 communities and villages, in order")
{
    assert_int_equal(generator_places(any()), 147);
    unsigned streets = 0, kinds[3] = {0};
    for (size_t p = 0; p < generator_places(any()); p++) {
        const place *at = generator_place(any(), p), *before = p ? generator_place(any(), p - 1) : NULL;
        assert_int_equal(at->code.len, 12);
        assert_memory_equal(at->code.at, "320411", 6);
        assert_true(!before || memcmp(before->code.at, at->code.at, 12) < 0);
        streets += !before || !bytes_same(before->street, at->street);
        kinds[at->kind]++;
    }
    assert_int_equal(streets, 10);
    assert_int_equal(kinds[PLACE_COMMUNITY], 83);
    assert_int_equal(kinds[PLACE_VILLAGE], 57);
}

static int by_number(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;
    return (one > two) - (one < two);
}

/* Two million in a row and a million spread up to the limit: no ID number twice, no own mobile twice. */
TEST("three million residents have three million ID numbers")
{
    enum { NEAR = 2000000, FAR = 1000000, ALL = NEAR + FAR };
    uint64_t *seen = memory_array(ALL, sizeof *seen);
    resident r;
    for (uint64_t i = 0; i < ALL; i++) {
        generator_resident(any(), i < NEAR ? i : NEAR + (i - NEAR) * 13, &r);
        seen[i] =
            strtoull(resident_text(&r, FIELD_ID_NUMBER), NULL, 10); /* 17 digits; an X ends it: below makes up for it */
        if (resident_text(&r, FIELD_ID_NUMBER)[17] != 'X') seen[i] /= 10;
    }
    qsort(seen, ALL, sizeof *seen, by_number);
    for (size_t i = 1; i < ALL; i++) assert_true(seen[i - 1] < seen[i]);
    memory_free(seen, ALL * sizeof *seen);
}

TEST("mobiles of grown people are eleven digits, in unallotted segments, and their own")
{
    enum { PEOPLE = 500000 };
    uint64_t *seen = memory_array(PEOPLE, sizeof *seen);
    size_t count = 0;
    resident r;
    for (uint64_t i = 0; i < PEOPLE; i++) {
        generator_resident(any(), i, &r);
        bytes phone = resident_value(&r, FIELD_PHONE);
        if (phone.len == 0) continue;
        assert_int_equal(phone.len, 11);
        assert_true(digits_only(phone));
        assert_non_null(strstr("160 161 163 164 168 169 194",
                               (char[]){(char)phone.at[0], (char)phone.at[1], (char)phone.at[2], 0}));
        if (r.age >= 12) seen[count++] = strtoull((const char *)phone.at, NULL, 10);
    }
    qsort(seen, count, sizeof *seen, by_number);
    for (size_t i = 1; i < count; i++) assert_true(seen[i - 1] < seen[i]);
    memory_free(seen, PEOPLE * sizeof *seen);
}

TEST("ages have the shape of a population")
{
    const shares *s = crowd();
    assert_share(s->under_14, 13, 15.5);
    assert_share(s->from_60, 18, 22);
    for (size_t decade = 0; decade < 7; decade++) assert_share(s->decades[decade], 7, 21);
    assert_share(s->decades[7], 4, 8);
    assert_share(s->decades[8], 0.8, 3);
    assert_share(s->decades[9] + s->decades[10], 0.03, 0.8);
    assert_share(s->male, 47, 54);
}

TEST("old people live alone, some residents are disabled, a quarter come from elsewhere")
{
    const shares *s = crowd();
    assert_share(s->alone, 3.0, 3.0);
    assert_share(s->disabled, 2, 4);
    assert_share(s->elsewhere, 21, 29);
    assert_share(s->heads, 41.8, 41.8);
}

TEST("rare things are there: former names, missing mobiles, names with a dot, birthdays on 29 February, other peoples")
{
    const shares *s = crowd();
    assert_share(s->former, 2, 4);
    assert_share(s->phoneless, 0.3, 1.2);
    assert_share(s->dotted, 0.05, 0.8);
    assert_share(s->leap, 0.01, 0.08);
    assert_share(s->han, 93, 98);
    bool seen[100] = {0};
    unsigned peoples = 0;
    resident r;
    for (uint64_t i = 0; i < 1000000; i++) {
        generator_resident(any(), i, &r);
        const char *code = resident_text(&r, FIELD_ETHNICITY);
        seen[(code[0] - '0') * 10 + code[1] - '0'] = true;
    }
    for (size_t i = 0; i < 100; i++) peoples += seen[i];
    assert_int_equal(peoples, 57);
    assert_true(seen[97] && !seen[0] && !seen[57]);
}

static void assert_plain_utf8(bytes b)
{
    for (size_t i = 0; i < b.len;) {
        uint8_t c = b.at[i];
        size_t more = c < 0x80 ? 0 : c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        assert_true(c >= 0x20 && c != '"' && c != ',' && c != '\\' && c != 0x7F && (c < 0x80 || c >= 0xC2) && c < 0xF5);
        for (size_t k = 1; k <= more; k++) assert_int_equal(b.at[i + k] & 0xC0, 0x80);
        i += more + 1;
    }
}

static size_t characters(bytes b)
{
    size_t count = 0;
    for (size_t i = 0; i < b.len; i++) count += (b.at[i] & 0xC0) != 0x80;
    return count;
}

TEST("values are plain UTF-8 within the lengths of GB/T 31000")
{
    static const unsigned limits[GENERATOR_FIELDS + 1] = {0, 18, 50,  50, 1,  8,  2,  6,  2,  2, 2, 2,
                                                          5, 50, 100, 11, 12, 80, 12, 80, 10, 2, 2};
    resident r;
    for (uint64_t i = 0; i < CROWD; i++) {
        generator_resident(any(), i, &r);
        for (unsigned f = 1; f <= GENERATOR_FIELDS; f++) {
            bytes value = resident_value(&r, f);
            assert_plain_utf8(value);
            assert_int_equal(value.len, strlen(resident_text(&r, f)));
            assert_true(characters(value) <= limits[f]);
            bool may_be_empty = f == FIELD_FORMER_NAME || f == FIELD_WORKPLACE || f == FIELD_PHONE;
            assert_true(value.len > 0 || may_be_empty);
        }
    }
}

/* A household's members stand side by side: its number never comes back. */
TEST("households make sense: one head, spouses of different sex, parents older than their children, one address")
{
    resident head, r;
    unsigned spouses = 0;
    memset(&head, 0, sizeof head);
    for (uint64_t i = 0; i < CROWD; i++) {
        generator_resident(any(), i, &r);
        const char *relation = resident_text(&r, FIELD_RELATION_TO_HEAD);
        if (strcmp(relation, "02") == 0) {
            assert_true(i == 0 || !has(&r, FIELD_HOUSEHOLD_NUMBER, resident_text(&head, FIELD_HOUSEHOLD_NUMBER)));
            head = r;
            spouses = 0;
            assert_true(r.age >= 20);
            continue;
        }
        assert_true(has(&r, FIELD_HOUSEHOLD_NUMBER, resident_text(&head, FIELD_HOUSEHOLD_NUMBER)));
        assert_true(has(&r, FIELD_RESIDENCE_ADDRESS, resident_text(&head, FIELD_RESIDENCE_ADDRESS)));
        assert_true(has(&r, FIELD_RESIDENCE_AREA, resident_text(&head, FIELD_RESIDENCE_AREA)));
        spouses += relation[0] == '1';
        assert_true(spouses <= 1);
        if (relation[0] == '1') assert_false(has(&r, FIELD_SEX, resident_text(&head, FIELD_SEX)));
        if (relation[0] == '1') assert_int_equal(resident_text(&r, FIELD_MARITAL_STATUS)[0], '2');
        if (relation[0] == '2' || relation[0] == '3') assert_true(r.age + 16 <= head.age);
        if (relation[0] == '5') assert_true(r.age >= head.age + 15);
        if (r.age < 20) assert_true(has(&r, FIELD_MARITAL_STATUS, "10"));
        if (r.age < 12) assert_true(has(&r, FIELD_PHONE, resident_text(&head, FIELD_PHONE)));
    }
}

TEST("three in four children bear the surname of their head")
{
    resident head, r;
    unsigned children = 0, same = 0;
    memset(&head, 0, sizeof head);
    for (uint64_t i = 0; i < 50000; i++) {
        generator_resident(any(), i, &r);
        if (has(&r, FIELD_RELATION_TO_HEAD, "02")) head = r;
        if (!has(&r, FIELD_RELATION_TO_HEAD, "20") && !has(&r, FIELD_RELATION_TO_HEAD, "30")) continue;
        children++;
        same += strncmp(resident_text(&r, FIELD_NAME), resident_text(&head, FIELD_NAME), 3) == 0;
    }
    assert_true(same * 100 > children * 65);
}

typedef struct share_of_work {
    uint64_t from;
    uint64_t sum;
} share_of_work;

static void *work(void *at)
{
    share_of_work *mine = at;
    resident r;
    for (uint64_t i = mine->from; i < mine->from + 20000; i++) {
        generator_resident(any(), i, &r);
        for (size_t k = 0; k < r.start[GENERATOR_FIELDS + 1]; k++) mine->sum = mine->sum * 31 + (uint8_t)r.text[k];
    }
    return NULL;
}

TEST("threads share one generator")
{
    share_of_work alone = {.from = 9000000}, shared[4];
    pthread_t threads[4];
    work(&alone);
    for (size_t i = 0; i < 4; i++) shared[i] = (share_of_work){.from = 9000000};
    for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, &shared[i]), 0);
    for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 4; i++) assert_int_equal(shared[i].sum, alone.sum);
}

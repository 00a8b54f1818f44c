/* Format-preserving tokens: valid values again, and back. python3-stdnum reads them in
 * tests/integration/preserve_test.py; here its rules are the table and the calendar. */
#include "tests/unit/tokenizer/fixture.h"
#include "tokenizer/codes.h"
#include "tokenizer/internal.h"
#include "tokenizer/preserve.h"

static block_cipher *keyed(uint8_t fill)
{
    vault_error err = {0};
    block_cipher *key = NULL;
    uint8_t raw[KEY_LEN];
    memset(raw, fill, sizeof raw);
    expect_ok(block_new(&key, SUITE_INTL, bytes_of(raw, sizeof raw), &err), &err);
    return key;
}

static preserve of(block_cipher *key, const char *name)
{
    return (preserve){.key = key, .format = format_find(name), .tweak = bytes_of_text("id_number")};
}

static uint32_t draw(void)
{
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static bool listed(const char *id)
{
    uint32_t area = 0;
    for (int i = 0; i < 6; i++) area = area * 10 + (uint32_t)(id[i] - '0');
    for (size_t i = 0; i < PRESERVE_AREAS; i++) {
        if (preserve_areas[i] == area) return true;
    }
    return false;
}

static void make_id(char out[32], uint32_t area, uint32_t day)
{
    (void)snprintf(out, 32, "%06u%08u%03u", area, calendar_date(calendar_day(18500101) + day), draw() % 1000);
    out[17] = code_id_check(out);
    out[18] = '\0';
}

static void goes_and_comes(const preserve *p, const char *value, char sealed[PRESERVE_TEXT_MAX + 1])
{
    vault_error err = {0};
    char opened[PRESERVE_TEXT_MAX + 1];
    expect_ok(preserve_seal(sealed, p, bytes_of_text(value), &err), &err);
    stays(format_name(p->format), sealed);
    expect_ok(preserve_open(opened, p, bytes_of_text(sealed), &err), &err);
    assert_string_equal(opened, value);
}

static void not_preservable(const preserve *p, bytes value)
{
    vault_error err = {0};
    char out[PRESERVE_TEXT_MAX + 1] = "x";
    assert_int_equal(preserve_seal(out, p, value, &err), VAULT_INVALID);
    assert_string_equal(err.reason, "NOT_PRESERVABLE");
    assert_string_equal(out, "");
    assert_null(strstr(err.detail, "1101"));
    err = (vault_error){0};
    assert_int_equal(preserve_open(out, p, value, &err), VAULT_INVALID);
    assert_string_equal(err.reason, "NOT_PRESERVABLE");
}

/* ---- ID numbers ---- */

TEST("an ID number of a listed area becomes one of a listed area, valid, and comes back")
{
    VAULT_CLEANUP(block_free) block_cipher *key = keyed(7);
    const preserve p = of(key, "resident_id");
    char id[32], sealed[PRESERVE_TEXT_MAX + 1];
    size_t same_area = 0, same_year = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        make_id(id, preserve_areas[draw() % PRESERVE_AREAS], draw() % 91676);
        goes_and_comes(&p, id, sealed);
        assert_true(listed(sealed));
        same_area += strncmp(id, sealed, 6) == 0;
        same_year += strncmp(id + 6, sealed + 6, 4) == 0;
    }
    assert_in_range(same_area, 0, 8); /* one is expected; of the years twelve */
    assert_in_range(same_year, 1, 35);
}

TEST("the first and the last number of the range, and every area's, go and come back")
{
    VAULT_CLEANUP(block_free) block_cipher *key = keyed(7);
    const preserve p = of(key, "resident_id");
    char id[32], sealed[PRESERVE_TEXT_MAX + 1];
    static const char *const ends[] = {"110101185001010000", "659004210012319990", "440524188001010014",
                                       "11010519491231002X", "110105200002290002"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        memcpy(id, ends[i], 19);
        id[17] = code_id_check(id);
        goes_and_comes(&p, id, sealed);
    }
    for (uint32_t i = 0; i < PRESERVE_AREAS; i++) {
        make_id(id, preserve_areas[i], i * 27);
        goes_and_comes(&p, id, sealed);
    }
}

TEST("numbers whose area is in no list stay among themselves, foreigners' and fictitious ones too")
{
    VAULT_CLEANUP(block_free) block_cipher *key = keyed(7);
    const preserve p = of(key, "resident_id");
    static const uint32_t areas[] = {440524, 320451, 320499, 710000, 810000, 830000,
                                     839999, 900000, 911156, 999999, 659005};
    char id[32], sealed[PRESERVE_TEXT_MAX + 1];
    for (uint32_t i = 0; i < 1100; i++) {
        make_id(id, areas[i % 11], draw() % 91676);
        assert_false(listed(id));
        goes_and_comes(&p, id, sealed);
        assert_false(listed(sealed));
    }
}

TEST("the areas that a format takes are those that have a place, and no other")
{
    VAULT_CLEANUP(block_free) block_cipher *key = keyed(7);
    const preserve p = of(key, "resident_id");
    for (uint32_t area = 0; area < 1000000; area += 1237) {
        vault_error err = {0};
        char id[32], out[32];
        make_id(id, area, 40000);
        bool valid = normalise("resident_id", bytes_of_text(id), out, sizeof out, &err) == VAULT_OK;
        char sealed[PRESERVE_TEXT_MAX + 1];
        if (valid)
            goes_and_comes(&p, id, sealed);
        else
            not_preservable(&p, bytes_of_text(id));
    }
}

TEST("the table of areas rises, is of areas that the format takes, and has those of the district")
{
    for (size_t i = 0; i < PRESERVE_AREAS; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", preserve_areas[i]);
        stays("county", text);
        assert_true(i == 0 || preserve_areas[i - 1] < preserve_areas[i]);
    }
    assert_true(listed("320411") && listed("110101") && !listed("320451") && !listed("440524"));
    assert_int_equal(preserve_domain(format_find("resident_id")), UINT64_C(3377) * 91676 * 1000);
}

TEST("what is no ID number in its canonical form is not preservable")
{
    VAULT_CLEANUP(block_free) block_cipher *key = keyed(7);
    const preserve p = of(key, "resident_id");
    static const char *const bad[] = {"",
                                      "110105194912310021",
                                      "11010519491231002x",
                                      "110105194902300021",
                                      "11010519491231002",
                                      "11010519491231002X ",
                                      "110105491231002",
                                      "1101O519491231002X",
                                      "１１０１０５１９４９",
                                      "110105184912310023",
                                      "11010521010101002X",
                                      "110105000000000027",
                                      "110105999999990025"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%s", bad[i]);
        if (i >= 9) text[17] = code_id_check(text);
        not_preservable(&p, bytes_of_text(text));
    }
    not_preservable(&p, bytes_of("11010519491231\0002X", 18));
    not_preservable(&p, bytes_of(NULL, 0));
}

/* ---- mobile numbers ---- */

TEST("a mobile number keeps its first three digits, becomes another one, and comes back")
{
    VAULT_CLEANUP(block_free) block_cipher *key = keyed(7);
    const preserve p = of(key, "mobile");
    char value[16], sealed[PRESERVE_TEXT_MAX + 1];
    for (uint32_t i = 0; i < 2000; i++) {
        (void)snprintf(value, sizeof value, "%u%08u", 130 + draw() % 70, draw() % 100000000);
        goes_and_comes(&p, value, sealed);
        assert_memory_equal(value, sealed, 3);
        assert_string_not_equal(value, sealed);
    }
    assert_int_equal(preserve_domain(format_find("mobile")), 100000000);
}

TEST("equal last eight digits behind other first ones, or in another field, do not show")
{
    VAULT_CLEANUP(block_free) block_cipher *key = keyed(7);
    const preserve p = of(key, "mobile"), other = {.key = key, .format = p.format, .tweak = bytes_of_text("phone")};
    char a[PRESERVE_TEXT_MAX + 1], b[PRESERVE_TEXT_MAX + 1];
    goes_and_comes(&p, "13800000012", a);
    goes_and_comes(&p, "13900000012", b);
    assert_string_not_equal(a + 3, b + 3);
    goes_and_comes(&other, "13800000012", b);
    assert_string_not_equal(a, b);
    const preserve bare = {.key = key, .format = p.format};
    goes_and_comes(&bare, "13800000012", b);
    assert_string_not_equal(a, b);
}

TEST("what is no mobile number in its canonical form is not preservable, and most formats have no tokens at all")
{
    VAULT_CLEANUP(block_free) block_cipher *key = keyed(7);
    const preserve p = of(key, "mobile");
    static const char *const bad[] = {
        "", "12800000012", "1380000001", "138000000120", "1380000001a", "23800000012", "+8613800000012"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) not_preservable(&p, bytes_of_text(bad[i]));
    for (const char *const *name = format_names(); *name; name++) {
        bool has = strcmp(*name, "mobile") == 0 || strcmp(*name, "resident_id") == 0;
        assert_int_equal(preserve_domain(format_find(*name)) >= PRESERVE_LEAST, has);
        const preserve none = of(key, *name);
        if (!has) not_preservable(&none, bytes_of_text("13800000012"));
        if (!has) assert_int_equal(preserve_domain(format_find(*name)), 0);
    }
}

TEST("another key gives another token, and opens a token to another value")
{
    VAULT_CLEANUP(block_free) block_cipher *one = keyed(1), *two = keyed(2);
    const preserve p = of(one, "resident_id"), q = of(two, "resident_id");
    vault_error err = {0};
    char a[PRESERVE_TEXT_MAX + 1], b[PRESERVE_TEXT_MAX + 1], opened[PRESERVE_TEXT_MAX + 1];
    goes_and_comes(&p, "11010519491231002X", a);
    goes_and_comes(&q, "11010519491231002X", b);
    assert_string_not_equal(a, b);
    expect_ok(preserve_open(opened, &q, bytes_of_text(a), &err), &err);
    assert_string_not_equal(opened, "11010519491231002X");
    stays("resident_id", opened);
}

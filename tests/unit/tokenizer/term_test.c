/* What is kept of a value, what a question looks for, and that the two meet when they should and not otherwise. */
#include "tests/unit/tokenizer/fixture.h"
#include "tokenizer/term.h"

#include <stdlib.h>

enum { STREET_A = 320411002, STREET_B = 320411003 };

static prf *key_of(uint8_t fill)
{
    uint8_t key[KEY_LEN];
    vault_error err = {0};
    prf *out = NULL;
    memset(key, fill, sizeof key);
    expect_ok(prf_new(&out, SUITE_INTL, bytes_of(key, sizeof key), &err), &err);
    return out;
}

static arena *mem;
static prf *key;

static void set_up(void)
{
    if (!mem) mem = arena_new(8 << 20);
    if (!key) key = key_of(7);
    arena_reset(mem);
}

static term_list kept_in(int64_t street, index_kind kind, const char *name, const char *value)
{
    const term_place place = {.kind = kind, .format = format_find(name), .street = street};
    vault_error err = {0};
    term_list out;
    set_up();
    expect_ok(terms_of_value(&out, mem, key, &place, bytes_of_text(value), &err), &err);
    return out;
}

static term_list kept(index_kind kind, const char *name, const char *value)
{
    return kept_in(STREET_A, kind, name, value);
}

static const int64_t streets[] = {STREET_A, STREET_B};

static term_ask ask_of(index_kind kind, const char *name)
{
    return (term_ask){.key = key, .kind = kind, .format = format_find(name), .streets = streets, .street_count = 1};
}

static vault_code question(term_question *out, index_kind kind, const char *name, const char *text, vault_error *err)
{
    bytes value = bytes_of_text(text);
    term_ask ask = ask_of(kind, name);
    ask.values = &value;
    ask.value_count = 1;
    return terms_of_question(out, mem, &ask, err);
}

static bool has(term_list in, int64_t term)
{
    for (size_t i = 0; i < in.count; i++)
        if (in.at[i] == term) return true;
    return false;
}

static bool meets(const term_question *q, term_list record)
{
    for (size_t i = 0; i < q->count; i++) {
        bool met = false;
        for (size_t j = 0; j < q->lists[i].count && !met; j++) met = has(record, q->lists[i].at[j]);
        if (!met) return false;
    }
    return true;
}

static bool finds(index_kind kind, const char *name, const char *asked, const char *value)
{
    vault_error err = {0};
    term_question q;
    term_list record = kept(kind, name, value);
    expect_ok(question(&q, kind, name, asked, &err), &err);
    return meets(&q, record);
}

static bool band_finds(const char *name, const char *low, const char *high, const char *value)
{
    vault_error err = {0};
    term_question q;
    term_list record = kept(INDEX_BAND, name, value);
    term_ask ask = ask_of(INDEX_BAND, name);
    ask.low = bytes_of_text(low);
    ask.high = bytes_of_text(high);
    expect_ok(terms_of_question(&q, mem, &ask, &err), &err);
    return meets(&q, record);
}

static void refused_question(index_kind kind, const char *name, const char *text, const char *reason)
{
    vault_error err = {0};
    term_question q;
    set_up();
    assert_int_equal(question(&q, kind, name, text, &err), VAULT_INVALID);
    assert_string_equal(err.reason, reason);
    assert_true(strlen(text) < 4 || !strstr(err.detail, text));
}

/* ---- which kind fits which format ---- */

TEST("a kind is refused where it does not fit, and the text says what to take instead")
{
    static const struct {
        const char *name, *kinds;
    } fits[] = {
        {"resident_id", "equality suffix"},
        {"person_name", "equality ngram"},
        {"sex", "code"},
        {"date", "band"},
        {"ethnicity", "code"},
        {"county", "code"},
        {"division", "code"},
        {"marital_status", "code"},
        {"political_status", "code"},
        {"education", "code"},
        {"religion", "code"},
        {"occupation_type", "code"},
        {"mobile", "equality suffix"},
        {"relation", "code"},
        {"care_category", "code"},
        {"text50", "equality ngram"},
        {"text100", "equality ngram"},
        {"text200", "equality ngram"},
        {"text1024", "equality"},
        {"code30", "equality suffix"},
        {"grid", "code"},
        {"credit_code", "equality suffix"},
        {"phone", "equality suffix"},
        {"document", "equality suffix"},
        {"nationality", "code"},
        {"flag", "code"},
        {"amount", "band"},
        {"square_metres", "band"},
        {"count", "band"},
        {"code2", "code"},
    };
    size_t formats = 0;
    while (format_names()[formats]) formats++;
    assert_int_equal(formats, sizeof fits / sizeof *fits);
    for (size_t i = 0; i < formats; i++) {
        for (index_kind k = 0; k < INDEX_KINDS; k++) {
            const char *misfit = index_misfit(k, format_find(fits[i].name));
            bool wanted = strstr(fits[i].kinds, index_kind_name(k)) != NULL;
            if (wanted != (misfit == NULL)) fail_msg("%s of %s: %s", index_kind_name(k), fits[i].name, misfit);
            if (misfit) assert_non_null(strstr(misfit, "take"));
        }
    }
    assert_non_null(index_misfit(INDEX_KINDS, format_find("sex")));
}

TEST("kinds have names, and other names are no kinds")
{
    index_kind k;
    for (index_kind i = 0; i < INDEX_KINDS; i++) {
        assert_true(index_kind_named(&k, index_kind_name(i)));
        assert_int_equal(k, i);
    }
    assert_false(index_kind_named(&k, "Equality"));
    assert_false(index_kind_named(&k, ""));
    assert_string_equal(index_kind_name(INDEX_KINDS), "");
}

/* ---- what a term depends on ---- */

TEST("a term is another one under another key, kind, value or street")
{
    int64_t one = kept(INDEX_CODE, "care_category", "01").at[0];
    assert_int_equal(kept(INDEX_CODE, "care_category", "01").at[0], one);
    assert_int_not_equal(kept(INDEX_CODE, "care_category", "02").at[0], one);
    assert_int_not_equal(kept(INDEX_EQUALITY, "care_category", "01").at[0], one);
    assert_int_not_equal(kept_in(STREET_B, INDEX_CODE, "care_category", "01").at[0], one);
    prf *other = key_of(8), *own = key;
    key = other;
    assert_int_not_equal(kept(INDEX_CODE, "care_category", "01").at[0], one);
    key = own;
    prf_free(&other);
}

TEST("kinds that are not kept per street have one term in every street")
{
    for (index_kind k = INDEX_EQUALITY; k <= INDEX_SUFFIX; k++) {
        assert_false(index_by_street(k));
        int64_t here = kept_in(STREET_A, k, "mobile", "13812345678").at[0];
        assert_int_equal(kept_in(STREET_B, k, "mobile", "13812345678").at[0], here);
    }
    assert_true(index_by_street(INDEX_NGRAM) && index_by_street(INDEX_BAND) && index_by_street(INDEX_CODE));
}

TEST("the term of a value is the one that is written down")
{
    assert_int_equal(kept(INDEX_EQUALITY, "mobile", "13812345678").at[0], INT64_C(-1188141429817228175));
    assert_int_equal(kept(INDEX_BAND, "date", "19490101").at[0], INT64_C(-4122093058014968254));
}

/* ---- equality and code ---- */

TEST("one of several values is enough")
{
    vault_error err = {0};
    term_question q;
    term_list record = kept(INDEX_CODE, "marital_status", "30");
    const bytes values[] = {bytes_of_text("10"), bytes_of_text("30")};
    term_ask ask = ask_of(INDEX_CODE, "marital_status");
    ask.values = values;
    ask.value_count = 2;
    expect_ok(terms_of_question(&q, mem, &ask, &err), &err);
    assert_int_equal(q.count, 1);
    assert_int_equal(q.lists[0].count, 2);
    assert_true(meets(&q, record));
    ask.value_count = 1;
    expect_ok(terms_of_question(&q, mem, &ask, &err), &err);
    assert_false(meets(&q, record));
}

TEST("the terms of a question by street stand street by street")
{
    vault_error err = {0};
    term_question q;
    const bytes values[] = {bytes_of_text("10"), bytes_of_text("30")};
    int64_t wanted[4];
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < 2; i++)
            wanted[2 * s + i] = kept_in(streets[s], INDEX_CODE, "marital_status", i ? "30" : "10").at[0];
    term_ask ask = ask_of(INDEX_CODE, "marital_status");
    ask.street_count = 2;
    ask.values = values;
    ask.value_count = 2;
    expect_ok(terms_of_question(&q, mem, &ask, &err), &err);
    assert_int_equal(q.lists[0].count, 4);
    for (size_t i = 0; i < 4; i++) assert_int_equal(q.lists[0].at[i], wanted[i]);
}

/* ---- suffix ---- */

TEST("a suffix finds the last four characters and no others")
{
    assert_true(finds(INDEX_SUFFIX, "mobile", "5678", "13812345678"));
    assert_true(finds(INDEX_SUFFIX, "mobile", " ５６７８ ", "13812345678"));
    assert_false(finds(INDEX_SUFFIX, "mobile", "4567", "13812345678"));
    assert_true(finds(INDEX_SUFFIX, "resident_id", "002x", "11010519491231002X"));
    assert_true(finds(INDEX_SUFFIX, "document", "e123", "G12345E123"));
    assert_true(finds(INDEX_SUFFIX, "code30", "a-12", "HB-a-12"));
    assert_false(finds(INDEX_SUFFIX, "code30", "A-12", "HB-a-12"));
    assert_true(finds(INDEX_SUFFIX, "phone", "1234", "0519-88881234"));
    assert_int_equal(kept(INDEX_SUFFIX, "code30", "123").count, 0);
}

TEST("a suffix is four characters of ASCII")
{
    refused_question(INDEX_SUFFIX, "mobile", "", "TOO_SHORT");
    refused_question(INDEX_SUFFIX, "mobile", "567", "TOO_SHORT");
    refused_question(INDEX_SUFFIX, "mobile", "45678", "TOO_LONG");
    refused_question(INDEX_SUFFIX, "mobile", "0123456789012345678901234567890123456789", "TOO_LONG");
    refused_question(INDEX_SUFFIX, "mobile", "五六七八", "BAD_CHARACTER");
    refused_question(INDEX_SUFFIX, "mobile",
                     "56\x01"
                     "8",
                     "BAD_CHARACTER");
    refused_question(INDEX_SUFFIX, "mobile",
                     "\xff\xfe"
                     "12",
                     "BAD_CHARACTER");
}

/* ---- ngram ---- */

TEST("a part is found where it stands, at every place")
{
    static const char *const parts[] = {"张小", "小三", "张小三"};
    for (size_t i = 0; i < 3; i++) assert_true(finds(INDEX_NGRAM, "person_name", parts[i], "张小三"));
    assert_false(finds(INDEX_NGRAM, "person_name", "张三", "张小三"));
    assert_false(finds(INDEX_NGRAM, "person_name", "三张", "张小三"));
    assert_true(finds(INDEX_NGRAM, "text200", "12号楼", "新北区太湖东路12号楼301室"));
    assert_true(finds(INDEX_NGRAM, "person_name", "·买", "阿卜杜拉·买买提"));
    assert_true(finds(INDEX_NGRAM, "person_name", "𠮷野", "𠮷野家"));
    assert_true(finds(INDEX_NGRAM, "text50", " 太湖 ", "太湖"));
    assert_false(finds(INDEX_NGRAM, "person_name", "zh", "Zhang"));
}

TEST("a part is found in whichever form of Unicode it comes")
{
    assert_true(finds(INDEX_NGRAM, "person_name", "Rene\xcc\x81", "Ren\xc3\xa9 B"));
    assert_true(finds(INDEX_NGRAM, "person_name", "e\xcc\x81 B", "Ren\xc3\xa9 B"));
}

TEST("a longer part may find a value that holds its pairs elsewhere, and never misses one that holds it")
{
    assert_true(finds(INDEX_NGRAM, "text50", "一二三", "二三一二"));
    static const char *const characters[] = {"一", "二", "三", "a", "é", "𠮷"};
    srand(20260101);
    for (int round = 0; round < 300; round++) {
        char value[64] = "", part[64] = "";
        int len = 2 + rand() % 8, from = rand() % (len - 1), to = from + 2 + rand() % (len - from - 1);
        size_t value_len = 0, part_len = 0;
        for (int i = 0; i < len; i++) {
            const char *c = characters[rand() % 6];
            value_len += (size_t)snprintf(value + value_len, sizeof value - value_len, "%s", c);
            if (i >= from && i < to) part_len += (size_t)snprintf(part + part_len, sizeof part - part_len, "%s", c);
        }
        if (!finds(INDEX_NGRAM, "text50", part, value)) fail_msg("'%s' not found in '%s'", part, value);
    }
}

TEST("a value of one character has no parts, a pair that comes twice is kept once")
{
    assert_int_equal(kept(INDEX_NGRAM, "person_name", "王").count, 0);
    assert_int_equal(kept(INDEX_NGRAM, "person_name", "王一").count, 1);
    assert_int_equal(kept(INDEX_NGRAM, "text50", "一一一一").count, 1);
    assert_int_equal(kept(INDEX_NGRAM, "text50", "一二一二").count, 2);
}

TEST("a part has two to thirty-two characters, none of them a control character")
{
    refused_question(INDEX_NGRAM, "person_name", "", "TOO_SHORT");
    refused_question(INDEX_NGRAM, "person_name", "  ", "TOO_SHORT");
    refused_question(INDEX_NGRAM, "person_name", "王", "TOO_SHORT");
    refused_question(INDEX_NGRAM, "person_name", "e\xcc\x81", "TOO_SHORT");
    refused_question(INDEX_NGRAM, "text200", "123456789012345678901234567890123", "TOO_LONG");
    refused_question(INDEX_NGRAM, "text200", "1234\x01", "BAD_CHARACTER");
    refused_question(INDEX_NGRAM, "text200", "1234\xe2\x80\xae", "BAD_CHARACTER"); /* right-to-left override */
    refused_question(INDEX_NGRAM, "text200", "1234\xff", "BAD_CHARACTER");
    char bomb[2000];
    memset(bomb, 'a', sizeof bomb - 1);
    bomb[sizeof bomb - 1] = '\0';
    refused_question(INDEX_NGRAM, "text200", bomb, "TOO_LONG");
}

TEST("a part of thirty-two characters is thirty-one lists at most")
{
    vault_error err = {0};
    term_question q;
    set_up();
    expect_ok(question(&q, INDEX_NGRAM, "text200", "abcdefghijklmnopqrstuvwxyz012345", &err), &err);
    assert_int_equal(q.count, 31);
    assert_true(q.count <= QUESTION_LISTS_MAX);
}

/* ---- band ---- */

TEST("bands of a date are calendar years, both ends included")
{
    assert_true(band_finds("date", "19490615", "19511231", "19490101"));
    assert_true(band_finds("date", "19490615", "19510101", "19511231"));
    assert_false(band_finds("date", "19490615", "19511231", "19481231"));
    assert_false(band_finds("date", "19490615", "19511231", "19520101"));
    assert_true(band_finds("date", "", "19511231", "18500101"));
    assert_true(band_finds("date", "19490615", "", "21001231"));
    assert_true(band_finds("date", "", "", "20000229"));
}

static unsigned naive_band(double v)
{
    unsigned band = 0;
    for (double step = 1; step <= 1e12; step *= 10) band += (unsigned)(v >= step) + (v >= 2 * step) + (v >= 5 * step);
    return band;
}

TEST("bands of a quantity begin at 0, 1, 2, 5, 10, 20, 50, ...")
{
    static const char *const values[] = {
        "0",    "0.99", "1",    "1.99",   "2",          "4.99",         "5",
        "9.99", "10",   "19",   "20",     "49",         "50",           "99",
        "100",  "1999", "2000", "999999", "1000000.50", "499999999999", "999999999999.99"};
    enum { VALUES = sizeof values / sizeof *values };
    for (size_t a = 0; a < VALUES; a++) {
        for (size_t b = 0; b < VALUES; b++) {
            bool same = naive_band(strtod(values[a], NULL)) == naive_band(strtod(values[b], NULL));
            if (band_finds("amount", values[a], values[a], values[b]) != same) fail_msg("%s, %s", values[a], values[b]);
        }
        assert_true(band_finds("amount", "", values[a], values[a]) && band_finds("amount", values[a], "", values[a]));
    }
}

TEST("a band whose low is above its high is refused")
{
    vault_error err = {0};
    term_question q;
    set_up();
    term_ask ask = ask_of(INDEX_BAND, "date");
    ask.low = bytes_of_text("19510101");
    ask.high = bytes_of_text("19501231");
    assert_int_equal(terms_of_question(&q, mem, &ask, &err), VAULT_INVALID);
    assert_string_equal(err.reason, "EMPTY_BAND");
}

TEST("a question of too many streets, values or terms is refused")
{
    int64_t many[TERM_STREETS_MAX + 1] = {0};
    bytes values[TERM_VALUES_MAX + 1];
    for (size_t i = 0; i <= TERM_VALUES_MAX; i++) values[i] = bytes_of_text("10");
    vault_error err = {0};
    term_question q;
    set_up();
    term_ask ask = ask_of(INDEX_CODE, "marital_status");
    ask.streets = many;
    ask.values = values;
    ask.street_count = TERM_STREETS_MAX;
    ask.value_count = TERM_VALUES_MAX;
    expect_ok(terms_of_question(&q, mem, &ask, &err), &err);
    ask.street_count++;
    assert_int_equal(terms_of_question(&q, mem, &ask, &err), VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_MANY");
    vault_error_clear(&err);
    ask.street_count--;
    ask.value_count++;
    assert_int_equal(terms_of_question(&q, mem, &ask, &err), VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_MANY");
    vault_error_clear(&err);
    ask = ask_of(INDEX_BAND, "date"); /* every year of 64 streets */
    ask.streets = many;
    ask.street_count = TERM_STREETS_MAX;
    assert_int_equal(terms_of_question(&q, mem, &ask, &err), VAULT_INVALID);
    assert_string_equal(err.reason, "TOO_MANY");
}

TEST("a full arena is told, and makes no term")
{
    VAULT_CLEANUP(arena_free) arena *small = arena_new(64);
    const term_place place = {.kind = INDEX_NGRAM, .format = format_find("text200"), .street = STREET_A};
    char text[600];
    term_list out;
    term_question q;
    vault_error err = {0};
    set_up();
    memset(text, 'a', sizeof text);
    while (arena_alloc(small, 64)) {}
    expect_code(terms_of_value(&out, small, key, &place, bytes_of(text, sizeof text), &err), VAULT_EXHAUSTED, &err);
    vault_error_clear(&err);
    bytes value = bytes_of_text("5678");
    for (index_kind k = 0; k < INDEX_KINDS; k++) {
        term_ask ask = ask_of(k, k == INDEX_BAND ? "date" : "mobile");
        ask.values = &value;
        ask.value_count = 1;
        expect_code(terms_of_question(&q, small, &ask, &err), VAULT_EXHAUSTED, &err);
        vault_error_clear(&err);
    }
}

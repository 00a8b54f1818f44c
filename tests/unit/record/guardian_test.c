/* Guardians in the record: who stands in the list, when that ends, and what nobody can do to it. */
#include "tests/unit/record/rotated.h"

enum { MOTHER = 71, FATHER = 72, COURT = 73 };
static const int64_t NOW = INT64_C(1700000000000000), LATER = INT64_C(1800000000000000);

static guardian parent(int64_t who)
{
    return (guardian){.resident = who, .kind = GUARDIAN_PARENT, .of_child = true, .said_us = NOW, .department = 4};
}

static vault_code try_appoint(resident_row *next, bool *unchanged, const record *r, guardian what)
{
    const guardian_said said = {.collection = &RESIDENTS, .what = what};
    return record_appoint(next, unchanged, box, r, &said, &err);
}

/* The next version takes the place of the one before, proven anew. False: nothing was to be written. */
static bool appoint(record *r, resident_row *row, guardian what)
{
    bool unchanged;
    resident_row *next = arena_alloc(mem, sizeof *next);
    expect_ok(try_appoint(next, &unchanged, r, what), &err);
    if (unchanged) return false;
    assert_int_equal(next->version, r->row->version + 1);
    assert_ptr_equal(next->was, r->row);
    *row = *next;
    row->was = NULL;
    expect_ok(record_prove(r, box, row, &err), &err);
    return true;
}

static guardian_list listed(const record *r)
{
    guardian_list out;
    expect_ok(record_guardians(&out, box, r, &err), &err);
    return out;
}

static guardianship is_to(const record *r, int64_t who, class_answer child, int64_t now_us)
{
    const guardian_list all = listed(r);
    return guardianship_of(&all, who, child, now_us);
}

static void given_anna(record *r, resident_row *row)
{
    given_cabinet();
    given_resident(r, row, 1, ANNA, 0);
}

TEST("nobody is a guardian until he is written down, and then he alone")
{
    record r;
    resident_row row;
    given_anna(&r, &row);
    assert_int_equal(listed(&r).count, 0);
    assert_int_equal(is_to(&r, MOTHER, CLASS_IN, NOW), GUARDIAN_NONE);
    assert_true(appoint(&r, &row, parent(MOTHER)));
    assert_int_equal(is_to(&r, MOTHER, CLASS_IN, NOW), GUARDIAN_STANDS);
    assert_int_equal(is_to(&r, FATHER, CLASS_IN, NOW), GUARDIAN_NONE);
    assert_int_equal(is_to(&r, 0, CLASS_IN, NOW), GUARDIAN_NONE);
    assert_int_equal(is_to(&r, 1, CLASS_IN, NOW), GUARDIAN_NONE);
    const guardian_list all = listed(&r);
    assert_int_equal(all.count, 1);
    assert_true(all.at[0].kind == GUARDIAN_PARENT && all.at[0].of_child && !all.at[0].ended);
    assert_true(all.at[0].said_us == NOW && all.at[0].expires_us == 0 && all.at[0].department == 4);
}

TEST("a guardianship ends when it is taken back, and at its end, to the microsecond")
{
    record r;
    resident_row row;
    given_anna(&r, &row);
    guardian of_court = {.resident = COURT, .kind = GUARDIAN_COURT, .said_us = NOW, .expires_us = LATER};
    assert_true(appoint(&r, &row, of_court));
    assert_int_equal(is_to(&r, COURT, CLASS_OUT, LATER - 1), GUARDIAN_STANDS);
    assert_int_equal(is_to(&r, COURT, CLASS_OUT, LATER), GUARDIAN_ENDED);
    assert_true(appoint(&r, &row, (guardian){.resident = COURT, .ended = true, .said_us = NOW + 1}));
    const guardian_list all = listed(&r);
    assert_true(all.at[0].kind == GUARDIAN_COURT && all.at[0].expires_us == LATER && all.at[0].said_us == NOW + 1);
    assert_int_equal(is_to(&r, COURT, CLASS_OUT, NOW), GUARDIAN_ENDED);
    assert_true(appoint(&r, &row, of_court));
    assert_int_equal(is_to(&r, COURT, CLASS_OUT, NOW), GUARDIAN_STANDS);
}

TEST("what stands already is not written again, nor that somebody is none who never was")
{
    record r;
    resident_row row;
    given_anna(&r, &row);
    guardian never = parent(FATHER);
    never.ended = true;
    assert_false(appoint(&r, &row, never));
    assert_true(appoint(&r, &row, parent(MOTHER)));
    assert_false(appoint(&r, &row, parent(MOTHER)));
    guardian sooner = parent(MOTHER);
    sooner.expires_us = LATER;
    assert_true(appoint(&r, &row, sooner));
    assert_int_equal(listed(&r).count, 1);
}

TEST("a child's guardianship ends with the 18th birthday, another's does not; unknown counts as grown")
{
    record r;
    resident_row row;
    given_anna(&r, &row);
    assert_true(appoint(&r, &row, parent(MOTHER)));
    assert_true(appoint(&r, &row, (guardian){.resident = COURT, .kind = GUARDIAN_COURT, .said_us = NOW}));
    assert_int_equal(is_to(&r, MOTHER, CLASS_IN, NOW), GUARDIAN_STANDS);
    assert_int_equal(is_to(&r, MOTHER, CLASS_OUT, NOW), GUARDIAN_GROWN);
    assert_int_equal(is_to(&r, MOTHER, CLASS_UNKNOWN, NOW), GUARDIAN_GROWN);
    assert_int_equal(is_to(&r, COURT, CLASS_OUT, NOW), GUARDIAN_STANDS);
}

TEST("who is a child is told by the date in the ID number, on the very day")
{
    static const char *const born[FIXTURE_FIELDS] = {"110105200803010019", "Bo", NULL, NULL, NULL};
    static const struct {
        uint32_t day;
        class_answer is;
    } days[] = {{20080301, CLASS_IN}, {20260228, CLASS_IN}, {20260301, CLASS_OUT}, {20080229, CLASS_UNKNOWN}};
    record r;
    resident_row row;
    class_answer is;
    const format *was = FIELDS[0].format;
    given_cabinet();
    given_resident(&r, &row, 2, born, 1);
    expect_ok(record_child(&is, box, &r, &RESIDENTS, 20200101, &err), &err);
    assert_int_equal(is, CLASS_UNKNOWN); /* a collection whose records are named otherwise */
    FIELDS[0].format = format_find("resident_id");
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        expect_ok(record_child(&is, box, &r, &RESIDENTS, days[i].day, &err), &err);
        assert_int_equal(is, days[i].is);
    }
    FIELDS[0].format = was;
}

TEST("guardians and consents stand beside each other, whichever came first, and values stay as they are")
{
    static const char *const care[] = {"elder-care"};
    const consent_chain chain = {care, 1};
    const consent_said agrees = {
        .collection = &RESIDENTS, .purpose = "elder-care", .what = {.state = CONSENT_GIVEN, .said_us = NOW}};
    for (int first = 0; first < 2; first++) {
        record r;
        resident_row row, next;
        given g;
        bool unchanged;
        consent_word word;
        given_anna(&r, &row);
        if (first) assert_true(appoint(&r, &row, parent(MOTHER)));
        expect_ok(record_say(&next, &unchanged, box, &r, &agrees, &err), &err);
        row = next;
        expect_ok(record_prove(&r, box, &row, &err), &err);
        if (!first) assert_true(appoint(&r, &row, parent(MOTHER)));
        assert_true(appoint(&r, &row, parent(FATHER)));
        const char *const later[FIXTURE_FIELDS] = {ANNA[0], NULL, NULL, "13900000002", "beyond"};
        given_input(&g, later);
        merge_into(&next, &r, &g.in);
        expect_ok(record_prove(&r, box, &next, &err), &err);
        expect_text(&r, FIELD_PHONE, "13900000002");
        assert_int_equal(listed(&r).count, 2);
        expect_ok(record_consent(&word, box, &r, &chain, &err), &err);
        assert_int_equal(word.state, CONSENT_GIVEN);
    }
}

TEST("a rotation, also to the other suite, keeps the guardians")
{
    record r, old = {.dek = dek_bytes[1]}, fresh = {.dek = dek_bytes[2]};
    resident_row row, next;
    guardian_list all;
    GIVEN_TURNS({.ring = "record", .suite = SUITE_GM});
    given_anna(&r, &row);
    (void)appoint(&r, &row, parent(MOTHER));
    expect_ok(record_prove(&old, after, &row, &err), &err);
    const record_renewal how = {.collection = &RESIDENTS, .made = ROTATED_AT, .reseal = true};
    expect_ok(record_renew(&next, after, &old, &how, &err), &err);
    expect_ok(record_prove(&fresh, after, &next, &err), &err);
    expect_ok(record_guardians(&all, after, &fresh, &err), &err);
    assert_int_equal(guardianship_of(&all, MOTHER, CLASS_IN, NOW), GUARDIAN_STANDS);
}

TEST("who is one no more makes room for others; so many at a time, and no more")
{
    record r;
    resident_row row, next;
    bool unchanged;
    given_anna(&r, &row);
    guardian past = parent(500);
    past.said_us = NOW - 2;
    past.expires_us = NOW - 1;
    assert_true(appoint(&r, &row, past));
    for (int i = 1; i < GUARDIANS_MAX; i++) assert_true(appoint(&r, &row, parent(1000 + i)));
    assert_true(appoint(&r, &row, parent(2000)));
    assert_int_equal(listed(&r).count, GUARDIANS_MAX);
    assert_int_equal(is_to(&r, 500, CLASS_IN, NOW), GUARDIAN_NONE);
    expect_code(try_appoint(&next, &unchanged, &r, parent(2001)), VAULT_INVALID, &err);
    assert_int_equal(listed(&r).count, GUARDIANS_MAX);
    guardian back = parent(2000);
    back.ended = true;
    assert_true(appoint(&r, &row, back));
    assert_true(appoint(&r, &row, parent(2001)));
}

/* ---- what must not pass ---- */

static segment the_list(const resident_row *row)
{
    segment s;
    bool found;
    expect_ok(pack_find(&s, &found, row->sealed, GUARDIAN_SEGMENT, &err), &err);
    assert_true(found);
    return s;
}

TEST("a list of before, put back, is found out by the row's tag, and by the version that it is sealed for")
{
    record r, again = {.dek = dek_bytes[3]};
    resident_row row;
    guardian_list out;
    given_anna(&r, &row);
    (void)appoint(&r, &row, parent(MOTHER));
    const segment was = the_list(&row);
    guardian back = parent(MOTHER);
    back.ended = true;
    (void)appoint(&r, &row, back);
    uint8_t *pack = edit_pack(&row);
    memcpy(pack + (row.sealed.len - was.sealed.len), was.sealed.at, was.sealed.len);
    expect_code(record_prove(&again, box, &row, &err), VAULT_INTEGRITY, &err);
    record forged = r;
    forged.row = &row;
    expect_code(record_guardians(&out, box, &forged, &err), VAULT_INTEGRITY, &err);
}

TEST("a list of guardians is no list of consents, nor the other way round")
{
    record r;
    resident_row row;
    consent_word word;
    static const char *const care[] = {"elder-care"};
    given_anna(&r, &row);
    (void)appoint(&r, &row, parent(MOTHER));
    const segment list = the_list(&row);
    uint8_t *pack = edit_pack(&row);
    uint8_t *at = pack + (row.sealed.len - list.sealed.len - SEGMENT_HEADER_LEN);
    at[0] = CONSENT_SEGMENT >> 8, at[1] = CONSENT_SEGMENT & 0xff;
    record forged = r;
    forged.row = &row;
    expect_code(record_consent(&word, box, &forged, &(consent_chain){care, 1}, &err), VAULT_INTEGRITY, &err);
}

TEST("a row that nobody is in has no guardians, and takes none")
{
    record none = {.dek = dek_bytes[0]};
    const resident_row nobody = {.id = 77};
    resident_row next;
    bool unchanged;
    given_cabinet();
    expect_ok(record_prove(&none, box, &nobody, &err), &err);
    assert_int_equal(listed(&none).count, 0);
    expect_code(try_appoint(&next, &unchanged, &none, parent(MOTHER)), VAULT_INTERNAL, &err);
}

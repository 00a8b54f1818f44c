/* Consents in the record: what was said, what becomes of it with the record, and what nobody can do to it. */
#include "tests/unit/record/rotated.h"

static const char *const HOME_VISIT[] = {"elder-care/home-visit", "elder-care"};
static const consent_chain VISIT = {HOME_VISIT, 2}, CARE = {HOME_VISIT + 1, 1};

static consent_said saying(const char *about, consent_state state, int64_t expires_us)
{
    return (consent_said){.collection = &RESIDENTS,
                          .purpose = about,
                          .what = {.state = state, .said_us = 1700000000000000, .expires_us = expires_us},
                          .department = 4};
}

/* The next version takes the place of the one before, proven anew. */
static bool say(record *r, resident_row *row, const consent_said *said)
{
    bool unchanged;
    resident_row *next = arena_alloc(mem, sizeof *next);
    expect_ok(record_say(next, &unchanged, box, r, said, &err), &err);
    if (unchanged) return false;
    assert_int_equal(next->version, r->row->version + 1);
    assert_ptr_equal(next->was, r->row);
    *row = *next;
    row->was = NULL;
    expect_ok(record_prove(r, box, row, &err), &err);
    return true;
}

static bool tell(record *r, resident_row *row, const char *about, consent_state state)
{
    const consent_said said = saying(about, state, 0);
    return say(r, row, &said);
}

static consent_word heard(const record *r, const consent_chain *of)
{
    consent_word out;
    expect_ok(record_consent(&out, box, r, of, &err), &err);
    return out;
}

static void given_anna(record *r, resident_row *row)
{
    given_cabinet();
    given_resident(r, row, 1, ANNA, 0);
}

TEST("what nobody has said is no consent, and what was said last holds")
{
    record r;
    resident_row row;
    given_anna(&r, &row);
    assert_int_equal(heard(&r, &CARE).state, CONSENT_NONE);
    assert_false(consent_stands(&(consent_word){.state = CONSENT_NONE}, 1));
    assert_true(tell(&r, &row, "elder-care", CONSENT_GIVEN));
    consent_word c = heard(&r, &CARE);
    assert_int_equal(c.state, CONSENT_GIVEN);
    assert_true(c.said_us == 1700000000000000 && c.expires_us == 0);
    assert_true(consent_stands(&c, INT64_MAX));
    assert_true(tell(&r, &row, "elder-care", CONSENT_WITHDRAWN));
    c = heard(&r, &CARE);
    assert_int_equal(c.state, CONSENT_WITHDRAWN);
    assert_false(consent_stands(&c, 1700000000000000));
    assert_true(tell(&r, &row, "elder-care", CONSENT_GIVEN));
    assert_int_equal(heard(&r, &CARE).state, CONSENT_GIVEN);
}

TEST("what stands already is not written again; another end is")
{
    record r;
    resident_row row;
    given_anna(&r, &row);
    assert_true(tell(&r, &row, "elder-care", CONSENT_GIVEN));
    assert_false(tell(&r, &row, "elder-care", CONSENT_GIVEN));
    const consent_said ends = saying("elder-care", CONSENT_GIVEN, 1800000000000000);
    assert_true(say(&r, &row, &ends));
    assert_false(say(&r, &row, &ends));
}

TEST("a consent ends by itself: at its end it stands no longer")
{
    const consent_word c = {.state = CONSENT_GIVEN, .said_us = 1, .expires_us = 1800000000000000};
    assert_true(consent_stands(&c, 1799999999999999));
    assert_false(consent_stands(&c, 1800000000000000));
}

TEST("the word about the nearest purpose decides, not the one above it, and none below")
{
    record r;
    resident_row row;
    given_anna(&r, &row);
    (void)tell(&r, &row, "elder-care", CONSENT_GIVEN);
    assert_int_equal(heard(&r, &VISIT).state, CONSENT_GIVEN);
    (void)tell(&r, &row, "elder-care/home-visit", CONSENT_WITHDRAWN);
    assert_int_equal(heard(&r, &VISIT).state, CONSENT_WITHDRAWN);
    assert_int_equal(heard(&r, &CARE).state, CONSENT_GIVEN);
    (void)tell(&r, &row, "elder-care", CONSENT_WITHDRAWN);
    (void)tell(&r, &row, "elder-care/home-visit", CONSENT_GIVEN);
    assert_int_equal(heard(&r, &VISIT).state, CONSENT_GIVEN);
    assert_int_equal(heard(&r, &CARE).state, CONSENT_WITHDRAWN);
}

TEST("whoever takes back what is above takes back what was said below before, and may agree to that anew")
{
    record r;
    resident_row row;
    given_anna(&r, &row);
    (void)tell(&r, &row, "elder-care/home-visit", CONSENT_GIVEN);
    (void)tell(&r, &row, "elder-care", CONSENT_WITHDRAWN);
    assert_int_equal(heard(&r, &VISIT).state, CONSENT_WITHDRAWN);
    (void)tell(&r, &row, "elder-care/home-visit", CONSENT_GIVEN);
    assert_int_equal(heard(&r, &VISIT).state, CONSENT_GIVEN);
}

TEST("a purpose whose name begins alike is another one")
{
    static const char *const alike[] = {"elder-car", "elder-care-plus", "elder-care/", "ELDER-CARE"};
    record r;
    resident_row row;
    given_anna(&r, &row);
    (void)tell(&r, &row, "elder-care", CONSENT_GIVEN);
    for (size_t i = 0; i < 4; i++) {
        const consent_chain chain = {&alike[i], 1};
        assert_int_equal(heard(&r, &chain).state, CONSENT_NONE);
    }
}

TEST("values, and their search terms, stay as they are; what changes later leaves the consents alone")
{
    record r;
    resident_row row, next;
    given g;
    given_anna(&r, &row);
    const size_t terms = row.term_count;
    (void)tell(&r, &row, "elder-care", CONSENT_GIVEN);
    assert_int_equal(row.term_count, terms);
    expect_text(&r, FIELD_NAME, "Anna");
    const char *const later[FIXTURE_FIELDS] = {ANNA[0], NULL, NULL, "13900000002", "beyond"};
    given_input(&g, later);
    merge_into(&next, &r, &g.in);
    expect_ok(record_prove(&r, box, &next, &err), &err);
    expect_text(&r, FIELD_PHONE, "13900000002");
    expect_text(&r, FIELD_NOTE, "beyond");
    assert_int_equal(heard(&r, &CARE).state, CONSENT_GIVEN);
    resident_row dropped;
    record_dropping what = {.collection = &RESIDENTS};
    field_set_add(&what.fields, FIELD_PHONE);
    expect_ok(record_drop(&dropped, box, &r, &what, &err), &err);
    expect_ok(record_prove(&r, box, &dropped, &err), &err);
    assert_int_equal(heard(&r, &CARE).state, CONSENT_GIVEN);
    field_set held = {0};
    expect_ok(record_fields(&held, &r, &err), &err);
    assert_true(field_set_has(held, FIELD_NOTE));
    assert_false(field_set_has(held, 0));
}

TEST("a consent does not make a record younger, nor is it a value past its time")
{
    record r;
    resident_row row;
    record_age age;
    collection of = RESIDENTS;
    given_anna(&r, &row);
    FIELDS[0].retention_months = 60;
    for (size_t i = 1; i < FIXTURE_FIELDS; i++) FIELDS[i].retention_months = 600;
    (void)tell(&r, &row, "elder-care", CONSENT_GIVEN);
    expect_ok(record_due(&age, &r, &of, 20281115, &err), &err);
    assert_int_equal(age.fate, FATE_STAYS);
    expect_ok(record_due(&age, &r, &of, 20281116, &err), &err);
    assert_int_equal(age.fate, FATE_ERASED);
}

TEST("a rotation, also to the other suite, keeps what was said")
{
    record r, old = {.dek = dek_bytes[1]}, fresh = {.dek = dek_bytes[2]};
    resident_row row, next;
    GIVEN_TURNS({.ring = "record", .suite = SUITE_GM});
    given_anna(&r, &row);
    (void)tell(&r, &row, "elder-care", CONSENT_GIVEN);
    expect_ok(record_prove(&old, after, &row, &err), &err);
    const record_renewal how = {.collection = &RESIDENTS, .made = ROTATED_AT, .reseal = true};
    expect_ok(record_renew(&next, after, &old, &how, &err), &err);
    expect_ok(record_prove(&fresh, after, &next, &err), &err);
    consent_word out;
    expect_ok(record_consent(&out, after, &fresh, &CARE, &err), &err);
    assert_int_equal(out.state, CONSENT_GIVEN);
}

/* ---- what must not pass ---- */

static segment the_list(const resident_row *row)
{
    segment s;
    bool found;
    expect_ok(pack_find(&s, &found, row->sealed, CONSENT_SEGMENT, &err), &err);
    assert_true(found);
    return s;
}

TEST("a list of before, put back into the row, is found out by the row's tag")
{
    record r, again = {.dek = dek_bytes[3]};
    resident_row row;
    given_anna(&r, &row);
    (void)tell(&r, &row, "elder-care", CONSENT_GIVEN);
    const segment was = the_list(&row);
    (void)tell(&r, &row, "elder-care", CONSENT_WITHDRAWN);
    const segment is = the_list(&row);
    assert_int_equal(was.sealed.len, is.sealed.len);
    uint8_t *pack = edit_pack(&row);
    memcpy(pack + (row.sealed.len - is.sealed.len), was.sealed.at, was.sealed.len);
    expect_code(record_prove(&again, box, &row, &err), VAULT_INTEGRITY, &err);
}

TEST("and by the version that it is sealed for, where the tag is the row's own")
{
    record r;
    resident_row row;
    given_anna(&r, &row);
    (void)tell(&r, &row, "elder-care", CONSENT_GIVEN);
    const segment was = the_list(&row);
    (void)tell(&r, &row, "elder-care", CONSENT_WITHDRAWN);
    uint8_t *pack = edit_pack(&row);
    memcpy(pack + (row.sealed.len - was.sealed.len), was.sealed.at, was.sealed.len);
    record forged = r;
    forged.row = &row;
    consent_word out;
    expect_code(record_consent(&out, box, &forged, &CARE, &err), VAULT_INTEGRITY, &err);
}

TEST("a value is no list of consents, whatever it says, and a list is nobody's value")
{
    record r;
    resident_row row;
    given_anna(&r, &row);
    (void)tell(&r, &row, "elder-care", CONSENT_GIVEN);
    const segment list = the_list(&row);
    uint8_t *pack = edit_pack(&row);
    uint8_t *at = pack + (row.sealed.len - list.sealed.len - SEGMENT_HEADER_LEN);
    at[0] = 0, at[1] = FIELD_NOTE; /* as if the list were the note */
    record forged = r;
    forged.row = &row;
    expect_broken(&forged, FIELD_NOTE);
}

TEST("of a row that nobody is in there is no consent, and no error")
{
    record none = {.dek = dek_bytes[0]};
    const resident_row nobody = {.id = 77};
    given_cabinet();
    expect_ok(record_prove(&none, box, &nobody, &err), &err);
    assert_false(none.genuine);
    assert_int_equal(heard(&none, &CARE).state, CONSENT_NONE);
    resident_row next;
    bool unchanged;
    const consent_said said = saying("elder-care", CONSENT_GIVEN, 0);
    expect_code(record_say(&next, &unchanged, box, &none, &said, &err), VAULT_INTERNAL, &err);
}

TEST("as many purposes as fit have a word each, and what does not fit is refused and changes nothing")
{
    record r;
    resident_row row;
    char about[65];
    unsigned said = 0;
    given_anna(&r, &row);
    for (;; said++) {
        resident_row *next = arena_alloc(mem, sizeof *next);
        bool unchanged;
        snprintf(about, sizeof about, "a-purpose-with-a-name-of-the-greatest-length-that-may-be/%07u", said);
        const consent_said one = saying(about, CONSENT_GIVEN, 0);
        vault_code code = record_say(next, &unchanged, box, &r, &one, &err);
        if (code == VAULT_INVALID) break;
        expect_ok(code, &err);
        row = *next;
        expect_ok(record_prove(&r, box, &row, &err), &err);
    }
    assert_string_equal(err.reason, "RECORD_TOO_LARGE");
    vault_error_clear(&err);
    assert_true(said >= 40);
    snprintf(about, sizeof about, "a-purpose-with-a-name-of-the-greatest-length-that-may-be/%07u", 0U);
    const char *first = about;
    const consent_chain chain = {&first, 1};
    assert_int_equal(heard(&r, &chain).state, CONSENT_GIVEN);
}

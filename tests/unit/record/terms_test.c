/* Terms of a proven row meet a question, or do not; whoever may search by a field, and nobody else, has its value asked
 * for inside. */
#include "tests/unit/record/fixture.h"

static record given_anna(resident_row *row)
{
    record r;
    given_cabinet();
    given_resident(&r, row, 1, ANNA, 0);
    return r;
}

static term_list asked_for(unsigned field, const char *text)
{
    const bytes value = bytes_of_text(text);
    term_ask ask = {.kind = INDEX_EQUALITY, .values = &value, .value_count = 1};
    term_question out;
    expect_ok(cabinet_ask(box, &out, field_of(field), &ask, &err), &err);
    assert_int_equal(out.count, 1);
    return out.lists[0];
}

TEST("a row meets its own terms, and those of nobody else")
{
    resident_row row;
    record r = given_anna(&row);
    assert_true(record_meets(&r, asked_for(FIELD_NAME, "Anna")));
    assert_true(record_meets(&r, asked_for(FIELD_PHONE, "13900000001")));
    assert_false(record_meets(&r, asked_for(FIELD_NAME, "Berta")));
    assert_false(record_meets(&r, asked_for(FIELD_PHONE, "Anna"))); /* each field has its own key */
    assert_false(record_meets(&r, (term_list){0}));
}

TEST("a row that is not proven meets nothing")
{
    resident_row row;
    record r = given_anna(&row);
    term_list name = asked_for(FIELD_NAME, "Anna");
    r.genuine = false;
    assert_false(record_meets(&r, name));
}

TEST("terms stand in ascending order, each once")
{
    resident_row row;
    (void)given_anna(&row);
    assert_int_equal(row.term_count, 3);
    for (size_t i = 1; i < row.term_count; i++) assert_true(row.terms[i - 1] < row.terms[i]);
    int64_t some[] = {5, -1, 5, INT64_MIN, INT64_MAX, -1};
    term_list list = {.at = some, .count = 6};
    record_sort_terms(&list);
    const int64_t wanted[] = {INT64_MIN, -1, 5, INT64_MAX};
    assert_int_equal(list.count, 4);
    assert_memory_equal(list.at, wanted, sizeof wanted);
}

static grant searching_by(unsigned field)
{
    grant g = grant_of(field);
    g.form = FORM_TOKEN;
    return g;
}

TEST("residents like this one are asked for by its own value, which stays inside")
{
    resident_row row;
    record r = given_anna(&row);
    const grant g = searching_by(FIELD_PHONE);
    const record_likeness of = {.grant = &g, .record = &r, .field = field_of(FIELD_PHONE), .kind = INDEX_EQUALITY};
    term_question out;
    expect_ok(record_alike(&out, box, &of, &err), &err);
    assert_int_equal(out.count, 1);
    assert_int_equal(out.lists[0].count, 1);
    assert_int_equal(out.lists[0].at[0], asked_for(FIELD_PHONE, "13900000001").at[0]);
    assert_null(memmem(box->scratch.at, box->scratch.len, "13900000001", 11));
}

TEST("a record without the value is like nobody")
{
    record r;
    resident_row row;
    given_cabinet();
    given_resident(&r, &row, 2, (const char *const[]){ANNA[0], "Anna", NULL, NULL, NULL}, 1);
    const grant g = searching_by(FIELD_PHONE);
    const record_likeness of = {.grant = &g, .record = &r, .field = field_of(FIELD_PHONE), .kind = INDEX_EQUALITY};
    term_question out;
    expect_ok(record_alike(&out, box, &of, &err), &err);
    assert_int_equal(out.count, 0);
}

TEST("without a grant of a search by this field, nothing is asked for")
{
    resident_row row;
    record r = given_anna(&row);
    const grant none = {0}, plain = grant_of(FIELD_PHONE), other = searching_by(FIELD_NAME),
                good = searching_by(FIELD_PHONE);
    const grant *const poor[] = {&none, &plain, &other};
    term_question out;
    for (size_t i = 0; i < 3; i++) {
        const record_likeness of = {
            .grant = poor[i], .record = &r, .field = field_of(FIELD_PHONE), .kind = INDEX_EQUALITY};
        expect_code(record_alike(&out, box, &of, &err), VAULT_DENIED, &err);
        assert_int_equal(out.count, 0);
    }
    const record_likeness end = {.grant = &good, .record = &r, .field = field_of(FIELD_PHONE), .kind = INDEX_SUFFIX};
    expect_code(record_alike(&out, box, &end, &err), VAULT_DENIED, &err);
    r.genuine = false;
    const record_likeness unproven = {
        .grant = &good, .record = &r, .field = field_of(FIELD_PHONE), .kind = INDEX_EQUALITY};
    expect_code(record_alike(&out, box, &unproven, &err), VAULT_INTERNAL, &err);
}

TEST("a value that was edited is no question")
{
    resident_row row;
    record r = given_anna(&row);
    uint8_t *pack = edit_pack(&row);
    segment s;
    bool found;
    expect_ok(pack_find(&s, &found, row.sealed, FIELD_PHONE, &err), &err);
    pack[(size_t)(s.sealed.at - row.sealed.at) + 20] ^= 1;
    const grant g = searching_by(FIELD_PHONE);
    const record_likeness of = {.grant = &g, .record = &r, .field = field_of(FIELD_PHONE), .kind = INDEX_EQUALITY};
    term_question out;
    expect_code(record_alike(&out, box, &of, &err), VAULT_INTEGRITY, &err);
    assert_int_equal(out.count, 0);
}

/* What of a record is past its time, to the day, and the row without it. */
#include "tests/unit/record/people.h"

static collection of;
static const saying KNOWN = {{"11010519491231002X", "王静", "320411002001", "320411002001007", "13900000001", NULL}};

/* Retention of ID number, name, area, phone, note; and the law's term. All was collected on 2023-11-15 in Shanghai. */
static void given_retention(const unsigned months[FIXTURE_FIELDS], unsigned term)
{
    for (size_t i = 0; i < FIXTURE_FIELDS; i++) FIELDS[i].retention_months = months[i];
    of = RESIDENTS;
    of.term_months = term;
    given_cabinet();
}

static record_age due(const record *r, uint32_t today)
{
    record_age out;
    expect_ok(record_due(&out, r, &of, today, &err), &err);
    return out;
}

TEST("a value stays through the day that ends its retention, and is past the day after")
{
    record r;
    resident_row row;
    given_retention((const unsigned[]){360, 120, 12, 60, 1}, 0);
    given_resident(&r, &row, 1, ANNA, 0);
    assert_int_equal(due(&r, 20281115).fate, FATE_STAYS);
    record_age age = due(&r, 20281116);
    assert_int_equal(age.fate, FATE_DROPS);
    assert_true(field_set_has(age.past, FIELD_PHONE));
    assert_false(field_set_has(age.past, FIELD_NAME));
    assert_false(field_set_has(age.past, FIELD_NOTE)); /* there is none */
    age = due(&r, 20331116);
    assert_true(field_set_has(age.past, FIELD_NAME));
    assert_false(age.term_runs);
}

TEST("natural key and area stay as long as the record, which ends by the newest of its values")
{
    record r;
    resident_row row;
    given_retention((const unsigned[]){60, 120, 12, 60, 1}, 0);
    given_resident(&r, &row, 1, ANNA, 0);
    const record_age age = due(&r, 20281115);
    assert_int_equal(age.fate, FATE_STAYS);
    assert_int_equal(due(&r, 20281116).fate, FATE_ERASED);

    given g;
    resident_row next;
    const char *const later[FIXTURE_FIELDS] = {"11010519491231002X", NULL, NULL, "13900000002", NULL};
    given_input(&g, later);
    g.in.collected = 1800000000; /* 2027-01-15 */
    merge_into(&next, &r, &g.in);
    expect_ok(record_prove(&r, box, &next, &err), &err);
    assert_int_equal(due(&r, 20320115).fate, FATE_STAYS);
    assert_int_equal(due(&r, 20320116).fate, FATE_ERASED);
}

TEST("while the law's term runs a record past its time is restricted; a restricted one goes when the term has ended")
{
    record r;
    resident_row row, next;
    given_retention((const unsigned[]){60, 60, 60, 60, 1}, 120);
    given_resident(&r, &row, 1, ANNA, 0);
    assert_true(due(&r, 20240101).term_runs);
    assert_int_equal(due(&r, 20281116).fate, FATE_RESTRICTED);
    expect_ok(record_restrict(&next, box, &r, &err), &err);
    expect_ok(record_prove(&r, box, &next, &err), &err);
    assert_int_equal(due(&r, 20281116).fate, FATE_STAYS);
    assert_int_equal(due(&r, 20331115).fate, FATE_STAYS);
    const record_age age = due(&r, 20331116);
    assert_int_equal(age.fate, FATE_ERASED);
    assert_false(age.term_runs);
}

TEST("ends of months and leap days: so many months later, and never a day too early")
{
    static const struct {
        uint32_t collected;
        unsigned months;
        uint32_t last, first;
    } cases[] = {{1706630400, 1, 20240229, 20240301},  /* 2024-01-31 */
                 {1709136000, 12, 20250228, 20250301}, /* 2024-02-29 */
                 {1702569600, 1, 20240115, 20240116},  /* 2023-12-15 */
                 {1700000000, 1200, 21231115, 21231116}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        record r = {.dek = dek_bytes[0]};
        resident_row row = {.found = true, .id = 1};
        given g;
        given_retention((const unsigned[]){1200, 1200, 1200, cases[i].months, 1200}, 1200);
        given_input(&g, ANNA);
        g.in.collected = cases[i].collected;
        expect_ok(record_create(&r, box, &row, &g.in, &err), &err);
        assert_false(field_set_has(due(&r, cases[i].last).past, FIELD_PHONE));
        assert_true(field_set_has(due(&r, cases[i].first).past, FIELD_PHONE));
    }
}

TEST("a row that is not proven has no age, and a cut pack is damage")
{
    record r;
    record_age out;
    resident_row row;
    given_retention((const unsigned[]){60, 60, 60, 60, 1}, 0);
    given_resident(&r, &row, 1, ANNA, 0);
    resident_row cut = row;
    cut.sealed.len--;
    record bad = {.row = &cut, .genuine = true, .dek = r.dek};
    expect_code(record_due(&out, &bad, &of, 20240101, &err), VAULT_INTEGRITY, &err);
    r.genuine = false;
    expect_code(record_due(&out, &r, &of, 20240101, &err), VAULT_INTERNAL, &err);
}

TEST("dropped values are gone with their terms, and what is left is the next version under its own tag")
{
    record r;
    resident_row row, next;
    record_dropping what = {.collection = &RESIDENTS};
    field_text text;
    given_retention((const unsigned[]){60, 60, 60, 60, 1}, 0);
    given_resident(&r, &row, 1, ANNA, 0);
    field_set_add(&what.fields, FIELD_PHONE);
    field_set_add(&what.fields, FIELD_NOTE); /* there is none */
    expect_ok(record_drop(&next, box, &r, &what, &err), &err);
    assert_int_equal(next.version, row.version + 1);
    assert_int_equal(next.term_count, row.term_count - 1);
    assert_ptr_equal(next.was, &row);
    assert_true(next.sealed.len < row.sealed.len);
    expect_ok(record_prove(&r, box, &next, &err), &err);
    expect_text(&r, FIELD_NAME, "Anna");
    expect_ok(open_as(&text, &r, FIELD_PHONE), &err);
    assert_true(text.absent);
    r.genuine = false;
    expect_code(record_drop(&next, box, &r, &what, &err), VAULT_INTERNAL, &err);
}

TEST("a grid that is dropped leaves the record in its community")
{
    stored p;
    resident_row next;
    record_dropping what = {.collection = &PEOPLE};
    given_cabinet();
    given_person(&p, 1, POLICE, &KNOWN);
    assert_int_not_equal(p.row.area % GRIDS, 0);
    field_set_add(&what.fields, PERSON[P_GRID].number);
    expect_ok(record_drop(&next, box, &p.r, &what, &err), &err);
    assert_int_equal(next.area, p.row.area / GRIDS * GRIDS);
    expect_ok(record_prove(&p.r, box, &next, &err), &err);
}

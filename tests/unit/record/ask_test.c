/* Questions: yes, no or absent comes out, under a grant for the question alone, and nothing of the value is left. */
#include "tests/unit/record/fixture.h"

enum { ASKED = 201, TODAY = 20261122 };

static schema_field asked_fields[4];
static schema_predicate asked;

/* A question about one of the fixture's fields, which has a format here. */
static const schema_predicate *about(unsigned field, const char *of, predicate_kind kind, unsigned amount)
{
    schema_field *with_format = &asked_fields[kind];
    *with_format = *field_of(field);
    with_format->format = format_find(of);
    asked = (schema_predicate){
        .name = "asked", .number = ASKED, .field = with_format, .test = {.kind = kind, .amount = amount}};
    return &asked;
}

static grant grant_in(policy_form form, unsigned number)
{
    grant g = grant_of(number);
    g.form = form;
    return g;
}

static vault_code ask_about(record_answer *out, const schema_predicate *p, const record *r, const char *than)
{
    const grant g = grant_in(FORM_PREDICATE, ASKED);
    const record_question q = {.predicate = p, .grant = &g, .record = r, .than = bytes_of_text(than), .today = TODAY};
    return record_ask(out, box, &q, &err);
}

static void expect_clean(void)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < PADDED_MAX; i++) seen |= box->scratch.at[i] | box->beside.at[i];
    assert_int_equal(seen, 0);
}

static void expect_answer(const schema_predicate *p, const record *r, const char *than, record_answer wanted)
{
    record_answer got = ANSWER_ABSENT;
    expect_ok(ask_about(&got, p, r, than), &err);
    assert_int_equal(got, wanted);
    expect_clean();
}

TEST("an age, an area and a value are asked about, and nothing is left of what was opened")
{
    record r;
    resident_row row;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    expect_answer(about(FIELD_NUMBER, "resident_id", PREDICATE_AGE_AT_LEAST, 76), &r, "", ANSWER_YES);
    expect_answer(about(FIELD_NUMBER, "resident_id", PREDICATE_AGE_AT_LEAST, 77), &r, "", ANSWER_NO);
    expect_answer(about(FIELD_AREA, "division", PREDICATE_SAME_AREA, 9), &r, "320411002999", ANSWER_YES);
    expect_answer(about(FIELD_AREA, "division", PREDICATE_SAME_AREA, 12), &r, "320411002999", ANSWER_NO);
    expect_answer(about(FIELD_PHONE, "mobile", PREDICATE_EQUALS, 0), &r, "13900000001", ANSWER_YES);
    expect_answer(about(FIELD_PHONE, "mobile", PREDICATE_EQUALS, 0), &r, "13900000002", ANSWER_NO);
    expect_answer(about(FIELD_NOTE, "text50", PREDICATE_EQUALS, 0), &r, "13900000002", ANSWER_ABSENT);
}

TEST("only a grant for the question, or one for the value in plain form, gets an answer")
{
    record r;
    resident_row row;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    const schema_predicate *p = about(FIELD_PHONE, "mobile", PREDICATE_EQUALS, 0);
    for (policy_form form = FORM_NOTHING; form < FORMS; form++) {
        for (unsigned number = 1; number < POLICY_FIELDS_MAX; number++) {
            record_answer got = ANSWER_ABSENT;
            const grant g = grant_in(form, number);
            const record_question q = {.predicate = p, .grant = &g, .record = &r, .than = bytes_of_text("13900000001")};
            bool may = (form == FORM_PREDICATE && number == ASKED) || (form == FORM_PLAIN && number == FIELD_PHONE);
            vault_code code = record_ask(&got, box, &q, &err);
            assert_int_equal(code, may ? VAULT_OK : VAULT_DENIED);
            assert_int_equal(got, may ? ANSWER_YES : ANSWER_ABSENT);
            vault_error_clear(&err);
        }
    }
    grant refused = grant_in(FORM_PREDICATE, ASKED);
    refused.given = false;
    record_answer got;
    record_question q = {.predicate = p, .grant = &refused, .record = &r, .than = bytes_of_text("13900000001")};
    expect_code(record_ask(&got, box, &q, &err), VAULT_DENIED, &err);
    q.grant = NULL;
    expect_code(record_ask(&got, box, &q, &err), VAULT_DENIED, &err);
}

TEST("equals of a field with few values is answered to who may see the value, and to nobody else")
{
    record r;
    resident_row row;
    record_answer got;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    const schema_predicate *p = about(FIELD_AREA, "division", PREDICATE_EQUALS, 0);
    assert_true(predicate_needs_plain(p));
    expect_code(ask_about(&got, p, &r, "320411002001"), VAULT_DENIED, &err);
    const grant plain = grant_in(FORM_PLAIN, FIELD_AREA);
    const record_question q = {.predicate = p, .grant = &plain, .record = &r, .than = bytes_of_text("320411002001")};
    expect_ok(record_ask(&got, box, &q, &err), &err);
    assert_int_equal(got, ANSWER_YES);
    assert_false(predicate_needs_plain(about(FIELD_AREA, "division", PREDICATE_SAME_AREA, 9)));
    assert_false(predicate_needs_plain(about(FIELD_PHONE, "mobile", PREDICATE_EQUALS, 0)));
    assert_true(predicate_needs_plain(about(FIELD_NUMBER, "date", PREDICATE_EQUALS, 0)));
}

TEST("another resident's value is compared with under a grant of its own, and wiped")
{
    static const char *const boris[] = {"440524188001010014", "Boris", "320411002777", "13900000001", NULL};
    static const char *const nobody[] = {"440524188001010014", "Clara", NULL, NULL, NULL};
    record anna, other, none;
    resident_row rows[3];
    record_answer got;
    given_cabinet();
    given_resident(&anna, &rows[0], 1, ANNA, 0);
    given_resident(&other, &rows[1], 2, boris, 1);
    given_resident(&none, &rows[2], 3, nobody, 2);
    const grant g = grant_in(FORM_PREDICATE, ASKED), wrong = grant_in(FORM_PREDICATE, ASKED + 1);
    record_question q = {.predicate = about(FIELD_AREA, "division", PREDICATE_SAME_AREA, 9),
                         .grant = &g,
                         .record = &anna,
                         .other_grant = &g,
                         .other = &other};
    expect_ok(record_ask(&got, box, &q, &err), &err);
    assert_int_equal(got, ANSWER_YES);
    expect_clean();
    q.predicate = about(FIELD_AREA, "division", PREDICATE_SAME_AREA, 12);
    expect_ok(record_ask(&got, box, &q, &err), &err);
    assert_int_equal(got, ANSWER_NO);
    q.other = &none;
    expect_ok(record_ask(&got, box, &q, &err), &err);
    assert_int_equal(got, ANSWER_ABSENT);
    q.other = &anna, q.record = &none;
    expect_ok(record_ask(&got, box, &q, &err), &err);
    assert_int_equal(got, ANSWER_ABSENT);
    expect_clean();
    q.record = &anna, q.other = &other, q.other_grant = &wrong;
    expect_code(record_ask(&got, box, &q, &err), VAULT_DENIED, &err);
    q.other_grant = NULL;
    expect_code(record_ask(&got, box, &q, &err), VAULT_DENIED, &err);
}

TEST("what is not proven is not asked about; what does not open is no answer")
{
    record r, broken;
    resident_row row, missing = {.id = 5};
    record_answer got = ANSWER_YES;
    given_cabinet();
    given_resident(&r, &row, 1, (const char *const[]){NULL, NULL, NULL, "13900000001", NULL}, 0);
    const schema_predicate *p = about(FIELD_PHONE, "mobile", PREDICATE_EQUALS, 0);
    broken = (record){.dek = dek_bytes[1]};
    expect_ok(record_prove(&broken, box, &missing, &err), &err);
    expect_code(ask_about(&got, p, &broken, "13900000001"), VAULT_INTERNAL, &err);
    segment s;
    bool found;
    uint8_t *pack = edit_pack(&row);
    expect_ok(pack_find(&s, &found, row.sealed, FIELD_PHONE, &err), &err);
    pack[s.sealed.at - row.sealed.at + NONCE_LEN] ^= 1;
    expect_code(ask_about(&got, p, &r, "13900000001"), VAULT_INTEGRITY, &err);
    assert_int_equal(got, ANSWER_ABSENT);
    const grant g = grant_in(FORM_PREDICATE, ASKED);
    record whole;
    resident_row other;
    given_resident(&whole, &other, 2, ANNA, 2);
    const record_question q = {
        .predicate = p, .grant = &g, .record = &whole, .other_grant = &g, .other = &r, .today = TODAY};
    expect_code(record_ask(&got, box, &q, &err), VAULT_INTEGRITY, &err);
    expect_clean();
}

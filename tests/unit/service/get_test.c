/* Records.Get: values with version and provenance, under the rules of a reveal. */
#include "tests/unit/service/records.h"

TEST("a record comes with its version and collection, and each value with department and time")
{
    resident r;
    uint64_t who = resident_in_street(0);
    int64_t then = clock_now_us();
    the_resident(who, &r);
    const char *named = token_for(ELDERCARE, "elder-care", who);
    const Vault__V1__Record *out =
        record_of(get_record(ELDERCARE, "elder-care", named, MASK("phone", "name", "residence_address"), 0));
    assert_string_equal(out->name + strlen("records/"), named);
    assert_string_equal(out->collection, "residents");
    assert_int_equal(out->version, 1);
    assert_int_equal(out->n_values, 3);
    assert_string_equal(out->values[0]->field, "phone");
    assert_string_equal(out->values[0]->value->text, resident_text(&r, FIELD_PHONE));
    assert_string_equal(out->values[1]->field, "name");
    assert_string_equal(out->values[1]->value->text, resident_text(&r, FIELD_NAME));
    assert_string_equal(out->values[1]->department, "public-security");
    assert_true(out->values[1]->collect_time->seconds > 1600000000);
    assert_non_null(out->receipt);
    expect_told(then, "\"action\":\"reveal\"", 1);
    expect_told(then, "\"fields\":\"name,phone,residence_address\"", 1);
    fixture_reset();
}

TEST("a field that the record does not hold is absent, and nobody gave it")
{
    resident r;
    uint64_t i = 0;
    do the_resident(i++, &r);
    while (resident_text(&r, FIELD_FORMER_NAME)[0]);
    const Vault__V1__Record *out = stored_record(i - 1, MASK("former_name", "name"));
    assert_true(out->values[0]->value->absent);
    assert_string_equal(out->values[0]->department, "");
    assert_null(out->values[0]->collect_time);
    fixture_reset();
}

TEST("the masked form is that of a reveal, with the same provenance")
{
    const char *named = token_for(CLINIC, "family-doctor", 3);
    const Vault__V1__Record *out =
        record_of(get_record(CLINIC, "family-doctor", named, MASK("id_number"), VAULT__V1__FORM__FORM_MASKED));
    assert_string_equal(out->values[0]->value->text + 6, "************");
    assert_string_equal(out->values[0]->department, "public-security");
    expect_outcome(get_record(CLINIC, "family-doctor", named, MASK("id_number"), 0), VAULT_DENIED, "form");
    expect_outcome(get_record(CLINIC, "family-doctor", named, MASK("id_number"), 9), VAULT_INVALID, "OUT_OF_RANGE");
    fixture_reset();
}

TEST("a format-preserving token comes with the provenance of the value that it stands for")
{
    resident r;
    the_resident(4, &r);
    const char *named = token_for(POPULATION, WHY, 4);
    const Vault__V1__Record *out =
        record_of(get_record(POPULATION, WHY, named, MASK("id_number"), VAULT__V1__FORM__FORM_TOKEN));
    assert_int_equal(strlen(out->values[0]->value->text), 18);
    assert_string_not_equal(out->values[0]->value->text, resident_text(&r, FIELD_ID_NUMBER));
    assert_string_equal(out->values[0]->department, "public-security");
    fixture_reset();
}

TEST("elsewhere, another's token, a forgery and a restricted record have one answer")
{
    uint64_t who = resident_in_street(150);
    const char *fields = "name", *own = token_for(ELDERCARE, "elder-care", who);
    char *forged = arena_text(fixture_memory(), bytes_of_text(own));
    expect_outcome(get_record(ELDERCARE, "elder-care", own, mask_of(&fields, 1), 0), VAULT_OK, NULL);
    restrict_record(ELDERCARE, "elder-care", own);
    const char *const tokens[] = {token_for(ELDERCARE, "elder-care", resident_elsewhere(0)),
                                  token_for(CLINIC, "family-doctor", resident_in_street(0)), own};
    int64_t then = clock_now_us();
    for (size_t i = 0; i < 3; i++) {
        expect_outcome(get_record(ELDERCARE, "elder-care", tokens[i], mask_of(&fields, 1), 0), VAULT_DENIED,
                       "resident");
        expect_outcome(reveal(ELDERCARE, "elder-care", tokens[i], mask_of(&fields, 1)), VAULT_DENIED, "resident");
    }
    expect_told(then, "\"outcome\":\"refused\"", 6);
    forged[strlen(forged) - 1] ^= 1;
    expect_outcome(get_record(ELDERCARE, "elder-care", forged, mask_of(&fields, 1), 0), VAULT_INVALID, NULL);
    fixture_reset();
}

TEST("a name that is none is refused with its path, and leaves no line of anybody")
{
    static const char *const bad[] = {"", "records", "record/x", "Records/x", "residents/x"};
    const char *field = "name";
    int64_t lines = lines_in_log();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        NEW(in, Vault__V1__GetRecordRequest, vault__v1__get_record_request__init);
        in->name = (char *)(uintptr_t)bad[i];
        in->field_mask = mask_of(&field, 1);
        request *rq =
            ask(&(asked){.path = "/vault.v1.Records/Get", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
        expect_outcome(rq, VAULT_INVALID, "BAD_NAME");
        assert_string_equal(rq->err.field, "name");
    }
    expect_outcome(get_record(ELDERCARE, "elder-care", "", mask_of(&field, 1), 0), VAULT_INVALID, NULL);
    assert_int_equal(lines_in_log(), lines);
    fixture_reset();
}

TEST("a value that was edited is DATA_LOSS with a second line, never an empty record")
{
    uint64_t who = resident_in_street(9);
    const char *named = token_for(ELDERCARE, "elder-care", who), *field = "name";
    int64_t then = clock_now_us();
    pg_sql("create table kept as select * from resident");
    pg_sql("update resident set sealed = set_byte(sealed, 60, get_byte(sealed, 60) # 1)");
    expect_outcome(get_record(ELDERCARE, "elder-care", named, mask_of(&field, 1), 0), VAULT_INTEGRITY, NULL);
    pg_sql("update resident r set sealed = k.sealed from kept k where k.id = r.id");
    pg_sql("drop table kept");
    expect_told(then, "\"outcome\":\"failed\"", 1);
    expect_outcome(get_record(ELDERCARE, "elder-care", named, mask_of(&field, 1), 0), VAULT_OK, NULL);
    fixture_reset();
}

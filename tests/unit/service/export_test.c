/* Records.Export: what one rule lets leave, no more; corrections beside it, without values. */
#include "tests/unit/service/records.h"

static const Vault__V1__ExportResponse *exported(const char *named)
{
    request *rq = export_record(ELDERCARE, "elder-care", named);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static const char *names_in(const Vault__V1__ExportResponse *out)
{
    const char *names = "";
    for (size_t i = 0; i < out->record->n_values; i++)
        names = arena_format(fixture_memory(), "%s%s%s", names, i ? "," : "", out->record->values[i]->field);
    return names;
}

TEST("all that the record holds and the rule allows leaves, and the line names it")
{
    resident r;
    uint64_t i = 0;
    do the_resident(i = resident_in_street(i + 1), &r);
    while (resident_text(&r, FIELD_FORMER_NAME)[0] || !resident_text(&r, FIELD_CARE_CATEGORY)[0]);
    int64_t then = clock_now_us();
    const char *named = token_for(ELDERCARE, "elder-care", i);
    const Vault__V1__ExportResponse *out = exported(named);
    assert_string_equal(names_in(out), "name,phone,care_category");
    assert_string_equal(out->record->values[0]->value->text, resident_text(&r, FIELD_NAME));
    assert_string_equal(out->record->values[0]->department, "public-security");
    assert_string_equal(out->record->values[1]->value->text, resident_text(&r, FIELD_PHONE));
    assert_string_equal(out->record->name + strlen("records/"), named);
    assert_int_equal(out->record->version, 1);
    assert_non_null(out->record->receipt);
    assert_int_equal(out->n_corrections, 0);
    expect_told(then, "\"action\":\"export\"", 1);
    expect_told(then, "\"fields\":\"name,phone,care_category\",\"form\":\"plain\"", 1);
    expect_told(then, "\"rule\":\"export-street\"", 1);
    fixture_reset();
}

TEST("where only the narrower rule reaches, only its field leaves")
{
    const Vault__V1__ExportResponse *out = exported(token_for(ELDERCARE, "elder-care", resident_elsewhere(0)));
    assert_string_equal(names_in(out), "name");
    fixture_reset();
}

TEST("without a rule for export nothing leaves, whatever may be revealed")
{
    expect_outcome(export_record(POPULATION, WHY, token_for(POPULATION, WHY, 1)), VAULT_DENIED, "action");
    expect_outcome(export_record(CLINIC, "elder-care", token_for(CLINIC, "family-doctor", 1)), VAULT_DENIED,
                   "consumer");
    fixture_reset();
}

TEST("another's token and a restricted record have the answer of an unknown one")
{
    const char *own = token_for(ELDERCARE, "elder-care", resident_in_street(30));
    exported(own);
    restrict_record(ELDERCARE, "elder-care", own);
    expect_outcome(export_record(ELDERCARE, "elder-care", own), VAULT_DENIED, "resident");
    expect_outcome(export_record(ELDERCARE, "elder-care", token_for(CLINIC, "family-doctor", 1)), VAULT_DENIED,
                   "resident");
    NEW(in, Vault__V1__ExportRequest, vault__v1__export_request__init);
    in->name = (char *)(uintptr_t) "nobody";
    expect_outcome(
        ask(&(asked){.path = "/vault.v1.Records/Export", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base}),
        VAULT_INVALID, "BAD_NAME");
    fixture_reset();
}

TEST("corrections of fields that may leave are told, decided or not, and none with its value")
{
    uint64_t who = resident_in_street(40);
    const char *named = token_for(ELDERCARE, "elder-care", who);
    clinic_says(who, "name", "欧阳修");
    clinic_says(who, "education", "90"); /* which may not leave */
    const Vault__V1__ExportResponse *out = exported(named);
    assert_int_equal(out->n_corrections, 1);
    const Vault__V1__Correction *one = out->corrections[0];
    assert_string_equal(one->field, "name");
    assert_string_equal(one->department, "health");
    assert_string_equal(one->token, named);
    assert_string_equal(one->value, "");
    assert_int_equal(one->state, VAULT__V1__CORRECTION_STATE__CORRECTION_STATE_PENDING);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, one->name, false)), 0);
    out = exported(named);
    assert_int_equal(out->n_corrections, 1);
    assert_int_equal(out->corrections[0]->state, VAULT__V1__CORRECTION_STATE__CORRECTION_STATE_DECLINED);
    assert_string_equal(out->corrections[0]->decided_by, "public-security");
    fixture_reset();
}

TEST("a correction that was edited is DATA_LOSS, and the record that was granted has its second line")
{
    uint64_t who = resident_in_street(40);
    const char *named = token_for(ELDERCARE, "elder-care", who);
    int64_t then = clock_now_us();
    pg_sql("update correction set filed = filed - 1 where field = 2");
    expect_outcome(export_record(ELDERCARE, "elder-care", named), VAULT_INTEGRITY, NULL);
    expect_told(then, "\"outcome\":\"failed\"", 1);
    pg_sql("update correction set filed = filed + 1 where field = 2");
    exported(named);
    fixture_reset();
}

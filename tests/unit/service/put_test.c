#include "tests/support/vault_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static const Vault__V1__BatchPutResponse *answer_of(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

/* One resident with the fields named; values as given. */
static Vault__V1__BatchPutRequest *put_of(Google__Protobuf__FieldMask *mask, const char *const *values)
{
    arena *mem = fixture_memory();
    Vault__V1__BatchPutRequest *in = arena_alloc(mem, sizeof *in);
    Vault__V1__ResidentInput *one = arena_alloc(mem, sizeof *one);
    vault__v1__batch_put_request__init(in);
    vault__v1__resident_input__init(one);
    in->collection = (char *)(uintptr_t) "residents";
    in->field_mask = mask;
    in->items = arena_array(mem, 1, sizeof *in->items);
    in->items[in->n_items++] = one;
    one->values = arena_array(mem, mask->n_paths, sizeof *one->values);
    for (size_t i = 0; i < mask->n_paths; i++) one->values[one->n_values++] = (char *)(uintptr_t)values[i];
    return in;
}

static request *put(Vault__V1__BatchPutRequest *in)
{
    return ask(&(asked){
        .path = "/vault.v1.Records/BatchPut", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
}

static void expect_item_refused(const request *rq, size_t at, int code, const char *field, const char *reason)
{
    const Vault__V1__BatchPutResponse *out = answer_of(rq);
    const Google__Rpc__Status *status = out->results[at]->status;
    assert_non_null(status);
    assert_int_equal(status->code, code);
    for (size_t i = 0; i < status->n_details; i++) {
        const Google__Protobuf__Any *any = status->details[i];
        if (!strstr(any->type_url, "BadRequest")) continue;
        Google__Rpc__BadRequest *detail = google__rpc__bad_request__unpack(NULL, any->value.len, any->value.data);
        assert_string_equal(detail->field_violations[0]->field, field);
        assert_string_equal(detail->field_violations[0]->description, reason);
        google__rpc__bad_request__free_unpacked(detail, NULL);
        return;
    }
    fail_msg("no BadRequest in the details");
}

TEST("a resident put twice is one record with the next version")
{
    const Vault__V1__BatchPutResponse *out = answer_of(put_residents(1000, 3));
    for (size_t i = 0; i < 3; i++) assert_true(out->results[i]->created && out->results[i]->record_version == 1);
    out = answer_of(put_residents(1000, 3));
    for (size_t i = 0; i < 3; i++) assert_true(!out->results[i]->created && out->results[i]->record_version == 2);
    assert_string_equal(
        pg_sql("select count(*) from resident r where not exists (select from resident_key k where k.id = r.id)"), "0");
    fixture_reset();
}

TEST("fields that are given replace, fields that are not stay")
{
    resident r;
    the_resident(1001, &r);
    const char *values[] = {resident_text(&r, FIELD_ID_NUMBER), resident_text(&r, FIELD_RESIDENCE_AREA), "13900000001",
                            ""};
    answer_of(put(put_of(MASK("id_number", "residence_area", "phone", "name"), values)));
    request *rq = reveal(POPULATION, "population-register", token_for(POPULATION, "population-register", 1001),
                         MASK("phone", "name", "sex"));
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_equal(revealed(rq, 0), "13900000001");
    assert_string_equal(revealed(rq, 1), resident_text(&r, FIELD_NAME));
    assert_string_equal(revealed(rq, 2), resident_text(&r, FIELD_SEX));
    fixture_reset();
}

TEST("a field that was never given is absent, not empty")
{
    resident r;
    the_resident(1100, &r);
    const char *values[] = {resident_text(&r, FIELD_ID_NUMBER), resident_text(&r, FIELD_RESIDENCE_AREA)};
    answer_of(put(put_of(MASK("id_number", "residence_area"), values)));
    request *rq = reveal(POPULATION, "population-register", token_for(POPULATION, "population-register", 1100),
                         MASK("workplace", "id_number"));
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RevealResponse *out = (const void *)rq->out;
    assert_true(out->values[0]->absent);
    assert_false(out->values[1]->absent);
    fixture_reset();
}

TEST("a bad value is refused with its path and reason, and its neighbours go in")
{
    static const struct {
        unsigned field;
        const char *value, *reason;
    } bad[] = {{FIELD_ID_NUMBER, "110105194912310021", "BAD_CHECK_DIGIT"},
               {FIELD_BIRTH_DATE, "20230229", "BAD_DATE"},
               {FIELD_PHONE, "1380000000", "BAD_LENGTH"},
               {FIELD_SEX, "7", "BAD_CODE"},
               {FIELD_NAME, "\xff\xfe", "NOT_UTF8"},
               {FIELD_NAME, "a\tb", "CONTROL_CHARACTER"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[64];
        Vault__V1__BatchPutRequest *in = (Vault__V1__BatchPutRequest *)(uintptr_t)put_residents(1200, 3)->in;
        in->items[1]->values[bad[i].field - 1] = (char *)(uintptr_t)bad[i].value;
        request *rq = put(in);
        snprintf(path, sizeof path, "items[1].values[%u]", bad[i].field - 1);
        expect_item_refused(rq, 1, 3, path, bad[i].reason);
        assert_null(answer_of(rq)->results[0]->status);
        assert_null(answer_of(rq)->results[2]->status);
        fixture_reset();
    }
}

TEST("full-width digits, a small x and 15-digit numbers lead to the same person")
{
    resident r;
    the_resident(1300, &r);
    answer_of(put_residents(1300, 1));
    const char *number = resident_text(&r, FIELD_ID_NUMBER);
    char wide[64] = "", *at = wide;
    for (size_t i = 0; i < 17; i++, at += 3) { /* U+FF10 to U+FF19 */
        at[0] = (char)0xef;
        at[1] = (char)0xbc;
        at[2] = (char)(0x90 + number[i] - '0');
    }
    *at++ = number[17] == 'X' ? 'x' : number[17];
    *at = 0;
    const char *values[] = {wide, resident_text(&r, FIELD_RESIDENCE_AREA)};
    const Vault__V1__BatchPutResponse *out = answer_of(put(put_of(MASK("id_number", "residence_area"), values)));
    assert_null(out->results[0]->status);
    assert_false(out->results[0]->created);
    fixture_reset();
}

TEST("the same person twice in one call becomes one record")
{
    Vault__V1__BatchPutRequest *in = (Vault__V1__BatchPutRequest *)(uintptr_t)put_residents(1400, 4)->in;
    in->items[2] = in->items[0];
    in->items[3] = in->items[0];
    const Vault__V1__BatchPutResponse *out = answer_of(put(in));
    assert_int_equal(out->results[0]->record_version + 1, out->results[2]->record_version);
    assert_int_equal(out->results[2]->record_version + 1, out->results[3]->record_version);
    fixture_reset();
}

TEST("a put outside the caller's area, or by a department without the right, is refused and logged")
{
    resident r;
    the_resident(1500, &r);
    const char *values[] = {resident_text(&r, FIELD_ID_NUMBER), "110105001001"};
    int64_t before = lines_in_log();
    Vault__V1__BatchPutRequest *in = put_of(MASK("id_number", "residence_area"), values);
    const Vault__V1__BatchPutResponse *out = answer_of(put(in));
    assert_int_equal(out->results[0]->status->code, 7);
    request *rq =
        ask(&(asked){.path = "/vault.v1.Records/BatchPut", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    assert_int_equal(answer_of(rq)->results[0]->status->code, 7);
    assert_int_equal(lines_in_log(), before + 2);
    fixture_reset();
}

TEST("a call without its natural key, area, collection or items is refused as a whole")
{
    static const char *const values[] = {"", ""};
    expect_outcome(put(put_of(MASK("name", "residence_area"), values)), VAULT_INVALID, "NATURAL_KEY_REQUIRED");
    expect_outcome(put(put_of(MASK("id_number", "name"), values)), VAULT_INVALID, "AREA_REQUIRED");
    expect_outcome(put(put_of(MASK("id_number", "nonsense"), values)), VAULT_INVALID, "UNKNOWN_FIELD");
    expect_outcome(put(put_of(MASK("id_number", "id_number"), values)), VAULT_INVALID, "DUPLICATE_FIELD");
    Vault__V1__BatchPutRequest *in = put_of(MASK("id_number", "residence_area"), values);
    in->collection = (char *)(uintptr_t) "houses";
    expect_outcome(put(in), VAULT_INVALID, "UNKNOWN_COLLECTION");
    in = put_of(MASK("id_number", "residence_area"), values);
    in->n_items = 0;
    expect_outcome(put(in), VAULT_INVALID, "REQUIRED");
    fixture_reset();
}

TEST("every put item that was looked at has its line, proven by the receipts")
{
    int64_t before = lines_in_log();
    const Vault__V1__BatchPutResponse *out = answer_of(put_residents(2000, 700));
    assert_int_equal(lines_in_log(), before + 700);
    assert_int_equal(out->n_receipts, 2);
    assert_int_equal(out->receipts[0]->n_lines + out->receipts[1]->n_lines, 700);
    assert_int_equal(out->receipts[1]->first_line, out->receipts[0]->first_line + out->receipts[0]->n_lines);
    fixture_reset();
}

TEST("an id does not come again when the sequence is set back")
{
    const char *first = pg_sql("select last_value from resident_id");
    long long kept = strtoll(first, NULL, 10);
    answer_of(put_residents(3000, 1));
    long long id = strtoll(pg_sql("select max(id) from resident"), NULL, 10);
    pg_sql("delete from resident where id = %lld", id);
    pg_sql("delete from resident_key where id = %lld", id);
    pg_sql("select setval('resident_id', %lld)", kept);
    answer_of(put_residents(3001, 1));
    long long again = strtoll(pg_sql("select max(id) from resident"), NULL, 10);
    assert_int_equal(again >> 31, id >> 31);
    assert_true(again != id);
    fixture_reset();
}

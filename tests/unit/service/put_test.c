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

static Google__Rpc__BadRequest *bad_fields(const Google__Rpc__Status *status)
{
    assert_non_null(status);
    for (size_t i = 0; i < status->n_details; i++) {
        const Google__Protobuf__Any *any = status->details[i];
        if (strstr(any->type_url, "BadRequest"))
            return google__rpc__bad_request__unpack(NULL, any->value.len, any->value.data);
    }
    fail_msg("no BadRequest in the details");
    return NULL;
}

static void expect_item_refused(const request *rq, size_t at, int code, const char *field, const char *reason)
{
    const Vault__V1__BatchPutResponse *out = answer_of(rq);
    Google__Rpc__BadRequest *detail = bad_fields(out->results[at]->status);
    assert_int_equal(out->results[at]->status->code, code);
    assert_string_equal(detail->field_violations[0]->field, field);
    assert_string_equal(detail->field_violations[0]->description, reason);
    google__rpc__bad_request__free_unpacked(detail, NULL);
}

static void set_item(Vault__V1__BatchPutRequest *in, size_t item, unsigned field, const char *value)
{
    in->items[item]->values[field - 1] = (char *)(uintptr_t)value;
}

static Vault__V1__BatchPutRequest *put_again(uint64_t from, size_t count)
{
    return (Vault__V1__BatchPutRequest *)(uintptr_t)put_residents(from, count)->in;
}

TEST("a resident put twice is one record, and the second time nothing is written but the line")
{
    const Vault__V1__BatchPutResponse *out = answer_of(put_residents(1000, 3));
    for (size_t i = 0; i < 3; i++) {
        assert_true(out->results[i]->created && !out->results[i]->unchanged);
        assert_int_equal(out->results[i]->record_version, 1);
    }
    char before[64];
    static const char written[] = "select md5(string_agg(xmin::text || r::text, ',' order by id)) from resident r";
    snprintf(before, sizeof before, "%s", pg_sql("%s", written));
    int64_t lines = lines_in_log();
    out = answer_of(put_residents(1000, 3));
    for (size_t i = 0; i < 3; i++) {
        assert_true(!out->results[i]->created && out->results[i]->unchanged);
        assert_int_equal(out->results[i]->record_version, 1);
    }
    assert_int_equal(lines_in_log(), lines + 3);
    assert_string_equal(pg_sql("%s", written), before);
    assert_string_equal(
        pg_sql("select count(*) from resident r where not exists (select from resident_key k where k.id = r.id)"), "0");
    fixture_reset();
}

TEST("a value that differs makes the next version of that record alone")
{
    Vault__V1__BatchPutRequest *in = put_again(1000, 3);
    set_item(in, 1, FIELD_PHONE, "13900000010");
    const Vault__V1__BatchPutResponse *out = answer_of(put(in));
    for (size_t i = 0; i < 3; i++) {
        assert_true(out->results[i]->unchanged == (i != 1));
        assert_int_equal(out->results[i]->record_version, i == 1 ? 2 : 1);
    }
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

TEST("the same person several times in one call becomes one record, in the order given")
{
    Vault__V1__BatchPutRequest *in = put_again(1400, 4), *other = put_again(1400, 1);
    in->items[2] = other->items[0];
    set_item(in, 2, FIELD_PHONE, "13900000011");
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

TEST("every bad field of an item is named")
{
    Vault__V1__BatchPutRequest *in = put_again(1600, 2);
    set_item(in, 1, FIELD_SEX, "7");
    set_item(in, 1, FIELD_PHONE, "1");
    set_item(in, 1, FIELD_RESIDENCE_AREA, "");
    const Vault__V1__BatchPutResponse *out = answer_of(put(in));
    Google__Rpc__BadRequest *detail = bad_fields(out->results[1]->status);
    static const char *const fields[] = {"items[1].values[3]", "items[1].values[14]", "items[1].values[17]"},
                             *const reasons[] = {"BAD_CODE", "BAD_LENGTH", "REQUIRED"};
    assert_int_equal(detail->n_field_violations, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(detail->field_violations[i]->field, fields[i]);
        assert_string_equal(detail->field_violations[i]->description, reasons[i]);
    }
    google__rpc__bad_request__free_unpacked(detail, NULL);
    assert_null(out->results[0]->status);
    fixture_reset();
}

/* ---- two departments ---- */

static request *put_as_clinic(Vault__V1__BatchPutRequest *in)
{
    return ask(
        &(asked){.path = "/vault.v1.Records/BatchPut", .uri = CLINIC, .purpose = "family-doctor", .in = &in->base});
}

static const char *value_now(uint64_t index, const char *field)
{
    request *rq = reveal(POPULATION, "population-register", token_for(POPULATION, "population-register", index),
                         mask_of(&field, 1));
    expect_outcome(rq, VAULT_OK, NULL);
    return revealed(rq, 0);
}

TEST("the owner's word stands, another's becomes a correction request, and what nobody gave is taken from anybody")
{
    resident r;
    the_resident(1700, &r);
    const char *who = resident_text(&r, FIELD_ID_NUMBER), *where = resident_text(&r, FIELD_RESIDENCE_AREA);
    const char *first[] = {who, where, "张三", "", "10"}, *theirs[] = {who, where, "李四", "13900000012", "20"},
               *again[] = {who, where, "王五", "13900000013", "20"};
#define NAMES MASK("id_number", "residence_area", "name", "phone", "education")
    answer_of(put(put_of(NAMES, first)));
    const Vault__V1__PutResult *out = answer_of(put_as_clinic(put_of(NAMES, theirs)))->results[0];
    assert_null(out->status);
    assert_true(!out->created && !out->unchanged);
    assert_int_equal(out->record_version, 2);
    assert_int_equal(out->n_corrections, 2);
    assert_string_equal(out->corrections[0], "name");
    assert_string_equal(out->corrections[1], "education");
    assert_string_equal(value_now(1700, "name"), "张三");
    assert_string_equal(value_now(1700, "education"), "10");
    assert_string_equal(value_now(1700, "phone"), "13900000012");
    assert_string_equal(pg_sql("select count(*) from correction"), "2");

    out = answer_of(put_as_clinic(put_of(NAMES, again)))->results[0]; /* its own phone it may change */
    assert_int_equal(out->n_corrections, 2);
    assert_string_equal(value_now(1700, "phone"), "13900000013");
    assert_string_equal(pg_sql("select count(*) from correction"), "2"); /* one for each field and department */

    const char *owner[] = {who, where, "", "13900000014", ""};
    assert_int_equal(answer_of(put(put_of(NAMES, owner)))->results[0]->n_corrections, 0);
    assert_string_equal(value_now(1700, "phone"), "13900000014"); /* public security owns it */
    out = answer_of(put_as_clinic(put_of(NAMES, theirs)))->results[0];
    assert_int_equal(out->n_corrections, 3);
    assert_true(out->unchanged);
    assert_string_equal(value_now(1700, "phone"), "13900000014");
    fixture_reset();
}

TEST("a correction goes in with the rows of its transaction, or not at all")
{
    resident r;
    the_resident(1700, &r);
    const char *theirs[] = {resident_text(&r, FIELD_ID_NUMBER), resident_text(&r, FIELD_RESIDENCE_AREA), "赵六", "",
                            ""};
    char before[64];
    static const char all[] = "select md5(string_agg(c::text, ',' order by c::text)) from correction c";
    snprintf(before, sizeof before, "%s", pg_sql("%s", all));
    pg_sql("create function broken() returns trigger language plpgsql as "
           "$$ begin raise exception 'injected' using errcode = '57P01'; end $$");
    pg_sql("create trigger broken before insert on line execute function broken()");
    expect_outcome(put_as_clinic(put_of(NAMES, theirs)), VAULT_UNAVAILABLE, NULL);
    pg_sql("drop trigger broken on line");
    assert_string_equal(pg_sql("%s", all), before);
    assert_int_equal(answer_of(put_as_clinic(put_of(NAMES, theirs)))->results[0]->n_corrections, 1);
    assert_string_not_equal(pg_sql("%s", all), before);
    fixture_reset();
}

/* ---- grids ---- */

static const char *area_of(const char *phone)
{
    (void)phone;
    return pg_sql("select area from resident order by id desc limit 1");
}

TEST("a grid takes the area down to it; one that lies elsewhere is refused; without one the stored grid stays")
{
    resident r;
    the_resident(1800, &r);
    const char *who = resident_text(&r, FIELD_ID_NUMBER);
#define PLACE MASK("id_number", "residence_area", "grid")
    static const struct {
        const char *area, *grid, *stored;
    } steps[] = {{"320411002003", "", "320411002003000"}, {"320411002003", "320411002003001", "320411002003001"},
                 {"320411002003", "", "320411002003001"}, {"320411002003", "320411002003007", "320411002003007"},
                 {"320411002004", "", "320411002004000"}, {"320411002004", "320411002004002", "320411002004002"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const char *values[] = {who, steps[i].area, steps[i].grid};
        assert_null(answer_of(put(put_of(PLACE, values)))->results[0]->status);
        assert_string_equal(area_of(who), steps[i].stored);
    }
    const char *elsewhere[] = {who, "320411002004", "320411002003001"};
    expect_item_refused(put(put_of(PLACE, elsewhere)), 0, 3, "items[0].values[2]", "GRID_NOT_IN_AREA");
    assert_string_equal(area_of(who), "320411002004002");
    fixture_reset();
}

/* ---- collections ---- */

TEST("a house and a resident of one and the same number are two records, and neither is seen as the other")
{
    resident r;
    the_resident(1900, &r);
    const char *number = resident_text(&r, FIELD_ID_NUMBER), *where = resident_text(&r, FIELD_RESIDENCE_AREA);
    const char *values[] = {number, where, "某路 1 号", "张三"}, *person[] = {number, where};
    Vault__V1__BatchPutRequest *in =
        put_of(MASK("house_number", "house_area", "house_address", "house_owner_name"), values);
    in->collection = (char *)(uintptr_t) "housing";
    assert_true(answer_of(put(in))->results[0]->created);
    assert_true(answer_of(put(put_of(MASK("id_number", "residence_area"), person)))->results[0]->created);

    Vault__V1__BatchIssueRequest issue = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    char *numbers[] = {(char *)(uintptr_t)number};
    issue.values = numbers, issue.n_values = 1;
    issue.collection = (char *)(uintptr_t) "housing";
    request *rq = ask(&(asked){
        .path = "/vault.v1.Tokens/BatchIssue", .uri = POPULATION, .purpose = "population-register", .in = &issue.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const char *house = ((const Vault__V1__BatchIssueResponse *)(const void *)rq->out)->results[0]->token;
    const char *person_token = token_for(POPULATION, "population-register", 1900);
    assert_string_not_equal(house, person_token);
    rq = reveal(POPULATION, "population-register", house, MASK("house_owner_name", "house_address"));
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_equal(revealed(rq, 0), "张三");
    expect_outcome(reveal(POPULATION, "population-register", house, MASK("name")), VAULT_DENIED, "resident");
    expect_outcome(reveal(POPULATION, "population-register", person_token, MASK("house_owner_name")), VAULT_DENIED,
                   "resident");
    expect_outcome(reveal(POPULATION, "population-register", house, MASK("name", "house_owner_name")), VAULT_INVALID,
                   "MIXED_COLLECTIONS");
    fixture_reset();
}

TEST("fields of two collections, or of another than the one named, are refused")
{
    static const char *const values[] = {"", "", ""};
    Vault__V1__BatchPutRequest *in = put_of(MASK("id_number", "residence_area", "house_address"), values);
    expect_outcome(put(in), VAULT_INVALID, "MIXED_COLLECTIONS");
    in = put_of(MASK("id_number", "residence_area", "name"), values);
    in->collection = (char *)(uintptr_t) "housing";
    expect_outcome(put(in), VAULT_INVALID, "MIXED_COLLECTIONS");
    fixture_reset();
}

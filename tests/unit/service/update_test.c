/* Records.Update: the version that was read decides, authority is that of a put, and both areas must be the caller's.
 */
#include "tests/unit/service/records.h"

static const char *token_of(uint64_t index)
{
    return known_token(POPULATION, WHY, index);
}

static unsigned version_of(uint64_t index)
{
    return stored_record(index, MASK("name"))->version;
}

static const char *value_of(uint64_t index, const char *field)
{
    return stored_record(index, mask_of(&field, 1))->values[0]->value->text;
}

TEST("fields that are given change, the others stay, and the record has the next version")
{
    resident r;
    const char *to = token_of(20);
    int64_t then = clock_now_us();
    the_resident(20, &r);
    const Vault__V1__PutResult *out = put_of(update(&(updated){.uri = POPULATION,
                                                               .why = WHY,
                                                               .token = to,
                                                               .version = 1,
                                                               .fields = MASK("workplace", "phone", "education"),
                                                               VALUES("市第一中学", "１３９00000021", "")}));
    assert_int_equal(out->record_version, 2);
    assert_true(!out->created && !out->unchanged && out->n_corrections == 0);
    assert_string_equal(value_of(20, "phone"), "13900000021");
    assert_string_equal(value_of(20, "workplace"), "市第一中学");
    assert_string_equal(value_of(20, "education"), resident_text(&r, FIELD_EDUCATION));
    expect_told(then, "\"action\":\"put\"", 1);
    expect_told(then, "\"fields\":\"education,workplace,phone\"", 1);
    fixture_reset();
}

TEST("what the record says already makes no version; a stale version is told all the same")
{
    const updated same = {.uri = POPULATION,
                          .why = WHY,
                          .token = token_of(20),
                          .version = 2,
                          .fields = MASK("phone"),
                          VALUES("13900000021")};
    const Vault__V1__PutResult *out = put_of(update(&same));
    assert_true(out->unchanged);
    assert_int_equal(out->record_version, 2);
    updated stale = same;
    stale.version = 1;
    expect_outcome(update(&stale), VAULT_CONFLICT, "STALE_VERSION");
    fixture_reset();
}

TEST("a stale or future version is refused, nothing is written, and the refusal is a line")
{
    static const char rows[] = "select md5(string_agg(r::text, ',' order by id)) from resident r";
    const char *before = arena_text(fixture_memory(), bytes_of_text(pg_sql("%s", rows)));
    const unsigned versions[] = {1, 3, UINT32_MAX};
    int64_t then = clock_now_us();
    for (size_t i = 0; i < 3; i++) {
        request *rq = update(&(updated){.uri = POPULATION,
                                        .why = WHY,
                                        .token = token_of(20),
                                        .version = versions[i],
                                        .fields = MASK("phone"),
                                        VALUES("13900000022")});
        expect_outcome(rq, VAULT_CONFLICT, "STALE_VERSION");
    }
    assert_string_equal(pg_sql("%s", rows), before);
    expect_told(then, "\"clause\":\"STALE_VERSION\"", 3);
    fixture_reset();
}

TEST("who may not put the record is not told its version, nor that it is there")
{
    const char *elsewhere = known_token(ELDERCARE, "elder-care", resident_elsewhere(0)),
               *masked = known_token(CLINIC, "family-doctor", 21),
               *own = known_token(ELDERCARE, "elder-care", resident_in_street(0));
    updated u = {.uri = ELDERCARE,
                 .why = "elder-care",
                 .token = elsewhere,
                 .version = 99,
                 .fields = MASK("care_category"),
                 VALUES("03")};
    expect_outcome(update(&u), VAULT_DENIED, "resident");
    u.token = masked;
    expect_outcome(update(&u), VAULT_DENIED, "resident");
    u = (updated){
        .uri = ELDERCARE, .why = "elder-care", .token = own, .version = 99, .fields = MASK("name"), VALUES("王五")};
    expect_outcome(update(&u), VAULT_DENIED, "fields");
    u = (updated){
        .uri = CLINIC, .why = "family-doctor", .token = masked, .version = 99, .fields = MASK("sex"), VALUES("1")};
    expect_outcome(update(&u), VAULT_DENIED, "fields");
    fixture_reset();
}

TEST("the natural key, no version, a bad mask, a bad count and bad values are refused with their paths")
{
    static const struct {
        const char *field, *value;
        unsigned version;
        size_t count;
        const char *reason, *path;
    } bad[] = {{"id_number", "11010519491231002X", 1, 1, "NATURAL_KEY_FIXED", "field_mask.paths[0]"},
               {"phone", "13900000022", 0, 1, "REQUIRED", "version"},
               {"phone", "1390000002", 1, 1, "BAD_LENGTH", "values[0]"},
               {"birth_date", "20230229", 1, 1, "BAD_DATE", "values[0]"},
               {"phone", "13900000022", 1, 0, "WRONG_COUNT", "values"},
               {"nonsense", "x", 1, 1, "UNKNOWN_FIELD", "field_mask.paths[0]"}};
    int64_t lines = lines_in_log();
    const char *to = token_of(22);
    lines = lines_in_log();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        request *rq = update(&(updated){.uri = POPULATION,
                                        .why = WHY,
                                        .token = to,
                                        .version = bad[i].version,
                                        .fields = mask_of(&bad[i].field, 1),
                                        .values = &bad[i].value,
                                        .count = bad[i].count});
        expect_outcome(rq, VAULT_INVALID, bad[i].reason);
        assert_string_equal(rq->err.field, bad[i].path);
    }
    assert_int_equal(lines_in_log(), lines);
    fixture_reset();
}

TEST("another department's word becomes a correction, what was empty or its own it changes")
{
    resident r;
    the_resident(23, &r);
    const Vault__V1__PutResult *out = clinic_says(23, "name", "欧阳修");
    assert_int_equal(out->n_corrections, 1);
    assert_string_equal(out->corrections[0], "name");
    assert_true(out->unchanged);
    assert_string_equal(value_of(23, "name"), resident_text(&r, FIELD_NAME));
    fixture_reset();
}

TEST("a record moves within the caller's area, and not out of it")
{
    const char *to = token_of(24);
    updated u = {.uri = POPULATION,
                 .why = WHY,
                 .token = to,
                 .version = 1,
                 .fields = MASK("residence_area"),
                 VALUES("110105001001")};
    expect_outcome(update(&u), VAULT_DENIED, "resident");
    assert_int_equal(version_of(24), 1);
    u = (updated){.uri = POPULATION,
                  .why = WHY,
                  .token = to,
                  .version = 1,
                  .fields = MASK("residence_area"),
                  VALUES("320411002003")};
    assert_int_equal(put_of(update(&u))->record_version, 2);
    assert_string_equal(value_of(24, "residence_area"), "320411002003");
    fixture_reset();
}

TEST("a grid that comes alone must lie in the division that is stored")
{
    const char *to = token_of(24);
    updated u = {
        .uri = POPULATION, .why = WHY, .token = to, .version = 2, .fields = MASK("grid"), VALUES("320411002004001")};
    request *rq = update(&u);
    expect_outcome(rq, VAULT_INVALID, "GRID_NOT_IN_AREA");
    assert_string_equal(rq->err.field, "values[0]");
    u = (updated){
        .uri = POPULATION, .why = WHY, .token = to, .version = 2, .fields = MASK("grid"), VALUES("320411002003007")};
    assert_int_equal(put_of(update(&u))->record_version, 3);
    assert_string_equal(pg_sql("select count(*) from resident where area = 320411002003007"), "1");
    fixture_reset();
}

TEST("a restricted record is updated by nobody, and a put meets it as nobody's")
{
    resident r;
    const char *to = token_of(25);
    the_resident(25, &r);
    restrict_record(POPULATION, WHY, to);
    updated u = {
        .uri = POPULATION, .why = WHY, .token = to, .version = 2, .fields = MASK("phone"), VALUES("13900000025")};
    expect_outcome(update(&u), VAULT_DENIED, "resident");
    request *rq = put_residents(25, 1);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(((const Vault__V1__BatchPutResponse *)(const void *)rq->out)->results[0]->status->code, 7);
    fixture_reset();
}

TEST("of two that update the same version at once exactly one wins, and the other is told that its version is stale")
{
    enum { ROUNDS = 5 };
    const char *to = token_of(26);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        asked calls[2];
        request *out[2];
        char phones[2][16];
        for (size_t i = 0; i < 2; i++) {
            snprintf(phones[i], sizeof phones[i], "139%07u%zu", round, i);
            const updated u = {.uri = POPULATION,
                               .why = WHY,
                               .token = to,
                               .version = round,
                               .fields = MASK("phone"),
                               VALUES(phones[i])};
            calls[i] = (asked){
                .path = "/vault.v1.Records/Update", .uri = POPULATION, .purpose = WHY, .in = &update_of(&u)->base};
        }
        race(calls, out);
        size_t won = out[0]->err.code == VAULT_OK ? 0 : 1;
        expect_outcome(out[won], VAULT_OK, NULL);
        expect_outcome(out[1 - won], VAULT_CONFLICT, "STALE_VERSION");
        assert_string_equal(value_of(26, "phone"), phones[won]);
        assert_int_equal(version_of(26), round + 1);
    }
    fixture_reset();
}

TEST("two updates of one version in the same batch: the first wins")
{
    const char *to = token_of(27);
    asked calls[2];
    request *out[2];
    for (size_t i = 0; i < 2; i++) {
        const updated u = {.uri = POPULATION,
                           .why = WHY,
                           .token = to,
                           .version = 1,
                           .fields = MASK("phone"),
                           VALUES(i ? "13900000028" : "13900000027")};
        calls[i] =
            (asked){.path = "/vault.v1.Records/Update", .uri = POPULATION, .purpose = WHY, .in = &update_of(&u)->base};
    }
    ask_many(calls, out, 2);
    expect_outcome(out[0], VAULT_OK, NULL);
    expect_outcome(out[1], VAULT_CONFLICT, "STALE_VERSION");
    assert_string_equal(value_of(27, "phone"), "13900000027");
    fixture_reset();
}

/* Every row against its tag, and all of them against the sum in the head: what an edit by SQL cannot hide. */
#include "tests/unit/service/keys.h"
#include "tests/unit/service/lines.h"

static const char *verify_as(const char *uri)
{
    NEW_REQUEST(in, Vault__V1__VerifyRowsRequest, vault__v1__verify_rows_request__init);
    request *rq = steward(NULL, uri, "/vault.v1.Audit/VerifyRows", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__VerifyRowsResponse *)(const void *)rq->out)->job;
}

/* The job as it ended. */
static const Vault__V1__Job *verified(const char *state)
{
    const char *name = verify_as(OFFICER);
    wait_for_job(name, state);
    request *rq = progress_of(OFFICER, name);
    return ((const Vault__V1__ProgressResponse *)(const void *)rq->out)->jobs[0];
}

static void expect_finding(const char *what)
{
    const char *finding = verified("failed")->finding;
    if (!strstr(finding, what)) fail_msg("found '%s', not '%s'", finding, what);
}

static void expect_sound(void)
{
    assert_string_equal(verified("done")->finding, "");
}

/* The whole of one resident, kept aside, and put back. */
static void keep(long long id)
{
    pg_sql("DROP TABLE IF EXISTS kept_row, kept_key; CREATE TABLE kept_row AS SELECT * FROM resident WHERE id = %lld;"
           " CREATE TABLE kept_key AS SELECT * FROM resident_key WHERE id = %lld",
           id, id);
}

static void put_back(void)
{
    pg_sql("DELETE FROM resident r USING kept_row k WHERE r.id = k.id;"
           " DELETE FROM resident_key r USING kept_key k WHERE r.id = k.id;"
           " INSERT INTO resident SELECT * FROM kept_row; INSERT INTO resident_key SELECT * FROM kept_key");
}

static long long a_resident(int nth)
{
    return strtoll(pg_sql("SELECT id FROM resident ORDER BY id OFFSET %d LIMIT 1", nth), NULL, 10);
}

static request *put_phone(uint64_t index, const char *phone)
{
    Vault__V1__BatchPutRequest *in = (Vault__V1__BatchPutRequest *)(uintptr_t)put_residents(index, 1)->in;
    in->items[0]->values[FIELD_PHONE - 1] = lend(phone);
    request *rq = ask(&(asked){
        .path = "/vault.v1.Records/BatchPut", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return rq;
}

static void erase(uint64_t index)
{
    char *of = lend(token_for(POPULATION, "population-register", index));
    NEW_REQUEST(in, Vault__V1__EraseRequest, vault__v1__erase_request__init);
    in->tokens = &of;
    in->n_tokens = 1;
    request *rq = ask(&(asked){
        .path = "/vault.v1.Records/Erase", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_null(((const Vault__V1__EraseResponse *)(const void *)rq->out)->results[0]->status);
}

/* Who was put just now, for the first time. */
static long long put_new(uint64_t index)
{
    (void)put_phone(index, "13900000001");
    return strtoll(pg_sql("SELECT id FROM resident ORDER BY id DESC LIMIT 1"), NULL, 10);
}

TEST("what calls have put, changed, decided and erased adds up; the outcome is a line, and the job counts every row")
{
    int64_t since = clock_now_us();
    (void)put_new(3000);
    (void)put_phone(3000, "13900000002");
    (void)put_phone(3000, "13900000002"); /* nothing changes */
    const Vault__V1__Job *job = verified("done");
    assert_string_equal(job->finding, "");
    assert_string_equal(job->kind, "verify");
    assert_int_equal(job->done, FIXTURE_RESIDENTS + 1);
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"change\":\"verify\""), 1);
    assert_int_equal(occurrences(views, "\"change\":\"verified\""), 1);
    assert_non_null(strstr(views, "\"hits\":201"));
    erase(3000);
    assert_int_equal(verified("done")->done, FIXTURE_RESIDENTS);
}

TEST("an older row of a resident, put back with its key, is found and named")
{
    long long id = put_new(3001);
    keep(id);
    (void)put_phone(3001, "13900000003");
    pg_sql("CREATE TABLE newer_row AS SELECT * FROM resident WHERE id = %lld", id);
    put_back();
    const char *finding = verified("failed")->finding, *name = arena_format(fixture_memory(), "row %lld is older", id);
    assert_non_null(strstr(finding, name));
    assert_non_null(strstr(finding, "do not add up"));
    pg_sql("DELETE FROM resident WHERE id = %lld; INSERT INTO resident SELECT * FROM newer_row; DROP TABLE newer_row",
           id);
    expect_sound();
}

TEST("a row that is taken away, with or without its key, is found")
{
    keep(a_resident(7));
    pg_sql("DELETE FROM resident_key USING kept_row k WHERE resident_key.id = k.id;"
           " DELETE FROM resident USING kept_row k WHERE resident.id = k.id");
    expect_finding("do not add up");
    put_back();
    pg_sql("DELETE FROM resident USING kept_row k WHERE resident.id = k.id");
    expect_finding("keys without a row: 1");
    put_back();
    pg_sql("DELETE FROM resident_key USING kept_row k WHERE resident_key.id = k.id");
    expect_finding("does not fit its tag");
    put_back();
    expect_sound();
}

TEST("somebody who was erased and is put in again by SQL, row and key, is found")
{
    long long id = put_new(3002);
    keep(id);
    erase(3002);
    expect_sound();
    put_back();
    expect_finding("do not add up");
    pg_sql("DELETE FROM resident WHERE id = %lld; DELETE FROM resident_key WHERE id = %lld", id, id);
    expect_sound();
}

TEST("every edited column is found, and the row is named")
{
    static const char *const EDITS[] = {"resident SET area = area + 1",
                                        "resident SET version = version + 1",
                                        "resident SET state = 3 - state",
                                        "resident SET made = made + 1",
                                        "resident SET natural_key = sha256('x')::bytea",
                                        "resident SET tag = set_byte(tag, 20, get_byte(tag, 20) # 1)",
                                        "resident SET terms = terms[2:]",
                                        "resident SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)",
                                        "resident_key SET dek = set_byte(dek, 40, get_byte(dek, 40) # 1)",
                                        "resident_key SET ring_version = ring_version + 1"};
    long long id = a_resident(11);
    keep(id);
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "row %lld does not fit its tag", id);
        pg_sql("UPDATE %s WHERE id = %lld", EDITS[i], id);
        expect_finding(wanted);
        put_back();
    }
    expect_sound();
}

TEST("two residents whose rows were exchanged are found, and many faults are counted")
{
    pg_sql("UPDATE resident SET area = area + 1 WHERE id IN (SELECT id FROM resident ORDER BY id LIMIT 5)");
    expect_finding("and 2 more do not fit their tags");
    pg_sql("UPDATE resident SET area = area - 1 WHERE id IN (SELECT id FROM resident ORDER BY id LIMIT 5)");
    expect_sound();
    pg_sql("CREATE TABLE two AS SELECT id, row_number() OVER (ORDER BY id) n FROM resident ORDER BY id LIMIT 2;"
           " UPDATE resident r SET id = -t.id FROM two t WHERE r.id = t.id;"
           " UPDATE resident r SET id = o.id FROM two t JOIN two o ON o.n <> t.n WHERE r.id = -t.id");
    expect_finding("do not fit their tags");
    pg_sql("UPDATE resident r SET id = -t.id FROM two t WHERE r.id = t.id;"
           " UPDATE resident r SET id = o.id FROM two t JOIN two o ON o.n <> t.n WHERE r.id = -t.id; DROP TABLE two");
    expect_sound();
}

TEST("a second call joins the job that runs, and an administrator may ask as well; an app may not")
{
    NEW_REQUEST(in, Vault__V1__VerifyRowsRequest, vault__v1__verify_rows_request__init);
    expect_outcome(steward(NULL, ELDERCARE, "/vault.v1.Audit/VerifyRows", &in->base), VAULT_DENIED, "role");
    const char *first = verify_as(OFFICER), *second = verify_as(ADMINISTRATOR);
    wait_for_job(first, "done");
    wait_for_job(second, "done");
}

TEST("rows are verified while calls change them and rings are rotated: what is seen is one moment")
{
    rotated("record");
    const char *name = verify_as(OFFICER);
    for (int i = 0; i < 20; i++) (void)put_phone(3100 + (uint64_t)i % 3, i % 2 ? "13900000004" : "13900000005");
    wait_for_job(name, "done");
    request *rq = rotate_as(NULL, ADMINISTRATOR, (rotate_wish){.rings = {"record"}, .suite = "gm"});
    while (rq->err.code != VAULT_OK) { /* the first rotation goes on */
        usleep(50000);
        rq = rotate_as(NULL, ADMINISTRATOR, (rotate_wish){.rings = {"record"}, .suite = "gm"});
    }
    const char *job = ((const Vault__V1__RotateResponse *)(const void *)rq->out)->jobs[0]->name;
    expect_sound(); /* of both suites */
    wait_for_job(job, "done");
    expect_sound();
}

TEST("a job that was written by hand into the table changes nothing but its own row")
{
    pg_sql("INSERT INTO job (kind, ring, version, state, total, done, created, resumed, resumed_done, ended, finding)"
           " SELECT 6, '', 0, 1, 9, 0, 0, 0, 0, 0, ''");
    char name[32];
    snprintf(name, sizeof name, "jobs/%s", pg_sql("SELECT max(id) FROM job"));
    wait_for_job(name, "done");
}

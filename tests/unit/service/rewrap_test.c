/* A rotation of the record ring, step by step: residents, vouchers and kept answers are good at every moment of it. */
#include "tests/unit/service/rotating.h"
#include "tests/unit/service/vouchers.h"

#include <fcntl.h>
#include <stdlib.h>

#define STREET resident_in_street(0)

static long number(const char *sql)
{
    return strtol(pg_sql("%s", sql), NULL, 10);
}

static const char *name_of(session *by, const char *whose)
{
    request *rq = ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                               .uri = ELDERCARE,
                               .purpose = CARE,
                               .in = &reveal_of(whose, MASK("name"))->base,
                               .by = by});
    expect_outcome(rq, VAULT_OK, NULL);
    return revealed(rq, 0);
}

/* The same request each time: made once, and answered as it was from then on. */
static const char *voucher(unsigned uses)
{
    static const asking again = {.uri = ELDERCARE, .purpose = CARE, .id = "one-voucher"};
    NEW_REQUEST(in, Vault__V1__BatchCreateVouchersRequest, vault__v1__batch_create_vouchers_request__init);
    const char *whose = token_for(ELDERCARE, CARE, STREET);
    in->n_tokens = 1;
    in->tokens = lend_all(&whose, 1);
    in->field_mask = MASK("name");
    in->consumer = lend("clinic");
    in->uses = uses;
    request *rq = called(&again, VOUCHERS, &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__VoucherResult *one =
        ((const Vault__V1__BatchCreateVouchersResponse *)(const void *)rq->out)->results[0];
    assert_null(one->status);
    return one->voucher;
}

static const char *redeemed(const char *text)
{
    NEW_REQUEST(in, Vault__V1__BatchRedeemVouchersRequest, vault__v1__batch_redeem_vouchers_request__init);
    in->n_vouchers = 1;
    in->vouchers = lend_all(&text, 1);
    request *rq = called(&TAKER, REDEEM, &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RedeemVoucherResult *one =
        ((const Vault__V1__BatchRedeemVouchersResponse *)(const void *)rq->out)->results[0];
    assert_null(one->status);
    assert_int_equal(one->n_values, 1);
    return one->values[0]->value->text;
}

static job_row given_rotation(void)
{
    job_row job;
    (void)given_no_keeper();
    (void)ROTATE(.suite = NULL, "record");
    assert_true(open_job(&job));
    assert_int_equal(job.kind, JOB_REWRAP);
    assert_true(job.total >= FIXTURE_RESIDENTS);
    return job;
}

static void expect_all_under(int32_t version)
{
    int64_t left;
    vault_error err = {0};
    expect_ok(store_stale_count(fixture_session()->store, version, &left, &err), &err);
    assert_int_equal(left, 0);
}

/* What is logged between the two calls. */
static struct {
    int was, file;
    char path[64];
} told;

static void listen_to_log(void)
{
    snprintf(told.path, sizeof told.path, "/tmp/vault-told-XXXXXX");
    fflush(stderr);
    told.was = dup(STDERR_FILENO);
    told.file = mkstemp(told.path);
    dup2(told.file, STDERR_FILENO);
}

static const char *what_was_logged(void)
{
    static char text[8192];
    fflush(stderr);
    dup2(told.was, STDERR_FILENO);
    ssize_t len = pread(told.file, text, sizeof text - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    close(told.was);
    close(told.file);
    unlink(told.path);
    return text;
}

TEST("residents, vouchers and kept answers are good after every step, and all stand under the new version in the end")
{
    const char *text = voucher(1000), *whose = token_for(ELDERCARE, CARE, STREET), *kept = lend(text);
    const char *name = lend(name_of(NULL, whose));
    job_row job = given_rotation();
    job_work w = {.job = &job};
    size_t steps = 0;
    while (!step_by(fixture_session(), &w, 16)) {
        assert_string_equal(name_of(NULL, whose), name);
        assert_string_equal(redeemed(kept), name);
        assert_string_equal(voucher(1000), kept);
        if (steps++ % 4 == 0) (void)put_residents(300 + steps, 2);
    }
    assert_true(steps > FIXTURE_RESIDENTS / 16);
    end_work(&w);
    expect_all_under(job.version);
    assert_int_equal(number("select state from job"), JOB_DONE);
    assert_in_range(number("select done from job"), FIXTURE_RESIDENTS, job.total + 1000);
    assert_int_equal(number("select count(*) from resident_key"), number("select count(*) from resident"));
    fixture_restart();
    whose = token_for(ELDERCARE, CARE, STREET);
    assert_string_equal(redeemed(voucher(1000)), name_of(NULL, whose));
    fixture_reset();
}

TEST("a node that has not heard of the rotation answers right from rows that are under the new version already: no "
     "damage")
{
    node other;
    node_open(&other);
    keeper_close(&other.service->keeper);
    const char *whose = token_for(ELDERCARE, CARE, STREET), *name = lend(name_of(other.session, whose));
    (void)given_rotation();
    (void)run_jobs(1000, NULL);
    listen_to_log();
    assert_string_equal(name_of(other.session, whose), name);
    const char *log = what_was_logged();
    assert_null(strstr(log, "integrity"));
    node_close(&other);
    fixture_restart();
    fixture_reset();
}

TEST("a node takes no step of a rotation that it has not heard of before it has read control anew")
{
    node other;
    node_open(&other);
    keeper_close(&other.service->keeper);
    job_row job = given_rotation();
    job_work w = {.job = &job};
    assert_false(step_by(other.session, &w, 8));
    char query[128];
    snprintf(query, sizeof query, "select count(*) from resident_key where ring_version = %d", job.version);
    assert_int_equal(number(query), 8);
    forget_work(&w);
    (void)run_jobs(1000, NULL);
    node_close(&other);
    fixture_restart();
    fixture_reset();
}

TEST("what another holds is passed over: the others are brought over, the job waits, and ends when it is let go")
{
    vault_error err = {0};
    store *holder = NULL;
    key_row held[3];
    size_t count;
    job_row job = given_rotation();
    job_work w = {.job = &job};
    expect_ok(store_open(&holder, pg_conninfo(), &err), &err);
    expect_ok(store_begin(holder, &err), &err);
    const stale_range of = {.version = job.version, .limit = 3};
    expect_ok(store_keys_stale(holder, fixture_memory(), &of, held, &count, &err), &err);
    assert_int_equal(count, 3);
    for (int i = 0; i < 100 && !w.waits; i++) assert_false(step_by(fixture_session(), &w, 100));
    assert_true(w.waits);
    int64_t left;
    expect_ok(store_stale_count(fixture_session()->store, job.version, &left, &err), &err);
    assert_int_equal(left, 3);
    store_rollback(holder);
    store_close(&holder);
    while (!step_by(fixture_session(), &w, 100)) w.waits = false;
    end_work(&w);
    expect_all_under(job.version);
    fixture_restart();
    fixture_reset();
}

TEST("keys and notes that do not open stay, all others are brought over, and the job fails at its end")
{
    vault_error err = {0};
    (void)voucher(1000);
    job_row job = given_rotation();
    job_work w = {.job = &job};
    pg_sql(
        "create table kept_keys as select * from resident_key order by id limit 2;"
        "create table kept_notes as select * from voucher limit 1;"
        "update resident_key set dek = set_byte(dek, 40, get_byte(dek, 40) # 1) where id in (select id from kept_keys);"
        "update voucher set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) where id in (select id from "
        "kept_notes)");
    vault_code code = VAULT_OK;
    listen_to_log();
    while (code == VAULT_OK && !w.ended) {
        w.most = 50;
        code = session_run(fixture_session(), run_step, &w, &err);
    }
    const char *log = what_was_logged();
    assert_int_equal(code, VAULT_INTEGRITY);
    assert_string_equal(w.finding, "3 keys or notes do not open, and stay under an older version");
    assert_non_null(strstr(log, "record.integrity"));
    vault_error_clear(&err);
    int64_t left;
    expect_ok(store_stale_count(fixture_session()->store, job.version, &left, &err), &err);
    assert_int_equal(left, 3);
    pg_sql("update resident_key k set dek = o.dek from kept_keys o where o.id = k.id;"
           "update voucher v set sealed = o.sealed from kept_notes o where o.id = v.id");
    while (!step_by(fixture_session(), &w, 50)) {}
    end_work(&w);
    expect_all_under(job.version);
    pg_sql("drop table kept_keys, kept_notes");
    fixture_restart();
    fixture_reset();
}

TEST("a step of a job that was paused or cancelled meanwhile is not committed")
{
    vault_error err = {0};
    char query[128];
    job_row job = given_rotation();
    job_work w = {.job = &job, .most = 10};
    snprintf(query, sizeof query, "select count(*) from resident_key where ring_version = %d", job.version);
    for (int to = JOB_PAUSED; to <= JOB_CANCELLED; to++) {
        pg_sql("update job set state = %d where id = %lld", to, (long long)job.id);
        expect_code(session_run(fixture_session(), run_step, &w, &err), VAULT_NOT_FOUND, &err);
        assert_int_equal(number(query), 0);
        vault_error_clear(&err);
    }
    pg_sql("update job set state = 1 where id = %lld", (long long)job.id);
    assert_false(step_by(fixture_session(), &w, 10));
    assert_int_equal(number(query), 10);
    forget_work(&w);
    fixture_restart();
    fixture_reset();
}

TEST("what a node left in the middle is done by whoever comes: each key once, counted right")
{
    node other;
    job_row job;
    node_open(&other); /* the keeper of the restarted node is at the job of the test before, and another joins it */
    for (int i = 0; i < 6000 && open_job(&job); i++) usleep(10000);
    assert_false(open_job(&job));
    assert_int_equal(number("select state from job order by id desc limit 1"), JOB_DONE);
    assert_int_equal(number("select total - done from job order by id desc limit 1"), 0);
    expect_all_under((int32_t)number("select max(version) from key_ring where name = 'record'"));
    node_close(&other);
    fixture_reset();
}

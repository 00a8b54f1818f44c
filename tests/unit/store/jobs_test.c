/* Jobs: one of a kind and ring at a time, progress that is committed with the work, states that only lead on. */
#include "tests/unit/store/fixture.h"

static job_row rewrap(const char *ring)
{
    return (job_row){
        .kind = JOB_REWRAP, .state = JOB_RUNNING, .ring = ring, .version = 2, .total = 900, .created_us = 5};
}

static job_row given_job(store *s, const char *ring)
{
    job_row row = rewrap(ring);
    expect_ok(store_job_insert(s, &row, &err), &err);
    return row;
}

static job_row read_job(store *s, int64_t id)
{
    job_row *rows;
    size_t count;
    expect_ok(store_jobs_read(s, mem, (job_filter){.id = id}, &rows, &count, &err), &err);
    assert_int_equal(count, 1);
    return rows[0];
}

static vault_code set(store *s, const job_row *job, job_state to, int64_t now_us)
{
    job_row next = *job;
    next.state = (int16_t)to;
    vault_error_clear(&err);
    return store_job_set(s, &next, now_us, &err);
}

static void advance(store *s, int64_t id, int64_t more)
{
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_job_advance(s, id, more, &err), &err);
    expect_ok(store_commit(s, &err), &err);
}

TEST("a job is read as it was written, and there is one of a kind and ring at a time")
{
    store *s = fresh_store();
    job_row row = rewrap("record"), again = row, other = rewrap("term/name"), *rows;
    size_t count;
    row.resumed_us = 6;
    row.done = 7;
    row.resumed_done = 8;
    row.finding = "nothing";
    expect_ok(store_job_insert(s, &row, &err), &err);
    expect_code(store_job_insert(s, &again, &err), VAULT_CONFLICT, &err);
    vault_error_clear(&err);
    expect_ok(store_job_insert(s, &other, &err), &err);
    expect_ok(store_jobs_read(s, mem, (job_filter){0}, &rows, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, other.id);
    const job_row *got = &rows[1];
    assert_int_equal(got->id, row.id);
    assert_int_equal(got->kind, JOB_REWRAP);
    assert_int_equal(got->state, JOB_RUNNING);
    assert_string_equal(got->ring, "record");
    assert_int_equal(got->version, 2);
    assert_int_equal(got->total, 900);
    assert_int_equal(got->done, 7);
    assert_int_equal(got->created_us, 5);
    assert_int_equal(got->resumed_us, 6);
    assert_int_equal(got->resumed_done, 8);
    assert_int_equal(got->ended_us, 0);
    assert_string_equal(got->finding, "nothing");
    store_close(&s);
}

TEST("a job that is paused still stands in the way, one that has ended does not")
{
    store *s = fresh_store();
    job_row job = given_job(s, "record"), again = job, *rows;
    size_t count;
    expect_ok(set(s, &job, JOB_PAUSED, 10), &err);
    expect_code(store_job_insert(s, &again, &err), VAULT_CONFLICT, &err);
    vault_error_clear(&err);
    expect_ok(store_jobs_read(s, mem, (job_filter){.open = true}, &rows, &count, &err), &err);
    assert_int_equal(count, 1);
    expect_ok(set(s, &job, JOB_CANCELLED, 11), &err);
    expect_ok(store_jobs_read(s, mem, (job_filter){.open = true}, &rows, &count, &err), &err);
    assert_int_equal(count, 0);
    expect_ok(store_job_insert(s, &again, &err), &err);
    assert_true(again.id > job.id);
    store_close(&s);
}

TEST("progress is committed with the work: rolled back it is gone, and of a job that does not run there is none")
{
    store *s = fresh_store();
    job_row job = given_job(s, "record");
    expect_code(store_job_advance(s, job.id, 3, &err), VAULT_INTERNAL, &err);
    vault_error_clear(&err);
    advance(s, job.id, 3);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_job_advance(s, job.id, 40, &err), &err);
    store_rollback(s);
    advance(s, job.id, 4);
    assert_int_equal(read_job(s, job.id).done, 7);
    expect_ok(set(s, &job, JOB_PAUSED, 10), &err);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_job_advance(s, job.id, 1, &err), VAULT_NOT_FOUND, &err);
    store_rollback(s);
    vault_error_clear(&err);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_job_advance(s, 99, 1, &err), VAULT_NOT_FOUND, &err);
    store_rollback(s);
    vault_error_clear(&err);
    store_close(&s);
}

TEST("that calls wait is told to all nodes, by the clock of the database, and of no job that is paused")
{
    store *s = fresh_store();
    job_row job = given_job(s, "record"), other = given_job(s, "log");
    assert_true(read_job(s, job.id).quiet_ms > 1000000);
    expect_ok(store_job_busy(s, job.id, &err), &err);
    assert_in_range(read_job(s, job.id).quiet_ms, 0, 120000);
    assert_true(read_job(s, other.id).quiet_ms > 1000000);
    expect_ok(set(s, &other, JOB_PAUSED, 10), &err);
    expect_ok(store_job_busy(s, other.id, &err), &err);
    assert_true(read_job(s, other.id).quiet_ms > 1000000);
    store_close(&s);
}

TEST("what a job waits for is told as long as it runs, and stays when it is paused")
{
    store *s = fresh_store();
    job_row job = given_job(s, "record");
    expect_ok(store_job_say(s, job.id, "waits for spring", &err), &err);
    assert_string_equal(read_job(s, job.id).finding, "waits for spring");
    expect_ok(store_job_say(s, job.id, "", &err), &err);
    assert_string_equal(read_job(s, job.id).finding, "");
    expect_ok(store_job_say(s, job.id, "waits for autumn", &err), &err);
    job = read_job(s, job.id);
    expect_ok(set(s, &job, JOB_CANCELLED, 10), &err);
    expect_ok(store_job_say(s, job.id, "goes on", &err), &err);
    assert_string_equal(read_job(s, job.id).finding, "waits for autumn");
    store_close(&s);
}

TEST("to resume begins the rate anew; to end says when, and what was found")
{
    store *s = fresh_store();
    job_row job = given_job(s, "record");
    advance(s, job.id, 300);
    expect_ok(set(s, &job, JOB_PAUSED, 10), &err);
    expect_ok(set(s, &job, JOB_RUNNING, 20), &err);
    advance(s, job.id, 5);
    job_row now = read_job(s, job.id);
    assert_int_equal(now.resumed_us, 20);
    assert_int_equal(now.resumed_done, 300);
    assert_int_equal(now.done, 305);
    assert_int_equal(now.ended_us, 0);
    job.finding = "a row that does not open";
    job.total = 305;
    expect_ok(set(s, &job, JOB_FAILED, 30), &err);
    now = read_job(s, job.id);
    assert_int_equal(now.state, JOB_FAILED);
    assert_int_equal(now.ended_us, 30);
    assert_int_equal(now.resumed_us, 20);
    assert_int_equal(now.total, 305);
    assert_string_equal(now.finding, "a row that does not open");
    store_close(&s);
}

TEST("states only lead on: all pairs of them")
{
    static const bool leads[JOB_STATES][JOB_STATES] = {
        [JOB_RUNNING] = {[JOB_PAUSED] = true, [JOB_CANCELLED] = true, [JOB_DONE] = true, [JOB_FAILED] = true},
        [JOB_PAUSED] = {[JOB_RUNNING] = true, [JOB_CANCELLED] = true}};
    store *s = fresh_store();
    job_row job = given_job(s, "record");
    for (int from = JOB_RUNNING; from < JOB_STATES; from++) {
        for (int to = JOB_RUNNING; to < JOB_STATES; to++) {
            pg_sql("update job set state = %d", from);
            expect_code(set(s, &job, (job_state)to, 10), leads[from][to] ? VAULT_OK : VAULT_CONFLICT, &err);
            assert_int_equal(sql_number("select state from job"), leads[from][to] ? to : from);
        }
    }
    expect_code(set(s, &job, JOB_STATES, 10), VAULT_INTERNAL, &err);
    vault_error_clear(&err);
    expect_code(set(s, &(job_row){.id = 99}, JOB_DONE, 10), VAULT_CONFLICT, &err);
    vault_error_clear(&err);
    store_close(&s);
}

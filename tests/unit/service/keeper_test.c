/* The keeper, by itself: which jobs it takes, and how they end. */
#include "tests/unit/service/lines.h"
#include "tests/unit/service/steward.h"

#include "vault/audit/internal.h"
#include "vault/audit/known_lines.h"
#include "vault/base/clock.h"
#include "vault/base/metric.h"
#include "vault/service/columns_round.h"
#include "vault/service/jobs.h"

#include <stdlib.h>

static vault_error err;
static store *own;

static long number(const char *sql)
{
    return strtol(pg_sql("%s", sql), NULL, 10);
}

static store *given_store(void)
{
    (void)fixture_session();
    if (!own) expect_ok(store_open(&own, pg_conninfo(), &err), &err);
    return own;
}

static job_row given_job(job_kind kind, const char *of, int32_t version)
{
    job_row row = {.kind = (int16_t)kind, .state = JOB_RUNNING, .ring = of, .version = version, .total = 200};
    row.created_us = row.resumed_us = clock_now_us();
    expect_ok(store_job_insert(given_store(), &row, &err), &err);
    keeper_wake(fixture_service()->keeper);
    return row;
}

static job_row read_job(int64_t id)
{
    job_row *rows;
    size_t count;
    expect_ok(store_jobs_read(given_store(), fixture_memory(), (job_filter){.id = id}, &rows, &count, &err), &err);
    assert_int_equal(count, 1);
    return rows[0];
}

/* At most a minute. */
static job_row wait_for_end(int64_t id)
{
    int64_t until = clock_monotonic_us() + 60000000;
    while (read_job(id).ended_us == 0 && clock_monotonic_us() < until) usleep(5000);
    job_row row = read_job(id);
    assert_true(row.ended_us > 0);
    return row;
}

static void set_state(const job_row *job, job_state to)
{
    job_row next = *job;
    next.state = (int16_t)to;
    expect_ok(store_job_set(given_store(), &next, clock_now_us(), &err), &err);
    keeper_wake(fixture_service()->keeper);
}

TEST("a job of which nothing is left is done at once, and that is a line")
{
    (void)given_store();
    int64_t since = clock_now_us(), before = lines_in_log();
    job_row end = wait_for_end(given_job(JOB_REWRAP, "record", 1).id);
    assert_int_equal(end.state, JOB_DONE);
    assert_int_equal(end.done, 0);
    assert_string_equal(end.finding, "");
    assert_int_equal(lines_in_log(), before + 1);
    const char *said = views_since(since);
    assert_int_equal(occurrences(said, "\"change\":\"rotated\""), 1);
    assert_int_equal(occurrences(said, "\"ring\":\"record\""), 1);
    assert_int_equal(occurrences(said, "JOB_FAILED"), 0);
    fixture_reset();
}

TEST("keys that do not open stay where they are, and the job fails in the end and says how many")
{
    (void)given_store();
    pg_sql("update resident_key set ring_version = 9 where id in (select id from resident_key order by id limit 2)");
    const char *before =
        arena_text(fixture_memory(), bytes_of_text(pg_sql("select md5(string_agg(dek::text, ',' order by "
                                                          "id)) from resident_key")));
    int64_t since = clock_now_us();
    job_row end = wait_for_end(given_job(JOB_REWRAP, "record", 1).id);
    assert_int_equal(end.state, JOB_FAILED);
    assert_int_equal(end.done, 0);
    assert_non_null(strstr(end.finding, "2 keys or notes do not open"));
    assert_string_equal(pg_sql("select md5(string_agg(dek::text, ',' order by id)) from resident_key"), before);
    assert_int_equal(occurrences(views_since(since), "JOB_FAILED"), 1);
    pg_sql("update resident_key set ring_version = 1");
    fixture_reset();
}

TEST("a job that is paused waits, also over a restart; resumed it goes on; cancelled it stays as it is")
{
    job_row job = given_job(JOB_REWRAP, "record", 7); /* no node has such a version: it goes on and on */
    usleep(100000);
    assert_int_equal(read_job(job.id).state, JOB_RUNNING);
    set_state(&job, JOB_PAUSED);
    pg_sql("update job set ring = 'record', version = 1 where id = %lld", (long long)job.id);
    fixture_restart();
    usleep(100000);
    assert_int_equal(read_job(job.id).state, JOB_PAUSED);
    set_state(&job, JOB_RUNNING);
    assert_int_equal(wait_for_end(job.id).state, JOB_DONE);
    job_row other = given_job(JOB_REWRAP, "record", 7);
    set_state(&other, JOB_CANCELLED);
    usleep(100000);
    assert_int_equal(read_job(other.id).state, JOB_CANCELLED);
    fixture_reset();
}

TEST("a job of a kind that is not known here, or of a version that is not active any more, harms no other")
{
    int64_t id = strtoll(pg_sql("insert into job (kind, ring, version, state, total, done, created, resumed,"
                                " resumed_done, ended, finding) values (99, 'record', 1, 1, 0, 0, 0, 0, 0, 0, '')"
                                " returning id"),
                         NULL, 10);
    job_row past = given_job(JOB_REWRAP, "record", 0);
    assert_int_equal(wait_for_end(past.id).state, JOB_FAILED);
    assert_non_null(strstr(read_job(past.id).finding, "not the active one"));
    job_row other = given_job(JOB_REWRAP, "log", 1);
    assert_int_equal(wait_for_end(other.id).state, JOB_FAILED);
    assert_non_null(strstr(read_job(other.id).finding, "another ring"));
    assert_int_equal(wait_for_end(given_job(JOB_REWRAP, "record", 1).id).state, JOB_DONE);
    assert_int_equal(read_job(id).state, JOB_RUNNING);
    pg_sql("delete from job where kind = 99");
    fixture_reset();
}

TEST("two nodes end a job once, and say so once")
{
    node other;
    node_open(&other);
    for (int i = 0; i < 20; i++) {
        int64_t before = lines_in_log();
        job_row job = given_job(JOB_REWRAP, "record", 1);
        keeper_wake(other.service->keeper);
        assert_int_equal(wait_for_end(job.id).state, JOB_DONE);
        usleep(10000);
        assert_int_equal(lines_in_log(), before + 1);
    }
    node_close(&other);
    fixture_reset();
}

TEST("a job that is begun while another of its ring is open is refused with its reason")
{
    session *s = fixture_session();
    job_row job = {.kind = JOB_REWRAP, .ring = "record", .version = 7}, again = job;
    expect_ok(job_start(s, given_store(), &job, &err), &err);
    assert_true(job.total >= number("select count(*) from resident_key"));
    assert_int_equal(job_start(s, given_store(), &again, &err), VAULT_PRECONDITION);
    assert_string_equal(err.reason, "ROTATION_OPEN");
    vault_error_clear(&err);
    set_state(&job, JOB_CANCELLED);
    again.kind = 99;
    expect_code(job_start(s, given_store(), &again, &err), VAULT_INTERNAL, &err);
    fixture_reset();
}

TEST("progress has a rate since it was resumed, and an end that follows from it")
{
    int64_t now = clock_now_us();
    clock_set_for_test(now);
    job_row row = {.id = 17, .kind = JOB_REWRAP, .state = JOB_RUNNING, .ring = "record", .version = 2, .finding = ""};
    row.total = 1000, row.done = 600, row.resumed_done = 400, row.created_us = now - 90000000;
    row.resumed_us = now - 10000000;
    const Vault__V1__Job *job = job_message(fixture_memory(), &row);
    assert_string_equal(job->name, "jobs/17");
    assert_string_equal(job->kind, "rewrap");
    assert_string_equal(job->state, "running");
    assert_true(job->rows_per_second > 19.9 && job->rows_per_second < 20.1);
    assert_in_range(job->estimated_end_time->seconds, now / 1000000 + 19, now / 1000000 + 21);
    assert_null(job->end_time);
    row.state = JOB_PAUSED;
    job = job_message(fixture_memory(), &row);
    assert_true(job->rows_per_second == 0);
    assert_null(job->estimated_end_time);
    row.state = JOB_DONE, row.done = 1200, row.ended_us = now - 8000000;
    job = job_message(fixture_memory(), &row);
    assert_true(job->rows_per_second > 399 && job->rows_per_second < 401);
    assert_int_equal(job->total, 1200);
    row.total = 1300;
    assert_int_equal(job_message(fixture_memory(), &row)->total, 1200);
    assert_int_equal(job->end_time->seconds, (now - 8000000) / 1000000);
    row = (job_row){.id = 1, .kind = JOB_REWRAP, .state = JOB_RUNNING, .ring = "", .finding = "", .resumed_us = now};
    assert_null(job_message(fixture_memory(), &row)->estimated_end_time);
    clock_set_for_test(0);
}

TEST("steps are counted by kind")
{
    const metric_at rewrap = {JOB_REWRAP, 0};
    uint64_t before = metric_read(METRIC_JOB_STEP_SECONDS, rewrap);
    wait_for_end(given_job(JOB_REWRAP, "record", 1).id);
    assert_true(metric_read(METRIC_JOB_STEP_SECONDS, rewrap) > before);
}

/* ---- columns of the log ---- */

static vault_code append_stretch(session *s, void *context, vault_error *why)
{
    enum { MANY = 4096 };
    line *lines = arena_array(s->mem, MANY, sizeof *lines), two[2];
    const line_facts said[] = {{.action = LINE_REVEAL, .person = "a", .refers_to = -1},
                               {.action = LINE_SEARCH, .person = "b", .refers_to = -1}};
    (void)context;
    for (size_t i = 0; i < 2; i++) VAULT_TRY(line_make(&two[i], s->scribe, s->mem, &said[i], NULL, why));
    for (size_t done = 0; done < COLUMN_STRETCH; done += MANY) {
        for (size_t i = 0; i < MANY; i++) lines[i] = two[i % 2];
        VAULT_TRY(append_alone(s, lines, MANY, why));
    }
    return VAULT_OK;
}

TEST("a stretch of the log gets its block, and a node that is started knows its lines before anybody asks")
{
    expect_ok(session_run(fixture_session(), append_stretch, NULL, &err), &err);
    fixture_restart(); /* it looks at once */
    int64_t until = clock_monotonic_us() + 60000000;
    while (!known_lines_whole(fixture_service()->ledger->known_lines, 0) && clock_monotonic_us() < until) usleep(5000);
    assert_true(known_lines_whole(fixture_service()->ledger->known_lines, 0));
    assert_int_equal(number("SELECT count(*) FROM line_columns"), 1);
}

/* Rounds of their own; how many failures they told of. */
static uint64_t told_in_rounds(columns_round *r, int rounds)
{
    const uint64_t before = r->told;
    for (int i = 0; i < rounds; i++)
        for (int steps = 0; !columns_round_step(r, fixture_session()); steps++) assert_true(steps < 100);
    return r->told - before;
}

TEST("a block or a line that is damaged is told of once, not in each round; again when that changes or comes back")
{
    columns_round r = {0};
    pg_sql("CREATE TABLE kept_block AS SELECT * FROM line_columns; CREATE TABLE kept_lines AS SELECT * FROM line WHERE "
           "idx < 1000");
    pg_sql("UPDATE line_columns SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)");
    fixture_restart(); /* it knows no lines yet */
    keeper_close(&fixture_service()->keeper);
    assert_int_equal(told_in_rounds(&r, 1), 1);
    assert_int_equal(told_in_rounds(&r, 3), 0);
    pg_sql(
        "DELETE FROM line_columns; UPDATE line SET leaf = set_byte(leaf, 20, get_byte(leaf, 20) # 1) WHERE idx = 900");
    assert_int_equal(told_in_rounds(&r, 3), 1);
    pg_sql("UPDATE line SET leaf = set_byte(leaf, 20, get_byte(leaf, 20) # 1) WHERE idx = 7");
    assert_int_equal(told_in_rounds(&r, 3), 1);
    pg_sql("UPDATE line SET leaf = k.leaf FROM kept_lines k WHERE line.idx = k.idx");
    assert_int_equal(told_in_rounds(&r, 2), 0);
    assert_int_equal(number("SELECT count(*) FROM line_columns"), 1);
    pg_sql("DELETE FROM line_columns; UPDATE line SET leaf = set_byte(leaf, 20, get_byte(leaf, 20) # 1) WHERE idx = 7");
    assert_int_equal(told_in_rounds(&r, 2), 1);
    pg_sql("UPDATE head SET size = size + 1"); /* nothing can be passed over then: the round ends */
    assert_int_equal(told_in_rounds(&r, 3), 1);
    pg_sql("UPDATE head SET size = size - 1");
    columns_round_clear(&r);
    store_close(&own);
}

/* A pass of a rewrite over all rows: those that others hold, those that do not open, and those that are done. */
#include "tests/unit/service/rotating.h"

#include <stdlib.h>

enum { MOST = 8, STRETCH = 16 };

static vault_error err;

static long number(const char *sql)
{
    return strtol(pg_sql("%s", sql), NULL, 10);
}

static long stale_rows(void)
{
    return number(
        "SELECT count(*) FROM resident WHERE made < (SELECT max(since) FROM key_ring WHERE name = 'natural')");
}

static void given_rotation(job_row *job)
{
    (void)given_no_keeper();
    (void)ROTATE(.reseal = false, "natural");
    assert_true(open_job(job));
}

/* To the end of a pass. */
static vault_code pass(job_work *w)
{
    vault_code code = VAULT_OK;
    w->ended = w->waits = false;
    w->most = MOST;
    while (code == VAULT_OK && !w->ended && !w->waits) code = session_run(fixture_session(), run_step, w, &err);
    return code;
}

TEST("a row that another transaction holds is not forgotten: the next pass meets it")
{
    job_row job;
    job_work w = {.job = &job};
    resident_row held;
    size_t count;
    store *other = NULL;
    given_rotation(&job);
    expect_ok(store_open(&other, pg_conninfo(), &err), &err);
    expect_ok(store_begin(other, &err), &err);
    expect_ok(store_residents_stale(other, fixture_memory(), &(stale_range){.made = INT64_MAX, .after = 0, .limit = 1},
                                    &held, &count, &err),
              &err);
    expect_ok(pass(&w), &err);
    assert_true(w.waits && !w.ended);
    assert_int_equal(stale_rows(), 1);
    store_rollback(other); /* a connection that is closed is not at once gone */
    store_close(&other);
    expect_ok(pass(&w), &err);
    assert_true(w.ended);
    assert_int_equal(stale_rows(), 0);
    end_work(&w);
    fixture_reset();
}

TEST("a row that does not open keeps none of the others, and the pass ends by saying how many there are")
{
    job_row job;
    job_work w = {.job = &job};
    pg_sql("UPDATE resident SET area = area + 1 WHERE id = (SELECT min(id) FROM resident)");
    given_rotation(&job);
    assert_int_equal(pass(&w), VAULT_INTEGRITY);
    assert_non_null(strstr(w.finding, "1 rows do not open"));
    vault_error_clear(&err);
    assert_int_equal(stale_rows(), 1);
    pg_sql("UPDATE resident SET area = area - 1 WHERE id = (SELECT min(id) FROM resident)");
    expect_ok(pass(&w), &err);
    assert_int_equal(stale_rows(), 0);
    end_work(&w);
    fixture_reset();
}

TEST("a node that takes a rewrite up again goes over what is done in long stretches")
{
    job_row job;
    job_work w = {.job = &job}, again = {.job = &job};
    size_t steps = 0;
    given_rotation(&job);
    expect_ok(pass(&w), &err);
    long rows = number("SELECT count(*) FROM resident");
    while (!step_by(fixture_session(), &again, 1)) steps++;
    assert_int_equal(steps, (size_t)(rows + STRETCH - 1) / STRETCH);
    forget_work(&again);
    end_work(&w);
    fixture_reset();
}

/* The log cannot be written: nothing is revealed, the answer is UNAVAILABLE, and the service resumes by itself. */
#include "tests/support/vault_fixture.h"

#include <stdio.h>
#include <unistd.h>

static request *reveal_one(const char *token)
{
    return reveal(CLINIC, "family-doctor", token, MASK("name"));
}

static void expect_recovery(const char *token)
{
    for (int i = 0; i < 600; i++) {
        if (reveal_one(token)->err.code == VAULT_OK) return;
        usleep(100000);
    }
    fail_msg("the service did not resume by itself");
}

static const char *token_ready(void)
{
    static char kept[64];
    pg_private();
    snprintf(kept, sizeof kept, "%s", token_for(CLINIC, "family-doctor", 5));
    return kept;
}

TEST("a read-only server: nothing is revealed, and it goes on by itself afterwards")
{
    const char *token = token_ready();
    pg_set("default_transaction_read_only = on");
    request *rq = reveal_one(token);
    expect_outcome(rq, VAULT_UNAVAILABLE, NULL);
    assert_null(rq->out);
    pg_set("default_transaction_read_only");
    expect_recovery(token);
    fixture_reset();
}

TEST("connections that are cut: nothing is revealed without its line, and the next call goes through")
{
    const char *token = token_ready();
    for (int i = 0; i < 10; i++) {
        int64_t before = lines_in_log();
        pg_sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%%vault%%' and pid "
               "<> pg_backend_pid() and datname = current_database()");
        request *rq = reveal_one(token);
        if (rq->err.code == VAULT_OK) assert_int_equal(lines_in_log(), before + 1);
        expect_recovery(token);
    }
    fixture_reset();
}

TEST("a server that stops at once and comes back: UNAVAILABLE meanwhile, no line lost")
{
    const char *token = token_ready();
    int64_t before = lines_in_log();
    for (int i = 0; i < 5; i++) expect_outcome(reveal_one(token), VAULT_OK, NULL);
    pg_stop("immediate");
    request *rq = reveal_one(token);
    expect_outcome(rq, VAULT_UNAVAILABLE, NULL);
    assert_null(rq->out);
    for (int i = 0; i < 600 && service_healthy(fixture_service()); i++) usleep(100000);
    assert_false(service_healthy(fixture_service()));
    pg_start(NULL);
    expect_recovery(token);
    assert_true(lines_in_log() >= before + 6);
    fixture_reset();
}

TEST("a line that the table refuses reveals nothing")
{
    const char *token = token_ready();
    pg_sql("alter table line add constraint blocked check (idx < 0) not valid");
    request *rq = reveal_one(token);
    assert_int_not_equal(rq->err.code, VAULT_OK);
    assert_null(rq->out);
    pg_sql("alter table line drop constraint blocked");
    expect_recovery(token);
    fixture_reset();
}

/* What goes wrong: the server is gone, stops, is read-only, refuses the commit. OK is never returned for what is not
 * durable. */
#include "tests/unit/store/fixture.h"
#include "vault/base/clock.h"
#include "vault/store/internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* libpq sends through this one: the n-th from now fails as no network does, and leaves the socket open. 0: none does.
 */
static int fails_at;

__attribute__((visibility("default"))) ssize_t send(int fd, const void *at, size_t len, int flags)
{
    if (fails_at == 0 || --fails_at > 0) return sendto(fd, at, len, flags, NULL, 0);
    errno = EIO;
    return -1;
}

static store *given_log(void)
{
    pg_private();
    store *s = fresh_store();
    head_row start = head_of(0, 1);
    expect_ok(store_head_create(s, &start, &err), &err);
    return s;
}

static vault_code append_next(store *s)
{
    head_row from;
    bool moved;
    VAULT_TRY(store_head_read(s, &from, &err));
    head_row to = head_of(from.size + 1, 1);
    VAULT_TRY(store_append(s, (append_from){.head = &from}, &to, lines_of(from.size, 1), &moved, &err));
    assert_false(moved);
    return VAULT_OK;
}

/* Calls until it works again; the wait between two connects is at most a second. */
static void expect_recovery(store *s)
{
    for (int i = 0; i < 3000; i++) {
        if (append_next(s) == VAULT_OK) return;
        assert_int_equal(err.code, VAULT_UNAVAILABLE);
        vault_error_clear(&err);
        usleep(20 * 1000);
    }
    fail_msg("the store does not come back");
}

/* `body` runs in the middle of an append (an insert of a line), or at its commit. */
static void given_trigger(bool at_commit, const char *body)
{
    pg_sql("CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN %s; RETURN NEW; END$$;"
           "DROP TRIGGER IF EXISTS fault ON line; CREATE %s TRIGGER fault AFTER INSERT ON line %s"
           " FOR EACH ROW EXECUTE FUNCTION fault()",
           body, at_commit ? "CONSTRAINT" : "", at_commit ? "DEFERRABLE INITIALLY DEFERRED" : "");
}

static const char cut[] = "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5)";

TEST("an append whose commit fails is not OK although the statement itself had completed")
{
    store *s = given_log();
    given_trigger(true, "RAISE EXCEPTION 'no'");
    expect_code(append_next(s), VAULT_INTERNAL, &err);
    given_trigger(true, "RAISE EXCEPTION 'no' USING ERRCODE = '53100'");
    expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
    assert_int_equal(sql_number("SELECT (SELECT count(*) FROM line) + (SELECT size FROM head)"), 0);
    pg_sql("DROP TRIGGER fault ON line");
    expect_ok(append_next(s), &err);
    store_close(&s);
}

TEST("a transaction whose commit fails is not OK")
{
    store *s = given_log();
    given_trigger(true, "RAISE EXCEPTION 'no' USING ERRCODE = '40001'");
    expect_ok(store_begin(s, &err), &err);
    expect_ok(append_next(s), &err);
    expect_code(store_commit(s, &err), VAULT_UNAVAILABLE, &err);
    store_rollback(s);
    assert_int_equal(sql_number("SELECT (SELECT count(*) FROM line) + (SELECT size FROM head)"), 0);
    store_close(&s);
}

TEST("the commit of a transaction that had failed is not OK, though PostgreSQL answers it without an error")
{
    store *s = given_log();
    expect_ok(store_manifest_insert(s, &(manifest_row){.version = 1}, &err), &err);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(append_next(s), &err);
    expect_code(store_manifest_insert(s, &(manifest_row){.version = 1}, &err), VAULT_CONFLICT, &err);
    expect_code(append_next(s), VAULT_INTERNAL, &err);
    expect_code(store_commit(s, &err), VAULT_INTERNAL, &err);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 0);
    expect_ok(append_next(s), &err);
    store_close(&s);
}

TEST("a connection cut in the middle of an append, or during its commit, is unavailable, and the next call connects")
{
    store *s = given_log();
    for (int at_commit = 0; at_commit < 2; at_commit++) {
        given_trigger(at_commit, cut);
        expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
        pg_sql("DROP TRIGGER fault ON line");
        assert_int_equal(sql_number("SELECT (SELECT count(*) FROM line) - (SELECT size FROM head)"), 0);
        expect_ok(append_next(s), &err);
    }
    assert_int_equal(sql_number("SELECT size FROM head"), 2);
    store_close(&s);
}

TEST("a transaction whose connection is cut stays lost until it is rolled back")
{
    store *s = given_log();
    expect_ok(store_begin(s, &err), &err);
    expect_ok(append_next(s), &err);
    pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vaultd' AND datname = "
           "current_database()");
    expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
    expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
    expect_code(store_begin(s, &err), VAULT_INTERNAL, &err);
    expect_code(store_commit(s, &err), VAULT_UNAVAILABLE, &err);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 0);
    expect_ok(append_next(s), &err);
    store_close(&s);
}

TEST("a connection cut between two calls fails one call and no more")
{
    store *s = given_log();
    pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vaultd' AND datname = "
           "current_database()");
    expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
    expect_ok(append_next(s), &err);
    store_close(&s);
}

TEST("a server that neither answers nor hangs up is given up, and the next call has a new connection")
{
    store *s = given_log();
    const int64_t usual = s->silence_most;
    s->silence_most = 300000;
    pid_t backend = (pid_t)sql_number(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'vaultd' AND datname = current_database()");
    assert_int_equal(kill(backend, SIGSTOP), 0);
    int64_t start = clock_monotonic_us();
    expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
    int64_t waited = clock_monotonic_us() - start;
    assert_int_equal(kill(backend, SIGCONT), 0);
    assert_true(waited >= 300000 && waited < usual / 2);
    s->silence_most = usual; /* a busy machine is silent for a while, too */
    for (int i = 0; i < 600 && append_next(s) != VAULT_OK; i++) usleep(100000); /* what was cut may hold the head */
    expect_ok(append_next(s), &err);
    store_close(&s);
}

/* Of what one transaction sends: BEGIN, the look at the head, the append, COMMIT. */
static vault_code append_in_transaction(store *s)
{
    VAULT_TRY(store_begin(s, &err));
    vault_code code = append_next(s);
    return code == VAULT_OK ? store_commit(s, &err) : code;
}

static void expect_soon(int64_t since)
{
    assert_true(clock_monotonic_us() - since <
                20 * 1000 * 1000); /* and not the 35 seconds of a server that is silent */
}

TEST("what could not be sent over a socket that stays open is noticed soon, nothing of it stands, and the next call "
     "works")
{
    store *s = given_log();
    assert_true(s->ask_after > 0 && s->ask_after <= 1000000);
    s->ask_after = 50000;
    for (int at = 1; at <= 4; at++) {
        head_row got;
        expect_ok(store_head_read(s, &got, &err), &err); /* connected */
        int64_t start = clock_monotonic_us();
        fails_at = at;
        expect_code(append_in_transaction(s), VAULT_UNAVAILABLE, &err);
        assert_int_equal(fails_at, 0);
        expect_soon(start);
        store_rollback(s);
        assert_int_equal(sql_number("SELECT (SELECT count(*) FROM line) + (SELECT size FROM head)"), 0);
    }
    expect_ok(append_in_transaction(s), &err);
    store_close(&s);
}

TEST("the same where a connection is made: its session, its settings, its statements")
{
    store *s = given_log();
    s->ask_after = 50000;
    for (int at = 2; at <= 4; at++) { /* the first is libpq's own, which has its own end */
        int64_t start = clock_monotonic_us();
        store_disconnect(s);
        s->retry_at = 0;
        fails_at = at;
        expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
        assert_int_equal(fails_at, 0);
        expect_soon(start);
    }
    expect_recovery(s);
    store_close(&s);
}

TEST("a statement that takes its time is not taken for one that was never sent")
{
    store *s = given_log();
    s->ask_after = 20000;
    given_trigger(false, "PERFORM pg_sleep(0.7)");
    expect_ok(append_next(s), &err);
    given_trigger(true, "PERFORM pg_sleep(0.7)");
    expect_ok(append_in_transaction(s), &err);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 2);
    store_close(&s);
}

TEST("a server that cannot be asked is waited for as before")
{
    store *s = given_log();
    s->ask_after = 20000;
    char *right = s->conninfo, wrong[] = "host=/nonexistent";
    given_trigger(false, "PERFORM pg_sleep(0.3)");
    s->conninfo = wrong;
    vault_code code = append_next(s);
    s->conninfo = right;
    expect_ok(code, &err);
    store_close(&s);
}

TEST("every SQLSTATE that means 'not now' is unavailable")
{
    static const struct {
        const char *state;
        vault_code code;
    } cases[] = {{"23505", VAULT_CONFLICT},    {"25006", VAULT_UNAVAILABLE}, {"40001", VAULT_UNAVAILABLE},
                 {"40P01", VAULT_UNAVAILABLE}, {"53100", VAULT_UNAVAILABLE}, {"53200", VAULT_UNAVAILABLE},
                 {"53300", VAULT_UNAVAILABLE}, {"55P03", VAULT_UNAVAILABLE}, {"57014", VAULT_UNAVAILABLE},
                 {"57P01", VAULT_UNAVAILABLE}, {"57P03", VAULT_UNAVAILABLE}, {"58030", VAULT_UNAVAILABLE},
                 {"XX001", VAULT_INTEGRITY},   {"22023", VAULT_INTERNAL},    {"42501", VAULT_INTERNAL}};
    store *s = given_log();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[128];
        snprintf(body, sizeof body, "RAISE EXCEPTION 'secret' USING ERRCODE = '%s', DETAIL = 'secret'", cases[i].state);
        given_trigger(false, body);
        assert_int_equal(append_next(s), cases[i].code);
        assert_null(strstr(err.detail, "secret"));
        assert_non_null(strstr(err.detail, cases[i].state));
        expect_code(err.code, cases[i].code, &err);
    }
    store_close(&s);
}

TEST("a read-only server answers reads, refuses writes as unavailable, and is written to again by itself")
{
    store *s = given_log();
    head_row got;
    pg_set("default_transaction_read_only = on");
    expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
    expect_ok(store_head_read(s, &got, &err), &err);
    expect_ok(store_begin(s, &err), &err);
    expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
    store_rollback(s);
    pg_set("default_transaction_read_only");
    expect_recovery(s);
    store_close(&s);
}

TEST("a stop at once and a start again: unavailable in between, nothing acknowledged is lost")
{
    store *s = given_log();
    for (int i = 0; i < 5; i++) expect_ok(append_next(s), &err);
    pg_stop("immediate");
    for (int i = 0; i < 5; i++) expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
    pg_start(NULL);
    expect_recovery(s);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 6);
    pg_kill();
    expect_code(append_next(s), VAULT_UNAVAILABLE, &err);
    pg_start(NULL);
    expect_recovery(s);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 7);
    store_close(&s);
}

TEST("a server that would lose what it confirmed is refused, at the start and after a restart")
{
    static const char *const settings[] = {"fsync=off", "full_page_writes=off", "synchronous_commit=off"};
    store *s = given_log();
    for (size_t i = 0; i < 3; i++) {
        store *other = NULL;
        vault_error seen = {0};
        pg_stop("fast");
        pg_start(settings[i]);
        assert_int_equal(store_open(&other, pg_conninfo(), &seen), VAULT_INTERNAL);
        assert_null(other);
        assert_non_null(strstr(seen.detail, "= on"));
        for (int k = 0; k < 300 && append_next(s) != VAULT_INTERNAL; k++) {
            vault_error_clear(&err);
            usleep(200 * 1000);
        }
        expect_code(err.code, VAULT_INTERNAL, &err);
    }
    pg_stop("fast");
    pg_start(NULL);
    usleep(1100 * 1000);
    expect_recovery(s);
    store_close(&s);
}

TEST("synchronous_commit turned off under a running vault loses nothing: a session keeps what it was checked with")
{
    store *s = given_log();
    pg_set("synchronous_commit = off");
    given_trigger(false, "IF current_setting('synchronous_commit') = 'off' THEN RAISE EXCEPTION 'lost'; END IF");
    vault_code code = append_next(s);
    pg_set("synchronous_commit");
    expect_ok(code, &err);
    store_close(&s);
}

TEST("no server, no such database, no such socket: unavailable, with a cause that names no password")
{
    store *s = NULL;
    char conninfo[1024];
    pg_private();
    snprintf(conninfo, sizeof conninfo, "%s dbname=nothing password=hunter2", pg_conninfo());
    vault_error seen = {0};
    assert_int_equal(store_open(&s, conninfo, &seen), VAULT_UNAVAILABLE);
    assert_null(strstr(seen.detail, "hunter2"));
    assert_true(seen.detail[0]);
    expect_code(store_open(&s, "host=/nonexistent password=hunter2", &err), VAULT_UNAVAILABLE, &err);
    expect_code(store_open(&s, "this is = no 'conninfo", &err), VAULT_UNAVAILABLE, &err);
    assert_null(s);
    store_close(&s);
}

TEST("while the server is away calls fail at once and do not hammer it")
{
    store *s = given_log();
    pg_stop("fast");
    int tries = 0;
    int64_t begun = clock_monotonic_us();
    for (int i = 0; i < 200; i++) {
        assert_int_equal(append_next(s), VAULT_UNAVAILABLE);
        tries += strstr(err.detail, "next try follows") == NULL;
        vault_error_clear(&err);
    }
    assert_true(tries < 10 + (clock_monotonic_us() - begun) / 1000000);
    pg_start(NULL);
    expect_recovery(s);
    store_close(&s);
}

TEST("transactions do not nest, and a rollback outside one is harmless")
{
    store *s = given_log();
    store_rollback(s);
    expect_code(store_commit(s, &err), VAULT_INTERNAL, &err);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_begin(s, &err), VAULT_INTERNAL, &err);
    expect_code(store_create_schema(s, &err), VAULT_INTERNAL, &err);
    store_rollback(s);
    store_rollback(s);
    expect_ok(append_next(s), &err);
    store_close(&s);
    store_close(&s);
}

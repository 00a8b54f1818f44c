/* A private server that stops, forgets to answer, or answers many: the log stays one log. */
#include "tests/unit/audit/fixture.h"

#include <pthread.h>
#include <stdatomic.h>

__attribute__((constructor)) static void own_server(void)
{
    pg_private();
}

/* Ends the backend that waits for a standby which does not exist: its transaction has committed, its client never hears
 * so. Until then, or until it is told that enough has been tried. */
static void *cut_after_commit(void *enough)
{
    while (!atomic_load((atomic_bool *)enough)) {
        const char *cut =
            pg_sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                   " AND datname = current_database()");
        if (strcmp(cut, "0") != 0) return NULL;
        usleep(20000);
    }
    return NULL;
}

TEST("a batch whose commit was not answered stands once; the caller is told UNAVAILABLE, and the next batch follows it")
{
    appended done;
    pthread_t cutter;
    atomic_bool enough = false;
    vault_code code = VAULT_OK;
    long before = 0; /* counted here: the cutter is at pg_sql all the time */
    given_log();
    given_lines(2);
    pg_set("synchronous_standby_names = 'nobody'");
    pthread_create(&cutter, NULL, cut_after_commit, &enough);
    for (int i = 0; i < 6000 && code == VAULT_OK; i++) { /* until the checkpointer, too, has heard of the standby */
        line *lines = lines_for(1, "person-a", "elder-care", 3);
        before = 3 + 3 * i;
        code =
            ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 3}, &done, &err);
    }
    atomic_store(&enough, true);
    pthread_join(cutter, NULL);
    pg_set("synchronous_standby_names");
    assert_int_equal(code, VAULT_UNAVAILABLE);
    vault_error_clear(&err);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), before + 3);
    assert_int_equal(appended_batch(lines_for(1, "person-a", "elder-care", 1), 1).first, before + 3);
    line_page page = all_lines((line_query){0});
    assert_int_equal(page.count, (size_t)before + 4);
    assert_int_equal(inconsistent(&page), 0);
}

TEST("while the server is down every append says UNAVAILABLE; when it is back the ledger goes on, nothing acknowledged "
     "is lost")
{
    appended done;
    given_log();
    given_lines(4);
    for (int round = 0; round < 2; round++) {
        int64_t size = sql_number("SELECT size FROM head");
        pg_kill();
        for (int i = 0; i < 3; i++) {
            line *lines = lines_for(1, "person-a", "elder-care", 1);
            expect_code(ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 1},
                                      &done, &err),
                        VAULT_UNAVAILABLE, &err);
        }
        pg_start(NULL);
        assert_int_equal(appended_batch(lines_for(1, "person-a", "elder-care", 1), 1).first, size);
    }
    line_page page = all_lines((line_query){0});
    assert_int_equal(page.count, 7);
    assert_int_equal(inconsistent(&page), 0);
}

TEST("a database that may not be written says UNAVAILABLE and is taken up again by itself")
{
    appended done;
    given_log();
    pg_sql("ALTER ROLE vault SET default_transaction_read_only = on");
    pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vault' AND datname = "
           "current_database()");
    for (int i = 0; i < 3; i++) {
        line *lines = lines_for(1, "person-a", "elder-care", 1);
        expect_code(
            ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 1}, &done, &err),
            VAULT_UNAVAILABLE, &err);
    }
    pg_sql("ALTER ROLE vault RESET default_transaction_read_only");
    pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vault' AND datname = "
           "current_database()");
    line *lines = lines_for(1, "person-a", "elder-care", 1);
    vault_code code =
        ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 1}, &done, &err);
    vault_error_clear(&err);
    if (code != VAULT_OK) done = appended_batch(lines, 1);
    assert_int_equal(done.first, 1);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 40, LINES = 5 };
static atomic_int wrong;
static ledger *second;
static store *second_db;

static void *failed(void)
{
    wrong++;
    return NULL;
}

static bool receipt_holds(appended *a, const ledger *l, arena *own, const line *lines)
{
    vault_error e = {0};
    merkle_path path;
    digest hashes[LINES];
    for (int i = 0; i < LINES; i++) hashes[i] = merkle_leaf(bytes_of(lines[i].leaf, LEAF_LEN));
    merkle_tree tree = {.size = merkle_batch_size(a->tree), .root = merkle_batch_root(a->tree)};
    return appended_sign(a, l, own, &e) == VAULT_OK && appended_path(a, own, a->first, LINES, &path, &e) == VAULT_OK &&
           merkle_verify_range(hashes, LINES, a->first, &tree, path);
}

static vault_code append_somehow(ledger *l, store *s, arena *own, line *lines, int round, appended *done,
                                 vault_error *e)
{
    line_batch batch = {.control_version = 1, .lines = lines, .count = LINES};
    if (round % 3 != 0) return ledger_append(l, s, own, &batch, done, e);
    VAULT_TRY(store_begin(s, e));
    vault_code code = ledger_append_in_transaction(l, s, own, &batch, done, e);
    if (code == VAULT_OK) code = store_commit(s, e);
    if (code == VAULT_OK) {
        ledger_committed(l);
        return code;
    }
    store_rollback(s);
    ledger_rolled_back(l);
    return code;
}

/* One worker: a connection, a scribe and an arena of its own; the first half on one node, the others on another. */
static void *work(void *arg)
{
    vault_error e = {0};
    ledger *l = (intptr_t)arg % 2 ? second : book;
    VAULT_CLEANUP(arena_free) arena *own = arena_new(4 << 20);
    VAULT_CLEANUP(scribe_free) scribe *by = NULL;
    VAULT_CLEANUP(store_close) store *s = NULL;
    if (store_open(&s, pg_conninfo(), &e) != VAULT_OK || scribe_new(&by, l, &e) != VAULT_OK) return failed();
    for (int round = 0; round < ROUNDS; round++) {
        appended done;
        line lines[LINES];
        line_facts f = facts(1 + round, "person-a", "elder-care");
        vault_code code = VAULT_OK;
        arena_reset(own);
        for (int i = 0; i < LINES && code == VAULT_OK; i++) code = line_make(&lines[i], by, own, &f, NULL, &e);
        if (code == VAULT_OK) code = append_somehow(l, s, own, lines, round, &done, &e);
        if (code != VAULT_OK || !receipt_holds(&done, l, own, lines)) wrong++;
    }
    return NULL;
}

static void *publisher(void *stop)
{
    vault_error e = {0};
    VAULT_CLEANUP(store_close) store *s = NULL;
    if (store_open(&s, pg_conninfo(), &e) != VAULT_OK) return failed();
    while (!atomic_load((atomic_bool *)stop)) {
        if (ledger_publish(book, s, NULL, &e) != VAULT_OK || ledger_publish(second, s, NULL, &e) != VAULT_OK) wrong++;
        vault_error_clear(&e);
        usleep(2000);
    }
    return NULL;
}

TEST("four workers on two nodes append, in and out of transactions, while both publish: one log, every receipt holds")
{
    pthread_t threads[THREADS], publishing;
    atomic_bool stop = false;
    given_log();
    second_db = connected();
    expect_ok(ledger_open(&second, second_db, keys, ORIGIN, &err), &err);
    pthread_create(&publishing, NULL, publisher, &stop);
    for (intptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    atomic_store(&stop, true);
    pthread_join(publishing, NULL);
    assert_int_equal(wrong, 0);
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    line_page page = all_lines((line_query){0});
    assert_int_equal(page.count, 1 + THREADS * ROUNDS * LINES);
    assert_int_equal(inconsistent(&page), 0);
    for (size_t i = 1; i < page.count; i++) assert_int_equal(page.lines[i].index, i);
    ledger_close(&second);
    store_close(&second_db);
}

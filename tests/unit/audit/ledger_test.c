/* Appending: order, receipts, other nodes, lost connections. */
#include "tests/unit/audit/fixture.h"
#include "vault/audit/internal.h"

TEST("a new log has one line of its own start, and its head is under the log's key")
{
    given_log();
    line_page page = all_lines((line_query){0});
    assert_int_equal(page.count, 1);
    assert_true(page.lines[0].consistent);
    assert_int_equal(page.lines[0].action, LINE_INIT);
    assert_string_equal((const char *)arena_text(mem, page.lines[0].officer_view),
                        "{\"action\":\"init\",\"control\":1,\"outcome\":\"granted\"}");
}

TEST("a log is not opened with another root's log ring")
{
    given_log();
    keyring *other = given_keys(8);
    ledger *l = NULL;
    expect_code(ledger_open(&l, db, other, ORIGIN, &err), VAULT_INTEGRITY, &err);
    assert_null(l);
    keyring_free(&other);
}

TEST("a log is not opened where there is none, nor without a log ring")
{
    ledger *l = NULL;
    keyring *none = NULL;
    given_log();
    expect_ok(keyring_new(&none, &err), &err);
    expect_code(ledger_open(&l, db, none, ORIGIN, &err), VAULT_INTERNAL, &err);
    assert_null(l);
    keyring_free(&none);
    pg_sql("DELETE FROM head");
    expect_code(ledger_open(&l, db, keys, ORIGIN, &err), VAULT_INTEGRITY, &err);
}

TEST("every receipt of a batch verifies against the batch's own signed checkpoint, line by line and as a range")
{
    given_log();
    for (size_t count = 1; count <= 26; count++) {
        line *lines = lines_for(5, "person-a", "elder-care", count);
        appended done = appended_batch(lines, count);
        expect_ok(appended_sign(&done, book, mem, &err), &err);
        merkle_tree tree = tree_of_note(done.checkpoint);
        assert_int_equal(tree.size, done.first + (int64_t)count);
        digest hashes[26];
        merkle_path path;
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(lines[i].index, done.first + (int64_t)i);
            hashes[i] = merkle_leaf(bytes_of(lines[i].leaf, LEAF_LEN));
            expect_ok(appended_path(&done, mem, lines[i].index, 1, &path, &err), &err);
            assert_true(merkle_verify_inclusion(&hashes[i], lines[i].index, &tree, path));
        }
        expect_ok(appended_path(&done, mem, done.first, count, &path, &err), &err);
        assert_true(merkle_verify_range(hashes, count, done.first, &tree, path));
        expect_code(appended_path(&done, mem, 0, 1, &path, &err), VAULT_INVALID, &err);
    }
}

TEST("an append of no lines is refused and moves nothing")
{
    appended done;
    given_log();
    expect_code(
        ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = NULL, .count = 0}, &done, &err),
        VAULT_INTERNAL, &err);
    assert_int_equal(sql_number("SELECT size FROM head"), 1);
}

TEST("time in the log never goes back, though the clock does")
{
    given_log();
    given_lines(3);
    clock_set_for_test(INT64_C(1000000) * (NOON - 3600));
    line *late = lines_for(1, "person-a", "elder-care", 1);
    appended_batch(late, 1);
    line_page page = all_lines((line_query){0});
    assert_int_equal(page.count, 5);
    for (size_t i = 1; i < page.count; i++) assert_true(page.lines[i].time_us >= page.lines[i - 1].time_us);
    assert_int_equal(page.lines[4].time_us, page.lines[3].time_us);
    clock_set_for_test(INT64_C(1000000) * NOON);
}

TEST("a batch decided under another control version is not written, and the caller is told to decide again")
{
    appended done;
    given_log();
    line *lines = lines_for(1, "person-a", "elder-care", 2);
    expect_code(
        ledger_append(book, db, mem, &(line_batch){.control_version = 2, .lines = lines, .count = 2}, &done, &err),
        VAULT_CONFLICT, &err);
    assert_int_equal(
        ledger_append(book, db, mem, &(line_batch){.control_version = 2, .lines = lines, .count = 2}, &done, &err),
        VAULT_CONFLICT);
    assert_string_equal(err.reason, "CONTROL_MOVED");
    vault_error_clear(&err);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 1);
    done = appended_batch(lines, 2);
    assert_int_equal(done.first, 1);
}

TEST("two nodes append in turn on one log: no gap, no fork, each receipt verifies in the final tree")
{
    given_log();
    store *other_db = connected();
    ledger *other = NULL;
    expect_ok(ledger_open(&other, other_db, keys, ORIGIN, &err), &err);
    for (int i = 0; i < 20; i++) {
        appended done;
        line *lines = lines_for(1, "person-a", "elder-care", 3);
        ledger *by = i % 3 == 0 ? other : book;
        expect_ok(ledger_append(by, by == other ? other_db : db, mem,
                                &(line_batch){.control_version = 1, .lines = lines, .count = 3}, &done, &err),
                  &err);
        assert_int_equal(done.first, 1 + 3 * i);
    }
    line_page page = all_lines((line_query){0});
    assert_int_equal(page.count, 61);
    assert_int_equal(inconsistent(&page), 0);
    ledger_close(&other);
    store_close(&other_db);
}

/* As the control room will do it: a head of a later control version, under the log's MAC. */
static void given_control_version(int64_t version)
{
    char mac[2 * HEAD_MAC_LEN + 1], hidden[2 * ROW_SUM_LEN + 1];
    head_row head;
    row_sum sum;
    expect_ok(store_head_read(db, &head, &err), &err);
    expect_ok(ledger_row_sum(&sum, book, &head, &err), &err);
    head.control_version = version;
    head_seal(book->keys, &head, &sum);
    hex_encode(mac, bytes_of(head.mac, HEAD_MAC_LEN));
    hex_encode(hidden, bytes_of(head.row_sum, ROW_SUM_LEN));
    pg_sql("UPDATE head SET control_version = %lld, row_sum = '\\x%s', mac = '\\x%s'", (long long)version, hidden, mac);
}

TEST("when the control version moves, what was decided by the old one is refused on every node and in every way of "
     "appending")
{
    appended done;
    given_log();
    given_lines(2);
    line *lines = lines_for(1, "person-a", "elder-care", 2);
    given_control_version(2);
    expect_code(
        ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 2}, &done, &err),
        VAULT_CONFLICT, &err);
    expect_ok(store_begin(db, &err), &err);
    expect_code(ledger_append_in_transaction(
                    book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 2}, &done, &err),
                VAULT_CONFLICT, &err);
    store_rollback(db);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 3);
    expect_ok(
        ledger_append(book, db, mem, &(line_batch){.control_version = 2, .lines = lines, .count = 2}, &done, &err),
        &err);
    assert_int_equal(done.first, 3);
    assert_int_equal(sql_number("SELECT control_version FROM head"), 2);
}

TEST("an arena that is full refuses the batch, writes nothing, and leaves the ledger free")
{
    appended done;
    given_log();
    line *lines = lines_for(1, "person-a", "elder-care", 8);
    for (size_t limit = 64; limit < 4096; limit += 256) {
        VAULT_CLEANUP(arena_free) arena *small = arena_new(limit);
        vault_code code = ledger_append(book, db, small,
                                        &(line_batch){.control_version = 1, .lines = lines, .count = 8}, &done, &err);
        if (code == VAULT_OK) break;
        assert_int_equal(code, VAULT_EXHAUSTED);
        vault_error_clear(&err);
        expect_ok(store_begin(db, &err), &err);
        code = ledger_append_in_transaction(
            book, db, small, &(line_batch){.control_version = 1, .lines = lines, .count = 8}, &done, &err);
        assert_int_equal(code, VAULT_EXHAUSTED);
        vault_error_clear(&err);
        store_rollback(db);
        assert_int_equal(sql_number("SELECT count(*) FROM line"), 1);
    }
    int64_t first = appended_batch(lines_for(1, "person-a", "elder-care", 1), 1).first;
    assert_int_equal(first, sql_number("SELECT size FROM head") - 1);
}

/* ---- within a transaction ---- */

TEST("lines of a transaction stand when it is committed and are gone when it is rolled back")
{
    appended done;
    given_log();
    line *lines = lines_for(1, "person-a", "elder-care", 4);
    expect_ok(store_begin(db, &err), &err);
    expect_ok(ledger_append_in_transaction(
                  book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 4}, &done, &err),
              &err);
    store_rollback(db);
    ledger_rolled_back(book);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 1);
    expect_ok(store_begin(db, &err), &err);
    expect_ok(ledger_append_in_transaction(
                  book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 4}, &done, &err),
              &err);
    assert_int_equal(done.first, 1);
    expect_ok(store_commit(db, &err), &err);
    ledger_committed(book);
    assert_int_equal(appended_batch(lines_for(2, NULL, "elder-care", 1), 1).first, 5);
    ledger_committed(book); /* harmless when nothing is under way */
    ledger_rolled_back(book);
}

TEST("a transaction finds the head that another node moved")
{
    appended done;
    given_log();
    store *other_db = connected();
    ledger *other = NULL;
    expect_ok(ledger_open(&other, other_db, keys, ORIGIN, &err), &err);
    line *lines = lines_for(1, "person-a", "elder-care", 2);
    expect_ok(ledger_append(other, other_db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 2},
                            &done, &err),
              &err);
    expect_ok(store_begin(db, &err), &err);
    expect_ok(ledger_append_in_transaction(
                  book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 2}, &done, &err),
              &err);
    expect_ok(store_commit(db, &err), &err);
    ledger_committed(book);
    assert_int_equal(done.first, 3);
    ledger_close(&other);
    store_close(&other_db);
}

TEST("after a refused append within a transaction the ledger is free")
{
    appended done;
    given_log();
    line *lines = lines_for(1, "person-a", "elder-care", 1);
    expect_ok(store_begin(db, &err), &err);
    expect_code(ledger_append_in_transaction(
                    book, db, mem, &(line_batch){.control_version = 9, .lines = lines, .count = 1}, &done, &err),
                VAULT_CONFLICT, &err);
    store_rollback(db);
    ledger_rolled_back(book);
    assert_int_equal(appended_batch(lines, 1).first, 1);
}

/* ---- the head ---- */

static void expect_head_refused(const char *sql)
{
    ledger *l = NULL;
    given_log();
    given_lines(3);
    pg_sql("%s", sql);
    expect_code(ledger_open(&l, db, keys, ORIGIN, &err), VAULT_INTEGRITY, &err);
    assert_null(l);
}

TEST("a head with any column edited by SQL is refused")
{
    expect_head_refused("UPDATE head SET size = size + 1");
    expect_head_refused("UPDATE head SET size = size - 1");
    expect_head_refused("UPDATE head SET time = time - 1");
    expect_head_refused("UPDATE head SET control_version = control_version + 1");
    expect_head_refused(
        "UPDATE head SET control_digest = set_byte(control_digest, 0, get_byte(control_digest, 0) # 1)");
    expect_head_refused("UPDATE head SET erasure = set_byte(erasure, 31, get_byte(erasure, 31) # 1)");
    expect_head_refused("UPDATE head SET frontier = set_byte(frontier, 5, get_byte(frontier, 5) # 1)");
    expect_head_refused("UPDATE head SET frontier = frontier || frontier");
    expect_head_refused("UPDATE head SET frontier = ''");
    expect_head_refused("UPDATE head SET mac = set_byte(mac, 9, get_byte(mac, 9) # 1)");
    expect_head_refused("UPDATE head SET mac = ''");
}

TEST("a head that was deleted under a running node is damage, and no 'not found'")
{
    appended done;
    given_log();
    line *lines = lines_for(1, "person-a", "elder-care", 1);
    pg_sql("DELETE FROM head");
    expect_code(
        ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 1}, &done, &err),
        VAULT_INTEGRITY, &err);
    expect_code(
        ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 1}, &done, &err),
        VAULT_INTEGRITY, &err);
    expect_code(ledger_publish(book, db, NULL, &err), VAULT_INTEGRITY, &err);
    line_proof proof = {.index = 0, .size = 1};
    expect_code(ledger_prove_inclusion(book, db, mem, &proof, &err), VAULT_INTEGRITY, &err);
}

TEST("a control version edited by SQL under a running node does not pass for a control change")
{
    appended done;
    given_log();
    line *lines = lines_for(1, "person-a", "elder-care", 1);
    pg_sql("UPDATE head SET control_version = 2");
    expect_code(
        ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 1}, &done, &err),
        VAULT_INTEGRITY, &err);
    expect_code(
        ledger_append(book, db, mem, &(line_batch){.control_version = 2, .lines = lines, .count = 1}, &done, &err),
        VAULT_INTEGRITY, &err);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 1);
}

TEST("an older head and its lines put back under a running node stop it")
{
    appended done;
    given_log();
    given_lines(3);
    pg_sql("CREATE TABLE old_head AS SELECT * FROM head; CREATE TABLE old_line AS SELECT * FROM line");
    given_lines(2);
    pg_sql("DELETE FROM head; INSERT INTO head SELECT * FROM old_head; DELETE FROM line WHERE idx >= 4");
    line *lines = lines_for(1, "person-a", "elder-care", 1);
    expect_code(
        ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 1}, &done, &err),
        VAULT_INTEGRITY, &err);
    expect_code(
        ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 1}, &done, &err),
        VAULT_INTEGRITY, &err);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 4);
}

/* ---- failures ---- */

TEST("a cut connection gives UNAVAILABLE, appends nothing twice, and the ledger goes on by itself")
{
    given_log();
    given_lines(2);
    for (int round = 0; round < 5; round++) {
        appended done;
        line *lines = lines_for(1, "person-a", "elder-care", 2);
        pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vault' AND datname = "
               "current_database()");
        expect_code(
            ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 2}, &done, &err),
            VAULT_UNAVAILABLE, &err);
        done = appended_batch(lines_for(1, "person-a", "elder-care", 2), 2);
        assert_int_equal(done.first, 3 + 2 * round);
    }
    line_page page = all_lines((line_query){0});
    assert_int_equal(inconsistent(&page), 0);
    assert_int_equal(page.count, 13);
}

TEST("a commit whose answer was lost is not repeated: the lines stand once and the next batch follows them")
{
    appended done;
    given_log();
    /* The statement commits, then the backend ends itself before it can answer. */
    pg_sql("CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN"
           " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END$$;"
           " ALTER FUNCTION cut() OWNER TO postgres;"
           " CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON line DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE "
           "FUNCTION cut()");
    line *lines = lines_for(1, "person-a", "elder-care", 2);
    expect_code(
        ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 2}, &done, &err),
        VAULT_UNAVAILABLE, &err);
    long stand = sql_number("SELECT count(*) FROM line");
    pg_sql("DROP TRIGGER cut ON line");
    done = appended_batch(lines_for(1, "person-a", "elder-care", 1), 1);
    assert_int_equal(done.first, stand);
    line_page page = all_lines((line_query){0});
    assert_int_equal(page.count, stand + 1);
    assert_int_equal(inconsistent(&page), 0);
}

TEST("a line that an intruder put where the next one belongs stops appending; nothing is overwritten")
{
    appended done;
    given_log();
    pg_sql(
        "INSERT INTO line SELECT 1, resident_tag, person_tag, leaf, nodes, officer, resident FROM line WHERE idx = 0");
    line *lines = lines_for(1, "person-a", "elder-care", 1);
    for (int i = 0; i < 2; i++) {
        expect_code(
            ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = 1}, &done, &err),
            VAULT_INTEGRITY, &err);
    }
    assert_int_equal(sql_number("SELECT size FROM head"), 1);
}

/* Published checkpoints, and the file outside that finds an older or another database. */
#include "tests/unit/audit/fixture.h"
#include "vault/base/file.h"

static char folder[] = "/tmp/rv-publish-XXXXXX", path[64];

static const char *given_path(void)
{
    if (!*path && mkdtemp(folder)) snprintf(path, sizeof path, "%s/checkpoint", folder);
    unlink(path);
    return path;
}

__attribute__((destructor)) static void tidy(void)
{
    if (!*path) return;
    unlink(path);
    rmdir(folder);
}

static const char *content(void)
{
    char *text = NULL;
    size_t len;
    expect_ok(file_read(&text, &len, path, 1 << 16, &err), &err);
    const char *copy = arena_text(mem, bytes_of(text, len));
    free(text);
    return copy;
}

static int64_t published_size(void)
{
    int64_t size;
    const char *note;
    expect_ok(store_checkpoint_read(db, mem, &size, &note, &err), &err);
    if (size > 0) assert_int_equal(tree_of_note(note).size, size);
    return size;
}

/* Another vault's log in the same database would need the same key: what differs here is only what was appended. */
static void given_database_put_back_to(int keep)
{
    pg_sql("CREATE TABLE kept_head AS SELECT * FROM head; CREATE TABLE kept_line AS SELECT * FROM line");
    given_lines((size_t)keep);
}

static void put_back(void)
{
    pg_sql("DELETE FROM head; INSERT INTO head SELECT * FROM kept_head; DELETE FROM line; INSERT INTO line SELECT * "
           "FROM kept_line;"
           " DROP TABLE kept_head, kept_line");
}

TEST("what is committed is published once, in the database and in the file, and verifies under the printed key")
{
    given_log();
    given_path();
    assert_int_equal(published_size(), 0);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    assert_int_equal(published_size(), 1);
    given_lines(10);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    assert_int_equal(published_size(), 11);
    assert_int_equal(tree_of_note(content()).size, 11);
    const char *before = content();
    expect_ok(ledger_publish(book, db, path, &err), &err);
    assert_string_equal(content(), before);
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
}

TEST("published checkpoints are consistent with each other, and lines are proven against them")
{
    given_log();
    merkle_tree old = {0};
    for (int i = 0; i < 10; i++) {
        int64_t size;
        const char *note;
        given_lines((size_t)i * 3 + 1);
        expect_ok(ledger_publish(book, db, NULL, &err), &err);
        expect_ok(store_checkpoint_read(db, mem, &size, &note, &err), &err);
        merkle_tree now = tree_of_note(note);
        if (old.size > 0) {
            growth_proof growth = {.old_size = old.size, .size = now.size};
            expect_ok(ledger_prove_consistency(book, db, mem, &growth, &err), &err);
            assert_true(merkle_verify_consistency(&old, &now, growth.path));
        }
        line_proof proof = {.index = size / 2, .size = size};
        expect_ok(ledger_prove_inclusion(book, db, mem, &proof, &err), &err);
        digest leaf = merkle_leaf(proof.leaf);
        assert_true(merkle_verify_inclusion(&leaf, proof.index, &now, proof.path));
        old = now;
    }
}

TEST("two nodes publish one row of checkpoints, and the slower one's file catches up")
{
    given_log();
    given_path();
    store *other_db = connected();
    ledger *other = NULL;
    expect_ok(ledger_open(&other, other_db, keys, ORIGIN, &err), &err);
    for (int i = 0; i < 6; i++) {
        given_lines(2);
        expect_ok(ledger_publish(other, other_db, NULL, &err), &err);
        expect_ok(ledger_publish(book, db, path, &err), &err);
        assert_int_equal(tree_of_note(content()).size, 3 + 2 * i);
        assert_int_equal(published_size(), 3 + 2 * i);
    }
    ledger_close(&other);
    store_close(&other_db);
}

TEST("a file that another node wrote later is not put back to an older checkpoint")
{
    given_log();
    given_path();
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    pg_sql("CREATE TABLE early AS SELECT * FROM published");
    given_lines(4);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    pg_sql("DELETE FROM published; INSERT INTO published SELECT * FROM early");
    reopen_book(); /* a node that is behind: it has seen only the early one */
    expect_ok(ledger_publish(book, db, path, &err), &err);
    assert_int_equal(tree_of_note(content()).size, 5);
}

TEST("a node starts where the file is behind, equal, or not there yet")
{
    given_log();
    given_path();
    expect_ok(ledger_check_outside(book, db, path, &err), &err);
    expect_ok(ledger_check_outside(book, db, NULL, &err), &err);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    expect_ok(ledger_check_outside(book, db, path, &err), &err);
    given_lines(30);
    expect_ok(ledger_check_outside(book, db, path, &err), &err);
}

TEST("a database that was put back to an older backup refuses to start and to sign")
{
    given_log();
    given_path();
    given_lines(5);
    given_database_put_back_to(7);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    put_back();
    const char *before = content();
    expect_code(ledger_publish(book, db, path, &err), VAULT_INTEGRITY, &err);
    reopen_book(); /* a fresh node has seen nothing: only the file and the published row tell it */
    expect_code(ledger_check_outside(book, db, path, &err), VAULT_INTEGRITY, &err);
    expect_code(ledger_publish(book, db, path, &err), VAULT_INTEGRITY, &err);
    pg_sql("DELETE FROM published"); /* the backup had none either */
    expect_code(ledger_check_outside(book, db, path, &err), VAULT_INTEGRITY, &err);
    assert_string_equal(content(), before);
}

TEST("an older backup that has grown past the file again is a fork, and refused")
{
    given_log();
    given_path();
    given_lines(5);
    given_database_put_back_to(7);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    put_back();
    pg_sql("DELETE FROM published");
    reopen_book();
    given_lines(9);
    expect_code(ledger_check_outside(book, db, path, &err), VAULT_INTEGRITY, &err);
}

TEST("a fork that others published does not replace the file that kept the log before")
{
    given_log();
    given_path();
    given_lines(5);
    given_database_put_back_to(7);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    const char *before = content();
    put_back();
    pg_sql("DELETE FROM published");
    reopen_book();
    given_lines(9);
    expect_ok(ledger_publish(book, db, NULL, &err), &err); /* a node that keeps no file, or whose file was wiped */
    expect_code(ledger_publish(book, db, path, &err), VAULT_INTEGRITY, &err);
    assert_string_equal(content(), before);
}

TEST("a fork is found at the next publication, also by a node that was running")
{
    given_log();
    given_lines(5);
    given_database_put_back_to(7);
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    put_back();
    reopen_book();
    given_lines(9);
    expect_code(ledger_publish(book, db, NULL, &err), VAULT_INTEGRITY, &err);
    assert_int_equal(published_size(), 13);
}

TEST("stored lines edited below a published checkpoint stop the next publication")
{
    static const char *EDITS[] = {"UPDATE line SET nodes = set_byte(nodes, 70, get_byte(nodes, 70) # 1) WHERE idx = 7",
                                  "DELETE FROM line WHERE idx = 7", "UPDATE line SET nodes = '' WHERE idx = 7"};
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        given_log();
        given_lines(8);
        expect_ok(ledger_publish(book, db, NULL, &err), &err);
        given_lines(8);
        pg_sql("%s", EDITS[i]);
        expect_code(ledger_publish(book, db, NULL, &err), VAULT_INTEGRITY, &err);
    }
}

static void expect_file_refused(const char *text)
{
    expect_ok(file_replace(path, bytes_of_text(text), &err), &err);
    expect_code(ledger_check_outside(book, db, path, &err), VAULT_INTEGRITY, &err);
}

TEST("a file that is empty, rubbish, cut, edited, of another key or of another name is refused, each with its own "
     "verdict")
{
    given_log();
    given_path();
    given_lines(3);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    const char *good = content();
    expect_file_refused("");
    expect_file_refused("rubbish\n");
    expect_file_refused(arena_format(mem, "%.*s", (int)strlen(good) / 2, good));
    char *edited = arena_text(mem, bytes_of_text(good));
    strchr(edited, '\n')[1] = '3';
    expect_file_refused(edited);
    ledger *renamed = NULL;
    expect_ok(ledger_open(&renamed, db, keys, "another-log", &err), &err);
    unlink(path);
    pg_sql("DELETE FROM published");
    expect_ok(ledger_publish(renamed, db, path, &err), &err);
    ledger_close(&renamed);
    expect_code(ledger_check_outside(book, db, path, &err), VAULT_INTEGRITY, &err);
    expect_code(ledger_publish(book, db, NULL, &err), VAULT_INTEGRITY, &err);
}

TEST("a published row that was edited is refused, not overwritten")
{
    given_log();
    given_lines(3);
    static const char *EDITS[] = {"UPDATE published SET size = size + 1", "UPDATE published SET size = size - 1",
                                  "UPDATE published SET note = replace(note, 'test', 'toast')",
                                  "UPDATE published SET note = ''"};
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        pg_sql("DELETE FROM published");
        reopen_book();
        expect_ok(ledger_publish(book, db, NULL, &err), &err);
        pg_sql("%s", EDITS[i]);
        expect_code(ledger_publish(book, db, NULL, &err), VAULT_INTEGRITY, &err);
    }
}

TEST("a published row that was deleted, or says that there is none, is missed by who has published, and by the file")
{
    static const char *EDITS[] = {"DELETE FROM published", "UPDATE published SET size = 0"};
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        given_log();
        given_path();
        given_lines(3);
        expect_ok(ledger_publish(book, db, path, &err), &err);
        pg_sql("%s", EDITS[i]);
        given_lines(1);
        expect_code(ledger_publish(book, db, path, &err), VAULT_INTEGRITY, &err);
        reopen_book();
        expect_ok(ledger_check_outside(book, db, path, &err), &err);
        expect_code(ledger_publish(book, db, path, &err), VAULT_INTEGRITY, &err);
    }
}

TEST("a folder that cannot be written is an error of its own; the checkpoint stands in the database")
{
    given_log();
    vault_code code = ledger_publish(book, db, "/proc/nowhere/checkpoint", &err);
    assert_int_not_equal(code, VAULT_OK);
    vault_error_clear(&err);
    assert_int_equal(published_size(), 1);
}

TEST("whoever publishes makes partitions ahead of the log, and mends one that was taken away")
{
    given_log();
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    assert_string_equal(pg_sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'line'::regclass"), "3");
    pg_sql("CREATE TABLE kept AS SELECT * FROM line; DROP TABLE line_0");
    appended done;
    const line_batch batch = {.control_version = 1, .lines = lines_for(1, "person-a", "elder-care", 1), .count = 1};
    expect_code(ledger_append(book, db, mem, &batch, &done, &err), VAULT_UNAVAILABLE, &err);
    vault_error_clear(&err);
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    pg_sql("INSERT INTO line SELECT * FROM kept");
    expect_ok(ledger_append(book, db, mem, &batch, &done, &err), &err);
}

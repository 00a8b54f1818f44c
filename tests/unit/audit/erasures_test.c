/* The chain of erasures: in the head, in its table, and in the file outside. */
#include "tests/unit/audit/fixture.h"
#include "vault/audit/internal.h"
#include "vault/base/file.h"

#include <sys/stat.h>

static char folder[] = "/tmp/rv-erasures-XXXXXX", path[64], kept[80];

static void given_vault(void)
{
    if (!*path && mkdtemp(folder)) {
        snprintf(path, sizeof path, "%s/checkpoint", folder);
        snprintf(kept, sizeof kept, "%s.erasures", path);
    }
    unlink(path);
    unlink(kept);
    given_log();
}

__attribute__((destructor)) static void tidy(void)
{
    if (!*path) return;
    unlink(path);
    unlink(kept);
    rmdir(folder);
}

static line *erase_lines(int64_t first, size_t count)
{
    line *lines = arena_array(mem, count, sizeof *lines);
    for (size_t i = 0; i < count; i++) {
        line_facts f = facts(first + (int64_t)i, "person-a", "elder-care");
        f.action = LINE_ERASE;
        expect_ok(line_make(&lines[i], hand, mem, &f, NULL, &err), &err);
    }
    return lines;
}

static vault_code append_erasures(const line_batch *batch)
{
    appended done;
    expect_ok(store_begin(db, &err), &err);
    vault_code code = ledger_append_in_transaction(book, db, mem, batch, &done, &err);
    if (code == VAULT_OK) code = store_commit(db, &err);
    if (code == VAULT_OK) return ledger_committed(book), VAULT_OK;
    ledger_rolled_back(book);
    store_rollback(db);
    return code;
}

static void erase(int64_t first, size_t count)
{
    int64_t ids[16];
    for (size_t i = 0; i < count; i++) ids[i] = first + (int64_t)i;
    const line_batch batch = {
        .control_version = 1, .lines = erase_lines(first, count), .count = count, .erased = ids, .erased_count = count};
    expect_ok(append_erasures(&batch), &err);
}

static const char *content(void)
{
    char *text = NULL;
    size_t len;
    expect_ok(file_read(&text, &len, kept, 1 << 16, &err), &err);
    const char *copy = arena_text(mem, bytes_of(text, len));
    free(text);
    return copy;
}

static void write_content(const char *text)
{
    expect_ok(file_replace(kept, bytes_of_text(text), &err), &err);
}

static vault_code check(void)
{
    vault_code code = ledger_check_erasures(book, db, path, &err);
    vault_error_clear(&err);
    return code;
}

TEST("two links, computed by Python's hashlib")
{
    const erasure_row first = {.number = 1, .resident = 77, .line = 5},
                      second = {.number = 2, .resident = 78, .line = 6};
    digest link = erasure_link(&(digest){0}, &first);
    expect_hex(digest_bytes(&link), "7023ac1ab0bea53d5cf9127ca45d0480342b9237728dda1e89227c8c514b3a72");
    link = erasure_link(&link, &second);
    expect_hex(digest_bytes(&link), "6f1a1af6a1c08b9599fd6d85fa48e9a5aa3d713303277659bdfa9fa4cbc621a6");
}

TEST("an erasure is a row of its table and a link in the head, in the transaction of its line")
{
    head_row head;
    given_vault();
    given_lines(3);
    erase(70, 2);
    expect_ok(ledger_head(book, db, &head, &err), &err);
    assert_int_equal(head.erased, 2);
    assert_string_equal(pg_sql("SELECT string_agg(format('%%s %%s %%s', number, resident, line), ',' ORDER BY number)"
                               " FROM erasure"),
                        "1 70 4,2 71 5");
    erase(72, 1);
    assert_int_equal(check(), VAULT_OK);
    expect_ok(ledger_check_erasures(book, db, NULL, &err), &err);
}

TEST("a line of an erasure without its link, a link without its line, and one outside a transaction are refused")
{
    const int64_t ids[] = {70, 71};
    appended done;
    given_vault();
    line_batch batch = {.control_version = 1, .lines = erase_lines(70, 1), .count = 1};
    expect_code(append_erasures(&batch), VAULT_INTERNAL, &err);
    batch.erased = ids, batch.erased_count = 2;
    expect_code(append_erasures(&batch), VAULT_INTERNAL, &err);
    batch.erased_count = 1;
    expect_code(ledger_append(book, db, mem, &batch, &done, &err), VAULT_INTERNAL, &err);
    assert_int_equal(sql_number("SELECT count(*) FROM erasure"), 0);
    batch.lines = erase_lines(70, 1);
    expect_ok(append_erasures(&batch), &err);
}

TEST("what another has written into the table where the next link belongs is damage, and nobody's control version")
{
    given_vault();
    pg_sql("INSERT INTO erasure VALUES (1, 99, 1)");
    const int64_t id = 70;
    const line_batch batch = {
        .control_version = 1, .lines = erase_lines(70, 1), .count = 1, .erased = &id, .erased_count = 1};
    expect_code(append_erasures(&batch), VAULT_INTEGRITY, &err);
    vault_error_clear(&err);
    assert_int_equal(check(), VAULT_INTEGRITY);
}

TEST("the table must be the chain that the head names: no row edited, taken away, put in or doubled")
{
    static const char *const EDITS[] = {"DELETE FROM erasure WHERE number = 2",
                                        "DELETE FROM erasure WHERE number = 4",
                                        "DELETE FROM erasure",
                                        "UPDATE erasure SET resident = 999 WHERE number = 1",
                                        "UPDATE erasure SET line = line + 1 WHERE number = 4",
                                        "INSERT INTO erasure VALUES (5, 999, 1)",
                                        "UPDATE erasure SET number = 9 WHERE number = 4"};
    given_vault();
    erase(70, 4);
    pg_sql("CREATE TABLE kept_erasure AS SELECT * FROM erasure");
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        pg_sql("%s", EDITS[i]);
        assert_int_equal(check(), VAULT_INTEGRITY);
        pg_sql("DELETE FROM erasure; INSERT INTO erasure SELECT * FROM kept_erasure");
    }
    assert_int_equal(check(), VAULT_OK);
}

TEST("the publisher keeps the links outside, a line each, before the checkpoint that holds them, and only what is new")
{
    struct stat before, after;
    given_vault();
    expect_ok(ledger_publish(book, db, path, &err), &err);
    assert_int_equal(access(kept, F_OK), -1);
    erase(70, 2);
    expect_ok(ledger_publish(book, db, path, &err), &err);
    const char *first = content();
    assert_int_equal(strncmp(first, "1 70 1 ", 7), 0);
    assert_int_equal(check(), VAULT_OK);
    erase(80, 2);
    reopen_book(); /* as a process that was started anew: what it knows of the file, the file says */
    expect_ok(ledger_keep_erasures(book, db, path, &err), &err);
    const char *second = content();
    assert_int_equal(strncmp(first, second, strlen(first)), 0);
    assert_non_null(strstr(second, "\n4 81 4 "));
    assert_int_equal(stat(kept, &before), 0);
    expect_ok(ledger_keep_erasures(book, db, path, &err), &err);
    assert_int_equal(stat(kept, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(after.st_mode & 0777, 0600);
    assert_int_equal(check(), VAULT_OK);
}

TEST("a line that a crash cut off is written again, whole")
{
    given_vault();
    erase(70, 3);
    expect_ok(ledger_keep_erasures(book, db, path, &err), &err);
    const char *whole = content();
    size_t len = strlen(whole), third = (size_t)(strstr(whole, "\n3 ") + 1 - whole);
    for (size_t cut = third; cut < len; cut += 7) {
        write_content(arena_text(mem, bytes_of(whole, cut)));
        reopen_book();
        assert_int_equal(check(), VAULT_OK);
        expect_ok(ledger_keep_erasures(book, db, path, &err), &err);
        assert_string_equal(content(), whole);
    }
    write_content(arena_text(mem, bytes_of(whole, 3))); /* of the first one, too */
    reopen_book();
    expect_ok(ledger_keep_erasures(book, db, path, &err), &err);
    assert_string_equal(content(), whole);
}

TEST("two nodes keep one file, and the slower one does not take anything back")
{
    given_vault();
    VAULT_CLEANUP(ledger_close) ledger *other = NULL;
    expect_ok(ledger_open(&other, db, keys, ORIGIN, &err), &err);
    erase(70, 1);
    expect_ok(ledger_keep_erasures(other, db, path, &err), &err);
    erase(71, 1);
    expect_ok(ledger_keep_erasures(book, db, path, &err), &err);
    erase(72, 1);
    expect_ok(ledger_keep_erasures(other, db, path, &err), &err);
    expect_ok(ledger_keep_erasures(book, db, path, &err), &err);
    assert_int_equal(check(), VAULT_OK);
    assert_non_null(strstr(content(), "\n3 72 "));
}

TEST("a file that says otherwise, or more than the database, is damage; one that is behind is not")
{
    given_vault();
    erase(70, 3);
    expect_ok(ledger_keep_erasures(book, db, path, &err), &err);
    const char *whole = content(), *second = strchr(whole, '\n') + 1;
    char *edited = arena_text(mem, bytes_of_text(whole));
    edited[strlen(whole) / 2] ^= 1;
    write_content(edited);
    assert_int_equal(check(), VAULT_INTEGRITY);
    write_content(arena_format(mem, "%s4 73 4 %064d\n", whole, 0));
    assert_int_equal(check(), VAULT_INTEGRITY);
    write_content(second);
    assert_int_equal(check(), VAULT_INTEGRITY);
    write_content("rubbish\n");
    assert_int_equal(check(), VAULT_INTEGRITY);
    reopen_book();
    expect_code(ledger_keep_erasures(book, db, path, &err), VAULT_INTEGRITY, &err);
    vault_error_clear(&err);
    write_content(arena_text(mem, bytes_of(whole, (size_t)(second - whole))));
    assert_int_equal(check(), VAULT_OK);
    write_content("");
    assert_int_equal(check(), VAULT_OK);
}

TEST("a database that was put back to before an erasure is found by the file alone")
{
    given_vault();
    erase(70, 1);
    pg_sql("CREATE TABLE kept_head AS SELECT * FROM head; CREATE TABLE kept_line AS SELECT * FROM line;"
           " CREATE TABLE kept_erasure AS SELECT * FROM erasure");
    erase(71, 1);
    expect_ok(ledger_keep_erasures(book, db, path, &err), &err);
    pg_sql(
        "DELETE FROM head; INSERT INTO head SELECT * FROM kept_head; DELETE FROM line; INSERT INTO line SELECT * FROM"
        " kept_line; DELETE FROM erasure; INSERT INTO erasure SELECT * FROM kept_erasure");
    reopen_book();
    assert_int_equal(check(), VAULT_INTEGRITY);
}

TEST("a file that cannot be written is an error of its own, and the checkpoint does not go out without it")
{
    given_vault();
    erase(70, 1);
    mkdir(kept, 0700);
    expect_code(ledger_publish(book, db, path, &err), VAULT_UNAVAILABLE, &err);
    vault_error_clear(&err);
    rmdir(kept);
    assert_int_equal(access(path, F_OK), -1);
    expect_ok(ledger_publish(book, db, path, &err), &err);
}

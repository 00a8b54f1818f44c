/* The hidden sum of all rows in the head, and what the head's MAC covers. */
#include "tests/unit/audit/fixture.h"
#include "vault/audit/internal.h"

enum { ROWS = 8 };
static resident_row rows[ROWS];
static uint8_t tags[ROWS][ROW_TAG_LEN];

static void given_rows(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        memset(tags[i], (int)i + 1, ROW_TAG_LEN);
        rows[i] =
            (resident_row){.found = true, .id = 100 + (int64_t)i, .version = 1, .tag = bytes_of(tags[i], ROW_TAG_LEN)};
    }
}

static vault_code append_rows(ledger *by, const row_change *changes, size_t count)
{
    appended done;
    line *lines = lines_for(1, "person-a", "elder-care", 1);
    return ledger_append(
        by, db, mem,
        &(line_batch){.control_version = 1, .lines = lines, .count = 1, .rows = changes, .row_count = count}, &done,
        &err);
}

static row_sum stored_sum(void)
{
    head_row head;
    row_sum sum;
    expect_ok(ledger_head(book, db, &head, &err), &err);
    expect_ok(ledger_row_sum(&sum, book, &head, &err), &err);
    return sum;
}

static void expect_sum(const row_sum *wanted)
{
    row_sum stored = stored_sum();
    assert_memory_equal(stored.at, wanted->at, ROW_SUM_LEN);
}

TEST("the sum does not depend on the order, and what is taken away again leaves nothing")
{
    given_log();
    given_rows();
    row_sum there = {0}, back = {0}, empty = {0};
    for (size_t i = 0; i < ROWS; i++) row_sum_add(&there, hand, &rows[i]);
    for (size_t i = ROWS; i-- > 0;) row_sum_add(&back, hand, &rows[i]);
    assert_memory_equal(there.at, back.at, ROW_SUM_LEN);
    for (size_t i = 0; i < ROWS; i++) row_sum_take(&there, hand, &rows[(i + 3) % ROWS]);
    assert_memory_equal(there.at, empty.at, ROW_SUM_LEN);
    row_sum_take(&there, hand, &rows[0]);
    row_sum_add(&there, hand, &rows[0]);
    assert_memory_equal(there.at, empty.at, ROW_SUM_LEN);
}

TEST("id, version and tag each make another sum; one row twice is not none")
{
    given_log();
    given_rows();
    row_sum one = {0}, other = {0}, empty = {0};
    row_sum_add(&one, hand, &rows[0]);
    resident_row id = rows[0], version = rows[0], tag = rows[0];
    id.id++, version.version++, tag.tag = rows[1].tag;
    const resident_row *const edited[] = {&id, &version, &tag};
    for (size_t i = 0; i < 3; i++) {
        other = empty;
        row_sum_add(&other, hand, edited[i]);
        assert_memory_not_equal(one.at, other.at, ROW_SUM_LEN);
    }
    row_sum_add(&one, hand, &rows[0]);
    row_sum_add(&one, hand, &rows[0]);
    assert_memory_not_equal(one.at, empty.at, ROW_SUM_LEN);
}

TEST("a sum carries over all of its bytes, upwards and downwards")
{
    row_sum most, one = {{1}}, empty = {0};
    memset(most.at, 0xff, ROW_SUM_LEN);
    row_sum_join(&most, &one);
    assert_memory_equal(most.at, empty.at, ROW_SUM_LEN);
    row_sum low = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, carried = {{[8] = 1}};
    row_sum_join(&low, &one);
    assert_memory_equal(low.at, carried.at, ROW_SUM_LEN);
}

TEST("the head's sum is that of the rows that were written, replaced and erased, on whichever node")
{
    given_log();
    given_rows();
    VAULT_CLEANUP(ledger_close) ledger *other = NULL;
    expect_ok(ledger_open(&other, db, keys, ORIGIN, &err), &err);
    row_sum wanted = {0};
    expect_sum(&wanted);
    const row_change first[] = {{.row = &rows[0]}, {.row = &rows[1]}}, second[] = {{.row = &rows[2], .was = &rows[1]}};
    const row_change third[] = {{.was = &rows[0]}, {.row = &rows[3]}};
    expect_ok(append_rows(book, first, 2), &err);
    expect_ok(append_rows(other, second, 1), &err);
    expect_ok(append_rows(book, NULL, 0), &err);
    expect_ok(append_rows(book, third, 2), &err);
    row_sum_add(&wanted, hand, &rows[2]);
    row_sum_add(&wanted, hand, &rows[3]);
    expect_sum(&wanted);
    reopen_book();
    expect_sum(&wanted);
}

TEST("what is rolled back is not in the sum")
{
    given_log();
    given_rows();
    row_sum wanted = stored_sum();
    line *lines = lines_for(1, "person-a", "elder-care", 1);
    const row_change one = {.row = &rows[0]};
    const line_batch batch = {.control_version = 1, .lines = lines, .count = 1, .rows = &one, .row_count = 1};
    appended done;
    expect_ok(store_begin(db, &err), &err);
    expect_ok(ledger_append_in_transaction(book, db, mem, &batch, &done, &err), &err);
    ledger_rolled_back(book);
    store_rollback(db);
    expect_sum(&wanted);
    expect_ok(append_rows(book, NULL, 0), &err);
    expect_sum(&wanted);
}

TEST("the column tells nothing: it changes with every line, and two attempts at one size have two masks")
{
    given_log();
    given_rows();
    head_row heads[3];
    appended done;
    const row_change one = {.row = &rows[0]};
    for (int i = 0; i < 2; i++) {
        const line_batch batch = {.control_version = 1,
                                  .lines = lines_for(1, "person-a", "elder-care", 1),
                                  .count = 1,
                                  .rows = &one,
                                  .row_count = 1};
        expect_ok(store_begin(db, &err), &err);
        expect_ok(ledger_append_in_transaction(book, db, mem, &batch, &done, &err), &err);
        expect_ok(store_head_read(db, &heads[i], &err), &err);
        ledger_rolled_back(book);
        store_rollback(db);
    }
    assert_int_equal(heads[0].size, heads[1].size);
    assert_memory_not_equal(heads[0].row_sum, heads[1].row_sum, ROW_SUM_LEN);
    expect_ok(append_rows(book, NULL, 0), &err);
    expect_ok(store_head_read(db, &heads[2], &err), &err);
    expect_ok(append_rows(book, NULL, 0), &err);
    expect_ok(store_head_read(db, &heads[0], &err), &err);
    assert_memory_not_equal(heads[0].row_sum, heads[2].row_sum, ROW_SUM_LEN);
}

TEST("every column of the head is under its MAC")
{
    static const char *const EDITS[] = {"size = size + 1",
                                        "time = time + 1",
                                        "control_version = 2",
                                        "control_digest = sha256('x')",
                                        "erased = 1",
                                        "erasure = sha256('x')",
                                        "row_sum = sha256('x')",
                                        "frontier = set_byte(frontier, 0, get_byte(frontier, 0) # 1)",
                                        "mac = sha256('x')",
                                        "log_version = 0",
                                        "log_version = -1"};
    head_row head;
    given_log();
    pg_sql("CREATE TABLE kept AS SELECT * FROM head");
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        pg_sql("UPDATE head SET %s", EDITS[i]);
        expect_code(ledger_head(book, db, &head, &err), VAULT_INTEGRITY, &err);
        vault_error_clear(&err);
        pg_sql("DELETE FROM head; INSERT INTO head SELECT * FROM kept");
    }
    expect_ok(ledger_head(book, db, &head, &err), &err);
    pg_sql("DROP TABLE kept");
}

TEST("an older head with its older sum is refused by whoever has seen the newer one")
{
    head_row head;
    given_log();
    given_rows();
    pg_sql("CREATE TABLE kept AS SELECT * FROM head");
    expect_ok(append_rows(book, &(row_change){.row = &rows[0]}, 1), &err);
    pg_sql("DELETE FROM head; INSERT INTO head SELECT * FROM kept; DROP TABLE kept");
    expect_code(ledger_head(book, db, &head, &err), VAULT_INTEGRITY, &err);
    vault_error_clear(&err);
}

TEST("a row weighs HMAC-SHA-256 of id, version and tag (computed by Python's hmac)")
{
    row_sum sum = {0};
    VAULT_CLEANUP(prf_free) prf *p = NULL;
    uint8_t key[KEY_LEN], tag[ROW_TAG_LEN];
    for (int i = 0; i < KEY_LEN; i++) key[i] = (uint8_t)i;
    memset(tag, 0xa5, sizeof tag);
    const resident_row row = {.id = 0x0102030405060708, .version = 9, .tag = bytes_of(tag, sizeof tag)};
    expect_ok(prf_new(&p, SUITE_INTL, bytes_of(key, KEY_LEN), &err), &err);
    const scribe by = {.rows = p};
    row_sum_add(&sum, &by, &row);
    expect_hex(bytes_of(sum.at, ROW_SUM_LEN),
               "c5d02bb5 9de2f4e8 3f8a09c2 5cb58cc2 e41009dc 23a2bd1a 3ae81dd9 314bf594");
}

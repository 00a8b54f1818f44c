/* Reading the whole log: every stretch of it is proven, and what was edited ends the scan. */
#include "tests/unit/audit/fixture.h"
#include "vault/audit/scan.h"

static line_scan scanned(int64_t from, size_t limit)
{
    line_scan scan = {.from = from, .limit = limit};
    expect_ok(ledger_scan(&scan, hand, db, mem, &err), &err);
    return scan;
}

TEST("every stretch of a log is read in order, opened and proven")
{
    given_log();
    given_lines(40);
    for (int64_t from = 0; from <= 40; from++) {
        for (size_t limit = 1; limit <= 43; limit += 3) {
            line_scan scan = scanned(from, limit);
            size_t wanted = limit < (size_t)(41 - from) ? limit : (size_t)(41 - from);
            assert_int_equal(scan.count, wanted);
            assert_int_equal(scan.size, 41);
            for (size_t i = 0; i < scan.count; i++) {
                assert_int_equal(scan.lines[i].index, from + (int64_t)i);
                assert_true(scan.lines[i].consistent);
            }
        }
    }
    line_scan last = scanned(40, 1);
    assert_string_equal(last.lines[0].said.person, "person-a");
    assert_int_equal(last.lines[0].said.resident, 5);
    assert_int_equal(last.lines[0].said.area, 330106003001);
    assert_int_equal(scanned(41, 10).count, 0);
    assert_int_equal(scanned(1000, 10).count, 0);
}

TEST("a scan of no or too many lines is refused")
{
    given_log();
    line_scan none = {0}, many = {.limit = SCAN_MOST + 1}, before = {.from = -1, .limit = 1};
    expect_code(ledger_scan(&none, hand, db, mem, &err), VAULT_INVALID, &err);
    expect_code(ledger_scan(&many, hand, db, mem, &err), VAULT_INVALID, &err);
    expect_code(ledger_scan(&before, hand, db, mem, &err), VAULT_INVALID, &err);
}

enum { EDITED = 11 };

static void expect_ends(const char *sql)
{
    given_log();
    appended_batch(lines_for(1, "person-a", "elder-care", 20), 20);
    pg_sql("%s", sql);
    line_scan all = {.limit = 100}, before = {.limit = 8}, behind = {.from = EDITED, .limit = 2};
    expect_code(ledger_scan(&all, hand, db, mem, &err), VAULT_INTEGRITY, &err);
    expect_code(ledger_scan(&behind, hand, db, mem, &err), VAULT_INTEGRITY, &err);
    expect_ok(ledger_scan(&before, hand, db, mem, &err), &err);
}

#define EDIT(set)        "UPDATE line SET " set " WHERE idx = 11"
#define FLIP(column, at) EDIT(#column " = set_byte(" #column ", " #at ", get_byte(" #column ", " #at ") # 1)")

TEST("a line that was edited, exchanged or taken away ends a scan, and no other one")
{
    expect_ends(FLIP(leaf, 8));
    expect_ends(FLIP(leaf, 73));
    expect_ends(FLIP(officer, 20));
    expect_ends(EDIT("resident_tag = 0"));
    expect_ends(EDIT("person_tag = 0"));
    expect_ends(EDIT("officer = (SELECT officer FROM line WHERE idx = 12)"));
    expect_ends("DELETE FROM line WHERE idx = 11");
    expect_ends("UPDATE line a SET (leaf, officer, resident_tag, person_tag) = "
                "(SELECT leaf, officer, resident_tag, person_tag FROM line b WHERE b.idx = 23 - a.idx) "
                "WHERE a.idx IN (11, 12)");
}

TEST("the first line at or after a moment is found")
{
    int64_t index;
    given_log();
    given_lines(20);
    const int64_t s = INT64_C(1000000);
    expect_ok(ledger_since(&index, hand, db, mem, s * (NOON + 11), &err), &err);
    assert_int_equal(index, 11);
    expect_ok(ledger_since(&index, hand, db, mem, s * (NOON + 11) + 1, &err), &err);
    assert_int_equal(index, 12);
    expect_ok(ledger_since(&index, hand, db, mem, s * (NOON + 100), &err), &err);
    assert_int_equal(index, 21);
    expect_ok(ledger_since(&index, hand, db, mem, 0, &err), &err);
    assert_int_equal(index, 0);
}

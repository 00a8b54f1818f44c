/* Many archives: a page of the log ends between two of them when the time is over, and whoever asks on has all. */
#include "tests/unit/audit/fixture.h"
#include "vault/audit/archive.h"
#include "vault/audit/history.h"
#include "vault/audit/internal.h"

#include <unistd.h>

enum { TILE = 256, ARCHIVES = 14, BATCH = 128, SIZE = ARCHIVES * TILE + BATCH + 1, RARE = 99 };
static const int64_t OVER = 1; /* a moment long ago */
static char folder[] = "/tmp/rv-pages-XXXXXX";
static shelf *files;
static aead *view;

/* No disk fails here: a busy one would take most of the time. */
int fsync(int fd)
{
    return fd < 0 ? -1 : 0;
}

__attribute__((destructor)) static void tidy(void)
{
    empty_folder(folder);
    rmdir(folder);
    aead_free(&view);
}

/* A resident of whom every third tile has a line, and one more in the table. */
static void add_lines(size_t first)
{
    line *lines = arena_array(mem, BATCH, sizeof *lines);
    for (size_t i = 0; i < BATCH; i++) {
        bool rare = (first + i) % (3 * TILE) == 7 || first + i == SIZE - 2;
        line_facts f = facts(rare ? RARE : 1, rare ? "person-rare" : "person-a", "elder-care");
        expect_ok(line_make(&lines[i], hand, mem, &f, rare ? view : NULL, &err), &err);
    }
    appended_batch(lines, BATCH);
}

static void archive_tile(int64_t before)
{
    anchor to;
    archive_row next;
    VAULT_CLEANUP(archive_draft_clear) archive_draft draft = {0};
    expect_ok(ledger_anchor(&to, book, db, mem, &err), &err);
    expect_ok(archive_next(&next, db, &to, before, &err), &err);
    const archive_wish wish = {next.first, next.count, &to};
    expect_ok(archive_draft_write(&draft, hand, db, &wish, &err), &err);
    expect_ok(store_begin(db, &err), &err);
    expect_ok(store_archive_take(db, &draft.row, &err), &err);
    expect_ok(archive_draft_place(&draft, files, &err), &err);
    expect_ok(store_commit(db, &err), &err);
}

static void given_archives(void)
{
    uint8_t key[KEY_LEN] = {3};
    if (view) return;
    given_log();
    expect_ok(aead_new(&view, SUITE_INTL, &err), &err);
    expect_ok(aead_set_key(view, bytes_of(key, sizeof key), &err), &err);
    assert_non_null(mkdtemp(folder));
    expect_ok(shelf_open(&files, folder, &err), &err);
    store_set_shelf(db, files);
    for (size_t done = 1; done < SIZE; done += BATCH) add_lines(done);
    expect_ok(ledger_publish(book, db, NULL, &err), &err);
    for (int64_t i = 1; i <= ARCHIVES; i++) archive_tile(i * TILE);
    assert_int_equal(sql_number("SELECT count(*) FROM archive"), ARCHIVES);
}

static size_t expect_rare(line_query q)
{
    const line_page whole = all_lines(q);
    line_page part;
    size_t count = 0, pages = 0;
    assert_int_equal(inconsistent(&whole), 0);
    q.until_us = OVER;
    q.limit = 1000;
    do {
        expect_ok(ledger_query(hand, db, mem, &q, &part, &err), &err);
        for (size_t i = 0; i < part.count; i++, count++) {
            assert_true(count < whole.count && part.lines[i].consistent);
            assert_int_equal(part.lines[i].index, whole.lines[count].index);
        }
        pages++;
        assert_true(part.next == -1 || part.next > q.from);
        q.from = part.next;
    } while (part.next != -1);
    assert_int_equal(count, whole.count);
    return pages;
}

TEST("a look-up by tag looks into one archive a page when the time is over, and asked on finds all in their order")
{
    given_archives();
    const size_t rare = (ARCHIVES + 2) / 3 + 1;
    assert_int_equal(all_lines((line_query){.resident = RARE}).count, rare);
    assert_int_equal(expect_rare((line_query){.resident = RARE}), ARCHIVES);
    assert_int_equal(expect_rare((line_query){.person = "person-rare"}), ARCHIVES);
    assert_in_range(expect_rare((line_query){0}), ARCHIVES, 2 * ARCHIVES); /* of all lines */
    assert_in_range(expect_rare((line_query){.ticket = "case 4711"}), 1, 2 * ARCHIVES);
}

TEST("a look-up that has time looks into all of them, and one that is bounded looks into none beyond")
{
    given_archives();
    row_page p = {
        .range = {.key = LINE_PERSON, .limit = 10}, .stop = 3 * TILE, .rows = arena_array(mem, 10, sizeof *p.rows)};
    int64_t tags[RING_VERSIONS_MAX];
    p.range.tags = tags;
    p.range.tag_count = scribe_person_tags(hand, "person-rare", tags);
    expect_ok(rows_page_until(db, mem, &p, &err), &err);
    assert_int_equal(p.next, -1);
    assert_true(p.count >= 1 && p.rows[0].index == 7);
    for (size_t i = 1; i < p.count; i++) assert_true(p.rows[i].index > ARCHIVES * TILE); /* of the table */
    p.until_us = clock_monotonic_us() + INT64_C(3600) * 1000000;
    p.stop = INT64_MAX;
    expect_ok(rows_page_until(db, mem, &p, &err), &err);
    assert_true(p.next == -1 && p.count == (ARCHIVES + 2) / 3 + 1);
    p.until_us = OVER;
    expect_ok(rows_page_until(db, mem, &p, &err), &err);
    assert_true(p.next == TILE && p.count == 1);
}

TEST("a resident's history ends its page between two archives, backwards, and asked on tells all")
{
    given_archives();
    history_query q = {.resident = RARE,
                       .view = view,
                       .from = SIZE - 1,
                       .today = 20260101,
                       .limit = 100,
                       .read_most = HISTORY_READ_MOST};
    history_page whole, part;
    size_t count = 0, pages = 0;
    q.tree.size = 0;
    expect_ok(ledger_history(&whole, hand, db, mem, &q, &err), &err);
    assert_true(whole.next == -1 && whole.count == (ARCHIVES + 2) / 3 + 1);
    for (q.until_us = OVER; q.from >= 0; q.from = part.next, pages++) {
        expect_ok(ledger_history(&part, hand, db, mem, &q, &err), &err);
        assert_true(part.next < q.from);
        for (size_t i = 0; i < part.count; i++) assert_int_equal(part.entries[i].index, whole.entries[count++].index);
    }
    assert_int_equal(count, whole.count);
    assert_int_equal(pages, ARCHIVES);
}

TEST("a trail that had no time for older archives says so")
{
    given_archives();
    line_trail t = {.resident = RARE, .app = "gov-app-1", .purpose = "elder-care", .limit = 100};
    expect_ok(ledger_trail(hand, db, mem, &t, &err), &err);
    assert_true(!t.early && t.total == (ARCHIVES + 2) / 3 + 1);
    t.until_us = OVER;
    expect_ok(ledger_trail(hand, db, mem, &t, &err), &err);
    assert_true(t.early && t.total >= 1 && t.total < 4);
}

TEST("entries come from one archive when the time is over, and asked on they are all of the log")
{
    given_archives();
    entry_page all = {.size = SIZE, .limit = ENTRIES_MOST},
               page = {.size = SIZE, .limit = ENTRIES_MOST, .until_us = OVER};
    expect_ok(ledger_entries(db, mem, &all, &err), &err);
    assert_int_equal(all.count, SIZE);
    while (page.from < SIZE) {
        expect_ok(ledger_entries(db, mem, &page, &err), &err);
        assert_int_equal(page.count, page.from < (ARCHIVES - 1) * TILE ? TILE : SIZE - page.from);
        for (size_t i = 0; i < page.count && (size_t)page.from + i < all.count; i++)
            assert_true(bytes_same(page.leaves[i], all.leaves[(size_t)page.from + i]));
        page.from += (int64_t)page.count;
    }
    assert_int_equal(page.from, SIZE);
}

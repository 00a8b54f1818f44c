/* The head, the append that moves it, lines, and the published checkpoint. */
#include "tests/unit/store/fixture.h"

#include <pthread.h>

static void expect_head(store *s, const head_row *wanted)
{
    head_row got;
    expect_ok(store_head_read(s, &got, &err), &err);
    assert_int_equal(got.size, wanted->size);
    assert_int_equal(got.time, wanted->time);
    assert_int_equal(got.control_version, wanted->control_version);
    assert_memory_equal(got.control_digest.at, wanted->control_digest.at, DIGEST_LEN);
    assert_memory_equal(got.erasure.at, wanted->erasure.at, DIGEST_LEN);
    assert_int_equal(got.frontier_len, wanted->frontier_len);
    assert_memory_equal(got.frontier, wanted->frontier, wanted->frontier_len);
    assert_memory_equal(got.mac, wanted->mac, HEAD_MAC_LEN);
}

static store *given_log(int64_t size)
{
    store *s = fresh_store();
    head_row start = head_of(0, 1);
    expect_ok(store_head_create(s, &start, &err), &err);
    if (!size) return s;
    bool moved;
    head_row to = head_of(size, 1);
    expect_ok(store_append(s, &start, &to, lines_of(0, (size_t)size), (size_t)size, &moved, &err), &err);
    assert_false(moved);
    return s;
}

TEST("an append moves the head and inserts the lines, every column as it was written")
{
    store *s = given_log(0);
    head_row from = head_of(0, 1), to = head_of(7, 1);
    line_row got[7];
    bool moved = true, found[7];
    expect_ok(store_append(s, &from, &to, lines_of(0, 7), 7, &moved, &err), &err);
    assert_false(moved);
    expect_head(s, &to);
    int64_t indexes[] = {6, 0, 7, 3, 6, -1, 5};
    expect_ok(store_lines_by_index(s, mem, indexes, 7, got, found, &err), &err);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(found[i], indexes[i] >= 0 && indexes[i] < 7);
        if (found[i]) expect_line(&got[i], indexes[i]);
    }
    store_close(&s);
}

TEST("an append to a head that has moved writes nothing and says so")
{
    store *s = given_log(5);
    head_row stale = head_of(4, 1), other = head_of(5, 2), to5 = head_of(5, 1), to6 = head_of(6, 1);
    bool moved = false;
    expect_ok(store_append(s, &stale, &to5, lines_of(4, 1), 1, &moved, &err), &err);
    assert_true(moved);
    moved = false;
    expect_ok(store_append(s, &other, &to6, lines_of(5, 1), 1, &moved, &err), &err);
    assert_true(moved);
    expect_head(s, &to5);
    assert_int_equal(sql_number("SELECT count(*) FROM line"), 5);
    store_close(&s);
}

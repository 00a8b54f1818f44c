/* Answers to imports: found by their id, kept once, swept after their end. */
#include "tests/unit/store/fixture.h"

#include "vault/base/clock.h"

static const int64_t HOUR = INT64_C(3600) * 1000 * 1000;

static request_row row_of(int seed, size_t len, int64_t expires_us)
{
    request_row row = {.answer = filled(seed, len), .expires_us = expires_us};
    row.id = sha256(bytes_of(&seed, sizeof seed));
    return row;
}

static void keep(store *s, const request_row *row)
{
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_request_insert(s, row, &err), &err);
    expect_ok(store_commit(s, &err), &err);
}

TEST("an answer is found by its id, byte for byte, and an unknown id finds nothing")
{
    store *s = fresh_store();
    const size_t lengths[] = {1, 61, 8000, 2 << 20};
    for (int i = 0; i < 4; i++) {
        request_row row = row_of(i, lengths[i], 1000 + i), got = {.id = row.id};
        bool found = true;
        expect_ok(store_request_find(s, mem, &got, &found, &err), &err);
        assert_false(found);
        keep(s, &row);
        expect_ok(store_request_find(s, mem, &got, &found, &err), &err);
        assert_true(found);
        assert_true(bytes_same(got.answer, row.answer));
        assert_int_equal(got.expires_us, 1000 + i);
    }
    store_close(&s);
}

TEST("an id is taken once, and with its transaction")
{
    store *s = fresh_store();
    request_row row = row_of(1, 10, 1), other = row_of(2, 10, 1);
    bool found;
    keep(s, &row);
    row.answer = filled(9, 10);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_request_insert(s, &row, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_request_insert(s, &other, &err), &err);
    store_rollback(s);
    expect_ok(store_request_find(s, mem, &other, &found, &err), &err);
    assert_false(found);
    expect_ok(store_request_find(s, mem, &row, &found, &err), &err);
    assert_true(bytes_same(row.answer, filled(1, 10)));
    store_close(&s);
}

TEST("what has ended is swept as fast as answers come, and what may still be asked for stays")
{
    store *s = fresh_store();
    int64_t now = clock_now_us();
    bool found;
    for (int i = 0; i < 100; i++) {
        request_row old = row_of(i, 20, now - HOUR), fresh = row_of(1000 + i, 20, now + HOUR);
        keep(s, &old);
        keep(s, &fresh);
        expect_ok(store_request_find(s, mem, &fresh, &found, &err), &err);
        assert_true(found);
    }
    assert_true(strtol(pg_sql("select count(*) from request where expires < %lld", (long long)now), NULL, 10) < 40);
    assert_string_equal(pg_sql("select count(*) from request where expires > %lld", (long long)now), "100");
    store_close(&s);
}

TEST("a sweep never stands in an import's transaction")
{
    store *s = fresh_store();
    bool found;
    for (int i = 0; i < 70; i++) {
        request_row old = row_of(i, 20, 1);
        keep(s, &old);
    }
    request_row any = row_of(0, 20, 1);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_request_find(s, mem, &any, &found, &err), &err);
    assert_true(found);
    expect_ok(store_commit(s, &err), &err);
    assert_string_equal(pg_sql("select count(*) from request"), "70");
    expect_ok(store_request_find(s, mem, &any, &found, &err), &err);
    assert_string_equal(pg_sql("select count(*) from request"), "0");
    store_close(&s);
}

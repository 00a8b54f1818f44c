/* Answers that are kept: found by their id, kept once, swept after their end. */
#include "tests/unit/store/fixture.h"
#include "vault/store/internal.h"

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
    expect_ok(store_requests_insert(s, mem, row, 1, &err), &err);
    expect_ok(store_commit(s, &err), &err);
}

TEST("an answer is found by its id, byte for byte, and an unknown id finds nothing")
{
    store *s = fresh_store();
    const size_t lengths[] = {1, 61, 8000, 2 << 20};
    for (int i = 0; i < 4; i++) {
        request_row row = row_of(i, lengths[i], 1000 + i), got = {.id = row.id};
        expect_ok(store_requests_find(s, mem, &got, 1, &err), &err);
        assert_false(got.found);
        keep(s, &row);
        expect_ok(store_requests_find(s, mem, &got, 1, &err), &err);
        assert_true(got.found);
        assert_true(bytes_same(got.answer, row.answer));
        assert_int_equal(got.expires_us, 1000 + i);
    }
    store_close(&s);
}

TEST("an id is taken once, and with its transaction")
{
    store *s = fresh_store();
    request_row row = row_of(1, 10, INT64_MAX), other = row_of(2, 10, INT64_MAX);
    keep(s, &row);
    row.answer = filled(9, 10);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_requests_insert(s, mem, &row, 1, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_requests_insert(s, mem, &other, 1, &err), &err);
    store_rollback(s);
    expect_ok(store_requests_find(s, mem, &other, 1, &err), &err);
    assert_false(other.found);
    expect_ok(store_requests_find(s, mem, &row, 1, &err), &err);
    assert_true(bytes_same(row.answer, filled(1, 10)));
    store_close(&s);
}

TEST("what has ended is swept as fast as answers come, and what may still be asked for stays")
{
    store *s = fresh_store();
    int64_t now = clock_now_us();
    for (int i = 0; i < 100; i++) {
        request_row old = row_of(i, 20, now - HOUR), fresh = row_of(1000 + i, 20, now + HOUR);
        keep(s, &old);
        keep(s, &fresh);
        expect_ok(store_requests_find(s, mem, &fresh, 1, &err), &err);
        assert_true(fresh.found);
    }
    assert_true(strtol(pg_sql("select count(*) from request where expires < %lld", (long long)now), NULL, 10) < 40);
    assert_string_equal(pg_sql("select count(*) from request where expires > %lld", (long long)now), "100");
    store_close(&s);
}

TEST("what has ended goes within the hour, however few come, and a store that is opened begins with it")
{
    store *s = fresh_store();
    request_row old = row_of(1, 20, clock_now_us() - HOUR), any = row_of(2, 20, clock_now_us() + HOUR);
    keep(s, &old);
    keep(s, &any);
    expect_ok(store_requests_find(s, mem, &any, 1, &err), &err);
    assert_string_equal(pg_sql("select count(*) from request"), "1");
    keep(s, &old);
    expect_ok(store_requests_find(s, mem, &any, 1, &err), &err);
    assert_string_equal(pg_sql("select count(*) from request"), "2"); /* not with every call */
    s->requests.again_us -= HOUR;
    expect_ok(store_requests_find(s, mem, &any, 1, &err), &err);
    assert_string_equal(pg_sql("select count(*) from request"), "1");
    store_close(&s);
}

TEST("a sweep never stands in a caller's transaction")
{
    store *s = fresh_store();
    for (int i = 0; i < 70; i++) {
        request_row old = row_of(i, 20, 1);
        keep(s, &old);
    }
    request_row any = row_of(0, 20, 1);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_requests_find(s, mem, &any, 1, &err), &err);
    assert_true(any.found);
    expect_ok(store_commit(s, &err), &err);
    assert_string_equal(pg_sql("select count(*) from request"), "70");
    expect_ok(store_requests_find(s, mem, &any, 1, &err), &err);
    assert_string_equal(pg_sql("select count(*) from request"), "0");
    store_close(&s);
}

TEST("many answers are found and kept by one statement each; one that was asked for twice is answered twice")
{
    store *s = fresh_store();
    request_row rows[500], asked[1001];
    for (int i = 0; i < 500; i++) rows[i] = row_of(i, (size_t)i, clock_now_us() + HOUR + i);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_requests_insert(s, mem, rows, 500, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    for (int i = 0; i < 1001; i++) asked[i] = (request_row){.id = row_of(i % 1000, 0, 0).id};
    expect_ok(store_requests_find(s, mem, asked, 1001, &err), &err);
    for (int i = 0; i < 1001; i++) {
        int of = i % 1000;
        assert_int_equal(asked[i].found, of < 500);
        if (of < 500) assert_true(bytes_same(asked[i].answer, rows[of].answer));
        if (of < 500) assert_int_equal(asked[i].expires_us, rows[of].expires_us);
    }
    request_row twice[2] = {row_of(7000, 3, 1), row_of(7000, 3, 1)};
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_requests_insert(s, mem, twice, 2, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    store_close(&s);
}

/* What officers are still to be told: with what it tells of, by one node at a time, later each time. */
#include "tests/unit/store/fixture.h"
#include "vault/store/notices.h"

static const int64_t NOW = INT64_C(1800000000000000), SECOND = 1000000;

static notice_row about(const char *subject, int64_t created_us)
{
    return (notice_row){.kind = NOTICE_EMERGENCY, .subject = subject, .created_us = created_us};
}

static bool taken(store *s, notice_row *out, int64_t now_us)
{
    bool found;
    expect_ok(store_notice_take(s, mem, now_us, out, &found, &err), &err);
    return found;
}

TEST("a notice is there with its transaction, and not without it; the same one is there once")
{
    store *s = fresh_store();
    notice_row row = about("emergencies/1", NOW), got;
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_notice_insert(s, &row, &err), &err);
    store_rollback(s);
    assert_false(taken(s, &got, NOW));
    for (int i = 0; i < 3; i++) expect_ok(store_notice_insert(s, &row, &err), &err);
    assert_true(taken(s, &got, NOW));
    assert_int_equal(got.kind, NOTICE_EMERGENCY);
    assert_string_equal(got.subject, "emergencies/1");
    assert_int_equal(got.created_us, NOW);
    assert_int_equal(got.tries, 1);
    assert_false(taken(s, &got, NOW));
    store_close(&s);
}

TEST("who takes one has it for a while, longer each time, up to an hour; who is done with it has it for good")
{
    store *s = fresh_store(), *other = NULL;
    notice_row row = about("emergencies/1", NOW), got;
    int64_t now = NOW, wait = 15 * SECOND;
    expect_ok(store_open(&other, pg_conninfo(), &err), &err);
    expect_ok(store_notice_insert(s, &row, &err), &err);
    for (int tries = 1; tries < 20; tries++) {
        assert_true(taken(tries % 2 ? s : other, &got, now));
        assert_int_equal(got.tries, tries);
        assert_false(taken(other, &got, now + wait - 1));
        now += wait;
        wait = 2 * wait < 3600 * SECOND ? 2 * wait : 3600 * SECOND;
    }
    assert_true(taken(s, &got, now));
    expect_ok(store_notice_done(s, got.id, &err), &err);
    assert_false(taken(s, &got, now + 86400 * SECOND));
    store_close(&other);
    store_close(&s);
}

TEST("what was due first is taken first; a notice of later is not due yet")
{
    store *s = fresh_store();
    notice_row got, rows[] = {about("c", NOW + 2), about("a", NOW), about("b", NOW + 1), about("z", NOW + SECOND)};
    for (size_t i = 0; i < 4; i++) expect_ok(store_notice_insert(s, &rows[i], &err), &err);
    static const char *const order[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(taken(s, &got, NOW + 2));
        assert_string_equal(got.subject, order[i]);
    }
    assert_false(taken(s, &got, NOW + 2));
    store_close(&s);
}

TEST("what is older than a moment is dropped, and counted")
{
    store *s = fresh_store();
    notice_row got, rows[] = {about("old", NOW), about("older", NOW - 1), about("new", NOW + 1)};
    int64_t dropped;
    for (size_t i = 0; i < 3; i++) expect_ok(store_notice_insert(s, &rows[i], &err), &err);
    expect_ok(store_notices_sweep(s, NOW + 1, &dropped, &err), &err);
    assert_int_equal(dropped, 2);
    assert_true(taken(s, &got, NOW + SECOND));
    assert_string_equal(got.subject, "new");
    store_close(&s);
}

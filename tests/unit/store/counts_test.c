/* Counters and what they have seen: made once, locked in one order, written together, swept after their end. */
#include "tests/unit/store/fixture.h"
#include "vault/store/counts.h"

#include <pthread.h>

static const int64_t LATER = INT64_C(1) << 52;

static count_row counter_of(int seed, const char *text)
{
    count_row row = {.sealed = bytes_of_text(text), .ends_us = LATER};
    digest id = sha256(bytes_of(&seed, sizeof seed));
    memcpy(row.id, id.at, COUNT_ID_LEN);
    return row;
}

static void given_counter(store *s, int seed, const char *text)
{
    count_row row = counter_of(seed, text);
    expect_ok(store_counters_make(s, &row, 1, &err), &err);
}

static count_row seen(store *s, int seed)
{
    count_row row = counter_of(seed, "");
    expect_ok(store_seen_read(s, mem, &row, 1, &err), &err);
    return row;
}

static count_row locked(store *s, int seed)
{
    count_row row = counter_of(seed, "");
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_counters_lock(s, mem, &row, 1, &err), &err);
    return row;
}

static bool says(const count_row *row, const char *text)
{
    return row->found && bytes_same(row->sealed, bytes_of_text(text));
}

TEST("a counter is made once: the one that stands stays as it is")
{
    store *s = fresh_store();
    given_counter(s, 1, "first");
    given_counter(s, 1, "second");
    count_row row = locked(s, 1);
    assert_true(says(&row, "first"));
    assert_int_equal(row.ends_us, LATER);
    store_rollback(s);
    store_close(&s);
}

TEST("a counter that is made in a transaction goes with it")
{
    store *s = fresh_store();
    count_row row = counter_of(1, "x");
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_counters_make(s, &row, 1, &err), &err);
    expect_ok(store_counters_lock(s, mem, &row, 1, &err), &err);
    store_rollback(s);
    assert_string_equal(pg_sql("select count(*) from budget_count"), "0");
    store_close(&s);
}

TEST("counters are locked and written in a transaction only, and one that is gone is a conflict")
{
    store *s = fresh_store();
    count_row rows[2] = {counter_of(1, ""), counter_of(2, "")};
    given_counter(s, 1, "a");
    expect_code(store_counters_lock(s, mem, rows, 1, &err), VAULT_INTERNAL, &err);
    expect_code(store_counts_write(s, &(counts_written){.counters = rows, .counter_count = 1}, &err), VAULT_INTERNAL,
                &err);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_counters_lock(s, mem, rows, 2, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_counts_write(s, &(counts_written){.counters = rows, .counter_count = 2}, &err), VAULT_CONFLICT,
                &err);
    store_rollback(s);
    store_close(&s);
}

TEST("counter and what it has seen are written together, and not at all where the transaction is rolled back")
{
    store *s = fresh_store();
    given_counter(s, 1, "0");
    for (int turn = 0; turn < 2; turn++) {
        count_row counter = locked(s, 1), what = counter_of(7, "somebody");
        counter.sealed = bytes_of_text("1");
        counts_written both = {.counters = &counter, .counter_count = 1, .seen = &what, .seen_count = 1};
        expect_ok(store_counts_write(s, &both, &err), &err);
        if (turn == 0)
            store_rollback(s);
        else
            expect_ok(store_commit(s, &err), &err);
        count_row after = locked(s, 1);
        store_rollback(s);
        assert_true(says(&after, turn ? "1" : "0"));
        count_row there = seen(s, 7);
        assert_int_equal(there.found, turn);
    }
    store_close(&s);
}

TEST("what was seen is written again in its place, with its new end")
{
    store *s = fresh_store();
    for (int i = 0; i < 3; i++) {
        count_row what = counter_of(7, i == 2 ? "more" : "some");
        what.ends_us = LATER + i;
        expect_ok(store_begin(s, &err), &err);
        expect_ok(store_counts_write(s, &(counts_written){.seen = &what, .seen_count = 1}, &err), &err);
        expect_ok(store_commit(s, &err), &err);
    }
    count_row there = seen(s, 7);
    assert_true(says(&there, "more"));
    assert_int_equal(there.ends_us, LATER + 2);
    assert_string_equal(pg_sql("select count(*) from budget_seen"), "1");
    store_close(&s);
}

TEST("many are read by one call, each in its place, asked for twice too, found or not")
{
    store *s = fresh_store();
    enum { MANY = 5000 };
    count_row *rows = arena_array(mem, MANY, sizeof *rows), *got = arena_array(mem, MANY, sizeof *got);
    for (int i = 0; i < MANY; i++) rows[i] = counter_of(i, i % 2 ? "odd" : "even");
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_counts_write(s, &(counts_written){.seen = rows, .seen_count = MANY / 2}, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    for (int i = 0; i < MANY; i++) got[i] = counter_of(i / 2 * 2, "");
    expect_ok(store_seen_read(s, mem, got, MANY, &err), &err);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(got[i].found, i / 2 * 2 < MANY / 2);
        if (got[i].found) assert_true(says(&got[i], "even"));
    }
    store_close(&s);
}

TEST("counters are listed page by page in the order of their ids")
{
    store *s = fresh_store();
    count_row page[4];
    bytes after = bytes_of("", 0);
    uint8_t last[COUNT_ID_LEN];
    size_t all = 0, n = 4;
    for (int i = 0; i < 10; i++) given_counter(s, i, "x");
    for (; n > 0; all += n) {
        n = 4;
        expect_ok(store_counters_page(s, mem, after, page, &n, &err), &err);
        for (size_t i = 0; i < n; i++) assert_true(!after.len || i || memcmp(page[i].id, last, COUNT_ID_LEN) > 0);
        if (n) memcpy(last, page[n - 1].id, COUNT_ID_LEN);
        after = bytes_of(last, COUNT_ID_LEN);
    }
    assert_int_equal(all, 10);
    store_close(&s);
}

TEST("what has ended is swept, a part at a time, and nothing else")
{
    store *s = fresh_store();
    int64_t swept;
    for (int i = 0; i < 10; i++) {
        count_row row = counter_of(i, "x");
        row.ends_us = i < 6 ? 100 : LATER;
        expect_ok(store_counters_make(s, &row, 1, &err), &err);
        expect_ok(store_begin(s, &err), &err);
        expect_ok(store_counts_write(s, &(counts_written){.seen = &row, .seen_count = 1}, &err), &err);
        expect_ok(store_commit(s, &err), &err);
    }
    expect_ok(store_counts_sweep(s, 101, 4, &swept, &err), &err);
    assert_int_equal(swept, 8);
    expect_ok(store_counts_sweep(s, 101, 4, &swept, &err), &err);
    assert_int_equal(swept, 4);
    expect_ok(store_counts_sweep(s, 101, 4, &swept, &err), &err);
    assert_int_equal(swept, 0);
    assert_string_equal(pg_sql("select count(*) || ' ' || (select count(*) from budget_seen) from budget_count"),
                        "4 4");
    store_close(&s);
}

/* ---- rivals ---- */

enum { RIVALS = 4, TURNS = 50 };

/* Makes and locks counters of a set, counts each by one, and writes. */
static void *count_up(void *context)
{
    int which = *(const int *)context;
    vault_error why = {0};
    store *s = NULL;
    arena *own = arena_new(16 << 20);
    if (store_open(&s, pg_conninfo(), &why) != VAULT_OK) return NULL;
    for (int turn = 0; turn < TURNS; turn++) {
        count_row rows[3];
        uint8_t number[3] = {0};
        arena_reset(own);
        for (int i = 0; i < 3; i++) {
            rows[i] = counter_of((which + turn + 5 * i) % 9, "");
            rows[i].sealed = bytes_of(&number[i], 1);
        }
        bool good = store_begin(s, &why) == VAULT_OK && store_counters_make(s, rows, 3, &why) == VAULT_OK &&
                    store_counters_lock(s, own, rows, 3, &why) == VAULT_OK;
        for (int i = 0; good && i < 3; i++) {
            number[i] = (uint8_t)(rows[i].sealed.at[0] + 1);
            rows[i].sealed = bytes_of(&number[i], 1);
        }
        counts_written what = {.counters = rows, .counter_count = 3};
        good = good && store_counts_write(s, &what, &why) == VAULT_OK && store_commit(s, &why) == VAULT_OK;
        if (!good) return store_rollback(s), store_close(&s), NULL;
    }
    store_close(&s);
    arena_free(&own);
    return context;
}

TEST(
    "rivals that make and lock the same counters in other orders lose no count and do not wait for each other for ever")
{
    store *s = fresh_store();
    pthread_t threads[RIVALS];
    int which[RIVALS];
    for (int i = 0; i < RIVALS; i++) which[i] = i, pthread_create(&threads[i], NULL, count_up, &which[i]);
    for (int i = 0; i < RIVALS; i++) {
        void *done = NULL;
        pthread_join(threads[i], &done);
        assert_non_null(done);
    }
    assert_string_equal(pg_sql("select sum(get_byte(sealed, 0)) from budget_count"), "600");
    store_close(&s);
}

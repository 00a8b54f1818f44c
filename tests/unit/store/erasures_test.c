/* Residents who are erased, against a real PostgreSQL. */
#include "tests/unit/store/fixture.h"

#include <pthread.h>
#include <unistd.h>

static int64_t count_of(const char *table)
{
    char sql[192];
    snprintf(sql, sizeof sql, "select count(*) from %s", table);
    return strtoll(pg_sql("%s", sql), NULL, 10);
}

static void erase(store *s, const resident_row *rows, size_t count)
{
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_erase(s, mem, rows, count, &err), &err);
    expect_ok(store_commit(s, &err), &err);
}

static void insert(store *s, const erasure_row *rows, size_t count)
{
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_erasures_insert(s, rows, count, &err), &err);
    expect_ok(store_commit(s, &err), &err);
}

static void file_correction(store *s, int64_t number, int64_t resident)
{
    const correction_row one = {.number = number,
                                .state = CORRECTION_PENDING,
                                .resident = resident,
                                .field = 1,
                                .department = 2,
                                .sealed = filled(1, 61),
                                .filed_us = 1};
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_corrections_put(s, mem, &one, 1, &err), &err);
    expect_ok(store_commit(s, &err), &err);
}

TEST("of an erased resident nothing is left: no row, no key, no entry of the index, no correction")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 9), got[9];
    int64_t ids[9];
    for (int i = 0; i < 9; i++) ids[i] = 1 + i;
    for (int64_t i = 1; i <= 9; i++) file_correction(s, i, i);
    erase(s, rows + 2, 3);
    expect_ok(store_residents_by_id(s, mem, ids, 9, got, &err), &err);
    for (int i = 0; i < 9; i++) assert_int_equal(got[i].found, i < 2 || i > 4);
    assert_int_equal(count_of("resident_key"), 6);
    assert_int_equal(count_of("correction where resident between 3 and 5"), 0);
    assert_int_equal(count_of("correction"), 6);
    assert_int_equal(count_of("resident_term where id between 3 and 5"), 0);
    assert_int_equal(count_of("(select distinct id from resident_term) as t"), 6);
    store_close(&s);
}

TEST("none is erased unless all have the version that was read: changed, erased, or never there")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 3);
    rows[1].version = 2;
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_erase(s, mem, rows, 3, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    assert_int_equal(count_of("resident"), 3);
    assert_int_equal(count_of("resident_key"), 3);
    rows[1].version = 1;
    bytes tag = rows[1].tag;
    rows[1].tag =
        filled(99, ROW_TAG_LEN); /* renewed as the same version: another tag, which is not the one that was read */
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_erase(s, mem, rows, 3, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    rows[1].tag = tag;
    erase(s, rows, 1);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_erase(s, mem, rows, 2, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    assert_int_equal(count_of("resident"), 2);
    erase(s, rows, 0);
    store_close(&s);
}

TEST("the table of erasures comes back in order, from where it is asked for, and takes no number or resident twice")
{
    store *s = fresh_store();
    const erasure_row rows[] = {{1, 40, 7}, {2, 9, 8}, {3, 41, 8}, {4, INT64_MAX, INT64_MAX}};
    erasure_row got[4];
    size_t count = 4;
    insert(s, rows, 4);
    expect_ok(store_erasures_read(s, 2, got, &count, &err), &err);
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(got[i].number, rows[i + 1].number);
        assert_int_equal(got[i].resident, rows[i + 1].resident);
        assert_int_equal(got[i].line, rows[i + 1].line);
    }
    count = 1;
    expect_ok(store_erasures_read(s, 0, got, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(got[0].number, 1);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_erasures_insert(s, &(erasure_row){5, 9, 9}, 1, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_erasures_insert(s, &(erasure_row){4, 50, 9}, 1, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    store_close(&s);
}

TEST("whatever of erased residents was put back by SQL is taken away again, and nobody else is touched")
{
    store *s = fresh_store();
    int64_t gone = -1;
    (void)given_residents(s, 1, 8);
    file_correction(s, 1, 3);
    file_correction(s, 2, 4);
    insert(s, (const erasure_row[]){{1, 3, 1}, {2, 99, 2}}, 2);
    pg_sql("delete from resident_key where id = 3");
    expect_ok(store_erasures_replay(s, &gone, &err), &err);
    assert_true(gone >= 2);
    assert_int_equal(count_of("resident"), 7);
    assert_int_equal(count_of("resident_key"), 7);
    assert_int_equal(count_of("correction"), 1);
    assert_int_equal(count_of("resident_term where id = 3"), 0);
    assert_int_equal(count_of("(select distinct id from resident_term) as t"), 7);
    expect_ok(store_erasures_replay(s, &gone, &err), &err);
    assert_int_equal(gone, 0);
    store_close(&s);
}

TEST("no correction is filed for somebody who is erased")
{
    store *s = fresh_store();
    insert(s, &(erasure_row){1, 3, 1}, 1);
    file_correction(s, 1, 3);
    file_correction(s, 2, 4);
    assert_int_equal(count_of("correction"), 1);
    store_close(&s);
}

TEST("pages of residents come in the order of ids, each row once, and end with an empty one")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 25), got[10];
    int64_t after = 0;
    size_t count = 10, met = 0;
    for (; count > 0; count = 10) {
        expect_ok(store_residents_page(s, mem, after, got, &count, &err), &err);
        if (count == 0) break;
        for (size_t i = 0; i < count; i++) expect_resident(&got[i], &rows[met++]);
        after = got[count - 1].id;
    }
    assert_int_equal(met, 25);
    store_close(&s);
}

/* ---- two that erase the same residents at once ---- */

enum { RACERS = 4, ROWS = 64 };
static struct racer {
    resident_row rows[ROWS];
    vault_code code;
} racers[RACERS];

static void *race(void *at)
{
    struct racer *r = at;
    store *s = NULL;
    vault_error e = {0};
    arena *own = arena_new(1 << 20);
    vault_code code = store_open(&s, pg_conninfo(), &e);
    if (code == VAULT_OK) code = store_begin(s, &e);
    if (code == VAULT_OK) code = store_residents_erase(s, own, r->rows, ROWS, &e);
    if (code == VAULT_OK) code = store_commit(s, &e);
    if (code != VAULT_OK) store_rollback(s);
    r->code = code;
    store_close(&s);
    arena_free(&own);
    return NULL;
}

TEST("of four that erase the same residents at once, in opposite orders, one does, and none deadlocks")
{
    store *s = fresh_store();
    pthread_t threads[RACERS];
    int won = 0;
    const resident_row *rows = given_residents(s, 1, ROWS);
    for (int i = 0; i < RACERS; i++) {
        for (int k = 0; k < ROWS; k++) racers[i].rows[k] = rows[i % 2 ? ROWS - 1 - k : k];
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        won += racers[i].code == VAULT_OK;
        assert_true(racers[i].code == VAULT_OK || racers[i].code == VAULT_CONFLICT);
    }
    assert_int_equal(won, 1);
    assert_int_equal(count_of("resident"), 0);
    store_close(&s);
}

TEST("a correction that is filed while its resident is erased is gone with the resident")
{
    store *s = fresh_store();
    pthread_t thread;
    const resident_row *rows = given_residents(s, 1, ROWS);
    const correction_row one = {
        .number = 1, .state = CORRECTION_PENDING, .resident = 7, .field = 1, .department = 2, .sealed = filled(1, 61)};
    memcpy(racers[0].rows, rows, sizeof racers[0].rows);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_hold(s, mem, rows + 6, 1, &err), &err);
    expect_ok(store_corrections_put(s, mem, &one, 1, &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, race, &racers[0]), 0);
    pg_await_lock();
    expect_ok(store_commit(s, &err), &err);
    pthread_join(thread, NULL);
    assert_int_equal(racers[0].code, VAULT_OK);
    assert_int_equal(count_of("resident"), 0);
    assert_int_equal(count_of("correction"), 0);
    store_close(&s);
}

TEST("a key that is wrapped anew while its resident is erased is gone with the resident")
{
    store *s = fresh_store();
    pthread_t thread;
    const resident_row *rows = given_residents(s, 1, ROWS);
    const key_row anew = {.id = 7, .ring_version = 9, .dek = filled(5, WRAPPED_KEYS_LEN)};
    memcpy(racers[0].rows, rows, sizeof racers[0].rows);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_keys_update(s, &anew, 1, &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, race, &racers[0]), 0);
    pg_await_lock();
    expect_ok(store_commit(s, &err), &err);
    pthread_join(thread, NULL);
    assert_int_equal(racers[0].code, VAULT_OK);
    assert_int_equal(count_of("resident"), 0);
    assert_int_equal(count_of("resident_key"), 0);
    store_close(&s);
}

/* Correction requests against a real PostgreSQL. */
#include "tests/unit/store/fixture.h"

#include <pthread.h>

static correction_row correction(int64_t id, int field, int department, int seed)
{
    static int64_t number = 1000;
    return (correction_row){.number = ++number,
                            .state = CORRECTION_PENDING,
                            .resident = id,
                            .field = (int16_t)field,
                            .department = (int16_t)department,
                            .sealed = filled(seed, 61),
                            .filed_us = 1000 + seed};
}

static void put(store *s, const correction_row *rows, size_t count)
{
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_corrections_put(s, mem, rows, count, &err), &err);
    expect_ok(store_commit(s, &err), &err);
}

static void expect_correction(const correction_row *got, const correction_row *wanted)
{
    assert_int_equal(got->number, wanted->number);
    assert_int_equal(got->state, wanted->state);
    assert_int_equal(got->decider, wanted->decider);
    assert_int_equal(got->decided_us, wanted->decided_us);
    assert_int_equal(got->resident, wanted->resident);
    assert_int_equal(got->field, wanted->field);
    assert_int_equal(got->department, wanted->department);
    assert_int_equal(got->filed_us, wanted->filed_us);
    assert_true(bytes_same(got->sealed, wanted->sealed));
}

static size_t read_of(store *s, int64_t id, correction_row **rows)
{
    size_t count = 99;
    expect_ok(store_corrections_of(s, mem, &(correction_range){.resident = id, .limit = 100}, rows, &count, &err),
              &err);
    return count;
}

TEST("requests come back as they were written, of one resident, by number")
{
    store *s = fresh_store();
    correction_row *got,
        rows[] = {correction(7, 255, 2, 1), correction(8, 1, 1, 2), correction(7, 3, 9, 3), correction(7, 3, 2, 4)};
    put(s, rows, 4);
    assert_int_equal(read_of(s, 7, &got), 3);
    expect_correction(&got[0], &rows[0]);
    expect_correction(&got[1], &rows[2]);
    expect_correction(&got[2], &rows[3]);
    assert_int_equal(read_of(s, 8, &got), 1);
    expect_correction(&got[0], &rows[1]);
    assert_int_equal(read_of(s, 9, &got), 0);
    store_close(&s);
}

TEST("a newer request of the same resident, field and department takes the place of the one before, with its number")
{
    store *s = fresh_store();
    correction_row *got, first = correction(7, 3, 2, 1), second = correction(7, 3, 2, 50);
    second.filed_us = 5; /* the last one put is the newest, whatever a clock says */
    put(s, &first, 1);
    put(s, &second, 1);
    assert_int_equal(read_of(s, 7, &got), 1);
    expect_correction(&got[0], &second);
    store_close(&s);
}

TEST("a request that is filed again leaves the one that stands as it is, to the byte")
{
    store *s = fresh_store();
    correction_row *got, first = correction(7, 3, 2, 1), again = first;
    again.filed_us = 999999;
    again.number++;
    uint8_t *sealed = arena_alloc(mem, 61);
    memcpy(sealed, first.sealed.at, CORRECTION_MARK_LEN); /* the mark of the same text, sealed anew */
    again.sealed = bytes_of(sealed, 61);
    put(s, &first, 1);
    long before = sql_number("SELECT xmin::text::bigint FROM correction");
    put(s, &again, 1);
    assert_int_equal(read_of(s, 7, &got), 1);
    expect_correction(&got[0], &first);
    assert_int_equal(sql_number("SELECT xmin::text::bigint FROM correction"), before);
    store_close(&s);
}

TEST("the same place twice in one call: the later one stands")
{
    store *s = fresh_store();
    correction_row *got, rows[] = {correction(7, 3, 2, 1), correction(6, 3, 2, 2), correction(7, 3, 2, 3),
                                   correction(7, 3, 2, 4), correction(6, 3, 2, 5)};
    put(s, rows, 5);
    assert_int_equal(read_of(s, 7, &got), 1);
    expect_correction(&got[0], &rows[3]);
    assert_int_equal(read_of(s, 6, &got), 1);
    expect_correction(&got[0], &rows[4]);
    put(s, NULL, 0);
    store_close(&s);
}

TEST("departments past 32,767 keep their number; a request rolled back is not there")
{
    store *s = fresh_store();
    correction_row *got, row = correction(7, 3, 0, 1);
    row.department = (int16_t)(uint16_t)65535;
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_corrections_put(s, mem, &row, 1, &err), &err);
    store_rollback(s);
    assert_int_equal(read_of(s, 7, &got), 0);
    put(s, &row, 1);
    assert_int_equal(read_of(s, 7, &got), 1);
    assert_int_equal((uint16_t)got[0].department, 65535);
    store_close(&s);
}

TEST("40,000 requests in one call, more than one statement takes")
{
    enum { MANY = 40000 };
    store *s = fresh_store();
    correction_row *rows = arena_array(mem, MANY, sizeof *rows), *got;
    for (int i = 0; i < MANY; i++) {
        rows[i] = correction(1 + i % 2000, 1 + i / 2000, 2, 7);
        rows[i].filed_us = i;
    }
    put(s, rows, MANY);
    assert_int_equal(sql_number("SELECT count(*) FROM correction"), MANY);
    assert_int_equal(read_of(s, 2000, &got), 20);
    for (int i = 0; i < 20; i++) expect_correction(&got[i], &rows[1999 + 2000 * i]);
    store_close(&s);
}

enum { RIVAL_ROWS = 64, RIVAL_ROUNDS = 40 };

typedef struct rival {
    correction_row rows[RIVAL_ROWS];
    vault_code code;
} rival;

static vault_code write_rounds(store *s, arena *own, const rival *r, vault_error *why)
{
    for (int i = 0; i < RIVAL_ROUNDS; i++) {
        VAULT_TRY(store_begin(s, why));
        VAULT_TRY(store_corrections_put(s, own, r->rows, RIVAL_ROWS, why));
        VAULT_TRY(store_commit(s, why));
        arena_reset(own);
    }
    return VAULT_OK;
}

static void *run_rival(void *of)
{
    rival *r = of;
    vault_error why = {0};
    store *s = NULL;
    arena *own = arena_new(1 << 20);
    r->code = store_open(&s, pg_conninfo(), &why);
    if (r->code == VAULT_OK) r->code = write_rounds(s, own, r, &why);
    if (s) store_close(&s);
    arena_free(&own);
    return NULL;
}

TEST("two that write the same requests in opposite orders at once never deadlock")
{
    static rival rivals[2];
    pthread_t threads[2];
    store *s = fresh_store();
    for (int i = 0; i < RIVAL_ROWS; i++)
        rivals[0].rows[i] = rivals[1].rows[RIVAL_ROWS - 1 - i] = correction(1 + i, 1, 1, i);
    for (int i = 0; i < RIVAL_ROWS; i++) rivals[1].rows[i].number += 1000000; /* each draws numbers of its own */
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, run_rival, &rivals[i]), 0);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_int_equal(rivals[0].code, VAULT_OK);
    assert_int_equal(rivals[1].code, VAULT_OK);
    assert_int_equal(sql_number("SELECT count(*) FROM correction"), RIVAL_ROWS);
    store_close(&s);
}

TEST("what somebody made of a row by SQL comes back as it is, and requests that memory cannot hold are exhausted")
{
    store *s = fresh_store();
    correction_row *got, row = correction(7, 3, 2, 1);
    size_t count;
    put(s, &row, 1);
    pg_sql("UPDATE correction SET sealed = '', department = -1, state = 77, decider = -2, decided = -3");
    assert_int_equal(read_of(s, 7, &got), 1);
    assert_int_equal(got[0].sealed.len, 0);
    assert_int_equal(got[0].department, -1);
    assert_int_equal(got[0].state, 77);
    assert_int_equal(got[0].decider, -2);
    assert_int_equal(got[0].decided_us, -3);
    pg_sql("UPDATE correction SET sealed = repeat('x', 9000)::bytea");
    arena *small = arena_new(4096);
    const correction_range all = {.resident = 7, .limit = 10};
    expect_code(store_corrections_of(s, small, &all, &got, &count, &err), VAULT_EXHAUSTED, &err);
    arena_free(&small);
    store_close(&s);
}

TEST("requests are not compressed, and are read through their key")
{
    store *s = fresh_store();
    assert_int_equal(sql_number("SELECT count(*) FROM pg_attribute WHERE attrelid = 'correction'::regclass"
                                " AND attname = 'sealed' AND attstorage = 'e'"),
                     1);
    assert_int_equal(sql_number("SELECT count(*) FROM pg_attribute WHERE attrelid = 'resident'::regclass"
                                " AND attname = 'collection' AND attnotnull"),
                     1);
    store_close(&s);
}

/* ---- decisions ---- */

static correction_row decided(const correction_row *from, correction_state state)
{
    correction_row row = *from;
    row.state = (int16_t)state;
    row.decider = 9;
    row.decided_us = from->filed_us + 7;
    row.sealed = filled(77, 29);
    return row;
}

static vault_code decide(store *s, const correction_row *rows, size_t count)
{
    expect_ok(store_begin(s, &err), &err);
    vault_code code = store_corrections_decide(s, mem, rows, count, &err);
    if (code != VAULT_OK) return store_rollback(s), code;
    return store_commit(s, &err);
}

TEST("a decided request stays, without its value, and makes room for the next round of the same place")
{
    store *s = fresh_store();
    correction_row *got, first = correction(7, 3, 2, 1), second = correction(7, 3, 2, 2),
                         third = correction(7, 3, 2, 3);
    put(s, &first, 1);
    correction_row done = decided(&first, CORRECTION_DECLINED);
    expect_ok(decide(s, &done, 1), &err);
    put(s, &second, 1);
    correction_row done_again = decided(&second, CORRECTION_ACCEPTED);
    expect_ok(decide(s, &done_again, 1), &err);
    put(s, &third, 1);
    assert_int_equal(read_of(s, 7, &got), 3);
    expect_correction(&got[0], &done);
    expect_correction(&got[1], &done_again);
    expect_correction(&got[2], &third);
    assert_string_equal(pg_sql("SELECT max(length(sealed)) FROM correction WHERE state <> 1"), "29");
    store_close(&s);
}

TEST("what is decided already, or has made room for another text, is not decided: nothing of the call is")
{
    store *s = fresh_store();
    correction_row *got, rows[] = {correction(7, 3, 2, 1), correction(8, 3, 2, 2)}, newer = correction(7, 3, 2, 3);
    put(s, rows, 2);
    put(s, &newer, 1);
    correction_row both[] = {decided(&rows[0], CORRECTION_ACCEPTED), decided(&rows[1], CORRECTION_ACCEPTED)};
    expect_code(decide(s, both, 2), VAULT_CONFLICT, &err);
    assert_int_equal(read_of(s, 8, &got), 1);
    expect_correction(&got[0], &rows[1]);
    expect_ok(decide(s, &both[1], 1), &err);
    both[1].state = CORRECTION_DECLINED;
    expect_code(decide(s, &both[1], 1), VAULT_CONFLICT, &err);
    expect_code(decide(s, (correction_row[]){both[1], both[1]}, 2), VAULT_CONFLICT, &err);
    expect_ok(decide(s, NULL, 0), &err);
    store_close(&s);
}

TEST("by number each is answered in its place, found or not, also where it is asked for twice")
{
    store *s = fresh_store();
    correction_row got[5], rows[] = {correction(7, 3, 2, 1), correction(8, 4, 2, 2)};
    put(s, rows, 2);
    const int64_t numbers[] = {rows[1].number, 5, rows[0].number, 0, rows[1].number};
    expect_ok(store_corrections_by_number(s, mem, numbers, 5, got, &err), &err);
    const correction_row *const wanted[] = {&rows[1], NULL, &rows[0], NULL, &rows[1]};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(got[i].found, wanted[i] != NULL);
        assert_int_equal(got[i].number, numbers[i]);
        if (wanted[i]) expect_correction(&got[i], wanted[i]);
    }
    store_close(&s);
}

TEST("a number that stands is a clash, and not another request's place")
{
    store *s = fresh_store();
    correction_row rows[] = {correction(7, 3, 2, 1), correction(8, 3, 2, 2)};
    rows[1].number = rows[0].number;
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_corrections_put(s, mem, rows, 2, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    store_close(&s);
}

static void expect_page(store *s, const correction_range *of, const char *wanted)
{
    correction_row *got;
    size_t count;
    char text[256] = "";
    expect_ok(store_corrections_pending(s, mem, of, &got, &count, &err), &err);
    for (size_t i = 0, at = 0; i < count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%lld", i ? "," : "", (long long)got[i].number);
    assert_string_equal(text, wanted);
}

TEST("the waiting requests of fields come in order of number, page by page, and no decided one is among them")
{
    store *s = fresh_store();
    correction_row rows[12];
    for (int i = 0; i < 12; i++) {
        rows[i] = correction(50 + i, i % 3, 2, i);
        rows[i].number = 100 - i;
    }
    put(s, rows, 12);
    correction_row done = decided(&rows[4], CORRECTION_DECLINED); /* number 96, field 1 */
    expect_ok(decide(s, &done, 1), &err);
    const int16_t fields[] = {2, 1};
    expect_page(s, &(correction_range){.fields = fields, .field_count = 2, .limit = 3}, "89,90,92");
    expect_page(s, &(correction_range){.fields = fields, .field_count = 2, .limit = 3, .after = 92}, "93,95,98");
    expect_page(s, &(correction_range){.fields = fields, .field_count = 2, .limit = 3, .after = 98}, "99");
    expect_page(s, &(correction_range){.fields = fields, .field_count = 1, .limit = 9}, "89,92,95,98");
    expect_page(s, &(correction_range){.fields = fields, .field_count = 0, .limit = 9}, "");
    store_close(&s);
}

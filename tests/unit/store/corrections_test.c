/* Correction requests against a real PostgreSQL. */
#include "tests/unit/store/fixture.h"

#include <pthread.h>

static correction_row correction(int64_t id, int field, int department, int seed)
{
    return (correction_row){.resident = id,
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
    assert_int_equal(got->resident, wanted->resident);
    assert_int_equal(got->field, wanted->field);
    assert_int_equal(got->department, wanted->department);
    assert_int_equal(got->filed_us, wanted->filed_us);
    assert_true(bytes_same(got->sealed, wanted->sealed));
}

static size_t read_of(store *s, int64_t id, correction_row **rows)
{
    size_t count = 99;
    expect_ok(store_corrections_read(s, mem, id, rows, &count, &err), &err);
    return count;
}

TEST("requests come back as they were written, of one resident, by field and department")
{
    store *s = fresh_store();
    correction_row *got,
        rows[] = {correction(7, 255, 2, 1), correction(8, 1, 1, 2), correction(7, 3, 9, 3), correction(7, 3, 2, 4)};
    put(s, rows, 4);
    assert_int_equal(read_of(s, 7, &got), 3);
    expect_correction(&got[0], &rows[3]);
    expect_correction(&got[1], &rows[2]);
    expect_correction(&got[2], &rows[0]);
    assert_int_equal(read_of(s, 8, &got), 1);
    expect_correction(&got[0], &rows[1]);
    assert_int_equal(read_of(s, 9, &got), 0);
    store_close(&s);
}

TEST("a newer request of the same resident, field and department takes the place of the one before")
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
    pg_sql("UPDATE correction SET sealed = '', department = -1");
    assert_int_equal(read_of(s, 7, &got), 1);
    assert_int_equal(got[0].sealed.len, 0);
    assert_int_equal(got[0].department, -1);
    pg_sql("UPDATE correction SET sealed = repeat('x', 9000)::bytea");
    arena *small = arena_new(4096);
    expect_code(store_corrections_read(s, small, 7, &got, &count, &err), VAULT_EXHAUSTED, &err);
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

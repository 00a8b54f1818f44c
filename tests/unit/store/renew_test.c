/* Rows that are written again as the same version: which are stale, who may write them, and what is left in the index.
 */
#include "tests/unit/store/fixture.h"

enum { MOST = 200, LATER = 9 };

static size_t stale(store *s, stale_range of, resident_row *rows)
{
    size_t count;
    if (!of.limit) of.limit = MOST;
    expect_ok(store_residents_stale(s, mem, &of, rows, &count, &err), &err);
    return count;
}

static int64_t stale_count(store *s, stale_range of)
{
    int64_t count;
    expect_ok(store_residents_stale_count(s, &of, &count, &err), &err);
    return count;
}

/* As a job writes it: other terms, another natural key, later; with other keys where it is resealed. */
static resident_row renewed(const resident_row *was, bool reseal)
{
    resident_row next = *was;
    int64_t *terms = arena_array(mem, 2, sizeof *terms);
    terms[0] = 5000 + was->id;
    terms[1] = 7000;
    next.terms = terms;
    next.term_count = 2;
    next.made = LATER;
    next.was = was;
    next.natural_key[0] ^= 0x55;
    next.tag = filled((int)was->id + 77, ROW_TAG_LEN);
    next.sealed = filled((int)was->id + 99, was->sealed.len);
    if (!reseal) return next;
    next.ring_version = 4;
    next.dek = filled((int)was->id + 55, WRAPPED_KEYS_LEN);
    return next;
}

static const char ASTRAY[] = "select count(*) from resident_term t where not exists (select from resident r where"
                             " r.id = t.id and r.area = t.area and (t.term = any(r.terms) or t.term = r.collection))";
static const char MISSING[] =
    "select count(*) from resident r, unnest(r.terms) as x(term) where not exists"
    " (select from resident_term t where t.term = x.term and t.area = r.area and t.id = r.id)";

TEST("rows are stale by what they are made of, by their keys, or by either")
{
    resident_row rows[MOST];
    store *s = fresh_store();
    (void)given_residents(s, 1, 100);
    pg_sql("update resident set made = 9 where id %% 2 = 0");
    pg_sql("update resident_key set ring_version = 4 where id %% 5 = 0");
    expect_code(store_residents_stale(s, mem, &(stale_range){.limit = 1}, rows, &(size_t){0}, &err), VAULT_INTERNAL,
                &err);
    vault_error_clear(&err);
    expect_ok(store_begin(s, &err), &err);
    assert_int_equal(stale(s, (stale_range){.made = LATER}, rows), 50);
    assert_int_equal(stale(s, (stale_range){.version = 4}, rows), 80);
    assert_int_equal(stale(s, (stale_range){.version = 4, .made = LATER}, rows), 90);
    for (size_t i = 0; i < 90; i++) assert_true(rows[i].found && (i == 0 || rows[i].id > rows[i - 1].id));
    assert_int_equal(stale(s, (stale_range){0}, rows), 0);
    assert_int_equal(stale(s, (stale_range){.made = LATER, .after = 90, .limit = 3}, rows), 3);
    assert_int_equal(rows[0].id, 91);
    expect_ok(store_commit(s, &err), &err);
    assert_int_equal(stale_count(s, (stale_range){.made = LATER}), 50);
    assert_int_equal(stale_count(s, (stale_range){.version = 4, .made = LATER}), 90);
    assert_int_equal(stale_count(s, (stale_range){.made = INT64_MAX}), 100);
    store_close(&s);
}

static int64_t window(store *s, int64_t after, size_t most)
{
    int64_t until;
    expect_ok(store_residents_window(s, after, most, &until, &err), &err);
    return until;
}

TEST("a pass looks at so many rows at a time, stale or not, and knows when there is none left")
{
    resident_row rows[MOST];
    int64_t count;
    store *s = fresh_store();
    assert_int_equal(window(s, 0, 10), 0);
    (void)given_residents(s, 1, 100);
    pg_sql("delete from resident where id between 11 and 20");
    pg_sql("update resident set made = 9 where id < 50");
    assert_int_equal(window(s, 0, 10), 10);
    assert_int_equal(window(s, 10, 10), 30);
    assert_int_equal(window(s, 95, 10), 100);
    assert_int_equal(window(s, 100, 10), 0);
    expect_ok(store_begin(s, &err), &err);
    assert_int_equal(stale(s, (stale_range){.made = LATER, .until = 49}, rows), 0);
    assert_int_equal(stale(s, (stale_range){.made = LATER, .after = 30, .until = 60}, rows), 11);
    expect_ok(store_commit(s, &err), &err);
    assert_int_equal(stale_count(s, (stale_range){.made = LATER, .after = 30, .until = 60}), 11);
    expect_ok(store_residents_count(s, &count, &err), &err);
    assert_int_equal(count, 90);
    store_close(&s);
}

TEST("what one transaction has taken another passes over, and counts all the same")
{
    resident_row rows[MOST];
    store *s = fresh_store(), *other = NULL;
    (void)given_residents(s, 1, 30);
    expect_ok(store_open(&other, pg_conninfo(), &err), &err);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_begin(other, &err), &err);
    assert_int_equal(stale(s, (stale_range){.made = LATER, .limit = 10}, rows), 10);
    assert_int_equal(stale(other, (stale_range){.made = LATER}, rows), 20);
    assert_int_equal(rows[0].id, 11);
    assert_int_equal(stale_count(other, (stale_range){.made = LATER}), 30);
    expect_ok(store_commit(s, &err), &err);
    expect_ok(store_commit(other, &err), &err);
    store_close(&other);
    store_close(&s);
}

static void renew_all(bool reseal)
{
    store *s = fresh_store();
    resident_row *before = given_residents(s, 1, 20), next[20], got[20];
    int64_t ids[20];
    for (size_t i = 0; i < 20; i++) {
        next[i] = renewed(&before[i], reseal);
        ids[i] = before[i].id;
    }
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_renew(s, mem, next, 20, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    expect_ok(store_residents_by_id(s, mem, ids, 20, got, &err), &err);
    for (size_t i = 0; i < 20; i++) {
        expect_resident(&got[i], &next[i]);
        assert_int_equal(got[i].made, LATER);
    }
    assert_int_equal(sql_number(ASTRAY), 0);
    assert_int_equal(sql_number(MISSING), 0);
    store_close(&s);
}

TEST("a row is written again whole, its entries with it, and its keys where they are others")
{
    renew_all(false);
    renew_all(true);
}

TEST("a row that was put, or renewed, in between is not overwritten, and the other way round")
{
    store *s = fresh_store();
    resident_row *before = given_residents(s, 1, 2), next[2];
    for (size_t i = 0; i < 2; i++) next[i] = renewed(&before[i], true);
    pg_sql("update resident set version = 2 where id = 2");
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_renew(s, mem, next, 2, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    vault_error_clear(&err);
    pg_sql("update resident set version = 1, tag = set_byte(tag, 3, 255 - get_byte(tag, 3)) where id = 2");
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_renew(s, mem, next, 2, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    vault_error_clear(&err);
    /* A put whose row was resealed since it was read: its values are sealed under a key that is gone. */
    resident_row put = before[1];
    put.version = 2;
    put.was = &before[1];
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_update(s, mem, &put, 1, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    vault_error_clear(&err);
    assert_int_equal(sql_number("select count(*) from resident_key where ring_version = 4"), 0);
    store_close(&s);
}

TEST("a row that is held is nobody else's until the transaction ends; one that has changed is not held")
{
    resident_row rows[MOST];
    store *s = fresh_store(), *job = NULL;
    resident_row *before = given_residents(s, 1, 3);
    expect_ok(store_open(&job, pg_conninfo(), &err), &err);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_hold(s, mem, before, 2, &err), &err);
    expect_ok(store_begin(job, &err), &err);
    assert_int_equal(stale(job, (stale_range){.made = LATER}, rows), 1);
    assert_int_equal(rows[0].id, 3);
    expect_ok(store_commit(job, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    pg_sql("update resident set tag = set_byte(tag, 3, 255 - get_byte(tag, 3)) where id = 2");
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_hold(s, mem, before, 2, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    vault_error_clear(&err);
    store_close(&job);
    store_close(&s);
}

static correction_row correction(int64_t number, int64_t of, int16_t field)
{
    return (correction_row){.number = number,
                            .resident = of,
                            .field = field,
                            .department = 2,
                            .state = CORRECTION_PENDING,
                            .filed_us = 1,
                            .sealed = filled((int)number, 60)};
}

TEST("requests of several residents come by resident, and are sealed anew while they are in the same state")
{
    store *s = fresh_store();
    correction_row given[] = {correction(11, 3, 1), correction(12, 1, 1), correction(13, 1, 2), correction(14, 2, 1)};
    correction_row *rows;
    size_t count;
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_corrections_put(s, mem, given, 4, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    const int64_t of[] = {3, 1};
    expect_ok(store_corrections_of_all(s, mem, (resident_ids){of, 2}, &rows, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_true(rows[0].number == 12 && rows[1].number == 13 && rows[2].number == 11);
    for (size_t i = 0; i < 3; i++) rows[i].sealed = filled((int)i + 500, 60);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_corrections_reseal(s, rows, 3, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    correction_row *again;
    expect_ok(store_corrections_of_all(s, mem, (resident_ids){of, 2}, &again, &count, &err), &err);
    for (size_t i = 0; i < 3; i++) assert_true(bytes_same(again[i].sealed, rows[i].sealed));
    pg_sql("update correction set state = 3 where number = 13");
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_corrections_reseal(s, rows, 3, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    vault_error_clear(&err);
    store_close(&s);
}

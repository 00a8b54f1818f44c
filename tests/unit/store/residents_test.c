/* Residents against a real PostgreSQL. */
#include "tests/unit/store/fixture.h"
#include "vault/store/internal.h"

TEST("residents come back in the order asked for, every column as it was written")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 40), got[40];
    int64_t ids[40];
    for (int i = 0; i < 40; i++) ids[i] = 1 + (i * 17) % 40;
    expect_ok(store_residents_by_id(s, mem, ids, 40, got, &err), &err);
    for (int i = 0; i < 40; i++) expect_resident(&got[i], &rows[ids[i] - 1]);
    store_close(&s);
}

TEST("an id asked for twice is answered twice, and one that is not there is answered as not found")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 3), got[6];
    int64_t ids[] = {3, 99, 3, INT64_MIN, 1, 3};
    expect_ok(store_residents_by_id(s, mem, ids, 6, got, &err), &err);
    for (int i = 0; i < 6; i++) {
        if (ids[i] > 0 && ids[i] < 4)
            expect_resident(&got[i], &rows[ids[i] - 1]);
        else
            assert_false(got[i].found);
        assert_int_equal(got[i].id, ids[i]);
    }
    store_close(&s);
}

TEST("4,096 ids in one call, found and not found and twice, and no more than that")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 2000), *got = arena_array(mem, 4097, sizeof *got);
    int64_t *ids = arena_array(mem, 4097, sizeof *ids);
    for (int i = 0; i < 4097; i++) ids[i] = 1 + (i * 1013) % 3000;
    expect_ok(store_residents_by_id(s, mem, ids, 4096, got, &err), &err);
    for (int i = 0; i < 4096; i++) {
        assert_int_equal(got[i].found, ids[i] <= 2000);
        if (got[i].found) expect_resident(&got[i], &rows[ids[i] - 1]);
    }
    expect_code(store_residents_by_id(s, mem, ids, 4097, got, &err), VAULT_INTERNAL, &err);
    store_close(&s);
}

TEST("no ids give no rows")
{
    store *s = fresh_store();
    expect_ok(store_residents_by_id(s, mem, NULL, 0, NULL, &err), &err);
    expect_ok(store_residents_by_key(s, mem, NULL, 0, NULL, &err), &err);
    expect_ok(store_resident_ids(s, NULL, 0, &err), &err);
    store_close(&s);
}

TEST("residents are found by natural key")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 9), got[4];
    uint8_t keys[4][NATURAL_KEY_LEN] = {0};
    memcpy(keys[0], rows[8].natural_key, NATURAL_KEY_LEN);
    memcpy(keys[1], rows[2].natural_key, NATURAL_KEY_LEN);
    memcpy(keys[3], rows[8].natural_key, NATURAL_KEY_LEN);
    expect_ok(store_residents_by_key(s, mem, (const uint8_t(*)[NATURAL_KEY_LEN])keys, 4, got, &err), &err);
    expect_resident(&got[0], &rows[8]);
    expect_resident(&got[1], &rows[2]);
    assert_false(got[2].found);
    expect_resident(&got[3], &rows[8]);
    store_close(&s);
}

static long lines_of_plan(statement_id id, const char *type, const char *like)
{
    char sql[2048];
    snprintf(sql, sizeof sql,
             "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off;"
             "SET enable_hashjoin = off; SET enable_mergejoin = off;"
             "PREPARE q(%s) AS %s; CREATE TEMP TABLE plan (t text);"
             "DO $$DECLARE line text; BEGIN FOR line IN EXECUTE 'EXPLAIN EXECUTE q(''{}'')' LOOP"
             " INSERT INTO plan VALUES (line); END LOOP; END$$;"
             "SELECT count(*) FROM plan WHERE t LIKE '%s'",
             type, statement_of(id)->sql, like);
    return sql_number(sql);
}

static void expect_index_plans(void)
{
    static const struct {
        statement_id id;
        const char *type;
    } asked[] = {{ST_RESIDENTS_BY_ID, "bigint[]"}, {ST_RESIDENTS_BY_KEY, "bytea[]"}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lines_of_plan(asked[i].id, asked[i].type, "%Index Cond%"), 2);
        assert_int_equal(lines_of_plan(asked[i].id, asked[i].type, "%Filter%"), 0);
    }
}

TEST("residents are read through the index that they are asked by, also where the tables were analyzed while empty")
{
    store *s = fresh_store();
    pg_sql("VACUUM ANALYZE resident");
    pg_sql("VACUUM ANALYZE resident_key");
    expect_index_plans();
    given_residents(s, 1, 20);
    expect_index_plans();
    given_residents(s, 21, 4000);
    pg_sql("ANALYZE");
    expect_index_plans();
    store_close(&s);
}

TEST("ids are never given twice, also after a rollback")
{
    store *s = fresh_store();
    int64_t first[500], second[500];
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_resident_ids(s, first, 500, &err), &err);
    store_rollback(s);
    expect_ok(store_resident_ids(s, second, 500, &err), &err);
    for (int i = 0; i < 500; i++) assert_true(first[i] > 0 && second[i] > first[499]);
    for (int i = 1; i < 500; i++) assert_true(first[i] > first[i - 1] && second[i] > second[i - 1]);
    store_close(&s);
}

TEST("a natural key that stands is a conflict and nothing of the batch is written")
{
    store *s = fresh_store();
    given_residents(s, 1, 3);
    resident_row rows[] = {resident(10), resident(11), resident(12)};
    memcpy(rows[1].natural_key, resident(2).natural_key, NATURAL_KEY_LEN);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_insert(s, mem, rows, 3, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    assert_int_equal(sql_number("SELECT count(*) FROM resident"), 3);
    assert_int_equal(sql_number("SELECT count(*) FROM resident_key"), 3);
    store_close(&s);
}

TEST("the same natural key twice in one batch is a conflict")
{
    store *s = fresh_store();
    resident_row rows[] = {resident(10), resident(11)};
    memcpy(rows[1].natural_key, rows[0].natural_key, NATURAL_KEY_LEN);
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_insert(s, mem, rows, 2, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    store_close(&s);
}

TEST("the detail of a conflict names the constraint and no value")
{
    store *s = fresh_store();
    given_residents(s, 1, 1);
    resident_row row = resident(1);
    vault_error seen = {0};
    expect_ok(store_begin(s, &err), &err);
    assert_int_equal(store_residents_insert(s, mem, &row, 1, &seen), VAULT_CONFLICT);
    assert_non_null(strstr(seen.detail, "23505"));
    assert_null(strstr(seen.detail, "(1)"));
    assert_null(strstr(seen.detail, "\\x"));
    store_rollback(s);
    store_close(&s);
}

TEST("an update replaces what it says where the version is the one before")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 5), got[5], was[5];
    int64_t ids[] = {1, 2, 3, 4, 5};
    memcpy(was, rows, sizeof was);
    for (int i = 0; i < 5; i++) {
        resident_row changed = resident(100 + i);
        rows[i].was = &was[i];
        rows[i].area += 1;
        rows[i].state = 2;
        rows[i].version = 2;
        rows[i].sealed = changed.sealed;
        rows[i].terms = changed.terms;
        rows[i].term_count = changed.term_count;
        rows[i].tag = changed.tag;
    }
    resident_row shuffled[] = {rows[3], rows[0], rows[4], rows[1], rows[2]};
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_update(s, mem, shuffled, 5, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    expect_ok(store_residents_by_id(s, mem, ids, 5, got, &err), &err);
    for (int i = 0; i < 5; i++) expect_resident(&got[i], &rows[i]);
    store_close(&s);
}

TEST("an update of one stale row among five is a conflict")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 5);
    for (int i = 0; i < 5; i++) {
        rows[i].was = &rows[i];
        rows[i].version = i == 3 ? 3 : 2;
    }
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_update(s, mem, rows, 5, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    assert_int_equal(sql_number("SELECT max(version) FROM resident"), 1);
    store_close(&s);
}

TEST("the same resident twice in one update is a conflict, and so is one that is not there")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 1), twice[] = {rows[0], rows[0]}, absent = resident(9);
    twice[0].version = twice[1].version = absent.version = 2;
    twice[0].was = twice[1].was = absent.was = rows;
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_update(s, mem, twice, 2, &err), VAULT_CONFLICT, &err);
    expect_code(store_residents_update(s, mem, &absent, 1, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    store_close(&s);
}

TEST("columns that somebody edited come back as they are and never crash the reader")
{
    store *s = fresh_store();
    resident_row got[4];
    int64_t ids[] = {1, 2, 3, 4};
    given_residents(s, 1, 4);
    pg_sql("UPDATE resident SET natural_key = '\\x01' WHERE id = 1;"
           "UPDATE resident SET terms = '{{1,2},{3,4}}', tag = '', sealed = '' WHERE id = 2;"
           "UPDATE resident SET terms = '{1,NULL}' WHERE id = 3; UPDATE resident_key SET dek = '' WHERE id = 4");
    expect_ok(store_residents_by_id(s, mem, ids, 4, got, &err), &err);
    for (int i = 0; i < 4; i++) assert_true(got[i].found);
    assert_int_equal(got[0].natural_key[0], 0);
    assert_int_equal(got[1].term_count + got[1].tag.len + got[1].sealed.len, 0);
    assert_int_equal(got[2].term_count, 0);
    assert_int_equal(got[3].dek.len, 0);
    store_close(&s);
}

TEST("terms in a form that the vault never writes take the row's tag away, also where there were none")
{
    static const char *const forms[] = {"'{NULL}'", "'{{1,2}}'", "'[2:3]={1,2}'"};
    store *s = fresh_store();
    resident_row got[1];
    int64_t id = 5; /* without terms */
    assert_int_equal(given_residents(s, id, 1)->term_count, 0);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        pg_sql("UPDATE resident SET terms = %s", forms[i]);
        expect_ok(store_residents_by_id(s, mem, &id, 1, got, &err), &err);
        assert_true(got[0].found);
        assert_int_equal(got[0].tag.len, 0);
    }
    store_close(&s);
}

TEST("a resident whose key was destroyed is not found")
{
    store *s = fresh_store();
    resident_row got[1];
    int64_t id = 1;
    given_residents(s, 1, 1);
    pg_sql("DELETE FROM resident_key");
    expect_ok(store_residents_by_id(s, mem, &id, 1, got, &err), &err);
    assert_false(got[0].found);
    store_close(&s);
}

TEST("rows that the arena cannot hold are refused as exhausted")
{
    store *s = fresh_store();
    resident_row got[20];
    int64_t ids[20];
    given_residents(s, 1, 20);
    for (int i = 0; i < 20; i++) ids[i] = i + 1;
    arena *small = arena_new(4096);
    expect_code(store_residents_by_id(s, small, ids, 20, got, &err), VAULT_EXHAUSTED, &err);
    arena_free(&small);
    expect_ok(store_residents_by_id(s, mem, ids, 20, got, &err), &err);
    store_close(&s);
}

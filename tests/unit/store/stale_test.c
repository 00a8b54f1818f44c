/* What a rotation of the record ring brings over: whatever is under another version, each once, by one transaction. */
#include "tests/unit/store/fixture.h"

enum { MOST = 400 };
static const int64_t FUTURE = INT64_C(1) << 52;

static size_t stale_keys(store *s, int64_t after, size_t limit, key_row *rows)
{
    size_t count;
    const stale_range of = {.after = after, .version = 4, .limit = limit};
    expect_ok(store_keys_stale(s, mem, &of, rows, &count, &err), &err);
    return count;
}

static bytes note_under(uint32_t version, int seed)
{
    uint8_t *at = arena_alloc(mem, 40);
    memcpy(at, filled(seed, 40).at, 40);
    at[0] = at[1] = at[2] = 0;
    at[3] = (uint8_t)version;
    return bytes_of(at, 40);
}

static void given_notes(store *s, int first, int count, uint32_t version)
{
    voucher_row *vouchers = arena_array(mem, (size_t)count, sizeof *vouchers);
    request_row *requests = arena_array(mem, (size_t)count, sizeof *requests);
    for (int i = 0; i < count; i++) {
        int seed = first + i;
        digest id = sha256(bytes_of(&seed, sizeof seed));
        vouchers[i] = (voucher_row){.version = seed, .sealed = note_under(version, seed), .expires_us = FUTURE};
        memcpy(vouchers[i].id, id.at, VOUCHER_ID_LEN);
        requests[i] = (request_row){.id = id, .answer = note_under(version, seed), .expires_us = FUTURE};
    }
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_vouchers_insert(s, mem, vouchers, (size_t)count, &err), &err);
    expect_ok(store_requests_insert(s, mem, requests, (size_t)count, &err), &err);
    expect_ok(store_commit(s, &err), &err);
}

TEST("keys under another version come in order, locked, and another transaction passes over them")
{
    key_row rows[MOST], others[MOST];
    store *s = fresh_store(), *other = NULL;
    resident_row *residents = given_residents(s, 1, 100);
    pg_sql("update resident_key set ring_version = 4 where id %% 10 = 0");
    expect_ok(store_open(&other, pg_conninfo(), &err), &err);
    expect_code(store_keys_stale(s, mem, &(stale_range){.limit = 1}, rows, &(size_t){0}, &err), VAULT_INTERNAL, &err);
    vault_error_clear(&err);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_begin(other, &err), &err);
    assert_int_equal(stale_keys(s, 15, 20, rows), 20);
    for (size_t i = 0; i < 20; i++) {
        assert_true(rows[i].id > 15 && rows[i].id % 10 != 0);
        if (i) assert_true(rows[i].id > rows[i - 1].id);
        assert_int_equal(rows[i].ring_version, 3);
        assert_true(bytes_same(rows[i].dek, residents[rows[i].id - 1].dek));
    }
    assert_int_equal(stale_keys(other, 0, MOST, others), 90 - 20);
    for (size_t i = 0; i < 70; i++)
        for (size_t j = 0; j < 20; j++) assert_int_not_equal(others[i].id, rows[j].id);
    store_rollback(s);
    store_rollback(other);
    store_close(&other);
    store_close(&s);
}

TEST("keys are written by id, all of them or none")
{
    int64_t left;
    key_row rows[MOST];
    store *s = fresh_store();
    given_residents(s, 1, 300);
    expect_ok(store_stale_count(s, 4, &left, &err), &err);
    assert_int_equal(left, 300);
    expect_ok(store_begin(s, &err), &err);
    size_t count = stale_keys(s, 0, 200, rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = (key_row){.id = rows[i].id, .ring_version = 4, .dek = filled((int)rows[i].id, WRAPPED_KEYS_LEN)};
    expect_ok(store_keys_update(s, rows, count, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    expect_ok(store_stale_count(s, 4, &left, &err), &err);
    assert_int_equal(left, 100);
    int64_t id = 7;
    resident_row row;
    expect_ok(store_residents_by_id(s, mem, &id, 1, &row, &err), &err);
    assert_int_equal(row.ring_version, 4);
    assert_true(bytes_same(row.dek, filled(7, WRAPPED_KEYS_LEN)));
    expect_ok(store_begin(s, &err), &err);
    rows[0] = (key_row){.id = 300, .ring_version = 4, .dek = row.dek};
    rows[1] = (key_row){.id = 301, .ring_version = 4, .dek = row.dek};
    expect_code(store_keys_update(s, rows, 2, &err), VAULT_CONFLICT, &err);
    store_rollback(s);
    assert_int_equal(sql_number("select count(*) from resident_key where ring_version = 4"), 200);
    vault_error_clear(&err);
    store_close(&s);
}

static void bring_over(store *s, note_table in, size_t wanted)
{
    note_row rows[MOST];
    uint8_t last[DIGEST_LEN];
    note_range of = {.in = in, .version = 4, .limit = 30};
    size_t count, sum = 0;
    do {
        expect_ok(store_begin(s, &err), &err);
        expect_ok(store_notes_stale(s, mem, &of, rows, &count, &err), &err);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(rows[i].sealed.at[3], 3);
            rows[i].sealed = note_under(4, rows[i].version);
        }
        expect_ok(store_notes_update(s, in, rows, count, &err), &err);
        expect_ok(store_commit(s, &err), &err);
        if (count) {
            memcpy(last, rows[count - 1].id.at, rows[count - 1].id.len);
            of.after = bytes_of(last, rows[count - 1].id.len);
        }
        sum += count;
    } while (count);
    assert_int_equal(sum, wanted);
}

TEST("notes under another version are found whatever table they stand in, and stay in their place")
{
    int64_t left;
    store *s = fresh_store();
    given_notes(s, 1, 100, 3);
    given_notes(s, 101, 50, 4);
    expect_ok(store_stale_count(s, 4, &left, &err), &err);
    assert_int_equal(left, 200);
    const char *before = pg_sql("select md5(string_agg(id::text || version || expires, ',' order by id)) from voucher");
    char kept[40];
    snprintf(kept, sizeof kept, "%s", before);
    bring_over(s, NOTES_OF_VOUCHERS, 100);
    expect_ok(store_stale_count(s, 4, &left, &err), &err);
    assert_int_equal(left, 100);
    bring_over(s, NOTES_OF_REQUESTS, 100);
    expect_ok(store_stale_count(s, 4, &left, &err), &err);
    assert_int_equal(left, 0);
    assert_string_equal(pg_sql("select md5(string_agg(id::text || version || expires, ',' order by id)) from voucher"),
                        kept);
    assert_int_equal(sql_number("select count(*) from voucher where get_byte(sealed, 3) = 4"), 150);
    note_row gone = {.id = filled(1, VOUCHER_ID_LEN), .sealed = note_under(4, 1)};
    expect_code(store_notes_update(s, NOTES_OF_VOUCHERS, &gone, 1, &err), VAULT_CONFLICT, &err);
    vault_error_clear(&err);
    store_close(&s);
}

/* Vouchers: found by id, each use a version, nobody's lost use, swept a month past their end. */
#include "tests/unit/store/fixture.h"

#include "vault/base/clock.h"

#include <pthread.h>

static const int64_t DAY = INT64_C(86400) * 1000 * 1000;

static const int64_t FUTURE = INT64_C(1) << 52; /* in a hundred years */

static voucher_row voucher_of(int seed, int32_t version)
{
    voucher_row row = {
        .version = version, .sealed = filled(seed + version, 100 + (size_t)seed % 300), .expires_us = FUTURE + seed};
    digest id = sha256(bytes_of(&seed, sizeof seed));
    memcpy(row.id, id.at, VOUCHER_ID_LEN);
    return row;
}

static vault_code write_all(store *s, voucher_row *rows, size_t count, bool first)
{
    vault_code code = store_begin(s, &err);
    if (code == VAULT_OK) code = (first ? store_vouchers_insert : store_vouchers_update)(s, mem, rows, count, &err);
    if (code == VAULT_OK) return store_commit(s, &err);
    store_rollback(s);
    return code;
}

static void read_all(store *s, voucher_row *rows, size_t count)
{
    uint8_t(*ids)[VOUCHER_ID_LEN] = arena_array(mem, count, sizeof *ids);
    for (size_t i = 0; i < count; i++) memcpy(ids[i], rows[i].id, VOUCHER_ID_LEN);
    expect_ok(store_vouchers_read(s, mem, (const uint8_t(*)[VOUCHER_ID_LEN])ids, count, rows, &err), &err);
}

TEST("vouchers are found by their ids, in the order that was asked, and unknown ones are not")
{
    store *s = fresh_store();
    voucher_row rows[600], got[601];
    for (int i = 0; i < 600; i++) rows[i] = voucher_of(i, 1);
    expect_ok(write_all(s, rows, 300, true), &err);
    for (int i = 0; i < 601; i++) memcpy(got[i].id, rows[(i * 7) % 600].id, VOUCHER_ID_LEN);
    read_all(s, got, 601);
    for (int i = 0; i < 601; i++) {
        int of = (i * 7) % 600;
        assert_int_equal(got[i].found, of < 300);
        assert_memory_equal(got[i].id, rows[of].id, VOUCHER_ID_LEN);
        if (of >= 300) continue;
        assert_int_equal(got[i].version, 1);
        assert_int_equal(got[i].expires_us, FUTURE + of);
        assert_true(bytes_same(got[i].sealed, rows[of].sealed));
    }
    store_close(&s);
}

TEST("an id is taken once, and none of its batch goes in with it")
{
    store *s = fresh_store();
    voucher_row rows[3] = {voucher_of(1, 1), voucher_of(2, 1), voucher_of(1, 1)};
    expect_ok(write_all(s, rows, 1, true), &err);
    expect_code(write_all(s, rows + 1, 2, true), VAULT_CONFLICT, &err);
    assert_int_equal(sql_number("select count(*) from voucher"), 1);
    store_close(&s);
}

TEST("a version is written once: of a stale one nothing is, nor of its batch, nor of an id that is not there")
{
    store *s = fresh_store();
    voucher_row rows[2] = {voucher_of(1, 1), voucher_of(2, 1)}, next[2] = {voucher_of(1, 2), voucher_of(2, 2)};
    expect_ok(write_all(s, rows, 2, true), &err);
    expect_ok(write_all(s, next, 1, false), &err);
    expect_code(write_all(s, next, 2, false), VAULT_CONFLICT, &err);
    vault_error_clear(&err);
    voucher_row ahead = voucher_of(1, 4), none = voucher_of(3, 2);
    expect_code(write_all(s, &ahead, 1, false), VAULT_CONFLICT, &err);
    expect_code(write_all(s, &none, 1, false), VAULT_CONFLICT, &err);
    read_all(s, rows, 2);
    assert_int_equal(rows[0].version, 2);
    assert_true(bytes_same(rows[0].sealed, next[0].sealed));
    assert_int_equal(rows[1].version, 1);
    store_close(&s);
}

enum { THREADS = 4, USES = 60, SHARED = 3 };
typedef struct user {
    pthread_t thread;
    bool backwards;
    int won, lost, wrong;
} user;

/* Uses the shared vouchers, in its own order, until each has USES uses. */
static void *use_up(void *at)
{
    user *u = at;
    vault_error own = {0};
    store *s = NULL;
    arena *room = arena_new(64 << 20);
    if (store_open(&s, pg_conninfo(), &own) != VAULT_OK) return u->wrong = 1, NULL;
    for (bool done = false; !done && !u->wrong;) {
        uint8_t ids[SHARED][VOUCHER_ID_LEN];
        voucher_row rows[SHARED];
        arena_reset(room);
        vault_error_clear(&own);
        for (int i = 0; i < SHARED; i++) {
            int seed = 90 + (u->backwards ? SHARED - 1 - i : i);
            digest id = sha256(bytes_of(&seed, sizeof seed));
            memcpy(ids[i], id.at, VOUCHER_ID_LEN);
        }
        vault_code code = store_vouchers_read(s, room, (const uint8_t(*)[VOUCHER_ID_LEN])ids, SHARED, rows, &own);
        if (code == VAULT_OK && rows[0].version > USES) break;
        for (int i = 0; i < SHARED; i++) rows[i].version++;
        if (code == VAULT_OK) code = store_begin(s, &own);
        if (code == VAULT_OK) code = store_vouchers_update(s, room, rows, SHARED, &own);
        if (code == VAULT_OK) code = store_commit(s, &own);
        if (code == VAULT_OK) {
            u->won++;
            continue;
        }
        store_rollback(s);
        u->lost++;
        u->wrong = code != VAULT_CONFLICT;
    }
    store_close(&s);
    arena_free(&room);
    return NULL;
}

TEST("a lost race never gives a second use, and nobody waits for ever, in whatever order vouchers are named")
{
    store *s = fresh_store();
    user users[THREADS] = {0};
    int won = 0;
    voucher_row rows[SHARED];
    for (int i = 0; i < SHARED; i++) rows[i] = voucher_of(90 + i, 1);
    expect_ok(write_all(s, rows, SHARED, true), &err);
    for (int i = 0; i < THREADS; i++) {
        users[i].backwards = i % 2;
        pthread_create(&users[i].thread, NULL, use_up, &users[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(users[i].thread, NULL);
        assert_int_equal(users[i].wrong, 0);
        won += users[i].won;
    }
    assert_int_equal(won, USES);
    read_all(s, rows, SHARED);
    for (int i = 0; i < SHARED; i++) assert_int_equal(rows[i].version, USES + 1);
    store_close(&s);
}

TEST("what ended a month ago is swept as vouchers are made, and what ended yesterday stays")
{
    store *s = fresh_store();
    int64_t now = clock_now_us();
    voucher_row rows[700], any;
    for (int i = 0; i < 700; i++) {
        rows[i] = voucher_of(i, 1);
        rows[i].expires_us = now - (i < 350 ? 31 : 29) * DAY;
    }
    expect_ok(write_all(s, rows, 700, true), &err);
    any = rows[600];
    expect_ok(store_begin(s, &err), &err);
    read_all(s, &any, 1);
    expect_ok(store_commit(s, &err), &err);
    assert_int_equal(sql_number("select count(*) from voucher"), 700);
    read_all(s, &any, 1);
    assert_true(any.found);
    assert_int_equal(sql_number("select count(*) from voucher"), 350);
    store_close(&s);
}

/* Schema, rings, manifests, the vault's own row, and assertion ids. */
#include "tests/unit/store/fixture.h"
#include "vault/base/clock.h"

#include <pthread.h>

static const int64_t HOUR = INT64_C(3600) * 1000 * 1000;

TEST("an empty database says that it holds no vault, and works once the tables are there")
{
    store *s = NULL;
    vault_row got;
    if (!mem) mem = arena_new(64 << 20);
    pg_empty();
    expect_ok(store_open(&s, pg_conninfo(), &err), &err);
    expect_code(store_vault_read(s, mem, &got, &err), VAULT_NOT_FOUND, &err);
    expect_code(store_begin(s, &err), VAULT_NOT_FOUND, &err);
    expect_ok(store_create_schema(s, &err), &err);
    expect_code(store_vault_read(s, mem, &got, &err), VAULT_NOT_FOUND, &err);
    expect_ok(store_begin(s, &err), &err);
    store_rollback(s);
    store_close(&s);
}

TEST("what was fixed at init is read back, and stands once")
{
    store *s = fresh_store();
    vault_row row = {.name = "resident-vault/dev",
                     .format = 1,
                     .root_salt = filled(1, 16),
                     .argon2_passes = 3,
                     .argon2_memory_kib = 65536,
                     .argon2_lanes = 4};
    vault_row got;
    expect_ok(store_vault_insert(s, &row, &err), &err);
    expect_ok(store_vault_read(s, mem, &got, &err), &err);
    assert_string_equal(got.name, row.name);
    assert_int_equal(got.format, 1);
    assert_true(bytes_same(got.root_salt, row.root_salt));
    assert_int_equal(got.argon2_passes, 3);
    assert_int_equal(got.argon2_memory_kib, 65536);
    assert_int_equal(got.argon2_lanes, 4);
    expect_code(store_vault_insert(s, &row, &err), VAULT_CONFLICT, &err);
    expect_code(store_create_schema(s, &err), VAULT_CONFLICT, &err);
    expect_ok(store_vault_read(s, mem, &got, &err), &err);
    store_close(&s);
}

TEST("tables that an interrupted init left behind are taken over")
{
    store *s = fresh_store(), *again = NULL;
    expect_ok(store_open(&again, pg_conninfo(), &err), &err);
    expect_ok(store_create_schema(again, &err), &err);
    expect_ok(store_create_schema(s, &err), &err);
    store_close(&again);
    store_close(&s);
}

typedef struct maker {
    pthread_t thread;
    store *s;
    vault_error err;
} maker;

static void *make(void *at)
{
    maker *m = at;
    if (store_create_schema(m->s, &m->err) != VAULT_OK) return NULL;
    vault_row row = {.name = "one", .format = 1};
    return store_vault_insert(m->s, &row, &m->err) == VAULT_OK ? m : NULL;
}

TEST("of two that initialise at once one makes the vault and the other is told")
{
    maker makers[2] = {0};
    pg_empty();
    for (int i = 0; i < 2; i++) expect_ok(store_open(&makers[i].s, pg_conninfo(), &err), &err);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&makers[i].thread, NULL, make, &makers[i]), 0);
    for (int i = 0; i < 2; i++) pthread_join(makers[i].thread, NULL);
    assert_int_equal((int)makers[0].err.code + (int)makers[1].err.code, VAULT_CONFLICT);
    for (int i = 0; i < 2; i++) store_close(&makers[i].s);
}

TEST("tables of another format are refused at the start")
{
    store *s = fresh_store();
    store_close(&s);
    pg_sql("ALTER TABLE head ALTER size TYPE integer");
    expect_code(store_open(&s, pg_conninfo(), &err), VAULT_INTERNAL, &err);
    pg_sql("ALTER TABLE head ALTER size TYPE bigint; ALTER TABLE line DROP COLUMN nodes");
    expect_code(store_open(&s, pg_conninfo(), &err), VAULT_INTERNAL, &err);
}

TEST("rings are read back by name and version")
{
    store *s = fresh_store();
    ring_row rows[] = {
        {.name = "token/health.visit",
         .version = 1,
         .suite = 1,
         .state = 2,
         .wrapped = filled(1, 60),
         .created_us = 17},
        {.name = "record", .version = 2, .suite = 2, .state = 1, .wrapped = filled(2, 60), .created_us = -5},
        {.name = "record", .version = 1, .suite = 1, .state = 3, .wrapped = filled(3, 61), .created_us = INT64_MAX},
    };
    ring_row *got;
    size_t count;
    expect_ok(store_rings_read(s, mem, &got, &count, &err), &err);
    assert_int_equal(count, 0);
    for (int i = 0; i < 3; i++) expect_ok(store_ring_insert(s, &rows[i], &err), &err);
    expect_code(store_ring_insert(s, &rows[1], &err), VAULT_CONFLICT, &err);
    expect_ok(store_rings_read(s, mem, &got, &count, &err), &err);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        const ring_row *wanted = &rows[2 - i];
        assert_string_equal(got[i].name, wanted->name);
        assert_int_equal(got[i].version, wanted->version);
        assert_int_equal(got[i].suite, wanted->suite);
        assert_int_equal(got[i].state, wanted->state);
        assert_true(bytes_same(got[i].wrapped, wanted->wrapped));
        assert_int_equal(got[i].created_us, wanted->created_us);
    }
    store_close(&s);
}

TEST("a manifest is read by its version; another is not found; one version stands once")
{
    store *s = fresh_store();
    bytes sealed = filled(9, 300000), got;
    expect_code(store_manifest_read(s, mem, 1, &got, &err), VAULT_NOT_FOUND, &err);
    expect_ok(store_manifest_insert(s, 1, sealed, &err), &err);
    expect_ok(store_manifest_read(s, mem, 1, &got, &err), &err);
    assert_true(bytes_same(got, sealed));
    expect_code(store_manifest_read(s, mem, 2, &got, &err), VAULT_NOT_FOUND, &err);
    expect_code(store_manifest_insert(s, 1, sealed, &err), VAULT_CONFLICT, &err);
    store_close(&s);
}

/* ---- assertions ---------------------------------------------------------------------------------------------------
 */

static digest assertion(int n)
{
    return sha256(bytes_of(&n, sizeof n));
}

TEST("an assertion passes once, in one call or in two")
{
    store *s = fresh_store();
    digest ids[] = {assertion(5), assertion(2), assertion(5), assertion(9)};
    int64_t expires[4];
    bool fresh[4];
    for (int i = 0; i < 4; i++) expires[i] = clock_now_us() + HOUR;
    expect_ok(store_assertions_use(s, ids, expires, 4, fresh, &err), &err);
    assert_true(fresh[0] && fresh[1] && !fresh[2] && fresh[3]);
    ids[1] = assertion(7);
    expect_ok(store_assertions_use(s, ids, expires, 4, fresh, &err), &err);
    assert_true(!fresh[0] && fresh[1] && !fresh[2] && !fresh[3]);
    expect_ok(store_assertions_use(s, ids, expires, 0, fresh, &err), &err);
    store_close(&s);
}

TEST("assertions are not used up within a transaction, where a rollback would give them back")
{
    store *s = fresh_store();
    digest id = assertion(1);
    int64_t expires = clock_now_us() + HOUR;
    bool fresh;
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_assertions_use(s, &id, &expires, 1, &fresh, &err), VAULT_INTERNAL, &err);
    store_rollback(s);
    store_close(&s);
}

TEST("expired ids are swept and others stay")
{
    store *s = fresh_store();
    pg_sql("INSERT INTO assertion SELECT sha256(i::text::bytea), CASE WHEN i %% 2 = 0 THEN 5 ELSE %lld END"
           " FROM generate_series(1, 3000) i",
           (long long)(clock_now_us() + HOUR));
    for (int i = 0; i < 1000; i++) {
        digest id = assertion(i);
        int64_t expires = clock_now_us() + HOUR;
        bool fresh;
        expect_ok(store_assertions_use(s, &id, &expires, 1, &fresh, &err), &err);
        assert_true(fresh);
    }
    assert_int_equal(sql_number("SELECT count(*) FROM assertion WHERE expires = 5"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM assertion"), 2500);
    store_close(&s);
}

TEST("expired ids are swept as fast as ids come, also when many come in one call")
{
    enum { CALLS = 40, IDS = 256 };
    static digest ids[IDS];
    static int64_t expires[IDS];
    static bool fresh[IDS];
    store *s = fresh_store();
    pg_sql("INSERT INTO assertion SELECT sha256(('old' || i)::bytea), 5 FROM generate_series(1, %d) i", CALLS * IDS);
    for (int call = 0; call < CALLS; call++) {
        for (int i = 0; i < IDS; i++) {
            ids[i] = assertion(call * IDS + i);
            expires[i] = clock_now_us() + HOUR;
        }
        expect_ok(store_assertions_use(s, ids, expires, IDS, fresh, &err), &err);
    }
    assert_int_equal(sql_number("SELECT count(*) FROM assertion WHERE expires = 5"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM assertion"), CALLS * IDS);
    store_close(&s);
}

typedef struct user {
    pthread_t thread;
    store *s;
    bool backwards;
    int fresh;
    vault_error err;
} user;

static void *use_all(void *at)
{
    user *u = at;
    for (int round = 0; round < 50; round++) {
        digest ids[20];
        int64_t expires[20];
        bool fresh[20];
        for (int i = 0; i < 20; i++) {
            int n = round * 20 + (u->backwards ? 19 - i : i);
            ids[i] = (digest){.at = {(uint8_t)(n >> 8), (uint8_t)n}};
            expires[i] = INT64_MAX;
        }
        if (store_assertions_use(u->s, ids, expires, 20, fresh, &u->err) != VAULT_OK) return NULL;
        for (int i = 0; i < 20; i++) u->fresh += fresh[i];
    }
    return NULL;
}

TEST("two nodes that see the same assertions in opposite order let each pass once, and do not deadlock")
{
    store *s = fresh_store();
    user users[2] = {{.backwards = false}, {.backwards = true}};
    for (int i = 0; i < 2; i++) expect_ok(store_open(&users[i].s, pg_conninfo(), &err), &err);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&users[i].thread, NULL, use_all, &users[i]), 0);
    for (int i = 0; i < 2; i++) pthread_join(users[i].thread, NULL);
    for (int i = 0; i < 2; i++) expect_ok(users[i].err.code, &users[i].err);
    assert_int_equal(users[0].fresh + users[1].fresh, 1000);
    for (int i = 0; i < 2; i++) store_close(&users[i].s);
    store_close(&s);
}

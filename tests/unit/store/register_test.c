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
                     .source = 2,
                     .generation = 1,
                     .salt = filled(1, 16),
                     .checks = filled(2, 256),
                     .root = filled(3, 60),
                     .argon2_passes = 3,
                     .argon2_memory_kib = 65536,
                     .argon2_lanes = 4};
    vault_row got;
    expect_ok(store_vault_insert(s, &row, &err), &err);
    expect_ok(store_vault_read(s, mem, &got, &err), &err);
    assert_string_equal(got.name, row.name);
    assert_int_equal(got.format, 1);
    assert_true(bytes_same(got.salt, row.salt) && bytes_same(got.checks, row.checks) && bytes_same(got.root, row.root));
    assert_int_equal(got.source, 2);
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
    assert_int_equal(store_open(&s, pg_conninfo(), &err), VAULT_INTERNAL);
    assert_non_null(strstr(err.detail, "another version of vaultd"));
    vault_error_clear(&err);
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

/* ---- control rows ---- */

TEST("manifests are read in order of their versions; one version stands once")
{
    store *s = fresh_store();
    manifest_row rows[] = {{1, filled(9, 300000)}, {2, filled(3, 17)}, {7, filled(4, 1)}}, got[3];
    size_t count;
    expect_ok(store_manifests_read(s, mem, (manifest_range){1, 3}, got, &count, &err), &err);
    assert_int_equal(count, 0);
    for (int i = 2; i >= 0; i--) expect_ok(store_manifest_insert(s, &rows[i], &err), &err);
    expect_ok(store_manifests_read(s, mem, (manifest_range){1, 2}, got, &count, &err), &err);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(got[i].version, rows[i].version);
        assert_true(bytes_same(got[i].sealed, rows[i].sealed));
    }
    expect_ok(store_manifests_read(s, mem, (manifest_range){2, 3}, got, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(got[1].version, 7); /* however far it is from the others */
    expect_code(store_manifest_insert(s, &rows[1], &err), VAULT_CONFLICT, &err);
    store_close(&s);
}

TEST("documents are live, then archived, and found in both")
{
    store *s = fresh_store();
    document_row rows[] = {
        {"policy", 1, 0, filled(9, 300000)}, {"policy", 2, 0, filled(3, 17)}, {"schema", 1, 0, filled(4, 1)}};
    document_row *got, found = {.name = "policy", .version = 1};
    size_t count;
    for (int i = 2; i >= 0; i--) expect_ok(store_document_insert(s, &rows[i], &err), &err);
    expect_code(store_document_insert(s, &rows[0], &err), VAULT_CONFLICT, &err);
    expect_ok(store_documents_read(s, mem, &got, &count, &err), &err);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(got[i].name, rows[i].name);
        assert_int_equal(got[i].version, rows[i].version);
        assert_true(bytes_same(got[i].sealed, rows[i].sealed));
    }
    expect_ok(store_document_archive(s, &rows[0], 2, &err), &err);
    expect_code(store_document_archive(s, &rows[0], 2, &err), VAULT_NOT_FOUND, &err);
    expect_ok(store_documents_read(s, mem, &got, &count, &err), &err);
    assert_int_equal(count, 2);
    expect_ok(store_document_find(s, mem, &found, &err), &err);
    assert_true(bytes_same(found.sealed, rows[0].sealed));
    assert_int_equal(found.ended, 2);
    found.version = 2;
    expect_ok(store_document_find(s, mem, &found, &err), &err);
    assert_true(bytes_same(found.sealed, rows[1].sealed));
    assert_int_equal(found.ended, 0);
    found.version = 3;
    expect_code(store_document_find(s, mem, &found, &err), VAULT_NOT_FOUND, &err);
    pg_sql("INSERT INTO control_archive SELECT name, version, 9, sealed FROM control_document");
    found.version = 2;
    expect_code(store_document_find(s, mem, &found, &err), VAULT_INTEGRITY, &err);
    store_close(&s);
}

static int64_t stamp_of(store *s)
{
    int64_t stamp = 0;
    expect_ok(store_control_stamp(s, &stamp, &err), &err);
    assert_int_not_equal(stamp, 0);
    return stamp;
}

static store *given_control_rows(void)
{
    store *s = fresh_store();
    pg_sql("INSERT INTO control SELECT v, decode(repeat('ab', 5000), 'hex') FROM generate_series(1, 3) v;"
           "INSERT INTO control_document SELECT 'd' || v, v, decode(repeat('cd', 50000), 'hex')"
           " FROM generate_series(1, 7) v");
    return s;
}

TEST("the stamp changes with every update, delete and insert, also where nothing is changed by it")
{
    static const char *const edits[] = {
        "UPDATE control_document SET version = version",
        "UPDATE control_document SET name = name WHERE name = 'd4'",
        "UPDATE control_document SET sealed = set_byte(sealed, 49999, 0) WHERE name = 'd7'",
        "DELETE FROM control_document WHERE name = 'd1'",
        "INSERT INTO control_document VALUES ('d1', 1, decode(repeat('cd', 50000), 'hex'))",
        "INSERT INTO control_document VALUES ('', 0, '')",
        "BEGIN; DELETE FROM control_document WHERE name = ''; INSERT INTO control_document VALUES ('', 0, ''); COMMIT",
        ("DELETE FROM control_document WHERE name = ''; VACUUM control_document;"
         "INSERT INTO control_document VALUES ('', 0, '')"),
        "UPDATE control SET sealed = sealed WHERE version = 3",
        "INSERT INTO control VALUES (4, '')",
        "DELETE FROM control WHERE version = 4",
        "UPDATE control_document a SET sealed = b.sealed FROM control_document b WHERE a.name = 'd2' AND b.name = 'd3'",
        "DELETE FROM control",
        "DELETE FROM control_document",
    };
    store *s = given_control_rows();
    int64_t before = stamp_of(s);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char sql[512], *rest = sql;
        snprintf(sql, sizeof sql, "%s", edits[i]);
        if (strstr(sql, "VACUUM")) { /* not within a transaction */
            for (char *one; (one = strsep(&rest, ";"));) pg_sql("%s", one);
        } else {
            pg_sql("%s", sql);
        }
        int64_t now = stamp_of(s);
        if (now == before) fail_msg("%s: the stamp did not change", edits[i]);
        before = now;
    }
    store_close(&s);
}

TEST("the stamp stays while nothing is written, also when rows are vacuumed, frozen, analysed, locked or rolled back")
{
    static const char *const harmless[] = {
        "VACUUM control_document",
        "VACUUM FREEZE control_document",
        "VACUUM FREEZE control",
        "ANALYZE control_document",
        "CHECKPOINT",
        "BEGIN; SELECT * FROM control_document FOR UPDATE; COMMIT",
        "BEGIN; DELETE FROM control_document; UPDATE control SET sealed = ''; ROLLBACK",
        "UPDATE control SET sealed = '' WHERE version = 2", /* of history_stamp */
        "UPDATE control_document SET sealed = '' WHERE name = 'none'",
    };
    store *s = given_control_rows();
    pg_sql("DELETE FROM control_document WHERE name = 'd3'");
    int64_t before = stamp_of(s);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        pg_sql("%s", harmless[i]);
        if (stamp_of(s) != before) fail_msg("%s moved the stamp", harmless[i]);
    }
    store_close(&s);
}

TEST("the history's stamp is that of former rows: what a later manifest brings does not change it")
{
    static const char *const edits[] = {
        "UPDATE control SET sealed = '' WHERE version = 1",       "DELETE FROM control WHERE version = 2",
        "UPDATE control_archive SET ended = 9 WHERE version = 1", "UPDATE control_archive SET ended = ended",
        "INSERT INTO control_archive VALUES ('x', 1, 1, '')",     "DELETE FROM control_archive WHERE name = 'x'",
    };
    store *s = given_control_rows();
    control_history before, now;
    document_row gone = {.name = "d2", .version = 2};
    pg_sql("INSERT INTO control_archive SELECT 'policy', v, v + 1, '' FROM generate_series(1, 2) v");
    expect_ok(store_control_history(s, 3, &before, &err), &err);
    assert_int_equal(before.manifests, 3);
    assert_int_equal(before.archived, 2);
    assert_int_equal(before.astray, 0);
    pg_sql("INSERT INTO control VALUES (4, '')");
    expect_ok(store_document_archive(s, &gone, 4, &err), &err);
    expect_ok(store_control_history(s, 3, &now, &err), &err);
    assert_memory_equal(&now, &before, sizeof now);
    pg_sql("DELETE FROM control WHERE version = 4");
    expect_ok(store_control_history(s, 3, &now, &err), &err);
    assert_int_equal(now.astray, 1);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        pg_sql("%s", edits[i]);
        before = now;
        expect_ok(store_control_history(s, 3, &now, &err), &err);
        if (now.stamp == before.stamp) fail_msg("%s: not seen", edits[i]);
    }
    store_close(&s);
}

TEST("under the lock of control nobody else writes its rows, and everybody reads them")
{
    store *s = given_control_rows(), *other = NULL;
    expect_ok(store_open(&other, pg_conninfo(), &err), &err);
    expect_code(store_control_lock(s, &err), VAULT_INTERNAL, &err);
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_control_lock(s, &err), &err);
    stamp_of(other);
    assert_string_equal(
        pg_sql("BEGIN; SET LOCAL lock_timeout = 50; DO $$ BEGIN DELETE FROM control_document; EXCEPTION"
               " WHEN lock_not_available THEN NULL; END $$; COMMIT; SELECT count(*) FROM control_document"),
        "7");
    store_rollback(s);
    store_close(&other);
    store_close(&s);
}

/* ---- assertions ---- */

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

/* A vault from its first line: init, open, reload, and everything that whoever writes to the database could change. */
#include "tests/unit/control/vault.h"

#include <pthread.h>

static control *opened(void)
{
    control *c;
    expect_ok(control_open(&c, db, root_key(), &err), &err);
    return c;
}

static void expect_open(vault_code code)
{
    control *c;
    expect_code(control_open(&c, db, root_key(), &err), code, &err);
    assert_true((c != NULL) == (code == VAULT_OK));
    control_close(&c);
}

/* All that stands in the database, as one digest. */
static const char *everything(void)
{
    static char text[64];
    snprintf(text, sizeof text, "%s",
             pg_sql("SELECT md5(concat((SELECT string_agg(v::text, '|') FROM vault v), (SELECT string_agg(k::text, '|' "
                    "ORDER BY name, version)"
                    " FROM key_ring k), (SELECT string_agg(c::text, '|' ORDER BY version) FROM control c), (SELECT "
                    "string_agg(d::text, '|' ORDER BY name, version)"
                    " FROM control_document d), (SELECT "
                    "string_agg(h::text, '|')"
                    " FROM head h), (SELECT string_agg(l::text, '|' ORDER BY idx) FROM line l)))"));
    return text;
}

static void expect_count(const char *table, const char *count)
{
    assert_string_equal(pg_sql("SELECT count(*) FROM %s", table), count);
}

/* ---- init ---- */

TEST("a new vault has its rings, version 1 of the manifest, and a log of one line")
{
    given_vault();
    expect_count("vault", "1");
    expect_count("control", "1");
    expect_count("control_document", "9");
    expect_count("control_archive", "0");
    expect_count("line", "1");
    expect_count("key_ring WHERE name LIKE 'token/%%'", "3");
    expect_count("key_ring", "15"); /* record, natural, control, log, rows, seven of terms, three of tokens */
    assert_string_equal(pg_sql("SELECT control_version FROM head"), "1");
    control *c = opened();
    const manifest *m = control_acquire(c);
    assert_string_equal(control_vault_name(c), "resident-vault/test");
    assert_string_equal(m->vault, "resident-vault/test");
    assert_int_equal(m->version, 1);
    assert_true(m->schema.count > 22);
    assert_non_null(keyring_active(control_keys(c), "term/phone"));
    control_release(c, m);
    control_close(&c);
}

TEST("domains get random numbers that no other vault has")
{
    uint32_t numbers[2][3];
    for (size_t round = 0; round < 2; round++) {
        given_vault();
        control *c = opened();
        const manifest *m = control_acquire(c);
        for (uint16_t i = 0; i < 3; i++) {
            numbers[round][i] =
                manifest_domain(m, (consumer_no){(uint16_t)(i + 1)}, (purpose_no){(uint16_t)(i + 1)})->number;
            assert_in_range(numbers[round][i], 1, DOMAIN_NUMBER_MAX);
            const domain *d = manifest_domain_number(m, numbers[round][i]);
            assert_int_equal(keyring_active(control_keys(c), d->ring)->version, 1);
        }
        control_release(c, m);
        control_close(&c);
    }
    assert_memory_not_equal(numbers[0], numbers[1], sizeof numbers[0]);
}

TEST("init on a vault is a conflict and overwrites nothing")
{
    given_vault();
    char before[64];
    snprintf(before, sizeof before, "%s", everything());
    init_options o = options();
    expect_code(control_init(db, &o, &err), VAULT_CONFLICT, &err);
    o.name = "resident-vault/other";
    o.root = bytes_of("another root key of 32 bytes ...", 32);
    expect_code(control_init(db, &o, &err), VAULT_CONFLICT, &err);
    assert_string_equal(everything(), before);
    expect_open(VAULT_OK);
}

TEST("init with a bad folder, name or root key writes nothing at all")
{
    given_empty();
    init_options o = options();
    o.folder = "/nonexistent";
    assert_int_not_equal(control_init(db, &o, &err), VAULT_OK);
    vault_error_clear(&err);
    o = options();
    o.name = "Resident Vault";
    expect_code(control_init(db, &o, &err), VAULT_INVALID, &err);
    o = options();
    o.root.len = 31;
    expect_code(control_init(db, &o, &err), VAULT_INVALID, &err);
    o.root = (bytes){0};
    expect_code(control_init(db, &o, &err), VAULT_INVALID, &err);
    assert_string_equal(pg_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

TEST("an init that fails at any table leaves no vault, and the next one succeeds")
{
    static const char *const tables[] = {"vault", "key_ring", "control", "control_document", "head", "line"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        given_empty();
        expect_ok(store_create_schema(db, &err), &err);
        pg_sql("CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
               "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE "
               "FUNCTION fail()",
               tables[i]);
        const init_options o = options();
        assert_int_not_equal(control_init(db, &o, &err), VAULT_OK);
        vault_error_clear(&err);
        for (size_t j = 0; j < sizeof tables / sizeof *tables; j++) expect_count(tables[j], "0");
        pg_sql("DROP TRIGGER fail ON %s", tables[i]);
        expect_ok(control_init(db, &o, &err), &err);
        expect_open(VAULT_OK);
    }
}

static int calls_left;
static int failing_source(uint8_t *out, size_t len)
{
    memset(out, calls_left & 0xff, len);
    return calls_left-- > 0 ? 0 : -1;
}

TEST("a failing random source fails init, and leaves no vault")
{
    for (int calls = 0; calls < 2; calls++) {
        given_empty();
        calls_left = calls;
        entropy_set_for_test(failing_source);
        const init_options o = options();
        vault_code code = control_init(db, &o, &err);
        entropy_set_for_test(NULL);
        if (code == VAULT_OK) continue; /* one block was enough for everything */
        assert_int_equal(code, VAULT_INTERNAL);
        vault_error_clear(&err);
        expect_ok(store_create_schema(db, &err), &err);
        expect_count("vault", "0");
    }
}

static init_options shared;

static void *init_once(void *code)
{
    store *own = NULL;
    vault_error why = {0};
    *(vault_code *)code = store_open(&own, pg_conninfo(), &why);
    if (own) *(vault_code *)code = control_init(own, &shared, &why);
    store_close(&own);
    return NULL;
}

TEST("of two inits at once one makes the vault and the other is a conflict")
{
    pthread_t threads[2];
    vault_code codes[2];
    shared = options();
    given_empty();
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, init_once, &codes[i]);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_true((codes[0] == VAULT_OK && codes[1] == VAULT_CONFLICT) ||
                (codes[0] == VAULT_CONFLICT && codes[1] == VAULT_OK));
    expect_open(VAULT_OK);
    expect_count("line", "1");
}

TEST("neither names nor rules stand in the database in clear")
{
    given_vault();
    static const char *const words[] = {"eldercare",     "grid-zhao",         "officer-wang",
                                        "family-doctor", "residence_address", "320411"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_string_equal(pg_sql("SELECT count(*) FROM control WHERE position('%s'::bytea IN sealed) > 0", words[i]),
                            "0");
        assert_string_equal(
            pg_sql("SELECT count(*) FROM control_document WHERE position('%s'::bytea IN sealed) > 0", words[i]), "0");
        assert_string_equal(pg_sql("SELECT count(*) FROM line WHERE position('%s'::bytea IN officer) > 0", words[i]),
                            "0");
    }
}

/* ---- open ---- */

TEST("a database that was never initialised is not found")
{
    given_empty();
    expect_ok(store_create_schema(db, &err), &err);
    expect_open(VAULT_NOT_FOUND);
}

TEST("a wrong root key fails loudly, and nothing is written")
{
    given_vault();
    char before[64], wrong[ROOT_KEY_LEN];
    snprintf(before, sizeof before, "%s", everything());
    memcpy(wrong, root_text, sizeof wrong);
    wrong[31] ^= 1;
    control *c;
    expect_code(control_open(&c, db, bytes_of(wrong, sizeof wrong), &err), VAULT_INTEGRITY, &err);
    assert_null(c);
    assert_string_equal(everything(), before);
    expect_open(VAULT_OK);
}

/* Every way in which a row of keys, control or vault can be edited, moved or lost. */
static const char *const edits[] = {
    "UPDATE key_ring SET state = 3 WHERE name = 'record'",
    "UPDATE key_ring SET state = 1 WHERE name = 'control'",
    "UPDATE key_ring SET state = 0 WHERE name = 'log'",
    "UPDATE key_ring SET state = 99 WHERE name = 'log'",
    "UPDATE key_ring SET state = 4 WHERE name LIKE 'token/%%'",
    "UPDATE key_ring SET version = 2 WHERE name = 'record'",
    "UPDATE key_ring SET version = 0 WHERE name = 'natural'",
    "UPDATE key_ring SET version = -1 WHERE name = 'natural'",
    "UPDATE key_ring SET suite = 2 WHERE name = 'natural'",
    "UPDATE key_ring SET suite = 0 WHERE name = 'natural'",
    "UPDATE key_ring SET name = 'term/sex' WHERE name = 'term/name'",
    "UPDATE key_ring SET name = repeat('a', 64) WHERE name = 'term/name'",
    "UPDATE key_ring SET name = '' WHERE name = 'term/name'",
    "UPDATE key_ring SET wrapped = ''",
    "UPDATE key_ring SET wrapped = wrapped || '\\x00'::bytea WHERE name = 'log'",
    "UPDATE key_ring a SET wrapped = b.wrapped FROM key_ring b WHERE a.name = 'record' AND b.name = 'natural'",
    "UPDATE key_ring a SET wrapped = b.wrapped FROM key_ring b WHERE a.name = 'term/name' AND b.name = 'term/phone'",
    "DELETE FROM key_ring WHERE name = 'record'",
    "DELETE FROM key_ring WHERE name = 'natural'",
    "DELETE FROM key_ring WHERE name = 'log'",
    "DELETE FROM key_ring WHERE name = 'control'",
    "DELETE FROM key_ring WHERE name = 'term/phone'",
    "DELETE FROM key_ring WHERE name = (SELECT max(name) FROM key_ring WHERE name LIKE 'token/%%')",
    "DELETE FROM key_ring",
    "DELETE FROM control",
    "UPDATE control SET version = 2",
    "UPDATE control SET sealed = ''",
    "UPDATE control SET sealed = substring(sealed FROM 1 FOR 31)",
    "UPDATE control SET sealed = substring(sealed FROM 1 FOR length(sealed) - 1)",
    "UPDATE control SET sealed = sealed || '\\x00'::bytea",
    "UPDATE head SET control_version = 2",
    "UPDATE head SET control_version = 0",
    "UPDATE head SET control_version = -1",
    "UPDATE head SET control_digest = set_byte(control_digest, 0, get_byte(control_digest, 0) # 1)",
    "UPDATE head SET control_digest = set_byte(control_digest, 31, get_byte(control_digest, 31) # 128)",
    "UPDATE control SET version = 2; UPDATE head SET control_version = 2",
    "DELETE FROM head",
    "UPDATE vault SET name = 'resident-vault/other'",
    "UPDATE vault SET name = ''",
    "UPDATE vault SET name = repeat('a', 65)",
    "UPDATE vault SET format = 1",
    "INSERT INTO control SELECT 2, sealed FROM control",
    "INSERT INTO control VALUES (1000000, '')",
    "INSERT INTO key_ring SELECT 'term/copy', version, suite, state, since, ends, wrapped, created FROM key_ring"
    " WHERE name = 'log'",
    "INSERT INTO key_ring SELECT name, 2, suite, 3, since, ends, wrapped, created FROM key_ring WHERE name = 'log'",
    "UPDATE key_ring SET since = since + 1 WHERE name = 'record'",
    "UPDATE key_ring SET since = 0 WHERE name = 'term/name'",
    "UPDATE key_ring SET ends = 1 WHERE name LIKE 'token/%%'",
    "UPDATE key_ring SET created = created + 1 WHERE name = 'natural'",
    "DELETE FROM control_document",
    "DELETE FROM control_document WHERE name = 'policy'",
    "DELETE FROM control_document WHERE name = 'domains'",
    "UPDATE control_document SET version = 2 WHERE name = 'persons'",
    "UPDATE control_document SET version = 0 WHERE name = 'persons'",
    "UPDATE control_document SET name = 'person' WHERE name = 'persons'",
    "UPDATE control_document a SET sealed = b.sealed FROM control_document b WHERE a.name = 'policy' AND b.name = "
    "'sharing'",
    "UPDATE control_document a SET sealed = b.sealed FROM control_document b, (VALUES ('policy', 'persons'), "
    "('persons',"
    " 'policy')) AS v(x, y) WHERE a.name = x AND b.name = y",
    "UPDATE control_document SET sealed = '' WHERE name = 'schema'",
    "UPDATE control_document SET sealed = substring(sealed FROM 1 FOR length(sealed) - 1) WHERE name = 'schema'",
    "UPDATE control_document SET sealed = sealed || '\\x00'::bytea WHERE name = 'schema'",
    "INSERT INTO control_document SELECT name, 2, sealed FROM control_document WHERE name = 'policy'",
    "INSERT INTO control_document SELECT 'manifest', 1, sealed FROM control",
    "UPDATE control_document d SET sealed = c.sealed FROM control c WHERE d.name = 'policy'",
    "ALTER TABLE control_document DROP CONSTRAINT control_document_pkey;"
    "INSERT INTO control_document SELECT * FROM control_document WHERE name = 'policy'",
    "INSERT INTO control_archive SELECT name, version, 1, sealed FROM control_document WHERE name = 'policy';"
    "DELETE FROM control_document WHERE name = 'policy'",
};

TEST("a row of keys, manifest, head or vault that was edited, moved or deleted is found out at the start")
{
    given_vault();
    keep_rows("kept");
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        control *c;
        pg_sql("%s", edits[i]);
        vault_code code = control_open(&c, db, root_key(), &err);
        if (code != VAULT_INTEGRITY) fail_msg("%s: %s (%s)", edits[i], vault_code_name(code), err.detail);
        assert_true(strlen(err.detail) > 0);
        vault_error_clear(&err);
        put_back_rows("kept");
    }
    expect_open(VAULT_OK);
}

TEST("a bit flipped anywhere in a wrapped key, or in the sealed manifest, is found out")
{
    given_vault();
    static const char *const flips[] = {
        "UPDATE key_ring SET wrapped = set_bit(wrapped, %d, 1 - get_bit(wrapped, %d)) WHERE name = 'control'",
        "UPDATE control SET sealed = set_bit(sealed, %d, 1 - get_bit(sealed, %d))",
        "UPDATE control_document SET sealed = set_bit(sealed, %d, 1 - get_bit(sealed, %d)) WHERE name = 'policy'"};
    for (int which = 0; which < 3; which++) {
        for (int bit = 0; bit < RING_WRAPPED_LEN * 8; bit += 61) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            pg_sql(flips[which], bit, bit);
            expect_open(VAULT_INTEGRITY);
            pg_sql(flips[which], bit, bit);
#pragma GCC diagnostic pop
        }
    }
    expect_open(VAULT_OK);
}

TEST("rows of another vault under the same root key do not open")
{
    given_vault();
    control *c = opened();
    arena *mem = arena_new(CONTROL_ARENA);
    manifest_row row;
    bytes text;
    size_t count;
    expect_ok(store_manifests_read(db, mem, (manifest_range){1, 1}, &row, &count, &err), &err);
    const seal_place places[] = {{"manifest", "resident-vault/other", 1},
                                 {"manifest", "resident-vault/test", 2},
                                 {"policy", "resident-vault/test", 1},
                                 {"", "resident-vault/test", 1},
                                 {"manifest", "resident-vault/test", 1}};
    for (size_t i = 0; i < 5; i++)
        expect_code(control_unseal(&text, mem, control_keys(c), &places[i], row.sealed, &err),
                    i < 4 ? VAULT_INTEGRITY : VAULT_OK, &err);
    control_close(&c);
    arena_free(&mem);
}

/* ---- reload ---- */

static void expect_version(control *c, int64_t version, size_t rules)
{
    const manifest *m = control_acquire(c);
    assert_int_equal(m->version, version);
    assert_int_equal(policy_rule_count(m->policy), rules);
    control_release(c, m);
}

TEST("a reload without a change keeps the manifest in force")
{
    given_vault();
    control *c = opened();
    const manifest *before = control_acquire(c);
    expect_ok(control_reload(c, db, &err), &err);
    const manifest *after = control_acquire(c);
    assert_ptr_equal(before, after);
    control_release(c, before);
    control_release(c, after);
    control_close(&c);
}

TEST("a new version comes into force at a reload, and who holds the old one goes on reading it")
{
    given_vault();
    node other = node_open();
    control *c = opened();
    const manifest *old = control_acquire(c);
    given_activated(&other, DOC_POLICY, policy_of(&other, 3));
    expect_ok(control_reload(c, db, &err), &err);
    expect_version(c, 3, 3);
    assert_int_equal(old->version, 1);
    assert_int_equal(policy_rule_count(old->policy), DEV_RULES);
    assert_string_equal(schema_number(&old->schema, 2)->name, "name");
    control_release(c, old);
    control_close(&c);
    c = opened();
    expect_version(c, 3, 3);
    control_close(&c);
    node_close(&other);
}

TEST("rows that were moved and say the same change nothing but the stamp")
{
    static const char *const moves[] = {"UPDATE control_document SET version = version",
                                        "VACUUM FULL control_document",
                                        "UPDATE control SET sealed = sealed",
                                        "VACUUM FULL control",
                                        "UPDATE control SET sealed = sealed",
                                        "CLUSTER control USING control_pkey"};
    given_vault();
    control *c = opened();
    const manifest *before = control_acquire(c);
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        int64_t old = control_stamp(c), found;
        pg_sql("%s", moves[i]);
        expect_ok(store_control_stamp(db, &found, &err), &err);
        expect_ok(control_reload(c, db, &err), &err);
        assert_int_equal(control_stamp(c), found);
        assert_int_not_equal(found, old);
        const manifest *after = control_acquire(c);
        assert_ptr_equal(before, after);
        control_release(c, after);
    }
    control_release(c, before);
    control_close(&c);
}

TEST("every live row that is edited by SQL is found at the next reload, and nothing else comes into force")
{
    given_vault();
    control *c = opened();
    keep_rows("kept");
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        int64_t before = control_stamp(c), now;
        pg_sql("%s", edits[i]);
        expect_ok(store_control_stamp(db, &now, &err), &err);
        if (strstr(edits[i], "key_ring") || strstr(edits[i], "vault SET"))
            pg_sql("UPDATE control SET sealed = sealed"); /* at any reload */
        vault_code code = control_reload(c, db, &err);
        if (code != VAULT_INTEGRITY) fail_msg("%s: %s (%s)", edits[i], vault_code_name(code), err.detail);
        vault_error_clear(&err);
        if (strstr(edits[i], "control_document") || strstr(edits[i], "control S")) assert_int_not_equal(now, before);
        put_back_rows("kept");
        expect_ok(control_reload(c, db, &err), &err);
        expect_version(c, 1, DEV_RULES);
    }
    control_close(&c);
}

/* `old`: version 1; `new`: version 5, of two activated policies and a proposal that was taken back. */
static node given_two_states(void)
{
    given_vault();
    keep_rows("old");
    node n = node_open();
    given_activated(&n, DOC_POLICY, policy_of(&n, 5));
    given_activated(&n, DOC_POLICY, policy_of(&n, 3));
    keep_rows("new");
    return n;
}

TEST("an older state put back by SQL is found: any tables of it, with any of the newer ones, on a node and at a start")
{
    node n = given_two_states();
    for (unsigned older = 1; older < 1U << 4; older++) { /* control, control_document, control_archive, head */
        put_back_rows("new");
        expect_ok(control_reload(n.c, n.s, &err), &err);
        for (unsigned i = 0; i < 4; i++)
            if (older >> i & 1) put_back_table("old", CONTROL_TABLES[1 + i]);
        vault_code code = control_check_history(n.c, n.s, &err);
        if (code != VAULT_INTEGRITY) fail_msg("tables %x: %s %s", older, vault_code_name(code), err.detail);
        vault_error_clear(&err);
        expect_version(n.c, 5, 3);
        if (older == 4) continue; /* the archive alone: the history's to find */
        control *c;
        code = control_open(&c, n.s, root_key(), &err);
        if (older == 11 ||
            older == 15) { /* all that is read: version 1 as it was; the ledger and the checkpoints know */
            assert_int_equal(code, VAULT_OK);
            control_close(&c);
            continue;
        }
        if (code != VAULT_INTEGRITY) fail_msg("tables %x at the start: %s", older, vault_code_name(code));
        vault_error_clear(&err);
    }
    node_close(&n);
}

TEST("an old manifest or document under a new version does not come into force")
{
    given_vault();
    control *c = opened();
    pg_sql("INSERT INTO control SELECT 2, sealed FROM control; UPDATE head SET control_version = 2");
    expect_code(control_reload(c, db, &err), VAULT_INTEGRITY, &err);
    pg_sql("UPDATE control_document SET version = 2 WHERE name = 'policy'");
    expect_code(control_reload(c, db, &err), VAULT_INTEGRITY, &err);
    expect_version(c, 1, DEV_RULES);
    control_close(&c);
}

TEST("a ring of a change that was rolled back, put back by SQL, is not taken for the one that came later")
{
    given_vault();
    node n = node_open();
    char wrapped[200];
    pg_sql("DELETE FROM key_ring WHERE name = 'term/phone'"); /* as if it had been made by what is not there */
    expect_code(control_check_history(n.c, n.s, &err), VAULT_INTEGRITY, &err);
    ring other;
    expect_ok(ring_create(&other, root_key(),
                          &(ring_wish){.name = "term/phone", .version = 1, .suite = SUITE_INTL, .since = 1}, &err),
              &err);
    secret_clear(&other.key);
    hex_encode(wrapped, bytes_of(other.wrapped, sizeof other.wrapped));
    pg_sql("INSERT INTO key_ring VALUES ('term/phone', 1, 1, 2, 1, 0, '\\x%s', 17)", wrapped);
    expect_code(control_check_history(n.c, n.s, &err), VAULT_INTEGRITY, &err);
    control *c;
    expect_code(control_open(&c, n.s, root_key(), &err), VAULT_INTEGRITY, &err);
    node_close(&n);
}

static control *raced;
static volatile int stop;

static void *read_often(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        const manifest *m = control_acquire(raced);
        if (policy_rule_count(m->policy) > DEV_RULES || !manifest_person(m, "grid-zhao")) abort();
        control_release(raced, m);
    }
    return unused;
}

static void *reload_often(void *unused)
{
    store *own = NULL;
    vault_error why = {0};
    if (store_open(&own, pg_conninfo(), &why) != VAULT_OK) abort();
    for (int i = 0; i < 20; i++) {
        if (control_reload(raced, own, &why) != VAULT_OK) abort();
    }
    store_close(&own);
    return unused;
}

TEST("readers, reloads and changes race without harm")
{
    pthread_t readers[2], reloaders[2];
    given_vault();
    node other = node_open();
    raced = opened();
    stop = 0;
    for (int i = 0; i < 2; i++) pthread_create(&readers[i], NULL, read_often, NULL);
    for (size_t rules = 6; rules > 3; rules--) {
        for (int i = 0; i < 2; i++) pthread_create(&reloaders[i], NULL, reload_often, NULL);
        given_activated(&other, DOC_POLICY, policy_of(&other, rules));
        for (int i = 0; i < 2; i++) pthread_join(reloaders[i], NULL);
        expect_ok(control_reload(raced, db, &err), &err);
        expect_version(raced, 1 + 2 * (7 - (int64_t)rules), rules);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) pthread_join(readers[i], NULL);
    control_close(&raced);
    node_close(&other);
}

TEST("a database that is gone is unavailable, not an integrity failure")
{
    given_vault();
    control *c = opened();
    pg_empty();
    vault_code code = control_reload(c, db, &err);
    assert_true(code != VAULT_OK && code != VAULT_INTEGRITY);
    vault_error_clear(&err);
    expect_version(c, 1, DEV_RULES);
    control_close(&c);
}

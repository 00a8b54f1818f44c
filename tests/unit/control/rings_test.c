/* Changes of keys: what a rotation, a destruction, a rekey and a seal make of the rings, and who may. */
#include "tests/unit/control/vault.h"

static const char OTHER_ROOT[ROOT_KEY_LEN + 1] = "another root key, of 32 bytes...";

static change rotation_of(const ring_change *rings, size_t count)
{
    return (change){.kind = CHANGE_ROTATE, .rings = rings, .ring_count = count};
}

static vault_code try_rotate(const node *n, const char *uri, ring_change one)
{
    return try_change(n, uri, rotation_of(&one, 1), &err);
}

static void given_rotated(const node *n, const char *name)
{
    expect_ok(try_rotate(n, LI, (ring_change){.name = name}), &err);
}

static void expect_ring(const node *n, const char *name, uint32_t version, ring_state state)
{
    const manifest *m = control_acquire(n->c);
    const ring *r = NULL;
    for (size_t i = 0; (r = keyring_at(manifest_keys(m), i)); i++)
        if (strcmp(r->name, name) == 0 && r->version == version) break;
    if (!r || r->state != state) fail_msg("%s %u: state %d, not %d", name, version, r ? (int)r->state : -1, (int)state);
    assert_int_equal(r->key.at != NULL, state != RING_DESTROYED);
    control_release(n->c, m);
    assert_string_equal(pg_sql("SELECT count(*) FROM key_ring WHERE name = '%s' AND version = %u AND state = %d", name,
                               version, (int)state),
                        "1");
}

static suite_id suite_of(const node *n, const char *name)
{
    const manifest *m = control_acquire(n->c);
    suite_id suite = keyring_active(manifest_keys(m), name)->suite;
    control_release(n->c, m);
    return suite;
}

/* ---- rotation ---- */

TEST("a rotated ring has a new active version, the old one retires, on every node and after a start")
{
    given_vault();
    node n = node_open(), other = node_open();
    given_rotated(&n, "record");
    expect_ring(&n, "record", 1, RING_RETIRING);
    expect_ring(&n, "record", 2, RING_ACTIVE);
    expect_ok(control_reload(other.c, other.s, &err), &err);
    expect_ring(&other, "record", 2, RING_ACTIVE);
    const manifest *m = control_acquire(other.c);
    assert_int_equal(keyring_active(manifest_keys(m), "record")->since, 2);
    assert_int_equal(keyring_find(manifest_keys(m), "record", 1)->since, 1);
    control_release(other.c, m);
    node_close(&other);
    other = node_open();
    expect_ring(&other, "record", 1, RING_RETIRING);
    expect_ok(control_check_history(other.c, other.s, &err), &err);
    node_close(&other);
    node_close(&n);
}

TEST("many rings rotate at once, each to its own suite's new version; the rest stay")
{
    static const ring_change rings[] = {
        {.name = "record", .suite = SUITE_GM}, {.name = "term/phone"}, {.name = "control"}};
    given_vault();
    node n = node_open();
    expect_ok(try_change(&n, LI, rotation_of(rings, 3), &err), &err);
    expect_ring(&n, "control", 2, RING_ACTIVE);
    expect_ring(&n, "term/phone", 2, RING_ACTIVE);
    expect_ring(&n, "term/name", 1, RING_ACTIVE);
    assert_int_equal(suite_of(&n, "record"), SUITE_GM);
    assert_int_equal(suite_of(&n, "term/phone"), SUITE_INTL);
    assert_int_equal(version_of(&n), 2);
    node_close(&n);
    n = node_open();
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    assert_int_equal(suite_of(&n, "record"), SUITE_GM);
    given_activated(&n, DOC_POLICY, policy_of(&n, 3)); /* and control goes on */
    node_close(&n);
}

TEST("what holds the manifest before a rotation goes on with its own keys")
{
    given_vault();
    node n = node_open();
    const manifest *before = control_acquire(n.c);
    given_rotated(&n, "record");
    assert_int_equal(keyring_active(manifest_keys(before), "record")->version, 1);
    const manifest *after = control_acquire(n.c);
    assert_int_not_equal(keyring_generation(manifest_keys(before)), keyring_generation(manifest_keys(after)));
    control_release(n.c, before);
    control_release(n.c, after);
    node_close(&n);
}

TEST("a change that only brings new rings keeps the keyring that stands")
{
    given_vault();
    node n = node_open(), other = node_open();
    const manifest *before = control_acquire(n.c);
    json_t *all = document_now(&n, DOC_SCHEMA);
    json_t *field =
        json_array_get(json_object_get(json_array_get(json_object_get(all, "collections"), 0), "fields"), 0);
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(json_array_get(json_object_get(all, "collections"), 0), "fields"), i, one)
    {
        if (json_array_size(json_object_get(one, "index")) == 0 && !json_is_true(json_object_get(one, "retired")))
            field = one;
    }
    json_object_set_new(field, "index", json_pack("[s]", "equality"));
    given_activated(&n, DOC_SCHEMA, all);
    expect_ok(control_reload(other.c, other.s, &err), &err);
    const manifest *after = control_acquire(n.c);
    assert_int_equal(keyring_generation(manifest_keys(before)), keyring_generation(manifest_keys(after)));
    assert_string_equal(pg_sql("SELECT count(*) FROM key_ring WHERE since = 3"), "1");
    control_release(n.c, before);
    control_release(n.c, after);
    node_close(&other);
    node_close(&n);
}

static const char *token_ring(void)
{
    static char name[RING_NAME_MAX];
    snprintf(name, sizeof name, "%s", pg_sql("SELECT min(name) FROM key_ring WHERE name LIKE 'token/%%'"));
    return name;
}

TEST("a token ring needs an end for the epochs before, and no other ring takes one")
{
    given_vault();
    node n = node_open();
    const char *name = token_ring();
    const ring_change never = {.name = name}, past = {.name = name, .ends_us = now_us},
                      ended = {.name = "record", .ends_us = now_us + 1};
    expect_refused(&n, LI, rotation_of(&never, 1), VAULT_INVALID, "BAD_END");
    expect_refused(&n, LI, rotation_of(&past, 1), VAULT_INVALID, "BAD_END");
    expect_refused(&n, LI, rotation_of(&ended, 1), VAULT_INVALID, "BAD_END");
    expect_ok(try_rotate(&n, LI, (ring_change){.name = name, .ends_us = now_us + DAY_US}), &err);
    expect_ok(try_rotate(&n, LI, (ring_change){.name = name, .ends_us = now_us + 3 * DAY_US}), &err);
    const manifest *m = control_acquire(n.c);
    assert_int_equal(keyring_find(manifest_keys(m), name, 1)->ends_us, now_us + DAY_US); /* as it was promised */
    assert_int_equal(keyring_find(manifest_keys(m), name, 2)->ends_us, now_us + 3 * DAY_US);
    assert_int_equal(keyring_find(manifest_keys(m), name, 3)->ends_us, 0);
    control_release(n.c, m);
    node_close(&n);
}

TEST("rings that are unknown, fixed, named twice or too many are refused, and so is everybody but an administrator")
{
    given_vault();
    node n = node_open();
    static const ring_change unknown = {.name = "term/nothing"}, empty = {.name = ""}, fixed = {.name = "rows"},
                             twice[] = {{.name = "record"}, {.name = "record"}},
                             suite = {.name = "record", .suite = (suite_id)3};
    expect_refused(&n, LI, rotation_of(&unknown, 1), VAULT_INVALID, "RING_UNKNOWN");
    assert_string_equal(unknown.name, "term/nothing");
    expect_refused(&n, LI, rotation_of(&empty, 1), VAULT_INVALID, "RING_UNKNOWN");
    expect_refused(&n, LI, rotation_of(&fixed, 1), VAULT_INVALID, "RING_FIXED");
    expect_refused(&n, LI, rotation_of(twice, 2), VAULT_INVALID, "RING_TWICE");
    expect_refused(&n, LI, rotation_of(&suite, 1), VAULT_INVALID, "SUITE_UNKNOWN");
    expect_refused(&n, LI, rotation_of(NULL, 0), VAULT_INVALID, "REQUIRED");
    expect_refused(&n, WANG, rotation_of(twice, 1), VAULT_DENIED, "ROLE");
    expect_refused(&n, "vault://dev/apps/eldercare", rotation_of(twice, 1), VAULT_DENIED, "ROLE");
    for (unsigned i = 1; i < RING_VERSIONS_MAX; i++) given_rotated(&n, "record");
    expect_refused(&n, LI, rotation_of(twice, 1), VAULT_PRECONDITION, "TOO_MANY_VERSIONS");
    node_close(&n);
}

TEST("of two rotations at once one is first, and the other finds that control has moved")
{
    static const ring_change one = {.name = "record"};
    given_vault();
    node a = node_open(), b = node_open();
    VAULT_CLEANUP(staged_free) staged *x = NULL;
    VAULT_CLEANUP(staged_free) staged *y = NULL;
    expect_ok(stage(&a, &x, LI, rotation_of(&one, 1), &err), &err);
    expect_ok(stage(&b, &y, SUN, rotation_of(&one, 1), &err), &err);
    expect_ok(carry_out(&a, &x, 1, &err), &err);
    expect_code(carry_out(&b, &y, 1, &err), VAULT_CONFLICT, &err);
    assert_string_equal(pg_sql("SELECT count(*) FROM key_ring WHERE name = 'record'"), "2");
    expect_ok(control_reload(b.c, b.s, &err), &err);
    expect_ring(&b, "record", 2, RING_ACTIVE);
    given_rotated(&b, "record");
    expect_ring(&b, "record", 3, RING_ACTIVE);
    node_close(&a);
    node_close(&b);
}

/* ---- what SQL puts back ---- */

TEST("after a rotation every older row of a ring, of the vault or of control that is put back is found")
{
    static const char *const again[] = {
        ("UPDATE key_ring k SET state = o.state, wrapped = o.wrapped FROM old.key_ring o WHERE k.name = o.name"
         " AND k.name = 'record' AND k.version = 1"),
        "DELETE FROM key_ring; INSERT INTO key_ring TABLE old.key_ring",
        "DELETE FROM key_ring WHERE name = 'record' AND version = 1",
        "DELETE FROM key_ring WHERE name = 'record' AND version = 2",
        "UPDATE key_ring SET state = 4 WHERE name = 'record' AND version = 1",
        "UPDATE key_ring SET state = 2 WHERE name = 'record' AND version = 1",
        "UPDATE key_ring SET suite = 2 WHERE name = 'record' AND version = 2",
        "UPDATE key_ring SET ends = 9 WHERE name = 'record' AND version = 1",
        "UPDATE key_ring SET since = 1 WHERE name = 'record' AND version = 2",
        "UPDATE control SET sealed = (SELECT sealed FROM old.control) WHERE version = 2",
        "DELETE FROM control; INSERT INTO control TABLE old.control",
    };
    given_vault();
    keep_rows("old");
    node n = node_open();
    given_rotated(&n, "record");
    keep_rows("new");
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        control *c;
        pg_sql("%s", again[i]);
        vault_code running = control_check_history(n.c, n.s, &err);
        vault_error_clear(&err);
        vault_code started = control_open(&c, db, root_key(), &err);
        control_close(&c);
        vault_error_clear(&err);
        if (running != VAULT_INTEGRITY || started != VAULT_INTEGRITY)
            fail_msg("%s: running %s, started %s", again[i], vault_code_name(running), vault_code_name(started));
        assert_int_equal(version_of(&n), 2);
        put_back_rows("new");
    }
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    node_close(&n);
}

/* ---- two people ---- */

static change destruction(const char *text, const ring_change *one)
{
    return (change){
        .kind = CHANGE_DESTROY, .rings = one, .ring_count = 1, .operation = bytes_of_text(text), .lifetime_us = DAY_US};
}

static const ring_change RECORD_1 = {.name = "record", .version = 1};
static const char DESTROY_TEXT[] = "{\"operation\":\"destroy\",\"ring\":\"record\",\"version\":1}";

static change with_approval(const node *n, change what, const approval *a)
{
    what.approval = arena_text(n->mem, bytes_of_text(a->name));
    return what;
}

/* Rotated, and a destruction proposed by Li. */
static approval given_proposed(const node *n)
{
    given_rotated(n, "record");
    expect_ok(try_change(n, LI, destruction(DESTROY_TEXT, &RECORD_1), &err), &err);
    return newest_pending(n);
}

TEST("a version is destroyed by an administrator when an officer has approved just that")
{
    given_vault();
    node n = node_open(), other = node_open();
    approval a = given_proposed(&n);
    assert_int_equal(a.document, DOC_OPERATION);
    expect_ring(&n, "record", 1, RING_RETIRING);
    const change what = with_approval(&n, destruction(DESTROY_TEXT, &RECORD_1), &a);
    expect_refused(&n, LI, what, VAULT_PRECONDITION, "NOT_APPROVED");
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
    expect_ring(&n, "record", 1, RING_RETIRING); /* approved is not done */
    expect_ok(try_change(&n, LI, what, &err), &err);
    expect_ring(&n, "record", 1, RING_DESTROYED);
    assert_int_equal(pending_count(&n), 0);
    expect_refused(&n, LI, what, VAULT_PRECONDITION, "RING_DESTROYED");
    expect_ok(control_reload(other.c, other.s, &err), &err);
    expect_ring(&other, "record", 1, RING_DESTROYED);
    const manifest *m = control_acquire(other.c);
    assert_null(keyring_find(manifest_keys(m), "record", 1));
    control_release(other.c, m);
    expect_ok(control_check_history(other.c, other.s, &err), &err);
    node_close(&other);
    other = node_open();
    expect_ring(&other, "record", 1, RING_DESTROYED);
    node_close(&other);
    node_close(&n);
}

TEST("an approval of another text, of a document, of somebody else's, or one that was used, does not do")
{
    given_vault();
    node n = node_open();
    approval a = given_proposed(&n);
    const ring_change natural = {.name = "natural", .version = 1};
    given_rotated(&n, "natural");
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
    const change other_text = with_approval(&n, destruction("{\"operation\":\"destroy\"}", &RECORD_1), &a),
                 good = with_approval(&n, destruction(DESTROY_TEXT, &RECORD_1), &a);
    expect_refused(&n, LI, other_text, VAULT_CONFLICT, "DIGEST_DIFFERS");
    expect_refused(&n, SUN, good, VAULT_DENIED, "NOT_YOURS");
    expect_refused(&n, WANG, good, VAULT_DENIED, "ROLE");
    approval rules = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    expect_refused(&n, LI, with_approval(&n, good, &rules), VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    expect_ok(try_change(&n, LI, good, &err), &err);
    const change again = with_approval(&n, destruction(DESTROY_TEXT, &natural), &a);
    expect_refused(&n, LI, again, VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    expect_ring(&n, "natural", 1, RING_RETIRING);
    node_close(&n);
}

TEST("an operation is approved by officers only, each once, by its digest, and ends with its time")
{
    given_vault_with_approvals("2");
    node n = node_open();
    approval a = given_proposed(&n);
    const change what = with_approval(&n, destruction(DESTROY_TEXT, &RECORD_1), &a);
    change wrong = consent_to(&n, &a);
    wrong.digest = "0000000000000000000000000000000000000000000000000000000000000000";
    expect_refused(&n, SUN, consent_to(&n, &a), VAULT_DENIED, "ROLE");
    expect_refused(&n, WANG, wrong, VAULT_CONFLICT, "DIGEST_DIFFERS");
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
    expect_refused(&n, WANG, consent_to(&n, &a), VAULT_DENIED, "ALREADY_APPROVED");
    expect_refused(&n, LI, what, VAULT_PRECONDITION, "NOT_APPROVED");
    expect_ok(try_change(&n, ZHAO, consent_to(&n, &a), &err), &err);
    change late = what;
    late.now_us = a.expires_us;
    expect_refused(&n, LI, late, VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    expect_ok(try_change(&n, LI, what, &err), &err);
    node_close(&n);
}

TEST("an operation that waits is refused by an officer, or taken back by who proposed it")
{
    given_vault();
    node n = node_open();
    approval a = given_proposed(&n);
    expect_refused(&n, SUN, (change){.kind = CHANGE_REJECT, .approval = a.name}, VAULT_DENIED, "NOT_YOURS");
    expect_ok(try_change(&n, LI, (change){.kind = CHANGE_REJECT, .approval = a.name}, &err), &err);
    expect_ok(try_change(&n, LI, destruction(DESTROY_TEXT, &RECORD_1), &err), &err);
    a = newest_pending(&n);
    expect_ok(try_change(&n, WANG, (change){.kind = CHANGE_REJECT, .approval = a.name}, &err), &err);
    assert_int_equal(pending_count(&n), 0);
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    node_close(&n);
}

TEST("a proposed operation reads as it was written, by its digest")
{
    given_vault();
    node n = node_open();
    (void)given_proposed(&n);
    node_close(&n);
    n = node_open(); /* what waits is read at a start, too */
    approval a = newest_pending(&n);
    document_text text;
    expect_ok(control_proposed(&text, n.c, n.s, n.mem, &a, &err), &err);
    assert_true(bytes_same(text.content, bytes_of_text(DESTROY_TEXT)));
    digest sum = sha256(bytes_of_text(DESTROY_TEXT));
    assert_memory_equal(sum.at, a.content.at, DIGEST_LEN);
    node_close(&n);
}

TEST("an active, unknown or already destroyed version is not destroyed; a token epoch not before its end")
{
    given_vault();
    node n = node_open();
    const char *token = token_ring();
    const ring_change versions[] = {{.name = "record", .version = 2},
                                    {.name = "record", .version = 0},
                                    {.name = "nothing", .version = 1},
                                    {.name = "rows", .version = 1},
                                    {.name = token, .version = 1}};
    given_rotated(&n, "record");
    expect_ok(try_rotate(&n, LI, (ring_change){.name = token, .ends_us = now_us + DAY_US}), &err);
    expect_refused(&n, LI, destruction("{}", &versions[0]), VAULT_PRECONDITION, "RING_ACTIVE");
    expect_refused(&n, LI, destruction("{}", &versions[1]), VAULT_INVALID, "RING_UNKNOWN");
    expect_refused(&n, LI, destruction("{}", &versions[2]), VAULT_INVALID, "RING_UNKNOWN");
    expect_refused(&n, LI, destruction("{}", &versions[3]), VAULT_PRECONDITION, "RING_ACTIVE");
    expect_refused(&n, LI, destruction("{}", &versions[4]), VAULT_PRECONDITION, "STILL_NEEDED");
    change later = destruction("{}", &versions[4]);
    later.now_us = now_us + DAY_US;
    expect_ok(try_change(&n, LI, later, &err), &err);
    node_close(&n);
}

static vault_code refuse_write(void *context, store *s, vault_error *e)
{
    ++*(int *)context;
    VAULT_TRY(store_document_insert(s, &(document_row){.name = "mine", .version = 1, .sealed = bytes_of_text("x")}, e));
    return vault_refuse(e, VAULT_PRECONDITION, "STILL_NEEDED", "ring");
}

TEST("what the caller writes with a change and refuses undoes all of it")
{
    given_vault();
    node n = node_open();
    int calls = 0;
    static const ring_change one = {.name = "record"};
    change what = rotation_of(&one, 1);
    what.write = refuse_write;
    what.context = &calls;
    expect_refused(&n, LI, what, VAULT_PRECONDITION, "STILL_NEEDED");
    assert_int_equal(calls, 1);
    assert_string_equal(pg_sql("SELECT count(*) FROM control_document WHERE name = 'mine'"), "0");
    expect_ring(&n, "record", 1, RING_ACTIVE);
    node_close(&n);
}

/* ---- rekey and seal ---- */

static const char REKEY_TEXT[] = "{\"operation\":\"rekey\"}";
static const root_seal NEXT_SEAL = {.source = ROOT_SHARES, .generation = 2, .threshold = 2, .shares = 3};

static change rekeying(const char *root)
{
    return (change){.kind = CHANGE_REKEY,
                    .operation = bytes_of_text(REKEY_TEXT),
                    .lifetime_us = DAY_US,
                    .seal = &NEXT_SEAL,
                    .root = root ? bytes_of(root, ROOT_KEY_LEN) : (bytes){0}};
}

static void given_rekeyed(const node *n, const char *root)
{
    expect_ok(try_change(n, LI, rekeying(root), &err), &err);
    approval a = newest_pending(n);
    expect_refused(n, LI, with_approval(n, rekeying(root), &a), VAULT_PRECONDITION, "NOT_APPROVED");
    expect_ok(try_change(n, WANG, consent_to(n, &a), &err), &err);
    expect_ok(try_change(n, LI, with_approval(n, rekeying(root), &a), &err), &err);
}

TEST("a rekey writes how the root key lies, and no node stops")
{
    given_vault();
    node n = node_open(), other = node_open();
    given_rekeyed(&n, NULL);
    assert_string_equal(pg_sql("SELECT source || ' ' || generation || ' ' || threshold || ' ' || shares FROM vault"),
                        "3 2 2 3");
    expect_ok(control_reload(other.c, other.s, &err), &err);
    assert_int_equal(version_of(&other), 4);
    expect_ok(control_check_history(other.c, other.s, &err), &err);
    given_rotated(&other, "record");
    node_close(&other);
    node_close(&n);
    n = node_open();
    node_close(&n);
}

TEST("another root key wraps all rings; nodes with the one before are told, and it opens nothing any more")
{
    given_vault();
    node n = node_open(), other = node_open();
    given_rotated(&n, "record");
    expect_ok(control_reload(other.c, other.s, &err), &err);
    given_rekeyed(&n, OTHER_ROOT);
    given_rotated(&n, "natural"); /* who did it goes on, with the new one */
    expect_code(control_reload(other.c, other.s, &err), VAULT_UNAVAILABLE, &err);
    vault_code code = control_reload(other.c, other.s, &err);
    assert_int_equal(code, VAULT_UNAVAILABLE);
    assert_string_equal(err.reason, "ROOT_MOVED");
    vault_error_clear(&err);
    control *c;
    expect_code(control_open(&c, db, root_key(), &err), VAULT_INTEGRITY, &err);
    expect_ok(control_open(&c, db, bytes_of(OTHER_ROOT, ROOT_KEY_LEN), &err), &err);
    expect_ok(control_check_history(c, db, &err), &err);
    control_close(&c);
    node_close(&other);
    node_close(&n);
}

TEST("another root key takes over what was destroyed as destroyed")
{
    given_vault();
    node n = node_open();
    approval a = given_proposed(&n);
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
    expect_ok(try_change(&n, LI, with_approval(&n, destruction(DESTROY_TEXT, &RECORD_1), &a), &err), &err);
    given_rekeyed(&n, OTHER_ROOT);
    expect_ring(&n, "record", 1, RING_DESTROYED);
    expect_ring(&n, "record", 2, RING_ACTIVE);
    control *c;
    expect_ok(control_open(&c, db, bytes_of(OTHER_ROOT, ROOT_KEY_LEN), &err), &err);
    control_close(&c);
    pg_sql("UPDATE key_ring SET wrapped = set_byte(wrapped, 5, get_byte(wrapped, 5) # 1) WHERE state = 4");
    expect_code(control_open(&c, db, bytes_of(OTHER_ROOT, ROOT_KEY_LEN), &err), VAULT_INTEGRITY, &err);
    node_close(&n);
}

TEST("an older row of the vault put back by SQL is found")
{
    given_vault();
    keep_rows("old");
    node n = node_open();
    given_rekeyed(&n, NULL);
    put_back_table("old", "vault");
    expect_code(control_check_history(n.c, n.s, &err), VAULT_INTEGRITY, &err);
    control *c;
    expect_code(control_open(&c, db, root_key(), &err), VAULT_INTEGRITY, &err);
    node_close(&n);
}

TEST("a vault is sealed by one steward, stays sealed over other changes and starts, and is unsealed by one")
{
    given_vault();
    node n = node_open();
    const change seal = {.kind = CHANGE_SEAL}, unseal = {.kind = CHANGE_UNSEAL};
    expect_refused(&n, WANG, unseal, VAULT_INVALID, "NOTHING_CHANGES");
    expect_refused(&n, "vault://dev/apps/eldercare", seal, VAULT_DENIED, "ROLE");
    expect_ok(try_change(&n, WANG, seal, &err), &err);
    expect_refused(&n, LI, seal, VAULT_INVALID, "NOTHING_CHANGES");
    given_rotated(&n, "record");
    node_close(&n);
    n = node_open();
    const manifest *m = control_acquire(n.c);
    assert_true(m->sealed);
    control_release(n.c, m);
    expect_ok(try_change(&n, LI, unseal, &err), &err);
    m = control_acquire(n.c);
    assert_false(m->sealed);
    control_release(n.c, m);
    node_close(&n);
}

/* What was in force before: found again and proven; what of it was edited is found out. */
#include "tests/unit/control/vault.h"

#include <sys/time.h>

/* Version 1: init. 2, 3: policy of 5 rules. 4, 5: of 3. 6, 7: proposed and taken back. 8: a person suspended. */
static node given_history(void)
{
    given_vault();
    node n = node_open();
    given_activated(&n, DOC_POLICY, policy_of(&n, 5));
    given_activated(&n, DOC_POLICY, policy_of(&n, 3));
    approval a = given_proposal(&n, SUN, DOC_POLICY, policy_of(&n, 1));
    expect_ok(try_change(&n, SUN, (change){.kind = CHANGE_REJECT, .approval = a.name}, &err), &err);
    expect_ok(try_change(&n, WANG, (change){.kind = CHANGE_REVOKE, .person = "grid-zhao"}, &err), &err);
    assert_int_equal(version_of(&n), 8);
    return n;
}

static size_t rules_at(const node *n, int64_t version, int64_t *brought)
{
    document_text text;
    json_t *value;
    expect_ok(control_document(&text, n->c, n->s, n->mem, (document_at){DOC_POLICY, version}, &err), &err);
    digest sum = sha256(text.content);
    assert_memory_equal(sum.at, text.digest.at, DIGEST_LEN);
    expect_ok(json_read(&value, text.content, "policy", &err), &err);
    size_t rules = json_array_size(json_object_get(value, "rules"));
    json_decref(value);
    *brought = text.version;
    return rules;
}

static vault_code changes_of(const node *n, change_record *all, size_t *count, change_page page)
{
    page.at = all;
    vault_code code = control_changes(&page, n->c, n->s, n->mem, &err);
    *count = page.count;
    return code;
}

TEST("a document is shown as any version had it, with the version that brought it")
{
    static const size_t rules[] = {3, DEV_RULES, DEV_RULES, 5, 5, 3, 3, 3, 3};
    static const int64_t brought[] = {5, 1, 1, 3, 3, 5, 5, 5, 5};
    node n = given_history();
    for (int64_t v = 0; v <= 8; v++) {
        int64_t found;
        assert_int_equal(rules_at(&n, v, &found), rules[v]);
        assert_int_equal(found, brought[v]);
    }
    document_text text;
    static const int64_t none[] = {-1, 9, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 4; i++)
        expect_code(control_document(&text, n.c, n.s, n.mem, (document_at){DOC_POLICY, none[i]}, &err), VAULT_NOT_FOUND,
                    &err);
    expect_code(control_document(&text, n.c, n.s, n.mem, (document_at){DOCUMENTS, 1}, &err), VAULT_NOT_FOUND, &err);
    expect_ok(control_document(&text, n.c, n.s, n.mem, (document_at){DOC_DOMAINS, 1}, &err), &err);
    node_close(&n);
}

TEST("changes are told newest first, with who, why, and the digests before and after")
{
    static const change_kind kinds[] = {CHANGE_REVOKE,  CHANGE_REJECT,   CHANGE_PROPOSE, CHANGE_ACTIVATE,
                                        CHANGE_PROPOSE, CHANGE_ACTIVATE, CHANGE_PROPOSE, CHANGE_INIT};
    static const char *const who[] = {"officer-wang", "admin-sun",    "admin-sun", "officer-wang",
                                      "admin-li",     "officer-wang", "admin-li",  ""};
    node n = given_history();
    change_record all[20];
    size_t count;
    expect_ok(changes_of(&n, all, &count, (change_page){.from = INT64_MAX, .limit = 20}), &err);
    assert_int_equal(count, 8);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(all[i].version, 8 - (int64_t)i);
        assert_int_equal(all[i].kind, kinds[i]);
        assert_string_equal(all[i].who, who[i]);
        assert_string_equal(all[i].ticket, i == 7 ? "" : "T-1");
    }
    assert_string_equal(all[0].document, "persons");
    assert_string_equal(all[3].document, "policy");
    assert_string_equal(all[3].approval, all[4].approval);
    assert_memory_equal(all[3].before.at, all[5].after.at, DIGEST_LEN);
    assert_memory_equal(all[3].after.at, all[4].after.at, DIGEST_LEN);
    const manifest *m = control_acquire(n.c);
    assert_memory_equal(all[0].manifest.at, m->digest.at, DIGEST_LEN);
    control_release(n.c, m);
    expect_ok(changes_of(&n, all, &count, (change_page){.from = 3, .limit = 2}), &err);
    assert_int_equal(count, 2);
    assert_int_equal(all[1].version, 2);
    expect_ok(changes_of(&n, all, &count, (change_page){.from = 0, .limit = 2}), &err);
    assert_int_equal(count, 0);
    expect_ok(changes_of(&n, all, &count, (change_page){.from = -7, .limit = 2}), &err);
    assert_int_equal(count, 0);
    node_close(&n);
}

/* ---- attacks ---- */

static const char *const edits[] = {
    "DELETE FROM control WHERE version = 1",
    "DELETE FROM control WHERE version = 4",
    "DELETE FROM control WHERE version < 8",
    "UPDATE control SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE version = 3",
    "UPDATE control SET sealed = '' WHERE version = 7",
    "UPDATE control a SET sealed = b.sealed FROM control b WHERE a.version = 3 AND b.version = 4",
    "UPDATE control SET version = -version WHERE version = 2",
    "INSERT INTO control SELECT 0, sealed FROM control WHERE version = 2",
    "INSERT INTO control SELECT -5, sealed FROM control WHERE version = 2",
    "DELETE FROM control_archive",
    "DELETE FROM control_archive WHERE ctid = (SELECT min(ctid) FROM control_archive)",
    "UPDATE control_archive SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE version = 6",
    "UPDATE control_archive SET version = 77 WHERE version = 6",
    "UPDATE control_archive SET name = 'schema' WHERE version = 6",
    "UPDATE control_archive SET ended = 5 WHERE version = 6",
    "UPDATE control_archive SET ended = 1000 WHERE version = 6",
    "UPDATE control_archive a SET sealed = b.sealed FROM control_archive b WHERE a.version = 6 AND b.version = 2",
    "INSERT INTO control_archive SELECT name, 50, 3, sealed FROM control_archive LIMIT 1",
    "INSERT INTO control_archive SELECT name, 50, 5000, sealed FROM control_archive LIMIT 1",
    "INSERT INTO control_archive SELECT name, version, 4, sealed FROM control_document WHERE name = 'schema'",
    "UPDATE key_ring SET wrapped = set_byte(wrapped, 3, get_byte(wrapped, 3) # 1) WHERE name = 'natural'",
    "UPDATE key_ring SET created = 0 WHERE name = 'natural'",
    "DELETE FROM key_ring WHERE name = 'term/phone'",
    "INSERT INTO key_ring SELECT 'token/1', version, suite, state, since, ends, wrapped, created FROM key_ring WHERE "
    "name = 'log'",
    "UPDATE vault SET name = 'resident-vault/tesu'",
    "UPDATE vault SET format = 1",
    "UPDATE vault SET salt = '\\x00'",
    "UPDATE vault SET root = set_byte(root, 9, get_byte(root, 9) # 1)",
    "UPDATE vault SET generation = generation + 1",
    "UPDATE key_ring SET ends = 1 WHERE name = 'natural'",
    "UPDATE vault SET argon2_memory_kib = argon2_memory_kib + 1",
    "UPDATE vault SET argon2_lanes = 7",
    "INSERT INTO head SELECT size - 1, time, control_version, control_digest, log_version, erased, erasure, row_sum, "
    "frontier, mac FROM head",
    "INSERT INTO head SELECT size + 9, time, control_version, control_digest, log_version, erased, erasure, row_sum, "
    "frontier, mac FROM head",
};

TEST("a former row that was edited, deleted, copied or inserted is found by a node that runs and by one that starts")
{
    node n = given_history();
    keep_rows("kept");
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        control *fresh = NULL;
        pg_sql("%s", edits[i]);
        vault_code running = control_check_history(n.c, n.s, &err), starting;
        if (running != VAULT_INTEGRITY) fail_msg("%s: %s (%s)", edits[i], vault_code_name(running), err.detail);
        assert_int_equal(control_check_history(n.c, n.s, &err), VAULT_INTEGRITY); /* it stays found */
        vault_error_clear(&err);
        starting = control_open(&fresh, n.s, root_key(), &err);
        if (starting == VAULT_OK) starting = control_check_history(fresh, n.s, &err);
        if (starting != VAULT_INTEGRITY) fail_msg("%s, at the start: %s", edits[i], vault_code_name(starting));
        vault_error_clear(&err);
        control_close(&fresh);
        put_back_rows("kept");
        expect_ok(control_check_history(n.c, n.s, &err), &err);
    }
    node_close(&n);
}

TEST("a former document or manifest that was edited is not shown")
{
    node n = given_history();
    document_text text;
    change_record all[8];
    size_t count;
    keep_rows("kept");
    pg_sql("UPDATE control_archive SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)");
    expect_code(control_document(&text, n.c, n.s, n.mem, (document_at){DOC_POLICY, 3}, &err), VAULT_INTEGRITY, &err);
    pg_sql("DELETE FROM control_archive");
    expect_code(control_document(&text, n.c, n.s, n.mem, (document_at){DOC_POLICY, 3}, &err), VAULT_INTEGRITY, &err);
    put_back_rows("kept");
    pg_sql("DELETE FROM control WHERE version = 2");
    expect_code(changes_of(&n, all, &count, (change_page){.from = 8, .limit = 8}), VAULT_INTEGRITY, &err);
    assert_int_equal(count, 0);
    put_back_rows("kept");
    expect_ok(changes_of(&n, all, &count, (change_page){.from = 8, .limit = 8}), &err);
    node_close(&n);
}

/* The sealed row of a manifest that the vault made and never put in force. */
static void given_rolled_back(const node *n, json_t *rules, char *sealed, size_t cap)
{
    staged *st;
    control_step next;
    manifest_row row;
    size_t count;
    expect_ok(stage(n, &st, LI, proposal_of(n, DOC_POLICY, rules), &err), &err);
    expect_ok(store_begin(n->s, &err), &err);
    expect_ok(staged_write(st, n->s, &next, &err), &err);
    expect_ok(store_manifests_read(n->s, n->mem, (manifest_range){next.version, 1}, &row, &count, &err), &err);
    store_rollback(n->s);
    assert_true(2 * row.sealed.len < cap);
    hex_encode(sealed, row.sealed);
    staged_free(&st);
}

TEST("a manifest that was rolled back opens, but is in nobody's chain")
{
    static char sealed[1 << 16];
    given_vault();
    node n = node_open();
    given_rolled_back(&n, policy_of(&n, 2), sealed, sizeof sealed);
    given_activated(&n, DOC_POLICY, policy_of(&n, 5));
    keep_rows("kept");
    pg_sql("UPDATE control SET sealed = '\\x%s' WHERE version = 2", sealed);
    expect_code(control_check_history(n.c, n.s, &err), VAULT_INTEGRITY, &err);
    node other = node_open(); /* the newest one and all live rows are good */
    expect_code(control_check_history(other.c, other.s, &err), VAULT_INTEGRITY, &err);
    change_record all[8];
    size_t count;
    expect_code(changes_of(&other, all, &count, (change_page){.from = 3, .limit = 8}), VAULT_INTEGRITY, &err);
    node_close(&n);
    node_close(&other);
}

/* ---- cost ---- */

TEST("after a change only what is new is read, and what stands is not read again")
{
    node n = given_history();
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    int64_t stamp = n.c->checked_stamp;
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    assert_int_equal(n.c->checked_stamp, stamp);
    size_t chain = n.c->chain_count;
    given_activated(&n, DOC_POLICY, policy_of(&n, 2));
    assert_int_equal(n.c->checked, 8);
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    assert_int_equal(n.c->checked, 10);
    assert_int_equal(n.c->chain_count, chain + 2);
    assert_int_equal(n.c->archived, 5);
    pg_sql("UPDATE control_archive SET ended = ended"); /* lies elsewhere, says the same */
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    assert_int_equal(n.c->archived, 5);
    node_close(&n);
}

TEST("the history is checked while other nodes change it")
{
    given_vault();
    node n = node_open(), other = node_open();
    for (size_t rules = 6; rules > 1; rules--) {
        approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, rules));
        expect_ok(control_check_history(other.c, other.s, &err), &err);
        expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
        expect_ok(control_check_history(other.c, other.s, &err), &err);
        assert_int_equal(version_of(&other), version_of(&n));
    }
    node_close(&n);
    node_close(&other);
}

TEST("ten thousand persons: init, open, and one change")
{
    enum { PERSONS = 10000 };
    documents d = dev_documents();
    json_t *list = json_object_get(d.of[DOC_PERSONS], "persons"), *one = json_array_get(list, 3);
    struct timeval from, to;
    while (json_array_size(list) < PERSONS) {
        json_t *copy = json_deep_copy(one);
        json_object_set_new(copy, "id", json_sprintf("worker-%05zu", json_array_size(list)));
        json_array_append_new(list, copy);
    }
    given_vault_of(&d);
    gettimeofday(&from, NULL);
    node n = node_open();
    gettimeofday(&to, NULL);
    printf("# opened in %ld ms\n", (to.tv_sec - from.tv_sec) * 1000 + (to.tv_usec - from.tv_usec) / 1000);
    const manifest *m = control_acquire(n.c);
    assert_non_null(manifest_person(m, "worker-09999"));
    control_release(n.c, m);
    expect_ok(try_change(&n, WANG, (change){.kind = CHANGE_REVOKE, .person = "worker-09999"}, &err), &err);
    gettimeofday(&from, NULL);
    printf("# a suspension in %ld ms\n", (from.tv_sec - to.tv_sec) * 1000 + (from.tv_usec - to.tv_usec) / 1000);
    node_close(&n);
}

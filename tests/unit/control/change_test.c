/* Changes of control: by two people, bound to the exact content, once; and what a single one may take away. */
#include "tests/unit/control/vault.h"

#include <pthread.h>

/* ---- two people ---- */

TEST("what one proposes and another approves is in force on every node")
{
    given_vault();
    node a = node_open(), b = node_open();
    approval waiting = given_proposal(&a, LI, DOC_POLICY, policy_of(&a, 3));
    expect_rules(&a, DEV_RULES);
    assert_string_equal(waiting.proposer, "admin-li");
    assert_memory_equal(waiting.name, "approvals/", 10);
    expect_ok(control_reload(b.c, b.s, &err),
              &err); /* the other node sees it waiting, and its officer approves there */
    expect_ok(try_change(&b, WANG, consent_to(&b, &waiting), &err), &err);
    expect_rules(&b, 3);
    assert_int_equal(pending_count(&b), 0);
    expect_rules(&a, DEV_RULES);
    expect_ok(control_reload(a.c, a.s, &err), &err);
    expect_rules(&a, 3);
    assert_int_equal(version_of(&a), 3);
    assert_string_equal(pg_sql("SELECT count(*) FROM control_document"), "9");
    assert_string_equal(pg_sql("SELECT count(*) FROM control_archive"), "1");
    assert_string_equal(pg_sql("SELECT count(*) FROM line"), "3");
    node_close(&a);
    node_close(&b);
    a = node_open();
    expect_rules(&a, 3);
    node_close(&a);
}

TEST("every pair of roles: only an officer approves, and never what is his own")
{
    static const char *const all[] = {WANG, ZHAO, LI, SUN};
    given_vault();
    node n = node_open();
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            approval a = given_proposal(&n, all[i], DOC_POLICY, policy_named(&n, json_sprintf("rule-%zu-%zu", i, j)));
            if (j >= 2) {
                expect_refused(&n, all[j], consent_to(&n, &a), VAULT_DENIED, "ROLE");
            } else if (i == j) {
                expect_refused(&n, all[j], consent_to(&n, &a), VAULT_DENIED, "SELF_APPROVAL");
            } else {
                expect_ok(try_change(&n, all[j], consent_to(&n, &a), &err), &err);
                continue;
            }
            expect_ok(try_change(&n, all[i], (change){.kind = CHANGE_REJECT, .approval = a.name}, &err), &err);
        }
    }
    node_close(&n);
}

TEST("an app neither proposes, approves, rejects nor revokes")
{
    static const change_kind kinds[] = {CHANGE_PROPOSE, CHANGE_APPROVE, CHANGE_REJECT, CHANGE_REVOKE};
    given_vault();
    node n = node_open();
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    for (size_t i = 0; i < 4; i++) {
        change what = kinds[i] == CHANGE_PROPOSE ? proposal_of(&n, DOC_POLICY, policy_of(&n, 2)) : consent_to(&n, &a);
        what.kind = kinds[i];
        if (what.kind == CHANGE_REVOKE) what.person = "grid-zhao";
        expect_refused(&n, "vault://dev/apps/eldercare", what, VAULT_DENIED, "ROLE");
    }
    node_close(&n);
}

TEST("where two approvals are needed one officer is not two, and the second one activates")
{
    given_vault_with_approvals("2");
    node n = node_open();
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
    expect_rules(&n, DEV_RULES);
    approval half = newest_pending(&n);
    assert_int_equal(half.approved_count, 1);
    expect_refused(&n, WANG, consent_to(&n, &a), VAULT_DENIED, "ALREADY_APPROVED");
    expect_ok(try_change(&n, ZHAO, consent_to(&n, &a), &err), &err);
    expect_rules(&n, 3);
    node_close(&n);
}

TEST("an officer's own proposal is never activated where every officer would be needed")
{
    given_vault_with_approvals("2");
    node n = node_open();
    approval a = given_proposal(&n, WANG, DOC_POLICY, policy_of(&n, 3));
    expect_ok(try_change(&n, ZHAO, consent_to(&n, &a), &err), &err);
    expect_refused(&n, ZHAO, consent_to(&n, &a), VAULT_DENIED, "ALREADY_APPROVED");
    expect_refused(&n, WANG, consent_to(&n, &a), VAULT_DENIED, "SELF_APPROVAL");
    expect_rules(&n, DEV_RULES);
    node_close(&n);
}

TEST("no document makes zero approvals enough, nor more than there are officers")
{
    static const char *const wrong[] = {"0", "-1", "3", "9", "1.5", "\"1\"", "null"};
    given_vault();
    node n = node_open();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *principals = document_now(&n, DOC_PRINCIPALS);
        set(principals, "approvals", wrong[i]);
        expect_refused(&n, LI, proposal_of(&n, DOC_PRINCIPALS, principals), VAULT_INVALID, "DOCUMENT_INVALID");
    }
    node_close(&n);
}

TEST("an approval is used once")
{
    given_vault();
    node n = node_open();
    json_t *former = document_now(&n, DOC_POLICY);
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
    expect_refused(&n, WANG, consent_to(&n, &a), VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    given_activated(&n, DOC_POLICY, former); /* back to where it was: the base fits again */
    expect_rules(&n, DEV_RULES);
    expect_refused(&n, WANG, consent_to(&n, &a), VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    expect_refused(&n, ZHAO, (change){.kind = CHANGE_REJECT, .approval = a.name}, VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    expect_rules(&n, DEV_RULES);
    node_close(&n);
}

TEST("an approval is of one content: another's digest, a malformed one or none is refused")
{
    given_vault();
    node n = node_open();
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    approval b = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 2));
    change crossed = consent_to(&n, &b);
    crossed.approval = a.name;
    expect_refused(&n, WANG, crossed, VAULT_CONFLICT, "DIGEST_DIFFERS");
    crossed.digest = digest_now(&n, DOC_POLICY);
    expect_refused(&n, WANG, crossed, VAULT_CONFLICT, "DIGEST_DIFFERS");
    static const char *const malformed[] = {NULL,
                                            "",
                                            "00",
                                            "0000000000000000000000000000000000000000000000000000000000000000 ",
                                            "ABCDEF0000000000000000000000000000000000000000000000000000000000",
                                            "zz00000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        crossed.digest = malformed[i];
        expect_refused(&n, WANG, crossed, VAULT_INVALID, "BAD_DIGEST");
    }
    static const char *const names[] = {NULL, "", "approvals/", "approvals/00000000000000000000000000000000", "policy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        change what = consent_to(&n, &a);
        what.approval = names[i];
        expect_refused(&n, WANG, what, VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    }
    expect_rules(&n, DEV_RULES);
    node_close(&n);
}

TEST("an approval falls when the document that it would replace is replaced by another")
{
    given_vault();
    node n = node_open();
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    given_activated(&n, DOC_POLICY, policy_of(&n, 5));
    expect_refused(&n, WANG, consent_to(&n, &a), VAULT_CONFLICT, "BASE_MOVED");
    expect_rules(&n, 5);
    change stale = proposal_of(&n, DOC_POLICY, policy_of(&n, 3));
    given_activated(&n, DOC_POLICY, policy_of(&n, 4));
    expect_refused(&n, LI, stale, VAULT_CONFLICT, "BASE_MOVED");
    node_close(&n);
}

TEST("what was good when it was proposed and is not any more is not activated")
{
    given_vault();
    node n = node_open();
    json_t *persons = document_now(&n, DOC_PERSONS), *principals = document_now(&n, DOC_PRINCIPALS);
    json_t *roles = json_object_get(principals, "roles");
    json_array_append_new(roles, parse("{\"id\": \"carer\", \"title\": \"护工\"}"));
    given_activated(&n, DOC_PRINCIPALS, json_deep_copy(principals));
    json_object_set_new(json_array_get(json_object_get(persons, "persons"), 0), "role", json_string("carer"));
    approval a = given_proposal(&n, LI, DOC_PERSONS, persons);
    json_array_remove(roles, json_array_size(roles) - 1); /* nobody has that role yet: it may go */
    given_activated(&n, DOC_PRINCIPALS, principals);
    vault_code code = try_change(&n, WANG, consent_to(&n, &a), &err);
    assert_int_equal(code, VAULT_INVALID);
    assert_string_equal(err.reason, "DOCUMENT_INVALID");
    assert_string_equal(err.field, "persons.persons[0].role");
    vault_error_clear(&err);
    node_close(&n);
}

TEST("after its time an approval is not found, and the next change drops it and says so")
{
    given_vault();
    node n = node_open();
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    change late = consent_to(&n, &a);
    late.now_us = a.expires_us;
    expect_refused(&n, WANG, late, VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    assert_int_equal(pending_count(&n), 1);
    change other = proposal_of(&n, DOC_POLICY, policy_of(&n, 2));
    other.now_us = a.expires_us;
    expect_ok(try_change(&n, LI, other, &err), &err);
    assert_int_equal(pending_count(&n), 1);
    const manifest *m = control_acquire(n.c);
    assert_int_equal(body_of(m)->core.expired_count, 1);
    assert_string_equal(body_of(m)->core.expired[0], a.name);
    control_release(n.c, m);
    expect_refused(&n, WANG, consent_to(&n, &a), VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    assert_string_equal(pg_sql("SELECT count(*) FROM control_archive"), "1");
    a = newest_pending(&n);
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err); /* a microsecond before its end it still is good */
    expect_rules(&n, 2);
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    node_close(&n);
}

TEST("who proposed takes it back, an officer refuses it, another administrator may not")
{
    given_vault();
    node n = node_open();
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    expect_refused(&n, SUN, (change){.kind = CHANGE_REJECT, .approval = a.name}, VAULT_DENIED, "NOT_YOURS");
    expect_ok(try_change(&n, LI, (change){.kind = CHANGE_REJECT, .approval = a.name}, &err), &err);
    a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    expect_ok(try_change(&n, ZHAO, (change){.kind = CHANGE_REJECT, .approval = a.name}, &err), &err);
    expect_refused(&n, WANG, consent_to(&n, &a), VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    assert_int_equal(pending_count(&n), 0);
    expect_rules(&n, DEV_RULES);
    node_close(&n);
}

/* Two approvals are needed of three officers: Wang, Zhao and Hu, whose certificate has the fingerprint 11...1. */
#define HU  "vault://dev/officers/officer-hu"
#define HUS "1111111111111111111111111111111111111111111111111111111111111111"

static node given_three_officers(void)
{
    documents d = dev_documents();
    set(d.of[DOC_PRINCIPALS], "approvals", "2");
    json_t *third = json_deep_copy(entry(&d, DOC_PRINCIPALS, "officers", 0));
    set(third, "id", "\"officer-hu\"");
    set(third, "uri", "\"" HU "\"");
    set(third, "certificates", "[{\"sha256\": \"" HUS "\"}]");
    json_array_append_new(json_object_get(d.of[DOC_PRINCIPALS], "officers"), third);
    given_vault_of(&d);
    return node_open();
}

TEST("the consent of one who is no officer any more does not count")
{
    node n = given_three_officers();
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    expect_ok(try_change(&n, HU, consent_to(&n, &a), &err), &err);
    json_t *principals = document_now(&n, DOC_PRINCIPALS);
    json_array_remove(json_object_get(principals, "officers"), 2);
    approval removal = given_proposal(&n, LI, DOC_PRINCIPALS, principals);
    expect_ok(try_change(&n, WANG, consent_to(&n, &removal), &err), &err);
    expect_ok(try_change(&n, ZHAO, consent_to(&n, &removal), &err), &err);
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
    expect_rules(&n, DEV_RULES); /* Hu's does not count: it takes Zhao's */
    expect_ok(try_change(&n, ZHAO, consent_to(&n, &a), &err), &err);
    expect_rules(&n, 3);
    node_close(&n);
}

TEST("the consent of an officer whose certificates have all been revoked does not count")
{
    node n = given_three_officers();
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    expect_ok(try_change(&n, HU, consent_to(&n, &a), &err), &err);
    expect_ok(try_change(&n, SUN, (change){.kind = CHANGE_REVOKE, .certificate = HUS}, &err), &err);
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
    expect_rules(&n, DEV_RULES); /* a thief has consented, and Wang: it takes Zhao */
    expect_ok(try_change(&n, ZHAO, consent_to(&n, &a), &err), &err);
    expect_rules(&n, 3);
    node_close(&n);
}

/* ---- revocation ---- */

static const char *certificate_of(const char *uri)
{
    static char hex[2 * DIGEST_LEN + 1];
    digest sum = sha256(bytes_of_text(uri));
    digest_write(hex, &sum);
    return hex;
}

static json_t *needing_two(const node *n)
{
    json_t *changed = document_now(n, DOC_PRINCIPALS);
    set(changed, "approvals", "2");
    return changed;
}

TEST("a certificate is revoked by one person, at once, and once")
{
    given_vault();
    node n = node_open(), other = node_open();
    const change what = {.kind = CHANGE_REVOKE, .certificate = certificate_of("vault://dev/apps/eldercare")};
    approval pending = given_proposal(&n, LI, DOC_PRINCIPALS, needing_two(&n));
    expect_ok(try_change(&n, SUN, what, &err), &err);
    expect_ok(control_reload(other.c, other.s, &err), &err);
    const manifest *m = control_acquire(other.c);
    assert_true(manifest_principal(m, "vault://dev/apps/eldercare")->certificates[0].revoked);
    assert_false(manifest_principal(m, "vault://dev/apps/clinic")->certificates[0].revoked);
    control_release(other.c, m);
    expect_refused(&n, SUN, what, VAULT_NOT_FOUND, "CERTIFICATE_UNKNOWN");
    /* What was proposed before it would undo it. */
    expect_refused(&n, WANG, consent_to(&n, &pending), VAULT_CONFLICT, "BASE_MOVED");
    node_close(&n);
    node_close(&other);
}

TEST("the last administrator, and as many officers as approve, keep a certificate")
{
    static const char *const pairs[2][2] = {{WANG, ZHAO}, {LI, SUN}};
    static const char *const reasons[] = {"LAST_OFFICER", "LAST_ADMINISTRATOR"};
    for (int i = 0; i < 2; i++) {
        given_vault();
        node n = node_open();
        change what = {.kind = CHANGE_REVOKE, .certificate = certificate_of(pairs[i][0])};
        expect_ok(try_change(&n, LI, what, &err), &err);
        what.certificate = certificate_of(pairs[i][1]);
        expect_refused(&n, WANG, what, VAULT_DENIED, reasons[i]);
        node_close(&n);
    }
    given_vault_with_approvals("2");
    node n = node_open();
    expect_refused(&n, LI, (change){.kind = CHANGE_REVOKE, .certificate = certificate_of(WANG)}, VAULT_DENIED,
                   "LAST_OFFICER");
    node_close(&n);
}

TEST("a person is suspended and an assertion key revoked, once; the unknown is not found")
{
    documents d = dev_documents();
    cjose_err why;
    cjose_jwk_t *key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &why);
    char *text = cjose_jwk_to_json(key, false, &why);
    json_t *jwk = parse(text);
    json_object_set_new(jwk, "kid", json_string("civil-1"));
    json_array_append_new(json_object_get(entry(&d, DOC_PRINCIPALS, "departments", 1), "assertion_keys"), jwk);
    cjose_get_dealloc()(text);
    cjose_jwk_release(key);
    given_vault_of(&d);
    node n = node_open();
    const change suspension = {.kind = CHANGE_REVOKE, .person = "grid-zhao"};
    const change withdrawal = {.kind = CHANGE_REVOKE, .assertion_key = "civil-affairs/civil-1"};
    expect_ok(try_change(&n, WANG, suspension, &err), &err);
    expect_refused(&n, WANG, suspension, VAULT_NOT_FOUND, "PERSON_UNKNOWN");
    expect_ok(try_change(&n, WANG, withdrawal, &err), &err);
    expect_refused(&n, LI, withdrawal, VAULT_NOT_FOUND, "ASSERTION_KEY_UNKNOWN");
    const manifest *m = control_acquire(n.c);
    assert_true(manifest_person(m, "grid-zhao")->suspended);
    assert_true(body_of(m)->keys[0].revoked);
    control_release(n.c, m);
    static const char *const keys[] = {
        "", "/", "civil-affairs", "civil-affairs/", "civil-affairs/other", "health/civil-1", "civil-affairs/civil-1/"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        expect_refused(&n, LI, (change){.kind = CHANGE_REVOKE, .assertion_key = keys[i]}, VAULT_NOT_FOUND,
                       "ASSERTION_KEY_UNKNOWN");
    expect_refused(&n, LI, (change){.kind = CHANGE_REVOKE, .person = "eldercare"}, VAULT_NOT_FOUND, "PERSON_UNKNOWN");
    expect_refused(&n, LI, (change){.kind = CHANGE_REVOKE, .certificate = "00"}, VAULT_INVALID, "BAD_DIGEST");
    expect_refused(&n, LI, (change){.kind = CHANGE_REVOKE}, VAULT_INVALID, "ONE_OF");
    expect_refused(&n, LI, (change){.kind = CHANGE_REVOKE, .person = "grid-qian", .assertion_key = "a/b"},
                   VAULT_INVALID, "ONE_OF");
    node_close(&n);
}

/* ---- races and failures ---- */

typedef struct racer {
    node n;
    staged *st;
    int64_t version;
    vault_code code;
    vault_error err;
} racer;

static void *run_racer(void *arg)
{
    racer *r = arg;
    r->code = carry_out(&r->n, &r->st, r->version, &r->err);
    return NULL;
}

TEST("of two changes of one version on two nodes exactly one wins, and the other is told that control moved")
{
    given_vault();
    racer two[2] = {{.n = node_open()}, {.n = node_open()}};
    for (int round = 0; round < 10; round++) {
        pthread_t threads[2];
        for (int i = 0; i < 2; i++) {
            racer *r = &two[i];
            expect_ok(control_reload(r->n.c, r->n.s, &err), &err);
            json_t *changed = policy_named(&r->n, json_sprintf("rule-%d-%d", round, i));
            r->version = version_of(&r->n);
            r->err = (vault_error){0};
            expect_ok(stage(&r->n, &r->st, i ? LI : WANG, proposal_of(&r->n, DOC_POLICY, changed), &err), &err);
        }
        for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, run_racer, &two[i]);
        for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
        int lost = two[0].code == VAULT_OK;
        assert_int_equal(two[!lost].code, VAULT_OK);
        assert_int_equal(two[lost].code, VAULT_CONFLICT);
        assert_string_equal(two[lost].err.reason, "CONTROL_MOVED");
        staged_free(&two[lost].st);
    }
    expect_ok(control_reload(two[0].n.c, two[0].n.s, &err), &err);
    assert_int_equal(pending_count(&two[0].n), 10);
    assert_int_equal(version_of(&two[0].n), 11);
    assert_string_equal(pg_sql("SELECT size FROM head"), "11");
    expect_ok(control_check_history(two[0].n.c, two[0].n.s, &err), &err);
    for (int i = 0; i < 2; i++) node_close(&two[i].n);
}

static json_t *without_one(const node *n)
{
    json_t *changed = document_now(n, DOC_PERSONS);
    json_array_remove(json_object_get(changed, "persons"), 0);
    return changed;
}

TEST("what is staged on a version that is no longer in force is not written")
{
    given_vault();
    node n = node_open();
    staged *st;
    const manifest *old = control_acquire(n.c);
    change what = proposal_of(&n, DOC_POLICY, policy_of(&n, 3));
    given_activated(&n, DOC_PERSONS, without_one(&n));
    what.who = manifest_principal(old, LI);
    what.now_us = now_us;
    expect_ok(control_stage(&st, n.c, n.s, old, &what, &err), &err);
    expect_code(carry_out(&n, &st, 3, &err), VAULT_CONFLICT, &err);
    staged_free(&st);
    control_release(n.c, old);
    assert_string_equal(pg_sql("SELECT max(version) FROM control"), "3");
    node_close(&n);
}

TEST("a change that ends between its rows and its commit leaves the old version, rows and all")
{
    given_vault();
    node n = node_open();
    for (int cut = 0; cut < 2; cut++) {
        staged *st;
        expect_ok(stage(&n, &st, LI, proposal_of(&n, DOC_POLICY, policy_of(&n, 3)), &err), &err);
        expect_ok(store_begin(n.s, &err), &err);
        expect_ok(write_with_line(&n, st, 1, &err), &err);
        if (cut)
            pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vault' AND datname = "
                   "current_database()");
        if (cut) expect_code(store_commit(n.s, &err), VAULT_UNAVAILABLE, &err);
        ledger_rolled_back(n.l);
        store_rollback(n.s);
        staged_free(&st);
        assert_string_equal(pg_sql("SELECT max(version) FROM control"), "1");
        assert_string_equal(pg_sql("SELECT count(*) FROM control_document"), "9");
        assert_string_equal(pg_sql("SELECT size FROM head"), "1");
        expect_ok(control_reload(n.c, n.s, &err), &err);
        assert_int_equal(version_of(&n), 1);
    }
    given_activated(&n, DOC_POLICY, policy_of(&n, 3));
    expect_rules(&n, 3);
    node_close(&n);
}

TEST("a row that fails at any table leaves the old version")
{
    static const char *const tables[] = {"control", "control_document", "control_archive", "key_ring", "line"};
    given_vault();
    node n = node_open();
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        json_t *purposes = document_now(&n, DOC_PURPOSES);
        json_t *one = json_array_get(json_object_get(purposes, "purposes"), 0);
        size_t count = json_array_size(json_object_get(one, "consumers"));
        const char *first = json_string_value(json_array_get(json_object_get(one, "consumers"), 0));
        const char *added = first && strcmp(first, "clinic") == 0 ? "eldercare" : "clinic";
        json_array_append_new(json_object_get(one, "consumers"), json_string(added));
        assert_int_equal(json_array_size(json_object_get(one, "consumers")), count + 1);
        approval a = given_proposal(&n, LI, DOC_PURPOSES, purposes);
        int64_t version = version_of(&n);
        pg_sql("CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
               "CREATE TRIGGER fail BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION fail()",
               tables[i]);
        assert_int_not_equal(try_change(&n, WANG, consent_to(&n, &a), &err), VAULT_OK);
        vault_error_clear(&err);
        pg_sql("DROP FUNCTION fail CASCADE");
        expect_ok(control_reload(n.c, n.s, &err), &err);
        assert_int_equal(version_of(&n), version);
        expect_ok(control_check_history(n.c, n.s, &err), &err);
        expect_ok(try_change(&n, LI, (change){.kind = CHANGE_REJECT, .approval = a.name}, &err), &err);
    }
    node_close(&n);
}

TEST("rows edited by SQL are not built upon: the change is refused, and so is every line")
{
    given_vault();
    node n = node_open();
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    staged *st;
    expect_ok(stage(&n, &st, WANG, consent_to(&n, &a), &err), &err);
    pg_sql("INSERT INTO control_document VALUES ('policy', 99, '\\x00')");
    expect_code(carry_out(&n, &st, 2, &err), VAULT_CONFLICT, &err);
    staged_free(&st);
    line one;
    appended done;
    const line_facts facts = {.action = LINE_QUERY, .outcome = LINE_GRANTED, .control_version = 2, .refers_to = -1};
    expect_ok(line_make(&one, n.by, n.mem, &facts, NULL, &err), &err);
    const line_batch batch = {.control_version = 2, .control_stamp = control_stamp(n.c), .lines = &one, .count = 1};
    expect_code(ledger_append(n.l, n.s, n.mem, &batch, &done, &err), VAULT_CONFLICT, &err);
    expect_code(control_reload(n.c, n.s, &err), VAULT_INTEGRITY, &err);
    pg_sql("DELETE FROM control_document WHERE version = 99");
    expect_ok(control_reload(n.c, n.s, &err), &err);
    expect_ok(ledger_append(n.l, n.s, n.mem, &batch, &done, &err), &err);
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
    expect_rules(&n, 3);
    node_close(&n);
}

TEST("a proposal that was edited, or exchanged for another that was sealed, is not activated")
{
    given_vault();
    node n = node_open();
    approval good = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    approval bad = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 2));
    pg_sql("UPDATE control_document a SET sealed = b.sealed FROM control_document b WHERE a.name = 'policy' AND"
           " b.name = 'policy' AND a.version = %lld AND b.version = %lld",
           (long long)good.version, (long long)bad.version);
    expect_code(try_change(&n, WANG, consent_to(&n, &good), &err), VAULT_INTEGRITY, &err);
    expect_code(control_reload(n.c, n.s, &err), VAULT_INTEGRITY, &err);
    expect_rules(&n, DEV_RULES);
    node_close(&n);
}

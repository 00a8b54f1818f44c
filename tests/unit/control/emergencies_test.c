/* Break-glass and leave for single calls, as changes of the manifest: who may, how many, and what every node knows. */
#include "tests/unit/control/vault.h"

#define APP   "vault://dev/apps/eldercare"
#define OTHER "vault://dev/apps/clinic"

static const int64_t HOUR_US = INT64_C(3600) * 1000 * 1000;

static const glass_opening *opening_for(const char *who)
{
    static glass_opening o;
    o = (glass_opening){.person = who,
                        .purpose = "elder-care",
                        .rule = "glass",
                        .reason = "a fire in building 4, who lives there",
                        .hours = 4,
                        .review_hours = 24,
                        .residents = 5};
    return &o;
}

static change open_for(const char *who, int64_t at_us)
{
    return (change){.kind = CHANGE_OPEN, .opening = opening_for(who), .now_us = at_us};
}

static change review_of(const char *name, bool justified, int64_t at_us)
{
    return (change){.kind = CHANGE_REVIEW,
                    .emergency = name,
                    .justified = justified,
                    .note = "the brigade's report says so",
                    .now_us = at_us};
}

static void given(const node *n, const char *uri, change what)
{
    expect_ok(try_change(n, uri, what, &err), &err);
}

/* The newest one as this node knows it; its texts live as long as the version. */
static emergency newest(const node *n)
{
    const emergency *all;
    const manifest *m = control_acquire(n->c);
    size_t count = manifest_emergencies(m, &all);
    assert_true(count > 0);
    emergency e = all[count - 1];
    control_release(n->c, m);
    return e;
}

static void expect_state(const node *n, const char *name, int64_t at_us, const char *state)
{
    const manifest *m = control_acquire(n->c);
    const emergency *e = manifest_emergency(m, name);
    assert_non_null(e);
    assert_string_equal(emergency_state(e, at_us), state);
    control_release(n->c, m);
}

static bool overdue(const node *n, const char *who, int64_t at_us)
{
    const manifest *m = control_acquire(n->c);
    bool is = manifest_overdue(m, who, at_us) != NULL;
    control_release(n->c, m);
    return is;
}

static bool suspended(const node *n, const char *who)
{
    const manifest *m = control_acquire(n->c);
    const person *p = manifest_person(m, who);
    assert_non_null(p);
    bool is = p->suspended;
    control_release(n->c, m);
    return is;
}

TEST("a break-glass is opened by an app alone, and known to every node with all that was said")
{
    given_vault();
    node n = node_open(), far = node_open();
    expect_refused(&n, WANG, open_for("grid-zhao", now_us), VAULT_DENIED, "ROLE");
    expect_refused(&n, LI, open_for("grid-zhao", now_us), VAULT_DENIED, "ROLE");
    given(&n, APP, open_for("grid-zhao", now_us));
    expect_ok(control_reload(far.c, far.s, &err), &err);
    emergency e = newest(&far);
    assert_int_equal(strlen(e.name), EMERGENCY_NAME_LEN);
    assert_string_equal(e.consumer, "eldercare");
    assert_string_equal(e.person, "grid-zhao");
    assert_string_equal(e.purpose, "elder-care");
    assert_string_equal(e.rule, "glass");
    assert_int_equal(e.ends_us, now_us + 4 * HOUR_US);
    assert_int_equal(e.due_us, now_us + 24 * HOUR_US);
    assert_int_equal(e.residents, 5);
    node_close(&far);
    node_close(&n);
}

TEST("its states: open to the last moment, then ended, then overdue; a person is overdue for the moment alone")
{
    given_vault();
    node n = node_open();
    given(&n, APP, open_for("grid-zhao", now_us));
    emergency e = newest(&n);
    expect_state(&n, e.name, now_us, "open");
    expect_state(&n, e.name, e.ends_us - 1, "open");
    expect_state(&n, e.name, e.ends_us, "ended");
    expect_state(&n, e.name, e.due_us - 1, "ended");
    expect_state(&n, e.name, e.due_us, "overdue");
    assert_false(overdue(&n, "grid-zhao", e.due_us - 1));
    assert_true(overdue(&n, "grid-zhao", e.due_us));
    assert_false(overdue(&n, "grid-own", e.due_us));
    assert_false(suspended(&n, "grid-zhao")); /* by no change: by the manifest as it stands */
    given(&n, WANG, review_of(e.name, true, e.due_us + HOUR_US));
    assert_false(overdue(&n, "grid-zhao", e.due_us + 2 * HOUR_US));
    expect_state(&n, e.name, now_us, "justified");
    node_close(&n);
}

TEST("it is reviewed by an officer, once; not by who opened it, nor by an administrator")
{
    given_vault();
    node n = node_open();
    given(&n, APP, open_for("grid-zhao", now_us));
    emergency e = newest(&n);
    expect_refused(&n, APP, review_of(e.name, true, now_us), VAULT_DENIED, "ROLE");
    expect_refused(&n, LI, review_of(e.name, true, now_us), VAULT_DENIED, "ROLE");
    expect_refused(&n, WANG, review_of("emergencies/00000000000000000000000000000000", true, now_us), VAULT_NOT_FOUND,
                   "EMERGENCY_UNKNOWN");
    expect_refused(&n, WANG, review_of("", true, now_us), VAULT_NOT_FOUND, "EMERGENCY_UNKNOWN");
    given(&n, WANG, review_of(e.name, true, now_us));
    expect_state(&n, e.name, now_us, "justified"); /* and open no more */
    assert_false(suspended(&n, "grid-zhao"));
    expect_refused(&n, WANG, review_of(e.name, true, now_us), VAULT_PRECONDITION, "ALREADY_REVIEWED");
    expect_refused(&n, ZHAO, review_of(e.name, false, now_us), VAULT_PRECONDITION, "ALREADY_REVIEWED");
    node_close(&n);
}

TEST("what was not justified suspends the person on every node, in the document of persons itself")
{
    given_vault();
    node n = node_open(), far = node_open();
    const char *before = digest_now(&n, DOC_PERSONS);
    given(&n, APP, open_for("grid-zhao", now_us));
    emergency e = newest(&n);
    given(&n, ZHAO, review_of(e.name, false, now_us));
    expect_ok(control_reload(far.c, far.s, &err), &err);
    expect_state(&far, e.name, now_us, "unjustified");
    assert_true(suspended(&far, "grid-zhao"));
    assert_string_not_equal(digest_now(&far, DOC_PERSONS), before);
    given(&n, APP, open_for("grid-zhao", now_us)); /* the gate stops who is suspended, not this room */
    e = newest(&n);
    given(&n, ZHAO, review_of(e.name, false, now_us)); /* nothing is left to suspend */
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    node_close(&far);
    node_close(&n);
}

TEST("a person has one at a time for a purpose, and three that wait; whoever owes a review opens none")
{
    given_vault();
    node n = node_open();
    int64_t at = now_us;
    given(&n, APP, open_for("grid-zhao", at));
    expect_refused(&n, APP, open_for("grid-zhao", at + 4 * HOUR_US - 1), VAULT_PRECONDITION, "ALREADY_OPEN");
    given(&n, APP, open_for("grid-zhao", at + 4 * HOUR_US));
    given(&n, APP, open_for("grid-zhao", at + 8 * HOUR_US));
    expect_refused(&n, APP, open_for("grid-zhao", at + 12 * HOUR_US), VAULT_EXHAUSTED, "TOO_MANY_OPEN");
    given(&n, APP, open_for("grid-own", at + 12 * HOUR_US));
    expect_refused(&n, APP, open_for("grid-zhao", at + 24 * HOUR_US), VAULT_PRECONDITION, "REVIEW_OVERDUE");
    expect_refused(&n, OTHER, open_for("grid-zhao", at + 24 * HOUR_US), VAULT_PRECONDITION, "REVIEW_OVERDUE");
    node_close(&n);
}

TEST("an app has sixteen that wait, which is no other app's affair")
{
    given_vault();
    node n = node_open();
    char who[32];
    for (unsigned i = 0; i < EMERGENCIES_OF_APP; i++) {
        snprintf(who, sizeof who, "person-%u", i);
        given(&n, APP, open_for(who, now_us));
    }
    expect_refused(&n, APP, open_for("one-more", now_us), VAULT_EXHAUSTED, "TOO_MANY_OPEN");
    given(&n, OTHER, open_for("one-more", now_us));
    node_close(&n);
}

TEST("what waits is never dropped for a newer one: what was reviewed longest ago is")
{
    given_vault();
    node n = node_open();
    given(&n, APP, open_for("grid-zhao", now_us));
    emergency first = newest(&n);
    char name[EMERGENCY_NAME_LEN + 1] = "";
    for (unsigned i = 1; i <= EMERGENCIES_MAX; i++) {
        given(&n, APP, open_for("grid-own", now_us));
        emergency e = newest(&n);
        if (i == 1) memcpy(name, e.name, sizeof name);
        given(&n, WANG, review_of(e.name, true, now_us));
    }
    const emergency *all;
    const manifest *m = control_acquire(n.c);
    assert_int_equal(manifest_emergencies(m, &all), EMERGENCIES_MAX);
    assert_non_null(manifest_emergency(m, first.name));
    assert_null(manifest_emergency(m, name));
    control_release(n.c, m);
    node_close(&n);
}

TEST("SQL opens, ends and reviews nothing: the manifest of before, put back, is found out")
{
    given_vault();
    node n = node_open();
    given(&n, APP, open_for("grid-zhao", now_us));
    keep_rows("open");
    given(&n, WANG, review_of(newest(&n).name, false, now_us));
    put_back_table("open", "control");
    put_back_table("open", "control_document");
    expect_code(control_reload(n.c, n.s, &err), VAULT_INTEGRITY, &err);
    pg_sql("DROP SCHEMA open CASCADE");
    node_close(&n);
}

/* ---- leave for one call ---- */

static change leave_for(const char *bound, int64_t lifetime_us)
{
    static access_ask of;
    of = (access_ask){.method = "/vault.v1.Tokens/BatchReveal",
                      .person = "grid-zhao",
                      .purpose = "elder-care",
                      .fields = "name,phone",
                      .form = "plain",
                      .residents = 300,
                      .bound = sha256(bytes_of_text(bound))};
    return (change){.kind = CHANGE_PROPOSE, .document = DOC_ACCESS, .access = &of, .lifetime_us = lifetime_us};
}

static bool holds(const node *n, const char *name, const char *bound, int64_t at_us)
{
    const digest of = sha256(bytes_of_text(bound));
    const manifest *m = control_acquire(n->c);
    bool is = manifest_access(m, name, &of, at_us) != NULL;
    control_release(n->c, m);
    return is;
}

TEST("leave holds for the very call, from the last approval on, until it expires, and comes into force as nothing")
{
    given_vault_with_approvals("2");
    node n = node_open();
    given(&n, APP, leave_for("this call", HOUR_US));
    approval a = newest_pending(&n);
    assert_int_equal(a.document, DOC_ACCESS);
    assert_string_equal(a.proposer, "eldercare");
    assert_false(holds(&n, a.name, "this call", now_us));
    given(&n, WANG, consent_to(&n, &a));
    assert_false(holds(&n, a.name, "this call", now_us)); /* one of two */
    expect_refused(&n, WANG, consent_to(&n, &a), VAULT_DENIED, "ALREADY_APPROVED");
    given(&n, ZHAO, consent_to(&n, &a));
    assert_true(holds(&n, a.name, "this call", now_us));
    assert_true(holds(&n, a.name, "this call", now_us + HOUR_US - 1)); /* again and again */
    assert_false(holds(&n, a.name, "this call", now_us + HOUR_US));
    assert_false(holds(&n, a.name, "another call", now_us));
    assert_false(holds(&n, "approvals/00000000000000000000000000000000", "this call", now_us));
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    node_close(&n);
}

TEST("officers alone approve a call: not an administrator, not the app that asks")
{
    given_vault();
    node n = node_open();
    given(&n, APP, leave_for("this call", HOUR_US));
    approval a = newest_pending(&n);
    expect_refused(&n, LI, consent_to(&n, &a), VAULT_DENIED, "ROLE");
    expect_refused(&n, APP, consent_to(&n, &a), VAULT_DENIED, "ROLE");
    expect_refused(&n, OTHER, consent_to(&n, &a), VAULT_DENIED, "ROLE");
    change wrong = consent_to(&n, &a);
    wrong.digest = digest_now(&n, DOC_POLICY);
    expect_refused(&n, WANG, wrong, VAULT_CONFLICT, "DIGEST_DIFFERS");
    given(&n, WANG, (change){.kind = CHANGE_REJECT, .approval = a.name});
    assert_false(holds(&n, a.name, "this call", now_us));
    node_close(&n);
}

TEST("the consent of an officer whose certificates were revoked since gives no leave any more")
{
    given_vault_with_approvals("1");
    node n = node_open();
    given(&n, APP, leave_for("this call", HOUR_US));
    approval a = newest_pending(&n);
    given(&n, ZHAO, consent_to(&n, &a));
    assert_true(holds(&n, a.name, "this call", now_us));
    const digest of = sha256(bytes_of_text(ZHAO));
    char hex[2 * DIGEST_LEN + 1];
    digest_write(hex, &of);
    given(&n, LI, (change){.kind = CHANGE_REVOKE, .certificate = hex});
    assert_false(holds(&n, a.name, "this call", now_us));
    node_close(&n);
}

TEST("leave is asked for by apps, for a minute to a day; four of an app wait, and sixteen of all")
{
    given_vault();
    node n = node_open();
    expect_refused(&n, LI, leave_for("x", HOUR_US), VAULT_DENIED, "ROLE");
    expect_refused(&n, WANG, leave_for("x", HOUR_US), VAULT_DENIED, "ROLE");
    expect_refused(&n, APP, leave_for("x", 60 * 1000000 - 1), VAULT_INVALID, "BAD_LIFETIME");
    expect_refused(&n, APP, leave_for("x", 24 * HOUR_US + 1), VAULT_INVALID, "BAD_LIFETIME");
    for (unsigned i = 0; i < ACCESSES_OF_APP; i++) given(&n, APP, leave_for("the same call", HOUR_US));
    expect_refused(&n, APP, leave_for("one more", HOUR_US), VAULT_EXHAUSTED, "TOO_MANY_PENDING");
    given(&n, OTHER, leave_for("of another", HOUR_US));
    change later = leave_for("when those are gone", HOUR_US);
    later.now_us = now_us + HOUR_US;
    given(&n, APP, later);
    assert_int_equal(pending_count(&n), 1);
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    node_close(&n);
}

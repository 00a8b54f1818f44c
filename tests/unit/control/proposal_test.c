/* Proposals: what is refused when it is proposed, how many wait, and what comes with them. */
#include "tests/unit/control/vault.h"
#include "vault/base/clock.h"

TEST("a proposal that changes nothing, has no base, no time or no document is refused")
{
    given_vault();
    node n = node_open();
    change same = proposal_of(&n, DOC_POLICY, document_now(&n, DOC_POLICY)), other;
    expect_refused(&n, LI, same, VAULT_INVALID, "NOTHING_CHANGES");
    other = proposal_of(&n, DOC_POLICY, policy_of(&n, 3));
    static const int64_t lifetimes[] = {0, -1, 59999999, INT64_C(2592000000001), INT64_MAX};
    for (size_t i = 0; i < sizeof lifetimes / sizeof *lifetimes; i++) {
        change what = other;
        what.lifetime_us = lifetimes[i];
        expect_refused(&n, LI, what, VAULT_INVALID, "BAD_LIFETIME");
    }
    change what = other;
    what.base = "";
    expect_refused(&n, LI, what, VAULT_INVALID, "BAD_DIGEST");
    what.base = digest_now(&n, DOC_SCHEMA);
    expect_refused(&n, LI, what, VAULT_CONFLICT, "BASE_MOVED");
    what = other;
    what.document = DOC_DOMAINS;
    expect_refused(&n, LI, what, VAULT_INVALID, "DOCUMENT_UNKNOWN");
    what.document = DOCUMENTS;
    expect_refused(&n, LI, what, VAULT_INVALID, "DOCUMENT_UNKNOWN");
    static const char *const texts[] = {
        "", "{", "[]", "{}", "{\"rules\": [], \"rules\": []}", "{\"rules\": [], \"x\": 1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        what = other;
        what.content = bytes_of_text(texts[i]);
        expect_refused(&n, LI, what, VAULT_INVALID, "DOCUMENT_INVALID");
    }
    node_close(&n);
}

TEST("a schema by which stored values could not be read is refused when it is proposed")
{
    given_vault();
    node n = node_open();
    json_t *changed = document_now(&n, DOC_SCHEMA);
    json_t *fields = json_object_get(json_array_get(json_object_get(changed, "collections"), 0), "fields");
    json_object_set_new(json_array_get(fields, 1), "number", json_integer(250));
    expect_refused(&n, LI, proposal_of(&n, DOC_SCHEMA, changed), VAULT_INVALID, "CHANGE_UNREADABLE");
    node_close(&n);
}

/* About 7 MiB of purposes that nobody uses. */
static json_t *many_purposes(const node *n)
{
    enum { PURPOSES = 6000, NOTICE = 1000 };
    char notice[NOTICE + 1], id[32];
    json_t *value = document_now(n, DOC_PURPOSES), *list = json_object_get(value, "purposes");
    memset(notice, 'n', NOTICE);
    notice[NOTICE] = '\0';
    for (unsigned i = 0; i < PURPOSES; i++) {
        json_t *one = json_deep_copy(json_array_get(list, 0));
        snprintf(id, sizeof id, "more-%c%c%c%c", 'a' + i / 9261, 'a' + i / 441 % 21, 'a' + i / 21 % 21, 'a' + i % 21);
        for (char *c = id; *c; c++) *c = *c == 'l' ? 'z' : *c == 'o' ? 'y' : *c;
        json_object_set_new(one, "id", json_string(id));
        json_object_set_new(one, "notice", json_string(notice));
        json_object_set_new(one, "consumers", json_array());
        json_array_append_new(list, one);
    }
    return value;
}

TEST("proposals that wait have 32 MiB together")
{
    given_vault();
    node n = node_open();
    for (int i = 0; i < 4; i++) given_proposal(&n, LI, DOC_PURPOSES, many_purposes(&n));
    expect_refused(&n, LI, proposal_of(&n, DOC_PURPOSES, many_purposes(&n)), VAULT_EXHAUSTED, "TOO_MANY_PENDING");
    given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 2)); /* a small one finds room */
    node_close(&n);
}

TEST("thirty-two proposals wait, no more; the content of each is proven")
{
    given_vault();
    node n = node_open();
    for (int i = 0; i < PENDING_MAX; i++) {
        given_proposal(&n, i % 2 ? LI : WANG, DOC_POLICY, policy_named(&n, json_sprintf("rule-%d", i)));
    }
    expect_refused(&n, SUN, proposal_of(&n, DOC_POLICY, policy_of(&n, 2)), VAULT_EXHAUSTED, "TOO_MANY_PENDING");
    node other = node_open();
    const approval *all;
    const manifest *m = control_acquire(other.c);
    assert_int_equal(manifest_pending(m, &all), PENDING_MAX);
    for (size_t i = 0; i < PENDING_MAX; i++) {
        document_text text;
        expect_ok(control_proposed(&text, other.c, other.s, other.mem, &all[i], &err), &err);
        digest sum = sha256(text.content);
        assert_memory_equal(sum.at, all[i].content.at, DIGEST_LEN);
        assert_ptr_equal(manifest_approval(m, all[i].name), &all[i]);
    }
    control_release(other.c, m);
    change late = proposal_of(&n, DOC_POLICY, policy_of(&n, 2));
    late.now_us = now_us + 2 * DAY_US;
    expect_ok(try_change(&n, SUN, late, &err), &err); /* the expired ones made room */
    assert_int_equal(pending_count(&n), 1);
    expect_ok(control_check_history(n.c, n.s, &err), &err);
    node_close(&n);
    node_close(&other);
}

TEST("a document is checked as a proposal would be, and nothing is changed")
{
    given_vault();
    node n = node_open();
    document_fault fault;
    digest canonical;
    const manifest *m = control_acquire(n.c);
    bytes good = proposal_of(&n, DOC_POLICY, policy_of(&n, 3)).content;
    expect_ok(control_check_document(&fault, &canonical, m, DOC_POLICY, good, &err), &err);
    assert_string_equal(fault.text, "");
    expect_ok(control_check_document(&fault, &canonical, m, DOC_POLICY, bytes_of_text("{\"rules\": 1}"), &err), &err);
    assert_true(fault.text[0]);
    expect_ok(control_check_document(&fault, &canonical, m, DOC_DOMAINS, good, &err), &err);
    assert_true(fault.text[0]);
    control_release(n.c, m);
    approval a = given_proposal(&n, LI, DOC_POLICY, policy_of(&n, 3));
    m = control_acquire(n.c);
    expect_ok(control_check_document(&fault, &canonical, m, DOC_POLICY, good, &err), &err);
    assert_memory_equal(canonical.at, a.content.at, DIGEST_LEN);
    control_release(n.c, m);
    node_close(&n);
}

TEST("a new consumer of a purpose gets a domain and a ring, on every node, and keeps both when it goes and comes back")
{
    given_vault();
    node n = node_open(), other = node_open();
    json_t *purposes = document_now(&n, DOC_PURPOSES), *before = json_deep_copy(purposes);
    uint32_t number[2];
    for (int round = 0; round < 2; round++) {
        size_t i;
        json_t *one, *changed = json_deep_copy(purposes);
        json_array_foreach(json_object_get(changed, "purposes"), i, one)
        {
            if (strcmp(json_string_value(json_object_get(one, "id")), "elder-care") == 0)
                json_array_append_new(json_object_get(one, "consumers"), json_string("clinic"));
        }
        given_activated(&n, DOC_PURPOSES, changed);
        expect_ok(control_reload(other.c, other.s, &err), &err);
        const manifest *m = control_acquire(other.c);
        const principal *clinic = manifest_principal(m, "vault://dev/apps/clinic");
        const domain *d = manifest_domain(m, clinic->consumer, manifest_purpose(m, bytes_of_text("elder-care"))->no);
        assert_non_null(d);
        number[round] = d->number;
        const ring *here = keyring_active(control_keys(n.c), d->ring),
                   *there = keyring_active(control_keys(other.c), d->ring);
        assert_non_null(here);
        assert_memory_equal(here->wrapped, there->wrapped, sizeof here->wrapped);
        control_release(other.c, m);
        given_activated(&n, DOC_PURPOSES, json_deep_copy(before));
        expect_ok(control_check_history(other.c, other.s, &err), &err);
    }
    assert_int_equal(number[0], number[1]);
    json_decref(purposes);
    json_decref(before);
    node_close(&n);
    node_close(&other);
    n = node_open();
    node_close(&n);
}

/* ---- assessments ---- */

/* A purpose with an assessment that ends so many days from now. */
static json_t *assessed_for(json_t *one, int days)
{
    char until[16];
    uint32_t day = clock_shanghai_date(now_us + days * DAY_US);
    snprintf(until, sizeof until, "%04u-%02u-%02u", day / 10000, day / 100 % 100, day % 100);
    json_object_set_new(json_object_get(one, "assessment"), "until", json_string(until));
    return one;
}

/* The purposes, one of them with such an assessment, proposed for five days. */
static change reassessed(const node *n, size_t which, int days)
{
    json_t *value = document_now(n, DOC_PURPOSES);
    (void)assessed_for(json_array_get(json_object_get(value, "purposes"), which), days);
    change what = proposal_of(n, DOC_PURPOSES, value);
    what.lifetime_us = 5 * DAY_US;
    return what;
}

TEST("a purpose that is new or changed needs an assessment that holds today")
{
    given_vault();
    node n = node_open();
    expect_refused(&n, LI, reassessed(&n, 1, -1), VAULT_INVALID, "ASSESSMENT_EXPIRED");
    expect_ok(try_change(&n, LI, reassessed(&n, 1, 0), &err), &err); /* its last day */
    json_t *more = document_now(&n, DOC_PURPOSES), *list = json_object_get(more, "purposes");
    json_t *fresh = assessed_for(json_deep_copy(json_array_get(list, 0)), -1);
    json_object_set_new(fresh, "id", json_string("elder-care/visit"));
    json_array_append_new(list, fresh);
    expect_refused(&n, LI, proposal_of(&n, DOC_PURPOSES, more), VAULT_INVALID, "ASSESSMENT_EXPIRED");
    node_close(&n);
}

TEST("an assessment that expires while the change waits stops it at the approval; one that stands holds up nothing")
{
    given_vault();
    node n = node_open();
    expect_ok(try_change(&n, LI, reassessed(&n, 1, 1), &err), &err);
    approval a = newest_pending(&n);
    change late = consent_to(&n, &a);
    late.now_us = now_us + 2 * DAY_US;
    expect_refused(&n, WANG, late, VAULT_INVALID, "ASSESSMENT_EXPIRED");
    expect_ok(try_change(&n, WANG, consent_to(&n, &a), &err), &err);
    change other = reassessed(&n, 0, 30);
    other.now_us = late.now_us;
    expect_ok(try_change(&n, LI, other, &err), &err);
    node_close(&n);
}

TEST("no vault begins with a purpose whose assessment has expired")
{
    documents d = dev_documents();
    (void)assessed_for(entry(&d, DOC_PURPOSES, "purposes", 2), -1);
    init_options o = options();
    o.folder = folder_of(&d);
    given_empty();
    assert_int_equal(control_init(db, &o, &err), VAULT_INVALID);
    assert_string_equal(err.reason, "ASSESSMENT_EXPIRED");
    assert_string_equal(err.field, "purposes.purposes[2].assessment.until");
    vault_error_clear(&err);
}

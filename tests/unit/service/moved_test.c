/* The control version moves on while a session works with the one before: it reloads and decides again, nothing is
 * decided by a stale policy, nothing is written or used up twice. */
#include "tests/unit/service/jwt.h"
#include "tests/unit/service/steward.h"
#include "vault/audit/internal.h"
#include "vault/service/internal.h"

#include <stdlib.h>

static vault_error err;
static node other;

static void change_head(int64_t version, const digest *of)
{
    session *s = fixture_session();
    head_row head;
    row_sum sum;
    char digest_hex[2 * DIGEST_LEN + 1], mac_hex[2 * HEAD_MAC_LEN + 1], sum_hex[2 * ROW_SUM_LEN + 1];
    expect_ok(store_head_read(s->store, &head, &err), &err);
    expect_ok(ledger_row_sum(&sum, fixture_service()->ledger, &head, &err), &err);
    head.control_version = version;
    head.control_digest = *of;
    head_seal(fixture_service()->ledger->keys, &head, &sum);
    hex_encode(sum_hex, bytes_of(head.row_sum, ROW_SUM_LEN));
    hex_encode(digest_hex, digest_bytes(&head.control_digest));
    hex_encode(mac_hex, bytes_of(head.mac, HEAD_MAC_LEN));
    pg_sql("update head set control_version = %lld, control_digest = '\\x%s', row_sum = '\\x%s', mac = '\\x%s'",
           (long long)version, digest_hex, sum_hex, mac_hex);
}

static const char *dropped; /* id of a rule */

static void drop_rule(json_t *of)
{
    json_t *rules = json_object_get(of, "rules");
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(rules, i), "id"));
        if (strcmp(id, dropped) == 0) json_array_remove(rules, i--);
    }
}

static void rename_person(json_t *of)
{
    static unsigned serial;
    char name[32];
    snprintf(name, sizeof name, "name %u", ++serial);
    json_object_set_new(entry(of, "persons", "nurse-han"), "name", json_string(name));
}

/* What stands, as the other node gives it: asking there leaves a line, and tells this node nothing. */
static bytes edited_there(const char *name, edit how, char **replaces)
{
    request *rq = get_document(other.session, OFFICER, name, 0);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__GetDocumentResponse *now = (const void *)rq->out;
    json_t *of = json_loadb((const char *)now->content.data, now->content.len, 0, NULL);
    how(of);
    bytes out = dumped(of);
    json_decref(of);
    *replaces = now->digest;
    return out;
}

/* Another node puts a next version in force, which this one does not hear of. Without a name of a rule to be dropped,
 * it changes what nobody here asks for. */
static void given_next_version(const char *without_rule)
{
    const char *name = without_rule ? "policy" : "persons";
    NEW_REQUEST(in, Vault__V1__ProposeRequest, vault__v1__propose_request__init);
    if (!other.service) node_open(&other);
    dropped = without_rule;
    bytes content = edited_there(name, without_rule ? drop_rule : rename_person, &in->replaces);
    in->document = lend(name);
    in->content = (ProtobufCBinaryData){.len = content.len, .data = (uint8_t *)(uintptr_t)content.at};
    const Vault__V1__Approval *a =
        approval_of(steward(other.session, ADMINISTRATOR, "/vault.v1.Approvals/Propose", &in->base));
    expect_outcome(approve_as(other.session, OFFICER, a->name, a->digest), VAULT_OK, NULL);
}

static request *reveal_name(const char *own)
{
    return reveal(CLINIC, "family-doctor", own, MASK("name"));
}

TEST("a call decided by the version before is decided again, and leaves one line, of the new version")
{
    const char *own = token_for(CLINIC, "family-doctor", 1);
    given_next_version(NULL);
    int64_t before = lines_in_log();
    expect_outcome(reveal_name(own), VAULT_OK, NULL);
    assert_int_equal(lines_in_log(), before + 1);
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    in.resident_token = (char *)(uintptr_t)own;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__QueryResponse *out = (const void *)rq->out;
    expect_in(out->lines[out->n_lines - 2]->officer_view, "\"control\":3"); /* proposed, then activated */
    fixture_reset();
}

TEST("an assertion that the first run used up is good for the second run of the same call, and for no other")
{
    const char *own = token_for(ELDERCARE, "elder-care", resident_in_street(0)), *said = assertion_of(&(claims){0});
    asked one = {.path = "/vault.v1.Tokens/Reveal",
                 .uri = ELDERCARE,
                 .purpose = "elder-care",
                 .in = &reveal_of(own, MASK("religion"))->base,
                 .assertion = said};
    given_next_version(NULL);
    expect_outcome(ask(&one), VAULT_OK, NULL);
    expect_outcome(ask(&one), VAULT_UNAUTHENTICATED, "ASSERTION_REPLAYED");
    given_next_version(NULL);
    expect_outcome(ask(&one), VAULT_UNAUTHENTICATED, "ASSERTION_REPLAYED");
    fixture_reset();
}

TEST("records are put once")
{
    given_next_version(NULL);
    int64_t before = lines_in_log();
    expect_outcome(put_residents(5000, 3), VAULT_OK, NULL);
    assert_int_equal(lines_in_log(), before + 3);
    given_next_version(NULL);
    before = lines_in_log();
    request *rq = put_residents(5000, 3);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchPutResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < 3; i++) {
        assert_true(out->results[i]->unchanged && !out->results[i]->created);
        assert_int_equal(out->results[i]->record_version, 1);
    }
    assert_int_equal(lines_in_log(), before + 3);
    fixture_reset();
}

TEST("refusals and questions are decided again, too")
{
    const char *own = token_for(CLINIC, "family-doctor", 1);
    given_next_version(NULL);
    int64_t before = lines_in_log();
    expect_outcome(reveal(OFFICER, "family-doctor", own, MASK("name")), VAULT_DENIED, "role");
    assert_int_equal(lines_in_log(), before + 1);
    given_next_version(NULL);
    before = lines_in_log();
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(lines_in_log(), before + 1);
    assert_true(service_healthy(fixture_service()));
    fixture_reset();
}

TEST("a head that names a version which is not there stops every reveal, until it is there")
{
    const char *own = token_for(CLINIC, "family-doctor", 1);
    const manifest *m = control_acquire(fixture_service()->control);
    int64_t version = m->version;
    const digest of = m->digest;
    control_release(fixture_service()->control, m);
    change_head(version + 7, &of);
    int64_t before = lines_in_log();
    request *rq = reveal_name(own);
    expect_outcome(rq, VAULT_INTEGRITY, NULL);
    assert_null(rq->out);
    assert_int_equal(lines_in_log(), before);
    change_head(version, &of);
    expect_outcome(reveal_name(own), VAULT_OK, NULL);
    fixture_reset();
}

TEST("a rule that was withdrawn grants nothing more, from the next call on, also to calls run together")
{
    enum { CALLS = 5 };
    asked calls[CALLS];
    request *out[CALLS];
    const char *own = token_for(CLINIC, "family-doctor", 1);
    expect_outcome(reveal_name(own), VAULT_OK, NULL);
    given_next_version("clinic-reveal");
    for (size_t i = 0; i < CALLS; i++)
        calls[i] = (asked){.path = "/vault.v1.Tokens/Reveal",
                           .uri = CLINIC,
                           .purpose = "family-doctor",
                           .in = &reveal_of(own, MASK("name"))->base};
    ask_many(calls, out, CALLS);
    for (size_t i = 0; i < CALLS; i++) {
        expect_outcome(out[i], VAULT_DENIED, "fields"); /* of the masked rule, which is left */
        assert_null(out[i]->out);
    }
    fixture_reset();
}

/* ---- a new domain: its ring is made by the change, and opened by every node ---- */

static void give_visit_to_eldercare(json_t *of)
{
    json_array_append_new(json_object_get(entry(of, "purposes", "elder-care/visit"), "consumers"),
                          json_string("eldercare"));
}

static const char *issue_by(session *by)
{
    resident r;
    NEW_REQUEST(in, Vault__V1__BatchIssueRequest, vault__v1__batch_issue_request__init);
    the_resident(resident_in_street(0), &r);
    in->values = arena_array(fixture_memory(), 1, sizeof *in->values);
    in->values[in->n_values++] = arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER));
    request *rq = ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue",
                               .uri = ELDERCARE,
                               .purpose = "elder-care/visit",
                               .in = &in->base,
                               .by = by});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__IssueResult *one = ((const Vault__V1__BatchIssueResponse *)(const void *)rq->out)->results[0];
    assert_null(one->status);
    return one->token;
}

static void expect_rings(session *by, const char *wanted)
{
    NEW_REQUEST(in, Vault__V1__StatusRequest, vault__v1__status_request__init);
    request *rq = steward(by, ADMINISTRATOR, "/vault.v1.Keys/Status", &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    char count[16];
    snprintf(count, sizeof count, "%zu", ((const Vault__V1__StatusResponse *)(const void *)rq->out)->n_rings);
    assert_string_equal(count, wanted);
}

TEST("a purpose that an app is newly given has a domain of its own, with one key on every node, from the next call on")
{
    if (!other.service) node_open(&other);
    const char *parent = issue_by(other.session);
    change_document("purposes", give_visit_to_eldercare);
    expect_rings(other.session, pg_sql("select count(*) from key_ring"));
    expect_rings(NULL, pg_sql("select count(*) from key_ring"));
    const char *here = issue_by(NULL), *there = issue_by(other.session);
    assert_string_equal(here, there);
    assert_string_not_equal(here, parent);
    request *rq = ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                               .uri = ELDERCARE,
                               .purpose = "elder-care/visit",
                               .in = &reveal_of(there, MASK("name"))->base,
                               .by = other.session});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_non_null(revealed(rq, 0));
    node_close(&other);
    fixture_reset();
}

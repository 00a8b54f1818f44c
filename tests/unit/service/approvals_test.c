/* Two people: what one proposes, another of the right role approves; bound to exact content, used once, within its
 * time. */
#include "tests/unit/service/steward.h"

#include "vault/base/clock.h"

static unsigned serial;

static void add_basis(json_t *of)
{
    char id[32];
    snprintf(id, sizeof id, "basis-%u", ++serial);
    json_array_append_new(json_object_get(of, "bases"),
                          json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s], s:{s:s, s:s}}", "id", id, "item", "an item",
                                    "from", "eldercare", "to", "clinic", "purpose", "family-doctor", "areas", "320411",
                                    "valid", "from", "2026-01-01", "until", "2027-12-31"));
}

/* ---- roles ---- */

static const struct {
    const char *uri, *purpose;
    enum { OF_OFFICE, OF_ADMINISTRATION, OF_APPS } role;
} WHO[] = {{OFFICER, "control", OF_OFFICE},
           {OFFICER_2, "control", OF_OFFICE},
           {ADMINISTRATOR, "control", OF_ADMINISTRATION},
           {ADMINISTRATOR_2, "control", OF_ADMINISTRATION},
           {ELDERCARE, "elder-care", OF_APPS},
           {CLINIC, "family-doctor", OF_APPS}};
enum { WHO_COUNT = sizeof WHO / sizeof *WHO };

static request *by(size_t who, const char *path, ProtobufCMessage *in)
{
    return ask(&(asked){.path = path, .uri = WHO[who].uri, .purpose = WHO[who].purpose, .in = in});
}

static request *propose_by(size_t who)
{
    NEW_REQUEST(in, Vault__V1__ProposeRequest, vault__v1__propose_request__init);
    bytes content = edited("sharing", add_basis);
    in->document = lend("sharing");
    in->content = (ProtobufCBinaryData){.len = content.len, .data = (uint8_t *)(uintptr_t)content.at};
    in->replaces = standing("sharing")->digest;
    return by(who, "/vault.v1.Approvals/Propose", &in->base);
}

static request *approve_by(size_t who, const Vault__V1__Approval *a)
{
    NEW_REQUEST(in, Vault__V1__ApproveRequest, vault__v1__approve_request__init);
    in->name = a->name;
    in->digest = a->digest;
    return by(who, "/vault.v1.Approvals/Approve", &in->base);
}

TEST("of all pairs of roles, only an officer approves, and only what another proposed")
{
    for (size_t proposer = 0; proposer < WHO_COUNT; proposer++) {
        for (size_t approver = 0; approver < WHO_COUNT; approver++) {
            const char *before = standing("sharing")->digest;
            request *rq = propose_by(proposer);
            if (WHO[proposer].role == OF_APPS) {
                expect_outcome(rq, VAULT_DENIED, "role");
                continue;
            }
            const Vault__V1__Approval *a = approval_of(rq);
            int64_t lines = lines_in_log();
            rq = approve_by(approver, a);
            assert_int_equal(lines_in_log(), lines + 1);
            bool good = WHO[approver].role == OF_OFFICE && approver != proposer;
            if (good) {
                assert_string_equal(approval_of(rq)->state, "activated");
            } else {
                expect_outcome(rq, VAULT_DENIED, WHO[approver].role == OF_OFFICE ? "SELF_APPROVAL" : "role");
                expect_outcome(reject(OFFICER_2, a->name), VAULT_OK, NULL);
            }
            assert_int_equal(strcmp(standing("sharing")->digest, before) != 0, good);
            fixture_reset();
        }
    }
    assert_int_equal(pending()->n_approvals, 0);
    fixture_reset();
}

TEST("no approval is needed from nobody: a document that asks for none is not taken")
{
    static const char *const counts[] = {"0", "-1", "9", "3", "1.5", "\"1\"", "null", "true"}; /* two officers */
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const Vault__V1__GetDocumentResponse *now = standing("principals");
        json_t *of = json_loadb((const char *)now->content.data, now->content.len, 0, NULL);
        json_object_set_new(of, "approvals", json_loads(counts[i], JSON_DECODE_ANY, NULL));
        expect_outcome(propose(NULL, ADMINISTRATOR, "principals", dumped(of)), VAULT_INVALID, "DOCUMENT_INVALID");
        json_decref(of);
        fixture_reset();
    }
}

/* ---- bound, used once ---- */

TEST("an approval is used once: replayed, it finds nothing to approve")
{
    const Vault__V1__Approval *a = proposed(ADMINISTRATOR, "sharing", add_basis);
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    const char *now = standing("sharing")->digest;
    expect_outcome(approve(OFFICER, a), VAULT_NOT_FOUND, NULL);
    expect_outcome(approve(OFFICER_2, a), VAULT_NOT_FOUND, NULL);
    expect_outcome(reject(OFFICER, a->name), VAULT_NOT_FOUND, NULL);
    expect_outcome(get_approval(OFFICER, a->name), VAULT_NOT_FOUND, NULL);
    assert_string_equal(standing("sharing")->digest, now);
    fixture_reset();
}

TEST("an approval is of the exact content: another digest is refused, none is malformed")
{
    const Vault__V1__Approval *a = proposed(ADMINISTRATOR, "sharing", add_basis),
                              *b = proposed(ADMINISTRATOR, "sharing", add_basis);
    const char *before = standing("sharing")->digest;
    expect_outcome(approve_as(NULL, OFFICER, a->name, b->digest), VAULT_CONFLICT, "DIGEST_DIFFERS");
    expect_outcome(approve_as(NULL, OFFICER, a->name, before), VAULT_CONFLICT, "DIGEST_DIFFERS");
    expect_outcome(approve_as(NULL, OFFICER, a->name, ""), VAULT_INVALID, "REQUIRED");
    expect_outcome(approve_as(NULL, OFFICER, a->name, "abc"), VAULT_INVALID, NULL);
    assert_string_equal(standing("sharing")->digest, before);
    expect_outcome(approve(OFFICER, b), VAULT_OK, NULL);
    expect_outcome(approve(OFFICER, a), VAULT_CONFLICT, "BASE_MOVED"); /* what it was to replace stands no more */
    expect_outcome(reject(ADMINISTRATOR, a->name), VAULT_OK, NULL);
    fixture_reset();
}

TEST("a proposal for what stands no longer, or stands already, is refused")
{
    NEW_REQUEST(in, Vault__V1__ProposeRequest, vault__v1__propose_request__init);
    const Vault__V1__GetDocumentResponse *old = standing("sharing");
    bytes content = edited("sharing", add_basis);
    change_document("sharing", add_basis);
    in->document = lend("sharing");
    in->content = (ProtobufCBinaryData){.len = content.len, .data = (uint8_t *)(uintptr_t)content.at};
    static const char *const bad[] = {"", "abc", "zz"};
    in->replaces = old->digest;
    expect_outcome(steward(NULL, ADMINISTRATOR, "/vault.v1.Approvals/Propose", &in->base), VAULT_CONFLICT,
                   "BASE_MOVED");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        in->replaces = lend(bad[i]);
        expect_outcome(steward(NULL, ADMINISTRATOR, "/vault.v1.Approvals/Propose", &in->base), VAULT_INVALID, NULL);
    }
    const Vault__V1__GetDocumentResponse *now = standing("sharing");
    expect_outcome(propose(NULL, ADMINISTRATOR, "sharing", bytes_of(now->content.data, now->content.len)),
                   VAULT_INVALID, "NOTHING_CHANGES");
    assert_int_equal(pending()->n_approvals, 0);
    fixture_reset();
}

TEST("whoever proposed takes back, any officer refuses, nobody else does")
{
    const Vault__V1__Approval *a = proposed(ADMINISTRATOR, "sharing", add_basis);
    expect_outcome(reject(ADMINISTRATOR_2, a->name), VAULT_DENIED, "NOT_YOURS");
    request *rq = reject(ADMINISTRATOR, a->name);
    assert_string_equal(approval_of(rq)->state, "rejected");
    a = proposed(ADMINISTRATOR, "sharing", add_basis);
    assert_string_equal(approval_of(reject(OFFICER_2, a->name))->state, "rejected");
    expect_outcome(approve(OFFICER, a), VAULT_NOT_FOUND, NULL);
    expect_outcome(reject(OFFICER, "approvals/../../x"), VAULT_NOT_FOUND, NULL);
    expect_not_in(last_line()->officer_view, "../");
    fixture_reset();
}

TEST("what waits is listed and shown with what stands, to officers and administrators")
{
    const Vault__V1__Approval *a = proposed(ADMINISTRATOR, "sharing", add_basis);
    const Vault__V1__ListApprovalsResponse *all = pending();
    assert_int_equal(all->n_approvals, 1);
    assert_string_equal(all->approvals[0]->name, a->name);
    assert_string_equal(all->approvals[0]->proposer, "admin-li");
    assert_int_equal(all->approvals[0]->approvals_needed, 1);
    assert_int_equal(all->approvals[0]->expire_time->seconds - all->approvals[0]->create_time->seconds, 604800);
    request *rq = get_approval(ADMINISTRATOR_2, a->name);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__GetApprovalResponse *out = (const void *)rq->out;
    const Vault__V1__GetDocumentResponse *now = standing("sharing");
    char hex[2 * DIGEST_LEN + 1];
    const digest d = sha256(bytes_of(out->content.data, out->content.len));
    hex_encode(hex, digest_bytes(&d));
    assert_string_equal(hex, a->digest);
    assert_true(
        bytes_same(bytes_of(out->standing.data, out->standing.len), bytes_of(now->content.data, now->content.len)));
    expect_outcome(reject(ADMINISTRATOR, a->name), VAULT_OK, NULL);
    fixture_reset();
}

/* ---- time and number ---- */

static request *propose_for(uint32_t seconds)
{
    NEW_REQUEST(in, Vault__V1__ProposeRequest, vault__v1__propose_request__init);
    bytes content = edited("sharing", add_basis);
    in->document = lend("sharing");
    in->content = (ProtobufCBinaryData){.len = content.len, .data = (uint8_t *)(uintptr_t)content.at};
    in->replaces = standing("sharing")->digest;
    in->lifetime_seconds = seconds;
    return steward(NULL, ADMINISTRATOR, "/vault.v1.Approvals/Propose", &in->base);
}

TEST("a proposal ends with its time: it is neither listed nor shown nor approved then")
{
    expect_outcome(propose_for(59), VAULT_INVALID, "BAD_LIFETIME");
    expect_outcome(propose_for(2592001), VAULT_INVALID, "BAD_LIFETIME");
    expect_outcome(propose_for(UINT32_MAX), VAULT_INVALID, "BAD_LIFETIME");
    const Vault__V1__Approval *a = approval_of(propose_for(60)), *b = approval_of(propose_for(0));
    clock_set_for_test(clock_now_us() + INT64_C(61000000));
    assert_int_equal(pending()->n_approvals, 1);
    expect_outcome(get_approval(OFFICER, a->name), VAULT_NOT_FOUND, NULL);
    expect_outcome(approve(OFFICER, a), VAULT_NOT_FOUND, NULL);
    expect_outcome(approve(OFFICER, b), VAULT_OK, NULL);
    expect_outcome(approve(OFFICER, a), VAULT_NOT_FOUND, NULL);
    clock_set_for_test(0);
    expect_outcome(approve(OFFICER, a), VAULT_NOT_FOUND, NULL); /* and a clock set back does not bring it back */
    fixture_reset();
}

TEST("thirty-two wait, the next one is refused until one is decided")
{
    const Vault__V1__Approval *first = NULL;
    for (unsigned i = 0; i < 32; i++) {
        const Vault__V1__Approval *a = proposed(i % 2 ? ADMINISTRATOR : OFFICER, "sharing", add_basis);
        if (i == 0) first = a;
    }
    bytes content = edited("sharing", add_basis);
    expect_outcome(propose(NULL, ADMINISTRATOR, "sharing", content), VAULT_EXHAUSTED, "TOO_MANY_PENDING");
    const Vault__V1__ListApprovalsResponse *all = pending();
    assert_int_equal(all->n_approvals, 32);
    assert_string_equal(all->approvals[0]->name, first->name);
    expect_outcome(reject(OFFICER, first->name), VAULT_OK, NULL);
    expect_outcome(propose(NULL, ADMINISTRATOR, "sharing", content), VAULT_OK, NULL);
    all = pending();
    for (size_t i = 0; i < all->n_approvals; i++)
        expect_outcome(reject(OFFICER, all->approvals[i]->name), VAULT_OK, NULL);
    fixture_reset();
}

/* ---- calls run together, and two sessions ---- */

TEST("calls that come together are decided one after the other: one approves, the other finds nothing left")
{
    const Vault__V1__Approval *a = proposed(ADMINISTRATOR, "sharing", add_basis);
    asked both[2];
    request *out[2];
    for (size_t i = 0; i < 2; i++) {
        NEW_REQUEST(in, Vault__V1__ApproveRequest, vault__v1__approve_request__init);
        in->name = a->name;
        in->digest = a->digest;
        both[i] = (asked){.path = "/vault.v1.Approvals/Approve", .uri = OFFICER, .purpose = "control", .in = &in->base};
    }
    ask_many(both, out, 2);
    expect_outcome(out[0], VAULT_OK, NULL);
    expect_outcome(out[1], VAULT_NOT_FOUND, NULL);
    fixture_reset();
}

static void ask_for_two(json_t *of)
{
    json_object_set_new(of, "approvals", json_integer(2));
}

TEST("two approvals are those of two people: the same one in another session, or on another node, is refused")
{
    node other;
    node_open(&other);
    change_document("principals", ask_for_two);
    const Vault__V1__Approval *a = proposed(ADMINISTRATOR, "sharing", add_basis);
    const char *before = standing("sharing")->digest;
    const Vault__V1__Approval *now = approval_of(approve(OFFICER, a));
    assert_string_equal(now->state, "pending");
    assert_int_equal(now->n_approved_by, 1);
    assert_string_equal(last_change()->kind, "approve");
    expect_outcome(approve(OFFICER, a), VAULT_DENIED, "ALREADY_APPROVED");
    expect_outcome(approve_as(other.session, OFFICER, a->name, a->digest), VAULT_DENIED, "ALREADY_APPROVED");
    assert_string_equal(standing("sharing")->digest, before);
    now = approval_of(approve_as(other.session, OFFICER_2, a->name, a->digest));
    assert_string_equal(now->state, "activated");
    assert_int_equal(now->n_approved_by, 2);
    assert_string_not_equal(standing("sharing")->digest, before);
    a = approval_of(propose(NULL, OFFICER, "sharing", edited("sharing", add_basis)));
    expect_outcome(approve(OFFICER, a), VAULT_DENIED, "SELF_APPROVAL");
    expect_outcome(approve(OFFICER_2, a), VAULT_OK, NULL);
    assert_int_equal(pending()->n_approvals, 1); /* one officer is left who may: it never has its two */
    node_close(&other);
    fixture_reset();
}

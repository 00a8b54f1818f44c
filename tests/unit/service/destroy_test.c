/* The end of a key: two people, nothing that refers to it, a certificate. */
#include "tests/unit/service/keys.h"
#include "tests/unit/service/lines.h"
#include "vault/service/internal.h"

static void given_rotated(const char *which)
{
    request *rq = rotate(which);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RotateResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < out->n_jobs; i++) wait_for_job(out->jobs[i]->name, "done");
}

static bool has_line(const char *note, const char *text)
{
    const char *at = strstr(note, text);
    return at && (at == note || at[-1] == '\n') && at[strlen(text)] == '\n';
}

TEST("an old version is destroyed by two people, and the certificate counts what refers to it: nothing")
{
    int64_t since = clock_now_us();
    given_rotated("record");
    const char *consent = given_approved_destruction("record", 1);
    expect_ring("record", 1, "retiring");
    const Vault__V1__Certificate *c = destroyed(destroy_as(ADMINISTRATOR, "record", 1, consent))->certificate;
    expect_ring("record", 1, "destroyed");
    assert_string_equal(c->ring, "record");
    static const char *const said[] = {"resident-vault/certificate 1",
                                       "ring record",
                                       "version 1",
                                       "suite intl",
                                       "successor 2 intl",
                                       "references keys 0",
                                       "references vouchers 0",
                                       "references requests 0",
                                       "references leaks 0",
                                       "references documents 0",
                                       "residents 200"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!has_line(c->note, said[i])) fail_msg("no line '%s' in\n%s", said[i], c->note);
    const char *views = views_since(since);
    const char *body = strstr(c->note, "\n\n");
    digest text = sha256(bytes_of(c->note, (size_t)(body - c->note) + 1));
    char hex[2 * DIGEST_LEN + 1];
    hex_encode(hex, digest_bytes(&text));
    assert_int_equal(occurrences(views, "\"change\":\"destroy\""), 1);
    assert_int_equal(occurrences(views, hex), 1); /* the line has what the certificate says */
    request *rq = certificate_as(OFFICER, "record", 1);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__Certificate *again =
        ((const Vault__V1__GetCertificateResponse *)(const void *)rq->out)->certificate;
    assert_string_equal(again->note, c->note);
    assert_int_equal(again->line, c->line);
    const char *pseudonym = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    expect_outcome(reveal(ELDERCARE, "elder-care", pseudonym, MASK("name")), VAULT_OK, NULL);
}

TEST("after a restart, and on another node, what was destroyed stays so and all goes on")
{
    node other;
    node_open(&other);
    fixture_restart();
    expect_ring("record", 1, "destroyed");
    const char *pseudonym = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    expect_outcome(reveal(ELDERCARE, "elder-care", pseudonym, MASK("name")), VAULT_OK, NULL);
    node_close(&other);
}

static bool holds_key(const node *n, const char *of, uint32_t version)
{
    pthread_rwlock_rdlock(&n->service->life);
    bool holds = n->session->rings && keyring_find(n->session->rings, of, version);
    pthread_rwlock_unlock(&n->service->life);
    return holds;
}

TEST("a session that nobody asks for anything lets go of a destroyed key as well")
{
    node other;
    NEW_REQUEST(in, Vault__V1__StatusRequest, vault__v1__status_request__init);
    node_open(&other);
    given_rotated("record");
    uint32_t old = (uint32_t)count_of(pg_sql("SELECT max(version) - 1 FROM key_ring WHERE name = 'record'"));
    expect_outcome(steward(other.session, ADMINISTRATOR, "/vault.v1.Keys/Status", &in->base), VAULT_OK, NULL);
    assert_true(holds_key(&other, "record", old));
    const char *consent = given_approved_destruction("record", old);
    (void)destroyed(destroy_as(ADMINISTRATOR, "record", old, consent));
    for (int i = 0; i < 1200 && holds_key(&other, "record", old); i++) usleep(50000);
    assert_false(holds_key(&other, "record", old));
    expect_outcome(steward(other.session, ADMINISTRATOR, "/vault.v1.Keys/Status", &in->base), VAULT_OK, NULL);
    node_close(&other);
}

/* ---- still needed ---- */

/* Each table that can refer to a version of the ring: a row that does, and the way back. */
static const struct {
    const char *of, *needs, *back;
} NEEDS[] = {
    {"record", "UPDATE resident_key SET ring_version = %u WHERE id = (SELECT min(id) FROM resident)",
     "UPDATE resident_key SET ring_version = %u WHERE id = (SELECT min(id) FROM resident)"},
    {"record", "INSERT INTO voucher VALUES ('x', 1, int4send(%u), 9e15::int8)",
     "DELETE FROM voucher WHERE id = 'x' AND %u > 0"},
    {"record", "INSERT INTO request VALUES ('x', int4send(%u), 9e15::int8)",
     "DELETE FROM request WHERE id = 'x' AND %u > 0"},
    {"natural", "UPDATE resident SET made = -made WHERE id = (SELECT min(id) FROM resident) AND %u > 0",
     "UPDATE resident SET made = -made WHERE id = (SELECT min(id) FROM resident) AND %u > 0"},
    {"term/phone", "UPDATE resident SET made = -made WHERE id = (SELECT min(id) FROM resident) AND %u > 0",
     "UPDATE resident SET made = -made WHERE id = (SELECT min(id) FROM resident) AND %u > 0"},
    {"term/phone", "INSERT INTO resident_term VALUES (%u, 1, 2)",
     "DELETE FROM resident_term WHERE area = 1 AND %u > 0"},
};

static uint32_t active_version(const char *of)
{
    const Vault__V1__StatusResponse *all = key_status();
    char start[96];
    snprintf(start, sizeof start, "rings/%s/versions/", of);
    for (size_t i = 0; i < all->n_rings; i++)
        if (strncmp(all->rings[i]->name, start, strlen(start)) == 0 && strcmp(all->rings[i]->state, "active") == 0)
            return all->rings[i]->version;
    fail_msg("no active version of %s", of);
    return 0;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
TEST("while one value anywhere needs a version it is not destroyed, however often that was approved")
{
    for (size_t i = 0; i < sizeof NEEDS / sizeof *NEEDS; i++) {
        const char *of = NEEDS[i].of;
        uint32_t old = active_version(of);
        given_rotated(of);
        const char *consent = given_approved_destruction(of, old);
        pg_sql(NEEDS[i].needs, old);
        expect_outcome(destroy_as(ADMINISTRATOR, of, old, consent), VAULT_PRECONDITION, "STILL_NEEDED");
        expect_ring(of, old, "retiring");
        expect_outcome(certificate_as(OFFICER, of, old), VAULT_NOT_FOUND, "NOT_CERTIFIED");
        pg_sql(NEEDS[i].back, old + 1);
        assert_non_null(destroyed(destroy_as(ADMINISTRATOR, of, old, consent))->certificate); /* nothing was used up */
        expect_ring(of, old, "destroyed");
    }
}
#pragma GCC diagnostic pop

TEST("a rotation that has not ended keeps the old version")
{
    uint32_t old = active_version("control");
    expect_outcome(rotate("control"), VAULT_OK, NULL);
    const char *job = lend(pg_sql("SELECT 'jobs/' || max(id) FROM job"));
    wait_for_job(job, "done");
    const char *consent = given_approved_destruction("control", old); /* whose documents are under the new one */
    pg_sql("UPDATE control_archive SET sealed = int4send(%u) || substr(sealed, 5) WHERE ctid = (SELECT min(ctid) FROM"
           " control_archive)",
           old);
    expect_outcome(destroy_as(ADMINISTRATOR, "control", old, consent), VAULT_PRECONDITION, "STILL_NEEDED");
    pg_sql("UPDATE control_archive SET sealed = int4send(%u) || substr(sealed, 5)", old + 1);
    assert_non_null(destroyed(destroy_as(ADMINISTRATOR, "control", old, consent))->certificate);
}

TEST("tokens need their epoch until its end, and then no more")
{
    const char *of = lend(pg_sql("SELECT min(name) FROM key_ring WHERE name LIKE 'token/%%'"));
    int64_t now = clock_now_us();
    request *rq = rotate_as(NULL, ADMINISTRATOR, (rotate_wish){.rings = {of}, .end_s = now / 1000000 + 60});
    expect_outcome(rq, VAULT_OK, NULL);
    expect_outcome(destroy_as(ADMINISTRATOR, of, 1, ""), VAULT_PRECONDITION, "STILL_NEEDED");
    clock_set_for_test(now + INT64_C(61000000));
    const char *consent = given_approved_destruction(of, 1);
    const Vault__V1__Certificate *c = destroyed(destroy_as(ADMINISTRATOR, of, 1, consent))->certificate;
    clock_set_for_test(0);
    assert_true(has_line(c->note, "references keys 0"));
}

/* ---- who, and what ---- */

TEST("nobody destroys alone, nor with an approval of something else, of somebody else's, or twice")
{
    uint32_t natural = active_version("natural"), phone = active_version("term/phone");
    given_rotated("natural");
    given_rotated("term/phone");
    const char *waiting = destroyed(destroy_as(ADMINISTRATOR, "natural", natural, ""))->approval;
    bytes text;
    const Vault__V1__Approval *a = get_operation(waiting, &text);
    char wanted[128];
    snprintf(wanted, sizeof wanted, "{\"operation\":\"destroy\",\"ring\":\"natural\",\"version\":%u}", natural);
    assert_true(bytes_same(text, bytes_of_text(wanted)));
    assert_string_equal(a->document, "operation");
    assert_string_equal(a->proposer, "admin-li");
    expect_outcome(approve(ADMINISTRATOR, a), VAULT_DENIED, "role");
    expect_outcome(destroy_as(ADMINISTRATOR, "natural", natural, waiting), VAULT_PRECONDITION, "NOT_APPROVED");
    expect_outcome(approve(OFFICER, a), VAULT_OK, NULL);
    assert_string_equal(get_operation(waiting, &text)->state, "approved");
    expect_outcome(destroy_as(ADMINISTRATOR, "term/phone", phone, waiting), VAULT_CONFLICT, "DIGEST_DIFFERS");
    expect_outcome(destroy_as(ADMINISTRATOR_2, "natural", natural, waiting), VAULT_DENIED, "NOT_YOURS");
    expect_outcome(destroy_as(ADMINISTRATOR, "natural", natural, "approvals/none"), VAULT_NOT_FOUND,
                   "APPROVAL_UNKNOWN");
    (void)destroyed(destroy_as(ADMINISTRATOR, "natural", natural, waiting));
    expect_outcome(destroy_as(ADMINISTRATOR, "term/phone", phone, waiting), VAULT_NOT_FOUND, "APPROVAL_UNKNOWN");
    expect_outcome(destroy_as(ADMINISTRATOR, "natural", natural, waiting), VAULT_PRECONDITION, "RING_DESTROYED");
}

TEST("a version that is active, or is not there, is not destroyed")
{
    expect_outcome(destroy_as(ADMINISTRATOR, "log", 1, ""), VAULT_PRECONDITION, "RING_ACTIVE");
    expect_outcome(destroy_as(ADMINISTRATOR, "rows", 1, ""), VAULT_PRECONDITION, "RING_ACTIVE");
    expect_outcome(destroy_as(ADMINISTRATOR, "log", 2, ""), VAULT_INVALID, "RING_UNKNOWN");
    expect_outcome(destroy_as(ADMINISTRATOR, "log\",\"version\":1,\"x\":\"", 1, ""), VAULT_INVALID, "RING_UNKNOWN");
    expect_outcome(destroy_as(ADMINISTRATOR, "", 1, ""), VAULT_INVALID, "REQUIRED");
    expect_outcome(certificate_as(OFFICER, "log", 1), VAULT_NOT_FOUND, "NOT_CERTIFIED");
    expect_outcome(certificate_as(OFFICER, "log", 0), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(certificate_as(OFFICER, "", 1), VAULT_INVALID, "REQUIRED");
}

TEST("an operation is not proposed as if it were a document")
{
    NEW_REQUEST(in, Vault__V1__ProposeRequest, vault__v1__propose_request__init);
    in->document = lend("operation");
    in->content = (ProtobufCBinaryData){.len = 2, .data = (uint8_t *)lend("{}")};
    in->replaces = lend("00");
    expect_outcome(steward(NULL, ADMINISTRATOR, "/vault.v1.Approvals/Propose", &in->base), VAULT_INVALID,
                   "DOCUMENT_UNKNOWN");
}

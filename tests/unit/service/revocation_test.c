/* What is taken away is gone from the next batch on, on every node: nodes that were open before, and have not been
 * told. An edit by SQL is met in the same way. */
#include "tests/unit/service/jwt.h"
#include "tests/unit/service/steward.h"

static node other;

static void given_other(void)
{
    if (!other.service) node_open(&other);
}

/* Reveals on the other node. */
static request *reveal_there(const char *uri, const char *why, const char *token, const char *certificate)
{
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                        .uri = uri,
                        .purpose = why,
                        .in = &reveal_of(token, MASK("name"))->base,
                        .certificate = certificate,
                        .by = other.session});
}

static request *religion_there(const char *token, const char *said)
{
    return ask(&(asked){.path = "/vault.v1.Tokens/Reveal",
                        .uri = ELDERCARE,
                        .purpose = "elder-care",
                        .in = &reveal_of(token, MASK("religion"))->base,
                        .assertion = said,
                        .by = other.session});
}

/* ---- certificates ---- */

TEST(
    "a certificate that is not registered for the URI opens nothing, and leaves a line; it need not be known otherwise")
{
    const char *own = token_for(CLINIC, "family-doctor", 1);
    given_other();
    static const char *const shown[] = {"another", ELDERCARE, OFFICER, ""};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        int64_t before = lines_in_log();
        request *rq = reveal_there(CLINIC, "family-doctor", own, shown[i]);
        expect_outcome(rq, VAULT_UNAUTHENTICATED, "CERTIFICATE_UNKNOWN");
        assert_null(rq->out);
        assert_int_equal(lines_in_log(), before + 1);
    }
    expect_outcome(reveal_there(CLINIC, "family-doctor", own, NULL), VAULT_OK, NULL);
    fixture_reset();
}

TEST("a bad certificate is told before a poor context is")
{
    asked one = {.path = "/vault.v1.Audit/GetCheckpoint", .uri = CLINIC, .purpose = "", .certificate = "another"};
    NEW_REQUEST(in, Vault__V1__GetCheckpointRequest, vault__v1__get_checkpoint_request__init);
    one.in = &in->base;
    int64_t before = lines_in_log();
    expect_outcome(ask(&one), VAULT_UNAUTHENTICATED, "CERTIFICATE_UNKNOWN");
    one.purpose = "family-doctor";
    one.ticket = "bad\nticket";
    expect_outcome(ask(&one), VAULT_UNAUTHENTICATED, "CERTIFICATE_UNKNOWN");
    assert_int_equal(lines_in_log(), before);
    fixture_reset();
}

static void renew_clinic(json_t *of)
{
    json_array_append_new(json_object_get(entry(of, "apps", "clinic"), "certificates"),
                          fixture_certificate("clinic 2027"));
}

TEST("a certificate is renewed with overlap: both are good, until the old one is revoked, on every node at once")
{
    const char *own = token_for(CLINIC, "family-doctor", 1);
    given_other();
    expect_outcome(reveal_there(CLINIC, "family-doctor", own, "clinic 2027"), VAULT_UNAUTHENTICATED,
                   "CERTIFICATE_UNKNOWN");
    change_document("principals", renew_clinic);
    expect_outcome(reveal_there(CLINIC, "family-doctor", own, "clinic 2027"), VAULT_OK, NULL);
    expect_outcome(reveal_there(CLINIC, "family-doctor", own, NULL), VAULT_OK, NULL);
    expect_outcome(revoke_as(NULL, OFFICER, CERTIFICATE, fingerprint(CLINIC)), VAULT_OK, NULL);
    int64_t before = lines_in_log();
    request *rq = reveal_there(CLINIC, "family-doctor", own, NULL);
    expect_outcome(rq, VAULT_UNAUTHENTICATED, "CERTIFICATE_REVOKED");
    assert_null(rq->out);
    assert_int_equal(lines_in_log(), before + 1);
    expect_outcome(reveal_there(CLINIC, "family-doctor", own, "clinic 2027"), VAULT_OK, NULL);
    fixture_reset();
}

static request *checkpoint_there(const char *uri, const char *why)
{
    NEW_REQUEST(in, Vault__V1__GetCheckpointRequest, vault__v1__get_checkpoint_request__init);
    return ask(&(asked){
        .path = "/vault.v1.Audit/GetCheckpoint", .uri = uri, .purpose = why, .in = &in->base, .by = other.session});
}

static void wait_for_checkpoint(void)
{
    for (int i = 0; i < 1200 && checkpoint_there(ELDERCARE, "elder-care")->err.code != VAULT_OK; i++) usleep(50000);
}

TEST("a call that leaves no line is not answered by stale control either")
{
    given_other();
    wait_for_checkpoint();
    expect_outcome(checkpoint_there(ADMINISTRATOR_2, "control"), VAULT_OK, NULL);
    expect_outcome(revoke_as(NULL, OFFICER, CERTIFICATE, fingerprint(ADMINISTRATOR_2)), VAULT_OK, NULL);
    request *rq = checkpoint_there(ADMINISTRATOR_2, "control");
    expect_outcome(rq, VAULT_UNAUTHENTICATED, "CERTIFICATE_REVOKED");
    assert_null(rq->out);
    fixture_reset();
}

/* ---- persons and keys ---- */

TEST("a suspended person is refused from the next call on, whatever its assertion says")
{
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    given_other();
    const claims is = {.sub = "grid-sun"};
    expect_outcome(religion_there(token, assertion_of(&is)), VAULT_OK, NULL);
    const char *said = assertion_of(&is);
    expect_outcome(revoke_as(NULL, ADMINISTRATOR, PERSON, "grid-sun"), VAULT_OK, NULL);
    request *rq = religion_there(token, said);
    expect_outcome(rq, VAULT_UNAUTHENTICATED, "PERSON_SUSPENDED");
    assert_null(rq->out);
    expect_outcome(religion_there(token, assertion_of(&(claims){.sub = "grid-zhao"})), VAULT_OK, NULL);
    fixture_reset();
}

/* ---- streams ---- */

static const char *const OWN_FIELDS[] = {"id_number", "residence_area", "grid", "phone"};

static request *begin_import(const char *said)
{
    NEW_REQUEST(in, Vault__V1__ImportRequest, vault__v1__import_request__init);
    NEW_REQUEST(header, Vault__V1__ImportHeader, vault__v1__import_header__init);
    header->collection = lend("residents");
    header->field_mask = mask_of(OWN_FIELDS, 4);
    header->dry_run = true;
    in->header = header;
    request *rq = make_request(&(asked){.uri = ELDERCARE, .purpose = "elder-care", .in = &in->base, .assertion = said});
    service_run(other.session, method_at("/vault.v1.Records/Import"), &rq, 1);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_non_null(rq->state);
    return rq;
}

/* The next message of the stream: a row that is no good. */
static request *go_on(request *rq)
{
    NEW_REQUEST(in, Vault__V1__ImportRequest, vault__v1__import_request__init);
    NEW_REQUEST(row, Vault__V1__ResidentInput, vault__v1__resident_input__init);
    in->rows = arena_array(fixture_memory(), 1, sizeof *in->rows);
    in->rows[in->n_rows++] = row;
    rq->in = &in->base;
    service_run(other.session, method_at("/vault.v1.Records/Import"), &rq, 1);
    return rq;
}

TEST("a stream goes on under one assertion, which is used once, and for no other stream")
{
    given_other();
    const char *said = assertion_of(&(claims){0});
    request *rq = begin_import(said);
    for (int i = 0; i < 3; i++) expect_outcome(go_on(rq), VAULT_OK, NULL);
    rq->in = NULL;
    service_run(other.session, method_at("/vault.v1.Records/Import"), &rq, 1);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_non_null(rq->out);
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    expect_outcome(religion_there(token, said), VAULT_UNAUTHENTICATED, "ASSERTION_REPLAYED");
    fixture_reset();
}

TEST("what is revoked in the midst of a stream ends it at the next message, with a line")
{
    given_other();
    request *rq = begin_import(assertion_of(&(claims){0})), *same = begin_import(assertion_of(&(claims){0}));
    expect_outcome(go_on(rq), VAULT_OK, NULL);
    expect_outcome(revoke_as(NULL, OFFICER, PERSON, "grid-zhao"), VAULT_OK, NULL);
    int64_t before = lines_in_log();
    expect_outcome(go_on(rq), VAULT_UNAUTHENTICATED, "PERSON_SUSPENDED");
    assert_int_equal(lines_in_log(), before + 1);
    same->in = NULL;
    service_run(other.session, method_at("/vault.v1.Records/Import"), &same, 1);
    expect_outcome(same, VAULT_UNAUTHENTICATED, "PERSON_SUSPENDED");
    assert_null(same->out);
    fixture_reset();
}

TEST("a stream that ends before it has begun has no context")
{
    given_other();
    request *rq = make_request(&(asked){.uri = ELDERCARE});
    service_run(other.session, method_at("/vault.v1.Records/Import"), &rq, 1);
    expect_outcome(rq, VAULT_INVALID, "REQUIRED");
    assert_string_equal(rq->err.field, "context");
    fixture_reset();
}

TEST("a revoked assertion key speaks for nobody from the next call on, nor in a stream that has begun")
{
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    given_other();
    const claims is = {.sub = "grid-qian"};
    request *rq = begin_import(assertion_of(&is));
    expect_outcome(religion_there(token, assertion_of(&is)), VAULT_OK, NULL);
    expect_outcome(revoke_as(NULL, OFFICER, ASSERTION_KEY, "civil-affairs/civil-1"), VAULT_OK, NULL);
    expect_outcome(religion_there(token, assertion_of(&is)), VAULT_UNAUTHENTICATED, "ASSERTION_SIGNATURE");
    expect_outcome(go_on(rq), VAULT_UNAUTHENTICATED, "ASSERTION_SIGNATURE");
    fixture_reset();
}

/* ---- edits by SQL ---- */

static bool healthy_soon(bool wanted)
{
    for (int i = 0; i < 600; i++) {
        if (service_healthy(other.service) == wanted) return true;
        usleep(100000);
    }
    return false;
}

/* What goes to the operator meanwhile. */
typedef struct overheard {
    int kept;
    FILE *into;
} overheard;

static overheard listen_in(void)
{
    overheard o = {.kept = dup(STDERR_FILENO), .into = tmpfile()};
    dup2(fileno(o.into), STDERR_FILENO);
    return o;
}

/* Lines with this event so far. */
static unsigned heard(overheard *o, const char *event)
{
    char line[1024];
    unsigned count = 0;
    FILE *again = fdopen(dup(fileno(o->into)), "r");
    rewind(again);
    while (fgets(line, sizeof line, again)) count += strstr(line, event) != NULL;
    fclose(again);
    return count;
}

static void listen_no_more(overheard *o)
{
    dup2(o->kept, STDERR_FILENO);
    close(o->kept);
    fclose(o->into);
}

TEST("an edited control row stops every call on every node with DATA_LOSS, until it is mended")
{
    const char *own = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    given_other();
    expect_outcome(reveal_there(ELDERCARE, "elder-care", own, NULL), VAULT_OK, NULL);
    pg_sql("create table kept as select * from control_document where name = 'policy'");
    pg_sql("update control_document set sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) where name = 'policy'");
    int64_t before = lines_in_log();
    overheard operators_log = listen_in();
    for (int i = 0; i < 3; i++) {
        request *rq = reveal_there(ELDERCARE, "elder-care", own, NULL);
        expect_outcome(rq, VAULT_INTEGRITY, NULL);
        assert_null(rq->out);
        expect_outcome(checkpoint_there(ELDERCARE, "elder-care"), VAULT_INTEGRITY, NULL);
        expect_outcome(get_document(NULL, OFFICER, "policy", 0), VAULT_INTEGRITY, NULL);
    }
    assert_int_equal(lines_in_log(), before);
    assert_true(healthy_soon(false));
    usleep(2500000); /* the publishers look again and again */
    unsigned told = heard(&operators_log, "control.integrity");
    (void)reveal_there(ELDERCARE, "elder-care", own, NULL);
    assert_int_equal(heard(&operators_log, "control.integrity"), told);
    listen_no_more(&operators_log);
    assert_in_range(told, 2, 4); /* once on each node, and once more where the history has it, too */
    pg_sql("update control_document d set sealed = k.sealed from kept k where d.name = k.name");
    pg_sql("drop table kept");
    assert_true(healthy_soon(true));
    expect_outcome(reveal_there(ELDERCARE, "elder-care", own, NULL), VAULT_OK, NULL);
    assert_int_equal(lines_in_log(), before + 1);
    node_close(&other);
    fixture_reset();
}

/* The log ring is rotated under a vault at work: its lines, receipts and look-ups, until the old version is destroyed.
 */
#include "tests/unit/service/keys.h"
#include "tests/unit/service/lines.h"
#include "tests/unit/service/receipt.h"
#include "vault/audit/note.h"

static vault_error err;

static const Vault__V1__Job *rotated_log(const char *suite)
{
    request *rq = rotate_as(NULL, ADMINISTRATOR, (rotate_wish){.rings = {"log"}, .suite = suite});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__RotateResponse *)(const void *)rq->out)->jobs[0];
}

static const Vault__V1__QueryResponse *lines_of(const char *token, const char *person)
{
    NEW_REQUEST(in, Vault__V1__QueryRequest, vault__v1__query_request__init);
    in->resident_token = lend(token);
    in->person = lend(person);
    in->page_size = 1000;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static size_t inconsistent(const Vault__V1__QueryResponse *page)
{
    size_t bad = 0;
    for (size_t i = 0; i < page->n_lines; i++) bad += !page->lines[i]->consistent;
    return bad;
}

static note_key told_key(void)
{
    NEW_REQUEST(in, Vault__V1__GetCheckpointRequest, vault__v1__get_checkpoint_request__init);
    note_key key = {0};
    for (int i = 0; i < 1200; i++) { /* the publisher's first one */
        request *rq = ask(&(asked){
            .path = "/vault.v1.Audit/GetCheckpoint", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
        if (rq->err.code != VAULT_OK) {
            printf("# %d %s\n", rq->err.code, rq->err.detail);
            usleep(50000);
            continue;
        }
        const Vault__V1__GetCheckpointResponse *out = (const void *)rq->out;
        expect_ok(note_key_parse(&key, bytes_of_text(out->verifier_key), &err), &err);
        return key;
    }
    fail_msg("no checkpoint");
    return key;
}

static note_verdict receipt_opens(const note_key *key)
{
    bytes text;
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    Vault__V1__RevealRequest *in = reveal_of(token, MASK("name"));
    in->want_receipt = true;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/Reveal", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__Receipt *r = ((const Vault__V1__RevealResponse *)(const void *)rq->out)->receipt;
    expect_receipt(r);
    return note_open(&text, bytes_of_text(r->checkpoint), key);
}

static long lines_under(unsigned version)
{
    return strtol(pg_sql("SELECT count(*) FROM line WHERE substr(officer, 2, 3) = substr(int4send(%u), 2, 3)", version),
                  NULL, 10);
}

TEST("every line is brought over, is found as before, and no leaf or view of a resident has changed")
{
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    for (int i = 0; i < 5; i++) expect_outcome(reveal(ELDERCARE, "elder-care", token, MASK("name")), VAULT_OK, NULL);
    size_t before = lines_of(token, "")->n_lines;
    pg_sql("CREATE TABLE kept AS SELECT idx, leaf, nodes, resident FROM line");
    const Vault__V1__Job *job = rotated_log(NULL);
    assert_string_equal(job->kind, "lines");
    wait_for_job(job->name, "done");
    assert_int_equal(lines_under(1), 0);
    assert_string_equal(pg_sql("SELECT count(*) FROM kept k LEFT JOIN line l USING (idx) WHERE l.leaf IS DISTINCT FROM"
                               " k.leaf OR l.nodes IS DISTINCT FROM k.nodes OR l.resident IS DISTINCT FROM k.resident"),
                        "0");
    pg_sql("DROP TABLE kept");
    const Vault__V1__QueryResponse *after = lines_of(token, "");
    assert_int_equal(after->n_lines, before + 1); /* and the first query itself */
    assert_int_equal(inconsistent(after), 0);
    assert_int_equal(inconsistent(lines_of("", "")), 0);
}

TEST("receipts are good for who has the old verifier key, until that version is destroyed with a certificate")
{
    uint32_t old = 1;
    while (strcmp(ring_now("log", old)->state, "active") != 0) old++;
    note_key first = told_key();
    wait_for_job(rotated_log(NULL)->name, "done");
    note_key second = told_key();
    assert_int_equal(receipt_opens(&first), NOTE_VERIFIED);
    assert_int_equal(receipt_opens(&second), NOTE_VERIFIED);
    for (uint32_t v = 1; v <= old; v++) {
        if (strcmp(ring_now("log", v)->state, "retiring") != 0) continue;
        const char *approval = given_approved_destruction("log", v);
        const Vault__V1__DestroyResponse *gone = destroyed(destroy_as(ADMINISTRATOR, "log", v, approval));
        bytes text;
        assert_int_equal(note_open(&text, bytes_of_text(gone->certificate->note), &second), NOTE_VERIFIED);
    }
    expect_ring("log", old, "destroyed");
    assert_int_equal(receipt_opens(&first), NOTE_NO_SIGNATURE);
    assert_int_equal(receipt_opens(&second), NOTE_VERIFIED);
    assert_int_equal(inconsistent(lines_of("", "")), 0);
    fixture_restart();
    assert_int_equal(receipt_opens(&second), NOTE_VERIFIED);
}

TEST("to gm and back: lines of both suites are read, and published checkpoints have a signature by SM2")
{
    wait_for_job(rotated_log("gm")->name, "done");
    const char *token = token_for(ELDERCARE, "elder-care", resident_in_street(0));
    expect_outcome(reveal(ELDERCARE, "elder-care", token, MASK("name")), VAULT_OK, NULL);
    assert_int_equal(inconsistent(lines_of("", "")), 0);
    note_key now = told_key();
    assert_int_equal(receipt_opens(&now), NOTE_VERIFIED);
    wait_for_job(rotated_log("intl")->name, "done");
    assert_int_equal(inconsistent(lines_of("", "")), 0);
}

TEST("a line whose tag was edited stays as it is and is shown, and the job says so; once mended, another one ends well")
{
    pg_sql("CREATE TABLE kept AS SELECT idx, resident_tag FROM line WHERE resident_tag <> 0 ORDER BY idx LIMIT 1");
    pg_sql("UPDATE line SET resident_tag = 77 WHERE idx = (SELECT idx FROM kept)");
    const Vault__V1__Job *job = rotated_log(NULL);
    wait_for_job(job->name, "failed");
    request *rq = progress_of(ADMINISTRATOR, job->name);
    assert_non_null(
        strstr(((const Vault__V1__ProgressResponse *)(const void *)rq->out)->jobs[0]->finding, "1 lines do not fit"));
    assert_int_equal(inconsistent(lines_of("", "")), 1);
    pg_sql("UPDATE line SET resident_tag = (SELECT resident_tag FROM kept) WHERE idx = (SELECT idx FROM kept);"
           " DROP TABLE kept");
    wait_for_job(rotated_log(NULL)->name, "done");
    assert_int_equal(inconsistent(lines_of("", "")), 0);
}

/* Tokens.BatchInspect: what own tokens are worth, and nothing of anybody else's. */
#include "tests/unit/service/asking.h"

static request *inspect_by(session *by, const char *uri, const char *purpose_id, const char *const *texts, size_t count)
{
    Vault__V1__BatchInspectRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_inspect_request__init(in);
    in->tokens = arena_array(fixture_memory(), count + 1, sizeof *in->tokens);
    for (size_t i = 0; i < count; i++) in->tokens[in->n_tokens++] = (char *)(uintptr_t)texts[i];
    in->want_receipt = true;
    return ask(&(asked){
        .path = "/vault.v1.Tokens/BatchInspect", .uri = uri, .purpose = purpose_id, .in = &in->base, .by = by});
}

static const Vault__V1__InspectResult *inspected(session *by, const char *text)
{
    request *rq = inspect_by(by, ELDERCARE, "elder-care", &text, 1);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchInspectResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_results, 1);
    return out->results[0];
}

static void expect_state(session *by, const char *text, Vault__V1__TokenState state, unsigned current)
{
    const Vault__V1__InspectResult *got = inspected(by, text);
    assert_string_equal(why(got->status), "");
    assert_int_equal(got->state, state);
    assert_int_equal(got->epoch, 1);
    assert_int_equal(got->current_epoch, current);
}

#define VALID   VAULT__V1__TOKEN_STATE__TOKEN_STATE_VALID
#define EXPIRED VAULT__V1__TOKEN_STATE__TOKEN_STATE_EXPIRED
#define GONE    VAULT__V1__TOKEN_STATE__TOKEN_STATE_GONE

TEST("an own token is valid wherever its resident lives, and each one inspected has a line")
{
    const char *texts[3] = {token_for(ELDERCARE, "elder-care", resident_in_street(0)),
                            token_for(ELDERCARE, "elder-care", resident_elsewhere(0)), "rv1wrong"};
    int64_t then = clock_now_us(), before = lines_in_log();
    request *rq = inspect_by(NULL, ELDERCARE, "elder-care", texts, 3);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchInspectResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_results, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_null(out->results[i]->status);
        assert_int_equal(out->results[i]->state, VALID);
        assert_int_equal(out->results[i]->epoch, 1);
        assert_int_equal(out->results[i]->current_epoch, 1);
    }
    assert_string_equal(why(out->results[2]->status), "TOKEN_MALFORMED tokens[2]");
    assert_int_equal(lines_in_log(), before + 2);
    assert_int_equal(out->n_receipts, 1);
    assert_int_equal(out->receipts[0]->n_lines, 2);
    assert_int_equal(occurrences(views_since(then), "\"action\":\"inspect\""), 2);
    fixture_reset();
}

TEST("of a forgery, another epoch, another's token and an unknown domain nothing is told but: resident")
{
    const domain *d = domain_of(ELDERCARE, "elder-care"), none = {.number = 0};
    block_cipher *key = key_of(d);
    token t;
    vault_error err = {0};
    char text[TOKEN_TEXT_LEN + 1];
    expect_ok(token_read(&t, bytes_of_text(token_for(ELDERCARE, "elder-care", 3)), &err), &err);
    t.epoch = 2;
    token_write(text, &t);
    const char *const bad[] = {forge(d, key, 1, 2), text, token_for(CLINIC, "family-doctor", 3),
                               forge(&none, key, 1, 0)};
    for (size_t i = 0; i < 4; i++) {
        int64_t before = lines_in_log();
        const Vault__V1__InspectResult *got = inspected(NULL, bad[i]);
        assert_string_equal(why(got->status), "resident");
        assert_int_equal(got->state + got->epoch + got->current_epoch, 0);
        assert_int_equal(lines_in_log(), before + 1);
    }
    block_free(&key);
    fixture_reset();
}

TEST("a genuine token of nobody, and one of a record that is restricted, is gone")
{
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    const char *own = token_for(ELDERCARE, "elder-care", 5);
    expect_state(NULL, forge(d, key, INT64_MAX, 0), GONE, 1);
    set_state(id_behind(own, key), RECORD_RESTRICTED);
    expect_state(NULL, own, GONE, 1);
    set_state(id_behind(own, key), RECORD_LIVE);
    expect_state(NULL, own, VALID, 1);
    block_free(&key);
    fixture_reset();
}

TEST("an app that does not act for the purpose inspects nothing; below its purpose it inspects what is its own")
{
    const char *own = token_for(ELDERCARE, "elder-care", 5);
    request *rq = inspect_by(NULL, ELDERCARE, "elder-care/visit", &own, 1);
    assert_string_equal(why(((const Vault__V1__BatchInspectResponse *)(void *)rq->out)->results[0]->status), "");
    rq = inspect_by(NULL, ELDERCARE, "family-doctor", &own, 1);
    assert_string_equal(why(((const Vault__V1__BatchInspectResponse *)(void *)rq->out)->results[0]->status),
                        "consumer");
    expect_outcome(inspect_by(NULL, OFFICER, "elder-care", &own, 1), VAULT_DENIED, "role");
    expect_outcome(inspect_by(NULL, ELDERCARE, "elder-care", &own, 0), VAULT_INVALID, "REQUIRED");
    fixture_reset();
}

TEST("a row that was edited fails its item, and its line says so")
{
    const char *own = token_for(ELDERCARE, "elder-care", 6);
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    long long id = id_behind(own, key);
    pg_sql("update resident set version = version + 1 where id = %lld", id);
    assert_int_equal(inspected(NULL, own)->status->code, 15);
    pg_sql("update resident set version = version - 1 where id = %lld", id);
    expect_state(NULL, own, VALID, 1);
    block_free(&key);
    fixture_reset();
}

/* The last one: the epoch of the fixture's own session is over after it. */
TEST("a token of an epoch that has ended is expired: while the key stands it must be genuine, afterwards nobody knows")
{
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    const char *own = token_for(ELDERCARE, "elder-care", resident_in_street(0)), *forged = forge(d, key, 1, 2);
    begin_epoch_2(d, RING_RETIRING);
    session *later = new_session();
    expect_state(later, own, EXPIRED, 2);
    expect_state(later, forge(d, key, INT64_MAX, 0), GONE, 2);
    assert_string_equal(why(inspected(later, forged)->status), "resident");
    session_close(&later);
    begin_epoch_2(d, RING_DESTROYED);
    later = new_session();
    expect_state(later, own, EXPIRED, 2);
    expect_state(later, forged, EXPIRED, 2);
    session_close(&later);
    block_free(&key);
    fixture_reset();
}

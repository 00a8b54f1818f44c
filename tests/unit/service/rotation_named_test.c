/* Residents in the midst of rotations: by natural key, by unique field, by tokens of both kinds; in both suites at
 * once.
 */
#include "tests/unit/service/asking.h"
#include "tests/unit/service/rotating.h"

#include <stdlib.h>
#include <unistd.h>

static long number(const char *sql)
{
    return strtol(pg_sql("%s", sql), NULL, 10);
}

static void given_vault(void)
{
    (void)given_no_keeper();
    fixture_reset();
}

static const Vault__V1__IssueResult *issued_by(const char *field, const char *value)
{
    Vault__V1__BatchIssueRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_issue_request__init(in);
    in->field = arena_text(fixture_memory(), bytes_of_text(field));
    in->values = one_text(value);
    in->n_values = 1;
    request *rq = ask(
        &(asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchIssueResponse *)(const void *)rq->out)->results[0];
}

static const Vault__V1__RestoreResult *restored(const char *text)
{
    Vault__V1__BatchRestoreRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_restore_request__init(in);
    in->field = arena_text(fixture_memory(), bytes_of_text("phone"));
    in->values = one_text(text);
    in->n_values = 1;
    request *rq = ask(
        &(asked){.path = "/vault.v1.Tokens/BatchRestore", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchRestoreResponse *)(const void *)rq->out)->results[0];
}

static const char *shown_phone(uint64_t index)
{
    Vault__V1__RevealRequest *in = reveal_of(token_for(ELDERCARE, "elder-care", index), MASK("phone"));
    in->form = VAULT__V1__FORM__FORM_TOKEN;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/Reveal", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return revealed(rq, 0);
}

/* By number, by phone, and by the token of the phone: always the same one. */
static void expect_named(void)
{
    static uint64_t turn;
    uint64_t index = with_own_phone(true, turn);
    turn = (index + 1) % (FIXTURE_RESIDENTS - 50);
    const char *by_number = token_for(ELDERCARE, "elder-care", index), *phone = value_of(index, FIELD_PHONE);
    const Vault__V1__IssueResult *issue = issued_by("phone", phone);
    assert_string_equal(why(issue->status), "");
    assert_string_equal(issue->token, by_number);
    const Vault__V1__RestoreResult *back = restored(shown_phone(index));
    assert_string_equal(why(back->status), "");
    assert_string_equal(back->value, phone);
    assert_string_equal(back->token, by_number);
    assert_string_equal(why(issued_by("phone", "13900009999")->status), "resident");
    fixture_reset();
}

TEST("who is named by a natural key, by a unique field or by a token of it is found after every step")
{
    given_vault();
    expect_named();
    long before = number("select count(*) from resident");
    (void)ROTATE(, "natural", "term/phone");
    (void)run_jobs(50, expect_named);
    assert_int_equal(number("select count(*) from resident"), before);
    expect_named();
}

TEST("a resident who stands under the former natural key is updated when he is put, and never doubled")
{
    given_vault();
    long before = number("select count(*) from resident");
    (void)ROTATE(, "natural");
    uint64_t index = resident_in_street(7);
    const Vault__V1__BatchPutResponse *out = (const void *)put_residents(index, 1)->out;
    assert_null(out->results[0]->status);
    assert_false(out->results[0]->created);
    assert_int_equal(number("select count(*) from resident"), before);
    job_row job;
    assert_true(open_job(&job));
    job_work w = {.job = &job};
    for (int i = 0; !step_by(fixture_session(), &w, 50); i++) {
        request *rq = put_residents((uint64_t)i * 20, 40); /* of both versions */
        expect_outcome(rq, VAULT_OK, NULL);
        out = (const void *)rq->out;
        for (size_t k = 0; k < out->n_results; k++) assert_false(out->results[k]->status || out->results[k]->created);
    }
    end_work(&w);
    assert_int_equal(number("select count(*) from resident"), before);
    assert_int_equal(number("select count(*) from resident_term t where not exists (select from resident r where"
                            " r.id = t.id and (t.term = any(r.terms) or t.term = r.collection))"),
                     0);
    fixture_reset();
}

/* ---- half in one suite, half in the other ---- */

static request *reveal_many(uint64_t from, size_t count)
{
    Vault__V1__BatchRevealRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_reveal_request__init(in);
    in->tokens = arena_array(fixture_memory(), count, sizeof *in->tokens);
    in->field_mask = MASK("name", "id_number");
    for (size_t i = 0; i < count; i++)
        in->tokens[in->n_tokens++] = (char *)(uintptr_t)token_for(POPULATION, "population-register", from + i);
    return ask(&(asked){
        .path = "/vault.v1.Tokens/BatchReveal", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
}

static void expect_revealed(uint64_t from, size_t count)
{
    request *rq = reveal_many(from, count);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRevealResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(why(out->results[i]->status), "");
        assert_string_equal(out->results[i]->values[0]->text, value_of(from + i, FIELD_NAME));
        assert_string_equal(out->results[i]->values[1]->text, value_of(from + i, FIELD_ID_NUMBER));
    }
}

TEST("with half of the residents in each suite they are revealed, named and put in one batch")
{
    job_row job;
    given_vault();
    (void)ROTATE(.suite = "gm", "record", "natural", "term/phone");
    assert_true(open_job(&job));
    assert_int_equal(job.kind, JOB_RESEAL);
    job_work w = {.job = &job};
    assert_false(step_by(fixture_session(), &w, FIXTURE_RESIDENTS / 2));
    long in_gm = number("select count(*) from resident_key where ring_version = (select max(ring_version) from"
                        " resident_key)");
    assert_true(in_gm >= FIXTURE_RESIDENTS / 2 && in_gm < number("select count(*) from resident_key"));
    for (uint64_t from = 0; from < 60; from += 20) expect_revealed(from, 20);
    for (int i = 0; i < 3; i++) expect_named();
    long before = number("select count(*) from resident");
    request *rq = put_residents(0, 60);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(number("select count(*) from resident"), before);
    fixture_reset();
    while (!step_by(fixture_session(), &w, 60)) {}
    end_work(&w);
    (void)run_jobs(200, NULL); /* of the other rings: nothing is left to be done */
    assert_int_equal(number("select count(distinct ring_version) from resident_key"), 1);
    for (int i = 0; i < 2; i++) expect_named();
    expect_revealed(0, 20);
    expect_revealed(100, 20);
    fixture_reset();
}

/* ---- two nodes ---- */

TEST("two nodes share a rotation: each row is renewed once, by whoever comes first, and each says what it did")
{
    service *other = NULL;
    session *there = NULL;
    vault_error err = {0};
    job_row job;
    given_vault();
    service_options o = fixture_options();
    char path[64];
    fixture_path(path, sizeof path, "rotation");
    o.checkpoint_file = path;
    expect_ok(service_open(&other, &o, &err), &err);
    keeper_close(&other->keeper);
    expect_ok(session_open(&there, other, &err), &err);
    (void)ROTATE(, "natural");
    assert_true(open_job(&job));
    job_work here = {.job = &job}, away = {.job = &job};
    long lines = lines_in_log();
    size_t steps = 0;
    /* The other node has not heard of the rotation: it reads control anew, and goes on. */
    for (; !step_by(steps % 2 ? fixture_session() : there, steps % 2 ? &here : &away, 40); steps++) expect_named();
    end_work(steps % 2 ? &here : &away);
    forget_work(steps % 2 ? &away : &here);
    assert_true(lines_in_log() >= lines + FIXTURE_RESIDENTS / 40);
    assert_int_equal(number("select count(distinct made) from resident"), 1);
    assert_int_equal(number("select done from job order by id desc limit 1"), number("select count(*) from resident"));
    session_close(&there);
    service_close(&other);
    unlink(path);
}

/* ---- epochs ---- */

TEST("a token of an ended epoch is refused by its text alone, whosoever it is, by every call; until then it is good")
{
    given_vault();
    uint64_t index = resident_in_street(0);
    const char *old = token_for(ELDERCARE, "elder-care", index);
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    const char *forged = forge(d, key, 1, 2), *nobody = forge(d, key, INT64_MAX, 0);
    (void)ROTATE(.end_s = clock_now_us() / 1000000 + 3600, d->ring);
    assert_string_not_equal(token_for(ELDERCARE, "elder-care", index), old);
    request *rq = reveal(ELDERCARE, "elder-care", old, MASK("name"));
    expect_outcome(rq, VAULT_OK, NULL);
    expect_outcome(reveal(ELDERCARE, "elder-care", forged, MASK("name")), VAULT_DENIED, "resident");
    ring_of(domain_of(ELDERCARE, "elder-care"), 1)->ends_us = clock_now_us(); /* as time goes by */
    const char *const texts[] = {old, forged, nobody};
    for (size_t i = 0; i < 3; i++) {
        rq = reveal(ELDERCARE, "elder-care", texts[i], MASK("name"));
        expect_outcome(rq, VAULT_PRECONDITION, "TOKEN_EPOCH_ENDED");
    }
    rq = reveal(CLINIC, "family-doctor", old, MASK("name")); /* not its own: nothing of it is told */
    assert_int_equal(rq->err.code, VAULT_DENIED);
    block_free(&key);
    fixture_reset();
}

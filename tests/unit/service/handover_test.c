/* Translation by handover: what the basis allows and no more; once; by its receiver alone. */
#include "tests/unit/service/receipt.h"
#include "tests/unit/service/vouchers.h"
#include "tokenizer/voucher.h"

static Vault__V1__BatchCreateHandoversRequest *wish(const char *const *tokens, size_t count)
{
    NEW_REQUEST(in, Vault__V1__BatchCreateHandoversRequest, vault__v1__batch_create_handovers_request__init);
    in->n_tokens = count;
    in->tokens = lend_all(tokens, count);
    in->basis = lend(BASIS);
    return in;
}

static const Vault__V1__BatchCreateHandoversResponse *given(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

/* A handover for one resident, as eldercare makes it. */
static const char *handover(uint64_t index)
{
    const char *token = token_for(ELDERCARE, CARE, index);
    const Vault__V1__HandoverResult *one = given(called(&GIVER, HANDOVERS, &wish(&token, 1)->base))->results[0];
    assert_null(one->status);
    return one->handover;
}

static const char *give_refused(const asking *how, const char *token, const char *basis)
{
    Vault__V1__BatchCreateHandoversRequest *in = wish(&token, 1);
    in->basis = lend(basis);
    return refusal(given(called(how, HANDOVERS, &in->base))->results[0]->status);
}

static Vault__V1__BatchRedeemHandoversRequest *shown(const char *const *texts, size_t count)
{
    NEW_REQUEST(in, Vault__V1__BatchRedeemHandoversRequest, vault__v1__batch_redeem_handovers_request__init);
    in->n_handovers = count;
    in->handovers = lend_all(texts, count);
    return in;
}

static const Vault__V1__BatchRedeemHandoversResponse *taken(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static const Vault__V1__IssueResult *take(const asking *how, const char *text)
{
    return taken(called(how, TRANSLATE, &shown(&text, 1)->base))->results[0];
}

static const char *take_refused(const asking *how, const char *text)
{
    const Vault__V1__IssueResult *one = take(how, text);
    assert_string_equal(one->token, "");
    return refusal(one->status);
}

/* ---- the main job ---- */

TEST("the giver's resident becomes the receiver's, under a token of its own, with lines and receipts for both")
{
    uint64_t who = resident_elsewhere(0);
    const char *mine = token_for(ELDERCARE, CARE, who), *theirs = token_for(CLINIC, DOCTOR, who);
    int64_t then = clock_now_us();
    Vault__V1__BatchCreateHandoversRequest *in = wish(&mine, 1);
    in->want_receipt = true;
    const Vault__V1__BatchCreateHandoversResponse *made = given(called(&GIVER, HANDOVERS, &in->base));
    const char *text = made->results[0]->handover;
    assert_memory_equal(text, "rvh1", 4);
    expect_receipt(made->receipts[0]);
    Vault__V1__BatchRedeemHandoversRequest *out = shown(&text, 1);
    out->want_receipt = true;
    const Vault__V1__BatchRedeemHandoversResponse *got = taken(called(&TAKER, TRANSLATE, &out->base));
    assert_string_equal(got->results[0]->token, theirs);
    expect_receipt(got->receipts[0]);
    const char *views = views_since(then);
    expect_in(views, "\"action\":\"handover\"");
    expect_in(views, "\"counterpart\":\"clinic\"");
    expect_in(views, "\"action\":\"redeem\"");
    expect_in(views, "\"counterpart\":\"eldercare\"");
    assert_int_equal(occurrences(views, "\"sharing\":\"" BASIS "\""), 2);
    const char *reference = strstr(views, "\"voucher\":\"");
    assert_int_equal(occurrences(views, arena_text(fixture_memory(), bytes_of(reference, 28))), 2);
    expect_not_in(views, text + 4);
    fixture_reset();
}

TEST("a purpose below the giver's own is good for it, and many are answered each by itself")
{
    const char *tokens[600], *texts[600], *own = token_for(ELDERCARE, CARE, 0);
    for (size_t i = 0; i < 600; i++) tokens[i] = i == 7 ? "rv1x" : i == 9 ? token_for(CLINIC, DOCTOR, 1) : own;
    const asking visit = {.uri = ELDERCARE, .purpose = "elder-care/visit"};
    const Vault__V1__BatchCreateHandoversResponse *made = given(called(&visit, HANDOVERS, &wish(tokens, 600)->base));
    malformed(made->results[7]->status, "TOKEN_MALFORMED");
    assert_string_equal(refusal(made->results[9]->status), "resident");
    for (size_t i = 0; i < 600; i++) texts[i] = i == 7 || i == 9 ? "rvh1" : made->results[i]->handover;
    const Vault__V1__BatchRedeemHandoversResponse *got = taken(called(&TAKER, TRANSLATE, &shown(texts, 600)->base));
    const char *theirs = token_for(CLINIC, DOCTOR, 0);
    for (size_t i = 0; i < 600; i++) {
        if (i == 7 || i == 9)
            malformed(got->results[i]->status, "TOKEN_MALFORMED");
        else
            assert_string_equal(got->results[i]->token, theirs);
    }
    fixture_reset();
}

/* ---- what is refused ---- */

TEST("nothing is handed over without a basis of one's own, in force, and that reaches the resident")
{
    const char *token = token_for(ELDERCARE, CARE, 1), *clinics = token_for(CLINIC, DOCTOR, 1);
    long stored = stored_vouchers();
    assert_string_equal(give_refused(&GIVER, token, "no-such-basis"), "sharing");
    assert_string_equal(give_refused(&TAKER, clinics, BASIS), "sharing");
    assert_string_equal(give_refused(&GIVER, clinics, BASIS), "resident");
    const asking stranger = {.uri = ELDERCARE, .purpose = DOCTOR};
    assert_string_equal(give_refused(&stranger, token, BASIS), "consumer");
    Vault__V1__BatchCreateHandoversRequest *in = wish(&token, 1);
    in->basis = lend("");
    expect_outcome(called(&GIVER, HANDOVERS, &in->base), VAULT_INVALID, "REQUIRED");
    expect_outcome(called(&GIVER, HANDOVERS, &wish(&token, 0)->base), VAULT_INVALID, "REQUIRED");
    assert_int_equal(stored_vouchers(), stored);
    fixture_reset();
}

TEST("a third party, the giver itself and a purpose that is not its own are answered like one that was never made")
{
    const char *text = handover(2);
    char forged[VOUCHER_TEXT_LEN + 1];
    voucher_write(forged, VOUCHER_HANDOVER, (const uint8_t *)"0123456789abcdef");
    const asking third = {.uri = POPULATION, .purpose = "population-register"};
    const Google__Rpc__Status *unknown = take(&TAKER, forged)->status;
    assert_string_equal(refusal(unknown), "resident");
    const asking *const others[] = {&third, &GIVER};
    for (size_t i = 0; i < 2; i++) expect_alike(take(others[i], text)->status, unknown);
    expect_alike(take(&third, forged)->status, unknown);
    assert_string_equal(take_refused(&(asking){.uri = CLINIC, .purpose = CARE}, text), "consumer");
    assert_null(take(&TAKER, text)->status); /* none of these was a use */
    fixture_reset();
}

TEST("it is redeemed once")
{
    const char *text = handover(3);
    assert_null(take(&TAKER, text)->status);
    for (int i = 0; i < 2; i++) assert_string_equal(take_refused(&TAKER, text), "HANDOVER_USED");
    const char *twice[2] = {handover(3)};
    twice[1] = twice[0];
    const Vault__V1__BatchRedeemHandoversResponse *got = taken(called(&TAKER, TRANSLATE, &shown(twice, 2)->base));
    assert_null(got->results[0]->status);
    assert_string_equal(refusal(got->results[1]->status), "HANDOVER_USED");
    fixture_reset();
}

static json_t *the_basis(json_t *of)
{
    return entry(of, "bases", BASIS);
}
static void withdraw(json_t *of)
{
    json_array_clear(json_object_get(of, "bases"));
}
static void end_it(json_t *of)
{
    json_object_set_new(json_object_get(the_basis(of), "valid"), "until", json_string("2026-01-02"));
}
static void not_yet(json_t *of)
{
    json_t *valid = json_object_get(the_basis(of), "valid");
    json_object_set_new(valid, "from", json_string("2098-01-01"));
    json_object_set_new(valid, "until", json_string("2099-12-31"));
}
static void other_item(json_t *of)
{
    json_object_set_new(the_basis(of), "item", json_string("another item of the catalogue"));
}
static void other_giver(json_t *of)
{
    json_object_set_new(the_basis(of), "from", json_string("population"));
}
static void other_place(json_t *of)
{
    json_object_set_new(the_basis(of), "areas", json_pack("[s]", "110105"));
}

static bytes sharing_now;
static void as_it_was(json_t *of)
{
    json_t *before = json_loadb((const char *)sharing_now.at, sharing_now.len, 0, NULL);
    json_object_clear(of);
    json_object_update(of, before);
    json_decref(before);
}

TEST("after the basis was withdrawn, ended, or became another, neither is made nor redeemed")
{
    static const struct {
        edit how;
        const char *given, *taken;
    } changes_of[] = {{withdraw, "sharing", "sharing"},    {end_it, "sharing", "sharing"},
                      {not_yet, "sharing", "sharing"},     {other_item, "", "sharing"},
                      {other_giver, "sharing", "sharing"}, {other_place, "resident", "resident"}};
    const char *token = token_for(ELDERCARE, CARE, 5), *text = handover(5);
    const Vault__V1__GetDocumentResponse *now = standing("sharing");
    sharing_now = bytes_of(now->content.data, now->content.len);
    for (size_t i = 0; i < sizeof changes_of / sizeof *changes_of; i++) {
        change_document("sharing", changes_of[i].how);
        assert_string_equal(give_refused(&GIVER, token, BASIS), changes_of[i].given);
        assert_string_equal(take_refused(&TAKER, text), changes_of[i].taken);
        change_document("sharing", as_it_was);
    }
    assert_null(take(&TAKER, text)->status);
    fixture_reset();
}

TEST("a resident who was erased is handed over to nobody")
{
    const char *text = handover(190);
    pg_sql("create table aside as select * from resident_key; delete from resident_key");
    assert_string_equal(take_refused(&TAKER, text), "resident");
    pg_sql("insert into resident_key select * from aside; drop table aside");
    assert_null(take(&TAKER, text)->status);
    fixture_reset();
}

/* ---- once, whatever happens ---- */

TEST("a request that is repeated gives the same handovers, and makes no others")
{
    const char *tokens[3] = {token_for(ELDERCARE, CARE, 6), token_for(ELDERCARE, CARE, 7), "rv1x"};
    asking how = {.uri = ELDERCARE, .purpose = CARE, .id = "give-again"};
    const Vault__V1__BatchCreateHandoversResponse *one = given(called(&how, HANDOVERS, &wish(tokens, 3)->base));
    long stored = stored_vouchers();
    const Vault__V1__BatchCreateHandoversResponse *two = given(called(&how, HANDOVERS, &wish(tokens, 3)->base));
    for (size_t i = 0; i < 2; i++) assert_string_equal(one->results[i]->handover, two->results[i]->handover);
    malformed(two->results[2]->status, "TOKEN_MALFORMED");
    assert_int_equal(stored_vouchers(), stored);
    expect_outcome(called(&how, HANDOVERS, &wish(tokens, 2)->base), VAULT_CONFLICT, "REQUEST_ID_REUSED");
    assert_string_equal(pg_sql("select count(*) from request where position('rvh1'::bytea in answer) > 0"), "0");
    assert_string_equal(pg_sql("select count(*) from voucher where position('eldercare'::bytea in sealed) > 0"), "0");
    fixture_reset();
}

TEST("a redemption that is repeated is answered again, with a line, and is no second use; other content is refused")
{
    const char *text = handover(8), *other = handover(9);
    const asking how = {.uri = CLINIC, .purpose = DOCTOR, .id = "take-again"};
    const char *theirs = take(&how, text)->token;
    int64_t lines = lines_in_log();
    for (int i = 0; i < 3; i++) assert_string_equal(take(&how, text)->token, theirs);
    assert_int_equal(lines_in_log(), lines + 3);
    expect_outcome(called(&how, TRANSLATE, &shown(&other, 1)->base), VAULT_CONFLICT, "REQUEST_ID_REUSED");
    assert_string_equal(take_refused(&TAKER, text), "HANDOVER_USED");
    const asking thief = {.uri = POPULATION, .purpose = "population-register", .id = "take-again"};
    assert_string_equal(take_refused(&thief, text), "resident");
    fixture_reset();
}

TEST("a redemption that broke between two of its parts is repeated, and counts each once")
{
    const char *tokens[600], *texts[600];
    tokens[0] = token_for(ELDERCARE, CARE, 10);
    for (size_t i = 1; i < 600; i++) tokens[i] = tokens[0];
    const Vault__V1__BatchCreateHandoversResponse *made = given(called(&GIVER, HANDOVERS, &wish(tokens, 600)->base));
    for (size_t i = 0; i < 600; i++) texts[i] = made->results[i]->handover;
    const asking how = {.uri = CLINIC, .purpose = DOCTOR, .id = "broken"};
    pg_sql("create or replace function broken() returns trigger language plpgsql as "
           "$$ begin raise exception 'injected' using errcode = '57P01'; end $$");
    pg_sql("create trigger broken before insert on request execute function broken()");
    expect_outcome(called(&how, TRANSLATE, &shown(texts, 600)->base), VAULT_UNAVAILABLE, NULL);
    pg_sql("drop trigger broken on request");
    const Vault__V1__BatchRedeemHandoversResponse *got = taken(called(&how, TRANSLATE, &shown(texts, 600)->base));
    for (size_t i = 0; i < 600; i++) assert_null(got->results[i]->status);
    assert_string_equal(pg_sql("select max(version) from voucher"), "2");
    fixture_reset();
}

TEST("sixty-four calls race for one handover on two nodes: one has it, and under one request id all have the same")
{
    node other = {0};
    const char *text = handover(11), *same = handover(12), *token = NULL;
    node_open(&other);
    for (int shared = 0; shared < 2; shared++) {
        racer racers[RACERS] = {0};
        size_t won = 0;
        const asking how = {.uri = CLINIC, .purpose = DOCTOR, .id = shared ? "race" : NULL};
        for (int i = 0; i < RACERS; i++) {
            racers[i].path = TRANSLATE;
            for (int j = 0; j < RACE_CALLS; j++)
                racers[i].requests[j] = prepared(&how, TRANSLATE, &shown(shared ? &same : &text, 1)->base);
        }
        race_all(racers, &other);
        for (int i = 0; i < RACERS * RACE_CALLS; i++) {
            const Vault__V1__IssueResult *one = taken(racers[i / RACE_CALLS].requests[i % RACE_CALLS])->results[0];
            if (!one->status) token = lend(one->token), won++;
            if (one->status) assert_string_equal(refusal(one->status), "HANDOVER_USED");
        }
        race_over(racers);
        assert_int_equal(won, shared ? RACERS * RACE_CALLS : 1);
    }
    assert_string_equal(token, token_for(CLINIC, DOCTOR, 12));
    assert_string_equal(pg_sql("select max(version) from voucher"), "2");
    assert_string_equal(pg_sql("select count(*) = max(idx) + 1 from line"), "t");
    node_close(&other);
    fixture_reset();
}

/* ---- attacks on the table ---- */

static void expect_damaged(const char *text, const char *edit_sql)
{
    pg_sql("create table aside as select * from voucher; update voucher set %s where " NEWEST, edit_sql);
    const Vault__V1__IssueResult *one = take(&TAKER, text);
    assert_int_equal(one->status ? one->status->code : 0, 15);
    pg_sql("delete from voucher; insert into voucher select * from aside; drop table aside");
}

TEST("a row that was edited, or sealed for another, or for another use, is damage, and never a token")
{
    const char *token = token_for(ELDERCARE, CARE, 13);
    Vault__V1__BatchCreateHandoversRequest *in = wish(&token, 1);
    pg_sql("delete from voucher");
    const char *first = handover(13);
    in->expire_time = in_seconds(6 * 86400);
    const char *text = given(called(&GIVER, HANDOVERS, &in->base))->results[0]->handover;
    int64_t lines = lines_in_log();
    expect_damaged(text, "version = 2");
    expect_damaged(text, "expires = expires + 1");
    expect_damaged(text, "sealed = ''");
    expect_damaged(text, "sealed = set_byte(sealed, 0, get_byte(sealed, 0) # 1)");
    expect_damaged(text, "sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 128)");
    expect_damaged(text, "sealed = substr(sealed, 1, length(sealed) - 1)");
    expect_damaged(text, "sealed = (select sealed from voucher order by expires limit 1)");
    assert_int_equal(lines_in_log(), lines + 7);
    assert_null(take(&TAKER, text)->status);
    expect_damaged(text, "version = 1");
    assert_null(take(&TAKER, first)->status);
    fixture_reset();
}

TEST("a whole row put back as it was gives its use again: that is for the rows' audit; a deleted one is unknown")
{
    const char *text = handover(14);
    pg_sql("create table aside as select * from voucher");
    assert_null(take(&TAKER, text)->status);
    assert_string_equal(take_refused(&TAKER, text), "HANDOVER_USED");
    pg_sql("delete from voucher");
    assert_string_equal(take_refused(&TAKER, text), "resident");
    pg_sql("insert into voucher select * from aside");
    assert_null(take(&TAKER, text)->status);
    pg_sql("drop table aside");
    fixture_reset();
}

TEST("what stands in the table, a voucher of the other kind, a slip and a forgery redeem nothing")
{
    const char *text = handover(15);
    uint8_t id[VOUCHER_LEN];
    char forged[VOUCHER_TEXT_LEN + 1];
    const char *hex = pg_sql("select encode(id, 'hex') from voucher where " NEWEST);
    for (size_t i = 0; i < VOUCHER_LEN; i++) {
        char byte[3] = {hex[2 * i], hex[2 * i + 1], 0};
        id[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    voucher_write(forged, VOUCHER_HANDOVER, id);
    assert_string_equal(take_refused(&TAKER, forged), "resident");
    vault_error err = {0};
    uint8_t drawn[VOUCHER_LEN];
    expect_ok(voucher_read(drawn, VOUCHER_HANDOVER, bytes_of_text(text), &err), &err);
    voucher_write(forged, VOUCHER_VALUES, drawn);
    malformed(take(&TAKER, forged)->status, "TOKEN_MALFORMED");
    char *slip = lend(text);
    slip[20] = slip[20] == 'q' ? 'p' : 'q';
    malformed(take(&TAKER, slip)->status, "TOKEN_MISTYPED");
    assert_null(take(&TAKER, text)->status);
    fixture_reset();
}

/* ---- later: the clock of the log does not go back ---- */

TEST("an end that is asked for holds: at most seven days, one hour where none is named")
{
    const char *token = token_for(ELDERCARE, CARE, 4), *usual = handover(4);
    Vault__V1__BatchCreateHandoversRequest *in = wish(&token, 1);
    const int64_t bad[] = {-1, 8 * 86400, INT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        in->expire_time = in_seconds(bad[i]);
        request *rq = called(&GIVER, HANDOVERS, &in->base);
        expect_outcome(rq, VAULT_INVALID, "BAD_TIME");
        assert_string_equal(rq->err.field, "expire_time");
    }
    in->expire_time = in_seconds(7 * 86400);
    const char *week = given(called(&GIVER, HANDOVERS, &in->base))->results[0]->handover;
    int64_t now = clock_now_us();
    clock_set_for_test(now + INT64_C(3601) * 1000000);
    assert_string_equal(take_refused(&TAKER, usual), "HANDOVER_EXPIRED");
    const asking third = {.uri = POPULATION, .purpose = "population-register"};
    assert_string_equal(take_refused(&third, usual), "resident");
    clock_set_for_test(now + INT64_C(7) * 86400 * 1000000 - 2000000);
    assert_null(take(&TAKER, week)->status);
    clock_set_for_test(0);
    fixture_reset();
}

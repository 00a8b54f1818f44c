/* Vouchers: for named fields, so many uses, until their end, by their holder, as its own policy allows. */
#include "tests/unit/service/jwt.h"
#include "tests/unit/service/receipt.h"
#include "tests/unit/service/vouchers.h"
#include "tokenizer/voucher.h"

#define STREET resident_in_street(0)

/* Any token of eldercare's, and what is asked for besides. */
static Vault__V1__BatchCreateVouchersRequest *wish(uint64_t index, Google__Protobuf__FieldMask *mask)
{
    NEW_REQUEST(in, Vault__V1__BatchCreateVouchersRequest, vault__v1__batch_create_vouchers_request__init);
    const char *token = token_for(ELDERCARE, CARE, index);
    in->n_tokens = 1;
    in->tokens = lend_all(&token, 1);
    in->field_mask = mask;
    in->expire_time = in_seconds(3600);
    return in;
}

static const Vault__V1__VoucherResult *made(const asking *how, Vault__V1__BatchCreateVouchersRequest *in)
{
    request *rq = called(how, VOUCHERS, &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchCreateVouchersResponse *)(const void *)rq->out)->results[0];
}

/* A voucher of eldercare's for the name and phone of somebody in its street. */
static const char *voucher(const char *consumer, unsigned uses)
{
    Vault__V1__BatchCreateVouchersRequest *in = wish(STREET, MASK("phone", "name"));
    in->consumer = lend(consumer);
    in->uses = uses;
    const Vault__V1__VoucherResult *one = made(&GIVER, in);
    assert_null(one->status);
    return one->voucher;
}

static Vault__V1__BatchRedeemVouchersRequest *shown(const char *const *texts, size_t count)
{
    NEW_REQUEST(in, Vault__V1__BatchRedeemVouchersRequest, vault__v1__batch_redeem_vouchers_request__init);
    in->n_vouchers = count;
    in->vouchers = lend_all(texts, count);
    return in;
}

static const Vault__V1__BatchRedeemVouchersResponse *redeemed(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static const Vault__V1__RedeemVoucherResult *redeem(const asking *how, const char *text)
{
    return redeemed(called(how, REDEEM, &shown(&text, 1)->base))->results[0];
}

static const char *redeem_refused(const asking *how, const char *text)
{
    const Vault__V1__RedeemVoucherResult *one = redeem(how, text);
    assert_int_equal(one->n_values, 0);
    return refusal(one->status);
}

static const char *take_back(const asking *how, const char *text)
{
    NEW_REQUEST(in, Vault__V1__BatchRevokeVouchersRequest, vault__v1__batch_revoke_vouchers_request__init);
    in->n_vouchers = 1;
    in->vouchers = lend_all(&text, 1);
    request *rq = called(how, REVOKE, &in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    return refusal(((const Vault__V1__BatchRevokeVouchersResponse *)(const void *)rq->out)->results[0]->status);
}

static void expect_named(const Vault__V1__RedeemVoucherResult *got, size_t at, const char *field, const char *value)
{
    assert_true(at < got->n_values);
    assert_string_equal(got->values[at]->field, field);
    assert_string_equal(got->values[at]->value->text, value);
}

static const asking THIRD = {.uri = POPULATION, .purpose = "population-register"};

/* ---- the main job ---- */

TEST("a voucher reveals its fields, by name and in the schema's order, with lines for making and redeeming")
{
    resident r;
    the_resident(STREET, &r);
    int64_t then = clock_now_us();
    const char *text = voucher("clinic", 2);
    assert_memory_equal(text, "rvv1", 4);
    Vault__V1__BatchRedeemVouchersRequest *in = shown(&text, 1);
    in->want_receipt = true;
    const Vault__V1__BatchRedeemVouchersResponse *out = redeemed(called(&TAKER, REDEEM, &in->base));
    const Vault__V1__RedeemVoucherResult *got = out->results[0];
    expect_receipt(out->receipts[0]);
    assert_null(got->status);
    assert_int_equal(got->n_values, 2);
    expect_named(got, 0, "name", resident_text(&r, FIELD_NAME));
    expect_named(got, 1, "phone", resident_text(&r, FIELD_PHONE));
    assert_int_equal(got->uses_left, 1);
    assert_true(got->record_version > 0);
    const char *views = views_since(then);
    expect_in(views, "\"action\":\"voucher\"");
    expect_in(views, "\"action\":\"redeem\"");
    expect_in(views, "\"counterpart\":\"clinic\"");
    expect_in(views, "\"counterpart\":\"eldercare\"");
    expect_in(views, "\"rule\":\"clinic-reveal\"");
    assert_int_equal(occurrences(views, "\"fields\":\"name,phone\",\"form\":\"plain\""), 2);
    expect_not_in(views, resident_text(&r, FIELD_NAME));
    expect_not_in(views, text + 4);
    fixture_reset();
}

TEST("it is redeemed as often as it says, once where nothing is said, also within one call, and by its maker alone")
{
    const char *one = voucher("", 0), *three = voucher("", 3), *texts[5] = {three, one, three, three, three};
    const Vault__V1__BatchRedeemVouchersResponse *got = redeemed(called(&GIVER, REDEEM, &shown(texts, 5)->base));
    for (size_t i = 0; i < 4; i++) assert_null(got->results[i]->status);
    assert_int_equal(got->results[0]->uses_left, 2);
    assert_int_equal(got->results[1]->uses_left, 0);
    assert_int_equal(got->results[3]->uses_left, 0);
    assert_string_equal(refusal(got->results[4]->status), "VOUCHER_USED");
    assert_string_equal(redeem_refused(&GIVER, one), "VOUCHER_USED");
    assert_string_equal(redeem_refused(&TAKER, one), "resident");
    fixture_reset();
}

TEST("in masked form it shows what the mask shows, and no more")
{
    NEW_REQUEST(in, Vault__V1__BatchCreateVouchersRequest, vault__v1__batch_create_vouchers_request__init);
    const char *token = token_for(CLINIC, DOCTOR, 20);
    in->n_tokens = 1;
    in->tokens = lend_all(&token, 1);
    in->field_mask = MASK("id_number");
    assert_string_equal(refusal(made(&TAKER, in)->status), "form");
    in->form = VAULT__V1__FORM__FORM_MASKED;
    const Vault__V1__RedeemVoucherResult *got = redeem(&TAKER, made(&TAKER, in)->voucher);
    resident r;
    the_resident(20, &r);
    assert_null(got->status);
    assert_string_not_equal(got->values[0]->value->text, resident_text(&r, FIELD_ID_NUMBER));
    expect_in(got->values[0]->value->text, "*");
    fixture_reset();
}

/* ---- who may ---- */

TEST("whoever makes one must be allowed to reveal these fields of this resident, in this form")
{
    uint64_t here = STREET, there = resident_elsewhere(0);
    assert_string_equal(refusal(made(&GIVER, wish(here, MASK("name", "sex")))->status), "fields");
    assert_string_equal(refusal(made(&GIVER, wish(here, MASK("workplace")))->status), "dates");
    assert_string_equal(refusal(made(&GIVER, wish(here, MASK("religion")))->status), "acting");
    assert_string_equal(refusal(made(&GIVER, wish(there, MASK("name")))->status), "resident");
    Vault__V1__BatchCreateVouchersRequest *in = wish(here, MASK("name"));
    const char *foreign = token_for(CLINIC, DOCTOR, here);
    in->tokens = lend_all(&foreign, 1);
    assert_string_equal(refusal(made(&GIVER, in)->status), "resident");
    assert_string_equal(refusal(made(&(asking){.uri = ELDERCARE, .purpose = DOCTOR}, wish(here, MASK("name")))->status),
                        "consumer");
    fixture_reset();
}

TEST("whoever redeems one must be allowed to, too: its own rules decide, with the person who acts")
{
    Vault__V1__BatchCreateVouchersRequest *in = wish(STREET, MASK("name", "care_category"));
    in->consumer = lend("clinic");
    const char *text = made(&GIVER, in)->voucher;
    assert_string_equal(redeem_refused(&TAKER, text), "fields");
    asking person = {.uri = ELDERCARE, .purpose = CARE, .assertion = assertion_of(&(claims){0})};
    const char *belief = made(&person, wish(STREET, MASK("religion")))->voucher;
    assert_string_equal(redeem_refused(&GIVER, belief), "acting");
    person.assertion = assertion_of(&(claims){0});
    assert_null(redeem(&person, belief)->status); /* what was refused was no use */
    fixture_reset();
}

TEST("a third party and its maker, where another holds it, are answered like one that was never made")
{
    const char *text = voucher("clinic", 1);
    char forged[VOUCHER_TEXT_LEN + 1];
    voucher_write(forged, VOUCHER_VALUES, (const uint8_t *)"0123456789abcdef");
    const Google__Rpc__Status *unknown = redeem(&TAKER, forged)->status;
    assert_string_equal(refusal(unknown), "resident");
    expect_alike(redeem(&THIRD, text)->status, unknown);
    expect_alike(redeem(&GIVER, text)->status, unknown);
    assert_null(redeem(&TAKER, text)->status);
    expect_alike(redeem(&THIRD, text)->status, unknown); /* also when it is used up */
    fixture_reset();
}

/* ---- ends ---- */

TEST("what was revoked by its maker reveals nothing any more; nobody else revokes it")
{
    const char *text = voucher("clinic", 5);
    int64_t then = clock_now_us();
    assert_null(redeem(&TAKER, text)->status);
    assert_string_equal(take_back(&TAKER, text), "resident");
    assert_string_equal(take_back(&THIRD, text), "resident");
    assert_null(redeem(&TAKER, text)->status);
    for (int i = 0; i < 2; i++) assert_string_equal(take_back(&GIVER, text), "");
    assert_string_equal(redeem_refused(&TAKER, text), "VOUCHER_REVOKED");
    assert_string_equal(redeem_refused(&THIRD, text), "resident");
    char forged[VOUCHER_TEXT_LEN + 1];
    voucher_write(forged, VOUCHER_VALUES, (const uint8_t *)"0123456789abcdef");
    assert_string_equal(take_back(&GIVER, forged), "resident");
    voucher_write(forged, VOUCHER_HANDOVER, (const uint8_t *)"0123456789abcdef");
    assert_string_equal(take_back(&GIVER, forged), "TOKEN_MALFORMED");
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"form\":\"revoke\",\"outcome\":\"granted\""), 2);
    fixture_reset();
}

/* ---- once, whatever happens ---- */

TEST("a request that is repeated makes no other voucher; a redemption that is repeated is no second use")
{
    Vault__V1__BatchCreateVouchersRequest *in = wish(STREET, MASK("name"));
    asking give = {.uri = ELDERCARE, .purpose = CARE, .id = "make-again"};
    in->uses = 40;
    const char *text = made(&give, in)->voucher;
    long stored = stored_vouchers();
    assert_string_equal(made(&give, in)->voucher, text);
    assert_int_equal(stored_vouchers(), stored);
    in->uses = 41;
    expect_outcome(called(&give, VOUCHERS, &in->base), VAULT_CONFLICT, "REQUEST_ID_REUSED");
    asking use = {.uri = ELDERCARE, .purpose = CARE, .id = "use-again"};
    assert_int_equal(redeem(&use, text)->uses_left, 39);
    for (int i = 0; i < 20; i++) (void)redeem(&GIVER, text); /* more than the marks that a row keeps */
    const Vault__V1__RedeemVoucherResult *again = redeem(&use, text);
    assert_int_equal(again->uses_left, 19);
    assert_int_equal(again->n_values, 1);
    assert_int_equal(redeem(&GIVER, text)->uses_left, 18);
    assert_string_equal(take_back(&GIVER, text), "");
    assert_string_equal(redeem_refused(&use, text),
                        "VOUCHER_REVOKED"); /* what is over is over, also for a repetition */
    fixture_reset();
}

TEST("the same wish twice in one run of calls makes its vouchers once, and both are answered alike")
{
    Vault__V1__BatchCreateVouchersRequest *in = wish(STREET, MASK("name"));
    const char *token = in->tokens[0], *tokens[4] = {token, token, token, token};
    asking give = {.uri = ELDERCARE, .purpose = CARE, .id = "make-twins"};
    in->tokens = lend_all(tokens, in->n_tokens = 4);
    NEW_REQUEST(copy, Vault__V1__BatchCreateVouchersRequest, vault__v1__batch_create_vouchers_request__init);
    *copy = *in;
    long stored = stored_vouchers();
    request *both[2] = {prepared(&give, VOUCHERS, &in->base), prepared(&give, VOUCHERS, &copy->base)};
    service_run(fixture_session(), method_at(VOUCHERS), both, 2);
    for (size_t i = 0; i < 2; i++) expect_outcome(both[i], VAULT_OK, NULL);
    const Vault__V1__BatchCreateVouchersResponse *one = (const void *)both[0]->out, *two = (const void *)both[1]->out;
    for (size_t i = 0; i < 4; i++) assert_string_equal(one->results[i]->voucher, two->results[i]->voucher);
    assert_int_equal(stored_vouchers(), stored + 4);
    fixture_reset();
}

TEST("what broke between its two parts is made anew, is kept whole, and what was made before is nobody's")
{
    enum { MANY = 600 };
    Vault__V1__BatchCreateVouchersRequest *in = wish(STREET, MASK("name"));
    const char *tokens[MANY];
    const asking give = {.uri = ELDERCARE, .purpose = CARE, .id = "make-many"};
    for (size_t i = 0; i < MANY; i++) tokens[i] = in->tokens[0];
    in->tokens = lend_all(tokens, in->n_tokens = MANY);
    pg_sql("create function broken() returns trigger language plpgsql as "
           "$$ begin raise exception 'injected' using errcode = '57P01'; end $$;"
           "create trigger broken before insert on request execute function broken()");
    expect_outcome(called(&give, VOUCHERS, &in->base), VAULT_UNAVAILABLE, NULL);
    pg_sql("drop trigger broken on request; drop function broken");
    const Vault__V1__BatchCreateVouchersResponse *out[2];
    for (size_t i = 0; i < 2; i++) {
        request *rq = called(&give, VOUCHERS, &in->base);
        expect_outcome(rq, VAULT_OK, NULL);
        out[i] = (const void *)rq->out;
        assert_int_equal(out[i]->n_results, MANY);
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_null(out[0]->results[i]->status);
        assert_string_equal(out[0]->results[i]->voucher, out[1]->results[i]->voucher);
    }
    static const size_t some[] = {0, 511, 512, MANY - 1};
    for (size_t i = 0; i < 4; i++) assert_null(redeem(&GIVER, out[1]->results[some[i]]->voucher)->status);
    fixture_reset();
}

TEST("sixty-four calls race on two nodes for a voucher of ten uses: exactly ten have them")
{
    node other = {0};
    racer racers[RACERS] = {0};
    const char *text = voucher("clinic", 10);
    size_t won = 0;
    node_open(&other);
    for (int i = 0; i < RACERS; i++) {
        racers[i].path = REDEEM;
        for (int j = 0; j < RACE_CALLS; j++) racers[i].requests[j] = prepared(&TAKER, REDEEM, &shown(&text, 1)->base);
    }
    race_all(racers, &other);
    for (int i = 0; i < RACERS * RACE_CALLS; i++) {
        const Vault__V1__RedeemVoucherResult *one =
            redeemed(racers[i / RACE_CALLS].requests[i % RACE_CALLS])->results[0];
        won += !one->status;
        if (one->status) assert_string_equal(refusal(one->status), "VOUCHER_USED");
    }
    race_over(racers);
    assert_int_equal(won, 10);
    assert_string_equal(pg_sql("select count(*) = max(idx) + 1 from line"), "t");
    node_close(&other);
    fixture_reset();
}

/* ---- attacks on the table ---- */

TEST("a row that was edited, or carries another's seal, reveals and revokes nothing, and says so")
{
    pg_sql("delete from voucher");
    const char *other = voucher("", 1), *text;
    Vault__V1__BatchCreateVouchersRequest *in = wish(STREET, MASK("name"));
    in->expire_time = in_seconds(7200);
    text = made(&GIVER, in)->voucher;
    static const char *const edits[] = {
        "version = 7", "expires = expires + 1000",
        "sealed = set_byte(sealed, length(sealed) / 2, get_byte(sealed, length(sealed) / 2) # 4)",
        "sealed = (select sealed from voucher order by expires limit 1)"};
    pg_sql("create table aside as select * from voucher");
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        pg_sql("update voucher set %s where " NEWEST, edits[i]);
        const Vault__V1__RedeemVoucherResult *one = redeem(&GIVER, text);
        assert_int_equal(one->status ? one->status->code : 0, 15);
        assert_int_equal(one->n_values, 0);
        assert_string_equal(take_back(&GIVER, text), "INTEGRITY");
        pg_sql("delete from voucher; insert into voucher select * from aside");
    }
    pg_sql("drop table aside");
    assert_null(redeem(&GIVER, text)->status);
    assert_null(redeem(&GIVER, other)->status);
    fixture_reset();
}

TEST("nothing of a voucher stands readable in the table, nor its secret anywhere")
{
    pg_sql("delete from voucher; delete from request");
    const char *text = voucher("clinic", 1);
    vault_error err = {0};
    uint8_t drawn[VOUCHER_LEN];
    char hex[2 * VOUCHER_LEN + 1];
    expect_ok(voucher_read(drawn, VOUCHER_VALUES, bytes_of_text(text), &err), &err);
    hex_encode(hex, bytes_of(drawn, sizeof drawn));
    assert_string_equal(pg_sql("select count(*) from voucher where position('clinic'::bytea in sealed) > 0 or "
                               "position('\\x%s'::bytea in sealed || id) > 0",
                               hex),
                        "0");
    assert_string_equal(pg_sql("select count(*) from request where position('\\x%s'::bytea in answer || id) > 0 or "
                               "position('%s'::bytea in answer) > 0",
                               hex, text + 4),
                        "0");
    assert_string_equal(
        pg_sql("select count(*) from line where position('%s'::bytea in officer || resident) > 0", text + 4), "0");
    fixture_reset();
}

/* ---- later: the clock of the log does not go back ---- */

TEST("its end holds, its holder is told, and what is asked for beyond the bounds is refused by the path")
{
    const char *text = voucher("clinic", 5);
    int64_t now = clock_now_us();
    clock_set_for_test(now + INT64_C(3602) * 1000000);
    assert_string_equal(redeem_refused(&TAKER, text), "VOUCHER_EXPIRED");
    assert_string_equal(redeem_refused(&THIRD, text), "resident");
    clock_set_for_test(0);
    static const struct {
        int64_t seconds;
        unsigned uses;
        const char *consumer, *reason, *field;
    } bad[] = {{-5, 1, "", "BAD_TIME", "expire_time"},
               {1800, 1, "", "BAD_TIME", "expire_time"}, /* the log has been there: to it the clock was set back */
               {INT64_C(400) * 86400, 1, "", "BAD_TIME", "expire_time"},
               {INT64_MAX / 2, 1, "", "BAD_TIME", "expire_time"},
               {60, 1000001, "", "OUT_OF_RANGE", "uses"},
               {60, 1, "nobody", "UNKNOWN_CONSUMER", "consumer"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Vault__V1__BatchCreateVouchersRequest *in = wish(STREET, MASK("name"));
        in->expire_time = in_seconds(0);
        in->expire_time->seconds = i == 3 ? bad[i].seconds : in->expire_time->seconds + bad[i].seconds;
        in->uses = bad[i].uses;
        in->consumer = lend(bad[i].consumer);
        request *rq = called(&GIVER, VOUCHERS, &in->base);
        expect_outcome(rq, VAULT_INVALID, bad[i].reason);
        assert_string_equal(rq->err.field, bad[i].field);
    }
    fixture_reset();
}

TEST("a redemption is repeated for a week after its use, and no longer: later it would be a second use")
{
    Vault__V1__BatchCreateVouchersRequest *in = wish(STREET, MASK("name"));
    const int64_t now = clock_now_us(), day = INT64_C(86400) * 1000000;
    asking use = {.uri = ELDERCARE, .purpose = CARE, .id = "use-for-a-week"};
    in->expire_time = in_seconds(INT64_C(30) * 86400);
    in->uses = 2;
    const char *twice = made(&GIVER, in)->voucher;
    in->uses = 1;
    const char *once = made(&GIVER, in)->voucher, *texts[] = {twice, once};
    assert_null(redeemed(called(&use, REDEEM, &shown(texts, 2)->base))->results[1]->status);
    clock_set_for_test(now + 6 * day);
    assert_null(redeemed(called(&use, REDEEM, &shown(texts, 2)->base))->results[1]->status);
    clock_set_for_test(now + 8 * day);
    const Vault__V1__BatchRedeemVouchersResponse *late = redeemed(called(&use, REDEEM, &shown(texts, 2)->base));
    assert_int_equal(late->results[0]->uses_left, 0);
    assert_null(late->results[0]->status);
    assert_string_equal(refusal(late->results[1]->status), "VOUCHER_USED");
    assert_int_equal(late->results[1]->n_values, 0);
    clock_set_for_test(0);
    fixture_reset();
}

TEST("a person whose contract is over does not act with vouchers at all")
{
    const int64_t now = clock_now_us() + INT64_C(9) * 86400 * 1000000; /* where the log has been */
    asking person = {.uri = ELDERCARE, .purpose = CARE};
    clock_set_for_test(now);
    const char *text = voucher("", 1);
    clock_set_for_test(now + INT64_C(365) * 86400 * 1000000 * 5);
    person.assertion = assertion_of(&(claims){0});
    assert_string_equal(redeem_refused(&person, text), "contract");
    person.assertion = assertion_of(&(claims){0});
    assert_string_equal(take_back(&person, text), "contract");
    clock_set_for_test(0);
    fixture_reset();
}

/* One table of what every call by token answers, whatever the token is worth: nobody can tell by the answer why it
 * leads nowhere. And the same for the calls by value. */
#include "tests/unit/service/asking.h"
#include "tokenizer/voucher.h"

static session *by; /* NULL: the fixture's */
static const domain *care;
static block_cipher *care_key;
static uint64_t here, away;

/* ---- what is asked ---- */

/* Why it was refused ("" where it was not), and the whole status as it goes over the wire. */
typedef struct reply {
    const char *why;
    bytes status;
} reply;

static request *send(const char *path, ProtobufCMessage *in)
{
    return ask(&(asked){.path = path, .uri = ELDERCARE, .purpose = "elder-care", .in = in, .by = by});
}

static reply of_call(const request *rq)
{
    const vault_error *err = &rq->err;
    assert_true((err->code == VAULT_OK) == (rq->out != NULL));
    if (err->code == VAULT_OK) return (reply){.why = "", .status = bytes_of("", 0)};
    const char *space = err->field[0] ? " " : "";
    return (reply){.why = arena_format(fixture_memory(), "%s%s%s", err->reason ? err->reason : "?", space, err->field),
                   .status = status_packed(fixture_memory(), err)};
}

static reply of_item(const Google__Rpc__Status *status)
{
    if (!status) return (reply){.why = "", .status = bytes_of("", 0)};
    uint8_t *at = arena_alloc(fixture_memory(), protobuf_c_message_get_packed_size(&status->base));
    return (reply){.why = why(status), .status = bytes_of(at, protobuf_c_message_pack(&status->base, at))};
}

/* The first result of a batch, which must have gone through as a whole. */
static const request *went_through(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return rq;
}
#define ITEM(rq, Type)  of_item(((const Type *)(const void *)went_through(rq)->out)->results[0]->status)
#define NEW(Type, init) (init((Type *)scratch(sizeof(Type))), (Type *)newest)

static void *newest;
static void *scratch(size_t size)
{
    return newest = arena_alloc(fixture_memory(), size);
}

static char *record_name(const char *text)
{
    return arena_format(fixture_memory(), "records/%s", text);
}

static reply ask_reveal(const char *text)
{
    return of_call(send("/vault.v1.Tokens/Reveal", &reveal_of(text, MASK("name"))->base));
}

static reply ask_reveal_token(const char *text)
{
    Vault__V1__RevealRequest *in = reveal_of(text, MASK("phone"));
    in->form = VAULT__V1__FORM__FORM_TOKEN;
    return of_call(send("/vault.v1.Tokens/Reveal", &in->base));
}

static reply ask_batch_reveal(const char *text)
{
    Vault__V1__BatchRevealRequest *in = NEW(Vault__V1__BatchRevealRequest, vault__v1__batch_reveal_request__init);
    in->tokens = one_text(text), in->n_tokens = 1;
    in->field_mask = MASK("name");
    return ITEM(send("/vault.v1.Tokens/BatchReveal", &in->base), Vault__V1__BatchRevealResponse);
}

static reply ask_inspect(const char *text)
{
    Vault__V1__BatchInspectRequest *in = NEW(Vault__V1__BatchInspectRequest, vault__v1__batch_inspect_request__init);
    in->tokens = one_text(text), in->n_tokens = 1;
    request *rq = send("/vault.v1.Tokens/BatchInspect", &in->base);
    reply out = ITEM(rq, Vault__V1__BatchInspectResponse);
    const Vault__V1__InspectResult *got = ((const Vault__V1__BatchInspectResponse *)(void *)rq->out)->results[0];
    static const char *const states[] = {"", "valid", "expired", "gone"};
    if (!got->status) out.why = states[got->state];
    return out;
}

static reply ask_test(const char *question, const char *text, const char *other)
{
    Vault__V1__BatchTestRequest *in = NEW(Vault__V1__BatchTestRequest, vault__v1__batch_test_request__init);
    Vault__V1__TestItem *one = NEW(Vault__V1__TestItem, vault__v1__test_item__init);
    one->token = (char *)(uintptr_t)text;
    if (other) one->than_case = VAULT__V1__TEST_ITEM__THAN_OTHER_TOKEN, one->other_token = (char *)(uintptr_t)other;
    in->predicate = (char *)(uintptr_t)question;
    in->items = scratch(sizeof *in->items), in->items[0] = one, in->n_items = 1;
    return ITEM(send("/vault.v1.Tokens/BatchTest", &in->base), Vault__V1__BatchTestResponse);
}

static const char *companion; /* an own token, to compare with */

static reply ask_age(const char *text)
{
    return ask_test("test_60", text, NULL);
}
static reply ask_street(const char *text)
{
    return ask_test("test_street", text, companion);
}
static reply ask_street_of(const char *text)
{
    return ask_test("test_street", companion, text);
}

static reply ask_get(const char *text)
{
    Vault__V1__GetRecordRequest *in = NEW(Vault__V1__GetRecordRequest, vault__v1__get_record_request__init);
    in->name = record_name(text);
    in->field_mask = MASK("name");
    return of_call(send("/vault.v1.Records/Get", &in->base));
}

static reply ask_update(const char *text)
{
    Vault__V1__UpdateRecordRequest *in = NEW(Vault__V1__UpdateRecordRequest, vault__v1__update_record_request__init);
    in->name = record_name(text);
    in->version = 1;
    in->field_mask = MASK("phone");
    in->values = one_text(value_of(here, FIELD_PHONE)), in->n_values = 1;
    return of_call(send("/vault.v1.Records/Update", &in->base));
}

static reply ask_export(const char *text)
{
    Vault__V1__ExportRequest *in = NEW(Vault__V1__ExportRequest, vault__v1__export_request__init);
    in->name = record_name(text);
    return of_call(send("/vault.v1.Records/Export", &in->base));
}

static reply ask_handover(const char *text)
{
    Vault__V1__BatchCreateHandoversRequest *in =
        NEW(Vault__V1__BatchCreateHandoversRequest, vault__v1__batch_create_handovers_request__init);
    in->tokens = one_text(text), in->n_tokens = 1;
    in->basis = (char *)(uintptr_t) "care-to-clinic";
    return ITEM(send("/vault.v1.Tokens/BatchCreateHandovers", &in->base), Vault__V1__BatchCreateHandoversResponse);
}

static reply ask_voucher(const char *text)
{
    Vault__V1__BatchCreateVouchersRequest *in =
        NEW(Vault__V1__BatchCreateVouchersRequest, vault__v1__batch_create_vouchers_request__init);
    in->tokens = one_text(text), in->n_tokens = 1;
    in->field_mask = MASK("name");
    return ITEM(send("/vault.v1.Tokens/BatchCreateVouchers", &in->base), Vault__V1__BatchCreateVouchersResponse);
}

static const struct asking {
    const char *name, *path; /* of the token in the request */
    reply (*ask)(const char *text);
    int lines;
    bool everywhere; /* also outside of the street */
} ASKINGS[] = {
    {"Reveal", "token", ask_reveal, 1, false},
    {"Reveal of a token", "token", ask_reveal_token, 1, false},
    {"BatchReveal", "tokens[0]", ask_batch_reveal, 1, false},
    {"BatchInspect", "tokens[0]", ask_inspect, 1, false},
    {"BatchTest", "items[0].token", ask_age, 1, false},
    {"BatchTest of two", "items[0].token", ask_street, 2, false},
    {"BatchTest with another", "items[0].other_token", ask_street_of, 2, false},
    {"Get", "name", ask_get, 1, false},
    {"Update", "name", ask_update, 1, false},
    {"Export", "name", ask_export, 1, false},
    {"BatchCreateHandovers", "tokens[0]", ask_handover, 1, true}, /* the basis is for the whole district */
    {"BatchCreateVouchers", "tokens[0]", ask_voucher, 1, false},
};
enum { ASKED = sizeof ASKINGS / sizeof *ASKINGS };

/* ---- what the token is worth ---- */

static const char *genuine; /* of a resident in the street */

static const char *own(void)
{
    return genuine;
}
static const char *elsewhere(void)
{
    return token_for(ELDERCARE, "elder-care", away);
}
static const char *unknown(void)
{
    return forge(care, care_key, INT64_MAX, 0);
}
static const char *forged(void)
{
    return forge(care, care_key, id_behind(genuine, care_key), 2);
}
static const char *of_another(void)
{
    return token_for(CLINIC, "family-doctor", here);
}
static const char *of_another_purpose(void)
{
    return token_for(ELDERCARE, "elder-meals", here);
}

static const char *changed(uint32_t domain_number, uint16_t epoch)
{
    token t;
    vault_error err = {0};
    char text[TOKEN_TEXT_LEN + 1];
    expect_ok(token_read(&t, bytes_of_text(genuine), &err), &err);
    t.domain = domain_number;
    t.epoch = epoch;
    token_write(text, &t);
    return arena_text(fixture_memory(), bytes_of_text(text));
}
static const char *of_no_epoch(void)
{
    return changed(care->number, 9);
}
static const char *of_no_domain(void)
{
    return changed(care->number ^ 1, 1);
}

static const char *mistyped(void)
{
    char *text = arena_text(fixture_memory(), bytes_of_text(genuine));
    text[20] = text[20] == 'q' ? 'p' : 'q';
    return text;
}
static const char *malformed(void)
{
    return arena_text(fixture_memory(), bytes_of(genuine, 30));
}

static void restrict_it(void)
{
    set_state(id_behind(genuine, care_key), RECORD_RESTRICTED);
}
static void free_it(void)
{
    set_state(id_behind(genuine, care_key), RECORD_LIVE);
}

/* An erased record has neither row nor key. */
static void erase_it(void)
{
    long long id = id_behind(genuine, care_key);
    pg_sql("create table kept_row as select * from resident where id = %lld", id);
    pg_sql("create table kept_key as select * from resident_key where id = %lld", id);
    pg_sql("create table kept_terms as select * from resident_term where id = %lld", id);
    pg_sql("delete from resident where id = %lld", id);
    pg_sql("delete from resident_key where id = %lld", id);
    pg_sql("delete from resident_term where id = %lld", id);
}
static void bring_back(void)
{
    pg_sql("insert into resident select * from kept_row; insert into resident_key select * from kept_key;"
           "insert into resident_term select * from kept_terms; drop table kept_row, kept_key, kept_terms");
}

static void retire_epoch(void)
{
    begin_epoch_2(care, RING_RETIRING);
    ring_of(care, 1)->ends_us = INT64_MAX;
    by = new_session();
}
static void end_epoch(void)
{
    ring_of(care, 1)->ends_us = 1;
    by = new_session();
}
static void destroy_epoch(void)
{
    begin_epoch_2(care, RING_DESTROYED);
    by = new_session();
}
static void close_session(void)
{
    session_close(&by);
}

/* The epochs come last: the process has them from then on. `companion` is then of the second epoch. */
static const struct worth {
    const char *name;
    const char *(*text)(void);
    void (*before)(void), (*after)(void);
    const char *wanted, *inspected; /* INVALID: without the path */
} WORTHS[] = {
    {"own", own, NULL, NULL, "", "valid"},
    {"elsewhere", elsewhere, NULL, NULL, "resident", "valid"},
    {"unknown", unknown, NULL, NULL, "resident", "gone"},
    {"restricted", own, restrict_it, free_it, "resident", "gone"},
    {"erased", own, erase_it, bring_back, "resident", "gone"},
    {"forged", forged, NULL, NULL, "resident", "resident"},
    {"of another domain", of_another, NULL, NULL, "resident", "resident"},
    {"of another purpose", of_another_purpose, NULL, NULL, "resident", "resident"},
    {"of an epoch that never was", of_no_epoch, NULL, NULL, "resident", "resident"},
    {"of a domain that never was", of_no_domain, NULL, NULL, "resident", "resident"},
    {"mistyped", mistyped, NULL, NULL, "TOKEN_MISTYPED ", "TOKEN_MISTYPED "},
    {"malformed", malformed, NULL, NULL, "TOKEN_MALFORMED ", "TOKEN_MALFORMED "},
    {"of an epoch before, until it ends", own, retire_epoch, close_session, "", "valid"},
    {"forged, of that epoch", forged, NULL, NULL, "resident", "resident"},
    {"of an epoch that is over, but has its key", own, end_epoch, close_session, "TOKEN_EPOCH_ENDED", "expired"},
    {"forged, of an epoch that is over", forged, NULL, NULL, "TOKEN_EPOCH_ENDED", "resident"},
    {"of an epoch whose key is destroyed", own, destroy_epoch, close_session, "TOKEN_EPOCH_ENDED", "expired"},
};
enum { WORTHS_COUNT = sizeof WORTHS / sizeof *WORTHS };

static void given_residents(void)
{
    here = with_own_phone(true, 0);
    away = with_own_phone(false, 0);
    care = domain_of(ELDERCARE, "elder-care");
    care_key = key_of(care);
    genuine = token_for(ELDERCARE, "elder-care", here);
    companion = token_for(ELDERCARE, "elder-care", with_own_phone(true, here + 1));
}

/* All that a token leads nowhere for must look the same, byte by byte. */
static void expect_reply(const struct asking *a, const struct worth *w, const char *text, bytes *nowhere)
{
    char wanted[96];
    bool inspects = a->ask == ask_inspect;
    bool permitted = a->everywhere && w->text == elsewhere;
    const char *plain = inspects ? w->inspected : permitted ? "" : w->wanted;
    bool invalid = plain[0] && plain[strlen(plain) - 1] == ' ';
    snprintf(wanted, sizeof wanted, "%s%s", plain, invalid ? a->path : "");
    int64_t before = lines_in_log();
    const reply got = a->ask(text);
    if (strcmp(got.why, wanted) != 0) fail_msg("%s, %s: \"%s\", not \"%s\"", a->name, w->name, got.why, wanted);
    bool early = invalid || strcmp(plain, "TOKEN_EPOCH_ENDED") == 0; /* by the text alone */
    if (lines_in_log() != before + (early ? 0 : a->lines)) fail_msg("%s, %s: other lines", a->name, w->name);
    if (strcmp(wanted, "resident") != 0) return;
    if (!nowhere->at) *nowhere = got.status;
    assert_true(bytes_same(*nowhere, got.status));
}

/* ---- the calls by value ---- */

static reply issue_by(const char *field, const char *text)
{
    Vault__V1__BatchIssueRequest *in = NEW(Vault__V1__BatchIssueRequest, vault__v1__batch_issue_request__init);
    in->field = arena_text(fixture_memory(), bytes_of_text(field));
    in->values = one_text(text), in->n_values = 1;
    return ITEM(send("/vault.v1.Tokens/BatchIssue", &in->base), Vault__V1__BatchIssueResponse);
}

static reply issue_by_number(const char *text)
{
    return issue_by("", text);
}
static reply issue_by_phone(const char *text)
{
    return issue_by("phone", text);
}

static reply restore_phone(const char *text)
{
    Vault__V1__BatchRestoreRequest *in = NEW(Vault__V1__BatchRestoreRequest, vault__v1__batch_restore_request__init);
    in->field = arena_text(fixture_memory(), bytes_of_text("phone"));
    in->values = one_text(text), in->n_values = 1;
    return ITEM(send("/vault.v1.Tokens/BatchRestore", &in->base), Vault__V1__BatchRestoreResponse);
}

/* The token that eldercare has of a phone, whosoever it is. */
static const char *token_of_phone(const char *phone)
{
    const schema_field field = {.name = "phone", .format = format_find("mobile"), .token = true};
    char made[PRESERVE_TEXT_MAX + 1];
    vault_error err = {0};
    cabinet_act_for(fixture_session()->cabinet, care);
    expect_ok(cabinet_preserve(fixture_session()->cabinet, made, &field, bytes_of_text(phone), &err), &err);
    return arena_text(fixture_memory(), bytes_of_text(made));
}

/* Who is named, and what is said: eldercare issues in the whole district, and sees phones in its street alone. */
static const struct named {
    const char *name;
    uint64_t *who; /* NULL: nobody */
    void (*before)(void), (*after)(void);
    const char *issued, *restored;
} NAMED[] = {
    {"own", &here, NULL, NULL, "", ""},
    {"elsewhere", &away, NULL, NULL, "", "resident"},
    {"unknown", NULL, NULL, NULL, "resident", "resident"},
    {"restricted", &here, restrict_it, free_it, "resident", "resident"},
    {"erased", &here, erase_it, bring_back, "resident", "resident"},
};

static void expect_named(const struct named *n, reply (*ask_it)(const char *), const char *text, const char *wanted,
                         bytes *nowhere)
{
    int64_t before = lines_in_log();
    const reply got = ask_it(text);
    if (strcmp(got.why, wanted) != 0) fail_msg("%s, %s: \"%s\", not \"%s\"", n->name, text, got.why, wanted);
    assert_int_equal(lines_in_log(), before + 1);
    if (!wanted[0]) return;
    if (!nowhere->at) *nowhere = got.status;
    assert_true(bytes_same(*nowhere, got.status));
}

TEST("every call by value answers as its table says, and all that lead nowhere in the same bytes")
{
    bytes nowhere = {0};
    given_residents();
    resident nobody;
    the_resident(9999, &nobody);
    for (size_t i = 0; i < sizeof NAMED / sizeof *NAMED; i++) {
        const struct named *n = &NAMED[i];
        const char *number = n->who ? value_of(*n->who, FIELD_ID_NUMBER) : resident_text(&nobody, FIELD_ID_NUMBER);
        const char *phone = n->who ? value_of(*n->who, FIELD_PHONE) : "13900009999";
        if (n->before) n->before();
        expect_named(n, issue_by_number, number, n->issued, &nowhere);
        expect_named(n, issue_by_phone, phone, n->issued, &nowhere);
        expect_named(n, restore_phone, token_of_phone(phone), n->restored, &nowhere);
        if (n->after) n->after();
    }
    assert_string_equal(issue_by_number("110105194912310021").why, "BAD_CHECK_DIGIT values[0]");
    assert_string_equal(issue_by_phone("139000099").why, "BAD_LENGTH values[0]");
    assert_string_equal(restore_phone("139000099").why, "BAD_LENGTH values[0]");
    block_free(&care_key);
    fixture_reset();
}

/* ---- vouchers and handovers, redeemed ---- */

/* Both made by eldercare for `genuine`: the voucher for itself, the handover for the clinic. */
static const char *make_voucher(void)
{
    Vault__V1__BatchCreateVouchersRequest *in =
        NEW(Vault__V1__BatchCreateVouchersRequest, vault__v1__batch_create_vouchers_request__init);
    in->tokens = one_text(genuine), in->n_tokens = 1;
    in->field_mask = MASK("name");
    const request *rq = went_through(send("/vault.v1.Tokens/BatchCreateVouchers", &in->base));
    return ((const Vault__V1__BatchCreateVouchersResponse *)(const void *)rq->out)->results[0]->voucher;
}

static const char *make_handover(void)
{
    Vault__V1__BatchCreateHandoversRequest *in =
        NEW(Vault__V1__BatchCreateHandoversRequest, vault__v1__batch_create_handovers_request__init);
    in->tokens = one_text(genuine), in->n_tokens = 1;
    in->basis = (char *)(uintptr_t) "care-to-clinic";
    const request *rq = went_through(send("/vault.v1.Tokens/BatchCreateHandovers", &in->base));
    return ((const Vault__V1__BatchCreateHandoversResponse *)(const void *)rq->out)->results[0]->handover;
}

static reply redeem(const char *text, const char *uri, const char *purpose_id)
{
    Vault__V1__BatchRedeemVouchersRequest *in =
        NEW(Vault__V1__BatchRedeemVouchersRequest, vault__v1__batch_redeem_vouchers_request__init);
    in->vouchers = one_text(text), in->n_vouchers = 1;
    return ITEM(
        ask(&(asked){
            .path = "/vault.v1.Tokens/BatchRedeemVouchers", .uri = uri, .purpose = purpose_id, .in = &in->base}),
        Vault__V1__BatchRedeemVouchersResponse);
}

static reply take_over(const char *text, const char *uri, const char *purpose_id)
{
    Vault__V1__BatchRedeemHandoversRequest *in =
        NEW(Vault__V1__BatchRedeemHandoversRequest, vault__v1__batch_redeem_handovers_request__init);
    in->handovers = one_text(text), in->n_handovers = 1;
    return ITEM(
        ask(&(asked){
            .path = "/vault.v1.Tokens/BatchRedeemHandovers", .uri = uri, .purpose = purpose_id, .in = &in->base}),
        Vault__V1__BatchRedeemHandoversResponse);
}

static reply redeem_own(const char *text)
{
    return redeem(text, ELDERCARE, "elder-care");
}
static reply redeem_as_third(const char *text)
{
    return redeem(text, POPULATION, "population-register");
}
static reply take_own(const char *text)
{
    return take_over(text, CLINIC, "family-doctor");
}
static reply take_as_third(const char *text)
{
    return take_over(text, POPULATION, "population-register");
}

static char *brought; /* the voucher or handover at hand */

static void use_voucher(void)
{
    assert_string_equal(redeem_own(brought).why, "");
}
static void use_handover(void)
{
    assert_string_equal(take_own(brought).why, "");
}
static void revoke(void)
{
    Vault__V1__BatchRevokeVouchersRequest *in =
        NEW(Vault__V1__BatchRevokeVouchersRequest, vault__v1__batch_revoke_vouchers_request__init);
    in->vouchers = one_text(brought), in->n_vouchers = 1;
    assert_string_equal(
        ITEM(send("/vault.v1.Tokens/BatchRevokeVouchers", &in->base), Vault__V1__BatchRevokeVouchersResponse).why, "");
}
static void wait_two_days(void)
{
    clock_set_for_test(clock_now_us() + INT64_C(2) * 86400 * 1000000);
}
static void spoil(void)
{
    brought[20] = brought[20] == 'q' ? 'p' : 'q';
}
static void cut(void)
{
    brought[30] = 0;
}
static void make_up(void)
{
    const uint8_t guess[VOUCHER_LEN] = {7};
    voucher_write(brought, brought[2] == 'v' ? VOUCHER_VALUES : VOUCHER_HANDOVER, guess);
}

/* What became of it, and what is said to whoever comes with it. */
static const struct fate {
    const char *name;
    void (*befall)(void);
    void (*after)(void);
    const char *voucher, *handover; /* INVALID: without the path */
    bool third;                     /* who comes is not the one it was made for */
} FATES[] = {
    {"good", NULL, NULL, "", "", false},
    {"another's", NULL, NULL, "resident", "resident", true},
    {"never made", make_up, NULL, "resident", "resident", false},
    {"restricted", restrict_it, free_it, "resident", "resident", false},
    {"erased", erase_it, bring_back, "resident", "resident", false},
    {"mistyped", spoil, NULL, "TOKEN_MISTYPED ", "TOKEN_MISTYPED ", false},
    {"malformed", cut, NULL, "TOKEN_MALFORMED ", "TOKEN_MALFORMED ", false},
};

static void expect_fate(const struct fate *f, const char *text, reply (*come)(const char *), const char *wanted,
                        const char *path)
{
    char whole[64];
    bool invalid = wanted[0] && wanted[strlen(wanted) - 1] == ' ';
    snprintf(whole, sizeof whole, "%s%s", wanted, invalid ? path : "");
    brought = arena_text(fixture_memory(), bytes_of_text(text));
    if (f->befall) f->befall();
    const reply got = come(brought);
    if (f->after) f->after();
    if (strcmp(got.why, whole) != 0) fail_msg("%s, %s: \"%s\", not \"%s\"", f->name, path, got.why, whole);
}

TEST("every voucher and handover answers as the table says: used up, revoked, past its end, another's, nobody's")
{
    static const struct fate used_voucher = {"used up", use_voucher, NULL, "VOUCHER_USED", "", false},
                             revoked = {"revoked", revoke, NULL, "VOUCHER_REVOKED", "", false},
                             used_handover = {"used up", use_handover, NULL, "", "HANDOVER_USED", false},
                             ended = {"past its end",    wait_two_days,      NULL,
                                      "VOUCHER_EXPIRED", "HANDOVER_EXPIRED", false};
    given_residents();
    for (size_t i = 0; i < sizeof FATES / sizeof *FATES; i++) {
        const struct fate *f = &FATES[i];
        expect_fate(f, make_voucher(), f->third ? redeem_as_third : redeem_own, f->voucher, "vouchers[0]");
        expect_fate(f, make_handover(), f->third ? take_as_third : take_own, f->handover, "handovers[0]");
    }
    expect_fate(&used_voucher, make_voucher(), redeem_own, used_voucher.voucher, "vouchers[0]");
    expect_fate(&revoked, make_voucher(), redeem_own, revoked.voucher, "vouchers[0]");
    expect_fate(&used_handover, make_handover(), take_own, used_handover.handover, "handovers[0]");
    const char *handover = make_handover(); /* before the two days, which the log does not forget */
    expect_fate(&ended, make_voucher(), redeem_own, ended.voucher, "vouchers[0]");
    expect_fate(&ended, handover, take_own, ended.handover, "handovers[0]");
    clock_set_for_test(0);
    block_free(&care_key);
    fixture_reset();
}

/* The last one: the epochs of the domain go on from here. */
TEST("every call by token answers as the table says, and all that lead nowhere in the same bytes")
{
    bytes nowhere[2] = {{0}};
    given_residents();
    for (size_t i = 0; i < WORTHS_COUNT; i++) {
        const struct worth *w = &WORTHS[i];
        const char *text = w->text();
        if (w->before) w->before();
        if (by) companion = arena_text(fixture_memory(), bytes_of_text(text)); /* both of the same epoch */
        for (size_t k = 0; k < ASKED; k++) expect_reply(&ASKINGS[k], w, text, &nowhere[0]);
        if (w->after) w->after();
    }
    block_free(&care_key);
    fixture_reset();
}

/* Budgets: exact, counted for what is granted and for nothing else, in the transaction of the lines. */
#include "tests/unit/service/counted.h"

#include "vault/base/metric.h"
#include "vault/service/budgets.h"

TEST("a resident counts once, whatever is seen of him and how often; past the limit the next one is refused")
{
    given_nothing_counted();
    for (int turn = 0; turn < 3; turn++) assert_string_equal(LOOK(0, 1, "name"), "g");
    assert_string_equal(LOOK(0, 1, "phone"), "g");
    assert_string_equal(LOOK(1, 4, "name"), "gggg");
    int64_t then = from_now_on();
    assert_string_equal(LOOK(5, 1, "name"), "b");
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"clause\":\"budget\""), 1);
    assert_int_equal(occurrences(views, "\"outcome\":\"refused\""), 1);
    assert_int_equal(occurrences(views, "\"budgets\""), 0);
    assert_string_equal(LOOK(0, 5, "name"), "ggggg"); /* whom it has counted, it goes on to see */
    fixture_reset();
}

TEST("a value counts once; what adds none passes a budget that is spent")
{
    given_nothing_counted();
    assert_string_equal(LOOK(0, 3, "name", "phone", "residence_address", "care_category"), "ggg"); /* 12 */
    assert_string_equal(LOOK(3, 1, "name"), "b");
    assert_string_equal(LOOK(0, 3, "care_category", "name"), "ggg");
    given_nothing_counted();
    assert_string_equal(LOOK(0, 2, "name", "phone", "residence_address", "care_category"), "gg"); /* 8 */
    assert_string_equal(LOOK(2, 1, "name", "phone", "residence_address"), "g");                   /* 11 */
    assert_string_equal(LOOK(3, 2, "name", "phone"), "bb");
    assert_string_equal(LOOK(2, 1, "care_category"), "g"); /* the last one */
    assert_string_equal(LOOK(3, 1, "phone"), "b");
    fixture_reset();
}

TEST("a batch that straddles the limit is granted up to it, item by item, in its order")
{
    given_nothing_counted();
    int64_t then = from_now_on();
    assert_string_equal(LOOK(0, 9, "name"), "gggggbbbb");
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"budgets\":"), 5);
    assert_int_equal(occurrences(views, "\"clause\":\"budget\""), 4);
    fixture_reset();
}

TEST("a refused item counts nothing: not what one budget refuses in the others, nor what the policy refuses")
{
    given_nothing_counted();
    assert_string_equal(LOOK(0, 9, "name"), "gggggbbbb"); /* five of care-week's nine, too */
    assert_string_equal(LOOK(5, 4, "name"), "bbbb");
    for (int i = 0; i < 12; i++) assert_string_equal(LOOK(0, 1, "workplace"), "?");
    given_later(DAY_US);
    assert_string_equal(LOOK(5, 5, "name"), "ggggb"); /* four are left of the week */
    fixture_reset();
}

TEST("a line names the budgets that count it, with whose and since when, and no other line does")
{
    given_nothing_counted();
    int64_t then = from_now_on();
    uint32_t today = clock_shanghai_date(then);
    assert_string_equal(LOOK(0, 1, "name"), "g");
    const char *day = arena_format(fixture_memory(), "\"budgets\":\"care-day:c:%u00,care-week:u:", today);
    assert_int_equal(occurrences(views_since(then), day), 1);
    then = from_now_on();
    expect_outcome(
        reveal(POPULATION, "population-register", token_for(POPULATION, "population-register", 1), MASK("name")),
        VAULT_OK, NULL);
    assert_int_equal(occurrences(views_since(then), "\"budgets\""), 0);
    fixture_reset();
}

TEST("a person's budget is the person's: counted where he acts, and by no other")
{
    given_nothing_counted();
    const looking_at by_zhao = {
        .from = 0, .count = 3, .fields = MASK("religion"), .assertion = assertion_of(&(claims){0})};
    assert_string_equal(look_at_many(&by_zhao), "ggb");
    const looking_at again = {.from = 2, .count = 1, .fields = MASK("name"), .assertion = assertion_of(&(claims){0})};
    assert_string_equal(look_at_many(&again), "b");
    assert_string_equal(LOOK(2, 3, "name"), "ggg"); /* by the app itself */
    fixture_reset();
}

TEST("a purpose below is counted by the budgets of the one above; where it is about purposes, by itself")
{
    given_nothing_counted();
    looking_at visit = {.from = 3, .count = 9, .fields = MASK("name"), .purpose = "elder-care/visit"};
    assert_string_equal(LOOK(0, 4, "name"), "gggg");
    assert_string_equal(look_at_many(&visit), "ggbbbbbbb");
    given_later(DAY_US);
    visit.from = 5;
    visit.count = 5;
    assert_string_equal(look_at_many(&visit), "ggggg"); /* 7 of its 9 a week, where the other one has 4 */
    given_later(DAY_US);
    visit.from = 10;
    assert_string_equal(look_at_many(&visit), "ggbbb");
    assert_string_equal(LOOK(10, 3, "name"), "ggg");
    fixture_reset();
}

TEST("questions count: both residents who are compared, or neither")
{
    given_nothing_counted();
    assert_string_equal(LOOK(0, 4, "name"), "gggg");
    Vault__V1__BatchTestRequest in = VAULT__V1__BATCH_TEST_REQUEST__INIT;
    Vault__V1__TestItem pair = VAULT__V1__TEST_ITEM__INIT, *list[] = {&pair};
    in.predicate = lent("test_street");
    in.items = list;
    in.n_items = 1;
    pair.token = lent(care_token(4));
    pair.than_case = VAULT__V1__TEST_ITEM__THAN_OTHER_TOKEN;
    pair.other_token = lent(care_token(5));
    const asked question = {
        .path = "/vault.v1.Tokens/BatchTest", .uri = ELDERCARE, .purpose = "elder-care", .in = &in.base};
    request *rq = ask(&question);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_equal(why(((const Vault__V1__BatchTestResponse *)(const void *)rq->out)->results[0]->status),
                        "budget");
    pair.other_token = lent(care_token(0));
    rq = ask(&question); /* the fifth is there yet */
    assert_string_equal(why(((const Vault__V1__BatchTestResponse *)(const void *)rq->out)->results[0]->status), "");
    assert_string_equal(LOOK(5, 1, "name"), "b");
    fixture_reset();
}

/* ---- searches ---- */

static const Vault__V1__SearchResponse *found(const request *rq)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

TEST("whom a search finds counts, page by page; where the budget ends the answer says that there may be more")
{
    given_nothing_counted();
    const Vault__V1__SearchResponse *page = found(search_phones(0, 9, 3, NULL));
    assert_int_equal(page->n_results, 3);
    assert_false(page->capped);
    assert_true(page->next_page_token[0]);
    page = found(search_phones(0, 9, 3, page->next_page_token));
    assert_int_equal(page->n_results, 2);
    assert_true(page->capped);
    assert_string_equal(page->next_page_token, "");
    int64_t then = from_now_on();
    expect_outcome(search_phones(20, 2, 10, NULL), VAULT_DENIED, "budget");
    assert_int_equal(occurrences(views_since(then), "\"clause\":\"budget\""), 2);
    fixture_reset();
}

TEST("a search that finds nobody counts nobody, nor does one that only counts")
{
    given_nothing_counted();
    Vault__V1__Values values = VAULT__V1__VALUES__INIT;
    char *nobody[] = {lent("13000000000")};
    values.values = nobody, values.n_values = 1;
    for (int i = 0; i < 7; i++) {
        NEW(in, Vault__V1__SearchRequest, vault__v1__search_request__init);
        NEW(c, Vault__V1__Condition, vault__v1__condition__init);
        c->field = lent("phone");
        c->question_case = VAULT__V1__CONDITION__QUESTION_EQUALS;
        c->equals = &values;
        in->conditions = &c;
        in->n_conditions = 1;
        in->count_only = i % 2;
        expect_outcome(
            ask(&(asked){
                .path = "/vault.v1.Records/Search", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base}),
            VAULT_OK, NULL);
    }
    assert_string_equal(LOOK(0, 5, "name"), "ggggg");
    fixture_reset();
}

/* ---- exports and vouchers ---- */

TEST("an export counts its resident and all values that left, and is refused as a whole")
{
    given_nothing_counted();
    expect_outcome(export_of(0), VAULT_OK, NULL);                                 /* name and phone */
    assert_string_equal(LOOK(1, 3, "name", "phone", "residence_address"), "ggg"); /* 11 */
    expect_outcome(export_of(4), VAULT_DENIED, "budget");
    expect_outcome(export_of(0), VAULT_OK, NULL);
    assert_string_equal(LOOK(4, 1, "name"), "g");
    fixture_reset();
}

TEST("a voucher counts when it is redeemed, not when it is made; one that the budget refuses is not used up")
{
    given_nothing_counted();
    const char *voucher = made_voucher(6);
    assert_string_equal(LOOK(0, 5, "name"), "ggggg");
    assert_string_equal(why(redeemed(voucher)->status), "budget");
    assert_string_equal(why(redeemed(voucher)->status), "budget");
    given_nothing_counted();
    const Vault__V1__RedeemVoucherResult *got = redeemed(voucher);
    assert_string_equal(why(got->status), "");
    assert_int_equal(got->uses_left, 1);
    assert_string_equal(LOOK(0, 5, "name"), "ggggb");
    fixture_reset();
}

static const char *restored(const char *phone)
{
    NEW(in, Vault__V1__BatchRestoreRequest, vault__v1__batch_restore_request__init);
    in->field = lent("phone");
    in->values = one_text(phone), in->n_values = 1;
    request *rq = ask(
        &(asked){.path = "/vault.v1.Tokens/BatchRestore", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return why(((const Vault__V1__BatchRestoreResponse *)(const void *)rq->out)->results[0]->status);
}

TEST("a value that is taken back from its token counts as any other that is shown")
{
    given_nothing_counted();
    Vault__V1__RevealRequest *in =
        reveal_of(token_for(ELDERCARE, "elder-care", with_own_phone(true, 0)), MASK("phone"));
    in->form = VAULT__V1__FORM__FORM_TOKEN;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/Reveal", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const char *phone = revealed(rq, 0);
    given_nothing_counted();
    assert_string_equal(LOOK(20, 5, "name"), "ggggg");
    assert_string_equal(restored(phone), "budget");
    given_nothing_counted();
    assert_string_equal(restored(phone), "");
    assert_string_equal(restored(phone), "");
    assert_string_equal(LOOK(20, 5, "name"), "ggggb");
    fixture_reset();
}

/* ---- who leads nowhere ---- */

static bytes refused_bytes(const char *whose)
{
    request *rq = reveal(ELDERCARE, "elder-care", whose, MASK("name"));
    expect_outcome(rq, VAULT_DENIED, NULL);
    return status_packed(fixture_memory(), &rq->err);
}

TEST("who has used up his residents cannot go on asking who there is: nobody is told from somebody new")
{
    given_nothing_counted();
    const char *away = token_for(ELDERCARE, "elder-care", resident_elsewhere(0));
    expect_outcome(reveal(ELDERCARE, "elder-care", away, MASK("name")), VAULT_DENIED, "resident");
    assert_string_equal(LOOK(0, 5, "name"), "ggggg");
    int64_t then = from_now_on();
    assert_true(bytes_same(refused_bytes(away), refused_bytes(care_token(5))));
    assert_int_equal(occurrences(views_since(then), "\"clause\":\"budget\""), 2);
    assert_string_equal(LOOK(0, 5, "phone"), "ggggg");
    given_later(DAY_US);
    assert_string_equal(LOOK(5, 6, "name"), "ggggbb"); /* it has counted nothing for the week */
    fixture_reset();
}

TEST("a search that finds nobody is refused where somebody new would be")
{
    given_nothing_counted();
    assert_string_equal(LOOK(0, 5, "name"), "ggggg");
    request *found = search_phones(20, 2, 10, NULL), *none = search_phones(20, 0, 10, NULL);
    expect_outcome(found, VAULT_DENIED, "budget");
    expect_outcome(none, VAULT_DENIED, "budget");
    assert_true(bytes_same(status_packed(fixture_memory(), &found->err), status_packed(fixture_memory(), &none->err)));
    fixture_reset();
}

/* ---- what goes wrong ---- */

TEST("a part that is rolled back counts nothing")
{
    given_nothing_counted();
    assert_string_equal(LOOK(0, 2, "name"), "gg");
    (void)care_token(9);
    pg_sql("alter table line add constraint no_more check (idx < %lld)", (long long)lines_in_log());
    const char *third = care_token(3);
    request *rq = ask(&(asked){.path = REVEAL_MANY,
                               .uri = ELDERCARE,
                               .purpose = "elder-care",
                               .in = &reveal_list(&third, 1, MASK("name"))->base});
    assert_true(rq->err.code != VAULT_OK);
    pg_sql("alter table line drop constraint no_more");
    assert_string_equal(LOOK(4, 4, "name"), "gggb");
    fixture_reset();
}

TEST("a counter that was edited stops whom it counts, and nobody else in the batch")
{
    given_nothing_counted();
    assert_string_equal(LOOK(0, 1, "name"), "g");
    pg_sql("update budget_count set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)");
    assert_string_equal(LOOK(0, 2, "name"), "??");
    const char *other = token_for(CLINIC, "family-doctor", 3), *mine = care_token(0);
    request *rq = ask(&(asked){.path = REVEAL_MANY,
                               .uri = CLINIC,
                               .purpose = "family-doctor",
                               .in = &reveal_list(&other, 1, MASK("name"))->base});
    expect_outcome(rq, VAULT_OK, NULL);
    (void)mine;
    assert_string_equal(why(((const Vault__V1__BatchRevealResponse *)(const void *)rq->out)->results[0]->status), "");
    given_nothing_counted();
    assert_string_equal(LOOK(0, 1, "name"), "g");
    pg_sql("update budget_seen set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)");
    assert_string_equal(LOOK(0, 2, "name"), "?g");
    fixture_reset();
}

TEST("a counter that lies in another's place is damage")
{
    given_nothing_counted();
    assert_string_equal(LOOK(0, 1, "name"), "g");
    pg_sql("update budget_count c set sealed = (select sealed from budget_count o where o.id <> c.id)");
    assert_string_equal(LOOK(0, 1, "name"), "?");
    fixture_reset();
}

TEST("no table says in the clear who counts, by which budget, or how much")
{
    given_nothing_counted();
    assert_string_equal(LOOK(0, 3, "name"), "ggg");
    assert_string_equal(
        pg_sql("select count(*) from budget_count where position('care' in encode(sealed, 'escape')) > 0"
               " or position('care' in encode(id, 'escape')) > 0"),
        "0");
    assert_string_equal(pg_sql("select count(distinct length(sealed)) from budget_count"), "1");
    assert_string_equal(pg_sql("select count(distinct length(sealed)) || ' ' || count(*) from budget_seen"), "1 6");
    fixture_reset();
}

TEST("the operator is told once of a soft limit, when it is reached")
{
    given_nothing_counted();
    uint64_t before = metric_read(METRIC_BUDGET_SOFT, (metric_at){0, 0});
    assert_string_equal(LOOK(0, 2, "name"), "gg");
    assert_int_equal(metric_read(METRIC_BUDGET_SOFT, (metric_at){0, 0}), before);
    assert_string_equal(LOOK(2, 1, "name"), "g");
    assert_int_equal(metric_read(METRIC_BUDGET_SOFT, (metric_at){0, 0}), before + 1);
    assert_string_equal(LOOK(3, 3, "name"), "ggb");
    assert_int_equal(metric_read(METRIC_BUDGET_SOFT, (metric_at){0, 0}), before + 1);
    fixture_reset();
}

TEST("calls that run together share what is left, and have no more of it")
{
    given_nothing_counted();
    enum { CALLS = 9 };
    asked calls[CALLS];
    request *rqs[CALLS];
    size_t granted = 0;
    for (size_t i = 0; i < CALLS; i++)
        calls[i] = (asked){.path = "/vault.v1.Tokens/Reveal",
                           .uri = ELDERCARE,
                           .purpose = "elder-care",
                           .in = &reveal_of(care_token(i), MASK("name"))->base};
    ask_many(calls, rqs, CALLS);
    for (size_t i = 0; i < CALLS; i++) {
        granted += rqs[i]->err.code == VAULT_OK;
        if (rqs[i]->err.code != VAULT_OK) expect_outcome(rqs[i], VAULT_DENIED, "budget");
    }
    assert_int_equal(granted, 5);
    fixture_reset();
}

TEST("counters stay a while past their periods, and are then swept with what they have seen; others stay")
{
    given_nothing_counted();
    assert_string_equal(LOOK(0, 3, "name"), "ggg");
    given_later(7 * DAY_US);
    budgets_sweep(fixture_session());
    assert_string_equal(pg_sql("select count(*) from budget_count"), "2");
    given_later(21 * DAY_US);
    assert_string_equal(LOOK(0, 1, "name"), "g");
    assert_string_equal(pg_sql("select count(*) from budget_count"), "4");
    budgets_sweep(fixture_session());
    assert_string_equal(pg_sql("select count(*) from budget_count"), "2");
    assert_string_equal(pg_sql("select count(*) from budget_seen"), "2");
    fixture_reset();
}

TEST("the next period begins anew")
{
    const char *third = token_for(CLINIC, "family-doctor", 3);
    given_nothing_counted();
    for (int turn = 0; turn < 2; turn++) {
        request *rq = reveal(CLINIC, "family-doctor", third, MASK("name", "phone", "sex"));
        expect_outcome(rq, VAULT_OK, NULL);
        rq = reveal(CLINIC, "family-doctor", token_for(CLINIC, "family-doctor", 4), MASK("name", "phone"));
        expect_outcome(rq, VAULT_DENIED, "budget");
        given_later(DAY_US / 24);
    }
    fixture_reset();
}

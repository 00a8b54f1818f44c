/* Policies.ListBudgets and RecountBudgets: counters as they stand, and as the log has them. */
#include "tests/unit/service/sealed.h"

#include "tests/unit/service/counted.h"

#include "vault/base/secret.h"
#include "vault/service/internal.h"

static const Vault__V1__ListBudgetsResponse *listed(const char *budget, int32_t page, const char *next)
{
    NEW(in, Vault__V1__ListBudgetsRequest, vault__v1__list_budgets_request__init);
    in->budget = lent(budget);
    in->page_size = page;
    in->page_token = lent(next);
    request *rq = ask(
        &(asked){.path = "/vault.v1.Policies/ListBudgets", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static const char *text_of_use(const Vault__V1__BudgetUse *use)
{
    return arena_format(fixture_memory(), "%s %s %llu/%llu %llu/%llu", use->budget, use->subject,
                        (unsigned long long)use->residents, (unsigned long long)use->residents_limit,
                        (unsigned long long)use->values, (unsigned long long)use->values_limit);
}

static bool tells(const Vault__V1__ListBudgetsResponse *page, const char *text)
{
    for (size_t i = 0; i < page->n_uses; i++)
        if (strcmp(text_of_use(page->uses[i]), text) == 0) return true;
    return false;
}

TEST("counters are told by budget and by whom they are of, in their present period")
{
    given_nothing_counted();
    assert_int_equal(listed("", 0, NULL)->n_uses, 0);
    assert_string_equal(LOOK(0, 3, "name", "phone"), "ggg");
    const Vault__V1__ListBudgetsResponse *page = listed("", 0, NULL);
    assert_int_equal(page->n_uses, 2);
    assert_true(tells(page, "care-day eldercare 3/5 6/12"));
    assert_true(tells(page, "care-week elder-care 3/9 6/0"));
    page = listed("care-day", 0, NULL);
    assert_int_equal(page->n_uses, 1);
    int64_t midnight = page->uses[0]->period_start->seconds;
    assert_int_equal((midnight + 8 * 3600) % 86400, 0);
    assert_int_equal(clock_shanghai_date(midnight * 1000000), clock_shanghai_date(clock_now_us()));
    assert_int_equal(strlen(page->uses[0]->last_day), 10);
    given_later(DAY_US);
    assert_true(tells(listed("", 0, NULL), "care-week elder-care 3/9 6/0"));
    assert_int_equal(listed("", 0, NULL)->n_uses, 1);
    fixture_reset();
}

TEST("pages hold each counter once; a page token is the officer's own, of the same question")
{
    given_nothing_counted();
    assert_string_equal(LOOK(0, 3, "name"), "ggg");
    const looking_at by_zhao = {
        .from = 0, .count = 1, .fields = MASK("religion"), .assertion = assertion_of(&(claims){0})};
    assert_string_equal(look_at_many(&by_zhao), "g");
    const char *next = NULL;
    size_t all = 0;
    do {
        const Vault__V1__ListBudgetsResponse *page = listed("", 1, next);
        all += page->n_uses;
        next = page->next_page_token;
    } while (next[0]);
    assert_int_equal(all, 3);
    next = listed("", 1, NULL)->next_page_token;
    NEW(in, Vault__V1__ListBudgetsRequest, vault__v1__list_budgets_request__init);
    in->page_token = lent(next);
    in->budget = lent("care-day");
    const asked other = {
        .path = "/vault.v1.Policies/ListBudgets", .uri = OFFICER, .purpose = "log-review", .in = &in->base};
    expect_outcome(ask(&other), VAULT_INVALID, "BAD_PAGE_TOKEN");
    in->page_size = 1001;
    expect_outcome(ask(&other), VAULT_INVALID, "OUT_OF_RANGE");
    fixture_reset();
}

/* ---- recounts ---- */

static request *ask_recount(const char *next)
{
    NEW(in, Vault__V1__RecountBudgetsRequest, vault__v1__recount_budgets_request__init);
    in->page_token = lent(next);
    return ask(&(asked){
        .path = "/vault.v1.Policies/RecountBudgets", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
}

static const Vault__V1__RecountBudgetsResponse *recounted(void)
{
    request *rq = ask_recount(NULL);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RecountBudgetsResponse *out = (const void *)rq->out;
    assert_string_equal(out->next_page_token, "");
    assert_int_equal(out->position, out->size);
    return out;
}

/* "care-day eldercare 0/5 0/12: 3 6", or "" where the log agrees. */
static const char *found(const Vault__V1__RecountBudgetsResponse *r, const char *budget)
{
    for (size_t i = 0; i < r->n_findings; i++) {
        const Vault__V1__BudgetFinding *f = r->findings[i];
        if (strcmp(f->counter->budget, budget) == 0)
            return arena_format(fixture_memory(), "%s: %llu %llu", text_of_use(f->counter),
                                (unsigned long long)f->residents, (unsigned long long)f->values);
    }
    return "";
}

/* Everything that is counted, in one go; the periods are new, so that earlier tests' lines are of others. */
static void given_counts(void)
{
    given_nothing_counted();
    given_later(7 * DAY_US);
    assert_string_equal(LOOK(0, 3, "name", "phone"), "ggg");
    assert_string_equal(LOOK(2, 4, "name"), "gggb");
    assert_string_equal(LOOK(0, 1, "phone"), "g");
    const looking_at by_zhao = {
        .from = 0, .count = 1, .fields = MASK("religion"), .assertion = assertion_of(&(claims){0})};
    assert_string_equal(look_at_many(&by_zhao), "g");
}

TEST("a recount of what nobody has touched finds nothing, whatever was counted: reveals, questions, refusals")
{
    given_counts();
    Vault__V1__BatchTestRequest in = VAULT__V1__BATCH_TEST_REQUEST__INIT;
    Vault__V1__TestItem one = VAULT__V1__TEST_ITEM__INIT, *list[] = {&one};
    in.predicate = lent("test_60");
    in.items = list;
    in.n_items = 1;
    one.token = lent(care_token(1));
    expect_outcome(
        ask(&(asked){.path = "/vault.v1.Tokens/BatchTest", .uri = ELDERCARE, .purpose = "elder-care", .in = &in.base}),
        VAULT_OK, NULL);
    const Vault__V1__RecountBudgetsResponse *r = recounted();
    assert_int_equal(r->n_findings, 0);
    assert_int_equal(r->counters, 3);
    assert_true(tells(listed("", 0, NULL), "care-day eldercare 5/5 10/12"));
    fixture_reset();
}

TEST("searches, exports and vouchers are recounted as they were counted")
{
    given_nothing_counted();
    given_later(7 * DAY_US);
    const char *voucher = made_voucher(3);
    expect_outcome(search_phones(0, 2, 10, NULL), VAULT_OK, NULL);
    expect_outcome(export_of(2), VAULT_OK, NULL);
    assert_string_equal(why(redeemed(voucher)->status), "");
    assert_string_equal(why(redeemed(voucher)->status), "");
    expect_outcome(search_phones(2, 9, 10, NULL), VAULT_OK, NULL); /* the fifth, and no more */
    assert_true(tells(listed("", 0, NULL), "care-day eldercare 5/5 4/12"));
    assert_int_equal(recounted()->n_findings, 0);
    pg_sql("delete from budget_count");
    assert_string_equal(found(recounted(), "care-day"), "care-day eldercare 0/5 0/12: 5 4");
    fixture_reset();
}

TEST("counters that SQL took away are found, with what the log says")
{
    given_counts();
    pg_sql("delete from budget_count");
    pg_sql("delete from budget_seen");
    const Vault__V1__RecountBudgetsResponse *r = recounted();
    assert_int_equal(r->n_findings, 3);
    assert_string_equal(found(r, "care-day"), "care-day eldercare 0/5 0/12: 5 9");
    assert_string_equal(found(r, "worker-day"), "worker-day grid-zhao 0/2 0/0: 1 1");
    assert_string_equal(LOOK(6, 2, "name"), "gg"); /* it bought room, and is found all the same */
    assert_string_equal(found(recounted(), "care-day"), "care-day eldercare 2/5 2/12: 7 11");
    fixture_reset();
}

TEST("an older counter that SQL put back is found, and so is one that was edited")
{
    given_nothing_counted();
    given_later(7 * DAY_US);
    assert_string_equal(LOOK(0, 1, "name"), "g");
    pg_sql("create table kept as select * from budget_count");
    assert_string_equal(LOOK(1, 3, "name"), "ggg");
    pg_sql("update budget_count c set sealed = k.sealed from kept k where k.id = c.id");
    pg_sql("drop table kept");
    assert_string_equal(found(recounted(), "care-day"), "care-day eldercare 1/5 1/12: 4 4");
    pg_sql("update budget_count set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)");
    assert_string_equal(found(recounted(), "care-day"), "care-day eldercare 0/5 0/12: 4 4");
    fixture_reset();
}

TEST("what a counter has seen and SQL took away makes it count twice: found, too")
{
    given_nothing_counted();
    given_later(7 * DAY_US);
    assert_string_equal(LOOK(0, 2, "name"), "gg");
    pg_sql("delete from budget_seen");
    assert_string_equal(LOOK(0, 2, "name"), "gg");
    assert_string_equal(found(recounted(), "care-day"), "care-day eldercare 4/5 4/12: 2 2");
    fixture_reset();
}

TEST("a recount is for officers, is a line, and goes on only where it was begun")
{
    given_nothing_counted();
    NEW(in, Vault__V1__RecountBudgetsRequest, vault__v1__recount_budgets_request__init);
    expect_outcome(ask(&(asked){.path = "/vault.v1.Policies/RecountBudgets",
                                .uri = ADMINISTRATOR,
                                .purpose = "log-review",
                                .in = &in->base}),
                   VAULT_DENIED, NULL);
    int64_t then = from_now_on();
    (void)recounted();
    assert_int_equal(occurrences(views_since(then), "\"change\":\"recount\""), 1);
    expect_outcome(ask_recount("bm90IGEgcGxhY2U="), VAULT_INVALID, "BAD_PAGE_TOKEN");
    fixture_reset();
}

__attribute__((constructor)) static void choose_shares(void)
{
    fixture_seal = given_shares;
}

/* Refused lines of the clinic, who is asked for what it may not have. */
static void given_many_lines(size_t count)
{
    enum { MOST = 4096 };
    const char *of = token_for(CLINIC, "family-doctor", 3), **all = arena_array(fixture_memory(), MOST, sizeof *all);
    for (size_t i = 0; i < MOST; i++) all[i] = of;
    for (size_t done = 0; done < count; done += MOST) {
        const asked refused = {.path = REVEAL_MANY,
                               .uri = CLINIC,
                               .purpose = "family-doctor",
                               .in = &reveal_list(all, MOST, MASK("religion"))->base};
        expect_outcome(ask(&refused), VAULT_OK, NULL);
    }
}

TEST("a long log is recounted page by page; each page once, and only by who begun it")
{
    given_nothing_counted();
    given_later(7 * DAY_US);
    assert_string_equal(LOOK(0, 2, "name"), "gg");
    given_many_lines(20000);
    assert_string_equal(LOOK(1, 2, "name"), "gg");
    pg_sql("delete from budget_count");
    request *rq = ask_recount(NULL);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RecountBudgetsResponse *page = (const void *)rq->out;
    assert_int_equal(page->n_findings, 0);
    assert_true(page->position < page->size && page->next_page_token[0]);
    rq = ask_recount(page->next_page_token);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__RecountBudgetsResponse *last = (const void *)rq->out;
    assert_string_equal(last->next_page_token, "");
    assert_string_equal(found(last, "care-day"), "care-day eldercare 0/5 0/12: 3 3");
    expect_outcome(ask_recount(page->next_page_token), VAULT_PRECONDITION, "RECOUNT_LOST");
    fixture_reset();
}

TEST("a node that is sealed keeps nothing of a recount that was under way")
{
    request *rq = ask_recount(NULL); /* of the long log of the test before */
    expect_outcome(rq, VAULT_OK, NULL);
    const char *next = ((const Vault__V1__RecountBudgetsResponse *)(const void *)rq->out)->next_page_token;
    assert_string_not_equal(next, "");
    assert_non_null(fixture_service()->recounts);
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
    assert_null(fixture_service()->recounts);
    expect_outcome(forget_shares(NULL), VAULT_OK, NULL);
    unseal_whole(NULL);
    expect_outcome(ask_recount(next), VAULT_PRECONDITION, "RECOUNT_LOST");
    fixture_reset();
}

/* Records.Erase: who is erased is nobody from then on, in every call; the log stays what it was. */
#include "tests/unit/service/erase.h"
#include "tests/unit/service/receipt.h"

#include <unistd.h>

/* ---- nobody from then on ---- */

static Vault__V1__TokenState state_of(const char *mine)
{
    NEW(in, Vault__V1__BatchInspectRequest, vault__v1__batch_inspect_request__init);
    in->tokens = lend_all(&mine, 1);
    in->n_tokens = 1;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/BatchInspect", .uri = POPULATION, .purpose = WHY, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchInspectResponse *)(const void *)rq->out)->results[0]->state;
}

static const char *issued(const char *number, const char **to)
{
    NEW(in, Vault__V1__BatchIssueRequest, vault__v1__batch_issue_request__init);
    in->values = lend_all(&number, 1);
    in->n_values = 1;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = POPULATION, .purpose = WHY, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__IssueResult *one = ((const Vault__V1__BatchIssueResponse *)(const void *)rq->out)->results[0];
    if (to) *to = one->token;
    return refusal(one->status);
}

static const char *tested(const char *mine)
{
    NEW(in, Vault__V1__BatchRevealRequest, vault__v1__batch_reveal_request__init);
    in->tokens = lend_all(&mine, 1);
    in->n_tokens = 1;
    in->field_mask = MASK("name");
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/BatchReveal", .uri = POPULATION, .purpose = WHY, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return refusal(((const Vault__V1__BatchRevealResponse *)(const void *)rq->out)->results[0]->status);
}

TEST("an erased resident is nobody: not revealed, read, exported, listed, issued for, given away or erased again")
{
    resident r;
    the_resident(20, &r);
    const char *mine = token_for(POPULATION, WHY, 20), *of_clinic = token_for(CLINIC, DOCTOR, 20);
    const char *of_care = token_for(ELDERCARE, CARE, 20);
    erase_one(mine);
    expect_outcome(reveal(POPULATION, WHY, mine, MASK("name")), VAULT_DENIED, "resident");
    expect_outcome(reveal(CLINIC, DOCTOR, of_clinic, MASK("name")), VAULT_DENIED, "resident");
    assert_string_equal(tested(mine), "resident");
    expect_outcome(get_record(POPULATION, WHY, mine, MASK("name"), 0), VAULT_DENIED, "resident");
    expect_outcome(export_record(ELDERCARE, CARE, of_care), VAULT_DENIED, "resident");
    expect_outcome(ask_list(&(listed){.uri = POPULATION, .why = WHY, .token = mine}), VAULT_DENIED, "resident");
    expect_outcome(update(&(updated){.uri = POPULATION,
                                     .why = WHY,
                                     .token = mine,
                                     .version = 1,
                                     .fields = MASK("phone"),
                                     VALUES("13900000001")}),
                   VAULT_DENIED, "resident");
    assert_int_equal(state_of(mine), VAULT__V1__TOKEN_STATE__TOKEN_STATE_GONE);
    assert_string_equal(issued(resident_text(&r, FIELD_ID_NUMBER), NULL), "resident");
    assert_string_equal(refusal(erased(POPULATION, WHY, mine)->status), "resident");
    fixture_reset();
}

TEST("nothing of the row is left in any table of records, and the chain of erasures has one link more")
{
    const char *mine = token_for(POPULATION, WHY, 21);
    clinic_says(21, "name", "欧阳修");
    int64_t links = number_in("select count(*) from erasure"), rows = number_in("select count(*) from resident");
    assert_int_equal(number_in("select count(*) from correction"), 1);
    erase_one(mine);
    assert_int_equal(number_in("select count(*) from erasure"), links + 1);
    assert_int_equal(number_in("select count(*) from resident"), rows - 1);
    assert_int_equal(number_in("select count(*) from resident_key"), rows - 1);
    assert_int_equal(number_in("select count(*) from correction"), 0);
    assert_int_equal(number_in("select count(*) from resident_term t where not exists"
                               " (select from resident r where r.id = t.id)"),
                     0);
    assert_int_equal(number_in("select erased from head"), links + 1);
    assert_int_equal(number_in("select count(*) from erasure e join line l on l.idx = e.line"), links + 1);
    fixture_reset();
}

TEST("each of a call has its own answer: somebody, a forgery, no token, somebody elsewhere, and the same one twice")
{
    const char *own = token_for(ELDERCARE, CARE, resident_in_street(30));
    const char *elsewhere = token_for(ELDERCARE, CARE, resident_elsewhere(30));
    const char *of_others = token_for(CLINIC, DOCTOR, resident_in_street(60));
    const char *tokens[] = {own, elsewhere, of_others, "rv1x", own};
    const Vault__V1__EraseResponse *out = erasures_of(ask_erase(ELDERCARE, CARE, tokens, 5));
    assert_int_equal(out->n_results, 5);
    assert_null(out->results[0]->status);
    assert_string_equal(refusal(out->results[3]->status), "TOKEN_MALFORMED");
    expect_alike(out->results[1]->status, out->results[2]->status);
    expect_alike(out->results[1]->status, out->results[4]->status);
    assert_string_equal(refusal(out->results[1]->status), "resident");
    assert_string_not_equal(revealed(reveal(CLINIC, DOCTOR, of_others, MASK("name")), 0), "");
    fixture_reset();
}

TEST("without a rule of action erase a call is refused whole, and so is one without tokens or with too many")
{
    const char *mine = token_for(CLINIC, DOCTOR, 22), *many[BATCH_ITEMS + 1];
    assert_string_equal(refusal(erased(CLINIC, DOCTOR, mine)->status), "action");
    assert_non_null(revealed(reveal(CLINIC, DOCTOR, mine, MASK("name")), 0));
    for (size_t i = 0; i <= BATCH_ITEMS; i++) many[i] = mine;
    expect_outcome(ask_erase(POPULATION, WHY, many, 0), VAULT_INVALID, "REQUIRED");
    expect_outcome(ask_erase(POPULATION, WHY, many, BATCH_ITEMS + 1), VAULT_INVALID, "TOO_MANY");
    expect_outcome(ask_erase(OFFICER, "log-review", many, 1), VAULT_DENIED, "role");
    fixture_reset();
}

/* ---- afterwards ---- */

TEST("who comes back is a new record with a new token, and the old token stays nobody's")
{
    resident r;
    the_resident(23, &r);
    const char *before = token_for(POPULATION, WHY, 23), *after;
    int64_t id = number_in("select max(id) from resident");
    erase_one(before);
    expect_outcome(put_residents(23, 1), VAULT_OK, NULL);
    assert_string_equal(issued(resident_text(&r, FIELD_ID_NUMBER), &after), "");
    assert_string_not_equal(before, after);
    assert_true(number_in("select max(id) from resident") > id);
    assert_string_equal(revealed(reveal(POPULATION, WHY, after, MASK("name")), 0), resident_text(&r, FIELD_NAME));
    expect_outcome(reveal(POPULATION, WHY, before, MASK("name")), VAULT_DENIED, "resident");
    fixture_reset();
}

TEST("a correction that waited is gone with its resident: deciding on it is deciding on none")
{
    const char *mine = token_for(POPULATION, WHY, 24);
    clinic_says(24, "name", "司马光");
    const Vault__V1__ListCorrectionsResponse *all = list(&(listed){.uri = POPULATION, .why = WHY, .token = mine});
    assert_int_equal(all->n_corrections, 1);
    erase_one(mine);
    assert_int_equal(outcome_of(decide(POPULATION, WHY, all->corrections[0]->name, true)), 5);
    assert_int_equal(waiting(false)->n_corrections, 0);
    fixture_reset();
}

TEST("a put that is repeated after the erasure is answered from what was kept, and brings nobody back")
{
    const char *mine = token_for(POPULATION, WHY, 25);
    request *rq = put_residents(25, 1);
    expect_outcome(rq, VAULT_OK, NULL);
    erase_one(mine);
    int64_t rows = number_in("select count(*) from resident");
    request *again = make_request(
        &(asked){.path = "/vault.v1.Records/BatchPut", .uri = POPULATION, .in = (ProtobufCMessage *)(uintptr_t)rq->in});
    service_run(fixture_session(), method_at("/vault.v1.Records/BatchPut"), &again, 1);
    expect_outcome(again, VAULT_OK, NULL);
    assert_int_equal(number_in("select count(*) from resident"), rows);
    fixture_reset();
}

/* ---- the log ---- */

TEST("an erasure is a line with who and why, its receipt is good, and receipts from before stay good")
{
    resident r;
    the_resident(26, &r);
    const char *mine = token_for(POPULATION, WHY, 26);
    const request *rq = reveal(POPULATION, WHY, mine, MASK("name"));
    const Vault__V1__Receipt *before = ((const Vault__V1__RevealResponse *)(const void *)rq->out)->receipt;
    int64_t then = clock_now_us();
    const Vault__V1__EraseResponse *out = erasures_of(ask_erase(POPULATION, WHY, &mine, 1));
    assert_null(out->results[0]->status);
    expect_receipt(before);
    expect_receipt(out->receipts[0]);
    expect_told(then, "\"action\":\"erase\"", 1);
    expect_told(then, "\"rule\":\"population-erase\"", 1);
    expect_told(then, resident_text(&r, FIELD_NAME), 0);
    expect_told(then, resident_text(&r, FIELD_ID_NUMBER), 0);
    (void)erased(POPULATION, WHY, mine);
    expect_told(then, "\"clause\":\"resident\"", 1);
    fixture_reset();
}

TEST("a node that is opened afterwards finds the chain whole, and goes on")
{
    erase_one(token_for(POPULATION, WHY, 27));
    fixture_restart();
    erase_one(token_for(POPULATION, WHY, 28));
    assert_int_equal(number_in("select erased from head"), number_in("select count(*) from erasure"));
    fixture_reset();
}

/* ---- the law's term ---- */

static const char *house_token(const char *number)
{
    NEW(in, Vault__V1__BatchIssueRequest, vault__v1__batch_issue_request__init);
    in->collection = lent("housing");
    in->values = lend_all(&number, 1);
    in->n_values = 1;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = POPULATION, .purpose = WHY, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchIssueResponse *)(const void *)rq->out)->results[0]->token;
}

TEST("what a law wants kept is restricted instead: said to who asked, stored, and the same as gone to all")
{
    expect_outcome(put_house("H-1"), VAULT_OK, NULL);
    const char *house = house_token("H-1");
    int64_t links = number_in("select count(*) from erasure"), then = clock_now_us();
    const Vault__V1__EraseResult *r = erased(POPULATION, WHY, house);
    assert_null(r->status);
    assert_true(r->restricted);
    expect_outcome(reveal(POPULATION, WHY, house, MASK("house_address")), VAULT_DENIED, "resident");
    assert_string_equal(refusal(erased(POPULATION, WHY, house)->status), "resident");
    assert_int_equal(state_of(house), VAULT__V1__TOKEN_STATE__TOKEN_STATE_GONE);
    assert_int_equal(number_in("select count(*) from erasure"), links);
    assert_int_equal(number_in("select count(*) from resident where state = 2"), 1);
    expect_told(then, "\"action\":\"restrict\"", 1);
    const request *rq = put_house("H-1");
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_equal(refusal(((const Vault__V1__BatchPutResponse *)(const void *)rq->out)->results[0]->status),
                        "resident");
    fixture_reset();
}

/* ---- locks ---- */

typedef struct erasing {
    session *own;
    request *rq;
} erasing;

static void *erase_both(void *at)
{
    erasing *e = at;
    service_run(e->own, method_at("/vault.v1.Records/Erase"), &e->rq, 1);
    return NULL;
}

/* Of the first collection, or of the others. */
static size_t rows_of(resident_row *out, resident_row *all, size_t count, bool first)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if ((all[i].collection == all[0].collection) == first) out[n++] = all[i];
    return n;
}

static void hold(store *s, const resident_row *rows, size_t count)
{
    vault_error err = {0};
    expect_ok(store_residents_hold(s, fixture_memory(), rows, count, &err), &err);
}

TEST("who is restricted and who is erased are locked in one order: no call that holds some of them deadlocks with it")
{
    enum { MOST = FIXTURE_RESIDENTS + 8 };
    resident_row *all = arena_array(fixture_memory(), MOST, sizeof *all),
                 *some = arena_array(fixture_memory(), MOST, sizeof *some);
    vault_error err = {0};
    erasing e;
    pthread_t thread;
    size_t count = MOST;
    store *holder = NULL;
    expect_outcome(put_house("H-2"), VAULT_OK, NULL);
    const char *both[] = {house_token("H-2"), token_for(POPULATION, WHY, 33)};
    e.rq = make_request(
        &(asked){.path = "/vault.v1.Records/Erase", .uri = POPULATION, .purpose = WHY, .in = &erase_of(both, 2)->base});
    expect_ok(session_open(&e.own, fixture_service(), &err), &err);
    expect_ok(store_open(&holder, pg_conninfo(), &err), &err);
    expect_ok(store_residents_page(holder, fixture_memory(), 0, all, &count, &err), &err);
    expect_ok(store_begin(holder, &err), &err);
    hold(holder, some, rows_of(some, all, count, true));
    assert_int_equal(pthread_create(&thread, NULL, erase_both, &e), 0);
    pg_await_lock();
    hold(holder, some, rows_of(some, all, count, false));
    expect_ok(store_commit(holder, &err), &err);
    pthread_join(thread, NULL);
    const Vault__V1__EraseResponse *out = erasures_of(e.rq);
    assert_null(out->results[0]->status);
    assert_null(out->results[1]->status);
    store_close(&holder);
    session_close(&e.own);
    fixture_reset();
}

/* The register of guardians, as apps write it down and ask for it. */
#include "tests/unit/service/guardians.h"
#include "tests/unit/service/receipt.h"

static const char *mine(uint64_t index)
{
    return known_token(ELDERCARE, CARE, index);
}

TEST("a parent of a child is written down, told, and taken back; each word a line of the child's with a receipt")
{
    const char *child = mine(somebody(0, true)), *mother = mine(somebody(0, false));
    int64_t since = clock_now_us();
    assert_int_equal(guardians_of(child)->n_guardians, 0);
    const Vault__V1__BatchRecordGuardiansResponse *out =
        appointed_all(&(word){.token = child, .guardian = mother, .kind = "parent"}, 1);
    assert_null(out->results[0]->status);
    assert_int_equal(out->n_receipts, 1);
    expect_receipt(out->receipts[0]);
    const Vault__V1__GuardiansResult *now = guardians_of(child);
    assert_null(now->status);
    assert_int_equal(now->n_guardians, 1);
    assert_string_equal(now->guardians[0]->token, child);
    assert_string_equal(now->guardians[0]->guardian_token, mother);
    assert_string_equal(now->guardians[0]->kind, "parent");
    assert_true(!now->guardians[0]->ended && !now->guardians[0]->expire_time);
    assert_string_equal(dismissed(child, mother, "parent"), "");
    assert_true(guardians_of(child)->guardians[0]->ended);
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"action\":\"guardian\""), 5);
    assert_int_equal(occurrences(views, "\"form\":\"parent\",\"outcome\":\"granted\""), 1);
    assert_int_equal(occurrences(views, "\"form\":\"ended\",\"outcome\":\"granted\""), 1);
    assert_int_equal(occurrences(views, "\"rule\":\"guardian-book\""), 5);
    fixture_reset();
}

TEST("both parents in one call, one of them of two children; and rows and sum stay sound")
{
    uint64_t first = somebody(0, true), second = somebody(first + 1, true);
    uint64_t mother = somebody(0, false), father = somebody(mother + 1, false);
    const word words[] = {{.token = mine(first), .guardian = mine(mother), .kind = "parent"},
                          {.token = mine(first), .guardian = mine(father), .kind = "parent"},
                          {.token = mine(second), .guardian = mine(mother), .kind = "court", .end_s = 4102444800}};
    const Vault__V1__BatchRecordGuardiansResponse *out = appointed_all(words, 3);
    for (size_t i = 0; i < 3; i++) assert_null(out->results[i]->status);
    fixture_restart(); /* the head's sum is checked against the rows */
    assert_int_equal(guardians_of(mine(first))->n_guardians, 2);
    const Vault__V1__GuardiansResult *other = guardians_of(mine(second));
    assert_int_equal(other->n_guardians, 1);
    assert_string_equal(other->guardians[0]->kind, "court");
    assert_int_equal(other->guardians[0]->expire_time->seconds, 4102444800);
    fixture_reset();
}

TEST("of a grown-up there is no parent, but a guardian of the court; nobody is one's own")
{
    uint64_t ward = somebody(50, false), other = somebody(ward + 1, false);
    assert_string_equal(appointed(mine(ward), mine(other), "parent"), "WARD_IS_ADULT");
    assert_string_equal(appointed(mine(ward), mine(ward), "court"), "OWN_GUARDIAN");
    assert_string_equal(appointed(mine(ward), mine(other), "court"), "");
    assert_string_equal(appointed(mine(ward), mine(other), "committee"), "");
    assert_string_equal(guardians_of(mine(ward))->guardians[0]->kind, "committee");
    assert_int_equal(guardians_of(mine(ward))->n_guardians, 1);
    fixture_reset();
}

TEST("slips have their place: kind, end, tokens, none at all")
{
    const char *child = mine(somebody(0, true)), *mother = mine(somebody(0, false));
    int64_t now = clock_now_us() / 1000000;
    const word bad[] = {{.token = child, .guardian = mother, .kind = "uncle"},
                        {.token = child, .guardian = mother, .kind = ""},
                        {.token = child, .guardian = mother, .kind = "court", .end_s = now - 1},
                        {.token = child, .guardian = mother, .kind = "court", .ended = true, .end_s = now + 1000},
                        {.token = "rv1x", .guardian = mother, .kind = "court"},
                        {.token = child, .guardian = "rv1x", .kind = "court"}};
    enum { BAD = sizeof bad / sizeof *bad };
    int64_t before = lines_in_log();
    const Vault__V1__BatchRecordGuardiansResponse *out = appointed_all(bad, BAD);
    for (size_t i = 0; i < BAD; i++) assert_int_equal(out->results[i]->status->code, 3);
    assert_int_equal(lines_in_log(), before);
    expect_outcome(appoint_as(NULL, bad, 0), VAULT_INVALID, "REQUIRED");
    fixture_reset();
}

/* ---- nobody learns who is there ---- */

TEST("a guardian or ward who is gone, or known to another app alone: the same bytes")
{
    const char *child = mine(somebody(0, true)), *mother = mine(somebody(0, false));
    const char *of_clinic = token_for(CLINIC, DOCTOR, somebody(0, false));
    uint64_t gone = somebody(100, false);
    const char *was = mine(gone);
    erase_one(token_for(POPULATION, WHY, gone));
    const word words[] = {{.token = child, .guardian = of_clinic, .kind = "court"},
                          {.token = of_clinic, .guardian = mother, .kind = "court"},
                          {.token = child, .guardian = was, .kind = "court"},
                          {.token = was, .guardian = mother, .kind = "court"}};
    const Vault__V1__BatchRecordGuardiansResponse *out = appointed_all(words, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(refusal(out->results[i]->status), "resident");
        expect_alike(out->results[0]->status, out->results[i]->status);
    }
    fixture_reset();
}

static request *register_asks(const char *ward, const char *who)
{
    NEW(in, Vault__V1__BatchRecordGuardiansRequest, vault__v1__batch_record_guardians_request__init);
    NEW(one, Vault__V1__GuardianItem, vault__v1__guardian_item__init);
    in->items = arena_array(fixture_memory(), 1, sizeof *in->items);
    in->items[in->n_items++] = one;
    one->token = lent(ward), one->guardian_token = lent(who), one->kind = lent("court");
    return ask(&(asked){.path = "/vault.v1.Guardians/BatchRecord", .uri = POPULATION, .purpose = WHY, .in = &in->base});
}

TEST("a rule for some areas is for guardians there, too: elsewhere they are as nobody")
{
    const char *near = token_for(POPULATION, WHY, somebody(0, false));
    const char *far = token_for(POPULATION, WHY, resident_elsewhere(0));
    const char *pairs[][2] = {{near, far}, {far, near}};
    for (size_t i = 0; i < 2; i++) {
        request *rq = register_asks(pairs[i][0], pairs[i][1]);
        expect_outcome(rq, VAULT_OK, NULL);
        assert_string_equal(
            refusal(((const Vault__V1__BatchRecordGuardiansResponse *)(const void *)rq->out)->results[0]->status),
            "resident");
    }
    fixture_reset();
}

TEST("without a rule nothing is written and nothing told; a rule for consents is none for guardians")
{
    NEW(in, Vault__V1__BatchGetGuardiansRequest, vault__v1__batch_get_guardians_request__init);
    const char *of_clinic = token_for(CLINIC, DOCTOR, 0);
    in->tokens = lend_all(&of_clinic, 1);
    in->n_tokens = 1;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Guardians/BatchGet", .uri = CLINIC, .purpose = DOCTOR, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_equal(
        refusal(((const Vault__V1__BatchGetGuardiansResponse *)(const void *)rq->out)->results[0]->status), "action");
    fixture_reset();
}

TEST("who is erased is nobody's guardian any more, and has none")
{
    uint64_t child = somebody(0, true), aunt = somebody(150, false);
    const char *was = mine(aunt);
    size_t before = guardians_of(mine(child))->n_guardians;
    assert_string_equal(appointed(mine(child), was, "committee"), "");
    assert_int_equal(guardians_of(mine(child))->n_guardians, before + 1);
    erase_one(token_for(POPULATION, WHY, aunt));
    assert_int_equal(guardians_of(mine(child))->n_guardians, before);
    assert_string_equal(refusal(guardians_of(was)->status), "resident");
    assert_string_equal(dismissed(mine(child), was, "committee"), "resident");
    fixture_reset();
}

TEST("an edited row is told to the operator, and is no guardian")
{
    const char *ward = mine(somebody(0, true)), *who = mine(somebody(60, false));
    pg_sql("UPDATE resident SET area = area + 1");
    assert_string_not_equal(appointed(ward, who, "court"), "");
    pg_sql("UPDATE resident SET area = area - 1");
    assert_string_equal(appointed(ward, who, "court"), "");
    fixture_reset();
}

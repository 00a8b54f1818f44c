/* Aggregations: what is harmless by itself and is not together, over many calls. Eldercare may see name, address and
 * care category of its street, but not all three of one resident within thirty days of each other. */
#include "tests/unit/service/counted.h"

static void edit_seen(const char *file, json_t *doc)
{
    edit_document(file, doc);
    if (strcmp(file, "policy.json") != 0) return;
    json_object_set_new(doc, "aggregations",
                        json_loads("[{\"id\":\"frail\",\"fields\":[\"name\",\"residence_address\",\"care_category\"],"
                                   "\"level\":5,\"per\":\"person\",\"days\":30}]",
                                   0, NULL));
}

__attribute__((constructor)) static void want_aggregation(void)
{
    fixture_edit = edit_seen;
}

/* 'g' granted, 'r' refused as an unknown resident is, '?' anything else. */
static char seen_by(size_t n, Google__Protobuf__FieldMask *fields, const char *said)
{
    const char *one = care_token(n);
    request *rq = ask(&(asked){.path = REVEAL_MANY,
                               .uri = ELDERCARE,
                               .purpose = "elder-care",
                               .assertion = said,
                               .in = &reveal_list(&one, 1, fields)->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const char *reason = why(((const Vault__V1__BatchRevealResponse *)(const void *)rq->out)->results[0]->status);
    return strcmp(reason, "") == 0 ? 'g' : strcmp(reason, "resident") == 0 ? 'r' : '?';
}

#define SEE(n, ...) seen_by((n), MASK(__VA_ARGS__), NULL)

TEST("all at once is refused, and told like an unknown resident; the officer's view says why")
{
    given_nothing_counted();
    int64_t then = from_now_on();
    assert_int_equal(SEE(0, "name", "residence_address", "care_category"), 'r');
    assert_int_equal(occurrences(views_since(then), "\"clause\":\"aggregation\""), 1);
    assert_int_equal(SEE(0, "name", "residence_address"), 'g');
    fixture_reset();
}

TEST("one after the other is refused at the last one, of this resident and no other")
{
    given_nothing_counted();
    assert_int_equal(SEE(0, "name"), 'g');
    assert_int_equal(SEE(0, "phone", "residence_address"), 'g');
    assert_int_equal(SEE(0, "care_category"), 'r');
    assert_int_equal(SEE(0, "name", "care_category"), 'r');
    assert_int_equal(SEE(0, "name", "phone", "residence_address"), 'g');
    assert_int_equal(SEE(1, "care_category", "name"), 'g');
    assert_int_equal(SEE(1, "residence_address"), 'r');
    fixture_reset();
}

TEST("a refused call has shown nothing, and counts as nothing seen")
{
    given_nothing_counted();
    assert_int_equal(SEE(0, "name", "residence_address", "care_category"), 'r');
    assert_int_equal(SEE(0, "name"), 'g');
    assert_int_equal(SEE(0, "care_category"), 'g');
    assert_int_equal(SEE(0, "residence_address"), 'r');
    fixture_reset();
}

TEST("a pause of thirty days ends nothing, one of thirty-one does; each sight begins a pause anew")
{
    given_nothing_counted();
    assert_int_equal(SEE(0, "name"), 'g');
    given_later(30 * DAY_US);
    assert_int_equal(SEE(0, "residence_address"), 'g');
    given_later(30 * DAY_US);
    assert_int_equal(SEE(0, "care_category"), 'r'); /* the name is seen yet */
    given_later(1 * DAY_US);
    assert_int_equal(SEE(0, "care_category"), 'g');
    assert_int_equal(SEE(0, "name"), 'g');
    assert_int_equal(SEE(0, "residence_address"), 'r');
    fixture_reset();
}

TEST("persons see by themselves: what one has seen the next one has not, nor the app")
{
    given_nothing_counted();
    const claims zhao = {0}, sun = {.sub = "grid-own"};
    assert_int_equal(seen_by(0, MASK("name"), assertion_of(&zhao)), 'g');
    assert_int_equal(seen_by(0, MASK("residence_address"), assertion_of(&zhao)), 'g');
    assert_int_equal(seen_by(0, MASK("care_category"), assertion_of(&zhao)), 'r');
    assert_int_equal(seen_by(0, MASK("care_category"), assertion_of(&sun)), 'g');
    assert_int_equal(SEE(0, "care_category"), 'g');
    fixture_reset();
}

TEST("what a question answers shows nothing; what is masked does")
{
    given_nothing_counted();
    assert_int_equal(SEE(0, "name", "care_category"), 'g');
    const char *one = care_token(0);
    Vault__V1__BatchRevealRequest *in = reveal_list(&one, 1, MASK("residence_address"));
    in->form = VAULT__V1__FORM__FORM_MASKED;
    request *rq = ask(&(asked){.path = REVEAL_MANY, .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    assert_string_equal(why(((const Vault__V1__BatchRevealResponse *)(const void *)rq->out)->results[0]->status),
                        "resident");
    in->field_mask = MASK("phone");
    in->form = VAULT__V1__FORM__FORM_TOKEN;
    rq = ask(&(asked){.path = REVEAL_MANY, .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base});
    assert_string_equal(why(((const Vault__V1__BatchRevealResponse *)(const void *)rq->out)->results[0]->status), "");
    fixture_reset();
}

TEST("calls that run together do not see past each other, and one resident twice in a call is seen once")
{
    given_nothing_counted();
    Google__Protobuf__FieldMask *fields[] = {MASK("name"), MASK("residence_address"), MASK("care_category")};
    asked calls[3];
    request *rqs[3];
    for (size_t i = 0; i < 3; i++)
        calls[i] = (asked){.path = "/vault.v1.Tokens/Reveal",
                           .uri = ELDERCARE,
                           .purpose = "elder-care",
                           .in = &reveal_of(care_token(5), fields[i])->base};
    ask_many(calls, rqs, 3);
    expect_outcome(rqs[0], VAULT_OK, NULL);
    expect_outcome(rqs[1], VAULT_OK, NULL);
    expect_outcome(rqs[2], VAULT_DENIED, "resident");
    const char *twice[] = {care_token(6), care_token(6), care_token(7)};
    request *rq = ask(&(asked){.path = REVEAL_MANY,
                               .uri = ELDERCARE,
                               .purpose = "elder-care",
                               .in = &reveal_list(twice, 3, MASK("name", "residence_address"))->base});
    const Vault__V1__BatchRevealResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < 3; i++) assert_string_equal(why(out->results[i]->status), "");
    fixture_reset();
}

TEST("whoever it is: an unknown resident, one elsewhere and one of whom too much was seen are alike, in SQL as well")
{
    given_nothing_counted();
    assert_int_equal(SEE(0, "name", "residence_address"), 'g');
    int64_t before = lines_in_log();
    const char *elsewhere = token_for(ELDERCARE, "elder-care", resident_elsewhere(0));
    int64_t issued = lines_in_log();
    request *rq = ask(&(asked){.path = REVEAL_MANY,
                               .uri = ELDERCARE,
                               .purpose = "elder-care",
                               .in = &reveal_list(&elsewhere, 1, MASK("care_category"))->base});
    const char *far = why(((const Vault__V1__BatchRevealResponse *)(const void *)rq->out)->results[0]->status);
    assert_string_equal(far, "resident");
    assert_int_equal(SEE(0, "care_category"), 'r');
    assert_int_equal(lines_in_log() - issued, 2);
    assert_true(issued > before);
    assert_string_equal(pg_sql("select count(*) from budget_seen"), "1");
    fixture_reset();
}

TEST("what was seen and is edited counts as everything seen")
{
    given_nothing_counted();
    assert_int_equal(SEE(0, "name"), 'g');
    pg_sql("update budget_seen set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)");
    assert_int_equal(SEE(0, "name"), 'r');
    assert_int_equal(SEE(0, "phone"), 'g'); /* which the aggregation is not about */
    fixture_reset();
}

/* Aggregations: what is harmless by itself and is not together, over many calls. Eldercare may see name, address and
 * care category of its street, but not all three of one resident within thirty days of each other. */
#include "tests/unit/service/counted.h"

/* By a ticket of its own the app may have all three, in this form. */
static void add_way(json_t *rules, const char *id, const char *form, const char *ticket)
{
    add_rule(rules, id, "reveal", form, "[\"name\", \"residence_address\", \"care_category\"]");
    json_t *rule = json_array_get(rules, json_array_size(rules) - 1);
    json_object_set_new(rule, "level", json_integer(5));
    json_object_set_new(rule, "ticket", json_pack("[s]", ticket));
}

static void edit_seen(const char *file, json_t *doc)
{
    edit_document(file, doc);
    if (strcmp(file, "policy.json") != 0) return;
    json_object_set_new(doc, "aggregations",
                        json_loads("[{\"id\":\"frail\",\"fields\":[\"name\",\"residence_address\",\"care_category\"],"
                                   "\"level\":5,\"per\":\"person\",\"days\":30}]",
                                   0, NULL));
    add_way(json_object_get(doc, "rules"), "seen-all", "plain", "all-#");
    add_way(json_object_get(doc, "rules"), "seen-masked", "masked", "masked-#");
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

/* As SEE, with a ticket and in a form; several items of one resident. */
typedef struct sighting {
    size_t n, items;
    Vault__V1__Form form;
    const char *ticket;
} sighting;

static const char *seen_with(const sighting *how, Google__Protobuf__FieldMask *fields)
{
    const char *tokens[4] = {care_token(how->n), care_token(how->n), care_token(how->n), care_token(how->n)};
    char *letters = arena_alloc(fixture_memory(), 5);
    Vault__V1__BatchRevealRequest *in = reveal_list(tokens, how->items, fields);
    in->form = how->form;
    request *rq = ask(&(asked){
        .path = REVEAL_MANY, .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base, .ticket = how->ticket});
    expect_outcome(rq, VAULT_OK, NULL);
    for (size_t i = 0; i < how->items; i++) {
        const char *reason = why(((const Vault__V1__BatchRevealResponse *)(const void *)rq->out)->results[i]->status);
        letters[i] = strcmp(reason, "") == 0 ? 'g' : strcmp(reason, "resident") == 0 ? 'r' : '?';
    }
    return letters;
}

#define PLAIN                       VAULT__V1__FORM__FORM_PLAIN
#define MASKED                      VAULT__V1__FORM__FORM_MASKED
#define SEE_WITH(form, ticket, ...) seen_with(&(sighting){0, 1, form, ticket}, MASK(__VA_ARGS__))

TEST("who has seen the whole set sees its fields again, one after the other; all at once needs the level again")
{
    given_nothing_counted();
    assert_string_equal(SEE_WITH(PLAIN, "all-1", "name", "residence_address", "care_category"), "g");
    assert_int_equal(SEE(0, "name"), 'g');
    assert_int_equal(SEE(0, "care_category", "phone"), 'g');
    assert_int_equal(SEE(0, "name", "residence_address"), 'g');
    assert_int_equal(SEE(0, "name", "residence_address", "care_category"), 'r');
    assert_int_equal(SEE(1, "name"), 'g');
    given_later(31 * DAY_US); /* all is new again, and adds up again */
    assert_int_equal(SEE(0, "name", "residence_address"), 'g');
    assert_int_equal(SEE(0, "care_category"), 'r');
    fixture_reset();
}

TEST("who has seen the whole set masked has not seen it: in plain its fields are new")
{
    given_nothing_counted();
    assert_string_equal(SEE_WITH(MASKED, "masked-1", "name", "residence_address", "care_category"), "g");
    assert_string_equal(SEE_WITH(MASKED, NULL, "name"), "g");
    assert_int_equal(SEE(0, "name"), 'r');
    assert_int_equal(SEE(0, "residence_address"), 'r');
    assert_string_equal(SEE_WITH(PLAIN, "all-1", "name"), "g");
    assert_int_equal(SEE(0, "name"), 'g');
    assert_int_equal(SEE(0, "residence_address"), 'r');
    fixture_reset();
}

TEST("what one item of a call was refused is as new to the next one")
{
    given_nothing_counted();
    assert_int_equal(SEE(0, "name", "residence_address"), 'g');
    assert_string_equal(seen_with(&(sighting){0, 4, PLAIN, NULL}, MASK("care_category")), "rrrr");
    assert_string_equal(seen_with(&(sighting){0, 4, PLAIN, "all-1"}, MASK("care_category")), "gggg");
    assert_string_equal(seen_with(&(sighting){0, 4, PLAIN, NULL}, MASK("care_category")), "gggg");
    fixture_reset();
}

TEST("where SQL takes away what was seen, its fields are new again, and add up again")
{
    given_nothing_counted();
    assert_string_equal(SEE_WITH(PLAIN, "all-1", "name", "residence_address", "care_category"), "g");
    pg_sql("delete from budget_seen");
    assert_int_equal(SEE(0, "name", "residence_address"), 'g');
    assert_int_equal(SEE(0, "care_category"), 'r');
    fixture_reset();
}

/* What the receiver of the voucher is given, or told. */
static const char *redeemed_of(size_t n)
{
    return why(redeemed(made_voucher(n))->status);
}

TEST("vouchers work under a policy with sets of fields, and what they open is seen")
{
    given_nothing_counted();
    assert_string_equal(redeemed_of(0), "");
    assert_int_equal(SEE(0, "residence_address"), 'g'); /* the name was seen by the voucher */
    assert_int_equal(SEE(0, "care_category"), 'r');
    assert_string_equal(redeemed_of(0), "");
    assert_string_equal(SEE_WITH(PLAIN, "all-1", "care_category"), "g");
    assert_string_equal(redeemed_of(0), "");
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

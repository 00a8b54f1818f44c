/* Tokens.BatchTest: yes, no, absent; the value stays inside, and each resident has a line. */
#include "tests/unit/service/asking.h"

/* One test: a token, and what its value is compared with. */
typedef struct test_of {
    const char *text, *value, *other;
} test_of;

static Vault__V1__TestItem *item_of(const test_of *t)
{
    Vault__V1__TestItem *out = arena_alloc(fixture_memory(), sizeof *out);
    vault__v1__test_item__init(out);
    out->token = (char *)(uintptr_t)t->text;
    if (t->value) out->than_case = VAULT__V1__TEST_ITEM__THAN_VALUE, out->value = (char *)(uintptr_t)t->value;
    if (t->other)
        out->than_case = VAULT__V1__TEST_ITEM__THAN_OTHER_TOKEN, out->other_token = (char *)(uintptr_t)t->other;
    return out;
}

static request *test_by(const char *uri, const char *purpose_id, const char *question, const test_of *tests,
                        size_t count)
{
    Vault__V1__BatchTestRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_test_request__init(in);
    in->predicate = (char *)(uintptr_t)question;
    in->items = arena_array(fixture_memory(), count + 1, sizeof *in->items);
    for (size_t i = 0; i < count; i++) in->items[in->n_items++] = item_of(&tests[i]);
    in->want_receipt = true;
    return ask(&(asked){.path = "/vault.v1.Tokens/BatchTest", .uri = uri, .purpose = purpose_id, .in = &in->base});
}

static const Vault__V1__BatchTestResponse *tested_many(const char *question, const test_of *tests, size_t count)
{
    request *rq = test_by(ELDERCARE, "elder-care", question, tests, count);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchTestResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_results, count);
    return out;
}

static const Vault__V1__TestResult *tested(const char *question, const test_of t)
{
    return tested_many(question, &t, 1)->results[0];
}

static const char *mine(uint64_t index)
{
    return token_for(ELDERCARE, "elder-care", index);
}

static void expect_holds(const Vault__V1__TestResult *got, bool holds)
{
    assert_string_equal(why(got->status), "");
    assert_int_equal(got->holds, holds);
    assert_false(got->absent);
}

TEST("an age is answered as counting gives it, for everybody in the street, and the date is nowhere")
{
    uint32_t today = clock_shanghai_date(clock_now_us());
    for (uint64_t i = 0, n = 0; n < 12; i = resident_in_street(i) + 1, n++) {
        uint64_t index = resident_in_street(i);
        const char *born = value_of(index, FIELD_BIRTH_DATE);
        int64_t then = clock_now_us();
        expect_holds(tested("test_60", (test_of){.text = mine(index)}),
                     today - (uint32_t)strtoul(born, NULL, 10) >= 600000);
        const char *views = views_since(then);
        assert_int_equal(occurrences(views, "\"action\":\"test\""), 1);
        assert_int_equal(occurrences(views, "\"fields\":\"test_60\""), 1);
        assert_int_equal(occurrences(views, "\"form\":\"predicate\""), 1);
        assert_int_equal(occurrences(views, "\"rule\":\"test-predicates\""), 1);
        assert_null(strstr(views, born));
    }
    fixture_reset();
}

TEST("a value equals itself in every form of writing, and no other")
{
    uint64_t index = resident_in_street(0);
    const char *own = mine(index), *phone = value_of(index, FIELD_PHONE);
    expect_holds(tested("test_phone", (test_of){own, phone, NULL}), true);
    expect_holds(
        tested("test_phone",
               (test_of){own, arena_format(fixture_memory(), "+86 %.3s-%.4s-%.4s", phone, phone + 3, phone + 7), NULL}),
        true);
    expect_holds(tested("test_phone", (test_of){own, "13900009999", NULL}), false);
    fixture_reset();
}

TEST("two residents are compared: both have a line, and what refuses one refuses the other")
{
    uint64_t a = resident_in_street(0), b = resident_in_street(a + 1);
    const char *one = mine(a), *two = mine(b), *away = mine(resident_elsewhere(0));
    int64_t then = clock_now_us(), before = lines_in_log();
    expect_holds(tested("test_street", (test_of){one, NULL, two}), true);
    assert_int_equal(lines_in_log(), before + 2);
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"action\":\"test\""), 2);
    assert_int_equal(occurrences(views, "\"outcome\":\"refused\""), 0);
    expect_holds(tested("test_phone", (test_of){one, NULL, one}), true);
    then = clock_now_us();
    assert_string_equal(why(tested("test_street", (test_of){one, NULL, away})->status), "resident");
    assert_string_equal(why(tested("test_street", (test_of){away, NULL, one})->status), "resident");
    views = views_since(then);
    assert_int_equal(occurrences(views, "\"outcome\":\"refused\""), 4);
    assert_int_equal(occurrences(views, "\"clause\":\"resident\""), 4);
    fixture_reset();
}

TEST("another's token is nobody, whether of the one asked about or of the one compared with")
{
    uint64_t index = resident_in_street(0);
    const char *one = mine(index), *foreign = token_for(CLINIC, "family-doctor", index);
    assert_string_equal(why(tested("test_street", (test_of){one, NULL, foreign})->status), "resident");
    assert_string_equal(why(tested("test_street", (test_of){foreign, NULL, one})->status), "resident");
    assert_string_equal(why(tested("test_60", (test_of){.text = foreign})->status), "resident");
    fixture_reset();
}

TEST("what the vault does not hold is absent, with either of the two")
{
    uint64_t none = resident_in_street(0);
    while (value_of(none, FIELD_FORMER_NAME)[0]) none = resident_in_street(none + 1);
    const Vault__V1__TestResult *got = tested("test_former", (test_of){mine(none), "王一", NULL});
    assert_string_equal(why(got->status), "");
    assert_true(got->absent);
    assert_false(got->holds);
    got = tested("test_former", (test_of){mine(none), NULL, mine(none)});
    assert_true(got->absent);
    assert_false(got->holds);
    fixture_reset();
}

TEST("a question that is malformed names its place, and no line is written")
{
    const char *one = mine(resident_in_street(0));
    static const struct {
        const char *predicate, *value, *other, *wanted;
    } bad[] = {
        {"test_60", "19500101", NULL, "NOTHING_TO_COMPARE items[1].value"},
        {"test_60", NULL, "", "TOKEN_MALFORMED items[1].other_token"},
        {"test_phone", NULL, NULL, "REQUIRED items[1].value"},
        {"test_phone", "1390000999", NULL, "BAD_LENGTH items[1].value"},
        {"test_street", "3204", NULL, "BAD_LENGTH items[1].value"},
        {"test_street", NULL, "rv1no", "TOKEN_MALFORMED items[1].other_token"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const bool alone = strcmp(bad[i].predicate, "test_60") == 0;
        const test_of two[] = {{one, NULL, alone ? NULL : one}, {one, bad[i].value, bad[i].other}};
        int64_t before = lines_in_log();
        const Vault__V1__BatchTestResponse *out = tested_many(bad[i].predicate, two, 2);
        assert_string_equal(why(out->results[0]->status), "");
        assert_string_equal(why(out->results[1]->status), bad[i].wanted);
        assert_int_equal(lines_in_log(), before + (alone ? 1 : 2));
    }
    assert_string_equal(why(tested("test_60", (test_of){one, NULL, one})->status),
                        "NOTHING_TO_COMPARE items[0].other_token");
    assert_string_equal(why(tested("test_street", (test_of){"rv1no", NULL, one})->status),
                        "TOKEN_MALFORMED items[0].token");
    expect_outcome(test_by(ELDERCARE, "elder-care", "", &(test_of){.text = one}, 1), VAULT_INVALID, "REQUIRED");
    expect_outcome(test_by(ELDERCARE, "elder-care", "birth_date", &(test_of){.text = one}, 1), VAULT_INVALID,
                   "UNKNOWN_PREDICATE");
    expect_outcome(test_by(ELDERCARE, "elder-care", "test_60", NULL, 0), VAULT_INVALID, "REQUIRED");
    fixture_reset();
}

static const char *why_for(const char *uri, const char *purpose_id, const char *question, const test_of t)
{
    request *rq = test_by(uri, purpose_id, question, &t, 1);
    expect_outcome(rq, VAULT_OK, NULL);
    return why(((const Vault__V1__BatchTestResponse *)(void *)rq->out)->results[0]->status);
}

TEST("a predicate that the rule does not name is refused; equals of few values needs the right to the value")
{
    uint64_t index = resident_in_street(0);
    const char *own = token_for(CLINIC, "family-doctor", index), *sex = value_of(index, FIELD_SEX);
    assert_string_equal(why_for(CLINIC, "family-doctor", "test_60", (test_of){.text = own}), "fields");
    assert_string_equal(why_for(ELDERCARE, "elder-care", "test_sex", (test_of){mine(index), sex, NULL}), "fields");
    int64_t then = clock_now_us();
    assert_string_equal(why_for(CLINIC, "family-doctor", "test_sex", (test_of){own, sex, NULL}), "");
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"fields\":\"test_sex\""), 1);
    assert_int_equal(occurrences(views, "\"form\":\"predicate\""), 1);
    fixture_reset();
}

/* 700 tests of pairs: parts end between pairs, and every answer is its own. */
TEST("many at once: pairs stay together over the ends of parts, and singles stand among them")
{
    enum { MANY = 700 };
    static test_of tests[MANY];
    uint64_t a = resident_in_street(0), b = resident_in_street(a + 1);
    const char *one = mine(a), *two = mine(b), *phone = value_of(b, FIELD_PHONE), *away = mine(resident_elsewhere(0));
    for (size_t i = 0; i < MANY; i++)
        tests[i] = i % 7 == 0 ? (test_of){two, phone, NULL}
                              : (test_of){one, NULL,
                                          i % 3 == 0 ? away
                                          : i % 2    ? one
                                                     : two};
    int64_t before = lines_in_log();
    const Vault__V1__BatchTestResponse *out = tested_many("test_phone", tests, MANY);
    size_t lines = 0;
    for (size_t i = 0; i < out->n_receipts; i++) lines += out->receipts[i]->n_lines;
    assert_int_equal(lines_in_log(), before + MANY + MANY - MANY / 7);
    assert_int_equal(lines, MANY + MANY - MANY / 7);
    for (size_t i = 0; i < MANY; i++) {
        bool refused = i % 7 && i % 3 == 0;
        assert_string_equal(why(out->results[i]->status), refused ? "resident" : "");
        if (!refused) assert_int_equal(out->results[i]->holds, i % 7 == 0 || i % 2 == 1);
    }
    fixture_reset();
}

TEST("a row that was edited fails both of its pair, and nobody else")
{
    uint64_t a = resident_in_street(0), b = resident_in_street(a + 1), c = resident_in_street(b + 1);
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    const char *one = mine(a), *two = mine(b), *three = mine(c);
    const test_of tests[] = {{one, NULL, two}, {one, NULL, three}, {three, NULL, one}};
    long long id = id_behind(two, key);
    pg_sql("update resident set version = version + 1 where id = %lld", id);
    const Vault__V1__BatchTestResponse *out = tested_many("test_street", tests, 3);
    pg_sql("update resident set version = version - 1 where id = %lld", id);
    assert_int_equal(out->results[0]->status->code, 15);
    expect_holds(out->results[1], true);
    expect_holds(out->results[2], true);
    block_free(&key);
    fixture_reset();
}

/* Tokens.BatchIssue by another field than the natural key. */
#include "tests/unit/service/asking.h"

static request *issue_by(const char *uri, const char *purpose_id, const char *field, char **values, size_t count)
{
    Vault__V1__BatchIssueRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_issue_request__init(in);
    in->field = arena_text(fixture_memory(), bytes_of_text(field));
    in->values = values;
    in->n_values = count;
    in->want_receipt = true;
    return ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = uri, .purpose = purpose_id, .in = &in->base});
}

static const Vault__V1__IssueResult *issued(const request *rq, size_t at)
{
    expect_outcome(rq, VAULT_OK, NULL);
    return ((const Vault__V1__BatchIssueResponse *)(const void *)rq->out)->results[at];
}

static const Vault__V1__IssueResult *by_phone(const char *phone)
{
    return issued(issue_by(ELDERCARE, "elder-care", "phone", one_text(phone), 1), 0);
}

TEST("a resident has one token, by the phone as by the ID number, and the line names the field that it went by")
{
    uint64_t index = with_own_phone(true, 0);
    const char *phone = value_of(index, FIELD_PHONE);
    const char *by_number = token_for(ELDERCARE, "elder-care", index);
    int64_t then = clock_now_us();
    const Vault__V1__IssueResult *got = by_phone(phone);
    assert_string_equal(why(got->status), "");
    assert_string_equal(got->token, by_number);
    const char *views = views_since(then);
    assert_int_equal(occurrences(views, "\"fields\":\"phone\""), 1);
    assert_null(strstr(views, phone));
    got = by_phone(arena_format(fixture_memory(), "+86 %.3s %.4s %.4s", phone, phone + 3, phone + 7));
    assert_string_equal(got->token, by_number);
    got = issued(issue_by(ELDERCARE, "elder-care", "id_number", one_text(value_of(index, FIELD_ID_NUMBER)), 1), 0);
    assert_string_equal(got->token, by_number);
    fixture_reset();
}

TEST("a phone that nobody has, one that two have, and one that is none are refused")
{
    uint64_t index = with_own_phone(true, 0);
    const char *phone = value_of(index, FIELD_PHONE);
    pg_sql("create table kept_terms as select * from resident_term");
    int64_t before = lines_in_log();
    assert_string_equal(why(by_phone("13900009999")->status), "resident");
    assert_string_equal(why(by_phone("1390000999")->status), "BAD_LENGTH values[0]");
    assert_int_equal(lines_in_log(), before + 1);
    /* A second entry of the same term: who is meant cannot be said. */
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    long long id = id_behind(by_phone(phone)->token, key);
    pg_sql(
        "insert into resident_term (term, area, id) select t.term, t.area, (select max(id) from resident where id <> "
        "%lld) from resident_term t where t.id = %lld",
        id, id);
    assert_string_equal(why(by_phone(phone)->status), "resident");
    pg_sql("truncate resident_term; insert into resident_term select * from kept_terms; drop table kept_terms");
    assert_string_equal(why(by_phone(phone)->status), "");
    block_free(&key);
    fixture_reset();
}

TEST("an index entry that was put there by SQL leads to nobody")
{
    const domain *d = domain_of(ELDERCARE, "elder-care");
    block_cipher *key = key_of(d);
    uint64_t victim = with_own_phone(true, 0), other = with_own_phone(true, victim + 1);
    long long from = id_behind(token_for(ELDERCARE, "elder-care", victim), key);
    long long to = id_behind(token_for(ELDERCARE, "elder-care", other), key);
    pg_sql("create table kept_terms as select * from resident_term");
    pg_sql("delete from resident_term where id = %lld", to);
    pg_sql("update resident_term set id = %lld where id = %lld", to, from);
    assert_string_equal(why(by_phone(value_of(victim, FIELD_PHONE))->status), "resident");
    pg_sql("truncate resident_term; insert into resident_term select * from kept_terms; drop table kept_terms");
    assert_string_equal(why(by_phone(value_of(victim, FIELD_PHONE))->status), "");
    block_free(&key);
    fixture_reset();
}

TEST("the field must be one that residents can be named by, and that the rule gives")
{
    char **phone = one_text("13900009999");
    request *rq = issue_by(ELDERCARE, "elder-care", "name", one_text("王一"), 1);
    expect_outcome(rq, VAULT_INVALID, "NOT_UNIQUE");
    assert_string_equal(rq->err.field, "field");
    expect_outcome(issue_by(ELDERCARE, "elder-care", "birth_date", phone, 1), VAULT_INVALID, "NOT_UNIQUE");
    expect_outcome(issue_by(ELDERCARE, "elder-care", "nothing", phone, 1), VAULT_INVALID, "UNKNOWN_FIELD");
    expect_outcome(issue_by(ELDERCARE, "elder-care", "house_number", phone, 1), VAULT_INVALID, "UNKNOWN_FIELD");
    expect_outcome(issue_by(ELDERCARE, "elder-care", "test_60", phone, 1), VAULT_INVALID, "UNKNOWN_FIELD");
    assert_string_equal(why(issued(issue_by(CLINIC, "family-doctor", "phone", phone, 1), 0)->status), "fields");
    fixture_reset();
}

TEST("calls by number and calls by phone run together, each with its own answers")
{
    enum { CALLS = 6 };
    asked many[CALLS];
    request *done[CALLS];
    for (size_t i = 0; i < CALLS; i++) {
        Vault__V1__BatchIssueRequest *in = arena_alloc(fixture_memory(), sizeof *in);
        uint64_t index = with_own_phone(true, 0);
        vault__v1__batch_issue_request__init(in);
        in->field = arena_text(fixture_memory(), bytes_of_text(i % 2 ? "phone" : ""));
        in->values = one_text(value_of(index, i % 2 ? FIELD_PHONE : FIELD_ID_NUMBER));
        in->n_values = 1;
        many[i] =
            (asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = ELDERCARE, .purpose = "elder-care", .in = &in->base};
    }
    ask_many(many, done, CALLS);
    const char *first = issued(done[0], 0)->token;
    for (size_t i = 0; i < CALLS; i++) assert_string_equal(issued(done[i], 0)->token, first);
    fixture_reset();
}

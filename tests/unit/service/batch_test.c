/* Calls of many items: results in order, receipts of every part, and one bad item that fails nobody else. */
#include "tests/unit/service/receipt.h"

#include <stdio.h>

enum { MANY = 4096 };

static Vault__V1__BatchIssueRequest *issue_of(size_t count)
{
    Vault__V1__BatchIssueRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_issue_request__init(in);
    in->values = arena_array(fixture_memory(), count + 1, sizeof *in->values);
    in->want_receipt = true;
    for (size_t i = 0; i < count; i++) {
        resident r;
        the_resident(i % FIXTURE_RESIDENTS, &r);
        in->values[in->n_values++] = arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER));
    }
    return in;
}

static request *issue(ProtobufCMessage *in)
{
    return ask(
        &(asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = POPULATION, .purpose = "population-register", .in = in});
}

static Vault__V1__BatchRevealRequest *reveal_many(char **tokens, size_t count, Google__Protobuf__FieldMask *mask)
{
    Vault__V1__BatchRevealRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__batch_reveal_request__init(in);
    in->tokens = tokens;
    in->n_tokens = count;
    in->field_mask = mask;
    in->want_receipt = true;
    return in;
}

static request *batch_reveal(ProtobufCMessage *in)
{
    return ask(&(asked){
        .path = "/vault.v1.Tokens/BatchReveal", .uri = POPULATION, .purpose = "population-register", .in = in});
}

static void expect_receipts(Vault__V1__Receipt *const *receipts, size_t count, size_t lines)
{
    size_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        expect_receipt(receipts[i]);
        if (i > 0) assert_int_equal(receipts[i]->first_line, receipts[i - 1]->first_line + receipts[i - 1]->n_lines);
        seen += receipts[i]->n_lines;
    }
    assert_int_equal(seen, lines);
}

TEST("4,096 tokens are issued, and all fields of 4,096 residents revealed, with results in order and eight receipts")
{
    resident r;
    const char *names[GENERATOR_FIELDS];
    request *rq = issue(&issue_of(MANY)->base);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchIssueResponse *issued = (const void *)rq->out;
    assert_int_equal(issued->n_results, MANY);
    expect_receipts(issued->receipts, issued->n_receipts, MANY);
    char **tokens = arena_array(fixture_memory(), MANY, sizeof *tokens);
    for (size_t i = 0; i < MANY; i++) tokens[i] = issued->results[i]->token;
    for (unsigned f = 1; f <= GENERATOR_FIELDS; f++) names[f - 1] = generator_field_name(f);
    int64_t before = lines_in_log();
    rq = batch_reveal(&reveal_many(tokens, MANY, mask_of(names, GENERATOR_FIELDS))->base);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchRevealResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_results, MANY);
    assert_int_equal(out->n_receipts, 8);
    expect_receipts(out->receipts, out->n_receipts, MANY);
    assert_int_equal(lines_in_log(), before + MANY);
    for (size_t i = 0; i < MANY; i += 7) {
        the_resident(i % FIXTURE_RESIDENTS, &r);
        assert_null(out->results[i]->status);
        assert_string_equal(out->results[i]->values[FIELD_NAME - 1]->text, resident_text(&r, FIELD_NAME));
    }
    fixture_reset();
}

TEST("one item more than 4,096, and none, are refused as a whole and write no line")
{
    char **tokens = arena_array(fixture_memory(), MANY + 1, sizeof *tokens);
    for (size_t i = 0; i <= MANY; i++) tokens[i] = arena_text(fixture_memory(), bytes_of_text("rv1"));
    int64_t before = lines_in_log();
    expect_outcome(issue(&issue_of(MANY + 1)->base), VAULT_INVALID, "TOO_MANY");
    expect_outcome(issue(&issue_of(0)->base), VAULT_INVALID, "REQUIRED");
    expect_outcome(batch_reveal(&reveal_many(tokens, MANY + 1, MASK("name"))->base), VAULT_INVALID, "TOO_MANY");
    expect_outcome(batch_reveal(&reveal_many(tokens, 0, MASK("name"))->base), VAULT_INVALID, "REQUIRED");
    expect_outcome(batch_reveal(&reveal_many(tokens, 1, MASK("*"))->base), VAULT_INVALID, "UNKNOWN_FIELD");
    expect_outcome(batch_reveal(&reveal_many(tokens, 1, mask_of(NULL, 0))->base), VAULT_INVALID, "REQUIRED");
    assert_int_equal(lines_in_log(), before);
    fixture_reset();
}

TEST("malformed items have their status and no line; the receipts hold the others")
{
    Vault__V1__BatchIssueRequest *in = issue_of(1200);
    for (size_t i = 0; i < in->n_values; i += 3) in->values[i] = (char *)(uintptr_t) "110105194912310021";
    int64_t before = lines_in_log();
    request *rq = issue(&in->base);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchIssueResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < out->n_results; i++) {
        assert_true((i % 3 == 0) == (out->results[i]->status != NULL));
        if (i % 3 == 0) assert_int_equal(out->results[i]->status->code, 3);
    }
    assert_int_equal(lines_in_log(), before + 800);
    expect_receipts(out->receipts, out->n_receipts, 800);
    fixture_reset();
}

TEST("the same person sixty times in one put, with another phone each: sixty versions, and a receipt for each part")
{
    enum { TIMES = 60 };
    Vault__V1__BatchPutRequest *in = (Vault__V1__BatchPutRequest *)(uintptr_t)put_residents(3000, TIMES)->in;
    for (size_t i = 0; i < TIMES; i++) {
        memcpy(in->items[i]->values, in->items[0]->values, GENERATOR_FIELDS * sizeof(char *));
        in->items[i]->values[FIELD_PHONE - 1] = arena_format(fixture_memory(), "139%08zu", i);
    }
    request *rq = ask(&(asked){
        .path = "/vault.v1.Records/BatchPut", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchPutResponse *out = (const void *)rq->out;
    for (size_t i = 0; i < TIMES; i++) assert_int_equal(out->results[i]->record_version, 2 + i);
    assert_int_equal(out->n_receipts, TIMES);
    expect_receipts(out->receipts, out->n_receipts, TIMES);
    fixture_reset();
}

/* ---- one bad call among good ones ---- */

enum { CALLS = 9, BAD = 4 };

static void ask_nine(request **out, const char *good, const char *bad)
{
    asked calls[CALLS];
    for (size_t i = 0; i < CALLS; i++)
        calls[i] = (asked){.path = "/vault.v1.Tokens/Reveal",
                           .uri = CLINIC,
                           .purpose = "family-doctor",
                           .in = &reveal_of(i == BAD ? bad : good, MASK("name"))->base};
    ask_many(calls, out, CALLS);
}

TEST("a line that the table refuses fails its own call; the batch is split, and the neighbours are answered")
{
    request *out[CALLS];
    const char *good = token_for(CLINIC, "family-doctor", 1), *bad = token_for(CLINIC, "family-doctor", 2);
    char tag[32];
    snprintf(tag, sizeof tag, "%s", pg_sql("select resident_tag from line order by idx desc limit 1"));
    pg_sql("alter table line add constraint blocked check (resident_tag <> %s) not valid", tag);
    int64_t before = lines_in_log();
    ask_nine(out, good, bad);
    pg_sql("alter table line drop constraint blocked");
    for (size_t i = 0; i < CALLS; i++) {
        expect_outcome(out[i], i == BAD ? VAULT_INTERNAL : VAULT_OK, NULL);
        if (i != BAD) expect_receipt(((const Vault__V1__RevealResponse *)(const void *)out[i]->out)->receipt);
    }
    assert_int_equal(lines_in_log(), before + CALLS - 1);
    fixture_reset();
}

TEST("a ticket that is not UTF-8, or has control characters, is refused alone")
{
    static const char *const bad[] = {"\xff", "a\xc3", "\xed\xa0\x80", "a\nb", "\x7f", "\xc2\x85", ""};
    request *out[3];
    const char *own = token_for(CLINIC, "family-doctor", 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const asked one = {.path = "/vault.v1.Tokens/Reveal",
                           .uri = CLINIC,
                           .purpose = "family-doctor",
                           .in = &reveal_of(own, MASK("name"))->base};
        asked calls[] = {one, one, one};
        calls[1].in = &reveal_of(own, MASK("name"))->base;
        calls[1].ticket = bad[i];
        calls[2].in = &reveal_of(own, MASK("name"))->base;
        calls[2].ticket = "案件 2026-12";
        ask_many(calls, out, 3);
        expect_outcome(out[0], VAULT_OK, NULL);
        expect_outcome(out[1], VAULT_INVALID, "BAD_TICKET");
        expect_outcome(out[2], VAULT_OK, NULL);
    }
    fixture_reset();
}

TEST("while the head is damaged every call fails as a whole with DATA_LOSS; mended, the service goes on")
{
    char *tokens[4];
    for (size_t i = 0; i < 4; i++) tokens[i] = (char *)(uintptr_t)token_for(POPULATION, "population-register", i);
    static const char *const edits[] = {"control_version = control_version + 1", "size = size - 1", "size = size + 1",
                                        "mac = set_bit(mac, 9, 1 - get_bit(mac, 9)), control_version = 7"};
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char lines[32];
        pg_sql("create table kept as select * from head");
        snprintf(lines, sizeof lines, "%s", pg_sql("select count(*) from line"));
        pg_sql("update head set %s", edits[i]);
        request *rq = batch_reveal(&reveal_many(tokens, 4, MASK("name"))->base);
        expect_outcome(rq, VAULT_INTEGRITY, NULL);
        assert_null(rq->out);
        assert_string_equal(pg_sql("select count(*) from line"), lines);
        pg_sql("delete from head; insert into head select * from kept; drop table kept");
        expect_outcome(batch_reveal(&reveal_many(tokens, 4, MASK("name"))->base), VAULT_OK, NULL);
    }
    fixture_reset();
}

/* ---- purposes below a domain's ---- */

TEST("a purpose below the domain's uses the domain's tokens; one above, or beside, does not get more")
{
    uint64_t far = resident_elsewhere(0);
    const char *own = token_for(ELDERCARE, "elder-care", far), *below = token_for(ELDERCARE, "elder-care/visit", far);
    assert_string_equal(own, below);
    expect_outcome(reveal(ELDERCARE, "elder-care/visit", own, MASK("name")), VAULT_OK, NULL);
    expect_outcome(reveal(ELDERCARE, "elder-care", own, MASK("name")), VAULT_DENIED, "resident");
    expect_outcome(reveal(ELDERCARE, "elder-care/visit", own, MASK("phone")), VAULT_DENIED, "fields");
    expect_outcome(reveal(ELDERCARE, "elder-care/visit", token_for(CLINIC, "family-doctor", far), MASK("name")),
                   VAULT_DENIED, "resident");
    expect_outcome(reveal(CLINIC, "elder-care/visit", own, MASK("name")), VAULT_DENIED, "consumer");
    static const char *const unknown[] = {"elder-care/", "elder-care//visit", "elder-care/visit/night", "/elder-care",
                                          "elder-care ", "Elder-care",        "elder-care/..",          "*"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        expect_outcome(reveal(ELDERCARE, unknown[i], own, MASK("name")), VAULT_DENIED, "purpose");
    fixture_reset();
}

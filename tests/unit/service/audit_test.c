/* Audit and key states as their callers see them: proofs that hold, pages that meet, an officer's question that is
 * itself a line. */
#include "tests/unit/service/receipt.h"

#include <stdio.h>
#include <unistd.h>

static request *query(Vault__V1__QueryRequest *in)
{
    return ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
}

static const Vault__V1__QueryResponse *page_of(Vault__V1__QueryRequest *in)
{
    request *rq = query(in);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static void refused(Vault__V1__QueryRequest *in, const char *field, const char *reason)
{
    int64_t before = lines_in_log();
    request *rq = query(in);
    expect_outcome(rq, VAULT_INVALID, reason);
    assert_string_equal(rq->err.field, field);
    assert_int_equal(lines_in_log(), before);
}

static const Vault__V1__GetCheckpointResponse *newest_checkpoint(int64_t at_least)
{
    for (int i = 0; i < 1200; i++) {
        Vault__V1__GetCheckpointRequest in = VAULT__V1__GET_CHECKPOINT_REQUEST__INIT;
        request *rq = ask(&(asked){
            .path = "/vault.v1.Audit/GetCheckpoint", .uri = CLINIC, .purpose = "family-doctor", .in = &in.base});
        const Vault__V1__GetCheckpointResponse *out = (const void *)rq->out;
        if (out && tree_of(out->checkpoint).size >= at_least) return out;
        usleep(50000);
    }
    fail_msg("no checkpoint of %lld lines", (long long)at_least);
    return NULL;
}

static request *proof(Vault__V1__GetProofRequest__OfCase of, uint64_t number, uint64_t size)
{
    Vault__V1__GetProofRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__get_proof_request__init(in);
    in->of_case = of;
    in->line = number; /* a union: the number is either's */
    in->tree_size = size;
    return ask(
        &(asked){.path = "/vault.v1.Audit/GetProof", .uri = CLINIC, .purpose = "family-doctor", .in = &in->base});
}

#define LINE     VAULT__V1__GET_PROOF_REQUEST__OF_LINE
#define OLD_SIZE VAULT__V1__GET_PROOF_REQUEST__OF_OLD_SIZE

TEST("lines are proven under the newest checkpoint")
{
    fixture_session();
    merkle_tree tree = tree_of(newest_checkpoint(FIXTURE_RESIDENTS)->checkpoint);
    for (int64_t i = 0; i < tree.size; i += 37) {
        request *rq = proof(LINE, (uint64_t)i, (uint64_t)tree.size);
        expect_outcome(rq, VAULT_OK, NULL);
        const Vault__V1__GetProofResponse *out = (const void *)rq->out;
        digest leaf = merkle_leaf(bytes_of(out->leaf.data, out->leaf.len));
        assert_int_equal(out->tree_size, tree.size);
        assert_true(merkle_verify_inclusion(&leaf, i, &tree, path_of(out->path, out->n_path)));
        assert_false(merkle_verify_inclusion(&leaf, i + 1, &tree, path_of(out->path, out->n_path)));
    }
    fixture_reset();
}

TEST("an older tree is proven to be the start of the newer")
{
    merkle_tree old = tree_of(newest_checkpoint(1)->checkpoint);
    for (uint64_t i = 0; i < 5; i++) (void)token_for(CLINIC, "family-doctor", i);
    merkle_tree tree = tree_of(newest_checkpoint(old.size + 5)->checkpoint);
    request *rq = proof(OLD_SIZE, (uint64_t)old.size, (uint64_t)tree.size);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__GetProofResponse *out = (const void *)rq->out;
    assert_int_equal(out->leaf.len, 0);
    assert_true(merkle_verify_consistency(&old, &tree, path_of(out->path, out->n_path)));
    old.root.at[0] ^= 1;
    assert_false(merkle_verify_consistency(&old, &tree, path_of(out->path, out->n_path)));
    fixture_reset();
}

TEST("what does not stand in the tree is not proven")
{
    uint64_t size = (uint64_t)tree_of(newest_checkpoint(1)->checkpoint).size;
    expect_outcome(proof(LINE, size, size), VAULT_NOT_FOUND, NULL);
    expect_outcome(proof(LINE, 0, 1000000), VAULT_NOT_FOUND, NULL);
    expect_outcome(proof(LINE, 0, UINT64_MAX), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(proof(LINE, UINT64_MAX, 0), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(proof(LINE, INT64_MAX - 1, 0), VAULT_NOT_FOUND, NULL);
    expect_outcome(proof(OLD_SIZE, 0, size), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(proof(OLD_SIZE, UINT64_MAX, size), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(proof(OLD_SIZE, size + 1, size), VAULT_NOT_FOUND, NULL);
    expect_outcome(proof(VAULT__V1__GET_PROOF_REQUEST__OF__NOT_SET, 0, size), VAULT_INVALID, "REQUIRED");
    fixture_reset();
}

/* ---- queries ---- */

TEST("pages meet without gap or overlap, and are the lines of the condition, oldest first")
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    const char *own = token_for(CLINIC, "family-doctor", 11);
    for (int i = 0; i < 10; i++) expect_outcome(reveal(CLINIC, "family-doctor", own, MASK("name")), VAULT_OK, NULL);
    (void)reveal(CLINIC, "family-doctor", token_for(CLINIC, "family-doctor", 12), MASK("name"));
    in.resident_token = (char *)(uintptr_t)own;
    in.purpose = (char *)(uintptr_t) "family-doctor";
    in.page_size = 3;
    size_t seen = 0, pages = 0;
    uint64_t last = 0;
    do {
        const Vault__V1__QueryResponse *page = page_of(&in);
        assert_true(page->n_lines <= 3 && ++pages < 20);
        for (size_t i = 0; i < page->n_lines; i++, seen++) {
            const Vault__V1__Line *l = page->lines[i];
            char name[32];
            assert_true(l->index > last && l->consistent);
            last = l->index;
            snprintf(name, sizeof name, "lines/%llu", (unsigned long long)l->index);
            assert_string_equal(l->name, name);
            assert_non_null(strstr(l->officer_view, "\"app\":\"clinic\""));
            const bytes view[] = {bytes_of(l->officer_salt.data, l->officer_salt.len), bytes_of_text(l->officer_view)};
            digest opened = sha256_parts(view, 2);
            assert_memory_equal(opened.at, l->leaf.data + 10, DIGEST_LEN);
        }
        in.page_token = page->next_page_token;
    } while (in.page_token[0]);
    assert_int_equal(seen, 11); /* one issue, ten reveals */
    fixture_reset();
}

TEST("every question is a line before it is answered, and finds itself")
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    in.purpose = (char *)(uintptr_t) "log-review";
    in.page_size = 1000;
    int64_t before = lines_in_log();
    const Vault__V1__QueryResponse *page = page_of(&in);
    assert_int_equal(lines_in_log(), before + 1);
    assert_int_equal(page->lines[page->n_lines - 1]->index, before);
    assert_string_equal(page->lines[page->n_lines - 1]->action, "query");
    fixture_reset();
}

TEST("the line of a question says what was asked about")
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT, own = in;
    Google__Protobuf__Timestamp start = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    start.seconds = 1700000000;
    in.person = (char *)(uintptr_t) "grid-zhao";
    in.purpose = (char *)(uintptr_t) "elder-care";
    in.start_time = &start;
    (void)page_of(&in);
    own.purpose = (char *)(uintptr_t) "log-review";
    own.page_size = 1000;
    const Vault__V1__QueryResponse *page = page_of(&own);
    assert_non_null(strstr(page->lines[page->n_lines - 2]->officer_view,
                           "\"fields\":\"person=grid-zhao,purpose=elder-care,time\""));
    assert_non_null(strstr(page->lines[page->n_lines - 1]->officer_view, "\"fields\":\"purpose=log-review\""));
    fixture_reset();
}

TEST("times bound the answer: the start is in, the end is out")
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    Google__Protobuf__Timestamp start = GOOGLE__PROTOBUF__TIMESTAMP__INIT, end = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    in.page_size = 1000;
    const Vault__V1__QueryResponse *all = page_of(&in);
    start = *all->lines[5]->time;
    end = *all->lines[all->n_lines - 1]->time;
    in.start_time = &start, in.end_time = &end;
    const Vault__V1__QueryResponse *some = page_of(&in);
    assert_true(some->n_lines > 0 && some->lines[0]->index <= all->lines[5]->index);
    for (size_t i = 0; i < some->n_lines; i++) {
        const Google__Protobuf__Timestamp *t = some->lines[i]->time;
        assert_true(t->seconds > start.seconds || (t->seconds == start.seconds && t->nanos >= start.nanos));
        assert_true(t->seconds < end.seconds || (t->seconds == end.seconds && t->nanos < end.nanos));
    }
    fixture_reset();
}

TEST("conditions that cannot be are refused by name, and never read as no condition")
{
    Google__Protobuf__Timestamp zero = GOOGLE__PROTOBUF__TIMESTAMP__INIT, late = zero, odd = zero;
    late.seconds = INT64_MAX;
    odd.nanos = -1;
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT, none = in;
    in.page_size = -1, refused(&in, "page_size", "OUT_OF_RANGE"), in = none;
    in.page_size = 1001, refused(&in, "page_size", "OUT_OF_RANGE"), in = none;
    in.person = (char *)(uintptr_t) "no\nbody", refused(&in, "person", "OUT_OF_RANGE"), in = none;
    in.purpose = (char *)(uintptr_t) "no\nne", refused(&in, "purpose", "OUT_OF_RANGE"), in = none;
    in.resident_token = (char *)(uintptr_t) "rv1", refused(&in, "resident_token", "TOKEN_MALFORMED"), in = none;
    in.end_time = &zero, refused(&in, "end_time", "OUT_OF_RANGE"), in = none;
    in.end_time = &late, refused(&in, "end_time", "OUT_OF_RANGE"), in = none;
    in.start_time = &late, refused(&in, "start_time", "OUT_OF_RANGE"), in = none;
    in.start_time = &odd, refused(&in, "start_time", "OUT_OF_RANGE"), in = none;
    fixture_reset();
}

TEST("a page token is good for the question that gave it, and for no other")
{
    static const char *const bad[] = {"x", "AAAA", "////////////////////", "AAAAAAAAAAAAAAAAAAAAAA",
                                      "gAAAAAAAAAAAAAAAAAAAAA=="};
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    in.page_size = 2;
    char *next = page_of(&in)->next_page_token;
    assert_true(next[0]);
    in.page_token = next;
    (void)page_of(&in);
    in.page_size = 5; /* another size is the same question */
    (void)page_of(&in);
    in.purpose = (char *)(uintptr_t) "elder-care";
    refused(&in, "page_token", "PAGE_TOKEN_OF_OTHER_QUERY");
    in.purpose = (char *)(uintptr_t) "";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        in.page_token = (char *)(uintptr_t)bad[i];
        refused(&in, "page_token", "BAD_PAGE_TOKEN");
    }
    fixture_reset();
}

TEST("a resident is found by a token of any domain; a forged one is not genuine")
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    uint64_t who = resident_in_street(0);
    in.resident_token = (char *)(uintptr_t)token_for(ELDERCARE, "elder-care", who);
    in.page_size = 1000;
    size_t by_one = page_of(&in)->n_lines;
    in.resident_token =
        (char *)(uintptr_t)token_for(CLINIC, "family-doctor", who); /* and its own line, and the query's */
    assert_int_equal(page_of(&in)->n_lines, by_one + 2);
    fixture_reset();
}

/* ---- keys ---- */

TEST("key states name every ring, and hold no key")
{
    Vault__V1__StatusRequest in = VAULT__V1__STATUS_REQUEST__INIT;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Keys/Status", .uri = ADMINISTRATOR, .purpose = "log-review", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__StatusResponse *out = (const void *)rq->out;
    assert_int_equal(out->control_version, 1);
    assert_int_equal(out->n_rings, strtoul(pg_sql("select count(*) from key_ring"), NULL, 10));
    bool log = false;
    for (size_t i = 0; i < out->n_rings; i++) {
        log |= strcmp(out->rings[i]->name, "rings/log/versions/1") == 0;
        assert_string_equal(out->rings[i]->state, "active");
        assert_string_equal(out->rings[i]->suite, "intl");
        assert_true(out->rings[i]->create_time->seconds > 1600000000);
    }
    assert_true(log);
    fixture_reset();
}

TEST("a ring's state edited in the database is not passed on")
{
    Vault__V1__StatusRequest in = VAULT__V1__STATUS_REQUEST__INIT;
    const asked status = {
        .path = "/vault.v1.Keys/Status", .uri = ADMINISTRATOR, .purpose = "log-review", .in = &in.base};
    pg_sql("update key_ring set state = 3 where name = 'log'");
    expect_outcome(ask(&status), VAULT_INTEGRITY, NULL);
    pg_sql("update key_ring set state = 2 where name = 'log'");
    expect_outcome(ask(&status), VAULT_OK, NULL);
    fixture_reset();
}

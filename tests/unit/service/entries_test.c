/* Audit.GetEntries: the log as whoever copies it is given it. */
#include "tests/unit/service/receipt.h"

#include <unistd.h>

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

static request *entries(uint64_t first, int32_t count)
{
    Vault__V1__GetEntriesRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__get_entries_request__init(in);
    in->first = first;
    in->count = count;
    return ask(
        &(asked){.path = "/vault.v1.Audit/GetEntries", .uri = CLINIC, .purpose = "family-doctor", .in = &in->base});
}

TEST("all that is published is given, page by page, and has the root of the checkpoint")
{
    vault_error err = {0};
    fixture_session();
    merkle_tree tree = tree_of(newest_checkpoint(FIXTURE_RESIDENTS)->checkpoint);
    digest *leaves = arena_array(fixture_memory(), (size_t)tree.size, sizeof *leaves);
    merkle_batch *whole;
    int64_t at = 0;
    while (at < tree.size) {
        request *rq = entries((uint64_t)at, 60);
        expect_outcome(rq, VAULT_OK, NULL);
        const Vault__V1__GetEntriesResponse *out = (const void *)rq->out;
        assert_true(out->n_entries > 0 && out->n_entries <= 60);
        for (size_t i = 0; i < out->n_entries && at < tree.size; i++, at++) {
            assert_int_equal(out->entries[i].len, 74);
            leaves[at] = merkle_leaf(bytes_of(out->entries[i].data, out->entries[i].len));
        }
    }
    expect_ok(merkle_append(&whole, fixture_memory(), (merkle_frontier){0}, leaves, (size_t)tree.size, &err), &err);
    digest root = merkle_batch_root(whole);
    assert_memory_equal(root.at, tree.root.at, DIGEST_LEN);
    fixture_reset();
}

TEST("nothing is given that is not published yet")
{
    fixture_session();
    for (uint64_t i = 0; i < 3; i++) (void)token_for(CLINIC, "family-doctor", i);
    merkle_tree tree = tree_of(newest_checkpoint(3)->checkpoint);
    const uint64_t last = (uint64_t)tree.size - 1;
    request *rq = entries(last, 4096);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_true(((const Vault__V1__GetEntriesResponse *)(const void *)rq->out)->n_entries >= 1);
    expect_outcome(entries((uint64_t)lines_in_log() + 1, 1), VAULT_NOT_FOUND, "NOT_YET_PUBLISHED");
    expect_outcome(entries((uint64_t)INT64_C(1) << 62, 1), VAULT_NOT_FOUND, "NOT_YET_PUBLISHED");
    fixture_reset();
}

TEST("numbers out of their range are refused")
{
    expect_outcome(entries(UINT64_MAX, 1), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(entries(0, -1), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(entries(0, 4097), VAULT_INVALID, "OUT_OF_RANGE");
    request *rq = entries(0, 0);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_true(((const Vault__V1__GetEntriesResponse *)(const void *)rq->out)->n_entries > 100);
    fixture_reset();
}

TEST("asking for entries writes no line: what is copied would never be the whole")
{
    int64_t before = lines_in_log();
    expect_outcome(entries(0, 10), VAULT_OK, NULL);
    assert_int_equal(lines_in_log(), before);
    fixture_reset();
}

TEST("a line that is missing or cut is an error of its own, not a shorter answer")
{
    (void)newest_checkpoint(50);
    pg_sql("CREATE TABLE kept_line AS SELECT * FROM line WHERE idx IN (20, 30)");
    pg_sql("DELETE FROM line WHERE idx = 20");
    expect_outcome(entries(0, 25), VAULT_INTEGRITY, NULL);
    expect_outcome(entries(20, 1), VAULT_INTEGRITY, NULL);
    expect_outcome(entries(21, 5), VAULT_OK, NULL);
    pg_sql("UPDATE line SET leaf = substr(leaf, 1, 73) WHERE idx = 30");
    expect_outcome(entries(21, 20), VAULT_INTEGRITY, NULL);
    pg_sql("DELETE FROM line WHERE idx = 30; INSERT INTO line SELECT * FROM kept_line; DROP TABLE kept_line");
    expect_outcome(entries(0, 40), VAULT_OK, NULL);
    fixture_reset();
}

/* Lines that are known to stand in the tree: nothing that is done to the table makes another line pass for one of them,
 * and nothing that memory or a block says makes a good line look damaged. */
#include "tests/unit/audit/rotating.h"

#include "vault/audit/column_pack.h"
#include "vault/audit/internal.h"
#include "vault/audit/known_lines.h"
#include "vault/store/columns.h"

#include <pthread.h>
#include <stdatomic.h>

enum { STRETCH = COLUMN_STRETCH, LONG = 1100, BATCH = 4096 };
#define FLIP(column, at) #column " = set_byte(" #column ", " #at ", get_byte(" #column ", " #at ") # 1)"

/* ---- in memory ---- */

static bytes leaf_of(int64_t index)
{
    static uint8_t leaf[LEAF_LEN];
    store_u64(leaf, (uint64_t)index);
    return bytes_of(leaf, LEAF_LEN);
}

TEST("a line is known by its own leaf alone, and at its own place")
{
    known_lines *k = known_lines_new();
    const int64_t AT[] = {0, 1, 255, STRETCH - 1, STRETCH, 7 * STRETCH + 3};
    for (size_t i = 0; i < sizeof AT / sizeof *AT; i++) {
        assert_false(known_lines_have(k, AT[i], leaf_of(AT[i])));
        expect_ok(known_lines_add(k, AT[i], leaf_of(AT[i]), &err), &err);
    }
    for (size_t i = 0; i < sizeof AT / sizeof *AT; i++) {
        assert_true(known_lines_have(k, AT[i], leaf_of(AT[i])));
        assert_false(known_lines_have(k, AT[i], leaf_of(AT[i] + 1)));
        assert_false(known_lines_have(k, AT[i] + 2, leaf_of(AT[i])));
        assert_false(known_lines_have(k, AT[i], bytes_of(leaf_of(AT[i]).at, LEAF_LEN - 1)));
        assert_false(known_lines_have(k, AT[i], (bytes){0}));
    }
    known_lines_free(&k);
    known_lines_free(&k);
}

TEST("the newest stretches have their place, those before them lose it and do not come back: the bound holds")
{
    known_lines *k = known_lines_new();
    for (int64_t s = 0; s < KNOWN_STRETCHES + 3; s++)
        expect_ok(known_lines_add(k, s * STRETCH, leaf_of(s), &err), &err);
    for (int64_t s = 0; s < KNOWN_STRETCHES + 3; s++)
        assert_int_equal(known_lines_have(k, s * STRETCH, leaf_of(s)), s >= 3);
    expect_ok(known_lines_add(k, STRETCH, leaf_of(1), &err), &err);
    assert_false(known_lines_have(k, STRETCH, leaf_of(1)));
    assert_true(known_lines_have(k, (KNOWN_STRETCHES + 1) * STRETCH, leaf_of(KNOWN_STRETCHES + 1)));
    known_lines_free(&k);
}

TEST("checks of one leaf under two keys differ, and under one key those of two leaves")
{
    static const uint8_t ONE[CHECK_KEY_LEN] = {1}, TWO[CHECK_KEY_LEN] = {2};
    uint64_t check = line_check(ONE, leaf_of(1));
    assert_true(check == line_check(ONE, leaf_of(1)));
    assert_true(check != line_check(TWO, leaf_of(1)));
    assert_true(check != line_check(ONE, leaf_of(2)));
}

TEST("what is known goes over to another tree only from the tree that it was of")
{
    known_lines *k = known_lines_new();
    const merkle_tree none = {0}, small = {.size = 5, .root = {{5}}}, large = {.size = 9, .root = {{9}}};
    assert_int_equal(known_lines_tree(k).size, 0);
    assert_true(known_lines_grow(k, &none, &small));
    assert_false(known_lines_grow(k, &none, &large));
    assert_int_equal(known_lines_tree(k).size, 5);
    assert_true(known_lines_grow(k, &small, &large));
    assert_int_equal(known_lines_tree(k).size, 9);
    known_lines_free(&k);
}

/* ---- of a log ---- */

static size_t not_proven(int64_t from, size_t limit)
{
    line_page page;
    line_query q = {.from = from, .limit = limit};
    expect_ok(ledger_query(hand, db, mem, &q, &page, &err), &err);
    assert_int_equal(page.count, limit);
    return inconsistent(&page);
}

static bool knows(int64_t index)
{
    line_proof proof = {.index = index, .size = sql_number("SELECT size FROM head")};
    expect_ok(stored_inclusion(db, mem, &proof, &err), &err);
    return known_lines_have(book->known_lines, index, proof.leaf);
}

static void given_long_log(void)
{
    given_log();
    appended_batch(lines_for(1, "person-a", "elder-care", LONG), LONG);
}

TEST("a line that was proven is known; no row of the tree is read for it any more")
{
    given_long_log();
    assert_false(knows(3));
    assert_int_equal(not_proven(0, 10), 0);
    assert_true(knows(3) && !knows(10));
    pg_sql("UPDATE line SET nodes = ''");
    assert_int_equal(not_proven(0, 10), 0);
    assert_int_equal(not_proven(10, 10), 10);
    reopen_book();
    assert_int_equal(not_proven(0, 10), 10);
}

/* Columns of a line that an edit may change, as they were. */
static void put_back(int64_t index)
{
    pg_sql("UPDATE line l SET leaf = w.leaf, officer = w.officer, resident_tag = w.resident_tag,"
           " person_tag = w.person_tag FROM was w WHERE l.idx = %lld AND w.idx = l.idx",
           (long long)index);
}

static void expect_noticed(int64_t index, const char *edit)
{
    pg_sql("UPDATE line SET %s WHERE idx = %lld", edit, (long long)index);
    assert_int_equal(not_proven(index, 1), 1);
    put_back(index);
    assert_int_equal(not_proven(index, 1), 0);
}

/* Whatever is edited; put back, it is good again. */
static void expect_edits_noticed(int64_t index)
{
    pg_sql("DROP TABLE IF EXISTS was; CREATE TABLE was AS SELECT * FROM line WHERE idx IN (%lld, %lld)",
           (long long)index, (long long)index + 1);
    expect_noticed(index, FLIP(leaf, 0));
    expect_noticed(index, FLIP(leaf, 8));
    expect_noticed(index, FLIP(leaf, 9));
    expect_noticed(index, FLIP(leaf, 10));
    expect_noticed(index, FLIP(leaf, 73)); /* the officer's view fits this one as well as the other */
    expect_noticed(index, "leaf = ''");
    expect_noticed(index, FLIP(officer, 20));
    expect_noticed(index, "resident_tag = resident_tag + 1");
    expect_noticed(index, "person_tag = 0");
    pg_sql("UPDATE line l SET leaf = w.leaf, officer = w.officer, resident_tag = w.resident_tag,"
           " person_tag = w.person_tag FROM was w WHERE l.idx = %lld AND w.idx = %lld",
           (long long)index, (long long)index + 1);
    assert_int_equal(not_proven(index, 2), 1);
    put_back(index);
    assert_int_equal(not_proven(index, 2), 0);
}

TEST("a known line that is edited by SQL is noticed at once, and good again when it is put back")
{
    given_long_log();
    assert_int_equal(not_proven(0, 10), 0);
    expect_edits_noticed(3);
    pg_sql("UPDATE line SET " FLIP(leaf, 73) " WHERE idx = 3");
    assert_int_equal(not_proven(0, 10), 1); /* its neighbours are known */
    pg_sql("DELETE FROM line WHERE idx = 3");
    assert_int_equal(not_proven(0, 10), 1);
}

TEST("where paths are asked for, they are read and proven, known or not")
{
    line_page page;
    given_long_log();
    assert_int_equal(not_proven(0, 10), 0);
    head_row head;
    expect_ok(ledger_head(book, db, &head, &err), &err);
    const merkle_tree tree = head_tree(&head);
    const line_query q = {.limit = 10, .anchor = &tree};
    expect_ok(ledger_query(hand, db, mem, &q, &page, &err), &err);
    assert_int_equal(inconsistent(&page), 0);
    for (size_t i = 0; i < page.count; i++) {
        digest leaf = merkle_leaf(page.lines[i].leaf);
        assert_true(merkle_verify_inclusion(&leaf, page.lines[i].index, &tree, page.lines[i].path));
    }
    pg_sql("UPDATE line SET nodes = '' WHERE idx = 511");
    expect_ok(ledger_query(hand, db, mem, &q, &page, &err), &err);
    assert_int_equal(inconsistent(&page), 10);
}

TEST("what is known holds while the log grows, at every size, and of a tree that is older than what is known")
{
    given_log();
    for (int64_t size = 1; size < LONG; size += 83) {
        appended_batch(lines_for(1, "person-a", "elder-care", 83), 83);
        for (int64_t from = 0; from + 7 <= size + 83; from += 97) assert_int_equal(not_proven(from, 7), 0);
        assert_int_equal(known_lines_tree(book->known_lines).size, size + 83);
    }
    bool hold;
    merkle_batch *tree;
    digest leaves[2];
    for (size_t i = 0; i < 2; i++) {
        line_proof proof = {.index = (int64_t)i, .size = LONG};
        expect_ok(stored_inclusion(db, mem, &proof, &err), &err);
        leaves[i] = merkle_leaf(proof.leaf);
    }
    expect_ok(merkle_append(&tree, mem, (merkle_frontier){0}, leaves, 2, &err), &err);
    const merkle_tree old = {.size = 2, .root = merkle_batch_root(tree)}, other = {.size = 2};
    expect_ok(known_lines_hold(&hold, &(proofs_source){db, book->known_lines, &old}, mem, &err), &err);
    assert_true(hold);
    expect_ok(known_lines_hold(&hold, &(proofs_source){db, book->known_lines, &other}, mem, &err), &err);
    assert_false(hold);
    assert_true(known_lines_tree(book->known_lines).size > LONG);
}

/* Of a log that went on from a backup, say. */
TEST("what is known of another log counts for nothing: its lines do not pass here, and those that are here do")
{
    given_long_log();
    assert_int_equal(not_proven(0, 10), 0);
    const merkle_tree now = known_lines_tree(book->known_lines),
                      others[] = {{.size = now.size}, {.size = now.size - 1}};
    for (size_t i = 0; i < 2; i++) {
        merkle_tree is = known_lines_tree(book->known_lines);
        assert_true(known_lines_grow(book->known_lines, &is, &others[i]));
        pg_sql("UPDATE line SET " FLIP(leaf, 73) " WHERE idx = 3");
        uint8_t leaf[LEAF_LEN];
        line_row row;
        expect_ok(rows_by_index(db, mem, &(int64_t){3}, 1, &row, &err), &err);
        memcpy(leaf, row.leaf.at, LEAF_LEN);
        expect_ok(known_lines_add(book->known_lines, 3, bytes_of(leaf, LEAF_LEN), &err), &err);
        assert_int_equal(not_proven(3, 1), 1);
        pg_sql("UPDATE line SET " FLIP(leaf, 73) " WHERE idx = 3");
        assert_int_equal(not_proven(0, 20), 0);
    }
}

TEST("a damaged row of the tree makes nothing known that is not, and takes nothing of it away for good")
{
    given_long_log();
    assert_int_equal(not_proven(0, 10), 0);
    appended_batch(lines_for(1, "person-a", "elder-care", 1), 1);
    pg_sql("CREATE TABLE was AS SELECT idx, nodes FROM line; UPDATE line SET nodes = ''");
    assert_int_equal(not_proven(0, 10), 10); /* nothing shows that the log has grown from what is known */
    pg_sql("UPDATE line l SET nodes = w.nodes FROM was w WHERE w.idx = l.idx");
    assert_int_equal(not_proven(0, 10), 0);
    assert_int_equal(known_lines_tree(book->known_lines).size, LONG + 2);
}

/* ---- from blocks ---- */

static void append_until(size_t count)
{
    for (size_t done = 1; done < count;) {
        size_t n = count - done < BATCH ? count - done : BATCH;
        line *lines = lines_for(5, "person-a", "elder-care", 2);
        line *many = arena_array(mem, n, sizeof *many);
        for (size_t i = 0; i < n; i++) many[i] = lines[i % 2];
        clock_set_for_test(INT64_C(1000000) * (NOON + (int64_t)done));
        appended_batch(many, n);
        done += n;
    }
}

/* What the keeper does. */
static void know_all(void)
{
    for (int32_t at = 0; at >= 0; at++) {
        expect_ok(ledger_know_lines(&at, hand, db, mem, &err), &err);
        if (at < 0) return;
    }
}

static bool keep_one(void)
{
    int32_t stretch = 0;
    expect_ok(ledger_keep_columns(&stretch, hand, db, mem, &err), &err);
    return stretch >= 0;
}

static bool whole(void)
{
    return known_lines_whole(book->known_lines, 0);
}

TEST("the lines of a stretch are known from its block: no row of the tree is read, and what is edited is noticed")
{
    given_log_to_rotate(SUITE_GM);
    append_until(STRETCH + 10);
    know_all();
    assert_false(whole());
    assert_true(keep_one());
    know_all();
    assert_true(whole());
    pg_sql("CREATE TABLE tree AS SELECT idx, nodes FROM line WHERE idx < 2048; UPDATE line SET nodes = '' WHERE idx < "
           "2048");
    for (int64_t at = 0; at < 1024; at += 97) assert_int_equal(not_proven(at, 5), 0);
    pg_sql("UPDATE line l SET nodes = t.nodes FROM tree t WHERE t.idx = l.idx");
    expect_edits_noticed(1000);
    assert_int_equal(not_proven(STRETCH + 3, 2), 0);
    arena_reset(mem);
}

/* Of the log that the test before has left. */
TEST("who reads a block for another question knows its lines, too")
{
    line_columns c;
    reopen_book();
    assert_false(whole());
    expect_ok(ledger_columns(&c, hand, db, mem, 0, &err), &err);
    assert_true(whole());
    arena_reset(mem);
}

TEST("a block that is edited or taken away makes questions slower, and no more")
{
    pg_sql("CREATE TABLE block AS SELECT * FROM line_columns; UPDATE line_columns SET " FLIP(sealed, 5000));
    reopen_book();
    int32_t at = 0;
    expect_code(ledger_know_lines(&at, hand, db, mem, &err), VAULT_INTEGRITY, &err);
    assert_int_equal(at, 0);
    assert_int_equal(not_proven(1000, 5), 0);
    pg_sql("DELETE FROM line_columns");
    know_all();
    assert_false(whole());
    assert_int_equal(not_proven(2000, 5), 0);
    expect_edits_noticed(2000);
    pg_sql("INSERT INTO line_columns SELECT * FROM block");
    know_all();
    assert_true(whole());
    arena_reset(mem);
}

/* Sealed as columns.c does. */
static void write_block(const line_columns *c)
{
    uint8_t aad[64];
    bytes plain;
    line_row row;
    digest root;
    expect_ok(rows_by_index(db, mem, &(int64_t){STRETCH - 1}, 1, &row, &err), &err);
    expect_ok(stored_node(&root, &row, 16, &err), &err);
    expect_ok(columns_pack(&plain, mem, c, &root, &err), &err);
    const scribe_keys *by = hand->active;
    uint8_t *at = arena_alloc(mem, STAMP_LEN + plain.len + SEAL_OVERHEAD);
    memcpy(at, by->of->stamp, STAMP_LEN);
    writer w = writer_over(aad, sizeof aad);
    put_bytes(&w, bytes_of_text("resident-vault log columns"));
    put_bytes(&w, bytes_of(at, STAMP_LEN));
    put_u32(&w, 0);
    expect_ok(aead_seal(by->view, at + STAMP_LEN, writer_bytes(&w), plain, &err), &err);
    const column_block block = {.log_version = (int32_t)by->of->version,
                                .sealed = bytes_of(at, STAMP_LEN + plain.len + SEAL_OVERHEAD)};
    expect_ok(store_columns_write(db, &block, &err), &err);
}

TEST("a sealed block with wrong checks accuses no innocent line: the tree has the last word")
{
    line_columns c;
    expect_ok(ledger_columns(&c, hand, db, mem, 0, &err), &err);
    uint64_t *wrong = arena_array(mem, c.count, sizeof *wrong);
    for (size_t i = 0; i < c.count; i++) wrong[i] = c.check[i] ^ 1;
    c.check = wrong;
    write_block(&c);
    reopen_book();
    know_all();
    assert_true(whole());
    assert_false(knows(1000));
    assert_int_equal(not_proven(1000, 5), 0);
    assert_true(knows(1000) && !knows(1005));
    expect_edits_noticed(1000);
    arena_reset(mem);
}

TEST("a block that went over to a newer version of the log ring is known from as before")
{
    pg_sql("DELETE FROM line_columns; INSERT INTO line_columns SELECT * FROM block");
    follow(1, 2);
    assert_true(keep_one());
    assert_int_equal(sql_number("SELECT log_version FROM line_columns"), 2);
    reopen_book();
    know_all();
    assert_true(whole() && knows(1000));
    arena_reset(mem);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 25 };
static atomic_int wrong;

static void *ask(void *arg)
{
    vault_error e = {0};
    VAULT_CLEANUP(arena_free) arena *own = arena_new(64 << 20);
    VAULT_CLEANUP(scribe_free) scribe *by = NULL;
    VAULT_CLEANUP(store_close) store *s = NULL;
    if (store_open(&s, pg_conninfo(), &e) != VAULT_OK || scribe_new(&by, book, &e) != VAULT_OK)
        return (void)wrong++, NULL;
    for (int64_t round = 0; round < ROUNDS; round++) {
        line_page page;
        arena_reset(own);
        const line_query q = {.from = (37 * round + (intptr_t)arg * 11) % 900, .limit = 40};
        if (ledger_query(by, s, own, &q, &page, &e) != VAULT_OK || inconsistent(&page) > 0) wrong++;
        vault_error_clear(&e);
    }
    return NULL;
}

TEST("four workers ask at once while the log grows: every line is proven")
{
    pthread_t threads[THREADS];
    given_long_log();
    for (intptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, ask, (void *)i);
    for (int i = 0; i < ROUNDS; i++) appended_batch(lines_for(1, "person-a", "elder-care", 2), 2);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(not_proven(0, 1000), 0);
}

/* Questions, proofs, and what they say about lines that were edited. */
#include "tests/unit/audit/fixture.h"

#include "vault/audit/internal.h"

TEST("a query without conditions gives every line once, in order, opened and proven")
{
    given_log();
    given_lines(40);
    line_page page = all_lines((line_query){.limit = 7});
    assert_int_equal(page.count, 41);
    assert_int_equal(inconsistent(&page), 0);
    for (size_t i = 0; i < page.count; i++) assert_int_equal(page.lines[i].index, i);
    opened_line last = page.lines[40];
    assert_int_equal(last.said.resident, 5);
    assert_string_equal(last.said.person, "person-a");
    assert_string_equal(last.said.purpose, "flood-relief");
    assert_int_equal(last.said.outcome, LINE_GRANTED);
    assert_int_equal(last.action, LINE_REVEAL);
    assert_int_equal(last.time_us, INT64_C(1000000) * (NOON + 40));
    const bytes salted[] = {bytes_of(last.officer_salt, SALT_LEN), last.officer_view};
    digest hash = sha256_parts(salted, 2);
    assert_memory_equal(last.leaf.at + 10, hash.at, DIGEST_LEN);
}

TEST("resident, person, purpose and time choose the lines they should, alone and together")
{
    given_log();
    given_lines(60);
    const int64_t s = INT64_C(1000000);
    assert_int_equal(all_lines((line_query){.resident = 3}).count, 12);
    assert_int_equal(all_lines((line_query){.resident = 3, .limit = 1}).count, 12);
    assert_int_equal(all_lines((line_query){.resident = 77}).count, 0);
    assert_int_equal(all_lines((line_query){.person = "person-b"}).count, 20);
    assert_int_equal(all_lines((line_query){.person = "nobody"}).count, 0);
    assert_int_equal(all_lines((line_query){.purpose = "elder-care"}).count, 30);
    assert_int_equal(all_lines((line_query){.resident = 3, .person = "person-b"}).count, 4);
    assert_int_equal(all_lines((line_query){.resident = 3, .person = "person-b", .purpose = "elder-care"}).count, 2);
    assert_int_equal(all_lines((line_query){.start_us = s * (NOON + 11), .end_us = s * (NOON + 21)}).count, 10);
    assert_int_equal(all_lines((line_query){.start_us = s * (NOON + 11) + 1, .end_us = s * (NOON + 21) + 1}).count, 10);
    assert_int_equal(all_lines((line_query){.start_us = s * (NOON + 60)}).count, 1);
    assert_int_equal(all_lines((line_query){.start_us = s * (NOON + 61)}).count, 0);
    assert_int_equal(all_lines((line_query){.end_us = 1}).count, 0);
    assert_int_equal(all_lines((line_query){.start_us = 1, .end_us = s * (NOON + 1000)}).count, 61);
    assert_int_equal(all_lines((line_query){.start_us = s * (NOON + 20), .end_us = s * (NOON + 10)}).count, 0);
    assert_int_equal(
        all_lines((line_query){.person = "person-a", .start_us = s * (NOON + 10), .end_us = s * (NOON + 40)}).count,
        10);
}

TEST("a page of no or too many lines is refused")
{
    line_page page;
    given_log();
    expect_code(ledger_query(hand, db, mem, &(line_query){0}, &page, &err), VAULT_INVALID, &err);
    expect_code(ledger_query(hand, db, mem, &(line_query){.limit = 1001}, &page, &err), VAULT_INVALID, &err);
}

TEST("a query that matches little reads at most 10,000 lines a call and says where to go on")
{
    given_log();
    for (int i = 0; i < 6; i++) appended_batch(lines_for(1, "person-a", "elder-care", 2000), 2000);
    appended_batch(lines_for(1, "person-a", "rare", 1), 1);
    line_page page;
    line_query q = {.purpose = "rare", .limit = 10};
    expect_ok(ledger_query(hand, db, mem, &q, &page, &err), &err);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.next, 10000);
    q.from = page.next;
    expect_ok(ledger_query(hand, db, mem, &q, &page, &err), &err);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.next, -1);
    assert_int_equal(page.lines[0].index, 12001);
}

/* ---- edited lines ---- */

enum { EDITED = 11 };

/* After the edit the line is shown, under every condition, as one that does not fit. */
static void expect_found_out(const char *set)
{
    given_log_again();
    given_lines(20);
    pg_sql("UPDATE line SET %s WHERE idx = %d", set, EDITED);
    line_page page = all_lines((line_query){0});
    assert_int_equal(page.count, 21);
    assert_false(page.lines[EDITED].consistent);
    page = all_lines((line_query){.purpose = "no such purpose"});
    bool shown = false;
    for (size_t i = 0; i < page.count; i++) shown |= page.lines[i].index == EDITED && !page.lines[i].consistent;
    line_proof proof = {.index = EDITED, .size = 21};
    vault_code code = ledger_prove_inclusion(book, db, mem, &proof, &err);
    vault_error_clear(&err);
    assert_true(shown || code == VAULT_INTEGRITY);
}

#define FLIP(column, at) #column " = set_byte(" #column ", " #at ", get_byte(" #column ", " #at ") # 1)"

TEST("each column of a line, edited by SQL, is found out and the line is not hidden")
{
    expect_found_out(FLIP(leaf, 0));  /* version */
    expect_found_out(FLIP(leaf, 8));  /* time */
    expect_found_out(FLIP(leaf, 9));  /* action */
    expect_found_out(FLIP(leaf, 10)); /* hash of the officer's view */
    expect_found_out(FLIP(leaf, 73)); /* hash of the resident's view */
    expect_found_out("leaf = ''");
    expect_found_out("leaf = leaf || leaf");
    expect_found_out(FLIP(officer, 0)); /* stamp */
    expect_found_out(FLIP(officer, 20));
    expect_found_out("officer = ''");
    expect_found_out("officer = substring(officer from 1 for length(officer) - 1)");
    expect_found_out("officer = (SELECT officer FROM line WHERE idx = 10)");
    expect_found_out("leaf = (SELECT leaf FROM line WHERE idx = 10)");
    expect_found_out("resident_tag = resident_tag + 1");
    expect_found_out("resident_tag = 0");
    expect_found_out("person_tag = (SELECT person_tag FROM line WHERE idx = 12)");
    expect_found_out("person_tag = 0");
}

TEST("a stored tree node that was edited makes proofs through it fail; none verifies falsely")
{
    static const char *EDITS[] = {FLIP(nodes, 0), FLIP(nodes, 40), "nodes = ''", "nodes = nodes || nodes"};
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        given_log_again();
        given_lines(20);
        pg_sql("UPDATE line SET %s WHERE idx = 11", EDITS[i]);
        line_page page = all_lines((line_query){0});
        assert_int_equal(page.count, 21);
        assert_in_range(inconsistent(&page), 1, 20);
        for (size_t at = 0; at < page.count; at++) {
            line_proof proof = {.index = (int64_t)at, .size = 21};
            vault_code code = ledger_prove_inclusion(book, db, mem, &proof, &err);
            vault_error_clear(&err);
            assert_int_equal(code, page.lines[at].consistent ? VAULT_OK : VAULT_INTEGRITY);
        }
    }
}

TEST("a whole line put in another's place, or two that changed places, are found out")
{
    given_log();
    given_lines(20);
    pg_sql("UPDATE line a SET leaf = b.leaf, officer = b.officer, resident = b.resident, resident_tag = b.resident_tag,"
           " person_tag = b.person_tag FROM line b WHERE (a.idx = 5 AND b.idx = 15) OR (a.idx = 15 AND b.idx = 5)");
    line_page page = all_lines((line_query){0});
    assert_false(page.lines[5].consistent);
    assert_false(page.lines[15].consistent);
}

TEST("lines that were deleted, in the middle or at the end, are shown as missing")
{
    given_log();
    given_lines(20);
    pg_sql("DELETE FROM line WHERE idx IN (0, 7, 8, 19, 20)");
    line_page page = all_lines((line_query){.limit = 4});
    assert_int_equal(page.count, 21);
    for (size_t i = 0; i < 21; i++) {
        bool gone = i == 0 || i == 7 || i == 8 || i >= 19;
        assert_int_equal(page.lines[i].index, i);
        assert_int_equal(page.lines[i].leaf.len == 0, gone);
        if (gone) assert_false(page.lines[i].consistent);
    }
    pg_sql("DELETE FROM line");
    page = all_lines((line_query){0});
    assert_int_equal(inconsistent(&page), 21);
}

TEST("a line added behind the head's back is not part of the log")
{
    given_log();
    given_lines(3);
    pg_sql(
        "INSERT INTO line SELECT 4, resident_tag, person_tag, leaf, nodes, officer, resident FROM line WHERE idx = 3");
    assert_int_equal(all_lines((line_query){0}).count, 4);
    line_proof proof = {.index = 4, .size = 5};
    expect_code(ledger_prove_inclusion(book, db, mem, &proof, &err), VAULT_NOT_FOUND, &err);
}

TEST("times edited to hide lines from a query by time make it refuse, not lie")
{
    const int64_t s = INT64_C(1000000);
    for (int64_t idx = 0; idx <= 40; idx++) {
        given_log_again();
        given_lines(40);
        pg_sql("UPDATE line SET leaf = set_byte(leaf, 2, 255) WHERE idx = %lld",
               (long long)idx); /* far in the future */
        line_page page;
        line_query q = {.limit = 100, .start_us = s * (NOON + 15), .end_us = s * (NOON + 25)};
        vault_code code = ledger_query(hand, db, mem, &q, &page, &err);
        vault_error_clear(&err);
        if (code == VAULT_INTEGRITY) continue;
        assert_int_equal(code, VAULT_OK);
        assert_int_equal(page.count, 10);
        assert_int_equal(page.lines[0].index, 15);
        assert_int_equal(inconsistent(&page), idx >= 15 && idx < 25);
        if (idx > 3) idx += 6;
    }
}

/* ---- proofs ---- */

TEST("every line is proven in every tree it is in, against the checkpoint that was signed then")
{
    enum { LINES = 33 };
    static merkle_tree trees[LINES + 2];
    given_log();
    for (int64_t size = 2; size <= LINES; size++) {
        appended done = appended_batch(lines_for(1, "person-a", "elder-care", 1), 1);
        expect_ok(appended_sign(&done, book, mem, &err), &err);
        trees[size] = tree_of_note(done.checkpoint);
        assert_int_equal(trees[size].size, size);
    }
    for (int64_t size = 2; size <= LINES; size++) {
        for (int64_t i = 0; i < size; i++) {
            line_proof proof = {.index = i, .size = size};
            expect_ok(ledger_prove_inclusion(book, db, mem, &proof, &err), &err);
            digest leaf = merkle_leaf(proof.leaf);
            assert_true(merkle_verify_inclusion(&leaf, i, &trees[size], proof.path));
        }
        for (int64_t old = 2; old <= size; old++) {
            growth_proof growth = {.old_size = old, .size = size};
            expect_ok(ledger_prove_consistency(book, db, mem, &growth, &err), &err);
            assert_true(merkle_verify_consistency(&trees[old], &trees[size], growth.path));
        }
    }
}

/* A proof that is given holds against the tree as it was when it had that size. */
static void expect_proofs_true(const merkle_tree *trees, int64_t lines)
{
    int64_t refused = 0;
    for (int64_t size = 2; size <= lines; size++) {
        for (int64_t i = 0; i < size; i++) {
            line_proof proof = {.index = i, .size = size};
            growth_proof growth = {.old_size = i + 1, .size = size};
            vault_code code = ledger_prove_inclusion(book, db, mem, &proof, &err);
            vault_error_clear(&err);
            digest leaf = merkle_leaf(proof.leaf);
            if (code == VAULT_OK) assert_true(merkle_verify_inclusion(&leaf, i, &trees[size], proof.path));
            refused += code == VAULT_INTEGRITY;
            code = ledger_prove_consistency(book, db, mem, &growth, &err);
            vault_error_clear(&err);
            if (code == VAULT_OK && i > 0)
                assert_true(merkle_verify_consistency(&trees[i + 1], &trees[size], growth.path));
            refused += code == VAULT_INTEGRITY;
        }
    }
    assert_in_range(refused, 1, lines * lines);
}

TEST("a proof for a smaller tree over edited lines is refused, not given")
{
    enum { LINES = 21 };
    static const char *EDITS[] = {FLIP(nodes, 0), FLIP(nodes, 40), FLIP(leaf, 20)};
    static merkle_tree trees[LINES + 1];
    for (size_t e = 0; e < sizeof EDITS / sizeof *EDITS; e++) {
        given_log_again();
        for (int64_t size = 2; size <= LINES; size++) {
            appended done = appended_batch(lines_for(1, "person-a", "elder-care", 1), 1);
            expect_ok(appended_sign(&done, book, mem, &err), &err);
            trees[size] = tree_of_note(done.checkpoint);
        }
        pg_sql("UPDATE line SET %s WHERE idx = 11", EDITS[e]);
        expect_proofs_true(trees, LINES);
    }
}

TEST("there is no proof past the committed end, of no lines, or of a tree that shrinks")
{
    static const int64_t BAD[][2] = {{0, 0},        {4, 4}, {3, 5}, {-1, 4}, {4, 5}, {0, -1}, {INT64_MAX, INT64_MAX},
                                     {INT64_MIN, 4}};
    given_log();
    given_lines(3);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        line_proof proof = {.index = BAD[i][0], .size = BAD[i][1]};
        expect_code(ledger_prove_inclusion(book, db, mem, &proof, &err), VAULT_NOT_FOUND, &err);
    }
    static const int64_t SHRINKS[][2] = {{0, 4}, {4, 3}, {1, 5}, {-1, 4}, {5, 5}};
    for (size_t i = 0; i < sizeof SHRINKS / sizeof *SHRINKS; i++) {
        growth_proof growth = {.old_size = SHRINKS[i][0], .size = SHRINKS[i][1]};
        expect_code(ledger_prove_consistency(book, db, mem, &growth, &err), VAULT_NOT_FOUND, &err);
    }
}

/* ---- what a thief sees ---- */

TEST("no text of a view, and no id in any form, stands in the bytes of the table")
{
    given_log();
    line_facts f = facts(0x0123456789abcdef, "CANARY-person", "CANARY-purpose");
    f.ticket = "CANARY-ticket", f.fields = "CANARY-fields", f.groups = "CANARY-groups", f.app = "CANARY-app";
    line l;
    aead *dek = NULL;
    expect_ok(aead_new(&dek, SUITE_INTL, &err), &err);
    expect_ok(aead_set_key(dek, bytes_of((const uint8_t[KEY_LEN]){1}, KEY_LEN), &err), &err);
    expect_ok(line_make(&l, hand, mem, &f, dek, &err), &err);
    appended_batch(&l, 1);
    const char *FIND =
        "SELECT count(*) FROM (SELECT row::text AS t FROM line row UNION ALL SELECT row::text FROM head row) x"
        " WHERE t ~* '43414e415259' OR t ~ 'CANARY' OR t ~* '0123456789abcdef' OR t ~ '81985529216486895'";
    assert_int_equal(sql_number("SELECT count(*) FROM line WHERE length(resident) > 0"), 1);
    assert_int_equal(sql_number(FIND), 0);
    aead_free(&dek);
}

/* ---- trails ---- */

static line_trail trail_of(int64_t resident, const char *app, const char *purpose, size_t limit)
{
    line_trail t = {.resident = resident, .app = app, .purpose = purpose, .limit = limit};
    expect_ok(ledger_trail(hand, db, mem, &t, &err), &err);
    for (size_t i = 1; i < t.count; i++) assert_true(t.lines[i].index < t.lines[i - 1].index);
    return t;
}

static void append_as(const char *app, const char *purpose, size_t count)
{
    line *lines = arena_array(mem, count, sizeof *lines);
    line_facts f = facts(3, "person-a", purpose);
    f.app = app;
    for (size_t i = 0; i < count; i++) expect_ok(line_make(&lines[i], hand, mem, &f, NULL, &err), &err);
    appended_batch(lines, count);
}

TEST("a trail is what one app did with one resident for a purpose or one below it, newest first")
{
    given_log();
    given_lines(20);
    append_as("gov-app-2", "elder-care", 3);
    append_as("gov-app-1", "elder-care/visit", 2);
    append_as("gov-app-1", "elder-care-2", 2);
    append_as("gov-app-1", "elder", 2);
    line_trail t = trail_of(3, "gov-app-1", "elder-care", 100);
    assert_int_equal(t.count, 2 + 2);
    assert_int_equal(t.total, 4);
    for (size_t i = 0; i < t.count; i++) assert_true(t.lines[i].consistent && t.lines[i].said.resident == 3);
    assert_string_equal(t.lines[0].said.purpose, "elder-care/visit");
    t = trail_of(3, "gov-app-2", "elder-care", 2);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.total, 3);
    t = trail_of(3, "gov-app-1", "elder-care", 0);
    assert_true(t.count == 0 && t.total == 4);
    t = trail_of(99, "gov-app-1", "elder-care", 10);
    assert_true(t.count == 0 && t.total == 0);
    t = (line_trail){.resident = 3, .app = "gov-app-1", .purpose = "elder-care", .limit = 101};
    expect_code(ledger_trail(hand, db, mem, &t, &err), VAULT_INVALID, &err);
}

TEST("a trail counts up to 1,000, over the pages, and finds what others left far behind them")
{
    given_log();
    append_as("gov-app-1", "elder-care", 400);
    append_as("gov-app-2", "elder-care", 1200);
    append_as("gov-app-1", "elder-care", 300);
    line_trail t = trail_of(3, "gov-app-1", "elder-care", 5);
    assert_true(t.total == 700 && t.count == 5 && t.lines[0].index == 1900);
    t = trail_of(3, "gov-app-2", "elder-care", 1);
    assert_true(t.total == TRAIL_COUNT_MAX && t.count == 1 && t.lines[0].index == 1600);
}

TEST("a line that was edited stands in the trail, and is not consistent")
{
    given_log();
    append_as("gov-app-1", "elder-care", 5);
    pg_sql("UPDATE line SET officer = set_byte(officer, 40, get_byte(officer, 40) # 1) WHERE idx = 4");
    line_trail t = trail_of(3, "gov-app-9", "elder-care", 5);
    assert_true(t.count == 1 && t.total == 1 && t.lines[0].index == 4 && !t.lines[0].consistent);
}

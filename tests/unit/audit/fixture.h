/* A log over an empty private database, two keyrings, and lines that say something. */
#pragma once
#include "tests/support/harness.h"
#include "tests/support/pg_harness.h"
#include "vault/audit/audit.h"
#include "vault/audit/note.h"
#include "vault/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static vault_error err;
static arena *mem;
static keyring *keys;
static store *db;
static ledger *book;
static scribe *hand;

enum { NOON = 1763784000 }; /* a second of 2025-11-22 */
#define ORIGIN "resident-vault/test"

static inline void add_ring(keyring *k, uint8_t seed, const ring_wish *wish)
{
    ring r;
    uint8_t root[KEY_LEN];
    memset(root, seed, sizeof root);
    expect_ok(ring_create(&r, bytes_of(root, KEY_LEN), wish, &err), &err);
    secret_clear(&r.key);
    expect_ok(keyring_add(k, bytes_of(root, KEY_LEN), &r, &err), &err);
}

static inline keyring *given_keys(uint8_t seed)
{
    keyring *k = NULL;
    expect_ok(keyring_new(&k, &err), &err);
    add_ring(k, seed, &(ring_wish){.name = "log", .version = 1, .suite = SUITE_INTL, .since = 1});
    add_ring(k, seed, &(ring_wish){.name = "rows", .version = 1, .suite = SUITE_INTL, .since = 1});
    return k;
}

static inline store *connected(void)
{
    store *s = NULL;
    expect_ok(store_open(&s, pg_conninfo(), &err), &err);
    return s;
}

static inline void reopen_book(void)
{
    scribe_free(&hand);
    ledger_close(&book);
    expect_ok(ledger_open(&book, db, keys, ORIGIN, &err), &err);
    expect_ok(scribe_new(&hand, book, &err), &err);
}

/* Line 0, in tables that stand empty; opens the log. */
static inline void begin_log(void)
{
    digest manifest = sha256(bytes_of_text("manifest"));
    expect_ok(store_create_schema(db, &err), &err);
    expect_ok(store_begin(db, &err), &err);
    expect_ok(ledger_create(db, keys, ORIGIN, manifest, &err), &err);
    expect_ok(store_commit(db, &err), &err);
    reopen_book();
}

/* A database with tables and line 0. */
static inline void given_log(void)
{
    clock_set_for_test(INT64_C(1000000) * NOON);
    if (!mem) mem = arena_new(512 << 20);
    arena_reset(mem);
    if (!keys) keys = given_keys(7);
    scribe_free(&hand);
    ledger_close(&book);
    store_close(&db);
    pg_empty();
    db = connected();
    begin_log();
}

/* The same once more, for loops that change rows only: another database costs twenty times what emptying its tables
 * does. */
static inline void given_log_again(void)
{
    if (!db) {
        given_log();
        return;
    }
    clock_set_for_test(INT64_C(1000000) * NOON);
    arena_reset(mem);
    pg_sql("DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP"
           " EXECUTE format('DELETE FROM %%I', t); END LOOP; END $$");
    begin_log();
}

static inline line_facts facts(int64_t resident, const char *person, const char *purpose)
{
    return (line_facts){.action = LINE_REVEAL,
                        .outcome = LINE_GRANTED,
                        .app = "gov-app-1",
                        .department = "civil-affairs",
                        .person = person,
                        .purpose = purpose,
                        .basis = "PIPL 13(3)",
                        .ticket = "case 4711",
                        .request = "5f0c",
                        .fields = "name,phone",
                        .groups = "contact",
                        .form = "plain",
                        .rule = "r1",
                        .control_version = 1,
                        .record_version = 3,
                        .area = 330106003001,
                        .resident = resident,
                        .refers_to = -1};
}

static inline line *lines_for(int64_t resident, const char *person, const char *purpose, size_t count)
{
    line *lines = arena_array(mem, count, sizeof *lines);
    line_facts f = facts(resident, person, purpose);
    for (size_t i = 0; i < count; i++) expect_ok(line_make(&lines[i], hand, mem, &f, NULL, &err), &err);
    return lines;
}

static inline appended appended_batch(line *lines, size_t count)
{
    appended done;
    expect_ok(
        ledger_append(book, db, mem, &(line_batch){.control_version = 1, .lines = lines, .count = count}, &done, &err),
        &err);
    return done;
}

/* `count` lines of resident 1 to 5 in turn, persons a to c in turn, one second apart. */
static inline void given_lines(size_t count)
{
    static const char *PERSONS[] = {"person-a", "person-b", "person-c"}, *PURPOSES[] = {"elder-care", "flood-relief"};
    for (size_t i = 0; i < count; i++) {
        clock_set_for_test(INT64_C(1000000) * (NOON + 1 + (int64_t)i));
        appended_batch(lines_for(1 + (int64_t)i % 5, PERSONS[i % 3], PURPOSES[i % 2], 1), 1);
    }
}

static inline long sql_number(const char *sql)
{
    return strtol(pg_sql("%s", sql), NULL, 10);
}

/* Tree that a signed note speaks of. */
static inline merkle_tree tree_of_note(const char *note)
{
    note_key key;
    checkpoint c;
    bytes text;
    expect_ok(note_key_parse(&key, bytes_of_text(ledger_verifier_key(book)), &err), &err);
    assert_int_equal(note_open(&text, bytes_of_text(note), &key), NOTE_VERIFIED);
    assert_true(checkpoint_parse(&c, text));
    assert_true(bytes_same(c.origin, bytes_of_text(ORIGIN)));
    return c.tree;
}

/* Every line, in order, over all pages. */
static inline line_page all_lines(line_query q)
{
    line_page whole = {.lines = arena_array(mem, 4000, sizeof *whole.lines)}, part;
    if (!q.limit) q.limit = 1000;
    do {
        expect_ok(ledger_query(hand, db, mem, &q, &part, &err), &err);
        assert_in_range(part.count, 0, q.limit);
        memcpy(whole.lines + whole.count, part.lines, part.count * sizeof *part.lines);
        whole.count += part.count;
        assert_true(part.next == -1 || part.next > q.from);
        q.from = part.next;
    } while (part.next != -1);
    return whole;
}

static inline size_t inconsistent(const line_page *page)
{
    size_t bad = 0;
    for (size_t i = 0; i < page->count; i++) bad += !page->lines[i].consistent;
    return bad;
}

/* Columns of the log: they say what the lines say, whether they are read from a block or from the lines; a block that
 * was edited, moved or made of another log is refused. */
#include "tests/unit/audit/rotating.h"
#include "vault/audit/column_pack.h"
#include "vault/store/columns.h"

enum { STRETCH = COLUMN_STRETCH, BATCH = 4096 };

/* ---- from lines in memory ---- */

static opened_line opened_of(int64_t index, const line_facts *f)
{
    return (opened_line){.index = index, .time_us = 1000 + 7 * index, .action = f->action, .said = *f};
}

static opened_line *many_lines(int64_t first, size_t count)
{
    static const char *PERSONS[] = {NULL, "ann", "bob", "cy"}, *TICKETS[] = {"case 1", NULL, "case 2"};
    opened_line *lines = arena_array(mem, count, sizeof *lines);
    for (size_t i = 0; i < count; i++) {
        line_facts f = facts((int64_t)(i * i % 977), PERSONS[i % 4], i % 3 ? "elder-care" : "flood-relief");
        f.request = arena_format(mem, "request-%zu", i / 5);
        f.ticket = TICKETS[i % 3];
        f.fields = i % 2 ? "name,phone" : arena_format(mem, "f%zu", i % 311);
        f.area = i % 10 ? 330106001001000 + (int64_t)i : 0;
        f.action = i % 7 ? LINE_REVEAL : LINE_SEARCH;
        f.outcome = i % 11 ? LINE_GRANTED : LINE_REFUSED;
        f.clause = i % 11 ? NULL : "area";
        f.record_version = (uint32_t)(i % 400);
        lines[i] = opened_of(first + (int64_t)i, &f);
    }
    return lines;
}

static const char *text_of(const line_columns *c, column_text t, size_t i)
{
    assert_in_range(c->text[t][i], 0, c->text_count[t] - 1);
    return c->texts[t][c->text[t][i]];
}

static void expect_text(const line_columns *c, column_text t, size_t i, const char *text)
{
    assert_string_equal(text_of(c, t, i), text ? text : "");
}

static void expect_line(const line_columns *c, size_t i, const opened_line *l)
{
    const line_facts *f = &l->said;
    assert_int_equal(c->first + (int64_t)i, l->index);
    assert_int_equal(c->time_us[i], l->time_us);
    assert_int_equal(c->action[i], l->action);
    assert_int_equal(c->outcome[i], f->outcome);
    assert_int_equal(c->resident[i], f->resident);
    assert_int_equal(c->area[i], f->area);
    assert_int_equal(c->record_version[i], f->record_version);
    assert_true(c->request[i] == column_request(f->request));
    assert_true(c->ticket[i] == column_request(f->ticket));
    expect_text(c, COLUMN_APP, i, f->app);
    expect_text(c, COLUMN_DEPARTMENT, i, f->department);
    expect_text(c, COLUMN_PERSON, i, f->person);
    expect_text(c, COLUMN_PURPOSE, i, f->purpose);
    expect_text(c, COLUMN_FIELDS, i, f->fields);
    expect_text(c, COLUMN_FORM, i, f->form);
    expect_text(c, COLUMN_RULE, i, f->rule);
    expect_text(c, COLUMN_CLAUSE, i, f->clause);
}

static void given_memory(void)
{
    if (!mem) mem = arena_new(512 << 20);
    arena_reset(mem);
}

/* As they come from the seal: followed by bytes that are none of theirs. */
static bytes with_slack(bytes packed)
{
    uint8_t *at = arena_alloc(mem, packed.len + COLUMN_SLACK);
    memcpy(at, packed.at, packed.len);
    memset(at + packed.len, 0xff, COLUMN_SLACK);
    return bytes_of(at, packed.len);
}

TEST("columns say what each line says, and the same once they were packed")
{
    static const size_t COUNTS[] = {0, 1, 2, 1500};
    given_memory();
    for (size_t n = 0; n < sizeof COUNTS / sizeof *COUNTS; n++) {
        line_columns made, kept;
        bytes packed;
        digest root = sha256(bytes_of_text("root")), found;
        opened_line *lines = many_lines(3 * STRETCH, COUNTS[n]);
        expect_ok(columns_make(&made, mem, lines, COUNTS[n], &err), &err);
        expect_ok(columns_pack(&packed, mem, &made, &root, &err), &err);
        expect_ok(columns_unpack(&kept, &found, mem, with_slack(packed), &err), &err);
        assert_memory_equal(found.at, root.at, DIGEST_LEN);
        assert_int_equal(made.count, COUNTS[n]);
        assert_int_equal(kept.count, COUNTS[n]);
        assert_true(kept.kept && !made.kept);
        for (size_t i = 0; i < COUNTS[n]; i++) {
            expect_line(&made, i, &lines[i]);
            expect_line(&kept, i, &lines[i]);
        }
        if (COUNTS[n] == 1500) assert_in_range(packed.len / COUNTS[n], 20, 45);
    }
}

TEST("a text that was cut off or is too short is no columns, and a flipped bit leaves columns or none")
{
    line_columns made, found;
    digest root = {0};
    bytes packed;
    given_memory();
    expect_ok(columns_make(&made, mem, many_lines(0, 12), 12, &err), &err);
    expect_ok(columns_pack(&packed, mem, &made, &root, &err), &err);
    for (size_t len = 0; len < packed.len; len++) {
        bytes cut = with_slack(bytes_of(packed.at, len));
        expect_code(columns_unpack(&found, &root, mem, cut, &err), VAULT_INTEGRITY, &err);
    }
    for (size_t bit = 0; bit < 8 * packed.len; bit += 9) {
        bytes flipped = with_slack(packed);
        ((uint8_t *)(uintptr_t)flipped.at)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        vault_code code = columns_unpack(&found, &root, mem, flipped, &err);
        assert_true(code == VAULT_OK || code == VAULT_INTEGRITY);
        for (size_t i = 0; code == VAULT_OK && i < found.count; i++)
            for (column_text t = 0; t < COLUMN_TEXTS; t++) (void)text_of(&found, t, i);
        vault_error_clear(&err);
    }
}

TEST("lines that do not follow each other are no columns")
{
    line_columns made;
    given_memory();
    opened_line *lines = many_lines(0, 10);
    lines[7].index = 8;
    expect_code(columns_make(&made, mem, lines, 10, &err), VAULT_INTERNAL, &err);
}

TEST("a request id has a number of its own, and none has none")
{
    assert_true(column_request(NULL) == 0);
    assert_true(column_request("") == 0);
    assert_true(column_request("a") != 0);
    assert_true(column_request("a") != column_request("b"));
    assert_true(column_request("a") == column_request("a"));
}

TEST("as many texts as there are lines are kept apart")
{
    line_columns made;
    given_memory();
    opened_line *lines = arena_array(mem, STRETCH, sizeof *lines);
    for (size_t i = 0; i < STRETCH; i++) {
        line_facts f = {.action = LINE_REVEAL, .person = i ? arena_format(mem, "person %zu", i) : NULL};
        lines[i] = opened_of((int64_t)i, &f);
    }
    expect_ok(columns_make(&made, mem, lines, STRETCH, &err), &err);
    assert_int_equal(made.text_count[COLUMN_PERSON], STRETCH);
    for (size_t i = 0; i < STRETCH; i += 97) expect_text(&made, COLUMN_PERSON, i, lines[i].said.person);
    lines[0].said.person = "one too many";
    expect_code(columns_make(&made, mem, lines, STRETCH, &err), VAULT_EXHAUSTED, &err);
}

/* ---- of a log ---- */

/* Lines of the same two kinds again and again: the tree does not mind, and it is quick. */
static void append_until(size_t count)
{
    for (size_t done = 1; done < count;) {
        appended a;
        size_t n = count - done < BATCH ? count - done : BATCH;
        line *lines = arena_array(mem, n, sizeof *lines);
        line_facts f = facts(5, "person-a", "elder-care");
        expect_ok(line_make(&lines[0], hand, mem, &f, NULL, &err), &err);
        f = facts((int64_t)done, NULL, "flood-relief");
        if (n > 1) expect_ok(line_make(&lines[1], hand, mem, &f, NULL, &err), &err);
        for (size_t i = 2; i < n; i++) lines[i] = lines[i % 2];
        clock_set_for_test(INT64_C(1000000) * (NOON + (int64_t)done));
        expect_ok(store_begin(db, &err), &err);
        const line_batch batch = {.control_version = 1, .lines = lines, .count = n};
        expect_ok(ledger_append_in_transaction(book, db, mem, &batch, &a, &err), &err);
        expect_ok(store_commit(db, &err), &err);
        ledger_committed(book);
        done += n;
    }
}

static void given_log_of(size_t count)
{
    given_log_to_rotate(SUITE_GM);
    append_until(count);
}

static line_columns columns_of(int64_t stretch)
{
    line_columns c;
    expect_ok(ledger_columns(&c, hand, db, mem, stretch, &err), &err);
    return c;
}

static bool keep_one(void)
{
    int32_t stretch = 0;
    expect_ok(ledger_keep_columns(&stretch, hand, db, mem, &err), &err);
    return stretch >= 0;
}

static void expect_same(const line_columns *a, const line_columns *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i += 7) {
        assert_int_equal(a->time_us[i], b->time_us[i]);
        assert_int_equal(a->resident[i], b->resident[i]);
        assert_true(a->request[i] == b->request[i]);
    }
    for (size_t i = 0; i < a->count; i += 61)
        for (column_text t = 0; t < COLUMN_TEXTS; t++) expect_text(a, t, i, text_of(b, t, i));
}

static column_block saved;

static void save(void)
{
    static uint8_t at[8 << 20];
    saved = (column_block){0};
    expect_ok(store_columns_read(db, mem, &saved, &err), &err);
    assert_in_range(saved.sealed.len, 1, sizeof at);
    saved.sealed = bytes_of(memcpy(at, saved.sealed.at, saved.sealed.len), saved.sealed.len);
}

static void put_back(void)
{
    expect_ok(store_columns_write(db, &saved, &err), &err);
}

static void expect_damaged(void)
{
    line_columns c;
    expect_code(ledger_columns(&c, hand, db, mem, 0, &err), VAULT_INTEGRITY, &err);
    put_back();
    arena_reset(mem);
}

static void expect_edit_found(const char *sealed)
{
    pg_sql("UPDATE line_columns SET sealed = %s", sealed);
    expect_damaged();
}

TEST("a short log has columns from its lines, and no blocks; past its end there is nothing")
{
    given_log();
    given_lines(20);
    line_columns c = columns_of(0);
    assert_int_equal(c.count, 21);
    assert_false(c.kept);
    line_scan scan = {.limit = 100};
    expect_ok(ledger_scan(&scan, hand, db, mem, &err), &err);
    for (size_t i = 0; i < scan.count; i++) expect_line(&c, i, &scan.lines[i]);
    assert_int_equal(columns_of(1).count, 0);
    assert_int_equal(columns_of(1 << 20).count, 0);
    assert_false(keep_one());
    expect_code(ledger_columns(&c, hand, db, mem, -1, &err), VAULT_INVALID, &err);
}

TEST("a complete stretch is kept as a block that says what its lines say; edited it is refused")
{
    given_log_of(STRETCH + 10);
    line_columns lines = columns_of(0);
    assert_false(lines.kept);
    assert_true(keep_one());
    assert_false(keep_one());
    line_columns kept = columns_of(0);
    assert_true(kept.kept);
    assert_int_equal(kept.count, STRETCH);
    expect_same(&lines, &kept);
    assert_int_equal(columns_of(1).count, 10);
    arena_reset(mem);

    save();
    expect_edit_found("set_byte(sealed, 1000, get_byte(sealed, 1000) # 1)");
    expect_edit_found("set_byte(sealed, 3, 9)");
    expect_edit_found("substr(sealed, 1, 100)");
    expect_edit_found("''");
    assert_true(columns_of(0).kept);
}

static void expect_stretch_of(bool kept, int32_t version)
{
    line_columns c = columns_of(0);
    assert_int_equal(c.kept, kept);
    assert_int_equal(c.count, STRETCH);
    expect_text(&c, COLUMN_PERSON, 1, "person-a");
    assert_int_equal(sql_number("SELECT coalesce(max(log_version), 0) FROM line_columns"), version);
    arena_reset(mem);
}

/* Of the log that the test before has left. */
TEST("a block goes over to the newer version of the log ring, of another suite; one that does not open is made anew, "
     "but not of damaged lines")
{
    follow(1, 2);
    expect_stretch_of(true, 1);
    assert_true(keep_one());
    assert_false(keep_one());
    expect_stretch_of(true, 2);
    pg_sql("UPDATE line_columns SET log_version = 1");
    line_columns c;
    expect_code(ledger_columns(&c, hand, db, mem, 0, &err), VAULT_INTEGRITY, &err);
    assert_true(keep_one());
    expect_stretch_of(true, 2);
    pg_sql("DELETE FROM line_columns; UPDATE line SET person_tag = 0 WHERE idx = 77");
    int32_t stretch = 0;
    expect_code(ledger_keep_columns(&stretch, hand, db, mem, &err), VAULT_INTEGRITY, &err);
    assert_int_equal(stretch++, 0);
    expect_ok(ledger_keep_columns(&stretch, hand, db, mem, &err), &err);
    assert_int_equal(stretch, -1);
}

TEST("a block of another log under the same keys, one that went on from a backup, is refused")
{
    line_columns c;
    given_log(); /* under the keys of the log before */
    append_until(STRETCH + 10);
    put_back();
    assert_int_equal(ledger_columns(&c, hand, db, mem, 0, &err), VAULT_INTEGRITY);
    assert_non_null(strstr(err.detail, "of other lines"));
    vault_error_clear(&err);
    assert_int_equal(sql_number("SELECT count(*) FROM line_columns"), 1);
}

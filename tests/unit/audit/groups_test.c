/* Questions and counts over a log of more than a stretch: by the columns of what is complete, and by the lines of the
 * rest, they say what a reading of all lines says. */
#include "tests/unit/audit/fixture.h"
#include "vault/audit/groups.h"
#include "vault/audit/scan.h"

enum { STRETCH = COLUMN_STRETCH, LINES = STRETCH + 700, BATCH = 4096, KINDS = 48 };

static opened_line *lines; /* all of them, as a scan reads them: in `whole` */
static arena *whole;

static line_facts facts_of(size_t kind)
{
    static const char *PERSONS[] = {NULL, "ann", "bob"}, *APPS[] = {"desk", "grid"}, *FORMS[] = {"plain", "masked"},
                      *FIELDS[] = {"name", "name,phone", "phone", NULL};
    line_facts f = facts((int64_t)kind % 5, PERSONS[kind % 3], kind % 4 ? "elder-care" : "flood-relief");
    f.app = APPS[kind % 2];
    f.form = FORMS[kind / 4 % 2];
    f.fields = FIELDS[kind % 4];
    f.action = kind % 5 == 4 ? LINE_SEARCH : LINE_REVEAL;
    f.outcome = kind % 7 == 6 ? LINE_REFUSED : LINE_GRANTED;
    f.clause = kind % 7 == 6 ? "area" : NULL;
    f.area = kind % 6 ? 330106003001000 + (int64_t)(kind % 3) * 1000000 : 0;
    f.request = kind == 17 ? "the request" : NULL;
    f.ticket = kind % 9 ? NULL : "case 9";
    return f;
}

/* Hours pass from batch to batch. */
static void append_batch(size_t done, size_t count)
{
    appended a;
    static line made[KINDS];
    line *batch = arena_array(mem, count, sizeof *batch);
    for (size_t k = 0; k < KINDS && done == 1; k++) {
        const line_facts f = facts_of(k);
        expect_ok(line_make(&made[k], hand, mem, &f, NULL, &err), &err);
    }
    for (size_t i = 0; i < count; i++) batch[i] = made[(done + i) % KINDS];
    clock_set_for_test(INT64_C(1000000) * (NOON + (int64_t)done));
    expect_ok(store_begin(db, &err), &err);
    const line_batch what = {.control_version = 1, .lines = batch, .count = count};
    expect_ok(ledger_append_in_transaction(book, db, mem, &what, &a, &err), &err);
    expect_ok(store_commit(db, &err), &err);
    ledger_committed(book);
}

static void read_all(void)
{
    whole = arena_new(512 << 20);
    lines = arena_array(whole, LINES, sizeof *lines);
    for (size_t at = 0; at < LINES;) {
        line_scan scan = {.from = (int64_t)at, .limit = SCAN_MOST};
        expect_ok(ledger_scan(&scan, hand, db, whole, &err), &err);
        memcpy(lines + at, scan.lines, scan.count * sizeof *lines);
        at += scan.count;
    }
}

/* Once for all tests. */
static void given_long_log(void)
{
    int32_t stretch = 0;
    if (whole) return;
    given_log();
    for (size_t done = 1; done < LINES;) {
        size_t count = LINES - done < BATCH ? LINES - done : BATCH;
        append_batch(done, count);
        done += count;
    }
    expect_ok(ledger_keep_columns(&stretch, hand, db, mem, &err), &err);
    assert_int_equal(stretch, 0);
    read_all();
}

static bool is(const char *wanted, const char *found)
{
    return !wanted || (found && strcmp(wanted, found) == 0);
}

static bool asked_for(const line_query *q, const opened_line *l)
{
    const line_facts *f = &l->said;
    bool field = !q->field || (f->fields && strstr(f->fields, q->field));
    bool time = (q->start_us == 0 || l->time_us >= q->start_us) && (q->end_us == 0 || l->time_us < q->end_us);
    return time && field && is(q->person, f->person) && is(q->purpose, f->purpose) && is(q->app, f->app) &&
           is(q->department, f->department) && is(q->form, f->form) && is(q->request, f->request) &&
           is(q->ticket, f->ticket) && (!q->actions || q->actions >> l->action & 1) &&
           (!q->outcomes || q->outcomes >> f->outcome & 1) && (!q->resident || q->resident == f->resident);
}

static size_t naive(const line_query *q)
{
    size_t count = 0;
    for (size_t i = 0; i < LINES; i++) count += asked_for(q, &lines[i]);
    return count;
}

/* The first page is as the naive reading says; and so is the next one that begins near the end of the stretch. */
static void expect_page(line_query q, int64_t from)
{
    line_page page;
    size_t at = (size_t)from, found = 0;
    q.from = from;
    q.limit = 40;
    expect_ok(ledger_query(hand, db, mem, &q, &page, &err), &err);
    for (; found < page.count; at++) {
        if (!asked_for(&q, &lines[at])) continue;
        assert_int_equal(page.lines[found].index, at);
        assert_true(page.lines[found].consistent);
        assert_true(bytes_same(page.lines[found].officer_view, lines[at].officer_view));
        found++;
    }
    int64_t end = page.next < 0 ? LINES : page.next;
    for (; at < (size_t)end; at++) assert_false(asked_for(&q, &lines[at]));
    arena_reset(mem);
}

static uint64_t grouped_total(const line_query *q)
{
    line_groups g = {.by = {GROUP_APP}, .by_count = 1};
    line_query on = *q;
    uint64_t total = 0;
    do {
        expect_ok(ledger_groups(&g, hand, db, mem, &on, &err), &err);
        for (size_t i = 0; i < g.count; i++) total += g.at[i].count;
        on.from = g.next;
    } while (g.next >= 0);
    arena_reset(mem);
    return total;
}

#define US(second) (INT64_C(1000000) * (NOON + (second)))

TEST("each condition by itself, and some together, are answered as a reading of all lines would")
{
    given_long_log();
    const line_query questions[] = {
        {.purpose = "flood-relief"},
        {.app = "grid"},
        {.department = "civil-affairs", .person = "bob"},
        {.form = "masked"},
        {.field = "phone"},
        {.field = "pho"},
        {.request = "the request"},
        {.ticket = "case 9"},
        {.actions = 1 << LINE_SEARCH},
        {.outcomes = 1 << LINE_REFUSED},
        {.outcomes = 1 << LINE_REFUSED | 1 << LINE_FAILED, .actions = 1 << LINE_REVEAL, .app = "desk"},
        {.app = "nobody"},
        {.app = "grid", .start_us = US(9000), .end_us = US(40000)},
        {.field = "name", .person = "ann", .form = "plain", .ticket = "case 9"},
        {.resident = 3, .app = "grid"},
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (!questions[i].field || strcmp(questions[i].field, "pho") != 0) {
            expect_page(questions[i], 1);
            expect_page(questions[i], STRETCH - 30);
            assert_int_equal(grouped_total(&questions[i]), naive(&questions[i]));
        } else {
            assert_int_equal(grouped_total(&questions[i]), 0);
        }
    }
}

static const line_group *group_of(const line_groups *g, const char *a, const char *b)
{
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->at[i].keys[0], a) == 0 && (!b || strcmp(g->at[i].keys[1], b) == 0)) return &g->at[i];
    fail_msg("no group %s", a);
    return NULL;
}

static line_groups groups_by(group_key a, group_key b, const line_query *q)
{
    line_groups g = {.by = {a, b}, .by_count = b == GROUP_KEYS ? 1 : 2};
    expect_ok(ledger_groups(&g, hand, db, mem, q, &err), &err);
    assert_int_equal(g.next, -1);
    assert_int_equal(g.size, LINES);
    for (size_t i = 1; i < g.count; i++) assert_true(g.at[i].count <= g.at[i - 1].count);
    return g;
}

TEST("groups have their counts, and their first and last times")
{
    given_long_log();
    const line_query all = {0};
    line_groups g = groups_by(GROUP_PERSON, GROUP_KEYS, &all);
    assert_int_equal(g.count, 3);
    assert_int_equal(group_of(&g, "ann", NULL)->count, naive(&(line_query){.person = "ann"}));
    assert_int_equal(group_of(&g, "ann", NULL)->first_us, US(1));
    assert_int_equal(group_of(&g, "", NULL)->last_us, lines[LINES - 1].time_us);
    g = groups_by(GROUP_FIELD, GROUP_OUTCOME, &all);
    assert_int_equal(group_of(&g, "phone", "refused")->count,
                     naive(&(line_query){.field = "phone", .outcomes = 1 << LINE_REFUSED}));
    assert_int_equal(group_of(&g, "name", "granted")->count,
                     naive(&(line_query){.field = "name", .outcomes = 1 << LINE_GRANTED}));
    g = groups_by(GROUP_ACTION, GROUP_CLAUSE, &all);
    assert_int_equal(group_of(&g, "search", "area")->count,
                     naive(&(line_query){.actions = 1 << LINE_SEARCH, .outcomes = 1 << LINE_REFUSED}));
    g = groups_by(GROUP_DAY, GROUP_HOUR, &all);
    uint64_t eighteen = 0; /* o'clock in China: NOON is 12:00 there, a second a line */
    for (size_t i = 0; i < LINES; i++) eighteen += lines[i].time_us >= US(0) && lines[i].time_us < US(3600);
    assert_int_equal(group_of(&g, "2025-11-22", "12")->count, eighteen);
    g = groups_by(GROUP_STREET, GROUP_FORM, &all);
    uint64_t street = 0, nowhere = 0;
    for (size_t i = 0; i < LINES; i++) {
        street += lines[i].said.area / 1000000 == 330106004;
        nowhere += lines[i].said.area == 0 && is("plain", lines[i].said.form);
    }
    assert_int_equal(group_of(&g, "330106004", "plain")->count + group_of(&g, "330106004", "masked")->count, street);
    assert_int_equal(group_of(&g, "", "plain")->count, nowhere);
}

TEST("groups by nothing, by too much, or twice by the same are refused")
{
    given_long_log();
    const line_query all = {0};
    line_groups none = {0}, many = {.by_count = 4}, twice = {.by = {GROUP_APP, GROUP_APP}, .by_count = 2},
                unknown = {.by = {GROUP_KEYS}, .by_count = 1};
    line_groups *const bad[] = {&none, &many, &twice, &unknown};
    for (size_t i = 0; i < 4; i++) expect_code(ledger_groups(bad[i], hand, db, mem, &all, &err), VAULT_INVALID, &err);
    assert_int_equal(group_key_read("day"), GROUP_DAY);
    assert_int_equal(group_key_read("Day"), GROUP_KEYS);
    assert_int_equal(group_key_read(""), GROUP_KEYS);
}

TEST("with an anchor lines are those of the published tree, each with its path to it")
{
    given_long_log();
    line_page page;
    merkle_tree published = {.size = STRETCH + 100};
    digest *leaves = arena_array(whole, LINES, sizeof *leaves);
    for (size_t i = 0; i < LINES; i++) leaves[i] = merkle_leaf(lines[i].leaf);
    merkle_batch *tree;
    expect_ok(merkle_append(&tree, whole, (merkle_frontier){0}, leaves, STRETCH + 100, &err), &err);
    published.root = merkle_batch_root(tree);
    const line_query q = {.app = "grid", .anchor = &published, .limit = 100, .from = STRETCH};
    expect_ok(ledger_query(hand, db, mem, &q, &page, &err), &err);
    assert_int_equal(page.next, -1);
    assert_int_equal(page.size, STRETCH + 100);
    assert_int_equal(page.count, 50);
    for (size_t i = 0; i < page.count; i++) {
        assert_true(page.lines[i].consistent && page.lines[i].index < published.size);
        assert_true(
            merkle_verify_inclusion(&leaves[page.lines[i].index], page.lines[i].index, &published, page.lines[i].path));
    }
}

/* Last: it leaves damage behind. */
TEST("a line that the columns lead to is shown when it was edited, and a block that was edited hides nothing")
{
    given_long_log();
    line_page page;
    const line_query q = {.request = "the request", .limit = 3};
    pg_sql("UPDATE line SET officer = set_byte(officer, 30, get_byte(officer, 30) # 1) WHERE idx = 17");
    expect_ok(ledger_query(hand, db, mem, &q, &page, &err), &err);
    assert_int_equal(page.lines[0].index, 17);
    assert_int_equal(inconsistent(&page), 1);
    pg_sql("DELETE FROM line WHERE idx = 17");
    expect_ok(ledger_query(hand, db, mem, &q, &page, &err), &err);
    assert_int_equal(page.lines[0].index, 17);
    assert_int_equal(inconsistent(&page), 1);
    pg_sql("UPDATE line_columns SET sealed = set_byte(sealed, 900, 0)");
    expect_ok(ledger_query(hand, db, mem, &q, &page, &err), &err);
    assert_int_equal(page.lines[0].index, 17);
    line_groups g = {.by = {GROUP_APP}, .by_count = 1};
    expect_code(ledger_groups(&g, hand, db, mem, &q, &err), VAULT_INTEGRITY, &err);
}

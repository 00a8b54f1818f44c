/* Who opened what: against sets made line by line from the lines themselves, slowly; then each gate by itself, and over
 * a real log. */
#include "tests/unit/audit/fixture.h"
#include "vault/audit/openings_internal.h"

#include <math.h>

enum { LINES = 1500, RESIDENTS = 60, APPS = 2, PERSONS = 5, LEAKED = 12, ROWS = 10, AREA = 320411002 };

static const char *const FIELDS[] = {"name", "phone", "residence_address"};
static const char *const APP_NAMES[APPS] = {"eldercare", "clinic"};
static const char *const PERSON_NAMES[PERSONS] = {NULL, "ann", "bob", "cy", "di"};

static struct {
    opened_line lines[LINES];
    size_t count;
    leaked_resident leaked[LEAKED];
    openings_question q;
    openings got;
    uint64_t random;
} t;

static uint64_t some(uint64_t below)
{
    t.random ^= t.random << 13, t.random ^= t.random >> 7, t.random ^= t.random << 17;
    return t.random % below;
}

static void given_nothing(void)
{
    if (!mem) mem = arena_new(512 << 20);
    arena_reset(mem);
    memset(&t, 0, sizeof t);
    t.random = 88172645463325252ULL;
    err = (vault_error){0};
    t.q = (openings_question){
        .fields = FIELDS, .field_count = 3, .leaked = t.leaked, .residents = 1000, .before_us = INT64_MAX};
}

static opened_line *given_line(int64_t resident, const char *person, const char *fields)
{
    opened_line *l = &t.lines[t.count];
    *l = (opened_line){.index = (int64_t)t.count, .time_us = 1000 + 10 * (int64_t)t.count, .action = LINE_REVEAL};
    l->said = (line_facts){.action = LINE_REVEAL,
                           .app = "eldercare",
                           .department = "civil-affairs",
                           .person = person,
                           .purpose = "elder-care",
                           .fields = fields,
                           .form = "plain",
                           .area = AREA * INT64_C(1000000) + 3000,
                           .resident = resident,
                           .record_version = 3,
                           .refers_to = -1};
    t.count++;
    return l;
}

static leaked_resident *given_row(int64_t resident, uint64_t fields)
{
    leaked_resident *l = &t.leaked[t.q.leaked_count];
    *l = (leaked_resident){.resident = resident, .row = (uint32_t)t.q.leaked_count, .fields = fields};
    t.q.leaked_count++;
    t.q.row_count++;
    return l;
}

/* In pieces, as stretches come. */
static void gathered(size_t piece)
{
    VAULT_CLEANUP(gathering_free) gathering *g = gathering_new(&t.q);
    for (size_t at = 0; at < t.count; at += piece) {
        line_columns c;
        opened_line *part = t.lines + at;
        for (size_t i = 0; i < t.count; i++) t.lines[i].said.action = t.lines[i].action;
        expect_ok(columns_make(&c, mem, part, t.count - at < piece ? t.count - at : piece, &err), &err);
        expect_ok(gathering_add(g, &c, &err), &err);
    }
    expect_ok(gathering_end(&t.got, g, mem, &err), &err);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static size_t suspect_of(const char *app, const char *person)
{
    for (size_t i = 0; i < t.got.count; i++)
        if (t.got.suspects[i].kind != SUSPECT_EXPORT && same_text(t.got.names[i].app, app) &&
            same_text(t.got.names[i].person, person))
            return i;
    return SIZE_MAX;
}

static void expect_hits(const char *person, size_t hits, uint64_t opened)
{
    const size_t i = suspect_of("eldercare", person);
    if (hits == 0) {
        assert_int_equal(i, SIZE_MAX);
        return;
    }
    assert_int_not_equal(i, SIZE_MAX);
    assert_int_equal(t.got.suspects[i].hit_count, hits);
    assert_int_equal(t.got.suspects[i].opened, opened);
}

/* ---- against the definition ---- */

static const char *const FIELD_SETS[] = {
    "name",     "phone", "name,phone", "residence_address", "name,phone,religion", "name,phone,residence_address",
    "religion", ""};

static void some_log(void)
{
    for (t.count = 0; t.count < LINES;) {
        opened_line *l = given_line(1 + (int64_t)some(RESIDENTS), PERSON_NAMES[some(PERSONS)], FIELD_SETS[some(8)]);
        l->said.app = APP_NAMES[some(APPS)];
        if (some(9) == 0) l->said.outcome = LINE_REFUSED;
        if (some(9) == 0) l->said.form = "masked";
        if (some(9) == 0) l->action = LINE_ISSUE;
        if (some(20) == 0) l->said.resident = 0;
        l->said.record_version = (uint32_t)some(5);
    }
}

static void some_list(void)
{
    int64_t resident = 0;
    for (size_t i = 0; i < LEAKED; i++) {
        resident += (int64_t)some(7);
        if (!resident) resident = 1;
        leaked_resident *l = given_row(resident, 1 + some(7));
        l->row = (uint32_t)some(ROWS);
        if (some(4) == 0) l->least_version = 2;
        if (some(4) == 0) l->most_version = 3;
        if (some(6) == 0) l->app = "clinic";
    }
    t.q.row_count = ROWS;
    t.q.before_us = 1000 + 10 * (LINES - (int64_t)some(LINES / 4));
}

static uint64_t given_by(const opened_line *l, const char *app, const char *person)
{
    const line_facts *f = &l->said;
    uint64_t fields = 0;
    if (l->time_us >= t.q.before_us || f->outcome != LINE_GRANTED || l->action == LINE_ISSUE ||
        strcmp(f->form, "plain") != 0 || !same_text(f->app, app) || !same_text(f->person, person))
        return 0;
    for (size_t i = 0; i < 3; i++)
        if (strstr(f->fields, FIELDS[i])) fields |= UINT64_C(1) << i;
    return fields;
}

static bool passes(const opened_line *l, const leaked_resident *gates)
{
    const uint32_t version = l->said.record_version;
    if (version && (version < gates->least_version || (gates->most_version && version > gates->most_version)))
        return false;
    return !gates->app || strcmp(gates->app, l->said.app) == 0;
}

static uint64_t seen_of(int64_t resident, const char *app, const char *person)
{
    uint64_t fields = 0;
    for (size_t i = 0; i < t.count; i++)
        if (t.lines[i].said.resident == resident) fields |= given_by(&t.lines[i], app, person);
    return fields;
}

/* The line that gave the last of its fields; SIZE_MAX: none has. */
static size_t opened_at(const leaked_resident *of, const char *app, const char *person)
{
    uint64_t fields = 0;
    for (size_t i = 0; i < t.count; i++) {
        if (t.lines[i].said.resident != of->resident || !passes(&t.lines[i], of)) continue;
        fields |= given_by(&t.lines[i], app, person);
        if (fields && (fields & of->fields) == of->fields) return i;
    }
    return SIZE_MAX;
}

static uint64_t most_have(void)
{
    uint64_t needed = 0;
    for (size_t f = 0; f < 3; f++) {
        size_t with = 0;
        for (size_t i = 0; i < LEAKED; i++) with += t.leaked[i].fields >> f & 1;
        if (2 * with > LEAKED) needed |= UINT64_C(1) << f;
    }
    return needed;
}

/* Of them those that most rows have that it explains, each by whom it has opened first. */
static uint64_t most_explained(const leaked_resident *const rows[ROWS], size_t hits)
{
    uint64_t most = 0;
    for (size_t f = 0; f < 3; f++) {
        size_t with = 0;
        for (size_t r = 0; r < ROWS; r++) with += rows[r] && (rows[r]->fields & most_have()) >> f & 1;
        if (2 * with > hits) most |= UINT64_C(1) << f;
    }
    return most;
}

static void expect_sets_of(const char *app, const char *person, size_t *suspects)
{
    uint64_t opened = 0, any = 0;
    const leaked_resident *rows[ROWS] = {NULL};
    size_t hits = 0, first[ROWS];
    for (size_t r = 0; r < ROWS; r++) first[r] = SIZE_MAX;
    for (size_t i = 0; i < LEAKED; i++) {
        const leaked_resident *l = &t.leaked[i];
        const size_t at = opened_at(l, app, person);
        any |= l->fields;
        if (at < first[l->row]) first[l->row] = at, rows[l->row] = l;
    }
    for (size_t r = 0; r < ROWS; r++) hits += rows[r] != NULL;
    const uint64_t needed = most_explained(rows, hits);
    for (int64_t r = 1; r <= RESIDENTS; r++) {
        const uint64_t fields = seen_of(r, app, person) & any;
        opened += fields && (fields & needed) == needed;
    }
    const size_t at = suspect_of(app, person);
    if (hits == 0) {
        assert_int_equal(at, SIZE_MAX);
        return;
    }
    ++*suspects;
    assert_int_not_equal(at, SIZE_MAX);
    const suspect_openings *s = &t.got.suspects[at];
    assert_int_equal(s->kind, person ? SUSPECT_PERSON : SUSPECT_APP);
    assert_int_equal(s->hit_count, hits);
    assert_int_equal(s->opened, opened > hits ? opened : hits);
    for (size_t h = 0; h < s->hit_count; h++) assert_true(rows[s->hits[h]]);
}

TEST("who has opened names of many, and more of few, is sized by the names where they are what he explains")
{
    enum { MANY = 40 };
    given_nothing();
    for (int64_t r = 1; r <= MANY; r++) given_line(r, "ann", "name");
    for (int64_t r = 1; r <= 2; r++) given_line(r, "ann", "name,phone");
    for (int64_t r = 10; r < 13; r++) given_row(r, 1);
    for (int64_t r = 101; r < 105; r++) given_row(r, 3); /* most rows, of people whom nobody has opened */
    gathered(LINES);
    expect_hits("ann", 3, MANY);
}

TEST("sets of many logs and lists are those of the definition, in whatever pieces the log comes")
{
    for (uint64_t round = 1; round <= 25; round++) {
        given_nothing();
        t.random += round * UINT64_C(0x9e3779b97f4a7c15);
        some_log();
        some_list();
        gathered(round % 2 ? LINES : 1 + some(400));
        size_t suspects = 0;
        for (size_t a = 0; a < APPS; a++)
            for (size_t p = 0; p < PERSONS; p++) expect_sets_of(APP_NAMES[a], PERSON_NAMES[p], &suspects);
        assert_int_equal(t.got.count, suspects);
    }
}

/* ---- gates ---- */

TEST("what was opened after the list was seen explains nothing")
{
    given_nothing();
    given_row(7, 1);
    given_line(7, "bob", "name");
    t.q.before_us = given_line(7, "ann", "name")->time_us;
    gathered(LINES);
    expect_hits("ann", 0, 0);
    expect_hits("bob", 1, 1);
    assert_int_equal(t.got.lines, 1);
}

TEST("every leaked field must have been opened, be it in several calls")
{
    given_nothing();
    given_row(7, 3);
    given_line(7, "ann", "name");
    given_line(7, "bob", "name");
    opened_line *last = given_line(7, "bob", "phone");
    given_line(7, "bob", "name,phone");
    gathered(LINES);
    expect_hits("ann", 0, 0);
    expect_hits("bob", 1, 1);
    const suspect_name *n = &t.got.names[suspect_of("eldercare", "bob")];
    assert_int_equal(n->lines[0].index, last->index);
    assert_int_equal(n->first_us, last->time_us);
    assert_int_equal(n->last_us, last->time_us + 10);
    assert_string_equal(n->department, "civil-affairs");
}

TEST("a field whose name begins alike is another field")
{
    given_nothing();
    given_row(7, 1);
    given_line(7, "ann", "name_before,phone");
    gathered(LINES);
    expect_hits("ann", 0, 0);
}

TEST("a value of a version that was not there yet, or no more, is not what was opened")
{
    given_nothing();
    *given_row(7, 1) = (leaked_resident){.resident = 7, .fields = 1, .least_version = 4, .most_version = 5};
    const char *const who[] = {"ann", "bob", "cy", "di"};
    for (uint32_t i = 0; i < 4; i++) given_line(7, who[i], "name")->said.record_version = 3 + i;
    gathered(LINES);
    expect_hits("ann", 0, 0);
    expect_hits("bob", 1, 1);
    expect_hits("cy", 1, 1);
    expect_hits("di", 0, 0);
}

TEST("masked values, refusals, issues and canned answers of predicates open nothing; who has put a value in knows it")
{
    given_nothing();
    given_row(7, 1);
    given_line(7, "ann", "name")->said.form = "masked";
    given_line(7, "ann", "name")->said.outcome = LINE_REFUSED;
    given_line(7, "ann", "name")->said.outcome = LINE_FAILED;
    given_line(7, "ann", "name")->action = LINE_ISSUE;
    given_line(7, "ann", "name")->action = LINE_TEST;
    opened_line *put = given_line(7, "bob", "name");
    put->action = LINE_PUT, put->said.form = NULL;
    opened_line *dry = given_line(7, "cy", "name");
    dry->action = LINE_PUT, dry->said.form = "dry-run";
    gathered(LINES);
    expect_hits("ann", 0, 0);
    expect_hits("bob", 1, 1);
    expect_hits("cy", 0, 0);
}

TEST("a token explains itself through its app and purpose alone, and any dealing counts where nothing else was leaked")
{
    given_nothing();
    leaked_resident *l = given_row(7, 0);
    l->app = "eldercare", l->purpose = "elder-care";
    given_line(7, "ann", "")->action = LINE_ISSUE;
    given_line(7, "bob", "")->said.app = "clinic";
    given_line(7, "cy", "")->said.purpose = "elder-care/visit";
    given_line(7, "di", "")->said.purpose = "elder-careful";
    gathered(LINES);
    expect_hits("ann", 1, 1);
    expect_hits("bob", 0, 0);
    expect_hits("cy", 1, 1);
    expect_hits("di", 0, 0);
}

TEST("a row that leads to two residents is explained by either, once; a resident in two rows explains both")
{
    given_nothing();
    given_row(5, 1)->row = 0;
    given_row(7, 1)->row = 0;
    given_row(7, 1)->row = 2;
    given_line(5, "ann", "name");
    given_line(7, "ann", "name");
    given_line(7, "bob", "name");
    gathered(LINES);
    expect_hits("ann", 2, 2);
    expect_hits("bob", 2, 2);
    assert_int_equal(t.got.suspects[0].hits[0], 0);
    assert_int_equal(t.got.suspects[0].hits[1], 2);
}

TEST("a canary is counted for whoever opened it")
{
    given_nothing();
    given_row(5, 1);
    given_row(7, 1)->canary = true;
    given_line(5, "ann", "name");
    given_line(7, "bob", "name");
    gathered(LINES);
    assert_int_equal(t.got.suspects[suspect_of("eldercare", "ann")].canaries, 0);
    assert_int_equal(t.got.suspects[suspect_of("eldercare", "bob")].canaries, 1);
}

/* ---- exports, places, shares ---- */

static void given_request(const char *request, int64_t first, int64_t count)
{
    for (int64_t r = 0; r < count; r++) given_line(first + r, NULL, "name")->said.request = request;
}

TEST("lines of one request are an export by themselves, with the app that made it before it")
{
    given_nothing();
    for (int64_t r = 41; r < 45; r++) given_row(r, 1);
    given_request("nightly-1", 1, 20);
    given_request("nightly-2", 40, 20);
    given_request("page", 40, EXPORT_LEAST - 1);
    gathered(LINES);
    assert_int_equal(t.got.count, 2);
    assert_int_equal(t.got.suspects[0].kind, SUSPECT_APP);
    assert_int_equal(t.got.suspects[0].exports, 2);
    assert_int_equal(t.got.suspects[0].opened, 40);
    assert_int_equal(t.got.suspects[1].kind, SUSPECT_EXPORT);
    assert_int_equal(t.got.suspects[1].opened, 20);
    assert_int_equal(t.got.suspects[1].hit_count, 4);
    assert_int_equal(t.got.suspects[1].maker, 0);
    assert_true(t.got.names[1].request == column_request("nightly-2"));
}

TEST("the people of a street and of a community are places that a list could come from")
{
    given_nothing();
    given_row(1, 1), given_row(2, 1);
    for (int64_t r = 1; r <= 9; r++)
        given_line(r, "ann", "name")->said.area = AREA * INT64_C(1000000) + (r > 4 ? 2000 : 1000);
    given_line(10, "ann", "name")->said.area = (AREA + 1) * INT64_C(1000000);
    gathered(LINES);
    assert_int_equal(t.got.crowd_count, 2);
    assert_int_equal(t.got.places, 5); /* three communities, two streets */
    assert_int_equal(t.got.crowds[0].people + t.got.crowds[1].people, 4 + 9);
    assert_int_equal(t.got.crowds[0].row_count, 2);
    assert_int_equal(t.got.crowds[1].row_count, 2);
}

TEST("where the area says a grid, its people are one more such place")
{
    given_nothing();
    given_row(1, 1);
    for (int64_t r = 1; r <= 9; r++)
        given_line(r, "ann", "name")->said.area = AREA * INT64_C(1000000) + 1000 + (r > 4 ? 2 : 1);
    gathered(LINES);
    assert_int_equal(t.got.crowd_count, 3);
    assert_int_equal(t.got.places, 4);
    assert_int_equal(t.got.crowds[0].people + t.got.crowds[1].people + t.got.crowds[2].people, 9 + 9 + 4);
}

TEST("a row is as common as those who opened it are many")
{
    given_nothing();
    given_row(1, 1), given_row(2, 1);
    given_line(1, "ann", "name"), given_line(1, "bob", "name"), given_line(3, "bob", "name");
    gathered(LINES);
    assert_true(fabs(t.got.share[0] - (0.5 / 1000 + 0.5 * 2 / 3)) < 1e-12);
    assert_true(fabs(t.got.share[1] - 0.5 / 1000) < 1e-12);
}

TEST("what was found is ready to be ranked")
{
    given_nothing();
    double weight[2] = {1, 1};
    leak_answer answer;
    given_row(1, 1), given_row(2, 1);
    given_line(1, "ann", "name"), given_line(2, "ann", "name"), given_line(3, "bob", "name");
    for (int64_t r = 20; r < 60; r++) given_line(r, "cy", "name");
    gathered(LINES);
    const leak_question q = openings_rank(&t.got, weight);
    expect_ok(rank_leak(&answer, mem, &q, &err), &err);
    assert_string_equal(t.got.names[answer.leads[0].suspect].person, "ann");
    assert_int_equal(t.got.accessors, 3);
}

/* ---- sizes of large sets ---- */

TEST("small sets are counted, large ones estimated within a few hundredths, in bounded room")
{
    distinct d = {0};
    uint64_t counted = 0;
    for (uint64_t r = 1; r <= 120000; r++) {
        const uint32_t fields = r % 3 ? 3 : 1;
        counted += r % 3 != 0;
        distinct_add(&d, number_mixed(r), fields & 1, 2000);
        distinct_add(&d, number_mixed(r), fields & 2, 2000);
        if (r == 1500) assert_int_equal(distinct_count(&d, 3), counted);
        if (r == 1500) assert_int_equal(distinct_count(&d, 0), 1500);
    }
    assert_true(d.count <= 2000 && d.cap <= 4096);
    assert_true(fabs((double)distinct_count(&d, 3) / (double)counted - 1) < 0.08);
    assert_true(fabs((double)distinct_count(&d, 0) / 120000 - 1) < 0.08);
    distinct_free(&d);
}

/* ---- over a log ---- */

static bool not_at_all(void *context)
{
    return --*(int *)context > 0;
}

TEST("over the tables it is the same as over the lines; who does not want to wait any longer ends it")
{
    given_log();
    openings got;
    openings_source from = {.sc = hand, .s = db};
    line lines[40];
    given_nothing();
    given_row(3, 1), given_row(4, 3);
    for (int64_t r = 1; r <= 20; r++) given_line(r % 7, "ann", "name"), given_line(r % 5, "bob", "name,phone");
    for (size_t i = 0; i < t.count; i++) expect_ok(line_make(&lines[i], hand, mem, &t.lines[i].said, NULL, &err), &err);
    const line_batch batch = {.lines = lines, .count = t.count, .control_version = 1};
    appended done;
    expect_ok(ledger_append(book, db, mem, &batch, &done, &err), &err);
    expect_ok(openings_collect(&got, &from, mem, &t.q, &err), &err);
    gathered(LINES);
    assert_int_equal(got.count, t.got.count);
    for (size_t i = 0; i < got.count; i++) {
        assert_string_equal(got.names[i].person, t.got.names[i].person);
        assert_int_equal(got.suspects[i].opened, t.got.suspects[i].opened);
        assert_int_equal(got.suspects[i].hit_count, t.got.suspects[i].hit_count);
        assert_int_equal(got.names[i].lines[0].index, t.got.names[i].lines[0].index + 1); /* after line 0 */
    }
    int times = 1;
    from.go_on = not_at_all, from.context = &times;
    expect_code(openings_collect(&got, &from, mem, &t.q, &err), VAULT_UNAVAILABLE, &err);
    arena_free(&mem);
}

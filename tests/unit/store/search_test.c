/* The index of terms against a naive look through the rows, and what is written to it. */
#include "tests/unit/store/fixture.h"

#include "vault/base/clock.h"

enum { TERMS = 12, PEOPLE = 300, AREAS = 4 };
static const int64_t AREA = 320411002001000;

/* People with some of twelve terms, in four areas. */
static resident_row *given_people(store *s)
{
    resident_row *rows = arena_array(mem, PEOPLE, sizeof *rows);
    srand(20260101);
    for (int i = 0; i < PEOPLE; i++) {
        rows[i] = resident(i + 1);
        int64_t *terms = arena_array(mem, TERMS, sizeof *terms);
        rows[i].area = AREA + rand() % AREAS;
        rows[i].term_count = 0;
        for (int t = 0; t < TERMS; t++)
            if (rand() % 3 == 0) terms[rows[i].term_count++] = t * INT64_C(-1234567890123);
        rows[i].terms = terms;
    }
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_insert(s, mem, rows, PEOPLE, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    return rows;
}

static bool in_set(const resident_row *row, const term_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const term_probe *p = &set->at[i];
        if (row->area < p->low || row->area > p->high) continue;
        for (size_t t = 0; t < row->term_count; t++)
            if (row->terms[t] == p->term) return true;
    }
    return false;
}

static bool is_hit(const resident_row *row, const store_search *what)
{
    size_t met = 0;
    for (size_t g = 0; g < what->group_count; g++) {
        bool all = true;
        for (size_t i = 0; i < what->set_count; i++)
            if (what->groups[i] == g) all &= in_set(row, &what->sets[i]);
        met += all;
    }
    return met >= what->least && row->id > what->after;
}

typedef struct asking {
    term_set sets[6];
    size_t groups[6];
    store_search what;
} asking;

static void given_question(asking *a)
{
    *a = (asking){.what = {.sets = a->sets, .groups = a->groups, .set_count = 1 + (size_t)rand() % 6}};
    size_t group = 0;
    for (size_t i = 0; i < a->what.set_count; i++) {
        size_t probes = (size_t)rand() % 4;
        term_probe *at = arena_array(mem, probes + 1, sizeof *at);
        for (size_t k = 0; k < probes; k++) {
            int64_t low = AREA + rand() % AREAS;
            at[k] = (term_probe){
                .term = rand() % TERMS * INT64_C(-1234567890123), .low = low, .high = low + rand() % AREAS};
        }
        if (i > 0) group += (size_t)rand() % 2;
        a->groups[i] = group;
        a->sets[i] = (term_set){.at = at, .count = probes};
    }
    a->what.group_count = group + 1;
    a->what.least = 1 + (size_t)rand() % a->what.group_count;
    a->what.after = rand() % 3 ? 0 : rand() % PEOPLE;
    a->what.limit = rand() % 2 ? 1000 : 1 + (size_t)rand() % 20;
}

TEST("500 random searches find whom a look through all rows finds, in ascending order, up to the limit")
{
    store *s = fresh_store();
    resident_row *rows = given_people(s);
    size_t hits = 0;
    for (int round = 0; round < 500; round++) {
        asking a;
        int64_t *ids;
        size_t count, at = 0, whole = 0;
        uint64_t counted;
        given_question(&a);
        expect_ok(store_search_ids(s, mem, &a.what, &ids, &count, &err), &err);
        expect_ok(store_search_count(s, &a.what, &counted, &err), &err);
        for (int i = 0; i < PEOPLE; i++) {
            if (!is_hit(&rows[i], &a.what)) continue;
            whole++;
            if (at < a.what.limit) assert_true(at < count && ids[at++] == rows[i].id);
        }
        assert_int_equal(at, count);
        assert_int_equal(whole, counted);
        hits += count;
    }
    assert_true(hits > 1000);
    store_close(&s);
}

/* Under each term of a live record, and under the number of its collection, by which residents are listed. */
static void expect_index_whole(void)
{
    assert_int_equal(
        sql_number(
            "WITH w AS (SELECT unnest(terms || collection::int8) AS term, area, id FROM resident WHERE state = 1)"
            " SELECT count(*) FROM ((TABLE w EXCEPT TABLE resident_term) UNION ALL"
            " (TABLE resident_term EXCEPT TABLE w)) AS d"),
        0);
}

TEST("after random updates the index is what stands in the rows of the living")
{
    store *s = fresh_store();
    resident_row *rows = given_people(s), was[PEOPLE];
    expect_index_whole();
    for (int round = 0; round < 5; round++) {
        size_t count = 0;
        resident_row next[PEOPLE];
        memcpy(was, rows, sizeof was);
        for (int i = 0; i < PEOPLE; i++) {
            if (rand() % 3) continue;
            rows[i].version++;
            rows[i].was = &was[i];
            if (rand() % 4 == 0) rows[i].area = AREA + rand() % AREAS;
            rows[i].state = rand() % 8 ? 1 : 2;
            if (rand() % 2) rows[i].terms = was[rand() % PEOPLE].terms;
            rows[i].term_count = rows[i].terms == was[i].terms ? rows[i].term_count : 1;
            next[count++] = rows[i];
        }
        expect_ok(store_begin(s, &err), &err);
        expect_ok(store_residents_update(s, mem, next, count, &err), &err);
        expect_ok(store_commit(s, &err), &err);
        expect_index_whole();
    }
    store_close(&s);
}

TEST("an update that changes no term and no area writes nothing to the index")
{
    store *s = fresh_store();
    resident_row *rows = given_people(s), next = rows[0];
    long before = sql_number("SELECT sum(hashtextextended(ctid::text || xmin::text, 0) % 1000000) FROM resident_term");
    next.was = &rows[0];
    next.version++;
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_update(s, mem, &next, 1, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    assert_int_equal(
        sql_number("SELECT sum(hashtextextended(ctid::text || xmin::text, 0) % 1000000) FROM resident_term"), before);
    store_close(&s);
}

TEST("an update that does not say what it replaces is a fault of the caller, and writes nothing")
{
    store *s = fresh_store();
    resident_row *rows = given_people(s), next = rows[0];
    next.version++;
    expect_ok(store_begin(s, &err), &err);
    expect_code(store_residents_update(s, mem, &next, 1, &err), VAULT_INTERNAL, &err);
    store_rollback(s);
    expect_index_whole();
    store_close(&s);
}

TEST("a term that stands twice in a row is one entry")
{
    store *s = fresh_store();
    resident_row row = resident(7);
    const int64_t terms[] = {5, 5, -5, 5};
    row.terms = terms;
    row.term_count = 4;
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_insert(s, mem, &row, 1, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    assert_int_equal(sql_number("SELECT count(*) FROM resident_term WHERE abs(term) = 5"), 2);
    store_close(&s);
}

TEST("a term of one resident names it; of none or several it names nobody")
{
    store *s = fresh_store();
    resident_row rows[3] = {resident(1), resident(2), resident(3)};
    const int64_t terms[][2] = {{10, 30}, {20, 30}, {20, 40}};
    for (int i = 0; i < 3; i++) {
        rows[i].terms = terms[i];
        rows[i].term_count = 2;
        rows[i].collection = 1;
    }
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_insert(s, mem, rows, 3, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    const int64_t asked[] = {10, 20, 30, 40, 50, 10, 20},
                  wanted[] = {1, SEVERAL_IDS, SEVERAL_IDS, 3, 0, 1, SEVERAL_IDS};
    int64_t ids[7];
    expect_ok(store_ids_of_terms(s, mem, asked, 7, ids, &err), &err);
    for (int i = 0; i < 7; i++) assert_int_equal(ids[i], wanted[i]);
    expect_ok(store_ids_of_terms(s, mem, asked, 0, ids, &err), &err);
    store_close(&s);
}

TEST("a search of impossible size is a fault of the caller")
{
    store *s = fresh_store();
    int64_t *ids;
    size_t count, groups[SEARCH_SETS_MAX + 1] = {0};
    uint64_t counted;
    term_set sets[SEARCH_SETS_MAX + 1] = {{0}};
    store_search what = {.sets = sets, .groups = groups, .group_count = 1, .least = 1, .limit = 1};
    expect_code(store_search_ids(s, mem, &what, &ids, &count, &err), VAULT_INTERNAL, &err);
    what.set_count = SEARCH_SETS_MAX + 1;
    expect_code(store_search_count(s, &what, &counted, &err), VAULT_INTERNAL, &err);
    what.set_count = 1;
    groups[0] = 1;
    expect_code(store_search_ids(s, mem, &what, &ids, &count, &err), VAULT_INTERNAL, &err);
    store_close(&s);
}

TEST("a search that lasts too long is given up, and the connection goes on")
{
    store *s = fresh_store();
    pg_sql("INSERT INTO resident_term SELECT 7, %lld, i FROM generate_series(1000, 100000) i", (long long)AREA);
    const term_probe all = {.term = 7, .low = AREA, .high = AREA + AREAS};
    term_set sets[6];
    size_t groups[6];
    for (size_t i = 0; i < 6; i++) sets[i] = (term_set){&all, 1}, groups[i] = i;
    store_search what = {.sets = sets, .groups = groups, .set_count = 6, .group_count = 6, .least = 6, .limit = 10};
    int64_t *ids, begun = clock_monotonic_us();
    size_t found;
    uint64_t number = 0;
    what.until_us = begun + 20000;
    assert_int_equal(store_search_ids(s, mem, &what, &ids, &found, &err), VAULT_EXHAUSTED);
    assert_string_equal(err.reason, "SEARCH_TOO_LONG");
    vault_error_clear(&err);
    expect_code(store_search_count(s, &what, &number, &err), VAULT_EXHAUSTED, &err); /* its time is up */
    what.until_us = clock_monotonic_us() + INT64_C(60000000);
    expect_ok(store_search_count(s, &what, &number, &err), &err);
    assert_int_equal(number, 99001);
    what.until_us = 0;
    expect_ok(store_search_ids(s, mem, &what, &ids, &found, &err), &err);
    assert_int_equal(found, 10);
    store_close(&s);
}

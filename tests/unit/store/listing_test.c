/* Residents of an area, listed. */
#include "tests/unit/store/fixture.h"

enum { STREET = 320411002 };

static resident_row in_area(int64_t id, int64_t area, int16_t collection, int16_t state)
{
    resident_row row = resident(id);
    row.area = area, row.collection = collection, row.state = state;
    return row;
}

/* 30 of collection 1 in two communities of a street in turn, 10 of collection 2, 10 next door, 5 that are restricted.
 */
static void given_street(store *s)
{
    resident_row rows[55];
    size_t n = 0;
    for (int64_t id = 1; id <= 55; id++) {
        int64_t street = id > 40 && id <= 50 ? STREET + 1 : STREET, community = 1 + id % 2;
        rows[n++] = in_area(id, (street * 1000 + community) * 1000, id > 30 && id <= 40 ? 2 : 1, id > 50 ? 2 : 1);
    }
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_insert(s, mem, rows, n, &err), &err);
    expect_ok(store_commit(s, &err), &err);
}

static size_t listed(store *s, store_listing what, int64_t **ids)
{
    size_t count = 99;
    expect_ok(store_list_ids(s, mem, &what, ids, &count, &err), &err);
    assert_true(count <= what.limit);
    for (size_t i = 0; i < count; i++) assert_true((*ids)[i] > (i ? (*ids)[i - 1] : what.after));
    return count;
}

static store_listing street_of(int16_t collection, int64_t after, size_t limit)
{
    return (store_listing){.collection = collection,
                           .low = STREET * INT64_C(1000000),
                           .high = STREET * INT64_C(1000000) + 999999,
                           .after = after,
                           .limit = limit};
}

TEST("a listing is the live residents of a collection in an area, by id, page by page")
{
    store *s = fresh_store();
    int64_t *ids = NULL, after = 0;
    size_t seen = 0, count;
    given_street(s);
    while ((count = listed(s, street_of(1, after, 7), &ids)) > 0) {
        after = ids[count - 1];
        seen += count;
        assert_true(after <= 30);
    }
    assert_int_equal(seen, 30);
    assert_int_equal(listed(s, street_of(2, 0, 50), &ids), 10);
    assert_int_equal(listed(s, street_of(3, 0, 50), &ids), 0);
    store_listing one = street_of(1, 0, 50);
    one.low += 2000, one.high = one.low + 999; /* a community */
    assert_int_equal(listed(s, one, &ids), 15);
    store_close(&s);
}

TEST("who moves, or is restricted, leaves the list; a change of values leaves it as it is")
{
    store *s = fresh_store();
    int64_t *ids = NULL, few[] = {2, 4, 6};
    resident_row was[3], next[3];
    given_street(s);
    expect_ok(store_residents_by_id(s, mem, few, 3, was, &err), &err);
    for (size_t i = 0; i < 3; i++) next[i] = was[i], next[i].version++, next[i].was = &was[i];
    next[0].area += 1000000, next[1].state = 2;
    expect_ok(store_begin(s, &err), &err);
    expect_ok(store_residents_update(s, mem, next, 3, &err), &err);
    expect_ok(store_commit(s, &err), &err);
    assert_int_equal(listed(s, street_of(1, 0, 50), &ids), 28);
    assert_true(ids[0] == 1 && ids[1] == 3 && ids[2] == 5 && ids[3] == 6);
    assert_string_equal(pg_sql("SELECT count(*) FROM resident_term WHERE id = 6 AND term = 1"), "1");
    store_close(&s);
}

TEST("a listing of none or too many is refused")
{
    store *s = fresh_store();
    int64_t *ids = NULL;
    size_t count;
    store_listing none = street_of(1, 0, 0), many = street_of(1, 0, 4097);
    expect_code(store_list_ids(s, mem, &none, &ids, &count, &err), VAULT_INTERNAL, &err);
    expect_code(store_list_ids(s, mem, &many, &ids, &count, &err), VAULT_INTERNAL, &err);
    store_close(&s);
}

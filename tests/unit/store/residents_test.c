/* Residents against a real PostgreSQL. */
#include "tests/unit/store/fixture.h"

TEST("residents come back in the order asked for, every column as it was written")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 40), got[40];
    int64_t ids[40];
    for (int i = 0; i < 40; i++) ids[i] = 1 + (i * 17) % 40;
    expect_ok(store_residents_by_id(s, mem, ids, 40, got, &err), &err);
    for (int i = 0; i < 40; i++) expect_resident(&got[i], &rows[ids[i] - 1]);
    store_close(&s);
}

TEST("an id asked for twice is answered twice, and one that is not there is answered as not found")
{
    store *s = fresh_store();
    resident_row *rows = given_residents(s, 1, 3), got[6];
    int64_t ids[] = {3, 99, 3, INT64_MIN, 1, 3};
    expect_ok(store_residents_by_id(s, mem, ids, 6, got, &err), &err);
    for (int i = 0; i < 6; i++) {
        if (ids[i] > 0 && ids[i] < 4)
            expect_resident(&got[i], &rows[ids[i] - 1]);
        else
            assert_false(got[i].found);
        assert_int_equal(got[i].id, ids[i]);
    }
    store_close(&s);
}

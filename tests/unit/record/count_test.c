/* What is counted lies under keys that stay: ids that nobody else can make, and what is sealed in its place. */
#include "tests/unit/record/fixture.h"

static void given_counting(void)
{
    given_cabinet();
    if (!keyring_active(keys, "rows")) given_ring("rows", 1);
}

static digest id_of(const char *a, const char *b)
{
    digest out = {0};
    const bytes parts[] = {bytes_of_text(a), bytes_of_text(b)};
    expect_ok(cabinet_count_id(box, out.at, parts, 2, &err), &err);
    return out;
}

static bool same(digest a, digest b)
{
    return memcmp(a.at, b.at, COUNT_KEY_LEN) == 0;
}

TEST("an id of nothing, or without the ring of rows, is none")
{
    uint8_t id[COUNT_KEY_LEN];
    const bytes part = bytes_of_text("x");
    given_cabinet();
    expect_code(cabinet_count_id(box, id, &part, 1, &err), VAULT_INTERNAL, &err);
    given_counting();
    expect_ok(cabinet_count_id(box, id, &part, 1, &err), &err);
    expect_code(cabinet_count_id(box, id, &part, 0, &err), VAULT_INTERNAL, &err);
}

TEST("an id is the same for the same parts, and another one where a byte moves from one part to the next")
{
    given_counting();
    assert_true(same(id_of("day", "zhang"), id_of("day", "zhang")));
    assert_false(same(id_of("day", "zhang"), id_of("dayz", "hang")));
    assert_false(same(id_of("day", "zhang"), id_of("zhang", "day")));
    assert_false(same(id_of("day", ""), id_of("", "day")));
}

TEST("another vault's ring makes other ids")
{
    keyring *first = keys;
    cabinet *before = box;
    given_counting();
    digest one = id_of("day", "zhang");
    expect_ok(keyring_new(&keys, &err), &err);
    given_ring("record", 1);
    given_ring("natural", 1);
    given_ring("rows", 1);
    expect_ok(cabinet_new(&box, keys, &err), &err);
    cabinet_use(box, mem);
    assert_false(same(one, id_of("day", "zhang")));
    cabinet_free(&box);
    keyring_free(&keys);
    box = before;
    keys = first;
}

TEST("a count opens in its own place only, every bit of it is bound, and none is there twice alike")
{
    bytes sealed, again, out;
    given_counting();
    digest id = id_of("day", "zhang"), other = id_of("day", "li");
    expect_ok(cabinet_seal_count(box, &sealed, id.at, bytes_of_text("10 of 200"), &err), &err);
    expect_ok(cabinet_seal_count(box, &again, id.at, bytes_of_text("10 of 200"), &err), &err);
    assert_false(bytes_same(sealed, again));
    expect_ok(cabinet_open_count(box, &out, id.at, sealed, &err), &err);
    assert_true(bytes_same(out, bytes_of_text("10 of 200")));
    expect_code(cabinet_open_count(box, &out, other.at, sealed, &err), VAULT_INTEGRITY, &err);
    uint8_t *copy = arena_alloc(mem, sealed.len);
    for (size_t i = 0; i < sealed.len * 8; i++) {
        memcpy(copy, sealed.at, sealed.len);
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
        expect_code(cabinet_open_count(box, &out, id.at, bytes_of(copy, sealed.len), &err), VAULT_INTEGRITY, &err);
    }
    for (size_t len = 0; len < sealed.len; len++)
        expect_code(cabinet_open_count(box, &out, id.at, bytes_of(sealed.at, len), &err), VAULT_INTEGRITY, &err);
}

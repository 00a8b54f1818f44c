/* Sealing: what goes in comes out under a grant, merged records keep what was not given, and a source of chance that
 * fails stops it all. */
#include "tests/unit/record/fixture.h"

#include <stdlib.h>

static const char *long_text(size_t len)
{
    char *text = arena_alloc(mem, len + 1);
    memset(text, 'x', len);
    text[len / 2] = 'y';
    return text;
}

TEST("fields open to what was sealed; one that was not given is absent, not empty")
{
    record r;
    resident_row row;
    field_text out;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    expect_text(&r, FIELD_NUMBER, ANNA[0]);
    expect_text(&r, FIELD_NAME, "Anna");
    expect_text(&r, FIELD_PHONE, "13900000001");
    expect_ok(open_as(&out, &r, FIELD_NOTE), &err);
    assert_true(out.absent && !out.text.at);
}

TEST("a text of every length that can be sealed can be opened, and a longer one is refused")
{
    static const size_t lengths[] = {1,    13,   14,   15,   30,   62,   254,  255,  510,  1022,
                                     1534, 2046, 2047, 3070, 3071, 4060, 4066, 4067, 4068, 4094};
    record r;
    resident_row row;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        given_cabinet();
        const char *text = long_text(lengths[i]);
        given_resident(&r, &row, 1, (const char *const[]){ANNA[0], NULL, NULL, NULL, text}, 0);
        expect_text(&r, FIELD_NOTE, text);
    }
    const char *text = long_text(4095);
    expect_code(seal_resident(&r, &row, 1, (const char *const[]){ANNA[0], NULL, NULL, NULL, text}, 0), VAULT_INVALID,
                &err);
    assert_false(r.genuine);
}

TEST("lengths of sealed values tell size classes only")
{
    record r;
    resident_row a, b;
    given_cabinet();
    given_resident(&r, &a, 1, (const char *const[]){ANNA[0], "Li", NULL, NULL, NULL}, 0);
    given_resident(&r, &b, 2, (const char *const[]){ANNA[0], "Zheng Xiaomei", NULL, NULL, NULL}, 1);
    assert_int_equal(a.sealed.len, b.sealed.len);
}

/* ---- merging ---- */

static segment segment_of(const resident_row *row, unsigned field)
{
    segment s;
    bool found;
    expect_ok(pack_find(&s, &found, row->sealed, field, &err), &err);
    assert_true(found);
    return s;
}

TEST("a merge replaces what is given, with the next version, and keeps the rest as it lies")
{
    record r;
    resident_row row, next;
    given g;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    given_input(&g, (const char *const[]){ANNA[0], NULL, NULL, "13700000002", "walks with a stick"});
    g.in.collected = 1800000000;
    merge_into(&next, &r, &g.in);
    assert_int_equal(next.version, 2);
    segment kept = segment_of(&next, FIELD_NAME), before = segment_of(&row, FIELD_NAME);
    assert_true(bytes_same(kept.sealed, before.sealed));
    assert_int_equal(kept.version, 1);
    assert_int_equal(kept.collected, 1700000000);
    assert_int_equal(segment_of(&next, FIELD_PHONE).version, 2);
    assert_int_equal(segment_of(&next, FIELD_PHONE).collected, 1800000000);
    record merged = {.dek = dek_bytes[1]};
    expect_ok(record_prove(&merged, box, &next, &err), &err);
    expect_text(&merged, FIELD_NAME, "Anna");
    expect_text(&merged, FIELD_PHONE, "13700000002");
    expect_text(&merged, FIELD_NOTE, "walks with a stick");
    expect_text(&r, FIELD_PHONE, "13900000001");
}

TEST("search terms after a merge are those of the whole record, kept and given")
{
    record r, whole;
    resident_row row, next, fresh;
    given g;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    given_input(&g, (const char *const[]){ANNA[0], NULL, NULL, "13700000002", NULL});
    merge_into(&next, &r, &g.in);
    given_resident(&whole, &fresh, 2, (const char *const[]){ANNA[0], "Anna", NULL, "13700000002", NULL}, 1);
    assert_int_equal(next.term_count, 3);
    assert_int_equal(fresh.term_count, 3);
    assert_memory_equal(next.terms, fresh.terms, 3 * sizeof *next.terms);
    size_t kept = 0;
    for (size_t i = 0; i < 9; i++) kept += next.terms[i / 3] == row.terms[i % 3];
    assert_int_equal(kept, 2);
}

TEST("a merge of a record whose kept field does not open fails, and a version past the last is refused")
{
    record r;
    record_merged merged;
    resident_row row, next;
    given g;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    resident_row broken = row;
    edit_pack(&broken)[SEGMENT_HEADER_LEN + 20] ^= 1;
    r.row = &broken;
    given_input(&g, (const char *const[]){NULL, "Bea", NULL, NULL, NULL});
    expect_code(record_merge(&merged, &next, box, &r, &g.in, &err), VAULT_INTEGRITY, &err);
    row.version = INT32_MAX;
    r.row = &row;
    expect_code(record_merge(&merged, &next, box, &r, &g.in, &err), VAULT_EXHAUSTED, &err);
}

TEST("a record that grows past a pack is refused as too large, and nothing is written")
{
    enum { MANY = 30 };
    schema_field many[MANY];
    input_field fields[MANY];
    const schema_field *list[MANY];
    const collection all = {.number = 1, .fields = list, .count = MANY};
    record r = {.dek = dek_bytes[0]};
    resident_row row = {.id = 1};
    given_cabinet();
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = (schema_field){.name = "long", .number = i + 1};
        list[i] = &many[i];
        fields[i] = (input_field){.field = &many[i], .text = bytes_of_text(long_text(4000))};
    }
    const record_input in = {.collection = &all, .fields = fields, .count = MANY, .area = {320411002001000}};
    expect_code(record_create(&r, box, &row, &in, &err), VAULT_INVALID, &err);
    assert_false(r.genuine);
    assert_null(row.tag.at);
}

/* ---- chance ---- */

static int blocks_left;

static int some_blocks(uint8_t *out, size_t len)
{
    static uint32_t serial;
    if (blocks_left-- <= 0) return -1;
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(rand() >> 8);
    memcpy(out, &serial, sizeof serial);
    serial++;
    return 0;
}

/* `bytes_left` random bytes are left of the block, and no further one comes. */
static void given_chance_of(size_t bytes_left)
{
    uint8_t spent[4096];
    blocks_left = 1;
    entropy_set_for_test(some_blocks);
    expect_ok(entropy_fill(spent, sizeof spent - bytes_left, &err), &err);
}

TEST("a source of chance that fails at any point stops sealing: no record, no tag")
{
    enum { NEEDED = RECORD_KEYS_LEN + NONCE_LEN * (1 + 4 + 1) }; /* DEK; wrap, four fields, tag */
    record r;
    resident_row row;
    for (size_t left = 0; left < NEEDED; left++) {
        given_cabinet();
        given_chance_of(left);
        expect_code(seal_resident(&r, &row, 1, ANNA, 0), VAULT_INTERNAL, &err);
        assert_false(r.genuine);
        assert_null(r.row);
        assert_null(row.tag.at);
    }
    given_chance_of(NEEDED);
    given_resident(&r, &row, 1, ANNA, 0);
    entropy_set_for_test(NULL);
}

TEST("a merge without chance fails and leaves the stored record whole")
{
    record r;
    record_merged merged;
    resident_row row, next;
    given g;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    given_input(&g, (const char *const[]){ANNA[0], NULL, NULL, "13700000002", NULL});
    for (size_t left = 0; left < 2 * NONCE_LEN; left += NONCE_LEN) { /* the field's and the tag's */
        given_chance_of(left);
        expect_code(record_merge(&merged, &next, box, &r, &g.in, &err), VAULT_INTERNAL, &err);
    }
    entropy_set_for_test(NULL);
    expect_ok(record_prove(&r, box, &row, &err), &err);
    expect_text(&r, FIELD_PHONE, "13900000001");
}

/* ---- nothing repeats ---- */

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, NONCE_LEN);
}

static size_t take_nonces(uint8_t (*out)[NONCE_LEN], const resident_row *row)
{
    reader from = reader_over(row->sealed);
    segment s = {0};
    size_t count = 0;
    memcpy(out[count++], row->tag.at, NONCE_LEN);
    memcpy(out[count++], row->dek.at, NONCE_LEN);
    while (from.rest.len > 0) {
        expect_ok(segment_read(&s, &from, s.field, &err), &err);
        memcpy(out[count++], s.sealed.at, NONCE_LEN);
    }
    return count;
}

TEST("in 12,000 seals no nonce stands twice, and no data key either")
{
    enum { RECORDS = 2000, EACH = 6 };
    static uint8_t nonces[RECORDS * EACH][NONCE_LEN], deks[RECORDS][NONCE_LEN];
    size_t count = 0;
    for (int64_t i = 0; i < RECORDS; i++) {
        record r;
        resident_row row;
        given_cabinet();
        given_resident(&r, &row, i + 1, ANNA, 0);
        memcpy(deks[i], r.dek, NONCE_LEN);
        count += take_nonces(nonces + count, &row);
    }
    assert_int_equal(count, RECORDS * EACH);
    qsort(nonces, count, NONCE_LEN, by_bytes);
    for (size_t i = 1; i < count; i++) assert_memory_not_equal(nonces[i - 1], nonces[i], NONCE_LEN);
    qsort(deks, RECORDS, NONCE_LEN, by_bytes);
    for (size_t i = 1; i < RECORDS; i++) assert_memory_not_equal(deks[i - 1], deks[i], NONCE_LEN);
}

TEST("a merge seals with new nonces: old and new version of a field have nothing in common")
{
    record r;
    resident_row row, next;
    given g;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    given_input(&g, (const char *const[]){NULL, "Anne", NULL, NULL, NULL});
    merge_into(&next, &r, &g.in);
    bytes before = segment_of(&row, FIELD_NAME).sealed, after = segment_of(&next, FIELD_NAME).sealed;
    assert_int_equal(before.len, after.len);
    for (size_t i = 0; i + 8 <= before.len; i += 8) assert_memory_not_equal(before.at + i, after.at + i, 8);
}

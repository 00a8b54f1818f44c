/* Packed fields: what is written is read back, and nothing else is read. */
#include "tests/support/harness.h"
#include "vault/record/pack.h"

static vault_error err;

static const segment THREE[] = {
    {.field = 1,
     .version = 1,
     .suite = 1,
     .department = 2,
     .collected = 1700000000,
     .sealed = {(const uint8_t *)"a", 1}},
    {.field = 7, .version = UINT32_MAX, .suite = 255, .department = UINT16_MAX, .collected = UINT32_MAX},
    {.field = 127, .version = 3, .suite = 1, .department = 1, .collected = 9, .sealed = {(const uint8_t *)"abc", 3}}};

static bytes pack_of(uint8_t *out, size_t cap, const segment *segments, size_t count)
{
    writer w = writer_over(out, cap);
    for (size_t i = 0; i < count; i++) segment_write(&w, &segments[i]);
    assert_false(w.overflow);
    return writer_bytes(&w);
}

static vault_code read_all(bytes pack, size_t *count)
{
    reader from = reader_over(pack);
    segment s = {0};
    for (*count = 0; from.rest.len > 0; ++*count) VAULT_TRY(segment_read(&s, &from, s.field, &err));
    return VAULT_OK;
}

static void expect_segment(const segment *got, const segment *wanted)
{
    assert_int_equal(got->field, wanted->field);
    assert_int_equal(got->version, wanted->version);
    assert_int_equal(got->suite, wanted->suite);
    assert_int_equal(got->department, wanted->department);
    assert_int_equal(got->collected, wanted->collected);
    assert_true(bytes_same(got->sealed, wanted->sealed));
}

TEST("segments are found as they were written, the first, the last and the empty one")
{
    uint8_t buffer[128];
    segment s;
    bool found;
    bytes pack = pack_of(buffer, sizeof buffer, THREE, 3);
    assert_int_equal(pack.len, 3 * SEGMENT_HEADER_LEN + 4);
    for (size_t i = 0; i < 3; i++) {
        expect_ok(pack_find(&s, &found, pack, THREE[i].field, &err), &err);
        assert_true(found);
        expect_segment(&s, &THREE[i]);
    }
}

TEST("a field that is not there is absent, before, between and after the others, and in an empty pack")
{
    static const unsigned absent[] = {0, 2, 6, 8, 126, 128, 65535, 65536 + 7, UINT32_MAX};
    uint8_t buffer[128];
    segment s;
    bool found = true;
    bytes pack = pack_of(buffer, sizeof buffer, THREE, 3);
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        expect_ok(pack_find(&s, &found, pack, absent[i], &err), &err);
        assert_false(found);
    }
    expect_ok(pack_find(&s, &found, bytes_of(NULL, 0), 1, &err), &err);
    assert_false(found);
}

TEST("a pack cut anywhere but between two segments is damage")
{
    uint8_t buffer[128];
    bytes pack = pack_of(buffer, sizeof buffer, THREE, 3);
    for (size_t len = 1; len < pack.len; len++) {
        size_t count;
        bool between = len == SEGMENT_HEADER_LEN + 1 || len == 2 * SEGMENT_HEADER_LEN + 1;
        expect_code(read_all(bytes_of(buffer, len), &count), between ? VAULT_OK : VAULT_INTEGRITY, &err);
    }
}

TEST("segments out of order, doubled, or of field 0 are damage")
{
    static const uint16_t orders[][2] = {{7, 1}, {7, 7}, {0, 1}, {0, 0}, {65535, 65535}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        uint8_t buffer[128];
        size_t count;
        const segment two[] = {{.field = orders[i][0]}, {.field = orders[i][1]}};
        expect_code(read_all(pack_of(buffer, sizeof buffer, two, 2), &count), VAULT_INTEGRITY, &err);
    }
}

TEST("a length that points past the end is damage, whatever is asked for")
{
    uint8_t buffer[128];
    segment s;
    bool found;
    bytes pack = pack_of(buffer, sizeof buffer, THREE, 3);
    buffer[SEGMENT_HEADER_LEN - 2] = 0xff;
    for (unsigned field = 1; field < 128; field++) {
        expect_code(pack_find(&s, &found, pack, field, &err), VAULT_INTEGRITY, &err);
        assert_false(found);
    }
}

TEST("a pack that does not fit is an overflow, not a write past the end")
{
    uint8_t buffer[2 * SEGMENT_HEADER_LEN + 2];
    memset(buffer, 0x5a, sizeof buffer);
    writer w = writer_over(buffer, sizeof buffer - 1);
    for (size_t i = 0; i < 3; i++) segment_write(&w, &THREE[i]);
    assert_true(w.overflow);
    assert_int_equal(buffer[sizeof buffer - 1], 0x5a);
}

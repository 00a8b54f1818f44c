#include "tests/support/harness.h"
#include "vault/base/arena.h"
#include "vault/base/memory.h"

static bool all_zero(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i]) return false;
    }
    return true;
}

TEST("memory is zeroed and aligned, the first time and after a reset")
{
    arena *a = arena_new(1 << 20);
    for (int round = 0; round < 3; round++) {
        for (size_t len = 1; len < 700; len++) {
            uint8_t *at = arena_alloc(a, len);
            assert_non_null(at);
            assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
            assert_true(all_zero(at, len));
            memset(at, 0xee, len);
        }
        arena_reset(a);
    }
    arena_free(&a);
    arena_free(&a);
    assert_null(a);
}

/* The first chunk stays with the arena, so that its memory may still be looked at after a reset, were it not that
 * AddressSanitizer forbids it: then the next owner looks. */
TEST("what was used is wiped by a reset")
{
    arena *a = arena_new(4096);
    uint8_t *before = arena_alloc(a, 1000);
    memset(before, 0xaa, 1000);
    arena_reset(a);
    uint8_t *after = arena_alloc(a, 4000);
    assert_ptr_equal(before, after);
    assert_true(all_zero(after, 4000));
    arena_free(&a);
}

TEST("the limit holds to the byte, over chunks, and again after a reset")
{
    arena *a = arena_new(1 << 20);
    for (int round = 0; round < 2; round++) {
        size_t held = 0;
        while (arena_alloc(a, 48)) held += 48;
        assert_in_range(held, (1 << 20) - 48, 1 << 20);
        while (arena_alloc(a, 1)) held += 16;
        assert_int_equal(held, 1 << 20);
        assert_null(arena_alloc(a, 0));
        arena_reset(a);
    }
    assert_non_null(arena_alloc(a, 1 << 20));
    assert_null(arena_alloc(a, 1));
    arena_free(&a);
}

TEST("absurd sizes and products that wrap are refused")
{
    arena *a = arena_new(SIZE_MAX);
    assert_null(arena_array(a, SIZE_MAX / 2, 3));
    assert_null(arena_array(a, SIZE_MAX, SIZE_MAX));
    arena_free(&a);
    a = arena_new(100);
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 7));
    assert_null(arena_alloc(a, 101));
    assert_null(arena_text(a, bytes_of("", SIZE_MAX)));
    assert_non_null(arena_alloc(a, 96));
    arena_free(&a);
    a = arena_new(0);
    assert_non_null(a);
    assert_null(arena_alloc(a, 1));
    arena_free(&a);
}

TEST("copies, texts and formats are owned by the arena")
{
    arena *a = arena_new(1 << 16);
    char source[] = "text";
    bytes copy = arena_copy(a, bytes_of(source, 4));
    char *text = arena_text(a, bytes_of(source, 3));
    memset(source, 'x', 4);
    assert_true(bytes_same(copy, bytes_of_text("text")));
    assert_string_equal(text, "tex");
    assert_int_equal(arena_copy(a, bytes_of(NULL, 0)).len, 0);
    assert_string_equal(arena_text(a, bytes_of(NULL, 0)), "");
    assert_string_equal(arena_format(a, "%s %d", "item", 7), "item 7");
    assert_int_equal(strlen(arena_format(a, "%5000d", 1)), 5000);
    assert_null(arena_format(a, "%70000d", 1));
    assert_null(arena_copy(a, bytes_of(arena_format(a, "%5000d", 1), 0)).at);
    arena_free(&a);
}

TEST("a large request is served over many chunks without mixing them up")
{
    enum { COUNT = 5000 };
    static uint32_t *items[COUNT];
    arena *a = arena_new(64 << 20);
    for (uint32_t i = 0; i < COUNT; i++) {
        items[i] = arena_array(a, 1 + i % 999, sizeof **items);
        for (uint32_t j = 0; j < 1 + i % 999; j++) items[i][j] = i;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        for (uint32_t j = 0; j < 1 + i % 999; j++) assert_int_equal(items[i][j], i);
    }
    arena_free(&a);
}

TEST("long-lived memory comes zeroed, grows with its content and copies texts")
{
    uint8_t *at = memory_array(10, 10);
    assert_true(all_zero(at, 100));
    memset(at, 7, 100);
    at = memory_grow(at, 100, 300);
    assert_int_equal(at[99], 7);
    assert_true(all_zero(at + 100, 200));
    at = memory_grow(at, 300, 50);
    assert_int_equal(at[49], 7);
    memory_free(at, 50);
    memory_free(NULL, 100);
    memory_free(memory_grow(NULL, 0, 5), 5);
    char *text = memory_text("text");
    assert_string_equal(text, "text");
    memory_free(text, 5);
    assert_null(memory_text(NULL));
}

TEST("an arena that may keep chunks gives them out again, wiped, and no more than it was told")
{
    arena *a = arena_new(8 << 20);
    arena_keep(a, 1 << 20);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 40; i++) {
            uint8_t *at = arena_alloc(a, 50000);
            assert_non_null(at);
            assert_true(all_zero(at, 50000));
            memset(at, 0xbb, 50000);
        }
        assert_non_null(arena_alloc(a, 3 << 20)); /* larger than any spare */
        arena_reset(a);
    }
    arena_free(&a);
}

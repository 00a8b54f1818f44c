/* What client streams keep from run to run, counted over all of them. */
#include "tests/support/harness.h"

#include "vault/rpc/internal.h"

enum { STREAMS = 4, MEGABYTE = 1 << 20, ROOM = 64 << 20 };

static streams_in all;
static call calls[STREAMS];

static void given_streams(void)
{
    streams_in_init(&all, &(rpc_options){.streams = STREAMS});
    all.kept_most = 8 * MEGABYTE;
    for (size_t i = 0; i < STREAMS; i++) {
        calls[i] = (call){.kept = arena_new(ROOM)};
        assert_true(stream_in_enter(&all, &calls[i]));
    }
}

static bool keeps_more(size_t at, size_t len)
{
    assert_non_null(arena_alloc(calls[at].kept, len));
    return stream_in_may_keep(&all, &calls[at]);
}

static void ends(size_t at)
{
    stream_in_leave(&all, &calls[at]);
    arena_free(&calls[at].kept);
}

TEST("streams that keep too much together end, the small ones among them go on, and what has ended makes room")
{
    given_streams();
    assert_true(keeps_more(0, 3 * MEGABYTE));
    assert_true(keeps_more(1, 5 * MEGABYTE));
    assert_int_equal(all.kept, 8 * MEGABYTE);
    assert_true(keeps_more(2, MEGABYTE / 2));
    assert_false(keeps_more(0, 64));
    ends(0);
    assert_int_equal(all.kept, 5 * MEGABYTE + MEGABYTE / 2);
    assert_true(keeps_more(1, MEGABYTE));
    assert_true(keeps_more(2, MEGABYTE));
    assert_false(keeps_more(3, 2 * MEGABYTE));
    for (size_t i = 1; i < STREAMS; i++) ends(i);
    assert_int_equal(all.kept, 0);
    assert_int_equal(all.open, 0);
}

TEST("a stream that keeps nothing is never too much, and one that never entered counts for nothing")
{
    call stranger = {0};
    given_streams();
    assert_false(keeps_more(0, 9 * MEGABYTE));
    assert_true(stream_in_may_keep(&all, &calls[1]));
    stream_in_leave(&all, &stranger);
    assert_int_equal(all.kept, 9 * MEGABYTE);
    for (size_t i = 0; i < STREAMS; i++) ends(i);
}

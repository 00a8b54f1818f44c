/* What tests of client streams share: messages that bring a number each, in order. */
#pragma once
#include "tests/support/rpc_fixture.h"

#include <stdio.h>
#include <time.h>

static inline void pause_ms(int ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

static inline void expect_status(got g, grpc_status_code code)
{
    if (g.code != code) print_error("got status %d (%s), wanted %d\n", (int)g.code, g.text, (int)code);
    assert_int_equal(g.code, code);
}

static inline bytes numbered(unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    return import_wire(text);
}

/* Messages from..to, less the last. True when all were taken. */
static inline bool send_numbers(pending *p, unsigned from, unsigned to)
{
    bool taken = true;
    for (unsigned i = from; i < to && taken; i++) taken = stream_send(p, numbered(i));
    return taken;
}

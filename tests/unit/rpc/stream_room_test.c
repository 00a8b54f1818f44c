/* How many client streams there may be, and how long they may be silent. */
#include "tests/unit/rpc/streams.h"

#include "vault/base/clock.h"
#include <pthread.h>
#include <stdlib.h>

/* ---- silence ---- */

enum { TIMELY_US = 750000 }; /* of a patience of a second */

/* Sends four messages half a second apart, the first soon after `last`. The time of the last one; 0: the machine stood
 * still meanwhile for so long that the server may have thought that nothing came. */
static int64_t go_on(client *c, pending *p, int64_t last)
{
    bool timely = true;
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0) pause_ms(500);
        (void)stream_send(p, numbered(i));
        server_heard(c);
        int64_t now = clock_monotonic_us();
        timely = timely && now - last < TIMELY_US;
        last = now;
    }
    return timely ? last : 0;
}

/* False where the machine stood still: it says nothing then. */
static bool silent_ones_are_ended(client *c)
{
    int64_t begun = clock_monotonic_us();
    pending *silent[3], *lively = stream_begin(c, IMPORT);
    for (unsigned i = 0; i < 3; i++) {
        silent[i] = stream_begin(c, IMPORT);
        assert_true(send_numbers(silent[i], 0, i));
    }
    int64_t last = go_on(c, lively, begun);
    for (int i = 0; i < 3; i++) {
        got g = stream_end(silent[i]);
        expect_status(g, GRPC_STATUS_DEADLINE_EXCEEDED);
        assert_string_equal(g.text, "no message came");
    }
    bool timely = clock_monotonic_us() - last < TIMELY_US;
    got g = stream_finish(lively);
    if (timely) assert_true(import_said(&g, 4, 0));
    return timely;
}

TEST("a client that sends nothing more is ended after a while, one that goes on is not")
{
    rpc_options options = usual_options();
    options.silence_s = 1;
    rpc_server *server = serve_with(&options);
    client *c = client_new(rpc_port(server), "app");
    bool said = false;
    for (int tries = 0; !said && tries < 30; tries++) said = silent_ones_are_ended(c);
    assert_true(said);
    client_free(&c);
    rpc_close(&server);
}

/* ---- many ---- */

static void wait_for_runs(unsigned count)
{
    for (int i = 0; i < 60000 && fake_tally().calls < count; i++) pause_ms(1);
    assert_int_equal(fake_tally().calls, count);
}

/* Four streams, and a fifth that finds no room. False: the machine stood still, and they were silent for a second. */
static bool given_full(client *c[2], pending *open[4])
{
    int64_t begun = clock_monotonic_us();
    fake_reset();
    for (int i = 0; i < 4; i++) {
        open[i] = stream_begin(c[i / 2], IMPORT);
        assert_true(stream_send(open[i], numbered(0)));
    }
    wait_for_runs(4);
    pending *more = stream_begin(c[1], IMPORT);
    server_heard(c[1]);
    bool timely = clock_monotonic_us() - begun < 1000000;
    if (!timely) cancel(more);
    got g = stream_end(more);
    if (timely) expect_status(g, GRPC_STATUS_RESOURCE_EXHAUSTED);
    if (timely) assert_true(details_hold(&g, "STREAMS"));
    for (int i = 0; !timely && i < 4; i++) {
        cancel(open[i]);
        (void)stream_end(open[i]);
    }
    for (int i = 0; i < 2; i++) server_heard(c[i]);
    return timely;
}

TEST("streams in all are bounded; the one that has been silent longest gives way to a newcomer")
{
    rpc_options options = usual_options();
    options.streams = 4;
    rpc_server *server = serve_with(&options);
    client *c[2] = {client_new(rpc_port(server), "app"), client_new(rpc_port(server), "app")};
    pending *open[4];
    bool full = false;
    got g;
    for (int tries = 0; !full && tries < 30; tries++) full = given_full(c, open);
    assert_true(full);
    pause_ms(1100);
    for (int i = 1; i < 4; i++) assert_true(stream_send(open[i], numbered(1)));
    wait_for_runs(7);
    pending *more = stream_begin(c[1], IMPORT);
    assert_true(stream_send(more, numbered(0)));
    expect_status(stream_end(open[0]), GRPC_STATUS_RESOURCE_EXHAUSTED);
    g = stream_finish(more);
    assert_true(import_said(&g, 1, 0));
    for (int i = 1; i < 4; i++) {
        g = stream_finish(open[i]);
        assert_true(import_said(&g, 2, 0));
    }
    for (int i = 0; i < 2; i++) client_free(&c[i]);
    rpc_close(&server);
}

enum { CROWD = 100, MESSAGES = 20 };

typedef struct importer {
    int port;
    unsigned seed, wrong;
    bool badly;
} importer;

/* One stream, or, badly behaved, several that are cancelled, cut short or refused on the way. */
static void *import_once(void *argument)
{
    importer *one = argument;
    client *c = client_patient(one->port);
    for (int round = 0; one->badly && round < 4; round++) {
        int kind = rand_r(&one->seed) % 4;
        pending *p = stream_begin_for(c, IMPORT, kind == 0 ? 5 : 100000);
        (void)send_numbers(p, 0, (unsigned)rand_r(&one->seed) % 6);
        if (kind == 1) (void)stream_send(p, import_wire("deny"));
        if (kind == 2) cancel(p);
        (void)(kind == 3 ? stream_finish(p) : (cancel(p), stream_end(p)));
    }
    pending *p = stream_begin_for(c, IMPORT, 120000);
    (void)send_numbers(p, 0, MESSAGES);
    got g = stream_finish(p);
    one->wrong = !import_said(&g, MESSAGES, 0);
    if (one->wrong) print_error("a good stream got %d: %s\n", (int)g.code, g.text);
    client_free(&c);
    return NULL;
}

static void run_crowd(unsigned pollers, bool badly)
{
    static importer crowd[CROWD];
    pthread_t threads[CROWD];
    rpc_options options = usual_options();
    options.pollers = pollers;
    rpc_server *server = serve_with(&options);
    fake_reset();
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = (importer){.port = rpc_port(server), .seed = i + 1, .badly = badly && i % 2};
        assert_int_equal(pthread_create(&threads[i], NULL, import_once, &crowd[i]), 0);
    }
    unsigned wrong = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
        wrong += crowd[i].wrong;
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(fake_tally().overlaps, 0);
    rpc_close(&server);
}

TEST("100 streams at once, one poller")
{
    run_crowd(1, false);
}
TEST("100 streams at once, half of them badly behaved, two pollers")
{
    run_crowd(2, true);
}

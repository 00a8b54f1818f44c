#include "tests/unit/rpc/streams.h"

#include "vault/base/metric.h"
#include <stdlib.h>
#include <string.h>

static bool one_waits(void)
{
    return fake_tally().waiting == 1;
}
static bool two_wait(void)
{
    return fake_tally().waiting == 2;
}
static bool one_ran(void)
{
    return fake_tally().calls >= 1;
}
static bool three_ran(void)
{
    return fake_tally().calls >= 3;
}
static bool queue_holds_one(void)
{
    return metric_read(METRIC_QUEUE_CALLS, (metric_at){0}) == 1;
}
static bool queue_is_empty(void)
{
    return metric_read(METRIC_QUEUE_CALLS, (metric_at){0}) == 0;
}

/* Since the workers were held. */
static bool queue_grew(void)
{
    return metric_read(METRIC_QUEUE_CALLS, (metric_at){0}) > 0;
}

/* Both workers of the usual server stand at the gate. */
static void hold_workers(pending *held[2])
{
    gate_close();
    held[0] = begin_reveal(usual_client(), "wait", 0);
    assert_true(wait_for(one_waits)); /* not as one batch */
    held[1] = begin_reveal(usual_client(), "wait", 0);
    assert_true(wait_for(two_wait));
    fake_reset();
}

static void let_workers_go(pending *held[2])
{
    gate_open();
    for (int i = 0; i < 2; i++) expect_status(finish(held[i]), GRPC_STATUS_OK);
}

static void still_serves(void)
{
    expect_status(call_reveal(usual_client(), "a"), GRPC_STATUS_OK);
    pending *p = stream_begin(usual_client(), IMPORT);
    assert_true(send_numbers(p, 0, 3));
    got g = stream_finish(p);
    assert_true(import_said(&g, 3, 0));
}

/* ---- what a stream is for ---- */

TEST("messages are run in order, each finds the state that the one before left, and the last run answers")
{
    fake_reset();
    pending *p = stream_begin(usual_client(), IMPORT);
    assert_true(send_numbers(p, 0, 500));
    got g = stream_finish(p);
    expect_status(g, GRPC_STATUS_OK);
    assert_true(import_said(&g, 500, 0));
    tally t = fake_tally();
    assert_int_equal(t.calls, 501);
    assert_int_equal(t.lasts, 1);
    assert_int_equal(t.overlaps, 0);
}

TEST("a stream of one message, sent together with its end")
{
    got g = call_bytes(usual_client(), IMPORT, numbered(0));
    assert_true(import_said(&g, 1, 0));
}

TEST("an empty message is a message")
{
    pending *p = stream_begin(usual_client(), IMPORT);
    assert_true(stream_send(p, bytes_of("", 0)));
    assert_true(stream_send(p, numbered(1)));
    assert_true(stream_send(p, bytes_of("", 0)));
    got g = stream_finish(p);
    assert_true(import_said(&g, 3, 0));
}

TEST("a stream without any message is INVALID_ARGUMENT, and is not run")
{
    fake_reset();
    expect_status(stream_finish(stream_begin(usual_client(), IMPORT)), GRPC_STATUS_INVALID_ARGUMENT);
    assert_int_equal(fake_tally().calls, 0);
}

TEST("messages of several streams are run together, and of each one at a time")
{
    pending *held[2], *streams[20];
    hold_workers(held);
    for (int i = 0; i < 20; i++) {
        streams[i] = stream_begin(usual_client(), IMPORT);
        assert_true(send_numbers(streams[i], 0, 5));
    }
    for (int i = 0; i < 60000 && metric_read(METRIC_QUEUE_CALLS, (metric_at){0}) != 20; i++) pause_ms(1);
    assert_int_equal(metric_read(METRIC_QUEUE_CALLS, (metric_at){0}), 20); /* of 100 messages that were sent */
    let_workers_go(held);
    for (int i = 0; i < 20; i++) {
        got g = stream_finish(streams[i]);
        assert_true(import_said(&g, 5, 0));
    }
    tally t = fake_tally();
    assert_true(t.largest > 1);
    assert_int_equal(t.overlaps, 0);
}

TEST("while a message runs the next one is not read")
{
    gate_close();
    fake_reset();
    pending *p = stream_begin(usual_client(), IMPORT);
    assert_true(stream_send(p, import_wire("wait")));
    assert_true(send_numbers(p, 1, 6));
    assert_true(wait_for(one_waits));
    pause_ms(50);
    assert_true(queue_is_empty());
    assert_int_equal(fake_tally().calls, 1);
    gate_open();
    got g = stream_finish(p);
    assert_true(import_said(&g, 6, 0));
}

TEST("streams whose clients are silent hold no worker")
{
    pending *silent[60];
    for (int i = 0; i < 60; i++) {
        silent[i] = stream_begin(usual_client(), IMPORT);
        assert_true(send_numbers(silent[i], 0, (unsigned)i % 3));
    }
    still_serves();
    for (int i = 0; i < 60; i++) {
        assert_true(send_numbers(silent[i], (unsigned)i % 3, 4));
        got g = stream_finish(silent[i]);
        assert_true(import_said(&g, 4, 0));
    }
}

/* ---- what ends it ---- */

TEST("an error of a run ends the call at once, with its details, and what was sent behind it is not run")
{
    fake_reset();
    pending *p = stream_begin(usual_client(), IMPORT);
    assert_true(send_numbers(p, 0, 3));
    assert_true(stream_send(p, import_wire("deny")));
    (void)send_numbers(p, 4, 8);
    got g = stream_end(p); /* the client has not said that it was done */
    expect_status(g, GRPC_STATUS_PERMISSION_DENIED);
    assert_true(details_hold(&g, "fields"));
    assert_int_equal(fake_tally().calls, 4);
    assert_int_equal(fake_tally().lasts, 0);
}

TEST("what an internal failure of a run says stays inside, and so does a last run that leaves nothing")
{
    pending *p = stream_begin(usual_client(), IMPORT);
    assert_true(stream_send(p, import_wire("internal")));
    got g = stream_end(p);
    expect_status(g, GRPC_STATUS_INTERNAL);
    assert_false(details_hold(&g, "stays inside"));
    p = stream_begin(usual_client(), IMPORT);
    assert_true(stream_send(p, import_wire("nothing")));
    expect_status(stream_finish(p), GRPC_STATUS_INTERNAL);
}

TEST("a malformed message ends the call with the field's path; those before it were run")
{
    fake_reset();
    pending *p = stream_begin(usual_client(), IMPORT);
    assert_true(send_numbers(p, 0, 2));
    assert_true(stream_send(p, bytes_of("\x1a\x05\x0a\x03"
                                        "a\xff"
                                        "b",
                                        7)));
    got g = stream_end(p);
    expect_status(g, GRPC_STATUS_INVALID_ARGUMENT);
    assert_true(details_hold(&g, "rows[0].values[0]") && details_hold(&g, "TEXT_UTF8"));
    assert_int_equal(fake_tally().calls, 2);
}

TEST("a message past the limit ends the call, first or later, and the connection serves on")
{
    static uint8_t large[(8 << 20) + 1];
    fake_reset();
    for (unsigned before = 0; before < 3; before++) {
        pending *p = stream_begin(usual_client(), IMPORT);
        assert_true(send_numbers(p, 0, before));
        (void)stream_send(p, bytes_of(large, sizeof large));
        expect_status(stream_end(p), GRPC_STATUS_RESOURCE_EXHAUSTED);
    }
    assert_int_equal(fake_tally().lasts, 0);
    still_serves();
}

TEST("a compressed message ends the call")
{
    asking a = {.path = IMPORT,
                .message = import_wire("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                .timeout_ms = 60000,
                .compressed = true};
    expect_status(finish(begin(usual_client(), &a)), GRPC_STATUS_UNIMPLEMENTED);
    still_serves();
}

TEST("random messages are answered, every time")
{
    uint8_t noise[256];
    srand(3);
    for (int round = 0; round < 100; round++) {
        pending *p = stream_begin(usual_client(), IMPORT);
        for (int many = rand() % 4; many >= 0; many--) {
            for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)rand();
            if (!stream_send(p, bytes_of(noise, (size_t)rand() % sizeof noise))) break;
        }
        got g = stream_finish(p);
        assert_true(g.code == GRPC_STATUS_OK || g.code == GRPC_STATUS_INVALID_ARGUMENT);
    }
    still_serves();
}

TEST("a message that finds the queue full ends the call, with the time to come back")
{
    rpc_options options = usual_options();
    options.workers = 1;
    options.queue_calls = 1;
    rpc_server *server = serve_with(&options);
    client *c = client_new(rpc_port(server), "app");
    pending *streams[2];
    gate_close();
    pending *held = begin_reveal(c, "wait", 0);
    assert_true(wait_for(one_waits));
    for (int i = 0; i < 2; i++) {
        streams[i] = stream_begin(c, IMPORT);
        assert_true(stream_send(streams[i], numbered(0)));
        assert_true(wait_for(queue_holds_one));
    }
    got g = stream_end(streams[1]);
    expect_status(g, GRPC_STATUS_RESOURCE_EXHAUSTED);
    assert_true(details_hold(&g, "QUEUE_FULL"));
    gate_open();
    expect_status(finish(held), GRPC_STATUS_OK);
    g = stream_finish(streams[0]);
    assert_true(import_said(&g, 1, 0));
    client_free(&c);
    rpc_close(&server);
}

/* ---- clients that go ---- */

TEST("a client that cancels before its first message, between two, or in the queue: nothing more is run")
{
    pending *held[2];
    pending *p = stream_begin(usual_client(), IMPORT);
    fake_reset();
    cancel(p);
    expect_status(stream_end(p), GRPC_STATUS_CANCELLED);
    p = stream_begin(usual_client(), IMPORT);
    assert_true(send_numbers(p, 0, 3));
    assert_true(wait_for(three_ran));
    cancel(p);
    expect_status(stream_end(p), GRPC_STATUS_CANCELLED);
    pause_ms(50);
    assert_int_equal(fake_tally().calls, 3);
    hold_workers(held);
    p = stream_begin(usual_client(), IMPORT);
    assert_true(stream_send(p, numbered(0)));
    assert_true(wait_for(queue_holds_one));
    cancel(p);
    expect_status(stream_end(p), GRPC_STATUS_CANCELLED);
    server_heard(usual_client());
    let_workers_go(held);
    assert_true(wait_for(queue_is_empty));
    pause_ms(20);
    assert_int_equal(fake_tally().calls, 0);
    still_serves();
}

TEST("a client that cancels while a message runs: that run is finished, and no other follows")
{
    gate_close();
    fake_reset();
    pending *p = stream_begin(usual_client(), IMPORT);
    assert_true(stream_send(p, import_wire("wait")));
    assert_true(send_numbers(p, 1, 4));
    assert_true(wait_for(one_waits));
    cancel(p);
    expect_status(stream_end(p), GRPC_STATUS_CANCELLED);
    server_heard(usual_client());
    gate_open();
    pause_ms(50);
    assert_int_equal(fake_tally().calls, 1);
    assert_int_equal(fake_tally().lasts, 0);
    still_serves();
}

TEST("to go is not to have sent all: whatever moment a client cancels at, there is no last run")
{
    srand(4);
    fake_reset();
    for (int round = 0; round < 400; round++) {
        pending *p = stream_begin(usual_client(), IMPORT);
        assert_true(send_numbers(p, 0, (unsigned)rand() % 4));
        const struct timespec moment = {.tv_nsec = rand() % 300000};
        nanosleep(&moment, NULL);
        cancel(p);
        expect_status(stream_end(p), GRPC_STATUS_CANCELLED);
    }
    pause_ms(50);
    assert_int_equal(fake_tally().lasts, 0);
    assert_int_equal(fake_tally().overlaps, 0);
    still_serves();
}

/* A stream whose deadline passes when it has sent so many messages and `came` says so; where it passed on the way, one
 * with a longer one. */
static pending *begin_late(unsigned messages, bool (*came)(void))
{
    for (int ms = 150;; ms *= 4) {
        fake_reset();
        pending *p = stream_begin_for(usual_client(), IMPORT, ms);
        bool sent = send_numbers(p, 0, messages);
        for (int i = 0; sent && i < ms && !came(); i++) pause_ms(1);
        if (sent && came()) return p;
        (void)stream_end(p);
        server_heard(usual_client());
    }
}

TEST("a deadline that passes between two messages, or in the queue, ends the call; nothing more is run")
{
    pending *held[2];
    pending *p = begin_late(3, three_ran);
    expect_status(stream_end(p), GRPC_STATUS_DEADLINE_EXCEEDED);
    pause_ms(50);
    assert_int_equal(fake_tally().calls, 3);
    hold_workers(held);
    p = begin_late(1, queue_grew);
    expect_status(stream_end(p), GRPC_STATUS_DEADLINE_EXCEEDED);
    server_heard(usual_client());
    let_workers_go(held);
    assert_true(wait_for(queue_is_empty));
    pause_ms(20);
    assert_int_equal(fake_tally().calls, 0);
    still_serves();
}

/* ---- the end ---- */

static rpc_server *ending;
static bool ended(void)
{
    return rpc_drained(ending);
}

TEST("at a drain a stream that waits for its client ends UNAVAILABLE; one that runs, when it has run")
{
    rpc_options options = usual_options();
    ending = serve_with(&options);
    client *c = client_new(rpc_port(ending), "app");
    pending *fresh = stream_begin(c, IMPORT), *between = stream_begin(c, IMPORT), *running = stream_begin(c, IMPORT);
    fake_reset();
    assert_true(stream_send(between, numbered(0)));
    assert_true(wait_for(one_ran));
    gate_close();
    assert_true(stream_send(running, import_wire("wait")));
    assert_true(wait_for(one_waits));
    rpc_drain(ending);
    expect_status(stream_end(fresh), GRPC_STATUS_UNAVAILABLE);
    expect_status(stream_end(between), GRPC_STATUS_UNAVAILABLE);
    assert_false(rpc_drained(ending));
    gate_open();
    expect_status(stream_end(running), GRPC_STATUS_UNAVAILABLE);
    assert_true(wait_for(ended));
    assert_int_equal(fake_tally().calls, 2);
    assert_int_equal(fake_tally().lasts, 0);
    rpc_close(&ending);
    client_free(&c);
}

TEST("a server can be closed with streams in every state")
{
    for (int round = 0; round < 5; round++) {
        rpc_options options = usual_options();
        rpc_server *server = serve_with(&options);
        client *c = client_new(rpc_port(server), "app");
        pending *streams[12];
        fake_reset();
        for (int i = 0; i < 12; i++) {
            streams[i] = stream_begin(c, IMPORT);
            assert_true(send_numbers(streams[i], 0, (unsigned)i % 4));
        }
        rpc_close(&server);
        for (int i = 0; i < 12; i++) assert_int_not_equal(stream_end(streams[i]).code, GRPC_STATUS_OK);
        assert_int_equal(fake_tally().lasts, 0);
        client_free(&c);
    }
}

/* ---- who calls ---- */

static void expect_certificate(int port, const char *name)
{
    char wanted[65], shown[65] = "";
    client *c = client_new(port, name);
    expect_status(call_reveal(c, "a"), GRPC_STATUS_OK);
    digest seen = fake_tally().certificate;
    for (size_t i = 0; i < sizeof seen.at; i++) snprintf(shown + 2 * i, 3, "%02x", seen.at[i]);
    ca_fingerprint(wanted, name);
    assert_string_equal(shown, wanted);
    client_free(&c);
}

TEST("the service is told the digest of the caller's certificate, of each in turn, also of one URI's two")
{
    int port = rpc_port(usual_server());
    ca("client app-2 vault://dev/apps/eldercare");
    ca("client other vault://dev/apps/clinic");
    for (int round = 0; round < 3; round++) {
        expect_certificate(port, "app");
        expect_certificate(port, "app-2");
        expect_certificate(port, "other");
    }
}

TEST("the usual server ends")
{
    server_stop();
}

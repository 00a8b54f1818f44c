#include "tests/support/rpc_fixture.h"

#include "vault/base/metric.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void pause_ms(int ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

static bool one_waits(void)
{
    return fake_tally().waiting == 1;
}
static bool both_wait(void)
{
    return fake_tally().waiting == 2;
}
static bool nobody_waits(void)
{
    return fake_tally().waiting == 0;
}

/* Both workers stand at the gate: what comes now stays in the queue. */
static void hold_workers(pending *held[2])
{
    gate_close();
    held[0] = begin_reveal(usual_client(), "wait", 0);
    assert_true(wait_for(one_waits)); /* not as one batch */
    held[1] = begin_reveal(usual_client(), "wait", 0);
    assert_true(wait_for(both_wait));
    fake_reset();
}

static void let_workers_go(pending *held[2])
{
    gate_open();
    for (int i = 0; i < 2; i++) assert_int_equal(finish(held[i]).code, GRPC_STATUS_OK);
}

static size_t waiting_in_queue(void)
{
    return metric_read(METRIC_QUEUE_CALLS, (metric_at){0});
}

static void wait_for_queue(size_t count)
{
    for (int i = 0; i < 60000 && waiting_in_queue() != count; i++) pause_ms(1);
    assert_int_equal(waiting_in_queue(), count);
}

/* Begins a call whose deadline passes while it waits in the queue; where it passed on the way, one with a longer one.
 */
static pending *begin_late(client *c, asking a)
{
    for (;; a.timeout_ms *= 4) {
        size_t before = waiting_in_queue();
        pending *late = begin(c, &a);
        for (int i = 0; i < a.timeout_ms && waiting_in_queue() == before; i++) pause_ms(1);
        if (waiting_in_queue() > before) return late;
        (void)finish(late);
        server_heard(c);
    }
}

static void expect_status(got g, grpc_status_code code)
{
    if (g.code != code) print_error("got status %d (%s), wanted %d\n", (int)g.code, g.text, (int)code);
    assert_int_equal(g.code, code);
}

TEST("a call reaches the service and its reply comes back")
{
    got g = call_reveal(usual_client(), "rv1hello");
    assert_true(replied(&g, "rv1hello"));
}

TEST("the service is told the caller's URI")
{
    got g = call_reveal(usual_client(), "uri");
    assert_true(replied(&g, "vault://dev/apps/eldercare"));
}

TEST("a reply of a megabyte comes back whole")
{
    got g = call_reveal(usual_client(), "big");
    expect_status(g, GRPC_STATUS_OK);
    assert_true(g.reply_len > 1 << 20);
}

TEST("a refusal has its status, its fixed text and its details")
{
    got g = call_reveal(usual_client(), "deny");
    expect_status(g, GRPC_STATUS_PERMISSION_DENIED);
    assert_true(details_hold(&g, "fields"));
    assert_true(details_hold(&g, "google.rpc.ErrorInfo"));
}

TEST("what an internal failure says stays inside")
{
    got g = call_reveal(usual_client(), "internal");
    expect_status(g, GRPC_STATUS_INTERNAL);
    assert_string_equal(g.text, "internal error");
    assert_false(details_hold(&g, "stays inside"));
}

TEST("a handler that leaves neither reply nor error is an internal error, not an empty success")
{
    expect_status(call_reveal(usual_client(), "nothing"), GRPC_STATUS_INTERNAL);
}

TEST("an unknown method is UNIMPLEMENTED and does not hang")
{
    static const char *const paths[] = {
        "/vault.v1.Tokens/Nothing",    "/nothing", "/", "/vault.v1.Tokens/RevealX", "/vault.v1.tokens/Reveal",
        "/grpc.health.v1.Health/Watch"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        expect_status(call_bytes(usual_client(), paths[i], reveal_wire("a")), GRPC_STATUS_UNIMPLEMENTED);
    }
}

TEST("a malformed request is INVALID_ARGUMENT with the field's path, and is not run")
{
    static const struct {
        const char *wire, *holds;
    } bad[] = {{"\x12\x05"
                "ab",
                "WIRE_TRUNCATED"},
               {"\x12\x03"
                "a\0b",
                "TEXT_NUL"},
               {"\x12\x02"
                "a\xff",
                "TEXT_UTF8"},
               {"\x0a\x04\x0a\x02\xc0\x80", "context.purpose"},
               {"\x13", "WIRE_TYPE"},
               {"\xff\xff\xff\xff", "WIRE_TRUNCATED"}};
    static const size_t lens[] = {4, 5, 4, 6, 1, 4};
    fake_reset();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        got g = call_bytes(usual_client(), REVEAL, bytes_of(bad[i].wire, lens[i]));
        expect_status(g, GRPC_STATUS_INVALID_ARGUMENT);
        assert_true(details_hold(&g, bad[i].holds));
    }
    assert_int_equal(fake_tally().calls, 0);
}

TEST("a value never comes back in an error")
{
    got g = call_bytes(usual_client(), REVEAL,
                       bytes_of("\x12\x0b"
                                "CANARY\xff"
                                "1234",
                                13));
    expect_status(g, GRPC_STATUS_INVALID_ARGUMENT);
    assert_false(details_hold(&g, "CANARY"));
    assert_null(strstr(g.text, "CANARY"));
}

TEST("random bytes are answered, every time")
{
    uint8_t noise[256];
    srand(1);
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)rand();
        got g = call_bytes(usual_client(), round % 2 ? REVEAL : BATCH_REVEAL,
                           bytes_of(noise, (size_t)rand() % sizeof noise));
        assert_true(g.code == GRPC_STATUS_OK || g.code == GRPC_STATUS_INVALID_ARGUMENT);
    }
}

TEST("a message past the limit is RESOURCE_EXHAUSTED, and the connection serves on")
{
    static uint8_t large[(8 << 20) + 1];
    expect_status(call_bytes(usual_client(), REVEAL, bytes_of(large, sizeof large)), GRPC_STATUS_RESOURCE_EXHAUSTED);
    expect_status(call_reveal(usual_client(), "a"), GRPC_STATUS_OK);
}

TEST("a message of several megabytes in many pieces is read whole")
{
    static uint8_t large[5 << 20];
    size_t len = 0;
    while (len < sizeof large - 2000) { /* tokens of 1,200 bytes */
        memcpy(large + len, "\x12\xb0\x09", 3);
        memset(large + len + 3, 'a', 1200);
        len += 1203;
        if (len / 1203 == 4096) break;
    }
    fake_reset();
    expect_status(call_bytes(usual_client(), BATCH_REVEAL, bytes_of(large, len)), GRPC_STATUS_OK);
    assert_int_equal(fake_tally().most_items, 4096);
}

TEST("a compressed message is UNIMPLEMENTED, and the server lives")
{
    asking a = {.path = REVEAL,
                .message = reveal_wire("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                .timeout_ms = 60000,
                .compressed = true};
    expect_status(finish(begin(usual_client(), &a)), GRPC_STATUS_UNIMPLEMENTED);
    expect_status(call_reveal(usual_client(), "a"), GRPC_STATUS_OK);
}

TEST("a request without a message is answered")
{
    got g = finish(begin(usual_client(), &(asking){.path = REVEAL, .timeout_ms = 60000}));
    expect_status(g, GRPC_STATUS_INVALID_ARGUMENT);
}

/* A server whose one worker stands at the gate. */
typedef struct lone {
    rpc_server *server;
    client *client;
    pending *held;
} lone;

static lone lone_worker(void)
{
    rpc_options options = usual_options();
    options.workers = 1;
    lone l = {.server = serve_with(&options)};
    l.client = client_new(rpc_port(l.server), "app");
    gate_close();
    l.held = begin_reveal(l.client, "wait", 0);
    assert_true(wait_for(one_waits));
    fake_reset();
    return l;
}

static void lone_go(lone *l)
{
    gate_open();
    expect_status(finish(l->held), GRPC_STATUS_OK);
}

static void lone_end(lone *l)
{
    client_free(&l->client);
    rpc_close(&l->server);
}

TEST("calls of a method that wait are run together, and not with those of another")
{
    pending *calls[20], *other[3];
    lone l = lone_worker();
    for (int i = 0; i < 20; i++) {
        calls[i] = begin_reveal(l.client, "a", 0);
        if (i % 8 == 0) other[i / 8] = begin(l.client, &(asking){.path = STATUS, .message = bytes_of("", 0)});
    }
    wait_for_queue(23);
    lone_go(&l);
    for (int i = 0; i < 20; i++) expect_status(finish(calls[i]), GRPC_STATUS_OK);
    for (int i = 0; i < 3; i++) expect_status(finish(other[i]), GRPC_STATUS_UNAVAILABLE);
    tally t = fake_tally();
    assert_int_equal(t.calls, 23);
    assert_int_equal(t.largest, 20);
    assert_int_equal(t.batches, 2);
    lone_end(&l);
}

static bytes batch_wire(size_t items)
{
    static uint8_t wire[16 << 10];
    for (size_t i = 0; i < items; i++) memcpy(wire + 3 * i, "\x12\x01x", 3);
    return bytes_of(wire, 3 * items);
}

TEST("a batch holds at most 512 items; the call that does not fit is run next")
{
    pending *calls[5];
    lone l = lone_worker();
    for (int i = 0; i < 5; i++) calls[i] = begin(l.client, &(asking){.path = BATCH_REVEAL, .message = batch_wire(200)});
    wait_for_queue(5);
    lone_go(&l);
    for (int i = 0; i < 5; i++) expect_status(finish(calls[i]), GRPC_STATUS_OK);
    tally t = fake_tally();
    assert_int_equal(t.calls, 5);
    assert_int_equal(t.batches, 3);
    assert_int_equal(t.most_items, 400);
    lone_end(&l);
}

TEST("a call whose deadline passes behind another of its method is not run")
{
    lone l = lone_worker();
    pending *first = begin(l.client, &(asking){.path = BATCH_REVEAL, .message = batch_wire(400)});
    wait_for_queue(1);
    pending *second =
        begin_late(l.client, (asking){.path = BATCH_REVEAL, .message = batch_wire(400), .timeout_ms = 200});
    expect_status(finish(second), GRPC_STATUS_DEADLINE_EXCEEDED);
    server_heard(l.client); /* its own deadline is the later one, by what a deadline is rounded up on the wire */
    lone_go(&l);
    expect_status(finish(first), GRPC_STATUS_OK);
    pause_ms(20);
    assert_int_equal(fake_tally().calls, 1);
    lone_end(&l);
}

TEST("a call that is left to a worker which then hangs is taken by another, though no further call comes")
{
    gate_close();
    pending *held = begin_reveal(usual_client(), "wait", 0);
    assert_true(wait_for(one_waits));
    got g = finish(begin_reveal(usual_client(), "a", 60000));
    gate_open();
    assert_true(replied(&g, "a"));
    expect_status(finish(held), GRPC_STATUS_OK);
}

TEST("a client that does not take its reply holds up nobody else's of the same batch")
{
    pending *calls[8];
    lone l = lone_worker();
    client *idle = client_new(rpc_port(l.server), "app");
    for (int i = 0; i < 8; i++) calls[i] = begin_reveal(l.client, "a", 60000);
    wait_for_queue(8);
    pending *unread = begin(idle, &(asking){.path = REVEAL, .message = reveal_wire("big"), .unread = true});
    wait_for_queue(9);
    lone_go(&l);
    for (int i = 0; i < 8; i++) expect_status(finish(calls[i]), GRPC_STATUS_OK);
    cancel(unread);
    (void)finish(unread);
    client_free(&idle);
    lone_end(&l);
}

TEST("a call of more items than a batch is run alone")
{
    fake_reset();
    expect_status(call_bytes(usual_client(), BATCH_REVEAL, batch_wire(4096)), GRPC_STATUS_OK);
    assert_int_equal(fake_tally().most_items, 4096);
}

TEST("a call whose deadline passes in the queue is never run")
{
    pending *held[2];
    hold_workers(held);
    uint64_t dropped = metric_read(METRIC_CALLS_DROPPED, (metric_at){0});
    pending *late =
        begin_late(usual_client(), (asking){.path = REVEAL, .message = reveal_wire("late"), .timeout_ms = 50});
    expect_status(finish(late), GRPC_STATUS_DEADLINE_EXCEEDED);
    server_heard(usual_client());
    dropped += waiting_in_queue();
    let_workers_go(held);
    wait_for_queue(0);
    for (int i = 0; i < 60000 && metric_read(METRIC_CALLS_DROPPED, (metric_at){0}) < dropped; i++) pause_ms(1);
    assert_int_equal(metric_read(METRIC_CALLS_DROPPED, (metric_at){0}), dropped);
    assert_int_equal(fake_tally().calls, 0);
}

TEST("a call that its client cancels in the queue is never run")
{
    pending *held[2], *calls[10];
    hold_workers(held);
    for (int i = 0; i < 10; i++) calls[i] = begin_reveal(usual_client(), "a", 0);
    wait_for_queue(10);
    for (int i = 0; i < 10; i++) cancel(calls[i]);
    for (int i = 0; i < 10; i++) expect_status(finish(calls[i]), GRPC_STATUS_CANCELLED);
    server_heard(usual_client());
    let_workers_go(held);
    wait_for_queue(0);
    pause_ms(20);
    assert_int_equal(fake_tally().calls, 0);
}

TEST("a client that leaves with calls in the queue leaves nothing behind")
{
    pending *held[2], *calls[10];
    client *leaver = client_new(rpc_port(usual_server()), "app");
    hold_workers(held);
    for (int i = 0; i < 10; i++) calls[i] = begin_reveal(leaver, "a", 0);
    wait_for_queue(10);
    for (int i = 0; i < 10; i++) cancel(calls[i]);
    for (int i = 0; i < 10; i++) (void)finish(calls[i]);
    server_heard(leaver);
    client_free(&leaver);
    let_workers_go(held);
    wait_for_queue(0);
    assert_int_equal(fake_tally().calls, 0);
}

TEST("a call that is cancelled while it runs is finished, into the void")
{
    gate_close();
    fake_reset();
    pending *p = begin_reveal(usual_client(), "wait", 0);
    assert_true(wait_for(one_waits));
    cancel(p);
    expect_status(finish(p), GRPC_STATUS_CANCELLED);
    server_heard(usual_client());
    gate_open();
    assert_true(wait_for(nobody_waits));
    assert_int_equal(fake_tally().calls, 1);
    expect_status(call_reveal(usual_client(), "a"), GRPC_STATUS_OK);
}

TEST("health answers at once while every worker is busy")
{
    pending *held[2];
    hold_workers(held);
    for (int i = 0; i < 100; i++) {
        got g = call_bytes(usual_client(), "/grpc.health.v1.Health/Check", bytes_of("", 0));
        expect_status(g, GRPC_STATUS_OK);
        assert_memory_equal(g.reply, "\x08\x01", 2);
    }
    let_workers_go(held);
}

TEST("health knows its services, and says when the log cannot be written")
{
    expect_status(call_bytes(usual_client(), "/grpc.health.v1.Health/Check", bytes_of("\x0a\x0fvault.v1.Tokens", 17)),
                  GRPC_STATUS_OK);
    expect_status(call_bytes(usual_client(), "/grpc.health.v1.Health/Check", bytes_of("\x0a\x0evault.v1.Token", 16)),
                  GRPC_STATUS_NOT_FOUND);
    expect_status(call_bytes(usual_client(), "/grpc.health.v1.Health/Check",
                             bytes_of("\x0a\x02"
                                      "a\xff",
                                      4)),
                  GRPC_STATUS_INVALID_ARGUMENT);
    fake_healthy(false);
    got g = call_bytes(usual_client(), "/grpc.health.v1.Health/Check", bytes_of("", 0));
    fake_healthy(true);
    assert_memory_equal(g.reply, "\x08\x02", 2);
}

#define REFLECTION "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

TEST("reflection lists services and gives the files of a symbol, in both versions")
{
    const bytes questions[] = {bytes_of("\x3a\x00", 2), bytes_of("\x22\x0fvault.v1.Tokens", 17),
                               bytes_of("\x22\x16vault.v1.Tokens.Reveal", 24),
                               bytes_of("\x1a\x15vault/v1/common.proto", 23), bytes_of("\x22\x07nothing", 9)};
    static const char *const paths[] = {REFLECTION, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};
    for (int i = 0; i < 2; i++) {
        bytes answers[5];
        got end;
        assert_int_equal(ask_stream(usual_client(), paths[i], questions, 5, answers, &end), 5);
        expect_status(end, GRPC_STATUS_OK);
        assert_true(answers[0].len > 100 && answers[1].len > 1000 && answers[2].len > 1000 && answers[3].len > 300 &&
                    answers[4].len < 64);
    }
}

TEST("a malformed question ends the stream")
{
    const bytes question = bytes_of("\x22\xff", 2);
    bytes answer;
    got end;
    assert_int_equal(ask_stream(usual_client(), REFLECTION, &question, 1, &answer, &end), 0);
    expect_status(end, GRPC_STATUS_INVALID_ARGUMENT);
}

TEST("a stream that is cancelled, or never asks, leaves nothing behind")
{
    for (int i = 0; i < 200; i++) { /* more than may be open at once */
        pending *p = begin(usual_client(), &(asking){.path = REFLECTION, .message = bytes_of("\x3a\x00", 2)});
        cancel(p);
        (void)finish(p);
    }
    const bytes question = bytes_of("\x3a\x00", 2);
    bytes answer;
    got end;
    size_t answers = 0;
    for (int i = 0; i < 1200 && answers == 0; i++) { /* the server is told of the last ones soon */
        pause_ms(50);
        answers = (size_t)ask_stream(usual_client(), REFLECTION, &question, 1, &answer, &end);
    }
    assert_int_equal(answers, 1);
}

TEST("the usual server ends")
{
    server_stop();
}

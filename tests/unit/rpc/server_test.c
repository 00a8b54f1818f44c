#include "tests/support/rpc_fixture.h"

#include "vault/base/clock.h"
#include "vault/base/metric.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void pause_ms(int ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

static grpc_status_code try_as(int port, const char *name)
{
    client *c = client_new(port, name);
    got g = finish(begin(c, &(asking){.path = REVEAL, .message = reveal_wire("a"), .timeout_ms = 60000}));
    client_free(&c);
    return g.code;
}

/* ---- who may come in ---- */

TEST("a certificate of our authority comes in; none, a foreign, an expired, a future one and plaintext do not")
{
    ca("client old vault://dev/apps/eldercare --expired");
    ca("client soon vault://dev/apps/eldercare --not-yet");
    ca("client alien vault://dev/apps/eldercare --foreign");
    int port = rpc_port(usual_server());
    assert_int_equal(try_as(port, "app"), GRPC_STATUS_OK);
    assert_int_equal(try_as(port, NULL), GRPC_STATUS_UNAVAILABLE);
    assert_int_equal(try_as(port, "old"), GRPC_STATUS_UNAVAILABLE);
    assert_int_equal(try_as(port, "soon"), GRPC_STATUS_UNAVAILABLE);
    assert_int_equal(try_as(port, "alien"), GRPC_STATUS_UNAVAILABLE);
    assert_int_equal(try_as(port, "plain"), GRPC_STATUS_UNAVAILABLE);
    assert_int_equal(try_as(port, "app"), GRPC_STATUS_OK);
}

TEST("a certificate that names no principal is UNAUTHENTICATED, and nothing is run")
{
    ca("client nameless --no-uri");
    ca("client stranger https://dev/apps/eldercare");
    fake_reset();
    int port = rpc_port(usual_server());
    assert_int_equal(try_as(port, "nameless"), GRPC_STATUS_UNAUTHENTICATED);
    assert_int_equal(try_as(port, "stranger"), GRPC_STATUS_UNAUTHENTICATED);
    assert_int_equal(fake_tally().calls, 0);
}

TEST("TLS before 1.2 is refused")
{
    char command[512];
    for (int minor = 1; minor <= 2; minor++) {
        snprintf(command, sizeof command,
                 "openssl s_client -connect 127.0.0.1:%d -tls1_%d -cipher ALL:@SECLEVEL=0 -alpn h2 -cert '%s' -key "
                 "'%s' </dev/null 2>&1"
                 " | grep -q 'Cipher is E'",
                 rpc_port(usual_server()), minor, in_ca("app.crt"), in_ca("app.key"));
        assert_int_equal(system(command) == 0, minor == 2);
    }
}

TEST("noise on the port disturbs nobody")
{
    uint8_t noise[4096];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)rpc_port(usual_server()))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    srand(2);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)rand();
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        (void)!send(fd, noise, (size_t)rand() % sizeof noise, MSG_NOSIGNAL);
        close(fd);
    }
    got g = call_reveal(usual_client(), "a");
    assert_int_equal(g.code, GRPC_STATUS_OK);
}

static void copy_in_ca(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "cp -p '%s' '%s.new' && mv '%s.new' '%s'", in_ca(from), in_ca(to), in_ca(to),
             in_ca(to));
    assert_int_equal(system(command), 0);
}

TEST("changed certificate files hold from the next connection on; broken ones do not")
{
    ca("client alien vault://dev/apps/eldercare --foreign");
    copy_in_ca("ca.crt", "clients.crt");
    char roots[160];
    snprintf(roots, sizeof roots, "%s", in_ca("clients.crt"));
    rpc_options options = usual_options();
    options.ca = roots;
    rpc_server *server = serve_with(&options);
    assert_int_equal(try_as(rpc_port(server), "app"), GRPC_STATUS_OK);
    assert_int_equal(try_as(rpc_port(server), "alien"), GRPC_STATUS_UNAVAILABLE);
    copy_in_ca("app.key", "clients.crt"); /* no certificate in it: the former stays */
    assert_int_equal(try_as(rpc_port(server), "app"), GRPC_STATUS_OK);
    copy_in_ca("foreign.crt", "clients.crt");
    assert_int_equal(try_as(rpc_port(server), "alien"), GRPC_STATUS_OK);
    assert_int_equal(try_as(rpc_port(server), "app"), GRPC_STATUS_UNAVAILABLE);
    rpc_close(&server);
}

/* ---- what is refused at start ---- */

static void expect_no_start(const rpc_options *options, vault_code code)
{
    vault_error err = {0};
    rpc_server *server;
    assert_int_equal(rpc_open(&server, fake_service(), options, &err), code);
    assert_null(server);
    assert_true(err.detail[0] != '\0');
}

TEST("a key that others may read, a foreign key, a missing file, no certificate: no start")
{
    char open_key[160];
    copy_in_ca("server.key", "open.key");
    snprintf(open_key, sizeof open_key, "%s", in_ca("open.key"));
    assert_int_equal(chmod(open_key, 0644), 0);
    rpc_options options = usual_options();
    options.key = open_key;
    expect_no_start(&options, VAULT_INVALID);
    options.key = in_ca("app.key");
    expect_no_start(&options, VAULT_INVALID);
    options = usual_options();
    options.ca = in_ca("nothing.crt");
    expect_no_start(&options, VAULT_INVALID);
    options = usual_options();
    options.certificate = in_ca("server.key");
    expect_no_start(&options, VAULT_INVALID);
}

TEST("a port that is taken, a method table with a hole, no database: no start")
{
    char taken[32];
    rpc_options options = usual_options();
    snprintf(taken, sizeof taken, "127.0.0.1:%d", rpc_port(usual_server()));
    options.listen = taken;
    expect_no_start(&options, VAULT_UNAVAILABLE);
    options = usual_options();
    fake_refuse_check(true);
    expect_no_start(&options, VAULT_INTERNAL);
    fake_refuse_check(false);
    fake_refuse_session(true);
    expect_no_start(&options, VAULT_UNAVAILABLE);
    fake_refuse_session(false);
}

/* ---- load ---- */

static void wait_for_queue(size_t count)
{
    for (int i = 0; i < 60000 && metric_read(METRIC_QUEUE_CALLS, (metric_at){0}) != count; i++) pause_ms(1);
    assert_int_equal(metric_read(METRIC_QUEUE_CALLS, (metric_at){0}), count);
}

static bool one_waits(void)
{
    return fake_tally().waiting == 1;
}

TEST("a full queue is RESOURCE_EXHAUSTED at once, with the time to come back")
{
    rpc_options options = usual_options();
    options.workers = 1;
    options.queue_calls = 4;
    rpc_server *server = serve_with(&options);
    client *c = client_new(rpc_port(server), "app");
    pending *calls[4];
    gate_close();
    pending *held = begin_reveal(c, "wait", 0);
    assert_true(wait_for(one_waits));
    for (int i = 0; i < 4; i++) calls[i] = begin_reveal(c, "a", 0);
    wait_for_queue(4);
    got g = call_reveal(c, "a"); /* while the only worker stands at the gate */
    assert_int_equal(g.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
    assert_true(details_hold(&g, "QUEUE_FULL") && details_hold(&g, "google.rpc.RetryInfo"));
    gate_open();
    assert_int_equal(finish(held).code, GRPC_STATUS_OK);
    for (int i = 0; i < 4; i++) assert_int_equal(finish(calls[i]).code, GRPC_STATUS_OK);
    assert_int_equal(call_reveal(c, "a").code, GRPC_STATUS_OK);
    client_free(&c);
    rpc_close(&server);
}

TEST("bytes that wait are bounded, too")
{
    static uint8_t wire[1 << 20];
    for (size_t at = 0; at + 1203 <= sizeof wire; at += 1203) {
        memcpy(wire + at, "\x12\xb0\x09", 3);
        memset(wire + at + 3, 'a', 1200);
    }
    const bytes large = bytes_of(wire, sizeof wire / 1203 * 1203);
    rpc_options options = usual_options();
    options.workers = 1;
    options.queue_bytes = 3 << 19;
    rpc_server *server = serve_with(&options);
    client *c = client_new(rpc_port(server), "app");
    gate_close();
    pending *held = begin_reveal(c, "wait", 0);
    assert_true(wait_for(one_waits));
    pending *first = begin(c, &(asking){.path = BATCH_REVEAL, .message = large});
    wait_for_queue(1);
    assert_int_equal(call_bytes(c, BATCH_REVEAL, large).code, GRPC_STATUS_RESOURCE_EXHAUSTED);
    gate_open();
    assert_int_equal(finish(held).code, GRPC_STATUS_OK);
    assert_int_equal(finish(first).code, GRPC_STATUS_OK);
    client_free(&c);
    rpc_close(&server);
}

enum { CLIENTS = 64, CALLS_EACH = 20 };

typedef struct crowd {
    int port;
    unsigned seed, ok;
} crowd;

/* Calls that end well, late, cancelled and malformed, over a connection that is opened twice. */
static void *call_often(void *argument)
{
    crowd *one = argument;
    for (int half = 0; half < 2; half++) {
        client *c = client_patient(one->port);
        for (int i = 0; i < CALLS_EACH / 2; i++) {
            int kind = rand_r(&one->seed) % 8;
            pending *p = begin(c, &(asking){.path = kind == 0   ? "/nothing"
                                                    : kind == 1 ? BATCH_REVEAL
                                                                : REVEAL,
                                            .message = kind == 2 ? bytes_of("\x12\x09", 2) : reveal_wire("a"),
                                            .timeout_ms = kind == 3 ? 1 : 100000});
            if (kind == 4) cancel(p);
            got g = finish(p);
            one->ok += g.code == GRPC_STATUS_OK;
            if (kind > 4 && g.code != GRPC_STATUS_OK) print_error("a good call got %d: %s\n", (int)g.code, g.text);
        }
        client_free(&c);
    }
    return NULL;
}

static void run_crowd(unsigned pollers)
{
    static crowd crowds[CLIENTS];
    pthread_t threads[CLIENTS];
    rpc_options options = usual_options();
    options.pollers = pollers;
    options.workers = 3;
    rpc_server *server = serve_with(&options);
    unsigned ok = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        crowds[i] = (crowd){.port = rpc_port(server), .seed = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &crowds[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        ok += crowds[i].ok;
    }
    assert_true(ok > CLIENTS * CALLS_EACH / 4);
    rpc_close(&server);
}

TEST("64 clients at once, well and badly behaved, one poller")
{
    run_crowd(1);
}
TEST("64 clients at once, well and badly behaved, two pollers")
{
    run_crowd(2);
}

/* ---- the end ---- */

static rpc_server *ending;
static bool ended(void)
{
    return rpc_drained(ending);
}

TEST("a drain lets the running call end, and takes no new one")
{
    rpc_options options = usual_options();
    ending = serve_with(&options);
    client *c = client_new(rpc_port(ending), "app");
    gate_close();
    pending *running = begin_reveal(c, "wait", 0);
    assert_true(wait_for(one_waits));
    rpc_drain(ending);
    pause_ms(50);
    assert_false(rpc_drained(ending));
    assert_int_equal(try_as(rpc_port(ending), "app"), GRPC_STATUS_UNAVAILABLE);
    gate_open();
    got g = finish(running);
    assert_true(replied(&g, "wait"));
    assert_true(wait_for(ended));
    rpc_close(&ending);
    client_free(&c);
}

TEST("calls that wait are ended when the drain is cut short, and are not run")
{
    rpc_options options = usual_options();
    options.workers = 1;
    ending = serve_with(&options);
    client *c = client_new(rpc_port(ending), "app");
    pending *calls[8];
    gate_close();
    pending *running = begin_reveal(c, "wait", 0);
    assert_true(wait_for(one_waits));
    fake_reset();
    for (int i = 0; i < 8; i++) calls[i] = begin_reveal(c, "a", 0);
    pause_ms(50);
    rpc_drain(ending);
    rpc_cancel(ending);
    for (int i = 0; i < 8; i++) assert_int_not_equal(finish(calls[i]).code, GRPC_STATUS_OK);
    (void)finish(running);
    pause_ms(50);
    gate_open();
    rpc_close(&ending);
    assert_int_equal(fake_tally().calls, 0);
    client_free(&c);
}

TEST("hundreds of calls whose drain is cut short have all left before the server is closed")
{
    enum { MANY = 400, ROUNDS = 5 };
    static pending *calls[MANY];
    rpc_options options = usual_options();
    options.workers = 1;
    for (int round = 0; round < ROUNDS; round++) {
        ending = serve_with(&options);
        client *c = client_new(rpc_port(ending), "app");
        gate_close();
        pending *running = begin_reveal(c, "wait", 0);
        assert_true(wait_for(one_waits));
        for (int i = 0; i < MANY; i++) calls[i] = begin_reveal(c, "a", 0);
        pause_ms(50);
        rpc_drain(ending);
        rpc_cancel(ending);
        for (int i = 0; i < MANY; i++) assert_int_not_equal(finish(calls[i]).code, GRPC_STATUS_OK);
        (void)finish(running);
        gate_open();
        rpc_close(&ending);
        client_free(&c);
    }
}

TEST("an open reflection stream does not hold the drain up")
{
    rpc_options options = usual_options();
    ending = serve_with(&options);
    client *c = client_new(rpc_port(ending), "app");
    pending *stream = stream_begin(c, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
    pause_ms(100);
    rpc_drain(ending);
    assert_true(wait_for(ended));
    (void)stream_end(stream);
    rpc_close(&ending);
    client_free(&c);
}

TEST("a client that is connected and does not look does not hold the drain up")
{
    rpc_options options = usual_options();
    ending = serve_with(&options);
    client *c = client_new(rpc_port(ending), "app");
    got g = finish(begin_reveal(c, "a", 0));
    assert_true(replied(&g, "a"));
    rpc_drain(ending);
    assert_true(wait_for(ended));
    rpc_close(&ending);
    client_free(&c);
}

TEST("a server can be opened and closed many times, with and without calls")
{
    rpc_options options = usual_options();
    for (int i = 0; i < 10; i++) {
        rpc_server *server = serve_with(&options);
        if (i % 2) assert_int_equal(try_as(rpc_port(server), "app"), GRPC_STATUS_OK);
        rpc_close(&server);
        assert_null(server);
    }
}

TEST("the usual server ends")
{
    server_stop();
}

TEST("a certificate that ends while its connection is open is not accepted any more")
{
    client *c = client_new(rpc_port(usual_server()), "app");
    assert_int_equal(call_reveal(c, "a").code, GRPC_STATUS_OK);
    clock_set_for_test(clock_now_us() + INT64_C(10) * 366 * 86400 * 1000000);
    got late = call_reveal(c, "a");
    clock_set_for_test(0);
    assert_int_equal(late.code, GRPC_STATUS_UNAUTHENTICATED);
    assert_true(details_hold(&late, "CERTIFICATE_EXPIRED"));
    assert_int_equal(call_reveal(c, "a").code, GRPC_STATUS_OK);
    client_free(&c);
}

/* Over the loopback: servers that answer, answer nonsense, are slow, or are not there. */
#include "tests/support/crude.h"
#include "tests/support/harness.h"
#include "tests/support/webhook.h"
#include "vault/base/clock.h"
#include "vault/base/memory.h"
#include "vault/hook/exchange.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static exchanger *opened(const char *ca_file)
{
    vault_error err = {0};
    exchanger *x;
    expect_ok(exchanger_open(&x, ca_file, &err), &err);
    return x;
}

static const char *url_of(char out[64], const char *scheme, uint16_t port, const char *path)
{
    snprintf(out, 64, "%s://127.0.0.1:%u%s", scheme, port, path);
    return out;
}

TEST("questions go by HTTPS, or in the clear to this machine alone, and never with a password")
{
    static const char *const GOOD[] = {"https://witness.example", "https://witness.example:8843/a/b/",
                                       "http://127.0.0.1:8843", "http://[::1]:8843/x", "https://10.0.0.1/"};
    static const char *const BAD[] = {"",
                                      "witness.example",
                                      "ftp://witness.example",
                                      "file:///etc/passwd",
                                      "http://witness.example",
                                      "http://10.0.0.1:8843",
                                      "http://localhost:8843",
                                      "http://127.0.0.1.example",
                                      "https://user@witness.example",
                                      "https://u:p@witness.example",
                                      "https://witness.example/?a=b",
                                      "https://witness.example/#f",
                                      "https://witness.example/ a",
                                      "https://witness.example/\xc3\xa9",
                                      "https://",
                                      "http://127.0.0.1@evil.example"};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) assert_true(exchange_url_good(GOOD[i]));
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) assert_false(exchange_url_good(BAD[i]));
}

TEST("an answer comes with its status, type and body; a redirect is an answer and is not followed")
{
    static const char CONFLICT[] = "HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nContent-Length: 3\r\n"
                                   "Connection: close\r\n\r\n42\n";
    static const char MOVED[] = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n"
                                "Connection: close\r\n\r\n";
    crude one, two;
    char urls[2][64];
    exchanger *x = opened(NULL);
    crude_start(&one, CONFLICT, 1);
    crude_start(&two, MOVED, 1);
    exchange *all = memory_array(2, sizeof *all);
    all[0] = (exchange){.url = url_of(urls[0], "http", one.port, "/add-checkpoint"), .body = bytes_of_text("old 1\n")};
    all[1] = (exchange){.url = url_of(urls[1], "http", two.port, "/"), .body = bytes_of_text("x")};
    for (int round = 0; round < 2; round++) {
        exchanger_run(x, all, 2);
        assert_int_equal(all[0].status, 409);
        assert_string_equal(all[0].type, "text/x.tlog.size");
        assert_true(bytes_same(bytes_of(all[0].answer, all[0].len), bytes_of_text("42\n")));
        assert_int_equal(all[1].status, 302);
    }
    memory_free(all, 2 * sizeof *all);
    exchanger_close(&x);
    crude_end(&one);
    crude_end(&two);
}

TEST("who is not there, talks nonsense, never ends, or says nothing is no answer, and keeps nobody waiting for long")
{
    static const char GOOD[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    static const char ENDLESS[] = "HTTP/1.1 200 OK\r\n\r\n";
    crude good, rubbish, endless, silent;
    char urls[5][64];
    exchanger *x = opened(NULL);
    crude_start(&good, GOOD, 1);
    crude_start(&rubbish, "rubbish rubbish\r\n\r\n", 1);
    crude_start(&endless, ENDLESS, 4096);
    crude_start(&silent, NULL, 0);
    exchange *all = memory_array(5, sizeof *all);
    const uint16_t ports[] = {good.port, rubbish.port, endless.port, silent.port, 1};
    for (size_t i = 0; i < 5; i++)
        all[i] = (exchange){.url = url_of(urls[i], "http", ports[i], "/"), .body = bytes_of_text("x")};
    int64_t took = INT64_MAX;
    for (int i = 0; i < 5 && took > 5000000; i++) { /* the quickest time: a busy machine may be slow now and then */
        int64_t begun = clock_monotonic_us();
        exchanger_run(x, all, 5);
        took = clock_monotonic_us() - begun;
        for (size_t k = 1; k < 5; k++) assert_true(all[k].status == 0 && all[k].why[0]);
    }
    assert_true(took <= 5000000);
    assert_int_equal(all[0].status, 200);
    memory_free(all, 5 * sizeof *all);
    exchanger_close(&x);
    crude_end(&good);
    crude_end(&rubbish);
    crude_end(&endless);
    crude_end(&silent);
}

static void *stop_soon(void *at)
{
    usleep(100000);
    exchanger_stop(at);
    return NULL;
}

TEST("a round that waits ends soon when it is told to stop, and none begins after it")
{
    crude silent;
    char url[64];
    pthread_t stopper;
    crude_start(&silent, NULL, 0);
    exchange *one = memory_new(sizeof *one);
    *one = (exchange){.url = url_of(url, "http", silent.port, "/"), .body = bytes_of_text("x")};
    int64_t took = INT64_MAX;
    for (int i = 0; i < 10 && took > 2000000; i++) { /* the quickest time: a busy machine may be slow now and then */
        exchanger *x = opened(NULL);
        int64_t begun = clock_monotonic_us();
        assert_int_equal(pthread_create(&stopper, NULL, stop_soon, x), 0);
        exchanger_run(x, one, 1);
        exchanger_run(x, one, 1);
        took = clock_monotonic_us() - begun;
        assert_int_equal(one->status, 0);
        pthread_join(stopper, NULL);
        exchanger_close(&x);
    }
    assert_true(took <= 2000000);
    memory_free(one, sizeof *one);
    crude_end(&silent);
}

TEST("over HTTPS only a certificate of the named authority is believed")
{
    char url[64];
    exchange *one = memory_new(sizeof *one);
    *one = (exchange){.url = url_of(url, "https", webhook_port(), "/200"), .body = bytes_of_text("hello")};
    exchanger *x = opened(webhook_file("server.crt"));
    exchanger_run(x, one, 1);
    assert_int_equal(one->status, 200);
    assert_string_equal(webhook_last().body, "hello");
    exchanger_close(&x);
    const char *const WRONG[] = {webhook_file("stranger.crt"), NULL};
    for (size_t i = 0; i < 2; i++) {
        x = opened(WRONG[i]);
        exchanger_run(x, one, 1);
        assert_int_equal(one->status, 0);
        assert_true(one->why[0]);
        exchanger_close(&x);
    }
    memory_free(one, sizeof *one);
}

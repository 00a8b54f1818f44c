/* The webhook: HTTPS with a certificate that is believed, or nothing; 2xx, or it was not taken. */
#include "tests/support/harness.h"
#include "tests/support/webhook.h"
#include "vault/base/clock.h"
#include "vault/base/file.h"
#include "vault/hook/hook.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static vault_error err;

static const char *url(const char *path)
{
    static char text[128];
    snprintf(text, sizeof text, "https://127.0.0.1:%u/%s", webhook_port(), path);
    return text;
}

static vault_code post(const hook_target *to)
{
    VAULT_CLEANUP(hook_close) hook *h = NULL;
    vault_error_clear(&err);
    expect_ok(hook_open(&h, to, &err), &err);
    return hook_post(h, bytes_of_text("{\"event\":\"test\"}"), &err);
}

TEST("a message arrives as it is, as JSON, with the token that stands in its file now")
{
    const char *where = url("200");
    const hook_target to = {where, webhook_file("server.crt"), webhook_file("token")};
    expect_ok(file_replace(to.token_file, bytes_of_text("s3cret-token\n"), &err), &err);
    expect_ok(post(&to), &err);
    assert_string_equal(webhook_last().method, "POST");
    assert_string_equal(webhook_last().path, "/200");
    assert_string_equal(webhook_last().type, "application/json");
    assert_string_equal(webhook_last().body, "{\"event\":\"test\"}");
    assert_string_equal(webhook_last().authorization, "Bearer s3cret-token");
    expect_ok(file_replace(to.token_file, bytes_of_text("another"), &err), &err);
    expect_ok(post(&to), &err);
    assert_string_equal(webhook_last().authorization, "Bearer another");
    expect_ok(post(&(hook_target){where, webhook_file("server.crt"), NULL}), &err);
    assert_string_equal(webhook_last().authorization, "");
}

TEST("a token that is none, or not there, sends nothing")
{
    const char *where = url("200");
    const hook_target to = {where, webhook_file("server.crt"), webhook_file("bad-token")};
    static const char *const tokens[] = {"", "\n", "two words", "a\r\nX-Injected: 1", "\x01"};
    unsigned before = webhook_last().count;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        expect_ok(file_replace(to.token_file, bytes_of_text(tokens[i]), &err), &err);
        expect_code(post(&to), VAULT_UNAVAILABLE, &err);
    }
    unlink(to.token_file);
    expect_code(post(&to), VAULT_UNAVAILABLE, &err);
    assert_int_equal(webhook_last().count, before);
}

TEST("who is not believed is told nothing: a stranger's certificate, or that of another name")
{
    const char *where = url("200");
    unsigned before = webhook_last().count;
    char named[128];
    expect_code(post(&(hook_target){where, webhook_file("stranger.crt"), NULL}), VAULT_UNAVAILABLE, &err);
    expect_code(post(&(hook_target){where, NULL, NULL}), VAULT_UNAVAILABLE, &err);
    expect_code(post(&(hook_target){where, "/nowhere", NULL}), VAULT_UNAVAILABLE, &err);
    snprintf(named, sizeof named, "https://localhost:%u/200", webhook_port());
    expect_code(post(&(hook_target){named, webhook_file("server.crt"), NULL}), VAULT_UNAVAILABLE, &err);
    assert_int_equal(webhook_last().count, before);
}

TEST("what is not taken was not taken: errors, redirects, which are not followed, and a closed port")
{
    static const char *const paths[] = {"301", "302", "307", "400", "401", "404", "500", "503"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        unsigned before = webhook_last().count;
        expect_code(post(&(hook_target){url(paths[i]), webhook_file("server.crt"), NULL}), VAULT_UNAVAILABLE, &err);
        assert_int_equal(webhook_last().count, before + 1);
        assert_null(strstr(err.detail, "127.0.0.1")); /* the operator knows where; a URL may hold a secret */
    }
    expect_code(post(&(hook_target){"https://127.0.0.1:1/", NULL, NULL}), VAULT_UNAVAILABLE, &err);
}

TEST("only https goes anywhere, and no password stands in a URL")
{
    static const char *const bad[] = {"",
                                      "http://127.0.0.1/",
                                      "HTTPS://127.0.0.1/",
                                      "ftp://127.0.0.1/",
                                      "file:///etc/passwd",
                                      "https://",
                                      "https://user:password@127.0.0.1/",
                                      "https://127.0.0.1/a b",
                                      "https://127.0.0.1/\r\nX: 1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hook *h;
        assert_false(hook_url_good(bad[i]));
        expect_code(hook_open(&h, &(hook_target){bad[i], NULL, NULL}, &err), VAULT_INVALID, &err);
        vault_error_clear(&err);
        assert_null(h);
    }
}

static void *stop_soon(void *context)
{
    usleep(100000);
    hook_stop(context);
    return NULL;
}

TEST("a server that takes the connection and then says nothing is left within a second when the node stops")
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    char mute[64];
    pthread_t other;
    hook *h;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s, 4), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&at, &len), 0);
    snprintf(mute, sizeof mute, "https://127.0.0.1:%u/", ntohs(at.sin_port));
    int64_t took = INT64_MAX;
    for (int i = 0; i < 10 && took > 2500000; i++) { /* the quickest time: a busy machine may be slow now and then */
        expect_ok(hook_open(&h, &(hook_target){mute, NULL, NULL}, &err), &err);
        int64_t begun = clock_monotonic_us();
        assert_int_equal(pthread_create(&other, NULL, stop_soon, h), 0);
        expect_code(hook_post(h, bytes_of_text("{}"), &err), VAULT_UNAVAILABLE, &err);
        took = clock_monotonic_us() - begun;
        pthread_join(other, NULL);
        hook_close(&h);
    }
    assert_true(took <= 2500000);
    close(s);
}

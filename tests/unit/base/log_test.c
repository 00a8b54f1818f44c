#include "tests/support/harness.h"
#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- stderr in our hands ---- */

static int real_stderr = -1, reading = -1;

static void capture(int read_end, int write_end)
{
    fflush(stderr);
    real_stderr = dup(STDERR_FILENO);
    dup2(write_end, STDERR_FILENO);
    close(write_end);
    reading = read_end;
    fcntl(reading, F_SETFL, O_NONBLOCK);
}

static void given_pipe(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    capture(ends[0], ends[1]);
}

static void release(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(reading);
}

/* What was written so far; the pipe is empty afterwards. */
static size_t drain(char *out, size_t cap)
{
    size_t len = 0;
    for (ssize_t got; len < cap && (got = read(reading, out + len, cap - len)) > 0;) len += (size_t)got;
    return len;
}

/* The one line written, as an object. */
static json_t *one_line(void)
{
    static char text[8192];
    size_t len = drain(text, sizeof text - 1);
    text[len] = '\0';
    json_error_t error;
    json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!line) print_error("%s: %s\n", error.text, text);
    assert_non_null(line);
    assert_int_equal(text[len - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + len - 1);
    return line;
}

static void expect_member(json_t *line, const char *name, const char *value)
{
    const char *got = json_string_value(json_object_get(line, name));
    assert_non_null(got);
    assert_string_equal(got, value);
}

/* ---- lines ---- */

TEST("an event is one line of JSON")
{
    given_pipe();
    clock_set_for_test(1795312961123456);
    log_event(LOG_WARN, "store.lost", "connection %d", 3);
    clock_set_for_test(0);
    json_t *line = one_line();
    release();
    assert_int_equal(json_object_size(line), 4);
    expect_member(line, "time", "2026-11-22T02:02:41.123456Z");
    expect_member(line, "level", "warn");
    expect_member(line, "event", "store.lost");
    expect_member(line, "detail", "connection 3");
    json_decref(line);
}

TEST("a failure names code, place, reason and field")
{
    vault_error err = {0};
    (void)vault_refuse(&err, VAULT_INVALID, "TOO_LONG", "items[3]");
    given_pipe();
    log_failure(LOG_ERROR, "call.failed", &err);
    json_t *line = one_line();
    release();
    expect_member(line, "code", "INVALID");
    expect_member(line, "reason", "TOO_LONG");
    expect_member(line, "field", "items[3]");
    assert_non_null(strstr(json_string_value(json_object_get(line, "where")), "log_test.c:"));
    assert_null(strchr(json_string_value(json_object_get(line, "where")), '/'));
    json_decref(line);
}

TEST("quotes, line ends, control characters and bytes that are no UTF-8 cannot forge a line")
{
    given_pipe();
    log_event(LOG_ERROR, "x", "%s", "\"},{\"level\":\"info\n\r\t\x01\x7f\\ \xff\xfe \xe7\x8e\x8b \xe7\x8e");
    json_t *line = one_line();
    release();
    expect_member(
        line, "detail",
        "\"},{\"level\":\"info\n\r\t\x01\x7f\\ \xef\xbf\xbd\xef\xbf\xbd \xe7\x8e\x8b \xef\xbf\xbd\xef\xbf\xbd");
    json_decref(line);
}

TEST("a detail of any length or content is one line below the pipe's atomic size")
{
    static char text[3000];
    for (int c = 1; c < 256; c++) {
        memset(text, c, sizeof text - 1);
        given_pipe();
        log_event(LOG_ERROR, "x", "%s", text);
        json_t *line = one_line();
        release();
        assert_in_range(json_string_length(json_object_get(line, "detail")), 512, 512 * 3);
        json_decref(line);
    }
}

TEST("lines below the least level are not written")
{
    given_pipe();
    log_event(LOG_DEBUG, "x", "not by default");
    log_set_level(LOG_ERROR);
    log_event(LOG_WARN, "x", "not now");
    vault_error err = {0};
    log_failure(LOG_WARN, "x", &err);
    log_set_level(LOG_INFO);
    char text[8];
    assert_int_equal(drain(text, sizeof text), 0);
    release();
}

/* ---- a sink that takes nothing ---- */

static void expect_drops_are_counted(void)
{
    static char text[1 << 22];
    const int lines = 20000;
    for (int i = 0; i < lines; i++) log_event(LOG_INFO, "flood", "%0200d", i); /* would hang here */
    size_t len = drain(text, sizeof text - 1);
    text[len] = '\0';
    unsigned long written = 0;
    for (char *at = text; (at = strchr(at, '\n')); at++) written++;
    assert_in_range(written, 1, lines - 1);
    assert_int_equal(text[len - 1], '\n');
    log_event(LOG_INFO, "after", "room again");
    json_t *line = one_line();
    assert_int_equal(json_integer_value(json_object_get(line, "dropped")),
                     (json_int_t)((unsigned long)lines - written));
    json_decref(line);
    log_event(LOG_INFO, "after", "and counted once");
    line = one_line();
    assert_null(json_object_get(line, "dropped"));
    json_decref(line);
}

TEST("a full pipe drops lines without waiting, and the next that fits says how many")
{
    given_pipe();
    expect_drops_are_counted();
    assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0); /* shared with others: left as it was */
    release();
}

TEST("a full socket drops lines without waiting")
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    capture(ends[0], ends[1]);
    expect_drops_are_counted();
    release();
}

TEST("a closed stderr harms nobody")
{
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    log_event(LOG_ERROR, "x", "into nothing");
    dup2(kept, STDERR_FILENO);
    close(kept);
    given_pipe();
    log_event(LOG_ERROR, "x", "again");
    json_t *line = one_line();
    release();
    assert_int_equal(json_integer_value(json_object_get(line, "dropped")), 1);
    json_decref(line);
}

static void *write_many(void *name)
{
    for (int i = 0; i < 100; i++) log_event(LOG_INFO, name, "%0100d", i);
    return NULL;
}

TEST("lines of four threads are not mixed")
{
    static char text[1 << 20];
    pthread_t threads[4];
    given_pipe();
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, write_many, "thread");
    size_t len = 0;
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    len = drain(text, sizeof text - 1);
    release();
    text[len] = '\0';
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
        json_t *line = json_loadb(at, (size_t)(end - at), 0, NULL);
        assert_non_null(line);
        json_decref(line);
    }
}

/* ---- errors ---- */

TEST("the first cause is kept, each call returns its own code, and a cleared error is as new")
{
    vault_error err = {0};
    assert_int_equal(vault_fail(&err, VAULT_UNAVAILABLE, "first %d", 1), VAULT_UNAVAILABLE);
    assert_int_equal(vault_fail(&err, VAULT_INTERNAL, "second"), VAULT_INTERNAL);
    assert_int_equal(vault_refuse(&err, VAULT_DENIED, "NO_RULE", "purpose"), VAULT_DENIED);
    assert_int_equal(err.code, VAULT_UNAVAILABLE);
    assert_string_equal(err.detail, "first 1");
    assert_string_equal(err.field, "");
    assert_null(err.reason);
    vault_error_clear(&err);
    assert_int_equal(vault_refuse(&err, VAULT_DENIED, "NO_RULE", NULL), VAULT_DENIED);
    assert_string_equal(err.reason, "NO_RULE");
    assert_string_equal(err.field, "");
}

TEST("long details and fields are cut, and every code has a name")
{
    vault_error err = {0};
    static char text[1000];
    memset(text, 'a', sizeof text - 1);
    (void)vault_fail(&err, VAULT_INTERNAL, "%s", text);
    assert_int_equal(strlen(err.detail), sizeof err.detail - 1);
    vault_error_clear(&err);
    (void)vault_refuse(&err, VAULT_INVALID, "X", text);
    assert_int_equal(strlen(err.field), sizeof err.field - 1);
    for (int i = 0; i < VAULT_CODES; i++) assert_string_not_equal(vault_code_name((vault_code)i), "UNKNOWN");
    assert_string_equal(vault_code_name(VAULT_CODES), "UNKNOWN");
    assert_string_equal(vault_code_name((vault_code)-1), "UNKNOWN");
}

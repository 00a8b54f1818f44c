#include "tests/support/rpc_fixture.h"

#include "vault/base/file.h"
#include "vault/base/metric.h"
#include "vault/config.h"
#include "vault/metrics.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TLS   "\"tls\": {\"ca\": \"ca.crt\", \"certificate\": \"server.crt\", \"key\": \"server.key\"}"
#define ROOT  "\"root_key\": {\"file\": \"root.key\", \"unattended_restart\": true}"
#define STORE "\"database\": \"host=/run dbname=vault\", \"checkpoint_file\": \"checkpoint\""

static vault_code read_text(config *out, const char *text, vault_error *err)
{
    expect_ok(file_replace(in_ca("vaultd.json"), bytes_of_text(text), err), err);
    return config_read(out, in_ca("vaultd.json"), err);
}

/* The document is refused, and the message holds both texts. */
static void expect_refused(const char *text, const char *place, const char *says)
{
    VAULT_CLEANUP(config_clear) config c = {0};
    vault_error err = {0};
    assert_int_equal(read_text(&c, text, &err), VAULT_INVALID);
    if (!strstr(err.detail, place) || !strstr(err.detail, says)) {
        print_error("'%s' lacks '%s' or '%s'\n", err.detail, place, says);
        assert_true(false);
    }
}

TEST("what must be given suffices, and the rest has its defaults")
{
    VAULT_CLEANUP(config_clear) config c = {0};
    vault_error err = {0};
    expect_ok(read_text(&c, "{" STORE ", " ROOT ", " TLS "}", &err), &err);
    assert_string_equal(c.listen, "127.0.0.1:7443");
    assert_string_equal(c.metrics, "127.0.0.1:9464");
    assert_string_equal(c.root_key_file, "root.key");
    assert_null(c.passphrase_file);
    assert_string_equal(c.certificate, "server.crt");
    assert_int_equal(c.workers, 2);
    assert_int_equal(c.pollers, 1);
    assert_int_equal(c.queue, 1024);
    assert_int_equal(c.message_bytes, 8 << 20);
    assert_int_equal(c.drain_s, 10);
}

TEST("there is no default for the database, the root key, the certificates or the checkpoint file")
{
    expect_refused("{\n" ROOT ", " TLS ", \"checkpoint_file\": \"c\"}", "vaultd.json:1", "\"database\" is missing");
    expect_refused("{" STORE ", " TLS "}", "vaultd.json", "\"root_key\" must have one of");
    expect_refused("{" STORE ", " ROOT "}", "vaultd.json", "\"tls.ca\" is missing");
    expect_refused("{\"database\": \"d\", " ROOT ", " TLS "}", "vaultd.json", "\"checkpoint_file\" is missing");
    expect_refused("{" STORE ", " ROOT ",\n\n\"tls\": {\"ca\": \"ca.crt\"}}", "vaultd.json:3",
                   "\"tls.certificate\" is missing");
}

TEST("the log is kept for three years at least, whatever the config says")
{
    static const struct {
        const char *text;
        int months;
    } GOOD[] = {{"P3Y", 36}, {"P36M", 36}, {"P40M", 40}, {"P10Y", 120}, {"P100Y", 1200}};
    static const char *const BAD[] = {
        "P2Y", "P35M", "P0Y", "P3", "3Y", "P-3Y", "P3YM", "P 3Y", "P101Y", "P99999999999999999999Y", "p3y"};
    VAULT_CLEANUP(config_clear) config c = {0};
    vault_error err = {0};
    char text[512];
    expect_ok(read_text(&c, "{" STORE ", " ROOT ", " TLS "}", &err), &err);
    assert_int_equal(c.retention_months, 36);
    assert_null(c.archive_folder);
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        config_clear(&c);
        snprintf(text, sizeof text, "{" STORE ", \"log_retention\": \"%s\", " ROOT ", " TLS "}", GOOD[i].text);
        expect_ok(read_text(&c, text, &err), &err);
        assert_int_equal(c.retention_months, GOOD[i].months);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        snprintf(text, sizeof text, "{" STORE ",\n\"log_retention\": \"%s\", " ROOT ", " TLS "}", BAD[i]);
        expect_refused(text, "vaultd.json:2", "\"log_retention\" must be P3Y");
    }
}

TEST("a root key that lies beside the vault is taken only from one who says that he wants it so")
{
    static const char *const silent[] = {"\"file\": \"a\"", "\"passphrase_file\": \"a\"",
                                         "\"file\": \"a\", \"unattended_restart\": false"};
    char text[512];
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        snprintf(text, sizeof text, "{" STORE ",\n\"root_key\": {%s}, " TLS "}", silent[i]);
        expect_refused(text, "vaultd.json:2", "\"root_key.unattended_restart\" must be true");
    }
    expect_refused("{" STORE ",\n\"root_key\": {\"file\": \"a\", \"unattended_restart\": \"yes\"}, " TLS "}",
                   "vaultd.json:2", "must be true or false");
    expect_refused("{" STORE ",\n\"root_key\": {\"shares\": true, \"unattended_restart\": true}, " TLS "}",
                   "vaultd.json:2", "needs \"file\"");
}

TEST("people may enter the root key, by shares or a passphrase, and \"false\" is no source")
{
    VAULT_CLEANUP(config_clear) config c = {0};
    vault_error err = {0};
    expect_ok(read_text(&c, "{" STORE ", \"root_key\": {\"shares\": true}, " TLS "}", &err), &err);
    assert_true(c.by_shares && !c.by_passphrase && !c.root_key_file && !c.passphrase_file && !c.unattended_restart);
    expect_refused("{" STORE ", \"root_key\": {\"shares\": false}, " TLS "}", "vaultd.json:1", "must have one of");
    expect_refused("{" STORE ", \"root_key\": {\"shares\": true, \"passphrase\": true}, " TLS "}", "vaultd.json:1",
                   "must have one of");
    expect_refused("{" STORE ", \"root_key\": {\"shares\": 1}, " TLS "}", "vaultd.json:1", "must be true or false");
}

TEST("two sources of the root key are one too many")
{
    expect_refused("{" STORE ",\n\"root_key\": {\"file\": \"a\", \"passphrase_file\": \"b\"}, " TLS "}",
                   "vaultd.json:2", "\"root_key\"");
}

TEST("a webhook is where officers are told, by https and without a password in its URL, or there is none")
{
    VAULT_CLEANUP(config_clear) config none = {0};
    VAULT_CLEANUP(config_clear) config named = {0};
    vault_error err = {0};
    expect_ok(read_text(&none, "{" STORE ", " ROOT ", " TLS "}", &err), &err);
    assert_null(none.webhook);
    expect_ok(read_text(&named,
                        "{" STORE ", " ROOT ", " TLS
                        ", \"webhook\": {\"url\": \"https://hook/a\", \"ca_file\": \"h.crt\","
                        " \"token_file\": \"h.token\"}}",
                        &err),
              &err);
    assert_string_equal(named.webhook, "https://hook/a");
    assert_string_equal(named.webhook_ca, "h.crt");
    assert_string_equal(named.webhook_token, "h.token");
    static const char *const bad[] = {"http://hook/", "hook", "https://", "https://me:secret@hook/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[512];
        snprintf(text, sizeof text, "{" STORE ", " ROOT ", " TLS ",\n\"webhook\": {\"url\": \"%s\"}}", bad[i]);
        expect_refused(text, "vaultd.json:2", "\"webhook.url\" must be an https:// URL");
    }
    expect_refused("{" STORE ", " ROOT ", " TLS ",\n\"webhook\": {\"ca_file\": \"x\"}}", "vaultd.json:2",
                   "\"webhook.url\" is missing");
    expect_refused("{" STORE ", " ROOT ", " TLS ",\n\"webhook\": {\"secret\": \"x\"}}", "vaultd.json:2",
                   "is no key of the configuration");
}

TEST("an unknown key is named with its line, at every level")
{
    expect_refused("{" STORE ", " ROOT ", " TLS ",\n\"listn\": \"x\"}", "vaultd.json:2", "\"listn\" is no key");
    expect_refused("{" STORE ",\n" ROOT
                   ",\n\"tls\": {\"ca\": \"a\",\n\"certificate\": \"b\",\n\"key\": \"c\", \"cert\": \"d\"}}",
                   "vaultd.json:5", "\"tls.cert\" is no key");
    expect_refused("{" STORE ", " ROOT ", " TLS ", \"limits\": {\n\"drain\": 3}}", "vaultd.json:2",
                   "\"limits.drain\" is no key");
}

TEST("a key of the same name elsewhere, or in a text, is not taken for it")
{
    expect_refused("{\"key\":\n1, " STORE ", " ROOT ", " TLS "}", "vaultd.json:1", "\"key\" is no key");
    expect_refused("{" STORE ", \"listen\": \"\\\"queue\\\": 1\",\n" ROOT ",\n" TLS ",\n\"queue\": \"many\"}",
                   "vaultd.json:4", "\"queue\" must be");
}

TEST("wrong types, empty texts and numbers out of range are refused")
{
    expect_refused("{\"listen\": 7, " STORE ", " ROOT ", " TLS "}", "vaultd.json:1", "\"listen\" must be a text");
    expect_refused("{\"listen\": \"\", " STORE ", " ROOT ", " TLS "}", "vaultd.json:1", "\"listen\" must be a text");
    expect_refused("{\"workers\": 0, " STORE ", " ROOT ", " TLS "}", "vaultd.json:1",
                   "\"workers\" must be a whole number, 1 to 64");
    expect_refused("{\"workers\": 1.5, " STORE ", " ROOT ", " TLS "}", "vaultd.json:1", "\"workers\" must be");
    expect_refused("{\"queue\": -1, " STORE ", " ROOT ", " TLS "}", "vaultd.json:1", "\"queue\" must be");
    expect_refused("{\"tls\": [], " STORE ", " ROOT "}", "vaultd.json:1", "\"tls\" must be an object");
    expect_refused("{\"log_level\": \"loud\", " STORE ", " ROOT ", " TLS "}", "vaultd.json:1", "\"log_level\" must be");
    expect_refused("[]", "vaultd.json:1", "must be an object");
}

TEST("what is no JSON, has a key twice or goes on after its end is refused with its line")
{
    expect_refused("{\n\"listen\" 7}", "vaultd.json:2", "");
    expect_refused("{" STORE ",\n\"database\": \"d\"}", "vaultd.json:2", "duplicate");
    expect_refused("{}\n{}", "vaultd.json:2", "");
    expect_refused("", "vaultd.json:1", "");
}

TEST("an error never quotes the connection string")
{
    VAULT_CLEANUP(config_clear) config c = {0};
    vault_error err = {0};
    assert_int_equal(read_text(&c, "{\"database\": \"password=CANARY\", \"nix\": 1}", &err), VAULT_INVALID);
    assert_null(strstr(err.detail, "CANARY"));
}

TEST("a root key, passphrase or TLS key that others may read is refused")
{
    const char *const secret_files[] = {"server.key", "root.key"};
    char text[1024];
    vault_error err = {0};
    expect_ok(file_replace(in_ca("root.key"), bytes_of_text("x"), &err), &err);
    snprintf(text, sizeof text,
             "{" STORE ", \"root_key\": {\"file\": \"%s\", \"unattended_restart\": true}, \"tls\": {\"ca\": \"%s\", "
             "\"certificate\": \"%s\", \"key\": \"%s\"}}",
             in_ca("root.key"), in_ca("ca.crt"), in_ca("server.crt"), in_ca("server.key"));
    VAULT_CLEANUP(config_clear) config c = {0};
    expect_ok(read_text(&c, text, &err), &err);
    expect_ok(config_check_files(&c, &err), &err);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chmod(in_ca(secret_files[i]), 0604), 0);
        expect_code(config_check_files(&c, &err), VAULT_INVALID, &err);
        assert_int_equal(chmod(in_ca(secret_files[i]), 0600), 0);
    }
    assert_int_equal(remove(in_ca("root.key")), 0);
    expect_code(config_check_files(&c, &err), VAULT_INVALID, &err);
}

/* ---- metrics ---- */

TEST("metrics are served on a loopback address only")
{
    static const char *const bad[] = {"0.0.0.0:0",  "10.0.0.1:0",      "[::]:0",        "localhost:0", "127.0.0.1",
                                      "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:80x", ":9464",       "128.0.0.1:0",
                                      "",           "[::1:0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vault_error err = {0};
        metrics *m = NULL;
        expect_code(metrics_open(&m, bad[i], fake_service(), &err), VAULT_INVALID, &err);
    }
}

/* The whole answer, head and body. */
static const char *fetch(int port, const char *path)
{
    static char text[64 << 10];
    char asked[160];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        len = snprintf(asked, sizeof asked, "GET %s HTTP/1.0\r\n\r\n", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, asked, (size_t)len, MSG_NOSIGNAL), len);
    size_t held = 0;
    for (ssize_t part; (part = read(fd, text + held, sizeof text - 1 - held)) > 0;) held += (size_t)part;
    text[held] = '\0';
    close(fd);
    return text;
}

static bool has_status(const char *answer, const char *status)
{
    return strncmp(answer, "HTTP/1.", 7) == 0 && strncmp(answer + 9, status, 3) == 0;
}

TEST("the pages: metrics, health, and nothing else")
{
    vault_error err = {0};
    metrics *m;
    expect_ok(metrics_open(&m, "127.0.0.1:0", fake_service(), &err), &err);
    metric_add(METRIC_LINES, (metric_at){1, 0}, 7);
    const char *page = fetch(metrics_port(m), "/metrics");
    assert_non_null(strstr(page, "vault_lines_total{outcome=\"refused\"} 7\n"));
    assert_true(has_status(page, "200"));
    assert_true(has_status(fetch(metrics_port(m), "/healthz"), "200"));
    fake_healthy(false);
    assert_true(has_status(fetch(metrics_port(m), "/healthz"), "503"));
    fake_healthy(true);
    assert_true(has_status(fetch(metrics_port(m), "/"), "404"));
    metrics_close(&m);
}

TEST("a histogram counts each value once, at its bound too")
{
    static uint8_t text[512 << 10];
    uint64_t before = metric_read(METRIC_BATCH_CALLS, (metric_at){0});
    metric_observe(METRIC_BATCH_CALLS, (metric_at){0}, 512);
    metric_observe(METRIC_BATCH_CALLS, (metric_at){0}, 513);
    assert_int_equal(metric_read(METRIC_BATCH_CALLS, (metric_at){0}), before + 2);
    writer w = writer_over(text, sizeof text - 1);
    metric_render(&w);
    assert_false(w.overflow);
    assert_non_null(strstr((char *)text, "vault_batch_calls_bucket{le=\"512\"} 1\n"));
    assert_non_null(strstr((char *)text, "vault_batch_calls_bucket{le=\"+Inf\"} 2\n"));
    assert_non_null(strstr((char *)text, "vault_batch_calls_sum 1025\n"));
}

TEST("a label out of its set is counted nowhere and breaks nothing")
{
    metric_add(METRIC_CALLS, (metric_at){METRIC_METHODS, 0}, 1);
    metric_add(METRIC_CALLS, (metric_at){0, METRIC_CODES}, 1);
    metric_observe(METRIC_CALL_SECONDS, (metric_at){99, 0}, 1);
    assert_int_equal(metric_read(METRIC_CALLS, (metric_at){METRIC_METHODS, 0}), 0);
}

#include "tests/support/webhook.h"
#include "tests/support/harness.h"
#include "vault/base/json.h"
#include "vault/base/memory.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static char *key, *certificate;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static webhook_post seen;
static size_t body_len;
static unsigned answers; /* instead of what the path says; 0: nothing else */

const char *webhook_file(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void keep(char *out, size_t room, const char *text)
{
    snprintf(out, room, "%s", text ? text : "");
}

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status)
{
    struct MHD_Response *out = MHD_create_response_from_buffer(2, (void *)(uintptr_t) "ok", MHD_RESPMEM_PERSISTENT);
    if (status / 100 == 3) MHD_add_response_header(out, "Location", "/ok");
    enum MHD_Result sent = MHD_queue_response(c, status, out);
    MHD_destroy_response(out);
    return sent;
}

static enum MHD_Result serve(void *context, struct MHD_Connection *c, const char *path, const char *verb,
                             const char *version, const char *data, size_t *size, void **state)
{
    (void)context, (void)version;
    pthread_mutex_lock(&lock);
    if (!*state) {
        *state = &seen;
        body_len = 0;
        keep(seen.path, sizeof seen.path, path);
        keep(seen.method, sizeof seen.method, verb);
        keep(seen.type, sizeof seen.type, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type"));
        keep(seen.authorization, sizeof seen.authorization,
             MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization"));
        pthread_mutex_unlock(&lock);
        return MHD_YES;
    }
    bool more = *size > 0;
    if (more && body_len + *size < sizeof seen.body) {
        memcpy(seen.body + body_len, data, *size);
        body_len += *size;
        seen.body[body_len] = 0;
    }
    *size = 0;
    seen.count += !more; /* when all of it is there */
    unsigned status = answers ? answers : (unsigned)strtoul(path + 1, NULL, 10);
    pthread_mutex_unlock(&lock);
    return more ? MHD_YES : reply(c, status);
}

static char *read_text(const char *path)
{
    char *text, *out;
    size_t len;
    vault_error err = {0};
    expect_ok(file_read(&text, &len, path, 1 << 16, &err), &err);
    out = memory_text(text);
    memory_free(text, len);
    return out;
}

static void remove_certificates(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    (void)!system(command);
    memory_free(key, strlen(key) + 1);
    memory_free(certificate, strlen(certificate) + 1);
}

static void make_certificates(void)
{
    char command[512];
    static const char *const names[] = {"server", "stranger"};
    snprintf(folder, sizeof folder, "/tmp/vault-hook-XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 2; i++) {
        snprintf(command, sizeof command,
                 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
                 " -addext subjectAltName=IP:127.0.0.1 -keyout %s/%s.key -out %s/%s.crt 2>/dev/null",
                 folder, names[i], folder, names[i]);
        assert_int_equal(system(command), 0);
    }
    key = read_text(webhook_file("server.key"));
    certificate = read_text(webhook_file("server.crt"));
}

uint16_t webhook_port(void)
{
    static struct MHD_Daemon *server;
    if (!server) {
        make_certificates();
        atexit(remove_certificates);
        server =
            MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, serve, NULL,
                             MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_MEM_CERT, certificate, MHD_OPTION_END);
        assert_non_null(server);
    }
    return MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port;
}

webhook_post webhook_last(void)
{
    pthread_mutex_lock(&lock);
    webhook_post out = seen;
    pthread_mutex_unlock(&lock);
    return out;
}

void webhook_answers(unsigned status)
{
    pthread_mutex_lock(&lock);
    answers = status;
    pthread_mutex_unlock(&lock);
}

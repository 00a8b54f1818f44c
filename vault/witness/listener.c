/* The protocol on HTTP, by libmicrohttpd. Whoever is slow is waited for as long as a request may take and no longer,
 * on threads that meanwhile answer others. */
#include "vault/audit/witness_request.h"
#include "vault/base/address.h"
#include "vault/base/clock.h"
#include "vault/base/file.h"
#include "vault/base/memory.h"
#include "vault/witness/program.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 2, CONNECTIONS = 512, OF_ONE = 128, IDLE_SECONDS = 5, REQUEST_US = 10 * 1000000, PEM_MOST = 1 << 20 };
enum { ANSWER_MEMORY = 16 << 20 };

struct listener {
    struct MHD_Daemon *daemon;
    notebook *notebook;
    char *certificate, *key; /* PEM; NULL: plain HTTP */
    size_t certificate_len, key_len;
};

/* One request as it comes in. */
typedef struct upload {
    int64_t begun_us; /* monotonic */
    size_t len;
    bool refused;
    uint8_t body[WITNESS_REQUEST_MAX];
} upload;

typedef enum MHD_Result result;

static result send_reply(struct MHD_Connection *to, const reply *r)
{
    struct MHD_Response *page =
        MHD_create_response_from_buffer(strlen(r->text), (void *)(uintptr_t)r->text, MHD_RESPMEM_MUST_COPY);
    if (!page) return MHD_NO;
    MHD_add_response_header(page, "Content-Type", r->type);
    if (r->status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(page, "Allow", "POST");
    result sent = MHD_queue_response(to, r->status, page);
    MHD_destroy_response(page);
    return sent;
}

static result refuse(struct MHD_Connection *to, unsigned status, const char *text)
{
    return send_reply(to, &(reply){status, "text/plain; charset=utf-8", text});
}

/* MHD_NO closes the connection. */
static result take(upload *u, const char *data, size_t *len)
{
    if (clock_monotonic_us() - u->begun_us > REQUEST_US) return MHD_NO;
    if (*len > sizeof u->body - u->len) u->refused = true;
    if (!u->refused) {
        memcpy(u->body + u->len, data, *len);
        u->len += *len;
    }
    *len = 0;
    return MHD_YES;
}

static result answer(const listener *l, struct MHD_Connection *to, const upload *u)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ANSWER_MEMORY);
    if (!mem) return refuse(to, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory\n");
    reply r = notebook_answer(l->notebook, mem, bytes_of(u->body, u->len));
    return send_reply(to, &r);
}

/* A body that says beforehand that it is too long is not waited for. */
static bool is_too_long(struct MHD_Connection *from)
{
    const char *length = MHD_lookup_connection_value(from, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length && (strlen(length) > 9 || strtoul(length, NULL, 10) > WITNESS_REQUEST_MAX);
}

static result serve(void *data, struct MHD_Connection *to, const char *url, const char *verb, const char *version,
                    const char *body, size_t *len, void **state)
{
    const listener *l = data;
    upload *u = *state;
    (void)version;
    if (!u) {
        if (strcmp(url, "/add-checkpoint") != 0) return refuse(to, MHD_HTTP_NOT_FOUND, "POST /add-checkpoint\n");
        if (strcmp(verb, "POST") != 0) return refuse(to, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST\n");
        if (is_too_long(to)) return refuse(to, MHD_HTTP_CONTENT_TOO_LARGE, "too long\n");
        *state = u = memory_new(sizeof *u);
        u->begun_us = clock_monotonic_us();
        return MHD_YES;
    }
    if (*len > 0) return take(u, body, len);
    if (u->refused) return refuse(to, MHD_HTTP_CONTENT_TOO_LARGE, "too long\n");
    return answer(l, to, u);
}

static void done(void *data, struct MHD_Connection *of, void **state, enum MHD_RequestTerminationCode how)
{
    (void)data, (void)of, (void)how;
    if (*state) memory_free(*state, sizeof(upload));
    *state = NULL;
}

/* ---- opening ---- */

static vault_code start(listener *l, const address *at, const char *text, vault_error *err)
{
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL |
                     (at->at.any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0U) | (l->key ? MHD_USE_TLS : 0U);
    const struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, l->key},
                                         {MHD_OPTION_HTTPS_MEM_CERT, 0, l->certificate},
                                         {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    l->daemon = MHD_start_daemon(flags, 0, NULL, NULL, serve, l, MHD_OPTION_SOCK_ADDR, &at->at.any,
                                 MHD_OPTION_NOTIFY_COMPLETED, done, NULL, MHD_OPTION_THREAD_POOL_SIZE,
                                 (unsigned)THREADS, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
                                 MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)OF_ONE, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)IDLE_SECONDS, MHD_OPTION_ARRAY, l->key ? tls : none, MHD_OPTION_END);
    if (l->daemon) return VAULT_OK;
    return vault_fail(err, VAULT_UNAVAILABLE, "cannot listen on %s: is the port taken, or the certificate wrong?",
                      text);
}

vault_code listener_open(listener **out, const listener_options *o, notebook *n, vault_error *err)
{
    VAULT_CLEANUP(listener_close) listener *l = memory_new(sizeof *l);
    address at;
    l->notebook = n;
    if (!address_parse(&at, o->address))
        return vault_fail(err, VAULT_INVALID, "%s is not an address with a port (127.0.0.1:8843)", o->address);
    if (!o->key != !o->certificate)
        return vault_fail(err, VAULT_INVALID, "a certificate and its private key go together");
    if (!o->key && !at.loopback)
        return vault_fail(err, VAULT_INVALID, "plain HTTP on a loopback address alone: give a certificate");
    if (o->key) VAULT_TRY(file_read(&l->key, &l->key_len, o->key, PEM_MOST, err));
    if (o->key) VAULT_TRY(file_read(&l->certificate, &l->certificate_len, o->certificate, PEM_MOST, err));
    VAULT_TRY(start(l, &at, o->address, err));
    *out = l;
    l = NULL;
    return VAULT_OK;
}

int listener_port(const listener *l)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}

void listener_close(listener **at)
{
    listener *l = *at;
    *at = NULL;
    if (!l) return;
    if (l->daemon) MHD_stop_daemon(l->daemon);
    memory_free(l->key, l->key_len);
    memory_free(l->certificate, l->certificate_len);
    memory_free(l, sizeof *l);
}

#include "vault/metrics.h"

#include "vault/base/address.h"
#include "vault/base/memory.h"
#include "vault/base/metric.h"
#include <microhttpd.h>
#include <string.h>

enum { PAGE_SIZE_MOST = 512 << 10, CONNECTIONS = 16, IDLE_SECONDS = 10 };

struct metrics {
    struct MHD_Daemon *daemon;
    const service *service;
};

/* ---- pages ---- */

typedef enum MHD_Result result;

static result send_text(struct MHD_Connection *to, unsigned status, const char *text)
{
    struct MHD_Response *page =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    if (!page) return MHD_NO;
    MHD_add_response_header(page, "Content-Type", "text/plain");
    result sent = MHD_queue_response(to, status, page);
    MHD_destroy_response(page);
    return sent;
}

static void free_page(void *at)
{
    memory_free(at, PAGE_SIZE_MOST);
}

static result send_metrics(struct MHD_Connection *to)
{
    writer w = writer_over(memory_new(PAGE_SIZE_MOST), PAGE_SIZE_MOST);
    metric_render(&w);
    struct MHD_Response *page = MHD_create_response_from_buffer_with_free_callback(w.len, w.at, free_page);
    if (!page) {
        free_page(w.at);
        return MHD_NO;
    }
    MHD_add_response_header(page, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    result sent = MHD_queue_response(to, MHD_HTTP_OK, page);
    MHD_destroy_response(page);
    return sent;
}

static result serve(void *data, struct MHD_Connection *to, const char *url, const char *verb, const char *version,
                    const char *upload, size_t *upload_len, void **state)
{
    (void)version, (void)upload, (void)state;
    const metrics *m = data;
    if (*upload_len > 0 || strcmp(verb, "GET") != 0) return send_text(to, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
    if (strcmp(url, "/metrics") == 0) return send_metrics(to);
    if (strcmp(url, "/healthz") != 0) return send_text(to, MHD_HTTP_NOT_FOUND, "/metrics or /healthz\n");
    return service_healthy(m->service) ? send_text(to, MHD_HTTP_OK, "ok\n")
                                       : send_text(to, MHD_HTTP_SERVICE_UNAVAILABLE, "the log cannot be written\n");
}

/* ---- open and close ---- */

vault_code metrics_open(metrics **out, const char *listen, const service *s, vault_error *err)
{
    address at;
    if (!address_parse(&at, listen) || !at.loopback) {
        return vault_fail(err, VAULT_INVALID, "\"metrics\": %s is not a loopback address with a port (127.0.0.1:9464)",
                          listen);
    }
    metrics *m = memory_new(sizeof *m);
    m->service = s;
    unsigned flags =
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | (at.at.any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0U);
    m->daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, serve, m, MHD_OPTION_SOCK_ADDR, &at.at.any, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (!m->daemon) {
        memory_free(m, sizeof *m);
        return vault_fail(err, VAULT_UNAVAILABLE, "\"metrics\": cannot listen on %s: is the port taken?", listen);
    }
    *out = m;
    return VAULT_OK;
}

int metrics_port(const metrics *m)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}

void metrics_close(metrics **m)
{
    if (!*m) return;
    MHD_stop_daemon((*m)->daemon);
    memory_free(*m, sizeof **m);
    *m = NULL;
}

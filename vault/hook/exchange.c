#include "vault/hook/exchange.h"
#include "vault/base/address.h"
#include "vault/base/memory.h"
#include "vault/hook/internal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { CONNECT_MS = 2000, WHOLE_MS = 3000, LOOK_MS = 500, URL_MOST = 2048 };

struct exchanger {
    CURLM *multi;
    CURL *easy[EXCHANGES_MAX];
    char *ca_file;
    atomic_bool stop;
};

/* ---- URLs ---- */

static void url_free(CURLU **u)
{
    curl_url_cleanup(*u);
}

static void part_free(char **text)
{
    curl_free(*text);
}

static bool has(CURLU *u, CURLUPart part)
{
    VAULT_CLEANUP(part_free) char *text = NULL;
    return curl_url_get(u, part, &text, 0) == CURLUE_OK;
}

bool exchange_url_good(const char *url)
{
    VAULT_CLEANUP(url_free) CURLU *u = curl_url();
    VAULT_CLEANUP(part_free) char *scheme = NULL;
    VAULT_CLEANUP(part_free) char *host = NULL;
    for (const char *c = url; *c; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f) return false;
    }
    if (!u || strnlen(url, URL_MOST + 1) > URL_MOST || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        return false;
    if (has(u, CURLUPART_USER) || has(u, CURLUPART_PASSWORD) || has(u, CURLUPART_QUERY) || has(u, CURLUPART_FRAGMENT))
        return false;
    return strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && address_host_is_loopback(host));
}

/* ---- opening ---- */

vault_code exchanger_open(exchanger **out, const char *ca_file, vault_error *err)
{
    *out = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return vault_fail(err, VAULT_INTERNAL, "no libcurl");
    VAULT_CLEANUP(exchanger_close) exchanger *x = memory_new(sizeof *x);
    if (ca_file) x->ca_file = memory_text(ca_file);
    x->multi = curl_multi_init();
    bool good = x->multi != NULL;
    for (size_t i = 0; good && i < EXCHANGES_MAX; i++) good = (x->easy[i] = curl_easy_init()) != NULL;
    if (!good) return vault_fail(err, VAULT_INTERNAL, "no libcurl");
    *out = x;
    x = NULL;
    return VAULT_OK;
}

void exchanger_close(exchanger **at)
{
    exchanger *x = *at;
    *at = NULL;
    if (!x) return;
    for (size_t i = 0; i < EXCHANGES_MAX; i++) curl_easy_cleanup(x->easy[i]);
    if (x->multi) curl_multi_cleanup(x->multi);
    if (x->ca_file) memory_free(x->ca_file, strlen(x->ca_file) + 1);
    memory_free(x, sizeof *x);
    curl_global_cleanup();
}

void exchanger_stop(exchanger *x)
{
    if (x) atomic_store(&x->stop, true);
}

/* ---- a round ---- */

static size_t keep(char *data, size_t size, size_t count, void *context)
{
    exchange *e = context;
    if (size * count > sizeof e->answer - e->len) return 0;
    memcpy(e->answer + e->len, data, size * count);
    e->len += size * count;
    return size * count;
}

static void set_options(const exchanger *x, CURL *c, exchange *e, const struct curl_slist *headers)
{
    post_prepare(c, &(post_options){.url = e->url,
                                    .protocols = "https,http", /* exchange_url_good has looked at which */
                                    .ca_file = x->ca_file,
                                    .body = e->body,
                                    .headers = headers,
                                    .connect_ms = CONNECT_MS,
                                    .whole_ms = WHOLE_MS});
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, e);
    curl_easy_setopt(c, CURLOPT_PRIVATE, e);
}

static void say(exchange *e, const char *why)
{
    snprintf(e->why, sizeof e->why, "%s", why);
}

static void take(CURL *c, CURLcode code)
{
    exchange *e = NULL;
    const char *type = NULL;
    long status = 0;
    curl_easy_getinfo(c, CURLINFO_PRIVATE, (char **)&e);
    if (code != CURLE_OK) {
        say(e, curl_easy_strerror(code));
        return;
    }
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
    e->status = status > 0 ? (unsigned)status : 0;
    snprintf(e->type, sizeof e->type, "%s", type ? type : "");
    e->why[0] = 0;
}

static void take_done(exchanger *x)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(x->multi, &left));) {
        if (m->msg == CURLMSG_DONE) take(m->easy_handle, m->data.result);
    }
}

void exchanger_run(exchanger *x, exchange *all, size_t count)
{
    VAULT_CLEANUP(headers_clear) struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: text/plain");
    int running = headers ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        all[i].status = 0;
        all[i].len = 0;
        all[i].type[0] = 0;
        say(&all[i], "stopped before it answered");
        set_options(x, x->easy[i], &all[i], headers);
        curl_multi_add_handle(x->multi, x->easy[i]);
    }
    while (running > 0 && !atomic_load(&x->stop)) {
        if (curl_multi_perform(x->multi, &running) != CURLM_OK) break;
        take_done(x);
        if (running > 0 && curl_multi_poll(x->multi, NULL, 0, LOOK_MS, NULL) != CURLM_OK) break;
    }
    for (size_t i = 0; i < count; i++) {
        curl_multi_remove_handle(x->multi, x->easy[i]);
        curl_easy_reset(x->easy[i]);
    }
}

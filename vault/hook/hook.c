#include "vault/hook/hook.h"
#include "vault/base/file.h"
#include "vault/base/memory.h"
#include "vault/base/secret.h"
#include "vault/hook/internal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { CONNECT_MS = 5000, POST_MS = 10000, URL_MOST = 2048, TOKEN_MOST = 4096, ANSWER_MOST = 64 << 10 };

struct hook {
    char *url, *ca_file, *token_file;
    atomic_bool stop;
    CURL *curl;
};

bool hook_url_good(const char *url)
{
    static const char scheme[] = "https://";
    size_t len = strnlen(url, URL_MOST + 1), prefix = sizeof scheme - 1;
    if (len <= prefix || len > URL_MOST || strncmp(url, scheme, prefix) != 0) return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)url[i] <= ' ' || (unsigned char)url[i] >= 0x7f) return false;
    return !strchr(url, '@'); /* a password has its own file */
}

static void free_text(char **text)
{
    if (*text) memory_free(*text, strlen(*text) + 1);
    *text = NULL;
}

vault_code hook_open(hook **out, const hook_target *to, vault_error *err)
{
    *out = NULL;
    if (!hook_url_good(to->url)) return vault_fail(err, VAULT_INVALID, "the webhook's URL is no https:// URL");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return vault_fail(err, VAULT_INTERNAL, "no libcurl");
    VAULT_CLEANUP(hook_close) hook *h = memory_new(sizeof *h);
    h->url = memory_text(to->url);
    if (to->ca_file) h->ca_file = memory_text(to->ca_file);
    if (to->token_file) h->token_file = memory_text(to->token_file);
    if (!(h->curl = curl_easy_init())) return vault_fail(err, VAULT_INTERNAL, "no libcurl");
    *out = h;
    h = NULL;
    return VAULT_OK;
}

void hook_close(hook **at)
{
    hook *h = *at;
    *at = NULL;
    if (!h) return;
    if (h->curl) curl_easy_cleanup(h->curl);
    free_text(&h->url);
    free_text(&h->ca_file);
    free_text(&h->token_file);
    memory_free(h, sizeof *h);
    curl_global_cleanup();
}

void hook_stop(hook *h)
{
    if (h) atomic_store(&h->stop, true);
}

/* What is answered is of no interest, and must not be endless. */
static size_t drop(char *data, size_t size, size_t count, void *context)
{
    size_t *left = context;
    (void)data;
    if (size * count > *left) return 0;
    *left -= size * count;
    return size * count;
}

static int look_up(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    hook *h = context;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&h->stop);
}

/* "Authorization: Bearer ...", where there is a token. */
static vault_code add_token(struct curl_slist **headers, const hook *h, vault_error *err)
{
    char *text = NULL, header[TOKEN_MOST + 64];
    size_t len = 0, used;
    if (!h->token_file) return VAULT_OK;
    if (file_read(&text, &len, h->token_file, TOKEN_MOST, err) != VAULT_OK) return err->code = VAULT_UNAVAILABLE;
    for (used = 0; used < len && text[used] > ' ' && text[used] < 0x7f;) used++;
    bool good = used > 0 && strspn(text + used, "\r\n") == len - used;
    (void)snprintf(header, sizeof header, "Authorization: Bearer %.*s", (int)used, text);
    memory_free(text, len);
    struct curl_slist *more = good ? curl_slist_append(*headers, header) : NULL;
    wipe(header, sizeof header);
    if (!more) return vault_fail(err, VAULT_UNAVAILABLE, "webhook: no token of one line in its file");
    *headers = more;
    return VAULT_OK;
}

static void set_options(hook *h, bytes body, const struct curl_slist *headers, size_t *left)
{
    CURL *c = h->curl;
    post_prepare(c, &(post_options){.url = h->url,
                                    .protocols = "https",
                                    .ca_file = h->ca_file,
                                    .body = body,
                                    .headers = headers,
                                    .connect_ms = CONNECT_MS,
                                    .whole_ms = POST_MS});
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, left);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look_up);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, h);
}

vault_code hook_post(hook *h, bytes body, vault_error *err)
{
    VAULT_CLEANUP(headers_clear)
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    size_t left = ANSWER_MOST;
    long status = 0;
    if (!headers) return vault_fail(err, VAULT_UNAVAILABLE, "webhook: no memory");
    VAULT_TRY(add_token(&headers, h, err));
    set_options(h, body, headers, &left);
    CURLcode code = curl_easy_perform(h->curl);
    if (code != CURLE_OK) return vault_fail(err, VAULT_UNAVAILABLE, "webhook: %s", curl_easy_strerror(code));
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_reset(h->curl); /* it keeps no header with a token */
    return status / 100 == 2 ? VAULT_OK : vault_fail(err, VAULT_UNAVAILABLE, "webhook: HTTP %ld", status);
}

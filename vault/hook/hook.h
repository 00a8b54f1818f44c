/* A message to a webhook: HTTPS only, one at a time, and never for long. The only room with libcurl. */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"

typedef struct hook_target {
    const char *url;        /* "https://..." */
    const char *ca_file;    /* whom to believe, PEM; NULL: whom the machine believes */
    const char *token_file; /* sent as a bearer token, read anew each time; NULL: none */
} hook_target;

/* Whether it is a URL that a message may go to. */
bool hook_url_good(const char *url);
/* Copies the target. INVALID: the URL is no HTTPS one. */
typedef struct hook hook;
VAULT_MUST_USE vault_code hook_open(hook **out, const hook_target *to, vault_error *err);
void hook_close(hook **h); /* takes NULL inside */
/* Another thread wants the one that posts to stop: a post ends within a second. */
void hook_stop(hook *h);
/* Posts JSON. OK: it was taken (2xx). UNAVAILABLE: anything else; the detail says what, never what was sent. Up to 10
 * s; redirects are not followed, proxies not asked. One thread at a time. */
VAULT_MUST_USE vault_code hook_post(hook *h, bytes body, vault_error *err);

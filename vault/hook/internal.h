/* What the two kinds of post of this room share. */
#pragma once
#include "vault/base/bytes.h"

#include <curl/curl.h>

/* All is borrowed, and must stand until the post has ended. */
typedef struct post_options {
    const char *url;
    const char *protocols; /* as libcurl lists them: "https" */
    const char *ca_file;   /* whom to believe, PEM; NULL: whom the machine believes */
    bytes body;
    const struct curl_slist *headers;
    long connect_ms, whole_ms;
} post_options;
/* Forgets what the handle was set to, and sets all that keeps a post from going elsewhere, in the clear, or on for
 * ever: TLS of 1.2 or newer whose certificate and name are checked, no proxy, no redirect. */
void post_prepare(CURL *c, const post_options *o);
void headers_clear(struct curl_slist **headers);

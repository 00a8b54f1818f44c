#include "vault/base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_MAX = 64 };

/* The host without its brackets. */
static bool split(const char *text, char host[HOST_MAX], uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon[1] < '0' || colon[1] > '9') return false;
    bool bracketed = text[0] == '[' && colon > text && colon[-1] == ']';
    int len = (int)(colon - text) - (bracketed ? 2 : 0);
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (len <= 0 || len >= HOST_MAX || *end || number > UINT16_MAX) return false;
    snprintf(host, HOST_MAX, "%.*s", len, text + bracketed);
    *port = (uint16_t)number;
    return true;
}

static bool read_host(address *out, const char *host)
{
    *out = (address){0};
    if (inet_pton(AF_INET, host, &out->at.v4.sin_addr) == 1) {
        out->at.v4.sin_family = AF_INET;
        out->loopback = (ntohl(out->at.v4.sin_addr.s_addr) >> 24) == 127;
        return true;
    }
    if (inet_pton(AF_INET6, host, &out->at.v6.sin6_addr) != 1) return false;
    out->at.v6.sin6_family = AF_INET6;
    out->loopback = IN6_IS_ADDR_LOOPBACK(&out->at.v6.sin6_addr);
    return true;
}

bool address_parse(address *out, const char *text)
{
    char host[HOST_MAX];
    uint16_t port;
    if (!split(text, host, &port) || !read_host(out, host)) return false;
    if (out->at.any.sa_family == AF_INET)
        out->at.v4.sin_port = htons(port);
    else
        out->at.v6.sin6_port = htons(port);
    return true;
}

bool address_host_is_loopback(const char *host)
{
    char bare[HOST_MAX];
    address a;
    size_t len = strnlen(host, HOST_MAX);
    bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    if (len == HOST_MAX) return false;
    snprintf(bare, sizeof bare, "%.*s", (int)(len - (bracketed ? 2 : 0)), host + bracketed);
    return read_host(&a, bare) && a.loopback;
}

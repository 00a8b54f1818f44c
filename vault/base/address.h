/* Addresses to listen on: "127.0.0.1:9464", "[::1]:9464". Numbers alone: no name is looked up. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    bool loopback; /* nobody but this machine gets there */
} address;

/* False: not an IPv4 or IPv6 address with a port. */
bool address_parse(address *out, const char *text);
/* Whether it is an IPv4 or IPv6 address of this machine alone, with or without brackets: never a name. */
bool address_host_is_loopback(const char *host);

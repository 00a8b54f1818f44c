/* Questions to several servers at once (witnesses of the log): HTTPS, or plain HTTP to this very machine, and never for
 * long. Whoever does not answer keeps nobody else waiting. */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"

enum { EXCHANGES_MAX = 64, EXCHANGE_ANSWER_MAX = 16 << 10, EXCHANGE_TYPE_MAX = 64, EXCHANGE_WHY_MAX = 96 };

/* Whether questions may go there: https, or http where the host is an address of this machine; no password, query or
 * fragment. */
bool exchange_url_good(const char *url);

typedef struct exchange {
    const char *url; /* of the post itself */
    bytes body;
    unsigned status;              /* set: HTTP; 0: there was no answer, and `why` says why */
    char type[EXCHANGE_TYPE_MAX]; /* Content-Type, cut */
    char why[EXCHANGE_WHY_MAX];   /* never what was sent */
    size_t len;                   /* of the answer: one that is longer than there is room is no answer */
    uint8_t answer[EXCHANGE_ANSWER_MAX];
} exchange;

/* One thread at a time, but for exchanger_stop. Keeps connections between rounds. */
typedef struct exchanger exchanger;
/* Whom to believe, PEM; NULL: whom the machine believes. */
VAULT_MUST_USE vault_code exchanger_open(exchanger **out, const char *ca_file, vault_error *err);
void exchanger_close(exchanger **x); /* takes NULL inside */
/* Posts all, at most EXCHANGES_MAX, and waits for all: up to 3 s. Redirects are not followed, proxies not asked. */
void exchanger_run(exchanger *x, exchange *all, size_t count);
/* Another thread wants the one that waits to stop: within a second, for good. */
void exchanger_stop(exchanger *x);

/* The transport: a gRPC server over mutual TLS, the only room (with the client in vault/cli) that sees <grpc/...>. It
 * brings calls to vault/service, and its outcomes back; grpc.health.v1 (Check; Watch is UNIMPLEMENTED, which clients
 * take for healthy) and server reflection (v1, v1alpha) are answered here.
 *
 * Threads: pollers move bytes and never run a handler; workers, each with a session, take what is waiting. All
 * functions below are for one thread, the one that opened the server. */
#pragma once
#include "vault/base/error.h"
#include "vault/service/service.h"

typedef struct rpc_options {
    const char *listen;                 /* "127.0.0.1:7443"; port 0 takes a free one */
    const char *ca, *certificate, *key; /* PEM files; read again when they change */
    unsigned workers, pollers;          /* at least 1 */
    size_t queue_calls, queue_bytes;    /* what may wait; past it RESOURCE_EXHAUSTED at once */
    size_t message_bytes;               /* the largest request */
    unsigned connection_age_s;          /* connections are renewed after this long, give or take a tenth */
    unsigned streams;                   /* calls at once on one connection; client streams at once in all */
    unsigned silence_s; /* a client stream whose next message does not come for so long is ended; 0: 60 */
} rpc_options;

typedef struct rpc_server rpc_server;

/* Listens and serves. INVALID: certificate files or address are unusable; INTERNAL: an rpc without a row in the method
 * table or the reverse; or the failure of the first session_open. The service must outlive the server. */
VAULT_MUST_USE vault_code rpc_open(rpc_server **out, service *s, const rpc_options *options, vault_error *err);
int rpc_port(const rpc_server *r);

/* Ends: no new calls and connections from now on; health is NOT_SERVING; returns at once. */
void rpc_drain(rpc_server *r);
bool rpc_drained(rpc_server *r); /* all calls have ended and none can come; clients may still be connected */
void rpc_cancel(
    rpc_server *r); /* ends calls that still wait with UNAVAILABLE; those that run are answered into the void */
/* Drains and cancels what was not, waits for running calls, frees. Takes NULL inside. */
void rpc_close(rpc_server **r);

/* gRPC has stopped to accept connections for good: the process was sent a SIGTERM, and has to be started again. */
bool rpc_deaf(void);
/* Once per process, before the first rpc_open: gRPC's own log goes to ours. */
void rpc_log_init(void);

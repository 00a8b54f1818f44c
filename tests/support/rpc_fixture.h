/* The transport with a service of the test's own behind it (rpc_service.c stands for vault/service: same symbols), and
 * a client on gRPC core (rpc_client.c). Certificates are made by tests/support/ca in a folder of the program's own. */
#pragma once
#include "tests/support/harness.h"
#include "vault/rpc/rpc.h"
#include <grpc/grpc.h>

/* ---- the service: what it does is told by the token of a RevealRequest ----
 *   "uri"       answers the first URI of the caller as a value
 *   "deny"      VAULT_DENIED, clause "fields"
 *   "internal"  VAULT_INTERNAL, with a detail that must stay inside
 *   "nothing"   neither a reply nor an error
 *   "wait"      waits until gate_open
 *   "big"       a reply of 1 MiB
 *   all else    is answered as a value
 * A BatchRevealRequest is answered by one result a token; items are its tokens.
 *
 * ---- and its client stream ----
 * A message of an import holds one text, the first value of its first row. "deny", "internal" and "wait" do as above;
 * the others are numbers that must come in order, from 0. The reply says in `rows` how many messages came, in
 * `rejected` how many of them were not in order or found a state other than it was left. "nothing" makes the last run
 * leave no reply. */
#define IMPORT       "/vault.v1.Records/Import"
#define REVEAL       "/vault.v1.Tokens/Reveal"
#define BATCH_REVEAL "/vault.v1.Tokens/BatchReveal"
#define STATUS       "/vault.v1.Keys/Status"

typedef struct tally {
    unsigned batches, calls, largest; /* runs of the service, calls in them, calls of the largest run */
    unsigned waiting;                 /* calls that wait at the gate now */
    unsigned most_items;              /* of one run */
    unsigned lasts;                   /* runs of streams whose client had sent all */
    unsigned overlaps;                /* runs of a stream while another of it went on */
    digest certificate;               /* of the newest caller */
} tally;
tally fake_tally(void);
void fake_reset(void);
void gate_close(void);
void gate_open(void);
void fake_healthy(bool healthy);
void fake_refuse_check(bool refuse);   /* service_check fails */
void fake_refuse_session(bool refuse); /* session_open fails */
service *fake_service(void);

/* ---- the server ---- */

const char *ca_folder(void);
const char *in_ca(const char *name); /* path of a file there; static, four at a time */
void ca(const char *arguments);      /* tests/support/ca with its first argument; fails the test */
void ca_fingerprint(char out[65], const char *name);
rpc_options usual_options(void);
rpc_server *usual_server(void); /* one for the program; started at the first call */
void server_stop(void);
rpc_server *serve_with(const rpc_options *options);

/* ---- the client ---- */

typedef struct client client;
client *client_new(int port, const char *name); /* certificate NAME.crt of the folder; NULL: none; "plain": no TLS */
client *client_patient(int port); /* as "app"; its calls wait for the connection, and for another one where it fails */
void client_free(client **c);
client *usual_client(void); /* of the usual server */

typedef struct got {
    grpc_status_code code;
    char text[128];
    uint8_t reply[64];
    size_t reply_len; /* of the whole; the first bytes are in `reply` */
    uint8_t details[512];
    size_t details_len;
} got;

/* One call at a time: begin, then finish (which frees). */
typedef struct pending pending;
typedef struct asking {
    const char *path;
    bytes message;  /* at NULL: none is sent */
    int timeout_ms; /* 0: none */
    bool compressed;
    bool unread; /* the reply is not taken: it stays behind the client's window until `cancel` */
} asking;
pending *begin(client *c, const asking *a);
void cancel(pending *p);
got finish(pending *p);
got call_bytes(client *c, const char *path, bytes message);
got call_reveal(client *c, const char *token);
bytes reveal_wire(const char *token); /* static, until the next call */
pending *begin_reveal(client *c, const char *token, int timeout_ms);
bool details_hold(const got *g, const char *text);
bool replied(const got *g, const char *text); /* the value in a RevealResponse */

/* Questions to a bidirectional stream one after the other; the answers' lengths, and the final status. */
size_t ask_stream(client *c, const char *path, const bytes *questions, size_t count, bytes *answers, got *end);

/* A stream, and what may be done with it. stream_end gives its final status, stream_finish half-closes and gives the
 * reply too. */
pending *stream_begin(client *c, const char *path);
pending *stream_begin_for(client *c, const char *path, int timeout_ms);
bool stream_send(pending *p, bytes message); /* false: the stream has ended */
got stream_finish(pending *p);
got stream_end(pending *p);
bytes import_wire(const char *text); /* static, until the next call */
bool import_said(const got *g, unsigned rows, unsigned rejected);

/* True as soon as it holds; false when it does not for a minute. */
bool wait_for(bool (*condition)(void));
/* Returns when the server has taken note of all that this client did so far on its connection, also that it cancelled
 * calls: it reads a connection in order. */
void server_heard(client *c);

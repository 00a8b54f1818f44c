/* What the files of this room share. server.c opens and closes; call.c is the call that is queued, with stream_in.c
 * for those that bring many messages; stream.c the reflection stream; queue.c stands between pollers and workers
 * (worker.c); route.c knows the methods, tls.c the certificates, answer.c the outcomes. */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/digest.h"
#include "vault/rpc/rpc.h"
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <stdatomic.h>

/* What a completion queue hands back: the first member of whatever waits, and what to do with it. On the poller's
 * thread. */
typedef struct tag {
    void (*done)(struct tag *t, bool ok);
} tag;

typedef struct rpc_call call;
typedef struct stream stream;

/* ---- routes (route.c) ---- */

typedef enum route_kind { ROUTE_QUEUED, ROUTE_HEALTH, ROUTE_REFLECTION, ROUTE_KINDS } route_kind;
typedef struct route {
    bytes path;
    route_kind kind;
    const method *method; /* of a queued one */
    unsigned number;      /* the value of the label "method" */
    call *first, *last;   /* waiting, under the queue's lock */
} route;

enum { ROUTES = 96 };
typedef struct routes {
    route at[ROUTES]; /* sorted by path */
    size_t count;
} routes;
/* Proves the table against the descriptors (service_check) and every request against the scan's bounds. */
VAULT_MUST_USE vault_code routes_init(routes *r, vault_error *err);
route *routes_find(routes *r, bytes path);         /* NULL: unknown */
bool routes_serve(const routes *r, bytes service); /* "vault.v1.Tokens"; empty: the server as a whole */

/* ---- answers (answer.c) ---- */

typedef struct answer {
    grpc_status_code code;
    const char *text;          /* static */
    bytes details;             /* google.rpc.Status, packed; may be empty */
    grpc_byte_buffer *message; /* with GRPC_STATUS_OK; the call takes it over */
} answer;
answer answer_error(arena *mem, const vault_error *err);
answer answer_message(const ProtobufCMessage *message); /* packed into memory of its own, wiped after it has left */
bytes body_bytes(grpc_byte_buffer *body,
                 arena *mem);           /* in place if it is one piece, else a copy; at NULL: memory is out */
void body_wipe(grpc_byte_buffer *body); /* the pieces where they lie */

/* ---- queue (queue.c) ---- */

typedef struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    size_t calls, bytes, most_calls, most_bytes;
    unsigned asleep;          /* workers that wait */
    bool waking;              /* one of them was called and has not come yet */
    unsigned light;           /* workers that run a batch of few items: they will soon take what waits */
    int64_t light_started_us; /* when the newest of these batches started */
    bool ended;
    uint64_t arrivals;
    routes *routes;
} queue;
void queue_init(queue *q, routes *r, size_t most_calls, size_t most_bytes);
bool queue_put(queue *q, call *c);         /* false: full */
call *queue_take(queue *q);                /* the oldest; waits; NULL when the queue was ended and is empty */
call *queue_take_same(queue *q, route *r); /* one more of this route, or NULL */
void queue_runs(queue *q, size_t items);   /* a worker starts to run a batch of so many items, */
void queue_ran(queue *q, size_t items);    /* and has run it */
void queue_look(queue *q);                 /* from time to time: is a call left to a worker that hangs? */
void queue_end(queue *q);
void queue_destroy(queue *q);

/* ---- calls (call.c) ---- */

typedef struct poller {
    rpc_server *server;
    grpc_completion_queue *cq;
    pthread_t thread;
    bool started;
    call *spare;                 /* calls that are not in use */
    _Atomic size_t posted, live; /* live: in use, the posted ones not counted */
    size_t most_live;
    call *oldest_reading, *newest_reading; /* calls whose message has not come, in order of arrival */
    int64_t looked_us;                     /* monotonic: the last queue_look */
    arena *mem;                            /* for what is answered on this thread */
    pthread_mutex_t lock;                  /* of what follows */
    call *answered;                        /* by workers, to be sent by this poller */
} poller;

typedef enum call_state {
    CALL_SPARE,
    CALL_POSTED,
    CALL_READING,
    CALL_QUEUED,
    CALL_RUNNING,
    CALL_REPLYING,
    CALL_ENDED,
    CALL_STATES
} call_state;

struct rpc_call {
    tag main, closed;
    _Atomic call_state state;
    _Atomic bool gone; /* the client cancelled, left, or its deadline passed */
    bool watched;      /* RECV_CLOSE was started by itself; fixed from READING on */
    bool close_seen;   /* and has completed; the poller's */
    int cancelled;
    poller *at;
    grpc_call *handle;
    grpc_call_details details;
    grpc_metadata_array metadata;
    route *route;
    grpc_byte_buffer *body;
    size_t body_len;
    int64_t arrived_us, deadline_us;
    uint64_t arrival;       /* order in the queue */
    call *next, *previous;  /* previous: while READING */
    bool counted;           /* among the client streams (stream_in.c) */
    bool begun;             /* its first message has come */
    int64_t waits_since_us; /* of a client stream, while READING */
    size_t kept_bytes;      /* of `kept`, as counted (stream_in.c) */
    arena *kept;            /* of a client stream: what lives from its first run to its end, */
    void *between;          /* and the service's own: request.state and request.asserted between two runs */
    bool asserted;
    grpc_byte_buffer *reply;
    grpc_metadata trailer;
    grpc_status_code code;
    const char *text; /* static */
};
void call_post(poller *p);
/* Sends and ends, on the poller's thread. Once per call; the call may be gone when it returns. */
void call_answer(call *c, const answer *a);
/* From a worker: the answer is left with the call's poller. `calls_flush` after a batch sees to it that the pollers
 * send: it starts one answer of each by itself, and the completion of that one (or, where its client does not take it,
 * the poller's next look) wakes the poller for the rest. The transport's locks are then the poller's alone, and a batch
 * costs one wake-up. */
void call_leave_answer(call *c, const answer *a);
void calls_flush(rpc_server *r);
/* Sends what was left with this poller. */
void calls_send_left(poller *p);
/* The worker has it. */
void call_taken(call *c);
/* The worker is done with a message of a client stream: the next one is read. The call is no longer the worker's. */
void call_read_on(call *c);
bool call_is_late(const call *c);
void calls_free(poller *p);

/* ---- client streams (stream_in.c) ---- */

typedef struct streams_in {
    pthread_mutex_t lock;
    call *oldest, *newest; /* those that wait for their client's next message, the longest waiting first */
    size_t open, most;
    size_t kept, kept_most; /* bytes that all of them keep from run to run */
    int64_t patience_us;    /* how long one may wait for a message */
} streams_in;
void streams_in_init(streams_in *s, const rpc_options *o);
/* True when there is room for one more; the one that has waited longest for its client may be ended for it. */
bool stream_in_enter(streams_in *s, call *c);
void stream_in_leave(streams_in *s, call *c); /* at its end; does nothing to one that never entered */
/* After a run: counts what the call keeps. False when all keep too much together and this one is not small: it must
 * end. */
bool stream_in_may_keep(streams_in *s, call *c);
void stream_in_waits(streams_in *s, call *c); /* from now on for a message */
void stream_in_came(streams_in *s, call *c);  /* or will not any more */
/* From time to time: ends those that have waited too long, and at a drain all that wait. */
void streams_in_look(streams_in *s, bool draining);

/* ---- streams (stream.c) ---- */

typedef struct streams {
    pthread_mutex_t lock;
    stream *first;
    size_t count;
} streams;
/* Takes over the grpc call. False: there are too many. */
bool stream_open(poller *p, grpc_call *handle);
void streams_cancel(streams *s);

/* The answer to a packed ServerReflectionRequest, packed (reflection.c); NULL: the request is malformed. */
grpc_byte_buffer *reflection_answer(arena *mem, bytes wire);

/* ---- workers (worker.c) ---- */

typedef struct worker worker;
VAULT_MUST_USE vault_code worker_start(worker **out, rpc_server *r, vault_error *err);
void worker_join(worker **w);

/* ---- certificates (tls.c) ---- */

typedef struct tls tls;
VAULT_MUST_USE vault_code tls_open(tls **out, const rpc_options *o, vault_error *err);
grpc_server_credentials *tls_credentials(tls *t);
void tls_close(tls **t); /* after the server */

/* ---- identity (identity.c) ---- */

/* What was read of a certificate. */
typedef struct certificate_facts {
    digest der;      /* SHA-256 of its DER */
    int64_t ends_us; /* microseconds since 1970; 0: it is no certificate */
} certificate_facts;
certificate_facts certificate_read(bytes pem);

/* Certificates that were read, each at a place that the digest of its PEM chooses. One thread. */
enum { CERTIFICATES_KNOWN = 256 };
typedef struct certificates {
    struct {
        digest pem;
        certificate_facts read;
    } at[CERTIFICATES_KNOWN];
} certificates;
/* Fills rq->uris, NULL-terminated, in rq->mem: the SAN URIs "vault://..." of the client's certificate; and
 * rq->certificate. UNAUTHENTICATED: NO_IDENTITY without any URI, or with too many; CERTIFICATE_EXPIRED, also on a
 * connection that was made before. */
VAULT_MUST_USE vault_code peer_identify(request *rq, grpc_call *handle, certificates *known, vault_error *err);

/* ---- the server (server.c) ---- */

struct rpc_server {
    service *service;
    routes routes;
    queue queue;
    streams streams;
    streams_in streams_in;
    tls *tls;
    grpc_server *handle;
    int port;
    poller *pollers;
    worker **workers;
    unsigned poller_count, worker_count;
    tag end;
    bool drain_begun;
    _Atomic bool draining, drained;
};

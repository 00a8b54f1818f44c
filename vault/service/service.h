/* One short function per RPC, typed protobuf-c in and out, behind one gate. No gRPC, SQL or JSON in this room. The
 * transport (vault/rpc) hands over calls of the same method together; the gate identifies each caller, checks role and
 * context, and passes the rest on as one batch. */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/bytes.h"
#include "vault/base/digest.h"
#include "vault/base/error.h"
#include <protobuf-c/protobuf-c.h>

/* ---- what the process opens once ---- */

/* Where a node has its unseal key from: in a file, and then it opens by itself, unless the vault was sealed by hand; or
 * from people, and then it waits for them. */
typedef struct root_keeping {
    int source;                  /* root_source */
    const char *key_file;        /* of ROOT_FILE */
    const char *passphrase_file; /* of ROOT_PASSPHRASE; NULL: people enter it */
} root_keeping;
typedef struct service_options {
    const char *database; /* libpq conninfo */
    root_keeping keeping;
    bytes root;                  /* for tests: the root key itself; else empty */
    bytes entered;               /* for service_check_keys: what people keep, a line each; else empty */
    const char *checkpoint_file; /* published checkpoints, outside the database */
    struct {
        const char *url, *ca_file, *token_file;
    } webhook;                   /* where officers are told at once (hook.h); url NULL: nowhere */
    const char *witness_policy;  /* file (witness.h); NULL: no witnesses are asked */
    const char *witness_ca_file; /* whom to believe when they are asked, PEM; NULL: whom the machine believes */
    const char *archive_folder;  /* where old lines go, the same one for all nodes; NULL: nothing is archived */
    int retention_months;        /* of the log: 36 or more; 0: 36 */
} service_options;
typedef struct service service;
/* Opens control and ledger where it has the root key, and then refuses an older database than checkpoint_file, and
 * tries a known-denied request; starts publishing. Else the node is sealed, or there is no vault yet. INVALID,
 * INTEGRITY, ...: the file that the config names is wrong. */
VAULT_MUST_USE vault_code service_open(service **out, const service_options *options, vault_error *err);
void service_close(service **s);
/* A new vault in the empty database, from the documents of a folder, by the files that the config names. */
VAULT_MUST_USE vault_code service_make_vault(const service_options *options, const char *name, const char *folder,
                                             vault_error *err);
/* One version of a ring that the root key opened, and how many values of a sample opened under it. */
typedef struct checked_ring {
    const char *name, *state, *suite;
    uint32_t version;
    int64_t samples;
} checked_ring;
typedef struct keys_checked {
    const char *vault;
    int64_t lines, residents, erased;
    int64_t archives, archives_away; /* files of the log; those that are not in the folder as they were */
    const char *behind;              /* how the database lags behind what is kept outside of it; NULL: it does not */
    checked_ring *rings;
    size_t ring_count;
} keys_checked;
/* Opens every ring, and a sample of what lies under each; writes nothing. INTEGRITY: another root key, or something
 * does not open; INVALID: no root key was given, or one of another source. In the arena. */
VAULT_MUST_USE vault_code service_check_keys(keys_checked *out, arena *mem, const service_options *options,
                                             vault_error *err);
/* The database is older than what is kept outside, and no newer one is to be had: from now on it is what there is.
 * Whoever was erased in what is lost is erased again (*again of them are still there), with lines; the files outside
 * are set aside. INVALID: nothing is lost. */
VAULT_MUST_USE vault_code service_accept_loss(int64_t *again, arena *mem, const service_options *options,
                                              vault_error *err);
/* False while the node is sealed, or the last attempt to write the log failed. Any thread. */
bool service_healthy(const service *s);

/* What each worker thread has of its own: a database connection, cipher handles. One thread at a time. */
typedef struct session session;
VAULT_MUST_USE vault_code session_open(session **out, service *s, vault_error *err);
void session_close(session **s);

/* ---- calls ---- */

/* One call. The transport fills the first part, and sends what the service leaves in the second. */
typedef struct request {
    arena *mem;                 /* everything of the call lives here */
    const char *const *uris;    /* SAN URIs of the client certificate, NULL-terminated */
    digest certificate;         /* SHA-256 of its DER */
    const ProtobufCMessage *in; /* of the method's input type */
    int64_t deadline_us;        /* monotonic clock */

    ProtobufCMessage *out; /* of the method's output type; set when err.code is VAULT_OK */
    vault_error err;       /* outcome; zeroed by the transport */

    bool asserted; /* the service's own: the assertion has been used up by this very call */

    /* Of a client stream (method.stream). The transport runs such a call once for each message, in order, and once more
     * with `in` NULL when the client has sent all; `out` is set by that last run alone, and an error of any run ends
     * the call. A stream without any message is refused and never run. `mem` then lives for one run, `kept` for the
     * whole call; `state` is the service's own between runs, in `kept`, and `asserted` stays as a run left it. Of a
     * unary call `kept` is `mem`. */
    arena *kept;
    void *state;
} request;

struct call;
/* One row of the method table. */
typedef struct method {
    const char *path; /* "/vault.v1.Tokens/Reveal" */
    const ProtobufCMessageDescriptor *input, *output;
    unsigned roles; /* set of role: who may call it */
    int action;     /* line_action of its lines */
    bool stream;    /* the client sends a stream of messages (request.state) */
    size_t (*items)(
        const ProtobufCMessage *in); /* items in a call, at least 1: the transport fills batches up to BATCH_ITEMS */
    void (*run)(session *s, struct call **calls, size_t count); /* behind the gate; the service's own */
    void (*sealed)(session *s, const struct method *m,
                   request *rq); /* while the node is sealed, without any gate; NULL: UNAVAILABLE SEALED */
} method;

enum { BATCH_ITEMS = 512, CALL_ITEMS = 4096 };

/* The method table: every rpc of proto/vault/v1 has exactly one row (service_check proves it against the generated
 * descriptors, and that every request has its context; the process does not start otherwise). */
const method *service_methods(size_t *count);
VAULT_MUST_USE vault_code service_check(vault_error *err);

/* Runs calls of one method: gate, handler, outcome in each. Never fails as a whole. */
void service_run(session *s, const method *m, request **calls, size_t count);

/* ---- outcome at the border ---- */

/* gRPC status code (google.rpc.Code) for an outcome, and the fixed public text. */
int status_code(vault_code code);
const char *status_text(vault_code code);
/* google.rpc.Status with typed details (BadRequest for a field, ErrorInfo with reason and clause), in the arena, packed
 * or as message. Never holds a value. NULL when memory is out. */
struct Google__Rpc__Status;
struct Google__Rpc__Status *status_message(arena *mem, const vault_error *err);
bytes status_packed(arena *mem, const vault_error *err);
/* protobuf-c's allocator over an arena. */
ProtobufCAllocator arena_allocator(arena *mem);

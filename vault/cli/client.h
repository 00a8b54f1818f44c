/* A gRPC client of the vault: one connection over mutual TLS, calls waited for or many in flight. It knows the protocol
 * and nothing of the server's inside; the benches use it too. One thread at a time for each client. */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"
#include <protobuf-c/protobuf-c.h>

typedef struct client client;

typedef struct client_options {
    const char *server;          /* "127.0.0.1:7443", a name or address of the server's certificate */
    const char *ca, *cert, *key; /* PEM files: who may be the server, and who we are */
    size_t message_max;          /* largest reply; 0: 16 MiB */
} client_options;

/* Every client has a connection of its own, opened by its first call. INVALID: a file that cannot be read. */
VAULT_MUST_USE vault_code client_open(client **out, const client_options *options, vault_error *err);
void client_close(client **c); /* cancels what is in flight; takes NULL inside */
/* gRPC's own log is dropped from now on: outcomes say what is needed. Once per process. */
void client_silence(void);

/* How a call or an item ended, with the typed details that it carried (google.rpc.ErrorInfo, BadRequest, RetryInfo). */
enum { WHY_MAX = 640 };
typedef struct outcome {
    int code;           /* google.rpc.Code; 0: OK */
    char message[256];  /* the fixed public text */
    char reason[64];    /* ErrorInfo.reason */
    char clause[64];    /* the policy clause that refused, or "" */
    char field[96];     /* path of the field at fault, or "" */
    char violation[64]; /* what is wrong with it */
    int retry_ms;       /* 0: nothing said */
    char why[WHY_MAX];  /* of a refusal by the policy: what is missing, in English and in Chinese; or "" */
    char why_zh[WHY_MAX];
} outcome;

enum {
    CODE_OK = 0,
    CODE_CANCELLED = 1,
    CODE_UNKNOWN = 2,
    CODE_INVALID_ARGUMENT = 3,
    CODE_DEADLINE_EXCEEDED = 4,
    CODE_NOT_FOUND = 5,
    CODE_PERMISSION_DENIED = 7,
    CODE_RESOURCE_EXHAUSTED = 8,
    CODE_UNAVAILABLE = 14,
    CODE_DATA_LOSS = 15,
    CODE_UNAUTHENTICATED = 16,
    CODES = 17
};
const char *outcome_name(int code); /* "PERMISSION_DENIED"; static */
struct Google__Rpc__Status;
/* An item's status; NULL is OK. */
void outcome_read(outcome *out, const struct Google__Rpc__Status *status);

/* ---- one call, waited for ---- */

typedef struct exchange {
    const char *method; /* "/vault.v1.Tokens/Reveal"; outlives the call */
    const ProtobufCMessage *request;
    const ProtobufCMessageDescriptor *type; /* of the reply */
    int timeout_ms;

    outcome outcome;
    ProtobufCMessage *reply; /* NULL unless the outcome is OK; freed by exchange_clear */
} exchange;
/* No other call may be in flight on this client. */
void client_exchange(client *c, exchange *x);
void exchange_clear(exchange *x);

/* ---- many calls in flight ---- */

typedef struct client_call {
    const char *method; /* outlives the call */
    bytes request;      /* packed; copied */
    int timeout_ms;
    void *tag; /* comes back with the completion */
    /* The further messages of a stream, sent one by one as the server takes them; they outlive the call. */
    const bytes *more;
    size_t more_count;
} client_call;
void client_start(client *c, const client_call *call);

typedef struct completion {
    void *tag;
    outcome outcome;
    bytes reply; /* packed, empty unless OK; valid until completion_clear */
} completion;
/* The next call that has ended; false when none did within timeout_ms. */
bool client_next(client *c, completion *out, int timeout_ms);
void completion_clear(completion *c); /* wipes the reply */
void client_cancel(client *c);        /* what is in flight ends now, as CANCELLED */
/* Waits, and looks for a connection that was lost: without a call in flight nobody else does. True, before its time,
 * when there is one again. No call may be in flight. */
bool client_rest(client *c, int timeout_ms);

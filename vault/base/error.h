/* Outcomes. A function that can fail returns a vault_code that must be used; the first cause stays in the vault_error
 * that the caller handed in last (never NULL). Codes map to gRPC status codes at one place, the border (vault/rpc).
 * `field` and `reason` may reach a client (field path of the request, machine-readable reason); `where` and `detail`
 * are for the operator's log. None of them ever holds a value of a resident. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

typedef enum vault_code {
    VAULT_OK,
    VAULT_INVALID, /* the request is malformed: `field` and `reason` say where and why */
    VAULT_DENIED,  /* policy refuses: `reason` names the clause */
    VAULT_NOT_FOUND,
    VAULT_CONFLICT,    /* a stale version, or an identity that is taken */
    VAULT_EXHAUSTED,   /* a limit: queue, size, budget */
    VAULT_UNAVAILABLE, /* PostgreSQL or the log is not there: try again */
    VAULT_INTEGRITY,   /* stored data failed authentication: DATA_LOSS */
    VAULT_INTERNAL,
    VAULT_UNAUTHENTICATED, /* certificate or assertion does not say who calls: `reason` */
    VAULT_PRECONDITION,    /* not as things stand: `reason` says what must be so first */
    VAULT_CODES
} vault_code;

typedef struct vault_error {
    vault_code code;
    const char *where;  /* "file.c:line" of the first cause; static */
    const char *reason; /* static UPPER_SNAKE text for ErrorInfo.reason, or NULL */
    char field[96];     /* path in the request, e.g. "items[3].values[1]", or "" */
    char detail[192];   /* for the operator: place and ids, never values */
    const void *why; /* of a refusal by the policy, for the client: its explanation, a message (vault/service), owned by
                        the request's arena; or NULL */
} vault_error;

#define VAULT_STRINGIFY_(x) #x
#define VAULT_STRINGIFY(x)  VAULT_STRINGIFY_(x)
#define VAULT_HERE          __FILE_NAME__ ":" VAULT_STRINGIFY(__LINE__)

/* Record the first cause and return `code`. Later calls on the same error keep the first cause. */
#define vault_fail(err, code, ...) vault_fail_at((err), (code), VAULT_HERE, __VA_ARGS__)
__attribute__((format(printf, 4, 5))) vault_code vault_fail_at(vault_error *err, vault_code code, const char *where,
                                                               const char *format, ...);

/* As vault_fail, for causes that the client may act on: `reason` is a static text, `field` a request path (may be "").
 */
#define vault_refuse(err, code, reason, field) vault_refuse_at((err), (code), VAULT_HERE, (reason), (field))
vault_code vault_refuse_at(vault_error *err, vault_code code, const char *where, const char *reason, const char *field);

/* Forget the cause, so that the same object can be used again. */
void vault_error_clear(vault_error *err);

/* "INVALID", "DENIED", ... static. */
const char *vault_code_name(vault_code code);

#define VAULT_MUST_USE __attribute__((warn_unused_result))

/* The only control-flow macro: leave with the code unless it is VAULT_OK. */
#define VAULT_TRY(expr)                                                                                                \
    do {                                                                                                               \
        vault_code vault_try_code_ = (expr);                                                                           \
        if (vault_try_code_ != VAULT_OK) return vault_try_code_;                                                       \
    } while (0)

/* Scope frees: VAULT_CLEANUP(secret_clear) secret dek = {0}; the destructor takes a pointer to an empty object too. */
#define VAULT_CLEANUP(destructor) __attribute__((cleanup(destructor)))

/* The sealed manifest: schema, principals, purposes with their domains, and policy, as one JSON document under the
 * control ring, with one version and digest in the head of the log. Read once, frozen, shared by all threads; another
 * version in the head makes a node reload (control_reload). Files at init, in one folder: schema.json, principals.json,
 * purposes.json, policy.json (deploy/dev holds a complete example); unknown or duplicate keys, unknown names,
 * look-alike ids are errors that name document, line and key. Ids: 1 to 64 of [a-z0-9-], purposes also '/'. */
#pragma once
#include "keys/keys.h"
#include "policy/policy.h"
#include "tokenizer/format.h"
#include "vault/audit/audit.h"
#include "vault/store/store.h"

typedef enum role {
    ROLE_APP = 1,
    ROLE_OFFICER = 2,
    ROLE_ADMINISTRATOR = 4
} role; /* bits, for sets; a principal has one */

typedef struct schema_field {
    const char *name;  /* "id_number" */
    const char *label; /* "公民身份号码" */
    unsigned number;   /* 1 to 127, never used again */
    const format *format;
    const char *group;      /* field group that a resident sees: "identity", "contact", ... */
    const char *class_name; /* "general", "personal", "sensitive" */
    unsigned level;         /* 1 to 4 */
    const char *owner;      /* authoritative department */
    bool term;              /* equality search terms are kept */
} schema_field;

typedef struct schema {
    const char *collection;     /* "residents" */
    const schema_field *fields; /* ordered by number */
    size_t count;
    const schema_field *natural_key, *area;
} schema;
const schema_field *schema_find(const schema *s, bytes name); /* NULL when unknown */
const schema_field *schema_number(const schema *s, unsigned number);

typedef struct principal {
    const char *id;  /* "eldercare" */
    const char *uri; /* SAN URI of its certificate */
    role role;
    const char *department; /* of an app; "" for officers and administrators */
    unsigned department_no; /* from 1; 0 for none */
    consumer_no consumer;   /* of an app */
} principal;

typedef struct purpose {
    const char *id, *title, *basis; /* basis: "PIPL 13(1)(3)" */
    purpose_no no;
} purpose;

typedef struct domain {
    uint32_t number; /* 24 bits, opaque, random at init; never 0 */
    consumer_no consumer;
    purpose_no purpose;
    const char *ring; /* "token/<number>" */
} domain;

typedef struct person {
    const char *id, *department;
} person;

/* One version of the manifest. Frozen. */
typedef struct manifest {
    int64_t version;
    digest digest;
    const char *vault; /* name: origin of the log, audience of assertions */
    schema schema;
    const policy *policy;
} manifest;
const principal *manifest_principal(const manifest *m, const char *uri); /* exact match; NULL when not registered */
const principal *manifest_app(const manifest *m, consumer_no no);
const purpose *manifest_purpose(const manifest *m, bytes id);
const domain *manifest_domain(const manifest *m, consumer_no consumer, purpose_no purpose);
const domain *manifest_domain_number(const manifest *m, uint32_t number);
const person *manifest_person(const manifest *m, const char *id);

/* Per process. */
typedef struct control control;
/* Reads vault, rings (opened with the root key), head and manifest. NOT_FOUND: the database was never initialised;
 * INTEGRITY: wrong root key, or a row was edited; nothing is written. */
VAULT_MUST_USE vault_code control_open(control **out, store *s, bytes root, vault_error *err);
void control_close(control **c);
const keyring *control_keys(const control *c);
const char *control_vault_name(const control *c);
/* The manifest in force: count a reference, give it back. Any thread. */
const manifest *control_acquire(control *c);
void control_release(control *c, const manifest *m);
/* Reads the version that the head names, if it is another than the one in force. Any thread, with its own connection.
 */
VAULT_MUST_USE vault_code control_reload(control *c, store *s, vault_error *err);

/* A new vault in an empty database, in one transaction: tables, rings, manifest version 1, log with its first line. */
typedef struct init_options {
    const char *name;   /* "resident-vault/dev" : 1 to 64 of [a-z0-9./-] */
    const char *folder; /* of the four files */
    bytes root;         /* root key */
    bytes root_salt;    /* with a passphrase; else empty */
    argon2_cost cost;
} init_options;
VAULT_MUST_USE vault_code control_init(store *s, const init_options *options, vault_error *err);
/* Everything that control_init would check in the folder, without a database. */
VAULT_MUST_USE vault_code control_check_folder(const char *folder, vault_error *err);

/* ---- assertions ------------------------------------------------------------------------------------------------- */

/* What an assertion must say (common.proto, RequestContext.assertion). */
typedef struct assertion_claims {
    const principal *app;
    const char *purpose;
    int64_t now_us;
} assertion_claims;
typedef struct assertion {
    const person *person; /* of the manifest */
    digest id;            /* SHA-256 of iss ‖ 0 ‖ jti: to be used up once (store_assertions_use) */
    int64_t expires_us;
} assertion;
/* UNAUTHENTICATED with reason ASSERTION_MALFORMED (over 4,096 bytes, unknown, missing or doubled key),
 * ASSERTION_SIGNATURE (algorithm, key id, signature), ASSERTION_AUDIENCE, ASSERTION_APP (azp or iss),
 * ASSERTION_PURPOSE, ASSERTION_TOO_LONG, ASSERTION_NOT_YET, ASSERTION_EXPIRED, ASSERTION_PERSON, in this order. ES256
 * only; "none" and every other algorithm is refused. Clock skew allowed: 30 s, which expires_us includes. Any thread.
 */
VAULT_MUST_USE vault_code assertion_verify(assertion *out, const manifest *m, const char *jwt,
                                           const assertion_claims *claims, vault_error *err);

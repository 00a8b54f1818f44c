/* How one version of the manifest lies in memory, and the steps by which it is made: documents are read, checked and
 * frozen; texts are borrowed from the documents, which live as long as the manifest does. */
#pragma once
#include "policy/id.h"
#include "vault/base/arena.h"
#include "vault/base/json.h"
#include "vault/control/control.h"

#include <cjose/cjose.h>

/* The four files, in this order everywhere. */
typedef enum document { DOC_SCHEMA, DOC_PRINCIPALS, DOC_PURPOSES, DOC_POLICY, DOCUMENTS } document;
typedef struct documents {
    json_t *of[DOCUMENTS];
} documents;                           /* owned: documents_clear */
const char *document_name(document d); /* "schema" */
VAULT_MUST_USE vault_code documents_read(documents *out, const char *folder, vault_error *err);
void documents_clear(documents *d);

typedef struct assertion_key {
    const char *kid;
    const char *x; /* of the public point, as it stands in the document */
    cjose_jwk_t *jwk;
} assertion_key;

typedef struct department {
    const char *id, *name;
    size_t first_key, key_count; /* in manifest_body.keys */
} department;

/* The public part comes first: a `const manifest *` is the address of its body. */
typedef struct manifest_body {
    manifest m;
    unsigned references; /* under the control's mutex */
    documents docs;
    policy *rules;
    schema_field *fields;
    size_t field_count;
    department *departments; /* in document order */
    size_t department_count;
    assertion_key *keys;
    size_t key_count, key_capacity;
    principal *principals; /* apps in document order, then officers, then administrators */
    size_t principal_count, app_count;
    const principal **by_uri, **apps_by_id;
    person *persons; /* by id */
    size_t person_count;
    purpose *purposes; /* in document order */
    size_t purpose_count;
    const purpose **purposes_by_id;
    domain *domains; /* by consumer, purpose */
    size_t domain_count, domain_capacity;
    const domain **domains_by_number;
    char (*domain_rings)[RING_NAME_MAX];
} manifest_body;

static inline const manifest_body *body_of(const manifest *m)
{
    return (const manifest_body *)m;
}

enum { DOMAIN_NUMBER_MAX = 0xffffff };

/* Checks and freezes. `numbers`: of the domains, in the order in which the purposes name their consumers; NULL: 1, 2,
 * 3, ... (a trial). The version and the digest are set by whoever knows them. */
VAULT_MUST_USE vault_code manifest_build(manifest_body **out, const char *vault, const documents *docs, json_t *numbers,
                                         vault_error *err);
void manifest_free(manifest_body **b);

/* ---- steps of manifest_build, in this order; each borrows the body and the error ---- */

typedef struct builder {
    manifest_body *body;
    vault_error *err;
    char at[64 + ID_MAX]; /* where the reading stands: "principals.apps[3] (eldercare)"; every message begins with it */
} builder;
VAULT_MUST_USE vault_code build_principals(builder *b, json_t *value);
VAULT_MUST_USE vault_code build_schema(builder *b, json_t *value);
VAULT_MUST_USE vault_code build_purposes(builder *b, json_t *value, json_t *numbers);
VAULT_MUST_USE vault_code build_policy(builder *b, json_t *value);

#define builder_fail(b, text, ...) vault_fail((b)->err, VAULT_INVALID, "%s: " text, (b)->at, __VA_ARGS__)
/* `list` must be a list of at most `most` entries. */
VAULT_MUST_USE vault_code builder_list(builder *b, json_t *list, const char *name, size_t most);
void builder_in(builder *b, const char *part);                  /* "schema" */
void builder_at(builder *b, const char *list, size_t i);        /* "principals.apps[3]" */
void builder_named(builder *b, json_t *value, const char *key); /* adds " (eldercare)" when the entry has such a text */
VAULT_MUST_USE vault_code builder_id(builder *b, const char *key, const char *id, const char *extra);
VAULT_MUST_USE vault_code builder_text(builder *b, const char *key, const char *text); /* 1 to 200 bytes, no controls */
VAULT_MUST_USE vault_code builder_twins(builder *b, const char *where, const char *const *ids, size_t count);

/* Registered look-ups that the header does not offer. */
const department *find_department(const manifest_body *b, const char *id); /* linear: at load only */
consumer_no find_consumer(const manifest_body *b, const char *id);

VAULT_MUST_USE vault_code assertion_key_read(builder *b, assertion_key *out, json_t *value);

/* ---- at rest ---- */

enum { ROOT_KEY_LEN = 32, TABLES_FORMAT = 1 };
#define MANIFEST_ARENA ((size_t)256 << 20)

/* The canonical document: keys sorted, no spaces. */
VAULT_MUST_USE vault_code manifest_text(bytes *out, arena *mem, const manifest_body *b, vault_error *err);
digest manifest_digest(bytes text, int64_t version);
/* Sealed: version of the control ring (4, big-endian) ‖ AEAD. AAD = "manifest", that version, name of the vault,
 * version. */
VAULT_MUST_USE vault_code manifest_seal(bytes *out, arena *mem, const keyring *keys, const manifest *m, bytes text,
                                        vault_error *err);
VAULT_MUST_USE vault_code manifest_unseal(bytes *text, arena *mem, const keyring *keys, const manifest *m, bytes sealed,
                                          vault_error *err);
/* Text back to a manifest. */
VAULT_MUST_USE vault_code manifest_parse(manifest_body **out, bytes text, const char *vault, vault_error *err);

bool vault_name_valid(const char *name);

/* A ring without which the vault cannot work: calls `each` for every name. Stops at the first that does not return OK.
 */
typedef vault_code (*ring_visitor)(void *context, const char *name, vault_error *err);
VAULT_MUST_USE vault_code manifest_rings(const manifest_body *b, ring_visitor each, void *context, vault_error *err);

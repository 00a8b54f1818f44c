/* How one version of the manifest lies in memory, and the steps by which it is made: documents are read, checked and
 * frozen; texts are borrowed from the documents, which live as long as the manifest does. */
#pragma once
#include "policy/id.h"
#include "vault/base/arena.h"
#include "vault/base/json.h"
#include "vault/control/control.h"

#include <cjose/cjose.h>

typedef struct documents {
    json_t *of[DOCUMENTS]; /* those of the vault's own may be NULL before it is made */
} documents;               /* owned: documents_clear */
/* The files of a folder; faults name file, line and column. */
VAULT_MUST_USE vault_code documents_read(documents *out, const char *folder, vault_error *err);
void documents_clear(documents *d);
/* The fault that manifest_build found in the documents of a folder, as people read it: "schema.json:14:22:
 * fields[3].format: unknown format ..." becomes the detail. Returns the code of the error. */
vault_code documents_fault(vault_error *err, const char *folder);

typedef struct assertion_key {
    const char *kid;
    const char *x;  /* of the public point, as it stands in the document */
    uint32_t until; /* last day; UINT32_MAX: no end */
    bool revoked;
    cjose_jwk_t *jwk;
} assertion_key;

typedef struct department {
    const char *id, *name;
    unsigned number;             /* 1 to 65,535, never used again: provenance of stored values */
    size_t first_key, key_count; /* in manifest_body.keys */
} department;

typedef struct person_role {
    const char *id, *title;
} person_role;

/* What of a manifest is not in its documents (core: history.c, change.c, documents.c). */
typedef struct manifest_core {
    struct {
        digest digest;
        int64_t version; /* that brought it */
        int64_t row;     /* that its content was written by: of the proposal, where there was one */
    } documents[DOCUMENTS];
    digest previous;                  /* manifest before; zero for the first */
    digest rings;                     /* all rows of key_ring (ring_rows_digest) */
    digest fixed;                     /* the row of vault (vault_row_digest) */
    int64_t turns;                    /* manifest.turns */
    const char *expired[PENDING_MAX]; /* approvals that this change dropped */
    size_t expired_count;
    change_record record;
    approval pending[PENDING_MAX];
    size_t pending_count;
    emergency emergencies[EMERGENCIES_MAX]; /* oldest first */
    size_t emergency_count;
    json_t *text; /* of the manifest row: what the texts above are borrowed from */
} manifest_core;

/* The public part comes first: a `const manifest *` is the address of its body. */
typedef struct manifest_body {
    manifest m;
    keyring *rings;      /* held */
    unsigned references; /* under the control's mutex */
    documents docs;
    manifest_core core;
    policy *rules;
    policy_cases *never;  /* of the policy; or NULL */
    schema_field *fields; /* by number */
    size_t field_count;
    collection *collections;                /* in document order */
    const schema_field **collection_fields; /* of all collections, one after the other */
    size_t collection_count;
    schema_predicate *predicates; /* of all collections, one after the other */
    size_t predicate_count, predicate_capacity;
    certificate *certificates; /* of all principals, one after the other */
    size_t certificate_count, certificate_used;
    person_role *roles; /* in document order: role_no - 1 */
    size_t role_count;
    area_range *areas; /* of persons and sharing bases */
    size_t area_count, area_capacity;
    sharing_basis *bases; /* by id */
    size_t basis_count;
    browse_permit *permits; /* by id */
    size_t permit_count;
    department *departments; /* in document order */
    size_t department_count;
    assertion_key *keys;
    size_t key_count, key_capacity;
    principal *principals; /* apps in document order, then officers, then administrators */
    size_t principal_count, app_count;
    const principal **by_uri, **apps_by_id;
    const department **departments_by_id;
    person *persons; /* by id */
    size_t person_count;
    purpose *purposes; /* in document order */
    size_t purpose_count;
    const purpose **purposes_by_id;
    domain *domains; /* by consumer, purpose */
    size_t domain_count, domain_capacity;
    const domain **domains_by_number;
    char (*domain_rings)[RING_NAME_MAX];
    canary *canaries; /* in the order of their making */
    const canary **canaries_by_resident;
    size_t canary_count;
    canary_value *canary_values; /* of all canaries, one after the other */
    size_t canary_value_count, canary_value_capacity;
} manifest_body;

static inline const manifest_body *body_of(const manifest *m)
{
    return (const manifest_body *)m;
}

enum { DOMAIN_NUMBER_MAX = 0xffffff, AREAS_MAX = 256, NUMBER_MAX = POLICY_FIELDS_MAX - 1 };

/* Checks and freezes the documents (build.c). Without DOC_DOMAINS domains are numbered 1, 2, 3, ... (a trial). Version,
 * digest and core are set by whoever knows them. INVALID: reason DOCUMENT_INVALID, err->field the path of the fault
 * ("policy.rules[3].fields"), detail what and how to mend it. */
VAULT_MUST_USE vault_code manifest_build(manifest_body **out, const char *vault, const documents *docs,
                                         vault_error *err);
/* A change from `old` to `next` that would make stored values unreadable is refused (compatible.c): INVALID
 * CHANGE_UNREADABLE with the path: a field, predicate, collection or department that is gone or has another number;
 * another format (but a wider text), natural key or area field of a collection; another meaning of a predicate. */
VAULT_MUST_USE vault_code manifest_check_change(const manifest_body *old, const manifest_body *next, vault_error *err);
/* What somebody would put in the place of a document, on which day (YYYYMMDD). */
typedef struct document_given {
    document which;
    bytes content;
    uint32_t today;
} document_given;
/* The pure part of control_check_document: NULL when the document would be taken in the place of the standing one, and
 * *parsed (owned by the caller) is what it says; else the reason (DOCUMENT_INVALID, CHANGE_UNREADABLE,
 * ASSESSMENT_EXPIRED), and the fault says line, column, path and mend. A fault that shows in another document
 * ("persons.persons[3].role") has line 0 and is named with that document. */
VAULT_MUST_USE const char *document_check(document_fault *fault, json_t **parsed, const document_given *given,
                                          const manifest_body *standing);
/* DOC_DOMAINS for these documents: numbers that stand are kept, also of pairs that are gone; new pairs get random ones.
 */
VAULT_MUST_USE vault_code domains_complete(json_t **out, const documents *docs, vault_error *err);
void manifest_free(manifest_body **b);

/* ---- steps of manifest_build, in this order; each borrows the body and the error ---- */

/* Where the reading stands is a path as json_locate reads it; names in brackets are for people. */
typedef struct builder {
    manifest_body *body;
    vault_error *err;
    char at[96];           /* "principals.apps[3]" */
    char name[4 + ID_MAX]; /* " (eldercare)", or "" */
} builder;
VAULT_MUST_USE vault_code build_principals(builder *b, json_t *value); /* departments, roles, apps, officers, ... */
VAULT_MUST_USE vault_code build_departments(builder *b, json_t *list); /* of principals */
VAULT_MUST_USE vault_code build_roles(builder *b, json_t *list);       /* of principals */
VAULT_MUST_USE vault_code build_persons(builder *b, json_t *value);
VAULT_MUST_USE vault_code build_schema(builder *b, json_t *value);
VAULT_MUST_USE vault_code build_predicates(builder *b, collection *c, json_t *list); /* of schema; NULL: none */
VAULT_MUST_USE vault_code check_predicate_names(builder *b);                         /* when all of them are read */
VAULT_MUST_USE vault_code build_purposes(builder *b, json_t *value, json_t *domains);
/* INVALID ASSESSMENT_EXPIRED, with the path: a purpose that is new, or is not as it stands, has an assessment that
 * ended before today. One that stands may: its rules pass no more, and nothing else is held up. */
VAULT_MUST_USE vault_code purposes_assessed(json_t *value, json_t *standing, uint32_t today, vault_error *err);
VAULT_MUST_USE vault_code build_domains(builder *b, json_t *document); /* of purposes; NULL: a trial */
VAULT_MUST_USE vault_code build_sharing(builder *b, json_t *value);
VAULT_MUST_USE vault_code build_policy(builder *b, json_t *value);
VAULT_MUST_USE vault_code check_masks(builder *b, json_t *rules); /* of policy: onlookers.c */
VAULT_MUST_USE vault_code build_browsing(builder *b, json_t *value);
VAULT_MUST_USE vault_code build_canaries(builder *b, json_t *value); /* NULL: a trial */
void canaries_clear(manifest_body *body);                            /* what build_canaries has made */
/* DOC_CANARIES of a new vault. */
VAULT_MUST_USE vault_code canaries_none(json_t **out, vault_error *err);

/* INVALID DOCUMENT_INVALID; the path is `at`, and `key` (may be "") below it; the text is for people and says the mend.
 */
#define builder_fail(b, key, ...) builder_fail_at((b), VAULT_HERE, (key), __VA_ARGS__)
__attribute__((format(printf, 4, 5))) vault_code builder_fail_at(builder *b, const char *where, const char *key,
                                                                 const char *message, ...);
/* `list` must be a list of at most `most` entries. */
VAULT_MUST_USE vault_code builder_list(builder *b, json_t *list, const char *name, size_t most);
void builder_in(builder *b, const char *part);                  /* "schema" */
void builder_at(builder *b, const char *list, size_t i);        /* "principals.apps[3]" */
void builder_into(builder *b, const char *part);                /* adds ".contract" */
void builder_into_at(builder *b, const char *list, size_t i);   /* adds ".certificates[0]"; no name any more */
void builder_named(builder *b, json_t *value, const char *key); /* adds " (eldercare)" when the entry has such a text */
void builder_entry(builder *b, const char *list, size_t i, json_t *value); /* at an entry that has an id: both */
VAULT_MUST_USE vault_code builder_id(builder *b, const char *key, const char *id, const char *extra);
/* "P10Y" or "P6M" to months, at most 1,200; 0 for anything else. */
unsigned months_read(const char *text);
/* Of fields and predicates: names in field masks have no '-', and a ring "term/<name>" must fit. */
VAULT_MUST_USE vault_code builder_field_name(builder *b, const char *name);
VAULT_MUST_USE vault_code builder_text(builder *b, const char *key, const char *text); /* 1 to 200 bytes, no controls */
/* As builder_text, of at most so many bytes. */
VAULT_MUST_USE vault_code builder_text_of(builder *b, const char *key, const char *text, size_t most);
/* Two ids that look alike are a fault at `where`, in which "[]" stands for the place of the later one:
 * "principals.departments[].id". */
VAULT_MUST_USE vault_code builder_twins(builder *b, const char *where, const char *const *ids, size_t count);
/* Places of two ids that look alike, the first one smaller. */
bool find_twins(size_t *earlier, size_t *later, const char *const *ids, size_t count);
/* "valid", "contract": two days, both included. */
VAULT_MUST_USE vault_code builder_days(builder *b, const char *key, json_t *value, uint32_t days[2]);
/* A list of prefixes, read to the end of the body's areas and sorted. */
VAULT_MUST_USE vault_code builder_areas(builder *b, json_t *list, const area_range **areas, size_t *count);
/* Takes what a terminal would obey, and what is no UTF-8, out of a message. */
void text_clean(char *text);
/* Strict shape of the entry at hand (json_shape), with the fault's path. */
#define builder_shape(b, value, ...) builder_shape_at((b), (value), __VA_ARGS__)
vault_code builder_shape_at(builder *b, json_t *value, const char *shape, ...);

/* ---- masks ---- */

/* What somebody may see of one resident, over all calls: fields and predicates, by how they are seen. */
typedef enum sight {
    SEEN_PLAIN,
    SEEN_MASKED,
    SEEN_TOKEN, /* format-preserving */
    SEEN_FOUND, /* searched by, where the residents found are told, or can be told from counts */
    SEEN_ASKED, /* predicates */
    SIGHTS
} sight;
typedef struct onlooker {
    field_set seen[SIGHTS];
} onlooker;
/* The least number of values that fit what is shown of a masked field, and all else that the onlooker sees (masks.c).
 * That it may see the field itself in plain form is not looked at. */
uint64_t masked_left(const onlooker *r, const schema_field *f);

/* Registered look-ups that the header does not offer. */
/* Whether the principal has a certificate that is not revoked, and is not `but` (NULL: any). */
bool principal_can_call(const principal *p, const digest *but);
const department *find_department(const manifest_body *b, const char *id);
consumer_no find_consumer(const manifest_body *b, const char *id);
role_no find_role(const manifest_body *b, const char *id);

VAULT_MUST_USE vault_code assertion_key_read(builder *b, assertion_key *out, json_t *value);

/* ---- at rest ---- */

enum { ROOT_KEY_LEN = 32, TABLES_FORMAT = 6 };

/* A document's canonical text: keys sorted, no spaces; its digest is SHA-256 of it. */
VAULT_MUST_USE vault_code document_canonical(bytes *out, arena *mem, json_t *value, vault_error *err);
/* Sealed, manifests and documents alike: version of the control ring (4, big-endian) ‖ AEAD. AAD = kind ("manifest", or
 * a document's name), that version, name of the vault, version of the manifest (that brought the document). */
typedef struct seal_place {
    const char *kind, *vault;
    int64_t version;
} seal_place;
VAULT_MUST_USE vault_code control_seal(bytes *out, arena *mem, const keyring *keys, const seal_place *at, bytes text,
                                       vault_error *err);
VAULT_MUST_USE vault_code control_unseal(bytes *text, arena *mem, const keyring *keys, const seal_place *at,
                                         bytes sealed, vault_error *err);

bool vault_name_valid(const char *name);

/* A ring without which the vault cannot work: calls `each` for every name. Stops at the first that does not return OK.
 */
typedef vault_code (*ring_visitor)(void *context, const char *name, vault_error *err);
VAULT_MUST_USE vault_code manifest_rings(const manifest_body *b, ring_visitor each, void *context, vault_error *err);

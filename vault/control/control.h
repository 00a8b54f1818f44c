/* The control room (DESIGN.md section 8): what everybody may do, as one sealed, versioned whole.
 *
 * The manifest names its documents (schema, principals, persons, purposes, policy, sharing, browsing, and the domains
 * that the vault has numbered itself) by the version that brought each, holds what waits for approval, and says what
 * change made it. It is sealed under the control ring; its version and digest stand in the head of the log, under the
 * head's MAC, so that an older state put back by SQL does not fit. Documents are sealed rows of their own. One version
 * is read once, frozen, and shared by all threads; every append of lines is conditional on the version in the head and
 * on the stamp of the control rows (store.h), so that a change, or an edit by SQL, is met before the next decision is
 * final.
 *
 * Document files at init, in one folder: schema.json, principals.json, persons.json, purposes.json, policy.json,
 * sharing.json, browsing.json (deploy/dev holds a complete example, docs/schemas/ their JSON Schemas). Unknown or
 * duplicate keys, unknown names, look-alike ids are errors that name file, line, column, key and mend. Ids: 1 to 64 of
 * [a-z0-9-], purposes also '/'. */
#pragma once
#include "keys/keys.h"
#include "policy/cases.h"
#include "policy/policy.h"
#include "tokenizer/format.h"
#include "tokenizer/mask.h"
#include "tokenizer/predicate.h"
#include "tokenizer/term.h"
#include "vault/audit/audit.h"
#include "vault/store/store.h"

typedef enum role {
    ROLE_APP = 1,
    ROLE_OFFICER = 2,
    ROLE_ADMINISTRATOR = 4
} role; /* bits, for sets; a principal has one */

typedef struct collection collection;

typedef struct schema_field {
    const char *name;  /* "id_number": unique over all collections */
    const char *label; /* "公民身份号码" */
    unsigned number;   /* 1 to 255, unique over all collections, never used again */
    const collection *collection;
    const format *format;
    const char *group;         /* field group that a resident sees: "identity", "contact", ... */
    const char *class_name;    /* "general", "personal", "sensitive" */
    unsigned level;            /* 1 to 4 */
    const char *owner;         /* authoritative department */
    unsigned owner_no;         /* its number */
    const mask *mask;          /* of the masked form */
    uint64_t mask_strength;    /* what the mask must leave to be guessed, at least */
    unsigned retention_months; /* "P10Y": so long after it was collected the value is dropped */
    unsigned indexes;          /* "index": set of 1 << index_kind: the search terms that are kept */
    bool unique;               /* "unique": true; needs "equality": residents can be named by it */
    bool token;                /* "token": "ff1": has format-preserving tokens */
    bool retired;              /* stays readable, is not put any more */
} schema_field;

/* A question about a field that is answered without the value: "predicates" of a collection. Its name and its number
 * are of the same space as those of fields, so that rules, grants and lines name it as they name a field. */
typedef struct schema_predicate {
    const char *name, *label;
    unsigned number;
    const schema_field *field;
    predicate test;
} schema_predicate;

struct collection {
    const char *name, *label;          /* "residents" */
    unsigned number;                   /* 1 to 255, never used again; stored with every row */
    const schema_field *const *fields; /* ordered by number */
    size_t count;
    const schema_field *natural_key, *area;
    const schema_field *grid; /* format "grid", narrows the area; or NULL */
    unsigned term_months;     /* "term": a law wants records kept so long after their newest value; 0: none does */
    const schema_predicate *predicates;
    size_t predicate_count;
};

typedef struct schema {
    const schema_field *fields; /* of all collections, ordered by number */
    size_t count;
    const collection *collections; /* in document order; "residents" is one of them */
    size_t collection_count;
} schema;
const schema_field *schema_find(const schema *s, bytes name); /* NULL when unknown */
const schema_field *schema_number(const schema *s, unsigned number);
const schema_predicate *schema_predicate_find(const schema *s, bytes name); /* NULL when unknown */
const collection *schema_collection(const schema *s, const char *name);     /* NULL when unknown */
/* The first field of the collection of which masks leave fewer values to be guessed than its mask_strength, when these
 * fields are shown masked beside each other; NULL: all hold. */
const schema_field *masked_weakest(const collection *c, field_set masked);
const collection *schema_collection_number(const schema *s, unsigned number); /* NULL when unknown */

/* A certificate that a principal may show. Several at once let it be renewed without a gap. */
typedef struct certificate {
    digest sha256; /* of the DER */
    bool revoked;
} certificate;

typedef struct principal {
    const char *id;  /* "eldercare" */
    const char *uri; /* SAN URI of its certificates */
    role role;
    const char *department; /* of an app; "" for officers and administrators */
    unsigned department_no; /* as the document numbers it, from 1, never used again; 0 for none */
    consumer_no consumer;   /* of an app */
    const certificate *certificates;
    size_t certificate_count;
} principal;

typedef struct purpose {
    const char *id, *title, *basis; /* basis: "PIPL 13(1)(3)" */
    const char *notice;             /* what residents are told */
    const char *assessment;         /* id of the impact assessment (PIPL 55) */
    uint32_t assessed_until;        /* last day on which it holds */
    unsigned forms;                 /* "forms": set of 1 << policy_form that its rules may have */
    unsigned retention_months;      /* "retention", "P3Y": so long may be kept what was revealed for it */
    purpose_no no, above;           /* above: 0 for a root of the tree */
} purpose;

typedef struct domain {
    uint32_t number; /* 24 bits, opaque, random, never 0, never used again */
    consumer_no consumer;
    purpose_no purpose;
    const char *ring; /* "token/<number>" */
} domain;

/* An acting person. */
typedef struct person {
    const char *id, *name, *department;
    bool suspended;
    policy_person acting; /* role, contract, own areas */
} person;

/* What an officer or administrator may list beyond the small page that needs no permit (Records.Browse). */
typedef struct browse_permit {
    const char *id;
    const char *principal; /* officer or administrator */
    const collection *collection;
    field_set fields;
    area_range area;
    unsigned rows; /* 1 to 500 a page */
    uint32_t until;
    const char *reason;
} browse_permit;

/* Who may hand residents over to whom (used by translations of tokens). */
typedef struct sharing_basis {
    const char *id, *item; /* item: of the sharing catalogue */
    consumer_no from, to;
    purpose_no purpose; /* of the one who receives */
    uint32_t valid_from, valid_until;
    const area_range *areas;
    size_t area_count;
} sharing_basis;

/* The documents of the manifest, in this order everywhere. The last two are the vault's own. */
typedef enum document {
    DOC_SCHEMA,
    DOC_PRINCIPALS,
    DOC_PERSONS,
    DOC_PURPOSES,
    DOC_POLICY,
    DOC_SHARING,
    DOC_BROWSING,
    DOC_DOMAINS,
    DOC_CANARIES,
    DOCUMENTS,
    DOC_OPERATION, /* no document of the manifest: what was proposed to be done with keys, once approved */
    DOC_ACCESS,    /* nor this: one call that an app asks leave for (Approvals.RequestAccess) */
    DOC_LEAK       /* nor this: a leaked list that an officer brings (Leaks.Open) */
} document;
const char *document_name(document d);                /* "schema" */
bool document_named(document *out, const char *name); /* of those that people write */

/* One version of the manifest. Frozen. */
typedef struct manifest {
    int64_t version;
    digest digest;
    const char *vault; /* name: origin of the log, audience of assertions */
    schema schema;
    const policy *policy;
    const policy_cases *never;  /* what must be refused at every moment (policy/cases.h); or NULL */
    unsigned approvals;         /* how many approvals a proposal needs: "approvals" of principals, 1 to 8 */
    const sharing_basis *bases; /* by id */
    size_t basis_count;
    const browse_permit *permits; /* by id */
    size_t permit_count;
    /* How often the vault was sealed and unsealed by hand: while it is odd it is sealed, and every node lets go of its
     * keys; so does one that finds that it has missed a turn. */
    int64_t turns;
    bool sealed;
} manifest;
/* The key rings that this version names; borrowed from it. */
const keyring *manifest_keys(const manifest *m);
const sharing_basis *manifest_basis(const manifest *m, const char *id);  /* NULL when unknown */
const browse_permit *manifest_permit(const manifest *m, const char *id); /* NULL when unknown */
/* What of a collection may be listed without a permit: not the natural key, nothing sensitive (that a record has such a
 * value at all tells of a group that its resident is in), and no mask that the others would leave too weak. */
field_set small_page_fields(const collection *of);
const principal *manifest_principal(const manifest *m, const char *uri); /* exact match; NULL when not registered */
/* The principal's certificate of this digest; NULL when it is not registered (which is not to say: not revoked). */
const certificate *principal_certificate(const principal *p, const digest *sha256);
const principal *manifest_app(const manifest *m, consumer_no no);
/* Id of the department of this number; NULL when there is none. */
const char *manifest_department(const manifest *m, unsigned number);
/* How it is called; NULL when it is unknown. */
const char *manifest_department_title(const manifest *m, const char *id);
unsigned manifest_department_number(const manifest *m, const char *id); /* 0: unknown */
const purpose *manifest_purpose(const manifest *m, bytes id);
const domain *manifest_domain(const manifest *m, consumer_no consumer, purpose_no purpose);
const domain *manifest_domain_number(const manifest *m, uint32_t number);
/* For whom tokens were ever issued: the domains, and those that are gone, which keep their numbers. In no order. */
typedef struct issuer {
    uint32_t number;
    const char *app, *purpose;
} issuer;
size_t manifest_issuer_count(const manifest *m);
issuer manifest_issuer(const manifest *m, size_t i);
const person *manifest_person(const manifest *m, const char *id);
/* Names to numbers, and back (names.c). 0: unknown; "" or NULL: there is none of that number. */
consumer_no manifest_app_named(const manifest *m, const char *id);
role_no manifest_role_named(const manifest *m, const char *id);
const char *manifest_role_name(const manifest *m, role_no no);
const purpose *manifest_purpose_no(const manifest *m, purpose_no no);
const char *manifest_field_name(const manifest *m, unsigned number);  /* of a predicate, too */
const char *manifest_field_label(const manifest *m, unsigned number); /* the same */
const char *manifest_role_title(const manifest *m, role_no no);

/* Per process. */
typedef struct control control;
/* Reads vault, rings (opened with the root key, of which it keeps a copy in the locked heap: a change of control makes
 * new rings), head and manifest. NOT_FOUND: the database was never initialised; INTEGRITY: wrong root key, or a row was
 * edited; nothing is written. */
VAULT_MUST_USE vault_code control_open(control **out, store *s, bytes root, vault_error *err);
void control_close(control **c);
/* The rings of the manifest in force, borrowed until it is another: keyring_hold to keep them. */
const keyring *control_keys(const control *c);
const char *control_vault_name(const control *c);
/* A copy of the root key that the rings in force are wrapped under. Any thread. */
VAULT_MUST_USE vault_code control_root(secret *out, control *c, vault_error *err);
/* The manifest in force: count a reference, give it back. Any thread. */
const manifest *control_acquire(control *c);
void control_release(control *c, const manifest *m);
/* Stamp of the control rows that the manifest in force was read from (store_control_stamp): for line_batch. Any thread.
 */
int64_t control_stamp(const control *c);
/* Reads what the head names: another version than the one in force, and in any case all control rows when their stamp
 * is another (VACUUM FULL moves rows as an edit does: rows that still open and fit change nothing). New rings are
 * opened; rings that changed make another keyring. INTEGRITY: a row was edited, copied, deleted, inserted or put back.
 * UNAVAILABLE ROOT_MOVED: the root key was rotated, and this node has the one before. Any thread, with its own
 * connection. */
VAULT_MUST_USE vault_code control_reload(control *c, store *s, vault_error *err);
/* Every former manifest and document too: the chain of digests, that all open and none is missing. For the publisher's
 * thread: cheap while the stamp of the history is the one that was checked last. */
VAULT_MUST_USE vault_code control_check_history(control *c, store *s, vault_error *err);

typedef struct init_options {
    const char *name;      /* "resident-vault/dev" : 1 to 64 of [a-z0-9./-] */
    const char *folder;    /* of the document files; or NULL, and */
    const bytes *texts;    /* the documents themselves, by `document` up to DOC_DOMAINS */
    bytes root;            /* root key */
    const root_seal *seal; /* how it lies in the database */
    suite_id suite;        /* of all rings */
} init_options;
/* The vault's row as a root_seal; INTEGRITY for lengths that it never has. */
VAULT_MUST_USE vault_code control_root_seal(root_seal *out, const vault_row *row, vault_error *err);
/* A new vault in an empty database, in one transaction: tables, rings, manifest version 1, log with its first line. */
VAULT_MUST_USE vault_code control_init(store *s, const init_options *options, vault_error *err);
/* Everything that control_init would check in the folder, without a database. */
VAULT_MUST_USE vault_code control_check_folder(const char *folder, vault_error *err);

/* ---- changes ---- */

enum {
    PENDING_MAX = 32,
    APPROVALS_MAX = 8,
    APPROVAL_NAME_LEN = 42,
    DOCUMENT_MAX = 8 << 20,
    PENDING_BYTES_MAX = 32 << 20
};

typedef enum change_kind {
    CHANGE_INIT,
    CHANGE_PROPOSE,
    CHANGE_APPROVE,  /* one of several */
    CHANGE_ACTIVATE, /* the last one */
    CHANGE_REJECT,
    CHANGE_REVOKE,
    CHANGE_ROTATE,  /* new versions of rings */
    CHANGE_DESTROY, /* of one version; two people */
    CHANGE_REKEY,   /* another way to the root key, perhaps another root key; two people */
    CHANGE_SEAL,
    CHANGE_UNSEAL, /* by hand, of one node: `sealed` ends */
    CHANGE_OPEN,   /* a break-glass, by an app for its acting person */
    CHANGE_REVIEW, /* of it, by an officer */
    CHANGE_PLANT,  /* canaries, by an officer */
    CHANGE_RETIRE, /* one of them, by an officer */
    CHANGES
} change_kind;
const char *change_kind_name(change_kind k); /* "propose" */

/* One ring of a rotation or a destruction. */
typedef struct ring_change {
    const char *name;
    uint32_t version; /* destroy */
    suite_id suite;   /* rotate; SUITE_NONE: as it is */
    int64_t ends_us;  /* rotate, of a token ring: end of the epochs before */
} ring_change;

/* A break-glass that is to be opened: what the narrowest rule for it allows. */
typedef struct glass_opening {
    const char *person, *purpose, *rule, *reason;
    unsigned hours, review_hours;
    uint32_t residents;
} glass_opening;

/* A call that an app asks leave for, as officers see it, and what it is bound to. */
typedef struct access_ask {
    const char *method, *person, *purpose, *fields, *form; /* "" where there is none */
    uint32_t residents;                                    /* that it is about, at most */
    digest bound;
} access_ask;

/* A leaked list as other officers see it before they approve its use, and what that is bound to. */
enum { LEAKS_MAX = 8, LEAK_COLUMNS_MAX = 64 };
#define LEAK_LIFETIME_US (INT64_C(90) * 86400 * 1000000)
typedef struct leak_ask {
    const char *const *columns;
    size_t column_count;
    uint64_t rows, total_rows;
    int64_t seen_us;
    digest bound;
} leak_ask;

/* What is asked for. Texts are borrowed. CHANGE_APPROVE becomes CHANGE_ACTIVATE by itself. */
typedef struct change {
    change_kind kind; /* PROPOSE, APPROVE, REJECT or REVOKE */
    const principal *who;
    const char *ticket;
    int64_t now_us;
    document document;                                /* propose */
    bytes content;                                    /* propose: JSON as given */
    const char *base;                                 /* propose: digest in hexadecimal */
    int64_t lifetime_us;                              /* propose */
    const char *approval;                             /* approve, reject: "approvals/..." */
    const char *digest;                               /* approve: in hexadecimal */
    const char *certificate, *assertion_key, *person; /* revoke: one of them */
    const ring_change *rings;                         /* rotate; destroy: one */
    size_t ring_count;
    const glass_opening *opening; /* open */
    const char *emergency;        /* review: "emergencies/...", */
    const char *note;             /* and what the officer says of it */
    bool justified;
    const struct canary *canaries; /* plant: all but who made them, and when */
    size_t canary_count;
    const char *canary;       /* retire: "canaries/..." */
    const access_ask *access; /* propose, of DOC_ACCESS */
    const leak_ask *leak;     /* propose, of DOC_LEAK */
    const root_seal *seal;    /* rekey: how the root key lies from now on */
    bytes root;               /* rekey: another root key; empty: it stays */
    /* destroy, rekey: what is asked for, as canonical JSON. With `approval` empty it is proposed (as `lifetime_us`
     * says); else that approval must be complete, of the same text, and the caller's own. */
    bytes operation;
    /* What is written in the same transaction, after the control rows are locked and before the line; or NULL. A
     * refusal undoes all. */
    vault_code (*write)(void *context, store *s, vault_error *err);
    void *context;
} change;

/* A request that waits. Borrowed from the manifest. */
typedef struct approval {
    char name[APPROVAL_NAME_LEN + 1];
    document document;
    int64_t version; /* of the change that proposed it */
    int64_t size;    /* of its row, bytes */
    digest content, base;
    digest bound; /* DOC_ACCESS, DOC_LEAK: of the very call, or list, that is asked for; else zero */
    const char *proposer, *ticket;
    int64_t created_us, expires_us;
    const char *approved_by[APPROVALS_MAX];
    unsigned approved_count;
} approval;
size_t manifest_pending(const manifest *m, const approval **out);
const approval *manifest_approval(const manifest *m, const char *name); /* NULL: not pending */
/* Have so many officers approved it, who still are officers and can call, as it takes? */
bool approval_complete(const manifest *m, const approval *a);
/* The complete approval of this name for just this call, which has not expired; NULL: there is none. */
const approval *manifest_access(const manifest *m, const char *name, const digest *bound, int64_t now_us);
/* What one that waits asks for, out of its content; in the arena, but for `bound`. INTEGRITY: it does not say. */
VAULT_MUST_USE vault_code access_read(access_ask *out, arena *mem, bytes content, vault_error *err);
/* The same of a leaked list, as long as its case is alive: until it is closed, or 90 days. */
VAULT_MUST_USE vault_code leak_read(leak_ask *out, arena *mem, bytes content, vault_error *err);

/* ---- break-glass ---- */

enum {
    EMERGENCY_NAME_LEN = 44,
    EMERGENCIES_MAX = 64,      /* that are kept; the oldest reviewed one makes room */
    EMERGENCIES_OF_APP = 16,   /* that wait for their review */
    EMERGENCIES_OF_PERSON = 3, /* the same */
    ACCESSES_MAX = 16,         /* calls that wait for approval, or have it */
    ACCESSES_OF_APP = 4
};

/* An opened break-glass. Borrowed from the manifest.
 *
 *   open ──its end──► ended ──review_due──► overdue: its person is refused everywhere, on every node, by itself
 *     └──────────┴─────────────┴──review by an officer──► justified | unjustified: the person is suspended */
typedef struct emergency {
    char name[EMERGENCY_NAME_LEN + 1]; /* "emergencies/..." */
    const char *consumer, *person, *purpose, *rule, *reason;
    int64_t opened_us, ends_us, due_us; /* due: of the review */
    uint32_t residents;                 /* so many, at most */
    const char *reviewer, *note;        /* "" before the review */
    int64_t reviewed_us;                /* 0 before it */
    bool justified;
} emergency;

/* ---- canaries ---- */

/* Fictitious residents, known to officers alone. In the order of their making. */
enum { CANARIES_MAX = 4096 };
typedef struct canary_value {
    const char *field, *text;
} canary_value;
typedef struct canary {
    const char *name; /* "canaries/..." */
    int64_t resident;
    const char *collection;
    int64_t area;
    const char *department, *person; /* whose eyes alone can meet it; NULL */
    const char *made_by;
    int64_t made_us, retired_us; /* retired_us 0: it lives */
    const canary_value *values;  /* as it was made: what a leaked list may hold */
    size_t value_count;
} canary;
size_t manifest_canaries(const manifest *m, const canary **out);
const canary *manifest_canary(const manifest *m, int64_t resident);       /* NULL: none. Some ns */
const canary *manifest_canary_named(const manifest *m, const char *name); /* NULL: unknown */

/* ---- break-glass in the manifest ---- */

size_t manifest_emergencies(const manifest *m, const emergency **out);    /* in the order of their opening */
const emergency *manifest_emergency(const manifest *m, const char *name); /* NULL: unknown */
/* "open", "ended", "overdue", "justified", "unjustified" */
const char *emergency_state(const emergency *e, int64_t now_us);
bool emergency_open(const emergency *e, int64_t now_us);
/* One of the person's that was not reviewed in time; NULL: there is none. */
const emergency *manifest_overdue(const manifest *m, const char *who, int64_t now_us);

/* What was, or will be, done: what a line says, and what the history shows. */
typedef struct change_record {
    int64_t version, time_us; /* of the manifest that it makes */
    change_kind kind;
    const char *document, *who, *ticket, *approval, *emergency; /* "" where there is none */
    digest before, after;                                       /* of the document; zero where there is none */
    digest manifest;
} change_record;

/* With texts of its own, in the arena. */
VAULT_MUST_USE vault_code change_record_copy(change_record *out, arena *mem, const change_record *from,
                                             vault_error *err);

/* A change that was checked and is ready to be written on top of `m`. Refusals: INVALID DOCUMENT_INVALID (field: path
 * of the fault), CHANGE_UNREADABLE (stored values could not be read any more: field), BAD_DIGEST, BAD_LIFETIME,
 * NOTHING_CHANGES, ASSESSMENT_EXPIRED (of a purpose that is new or changed: field); DENIED SELF_APPROVAL,
 * ALREADY_APPROVED, NOT_YOURS, ROLE, LAST_OFFICER, LAST_ADMINISTRATOR; NOT_FOUND (approval, certificate, key, person;
 * revoked already); CONFLICT BASE_MOVED, DIGEST_DIFFERS; EXHAUSTED TOO_MANY_PENDING. Of break-glass:
 * FAILED_PRECONDITION ALREADY_OPEN, REVIEW_OVERDUE, ALREADY_REVIEWED; EXHAUSTED TOO_MANY_OPEN; NOT_FOUND
 * EMERGENCY_UNKNOWN. Of canaries: EXHAUSTED TOO_MANY_CANARIES; FAILED_PRECONDITION ALREADY_RETIRED; NOT_FOUND
 * CANARY_UNKNOWN. Of keys: INVALID RING_UNKNOWN, SUITE_UNKNOWN, BAD_END; FAILED_PRECONDITION RING_ACTIVE,
 * STILL_NEEDED, RING_DESTROYED, NOT_APPROVED, TOO_MANY_VERSIONS (RING_VERSIONS_MAX with a key), ROTATION_OPEN.
 */
typedef struct staged staged;
VAULT_MUST_USE vault_code control_stage(staged **out, control *c, store *s, const manifest *m, const change *what,
                                        vault_error *err);
void staged_free(staged **st); /* takes NULL inside */
const change_record *staged_record(const staged *st);
/* Writes its rows and rings, within a transaction, before the line: CONFLICT CONTROL_MOVED when another was first, or
 * when the control rows are not those of the manifest in force. The line's batch then takes `next` from here. */
VAULT_MUST_USE vault_code staged_write(staged *st, store *s, control_step *next, vault_error *err);
/* After the commit. The staged change is used up. */
void control_put_in_force(control *c, staged **st);

/* Parses a document and builds the manifest that would be, as a proposal is checked. OK with fault->text[0] == 0: it
 * would be taken. A fault is no error. Any thread. */
typedef struct document_fault {
    unsigned line, column; /* from 1; 0: not known */
    char path[96];         /* "fields[3].format" */
    char text[192];        /* what, and the mend */
} document_fault;
VAULT_MUST_USE vault_code control_check_document(document_fault *fault, digest *canonical, const manifest *m,
                                                 document d, bytes content, vault_error *err);

/* The same text under the active version of the control ring of `m`: for a row of another version. In the arena.
 * INTEGRITY: it does not open. */
VAULT_MUST_USE vault_code control_reseal(sealed_row *inout, arena *mem, const manifest *m, vault_error *err);

/* ---- history ---- */

/* A document as version `version` had it (0: the one in force), canonical JSON, proven. NOT_FOUND past what there is.
 */
typedef struct document_text {
    bytes content;
    digest digest;
    int64_t version; /* that brought it */
} document_text;
typedef struct document_at {
    document document;
    int64_t version;
} document_at;
VAULT_MUST_USE vault_code control_document(document_text *out, control *c, store *s, arena *mem, document_at which,
                                           vault_error *err);
/* The content of a pending approval. */
VAULT_MUST_USE vault_code control_proposed(document_text *out, control *c, store *s, arena *mem, const approval *a,
                                           vault_error *err);
/* Changes from version `from` downwards, newest first, at most `limit`, which is the size of `at`. */
typedef struct change_page {
    int64_t from;
    size_t limit;
    change_record *at;
    size_t count; /* set */
} change_page;
VAULT_MUST_USE vault_code control_changes(change_page *inout, control *c, store *s, arena *mem, vault_error *err);

/* ---- assertions ---- */

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
 * ASSERTION_PURPOSE, ASSERTION_TOO_LONG, ASSERTION_NOT_YET, ASSERTION_EXPIRED, ASSERTION_PERSON, PERSON_SUSPENDED, in
 * this order. A key that is revoked, or past its last day, is no key (ASSERTION_SIGNATURE). ES256 only; "none" and
 * every other algorithm is refused. Clock skew allowed: 30 s, which expires_us includes. Any thread.
 */
VAULT_MUST_USE vault_code assertion_verify(assertion *out, const manifest *m, const char *jwt,
                                           const assertion_claims *claims, vault_error *err);

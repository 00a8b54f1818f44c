/* What the files of this room share and nobody else sees. */
#pragma once
#include "vault/audit/audit.h"
#include "vault/audit/note.h"
#include "vault/audit/tree_proof.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- views (views.c) ---- */

enum { VIEW_MAX = 8192, REFERENCE_LEN = 16 };

/* Canonical JSON of the facts. INVALID: a text is too long or not UTF-8. */
VAULT_MUST_USE vault_code view_of_officer(writer *w, const line_facts *f, vault_error *err);
VAULT_MUST_USE vault_code view_of_resident(writer *w, const line_facts *f, const uint8_t reference[REFERENCE_LEN],
                                           vault_error *err);

/* Strict. Texts are owned by the arena; NULL where the view has none. INTEGRITY for what no version of this program
 * writes. */
VAULT_MUST_USE vault_code view_read(line_facts *out, arena *mem, bytes view, vault_error *err);
/* Its texts from now on in this arena. */
VAULT_MUST_USE vault_code facts_keep(line_facts *inout, arena *mem, vault_error *err);

/* ---- the leaf (line.c) ---- */

enum { LEAF_VERSION = 1 };
typedef struct leaf_facts {
    int64_t time_us;
    line_action action;
    const uint8_t *officer_hash, *resident_hash; /* borrowed from the leaf */
} leaf_facts;
void leaf_write(uint8_t out[LEAF_LEN], const line *of, int64_t time_us);
bool leaf_read(leaf_facts *out, bytes leaf);

/* ---- keys (log_keys.c) ---- */

enum { STAMP_LEN = 4 }; /* suite ‖ version of the log ring (24 bits): starts every sealed view and is in its AAD */

/* Of one version of the log ring. */
typedef struct log_keys {
    uint32_t version;
    suite_id suite;
    uint8_t stamp[STAMP_LEN];
    secret view, tag, reference;
    prf *head_mac, *sum_mask; /* under the set's lock */
    note_signer signers[2];   /* Ed25519; of the gm suite SM2, too */
    size_t signer_count;
} log_keys;

/* Of one keyring: frozen, shared by reference count. */
typedef struct log_keyset {
    atomic_uint holders;
    uint64_t generation;            /* of the keyring */
    log_keys at[RING_VERSIONS_MAX]; /* newest first */
    size_t count;
    const log_keys *active;
    note_signer signers[2 * RING_VERSIONS_MAX]; /* of all versions, borrowed from them; the active one's first */
    size_t signer_count;
    bool has_lost; /* a version is destroyed: what it alone has signed is unverifiable, and no forgery */
    secret rows;   /* of the sum of rows */
    suite_id rows_suite;
    pthread_mutex_t lock;
} log_keyset;
VAULT_MUST_USE vault_code log_keyset_open(log_keyset **out, const keyring *keys, const char *name, vault_error *err);
log_keyset *log_keyset_hold(log_keyset *k);
void log_keyset_free(log_keyset **k); /* lets go */
/* NULL: its key is gone, or not known yet. */
const log_keys *log_keyset_version(const log_keyset *k, int64_t version);

/* Writes log version, hidden sum and MAC under the active version; all else of the head stands. */
void head_seal(log_keyset *k, head_row *head, const row_sum *sum);
/* The sum behind a head that was checked. */
void head_sum(row_sum *out, log_keyset *k, const head_row *head);
/* INTEGRITY: the MAC or a length is wrong. CONFLICT CONTROL_MOVED: it is under a newer version than these. */
VAULT_MUST_USE vault_code head_check(log_keyset *k, const head_row *head, vault_error *err);

/* ---- sum of rows (row_sum.c) ---- */

void row_sum_join(row_sum *inout, const row_sum *more);
/* What a batch adds to the sum. */
VAULT_MUST_USE vault_code row_sum_changed(row_sum *out, const log_keyset *k, const row_change *changes, size_t count,
                                          vault_error *err);

/* ---- erasures (erasures.c) ---- */

digest erasure_link(const digest *before, const erasure_row *of);
/* The links of a batch whose lines have their places, in the arena; moves the chain of *to. */
VAULT_MUST_USE vault_code erasures_place(erasure_row **out, head_row *to, arena *mem, const line_batch *batch,
                                         vault_error *err);
/* What the file lacks of this head. */
VAULT_MUST_USE vault_code erasures_keep(ledger *l, store *s, const char *checkpoint_file, const head_row *head,
                                        vault_error *err);
/* Links that are known to stand in the file. */
typedef struct kept_erasures {
    int64_t number;
    digest link; /* the last of them */
} kept_erasures;

/* ---- scribe (scribe.c) ---- */

/* Handles of one version of the log ring. */
typedef struct scribe_keys {
    const log_keys *of;
    aead *view;
    block_cipher *tag, *reference;
} scribe_keys;
struct scribe {
    ledger *of;
    log_keyset *keys; /* held */
    scribe_keys at[RING_VERSIONS_MAX];
    size_t count;
    const scribe_keys *active;
    prf *rows; /* of the sum of rows */
};
typedef enum view_kind { VIEW_OFFICER, VIEW_RESIDENT } view_kind;
typedef struct salted_view {
    view_kind kind;
    bytes salted; /* salt ‖ view */
} salted_view;
/* Owned by the arena. `under`: of an officer's view the active version's handle. */
VAULT_MUST_USE vault_code scribe_seal(bytes *out, const scribe *s, arena *mem, aead *under, const salted_view *view,
                                      vault_error *err);
/* The caller fills out->kind, and gives the cipher of a resident's view; an officer's says itself under which version
 * it is. INTEGRITY when it does not open. */
VAULT_MUST_USE vault_code scribe_open(salted_view *out, const scribe *s, arena *mem, aead *resident, bytes sealed,
                                      vault_error *err);
/* Under which version an officer's view is sealed; NULL: none of these. */
const scribe_keys *scribe_keys_of(const scribe *s, bytes sealed);
void scribe_reference(const scribe *s, uint8_t reference[REFERENCE_LEN], int64_t resident); /* in: random bytes */
int64_t resident_tag(const scribe_keys *k, int64_t resident);                               /* 0 for 0 */
int64_t person_tag(const scribe_keys *k, const char *person);                               /* 0 for NULL */
/* Of all versions, newest first: while the ring is rotated a line stands under one of them. Return how many. */
size_t scribe_resident_tags(const scribe *s, int64_t resident, int64_t tags[RING_VERSIONS_MAX]);
size_t scribe_person_tags(const scribe *s, const char *person, int64_t tags[RING_VERSIONS_MAX]);

/* A stored line's officer view, opened (open.c). */
typedef struct opened_view {
    bytes salted;
    line_facts facts;
} opened_view;
/* In the arena. INTEGRITY: it does not open. Opened, it may not fit the leaf or the tags. What could be read stands in
 * *out all the same. */
VAULT_MUST_USE vault_code line_open(opened_view *out, bool *fits, const scribe *s, arena *mem, const line_row *row,
                                    vault_error *err);

/* ---- ledger (ledger.c) ---- */

/* A verifier key that was told, and is good as long as the ledger. */
typedef struct told_key {
    struct told_key *before;
    char *text;
} told_key;

struct ledger {
    char *name;
    struct known_lines *known_lines;
    pthread_mutex_t keys_lock; /* of the next two */
    log_keyset *keys;
    told_key *verifier;
    pthread_mutex_t mutex;           /* over what follows, and over the order of our own appends */
    bool known;                      /* `head` is what the database holds, unless another node moved it */
    head_row head, next;             /* next: of the transaction that is under way */
    unsigned counts[LINE_OUTCOMES];  /* of the lines of `next` */
    atomic_uintptr_t holder;         /* thread that holds the mutex for its transaction */
    int64_t published;               /* size of the newest checkpoint known to be published; the publisher's alone */
    kept_erasures kept;              /* the publisher's alone, too */
    unsigned astray;                 /* and how often it found the head under keys that it did not know */
    const witness_policy *witnesses; /* borrowed; NULL: nobody's */
    /* Without the mutex. What this process has seen committed: how many lines (the log never gets shorter), and when
     * the last of them was written. */
    atomic_llong seen, newest_us;
};

ledger *ledger_new(const char *name); /* knows nothing yet; for ledger_close */
/* The committed head, checked: its MAC, and that it is no older than what this process has seen. */
merkle_tree head_tree(const head_row *head);
VAULT_MUST_USE vault_code tree_sign(const char **note, const ledger *l, arena *mem, const merkle_tree *tree,
                                    vault_error *err);
/* The keys at the moment, held; to be freed. */
log_keyset *ledger_keys(const ledger *l);

/* ---- rows of lines, in the table or in an archive (rows.c) ----
 *
 * As store_lines_by_index, store_lines_page and store_leaves, and nobody in this room asks the store itself.
 * UNAVAILABLE ARCHIVE_AWAY (field: "archives/0-65535"): the file of an archive is not at hand. INTEGRITY: it is not the
 * one that was written. */

VAULT_MUST_USE vault_code rows_by_index(store *s, arena *mem, const int64_t *indexes, size_t count, line_row *rows,
                                        vault_error *err);
/* For proofs: leaf and nodes alone, of which those that end a tile of 256 need no file. */
VAULT_MUST_USE vault_code rows_of_tree(store *s, arena *mem, const int64_t *indexes, size_t count, line_row *rows,
                                       vault_error *err);
VAULT_MUST_USE vault_code rows_page(store *s, arena *mem, const line_range *range, line_row *rows, size_t *count,
                                    vault_error *err);
/* By tag all archives may have to be looked into, one after the other, each some 45 MB: a page may end between two. */
typedef struct row_page {
    line_range range;
    int64_t stop;     /* archived lines from it on (backwards: before it) are not looked at */
    int64_t until_us; /* monotonic: no archive but the first is looked into afterwards; 0: no bound */
    line_row *rows;   /* range.limit of them */
    size_t count;     /* set */
    int64_t next;     /* set: -1, or the index to go on from: the time was over */
} row_page;
VAULT_MUST_USE vault_code rows_page_until(store *s, arena *mem, row_page *inout, vault_error *err);
typedef struct leaf_page {
    int64_t from;
    size_t count;     /* changed: fewer where the time was over, one at least */
    int64_t until_us; /* as above */
    bytes *leaves;    /* as store_leaves leaves them */
} leaf_page;
VAULT_MUST_USE vault_code rows_leaves(store *s, arena *mem, leaf_page *inout, vault_error *err);

/* ---- what was published (publish.c) ---- */

typedef struct published {
    bytes note; /* empty: none yet, or signed by a destroyed key alone and thus not verifiable */
    merkle_tree tree;
} published;
/* A checkpoint that this log has signed. INTEGRITY: it has not; `where` says of what the error speaks. */
VAULT_MUST_USE vault_code published_open(published *out, const ledger *l, bytes note, const char *where,
                                         vault_error *err);
/* The newest one. */
VAULT_MUST_USE vault_code published_read(published *out, const ledger *l, store *s, arena *mem, vault_error *err);

/* ---- proofs from stored nodes (proof.c) ---- */

VAULT_MUST_USE vault_code stored_inclusion(store *s, arena *mem, line_proof *proof, vault_error *err);
/* Of a range whose ends and tree the caller has filled in; sets their paths, too. */
VAULT_MUST_USE vault_code stored_range_path(merkle_path *out, store *s, arena *mem, range_ends *inout,
                                            vault_error *err);
/* A node that the row stores. INTEGRITY: it is damaged. */
VAULT_MUST_USE vault_code stored_node(digest *out, const line_row *row, unsigned level, vault_error *err);
/* The path of a plan from its nodes, in their order. */
VAULT_MUST_USE vault_code nodes_fold(merkle_path *out, arena *mem, const merkle_plan *plan, const digest *nodes,
                                     vault_error *err);
/* The same from the rows of its nodes. INTEGRITY: one of them is damaged. */
VAULT_MUST_USE vault_code stored_fold(merkle_path *out, arena *mem, const merkle_plan *plan, const line_row *rows,
                                      vault_error *err);
/* Whether leaves stand in trees that are trusted, of many with one look-up (proof_batch.c). */
typedef struct line_claim {
    int64_t index;
    bytes leaf;
    const merkle_tree *tree;
    bool stands;      /* out */
    merkle_path path; /* out, of those that do, but for claims of the head's tree */
} line_claim;
typedef struct proofs_source {
    store *s;
    struct known_lines *known;
    const merkle_tree *head; /* claims of this tree need no path; NULL: all do */
} proofs_source;
VAULT_MUST_USE vault_code stored_inclusions(const proofs_source *from, arena *mem, line_claim *claims, size_t count,
                                            vault_error *err);
/* Whether what is known of lines, which is of an older or a newer tree, holds in the head's: one has become the other.
 */
VAULT_MUST_USE vault_code known_lines_hold(bool *hold, const proofs_source *from, arena *mem, vault_error *err);
VAULT_MUST_USE vault_code stored_consistency(store *s, arena *mem, growth_proof *proof, vault_error *err);
/* From a node, all of whose leaves stand in the tree, up to the root: it verifies like the path of leaf node.index of a
 * tree of as many leaves as this one has nodes, whole or not, on that level. */
VAULT_MUST_USE vault_code stored_node_path(merkle_path *out, store *s, arena *mem, merkle_coordinate node, int64_t size,
                                           vault_error *err);

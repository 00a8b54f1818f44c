/* What the files of this room share and nobody else sees. */
#pragma once
#include "vault/audit/audit.h"
#include "vault/audit/note.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- views (views.c) --------------------------------------------------------------------------------------------- */

enum { VIEW_MAX = 8192, REFERENCE_LEN = 16 };

/* Canonical JSON of the facts. INVALID: a text is too long or not UTF-8. */
VAULT_MUST_USE vault_code view_of_officer(writer *w, const line_facts *f, vault_error *err);
VAULT_MUST_USE vault_code view_of_resident(writer *w, const line_facts *f, const uint8_t reference[REFERENCE_LEN],
                                           vault_error *err);

/* What a look-up needs of an officer's view. Texts are owned by the arena; NULL where the view has none. */
typedef struct view_facts {
    line_action action;
    const char *app, *outcome, *person, *purpose;
    int64_t resident;
} view_facts;
/* Strict. INTEGRITY for what no version of this program writes. */
VAULT_MUST_USE vault_code view_read(view_facts *out, arena *mem, bytes view, vault_error *err);

/* ---- the leaf (line.c) ---------------------------------------------------------------------------------------------
 */

enum { LEAF_VERSION = 1 };
typedef struct leaf_facts {
    int64_t time_us;
    line_action action;
    const uint8_t *officer_hash, *resident_hash; /* borrowed from the leaf */
} leaf_facts;
void leaf_write(uint8_t out[LEAF_LEN], const line *of, int64_t time_us);
bool leaf_read(leaf_facts *out, bytes leaf);

/* ---- scribe (scribe.c) ---------------------------------------------------------------------------------------------
 */

enum { STAMP_LEN = 4 }; /* suite ‖ version of the log ring (24 bits): starts every sealed view and is in its AAD */

struct scribe {
    ledger *of;
    aead *view;
    block_cipher *tag, *reference;
};
typedef enum view_kind { VIEW_OFFICER, VIEW_RESIDENT } view_kind;
typedef struct salted_view {
    view_kind kind;
    bytes salted; /* salt ‖ view */
} salted_view;
/* Owned by the arena. */
VAULT_MUST_USE vault_code scribe_seal(bytes *out, const scribe *s, arena *mem, aead *under, const salted_view *view,
                                      vault_error *err);
/* The caller fills out->kind. INTEGRITY when it does not open. */
VAULT_MUST_USE vault_code scribe_open(salted_view *out, const scribe *s, arena *mem, aead *under, bytes sealed,
                                      vault_error *err);
void scribe_reference(const scribe *s, uint8_t reference[REFERENCE_LEN], int64_t resident); /* in: random bytes */
int64_t scribe_resident_tag(const scribe *s, int64_t resident);                             /* 0 for 0 */
int64_t scribe_person_tag(const scribe *s, const char *person);                             /* 0 for NULL */

/* ---- ledger (ledger.c) ---------------------------------------------------------------------------------------------
 */

typedef struct log_keys {
    secret view, tag, reference;
    prf *head_mac; /* under mac_mutex */
    pthread_mutex_t mac_mutex;
    signer *signer;
    note_key note;
    suite_id suite;
    uint8_t stamp[STAMP_LEN];
} log_keys;
VAULT_MUST_USE vault_code log_keys_open(log_keys *out, const keyring *keys, const char *name, vault_error *err);
void log_keys_close(log_keys *k);
void head_mac(log_keys *k, const head_row *head, uint8_t out[HEAD_MAC_LEN]);
/* INTEGRITY: the MAC or a length is wrong. */
VAULT_MUST_USE vault_code head_check(log_keys *k, const head_row *head, vault_error *err);

struct ledger {
    log_keys keys;
    char *verifier_key;
    pthread_mutex_t mutex;          /* over what follows, and over the order of our own appends */
    bool known;                     /* `head` is what the database holds, unless another node moved it */
    head_row head, next;            /* next: of the transaction that is under way */
    unsigned counts[LINE_OUTCOMES]; /* of the lines of `next` */
    atomic_uintptr_t holder;        /* thread that holds the mutex for its transaction */
    int64_t published;              /* size of the newest checkpoint known to be published; the publisher's alone */
    atomic_llong seen; /* lines that this process has seen committed: the log never gets shorter. Without the mutex */
};

ledger *ledger_new(void); /* knows nothing yet; for ledger_close */
/* The committed head, checked: its MAC, and that it is no older than what this process has seen. */
merkle_tree head_tree(const head_row *head);
VAULT_MUST_USE vault_code tree_sign(const char **note, arena *mem, const log_keys *k, const merkle_tree *tree,
                                    vault_error *err);

/* ---- proofs from stored nodes (proof.c) ----------------------------------------------------------------------------
 */

VAULT_MUST_USE vault_code stored_inclusion(store *s, arena *mem, line_proof *proof, vault_error *err);
VAULT_MUST_USE vault_code stored_consistency(store *s, arena *mem, growth_proof *proof, vault_error *err);

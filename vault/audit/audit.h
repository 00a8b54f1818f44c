/* The log (DESIGN.md section 9): lines, their two views, the RFC 6962 tree, checkpoints (C2SP), receipts.
 *
 *   leaf (74 bytes) = 01 ‖ time µs (8, BE) ‖ action (1) ‖ SHA-256(salt1 ‖ officer view) ‖ SHA-256(salt2 ‖ resident
 * view)
 *
 * Views are canonical JSON (keys sorted, no spaces). At rest both are sealed: salt1 ‖ officer view under the view key
 * of the log ring, salt2 ‖ resident view under the resident's DEK (erasing the DEK erases the view) or, where there is
 * no resident, not stored at all. Look-up tags are one block under the tag key, cut to 64 bits: by itself a tag
 * does not lead to a row (what the transactions of a put tell is in docs/leakage.md).
 */
#pragma once
#include "keys/keys.h"
#include "vault/audit/merkle.h"
#include "vault/audit/witness.h"
#include "vault/base/arena.h"
#include "vault/store/store.h"

enum { LEAF_LEN = 74, SALT_LEN = 16 };

typedef enum line_action {
    LINE_INIT = 1,
    LINE_REVEAL,
    LINE_ISSUE,
    LINE_PUT,
    LINE_QUERY,
    LINE_CONTROL,
    LINE_INSPECT,
    LINE_TEST,
    LINE_RESTORE,
    LINE_HANDOVER, /* made */
    LINE_REDEEM,   /* a handover or a voucher */
    LINE_VOUCHER,  /* made or revoked */
    LINE_SEARCH,   /* the search itself, and each resident that it found */
    LINE_EXPORT,
    LINE_CORRECT, /* corrections listed or decided */
    LINE_BROWSE,
    LINE_TRACE,
    LINE_KEYS,     /* an operation on keys: `change` says which */
    LINE_REWRITE,  /* rows written again by a job: `count` of them, under a newer version of `ring` */
    LINE_ERASE,    /* a resident */
    LINE_RESTRICT, /* a resident's record: stored from now on, and shown to nobody */
    LINE_VERIFY,   /* all rows, or all counters */
    LINE_CONSENT,  /* written down, or asked for */
    LINE_HISTORY,  /* a resident, or a guardian, asked who has seen the record */
    LINE_GUARDIAN, /* written down, or asked for */
    LINE_CANARY,   /* made, listed, retired */
    LINE_ARCHIVE,  /* lines moved to a file: `hits` of them */
    LINE_ACTIONS
} line_action;
typedef enum line_outcome { LINE_GRANTED, LINE_REFUSED, LINE_FAILED, LINE_OUTCOMES } line_outcome;
const char *line_action_name(line_action a);   /* "reveal" */
const char *line_outcome_name(line_outcome o); /* "granted" */

/* What is known of one line before it is written. Texts are borrowed and may be NULL (left out of the view). */
typedef struct line_facts {
    line_action action;
    line_outcome outcome;
    const char *app, *department, *person;    /* ids from the register */
    const char *purpose, *basis;              /* registered purpose and its legal basis */
    const char *ticket, *request;             /* from the caller */
    const char *fields;                       /* names, comma-separated, in schema order */
    const char *groups;                       /* field groups, comma-separated */
    const char *form, *rule, *clause;         /* clause: what refused it; reason for failed */
    const char *change, *document, *approval; /* of a control line: kind of change, document, "approvals/..." */
    const char *before, *after;               /* digests of the document, hexadecimal */
    const char *counterpart;                  /* app on the other side of a handover or voucher */
    const char *sharing;                      /* id of the sharing basis */
    const char *voucher;                      /* of a voucher or handover: 16 hexadecimal digits, not the secret */
    const char *ring;                         /* "record": of a key operation or a rewrite */
    uint32_t ring_version;                    /* its version */
    const char *suite;                        /* of that version */
    const char *withheld;                     /* "investigation 2027-01-01": from the resident, until that day */
    const char *emergency;                    /* "emergencies/..." under which it was asked */
    const char *budgets;                      /* that count it: "grid-day:p:2026112200,...": id, whose, since when */
    const char *leak;                         /* "leaks/...": the case that it belongs to */
    const char *archive;                      /* "archives/0-65535" */
    const char *attributes; /* classes of residents that were looked at to decide; never which it is */
    uint32_t residents;     /* that the call is about; 0: one */
    uint64_t hits;          /* of a search: residents found, or counted; of a job: rows */
    uint64_t control_version;
    uint32_t record_version;
    int64_t area;      /* area_code; 0: none */
    int64_t resident;  /* internal id; 0: none */
    int64_t refers_to; /* a failed line: index of the granted one; -1: none */
} line_facts;

/* A line ready to be appended; owned by the arena. */
typedef struct line {
    line_action action;
    line_outcome outcome;
    uint8_t officer_hash[32], resident_hash[32];
    uint8_t officer_salt[SALT_LEN], resident_salt[SALT_LEN];
    bytes officer_view, resident_view; /* JSON */
    bytes officer_sealed, resident_sealed;
    int64_t resident_tag, person_tag;
    int64_t index;          /* set by the append */
    uint8_t leaf[LEAF_LEN]; /* set by the append */
} line;

/* Per process: the cached head under a mutex, the log's keys. Shared by all threads. */
typedef struct ledger ledger;
VAULT_MUST_USE vault_code ledger_open(ledger **out, store *s, const keyring *keys, const char *name, vault_error *err);
void ledger_close(ledger **l);
/* From now on with the keys of this keyring: the active version of the log ring writes, all that have a key read, and
 * sign checkpoints. Any thread, while no scribe works (each is made anew for the keyring). */
VAULT_MUST_USE vault_code ledger_follow(ledger *l, const keyring *keys, vault_error *err);

/* Per thread: cipher handles for views and tags. */
typedef struct scribe scribe;
VAULT_MUST_USE vault_code scribe_new(scribe **out, ledger *l, vault_error *err);
void scribe_free(scribe **s);

/* Facts to line. `resident_dek`: handle keyed with the resident's DEK, or NULL where no resident is addressed. */
VAULT_MUST_USE vault_code line_make(line *out, scribe *s, arena *mem, const line_facts *facts, aead *resident_dek,
                                    vault_error *err);

/* The version of the log ring that it writes under. */
uint32_t scribe_version(const scribe *s);
/* A stored line's officer view and tags as they would be written now, in the arena; leaf and resident's view stay.
 * INTEGRITY: it does not open, or does not fit what stands beside it; nothing is changed then. */
VAULT_MUST_USE vault_code line_renew(line_row *inout, const scribe *s, arena *mem, vault_error *err);

/* The log as it was right after a batch: enough for the receipts of its lines. Owned by the arena. */
typedef struct appended {
    int64_t first; /* index of the batch's first line */
    size_t count;
    merkle_batch *tree;     /* paths (merkle.h) */
    const char *checkpoint; /* signed note; NULL until appended_sign */
} appended;

/* The state of control after a change. */
typedef struct control_step {
    int64_t version;
    digest digest;
} control_step;

/* What a batch does to rows of residents: a row that is written is added, the one that it replaces is taken away (was);
 * an erased one is taken away. Order does not matter. */
typedef struct row_change {
    const resident_row *row, *was; /* one of them may be NULL */
} row_change;

typedef struct line_batch {
    int64_t control_version, control_stamp; /* by which the lines were decided */
    line *lines;
    size_t count;
    const control_step *next; /* the lines of a change of control: what the head says from then on; else NULL */
    const row_change *rows;   /* rows of residents that are written with these lines: they go into the head's sum */
    size_t row_count;
    const int64_t *erased; /* residents that are erased with these lines: links of the chain, written by the append */
    size_t erased_count;
} line_batch;

/* Appends the lines in order as one durable statement, under the process's head mutex; several nodes race safely.
 * Outside a transaction, OK means durable. UNAVAILABLE: the lines may stand or not (a connection cut during the
 * commit); nothing may be revealed, and the batch must not be appended again as if it did not stand. CONFLICT with
 * reason "CONTROL_MOVED": the control version in the database, or the stamp of the control rows, is not that of the
 * batch: nothing was written; reload and decide again. INTEGRITY: the head's MAC is wrong or the head went back. */
VAULT_MUST_USE vault_code ledger_append(ledger *l, store *s, arena *mem, const line_batch *batch, appended *out,
                                        vault_error *err);
/* Within a transaction (store_begin), as its last lock: the caller commits afterwards and then calls, on the same
 * thread, ledger_committed or (also when the commit failed) ledger_rolled_back: the mutex is held until then. After an
 * error the mutex is free; both calls are then harmless. */
VAULT_MUST_USE vault_code ledger_append_in_transaction(ledger *l, store *s, arena *mem, const line_batch *batch,
                                                       appended *out, vault_error *err);
void ledger_committed(ledger *l);
void ledger_rolled_back(ledger *l);
/* When the newest line that this process has seen committed was written. Any thread. */
int64_t ledger_newest_us(const ledger *l);

/* Signs the tree as it was after the batch: one signature, whatever the number of receipts. After the commit only. */
VAULT_MUST_USE vault_code appended_sign(appended *a, const ledger *l, arena *mem, vault_error *err);
/* Siblings for lines [first, first + count), in the order that common.proto's Receipt.path says. */
VAULT_MUST_USE vault_code appended_path(const appended *a, arena *mem, int64_t first, size_t count, merkle_path *path,
                                        vault_error *err);

/* Start of a log: writes the head with line 0 (LINE_INIT). Within a transaction. */
VAULT_MUST_USE vault_code ledger_create(store *s, const keyring *keys, const char *name, digest control_digest,
                                        vault_error *err);

/* ---- published checkpoints ---- */

/* Publishes the committed head if it grew: compare-and-swap in the database, then `path` (a file outside it; NULL:
 * none) is replaced. Called once a second by one thread with a connection of its own. */
VAULT_MUST_USE vault_code ledger_publish(ledger *l, store *s, const char *path, vault_error *err);
/* Refuses (INTEGRITY) to start on a log that is shorter than, or not a continuation of, the checkpoint kept in `path`.
 */
VAULT_MUST_USE vault_code ledger_check_outside(ledger *l, store *s, const char *path, vault_error *err);
const char *ledger_verifier_key(const ledger *l); /* C2SP vkey of the active version, Ed25519 */
/* Of all keys that sign now, this one first, in the arena. */
typedef struct verifier_keys {
    const char **at;
    size_t count;
} verifier_keys;
VAULT_MUST_USE vault_code ledger_verifier_keys(verifier_keys *out, const ledger *l, arena *mem, vault_error *err);

/* The published checkpoint that proofs for others lead to: the newest one that witnesses have cosigned as the policy
 * wants, where there is one that is not out of date (the log has grown for ten minutes without them); else the newest.
 * NOT_FOUND: none was published yet. In the arena. */
typedef struct anchor {
    merkle_tree tree;
    const char *note; /* with its cosignatures */
} anchor;
VAULT_MUST_USE vault_code ledger_anchor(anchor *out, const ledger *l, store *s, arena *mem, vault_error *err);

/* The policy in a file (witness.h). In the arena. */
VAULT_MUST_USE vault_code witness_policy_load(witness_policy **out, arena *mem, const char *file, vault_error *err);
/* Whose cosignatures are wanted: borrowed as long as the ledger; NULL: nobody's. Before other threads come. */
void ledger_witnessed_by(ledger *l, const witness_policy *policy);
/* The newest published checkpoint that is cosigned as the policy wants. NOT_FOUND: none is kept, or witnesses are
 * wanted no more. In the arena. */
VAULT_MUST_USE vault_code ledger_cosigned(anchor *out, const ledger *l, store *s, arena *mem, vault_error *err);
/* Keeps a published checkpoint with its cosignatures, where they are what the policy wants; *enough says so. INVALID:
 * it is none of this log's. */
VAULT_MUST_USE vault_code ledger_keep_cosigned(const ledger *l, store *s, bytes note, bool *enough, vault_error *err);

/* ---- reading ---- */

typedef struct opened_line {
    int64_t index, time_us;
    line_action action;       /* of the leaf */
    bytes leaf, officer_view; /* JSON */
    line_facts said;          /* read from the view; an unknown outcome is LINE_OUTCOMES */
    uint8_t officer_salt[SALT_LEN];
    bool archived;    /* it lies in a file */
    bool consistent;  /* view opens, fits the leaf's hash, and the tags fit the view */
    merkle_path path; /* where the question names an anchor: of the leaf, to its root */
} opened_line;

typedef struct line_query {
    const char *person, *purpose, *app, *department, *form; /* NULL: any; as they stand in the line */
    const char *field;                                      /* NULL: any; one of those that the line names */
    const char *request, *ticket;                           /* NULL: any */
    uint64_t actions;                                       /* by 1 << line_action; 0: any */
    unsigned outcomes;                                      /* by 1 << line_outcome; 0: any */
    int64_t resident;                                       /* 0: any */
    int64_t start_us, end_us;                               /* end 0: open */
    size_t limit;                                           /* 1 to 1,000 */
    int64_t from;                                           /* index to go on from */
    int64_t until_us; /* monotonic: the page ends soon after, before another archive is looked into; 0: no bound */
    const merkle_tree *anchor; /* NULL, or a published tree: lines are looked for in it alone, each with its path */
} line_query;
typedef struct line_page {
    opened_line *lines; /* oldest first; owned by the arena */
    size_t count;
    int64_t next; /* index to go on from; -1 at the end */
    int64_t size; /* of the log that was looked at: where the end is */
} line_page;
/* Reads at most 10,000 lines a call; may return fewer than limit, even none, with a next. A line that is missing or
 * does not fit is returned whatever the conditions, with consistent false: nothing that was found damaged is hidden.
 * (A tag edited in the table takes its line out of look-ups by that tag; what was edited in a stretch whose columns are
 * kept is met only where the columns lead to it. A question without any condition but times shows all.)
 * INTEGRITY where the damage hides the bounds of the time asked for: ask again without times. */
VAULT_MUST_USE vault_code ledger_query(scribe *sc, store *s, arena *mem, const line_query *q, line_page *out,
                                       vault_error *err);

/* What an app did with one resident for a purpose, or one below it ("elder-care/visit"), newest first. Reads at most
 * 10,000 lines of the resident. A line that does not fit is returned, and counted, whoever's it was, with consistent
 * false. */
enum { TRAIL_COUNT_MAX = 1000 };
typedef struct line_trail {
    int64_t resident;
    const char *app, *purpose;
    size_t limit;        /* lines wanted: 0 to 100 */
    int64_t until_us;    /* monotonic: older archives are not looked into afterwards; 0: no bound */
    opened_line *lines;  /* set; owned by the arena */
    size_t count, total; /* set; total: how many there are, counted up to TRAIL_COUNT_MAX */
    bool early;          /* set: the time was over, and there may be more */
} line_trail;
VAULT_MUST_USE vault_code ledger_trail(scribe *sc, store *s, arena *mem, line_trail *inout, vault_error *err);

/* The record version that the newest line says which wrote the resident's record; 0: none is found. Looks at most at
 * the resident's 1,000 newest lines. */
VAULT_MUST_USE vault_code ledger_last_write(scribe *sc, store *s, arena *mem, int64_t resident, uint32_t *version,
                                            vault_error *err);

/* Proofs against a tree of `size` lines (at most what is committed): O(log n) lines are read. The caller fills what is
 * proved; NOT_FOUND past the committed end. */
typedef struct line_proof {
    int64_t index, size; /* filled by the caller */
    bytes leaf;
    merkle_path path;
} line_proof;
typedef struct growth_proof {
    int64_t old_size, size; /* filled by the caller */
    merkle_path path;
} growth_proof;
VAULT_MUST_USE vault_code ledger_prove_inclusion(ledger *l, store *s, arena *mem, line_proof *proof, vault_error *err);
VAULT_MUST_USE vault_code ledger_prove_consistency(ledger *l, store *s, arena *mem, growth_proof *proof,
                                                   vault_error *err);

/* Leaves as whoever copies the log needs them: of [from, from + limit), as far as the tree of `size` lines goes. What
 * they lead to is the copier's to check. INTEGRITY: one is missing, or is no leaf. */
enum { ENTRIES_MOST = 4096 };
typedef struct entry_page {
    int64_t from, size;
    size_t limit;     /* 1 to ENTRIES_MOST */
    int64_t until_us; /* monotonic: one archive at the most is looked into afterwards; 0: no bound */
    bytes *leaves;    /* set; owned by the arena */
    size_t count;     /* set; may be fewer than there are, one at least */
} entry_page;
VAULT_MUST_USE vault_code ledger_entries(store *s, arena *mem, entry_page *inout, vault_error *err);

/* ---- the sum of all rows ----
 *
 * The head holds, hidden and under its MAC, the sum modulo 2^256 of PRF(key, id || version || tag) over all rows of
 * residents (MSet-Add-Hash: Clarke, Devadas, van Dijk, Gassend, Suh, ASIACRYPT 2003, with a secret key and a hidden
 * sum). An old row that is put back, one that is taken away or put in changes it. The key is that of the ring "rows",
 * which stays: another key would need all rows at once. */

typedef struct row_sum {
    uint8_t at[ROW_SUM_LEN]; /* little-endian */
} row_sum;
void row_sum_add(row_sum *inout, const scribe *s, const resident_row *row);
void row_sum_take(row_sum *inout, const scribe *s, const resident_row *row);
/* What a head says that the sum is. */
VAULT_MUST_USE vault_code ledger_row_sum(row_sum *out, const ledger *l, const head_row *head, vault_error *err);
/* The head as it was committed last, checked. */
VAULT_MUST_USE vault_code ledger_head(ledger *l, store *s, head_row *out, vault_error *err);

/* ---- certificates ---- */

/* A text as a C2SP signed note under all keys of the log that are good now. In the arena. */
VAULT_MUST_USE vault_code ledger_sign_note(const char **note, const ledger *l, arena *mem, bytes text,
                                           vault_error *err);

/* ---- erasures ---- */

/* link n = SHA-256("resident-vault erasure 1" || link n-1 || n (8) || resident (8) || line (8)), from a link of zeros.
 * The chain is kept outside the database as well: `<checkpoint file>.erasures`, a line a link: number, resident, line,
 * link in hexadecimal. INTEGRITY: the table or the file does not end in the head's link, or they differ where both have
 * one. */
VAULT_MUST_USE vault_code ledger_check_erasures(ledger *l, store *s, const char *checkpoint_file, vault_error *err);
/* Who is erased by the file and not by the table: what an older database does not know of. The file must be a chain. In
 * the arena; none without a file. */
VAULT_MUST_USE vault_code ledger_lost_erasures(store *s, const char *checkpoint_file, arena *mem, int64_t **ids,
                                               size_t *count, vault_error *err);
/* What the file lacks, appended durably. By the publisher, before the checkpoint goes out. */
VAULT_MUST_USE vault_code ledger_keep_erasures(ledger *l, store *s, const char *checkpoint_file, vault_error *err);

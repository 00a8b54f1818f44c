/* The only room with libpq. One `store` is one connection, used by one thread. Statements are a table (statements.c),
 * prepared at connect, parameters and results binary. Failures: UNAVAILABLE when PostgreSQL is not there, read-only,
 * out of disk or cuts the connection (the connection is then reset at the next call); CONFLICT for a unique or version
 * clash; INTERNAL for the rest. SQLSTATE goes to the operator's detail, never data. Results are borrowed from the arena
 * given. */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/digest.h"
#include "vault/base/error.h"

typedef struct store store;

/* Refuses (with a mend in `detail`) a server with fsync, full_page_writes or synchronous_commit off, or older than 15.
 */
VAULT_MUST_USE vault_code store_open(store **out, const char *conninfo, vault_error *err);
void store_close(store **s);
/* Creates all tables in an empty database; CONFLICT when a vault stands there. One transaction with what follows is not
 * needed. */
VAULT_MUST_USE vault_code store_create_schema(store *s, vault_error *err);

/* READ COMMITTED. A transaction that failed, or whose connection went, stays open until commit (which fails) or
 * rollback. */
VAULT_MUST_USE vault_code store_begin(store *s, vault_error *err);
/* Sees the database as it is now until it ends, and writes nothing. */
VAULT_MUST_USE vault_code store_begin_snapshot(store *s, vault_error *err);
VAULT_MUST_USE vault_code store_commit(store *s, vault_error *err); /* OK only when the commit is durable */
void store_rollback(store *s);                                      /* harmless outside a transaction */

/* ---- residents ---- */

enum { NATURAL_KEY_LEN = 16, ROW_TAG_LEN = 28, WRAPPED_KEYS_LEN = 92 };
typedef struct resident_row {
    bool found; /* with its key: false once that was destroyed. Lengths of what is borrowed are those in the table:
                   check them */
    int64_t id;
    uint8_t natural_key[NATURAL_KEY_LEN];
    int16_t collection; /* its number in the schema */
    int64_t area;       /* area_code: 12 digits of the division, 3 of the grid */
    int16_t state;      /* 1 live */
    int32_t version;    /* record version, from 1 */
    int64_t made;       /* control version by whose rings the natural key, the terms and the suite are made */
    bytes sealed;       /* packed fields, vault/record/pack.h */
    const int64_t *terms;
    size_t term_count;
    bytes tag;
    int32_t ring_version;           /* of the record ring that wraps `dek` */
    bytes dek;                      /* data key and view key, wrapped: WRAPPED_KEYS_LEN */
    const struct resident_row *was; /* of an update: the row that this one replaces, as it was proven */
} resident_row;

/* rows[i] answers ids[i] (or keys[i]), found or not; at most 4,096. The SQL is the same whatever is found. */
VAULT_MUST_USE vault_code store_residents_by_id(store *s, arena *mem, const int64_t *ids, size_t count,
                                                resident_row *rows, vault_error *err);
VAULT_MUST_USE vault_code store_residents_by_key(store *s, arena *mem, const uint8_t (*keys)[NATURAL_KEY_LEN],
                                                 size_t count, resident_row *rows, vault_error *err);
/* New ids, never used before: a block of `count` from the sequence. */
VAULT_MUST_USE vault_code store_resident_ids(store *s, int64_t *ids, size_t count, vault_error *err);
/* Within a transaction; written in the order of natural keys (insert) or ids (update), so that no two wait for each
 * other. Insert writes resident and resident_key; CONFLICT when a natural key stands. Update replaces area, state,
 * sealed, terms, tag and version where version = rows[i].version - 1; CONFLICT unless every row was updated. Both write
 * the entries of resident_term, which only live records have; an update writes those in which it differs from `was`. */
VAULT_MUST_USE vault_code store_residents_insert(store *s, arena *mem, const resident_row *rows, size_t count,
                                                 vault_error *err);
VAULT_MUST_USE vault_code store_residents_update(store *s, arena *mem, const resident_row *rows, size_t count,
                                                 vault_error *err);

/* Residents' keys that another version of the record ring wraps than `version`: at most `limit` above id `after`, in
 * order, locked; what another transaction has locked is passed over. Within a transaction. */
typedef struct key_row {
    int64_t id;
    int32_t ring_version;
    bytes dek;
} key_row;
typedef struct stale_range {
    int64_t after;
    int32_t version; /* keys under another version than this one; 0: not asked for */
    int64_t made;    /* rows made by an older control version than this one; 0: not asked for */
    int64_t until;   /* of whole residents: the last id that is looked at; 0: there is none */
    size_t limit;
} stale_range;
VAULT_MUST_USE vault_code store_keys_stale(store *s, arena *mem, const stale_range *of, key_row *rows, size_t *count,
                                           vault_error *err);
/* Writes dek and ring_version by id; CONFLICT unless every row was there. */
VAULT_MUST_USE vault_code store_keys_update(store *s, const key_row *rows, size_t count, vault_error *err);
/* Notes (vault/record) in a table under another version of the record ring than `version`: at most `limit` above id
 * `after`, in order, locked; what another transaction has locked is passed over. Within a transaction. */
typedef enum note_table { NOTES_OF_VOUCHERS, NOTES_OF_REQUESTS, NOTES_OF_LEAKS, NOTE_TABLES } note_table;
typedef struct note_row {
    bytes id;
    int32_t version; /* of a voucher */
    bytes sealed;
} note_row;
typedef struct note_range {
    note_table in;
    bytes after; /* id; empty: from the first one */
    int32_t version;
    size_t limit;
} note_range;
VAULT_MUST_USE vault_code store_notes_stale(store *s, arena *mem, const note_range *of, note_row *rows, size_t *count,
                                            vault_error *err);
/* Writes `sealed` by id; CONFLICT unless every row was there. */
VAULT_MUST_USE vault_code store_notes_update(store *s, note_table in, const note_row *rows, size_t count,
                                             vault_error *err);
/* How many keys and notes there are under another version of the record ring, in one snapshot over whole tables. */
VAULT_MUST_USE vault_code store_stale_count(store *s, int32_t version, int64_t *count, vault_error *err);
/* The same of whole residents, stale by keys or by what they are made of: either is enough. */
VAULT_MUST_USE vault_code store_residents_stale(store *s, arena *mem, const stale_range *of, resident_row *rows,
                                                size_t *count, vault_error *err);
/* How many there are, whoever has them locked (`limit` is not looked at). */
VAULT_MUST_USE vault_code store_residents_stale_count(store *s, const stale_range *of, int64_t *count,
                                                      vault_error *err);
/* The id of the last of the next `most` residents above `after`, stale or not; 0: there is none. A pass over so many at
 * a time takes no longer where nothing is left to do. */
VAULT_MUST_USE vault_code store_residents_window(store *s, int64_t after, size_t most, int64_t *until,
                                                 vault_error *err);
/* Of all collections, by the index alone. */
VAULT_MUST_USE vault_code store_residents_count(store *s, int64_t *count, vault_error *err);
/* A row written again as the same version, with its keys where they are others: natural key, state, made, terms,
 * sealed, tag; and the entries in which it differs from `was`. CONFLICT unless every row had the version and the tag of
 * `was`. */
VAULT_MUST_USE vault_code store_residents_renew(store *s, arena *mem, const resident_row *rows, size_t count,
                                                vault_error *err);
/* Within a transaction: nobody else writes these rows until it ends. For what is sealed under a resident's key beside
 * the row. CONFLICT unless every row has the version and the tag of rows[i]. */
VAULT_MUST_USE vault_code store_residents_hold(store *s, arena *mem, const resident_row *rows, size_t count,
                                               vault_error *err);
/* Whole residents above id `after`, in order, as many as there is room for; nothing is locked. */
VAULT_MUST_USE vault_code store_residents_page(store *s, arena *mem, int64_t after, resident_row *rows,
                                               size_t *inout_count, vault_error *err);
/* All rows above id `after`, in order, also those without a key (`dek` is then empty); and how many keys there are
 * beside them that no row has. */
typedef struct resident_walk {
    int64_t after; /* moves on: INT64_MAX at the end */
    size_t limit;  /* size of rows */
    size_t count;  /* set */
    int64_t strays;
} resident_walk;
VAULT_MUST_USE vault_code store_residents_walk(store *s, arena *mem, resident_walk *inout, resident_row *rows,
                                               vault_error *err);
/* Nobody else walks for this purpose (a job's id) until the transaction ends; false: somebody does. */
VAULT_MUST_USE vault_code store_walk_alone(store *s, int64_t what, bool *alone, vault_error *err);
/* Row, keys, entries of the index and corrections; CONFLICT unless every row had the version and the tag of rows[i]. */
VAULT_MUST_USE vault_code store_residents_erase(store *s, arena *mem, const resident_row *rows, size_t count,
                                                vault_error *err);
/* What still needs a version of a ring; all zero: nothing does. Counted in one snapshot, over whole tables. */
typedef struct ring_references {
    int64_t keys, vouchers, requests, leaks; /* wrapped or sealed under this version of the record ring */
    int64_t rows;                 /* of residents, made before control version `since` (term and natural rings) */
    int64_t entries;              /* of the index that no row has, or that a row has and the index does not */
    int64_t lines;                /* sealed under this version of the log ring */
    int64_t manifests, documents; /* sealed under this version of the control ring */
    int64_t residents;            /* that there are: no reference */
} ring_references;
/* `since`: control version that brought the next version of the ring. Within a transaction. */
VAULT_MUST_USE vault_code store_references(store *s, const char *ring, int32_t version, int64_t since,
                                           ring_references *out, vault_error *err);

/* ---- search ----
 *
 * resident_term(term, area, id) holds what stands in resident.terms, written with the rows by insert and update. An
 * entry that was put there by SQL leads to a row whose own terms (under its tag) do not have it: check them. */

typedef struct term_probe {
    int64_t term, low, high; /* in areas low to high */
} term_probe;
typedef struct term_set {
    const term_probe *at; /* one of them */
    size_t count;
} term_set;
enum { SEARCH_SETS_MAX = 32, SEARCH_PROBES_MAX = 524288 };
typedef struct store_search {
    const term_set *sets; /* 1 to SEARCH_SETS_MAX */
    size_t set_count;
    const size_t
        *groups; /* of which condition each set is, from 0, ascending: a condition holds when all its sets do */
    size_t group_count, least; /* how many conditions must hold */
    int64_t after;             /* ids above this one, ascending */
    size_t limit;
    int64_t until_us; /* monotonic clock: a search that lasts longer is given up; 0: as long as the server lets it */
    const int64_t *without; /* ids that are not counted */
    size_t without_count;
} store_search;
/* Ids in ascending order, at most `limit`. The SQL is the same whatever is found. EXHAUSTED SEARCH_TOO_LONG. */
VAULT_MUST_USE vault_code store_search_ids(store *s, arena *mem, const store_search *what, int64_t **ids, size_t *count,
                                           vault_error *err);
/* How many there are. */
VAULT_MUST_USE vault_code store_search_count(store *s, const store_search *what, uint64_t *count, vault_error *err);
/* ids[i]: the one resident that has terms[i]; 0: none, SEVERAL_IDS: more than one. At most 4,096. The SQL is the same
 * whatever is found. */
enum { SEVERAL_IDS = -1 };
VAULT_MUST_USE vault_code store_ids_of_terms(store *s, arena *mem, const int64_t *terms, size_t count, int64_t *ids,
                                             vault_error *err);
/* Ids of a collection in an area range above `after`, ascending (Records.Browse). */
typedef struct store_listing {
    int16_t collection;
    int64_t low, high, after;
    size_t limit;
} store_listing;
VAULT_MUST_USE vault_code store_list_ids(store *s, arena *mem, const store_listing *what, int64_t **ids, size_t *count,
                                         vault_error *err);

/* ---- vouchers and handovers ---- */

/* `id` is a hash of the secret; all that counts (whose, what for, uses, end) is sealed. Rows past their end are kept 30
 * days, so that their holder is told why, and then swept. */
enum { VOUCHER_ID_LEN = 16 };
typedef struct voucher_row {
    bool found; /* set by reads */
    uint8_t id[VOUCHER_ID_LEN];
    int32_t version; /* from 1 */
    bytes sealed;
    int64_t expires_us;
} voucher_row;
/* rows[i] answers ids[i]; at most 4,096. The SQL is the same whatever is found. */
VAULT_MUST_USE vault_code store_vouchers_read(store *s, arena *mem, const uint8_t (*ids)[VOUCHER_ID_LEN], size_t count,
                                              voucher_row *rows, vault_error *err);
/* Within a transaction, in the order of ids. CONFLICT when an id stands. */
VAULT_MUST_USE vault_code store_vouchers_insert(store *s, arena *mem, const voucher_row *rows, size_t count,
                                                vault_error *err);
/* Within a transaction, in the order of ids: `sealed` where version = rows[i].version - 1; CONFLICT unless every row
 * was. */
VAULT_MUST_USE vault_code store_vouchers_update(store *s, arena *mem, const voucher_row *rows, size_t count,
                                                vault_error *err);

/* ---- head and lines ---- */

enum { FRONTIER_MAX = 63 * DIGEST_LEN, HEAD_MAC_LEN = 32, ROW_SUM_LEN = 32 };
typedef struct head_row {
    int64_t size; /* lines in the log */
    int64_t time; /* of the last line, microseconds; never goes back */
    int64_t control_version;
    digest control_digest;        /* of the manifest */
    int32_t log_version;          /* of the log ring, under whose keys mac and row_sum are */
    int64_t erased;               /* erasures: links of the chain */
    digest erasure;               /* chain of erasures: its last link */
    uint8_t row_sum[ROW_SUM_LEN]; /* over all rows of residents, hidden (vault/audit) */
    uint8_t frontier[FRONTIER_MAX];
    size_t frontier_len;
    uint8_t mac[HEAD_MAC_LEN]; /* over all the above (vault/audit) */
} head_row;

typedef struct line_row {
    bool found;    /* set by reads */
    bool archived; /* and that it lies in a file (vault/audit) */
    int64_t index;
    bytes leaf;     /* 74 bytes */
    bytes nodes;    /* hashes of the perfect subtrees of 2 or more leaves that this leaf completes, small ones first */
    bytes officer;  /* sealed officer view */
    bytes resident; /* sealed resident view, or empty */
    int64_t resident_tag; /* keyed 64-bit tag for look-ups; 0: none */
    int64_t person_tag;
} line_row;

/* The first head; CONFLICT when there is one. Reading: NOT_FOUND without one, INTEGRITY for columns of impossible
 * length. */
VAULT_MUST_USE vault_code store_head_create(store *s, const head_row *head, vault_error *err);
VAULT_MUST_USE vault_code store_head_read(store *s, head_row *out, vault_error *err); /* as committed last */
VAULT_MUST_USE vault_code store_head_lock(store *s, head_row *out,
                                          vault_error *err); /* FOR UPDATE, within a transaction */
/* One statement: moves the head from `from` to `to` and inserts the to->size - from->size lines, if and only if the
 * head's size and control version are those of `from`, and the control rows have `stamp` (0: a change of control, which
 * has written them itself and checked the stamp before). *moved tells that the head or the stamp was another (nothing
 * was written). Outside a transaction the statement commits by itself, and OK means that it is durable. */
typedef struct append_from {
    const head_row *head;
    int64_t stamp;
} append_from;
VAULT_MUST_USE vault_code store_append(store *s, append_from from, const head_row *to, const line_row *lines,
                                       bool *moved, vault_error *err);

/* rows[i] answers indexes[i], found or not. */
VAULT_MUST_USE vault_code store_lines_by_index(store *s, arena *mem, const int64_t *indexes, size_t count,
                                               line_row *rows, vault_error *err);
/* The same without views and tags. */
VAULT_MUST_USE vault_code store_tree_by_index(store *s, arena *mem, const int64_t *indexes, size_t count,
                                              line_row *rows, vault_error *err);
/* LINE_RESIDENT_BACK: newest first, from `from` downwards. */
typedef enum line_key { LINE_ANY, LINE_RESIDENT, LINE_PERSON, LINE_RESIDENT_BACK } line_key;
typedef struct line_range {
    line_key key;
    const int64_t *tags; /* of resident or person, one for each version of the log ring; not of LINE_ANY */
    size_t tag_count;
    int64_t from; /* index */
    size_t limit; /* size of rows */
} line_range;
/* How many, and how many lines of the log lay in archives at that moment; -1: not told, for none was found. */
typedef struct lines_found {
    size_t count;
    int64_t archived;
} lines_found;
/* The lines of a range, oldest first (but for LINE_RESIDENT_BACK). */
VAULT_MUST_USE vault_code store_lines_page(store *s, arena *mem, const line_range *range, line_row *rows,
                                           lines_found *out, vault_error *err);

/* The files of archived lines, as whoever reads lines over this connection finds them (vault/audit/archive.h).
 * Borrowed; NULL, as it is first: there are none at hand. */
struct shelf;
void store_set_shelf(store *s, struct shelf *files);
struct shelf *store_shelf(const store *s);

/* The leaves of the lines [from, from + count), in the arena; empty bytes where there is no such line. */
VAULT_MUST_USE vault_code store_leaves(store *s, arena *mem, int64_t from, size_t count, bytes *leaves,
                                       vault_error *err);

/* The log lies in partitions of LINE_PARTITION lines. Those that a log of `size` lines writes to, and the next two:
 * where they are not there they are made. Not within a transaction; appends do not wait for it, and two nodes may do
 * it. */
#define LINE_PARTITION (INT64_C(1) << 22)
VAULT_MUST_USE vault_code store_partitions_make(store *s, int64_t size, vault_error *err);
/* Takes away one of those whose lines are all below `archived`, and which is empty. UNAVAILABLE: the log was in use for
 * longer than an append may wait; to be tried again later. *dropped: one was; there may be more. */
VAULT_MUST_USE vault_code store_partition_drop(store *s, int64_t archived, bool *dropped, vault_error *err);

/* Lines from `from` to before `end` whose officer's view is under another version of the log ring: at most `limit`, in
 * order, locked; what another transaction has locked is passed over. Within a transaction. */
typedef struct stale_lines {
    int64_t from, end;
    int32_t version;
    size_t limit; /* size of rows */
} stale_lines;
VAULT_MUST_USE vault_code store_lines_stale(store *s, arena *mem, const stale_lines *of, line_row *rows, size_t *count,
                                            vault_error *err);
/* How many there are in the range, locked or not. */
VAULT_MUST_USE vault_code store_lines_stale_count(store *s, const stale_lines *of, int64_t *count, vault_error *err);
/* Officer's view and tags by index; CONFLICT unless every line was there. */
VAULT_MUST_USE vault_code store_lines_renew(store *s, const line_row *rows, size_t count, vault_error *err);

/* ---- published checkpoint, assertions, rings, control ---- */

/* Compare-and-swap on the published size: *swapped false when another node published meanwhile. from_size 0: the first
 * one. */
VAULT_MUST_USE vault_code store_checkpoint_publish(store *s, int64_t from_size, int64_t size, const char *note,
                                                   bool *swapped, vault_error *err);
VAULT_MUST_USE vault_code store_checkpoint_read(store *s, arena *mem, int64_t *size, const char **note,
                                                vault_error *err); /* size 0: none yet */

/* Uses up assertion ids (SHA-256 of iss, jti), durably, before the call goes on. fresh[i] false: used before. Expired
 * ids are swept. */
VAULT_MUST_USE vault_code store_assertions_use(store *s, const digest *ids, const int64_t *expires_us, size_t count,
                                               bool *fresh, vault_error *err);
/* The newest of them that witnesses have cosigned, with their signatures; a larger one takes its place, or one of the
 * same size. Size 0: none. */
VAULT_MUST_USE vault_code store_cosigned_write(store *s, int64_t size, const char *note, vault_error *err);
VAULT_MUST_USE vault_code store_cosigned_read(store *s, arena *mem, int64_t *size, const char **note, vault_error *err);

typedef struct ring_row {
    const char *name;
    int32_t version;
    int16_t suite, state;
    int64_t since, ends_us; /* control version that brought it; end of a token epoch, or 0 */
    bytes wrapped;
    int64_t created_us;
} ring_row;
/* All versions of all rings, by name and version; CONFLICT when a version stands. */
VAULT_MUST_USE vault_code store_rings_read(store *s, arena *mem, ring_row **rows, size_t *count, vault_error *err);
VAULT_MUST_USE vault_code store_ring_insert(store *s, const ring_row *row, vault_error *err); /* one version */
/* Suite, state, end and wrap of a version; NOT_FOUND. Within a transaction that holds the control lock. */
VAULT_MUST_USE vault_code store_ring_update(store *s, const ring_row *row, vault_error *err);

/* Control rows. `control`: one sealed manifest a version. `control_document`: the sealed documents that the newest one
 * names, in force or pending. `control_archive`: all former ones.
 *
 * The stamp stands for what the live rows are, and where they lie: every UPDATE, DELETE or INSERT among the live
 * documents, or of the newest manifest, changes it. Costs microseconds. Never 0. */
VAULT_MUST_USE vault_code store_control_stamp(store *s, int64_t *stamp, vault_error *err);
/* Nobody else writes control rows until the transaction ends; readers do not wait. */
VAULT_MUST_USE vault_code store_control_lock(store *s, vault_error *err);
/* The same kind of stamp of what no change touches any more once `version` is in force: manifests up to it, and what
 * they archived; and how many rows these are. Not for the hot path. */
typedef struct control_history {
    int64_t stamp, manifests, archived;
    int64_t astray; /* archived rows that say they were archived by a manifest that is not there yet */
    int64_t heads;  /* rows that say what the head of the log is: one */
} control_history;
VAULT_MUST_USE vault_code store_control_history(store *s, int64_t version, control_history *out, vault_error *err);
typedef struct manifest_row {
    int64_t version;
    bytes sealed;
} manifest_row;
/* The first `limit` manifests of version `from` or later, in order. */
typedef struct manifest_range {
    int64_t from;
    size_t limit; /* size of rows */
} manifest_range;
VAULT_MUST_USE vault_code store_manifests_read(store *s, arena *mem, manifest_range range, manifest_row *rows,
                                               size_t *count, vault_error *err);
VAULT_MUST_USE vault_code store_manifest_insert(store *s, const manifest_row *row, vault_error *err); /* CONFLICT */
typedef struct document_row {
    const char *name;
    int64_t version; /* of the manifest that wrote it */
    int64_t ended;   /* of the one that archived it; 0: live. Read by store_document_find alone */
    bytes sealed;
} document_row;
/* All live ones. */
VAULT_MUST_USE vault_code store_documents_read(store *s, arena *mem, document_row **rows, size_t *count,
                                               vault_error *err);
VAULT_MUST_USE vault_code store_document_insert(store *s, const document_row *row, vault_error *err);
/* From the live ones to the archive, by name and version; `ended`: version of the manifest that does it. NOT_FOUND when
 * it is not there. */
VAULT_MUST_USE vault_code store_document_archive(store *s, const document_row *row, int64_t ended, vault_error *err);
/* By name and version, live or archived; NOT_FOUND; INTEGRITY: both. */
VAULT_MUST_USE vault_code store_document_find(store *s, arena *mem, document_row *inout, vault_error *err);

/* Sealed control rows, wherever they are, under another version of the control ring: live documents first. Stored
 * values are none. */
typedef enum control_table { CONTROL_DOCUMENTS, CONTROL_MANIFESTS, CONTROL_ARCHIVE } control_table;
typedef struct sealed_row {
    control_table in;
    const char *name; /* of a document */
    int64_t version;
    bytes sealed;
} sealed_row;
/* At most *inout_count of them. */
VAULT_MUST_USE vault_code store_control_stale(store *s, arena *mem, int32_t version, sealed_row *rows,
                                              size_t *inout_count, vault_error *err);
VAULT_MUST_USE vault_code store_control_stale_count(store *s, int32_t version, int64_t *count, vault_error *err);
/* Within a transaction that holds the control lock; NOT_FOUND. */
VAULT_MUST_USE vault_code store_control_reseal(store *s, const sealed_row *row, vault_error *err);

/* ---- jobs, certificates, erasures ---- */

/* Stored values. */
typedef enum job_kind {
    JOB_REWRAP = 1, /* residents' keys, vouchers and requests under the active version of the record ring */
    JOB_REWRITE,    /* rows: terms, natural keys */
    JOB_RESEAL,     /* rows: new data keys, values sealed anew; and all of the two above */
    JOB_LINES,      /* of the log, under the active version of its ring */
    JOB_CONTROL,    /* manifests and documents */
    JOB_VERIFY,     /* every row against its tag, all against the sum */
    JOB_RETENTION,  /* values and records past their time */
    JOB_ARCHIVE,    /* old lines to files */
    JOB_KINDS
} job_kind;
typedef enum job_state { JOB_RUNNING = 1, JOB_PAUSED, JOB_CANCELLED, JOB_DONE, JOB_FAILED, JOB_STATES } job_state;
typedef struct job_row {
    int64_t id;
    int16_t kind, state;
    const char *ring; /* or "" */
    int32_t version;  /* of the ring, that it brings everything to */
    int64_t total, done;
    int64_t created_us, resumed_us, resumed_done, ended_us;
    const char *finding;
    int64_t quiet_ms; /* set by reads: since a node last said that calls wait for it (store_job_busy) */
} job_row;
/* CONFLICT when a job of this kind and ring runs or is paused. Sets the id. */
VAULT_MUST_USE vault_code store_job_insert(store *s, job_row *inout, vault_error *err);
/* One by id, or (0) the newest 100, newest first; `open` alone: those that run or are paused. */
typedef struct job_filter {
    int64_t id;
    bool open;
} job_filter;
VAULT_MUST_USE vault_code store_jobs_read(store *s, arena *mem, job_filter which, job_row **rows, size_t *count,
                                          vault_error *err);
/* In the transaction of the work, after it: so much more is done. Whoever writes a line as well appends it behind this,
 * because the head is everybody's last lock. NOT_FOUND: it does not run any more, and the work must not be committed.
 */
VAULT_MUST_USE vault_code store_job_advance(store *s, int64_t id, int64_t more, vault_error *err);
/* Calls want this node: all nodes go easy on the job. */
VAULT_MUST_USE vault_code store_job_busy(store *s, int64_t id, vault_error *err);
/* What is told of it while it runs. */
VAULT_MUST_USE vault_code store_job_say(store *s, int64_t id, const char *what, vault_error *err);
/* state, total, finding, and resumed or ended at now_us. CONFLICT: it stands in none of the states that lead there. */
VAULT_MUST_USE vault_code store_job_set(store *s, const job_row *row, int64_t now_us, vault_error *err);

typedef struct certificate_row {
    const char *ring, *note;
    int32_t version;
    int64_t line;
} certificate_row;
/* CONFLICT when the version has one. */
VAULT_MUST_USE vault_code store_certificate_insert(store *s, const certificate_row *row, vault_error *err);
VAULT_MUST_USE vault_code store_certificate_read(store *s, arena *mem, certificate_row *inout,
                                                 vault_error *err); /* by ring and version; NOT_FOUND */

typedef struct erasure_row {
    int64_t number, resident, line; /* number: from 1, without a gap */
} erasure_row;
VAULT_MUST_USE vault_code store_erasures_insert(store *s, const erasure_row *rows, size_t count, vault_error *err);
/* In order, from number `from`. */
VAULT_MUST_USE vault_code store_erasures_read(store *s, int64_t from, erasure_row *rows, size_t *inout_count,
                                              vault_error *err);
/* Takes away whatever there still, or again, is of residents in the table of erasures; how many rows that was. */
VAULT_MUST_USE vault_code store_erasures_replay(store *s, int64_t *rows, vault_error *err);

/* ---- imports and corrections ---- */

/* A correction request: what a department says of a field whose stored value weighs more. At most one waits per
 * resident, field and department; decided ones stay, without their value. Every column is under the seal
 * (vault/record). The sealed bytes of one that waits begin with a mark of the text: a request that is filed again
 * leaves the one that stands as it is, another text takes its place under a number of its own. */
enum { CORRECTION_MARK_LEN = 9 };
typedef enum correction_state { CORRECTION_PENDING = 1, CORRECTION_ACCEPTED, CORRECTION_DECLINED } correction_state;
typedef struct correction_row {
    bool found; /* set by store_corrections_by_number */
    int64_t number;
    int64_t resident;
    int16_t field, department; /* of the department that filed it: its number */
    int16_t decider;           /* department that decided; 0 while it waits */
    int16_t state;             /* correction_state */
    int64_t filed_us, decided_us;
    bytes sealed;
} correction_row;
/* Within a transaction; of a place that is given twice the last one. All wait. CONFLICT: a number that stands. */
VAULT_MUST_USE vault_code store_corrections_put(store *s, arena *mem, const correction_row *rows, size_t count,
                                                vault_error *err);
/* Within a transaction, at most 4,096: state, decider, decided_us and sealed of those that wait, by number. CONFLICT
 * unless every one did. */
VAULT_MUST_USE vault_code store_corrections_decide(store *s, arena *mem, const correction_row *rows, size_t count,
                                                   vault_error *err);
/* Those of fields[i] that wait and were filed before before_us[i] go; how many that was. */
VAULT_MUST_USE vault_code store_corrections_drop(store *s, const int16_t *fields, const int64_t *before_us,
                                                 size_t count, int64_t *dropped, vault_error *err);
/* rows[i] answers numbers[i], found or not; at most 4,096. */
VAULT_MUST_USE vault_code store_corrections_by_number(store *s, arena *mem, const int64_t *numbers, size_t count,
                                                      correction_row *rows, vault_error *err);
/* By number, above `after`, at most `limit`: those of a resident (not 0), all of them; or the waiting ones of fields.
 */
typedef struct correction_range {
    int64_t resident;
    const int16_t *fields;
    size_t field_count;
    int64_t after;
    size_t limit;
} correction_range;
VAULT_MUST_USE vault_code store_corrections_of(store *s, arena *mem, const correction_range *of, correction_row **rows,
                                               size_t *count, vault_error *err);
/* All those of these residents, by resident. */
typedef struct resident_ids {
    const int64_t *at;
    size_t count;
} resident_ids;
VAULT_MUST_USE vault_code store_corrections_of_all(store *s, arena *mem, resident_ids of, correction_row **rows,
                                                   size_t *count, vault_error *err);
/* Within a transaction: `sealed` by number; CONFLICT unless every one is in the state of its row. */
VAULT_MUST_USE vault_code store_corrections_reseal(store *s, const correction_row *rows, size_t count,
                                                   vault_error *err);
VAULT_MUST_USE vault_code store_corrections_pending(store *s, arena *mem, const correction_range *of,
                                                    correction_row **rows, size_t *count, vault_error *err);

/* What was answered to a request, or to a message of an import, by the digest of who, request id and place; what was
 * asked is inside the seal, because a plain digest of it would let a thief of the table try values. Written in the
 * transaction of what it answers; swept after its end. */
typedef struct request_row {
    bool found; /* set by reads */
    digest id;
    bytes answer; /* sealed */
    int64_t expires_us;
} request_row;
/* Answers and ends of rows[i].id, found or not; at most 4,096. The SQL is the same whatever is found. */
VAULT_MUST_USE vault_code store_requests_find(store *s, arena *mem, request_row *rows, size_t count, vault_error *err);
/* Within a transaction, in the order of ids. CONFLICT when an id stands. */
VAULT_MUST_USE vault_code store_requests_insert(store *s, arena *mem, const request_row *rows, size_t count,
                                                vault_error *err);

/* Name of the vault (origin of the log) and format of the tables, fixed at init; and how the root key lies here
 * (root_seal of keys.h), which a rekey writes anew. */
typedef struct vault_row {
    const char *name; /* "resident-vault/dev" */
    int32_t format;
    int16_t source;
    int32_t generation, threshold, shares;
    bytes salt;
    int32_t argon2_passes, argon2_memory_kib, argon2_lanes;
    bytes checks; /* of all shares, one after the other */
    bytes root;   /* wrapped */
} vault_row;
/* All but name and format, where the generation is the one before; CONFLICT for another. */
VAULT_MUST_USE vault_code store_vault_update(store *s, const vault_row *row, vault_error *err);
VAULT_MUST_USE vault_code store_vault_read(store *s, arena *mem, vault_row *out,
                                           vault_error *err); /* NOT_FOUND: not initialised */
VAULT_MUST_USE vault_code store_vault_insert(store *s, const vault_row *row, vault_error *err);

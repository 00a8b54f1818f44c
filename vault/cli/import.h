/* What the parts of `vaultctl import` share: the state that lets it go on, the rejects, what is counted. */
#pragma once
#include "vault/cli/internal.h"
#include "vault/cli/mapping.h"
#include "vault/cli/rows.h"

enum { PART_ROWS = 4096, PART_MAX = 65536, MESSAGE_ROWS = 512, PATIENCE_S = 300, IMPORT_ID_LEN = 32, TEXT_MAX = 4096 };

typedef struct import_counts {
    uint64_t rows, created, updated, unchanged, rejected;
    uint64_t corrections; /* rows that went in and had a correction filed */
} import_counts;

/* ---- import_state.c: FILE.import-state ---- */

typedef struct import_state {
    char id[IMPORT_ID_LEN + 1]; /* request ids are <id>.<part> */
    json_t *settings;           /* owned: what must be the same for going on */
    uint64_t size;
    int64_t mtime_us;
    char head[2 * DIGEST_LEN + 1];
    uint64_t parts; /* acknowledged */
    uint64_t offset, line;
    uint64_t rejects_len; /* of the rejects file, as far as acknowledged */
    import_counts counts;
    bool complete;
} import_state;

/* NOT_FOUND: there is none. INVALID: it is no state of an import. */
VAULT_MUST_USE vault_code state_read(import_state *s, const char *path, vault_error *err);
/* On disk when it returns; the old state or the new one, never half of it; mode 0600. */
VAULT_MUST_USE vault_code state_write(const import_state *s, const char *path, vault_error *err);
void state_clear(import_state *s); /* takes an empty one */
/* A new import of the file, from its first row; takes the reference of settings. */
void state_begin(import_state *s, const source *from, json_t *settings);
/* Is it this file, unchanged? */
bool state_is_of(const import_state *s, const source *from);
/* The first setting that differs; NULL: none. */
const char *state_difference(const import_state *s, json_t *settings);

json_t *counts_json(const import_counts *c); /* a member for each */

/* ---- rejects.c: what did not go in, to be mended and imported again ---- */

typedef struct rejects {
    const char *path;
    int fd; /* -1: nothing was rejected yet */
    char delimiter;
    uint64_t len;
    writer out; /* what waits to be written */
} rejects;
/* Cuts back to `len` bytes what an earlier run left; with 0 nothing is left. INVALID: it is the input itself, or less
 * of it stands than was acknowledged. */
VAULT_MUST_USE vault_code rejects_open(rejects *r, const char *path, uint64_t len, const source *from,
                                       vault_error *err);
/* A row with its faults: names of fields and reasons, as many of each, joined by ';'. Columns of the tool's own are
 * left out; of a row that could not be taken apart the columns are empty and the text stands behind them. */
VAULT_MUST_USE vault_code rejects_add(rejects *r, const source *from, const row *what, const char *fields,
                                      const char *reasons, vault_error *err);
/* All of it is on disk when this returns. */
VAULT_MUST_USE vault_code rejects_flush(rejects *r, vault_error *err);
void rejects_close(rejects *r); /* takes one that was not opened, with fd -1 */

/* What tells residents apart: a hash of the normalised natural key. False, and a hash of the text, for what is none. */
bool row_key(uint64_t *hash, arena *spare, const mapping *m, const row *of);

/* ---- quality.c: what a dry run says about the file ---- */

typedef struct quality quality;
/* Counts for the fields of the mapping, which it borrows. */
quality *quality_new(arena *mem, const mapping *m);
void quality_free(quality **q); /* takes NULL inside */
/* A row that is sent: what is missing in it, and whether its natural key came before. */
void quality_row(quality *q, arena *spare, const row *what);
/* A fault of a field ("": of the row), or a correction; as the server names it. */
void quality_fault(quality *q, const char *field, const char *reason);
json_t *quality_json(const quality *q);
void quality_print(const quality *q, arena *mem);

/* Hashes of 64 bits, at most so many; more are dropped and counted as not looked at. */
typedef struct hash_set {
    uint64_t *at;
    size_t count, cap, most, dropped;
} hash_set;
bool hash_set_add(hash_set *s, uint64_t hash); /* true: it was there */
void hash_set_free(hash_set *s);

/* ---- import_part.c: rows that are acknowledged together ---- */

/* A part goes in two calls side by side, which keeps both workers of a vault busy. Rows of one resident are always in
 * the same call: they go in in their order. */
enum { PART_CALLS = 2 };

typedef struct part_call {
    size_t *rows; /* their places in the part */
    size_t count;
    bytes *messages;
    size_t message_count;
} part_call;

typedef struct part {
    arena *mem;
    uint64_t number; /* from 1 */
    row *rows;       /* of the file, those with faults too */
    size_t count, cost;
    part_call calls[PART_CALLS];
    uint64_t offset, line; /* where the next part begins */
} part;

/* What stays the same from part to part. */
typedef struct part_plan {
    ctl *ctl;
    source *from;
    const mapping *columns;
    const char *import_id;
    size_t rows;  /* at most, in a part */
    size_t calls; /* of a part, 1 to PART_CALLS: with an assertion 1, for it is good for one call */
    bool dry_run;
    const Google__Protobuf__Timestamp *collected; /* NULL: now */
} part_plan;

/* The next rows of the file; count is 0 at its end. */
VAULT_MUST_USE vault_code part_read(part *p, const part_plan *plan, uint64_t number, vault_error *err);
/* The messages of one of its calls, which has rows; once more before it is tried again. False: no memory, or the
 * assertion cannot be read (said). */
bool part_pack(part *p, const part_plan *plan, size_t call);
/* Counts and rejects what the server said to each call (NULL where nothing was sent), in the order of the file.
 * INVALID: it does not fit. */
typedef struct part_books {
    import_counts *counts;
    rejects *rejects;
    quality *quality; /* NULL: none is wanted */
} part_books;
VAULT_MUST_USE vault_code part_account(part *p, const part_plan *plan, Vault__V1__ImportResponse *const *replies,
                                       const part_books *books, vault_error *err);

/* ---- import_send.c: part after part ---- */

typedef struct sending {
    part_plan plan;
    import_state *state;
    const char *state_path; /* NULL: it is not kept */
    part_books books;
    int64_t patience_us;
    int timeout_ms;
} sending;
/* Until the end of the file, an error that will not pass, or a signal. While a part is in flight the next one is read,
 * and each of its calls leaves when the same call of the part before is answered. */
ctl_exit send_parts(sending *s);

/* ---- progress.c ---- */

typedef struct progress {
    bool shown, terminal;
    uint64_t size, begun_at; /* bytes of the file, and where this run began */
    uint64_t rows_before;
    int64_t started_us, said_us;
} progress;
progress progress_start(const ctl *c, const import_state *s, const source *from);
void progress_say(progress *p, const import_state *s); /* not more often than is good to read */
void progress_end(progress *p);                        /* an empty line for what comes */

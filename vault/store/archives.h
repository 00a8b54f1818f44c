/* Lines that lie in files: which file has which of them, and what of the tree stays in the database. The files
 * themselves are vault/audit's. The archived lines are the first ones of the log, without a gap. */
#pragma once
#include "vault/store/store.h"

typedef struct archive_row {
    int64_t first, count;
    int64_t start_us, end_us; /* times of its first and its last line */
    const char *file;         /* its name in the archive folder */
    int64_t size;             /* of the file, as it was written */
    digest sha256;
    int32_t log_version; /* of the log ring: all of its views and tags are under it */
} archive_row;

/* How many lines are archived: those before it. */
VAULT_MUST_USE vault_code store_archive_end(store *s, int64_t *end, vault_error *err);
/* Those with any of the lines [from, ...), in order, at most `limit`; in the arena. */
typedef struct archive_list {
    int64_t from;
    size_t limit;
    archive_row *rows; /* set */
    size_t count;      /* set */
} archive_list;
VAULT_MUST_USE vault_code store_archives_read(store *s, arena *mem, archive_list *inout, vault_error *err);
/* The first one that is under another version of the log ring; out->count 0: none. */
VAULT_MUST_USE vault_code store_archive_stale(store *s, arena *mem, int32_t version, archive_row *out,
                                              vault_error *err);
/* Moments in archives: the range of lines among which the first one at or after `us` is, by what the table says: [*low,
 * *high]; the whole of it where it says nothing. */
VAULT_MUST_USE vault_code store_archive_around(store *s, int64_t us, int64_t *low, int64_t *high, vault_error *err);

/* Within a transaction: the lines go, what the tree needs of them and the row of their file come. CONFLICT: they are
 * not the first ones of the table any more, or not all there. */
VAULT_MUST_USE vault_code store_archive_take(store *s, const archive_row *row, vault_error *err);
/* Within a transaction: another file has its place. CONFLICT: another was first. */
VAULT_MUST_USE vault_code store_archive_replace(store *s, const archive_row *row, const char *former, vault_error *err);

/* rows[i] answers indexes[i]: leaf and nodes alone, of archived lines that end a tile of 256; found or not. */
VAULT_MUST_USE vault_code store_archived_nodes(store *s, arena *mem, const int64_t *indexes, size_t count,
                                               line_row *rows, vault_error *err);

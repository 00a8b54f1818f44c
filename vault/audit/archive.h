/* Old lines in files (lines_file.h): found again by whoever reads the log, and made. The first lines of the log lie in
 * archives, without a gap; their tree is as it was: proofs of newer lines need no file (store/archives.h).
 *
 *   <folder>/0-65535.lines        as it was made
 *   <folder>/0-65535.v2.lines     the same lines, their views under version 2 of the log ring
 *   <folder>/0-65535.2.lines      where there was a file of that name already: none is ever written over
 *
 * An archive lies within one stretch of 65,536 lines. What a row says of its file is believed as far as the file fits
 * it; what a line says, as far as it is proven. */
#pragma once
#include "vault/audit/audit.h"
#include "vault/store/archives.h"

/* The folder, and the files that were looked into lately. Any thread; good as long as the stores that have it. */
typedef struct shelf shelf;
/* folder NULL: nothing is at hand. */
VAULT_MUST_USE vault_code shelf_open(shelf **out, const char *folder, vault_error *err);
void shelf_close(shelf **s);
const char *shelf_folder(const shelf *s); /* or NULL */
/* There is a file of its name, and it is as long as it was. */
bool shelf_has(const shelf *s, const archive_row *row);

/* "archives/0-65535": in the arena; NULL when it is full. */
const char *archive_name(arena *mem, const archive_row *row);

/* ---- making them ---- */

enum { ARCHIVE_NAME_ROOM = 64, ARCHIVE_PATH_ROOM = 4096 };
/* A file that is written, synced, read back and proven, and not yet in its place. Gone with archive_draft_clear unless
 * it was placed. */
typedef struct archive_draft {
    archive_row row;
    char file[ARCHIVE_NAME_ROOM], path[ARCHIVE_PATH_ROOM]; /* path: of the draft, "" where there is none */
    int lock;                                              /* the draft is nobody's where its process is gone */
} archive_draft;
void archive_draft_clear(archive_draft *d); /* takes an empty one */

/* The lines that are archived next: whole tiles, from the first that is not archived to before `before`, within one
 * stretch, all in the anchor's tree; out->end_us: when the last one was written. out->count 0: there are none. */
VAULT_MUST_USE vault_code archive_next(archive_row *out, store *s, const anchor *to, int64_t before, vault_error *err);
/* Lines [row.first, row.first + row.count), wherever they lie now, with their views under the scribe's version.
 * INTEGRITY: one of them does not fit, or is not of the tree; nothing is left then. UNAVAILABLE: an archive is not at
 * hand, or the database. EXHAUSTED: the folder is full; INTERNAL: it cannot be written, or reads otherwise than what
 * was written. Drafts of processes that are gone go with it. */
typedef struct archive_wish {
    int64_t first, count;
    const anchor *to;
} archive_wish;
VAULT_MUST_USE vault_code archive_draft_write(archive_draft *out, scribe *sc, store *s, const archive_wish *wish,
                                              vault_error *err);
/* Within the transaction that writes its row: from now on the file has its name, whether it commits or not (where this
 * fails, it has not). UNAVAILABLE: another took the name meanwhile. */
VAULT_MUST_USE vault_code archive_draft_place(archive_draft *d, const shelf *on, vault_error *err);
/* A file that was placed, until it is known how its transaction ended; file "": there is none. */
typedef struct archive_placed {
    int64_t first;
    char file[ARCHIVE_NAME_ROOM];
} archive_placed;
/* It goes, unless the row of its lines names it. To be called within a transaction that holds the lock which that one
 * held: it has ended, then. */
VAULT_MUST_USE vault_code archive_settle(store *s, const shelf *on, archive_placed *inout, vault_error *err);
/* A file that no row names any more. */
void archive_remove(const shelf *from, const char *file);

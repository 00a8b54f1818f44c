/* Lines of a log in a file by itself: a range that was exported (leaves alone), or an archive (what else stands in
 * their rows, too, sealed as it was). Pure: vault-verify reads it with the log's published keys alone.
 *
 *   "resident-vault/lines-1" SP len(note) SP len(checkpoint) LF  note  checkpoint  body
 *   note (signed by the log): origin LF "lines" SP first SP count SP "archive" or "range" LF
 *                             "bytes" SP length of the body in 16 digits LF base64 SHA-256 of the body LF,
 *                             then the path of the range to the checkpoint, a base64 hash a line
 *   body                      of each line: leaf (74); in an archive then nodes, officer, resident, each with its
 *                             length (2, BE) before it, resident tag and person tag (8, BE)
 *
 * A range that an auditor makes by vaultctl cannot be signed by the log: its note is the text alone, without
 * signatures, and all that it says is proven by the checkpoint. */
#pragma once
#include "vault/audit/note.h"

#include <stdio.h>

enum { LINES_FILE_PARTS_MAX = 65535, LINES_FILE_HEADER_MAX = 2 * NOTE_MAX, LINES_FILE_LEAF_LEN = 74 };

typedef struct lines_file_head {
    const char *origin;
    int64_t first, count;
    bool archive;
    int64_t bytes;    /* of the body */
    digest body;      /* SHA-256 */
    merkle_path path; /* of the range, to the checkpoint's root */
    bytes note, checkpoint;
} lines_file_head;

/* One line of a body; borrowed until the next one is read. */
typedef struct lines_file_line {
    bytes leaf, nodes, officer, resident;
    int64_t resident_tag, person_tag;
} lines_file_line;

typedef struct lines_file lines_file;
/* The head alone is read and taken as it is: nothing is proven yet. INVALID: it is no such file. */
VAULT_MUST_USE vault_code lines_file_open(lines_file **out, FILE *from, vault_error *err);
const lines_file_head *lines_file_head_of(const lines_file *f);
/* NOT_FOUND after the last one; INVALID: the file ends too early, or a length is impossible. */
VAULT_MUST_USE vault_code lines_file_next(lines_file_line *out, lines_file *f, vault_error *err);
/* After the last line: whether the body is the one whose digest the head says, and nothing comes behind it. */
bool lines_file_whole(lines_file *f);
/* Where a line could not be read: whether the body is shorter than the head says, so that it was cut off. Else its
 * bytes are there, and are others. */
bool lines_file_cut(lines_file *f);
void lines_file_close(lines_file **f);

/* What is written of a body so far. */
typedef struct lines_body {
    digest_stream sum;
    int64_t bytes;
} lines_body;
void lines_body_begin(lines_body *b);
void lines_body_end(lines_file_head *head, lines_body *b); /* once: the head says what was written */

/* The text of the note, unsigned, in the arena. Its length does not depend on the body: whoever writes a file leaves
 * room for the head, puts the body behind it, and then the head before it. */
VAULT_MUST_USE vault_code lines_file_text(const char **out, arena *mem, const lines_file_head *head, vault_error *err);
/* What stands before the body, in the arena: the first line, the note (signed or the text alone), and of the tree the
 * checkpoint. */
VAULT_MUST_USE vault_code lines_file_front(bytes *out, arena *mem, bytes note, bytes tree, vault_error *err);
/* One line of a body. UNAVAILABLE: it could not be written. */
VAULT_MUST_USE vault_code lines_file_put(FILE *to, lines_body *body, const lines_file_line *line, bool archive,
                                         vault_error *err);

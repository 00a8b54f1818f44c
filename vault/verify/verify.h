/* vault-verify: what a stranger checks of a log with its published keys alone, on a machine that has neither gRPC nor
 * PostgreSQL: whole logs as tiles, ranges and archives of lines, proofs, receipts, checkpoints, certificates of
 * destroyed keys. It only reads. Three kinds of "no" are kept apart: what is tampered with, what is incomplete, and
 * what cannot be verified with the keys at hand; each names the first place. */
#pragma once
#include "vault/audit/witness.h"
#include "vault/base/json.h"

#include <stdio.h>

/* In order of weight, but for the first. */
typedef enum verdict { VALID, TAMPERED, INCOMPLETE, UNVERIFIABLE } verdict;
const char *verdict_name(verdict v); /* "valid" */
/* The same codes as vaultctl's. */
enum { EXIT_VALID = 0, EXIT_USAGE = 2, EXIT_TAMPERED = 7, EXIT_INCOMPLETE = 8, EXIT_UNVERIFIABLE = 9 };
int verdict_exit(verdict v);
verdict verdict_worse(verdict a, verdict b);

/* `facts`: what a valid thing says, one JSON object; NULL where it is not valid. */
enum { PLACE_MAX = 160 };
typedef struct finding {
    verdict verdict;
    const char *why;       /* "" where it is valid */
    char place[PLACE_MAX]; /* the first where it is not: "line 4711 (tile/0/018)"; "": the whole */
    size_t unchecked;      /* signatures that nobody has looked at: their keys were not given */
    json_t *facts;
} finding;
/* place as printf makes it; NULL: none. */
finding finding_at(verdict v, const char *why, const char *place, ...) __attribute__((format(printf, 3, 4)));

/* The keys that were given. */
enum { KEYS_MAX = 16 };
typedef struct key_list {
    note_key at[KEYS_MAX];
    size_t count;
    bool all;                     /* every one of them must have signed, and nobody else; else one is enough */
    const witness_policy *policy; /* whose cosignatures a checkpoint needs besides; NULL: none */
} key_list;
/* A verifier key, or a file of them, one a line. False: it is neither, or they are too many. */
bool keys_add(key_list *to, const char *given);

/* The text of a note that is signed as the list demands. A key that has signed wrongly spoils it. */
finding open_note(bytes *text, bytes note, const key_list *keys);
/* By a key of this name: what one log's key signs says nothing of another log, though both keys were given. */
bool signed_for(bytes name, bytes note, const key_list *keys);
/* A checkpoint that has been signed; its origin must be the name of the keys. */
finding check_checkpoint(checkpoint *out, bytes note, const key_list *keys);
/* "checkpoint": origin, size, root. */
finding check_checkpoint_file(bytes content, const key_list *keys);
/* "certificate" (docs/administrator.md): every line of it, and that nothing referred to the key. */
finding check_certificate_file(bytes content, const key_list *keys);
/* "receipt": the file of vaultctl; each receipt in it. The worst verdict of all. */
finding check_receipts_file(arena *mem, bytes content, const key_list *keys);
/* The leaf of a line in such a file, in the arena. False: it has none. */
bool receipts_leaf(bytes *out, arena *mem, bytes content, int64_t index);

/* "proof": c2sp.org/tlog-proof, of this leaf (empty: of the one that the proof brings). */
finding check_proof(arena *mem, bytes content, bytes leaf, const key_list *keys);

/* "range", "archive": a file of lines (lines_file.h), read once, front to back. */
finding check_lines_file(const char *path, bool archive, const key_list *keys);

/* "log": a folder (c2sp.org/tlog-tiles). Every entry and every tile of the checkpoint's tree, and its root. */
typedef struct log_question {
    const char *folder;
    const key_list *keys;
    const char *old;  /* file of an older checkpoint that the log must continue; NULL: none */
    unsigned threads; /* 0: as many as there are processors, at most 8 */
    bool quiet;       /* no progress on stderr */
} log_question;
finding check_log(const log_question *q);

/* The whole program; prints to `out`, complaints to stderr. */
int verify_run(int argc, char *const *argv, FILE *out);

/* vault-verify: what a stranger checks of a log with its published keys alone, on a machine that has neither gRPC nor
 * PostgreSQL: checkpoints, certificates of destroyed keys, receipts. It only reads. Three kinds of "no" are kept apart:
 * what is tampered with, what is incomplete, and what cannot be verified with the keys at hand. */
#pragma once
#include "vault/audit/note.h"
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
typedef struct finding {
    verdict verdict;
    const char *why; /* "" where it is valid */
    json_t *facts;
} finding;

/* The keys that were given. */
enum { KEYS_MAX = 16 };
typedef struct key_list {
    note_key at[KEYS_MAX];
    size_t count;
    bool all; /* every one of them must have signed; else one is enough */
} key_list;
/* A verifier key, or a file of them, one a line. False: it is neither, or they are too many. */
bool keys_add(key_list *to, const char *given);

/* The text of a note that is signed as the list demands. A key that has signed wrongly spoils it. */
finding open_note(bytes *text, bytes note, const key_list *keys);
/* A checkpoint that has been signed; its origin must be the name of the keys. */
finding check_checkpoint(checkpoint *out, bytes note, const key_list *keys);
/* "checkpoint": origin, size, root. */
finding check_checkpoint_file(bytes content, const key_list *keys);
/* "certificate" (docs/administrator.md): every line of it, and that nothing referred to the key. */
finding check_certificate_file(bytes content, const key_list *keys);
/* "receipt": the file of vaultctl; each receipt in it. The worst verdict of all. */
finding check_receipts_file(arena *mem, bytes content, const key_list *keys);

/* The whole program; prints to `out`, complaints to stderr. */
int verify_run(int argc, char *const *argv, FILE *out);

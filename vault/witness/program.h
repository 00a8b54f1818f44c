/* vault-witness: what another department runs so that the vault's log cannot show one history to one and another to
 * others (c2sp.org/tlog-witness). It remembers the newest checkpoint that it cosigned of each log, and cosigns the next
 * one only when that is proven to continue it. It has no account with the vault, and learns nothing but sizes and
 * hashes. */
#pragma once
#include "vault/audit/witness.h"

#include <stdio.h>

/* ---- its key: one line, "PRIVATE+KEY+name+hex8(id)+base64(04 || seed)", mode 0600 ---- */

/* Never overwrites: CONFLICT. */
VAULT_MUST_USE vault_code witness_key_create(const char *file, const char *name, vault_error *err);
/* INVALID: not a key, or others may read it. The caller frees out->by. */
VAULT_MUST_USE vault_code witness_key_read(note_signer *out, const char *file, vault_error *err);

/* ---- what it remembers: a folder, locked by whoever has it open ----
 *
 *   checkpoints   JSON: {"logs": {"<origin>": "<note>", ...}, "witness": "<verifier key>"}: written anew, on disk,
 *                 before each cosignature goes out
 *   fork-N        a checkpoint that the log has signed, of the size of the one that was cosigned, and another tree:
 *                 both notes. Proof that the log lied
 *   unproven-N    a checkpoint that the log has signed, without a proof that it continues the one that was cosigned
 */

/* Makes the folder, where it is not there, and the file that says whose it is. CONFLICT: it has one. */
VAULT_MUST_USE vault_code notebook_create(const char *folder, const note_key *whose_key, vault_error *err);
typedef struct notebook notebook;
typedef struct notebook_options {
    const char *folder;
    const note_signer *me; /* borrowed until the end */
    const note_key *logs;  /* their keys: of one origin there may be several */
    size_t log_count;
} notebook_options;
/* NOT_FOUND: the folder was not made for this; INTEGRITY: it cannot be read as it was written; CONFLICT: another
 * witness's, or another program has it open. */
VAULT_MUST_USE vault_code notebook_open(notebook **out, const notebook_options *options, vault_error *err);
void notebook_close(notebook **n); /* takes NULL inside */
/* How many logs it knows, and what it cosigned last of each. Any thread. */
size_t notebook_logs(const notebook *n);
const char *notebook_origin(const notebook *n, size_t i);
int64_t notebook_size(notebook *n, size_t i);

/* The answer to an add-checkpoint: HTTP status, Content-Type, body. In the arena, or static. Any thread: requests are
 * answered one after the other. */
typedef struct reply {
    unsigned status;
    const char *type, *text;
} reply;
reply notebook_answer(notebook *n, arena *mem, bytes body);

/* ---- HTTP ---- */

typedef struct listener listener;
typedef struct listener_options {
    const char *address;           /* "127.0.0.1:8843"; port 0 takes a free one */
    const char *certificate, *key; /* PEM files; NULL: plain HTTP, and then on a loopback address alone */
} listener_options;
/* Threads of its own answer from now on. */
VAULT_MUST_USE vault_code listener_open(listener **out, const listener_options *options, notebook *n, vault_error *err);
int listener_port(const listener *l);
void listener_close(listener **l); /* takes NULL inside; waits for answers that are under way */

/* The whole program; what was asked for goes to `out`, the log of events to stderr. */
int witness_run(int argc, char *const *argv, FILE *out);

/* The core of the control room: a manifest at rest and in force, its changes and its history. */
#pragma once
#include "vault/control/internal.h"

#include <pthread.h>

struct control {
    char name[ID_MAX + 1];
    pthread_mutex_t reading; /* one thread at a time reads a version, makes one, or puts its own in force: of these: */
    secret root;
    int32_t generation;      /* of the vault's row that the root key came from, or that was seen to hold it */
    pthread_mutex_t mutex;   /* of the two below, and of every manifest's references */
    manifest_body *current;  /* holds one reference */
    int64_t stamp;           /* of the rows that it was read from */
    pthread_mutex_t history; /* of what follows */
    digest *chain;           /* of manifests 1, 2, 3, ...: each names the one before, the last was in force */
    size_t chain_count, chain_capacity;
    int64_t checked, checked_stamp,
        archived; /* version up to which all rows were seen to fit, and how many there are */
};

/* Room for what is read at once: all live documents at their largest, sealed. */
#define CONTROL_ARENA ((size_t)512 << 20)

/* ---- a manifest row (core.c) ---- */

/* Strict: 64 lower-case hexadecimal digits. */
bool digest_read(digest *out, const char *hex);
typedef char digest_hex[2 * DIGEST_LEN + 1];
void digest_write(digest_hex out, const digest *d);
bool digest_same(const digest *a, const digest *b);

/* The list of a manifest's emergencies (emergencies.c), written, and read strictly: false for anything else. */
json_t *emergencies_json(const manifest_core *core);
bool emergencies_read(manifest_core *core, json_t *list);

/* Canonical text of the row of version core->record.version. */
VAULT_MUST_USE vault_code core_write(bytes *out, arena *mem, const char *vault, const manifest_core *core,
                                     vault_error *err);
/* What core_write has written; texts are borrowed from out->text, which core_clear frees. INTEGRITY for anything else.
 */
VAULT_MUST_USE vault_code core_read(manifest_core *out, bytes text, const seal_place *at, vault_error *err);
void core_clear(manifest_core *core);
/* What sealed rows are opened with. */
typedef struct opener {
    const keyring *keys;
    const char *vault; /* its name */
} opener;
/* A row of the database, opened and read; record.manifest is its digest. INTEGRITY when it does not open. */
VAULT_MUST_USE vault_code core_open(manifest_core *out, arena *mem, const opener *with, const manifest_row *row,
                                    vault_error *err);
/* The content that a row of documents must have; INTEGRITY for another. */
VAULT_MUST_USE vault_code document_open(bytes *text, arena *mem, const opener *with, const document_row *row,
                                        const digest *wanted, vault_error *err);
/* The rows that a manifest names, in force or pending. */
typedef struct named_row {
    const char *name;
    int64_t version;
    const digest *digest;
} named_row;
enum { NAMED_MAX = DOCUMENTS + PENDING_MAX };
size_t core_names(named_row out[NAMED_MAX], const manifest_core *core); /* those in force first, in their order */

/* Over all rows, whatever order they come in: they are sorted. */
digest ring_rows_digest(ring_row *rows, size_t count);
/* INTEGRITY where the rows are not those that the manifest names. */
VAULT_MUST_USE vault_code core_check_rings(const manifest_core *core, ring_row *rows, size_t count, vault_error *err);
VAULT_MUST_USE vault_code core_check_fixed(const manifest_core *core, const digest *fixed, vault_error *err);
ring_row ring_row_of(const ring *r);
digest vault_row_digest(const vault_row *row);
void vault_row_seal(vault_row *inout, const root_seal *s); /* all but name and format; borrows the seal */

/* ---- rows of key rings (keyrings.c) ---- */

typedef struct ring_rows {
    ring_row *rows;
    size_t count;
} ring_rows;
/* The keyring for rows that are read, held once: `standing`, where it has nothing else than what stands in the rows;
 * else another one with all of them. INTEGRITY: a row that does not open. */
VAULT_MUST_USE vault_code rings_follow(keyring **out, keyring *standing, const ring_rows *all, bytes root,
                                       vault_error *err);
/* Opens the rows that are not there yet. */
VAULT_MUST_USE vault_code rings_add(keyring *to, const ring_rows *all, bytes root, vault_error *err);
/* All of them, in a new keyring. */
VAULT_MUST_USE vault_code rings_open(keyring **out, const ring_rows *all, bytes root, vault_error *err);

/* ---- in force (control.c) ---- */

/* Takes the place of an older version, or only the stamp where it is the same; what is left in *next is not needed. */
void control_take_over(control *c, manifest_body **next, int64_t stamp);

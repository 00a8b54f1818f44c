/* The configuration of vaultd: one JSON document of a strict shape. Every error names file:line and key. Paths are
 * relative to the working folder. Frozen once read. */
#pragma once
#include "vault/base/error.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct config {
    const char *file;
    const char *listen;        /* "127.0.0.1:7443"; port 0 takes a free one */
    const char *database;      /* libpq conninfo */
    const char *root_key_file; /* of these four one is set: the key lies in a file, */
    const char *passphrase_file;
    bool by_passphrase, by_shares; /* or people enter it */
    bool unattended_restart;
    const char *ca, *certificate, *key;
    const char *checkpoint_file;
    const char *metrics;                              /* "127.0.0.1:9464"; loopback only; port 0 takes a free one */
    const char *log_level;                            /* "debug", "info", "warn", "error" */
    const char *webhook, *webhook_ca, *webhook_token; /* where officers are told at once; NULL: nowhere */
    const char *witness_policy;                       /* file: whom to ask for cosignatures; NULL: nobody */
    const char *witness_ca;                           /* whom to believe then; NULL: whom the machine believes */
    const char *archive_folder;                       /* where old lines go; NULL: nothing is archived */
    const char *log_retention;                        /* "P3Y" or more, */
    int retention_months;                             /* and as months */
    int64_t workers, pollers, queue;
    int64_t queue_bytes, message_bytes, streams, connection_age_s, drain_s; /* limits */
    struct arena *mem;
} config;

/* INVALID for whatever is wrong in it, NOT_FOUND or UNAVAILABLE when it cannot be read; *out is to be cleared in any
 * case. */
VAULT_MUST_USE vault_code config_read(config *out, const char *file, vault_error *err);
/* The files that it names exist and nobody else may read the secret ones. */
VAULT_MUST_USE vault_code config_check_files(const config *c, vault_error *err);
void config_clear(config *c); /* takes an empty one */

/* What the files of this room share and nobody else sees. */
#pragma once
#include "keys/keys.h"

#include <gcrypt.h>

/* One row a suite: the algorithms behind its number. */
typedef struct suite_row {
    suite_id id;
    const char *name;
    int cipher;        /* GCRY_CIPHER_*: block of BLOCK_LEN, and in GCM the AEAD */
    size_t cipher_key; /* bytes of its key: the first of KEY_LEN */
    int mac;           /* GCRY_MD_*: HMAC; DIGEST_LEN bytes */
} suite_row;

/* INVALID for a number without a row. */
VAULT_MUST_USE vault_code suite_find(const suite_row **out, suite_id id, vault_error *err);

/* The code for a libgcrypt call that should have worked: EXHAUSTED when its locked memory is full, else INTERNAL. */
VAULT_MUST_USE vault_code gcrypt_result(gcry_error_t error, const char *doing, vault_error *err);

/* A cipher handle in locked memory, keyed unless key is empty. */
VAULT_MUST_USE vault_code cipher_open(gcry_cipher_hd_t *out, const suite_row *s, int mode, bytes key, vault_error *err);

/* A root key file's text. INVALID with a mend when it is not exactly one. `name` is for the message. */
VAULT_MUST_USE vault_code root_key_parse(secret *out, bytes text, const char *name, vault_error *err);

/* Argon2id with its optional inputs, which the vault leaves empty and the vector of RFC 9106 does not. */
typedef struct argon2_extra {
    bytes pepper, data;
} argon2_extra;
VAULT_MUST_USE vault_code argon2id(secret *out, bytes passphrase, bytes salt, argon2_cost cost,
                                   const argon2_extra *extra, vault_error *err);

/* argon2_calibrate from another cost than the default. INTERNAL when no number of passes takes that long. */
VAULT_MUST_USE vault_code argon2_calibrate_from(argon2_cost *out, argon2_cost start, int64_t (*work_us)(void),
                                                vault_error *err);

/* Unwraps r->wrapped into r->key, which is overwritten; a destroyed ring is checked and stays without key. */
VAULT_MUST_USE vault_code ring_open(ring *r, bytes root, vault_error *err);

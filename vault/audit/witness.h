/* Witnesses (c2sp.org/tlog-cosignature, tlog-witness): others who have seen that the log only grew. Pure.
 *
 *   key id     start of SHA-256(name LF 04 public key); type 04
 *   signature  time in seconds (8, BE) || Ed25519 over "cosignature/v1" LF "time" SP decimal LF, then the note's text
 *
 * The policy of a log is a text of lines; "#" begins a comment:
 *
 *   log <vkey>                          may be left out by whoever knows the log's keys already
 *   witness <name> <vkey> [<url>]
 *   group <name> <k>|any|all <name>...  of witnesses and groups named above
 *   quorum <name>|none                  last
 */
#pragma once
#include "vault/audit/note.h"

enum {
    WITNESSES_MAX = 64,
    WITNESS_NAME_MAX = 64,
    WITNESS_URL_MAX = 512,
    POLICY_FILE_MAX = 65536,
    COSIGNATURE_LEN = 72
};

/* "name+hex8(id)+base64(04 || key)". */
VAULT_MUST_USE vault_code cosigner_key_parse(note_key *out, bytes text, vault_error *err);
VAULT_MUST_USE vault_code cosigner_key_make(note_key *out, const char *name, bytes public_key, vault_error *err);
const char *cosigner_key_text(const note_key *key, arena *mem); /* NULL when the arena is full */

/* One signature line with its newline, in the arena, of a note's text at this second. */
VAULT_MUST_USE vault_code cosign(const char **line, arena *mem, bytes text, const note_signer *by, int64_t seconds,
                                 vault_error *err);
/* As note_open, of a cosignature; *seconds: when it was made. */
note_verdict cosignature_open(int64_t *seconds, bytes note, const note_key *key);
typedef struct witness_keys { /* borrowed */
    const note_key *at;
    size_t count;
} witness_keys;
/* The note with those of `more` (signature lines) that are the keys' good cosignatures and that it lacks, in the
 * arena. */
VAULT_MUST_USE vault_code note_join(const char **out, arena *mem, bytes note, bytes more, witness_keys keys,
                                    vault_error *err);

typedef struct witness {
    char name[WITNESS_NAME_MAX + 1];
    note_key key;
    char url[WITNESS_URL_MAX + 1]; /* "": none */
} witness;
typedef struct witness_policy witness_policy; /* frozen */
/* INVALID names line and reason. In the arena. */
VAULT_MUST_USE vault_code witness_policy_read(witness_policy **out, arena *mem, bytes text, vault_error *err);
size_t witness_policy_count(const witness_policy *p);
const witness *witness_policy_at(const witness_policy *p, size_t i);
size_t witness_policy_logs(const witness_policy *p, const note_key **keys);
/* Whether the good cosignatures of the note are a quorum; *oldest: the oldest of them that counts (seconds), or 0. */
bool witness_policy_met(const witness_policy *p, bytes note, int64_t *oldest);

/* C2SP signed notes and tlog-checkpoints, signed by Ed25519 (signature type 01) or SM2 with SM3 (type ff, which a
 * longer identifier follows). Pure: no database, no clock; vault-verify uses it too.
 *
 *   note        = text (ends in a newline) ‖ newline ‖ one or more "— name base64(key id ‖ signature)" lines
 *   checkpoint  = origin, decimal size, base64 root, one a line; lines after that are extensions
 *   type        = 01, or ff ‖ "resident-vault/sm2-sm3": in the key id and in the verifier key
 */
#pragma once
#include "keys/keys.h"
#include "vault/audit/merkle.h"
#include "vault/base/arena.h"

enum { NOTE_NAME_MAX = 128, NOTE_MAX = 65536, NOTE_SIGNATURES_MAX = 100, KEY_ID_LEN = 4 };

/* A key that verifies notes. */
typedef struct note_key {
    char name[NOTE_NAME_MAX + 1]; /* no white space, no plus */
    uint8_t id[KEY_ID_LEN];       /* start of SHA-256(name ‖ 0A ‖ type ‖ key) */
    signature_kind kind;
    uint8_t public_key[SM2_PUBLIC_KEY_LEN]; /* of Ed25519 the first PUBLIC_KEY_LEN */
} note_key;

/* INVALID: a name that cannot stand in a note, or a key that is none of this kind. */
VAULT_MUST_USE vault_code note_key_make(note_key *out, const char *name, signature_kind kind, bytes public_key,
                                        vault_error *err);
/* "name+hex8(id)+base64(type ‖ key)"; the id must be that of the key. */
VAULT_MUST_USE vault_code note_key_parse(note_key *out, bytes text, vault_error *err);
const char *note_key_text(const note_key *key, arena *mem); /* NULL when the arena is full */

/* Three kinds of "no", never one: an unknown key is not a forgery. */
typedef enum note_verdict { NOTE_VERIFIED, NOTE_MALFORMED, NOTE_NO_SIGNATURE, NOTE_BAD_SIGNATURE } note_verdict;
/* *text is borrowed from the note, empty unless VERIFIED. Signatures of other keys are skipped. */
note_verdict note_open(bytes *text, bytes note, const note_key *key);
/* How many signatures of a note are by none of these keys (cosigners' or logs'), so that they say nothing. */
size_t note_unchecked(bytes note, const note_key *const *keys, size_t count);
/* The text of a note that nobody has verified. */
bool note_unverified(bytes *text, bytes note);
/* A key, and who signs for it: its public key must be the key's. */
typedef struct note_signer {
    note_key key;
    signer *by;
} note_signer;
/* A text (which ends in a newline) and its signatures, at least one, in this order. */
VAULT_MUST_USE vault_code note_sign(const char **out, arena *mem, bytes text, const note_signer *signers, size_t count,
                                    vault_error *err);

typedef struct checkpoint {
    bytes origin, extensions; /* borrowed from the text */
    merkle_tree tree;
} checkpoint;
/* Strict: no sign, no leading zero, exactly 32 bytes of root, size at most 2^62; no line of an
 * extension is empty. */
bool checkpoint_parse(checkpoint *out, bytes text);
const char *checkpoint_text(arena *mem, const char *origin, const merkle_tree *tree); /* NULL when the arena is full */

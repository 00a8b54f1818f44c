/* Keys: the hierarchy of DESIGN.md section 5 and the primitives under it. Knows no database, network or clock.
 *
 *   root key     32 bytes in the locked heap, from a key file or a passphrase; wraps the rings
 *   ring         a named, versioned 32-byte secret; (name, version) is unique. Names:
 *                  "record"              KEK of the residents' data keys (DEK)
 *                  "token/<domain>"      pseudonym key of a domain; the ring's version is the token's epoch
 *                  "natural"             keyed hash of natural keys
 *                  "term/<field>"        search terms of a field
 *                  "control"             seals the manifest
 *                  "log"                 checkpoint signature, view key, tag key and head MAC (derived by label)
 *
 * Every ring version carries a suite id; the suite is stamped on every value sealed below it.
 */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"
#include "vault/base/secret.h"

/* ---- suites ---------------------------------------------------------------------------------------------------- */

typedef enum suite_id { SUITE_NONE, SUITE_INTL = 1, SUITE_GM = 2 } suite_id; /* stored values; 0 is never valid */

enum { KEY_LEN = 32, NONCE_LEN = 12, TAG_LEN = 16, SEAL_OVERHEAD = NONCE_LEN + TAG_LEN, BLOCK_LEN = 16 };

/* ---- randomness ------------------------------------------------------------------------------------------------ */

/* From the kernel, drawn in blocks per thread. INTERNAL when the source fails: nothing may be sealed then. Thread-safe.
 */
VAULT_MUST_USE vault_code entropy_fill(uint8_t *out, size_t len, vault_error *err);
/* Tests replace the source (returns 0 on success); NULL restores the kernel. Empties this thread's block. */
void entropy_set_for_test(int (*source)(uint8_t *out, size_t len));

/* ---- AEAD (AES-256-GCM, SP 800-38D, random 96-bit nonce) --------------------------------------------------------- */

/* A keyed cipher handle. One thread at a time. Setting another key on a handle is cheap; opening a handle is not. */
typedef struct aead aead;
VAULT_MUST_USE vault_code aead_new(aead **out, suite_id suite, vault_error *err);
void aead_free(aead **a);                                                     /* wipes; takes NULL inside */
VAULT_MUST_USE vault_code aead_set_key(aead *a, bytes key, vault_error *err); /* KEY_LEN bytes */

/* out = nonce ‖ ciphertext ‖ tag: plain.len + SEAL_OVERHEAD bytes. AAD must not be empty (a missing context is an
 * error). An empty plain makes a MAC over the AAD. */
VAULT_MUST_USE vault_code aead_seal(aead *a, uint8_t *out, bytes aad, bytes plain, vault_error *err);
/* out: sealed.len - SEAL_OVERHEAD bytes; wiped on failure. INTEGRITY when the tag does not fit, never an empty success.
 */
VAULT_MUST_USE vault_code aead_open(aead *a, uint8_t *out, bytes aad, bytes sealed, vault_error *err);

/* ---- block, PRF, signature ------------------------------------------------------------------------------------- */

/* One block under a fixed key (pseudonyms, tags, FF1): AES with 16, 24 or 32 bytes of key, or SM4 (GB/T 32907) with 16,
 * or the first 16 of KEY_LEN. Everything else of SUITE_GM is refused (INVALID) for now. One thread at a time. */
typedef struct block_cipher block_cipher;
VAULT_MUST_USE vault_code block_new(block_cipher **out, suite_id suite, bytes key, vault_error *err);
void block_free(block_cipher **b);
void block_encrypt(block_cipher *b, uint8_t out[BLOCK_LEN], const uint8_t in[BLOCK_LEN]); /* out may be in */
void block_decrypt(block_cipher *b, uint8_t out[BLOCK_LEN], const uint8_t in[BLOCK_LEN]);

/* A keyed PRF handle, HMAC-SHA-256 (RFC 2104). One thread at a time. */
typedef struct prf prf;
VAULT_MUST_USE vault_code prf_new(prf **out, suite_id suite, bytes key, vault_error *err);
void prf_free(prf **p);
/* Another key on the same handle: a quarter cheaper than a new one. KEY_LEN bytes, or any length but 0 for outside
 * MACs. */
VAULT_MUST_USE vault_code prf_set_key(prf *p, bytes key, vault_error *err);
void prf_compute(prf *p, uint8_t *out, size_t len, const bytes *parts,
                 size_t count); /* first len (<= 32) bytes of the MAC */

/* A key for another use: HKDF-Expand (RFC 5869) with info = label, 32 bytes. Different labels give independent keys. */
VAULT_MUST_USE vault_code key_derive(secret *out, bytes key, const char *label, vault_error *err);

/* Ed25519 (RFC 8032). A signer may be used by several threads. */
enum { SIGNATURE_LEN = 64, PUBLIC_KEY_LEN = 32 };
typedef struct signer signer;
VAULT_MUST_USE vault_code signer_new(signer **out, bytes seed, vault_error *err); /* 32-byte seed */
void signer_free(signer **s);
const uint8_t *signer_public_key(const signer *s); /* PUBLIC_KEY_LEN bytes */
VAULT_MUST_USE vault_code signer_sign(const signer *s, uint8_t out[SIGNATURE_LEN], bytes message, vault_error *err);
bool signature_valid(const uint8_t public_key[PUBLIC_KEY_LEN], bytes message, bytes signature);

/* ---- root key -------------------------------------------------------------------------------------------------- */

/* A key file holds one line: "resident-vault-root-key-1 " + base64 of 32 bytes + 4 check bytes (SHA-256 of the key,
 * cut). Refused (INVALID with a mend) when others than the owner may read it, when it is malformed, or when the key is
 * all zero. */
VAULT_MUST_USE vault_code root_key_from_file(secret *out, const char *path, vault_error *err);
/* Makes a new key file (0600, never overwrites: CONFLICT). */
VAULT_MUST_USE vault_code root_key_file_create(const char *path, vault_error *err);
/* Argon2id (RFC 9106), salt 16 bytes or more, passphrase 12 bytes or more. memory in KiB. */
typedef struct argon2_cost {
    uint32_t passes, memory_kib, lanes;
} argon2_cost;
extern const argon2_cost ARGON2_DEFAULT; /* 3 passes, 256 MiB, 4 lanes */
VAULT_MUST_USE vault_code root_key_from_passphrase(secret *out, bytes passphrase, bytes salt, argon2_cost cost,
                                                   vault_error *err);

/* ---- rings ----------------------------------------------------------------------------------------------------- */

typedef enum ring_state { RING_PRE_ACTIVE = 1, RING_ACTIVE, RING_RETIRING, RING_DESTROYED, RING_STATES } ring_state;

enum { RING_NAME_MAX = 64, RING_WRAPPED_LEN = KEY_LEN + SEAL_OVERHEAD };
typedef struct ring {
    char name[RING_NAME_MAX];
    uint32_t version; /* from 1 */
    suite_id suite;
    ring_state state;
    uint8_t wrapped[RING_WRAPPED_LEN]; /* under the root key, AAD = name, version, suite, state: an edited row does not
                                          open */
    secret key;                        /* empty until opened */
} ring;

/* The opened rings. Any thread; rings may be added while others read. What was given out stays as it is, and where it
 * is, for as long as the keyring. */
typedef struct keyring keyring;
/* A new ring version: random key, ACTIVE, wrapped under root. The ring's key is left open in out->key. Names are
 * lower-case letters, digits, '_', '-', '.', in parts joined by '/'. */
VAULT_MUST_USE vault_code ring_create(ring *out, bytes root, const char *name, uint32_t version, suite_id suite,
                                      vault_error *err);
/* Wraps an open ring again in another state, which may only go forward (INVALID). To DESTROYED: the key is wiped, and
 * the wrap becomes a MAC over the row alone. Nothing is changed on failure. */
VAULT_MUST_USE vault_code ring_set_state(ring *r, bytes root, ring_state state, vault_error *err);
VAULT_MUST_USE vault_code keyring_new(keyring **out, vault_error *err);
/* Unwraps with the root key and keeps the result (a destroyed ring is kept without key). INTEGRITY when the wrap does
 * not open: wrong root key or edited row. CONFLICT when (name, version) stands already, or two versions of a name are
 * active. */
VAULT_MUST_USE vault_code keyring_add(keyring *k, bytes root, const ring *wrapped, vault_error *err);
void keyring_free(keyring **k);
/* Borrowed; NULL when there is none. The active version of a name / one version that still has a key. */
const ring *keyring_active(const keyring *k, const char *name);
const ring *keyring_find(const keyring *k, const char *name, uint32_t version);
size_t keyring_count(const keyring *k);
const ring *keyring_at(const keyring *k,
                       size_t index); /* ordered by name, version; an index moves when a ring is added */

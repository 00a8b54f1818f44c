/* Keys: the hierarchy of DESIGN.md section 5 and the primitives under it. Knows no database, network or clock.
 *
 *   unseal key   32 bytes from a key file, a passphrase or shares, needed for a moment; wraps the root key (root_seal)
 *   root key     32 bytes, random; at rest only as root_seal.wrapped, else in the locked heap; wraps the rings
 *   ring         a named, versioned 32-byte secret; (name, version) is unique. Names:
 *                  "record"              KEK of the residents' data keys (DEK)
 *                  "token/<domain>"      pseudonym key of a domain; the ring's version is the token's epoch
 *                  "natural"             keyed hash of natural keys
 *                  "term/<field>"        search terms of a field
 *                  "control"             seals the manifest
 *                  "log"                 checkpoint signature, view key, tag key and head MAC (derived by label)
 *                  "rows"                the sum of all rows of residents (vault/audit)
 *
 * Every ring version carries a suite id; the suite is stamped on every value sealed below it.
 */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"
#include "vault/base/secret.h"

/* ---- suites ---- */

typedef enum suite_id { SUITE_NONE, SUITE_INTL = 1, SUITE_GM = 2 } suite_id; /* stored values; 0 is never valid */

const char *suite_name(suite_id id);               /* "intl", "gm"; "" for none */
bool suite_named(suite_id *out, const char *name); /* false for any other text */

enum { KEY_LEN = 32, NONCE_LEN = 12, TAG_LEN = 16, SEAL_OVERHEAD = NONCE_LEN + TAG_LEN, BLOCK_LEN = 16 };

/* ---- randomness ---- */

/* From the kernel, drawn in blocks per thread. INTERNAL when the source fails: nothing may be sealed then. Thread-safe.
 */
VAULT_MUST_USE vault_code entropy_fill(uint8_t *out, size_t len, vault_error *err);
/* Tests replace the source (returns 0 on success); NULL restores the kernel. Empties this thread's block. */
void entropy_set_for_test(int (*source)(uint8_t *out, size_t len));

/* ---- AEAD (intl: AES-256-GCM, SP 800-38D; gm: SM4-GCM, RFC 8998; random 96-bit nonce) ---- */

/* A keyed cipher handle. One thread at a time. Setting another key on a handle is cheap; opening a handle is not. */
typedef struct aead aead;
VAULT_MUST_USE vault_code aead_new(aead **out, suite_id suite, vault_error *err);
void aead_free(aead **a); /* wipes; takes NULL inside */
suite_id aead_suite(const aead *a);
VAULT_MUST_USE vault_code aead_set_key(aead *a, bytes key,
                                       vault_error *err); /* KEY_LEN bytes; SM4 takes the first 16 */

/* out = nonce ‖ ciphertext ‖ tag: plain.len + SEAL_OVERHEAD bytes. AAD must not be empty (a missing context is an
 * error). An empty plain makes a MAC over the AAD. */
VAULT_MUST_USE vault_code aead_seal(aead *a, uint8_t *out, bytes aad, bytes plain, vault_error *err);
/* out: sealed.len - SEAL_OVERHEAD bytes; wiped on failure. INTEGRITY when the tag does not fit, never an empty success.
 */
VAULT_MUST_USE vault_code aead_open(aead *a, uint8_t *out, bytes aad, bytes sealed, vault_error *err);

/* ---- block, PRF, signature ---- */

/* One block under a fixed key (pseudonyms, tags, FF1): AES with 16, 24 or 32 bytes of key, or SM4 (GB/T 32907) with 16,
 * or the first 16 of KEY_LEN. One thread at a time. */
typedef struct block_cipher block_cipher;
VAULT_MUST_USE vault_code block_new(block_cipher **out, suite_id suite, bytes key, vault_error *err);
void block_free(block_cipher **b);
void block_encrypt(block_cipher *b, uint8_t out[BLOCK_LEN], const uint8_t in[BLOCK_LEN]); /* out may be in */
void block_decrypt(block_cipher *b, uint8_t out[BLOCK_LEN], const uint8_t in[BLOCK_LEN]);

/* A keyed PRF handle: HMAC-SHA-256 (RFC 2104), or HMAC-SM3 (GB/T 32905). One thread at a time. */
typedef struct prf prf;
VAULT_MUST_USE vault_code prf_new(prf **out, suite_id suite, bytes key, vault_error *err);
void prf_free(prf **p);
/* Another key on the same handle: a quarter cheaper than a new one. KEY_LEN bytes, or any length but 0 for outside
 * MACs. */
VAULT_MUST_USE vault_code prf_set_key(prf *p, bytes key, vault_error *err);
void prf_compute(prf *p, uint8_t *out, size_t len, const bytes *parts,
                 size_t count); /* first len (<= 32) bytes of the MAC */

/* A key for another use: HKDF-Expand (RFC 5869) with the suite's PRF and info = label, 32 bytes. Different labels give
 * independent keys. */
VAULT_MUST_USE vault_code key_derive(secret *out, suite_id suite, bytes key, const char *label, vault_error *err);

/* Signatures of 64 bytes: Ed25519 (RFC 8032; public key of 32 bytes), or SM2 with SM3 and the usual id
 * "1234567812345678" (GB/T 32918; r || s; public key 65 bytes, 04 || x || y). A signer may be used by several threads.
 */
typedef enum signature_kind { SIGNATURE_ED25519 = 1, SIGNATURE_SM2 = 2 } signature_kind;
enum { SIGNATURE_LEN = 64, PUBLIC_KEY_LEN = 32, SM2_PUBLIC_KEY_LEN = 65 };
typedef struct signer signer;
/* From a 32-byte seed (of SM2: the private key, by reduction to 1 .. n-1). */
VAULT_MUST_USE vault_code signer_new(signer **out, signature_kind kind, bytes seed, vault_error *err);
void signer_free(signer **s);
bytes signer_public_key(const signer *s); /* borrowed */
VAULT_MUST_USE vault_code signer_sign(const signer *s, uint8_t out[SIGNATURE_LEN], bytes message, vault_error *err);
bool signature_valid(signature_kind kind, bytes public_key, bytes message, bytes signature);

/* ---- root key ---- */

/* A key file holds one line: "resident-vault-root-key-1 " + base64 of 32 bytes + 4 check bytes (SHA-256 of the key,
 * cut). Refused (INVALID with a mend) when others than the owner may read it, when it is malformed, or when the key is
 * all zero. */
VAULT_MUST_USE vault_code root_key_from_file(secret *out, const char *path, vault_error *err);
/* Makes a new key file (0600, never overwrites: CONFLICT). */
VAULT_MUST_USE vault_code root_key_file_create(const char *path, vault_error *err);
/* The first line of a file that nobody else may use: 1 to PASSPHRASE_MOST bytes. */
enum { PASSPHRASE_MOST = 1024 };
VAULT_MUST_USE vault_code passphrase_from_file(secret *out, const char *path, vault_error *err);
/* Argon2id (RFC 9106), salt 16 bytes or more, passphrase 12 bytes or more. memory in KiB. */
typedef struct argon2_cost {
    uint32_t passes, memory_kib, lanes;
} argon2_cost;
extern const argon2_cost ARGON2_DEFAULT; /* 3 passes, 256 MiB, 4 lanes: the least */
/* The cost that takes at least half a second here: ARGON2_DEFAULT with as many passes as that needs. Measures by the
 * clock handed in: clock_work_us. */
VAULT_MUST_USE vault_code argon2_calibrate(argon2_cost *out, int64_t (*work_us)(void), vault_error *err);
VAULT_MUST_USE vault_code root_key_from_passphrase(secret *out, bytes passphrase, bytes salt, argon2_cost cost,
                                                   vault_error *err);

/* How the root key lies in the database: wrapped under an unseal key, with all that is needed to check what is entered.
 * Every member is in the wrap's AAD, with the vault's name: an edited one does not open. */
typedef enum root_source { ROOT_FILE = 1, ROOT_PASSPHRASE, ROOT_SHARES, ROOT_SOURCES } root_source; /* stored */
const char *root_source_name(root_source s);                                                        /* "file" */
enum { ROOT_WRAPPED_LEN = KEY_LEN + SEAL_OVERHEAD, SHARES_MAX = 16, SHARE_CHECK_LEN = 16, ROOT_SALT_LEN = 16 };
typedef struct root_seal {
    root_source source;
    uint32_t generation;                         /* from 1, counted up by every rekey */
    uint32_t threshold, shares;                  /* of shares; else 0 */
    uint8_t salt[ROOT_SALT_LEN];                 /* of a passphrase; and of shares, what tells their set from others */
    argon2_cost cost;                            /* of a passphrase */
    uint8_t checks[SHARES_MAX][SHARE_CHECK_LEN]; /* of each share: what it must hash to */
    uint8_t wrapped[ROOT_WRAPPED_LEN];
} root_seal;
/* Fills `wrapped`; everything else stands already. */
VAULT_MUST_USE vault_code root_seal_make(root_seal *inout, const char *vault, bytes root, bytes unseal,
                                         vault_error *err);
/* INTEGRITY: another unseal key, or an edited row; nothing is left in *root. */
VAULT_MUST_USE vault_code root_seal_open(secret *root, const root_seal *s, const char *vault, bytes unseal,
                                         vault_error *err);

/* ---- shares of the unseal key: Shamir over GF(2^8), by libgfshare ---- */

/* A share as people handle it: "rvs1-", base32 (Crockford) of generation (4) || number (1) || threshold (1) || set (4:
 * start of the salt) || 32 bytes || check (4), in groups of eight joined by '-'. Case and blanks do not matter. */
enum { SHARE_TEXT_MAX = 128 };
typedef struct share {
    uint8_t number; /* 1 to shares */
    uint8_t *at;    /* KEY_LEN bytes of the locked heap, the caller's */
} share;
/* Splits into seal->shares texts, of which seal->threshold are needed, and fills seal->salt (drawn anew) and checks,
 * for root_seal_make. `texts` lies in the locked heap: shares x SHARE_TEXT_MAX bytes, each ended by NUL. */
VAULT_MUST_USE vault_code shares_split(secret *texts, root_seal *seal, bytes unseal, vault_error *err);
/* INVALID SHARE_MALFORMED (no share at all), SHARE_MISTYPED (its own check), SHARE_OTHER_SET (of another vault, or of
 * before the last rekey), SHARE_WRONG (not the one that was made): said before anything is done with it. */
VAULT_MUST_USE vault_code share_read(share *out, const root_seal *seal, bytes text, vault_error *err);
/* The unseal key of exactly seal->threshold shares with different numbers. */
VAULT_MUST_USE vault_code shares_join(secret *unseal, const root_seal *seal, const share *shares, vault_error *err);

/* ---- rings ---- */

typedef enum ring_state { RING_PRE_ACTIVE = 1, RING_ACTIVE, RING_RETIRING, RING_DESTROYED, RING_STATES } ring_state;

enum { RING_NAME_MAX = 64, RING_WRAPPED_LEN = KEY_LEN + SEAL_OVERHEAD };
typedef struct ring {
    char name[RING_NAME_MAX];
    uint32_t version; /* from 1 */
    suite_id suite;
    ring_state state;
    int64_t since;                     /* control version that brought it */
    int64_t ends_us;                   /* of a retiring token epoch: its tokens are taken until then; else 0 */
    uint8_t wrapped[RING_WRAPPED_LEN]; /* under the root key, AAD = all of the above: an edited row does not open */
    secret key;                        /* empty until opened */
} ring;

/* A new ring version: random key, ACTIVE, wrapped under root. The ring's key is left open in out->key. Names are
 * lower-case letters, digits, '_', '-', '.', in parts joined by '/'. */
typedef struct ring_wish {
    const char *name;
    uint32_t version;
    suite_id suite;
    int64_t since;
} ring_wish;
VAULT_MUST_USE vault_code ring_create(ring *out, bytes root, const ring_wish *wish, vault_error *err);
/* Wraps an open ring again in another state, which may only go forward (INVALID), and with this end. To DESTROYED: the
 * key is wiped, and the wrap becomes a MAC over the row alone. Nothing is changed on failure. */
VAULT_MUST_USE vault_code ring_set_state(ring *r, bytes root, ring_state state, int64_t ends_us, vault_error *err);
/* Wraps an open (or destroyed) ring under another root key, as it is. */
VAULT_MUST_USE vault_code ring_rewrap(ring *r, bytes root, vault_error *err);

/* The opened rings of one state of the key_ring table. Frozen but for rings that are added; shared by reference count:
 * who holds it may use its keys, and the last one who lets go wipes them. Any thread. A table whose rings have other
 * states, or are gone, is another keyring of another generation. */
typedef struct keyring keyring;
VAULT_MUST_USE vault_code keyring_new(keyring **out, vault_error *err); /* held once */
keyring *keyring_hold(const keyring *k);
/* Lets go; takes NULL inside. */
void keyring_free(keyring **k);
/* Different for every keyring that this process made; never 0. */
uint64_t keyring_generation(const keyring *k);
/* Unwraps with the root key and keeps the result (a destroyed ring is kept without key). INTEGRITY when the wrap does
 * not open: wrong root key or edited row. CONFLICT when (name, version) stands already, or two versions of a name are
 * active. */
VAULT_MUST_USE vault_code keyring_add(keyring *k, bytes root, const ring *wrapped, vault_error *err);
/* Borrowed; NULL when there is none. The active version of a name / one version that still has a key. */
const ring *keyring_active(const keyring *k, const char *name);
const ring *keyring_find(const keyring *k, const char *name, uint32_t version);
/* The versions of a name that have a key, newest first; at most RING_VERSIONS_MAX of them. Returns how many. */
enum { RING_VERSIONS_MAX = 8 };
size_t keyring_versions(const keyring *k, const char *name, const ring *out[RING_VERSIONS_MAX]);
size_t keyring_count(const keyring *k);
const ring *keyring_at(const keyring *k,
                       size_t index); /* ordered by name, version; an index moves when a ring is added */

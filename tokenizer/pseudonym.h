/* Pairwise pseudonyms (DESIGN.md section 7): one AES-256 block under the key of the domain and epoch, 8 bytes resident
 * id (big-endian) then 8 zero bytes. Nothing is stored; a forgery passes once in 2^64. Text: bech32m (BIP-350), prefix
 * "rv": 34 data characters = domain number (24 bits) ‖ epoch (16 bits) ‖ pseudonym (128 bits) ‖ 2 zero bits, then 6
 * check characters: 43 in all, lower case (upper case is read too, mixed case is not). */
#pragma once
#include "keys/keys.h"

typedef struct resident_id {
    int64_t id;
} resident_id; /* from 1; 0: none */

enum { PSEUDONYM_LEN = 16, TOKEN_TEXT_LEN = 43 };
typedef struct token {
    _Alignas(16) uint8_t pseudonym[PSEUDONYM_LEN]; /* a block is loaded whole: never from two lines of the cache */
    uint32_t domain;                               /* 24-bit opaque number of the domain */
    uint16_t epoch;                                /* version of the ring "token/<domain>" */
} token;

/* The pseudonym of a resident in the key's domain and epoch; the id is from 1 (asserted). */
void pseudonym_seal(block_cipher *key, uint8_t out[PSEUDONYM_LEN], resident_id id);
/* The id, or 0 for a forgery: all 64 zero bits are compared in constant time, and the id must be positive. */
resident_id pseudonym_open(block_cipher *key, const uint8_t pseudonym[PSEUDONYM_LEN]);

/* The text, NUL-terminated; the domain number has 24 bits (asserted). */
void token_write(char out[TOKEN_TEXT_LEN + 1], const token *t);

/* INVALID with reason TOKEN_MISTYPED (check characters), TOKEN_MALFORMED (length, alphabet, prefix, case, spare bits).
 */
VAULT_MUST_USE vault_code token_read(token *out, bytes text, vault_error *err);

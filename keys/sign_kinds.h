/* One row a kind of signature: what OpenSSL is asked in each. Seeds and private keys come from the locked heap and go
 * back to nowhere: what OpenSSL copies of them lives for one call and is wiped by it. */
#pragma once
#include "keys/keys.h"

enum { PUBLIC_KEY_MAX = SM2_PUBLIC_KEY_LEN };

typedef struct signature_row {
    signature_kind kind;
    const char *name;
    size_t public_len;
    /* The private key as the other two take it, and its public key. INTERNAL when OpenSSL fails. */
    vault_code (*prepare)(secret *private_key, uint8_t *public_key, bytes seed, vault_error *err);
    bool (*sign)(uint8_t out[SIGNATURE_LEN], const secret *private_key, const uint8_t *public_key, bytes message);
    bool (*valid)(const uint8_t *public_key, bytes message, const uint8_t signature[SIGNATURE_LEN]);
} signature_row;

extern const signature_row SIGNATURE_ROW_ED25519, SIGNATURE_ROW_SM2;

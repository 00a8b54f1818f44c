/* SHA-256 (FIPS 180-4) over parts, without allocation. */
#pragma once
#include "vault/base/bytes.h"

enum { DIGEST_LEN = 32 };
typedef struct digest {
    uint8_t at[DIGEST_LEN];
} digest;
static inline bytes digest_bytes(const digest *d)
{
    return (bytes){.at = d->at, .len = DIGEST_LEN};
}

digest sha256(bytes b);                                /* of one piece */
digest sha256_parts(const bytes *parts, size_t count); /* of the concatenation */

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

/* Piece by piece, of what does not lie in memory as a whole. Plain memory: to be ended, once. */
typedef struct digest_stream {
    uint64_t state[16];
} digest_stream;
void digest_begin(digest_stream *s);
void digest_add(digest_stream *s, bytes b);
digest digest_end(digest_stream *s);

digest sha256(bytes b);                                /* of one piece */
digest sha256_parts(const bytes *parts, size_t count); /* of the concatenation */

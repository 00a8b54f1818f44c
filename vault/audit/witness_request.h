/* What a log asks of a witness (c2sp.org/tlog-witness, add-checkpoint), and what a witness answers where it has seen
 * another size. Pure.
 *
 *   request   "old" SP decimal LF, up to 63 lines of base64 (the consistency proof, RFC 6962 2.1.2), an empty line, the
 *             checkpoint as a signed note
 *   409       decimal LF: the size that the witness cosigned last; Content-Type text/x.tlog.size
 */
#pragma once
#include "vault/audit/note.h"

enum { WITNESS_PROOF_MAX = 63, WITNESS_REQUEST_MAX = NOTE_MAX + 4096 };
#define WITNESS_SIZE_TYPE "text/x.tlog.size"
typedef struct witness_request {
    int64_t old_size;
    digest proof[WITNESS_PROOF_MAX];
    size_t proof_len;
    bytes note; /* borrowed */
} witness_request;
/* Strict; the note is not looked at. */
bool witness_request_read(witness_request *out, bytes body);
/* NULL: the arena is full. */
const char *witness_request_write(arena *mem, const witness_request *of);
/* The body of a 409. */
bool witness_size_read(int64_t *out, bytes body);

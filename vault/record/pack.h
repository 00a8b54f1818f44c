/* How a resident's fields stand in `resident.sealed`: segments in order of field number, each field at most once.
 *
 *   field (2) ‖ field version (4) ‖ suite (1) ‖ department (2) ‖ collected, seconds since 1970 (4) ‖ length (2) ‖
 * sealed value
 *
 * all big-endian; the sealed value is nonce ‖ ciphertext of the padded text ‖ tag. Provenance stands in the segment, so
 * that a field moves, or is replaced, as one piece. Pure. */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"

enum { SEGMENT_HEADER_LEN = 15, PACK_MAX = 65536 };
/* In the place of a field's number: the lists behind all fields. They have no department, and were collected never: no
 * value's age is told by them. */
enum { CONSENT_SEGMENT = 256, GUARDIAN_SEGMENT = 257 };

typedef struct segment {
    uint16_t field;   /* schema number, from 1; or that of a list */
    uint32_t version; /* record version that wrote it */
    uint8_t suite;
    uint16_t department; /* that gave it; number in the manifest */
    uint32_t collected;  /* seconds since 1970 */
    bytes sealed;        /* borrowed from the pack */
} segment;

/* The header alone, for a value of `sealed.len` bytes that is sealed in place behind it; and the whole. */
void segment_write_header(writer *w, const segment *s);
void segment_write(writer *w, const segment *s);

/* Reads the next segment. INTEGRITY when the pack is cut, out of order, or has a field twice. `previous` is the field
 * number before (0 at the start). */
VAULT_MUST_USE vault_code segment_read(segment *out, reader *from, uint16_t previous, vault_error *err);

/* The segment of one field. *found false when the pack has none. */
VAULT_MUST_USE vault_code pack_find(segment *out, bool *found, bytes pack, unsigned field, vault_error *err);

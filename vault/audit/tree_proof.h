/* A proof that stands by itself (c2sp.org/tlog-proof): where a line stands in the log, the path from it, and the
 * checkpoint that the path leads to. Pure.
 *
 *   c2sp.org/tlog-proof@v1
 *   extra <base64>          may be left out; of a proof of ours, the leaf. Nothing says that it is true
 *   index <decimal>
 *   <base64 of a hash>...   from the leaf's sibling up
 *
 *   <checkpoint> */
#pragma once
#include "vault/audit/merkle.h"

enum { TLOG_EXTRA_MAX = 65536, TLOG_PROOF_MAX = 1 << 18 };

typedef struct tlog_proof {
    bytes extra; /* empty: none */
    int64_t index;
    merkle_path path;
    bytes checkpoint; /* a signed note, as it stands */
} tlog_proof;
/* Strict; what is found lives in the arena, the checkpoint in the text. False: it is no such proof. */
bool tlog_proof_parse(tlog_proof *out, arena *mem, bytes text);
const char *tlog_proof_text(arena *mem, const tlog_proof *p); /* NULL when the arena is full */

/* The path of a range (Receipt.path's order) from those of its first and last line in the same tree. */
typedef struct range_ends {
    int64_t first, last, size;
    merkle_path of_first, of_last;
} range_ends;
VAULT_MUST_USE vault_code merkle_range_path(merkle_path *out, arena *mem, const range_ends *ends, vault_error *err);

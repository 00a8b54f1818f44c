/* Reading of the whole log, in order: for who counts or replays it. Lines that stand next to each other are proven by
 * one path, so that a long scan costs little more than reading. */
#pragma once
#include "vault/audit/audit.h"

enum { SCAN_MOST = 2048 };
typedef struct line_scan {
    int64_t from; /* index */
    size_t limit; /* 1 to SCAN_MOST */
    /* Set: in the arena. Views, salts and leaves are borrowed from it, too. */
    opened_line *lines; /* [from, from + count) */
    size_t count;       /* 0: the end */
    int64_t size;       /* of the log as it was committed */
} line_scan;
/* All lines are proven to stand in the tree of the committed head, and fit leaf and tags. INTEGRITY names the first
 * that is missing or does not. The same thread that has the scribe. */
VAULT_MUST_USE vault_code ledger_scan(line_scan *inout, scribe *sc, store *s, arena *mem, vault_error *err);
/* Index of the first line at or after a moment; the size of the log where there is none. INTEGRITY: damage hides it. */
VAULT_MUST_USE vault_code ledger_since(int64_t *index, scribe *sc, store *s, arena *mem, int64_t us, vault_error *err);

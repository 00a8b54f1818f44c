/* Columns of the log: what questions over many lines need of each of them, in some 45 bytes instead of a sealed view.
 * One block a stretch of 65,536 lines, sealed under the view key of the log ring and bound to its stretch, made by the
 * nodes' keepers when the stretch is complete, from lines that are proven (scan.h). The newest stretch, which is not
 * complete, is read from its lines.
 *
 * Blocks are a cache: nothing rests on them that the lines do not say, those under a former version of the ring are
 * dropped and made anew, and what they lead to (evidence, lines of a query) is read from the lines and proven. */
#pragma once
#include "vault/audit/scan.h"

enum { COLUMN_STRETCH = 65536, CHECK_KEY_LEN = 16 };
typedef enum column_text {
    COLUMN_APP,
    COLUMN_DEPARTMENT,
    COLUMN_PERSON,
    COLUMN_PURPOSE,
    COLUMN_FIELDS, /* as in the view: names, comma-separated */
    COLUMN_FORM,
    COLUMN_RULE,
    COLUMN_CLAUSE,
    COLUMN_TEXTS
} column_text;

/* Struct of arrays, each `count` long; owned by the arena. */
typedef struct line_columns {
    int64_t first; /* index of the first line: a multiple of COLUMN_STRETCH */
    size_t count;
    const int64_t *time_us, *resident, *area;
    const uint32_t *record_version;
    const uint64_t *request, *ticket;       /* column_request of its request id, and of its ticket; 0: none */
    const uint64_t *check;                  /* line_check of its leaf, under the key */
    const uint8_t *action, *outcome;        /* line_action, line_outcome */
    const uint16_t *text[COLUMN_TEXTS];     /* numbers of texts[]; 0: none */
    const char *const *texts[COLUMN_TEXTS]; /* texts[c][0] is "" */
    size_t text_count[COLUMN_TEXTS];
    uint8_t check_key[CHECK_KEY_LEN]; /* random */
    bool kept;                        /* read from a block */
} line_columns;

/* A hash of a request id or a ticket, to find lines by; never 0 for a text. */
uint64_t column_request(const char *request_id);
/* 64 bits that nobody can fit another leaf to who does not have the key; never 0. */
uint64_t line_check(const uint8_t key[CHECK_KEY_LEN], bytes leaf);

/* The columns of the lines [first, first + count) of one stretch, in the arena. */
VAULT_MUST_USE vault_code columns_make(line_columns *out, arena *mem, const opened_line *lines, size_t count,
                                       vault_error *err);
/* Those of a stretch: from its block, or from its lines where it has none. count 0: past the end. INTEGRITY: the block,
 * or a line, was edited. The scribe's thread. */
VAULT_MUST_USE vault_code ledger_columns(line_columns *out, scribe *sc, store *s, arena *mem, int64_t stretch,
                                         vault_error *err);
/* Reads the block of the next stretch from *inout on whose lines are not known (known_lines.h), so that they are; it
 * may have none yet. *inout: which one; -1: there is none. INTEGRITY: its block was edited, or (-1) the head. For the
 * keeper. */
VAULT_MUST_USE vault_code ledger_know_lines(int32_t *inout, scribe *sc, store *s, arena *mem, vault_error *err);
/* Makes the block of the first complete stretch from *inout on that has none under the active version of the log ring;
 * one of a former version goes over to it. *inout: whose it was, also where it cannot be made (INTEGRITY: a line of it
 * was edited); -1: nothing is left to be done (INTEGRITY: the head was edited). For the keeper. */
VAULT_MUST_USE vault_code ledger_keep_columns(int32_t *inout, scribe *sc, store *s, arena *mem, vault_error *err);

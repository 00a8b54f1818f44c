/* Columns of a stretch as one piece of bytes, and made from its lines piece by piece. */
#pragma once
#include "vault/audit/columns.h"

/* 02 ‖ first (8) ‖ count (4) ‖ root of the stretch (32) ‖ key of the checks (16) ‖ numbers, column by column: least
 * (8), width (1), what each is above the least, in so many bytes, little-endian ‖ texts, column by column: how many
 * (2), each with its length (2), then their numbers like numbers. */
VAULT_MUST_USE vault_code columns_pack(bytes *out, arena *mem, const line_columns *columns, const digest *root,
                                       vault_error *err);
/* In the arena. INTEGRITY: these are no columns. `packed` must be followed by COLUMN_SLACK bytes that may be read. */
enum { COLUMN_SLACK = 8 };
VAULT_MUST_USE vault_code columns_unpack(line_columns *out, digest *root, arena *mem, bytes packed, vault_error *err);

/* Takes lines of one stretch in their order. All in the arena. */
typedef struct column_maker column_maker;
VAULT_MUST_USE vault_code column_maker_new(column_maker **out, arena *mem, int64_t first, size_t most,
                                           vault_error *err);
VAULT_MUST_USE vault_code column_maker_add(column_maker *m, const opened_line *lines, size_t count, vault_error *err);
/* What was added so far; the maker goes on. */
line_columns column_maker_columns(const column_maker *m);

/* Those of a stretch from its block; count 0: it has none that can be read. In the arena. */
VAULT_MUST_USE vault_code columns_kept(line_columns *out, scribe *sc, store *s, arena *mem, int64_t stretch,
                                       vault_error *err);

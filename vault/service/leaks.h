/* Cases of leaked lists (Leaks). A case is an approval of control (DOC_LEAK) and, under the same 32 digits, a sealed
 * row of table `leak`: approved, it may be used; with the approval (closed, rejected, 90 days over) the list is good
 * for nothing, and the row is swept.
 *
 *   list = salt (16) ‖ seen µs (8) ‖ total rows (8) ‖ columns (2) ‖ names ‖ rows (4) ‖ values, row by row;
 *   names and values each with their length (2). The approval is bound to SHA-256("resident-vault leak 1" ‖ list). */
#pragma once
#include "vault/service/internal.h"
#include "vault/store/leaks.h"

enum { LEAK_ROWS_MAX = 10000, LEAK_VALUE_MAX = 512, LEAK_CONTEXT_LEN = 4 + LEAK_ID_LEN };
#define LEAK_PSEUDONYM "token" /* column of tokens */

/* Where list and key are sealed. */
bytes leak_context(uint8_t out[LEAK_CONTEXT_LEN], bytes id);

typedef struct leak_list {
    int64_t seen_us;
    uint64_t total_rows;
    const char *const *columns;
    size_t column_count;
    const bytes *values; /* row by row, each with a NUL behind it */
    size_t row_count;
} leak_list;
typedef struct leak_case {
    const char *name; /* "leaks/..." */
    const approval *leave;
    leak_list list;
} leak_case;
/* An approved case with its list, opened in the session's arena. NOT_FOUND LEAK_UNKNOWN; PRECONDITION NOT_APPROVED;
 * INTEGRITY: the list is not what was approved. */
VAULT_MUST_USE vault_code leak_open(leak_case *out, session *s, const call *c, const char *name, vault_error *err);
/* The case alone, approved or not. */
VAULT_MUST_USE vault_code leak_find(const approval **out, const session *s, const call *c, const char *name,
                                    vault_error *err);
/* For the keeper: lists whose case is over. */
VAULT_MUST_USE vault_code leaks_sweep(session *s, void *context, vault_error *err);

/* Changes of control, as calls carry them out. */
#pragma once
#include "vault/service/internal.h"

/* Carries out a change, with its line; *what is completed by who, why and when. *done lives as long as the request. A
 * refusal is a line, too. Leaves, and returns, rq->err. */
VAULT_MUST_USE vault_code change_run(session *s, call *c, change *what, change_record *done);
/* The same with lines of its own: `before` is the first thing in the transaction, when nobody else has to wait for it
 * yet; `fill` completes what each line says, when all rows are written; `after` is the last thing, and knows the index
 * of the first of them. Each, and change.write, may refuse all of it. */
typedef struct change_lines {
    size_t count;                                          /* at least 1 */
    vault_code (*before)(void *context, vault_error *err); /* or NULL */
    vault_code (*fill)(void *context, line_facts *facts, size_t i, vault_error *err);
    vault_code (*after)(void *context, int64_t first, vault_error *err); /* or NULL */
    const row_change *rows; /* of residents that are written by change.write */
    size_t row_count;
    const int64_t *erased; /* residents that it erases: each by the line of its place, from the first one on */
    size_t erased_count;
    void *context;
} change_lines;
VAULT_MUST_USE vault_code change_run_with(session *s, call *c, change *what, change_record *done,
                                          const change_lines *lines);
/* The line of a change that was refused (rq->err) before it could be staged. Returns that refusal. */
VAULT_MUST_USE vault_code change_refuse(session *s, call *c, const change *what);

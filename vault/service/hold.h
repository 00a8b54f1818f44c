/* What the grants of a part rest on beside the row that was read: a consent or a guardian that must still stand, a
 * budget that must have room. It is asked again inside the transaction that appends the lines, under locks that last
 * until it is committed. A part whose grants need nothing of the kind is appended without a transaction (batch.c). */
#pragma once
#include "vault/service/internal.h"

/* One thing that grants may rest on. Both are asked in the order of the table in hold.c, which is the order in which
 * locks are taken: rows of residents, counters of budgets, and the head last. */
typedef struct hold {
    bool (*wanted)(const session *s, const item *it); /* of an item that was judged */
    /* Locks, for all items of the part; may refuse some of them: it->err is set and the grant taken away. An error is
     * the part's: CONFLICT where it is to be decided anew. */
    vault_code (*take)(session *s, item **items, size_t count, vault_error *err);
} hold;

/* Whether one of the items needs a transaction. No database is asked. */
bool holds_wanted(const session *s, item *const *items, size_t count);
/* Within the transaction of the part, before its rows and lines are made. */
VAULT_MUST_USE vault_code holds_take(session *s, item **items, size_t count, vault_error *err);
/* Refuses an item, whatever was said of it before. Returns OK: the others go on. */
vault_code hold_refuse(item *it, policy_clause clause);

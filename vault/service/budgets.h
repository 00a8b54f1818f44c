/* Budgets, and what has been seen of a resident: counted for what is granted, in the transaction of its lines, under
 * the locks of the counters. A counter that is locked says what stands, whoever counted last on whichever node. */
#pragma once
#include "vault/service/hold.h"

/* For the table of hold.c. */
bool budgets_wanted(const session *s, const item *it);
vault_code budgets_take(session *s, item **items, size_t count, vault_error *err);
/* After the commit: the operator is told of soft limits that were reached. */
void budgets_committed(session *s);
/* When the session is closed. */
void budgets_forget(session *s);

/* Takes away counters whose periods have ended, and what they have seen: by the keeper, now and then. */
void budgets_sweep(session *s);

/* ---- seen.c: aggregations ---- */

/* Before a part is judged: what its callers have seen of its residents. One statement, the same whoever there is. */
VAULT_MUST_USE vault_code seen_look(session *s, item **items, size_t count, vault_error *err);
/* Aggregations, of those that the admission asks for, that the fields of these facts would complete, and of which at
 * least one was not seen before in this form: policy_resident. Of what was not looked up, all of them. */
uint64_t seen_complete(const session *s, const item *it, const admission *a, const policy_facts *facts);
struct sight;
/* Whether a granted item was decided by less than what has been seen by now, and the difference completes the
 * aggregation: it must be decided anew. */
bool seen_outgrown(const item *it, size_t aggregation, const policy_aggregation *of, const struct sight *now);
/* Whether reveals and exports of these facts count for the aggregation. */
bool seen_counts(const policy_aggregation *of, const policy_facts *facts);
/* What counts as seen on that day. */
struct sight seen_now(const struct sight *of, const policy_aggregation *a, uint32_t day);
/* What is seen from now on, with what is seen on that day: a longer pause than its days begins anew. */
void seen_add(struct sight *inout, const policy_aggregation *of, const struct sight *more);
/* So long it is kept. */
int64_t seen_ends_us(const policy_aggregation *of, uint32_t day);

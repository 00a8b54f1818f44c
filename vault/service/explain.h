/* Why the policy refuses, for whoever is refused: vault_error.why, which status.c packs as a detail. Inside
 * vault/service. */
#pragma once
#include "vault/service/internal.h"

/* Of a refusal by a clause of the policy: err->why, in the request's arena; nothing for other errors, and where there
 * is one. Nothing is said of any resident: what depends on one is the clause "resident", whether there is one or not.
 * `it`: of which the error is; or NULL. */
void explain_refusal(session *s, const call *c, const item *it, vault_error *err);
/* The same for the items of a call that were refused, before it is answered: of the first EXPLAINED_ITEMS, so that an
 * answer of many stays small. */
enum { EXPLAINED_ITEMS = 256 };
void explain_items(session *s, const call *c);
/* The same for calls that were refused as a whole. */
void explain_calls(session *s, call *const *calls, size_t count);

/* Why a call of these facts was refused by a clause: the policy's own explanation of the call, where it refuses it and
 * the clause is one of calls; else the clause alone. */
policy_explanation explain_clause(const policy *p, const policy_facts *facts, policy_clause clause);
/* By its name; CLAUSE_NONE: it is none. */
policy_clause clause_named(const char *name);

/* An explanation as a message with texts of its own, in the arena, by the names of a manifest. */
typedef struct explained {
    const manifest *manifest;
    const policy *policy; /* the manifest's */
    const policy_facts *facts;
    const policy_explanation *explanation;
} explained;
VAULT_MUST_USE vault_code explanation_message(Vault__V1__PolicyExplanation **out, arena *mem, const explained *what,
                                              vault_error *err);

/* Documents that are tried and never put in force: what a policy would come to. Pure, but for memory. */
#pragma once
#include "policy/cases.h"
#include "vault/control/control.h"

typedef struct draft {
    document document;
    bytes content; /* JSON as given, at most DOCUMENT_MAX */
} draft;
typedef struct drafts {
    const draft *at;
    size_t count;
    bool former; /* they stood once: whether they could stand again is not asked */
} drafts;

/* The manifest that would be with these documents in the place of those of `m`, checked as proposals are. A fault is no
 * error: then *out is NULL, and the fault says which document ("policy.rules[3].fields"), where in it, and why.
 * Nobody's tokens are issued by it: its domains have numbers of their own. Any thread. */
VAULT_MUST_USE vault_code control_trial(const manifest **out, document_fault *fault, const manifest *m,
                                        const drafts *with, vault_error *err);
void control_trial_free(const manifest **m); /* takes NULL inside */

/* A file of cases (policy/cases.h) by the names of a manifest, which must outlive it. A fault is no error: *out is NULL
 * then. */
VAULT_MUST_USE vault_code control_cases(policy_cases **out, document_fault *fault, const manifest *m, bytes file,
                                        vault_error *err);

/* Numbers of `from` as those of `to`; what `to` does not know gets numbers behind its own. [own number]; in the arena.
 */
typedef struct shared_numbers {
    const uint16_t *consumers, *purposes, *roles;
} shared_numbers;
VAULT_MUST_USE vault_code manifest_numbers(shared_numbers *out, arena *mem, const manifest *from, const manifest *to,
                                           vault_error *err);
/* Names by shared numbers: of `first`, else of `second`; "" for none. */
typedef struct manifest_pair {
    const manifest *first, *second; /* numbers are those of `first`, which may be the only one */
    shared_numbers numbers;         /* of `second` */
} manifest_pair;
const char *pair_app(const manifest_pair *p, consumer_no no);
const char *pair_purpose(const manifest_pair *p, purpose_no no);
const char *pair_role(const manifest_pair *p, role_no no);
/* Of a field or predicate, by its number. */
const char *pair_field(const manifest_pair *p, unsigned number);
/* Roles, 1 << (role_no - 1), that persons have whose contract holds on the day and who are not suspended. */
uint64_t manifest_roles_held(const manifest *m, uint32_t date);
/* Calls `each` for every person, by id. */
void manifest_persons_each(const manifest *m, void (*each)(void *context, const person *p), void *context);

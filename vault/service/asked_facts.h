/* What a Facts message of policy.proto says, by the names of a manifest. Inside vault/service. */
#pragma once
#include "vault/service/internal.h"

/* By whose names, and in which arena. */
typedef struct facts_asked {
    arena *mem;
    const manifest *manifest;
    const policy *policy;   /* the manifest's */
    const char *department; /* persons of others are unknown; NULL: all are told */
} facts_asked;

typedef struct asked_facts {
    policy_facts facts;   /* borrows the manifest and the arena */
    const person *person; /* a registered one, or NULL */
    bool about;           /* something is said of a resident: `of` */
    policy_resident of;
    int64_t time_us;
} asked_facts;

/* INVALID with the path ("facts.fields[2]"): REQUIRED, UNKNOWN_NAME (of an action, form, role, class or aggregation),
 * UNKNOWN_CONSUMER, UNKNOWN_PURPOSE, UNKNOWN_FIELD, UNKNOWN_PERSON, DUPLICATE_FIELD, DUPLICATE_NAME (a class that he
 * is of and is not of), EXCLUDES_PERSON (role or areas beside a registered person), BAD_AREA, BAD_TICKET, TOO_MANY,
 * OUT_OF_RANGE. */
VAULT_MUST_USE vault_code asked_facts_read(asked_facts *out, const facts_asked *by, const Vault__V1__Facts *in,
                                           vault_error *err);
/* The message that says this; NULL when memory is out. */
Vault__V1__Facts *asked_facts_tell(const facts_asked *by, const asked_facts *from);

/* What a line of the log asked of the policy, by the names of a manifest that may be another one than it was decided
 * by. Inside vault/service. */
#pragma once
#include "vault/service/internal.h"

typedef struct past_facts {
    policy_facts facts; /* borrows the manifest and the line */
    bool about;         /* a resident was asked about; else the call alone was decided */
    area_code area;     /* of the resident; 0: nobody, or nobody that was known */
    bool granted;
    const char *clause; /* of a refusal */
} past_facts;

/* False: the line was no decision of the policy, or does not say what was asked. What the manifest does not know any
 * more (consumer, purpose, person, field) is asked for as something that no rule is for. */
bool past_facts_of(past_facts *out, const manifest *m, const opened_line *from);

/* What the policy says to it now. The log does not hold classes of the resident, consents and what had been seen:
 * `open` where it depends on them, but for what is `known` (classes and consent alone are looked at). */
typedef enum past_verdict { PAST_ALLOWED, PAST_REFUSED, PAST_OPEN } past_verdict;
past_verdict past_decide(const policy *p, const past_facts *asked, const policy_resident *known, policy_clause *clause);

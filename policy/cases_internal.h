/* How a list of cases lies in memory. */
#pragma once
#include "policy/cases.h"

struct policy_cases {
    arena *mem; /* of all that the cases point at, and of this */
    policy_case *at;
    size_t count;
};

/* In the place of an index: the list as a whole. */
#define CASES_LIST SIZE_MAX
/* INVALID DOCUMENT_INVALID: the path is `list`[`index`], and `key` (may be "") below it; the text is for people and
 * says the mend. */
typedef struct case_place {
    const char *list; /* "cases", "policy.never" */
    size_t index;
    const char *id; /* NULL: not known yet */
    vault_error *err;
} case_place;
#define case_refuse(at, key, ...) case_refuse_at((at), VAULT_HERE, (key), __VA_ARGS__)
__attribute__((format(printf, 4, 5))) vault_code case_refuse_at(const case_place *at, const char *where,
                                                                const char *key, const char *format, ...);

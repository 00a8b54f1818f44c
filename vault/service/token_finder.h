/* Whose token a text found in a leak is: mended where it must be, and judged by the keys of every domain and epoch that
 * there ever was. */
#pragma once
#include "tokenizer/damage.h"
#include "vault/service/internal.h"

typedef struct token_domain {
    issuer of;
    domain found; /* as the cabinet asks for it: number and ring */
    char ring[RING_NAME_MAX];
    uint32_t newest; /* epoch */
} token_domain;
typedef struct token_finder {
    session *s;
    vault_error *err;
    token_domain *domains; /* by number; owned by the session's arena */
    size_t domain_count;
    const token_domain *domain; /* of what was found last */
    resident_id resident;
} token_finder;

enum {
    FINDER_PLAIN = 900,      /* whole, two wrong or two gone: 0.1 ms at most */
    FINDER_DAMAGED = 1 << 18 /* more than there is to try: 5 ms */
};
VAULT_MUST_USE vault_code token_finder_open(token_finder *out, session *s, vault_error *err);
/* domain and resident are set where it is genuine. What fails stands in *err, and nothing is genuine from then on. */
damage_found token_find(token_finder *f, bytes text, uint64_t budget);

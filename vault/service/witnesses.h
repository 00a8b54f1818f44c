/* A node's thread that asks the witnesses of the policy to cosign what was published (vault/audit/witness.h). Nothing
 * waits for it: a witness that is away, slow, or lies costs cosignatures and no call. */
#pragma once
#include "vault/service/internal.h"

typedef struct witnesses witnesses;
/* Reads the policy. INVALID: it is none, or names a URL where nobody may be asked. Asks nobody yet. */
VAULT_MUST_USE vault_code witnesses_open(witnesses **out, service *of, const service_options *o, vault_error *err);
/* From now on, about once a second, until the end. */
VAULT_MUST_USE vault_code witnesses_start(witnesses *w, vault_error *err);
void witnesses_stop(witnesses *w);   /* takes NULL; a round that is under way ends within a second */
void witnesses_close(witnesses **w); /* takes NULL inside; stops it, too */
const witness_policy *witnesses_policy(const witnesses *w); /* NULL for NULL */

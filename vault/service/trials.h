/* Documents that are tried (Policies.*): who asks may bring drafts, which stand in the place of those in force. Inside
 * vault/service. */
#pragma once
#include "vault/control/trial.h"
#include "vault/service/internal.h"

/* The manifest that is asked about: that in force, or one of its own. */
typedef struct trial {
    const manifest *manifest;
    const manifest *own; /* made for it, or NULL */
} trial;
void trial_clear(trial *t); /* for VAULT_CLEANUP */

/* With these drafts; none: what is in force. INVALID: REQUIRED, DOCUMENT_UNKNOWN, DUPLICATE_NAME, TOO_LARGE with the
 * path "drafts[1].document"; DOCUMENT_INVALID with document and path of the fault. */
VAULT_MUST_USE vault_code trial_drafts(trial *out, session *s, Vault__V1__Draft *const *list, size_t count,
                                       vault_error *err);
/* With the document that waits for approval; NOT_FOUND APPROVAL_UNKNOWN (also of what is no document). */
VAULT_MUST_USE vault_code trial_approval(trial *out, session *s, const char *name, vault_error *err);
/* As version `version` of the manifest was, by its documents; 0: what is in force. NOT_FOUND VERSION_UNKNOWN. */
VAULT_MUST_USE vault_code trial_version(trial *out, session *s, uint64_t version, vault_error *err);

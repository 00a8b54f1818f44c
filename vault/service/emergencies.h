/* Break-glass and leave for single calls, as the gate asks for them. */
#pragma once
#include "vault/service/internal.h"

/* A call that names an emergency: c->emergency, where it is open for this app, person and purpose, and for calls of
 * this kind; else DENIED, clause "break_glass". */
VAULT_MUST_USE vault_code emergency_admit(session *s, call *c, vault_error *err);
/* UNAUTHENTICATED REVIEW_OVERDUE: a break-glass of this person was not reviewed in time. */
VAULT_MUST_USE vault_code emergency_check_person(const session *s, const call *c, const char *who, vault_error *err);
/* A call that names an approval: c->approval, where officers have approved just this call; else none, and rules that
 * want one do not pass. */
VAULT_MUST_USE vault_code access_admit(session *s, const method *m, call *c, vault_error *err);

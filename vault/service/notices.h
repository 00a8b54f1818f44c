/* What officers are told without being asked: by the log of events, by metrics, and by the webhook that the node's
 * config names. Never a resident, never a reason that somebody wrote. */
#pragma once
#include "vault/service/internal.h"

/* One node's part, for its keeper's thread. */
typedef struct notices notices;
VAULT_MUST_USE vault_code notices_open(notices **out, const service *s, vault_error *err);
void notices_close(notices **n);
void notices_stop(notices *n); /* any thread: a post that is under way ends */
/* Looks once a second at most, and sends a few. A post that lasts is the last one: within ten seconds or so. */
void notices_turn(notices *n, session *s);

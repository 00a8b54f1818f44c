/* Keys.*: what its files share. */
#pragma once
#include "vault/service/jobs.h"

/* A version of a ring as the API shows it; NULL when memory is out. */
Vault__V1__Ring *ring_message(arena *mem, const ring_row *from);
vault_code no_room_for_answer(request *rq);

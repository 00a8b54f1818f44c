/* A vault that is opened for a look, or for one thing, without sessions, publisher and keeper. Inside vault/service. */
#pragma once
#include "vault/service/operator.h"

typedef struct looking {
    store *store;
    struct shelf *shelf;
    control *control;
    ledger *ledger;
    const manifest *manifest;
    cabinet *cabinet;
    scribe *scribe;
    secret dek;
    arena *mem;
    const char *vault; /* its name */
} looking;
/* The caller gives `mem`. Does not compare with what is kept outside. */
VAULT_MUST_USE vault_code looking_open(looking *l, const service_options *o, vault_error *err);
void looking_close(looking *l);

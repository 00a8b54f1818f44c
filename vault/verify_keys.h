/* vaultd --verify-keys, --accept-loss: with the root key, on a database that nobody serves. */
#pragma once
#include "vault/service/service.h"

/* Looks at the database with the root key of the options, and prints what was found as one JSON object. `typed`: what
 * people keep is read from standard input, a passphrase or shares, a line each. Fails as service_check_keys. And
 * service_accept_loss, which says how many it erased again. */
VAULT_MUST_USE vault_code accept_loss(const service_options *with, bool typed, vault_error *err);
VAULT_MUST_USE vault_code verify_keys(const service_options *with, bool typed, vault_error *err);

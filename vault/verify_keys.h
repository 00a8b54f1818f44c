/* vaultd --verify-keys. */
#pragma once
#include "vault/service/service.h"

/* Looks at the database with the root key of the options, and prints what was found as one JSON object. `typed`: what
 * people keep is read from standard input, a passphrase or shares, a line each. Fails as service_check_keys. */
VAULT_MUST_USE vault_code verify_keys(const service_options *with, bool typed, vault_error *err);

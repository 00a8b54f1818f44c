/* What the values of a leaked list are: column by column, and one by one where columns do not say. */
#pragma once
#include "vault/cli/leak_table.h"

/* The rows hold the file's values as they stood, each as many as it has, NULL for one that was too long: afterwards
 * each has one for every column of the vault. Counts what is left out. INVALID: nothing is recognised, or the columns
 * that the user names do not fit. */
VAULT_MUST_USE vault_code leak_place(leak_table *t, arena *mem, const leak_reading *how, vault_error *err);

/* Before a node opens: who was erased stays so, whatever was put back since. */
#include "vault/service/internal.h"

#include "vault/base/log.h"

vault_code erasures_replay(service *s, store *with, vault_error *err)
{
    int64_t rows = 0;
    VAULT_TRY(ledger_check_erasures(s->ledger, with, s->checkpoint_file, err));
    VAULT_TRY(store_erasures_replay(with, &rows, err));
    if (rows > 0)
        log_event(LOG_WARN, "erasure.replayed", "rows of erased residents were there again, and are taken away: %lld",
                  (long long)rows);
    return VAULT_OK;
}

/* Rows that have ended: as fast as rows come, and now and then where few come, so that none stays for want of others.
 */
#include "vault/base/clock.h"
#include "vault/base/log.h"
#include "vault/store/internal.h"

static const int64_t NOW_AND_THEN_US = INT64_C(3600) * 1000 * 1000;

void sweep(store *s, sweeping *of, const sweep_rule *rule)
{
    vault_error err = {0};
    int64_t now = clock_monotonic_us();
    bool due = of->fresh >= rule->every || of->again_us <= now;
    if (!due || s->in_transaction) return; /* a sweep must not fail what it stands in */
    size_t most = of->fresh > rule->every ? of->fresh : rule->every;
    call_start(s, rule->by);
    arg_int8(s, clock_now_us() - rule->kept_us);
    arg_int8(s, 2 * (int64_t)most); /* twice as many as came: the table shrinks to what may still be asked for */
    *of = (sweeping){.again_us = now + NOW_AND_THEN_US};
    if (call_done(s, &err) != VAULT_OK) log_failure(LOG_WARN, "store.sweep", &err);
}

/* Shares as people enter them on one node, each verified when it comes, kept in the locked heap until they suffice. */
#include "vault/service/operator.h"

#include "vault/base/clock.h"

#include <string.h>

void entered_forget(entered *e)
{
    secret_clear(&e->values);
    *e = (entered){0};
}

void entered_expire(entered *e, int64_t now_us)
{
    if (e->count > 0 && now_us - e->last_us > (int64_t)ENTERED_MOST_S * 1000000) entered_forget(e);
}

static bool same_set(const entered *e, const root_seal *seal)
{
    return e->generation == seal->generation &&
           bytes_same(bytes_of(e->salt, sizeof e->salt), bytes_of(seal->salt, sizeof seal->salt));
}

static vault_code begin(entered *e, const root_seal *seal, vault_error *err)
{
    if (e->values.at && same_set(e, seal)) return VAULT_OK;
    entered_forget(e);
    VAULT_TRY(secret_new(&e->values, SHARES_MAX * KEY_LEN, err));
    e->generation = seal->generation;
    memcpy(e->salt, seal->salt, sizeof e->salt);
    return VAULT_OK;
}

vault_code entered_add(entered *e, const root_seal *seal, bytes text, vault_error *err)
{
    vault_error why = {0};
    VAULT_TRY(begin(e, seal, err));
    if (e->count == SHARES_MAX) return vault_fail(err, VAULT_INTERNAL, "more shares than there are");
    share *next = &e->at[e->count];
    *next = (share){.at = e->values.at + e->count * KEY_LEN};
    vault_code code = share_read(next, seal, text, &why);
    if (code == VAULT_INVALID) return vault_refuse(err, code, why.reason, "share");
    if (code != VAULT_OK) return *err = why, code;
    for (uint32_t i = 0; i < e->count; i++) {
        if (e->at[i].number != next->number) continue;
        wipe(next->at, KEY_LEN);
        return vault_refuse(err, VAULT_INVALID, "SHARE_TWICE", "share");
    }
    e->count++;
    e->last_us = clock_monotonic_us();
    return VAULT_OK;
}

void entered_take_back(entered *e)
{
    if (e->count == 0) return;
    wipe(e->at[--e->count].at, KEY_LEN);
}

uint32_t entered_count(const entered *e)
{
    return e->count;
}

bool entered_complete(const entered *e, const root_seal *seal)
{
    return e->count > 0 && same_set(e, seal) && e->count >= seal->threshold;
}

vault_code entered_join(secret *unseal, const entered *e, const root_seal *seal, vault_error *err)
{
    return shares_join(unseal, seal, e->at, err);
}

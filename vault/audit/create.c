/* The first line of a log. */
#include "vault/audit/internal.h"
#include "vault/base/memory.h"

static vault_code first_line(ledger *l, store *s, arena *mem, vault_error *err)
{
    VAULT_CLEANUP(scribe_free) scribe *by = NULL;
    line line0;
    appended done;
    const line_facts facts = {.action = LINE_INIT, .outcome = LINE_GRANTED, .control_version = 1, .refers_to = -1};
    VAULT_TRY(scribe_new(&by, l, err));
    VAULT_TRY(line_make(&line0, by, mem, &facts, NULL, err));
    VAULT_TRY(ledger_append_in_transaction(l, s, mem, &(line_batch){.control_version = 1, .lines = &line0, .count = 1},
                                           &done, err));
    ledger_committed(l); /* the caller commits: this ledger is closed before anybody could append on it */
    return VAULT_OK;
}

vault_code ledger_create(store *s, const keyring *keys, const char *name, digest control_digest, vault_error *err)
{
    VAULT_CLEANUP(ledger_close) ledger *l = ledger_new(name);
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    VAULT_TRY(ledger_follow(l, keys, err));
    head_row head = {.control_version = 1, .control_digest = control_digest};
    head_seal(l->keys, &head, &(row_sum){0}); /* there are no rows yet */
    VAULT_TRY(store_head_create(s, &head, err));
    return first_line(l, s, mem, err);
}

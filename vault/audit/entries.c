/* Leaves for whoever copies the log. */
#include "vault/audit/internal.h"

vault_code ledger_entries(store *s, arena *mem, entry_page *page, vault_error *err)
{
    page->count = 0;
    if (page->limit < 1 || page->limit > ENTRIES_MOST || page->from < 0)
        return vault_fail(err, VAULT_INVALID, "%zu leaves from %lld", page->limit, (long long)page->from);
    if (page->from >= page->size) return VAULT_OK;
    size_t left = (size_t)(page->size - page->from), wanted = left < page->limit ? left : page->limit;
    if (!(page->leaves = arena_array(mem, wanted, sizeof *page->leaves)))
        return vault_fail(err, VAULT_EXHAUSTED, "no room for leaves");
    leaf_page found = {.from = page->from, .count = wanted, .until_us = page->until_us, .leaves = page->leaves};
    VAULT_TRY(rows_leaves(s, mem, &found, err));
    for (size_t i = 0; i < found.count; i++) {
        long long index = page->from + (long long)i;
        if (page->leaves[i].len == 0) return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is missing", index);
        if (page->leaves[i].len != LEAF_LEN)
            return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is damaged", index);
    }
    page->count = found.count;
    return VAULT_OK;
}

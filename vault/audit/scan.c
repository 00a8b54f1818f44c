#include "vault/audit/scan.h"

#include "vault/audit/internal.h"

#include <string.h>

/* ---- the path of a range ---- */

static vault_code prove_range(const line_scan *scan, store *s, arena *mem, const merkle_tree *tree, vault_error *err)
{
    merkle_path path;
    range_ends ends = {.first = scan->from, .last = scan->from + (int64_t)scan->count - 1, .size = tree->size};
    digest *leaves = arena_array(mem, scan->count, sizeof *leaves);
    if (!leaves) return vault_fail(err, VAULT_EXHAUSTED, "no room for a proof");
    for (size_t i = 0; i < scan->count; i++) leaves[i] = merkle_leaf(scan->lines[i].leaf);
    VAULT_TRY(stored_range_path(&path, s, mem, &ends, err));
    if (merkle_verify_range(leaves, scan->count, scan->from, tree, path)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "lines %lld to %lld of the log are not those of its head",
                      (long long)ends.first, (long long)ends.last);
}

/* ---- lines ---- */

static vault_code open_row(opened_line *out, scribe *sc, arena *mem, const line_row *row, vault_error *err)
{
    leaf_facts leaf;
    opened_view view = {0};
    bool fits = false;
    VAULT_TRY(line_open(&view, &fits, sc, mem, row, err));
    if (!fits || !leaf_read(&leaf, row->leaf))
        return vault_fail(err, VAULT_INTEGRITY, "line %lld does not fit its leaf or its tags", (long long)row->index);
    *out = (opened_line){.index = row->index,
                         .archived = row->archived,
                         .time_us = leaf.time_us,
                         .action = leaf.action,
                         .leaf = row->leaf,
                         .officer_view = bytes_of(view.salted.at + SALT_LEN, view.salted.len - SALT_LEN),
                         .said = view.facts,
                         .consistent = true};
    memcpy(out->officer_salt, view.salted.at, SALT_LEN);
    return VAULT_OK;
}

static vault_code read_range(line_scan *scan, scribe *sc, store *s, arena *mem, vault_error *err)
{
    size_t wanted = (size_t)(scan->size - scan->from), count = 0;
    if (wanted > scan->limit) wanted = scan->limit;
    line_row *rows = arena_array(mem, wanted, sizeof *rows);
    scan->lines = arena_array(mem, wanted, sizeof *scan->lines);
    if (!rows || !scan->lines) return vault_fail(err, VAULT_EXHAUSTED, "no room for lines");
    const line_range range = {.key = LINE_ANY, .from = scan->from, .limit = wanted};
    VAULT_TRY(rows_page(s, mem, &range, rows, &count, err));
    for (size_t i = 0; i < wanted; i++) {
        int64_t index = scan->from + (int64_t)i;
        if (i >= count || rows[i].index != index)
            return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is missing", (long long)index);
        VAULT_TRY(open_row(&scan->lines[i], sc, mem, &rows[i], err));
    }
    scan->count = wanted;
    return VAULT_OK;
}

vault_code ledger_scan(line_scan *scan, scribe *sc, store *s, arena *mem, vault_error *err)
{
    head_row head;
    if (scan->limit < 1 || scan->limit > SCAN_MOST || scan->from < 0)
        return vault_fail(err, VAULT_INVALID, "a scan of %zu lines from %lld", scan->limit, (long long)scan->from);
    VAULT_TRY(ledger_head(sc->of, s, &head, err));
    const merkle_tree tree = head_tree(&head);
    scan->count = 0;
    scan->size = tree.size;
    if (scan->from >= tree.size) return VAULT_OK;
    VAULT_TRY(read_range(scan, sc, s, mem, err));
    return prove_range(scan, s, mem, &tree, err);
}

vault_code ledger_since(int64_t *index, scribe *sc, store *s, arena *mem, int64_t us, vault_error *err)
{
    const line_query q = {.start_us = us > 0 ? us : 1, .limit = 1};
    line_page page;
    head_row head;
    VAULT_TRY(ledger_head(sc->of, s, &head, err));
    *index = head.size;
    VAULT_TRY(ledger_query(sc, s, mem, &q, &page, err));
    if (page.count > 0) *index = page.lines[0].index;
    return VAULT_OK;
}

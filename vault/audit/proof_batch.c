/* Inclusion proofs of many lines: they share their upper nodes, and one look-up reads all that they need. */
#include "vault/audit/internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct shelf { /* rows by index, ascending, each once */
    int64_t *indexes;
    line_row *rows;
    size_t count;
} shelf;

static int by_index(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static size_t plan_lines(int64_t *indexes, const merkle_plan *plan, int64_t own)
{
    for (size_t i = 0; i < plan->node_count; i++) indexes[i] = merkle_node_line(plan->nodes[i]);
    indexes[plan->node_count] = own;
    return plan->node_count + 1;
}

static void sort_once(shelf *of)
{
    size_t kept = 0;
    qsort(of->indexes, of->count, sizeof *of->indexes, by_index);
    for (size_t i = 0; i < of->count; i++)
        if (kept == 0 || of->indexes[kept - 1] != of->indexes[i]) of->indexes[kept++] = of->indexes[i];
    of->count = kept;
}

static vault_code fill_shelf(shelf *out, store *s, arena *mem, const line_proof *proofs, size_t count, vault_error *err)
{
    merkle_plan plan;
    *out = (shelf){.indexes = arena_array(mem, count * (2 * MERKLE_LEVELS + 1), sizeof *out->indexes)};
    if (!out->indexes) return vault_fail(err, VAULT_EXHAUSTED, "no room for proofs");
    for (size_t i = 0; i < count; i++) {
        VAULT_TRY(merkle_plan_inclusion(&plan, proofs[i].index, proofs[i].size, err));
        out->count += plan_lines(out->indexes + out->count, &plan, proofs[i].index);
    }
    sort_once(out);
    out->rows = arena_array(mem, out->count, sizeof *out->rows);
    if (!out->rows) return vault_fail(err, VAULT_EXHAUSTED, "no room for proofs");
    return rows_of_tree(s, mem, out->indexes, out->count, out->rows, err);
}

static const line_row *find_row(const shelf *of, int64_t index)
{
    const int64_t *at = bsearch(&index, of->indexes, of->count, sizeof index, by_index);
    return at && of->rows[at - of->indexes].found ? &of->rows[at - of->indexes] : NULL;
}

/* False: one of its lines is not there. */
static bool take_rows(line_row *rows, const shelf *from, const merkle_plan *plan, int64_t own)
{
    int64_t indexes[2 * MERKLE_PATH_MAX + 1];
    size_t count = plan_lines(indexes, plan, own);
    for (size_t i = 0; i < count; i++) {
        const line_row *row = find_row(from, indexes[i]);
        if (!row) return false;
        rows[i] = *row;
    }
    return true;
}

vault_code stored_inclusions(store *s, arena *mem, line_proof *proofs, size_t count, vault_error *err)
{
    shelf rows;
    if (count == 0) return VAULT_OK;
    VAULT_TRY(fill_shelf(&rows, s, mem, proofs, count, err));
    for (size_t i = 0; i < count; i++) {
        line_proof *to = &proofs[i];
        merkle_plan plan;
        line_row own[2 * MERKLE_PATH_MAX + 1];
        VAULT_TRY(merkle_plan_inclusion(&plan, to->index, to->size, err));
        to->leaf = bytes_of(NULL, 0);
        if (!take_rows(own, &rows, &plan, to->index)) continue;
        vault_code code = stored_fold(&to->path, mem, &plan, own, err);
        if (code == VAULT_OK) to->leaf = own[plan.node_count].leaf;
        if (code == VAULT_INTEGRITY)
            vault_error_clear(err);
        else
            VAULT_TRY(code);
    }
    return VAULT_OK;
}

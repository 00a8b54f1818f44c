/* Inclusion proofs of many lines: they share their upper nodes, which are in memory where they were met before, and one
 * look-up reads all else that they need. */
#include "vault/audit/internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct shelf { /* rows by index, ascending, each once */
    int64_t *indexes;
    line_row *rows;
    size_t count;
} shelf;

/* What one claim is proven by: the nodes of its plan, of which memory had some. A plan itself is large, and soon made
 * again. */
typedef struct inclusion {
    line_claim *of;
    size_t count;
    bool *known, any_known;
    digest *nodes;
} inclusion;

static vault_code plan_inclusion(inclusion *out, line_claim *of, arena *mem, upper_nodes *memory, vault_error *err)
{
    merkle_plan plan;
    VAULT_TRY(merkle_plan_inclusion(&plan, of->index, of->tree->size, err));
    *out = (inclusion){.of = of, .count = plan.node_count};
    out->known = arena_array(mem, out->count + 1, sizeof *out->known);
    out->nodes = arena_array(mem, out->count + 1, sizeof *out->nodes);
    if (!out->known || !out->nodes) return vault_fail(err, VAULT_EXHAUSTED, "no room for proofs");
    for (size_t i = 0; memory && i < out->count; i++) {
        out->known[i] = upper_nodes_find(memory, plan.nodes[i], &out->nodes[i]);
        out->any_known |= out->known[i];
    }
    return VAULT_OK;
}

/* ---- rows ---- */

static int by_index(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void sort_once(shelf *of)
{
    size_t kept = 0;
    qsort(of->indexes, of->count, sizeof *of->indexes, by_index);
    for (size_t i = 0; i < of->count; i++)
        if (kept == 0 || of->indexes[kept - 1] != of->indexes[i]) of->indexes[kept++] = of->indexes[i];
    of->count = kept;
}

/* Of the nodes that memory does not have. */
static vault_code fill_shelf(shelf *out, store *s, arena *mem, const inclusion *of, size_t count, vault_error *err)
{
    size_t room = 1;
    merkle_plan plan;
    for (size_t i = 0; i < count; i++) room += of[i].count;
    *out = (shelf){.indexes = arena_array(mem, room, sizeof *out->indexes)};
    if (!out->indexes) return vault_fail(err, VAULT_EXHAUSTED, "no room for proofs");
    for (size_t i = 0; i < count; i++) {
        VAULT_TRY(merkle_plan_inclusion(&plan, of[i].of->index, of[i].of->tree->size, err));
        for (size_t n = 0; n < of[i].count; n++)
            if (!of[i].known[n]) out->indexes[out->count++] = merkle_node_line(plan.nodes[n]);
    }
    sort_once(out);
    out->rows = arena_array(mem, out->count + 1, sizeof *out->rows);
    if (!out->rows) return vault_fail(err, VAULT_EXHAUSTED, "no room for proofs");
    return out->count > 0 ? rows_of_tree(s, mem, out->indexes, out->count, out->rows, err) : VAULT_OK;
}

/* False: its line is not there, or is damaged. */
static bool take_node(digest *out, const shelf *from, merkle_coordinate node)
{
    vault_error cause = {0};
    int64_t index = merkle_node_line(node);
    const int64_t *at = bsearch(&index, from->indexes, from->count, sizeof index, by_index);
    const line_row *row = at ? &from->rows[at - from->indexes] : NULL;
    return row && row->found && stored_node(out, row, node.level, &cause) == VAULT_OK;
}

/* ---- proofs ---- */

/* What led to the root is what it claims to be, and is remembered. */
static vault_code prove(inclusion *i, const shelf *from, arena *mem, upper_nodes *memory, vault_error *err)
{
    merkle_plan plan;
    digest leaf = merkle_leaf(i->of->leaf);
    i->of->stands = false;
    VAULT_TRY(merkle_plan_inclusion(&plan, i->of->index, i->of->tree->size, err));
    for (size_t n = 0; n < i->count; n++)
        if (!i->known[n] && !take_node(&i->nodes[n], from, plan.nodes[n])) return VAULT_OK;
    VAULT_TRY(nodes_fold(&i->of->path, mem, &plan, i->nodes, err));
    i->of->stands = merkle_verify_inclusion(&leaf, i->of->index, i->of->tree, i->of->path);
    for (size_t n = 0; i->of->stands && n < i->count; n++)
        if (!i->known[n]) upper_nodes_keep(memory, plan.nodes[n], &i->nodes[n]);
    return VAULT_OK;
}

static vault_code prove_all(const proofs_source *from, arena *mem, inclusion *all, size_t count, vault_error *err)
{
    shelf rows;
    VAULT_TRY(fill_shelf(&rows, from->s, mem, all, count, err));
    for (size_t i = 0; i < count; i++) VAULT_TRY(prove(&all[i], &rows, mem, from->memory, err));
    return VAULT_OK;
}

/* Those that do not stand, and that memory had a part in, by the table alone, which has the last word: what memory had
 * of them is replaced where it was wrong. */
static vault_code prove_again(const proofs_source *from, arena *mem, inclusion *all, size_t count, vault_error *err)
{
    size_t again = 0;
    for (size_t i = 0; i < count; i++) {
        if (all[i].of->stands || !all[i].any_known) continue;
        VAULT_TRY(plan_inclusion(&all[again++], all[i].of, mem, NULL, err));
    }
    return again > 0 ? prove_all(from, mem, all, again, err) : VAULT_OK;
}

vault_code stored_inclusions(const proofs_source *from, arena *mem, line_claim *claims, size_t count, vault_error *err)
{
    if (count == 0) return VAULT_OK;
    inclusion *all = arena_array(mem, count, sizeof *all);
    if (!all) return vault_fail(err, VAULT_EXHAUSTED, "no room for proofs");
    for (size_t i = 0; i < count; i++) VAULT_TRY(plan_inclusion(&all[i], &claims[i], mem, from->memory, err));
    VAULT_TRY(prove_all(from, mem, all, count, err));
    return prove_again(from, mem, all, count, err);
}

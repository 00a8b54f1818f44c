/* Proofs folded from stored nodes. Line i stores its leaf and the nodes of two and more leaves that it completes; so
 * every node is found by the index of one line, and a proof is one SELECT by primary key. */
#include "vault/audit/internal.h"

#include <string.h>

enum { ROWS_MAX = 2 * MERKLE_PATH_MAX + 1 };

/* The lines of `indexes`, in their order; a missing one is damage. */
static vault_code read_lines(line_row *rows, store *s, arena *mem, const int64_t *indexes, size_t count,
                             vault_error *err)
{
    if (count == 0) return VAULT_OK;
    VAULT_TRY(rows_of_tree(s, mem, indexes, count, rows, err));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].found && rows[i].index == indexes[i]) continue;
        return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is missing", (long long)indexes[i]);
    }
    return VAULT_OK;
}

vault_code stored_node(digest *out, const line_row *row, unsigned level, vault_error *err)
{
    unsigned completes = (unsigned)__builtin_ctzll((unsigned long long)row->index + 1);
    if (row->leaf.len != LEAF_LEN || row->nodes.len != (size_t)completes * DIGEST_LEN || level > completes) {
        return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is damaged", (long long)row->index);
    }
    *out = level == 0 ? merkle_leaf(row->leaf) : ((const digest *)row->nodes.at)[level - 1];
    return VAULT_OK;
}

static size_t lines_of(const merkle_plan *plan, int64_t *indexes)
{
    for (size_t i = 0; i < plan->node_count; i++) indexes[i] = merkle_node_line(plan->nodes[i]);
    return plan->node_count;
}

vault_code nodes_fold(merkle_path *out, arena *mem, const merkle_plan *plan, const digest *nodes, vault_error *err)
{
    digest *path = arena_array(mem, plan->count + 1, sizeof *path);
    if (!path) return vault_fail(err, VAULT_EXHAUSTED, "no room for a proof");
    for (size_t i = 0; i < plan->count; i++) {
        path[i] = merkle_fold(nodes, plan->parts[i]);
        nodes += plan->parts[i];
    }
    *out = (merkle_path){.at = path, .len = plan->count};
    return VAULT_OK;
}

vault_code stored_fold(merkle_path *out, arena *mem, const merkle_plan *plan, const line_row *rows, vault_error *err)
{
    digest nodes[2 * MERKLE_PATH_MAX];
    for (size_t i = 0; i < plan->node_count; i++)
        VAULT_TRY(stored_node(&nodes[i], &rows[i], plan->nodes[i].level, err));
    return nodes_fold(out, mem, plan, nodes, err);
}

vault_code stored_inclusion(store *s, arena *mem, line_proof *proof, vault_error *err)
{
    merkle_plan plan;
    line_row rows[ROWS_MAX];
    int64_t indexes[ROWS_MAX];
    VAULT_TRY(merkle_plan_inclusion(&plan, proof->index, proof->size, err));
    size_t nodes = lines_of(&plan, indexes);
    indexes[nodes] = proof->index;
    VAULT_TRY(read_lines(rows, s, mem, indexes, nodes + 1, err));
    proof->leaf = rows[nodes].leaf;
    return stored_fold(&proof->path, mem, &plan, rows, err);
}

vault_code stored_range_path(merkle_path *out, store *s, arena *mem, range_ends *inout, vault_error *err)
{
    line_proof first = {.index = inout->first, .size = inout->size}, last = {.index = inout->last, .size = inout->size};
    VAULT_TRY(stored_inclusion(s, mem, &first, err));
    VAULT_TRY(stored_inclusion(s, mem, &last, err));
    inout->of_first = first.path;
    inout->of_last = last.path;
    return merkle_range_path(out, mem, inout, err);
}

vault_code stored_node_path(merkle_path *out, store *s, arena *mem, merkle_coordinate node, int64_t size,
                            vault_error *err)
{
    merkle_plan plan;
    line_row rows[ROWS_MAX];
    int64_t indexes[ROWS_MAX];
    size_t below = 0;
    VAULT_TRY(merkle_plan_inclusion(&plan, node.index << node.level, size, err));
    for (size_t i = 0; i < node.level; i++) below += plan.parts[i];
    plan.count -= node.level;
    plan.node_count -= below;
    memmove(plan.parts, plan.parts + node.level, plan.count * sizeof *plan.parts);
    memmove(plan.nodes, plan.nodes + below, plan.node_count * sizeof *plan.nodes);
    VAULT_TRY(read_lines(rows, s, mem, indexes, lines_of(&plan, indexes), err));
    return stored_fold(out, mem, &plan, rows, err);
}

vault_code stored_consistency(store *s, arena *mem, growth_proof *proof, vault_error *err)
{
    merkle_plan plan;
    line_row rows[ROWS_MAX];
    int64_t indexes[ROWS_MAX];
    VAULT_TRY(merkle_plan_consistency(&plan, proof->old_size, proof->size, err));
    VAULT_TRY(read_lines(rows, s, mem, indexes, lines_of(&plan, indexes), err));
    return stored_fold(&proof->path, mem, &plan, rows, err);
}

/* ---- trees of former sizes ---- */

static vault_code stored_root(merkle_tree *out, store *s, arena *mem, int64_t size, vault_error *err)
{
    line_row rows[MERKLE_LEVELS];
    int64_t indexes[MERKLE_LEVELS], end = 0;
    digest frontier[MERKLE_LEVELS];
    unsigned levels[MERKLE_LEVELS];
    size_t count = 0;
    for (unsigned l = MERKLE_LEVELS; l-- > 0;) {
        if (!(size >> l & 1)) continue;
        end += INT64_C(1) << l;
        levels[count] = l;
        indexes[count++] = end - 1;
    }
    VAULT_TRY(read_lines(rows, s, mem, indexes, count, err));
    for (size_t i = 0; i < count; i++) VAULT_TRY(stored_node(&frontier[i], &rows[i], levels[i], err));
    *out = (merkle_tree){.size = size, .root = merkle_root(frontier, size)};
    return VAULT_OK;
}

/* The tree as it was, shown to be what `now` grew from. */
static vault_code former_tree(merkle_tree *out, store *s, arena *mem, const merkle_tree *now, vault_error *err)
{
    if (out->size == now->size) return *out = *now, VAULT_OK;
    growth_proof growth = {.old_size = out->size, .size = now->size};
    VAULT_TRY(stored_root(out, s, mem, out->size, err));
    VAULT_TRY(stored_consistency(s, mem, &growth, err));
    if (merkle_verify_consistency(out, now, growth.path)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "the first %lld lines of the log do not fit its head",
                      (long long)out->size);
}

/* ---- for callers ---- */

vault_code ledger_prove_inclusion(ledger *l, store *s, arena *mem, line_proof *proof, vault_error *err)
{
    head_row head;
    VAULT_TRY(ledger_head(l, s, &head, err));
    if (proof->size < 1 || proof->size > head.size || proof->index < 0 || proof->index >= proof->size) {
        return vault_fail(err, VAULT_NOT_FOUND, "no line %lld in a committed tree of %lld", (long long)proof->index,
                          (long long)proof->size);
    }
    merkle_tree now = head_tree(&head), tree = {.size = proof->size};
    VAULT_TRY(stored_inclusion(s, mem, proof, err));
    VAULT_TRY(former_tree(&tree, s, mem, &now, err));
    digest leaf = merkle_leaf(proof->leaf);
    if (merkle_verify_inclusion(&leaf, proof->index, &tree, proof->path)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "line %lld does not fit the head of the log", (long long)proof->index);
}

vault_code ledger_prove_consistency(ledger *l, store *s, arena *mem, growth_proof *proof, vault_error *err)
{
    head_row head;
    VAULT_TRY(ledger_head(l, s, &head, err));
    if (proof->old_size < 1 || proof->old_size > proof->size || proof->size > head.size) {
        return vault_fail(err, VAULT_NOT_FOUND, "no committed growth from %lld to %lld lines",
                          (long long)proof->old_size, (long long)proof->size);
    }
    merkle_tree now = head_tree(&head), tree = {.size = proof->size}, old;
    VAULT_TRY(former_tree(&tree, s, mem, &now, err));
    VAULT_TRY(stored_root(&old, s, mem, proof->old_size, err));
    VAULT_TRY(stored_consistency(s, mem, proof, err));
    if (merkle_verify_consistency(&old, &tree, proof->path)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "the first %lld lines of the log do not fit those that follow",
                      (long long)proof->old_size);
}

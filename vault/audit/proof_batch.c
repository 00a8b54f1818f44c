/* Proofs of many lines: of those that are known nothing is read; the others share their upper nodes, and one look-up
 * reads all that they need. */
#include "vault/audit/internal.h"
#include "vault/audit/known_lines.h"

#include <stdlib.h>
#include <string.h>

typedef struct shelf { /* rows by index, ascending, each once */
    int64_t *indexes;
    line_row *rows;
    size_t count;
} shelf;

/* ---- what is known ---- */

/* Whether the smaller of two trees is shown to have become the larger one; not by damaged rows, nor by an archive that
 * is away. */
static vault_code has_grown(bool *grown, const merkle_tree *old, const merkle_tree *tree, store *s, arena *mem,
                            vault_error *err)
{
    growth_proof growth = {.old_size = old->size, .size = tree->size};
    *grown = false;
    vault_code code = stored_consistency(s, mem, &growth, err);
    if (code == VAULT_INTEGRITY || code == VAULT_UNAVAILABLE) return vault_error_clear(err), VAULT_OK;
    VAULT_TRY(code);
    *grown = merkle_verify_consistency(old, tree, growth.path);
    return VAULT_OK;
}

/* By one look-up, where the log has grown since the last question. */
static vault_code hold_once(bool *hold, bool *again, const proofs_source *from, arena *mem, vault_error *err)
{
    const merkle_tree *tree = from->head, then = known_lines_tree(from->known);
    *hold = then.size == tree->size && bytes_same(digest_bytes(&then.root), digest_bytes(&tree->root));
    *again = false;
    if (then.size == tree->size) return VAULT_OK;
    const merkle_tree *old = then.size < tree->size ? &then : tree, *new = old == tree ? &then : tree;
    bool grown = old->size == 0;
    if (!grown) VAULT_TRY(has_grown(&grown, old, new, from->s, mem, err));
    *hold = grown && known_lines_grow(from->known, &then, new);
    *again = grown && !*hold;
    return VAULT_OK;
}

vault_code known_lines_hold(bool *hold, const proofs_source *from, arena *mem, vault_error *err)
{
    bool again = true;
    *hold = false;
    for (int attempt = 0; again && attempt < 3; attempt++) VAULT_TRY(hold_once(hold, &again, from, mem, err));
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

/* Of the claims that do not stand yet. A plan is large, and soon made again; it has a node for each hash of a path, but
 * for the last one. */
static vault_code fill_shelf(shelf *out, store *s, arena *mem, const line_claim *claims, size_t count, vault_error *err)
{
    size_t open = 0;
    merkle_plan plan;
    for (size_t i = 0; i < count; i++) open += !claims[i].stands;
    *out = (shelf){.indexes = arena_array(mem, open * MERKLE_PATH_MAX + 1, sizeof *out->indexes)};
    if (!out->indexes) return vault_fail(err, VAULT_EXHAUSTED, "no room for proofs");
    for (size_t i = 0; i < count; i++) {
        if (claims[i].stands) continue;
        VAULT_TRY(merkle_plan_inclusion(&plan, claims[i].index, claims[i].tree->size, err));
        for (size_t n = 0; n < plan.node_count; n++) out->indexes[out->count++] = merkle_node_line(plan.nodes[n]);
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

static vault_code prove(line_claim *c, const shelf *from, arena *mem, vault_error *err)
{
    merkle_plan plan;
    digest leaf = merkle_leaf(c->leaf), nodes[2 * MERKLE_PATH_MAX];
    VAULT_TRY(merkle_plan_inclusion(&plan, c->index, c->tree->size, err));
    for (size_t n = 0; n < plan.node_count; n++)
        if (!take_node(&nodes[n], from, plan.nodes[n])) return VAULT_OK;
    VAULT_TRY(nodes_fold(&c->path, mem, &plan, nodes, err));
    c->stands = merkle_verify_inclusion(&leaf, c->index, c->tree, c->path);
    return VAULT_OK;
}

static bool of_head(const proofs_source *from, const line_claim *c)
{
    return c->tree == from->head && c->index >= 0 && c->index < c->tree->size;
}

/* Those of the head's tree that are known stand; *hold: whatever is proven in it from now on may be known, too. */
static vault_code take_known(bool *hold, const proofs_source *from, arena *mem, line_claim *claims, size_t count,
                             vault_error *err)
{
    *hold = false;
    for (size_t i = 0; i < count; i++) claims[i].stands = false;
    if (count > 0 && from->head) VAULT_TRY(known_lines_hold(hold, from, mem, err));
    for (size_t i = 0; *hold && i < count; i++)
        if (of_head(from, &claims[i])) known_lines_fetch(from->known, claims[i].index);
    for (size_t i = 0; *hold && i < count; i++) {
        line_claim *c = &claims[i];
        c->stands = of_head(from, c) && known_lines_have(from->known, c->index, c->leaf);
    }
    return VAULT_OK;
}

vault_code stored_inclusions(const proofs_source *from, arena *mem, line_claim *claims, size_t count, vault_error *err)
{
    shelf rows;
    bool hold;
    VAULT_TRY(take_known(&hold, from, mem, claims, count, err));
    VAULT_TRY(fill_shelf(&rows, from->s, mem, claims, count, err));
    for (size_t i = 0; i < count; i++) {
        line_claim *c = &claims[i];
        if (c->stands) continue;
        VAULT_TRY(prove(c, &rows, mem, err));
        if (c->stands && hold && c->tree == from->head) VAULT_TRY(known_lines_add(from->known, c->index, c->leaf, err));
    }
    return VAULT_OK;
}

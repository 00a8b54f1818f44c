/* Proofs from stored nodes: which nodes, in which order. Reading them is the ledger's (proof.c). */
#include "vault/audit/tree.h"

/* One hash of the proof: the leaves [first, end), as perfect subtrees from left to right. `first` is a multiple of the
 * largest. */
static void plan_hash(merkle_plan *p, int64_t first, int64_t end)
{
    size_t parts = 0;
    while (first < end) {
        unsigned l = 63 - (unsigned)__builtin_clzll((unsigned long long)(end - first));
        p->nodes[p->node_count++] = (merkle_coordinate){.level = l, .index = first >> l};
        first += INT64_C(1) << l;
        parts++;
    }
    p->parts[p->count++] = parts;
}

vault_code merkle_plan_inclusion(merkle_plan *out, int64_t index, int64_t size, vault_error *err)
{
    out->count = out->node_count = 0;
    if (!merkle_range_fits(index, 1, size)) {
        return vault_fail(err, VAULT_INVALID, "no leaf %lld in a tree of %lld", (long long)index, (long long)size);
    }
    for (merkle_walk w = merkle_walk_from(index, 1, size); w.last > 0; merkle_walk_up(&w)) {
        int64_t sibling = w.low ^ 1;
        if (sibling > w.last) continue;
        int64_t end = (sibling + 1) << w.level;
        plan_hash(out, sibling << w.level, end < size ? end : size);
    }
    return VAULT_OK;
}

/* RFC 9162 2.1.4.1 goes down from the root; the proof's order is up. */
vault_code merkle_plan_consistency(merkle_plan *out, int64_t old_size, int64_t size, vault_error *err)
{
    out->count = out->node_count = 0;
    if (old_size < 1 || old_size > size || size > MERKLE_SIZE_MAX) {
        return vault_fail(err, VAULT_INVALID, "no growth from %lld to %lld", (long long)old_size, (long long)size);
    }
    struct {
        int64_t first, end;
    } ranges[MERKLE_LEVELS + 1];
    size_t count = 0;
    int64_t first = 0, end = size;
    while (old_size < end) {
        int64_t split = first + merkle_split(end - first);
        bool left = old_size <= split;
        ranges[count].first = left ? split : first;
        ranges[count++].end = left ? end : split;
        if (left)
            end = split;
        else
            first = split;
    }
    if (first > 0) plan_hash(out, first, end); /* else it is the old root, which the verifier has */
    while (count-- > 0) plan_hash(out, ranges[count].first, ranges[count].end);
    return VAULT_OK;
}

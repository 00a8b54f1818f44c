#include "vault/audit/tree.h"

digest merkle_leaf(bytes leaf)
{
    const uint8_t prefix = 0x00;
    const bytes parts[] = {bytes_of(&prefix, 1), leaf};
    return sha256_parts(parts, 2);
}

digest merkle_node(const digest *left, const digest *right)
{
    const uint8_t prefix = 0x01;
    const bytes parts[] = {bytes_of(&prefix, 1), digest_bytes(left), digest_bytes(right)};
    return sha256_parts(parts, 3);
}

digest merkle_fold(const digest *parts, size_t count)
{
    if (count == 0) return sha256((bytes){0});
    digest hash = parts[count - 1];
    for (size_t i = count - 1; i-- > 0;) hash = merkle_node(&parts[i], &hash);
    return hash;
}

digest merkle_root(const digest *frontier, int64_t size)
{
    return merkle_fold(frontier, merkle_ones(size));
}

/* ---- a batch ---- */

/* The nodes of one level that the batch may need: the new ones, and the frontier's node to their left where there is
 * one. The frontier has a node on a level exactly where the old count of whole nodes is odd. */
typedef struct level {
    int64_t first; /* index of at[0] */
    digest *at;
} level;

struct merkle_batch {
    int64_t old_size, size;
    level levels[MERKLE_LEVELS];
    digest ragged[MERKLE_LEVELS +
                  1]; /* hash of the leaves right of the last whole node of the level, where there are any */
    digest frontier[MERKLE_LEVELS];
    digest *completed; /* of all leaves of the batch, in their order */
};

static bool has_bit(int64_t size, unsigned l)
{
    return size >> l & 1;
}

static digest *node_at(const merkle_batch *b, unsigned l, int64_t index)
{
    return &b->levels[l].at[index - b->levels[l].first];
}

static vault_code make_levels(merkle_batch *b, arena *mem, vault_error *err)
{
    for (unsigned l = 0; l < MERKLE_LEVELS && b->size >> l > 0; l++) {
        level *at = &b->levels[l];
        at->first = (b->old_size >> l) - has_bit(b->old_size, l);
        size_t count = (size_t)((b->size >> l) - at->first);
        if (count == 0) continue;
        at->at = arena_array(mem, count, sizeof *at->at);
        if (!at->at) return vault_fail(err, VAULT_EXHAUSTED, "no room for a batch of the tree");
    }
    return VAULT_OK;
}

static void take_frontier(merkle_batch *b, const digest *frontier)
{
    for (unsigned l = MERKLE_LEVELS; l-- > 0;) {
        if (has_bit(b->old_size, l)) b->levels[l].at[0] = *frontier++;
    }
}

/* Adds one leaf and every node that it completes; these also go to `completed`. */
static digest *add_leaf(merkle_batch *b, int64_t index, const digest *leaf, digest *completed)
{
    digest hash = *leaf;
    unsigned l = 0;
    *node_at(b, l, index) = hash;
    for (; has_bit(index, l); *completed++ = hash) {
        hash = merkle_node(node_at(b, l, (index >> l) - 1), &hash);
        l++;
        *node_at(b, l, index >> l) = hash;
    }
    return completed;
}

static void fold_right_edge(merkle_batch *b)
{
    bool any = false;
    for (unsigned l = 0; l < MERKLE_LEVELS && b->size >> l > 0; l++) {
        b->ragged[l + 1] = b->ragged[l];
        if (!has_bit(b->size, l)) continue;
        const digest *whole = node_at(b, l, (b->size >> l) - 1);
        b->ragged[l + 1] = any ? merkle_node(whole, &b->ragged[l]) : *whole;
        any = true;
    }
}

static void give_frontier(merkle_batch *b)
{
    digest *out = b->frontier;
    for (unsigned l = MERKLE_LEVELS; l-- > 0;) {
        if (has_bit(b->size, l)) *out++ = *node_at(b, l, (b->size >> l) - 1);
    }
}

/* Nodes of two and more leaves in the perfect subtrees of the first `size` leaves. */
static size_t completed_before(int64_t size)
{
    return (size_t)size - merkle_ones(size);
}

vault_code merkle_append(merkle_batch **out, arena *mem, merkle_frontier before, const digest *leaves, size_t count,
                         vault_error *err)
{
    if (before.size < 0 || count > (size_t)MERKLE_SIZE_MAX || before.size > MERKLE_SIZE_MAX - (int64_t)count) {
        return vault_fail(err, VAULT_INVALID, "a tree of %lld and %zu leaves", (long long)before.size, count);
    }
    merkle_batch *b = arena_alloc(mem, sizeof *b);
    if (!b) return vault_fail(err, VAULT_EXHAUSTED, "no room for a batch of the tree");
    b->old_size = before.size;
    b->size = before.size + (int64_t)count;
    VAULT_TRY(make_levels(b, mem, err));
    size_t completed = completed_before(b->size) - completed_before(b->old_size) + 1;
    b->completed = arena_array(mem, completed, sizeof *b->completed);
    if (!b->completed) return vault_fail(err, VAULT_EXHAUSTED, "no room for a batch of the tree");
    take_frontier(b, before.at);
    digest *next = b->completed;
    for (size_t i = 0; i < count; i++) next = add_leaf(b, b->old_size + (int64_t)i, &leaves[i], next);
    fold_right_edge(b);
    give_frontier(b);
    *out = b;
    return VAULT_OK;
}

int64_t merkle_batch_size(const merkle_batch *b)
{
    return b->size;
}

size_t merkle_batch_frontier(const merkle_batch *b, const digest **frontier)
{
    *frontier = b->frontier;
    return merkle_ones(b->size);
}

digest merkle_batch_root(const merkle_batch *b)
{
    return merkle_root(b->frontier, b->size);
}

bytes merkle_batch_nodes(const merkle_batch *b, size_t i)
{
    int64_t index = b->old_size + (int64_t)i;
    size_t from = completed_before(index) - completed_before(b->old_size);
    size_t count = completed_before(index + 1) - completed_before(index);
    return bytes_of(b->completed + from, count * sizeof(digest));
}

vault_code merkle_batch_path(const merkle_batch *b, arena *mem, int64_t first, size_t count, merkle_path *path,
                             vault_error *err)
{
    if (!merkle_range_fits(first, count, b->size) || first < b->old_size) {
        return vault_fail(err, VAULT_INVALID, "lines %lld and on are not of this batch", (long long)first);
    }
    digest found[MERKLE_PATH_MAX];
    size_t len = 0;
    for (merkle_walk w = merkle_walk_from(first, count, b->size); w.last > 0; merkle_walk_up(&w)) {
        if (merkle_walk_left(&w)) found[len++] = *node_at(b, w.level, w.low - 1);
        if (!merkle_walk_right(&w)) continue;
        bool whole = w.high + 1 < b->size >> w.level;
        found[len++] = whole ? *node_at(b, w.level, w.high + 1) : b->ragged[w.level];
    }
    bytes copy = arena_copy(mem, bytes_of(found, len * sizeof *found));
    if (len > 0 && !copy.at) return vault_fail(err, VAULT_EXHAUSTED, "no room for a path");
    *path = (merkle_path){.at = (const digest *)copy.at, .len = len};
    return VAULT_OK;
}

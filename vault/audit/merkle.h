/* RFC 6962 / RFC 9162 trees, SHA-256. Pure: no database, no clock. The frontier of a tree of n leaves is the list of
 * the roots of its maximal perfect subtrees, the largest first: as many as n has one bits. */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/digest.h"
#include "vault/base/error.h"

/* SHA-256(00 ‖ leaf). */
digest merkle_leaf(bytes leaf);
/* SHA-256(01 ‖ left ‖ right). */
digest merkle_node(const digest *left, const digest *right);
/* Hash of the leaves below `count` neighbouring perfect subtrees, left to right, each at most half as large as the one
 * before. */
digest merkle_fold(const digest *parts, size_t count);
digest merkle_root(const digest *frontier, int64_t size); /* size 0: SHA-256("") */

#define MERKLE_SIZE_MAX (INT64_C(1) << 62)
enum { MERKLE_LEVELS = 63, MERKLE_PATH_MAX = 2 * (MERKLE_LEVELS + 1) };
typedef struct merkle_tree { /* what a checkpoint says */
    int64_t size;
    digest root;
} merkle_tree;
typedef struct merkle_frontier { /* borrowed: popcount(size) digests */
    int64_t size;
    const digest *at;
} merkle_frontier;
typedef struct merkle_path { /* borrowed */
    const digest *at;
    size_t len;
} merkle_path;

/* A batch of leaves appended to a tree, with every node that it completes: enough to prove each new leaf without
 * reading anything. */
typedef struct merkle_batch merkle_batch;
/* leaves: hashes. EXHAUSTED when the arena is; INVALID for a size past 2^62. */
VAULT_MUST_USE vault_code merkle_append(merkle_batch **out, arena *mem, merkle_frontier before, const digest *leaves,
                                        size_t count, vault_error *err);
int64_t merkle_batch_size(const merkle_batch *b);                             /* of the new tree */
size_t merkle_batch_frontier(const merkle_batch *b, const digest **frontier); /* of the new tree */
digest merkle_batch_root(const merkle_batch *b);
/* Hashes of the perfect subtrees of 2 or more leaves that leaf `i` of the batch completes, small ones first
 * (line_row.nodes). */
bytes merkle_batch_nodes(const merkle_batch *b, size_t i);
/* Path of the range [first, first + count) of leaf indexes, which must lie in the batch, to the batch's root. See
 * Receipt.path: from the leaves up; at each level first the sibling left of the range, where its left end is odd, then
 * the one right of it, where its right end is even and not the last of the level. For one leaf that is RFC
 * 9162 2.1.3.1. */
VAULT_MUST_USE vault_code merkle_batch_path(const merkle_batch *b, arena *mem, int64_t first, size_t count,
                                            merkle_path *path, vault_error *err);

/* Verification (RFC 9162 2.1.3.2, 2.1.4.2). The length of the path must match exactly. An empty range or tree, and a
 * consistency from size 0, prove nothing and are false. */
bool merkle_verify_inclusion(const digest *leaf, int64_t index, const merkle_tree *tree, merkle_path path);
bool merkle_verify_range(const digest *leaves, size_t count, int64_t first, const merkle_tree *tree, merkle_path path);
bool merkle_verify_consistency(const merkle_tree *old, const merkle_tree *tree, merkle_path path);

/* Which stored nodes a proof needs: node (level, index) covers leaves [index << level, (index + 1) << level). Each hash
 * of the proof, in its order, is the merkle_fold of the next parts[i] nodes, which stand left to right. */
typedef struct merkle_coordinate {
    unsigned level;
    int64_t index;
} merkle_coordinate;
typedef struct merkle_plan {
    size_t count;                  /* hashes of the proof */
    size_t parts[MERKLE_PATH_MAX]; /* stored nodes that each is folded from */
    size_t node_count;
    merkle_coordinate nodes[2 * MERKLE_PATH_MAX];
} merkle_plan;
VAULT_MUST_USE vault_code merkle_plan_inclusion(merkle_plan *out, int64_t index, int64_t size, vault_error *err);
VAULT_MUST_USE vault_code merkle_plan_consistency(merkle_plan *out, int64_t old_size, int64_t size, vault_error *err);
/* Leaf index of the line that stores the node: the last one below it. */
static inline int64_t merkle_node_line(merkle_coordinate c)
{
    return ((c.index + 1) << c.level) - 1;
}

/* RFC 6962 / RFC 9162 trees, SHA-256. Pure: no database, no clock. The frontier of a tree of n leaves is the list of the roots of its
 * maximal perfect subtrees, the largest first: as many as n has one bits. */
#pragma once
#include "vault/base/arena.h"
#include "vault/base/digest.h"
#include "vault/base/error.h"

digest merkle_leaf(bytes leaf);
digest merkle_node(const digest *left, const digest *right);
digest merkle_root(const digest *frontier, int64_t size); /* size 0: SHA-256("") */

/* A batch of leaves appended to a tree, with every node that it completes: enough to prove each new leaf without reading anything. */
typedef struct merkle_batch merkle_batch;
/* leaves: hashes. The frontier has popcount(size) digests. */
VAULT_MUST_USE vault_code merkle_append(merkle_batch **out, arena *mem, const digest *frontier, int64_t size, const digest *leaves, size_t count, vault_error *err);
int64_t merkle_batch_size(const merkle_batch *b); /* of the new tree */
size_t merkle_batch_frontier(const merkle_batch *b, const digest **frontier); /* of the new tree */
digest merkle_batch_root(const merkle_batch *b);
/* Hashes of the perfect subtrees of 2 or more leaves that leaf `i` of the batch completes, small ones first (line_row.nodes). */
bytes merkle_batch_nodes(const merkle_batch *b, size_t i);
/* Path of the range [first, first + count) of leaf indexes, which must lie in the batch. See Receipt.path. */
VAULT_MUST_USE vault_code merkle_batch_path(const merkle_batch *b, arena *mem, int64_t first, size_t count, digest **path, size_t *len, vault_error *err);

/* Verification. The length of the path must match exactly. */
bool merkle_verify_inclusion(const digest *leaf, int64_t index, int64_t size, const digest *path, size_t len, const digest *root);
bool merkle_verify_range(const digest *leaves, size_t count, int64_t first, int64_t size, const digest *path, size_t len, const digest *root);
bool merkle_verify_consistency(int64_t old_size, const digest *old_root, int64_t size, const digest *root, const digest *path, size_t len);

/* Which stored nodes a proof needs: node (level, index) covers leaves [index << level, (index + 1) << level). `want` is filled with at most
 * MERKLE_PATH_MAX nodes in the order of the proof; each proof hash is the fold of `parts` consecutive stored perfect subtrees. */
enum { MERKLE_PATH_MAX = 128 };
typedef struct merkle_coordinate {
    unsigned level;
    int64_t index;
} merkle_coordinate;
typedef struct merkle_plan {
    size_t count;                               /* hashes of the proof */
    size_t parts[MERKLE_PATH_MAX];               /* stored nodes that each is folded from, right to left */
    size_t node_count;
    merkle_coordinate nodes[2 * MERKLE_PATH_MAX];
} merkle_plan;
VAULT_MUST_USE vault_code merkle_plan_inclusion(merkle_plan *out, int64_t index, int64_t size, vault_error *err);
VAULT_MUST_USE vault_code merkle_plan_consistency(merkle_plan *out, int64_t old_size, int64_t size, vault_error *err);

/* Forged proofs: whatever index, size and path, nothing but the tree's own leaves verifies. The input is small numbers
 * (index, size, old size, count, which hashes to put where), so that it gets past the lengths. */
#include "vault/audit/merkle.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LEAVES = 40, NODES = 128 };
static digest leaves[LEAVES], pool[NODES]; /* pool: every node of the tree, and hashes of none */
static merkle_tree trees[LEAVES + 1];

static void prepare(void)
{
    vault_error err = {0};
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    size_t next = 0;
    for (uint8_t i = 0; i < LEAVES; i++) pool[next++] = leaves[i] = merkle_leaf(bytes_of(&i, 1));
    for (size_t n = 1; n <= LEAVES; n++) {
        merkle_batch *b;
        if (merkle_append(&b, mem, (merkle_frontier){0}, leaves, n, &err) != VAULT_OK) abort();
        pool[next++] = merkle_batch_root(b);
        trees[n] = (merkle_tree){.size = (int64_t)n, .root = merkle_batch_root(b)};
        bytes nodes = merkle_batch_nodes(b, n - 1);
        for (size_t at = 0; at < nodes.len && next < NODES; at += DIGEST_LEN)
            memcpy(&pool[next++], nodes.at + at, DIGEST_LEN);
    }
}

/* A claim that verifies must be true. */
static void inclusion(int64_t index, const merkle_tree *tree, const digest *leaf, merkle_path path)
{
    if (!merkle_verify_inclusion(leaf, index, tree, path)) return;
    if (index < 0 || index >= tree->size || memcmp(leaf, &leaves[index], sizeof *leaf) != 0) abort();
}

static void range(int64_t first, size_t count, const merkle_tree *tree, const digest *claimed, merkle_path path)
{
    if (!merkle_verify_range(claimed, count, first, tree, path)) return;
    if (first < 0 || first + (int64_t)count > tree->size) abort();
    if (memcmp(claimed, leaves + first, count * sizeof *claimed) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    digest claimed[LEAVES], path[MERKLE_PATH_MAX + 2];
    if (trees[1].size == 0) prepare();
    reader r = reader_over(bytes_of(data, size));
    int64_t index = (int8_t)get_u8(&r);
    const merkle_tree *tree = &trees[1 + get_u8(&r) % LEAVES], *old = &trees[1 + get_u8(&r) % LEAVES];
    merkle_tree wrong = {.size = (int64_t)(get_u64(&r) >> 1), .root = tree->root};
    size_t count = get_u8(&r) % LEAVES, len = get_u8(&r) % (MERKLE_PATH_MAX + 2);
    for (size_t i = 0; i < LEAVES; i++) claimed[i] = pool[get_u8(&r) % NODES];
    for (size_t i = 0; i < len; i++) path[i] = pool[get_u8(&r) % NODES];
    merkle_path p = {path, len};
    inclusion(index, tree, claimed, p);
    range(index, count, tree, claimed, p);
    (void)merkle_verify_consistency(old, &wrong, p);
    (void)merkle_verify_inclusion(claimed, wrong.size - 1, &wrong, p);
    merkle_tree forged = {.size = old->size, .root = claimed[0]};
    if (merkle_verify_consistency(&forged, tree, p) && memcmp(&forged.root, &old->root, sizeof forged.root) != 0)
        abort();
    return 0;
}

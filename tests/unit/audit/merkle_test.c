/* The tree against the definitions of RFC 6962 2.1, written here as they stand there: recursive and slow. */
#include "tests/support/harness.h"
#include "vault/audit/merkle.h"

enum { LEAVES = 70 };

static digest leaves[LEAVES + 1];

__attribute__((constructor)) static void make_leaves(void)
{
    for (uint8_t i = 0; i <= LEAVES; i++) leaves[i] = merkle_leaf(bytes_of(&i, 1));
}

static bool same(const digest *a, const digest *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* ---- the definitions ---- */

static size_t half(size_t n)
{
    size_t k = 1;
    while (2 * k < n) k *= 2;
    return k;
}

static digest mth(size_t first, size_t n)
{
    if (n == 1) return leaves[first];
    size_t k = half(n);
    digest left = mth(first, k), right = mth(first + k, n - k);
    return merkle_node(&left, &right);
}

static size_t path_of(digest *out, size_t m, size_t first, size_t n)
{
    if (n == 1) return 0;
    size_t k = half(n), len;
    if (m < k) {
        len = path_of(out, m, first, k);
        out[len] = mth(first + k, n - k);
    } else {
        len = path_of(out, m - k, first + k, n - k);
        out[len] = mth(first, k);
    }
    return len + 1;
}

static size_t subproof(digest *out, size_t m, size_t first, size_t n, bool whole)
{
    if (m == n && whole) return 0;
    if (m == n) return out[0] = mth(first, n), 1;
    size_t k = half(n), len;
    if (m <= k) {
        len = subproof(out, m, first, k, whole);
        out[len] = mth(first + k, n - k);
    } else {
        len = subproof(out, m - k, first + k, n - k, false);
        out[len] = mth(first, k);
    }
    return len + 1;
}

static merkle_tree tree_of(size_t n)
{
    return (merkle_tree){.size = (int64_t)n, .root = mth(0, n)};
}

/* ---- batches ---- */

/* A tree of `old` leaves and then a batch up to `size`. */
static merkle_batch *batch(arena *mem, size_t old, size_t size)
{
    vault_error err = {0};
    merkle_batch *before, *after;
    const digest *frontier;
    expect_ok(merkle_append(&before, mem, (merkle_frontier){0}, leaves, old, &err), &err);
    merkle_batch_frontier(before, &frontier);
    expect_ok(merkle_append(&after, mem, (merkle_frontier){(int64_t)old, frontier}, leaves + old, size - old, &err),
              &err);
    return after;
}

TEST("the vectors of RFC 6962: empty tree, leaf, node, root of eight")
{
    static const char *DATA[] = {
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
    vault_error err = {0};
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    merkle_batch *b;
    digest hashes[8];
    uint8_t data[16];
    digest empty = merkle_root(NULL, 0), text = merkle_leaf(bytes_of_text("L123456"));
    expect_hex(digest_bytes(&empty), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_hex(digest_bytes(&text), "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    for (int i = 0; i < 8; i++) hashes[i] = merkle_leaf(bytes_of(data, unhex(data, sizeof data, DATA[i])));
    expect_hex(digest_bytes(&hashes[0]), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    expect_ok(merkle_append(&b, mem, (merkle_frontier){0}, hashes, 8, &err), &err);
    digest root = merkle_batch_root(b);
    expect_hex(digest_bytes(&root), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

TEST("any batch on any tree gives the root, the frontier and the completed nodes of the definition")
{
    for (size_t old = 0; old < LEAVES; old++) {
        for (size_t size = old + 1; size <= LEAVES; size++) {
            VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
            const digest *frontier;
            merkle_batch *b = batch(mem, old, size);
            digest root = merkle_batch_root(b), wanted = mth(0, size);
            assert_int_equal(merkle_batch_size(b), size);
            assert_true(same(&root, &wanted));
            size_t ones = merkle_batch_frontier(b, &frontier), at = 0;
            assert_int_equal(ones, __builtin_popcountll(size));
            for (size_t i = 0; i < ones; i++) {
                size_t n = (size_t)1 << (63 - __builtin_clzll(size - at));
                digest part = mth(at, n);
                assert_true(same(&frontier[i], &part));
                at += n;
            }
            for (size_t i = old; i < size; i++) {
                bytes nodes = merkle_batch_nodes(b, i - old);
                assert_int_equal(nodes.len, 32 * (size_t)__builtin_ctzll(i + 1));
                for (size_t l = 1; l <= nodes.len / 32; l++) {
                    digest node = mth(i + 1 - ((size_t)1 << l), (size_t)1 << l);
                    assert_memory_equal(nodes.at + 32 * (l - 1), &node, 32);
                }
            }
        }
    }
}

TEST("the path of one line of a batch is the inclusion proof of RFC 6962 and verifies")
{
    for (size_t old = 0; old < LEAVES; old += 3) {
        for (size_t size = old + 1; size <= LEAVES; size++) {
            VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
            vault_error err = {0};
            merkle_batch *b = batch(mem, old, size);
            merkle_tree tree = tree_of(size);
            for (size_t i = old; i < size; i++) {
                digest wanted[16];
                merkle_path path;
                expect_ok(merkle_batch_path(b, mem, (int64_t)i, 1, &path, &err), &err);
                assert_int_equal(path.len, path_of(wanted, i, 0, size));
                if (path.len > 0) assert_memory_equal(path.at, wanted, path.len * sizeof *wanted);
                assert_true(merkle_verify_inclusion(&leaves[i], (int64_t)i, &tree, path));
            }
        }
    }
}

TEST("every range of every tree up to 70 verifies, and not as another range, nor with a hash more, fewer or changed")
{
    for (size_t size = 1; size <= LEAVES; size++) {
        VAULT_CLEANUP(arena_free) arena *mem = arena_new(16 << 20);
        vault_error err = {0};
        merkle_batch *b = batch(mem, 0, size);
        merkle_tree tree = tree_of(size);
        for (size_t first = 0; first < size; first++) {
            for (size_t count = 1; count <= size - first; count++) {
                merkle_path path;
                digest longer[32] = {0};
                expect_ok(merkle_batch_path(b, mem, (int64_t)first, count, &path, &err), &err);
                const digest *own = leaves + first;
                assert_true(merkle_verify_range(own, count, (int64_t)first, &tree, path));
                if (first > 0) assert_false(merkle_verify_range(own, count, (int64_t)first - 1, &tree, path));
                assert_false(merkle_verify_range(own, count, (int64_t)first + 1, &tree, path));
                assert_false(merkle_verify_range(own + 1, count, (int64_t)first, &tree, path));
                if (path.len > 0) memcpy(longer, path.at, path.len * sizeof *longer);
                assert_false(
                    merkle_verify_range(own, count, (int64_t)first, &tree, (merkle_path){longer, path.len + 1}));
                if (path.len == 0) continue;
                assert_false(
                    merkle_verify_range(own, count, (int64_t)first, &tree, (merkle_path){longer, path.len - 1}));
                longer[path.len / 2].at[7] ^= 1;
                assert_false(merkle_verify_range(own, count, (int64_t)first, &tree, (merkle_path){longer, path.len}));
            }
        }
    }
}

TEST("a batch gives no path for lines before it, after it, or for none")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    vault_error err = {0};
    merkle_path path;
    merkle_batch *b = batch(mem, 5, 9);
    expect_code(merkle_batch_path(b, mem, 4, 1, &path, &err), VAULT_INVALID, &err);
    expect_code(merkle_batch_path(b, mem, 8, 2, &path, &err), VAULT_INVALID, &err);
    expect_code(merkle_batch_path(b, mem, 9, 1, &path, &err), VAULT_INVALID, &err);
    expect_code(merkle_batch_path(b, mem, 6, 0, &path, &err), VAULT_INVALID, &err);
    expect_code(merkle_batch_path(b, mem, -1, 1, &path, &err), VAULT_INVALID, &err);
    expect_code(merkle_batch_path(b, mem, 6, SIZE_MAX, &path, &err), VAULT_INVALID, &err);
}

TEST("a batch of several thousand on a tree of millions proves its first, last and middle line")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(16 << 20);
    vault_error err = {0};
    enum { COUNT = 4096 };
    int64_t old = 13000001;
    digest frontier[64], *batch_leaves = arena_array(mem, COUNT, sizeof *batch_leaves);
    merkle_batch *b;
    for (size_t i = 0; i < 64; i++) frontier[i] = leaves[i];
    for (size_t i = 0; i < COUNT; i++) batch_leaves[i] = leaves[i % LEAVES];
    expect_ok(merkle_append(&b, mem, (merkle_frontier){old, frontier}, batch_leaves, COUNT, &err), &err);
    merkle_tree tree = {.size = old + COUNT, .root = merkle_batch_root(b)};
    for (size_t i = 0; i < COUNT; i += 819) {
        merkle_path path;
        expect_ok(merkle_batch_path(b, mem, old + (int64_t)i, 1, &path, &err), &err);
        assert_true(merkle_verify_inclusion(&batch_leaves[i], old + (int64_t)i, &tree, path));
        assert_true(path.len <= 24);
    }
    merkle_path path;
    expect_ok(merkle_batch_path(b, mem, old, COUNT, &path, &err), &err);
    assert_true(merkle_verify_range(batch_leaves, COUNT, old, &tree, path));
}

TEST("an append is refused past 2^62 leaves and when the arena is full")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(4096);
    vault_error err = {0};
    digest frontier[64] = {0};
    merkle_batch *b;
    expect_code(merkle_append(&b, mem, (merkle_frontier){MERKLE_SIZE_MAX, frontier}, leaves, 1, &err), VAULT_INVALID,
                &err);
    expect_code(merkle_append(&b, mem, (merkle_frontier){-1, frontier}, leaves, 1, &err), VAULT_INVALID, &err);
    expect_code(merkle_append(&b, mem, (merkle_frontier){1, frontier}, leaves, LEAVES, &err), VAULT_EXHAUSTED, &err);
}

/* ---- consistency ---- */

TEST("the consistency of every pair of trees verifies, and no other length, root, size or changed hash does")
{
    for (size_t size = 1; size <= LEAVES; size++) {
        merkle_tree now = tree_of(size);
        for (size_t old = 1; old <= size; old++) {
            digest path[32] = {0};
            size_t len = old == size ? 0 : subproof(path, old, 0, size, true);
            merkle_tree then = tree_of(old), forked = then, shifted = then;
            forked.root.at[31] ^= 1;
            shifted.size = old + 1 < size ? (int64_t)old + 1 : (int64_t)old - 1;
            assert_true(merkle_verify_consistency(&then, &now, (merkle_path){path, len}));
            assert_false(merkle_verify_consistency(&forked, &now, (merkle_path){path, len}));
            if (old < size) assert_false(merkle_verify_consistency(&then, &forked, (merkle_path){path, len}));
            if (old < size) assert_false(merkle_verify_consistency(&shifted, &now, (merkle_path){path, len}));
            assert_false(merkle_verify_consistency(&then, &now, (merkle_path){path, len + 1}));
            if (len == 0) continue;
            assert_false(merkle_verify_consistency(&then, &now, (merkle_path){path, len - 1}));
            for (size_t i = 0; i < len; i++) {
                path[i].at[0] ^= 0x80;
                assert_false(merkle_verify_consistency(&then, &now, (merkle_path){path, len}));
                path[i].at[0] ^= 0x80;
            }
        }
    }
}

TEST("consistency proves nothing from size 0, from a larger tree, or between unlike trees of one size")
{
    merkle_tree none = {.root = merkle_root(NULL, 0)}, three = tree_of(3), four = tree_of(4), other = four;
    merkle_path empty = {0};
    other.root.at[0] ^= 1;
    assert_false(merkle_verify_consistency(&none, &four, empty));
    assert_false(merkle_verify_consistency(&none, &none, empty));
    assert_false(merkle_verify_consistency(&four, &three, empty));
    assert_false(merkle_verify_consistency(&other, &four, empty));
    assert_true(merkle_verify_consistency(&four, &four, empty));
    four.size = -4;
    assert_false(merkle_verify_consistency(&four, &four, empty));
}

/* The forgery of immudb GHSA-672p-m5jq-mrh8: a path whose length is not tied to the index and size lets a hash stand
 * for the rest. */
TEST("a proof with a foreign leaf and a made-up sibling that folds to nothing real is refused at each length")
{
    merkle_tree tree = tree_of(13);
    digest foreign = leaves[LEAVES], path[64];
    for (size_t len = 0; len < 64; len++) {
        for (int64_t index = -1; index <= 14; index++) {
            for (size_t i = 0; i < len; i++) path[i] = tree.root;
            assert_false(merkle_verify_inclusion(&foreign, index, &tree, (merkle_path){path, len}));
            assert_false(merkle_verify_inclusion(&tree.root, index, &tree, (merkle_path){path, len}));
        }
    }
}

TEST("an inner node is not accepted for a leaf, nor a proof of one size for another")
{
    for (size_t size = 2; size <= LEAVES; size++) {
        merkle_tree tree = tree_of(size), other = tree;
        for (size_t i = 0; i < size; i++) {
            digest wanted[16];
            size_t len = path_of(wanted, i, 0, size);
            merkle_path path = {wanted, len}, up = {wanted + 1, len - 1};
            digest node = i % 2 ? merkle_node(&wanted[0], &leaves[i]) : merkle_node(&leaves[i], &wanted[0]);
            assert_false(merkle_verify_inclusion(&node, (int64_t)i / 2, &tree, up));
            other.size = tree.size * 4;
            assert_false(merkle_verify_inclusion(&leaves[i], (int64_t)i, &other, path));
        }
    }
}

TEST("proofs at the edge of 2^62 leaves neither overflow nor pass")
{
    digest path[MERKLE_PATH_MAX] = {0};
    merkle_tree tree = {.size = MERKLE_SIZE_MAX};
    for (size_t len = 0; len <= MERKLE_PATH_MAX; len++) {
        merkle_path p = {path, len};
        assert_false(merkle_verify_inclusion(path, MERKLE_SIZE_MAX - 1, &tree, p));
        assert_false(merkle_verify_inclusion(path, INT64_MAX, &tree, p));
        assert_false(merkle_verify_range(path, 2, MERKLE_SIZE_MAX - 3, &tree, p));
        assert_false(merkle_verify_range(path, SIZE_MAX, 1, &tree, p));
        assert_false(merkle_verify_consistency(&(merkle_tree){.size = MERKLE_SIZE_MAX - 1}, &tree, p));
    }
    tree.size = INT64_MAX;
    assert_false(merkle_verify_inclusion(path, 0, &tree, (merkle_path){path, 63}));
}

/* ---- plans ---- */

/* What the database would hold: only perfect subtrees, each at the line that completes it. */
static size_t follow(digest *out, const merkle_plan *plan, size_t size)
{
    size_t next = 0;
    for (size_t i = 0; i < plan->count; i++) {
        digest parts[MERKLE_LEVELS];
        for (size_t p = 0; p < plan->parts[i]; p++, next++) {
            merkle_coordinate c = plan->nodes[next];
            int64_t at = merkle_node_line(c);
            assert_in_range(at, 0, size - 1);
            assert_true(c.level <= (unsigned)__builtin_ctzll((unsigned long long)at + 1));
            parts[p] = mth((size_t)c.index << c.level, (size_t)1 << c.level);
        }
        out[i] = merkle_fold(parts, plan->parts[i]);
    }
    assert_int_equal(next, plan->node_count);
    return plan->count;
}

TEST("a planned inclusion proof, folded from stored nodes, is the proof of the definition")
{
    for (size_t size = 1; size <= LEAVES; size++) {
        for (size_t i = 0; i < size; i++) {
            vault_error err = {0};
            merkle_plan plan;
            digest wanted[16], got[16];
            expect_ok(merkle_plan_inclusion(&plan, (int64_t)i, (int64_t)size, &err), &err);
            size_t len = path_of(wanted, i, 0, size);
            assert_int_equal(follow(got, &plan, size), len);
            if (len > 0) assert_memory_equal(got, wanted, len * sizeof *got);
        }
    }
}

TEST("a planned consistency proof, folded from stored nodes, is the proof of the definition")
{
    for (size_t size = 1; size <= LEAVES; size++) {
        for (size_t old = 1; old <= size; old++) {
            vault_error err = {0};
            merkle_plan plan;
            digest wanted[16], got[16];
            expect_ok(merkle_plan_consistency(&plan, (int64_t)old, (int64_t)size, &err), &err);
            size_t len = subproof(wanted, old, 0, size, true);
            assert_int_equal(follow(got, &plan, size), len);
            if (len > 0) assert_memory_equal(got, wanted, len * sizeof *got);
        }
    }
}

TEST("a plan is refused outside of the tree and reads no more than 126 nodes at 2^62 leaves")
{
    vault_error err = {0};
    merkle_plan plan;
    expect_code(merkle_plan_inclusion(&plan, 5, 5, &err), VAULT_INVALID, &err);
    expect_code(merkle_plan_inclusion(&plan, -1, 5, &err), VAULT_INVALID, &err);
    expect_code(merkle_plan_inclusion(&plan, 0, INT64_MAX, &err), VAULT_INVALID, &err);
    expect_code(merkle_plan_consistency(&plan, 0, 5, &err), VAULT_INVALID, &err);
    expect_code(merkle_plan_consistency(&plan, 6, 5, &err), VAULT_INVALID, &err);
    expect_code(merkle_plan_consistency(&plan, 1, INT64_MAX, &err), VAULT_INVALID, &err);
    for (int64_t size = MERKLE_SIZE_MAX - 3; size <= MERKLE_SIZE_MAX; size++) {
        expect_ok(merkle_plan_inclusion(&plan, 0, size, &err), &err);
        assert_in_range(plan.node_count, 62, 126);
        expect_ok(merkle_plan_consistency(&plan, size / 2 - 1, size, &err), &err);
        assert_in_range(plan.node_count, 62, 126);
    }
}

/* Tiles and proofs as the specifications write them, against the plain tree. */
#include "tests/support/harness.h"
#include "vault/audit/tree_proof.h"
#include "vault/audit/tree_tiles.h"

#include <stdlib.h>
#include <string.h>

static vault_error err;
static arena *mem;

static void given_memory(void)
{
    if (!mem) mem = arena_new(256 << 20);
    arena_reset(mem);
}

__attribute__((destructor)) static void tidy(void)
{
    arena_free(&mem);
}

static digest leaf_of(int64_t i)
{
    uint8_t number[8];
    store_u64(number, (uint64_t)i);
    return merkle_leaf(bytes_of(number, sizeof number));
}

static digest *leaves_of(int64_t count)
{
    digest *out = arena_array(mem, (size_t)count + 1, sizeof *out);
    for (int64_t i = 0; i < count; i++) out[i] = leaf_of(i);
    return out;
}

static merkle_batch *tree_of(int64_t count)
{
    merkle_batch *b;
    expect_ok(merkle_append(&b, mem, (merkle_frontier){0}, leaves_of(count), (size_t)count, &err), &err);
    return b;
}

/* ---- names ---- */

static void expect_path(int level, int64_t index, unsigned width, const char *wanted)
{
    char path[TILE_PATH_MAX];
    tile_path(path, &(tile_name){.level = level, .index = index, .width = width});
    assert_string_equal(path, wanted);
}

TEST("a tile is named as the specification names it")
{
    expect_path(0, 0, 256, "tile/0/000");
    expect_path(0, 999, 256, "tile/0/999");
    expect_path(0, 1000, 256, "tile/0/x001/000");
    expect_path(3, 1234067, 256, "tile/3/x001/x234/067");
    expect_path(1, 0, 17, "tile/1/000.p/17");
    expect_path(TILE_ENTRIES, 273, 112, "tile/entries/273.p/112");
    expect_path(TILE_ENTRIES, 390625, 1, "tile/entries/x390/625.p/1");
    expect_path(7, MERKLE_SIZE_MAX, 255, "tile/7/x004/x611/x686/x018/x427/x387/904.p/255");
}

TEST("a tree of 70,000 lines has the tiles that the specification counts")
{
    assert_int_equal(tile_count(0, 70000), 274);
    assert_int_equal(tile_at(0, 272, 70000).width, 256);
    assert_int_equal(tile_at(0, 273, 70000).width, 112);
    assert_int_equal(tile_count(TILE_ENTRIES, 70000), 274);
    assert_int_equal(tile_count(1, 70000), 2);
    assert_int_equal(tile_at(1, 0, 70000).width, 256);
    assert_int_equal(tile_at(1, 1, 70000).width, 17);
    assert_int_equal(tile_count(2, 70000), 1);
    assert_int_equal(tile_at(2, 0, 70000).width, 1);
    assert_int_equal(tile_count(3, 70000), 0);
    assert_int_equal(tile_count(0, 256), 1);
    assert_int_equal(tile_at(1, 0, 256).width, 1);
    assert_int_equal(tile_count(0, 0), 0);
}

/* ---- the edge ---- */

typedef struct kept_tiles {
    size_t count, hashes, partial;
    tile_name last;
    digest last_root; /* of the newest full one of level 1 */
} kept_tiles;

static vault_code keep(void *context, const tile_name *t, bytes content, vault_error *e)
{
    kept_tiles *k = context;
    (void)e;
    assert_int_equal(content.len, t->width * DIGEST_LEN);
    k->count++;
    k->hashes += t->width;
    k->partial += t->width < TILE_WIDTH;
    k->last = *t;
    if (t->level == 1 && t->width == TILE_WIDTH) k->last_root = tile_root((const digest *)content.at);
    return VAULT_OK;
}

static size_t tiles_of(int64_t size)
{
    size_t all = 0;
    for (int level = 0; level < TILE_LEVELS; level++) all += (size_t)tile_count(level, size);
    return all;
}

TEST("the edge has the root of the plain tree at every size, and puts each tile once")
{
    static const int64_t sizes[] = {1, 2, 3, 7, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537, 70000};
    given_memory();
    tile_edge *e = arena_alloc(mem, sizeof *e);
    kept_tiles kept = {0};
    const tile_sink to = {keep, &kept};
    int64_t at = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        while (at < sizes[i]) {
            digest leaf = leaf_of(at++);
            expect_ok(tile_edge_add(e, &leaf, &to, &err), &err);
        }
        merkle_tree tree = tile_edge_tree(e);
        digest wanted = merkle_batch_root(tree_of(at));
        assert_int_equal(tree.size, at);
        assert_memory_equal(tree.root.at, wanted.at, DIGEST_LEN);
        kept_tiles ends = {0};
        expect_ok(tile_edge_put(e, &(tile_sink){keep, &ends}, &err), &err);
        assert_int_equal(ends.partial, ends.count);
        assert_int_equal(kept.count + ends.count, tiles_of(at));
        assert_int_equal(kept.partial, 0);
    }
    digest first = merkle_batch_root(tree_of(65536));
    assert_memory_equal(kept.last_root.at, first.at, DIGEST_LEN);
}

TEST("an empty edge is the empty tree, and what cannot be put is not lost silently")
{
    given_memory();
    tile_edge *e = arena_alloc(mem, sizeof *e);
    digest empty = sha256((bytes){0});
    merkle_tree tree = tile_edge_tree(e);
    assert_memory_equal(tree.root.at, empty.at, DIGEST_LEN);
    e->size = MERKLE_SIZE_MAX;
    digest leaf = leaf_of(0);
    kept_tiles kept = {0};
    expect_code(tile_edge_add(e, &leaf, &(tile_sink){keep, &kept}, &err), VAULT_EXHAUSTED, &err);
}

/* ---- proofs ---- */

static tlog_proof proof_of(int64_t index, int64_t size)
{
    merkle_path path;
    expect_ok(merkle_batch_path(tree_of(size), mem, index, 1, &path, &err), &err);
    return (tlog_proof){.index = index, .path = path, .checkpoint = bytes_of_text("log\n3\nroot\n\n- sig\n")};
}

TEST("a proof is written as the specification says, and read as it was written")
{
    given_memory();
    tlog_proof p = proof_of(73, 100), back;
    p.extra = bytes_of_text("leaf");
    const char *text = tlog_proof_text(mem, &p);
    assert_true(strncmp(text, "c2sp.org/tlog-proof@v1\nextra bGVhZg==\nindex 73\n", 47) == 0);
    assert_true(tlog_proof_parse(&back, mem, bytes_of_text(text)));
    assert_int_equal(back.index, 73);
    assert_int_equal(back.path.len, p.path.len);
    assert_memory_equal(back.path.at, p.path.at, p.path.len * DIGEST_LEN);
    assert_true(bytes_same(back.extra, p.extra) && bytes_same(back.checkpoint, p.checkpoint));
    p.extra = (bytes){0};
    p.path.len = 0; /* of a log of one line */
    p.index = 0;
    assert_true(tlog_proof_parse(&back, mem, bytes_of_text(tlog_proof_text(mem, &p))));
    assert_int_equal(back.extra.len + back.path.len, 0);
}

TEST("what is not exactly such a proof is none")
{
    static const char *const bad[] = {
        "",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex +1\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex \n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 99999999999999999999\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 9223372036854775807\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 9999999999999999999\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 4611686018427387904\n\nx\n",
        "c2sp.org/tlog-proof@v1\nextra ?\nindex 0\n\nx\n",
        "c2sp.org/tlog-proof@v1\nextra bGVhZg==\nextra bGVhZg==\nindex 0\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nbGVhZg==\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "c2sp.org/tlog-proof@v1\r\nindex 0\n\nx\n",
    };
    tlog_proof out;
    given_memory();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tlog_proof_parse(&out, mem, bytes_of_text(bad[i]))) fail_msg("taken: %s", bad[i]);
    char *text = arena_text(mem, bytes_of_text("c2sp.org/tlog-proof@v1\nindex 0\n"));
    for (int i = 0; i <= MERKLE_PATH_MAX; i++)
        text = arena_format(mem, "%sAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", text);
    assert_false(tlog_proof_parse(&out, mem, bytes_of_text(arena_format(mem, "%s\nx\n", text))));
}

TEST("the path of a range is made of those of its ends, for every range of small trees")
{
    given_memory();
    for (int64_t size = 1; size <= 17; size++) {
        merkle_batch *b = tree_of(size);
        digest *leaves = leaves_of(size);
        const merkle_tree tree = {.size = size, .root = merkle_batch_root(b)};
        for (int64_t first = 0; first < size; first++)
            for (int64_t last = first; last < size; last++) {
                merkle_path path;
                range_ends ends = {.first = first, .last = last, .size = size};
                expect_ok(merkle_batch_path(b, mem, first, 1, &ends.of_first, &err), &err);
                expect_ok(merkle_batch_path(b, mem, last, 1, &ends.of_last, &err), &err);
                expect_ok(merkle_range_path(&path, mem, &ends, &err), &err);
                assert_true(merkle_verify_range(leaves + first, (size_t)(last - first + 1), first, &tree, path));
            }
    }
    merkle_path path;
    expect_code(merkle_range_path(&path, mem, &(range_ends){.first = 2, .last = 1, .size = 4}, &err), VAULT_INVALID,
                &err);
    expect_code(merkle_range_path(&path, mem, &(range_ends){.first = 2, .last = 4, .size = 4}, &err), VAULT_INVALID,
                &err);
}

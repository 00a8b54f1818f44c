/* A log of any length in a folder, with its tiles, and what else is made of it. */
#pragma once
#include "tests/unit/verify/fixture.h"

#include "vault/audit/lines_file.h"
#include "vault/audit/tree_proof.h"
#include "vault/audit/tree_tiles.h"

#include <errno.h>

enum { LEAF = 74 };

typedef struct made_log {
    const char *folder, *note;
    int64_t size;
    uint8_t (*leaves)[LEAF];
    digest *hashes;
    merkle_batch *tree;
    uint8_t branch; /* lines from `fork` on are another's */
    int64_t fork;
} made_log;

static inline char *in_folder(const made_log *l, const char *name)
{
    return arena_format(mem, "%s/%s", l->folder, name);
}

static inline void put_file(const char *path, bytes content)
{
    char part[512];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdir(part, 0755) != 0) assert_int_equal(errno, EEXIST);
    }
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(content.at, 1, content.len, f), content.len);
    fclose(f);
}

static inline char *tile_file(const made_log *l, int level, int64_t index)
{
    char path[TILE_PATH_MAX];
    const tile_name name = tile_at(level, index, l->size);
    tile_path(path, &name);
    return in_folder(l, path);
}

static inline vault_code put_tile(void *context, const tile_name *t, bytes content, vault_error *e)
{
    char path[TILE_PATH_MAX];
    (void)e;
    tile_path(path, t);
    put_file(in_folder(context, path), content);
    return VAULT_OK;
}

static inline void put_entries(made_log *l)
{
    for (int64_t b = 0; b < tile_count(TILE_ENTRIES, l->size); b++) {
        uint8_t bundle[TILE_BUNDLE_LEN];
        const tile_name name = tile_at(TILE_ENTRIES, b, l->size);
        for (unsigned i = 0; i < name.width; i++) {
            bundle[i * TILE_ENTRY_LEN] = 0;
            bundle[i * TILE_ENTRY_LEN + 1] = LEAF;
            memcpy(bundle + i * TILE_ENTRY_LEN + 2, l->leaves[b * TILE_WIDTH + i], LEAF);
        }
        put_file(tile_file(l, TILE_ENTRIES, b), bytes_of(bundle, name.width * TILE_ENTRY_LEN));
    }
}

/* Hashes of the leaves as they are now, and all tiles of them. */
static inline void put_tiles(made_log *l)
{
    tile_edge *e = arena_alloc(mem, sizeof *e);
    const tile_sink to = {put_tile, l};
    memset(e, 0, sizeof *e);
    for (int64_t i = 0; i < l->size; i++) {
        l->hashes[i] = merkle_leaf(bytes_of(l->leaves[i], LEAF));
        expect_ok(tile_edge_add(e, &l->hashes[i], &to, &err), &err);
    }
    expect_ok(tile_edge_put(e, &to, &err), &err);
}

static inline const char *note_of_size(const made_log *l, int64_t size)
{
    merkle_batch *b;
    expect_ok(merkle_append(&b, mem, (merkle_frontier){0}, l->hashes, (size_t)size, &err), &err);
    return note_by(checkpoint_text(mem, NAME, &(merkle_tree){.size = size, .root = merkle_batch_root(b)}), &log_signer,
                   1);
}

static inline made_log log_with(int64_t size, int64_t fork, uint8_t branch)
{
    given_keys();
    made_log l = {
        .size = size, .branch = branch, .fork = fork, .folder = arena_format(mem, "%s/log%d", folder, ++paths)};
    l.leaves = arena_array(mem, (size_t)size + 1, LEAF);
    l.hashes = arena_array(mem, (size_t)size + 1, sizeof *l.hashes);
    for (int64_t i = 0; i < size; i++) {
        l.leaves[i][0] = 1;
        store_u64(l.leaves[i] + 1, 1763784000000000 + (uint64_t)i);
        l.leaves[i][9] = 2;
        l.leaves[i][10] = i < fork ? 0 : branch;
    }
    put_entries(&l);
    put_tiles(&l);
    l.note = note_of_size(&l, size);
    put_file(in_folder(&l, "checkpoint"), bytes_of_text(l.note));
    expect_ok(merkle_append(&l.tree, mem, (merkle_frontier){0}, l.hashes, (size_t)size, &err), &err);
    return l;
}

static inline made_log log_of(int64_t size)
{
    return log_with(size, size, 0);
}

static inline int judged_log(const made_log *l)
{
    return RUN("log", "--quiet", "--key", vkey(&log_signer), l->folder);
}

static inline bool says(const char *text)
{
    return strstr(printed, text) != NULL;
}

/* ---- files that are changed ---- */

typedef struct content {
    uint8_t *at;
    size_t len;
} content;

static inline content content_of(const char *path)
{
    char *at;
    content c;
    expect_ok(file_read(&at, &c.len, path, 64 << 20, &err), &err);
    c.at = arena_alloc(mem, c.len + 1);
    memcpy(c.at, at, c.len);
    memory_free(at, c.len);
    return c;
}

static inline void put_back(const char *path, content c)
{
    put_file(path, bytes_of(c.at, c.len));
}

static inline void flip(const char *path, size_t at, unsigned bit)
{
    content c = content_of(path);
    c.at[at] ^= (uint8_t)(1u << bit);
    put_back(path, c);
}

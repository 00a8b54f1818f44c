/* A tree as files (c2sp.org/tlog-tiles): tiles of up to 256 neighbouring hashes of every eighth level, and bundles of
 * up to 256 entries, each with its length (2, BE) before it. Pure: names, and what stands in them.
 *
 *   tile/<level>/<index>, tile/entries/<index>   the index in groups of three digits, all but the last after an x
 *   ....p/<width>                                a tile that is not full yet */
#pragma once
#include "vault/audit/merkle.h"

enum { TILE_WIDTH = 256, TILE_HEIGHT = 8, TILE_LEVELS = 8, TILE_ENTRIES = -1, TILE_PATH_MAX = 64 };
enum { TILE_LEAF_LEN = 74, TILE_ENTRY_LEN = 2 + TILE_LEAF_LEN, TILE_BUNDLE_LEN = TILE_WIDTH * TILE_ENTRY_LEN };

typedef struct tile_name {
    int level; /* TILE_ENTRIES: a bundle */
    int64_t index;
    unsigned width; /* 1 to TILE_WIDTH */
} tile_name;
/* Within the folder of the log. */
void tile_path(char out[TILE_PATH_MAX], const tile_name *t);
/* How many tiles a level has in a tree of this size (0 where it has none), and which the index-th is. */
int64_t tile_count(int level, int64_t size);
tile_name tile_at(int level, int64_t index, int64_t size);

/* The hash of a full tile's subtree. */
digest tile_root(const digest hashes[TILE_WIDTH]);
/* The largest perfect subtrees of fewer, left to right; returns how many. */
size_t tile_frontier(digest out[TILE_HEIGHT], const digest *hashes, size_t count);

/* The right edge of a tree that grows: what stands in the tiles that are not full yet. Some 64 KiB. */
typedef struct tile_edge {
    int64_t size;
    digest at[TILE_LEVELS][TILE_WIDTH];
} tile_edge;
/* Where finished tiles go. */
typedef struct tile_sink {
    vault_code (*put)(void *context, const tile_name *t, bytes content, vault_error *err);
    void *context;
} tile_sink;
/* One more line; tiles that it fills are put. EXHAUSTED past 2^62 lines. */
VAULT_MUST_USE vault_code tile_edge_add(tile_edge *e, const digest *leaf, const tile_sink *to, vault_error *err);
/* Puts the tiles that are not full. */
VAULT_MUST_USE vault_code tile_edge_put(const tile_edge *e, const tile_sink *to, vault_error *err);
merkle_tree tile_edge_tree(const tile_edge *e); /* as it is */
/* How many hashes the edge's tile of this level holds. */
static inline size_t tile_edge_width(const tile_edge *e, int level)
{
    return (size_t)(e->size >> (TILE_HEIGHT * level)) % TILE_WIDTH;
}

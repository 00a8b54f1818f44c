#include "vault/audit/tree_tiles.h"

#include <stdio.h>
#include <string.h>

/* ---- names ---- */

/* 1234067 is x001/x234/067. */
static int print_index(char *out, size_t cap, int64_t index)
{
    int used = 0;
    unsigned groups[8], count = 0;
    do groups[count++] = (unsigned)(index % 1000);
    while ((index /= 1000) > 0 && count < sizeof groups / sizeof *groups);
    while (count-- > 0)
        used += snprintf(out + used, cap - (size_t)used, count ? "x%03u/" : "%03u", groups[count] % 1000);
    return used;
}

void tile_path(char out[TILE_PATH_MAX], const tile_name *t)
{
    int used = t->level == TILE_ENTRIES ? snprintf(out, TILE_PATH_MAX, "tile/entries/")
                                        : snprintf(out, TILE_PATH_MAX, "tile/%d/", t->level);
    used += print_index(out + used, TILE_PATH_MAX - (size_t)used, t->index);
    if (t->width < TILE_WIDTH) snprintf(out + used, TILE_PATH_MAX - (size_t)used, ".p/%u", t->width);
}

static int64_t hashes_of(int level, int64_t size)
{
    return level == TILE_ENTRIES ? size : size >> (TILE_HEIGHT * level);
}

int64_t tile_count(int level, int64_t size)
{
    return (hashes_of(level, size) + TILE_WIDTH - 1) / TILE_WIDTH;
}

tile_name tile_at(int level, int64_t index, int64_t size)
{
    int64_t left = hashes_of(level, size) - index * TILE_WIDTH;
    return (tile_name){.level = level, .index = index, .width = left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH};
}

/* ---- hashes ---- */

digest tile_root(const digest hashes[TILE_WIDTH])
{
    digest level[TILE_WIDTH / 2];
    for (size_t i = 0; i < TILE_WIDTH / 2; i++) level[i] = merkle_node(&hashes[2 * i], &hashes[2 * i + 1]);
    for (size_t left = TILE_WIDTH / 4; left > 0; left /= 2)
        for (size_t i = 0; i < left; i++) level[i] = merkle_node(&level[2 * i], &level[2 * i + 1]);
    return level[0];
}

static digest perfect_root(const digest *hashes, size_t count)
{
    if (count == 1) return *hashes;
    digest left = perfect_root(hashes, count / 2), right = perfect_root(hashes + count / 2, count / 2);
    return merkle_node(&left, &right);
}

size_t tile_frontier(digest out[TILE_HEIGHT], const digest *hashes, size_t count)
{
    size_t found = 0;
    for (size_t width = TILE_WIDTH / 2; width > 0; width /= 2) {
        if (!(count & width)) continue;
        out[found++] = perfect_root(hashes, width);
        hashes += width;
    }
    return found;
}

/* ---- the edge ---- */

static vault_code put_tile(const tile_edge *e, int level, const tile_sink *to, vault_error *err)
{
    const tile_name name = tile_at(level, tile_count(level, e->size) - 1, e->size);
    return to->put(to->context, &name, bytes_of(e->at[level], name.width * sizeof(digest)), err);
}

vault_code tile_edge_add(tile_edge *e, const digest *leaf, const tile_sink *to, vault_error *err)
{
    digest hash = *leaf;
    if (e->size >= MERKLE_SIZE_MAX) return vault_fail(err, VAULT_EXHAUSTED, "a tree of more than 2^62 lines");
    e->size++;
    for (int level = 0; level < TILE_LEVELS; level++) {
        size_t at = (size_t)((e->size >> (TILE_HEIGHT * level)) - 1) % TILE_WIDTH;
        e->at[level][at] = hash;
        if (at + 1 < TILE_WIDTH) return VAULT_OK;
        VAULT_TRY(put_tile(e, level, to, err));
        hash = tile_root(e->at[level]);
    }
    return VAULT_OK;
}

vault_code tile_edge_put(const tile_edge *e, const tile_sink *to, vault_error *err)
{
    for (int level = 0; level < TILE_LEVELS; level++)
        if (tile_edge_width(e, level) > 0) VAULT_TRY(put_tile(e, level, to, err));
    return VAULT_OK;
}

merkle_tree tile_edge_tree(const tile_edge *e)
{
    digest frontier[TILE_LEVELS * TILE_HEIGHT];
    size_t count = 0;
    for (int level = TILE_LEVELS; level-- > 0;)
        count += tile_frontier(frontier + count, e->at[level], tile_edge_width(e, level));
    return (merkle_tree){.size = e->size, .root = merkle_fold(frontier, count)};
}

/* Tree arithmetic that the files of the tree share. */
#pragma once
#include "vault/audit/merkle.h"

static inline size_t merkle_ones(int64_t size)
{
    return (size_t)__builtin_popcountll((unsigned long long)size);
}

/* The largest power of two below size, which is 2 or more. */
static inline int64_t merkle_split(int64_t size)
{
    return INT64_C(1) << (63 - __builtin_clzll((unsigned long long)(size - 1)));
}

static inline bool merkle_range_fits(int64_t first, size_t count, int64_t size)
{
    return size <= MERKLE_SIZE_MAX && first >= 0 && first < size && count > 0 && count <= (uint64_t)(size - first);
}

/* Nodes [low, high] stand above a range of leaves on one level, whose last node is `last`. */
typedef struct merkle_walk {
    unsigned level;
    int64_t low, high, last;
} merkle_walk;

static inline merkle_walk merkle_walk_from(int64_t first, size_t count, int64_t size)
{
    return (merkle_walk){.low = first, .high = first + (int64_t)count - 1, .last = size - 1};
}
static inline void merkle_walk_up(merkle_walk *w)
{
    *w = (merkle_walk){.level = w->level + 1, .low = w->low >> 1, .high = w->high >> 1, .last = w->last >> 1};
}
static inline bool merkle_walk_left(const merkle_walk *w)
{
    return w->low & 1;
}
static inline bool merkle_walk_right(const merkle_walk *w)
{
    return !(w->high & 1) && w->high < w->last;
}

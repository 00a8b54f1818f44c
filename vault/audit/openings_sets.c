#include "vault/audit/openings_internal.h"
#include "vault/base/memory.h"

enum { CAP_FIRST = 16 };

/* The finish of splitmix64 (Steele, Lea, Flood 2014). */
uint64_t number_mixed(uint64_t n)
{
    n += UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

/* ---- numbers to numbers ---- */

static size_t slot_of(const number_map *m, uint64_t key)
{
    size_t at = (size_t)number_mixed(key) & (m->cap - 1);
    while (m->keys[at] && m->keys[at] != key) at = (at + 1) & (m->cap - 1);
    return at;
}

static void widen(number_map *m)
{
    number_map wide = {.cap = m->cap ? 2 * m->cap : CAP_FIRST, .count = m->count};
    wide.keys = memory_array(wide.cap, sizeof *wide.keys);
    wide.values = memory_array(wide.cap, sizeof *wide.values);
    for (size_t i = 0; i < m->cap; i++) {
        if (!m->keys[i]) continue;
        const size_t at = slot_of(&wide, m->keys[i]);
        wide.keys[at] = m->keys[i];
        wide.values[at] = m->values[i];
    }
    number_map_free(m);
    *m = wide;
}

uint32_t *number_map_at(number_map *m, uint64_t key, bool *made)
{
    if (4 * (m->count + 1) > 3 * m->cap) widen(m);
    const size_t at = slot_of(m, key);
    if ((*made = m->keys[at] == 0)) m->keys[at] = key, m->count++;
    return &m->values[at];
}

const uint32_t *number_map_find(const number_map *m, uint64_t key)
{
    if (!m->cap) return NULL;
    const size_t at = slot_of(m, key);
    return m->keys[at] ? &m->values[at] : NULL;
}

void number_map_free(number_map *m)
{
    memory_free(m->keys, m->cap * sizeof *m->keys);
    memory_free(m->values, m->cap * sizeof *m->values);
    *m = (number_map){0};
}

/* ---- distinct residents ---- */

static const uint64_t hash_half = UINT64_C(0xffffffff00000000);
static const uint32_t hash_never = UINT32_C(1) << 31; /* in the place of 0, which is a free slot */

static uint32_t first_slot(const distinct *d, uint64_t hash)
{
    return (uint32_t)((hash >> 32 >> d->level) * UINT64_C(0x9e3779b97f4a7c15) >> 40) & (d->cap - 1);
}

static uint32_t distinct_slot(const distinct *d, uint64_t hash)
{
    uint32_t at = first_slot(d, hash);
    while (d->slots[at] && (d->slots[at] & hash_half) != hash) at = (at + 1) & (d->cap - 1);
    return at;
}

static bool stays(uint64_t hash, uint32_t level)
{
    return (hash >> 32 & ((UINT64_C(1) << level) - 1)) == 0;
}

/* Anew, with room for `cap`, and without those whose hash the level leaves out. */
static void refill(distinct *d, uint32_t cap, uint32_t level)
{
    distinct next = {.slots = memory_array(cap, sizeof *next.slots), .cap = cap, .level = level};
    for (uint32_t i = 0; i < d->cap; i++) {
        if (!d->slots[i] || !stays(d->slots[i], level)) continue;
        next.slots[distinct_slot(&next, d->slots[i] & hash_half)] = d->slots[i];
        next.count++;
    }
    distinct_free(d);
    *d = next;
}

static uint64_t hash_of(uint64_t mixed)
{
    const uint32_t high = (uint32_t)(mixed >> 32);
    return (uint64_t)(high ? high : hash_never) << 32;
}

void distinct_prefetch(const distinct *d, uint64_t mixed)
{
    const uint64_t hash = hash_of(mixed);
    if (d->cap && stays(hash, d->level)) __builtin_prefetch(&d->slots[first_slot(d, hash)], 1);
}

void distinct_add(distinct *d, uint64_t mixed, uint32_t fields, uint32_t most)
{
    const uint64_t hash = hash_of(mixed);
    if (!stays(hash, d->level)) return;
    if (4 * (d->count + 1) > 3 * d->cap) refill(d, d->cap ? 2 * d->cap : CAP_FIRST, d->level);
    const uint32_t at = distinct_slot(d, hash);
    d->count += d->slots[at] == 0;
    d->slots[at] |= hash | fields;
    while (d->count > most && d->level < 31) refill(d, d->cap, d->level + 1);
}

uint64_t distinct_count(const distinct *d, uint32_t fields)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < d->cap; i++) count += d->slots[i] && ((uint32_t)d->slots[i] & fields) == fields;
    return count << d->level;
}

void distinct_free(distinct *d)
{
    memory_free(d->slots, d->cap * sizeof *d->slots);
    *d = (distinct){0};
}

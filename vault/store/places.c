/* A small open-addressed table over keys that lie side by side. The keys are ids of our own or keyed hashes: nobody
 * outside can choose them so that they collide. */
#include "vault/store/internal.h"

#include <string.h>

static size_t slot_of(const places *p, const uint8_t *key)
{
    uint64_t word;
    memcpy(&word, key, sizeof word);
    word *= 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: spreads ids that differ in few bits (Knuth, vol. 3, 6.4) */
    return (size_t)(word >> 32) & p->mask;
}

static const uint8_t *key_at(const places *p, uint32_t place)
{
    return p->keys + (place - 1) * p->key_len;
}

/* The slot of the key, or the free one where it belongs. */
static uint32_t *find(const places *p, const uint8_t *key)
{
    size_t slot = slot_of(p, key);
    while (p->slots[slot] && memcmp(key_at(p, p->slots[slot]), key, p->key_len) != 0) slot = (slot + 1) & p->mask;
    return &p->slots[slot];
}

vault_code places_make(places *out, arena *mem, const void *keys, size_t key_len, size_t count, vault_error *err)
{
    size_t slots = 4;
    while (slots < 2 * count) slots *= 2;
    *out = (places){.keys = keys, .key_len = key_len, .mask = slots - 1};
    out->slots = arena_array(mem, slots, sizeof *out->slots);
    out->next = arena_array(mem, count + 1, sizeof *out->next);
    if (!out->slots || !out->next) return store_out_of_memory(err);
    for (size_t place = count; place > 0; place--) { /* from the end, so that the first place comes first */
        uint32_t *slot = find(out, out->keys + (place - 1) * key_len);
        out->next[place] = *slot;
        *slot = (uint32_t)place;
    }
    return VAULT_OK;
}

int64_t places_first(const places *p, const void *key)
{
    return (int64_t)*find(p, key) - 1;
}

int64_t places_next(const places *p, int64_t place)
{
    return (int64_t)p->next[place + 1] - 1;
}

#include "keys/internal.h"
#include "vault/base/memory.h"

#include <string.h>

struct keyring {
    ring *rings; /* ordered by name, version */
    size_t count, cap;
};

vault_code keyring_new(keyring **out, vault_error *err)
{
    (void)err;
    *out = memory_new(sizeof **out);
    return VAULT_OK;
}

void keyring_free(keyring **k)
{
    if (!*k) return;
    for (size_t i = 0; i < (*k)->count; i++) secret_clear(&(*k)->rings[i].key);
    memory_free((*k)->rings, (*k)->cap * sizeof *(*k)->rings);
    memory_free(*k, sizeof **k);
    *k = NULL;
}

/* The first place whose ring is not before (name, version). */
static size_t place_of(const keyring *k, const char *name, uint32_t version)
{
    size_t low = 0, high = k->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const ring *r = &k->rings[middle];
        int order = strcmp(r->name, name);
        bool before = order < 0 || (order == 0 && r->version < version);
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const ring *stored(const keyring *k, const char *name, uint32_t version)
{
    const ring *r = keyring_at(k, place_of(k, name, version));
    return r && r->version == version && strcmp(r->name, name) == 0 ? r : NULL;
}

static void insert(keyring *k, ring *opened)
{
    if (k->count == k->cap) {
        size_t cap = k->cap ? 2 * k->cap : 64;
        k->rings = memory_grow(k->rings, k->cap * sizeof *k->rings, cap * sizeof *k->rings);
        k->cap = cap;
    }
    size_t at = place_of(k, opened->name, opened->version);
    memmove(&k->rings[at + 1], &k->rings[at], (k->count - at) * sizeof *k->rings);
    k->rings[at] = *opened;
    k->count++;
}

vault_code keyring_add(keyring *k, bytes root, const ring *wrapped, vault_error *err)
{
    ring opened = *wrapped;
    VAULT_TRY(ring_open(&opened, root, err));
    VAULT_CLEANUP(secret_clear) secret key = secret_move(&opened.key);
    if (stored(k, opened.name, opened.version)) {
        return vault_fail(err, VAULT_CONFLICT, "key ring %s, version %u stands twice", opened.name, opened.version);
    }
    const ring *active = opened.state == RING_ACTIVE ? keyring_active(k, opened.name) : NULL;
    if (active) {
        return vault_fail(err, VAULT_CONFLICT, "key ring %s: versions %u and %u are both active", opened.name,
                          active->version, opened.version);
    }
    opened.key = secret_move(&key);
    insert(k, &opened);
    return VAULT_OK;
}

const ring *keyring_active(const keyring *k, const char *name)
{
    for (size_t i = place_of(k, name, 0); i < k->count && strcmp(k->rings[i].name, name) == 0; i++) {
        if (k->rings[i].state == RING_ACTIVE) return &k->rings[i];
    }
    return NULL;
}

const ring *keyring_find(const keyring *k, const char *name, uint32_t version)
{
    const ring *r = stored(k, name, version);
    return r && r->key.at ? r : NULL;
}

size_t keyring_count(const keyring *k)
{
    return k->count;
}

const ring *keyring_at(const keyring *k, size_t index)
{
    return index < k->count ? &k->rings[index] : NULL;
}

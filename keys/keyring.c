/* The opened rings, ordered by name and version. A ring has memory of its own and stays where it is: what readers were
 * given is good while the index over the rings grows. */
#include "keys/internal.h"
#include "vault/base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct keyring {
    atomic_uint holders;
    uint64_t generation;
    pthread_rwlock_t lock; /* of the index; never of a ring, which does not change */
    ring **rings;
    size_t count, cap;
};

/* Readers hold a const keyring: that a lock is taken does not change what it is. */
static void read_lock(const keyring *k)
{
    pthread_rwlock_rdlock((pthread_rwlock_t *)(uintptr_t)&k->lock);
}

static void unlock(const keyring *k)
{
    pthread_rwlock_unlock((pthread_rwlock_t *)(uintptr_t)&k->lock);
}

vault_code keyring_new(keyring **out, vault_error *err)
{
    (void)err;
    static atomic_uint_fast64_t made;
    *out = memory_new(sizeof **out);
    (*out)->generation = atomic_fetch_add(&made, 1) + 1;
    atomic_store(&(*out)->holders, 1);
    pthread_rwlock_init(&(*out)->lock, NULL);
    return VAULT_OK;
}

keyring *keyring_hold(const keyring *k)
{
    keyring *held = (keyring *)(uintptr_t)k;
    atomic_fetch_add(&held->holders, 1);
    return held;
}

uint64_t keyring_generation(const keyring *k)
{
    return k->generation;
}

void keyring_free(keyring **k)
{
    keyring *let_go = *k;
    if (!let_go) return;
    if (atomic_fetch_sub(&let_go->holders, 1) > 1) {
        *k = NULL;
        return;
    }
    for (size_t i = 0; i < (*k)->count; i++) {
        secret_clear(&(*k)->rings[i]->key);
        memory_free((*k)->rings[i], sizeof *(*k)->rings[i]);
    }
    memory_free((*k)->rings, (*k)->cap * sizeof *(*k)->rings);
    pthread_rwlock_destroy(&(*k)->lock);
    memory_free(*k, sizeof **k);
    *k = NULL;
}

/* ---- under the lock ---- */

/* The first place whose ring is not before (name, version). */
static size_t place_of(const keyring *k, const char *name, uint32_t version)
{
    size_t low = 0, high = k->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const ring *r = k->rings[middle];
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
    size_t at = place_of(k, name, version);
    const ring *r = at < k->count ? k->rings[at] : NULL;
    return r && r->version == version && strcmp(r->name, name) == 0 ? r : NULL;
}

static const ring *active(const keyring *k, const char *name)
{
    for (size_t i = place_of(k, name, 0); i < k->count && strcmp(k->rings[i]->name, name) == 0; i++) {
        if (k->rings[i]->state == RING_ACTIVE) return k->rings[i];
    }
    return NULL;
}

static vault_code insert(keyring *k, ring *opened, vault_error *err)
{
    if (stored(k, opened->name, opened->version)) {
        return vault_fail(err, VAULT_CONFLICT, "key ring %s, version %u stands twice", opened->name, opened->version);
    }
    const ring *other = opened->state == RING_ACTIVE ? active(k, opened->name) : NULL;
    if (other) {
        return vault_fail(err, VAULT_CONFLICT, "key ring %s: versions %u and %u are both active", opened->name,
                          other->version, opened->version);
    }
    if (k->count == k->cap) {
        size_t cap = k->cap ? 2 * k->cap : 64;
        k->rings = memory_grow(k->rings, k->cap * sizeof *k->rings, cap * sizeof *k->rings);
        k->cap = cap;
    }
    size_t at = place_of(k, opened->name, opened->version);
    memmove(&k->rings[at + 1], &k->rings[at], (k->count - at) * sizeof *k->rings);
    k->rings[at] = memory_new(sizeof **k->rings);
    *k->rings[at] = *opened;
    opened->key = (secret){0};
    k->count++;
    return VAULT_OK;
}

/* ---- for everybody ---- */

vault_code keyring_add(keyring *k, bytes root, const ring *wrapped, vault_error *err)
{
    ring opened = *wrapped;
    VAULT_TRY(ring_open(&opened, root, err));
    pthread_rwlock_wrlock(&k->lock);
    vault_code code = insert(k, &opened, err);
    unlock(k);
    secret_clear(&opened.key); /* empty where the keyring has it */
    return code;
}

const ring *keyring_active(const keyring *k, const char *name)
{
    read_lock(k);
    const ring *r = active(k, name);
    unlock(k);
    return r;
}

const ring *keyring_find(const keyring *k, const char *name, uint32_t version)
{
    read_lock(k);
    const ring *r = stored(k, name, version);
    unlock(k);
    return r && r->key.at ? r : NULL;
}

size_t keyring_count(const keyring *k)
{
    read_lock(k);
    size_t count = k->count;
    unlock(k);
    return count;
}

const ring *keyring_at(const keyring *k, size_t index)
{
    read_lock(k);
    const ring *r = index < k->count ? k->rings[index] : NULL;
    unlock(k);
    return r;
}

size_t keyring_versions(const keyring *k, const char *name, const ring *out[RING_VERSIONS_MAX])
{
    size_t count = 0;
    read_lock(k);
    size_t end = place_of(k, name, UINT32_MAX);
    while (end-- > 0 && strcmp(k->rings[end]->name, name) == 0 && count < RING_VERSIONS_MAX)
        if (k->rings[end]->key.at) out[count++] = k->rings[end];
    unlock(k);
    return count;
}

/* Upper nodes of the tree in memory, so that a question that proves hundreds of lines does not read them for each.
 *
 * A hint and no more: whoever takes a node from here folds his proof up to the root of the head, as with a node from
 * the table, and reads the table where it does not lead there. Kept are only nodes of proofs that did; each covers
 * leaves that all stand in the tree, so it stays what it is while the log grows. */
#include "vault/audit/internal.h"
#include "vault/base/memory.h"

#include <pthread.h>

enum { PLACES_BITS = 17, PLACES = 1 << PLACES_BITS, LEVEL_SHIFT = 56 }; /* 5 MB: 16 million lines, the rest in turns */

typedef struct kept_node {
    uint64_t key; /* level ‖ index; 0: none, as there is no level 0 here */
    digest hash;
} kept_node;
struct upper_nodes {
    pthread_mutex_t lock;
    kept_node *at; /* NULL until the first one */
};

upper_nodes *upper_nodes_new(void)
{
    upper_nodes *u = memory_new(sizeof *u);
    pthread_mutex_init(&u->lock, NULL);
    return u;
}

void upper_nodes_free(upper_nodes **out)
{
    upper_nodes *u = *out;
    if (!u) return;
    memory_free(u->at, PLACES * sizeof *u->at);
    pthread_mutex_destroy(&u->lock);
    memory_free(u, sizeof *u);
    *out = NULL;
}

static uint64_t key_of(merkle_coordinate node)
{
    return (uint64_t)node.level << LEVEL_SHIFT | (uint64_t)node.index;
}

static size_t place_of(uint64_t key)
{
    return (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> (64 - PLACES_BITS));
}

bool upper_nodes_find(upper_nodes *u, merkle_coordinate node, digest *out)
{
    const uint64_t key = key_of(node);
    if (node.level < UPPER_LEVEL) return false;
    pthread_mutex_lock(&u->lock);
    const kept_node *k = u->at ? &u->at[place_of(key)] : NULL;
    bool found = k && k->key == key;
    if (found) *out = k->hash;
    pthread_mutex_unlock(&u->lock);
    return found;
}

void upper_nodes_keep(upper_nodes *u, merkle_coordinate node, const digest *hash)
{
    const uint64_t key = key_of(node);
    if (node.level < UPPER_LEVEL) return;
    pthread_mutex_lock(&u->lock);
    if (!u->at) u->at = memory_array(PLACES, sizeof *u->at);
    u->at[place_of(key)] = (kept_node){.key = key, .hash = *hash};
    pthread_mutex_unlock(&u->lock);
}

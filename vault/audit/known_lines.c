/* Lines that are known to stand in the tree, in memory: of each one 64 bits that fit its leaf alone, so that a question
 * which finds hundreds of lines does not read eight nodes and more of the tree for each.
 *
 * Whoever edits the table can fit no leaf to them: the key under which a stretch has its checks is random, and known
 * to this process and to the sealed block alone. A line that has no check here, or does not fit it, is proven by the
 * tree, which has the last word.
 *
 * All are of one tree: what is added to it later must be proven to have grown from it (stored_inclusions). */
#include "vault/audit/known_lines.h"

#include "vault/audit/internal.h"
#include "vault/base/memory.h"

#include <pthread.h>
#include <string.h>

typedef struct known_stretch {
    int64_t number;
    bool whole;
    uint8_t key[CHECK_KEY_LEN];
    uint64_t check[COLUMN_STRETCH]; /* 0: not known */
} known_stretch;
struct known_lines {
    pthread_mutex_t lock;
    merkle_tree tree; /* empty, as long as nothing is known */
    known_stretch *at[KNOWN_STRETCHES];
};

uint64_t line_check(const uint8_t key[CHECK_KEY_LEN], bytes leaf)
{
    const bytes parts[] = {bytes_of(key, CHECK_KEY_LEN), leaf};
    digest hash = sha256_parts(parts, 2);
    uint64_t check = load_u64(hash.at);
    return check ? check : 1;
}

known_lines *known_lines_new(void)
{
    known_lines *k = memory_new(sizeof *k);
    pthread_mutex_init(&k->lock, NULL);
    return k;
}

void known_lines_free(known_lines **out)
{
    known_lines *k = *out;
    if (!k) return;
    for (size_t i = 0; i < KNOWN_STRETCHES; i++)
        if (k->at[i]) memory_free(k->at[i], sizeof *k->at[i]);
    pthread_mutex_destroy(&k->lock);
    memory_free(k, sizeof *k);
    *out = NULL;
}

/* ---- of which tree ---- */

static bool same_tree(const merkle_tree *a, const merkle_tree *b)
{
    return a->size == b->size && bytes_same(digest_bytes(&a->root), digest_bytes(&b->root));
}

merkle_tree known_lines_tree(known_lines *k)
{
    pthread_mutex_lock(&k->lock);
    merkle_tree tree = k->tree;
    pthread_mutex_unlock(&k->lock);
    return tree;
}

bool known_lines_grow(known_lines *k, const merkle_tree *from, const merkle_tree *to)
{
    pthread_mutex_lock(&k->lock);
    bool as_seen = same_tree(&k->tree, from);
    if (as_seen) k->tree = *to;
    pthread_mutex_unlock(&k->lock);
    return as_seen;
}

/* ---- lines ---- */

/* Under the lock. NULL: of this stretch nothing is known. */
static known_stretch *find(const known_lines *k, int64_t number)
{
    known_stretch *s = k->at[number % KNOWN_STRETCHES];
    return s && s->number == number ? s : NULL;
}

/* Under the lock; the newest have the place. NULL: a newer one has it. */
static known_stretch *make_room(known_lines *k, int64_t number, const uint8_t key[CHECK_KEY_LEN])
{
    known_stretch **place = &k->at[number % KNOWN_STRETCHES];
    if (*place && (*place)->number > number) return NULL;
    if (*place && (*place)->number < number) memset(*place, 0, sizeof **place);
    if (!*place) *place = memory_new(sizeof **place);
    (*place)->number = number;
    memcpy((*place)->key, key, CHECK_KEY_LEN);
    return *place;
}

void known_lines_fetch(known_lines *k, int64_t index)
{
    pthread_mutex_lock(&k->lock);
    const known_stretch *s = find(k, index / COLUMN_STRETCH);
    if (s) __builtin_prefetch(&s->check[index % COLUMN_STRETCH]);
    pthread_mutex_unlock(&k->lock);
}

bool known_lines_have(known_lines *k, int64_t index, bytes leaf)
{
    uint8_t key[CHECK_KEY_LEN];
    uint64_t check = 0;
    pthread_mutex_lock(&k->lock);
    const known_stretch *s = find(k, index / COLUMN_STRETCH);
    if (s) check = s->check[index % COLUMN_STRETCH], memcpy(key, s->key, CHECK_KEY_LEN);
    pthread_mutex_unlock(&k->lock);
    return check != 0 && leaf.len == LEAF_LEN && line_check(key, leaf) == check;
}

vault_code known_lines_add(known_lines *k, int64_t index, bytes leaf, vault_error *err)
{
    uint8_t key[CHECK_KEY_LEN];
    vault_code code = VAULT_OK;
    pthread_mutex_lock(&k->lock);
    known_stretch *s = find(k, index / COLUMN_STRETCH);
    if (!s) code = entropy_fill(key, sizeof key, err);
    if (!s && code == VAULT_OK) s = make_room(k, index / COLUMN_STRETCH, key);
    if (s) s->check[index % COLUMN_STRETCH] = line_check(s->key, leaf);
    pthread_mutex_unlock(&k->lock);
    return code;
}

void known_lines_learn(known_lines *k, const line_columns *c)
{
    pthread_mutex_lock(&k->lock);
    known_stretch *s = c->count == COLUMN_STRETCH ? make_room(k, c->first / COLUMN_STRETCH, c->check_key) : NULL;
    if (s) memcpy(s->check, c->check, sizeof s->check);
    if (s) s->whole = true;
    pthread_mutex_unlock(&k->lock);
}

bool known_lines_whole(known_lines *k, int64_t stretch)
{
    pthread_mutex_lock(&k->lock);
    const known_stretch *s = find(k, stretch);
    bool whole = s && s->whole;
    pthread_mutex_unlock(&k->lock);
    return whole;
}

#include "keys/internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

enum { BLOCK = 4096 };

/* Bytes of the block before `left` were given away and are wiped; a thread's nonces never meet another's. */
typedef struct pool {
    uint8_t at[BLOCK];
    size_t left; /* unused bytes, at the block's end */
} pool;

static _Thread_local pool mine;

static int from_kernel(uint8_t *out, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(out, len, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1;
        out += got;
        len -= (size_t)got;
    }
    return 0;
}

typedef int entropy_source(uint8_t *out, size_t len);
static _Atomic(entropy_source *) source = from_kernel;

static void empty(pool *p)
{
    wipe(p->at, sizeof p->at);
    p->left = 0;
}

void entropy_set_for_test(int (*replacement)(uint8_t *out, size_t len))
{
    atomic_store(&source, replacement ? replacement : from_kernel);
    empty(&mine);
}

/* A child has the thread that forked, and its block: both would give out the same nonces under the same key. */
static void empty_in_child(void)
{
    empty(&mine);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, empty_in_child);
}

static vault_code refill(pool *p, vault_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    entropy_source *draw = atomic_load_explicit(&source, memory_order_relaxed);
    if (draw(p->at, BLOCK) == 0) {
        p->left = BLOCK;
        return VAULT_OK;
    }
    empty(p);
    return vault_fail(err, VAULT_INTERNAL, "the kernel gives no random bytes: nothing is sealed");
}

vault_code entropy_fill(uint8_t *out, size_t len, vault_error *err)
{
    pool *p = &mine;
    for (size_t done = 0; done < len;) {
        if (p->left == 0 && refill(p, err) != VAULT_OK) {
            wipe(out, len);
            return VAULT_INTERNAL;
        }
        size_t part = len - done < p->left ? len - done : p->left;
        uint8_t *at = p->at + BLOCK - p->left;
        memcpy(out + done, at, part);
        wipe(at, part);
        p->left -= part;
        done += part;
    }
    return VAULT_OK;
}

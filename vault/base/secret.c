/* The locked heap. One piece is taken from libgcrypt's secure memory, cut into pages of 64 KiB; a page serves one size
 * (a power of two from 32 bytes up), knows its free cells, and goes back to the pool when its last cell is freed.
 * Taking and giving back a cell are a few instructions under one lock, whatever is in the heap. All that is not handed
 * out is zero but for the links of the free cells. */
#include "vault/base/secret.h"
#include "vault/base/internal.h"

#include <assert.h>
#include <gcrypt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    CELL_BITS = 5, /* the smallest cell, 32 bytes */
    PAGE_BITS = 16,
    PAGE = 1 << PAGE_BITS,
    SIZES = PAGE_BITS - CELL_BITS + 1,
    HANDLE_SHARE = 4, /* one part in four stays with libgcrypt for its secure cipher handles */
    HEAP_LEAST = 1 << 20,
};

typedef struct page {
    struct page *next, *prev; /* among the pages of this size that have room, or in the pool */
    uint32_t free_cell;       /* 1 + index of the first free cell; 0: none */
    uint32_t fresh;           /* cells from here on were never used */
    uint32_t used;
    uint8_t size; /* cells of 2^(CELL_BITS + size) bytes */
} page;

static struct {
    pthread_mutex_t lock;
    uint8_t *at;
    page *pages;
    size_t count;
    page *pool;         /* linked by next alone */
    page *roomy[SIZES]; /* linked both ways */
} heap = {.lock = PTHREAD_MUTEX_INITIALIZER};

void wipe(void *at, size_t len)
{
    if (len > 0) explicit_bzero(at, len);
}

/* ---- pages and cells ---- */

static size_t cell_len(const page *p)
{
    return (size_t)1 << (CELL_BITS + p->size);
}
static uint32_t cell_count(const page *p)
{
    return (uint32_t)(PAGE / cell_len(p));
}
static uint8_t *page_at(const page *p)
{
    return heap.at + ((size_t)(p - heap.pages) << PAGE_BITS);
}

static uint8_t size_for(size_t len)
{
    uint8_t size = 0;
    while (((size_t)1 << (CELL_BITS + size)) < len) size++;
    return size;
}

static void roomy_push(page *p)
{
    page **head = &heap.roomy[p->size];
    p->prev = NULL;
    p->next = *head;
    if (*head) (*head)->prev = p;
    *head = p;
}

static void roomy_remove(page *p)
{
    if (p->next) p->next->prev = p->prev;
    if (p->prev)
        p->prev->next = p->next;
    else
        heap.roomy[p->size] = p->next;
}

static page *roomy_page(uint8_t size)
{
    if (heap.roomy[size] || !heap.pool) return heap.roomy[size];
    page *p = heap.pool;
    heap.pool = p->next;
    *p = (page){.size = size};
    roomy_push(p);
    return p;
}

/* The link of a free cell is 1 + the index of the next, at the cell's start. */
static uint8_t *cell_take(page *p)
{
    uint32_t index = p->free_cell ? p->free_cell - 1 : p->fresh++;
    uint8_t *at = page_at(p) + index * cell_len(p);
    if (p->free_cell) {
        memory_permit(at, sizeof p->free_cell);
        memcpy(&p->free_cell, at, sizeof p->free_cell);
        memset(at, 0, sizeof p->free_cell);
    }
    if (++p->used == cell_count(p)) roomy_remove(p);
    return at;
}

static void cell_give(page *p, uint8_t *at)
{
    bool was_full = p->used-- == cell_count(p);
    if (p->used == 0) {
        if (!was_full) roomy_remove(p);
        memory_permit(page_at(p), PAGE);
        wipe(page_at(p), p->fresh * cell_len(p)); /* the links, too */
        memory_forbid(page_at(p), PAGE);
        p->next = heap.pool;
        heap.pool = p;
        return;
    }
    memcpy(at, &p->free_cell, sizeof p->free_cell);
    p->free_cell = (uint32_t)((size_t)(at - page_at(p)) / cell_len(p)) + 1;
    memory_forbid(at, cell_len(p));
    if (was_full) roomy_push(p);
}

/* ---- start ---- */

static const char MEND[] = "raise RLIMIT_MEMLOCK (systemd: LimitMEMLOCK=infinity; shell: ulimit -l unlimited) "
                           "or give CAP_IPC_LOCK";

static vault_code lock_process(vault_error *err)
{
    if (sanitizer_runs()) return VAULT_OK;
    /* ONFAULT: pages are locked as they are touched, so that idle stacks cost nothing. */
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        return vault_fail(err, VAULT_UNAVAILABLE, "cannot lock the memory of the process: %s", MEND);
    }
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return vault_fail(err, VAULT_UNAVAILABLE, "cannot make the process undumpable");
    }
    return VAULT_OK;
}

/* The heap in the pool of libgcrypt, and room beside it for its handles. */
static vault_code reserve(size_t count, vault_error *err)
{
    size_t len = count * PAGE, pool = len + len / HANDLE_SHARE;
    if (!gcry_check_version("1.10.0")) return vault_fail(err, VAULT_INTERNAL, "libgcrypt is older than 1.10");
    if (gcry_control(GCRYCTL_INIT_SECMEM, (unsigned)pool, 0) != 0) {
        return vault_fail(err, VAULT_UNAVAILABLE, "cannot lock %zu bytes for secrets: %s", pool, MEND);
    }
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    heap.at = gcry_calloc_secure(1, len);
    heap.pages = calloc(count, sizeof *heap.pages);
    if (!heap.at || !heap.pages) return vault_fail(err, VAULT_INTERNAL, "no memory for a heap of %zu bytes", len);
    return VAULT_OK;
}

/* The process is undumpable already; this holds were that undone. The pool begins within a page before the heap. */
static void keep_out_of_cores(const uint8_t *at, size_t len)
{
    uintptr_t unit = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)at / unit * unit, to = ((uintptr_t)at + len) / unit * unit;
    madvise((void *)from, to - from, MADV_DONTDUMP);
}

vault_code secret_heap_init(size_t size, vault_error *err)
{
    if (heap.at) return vault_fail(err, VAULT_INTERNAL, "the secret heap stands already");
    if (size > UINT32_MAX / 2) return vault_fail(err, VAULT_INVALID, "a secret heap of %zu bytes is too large", size);
    size_t count = (size < HEAP_LEAST ? HEAP_LEAST : size) / PAGE;
    VAULT_TRY(reserve(count, err));
    VAULT_TRY(lock_process(err));
    keep_out_of_cores(heap.at, count * (PAGE + PAGE / HANDLE_SHARE));
    for (size_t i = count; i-- > 0; heap.pool = &heap.pages[i]) heap.pages[i].next = heap.pool;
    heap.count = count;
    memory_forbid(heap.at, count * PAGE);
    return VAULT_OK;
}

/* ---- secrets ---- */

vault_code secret_new(secret *out, size_t len, vault_error *err)
{
    *out = (secret){0};
    if (heap.count == 0) return vault_fail(err, VAULT_INTERNAL, "the secret heap is not there yet");
    if (len == 0 || len > PAGE) return vault_fail(err, VAULT_INTERNAL, "a secret of %zu bytes", len);
    pthread_mutex_lock(&heap.lock);
    page *p = roomy_page(size_for(len));
    uint8_t *at = p ? cell_take(p) : NULL;
    pthread_mutex_unlock(&heap.lock);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "the secret heap of %zu bytes is full", heap.count * PAGE);
    memory_permit(at, len);
    *out = (secret){.at = at, .len = len};
    return VAULT_OK;
}

vault_code secret_copy(secret *out, bytes from, vault_error *err)
{
    VAULT_TRY(secret_new(out, from.len, err));
    memcpy(out->at, from.at, from.len);
    return VAULT_OK;
}

void secret_clear(secret *s)
{
    if (!s->at) return;
    assert(s->at >= heap.at && s->at < heap.at + heap.count * PAGE);
    page *p = &heap.pages[(size_t)(s->at - heap.at) >> PAGE_BITS];
    pthread_mutex_lock(&heap.lock);
    assert(p->used > 0 && (size_t)(s->at - page_at(p)) % cell_len(p) == 0);
    memory_permit(s->at, cell_len(p));
    wipe(s->at, cell_len(p)); /* the whole cell: the owner may have shortened its secret */
    cell_give(p, s->at);
    pthread_mutex_unlock(&heap.lock);
    *s = (secret){0};
}

secret secret_move(secret *s)
{
    secret moved = *s;
    *s = (secret){0};
    return moved;
}

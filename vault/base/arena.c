#include "vault/base/arena.h"
#include "vault/base/internal.h"
#include "vault/base/secret.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CHUNK = 64 << 10, ALIGN = alignof(max_align_t) };

/* Bytes past `used` are zero at all times, so that handing memory out needs no clearing. */
typedef struct chunk {
    struct chunk *next; /* older */
    size_t used, cap;
    alignas(max_align_t) uint8_t at[];
} chunk;

struct arena {
    chunk *newest; /* the first chunk is the last of the list */
    chunk *spare;  /* wiped, the smallest first */
    size_t held, limit, kept, keep;
};

static chunk *chunk_new(chunk *next, size_t cap)
{
    chunk *c = calloc(1, sizeof *c + cap);
    if (!c) return NULL;
    c->next = next;
    c->cap = cap;
    memory_forbid(c->at, cap);
    return c;
}

static void chunk_wipe(chunk *c)
{
    memory_permit(c->at, c->cap);
    wipe(c->at, c->used);
    c->used = 0;
}

static void chunk_free(chunk *c)
{
    chunk_wipe(c);
    free(c);
}

arena *arena_new(size_t limit)
{
    arena *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    a->limit = limit;
    a->newest = chunk_new(NULL, limit < FIRST_CHUNK ? limit : FIRST_CHUNK);
    if (a->newest) return a;
    free(a);
    return NULL;
}

void arena_keep(arena *a, size_t most)
{
    a->keep = most;
}

/* A chunk is done with: it becomes a spare if there is room for it among them. */
static void chunk_retire(arena *a, chunk *c)
{
    if (c->cap > a->keep - a->kept) {
        chunk_free(c);
        return;
    }
    chunk_wipe(c);
    memory_forbid(c->at, c->cap);
    a->kept += c->cap;
    c->next = a->spare;
    a->spare = c;
}

void arena_reset(arena *a)
{
    while (a->newest->next) {
        chunk *older = a->newest->next;
        chunk_retire(a, a->newest);
        a->newest = older;
    }
    chunk_wipe(a->newest);
    memory_forbid(a->newest->at, a->newest->cap);
    a->held = 0;
}

size_t arena_held(const arena *a)
{
    return a->held;
}

void arena_free(arena **a)
{
    if (!*a) return;
    arena_reset(*a);
    chunk_free((*a)->newest);
    for (chunk *c = (*a)->spare, *next; c; c = next) {
        next = c->next;
        chunk_free(c);
    }
    free(*a);
    *a = NULL;
}

/* Chunks double, so that a large request takes few of them. */
static bool arena_extend(arena *a, size_t len)
{
    chunk *spare = a->spare;
    if (spare && spare->cap >= len) {
        a->spare = spare->next;
        a->kept -= spare->cap;
        spare->next = a->newest;
        a->newest = spare;
        return true;
    }
    size_t cap = a->newest->cap < (1 << 20) ? 2 * a->newest->cap : a->newest->cap;
    chunk *c = chunk_new(a->newest, cap < len ? len : cap);
    if (c) a->newest = c;
    return c;
}

void *arena_alloc(arena *a, size_t len)
{
    if (len > a->limit) return NULL;
    size_t room = len ? (len + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if (room > a->limit - a->held) return NULL;
    if (room > a->newest->cap - a->newest->used && !arena_extend(a, room)) return NULL;
    uint8_t *at = a->newest->at + a->newest->used;
    a->newest->used += room;
    a->held += room;
    memory_permit(at, len);
    return at;
}

void *arena_array(arena *a, size_t count, size_t size)
{
    size_t len;
    return __builtin_mul_overflow(count, size, &len) ? NULL : arena_alloc(a, len);
}

bytes arena_copy(arena *a, bytes b)
{
    void *at = b.len ? arena_alloc(a, b.len) : NULL;
    if (!at) return bytes_of(NULL, 0);
    memcpy(at, b.at, b.len);
    return bytes_of(at, b.len);
}

char *arena_text(arena *a, bytes b)
{
    char *text = b.len < SIZE_MAX ? arena_alloc(a, b.len + 1) : NULL;
    if (text && b.len > 0) memcpy(text, b.at, b.len);
    return text;
}

char *arena_format(arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    char *text = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
    if (text) vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

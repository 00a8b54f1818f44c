/* Memory that lives as long as a request. Chunks come from malloc (the whole process is locked by mlockall), are wiped
 * when the arena is reset, and the first chunk is kept for the next request. One thread at a time. */
#pragma once
#include "vault/base/bytes.h"

typedef struct arena arena;

arena *arena_new(size_t limit); /* bytes that it may hold at once; NULL when memory is out */
void arena_free(arena **a);     /* wipes; takes NULL inside */
void arena_reset(arena *a);     /* wipes what was used; keeps the first chunk, and more as arena_keep says */
/* From now on reset keeps, wiped, up to so many bytes of chunks beyond the first: for an arena that serves one large
 * request after another. */
void arena_keep(arena *a, size_t most);
size_t arena_held(const arena *a); /* bytes that were given out since the last reset */

/* Zeroed, aligned for any type. NULL past the limit (the caller answers EXHAUSTED). */
void *arena_alloc(arena *a, size_t len) __attribute__((malloc));
void *arena_array(arena *a, size_t count, size_t size); /* count * size with overflow check */
bytes arena_copy(arena *a, bytes b);                    /* len 0 gives empty bytes */
char *arena_text(arena *a, bytes b);                    /* a NUL-terminated copy */
__attribute__((format(printf, 2, 3))) char *arena_format(arena *a, const char *format, ...);

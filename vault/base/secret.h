/* Owned secrets in the one locked heap: a mapping of our own, cut into cells, from which libgcrypt's secure memory
 * (cipher handles, MACs) is served as well, because gcry_malloc_secure walks its heap. Thread-safe. */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"

typedef struct secret {
    uint8_t *at;
    size_t len;
} secret; /* owned, locked, wiped */

/* Once, before any other thread: initialises libgcrypt with `heap` bytes of locked memory, locks all memory of the
 * process (mlockall; not under sanitizers), and makes the process undumpable: no core file, no ptrace by others.
 * UNAVAILABLE with a mend in `detail` when memory cannot be locked (RLIMIT_MEMLOCK). */
VAULT_MUST_USE vault_code secret_heap_init(size_t heap, vault_error *err);

/* Locked, zeroed. EXHAUSTED when the heap is full; INTERNAL before secret_heap_init. len is 1 to 65,536. */
VAULT_MUST_USE vault_code secret_new(secret *out, size_t len, vault_error *err);
VAULT_MUST_USE vault_code secret_copy(secret *out, bytes from, vault_error *err);
void secret_clear(secret *s);  /* wipes, frees, empties; takes an empty secret */
secret secret_move(secret *s); /* the owner changes; *s is empty afterwards */
static inline bytes secret_bytes(const secret *s)
{
    return (bytes){.at = s->at, .len = s->len};
}

/* Cannot be optimised away. */
void wipe(void *at, size_t len);

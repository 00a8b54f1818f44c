/* Requests to a witness, from strangers: what is read is written again byte for byte. And sizes of their answers. */
#include "vault/audit/witness_request.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    witness_request r;
    bytes input = bytes_of(data, size);
    int64_t seen;
    if (size > 2 * WITNESS_REQUEST_MAX) return 0;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    if (witness_request_read(&r, input)) {
        check(r.old_size >= 0 && r.proof_len <= WITNESS_PROOF_MAX && size <= WITNESS_REQUEST_MAX);
        check(r.note.at + r.note.len == data + size);
        if (memchr(r.note.at, 0, r.note.len) == NULL) /* else not for text functions */
            check(bytes_same(bytes_of_text(witness_request_write(mem, &r)), input));
    }
    if (witness_size_read(&seen, input)) check(seen >= 0 && size <= 20);
    return 0;
}

/* Every format takes any bytes; what it accepts is canonical: accepted again, unchanged, and it survives padding. */
#include "tokenizer/format.h"

#include <stdlib.h>

static void padded(bytes value)
{
    uint8_t room[4096];
    vault_error err = {0};
    bytes back;
    size_t len = padded_length(value.len);
    if (len == 0) abort();
    pad(room, len, value);
    if (unpad(&back, bytes_of(room, len), &err) != VAULT_OK || !bytes_same(back, value)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena *mem;
    if (!mem) mem = arena_new(1 << 20);
    for (const char *const *name = format_names(); *name; name++) {
        const format *f = format_find(*name);
        vault_error err = {0};
        bytes once, twice;
        if (!f) abort();
        if (format_normalise(f, mem, bytes_of(data, size), &once, &err) == VAULT_OK) {
            if (format_normalise(f, mem, once, &twice, &err) != VAULT_OK || !bytes_same(once, twice)) abort();
            padded(once);
        } else if (err.code != VAULT_INVALID || !err.reason) {
            abort();
        }
        arena_reset(mem);
    }
    vault_error err = {0};
    bytes inside;
    if (unpad(&inside, bytes_of(data, size), &err) == VAULT_OK && padded_length(inside.len) != size) abort();
    return 0;
}

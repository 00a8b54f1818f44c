/* Root key files: only a well-formed line of a key that is not zero opens, and a refusal leaves no key. */
#include "keys/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    static const uint8_t zero[KEY_LEN];
    vault_error err = {0};
    VAULT_CLEANUP(secret_clear) secret key = {0};
    if (!ready && secret_heap_init(1 << 20, &err) != VAULT_OK) abort();
    ready = true;
    if (root_key_parse(&key, bytes_of(data, size), "fuzz", &err) != VAULT_OK) {
        if (key.at || err.code != VAULT_INVALID) abort();
        return 0;
    }
    if (key.len != KEY_LEN || memcmp(key.at, zero, KEY_LEN) == 0) abort();
    if (size < 74 || size > 75 || memcmp(data, "resident-vault-root-key-1 ", 26) != 0) abort();
    return 0;
}

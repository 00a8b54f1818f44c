#include "keys/internal.h"
#include "vault/base/memory.h"

#include <stdlib.h>
#include <string.h>

struct block_cipher {
    gcry_cipher_hd_t handle; /* ECB, one block at a time */
};

vault_code block_new(block_cipher **out, suite_id id, bytes key, vault_error *err)
{
    const suite_row *s;
    gcry_cipher_hd_t handle;
    *out = NULL;
    VAULT_TRY(suite_find(&s, id, err));
    if (key.len != KEY_LEN) return vault_fail(err, VAULT_INTERNAL, "a key of %zu bytes", key.len);
    VAULT_TRY(cipher_open(&handle, s, GCRY_CIPHER_MODE_ECB, key, err));
    *out = memory_new(sizeof **out);
    (*out)->handle = handle;
    return VAULT_OK;
}

void block_free(block_cipher **b)
{
    if (!*b) return;
    gcry_cipher_close((*b)->handle); /* wipes */
    memory_free(*b, sizeof **b);
    *b = NULL;
}

/* One whole block under a set key cannot fail; were it to, going on would give out the input as if it were encrypted.
 */
static void stop_unless_done(gcry_error_t error)
{
    if (error) abort();
}

void block_encrypt(block_cipher *b, uint8_t out[BLOCK_LEN], const uint8_t in[BLOCK_LEN])
{
    memmove(out, in, BLOCK_LEN);
    stop_unless_done(gcry_cipher_encrypt(b->handle, out, BLOCK_LEN, NULL, 0));
}

void block_decrypt(block_cipher *b, uint8_t out[BLOCK_LEN], const uint8_t in[BLOCK_LEN])
{
    memmove(out, in, BLOCK_LEN);
    stop_unless_done(gcry_cipher_decrypt(b->handle, out, BLOCK_LEN, NULL, 0));
}

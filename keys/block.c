#include "keys/internal.h"
#include "vault/base/memory.h"

#include <stdlib.h>
#include <string.h>

struct block_cipher {
    gcry_cipher_hd_t handle; /* ECB, one block at a time */
};

/* A ring's key as the suite takes it, or a key of a length that the cipher has by itself: AES has three, SM4 one. */
static vault_code algorithm_of(suite_row *out, bytes *key, suite_id id, vault_error *err)
{
    const suite_row *s;
    VAULT_TRY(suite_find(&s, id, err));
    *out = *s;
    if (key->len == KEY_LEN || key->len == s->cipher_key) {
        key->len = s->cipher_key;
        return VAULT_OK;
    }
    if (id == SUITE_INTL && (key->len == 16 || key->len == 24)) {
        out->cipher = key->len == 16 ? GCRY_CIPHER_AES128 : GCRY_CIPHER_AES192;
        return VAULT_OK;
    }
    return vault_fail(err, VAULT_INTERNAL, "a key of %zu bytes", key->len);
}

vault_code block_new(block_cipher **out, suite_id id, bytes key, vault_error *err)
{
    suite_row s;
    gcry_cipher_hd_t handle;
    *out = NULL;
    VAULT_TRY(algorithm_of(&s, &key, id, err));
    VAULT_TRY(cipher_open(&handle, &s, GCRY_CIPHER_MODE_ECB, key, err));
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
    stop_unless_done(gcry_cipher_encrypt(b->handle, out, BLOCK_LEN, in, BLOCK_LEN));
}

void block_decrypt(block_cipher *b, uint8_t out[BLOCK_LEN], const uint8_t in[BLOCK_LEN])
{
    stop_unless_done(gcry_cipher_decrypt(b->handle, out, BLOCK_LEN, in, BLOCK_LEN));
}

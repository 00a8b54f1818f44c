#include "keys/internal.h"
#include "vault/base/memory.h"

#include <stdlib.h>
#include <string.h>

struct block_cipher {
    gcry_cipher_hd_t handle; /* ECB, one block at a time */
};

enum { SM4_KEY_LEN = 16 };

/* AES of SUITE_INTL by the length of its key; SM4 of SUITE_GM, which has one length: of a ring's key the first half. */
static vault_code algorithm_of(suite_row *out, bytes *key, suite_id id, vault_error *err)
{
    if (id == SUITE_GM && (key->len == SM4_KEY_LEN || key->len == KEY_LEN)) {
        *out = (suite_row){.id = SUITE_GM, .name = "gm", .cipher = GCRY_CIPHER_SM4};
        key->len = SM4_KEY_LEN;
        return VAULT_OK;
    }
    if (id != SUITE_INTL && id != SUITE_GM) return vault_fail(err, VAULT_INVALID, "there is no suite %d", (int)id);
    *out = (suite_row){.id = SUITE_INTL, .name = "intl", .cipher = GCRY_CIPHER_AES256};
    if (id == SUITE_INTL && key->len == KEY_LEN) return VAULT_OK;
    out->cipher = key->len == 24 ? GCRY_CIPHER_AES192 : GCRY_CIPHER_AES128;
    if (id == SUITE_INTL && (key->len == 24 || key->len == 16)) return VAULT_OK;
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

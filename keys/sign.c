/* Ed25519 by OpenSSL, whose copy of the private key lies in its own locked heap (vault/base/secret.c sets it up). */
#include "keys/internal.h"
#include "vault/base/memory.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

struct signer {
    EVP_PKEY *key;
    uint8_t public_key[PUBLIC_KEY_LEN];
};

static void context_free(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}
static void key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

vault_code signer_new(signer **out, bytes seed, vault_error *err)
{
    *out = NULL;
    if (seed.len != KEY_LEN) return vault_fail(err, VAULT_INTERNAL, "a signature seed of %zu bytes", seed.len);
    if (!CRYPTO_secure_malloc_initialized()) return vault_fail(err, VAULT_INTERNAL, "OpenSSL has no locked heap");
    VAULT_CLEANUP(signer_free) signer *s = memory_new(sizeof *s);
    s->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.at, seed.len);
    size_t len = sizeof s->public_key;
    if (!s->key || EVP_PKEY_get_raw_public_key(s->key, s->public_key, &len) != 1) {
        return vault_fail(err, VAULT_INTERNAL, "OpenSSL: no Ed25519 key");
    }
    *out = s;
    s = NULL;
    return VAULT_OK;
}

void signer_free(signer **s)
{
    if (!*s) return;
    EVP_PKEY_free((*s)->key); /* wipes */
    memory_free(*s, sizeof **s);
    *s = NULL;
}

const uint8_t *signer_public_key(const signer *s)
{
    return s->public_key;
}

vault_code signer_sign(const signer *s, uint8_t out[SIGNATURE_LEN], bytes message, vault_error *err)
{
    VAULT_CLEANUP(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = SIGNATURE_LEN;
    if (context && EVP_DigestSignInit(context, NULL, NULL, NULL, s->key) == 1 &&
        EVP_DigestSign(context, out, &len, message.at, message.len) == 1) {
        return VAULT_OK;
    }
    wipe(out, SIGNATURE_LEN);
    return vault_fail(err, VAULT_INTERNAL, "OpenSSL: no Ed25519 signature");
}

bool signature_valid(const uint8_t public_key[PUBLIC_KEY_LEN], bytes message, bytes signature)
{
    if (signature.len != SIGNATURE_LEN) return false;
    VAULT_CLEANUP(key_free)
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, PUBLIC_KEY_LEN);
    VAULT_CLEANUP(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(context, signature.at, signature.len, message.at, message.len) == 1;
}

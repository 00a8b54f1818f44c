/* Ed25519 by OpenSSL. OpenSSL 3.0 keeps an imported seed in ordinary memory even where it has a locked heap, so that
 * none is left with it: each signature imports the seed from our heap and frees it, which wipes (33 us to import, 33 us
 * to sign). */
#include "keys/internal.h"
#include "vault/base/memory.h"

#include <openssl/evp.h>
#include <string.h>

struct signer {
    secret seed;
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

static EVP_PKEY *import(bytes seed)
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.at, seed.len);
}

static vault_code public_of(uint8_t out[PUBLIC_KEY_LEN], bytes seed, vault_error *err)
{
    VAULT_CLEANUP(key_free) EVP_PKEY *key = import(seed);
    size_t len = PUBLIC_KEY_LEN;
    if (key && EVP_PKEY_get_raw_public_key(key, out, &len) == 1) return VAULT_OK;
    return vault_fail(err, VAULT_INTERNAL, "OpenSSL: no Ed25519 key");
}

vault_code signer_new(signer **out, bytes seed, vault_error *err)
{
    uint8_t public_key[PUBLIC_KEY_LEN];
    VAULT_CLEANUP(secret_clear) secret kept = {0};
    *out = NULL;
    if (seed.len != KEY_LEN) return vault_fail(err, VAULT_INTERNAL, "a signature seed of %zu bytes", seed.len);
    VAULT_TRY(public_of(public_key, seed, err));
    VAULT_TRY(secret_copy(&kept, seed, err));
    *out = memory_new(sizeof **out);
    (*out)->seed = secret_move(&kept);
    memcpy((*out)->public_key, public_key, sizeof public_key);
    return VAULT_OK;
}

void signer_free(signer **s)
{
    if (!*s) return;
    secret_clear(&(*s)->seed);
    memory_free(*s, sizeof **s);
    *s = NULL;
}

const uint8_t *signer_public_key(const signer *s)
{
    return s->public_key;
}

vault_code signer_sign(const signer *s, uint8_t out[SIGNATURE_LEN], bytes message, vault_error *err)
{
    VAULT_CLEANUP(key_free) EVP_PKEY *key = import(secret_bytes(&s->seed));
    VAULT_CLEANUP(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = SIGNATURE_LEN;
    if (key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
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

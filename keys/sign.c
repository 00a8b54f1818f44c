/* Ed25519 by OpenSSL. OpenSSL 3.0 keeps an imported seed in ordinary memory even where it has a locked heap, so that
 * none is left with it: each signature imports the seed from our heap and frees it, which wipes. The public key is
 * handed in beside the seed, because to derive it costs as much as to sign (66 us together, 35 us so). */
#include "keys/internal.h"
#include "vault/base/memory.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
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

static void import_free(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

/* NULL when OpenSSL fails. The parameters borrow our memory. */
static EVP_PKEY *import(const signer *s)
{
    OSSL_PARAM parts[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, s->seed.at, s->seed.len),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)s->public_key, PUBLIC_KEY_LEN),
        OSSL_PARAM_construct_end()};
    VAULT_CLEANUP(import_free) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
    EVP_PKEY *key = NULL;
    bool good = context && EVP_PKEY_fromdata_init(context) == 1 &&
                EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parts) == 1;
    return good ? key : NULL;
}

static vault_code public_of(uint8_t out[PUBLIC_KEY_LEN], bytes seed, vault_error *err)
{
    VAULT_CLEANUP(key_free) EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.at, seed.len);
    size_t len = PUBLIC_KEY_LEN;
    if (key && EVP_PKEY_get_raw_public_key(key, out, &len) == 1) return VAULT_OK;
    return vault_fail(err, VAULT_INTERNAL, "OpenSSL: no Ed25519 key");
}

vault_code signer_new(signer **out, signature_kind kind, bytes seed, vault_error *err)
{
    uint8_t public_key[PUBLIC_KEY_LEN];
    VAULT_CLEANUP(secret_clear) secret kept = {0};
    *out = NULL;
    if (kind != SIGNATURE_ED25519) return vault_fail(err, VAULT_INVALID, "no signatures of kind %d yet", (int)kind);
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

bytes signer_public_key(const signer *s)
{
    return bytes_of(s->public_key, PUBLIC_KEY_LEN);
}

vault_code signer_sign(const signer *s, uint8_t out[SIGNATURE_LEN], bytes message, vault_error *err)
{
    VAULT_CLEANUP(key_free) EVP_PKEY *key = import(s);
    VAULT_CLEANUP(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = SIGNATURE_LEN;
    if (key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestSign(context, out, &len, message.at, message.len) == 1) {
        return VAULT_OK;
    }
    wipe(out, SIGNATURE_LEN);
    return vault_fail(err, VAULT_INTERNAL, "OpenSSL: no Ed25519 signature");
}

bool signature_valid(signature_kind kind, bytes public_key, bytes message, bytes signature)
{
    if (kind != SIGNATURE_ED25519 || public_key.len != PUBLIC_KEY_LEN || signature.len != SIGNATURE_LEN) return false;
    VAULT_CLEANUP(key_free)
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key.at, public_key.len);
    VAULT_CLEANUP(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(context, signature.at, signature.len, message.at, message.len) == 1;
}

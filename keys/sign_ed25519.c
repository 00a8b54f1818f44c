/* Ed25519 by OpenSSL. OpenSSL 3.0 keeps an imported seed in ordinary memory even where it has a locked heap, so that
 * none is left with it: each signature imports the seed from our heap and frees it, which wipes. The public key is
 * handed in beside the seed, because to derive it costs as much as to sign (66 us together, 35 us so). */
#include "keys/sign_kinds.h"
#include "keys/sign_openssl.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

/* NULL when OpenSSL fails. The parameters borrow our memory. */
static EVP_PKEY *import(const secret *seed, const uint8_t *public_key)
{
    OSSL_PARAM parts[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, seed->at, seed->len),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)public_key, PUBLIC_KEY_LEN),
        OSSL_PARAM_construct_end()};
    VAULT_CLEANUP(openssl_import_free) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
    EVP_PKEY *key = NULL;
    bool good = context && EVP_PKEY_fromdata_init(context) == 1 &&
                EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parts) == 1;
    return good ? key : NULL;
}

static vault_code prepare(secret *private_key, uint8_t *public_key, bytes seed, vault_error *err)
{
    VAULT_CLEANUP(openssl_key_free)
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.at, seed.len);
    size_t len = PUBLIC_KEY_LEN;
    if (!key || EVP_PKEY_get_raw_public_key(key, public_key, &len) != 1)
        return vault_fail(err, VAULT_INTERNAL, "OpenSSL: no Ed25519 key");
    return secret_copy(private_key, seed, err);
}

static bool sign(uint8_t out[SIGNATURE_LEN], const secret *private_key, const uint8_t *public_key, bytes message)
{
    VAULT_CLEANUP(openssl_key_free) EVP_PKEY *key = import(private_key, public_key);
    VAULT_CLEANUP(openssl_digest_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = SIGNATURE_LEN;
    return key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestSign(context, out, &len, message.at, message.len) == 1;
}

static bool valid(const uint8_t *public_key, bytes message, const uint8_t signature[SIGNATURE_LEN])
{
    VAULT_CLEANUP(openssl_key_free)
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, PUBLIC_KEY_LEN);
    VAULT_CLEANUP(openssl_digest_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(context, signature, SIGNATURE_LEN, message.at, message.len) == 1;
}

const signature_row SIGNATURE_ROW_ED25519 = {.kind = SIGNATURE_ED25519,
                                             .name = "Ed25519",
                                             .public_len = PUBLIC_KEY_LEN,
                                             .prepare = prepare,
                                             .sign = sign,
                                             .valid = valid};

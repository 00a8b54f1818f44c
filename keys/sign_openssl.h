/* Destructors for VAULT_CLEANUP of OpenSSL's objects. */
#pragma once
#include <openssl/evp.h>

static inline void openssl_digest_free(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}
static inline void openssl_key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}
static inline void openssl_import_free(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

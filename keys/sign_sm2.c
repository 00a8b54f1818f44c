/* SM2 with SM3 (GB/T 32918.2) by OpenSSL, which has the curve, draws the number k of each signature, and computes the
 * digest over the signer's id and public key that goes before the message. As with Ed25519 the key is imported for each
 * signature. OpenSSL writes signatures in DER; ours are r || s, so that each has one form. */
#include "keys/sign_kinds.h"
#include "keys/sign_openssl.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

static const char ID[] = "1234567812345678"; /* GB/T 32918.2's when a system gives its users none */
enum { DER_MAX = 80, HALF = SIGNATURE_LEN / 2 };

static void number_free(BIGNUM **n)
{
    BN_clear_free(*n);
}
static void scratch_free(BN_CTX **c)
{
    BN_CTX_free(*c);
}
static void group_free(EC_GROUP **g)
{
    EC_GROUP_free(*g);
}
static void point_free(EC_POINT **p)
{
    EC_POINT_free(*p);
}
static void pair_free(ECDSA_SIG **pair)
{
    ECDSA_SIG_free(*pair);
}

/* ---- keys ---- */

/* d = seed mod n; the standard wants 1 <= d <= n - 2, which a random seed misses once in 2^255. */
static bool reduce(BIGNUM *d, bytes seed, const EC_GROUP *group, BN_CTX *scratch)
{
    VAULT_CLEANUP(number_free) BIGNUM *whole = BN_secure_new();
    VAULT_CLEANUP(number_free) BIGNUM *last = BN_dup(EC_GROUP_get0_order(group));
    if (!whole || !last) return false;
    BN_set_flags(whole, BN_FLG_CONSTTIME);
    BN_set_flags(d, BN_FLG_CONSTTIME);
    return BN_bin2bn(seed.at, (int)seed.len, whole) && BN_sub_word(last, 1) == 1 &&
           BN_mod(d, whole, EC_GROUP_get0_order(group), scratch) == 1 && !BN_is_zero(d) && BN_cmp(d, last) != 0;
}

static bool multiply(uint8_t *public_key, const BIGNUM *d, const EC_GROUP *group, BN_CTX *scratch)
{
    VAULT_CLEANUP(point_free) EC_POINT *p = EC_POINT_new(group);
    return p && EC_POINT_mul(group, p, d, NULL, NULL, scratch) == 1 &&
           EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, public_key, SM2_PUBLIC_KEY_LEN, scratch) ==
               SM2_PUBLIC_KEY_LEN;
}

/* The private key is kept in the machine's own byte order, as OSSL_PARAM takes a number. */
static vault_code prepare(secret *private_key, uint8_t *public_key, bytes seed, vault_error *err)
{
    VAULT_CLEANUP(group_free) EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_sm2);
    VAULT_CLEANUP(scratch_free) BN_CTX *scratch = BN_CTX_secure_new();
    VAULT_CLEANUP(number_free) BIGNUM *d = BN_secure_new();
    VAULT_CLEANUP(secret_clear) secret kept = {0};
    VAULT_TRY(secret_new(&kept, KEY_LEN, err));
    if (!group || !scratch || !d || !reduce(d, seed, group, scratch) || !multiply(public_key, d, group, scratch) ||
        BN_bn2nativepad(d, kept.at, KEY_LEN) != KEY_LEN) {
        return vault_fail(err, VAULT_INTERNAL, "OpenSSL: no SM2 key");
    }
    *private_key = secret_move(&kept);
    return VAULT_OK;
}

/* NULL when OpenSSL fails, or the public key is no point of the curve. A public key alone where d is NULL. */
static EVP_PKEY *import(const secret *d, const uint8_t *public_key)
{
    OSSL_PARAM parts[4] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)SN_sm2, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)public_key, SM2_PUBLIC_KEY_LEN),
        OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
    if (d) parts[2] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, d->at, d->len);
    VAULT_CLEANUP(openssl_import_free) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    EVP_PKEY *key = NULL;
    bool good = context && EVP_PKEY_fromdata_init(context) == 1 &&
                EVP_PKEY_fromdata(context, &key, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, parts) == 1;
    return good ? key : NULL;
}

/* ---- r || s and DER ---- */

static bool from_der(uint8_t out[SIGNATURE_LEN], const uint8_t *der, size_t len)
{
    VAULT_CLEANUP(pair_free) ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    return pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, HALF) == HALF &&
           BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + HALF, HALF) == HALF;
}

/* Returns the length, or 0. */
static size_t to_der(uint8_t der[DER_MAX], const uint8_t signature[SIGNATURE_LEN])
{
    VAULT_CLEANUP(pair_free) ECDSA_SIG *pair = ECDSA_SIG_new();
    VAULT_CLEANUP(number_free) BIGNUM *r = BN_bin2bn(signature, HALF, NULL);
    VAULT_CLEANUP(number_free) BIGNUM *s = BN_bin2bn(signature + HALF, HALF, NULL);
    if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1) return 0;
    r = s = NULL; /* the pair has them */
    int len = i2d_ECDSA_SIG(pair, NULL);
    return len > 0 && len <= DER_MAX ? (size_t)i2d_ECDSA_SIG(pair, &der) : 0;
}

/* ---- signatures ---- */

static bool sign(uint8_t out[SIGNATURE_LEN], const secret *private_key, const uint8_t *public_key, bytes message)
{
    uint8_t der[DER_MAX];
    size_t len = sizeof der;
    EVP_PKEY_CTX *borrowed = NULL;
    VAULT_CLEANUP(openssl_key_free) EVP_PKEY *key = import(private_key, public_key);
    VAULT_CLEANUP(openssl_digest_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return key && context && EVP_DigestSignInit(context, &borrowed, EVP_sm3(), NULL, key) == 1 &&
           EVP_PKEY_CTX_set1_id(borrowed, ID, sizeof ID - 1) == 1 &&
           EVP_DigestSign(context, der, &len, message.at, message.len) == 1 && from_der(out, der, len);
}

static bool valid(const uint8_t *public_key, bytes message, const uint8_t signature[SIGNATURE_LEN])
{
    uint8_t der[DER_MAX];
    size_t len = to_der(der, signature);
    EVP_PKEY_CTX *borrowed = NULL;
    VAULT_CLEANUP(openssl_key_free) EVP_PKEY *key = import(NULL, public_key);
    VAULT_CLEANUP(openssl_digest_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = len > 0 && public_key[0] == POINT_CONVERSION_UNCOMPRESSED && key && context &&
                EVP_DigestVerifyInit(context, &borrowed, EVP_sm3(), NULL, key) == 1 &&
                EVP_PKEY_CTX_set1_id(borrowed, ID, sizeof ID - 1) == 1 &&
                EVP_DigestVerify(context, der, len, message.at, message.len) == 1;
    if (!good) ERR_clear_error(); /* why is nobody's question, and the thread's queue is everybody's */
    return good;
}

const signature_row SIGNATURE_ROW_SM2 = {.kind = SIGNATURE_SM2,
                                         .name = "SM2",
                                         .public_len = SM2_PUBLIC_KEY_LEN,
                                         .prepare = prepare,
                                         .sign = sign,
                                         .valid = valid};

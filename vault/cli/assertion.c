/* assertion make: a JWT (RFC 7519) signed ES256 (RFC 7518 3.4), for tests, demonstrations, and apps without a library
 * of their own. */
#include "vault/cli/internal.h"

#include "vault/base/clock.h"
#include "vault/base/memory.h"
#include "vault/base/secret.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NUMBER = 32,
    POINT = 1 + 2 * NUMBER,
    SIGNATURE = 2 * NUMBER,
    KEY_FILE_MAX = 16384,
    LIFETIME = 300,
    LIFETIME_MAX = 900
};

/* ---- base64url (RFC 7515) ---- */

static char *base64url(arena *mem, bytes b)
{
    char *text = arena_alloc(mem, 4 * ((b.len + 2) / 3) + 1);
    if (!text) abort();
    base64_encode(text, b);
    for (char *at = text; *at; at++) {
        if (*at == '+') *at = '-';
        if (*at == '/') *at = '_';
        if (*at == '=') *at = '\0';
    }
    return text;
}

static bool read_number(uint8_t out[NUMBER], const char *text)
{
    char padded[48];
    uint8_t raw[NUMBER + 1];
    size_t len = strlen(text), got;
    if (len != 43) return false; /* of 32 bytes */
    memcpy(padded, text, len);
    padded[len] = '=';
    for (size_t i = 0; i < len; i++) padded[i] = padded[i] == '-' ? '+' : padded[i] == '_' ? '/' : padded[i];
    bool good = base64_decode(raw, sizeof raw, &got, padded, len + 1) && got == NUMBER;
    if (good) memcpy(out, raw, NUMBER);
    wipe(raw, sizeof raw);
    wipe(padded, sizeof padded);
    return good;
}

/* ---- the key ---- */

static EVP_PKEY *key_of_numbers(const uint8_t point[POINT], const uint8_t number[NUMBER])
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *secret_number = BN_bin2bn(number, NUMBER, NULL);
    bool pushed = build && secret_number &&
                  OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
                  OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, POINT) &&
                  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret_number);
    OSSL_PARAM *params = pushed ? OSSL_PARAM_BLD_to_param(build) : NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (params && context && EVP_PKEY_fromdata_init(context) == 1)
        (void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    BN_clear_free(secret_number);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *key_of_jwk(ctl *c, bytes text, const char **key_id)
{
    VAULT_CLEANUP(json_clear) json_t *jwk = NULL;
    vault_error dropped = {0};
    uint8_t point[POINT] = {4}, number[NUMBER];
    const char *x, *y, *d, *kid = NULL;
    if (json_read(&jwk, text, "key", &dropped) != VAULT_OK ||
        json_unpack(jwk, "{s:s, s:s, s:s, s?s}", "x", &x, "y", &y, "d", &d, "kid", &kid) != 0)
        return NULL;
    if (kid) *key_id = arena_text(c->mem, bytes_of_text(kid));
    if (!read_number(point + 1, x) || !read_number(point + 1 + NUMBER, y) || !read_number(number, d)) return NULL;
    EVP_PKEY *key = key_of_numbers(point, number);
    wipe(number, sizeof number);
    return key;
}

static EVP_PKEY *key_of_pem(bytes text)
{
    BIO *in = BIO_new_mem_buf(text.at, (int)text.len);
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    char group[32] = "";
    if (key) (void)EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL);
    BIO_free(in);
    if (strcmp(group, "prime256v1") == 0) return key;
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *read_key(ctl *c, const char **key_id)
{
    vault_error err = {0};
    char *text;
    size_t len;
    if (file_read(&text, &len, c->options[OPT_KEY], KEY_FILE_MAX, &err) != VAULT_OK) {
        say_error(&err);
        return NULL;
    }
    bytes all = bytes_of(text, len);
    EVP_PKEY *key = len > 0 && text[0] == '{' ? key_of_jwk(c, all, key_id) : key_of_pem(all);
    if (!key) fprintf(stderr, "vaultctl: %s: no private key on P-256 in it (JWK or PEM)\n", c->options[OPT_KEY]);
    memory_free(text, len);
    return key;
}

/* ---- the token ---- */

static char *claims_text(ctl *c, int64_t lifetime)
{
    uint8_t random[16];
    char id[2 * sizeof random + 1];
    if (RAND_bytes(random, sizeof random) != 1) abort();
    hex_encode(id, bytes_of(random, sizeof random));
    json_int_t now = (json_int_t)(clock_now_us() / 1000000);
    VAULT_CLEANUP(json_clear)
    json_t *claims =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "iss", c->options[OPT_DEPARTMENT], "aud",
                  c->options[OPT_AUDIENCE], "sub", c->options[OPT_PERSON], "azp", c->options[OPT_APP], "purpose",
                  c->options[OPT_PURPOSE], "iat", now, "exp", now + (json_int_t)lifetime, "jti", id);
    return claims ? json_dumps(claims, JSON_COMPACT) : NULL;
}

/* jansson takes its memory from malloc. */
static void text_free(char *text)
{
    memory_free(text, text ? strlen(text) : 0);
}

static char *head_text(const char *key_id)
{
    VAULT_CLEANUP(json_clear) json_t *head = json_pack("{s:s, s:s, s:s}", "alg", "ES256", "typ", "JWT", "kid", key_id);
    return head ? json_dumps(head, JSON_COMPACT) : NULL;
}

/* OpenSSL signs in DER; JOSE wants the two numbers side by side. */
static bool raw_signature(uint8_t out[SIGNATURE], const uint8_t *der, size_t len)
{
    ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool good = both && BN_bn2binpad(ECDSA_SIG_get0_r(both), out, NUMBER) == NUMBER &&
                BN_bn2binpad(ECDSA_SIG_get0_s(both), out + NUMBER, NUMBER) == NUMBER;
    ECDSA_SIG_free(both);
    return good;
}

static bool sign(uint8_t out[SIGNATURE], EVP_PKEY *key, const char *text)
{
    uint8_t der[128];
    size_t len = sizeof der;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(context, der, &len, (const uint8_t *)text, strlen(text)) == 1 &&
                raw_signature(out, der, len);
    EVP_MD_CTX_free(context);
    return good;
}

static ctl_exit make(ctl *c, EVP_PKEY *key, const char *key_id, int64_t lifetime)
{
    uint8_t signature[SIGNATURE];
    char *head = head_text(key_id), *claims = claims_text(c, lifetime);
    char *signed_text = head && claims ? arena_format(c->mem, "%s.%s", base64url(c->mem, bytes_of_text(head)),
                                                      base64url(c->mem, bytes_of_text(claims)))
                                       : NULL;
    text_free(head);
    text_free(claims);
    if (!signed_text || !sign(signature, key, signed_text)) {
        fputs("vaultctl: the assertion could not be signed\n", stderr);
        return CTL_FAILED;
    }
    printf("%s.%s\n", signed_text, base64url(c->mem, bytes_of(signature, sizeof signature)));
    return CTL_OK;
}

ctl_exit run_assertion_make(ctl *c)
{
    static const struct {
        option_id id;
        const char *name;
    } needed[] = {{OPT_KEY, "key"},         {OPT_PERSON, "person"},    {OPT_APP, "app"}, {OPT_DEPARTMENT, "department"},
                  {OPT_PURPOSE, "purpose"}, {OPT_AUDIENCE, "audience"}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!c->options[needed[i].id]) return usage_error(c, "--%s is missing", needed[i].name);
    }
    int64_t lifetime = option_number(c, OPT_LIFETIME, LIFETIME, LIFETIME_MAX);
    if (lifetime < 0) return usage_error(c, "--lifetime is 1 to %d seconds", LIFETIME_MAX);
    const char *key_id = c->options[OPT_DEPARTMENT];
    EVP_PKEY *key = read_key(c, &key_id);
    if (!key) return CTL_USAGE;
    if (c->options[OPT_KEY_ID]) key_id = c->options[OPT_KEY_ID];
    ctl_exit end = make(c, key, key_id, lifetime);
    EVP_PKEY_free(key);
    return end;
}

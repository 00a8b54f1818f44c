/* AES-256-GCM and SM4-GCM (SP 800-38D, RFC 8998) with a random 96-bit nonce drawn for every seal: a key may seal 2^32
 * times before two nonces meet with a chance of 2^-32 (section 8.3). The data key of a resident and every ring stay far
 * below that. */
#include "keys/internal.h"
#include "vault/base/memory.h"

struct aead {
    gcry_cipher_hd_t handle;
    suite_id suite;
    size_t key_len;
    bool keyed; /* a handle without a key refuses: there is no default key */
};

vault_code aead_new(aead **out, suite_id id, vault_error *err)
{
    const suite_row *s;
    gcry_cipher_hd_t handle;
    *out = NULL;
    VAULT_TRY(suite_find(&s, id, err));
    VAULT_TRY(cipher_open(&handle, s, GCRY_CIPHER_MODE_GCM, bytes_of(NULL, 0), err));
    *out = memory_new(sizeof **out);
    **out = (aead){.handle = handle, .suite = id, .key_len = s->cipher_key};
    return VAULT_OK;
}

void aead_free(aead **a)
{
    if (!*a) return;
    gcry_cipher_close((*a)->handle); /* wipes */
    memory_free(*a, sizeof **a);
    *a = NULL;
}

suite_id aead_suite(const aead *a)
{
    return a->suite;
}

vault_code aead_set_key(aead *a, bytes key, vault_error *err)
{
    a->keyed = false;
    if (key.len != KEY_LEN) return vault_fail(err, VAULT_INTERNAL, "a key of %zu bytes", key.len);
    VAULT_TRY(gcrypt_result(gcry_cipher_setkey(a->handle, key.at, a->key_len), "set a key", err));
    a->keyed = true;
    return VAULT_OK;
}

static vault_code begin(aead *a, const uint8_t *nonce, bytes aad, vault_error *err)
{
    if (!a->keyed) return vault_fail(err, VAULT_INTERNAL, "the cipher has no key");
    if (aad.len == 0) return vault_fail(err, VAULT_INTERNAL, "the context (AAD) is missing");
    VAULT_TRY(gcrypt_result(gcry_cipher_setiv(a->handle, nonce, NONCE_LEN), "set a nonce", err));
    return gcrypt_result(gcry_cipher_authenticate(a->handle, aad.at, aad.len), "authenticate", err);
}

static vault_code seal(aead *a, uint8_t *out, bytes aad, bytes plain, vault_error *err)
{
    uint8_t *text = out + NONCE_LEN;
    VAULT_TRY(entropy_fill(out, NONCE_LEN, err));
    VAULT_TRY(begin(a, out, aad, err));
    if (plain.len > 0) {
        VAULT_TRY(gcrypt_result(gcry_cipher_encrypt(a->handle, text, plain.len, plain.at, plain.len), "encrypt", err));
    }
    return gcrypt_result(gcry_cipher_gettag(a->handle, text + plain.len, TAG_LEN), "make a tag", err);
}

vault_code aead_seal(aead *a, uint8_t *out, bytes aad, bytes plain, vault_error *err)
{
    vault_code code = seal(a, out, aad, plain, err);
    if (code != VAULT_OK) wipe(out, plain.len + SEAL_OVERHEAD);
    return code;
}

static vault_code open_sealed(aead *a, uint8_t *out, bytes aad, bytes sealed, vault_error *err)
{
    size_t len = sealed.len - SEAL_OVERHEAD;
    const uint8_t *text = sealed.at + NONCE_LEN;
    VAULT_TRY(begin(a, sealed.at, aad, err));
    if (len > 0) VAULT_TRY(gcrypt_result(gcry_cipher_decrypt(a->handle, out, len, text, len), "decrypt", err));
    gcry_error_t wrong = gcry_cipher_checktag(a->handle, text + len, TAG_LEN); /* in constant time */
    if (gcry_err_code(wrong) == GPG_ERR_CHECKSUM) {
        return vault_fail(err, VAULT_INTEGRITY, "a sealed value of %zu bytes does not open", sealed.len);
    }
    return gcrypt_result(wrong, "check a tag", err);
}

vault_code aead_open(aead *a, uint8_t *out, bytes aad, bytes sealed, vault_error *err)
{
    if (sealed.len < SEAL_OVERHEAD) {
        return vault_fail(err, VAULT_INTEGRITY, "a sealed value of %zu bytes is cut", sealed.len);
    }
    vault_code code = open_sealed(a, out, aad, sealed, err);
    if (code != VAULT_OK) wipe(out, sealed.len - SEAL_OVERHEAD);
    return code;
}

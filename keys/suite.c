#include "keys/internal.h"

#include <string.h>

static const suite_row suites[] = {
    {.id = SUITE_INTL, .name = "intl", .cipher = GCRY_CIPHER_AES256, .mac = GCRY_MD_SHA256},
};

vault_code suite_find(const suite_row **out, suite_id id, vault_error *err)
{
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        if (suites[i].id == id) {
            *out = &suites[i];
            return VAULT_OK;
        }
    }
    *out = NULL;
    return vault_fail(err, VAULT_INVALID, "there is no suite %d", (int)id);
}

const char *suite_name(suite_id id)
{
    return id == SUITE_INTL ? "intl" : id == SUITE_GM ? "gm" : "";
}

bool suite_named(suite_id *out, const char *name)
{
    for (*out = SUITE_INTL; *out <= SUITE_GM; ++*out)
        if (strcmp(suite_name(*out), name) == 0) return true;
    return *out = SUITE_NONE, false;
}

vault_code gcrypt_result(gcry_error_t error, const char *doing, vault_error *err)
{
    if (!error) return VAULT_OK;
    vault_code code = gcry_err_code(error) == GPG_ERR_ENOMEM ? VAULT_EXHAUSTED : VAULT_INTERNAL;
    return vault_fail(err, code, "libgcrypt: %s: %s", doing, gcry_strerror(error));
}

vault_code cipher_open(gcry_cipher_hd_t *out, const suite_row *s, int mode, bytes key, vault_error *err)
{
    gcry_cipher_hd_t handle;
    *out = NULL;
    VAULT_TRY(gcrypt_result(gcry_cipher_open(&handle, s->cipher, mode, GCRY_CIPHER_SECURE), "open a cipher", err));
    vault_code code = VAULT_OK;
    if (key.len > 0) code = gcrypt_result(gcry_cipher_setkey(handle, key.at, key.len), "set a key", err);
    if (code != VAULT_OK)
        gcry_cipher_close(handle);
    else
        *out = handle;
    return code;
}

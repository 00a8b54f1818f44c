#include "keys/internal.h"

#include <string.h>

static const suite_row suites[] = {
    {.id = SUITE_INTL, .name = "intl", .cipher = GCRY_CIPHER_AES256, .cipher_key = 32, .mac = GCRY_MD_SHA256},
    {.id = SUITE_GM, .name = "gm", .cipher = GCRY_CIPHER_SM4, .cipher_key = 16, .mac = GCRY_MD_SM3},
};

static const suite_row *row_of(suite_id id)
{
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        if (suites[i].id == id) return &suites[i];
    return NULL;
}

vault_code suite_find(const suite_row **out, suite_id id, vault_error *err)
{
    *out = row_of(id);
    return *out ? VAULT_OK : vault_fail(err, VAULT_INVALID, "there is no suite %d", (int)id);
}

const char *suite_name(suite_id id)
{
    const suite_row *s = row_of(id);
    return s ? s->name : "";
}

bool suite_named(suite_id *out, const char *name)
{
    *out = SUITE_NONE;
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        if (strcmp(suites[i].name, name) == 0) *out = suites[i].id;
    return *out != SUITE_NONE;
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

#include "keys/internal.h"
#include "vault/base/digest.h"
#include "vault/base/memory.h"

#include <assert.h>
#include <string.h>

struct prf {
    gcry_md_hd_t handle;
};

vault_code prf_new(prf **out, suite_id id, bytes key, vault_error *err)
{
    const suite_row *s;
    gcry_md_hd_t handle;
    *out = NULL;
    VAULT_TRY(suite_find(&s, id, err));
    if (key.len == 0) return vault_fail(err, VAULT_INTERNAL, "an empty key");
    VAULT_TRY(gcrypt_result(gcry_md_open(&handle, s->mac, GCRY_MD_FLAG_HMAC | GCRY_MD_FLAG_SECURE), "open a MAC", err));
    *out = memory_new(sizeof **out);
    (*out)->handle = handle;
    vault_code code = prf_set_key(*out, key, err);
    if (code != VAULT_OK) prf_free(out);
    return code;
}

void prf_free(prf **p)
{
    if (!*p) return;
    gcry_md_close((*p)->handle); /* wipes */
    memory_free(*p, sizeof **p);
    *p = NULL;
}

vault_code prf_set_key(prf *p, bytes key, vault_error *err)
{
    if (key.len == 0) return vault_fail(err, VAULT_INTERNAL, "an empty key");
    return gcrypt_result(gcry_md_setkey(p->handle, key.at, key.len), "set a key", err);
}

void prf_compute(prf *p, uint8_t *out, size_t len, const bytes *parts, size_t count)
{
    assert(len <= DIGEST_LEN);
    gcry_md_reset(p->handle); /* back to the keyed state */
    for (size_t i = 0; i < count; i++) gcry_md_write(p->handle, parts[i].at, parts[i].len);
    memcpy(out, gcry_md_read(p->handle, 0), len);
}

static void prf_expand(prf *p, secret *out, const char *label)
{
    static const uint8_t first_block = 1;
    const bytes parts[] = {bytes_of_text(label), bytes_of(&first_block, 1)};
    prf_compute(p, out->at, out->len, parts, 2);
}

vault_code key_derive(secret *out, suite_id suite, bytes key, const char *label, vault_error *err)
{
    *out = (secret){0};
    if (label[0] == '\0') return vault_fail(err, VAULT_INTERNAL, "a key derived for no use");
    VAULT_CLEANUP(prf_free) prf *p = NULL;
    VAULT_TRY(prf_new(&p, suite, key, err));
    VAULT_TRY(secret_new(out, KEY_LEN, err));
    prf_expand(p, out, label);
    return VAULT_OK;
}

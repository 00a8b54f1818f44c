#include "keys/sign_kinds.h"
#include "vault/base/memory.h"

#include <string.h>

struct signer {
    const signature_row *row;
    secret private_key;
    uint8_t public_key[PUBLIC_KEY_MAX];
};

static const signature_row *row_of(signature_kind kind)
{
    return kind == SIGNATURE_ED25519 ? &SIGNATURE_ROW_ED25519 : kind == SIGNATURE_SM2 ? &SIGNATURE_ROW_SM2 : NULL;
}

vault_code signer_new(signer **out, signature_kind kind, bytes seed, vault_error *err)
{
    uint8_t public_key[PUBLIC_KEY_MAX] = {0};
    VAULT_CLEANUP(secret_clear) secret kept = {0};
    const signature_row *row = row_of(kind);
    *out = NULL;
    if (!row) return vault_fail(err, VAULT_INVALID, "there are no signatures of kind %d", (int)kind);
    if (seed.len != KEY_LEN) return vault_fail(err, VAULT_INTERNAL, "a signature seed of %zu bytes", seed.len);
    VAULT_TRY(row->prepare(&kept, public_key, seed, err));
    *out = memory_new(sizeof **out);
    (*out)->row = row;
    (*out)->private_key = secret_move(&kept);
    memcpy((*out)->public_key, public_key, sizeof public_key);
    return VAULT_OK;
}

void signer_free(signer **s)
{
    if (!*s) return;
    secret_clear(&(*s)->private_key);
    memory_free(*s, sizeof **s);
    *s = NULL;
}

bytes signer_public_key(const signer *s)
{
    return bytes_of(s->public_key, s->row->public_len);
}

vault_code signer_sign(const signer *s, uint8_t out[SIGNATURE_LEN], bytes message, vault_error *err)
{
    if (s->row->sign(out, &s->private_key, s->public_key, message)) return VAULT_OK;
    wipe(out, SIGNATURE_LEN);
    return vault_fail(err, VAULT_INTERNAL, "OpenSSL: no %s signature", s->row->name);
}

bool signature_valid(signature_kind kind, bytes public_key, bytes message, bytes signature)
{
    const signature_row *row = row_of(kind);
    if (!row || public_key.len != row->public_len || signature.len != SIGNATURE_LEN) return false;
    return row->valid(public_key.at, message, signature.at);
}

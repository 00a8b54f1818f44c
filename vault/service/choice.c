/* How the root key is to be kept, as it is asked for and told. */
#include "vault/service/operator.h"

#include <string.h>

enum { PASSPHRASE_LEAST = 12, THRESHOLD_LEAST = 2 };

static vault_code read_shares(root_wish *out, const Vault__V1__ShareChoice *in, vault_error *err)
{
    if (in->threshold < THRESHOLD_LEAST || in->threshold > in->shares || in->shares > SHARES_MAX)
        return refuse_at(err, "BAD_SHARES", "root.shares", -1);
    out->source = ROOT_SHARES;
    out->threshold = in->threshold;
    out->shares = in->shares;
    return VAULT_OK;
}

static vault_code read_passphrase(root_wish *out, const char *text, vault_error *err)
{
    out->source = ROOT_PASSPHRASE;
    out->passphrase = bytes_of_text(text);
    bool good = out->passphrase.len >= PASSPHRASE_LEAST && out->passphrase.len <= PASSPHRASE_MOST;
    return good ? VAULT_OK : refuse_at(err, "BAD_PASSPHRASE", "root.passphrase", -1);
}

vault_code root_choice_read(root_wish *out, const Vault__V1__RootChoice *in, vault_error *err)
{
    *out = (root_wish){.source = ROOT_FILE};
    switch (in ? in->how_case : VAULT__V1__ROOT_CHOICE__HOW__NOT_SET) {
    case VAULT__V1__ROOT_CHOICE__HOW_SHARES:
        return read_shares(out, in->shares, err);
    case VAULT__V1__ROOT_CHOICE__HOW_PASSPHRASE:
        return read_passphrase(out, in->passphrase, err);
    case VAULT__V1__ROOT_CHOICE__HOW_FILE:
        return in->file ? VAULT_OK : refuse_at(err, "ROOT_CHOICE", "root", -1);
    default:
        return refuse_at(err, "ROOT_CHOICE", "root", -1);
    }
}

char **root_share_texts(arena *mem, const new_root *made, size_t *count)
{
    size_t n = made->shares.len / SHARE_TEXT_MAX;
    char **out = arena_array(mem, n + 1, sizeof *out);
    *count = 0;
    for (size_t i = 0; out && i < n; i++) {
        const char *text = (const char *)made->shares.at + i * SHARE_TEXT_MAX;
        if (!(out[i] = arena_text(mem, bytes_of_text(text)))) return NULL;
    }
    if (out) *count = n;
    return out;
}

void root_tell(Vault__V1__StatusResponse *out, const root_place *place)
{
    static const Vault__V1__RootSource sources[ROOT_SOURCES] = {
        [ROOT_FILE] = VAULT__V1__ROOT_SOURCE__ROOT_SOURCE_FILE,
        [ROOT_PASSPHRASE] = VAULT__V1__ROOT_SOURCE__ROOT_SOURCE_PASSPHRASE,
        [ROOT_SHARES] = VAULT__V1__ROOT_SOURCE__ROOT_SOURCE_SHARES};
    const root_seal *seal = &place->seal;
    out->initialised = true;
    if ((unsigned)seal->source < ROOT_SOURCES) out->source = sources[seal->source];
    out->threshold = seal->threshold;
    out->shares = seal->shares;
    out->root_generation = seal->generation;
}

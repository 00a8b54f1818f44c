/* Argon2id (RFC 9106) by libgcrypt. Its working memory is ordinary but locked, as all of the process. */
#include "keys/internal.h"

enum { PASSPHRASE_LEAST = 12, SALT_LEAST = 16, LANES_MOST = 64, PASSES_MOST = 1000, BLOCKS_PER_LANE = 8 };
enum { WORK_LEAST_US = 500 * 1000 };

const argon2_cost ARGON2_DEFAULT = {.passes = 3, .memory_kib = 256 << 10, .lanes = 4};

static bool cost_valid(argon2_cost c)
{
    return c.passes >= 1 && c.passes <= PASSES_MOST && c.lanes >= 1 && c.lanes <= LANES_MOST &&
           c.memory_kib >= BLOCKS_PER_LANE * c.lanes && c.memory_kib <= 16 << 20;
}

static vault_code compute(gcry_kdf_hd_t kdf, secret *out, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    VAULT_TRY(secret_new(&key, KEY_LEN, err));
    VAULT_TRY(gcrypt_result(gcry_kdf_compute(kdf, NULL), "Argon2id", err));
    VAULT_TRY(gcrypt_result(gcry_kdf_final(kdf, key.len, key.at), "Argon2id", err));
    *out = secret_move(&key);
    return VAULT_OK;
}

vault_code argon2id(secret *out, bytes passphrase, bytes salt, argon2_cost cost, const argon2_extra *extra,
                    vault_error *err)
{
    const unsigned long parameters[] = {KEY_LEN, cost.passes, cost.memory_kib, cost.lanes};
    gcry_kdf_hd_t kdf;
    *out = (secret){0};
    if (!cost_valid(cost)) {
        return vault_fail(err, VAULT_INVALID, "Argon2id with %u passes, %u KiB, %u lanes", cost.passes, cost.memory_kib,
                          cost.lanes);
    }
    VAULT_TRY(gcrypt_result(gcry_kdf_open(&kdf, GCRY_KDF_ARGON2, GCRY_KDF_ARGON2ID, parameters, 4, passphrase.at,
                                          passphrase.len, salt.at, salt.len, extra->pepper.at, extra->pepper.len,
                                          extra->data.at, extra->data.len),
                            "Argon2id", err));
    vault_code code = compute(kdf, out, err);
    gcry_kdf_close(kdf);
    return code;
}

vault_code root_key_from_passphrase(secret *out, bytes passphrase, bytes salt, argon2_cost cost, vault_error *err)
{
    *out = (secret){0};
    if (passphrase.len < PASSPHRASE_LEAST) {
        return vault_fail(err, VAULT_INVALID, "the passphrase is shorter than %d bytes", PASSPHRASE_LEAST);
    }
    if (salt.len < SALT_LEAST) return vault_fail(err, VAULT_INVALID, "the salt is shorter than %d bytes", SALT_LEAST);
    return argon2id(out, passphrase, salt, cost, &(argon2_extra){0}, err);
}

static vault_code measure(int64_t *took_us, argon2_cost cost, int64_t (*work_us)(void), vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    int64_t before = work_us();
    VAULT_TRY(
        root_key_from_passphrase(&key, bytes_of_text("any passphrase"), bytes_of_text("sixteen bytes ok"), cost, err));
    *took_us = work_us() - before;
    return VAULT_OK;
}

vault_code argon2_calibrate_from(argon2_cost *out, argon2_cost start, int64_t (*work_us)(void), vault_error *err)
{
    argon2_cost cost = start;
    for (;;) {
        int64_t took = 0;
        VAULT_TRY(measure(&took, cost, work_us, err));
        if (took >= WORK_LEAST_US) break;
        int64_t wanted = took > 0 ? cost.passes * (int64_t)WORK_LEAST_US / took + 1 : PASSES_MOST;
        if (cost.passes == PASSES_MOST) return vault_fail(err, VAULT_INTERNAL, "Argon2id takes no time here");
        cost.passes = wanted < PASSES_MOST ? (uint32_t)wanted : PASSES_MOST;
    }
    *out = cost;
    return VAULT_OK;
}

vault_code argon2_calibrate(argon2_cost *out, int64_t (*work_us)(void), vault_error *err)
{
    return argon2_calibrate_from(out, ARGON2_DEFAULT, work_us, err);
}

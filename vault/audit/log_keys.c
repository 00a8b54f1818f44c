/* The log's keys, all derived from the log ring, and the head's MAC. */
#include "vault/audit/internal.h"

#include <string.h>

static vault_code derive(log_keys *k, bytes ring_key, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret seed = {0};
    VAULT_CLEANUP(secret_clear) secret mac = {0};
    VAULT_TRY(key_derive(&k->view, k->suite, ring_key, "officer view", err));
    VAULT_TRY(key_derive(&k->tag, k->suite, ring_key, "tag", err));
    VAULT_TRY(key_derive(&k->reference, k->suite, ring_key, "resident reference", err));
    VAULT_TRY(key_derive(&mac, k->suite, ring_key, "head mac", err));
    VAULT_TRY(prf_new(&k->head_mac, k->suite, secret_bytes(&mac), err));
    VAULT_TRY(key_derive(&seed, k->suite, ring_key, "checkpoint signature", err));
    return signer_new(&k->signer, SIGNATURE_ED25519, secret_bytes(&seed), err);
}

vault_code log_keys_open(log_keys *k, const keyring *keys, const char *name, vault_error *err)
{
    const ring *log = keyring_active(keys, "log");
    if (!log) return vault_fail(err, VAULT_INTERNAL, "the log ring has no active version");
    if (log->version >> 24)
        return vault_fail(err, VAULT_INTERNAL, "version %u of the log ring is too large", log->version);
    k->suite = log->suite;
    writer stamp = writer_over(k->stamp, STAMP_LEN);
    put_u32(&stamp, (uint32_t)log->suite << 24 | log->version);
    VAULT_TRY(derive(k, secret_bytes(&log->key), err));
    return note_key_make(&k->note, name, signer_public_key(k->signer).at, err);
}

void log_keys_close(log_keys *k)
{
    secret_clear(&k->view);
    secret_clear(&k->tag);
    secret_clear(&k->reference);
    prf_free(&k->head_mac);
    signer_free(&k->signer);
    pthread_mutex_destroy(&k->mac_mutex);
}

/* ---- head ------------------------------------------------------------------------------------------------------ */

void head_mac(log_keys *k, const head_row *head, uint8_t out[HEAD_MAC_LEN])
{
    uint8_t numbers[24];
    store_u64(numbers, (uint64_t)head->size);
    store_u64(numbers + 8, (uint64_t)head->time);
    store_u64(numbers + 16, (uint64_t)head->control_version);
    const bytes parts[] = {bytes_of(numbers, sizeof numbers), digest_bytes(&head->control_digest),
                           digest_bytes(&head->erasure), bytes_of(head->frontier, head->frontier_len)};
    pthread_mutex_lock(&k->mac_mutex);
    prf_compute(k->head_mac, out, HEAD_MAC_LEN, parts, sizeof parts / sizeof *parts);
    pthread_mutex_unlock(&k->mac_mutex);
}

vault_code head_check(log_keys *k, const head_row *head, vault_error *err)
{
    uint8_t mac[HEAD_MAC_LEN];
    bool shaped = head->size >= 0 && head->size <= MERKLE_SIZE_MAX && head->frontier_len <= FRONTIER_MAX &&
                  head->frontier_len == (size_t)__builtin_popcountll((unsigned long long)head->size) * DIGEST_LEN;
    if (!shaped) return vault_fail(err, VAULT_INTEGRITY, "the head of the log does not fit its size");
    head_mac(k, head, mac);
    if (bytes_equal_secret(bytes_of(mac, HEAD_MAC_LEN), bytes_of(head->mac, HEAD_MAC_LEN))) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY,
                      "the MAC of the log's head is wrong: edited, or made under another root key");
}

merkle_tree head_tree(const head_row *head)
{
    digest frontier[MERKLE_LEVELS];
    memcpy(frontier, head->frontier, head->frontier_len);
    return (merkle_tree){.size = head->size, .root = merkle_root(frontier, head->size)};
}

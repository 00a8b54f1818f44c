/* The log's keys: of every version of the log ring that still has one, all derived from it by label, and the key of the
 * sum of rows. A set is frozen and shared by reference count: the ledger goes over to another one (ledger_follow), and
 * the last scribe that holds the old one wipes it. */
#include "vault/audit/internal.h"
#include "vault/base/memory.h"

#include <string.h>

/* ---- one version ---- */

static vault_code open_signer(log_keys *k, const char *name, signature_kind kind, bytes seed, vault_error *err)
{
    note_signer *to = &k->signers[k->signer_count];
    VAULT_TRY(signer_new(&to->by, kind, seed, err));
    k->signer_count++;
    return note_key_make(&to->key, name, kind, signer_public_key(to->by), err);
}

/* Under the gm suite SM2 signs beside Ed25519, so that verifiers of both kinds go on. */
static vault_code open_signers(log_keys *k, const char *name, bytes ring_key, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret seed = {0};
    VAULT_CLEANUP(secret_clear) secret national = {0};
    VAULT_TRY(key_derive(&seed, k->suite, ring_key, "checkpoint signature", err));
    VAULT_TRY(open_signer(k, name, SIGNATURE_ED25519, secret_bytes(&seed), err));
    if (k->suite != SUITE_GM) return VAULT_OK;
    VAULT_TRY(key_derive(&national, k->suite, ring_key, "checkpoint signature sm2", err));
    return open_signer(k, name, SIGNATURE_SM2, secret_bytes(&national), err);
}

static vault_code open_prf(prf **out, const log_keys *k, bytes ring_key, const char *label, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    VAULT_TRY(key_derive(&key, k->suite, ring_key, label, err));
    return prf_new(out, k->suite, secret_bytes(&key), err);
}

static vault_code open_version(log_keys *k, const ring *log, const char *name, vault_error *err)
{
    bytes ring_key = secret_bytes(&log->key);
    if (log->version >> 24)
        return vault_fail(err, VAULT_INTERNAL, "version %u of the log ring is too large", log->version);
    k->version = log->version;
    k->suite = log->suite;
    writer stamp = writer_over(k->stamp, STAMP_LEN);
    put_u32(&stamp, (uint32_t)log->suite << 24 | log->version);
    VAULT_TRY(key_derive(&k->view, k->suite, ring_key, "officer view", err));
    VAULT_TRY(key_derive(&k->tag, k->suite, ring_key, "tag", err));
    VAULT_TRY(key_derive(&k->reference, k->suite, ring_key, "resident reference", err));
    VAULT_TRY(open_prf(&k->head_mac, k, ring_key, "head mac", err));
    VAULT_TRY(open_prf(&k->sum_mask, k, ring_key, "row sum mask", err));
    return open_signers(k, name, ring_key, err);
}

static void close_version(log_keys *k)
{
    secret_clear(&k->view);
    secret_clear(&k->tag);
    secret_clear(&k->reference);
    prf_free(&k->head_mac);
    prf_free(&k->sum_mask);
    for (size_t i = 0; i < k->signer_count; i++) signer_free(&k->signers[i].by);
}

/* ---- all versions ---- */

static vault_code open_versions(log_keyset *k, const keyring *keys, const char *name, vault_error *err)
{
    const ring *versions[RING_VERSIONS_MAX], *active = keyring_active(keys, "log");
    const ring *rows = keyring_active(keys, "rows");
    if (!active) return vault_fail(err, VAULT_INTERNAL, "the log ring has no active version");
    if (!rows) return vault_fail(err, VAULT_INTERNAL, "the ring of rows has no active version");
    size_t count = keyring_versions(keys, "log", versions);
    for (size_t i = 0; i < count; i++) {
        if (versions[i] == active) k->active = &k->at[i];
        VAULT_TRY(open_version(&k->at[k->count++], versions[i], name, err));
    }
    k->rows_suite = rows->suite;
    return key_derive(&k->rows, rows->suite, secret_bytes(&rows->key), "sum of rows", err);
}

static bool has_destroyed(const keyring *keys)
{
    for (size_t i = 0; i < keyring_count(keys); i++) {
        const ring *r = keyring_at(keys, i);
        if (strcmp(r->name, "log") == 0 && r->state == RING_DESTROYED) return true;
    }
    return false;
}

/* The active version signs first, and its Ed25519 key is the one that is told. */
static void list_signers(log_keyset *k)
{
    for (size_t s = 0; s < k->active->signer_count; s++) k->signers[k->signer_count++] = k->active->signers[s];
    for (size_t i = 0; i < k->count; i++) {
        if (&k->at[i] == k->active) continue;
        for (size_t s = 0; s < k->at[i].signer_count; s++) k->signers[k->signer_count++] = k->at[i].signers[s];
    }
}

vault_code log_keyset_open(log_keyset **out, const keyring *keys, const char *name, vault_error *err)
{
    log_keyset *k = memory_new(sizeof *k);
    *out = k;
    atomic_store(&k->holders, 1);
    pthread_mutex_init(&k->lock, NULL);
    k->generation = keyring_generation(keys);
    k->has_lost = has_destroyed(keys);
    vault_code code = open_versions(k, keys, name, err);
    if (code != VAULT_OK)
        log_keyset_free(out);
    else
        list_signers(k);
    return code;
}

log_keyset *log_keyset_hold(log_keyset *k)
{
    atomic_fetch_add(&k->holders, 1);
    return k;
}

void log_keyset_free(log_keyset **at)
{
    log_keyset *k = *at;
    *at = NULL;
    if (!k || atomic_fetch_sub(&k->holders, 1) > 1) return;
    for (size_t i = 0; i < k->count; i++) close_version(&k->at[i]);
    secret_clear(&k->rows);
    pthread_mutex_destroy(&k->lock);
    memory_free(k, sizeof *k);
}

const log_keys *log_keyset_version(const log_keyset *k, int64_t version)
{
    for (size_t i = 0; i < k->count; i++)
        if (k->at[i].version == version) return &k->at[i];
    return NULL;
}

/* ---- head ---- */

enum { HEAD_PARTS = 4 };

/* All that the head says, but the sum and the MAC. */
static void head_parts(bytes parts[HEAD_PARTS], uint8_t numbers[36], const head_row *head)
{
    writer w = writer_over(numbers, 36);
    put_u64(&w, (uint64_t)head->size);
    put_u64(&w, (uint64_t)head->time);
    put_u64(&w, (uint64_t)head->control_version);
    put_u32(&w, (uint32_t)head->log_version);
    put_u64(&w, (uint64_t)head->erased);
    parts[0] = writer_bytes(&w);
    parts[1] = digest_bytes(&head->control_digest);
    parts[2] = digest_bytes(&head->erasure);
    parts[3] = bytes_of(head->frontier, head->frontier_len);
}

static void head_prf(log_keyset *k, prf *under, const head_row *head, bool with_sum, uint8_t out[DIGEST_LEN])
{
    uint8_t numbers[36];
    bytes parts[HEAD_PARTS + 1];
    head_parts(parts, numbers, head);
    parts[HEAD_PARTS] = bytes_of(head->row_sum, ROW_SUM_LEN);
    pthread_mutex_lock(&k->lock);
    prf_compute(under, out, DIGEST_LEN, parts, with_sum ? HEAD_PARTS + 1 : HEAD_PARTS);
    pthread_mutex_unlock(&k->lock);
}

/* The frontier ends in a hash over random salts: no two heads have the same mask, not even two of the same size of
 * which one was rolled back. */
static void mask(log_keyset *k, const log_keys *of, const head_row *head, uint8_t inout[ROW_SUM_LEN])
{
    uint8_t over[DIGEST_LEN];
    head_prf(k, of->sum_mask, head, false, over);
    for (size_t i = 0; i < ROW_SUM_LEN; i++) inout[i] ^= over[i];
    wipe(over, sizeof over);
}

void head_seal(log_keyset *k, head_row *head, const row_sum *sum)
{
    head->log_version = (int32_t)k->active->version;
    memcpy(head->row_sum, sum->at, ROW_SUM_LEN);
    mask(k, k->active, head, head->row_sum);
    head_prf(k, k->active->head_mac, head, true, head->mac);
}

void head_sum(row_sum *out, log_keyset *k, const head_row *head)
{
    memcpy(out->at, head->row_sum, ROW_SUM_LEN);
    mask(k, log_keyset_version(k, head->log_version), head, out->at);
}

/* A version that this process has not heard of is one that a change of control has brought, or an edit: whoever reloads
 * control finds out. */
static vault_code unknown_version(const log_keyset *k, const head_row *head, vault_error *err)
{
    if (head->log_version > (int64_t)k->at[0].version) return vault_refuse(err, VAULT_CONFLICT, "CONTROL_MOVED", "");
    return vault_fail(err, VAULT_INTEGRITY, "the log's head is under version %d of the log ring, whose key is gone",
                      head->log_version);
}

vault_code head_check(log_keyset *k, const head_row *head, vault_error *err)
{
    uint8_t mac[HEAD_MAC_LEN];
    bool shaped = head->size >= 0 && head->size <= MERKLE_SIZE_MAX && head->frontier_len <= FRONTIER_MAX &&
                  head->frontier_len == (size_t)__builtin_popcountll((unsigned long long)head->size) * DIGEST_LEN;
    if (!shaped) return vault_fail(err, VAULT_INTEGRITY, "the head of the log does not fit its size");
    const log_keys *of = log_keyset_version(k, head->log_version);
    if (!of) return unknown_version(k, head, err);
    head_prf(k, of->head_mac, head, true, mac);
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

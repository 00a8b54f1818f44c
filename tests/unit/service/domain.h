/* Domains from inside: their keys, tokens forged under them, and epochs that have ended. */
#pragma once
#include "tests/support/vault_fixture.h"
#include "vault/service/internal.h"

static inline const domain *domain_of(const char *uri, const char *why)
{
    const manifest *m = control_acquire(fixture_service()->control);
    const principal *who = manifest_principal(m, uri);
    const domain *d = manifest_domain(m, who->consumer, manifest_purpose(m, bytes_of_text(why))->no);
    control_release(fixture_service()->control, m); /* it stays in force */
    assert_non_null(d);
    return d;
}

static inline block_cipher *key_of(const domain *d)
{
    vault_error err = {0};
    block_cipher *out;
    const ring *r = keyring_active(control_keys(fixture_service()->control), d->ring);
    expect_ok(block_new(&out, SUITE_INTL, secret_bytes(&r->key), &err), &err);
    return out;
}

static inline int64_t id_behind(const char *text, block_cipher *key)
{
    token t;
    vault_error err = {0};
    expect_ok(token_read(&t, bytes_of_text(text), &err), &err);
    return pseudonym_open(key, t.pseudonym).id;
}

/* id and "zeros" as given, under the domain's key. */
static inline const char *forge(const domain *d, block_cipher *key, int64_t id, uint64_t zeros)
{
    char text[TOKEN_TEXT_LEN + 1];
    uint8_t block[BLOCK_LEN];
    token t = {.domain = d->number, .epoch = 1};
    store_u64(block, (uint64_t)id);
    store_u64(block + 8, zeros);
    block_encrypt(key, t.pseudonym, block);
    token_write(text, &t);
    return arena_text(fixture_memory(), bytes_of_text(text));
}

/* The domain's ring in the keyring of the process, as if it had been rotated: what stands in the database is left
 * alone. A session that has met the domain keeps its keys: ask by a new one. */
static inline ring *ring_of(const domain *d, uint32_t version)
{
    const keyring *keys = control_keys(fixture_service()->control);
    for (size_t i = 0; i < keyring_count(keys); i++) {
        const ring *r = keyring_at(keys, i);
        if (strcmp(r->name, d->ring) == 0 && r->version == version) return (ring *)(uintptr_t)r;
    }
    return NULL;
}

/* The first epoch ends, as RETIRING or (without its key) DESTROYED, and the second begins. */
static inline void begin_epoch_2(const domain *d, ring_state first)
{
    vault_error err = {0};
    keyring *keys = (keyring *)(uintptr_t)control_keys(fixture_service()->control);
    const bytes root = fixture_options().root;
    ring *old = ring_of(d, 1), fresh = {0};
    old->state = first;
    if (first == RING_DESTROYED) secret_clear(&old->key);
    if (ring_of(d, 2)) return;
    expect_ok(
        ring_create(&fresh, root, &(ring_wish){.name = d->ring, .version = 2, .suite = SUITE_INTL, .since = 1}, &err),
        &err);
    expect_ok(keyring_add(keys, root, &fresh, &err), &err);
    secret_clear(&fresh.key);
}

static inline session *new_session(void)
{
    vault_error err = {0};
    session *out = NULL;
    expect_ok(session_open(&out, fixture_service(), &err), &err);
    return out;
}

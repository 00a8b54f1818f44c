/* A log under several versions of its ring. */
#pragma once
#include "tests/unit/audit/fixture.h"

static const uint8_t ROOT[KEY_LEN] = {3};
static ring versions[3], rows;

static inline ring made_ring(const char *name, uint32_t version, suite_id suite)
{
    ring r;
    expect_ok(ring_create(&r, bytes_of(ROOT, KEY_LEN),
                          &(ring_wish){.name = name, .version = version, .suite = suite, .since = version}, &err),
              &err);
    return r;
}

static inline void add_as(keyring *k, ring *r, ring_state state)
{
    ring copy = *r;
    copy.key = (secret){0};
    expect_ok(secret_copy(&copy.key, secret_bytes(&r->key), &err), &err);
    if (state != RING_ACTIVE) expect_ok(ring_set_state(&copy, bytes_of(ROOT, KEY_LEN), state, 0, &err), &err);
    secret_clear(&copy.key);
    expect_ok(keyring_add(k, bytes_of(ROOT, KEY_LEN), &copy, &err), &err);
}

/* Versions `first` to `newest`, of which the newest is active; those before are destroyed. */
static inline keyring *keys_from(uint32_t first, uint32_t newest)
{
    keyring *k = NULL;
    expect_ok(keyring_new(&k, &err), &err);
    add_as(k, &rows, RING_ACTIVE);
    for (uint32_t v = 1; v <= newest; v++)
        add_as(k, &versions[v - 1], v < first ? RING_DESTROYED : v < newest ? RING_RETIRING : RING_ACTIVE);
    return k;
}

/* A log under version 1. The second version is of the suite given. */
static inline void given_log_to_rotate(suite_id second)
{
    if (!rows.key.at) rows = made_ring("rows", 1, SUITE_INTL);
    for (uint32_t v = 1; v <= 3; v++) {
        secret_clear(&versions[v - 1].key);
        versions[v - 1] = made_ring("log", v, v == 2 ? second : SUITE_INTL);
    }
    scribe_free(&hand);
    keyring_free(&keys);
    keys = keys_from(1, 1);
    given_log();
}

static inline void follow(uint32_t first, uint32_t newest)
{
    scribe_free(&hand);
    keyring_free(&keys);
    keys = keys_from(first, newest);
    expect_ok(ledger_follow(book, keys, &err), &err);
    expect_ok(scribe_new(&hand, book, &err), &err);
}

#include "keys/keys.h"
#include "tests/support/harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static const uint8_t ROOT[KEY_LEN] = "the root key of all of the tests";

static bytes root(void)
{
    return bytes_of(ROOT, sizeof ROOT);
}

/* Tests that say so run once in each suite. */
static suite_id suite = SUITE_INTL;
#define IN_BOTH_SUITES for (int s_ = SUITE_GM; s_ >= SUITE_INTL && (suite = (suite_id)s_); s_--)

static ring given_ring(const char *name, uint32_t version)
{
    vault_error err = {0};
    ring r;
    expect_ok(ring_create(&r, root(), &(ring_wish){.name = name, .version = version, .suite = suite, .since = 1}, &err),
              &err);
    return r;
}

static ring given_ring_in(const char *name, uint32_t version, ring_state state)
{
    vault_error err = {0};
    ring r = given_ring(name, version);
    expect_ok(ring_set_state(&r, root(), state, 0, &err), &err);
    return r;
}

static keyring *given_keyring(void)
{
    vault_error err = {0};
    keyring *k;
    expect_ok(keyring_new(&k, &err), &err);
    return k;
}

/* As it comes out of a row: without its key. */
static ring row_of(ring *r)
{
    ring row = *r;
    row.key = (secret){0};
    return row;
}

static void add(keyring *k, ring r)
{
    vault_error err = {0};
    ring row = row_of(&r);
    expect_ok(keyring_add(k, root(), &row, &err), &err);
    secret_clear(&r.key);
}

static void expect_add(vault_code wanted, const ring *row, bytes key)
{
    vault_error err = {0};
    keyring *k = given_keyring();
    expect_code(keyring_add(k, key, row, &err), wanted, &err);
    assert_int_equal(keyring_count(k), wanted == VAULT_OK);
    keyring_free(&k);
    keyring_free(&k);
}

static void try_new(void)
{
    vault_error err = {0};
    ring made = given_ring("record", 1), row = row_of(&made);
    keyring *k = given_keyring();
    expect_ok(keyring_add(k, root(), &row, &err), &err);
    const ring *r = keyring_active(k, "record");
    assert_non_null(r);
    assert_ptr_equal(r, keyring_find(k, "record", 1));
    assert_true(bytes_equal_secret(secret_bytes(&r->key), secret_bytes(&made.key)));
    assert_ptr_not_equal(r->key.at, made.key.at);
    keyring_free(&k);
    secret_clear(&made.key);
}

TEST("a new ring is active, opens under the root key, and gives the key that it was made with")
{
    IN_BOTH_SUITES try_new();
}

TEST("two rings of the same name and version have nothing in common")
{
    ring a = given_ring("record", 1), b = given_ring("record", 1);
    assert_false(bytes_equal_secret(secret_bytes(&a.key), secret_bytes(&b.key)));
    assert_memory_not_equal(a.wrapped, b.wrapped, sizeof a.wrapped);
    secret_clear(&a.key);
    secret_clear(&b.key);
}

static void try_other_roots(void)
{
    uint8_t other[KEY_LEN];
    memcpy(other, ROOT, sizeof other);
    other[31] ^= 1;
    ring made = given_ring("record", 1), row = row_of(&made);
    expect_add(VAULT_INTEGRITY, &row, bytes_of(other, sizeof other));
    expect_add(VAULT_INTERNAL, &row, bytes_of(ROOT, 16));
    expect_add(VAULT_INTERNAL, &row, bytes_of(NULL, 0));
    expect_add(VAULT_OK, &row, root());
    secret_clear(&made.key);
}

TEST("another root key, and a root key of another length, do not open")
{
    IN_BOTH_SUITES try_other_roots();
}

TEST("an edited state, version, name or suite does not open")
{
    ring made = given_ring("token/12", 3), row = row_of(&made);
    for (int s = -1; s <= RING_STATES; s++) {
        row.state = (ring_state)s;
        expect_add(s == RING_ACTIVE ? VAULT_OK : VAULT_INTEGRITY, &row, root());
    }
    row = row_of(&made);
    for (uint32_t version = 0; version < 6; version++) {
        row.version = version;
        expect_add(version == 3 ? VAULT_OK : VAULT_INTEGRITY, &row, root());
    }
    row = row_of(&made);
    static const char *const names[] = {"token/13",  "token/1", "token/122", "Token/12",
                                        "token/12 ", "",        "/token/12", "token//12"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(row.name, sizeof row.name, "%s", names[i]);
        expect_add(VAULT_INTEGRITY, &row, root());
    }
    memset(row.name, 'a', sizeof row.name); /* without an end */
    expect_add(VAULT_INTEGRITY, &row, root());
    row = row_of(&made);
    row.suite = SUITE_NONE;
    expect_add(VAULT_INVALID, &row, root());
    row.suite = SUITE_GM;
    expect_add(VAULT_INTEGRITY, &row, root());
    row.suite = SUITE_INTL;
    expect_add(VAULT_OK, &row, root());
    row.suite = (suite_id)3;
    expect_add(VAULT_INVALID, &row, root());
    secret_clear(&made.key);
}

static void try_flipped_wraps(void)
{
    ring living = given_ring("log", 1), dead = given_ring_in("log", 1, RING_DESTROYED);
    ring rows[] = {row_of(&living), row_of(&dead)};
    const size_t sealed[] = {RING_WRAPPED_LEN, SEAL_OVERHEAD};
    for (int i = 0; i < 2; i++) {
        for (size_t bit = 0; bit < 8 * sealed[i]; bit++) {
            rows[i].wrapped[bit / 8] ^= (uint8_t)(1 << bit % 8);
            expect_add(VAULT_INTEGRITY, &rows[i], root());
            rows[i].wrapped[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        expect_add(VAULT_OK, &rows[i], root());
    }
    secret_clear(&living.key);
}

TEST("each flipped bit of a wrap is found, of a living ring and of a destroyed one")
{
    IN_BOTH_SUITES try_flipped_wraps();
}

static void expect_rewrapped(ring_state state)
{
    vault_error err = {0};
    static const uint8_t other[KEY_LEN] = "another root key of these tests.";
    ring r = given_ring_in("token/12", 3, state), row;
    uint8_t before[KEY_LEN];
    if (r.key.at) memcpy(before, r.key.at, KEY_LEN);
    expect_ok(ring_rewrap(&r, bytes_of(other, KEY_LEN), &err), &err);
    row = row_of(&r);
    assert_int_equal(row.state, state);
    expect_add(VAULT_INTEGRITY, &row, root());
    expect_add(VAULT_OK, &row, bytes_of(other, KEY_LEN));
    if (r.key.at) assert_memory_equal(r.key.at, before, KEY_LEN);
    secret_clear(&r.key);
}

TEST("a ring is wrapped under another root key as it is, in every state; one that is not open is not")
{
    vault_error err = {0};
    IN_BOTH_SUITES
    {
        for (int in = RING_ACTIVE; in < RING_STATES; in++) expect_rewrapped((ring_state)in);
    }
    ring r = given_ring("record", 1), closed = row_of(&r), before = r;
    expect_code(ring_rewrap(&closed, root(), &err), VAULT_INVALID, &err);
    expect_code(ring_rewrap(&r, bytes_of(ROOT, 5), &err), VAULT_INTERNAL, &err);
    assert_memory_equal(&r, &before, sizeof r);
    secret_clear(&r.key);
}

TEST("an edited end or beginning of a version does not open")
{
    vault_error err = {0};
    ring r = given_ring("token/12", 3);
    expect_ok(ring_set_state(&r, root(), RING_RETIRING, 1795312961123456, &err), &err);
    ring row = row_of(&r);
    expect_add(VAULT_OK, &row, root());
    int64_t *const numbers[] = {&row.since, &row.ends_us};
    for (int n = 0; n < 2; n++) {
        for (int bit = 0; bit < 64; bit++) {
            *numbers[n] = (int64_t)((uint64_t)*numbers[n] ^ 1ULL << bit);
            expect_add(VAULT_INTEGRITY, &row, root());
            *numbers[n] = (int64_t)((uint64_t)*numbers[n] ^ 1ULL << bit);
        }
    }
    secret_clear(&r.key);
}

TEST("the versions that have a key come newest first, and no more of them than a reader has room for")
{
    const ring *out[RING_VERSIONS_MAX];
    keyring *k = given_keyring();
    add(k, given_ring_in("record", 1, RING_DESTROYED));
    for (uint32_t version = 2; version < 12; version++) add(k, given_ring_in("record", version, RING_RETIRING));
    add(k, given_ring("record", 12));
    add(k, given_ring("recorc", 99));
    add(k, given_ring("record/x", 99));
    assert_int_equal(keyring_versions(k, "record", out), RING_VERSIONS_MAX);
    for (uint32_t i = 0; i < RING_VERSIONS_MAX; i++) assert_int_equal(out[i]->version, 12 - i);
    assert_int_equal(keyring_versions(k, "recorc", out), 1);
    assert_int_equal(keyring_versions(k, "recor", out), 0);
    keyring_free(&k);
    k = given_keyring();
    add(k, given_ring_in("record", 1, RING_DESTROYED));
    assert_int_equal(keyring_versions(k, "record", out), 0);
    keyring_free(&k);
}

TEST("a keyring that is held lives until the last one lets go, and every keyring has another generation")
{
    keyring *k = given_keyring(), *next = given_keyring();
    assert_true(keyring_generation(k) != 0 && keyring_generation(k) != keyring_generation(next));
    add(k, given_ring("record", 1));
    keyring *held = keyring_hold(k);
    assert_true(keyring_generation(held) == keyring_generation(k));
    keyring_free(&k);
    assert_null(k);
    assert_int_equal(keyring_active(held, "record")->version, 1);
    keyring_free(&held);
    keyring_free(&next);
}

TEST("the wrap of one ring does not open in the row of another")
{
    ring a = given_ring("term/name", 1), b = given_ring("term/mobile", 1), row = row_of(&a);
    memcpy(row.wrapped, b.wrapped, sizeof row.wrapped);
    expect_add(VAULT_INTEGRITY, &row, root());
    secret_clear(&a.key);
    secret_clear(&b.key);
}

TEST("malformed names and version 0 are refused when a ring is made")
{
    static const char *const names[] = {"",     "/",       "/a",      "a/",  "a//b",       "..",
                                        "a/..", "Record",  "a b",     "a\n", "token/十二", "a\\b",
                                        "a*",   "record ", " record", "a%",  "a'b"};
    vault_error err = {0};
    char name[RING_NAME_MAX + 1] = {0};
    ring r;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        expect_code(ring_create(&r, root(),
                                &(ring_wish){.name = names[i], .version = 1, .suite = SUITE_INTL, .since = 1}, &err),
                    VAULT_INVALID, &err);
    }
    memset(name, 'a', RING_NAME_MAX);
    expect_code(
        ring_create(&r, root(), &(ring_wish){.name = name, .version = 1, .suite = SUITE_INTL, .since = 1}, &err),
        VAULT_INVALID, &err);
    expect_code(
        ring_create(&r, root(), &(ring_wish){.name = "record", .version = 0, .suite = SUITE_INTL, .since = 1}, &err),
        VAULT_INVALID, &err);
    expect_code(
        ring_create(&r, root(), &(ring_wish){.name = "record", .version = 1, .suite = SUITE_NONE, .since = 1}, &err),
        VAULT_INVALID, &err);
    assert_null(r.key.at);
    name[RING_NAME_MAX - 1] = '\0';
    expect_ok(ring_create(&r, root(), &(ring_wish){.name = name, .version = 1, .suite = SUITE_INTL, .since = 1}, &err),
              &err);
    secret_clear(&r.key);
}

TEST("states only go forward, and a failed change changes nothing")
{
    vault_error err = {0};
    ring r = given_ring_in("record", 1, RING_RETIRING), before = r;
    expect_code(ring_set_state(&r, root(), RING_ACTIVE, 0, &err), VAULT_INVALID, &err);
    expect_code(ring_set_state(&r, root(), RING_STATES, 0, &err), VAULT_INVALID, &err);
    expect_code(ring_set_state(&r, bytes_of(ROOT, 5), RING_DESTROYED, 0, &err), VAULT_INTERNAL, &err);
    assert_memory_equal(&r, &before, sizeof r);
    expect_ok(ring_set_state(&r, root(), RING_DESTROYED, 0, &err), &err);
    assert_null(r.key.at);
    expect_code(ring_set_state(&r, root(), RING_DESTROYED, 0, &err), VAULT_INVALID, &err);
}

static void try_changed_states(void)
{
    ring r = given_ring_in("record", 1, RING_RETIRING), row = row_of(&r);
    expect_add(VAULT_OK, &row, root());
    row.state = RING_ACTIVE;
    expect_add(VAULT_INTEGRITY, &row, root());
    secret_clear(&r.key);
}

TEST("a changed state opens in its new state only")
{
    IN_BOTH_SUITES try_changed_states();
}

static void try_destroyed(void)
{
    vault_error err = {0};
    ring r = given_ring_in("record", 1, RING_DESTROYED);
    static const uint8_t zero[KEY_LEN];
    assert_memory_equal(r.wrapped + SEAL_OVERHEAD, zero, KEY_LEN);
    keyring *k = given_keyring();
    expect_ok(keyring_add(k, root(), &r, &err), &err);
    assert_int_equal(keyring_count(k), 1);
    assert_int_equal(keyring_at(k, 0)->state, RING_DESTROYED);
    assert_null(keyring_find(k, "record", 1));
    assert_null(keyring_active(k, "record"));
    keyring_free(&k);
}

TEST("a destroyed ring holds no trace of its key, is kept, and is not found")
{
    IN_BOTH_SUITES try_destroyed();
}

TEST("two active versions of a name, and a version that stands twice, are refused")
{
    vault_error err = {0};
    keyring *k = given_keyring();
    add(k, given_ring("record", 2));
    ring second = given_ring("record", 1), twice = given_ring_in("record", 2, RING_RETIRING);
    expect_code(keyring_add(k, root(), &second, &err), VAULT_CONFLICT, &err);
    expect_code(keyring_add(k, root(), &twice, &err), VAULT_CONFLICT, &err);
    assert_int_equal(keyring_count(k), 1);
    add(k, given_ring_in("record", 1, RING_RETIRING));
    add(k, given_ring("recor", 1));
    add(k, given_ring("record2", 1));
    assert_int_equal(keyring_active(k, "record")->version, 2);
    keyring_free(&k);
    secret_clear(&second.key);
    secret_clear(&twice.key);
}

TEST("three hundred rings in any order stand by name and version, and each is found")
{
    keyring *k = given_keyring();
    char name[RING_NAME_MAX];
    for (unsigned i = 0; i < 300; i++) {
        unsigned n = i * 7 % 300; /* every number once */
        snprintf(name, sizeof name, "token/%u", n / 3);
        uint32_t version = 1 + n % 3;
        add(k, version == 3 ? given_ring(name, version) : given_ring_in(name, version, RING_RETIRING));
    }
    assert_int_equal(keyring_count(k), 300);
    assert_null(keyring_at(k, 300));
    for (size_t i = 1; i < 300; i++) {
        const ring *a = keyring_at(k, i - 1), *b = keyring_at(k, i);
        int order = strcmp(a->name, b->name);
        assert_true(order < 0 || (order == 0 && a->version < b->version));
    }
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "token/%u", i);
        assert_int_equal(keyring_active(k, name)->version, 3);
        for (uint32_t version = 1; version <= 3; version++) {
            assert_int_equal(keyring_find(k, name, version)->version, version);
        }
        assert_null(keyring_find(k, name, 4));
        assert_null(keyring_find(k, name, 0));
    }
    assert_null(keyring_active(k, "token/100"));
    assert_null(keyring_active(k, "token"));
    assert_null(keyring_active(k, ""));
    keyring_free(&k);
}

typedef struct reading {
    const keyring *k;
    const ring *first; /* given out before the others came */
    atomic_bool *stop;
    unsigned wrong;
} reading;

static void *read_rings(void *arg)
{
    reading *at = arg;
    char name[RING_NAME_MAX];
    for (unsigned i = 0; !atomic_load(at->stop); i++) {
        const ring *r = keyring_active(at->k, "token/250");
        snprintf(name, sizeof name, "token/%u", i % 400);
        const ring *found = keyring_find(at->k, name, 1);
        at->wrong += r != at->first || r->key.at[0] != at->first->key.at[0];
        at->wrong += found && strcmp(found->name, name) != 0;
        at->wrong += !keyring_at(at->k, keyring_count(at->k) - 1);
    }
    return NULL;
}

TEST("rings are added while others read, and what was given out stays where it is")
{
    enum { READERS = 3, RINGS = 400 };
    vault_error err = {0};
    pthread_t threads[READERS];
    atomic_bool stop = false;
    reading readers[READERS];
    keyring *k = given_keyring();
    ring first = given_ring("token/250", 1);
    expect_ok(keyring_add(k, root(), &first, &err), &err);
    secret_clear(&first.key);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (reading){.k = k, .first = keyring_active(k, "token/250"), .stop = &stop};
        pthread_create(&threads[i], NULL, read_rings, &readers[i]);
    }
    for (unsigned i = 0; i < RINGS; i++) {
        char name[RING_NAME_MAX];
        unsigned number = (i * 7) % RINGS;
        if (number == 250) continue;
        snprintf(name, sizeof name, "token/%u", number);
        ring r = given_ring(name, 1);
        expect_ok(keyring_add(k, root(), &r, &err), &err);
        secret_clear(&r.key);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].wrong, 0);
    }
    keyring_free(&k);
}

static int dead_source(uint8_t *out, size_t len)
{
    memset(out, 1, len);
    return -1;
}

TEST("without random bytes no ring is made and no state changed")
{
    vault_error err = {0};
    ring r = given_ring("record", 1), before = r, none;
    entropy_set_for_test(dead_source);
    expect_code(
        ring_create(&none, root(), &(ring_wish){.name = "record", .version = 2, .suite = SUITE_INTL, .since = 1}, &err),
        VAULT_INTERNAL, &err);
    assert_null(none.key.at);
    expect_code(ring_set_state(&r, root(), RING_RETIRING, 0, &err), VAULT_INTERNAL, &err);
    assert_memory_equal(&r, &before, sizeof r);
    entropy_set_for_test(NULL);
    secret_clear(&r.key);
}

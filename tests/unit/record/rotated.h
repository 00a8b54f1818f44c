/* The fixture's rings with newer versions of some of them, and a cabinet for them: as in the midst of a rotation. */
#pragma once
#include "tests/unit/record/fixture.h"

enum { ROTATED_AT = 9 }; /* control version of the rotation */

typedef struct turn {
    const char *ring;
    suite_id suite;
    int64_t ends_us; /* of the version before */
    bool destroyed;  /* the version before */
} turn;

static keyring *turned_keys;
static cabinet *after;

static const uint8_t TURN_ROOT[KEY_LEN] = {7};

static inline const turn *turn_of(const turn *turns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(turns[i].ring, name) == 0) return &turns[i];
    return NULL;
}

static inline void turn_ring(const ring *before, const turn *how)
{
    const bytes root = bytes_of(TURN_ROOT, KEY_LEN);
    ring copy = *before, fresh = {0};
    copy.key = (secret){0};
    expect_ok(secret_copy(&copy.key, secret_bytes(&before->key), &err), &err);
    if (how)
        expect_ok(ring_set_state(&copy, root, how->destroyed ? RING_DESTROYED : RING_RETIRING, how->ends_us, &err),
                  &err);
    secret_clear(&copy.key);
    expect_ok(keyring_add(turned_keys, root, &copy, &err), &err);
    if (!how) return;
    const ring_wish wish = {
        .name = how->ring, .version = before->version + 1, .suite = how->suite, .since = ROTATED_AT};
    expect_ok(ring_create(&fresh, root, &wish, &err), &err);
    secret_clear(&fresh.key);
    expect_ok(keyring_add(turned_keys, root, &fresh, &err), &err);
}

static inline void forget_turned(void)
{
    cabinet_free(&after);
    keyring_free(&turned_keys);
}

/* `after` is the cabinet then; `box` stays the one of before. */
static inline void given_turns(const turn *turns, size_t count)
{
    forget_turned();
    given_cabinet();
    expect_ok(keyring_new(&turned_keys, &err), &err);
    for (size_t i = 0; i < keyring_count(keys); i++) {
        const ring *before = keyring_at(keys, i);
        turn_ring(before, turn_of(turns, count, before->name));
    }
    expect_ok(cabinet_new(&after, turned_keys, &err), &err);
    cabinet_use(after, mem);
    cabinet_made_by(after, ROTATED_AT);
}

#define GIVEN_TURNS(...)                                                                                               \
    do {                                                                                                               \
        const turn turns_[] = {__VA_ARGS__};                                                                           \
        given_turns(turns_, sizeof turns_ / sizeof *turns_);                                                           \
    } while (0)

__attribute__((destructor)) static void forget_turned_at_end(void)
{
    forget_turned();
}

/* A rotation of the record ring, key by key and note by note. */
#include "tests/unit/record/fixture.h"

static const bytes CONTEXT = {(const uint8_t *)"voucher/7", 9};
static const uint8_t ROOT[KEY_LEN] = {7};

/* The same cabinet's rings with another version of the record ring, active; a cabinet for them. */
static cabinet *rotated(keyring **rings, suite_id suite)
{
    cabinet *after = NULL;
    expect_ok(keyring_new(rings, &err), &err);
    for (size_t i = 0; i < keyring_count(keys); i++) {
        ring copy = *keyring_at(keys, i);
        copy.key = (secret){0};
        expect_ok(secret_copy(&copy.key, secret_bytes(&keyring_at(keys, i)->key), &err), &err);
        if (strcmp(copy.name, "record") == 0)
            expect_ok(ring_set_state(&copy, bytes_of(ROOT, KEY_LEN), RING_RETIRING, 0, &err), &err);
        secret_clear(&copy.key);
        expect_ok(keyring_add(*rings, bytes_of(ROOT, KEY_LEN), &copy, &err), &err);
    }
    ring fresh = {0};
    const ring_wish wish = {.name = "record", .version = 2, .suite = suite, .since = 9};
    expect_ok(ring_create(&fresh, bytes_of(ROOT, KEY_LEN), &wish, &err), &err);
    secret_clear(&fresh.key);
    expect_ok(keyring_add(*rings, bytes_of(ROOT, KEY_LEN), &fresh, &err), &err);
    expect_ok(cabinet_new(&after, *rings, &err), &err);
    cabinet_use(after, mem);
    return after;
}

static key_row keys_of(const resident_row *row)
{
    return (key_row){.id = row->id, .ring_version = row->ring_version, .dek = row->dek};
}

static void expect_refused(cabinet *after, key_row wrong, vault_code code)
{
    const key_row before = wrong;
    expect_code(record_rewrap(after, &wrong, &err), code, &err);
    assert_int_equal(wrong.ring_version, before.ring_version);
    assert_true(wrong.dek.at == before.dek.at);
}

TEST("a resident whose keys are wrapped again is the same resident: the tag fits, and the keys are those before")
{
    record r, again = {.dek = dek_bytes[1]};
    resident_row row;
    keyring *rings = NULL;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    cabinet *after = rotated(&rings, SUITE_INTL);
    key_row wrapped = keys_of(&row);
    expect_ok(record_rewrap(after, &wrapped, &err), &err);
    assert_int_equal(wrapped.ring_version, 2);
    assert_int_equal(wrapped.dek.len, WRAPPED_KEYS_LEN);
    assert_false(bytes_same(wrapped.dek, row.dek));
    row.found = true;
    row.dek = wrapped.dek;
    row.ring_version = 2;
    expect_ok(record_prove(&again, after, &row, &err), &err);
    assert_memory_equal(again.dek, r.dek, RECORD_KEYS_LEN);
    expect_code(record_prove(&again, box, &row, &err), VAULT_INTEGRITY, &err); /* the old keys alone do not open it */
    cabinet_free(&after);
    keyring_free(&rings);
}

TEST("keys are wrapped again for their own resident only, and only from the version that they say")
{
    record r;
    resident_row row;
    keyring *rings = NULL;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    cabinet *after = rotated(&rings, SUITE_INTL);
    key_row other = keys_of(&row), later = other, unknown = other, none = other, cut = other;
    other.id = 2;
    later.ring_version = 2;
    unknown.ring_version = 3;
    none.ring_version = 0;
    cut.dek.len--;
    expect_refused(after, other, VAULT_INTEGRITY);
    expect_refused(after, later, VAULT_INTEGRITY);
    expect_refused(after, unknown, VAULT_INTEGRITY);
    expect_refused(after, none, VAULT_INTEGRITY);
    expect_refused(after, cut, VAULT_INTEGRITY);
    uint8_t *flipped = arena_alloc(mem, WRAPPED_KEYS_LEN);
    for (size_t i = 0; i < WRAPPED_KEYS_LEN; i++) {
        memcpy(flipped, row.dek.at, WRAPPED_KEYS_LEN);
        flipped[i] ^= 1;
        expect_refused(after, (key_row){.id = 1, .ring_version = 1, .dek = bytes_of(flipped, WRAPPED_KEYS_LEN)},
                       VAULT_INTEGRITY);
    }
    cabinet_free(&after);
    keyring_free(&rings);
}

TEST("keys are not wrapped into another suite: their row would still be in the old one")
{
    record r;
    resident_row row;
    keyring *rings = NULL;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    cabinet *after = rotated(&rings, SUITE_GM);
    expect_refused(after, keys_of(&row), VAULT_INTERNAL);
    cabinet_free(&after);
    keyring_free(&rings);
}

TEST("a note that is sealed anew says the same in the same place, under the newer version")
{
    bytes before, now, out;
    keyring *rings = NULL;
    given_cabinet();
    expect_ok(cabinet_seal_note(box, &before, CONTEXT, bytes_of_text("for one use"), &err), &err);
    assert_int_equal(note_version(before), 1);
    cabinet *after = rotated(&rings, SUITE_INTL);
    expect_ok(cabinet_reseal_note(after, &now, CONTEXT, before, &err), &err);
    assert_int_equal(note_version(now), 2);
    expect_ok(cabinet_open_note(after, &out, CONTEXT, now, &err), &err);
    assert_true(bytes_same(out, bytes_of_text("for one use")));
    expect_code(cabinet_open_note(box, &out, CONTEXT, now, &err), VAULT_INTEGRITY, &err);
    expect_code(cabinet_reseal_note(after, &now, bytes_of_text("voucher/8"), before, &err), VAULT_INTEGRITY, &err);
    assert_int_equal(note_version(bytes_of("\0\0\1", 3)), 0);
    cabinet_free(&after);
    keyring_free(&rings);
}

TEST("nothing is left half wrapped when memory is out")
{
    record r;
    resident_row row;
    keyring *rings = NULL;
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    cabinet *after = rotated(&rings, SUITE_INTL);
    arena *small = arena_new(8);
    cabinet_use(after, small);
    expect_refused(after, keys_of(&row), VAULT_EXHAUSTED);
    cabinet_free(&after);
    keyring_free(&rings);
    arena_free(&small);
}

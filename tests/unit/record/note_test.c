/* What the vault keeps for itself about a request. */
#include "tests/unit/record/fixture.h"

static const bytes CONTEXT = {(const uint8_t *)"import/1/7", 10};

static bytes given_note(const char *text)
{
    bytes out;
    expect_ok(cabinet_seal_note(box, &out, CONTEXT, bytes_of_text(text), &err), &err);
    return out;
}

static void expect_note_broken(bytes context, bytes sealed)
{
    bytes out = {0};
    expect_code(cabinet_open_note(box, &out, context, sealed, &err), VAULT_INTEGRITY, &err);
    assert_null(out.at);
}

TEST("a note opens to what was sealed, the empty one too, in its own context only")
{
    bytes out;
    given_cabinet();
    bytes one = given_note("answer"), none = given_note("");
    expect_ok(cabinet_open_note(box, &out, CONTEXT, one, &err), &err);
    assert_true(bytes_same(out, bytes_of_text("answer")));
    expect_ok(cabinet_open_note(box, &out, CONTEXT, none, &err), &err);
    assert_int_equal(out.len, 0);
    expect_note_broken(bytes_of_text("import/1/8"), one);
    expect_note_broken(bytes_of_text("import/1/"), one);
    expect_note_broken(bytes_of_text("import/1/7\x01"), one);
    assert_null(memmem(one.at, one.len, "answer", 6));
}

TEST("a note without a context is refused: a missing context would bind it to nothing")
{
    bytes out;
    given_cabinet();
    bytes one = given_note("answer");
    expect_code(cabinet_seal_note(box, &out, bytes_of(NULL, 0), bytes_of_text("x"), &err), VAULT_INTERNAL, &err);
    expect_code(cabinet_open_note(box, &out, bytes_of(NULL, 0), one, &err), VAULT_INTERNAL, &err);
}

TEST("every bit of a note is bound, and a cut one is damage")
{
    given_cabinet();
    bytes one = given_note("answer");
    uint8_t *copy = arena_alloc(mem, one.len);
    for (size_t i = 0; i < one.len * 8; i++) {
        memcpy(copy, one.at, one.len);
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
        expect_note_broken(CONTEXT, bytes_of(copy, one.len));
    }
    for (size_t len = 0; len < one.len; len++) expect_note_broken(CONTEXT, bytes_of(one.at, len));
}

TEST("a note is not a wrapped data key, nor a field, nor the other way round")
{
    record r;
    resident_row row;
    uint8_t out[RECORD_KEYS_LEN];
    given_cabinet();
    given_resident(&r, &row, 1, ANNA, 0);
    uint8_t *as_note = arena_alloc(mem, 4 + row.dek.len);
    as_note[3] = 1; /* version of the ring */
    memcpy(as_note + 4, row.dek.at, row.dek.len);
    expect_note_broken(bytes_of("\0\0\0\0\0\0\0\1", 8), bytes_of(as_note, 4 + row.dek.len));
    bytes key = given_note("two keys of thirty-two bytes, as they are, next to each other: 6");
    const key_row as_keys = {.id = 1, .ring_version = 1, .dek = bytes_of(key.at + 4, WRAPPED_KEYS_LEN)};
    assert_int_equal(key.len, 4 + WRAPPED_KEYS_LEN);
    expect_code(keys_unwrap(box, out, &as_keys, &err), VAULT_INTEGRITY, &err);
}

TEST("a note is sealed anew each time, and none is left when memory is out")
{
    bytes out = {0};
    given_cabinet();
    bytes a = given_note("answer"), b = given_note("answer");
    assert_false(bytes_same(a, b));
    arena *small = arena_new(4);
    cabinet_use(box, small);
    expect_code(cabinet_seal_note(box, &out, CONTEXT, bytes_of_text("answer"), &err), VAULT_EXHAUSTED, &err);
    expect_code(cabinet_open_note(box, &out, CONTEXT, a, &err), VAULT_EXHAUSTED, &err);
    assert_null(out.at);
    cabinet_use(box, mem);
    arena_free(&small);
}

TEST("a list opens with its own key, in its own place, and is broken by any bit")
{
    bytes out;
    sealed_list list, other;
    given_cabinet();
    expect_ok(cabinet_seal_list(box, &list, CONTEXT, bytes_of_text("names and numbers"), &err), &err);
    expect_ok(cabinet_seal_list(box, &other, CONTEXT, bytes_of_text("names and numbers"), &err), &err);
    assert_false(bytes_same(list.sealed, other.sealed));
    expect_ok(cabinet_open_list(box, &out, CONTEXT, &list, &err), &err);
    assert_true(bytes_same(out, bytes_of_text("names and numbers")));
    const sealed_list mixed = {.key = other.key, .sealed = list.sealed};
    expect_code(cabinet_open_list(box, &out, CONTEXT, &mixed, &err), VAULT_INTEGRITY, &err);
    expect_code(cabinet_open_list(box, &out, bytes_of_text("import/1/8"), &list, &err), VAULT_INTEGRITY, &err);
    for (size_t i = 0; i < list.sealed.len; i++) {
        uint8_t *at = (uint8_t *)(uintptr_t)list.sealed.at;
        at[i] ^= 1;
        expect_code(cabinet_open_list(box, &out, CONTEXT, &list, &err), VAULT_INTEGRITY, &err);
        at[i] ^= 1;
    }
    const sealed_list cut = {.key = bytes_of(list.key.at, list.key.len - 1), .sealed = list.sealed};
    expect_code(cabinet_open_list(box, &out, CONTEXT, &cut, &err), VAULT_INTEGRITY, &err);
    expect_ok(cabinet_open_list(box, &out, CONTEXT, &list, &err), &err);
}

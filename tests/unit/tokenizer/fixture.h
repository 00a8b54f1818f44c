/* A value through a format: what it becomes, or why it is refused. */
#pragma once
#include "tests/support/harness.h"
#include "tokenizer/format.h"

#include <stdio.h>

enum { ROOM = 64 << 10 };

static inline vault_code normalise(const char *name, bytes in, char *out, size_t cap, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROOM);
    const format *f = format_find(name);
    assert_non_null(f);
    assert_string_equal(format_name(f), name);
    bytes value = {0};
    vault_code code = format_normalise(f, mem, in, &value, err);
    if (code != VAULT_OK) return code;
    assert_true(value.len < cap);
    memcpy(out, value.at, value.len);
    out[value.len] = '\0';
    return code;
}

static inline void becomes(const char *name, const char *in, const char *wanted)
{
    vault_error err = {0};
    char out[5000];
    expect_ok(normalise(name, bytes_of_text(in), out, sizeof out, &err), &err);
    assert_string_equal(out, wanted);
}

static inline void stays(const char *name, const char *in)
{
    becomes(name, in, in);
}

static inline void refused_bytes(const char *name, bytes in, const char *reason)
{
    vault_error err = {0};
    char out[5000];
    vault_code code = normalise(name, in, out, sizeof out, &err);
    if (code != VAULT_INVALID) print_error("%s accepted '%.*s' as '%s'\n", name, (int)in.len, in.at, out);
    assert_int_equal(code, VAULT_INVALID);
    assert_string_equal(err.reason, reason);
    assert_string_equal(err.field, "");
    assert_true(in.len < 4 || !memmem(err.detail, strlen(err.detail), in.at, in.len)); /* no value in the log */
}

static inline void refused(const char *name, const char *in, const char *reason)
{
    refused_bytes(name, bytes_of_text(in), reason);
}

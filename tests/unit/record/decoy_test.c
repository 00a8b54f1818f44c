/* A row that is not there costs the same work as one that is: every call into the cipher library is counted, in order.
 * The library's functions are taken over here and called on. */
#include "tests/unit/record/fixture.h"

#include <dlfcn.h>
#include <gcrypt.h>

static char trace[512];
static bool tracing;

static void note(const char *call, size_t len)
{
    size_t at = strlen(trace);
    if (tracing) snprintf(trace + at, sizeof trace - at, "%s %zu\n", call, len);
}

#define REAL(name, ...) ((gcry_error_t(*)(__VA_ARGS__))(uintptr_t)dlsym(RTLD_NEXT, name))

gcry_error_t gcry_cipher_setkey(gcry_cipher_hd_t h, const void *key, size_t len)
{
    note("setkey", len);
    return REAL("gcry_cipher_setkey", gcry_cipher_hd_t, const void *, size_t)(h, key, len);
}

gcry_error_t gcry_cipher_setiv(gcry_cipher_hd_t h, const void *iv, size_t len)
{
    note("setiv", len);
    return REAL("gcry_cipher_setiv", gcry_cipher_hd_t, const void *, size_t)(h, iv, len);
}

gcry_error_t gcry_cipher_authenticate(gcry_cipher_hd_t h, const void *aad, size_t len)
{
    note("authenticate", len);
    return REAL("gcry_cipher_authenticate", gcry_cipher_hd_t, const void *, size_t)(h, aad, len);
}

gcry_error_t gcry_cipher_decrypt(gcry_cipher_hd_t h, void *out, size_t size, const void *in, size_t len)
{
    note("decrypt", len);
    return REAL("gcry_cipher_decrypt", gcry_cipher_hd_t, void *, size_t, const void *, size_t)(h, out, size, in, len);
}

gcry_error_t gcry_cipher_checktag(gcry_cipher_hd_t h, const void *tag, size_t len)
{
    note("checktag", len);
    return REAL("gcry_cipher_checktag", gcry_cipher_hd_t, const void *, size_t)(h, tag, len);
}

void gcry_md_reset(gcry_md_hd_t h)
{
    note("mac", 0);
    ((void (*)(gcry_md_hd_t))(uintptr_t)dlsym(RTLD_NEXT, "gcry_md_reset"))(h);
}

static void trace_prove(char out[sizeof trace], const resident_row *row, bool found)
{
    record r = {.dek = dek_bytes[3]};
    trace[0] = 0;
    tracing = true;
    vault_code code = record_prove(&r, box, row, &err);
    tracing = false;
    expect_ok(code, &err);
    assert_int_equal(r.genuine, found);
    memcpy(out, trace, sizeof trace);
}

TEST("proving a row that is not there makes the same calls as one that is")
{
    record r;
    resident_row there, missing = {.id = 99};
    char with[sizeof trace], without[sizeof trace];
    given_cabinet();
    given_resident(&r, &there, 1, ANNA, 0);
    /* The same size, so that even the lengths agree: the decoy has a usual one. */
    uint8_t *pack = arena_alloc(mem, DECOY_SEALED_LEN), tag[ROW_TAG_LEN];
    there.sealed = bytes_of(pack, DECOY_SEALED_LEN);
    there.term_count = 0;
    expect_ok(row_seal_tag(box, r.dek, &there, tag, &err), &err);
    trace_prove(with, &there, true);
    trace_prove(without, &missing, false);
    assert_string_equal(with, without);
    assert_non_null(strstr(with, "checktag"));
    trace_prove(without, &missing, false);
    assert_string_equal(with, without);
}

TEST("a decoy has a key too, so that what follows can be done alike")
{
    record r = {.dek = dek_bytes[3]};
    static const uint8_t zeros[KEY_LEN];
    resident_row missing = {.id = 99};
    aead *cipher;
    given_cabinet();
    expect_ok(record_prove(&r, box, &missing, &err), &err);
    assert_memory_not_equal(r.dek, zeros, KEY_LEN);
    expect_ok(record_cipher(&cipher, box, &r, &err), &err);
    record_clear(&r);
    assert_memory_equal(r.dek, zeros, KEY_LEN);
    assert_null(r.row);
}

/* Any bytes as a value and as a token: what is taken is of its format, goes and comes back; and FF1 over any radix,
 * length, tweak and digits is undone by its inverse. */
#include "tokenizer/preserve.h"
#include "vault/base/secret.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static block_cipher *key_of(suite_id suite)
{
    vault_error err = {0};
    block_cipher *key;
    uint8_t raw[KEY_LEN] = {1, 2, 3};
    if (secret_heap_init(1 << 20, &err) != VAULT_OK && err.code != VAULT_INTERNAL) abort();
    err = (vault_error){0};
    if (block_new(&key, suite, bytes_of(raw, sizeof raw), &err) != VAULT_OK) abort();
    return key;
}

static void check_format(arena *mem, const format *f, const char *text)
{
    vault_error err = {0};
    bytes out;
    arena_reset(mem);
    if (format_normalise(f, mem, bytes_of_text(text), &out, &err) != VAULT_OK) abort();
    if (!bytes_same(out, bytes_of_text(text))) abort();
}

static void there_and_back(arena *mem, const preserve *p, bytes value)
{
    vault_error err = {0};
    char sealed[PRESERVE_TEXT_MAX + 1], opened[PRESERVE_TEXT_MAX + 1];
    if (preserve_seal(sealed, p, value, &err) != VAULT_OK) {
        if (err.code != VAULT_INVALID || !err.reason || sealed[0]) abort();
        return;
    }
    check_format(mem, p->format, sealed);
    if (preserve_open(opened, p, bytes_of_text(sealed), &err) != VAULT_OK) abort();
    if (!bytes_same(bytes_of_text(opened), value)) abort();
    if (preserve_open(opened, p, value, &err) != VAULT_OK) abort();
    if (preserve_seal(sealed, p, bytes_of_text(opened), &err) != VAULT_OK) abort();
    if (!bytes_same(bytes_of_text(sealed), value)) abort();
}

/* First byte radix, second tweak length, then the tweak, then digits. */
static void any_digits(block_cipher *key, const uint8_t *data, size_t size)
{
    enum { DIGITS_MAX = 104 };
    uint8_t digits[DIGITS_MAX], kept[DIGITS_MAX];
    if (size < 2) return;
    const unsigned radix = 2 + data[0] % 35;
    const size_t tweak = data[1] % 65;
    double domain = 1;
    size_t len = 0;
    for (size_t i = 2 + tweak; i < size && len < DIGITS_MAX && domain < 1e29; i++, domain *= radix)
        digits[len++] = (uint8_t)(data[i] % radix);
    if (domain < PRESERVE_LEAST) return;
    memcpy(kept, digits, len);
    const ff1 f = {.key = key, .radix = radix, .tweak = bytes_of(data + 2, tweak)};
    ff1_encrypt(&f, digits, len);
    for (size_t i = 0; i < len; i++) {
        if (digits[i] >= radix) abort();
    }
    ff1_decrypt(&f, digits, len);
    if (memcmp(kept, digits, len) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena *mem;
    static block_cipher *keys[2];
    if (!mem) mem = arena_new(1 << 16), keys[0] = key_of(SUITE_INTL), keys[1] = key_of(SUITE_GM);
    for (size_t k = 0; k < 2; k++) {
        for (const char *const *name = format_names(); *name; name++) {
            const preserve p = {.key = keys[k], .format = format_find(*name), .tweak = bytes_of_text("field")};
            there_and_back(mem, &p, bytes_of(data, size));
        }
        any_digits(keys[k], data, size);
    }
    return 0;
}

#include "tokenizer/format.h"

#include <assert.h>
#include <string.h>

enum { PREFIX = 2 };

/* Each class is at most one and a half times the one before it past 64 bytes: the length costs little space to hide. */
static const uint16_t classes[] = {16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096};
enum { CLASSES = sizeof classes / sizeof *classes };

size_t padded_length(size_t text_len)
{
    for (size_t i = 0; i < CLASSES; i++) {
        if (text_len <= (size_t)classes[i] - PREFIX) return classes[i];
    }
    return 0;
}

void pad(uint8_t *out, size_t padded_len, bytes text)
{
    assert(padded_len == padded_length(text.len) && padded_len > 0);
    out[0] = (uint8_t)(text.len >> 8);
    out[1] = (uint8_t)text.len;
    if (text.len > 0) memcpy(out + PREFIX, text.at, text.len);
    memset(out + PREFIX + text.len, 0, padded_len - PREFIX - text.len);
}

vault_code unpad(bytes *out, bytes padded, vault_error *err)
{
    if (padded.len < PREFIX) return vault_fail(err, VAULT_INTEGRITY, "padded value of %zu bytes", padded.len);
    size_t len = (size_t)padded.at[0] << 8 | padded.at[1];
    if (padded_length(len) != padded.len) return vault_fail(err, VAULT_INTEGRITY, "padding does not fit its length");
    uint8_t left_over = 0;
    for (size_t i = PREFIX + len; i < padded.len; i++) left_over |= padded.at[i];
    if (left_over != 0) return vault_fail(err, VAULT_INTEGRITY, "padding is not zero");
    *out = bytes_of(padded.at + PREFIX, len);
    return VAULT_OK;
}

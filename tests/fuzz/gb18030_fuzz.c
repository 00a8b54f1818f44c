/* What a row is taken for, against iconv asked directly: UTF-8 by its own strict decoder, GB18030 a few bytes at a
 * time. */
#include "vault/cli/encoding.h"

#include <iconv.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Converts with room for a few bytes at a time; false when it is not strict. */
static bool convert(const char *to, const char *from, bytes in, char *out, size_t *len)
{
    iconv_t with = iconv_open(to, from);
    char *at = (char *)(uintptr_t)in.at;
    size_t left = in.len;
    bool whole = true;
    if (with == (iconv_t)-1) abort();
    *len = 0;
    while (left > 0 && whole) {
        size_t before = left, room = 8;
        char *end = out + *len;
        (void)iconv(with, &at, &left, &end, &room);
        whole = left < before;
        *len = (size_t)(end - out);
    }
    (void)iconv_close(with);
    return whole;
}

static void check(encoding fixed, arena *mem, bytes row, bool is_utf8, bool is_gb, bytes in_gb)
{
    vault_error err = {0};
    VAULT_CLEANUP(decoder_close) decoder d = {0};
    char *text;
    size_t len;
    if (decoder_open(&d, fixed, &err) != VAULT_OK) abort();
    decoded got = decode(&d, mem, row, &text, &len);
    if (row.len > 0 && memchr(row.at, 0, row.len)) {
        if (got != DECODED_CONTROL) abort();
        return;
    }
    bool as_utf8 = fixed == ENCODING_UTF8 || (fixed == ENCODING_AUTO && is_utf8);
    if ((got == DECODED) != (as_utf8 ? is_utf8 : is_gb)) abort();
    if (got != DECODED) return;
    bytes wanted = as_utf8 ? row : in_gb;
    if (len != wanted.len || (len > 0 && memcmp(text, wanted.at, len) != 0) || text[len]) abort();
    if (writing_of(bytes_of(text, len)) == WRITING_OTHER) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena *mem;
    static char in_gb[4 * LIMIT], units[4 * LIMIT];
    if (!mem) mem = arena_new(1 << 20);
    if (size > LIMIT) return 0;
    bytes row = bytes_of(data, size);
    size_t gb_len, units_len;
    bool is_gb = convert("UTF-8", "GB18030", row, in_gb, &gb_len);
    bool is_utf8 = convert("UTF-16LE", "UTF-8", row, units, &units_len);
    if (is_utf8 != (writing_of(row) != WRITING_OTHER)) abort();
    for (encoding fixed = ENCODING_AUTO; fixed <= ENCODING_GB18030; fixed++)
        check(fixed, mem, row, is_utf8, is_gb, bytes_of(in_gb, gb_len));
    const char *shown = decode_what_can_be(mem, row);
    if (!shown || writing_of(bytes_of_text(shown)) == WRITING_OTHER) abort();
    arena_reset(mem);
    return 0;
}

/* Any bytes through every mask: a mask never shows more than its part of a value. All of them, also those that it is
 * not made for. */
#include "tokenizer/mask.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_utf8(bytes text)
{
    for (size_t i = 0; i < text.len;) {
        int32_t c;
        utf8proc_ssize_t len = utf8proc_iterate(text.at + i, (utf8proc_ssize_t)(text.len - i), &c);
        if (len <= 0) return false;
        i += (size_t)len;
    }
    return true;
}

static size_t digits_in(bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += text.at[i] >= '0' && text.at[i] <= '9';
    return count;
}

/* How many digits of a value a mask may show. */
static size_t digits_allowed(const char *name)
{
    static const struct {
        const char *name;
        size_t most;
    } most[] = {{"id_area", 6},     {"id_ends", 10},        {"mobile_ends", 7}, {"date_year", 4},
                {"date_decade", 8}, {"division_county", 6}, {"text_first", 1},  {"document_ends", 3}};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        if (strcmp(most[i].name, name) == 0) return most[i].most;
    }
    return 0;
}

static void look(const char *name, bytes value, bytes out)
{
    bool hidden = bytes_same(out, bytes_of_text("***"));
    if (out.len == 0 || digits_in(out) > digits_allowed(name)) abort();
    if (!hidden && strcmp(name, "hidden") == 0) abort();
    if (!hidden && !is_utf8(out)) abort();
    /* Nothing but the decade's second year, and asterisks, is added: the first character is the value's. */
    if (!hidden && (value.len == 0 || out.at[0] != value.at[0])) abort();
    /* Of more than one character never all is shown, but of an address that is nothing but its head. */
    bool stars = value.len > 0 && memchr(value.at, '*', value.len);
    bool whole = memmem(out.at, out.len, value.at, value.len) != NULL;
    if (!hidden && value.len > 4 && whole && !stars && strncmp(name, "address_", 8) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena *mem;
    if (!mem) mem = arena_new(1 << 20);
    bytes value = bytes_of(data, size);
    for (const char *const *name = mask_names(); *name; name++) {
        vault_error err = {0};
        bytes out;
        if (mask_apply(mask_find(*name), mem, value, &out, &err) != VAULT_OK) abort();
        look(*name, value, out);
        arena_reset(mem);
    }
    return 0;
}

#include "vault/base/bytes.h"
#include "vault/base/internal.h"

#include <endian.h>
#include <openssl/crypto.h>
#include <string.h>

bytes bytes_of_text(const char *text)
{
    return bytes_of(text, text ? strlen(text) : 0);
}

bool bytes_same(bytes a, bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool bytes_equal_secret(bytes a, bytes b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.at, b.at, a.len) == 0);
}

/* ---- writer ---- */

static inline uint8_t *space(writer *w, size_t len)
{
    if (w->overflow || len > w->cap - w->len) {
        w->overflow = true;
        return NULL;
    }
    uint8_t *at = w->at + w->len;
    w->len += len;
    return at;
}

uint8_t *put_space(writer *w, size_t len)
{
    return space(w, len);
}

/* Big-endian; inlined, so that a size is one store: a row has some hundred numbers. */
static inline void put_number(writer *w, uint64_t v, size_t size)
{
    uint8_t *at = space(w, size);
    v = htobe64(v << 8 * (8 - size));
    if (at) memcpy(at, &v, size);
}

void put_u8(writer *w, uint8_t v)
{
    put_number(w, v, sizeof v);
}
void put_u16(writer *w, uint16_t v)
{
    put_number(w, v, sizeof v);
}
void put_u32(writer *w, uint32_t v)
{
    put_number(w, v, sizeof v);
}
void put_u64(writer *w, uint64_t v)
{
    put_number(w, v, sizeof v);
}

void put_bytes(writer *w, bytes b)
{
    uint8_t *at = space(w, b.len);
    if (at && b.len > 0) memcpy(at, b.at, b.len);
}

void put_sized(writer *w, bytes b)
{
    if (b.len > UINT16_MAX || w->overflow || b.len + 2 > w->cap - w->len) {
        w->overflow = true;
        return;
    }
    put_u16(w, (uint16_t)b.len);
    put_bytes(w, b);
}

/* ---- reader ---- */

bytes get_bytes(reader *r, size_t len)
{
    if (r->short_ || len > r->rest.len) {
        r->short_ = true;
        return bytes_of(NULL, 0);
    }
    bytes taken = bytes_of(r->rest.at, len);
    r->rest = bytes_of(len ? r->rest.at + len : r->rest.at, r->rest.len - len);
    return taken;
}

static inline uint64_t get_number(reader *r, size_t size)
{
    bytes taken = get_bytes(r, size);
    uint64_t v = 0;
    if (taken.at) memcpy((uint8_t *)&v + sizeof v - size, taken.at, size);
    return be64toh(v);
}

uint8_t get_u8(reader *r)
{
    return (uint8_t)get_number(r, 1);
}
uint16_t get_u16(reader *r)
{
    return (uint16_t)get_number(r, 2);
}
uint32_t get_u32(reader *r)
{
    return (uint32_t)get_number(r, 4);
}
uint64_t get_u64(reader *r)
{
    return get_number(r, 8);
}

bytes get_sized(reader *r)
{
    uint16_t len = get_u16(r);
    return get_bytes(r, len);
}

void store_u64(uint8_t out[8], uint64_t v)
{
    v = htobe64(v);
    memcpy(out, &v, sizeof v);
}

uint64_t load_u64(const uint8_t in[8])
{
    uint64_t v;
    memcpy(&v, in, sizeof v);
    return be64toh(v);
}

/* ---- UTF-8 ---- */

size_t utf8_sequence(bytes b)
{
    if (b.len == 0) return 0;
    uint8_t lead = b.at[0];
    if (lead < 0x80) return 1;
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || b.len < len) return 0;
    for (size_t i = 1; i < len; i++) {
        if ((b.at[i] & 0xc0) != 0x80) return 0;
    }
    bool overlong = (lead == 0xe0 && b.at[1] < 0xa0) || (lead == 0xf0 && b.at[1] < 0x90);
    bool surrogate = lead == 0xed && b.at[1] > 0x9f;
    bool beyond = lead == 0xf4 && b.at[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : len;
}

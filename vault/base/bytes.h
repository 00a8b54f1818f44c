/* Borrowed bytes, and big-endian encoding into and out of fixed buffers with bounds kept. No ownership anywhere here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bytes {
    const uint8_t *at;
    size_t len;
} bytes; /* borrowed: lives as long as what it points into */

static inline bytes bytes_of(const void *at, size_t len)
{
    return (bytes){.at = at, .len = len};
}
bytes bytes_of_text(const char *text); /* without the NUL; NULL gives the empty bytes */

/* Equality for lookups of public bytes: may return early. */
bool bytes_same(bytes a, bytes b);

/* Constant-time equality for tags, MACs and tokens: time depends on the lengths only. */
bool bytes_equal_secret(bytes a, bytes b);

/* Writes past `cap` set `overflow` and write nothing more; check once at the end. */
typedef struct writer {
    uint8_t *at;
    size_t len, cap;
    bool overflow;
} writer;
static inline writer writer_over(void *at, size_t cap)
{
    return (writer){.at = at, .cap = cap};
}
void put_u8(writer *w, uint8_t v);
void put_u16(writer *w, uint16_t v); /* big-endian, like all that follow */
void put_u32(writer *w, uint32_t v);
void put_u64(writer *w, uint64_t v);
void put_bytes(writer *w, bytes b);
void put_sized(writer *w, bytes b);        /* u16 length, then the bytes; more than 65,535 bytes is an overflow */
uint8_t *put_space(writer *w, size_t len); /* room for len bytes to be filled by the caller; NULL on overflow */
static inline bytes writer_bytes(const writer *w)
{
    return (bytes){.at = w->at, .len = w->len};
}

/* Reads past the end set `short_` and give zero or empty bytes; check once at the end. */
typedef struct reader {
    bytes rest;
    bool short_;
} reader;
static inline reader reader_over(bytes b)
{
    return (reader){.rest = b};
}
uint8_t get_u8(reader *r);
uint16_t get_u16(reader *r);
uint32_t get_u32(reader *r);
uint64_t get_u64(reader *r);
bytes get_bytes(reader *r, size_t len);
bytes get_sized(reader *r);
static inline bool reader_done(const reader *r)
{
    return !r->short_ && r->rest.len == 0;
}

void store_u64(uint8_t out[8], uint64_t v); /* big-endian */
uint64_t load_u64(const uint8_t in[8]);

/* Base64 (RFC 4648, with padding) into out, which holds 4 * ((len + 2) / 3) + 1 bytes. Returns the length without NUL.
 */
size_t base64_encode(char *out, bytes in);
/* Strict: padding required, no white space, zero spare bits. Returns false on anything else; *len is at most cap. */
bool base64_decode(uint8_t *out, size_t cap, size_t *len, const char *text, size_t text_len);
void hex_encode(char *out, bytes in); /* 2 * len + 1 bytes, lower case */
/* Length of the well-formed UTF-8 sequence (RFC 3629) at the start of b, or 0. */
size_t utf8_sequence(bytes b);

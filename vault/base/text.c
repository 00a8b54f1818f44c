/* Base64 and hex. Keys pass through here, so no table is indexed and no branch taken by the value of a character. */
#include "vault/base/bytes.h"

/* All ones when low <= c <= high, else zero; all three below 2^31. */
static uint32_t mask(uint32_t c, uint32_t low, uint32_t high)
{
    return (((c - low) | (high - c)) >> 31) - 1;
}

static char base64_char(uint32_t v)
{
    return (char)((mask(v, 0, 25) & (v + 'A')) | (mask(v, 26, 51) & (v - 26 + 'a')) |
                  (mask(v, 52, 61) & (v - 52 + '0')) | (mask(v, 62, 62) & '+') | (mask(v, 63, 63) & '/'));
}

enum { NOT_BASE64 = 64 };

static uint32_t base64_value(char text)
{
    uint32_t c = (uint8_t)text;
    uint32_t upper = mask(c, 'A', 'Z'), lower = mask(c, 'a', 'z'), digit = mask(c, '0', '9');
    uint32_t plus = mask(c, '+', '+'), slash = mask(c, '/', '/');
    return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) | (plus & 62) | (slash & 63) |
           (~(upper | lower | digit | plus | slash) & NOT_BASE64);
}

size_t base64_encode(char *out, bytes in)
{
    size_t len = 0;
    for (size_t i = 0; i < in.len; i += 3) {
        size_t left = in.len - i;
        uint32_t group = (uint32_t)in.at[i] << 16;
        if (left > 1) group |= (uint32_t)in.at[i + 1] << 8;
        if (left > 2) group |= in.at[i + 2];
        out[len++] = base64_char(group >> 18);
        out[len++] = base64_char(group >> 12 & 63);
        out[len++] = left > 1 ? base64_char(group >> 6 & 63) : '=';
        out[len++] = left > 2 ? base64_char(group & 63) : '=';
    }
    out[len] = '\0';
    return len;
}

/* One group of four characters, the last `padding` of them being '='. False when a character or a spare bit is wrong.
 */
static bool base64_group(uint8_t out[3], const char text[4], size_t padding)
{
    uint32_t group = 0, bad = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t value = i < 4 - padding ? base64_value(text[i]) : 0;
        bad |= value & NOT_BASE64;
        group = group << 6 | (value & 63);
    }
    bad |= group & ((1U << (8 * padding)) - 1);
    for (int i = 0; i < 3; i++) out[i] = (uint8_t)(group >> (16 - 8 * i));
    return bad == 0;
}

bool base64_decode(uint8_t *out, size_t cap, size_t *len, const char *text, size_t text_len)
{
    *len = 0;
    if (text_len % 4 != 0) return false;
    size_t padding = 0;
    while (padding < 2 && padding < text_len && text[text_len - 1 - padding] == '=') padding++;
    if (text_len / 4 * 3 - padding > cap) return false;
    size_t written = 0;
    for (size_t i = 0; i < text_len; i += 4) {
        uint8_t group[3];
        size_t missing = i + 4 == text_len ? padding : 0;
        if (!base64_group(group, text + i, missing)) return false;
        for (size_t j = 0; j < 3 - missing; j++) out[written++] = group[j];
    }
    *len = written;
    return true;
}

void hex_encode(char *out, bytes in)
{
    for (size_t i = 0; i < 2 * in.len; i++) {
        uint32_t v = in.at[i / 2] >> (i % 2 ? 0 : 4) & 15;
        out[i] = (char)((mask(v, 0, 9) & (v + '0')) | (mask(v, 10, 15) & (v - 10 + 'a')));
    }
    out[2 * in.len] = '\0';
}

#include "tokenizer/internal.h"

#include <string.h>

const char bech32m_alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

const uint8_t bech32m_values[256] = {
    ['q'] = 1,  ['p'] = 2,  ['z'] = 3,  ['r'] = 4,  ['y'] = 5,  ['9'] = 6,  ['x'] = 7,  ['8'] = 8,
    ['g'] = 9,  ['f'] = 10, ['2'] = 11, ['t'] = 12, ['v'] = 13, ['d'] = 14, ['w'] = 15, ['0'] = 16,
    ['s'] = 17, ['3'] = 18, ['j'] = 19, ['n'] = 20, ['5'] = 21, ['4'] = 22, ['k'] = 23, ['h'] = 24,
    ['c'] = 25, ['e'] = 26, ['6'] = 27, ['m'] = 28, ['u'] = 29, ['a'] = 30, ['7'] = 31, ['l'] = 32,
};

/* The checksum is the remainder of a polynomial over GF(32); `rest` holds its six coefficients, five bits each. */
uint32_t bech32m_step(uint32_t rest, uint32_t value)
{
    uint32_t top = rest >> 25;
    return ((rest & 0x1ffffff) << 5 ^ value) ^ (0x3b6a57b2 & (0 - (top & 1))) ^ (0x26508e6d & (0 - (top >> 1 & 1))) ^
           (0x1ea119fa & (0 - (top >> 2 & 1))) ^ (0x3d4233dd & (0 - (top >> 3 & 1))) ^ (0x2a1462b3 & (0 - (top >> 4)));
}

static uint32_t checksum(const bech32m *parts)
{
    uint32_t rest = 1;
    for (size_t i = 0; i < parts->prefix_len; i++) rest = bech32m_step(rest, parts->prefix[i] >> 5);
    rest = bech32m_step(rest, 0);
    for (size_t i = 0; i < parts->prefix_len; i++) rest = bech32m_step(rest, parts->prefix[i] & 31);
    for (size_t i = 0; i < parts->count; i++) rest = bech32m_step(rest, parts->data[i]);
    for (int i = 0; i < BECH32M_CHECK; i++) rest = bech32m_step(rest, 0);
    return rest ^ BECH32M_CONSTANT;
}

/* The whole text in lower case; false when it is mixed, or holds what is not visible ASCII. */
static bool lower(uint8_t *out, bytes text)
{
    bool has_upper = false, has_lower = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c < 33 || c > 126) return false;
        bool upper = c >= 'A' && c <= 'Z';
        has_upper |= upper;
        has_lower |= c >= 'a' && c <= 'z';
        out[i] = upper ? (uint8_t)(c + 32) : c;
    }
    return !(has_upper && has_lower);
}

static bool take_apart(bech32m *out, uint32_t *check, bytes text)
{
    uint8_t plain[BECH32M_TEXT_MAX];
    if (text.len > BECH32M_TEXT_MAX || !lower(plain, text)) return false;
    size_t separator = text.len;
    while (separator > 0 && plain[separator - 1] != '1') separator--;
    if (separator < 2 || text.len - separator < BECH32M_CHECK) return false;
    out->prefix_len = separator - 1;
    memcpy(out->prefix, plain, out->prefix_len);
    out->count = text.len - separator - BECH32M_CHECK;
    *check = 0;
    for (size_t i = separator; i < text.len; i++) {
        uint8_t value = bech32m_values[plain[i]];
        if (value == 0) return false;
        if (i - separator < out->count)
            out->data[i - separator] = (uint8_t)(value - 1);
        else
            *check = *check << 5 | (uint32_t)(value - 1);
    }
    return true;
}

bech32m_verdict bech32m_read(bech32m *out, bytes text)
{
    uint32_t check;
    if (!take_apart(out, &check, text)) return BECH32M_MALFORMED;
    return check == checksum(out) ? BECH32M_FITS : BECH32M_MISTYPED;
}

void bech32m_write(char *out, const bech32m *parts)
{
    memcpy(out, parts->prefix, parts->prefix_len);
    out += parts->prefix_len;
    *out++ = '1';
    for (size_t i = 0; i < parts->count; i++) *out++ = bech32m_alphabet[parts->data[i]];
    uint32_t check = checksum(parts);
    for (int i = 0; i < BECH32M_CHECK; i++) *out++ = bech32m_alphabet[check >> (5 * (BECH32M_CHECK - 1 - i)) & 31];
}

void five_bits_write(uint8_t *out, size_t count, const uint8_t *from)
{
    for (size_t i = 0; i < count; i++) {
        size_t bit = 5 * i, within = bit % 8;
        unsigned next = within > 3 ? from[bit / 8 + 1] : 0;
        out[i] = (uint8_t)(((unsigned)from[bit / 8] << 8 | next) >> (11 - within) & 31);
    }
}

bool five_bits_read(uint8_t *out, const uint8_t *values_of, size_t count)
{
    uint32_t window = 0;
    unsigned held = 0;
    for (size_t i = 0; i < count; i++) {
        window = window << 5 | values_of[i];
        held += 5;
        if (held < 8) continue;
        held -= 8;
        *out++ = (uint8_t)(window >> held);
    }
    return (window & ((1U << held) - 1)) == 0;
}

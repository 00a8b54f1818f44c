#include "tests/generator/internal.h"

#include <assert.h>

/* A Feistel network over 23 bits (12 and 11) with cycle walking down to the domain: a permutation for every key. */
static uint32_t permute(uint64_t key, uint32_t value)
{
    do {
        uint32_t left = value >> 11, right = value & 0x7FF;
        for (uint64_t round = 0; round < 4; round++) {
            left ^= (uint32_t)mix(key + (round << 32) + right) & 0xFFF;
            right ^= (uint32_t)mix(key + (round << 32) + (1 << 16) + left) & 0x7FF;
        }
        value = left << 11 | right;
    } while (value >= IDENTITY_DOMAIN);
    return value;
}

/* The 46 county parts that are nobody's: 51 to 80, then 84 to 99. */
static unsigned county_part(uint32_t at)
{
    return at < 30 ? 51 + at : 54 + at;
}

identity identity_of(uint64_t seed, uint64_t rank, bool male)
{
    static const uint8_t lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    assert(rank < IDENTITY_DOMAIN);
    uint32_t value = permute(mix(seed + (male ? 1 : 2)), (uint32_t)rank);
    unsigned day = value / 46 % 365, month = 0;
    while (day >= lengths[month]) day -= lengths[month++];
    return (identity){.county = county_part(value % 46),
                      .month = month + 1,
                      .day = day + 1,
                      .sequence = value / (46 * 365) * 2 + (male ? 1 : 2)};
}

char id_check(const char digits[17])
{
    static const uint8_t weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    for (int i = 0; i < 17; i++) sum += weights[i] * (unsigned)(digits[i] - '0');
    return "10X98765432"[sum % 11];
}

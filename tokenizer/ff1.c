/* FF1 (NIST SP 800-38G Rev. 1, algorithms 7 and 8) on whole numbers: the two halves are numbers below 2^56, never
 * strings of digits between the rounds, and b is counted in bits of a whole number.
 *
 * The CBC-MAC over P and Q is prepared once: only the last block of Q holds the round's number and the half, so that a
 * round is one exclusive-or, one block and one remainder. */
#include "tokenizer/ff1.h"
#include "tokenizer/internal.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum { ROUNDS = 10, RADIX_LEAST = 2, RADIX_MOST = 36, TWEAK_MOST = 64, BITS_MOST = 104, HALF_BYTES_MOST = 7 };

/* Or something above 2^104. */
static wide power(unsigned radix, size_t len)
{
    wide p = 1;
    for (; len > 0 && p <= (wide)1 << BITS_MOST; len--) p *= radix;
    return p;
}

/* Bytes of the largest number below radix^len: the b of the standard. */
static unsigned bytes_below(uint64_t end)
{
    unsigned count = 0;
    for (uint64_t v = end - 1; v > 0; v >>= 8) count++;
    return count;
}

/* The standard's P: what it is encrypted to starts the CBC-MAC. */
static void start(uint8_t out[BLOCK_LEN], const ff1 *f, size_t len)
{
    uint8_t p[BLOCK_LEN] = {1, 2, 1, 0, 0, (uint8_t)f->radix, ROUNDS, (uint8_t)(len / 2)};
    p[11] = (uint8_t)len;
    p[15] = (uint8_t)f->tweak.len;
    block_encrypt(f->key, out, p);
}

/* Q = tweak, zeros, round, half. All its blocks but the last are run through; the last one's part of the tweak goes on
 * top. */
static void run_through(uint8_t mac[BLOCK_LEN], const ff1 *f, size_t half_bytes)
{
    uint8_t q[TWEAK_MOST + BLOCK_LEN] = {0};
    size_t len = (f->tweak.len + half_bytes + 1 + BLOCK_LEN - 1) / BLOCK_LEN * BLOCK_LEN;
    if (f->tweak.len > 0) memcpy(q, f->tweak.at, f->tweak.len);
    for (size_t at = 0; at < len; at += BLOCK_LEN) {
        for (size_t i = 0; i < BLOCK_LEN; i++) mac[i] ^= q[at + i];
        if (at + BLOCK_LEN < len) block_encrypt(f->key, mac, mac);
    }
}

void ff1_prepare(ff1_plan *out, const ff1 *f, size_t len)
{
    assert(f->radix >= RADIX_LEAST && f->radix <= RADIX_MOST && f->tweak.len <= TWEAK_MOST && len <= BITS_MOST);
    wide domain = power(f->radix, len);
    assert(domain >= PRESERVE_LEAST && domain <= (wide)1 << BITS_MOST);
    uint8_t mac[BLOCK_LEN];
    *out = (ff1_plan){
        .key = f->key, .left = (uint64_t)power(f->radix, len / 2), .right = (uint64_t)power(f->radix, len - len / 2)};
    unsigned half_bytes = bytes_below(out->right);
    assert(half_bytes <= HALF_BYTES_MOST);
    start(mac, f, len);
    run_through(mac, f, half_bytes);
    out->high = load_u64(mac);
    out->low = load_u64(mac + 8);
    out->half_bits = 8 * half_bytes;
    out->long_remainder = half_bytes > 4;
}

/* The round's y, reduced: of d = 4 * ceil(b / 4) + 4 bytes, 8 or 12, of the last block. */
static inline uint64_t round_value(const ff1_plan *p, unsigned round, uint64_t half, uint64_t modulus)
{
    lanes block = {htobe64(p->high), htobe64(p->low ^ ((uint64_t)round << p->half_bits | half))};
    block_encrypt(p->key, (uint8_t *)&block, (uint8_t *)&block);
    uint64_t first = be64toh(block[0]);
    if (!p->long_remainder) return first % modulus;
    return (uint64_t)(((wide)first << 32 | be64toh(block[1]) >> 32) % modulus);
}

void ff1_forward(const ff1_plan *p, uint64_t *a, uint64_t *b)
{
    uint64_t left = *a, right = *b;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t modulus = round % 2 == 0 ? p->left : p->right;
        uint64_t sum = left + round_value(p, round, right, modulus);
        left = right;
        right = sum < modulus ? sum : sum - modulus;
    }
    *a = left, *b = right;
}

void ff1_back(const ff1_plan *p, uint64_t *a, uint64_t *b)
{
    uint64_t left = *a, right = *b;
    for (unsigned round = ROUNDS; round-- > 0;) {
        uint64_t modulus = round % 2 == 0 ? p->left : p->right;
        uint64_t value = round_value(p, round, left, modulus);
        uint64_t difference = right >= value ? right - value : right + modulus - value;
        right = left;
        left = difference;
    }
    *a = left, *b = right;
}

/* ---- strings of digits ---- */

static uint64_t number_of(const uint8_t *digits, size_t len, unsigned radix)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++) {
        assert(digits[i] < radix);
        v = v * radix + digits[i];
    }
    return v;
}

static void digits_of(uint8_t *digits, size_t len, unsigned radix, uint64_t v)
{
    for (; len > 0; v /= radix) digits[--len] = (uint8_t)(v % radix);
}

static void apply(const ff1 *f, uint8_t *digits, size_t len, void (*rounds)(const ff1_plan *, uint64_t *, uint64_t *))
{
    ff1_plan p;
    size_t left = len / 2;
    ff1_prepare(&p, f, len);
    uint64_t a = number_of(digits, left, f->radix), b = number_of(digits + left, len - left, f->radix);
    rounds(&p, &a, &b);
    digits_of(digits, left, f->radix, a);
    digits_of(digits + left, len - left, f->radix, b);
}

void ff1_encrypt(const ff1 *f, uint8_t *digits, size_t len)
{
    apply(f, digits, len, ff1_forward);
}

void ff1_decrypt(const ff1 *f, uint8_t *digits, size_t len)
{
    apply(f, digits, len, ff1_back);
}

/* FF1 on numbers, for this room: preserve.h declares it on strings of digits. */
#pragma once
#include "tokenizer/preserve.h"

/* All that stays the same under one key, radix, length and tweak. Holds no key, but what it holds is made with one:
 * lives as long as a call. */
typedef struct ff1_plan {
    block_cipher *key;
    uint64_t high, low;   /* CBC-MAC up to the last block, and that block's part of the tweak */
    uint64_t left, right; /* radix^(len / 2) and radix^(len - len / 2): the halves are below */
    unsigned half_bits;   /* 8 * b of the standard: where the round's number stands above the half */
    bool long_remainder;  /* d is 12 bytes, not 8 */
} ff1_plan;
/* As ff1_encrypt asserts. */
void ff1_prepare(ff1_plan *out, const ff1 *f, size_t len);
/* *a below left, *b below right, before and after. */
void ff1_forward(const ff1_plan *p, uint64_t *a, uint64_t *b);
void ff1_back(const ff1_plan *p, uint64_t *a, uint64_t *b);

/* Tokens as they are found in a leak: mistyped, cut, without prefix, raw. Pure. What a text can have been is tried, and
 * the caller's keys say which of it was: a forgery passes once in 2^64, a bech32m check once in 2^30. */
#pragma once
#include "tokenizer/pseudonym.h"

/* Says of a candidate whether it is genuine: opens its pseudonym under the keys of its domain and epoch. For raw bytes
 * domain and epoch are 0: all of them are to be tried, and filled in where one fits. */
typedef struct damage_judge {
    void *context;
    bool (*genuine)(void *context, token *candidate);
} damage_judge;

typedef struct damage_found {
    bool genuine;
    token token;
    unsigned mended; /* characters: wrong or missing; what is gone of the prefix does not count */
    uint64_t work;   /* candidates whose check characters were looked at: what the search cost */
    bool given_up;   /* `budget` ran out */
} damage_found;

enum { DAMAGE_TEXT_MAX = 128, DAMAGE_WRONG_MAX = 2, DAMAGE_MISSING_MAX = 4 };
/* The text form in any case, with blanks and punctuation around and within, without "rv1" or with a part of it, with up
 * to two wrong characters (any place after the prefix), or up to four missing ones (marked by '?' or '_', or just
 * gone); or 16 bytes in hexadecimal (32 digits, also with '-' or ':' or "0x") or base64 / base64url. `budget`:
 * candidates at most. */
damage_found damage_read(bytes text, const damage_judge *judge, uint64_t budget);

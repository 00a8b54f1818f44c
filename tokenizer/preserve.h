/* Format-preserving tokens (NIST SP 800-38G, FF1): a value becomes another valid value of its format, and back. Pure.
 *
 * "resident_id": the rank of (area, birth date, sequence) goes through FF1 with cycle walking, the check digit is made
 * anew. The token of a number whose area is one of the 3,377 county codes that python3-stdnum 1.18 lists has such an
 * area again, and is accepted there. All other areas of the format (given out before 2002 or after 2022, foreigners,
 * fictitious ones) stay among themselves in the same way: such a token passes the format, as its number does. So a
 * token tells of its number only whether the area is in the list. Dates are those of the format, 1850 to 2100: future
 * ones too.
 *
 * "mobile": the first three digits stay, the last eight go through FF1.
 *
 * The tweak is the field's name, so that two fields of one domain do not show equal values; of a mobile number its
 * first three digits are in it, too. */
#pragma once
#include "keys/keys.h"
#include "tokenizer/format.h"

enum { PRESERVE_LEAST = 1000000, PRESERVE_TEXT_MAX = 32 };
/* How many values a format's tokens are spread over, at least; 0: the format has none. Below PRESERVE_LEAST none is
 * offered (SP 800-38G Rev. 1). */
uint64_t preserve_domain(const format *f);

/* `key`: of the domain and epoch, derived with the label "resident-vault ff1 1" from the ring "token/<n>". The text is
 * NUL-terminated in `out`. INVALID with reason NOT_PRESERVABLE: a value that is not of the
 * format in its canonical form, or a format that has no tokens. The tweak is of 60 bytes at most (asserted). Nothing
 * tells a token from any other value: who opens what was never sealed gets another valid value. */
typedef struct preserve {
    block_cipher *key;
    const format *format;
    bytes tweak;
} preserve;
VAULT_MUST_USE vault_code preserve_seal(char out[PRESERVE_TEXT_MAX + 1], const preserve *p, bytes value,
                                        vault_error *err);
VAULT_MUST_USE vault_code preserve_open(char out[PRESERVE_TEXT_MAX + 1], const preserve *p, bytes text,
                                        vault_error *err);

/* FF1 itself (SP 800-38G Rev. 1, algorithms 7 and 8) over digits 0 to radix - 1, in place; radix 2 to 36, radix^len
 * from PRESERVE_LEAST to 2^104, tweak up to 64 bytes (asserted). */
typedef struct ff1 {
    block_cipher *key;
    unsigned radix;
    bytes tweak;
} ff1;
void ff1_encrypt(const ff1 *f, uint8_t *digits, size_t len);
void ff1_decrypt(const ff1 *f, uint8_t *digits, size_t len);

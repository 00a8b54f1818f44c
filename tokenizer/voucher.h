/* The text of vouchers and handovers: bech32m (BIP-350) with prefix "rvv" or "rvh", 26 data characters (128 random bits
 * ‖ 2 zero bits) and 6 check characters: 36 in all, lower case (upper case is read too, mixed case is not). What the
 * secret stands for is stored by the vault (vault/service/voucher.c). */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"

typedef enum voucher_kind { VOUCHER_VALUES = 1, VOUCHER_HANDOVER = 2 } voucher_kind;
enum { VOUCHER_LEN = 16, VOUCHER_TEXT_LEN = 36 };

/* The text, NUL-terminated. */
void voucher_write(char out[VOUCHER_TEXT_LEN + 1], voucher_kind kind, const uint8_t secret[VOUCHER_LEN]);
/* INVALID with reason TOKEN_MISTYPED (check characters) or TOKEN_MALFORMED (length, alphabet, prefix, case, spare bits;
 * also: of the other kind). */
VAULT_MUST_USE vault_code voucher_read(uint8_t out[VOUCHER_LEN], voucher_kind kind, bytes text, vault_error *err);

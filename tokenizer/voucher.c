#include "tokenizer/voucher.h"
#include "tokenizer/internal.h"

#include <assert.h>
#include <string.h>

enum { VOUCHER_VALUES_COUNT = 26, PREFIX_LEN = 3 };
static_assert((int)VOUCHER_TEXT_LEN == (int)PREFIX_LEN + 1 + (int)VOUCHER_VALUES_COUNT + (int)BECH32M_CHECK,
              "the text's parts");

static const char *prefix_of(voucher_kind kind)
{
    return kind == VOUCHER_HANDOVER ? "rvh" : "rvv";
}

void voucher_write(char out[VOUCHER_TEXT_LEN + 1], voucher_kind kind, const uint8_t secret[VOUCHER_LEN])
{
    uint8_t packed[VOUCHER_LEN + 1] = {0};
    bech32m parts = {.prefix_len = PREFIX_LEN, .count = VOUCHER_VALUES_COUNT};
    memcpy(packed, secret, VOUCHER_LEN);
    memcpy(parts.prefix, prefix_of(kind), PREFIX_LEN);
    five_bits_write(parts.data, VOUCHER_VALUES_COUNT, packed);
    bech32m_write(out, &parts);
    out[VOUCHER_TEXT_LEN] = '\0';
}

vault_code voucher_read(uint8_t out[VOUCHER_LEN], voucher_kind kind, bytes text, vault_error *err)
{
    bech32m parts;
    bech32m_verdict verdict = text.len == VOUCHER_TEXT_LEN ? bech32m_read(&parts, text) : BECH32M_MALFORMED;
    if (verdict != BECH32M_MALFORMED &&
        !bytes_same(bytes_of(parts.prefix, parts.prefix_len), bytes_of(prefix_of(kind), PREFIX_LEN)))
        verdict = BECH32M_MALFORMED;
    if (verdict == BECH32M_FITS && !five_bits_read(out, parts.data, VOUCHER_VALUES_COUNT)) verdict = BECH32M_MALFORMED;
    if (verdict == BECH32M_MISTYPED) return vault_refuse(err, VAULT_INVALID, "TOKEN_MISTYPED", "");
    return verdict == BECH32M_FITS ? VAULT_OK : vault_refuse(err, VAULT_INVALID, "TOKEN_MALFORMED", "");
}

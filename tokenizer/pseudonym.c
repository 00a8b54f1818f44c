#include "tokenizer/pseudonym.h"
#include "tokenizer/internal.h"

#include <assert.h>
#include <string.h>

enum { ID_LEN = 8, DOMAIN_BITS = 24, TOKEN_BYTES = 3 + 2 + PSEUDONYM_LEN, TOKEN_VALUES = 34 };
static_assert((int)PSEUDONYM_LEN == (int)BLOCK_LEN, "a pseudonym is one block");
static_assert((int)TOKEN_TEXT_LEN == 2 + 1 + (int)TOKEN_VALUES + (int)BECH32M_CHECK, "the text's parts");

void pseudonym_seal(block_cipher *key, uint8_t out[PSEUDONYM_LEN], resident_id id)
{
    assert(id.id > 0);
    uint8_t block[BLOCK_LEN] = {0};
    store_u64(block, (uint64_t)id.id);
    block_encrypt(key, out, block);
    wipe(block, sizeof block);
}

resident_id pseudonym_open(block_cipher *key, const uint8_t pseudonym[PSEUDONYM_LEN])
{
    static const uint8_t zeros[BLOCK_LEN - ID_LEN] = {0};
    uint8_t block[BLOCK_LEN];
    block_decrypt(key, block, pseudonym);
    bool genuine = bytes_equal_secret(bytes_of(block + ID_LEN, sizeof zeros), bytes_of(zeros, sizeof zeros));
    int64_t id = (int64_t)load_u64(block);
    wipe(block, sizeof block);
    return (resident_id){genuine && id > 0 ? id : 0};
}

void token_write(char out[TOKEN_TEXT_LEN + 1], const token *t)
{
    assert(t->domain < 1U << DOMAIN_BITS);
    uint8_t packed[TOKEN_BYTES + 1] = {(uint8_t)(t->domain >> 16), (uint8_t)(t->domain >> 8), (uint8_t)t->domain,
                                       (uint8_t)(t->epoch >> 8), (uint8_t)t->epoch};
    memcpy(packed + 5, t->pseudonym, PSEUDONYM_LEN);
    bech32m parts = {.prefix = {'r', 'v'}, .prefix_len = 2, .count = TOKEN_VALUES};
    five_bits_write(parts.data, TOKEN_VALUES, packed);
    bech32m_write(out, &parts);
    out[TOKEN_TEXT_LEN] = '\0';
}

vault_code token_read(token *out, bytes text, vault_error *err)
{
    bech32m parts;
    uint8_t packed[TOKEN_BYTES];
    bech32m_verdict verdict = text.len == TOKEN_TEXT_LEN ? bech32m_read(&parts, text) : BECH32M_MALFORMED;
    if (verdict != BECH32M_MALFORMED && (parts.prefix_len != 2 || parts.prefix[0] != 'r' || parts.prefix[1] != 'v'))
        verdict = BECH32M_MALFORMED;
    if (verdict == BECH32M_FITS && !five_bits_read(packed, parts.data, TOKEN_VALUES)) verdict = BECH32M_MALFORMED;
    if (verdict == BECH32M_MISTYPED) return vault_refuse(err, VAULT_INVALID, "TOKEN_MISTYPED", "");
    if (verdict != BECH32M_FITS) return vault_refuse(err, VAULT_INVALID, "TOKEN_MALFORMED", "");
    out->domain = (uint32_t)packed[0] << 16 | (uint32_t)packed[1] << 8 | packed[2];
    out->epoch = (uint16_t)(packed[3] << 8 | packed[4]);
    memcpy(out->pseudonym, packed + 5, PSEUDONYM_LEN);
    return VAULT_OK;
}

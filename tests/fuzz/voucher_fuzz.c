/* voucher_read takes any bytes; what it accepts is written again as it was read, and is not taken as the other kind. */
#include "tokenizer/voucher.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as(voucher_kind kind, bytes text)
{
    vault_error err = {0};
    uint8_t secret[VOUCHER_LEN];
    char again[VOUCHER_TEXT_LEN + 1];
    if (voucher_read(secret, kind, text, &err) != VAULT_OK) {
        if (err.code != VAULT_INVALID || !err.reason) abort();
        return;
    }
    voucher_write(again, kind, secret);
    if (text.len != VOUCHER_TEXT_LEN) abort();
    for (size_t i = 0; i < text.len; i++)
        if ((text.at[i] | 32) != (again[i] | 32)) abort();
    if (voucher_read(secret, kind == VOUCHER_VALUES ? VOUCHER_HANDOVER : VOUCHER_VALUES, text, &err) == VAULT_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_as(VOUCHER_VALUES, bytes_of(data, size));
    read_as(VOUCHER_HANDOVER, bytes_of(data, size));
    return 0;
}

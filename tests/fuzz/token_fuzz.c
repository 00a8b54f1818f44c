/* token_read takes any bytes; what it accepts is written again as it was read. */
#include "tokenizer/pseudonym.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vault_error err = {0};
    token t;
    char again[TOKEN_TEXT_LEN + 1];
    if (token_read(&t, bytes_of(data, size), &err) != VAULT_OK) {
        if (err.code != VAULT_INVALID || !err.reason) abort();
        return 0;
    }
    token_write(again, &t);
    for (size_t i = 0; i < size; i++) {
        if ((data[i] | 32) != (again[i] | 32)) abort();
    }
    return size == TOKEN_TEXT_LEN ? 0 : (abort(), 0);
}

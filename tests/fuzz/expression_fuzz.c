/* expression_read takes any text; what it accepts is written, and read again as the same condition. */
#include "vault/cli/expression.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const Vault__V1__Condition *a, const Vault__V1__Condition *b)
{
    static uint8_t first[4 * EXPRESSION_MAX], second[4 * EXPRESSION_MAX];
    size_t len = vault__v1__condition__get_packed_size(a);
    if (len > sizeof first || len != vault__v1__condition__get_packed_size(b)) abort();
    (void)vault__v1__condition__pack(a, first);
    (void)vault__v1__condition__pack(b, second);
    if (memcmp(first, second, len) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    vault_error err = {0};
    Vault__V1__Condition *c = NULL, *again = NULL;
    char *text = mem ? arena_text(mem, bytes_of(data, size)) : NULL;
    if (!text || expression_read(&c, mem, text, &err) != VAULT_OK) {
        if (text && (err.code != VAULT_INVALID || !err.detail[0])) abort();
        return 0;
    }
    const char *written = expression_write(mem, c);
    if (!written) abort();
    if (strlen(written) > EXPRESSION_MAX) return 0; /* backslashes, or a band of one value */
    if (expression_read(&again, mem, written, &err) != VAULT_OK) abort();
    same(c, again);
    return 0;
}

/* Page tokens: where to go on, and of which question. */
#include "vault/service/internal.h"

#include <string.h>

enum { PAGE_TOKEN_LEN = 16 };

char *page_token(arena *mem, uint64_t conditions, int64_t from)
{
    uint8_t raw[PAGE_TOKEN_LEN];
    char *text = arena_alloc(mem, 4 * ((PAGE_TOKEN_LEN + 2) / 3) + 1);
    store_u64(raw, (uint64_t)from);
    store_u64(raw + 8, conditions);
    if (text) base64_encode(text, bytes_of(raw, sizeof raw));
    return text;
}

vault_code page_token_read(int64_t *from, const char *text, uint64_t conditions, vault_error *err)
{
    uint8_t raw[PAGE_TOKEN_LEN];
    size_t len = 0;
    if (!text[0]) return VAULT_OK;
    bool good = base64_decode(raw, sizeof raw, &len, text, strlen(text)) && len == sizeof raw;
    if (!good || load_u64(raw) > INT64_MAX) return refuse_at(err, "BAD_PAGE_TOKEN", "page_token", -1);
    if (load_u64(raw + 8) != conditions) return refuse_at(err, "PAGE_TOKEN_OF_OTHER_QUERY", "page_token", -1);
    *from = (int64_t)load_u64(raw);
    return VAULT_OK;
}

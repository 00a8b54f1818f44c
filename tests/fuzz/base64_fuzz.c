/* Strict base64: whatever is read must be written back as the same text, and nothing lands past the room given. */
#include "vault/base/bytes.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[4096];
    static char text[8192];
    if (size < 1 || size > 4096) return 0;
    size_t cap = data[0] * 16U, len;
    memset(out, 0xee, sizeof out);
    bool read = base64_decode(out, cap, &len, (const char *)data + 1, size - 1);
    if (cap < sizeof out && out[cap] != 0xee) abort();
    if (!read) return len == 0 ? 0 : (abort(), 0);
    if (len > cap || base64_encode(text, bytes_of(out, len)) != size - 1) abort();
    if (memcmp(text, data + 1, size - 1) != 0) abort();
    return 0;
}

#include "tokenizer/pseudonym.h"
#include "vault/base/secret.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

static_assert((int)PSEUDONYM_LEN == (int)BLOCK_LEN, "a pseudonym is one block");

/* A block stored at once: stored in two halves, the cipher's load of it would wait for both to reach the cache. */
typedef uint64_t pair __attribute__((vector_size(16)));

void pseudonym_seal(block_cipher *key, uint8_t out[PSEUDONYM_LEN], resident_id id)
{
    assert(id.id > 0);
    const pair block = {htobe64((uint64_t)id.id), 0};
    memcpy(out, &block, sizeof block);
    block_encrypt(key, out, out);
}

resident_id pseudonym_open(block_cipher *key, const uint8_t pseudonym[PSEUDONYM_LEN])
{
    uint64_t words[2];
    block_decrypt(key, (uint8_t *)words, pseudonym);
    bool genuine = words[1] == 0; /* one comparison of all 64 bits: constant time */
    int64_t id = (int64_t)be64toh(words[0]);
    wipe(words, sizeof words);
    return (resident_id){genuine && id > 0 ? id : 0};
}

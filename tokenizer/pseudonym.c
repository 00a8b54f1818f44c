#include "tokenizer/pseudonym.h"
#include "tokenizer/internal.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

static_assert((int)PSEUDONYM_LEN == (int)BLOCK_LEN, "a pseudonym is one block");

void pseudonym_seal(block_cipher *key, uint8_t out[PSEUDONYM_LEN], resident_id id)
{
    assert(id.id > 0);
    const lanes block = {htobe64((uint64_t)id.id), 0};
    memcpy(out, &block, sizeof block);
    block_encrypt(key, out, out);
}

resident_id pseudonym_open(block_cipher *key, const uint8_t pseudonym[PSEUDONYM_LEN])
{
    lanes block; /* tells nothing that is not given back */
    block_decrypt(key, (uint8_t *)&block, pseudonym);
    bool genuine = block[1] == 0; /* one comparison of all 64 bits: constant time */
    int64_t id = (int64_t)be64toh(block[0]);
    return (resident_id){genuine && id > 0 ? id : 0};
}

#include "tokenizer/pseudonym.h"
#include "vault/base/secret.h"

#include <assert.h>

enum { ID_LEN = 8 };
static_assert((int)PSEUDONYM_LEN == (int)BLOCK_LEN, "a pseudonym is one block");

void pseudonym_seal(block_cipher *key, uint8_t out[PSEUDONYM_LEN], resident_id id)
{
    assert(id.id > 0);
    store_u64(out, (uint64_t)id.id);
    store_u64(out + ID_LEN, 0);
    block_encrypt(key, out, out);
}

resident_id pseudonym_open(block_cipher *key, const uint8_t pseudonym[PSEUDONYM_LEN])
{
    uint8_t block[BLOCK_LEN];
    block_decrypt(key, block, pseudonym);
    bool genuine = load_u64(block + ID_LEN) == 0; /* one comparison of all 64 bits: constant time */
    int64_t id = (int64_t)load_u64(block);
    wipe(block, sizeof block);
    return (resident_id){genuine && id > 0 ? id : 0};
}

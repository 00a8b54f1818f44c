#include "tokenizer/term.h"

void natural_key(prf *key, uint8_t out[NATURAL_LEN], bytes id_number)
{
    prf_compute(key, out, NATURAL_LEN, &id_number, 1);
}

int64_t equality_term(prf *key, bytes value)
{
    uint8_t term[sizeof(int64_t)];
    prf_compute(key, term, sizeof term, &value, 1);
    return (int64_t)load_u64(term);
}

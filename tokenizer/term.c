#include "tokenizer/term.h"

#include <string.h>

static const char *const names[INDEX_KINDS] = {[INDEX_EQUALITY] = "equality",
                                               [INDEX_SUFFIX] = "suffix",
                                               [INDEX_NGRAM] = "ngram",
                                               [INDEX_BAND] = "band",
                                               [INDEX_CODE] = "code"};

void natural_key(prf *key, uint8_t out[NATURAL_LEN], bytes id_number)
{
    prf_compute(key, out, NATURAL_LEN, &id_number, 1);
}

const char *index_kind_name(index_kind k)
{
    return (unsigned)k < INDEX_KINDS ? names[k] : "";
}

bool index_kind_named(index_kind *out, const char *name)
{
    for (*out = 0; *out < INDEX_KINDS; ++*out)
        if (strcmp(names[*out], name) == 0) return true;
    return false;
}

bool index_by_street(index_kind k)
{
    return k == INDEX_NGRAM || k == INDEX_BAND || k == INDEX_CODE;
}

const char *index_misfit(index_kind k, const format *f)
{
    if (k != INDEX_EQUALITY) return "only 'equality' is built yet";
    return format_values(f) >= 1000000000 ? NULL
                                          : "equal terms of so few values would show their distribution: take []";
}

static int64_t term_of(prf *key, const term_place *place, bytes value)
{
    uint8_t head[9] = {(uint8_t)place->kind}, term[8];
    store_u64(head + 1, index_by_street(place->kind) ? (uint64_t)place->street : 0);
    prf_compute(key, term, sizeof term, (const bytes[]){bytes_of(head, sizeof head), value}, 2);
    return (int64_t)load_u64(term);
}

vault_code terms_of_value(term_list *out, arena *mem, prf *key, const term_place *place, bytes value, vault_error *err)
{
    *out = (term_list){.at = arena_array(mem, 1, sizeof *out->at), .count = 1};
    if (!out->at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for terms");
    out->at[0] = term_of(key, place, value);
    return VAULT_OK;
}

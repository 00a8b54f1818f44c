/* The rows that are measured: lengths are real (from the generator), sealed bytes are random, as ciphertext is. */
#pragma once
#include "tests/generator/generator.h"

enum {
    LAYOUT_FIELDS = GENERATOR_CORE_FIELDS,
    LAYOUT_TERMS = 4,
    PACK_LIMIT = 4096,
    TAG_LEN = 28,
    DEK_LEN = 60,
    KEY_LEN = 16
};

typedef struct layout_row {
    int64_t id, area;
    uint8_t natural_key[KEY_LEN], tag[TAG_LEN], dek[DEK_LEN];
    int64_t terms[LAYOUT_TERMS]; /* of ID number, name, mobile, household */
    size_t segments;             /* fields that have a value */
    uint8_t fields[2 * LAYOUT_FIELDS];
    uint16_t starts[2 * LAYOUT_FIELDS + 1]; /* segment i is pack[starts[i]] to pack[starts[i + 1]] */
    uint8_t pack[PACK_LIMIT];
} layout_row;

/* Resident `index` (id index + 1); `salt` makes other random bytes of the same lengths; all fields `copies` times (1 or
 * 2). */
void layout_row_make(const generator *g, uint64_t index, uint64_t salt, unsigned copies, layout_row *out);

#include "tests/bench/layout/rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 15, NONCE = 12, TAG = 16 };

static uint64_t step(uint64_t *state)
{
    uint64_t v = *state += UINT64_C(0x9E3779B97F4A7C15);
    v = (v ^ (v >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    v = (v ^ (v >> 27)) * UINT64_C(0x94D049BB133111EB);
    return v ^ (v >> 31);
}

static void fill(uint64_t *state, uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t v = step(state);
        memcpy(at + i, &v, len - i < 8 ? len - i : 8);
    }
}

/* As tokenizer/format.h: two bytes of length before the text. */
static size_t padded(size_t len)
{
    static const uint16_t classes[] = {16, 32, 48, 64, 96, 128, 192, 256, 384, 512};
    size_t i = 0;
    while (classes[i] < len + 2) i++;
    return classes[i];
}

static int64_t term_of(bytes value)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ value.len;
    for (size_t i = 0; i < value.len; i++) hash = (hash ^ value.at[i]) * 1099511628211u;
    return (int64_t)step(&hash);
}

static void put_segment(layout_row *out, uint64_t *random, unsigned field, size_t len)
{
    size_t at = out->starts[out->segments], sealed = NONCE + padded(len) + TAG;
    assert(at + HEADER + sealed <= PACK_LIMIT);
    memset(out->pack + at, 0, HEADER); /* versions, suites and departments repeat from row to row */
    out->pack[at + 1] = (uint8_t)field;
    out->pack[at + 5] = 1;
    out->pack[at + 6] = 1;
    out->pack[at + 14] = (uint8_t)sealed;
    fill(random, out->pack + at + HEADER, sealed);
    out->fields[out->segments++] = (uint8_t)field;
    out->starts[out->segments] = (uint16_t)(at + HEADER + sealed);
}

void layout_row_make(const generator *g, uint64_t index, uint64_t salt, unsigned copies, layout_row *out)
{
    resident r;
    generator_resident(g, index, &r);
    uint64_t fixed = index, random = index ^ (salt * UINT64_C(0xD1B54A32D192ED03));
    out->id = (int64_t)index + 1;
    out->area = strtoll(resident_text(&r, FIELD_RESIDENCE_AREA), NULL, 10);
    fill(&fixed, out->natural_key, sizeof out->natural_key);
    fill(&random, out->tag, sizeof out->tag);
    fill(&random, out->dek, sizeof out->dek);
    out->terms[0] = term_of(resident_value(&r, FIELD_ID_NUMBER));
    out->terms[1] = term_of(resident_value(&r, FIELD_NAME));
    out->terms[2] = term_of(resident_value(&r, FIELD_PHONE));
    out->terms[3] = term_of(resident_value(&r, FIELD_HOUSEHOLD_NUMBER));
    out->segments = 0;
    out->starts[0] = 0;
    for (unsigned f = 0; f < copies * LAYOUT_FIELDS; f++) {
        size_t len = resident_value(&r, f % LAYOUT_FIELDS + 1).len;
        if (len > 0) put_segment(out, &random, f + 1, len);
    }
}

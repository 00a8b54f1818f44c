/* Counts of lines by group, and of the distinct residents that they are about: exact, in a few bits for each. */
#pragma once
#include "vault/base/bytes.h"

typedef struct tally tally;
/* Empty; and given back, with all that it holds. */
tally *tally_new(void);
void tally_free(tally **t); /* takes NULL inside */
/* What a kind counts of one thing (a purpose, a reason; "" for all); made where there is none. Texts are copied. */
size_t tally_group(tally *t, const char *kind, const char *of);
/* One line more; resident 0: of nobody. */
void tally_add(tally *t, size_t group, int64_t resident);
typedef struct tally_count {
    const char *kind, *of; /* borrowed from the tally */
    uint64_t lines, residents;
} tally_count;
size_t tally_size(const tally *t);
/* In the order in which the groups were made. */
tally_count tally_at(const tally *t, size_t group);

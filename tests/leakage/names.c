#include "tests/leakage/names.h"

#include "vault/base/memory.h"
#include <math.h>
#include <string.h>

/* Shares fall as (rank + flat) to the power of -steep. */
typedef struct law {
    unsigned count;
    double flat, steep;
} law;
enum { SINGLES = 400, CHARACTERS = 600, PAIRS = 3000, FIRST_CHARACTER = 0x4E00, GROUP_STEP = 300 };
static const law single_law = {SINGLES, 5, 1.3}, character_law = {CHARACTERS, 10, 1.0}, pair_law = {PAIRS, 10, 1.1};

struct nation {
    double singles[SINGLES], characters[CHARACTERS], pairs[PAIRS]; /* sums of shares up to a rank */
    wheel surnames;
};

static void spread(double *sums, const law *l)
{
    double sum = 0;
    for (unsigned i = 0; i < l->count; i++) sums[i] = sum += pow(i + 1 + l->flat, -l->steep);
    for (unsigned i = 0; i < l->count; i++) sums[i] /= sum;
}

nation *nation_new(void)
{
    nation *n = memory_new(sizeof *n);
    spread(n->singles, &single_law);
    spread(n->characters, &character_law);
    spread(n->pairs, &pair_law);
    wheel_build(&n->surnames, surname_weights, SURNAMES);
    return n;
}

void nation_free(nation **n)
{
    memory_free(*n, sizeof **n);
    *n = NULL;
}

static unsigned rank_of(const double *sums, unsigned count, stream *s)
{
    double at = (double)(draw(s) >> 11) * 0x1p-53;
    unsigned low = 0, high = count - 1;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (sums[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Each sex and generation has its own favourites among characters that they share. */
static char *add(char *to, unsigned group, unsigned rank)
{
    unsigned c = FIRST_CHARACTER + group * GROUP_STEP + rank;
    *to++ = (char)(0xE0 | c >> 12);
    *to++ = (char)(0x80 | (c >> 6 & 0x3F));
    *to++ = (char)(0x80 | (c & 0x3F));
    return to;
}

void nation_name(const nation *n, stream *s, bool male, unsigned birth_year, char out[NATION_NAME_MAX])
{
    unsigned group = (male ? 1U : 0U) + (birth_year < 1985 ? 2U : 0U), kind = below(s, 100);
    const char *surname = surnames[wheel_turn(&n->surnames, s)];
    size_t len = strlen(surname);
    memcpy(out, surname, len);
    char *at = out + len;
    if (kind < 15) {
        at = add(at, group, rank_of(n->singles, SINGLES, s));
    } else {
        /* A pair that many have is two characters of its own, the same each time. */
        stream fixed = {.state = mix(group * PAIRS + rank_of(n->pairs, PAIRS, s) + 1)};
        stream *from = kind < 50 ? &fixed : s;
        at = add(at, group, rank_of(n->characters, CHARACTERS, from));
        at = add(at, group, rank_of(n->characters, CHARACTERS, from));
    }
    *at = 0;
}

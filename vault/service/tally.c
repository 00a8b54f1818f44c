/* Each resident gets a number in the order of its first line; each group has a bit for each number, in pieces that are
 * made when something falls into them. */
#include "vault/service/tally.h"

#include "vault/base/memory.h"

#include <string.h>

enum { PIECE_BITS = 65536, PIECE_WORDS = PIECE_BITS / 64, SLOTS_FIRST = 1024, GROUPS_FIRST = 64 };

typedef struct group {
    char *kind, *of;
    uint64_t lines, residents;
    uint64_t **pieces;
    size_t piece_count;
} group;

struct tally {
    group *groups;
    size_t count, room;
    int64_t *ids; /* open addressing; 0: free */
    uint32_t *numbers;
    size_t slots, used;
};

tally *tally_new(void)
{
    tally *t = memory_new(sizeof *t);
    t->room = GROUPS_FIRST;
    t->groups = memory_array(t->room, sizeof *t->groups);
    t->slots = SLOTS_FIRST;
    t->ids = memory_array(t->slots, sizeof *t->ids);
    t->numbers = memory_array(t->slots, sizeof *t->numbers);
    return t;
}

static void group_clear(group *g)
{
    memory_free(g->kind, strlen(g->kind) + 1);
    memory_free(g->of, strlen(g->of) + 1);
    for (size_t i = 0; i < g->piece_count; i++) memory_free(g->pieces[i], PIECE_WORDS * sizeof **g->pieces);
    memory_free(g->pieces, g->piece_count * sizeof *g->pieces);
}

void tally_free(tally **at)
{
    tally *t = *at;
    *at = NULL;
    if (!t) return;
    for (size_t i = 0; i < t->count; i++) group_clear(&t->groups[i]);
    memory_free(t->groups, t->room * sizeof *t->groups);
    memory_free(t->ids, t->slots * sizeof *t->ids);
    memory_free(t->numbers, t->slots * sizeof *t->numbers);
    memory_free(t, sizeof *t);
}

/* ---- groups ---- */

size_t tally_group(tally *t, const char *kind, const char *of)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->groups[i].kind, kind) == 0 && strcmp(t->groups[i].of, of) == 0) return i;
    if (t->count == t->room) {
        t->groups = memory_grow(t->groups, t->room * sizeof *t->groups, 2 * t->room * sizeof *t->groups);
        t->room *= 2;
    }
    t->groups[t->count] = (group){.kind = memory_text(kind), .of = memory_text(of)};
    return t->count++;
}

size_t tally_size(const tally *t)
{
    return t->count;
}

tally_count tally_at(const tally *t, size_t at)
{
    const group *g = &t->groups[at];
    return (tally_count){g->kind, g->of, g->lines, g->residents};
}

/* ---- residents ---- */

/* Where the id stands, or would. */
static size_t slot_of(const int64_t *ids, size_t slots, int64_t id)
{
    uint64_t hash = (uint64_t)id * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(hash >> 32) & (slots - 1);
    while (ids[at] && ids[at] != id) at = (at + 1) & (slots - 1);
    return at;
}

static void widen(tally *t)
{
    size_t slots = 2 * t->slots;
    int64_t *ids = memory_array(slots, sizeof *ids);
    uint32_t *numbers = memory_array(slots, sizeof *numbers);
    for (size_t i = 0; i < t->slots; i++) {
        if (!t->ids[i]) continue;
        size_t to = slot_of(ids, slots, t->ids[i]);
        ids[to] = t->ids[i];
        numbers[to] = t->numbers[i];
    }
    memory_free(t->ids, t->slots * sizeof *t->ids);
    memory_free(t->numbers, t->slots * sizeof *t->numbers);
    t->ids = ids;
    t->numbers = numbers;
    t->slots = slots;
}

static uint32_t number_of(tally *t, int64_t id)
{
    if (t->used * 3 >= t->slots * 2) widen(t);
    size_t at = slot_of(t->ids, t->slots, id);
    if (!t->ids[at]) {
        t->ids[at] = id;
        t->numbers[at] = (uint32_t)t->used++;
    }
    return t->numbers[at];
}

static uint64_t *piece_of(group *g, size_t piece)
{
    if (piece >= g->piece_count) {
        g->pieces = memory_grow(g->pieces, g->piece_count * sizeof *g->pieces, (piece + 1) * sizeof *g->pieces);
        g->piece_count = piece + 1;
    }
    if (!g->pieces[piece]) g->pieces[piece] = memory_array(PIECE_WORDS, sizeof **g->pieces);
    return g->pieces[piece];
}

void tally_add(tally *t, size_t at, int64_t resident)
{
    group *g = &t->groups[at];
    g->lines++;
    if (resident == 0) return;
    uint32_t number = number_of(t, resident);
    uint64_t *word = &piece_of(g, number / PIECE_BITS)[number % PIECE_BITS / 64], bit = UINT64_C(1) << number % 64;
    g->residents += !(*word & bit);
    *word |= bit;
}

#include "vault/audit/groups.h"

#include "vault/audit/query_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MEMORY = 256 << 20,
    BLOCK_MEMORY = 128 << 20,
    BLOCK_KEEPS = 16 << 20,
    STRETCHES_MOST = 48, /* of a call */
    UNKEPT_COSTS = 16,   /* a stretch that is read from its lines, in stretches */
    SLOTS_FIRST = 1 << 12
};
static const int64_t SECOND_US = 1000000, DAY_S = 86400, CHINA_S = 8 * 3600;
static const int64_t STREET = 1000000; /* the last six digits of an area are within the street */

static const char *const NAMES[GROUP_KEYS] = {"action", "outcome", "app",    "department", "person", "purpose", "field",
                                              "form",   "rule",    "clause", "street",     "day",    "hour"};
static const column_text TEXT_OF[GROUP_KEYS] = {[GROUP_ACTION] = COLUMN_TEXTS,  [GROUP_OUTCOME] = COLUMN_TEXTS,
                                                [GROUP_APP] = COLUMN_APP,       [GROUP_DEPARTMENT] = COLUMN_DEPARTMENT,
                                                [GROUP_PERSON] = COLUMN_PERSON, [GROUP_PURPOSE] = COLUMN_PURPOSE,
                                                [GROUP_FIELD] = COLUMN_FIELDS,  [GROUP_FORM] = COLUMN_FORM,
                                                [GROUP_RULE] = COLUMN_RULE,     [GROUP_CLAUSE] = COLUMN_CLAUSE,
                                                [GROUP_STREET] = COLUMN_TEXTS,  [GROUP_DAY] = COLUMN_TEXTS,
                                                [GROUP_HOUR] = COLUMN_TEXTS};

group_key group_key_read(const char *name)
{
    group_key k = 0;
    while (k < GROUP_KEYS && strcmp(NAMES[k], name) != 0) k++;
    return k;
}

/* ---- counters ---- */

typedef struct counter {
    uint32_t says[GROUP_KEYS_MOST]; /* number of each key */
    uint64_t count;                 /* 0: free */
    int64_t first_us, last_us;
} counter;

/* Texts of one key, numbered as they come. */
typedef struct name_table {
    const char **at;
    uint32_t *slots; /* by hash: number + 1; 0: free. Twice as many as there is room for names */
    size_t count, room;
} name_table;

typedef struct grouping {
    const line_groups *by;
    arena *mem; /* counters and names */
    counter *slots;
    size_t slot_count, count;
    name_table names[GROUP_KEYS_MOST];
} grouping;

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no room for groups");
}

static counter *slot_of(counter *slots, size_t slot_count, const uint32_t says[GROUP_KEYS_MOST])
{
    uint64_t h = says[0] * UINT64_C(0x9e3779b97f4a7c15) ^ says[1] * UINT64_C(0xc2b2ae3d27d4eb4f) ^
                 says[2] * UINT64_C(0x165667b19e3779f9);
    size_t at = (h ^ h >> 32) & (slot_count - 1);
    while (slots[at].count && memcmp(slots[at].says, says, sizeof slots[at].says) != 0)
        at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

static vault_code grow(grouping *g, vault_error *err)
{
    size_t slot_count = g->slot_count ? 4 * g->slot_count : SLOTS_FIRST;
    counter *slots = arena_array(g->mem, slot_count, sizeof *slots);
    if (!slots) return no_room(err);
    for (size_t i = 0; i < g->slot_count; i++)
        if (g->slots[i].count) *slot_of(slots, slot_count, g->slots[i].says) = g->slots[i];
    g->slots = slots;
    g->slot_count = slot_count;
    return VAULT_OK;
}

static vault_code count_line(grouping *g, const uint32_t says[GROUP_KEYS_MOST], int64_t time_us, vault_error *err)
{
    if (2 * g->count >= g->slot_count) VAULT_TRY(grow(g, err));
    counter *c = slot_of(g->slots, g->slot_count, says);
    if (c->count++ == 0) {
        memcpy(c->says, says, sizeof c->says);
        c->first_us = time_us;
        g->count++;
    }
    c->last_us = time_us; /* times never go back */
    return VAULT_OK;
}

/* ---- names ---- */

static uint32_t *name_slot(const name_table *t, bytes text)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < text.len; i++) h = (h ^ text.at[i]) * UINT64_C(1099511628211);
    size_t mask = 2 * t->room - 1, at = (h ^ h >> 29) & mask;
    while (t->slots[at] && !bytes_same(bytes_of_text(t->at[t->slots[at] - 1]), text)) at = (at + 1) & mask;
    return &t->slots[at];
}

static bool more_names(name_table *t, arena *mem)
{
    size_t room = t->room ? 4 * t->room : 64;
    const char **at = arena_array(mem, room, sizeof *at);
    uint32_t *slots = arena_array(mem, 2 * room, sizeof *slots);
    if (!at || !slots) return false;
    if (t->count) memcpy(at, t->at, t->count * sizeof *at);
    *t = (name_table){.at = at, .slots = slots, .count = t->count, .room = room};
    for (size_t i = 0; i < t->count; i++) *name_slot(t, bytes_of_text(at[i])) = (uint32_t)i + 1;
    return true;
}

static vault_code name_number(uint32_t *out, name_table *t, arena *mem, bytes text, vault_error *err)
{
    if (t->count == t->room && !more_names(t, mem)) return no_room(err);
    uint32_t *slot = name_slot(t, text);
    if (*slot == 0) {
        if (!(t->at[t->count] = arena_text(mem, text))) return no_room(err);
        *slot = (uint32_t)++t->count;
    }
    *out = *slot - 1;
    return VAULT_OK;
}

/* Of a stretch: for each number of its texts the numbers here, more than one where the text is a list. */
typedef struct numbering {
    uint32_t *first; /* where those of text n begin in `names`; first[n + 1]: where they end */
    uint32_t *names;
} numbering;

static size_t names_in(const char *list, bool is_list)
{
    size_t count = 1;
    for (; is_list && *list; list++) count += *list == ',';
    return count;
}

static vault_code number_texts(numbering *out, grouping *g, size_t k, arena *scratch, const line_columns *c,
                               vault_error *err)
{
    column_text t = TEXT_OF[g->by->by[k]];
    size_t all = 0, at = 0;
    bool is_list = t == COLUMN_FIELDS;
    for (size_t n = 0; n < c->text_count[t]; n++) all += names_in(c->texts[t][n], is_list);
    out->first = arena_array(scratch, c->text_count[t] + 1, sizeof *out->first);
    out->names = arena_array(scratch, all, sizeof *out->names);
    if (!out->first || !out->names) return no_room(err);
    for (size_t n = 0; n < c->text_count[t]; n++) {
        const char *text = c->texts[t][n];
        out->first[n] = (uint32_t)at;
        for (size_t left = names_in(text, is_list); left > 0; left--) {
            size_t len = is_list ? strcspn(text, ",") : strlen(text);
            VAULT_TRY(name_number(&out->names[at++], &g->names[k], g->mem, bytes_of(text, len), err));
            text += len + 1;
        }
    }
    out->first[c->text_count[t]] = (uint32_t)at;
    return VAULT_OK;
}

/* ---- a stretch ---- */

static uint32_t number_of(group_key by, const line_columns *c, size_t i)
{
    int64_t local = c->time_us[i] / SECOND_US + CHINA_S;
    switch (by) {
    case GROUP_ACTION:
        return c->action[i];
    case GROUP_OUTCOME:
        return c->outcome[i];
    case GROUP_STREET:
        return (uint32_t)(c->area[i] / STREET);
    case GROUP_DAY:
        return (uint32_t)(local / DAY_S);
    default:
        return (uint32_t)(local % DAY_S / 3600);
    }
}

/* A line under each combination of what it says: only one of the keys can be a list. */
static vault_code group_line(grouping *g, const numbering *of, const line_columns *c, size_t i, vault_error *err)
{
    uint32_t key[GROUP_KEYS_MOST] = {0}, from = 0, end = 1;
    const uint32_t *list = NULL;
    size_t at = 0;
    for (size_t k = 0; k < g->by->by_count; k++) {
        column_text t = TEXT_OF[g->by->by[k]];
        uint16_t n = t == COLUMN_TEXTS ? 0 : c->text[t][i];
        if (t == COLUMN_TEXTS)
            key[k] = number_of(g->by->by[k], c, i);
        else if (t == COLUMN_FIELDS)
            list = of[k].names, from = of[k].first[n], end = of[k].first[n + 1], at = k;
        else
            key[k] = of[k].names[n];
    }
    for (; from < end; from++) {
        if (list) key[at] = list[from];
        VAULT_TRY(count_line(g, key, c->time_us[i], err));
    }
    return VAULT_OK;
}

typedef struct span {
    int64_t from, end; /* indexes */
} span;

static vault_code group_stretch(grouping *g, arena *scratch, const line_columns *c, const line_query *q, span lines,
                                vault_error *err)
{
    numbering of[GROUP_KEYS_MOST] = {0};
    column_match m;
    VAULT_TRY(column_match_make(&m, scratch, c, q, err));
    if (m.none) return VAULT_OK;
    for (size_t k = 0; k < g->by->by_count; k++)
        if (TEXT_OF[g->by->by[k]] != COLUMN_TEXTS) VAULT_TRY(number_texts(&of[k], g, k, scratch, c, err));
    for (int64_t at = lines.from; at < lines.end; at++) {
        size_t i = (size_t)(at - c->first);
        if (column_matches(&m, c, i)) VAULT_TRY(group_line(g, of, c, i, err));
    }
    return VAULT_OK;
}

/* ---- what comes out ---- */

static char *day_text(arena *mem, uint32_t day)
{
    char text[16];
    time_t at = (time_t)day * DAY_S;
    struct tm parts;
    if (!gmtime_r(&at, &parts) || strftime(text, sizeof text, "%Y-%m-%d", &parts) == 0) return NULL;
    return arena_text(mem, bytes_of_text(text));
}

static const char *key_text(const grouping *g, size_t k, uint32_t number, arena *mem)
{
    switch (g->by->by[k]) {
    case GROUP_ACTION:
        return number < LINE_ACTIONS ? line_action_name((line_action)number) : "";
    case GROUP_OUTCOME:
        return number < LINE_OUTCOMES ? line_outcome_name((line_outcome)number) : "";
    case GROUP_STREET:
        return number ? arena_format(mem, "%09u", number) : "";
    case GROUP_DAY:
        return day_text(mem, number);
    case GROUP_HOUR:
        return arena_format(mem, "%02u", number);
    default:
        return arena_text(mem, bytes_of_text(g->names[k].at[number]));
    }
}

static int by_frequency(const void *a, const void *b)
{
    const counter *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return memcmp(x->says, y->says, sizeof x->says);
}

static vault_code put_out(line_groups *out, const grouping *g, arena *mem, vault_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < g->slot_count; i++)
        if (g->slots[i].count) g->slots[count++] = g->slots[i];
    if (count > 0) qsort(g->slots, count, sizeof *g->slots, by_frequency);
    out->count = count < GROUPS_MOST ? count : GROUPS_MOST;
    out->other_count = 0;
    for (size_t i = out->count; i < count; i++) out->other_count += g->slots[i].count;
    out->at = arena_array(mem, out->count + 1, sizeof *out->at);
    if (!out->at) return no_room(err);
    for (size_t i = 0; i < out->count; i++) {
        const counter *c = &g->slots[i];
        out->at[i] = (line_group){.count = c->count, .first_us = c->first_us, .last_us = c->last_us};
        for (size_t k = 0; k < out->by_count; k++)
            if (!(out->at[i].keys[k] = key_text(g, k, c->says[k], mem))) return no_room(err);
    }
    return VAULT_OK;
}

/* ---- the question ---- */

static bool keys_fit(const line_groups *g)
{
    bool fit = g->by_count > 0 && g->by_count <= GROUP_KEYS_MOST;
    for (size_t k = 0; fit && k < g->by_count; k++) {
        fit = g->by[k] < GROUP_KEYS;
        for (size_t before = 0; before < k; before++) fit = fit && g->by[before] != g->by[k];
    }
    return fit;
}

typedef struct walk {
    scribe *sc;
    store *s;
    const line_query *q;
    arena *block;
    span left;
    unsigned stretches; /* that this call may still look at */
} walk;

static vault_code bound(walk *w, arena *mem, int64_t size, vault_error *err)
{
    w->left = (span){w->q->from, size};
    if (w->q->start_us > 0) {
        int64_t first;
        VAULT_TRY(ledger_since(&first, w->sc, w->s, mem, w->q->start_us, err));
        if (first > w->left.from) w->left.from = first;
    }
    if (w->q->end_us > 0) {
        int64_t end;
        VAULT_TRY(ledger_since(&end, w->sc, w->s, mem, w->q->end_us, err));
        if (end < size) w->left.end = end;
    }
    return VAULT_OK;
}

static vault_code group_next(grouping *g, walk *w, vault_error *err)
{
    line_columns c;
    arena_reset(w->block);
    VAULT_TRY(ledger_columns(&c, w->sc, w->s, w->block, w->left.from / COLUMN_STRETCH, err));
    int64_t end = c.first + (int64_t)c.count;
    if (end > w->left.end) end = w->left.end;
    if (end <= w->left.from) return vault_fail(err, VAULT_INTEGRITY, "the log went back while it was read");
    VAULT_TRY(group_stretch(g, w->block, &c, w->q, (span){w->left.from, end}, err));
    unsigned costs = c.kept ? 1 : UNKEPT_COSTS;
    w->stretches -= w->stretches < costs ? w->stretches : costs;
    w->left.from = end;
    return VAULT_OK;
}

vault_code ledger_groups(line_groups *inout, scribe *sc, store *s, arena *mem, const line_query *q, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *own = arena_new(MEMORY);
    VAULT_CLEANUP(arena_free) arena *block = arena_new(BLOCK_MEMORY);
    grouping g = {.by = inout, .mem = own};
    walk w = {.sc = sc, .s = s, .q = q, .block = block, .stretches = STRETCHES_MOST};
    head_row head;
    if (!keys_fit(inout)) return vault_fail(err, VAULT_INVALID, "groups by %zu keys", inout->by_count);
    if (!own || !block) return no_room(err);
    arena_keep(block, BLOCK_KEEPS);
    VAULT_TRY(ledger_head(sc->of, s, &head, err));
    VAULT_TRY(bound(&w, own, head.size, err));
    while (w.left.from < w.left.end && w.stretches > 0) VAULT_TRY(group_next(&g, &w, err));
    inout->size = head.size;
    inout->next = w.left.from < w.left.end ? w.left.from : -1;
    return put_out(inout, &g, mem, err);
}

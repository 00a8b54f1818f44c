/* One pass over the columns: who has seen whom, as far as the list asks. The work of a line is a few look-ups in tables
 * of numbers; what a text means is found out once a stretch. */
#include "vault/audit/openings_internal.h"
#include "vault/base/memory.h"

#include <string.h>

enum {
    SAMPLED = 4 << 20, /* residents kept in all sets of accessors together */
    SAMPLE_LEAST = 256,
    SAMPLE_MOST = 64 << 10, /* in one of them */
    HITS_MOST = 8 << 20,
    MET_LEAST = 1 << 20, /* bits */
    MET_MOST = 1 << 28,
    MANY = 1 << 20, /* residents */
    TEXTS = 64 << 20,
    AHEAD = 16, /* lines */
};

/* What the texts of a stretch mean. */
typedef struct stretch_tables {
    uint64_t *fields; /* of the question's, by number of COLUMN_FIELDS */
    uint32_t *sized;  /* the same, of those that sizes go by */
    bool *plain;      /* by number of COLUMN_FORM */
    size_t field_texts, form_texts;
    number_map pairs; /* (app, person) to accessor + 1 */
} stretch_tables;

static void *grow(grown *g, size_t size)
{
    if (g->count == g->cap) {
        const size_t cap = g->cap ? 2 * g->cap : 64;
        g->at = memory_grow(g->at, g->cap * size, cap * size);
        g->cap = cap;
    }
    return (char *)g->at + g->count++ * size;
}

/* ---- the question ---- */

static void read_fields(gathering *g)
{
    const openings_question *q = g->q;
    for (size_t f = 0; f < q->field_count; f++) {
        const uint64_t bit = UINT64_C(1) << f;
        size_t with = 0;
        for (size_t i = 0; i < q->leaked_count; i++) with += (q->leaked[i].fields & bit) != 0;
        if (with) g->any |= bit;
        if (2 * with > q->leaked_count) g->needed |= bit;
    }
}

/* The first SIZED_FIELDS bits of `needed` that are in a set of fields. */
static uint32_t sized_of(const gathering *g, uint64_t fields)
{
    uint32_t out = 0;
    unsigned place = 0;
    for (unsigned f = 0; f < LEAK_FIELDS_MAX && place < SIZED_FIELDS; f++) {
        if (!(g->needed >> f & 1)) continue;
        if (fields >> f & 1) out |= UINT32_C(1) << place;
        place++;
    }
    return out;
}

gathering *gathering_new(const openings_question *q)
{
    gathering *g = memory_new(sizeof *g);
    g->q = q;
    g->texts = arena_new(TEXTS);
    g->area_of = memory_array(q->leaked_count + 1, sizeof *g->area_of);
    g->sized_of = memory_array(q->leaked_count + 1, sizeof *g->sized_of);
    g->tables = memory_new(sizeof *g->tables);
    g->met_part = q->residents > MANY ? 4 : 1;
    g->met_bits = MET_LEAST;
    while (g->met_bits < MET_MOST && g->met_bits < 8 * q->residents / g->met_part) g->met_bits *= 2;
    g->met = memory_array(g->met_bits / 64, sizeof *g->met);
    read_fields(g);
    g->sized = sized_of(g, g->needed);
    for (size_t i = 0; i < q->leaked_count; i++) g->sized_of[i] = sized_of(g, q->leaked[i].fields);
    for (size_t i = q->leaked_count; i-- > 0;) {
        bool made;
        *number_map_at(&g->leaked_at, (uint64_t)q->leaked[i].resident, &made) = (uint32_t)i;
    }
    return g;
}

/* ---- names ---- */

/* A number of its own for each text, from 1 on. */
static vault_code number_of_text(uint32_t *out, gathering *g, const char *text, vault_error *err)
{
    bool made;
    *out = 0;
    if (!*text) return VAULT_OK;
    uint32_t *number = number_map_at(&g->names, column_request(text), &made);
    if (made) {
        const char **spelling = grow(&g->spellings, sizeof *spelling);
        if (!(*spelling = arena_text(g->texts, bytes_of_text(text))))
            return vault_fail(err, VAULT_EXHAUSTED, "no room for the names of accessors");
        *number = (uint32_t)g->spellings.count;
    }
    *out = *number;
    return VAULT_OK;
}

static const char *spelling_of(const gathering *g, uint32_t number)
{
    return number ? ((const char **)g->spellings.at)[number - 1] : NULL;
}

static const char *text_at(const line_columns *c, column_text which, size_t i)
{
    return c->texts[which][c->text[which][i]];
}

static vault_code add_accessor(uint32_t *out, gathering *g, const line_columns *c, size_t i, vault_error *err)
{
    uint32_t app, department, person;
    bool made;
    VAULT_TRY(number_of_text(&app, g, text_at(c, COLUMN_APP, i), err));
    VAULT_TRY(number_of_text(&person, g, text_at(c, COLUMN_PERSON, i), err));
    VAULT_TRY(number_of_text(&department, g, text_at(c, COLUMN_DEPARTMENT, i), err));
    uint32_t *number = number_map_at(&g->pairs, ((uint64_t)app << 32 | person) + 1, &made);
    if (made) {
        *number = (uint32_t)g->accessors.count;
        accessor *a = grow(&g->accessors, sizeof *a);
        *a = (accessor){
            .app = spelling_of(g, app), .department = spelling_of(g, department), .person = spelling_of(g, person)};
    }
    *out = *number;
    return VAULT_OK;
}

static uint64_t stretch_pair(const line_columns *c, size_t i)
{
    return ((uint64_t)c->text[COLUMN_APP][i] << 16 | c->text[COLUMN_PERSON][i]) + 1;
}

static vault_code accessor_of(uint32_t *out, gathering *g, const line_columns *c, size_t i, vault_error *err)
{
    bool made;
    uint32_t *known = number_map_at(&g->tables->pairs, stretch_pair(c, i), &made);
    if (made) {
        uint32_t number;
        VAULT_TRY(add_accessor(&number, g, c, i, err));
        *known = number;
    }
    *out = *known;
    return VAULT_OK;
}

/* ---- what the texts of a stretch mean ---- */

static uint64_t fields_named(const openings_question *q, const char *names)
{
    uint64_t out = 0;
    while (*names) {
        const size_t len = strcspn(names, ",");
        for (size_t f = 0; f < q->field_count; f++)
            if (strlen(q->fields[f]) == len && strncmp(q->fields[f], names, len) == 0) out |= UINT64_C(1) << f;
        names += len + (names[len] == ',');
    }
    return out;
}

static void forget_stretch(stretch_tables *t)
{
    memory_free(t->fields, t->field_texts * sizeof *t->fields);
    memory_free(t->sized, t->field_texts * sizeof *t->sized);
    memory_free(t->plain, t->form_texts * sizeof *t->plain);
    number_map_free(&t->pairs);
    *t = (stretch_tables){0};
}

static void begin_stretch(gathering *g, const line_columns *c)
{
    stretch_tables *t = g->tables;
    forget_stretch(t);
    t->field_texts = c->text_count[COLUMN_FIELDS];
    t->form_texts = c->text_count[COLUMN_FORM];
    t->fields = memory_array(t->field_texts, sizeof *t->fields);
    t->sized = memory_array(t->field_texts, sizeof *t->sized);
    t->plain = memory_array(t->form_texts, sizeof *t->plain);
    for (size_t n = 0; n < t->field_texts; n++) {
        t->fields[n] = fields_named(g->q, c->texts[COLUMN_FIELDS][n]);
        t->sized[n] = sized_of(g, t->fields[n]);
    }
    for (size_t n = 0; n < t->form_texts; n++) {
        const char *form = c->texts[COLUMN_FORM][n];
        t->plain[n] = *form == '\0' || strcmp(form, "plain") == 0;
    }
}

/* Values came, or were brought: who has put them in knows them, too. */
static bool gives_values(uint8_t action)
{
    return action == LINE_REVEAL || action == LINE_EXPORT || action == LINE_SEARCH || action == LINE_CORRECT ||
           action == LINE_PUT;
}

/* Fields of the list that a line gave; `opens`: that it counts at all. Of a list of tokens alone any dealing does. */
static uint64_t fields_given(bool *opens, const gathering *g, const line_columns *c, size_t i)
{
    const bool granted = c->outcome[i] == LINE_GRANTED && c->resident[i] != 0;
    uint64_t fields = 0;
    if (granted && gives_values(c->action[i]) && g->tables->plain[c->text[COLUMN_FORM][i]])
        fields = g->tables->fields[c->text[COLUMN_FIELDS][i]] & g->any;
    *opens = granted && (fields || !g->any);
    return fields;
}

/* ---- residents of the list ---- */

static bool through(const leaked_resident *l, const line_columns *c, size_t i)
{
    if (l->app && strcmp(l->app, text_at(c, COLUMN_APP, i)) != 0) return false;
    if (!l->purpose) return true;
    const char *purpose = text_at(c, COLUMN_PURPOSE, i);
    const size_t len = strlen(l->purpose);
    return strncmp(purpose, l->purpose, len) == 0 && (purpose[len] == '\0' || purpose[len] == '/');
}

static bool in_version(const leaked_resident *l, uint32_t version)
{
    return !version || (version >= l->least_version && (!l->most_version || version <= l->most_version));
}

/* A line, seen for somebody. */
typedef struct sight {
    uint32_t who;
    uint64_t fields;
} sight;

static vault_code add_hit(gathering *g, const line_columns *c, size_t i, sight by, uint32_t leaked)
{
    bool made;
    const leaked_resident *l = &g->q->leaked[leaked];
    if (!in_version(l, c->record_version[i]) || !through(l, c, i)) return VAULT_OK;
    uint32_t *number = number_map_at(&g->hit_at, ((uint64_t)by.who << 32 | leaked) + 1, &made);
    if (made) {
        if (g->hits.count == HITS_MOST) return VAULT_EXHAUSTED;
        *number = (uint32_t)g->hits.count;
        *(hit *)grow(&g->hits, sizeof(hit)) = (hit){.who = by.who, .leaked = leaked};
    }
    hit *h = (hit *)g->hits.at + *number;
    h->fields |= by.fields;
    h->last_us = c->time_us[i];
    if (h->whole || (h->fields & l->fields) != l->fields) return VAULT_OK;
    h->whole = true;
    h->index = c->first + (int64_t)i;
    h->time_us = c->time_us[i];
    return VAULT_OK;
}

static vault_code see_leaked(gathering *g, const line_columns *c, size_t i, sight by, vault_error *err)
{
    const uint32_t *first = number_map_find(&g->leaked_at, (uint64_t)c->resident[i]);
    for (size_t l = first ? *first : g->q->leaked_count;
         l < g->q->leaked_count && g->q->leaked[l].resident == c->resident[i]; l++)
        if (add_hit(g, c, i, by, (uint32_t)l) != VAULT_OK)
            return vault_fail(err, VAULT_EXHAUSTED, "the list leads to more than %d openings", HITS_MOST);
    return VAULT_OK;
}

static uint32_t sample_size(const gathering *g)
{
    const size_t each = SAMPLED / (g->accessors.count + 1);
    return each > SAMPLE_MOST ? SAMPLE_MOST : each < SAMPLE_LEAST ? SAMPLE_LEAST : (uint32_t)each;
}

/* ---- places ---- */

void place_keys(uint64_t keys[PLACES_OF_AREA], int64_t area)
{
    static const int64_t below[PLACES_OF_AREA] = {1000000, 1000, 1};
    const bool has_grid = area % 1000 != 0;
    for (unsigned k = 0; k < PLACES_OF_AREA; k++) keys[k] = ((uint64_t)(area / below[k]) << 2) + k + 1;
    if (!has_grid) keys[PLACES_OF_AREA - 1] = 0;
}

static void count_in(gathering *g, uint64_t key)
{
    bool made;
    uint32_t *number = number_map_at(&g->place_at, key, &made);
    if (made) {
        *number = (uint32_t)g->places.count;
        *(uint64_t *)grow(&g->places, sizeof(uint64_t)) = 0;
    }
    ((uint64_t *)g->places.at)[*number] += g->met_part;
}

static bool is_counted(const gathering *g, uint64_t mixed)
{
    return (mixed >> 60 & (g->met_part - 1)) == 0;
}

/* False: this one, or (of one in ten at most) another whose bit it is, was met before. */
static bool meet(gathering *g, uint64_t mixed)
{
    const uint64_t bit = mixed & (g->met_bits - 1), mask = UINT64_C(1) << (bit & 63);
    if (g->met[bit >> 6] & mask) return false;
    g->met[bit >> 6] |= mask;
    return true;
}

/* Whoever has a line at all lives where it says. */
static void see_place(gathering *g, const line_columns *c, size_t i, uint64_t mixed)
{
    uint64_t keys[PLACES_OF_AREA];
    const int64_t area = c->area[i];
    if (area <= 0) return;
    const uint32_t *first = number_map_find(&g->leaked_at, (uint64_t)c->resident[i]);
    for (size_t l = first ? *first : g->q->leaked_count;
         l < g->q->leaked_count && g->q->leaked[l].resident == c->resident[i]; l++)
        g->area_of[l] = area;
    if (!is_counted(g, mixed) || !meet(g, mixed)) return;
    g->people += g->met_part;
    place_keys(keys, area);
    for (unsigned k = 0; k < PLACES_OF_AREA && keys[k]; k++) count_in(g, keys[k]);
}

/* ---- lines ---- */

static vault_code see_line(gathering *g, const line_columns *c, size_t i, vault_error *err)
{
    bool opens;
    sight by;
    if (!c->resident[i]) return VAULT_OK;
    const uint64_t mixed = number_mixed((uint64_t)c->resident[i]);
    see_place(g, c, i, mixed);
    by.fields = fields_given(&opens, g, c, i);
    if (!opens) return VAULT_OK;
    VAULT_TRY(accessor_of(&by.who, g, c, i, err));
    const uint32_t sized = by.fields ? g->tables->sized[c->text[COLUMN_FIELDS][i]] : 0;
    distinct_add(&((accessor *)g->accessors.at + by.who)->seen, mixed, sized, sample_size(g));
    return see_leaked(g, c, i, by, err);
}

/* The sets lie far apart: without this, most of the time goes by waiting for memory. */
static void look_ahead(const gathering *g, const line_columns *c, size_t i)
{
    if (i >= c->count || !c->resident[i]) return;
    const uint32_t *known = number_map_find(&g->tables->pairs, stretch_pair(c, i));
    if (known)
        distinct_prefetch(&((const accessor *)g->accessors.at + *known)->seen, number_mixed((uint64_t)c->resident[i]));
}

static uint32_t export_of(gathering *g, uint32_t who, uint64_t request)
{
    bool made;
    uint32_t *number = number_map_at(&g->requests, number_mixed(request ^ number_mixed(who)) | 1, &made);
    if (made) {
        *number = (uint32_t)g->exports.count;
        *(exported *)grow(&g->exports, sizeof(exported)) = (exported){.accessor = who, .request = request};
        ((accessor *)g->accessors.at + who)->exports++;
    }
    return *number;
}

/* Lines [from, until) of one request of one accessor. */
static vault_code see_export(gathering *g, const line_columns *c, size_t from, size_t until, vault_error *err)
{
    bool opens;
    uint32_t who, number = 0;
    uint64_t lines = 0;
    for (size_t i = from; i < until; i++) {
        sight by = {.fields = fields_given(&opens, g, c, i)};
        if (!opens || (by.fields & g->needed) != g->needed) continue;
        if (!lines++) {
            VAULT_TRY(accessor_of(&who, g, c, i, err));
            number = export_of(g, who, c->request[i]);
        }
        by.who = who_export | number;
        VAULT_TRY(see_leaked(g, c, i, by, err));
    }
    if (lines) ((exported *)g->exports.at + number)->lines += lines;
    return VAULT_OK;
}

static bool same_request(const line_columns *c, size_t a, size_t b)
{
    return c->request[a] && c->request[a] == c->request[b] && c->text[COLUMN_APP][a] == c->text[COLUMN_APP][b] &&
           c->text[COLUMN_PERSON][a] == c->text[COLUMN_PERSON][b];
}

vault_code gathering_add(gathering *g, const line_columns *columns, vault_error *err)
{
    size_t from = 0, i = 0;
    if (!g->texts) return vault_fail(err, VAULT_EXHAUSTED, "no room for the names of accessors");
    begin_stretch(g, columns);
    for (; i < columns->count && columns->time_us[i] < g->q->before_us; i++) {
        if (!same_request(columns, from, i)) {
            if (i - from >= EXPORT_LEAST) VAULT_TRY(see_export(g, columns, from, i, err));
            from = i;
        }
        look_ahead(g, columns, i + AHEAD);
        VAULT_TRY(see_line(g, columns, i, err));
    }
    g->lines += i;
    if (i - from >= EXPORT_LEAST) return see_export(g, columns, from, i, err);
    return VAULT_OK;
}

void gathering_free(gathering **of)
{
    gathering *g = *of;
    if (!g) return;
    for (size_t i = 0; i < g->accessors.count; i++) distinct_free(&((accessor *)g->accessors.at + i)->seen);
    memory_free(g->met, g->met_bits / 8);
    number_map *maps[] = {&g->names, &g->pairs, &g->requests, &g->hit_at, &g->leaked_at, &g->place_at};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) number_map_free(maps[i]);
    memory_free(g->spellings.at, g->spellings.cap * sizeof(const char *));
    memory_free(g->accessors.at, g->accessors.cap * sizeof(accessor));
    memory_free(g->exports.at, g->exports.cap * sizeof(exported));
    memory_free(g->hits.at, g->hits.cap * sizeof(hit));
    memory_free(g->places.at, g->places.cap * sizeof(uint64_t));
    memory_free(g->area_of, (g->q->leaked_count + 1) * sizeof *g->area_of);
    memory_free(g->sized_of, (g->q->leaked_count + 1) * sizeof *g->sized_of);
    forget_stretch(g->tables);
    memory_free(g->tables, sizeof *g->tables);
    arena_free(&g->texts);
    memory_free(g, sizeof *g);
    *of = NULL;
}

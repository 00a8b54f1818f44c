#include "vault/service/leak_link.h"
#include "vault/service/leak_spelling.h"
#include "vault/service/token_finder.h"

#include "vault/base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { PART = 4096, PART_MEMORY = 64 << 20, FIRST_ROOM = 256, CHILD_YEARS = 14, BROAD_US = 500000 };

typedef struct link_column {
    const schema_field *field; /* NULL: not a field */
    bool token, sure;          /* sure: names one resident, or nobody */
    bool indexed;              /* for equality */
    uint64_t bit;              /* of its field in the list's */
} link_column;

/* One who may be meant by a row. */
typedef struct candidate {
    int64_t id;
    uint32_t row, version;
    uint64_t by, agree, other; /* columns: that led there, that say the same as the record, and not */
    bool found, child, chosen;
    uint32_t whose; /* its place among the residents, once it is chosen */
} candidate;

typedef struct linking {
    session *s;
    const call *c;
    const leak_list *list;
    leak_links *out;
    link_column columns[LEAK_COLUMNS_MAX];
    size_t count;    /* of columns */
    uint64_t sure;   /* those that are */
    uint64_t own;    /* those of which a canary's value is nobody else's */
    bytes *normal;   /* normalised values, row by row; empty: none, or it is no value of the field */
    uint64_t *broad; /* of each row: columns that lead to too many */
    bool *led;       /* of each row: to anybody */
    candidate *all;
    size_t n, room;
    uint32_t today;
} linking;

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no memory to link a list");
}

vault_code leak_in_time(const call *c, vault_error *err)
{
    const bool late = clock_monotonic_us() >= c->rq->deadline_us;
    return late ? vault_refuse(err, VAULT_UNAVAILABLE, "TOO_LATE", "") : VAULT_OK;
}

static bytes value_of(const linking *l, size_t row, size_t column)
{
    return l->list->values[row * l->count + column];
}

static bytes normal_of(const linking *l, size_t row, size_t column)
{
    return l->normal[row * l->count + column];
}

/* ---- columns and values ---- */

static void read_columns(linking *l)
{
    const schema *known = &l->s->manifest->schema;
    leak_links *out = l->out;
    l->count = l->list->column_count;
    for (size_t i = 0; i < l->count; i++) {
        const char *name = l->list->columns[i];
        link_column *column = &l->columns[i];
        column->token = strcmp(name, LEAK_PSEUDONYM) == 0;
        column->field = name[0] && !column->token ? schema_find(known, bytes_of_text(name)) : NULL;
        column->sure = column->token || (column->field && field_is_unique(column->field));
        if (column->sure) l->sure |= UINT64_C(1) << i;
        l->own |= l->sure;
        if (!column->field) continue;
        if (strcmp(format_name(column->field->format), "mobile") == 0) l->own |= UINT64_C(1) << i;
        column->indexed = column->field->indexes & 1U << INDEX_EQUALITY;
        column->bit = UINT64_C(1) << out->field_count;
        out->fields[out->field_count] = column->field;
        out->names[out->field_count++] = column->field->name;
    }
}

static bool is_natural(const link_column *column)
{
    return column->field && column->field == column->field->collection->natural_key;
}

/* What is no value of its field says nothing; it is counted against the row's candidates. */
static vault_code normalise(linking *l, vault_error *err)
{
    const size_t rows = l->list->row_count;
    l->normal = arena_array(l->s->mem, rows * l->count + 1, sizeof *l->normal);
    l->broad = arena_array(l->s->mem, rows + 1, sizeof *l->broad);
    l->led = arena_array(l->s->mem, rows + 1, sizeof *l->led);
    if (!l->normal || !l->broad || !l->led) return no_room(err);
    for (size_t i = 0; i < rows * l->count; i++) {
        const schema_field *field = l->columns[i % l->count].field;
        vault_error why = {0};
        if (!field || l->list->values[i].len == 0) continue;
        const bytes text = l->list->values[i], meant = leak_spelling(l->s->mem, format_name(field->format), text);
        if (!meant.at) return no_room(err);
        if (format_normalise(field->format, l->s->mem, meant, &l->normal[i], &why) == VAULT_OK) continue;
        vault_error_clear(&why);
        if (format_normalise(field->format, l->s->mem, text, &l->normal[i], &why) != VAULT_OK)
            l->normal[i] = (bytes){0};
        if (why.code == VAULT_EXHAUSTED) return no_room(err);
    }
    return VAULT_OK;
}

/* ---- candidates ---- */

static vault_code add(linking *l, size_t row, size_t column, int64_t id, vault_error *err)
{
    if (l->n == l->room) {
        size_t room = 2 * l->room;
        candidate *more = arena_array(l->s->mem, room, sizeof *more);
        if (!more) return no_room(err);
        memcpy(more, l->all, l->n * sizeof *more);
        l->all = more;
        l->room = room;
    }
    l->all[l->n++] = (candidate){.id = id, .row = (uint32_t)row, .by = UINT64_C(1) << column};
    l->led[row] = true;
    return VAULT_OK;
}

static vault_code by_tokens(linking *l, size_t column, vault_error *err)
{
    token_finder finder;
    VAULT_TRY(token_finder_open(&finder, l->s, err));
    for (size_t row = 0; row < l->list->row_count; row++) {
        const bytes text = leak_spelling(l->s->mem, LEAK_PSEUDONYM, value_of(l, row, column));
        if (!text.at) return no_room(err);
        if (text.len == 0 || text.len > DAMAGE_TEXT_MAX) continue;
        if (!token_find(&finder, text, FINDER_PLAIN).genuine) continue;
        l->out->rows[row].app = finder.domain->of.app;
        l->out->rows[row].purpose = finder.domain->of.purpose;
        VAULT_TRY(add(l, row, column, finder.resident.id, err));
    }
    return err->code;
}

/* Keys or terms of a column that are looked up together, and whose they are. */
typedef struct lookup {
    linking *l;
    size_t column, count;
    uint32_t *row;
    uint8_t (*keys)[NATURAL_LEN];
    int64_t *terms;
} lookup;

static vault_code lookup_new(lookup *out, linking *l, size_t column, vault_error *err)
{
    const size_t most = PART + RING_VERSIONS_MAX;
    *out = (lookup){.l = l,
                    .column = column,
                    .row = arena_array(l->s->mem, most, sizeof *out->row),
                    .keys = arena_array(l->s->mem, most, sizeof *out->keys),
                    .terms = arena_array(l->s->mem, most, sizeof *out->terms)};
    return out->row && out->keys && out->terms ? VAULT_OK : no_room(err);
}

static vault_code look_at_keys(lookup *u, vault_error *err)
{
    session *s = u->l->s;
    resident_row *rows = arena_array(s->mem, u->count + 1, sizeof *rows);
    if (!rows) return no_room(err);
    VAULT_TRY(store_residents_by_key(s->store, s->mem, (const uint8_t(*)[NATURAL_LEN])u->keys, u->count, rows, err));
    for (size_t i = 0; i < u->count; i++)
        if (rows[i].found) VAULT_TRY(add(u->l, u->row[i], u->column, rows[i].id, err));
    u->count = 0;
    return VAULT_OK;
}

/* Hits stand term by term. */
static vault_code look_at_terms(lookup *u, vault_error *err)
{
    session *s = u->l->s;
    const term_ids of = {.terms = u->terms, .count = u->count, .most = LINK_CANDIDATES_MAX + 1};
    term_hit *hits;
    size_t count;
    VAULT_TRY(store_term_hits(s->store, s->mem, &of, &hits, &count, err));
    for (size_t i = 0, end; i < count; i = end) {
        const uint32_t row = u->row[hits[i].place];
        for (end = i + 1; end < count && hits[end].place == hits[i].place;) end++;
        if (end - i > LINK_CANDIDATES_MAX) {
            u->l->broad[row] |= UINT64_C(1) << u->column;
            continue;
        }
        for (size_t k = i; k < end; k++) VAULT_TRY(add(u->l, row, u->column, hits[k].id, err));
    }
    u->count = 0;
    return VAULT_OK;
}

static vault_code by_values(linking *l, size_t column, vault_error *err)
{
    const schema_field *field = l->columns[column].field;
    const bool natural = is_natural(&l->columns[column]);
    lookup u;
    VAULT_TRY(lookup_new(&u, l, column, err));
    for (size_t row = 0; row < l->list->row_count; row++) {
        const bytes text = normal_of(l, row, column);
        size_t versions = 0;
        if (text.len == 0) continue;
        VAULT_TRY(natural
                      ? cabinet_natural_keys(l->s->cabinet, &u.keys[u.count], &versions, field->collection, text, err)
                      : cabinet_equality_terms(l->s->cabinet, &u.terms[u.count], &versions, field, text, err));
        for (size_t v = 0; v < versions; v++) u.row[u.count++] = (uint32_t)row;
        if (u.count >= PART - RING_VERSIONS_MAX) VAULT_TRY(natural ? look_at_keys(&u, err) : look_at_terms(&u, err));
    }
    if (u.count == 0) return VAULT_OK;
    return natural ? look_at_keys(&u, err) : look_at_terms(&u, err);
}

/* ---- values that many have: those who have several of them ---- */

typedef struct broad_search {
    term_probe probes[LEAK_COLUMNS_MAX][RING_VERSIONS_MAX];
    term_set sets[SEARCH_SETS_MAX];
    size_t groups[SEARCH_SETS_MAX], count;
} broad_search;

static vault_code probe(broad_search *b, linking *l, size_t row, size_t column, vault_error *err)
{
    int64_t terms[RING_VERSIONS_MAX];
    size_t versions;
    VAULT_TRY(cabinet_equality_terms(l->s->cabinet, terms, &versions, l->columns[column].field,
                                     normal_of(l, row, column), err));
    for (size_t v = 0; v < versions; v++)
        b->probes[b->count][v] = (term_probe){.term = terms[v], .low = 0, .high = INT64_MAX};
    b->sets[b->count] = (term_set){.at = b->probes[b->count], .count = versions};
    b->groups[b->count] = b->count;
    b->count++;
    return VAULT_OK;
}

/* One that takes too long leads to nobody. */
static vault_code search_broad(linking *l, size_t row, vault_error *err)
{
    broad_search b = {.count = 0};
    int64_t *ids;
    size_t count = 0;
    VAULT_TRY(leak_in_time(l->c, err));
    for (size_t i = 0; i < l->count && b.count < SEARCH_SETS_MAX; i++)
        if (l->broad[row] >> i & 1) VAULT_TRY(probe(&b, l, row, i, err));
    if (b.count < 2) return VAULT_OK;
    const store_search what = {.sets = b.sets,
                               .set_count = b.count,
                               .groups = b.groups,
                               .group_count = b.count,
                               .least = b.count,
                               .limit = LINK_CANDIDATES_MAX + 1,
                               .until_us = clock_monotonic_us() + BROAD_US};
    vault_code code = store_search_ids(l->s->store, l->s->mem, &what, &ids, &count, err);
    if (code == VAULT_EXHAUSTED) return vault_error_clear(err), VAULT_OK;
    VAULT_TRY(code);
    if (count > LINK_CANDIDATES_MAX) return VAULT_OK;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < l->count; k++)
            if (l->broad[row] >> k & 1) VAULT_TRY(add(l, row, k, ids[i], err));
    return VAULT_OK;
}

/* ---- canaries: what they held is known, whether their records are still there or not ---- */

static bytes canary_text(const canary *of, const schema_field *field)
{
    for (size_t i = 0; strcmp(of->collection, field->collection->name) == 0 && i < of->value_count; i++)
        if (strcmp(of->values[i].field, field->name) == 0) return bytes_of_text(of->values[i].text);
    return bytes_of(NULL, 0);
}

/* A value that many have leads to a canary no more than to any of them. */
static vault_code by_canaries(linking *l, size_t column, vault_error *err)
{
    const canary *all;
    const size_t count = manifest_canaries(l->s->manifest, &all);
    for (size_t i = 0; i < count; i++) {
        const bytes text = canary_text(&all[i], l->columns[column].field);
        VAULT_TRY(leak_in_time(l->c, err));
        for (size_t row = 0; text.len && row < l->list->row_count; row++) {
            if (l->broad[row] >> column & 1 || !bytes_same(text, normal_of(l, row, column))) continue;
            VAULT_TRY(add(l, row, column, all[i].resident, err));
        }
    }
    return VAULT_OK;
}

static void compare_canary(linking *l, candidate *at, const canary *of)
{
    for (size_t i = 0; i < l->count; i++) {
        const uint64_t bit = UINT64_C(1) << i;
        const bytes text = normal_of(l, at->row, i);
        if (l->columns[i].token) at->agree |= at->by & bit;
        if (!l->columns[i].field || value_of(l, at->row, i).len == 0) continue;
        const bool same = text.len && bytes_same(text, canary_text(of, l->columns[i].field));
        *(same ? &at->agree : &at->other) |= bit;
    }
    at->version = 1;
    at->found = true;
}

static vault_code find_candidates(linking *l, vault_error *err)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->columns[i].token) VAULT_TRY(by_tokens(l, i, err));
        if (is_natural(&l->columns[i]) || l->columns[i].indexed) VAULT_TRY(by_values(l, i, err));
    }
    for (size_t row = 0; row < l->list->row_count; row++)
        if (!l->led[row] && l->broad[row]) VAULT_TRY(search_broad(l, row, err));
    for (size_t i = 0; i < l->count; i++)
        if (is_natural(&l->columns[i]) || l->columns[i].indexed) VAULT_TRY(by_canaries(l, i, err));
    return VAULT_OK;
}

/* ---- what the records say ---- */

static int by_id(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int by_row(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Several columns may have led to the same one. */
static void merge(linking *l)
{
    size_t n = 0;
    qsort(l->all, l->n, sizeof *l->all, by_id);
    for (size_t i = 0; i < l->n; i++) {
        if (n && l->all[n - 1].id == l->all[i].id && l->all[n - 1].row == l->all[i].row)
            l->all[n - 1].by |= l->all[i].by;
        else
            l->all[n++] = l->all[i];
    }
    l->n = n;
}

static vault_code compare(linking *l, candidate *at, const record *r, vault_error *err)
{
    for (size_t i = 0; i < l->count; i++) {
        const uint64_t bit = UINT64_C(1) << i;
        const bytes text = normal_of(l, at->row, i);
        record_match match = MATCH_ABSENT;
        if (l->columns[i].token) at->agree |= at->by & bit;
        if (!l->columns[i].field || value_of(l, at->row, i).len == 0) continue;
        const record_guess guess = {.field = l->columns[i].field, .text = text};
        if (text.len) VAULT_TRY(record_compare(&match, l->s->cabinet, r, &guess, err));
        *(match == MATCH_SAME ? &at->agree : &at->other) |= bit;
    }
    return VAULT_OK;
}

static vault_code is_child(bool *out, linking *l, const record *r, vault_error *err)
{
    static const policy_class CHILD = {.test = CLASS_AGE_UNDER, .years = CHILD_YEARS};
    const collection *of = schema_collection_number(&l->s->manifest->schema, (unsigned)r->row->collection);
    const class_question q = {
        .record = r, .field = of ? record_birth_field(of) : NULL, .of = &CHILD, .today = l->today};
    class_answer answer = CLASS_UNKNOWN;
    if (q.field) VAULT_TRY(record_class(&answer, l->s->cabinet, &q, err));
    *out = answer == CLASS_IN;
    return VAULT_OK;
}

/* A record that was edited leads to nobody, and is told. That of a canary may be gone: it was retired. */
static vault_code look_at(linking *l, candidate *first, size_t count, const resident_row *row, vault_error *err)
{
    vault_error broken = {0};
    record proven = {.dek = l->s->deks.at};
    bool child = false;
    vault_code code = record_prove(&proven, l->s->cabinet, row, &broken);
    if (code == VAULT_OK && proven.genuine) code = is_child(&child, l, &proven, &broken);
    for (size_t i = 0; i < count && code == VAULT_OK && proven.genuine; i++) {
        code = compare(l, &first[i], &proven, &broken);
        first[i].found = code == VAULT_OK;
        first[i].version = (uint32_t)row->version;
        first[i].child = child;
    }
    const canary *gone = row->found ? NULL : manifest_canary(l->s->manifest, first->id);
    for (size_t i = 0; i < count && gone; i++) compare_canary(l, &first[i], gone);
    record_clear(&proven);
    if (code == VAULT_INTEGRITY) return session_damage(l->s, &broken), VAULT_OK;
    if (code != VAULT_OK) *err = broken;
    return code;
}

static vault_code look_at_all(linking *l, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *each = arena_new(PART_MEMORY);
    int64_t ids[BATCH_ITEMS];
    resident_row *rows = arena_array(l->s->mem, BATCH_ITEMS, sizeof *rows);
    if (!rows || !each) return no_room(err);
    for (size_t i = 0, end; i < l->n; i = end) {
        size_t n = 0;
        arena_reset(each);
        VAULT_TRY(leak_in_time(l->c, err));
        for (end = i; end < l->n && (n < BATCH_ITEMS || l->all[end].id == ids[n - 1]); end++)
            if (n == 0 || l->all[end].id != ids[n - 1]) ids[n++] = l->all[end].id;
        VAULT_TRY(store_residents_by_id(l->s->store, each, ids, n, rows, err));
        for (size_t at = i, of = 0, last; at < end; at = last, of++) {
            for (last = at; last < end && l->all[last].id == ids[of];) last++;
            VAULT_TRY(look_at(l, &l->all[at], last - at, &rows[of], err));
        }
    }
    return VAULT_OK;
}

/* ---- who is meant ---- */

static unsigned bits(uint64_t set)
{
    return (unsigned)__builtin_popcountll(set);
}

/* Whom a sure column names is meant, whatever else is said; whom the others lead to only where most of them agree. */
static bool may_be_meant(const linking *l, const candidate *at)
{
    if (!at->found) return false;
    return (at->agree & l->sure) || bits(at->agree) > bits(at->other);
}

static const char *names_of(const linking *l, uint64_t columns, vault_error *err)
{
    const char *out = "";
    for (size_t i = 0; i < l->count && out; i++) {
        if (!(columns >> i & 1)) continue;
        out = arena_format(l->s->mem, "%s%s%s", out, *out ? "+" : "", l->list->columns[i]);
    }
    if (!out) (void)no_room(err);
    return out;
}

static double weight_of(const linking *l, const candidate *at, unsigned meant)
{
    double agreed = (double)bits(at->agree) / (double)(bits(at->agree) + bits(at->other));
    return (at->agree & l->sure ? 0.5 + 0.5 * agreed : agreed) / meant;
}

/* The candidates of a row: those with whom most columns agree. */
static vault_code choose(linking *l, candidate *first, size_t count, vault_error *err)
{
    link_row *row = &l->out->rows[first->row];
    const candidate *best = NULL;
    unsigned meant = 0;
    for (size_t i = 0; i < count; i++) {
        if (!may_be_meant(l, &first[i])) continue;
        if (!best || bits(first[i].agree) > bits(best->agree)) best = &first[i];
    }
    if (!best) return VAULT_OK;
    const unsigned most = bits(best->agree);
    for (size_t i = 0; i < count; i++) {
        first[i].chosen = may_be_meant(l, &first[i]) && bits(first[i].agree) == most;
        meant += first[i].chosen;
    }
    for (size_t i = 0; i < count && meant > LINK_RESIDENTS_MAX; i++) first[i].chosen = false;
    if (meant > LINK_RESIDENTS_MAX) return VAULT_OK;
    const uint64_t sure = best->agree & l->sure;
    row->residents = meant;
    row->weight = weight_of(l, best, meant);
    row->stale = best->other;
    l->out->linked++;
    return (row->linked_by = names_of(l, sure ? sure : best->agree, err)) ? VAULT_OK : err->code;
}

typedef vault_code row_step(linking *l, candidate *first, size_t count, vault_error *err);

static vault_code each_row(linking *l, row_step *step, vault_error *err)
{
    qsort(l->all, l->n, sizeof *l->all, by_row);
    for (size_t i = 0, end; i < l->n; i = end) {
        for (end = i + 1; end < l->n && l->all[end].row == l->all[i].row;) end++;
        VAULT_TRY(step(l, &l->all[i], end - i, err));
    }
    return VAULT_OK;
}

static uint64_t fields_of(const linking *l, uint64_t columns)
{
    uint64_t out = 0;
    for (size_t i = 0; i < l->count; i++)
        if (columns >> i & 1) out |= l->columns[i].bit;
    return out;
}

static link_resident *resident_of(leak_links *out, const candidate *at)
{
    link_resident *last = out->resident_count ? &out->residents[out->resident_count - 1] : NULL;
    if (last && last->id == at->id) return last;
    last = &out->residents[out->resident_count++];
    *last = (link_resident){.id = at->id, .version = at->version, .child = at->child};
    return last;
}

/* A name that a canary happens to have is no sign of it: a token or a number is, or two columns that led there. */
static bool is_its_own(const linking *l, const candidate *at)
{
    return at->agree & l->own || bits(at->agree & at->by & ~l->broad[at->row]) > 1;
}

/* A resident whom rows name alone is evidence once, however many such rows there are. */
static void find_residents(linking *l)
{
    for (size_t i = 0; i < l->n; i++) {
        candidate *at = &l->all[i];
        link_row *row = &l->out->rows[at->row];
        if (!at->chosen) continue;
        link_resident *whose = resident_of(l->out, at);
        at->whose = (uint32_t)(whose - l->out->residents);
        if (row->residents > 1) continue;
        row->canary = manifest_canary(l->s->manifest, at->id) && is_its_own(l, at);
        whose->canary |= row->canary;
        if (whose->alone) row->weight = 0; /* the earlier row has it */
        whose->alone = true;
        whose->told = 1;
    }
}

/* Nor do rows that may mean several say more of any of them than one row that names him alone. */
static vault_code share_out(linking *l, candidate *first, size_t count, vault_error *err)
{
    link_resident *all = l->out->residents;
    link_row *row = &l->out->rows[first->row];
    if (row->residents < 2) return VAULT_OK;
    for (size_t i = 0; i < count; i++)
        if (first[i].chosen && 1 - all[first[i].whose].told < row->weight) row->weight = 1 - all[first[i].whose].told;
    for (size_t i = 0; i < count; i++)
        if (first[i].chosen) all[first[i].whose].told += row->weight;
    return err->code;
}

static void gather(linking *l)
{
    leak_links *out = l->out;
    for (size_t i = 0; i < l->n; i++) {
        const candidate *at = &l->all[i];
        const link_row *row = &out->rows[at->row];
        if (!at->chosen || !(row->weight > 0)) continue;
        out->stale[out->leaked_count] = fields_of(l, at->other);
        out->leaked[out->leaked_count++] =
            (leaked_resident){.resident = at->id,
                              .row = at->row,
                              .canary = row->residents == 1 && out->residents[at->whose].canary,
                              .fields = fields_of(l, at->agree | at->other)};
    }
}

static vault_code settle(linking *l, vault_error *err)
{
    leak_links *out = l->out;
    out->leaked = arena_array(l->s->mem, l->n + 1, sizeof *out->leaked);
    out->stale = arena_array(l->s->mem, l->n + 1, sizeof *out->stale);
    out->residents = arena_array(l->s->mem, l->n + 1, sizeof *out->residents);
    if (!out->leaked || !out->stale || !out->residents) return no_room(err);
    qsort(l->all, l->n, sizeof *l->all, by_id);
    find_residents(l);
    VAULT_TRY(each_row(l, share_out, err));
    qsort(l->all, l->n, sizeof *l->all, by_id);
    gather(l);
    return VAULT_OK;
}

vault_code leak_link(leak_links *out, session *s, const call *c, const leak_list *list, vault_error *err)
{
    linking l = {.s = s, .c = c, .list = list, .out = out, .today = clock_shanghai_date(c->now_us)};
    *out = (leak_links){.row_count = list->row_count};
    cabinet_use(s->cabinet, s->mem);
    out->rows = arena_array(s->mem, list->row_count + 1, sizeof *out->rows);
    l.all = arena_array(s->mem, FIRST_ROOM, sizeof *l.all);
    if (!out->rows || !l.all) return no_room(err);
    l.room = FIRST_ROOM;
    for (size_t i = 0; i < out->row_count; i++) out->rows[i].linked_by = "";
    read_columns(&l);
    VAULT_TRY(normalise(&l, err));
    VAULT_TRY(find_candidates(&l, err));
    merge(&l);
    VAULT_TRY(look_at_all(&l, err));
    VAULT_TRY(each_row(&l, choose, err));
    return settle(&l, err);
}

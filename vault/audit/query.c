/* Questions of the privacy officer. A line goes out as consistent only when its view opens, fits the leaf, the look-up
 * tags fit the view, and the leaf is proven to stand in the tree of the committed head; what does not fit is shown, not
 * hidden. */
#include "vault/audit/internal.h"
#include "vault/audit/query_internal.h"
#include "vault/base/clock.h"
#include "vault/store/archives.h"

#include <string.h>

enum { LIMIT_MAX = 1000, READ_MAX = 10000, PAGE = 500, PROBES = 32, SCRATCH = 16 << 20 };

/* ---- proof of one line ---- */

static vault_code prove(search *r, int64_t index, bytes leaf, bool *proven, vault_error *err)
{
    line_proof proof = {.index = index, .size = r->tree.size};
    *proven = false;
    arena_reset(r->scratch);
    vault_code code = stored_inclusion(r->s, r->scratch, &proof, err);
    if (code == VAULT_INTEGRITY) {
        vault_error_clear(err);
        return VAULT_OK;
    }
    VAULT_TRY(code);
    digest hash = merkle_leaf(leaf);
    *proven = merkle_verify_inclusion(&hash, index, &r->tree, proof.path);
    return VAULT_OK;
}

/* ---- bounds in time ---- */

static vault_code read_times(search *r, const int64_t *indexes, size_t count, int64_t *times, vault_error *err)
{
    line_row rows[PROBES];
    arena_reset(r->page);
    VAULT_TRY(rows_by_index(r->s, r->page, indexes, count, rows, err));
    for (size_t i = 0; i < count; i++) {
        leaf_facts leaf;
        if (!rows[i].found || !leaf_read(&leaf, rows[i].leaf)) {
            return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is damaged", (long long)indexes[i]);
        }
        times[i] = leaf.time_us;
    }
    return VAULT_OK;
}

/* Narrows [low, high] around the first line at or after `us`: some probes in each round trip. */
static vault_code narrow(search *r, int64_t us, int64_t *low, int64_t *high, vault_error *err)
{
    int64_t indexes[PROBES], times[PROBES], span = *high - *low;
    size_t count = span < PROBES ? (size_t)span : PROBES, i = 0;
    for (size_t p = 0; p < count; p++) indexes[p] = *low + (int64_t)p * (span / (int64_t)count);
    VAULT_TRY(read_times(r, indexes, count, times, err));
    while (i < count && times[i] < us) i++;
    if (i < count) *high = indexes[i];
    if (i > 0) *low = indexes[i - 1] + 1;
    return VAULT_OK;
}

/* One side of a bound: the line is proven, and stands on the side of `us` that it should. */
static vault_code check_side(search *r, int64_t index, int64_t us, bool before, vault_error *err)
{
    line_row row;
    bool proven = false;
    leaf_facts leaf;
    if (index < 0 || index >= r->tree.size) return VAULT_OK;
    arena_reset(r->page);
    VAULT_TRY(rows_by_index(r->s, r->page, &index, 1, &row, err));
    if (row.found) VAULT_TRY(prove(r, index, row.leaf, &proven, err));
    if (proven && leaf_read(&leaf, row.leaf) && (leaf.time_us < us) == before) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is damaged, so that times cannot be told",
                      (long long)index);
}

/* Index of the first line at or after `us`. Times never go back, so the two proven lines around the bound prove it,
 * whatever was done to the lines that the search went by. */
static vault_code find_time(search *r, int64_t us, int64_t *bound, vault_error *err)
{
    int64_t low, high; /* within one archive, where it is among archived lines: no other file is looked into */
    VAULT_TRY(store_archive_around(r->s, us, &low, &high, err));
    if (low > r->tree.size) low = r->tree.size;
    if (high > r->tree.size) high = r->tree.size;
    while (low < high) VAULT_TRY(narrow(r, us, &low, &high, err));
    VAULT_TRY(check_side(r, low - 1, us, true, err));
    VAULT_TRY(check_side(r, low, us, false, err));
    *bound = low;
    return VAULT_OK;
}

/* ---- lines ---- */

/* View against leaf and tags. False: something does not fit; what could be read stands in *out all the same. */
static vault_code search_read(search *r, const line_row *row, opened_line *out, bool *fits, vault_error *err)
{
    leaf_facts leaf;
    opened_view view = {0};
    *fits = false;
    *out = (opened_line){.index = row->index,
                         .archived = row->archived,
                         .leaf = row->leaf,
                         .said = {.outcome = LINE_OUTCOMES, .refers_to = -1}};
    if (leaf_read(&leaf, row->leaf)) out->time_us = leaf.time_us, out->action = leaf.action;
    VAULT_TRY(line_open(&view, fits, r->by, r->page, row, err));
    out->officer_view = bytes_of(view.salted.at + SALT_LEN, view.salted.len - SALT_LEN);
    memcpy(out->officer_salt, view.salted.at, SALT_LEN);
    out->said = view.facts;
    return VAULT_OK;
}

static bool is(const char *wanted, const char *found)
{
    return !wanted || (found && strcmp(wanted, found) == 0);
}

bool line_names(const char *list, const char *field)
{
    size_t len = strlen(field);
    for (const char *at = list; at && *at; at = strchr(at, ','), at += at ? 1 : 0)
        if (strncmp(at, field, len) == 0 && (at[len] == '\0' || at[len] == ',')) return true;
    return false;
}

static bool asked_for(const line_query *q, const opened_line *l)
{
    const line_facts *f = &l->said;
    return is(q->person, f->person) && is(q->purpose, f->purpose) && is(q->app, f->app) &&
           is(q->department, f->department) && is(q->form, f->form) && is(q->request, f->request) &&
           is(q->ticket, f->ticket) && (!q->field || line_names(f->fields, q->field)) &&
           (q->actions == 0 || q->actions >> l->action & 1) && (q->outcomes == 0 || q->outcomes >> f->outcome & 1) &&
           (q->resident == 0 || q->resident == f->resident);
}

vault_code search_emit(search *r, const opened_line *found, vault_error *err)
{
    opened_line *to = &r->out->lines[r->out->count++];
    *to = *found;
    to->leaf = arena_copy(r->mem, found->leaf);
    to->officer_view = arena_copy(r->mem, found->officer_view);
    VAULT_TRY(facts_keep(&to->said, r->mem, err));
    bool room = to->leaf.len == found->leaf.len && to->officer_view.len == found->officer_view.len;
    return room ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no room for the lines found");
}

vault_code search_take(search *r, const line_row *row, vault_error *err)
{
    opened_line found;
    vault_code code = search_read(r, row, &found, &found.consistent, err);
    if (code == VAULT_INTEGRITY)
        vault_error_clear(err);
    else
        VAULT_TRY(code);
    r->at = row->index + 1;
    if (found.consistent && !asked_for(r->q, &found)) return VAULT_OK;
    return search_emit(r, &found, err);
}

/* Lines up to `index` that are not there: shown, where all lines are looked at. */
static vault_code take_gap(search *r, int64_t index, vault_error *err)
{
    for (; r->key == LINE_ANY && r->at < index && !search_full(r); r->at++) {
        VAULT_TRY(
            search_emit(r, &(opened_line){.index = r->at, .said = {.outcome = LINE_OUTCOMES, .refers_to = -1}}, err));
    }
    return VAULT_OK;
}

/* No more rows than can go out, where all that are found do. */
static size_t page_wanted(const search *r)
{
    size_t room = r->q->limit - r->out->count, wanted = r->left < PAGE ? r->left : PAGE;
    return r->all_go && room < wanted ? room : wanted;
}

static vault_code take_page(search *r, vault_error *err)
{
    arena_reset(r->page);
    size_t wanted = page_wanted(r);
    line_row *rows = arena_array(r->page, wanted, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no room for a page of lines");
    row_page p = {{r->key, r->tags, r->tag_count, r->at, wanted}, r->end, r->q->until_us, rows, 0, -1};
    VAULT_TRY(rows_page_until(r->s, r->page, &p, err));
    r->left -= p.count;
    for (size_t i = 0; i < p.count && rows[i].index < r->end; i++) {
        VAULT_TRY(take_gap(r, rows[i].index, err));
        if (search_full(r)) return VAULT_OK;
        VAULT_TRY(search_take(r, &rows[i], err));
    }
    if (search_full(r)) return VAULT_OK;
    if (p.next >= 0) return r->late = true, r->at = p.next, VAULT_OK;
    if (p.count == wanted && rows[p.count - 1].index < r->end) return VAULT_OK;
    VAULT_TRY(take_gap(r, r->end, err));
    if (!search_full(r)) r->at = r->end;
    return VAULT_OK;
}

/* A line whose proof cannot be read is shown as what it is. */
static vault_code prove_all(search *r, vault_error *err)
{
    line_claim *claims = arena_array(r->mem, r->out->count + 1, sizeof *claims);
    size_t count = 0, at = 0;
    if (!claims) return vault_fail(err, VAULT_EXHAUSTED, "no room for proofs");
    for (size_t i = 0; i < r->out->count; i++)
        if (r->out->lines[i].consistent)
            claims[count++] =
                (line_claim){.index = r->out->lines[i].index, .leaf = r->out->lines[i].leaf, .tree = &r->tree};
    const bool paths = r->q && r->q->anchor;
    const proofs_source from = {r->s, r->by->of->known_lines, paths ? NULL : &r->tree};
    VAULT_TRY(stored_inclusions(&from, r->mem, claims, count, err));
    for (size_t i = 0; i < r->out->count; i++) {
        opened_line *l = &r->out->lines[i];
        if (!l->consistent) continue;
        const line_claim *claim = &claims[at++];
        l->consistent = claim->stands;
        if (l->consistent && paths) l->path = claim->path;
    }
    return VAULT_OK;
}

/* ---- the question ---- */

static vault_code set_bounds(search *r, vault_error *err)
{
    const line_query *q = r->q;
    int64_t start = 0;
    r->end = r->tree.size;
    if (q->start_us > 0) VAULT_TRY(find_time(r, q->start_us, &start, err));
    if (q->end_us > 0) VAULT_TRY(find_time(r, q->end_us, &r->end, err));
    r->at = q->from > start ? q->from : start;
    return VAULT_OK;
}

/* Beside person, resident and times. */
static bool has_more(const line_query *q)
{
    return q->purpose || q->app || q->department || q->form || q->field || q->request || q->ticket || q->actions ||
           q->outcomes;
}

static void choose_index(search *r)
{
    r->key = r->q->resident ? LINE_RESIDENT : r->q->person && !has_more(r->q) ? LINE_PERSON : LINE_ANY;
    r->by_columns = r->key == LINE_ANY && has_more(r->q);
    r->all_go = !has_more(r->q) && (r->key != LINE_RESIDENT || !r->q->person);
    if (r->key == LINE_RESIDENT) r->tag_count = scribe_resident_tags(r->by, r->q->resident, r->tags);
    if (r->key == LINE_PERSON) r->tag_count = scribe_person_tags(r->by, r->q->person, r->tags);
}

/* The lines up to the end of this stretch, where they have no block. */
static vault_code take_rest(search *r, vault_error *err)
{
    int64_t whole = r->end, stretch = (r->at / COLUMN_STRETCH + 1) * COLUMN_STRETCH;
    if (r->by_columns && stretch < whole) r->end = stretch;
    vault_code code = take_page(r, err);
    r->end = whole;
    return code;
}

static void note_time(search *r)
{
    r->late = r->late || (r->q->until_us > 0 && clock_monotonic_us() >= r->q->until_us);
}

static vault_code answer(search *r, vault_error *err)
{
    VAULT_TRY(set_bounds(r, err));
    choose_index(r);
    while (r->at < r->end && r->left > 0 && !search_full(r) && !r->late) {
        bool taken = false;
        if (r->by_columns) VAULT_TRY(search_stretch(r, &taken, err));
        if (!taken) VAULT_TRY(take_rest(r, err));
        note_time(r);
    }
    r->out->next = r->at < r->end ? r->at : -1;
    return prove_all(r, err);
}

/* The tree of the committed head; or the one that was asked for, which must be one that it grew from. */
static vault_code choose_tree(search *r, vault_error *err)
{
    head_row head;
    VAULT_TRY(ledger_head(r->by->of, r->s, &head, err));
    r->tree = head_tree(&head);
    if (!r->q->anchor) return VAULT_OK;
    if (r->q->anchor->size > r->tree.size)
        return vault_fail(err, VAULT_INTEGRITY, "a published tree is larger than the log");
    r->tree = *r->q->anchor;
    return VAULT_OK;
}

static void search_end(search *r)
{
    arena_free(&r->page);
    arena_free(&r->scratch);
    arena_free(&r->block);
}

vault_code ledger_query(scribe *sc, store *s, arena *mem, const line_query *q, line_page *out, vault_error *err)
{
    VAULT_CLEANUP(search_end) search r = {.by = sc, .s = s, .mem = mem, .q = q, .out = out, .left = READ_MAX};
    if (q->limit < 1 || q->limit > LIMIT_MAX) return vault_fail(err, VAULT_INVALID, "a page of %zu lines", q->limit);
    *out = (line_page){.lines = arena_array(mem, q->limit, sizeof *out->lines), .next = -1};
    r.page = arena_new(SCRATCH);
    r.scratch = arena_new(SCRATCH);
    if (!r.page || !r.scratch || !out->lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a query");
    VAULT_TRY(choose_tree(&r, err));
    out->size = r.tree.size;
    return answer(&r, err);
}

/* ---- what an app did with a resident, newest first ---- */

enum { TRAIL_LIMIT_MAX = 100 };

static bool is_within(const char *purpose, const char *found)
{
    size_t len = strlen(purpose);
    return found && strncmp(found, purpose, len) == 0 && (found[len] == '\0' || found[len] == '/');
}

static vault_code follow_row(search *r, line_trail *t, const line_row *row, vault_error *err)
{
    opened_line found;
    vault_code code = search_read(r, row, &found, &found.consistent, err);
    if (code == VAULT_INTEGRITY)
        vault_error_clear(err);
    else
        VAULT_TRY(code);
    bool other = found.said.resident != t->resident || !found.said.app || strcmp(found.said.app, t->app) != 0;
    if (found.consistent && (other || !is_within(t->purpose, found.said.purpose))) return VAULT_OK;
    t->total++;
    return r->out->count < t->limit ? search_emit(r, &found, err) : VAULT_OK;
}

static vault_code follow_page(search *r, line_trail *t, vault_error *err)
{
    arena_reset(r->page);
    line_row *rows = arena_array(r->page, PAGE, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no room for a page of lines");
    row_page p = {{LINE_RESIDENT_BACK, r->tags, r->tag_count, r->at, PAGE}, 0, t->until_us, rows, 0, -1};
    VAULT_TRY(rows_page_until(r->s, r->page, &p, err));
    for (size_t i = 0; i < p.count && t->total < TRAIL_COUNT_MAX; i++) VAULT_TRY(follow_row(r, t, &rows[i], err));
    t->early = p.next >= 0 && t->total < TRAIL_COUNT_MAX;
    r->left = p.count < PAGE || r->left < PAGE ? 0 : r->left - PAGE;
    if (p.count > 0) r->at = rows[p.count - 1].index - 1;
    return VAULT_OK;
}

vault_code ledger_trail(scribe *sc, store *s, arena *mem, line_trail *t, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *page = arena_new(SCRATCH);
    VAULT_CLEANUP(arena_free) arena *scratch = arena_new(SCRATCH);
    head_row head;
    if (t->limit > TRAIL_LIMIT_MAX) return vault_fail(err, VAULT_INVALID, "a trail of %zu lines", t->limit);
    line_page out = {.lines = arena_array(mem, t->limit + 1, sizeof *out.lines)};
    if (!page || !scratch || !out.lines) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a trail");
    VAULT_TRY(ledger_head(sc->of, s, &head, err));
    search r = {.by = sc, .s = s, .mem = mem, .out = &out, .page = page, .scratch = scratch, .left = READ_MAX};
    r.tree = head_tree(&head);
    r.tag_count = scribe_resident_tags(sc, t->resident, r.tags);
    r.at = r.tree.size - 1;
    t->total = 0;
    while (r.left > 0 && r.at >= 0 && t->total < TRAIL_COUNT_MAX) VAULT_TRY(follow_page(&r, t, err));
    VAULT_TRY(prove_all(&r, err));
    t->lines = out.lines;
    t->count = out.count;
    return VAULT_OK;
}

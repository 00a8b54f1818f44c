/* Rows of lines, wherever they lie. The table is looked at first, and the archives at the same moment or after it: a
 * line that is moved between the two looks is met twice at most, and never missed. */
#include "vault/audit/shelf.h"
#include "vault/base/clock.h"

#include <string.h>

/* The file that was looked into last. */
typedef struct place {
    store *s;
    arena *mem;
    volume *at;
    int64_t until_us; /* monotonic; 0: no bound */
    size_t files;     /* that were looked into */
} place;

static void place_clear(place *p)
{
    if (p->at) shelf_return(store_shelf(p->s), &p->at);
}

/* Another file would be looked into for this line, and the time is over. One is looked into always: who asks on comes
 * to an end. */
static bool is_late(const place *p, int64_t index)
{
    bool other = !p->at || !volume_has(p->at, index);
    return other && p->files > 0 && p->until_us > 0 && clock_monotonic_us() >= p->until_us;
}

/* To the file of an archived line. A file that was replaced while it was looked for is looked for once more. */
static vault_code go_to(place *p, int64_t index, vault_error *err)
{
    if (p->at && volume_has(p->at, index)) return VAULT_OK;
    place_clear(p);
    p->files++;
    for (int attempt = 0;; attempt++) {
        archive_list list = {.from = index, .limit = 1};
        VAULT_TRY(store_archives_read(p->s, p->mem, &list, err));
        bool there = list.count == 1 && list.rows[0].first <= index && index - list.rows[0].first < list.rows[0].count;
        if (!there) return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is missing", (long long)index);
        vault_code code = shelf_take(&p->at, store_shelf(p->s), &list.rows[0], err);
        if (code != VAULT_UNAVAILABLE || attempt > 0) return code;
        vault_error_clear(err);
    }
}

/* ---- by index ---- */

static bool lacks_any(const line_row *rows, size_t count, int64_t end)
{
    for (size_t i = 0; i < count; i++)
        if (!rows[i].found && rows[i].index >= 0 && rows[i].index < end) return true;
    return false;
}

static vault_code fill(place *p, line_row *rows, size_t count, int64_t end, vault_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].found || rows[i].index < 0 || rows[i].index >= end) continue;
        VAULT_TRY(go_to(p, rows[i].index, err));
        VAULT_TRY(volume_line(&rows[i], p->at, p->mem, rows[i].index, err));
    }
    return VAULT_OK;
}

vault_code rows_by_index(store *s, arena *mem, const int64_t *indexes, size_t count, line_row *rows, vault_error *err)
{
    VAULT_CLEANUP(place_clear) place p = {.s = s, .mem = mem};
    int64_t end;
    VAULT_TRY(store_lines_by_index(s, mem, indexes, count, rows, err));
    if (!lacks_any(rows, count, INT64_MAX)) return VAULT_OK;
    VAULT_TRY(store_archive_end(s, &end, err));
    return fill(&p, rows, count, end, err);
}

/* Of the lines that lack, those that end a tile of 256 are known without their file. */
static vault_code fill_nodes(store *s, arena *mem, line_row *rows, size_t count, vault_error *err)
{
    int64_t *lacking = arena_array(mem, count, sizeof *lacking);
    size_t *places = arena_array(mem, count, sizeof *places), n = 0;
    line_row *found = arena_array(mem, count, sizeof *found);
    if (!lacking || !places || !found) return vault_fail(err, VAULT_EXHAUSTED, "no room for a proof");
    for (size_t i = 0; i < count; i++) {
        if (rows[i].found || (rows[i].index & 255) != 255) continue;
        places[n] = i;
        lacking[n++] = rows[i].index;
    }
    if (n == 0) return VAULT_OK;
    VAULT_TRY(store_archived_nodes(s, mem, lacking, n, found, err));
    for (size_t i = 0; i < n; i++)
        if (found[i].found) rows[places[i]] = found[i];
    return VAULT_OK;
}

vault_code rows_of_tree(store *s, arena *mem, const int64_t *indexes, size_t count, line_row *rows, vault_error *err)
{
    VAULT_CLEANUP(place_clear) place p = {.s = s, .mem = mem};
    int64_t end;
    VAULT_TRY(store_tree_by_index(s, mem, indexes, count, rows, err));
    if (!lacks_any(rows, count, INT64_MAX)) return VAULT_OK;
    VAULT_TRY(store_archive_end(s, &end, err));
    if (!lacks_any(rows, count, end)) return VAULT_OK;
    VAULT_TRY(fill_nodes(s, mem, rows, count, err));
    return fill(&p, rows, count, end, err);
}

vault_code rows_leaves(store *s, arena *mem, leaf_page *inout, vault_error *err)
{
    VAULT_CLEANUP(place_clear) place p = {.s = s, .mem = mem, .until_us = inout->until_us};
    bytes *leaves = inout->leaves;
    line_row row;
    int64_t end = 0;
    VAULT_TRY(store_leaves(s, mem, inout->from, inout->count, leaves, err));
    if (inout->count > 0 && leaves[0].len == 0) VAULT_TRY(store_archive_end(s, &end, err));
    for (size_t i = 0; i < inout->count && inout->from + (int64_t)i < end; i++) {
        int64_t index = inout->from + (int64_t)i;
        if (leaves[i].len > 0) continue;
        if (is_late(&p, index)) return inout->count = i, VAULT_OK;
        VAULT_TRY(go_to(&p, index, err));
        VAULT_TRY(volume_line(&row, p.at, mem, index, err));
        leaves[i] = row.leaf;
    }
    return VAULT_OK;
}

/* ---- pages ---- */

static bool full(const row_page *p)
{
    return p->count == p->range.limit;
}

static bool wanted(const line_range *range, const volume *v, int64_t index, int64_t first)
{
    if (range->key == LINE_ANY) return true;
    int64_t tag = volume_tags(v, range->key)[index - first];
    for (size_t i = 0; i < range->tag_count; i++)
        if (tag != 0 && range->tags[i] == tag) return true;
    return false;
}

static bool goes_back(const row_page *p)
{
    return p->range.key == LINE_RESIDENT_BACK;
}

/* The archived lines of the range from `from` on, upwards to `end` or downwards to 0. */
static vault_code take_archived(row_page *out, place *p, int64_t from, int64_t end, vault_error *err)
{
    bool back = goes_back(out);
    int64_t first = back && out->stop > 0 ? out->stop : 0, after = !back && out->stop < end ? out->stop : end;
    for (int64_t i = from; !full(out) && (back ? i >= first : i < after); i += back ? -1 : 1) {
        if (is_late(p, i)) return out->next = i, VAULT_OK;
        VAULT_TRY(go_to(p, i, err));
        if (wanted(&out->range, p->at, i, volume_first(p->at)))
            VAULT_TRY(volume_line(&out->rows[out->count++], p->at, p->mem, i, err));
    }
    return VAULT_OK;
}

/* Those that the table gave, without what lies in archives by now. */
static void take_rows(row_page *out, const line_row *rows, size_t count, int64_t end)
{
    for (size_t i = 0; i < count && !full(out); i++)
        if (rows[i].index >= end) out->rows[out->count++] = rows[i];
}

static vault_code merge(row_page *out, place *p, const line_row *rows, size_t count, int64_t end, vault_error *err)
{
    int64_t from = out->range.from;
    if (!goes_back(out)) {
        VAULT_TRY(take_archived(out, p, from < 0 ? 0 : from, end, err));
        if (out->next < 0) take_rows(out, rows, count, end);
        return VAULT_OK;
    }
    take_rows(out, rows, count, end);
    return take_archived(out, p, from < end ? from : end - 1, end, err);
}

vault_code rows_page_until(store *s, arena *mem, row_page *inout, vault_error *err)
{
    VAULT_CLEANUP(place_clear) place p = {.s = s, .mem = mem, .until_us = inout->until_us};
    const line_range *range = &inout->range;
    lines_found found;
    inout->next = -1;
    VAULT_TRY(store_lines_page(s, mem, range, inout->rows, &found, err));
    inout->count = found.count;
    bool all = inout->count > 0 && inout->rows[0].index == range->from;
    if (range->key == LINE_ANY ? all : goes_back(inout) && full(inout)) return VAULT_OK;
    int64_t end = found.archived;
    if (end < 0) VAULT_TRY(store_archive_end(s, &end, err));
    if (end == 0 || (!goes_back(inout) && range->from >= end)) return VAULT_OK;
    line_row *there = arena_array(mem, range->limit, sizeof *there);
    if (!there) return vault_fail(err, VAULT_EXHAUSTED, "no room for lines");
    if (found.count > 0) memcpy(there, inout->rows, found.count * sizeof *there);
    inout->count = 0;
    return merge(inout, &p, there, found.count, end, err);
}

vault_code rows_page(store *s, arena *mem, const line_range *range, line_row *rows, size_t *count, vault_error *err)
{
    row_page page = {.range = *range, .stop = range->key == LINE_RESIDENT_BACK ? 0 : INT64_MAX, .rows = rows};
    VAULT_TRY(rows_page_until(s, mem, &page, err));
    *count = page.count;
    return VAULT_OK;
}

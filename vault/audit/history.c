/* A resident's own view of the log. */
#include "vault/audit/history.h"
#include "vault/audit/internal.h"
#include "vault/audit/scan.h"
#include "vault/base/clock.h"
#include "vault/base/json.h"

#include <string.h>

enum { PAGE = 200, SCRATCH = 16 << 20 };

typedef struct telling {
    scribe *by;
    store *s;
    arena *mem, *page, *scratch; /* page: rows and views under way; scratch: their proofs */
    const history_query *q;
    history_page *out;
    merkle_tree head;
    int64_t tags[RING_VERSIONS_MAX];
    size_t tag_count;
    int64_t at, first; /* lines [first, at] are left */
    size_t left;       /* to be read in this call */
    bool more;         /* one more could be shown than there is room for */
    bool late;         /* the time was over */
} telling;

static vault_code damaged(const line_row *row, vault_error *err)
{
    vault_error_clear(err);
    return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is not as it was written", (long long)row->index);
}

/* ---- what is withheld ---- */

/* "investigation 2027-01-01" as 20270101; what cannot be read is withheld for ever. */
static uint32_t withheld_until(const char *text)
{
    static const char FORM[] = "dddd-dd-dd";
    const char *day = strrchr(text, ' ');
    uint32_t out = 0;
    if (!day || strlen(day + 1) != sizeof FORM - 1) return UINT32_MAX;
    for (size_t i = 0; FORM[i]; i++) {
        char c = day[1 + i];
        if (FORM[i] == '-' ? c != '-' : c < '0' || c > '9') return UINT32_MAX;
        if (FORM[i] == 'd') out = out * 10 + (uint32_t)(c - '0');
    }
    return out;
}

static bool is_withheld(const telling *t, const line_facts *said)
{
    return said->withheld && withheld_until(said->withheld) > t->q->today;
}

/* ---- one line ---- */

/* What is newer than the tree that is asked for is proven to stand in the log, and has no path yet. */
static const merkle_tree *tree_for(const telling *t, int64_t index)
{
    return index < t->q->tree.size ? &t->q->tree : &t->head;
}

/* Of a page of rows, at once. */
static vault_code find_proofs(line_claim **out, telling *t, const line_row *rows, size_t count, vault_error *err)
{
    arena_reset(t->scratch);
    *out = arena_array(t->scratch, count + 1, sizeof **out);
    if (!*out) return vault_fail(err, VAULT_EXHAUSTED, "no room for proofs");
    for (size_t i = 0; i < count; i++)
        (*out)[i] = (line_claim){.index = rows[i].index, .leaf = rows[i].leaf, .tree = tree_for(t, rows[i].index)};
    return stored_inclusions(&(proofs_source){t->s, t->by->of->known_lines, &t->head}, t->scratch, *out, count, err);
}

/* Some lines about a resident have no view for him: what an officer asked or traced, what failed afterwards, what was
 * refused where the record did not open. Where it did, the line says its version, and there is a view. */
static bool has_none(const line_facts *said)
{
    bool officers = said->action == LINE_QUERY || said->action == LINE_TRACE || said->action == LINE_CANARY;
    if (said->refers_to > 0) return true;
    return said->record_version == 0 && (officers || said->outcome != LINE_GRANTED);
}

static vault_code keep_text(const char **out, arena *mem, json_t *view, const char *key, vault_error *err)
{
    const char *text = json_string_value(json_object_get(view, key));
    *out = text ? arena_text(mem, bytes_of_text(text)) : "";
    return *out ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no room for a history");
}

static vault_code read_view(history_entry *out, arena *mem, bytes text, vault_error *err)
{
    VAULT_CLEANUP(json_clear) json_t *view = NULL;
    if (json_read(&view, text, "view", err) != VAULT_OK || !json_is_object(view)) {
        vault_error_clear(err); /* it could carry what stands in the view */
        return vault_fail(err, VAULT_INTEGRITY, "a resident's view is not as this program writes it");
    }
    VAULT_TRY(keep_text(&out->outcome, mem, view, "outcome", err));
    VAULT_TRY(keep_text(&out->department, mem, view, "department", err));
    VAULT_TRY(keep_text(&out->purpose, mem, view, "purpose", err));
    VAULT_TRY(keep_text(&out->groups, mem, view, "groups", err));
    return keep_text(&out->basis, mem, view, "basis", err);
}

static vault_code keep_path(merkle_path *out, arena *mem, merkle_path path, vault_error *err)
{
    digest *at = arena_array(mem, path.len + 1, sizeof *at);
    if (!at) return vault_fail(err, VAULT_EXHAUSTED, "no room for a history");
    if (path.len > 0) memcpy(at, path.at, path.len * sizeof *at);
    *out = (merkle_path){.at = at, .len = path.len};
    return VAULT_OK;
}

/* The view opens under his own key, and fits the leaf. */
static vault_code open_view(bytes *salted, telling *t, const line_row *row, const leaf_facts *leaf, vault_error *err)
{
    salted_view view = {.kind = VIEW_RESIDENT};
    vault_code code = scribe_open(&view, t->by, t->page, t->q->view, row->resident, err);
    if (code == VAULT_INTEGRITY) return damaged(row, err);
    VAULT_TRY(code);
    digest hash = sha256(view.salted);
    if (!bytes_same(digest_bytes(&hash), bytes_of(leaf->resident_hash, DIGEST_LEN))) return damaged(row, err);
    *salted = view.salted;
    return VAULT_OK;
}

static vault_code tell(telling *t, const line_row *row, const leaf_facts *leaf, merkle_path path, vault_error *err)
{
    bytes salted = {0};
    VAULT_TRY(open_view(&salted, t, row, leaf, err));
    if (t->out->count == t->q->limit) return t->more = true, VAULT_OK;
    history_entry *to = &t->out->entries[t->out->count++];
    *to = (history_entry){.index = row->index, .time_us = leaf->time_us, .action = (line_action)leaf->action};
    memcpy(to->salt, salted.at, SALT_LEN);
    to->view = arena_copy(t->mem, bytes_of(salted.at + SALT_LEN, salted.len - SALT_LEN));
    to->leaf = arena_copy(t->mem, row->leaf);
    if (!to->view.at || !to->leaf.at) return vault_fail(err, VAULT_EXHAUSTED, "no room for a history");
    VAULT_TRY(keep_path(&to->path, t->mem, path, err));
    return read_view(to, t->mem, to->view, err);
}

static vault_code take_row(telling *t, const line_row *row, line_claim *claim, vault_error *err)
{
    opened_view view = {0};
    leaf_facts leaf = {0};
    bool fits = false;
    vault_code code = line_open(&view, &fits, t->by, t->page, row, err);
    if (code != VAULT_OK && code != VAULT_INTEGRITY) return code;
    bool his = code == VAULT_OK && fits && view.facts.resident == t->q->resident && leaf_read(&leaf, row->leaf);
    if (!his) return damaged(row, err);
    if (!claim->stands) return damaged(row, err);
    if (is_withheld(t, &view.facts)) return VAULT_OK;
    if (row->resident.len == 0) return has_none(&view.facts) ? VAULT_OK : damaged(row, err);
    return tell(t, row, &leaf, claim->tree == &t->head ? (merkle_path){0} : claim->path, err);
}

/* ---- all of them, newest first ---- */

static vault_code take_page(telling *t, vault_error *err)
{
    size_t wanted = t->left < PAGE ? t->left : PAGE, count;
    bool last = false;
    line_claim *claims = NULL;
    arena_reset(t->page);
    line_row *rows = arena_array(t->page, wanted, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no room for a page of lines");
    row_page p = {{LINE_RESIDENT_BACK, t->tags, t->tag_count, t->at, wanted}, t->first, t->q->until_us, rows, 0, -1};
    VAULT_TRY(rows_page_until(t->s, t->page, &p, err));
    count = p.count;
    t->left -= count;
    if (count < wanted && p.next < 0) last = true;
    while (count > 0 && rows[count - 1].index < t->first) count--, last = true;
    VAULT_TRY(find_proofs(&claims, t, rows, count, err));
    for (size_t i = 0; i < count && !t->more; i++) {
        VAULT_TRY(take_row(t, &rows[i], &claims[i], err));
        t->at = rows[i].index - 1;
    }
    if (t->more) return VAULT_OK;
    t->late = p.next >= 0 || (t->q->until_us > 0 && clock_monotonic_us() >= t->q->until_us);
    if (last) t->at = -1;
    if (!last && p.next >= 0) t->at = p.next;
    return VAULT_OK;
}

static vault_code set_bounds(telling *t, vault_error *err)
{
    const history_query *q = t->q;
    int64_t end = t->head.size;
    if (q->start_us > 0) VAULT_TRY(ledger_since(&t->first, t->by, t->s, t->scratch, q->start_us, err));
    if (q->end_us > 0) VAULT_TRY(ledger_since(&end, t->by, t->s, t->scratch, q->end_us, err));
    t->at = q->from < end - 1 ? q->from : end - 1;
    return VAULT_OK;
}

static vault_code tell_all(telling *t, vault_error *err)
{
    VAULT_TRY(set_bounds(t, err));
    t->tag_count = scribe_resident_tags(t->by, t->q->resident, t->tags);
    while (t->at >= t->first && t->left > 0 && !t->more && !t->late) VAULT_TRY(take_page(t, err));
    t->out->next = t->more ? t->out->entries[t->out->count - 1].index - 1 : t->at >= t->first ? t->at : -1;
    return VAULT_OK;
}

vault_code ledger_history(history_page *out, scribe *sc, store *s, arena *mem, const history_query *q, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *page = arena_new(SCRATCH);
    VAULT_CLEANUP(arena_free) arena *scratch = arena_new(SCRATCH);
    head_row head;
    if (q->limit < 1 || q->limit > HISTORY_MOST) return vault_fail(err, VAULT_INVALID, "a page of %zu lines", q->limit);
    *out = (history_page){.entries = arena_array(mem, q->limit, sizeof *out->entries), .next = -1};
    if (!page || !scratch || !out->entries) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a history");
    VAULT_TRY(ledger_head(sc->of, s, &head, err));
    telling t = {
        .by = sc, .s = s, .mem = mem, .page = page, .scratch = scratch, .q = q, .out = out, .left = q->read_most};
    t.head = head_tree(&head);
    return tell_all(&t, err);
}

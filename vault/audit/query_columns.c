/* Questions put to the columns of the log: which lines of a stretch are asked for. What they lead to is read from the
 * lines, and asked again. */
#include "vault/audit/query_internal.h"

#include <string.h>

enum { BLOCK_MEMORY = 64 << 20, BLOCK_KEEPS = 16 << 20, ROWS = 250, BLOCK_COSTS = 150 };

/* ---- one stretch ---- */

static bool text_asked_for(column_text t, const char *wanted, const char *text)
{
    return t == COLUMN_FIELDS ? line_names(text, wanted) : strcmp(text, wanted) == 0;
}

static vault_code match_texts(column_match *out, column_text t, const char *wanted, arena *mem, const line_columns *c,
                              vault_error *err)
{
    bool any = false;
    if (!wanted) return VAULT_OK;
    bool *asked = arena_array(mem, c->text_count[t], sizeof *asked);
    if (!asked) return vault_fail(err, VAULT_EXHAUSTED, "no room for a question");
    for (size_t n = 1; n < c->text_count[t]; n++) any |= asked[n] = text_asked_for(t, wanted, c->texts[t][n]);
    out->none |= !any;
    out->texts[t] = asked;
    return VAULT_OK;
}

vault_code column_match_make(column_match *out, arena *mem, const line_columns *c, const line_query *q,
                             vault_error *err)
{
    *out = (column_match){.q = q, .request = column_request(q->request), .ticket = column_request(q->ticket)};
    VAULT_TRY(match_texts(out, COLUMN_APP, q->app, mem, c, err));
    VAULT_TRY(match_texts(out, COLUMN_DEPARTMENT, q->department, mem, c, err));
    VAULT_TRY(match_texts(out, COLUMN_PERSON, q->person, mem, c, err));
    VAULT_TRY(match_texts(out, COLUMN_PURPOSE, q->purpose, mem, c, err));
    VAULT_TRY(match_texts(out, COLUMN_FIELDS, q->field, mem, c, err));
    VAULT_TRY(match_texts(out, COLUMN_FORM, q->form, mem, c, err));
    return VAULT_OK;
}

bool column_matches(const column_match *m, const line_columns *c, size_t i)
{
    const line_query *q = m->q;
    if (m->none) return false;
    for (size_t t = 0; t < COLUMN_TEXTS; t++)
        if (m->texts[t] && !m->texts[t][c->text[t][i]]) return false;
    return (q->actions == 0 || q->actions >> c->action[i] & 1) &&
           (q->outcomes == 0 || q->outcomes >> c->outcome[i] & 1) &&
           (q->resident == 0 || q->resident == c->resident[i]) && (m->request == 0 || m->request == c->request[i]) &&
           (m->ticket == 0 || m->ticket == c->ticket[i]);
}

/* ---- lines of a search ---- */

static vault_code take_lines(search *r, const int64_t *indexes, size_t count, vault_error *err)
{
    line_row rows[ROWS];
    arena_reset(r->page);
    VAULT_TRY(rows_by_index(r->s, r->page, indexes, count, rows, err));
    r->left -= r->left < count ? r->left : count;
    for (size_t i = 0; i < count && !search_full(r); i++) {
        if (rows[i].found) {
            VAULT_TRY(search_take(r, &rows[i], err));
            continue;
        }
        const opened_line gap = {.index = indexes[i], .said = {.outcome = LINE_OUTCOMES, .refers_to = -1}};
        VAULT_TRY(search_emit(r, &gap, err));
        r->at = indexes[i] + 1;
    }
    return VAULT_OK;
}

static vault_code take_matching(search *r, const column_match *m, const line_columns *c, int64_t end, vault_error *err)
{
    int64_t indexes[ROWS], at = r->at;
    while (at < end && r->left > 0 && !search_full(r)) {
        size_t count = 0, most = r->q->limit - r->out->count;
        if (most > ROWS) most = ROWS;
        for (; at < end && count < most; at++)
            if (column_matches(m, c, (size_t)(at - c->first))) indexes[count++] = at;
        VAULT_TRY(take_lines(r, indexes, count, err));
    }
    if (at >= end && !search_full(r)) r->at = end;
    return VAULT_OK;
}

/* A block that does not open, or is not of this log, is passed over: its lines say what is wrong. */
static vault_code read_block(search *r, line_columns *c, vault_error *err)
{
    if (!r->block && !(r->block = arena_new(BLOCK_MEMORY))) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    arena_keep(r->block, BLOCK_KEEPS);
    arena_reset(r->block);
    vault_code code = columns_kept(c, r->by, r->s, r->block, r->at / COLUMN_STRETCH, err);
    if (code != VAULT_INTEGRITY) return code;
    vault_error_clear(err);
    *c = (line_columns){0};
    return VAULT_OK;
}

vault_code search_stretch(search *r, bool *taken, vault_error *err)
{
    line_columns c;
    column_match m;
    int64_t end = (r->at / COLUMN_STRETCH + 1) * COLUMN_STRETCH;
    *taken = false;
    VAULT_TRY(read_block(r, &c, err));
    if (c.count == 0) return VAULT_OK;
    *taken = true;
    r->left -= r->left < BLOCK_COSTS ? r->left : BLOCK_COSTS;
    VAULT_TRY(column_match_make(&m, r->block, &c, r->q, err));
    return take_matching(r, &m, &c, end < r->end ? end : r->end, err);
}

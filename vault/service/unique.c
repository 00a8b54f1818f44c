/* Residents named by a value of a unique field: the natural key of their collection, or a field with an equality index.
 * An index entry that was put there by SQL leads to a row that does not have the value, and so to nobody. */
#include "vault/service/internal.h"

#include <string.h>

enum { LOOK_MOST = 4096 }; /* values in one call of the store */

static bool is_natural(const schema_field *f)
{
    return f == f->collection->natural_key;
}

bool field_is_unique(const schema_field *f)
{
    return is_natural(f) || (f->unique && f->indexes & 1U << INDEX_EQUALITY);
}

vault_code unique_read(bytes *canonical, session *s, item *it, const schema_field *by, const char *text)
{
    vault_error why = {0};
    if (format_normalise(by->format, s->mem, bytes_of_text(text), canonical, &why) != VAULT_OK)
        return refuse_at(&it->err, why.reason ? why.reason : "INVALID", "values", (long)it->index);
    it->unique = arena_alloc(s->mem, sizeof *it->unique);
    if (!it->unique) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for a value");
    *it->unique = (unique_item){.field = by};
    return VAULT_OK;
}

vault_code item_natural_key(session *s, item *it, const collection *of, bytes canonical)
{
    uint8_t keys[RING_VERSIONS_MAX][NATURAL_LEN];
    size_t count = 0;
    VAULT_TRY(cabinet_natural_keys(s->cabinet, keys, &count, of, canonical, &it->err));
    memcpy(it->natural_key, keys[0], NATURAL_LEN);
    it->older_count = count - 1;
    if (count == 1) return VAULT_OK;
    it->older = arena_array(s->mem, it->older_count, sizeof *it->older);
    if (!it->older) return vault_fail(&it->err, VAULT_EXHAUSTED, "no memory for natural keys");
    memcpy(it->older, keys[1], it->older_count * NATURAL_LEN);
    return VAULT_OK;
}

/* Room for the next value's keys or terms behind those that stand. */
static void *next_value(arena *mem, void *stored, const unique_item *u, size_t size)
{
    size_t before = u->count * u->versions;
    uint8_t *at = arena_array(mem, before + u->versions, size);
    if (at && before) memcpy(at, stored, before * size);
    return at;
}

static vault_code add_key(unique_item *u, session *s, bytes text, vault_error *err)
{
    uint8_t keys[RING_VERSIONS_MAX][NATURAL_LEN];
    VAULT_TRY(cabinet_natural_keys(s->cabinet, keys, &u->versions, u->field->collection, text, err));
    u->keys = next_value(s->mem, u->keys, u, sizeof *u->keys);
    if (!u->keys) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a value");
    memcpy(u->keys[u->count * u->versions], keys, u->versions * NATURAL_LEN);
    return VAULT_OK;
}

static vault_code add_term(unique_item *u, session *s, bytes text, vault_error *err)
{
    int64_t terms[RING_VERSIONS_MAX];
    VAULT_TRY(cabinet_equality_terms(s->cabinet, terms, &u->versions, u->field, text, err));
    u->terms = next_value(s->mem, u->terms, u, sizeof *u->terms);
    if (!u->terms) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a value");
    memcpy(&u->terms[u->count * u->versions], terms, u->versions * sizeof *terms);
    return VAULT_OK;
}

vault_code unique_add(unique_item *u, session *s, bytes text, vault_error *err)
{
    VAULT_TRY(is_natural(u->field) ? add_key(u, s, text, err) : add_term(u, s, text, err));
    u->count++;
    return VAULT_OK;
}

static size_t entries_of(const item *it)
{
    return it->unique->count * it->unique->versions;
}

/* ---- ids ---- */

/* All values of a part, by how they are looked up. */
typedef struct looking {
    uint8_t (*keys)[NATURAL_LEN];
    int64_t *terms, *ids; /* ids: of the keys, then of the terms */
    size_t key_count, term_count;
} looking;

static vault_code gather(looking *l, session *s, item **items, size_t count, vault_error *err)
{
    size_t most = 1;
    for (size_t i = 0; i < count; i++) most += entries_of(items[i]);
    *l = (looking){.keys = arena_array(s->mem, most, sizeof *l->keys),
                   .terms = arena_array(s->mem, most, sizeof *l->terms),
                   .ids = arena_array(s->mem, most, sizeof *l->ids)};
    if (!l->keys || !l->terms || !l->ids) return vault_fail(err, VAULT_EXHAUSTED, "no memory for values");
    for (size_t i = 0; i < count; i++) {
        const unique_item *u = items[i]->unique;
        size_t entries = entries_of(items[i]);
        if (is_natural(u->field) && entries)
            memcpy(l->keys[l->key_count], u->keys, entries * NATURAL_LEN);
        else if (entries)
            memcpy(&l->terms[l->term_count], u->terms, entries * sizeof *u->terms);
        *(is_natural(u->field) ? &l->key_count : &l->term_count) += entries;
    }
    return VAULT_OK;
}

static vault_code ids_of_keys(const looking *l, session *s, vault_error *err)
{
    resident_row *rows = arena_array(s->mem, l->key_count, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    VAULT_TRY(
        store_residents_by_key(s->store, s->mem, (const uint8_t(*)[NATURAL_LEN])l->keys, l->key_count, rows, err));
    for (size_t i = 0; i < l->key_count; i++) l->ids[i] = rows[i].found ? rows[i].id : 0;
    return VAULT_OK;
}

/* The next ids are those of an item's values: the one that stands, if only one does. A value that several residents
 * have is somebody's, too: another one that a stranger has is no more likely to be meant. */
static void settle(item *it, const int64_t *ids)
{
    unique_item *u = it->unique;
    size_t found = 0;
    it->id = (resident_id){0};
    for (size_t v = 0; v < entries_of(it); v++) {
        if (ids[v] == 0) continue;
        found += ids[v] == SEVERAL_IDS ? 2 : 1;
        u->meant = v / u->versions;
        it->id = (resident_id){ids[v]};
    }
    if (found != 1) it->id = (resident_id){0};
}

/* Of a part whose values fit into one call of the store. */
static vault_code look(session *s, item **items, size_t count, vault_error *err)
{
    looking l;
    VAULT_TRY(gather(&l, s, items, count, err));
    if (l.key_count) VAULT_TRY(ids_of_keys(&l, s, err));
    if (l.term_count) VAULT_TRY(store_ids_of_terms(s->store, s->mem, l.terms, l.term_count, l.ids + l.key_count, err));
    size_t key = 0, term = l.key_count;
    for (size_t i = 0; i < count; i++) {
        size_t *at = is_natural(items[i]->unique->field) ? &key : &term;
        settle(items[i], l.ids + *at);
        *at += entries_of(items[i]);
    }
    return VAULT_OK;
}

/* What one item may mean is looked up together: between two statements its resident may go from one version of the ring
 * to the next. */
vault_code unique_look(session *s, item **items, size_t count, vault_error *err)
{
    for (size_t first = 0, end; first < count; first = end) {
        size_t entries = 0;
        for (end = first; end < count && entries + entries_of(items[end]) <= LOOK_MOST; end++)
            entries += entries_of(items[end]);
        VAULT_TRY(look(s, items + first, end - first, err));
    }
    return VAULT_OK;
}

/* ---- rows ---- */

static bool has_term(const resident_row *row, int64_t term)
{
    bool has = false;
    for (size_t i = 0; i < row->term_count; i++) has |= row->terms[i] == term;
    return has;
}

/* By whichever version of the ring: it may have gone from one to the next since it was found. */
static bool has_value(const item *it)
{
    const unique_item *u = it->unique;
    bool has = false;
    for (size_t i = u->meant * u->versions; i < (u->meant + 1) * u->versions; i++) {
        if (is_natural(u->field))
            has |= bytes_equal_secret(bytes_of(it->row->natural_key, NATURAL_LEN), bytes_of(u->keys[i], NATURAL_LEN));
        else
            has |= has_term(it->row, u->terms[i]);
    }
    return has;
}

vault_code unique_judge(session *s, item *it)
{
    VAULT_TRY(judge_by_area(s, it));
    if (has_value(it)) return VAULT_OK;
    it->grant = (grant){.failed = CLAUSE_RESIDENT};
    return refuse_clause(&it->err, CLAUSE_RESIDENT);
}

vault_code item_issue_for(session *s, item *it, const domain *of, vault_error *err)
{
    token t;
    char *text = arena_alloc(it->call->rq->mem, TOKEN_TEXT_LEN + 1);
    if (!text) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a token");
    VAULT_TRY(cabinet_issue(s->cabinet, &t, of, (resident_id){it->record.row->id}, err));
    token_write(text, &t);
    it->text = text;
    return VAULT_OK;
}

vault_code item_issue(session *s, item *it)
{
    return item_issue_for(s, it, call_domain(s, it->call, 0), &it->err);
}

/* Residents named by a value of a unique field: the natural key of their collection, or a field with an equality index.
 * An index entry that was put there by SQL leads to a row that does not have the value, and so to nobody. */
#include "vault/service/internal.h"

#include <string.h>

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

vault_code unique_add(unique_item *u, session *s, bytes text, vault_error *err)
{
    if (u->count == UNIQUE_EPOCHS) return vault_fail(err, VAULT_INTERNAL, "more values than epochs");
    if (is_natural(u->field))
        VAULT_TRY(cabinet_natural_key(s->cabinet, u->keys[u->count], u->field->collection, text, err));
    else
        VAULT_TRY(cabinet_equality_term(s->cabinet, &u->terms[u->count], u->field, text, err));
    u->count++;
    return VAULT_OK;
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
    size_t most = count * UNIQUE_EPOCHS;
    *l = (looking){.keys = arena_array(s->mem, most, sizeof *l->keys),
                   .terms = arena_array(s->mem, most, sizeof *l->terms),
                   .ids = arena_array(s->mem, most, sizeof *l->ids)};
    if (!l->keys || !l->terms || !l->ids) return vault_fail(err, VAULT_EXHAUSTED, "no memory for values");
    for (size_t i = 0; i < count; i++) {
        const unique_item *u = items[i]->unique;
        for (size_t v = 0; v < u->count; v++) {
            if (is_natural(u->field))
                memcpy(l->keys[l->key_count++], u->keys[v], NATURAL_LEN);
            else
                l->terms[l->term_count++] = u->terms[v];
        }
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
    for (size_t v = 0; v < u->count; v++) {
        if (ids[v] == 0) continue;
        found += ids[v] == SEVERAL_IDS ? 2 : 1;
        u->meant = v;
        it->id = (resident_id){ids[v]};
    }
    if (found != 1) it->id = (resident_id){0};
}

vault_code unique_look(session *s, item **items, size_t count, vault_error *err)
{
    looking l;
    VAULT_TRY(gather(&l, s, items, count, err));
    if (l.key_count) VAULT_TRY(ids_of_keys(&l, s, err));
    if (l.term_count) VAULT_TRY(store_ids_of_terms(s->store, s->mem, l.terms, l.term_count, l.ids + l.key_count, err));
    size_t key = 0, term = l.key_count;
    for (size_t i = 0; i < count; i++) {
        size_t *at = is_natural(items[i]->unique->field) ? &key : &term;
        settle(items[i], l.ids + *at);
        *at += items[i]->unique->count;
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

static bool has_value(const item *it)
{
    const unique_item *u = it->unique;
    if (is_natural(u->field))
        return bytes_equal_secret(bytes_of(it->row->natural_key, NATURAL_LEN),
                                  bytes_of(u->keys[u->meant], NATURAL_LEN));
    return has_term(it->row, u->terms[u->meant]);
}

vault_code unique_judge(session *s, item *it)
{
    VAULT_TRY(judge_by_area(s, it));
    if (has_value(it)) return VAULT_OK;
    it->grant = (grant){0};
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

/* Search terms of a record: made when its row is sealed, proven with it, compared with a question's. They stand in
 * ascending order, so that nobody sees which term is of which field. */
#include "vault/record/internal.h"

#include <stdlib.h>

enum { STREET = 1000000 }; /* the last six digits of an area: community and grid */

/* The terms of a row in the making, list by list. */
typedef struct gathering {
    term_list *lists;
    size_t count, terms;
} gathering;

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static size_t sort_once(int64_t *terms, size_t count)
{
    size_t kept = 0;
    qsort(terms, count, sizeof *terms, by_value);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || terms[kept - 1] != terms[i]) terms[kept++] = terms[i];
    return kept;
}

/* The text of a field after the merge: given, or opened from the stored segment. Empty when the record has none. */
static vault_code merged_text(const sealing *s, const schema_field *f, bytes *text, vault_error *err)
{
    *text = bytes_of(NULL, 0);
    for (size_t i = 0; i < s->in->count; i++) {
        if (s->in->fields[i].field == f) return *text = s->in->fields[i].text, VAULT_OK;
    }
    segment old;
    bool found;
    VAULT_TRY(pack_find(&old, &found, s->stored, f->number, err));
    return found && !field_set_has(s->dropped, f->number) ? segment_open(s->c, s->row->id, &old, text, err) : VAULT_OK;
}

vault_code seal_natural(sealing *s, vault_error *err)
{
    const collection *of = s->in->collection;
    bytes text;
    if (s->row->made >= s->c->natural.since || !of->natural_key) return VAULT_OK;
    VAULT_TRY(merged_text(s, of->natural_key, &text, err));
    return text.len ? cabinet_natural_key(s->c, s->row->natural_key, of, text, err) : VAULT_OK;
}

static vault_code gather(gathering *to, const sealing *s, const schema_field *f, vault_error *err)
{
    bytes text;
    const ring_prfs *keys = NULL;
    VAULT_TRY(merged_text(s, f, &text, err));
    if (text.len == 0) return VAULT_OK;
    VAULT_TRY(cabinet_terms(s->c, &keys, f->name, err));
    for (index_kind k = 0; k < INDEX_KINDS; k++) {
        const term_place place = {.kind = k, .format = f->format, .street = s->row->area / STREET};
        if (!(f->indexes & 1U << k)) continue;
        term_list *list = &to->lists[to->count++];
        VAULT_TRY(terms_of_value(list, s->c->mem, keys->at[0], &place, text, err));
        to->terms += list->count;
    }
    return VAULT_OK;
}

static vault_code join(sealing *s, const gathering *from, vault_error *err)
{
    if (from->terms > TERMS_MAX) return vault_refuse(err, VAULT_INVALID, "RECORD_TOO_LARGE", "");
    int64_t *all = arena_array(s->c->mem, from->terms + 1, sizeof *all);
    size_t count = 0;
    if (!all) return vault_fail(err, VAULT_EXHAUSTED, "no memory for terms");
    for (size_t i = 0; i < from->count; i++)
        for (size_t k = 0; k < from->lists[i].count; k++) all[count++] = from->lists[i].at[k];
    s->row->terms = all;
    s->row->term_count = sort_once(all, count);
    return VAULT_OK;
}

/* At most one of each kind of each indexed field: most fields have none, and what is taken from the arena is wiped. */
static size_t lists_most(const collection *of)
{
    size_t indexed = 0;
    for (size_t i = 0; i < of->count; i++) indexed += of->fields[i]->indexes != 0;
    return indexed * INDEX_KINDS;
}

vault_code seal_terms(sealing *s, vault_error *err)
{
    const collection *of = s->in->collection;
    gathering found = {.lists = arena_array(s->c->mem, lists_most(of), sizeof *found.lists)};
    if (!found.lists) return vault_fail(err, VAULT_EXHAUSTED, "no memory for terms");
    for (size_t i = 0; i < of->count; i++)
        if (of->fields[i]->indexes) VAULT_TRY(gather(&found, s, of->fields[i], err));
    return join(s, &found, err);
}

/* ---- questions ---- */

void record_sort_terms(term_list *inout)
{
    inout->count = sort_once(inout->at, inout->count);
}

bool record_meets(const record *r, term_list sorted)
{
    if (!r->genuine || sorted.count == 0) return false;
    for (size_t i = 0; i < r->row->term_count; i++)
        if (bsearch(&r->row->terms[i], sorted.at, sorted.count, sizeof *sorted.at, by_value)) return true;
    return false;
}

/* The terms of each street by every version of the ring, then those of the next street. */
static void weave(term_list *out, const term_question *by, size_t versions, size_t list, size_t streets)
{
    for (size_t street = 0; street < streets; street++) {
        for (size_t v = 0; v < versions; v++) {
            const term_list *from = &by[v].lists[list];
            size_t each = from->count / streets;
            for (size_t i = 0; i < each; i++) out->at[out->count++] = from->at[street * each + i];
        }
    }
}

/* A row has the terms of one version, and so meets each list by that version's alone. */
static vault_code join_versions(term_question *out, cabinet *c, const term_question *by, size_t versions,
                                size_t streets, vault_error *err)
{
    *out = (term_question){.lists = arena_array(c->mem, by->count + 1, sizeof *out->lists), .count = by->count};
    if (!out->lists) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a question");
    for (size_t list = 0; list < by->count; list++) {
        size_t room = 1;
        for (size_t v = 0; v < versions; v++) room += by[v].lists[list].count;
        out->lists[list].at = arena_array(c->mem, room, sizeof *out->lists[list].at);
        if (!out->lists[list].at) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a question");
        weave(&out->lists[list], by, versions, list, streets);
    }
    return VAULT_OK;
}

static vault_code ask_all(cabinet *c, term_question *out, const char *field, term_ask *ask, vault_error *err)
{
    term_question by[RING_VERSIONS_MAX];
    const ring_prfs *keys = NULL;
    VAULT_TRY(cabinet_terms(c, &keys, field, err));
    for (size_t v = 0; v < keys->count; v++) {
        ask->key = keys->at[v];
        VAULT_TRY(terms_of_question(&by[v], c->mem, ask, err));
    }
    if (keys->count == 1) return *out = by[0], VAULT_OK;
    return join_versions(out, c, by, keys->count, index_by_street(ask->kind) ? ask->street_count : 1, err);
}

static vault_code ask_inside(term_question *out, cabinet *c, const record_likeness *of, const segment *s,
                             vault_error *err)
{
    aead *cipher = NULL;
    bytes inside;
    term_ask ask = {.kind = of->kind,
                    .format = of->field->format,
                    .streets = of->streets,
                    .street_count = of->street_count,
                    .values = &inside,
                    .value_count = 1};
    VAULT_TRY(record_cipher(&cipher, c, of->record, err));
    VAULT_TRY(segment_unseal(c, of->record->row->id, s, &inside, err));
    vault_code code = ask_all(c, out, of->field->name, &ask, err);
    text_forget(c);
    return code;
}

vault_code record_alike(term_question *out, cabinet *c, const record_likeness *of, vault_error *err)
{
    const grant *g = of->grant;
    bool granted =
        g->given && (g->form == FORM_TOKEN || g->form == FORM_COUNT) && field_set_has(g->fields, of->field->number);
    bool whole = of->kind == INDEX_EQUALITY || of->kind == INDEX_CODE;
    segment s;
    bool found;
    *out = (term_question){0};
    if (!granted || !whole)
        return vault_fail(err, VAULT_DENIED, "field %u is not granted for a search", of->field->number);
    if (!of->record->genuine) return vault_fail(err, VAULT_INTERNAL, "a search from a row that is not proven");
    VAULT_TRY(pack_find(&s, &found, of->record->row->sealed, of->field->number, err));
    return found ? ask_inside(out, c, of, &s, err) : VAULT_OK;
}

size_t cabinet_term_versions(cabinet *c, const schema_field *field)
{
    const ring_prfs *keys = NULL;
    vault_error none = {0};
    return cabinet_terms(c, &keys, field->name, &none) == VAULT_OK ? keys->count : 1;
}

vault_code cabinet_ask(cabinet *c, term_question *out, const schema_field *field, term_ask *ask, vault_error *err)
{
    ask->format = field->format;
    return ask_all(c, out, field->name, ask, err);
}

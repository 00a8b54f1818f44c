/* The index of search terms: an entry (term, area, id) for each term of each live record, written in the transaction
 * of its row. The row's own terms, under its tag, are the truth; this table only finds rows. Entries of a resident are
 * written by whoever holds its row: two transactions never wait for each other here. */
#include "vault/store/internal.h"

#include <stdlib.h>

enum { ROW_LIVE = 1 };

typedef struct entry {
    int64_t term, area, id;
} entry;

typedef struct entries {
    entry *at;
    size_t count;
} entries;

static int compare(const entry *x, const entry *y)
{
    if (x->term != y->term) return x->term < y->term ? -1 : 1;
    if (x->area != y->area) return x->area < y->area ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int by_place(const void *a, const void *b)
{
    return compare(a, b);
}

static void add_row(entries *to, const resident_row *row)
{
    if (!row || row->state != ROW_LIVE) return; /* nobody may find it */
    /* The number of the collection stands for a term: what Records.Browse lists (ST_RESIDENTS_LIST). */
    to->at[to->count++] = (entry){.term = row->collection, .area = row->area, .id = row->id};
    for (size_t i = 0; i < row->term_count; i++)
        to->at[to->count++] = (entry){.term = row->terms[i], .area = row->area, .id = row->id};
}

/* In the order of the index, so that a page is written once; each once. */
static void sort_entries(entries *e)
{
    size_t kept = 0;
    qsort(e->at, e->count, sizeof *e->at, by_place);
    for (size_t i = 0; i < e->count; i++)
        if (kept == 0 || compare(&e->at[kept - 1], &e->at[i]) != 0) e->at[kept++] = e->at[i];
    e->count = kept;
}

/* Those of the rows, or of the rows that they replace. */
static vault_code entries_of(entries *out, arena *mem, const resident_row *rows, size_t count, bool replaced,
                             vault_error *err)
{
    size_t most = 1;
    for (size_t i = 0; i < count; i++) most += (replaced ? rows[i].was : &rows[i])->term_count + 1;
    *out = (entries){.at = arena_array(mem, most, sizeof *out->at)};
    if (!out->at) return store_out_of_memory(err);
    for (size_t i = 0; i < count; i++) add_row(out, replaced ? rows[i].was : &rows[i]);
    sort_entries(out);
    return VAULT_OK;
}

static vault_code copy_entries(store *s, const entries *e, vault_error *err)
{
    if (e->count == 0) return VAULT_OK;
    copy_start(s, ST_TERMS_COPY);
    for (size_t i = 0; i < e->count; i++) {
        copy_next(s, 3);
        put_int8(s, e->at[i].term);
        put_int8(s, e->at[i].area);
        put_int8(s, e->at[i].id);
    }
    return copy_run(s, err);
}

static vault_code delete_entries(store *s, const entries *e, vault_error *err)
{
    if (e->count == 0) return VAULT_OK;
    call_start(s, ST_TERMS_DELETE);
    arg_array(s, e->count);
    for (size_t i = 0; i < e->count; i++) put_int8(s, e->at[i].term);
    arg_array(s, e->count);
    for (size_t i = 0; i < e->count; i++) put_int8(s, e->at[i].area);
    arg_array(s, e->count);
    for (size_t i = 0; i < e->count; i++) put_int8(s, e->at[i].id);
    return call_done(s, err);
}

/* Leaves in each what the other has not. */
static void take_common_out(entries *a, entries *b)
{
    size_t i = 0, j = 0, kept_a = 0, kept_b = 0;
    while (i < a->count || j < b->count) {
        int order = i == a->count ? 1 : j == b->count ? -1 : compare(&a->at[i], &b->at[j]);
        if (order < 0) a->at[kept_a++] = a->at[i];
        if (order > 0) b->at[kept_b++] = b->at[j];
        i += order <= 0;
        j += order >= 0;
    }
    a->count = kept_a;
    b->count = kept_b;
}

vault_code terms_insert(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err)
{
    entries fresh;
    VAULT_TRY(entries_of(&fresh, mem, rows, count, false, err));
    return copy_entries(s, &fresh, err);
}

vault_code terms_erase(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err)
{
    entries gone;
    VAULT_TRY(entries_of(&gone, mem, rows, count, false, err));
    return delete_entries(s, &gone, err);
}

vault_code terms_update(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err)
{
    entries gone, fresh;
    VAULT_TRY(entries_of(&gone, mem, rows, count, true, err));
    VAULT_TRY(entries_of(&fresh, mem, rows, count, false, err));
    take_common_out(&gone, &fresh);
    VAULT_TRY(delete_entries(s, &gone, err));
    return copy_entries(s, &fresh, err);
}

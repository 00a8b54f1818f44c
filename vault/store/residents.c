/* Residents and their keys: fetched by id or natural key for whole batches, written in batches. */
#include "vault/store/internal.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_MOST = 4096 };
enum {
    COL_ID,
    COL_KEY,
    COL_COLLECTION,
    COL_AREA,
    COL_STATE,
    COL_VERSION,
    COL_SEALED,
    COL_TERMS,
    COL_TAG,
    COL_MADE,
    COL_RING,
    COL_DEK
};

/* ---- reading ---- */

/* array_send's form of a bigint[] without NULLs, one dimension from 1 or none: the only one that the vault writes. */
static bool read_terms(bytes array, int64_t *out, size_t *count)
{
    reader r = reader_over(array);
    uint32_t dimensions = get_u32(&r), nulls = get_u32(&r), type = get_u32(&r);
    *count = 0;
    if (dimensions != 1 || nulls || type != SQL_INT8) return dimensions == 0 && reader_done(&r);
    size_t n = get_u32(&r);
    uint32_t first = get_u32(&r);
    if (first != 1 || r.short_ || r.rest.len != n * 12) return false;
    for (size_t i = 0; i < n; i++) {
        get_u32(&r);
        out[i] = (int64_t)get_u64(&r);
    }
    *count = n;
    return true;
}

/* One piece of the arena holds all that the row borrows. */
vault_code resident_copy(resident_row *row, arena *mem, const PGresult *r, int i, vault_error *err)
{
    bytes sealed = col_bytes(r, i, COL_SEALED), terms = col_bytes(r, i, COL_TERMS), tag = col_bytes(r, i, COL_TAG);
    bytes dek = col_bytes(r, i, COL_DEK);
    uint8_t *at = arena_alloc(mem, terms.len + sealed.len + tag.len + dek.len);
    if (!at) return store_out_of_memory(err);
    row->found = true;
    row->id = col_int8(r, i, COL_ID);
    (void)col_fixed(r, i, COL_KEY, row->natural_key, sizeof row->natural_key);
    row->collection = col_int2(r, i, COL_COLLECTION);
    row->area = col_int8(r, i, COL_AREA);
    row->state = col_int2(r, i, COL_STATE);
    row->version = col_int4(r, i, COL_VERSION);
    row->made = col_int8(r, i, COL_MADE);
    row->ring_version = col_int4(r, i, COL_RING);
    row->terms = (const int64_t *)(void *)at; /* first, because the arena's piece is aligned */
    /* Other terms cannot be shown as what they are: the row comes without its tag, and so does not pass. */
    if (!read_terms(terms, (int64_t *)(void *)at, &row->term_count)) tag.len = 0;
    at += terms.len;
    row->sealed = bytes_of(memcpy(at, sealed.at, sealed.len), sealed.len);
    at += sealed.len;
    row->tag = bytes_of(memcpy(at, tag.at, tag.len), tag.len);
    at += tag.len;
    row->dek = bytes_of(memcpy(at, dek.at, dek.len), dek.len);
    return VAULT_OK;
}

/* ---- nobody: a row that is not there is read like one that is, so that it takes as long ---- */

enum {
    NOBODY_SEALED = 1024,
    NOBODY_TERMS = 20 + 12 * 3,
    NOBODY_TAG = 28,
    NOBODY_DEK = WRAPPED_KEYS_LEN,
    RESIDENT_COLS = COL_DEK + 1
};

static PGresult *make_nobody(void)
{
    static const int sizes[RESIDENT_COLS] = {[COL_ID] = 8,
                                             [COL_KEY] = NATURAL_KEY_LEN,
                                             [COL_COLLECTION] = 2,
                                             [COL_AREA] = 8,
                                             [COL_STATE] = 2,
                                             [COL_VERSION] = 4,
                                             [COL_SEALED] = NOBODY_SEALED,
                                             [COL_TERMS] = NOBODY_TERMS,
                                             [COL_TAG] = NOBODY_TAG,
                                             [COL_MADE] = 8,
                                             [COL_RING] = 4,
                                             [COL_DEK] = NOBODY_DEK};
    static char zeros[NOBODY_SEALED];
    static char names[RESIDENT_COLS][2];
    PGresAttDesc columns[RESIDENT_COLS] = {0};
    PGresult *out = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    for (int i = 0; i < RESIDENT_COLS; i++) columns[i] = (PGresAttDesc){.name = names[i], .format = 1};
    bool made = out && PQsetResultAttrs(out, RESIDENT_COLS, columns);
    for (int i = 0; i < RESIDENT_COLS && made; i++) made = PQsetvalue(out, 0, i, zeros, sizes[i]);
    if (!made) result_clear(&out);
    return out;
}

static vault_code read_nobody(store *s, arena *mem, vault_error *err)
{
    resident_row nobody;
    if (!s->nobody) s->nobody = make_nobody();
    if (!s->nobody) return store_out_of_memory(err);
    VAULT_CLEANUP(result_clear) PGresult *r = PQcopyResult(s->nobody, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
    return r ? resident_copy(&nobody, mem, r, 0, err) : store_out_of_memory(err);
}

static vault_code read_missing(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!rows[i].found) VAULT_TRY(read_nobody(s, mem, err));
    return VAULT_OK;
}

typedef struct answers {
    resident_row *rows;
    places where;
    arena *mem;
} answers;

/* A key that was asked for twice is answered twice. */
static vault_code answer(const answers *to, const void *key, const PGresult *r, int i, vault_error *err)
{
    int64_t first = places_first(&to->where, key);
    if (first == NO_PLACE) return VAULT_OK;
    VAULT_TRY(resident_copy(&to->rows[first], to->mem, r, i, err));
    for (int64_t place = places_next(&to->where, first); place != NO_PLACE; place = places_next(&to->where, place))
        to->rows[place] = to->rows[first];
    return VAULT_OK;
}

static vault_code too_many(size_t count, const char *what, vault_error *err)
{
    if (count <= BATCH_MOST) return VAULT_OK;
    return vault_fail(err, VAULT_INTERNAL, "%s: %zu rows in one call, at most %d", what, count, BATCH_MOST);
}

vault_code store_residents_by_id(store *s, arena *mem, const int64_t *ids, size_t count, resident_row *rows,
                                 vault_error *err)
{
    answers to = {.rows = rows, .mem = mem};
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    VAULT_TRY(too_many(count, "residents by id", err));
    VAULT_TRY(places_make(&to.where, mem, ids, sizeof *ids, count, err));
    call_start(s, ST_RESIDENTS_BY_ID);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, ids[i]);
    VAULT_TRY(call_run(s, &r, err));
    for (size_t i = 0; i < count; i++) rows[i] = (resident_row){.id = ids[i]};
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t id = col_int8(r, i, COL_ID);
        VAULT_TRY(answer(&to, &id, r, i, err));
    }
    return read_missing(s, mem, rows, count, err);
}

vault_code store_residents_by_key(store *s, arena *mem, const uint8_t (*keys)[NATURAL_KEY_LEN], size_t count,
                                  resident_row *rows, vault_error *err)
{
    answers to = {.rows = rows, .mem = mem};
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    VAULT_TRY(too_many(count, "residents by key", err));
    VAULT_TRY(places_make(&to.where, mem, keys, NATURAL_KEY_LEN, count, err));
    call_start(s, ST_RESIDENTS_BY_KEY);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, bytes_of(keys[i], NATURAL_KEY_LEN));
    VAULT_TRY(call_run(s, &r, err));
    for (size_t i = 0; i < count; i++) {
        rows[i] = (resident_row){0};
        memcpy(rows[i].natural_key, keys[i], NATURAL_KEY_LEN);
    }
    for (int i = 0; i < PQntuples(r); i++) {
        uint8_t key[NATURAL_KEY_LEN];
        if (col_fixed(r, i, COL_KEY, key, sizeof key)) VAULT_TRY(answer(&to, key, r, i, err));
    }
    return read_missing(s, mem, rows, count, err);
}

vault_code store_resident_ids(store *s, int64_t *ids, size_t count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    VAULT_TRY(too_many(count, "resident ids", err));
    call_start(s, ST_RESIDENT_IDS);
    arg_int4(s, (int32_t)count);
    VAULT_TRY(call_run(s, &r, err));
    if ((size_t)PQntuples(r) != count) return vault_fail(err, VAULT_INTERNAL, "resident ids: %d rows", PQntuples(r));
    for (size_t i = 0; i < count; i++) ids[i] = col_int8(r, (int)i, 0);
    return VAULT_OK;
}

/* ---- writing ---- */

static int by_key(const void *a, const void *b)
{
    const resident_row *const *x = a, *const *y = b;
    return memcmp((*x)->natural_key, (*y)->natural_key, NATURAL_KEY_LEN);
}

static int by_id(const void *a, const void *b)
{
    const resident_row *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* Pointers to the rows in the one order in which every transaction locks. */
static vault_code in_order(const resident_row ***out, arena *mem, const resident_row *rows, size_t count,
                           int (*order)(const void *, const void *), vault_error *err)
{
    const resident_row **sorted = arena_array(mem, count, sizeof *sorted);
    if (!sorted) return store_out_of_memory(err);
    for (size_t i = 0; i < count; i++) sorted[i] = &rows[i];
    qsort(sorted, count, sizeof *sorted, order);
    *out = sorted;
    return VAULT_OK;
}

void arg_all_terms(store *s, const resident_row *const *rows, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) total += rows[i]->term_count;
    arg_array(s, total);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < rows[i]->term_count; k++) put_int8(s, rows[i]->terms[k]);
}

void arg_term_bounds(store *s, const resident_row *const *rows, size_t count)
{
    int32_t before = 0;
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) {
        put_int4(s, before + 1);
        before += (int32_t)rows[i]->term_count;
    }
    before = 0;
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int4(s, before += (int32_t)rows[i]->term_count);
}

vault_code residents_in_order(const resident_row ***out, arena *mem, const resident_row *rows, size_t count,
                              vault_error *err)
{
    return in_order(out, mem, rows, count, by_id, err);
}

/* By COPY, which fills a page with rows at a time; INSERT takes them one by one. */
static vault_code copy_residents(store *s, const resident_row *const *rows, size_t count, vault_error *err)
{
    copy_start(s, ST_RESIDENTS_COPY);
    for (size_t i = 0; i < count; i++) {
        const resident_row *row = rows[i];
        copy_next(s, 10);
        put_int8(s, row->id);
        put_int8(s, row->area);
        put_int4(s, row->version);
        put_int2(s, row->state);
        put_int2(s, row->collection);
        put_int8(s, row->made);
        put_blob(s, bytes_of(row->natural_key, NATURAL_KEY_LEN));
        put_blob(s, row->tag);
        put_int8s(s, row->terms, row->term_count);
        put_blob(s, row->sealed);
    }
    return copy_run(s, err);
}

static vault_code copy_keys(store *s, const resident_row *const *rows, size_t count, vault_error *err)
{
    copy_start(s, ST_KEYS_COPY);
    for (size_t i = 0; i < count; i++) {
        copy_next(s, 3);
        put_int8(s, rows[i]->id);
        put_int4(s, rows[i]->ring_version);
        put_blob(s, rows[i]->dek);
    }
    return copy_run(s, err);
}

vault_code store_residents_insert(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err)
{
    const resident_row **sorted;
    if (!count) return VAULT_OK;
    VAULT_TRY(too_many(count, "insert", err));
    VAULT_TRY(in_order(&sorted, mem, rows, count, by_key, err));
    VAULT_TRY(copy_residents(s, sorted, count, err));
    VAULT_TRY(copy_keys(s, sorted, count, err));
    return terms_insert(s, mem, rows, count, err);
}

vault_code store_residents_update(store *s, arena *mem, const resident_row *rows, size_t count, vault_error *err)
{
    const resident_row **sorted;
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (!count) return VAULT_OK;
    VAULT_TRY(too_many(count, "update", err));
    for (size_t i = 0; i < count; i++)
        if (!rows[i].was) return vault_fail(err, VAULT_INTERNAL, "update: a row that replaces nothing");
    VAULT_TRY(in_order(&sorted, mem, rows, count, by_id, err));
    call_start(s, ST_RESIDENTS_UPDATE);
    arg_column(s, put_int8, sorted, count, row->id);
    arg_column(s, put_int8, sorted, count, row->area);
    arg_column(s, put_int2, sorted, count, row->state);
    arg_column(s, put_int4, sorted, count, row->version);
    arg_column(s, put_blob, sorted, count, row->sealed);
    arg_term_bounds(s, sorted, count);
    arg_all_terms(s, sorted, count);
    arg_column(s, put_blob, sorted, count, row->tag);
    arg_column(s, put_int8, sorted, count, row->made);
    arg_column(s, put_blob, sorted, count, bytes_of(row->natural_key, NATURAL_KEY_LEN));
    arg_column(s, put_blob, sorted, count, row->was->tag);
    VAULT_TRY(call_run(s, &r, err));
    int64_t updated = col_int8(r, 0, 0);
    if (updated != (int64_t)count)
        return vault_fail(err, VAULT_CONFLICT, "update: %lld of %zu rows had the version expected", (long long)updated,
                          count);
    return terms_update(s, mem, rows, count, err);
}

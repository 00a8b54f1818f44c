/* Correction requests of departments: the newest of each resident, field and department. */
#include "vault/store/internal.h"

#include <stdlib.h>

enum { PART_MOST = 16384 }; /* rows in one statement */
enum { COL_FIELD, COL_DEPARTMENT, COL_SEALED, COL_FILED };

static int by_place(const correction_row *x, const correction_row *y)
{
    if (x->resident != y->resident) return x->resident < y->resident ? -1 : 1;
    if (x->field != y->field) return x->field < y->field ? -1 : 1;
    return (x->department > y->department) - (x->department < y->department);
}

/* Requests for one place in the order in which they were given: the last one is the newest. */
static int by_place_and_turn(const void *a, const void *b)
{
    const correction_row *x = *(const correction_row *const *)a, *y = *(const correction_row *const *)b;
    int order = by_place(x, y);
    return order ? order : (x > y) - (x < y);
}

/* Pointers to the rows in the one order in which every transaction locks, each place once: a statement cannot write a
 * row twice. */
static vault_code in_order(const correction_row ***out, arena *mem, const correction_row *rows, size_t *count,
                           vault_error *err)
{
    size_t kept = 0;
    const correction_row **sorted = arena_array(mem, *count, sizeof *sorted);
    if (!sorted) return store_out_of_memory(err);
    for (size_t i = 0; i < *count; i++) sorted[i] = &rows[i];
    qsort(sorted, *count, sizeof *sorted, by_place_and_turn);
    for (size_t i = 0; i < *count; i++) {
        if (kept > 0 && by_place(sorted[kept - 1], sorted[i]) == 0) kept--;
        sorted[kept++] = sorted[i];
    }
    *out = sorted;
    *count = kept;
    return VAULT_OK;
}

static vault_code put_part(store *s, const correction_row *const *sorted, size_t count, vault_error *err)
{
    call_start(s, ST_CORRECTIONS_PUT);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, sorted[i]->resident);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int2(s, sorted[i]->field);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int2(s, sorted[i]->department);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, sorted[i]->sealed);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, sorted[i]->filed_us);
    arg_int4(s, CORRECTION_MARK_LEN);
    return call_done(s, err);
}

vault_code store_corrections_put(store *s, arena *mem, const correction_row *rows, size_t count, vault_error *err)
{
    const correction_row **sorted = NULL;
    if (!count) return VAULT_OK;
    VAULT_TRY(in_order(&sorted, mem, rows, &count, err));
    for (size_t at = 0; at < count; at += PART_MOST)
        VAULT_TRY(put_part(s, sorted + at, count - at < PART_MOST ? count - at : PART_MOST, err));
    return VAULT_OK;
}

vault_code store_corrections_read(store *s, arena *mem, int64_t resident, correction_row **rows, size_t *count,
                                  vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_CORRECTIONS_READ);
    arg_int8(s, resident);
    VAULT_TRY(call_run(s, &r, err));
    *count = (size_t)PQntuples(r);
    *rows = arena_array(mem, *count, sizeof **rows);
    if (!*rows) return store_out_of_memory(err);
    for (int i = 0; i < PQntuples(r); i++) {
        bytes sealed = col_bytes(r, i, COL_SEALED);
        correction_row *row = &(*rows)[i];
        *row = (correction_row){.resident = resident,
                                .field = col_int2(r, i, COL_FIELD),
                                .department = col_int2(r, i, COL_DEPARTMENT),
                                .sealed = arena_copy(mem, sealed),
                                .filed_us = col_int8(r, i, COL_FILED)};
        if (row->sealed.len != sealed.len) return store_out_of_memory(err);
    }
    return VAULT_OK;
}

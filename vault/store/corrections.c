/* Correction requests of departments: the one that waits of each resident, field and department, and all that were
 * decided. */
#include "vault/store/internal.h"

#include <stdlib.h>

enum { PART_MOST = 16384 /* rows in one statement */, BATCH_MOST = 4096 };
enum {
    COL_NUMBER,
    COL_RESIDENT,
    COL_FIELD,
    COL_DEPARTMENT,
    COL_FILED,
    COL_DECIDED,
    COL_DECIDER,
    COL_STATE,
    COL_SEALED
};

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

/* One array parameter out of one member of the rows. */
#define arg_member(s, put, rows, count, member)                                                                        \
    do {                                                                                                               \
        arg_array((s), (count));                                                                                       \
        for (size_t i_ = 0; i_ < (count); i_++) put((s), (rows)[i_]->member);                                          \
    } while (0)

static vault_code put_part(store *s, const correction_row *const *sorted, size_t count, vault_error *err)
{
    call_start(s, ST_CORRECTIONS_PUT);
    arg_member(s, put_int8, sorted, count, number);
    arg_member(s, put_int8, sorted, count, resident);
    arg_member(s, put_int2, sorted, count, field);
    arg_member(s, put_int2, sorted, count, department);
    arg_member(s, put_int8, sorted, count, filed_us);
    arg_member(s, put_blob, sorted, count, sealed);
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

vault_code store_corrections_decide(store *s, arena *mem, const correction_row *rows, size_t count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    const correction_row **sorted = NULL;
    size_t wanted = count;
    if (!count) return VAULT_OK;
    if (count > BATCH_MOST) return vault_fail(err, VAULT_INTERNAL, "%zu decisions in one call", count);
    VAULT_TRY(in_order(&sorted, mem, rows, &count, err));
    call_start(s, ST_CORRECTIONS_DECIDE);
    arg_member(s, put_int8, sorted, count, number);
    arg_member(s, put_int8, sorted, count, decided_us);
    arg_member(s, put_int2, sorted, count, decider);
    arg_member(s, put_int2, sorted, count, state);
    arg_member(s, put_blob, sorted, count, sealed);
    VAULT_TRY(call_run(s, &r, err));
    int64_t decided = col_int8(r, 0, 0);
    if (decided == (int64_t)wanted) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "decide: %lld of %zu requests were waiting", (long long)decided, wanted);
}

vault_code store_corrections_drop(store *s, const int16_t *fields, const int64_t *before_us, size_t count,
                                  int64_t *dropped, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_CORRECTIONS_DROP);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int2(s, fields[i]);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, before_us[i]);
    VAULT_TRY(call_run(s, &r, err));
    *dropped = col_int8(r, 0, 0);
    return VAULT_OK;
}

/* ---- reading ---- */

static vault_code copy_row(correction_row *out, arena *mem, const PGresult *r, int i, vault_error *err)
{
    bool full = false;
    *out = (correction_row){.found = true,
                            .number = col_int8(r, i, COL_NUMBER),
                            .resident = col_int8(r, i, COL_RESIDENT),
                            .field = col_int2(r, i, COL_FIELD),
                            .department = col_int2(r, i, COL_DEPARTMENT),
                            .filed_us = col_int8(r, i, COL_FILED),
                            .decided_us = col_int8(r, i, COL_DECIDED),
                            .decider = col_int2(r, i, COL_DECIDER),
                            .state = col_int2(r, i, COL_STATE),
                            .sealed = col_bytes_copy(mem, r, i, COL_SEALED, &full)};
    return full ? store_out_of_memory(err) : VAULT_OK;
}

vault_code store_corrections_by_number(store *s, arena *mem, const int64_t *numbers, size_t count, correction_row *rows,
                                       vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    places where;
    if (count > BATCH_MOST) return vault_fail(err, VAULT_INTERNAL, "%zu corrections in one call", count);
    VAULT_TRY(places_make(&where, mem, numbers, sizeof *numbers, count, err));
    call_start(s, ST_CORRECTIONS_BY_NUMBER);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, numbers[i]);
    VAULT_TRY(call_run(s, &r, err));
    for (size_t i = 0; i < count; i++) rows[i] = (correction_row){.number = numbers[i]};
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t number = col_int8(r, i, COL_NUMBER);
        for (int64_t at = places_first(&where, &number); at != NO_PLACE; at = places_next(&where, at))
            VAULT_TRY(copy_row(&rows[at], mem, r, i, err));
    }
    return VAULT_OK;
}

/* Runs the call that was built, and copies its rows. */
static vault_code read_rows(store *s, arena *mem, correction_row **rows, size_t *count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    VAULT_TRY(call_run(s, &r, err));
    *count = (size_t)PQntuples(r);
    *rows = arena_array(mem, *count + 1, sizeof **rows);
    if (!*rows) return store_out_of_memory(err);
    for (int i = 0; i < PQntuples(r); i++) VAULT_TRY(copy_row(&(*rows)[i], mem, r, i, err));
    return VAULT_OK;
}

vault_code store_corrections_of(store *s, arena *mem, const correction_range *of, correction_row **rows, size_t *count,
                                vault_error *err)
{
    call_start(s, ST_CORRECTIONS_OF);
    arg_int8(s, of->resident);
    arg_int8(s, of->after);
    arg_int8(s, (int64_t)of->limit);
    return read_rows(s, mem, rows, count, err);
}

vault_code store_corrections_of_all(store *s, arena *mem, resident_ids of, correction_row **rows, size_t *count,
                                    vault_error *err)
{
    call_start(s, ST_CORRECTIONS_OF_ALL);
    arg_array(s, of.count);
    for (size_t i = 0; i < of.count; i++) put_int8(s, of.at[i]);
    return read_rows(s, mem, rows, count, err);
}

vault_code store_corrections_reseal(store *s, const correction_row *rows, size_t count, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_CORRECTIONS_RESEAL);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, rows[i].number);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int2(s, rows[i].state);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, rows[i].sealed);
    VAULT_TRY(call_run(s, &r, err));
    if (col_int8(r, 0, 0) == (int64_t)count) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "reseal: %lld of %zu requests were there", (long long)col_int8(r, 0, 0),
                      count);
}

vault_code store_corrections_pending(store *s, arena *mem, const correction_range *of, correction_row **rows,
                                     size_t *count, vault_error *err)
{
    call_start(s, ST_CORRECTIONS_PENDING);
    arg_array(s, of->field_count);
    for (size_t i = 0; i < of->field_count; i++) put_int2(s, of->fields[i]);
    arg_int8(s, of->after);
    arg_int8(s, (int64_t)of->limit);
    return read_rows(s, mem, rows, count, err);
}

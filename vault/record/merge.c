/* What a department says of a resident, laid beside what is stored. Each value is taken, is there already, or becomes a
 * request to correct what an authority has said. */
#include "vault/record/internal.h"

typedef enum verdict { STANDS, TAKEN, REFUSED } verdict;

typedef struct merging {
    cabinet *c;
    const record *old;
    const record_input *in;
    verdict area;    /* of the area's field: STANDS also where none was given */
    verdict grid;    /* of the grid's field, the same */
    segment *stored; /* of the old row, in order of field number; room for POLICY_FIELDS_MAX */
    size_t stored_count;
    input_field *taken;
    size_t taken_count;
    record_merged *out;
} merging;

/* ---- judging ---- */

static int64_t division_of(int64_t area)
{
    return area / GRIDS;
}

/* The resident moves to another division: the grid that is stored is no grid of it. */
static bool moves(const merging *m)
{
    return m->area == TAKEN && division_of(m->in->area.code) != division_of(m->old->row->area);
}

/* All segments, read once: to look for each field from the pack's beginning would cost more than to open it. */
static vault_code read_stored(merging *m, vault_error *err)
{
    reader from = reader_over(m->old->row->sealed);
    for (uint16_t previous = 0; from.rest.len > 0; previous = m->stored[m->stored_count++].field) {
        if (m->stored_count == POLICY_FIELDS_MAX)
            return vault_fail(err, VAULT_INTEGRITY, "row %lld has too many fields", (long long)m->old->row->id);
        VAULT_TRY(segment_read(&m->stored[m->stored_count], &from, previous, err));
    }
    return VAULT_OK;
}

static const segment *find_stored(const merging *m, unsigned number)
{
    size_t low = 0, high = m->stored_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (m->stored[middle].field < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->stored_count && m->stored[low].field == number ? &m->stored[low] : NULL;
}

/* What the owner says again becomes the owner's: whoever gave it first must not change it any more. */
static vault_code judge_value(const merging *m, const input_field *f, verdict *out, vault_error *err)
{
    const segment *stored = find_stored(m, f->field->number);
    bool same;
    *out = TAKEN;
    if (!stored) return VAULT_OK;
    *out = STANDS;
    if (f->field == m->in->collection->natural_key) return VAULT_OK; /* the row was found by it */
    VAULT_TRY(segment_holds(m->c, m->old->row->id, stored, f->text, &same, err));
    bool owner = m->in->department == f->field->owner_no, giver = m->in->department == stored->department;
    if (same)
        *out = owner && !giver ? TAKEN : STANDS;
    else
        *out = owner || giver ? TAKEN : REFUSED;
    return VAULT_OK;
}

/* A grid goes with its division: both or neither. */
static vault_code judge_grid(const merging *m, const input_field *f, verdict *out, vault_error *err)
{
    *out = m->area == REFUSED ? REFUSED : TAKEN;
    return m->area == REFUSED || moves(m) ? VAULT_OK : judge_value(m, f, out, err);
}

static vault_code judge_area(merging *m, vault_error *err)
{
    for (size_t i = 0; i < m->in->count; i++) {
        if (m->in->fields[i].field == m->in->collection->area) return judge_value(m, &m->in->fields[i], &m->area, err);
    }
    return VAULT_OK;
}

static vault_code judge(merging *m, const input_field *f, verdict *out, vault_error *err)
{
    if (f->field == m->in->collection->area) return *out = m->area, VAULT_OK;
    if (f->field != m->in->collection->grid) return judge_value(m, f, out, err);
    VAULT_TRY(judge_grid(m, f, out, err));
    m->grid = *out;
    return VAULT_OK;
}

static vault_code file_correction(merging *m, const input_field *f, vault_error *err)
{
    const correction_said what = {
        .field = f->field, .text = f->text, .department = m->in->department, .collected = m->in->collected};
    VAULT_TRY(correction_file(&m->out->corrections[m->out->correction_count], m->c, m->old, &what, err));
    m->out->refused[m->out->correction_count++] = f->field;
    return VAULT_OK;
}

/* ---- the whole ---- */

static vault_code sort_out(merging *m, vault_error *err)
{
    VAULT_TRY(read_stored(m, err));
    VAULT_TRY(judge_area(m, err));
    for (size_t i = 0; i < m->in->count; i++) {
        verdict v;
        VAULT_TRY(judge(m, &m->in->fields[i], &v, err));
        if (v == TAKEN) m->taken[m->taken_count++] = m->in->fields[i];
        if (v == REFUSED) VAULT_TRY(file_correction(m, &m->in->fields[i], err));
    }
    return VAULT_OK;
}

/* Division of the area's field, and serial of the grid's, as they stand after the merge. */
static int64_t merged_area(const merging *m)
{
    int64_t stored = m->old->row->area, given = m->in->area.code;
    if (moves(m)) return m->grid == TAKEN ? given : division_of(given) * GRIDS;
    return m->grid == TAKEN && division_of(given) == division_of(stored) ? given : stored;
}

static vault_code write_next(const merging *m, resident_row *row, vault_error *err)
{
    const schema_field *grid = m->in->collection->grid;
    field_set dropped = {0};
    if (row->version == INT32_MAX)
        return vault_fail(err, VAULT_EXHAUSTED, "record %lld has no further version", (long long)row->id);
    record_input taken = *m->in;
    taken.fields = m->taken;
    taken.count = m->taken_count;
    row->version++;
    row->area = merged_area(m);
    if (grid && moves(m)) field_set_add(&dropped, grid->number);
    return seal_row(
        &(sealing){
            .c = m->c, .in = &taken, .dek = m->old->dek, .stored = m->old->row->sealed, .dropped = dropped, .row = row},
        err);
}

vault_code record_merge(record_merged *out, resident_row *row, cabinet *c, const record *old, const record_input *in,
                        vault_error *err)
{
    aead *cipher = NULL;
    *out = (record_merged){.refused = arena_array(c->mem, in->count, sizeof *out->refused),
                           .corrections = arena_array(c->mem, in->count, sizeof *out->corrections)};
    segment stored[POLICY_FIELDS_MAX];
    merging m = {.c = c,
                 .stored = stored,
                 .old = old,
                 .in = in,
                 .taken = arena_array(c->mem, in->count, sizeof *m.taken),
                 .out = out};
    if (!out->refused || !out->corrections || !m.taken)
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for a record");
    if (!old->genuine || old->row->collection != (int16_t)in->collection->number)
        return vault_fail(err, VAULT_INTERNAL, "row %lld is not proven, or of another collection",
                          (long long)old->row->id);
    VAULT_TRY(record_cipher(&cipher, c, old, err));
    VAULT_TRY(sort_out(&m, err));
    *row = *old->row;
    row->was = old->row;
    out->unchanged = m.taken_count == 0;
    return out->unchanged ? VAULT_OK : write_next(&m, row, err);
}

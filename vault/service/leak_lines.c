/* The lines of a leak: one of the call, one of each resident whom the list leads to, before anything is answered. */
#include "vault/service/leak_link.h"

enum { PART_MEMORY = 64 << 20 };

/* Who was erased has no record, and nobody who would look. */
static vault_code line_of_one(line *out, session *s, const call *c, const leak_lines *what, const resident_row *row,
                              vault_error *err)
{
    aead *cipher = NULL;
    vault_error broken = {0};
    record proven = {.dek = s->deks.at};
    line_facts facts = call_facts(s, c, LINE_GRANTED);
    facts.resident = row->id;
    facts.leak = what->leak;
    facts.counterpart = what->counterpart;
    if (record_prove(&proven, s->cabinet, row, &broken) != VAULT_OK) session_damage(s, &broken);
    vault_code code = VAULT_OK;
    if (proven.genuine) {
        facts.area = row->area;
        facts.record_version = (uint32_t)row->version;
        code = record_view_cipher(&cipher, s->cabinet, &proven, err);
    }
    if (code == VAULT_OK) code = line_make(out, s->scribe, s->mem, &facts, cipher, err);
    record_clear(&proven);
    return code;
}

static vault_code line_of_call(line *out, session *s, const call *c, const leak_lines *what, vault_error *err)
{
    line_facts facts = call_facts(s, c, LINE_GRANTED);
    facts.hits = what->count;
    facts.leak = what->leak;
    facts.fields = what->fields;
    facts.counterpart = what->counterpart;
    return line_make(out, s->scribe, s->mem, &facts, NULL, err);
}

typedef struct part_of {
    size_t first, count;
} part_of;

/* The call's line stands before those of the first part. */
static vault_code write_part(session *s, const call *c, const leak_lines *what, part_of part, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *each = arena_new(PART_MEMORY);
    int64_t ids[BATCH_ITEMS];
    const size_t before = part.first == 0;
    line *lines = arena_array(s->mem, part.count + 1, sizeof *lines);
    resident_row *rows = arena_array(s->mem, part.count + 1, sizeof *rows);
    if (!lines || !rows || !each) return vault_fail(err, VAULT_EXHAUSTED, "no memory for lines");
    for (size_t i = 0; i < part.count; i++) ids[i] = what->residents[part.first + i].id;
    if (part.count) VAULT_TRY(store_residents_by_id(s->store, each, ids, part.count, rows, err));
    if (before) VAULT_TRY(line_of_call(&lines[0], s, c, what, err));
    for (size_t i = 0; i < part.count; i++) {
        rows[i].id = ids[i];
        VAULT_TRY(line_of_one(&lines[before + i], s, c, what, &rows[i], err));
    }
    return append_alone(s, lines, before + part.count, err);
}

vault_code leak_write_lines(session *s, call *c, const leak_lines *what, vault_error *err)
{
    cabinet_use(s->cabinet, s->mem);
    for (size_t first = 0; first == 0 || first < what->count; first += BATCH_ITEMS) {
        const size_t left = what->count - first;
        VAULT_TRY(write_part(s, c, what, (part_of){first, left < BATCH_ITEMS ? left : BATCH_ITEMS}, err));
    }
    return VAULT_OK;
}

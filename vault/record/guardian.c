/* Who may ask for a resident: a list beside the fields (list.c).
 *
 *   for each: resident (8) ‖ kind (1) ‖ flags (1: of a child, 2: ended) ‖ said (8) ‖ expires (8) ‖ department (2)
 *
 * all big-endian, times in microseconds since 1970, in the order of their writing. The newest word about somebody takes
 * the place of the one before: what was said when stands in the log. */
#include "vault/record/internal.h"

#include <string.h>

enum { OF_CHILD = 1, ENDED = 2 };
enum { GROWN_YEARS = 18 };

static vault_code read_entry(guardian *out, reader *from, vault_error *err)
{
    out->resident = (int64_t)get_u64(from);
    uint8_t kind = get_u8(from), flags = get_u8(from);
    out->kind = (guardian_kind)kind;
    out->of_child = (flags & OF_CHILD) != 0;
    out->ended = (flags & ENDED) != 0;
    out->said_us = (int64_t)get_u64(from);
    out->expires_us = (int64_t)get_u64(from);
    out->department = get_u16(from);
    bool good = !from->short_ && out->resident > 0 && kind >= GUARDIAN_PARENT && kind < GUARDIAN_KINDS &&
                flags <= (OF_CHILD | ENDED);
    return good ? VAULT_OK : vault_fail(err, VAULT_INTEGRITY, "a list of guardians is cut short, or is none");
}

static void put_entry(writer *to, const guardian *g)
{
    put_u64(to, (uint64_t)g->resident);
    put_u8(to, (uint8_t)g->kind);
    put_u8(to, (uint8_t)((g->of_child ? OF_CHILD : 0) | (g->ended ? ENDED : 0)));
    put_u64(to, (uint64_t)g->said_us);
    put_u64(to, (uint64_t)g->expires_us);
    put_u16(to, g->department);
}

static vault_code read_all(guardian_list *out, reader from, vault_error *err)
{
    while (from.rest.len > 0) {
        if (out->count == GUARDIANS_MAX) return vault_fail(err, VAULT_INTEGRITY, "a list of guardians is too long");
        VAULT_TRY(read_entry(&out->at[out->count++], &from, err));
    }
    return VAULT_OK;
}

vault_code record_guardians(guardian_list *out, cabinet *c, const record *r, vault_error *err)
{
    bool found = false;
    reader list;
    out->count = 0;
    if (r->genuine) VAULT_TRY(list_open(&list, &found, c, r, GUARDIAN_SEGMENT, err));
    if (!found) return record_work(c, r), VAULT_OK;
    vault_code code = read_all(out, list, err);
    text_forget(c);
    return code;
}

/* ---- what is said ---- */

static bool same_word(const guardian *a, const guardian *b)
{
    return a->kind == b->kind && a->ended == b->ended && a->expires_us == b->expires_us && a->of_child == b->of_child;
}

static const guardian *find(const guardian_list *of, int64_t resident)
{
    for (size_t i = 0; i < of->count; i++)
        if (of->at[i].resident == resident) return &of->at[i];
    return NULL;
}

static void take_out(guardian_list *from, size_t at)
{
    memmove(&from->at[at], &from->at[at + 1], (from->count - at - 1) * sizeof *from->at);
    from->count--;
}

/* Room is made by whoever is no guardian any more; first who was written down first. */
static bool make_room(guardian_list *in, int64_t now_us)
{
    for (size_t i = 0; in->count == GUARDIANS_MAX && i < in->count; i++) {
        const guardian *g = &in->at[i];
        if (!g->ended && (g->expires_us == 0 || now_us < g->expires_us)) continue;
        take_out(in, i);
    }
    return in->count < GUARDIANS_MAX;
}

static vault_code revise(guardian_list *inout, bool *unchanged, const guardian *what, vault_error *err)
{
    const guardian *was = find(inout, what->resident);
    guardian next = was && what->ended ? *was : *what; /* what has ended stays what it was */
    next.ended = what->ended;
    next.said_us = what->said_us;
    next.department = what->department;
    *unchanged = was ? same_word(was, &next) : what->ended;
    if (*unchanged) return VAULT_OK;
    if (was) take_out(inout, (size_t)(was - inout->at));
    if (!make_room(inout, what->said_us)) return vault_refuse(err, VAULT_INVALID, "TOO_MANY_GUARDIANS", "");
    inout->at[inout->count++] = next;
    return VAULT_OK;
}

static bytes write_all(cabinet *c, const guardian_list *of)
{
    writer to = writer_over(c->beside.at, c->beside.len);
    put_u8(&to, LIST_FORMAT);
    for (size_t i = 0; i < of->count; i++) put_entry(&to, &of->at[i]);
    return writer_bytes(&to);
}

vault_code record_appoint(resident_row *out, bool *unchanged, cabinet *c, const record *old, const guardian_said *said,
                          vault_error *err)
{
    const record_input nothing = {.collection = said->collection};
    sealing how = {.in = &nothing, .list = GUARDIAN_SEGMENT};
    guardian_list all;
    *unchanged = false;
    if (!old->genuine) return vault_fail(err, VAULT_INTERNAL, "a guardian for a row that is not proven");
    VAULT_TRY(record_guardians(&all, c, old, err));
    VAULT_TRY(revise(&all, unchanged, &said->what, err));
    if (*unchanged) return VAULT_OK;
    how.listed = write_all(c, &all);
    vault_code code = list_seal(out, c, old, &how, err);
    wipe(c->beside.at, c->beside.len);
    return code;
}

/* ---- what somebody is to the resident ---- */

const schema_field *record_birth_field(const collection *of)
{
    const predicate age = {PREDICATE_AGE_UNDER, GROWN_YEARS};
    static const char NAME[] = "birth_date";
    if (of->natural_key->format && !predicate_misfit(&age, of->natural_key->format)) return of->natural_key;
    for (size_t i = 0; i < of->count; i++) {
        size_t len = strlen(of->fields[i]->name), end = sizeof NAME - 1;
        if (len < end || strcmp(of->fields[i]->name + len - end, NAME) != 0) continue;
        if (of->fields[i]->format && !predicate_misfit(&age, of->fields[i]->format)) return of->fields[i];
    }
    return NULL;
}

vault_code record_child(class_answer *out, cabinet *c, const record *r, const collection *of, uint32_t today,
                        vault_error *err)
{
    static const policy_class CHILD = {.test = CLASS_AGE_UNDER, .years = GROWN_YEARS};
    const class_question q = {.record = r, .field = record_birth_field(of), .of = &CHILD, .today = today};
    *out = CLASS_UNKNOWN;
    return q.field ? record_class(out, c, &q, err) : VAULT_OK;
}

guardianship guardianship_of(const guardian_list *of, int64_t resident, class_answer child, int64_t now_us)
{
    const guardian *g = find(of, resident);
    if (!g) return GUARDIAN_NONE;
    if (g->ended || (g->expires_us != 0 && now_us >= g->expires_us)) return GUARDIAN_ENDED;
    return g->of_child && child != CLASS_IN ? GUARDIAN_GROWN : GUARDIAN_STANDS;
}

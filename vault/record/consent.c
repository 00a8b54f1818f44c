/* What a resident has agreed to, by purpose: one segment of the pack behind all fields, sealed as a value is. So it is
 * erased, rotated, verified and backed up with the record, and neither moved nor edited nor put back by itself.
 *
 *   01 ‖ for each purpose: length of its id (1) ‖ id ‖ state (1) ‖ said (8) ‖ expires (8) ‖ department (2)
 *
 * all big-endian, times in microseconds since 1970. The newest word of a purpose takes the place of the one before:
 * what was said when stands in the log. */
#include "vault/record/internal.h"

#include <string.h>

typedef struct entry {
    bytes id;
    consent_word what;
    uint16_t department;
} entry;

static vault_code read_entry(entry *out, reader *from, vault_error *err)
{
    out->id = get_bytes(from, get_u8(from));
    uint8_t state = get_u8(from);
    out->what = (consent_word){.state = (consent_state)state};
    out->what.said_us = (int64_t)get_u64(from);
    out->what.expires_us = (int64_t)get_u64(from);
    out->department = get_u16(from);
    bool good = !from->short_ && out->id.len > 0 && (state == CONSENT_GIVEN || state == CONSENT_WITHDRAWN);
    return good ? VAULT_OK : vault_fail(err, VAULT_INTEGRITY, "a list of consents is cut short, or is none");
}

static void put_entry(writer *to, const entry *e)
{
    put_u8(to, (uint8_t)e->id.len);
    put_bytes(to, e->id);
    put_u8(to, (uint8_t)e->what.state);
    put_u64(to, (uint64_t)e->what.said_us);
    put_u64(to, (uint64_t)e->what.expires_us);
    put_u16(to, e->department);
}

/* ---- what stands ---- */

static vault_code find_nearest(consent_word *out, reader from, const consent_chain *chain, vault_error *err)
{
    size_t nearest = chain->count;
    entry e;
    while (from.rest.len > 0) {
        VAULT_TRY(read_entry(&e, &from, err));
        for (size_t i = 0; i < nearest; i++) {
            if (!bytes_same(e.id, bytes_of_text(chain->ids[i]))) continue;
            nearest = i;
            *out = e.what;
        }
    }
    return VAULT_OK;
}

vault_code record_consent(consent_word *out, cabinet *c, const record *r, const consent_chain *chain, vault_error *err)
{
    bool found = false;
    reader list;
    *out = (consent_word){.state = CONSENT_NONE};
    if (r->genuine) VAULT_TRY(list_open(&list, &found, c, r, CONSENT_SEGMENT, err));
    if (!found) return record_work(c, r), VAULT_OK;
    vault_code code = find_nearest(out, list, chain, err);
    text_forget(c);
    return code;
}

bool consent_stands(const consent_word *of, int64_t now_us)
{
    return of->state == CONSENT_GIVEN && (of->expires_us == 0 || now_us < of->expires_us);
}

/* ---- what is said ---- */

static bool same_word(const consent_word *a, const consent_word *b)
{
    return a->state == b->state && a->expires_us == b->expires_us;
}

static bool is_below(bytes id, bytes above)
{
    return id.len > above.len && id.at[above.len] == '/' && bytes_same(bytes_of(id.at, above.len), above);
}

/* All that stands, but for the purpose at hand, and then its new word. Whoever takes back what is above takes back what
 * was agreed to below. */
static vault_code rewrite(writer *to, bool *unchanged, reader from, const consent_said *said, vault_error *err)
{
    const entry mine = {.id = bytes_of_text(said->purpose), .what = said->what, .department = said->department};
    entry e;
    bool dropped = false;
    while (from.rest.len > 0) {
        VAULT_TRY(read_entry(&e, &from, err));
        bool taken_back =
            said->what.state == CONSENT_WITHDRAWN && e.what.state == CONSENT_GIVEN && is_below(e.id, mine.id);
        dropped |= taken_back;
        if (bytes_same(e.id, mine.id))
            *unchanged = same_word(&e.what, &said->what);
        else if (!taken_back)
            put_entry(to, &e);
    }
    *unchanged &= !dropped;
    put_entry(to, &mine);
    return to->overflow ? vault_refuse(err, VAULT_INVALID, "RECORD_TOO_LARGE", "") : VAULT_OK;
}

static vault_code make_list(cabinet *c, bytes *out, bool *unchanged, const record *old, const consent_said *said,
                            vault_error *err)
{
    writer to = writer_over(c->beside.at, c->beside.len);
    reader from = reader_over(bytes_of(NULL, 0));
    bool found = false;
    put_u8(&to, LIST_FORMAT);
    VAULT_TRY(list_open(&from, &found, c, old, CONSENT_SEGMENT, err));
    vault_code code = rewrite(&to, unchanged, from, said, err);
    if (found) text_forget(c);
    *out = writer_bytes(&to);
    return code;
}

vault_code record_say(resident_row *out, bool *unchanged, cabinet *c, const record *old, const consent_said *said,
                      vault_error *err)
{
    const record_input nothing = {.collection = said->collection};
    sealing how = {.in = &nothing, .list = CONSENT_SEGMENT};
    *unchanged = false;
    vault_code code = make_list(c, &how.listed, unchanged, old, said, err);
    if (code == VAULT_OK && !*unchanged) code = list_seal(out, c, old, &how, err);
    wipe(c->beside.at, c->beside.len);
    return code;
}

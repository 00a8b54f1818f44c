#include "vault/audit/internal.h"

#include <string.h>

/* ---- leaf ---- */

void leaf_write(uint8_t out[LEAF_LEN], const line *of, int64_t time_us)
{
    writer w = writer_over(out, LEAF_LEN);
    put_u8(&w, LEAF_VERSION);
    put_u64(&w, (uint64_t)time_us);
    put_u8(&w, (uint8_t)of->action);
    put_bytes(&w, bytes_of(of->officer_hash, DIGEST_LEN));
    put_bytes(&w, bytes_of(of->resident_hash, DIGEST_LEN));
}

bool leaf_read(leaf_facts *out, bytes leaf)
{
    reader r = reader_over(leaf);
    uint8_t version = get_u8(&r);
    out->time_us = (int64_t)get_u64(&r);
    out->action = get_u8(&r);
    out->officer_hash = get_bytes(&r, DIGEST_LEN).at;
    out->resident_hash = get_bytes(&r, DIGEST_LEN).at;
    return reader_done(&r) && version == LEAF_VERSION && out->time_us >= 0;
}

/* ---- making a line ---- */

/* What one line needs of chance, drawn at once. */
typedef struct chance {
    uint8_t officer_salt[SALT_LEN], resident_salt[SALT_LEN], reference[REFERENCE_LEN];
} chance;

/* Salt and view are hashed and sealed as one: who has only the view cannot try guesses against the hash. */
static vault_code keep_salted(bytes *salted, arena *mem, writer *w, uint8_t hash[DIGEST_LEN], vault_error *err)
{
    *salted = arena_copy(mem, writer_bytes(w));
    wipe(w->at, w->len);
    if (!salted->at) return vault_fail(err, VAULT_EXHAUSTED, "no room for a line");
    digest d = sha256(*salted);
    memcpy(hash, d.at, DIGEST_LEN);
    return VAULT_OK;
}

static bytes without_salt(bytes salted)
{
    return bytes_of(salted.at + SALT_LEN, salted.len - SALT_LEN);
}

static vault_code make_officer(line *out, scribe *s, arena *mem, const line_facts *f, vault_error *err)
{
    uint8_t buffer[VIEW_MAX];
    bytes salted;
    writer w = writer_over(buffer, sizeof buffer);
    put_bytes(&w, bytes_of(out->officer_salt, SALT_LEN));
    VAULT_TRY(view_of_officer(&w, f, err));
    VAULT_TRY(keep_salted(&salted, mem, &w, out->officer_hash, err));
    out->officer_view = without_salt(salted);
    return scribe_seal(&out->officer_sealed, s, mem, s->active->view, &(salted_view){VIEW_OFFICER, salted}, err);
}

/* The view is made whether there is a resident or not: a receipt must not tell "no such resident" from "not yours to
 * see". */
static vault_code make_resident(line *out, arena *mem, const line_facts *f, const uint8_t *reference, vault_error *err)
{
    uint8_t buffer[VIEW_MAX];
    bytes salted;
    writer w = writer_over(buffer, sizeof buffer);
    put_bytes(&w, bytes_of(out->resident_salt, SALT_LEN));
    VAULT_TRY(view_of_resident(&w, f, reference, err));
    VAULT_TRY(keep_salted(&salted, mem, &w, out->resident_hash, err));
    out->resident_view = without_salt(salted);
    return VAULT_OK;
}

vault_code line_make(line *out, scribe *s, arena *mem, const line_facts *f, aead *resident_dek, vault_error *err)
{
    chance random;
    bool known = f->action >= LINE_INIT && f->action < LINE_ACTIONS && f->outcome < LINE_OUTCOMES;
    if (!known) return vault_fail(err, VAULT_INTERNAL, "a line of an unknown action or outcome");
    VAULT_TRY(entropy_fill((uint8_t *)&random, sizeof random, err));
    *out = (line){.action = f->action, .outcome = f->outcome, .index = -1};
    memcpy(out->officer_salt, random.officer_salt, SALT_LEN);
    memcpy(out->resident_salt, random.resident_salt, SALT_LEN);
    if (f->resident != 0) scribe_reference(s, random.reference, f->resident);
    VAULT_TRY(make_officer(out, s, mem, f, err));
    VAULT_TRY(make_resident(out, mem, f, random.reference, err));
    out->resident_tag = resident_tag(s->active, f->resident);
    out->person_tag = person_tag(s->active, f->person);
    if (!resident_dek) return VAULT_OK;
    bytes salted = bytes_of(out->resident_view.at - SALT_LEN, out->resident_view.len + SALT_LEN);
    return scribe_seal(&out->resident_sealed, s, mem, resident_dek, &(salted_view){VIEW_RESIDENT, salted}, err);
}

/* Stored lines: opened and compared with what else is known of them, and brought under a newer version of the log ring.
 */
#include "vault/audit/internal.h"

vault_code line_open(opened_view *out, bool *fits, const scribe *s, arena *mem, const line_row *row, vault_error *err)
{
    salted_view sealed = {.kind = VIEW_OFFICER};
    leaf_facts leaf;
    *fits = false;
    VAULT_TRY(scribe_open(&sealed, s, mem, NULL, row->officer, err));
    out->salted = sealed.salted;
    VAULT_TRY(view_read(&out->facts, mem, bytes_of(sealed.salted.at + SALT_LEN, sealed.salted.len - SALT_LEN), err));
    const scribe_keys *keys = scribe_keys_of(s, row->officer);
    digest hash = sha256(sealed.salted);
    *fits = leaf_read(&leaf, row->leaf) && out->facts.action == leaf.action &&
            bytes_same(digest_bytes(&hash), bytes_of(leaf.officer_hash, DIGEST_LEN)) &&
            resident_tag(keys, out->facts.resident) == row->resident_tag &&
            person_tag(keys, out->facts.person) == row->person_tag;
    return VAULT_OK;
}

uint32_t scribe_version(const scribe *s)
{
    return s->active->of->version;
}

/* Tags that were edited are not made good: a line that does not fit stays as it was found. */
vault_code line_renew(line_row *inout, const scribe *s, arena *mem, vault_error *err)
{
    opened_view view = {0};
    bool fits;
    VAULT_TRY(line_open(&view, &fits, s, mem, inout, err));
    if (!fits)
        return vault_fail(err, VAULT_INTEGRITY, "line %lld does not fit its leaf or its tags", (long long)inout->index);
    inout->resident_tag = resident_tag(s->active, view.facts.resident);
    inout->person_tag = person_tag(s->active, view.facts.person);
    const salted_view salted = {VIEW_OFFICER, view.salted};
    return scribe_seal(&inout->officer, s, mem, s->active->view, &salted, err);
}

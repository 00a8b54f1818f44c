/* Stored lines: opened and compared with what else is known of them, and brought under a newer version of the log ring.
 */
#include "vault/audit/internal.h"

#include <string.h>

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

/* ---- the last line that wrote a record ---- */

enum { WRITES_READ = 1000, WRITES_PAGE = 50 };

static bool writes(line_action a)
{
    return a == LINE_PUT || a == LINE_CORRECT || a == LINE_RESTRICT;
}

/* Only what fits its leaf can be told apart from what was put there by hand. */
static vault_code version_of(const line_row *row, const scribe *s, arena *mem, int64_t resident, uint32_t *version,
                             vault_error *err)
{
    opened_view view = {0};
    bool fits = false;
    vault_code code = line_open(&view, &fits, s, mem, row, err);
    if (code == VAULT_INTEGRITY) {
        vault_error_clear(err);
        return VAULT_OK;
    }
    VAULT_TRY(code);
    bool is =
        fits && view.facts.resident == resident && writes(view.facts.action) && view.facts.outcome == LINE_GRANTED;
    if (is) *version = view.facts.record_version;
    return VAULT_OK;
}

vault_code ledger_last_write(scribe *sc, store *s, arena *mem, int64_t resident, uint32_t *version, vault_error *err)
{
    int64_t tags[RING_VERSIONS_MAX];
    line_row rows[WRITES_PAGE];
    line_range range = {.key = LINE_RESIDENT_BACK, .tags = tags, .limit = WRITES_PAGE};
    head_row head;
    range.tag_count = scribe_resident_tags(sc, resident, tags);
    *version = 0;
    VAULT_TRY(store_head_read(s, &head, err));
    range.from = head.size - 1;
    for (size_t read = 0, count = WRITES_PAGE; count == WRITES_PAGE && read < WRITES_READ; read += count) {
        VAULT_TRY(rows_page(s, mem, &range, rows, &count, err));
        for (size_t i = 0; i < count && *version == 0; i++)
            VAULT_TRY(version_of(&rows[i], sc, mem, resident, version, err));
        if (*version || count == 0) return VAULT_OK;
        range.from = rows[count - 1].index - 1;
    }
    return VAULT_OK;
}

/* Lists beside the fields: consents, guardians. Each is one segment of the pack behind all fields, sealed as a value
 * is. So it is erased, rotated, verified and backed up with the record, and neither moved nor edited nor put back by
 * itself. */
#include "vault/record/internal.h"

vault_code list_open(reader *entries, bool *found, cabinet *c, const record *r, unsigned list, vault_error *err)
{
    segment s;
    aead *cipher = NULL;
    bytes inside;
    if (!r->genuine) return vault_fail(err, VAULT_INTERNAL, "a list of a row that is not proven");
    VAULT_TRY(pack_find(&s, found, r->row->sealed, list, err));
    if (!*found) return VAULT_OK;
    VAULT_TRY(record_cipher(&cipher, c, r, err));
    VAULT_TRY(segment_unseal(c, r->row->id, &s, &inside, err));
    *entries = reader_over(inside);
    if (get_u8(entries) == LIST_FORMAT) return VAULT_OK;
    text_forget(c);
    return vault_fail(err, VAULT_INTEGRITY, "list %u of a record has an impossible format", list);
}

vault_code list_seal(resident_row *out, cabinet *c, const record *old, const sealing *how, vault_error *err)
{
    if (old->row->version == INT32_MAX)
        return vault_fail(err, VAULT_EXHAUSTED, "record %lld has no further version", (long long)old->row->id);
    *out = *old->row;
    out->was = old->row;
    out->version++;
    sealing s = *how;
    s.c = c, s.dek = old->dek, s.stored = old->row->sealed, s.row = out;
    return seal_row(&s, err);
}

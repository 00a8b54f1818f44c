#include "vault/record/pack.h"

void segment_write_header(writer *w, const segment *s)
{
    put_u16(w, s->field);
    put_u32(w, s->version);
    put_u8(w, s->suite);
    put_u16(w, s->department);
    put_u32(w, s->collected);
    put_u16(w, (uint16_t)s->sealed.len);
}

void segment_write(writer *w, const segment *s)
{
    segment_write_header(w, s);
    put_bytes(w, s->sealed);
}

vault_code segment_read(segment *out, reader *from, uint16_t previous, vault_error *err)
{
    *out = (segment){.field = get_u16(from), .version = get_u32(from)};
    out->suite = get_u8(from);
    out->department = get_u16(from);
    out->collected = get_u32(from);
    out->sealed = get_sized(from);
    if (from->short_) return vault_fail(err, VAULT_INTEGRITY, "packed fields are cut short");
    if (out->field <= previous) return vault_fail(err, VAULT_INTEGRITY, "packed fields are out of order");
    return VAULT_OK;
}

vault_code pack_find(segment *out, bool *found, bytes pack, unsigned field, vault_error *err)
{
    reader from = reader_over(pack);
    *found = false;
    for (uint16_t previous = 0; from.rest.len > 0; previous = out->field) {
        VAULT_TRY(segment_read(out, &from, previous, err));
        if (out->field > field) return VAULT_OK;
        if (out->field == field) {
            *found = true;
            return VAULT_OK;
        }
    }
    return VAULT_OK;
}

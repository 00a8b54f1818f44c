/* Rows of key rings as keyrings. A keyring is of one state of the table: it grows by rings that are new; where a row
 * says anything else than it did, all are opened anew, and the keys that are no more go with the last holder of the
 * keyring before. */
#include "vault/control/core.h"

#include <string.h>

static bool same_ring(const ring *r, const ring_row *row)
{
    return r->version == (uint32_t)row->version && strcmp(r->name, row->name) == 0 && (int)r->suite == row->suite &&
           (int)r->state == row->state && r->since == row->since && r->ends_us == row->ends_us &&
           bytes_same(bytes_of(r->wrapped, sizeof r->wrapped), row->wrapped);
}

static bool stands_in(const ring_rows *all, const ring *r)
{
    for (size_t i = 0; i < all->count; i++)
        if (same_ring(r, &all->rows[i])) return true;
    return false;
}

static bool opened(const keyring *keys, const ring_row *row)
{
    const ring *r;
    for (size_t i = 0; (r = keyring_at(keys, i)); i++)
        if (same_ring(r, row)) return true;
    return false;
}

static bool nothing_else(const keyring *keys, const ring_rows *all)
{
    const ring *r;
    for (size_t i = 0; (r = keyring_at(keys, i)); i++)
        if (!stands_in(all, r)) return false;
    return true;
}

static vault_code open_row(keyring *to, const ring_row *row, bytes root, vault_error *err)
{
    ring r = {.version = (uint32_t)row->version,
              .suite = (suite_id)row->suite,
              .state = (ring_state)row->state,
              .since = row->since,
              .ends_us = row->ends_us};
    if (strlen(row->name) >= sizeof r.name || row->wrapped.len != sizeof r.wrapped || row->version < 1)
        return vault_fail(err, VAULT_INTEGRITY, "key ring '%.40s': the row is malformed", row->name);
    memcpy(r.name, row->name, strlen(row->name));
    memcpy(r.wrapped, row->wrapped.at, sizeof r.wrapped);
    vault_code code = keyring_add(to, root, &r, err);
    /* An unknown suite, or a second active version, is not what this vault has written either. */
    if (code == VAULT_CONFLICT || code == VAULT_INVALID) code = err->code = VAULT_INTEGRITY;
    return code;
}

vault_code rings_add(keyring *to, const ring_rows *all, bytes root, vault_error *err)
{
    for (size_t i = 0; i < all->count; i++)
        if (!opened(to, &all->rows[i])) VAULT_TRY(open_row(to, &all->rows[i], root, err));
    return VAULT_OK;
}

vault_code rings_open(keyring **out, const ring_rows *all, bytes root, vault_error *err)
{
    VAULT_CLEANUP(keyring_free) keyring *keys = NULL;
    VAULT_TRY(keyring_new(&keys, err));
    for (size_t i = 0; i < all->count; i++) VAULT_TRY(open_row(keys, &all->rows[i], root, err));
    *out = keys;
    keys = NULL;
    return VAULT_OK;
}

vault_code rings_follow(keyring **out, keyring *standing, const ring_rows *all, bytes root, vault_error *err)
{
    if (!standing || !nothing_else(standing, all)) return rings_open(out, all, root, err);
    *out = keyring_hold(standing);
    return VAULT_OK;
}

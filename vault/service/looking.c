#include "vault/service/looking.h"

#include "vault/audit/archive.h"

#include <string.h>

void looking_close(looking *l)
{
    secret_clear(&l->dek);
    scribe_free(&l->scribe);
    cabinet_free(&l->cabinet);
    if (l->manifest) control_release(l->control, l->manifest);
    ledger_close(&l->ledger);
    control_close(&l->control);
    store_close(&l->store);
    shelf_close(&l->shelf);
}

/* ---- the root key ---- */

/* A line of what people entered, without its end. */
static bytes next_line(bytes *rest)
{
    const uint8_t *end = memchr(rest->at, '\n', rest->len);
    bytes one = bytes_of(rest->at, end ? (size_t)(end - rest->at) : rest->len);
    size_t used = one.len + (end != NULL);
    *rest = bytes_of(rest->at + used, rest->len - used);
    return one;
}

static vault_code join_shares(secret *unseal, const root_seal *seal, bytes typed, vault_error *err)
{
    VAULT_CLEANUP(entered_forget) entered e = {0};
    while (typed.len > 0 && !entered_complete(&e, seal)) {
        bytes one = next_line(&typed);
        if (one.len > 0) VAULT_TRY(entered_add(&e, seal, one, err));
    }
    if (entered_complete(&e, seal)) return entered_join(unseal, &e, seal, err);
    return vault_fail(err, VAULT_INVALID, "%u of %u shares were given, a line each", entered_count(&e),
                      seal->threshold);
}

static vault_code find_unseal(secret *out, const service_options *o, const root_seal *seal, vault_error *err)
{
    bytes typed = o->entered;
    if (root_lies_here(&o->keeping)) return root_unseal_from_files(out, &o->keeping, seal, err);
    VAULT_TRY(root_check_source(&o->keeping, seal, err));
    if (typed.len == 0) return vault_fail(err, VAULT_INVALID, "nothing was entered on standard input");
    if (seal->source == ROOT_SHARES) return join_shares(out, seal, typed, err);
    return root_key_from_passphrase(out, next_line(&typed), bytes_of(seal->salt, sizeof seal->salt), seal->cost, err);
}

static vault_code find_root(secret *out, const service_options *o, const root_place *place, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret unseal = {0};
    if (o->root.len > 0) return secret_copy(out, o->root, err);
    VAULT_TRY(find_unseal(&unseal, o, &place->seal, err));
    return root_seal_open(out, &place->seal, place->vault, secret_bytes(&unseal), err);
}

vault_code looking_open(looking *l, const service_options *o, vault_error *err)
{
    VAULT_CLEANUP(secret_clear) secret root = {0};
    root_place place;
    VAULT_TRY(shelf_open(&l->shelf, o->archive_folder, err));
    VAULT_TRY(store_open(&l->store, o->database, err));
    store_set_shelf(l->store, l->shelf);
    VAULT_TRY(root_row_read(&place, l->store, err));
    VAULT_TRY(find_root(&root, o, &place, err));
    VAULT_TRY(control_open(&l->control, l->store, secret_bytes(&root), err));
    VAULT_TRY(ledger_open(&l->ledger, l->store, control_keys(l->control), control_vault_name(l->control), err));
    l->manifest = control_acquire(l->control);
    l->vault = arena_text(l->mem, bytes_of_text(place.vault));
    VAULT_TRY(cabinet_new(&l->cabinet, manifest_keys(l->manifest), err));
    cabinet_made_by(l->cabinet, l->manifest->version);
    cabinet_use(l->cabinet, l->mem);
    VAULT_TRY(scribe_new(&l->scribe, l->ledger, err));
    return secret_new(&l->dek, RECORD_KEYS_LEN, err);
}

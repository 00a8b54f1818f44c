/* A new vault. */
#include "vault/base/clock.h"
#include "vault/control/internal.h"

#include <stdio.h>

/* ---- domains -------------------------------------------------------------------------------------------------------
 */

static bool stands(json_t *numbers, uint32_t number)
{
    size_t i;
    json_t *value;
    json_array_foreach(numbers, i, value)
    {
        if (json_integer_value(value) == number) return true;
    }
    return false;
}

/* Random, so that a token's domain number tells a finder nothing, not even how many domains there are. */
static vault_code draw_numbers(json_t *numbers, size_t count, vault_error *err)
{
    while (json_array_size(numbers) < count) {
        uint8_t at[4] = {0};
        VAULT_TRY(entropy_fill(at + 1, 3, err));
        reader r = reader_over(bytes_of(at, sizeof at));
        uint32_t number = get_u32(&r);
        if (number == 0 || stands(numbers, number)) continue;
        if (json_array_append_new(numbers, json_integer(number)) != 0) {
            return vault_fail(err, VAULT_EXHAUSTED, "domains: no memory");
        }
    }
    return VAULT_OK;
}

/* Once on trial, to know how many domains there are; then with their numbers. */
static vault_code build_new(manifest_body **out, const char *name, const char *folder, vault_error *err)
{
    VAULT_CLEANUP(documents_clear) documents docs = {0};
    VAULT_CLEANUP(manifest_free) manifest_body *trial = NULL;
    VAULT_CLEANUP(json_clear) json_t *numbers = json_array();
    VAULT_TRY(documents_read(&docs, folder, err));
    VAULT_TRY(manifest_build(&trial, name, &docs, NULL, err));
    VAULT_TRY(draw_numbers(numbers, trial->domain_count, err));
    return manifest_build(out, name, &docs, numbers, err);
}

vault_code control_check_folder(const char *folder, vault_error *err)
{
    VAULT_CLEANUP(manifest_free) manifest_body *body = NULL;
    return build_new(&body, "check", folder, err);
}

/* ---- rings ---------------------------------------------------------------------------------------------------------
 */

typedef struct maker {
    store *store;
    keyring *keys;
    bytes root;
} maker;

static vault_code keep_ring(const maker *k, const ring *r, vault_error *err)
{
    const ring_row row = {.name = r->name,
                          .version = (int32_t)r->version,
                          .suite = (int16_t)r->suite,
                          .state = (int16_t)r->state,
                          .wrapped = bytes_of(r->wrapped, sizeof r->wrapped),
                          .created_us = clock_now_us()};
    VAULT_TRY(store_ring_insert(k->store, &row, err));
    return keyring_add(k->keys, k->root, r, err);
}

static vault_code make_ring(void *context, const char *name, vault_error *err)
{
    const maker *k = context;
    ring r = {0};
    VAULT_TRY(ring_create(&r, k->root, name, 1, SUITE_INTL, err));
    vault_code code = keep_ring(k, &r, err);
    secret_clear(&r.key);
    return code;
}

/* ---- the vault -----------------------------------------------------------------------------------------------------
 */

static vault_code check_options(const init_options *o, vault_error *err)
{
    if (!vault_name_valid(o->name)) {
        return vault_fail(err, VAULT_INVALID, "the vault's name is not 1 to 64 of a-z, 0-9, '.', '/', '-'");
    }
    if (o->root.len != ROOT_KEY_LEN)
        return vault_fail(err, VAULT_INVALID, "the root key has not %d bytes", ROOT_KEY_LEN);
    return VAULT_OK;
}

static vault_code write_vault(store *s, const init_options *o, vault_error *err)
{
    const vault_row row = {.name = o->name,
                           .format = TABLES_FORMAT,
                           .root_salt = o->root_salt,
                           .argon2_passes = (int32_t)o->cost.passes,
                           .argon2_memory_kib = (int32_t)o->cost.memory_kib,
                           .argon2_lanes = (int32_t)o->cost.lanes};
    return store_vault_insert(s, &row, err);
}

static vault_code write_manifest(const maker *k, manifest_body *body, arena *mem, vault_error *err)
{
    bytes text, sealed;
    body->m.version = 1;
    VAULT_TRY(manifest_text(&text, mem, body, err));
    VAULT_TRY(manifest_seal(&sealed, mem, k->keys, &body->m, text, err));
    VAULT_TRY(store_manifest_insert(k->store, body->m.version, sealed, err));
    body->m.digest = manifest_digest(text, body->m.version);
    return ledger_create(k->store, k->keys, body->m.vault, body->m.digest, err);
}

static vault_code write_all(store *s, const init_options *o, manifest_body *body, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(MANIFEST_ARENA);
    VAULT_CLEANUP(keyring_free) keyring *keys = NULL;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "init: no memory");
    VAULT_TRY(write_vault(s, o, err));
    VAULT_TRY(keyring_new(&keys, err));
    maker k = {.store = s, .keys = keys, .root = o->root};
    VAULT_TRY(manifest_rings(body, make_ring, &k, err));
    VAULT_TRY(write_manifest(&k, body, mem, err));
    return store_commit(s, err);
}

/* The tables come first and on their own: tables without a vault in them are taken over by the next init. */
vault_code control_init(store *s, const init_options *options, vault_error *err)
{
    VAULT_CLEANUP(manifest_free) manifest_body *body = NULL;
    VAULT_TRY(check_options(options, err));
    VAULT_TRY(build_new(&body, options->name, options->folder, err));
    VAULT_TRY(store_create_schema(s, err));
    VAULT_TRY(store_begin(s, err));
    vault_code code = write_all(s, options, body, err);
    if (code != VAULT_OK) store_rollback(s);
    return code;
}

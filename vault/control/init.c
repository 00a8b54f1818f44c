/* A new vault. */
#include "vault/base/clock.h"
#include "vault/control/core.h"

#include <stdio.h>

/* What cannot be read is a fault of the document, by its name. */
static vault_code parse_texts(documents *out, const bytes *texts, vault_error *err)
{
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        const char *name = document_name((document)i);
        if (texts[i].len > DOCUMENT_MAX) return vault_refuse(err, VAULT_INVALID, "TOO_LARGE", name);
        if (json_read(&out->of[i], texts[i], name, err) == VAULT_OK) continue;
        if (err->code != VAULT_INVALID) return err->code;
        err->reason = "DOCUMENT_INVALID";
        snprintf(err->field, sizeof err->field, "%s", name);
        return err->code;
    }
    return VAULT_OK;
}

/* A first build without numbers, whose faults are those of the files; then with them. */
static vault_code build_new(manifest_body **out, const init_options *o, vault_error *err)
{
    VAULT_CLEANUP(documents_clear) documents docs = {0};
    VAULT_CLEANUP(manifest_free) manifest_body *trial = NULL;
    VAULT_TRY(o->folder ? documents_read(&docs, o->folder, err) : parse_texts(&docs, o->texts, err));
    if (manifest_build(&trial, o->name, &docs, err) != VAULT_OK)
        return o->folder ? documents_fault(err, o->folder) : err->code;
    VAULT_TRY(domains_complete(&docs.of[DOC_DOMAINS], &docs, err));
    VAULT_TRY(canaries_none(&docs.of[DOC_CANARIES], err));
    return manifest_build(out, o->name, &docs, err);
}

vault_code control_check_folder(const char *folder, vault_error *err)
{
    VAULT_CLEANUP(manifest_free) manifest_body *body = NULL;
    return build_new(&body, &(init_options){.name = "check", .folder = folder}, err);
}

/* ---- rings ---- */

typedef struct maker {
    store *store;
    keyring *keys;
    bytes root;
    arena *mem;
    suite_id suite;
    digest fixed; /* of the row of vault */
    ring_row *rows;
    size_t count, most;
} maker;

static vault_code keep_ring(maker *k, const ring *r, vault_error *err)
{
    ring *kept = arena_alloc(k->mem, sizeof *kept);
    if (!kept || k->count == k->most) return vault_fail(err, VAULT_EXHAUSTED, "init: no room for key rings");
    *kept = *r;
    kept->key = (secret){0};
    k->rows[k->count] = ring_row_of(kept);
    VAULT_TRY(store_ring_insert(k->store, &k->rows[k->count++], err));
    return keyring_add(k->keys, k->root, kept, err);
}

static vault_code count_ring(void *context, const char *name, vault_error *err)
{
    (void)name, (void)err;
    ++*(size_t *)context;
    return VAULT_OK;
}

static vault_code make_ring(void *context, const char *name, vault_error *err)
{
    ring r = {0};
    maker *k = context;
    VAULT_TRY(ring_create(&r, k->root, &(ring_wish){.name = name, .version = 1, .suite = k->suite, .since = 1}, err));
    vault_code code = keep_ring(k, &r, err);
    secret_clear(&r.key);
    return code;
}

/* ---- the vault ---- */

static vault_code check_options(const init_options *o, vault_error *err)
{
    if (!vault_name_valid(o->name)) {
        (void)vault_refuse(err, VAULT_INVALID, "BAD_NAME", "vault");
        snprintf(err->detail, sizeof err->detail, "the vault's name is not 1 to 64 of a-z, 0-9, '.', '/', '-'");
        return err->code;
    }
    if (o->root.len != ROOT_KEY_LEN)
        return vault_fail(err, VAULT_INVALID, "the root key has not %d bytes", ROOT_KEY_LEN);
    return VAULT_OK;
}

static vault_row row_of(const init_options *o)
{
    vault_row row = {.name = o->name, .format = TABLES_FORMAT};
    vault_row_seal(&row, o->seal);
    return row;
}

static vault_code write_documents(maker *k, const manifest_body *body, manifest_core *core, vault_error *err)
{
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        const seal_place at = {document_name((document)i), body->m.vault, 1};
        document_row row = {.name = at.kind, .version = at.version};
        bytes text;
        VAULT_TRY(document_canonical(&text, k->mem, body->docs.of[i], err));
        VAULT_TRY(control_seal(&row.sealed, k->mem, k->keys, &at, text, err));
        VAULT_TRY(store_document_insert(k->store, &row, err));
        core->documents[i].digest = sha256(text);
        core->documents[i].row = core->documents[i].version = 1;
    }
    return VAULT_OK;
}

static vault_code write_manifest(maker *k, const manifest_body *body, vault_error *err)
{
    const seal_place at = {"manifest", body->m.vault, 1};
    manifest_core core = {.record = {.version = 1,
                                     .time_us = clock_now_us(),
                                     .kind = CHANGE_INIT,
                                     .document = "",
                                     .who = "",
                                     .ticket = "",
                                     .approval = "",
                                     .emergency = ""}};
    manifest_row row = {.version = 1};
    bytes text;
    core.rings = ring_rows_digest(k->rows, k->count);
    core.fixed = k->fixed;
    VAULT_TRY(write_documents(k, body, &core, err));
    VAULT_TRY(core_write(&text, k->mem, body->m.vault, &core, err));
    VAULT_TRY(control_seal(&row.sealed, k->mem, k->keys, &at, text, err));
    VAULT_TRY(store_manifest_insert(k->store, &row, err));
    return ledger_create(k->store, k->keys, body->m.vault, sha256(text), err);
}

static vault_code write_all(store *s, const init_options *o, const manifest_body *body, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(CONTROL_ARENA);
    VAULT_CLEANUP(keyring_free) keyring *keys = NULL;
    const vault_row row = row_of(o);
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "init: no memory");
    VAULT_TRY(store_vault_insert(s, &row, err));
    VAULT_TRY(keyring_new(&keys, err));
    maker k = {
        .store = s, .keys = keys, .root = o->root, .mem = mem, .suite = o->suite, .fixed = vault_row_digest(&row)};
    VAULT_TRY(manifest_rings(body, count_ring, &k.most, err));
    k.rows = arena_array(mem, k.most, sizeof *k.rows);
    if (!k.rows) return vault_fail(err, VAULT_EXHAUSTED, "init: no memory");
    VAULT_TRY(manifest_rings(body, make_ring, &k, err));
    VAULT_TRY(write_manifest(&k, body, err));
    return store_commit(s, err);
}

/* The tables come first and on their own: tables without a vault in them are taken over by the next init. */
vault_code control_init(store *s, const init_options *options, vault_error *err)
{
    VAULT_CLEANUP(manifest_free) manifest_body *body = NULL;
    VAULT_TRY(check_options(options, err));
    VAULT_TRY(build_new(&body, options, err));
    VAULT_TRY(purposes_assessed(body->docs.of[DOC_PURPOSES], NULL, clock_shanghai_date(clock_now_us()), err));
    VAULT_TRY(store_create_schema(s, err));
    VAULT_TRY(store_begin(s, err));
    vault_code code = write_all(s, options, body, err);
    if (code != VAULT_OK) store_rollback(s);
    return code;
}

/* What a process knows of its vault: rings, name, and the version of the manifest that is in force. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct control {
    keyring *keys;
    char name[ID_MAX + 1];
    pthread_mutex_t mutex;  /* of the two below, and of every manifest's references */
    manifest_body *current; /* holds one reference */
};

/* ---- rings ---------------------------------------------------------------------------------------------------------
 */

static vault_code add_ring(keyring *keys, bytes root, const ring_row *row, vault_error *err)
{
    ring r = {.version = (uint32_t)row->version, .suite = (suite_id)row->suite, .state = (ring_state)row->state};
    if (strlen(row->name) >= sizeof r.name || row->wrapped.len != sizeof r.wrapped || row->version < 1) {
        return vault_fail(err, VAULT_INTEGRITY, "key ring '%.40s': the row is malformed", row->name);
    }
    snprintf(r.name, sizeof r.name, "%s", row->name);
    memcpy(r.wrapped, row->wrapped.at, sizeof r.wrapped);
    vault_code code = keyring_add(keys, root, &r, err);
    /* An unknown suite, or a second active version, is not what this vault has written either. */
    if (code == VAULT_CONFLICT || code == VAULT_INVALID) code = err->code = VAULT_INTEGRITY;
    return code;
}

static vault_code read_rings(control *c, store *s, arena *mem, bytes root, vault_error *err)
{
    ring_row *rows;
    size_t count;
    VAULT_TRY(store_rings_read(s, mem, &rows, &count, err));
    VAULT_TRY(keyring_new(&c->keys, err));
    for (size_t i = 0; i < count; i++) VAULT_TRY(add_ring(c->keys, root, &rows[i], err));
    return VAULT_OK;
}

static vault_code check_ring(void *context, const char *name, vault_error *err)
{
    if (keyring_active(context, name)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "no active key ring '%s': a row is missing", name);
}

/* ---- manifest ------------------------------------------------------------------------------------------------------
 */

static vault_code check_digest(const manifest *stamp, bytes text, vault_error *err)
{
    digest found = manifest_digest(text, stamp->version);
    if (bytes_equal_secret(digest_bytes(&found), digest_bytes(&stamp->digest))) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "manifest: version %lld is not the one that the head names",
                      (long long)stamp->version);
}

/* `stamp`: version and digest as the head names them. */
static vault_code load_manifest(manifest_body **out, const control *c, store *s, const manifest *stamp,
                                vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(MANIFEST_ARENA);
    VAULT_CLEANUP(manifest_free) manifest_body *body = NULL;
    bytes sealed, text;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "manifest: no memory");
    vault_code code = store_manifest_read(s, mem, stamp->version, &sealed, err);
    if (code == VAULT_NOT_FOUND) {
        vault_error_clear(err);
        return vault_fail(err, VAULT_INTEGRITY, "manifest: version %lld is missing", (long long)stamp->version);
    }
    VAULT_TRY(code);
    VAULT_TRY(manifest_unseal(&text, mem, c->keys, stamp, sealed, err));
    VAULT_TRY(check_digest(stamp, text, err));
    VAULT_TRY(manifest_parse(&body, text, c->name, err));
    VAULT_TRY(manifest_rings(body, check_ring, c->keys, err));
    body->m.version = stamp->version;
    body->m.digest = stamp->digest;
    body->references = 1;
    *out = body;
    body = NULL;
    return VAULT_OK;
}

/* ---- open and close ------------------------------------------------------------------------------------------------
 */

static vault_code read_vault(control *c, store *s, arena *mem, vault_error *err)
{
    vault_row row;
    VAULT_TRY(store_vault_read(s, mem, &row, err));
    if (row.format != TABLES_FORMAT) {
        return vault_fail(err, VAULT_INTEGRITY, "the tables have format %d, not %d", row.format, TABLES_FORMAT);
    }
    if (!vault_name_valid(row.name)) return vault_fail(err, VAULT_INTEGRITY, "the vault's name is malformed");
    snprintf(c->name, sizeof c->name, "%s", row.name);
    return VAULT_OK;
}

static vault_code read_stamp(const control *c, store *s, manifest *out, vault_error *err)
{
    head_row head;
    vault_code code = store_head_read(s, &head, err);
    if (code == VAULT_NOT_FOUND) {
        vault_error_clear(err);
        return vault_fail(err, VAULT_INTEGRITY, "the head of the log is missing");
    }
    VAULT_TRY(code);
    *out = (manifest){.version = head.control_version, .digest = head.control_digest, .vault = c->name};
    return VAULT_OK;
}

vault_code control_open(control **out, store *s, bytes root, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(MANIFEST_ARENA);
    VAULT_CLEANUP(control_close) control *c = memory_new(sizeof *c);
    manifest stamp;
    *out = NULL;
    pthread_mutex_init(&c->mutex, NULL);
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    VAULT_TRY(read_vault(c, s, mem, err));
    VAULT_TRY(read_rings(c, s, mem, root, err));
    VAULT_TRY(read_stamp(c, s, &stamp, err));
    VAULT_TRY(load_manifest(&c->current, c, s, &stamp, err));
    *out = c;
    c = NULL;
    return VAULT_OK;
}

void control_close(control **c)
{
    control *it = *c;
    *c = NULL;
    if (!it) return;
    if (it->current) control_release(it, &it->current->m);
    keyring_free(&it->keys);
    pthread_mutex_destroy(&it->mutex);
    memory_free(it, sizeof *it);
}

const keyring *control_keys(const control *c)
{
    return c->keys;
}

const char *control_vault_name(const control *c)
{
    return c->name;
}

/* ---- the version in force ------------------------------------------------------------------------------------------
 */

const manifest *control_acquire(control *c)
{
    pthread_mutex_lock(&c->mutex);
    c->current->references++;
    const manifest *m = &c->current->m;
    pthread_mutex_unlock(&c->mutex);
    return m;
}

void control_release(control *c, const manifest *m)
{
    manifest_body *body = (manifest_body *)(uintptr_t)m;
    pthread_mutex_lock(&c->mutex);
    bool last = --body->references == 0;
    pthread_mutex_unlock(&c->mutex);
    if (last) manifest_free(&body);
}

/* Two threads may have read the new version: the later one finds it in force and drops its own. */
static void put_in_force(control *c, manifest_body **next)
{
    pthread_mutex_lock(&c->mutex);
    if ((*next)->m.version > c->current->m.version) {
        manifest_body *old = c->current;
        c->current = *next;
        *next = --old->references == 0 ? old : NULL;
    }
    pthread_mutex_unlock(&c->mutex);
}

vault_code control_reload(control *c, store *s, vault_error *err)
{
    manifest stamp;
    VAULT_CLEANUP(manifest_free) manifest_body *next = NULL;
    VAULT_TRY(read_stamp(c, s, &stamp, err));
    const manifest *standing = control_acquire(c);
    int64_t version = standing->version;
    bool same = bytes_equal_secret(digest_bytes(&standing->digest), digest_bytes(&stamp.digest));
    control_release(c, standing);
    if (stamp.version == version && same) return VAULT_OK;
    if (stamp.version <= version) {
        return vault_fail(err, VAULT_INTEGRITY, "the head names control version %lld, %s than %lld in force",
                          (long long)stamp.version, same ? "older" : "another", (long long)version);
    }
    VAULT_TRY(load_manifest(&next, c, s, &stamp, err));
    put_in_force(c, &next);
    return VAULT_OK;
}

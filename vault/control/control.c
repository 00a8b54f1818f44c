/* What a process knows of its vault: its name, and the version of the manifest that is in force.
 *
 * Reading a version takes several statements, between which another node may change it: the stamp is read before and
 * after, and what was read counts (for good or bad) only when it is the same. */
#include "vault/base/memory.h"
#include "vault/control/core.h"

#include <stdio.h>
#include <string.h>

enum { TRIES = 16, SCRATCH = 64 << 20 };

static vault_code check_ring(void *context, const char *name, vault_error *err)
{
    if (keyring_active(context, name)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "no active key ring '%s': a row is missing", name);
}

/* ---- one version ---- */

/* What the head names. The head's MAC is the ledger's to check (audit.h), with every line that is appended. */
static vault_code read_head(store *s, control_step *out, vault_error *err)
{
    head_row head;
    vault_code code = store_head_read(s, &head, err);
    if (code == VAULT_NOT_FOUND) {
        vault_error_clear(err);
        return vault_fail(err, VAULT_INTEGRITY, "the head of the log is missing");
    }
    VAULT_TRY(code);
    *out = (control_step){.version = head.control_version, .digest = head.control_digest};
    return VAULT_OK;
}

static vault_code read_core(manifest_core *out, const opener *with, store *s, arena *mem, const control_step *named,
                            vault_error *err)
{
    manifest_row rows[2];
    size_t count;
    VAULT_TRY(store_manifests_read(s, mem, (manifest_range){named->version, 2}, rows, &count, err));
    if (count == 0 || rows[0].version != named->version) {
        return vault_fail(err, VAULT_INTEGRITY, "manifest %lld is missing", (long long)named->version);
    }
    if (count > 1) {
        return vault_fail(err, VAULT_INTEGRITY, "manifest %lld stands past the %lld that the head names",
                          (long long)rows[1].version, (long long)named->version);
    }
    VAULT_TRY(core_open(out, mem, with, &rows[0], err));
    if (digest_same(&out->record.manifest, &named->digest)) return VAULT_OK;
    core_clear(out);
    return vault_fail(err, VAULT_INTEGRITY, "manifest %lld is not the one that the head names",
                      (long long)named->version);
}

/* Where the manifest names the row; NAMED_MAX when it does not, or has seen it already. */
static size_t place_of(const named_row *names, size_t count, const bool *seen, const document_row *row)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].version == row->version && strcmp(names[i].name, row->name) == 0 && !seen[i]) return i;
    }
    return NAMED_MAX;
}

static vault_code read_document(documents *out, const opener *with, const document_row *row, const named_row *named,
                                size_t at, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *scratch = arena_new(SCRATCH);
    bytes text;
    if (!scratch) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    VAULT_TRY(document_open(&text, scratch, with, row, named->digest, err));
    return at < DOCUMENTS ? json_read(&out->of[at], text, named->name, err) : VAULT_OK;
}

/* All live rows, and exactly those that the manifest names. */
static vault_code read_documents(documents *out, const opener *with, store *s, arena *mem, const manifest_core *core,
                                 vault_error *err)
{
    named_row names[NAMED_MAX];
    bool seen[NAMED_MAX] = {false};
    size_t count, named = core_names(names, core);
    document_row *rows;
    VAULT_TRY(store_documents_read(s, mem, &rows, &count, err));
    for (size_t i = 0; i < count; i++) {
        size_t at = place_of(names, named, seen, &rows[i]);
        if (at == NAMED_MAX) {
            return vault_fail(err, VAULT_INTEGRITY, "control: %.40s %lld is not named by the manifest", rows[i].name,
                              (long long)rows[i].version);
        }
        seen[at] = true;
        VAULT_TRY(read_document(out, with, &rows[i], &names[at], at, err));
    }
    if (count == named) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "control: %zu of %zu documents are there", count, named);
}

static vault_code build(manifest_body **out, const char *vault, const documents *docs, vault_error *err)
{
    if (manifest_build(out, vault, docs, err) == VAULT_OK) return VAULT_OK;
    if (err->code == VAULT_INVALID) err->code = VAULT_INTEGRITY; /* what is sealed was good when it was sealed */
    return err->code;
}

/* What is not sealed: the row of the vault, and those of the rings. */
typedef struct plain_rows {
    vault_row vault;
    ring_rows rings;
} plain_rows;

static vault_code read_plain(plain_rows *out, const control *c, store *s, arena *mem, vault_error *err)
{
    vault_code code = store_vault_read(s, mem, &out->vault, err);
    if (code == VAULT_NOT_FOUND && c->current) code = err->code = VAULT_INTEGRITY;
    VAULT_TRY(code);
    if (strcmp(out->vault.name, c->name) != 0)
        return vault_fail(err, VAULT_INTEGRITY, "the vault has another name than it had");
    return store_rings_read(s, mem, &out->rings.rows, &out->rings.count, err);
}

/* Rings that do not open, beside a root key of another generation, are wrapped under that one. */
static vault_code open_rings(keyring **out, const control *c, const plain_rows *plain, vault_error *err)
{
    vault_error why = {0};
    keyring *standing = c->current ? c->current->rings : NULL;
    vault_code code = rings_follow(out, standing, &plain->rings, secret_bytes(&c->root), &why);
    if (code == VAULT_INTEGRITY && c->current && plain->vault.generation > c->generation)
        return vault_refuse(err, VAULT_UNAVAILABLE, "ROOT_MOVED", "");
    if (code != VAULT_OK) *err = why;
    return code;
}

static vault_code check_plain(const manifest_core *core, const plain_rows *plain, vault_error *err)
{
    digest fixed = vault_row_digest(&plain->vault);
    VAULT_TRY(core_check_fixed(core, &fixed, err));
    return core_check_rings(core, plain->rings.rows, plain->rings.count, err);
}

static vault_code build_body(manifest_body **out, const opener *with, store *s, arena *mem, const manifest_core *core,
                             vault_error *err)
{
    VAULT_CLEANUP(documents_clear) documents docs = {0};
    VAULT_TRY(read_documents(&docs, with, s, mem, core, err));
    VAULT_TRY(build(out, with->vault, &docs, err));
    return manifest_rings(*out, check_ring, (void *)(uintptr_t)with->keys, err);
}

static vault_code load(manifest_body **out, control *c, store *s, const control_step *named, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(CONTROL_ARENA);
    VAULT_CLEANUP(manifest_free) manifest_body *body = NULL;
    VAULT_CLEANUP(core_clear) manifest_core core = {0};
    VAULT_CLEANUP(keyring_free) keyring *keys = NULL;
    plain_rows plain = {0};
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "manifest: no memory");
    VAULT_TRY(read_plain(&plain, c, s, mem, err));
    VAULT_TRY(open_rings(&keys, c, &plain, err));
    const opener with = {keys, c->name};
    VAULT_TRY(read_core(&core, &with, s, mem, named, err));
    VAULT_TRY(check_plain(&core, &plain, err));
    VAULT_TRY(rings_add(keys, &plain.rings, secret_bytes(&c->root), err));
    VAULT_TRY(build_body(&body, &with, s, mem, &core, err));
    body->m.version = named->version;
    body->m.digest = named->digest;
    body->m.turns = core.turns;
    body->m.sealed = core.turns % 2;
    body->references = 1;
    body->rings = keyring_hold(keys);
    body->core = core;
    core = (manifest_core){0};
    c->generation = plain.vault.generation;
    *out = body;
    body = NULL;
    return VAULT_OK;
}

/* ---- the version in force ---- */

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

int64_t control_stamp(const control *c)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)(uintptr_t)&c->mutex;
    pthread_mutex_lock(mutex);
    int64_t stamp = c->stamp;
    pthread_mutex_unlock(mutex);
    return stamp;
}

/* Takes the place of an older version; what it leaves is dropped with its last reader. */
void control_take_over(control *c, manifest_body **next, int64_t stamp)
{
    manifest_body *free_now = NULL;
    pthread_mutex_lock(&c->mutex);
    if (!c->current || (*next)->m.version > c->current->m.version) {
        if (c->current && --c->current->references == 0) free_now = c->current;
        c->current = *next;
        *next = NULL;
        c->stamp = stamp;
    } else if ((*next)->m.version == c->current->m.version) {
        c->stamp = stamp; /* rows that lie elsewhere and say the same */
    }
    pthread_mutex_unlock(&c->mutex);
    manifest_free(&free_now);
}

/* ---- reading anew ---- */

typedef enum standing { STANDS, OLDER, NEWER, OTHER } standing;

static standing compare(control *c, const control_step *named, int64_t stamp)
{
    pthread_mutex_lock(&c->mutex);
    const manifest *m = c->current ? &c->current->m : NULL;
    standing is = NEWER;
    if (m && named->version < m->version) is = OLDER;
    if (m && named->version == m->version) {
        is = !digest_same(&m->digest, &named->digest) ? OTHER : c->stamp == stamp ? STANDS : NEWER;
    }
    pthread_mutex_unlock(&c->mutex);
    return is;
}

/* *stands: nothing is to be read. */
static vault_code read_once(control *c, store *s, int64_t stamp, manifest_body **next, vault_error *err)
{
    control_step named;
    VAULT_TRY(read_head(s, &named, err));
    switch (compare(c, &named, stamp)) {
    case STANDS:
        return VAULT_OK;
    case NEWER:
        return load(next, c, s, &named, err);
    default:
        return vault_fail(err, VAULT_INTEGRITY,
                          "the head names an older control version than the one in force, or another"
                          " of its number: %lld",
                          (long long)named.version);
    }
}

static vault_code read_anew(control *c, store *s, vault_error *err)
{
    for (int i = 0; i < TRIES; i++) {
        VAULT_CLEANUP(manifest_free) manifest_body *next = NULL;
        int64_t before, after;
        VAULT_TRY(store_control_stamp(s, &before, err));
        vault_code code = read_once(c, s, before, &next, err);
        if (code != VAULT_OK && code != VAULT_INTEGRITY) return code;
        vault_error other = {0};
        if (store_control_stamp(s, &after, &other) != VAULT_OK) {
            *err = other;
            return other.code;
        }
        if (before == after) {
            if (next) control_take_over(c, &next, before);
            return code;
        }
        vault_error_clear(err);
    }
    return vault_fail(err, VAULT_UNAVAILABLE, "control rows are written faster than they can be read");
}

vault_code control_reload(control *c, store *s, vault_error *err)
{
    pthread_mutex_lock(&c->reading);
    vault_code code = read_anew(c, s, err);
    pthread_mutex_unlock(&c->reading);
    return code;
}

/* ---- open and close ---- */

static vault_code read_vault(control *c, store *s, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    vault_row row;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    VAULT_TRY(store_vault_read(s, mem, &row, err));
    if (row.format != TABLES_FORMAT) {
        return vault_fail(err, VAULT_INTEGRITY, "the tables have format %d, not %d", row.format, TABLES_FORMAT);
    }
    if (!vault_name_valid(row.name)) return vault_fail(err, VAULT_INTEGRITY, "the vault's name is malformed");
    snprintf(c->name, sizeof c->name, "%s", row.name);
    return VAULT_OK;
}

static control *control_new(void)
{
    control *c = memory_new(sizeof *c);
    pthread_mutex_init(&c->reading, NULL);
    pthread_mutex_init(&c->mutex, NULL);
    pthread_mutex_init(&c->history, NULL);
    return c;
}

vault_code control_open(control **out, store *s, bytes root, vault_error *err)
{
    VAULT_CLEANUP(control_close) control *c = control_new();
    *out = NULL;
    VAULT_TRY(secret_copy(&c->root, root, err));
    VAULT_TRY(read_vault(c, s, err));
    VAULT_TRY(control_reload(c, s, err));
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
    secret_clear(&it->root);
    memory_free(it->chain, it->chain_capacity * sizeof *it->chain);
    pthread_mutex_destroy(&it->reading);
    pthread_mutex_destroy(&it->mutex);
    pthread_mutex_destroy(&it->history);
    memory_free(it, sizeof *it);
}

const keyring *control_keys(const control *c)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)(uintptr_t)&c->mutex;
    pthread_mutex_lock(mutex);
    const keyring *keys = c->current->rings;
    pthread_mutex_unlock(mutex);
    return keys;
}

vault_code control_root(secret *out, control *c, vault_error *err)
{
    pthread_mutex_lock(&c->reading);
    vault_code code = secret_copy(out, secret_bytes(&c->root), err);
    pthread_mutex_unlock(&c->reading);
    return code;
}

const keyring *manifest_keys(const manifest *m)
{
    return body_of(m)->rings;
}

const char *control_vault_name(const control *c)
{
    return c->name;
}

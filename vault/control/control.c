/* What a process knows of its vault: rings, name, and the version of the manifest that is in force.
 *
 * Reading a version takes several statements, between which another node may change it: the stamp is read before and
 * after, and what was read counts (for good or bad) only when it is the same. */
#include "vault/base/memory.h"
#include "vault/control/core.h"

#include <stdio.h>
#include <string.h>

enum { TRIES = 16, SCRATCH = 64 << 20 };

/* ---- rings ---------------------------------------------------------------------------------------------------------
 */

static const ring *ring_there(const control *c, const ring_row *row)
{
    const ring *r = keyring_find(c->keys, row->name, (uint32_t)row->version);
    if (r || row->state != RING_DESTROYED) return r;
    for (size_t i = 0; (r = keyring_at(c->keys, i)); i++) { /* without a key it is not found by name */
        if (r->version == (uint32_t)row->version && strcmp(r->name, row->name) == 0) return r;
    }
    return NULL;
}

/* A ring that is there is the one that stands in the row: a ring put in its place by SQL must not be taken for it. */
static vault_code same_ring(const ring *r, const ring_row *row, vault_error *err)
{
    if ((int)r->suite == row->suite && (int)r->state == row->state &&
        bytes_same(bytes_of(r->wrapped, sizeof r->wrapped), row->wrapped))
        return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "key ring '%.40s', version %d, is not the one that was opened", row->name,
                      row->version);
}

vault_code control_add_ring(control *c, const ring_row *row, vault_error *err)
{
    ring r = {.version = (uint32_t)row->version,
              .suite = (suite_id)row->suite,
              .state = (ring_state)row->state,
              .since = row->since,
              .ends_us = row->ends_us};
    if (strlen(row->name) >= sizeof r.name || row->wrapped.len != sizeof r.wrapped || row->version < 1) {
        return vault_fail(err, VAULT_INTEGRITY, "key ring '%.40s': the row is malformed", row->name);
    }
    const ring *there = ring_there(c, row);
    if (there) return same_ring(there, row, err);
    snprintf(r.name, sizeof r.name, "%s", row->name);
    memcpy(r.wrapped, row->wrapped.at, sizeof r.wrapped);
    vault_code code = keyring_add(c->keys, secret_bytes(&c->root), &r, err);
    /* An unknown suite, or a second active version, is not what this vault has written either. */
    if (code == VAULT_CONFLICT || code == VAULT_INVALID) code = err->code = VAULT_INTEGRITY;
    return code;
}

typedef struct ring_rows {
    ring_row *rows;
    size_t count;
} ring_rows;

/* `name`: only of that name; NULL: all. */
static vault_code open_rings(control *c, const ring_rows *all, const char *name, vault_error *err)
{
    for (size_t i = 0; i < all->count; i++) {
        if (name && strcmp(all->rows[i].name, name) != 0) continue;
        VAULT_TRY(control_add_ring(c, &all->rows[i], err));
    }
    return VAULT_OK;
}

static vault_code check_ring(void *context, const char *name, vault_error *err)
{
    if (keyring_active(context, name)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "no active key ring '%s': a row is missing", name);
}

/* ---- one version
 * -----------------------------------------------------------------------------------------------------
 */

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

static vault_code read_core(manifest_core *out, control *c, store *s, arena *mem, const control_step *named,
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
    VAULT_TRY(core_open(out, mem, c, &rows[0], err));
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

static vault_code read_document(documents *out, control *c, const document_row *row, const named_row *named, size_t at,
                                vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *scratch = arena_new(SCRATCH);
    bytes text;
    if (!scratch) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    VAULT_TRY(document_open(&text, scratch, c, row, named->digest, err));
    return at < DOCUMENTS ? json_read(&out->of[at], text, named->name, err) : VAULT_OK;
}

/* All live rows, and exactly those that the manifest names. */
static vault_code read_documents(documents *out, control *c, store *s, arena *mem, const manifest_core *core,
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
        VAULT_TRY(read_document(out, c, &rows[i], &names[at], at, err));
    }
    if (count == named) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "control: %zu of %zu documents are there", count, named);
}

static vault_code build(manifest_body **out, control *c, const documents *docs, vault_error *err)
{
    if (manifest_build(out, c->name, docs, err) == VAULT_OK) return VAULT_OK;
    if (err->code == VAULT_INVALID) err->code = VAULT_INTEGRITY; /* what is sealed was good when it was sealed */
    return err->code;
}

static vault_code load(manifest_body **out, control *c, store *s, const control_step *named, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(CONTROL_ARENA);
    VAULT_CLEANUP(manifest_free) manifest_body *body = NULL;
    VAULT_CLEANUP(documents_clear) documents docs = {0};
    VAULT_CLEANUP(core_clear) manifest_core core = {0};
    ring_rows rings;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "manifest: no memory");
    VAULT_TRY(store_rings_read(s, mem, &rings.rows, &rings.count, err));
    VAULT_TRY(open_rings(c, &rings, "control", err)); /* opens what follows */
    VAULT_TRY(read_core(&core, c, s, mem, named, err));
    VAULT_TRY(core_check_fixed(&core, &c->fixed, err));
    VAULT_TRY(core_check_rings(&core, rings.rows, rings.count, err));
    VAULT_TRY(open_rings(c, &rings, NULL, err));
    VAULT_TRY(read_documents(&docs, c, s, mem, &core, err));
    VAULT_TRY(build(&body, c, &docs, err));
    VAULT_TRY(manifest_rings(body, check_ring, c->keys, err));
    body->m.version = named->version;
    body->m.digest = named->digest;
    body->references = 1;
    body->rings = keyring_hold(c->keys);
    body->core = core;
    core = (manifest_core){0};
    *out = body;
    body = NULL;
    return VAULT_OK;
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

/* ---- reading anew
 * ----------------------------------------------------------------------------------------------------
 */

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

/* ---- open and close ------------------------------------------------------------------------------------------------
 */

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
    c->fixed = vault_row_digest(&row);
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
    VAULT_TRY(keyring_new(&c->keys, err));
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
    keyring_free(&it->keys);
    secret_clear(&it->root);
    memory_free(it->chain, it->chain_capacity * sizeof *it->chain);
    pthread_mutex_destroy(&it->reading);
    pthread_mutex_destroy(&it->mutex);
    pthread_mutex_destroy(&it->history);
    memory_free(it, sizeof *it);
}

const keyring *control_keys(const control *c)
{
    return c->keys;
}

const keyring *manifest_keys(const manifest *m)
{
    return body_of(m)->rings;
}

const char *control_vault_name(const control *c)
{
    return c->name;
}

/* Changes of keys, as parts of a change of control.
 *
 *   rotate    the active version of each ring retires, and a new one takes its place
 *   destroy   a retiring version loses its key: two people; that nothing needs it any more is the caller's to prove
 *   rekey     the root key lies under another unseal key, or is another one that wraps all rings: two people
 *   seal      every node lets go of its keys with this version of the manifest
 *
 * Two people: without an approval the change is a proposal of it ("operation"), which officers approve; the same
 * administrator then asks for the same again. */
#include "vault/control/staged.h"

#include <stdio.h>
#include <string.h>

/* ---- rows ---- */

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no room for key rings");
}

static vault_code grow(staged *st, size_t capacity, vault_error *err)
{
    ring_slot *slots = arena_array(st->mem, capacity, sizeof *slots);
    if (!slots) return no_room(err);
    if (st->ring_count > 0) memcpy(slots, st->rings, st->ring_count * sizeof *slots);
    st->rings = slots;
    st->ring_capacity = capacity;
    return VAULT_OK;
}

/* Rows as the database has them, if they are those that the manifest in force names. */
static vault_code read_rows(draft *d)
{
    staged *st = d->st;
    ring_row *rows;
    size_t count;
    if (st->rings) return VAULT_OK;
    VAULT_TRY(store_rings_read(d->store, st->mem, &rows, &count, d->err));
    digest sum = ring_rows_digest(rows, count);
    if (!digest_same(&sum, &d->base->core.rings)) return vault_refuse(d->err, VAULT_CONFLICT, "CONTROL_MOVED", "");
    VAULT_TRY(grow(st, count + 16, d->err));
    for (size_t i = 0; i < count; i++) st->rings[i] = (ring_slot){rows[i], RING_STANDS};
    st->ring_count = count;
    return VAULT_OK;
}

static ring_slot *find_slot(const staged *st, const char *name, uint32_t version)
{
    for (size_t i = 0; i < st->ring_count; i++) {
        const ring_row *row = &st->rings[i].row;
        if (row->version == (int32_t)version && strcmp(row->name, name) == 0) return &st->rings[i];
    }
    return NULL;
}

static uint32_t newest_version(const staged *st, const char *name)
{
    int32_t newest = 0;
    for (size_t i = 0; i < st->ring_count; i++) {
        const ring_row *row = &st->rings[i].row;
        if (strcmp(row->name, name) == 0 && row->version > newest) newest = row->version;
    }
    return (uint32_t)newest;
}

/* The ring as it is to be stored; its key stays the caller's. */
static vault_code put_ring(draft *d, const ring *r)
{
    staged *st = d->st;
    ring_slot *slot = find_slot(st, r->name, r->version);
    ring *kept = arena_alloc(st->mem, sizeof *kept);
    if (!kept) return no_room(d->err);
    *kept = *r;
    kept->key = (secret){0};
    if (slot) {
        int64_t created = slot->row.created_us;
        slot->row = ring_row_of(kept);
        slot->row.created_us = created;
        if (slot->fate == RING_STANDS) slot->fate = RING_CHANGED;
        return VAULT_OK;
    }
    if (st->ring_count == st->ring_capacity) VAULT_TRY(grow(st, 2 * st->ring_capacity, d->err));
    st->rings[st->ring_count++] = (ring_slot){ring_row_of(kept), RING_MADE};
    return VAULT_OK;
}

static vault_code make_ring(draft *d, const ring_wish *wish)
{
    ring r;
    VAULT_TRY(ring_create(&r, secret_bytes(&d->control->root), wish, d->err));
    secret_clear(&r.key);
    return put_ring(d, &r);
}

/* Of the suite that this vault has. */
static vault_code make_missing(void *context, const char *name, vault_error *err)
{
    draft *d = context;
    const ring *like = keyring_active(d->base->rings, "control");
    if (keyring_active(d->base->rings, name)) return VAULT_OK;
    if (!like) return vault_fail(err, VAULT_INTEGRITY, "no active key ring 'control'");
    VAULT_TRY(read_rows(d));
    return make_ring(d, &(ring_wish){.name = name,
                                     .version = newest_version(d->st, name) + 1,
                                     .suite = like->suite,
                                     .since = d->core.record.version});
}

vault_code draft_make_rings(draft *d)
{
    return manifest_rings(d->st->next, make_missing, d, d->err);
}

/* Those of one fate, or all. */
static vault_code rows_of(ring_rows *out, const staged *st, const ring_fate *fate, vault_error *err)
{
    out->count = 0;
    out->rows = arena_array(st->mem, st->ring_count + 1, sizeof *out->rows);
    if (!out->rows) return no_room(err);
    for (size_t i = 0; i < st->ring_count; i++)
        if (!fate || st->rings[i].fate == *fate) out->rows[out->count++] = st->rings[i].row;
    return VAULT_OK;
}

vault_code draft_settle_rings(draft *d)
{
    staged *st = d->st;
    const ring_fate changed_fate = RING_CHANGED;
    ring_rows all, changed;
    if (st->rings) {
        VAULT_TRY(rows_of(&changed, st, &changed_fate, d->err));
        VAULT_TRY(rows_of(&all, st, NULL, d->err));
        d->core.rings = ring_rows_digest(all.rows, all.count);
        const secret *root = st->root.len ? &st->root : &d->control->root;
        if (changed.count > 0) return rings_open(&st->keys, &all, secret_bytes(root), d->err);
    }
    st->keys = keyring_hold(d->base->rings);
    return VAULT_OK;
}

vault_code staged_write_rings(staged *st, store *s, vault_error *err)
{
    for (size_t i = 0; i < st->ring_count; i++) {
        const ring_slot *slot = &st->rings[i];
        if (slot->fate == RING_CHANGED) VAULT_TRY(store_ring_update(s, &slot->row, err));
        if (slot->fate == RING_MADE) VAULT_TRY(store_ring_insert(s, &slot->row, err));
    }
    return VAULT_OK;
}

vault_code staged_take_rings(staged *st, vault_error *err)
{
    const ring_fate made_fate = RING_MADE;
    ring_rows made;
    if (st->ring_count == 0) return VAULT_OK;
    VAULT_TRY(rows_of(&made, st, &made_fate, err));
    return rings_add(st->keys, &made, secret_bytes(&st->control->root), err);
}

/* ---- rotate ---- */

static vault_code refuse_ring(const draft *d, vault_code code, const char *reason, size_t i)
{
    char field[32];
    snprintf(field, sizeof field, d->what->kind == CHANGE_ROTATE ? "rings[%zu]" : "ring", i);
    return vault_refuse(d->err, code, reason, field);
}

static bool is_token_ring(const char *name)
{
    return strncmp(name, "token/", 6) == 0;
}

static vault_code check_wish(const draft *d, size_t i)
{
    const ring_change *wish = &d->what->rings[i];
    const ring *versions[RING_VERSIONS_MAX];
    bool tokens = is_token_ring(wish->name);
    if (strcmp(wish->name, "rows") == 0) return refuse_ring(d, VAULT_INVALID, "RING_FIXED", i);
    if (!keyring_active(d->base->rings, wish->name)) return refuse_ring(d, VAULT_INVALID, "RING_UNKNOWN", i);
    for (size_t j = 0; j < i; j++)
        if (strcmp(d->what->rings[j].name, wish->name) == 0) return refuse_ring(d, VAULT_INVALID, "RING_TWICE", i);
    if ((unsigned)wish->suite > SUITE_GM) return vault_refuse(d->err, VAULT_INVALID, "SUITE_UNKNOWN", "suite");
    if (tokens ? wish->ends_us <= d->what->now_us : wish->ends_us != 0)
        return vault_refuse(d->err, VAULT_INVALID, "BAD_END", "end_time");
    if (keyring_versions(d->base->rings, wish->name, versions) == RING_VERSIONS_MAX)
        return refuse_ring(d, VAULT_PRECONDITION, "TOO_MANY_VERSIONS", i);
    return VAULT_OK;
}

/* Epochs that retire already keep the end that they were given. */
static vault_code rotate_ring(draft *d, size_t i)
{
    const ring_change *wish = &d->what->rings[i];
    VAULT_TRY(check_wish(d, i));
    const ring *active = keyring_active(d->base->rings, wish->name);
    ring old = *active; /* its key is the keyring's: this one is only wrapped anew */
    VAULT_TRY(ring_set_state(&old, secret_bytes(&d->control->root), RING_RETIRING, wish->ends_us, d->err));
    VAULT_TRY(put_ring(d, &old));
    return make_ring(d, &(ring_wish){.name = active->name,
                                     .version = newest_version(d->st, active->name) + 1,
                                     .suite = wish->suite ? wish->suite : active->suite,
                                     .since = d->core.record.version});
}

static vault_code rotate(draft *d)
{
    VAULT_TRY(draft_must_be(d, ROLE_ADMINISTRATOR));
    if (d->what->ring_count == 0) return vault_refuse(d->err, VAULT_INVALID, "REQUIRED", "rings");
    VAULT_TRY(read_rows(d));
    for (size_t i = 0; i < d->what->ring_count; i++) VAULT_TRY(rotate_ring(d, i));
    return VAULT_OK;
}

/* ---- two people ---- */

static vault_code propose_operation(draft *d)
{
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    const digest nothing = {0};
    VAULT_TRY(json_read(&value, d->what->operation, "operation", d->err));
    return draft_propose(d, DOC_OPERATION, value, &nothing);
}

/* What was approved is this, was asked for by the same administrator, and is used up. */
static vault_code use_approval(draft *d)
{
    size_t i;
    digest asked = sha256(d->what->operation);
    VAULT_TRY(draft_find_pending(d, &i));
    const approval *a = &d->core.pending[i];
    if (a->document != DOC_OPERATION) return vault_refuse(d->err, VAULT_NOT_FOUND, "APPROVAL_UNKNOWN", "approval");
    if (strcmp(a->proposer, d->what->who->id) != 0) return vault_refuse(d->err, VAULT_DENIED, "NOT_YOURS", "approval");
    if (!digest_same(&asked, &a->content)) return vault_refuse(d->err, VAULT_CONFLICT, "DIGEST_DIFFERS", "approval");
    if (d->base->m.approvals < 1) return vault_fail(d->err, VAULT_INTEGRITY, "a manifest that needs no approvals");
    if (draft_consents(d, a) < d->base->m.approvals)
        return vault_refuse(d->err, VAULT_PRECONDITION, "NOT_APPROVED", "approval");
    d->core.record.before = (digest){0};
    draft_archive(d, DOC_OPERATION, a->version);
    draft_drop(d, i);
    return VAULT_OK;
}

static bool is_proposal(const draft *d)
{
    return !d->what->approval || !d->what->approval[0];
}

/* ---- destroy ---- */

static vault_code check_destroyable(const draft *d, const ring_slot *slot)
{
    if (!slot) return refuse_ring(d, VAULT_INVALID, "RING_UNKNOWN", 0);
    if (slot->row.state == RING_DESTROYED) return refuse_ring(d, VAULT_PRECONDITION, "RING_DESTROYED", 0);
    if (slot->row.state != RING_RETIRING) return refuse_ring(d, VAULT_PRECONDITION, "RING_ACTIVE", 0);
    if (slot->row.ends_us > d->what->now_us) return refuse_ring(d, VAULT_PRECONDITION, "STILL_NEEDED", 0);
    return VAULT_OK;
}

static vault_code destroy_version(draft *d, const ring *standing)
{
    VAULT_CLEANUP(secret_clear) secret key = {0};
    ring gone = *standing;
    VAULT_TRY(secret_copy(&key, secret_bytes(&standing->key), d->err));
    gone.key = key;
    vault_code code = ring_set_state(&gone, secret_bytes(&d->control->root), RING_DESTROYED, standing->ends_us, d->err);
    key = gone.key; /* empty where it was destroyed */
    VAULT_TRY(code);
    return put_ring(d, &gone);
}

static vault_code destroy(draft *d)
{
    const ring_change *wish = d->what->rings;
    VAULT_TRY(draft_must_be(d, ROLE_ADMINISTRATOR));
    if (d->what->ring_count != 1) return vault_refuse(d->err, VAULT_INVALID, "REQUIRED", "ring");
    VAULT_TRY(read_rows(d));
    VAULT_TRY(check_destroyable(d, find_slot(d->st, wish->name, wish->version)));
    if (is_proposal(d)) return propose_operation(d);
    VAULT_TRY(use_approval(d));
    const ring *standing = keyring_find(d->base->rings, wish->name, wish->version);
    if (!standing) return vault_fail(d->err, VAULT_INTEGRITY, "key ring '%.40s' has no such version", wish->name);
    return destroy_version(d, standing);
}

/* ---- rekey ---- */

static vault_code write_vault(draft *d)
{
    staged *st = d->st;
    st->vault = arena_alloc(st->mem, sizeof *st->vault);
    root_seal *seal = arena_alloc(st->mem, sizeof *seal);
    if (!st->vault || !seal) return no_room(d->err);
    VAULT_TRY(store_vault_read(d->store, st->mem, st->vault, d->err));
    digest fixed = vault_row_digest(st->vault);
    *seal = *d->what->seal;
    if (!digest_same(&fixed, &d->base->core.fixed) || (int64_t)seal->generation != st->vault->generation + 1)
        return vault_refuse(d->err, VAULT_CONFLICT, "CONTROL_MOVED", "");
    vault_row_seal(st->vault, seal);
    d->core.fixed = vault_row_digest(st->vault);
    return VAULT_OK;
}

static vault_code wrap_anew(draft *d)
{
    const ring *r;
    VAULT_TRY(secret_copy(&d->st->root, d->what->root, d->err));
    VAULT_TRY(read_rows(d));
    for (size_t i = 0; (r = keyring_at(d->base->rings, i)); i++) {
        ring wrapped = *r;
        VAULT_TRY(ring_rewrap(&wrapped, d->what->root, d->err));
        VAULT_TRY(put_ring(d, &wrapped));
    }
    return VAULT_OK;
}

static vault_code rekey(draft *d)
{
    const change *what = d->what;
    VAULT_TRY(draft_must_be(d, ROLE_ADMINISTRATOR));
    if (is_proposal(d)) return propose_operation(d);
    VAULT_TRY(use_approval(d));
    if (!what->seal || (what->root.len != 0 && what->root.len != ROOT_KEY_LEN))
        return vault_fail(d->err, VAULT_INTERNAL, "a rekey without a seal");
    VAULT_TRY(write_vault(d));
    return what->root.len ? wrap_anew(d) : VAULT_OK;
}

/* ---- seal ---- */

static vault_code set_sealed(draft *d, bool sealed)
{
    VAULT_TRY(draft_must_be(d, STEWARDS));
    if (d->base->m.sealed == sealed) return vault_refuse(d->err, VAULT_INVALID, "NOTHING_CHANGES", "");
    d->core.turns++;
    return VAULT_OK;
}

vault_code rings_apply(draft *d)
{
    switch (d->what->kind) {
    case CHANGE_ROTATE:
        return rotate(d);
    case CHANGE_DESTROY:
        return destroy(d);
    case CHANGE_REKEY:
        return rekey(d);
    default:
        return set_sealed(d, d->what->kind == CHANGE_SEAL);
    }
}

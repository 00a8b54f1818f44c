/* Making the next manifest: rows, sealed text, and the body that will be in force. */
#include "vault/base/memory.h"
#include "vault/control/staged.h"

#include <string.h>

enum { MOVED = 0 }; /* no stamp: whatever is built on what has moved is found out when it is written */

const change_record *staged_record(const staged *st)
{
    return &st->next->core.record;
}

void staged_free(staged **st)
{
    staged *it = *st;
    *st = NULL;
    if (!it) return;
    manifest_free(&it->next);
    keyring_free(&it->keys);
    secret_clear(&it->root);
    arena_free(&it->mem);
    memory_free(it, sizeof *it);
}

/* ---- parts of a draft ---- */

vault_code draft_add_row(draft *d, document which, json_t *value, digest *sum)
{
    staged *st = d->st;
    const seal_place at = {document_name(which), d->control->name, d->core.record.version};
    bytes text, sealed;
    VAULT_TRY(document_canonical(&text, st->mem, value, d->err));
    VAULT_TRY(control_seal(&sealed, st->mem, d->base->rings, &at, text, d->err));
    *sum = sha256(text);
    st->added[st->added_count++] = (document_row){.name = at.kind, .version = at.version, .sealed = sealed};
    return VAULT_OK;
}

void draft_archive(draft *d, document which, int64_t version)
{
    d->st->archived[d->st->archived_count++] = (document_row){.name = document_name(which), .version = version};
}

vault_code draft_bring(draft *d, document which, json_t *value)
{
    digest sum;
    int64_t version = d->core.record.version;
    VAULT_TRY(draft_add_row(d, which, value, &sum));
    draft_archive(d, which, d->core.documents[which].row);
    d->core.documents[which].digest = sum;
    d->core.documents[which].version = version;
    d->core.documents[which].row = version;
    json_incref(value);
    json_clear(&d->docs.of[which]);
    d->docs.of[which] = value;
    return VAULT_OK;
}

void draft_drop(draft *d, size_t i)
{
    memmove(&d->core.pending[i], &d->core.pending[i + 1], (d->core.pending_count - i - 1) * sizeof d->core.pending[0]);
    d->core.pending_count--;
}

vault_code draft_domains(draft *d)
{
    VAULT_CLEANUP(json_clear) json_t *all = NULL;
    VAULT_TRY(domains_complete(&all, &d->docs, d->err));
    return json_equal(all, d->docs.of[DOC_DOMAINS]) ? VAULT_OK : draft_bring(d, DOC_DOMAINS, all);
}

/* ---- the whole ---- */

static vault_code seal_manifest(draft *d)
{
    staged *st = d->st;
    const seal_place at = {"manifest", d->control->name, d->core.record.version};
    bytes text;
    VAULT_TRY(core_write(&text, st->mem, d->control->name, &d->core, d->err));
    VAULT_TRY(control_seal(&st->sealed, st->mem, st->keys, &at, text, d->err));
    VAULT_TRY(core_read(&st->next->core, text, &at, d->err));
    st->next->m.version = at.version;
    st->next->m.digest = st->next->core.record.manifest;
    st->next->m.turns = st->next->core.turns;
    st->next->m.sealed = st->next->m.turns % 2;
    st->next->references = 1;
    st->next->rings = keyring_hold(st->keys);
    return VAULT_OK;
}

/* A fault here is one that the documents have together: each was good by itself when it was proposed. */
static vault_code finish(draft *d)
{
    VAULT_TRY(manifest_build(&d->st->next, d->control->name, &d->docs, d->err));
    VAULT_TRY(manifest_check_change(d->base, d->st->next, d->err));
    VAULT_TRY(draft_make_rings(d));
    VAULT_TRY(draft_settle_rings(d));
    return seal_manifest(d);
}

static void drop_expired(draft *d)
{
    for (size_t i = 0; i < d->core.pending_count;) {
        const approval *a = &d->core.pending[i];
        if (a->expires_us > d->what->now_us) {
            i++;
            continue;
        }
        /* The name is taken from the base: the draft's own moves. */
        d->core.expired[d->core.expired_count++] = manifest_approval(&d->base->m, a->name)->name;
        draft_archive(d, a->document, a->version);
        draft_drop(d, i);
    }
}

static void begin(draft *d)
{
    const change *what = d->what;
    d->core = d->base->core;
    d->core.text = NULL;
    d->core.expired_count = 0;
    d->core.previous = d->base->m.digest;
    d->core.record = (change_record){.version = d->base->m.version + 1,
                                     .time_us = what->now_us,
                                     .kind = what->kind,
                                     .document = "",
                                     .who = what->who->id,
                                     .ticket = what->ticket ? what->ticket : "",
                                     .approval = "",
                                     .emergency = ""};
    for (unsigned i = 0; i < DOCUMENTS; i++) d->docs.of[i] = json_incref(d->base->docs.of[i]);
    drop_expired(d);
}

static vault_code new_staged(staged **out, control *c, const manifest *m, vault_error *err)
{
    staged *st = memory_new(sizeof *st);
    *out = st;
    st->control = c;
    st->mem = arena_new(CONTROL_ARENA);
    if (!st->mem) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    pthread_mutex_lock(&c->mutex);
    st->base_stamp = &c->current->m == m ? c->stamp : MOVED;
    pthread_mutex_unlock(&c->mutex);
    return VAULT_OK;
}

static vault_code make(staged **out, control *c, store *s, const manifest *m, const change *what, vault_error *err)
{
    VAULT_CLEANUP(staged_free) staged *st = NULL;
    VAULT_TRY(new_staged(&st, c, m, err));
    st->write = what->write;
    st->context = what->context;
    draft d = {.st = st, .control = c, .store = s, .base = body_of(m), .what = what, .err = err};
    begin(&d);
    vault_code code = change_apply(&d);
    if (code == VAULT_OK) code = finish(&d);
    documents_clear(&d.docs);
    if (code != VAULT_OK) return code;
    *out = st;
    st = NULL;
    return VAULT_OK;
}

/* The root key is not another one meanwhile. */
vault_code control_stage(staged **out, control *c, store *s, const manifest *m, const change *what, vault_error *err)
{
    *out = NULL;
    pthread_mutex_lock(&c->reading);
    vault_code code = make(out, c, s, m, what, err);
    pthread_mutex_unlock(&c->reading);
    return code;
}

/* ---- writing ---- */

static vault_code write_rows(staged *st, store *s, vault_error *err)
{
    int64_t version = st->next->m.version;
    VAULT_TRY(store_manifest_insert(s, &(manifest_row){version, st->sealed}, err));
    for (size_t i = 0; i < st->archived_count; i++)
        VAULT_TRY(store_document_archive(s, &st->archived[i], version, err));
    for (size_t i = 0; i < st->added_count; i++) VAULT_TRY(store_document_insert(s, &st->added[i], err));
    VAULT_TRY(staged_write_rings(st, s, err));
    return st->vault ? store_vault_update(s, st->vault, err) : VAULT_OK;
}

/* Nothing else can have written these rows between the two stamps: the tables are locked. */
vault_code staged_write(staged *st, store *s, control_step *next, vault_error *err)
{
    int64_t stamp;
    VAULT_TRY(store_control_lock(s, err));
    VAULT_TRY(store_control_stamp(s, &stamp, err));
    if (stamp != st->base_stamp) return vault_refuse(err, VAULT_CONFLICT, "CONTROL_MOVED", "");
    vault_code code = write_rows(st, s, err);
    if (code == VAULT_CONFLICT || code == VAULT_NOT_FOUND) {
        vault_error_clear(err); /* a row stands that nobody has named, or one is gone: reading anew tells which */
        return vault_refuse(err, VAULT_CONFLICT, "CONTROL_MOVED", "");
    }
    VAULT_TRY(code);
    if (st->write) VAULT_TRY(st->write(st->context, s, err));
    *next = (control_step){.version = st->next->m.version, .digest = st->next->m.digest};
    return store_control_stamp(s, &st->stamp, err);
}

/* What put the root key in the place of another one. */
static void take_root(control *c, staged *st)
{
    if (st->vault) c->generation = st->vault->generation;
    if (st->root.len == 0) return;
    secret_clear(&c->root);
    c->root = secret_move(&st->root);
}

/* Where a ring does not fit into memory the version is left for the next reload, which says so. */
void control_put_in_force(control *c, staged **st)
{
    vault_error ignored = {0};
    pthread_mutex_lock(&c->reading);
    take_root(c, *st);
    if (staged_take_rings(*st, &ignored) == VAULT_OK) control_take_over(c, &(*st)->next, (*st)->stamp);
    pthread_mutex_unlock(&c->reading);
    staged_free(st);
}

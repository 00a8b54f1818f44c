/* What was in force before: every manifest names the digest of the one before it, so that the newest, which the head
 * names, proves them all; and each manifest names its documents. A document that a manifest no longer names lies in the
 * archive. */
#include "vault/base/memory.h"
#include "vault/control/core.h"

#include <string.h>

enum { ROW_ARENA = 64 << 20, PROVE_AT_ONCE = 32, RELOADS = 8 };

/* Where the past is read from, and with what: the rings of the manifest in force. */
typedef struct past {
    control *c;
    store *s;
    opener with;
} past;

static past past_of(control *c, store *s, const manifest *m)
{
    return (past){c, s, {manifest_keys(m), c->name}};
}

/* ---- one manifest ---- */

static vault_code read_core(manifest_core *out, const past *p, int64_t version, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROW_ARENA);
    manifest_row row;
    size_t count;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    VAULT_TRY(store_manifests_read(p->s, mem, (manifest_range){version, 1}, &row, &count, err));
    if (count != 1 || row.version != version)
        return vault_fail(err, VAULT_INTEGRITY, "manifest %lld is missing", (long long)version);
    return core_open(out, mem, &p->with, &row, err);
}

/* ---- the chain ---- */

/* Digests that were read after those that are proven; owned. */
typedef struct links {
    digest *of;
    size_t count, capacity;
} links;

static void links_clear(links *l)
{
    memory_free(l->of, l->capacity * sizeof *l->of);
    *l = (links){0};
}

static void links_add(links *l, const digest *d)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        l->of = memory_grow(l->of, l->capacity * sizeof *l->of, capacity * sizeof *l->of);
        l->capacity = capacity;
    }
    l->of[l->count++] = *d;
}

static vault_code read_link(const past *p, links *l, const manifest_row *row, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROW_ARENA);
    VAULT_CLEANUP(core_clear) manifest_core core = {0};
    const digest zero = {0}, *before = l->count > 0 ? &l->of[l->count - 1] : &zero;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    if (row->version != (int64_t)l->count + 1)
        return vault_fail(err, VAULT_INTEGRITY, "manifest %zu is missing", l->count + 1);
    VAULT_TRY(core_open(&core, mem, &p->with, row, err));
    if (!digest_same(before, &core.previous))
        return vault_fail(err, VAULT_INTEGRITY, "manifest %lld does not follow the one before it",
                          (long long)row->version);
    links_add(l, &core.record.manifest);
    return VAULT_OK;
}

static vault_code read_links(const past *p, links *l, int64_t until, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROW_ARENA);
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    while ((int64_t)l->count < until) {
        manifest_row rows[PROVE_AT_ONCE];
        size_t count, most = PROVE_AT_ONCE;
        if (until - (int64_t)l->count < (int64_t)most) most = (size_t)(until - (int64_t)l->count);
        arena_reset(mem);
        VAULT_TRY(store_manifests_read(p->s, mem, (manifest_range){(int64_t)l->count + 1, most}, rows, &count, err));
        if (count == 0) return vault_fail(err, VAULT_INTEGRITY, "manifest %zu is missing", l->count + 1);
        for (size_t i = 0; i < count; i++) VAULT_TRY(read_link(p, l, &rows[i], err));
    }
    return VAULT_OK;
}

/* Digests of all manifests up to the one in force; what is proven stays so. Under the history's mutex. */
static vault_code prove(const past *p, const manifest *m, vault_error *err)
{
    control *c = p->c;
    VAULT_CLEANUP(links_clear) links l = {0};
    if ((int64_t)c->chain_count >= m->version) return VAULT_OK;
    for (size_t i = 0; i < c->chain_count; i++) links_add(&l, &c->chain[i]);
    VAULT_TRY(read_links(p, &l, m->version, err));
    if (!digest_same(&l.of[l.count - 1], &m->digest))
        return vault_fail(err, VAULT_INTEGRITY, "manifest %lld is not the one in force", (long long)m->version);
    memory_free(c->chain, c->chain_capacity * sizeof *c->chain);
    c->chain = l.of;
    c->chain_count = l.count;
    c->chain_capacity = l.capacity;
    l = (links){0};
    return VAULT_OK;
}

/* A manifest of the proven chain. */
static vault_code read_proven(manifest_core *out, const past *p, int64_t version, vault_error *err)
{
    VAULT_TRY(read_core(out, p, version, err));
    if (digest_same(&out->record.manifest, &p->c->chain[version - 1])) return VAULT_OK;
    core_clear(out);
    return vault_fail(err, VAULT_INTEGRITY, "manifest %lld is not the one that was in force", (long long)version);
}

/* ---- former documents ---- */

static vault_code find_row(document_row *row, arena *mem, const past *p, const named_row *named, vault_error *err)
{
    *row = (document_row){.name = named->name, .version = named->version};
    vault_code code = store_document_find(p->s, mem, row, err);
    if (code == VAULT_NOT_FOUND) code = err->code = VAULT_INTEGRITY;
    return code;
}

static vault_code find_document(bytes *text, arena *mem, const past *p, const named_row *named, vault_error *err)
{
    document_row row;
    VAULT_TRY(find_row(&row, mem, p, named, err));
    return document_open(text, mem, &p->with, &row, named->digest, err);
}

static vault_code check_archived(const past *p, const named_row *named, int64_t ended, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROW_ARENA);
    document_row row;
    bytes text;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    VAULT_TRY(find_row(&row, mem, p, named, err));
    if (row.ended != ended)
        return vault_fail(err, VAULT_INTEGRITY, "control: %.40s %lld was archived by manifest %lld, not %lld", row.name,
                          (long long)row.version, (long long)ended, (long long)row.ended);
    return document_open(&text, mem, &p->with, &row, named->digest, err);
}

static bool still_named(const named_row *row, const named_row *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].version == row->version && strcmp(names[i].name, row->name) == 0) return true;
    }
    return false;
}

/* What `before` names and `after` does not any more has been archived by it. */
static vault_code check_left(const past *p, const manifest_core *before, const manifest_core *after, int64_t *archived,
                             vault_error *err)
{
    named_row old[NAMED_MAX], new[NAMED_MAX];
    size_t old_count = core_names(old, before), new_count = core_names(new, after);
    for (size_t i = 0; i < old_count; i++) {
        if (still_named(&old[i], new, new_count)) continue;
        VAULT_TRY(check_archived(p, &old[i], after->record.version, err));
        ++*archived;
    }
    return VAULT_OK;
}

static vault_code check_versions(const past *p, int64_t from, int64_t until, int64_t *archived, vault_error *err)
{
    VAULT_CLEANUP(core_clear) manifest_core before = {0};
    VAULT_TRY(read_proven(&before, p, from, err));
    for (int64_t v = from + 1; v <= until; v++) {
        VAULT_CLEANUP(core_clear) manifest_core after = {0};
        VAULT_TRY(read_proven(&after, p, v, err));
        VAULT_TRY(check_left(p, &before, &after, archived, err));
        core_clear(&before);
        before = after;
        after = (manifest_core){0};
    }
    return VAULT_OK;
}

/* ---- all of it ---- */

static vault_code check_counts(const control_history *found, int64_t version, int64_t archived, vault_error *err)
{
    if (found->heads != 1) return vault_fail(err, VAULT_INTEGRITY, "the log has %lld heads", (long long)found->heads);
    if (found->manifests == version && found->archived == archived && found->astray == 0) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY,
                      "history: %lld manifests and %lld archived documents (%lld astray), not %lld and %lld",
                      (long long)found->manifests, (long long)found->archived, (long long)found->astray,
                      (long long)version, (long long)archived);
}

/* Stamps are read before the rows that they stand for: what is written meanwhile shows the next time. */
static vault_code check_up_to(const past *p, const manifest *m, vault_error *err)
{
    control *c = p->c;
    control_history known, all;
    VAULT_TRY(store_control_history(p->s, m->version, &all, err));
    VAULT_TRY(store_control_history(p->s, c->checked, &known, err));
    bool stands = c->checked > 0 && known.stamp == c->checked_stamp;
    if (stands && c->checked == m->version) return check_counts(&all, m->version, c->archived, err);
    int64_t archived = stands ? c->archived : 0, from = stands ? c->checked : 1;
    VAULT_TRY(prove(p, m, err));
    VAULT_TRY(check_versions(p, from, m->version, &archived, err));
    VAULT_TRY(check_counts(&all, m->version, archived, err));
    c->checked = m->version;
    c->checked_stamp = all.stamp;
    c->archived = archived;
    return VAULT_OK;
}

/* What no change but a new ring touches: the row of the vault, which was read at the start, and those of the rings. */
static vault_code check_fixed(store *s, const manifest *m, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(ROW_ARENA);
    vault_row row;
    ring_row *rows;
    size_t count;
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "control: no memory");
    vault_code code = store_vault_read(s, mem, &row, err);
    if (code == VAULT_NOT_FOUND) code = err->code = VAULT_INTEGRITY;
    VAULT_TRY(code);
    digest fixed = vault_row_digest(&row);
    VAULT_TRY(core_check_fixed(&body_of(m)->core, &fixed, err));
    VAULT_TRY(store_rings_read(s, mem, &rows, &count, err));
    return core_check_rings(&body_of(m)->core, rows, count, err);
}

static vault_code check_all(control *c, store *s, const manifest *m, vault_error *err)
{
    const past p = past_of(c, s, m);
    pthread_mutex_lock(&c->history);
    vault_code code = (int64_t)c->checked > m->version ? VAULT_OK : check_up_to(&p, m, err);
    pthread_mutex_unlock(&c->history);
    return code == VAULT_OK ? check_fixed(s, m, err) : code;
}

/* A fault counts when the version that it was found against still is in force: a change writes rings, too. */
vault_code control_check_history(control *c, store *s, vault_error *err)
{
    for (int i = 0; i < RELOADS; i++) {
        VAULT_TRY(control_reload(c, s, err));
        const manifest *m = control_acquire(c), *now;
        int64_t version = m->version;
        vault_code code = check_all(c, s, m, err);
        control_release(c, m);
        if (code != VAULT_INTEGRITY) return code;
        vault_error other = {0};
        if (control_reload(c, s, &other) == VAULT_UNAVAILABLE) return *err = other, other.code; /* or the root moved */
        if (other.code != VAULT_OK) return code;
        now = control_acquire(c);
        bool same = now->version == version;
        control_release(c, now);
        if (same) return code;
        vault_error_clear(err);
    }
    return vault_fail(err, VAULT_UNAVAILABLE, "control changes faster than its history can be checked");
}

/* ---- asking ---- */

static vault_code text_in_force(document_text *out, const manifest *m, arena *mem, document d, vault_error *err)
{
    const manifest_body *b = body_of(m);
    VAULT_TRY(document_canonical(&out->content, mem, b->docs.of[d], err));
    out->digest = b->core.documents[d].digest;
    out->version = b->core.documents[d].version;
    return VAULT_OK;
}

static vault_code prove_and_read(manifest_core *out, const past *p, const manifest *m, int64_t version,
                                 vault_error *err)
{
    pthread_mutex_lock(&p->c->history);
    vault_code code = prove(p, m, err);
    if (code == VAULT_OK) code = read_proven(out, p, version, err);
    pthread_mutex_unlock(&p->c->history);
    return code;
}

static vault_code text_of(document_text *out, const past *p, const manifest *m, arena *mem, document_at which,
                          vault_error *err)
{
    VAULT_CLEANUP(core_clear) manifest_core core = {0};
    named_row names[NAMED_MAX];
    VAULT_TRY(prove_and_read(&core, p, m, which.version, err));
    (void)core_names(names, &core);
    out->digest = core.documents[which.document].digest;
    out->version = core.documents[which.document].version;
    return find_document(&out->content, mem, p, &names[which.document], err);
}

vault_code control_document(document_text *out, control *c, store *s, arena *mem, document_at which, vault_error *err)
{
    const manifest *m = control_acquire(c);
    const past p = past_of(c, s, m);
    vault_code code = VAULT_OK;
    *out = (document_text){0};
    if ((unsigned)which.document >= DOCUMENTS || which.version < 0 || which.version > m->version)
        code = vault_refuse(err, VAULT_NOT_FOUND, "VERSION_UNKNOWN", "version");
    else if (which.version == 0 || which.version == m->version)
        code = text_in_force(out, m, mem, which.document, err);
    else
        code = text_of(out, &p, m, mem, which, err);
    control_release(c, m);
    return code;
}

vault_code control_proposed(document_text *out, control *c, store *s, arena *mem, const approval *a, vault_error *err)
{
    const named_row row = {document_name(a->document), a->version, &a->content};
    const manifest *m = control_acquire(c);
    const past p = past_of(c, s, m);
    *out = (document_text){.digest = a->content, .version = a->version};
    vault_code code = find_document(&out->content, mem, &p, &row, err);
    control_release(c, m);
    return code;
}

/* The texts of a record, which are borrowed from its manifest, copied. */
vault_code change_record_copy(change_record *out, arena *mem, const change_record *from, vault_error *err)
{
    *out = *from;
    out->document = arena_text(mem, bytes_of_text(from->document));
    out->who = arena_text(mem, bytes_of_text(from->who));
    out->ticket = arena_text(mem, bytes_of_text(from->ticket));
    out->approval = arena_text(mem, bytes_of_text(from->approval));
    out->emergency = arena_text(mem, bytes_of_text(from->emergency));
    bool room = out->document && out->who && out->ticket && out->approval && out->emergency;
    return room ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no room for a change");
}

static vault_code read_changes(change_page *page, const past *p, arena *mem, vault_error *err)
{
    size_t there = page->from > 0 ? (size_t)page->from : 0;
    if (there > page->limit) there = page->limit;
    for (size_t i = 0; i < there; i++) {
        VAULT_CLEANUP(core_clear) manifest_core core = {0};
        VAULT_TRY(read_proven(&core, p, page->from - (int64_t)i, err));
        VAULT_TRY(change_record_copy(&page->at[i], mem, &core.record, err));
    }
    page->count = there;
    return VAULT_OK;
}

vault_code control_changes(change_page *inout, control *c, store *s, arena *mem, vault_error *err)
{
    const manifest *m = control_acquire(c);
    const past p = past_of(c, s, m);
    inout->count = 0;
    if (inout->from > m->version) inout->from = m->version;
    pthread_mutex_lock(&c->history);
    vault_code code = prove(&p, m, err);
    if (code == VAULT_OK) code = read_changes(inout, &p, mem, err);
    pthread_mutex_unlock(&c->history);
    control_release(c, m);
    return code;
}

/* vaultd --verify-keys: does this root key open this database, and what lies under every key? For backups, before they
 * are needed. Only reads: no line is written, nothing is published. */
#include "vault/service/looking.h"

#include "vault/audit/archive.h"

#include <stdio.h>
#include <string.h>

enum { SAMPLE_ROWS = 64, SAMPLE_PAGES = 3, SAMPLE_LINES = 32, ID_SHIFT = 31, ARCHIVES_MOST = 1 << 16 };

typedef struct checking {
    looking at;
    keys_checked *out;
    int64_t made_since; /* rows made from then on are made by the active natural and term rings, and by the schema */
} checking;

static void stop_checking(checking *l)
{
    looking_close(&l->at);
}

/* ---- rings ---- */

static bool made_of_rows(const ring *r)
{
    return strcmp(r->name, "natural") == 0 || strncmp(r->name, "term/", 5) == 0;
}

/* All are opened already: the wrap of one that was not would have ended it. */
static vault_code list_rings(checking *l, vault_error *err)
{
    static const char *const states[RING_STATES] = {[RING_PRE_ACTIVE] = "pre-active",
                                                    [RING_ACTIVE] = "active",
                                                    [RING_RETIRING] = "retiring",
                                                    [RING_DESTROYED] = "destroyed"};
    const keyring *all = manifest_keys(l->at.manifest);
    size_t count = keyring_count(all);
    l->out->rings = arena_array(l->at.mem, count + 1, sizeof *l->out->rings);
    if (!l->out->rings) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rings");
    for (size_t i = 0; i < count; i++) {
        const ring *r = keyring_at(all, i);
        char *name = arena_text(l->at.mem, bytes_of_text(r->name));
        if (!name) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rings");
        l->out->rings[l->out->ring_count++] = (checked_ring){
            .name = name, .version = r->version, .state = states[r->state], .suite = suite_name(r->suite)};
        if (r->state == RING_ACTIVE && made_of_rows(r) && r->since > l->made_since) l->made_since = r->since;
    }
    return VAULT_OK;
}

/* Which terms a row has, the schema says that stood when it was made. */
static vault_code find_schema(checking *l, vault_error *err)
{
    document_text standing;
    VAULT_TRY(control_document(&standing, l->at.control, l->at.store, l->at.mem, (document_at){DOC_SCHEMA, 0}, err));
    if (standing.version > l->made_since) l->made_since = standing.version;
    return VAULT_OK;
}

/* version 0: the active one. */
static void count_sample(checking *l, const char *name, uint32_t version, int64_t more)
{
    const ring *active = keyring_active(manifest_keys(l->at.manifest), name);
    if (version == 0 && active) version = active->version;
    for (size_t i = 0; i < l->out->ring_count; i++) {
        checked_ring *r = &l->out->rings[i];
        if (r->version == version && strcmp(r->name, name) == 0) r->samples += more;
    }
}

/* ---- residents ---- */

static vault_code count_terms(checking *l, const record *r, const collection *of, vault_error *err)
{
    char name[RING_NAME_MAX];
    field_set held;
    VAULT_TRY(record_fields(&held, r, err));
    count_sample(l, "natural", 0, 1);
    for (size_t i = 0; i < of->count; i++) {
        const schema_field *f = of->fields[i];
        if (f->indexes == 0 || !field_set_has(held, f->number)) continue;
        snprintf(name, sizeof name, "term/%s", f->name);
        count_sample(l, name, 0, 1);
    }
    return VAULT_OK;
}

/* Sealed again from its values, a row has the same natural key and the same terms: these rings are the right ones. */
static vault_code remake(checking *l, const record *r, vault_error *err)
{
    resident_row again;
    const resident_row *row = r->row;
    const record_dropping nothing = {.collection =
                                         schema_collection_number(&l->at.manifest->schema, (unsigned)row->collection)};
    if (!nothing.collection || row->made < l->made_since) return VAULT_OK;
    VAULT_TRY(record_drop(&again, l->at.cabinet, r, &nothing, err));
    bool same = again.term_count == row->term_count &&
                (row->term_count == 0 || memcmp(again.terms, row->terms, row->term_count * sizeof *row->terms) == 0) &&
                bytes_equal_secret(bytes_of(again.natural_key, NATURAL_LEN), bytes_of(row->natural_key, NATURAL_LEN));
    if (!same) return vault_fail(err, VAULT_INTEGRITY, "row %lld has other terms", (long long)row->id);
    return count_terms(l, r, nothing.collection, err);
}

static vault_code check_row(checking *l, const resident_row *row, vault_error *err)
{
    record r = {.dek = l->at.dek.at};
    vault_code code = record_prove(&r, l->at.cabinet, row, err);
    if (code == VAULT_OK) code = remake(l, &r, err);
    record_clear(&r);
    if (code == VAULT_OK) count_sample(l, "record", (uint32_t)row->ring_version, 1);
    return code;
}

/* Some of the oldest, of those in the middle, and of those near the end. */
static vault_code check_rows(checking *l, vault_error *err)
{
    int64_t met = 0;
    resident_row *rows = arena_array(l->at.mem, SAMPLE_ROWS, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for rows");
    VAULT_TRY(store_residents_stale_count(l->at.store, &(stale_range){.made = INT64_MAX}, &l->out->residents, err));
    for (int64_t i = 0; i < SAMPLE_PAGES; i++) {
        size_t count = SAMPLE_ROWS;
        int64_t after = (l->out->residents * i / SAMPLE_PAGES) << ID_SHIFT;
        VAULT_TRY(store_residents_page(l->at.store, l->at.mem, after > met ? after : met, rows, &count, err));
        if (count > 0) met = rows[count - 1].id;
        for (size_t k = 0; k < count; k++) VAULT_TRY(check_row(l, &rows[k], err));
    }
    return VAULT_OK;
}

/* ---- tokens, lines, sum, control ---- */

static vault_code check_tokens(checking *l, vault_error *err)
{
    for (size_t i = 0; i < manifest_issuer_count(l->at.manifest); i++) {
        const domain *d = manifest_domain_number(l->at.manifest, manifest_issuer(l->at.manifest, i).number);
        const resident_id someone = {INT64_C(1) << ID_SHIFT};
        resident_id back;
        token t;
        if (!d) continue;
        VAULT_TRY(cabinet_issue(l->at.cabinet, &t, d, someone, err));
        VAULT_TRY(cabinet_resolve(l->at.cabinet, &back, d, &t, err));
        if (back.id != someone.id) return vault_fail(err, VAULT_INTEGRITY, "%s: a token leads elsewhere", d->ring);
        count_sample(l, d->ring, t.epoch, 1);
    }
    return VAULT_OK;
}

static vault_code check_lines(checking *l, int64_t from, vault_error *err)
{
    line_page page;
    const line_query q = {.limit = SAMPLE_LINES, .from = from > 0 ? from : 0};
    VAULT_TRY(ledger_query(l->at.scribe, l->at.store, l->at.mem, &q, &page, err));
    for (size_t i = 0; i < page.count; i++)
        if (!page.lines[i].consistent)
            return vault_fail(err, VAULT_INTEGRITY, "line %lld does not open", (long long)page.lines[i].index);
    count_sample(l, "log", 0, (int64_t)page.count);
    return VAULT_OK;
}

/* Files that are away say nothing about the keys: they are counted. */
static vault_code look_at_archives(checking *l, int64_t *end, vault_error *err)
{
    archive_list list = {.limit = ARCHIVES_MOST};
    *end = 0;
    VAULT_TRY(store_archives_read(l->at.store, l->at.mem, &list, err));
    l->out->archives = (int64_t)list.count;
    for (size_t i = 0; i < list.count; i++) {
        l->out->archives_away += !shelf_has(l->at.shelf, &list.rows[i]);
        *end = list.rows[i].first + list.rows[i].count;
    }
    bool at_hand = list.count > 0 && shelf_has(l->at.shelf, &list.rows[0]);
    return at_hand ? check_lines(l, 0, err) : VAULT_OK;
}

static vault_code check_log(checking *l, vault_error *err)
{
    head_row head;
    row_sum sum;
    int64_t archived;
    VAULT_TRY(ledger_head(l->at.ledger, l->at.store, &head, err));
    VAULT_TRY(ledger_row_sum(&sum, l->at.ledger, &head, err));
    wipe(&sum, sizeof sum);
    l->out->lines = head.size;
    l->out->erased = head.erased;
    count_sample(l, "rows", 0, 1);
    VAULT_TRY(ledger_check_erasures(l->at.ledger, l->at.store, NULL, err));
    VAULT_TRY(look_at_archives(l, &archived, err));
    VAULT_TRY(check_lines(l, archived, err));
    int64_t newest = head.size - SAMPLE_LINES;
    return check_lines(l, newest > archived ? newest : archived, err);
}

static vault_code check_control(checking *l, vault_error *err)
{
    VAULT_TRY(control_check_history(l->at.control, l->at.store, err));
    count_sample(l, "control", 0, l->at.manifest->version);
    return VAULT_OK;
}

/* What is kept outside may be newer than a backup: that is told, and is no fault of the keys. */
static vault_code check_outside(checking *l, const char *checkpoint_file, vault_error *err)
{
    vault_error why = {0};
    vault_code code = ledger_check_outside(l->at.ledger, l->at.store, checkpoint_file, &why);
    if (code == VAULT_OK) code = ledger_check_erasures(l->at.ledger, l->at.store, checkpoint_file, &why);
    l->out->behind = code == VAULT_OK ? NULL : arena_text(l->at.mem, bytes_of_text(why.detail));
    return code == VAULT_OK || code == VAULT_INTEGRITY ? VAULT_OK : (*err = why, code);
}

vault_code service_check_keys(keys_checked *out, arena *mem, const service_options *o, vault_error *err)
{
    VAULT_CLEANUP(stop_checking) checking l = {.at = {.mem = mem}, .out = out};
    VAULT_TRY(looking_open(&l.at, o, err));
    *out = (keys_checked){.vault = l.at.vault};
    VAULT_TRY(list_rings(&l, err));
    VAULT_TRY(find_schema(&l, err));
    VAULT_TRY(check_rows(&l, err));
    VAULT_TRY(check_tokens(&l, err));
    VAULT_TRY(check_log(&l, err));
    VAULT_TRY(check_control(&l, err));
    return check_outside(&l, o->checkpoint_file, err);
}

/* vaultd --accept-loss: a database that is older than what is kept outside is taken for what there is from now on.
 * Lines that it lacks are lost; but whoever was erased in them is erased again, before the vault opens. */
#include "vault/service/looking.h"

#include "vault/base/clock.h"
#include "vault/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PART_MEMORY = 64 << 20 };

static const char CHANGE[] = "accept-loss";

/* Some of them, in one transaction. */
typedef struct part {
    looking *l;
    resident_row *rows, *gone;
    row_change *changes;
    int64_t *erased;
    line *lines;
    size_t count;
} part;

static vault_code add_line(part *p, const line_facts *facts, vault_error *err)
{
    line *to = &p->lines[p->count];
    return line_make(to, p->l->scribe, p->l->mem, facts, NULL, err);
}

static vault_code add(part *p, const resident_row *row, vault_error *err)
{
    record r = {.dek = p->l->dek.at};
    vault_code code = record_prove(&r, p->l->cabinet, row, err);
    record_clear(&r);
    if (code != VAULT_OK && code != VAULT_INTEGRITY) return code;
    bool sound = code == VAULT_OK; /* else it goes all the same, and nothing that it says is repeated */
    if (!sound) log_failure(LOG_ERROR, "record.integrity", err), vault_error_clear(err);
    const line_facts facts = {.action = LINE_ERASE,
                              .change = CHANGE,
                              .control_version = (uint64_t)p->l->manifest->version,
                              .resident = row->id,
                              .area = sound ? row->area : 0,
                              .record_version = (uint32_t)row->version,
                              .refers_to = -1};
    VAULT_TRY(add_line(p, &facts, err));
    p->gone[p->count] = *row;
    p->erased[p->count] = row->id;
    p->changes[p->count++] = (row_change){.was = row};
    return VAULT_OK;
}

static vault_code append(part *p, vault_error *err)
{
    looking *l = p->l;
    appended out;
    const line_facts facts = {.action = LINE_KEYS,
                              .change = CHANGE,
                              .hits = p->count,
                              .control_version = (uint64_t)l->manifest->version,
                              .refers_to = -1};
    VAULT_TRY(add_line(p, &facts, err));
    const line_batch batch = {.control_version = l->manifest->version,
                              .control_stamp = control_stamp(l->control),
                              .lines = p->lines,
                              .count = p->count + 1,
                              .rows = p->changes,
                              .row_count = p->count,
                              .erased = p->erased,
                              .erased_count = p->count};
    VAULT_TRY(store_begin(l->store, err));
    VAULT_TRY(store_residents_erase(l->store, l->mem, p->gone, p->count, err));
    VAULT_TRY(ledger_append_in_transaction(l->ledger, l->store, l->mem, &batch, &out, err));
    vault_code code = store_commit(l->store, err);
    if (code == VAULT_OK) ledger_committed(l->ledger);
    if (code != VAULT_OK) ledger_rolled_back(l->ledger);
    return code;
}

static vault_code erase_part(looking *l, const int64_t *ids, size_t count, int64_t *again, vault_error *err)
{
    part p = {.l = l,
              .rows = arena_array(l->mem, count + 1, sizeof *p.rows),
              .gone = arena_array(l->mem, count + 1, sizeof *p.gone),
              .changes = arena_array(l->mem, count + 1, sizeof *p.changes),
              .erased = arena_array(l->mem, count + 1, sizeof *p.erased),
              .lines = arena_array(l->mem, count + 1, sizeof *p.lines)};
    if (!p.rows || !p.gone || !p.changes || !p.erased || !p.lines)
        return vault_fail(err, VAULT_EXHAUSTED, "no memory for erasures");
    VAULT_TRY(store_residents_by_id(l->store, l->mem, ids, count, p.rows, err));
    for (size_t i = 0; i < count; i++)
        if (p.rows[i].found) VAULT_TRY(add(&p, &p.rows[i], err));
    VAULT_TRY(append(&p, err));
    *again += (int64_t)p.count;
    return VAULT_OK;
}

/* Kept beside its place: it shows what people hold receipts of. */
static vault_code set_aside(const char *path, int64_t now_us, vault_error *err)
{
    char aside[PATH_MAX];
    int len = snprintf(aside, sizeof aside, "%s.lost-%lld", path, (long long)now_us);
    if (len < 0 || (size_t)len >= sizeof aside) return vault_fail(err, VAULT_INVALID, "too long a path");
    if (rename(path, aside) == 0 || errno == ENOENT) return VAULT_OK;
    return vault_fail(err, VAULT_UNAVAILABLE, "%s cannot be renamed: %s", path, strerrordesc_np(errno));
}

static vault_code check_older(looking *l, const char *checkpoint_file, vault_error *err)
{
    vault_error why = {0};
    VAULT_TRY(ledger_check_erasures(l->ledger, l->store, NULL, err)); /* by itself it must be whole */
    vault_code code = ledger_check_outside(l->ledger, l->store, checkpoint_file, &why);
    if (code == VAULT_OK) code = ledger_check_erasures(l->ledger, l->store, checkpoint_file, &why);
    if (code == VAULT_INTEGRITY) return VAULT_OK;
    if (code == VAULT_OK)
        return vault_fail(err, VAULT_INVALID, "nothing is lost: the database is as new as what is kept");
    return *err = why, code;
}

vault_code service_accept_loss(int64_t *again, arena *mem, const service_options *o, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *each = arena_new(PART_MEMORY);
    VAULT_CLEANUP(looking_close) looking l = {.mem = each};
    char path[PATH_MAX];
    int64_t *ids, now_us = clock_now_us();
    size_t count, at = 0;
    *again = 0;
    if (!each) return vault_fail(err, VAULT_EXHAUSTED, "no memory for erasures");
    VAULT_TRY(looking_open(&l, o, err));
    VAULT_TRY(check_older(&l, o->checkpoint_file, err));
    VAULT_TRY(ledger_lost_erasures(l.store, o->checkpoint_file, mem, &ids, &count, err));
    do {
        size_t some = count - at < BATCH_ITEMS ? count - at : BATCH_ITEMS;
        VAULT_TRY(erase_part(&l, ids + at, some, again, err));
        at += some;
        arena_reset(each);
    } while (at < count);
    snprintf(path, sizeof path, "%s.erasures", o->checkpoint_file);
    VAULT_TRY(set_aside(path, now_us, err));
    return set_aside(o->checkpoint_file, now_us, err);
}

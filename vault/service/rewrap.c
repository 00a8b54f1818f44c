/* JOB_REWRAP: residents' keys, then vouchers, then kept answers, then keys of leaked lists under the active version of
 * the record ring. No tag and no value changes, so a step writes no line. A row that does not open stays where it is;
 * the others go on without it, and the job fails at its end. */
#include "vault/service/jobs.h"
#include "vault/service/leaks.h"
#include "vault/service/voucher.h"

#include "vault/base/log.h"
#include "vault/base/memory.h"

#include <stdio.h>
#include <string.h>

static const char RING[] = "record";

typedef enum part_id { PART_KEYS, PART_VOUCHERS, PART_REQUESTS, PART_LEAKS, PARTS } part_id;

/* A pass over the tables. */
typedef struct rewrap_pass {
    part_id part;
    uint8_t after[DIGEST_LEN]; /* id of a note */
    size_t after_len;
    int64_t broken;
} rewrap_pass;

/* What a step met: it moves on behind it only once it is committed. */
typedef struct met {
    size_t count, done;
    int64_t broken, last;
    bytes last_note;
} met;

static rewrap_pass *pass_of(job_work *w)
{
    if (!w->state) w->state = memory_new(sizeof(rewrap_pass));
    return w->state;
}

static void forget(job_work *w)
{
    memory_free(w->state, sizeof(rewrap_pass));
    w->state = NULL;
}

/* A node that does not know of the rotation yet reads control anew. */
static vault_code check_version(session *s, job_work *w, vault_error *err)
{
    const ring *active = keyring_active(s->rings, RING);
    if (strcmp(w->job->ring, RING) != 0) return vault_fail(err, VAULT_INTEGRITY, "a rewrap of another ring");
    if (active && (int64_t)active->version == w->job->version) return VAULT_OK;
    if (!active || (int64_t)active->version < w->job->version) {
        s->moved = true;
        return vault_fail(err, VAULT_CONFLICT, "job %lld is of a newer version", (long long)w->job->id);
    }
    return vault_fail(err, VAULT_INTEGRITY, "version %d is not the active one any more", w->job->version);
}

/* True where the row alone is to blame. */
static bool is_broken(session *s, met *m, vault_code code, const vault_error *why)
{
    if (code != VAULT_INTEGRITY) return false;
    session_damage(s, why);
    m->broken++;
    return true;
}

/* ---- keys ---- */

static vault_code rewrap_keys(session *s, const job_work *w, met *m, vault_error *err)
{
    const stale_range of = {.after = w->after, .version = w->job->version, .limit = w->most};
    key_row *rows = arena_array(s->mem, w->most, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for keys");
    VAULT_TRY(store_keys_stale(s->store, s->mem, &of, rows, &m->count, err));
    for (size_t i = 0; i < m->count; i++) {
        vault_error why = {0};
        m->last = rows[i].id;
        vault_code code = record_rewrap(s->cabinet, &rows[i], &why);
        if (code == VAULT_OK)
            rows[m->done++] = rows[i];
        else if (!is_broken(s, m, code, &why))
            return *err = why, code;
    }
    return m->done ? store_keys_update(s->store, rows, m->done, err) : VAULT_OK;
}

/* ---- notes ---- */

static vault_code reseal(session *s, note_table in, note_row *row, vault_error *err)
{
    static const size_t id_len[NOTE_TABLES] = {
        [NOTES_OF_VOUCHERS] = VOUCHER_ID_LEN, [NOTES_OF_REQUESTS] = DIGEST_LEN, [NOTES_OF_LEAKS] = LEAK_ID_LEN};
    uint8_t context[VOUCHER_CONTEXT_LEN + LEAK_CONTEXT_LEN];
    if (row->id.len != id_len[in])
        return vault_fail(err, VAULT_INTEGRITY, "a note has an id of %zu bytes", row->id.len);
    bytes place = row->id;
    if (in == NOTES_OF_VOUCHERS) place = voucher_context(context, row->id, row->version);
    if (in == NOTES_OF_LEAKS) place = leak_context(context, row->id);
    return cabinet_reseal_note(s->cabinet, &row->sealed, place, row->sealed, err);
}

static vault_code rewrap_notes(session *s, const job_work *w, note_table in, met *m, vault_error *err)
{
    const rewrap_pass *at = w->state;
    const note_range of = {
        .in = in, .after = bytes_of(at->after, at->after_len), .version = w->job->version, .limit = w->most};
    note_row *rows = arena_array(s->mem, w->most, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for notes");
    VAULT_TRY(store_notes_stale(s->store, s->mem, &of, rows, &m->count, err));
    for (size_t i = 0; i < m->count; i++) {
        vault_error why = {0};
        m->last_note = rows[i].id;
        vault_code code = reseal(s, in, &rows[i], &why);
        if (code == VAULT_OK)
            rows[m->done++] = rows[i];
        else if (!is_broken(s, m, code, &why))
            return *err = why, code;
    }
    return m->done ? store_notes_update(s->store, in, rows, m->done, err) : VAULT_OK;
}

/* ---- a step ---- */

static vault_code bring_over(session *s, const job_work *w, met *m, vault_error *err)
{
    const rewrap_pass *at = w->state;
    VAULT_TRY(store_begin(s->store, err));
    VAULT_TRY(at->part == PART_KEYS
                  ? rewrap_keys(s, w, m, err)
                  : rewrap_notes(s, w, (note_table)(at->part - PART_VOUCHERS + NOTES_OF_VOUCHERS), m, err));
    if (m->done) return job_commit(s, w->job, m->done, NULL, err);
    store_rollback(s->store); /* and the locks go */
    return VAULT_OK;
}

static void move_on(job_work *w, const met *m)
{
    rewrap_pass *at = w->state;
    at->broken += m->broken;
    if (m->count == 0) {
        at->part++;
        at->after_len = 0;
    } else if (at->part == PART_KEYS) {
        w->after = m->last;
    } else if (m->last_note.len <= sizeof at->after) {
        memcpy(at->after, m->last_note.at, m->last_note.len);
        at->after_len = m->last_note.len;
    }
}

/* What the pass has not met another node holds; or it came undone with that node, and another pass meets it. */
static vault_code end_pass(session *s, job_work *w, vault_error *err)
{
    rewrap_pass *at = w->state;
    int64_t left, broken = at->broken;
    VAULT_TRY(store_stale_count(s->store, w->job->version, &left, err));
    *at = (rewrap_pass){0};
    w->after = 0;
    w->ended = left == 0;
    w->waits = left > broken;
    if (left == 0 || left > broken) return VAULT_OK;
    snprintf(w->finding, sizeof w->finding, "%lld keys or notes do not open, and stay under an older version",
             (long long)left);
    return vault_fail(err, VAULT_INTEGRITY, "%s", w->finding);
}

static vault_code step(session *s, job_work *w, vault_error *err)
{
    met m = {0};
    VAULT_TRY(check_version(s, w, err));
    if (pass_of(w)->part == PARTS) return end_pass(s, w, err);
    cabinet_use(s->cabinet, s->mem);
    VAULT_TRY(bring_over(s, w, &m, err));
    move_on(w, &m);
    return VAULT_OK;
}

static vault_code count(session *s, const job_row *job, int64_t *total, vault_error *err)
{
    return store_stale_count(s->store, job->version, total, err);
}

const job_type JOB_TYPE_REWRAP = {.name = "rewrap", .count = count, .step = step, .forget = forget};

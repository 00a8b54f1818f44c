/* Keys.Destroy and Keys.GetCertificate: a version of a ring is destroyed when nothing refers to it any more, and a
 * signed note says so.
 *
 * The note's text, a line each, every line a name and its value (docs/administrator.md):
 *
 *   resident-vault/certificate 1
 *   vault resident-vault/dev          origin of the log
 *   ring record
 *   version 1                         that was destroyed
 *   suite intl
 *   successor 2 intl                  active version, and its suite
 *   references keys 0                 for each table that could refer to it, how many rows did: 0
 *   ...
 *   residents 13000000                there were when it was counted
 *   log 4711                          lines there were when it was counted
 *   control 17                        version of control that destroyed it
 *   time 2026-11-22T12:00:00.000000Z
 */
#include "vault/service/change.h"
#include "vault/service/rings.h"

#include "vault/base/clock.h"

#include <string.h>

static const int64_t PROPOSAL_US = INT64_C(604800) * 1000 * 1000;

typedef struct destruction {
    session *s;
    call *call;
    ring_change ring;
    const ring *standing; /* of the manifest in force */
    const change *what;
    ring_references found;
    digest text; /* of the note's */
    const char *note;
    int64_t line;
} destruction;

/* ---- nothing refers to it ---- */

/* Control version that brought the version after it: whatever was made since is under that one, or a later one. */
static int64_t followed_at(const destruction *d)
{
    const keyring *keys = manifest_keys(d->s->manifest);
    const ring *r;
    int64_t since = INT64_MAX;
    for (size_t i = 0; (r = keyring_at(keys, i)); i++)
        if (strcmp(r->name, d->ring.name) == 0 && r->version > d->ring.version && r->since < since) since = r->since;
    return since;
}

typedef struct named_count {
    const char *name;
    int64_t count;
} named_count;
enum { COUNTS = 9 };
static void name_counts(named_count out[COUNTS], const ring_references *r)
{
    const named_count all[COUNTS] = {{"keys", r->keys},   {"vouchers", r->vouchers},   {"requests", r->requests},
                                     {"leaks", r->leaks}, {"rows", r->rows},           {"entries", r->entries},
                                     {"lines", r->lines}, {"manifests", r->manifests}, {"documents", r->documents}};
    memcpy(out, all, sizeof all);
}

static vault_code check_none(const ring_references *found, vault_error *err)
{
    named_count all[COUNTS];
    name_counts(all, found);
    for (size_t i = 0; i < COUNTS; i++) {
        if (all[i].count == 0) continue;
        (void)vault_refuse(err, VAULT_PRECONDITION, "STILL_NEEDED", "ring");
        snprintf(err->detail, sizeof err->detail, "%s: %lld", all[i].name, (long long)all[i].count);
        return err->code;
    }
    return VAULT_OK;
}

/* ---- the text ---- */

static vault_code write_text(bytes *out, const destruction *d, int64_t lines, int64_t time_us, vault_error *err)
{
    enum { TEXT_ROOM = 2048 };
    char *text = arena_alloc(d->s->mem, TEXT_ROOM);
    named_count all[COUNTS];
    char when[32];
    const ring *active = keyring_active(manifest_keys(d->s->manifest), d->ring.name);
    if (!text || !active) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a certificate");
    size_t len = (size_t)snprintf(text, TEXT_ROOM,
                                  "resident-vault/certificate 1\nvault %s\nring %s\nversion %u\nsuite %s\n"
                                  "successor %u %s\n",
                                  d->s->manifest->vault, d->ring.name, d->ring.version, suite_name(d->standing->suite),
                                  active->version, suite_name(active->suite));
    name_counts(all, &d->found);
    clock_format(when, time_us);
    for (size_t i = 0; i < COUNTS; i++)
        len +=
            (size_t)snprintf(text + len, TEXT_ROOM - len, "references %s %lld\n", all[i].name, (long long)all[i].count);
    len +=
        (size_t)snprintf(text + len, TEXT_ROOM - len, "residents %lld\nlog %lld\ncontrol %lld\ntime %s\n",
                         (long long)d->found.residents, (long long)lines, (long long)d->s->manifest->version + 1, when);
    *out = bytes_of(text, len);
    return VAULT_OK;
}

/* ---- in the transaction that destroys it ---- */

/* The count may take minutes, and nobody waits for it: no control row is locked yet. What is counted cannot grow: the
 * rotation is in force, so whoever could still write under the old version has a manifest of before it, and cannot
 * commit. */
static vault_code certify(void *context, vault_error *err)
{
    destruction *d = context;
    store *in = d->s->store;
    ledger *l = d->s->service->ledger;
    head_row head;
    bytes text;
    if (!d->what->approval[0]) return VAULT_OK; /* only proposed */
    VAULT_TRY(store_references(in, d->ring.name, (int32_t)d->ring.version, followed_at(d), &d->found, err));
    VAULT_TRY(check_none(&d->found, err));
    VAULT_TRY(ledger_head(l, in, &head, err));
    VAULT_TRY(write_text(&text, d, head.size, d->what->now_us, err));
    d->text = sha256(text);
    return ledger_sign_note(&d->note, l, d->call->rq->mem, text, err);
}

static vault_code fill_line(void *context, line_facts *facts, size_t i, vault_error *err)
{
    const destruction *d = context;
    (void)i;
    facts->ring = d->standing->name;
    facts->ring_version = d->ring.version;
    facts->suite = suite_name(d->standing->suite);
    if (!d->note) return VAULT_OK;
    facts->before = facts->after; /* what was approved */
    facts->after = hex_of(d->s->mem, &d->text);
    return facts->after ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for a digest");
}

static vault_code keep_certificate(void *context, int64_t first, vault_error *err)
{
    destruction *d = context;
    d->line = first;
    if (!d->note) return VAULT_OK;
    return store_certificate_insert(
        d->s->store,
        &(certificate_row){.ring = d->ring.name, .note = d->note, .version = (int32_t)d->ring.version, .line = first},
        err);
}

/* ---- Destroy ---- */

static Vault__V1__Certificate *answer_certificate(arena *mem, const certificate_row *row)
{
    Vault__V1__Certificate *out = MESSAGE(mem, Vault__V1__Certificate, vault__v1__certificate__init);
    if (!out) return NULL;
    out->ring = lent(row->ring);
    out->version = (uint32_t)row->version;
    out->note = lent(row->note);
    out->line = (uint64_t)row->line;
    return out;
}

static vault_code answer_destroy(const destruction *d, const change_record *done)
{
    request *rq = d->call->rq;
    Vault__V1__DestroyResponse *out = MESSAGE(rq->mem, Vault__V1__DestroyResponse, vault__v1__destroy_response__init);
    const certificate_row row = {
        .ring = d->ring.name, .note = d->note, .version = (int32_t)d->ring.version, .line = d->line};
    if (!out) return no_room_for_answer(rq);
    if (!d->note) out->approval = lent(done->approval);
    if (d->note && !(out->certificate = answer_certificate(rq->mem, &row))) return no_room_for_answer(rq);
    rq->out = &out->base;
    return VAULT_OK;
}

/* What the text of the operation names is plain: names of rings have no characters that JSON would escape. */
/* A version of a ring, whatever its state; NULL when there is none. */
static const ring *ring_of(const session *s, const char *name, uint32_t version)
{
    const ring *r;
    for (size_t i = 0; (r = keyring_at(manifest_keys(s->manifest), i)); i++)
        if (r->version == version && strcmp(r->name, name) == 0) return r;
    return NULL;
}

static vault_code read_destruction(destruction *d, change *what, vault_error *err)
{
    const Vault__V1__DestroyRequest *in = (const void *)d->call->rq->in;
    if (!in->ring[0]) return refuse_at(err, "REQUIRED", "ring", -1);
    d->ring = (ring_change){.name = in->ring, .version = in->version};
    what->rings = &d->ring;
    what->ring_count = 1;
    what->approval = in->approval;
    d->standing = ring_of(d->s, in->ring, in->version);
    if (!d->standing) return refuse_at(err, "RING_UNKNOWN", "ring", -1);
    const char *text =
        arena_format(d->s->mem, "{\"operation\":\"destroy\",\"ring\":\"%s\",\"version\":%u}", in->ring, in->version);
    if (!text) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an operation");
    what->operation = bytes_of_text(text);
    return VAULT_OK;
}

static vault_code destroy(session *s, call *c)
{
    destruction d = {.s = s, .call = c};
    change what = {.kind = CHANGE_DESTROY, .lifetime_us = PROPOSAL_US};
    change_record done;
    d.what = &what;
    if (read_destruction(&d, &what, &c->rq->err) != VAULT_OK) return change_refuse(s, c, &what);
    const change_lines lines = {
        .count = 1, .before = certify, .fill = fill_line, .after = keep_certificate, .context = &d};
    VAULT_TRY(change_run_with(s, c, &what, &done, &lines));
    return answer_destroy(&d, &done);
}

void keys_destroy(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)destroy(s, calls[i]);
}

/* ---- GetCertificate ---- */

static vault_code not_certified(vault_error *err)
{
    return vault_refuse(err, VAULT_NOT_FOUND, "NOT_CERTIFIED", "");
}

/* What names no ring is not asked for in the database, whose log may hold what is asked. */
static vault_code find_certificate(session *s, request *rq, certificate_row *row)
{
    const Vault__V1__GetCertificateRequest *in = (const void *)rq->in;
    if (!in->ring[0]) return refuse_at(&rq->err, "REQUIRED", "ring", -1);
    if (in->version == 0 || in->version > INT32_MAX) return refuse_at(&rq->err, "OUT_OF_RANGE", "version", -1);
    if (!ring_of(s, in->ring, in->version)) return not_certified(&rq->err);
    *row = (certificate_row){.ring = in->ring, .version = (int32_t)in->version};
    vault_code code = store_certificate_read(s->store, rq->mem, row, &rq->err);
    if (code != VAULT_NOT_FOUND) return code;
    vault_error_clear(&rq->err);
    return not_certified(&rq->err);
}

static vault_code get_certificate(session *s, call *c)
{
    request *rq = c->rq;
    certificate_row row = {0};
    bool found = find_certificate(s, rq, &row) == VAULT_OK;
    const line_facts facts = {
        .fields = "certificate", .ring = found ? row.ring : NULL, .ring_version = found ? (uint32_t)row.version : 0};
    VAULT_TRY(write_call_line(s, c, &facts));
    Vault__V1__GetCertificateResponse *out =
        MESSAGE(rq->mem, Vault__V1__GetCertificateResponse, vault__v1__get_certificate_response__init);
    if (!out || !(out->certificate = answer_certificate(rq->mem, &row))) return no_room_for_answer(rq);
    rq->out = &out->base;
    return VAULT_OK;
}

void keys_get_certificate(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)get_certificate(s, calls[i]);
}

/* Keys.Rotate, and the jobs that bring over what is stored. */
#include "vault/service/change.h"
#include "vault/service/rings.h"

#include <string.h>

enum { RINGS_MOST = 64 };

/* ---- what is asked for ---- */

typedef struct rotation {
    session *s;
    call *call;
    ring_change *rings;
    size_t count;
    bool reseal;
    int64_t version; /* control version that brings the new versions */
    job_row *jobs;   /* that were started */
    size_t job_count;
} rotation;

static bool is_token_ring(const char *name)
{
    return strncmp(name, "token/", 6) == 0;
}

static bool names(const Vault__V1__RotateRequest *in, bool (*kind)(const char *name))
{
    for (size_t i = 0; i < in->n_rings; i++)
        if (kind(in->rings[i])) return true;
    return false;
}

static bool is_record_ring(const char *name)
{
    return strcmp(name, "record") == 0;
}

static vault_code read_options(suite_id *suite, int64_t *ends_us, const Vault__V1__RotateRequest *in, vault_error *err)
{
    *suite = SUITE_NONE;
    *ends_us = 0;
    if (in->n_rings == 0) return refuse_at(err, "REQUIRED", "rings", -1);
    if (in->n_rings > RINGS_MOST) return refuse_at(err, "TOO_MANY", "rings", -1);
    if (in->suite[0] && !suite_named(suite, in->suite)) return refuse_at(err, "SUITE_UNKNOWN", "suite", -1);
    if (in->reseal && !names(in, is_record_ring)) return refuse_at(err, "RESEAL_OF_RECORD", "reseal", -1);
    if (!in->end_time) return VAULT_OK;
    if (!names(in, is_token_ring) || in->end_time->seconds < 0 || in->end_time->seconds > INT64_MAX / 1000000 - 1)
        return refuse_at(err, "BAD_END", "end_time", -1);
    *ends_us = in->end_time->seconds * 1000000 + in->end_time->nanos / 1000;
    return VAULT_OK;
}

static vault_code read_rotation(rotation *out, const Vault__V1__RotateRequest *in, vault_error *err)
{
    suite_id suite;
    int64_t ends_us;
    VAULT_TRY(read_options(&suite, &ends_us, in, err));
    out->rings = arena_array(out->call->rq->mem, in->n_rings, sizeof *out->rings);
    out->jobs = arena_array(out->call->rq->mem, in->n_rings, sizeof *out->jobs);
    if (!out->rings || !out->jobs) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a rotation");
    for (size_t i = 0; i < in->n_rings; i++)
        out->rings[i] =
            (ring_change){.name = in->rings[i], .suite = suite, .ends_us = is_token_ring(in->rings[i]) ? ends_us : 0};
    out->count = in->n_rings;
    out->reseal = in->reseal;
    return VAULT_OK;
}

/* ---- jobs ---- */

/* Rows may still be in the suite of any version that has a key: where a change of suite was cancelled, too. */
static bool crosses_suites(const rotation *r, const ring_change *wish)
{
    const keyring *keys = manifest_keys(r->s->manifest);
    const ring *versions[RING_VERSIONS_MAX];
    suite_id to = wish->suite ? wish->suite : keyring_active(keys, wish->name)->suite;
    size_t count = keyring_versions(keys, wish->name, versions);
    for (size_t i = 0; i < count; i++)
        if (versions[i]->suite != to) return true;
    return false;
}

/* What brings over that which is under a ring; 0: nothing is stored under it. */
static int16_t job_for(const rotation *r, const ring_change *wish)
{
    if (is_record_ring(wish->name)) return r->reseal || crosses_suites(r, wish) ? JOB_RESEAL : JOB_REWRAP;
    if (strcmp(wish->name, "log") == 0) return JOB_LINES;
    if (strcmp(wish->name, "control") == 0) return JOB_CONTROL;
    return is_token_ring(wish->name) ? 0 : JOB_REWRITE;
}

/* A rotation is over before the next one of its ring begins. */
static vault_code check_open(const rotation *r, store *in, vault_error *err)
{
    job_row *open;
    size_t count;
    VAULT_TRY(store_jobs_read(in, r->s->mem, (job_filter){.open = true}, &open, &count, err));
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < r->count; j++)
            if (strcmp(open[i].ring, r->rings[j].name) == 0)
                return vault_refuse(err, VAULT_PRECONDITION, "ROTATION_OPEN", "rings");
    }
    return VAULT_OK;
}

static uint32_t next_version(const session *s, const char *name)
{
    const keyring *keys = manifest_keys(s->manifest);
    const ring *r;
    uint32_t newest = 0;
    for (size_t i = 0; (r = keyring_at(keys, i)); i++)
        if (strcmp(r->name, name) == 0 && r->version > newest) newest = r->version;
    return newest + 1;
}

static vault_code start_jobs(void *context, store *in, vault_error *err)
{
    rotation *r = context;
    VAULT_TRY(check_open(r, in, err));
    r->job_count = 0;
    for (size_t i = 0; i < r->count; i++) {
        job_row row = {.kind = job_for(r, &r->rings[i]),
                       .ring = r->rings[i].name,
                       .version = (int32_t)r->rings[i].version,
                       .finding = ""};
        if (row.kind == 0) continue;
        VAULT_TRY(job_start(r->s, in, &row, err));
        r->jobs[r->job_count++] = row;
    }
    return VAULT_OK;
}

/* ---- the call ---- */

static vault_code fill_line(void *context, line_facts *facts, size_t i, vault_error *err)
{
    const rotation *r = context;
    const ring_change *wish = &r->rings[i];
    const ring *before = keyring_active(manifest_keys(r->s->manifest), wish->name);
    (void)err;
    facts->ring = before->name;
    facts->ring_version = wish->version;
    facts->suite = suite_name(wish->suite ? wish->suite : before->suite);
    return VAULT_OK;
}

static Vault__V1__Ring *answer_ring(const rotation *r, const ring_change *wish, int64_t time_us)
{
    const ring *before = keyring_active(manifest_keys(r->s->manifest), wish->name);
    return ring_message(r->call->rq->mem, &(ring_row){.name = wish->name,
                                                      .version = (int32_t)wish->version,
                                                      .suite = (int16_t)(wish->suite ? wish->suite : before->suite),
                                                      .state = RING_ACTIVE,
                                                      .created_us = time_us});
}

static vault_code answer(const rotation *r, const change_record *done)
{
    request *rq = r->call->rq;
    Vault__V1__RotateResponse *out = MESSAGE(rq->mem, Vault__V1__RotateResponse, vault__v1__rotate_response__init);
    if (!out) return no_room_for_answer(rq);
    out->rings = arena_array(rq->mem, r->count, sizeof *out->rings);
    out->jobs = arena_array(rq->mem, r->count, sizeof *out->jobs);
    if (!out->rings || !out->jobs) return no_room_for_answer(rq);
    for (size_t i = 0; i < r->count; i++)
        if (!(out->rings[out->n_rings++] = answer_ring(r, &r->rings[i], done->time_us))) return no_room_for_answer(rq);
    for (size_t i = 0; i < r->job_count; i++)
        if (!(out->jobs[out->n_jobs++] = job_message(rq->mem, &r->jobs[i]))) return no_room_for_answer(rq);
    rq->out = &out->base;
    return VAULT_OK;
}

static vault_code rotate(session *s, call *c)
{
    rotation r = {.s = s, .call = c};
    change what = {.kind = CHANGE_ROTATE, .write = start_jobs, .context = &r};
    change_record done;
    if (read_rotation(&r, (const void *)c->rq->in, &c->rq->err) != VAULT_OK) return change_refuse(s, c, &what);
    for (size_t i = 0; i < r.count; i++) r.rings[i].version = next_version(s, r.rings[i].name);
    what.rings = r.rings;
    what.ring_count = r.count;
    const change_lines lines = {.count = r.count, .fill = fill_line, .context = &r};
    VAULT_TRY(change_run_with(s, c, &what, &done, &lines));
    VAULT_TRY(answer(&r, &done));
    keeper_wake(s->service->keeper);
    return VAULT_OK;
}

void keys_rotate(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)rotate(s, calls[i]);
}

/* Keys.Progress and Keys.ChangeJob. */
#include "vault/service/rings.h"

#include "vault/base/clock.h"

#include <string.h>

/* "jobs/17" */
static vault_code read_name(int64_t *id, const char *name, vault_error *err)
{
    const char *digits = strncmp(name, "jobs/", 5) == 0 ? name + 5 : "";
    size_t len = strlen(digits);
    if (len < 1 || len > 18 || strspn(digits, "0123456789") != len || digits[0] == '0')
        return refuse_at(err, "BAD_NAME", "name", -1);
    *id = number_of_digits(bytes_of_text(digits));
    return VAULT_OK;
}

static vault_code find_job(job_row *out, session *s, arena *mem, int64_t id, vault_error *err)
{
    job_row *found;
    size_t count;
    VAULT_TRY(store_jobs_read(s->store, mem, (job_filter){.id = id}, &found, &count, err));
    if (count == 0) return vault_refuse(err, VAULT_NOT_FOUND, "JOB_UNKNOWN", "name");
    *out = found[0];
    return VAULT_OK;
}

/* ---- Progress ---- */

static vault_code read_jobs(session *s, request *rq, job_row **rows, size_t *count)
{
    const Vault__V1__ProgressRequest *in = (const void *)rq->in;
    job_filter which = {0};
    if (in->name[0]) VAULT_TRY(read_name(&which.id, in->name, &rq->err));
    VAULT_TRY(store_jobs_read(s->store, rq->mem, which, rows, count, &rq->err));
    return in->name[0] && *count == 0 ? vault_refuse(&rq->err, VAULT_NOT_FOUND, "JOB_UNKNOWN", "name") : VAULT_OK;
}

/* No line: it tells of no person and no resident. */
static vault_code progress(session *s, request *rq)
{
    job_row *rows;
    size_t count;
    VAULT_TRY(read_jobs(s, rq, &rows, &count));
    Vault__V1__ProgressResponse *out =
        MESSAGE(rq->mem, Vault__V1__ProgressResponse, vault__v1__progress_response__init);
    if (!out || !(out->jobs = arena_array(rq->mem, count + 1, sizeof *out->jobs))) return no_room_for_answer(rq);
    for (size_t i = 0; i < count; i++)
        if (!(out->jobs[out->n_jobs++] = job_message(rq->mem, &rows[i]))) return no_room_for_answer(rq);
    rq->out = &out->base;
    return VAULT_OK;
}

void keys_progress(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)progress(s, calls[i]->rq);
}

/* ---- ChangeJob ---- */

static const struct job_verb {
    const char *name, *line;
    job_state to;
} VERBS[] = {
    {"pause", "pause_job", JOB_PAUSED}, {"resume", "resume_job", JOB_RUNNING}, {"cancel", "cancel_job", JOB_CANCELLED}};

typedef struct job_change {
    int64_t id;
    const struct job_verb *verb; /* NULL: not known */
    job_row row;
} job_change;

static vault_code read_change(job_change *out, const Vault__V1__ChangeJobRequest *in, vault_error *err)
{
    *out = (job_change){0};
    for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS; i++)
        if (strcmp(VERBS[i].name, in->to) == 0) out->verb = &VERBS[i];
    VAULT_TRY(read_name(&out->id, in->name, err));
    return out->verb ? VAULT_OK : refuse_at(err, "BAD_VERB", "to", -1);
}

static vault_code set_job(session *s, job_change *which, vault_error *err)
{
    VAULT_TRY(find_job(&which->row, s, s->mem, which->id, err));
    which->row.state = (int16_t)which->verb->to;
    vault_code code = store_job_set(s->store, &which->row, clock_now_us(), err);
    if (code != VAULT_CONFLICT && code != VAULT_NOT_FOUND) return code;
    vault_error_clear(err);
    return vault_refuse(err, VAULT_PRECONDITION, "JOB_STATE", "to");
}

/* Read anew: it may have moved on meanwhile. */
static vault_code answer_job(session *s, request *rq, int64_t id)
{
    job_row now;
    Vault__V1__ChangeJobResponse *out =
        MESSAGE(rq->mem, Vault__V1__ChangeJobResponse, vault__v1__change_job_response__init);
    VAULT_TRY(find_job(&now, s, rq->mem, id, &rq->err));
    if (!out || !(out->job = job_message(rq->mem, &now))) return no_room_for_answer(rq);
    rq->out = &out->base;
    return VAULT_OK;
}

static line_facts facts_of(const job_change *which)
{
    return (line_facts){.change = which->verb ? which->verb->line : NULL,
                        .ring = which->row.ring && which->row.ring[0] ? which->row.ring : NULL,
                        .ring_version = (uint32_t)which->row.version};
}

/* The state and its line are one transaction. */
static vault_code write_both(session *s, call *c, job_change *which)
{
    vault_error *err = &c->rq->err;
    line one;
    VAULT_TRY(set_job(s, which, err));
    const line_facts facts = facts_of(which);
    VAULT_TRY(make_call_line(&one, s, c, &facts, err));
    const line_batch lines = {
        .control_version = s->manifest->version, .control_stamp = s->control_stamp, .lines = &one, .count = 1};
    return commit_with_lines(s, &lines, err);
}

static vault_code change_job(session *s, call *c)
{
    job_change which;
    request *rq = c->rq;
    vault_code code = read_change(&which, (const void *)rq->in, &rq->err);
    if (code == VAULT_OK) code = store_begin(s->store, &rq->err);
    if (code == VAULT_OK) code = write_both(s, c, &which);
    store_rollback(s->store);
    if (s->moved) return code;
    if (code == VAULT_OK) s->confirmed = true;
    const line_facts facts = facts_of(&which);
    if (code != VAULT_OK) return rq->err.reason ? write_call_line(s, c, &facts) : code;
    VAULT_TRY(answer_job(s, rq, which.id));
    keeper_wake(s->service->keeper);
    return VAULT_OK;
}

void keys_change_job(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count && !s->moved; i++) (void)change_job(s, calls[i]);
}

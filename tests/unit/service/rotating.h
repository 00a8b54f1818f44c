/* Rotations in the hands of the test: the keeper is closed, and jobs go step by step. */
#pragma once
#include "tests/support/vault_fixture.h"
#include "vault/service/jobs.h"

/* The fixture's service without its keeper; until it is opened again. */
static inline service *given_no_keeper(void)
{
    service *s = fixture_service();
    (void)fixture_session();
    keeper_close(&s->keeper);
    return s;
}

typedef struct rotate_wish {
    const char *const *rings;
    size_t count;
    const char *suite; /* NULL: as it is */
    bool reseal;
    int64_t end_s; /* of token rings */
} rotate_wish;

static inline const Vault__V1__RotateResponse *rotate_rings(rotate_wish wish)
{
    Vault__V1__RotateRequest in = VAULT__V1__ROTATE_REQUEST__INIT;
    Google__Protobuf__Timestamp end = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    end.seconds = wish.end_s;
    in.rings = (char **)(uintptr_t)wish.rings;
    in.n_rings = wish.count;
    if (wish.suite) in.suite = (char *)(uintptr_t)wish.suite;
    in.reseal = wish.reseal;
    in.end_time = wish.end_s ? &end : NULL;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Keys/Rotate", .uri = ADMINISTRATOR, .purpose = "control", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}
#define ROTATE(wish, ...)                                                                                              \
    rotate_rings((rotate_wish){.rings = (const char *const[]){__VA_ARGS__},                                            \
                               .count = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                   \
                               wish})

/* The first job that is open; false: none is. Its texts live until the next call. */
static inline bool open_job(job_row *out)
{
    static arena *mem;
    job_row *rows;
    size_t count;
    vault_error err = {0};
    if (!mem) mem = arena_new(1 << 20);
    arena_reset(mem);
    expect_ok(store_jobs_read(fixture_session()->store, mem, (job_filter){.open = true}, &rows, &count, &err), &err);
    if (count) *out = rows[count - 1];
    return count > 0;
}

static inline vault_code run_step(session *s, void *context, vault_error *err)
{
    job_work *w = context;
    vault_code code = JOB_TYPES[w->job->kind]->step(s, w, err);
    store_rollback(s->store); /* of a step that failed */
    return code;
}

static inline vault_code run_end(session *s, void *context, vault_error *err)
{
    return job_end(s, context, JOB_DONE, err);
}

/* A step of `by`, of at most so many rows; true: it was the last one. */
static inline bool step_by(session *by, job_work *w, size_t most)
{
    vault_error err = {0};
    w->most = most;
    expect_ok(session_run(by, run_step, w, &err), &err);
    return w->ended;
}

static inline void forget_work(job_work *w)
{
    if (JOB_TYPES[w->job->kind]->forget) JOB_TYPES[w->job->kind]->forget(w);
}

static inline void end_work(job_work *w)
{
    vault_error err = {0};
    expect_ok(session_run(fixture_session(), run_end, w, &err), &err);
    forget_work(w);
}

/* All that is open, to its end; between the steps `look`, or NULL. Returns how many steps there were. */
static inline size_t run_jobs(size_t most, void (*look)(void))
{
    size_t steps = 0;
    for (job_row job; open_job(&job); steps++) {
        job_work w = {.job = &job};
        while (!step_by(fixture_session(), &w, most)) {
            if (look) look();
            steps++;
        }
        end_work(&w);
    }
    return steps;
}

/* keys progress, pause, resume, cancel: work over all rows, and how far it is. */
#include "vault/cli/internal.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POLL_US = 500000, TERMINAL_US = 500000, FILE_US = 5000000 };

/* "17" is "jobs/17". */
static char *job_name(ctl *c, const char *given)
{
    const char *name = strchr(given, '/') ? given : arena_format(c->mem, "jobs/%s", given);
    if (!name) abort();
    return lent(name);
}

/* Of the rows that there are: what has been done is more where a job was begun again. */
static double part_done(const Vault__V1__Job *j)
{
    return j->total && j->done < j->total ? 100.0 * (double)j->done / (double)j->total : 100.0;
}

static const char *done_text(arena *mem, const Vault__V1__Job *j)
{
    return arena_format(mem, "%llu of %llu, %.0f %%", (unsigned long long)j->done, (unsigned long long)j->total,
                        part_done(j));
}

static const char *rate_text(arena *mem, const Vault__V1__Job *j)
{
    return j->rows_per_second > 0 ? arena_format(mem, "%.0f/s", j->rows_per_second) : "";
}

static const char *ring_text(arena *mem, const Vault__V1__Job *j)
{
    return *j->ring ? arena_format(mem, "%s %u", j->ring, j->version) : "";
}

void jobs_show(const ctl *c, Vault__V1__Job *const *jobs, size_t count)
{
    static const char *const heads[] = {"JOB", "KIND", "RING", "STATE", "DONE", "RATE", "ENDS", "FOUND"};
    table t = table_of(c->mem, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < count; i++) {
        const Vault__V1__Job *j = jobs[i];
        const Google__Protobuf__Timestamp *end = j->end_time ? j->end_time : j->estimated_end_time;
        if (c->options[OPT_JSON])
            print_json(message_json(c->mem, &j->base));
        else
            table_add(&t, (const char *const[]){j->name, j->kind, ring_text(c->mem, j), j->state, done_text(c->mem, j),
                                                rate_text(c->mem, j), time_text(c->mem, end), j->finding});
    }
    if (!c->options[OPT_JSON] && count > 0) table_print(&t);
}

/* ---- watching ---- */

typedef struct watching {
    bool terminal;
    int64_t said_us;
} watching;

static void say_job(watching *w, const Vault__V1__Job *j)
{
    int64_t now = clock_monotonic_us();
    if (w->said_us && now - w->said_us < (w->terminal ? TERMINAL_US : FILE_US)) return;
    w->said_us = now;
    fputs(w->terminal ? "\r\033[K" : "", stderr);
    print_text(stderr, j->name);
    fprintf(stderr, ": %llu of %llu, %.0f %%", (unsigned long long)j->done, (unsigned long long)j->total, part_done(j));
    if (j->rows_per_second > 0) {
        fprintf(stderr, ", %.0f rows/s", j->rows_per_second);
        if (j->total > j->done) say_time_left((double)(j->total - j->done) / j->rows_per_second);
    }
    if (!w->terminal) fputc('\n', stderr);
    (void)fflush(stderr);
}

static ctl_exit ask_jobs(ctl *c, exchange *x, char *name)
{
    Vault__V1__ProgressRequest request = VAULT__V1__PROGRESS_REQUEST__INIT;
    if (name) request.name = name;
    return ctl_call(c, x, "/vault.v1.Keys/Progress", &request.base, &vault__v1__progress_response__descriptor);
}

ctl_exit job_wait(ctl *c, exchange *x, const char *name, const Vault__V1__Job **out)
{
    watching w = {.terminal = isatty(STDERR_FILENO) == 1};
    for (;; usleep(POLL_US)) {
        exchange_clear(x);
        ctl_exit end = ask_jobs(c, x, job_name(c, name));
        if (end != CTL_OK) return end;
        const Vault__V1__ProgressResponse *reply = (const void *)x->reply;
        if (reply->n_jobs != 1) return usage_error(c, "the server shows no job %s", name);
        *out = reply->jobs[0];
        if (strcmp((*out)->state, "running") != 0) break;
        say_job(&w, *out);
    }
    if (w.terminal && w.said_us) fputs("\r\033[K", stderr);
    return CTL_OK;
}

/* Stopped on the way, or failed. */
static ctl_exit job_exit(const Vault__V1__Job *j)
{
    if (strcmp(j->state, "done") == 0) return CTL_OK;
    return strcmp(j->state, "failed") == 0 ? CTL_FAILED : CTL_INCOMPLETE;
}

ctl_exit jobs_watch(ctl *c, const char *const *names, size_t count)
{
    ctl_exit worst = CTL_OK;
    for (size_t i = 0; i < count; i++) {
        const Vault__V1__Job *j;
        VAULT_CLEANUP(exchange_clear) exchange x = {0};
        ctl_exit end = job_wait(c, &x, names[i], &j);
        if (end != CTL_OK) return end;
        jobs_show(c, &(Vault__V1__Job *){(Vault__V1__Job *)(uintptr_t)j}, 1);
        if (job_exit(j) > worst) worst = job_exit(j);
    }
    return worst;
}

/* ---- the commands ---- */

ctl_exit run_keys_progress(ctl *c)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    if (c->options[OPT_WATCH] && c->count == 0) return usage_error(c, "--watch is for one job: which?");
    if (c->options[OPT_WATCH]) return jobs_watch(c, c->arguments, 1);
    ctl_exit end = ask_jobs(c, &x, c->count ? job_name(c, c->arguments[0]) : NULL);
    if (end != CTL_OK) return end;
    const Vault__V1__ProgressResponse *reply = (const void *)x.reply;
    jobs_show(c, reply->jobs, reply->n_jobs);
    return CTL_OK;
}

static ctl_exit change(ctl *c, const char *to)
{
    Vault__V1__ChangeJobRequest request = VAULT__V1__CHANGE_JOB_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.name = job_name(c, c->arguments[0]);
    request.to = lent(to);
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Keys/ChangeJob", &request.base, &vault__v1__change_job_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__ChangeJobResponse *reply = (const void *)x.reply;
    if (reply->job) jobs_show(c, &(Vault__V1__Job *){reply->job}, 1);
    return CTL_OK;
}

ctl_exit run_keys_pause(ctl *c)
{
    return change(c, "pause");
}

ctl_exit run_keys_resume(ctl *c)
{
    return change(c, "resume");
}

ctl_exit run_keys_cancel(ctl *c)
{
    return change(c, "cancel");
}

/* bench-rewrap: the limit of a rotation of the record ring. The same rows are found, locked, written and committed in
 * transactions of the same size by the same statements, without any key: all bits are turned over. Nothing opens until
 * the same was done once more.
 *
 *   rewrap ROWS_A_STEP            all residents' keys */
#include "tests/bench/bench.h"
#include "vault/base/arena.h"
#include "vault/base/clock.h"
#include "vault/store/store.h"

#include <limits.h>

enum { MEMORY = 64 << 20, STEP_MOST = 4096 };

static store *opened;
static arena *mem;

static job_row begin_job(void)
{
    vault_error err = {0};
    job_row job = {.kind = JOB_KINDS, .state = JOB_RUNNING, .ring = "bench"}; /* no vaultd takes it */
    must(store_job_insert(opened, &job, &err), &err, "job");
    return job;
}

static void end_job(job_row *job)
{
    vault_error err = {0};
    job->state = JOB_CANCELLED;
    must(store_job_set(opened, job, 1, &err), &err, "job");
}

static void turn_over(key_row *row)
{
    uint8_t *at = (uint8_t *)(uintptr_t)row->dek.at; /* the arena's */
    for (size_t i = 0; i < row->dek.len; i++) at[i] = (uint8_t)~at[i];
    row->ring_version = -row->ring_version;
}

/* Returns how many rows there were. */
static size_t step(const job_row *job, int64_t *after, size_t most)
{
    vault_error err = {0};
    size_t count;
    key_row rows[STEP_MOST];
    const stale_range all = {.after = *after, .version = INT_MAX, .limit = most};
    arena_reset(mem);
    must(store_begin(opened, &err), &err, "begin");
    must(store_keys_stale(opened, mem, &all, rows, &count, &err), &err, "select");
    if (count == 0) return store_rollback(opened), 0;
    for (size_t i = 0; i < count; i++) turn_over(&rows[i]);
    must(store_keys_update(opened, rows, count, &err), &err, "update");
    must(store_job_advance(opened, job->id, (int64_t)count, &err), &err, "advance");
    must(store_commit(opened, &err), &err, "commit");
    *after = rows[count - 1].id;
    return count;
}

static void rewrap(size_t most)
{
    samples s = {0};
    window w = {0};
    int64_t after = 0, began;
    size_t count;
    if (most < 1 || most > STEP_MOST) die("1 to %d rows", STEP_MOST);
    job_row job = begin_job();
    window_open(&w);
    do {
        began = clock_monotonic_us();
        count = step(&job, &after, most);
        samples_add(&s, clock_monotonic_us() - began, count);
    } while (count);
    window_shut(&w);
    end_job(&job);
    window_report(&w, &s);
    samples_clear(&s);
}

int main(int argc, char **argv)
{
    command c;
    vault_error err = {0};
    (void)argc;
    mem = arena_new(MEMORY);
    must(store_open(&opened, option(argv, "--database"), &err), &err, "store_open");
    while (command_read(&c)) {
        if (!command_is(&c, "rewrap", 2)) die("bench-rewrap: rewrap ROWS_A_STEP");
        rewrap((size_t)command_number(&c, 1));
    }
    store_close(&opened);
    arena_free(&mem);
    return 0;
}

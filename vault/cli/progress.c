/* A line on stderr: 12,288 rows, 31 %, 4,870 rows/s, 6 s left, 35 rejected. */
#include "vault/cli/import.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <unistd.h>

enum { TERMINAL_US = 200000, FILE_US = 2000000 };

progress progress_start(const ctl *c, const import_state *s, const source *from)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    return (progress){.shown = terminal || c->options[OPT_PROGRESS],
                      .terminal = terminal,
                      .size = from->size,
                      .begun_at = s->offset,
                      .rows_before = s->counts.rows,
                      .started_us = clock_monotonic_us()};
}

void say_time_left(double seconds)
{
    unsigned long long s = (unsigned long long)(seconds + 0.5);
    if (s >= 3600)
        fprintf(stderr, ", %llu h %llu min left", s / 3600, s / 60 % 60);
    else if (s >= 60)
        fprintf(stderr, ", %llu min %llu s left", s / 60, s % 60);
    else
        fprintf(stderr, ", %llu s left", s);
}

void progress_say(progress *p, const import_state *s)
{
    int64_t now = clock_monotonic_us();
    double seconds = (double)(now - p->started_us) / 1e6;
    if (!p->shown || now - p->said_us < (p->terminal ? TERMINAL_US : FILE_US)) return;
    p->said_us = now;
    fprintf(stderr, "%s%llu rows", p->terminal ? "\r\033[K" : "", (unsigned long long)s->counts.rows);
    if (p->size) fprintf(stderr, ", %.0f %%", 100.0 * (double)s->offset / (double)p->size);
    if (seconds > 0 && s->offset > p->begun_at) {
        fprintf(stderr, ", %.0f rows/s", (double)(s->counts.rows - p->rows_before) / seconds);
        if (p->size > s->offset)
            say_time_left((double)(p->size - s->offset) * seconds / (double)(s->offset - p->begun_at));
    }
    if (s->counts.rejected) fprintf(stderr, ", %llu rejected", (unsigned long long)s->counts.rejected);
    if (!p->terminal) fputc('\n', stderr);
    (void)fflush(stderr);
}

void progress_end(progress *p)
{
    if (p->shown && p->terminal) fputs("\r\033[K", stderr);
}

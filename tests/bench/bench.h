/* What the programs of tests/bench share. Each is a child of ./bench, which tells it on stdin what to do next, so that
 * the two sides of a comparison take turns while both stay warm:
 *
 *   ./bench:  reveal 64 3.0
 *   program:  go                        warm; from here on it counts (./bench reads CPU times)
 *             end                       up to here
 *             done {"units": 61234, "seconds": 3.0, "p50_ms": 3.1, "p99_ms": 5.2}
 *
 * Whatever goes wrong ends the program: a figure with failures in it is none. */
#pragma once
#include "vault/base/bytes.h"
#include "vault/base/error.h"

#include <stdatomic.h>
#include <stdio.h>

/* How long single calls took. One thread at a time; merged at the end. */
typedef struct samples {
    uint32_t *us;
    size_t count, cap;
    uint64_t units; /* calls, values, residents or lines: what is counted */
} samples;
void samples_add(samples *s, int64_t us, uint64_t units);
void samples_merge(samples *into, const samples *from);
void samples_clear(samples *s);

/* The time that counts: from window_open on, until window_shut. */
typedef struct window {
    atomic_llong from, until; /* monotonic microseconds; 0: not yet */
} window;
void window_open(window *w); /* says go */
void window_shut(window *w); /* says end */
void window_report(const window *w, samples *s);
static inline bool window_counts(const window *w)
{
    return atomic_load_explicit(&w->from, memory_order_relaxed) &&
           !atomic_load_explicit(&w->until, memory_order_relaxed);
}
/* Waits for warmth, opens, waits, shuts: for programs whose work is done by other threads. */
void window_run(window *w, double seconds);
/* The same for a program of one thread, asked before each piece of work; false at the end. */
bool window_goes_on(window *w, int64_t started, double seconds);

enum { WORDS_MAX = 8 };
typedef struct command {
    char text[256];
    const char *words[WORDS_MAX];
    int count;
} command;
bool command_read(command *c); /* false at the end of stdin */
bool command_is(const command *c, const char *name, int words);
long command_number(const command *c, int word);
double command_seconds(const command *c, int word);

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
void must(vault_code code, const vault_error *err, const char *what);
const char *option(char **argv, const char *name); /* "--name", VALUE; must be there */
uint64_t random_next(uint64_t *state);

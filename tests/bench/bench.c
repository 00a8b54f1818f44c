#include "tests/bench/bench.h"

#include "vault/base/clock.h"
#include "vault/base/memory.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_US = 300000 };

/* ---- samples ---- */

static void make_room(samples *s, size_t more)
{
    if (s->count + more <= s->cap) return;
    size_t cap = (s->count + more) * 2 + 65536;
    s->us = memory_grow(s->us, s->cap * sizeof *s->us, cap * sizeof *s->us);
    s->cap = cap;
}

void samples_add(samples *s, int64_t us, uint64_t units)
{
    make_room(s, 1);
    s->us[s->count++] = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    s->units += units;
}

void samples_merge(samples *into, const samples *from)
{
    if (!from->count) return;
    make_room(into, from->count);
    memcpy(into->us + into->count, from->us, from->count * sizeof *from->us);
    into->count += from->count;
    into->units += from->units;
}

void samples_clear(samples *s)
{
    memory_free(s->us, s->cap * sizeof *s->us);
    *s = (samples){0};
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(const samples *s, unsigned percent)
{
    return s->count ? s->us[(s->count - 1) * percent / 100] / 1000.0 : 0;
}

/* ---- window ---- */

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

void window_open(window *w)
{
    say("go");
    atomic_store(&w->from, clock_monotonic_us());
}

void window_shut(window *w)
{
    atomic_store(&w->until, clock_monotonic_us());
    say("end");
}

void window_report(const window *w, samples *s)
{
    if (s->count) qsort(s->us, s->count, sizeof *s->us, by_size);
    printf("done {\"units\": %llu, \"calls\": %zu, \"seconds\": %.6f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           (unsigned long long)s->units, s->count, (double)(w->until - w->from) / 1e6, percentile_ms(s, 50),
           percentile_ms(s, 99));
    fflush(stdout);
}

static void sleep_us(int64_t us)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {}
}

void window_run(window *w, double seconds)
{
    sleep_us(WARM_US);
    window_open(w);
    sleep_us((int64_t)(seconds * 1e6));
    window_shut(w);
}

bool window_goes_on(window *w, int64_t started, double seconds)
{
    int64_t now = clock_monotonic_us();
    if (!w->from && now - started >= WARM_US) window_open(w);
    if (!w->from || now - w->from < (int64_t)(seconds * 1e6)) return true;
    window_shut(w);
    return false;
}

/* ---- commands ---- */

bool command_read(command *c)
{
    char *rest = NULL;
    *c = (command){0};
    if (!fgets(c->text, sizeof c->text, stdin)) return false;
    for (char *at = c->text; c->count < WORDS_MAX; c->count++) {
        at += strspn(at, " \n");
        if (!*at) break;
        c->words[c->count] = at;
        rest = at + strcspn(at, " \n");
        at = *rest ? rest + 1 : rest;
        *rest = 0;
    }
    return true;
}

bool command_is(const command *c, const char *name, int words)
{
    return c->count == words && strcmp(c->words[0], name) == 0;
}

long command_number(const command *c, int word)
{
    return strtol(c->words[word], NULL, 10);
}

double command_seconds(const command *c, int word)
{
    return strtod(c->words[word], NULL);
}

/* ---- odds and ends ---- */

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void must(vault_code code, const vault_error *err, const char *what)
{
    if (code != VAULT_OK)
        die("%s: %s at %s: %s", what, vault_code_name(code), err->where ? err->where : "?", err->detail);
}

const char *option(char **argv, const char *name)
{
    for (; argv[0] && argv[1]; argv++)
        if (strcmp(argv[0], name) == 0) return argv[1];
    die("%s is missing", name);
}

uint64_t random_next(uint64_t *state)
{
    uint64_t v = *state += UINT64_C(0x9E3779B97F4A7C15);
    v = (v ^ (v >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    v = (v ^ (v >> 27)) * UINT64_C(0x94D049BB133111EB);
    return v ^ (v >> 31);
}

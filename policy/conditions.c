/* What else a rule asks for, beside who, what, where and until when, in words. */
#include "policy/terms.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CONDITIONS_MAX = 12, DAY_MINUTES = 1440, WEEK_DAYS = 7 };

typedef struct sayer {
    policy_access *to;
    arena *mem;
    bool failed;
} sayer;

__attribute__((format(printf, 2, 3))) static void say(sayer *s, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *kept = arena_text(s->mem, bytes_of_text(text));
    s->failed |= !kept;
    if (kept && s->to->condition_count < CONDITIONS_MAX) s->to->conditions[s->to->condition_count++] = kept;
}

/* "child, in-care" */
static const char *class_list(arena *mem, const shared_sets *sets, uint64_t set)
{
    const char *list = "";
    for (size_t i = 0; list && i < sets->class_count; i++)
        if (set >> i & 1) list = arena_format(mem, "%s%s%s", list, *list ? ", " : "", sets->classes[i]->id);
    return list ? list : "";
}

static const char *pattern_list(arena *mem, const term *t)
{
    const char *list = "";
    for (size_t i = 0; list && i < t->rule->pattern_count; i++)
        list = arena_format(mem, "%s%s%s", list, *list ? " or " : "", t->policy->patterns[t->rule->first_pattern + i]);
    return list ? list : "";
}

/* ---- hours: "mon-fri 08:30-17:30, sat 08:30-12:00" ---- */

static bool counts(const week *w, unsigned minute)
{
    return (w->minutes[minute / 64] >> (minute % 64) & 1) != 0;
}

/* Spans of the same hours, on days that follow each other. */
typedef struct day_run {
    unsigned first, last; /* the minutes of the week in which they begin */
    unsigned len;         /* 0: none yet */
} day_run;

static const char *run_text(arena *mem, const char *list, const day_run *of)
{
    static const char *const days[WEEK_DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    unsigned begins = of->first % DAY_MINUTES, ends = (begins + of->len) % DAY_MINUTES;
    bool more = of->last > of->first;
    if (of->len == 0) return list;
    return arena_format(mem, "%s%s%s%s%s %02u:%02u-%02u:%02u", list, *list ? ", " : "", days[of->first / DAY_MINUTES],
                        more ? "-" : "", more ? days[of->last / DAY_MINUTES] : "", begins / 60, begins % 60, ends / 60,
                        ends % 60);
}

static const char *hours_text(arena *mem, const week *w)
{
    const char *list = "";
    day_run now = {0};
    for (unsigned at = 0; list && at < WEEK_MINUTES;) {
        unsigned from = at;
        while (at < WEEK_MINUTES && counts(w, at)) at++;
        if (at == from) {
            at++;
        } else if (now.len == at - from && from == now.last + DAY_MINUTES) {
            now.last = from;
        } else {
            list = run_text(mem, list, &now);
            now = (day_run){.first = from, .last = from, .len = at - from};
        }
    }
    if (list) list = run_text(mem, list, &now);
    return list ? list : "";
}

/* ---- all of them ---- */

static void say_residents(sayer *s, const term *t, uint64_t except, const shared_sets *sets)
{
    if (t->only) say(s, "residents of class %s only", class_list(s->mem, sets, t->only));
    if (except) say(s, "no resident of class %s", class_list(s->mem, sets, except));
    if (t->rule->consent) say(s, "consent of the resident");
    for (size_t i = 0; i < sets->aggregation_count; i++)
        if ((t->barred >> i & 1) && aggregation_touches(sets->aggregations[i], s->to->fields))
            say(s, "nothing that completes %s", sets->aggregations[i]->id);
}

static void say_call(sayer *s, const term *t)
{
    const policy_rule *r = t->rule;
    if (r->week) say(s, "hours: %s", hours_text(s->mem, &t->policy->weeks[r->week - 1]));
    if (r->pattern_count) say(s, "ticket like %s", pattern_list(s->mem, t));
    if (r->approval_above) say(s, "approval above %u residents", (unsigned)r->approval_above);
    if (r->glass_hours)
        say(s, "break-glass: %u hours, %u residents", (unsigned)r->glass_hours, (unsigned)r->glass_residents);
    if (r->sharing_until != UINT32_MAX || r->sharing_from) say(s, "sharing basis in force");
    if (r->results) say(s, "at most %u residents found", (unsigned)r->results);
}

vault_code conditions_of(policy_access *to, arena *mem, const term *of, uint64_t except, const shared_sets *sets,
                         vault_error *err)
{
    sayer s = {.to = to, .mem = mem};
    to->condition_count = 0;
    to->conditions = arena_array(mem, CONDITIONS_MAX, sizeof *to->conditions);
    if (!to->conditions) return vault_fail(err, VAULT_EXHAUSTED, "no memory for conditions");
    say_residents(&s, of, except, sets);
    say_call(&s, of);
    return s.failed ? vault_fail(err, VAULT_EXHAUSTED, "no memory for conditions") : VAULT_OK;
}

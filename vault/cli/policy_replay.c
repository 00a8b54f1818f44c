/* policy simulate and lint: the log decided again, page by page, and what no line has used. */
#include "vault/cli/internal.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Drafts are read anew for each page, so that pages are large. */
enum { DAYS_MOST = 3660, GROUPS_SHOWN = 50, PAGE_LINES = 50000 };
static const int64_t day_us = INT64_C(86400) * 1000000;

/* What all pages say together. */
typedef struct replay {
    uint64_t decisions, would_refuse, would_allow, open;
    uint64_t read, size;
    json_t *groups;  /* by what they are of */
    json_t *uses;    /* by rule: how often */
    json_t *persons; /* who would have been refused */
} replay;

static void replay_clear(replay *r)
{
    json_clear(&r->groups);
    json_clear(&r->uses);
    json_clear(&r->persons);
}

static void add_number(json_t *object, const char *key, uint64_t more)
{
    json_int_t before = json_integer_value(json_object_get(object, key));
    json_object_set_new(object, key, json_integer(before + (json_int_t)more));
}

static void add_group(replay *r, arena *mem, const Vault__V1__ReplayGroup *g)
{
    const char *key = arena_format(mem, "%d\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s", g->allows, g->consumer, g->person,
                                   g->purpose, g->fields, g->form, g->clause);
    if (!key) abort();
    json_t *found = json_object_get(r->groups, key);
    if (!found) {
        found = json_pack("{s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I}", "allows", g->allows, "consumer", g->consumer,
                          "person", g->person, "purpose", g->purpose, "fields", g->fields, "form", g->form, "clause",
                          g->clause, "count", 0, "line", (json_int_t)g->line);
        json_object_set_new(r->groups, key, found);
    }
    add_number(found, "count", g->count);
    if (!g->allows && *g->person) json_object_set_new(r->persons, g->person, json_true());
}

static void add_page(replay *r, arena *mem, const Vault__V1__SimulateResponse *page)
{
    r->decisions += page->decisions;
    r->would_refuse += page->would_refuse;
    r->would_allow += page->would_allow;
    r->open += page->open;
    r->read = page->position;
    r->size = page->size;
    for (size_t i = 0; i < page->n_groups; i++) add_group(r, mem, page->groups[i]);
    for (size_t i = 0; i < page->n_uses; i++) add_number(r->uses, page->uses[i]->rule, page->uses[i]->count);
}

/* ---- progress ---- */

typedef struct walk {
    bool shown, terminal;
    int64_t begun_us;
    uint64_t first;
} walk;

static walk walk_begin(const ctl *c)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    return (walk){
        .shown = terminal || c->options[OPT_PROGRESS], .terminal = terminal, .begun_us = clock_monotonic_us()};
}

static void walk_say(const walk *w, const replay *r)
{
    double seconds = (double)(clock_monotonic_us() - w->begun_us) / 1e6;
    if (!w->shown || r->size == 0) return;
    fprintf(stderr, "%s%llu lines, %.0f %%", w->terminal ? "\r\033[K" : "", (unsigned long long)r->read,
            100.0 * (double)r->read / (double)r->size);
    if (seconds > 0 && r->read > w->first && r->size > r->read)
        say_time_left((double)(r->size - r->read) * seconds / (double)(r->read - w->first));
    if (!w->terminal) fputc('\n', stderr);
    (void)fflush(stderr);
}

static void walk_end(const walk *w)
{
    if (w->shown && w->terminal) fputs("\r\033[K", stderr);
}

/* ---- all pages ---- */

static ctl_exit replay_all(ctl *c, replay *r, Vault__V1__SimulateRequest *request, const draft_list *drafts)
{
    ctl_exit end;
    walk w = walk_begin(c);
    *r = (replay){.groups = json_object(), .uses = json_object(), .persons = json_object()};
    request->drafts = drafts->at;
    request->n_drafts = drafts->count;
    request->page_size = PAGE_LINES;
    do {
        VAULT_CLEANUP(exchange_clear) exchange x = {0};
        end = ctl_call(c, &x, "/vault.v1.Policies/Simulate", &request->base, &vault__v1__simulate_response__descriptor);
        if (end != CTL_OK) break;
        const Vault__V1__SimulateResponse *page = (const void *)x.reply;
        add_page(r, c->mem, page);
        walk_say(&w, r);
        request->page_token = arena_text(c->mem, bytes_of_text(page->next_page_token));
        if (!request->page_token) abort();
    } while (*request->page_token);
    walk_end(&w);
    return drafts_explain(c, drafts, end);
}

/* ---- simulate ---- */

static int by_count(const void *a, const void *b)
{
    json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "count"));
    json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "count"));
    return (x < y) - (x > y);
}

/* Borrowed, most frequent first. */
static json_t **sorted_groups(arena *mem, json_t *groups)
{
    const char *key;
    json_t *value;
    size_t count = 0;
    json_t **all = arena_array(mem, json_object_size(groups) + 1, sizeof(json_t *));
    if (!all) abort();
    json_object_foreach(groups, key, value) all[count++] = value;
    qsort(all, count, sizeof(json_t *), by_count);
    return all;
}

static const char *text_of(json_t *group, const char *key)
{
    return json_string_value(json_object_get(group, key));
}

static void print_groups(const ctl *c, const replay *r, size_t most)
{
    static const char *const heads[] = {"",       "COUNT", "APP",    "PERSON",    "PURPOSE",
                                        "FIELDS", "FORM",  "CLAUSE", "FIRST LINE"};
    table t = table_of(c->mem, sizeof heads / sizeof *heads, heads);
    json_t **all = sorted_groups(c->mem, r->groups);
    size_t count = json_object_size(r->groups);
    for (size_t i = 0; i < count && i < most; i++) {
        json_t *g = all[i];
        const char *times = arena_format(c->mem, "%lld", (long long)json_integer_value(json_object_get(g, "count")));
        const char *line = arena_format(c->mem, "%lld", (long long)json_integer_value(json_object_get(g, "line")));
        table_add(&t, (const char *const[]){json_is_true(json_object_get(g, "allows")) ? "+" : "-", times,
                                            text_of(g, "consumer"), text_of(g, "person"), text_of(g, "purpose"),
                                            text_of(g, "fields"), text_of(g, "form"), text_of(g, "clause"), line});
    }
    if (count) table_print(&t);
    if (count > most) printf("and %zu more groups (--limit)\n", count - most);
}

/* "none", or the number with its thousands apart. */
static const char *grouped(arena *mem, uint64_t number)
{
    char digits[24];
    char *out = arena_alloc(mem, 40);
    if (!out) abort();
    size_t len = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number), to = 0;
    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) out[to++] = ',';
        out[to++] = digits[i];
    }
    return number ? out : "none";
}

static void print_summary(const ctl *c, const replay *r)
{
    arena *mem = c->mem;
    size_t persons = json_object_size(r->persons);
    if (r->decisions == 0) {
        puts("no decision stands in the log of this time");
        return;
    }
    printf("would have refused %s of %s decisions", grouped(mem, r->would_refuse), grouped(mem, r->decisions));
    if (persons) printf(" by %s person%s", grouped(mem, persons), persons == 1 ? "" : "s");
    printf(", newly allows %s", grouped(mem, r->would_allow));
    if (r->open) printf("; of %s it depends on what the log does not hold", grouped(mem, r->open));
    putchar('\n');
}

static void print_replay_json(const ctl *c, const replay *r)
{
    json_t **all = sorted_groups(c->mem, r->groups);
    json_t *groups = json_array();
    for (size_t i = 0; i < json_object_size(r->groups); i++) json_array_append(groups, all[i]);
    print_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:O}", "lines", (json_int_t)r->read, "decisions",
                         (json_int_t)r->decisions, "would_refuse", (json_int_t)r->would_refuse, "would_allow",
                         (json_int_t)r->would_allow, "open", (json_int_t)r->open, "persons",
                         (json_int_t)json_object_size(r->persons), "groups", groups, "uses", r->uses));
}

static bool read_times(ctl *c, Vault__V1__SimulateRequest *out)
{
    const char *since = c->options[OPT_SINCE], *until = c->options[OPT_UNTIL];
    if (since && !(out->start_time = ctl_time(c->mem, since))) return false;
    return !until || (out->end_time = ctl_time(c->mem, until));
}

ctl_exit run_policy_simulate(ctl *c)
{
    Vault__V1__SimulateRequest request = VAULT__V1__SIMULATE_REQUEST__INIT;
    VAULT_CLEANUP(replay_clear) replay r = {0};
    draft_list drafts;
    int64_t most = option_number(c, OPT_LIMIT, GROUPS_SHOWN, INT32_MAX);
    if (most < 0) return usage_error(c, "--limit is not a number");
    if (!read_times(c, &request))
        return usage_error(c, "--since and --until are times (2026-11-22T08:00:00Z) or dates");
    ctl_exit end = drafts_read(c, c->count ? c->arguments[0] : NULL, &drafts);
    if (end == CTL_OK) end = replay_all(c, &r, &request, &drafts);
    if (end != CTL_OK) return end;
    if (c->options[OPT_JSON]) {
        print_replay_json(c, &r);
    } else {
        print_groups(c, &r, (size_t)most);
        print_summary(c, &r);
    }
    return r.would_refuse ? CTL_SOME_REFUSED : CTL_OK;
}

/* ---- lint ---- */

static void add_finding(json_t *to, const char *kind, const char *rule, const char *other, const char *text)
{
    json_array_append_new(to,
                          json_pack("{s:s, s:s, s:s, s:s}", "kind", kind, "rule", rule, "other", other, "text", text));
}

/* Of the whole log of these days, by the policy in force: a draft has no past. */
static ctl_exit add_unused(ctl *c, json_t *to, const Vault__V1__LintResponse *reply, int64_t days)
{
    Vault__V1__SimulateRequest request = VAULT__V1__SIMULATE_REQUEST__INIT;
    Google__Protobuf__Timestamp start = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    VAULT_CLEANUP(replay_clear) replay r = {0};
    const draft_list none = {0};
    start.seconds = (clock_now_us() - days * day_us) / 1000000;
    request.start_time = &start;
    ctl_exit end = replay_all(c, &r, &request, &none);
    for (size_t i = 0; end == CTL_OK && i < reply->n_rules; i++) {
        if (json_object_get(r.uses, reply->rules[i])) continue;
        const char *text = arena_format(c->mem, "nothing was granted by it in %lld days", (long long)days);
        if (!text) abort();
        add_finding(to, "unused", reply->rules[i], "", text);
    }
    return end;
}

static void print_findings(const ctl *c, json_t *found)
{
    static const char *const heads[] = {"KIND", "RULE", "OTHER", "WHAT"};
    table t = table_of(c->mem, 4, heads);
    size_t i;
    json_t *one;
    json_array_foreach(found, i, one) table_add(&t, (const char *const[]){text_of(one, "kind"), text_of(one, "rule"),
                                                                          text_of(one, "other"), text_of(one, "text")});
    if (t.rows > 1)
        table_print(&t);
    else
        puts("nothing found");
}

ctl_exit run_policy_lint(ctl *c)
{
    Vault__V1__LintRequest request = VAULT__V1__LINT_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    VAULT_CLEANUP(json_clear) json_t *found = json_array();
    draft_list drafts;
    int64_t days = option_number(c, OPT_DAYS, 0, DAYS_MOST);
    if (days < 0) return usage_error(c, "--days is a number up to %d", DAYS_MOST);
    ctl_exit end = drafts_read(c, c->count ? c->arguments[0] : NULL, &drafts);
    if (end != CTL_OK) return end;
    request.drafts = drafts.at;
    request.n_drafts = drafts.count;
    end = ctl_call(c, &x, "/vault.v1.Policies/Lint", &request.base, &vault__v1__lint_response__descriptor);
    if (end != CTL_OK) return drafts_explain(c, &drafts, end);
    const Vault__V1__LintResponse *reply = (const void *)x.reply;
    for (size_t i = 0; i < reply->n_findings; i++) {
        const Vault__V1__LintFinding *f = reply->findings[i];
        add_finding(found, f->kind, f->rule, f->other, f->text);
    }
    if (days) end = add_unused(c, found, reply, days);
    if (end != CTL_OK) return end;
    if (c->options[OPT_JSON])
        print_json(json_incref(found));
    else
        print_findings(c, found);
    return json_array_size(found) ? CTL_SOME_REFUSED : CTL_OK;
}

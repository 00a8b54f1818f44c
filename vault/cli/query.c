/* audit query: lines of the log by their conditions, counted, followed, or kept with their receipts. */
#include "vault/cli/query.h"

#include "vault/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_MAX = 1000, LIMIT = 100, LIMIT_MAX = 1000000, POLL_MEMORY = 64 << 20 };

/* ---- the question ---- */

static char *text_of(const ctl *c, option_id id)
{
    return lent(c->options[id] ? c->options[id] : "");
}

void query_of(ctl *c, Vault__V1__QueryRequest *out, Vault__V1__RequestContext *context)
{
    vault__v1__query_request__init(out);
    out->context = context;
    out->person = text_of(c, OPT_PERSON);
    out->resident_token = text_of(c, OPT_TOKEN);
    out->purpose = text_of(c, OPT_OF_PURPOSE);
}

static bool set_times(ctl *c, Vault__V1__QueryRequest *out)
{
    const char *since = c->options[OPT_SINCE], *until = c->options[OPT_UNTIL];
    if (since && !(out->start_time = ctl_time(c->mem, since))) return false;
    return !until || (out->end_time = ctl_time(c->mem, until));
}

ctl_exit query_request(ctl *c, Vault__V1__QueryRequest *out)
{
    query_of(c, out, NULL);
    out->app = text_of(c, OPT_APP);
    out->department = text_of(c, OPT_DEPARTMENT);
    out->field = text_of(c, OPT_FIELD);
    out->form = text_of(c, OPT_FORM);
    out->action = text_of(c, OPT_ACTION);
    out->outcome = text_of(c, OPT_OUTCOME);
    out->ticket = text_of(c, OPT_OF_TICKET);
    out->request_id = text_of(c, OPT_OF_REQUEST);
    if (!set_times(c, out)) return usage_error(c, "--since and --until are times (2026-11-22T08:00:00Z) or dates");
    return CTL_OK;
}

void query_progress(const ctl *c, const Vault__V1__QueryResponse *reply)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    if (!terminal && !c->options[OPT_PROGRESS]) return;
    bool done = reply->position >= reply->size;
    if (!done)
        fprintf(stderr, "%s%llu of %llu lines%s", terminal ? "\r\033[K" : "", (unsigned long long)reply->position,
                (unsigned long long)reply->size, terminal ? "" : "\n");
    else if (terminal)
        fputs("\r\033[K", stderr);
    (void)fflush(stderr);
}

void say_none_fits(const ctl *c, uint64_t size)
{
    const char *since = c->options[OPT_SINCE], *until = c->options[OPT_UNTIL];
    if (c->options[OPT_JSON] || c->options[OPT_CSV]) return;
    fprintf(stderr, "vaultctl: no line fits, of the %llu in the log", (unsigned long long)size);
    if (since) fprintf(stderr, ", from %s on", time_text(c->mem, ctl_time(c->mem, since)));
    if (until) fprintf(stderr, ", before %s", time_text(c->mem, ctl_time(c->mem, until)));
    fputc('\n', stderr);
}

/* ---- lines ---- */

static line_view view_of(ctl *c)
{
    static const char *const heads[] = {"LINE",   "TIME",    "ACTION", "OUTCOME", "APP",
                                        "PERSON", "PURPOSE", "FIELDS", "TICKET",  ""};
    return (line_view){.c = c,
                       .t = table_of(c->mem, sizeof heads / sizeof *heads, heads),
                       .receipts = c->options[OPT_RECEIPTS] ? json_array() : NULL};
}

static ctl_exit lines_page(ctl *c, line_view *v, Vault__V1__QueryRequest *request, paging *p)
{
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request->page_size = page_size(p, PAGE_MAX);
    request->page_token = lent(p->next);
    request->receipts = v->receipts != NULL;
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Audit/Query", &request->base, &vault__v1__query_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__QueryResponse *reply = (const void *)x.reply;
    query_progress(c, reply);
    v->size = reply->size;
    for (size_t i = 0; i < reply->n_lines && i < (size_t)p->left; i++) view_line(v, reply->lines[i], reply->checkpoint);
    page_done(c, p, reply->n_lines, reply->next_page_token);
    return CTL_OK;
}

static ctl_exit query_page(ctl *c, void *context, paging *p)
{
    Vault__V1__QueryRequest request;
    ctl_exit end = query_request(c, &request);
    return end == CTL_OK ? lines_page(c, context, &request, p) : end;
}

static ctl_exit show_lines(ctl *c)
{
    line_view v = view_of(c);
    ctl_exit end = ctl_pages(c, LIMIT, query_page, &v);
    ctl_exit kept = v.receipts ? receipts_save(c, OPT_RECEIPTS, v.receipts) : CTL_OK;
    if (end == CTL_OK && !v.begun) say_none_fits(c, v.size);
    view_end(&v);
    return end == CTL_OK ? kept : end;
}

/* ---- following ---- */

typedef struct following {
    line_view view;
    Vault__V1__QueryRequest request;
    int64_t left;
    char next[512]; /* page token */
} following;

/* What a poll leaves in memory goes with it: the log may be followed for days. */
static ctl_exit poll_once(ctl *c, following *f, bool *got)
{
    VAULT_CLEANUP(arena_free) arena *own = arena_new(POLL_MEMORY);
    arena *whole = c->mem;
    paging p = {.left = f->left, .next = f->next};
    if (!own) abort();
    c->mem = own;
    f->view.t = (table){.mem = own, .columns = f->view.t.columns};
    ctl_exit end = lines_page(c, &f->view, &f->request, &p);
    if (f->view.t.rows > 0) table_print(&f->view.t);
    (void)fflush(stdout);
    *got = p.left < f->left;
    f->left = p.left;
    if (end == CTL_OK) snprintf(f->next, sizeof f->next, "%s", p.next);
    c->mem = whole;
    return end;
}

/* Until --limit, or somebody ends it. Where the lines so far have been shown, it asks once a second. */
static ctl_exit follow(ctl *c)
{
    following f = {.view = view_of(c), .left = option_number(c, OPT_LIMIT, LIMIT_MAX, LIMIT_MAX)};
    bool got = true;
    if (f.left < 0) return usage_error(c, "--limit is a number up to 1,000,000");
    ctl_exit end = query_request(c, &f.request);
    f.request.follow = true;
    while (end == CTL_OK && f.left > 0) {
        end = poll_once(c, &f, &got);
        if (end == CTL_OK && !got) sleep(1);
    }
    f.view.t.rows = 0;
    view_end(&f.view);
    return end;
}

ctl_exit run_audit_query(ctl *c)
{
    const char *const *given = c->options;
    bool grouped = given[OPT_GROUP_BY] != NULL;
    if (given[OPT_JSON] && given[OPT_CSV]) return usage_error(c, "--json or --csv");
    if ((grouped || given[OPT_FOLLOW]) && given[OPT_RECEIPTS])
        return usage_error(c, "--receipts are of lines that stand: not with --group-by or --follow");
    if (grouped && given[OPT_FOLLOW]) return usage_error(c, "--group-by or --follow");
    if (grouped) return run_groups(c);
    return given[OPT_FOLLOW] ? follow(c) : show_lines(c);
}
